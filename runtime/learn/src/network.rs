//! The network while it trains: its parameters as candle variables, forward pass and gradients.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};

use crate::encoding::Rows;
use crate::fault::{self, LearnFault};
use crate::stream::{Draws, Stream};
use crate::task::{Architecture, TrainTask};
use crate::weights::{self, Array, Arrays};

/// Parameters by name, and the streams that dropout draws from.
pub(crate) struct Network {
    pub(crate) parameters: BTreeMap<String, Var>,
    layers: usize,
    dropout: f64,
    streams: Vec<Stream>,
}

/// Gradients by name of the parameter.
pub(crate) type Gradients = BTreeMap<String, Tensor>;

/// One batch: dense inputs `[rows, inputs]` and a label of 0 or 1 for each row.
pub(crate) struct Batch {
    inputs: Tensor,
    labels: Vec<f32>,
}

impl Batch {
    /// The rows of these numbers, in this order.
    pub(crate) fn new(
        rows: &Rows,
        labels: &[bool],
        chosen: &[u32],
        width: usize,
    ) -> Result<Self, LearnFault> {
        let mut dense = vec![0.0_f32; chosen.len() * width];
        for (line, row) in dense.chunks_exact_mut(width).zip(chosen) {
            let (inputs, values) = rows.row(*row as usize);
            for (input, value) in inputs.iter().zip(values) {
                line[*input as usize] = *value;
            }
        }
        let labels = chosen
            .iter()
            .map(|row| f32::from(u8::from(labels[*row as usize])));
        Ok(Batch {
            inputs: Tensor::from_vec(dense, (chosen.len(), width), &Device::Cpu)?,
            labels: labels.collect(),
        })
    }
}

impl Network {
    /// Fresh parameters: weights uniform as Glorot and Bengio (2010) have it, from one stream for
    /// each layer; all 0 for a linear model, whose loss has no symmetry to break. Biases are 0,
    /// except the last: the logarithm of the odds in the training data, of which this is the share
    /// of rows whose label is true.
    pub(crate) fn fresh(task: &TrainTask, inputs: usize, share: f64) -> Result<Self, LearnFault> {
        let mut arrays = Arrays::new();
        let sizes = weights::layer_sizes(&task.architecture, inputs);
        for (layer, (from, to)) in sizes.iter().copied().enumerate() {
            let name = weights::weight_name(layer);
            let mut draws = Stream::new(task.seed, &format!("initial.{name}")).at(0);
            let bound = match task.architecture {
                Architecture::Linear => 0.0,
                Architecture::Mlp { .. } => (6.0 / (from + to) as f64).sqrt() as f32,
            };
            let values = (0..from * to).map(|_| (draws.unit() * 2.0 - 1.0) * bound);
            let array = Array {
                shape: vec![from, to],
                values: values.collect(),
            };
            arrays.insert(name, array);
            let last = layer + 1 == sizes.len();
            let bias = if last {
                (share / (1.0 - share)).ln() as f32
            } else {
                0.0
            };
            let bias = Array {
                shape: vec![to],
                values: vec![bias; to],
            };
            arrays.insert(weights::bias_name(layer), bias);
        }
        Network::from_arrays(task, &arrays)
    }

    /// A network with these parameters, whose shapes were checked.
    pub(crate) fn from_arrays(task: &TrainTask, arrays: &Arrays) -> Result<Self, LearnFault> {
        let mut parameters = BTreeMap::new();
        for (name, array) in arrays {
            let var = Var::from_slice(&array.values, array.shape.as_slice(), &Device::Cpu)?;
            parameters.insert(name.clone(), var);
        }
        let (layers, dropout) = match &task.architecture {
            Architecture::Linear => (1, 0.0),
            Architecture::Mlp { hidden, dropout } => (hidden.len() + 1, *dropout),
        };
        let stream = |layer| Stream::new(task.seed, &format!("dropout.layer{layer:02}"));
        Ok(Network {
            parameters,
            layers,
            dropout,
            streams: (0..layers).map(stream).collect(),
        })
    }

    /// The loss of a batch (mean cross-entropy, in f64 and row order) and its gradients. Dropout
    /// draws from the given step of its streams.
    ///
    /// The gradient of the loss by the logit is `(sigmoid(z) - y) / n` exactly; handing it to the
    /// backward pass as a constant factor avoids differentiating the stable form of the loss,
    /// whose pieces have no derivative at 0, where every linear model starts.
    pub(crate) fn loss_and_gradients(
        &self,
        batch: &Batch,
        step: u64,
    ) -> Result<(f64, Gradients), LearnFault> {
        let rows = batch.labels.len();
        let logits = self.forward(&batch.inputs, step)?.squeeze(1)?;
        let values: Vec<f32> = logits.to_vec1()?;
        let mut loss = 0.0;
        let mut slopes = Vec::with_capacity(rows);
        for (logit, label) in values.iter().zip(&batch.labels) {
            let (logit, label) = (f64::from(*logit), f64::from(*label));
            loss += cross_entropy(logit, label);
            slopes.push(((sigmoid(logit) - label) / rows as f64) as f32);
        }
        let slopes = Tensor::from_vec(slopes, rows, &Device::Cpu)?;
        let mut store = (logits * slopes)?.sum_all()?.backward()?;
        let mut gradients = Gradients::new();
        for (name, var) in &self.parameters {
            let Some(gradient) = store.remove(var.as_tensor()) else {
                return Err(LearnFault::new(
                    fault::NO_GRADIENT,
                    format!("no gradient reaches `{name}`, so it would never be trained."),
                )
                .help("This is a fault of mlinfra: report it with the architecture."));
            };
            gradients.insert(name.clone(), gradient);
        }
        Ok((loss / rows as f64, gradients))
    }

    fn forward(&self, inputs: &Tensor, step: u64) -> Result<Tensor, LearnFault> {
        let mut flow = inputs.clone();
        for layer in 0..self.layers {
            let weight = self.parameters[&weights::weight_name(layer)].as_tensor();
            let bias = self.parameters[&weights::bias_name(layer)].as_tensor();
            flow = flow.matmul(weight)?.broadcast_add(bias)?;
            if layer + 1 < self.layers {
                flow = flow.relu()?;
                if self.dropout > 0.0 {
                    let mut draws = self.streams[layer].at(step);
                    flow = (flow.clone() * dropout_mask(&flow, self.dropout, &mut draws)?)?;
                }
            }
        }
        Ok(flow)
    }

    /// The parameters as they are now.
    pub(crate) fn arrays(&self) -> Result<Arrays, LearnFault> {
        tensors_to_arrays(
            self.parameters
                .iter()
                .map(|(name, var)| (name, var.as_tensor())),
        )
    }
}

/// Copies tensors into plain arrays.
pub(crate) fn tensors_to_arrays<'a>(
    tensors: impl Iterator<Item = (&'a String, &'a Tensor)>,
) -> Result<Arrays, LearnFault> {
    let mut arrays = Arrays::new();
    for (name, tensor) in tensors {
        let values = tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?;
        let shape = tensor.dims().to_vec();
        arrays.insert(name.clone(), Array { shape, values });
    }
    Ok(arrays)
}

/// 0 with the given probability, else what keeps the mean: 1 / (1 − probability).
fn dropout_mask(like: &Tensor, ratio: f64, draws: &mut Draws) -> Result<Tensor, LearnFault> {
    let kept = (1.0 / (1.0 - ratio)) as f32;
    let draw = |_| {
        if f64::from(draws.unit()) < ratio {
            0.0
        } else {
            kept
        }
    };
    let mask: Vec<f32> = (0..like.elem_count()).map(draw).collect();
    Ok(Tensor::from_vec(mask, like.shape(), &Device::Cpu)?)
}

/// The probability of a logit, without overflow.
pub(crate) fn sigmoid(logit: f64) -> f64 {
    let small = (-logit.abs()).exp();
    if logit >= 0.0 {
        1.0 / (1.0 + small)
    } else {
        small / (1.0 + small)
    }
}

/// The cross-entropy of a logit and a label of 0 or 1, without overflow.
pub(crate) fn cross_entropy(logit: f64, label: f64) -> f64 {
    logit.max(0.0) - logit * label + (-logit.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use mlinfra_api::TableType;

    use super::*;

    #[test]
    fn the_loss_is_stable_at_both_ends() {
        assert_eq!(cross_entropy(1e4, 1.0), 0.0);
        assert_eq!(cross_entropy(-1e4, 1.0), 1e4);
        assert!((cross_entropy(0.0, 1.0) - 2.0_f64.ln()).abs() < 1e-15);
        assert_eq!(sigmoid(-1e4), 0.0);
        assert_eq!(sigmoid(1e4), 1.0);
        assert!((cross_entropy(1.5, 0.0) + (1.0 - sigmoid(1.5)).ln()).abs() < 1e-12);
    }

    fn task(architecture: Architecture) -> TrainTask {
        TrainTask {
            features: TableType::default(),
            label: "good".to_owned(),
            architecture,
            epochs: 1,
            batch_size: 8,
            learning_rate: 0.1,
            weight_decay: 0.0,
            seed: 3,
            checkpoint_every_epochs: None,
            checkpoint_every_seconds: None,
            threads: 1,
        }
    }

    fn batch(rows: usize, width: usize) -> Batch {
        let mut draws = Stream::new(1, "batch").at(0);
        let dense: Vec<f32> = (0..rows * width)
            .map(|_| draws.unit() * 4.0 - 2.0)
            .collect();
        Batch {
            inputs: Tensor::from_vec(dense, (rows, width), &Device::Cpu).expect("a small tensor"),
            labels: (0..rows).map(|_| draws.below(2) as f32).collect(),
        }
    }

    /// Each gradient against the slope of the loss between two points near by.
    #[test]
    fn gradients_are_the_slopes_of_the_loss() {
        let network = Architecture::Mlp {
            hidden: vec![7, 5],
            dropout: 0.3,
        };
        for architecture in [Architecture::Linear, network] {
            let task = task(architecture);
            let batch = batch(24, 6);
            let network = Network::fresh(&task, 6, 0.4).expect("a small network");
            let (loss, gradients) = network.loss_and_gradients(&batch, 5).expect("one step");
            let arrays = network.arrays().expect("small arrays");
            let loss_with = |name: &str, at: usize, change: f32| {
                let mut arrays = arrays.clone();
                arrays.get_mut(name).expect("a parameter").values[at] += change;
                let moved = Network::from_arrays(&task, &arrays).expect("a small network");
                moved.loss_and_gradients(&batch, 5).expect("one step").0
            };
            for (name, gradient) in &gradients {
                let gradient: Vec<f32> = gradient
                    .flatten_all()
                    .and_then(|g| g.to_vec1())
                    .expect("a small tensor");
                assert!(gradient.iter().any(|slope| *slope != 0.0), "{name}");
                for (at, slope) in gradient.iter().enumerate() {
                    let change = 1e-3;
                    let above = (loss_with(name, at, change) - loss) / f64::from(change);
                    let below = (loss - loss_with(name, at, -change)) / f64::from(change);
                    // Where a unit switches on or off near by, the two slopes differ.
                    let found = f64::from(*slope);
                    let fits = found > above.min(below) - 1e-3 && found < above.max(below) + 1e-3;
                    assert!(fits, "{name}[{at}]: {found}, {below}, {above}");
                }
            }
        }
    }
}
