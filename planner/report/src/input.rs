//! What a page is made from: plain data that holds no cell, no secret and no clock.

use std::collections::BTreeSet;

use mlinfra_api::Verdict;
use mlinfra_runtime_spec::evaluation::{Evaluation, Measure};
use mlinfra_runtime_spec::history::History;
use mlinfra_runtime_spec::profile::TableProfile;
use serde::{Deserialize, Serialize};

/// The format of [`Report`].
pub const REPORT_FORMAT: u32 = 1;

/// Everything that one page shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`REPORT_FORMAT`].
    pub format: u32,
    /// The project's name.
    pub project: String,
    /// The program that made it: `mlinfra 0.1.0`.
    pub program: String,
    /// The newest operation; none if nothing was ever applied.
    pub operation: Option<Operation>,
    /// The models that were judged, in the order of the spec.
    pub models: Vec<Model>,
    /// Every dataset and step, in the order of the spec.
    pub steps: Vec<Step>,
    /// What the steps stand on, as recorded: `pool.worker`, `reserves 2 of 2 cpus`.
    pub resources: Vec<Fact>,
    /// What the tables look like: those that were read, and those that models learned from.
    pub tables: Vec<Table>,
    /// From file to endpoint.
    pub lineage: Lineage,
    /// Where each column goes.
    pub flow: Flow,
    /// What the policies say.
    pub policies: Vec<Policy>,
    /// What is not on the page, and why.
    pub missing: Vec<Fact>,
}

/// A name and what there is to say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The rest.
    pub text: String,
}

/// An apply or a destroy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// `op-17`.
    pub name: String,
    /// `user@host`.
    pub who: String,
    /// The command line, without the values of parameters.
    pub command: String,
    /// When it began: RFC 3339.
    pub started: String,
    /// When its end was recorded: RFC 3339.
    pub ended: Option<String>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// What it came to: `13 done, 2 blocked`.
    pub outcome: String,
}

/// A model that was judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The name it is released under; its step's name without a release.
    pub name: String,
    /// The step that trained it.
    pub trained_by: String,
    /// The step that judged it.
    pub judged_by: String,
    /// The table that it was judged on: `parts.test`.
    pub judged_on: String,
    /// The model's recipe key.
    pub key: Option<String>,
    /// Whether it has a release.
    pub released: Released,
    /// The endpoints that serve it, or would.
    pub endpoints: Vec<Endpoint>,
    /// What the evaluation must hold, in the order written.
    pub gates: Vec<Gate>,
    /// What was found of it.
    pub evaluation: Option<Evaluation>,
    /// How it learned.
    pub history: Option<History>,
}

/// Whether a model has a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Released {
    /// The spec asks for none.
    #[default]
    Unasked,
    /// It has.
    Yes,
    /// It has not; why.
    No {
        /// Completes "because".
        reason: String,
    },
}

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// `endpoint.score`.
    pub address: String,
    /// Where it answers, if it exists.
    pub url: Option<String>,
    /// The recipe key of the model that it serves, if it exists.
    pub serves: Option<String>,
}

/// One requirement on an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// As written: `auc >= 0.70`.
    pub text: String,
    /// What the spec says of it if it does not hold.
    pub message: Option<String>,
    /// How it stands.
    pub verdict: Verdict,
    /// The figures it rests on, as they were measured.
    pub figures: Vec<Measure>,
}

/// A step and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `risk/step.model`.
    pub address: String,
    /// `train`.
    pub operation: String,
    /// The operation's version.
    pub version: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// The operation that made it: `op-3`.
    pub made_in: Option<String>,
    /// Its recipe key.
    pub key: Option<String>,
    /// Whether its result is bit-exact for its recipe.
    pub exact: Option<bool>,
    /// Threads that it was given.
    pub threads: Option<u64>,
    /// Its seed, if it has one.
    pub seed: Option<i64>,
    /// Rows of its result, or rows that it worked on.
    pub rows: Option<u64>,
}

/// What became of a step in the newest operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Outcome {
    /// It ran.
    Ran,
    /// An earlier result stands.
    Kept,
    /// It failed.
    Failed {
        /// Why.
        note: String,
    },
    /// It was not begun.
    Blocked {
        /// Why.
        note: String,
    },
    /// It was never made.
    #[default]
    Absent,
}

/// A table and what it looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// `risk.parts.train`.
    pub name: String,
    /// What it is here: `as it was read`.
    pub role: String,
    /// What it looks like.
    pub profile: TableProfile,
}

/// From file to endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// Every node once.
    pub nodes: Vec<Node>,
    /// Every edge once; no cycles.
    pub edges: Vec<Edge>,
}

/// A thing that comes from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Names it among the nodes.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it is: `train`, 800 rows.
    pub text: String,
    /// What kind of thing it is.
    pub kind: NodeKind,
    /// Whether it exists.
    pub exists: bool,
}

/// What kind of thing a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A file.
    File,
    /// A table.
    Table,
    /// A model or a release of one.
    Model,
    /// An evaluation.
    Evaluation,
    /// An endpoint.
    Endpoint,
}

impl NodeKind {
    /// A word for it, as classes and columns have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            NodeKind::File => "file",
            NodeKind::Table => "table",
            NodeKind::Model => "model",
            NodeKind::Evaluation => "evaluation",
            NodeKind::Endpoint => "endpoint",
        }
    }
}

/// What comes from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The node it comes from.
    pub from: String,
    /// The node it goes to.
    pub to: String,
    /// The part that flows: `train`; empty for the whole.
    pub label: String,
}

/// Where each column goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The tables, in the order in which data flows.
    pub tables: Vec<FlowTable>,
    /// The columns, in the order in which they appear.
    pub columns: Vec<FlowColumn>,
}

/// A table of the flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowTable {
    /// `risk.people`; `risk.parts: train, test` where parts have the same columns.
    pub name: String,
    /// The operation that makes it: `derive`.
    pub operation: String,
}

/// A column through all tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowColumn {
    /// Its name.
    pub name: String,
    /// Its type where it first appears: `category?`.
    pub column_type: String,
    /// One a table.
    pub cells: Vec<FlowCell>,
    /// What models and endpoints do with it.
    pub uses: BTreeSet<ColumnUse>,
}

/// A column in one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCell {
    /// What became of it here.
    pub change: FlowChange,
    /// Its data classes here.
    pub classes: BTreeSet<String>,
}

/// What became of a column in a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum FlowChange {
    /// The table does not have it, and neither has the one before.
    Absent,
    /// It is read from the file.
    Read,
    /// As in the table before.
    Same,
    /// Made from columns of the table before.
    Made {
        /// Those.
        from: Vec<String>,
    },
    /// Masked.
    Masked {
        /// As written: `bucket(5)`.
        masking: String,
    },
    /// The table before has it, this one does not.
    Dropped,
}

/// What a model or an endpoint does with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnUse {
    /// A model learns from it.
    Learned,
    /// It is what a model learns to tell.
    Label,
    /// It reaches training and is kept from the model.
    Excluded,
    /// A model is judged by its groups.
    Judged,
    /// An endpoint asks for it.
    Asked,
}

/// What a policy says of one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its pack: `gdpr`.
    pub pack: Option<String>,
    /// What it asks for.
    pub title: String,
    /// `pass`, `fail`, `unknown` or `manual`.
    pub status: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// The controls that it supports.
    pub cites: Vec<String>,
    /// What was looked at.
    pub subject: String,
    /// What was found, or what a person must look at.
    pub message: String,
}
