//! What the agent answers besides statuses: its errors and pieces of a log.

use serde::{Deserialize, Serialize};

/// The body of every answer that is not a success.
///
/// | status | meaning |
/// |---|---|
/// | 400, 413 | the request is malformed, or for another protocol or state |
/// | 404 | no unit has this token |
/// | 409 | the token names another unit |
/// | 429 | the agent keeps as many units as it may |
/// | 500 | the state folder can't be used |
/// | 503 | the agent is stopping or the unit is being removed: ask again later |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentError {
    /// A code with a page.
    pub code: String,
    /// What is wrong and why it matters.
    pub message: String,
    /// What to do.
    #[serde(default)]
    pub help: Option<String>,
}

/// The body of `GET /units/{token}/log?offset=N`: a piece of the log from byte `N` on. Offsets
/// count from the unit's first byte ever and stay valid when the log is rotated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogChunk {
    /// Where the text begins: later than what was asked for if that part is rotated away.
    pub offset: u64,
    /// Where to ask next.
    pub next: u64,
    /// Whole lines, as long as there is a line's end in reach.
    pub text: String,
}
