//! A state on the disk: what is kept, what is refused, and what happens to one that is damaged.

mod compaction;
mod corruption;
mod hazards;
mod support;
mod together;
