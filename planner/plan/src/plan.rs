//! The plan: what will be done, in which order, and why. This is also the saved file's content.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Resource, StateChange, Value, Verb};
use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::gate::JudgedGate;
use crate::question::{Answer, Question};

/// The format of the saved plan and of `plan --json`. Older ones are read too; 2 added changes of
/// the state alone, what a plan was made with, and values with holes.
pub const PLAN_FORMAT: u32 = 2;

/// A plan. The same program, snapshot and answers give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_FORMAT`].
    pub format: u32,
    /// The project's name.
    pub project: String,
    /// The state that it was made for: refused when either moved.
    pub lineage: String,
    /// See [`mlinfra_api::Snapshot::serial`].
    pub serial: u64,
    /// What it was made with.
    #[serde(default)]
    pub made_with: MadeWith,
    /// What apply does. An action's place in this list is its number; `after` names earlier ones
    /// only, so the list is in a right order as it stands.
    pub actions: Vec<Action>,
    /// What the state alone changes by, in this order, before the first action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<StateChange>,
    /// What people are shown, one entry a resource, in the order of the spec.
    pub changes: Vec<Change>,
    /// Steps whose result stays as it is while something else changes.
    pub kept: Vec<Address>,
    /// Findings that block apply, and warnings.
    pub findings: Vec<PlanFinding>,
    /// News that changes nothing: the agent is not running, a run is under way.
    pub notices: Vec<String>,
    /// The answers that the actions rest on; each is asked again just before its action.
    pub facts: Vec<(Question, Answer)>,
    /// What results must hold, and how that stands now. The executor judges those that are open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<JudgedGate>,
    /// What all of it costs; none where nothing is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// Digests of what a plan is made with beside the spec and its files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeWith {
    /// Of the standard library, hex.
    pub library: String,
    /// Of the catalog of machines and prices, hex.
    pub catalog: String,
}

impl MadeWith {
    /// What this build has.
    pub fn this_build() -> Self {
        MadeWith {
            library: mlinfra_check::stdlib::digest(),
            catalog: crate::catalog::digest().to_string(),
        }
    }
}

/// One provider call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The resource.
    pub address: Address,
    /// What is done.
    pub verb: Verb,
    /// What is sent: the wanted resource, or for `Delete` the one last recorded.
    pub resource: Resource,
    /// The numbers of the actions that must be done first.
    pub after: BTreeSet<usize>,
    /// For `Delete`: this incarnation, which a newer one has replaced or will replace; none deletes
    /// what stands at the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<u64>,
    /// For `Create`: what stands at the address stays, deposed, until its own `Delete`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deposes: bool,
}

/// What happens to one resource, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The resource.
    pub address: Address,
    /// What happens.
    pub kind: ChangeKind,
    /// Why, most important first; never empty.
    pub reasons: Vec<Reason>,
    /// What the resource will be, in a few words: `folder, sealed with key.vault`.
    pub summary: String,
    /// More, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// The step whose gate does not hold: the change is wanted and not made, and what stands at
    /// the address stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<Address>,
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// `+`
    Create,
    /// `~` changed in place, or put right.
    Update,
    /// `±` made anew before the old one goes.
    CreateThenDelete,
    /// `∓` the old one goes first.
    DeleteThenCreate,
    /// `-`
    Delete,
    /// `▶` a step runs.
    Run,
    /// `=` a step's result is there already: it is recorded, nothing runs.
    Reuse,
    /// `→` it is called otherwise; nothing is done to it.
    Move,
    /// `←` it stays where it is and is no longer of this state.
    Forget,
    /// `◂` it was there already and is of this state from now on.
    Adopt,
}

impl ChangeKind {
    /// The sign that stands before it in a plan.
    pub fn symbol(self) -> &'static str {
        match self {
            ChangeKind::Create => "+",
            ChangeKind::Update => "~",
            ChangeKind::CreateThenDelete => "±",
            ChangeKind::DeleteThenCreate => "∓",
            ChangeKind::Delete => "-",
            ChangeKind::Run => "▶",
            ChangeKind::Reuse => "=",
            ChangeKind::Move => "→",
            ChangeKind::Forget => "←",
            ChangeKind::Adopt => "◂",
        }
    }
}

/// Why something happens. For people alone: nothing decides by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Reason {
    /// It was never made.
    New,
    /// A property differs from what was last applied. `before` or `after` is none where the
    /// property was or is absent.
    Changed {
        /// Dotted: `settings.epochs`.
        property: String,
        /// As last applied.
        before: Option<Value>,
        /// As wanted.
        after: Option<Value>,
        /// Whether this change needs a new resource.
        replaces: bool,
    },
    /// Something that it is made from runs or changes.
    Follows {
        /// What.
        address: Address,
    },
    /// The world differs from what was recorded.
    Drift {
        /// Completes "because".
        reason: String,
    },
    /// The spec no longer has it.
    Removed,
    /// `destroy` was asked for.
    Destroyed,
    /// It was called otherwise.
    Moved {
        /// What it was called.
        from: Address,
    },
    /// The spec no longer has it, and said that it stays where it is.
    Left,
    /// The spec says that it is there already.
    Existing {
        /// The provider's name for it.
        handle: String,
    },
    /// An earlier operation began it and did not see its end.
    Interrupted {
        /// The operation.
        operation: String,
    },
    /// What needs it runs, and its own result is no longer there.
    NeededBy {
        /// What needs it.
        address: Address,
    },
}

/// A finding of planning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanFinding {
    /// Its code, which has a page.
    pub code: String,
    /// Whether it blocks apply.
    pub error: bool,
    /// What is wrong, without names the user chose.
    pub title: String,
    /// What exactly.
    pub message: String,
    /// What to do.
    pub help: Vec<String>,
    /// The block at fault.
    pub address: Option<Address>,
    /// The field, column or entry of it at fault, if one is.
    pub field: Option<String>,
    /// Whether trying again later may succeed (exit code 4): a busy address or port.
    pub busy: bool,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.state.is_empty()
    }

    /// Whether a finding blocks it.
    pub fn is_blocked(&self) -> bool {
        self.findings.iter().any(|finding| finding.error)
    }

    /// The gates that were judged and do not hold.
    pub fn failing_gates(&self) -> impl Iterator<Item = &JudgedGate> {
        self.gates.iter().filter(|gate| gate.fails())
    }

    /// What is wanted and not made, because a gate does not hold.
    pub fn held(&self) -> impl Iterator<Item = (&Address, &Address)> {
        let changes = self.changes.iter();
        changes.filter_map(|change| Some((&change.address, change.blocked_by.as_ref()?)))
    }

    /// How many changes there are of each kind. What is blocked does not count.
    pub fn counts(&self) -> BTreeMap<ChangeKind, usize> {
        let mut counts = BTreeMap::new();
        let made = |change: &&Change| change.blocked_by.is_none();
        for change in self.changes.iter().filter(made) {
            *counts.entry(change.kind).or_insert(0) += 1;
        }
        counts
    }
}
