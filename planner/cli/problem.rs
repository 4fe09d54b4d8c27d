//! Why a command could not do what was asked, and the exit code that goes with it.

use std::process::ExitCode;

use mlinfra_api::Fault;

use crate::workspace::Workspace;

/// How a command ended, as a script sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: findings, something failed or is blocked.
    Failed,
    /// 2: the spec or the call is wrong.
    Usage,
    /// 3: a bug of ours.
    Bug,
    /// 4: it could not start (locked, stale plan, busy address): trying again may help.
    NotStarted,
    /// 5: something would change, and the call asked to be told so.
    Changes,
}

impl Exit {
    /// The number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Bug => 3,
            Exit::NotStarted => 4,
            Exit::Changes => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.number())
    }
}

/// What is wrong, why it matters, what to do.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// The exit code.
    pub(crate) exit: Exit,
    /// Its code, which has a page; none for a call that is written wrong.
    pub(crate) code: Option<String>,
    /// What is wrong.
    pub(crate) title: String,
    /// More about it, a paragraph each.
    pub(crate) details: Vec<String>,
    /// What to do.
    pub(crate) help: Vec<String>,
}

impl Problem {
    /// A problem without details.
    pub(crate) fn new(exit: Exit, code: &str, title: impl Into<String>) -> Self {
        Problem {
            exit,
            code: Some(code.to_owned()),
            title: title.into(),
            details: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A call that is written wrong.
    pub(crate) fn usage(title: impl Into<String>) -> Self {
        Problem {
            code: None,
            ..Problem::new(Exit::Usage, "", title)
        }
    }

    /// The same problem with one more paragraph.
    #[must_use]
    pub(crate) fn detail(mut self, text: impl Into<String>) -> Self {
        self.details.push(text.into());
        self
    }

    /// The same problem, its commands such that they can be copied: whoever wrote them knew neither
    /// how this program was called nor for which spec.
    #[must_use]
    pub(crate) fn at(mut self, workspace: &Workspace) -> Self {
        for help in &mut self.help {
            *help = workspace.copyable(help);
        }
        self
    }

    /// The same problem with one more piece of advice.
    #[must_use]
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

/// Why a command ends before its end.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// Everything is said already.
    Shown(Exit),
    /// This is still to be said.
    Problem(Box<Problem>),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Stop::Problem(Box::new(problem))
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Problem::from(fault).into()
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused {
                code,
                message,
                help,
            } => Problem {
                help: help.into_iter().collect(),
                ..Problem::new(Exit::NotStarted, &code, message)
            },
            Fault::Failed {
                code,
                message,
                help,
                log,
            } => Problem {
                details: log,
                help: help.into_iter().collect(),
                ..Problem::new(Exit::Failed, &code, message)
            },
            Fault::Retry { message, .. } => {
                Problem::new(Exit::NotStarted, "E1009", "the provider can't answer now")
                    .detail(message)
                    .help("try again in a moment")
            }
            Fault::Lost { message } => {
                Problem::new(Exit::NotStarted, "E1009", "the provider's answer was lost")
                    .detail(message)
                    .help("try again in a moment")
            }
        }
    }
}
