//! What can go wrong here, each with a code that has a page.

use std::fmt;

/// Why something could not be learned, read or judged. Names columns and row numbers, never a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearnFault {
    /// A code with a page: `E0657`.
    pub code: &'static str,
    /// What is wrong and why it matters.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// A setting can't be used.
pub const SETTING: &str = "E0650";
/// A feature is of a type that a tabular model can't learn from.
pub const FEATURE_TYPE: &str = "E0651";
/// The data lacks a column, or it has another type there.
pub const COLUMN: &str = "E0652";
/// A cell is missing or not a finite number where it must be one.
pub const CELL: &str = "E0653";
/// The label can't be learned.
pub const LABEL: &str = "E0654";
/// There is nothing to learn from.
pub const EMPTY: &str = "E0655";
/// The model or its input would pass a limit.
pub const SIZE: &str = "E0656";
/// The loss is not a number any more.
pub const DIVERGED: &str = "E0657";
/// A weight would never be trained.
pub const NO_GRADIENT: &str = "E0658";
/// Checkpoints can't be kept.
pub const CHECKPOINT: &str = "E0659";
/// A model file can't be read.
pub const MODEL: &str = "E0660";
/// A model can't be judged on this data.
pub const EVALUATION: &str = "E0661";
/// A computation failed.
pub const COMPUTE: &str = "E0662";
/// The training was asked to stop, and did.
pub const STOPPED: &str = "E0669";

/// All codes of this crate, in order.
pub const CODES: &[&str] = &[
    SETTING,
    FEATURE_TYPE,
    COLUMN,
    CELL,
    LABEL,
    EMPTY,
    SIZE,
    DIVERGED,
    NO_GRADIENT,
    CHECKPOINT,
    MODEL,
    EVALUATION,
    COMPUTE,
    STOPPED,
];

impl LearnFault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        LearnFault {
            code,
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether this is no error but the answer to [`crate::Continue::Stop`].
    pub fn is_stop(&self) -> bool {
        self.code == STOPPED
    }
}

impl fmt::Display for LearnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.help {
            Some(help) => write!(f, " {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LearnFault {}

impl From<candle_core::Error> for LearnFault {
    fn from(error: candle_core::Error) -> Self {
        // Candle's errors speak of shapes and devices, never of values.
        LearnFault::new(COMPUTE, format!("the computation failed: {error}"))
            .help("Train a smaller model, or give the pool more memory.")
    }
}
