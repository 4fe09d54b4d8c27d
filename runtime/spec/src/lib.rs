//! All that others know of the runtime: what a unit is told, what it tells back, and the names of
//! the files in between. Everything here is wire format, with a version.
//!
//! Folder of a unit, `units/<token>/`, mode 0700:
//!
//! | file | written by | what |
//! |---|---|---|
//! | `unit.json` | agent | the [`UnitSpec`]; replaced atomically when an endpoint's release changes |
//! | `lock` | agent, held by the unit | exclusive `flock`; held = alive |
//! | `status.json` | unit | the [`UnitStatus`], replaced atomically |
//! | `exit.json` | unit | the [`ExitRecord`], last thing a job writes |
//! | `killed.json` | agent | an [`ExitRecord`] where the agent ended the unit: bound, cancelled |
//! | `attempts.json` | agent | how often its process was started, and whether that goes on |
//! | `process.json` | agent, unit | the process and when it started, so that no other is signalled |
//! | `group.json` | agent | the path of its control group, where it has one |
//! | `removing` | agent | the unit is being removed |
//! | `out.log`, `out.log.<offset>` | unit | JSON lines, rotated; named by the offset of its first byte |

pub mod agent;
pub mod artifact;
pub mod evaluation;
pub mod files;
pub mod history;
pub mod metrics;
pub mod operations;
pub mod profile;
pub mod request;
pub mod stored;
pub mod tables;
pub mod unit;

pub use agent::{AgentError, LogChunk};
pub use artifact::{ArtifactReference, Manifest, ObjectEntry, STORE_KEY_LABEL, StoreReference};
pub use operations::{OPERATIONS, operation_version};
pub use request::{RequestField, RequestSchema};
pub use tables::StepTables;
pub use unit::{
    AgentHealth, Bounds, CommandSpec, EndpointSpec, ExitRecord, RowStep, ServingRecipe, StepInput,
    StepSpec, UnitPhase, UnitSpec, UnitStatus, Workload,
};

/// The protocol between the planner's side and the runtime. Both sides refuse another one.
pub const PROTOCOL: u32 = 1;
