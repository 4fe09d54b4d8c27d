//! What a keeper is asked, and what it shows of its unit.

use mlinfra_runtime_spec::{ExitRecord, UnitPhase};

/// What a keeper is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// End the process; the folder stays.
    Cancel,
    /// End the process and leave: the agent stops.
    Leave,
    /// End the process soon and leave: the state folder is gone.
    Abandon,
    /// End the process and remove the folder.
    Remove,
    /// `unit.json` holds another release.
    Update,
    /// Start a service that was stopped or is in a crash loop.
    Start,
}

/// How a keeper ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its folder is removed.
    Removed,
    /// Its process has ended; a later agent goes on.
    Left,
}

/// What the agent knows of a unit beyond what the unit tells itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    /// Where it is.
    pub(crate) phase: UnitPhase,
    /// Process starts.
    pub(crate) attempt: u32,
    /// The process, while one runs.
    pub(crate) process: Option<u32>,
    /// What is wrong.
    pub(crate) problem: Option<String>,
    /// How it ended.
    pub(crate) exit: Option<ExitRecord>,
    /// Set when the keeper has ended.
    pub(crate) end: Option<End>,
}
