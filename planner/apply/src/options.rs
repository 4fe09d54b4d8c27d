//! What apply is given besides the plan, and what it gives back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mlinfra_api::{Address, Fault, Provider};
use mlinfra_plan::{Answer, JudgedGate, Question};
use mlinfra_state::{Goal, Holder, Rule, StateFault};

use crate::event::BlockReason;

/// The providers by name.
#[derive(Clone, Default)]
pub struct Providers(pub BTreeMap<String, Arc<dyn Provider>>);

/// How an operation runs.
#[derive(Clone)]
pub struct Options {
    /// The most provider calls under way at once. Accepted work does not count.
    pub parallel: usize,
    /// Who applies.
    pub holder: Holder,
    /// The command line, without the values of parameters.
    pub command: String,
    /// What for.
    pub goal: Goal,
    /// The time, for the log.
    pub now: fn() -> Moment,
    /// Asks facts again just before the action that rests on them.
    pub recheck: Option<Arc<dyn Recheck>>,
    /// After so long with nothing but accepted work left, the lock is freed until some of it ends.
    /// None: it is held to the end, so that a second command is told who has it.
    pub free_lock_after: Option<Duration>,
    /// Whether to come back as soon as only accepted work is left that nothing waits for, and to
    /// leave it running: `--detach`.
    pub detach: bool,
    /// Who makes the calls.
    pub schedule: Schedule,
    /// How long to wait for what.
    pub timings: Timings,
    /// A crash rule to break: for the tests of the tests.
    pub broken: Option<Rule>,
}

/// The time, as text for people and as a number for one host's own use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339, UTC.
    pub text: String,
    /// Seconds since 1970.
    pub seconds: u64,
}

/// Who makes the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Threads, as many as calls may be under way.
    Threads,
    /// The calling thread, one call after the other, in an order drawn from this seed, with a clock
    /// that jumps: the same seed gives the same journal.
    Stepped {
        /// The seed.
        seed: u64,
    },
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// Between the first polls of accepted work.
    pub poll_first: Duration,
    /// Between later polls; the pause grows by half each time.
    pub poll_last: Duration,
    /// Before the first retry; doubles each time.
    pub retry_first: Duration,
    /// The longest pause before a retry.
    pub retry_last: Duration,
    /// Retries of one call.
    pub retries_max: u32,
    /// Polls in a row without an answer before the work is left to itself.
    pub silent_polls_max: u32,
}

impl Default for Timings {
    fn default() -> Self {
        Timings {
            poll_first: Duration::from_millis(25),
            poll_last: Duration::from_millis(500),
            retry_first: Duration::from_millis(100),
            retry_last: Duration::from_secs(10),
            retries_max: 8,
            silent_polls_max: 120,
        }
    }
}

/// Asks facts again. The command line implements it as it answers questions.
pub trait Recheck: Send + Sync {
    /// Whether the answer is still the same, as far as an action rests on it.
    fn still(&self, question: &Question, answer: &Answer) -> bool;
}

/// How an operation went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// `op-17`; none if there was nothing to do.
    pub operation: Option<String>,
    /// Actions done.
    pub done: Vec<Address>,
    /// Actions that failed or are stuck, and why.
    pub failed: Vec<(Address, Fault)>,
    /// Actions that could not be begun, and why.
    pub blocked: Vec<(Address, BlockReason)>,
    /// The gates that were judged, and those that are known not to hold.
    pub gates: Vec<JudgedGate>,
    /// What was not even planned to be begun, and the step whose gate forbids it: what stands there
    /// stays.
    pub held: Vec<(Address, Address)>,
    /// What goes on without us: `attach`, or the next apply, follows it.
    pub left: Vec<Address>,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

impl Summary {
    /// Whether everything that is wanted is done, and holds what is required of it.
    pub fn is_ok(&self) -> bool {
        self.failed.is_empty()
            && self.blocked.is_empty()
            && self.failing_gates().next().is_none()
            && !self.interrupted
    }

    /// The gates that do not hold.
    pub fn failing_gates(&self) -> impl Iterator<Item = &JudgedGate> {
        self.gates.iter().filter(|gate| gate.fails())
    }
}

/// Why an operation could not start, or go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyFault {
    /// `E0714`.
    pub code: String,
    /// What is wrong; stands alone.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether trying again may succeed (exit code 4).
    pub busy: bool,
}

impl Providers {
    /// The provider of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.0.get(name)
    }
}

impl FromIterator<Arc<dyn Provider>> for Providers {
    fn from_iter<I: IntoIterator<Item = Arc<dyn Provider>>>(providers: I) -> Self {
        let named = |provider: Arc<dyn Provider>| (provider.name().to_owned(), provider);
        Providers(providers.into_iter().map(named).collect())
    }
}

impl Options {
    /// The usual options for this person and command line.
    pub fn new(holder: Holder, command: impl Into<String>) -> Self {
        Options {
            parallel: 10,
            holder,
            command: command.into(),
            goal: Goal::Apply,
            now,
            recheck: None,
            free_lock_after: None,
            detach: false,
            schedule: Schedule::Threads,
            timings: Timings::default(),
            broken: None,
        }
    }
}

impl ApplyFault {
    pub(crate) fn new(code: &str, message: impl Into<String>, help: &str) -> Self {
        ApplyFault {
            code: code.to_owned(),
            message: message.into(),
            help: Some(help.to_owned()),
            busy: false,
        }
    }
}

impl From<StateFault> for ApplyFault {
    fn from(fault: StateFault) -> Self {
        ApplyFault {
            code: fault.code.to_owned(),
            message: fault.message,
            help: fault.help,
            busy: fault.busy,
        }
    }
}

impl fmt::Display for ApplyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl std::error::Error for ApplyFault {}

/// The time of the system's clock.
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    Moment {
        text: rfc3339(seconds),
        seconds,
    }
}

/// RFC 3339 in UTC, by the proleptic Gregorian calendar.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut day) = (1970, days);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if day < length {
            break;
        }
        day -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
        day + 1,
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    )
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_time() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_735_689_599), "2024-12-31T23:59:59Z");
    }
}
