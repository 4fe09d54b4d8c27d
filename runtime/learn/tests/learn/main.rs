//! What holds of training, models and checkpoints, seen from outside.

mod determinism;
mod encodings;
mod files;
mod golden;
mod learning;
mod resume;
mod support;
mod tasks;
