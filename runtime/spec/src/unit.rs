//! A unit: one process that the agent keeps, either a job (a step's attempt) or a service (an
//! endpoint's process).

use std::collections::BTreeMap;
use std::path::PathBuf;

use mlinfra_api::{TableType, Value};
use serde::{Deserialize, Serialize};

use crate::{ArtifactReference, RequestSchema, StoreReference};

/// What a unit is told. The body of `PUT /units/{token}`: the same token with the same body is the
/// same unit; with another body it is refused (409), except that a service's `release` may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitSpec {
    /// [`crate::PROTOCOL`].
    pub protocol: u32,
    /// The unit's name: the call's token, and `-<replica>` for an endpoint.
    pub token: String,
    /// The resource that it serves, for people and for `list`.
    pub address: String,
    /// The state's lineage.
    pub lineage: String,
    /// What it may use.
    pub bounds: Bounds,
    /// What it does.
    pub workload: Workload,
}

/// What a unit may use of its host: the reservation of its pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The processors that it may run on; empty for all.
    pub cpus: Vec<usize>,
    /// The size of every thread pool: at least 1.
    pub threads: usize,
    /// Bytes of data segment (RLIMIT_DATA) and of resident memory (the agent's watchdog).
    pub memory_bytes: Option<u64>,
}

/// What a unit does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// Runs a step and ends.
    Step(Box<StepSpec>),
    /// Serves a release until it is told to stop.
    Endpoint(Box<EndpointSpec>),
    /// Runs a program and ends: an apply that was handed to the agent.
    Command(CommandSpec),
}

/// A program to run as a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
}

/// A step to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepSpec {
    /// See [`crate::OPERATIONS`].
    pub operation: String,
    /// The version that the key was made for; a runtime with another one refuses.
    pub version: u32,
    /// The recipe key: the name of the result.
    pub key: String,
    /// Where the result goes.
    pub store: StoreReference,
    /// What flows in, by parameter: `data`, `model`, `validate`.
    pub inputs: BTreeMap<String, StepInput>,
    /// The settings, by field. Those of an open body (derive, mask, split) are in `entries`.
    pub settings: BTreeMap<String, Value>,
    /// The entries of an open body, in the order written: new columns of `derive`, maskings of
    /// `mask` (cases), parts of `split` (ratios).
    pub entries: Vec<(String, Value)>,
    /// The columns of the result, as the checker knows them; per part for `split`.
    pub result: Option<TableType>,
    /// For `train`: how a raw request becomes features.
    pub serving: Option<ServingRecipe>,
}

/// What flows into a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepInput {
    /// Another step's result.
    Artifact {
        /// Where.
        artifact: ArtifactReference,
        /// Its columns, if it is a table.
        table: Option<TableType>,
    },
    /// A file of the user's, with the digest that the plan saw: other bytes are refused.
    File {
        /// Where.
        path: PathBuf,
        /// SHA-256, hex.
        sha256: String,
    },
}

/// How an endpoint turns a raw request into features: the `@each_row` steps between the dataset and
/// the model, never `@training_only` ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServingRecipe {
    /// The raw columns that a request must have.
    pub request: RequestSchema,
    /// The row steps, in order, cut down to what the features need.
    pub steps: Vec<RowStep>,
}

/// One `@each_row` step of a [`ServingRecipe`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowStep {
    /// `derive` or `mask`.
    pub operation: String,
    /// As in [`StepSpec::entries`].
    pub entries: Vec<(String, Value)>,
    /// The columns afterwards.
    pub result: TableType,
}

/// An endpoint to serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointSpec {
    /// The name of the model in the Open Inference Protocol: the endpoint's name.
    pub name: String,
    /// The address to bind: loopback unless the spec says otherwise.
    pub host: String,
    /// The port; replicas share it (SO_REUSEPORT).
    pub port: u16,
    /// Which replica this is, from 0.
    pub replica: u32,
    /// SHA-256 (hex) of each key that may call; none: no key is asked for.
    pub key_hashes: Vec<String>,
    /// The release to serve. The only part that may change in a running unit.
    pub release: ArtifactReference,
    /// The model of that release.
    pub model: ArtifactReference,
    /// How long requests under way may take to finish after a stop, in seconds.
    pub drain_seconds: u64,
}

/// Where a unit is in its life; the transition functions are in the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitPhase {
    /// Its folder is written.
    Accepted,
    /// The process is being started.
    Starting,
    /// A service reads its model; liveness answers already.
    Loading,
    /// A job works.
    Running,
    /// A service answers its golden requests right.
    Ready,
    /// A service lives but must not be asked.
    Unready,
    /// Waits before the next start.
    Backoff,
    /// Died five times in a minute: is not started again.
    CrashLoop,
    /// Finishes what it has, takes no more.
    Draining,
    /// Ended on request.
    Stopped,
    /// A job that ended well.
    Exited,
    /// A job that ended with an error, or was ended.
    Failed,
    /// A job that was cancelled.
    Cancelled,
}

/// `status.json`, and the body of `GET /units/{token}` (where the agent fills in what only it
/// knows: phase between processes, attempt, process).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitStatus {
    /// The unit.
    pub token: String,
    /// Where it is.
    pub phase: UnitPhase,
    /// The process, while one runs.
    pub process: Option<u32>,
    /// Counts process starts, from 1.
    pub attempt: u32,
    /// For a person: `epoch 19/30`.
    #[serde(default)]
    pub note: String,
    /// Done so far and in all.
    #[serde(default)]
    pub done: Option<(u64, u64)>,
    /// Current figures: `loss`, `auc`.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// A service: the key of the release that it serves now.
    #[serde(default)]
    pub release: Option<String>,
    /// A service: the key of the release that it was last told to serve; `problem` is about it.
    #[serde(default)]
    pub wanted: Option<String>,
    /// A service: why the wanted release is not served, if it is not.
    #[serde(default)]
    pub problem: Option<String>,
    /// A job that ended.
    #[serde(default)]
    pub exit: Option<ExitRecord>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "exit", rename_all = "snake_case")]
pub enum ExitRecord {
    /// Its artifact is complete.
    Done {
        /// What it reports (the manifest's outputs).
        outputs: BTreeMap<String, serde_json::Value>,
    },
    /// It ended with an error.
    Failed {
        /// A code with a page.
        code: String,
        /// What is wrong; no cell, no secret.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// It was asked to stop.
    Cancelled,
}

/// The body of `GET /health` of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHealth {
    /// [`crate::PROTOCOL`].
    pub protocol: u32,
    /// The runtime's version.
    pub version: String,
    /// The agent's process.
    pub process: u32,
    /// The lineage that it serves.
    pub lineage: String,
    /// What keeps which bound on this host, for `show`: bound → keeper.
    pub keepers: BTreeMap<String, String>,
}
