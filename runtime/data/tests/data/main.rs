//! The data crate seen from outside: stores, steps and the replay of rows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod expressions;
mod golden;
mod ingest;
mod joins;
mod pipeline;
mod random;
mod splits;
mod steps;
mod stores;
mod support;
