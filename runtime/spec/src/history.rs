//! How a training went, epoch by epoch (`history.json` beside the model).

use serde::{Deserialize, Serialize};

use crate::stored::Stored;

/// The object of a model's artifact that holds its [`History`].
pub const HISTORY_OBJECT: &str = "history.json";

/// The format of [`History`].
pub const HISTORY_FORMAT: u32 = 1;

/// Every epoch of a training, in order. It is the same however often the training was resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// [`HISTORY_FORMAT`].
    pub format: u32,
    /// From the first.
    pub epochs: Vec<EpochFigures>,
}

impl Default for History {
    fn default() -> Self {
        History {
            format: HISTORY_FORMAT,
            epochs: Vec::new(),
        }
    }
}

impl Stored for History {
    const FORMAT: u32 = HISTORY_FORMAT;
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
