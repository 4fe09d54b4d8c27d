//! How a training went, epoch by epoch (`history.json` beside the model).

use serde::{Deserialize, Serialize};

/// The object of a model's artifact that holds its [`History`].
pub const HISTORY_OBJECT: &str = "history.json";

/// Every epoch of a training, in order. It is the same however often the training was resumed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// From the first.
    pub epochs: Vec<EpochFigures>,
}

/// One epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochFigures {
    /// Which one, from 1.
    pub epoch: u32,
    /// The mean loss over the training rows while the epoch ran, in nats.
    pub loss: f64,
    /// The mean loss over the validation rows after it, in nats; none without such rows.
    pub validation_loss: Option<f64>,
    /// The area under the ROC curve over the validation rows, if both labels occur in them.
    pub validation_auc: Option<f64>,
}
