//! What an operation tells while it runs: for the screen, and for `attach`.

use std::collections::BTreeMap;

use mlinfra_api::{Address, Fault, Value, Verb};
use mlinfra_plan::{JudgedGate, Plan};
use serde::{Deserialize, Serialize};

/// One event. Also a line of `.mlinfra/operations/op-N/events.jsonl`, in this form; no secret is in
/// one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The operation has a name: `op-17`.
    OperationStarted {
        /// The name.
        operation: String,
    },
    /// All that is to be done, in the order of the plan. Told once, before anything begins.
    Queued {
        /// The actions.
        actions: Vec<Queued>,
    },
    /// A call of an earlier operation was resolved.
    Recovered {
        /// The resource.
        address: Address,
        /// How.
        how: Recovered,
    },
    /// A call is about to be made.
    Started {
        /// The resource.
        address: Address,
        /// What is done.
        verb: Verb,
    },
    /// The provider took it on; it goes on without us.
    Accepted {
        /// The resource.
        address: Address,
    },
    /// What there is to tell of accepted work.
    Progress {
        /// The resource.
        address: Address,
        /// For people: `epoch 19/30`.
        note: String,
        /// Done and in all.
        done: Option<(u64, u64)>,
        /// Current figures by name.
        figures: BTreeMap<String, f64>,
        /// When it was seen, in milliseconds on the executor's own clock: only differences mean
        /// something, and those of one executor alone.
        #[serde(default)]
        at_milliseconds: u64,
    },
    /// A call is tried again, or its answer was lost and is looked for.
    Waiting {
        /// The resource.
        address: Address,
        /// Why.
        reason: String,
    },
    /// It is done.
    Done {
        /// The resource.
        address: Address,
        /// What was done.
        verb: Verb,
        /// What the provider computed; secrets read `(secret)`.
        outputs: BTreeMap<String, Value>,
    },
    /// A gate of what was just done was judged.
    Judged {
        /// The gate, with its verdict and the figures that it rests on.
        gate: JudgedGate,
    },
    /// It was refused, or failed.
    Failed {
        /// The resource.
        address: Address,
        /// Why.
        fault: Fault,
    },
    /// It could not be begun.
    Blocked {
        /// The resource.
        address: Address,
        /// Why.
        reason: BlockReason,
    },
    /// It was stopped because it is no longer wanted.
    Cancelled {
        /// The resource.
        address: Address,
    },
    /// Only accepted work is left: the lock is free, and `mlinfra attach op-17` comes back.
    OnlyAcceptedLeft {
        /// The operation.
        operation: String,
    },
    /// The operation came to its end, or was left.
    Ended {
        /// The operation.
        operation: String,
        /// Actions done.
        ok: u64,
        /// Actions that failed or are stuck.
        failed: u64,
        /// Actions that could not be begun.
        blocked: u64,
        /// What goes on without us.
        left: Vec<Address>,
    },
}

/// An action that is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// The resource.
    pub address: Address,
    /// What is done.
    pub verb: Verb,
    /// The actions that must be done before it, by their place in the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<usize>,
}

impl Event {
    /// What a plan is going to do.
    pub(crate) fn queued(plan: &Plan) -> Self {
        let actions = plan.actions.iter().map(|action| Queued {
            address: action.address.clone(),
            verb: action.verb,
            after: action.after.iter().copied().collect(),
        });
        Event::Queued {
            actions: actions.collect(),
        }
    }
}

/// How a call of an earlier operation was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovered {
    /// It had taken effect and is done.
    Done,
    /// It had been accepted and still runs.
    Running,
    /// It had failed.
    Failed,
    /// It never took effect.
    Absent,
    /// It can't be told now.
    Unresolved,
    /// It can't be told ever: a person must decide.
    Stuck,
}

/// Why an action could not be begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum BlockReason {
    /// Something that it needs was not made.
    Upstream {
        /// What.
        address: Address,
    },
    /// A gate of what it stands on does not hold.
    Gate {
        /// The step that was judged.
        address: Address,
        /// The figure and what was required.
        message: String,
    },
    /// What the plan rests on is no longer so.
    Changed {
        /// A code with a page.
        code: String,
        /// What.
        message: String,
    },
    /// It needs an output that nobody recorded.
    Unresolved {
        /// What.
        reference: String,
    },
    /// Another call is open at its address.
    Busy {
        /// Which, in words.
        message: String,
    },
    /// The operation was interrupted, or the state changed under it.
    Stopped {
        /// By what.
        message: String,
    },
}

impl BlockReason {
    /// The code of its page.
    pub fn code(&self) -> &str {
        match self {
            BlockReason::Upstream { .. } => "E0716",
            BlockReason::Gate { .. } => "E0725",
            BlockReason::Changed { code, .. } => code,
            BlockReason::Unresolved { .. } => "E0718",
            BlockReason::Busy { .. } => "E0719",
            BlockReason::Stopped { .. } => "E0720",
        }
    }
}

impl std::fmt::Display for BlockReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BlockReason::Upstream { address } => write!(f, "{address} was not made"),
            BlockReason::Gate { address, message } => {
                write!(f, "a gate of {address} does not hold: {message}")
            }
            BlockReason::Unresolved { reference } => {
                write!(f, "the output `{reference}` is not known")
            }
            BlockReason::Changed { message, .. }
            | BlockReason::Busy { message }
            | BlockReason::Stopped { message } => f.write_str(message),
        }
    }
}

/// The same outputs with every secret replaced by the text `(secret)`.
pub(crate) fn without_secrets(outputs: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    outputs
        .iter()
        .map(|(name, value)| (name.clone(), veiled(value)))
        .collect()
}

fn veiled(value: &Value) -> Value {
    match value {
        Value::Secret(_) => Value::text("(secret)"),
        Value::List(elements) => Value::List(elements.iter().map(veiled).collect()),
        Value::Record(entries) => Value::Record(without_secrets(entries)),
        Value::Case { name, arguments } => Value::Case {
            name: name.clone(),
            arguments: without_secrets(arguments),
        },
        other => other.clone(),
    }
}
