//! The contract between the language, the planner and every provider: values, addresses,
//! resources and the one `Provider` trait.
//!
//! Reading order: [`value`] and [`table`] say what data looks like, [`address`] how a thing is
//! named, [`resource`] what a provider is asked for, [`provider`] how it is asked.

pub mod address;
pub mod change;
pub mod condition;
pub mod digest;
pub mod fault;
pub mod provider;
pub mod quantity;
mod reads;
pub mod resource;
pub mod row;
pub mod secret;
pub mod snapshot;
pub mod table;
pub mod value;

pub use address::{Address, Name, Parts, Segment};
pub use change::{MADE_AS, StateChange};
pub use condition::{Condition, Figure, Verdict};
pub use digest::Digest;
pub use fault::Fault;
pub use provider::{
    Begun, Existing, Found, Listed, Lower, Observation, Portable, Price, Progress, Provider,
    Recovery, Refusal, Request, Verb, Wish,
};
pub use quantity::{Dimension, Quantity};
pub use reads::{Reads, Shape, Takes, shape};
pub use resource::{Resource, ResourceState, Token};
pub use row::{RowExpression, RowOperator, Scalar};
pub use secret::Secret;
pub use snapshot::{OpenCall, Snapshot};
pub use table::{Column, ColumnBase, ColumnType, TableType};
pub use value::{Reference, Value};
