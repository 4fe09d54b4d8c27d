//! Running a data step: input, operation, result.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use datafusion::logical_expr::Expr;
use mlinfra_api::{TableType, Value};
use mlinfra_runtime_spec::{
    ArtifactReference, Bounds, Manifest, StepInput, StepSpec, operation_version,
};
use serde_json::Value as Json;

use crate::artifact::{ArtifactWriter, read_manifest, read_table, table_type, verify_artifact};
use crate::engine::Engine;
use crate::expression::column;
use crate::rows::{compile_step, locate};
use crate::split::{ratios, split};
use crate::table::{ROW_COLUMN, TableWriter};
use crate::{StepFault, Store};

/// How far a step is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// For a person: `48000 rows`.
    pub note: String,
    /// Done so far and in all.
    pub done: Option<(u64, u64)>,
    /// Current figures, by name.
    pub figures: BTreeMap<String, f64>,
}

impl Progress {
    fn note(note: impl Into<String>) -> Self {
        Progress {
            note: note.into(),
            ..Progress::default()
        }
    }
}

/// Runs a data step (`ingest`, `drop_nulls`, `derive`, `mask`, `split`) and gives the manifest of
/// its result. A result that is there already, whole, is left as it is.
///
/// # Errors
/// The codes of this crate; E0628 if this runtime does not have the operation in this version.
pub fn run_data_step(
    spec: &StepSpec,
    bounds: &Bounds,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, StepFault> {
    if operation_version(&spec.operation) != Some(spec.version) {
        return Err(StepFault::unknown(format!(
            "this runtime does not have `{}` in version {}",
            spec.operation, spec.version
        )));
    }
    let store = Store::open(&spec.store)?;
    if verify_artifact(&store, &spec.key)?
        && let Some(manifest) = read_manifest(&store, &spec.key)?
    {
        progress(Progress::note("is there already"));
        return Ok(manifest);
    }
    let step = Step {
        spec,
        bounds,
        store: &store,
        result: result_type(spec)?,
    };
    match spec.operation.as_str() {
        "ingest" => step.ingest(progress),
        "drop_nulls" => step.drop_nulls(progress),
        "derive" | "mask" => step.rows(progress),
        "split" => step.split(progress),
        other => Err(StepFault::unknown(format!("`{other}` is no data step"))),
    }
}

fn result_type(spec: &StepSpec) -> Result<&TableType, StepFault> {
    spec.result.as_ref().ok_or_else(|| {
        StepFault::unknown(format!(
            "the columns of the result of `{}` are not given",
            spec.operation
        ))
    })
}

/// A step under way.
struct Step<'a> {
    spec: &'a StepSpec,
    bounds: &'a Bounds,
    store: &'a Store,
    result: &'a TableType,
}

impl<'a> Step<'a> {
    fn writer(&self) -> ArtifactWriter<'a> {
        ArtifactWriter::new(
            self.store,
            &self.spec.key,
            &self.spec.operation,
            self.spec.version,
        )
    }

    fn engine(&self) -> Result<Engine, StepFault> {
        let input = self.input()?;
        let sealed = self.store.is_sealed() || input.store.key_file.is_some();
        Engine::new(self.bounds, sealed)
    }

    /// The table that flows in: the parameter `data`, or the only one.
    fn input(&self) -> Result<&'a ArtifactReference, StepFault> {
        let inputs = &self.spec.inputs;
        let only = || inputs.values().next().filter(|_| inputs.len() == 1);
        match inputs.get("data").or_else(only) {
            Some(StepInput::Artifact { artifact, .. }) => Ok(artifact),
            _ => Err(StepFault::unknown(format!(
                "`{}` wants the result of a step as its `data`",
                self.spec.operation
            ))),
        }
    }

    fn ingest(&self, progress: &mut dyn FnMut(Progress)) -> Result<Manifest, StepFault> {
        let file = self.spec.inputs.values().find_map(|input| match input {
            StepInput::File { path, sha256 } => Some((path, sha256)),
            StepInput::Artifact { .. } => None,
        });
        let (path, sha256) =
            file.ok_or_else(|| StepFault::unknown("`ingest` wants a file as its input"))?;
        progress(Progress::note("reading"));
        let ingested = crate::ingest::ingest(path, sha256, self.result, progress)?;
        self.finish(ingested.writer, ingested.outputs, progress)
    }

    fn drop_nulls(&self, progress: &mut dyn FnMut(Progress)) -> Result<Manifest, StepFault> {
        let table = self.read(progress)?;
        let names = self.nullable_columns()?;
        let present = names
            .iter()
            .map(|name| column(name).is_not_null())
            .reduce(Expr::and);
        let batches = self.engine()?.run(&table, |frame| match present {
            Some(present) => frame.filter(present),
            None => Ok(frame),
        })?;
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let dropped = table.num_rows() - rows;
        let outputs = BTreeMap::from([
            ("rows".to_owned(), Json::from(rows)),
            ("rows_dropped".to_owned(), Json::from(dropped)),
        ]);
        self.write(&batches, outputs, progress)
    }

    /// The columns that `drop_nulls` looks at: those named by `columns`, else all that may be
    /// missing.
    fn nullable_columns(&self) -> Result<Vec<String>, StepFault> {
        let input = table_type(self.input()?)?;
        let named = self.spec.settings.get("columns");
        let Some(named) = named
            .and_then(Value::as_list)
            .filter(|names| !names.is_empty())
        else {
            let nullable = input
                .columns
                .into_iter()
                .filter(|column| column.column_type.nullable);
            return Ok(nullable.map(|column| column.name).collect());
        };
        let name = |value: &Value| {
            column_name(value)
                .filter(|name| input.column(name).is_some())
                .map(str::to_owned)
                .ok_or_else(|| StepFault::unknown("`drop_nulls` names a column that is not there"))
        };
        named.iter().map(name).collect()
    }

    fn rows(&self, progress: &mut dyn FnMut(Progress)) -> Result<Manifest, StepFault> {
        let table = self.read(progress)?;
        let columns = compile_step(
            &self.spec.operation,
            &self.spec.entries,
            self.result,
            &table.schema(),
        )?;
        let mut selected = vec![column(ROW_COLUMN)];
        selected.extend(columns.iter().map(|row_column| {
            let name = row_column.field.name();
            match &row_column.computed {
                Some(expression) => expression.clone().alias(name),
                None => column(name),
            }
        }));
        let batches = self
            .engine()?
            .run(&table, |frame| frame.select(selected))
            .map_err(|fault| locate(fault, &columns, &table))?;
        let outputs = BTreeMap::from([("rows".to_owned(), Json::from(table.num_rows()))]);
        self.write(&batches, outputs, progress)
    }

    fn split(&self, progress: &mut dyn FnMut(Progress)) -> Result<Manifest, StepFault> {
        let ratios = ratios(&self.spec.entries)?;
        let table = self.read(progress)?;
        let settings = &self.spec.settings;
        let stratify = settings.get("stratify").and_then(column_name);
        let seed = settings.get("seed").and_then(Value::as_int).unwrap_or(0);
        let parts = split(&table, &ratios, stratify, seed)?;
        progress(Progress::note("writing"));
        let mut writer = self.writer();
        let mut counts = BTreeMap::new();
        for ((name, _), part) in ratios.iter().zip(&parts) {
            writer.add_table(Some(name), part, self.result)?;
            counts.insert(name.clone(), part.num_rows());
        }
        let outputs = BTreeMap::from([
            ("rows".to_owned(), Json::from(table.num_rows())),
            ("parts".to_owned(), Json::from_iter(counts)),
        ]);
        writer.finish(outputs, true)
    }

    fn read(&self, progress: &mut dyn FnMut(Progress)) -> Result<RecordBatch, StepFault> {
        progress(Progress::note("reading"));
        let table = read_table(self.input()?)?;
        progress(Progress::note(format!("{} rows", table.num_rows())));
        Ok(table)
    }

    fn write(
        &self,
        batches: &[RecordBatch],
        outputs: BTreeMap<String, Json>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Manifest, StepFault> {
        let mut writer = TableWriter::new(self.result);
        for batch in batches {
            writer.push(batch)?;
        }
        self.finish(writer, outputs, progress)
    }

    fn finish(
        &self,
        table: TableWriter,
        outputs: BTreeMap<String, Json>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Manifest, StepFault> {
        progress(Progress::note("writing"));
        let mut writer = self.writer();
        writer.add_written(None, table, self.result)?;
        writer.finish(outputs, true)
    }
}

/// The name of a column in a setting, as a text or as the column of a row.
fn column_name(value: &Value) -> Option<&str> {
    match value {
        Value::String(name) => Some(name),
        Value::Row(mlinfra_api::RowExpression::Column(name)) => Some(name),
        _ => None,
    }
}
