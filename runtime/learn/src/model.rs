//! A trained model: what it is made of, its file, and its answers.
//!
//! Answers are computed in f64 by plain loops in one fixed order, never by candle's kernels: a row
//! gets the same bits alone, in any batch, on any processor and with any number of threads.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use mlinfra_api::TableType;
use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;
use crate::fault::{self, LearnFault};
use crate::network::sigmoid;
use crate::task::{Architecture, check_architecture};
use crate::weights::{self, Array, Arrays};

/// The format of the model file that this program writes.
pub const MODEL_FORMAT: u32 = 1;

/// A model that predicts a bool column of a table from others.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    header: Header,
    layers: Vec<Layer>,
}

/// All of the file but the numbers of the layers. The order of the fields is that of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    label: String,
    features: TableType,
    architecture: Architecture,
    encoding: Encoding,
}

/// A dense layer; `weights` is `[inputs, outputs]`, row by row.
#[derive(Clone, Debug, PartialEq)]
struct Layer {
    outputs: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Model {
    /// Puts a model together; the arrays are those of the architecture.
    pub(crate) fn new(
        label: String,
        features: TableType,
        architecture: Architecture,
        encoding: Encoding,
        arrays: Arrays,
    ) -> Result<Self, String> {
        weights::check_shapes(&arrays, &architecture, encoding.width())?;
        let header = Header {
            format: MODEL_FORMAT,
            label,
            features,
            architecture,
            encoding,
        };
        let layers = layers(arrays);
        Ok(Model { header, layers })
    }

    /// The columns that it wants, in order.
    pub fn features(&self) -> &TableType {
        &self.header.features
    }

    /// The column that it predicts.
    pub fn label(&self) -> &str {
        &self.header.label
    }

    /// Its shape.
    pub fn architecture(&self) -> &Architecture {
        &self.header.architecture
    }

    /// How a row becomes numbers.
    pub fn encoding(&self) -> &Encoding {
        &self.header.encoding
    }

    /// The texts of a category feature seen in training, sorted; none for another column. Any other
    /// text is answered as if the column said nothing.
    pub fn vocabulary(&self, column: &str) -> Option<&[String]> {
        self.header.encoding.vocabulary(column)
    }

    /// How many numbers it learned.
    pub fn parameter_count(&self) -> usize {
        let of = |layer: &Layer| layer.weights.len() + layer.bias.len();
        self.layers.iter().map(of).sum()
    }

    /// For each row, the probability that the label is true. The table has the features, by name;
    /// other columns are ignored.
    pub fn predict(&self, data: &RecordBatch) -> Result<Vec<f64>, LearnFault> {
        Ok(self.logits(data)?.into_iter().map(sigmoid).collect())
    }

    /// For each row, the logarithm of the odds that the label is true.
    pub(crate) fn logits(&self, data: &RecordBatch) -> Result<Vec<f64>, LearnFault> {
        let rows = self.header.encoding.encode(data)?;
        let mut logits = Vec::with_capacity(rows.count());
        let mut flow = Vec::new();
        let mut next = Vec::new();
        for row in 0..rows.count() {
            let (inputs, values) = rows.row(row);
            let entries = inputs.iter().zip(values);
            let entries = entries.map(|(input, value)| (*input as usize, f64::from(*value)));
            self.layers[0].apply(entries, &mut flow);
            for layer in &self.layers[1..] {
                let entries = flow.iter().map(|value| value.max(0.0)).enumerate();
                layer.apply(entries, &mut next);
                std::mem::swap(&mut flow, &mut next);
            }
            if !flow[0].is_finite() {
                return Err(LearnFault::new(
                    fault::MODEL,
                    format!("the model's answer for row {row} (counted from 0) is not a number."),
                )
                .help("Its weights are too large: train it again."));
            }
            logits.push(flow[0]);
        }
        Ok(logits)
    }

    /// The model's file: the same model gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut arrays = BTreeMap::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let inputs = layer.weights.len() / layer.outputs;
            let weight = Array {
                shape: vec![inputs, layer.outputs],
                values: layer.weights.clone(),
            };
            let bias = Array {
                shape: vec![layer.outputs],
                values: layer.bias.clone(),
            };
            arrays.insert(weights::weight_name(index), weight);
            arrays.insert(weights::bias_name(index), bias);
        }
        let header = serde_json::to_string(&self.header)
            .expect("a header has text keys and finite numbers alone");
        weights::to_bytes(&arrays, &header)
    }

    /// Reads a model's file. Any bytes may come in; what is not a model is refused, with no more
    /// memory taken than the file has bytes, times a few.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearnFault> {
        read(bytes).map_err(|reason| {
            LearnFault::new(
                fault::MODEL,
                format!("the model file can't be used: {reason}."),
            )
            .help("Delete the artifact and apply again, so that the model is made anew.")
        })
    }
}

impl Layer {
    /// Adds bias and weights in the order of the inputs; an input of 0 adds nothing.
    fn apply(&self, entries: impl Iterator<Item = (usize, f64)>, result: &mut Vec<f64>) {
        result.clear();
        result.extend(self.bias.iter().map(|bias| f64::from(*bias)));
        for (input, value) in entries {
            if value == 0.0 {
                continue;
            }
            let weights = &self.weights[input * self.outputs..][..self.outputs];
            for (sum, weight) in result.iter_mut().zip(weights) {
                *sum += value * f64::from(*weight);
            }
        }
    }
}

/// Arrays whose shapes were checked, as layers. Their names sort as `layer00.bias`,
/// `layer00.weight`, `layer01.bias`, …
fn layers(arrays: Arrays) -> Vec<Layer> {
    let mut layers = Vec::with_capacity(arrays.len() / 2);
    let mut arrays = arrays.into_values();
    while let (Some(bias), Some(weight)) = (arrays.next(), arrays.next()) {
        layers.push(Layer {
            outputs: bias.values.len(),
            weights: weight.values,
            bias: bias.values,
        });
    }
    layers
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

fn read(bytes: &[u8]) -> Result<Model, String> {
    let (arrays, header) = weights::from_bytes(bytes)?;
    // The format is read first: a later one may have any other field.
    let unreadable = |_| "its header was not written by this program".to_owned();
    let Format { format } = serde_json::from_str(&header).map_err(unreadable)?;
    if format != MODEL_FORMAT {
        return Err(format!(
            "its format is {format}, and this program reads {MODEL_FORMAT}"
        ));
    }
    let header: Header = serde_json::from_str(&header).map_err(unreadable)?;
    check_architecture(&header.architecture).map_err(|fault| fault.message)?;
    header.encoding.check(&header.features)?;
    let Header {
        label,
        features,
        architecture,
        encoding,
        ..
    } = header;
    Model::new(label, features, architecture, encoding, arrays)
}
