//! What the journal records, and the life cycles of an action and of an operation.

use std::collections::BTreeMap;
use std::fmt;

use mlinfra_api::{Address, Fault, Resource, StateChange, Token, Value, Verb};
use serde::{Deserialize, Serialize};

use crate::replay::Replayed;

/// One record. Records are appended, never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The first record of every state: what it is the state of.
    Created {
        /// See [`crate::format::FORMAT`].
        format: u32,
        /// See [`mlinfra_api::Snapshot::lineage`].
        lineage: String,
        /// The project.
        project: String,
        /// The environment.
        environment: String,
    },
    /// Somebody began to apply or to destroy.
    OperationStarted {
        /// Its number: counts from 1.
        operation: u64,
        /// What for.
        goal: Goal,
        /// `user@host`.
        who: String,
        /// The command line, without the values of parameters.
        command: String,
        /// When, for people: RFC 3339.
        at: String,
    },
    /// What happened to an operation.
    Operation {
        /// Its number.
        operation: u64,
        /// When, for people: RFC 3339.
        at: String,
        /// What.
        event: OperationEvent,
    },
    /// What happened to an action.
    Action {
        /// The operation that the action belongs to, which need not be the one that records this.
        operation: u64,
        /// Its number in that operation.
        number: u64,
        /// The resource.
        address: Address,
        /// What.
        event: ActionEvent,
    },
    /// A person decided a call that nothing could prove.
    Decided {
        /// The call.
        token: Token,
        /// What stands for it: the provider's name of the thing, or none if nothing does.
        adopted: Option<String>,
        /// Who decided: `user@host`.
        who: String,
    },
    /// An operation changed what the state alone says: nothing was called for it.
    Changed {
        /// The operation.
        operation: u64,
        /// What changed.
        change: StateChange,
    },
    /// All that the records before this one add up to, so that replay may begin here.
    Checkpoint {
        /// That.
        state: Box<Replayed>,
    },
}

/// What an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Make the world what the spec says.
    Apply,
    /// Remove everything.
    Destroy,
}

/// Where an action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// Nothing was begun.
    Pending,
    /// The intent is on disk; the call may or may not have been made.
    Begun,
    /// The provider accepted; the work goes on without us.
    Running,
    /// The call was made, perhaps, and nobody knows whether it took effect.
    InDoubt,
    /// It succeeded.
    Done,
    /// It was refused, or failed.
    Failed,
    /// It was stopped because somebody asked for it.
    Cancelled,
    /// It could not be begun.
    Blocked,
    /// In doubt for ever: a person must decide.
    Stuck,
}

/// What happens to an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionEvent {
    /// The call is about to be made.
    Started(Box<Started>),
    /// It can't be begun, and why.
    Blocked {
        /// Completes "because".
        reason: String,
    },
    /// The provider took it on.
    Accepted {
        /// The provider's name for the thing.
        handle: String,
    },
    /// It is done.
    Succeeded {
        /// The provider's name for the thing, if it was not told on acceptance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handle: Option<String>,
        /// What the provider computed.
        outputs: BTreeMap<String, Value>,
    },
    /// It was refused, or failed.
    Failed {
        /// Why.
        fault: Fault,
    },
    /// The answer was lost, or its executor died before it came.
    Lost {
        /// Why.
        reason: String,
    },
    /// The doubtful call did take effect.
    Found {
        /// The provider's name for the thing.
        handle: String,
    },
    /// The doubtful call did not and never will take effect.
    ProvedAbsent,
    /// Nothing can tell whether the doubtful call took effect.
    Unprovable {
        /// Why.
        reason: String,
    },
    /// It ended because it was asked to stop.
    Cancelled,
}

/// The intent: everything that is needed to make the same call again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Names the call.
    pub token: Token,
    /// SHA-256 of the request, hex: the same token never carries another request.
    pub request: String,
    /// What is done.
    pub verb: Verb,
    /// How many times something was begun at the address, this call included.
    pub incarnation: u64,
    /// What is sent; no reference is left in it.
    pub resource: Resource,
    /// See [`mlinfra_api::Request::prior`]: the incarnation of what it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<u64>,
    /// For `Create`: what stands at the address stays, deposed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deposes: bool,
    /// When, in seconds since 1970 by the clock of the operation's host. Only this same host
    /// compares it with anything.
    #[serde(default)]
    pub at_seconds: u64,
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Its executor holds the lock.
    Running,
    /// Only accepted work is left; the lock is free.
    Waiting,
    /// It came to its end.
    Ended,
    /// Its executor died, or left.
    Interrupted,
}

/// What happens to an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationEvent {
    /// Nothing but accepted work is left.
    OnlyAcceptedLeft,
    /// Somebody follows that work again.
    Resumed,
    /// It came to its end.
    Ended {
        /// Actions done.
        ok: u64,
        /// Actions that failed, or are stuck.
        failed: u64,
        /// Actions that could not be begun.
        blocked: u64,
    },
    /// The next holder of the lock found no living executor.
    Interrupted,
}

/// The event can't happen in this state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Illegal {
    /// The state.
    pub state: &'static str,
    /// The event.
    pub event: &'static str,
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` can't follow `{}`", self.event, self.state)
    }
}

impl Record {
    /// What it records, in a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Record::Created { .. } => "created",
            Record::OperationStarted { .. } => "operation started",
            Record::Operation { event, .. } => event.word(),
            Record::Action { event, .. } => event.word(),
            Record::Decided { .. } => "decided",
            Record::Changed { .. } => "changed",
            Record::Checkpoint { .. } => "checkpoint",
        }
    }
}

impl ActionState {
    /// The only place where an action's state changes.
    ///
    /// # Errors
    /// Every pair that is not listed here.
    pub fn next(self, event: &ActionEvent) -> Result<ActionState, Illegal> {
        use ActionEvent as E;
        use ActionState as S;
        match (self, event) {
            (S::Pending, E::Started(_)) => Ok(S::Begun),
            (S::Pending, E::Blocked { .. }) => Ok(S::Blocked),
            (S::Begun, E::Accepted { .. }) => Ok(S::Running),
            (
                S::Begun,
                E::Succeeded {
                    handle: Some(_), ..
                },
            ) => Ok(S::Done),
            (S::Begun, E::Failed { .. }) => Ok(S::Failed),
            (S::Begun, E::Lost { .. }) => Ok(S::InDoubt),
            (S::Running, E::Succeeded { handle: None, .. }) => Ok(S::Done),
            (S::Running, E::Failed { .. }) => Ok(S::Failed),
            (S::Running, E::Cancelled) => Ok(S::Cancelled),
            (S::InDoubt, E::Found { .. }) => Ok(S::Running),
            (S::InDoubt, E::ProvedAbsent) => Ok(S::Pending),
            (S::InDoubt, E::Unprovable { .. }) => Ok(S::Stuck),
            _ => Err(Illegal {
                state: self.word(),
                event: event.word(),
            }),
        }
    }

    /// Whether nothing can follow.
    pub fn is_end(self) -> bool {
        matches!(
            self,
            ActionState::Done
                | ActionState::Failed
                | ActionState::Cancelled
                | ActionState::Blocked
                | ActionState::Stuck
        )
    }

    /// One word for people.
    pub fn word(self) -> &'static str {
        match self {
            ActionState::Pending => "pending",
            ActionState::Begun => "begun",
            ActionState::Running => "running",
            ActionState::InDoubt => "in doubt",
            ActionState::Done => "done",
            ActionState::Failed => "failed",
            ActionState::Cancelled => "cancelled",
            ActionState::Blocked => "blocked",
            ActionState::Stuck => "stuck",
        }
    }
}

impl ActionEvent {
    /// One word for people.
    pub fn word(&self) -> &'static str {
        match self {
            ActionEvent::Started(_) => "started",
            ActionEvent::Blocked { .. } => "blocked",
            ActionEvent::Accepted { .. } => "accepted",
            ActionEvent::Succeeded { .. } => "succeeded",
            ActionEvent::Failed { .. } => "failed",
            ActionEvent::Lost { .. } => "lost",
            ActionEvent::Found { .. } => "found",
            ActionEvent::ProvedAbsent => "proved absent",
            ActionEvent::Unprovable { .. } => "unprovable",
            ActionEvent::Cancelled => "cancelled",
        }
    }
}

impl OperationState {
    /// The only place where an operation's state changes.
    ///
    /// # Errors
    /// Every pair that is not listed here.
    pub fn next(self, event: &OperationEvent) -> Result<OperationState, Illegal> {
        use OperationEvent as E;
        use OperationState as S;
        match (self, event) {
            (S::Running, E::OnlyAcceptedLeft) => Ok(S::Waiting),
            (S::Waiting, E::Resumed) => Ok(S::Running),
            (S::Running | S::Waiting, E::Ended { .. }) => Ok(S::Ended),
            (S::Running | S::Waiting, E::Interrupted) => Ok(S::Interrupted),
            _ => Err(Illegal {
                state: self.word(),
                event: event.word(),
            }),
        }
    }

    /// Whether nothing can follow.
    pub fn is_end(self) -> bool {
        matches!(self, OperationState::Ended | OperationState::Interrupted)
    }

    /// One word for people.
    pub fn word(self) -> &'static str {
        match self {
            OperationState::Running => "running",
            OperationState::Waiting => "waiting",
            OperationState::Ended => "ended",
            OperationState::Interrupted => "interrupted",
        }
    }
}

impl OperationEvent {
    /// One word for people.
    pub fn word(&self) -> &'static str {
        match self {
            OperationEvent::OnlyAcceptedLeft => "only accepted left",
            OperationEvent::Resumed => "resumed",
            OperationEvent::Ended { .. } => "ended",
            OperationEvent::Interrupted => "interrupted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action_events() -> Vec<ActionEvent> {
        let resource = Resource {
            address: Address::new("thing", "a"),
            resource_type: "thing".into(),
            provider: "sim".into(),
            properties: BTreeMap::new(),
            identity: None,
            replaces: Default::default(),
            depends_on: Default::default(),
            create_first: false,
            holds_data: false,
            summary: String::new(),
            details: Vec::new(),
            needed: true,
            made_as: None,
            target: None,
        };
        let text = || "x".to_owned();
        let outputs = BTreeMap::new;
        vec![
            ActionEvent::Started(Box::new(Started {
                token: Token(text()),
                request: text(),
                verb: Verb::Create,
                incarnation: 1,
                resource,
                prior: None,
                deposes: false,
                at_seconds: 0,
            })),
            ActionEvent::Blocked { reason: text() },
            ActionEvent::Accepted { handle: text() },
            ActionEvent::Succeeded {
                handle: Some(text()),
                outputs: outputs(),
            },
            ActionEvent::Succeeded {
                handle: None,
                outputs: outputs(),
            },
            ActionEvent::Failed {
                fault: Fault::refused("E0000", "no"),
            },
            ActionEvent::Lost { reason: text() },
            ActionEvent::Found { handle: text() },
            ActionEvent::ProvedAbsent,
            ActionEvent::Unprovable { reason: text() },
            ActionEvent::Cancelled,
        ]
    }

    /// The table of ARCHITECTURE.md, written out: a row for each state, a column for each event in
    /// the order of `action_events`.
    #[test]
    fn an_action_moves_as_the_table_says() {
        use ActionState as S;
        let no = None;
        #[rustfmt::skip]
        let table = [
            (S::Pending, [Some(S::Begun), Some(S::Blocked), no, no, no, no, no, no, no, no, no]),
            (S::Begun, [no, no, Some(S::Running), Some(S::Done), no, Some(S::Failed),
                Some(S::InDoubt), no, no, no, no]),
            (S::Running, [no, no, no, no, Some(S::Done), Some(S::Failed), no, no, no, no,
                Some(S::Cancelled)]),
            (S::InDoubt, [no, no, no, no, no, no, no, Some(S::Running), Some(S::Pending),
                Some(S::Stuck), no]),
            (S::Done, [no; 11]),
            (S::Failed, [no; 11]),
            (S::Cancelled, [no; 11]),
            (S::Blocked, [no; 11]),
            (S::Stuck, [no; 11]),
        ];
        let mut pairs = 0;
        for (state, row) in table {
            for (event, wanted) in action_events().iter().zip(row) {
                assert_eq!(state.next(event).ok(), wanted, "{state:?} {}", event.word());
                pairs += 1;
            }
            assert_eq!(state.is_end(), row.iter().all(Option::is_none));
        }
        assert_eq!(pairs, 99);
    }

    #[test]
    fn an_operation_moves_as_the_table_says() {
        use OperationState as S;
        let events = [
            OperationEvent::OnlyAcceptedLeft,
            OperationEvent::Resumed,
            OperationEvent::Ended {
                ok: 0,
                failed: 0,
                blocked: 0,
            },
            OperationEvent::Interrupted,
        ];
        let (end, cut) = (Some(S::Ended), Some(S::Interrupted));
        let table = [
            (S::Running, [Some(S::Waiting), None, end, cut]),
            (S::Waiting, [None, Some(S::Running), end, cut]),
            (S::Ended, [None; 4]),
            (S::Interrupted, [None; 4]),
        ];
        for (state, row) in table {
            for (event, wanted) in events.iter().zip(row) {
                assert_eq!(state.next(event).ok(), wanted, "{state:?} {}", event.word());
            }
            assert_eq!(state.is_end(), row.iter().all(Option::is_none));
        }
    }
}
