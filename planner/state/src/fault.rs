//! Why a state can't be read, written or locked.

use std::fmt;

/// A fault of the state. Each has a code with a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFault {
    /// `E0702`.
    pub code: &'static str,
    /// What is wrong; stands alone.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether trying again later may succeed (exit code 4).
    pub busy: bool,
}

impl StateFault {
    /// A fault without help.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        StateFault {
            code,
            message: message.into(),
            help: None,
            busy: false,
        }
    }

    /// The same fault with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same fault, marked as one that may pass.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.busy = true;
        self
    }
}

impl fmt::Display for StateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl std::error::Error for StateFault {}

/// Not a database, or one cut short.
pub(crate) fn unreadable(detail: &str) -> StateFault {
    StateFault::new("E0701", format!("the state file can't be read: {detail}"))
        .with_help("put back `state.db` and `head` of the same backup; nothing was started")
}

/// The head names a record that the state file does not have.
pub(crate) fn cut(lost: u64) -> StateFault {
    let records = if lost == 1 { "record" } else { "records" };
    StateFault::new(
        "E0702",
        format!("the state file was cut short: {lost} {records} lost at its end"),
    )
    .with_help(
        "what the lost records describe may still be running; put back the newest `state.db`, \
         or see what is left with `mlinfra show`",
    )
}

/// A record's hash does not match.
pub(crate) fn changed(sequence: u64) -> StateFault {
    StateFault::new(
        "E0703",
        format!("record {sequence} of the state was changed after it was written"),
    )
    .with_help("put back `state.db` and `head` of the same backup; nothing was started")
}

/// No head, or no sense in it.
pub(crate) fn no_head(detail: &str) -> StateFault {
    StateFault::new(
        "E0704",
        format!(
            "the file `head` of the state {detail}, so nobody can tell whether records are lost"
        ),
    )
    .with_help("put back `head` from the same backup as `state.db`")
}

/// Something went wrong below us while writing.
pub(crate) fn not_written(detail: &str) -> StateFault {
    StateFault::new("E0712", format!("the state can't be written: {detail}")).with_help(
        "make room on the disk; then `mlinfra apply` goes on from the last record that was written",
    )
}
