//! Object stores, tables and the data steps on DataFusion, and their replay for single requests.
//!
//! Reading order: [`store`] keeps objects, [`artifact`] keeps a step's result in a store, [`table`]
//! says how a table looks in memory and as Parquet, [`step`] runs a step, [`pipeline`] replays the
//! row steps for an endpoint. Two facts hold of every table here: its floats are finite, and zero
//! has one sign; so comparing, grouping and hashing floats never surprises.

mod artifact;
mod codes;
mod csv_file;
mod engine;
mod expression;
mod fault;
mod function;
mod ingest;
mod mask;
mod pipeline;
mod profile;
mod request;
mod rows;
mod split;
mod step;
mod store;
mod suggest;
mod table;

pub use artifact::{
    ArtifactWriter, canonical_json, object_name, read_manifest, read_object, read_table,
    verify_artifact,
};
pub use codes::CODES;
pub use fault::StepFault;
pub use function::row_function_names;
pub use mask::MASKINGS;
pub use pipeline::RowPipeline;
pub use profile::profile;
pub use request::request_batch;
pub use step::{Progress, run_data_step};
pub use store::Store;
pub use table::{ROW_COLUMN, arrow_type, conform, schema_of, stored_schema};
