//! The training loop: epochs of shuffled batches, checkpoints between them, and going on from one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use mlinfra_api::{ColumnBase, ColumnType, Digest};
use mlinfra_runtime_spec::history::{EpochFigures, History};
use mlinfra_runtime_spec::operation_version;

use crate::checkpoint::{Checkpoint, Checkpoints, Header};
use crate::columns;
use crate::encoding::{Encoding, Rows};
use crate::fault::{self, LearnFault};
use crate::fingerprint::fingerprint;
use crate::limits;
use crate::metrics::{area_under_curve, log_loss};
use crate::model::Model;
use crate::network::{Batch, Network};
use crate::optimizer::AdamW;
use crate::stream::Stream;
use crate::task::TrainTask;
use crate::weights;

/// Told after each epoch, when its checkpoint, if one was due, is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Which one, from 1.
    pub epoch: u32,
    /// Of how many.
    pub epochs: u32,
    /// The mean loss over the training rows while the epoch ran, in nats.
    pub loss: f64,
    /// How the model is on the validation data, if there is any.
    pub validation: Option<Validation>,
}

/// How a model under training is on other data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    /// The mean loss, in nats.
    pub loss: f64,
    /// The area under the ROC curve, if both labels occur.
    pub auc: Option<f64>,
}

/// What to do after an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continue {
    /// Go on.
    Go,
    /// Keep a checkpoint of this epoch, if checkpoints are kept at all, and end with
    /// [`fault::STOPPED`].
    Stop,
}

/// A finished training.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// Of the last epoch: `loss`, `validation_loss`, `validation_auc`; and `rows`, `epochs`,
    /// `parameters`.
    pub figures: BTreeMap<String, f64>,
    /// Every epoch, those before a resumption included.
    pub history: History,
    /// Whether every epoch ran under one fingerprint, so that the same recipe gives these bits.
    pub exact: bool,
    /// The epoch of the checkpoint that it went on from.
    pub resumed_at: Option<u32>,
    /// Why newer checkpoints were passed over, newest first.
    pub passed_over: Vec<String>,
}

/// Trains a model. It goes on from the newest checkpoint of this very recipe and data that can be
/// read; others are passed over. Progress and validation never change the result.
pub fn train(
    task: &TrainTask,
    data: &RecordBatch,
    validate: Option<&RecordBatch>,
    checkpoints: &mut dyn Checkpoints,
    progress: &mut dyn FnMut(&Epoch) -> Continue,
) -> Result<Trained, LearnFault> {
    task.check()?;
    let labels = read_label(data, &task.label)?;
    check_labels(&task.label, &labels)?;
    let encoding = Encoding::fit(&task.features, data)?;
    if weights::parameter_count(&task.architecture, encoding.width()).is_none() {
        let limit = limits::PARAMETERS_MAX;
        let message = format!("the model would have more than {limit} weights.");
        return Err(LearnFault::new(fault::SIZE, message)
            .help("Use smaller hidden layers, or exclude the category with the most texts."));
    }
    let rows = encoding.encode(data)?;
    let validation_labels = match validate {
        Some(data) => Some((data, read_label(data, &task.label)?)),
        None => None,
    };
    let recipe = recipe_digest(task, &encoding, &rows, &labels);
    let mut run = Run::start(task, &encoding, recipe, &labels, checkpoints)?;
    let resumed_at = (run.header.epoch > 0).then_some(run.header.epoch);
    let mut last_save = Instant::now();
    while run.header.epoch < task.epochs {
        let loss = run.epoch(task, &encoding, &rows, &labels)?;
        let validation = match &validation_labels {
            Some((data, labels)) => {
                let model = run.model(task, &encoding)?;
                Some(validation(&model, data, labels)?)
            }
            None => None,
        };
        run.note(loss, validation);
        let epoch = Epoch {
            epoch: run.header.epoch,
            epochs: task.epochs,
            loss,
            validation,
        };
        let due = is_due(task, run.header.epoch, last_save.elapsed());
        if due {
            run.save(checkpoints)?;
            last_save = Instant::now();
        }
        if progress(&epoch) == Continue::Stop {
            if !due && keeps_checkpoints(task) {
                run.save(checkpoints)?;
            }
            let message = format!("stopped after epoch {} of {}.", epoch.epoch, epoch.epochs);
            return Err(LearnFault::new(fault::STOPPED, message));
        }
    }
    let model = run.model(task, &encoding)?;
    let history = history(&run.header);
    let mut figures = run.header.figures;
    figures.insert("rows".to_owned(), labels.len() as f64);
    figures.insert("epochs".to_owned(), f64::from(task.epochs));
    figures.insert("parameters".to_owned(), model.parameter_count() as f64);
    Ok(Trained {
        model,
        figures,
        history,
        exact: run.header.exact,
        resumed_at,
        passed_over: run.passed_over,
    })
}

fn history(header: &Header) -> History {
    let epochs = (1..).zip(&header.history);
    let figures =
        |(epoch, (loss, validation_loss, validation_auc)): (u32, &(f64, _, _))| EpochFigures {
            epoch,
            loss: *loss,
            validation_loss: *validation_loss,
            validation_auc: *validation_auc,
        };
    History {
        epochs: epochs.map(figures).collect(),
        ..History::default()
    }
}

/// The label of each row.
pub(crate) fn read_label(data: &RecordBatch, label: &str) -> Result<Vec<bool>, LearnFault> {
    let column_type = ColumnType {
        base: ColumnBase::Bool,
        nullable: false,
    };
    let cells = columns::read(data, label, column_type).map_err(|fault| {
        LearnFault::new(
            fault::LABEL,
            format!("the label can't be used: {}", fault.message),
        )
        .help("Derive a bool column that is never missing, and name it as the label.")
    })?;
    Ok((0..data.num_rows())
        .map(|row| cells.number(row) != 0.0)
        .collect())
}

fn check_labels(label: &str, labels: &[bool]) -> Result<(), LearnFault> {
    if labels.is_empty() {
        return Err(
            LearnFault::new(fault::EMPTY, "there is no row to learn from.")
                .help("Look at the steps before: what they drop, and the shares of the split."),
        );
    }
    if labels.len() > limits::ROWS_MAX {
        let message = format!("there are more than {} rows.", limits::ROWS_MAX);
        return Err(LearnFault::new(fault::SIZE, message).help("Train on a sample."));
    }
    if labels.iter().all(|label| *label == labels[0]) {
        let message = format!(
            "label `{label}` is the same in all {} rows, so there is nothing to learn.",
            labels.len()
        );
        return Err(LearnFault::new(fault::LABEL, message)
            .help("Look at how it is derived, and split with `stratify` on it."));
    }
    Ok(())
}

fn keeps_checkpoints(task: &TrainTask) -> bool {
    task.checkpoint_every_epochs.is_some() || task.checkpoint_every_seconds.is_some()
}

fn is_due(task: &TrainTask, epoch: u32, since: Duration) -> bool {
    let last = keeps_checkpoints(task) && epoch == task.epochs;
    let by_epochs = task
        .checkpoint_every_epochs
        .is_some_and(|every| epoch.is_multiple_of(every));
    let by_time = task
        .checkpoint_every_seconds
        .is_some_and(|every| since.as_secs() >= every);
    last || by_epochs || by_time
}

/// Everything that decides the weights. Threads, checkpoints and validation are not in it.
fn recipe_digest(task: &TrainTask, encoding: &Encoding, rows: &Rows, labels: &[bool]) -> String {
    let version = operation_version("train").expect("this crate is the operation `train`");
    let settings = serde_json::json!({
        "version": version,
        "features": task.features,
        "label": task.label,
        "architecture": task.architecture,
        "epochs": task.epochs,
        "batch_size": task.batch_size,
        "learning_rate": task.learning_rate,
        "weight_decay": task.weight_decay,
        "seed": task.seed,
        "encoding": encoding,
    });
    let starts: Vec<u8> = rows
        .starts
        .iter()
        .flat_map(|start| start.to_le_bytes())
        .collect();
    let inputs: Vec<u8> = rows
        .inputs
        .iter()
        .flat_map(|input| input.to_le_bytes())
        .collect();
    let values: Vec<u8> = rows
        .values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let labels: Vec<u8> = labels.iter().map(|label| u8::from(*label)).collect();
    let settings = settings.to_string();
    let parts = [settings.as_bytes(), &starts, &inputs, &values, &labels];
    Digest::of_parts(parts).to_string()
}

fn validation(
    model: &Model,
    data: &RecordBatch,
    labels: &[bool],
) -> Result<Validation, LearnFault> {
    let logits = model.logits(data)?;
    Ok(Validation {
        loss: log_loss(&logits, labels),
        auc: area_under_curve(&logits, labels).map(|area| area.auc),
    })
}

/// A training between two epochs.
struct Run {
    header: Header,
    network: Network,
    optimizer: AdamW,
    shuffle: Stream,
    passed_over: Vec<String>,
}

impl Run {
    fn start(
        task: &TrainTask,
        encoding: &Encoding,
        recipe: String,
        labels: &[bool],
        checkpoints: &mut dyn Checkpoints,
    ) -> Result<Self, LearnFault> {
        let width = encoding.width();
        let positives = labels.iter().filter(|label| **label).count();
        let share = positives as f64 / labels.len() as f64;
        let network = Network::fresh(task, width, share)?;
        let steps = labels.len().div_ceil(task.batch_size) as u64 * u64::from(task.epochs);
        let (rate, decay) = (task.learning_rate, task.weight_decay);
        let mut run = Run {
            optimizer: AdamW::fresh(&network, rate, decay, steps)?,
            network,
            header: Header::new(recipe, fingerprint(task.threads)),
            shuffle: Stream::new(task.seed, "shuffle"),
            passed_over: Vec::new(),
        };
        let kept = checkpoints.newest_first().map_err(|reason| {
            LearnFault::new(
                fault::CHECKPOINT,
                format!("checkpoints can't be read: {reason}."),
            )
            .help("Check the folder's permissions and the disk, then apply again.")
        })?;
        for (epoch, bytes) in kept {
            let read = Checkpoint::from_bytes(&bytes, &run.header.recipe);
            match read.and_then(|checkpoint| fitting(checkpoint, task, width)) {
                Ok(checkpoint) => {
                    run.resume(task, checkpoint)?;
                    break;
                }
                Err(reason) => {
                    let note = format!("the checkpoint of epoch {epoch} was not used: {reason}");
                    run.passed_over.push(note);
                }
            }
        }
        Ok(run)
    }

    fn resume(&mut self, task: &TrainTask, checkpoint: Checkpoint) -> Result<(), LearnFault> {
        self.network = Network::from_arrays(task, &checkpoint.parameters)?;
        self.optimizer
            .restore(&checkpoint.first, &checkpoint.second)?;
        let fingerprint = std::mem::take(&mut self.header.fingerprint);
        self.header = checkpoint.header;
        self.header.exact &= self.header.fingerprint == fingerprint;
        self.header.fingerprint = fingerprint;
        Ok(())
    }

    /// Runs one epoch and gives its mean loss over the rows.
    fn epoch(
        &mut self,
        task: &TrainTask,
        encoding: &Encoding,
        rows: &Rows,
        labels: &[bool],
    ) -> Result<f64, LearnFault> {
        let count = u32::try_from(labels.len()).expect("the rows were counted against their limit");
        let mut order: Vec<u32> = (0..count).collect();
        self.shuffle
            .at(u64::from(self.header.epoch))
            .shuffle(&mut order);
        let epoch = self.header.epoch + 1;
        let mut sum = 0.0;
        for chosen in order.chunks(task.batch_size) {
            let batch = Batch::new(rows, labels, chosen, encoding.width())?;
            let step = self.header.step;
            let (loss, gradients) = self.network.loss_and_gradients(&batch, step)?;
            if !loss.is_finite() {
                return Err(diverged(epoch));
            }
            sum += loss * chosen.len() as f64;
            self.optimizer.step(&self.network, &gradients, step)?;
            self.header.step += 1;
        }
        let arrays = self.network.arrays()?;
        if !arrays
            .values()
            .all(|array| array.values.iter().all(|value| value.is_finite()))
        {
            return Err(diverged(epoch));
        }
        self.header.epoch = epoch;
        Ok(sum / labels.len() as f64)
    }

    fn note(&mut self, loss: f64, validation: Option<Validation>) {
        let validated = validation.map(|validation| validation.loss);
        let auc = validation.and_then(|validation| validation.auc);
        self.header.history.push((loss, validated, auc));
        let figures = &mut self.header.figures;
        figures.clear();
        figures.insert("loss".to_owned(), loss);
        if let Some(validation) = validation {
            figures.insert("validation_loss".to_owned(), validation.loss);
            if let Some(auc) = validation.auc {
                figures.insert("validation_auc".to_owned(), auc);
            }
        }
    }

    fn save(&self, checkpoints: &mut dyn Checkpoints) -> Result<(), LearnFault> {
        let (first, second) = self.optimizer.moments()?;
        let checkpoint = Checkpoint {
            header: self.header.clone(),
            parameters: self.network.arrays()?,
            first,
            second,
        };
        let epoch = self.header.epoch;
        checkpoints
            .save(epoch, &checkpoint.to_bytes())
            .map_err(|reason| {
                let message =
                    format!("the checkpoint of epoch {epoch} can't be written: {reason}.");
                LearnFault::new(fault::CHECKPOINT, message)
                    .help("Make room in the store, or check its folder's permissions.")
            })
    }

    fn model(&self, task: &TrainTask, encoding: &Encoding) -> Result<Model, LearnFault> {
        let model = Model::new(
            task.label.clone(),
            task.features.clone(),
            task.architecture.clone(),
            encoding.clone(),
            self.network.arrays()?,
        );
        Ok(model.expect("the network has the arrays of its architecture"))
    }
}

/// Whether a checkpoint, sound in itself, has the arrays of this network.
fn fitting(checkpoint: Checkpoint, task: &TrainTask, width: usize) -> Result<Checkpoint, String> {
    for arrays in [
        &checkpoint.parameters,
        &checkpoint.first,
        &checkpoint.second,
    ] {
        weights::check_shapes(arrays, &task.architecture, width)?;
    }
    if checkpoint.header.epoch > task.epochs {
        return Err("it is of a later epoch than the last".to_owned());
    }
    Ok(checkpoint)
}

fn diverged(epoch: u32) -> LearnFault {
    LearnFault::new(
        fault::DIVERGED,
        format!("in epoch {epoch} the loss was not a finite number any more: training diverged."),
    )
    .help("Lower `learning_rate` by a factor of ten.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::NoCheckpoints;
    use crate::task::Architecture;

    /// Weights are put beyond what a 32-bit float can multiply: in the second epoch, every loss is
    /// infinite or not a number, and nothing of it may become a model.
    #[test]
    fn a_diverging_training_stops_and_names_the_epoch() {
        let task = TrainTask {
            features: mlinfra_api::TableType::default(),
            label: "good".to_owned(),
            architecture: Architecture::Mlp {
                hidden: vec![4, 4],
                dropout: 0.0,
            },
            epochs: 3,
            batch_size: 2,
            learning_rate: 0.001,
            weight_decay: 0.0,
            seed: 1,
            checkpoint_every_epochs: None,
            checkpoint_every_seconds: None,
            threads: 1,
        };
        let data = RecordBatch::try_from_iter([(
            "age",
            std::sync::Arc::new(arrow::array::Int64Array::from(vec![1, 2, 3, 4]))
                as arrow::array::ArrayRef,
        )])
        .expect("one column");
        let columns = vec![mlinfra_api::Column {
            name: "age".to_owned(),
            column_type: ColumnType {
                base: ColumnBase::Int,
                nullable: false,
            },
            classes: Default::default(),
        }];
        let features = mlinfra_api::TableType { columns };
        let encoding = Encoding::fit(&features, &data).expect("a plain column");
        let rows = encoding.encode(&data).expect("a plain column");
        let labels = [true, false, true, false];
        let mut run = Run::start(&task, &encoding, String::new(), &labels, &mut NoCheckpoints)
            .expect("a small network");
        let loss = run
            .epoch(&task, &encoding, &rows, &labels)
            .expect("a finite loss");
        assert!(loss.is_finite());
        let mut arrays = run.network.arrays().expect("small arrays");
        for array in arrays.values_mut() {
            array
                .values
                .iter_mut()
                .for_each(|value| *value = value.abs().max(0.1) * 1e30);
        }
        run.network = Network::from_arrays(&task, &arrays).expect("a small network");
        let fault = run
            .epoch(&task, &encoding, &rows, &labels)
            .expect_err("no finite loss");
        assert_eq!(fault.code, fault::DIVERGED);
        assert!(fault.message.contains("epoch 2"), "{fault}");
        assert_eq!(run.header.epoch, 1);
    }
}
