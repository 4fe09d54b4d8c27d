//! What holds of training, models and checkpoints, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]

mod determinism;
mod encodings;
mod explaining;
mod fairness;
mod files;
mod golden;
mod judging;
mod learning;
mod resume;
mod support;
mod tasks;
