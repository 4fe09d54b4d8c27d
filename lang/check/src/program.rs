//! The checked program: every value typed and evaluated, every reference resolved, every span kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use litemap::LiteMap;
use mlinfra_api::{Address, ColumnType, Condition, Name, Reference, TableType, Value, Wish};

use crate::diagnostic::{Fix, Span};
use crate::project::OtherProject;

/// A checked spec, blocks instantiated and flattened, in the order written (a nested block follows
/// its parent).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// The environment that it is for; none if the spec declares none.
    pub environment: Option<Environment>,
    /// The parameters that were given a value from outside of their own default, by name.
    pub parameters: BTreeMap<String, GivenParameter>,
    /// Every block.
    pub blocks: Vec<Block>,
    /// The outputs, by name.
    pub outputs: BTreeMap<String, Output>,
    /// The other projects whose outputs were read, by folder and environment.
    pub projects: Vec<OtherProject>,
    /// What `moved` says, in the order written.
    pub moves: Vec<Moved>,
    /// What `removed` says, in the order written.
    pub removed: Vec<Removed>,
    /// The names of the `test` blocks, in the order written.
    pub tests: Vec<String>,
    /// Every table that a block makes, in the order in which data flows, and where each of its
    /// columns comes from.
    pub flow: Vec<TableFlow>,
    /// What is no table and carries what it was made from: models, tokens, reports, answers; in the
    /// order written.
    pub results: Vec<ResultFlow>,
    /// What the policies say of this program: one entry for each thing that each one looked at.
    pub policies: Vec<PolicyFinding>,
}

/// What an `environment` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// The targets that something may stand on here; none if all may.
    pub targets: Option<BTreeSet<Address>>,
    /// Whether everything in it is kept as if it were protected.
    pub protect: bool,
}

impl Environment {
    /// Whether a target may be touched here.
    pub fn may_touch(&self, target: &Address) -> bool {
        self.targets.as_ref().is_none_or(|all| all.contains(target))
    }
}

/// A block is called otherwise than it was: `moved "storage.lake" = "storage.pond"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// What it was called.
    pub from: Name,
    /// What it is called now.
    pub to: Name,
    /// The whole entry.
    pub span: Span,
}

/// A block is no longer in the spec on purpose: `removed "storage.old" { keep = true }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Removed {
    /// What it was called.
    pub name: Name,
    /// Whether what was made of it stays and is forgotten. If not, its data may go too.
    pub keep: bool,
    /// The whole entry.
    pub span: Span,
}

/// A parameter's value and who gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenParameter {
    /// The value; a secret one is kept secret.
    pub value: Value,
    /// Where it was given: `--param`, `MLINFRA_PARAM_nodes`, `prod.json`, `environment prod`.
    pub from: String,
}

/// A `require` that is judged when its figures are known: after a step, or on a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// What must hold.
    pub condition: Condition,
    /// The condition as written.
    pub text: String,
    /// What is said if it does not hold, if the spec says so: the text behind `else`.
    pub message: Option<String>,
    /// The condition.
    pub span: Span,
}

/// A table and where its columns come from.
#[derive(Clone, Debug, PartialEq)]
pub struct TableFlow {
    /// The block that makes it, and the part behind it.
    pub table: Reference,
    /// The table that it is made from; none for a dataset.
    pub from: Option<Reference>,
    /// Its columns, in order.
    pub columns: Vec<ColumnFlow>,
    /// The columns of `from` that it no longer has.
    pub dropped: Vec<String>,
}

/// A result that is no table, with the data classes of everything that was read for it.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultFlow {
    /// The block whose result it is.
    pub block: Address,
    /// What it is: `weights`, `release`, `report`, `tokens` …; `answers` of an endpoint.
    pub what: String,
    /// The classes.
    pub classes: BTreeSet<String>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnFlow {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// Its type, as a provider knows it.
    pub column_type: ColumnType,
    /// Its type as a person writes it: `money(EUR)?`, where a provider knows a float.
    pub shown_type: String,
    /// Its data classes here.
    pub classes: BTreeSet<String>,
    /// The columns of the table before that it is made from; empty in a dataset.
    pub from: Vec<String>,
    /// The masking that the step before gave it, as written: `bucket(5)`.
    pub masking: Option<String>,
    /// The steps that masked it on its way, this one included; empty if its cells are as they came
    /// in. A column made from others is masked only if each of them was that has a class; and what
    /// is made of exact cells is not masked by what coarsens it later.
    pub masked_by: BTreeSet<Address>,
    /// Whether it was made from other columns, here or before.
    pub made: bool,
    /// The last masking on its way, as written, whether or not it counts; none for a column that
    /// was not masked since it was made.
    pub coarsened: Option<String>,
}

/// What a policy says of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyFinding {
    /// The policy's name.
    pub policy: String,
    /// The pack it belongs to: `gdpr`; none for a policy of the spec's own.
    pub pack: Option<String>,
    /// The code of its page, and of the diagnostic that it raises when it fails.
    pub code: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// The controls that it supports: `GDPR Art. 25(1)`.
    pub cites: Vec<String>,
    /// What the policy asks for, in one sentence.
    pub title: String,
    /// How it stands.
    pub status: PolicyStatus,
    /// The block that was looked at.
    pub subject: Address,
    /// The place at fault, or the block's name.
    pub span: Span,
    /// What was found; for `Manual`, what a person must look at.
    pub message: String,
    /// What mends it, for `Fail`.
    pub fix: Option<Fix>,
    /// The environment in which it is so, where the spec has several and others differ.
    pub environment: Option<String>,
}

/// How a policy stands for one thing. Only `Pass` is ever counted as a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyStatus {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// What it rests on is not known yet.
    Unknown,
    /// No machine can decide it: a person must.
    Manual,
}

/// One `output`.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its value; a reference to what only apply will know is kept as one.
    pub value: Value,
    /// Where it is written.
    pub span: Span,
}

/// One block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its address.
    pub address: Address,
    /// Its kind's word.
    pub kind: String,
    /// The role that the kind's declaration gives it (`@role(step)`): what the planner asks for.
    pub role: Option<String>,
    /// The block it is nested in.
    pub parent: Option<Address>,
    /// What it is placed `on`, inherited from the nearest enclosing block if not written.
    pub place: Option<Address>,
    /// Its fields: written ones, and declared ones with a default. A computed field is not here.
    pub fields: LiteMap<String, Field>,
    /// Requirements on `@chosen` fields: `cpus >= 2`.
    pub wishes: Vec<(Wish, Span)>,
    /// What stands behind its `=`, if its kind says that it has a value and it is no step.
    pub value: Option<Value>,
    /// For a block whose value is the call of an operation.
    pub step: Option<Box<Step>>,
    /// Its table, for a block that is one (a dataset).
    pub table: Option<TableType>,
    /// The attributes written on it, without `@`, with their arguments.
    pub attributes: BTreeMap<String, BTreeMap<String, Value>>,
    /// Whether the kind holds data (declared `@protect`).
    pub holds_data: bool,
    /// What must be there first although no data comes from it: `after`.
    pub after: Vec<Address>,
    /// The kind's fields whose change needs a new resource.
    pub replaces: Arc<BTreeSet<String>>,
    /// The kind's computed fields: what a reference may name that only apply will know.
    pub computed: Arc<BTreeSet<String>>,
    /// The whole block.
    pub span: Span,
    /// Its name.
    pub name_span: Span,
    /// Its documentation, without slashes.
    pub documentation: String,
}

/// One field of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its value.
    pub value: Value,
    /// The value's text; the block's name if the value is the declared default.
    pub span: Span,
    /// Whether it was written.
    pub written: bool,
    /// Whether its value is the one that the kind declares for want of another.
    pub is_default: bool,
    /// Whether it may hold a secret.
    pub secret: bool,
}

/// The call of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The operation.
    pub operation: String,
    /// Its version, declared by `@version`.
    pub version: u32,
    /// Whether it works on each row alone (`@each_row`): an endpoint replays it.
    pub each_row: bool,
    /// Whether an endpoint never replays it (`@training_only`).
    pub training_only: bool,
    /// What flows in, by parameter: references to blocks, or plain values. Parameters with a
    /// default are here too.
    pub arguments: BTreeMap<String, Argument>,
    /// Its declared settings: written ones and defaults.
    pub settings: BTreeMap<String, Value>,
    /// Those of its settings that change no byte of its result, so they are in no recipe.
    pub unkeyed: BTreeSet<String>,
    /// What its result must hold: what depends on it is made only then.
    pub gates: Vec<Gate>,
    /// The entries of an open body (`each`), in the order written.
    pub entries: Vec<(String, Value)>,
    /// The result, if it is one table.
    pub table: Option<TableType>,
    /// The result's parts, if it is several tables: `split`.
    pub parts: BTreeMap<String, TableType>,
    /// What a model made here was fitted on; for `train` and what passes a model on.
    pub model: Option<ModelType>,
    /// Where the operation's name is written.
    pub operation_span: Span,
    /// Where each setting, entry and argument is written, by name.
    pub spans: BTreeMap<String, Span>,
}

/// One argument of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Its value. A table or model that flows in is a `Value::Reference`; a column of one is a
    /// `Value::String` with its name.
    pub value: Value,
    /// The table's columns, if it is one.
    pub table: Option<TableType>,
}

/// The type of a fitted model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelType {
    /// The step that fits it.
    pub trained_by: Address,
    /// The columns that it learns from, in order: neither the label nor what is excluded.
    pub features: TableType,
    /// The label's column.
    pub label: String,
    /// The raw columns that a request must have: the fewest that the features need, in the
    /// dataset's order.
    pub request: TableType,
    /// The `@each_row` steps between the dataset and the features, in order.
    pub replay: Vec<Address>,
    /// The same steps, cut down to what the features need: what an endpoint does with a request.
    pub recipe: Vec<ReplayStep>,
}

/// One step that an endpoint replays on a request.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayStep {
    /// The step.
    pub address: Address,
    /// Its operation.
    pub operation: String,
    /// Those of its entries that the features need, in the order written.
    pub entries: Vec<(String, Value)>,
    /// The columns afterwards, as far as anything later needs them.
    pub result: TableType,
}

impl Program {
    /// The block at this address.
    pub fn block(&self, address: &Address) -> Option<&Block> {
        self.blocks.iter().find(|block| block.address == *address)
    }

    /// The blocks with this role, in the order written.
    pub fn with_role<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'a Block> {
        self.blocks
            .iter()
            .filter(move |block| block.role.as_deref() == Some(role))
    }
}
