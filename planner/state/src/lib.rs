//! The journal, what it adds up to, and the lock: all that survives.
//!
//! Reading order: [`journal`] says what is recorded and which life cycles hold, [`replay`] what the
//! records add up to, [`store`] how they are kept.

mod crash_point;
mod create;
mod disk;
mod fault;
pub mod format;
pub mod integrity;
pub mod journal;
mod lock;
mod operations;
mod place;
pub mod replay;
mod rules;
mod secret;
pub mod store;
mod verify;

pub use disk::Memory;
pub use fault::StateFault;
pub use journal::{
    ActionEvent, ActionState, Goal, OperationEvent, OperationState, Record, Started,
};
pub use lock::Lock;
pub use operations::{ActionSummary, Holder, OperationRecord, operation_name, operation_number};
pub use replay::{Call, Replayed};
pub use rules::Rule;
pub use store::{Store, WriteFault};
