//! One step: its operation, its inputs and its artifact.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use mlinfra_agent::fault;
use mlinfra_api::{RowExpression, TableType, Value};
use mlinfra_data::{
    ArtifactWriter, StepFault, Store, canonical_json, read_manifest, read_object, read_table,
    run_data_step, verify_artifact,
};
use mlinfra_learn::{Continue, Epoch, EvaluateTask, LearnFault, Model, TrainTask};
use mlinfra_runtime_spec::evaluation::{EVALUATION_OBJECT, Evaluation};
use mlinfra_runtime_spec::history::HISTORY_OBJECT;
use mlinfra_runtime_spec::profile::PROFILE_OBJECT;
use mlinfra_runtime_spec::{
    ArtifactReference, Bounds, ExitRecord, Manifest, StepInput, StepSpec, operation_version,
};
use mlinfra_serve::{
    GOLDEN_OBJECT, MODEL_OBJECT, Predictor, RELEASE_OBJECT, ReleaseRecord, SERVING_OBJECT,
    make_golden,
};
use serde::Serialize;
use serde_json::Value as Json;

use crate::checkpoints::StoredCheckpoints;
use crate::status::{Report, StatusWriter};
use crate::unit::Ending;

/// Why a step did not give its artifact.
enum Halt {
    Fault(StepFault),
    Cancelled,
}

impl From<StepFault> for Halt {
    fn from(fault: StepFault) -> Self {
        Halt::Fault(fault)
    }
}

impl From<LearnFault> for Halt {
    fn from(fault: LearnFault) -> Self {
        if fault.is_stop() {
            return Halt::Cancelled;
        }
        Halt::Fault(StepFault {
            code: fault.code.to_owned(),
            message: fault.message,
            help: fault.help,
        })
    }
}

/// Runs a step to its record. A result that is complete already is taken as it is.
pub(crate) fn run(
    spec: &StepSpec,
    bounds: &Bounds,
    status: &mut StatusWriter,
    ending: &Ending,
) -> ExitRecord {
    let mut step = Step {
        spec,
        bounds,
        status,
        ending,
        resumed_at: None,
    };
    match step.run() {
        Ok(manifest) => {
            tracing::info!(operation = spec.operation, key = spec.key, "done");
            let mut outputs = manifest.outputs;
            // Of this run alone, so not in the artifact: that is the same however it came to be.
            if let Some(epoch) = step.resumed_at {
                outputs.insert("resumed_at".to_owned(), Json::from(epoch));
            }
            ExitRecord::Done { outputs }
        }
        Err(Halt::Cancelled) => {
            tracing::info!("cancelled");
            ExitRecord::Cancelled
        }
        Err(Halt::Fault(fault)) => {
            tracing::error!(code = fault.code, "{}", fault.message);
            ExitRecord::Failed {
                code: fault.code,
                message: fault.message,
                help: fault.help,
            }
        }
    }
}

struct Step<'a> {
    spec: &'a StepSpec,
    bounds: &'a Bounds,
    status: &'a mut StatusWriter,
    ending: &'a Ending,
    /// The epoch that training went on from, if it did.
    resumed_at: Option<u32>,
}

impl<'a> Step<'a> {
    fn run(&mut self) -> Result<Manifest, Halt> {
        let spec = self.spec;
        if operation_version(&spec.operation) != Some(spec.version) {
            let message = format!(
                "This runtime does not have `{}` in version {}.",
                spec.operation, spec.version
            );
            return Err(StepFault::new(fault::STEP, message)
                .with_help("install `mlinfra` and `mlinfra-runtime` of the same version")
                .into());
        }
        let store = Store::open(&spec.store)?;
        if verify_artifact(&store, &spec.key)?
            && let Some(manifest) = read_manifest(&store, &spec.key)?
        {
            tracing::info!(key = spec.key, "the result is there already");
            return Ok(manifest);
        }
        // Only a training has something to save before it ends.
        self.ending.set_at_once(spec.operation != "train");
        let manifest = match spec.operation.as_str() {
            "train" => self.train(&store)?,
            "evaluate" => self.evaluate(&store)?,
            "register" => self.register(&store)?,
            _ => run_data_step(spec, self.bounds, &mut |progress| {
                self.status.report(Report {
                    note: progress.note,
                    done: progress.done,
                    figures: progress.figures,
                    lasting: false,
                });
            })?,
        };
        self.ending.set_at_once(false);
        Ok(manifest)
    }

    fn train(&mut self, store: &Store) -> Result<Manifest, Halt> {
        let spec = self.spec;
        let serving = spec
            .serving
            .clone()
            .ok_or_else(|| input_fault("The step was not told how a request becomes features."))?;
        let (data, features) = self.table("data")?;
        let validate = match spec.inputs.contains_key("validate") {
            true => Some(self.table("validate")?.0),
            false => None,
        };
        let label = label(&spec.settings, &features)?;
        let task = TrainTask::from_step(spec, self.bounds, &features, &label)?;
        let mut checkpoints = StoredCheckpoints::new(store, &spec.key);
        let (ending, status) = (self.ending, &mut *self.status);
        let trained = mlinfra_learn::train(
            &task,
            &data,
            validate.as_ref(),
            &mut checkpoints,
            &mut |epoch| {
                status.report(epoch_report(epoch));
                match ending.is_asked() {
                    true => Continue::Stop,
                    false => Continue::Go,
                }
            },
        )?;
        for reason in &trained.passed_over {
            tracing::warn!(reason, "a checkpoint was passed over");
        }
        if let Some(epoch) = trained.resumed_at {
            tracing::info!(epoch, exact = trained.exact, "went on from a checkpoint");
        }
        self.resumed_at = trained.resumed_at;
        let mut writer = ArtifactWriter::new(store, &spec.key, &spec.operation, spec.version);
        writer.add_object(MODEL_OBJECT, &trained.model.to_bytes())?;
        writer.add_object(SERVING_OBJECT, &json_bytes(&serving)?)?;
        writer.add_object(HISTORY_OBJECT, &json_bytes(&trained.history)?)?;
        // What later requests are compared with: the features as training saw them.
        let profile = mlinfra_data::profile(&data, trained.model.features());
        writer.add_object(PROFILE_OBJECT, &json_bytes(&profile)?)?;
        let predictor = Predictor::from_parts(trained.model, serving)?;
        writer.add_object(GOLDEN_OBJECT, &make_golden(&predictor)?.to_bytes())?;
        let manifest = writer.finish(outputs(trained.figures), trained.exact)?;
        checkpoints.remove_all()?;
        Ok(manifest)
    }

    fn evaluate(&mut self, store: &Store) -> Result<Manifest, Halt> {
        let spec = self.spec;
        let model = read_object(self.artifact("model")?, MODEL_OBJECT)?;
        let model = Model::from_bytes(&model)?;
        let task = EvaluateTask::from_step(spec)?;
        let (data, _) = self.table("data")?;
        let status = &mut *self.status;
        let evaluation = mlinfra_learn::evaluate(&model, &data, &task, &mut |progress| {
            status.report(Report {
                note: progress.note,
                done: Some(progress.done),
                ..Report::default()
            });
        })?;
        status.report(judged(&evaluation));
        let mut writer = ArtifactWriter::new(store, &spec.key, &spec.operation, spec.version);
        writer.add_object(EVALUATION_OBJECT, &json_bytes(&evaluation)?)?;
        Ok(writer.finish(evaluation_outputs(&evaluation), true)?)
    }

    fn register(&mut self, store: &Store) -> Result<Manifest, Halt> {
        let spec = self.spec;
        let model = self.artifact("model")?;
        if !verify_artifact(&Store::open(&model.store)?, &model.key)? {
            return Err(
                input_fault("The model to register is not there, or not whole.")
                    .with_help("Plan again: what is missing is made anew.")
                    .into(),
            );
        }
        let name = spec.settings.get("name").and_then(Value::as_text);
        let name = name.ok_or_else(|| input_fault("The release has no name."))?;
        let release = ReleaseRecord {
            name: name.to_owned(),
            model: model.key.clone(),
        };
        let mut writer = ArtifactWriter::new(store, &spec.key, &spec.operation, spec.version);
        writer.add_object(RELEASE_OBJECT, &json_bytes(&release)?)?;
        let outputs = BTreeMap::from([
            ("name".to_owned(), Json::from(release.name)),
            ("model".to_owned(), Json::from(release.model)),
        ]);
        Ok(writer.finish(outputs, true)?)
    }

    fn artifact(&self, parameter: &str) -> Result<&'a ArtifactReference, StepFault> {
        match self.spec.inputs.get(parameter) {
            Some(StepInput::Artifact { artifact, .. }) => Ok(artifact),
            _ => Err(input_fault(format!(
                "`{}` wants the result of a step as its `{parameter}`.",
                self.spec.operation
            ))),
        }
    }

    /// A table that flows in, with its columns.
    fn table(&mut self, parameter: &str) -> Result<(RecordBatch, TableType), StepFault> {
        self.status.report(Report {
            note: format!("reads {parameter}"),
            ..Report::default()
        });
        let artifact = self.artifact(parameter)?;
        let batch = read_table(artifact)?;
        if let Some(StepInput::Artifact {
            table: Some(table), ..
        }) = self.spec.inputs.get(parameter)
        {
            return Ok((batch, table.clone()));
        }
        let manifest = read_manifest(&Store::open(&artifact.store)?, &artifact.key)?;
        let object = format!("{}.parquet", artifact.part.as_deref().unwrap_or("data"));
        let entry = manifest.and_then(|mut manifest| manifest.objects.remove(&object));
        let table = entry.and_then(|entry| entry.table);
        let table = table.ok_or_else(|| {
            input_fault(format!("What flows in as `{parameter}` is not a table."))
        })?;
        Ok((batch, table))
    }
}

fn input_fault(message: impl Into<String>) -> StepFault {
    StepFault::new(fault::INPUT, message)
        .with_help("install `mlinfra` and `mlinfra-runtime` of the same version, and plan again")
}

/// The column to predict: named by the step, else the one that the data marks.
fn label(settings: &BTreeMap<String, Value>, features: &TableType) -> Result<String, StepFault> {
    let named = match settings.get("label") {
        Some(Value::String(name)) => Some(name.clone()),
        Some(Value::Reference(reference)) => reference.path.last().cloned(),
        Some(Value::Row(RowExpression::Column(name))) => Some(name.clone()),
        _ => None,
    };
    let marked = || {
        let is_label = |column: &&mlinfra_api::Column| column.classes.contains("label");
        features
            .columns
            .iter()
            .find(is_label)
            .map(|column| column.name.clone())
    };
    named
        .or_else(marked)
        .ok_or_else(|| input_fault("The step was not told which column to predict."))
}

fn epoch_report(epoch: &Epoch) -> Report {
    let mut figures = BTreeMap::from([("loss".to_owned(), epoch.loss)]);
    if let Some(validation) = epoch.validation {
        figures.insert("validation_loss".to_owned(), validation.loss);
        figures.extend(validation.auc.map(|auc| ("validation_auc".to_owned(), auc)));
    }
    Report {
        note: format!("epoch {}/{}", epoch.epoch, epoch.epochs),
        done: Some((u64::from(epoch.epoch), u64::from(epoch.epochs))),
        figures,
        lasting: true,
    }
}

/// The end of an evaluation: the figures that there are, and those that are undefined.
fn judged(evaluation: &Evaluation) -> Report {
    let figures = evaluation.figures();
    // Why, is in the artifact alone: the reason may name a group, which is what a cell says.
    for (figure, value) in &figures {
        if value.is_none() {
            tracing::warn!(figure, "a figure is undefined");
        }
    }
    let auc = figures.get("auc").copied().flatten();
    Report {
        note: auc.map_or_else(|| "judged".to_owned(), |auc| format!("auc {auc:.3}")),
        figures: figures
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name, value)))
            .collect(),
        lasting: true,
        ..Report::default()
    }
}

/// The figures of an evaluation as outputs: `null` where one is undefined.
fn evaluation_outputs(evaluation: &Evaluation) -> BTreeMap<String, Json> {
    let figures = evaluation.figures().into_iter();
    let mut outputs: BTreeMap<String, Json> = figures
        .map(|(name, value)| (name, value.map_or(Json::Null, Json::from)))
        .collect();
    outputs.insert("rows".to_owned(), Json::from(evaluation.rows));
    outputs.insert("positives".to_owned(), Json::from(evaluation.positives));
    outputs
}

/// Figures as JSON: counts as whole numbers.
fn outputs(figures: BTreeMap<String, f64>) -> BTreeMap<String, Json> {
    let whole = |name: &str| matches!(name, "rows" | "epochs" | "parameters");
    let json = |(name, figure): (String, f64)| {
        let value = match whole(&name) {
            true => Json::from(figure as u64),
            false => Json::from(figure),
        };
        (name, value)
    };
    figures.into_iter().map(json).collect()
}

/// The same bytes for the same value.
fn json_bytes(value: &impl Serialize) -> Result<Vec<u8>, StepFault> {
    let json = serde_json::to_value(value)
        .map_err(|_| StepFault::new(fault::PANIC, "A part of the result can't be written."))?;
    Ok(canonical_json(&json))
}
