//! DataFusion, set up for one step: its threads, its memory, and no spill of sealed data.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::MemTable;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use mlinfra_runtime_spec::Bounds;

use crate::expression::column;
use crate::table::ROW_COLUMN;
use crate::{StepFault, codes};

/// Rows that flow through the engine at once.
const BATCH_ROWS: usize = 8192;

/// The engine of one step.
pub(crate) struct Engine {
    context: SessionContext,
    threads: usize,
    runtime: tokio::runtime::Runtime,
}

impl Engine {
    /// An engine with these bounds. Of a step's memory it may take half: the rest is for the
    /// input and the result, which lie outside its account. `sealed`: nothing may be spilled.
    pub(crate) fn new(bounds: &Bounds, sealed: bool) -> Result<Self, StepFault> {
        let threads = bounds.threads.max(1);
        let mode = match sealed {
            true => DiskManagerMode::Disabled,
            false => DiskManagerMode::OsTmpDirectory,
        };
        let mut environment = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode));
        if let Some(bytes) = bounds.memory_bytes {
            let half = usize::try_from(bytes / 2).unwrap_or(usize::MAX);
            environment = environment.with_memory_pool(Arc::new(FairSpillPool::new(half)));
        }
        let environment = environment.build_arc().map_err(|error| fault_of(&error))?;
        let mut config = SessionConfig::new()
            .with_target_partitions(threads)
            .with_batch_size(BATCH_ROWS);
        // The room that a sort keeps for merging what it spilled: nothing where nothing spills.
        let reserved = match sealed {
            true => 0,
            false => bounds.memory_bytes.map_or(10 << 20, |bytes| bytes / 16),
        };
        config.options_mut().execution.sort_spill_reservation_bytes =
            usize::try_from(reserved).unwrap_or(usize::MAX);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("data")
            .build()
            .map_err(|error| {
                StepFault::engine(format!("the engine's threads did not start: {error}"))
            })?;
        // No rewriting of expressions: `case` rewritten as `and` and `or` would compute what a
        // guard keeps from being computed, and a served row must be computed as a trained one was.
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(environment)
            .with_optimizer_rules(Vec::new())
            .build();
        Ok(Engine {
            context: SessionContext::new_with_state(state),
            threads,
            runtime,
        })
    }

    /// Runs a plan over a table and gives its result in the order of `_row`.
    pub(crate) fn run(
        &self,
        table: &RecordBatch,
        plan: impl FnOnce(DataFrame) -> Result<DataFrame, DataFusionError>,
    ) -> Result<Vec<RecordBatch>, StepFault> {
        let partitions = partition(table, self.threads);
        let run = async {
            let source = MemTable::try_new(table.schema(), partitions)?;
            let frame = self.context.read_table(Arc::new(source))?;
            plan(frame)?
                .sort(vec![column(ROW_COLUMN).sort(true, false)])?
                .collect()
                .await
        };
        self.runtime
            .block_on(run)
            .map_err(|error: DataFusionError| fault_of(&error))
    }
}

/// Cuts a table into `count` runs of batches.
fn partition(table: &RecordBatch, count: usize) -> Vec<Vec<RecordBatch>> {
    let rows = table.num_rows();
    let share = rows.div_ceil(count).max(1);
    let cut = |start: usize, end: usize, step: usize| {
        (start..end)
            .step_by(step)
            .map(move |at| (at, step.min(end - at)))
    };
    let mut partitions: Vec<Vec<RecordBatch>> = cut(0, rows, share)
        .map(|(start, length)| {
            cut(start, start + length, BATCH_ROWS)
                .map(|(at, length)| table.slice(at, length))
                .collect()
        })
        .collect();
    if partitions.is_empty() {
        partitions.push(Vec::new());
    }
    partitions
}

/// What an error of the engine means. Its text is dropped: it may hold cells.
pub(crate) fn fault_of(error: &DataFusionError) -> StepFault {
    match error.find_root() {
        DataFusionError::External(inner) => match inner.downcast_ref::<StepFault>() {
            Some(fault) => fault.clone(),
            None => internal("outside"),
        },
        DataFusionError::ResourcesExhausted(_) => StepFault::new(
            codes::MEMORY,
            "the step needs more memory than its pool gives it",
        )
        .with_help("raise `memory` of the pool; data of an encrypted store is never spilled"),
        DataFusionError::ArrowError(..) => internal("computing"),
        DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => internal("planning"),
        DataFusionError::IoError(error) => StepFault::new(
            codes::STORE_IO,
            format!("the engine could not write its temporary files: {error}"),
        ),
        _ => internal("running"),
    }
}

fn internal(phase: &str) -> StepFault {
    StepFault::engine(format!("the data engine failed while {phase}"))
}
