//! What the agent and its units refuse, with codes that have pages.

use std::fmt;
use std::io;
use std::path::Path;

use mlinfra_runtime_spec::{AgentError, ExitRecord};

/// Another agent serves this state folder.
pub const AGENT_RUNS: &str = "E0801";
/// The socket can't be served privately.
pub const SOCKET: &str = "E0802";
/// The two programs speak different protocols.
pub const PROTOCOL_DIFFERS: &str = "E0803";
/// The token names another unit already.
pub const TOKEN_TAKEN: &str = "E0804";
/// The request can't be read, or is above a limit.
pub const REQUEST: &str = "E0805";
/// There is no such unit.
pub const NO_UNIT: &str = "E0806";
/// The agent keeps as many units as it may.
pub const TOO_MANY: &str = "E0807";
/// The request belongs to another state.
pub const LINEAGE: &str = "E0808";
/// The state folder can't be read or written.
pub const FOLDER: &str = "E0809";
/// The agent or the unit is on its way out: ask again later.
pub const LEAVING: &str = "E0810";
/// The unit's process can't be started.
pub const START: &str = "E0811";
/// A bound of the unit can't be kept on this host.
pub const BOUNDS: &str = "E0812";
/// The job's process was killed in every attempt.
pub const KILLED: &str = "E0813";
/// The service died too often.
pub const CRASH_LOOP: &str = "E0814";
/// The step is not one that this runtime can run.
pub const STEP: &str = "E0852";
/// An input of the step is not as the step needs it.
pub const INPUT: &str = "E0853";
/// The runtime itself is at fault.
pub const PANIC: &str = "E0854";
/// The program that a job runs ended with an error.
pub const PROGRAM: &str = "E0855";
/// The unit went above its memory bound.
pub const MEMORY: &str = "E0851";

/// All codes of the agent and its units, in order.
pub const CODES: &[&str] = &[
    AGENT_RUNS,
    SOCKET,
    PROTOCOL_DIFFERS,
    TOKEN_TAKEN,
    REQUEST,
    NO_UNIT,
    TOO_MANY,
    LINEAGE,
    FOLDER,
    LEAVING,
    START,
    BOUNDS,
    KILLED,
    CRASH_LOOP,
    STEP,
    INPUT,
    PANIC,
    PROGRAM,
    MEMORY,
];

/// A refusal. No cell and no secret is ever in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A code with a page.
    pub code: &'static str,
    /// What is wrong and why it matters.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Fault {
    /// A refusal without advice.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Fault {
            code,
            message: message.into(),
            help: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// A file or folder of the state that can't be used.
    pub fn folder(path: &Path, error: &io::Error) -> Self {
        let why = error.kind();
        Fault::new(FOLDER, format!("`{}` can't be used: {why}", path.display())).help(
            "Make the state folder writable for the user who runs mlinfra, and see that its disk \
             is not full.",
        )
    }

    /// As the record of a job's end.
    pub fn record(&self) -> ExitRecord {
        ExitRecord::Failed {
            code: self.code.to_owned(),
            message: self.message.clone(),
            help: self.help.clone(),
        }
    }

    /// As the body of an answer.
    pub fn body(&self) -> AgentError {
        AgentError {
            code: self.code.to_owned(),
            message: self.message.clone(),
            help: self.help.clone(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl std::error::Error for Fault {}
