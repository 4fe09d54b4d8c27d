//! The engine under faults, in one process and by seed: killed at every journal write, with every
//! fault of the provider, and with each crash rule broken in turn.

mod adoption;
mod basic;
mod broken;
mod every_write;
mod gates;
mod limits;
mod moves;
mod random;
mod shapes;
mod support;
