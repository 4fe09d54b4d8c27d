//! AdamW, with a state that can be written down: Loshchilov and Hutter, "Decoupled weight decay
//! regularization" (2019), its step size falling in a straight line to 0.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use crate::fault::LearnFault;
use crate::network::{Gradients, Network, tensors_to_arrays};
use crate::weights::Arrays;

/// Weights of the past in the first and the second moment, and what keeps a division finite.
const FIRST: f64 = 0.9;
const SECOND: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The optimizer's state: the moments of each parameter's gradient, by its name.
pub(crate) struct AdamW {
    learning_rate: f64,
    weight_decay: f64,
    /// How many steps there will be in all.
    steps: u64,
    first: BTreeMap<String, Tensor>,
    second: BTreeMap<String, Tensor>,
}

impl AdamW {
    /// Before the first of so many steps.
    pub(crate) fn fresh(
        network: &Network,
        learning_rate: f64,
        weight_decay: f64,
        steps: u64,
    ) -> Result<Self, LearnFault> {
        let mut zeros = BTreeMap::new();
        for (name, var) in &network.parameters {
            zeros.insert(name.clone(), var.as_tensor().zeros_like()?);
        }
        Ok(AdamW {
            learning_rate,
            weight_decay,
            steps,
            first: zeros.clone(),
            second: zeros,
        })
    }

    /// Takes up the moments of a checkpoint, whose shapes were checked.
    pub(crate) fn restore(&mut self, first: &Arrays, second: &Arrays) -> Result<(), LearnFault> {
        for (moments, arrays) in [(&mut self.first, first), (&mut self.second, second)] {
            for (name, array) in arrays {
                let shape = array.shape.as_slice();
                let tensor = Tensor::from_slice(&array.values, shape, &Device::Cpu)?;
                moments.insert(name.clone(), tensor);
            }
        }
        Ok(())
    }

    /// The first and the second moments.
    pub(crate) fn moments(&self) -> Result<(Arrays, Arrays), LearnFault> {
        let first = tensors_to_arrays(self.first.iter())?;
        Ok((first, tensors_to_arrays(self.second.iter())?))
    }

    /// Moves every parameter, in the order of the names. Steps count from 0. Biases do not decay.
    pub(crate) fn step(
        &mut self,
        network: &Network,
        gradients: &Gradients,
        step: u64,
    ) -> Result<(), LearnFault> {
        let left = 1.0 - step as f64 / self.steps as f64;
        let rate = self.learning_rate * left;
        let count = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let first_share = 1.0 - FIRST.powi(count);
        let second_share = 1.0 - SECOND.powi(count);
        for (name, gradient) in gradients {
            // A tensor keeps alive whatever it was computed from as long as that leads to a
            // parameter: without cutting it here, the moments would hold every batch ever seen.
            let gradient = &gradient.detach();
            let first = ((&self.first[name] * FIRST)? + (gradient * (1.0 - FIRST))?)?.detach();
            let second = ((&self.second[name] * SECOND)? + (gradient.sqr()? * (1.0 - SECOND))?)?;
            let second = second.detach();
            let spread = (second.affine(1.0 / second_share, 0.0)?.sqrt()? + EPSILON)?;
            let update = (first.affine(rate / first_share, 0.0)? / spread)?;
            let var = &network.parameters[name];
            let decayed = if name.ends_with(".weight") {
                var.as_tensor()
                    .detach()
                    .affine(1.0 - rate * self.weight_decay, 0.0)?
            } else {
                var.as_tensor().detach()
            };
            var.set(&(decayed - update)?)?;
            self.first.insert(name.clone(), first);
            self.second.insert(name.clone(), second);
        }
        Ok(())
    }
}
