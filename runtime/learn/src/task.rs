//! What is to be trained: the settings of a `train` step, read and checked.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{TableType, Value};
use mlinfra_runtime_spec::{Bounds, StepSpec};
use serde::{Deserialize, Serialize};

use crate::encoding::check_type;
use crate::fault::{self, LearnFault};
use crate::limits;

/// Rows of one step of the optimizer, where a spec does not say. As declared in the standard
/// library.
pub const DEFAULT_BATCH_SIZE: usize = 32;
/// The first step size, where a spec does not say. As declared in the standard library.
pub const DEFAULT_LEARNING_RATE: f64 = 0.001;
/// The share of a weight that decays at each step, times the step size, where a spec does not say.
/// As declared in the standard library.
pub const DEFAULT_WEIGHT_DECAY: f64 = 0.1;
/// Passes over the data, where a spec does not say. As declared in the standard library.
pub const DEFAULT_EPOCHS: u32 = 10;

/// The shape of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Architecture {
    /// Logistic regression.
    Linear,
    /// A multilayer perceptron with ReLU.
    Mlp {
        /// The units of each hidden layer, first layer first.
        hidden: Vec<usize>,
        /// The share of hidden units that are switched off at each training step: 0 to below 1.
        dropout: f64,
    },
}

/// A training, with everything that decides its result except the data.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainTask {
    /// The columns to learn from, without the label and without what is excluded.
    pub features: TableType,
    /// The bool column to predict.
    pub label: String,
    /// The model's shape.
    pub architecture: Architecture,
    /// Passes over the training data: at least 1.
    pub epochs: u32,
    /// Rows of one step of the optimizer: at least 1.
    pub batch_size: usize,
    /// The first step size; it falls in a straight line to 0.
    pub learning_rate: f64,
    /// The share of each weight that decays at a step, times the step size.
    pub weight_decay: f64,
    /// Decides every random choice.
    pub seed: u64,
    /// Write a checkpoint after each so many epochs, and after the last one.
    pub checkpoint_every_epochs: Option<u32>,
    /// Write one at the first end of an epoch after so many seconds. Does not change the result.
    pub checkpoint_every_seconds: Option<u64>,
    /// The size of candle's thread pools; for the fingerprint alone.
    pub threads: usize,
}

impl TrainTask {
    /// Reads the settings of a `train` step. Of `features`, the columns of the input, those named
    /// by `exclude` and the label are left out.
    pub fn from_step(
        spec: &StepSpec,
        bounds: &Bounds,
        features: &TableType,
        label: &str,
    ) -> Result<Self, LearnFault> {
        let settings = Settings(&spec.settings);
        let excluded = settings.names("exclude")?;
        let kept = |name: &str| name != label && name != "_row" && !excluded.contains(name);
        let columns = features.columns.iter().filter(|column| kept(&column.name));
        let (checkpoint_every_epochs, checkpoint_every_seconds) = settings.checkpoint()?;
        let seed = settings.0.get("seed").and_then(Value::as_int).unwrap_or(0);
        let task = TrainTask {
            features: TableType {
                columns: columns.cloned().collect(),
            },
            label: label.to_owned(),
            architecture: settings.architecture()?,
            epochs: settings.count("epochs", u64::from(DEFAULT_EPOCHS))? as u32,
            batch_size: settings.count("batch_size", DEFAULT_BATCH_SIZE as u64)? as usize,
            learning_rate: settings.number("learning_rate", DEFAULT_LEARNING_RATE)?,
            weight_decay: settings.number("weight_decay", DEFAULT_WEIGHT_DECAY)?,
            seed: seed.cast_unsigned(),
            checkpoint_every_epochs,
            checkpoint_every_seconds,
            threads: bounds.threads.max(1),
        };
        task.check()?;
        Ok(task)
    }

    /// Whether this can be trained at all, before any data is read.
    pub fn check(&self) -> Result<(), LearnFault> {
        for column in &self.features.columns {
            check_type(&column.name, column.column_type)?;
        }
        if self.features.columns.is_empty() {
            return Err(
                LearnFault::new(fault::EMPTY, "no feature is left to learn from.")
                    .help("Exclude fewer columns."),
            );
        }
        if self.epochs < 1 || self.epochs > limits::EPOCHS_MAX {
            return Err(out_of_range(
                "epochs",
                &format!("1 to {}", limits::EPOCHS_MAX),
            ));
        }
        if self.batch_size < 1 || self.batch_size > limits::BATCH_ROWS_MAX {
            return Err(out_of_range(
                "batch_size",
                &format!("1 to {}", limits::BATCH_ROWS_MAX),
            ));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 10.0) {
            return Err(out_of_range("learning_rate", "above 0, up to 10"));
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay * self.learning_rate < 1.0) {
            return Err(out_of_range(
                "weight_decay",
                "0 or more, its product with learning_rate below 1",
            ));
        }
        if self.checkpoint_every_epochs == Some(0) || self.checkpoint_every_seconds == Some(0) {
            return Err(out_of_range(
                "checkpoint",
                "an interval of at least 1 epoch or 1 s",
            ));
        }
        check_architecture(&self.architecture)
    }
}

/// Whether an architecture is within the limits.
pub(crate) fn check_architecture(architecture: &Architecture) -> Result<(), LearnFault> {
    let Architecture::Mlp { hidden, dropout } = architecture else {
        return Ok(());
    };
    if hidden.is_empty() || hidden.len() > limits::HIDDEN_LAYERS_MAX {
        let range = format!("1 to {} layers", limits::HIDDEN_LAYERS_MAX);
        return Err(out_of_range("hidden", &range));
    }
    if !hidden
        .iter()
        .all(|units| (1..=limits::UNITS_PER_LAYER_MAX).contains(units))
    {
        let range = format!("1 to {} units a layer", limits::UNITS_PER_LAYER_MAX);
        return Err(out_of_range("hidden", &range));
    }
    if !(0.0..1.0).contains(dropout) {
        return Err(out_of_range("dropout", "0% to below 100%"));
    }
    Ok(())
}

fn out_of_range(setting: &str, range: &str) -> LearnFault {
    LearnFault::new(
        fault::SETTING,
        format!("setting `{setting}` is outside what can be trained: {range}."),
    )
    .help("Change it in the spec.")
}

pub(crate) fn unreadable(setting: &str, wanted: &str) -> LearnFault {
    LearnFault::new(
        fault::SETTING,
        format!("setting `{setting}` is not {wanted}."),
    )
    .help("Change it in the spec.")
}

/// The settings of a step; one that was not written is absent or `none`.
pub(crate) struct Settings<'a>(pub(crate) &'a BTreeMap<String, Value>);

impl<'a> Settings<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| **value != Value::None)
    }

    fn count(&self, name: &str, default: u64) -> Result<u64, LearnFault> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        let count = value.as_int().or_else(|| exact_int(value));
        count
            .and_then(|count| u32::try_from(count).ok())
            .map(u64::from)
            .ok_or_else(|| unreadable(name, "a whole number above 0"))
    }

    pub(crate) fn number(&self, name: &str, default: f64) -> Result<f64, LearnFault> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => as_number(value).ok_or_else(|| unreadable(name, "a number")),
        }
    }

    /// A list of columns, however the checker wrote their names.
    fn names(&self, name: &str) -> Result<BTreeSet<String>, LearnFault> {
        let Some(value) = self.get(name) else {
            return Ok(BTreeSet::new());
        };
        let list = value
            .as_list()
            .map(|list| list.iter().map(column_name).collect());
        list.flatten()
            .ok_or_else(|| unreadable(name, "a list of columns"))
    }

    fn architecture(&self) -> Result<Architecture, LearnFault> {
        let wanted = "`linear` or `mlp(hidden = [..])`";
        let fail = || unreadable("architecture", wanted);
        let Some(Value::Case { name, arguments }) = self.get("architecture") else {
            return Err(fail());
        };
        match name.as_str() {
            "linear" => Ok(Architecture::Linear),
            "mlp" => {
                let arguments = Settings(arguments);
                let hidden = arguments
                    .get("hidden")
                    .and_then(Value::as_list)
                    .ok_or_else(fail)?;
                let units = |value: &Value| usize::try_from(value.as_int()?).ok();
                Ok(Architecture::Mlp {
                    hidden: hidden
                        .iter()
                        .map(units)
                        .collect::<Option<_>>()
                        .ok_or_else(fail)?,
                    dropout: arguments.number("dropout", 0.0)?,
                })
            }
            _ => Err(fail()),
        }
    }

    /// `every(interval = 5 epochs)` or `every(interval = 5 min)`.
    fn checkpoint(&self) -> Result<(Option<u32>, Option<u64>), LearnFault> {
        let fail = || unreadable("checkpoint", "`every(..)` so many epochs or so much time");
        let Some(value) = self.get("checkpoint") else {
            return Ok((None, None));
        };
        let Value::Case { name, arguments } = value else {
            return Err(fail());
        };
        let Some(Value::Quantity(interval)) = arguments.get("interval") else {
            return Err(fail());
        };
        let amount = u64::try_from(interval.amount.ceil()).map_err(|_| fail())?;
        match (name.as_str(), interval.dimension.to_string().as_str()) {
            ("every", "epoch") => {
                let epochs = u32::try_from(amount).map_err(|_| fail())?;
                Ok((Some(epochs), None))
            }
            ("every", "second") => Ok((None, Some(amount))),
            _ => Err(fail()),
        }
    }
}

/// A decimal as the nearest float; a quantity without a dimension counts as its amount.
fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Decimal(number) => number.to_string().parse().ok(),
        Value::Quantity(quantity) if quantity.dimension.is_none() => {
            quantity.amount.to_string().parse().ok()
        }
        _ => None,
    }
}

/// A count that was written with its unit: `30 epochs`.
fn exact_int(value: &Value) -> Option<i64> {
    match value {
        Value::Quantity(quantity) => i64::try_from(quantity.amount.normalize()).ok(),
        _ => None,
    }
}

pub(crate) fn column_name(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.clone()),
        Value::Case { name, .. } => Some(name.clone()),
        Value::Row(mlinfra_api::RowExpression::Column(name)) => Some(name.clone()),
        Value::Reference(reference) => reference.path.last().cloned(),
        _ => None,
    }
}
