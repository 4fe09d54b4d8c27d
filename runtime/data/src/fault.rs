//! Why a step, or the reading of its result, failed.

use std::fmt;

use crate::codes;

/// A fault with its code. Holds names of files, columns and objects, never a cell or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFault {
    /// A code with a page: `E0602`.
    pub code: String,
    /// What is wrong; stands alone.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl StepFault {
    /// A fault without advice.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        StepFault {
            code: code.into(),
            message: message.into(),
            help: None,
        }
    }

    /// The same fault with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The step's description can't be carried out: planner and runtime do not fit together.
    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        StepFault::new(codes::STEP_UNKNOWN, message)
            .with_help("use the mlinfra and mlinfra-runtime of one version")
    }

    /// Something that can't happen did: a fault of ours.
    pub(crate) fn engine(message: impl Into<String>) -> Self {
        StepFault::new(codes::ENGINE, message)
            .with_help("this is a fault of mlinfra: report it with the spec that shows it")
    }
}

impl fmt::Display for StepFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl std::error::Error for StepFault {}
