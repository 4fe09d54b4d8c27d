//! Who changed what and when: what `mlinfra log` shows.

use std::collections::BTreeMap;
use std::fmt;

use mlinfra_api::{Address, Verb};
use serde::{Deserialize, Serialize};

use crate::journal::{ActionState, Goal, OperationEvent, OperationState};

/// One apply or destroy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// Counts from 1.
    pub number: u64,
    /// What for.
    pub goal: Goal,
    /// `user@host`.
    pub who: String,
    /// The command line.
    pub command: String,
    /// When it began: RFC 3339.
    pub started: String,
    /// When its end was recorded: RFC 3339.
    pub ended: Option<String>,
    /// Where it stands.
    pub state: OperationState,
    /// How it ended, if it ended by itself.
    pub outcome: Option<OperationEvent>,
    /// Its actions by number; those that were never begun nor blocked are not in it.
    pub actions: BTreeMap<u64, ActionSummary>,
}

/// One action, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionSummary {
    /// The resource.
    pub address: Address,
    /// What was done; none if it was never begun.
    pub verb: Option<Verb>,
    /// Where it stands.
    pub state: ActionState,
    /// Why it failed or is blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whoever applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The user's name.
    pub user: String,
    /// The host's name.
    pub host: String,
    /// What they do: `apply`, `op-17`.
    pub operation: String,
    /// Since when: RFC 3339.
    pub since: String,
}

impl OperationRecord {
    /// `op-17`.
    pub fn name(&self) -> String {
        operation_name(self.number)
    }
}

impl Holder {
    /// `user@host`.
    pub fn who(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}@{} ({}) since {}",
            self.user, self.host, self.operation, self.since
        )
    }
}

/// `op-17`.
pub fn operation_name(number: u64) -> String {
    format!("op-{number}")
}

/// 17 of `op-17`, or of `17`.
pub fn operation_number(name: &str) -> Option<u64> {
    name.strip_prefix("op-").unwrap_or(name).parse().ok()
}
