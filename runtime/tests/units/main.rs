//! The agent and its units as real processes, seen from outside.

mod agent;
mod bed;
mod steps;
