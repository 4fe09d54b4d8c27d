//! What can go wrong in a provider call, as far as the executor must tell cases apart.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a provider call did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The provider said no and did nothing; asking again will not help.
    Refused {
        /// A code with a page: `E0803`.
        code: String,
        /// What is wrong; stands alone.
        message: String,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        help: Option<String>,
    },
    /// The work was begun and failed: a step that ended with an error. `log` is its tail.
    Failed {
        /// A code with a page.
        code: String,
        /// What is wrong.
        message: String,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        help: Option<String>,
        /// The last lines of its log, without any cell or secret.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        log: Vec<String>,
    },
    /// Nothing was done; the same call may go through later.
    Retry {
        /// Why.
        message: String,
        /// How long to wait first, in milliseconds.
        after_milliseconds: u64,
    },
    /// Nobody knows whether the call took effect: the answer was lost.
    Lost {
        /// Why.
        message: String,
    },
}

impl Fault {
    /// A refusal without help.
    pub fn refused(code: &str, message: impl Into<String>) -> Self {
        Fault::Refused {
            code: code.into(),
            message: message.into(),
            help: None,
        }
    }

    /// A failure without help or log.
    pub fn failed(code: &str, message: impl Into<String>) -> Self {
        Fault::Failed {
            code: code.into(),
            message: message.into(),
            help: None,
            log: Vec::new(),
        }
    }

    /// The same fault with advice, where it can carry some.
    #[must_use]
    pub fn with_help(mut self, text: impl Into<String>) -> Self {
        if let Fault::Refused { help, .. } | Fault::Failed { help, .. } = &mut self {
            *help = Some(text.into());
        }
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Refused { code, message, .. } | Fault::Failed { code, message, .. } => {
                write!(f, "{message} [{code}]")
            }
            Fault::Retry { message, .. } => write!(f, "{message}; may go through later"),
            Fault::Lost { message } => write!(f, "the answer was lost: {message}"),
        }
    }
}

impl std::error::Error for Fault {}
