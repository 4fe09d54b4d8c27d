//! Plan → world, so that it may be killed at any instant: executor, recovery, cancelling, events.
//!
//! Reading order: [`apply`] is the whole; `flight` is one call from its intent to its end,
//! `executor` the order in which calls are made, `hands` who makes them.

mod adopt;
mod attach;
mod engine;
mod event;
mod executor;
mod facts;
mod finish;
mod flight;
mod hands;
mod interrupt;
mod judge;
mod log;
mod options;
mod recover;

pub use attach::attach;
pub use event::{BlockReason, Event, Queued, Recovered};
pub use executor::apply;
pub use finish::{Recorded, finish};
pub use interrupt::Interrupt;
pub use log::read_events;
pub use options::{
    ApplyFault, Moment, Options, Providers, Recheck, Schedule, Summary, Timings, now,
};
pub use recover::recover;
