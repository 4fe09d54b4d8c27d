//! Judging a model on data that it did not see: what an `evaluate` step is asked for, and doing it.
//!
//! `quality` says how good its probabilities are, [`fairness`] how it treats groups,
//! [`importance`], [`dependence`] and [`lime`] what its answers rest on. All of them give the same
//! bits for the same model, table and seed: sums are taken in row order, and every random choice
//! comes from a stream of its own.

mod cells;
pub mod dependence;
pub mod fairness;
pub mod importance;
pub mod interval;
pub mod lime;
mod quality;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use mlinfra_api::Value;
use mlinfra_runtime_spec::StepSpec;
use mlinfra_runtime_spec::evaluation::{EVALUATION_FORMAT, Evaluation, THRESHOLD};

pub use cells::{Explained, Predict};

use crate::fault::{self, LearnFault};
use crate::metrics::area_under_curve;
use crate::model::Model;
use crate::task::{Settings, column_name, unreadable};
use crate::training::read_label;
use fairness::Attribute;
use importance::Score;
use quality::Answers;

/// What a model is to be judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluateTask {
    /// Whether each feature is shuffled to see what is lost.
    pub permutation: bool,
    /// Whether the mean answer is followed along each feature.
    pub partial_dependence: bool,
    /// Whether single rows are explained.
    pub lime: bool,
    /// By which groups it is judged.
    pub fairness: Option<FairnessTask>,
    /// Of every random choice.
    pub seed: u64,
}

/// By which groups a model is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct FairnessTask {
    /// The columns.
    pub by: Vec<String>,
    /// Combinations of columns.
    pub intersections: Vec<Vec<String>>,
    /// A group with fewer rows is too small to be judged.
    pub min_group: u64,
}

/// The fewest rows of a group, where a spec does not say. As declared in the standard library.
pub const DEFAULT_MIN_GROUP: u64 = 10;

impl EvaluateTask {
    /// Reads the settings of an `evaluate` step.
    pub fn from_step(spec: &StepSpec) -> Result<Self, LearnFault> {
        let settings = Settings(&spec.settings);
        let mut task = EvaluateTask::default();
        let wanted = "a list of `permutation`, `partial_dependence` and `lime`";
        if let Some(value) = settings.get("explain") {
            let fail = || unreadable("explain", wanted);
            for kind in value.as_list().ok_or_else(fail)? {
                match kind.as_case() {
                    Some("permutation") => task.permutation = true,
                    Some("partial_dependence") => task.partial_dependence = true,
                    Some("lime") => task.lime = true,
                    _ => return Err(fail()),
                }
            }
        }
        if let Some(value) = settings.get("fairness") {
            task.fairness = Some(fairness_task(value)?);
        }
        let seed = settings.get("seed").and_then(Value::as_int).unwrap_or(0);
        task.seed = seed.cast_unsigned();
        Ok(task)
    }

    /// Every list of columns that groups are made of, without repetitions.
    fn groupings(&self) -> Vec<Vec<String>> {
        let mut found: Vec<Vec<String>> = Vec::new();
        if let Some(fairness) = &self.fairness {
            let single = fairness.by.iter().map(|column| vec![column.clone()]);
            for columns in single.chain(fairness.intersections.iter().cloned()) {
                if !columns.is_empty() && !found.contains(&columns) {
                    found.push(columns);
                }
            }
        }
        found
    }
}

fn fairness_task(value: &Value) -> Result<FairnessTask, LearnFault> {
    let fail = || {
        unreadable(
            "fairness",
            "a body with `by`, `intersections` and `min_group`",
        )
    };
    let record = value.as_record().ok_or_else(fail)?;
    let given = |name: &str| record.get(name).filter(|value| **value != Value::None);
    let names = |value: &Value| -> Option<Vec<String>> {
        value.as_list()?.iter().map(column_name).collect()
    };
    let by = given("by").map_or(Some(Vec::new()), names);
    let intersections = given("intersections").map_or(Some(Vec::new()), |value| {
        value.as_list()?.iter().map(names).collect()
    });
    let min_group = match given("min_group") {
        None => Some(DEFAULT_MIN_GROUP),
        Some(value) => value.as_int().and_then(|count| u64::try_from(count).ok()),
    };
    Ok(FairnessTask {
        by: by.ok_or_else(fail)?,
        intersections: intersections.ok_or_else(fail)?,
        min_group: min_group.ok_or_else(fail)?,
    })
}

/// What is being done, for whoever waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// `permutation 3/17`.
    pub note: String,
    /// Parts done, and all of them.
    pub done: (u64, u64),
}

/// Judges a model on a table that has its features, its label and the columns of all groups. Both
/// labels must occur. A row is selected from the probability on from which an endpoint says true.
pub fn evaluate(
    model: &Model,
    data: &RecordBatch,
    task: &EvaluateTask,
    progress: &mut dyn FnMut(Progress),
) -> Result<Evaluation, LearnFault> {
    let mut steps = Steps::new(task, model.features().columns.len(), progress);
    steps.begin("quality", None);
    let labels = read_label(data, model.label())?;
    let logits = model.logits(data)?;
    let Some(area) = area_under_curve(&logits, &labels) else {
        return Err(one_label(model.label(), labels.len()));
    };
    let answers = Answers {
        logits: &logits,
        labels: &labels,
        threshold: THRESHOLD,
    };
    let probabilities = answers.probabilities();
    let mut found = Evaluation {
        format: EVALUATION_FORMAT,
        label: model.label().to_owned(),
        rows: labels.len() as u64,
        positives: labels.iter().filter(|label| **label).count() as u64,
        threshold: THRESHOLD,
        quality: quality::measures(&answers, &area, task.seed),
        roc: quality::roc(&logits, &labels),
        calibration: quality::calibration(&probabilities, &labels),
        confusion: answers.confusion(),
        ..Evaluation::default()
    };
    let selected = answers.selected();
    for columns in task.groupings() {
        steps.begin(&format!("fairness by {}", columns.join(", ")), None);
        let attributes: Vec<Attribute> = columns
            .iter()
            .map(|column| attribute(data, column))
            .collect::<Result<_, _>>()?;
        let attributes: Vec<&Attribute> = attributes.iter().collect();
        let min_group = task
            .fairness
            .as_ref()
            .map_or(DEFAULT_MIN_GROUP, |f| f.min_group);
        let judged = fairness::fairness(&selected, &labels, &attributes, min_group, task.seed);
        found.fairness.push(judged);
    }
    explain(model, data, &labels, task, &mut found, &mut steps)?;
    Ok(found)
}

/// The parts that ask the model about rows that nobody has.
fn explain(
    model: &Model,
    data: &RecordBatch,
    labels: &[bool],
    task: &EvaluateTask,
    found: &mut Evaluation,
    steps: &mut Steps<'_>,
) -> Result<(), LearnFault> {
    if !(task.permutation || task.partial_dependence || task.lime) {
        return Ok(());
    }
    let (sample, rows) = cells::explained_rows(data, model.features(), labels, task.seed)?;
    let labels: Vec<bool> = rows.iter().map(|row| labels[*row as usize]).collect();
    let count = model.features().columns.len();
    let (rank, ask) = (
        |batch: &RecordBatch| model.logits(batch),
        |batch: &RecordBatch| model.predict(batch),
    );
    let asked = |predict| Explained {
        predict,
        data: &sample,
        features: model.features(),
        seed: task.seed,
    };
    if task.permutation {
        let auc = |logits: &[f64]| {
            area_under_curve(logits, &labels)
                .expect("both labels occur, and a sample has rows of either")
                .auc
        };
        let score = Score {
            name: "auc",
            of: &auc,
        };
        let mut begin = |place: usize| steps.begin("permutation", Some((place + 1, count)));
        found.importance = Some(importance::importance(&asked(&rank), &score, &mut begin)?);
    }
    if task.partial_dependence {
        for (place, feature) in model.features().columns.iter().enumerate() {
            steps.begin("partial dependence", Some((place + 1, count)));
            let dependence = dependence::partial_dependence(&asked(&ask), feature)?;
            found.partial_dependence.push(dependence);
        }
    }
    if task.lime {
        let mut begin = |seed: u64| {
            steps.begin("lime", Some((seed as usize + 1, lime::SEEDS as usize)));
        };
        let cases = typical(&model.logits(&sample)?);
        found.lime = Some(lime::lime(&asked(&ask), &cases, &mut begin)?);
    }
    Ok(())
}

/// The rows with the lowest, the middle and the highest prediction; of equal ones the first.
fn typical(logits: &[f64]) -> Vec<(&'static str, usize)> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*a].total_cmp(&logits[*b]).then(a.cmp(b)));
    let mut cases = Vec::new();
    if let [first, .., last] = order[..] {
        cases.push(("lowest prediction", first));
        if order.len() > 2 {
            cases.push(("middle prediction", order[(order.len() - 1) / 2]));
        }
        cases.push(("highest prediction", last));
    }
    cases
}

/// Tells how far an evaluation is.
struct Steps<'p> {
    done: u64,
    all: u64,
    progress: &'p mut dyn FnMut(Progress),
}

impl<'p> Steps<'p> {
    fn new(task: &EvaluateTask, features: usize, progress: &'p mut dyn FnMut(Progress)) -> Self {
        let each = u64::from(task.permutation) + u64::from(task.partial_dependence);
        let lime = if task.lime { lime::SEEDS } else { 0 };
        Steps {
            done: 0,
            all: 1 + task.groupings().len() as u64 + each * features as u64 + lime,
            progress,
        }
    }

    /// Says what comes next.
    fn begin(&mut self, what: &str, part: Option<(usize, usize)>) {
        let note = match part {
            Some((part, of)) => format!("{what} {part}/{of}"),
            None => what.to_owned(),
        };
        (self.progress)(Progress {
            note,
            done: (self.done, self.all),
        });
        self.done += 1;
    }
}

fn one_label(label: &str, rows: usize) -> LearnFault {
    let message = match rows {
        0 => "there is no row to judge the model on.".to_owned(),
        _ => {
            format!("label `{label}` is the same in all {rows} rows, so nothing can be told apart.")
        }
    };
    LearnFault::new(fault::EVALUATION, message)
        .help("Judge on a larger part, or split with `stratify` on the label.")
}

/// The groups that a column sorts the rows into.
fn attribute(data: &RecordBatch, column: &str) -> Result<Attribute, LearnFault> {
    let Some(array) = data.column_by_name(column) else {
        let message = format!("the data has no column `{column}`, by which the model is judged.");
        return Err(LearnFault::new(fault::EVALUATION, message)
            .help("Keep it in the data, and name it in `exclude` of the `train` step."));
    };
    let found = array.data_type();
    let text = array.as_string_opt::<i32>().is_some();
    let sorts = text || found.is_integer() || matches!(found, DataType::Boolean | DataType::Date32);
    let texts = match sorts {
        true => cast(array, &DataType::Utf8).ok(),
        false => None,
    };
    let Some(texts) = texts else {
        let message = format!("rows can't be grouped by column `{column}`: it holds {found}.");
        return Err(LearnFault::new(fault::EVALUATION, message)
            .help("Derive a category from it, for instance with `if .. then .. else ..`."));
    };
    let texts = texts.as_string::<i32>();
    Ok(Attribute {
        column: column.to_owned(),
        groups: texts.iter().map(|cell| cell.map(str::to_owned)).collect(),
    })
}
