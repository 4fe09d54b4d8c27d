//! Tabular models: how they are fitted to features, trained on candle, kept, judged and asked.
//!
//! No file, socket or clock reaches a result: the caller hands in Arrow tables and a keeper of
//! checkpoints ([`Checkpoints`]), and gets bytes back. Reading order: [`task`] says what is to be
//! trained, [`encoding`] how a row becomes numbers, [`training`] the loop, [`model`] what comes
//! out of it, [`judge`] how good and how fair that is, and what it rests on.
//!
//! Threads: candle takes the size of its thread pools from `RAYON_NUM_THREADS` at its first use,
//! so the process sets that variable from its bounds before anything else of this crate is called.
//! Training gives the same bits for any number of threads (a test compares them), because no sum
//! is ever split between threads.

pub mod checkpoint;
mod columns;
pub mod encoding;
pub mod fault;
pub mod fingerprint;
pub mod judge;
pub mod limits;
pub mod metrics;
pub mod model;
mod network;
mod optimizer;
pub mod stream;
pub mod task;
pub mod training;
mod weights;

pub use checkpoint::{Checkpoints, NoCheckpoints};
pub use encoding::Encoding;
pub use fault::LearnFault;
pub use fingerprint::fingerprint;
pub use judge::{EvaluateTask, FairnessTask, evaluate};
pub use model::Model;
pub use task::{Architecture, TrainTask};
pub use training::{Continue, Epoch, Trained, Validation, train};
