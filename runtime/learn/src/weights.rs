//! Named arrays of numbers, and their file format: safetensors with one JSON text in its header.

use std::collections::{BTreeMap, HashMap};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::limits;
use crate::task::Architecture;

/// The one key of the header's `__metadata__`: more of them would come in any order.
const HEADER_KEY: &str = "mlinfra";

/// Row-major 32-bit floats.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// Arrays by name. Names sort in the order of the layers.
pub(crate) type Arrays = BTreeMap<String, Array>;

/// The name of a layer's weights (`[inputs, outputs]`); layers count from 0, the last one is the
/// output.
pub(crate) fn weight_name(layer: usize) -> String {
    format!("layer{layer:02}.weight")
}

/// The name of a layer's bias (`[outputs]`).
pub(crate) fn bias_name(layer: usize) -> String {
    format!("layer{layer:02}.bias")
}

/// Inputs and outputs of each layer.
pub(crate) fn layer_sizes(architecture: &Architecture, inputs: usize) -> Vec<(usize, usize)> {
    let hidden: &[usize] = match architecture {
        Architecture::Linear => &[],
        Architecture::Mlp { hidden, .. } => hidden,
    };
    let mut sizes = Vec::with_capacity(hidden.len() + 1);
    let mut from = inputs;
    for to in hidden.iter().copied().chain([1]) {
        sizes.push((from, to));
        from = to;
    }
    sizes
}

/// The shape of every array of a model.
pub(crate) fn shapes(architecture: &Architecture, inputs: usize) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = BTreeMap::new();
    for (layer, (from, to)) in layer_sizes(architecture, inputs).into_iter().enumerate() {
        shapes.insert(weight_name(layer), vec![from, to]);
        shapes.insert(bias_name(layer), vec![to]);
    }
    shapes
}

/// How many numbers a model has, or none if it passes the limit.
pub(crate) fn parameter_count(architecture: &Architecture, inputs: usize) -> Option<usize> {
    let count = layer_sizes(architecture, inputs)
        .into_iter()
        .try_fold(0_usize, |sum, (from, to)| {
            sum.checked_add(from.checked_add(1)?.checked_mul(to)?)
        })?;
    (count <= limits::PARAMETERS_MAX).then_some(count)
}

/// The file: the same arrays and header give the same bytes.
pub(crate) fn to_bytes(arrays: &Arrays, header: &str) -> Vec<u8> {
    let data: Vec<(&String, &Array, Vec<u8>)> = arrays
        .iter()
        .map(|(name, array)| {
            let bytes = array.values.iter().flat_map(|value| value.to_le_bytes());
            (name, array, bytes.collect())
        })
        .collect();
    let views = data.iter().map(|(name, array, bytes)| {
        let view = TensorView::new(Dtype::F32, array.shape.clone(), bytes)
            .expect("an array has as many values as its shape says");
        (name.as_str(), view)
    });
    let metadata = HashMap::from([(HEADER_KEY.to_owned(), header.to_owned())]);
    safetensors::serialize(views, Some(metadata))
        .expect("the header's size is bounded by the limits of this crate")
}

/// Reads such a file; any bytes at all may come in. Every number is finite.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<(Arrays, String), String> {
    if bytes.len() > limits::MODEL_BYTES_MAX {
        return Err(format!(
            "it is larger than {} bytes",
            limits::MODEL_BYTES_MAX
        ));
    }
    // The library's errors may quote names from the file, so they are not passed on.
    let (_, metadata) = SafeTensors::read_metadata(bytes)
        .map_err(|_| "it is no safetensors file, or it is cut short".to_owned())?;
    let header = metadata
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(HEADER_KEY))
        .ok_or_else(|| "its header was not written by this program".to_owned())?
        .clone();
    let file = SafeTensors::deserialize(bytes)
        .map_err(|_| "it is no safetensors file, or it is cut short".to_owned())?;
    let mut arrays = Arrays::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err("an array does not hold 32-bit floats".to_owned());
        }
        let (chunks, rest) = view.data().as_chunks::<4>();
        let values: Vec<f32> = chunks
            .iter()
            .map(|chunk| f32::from_le_bytes(*chunk))
            .collect();
        if !rest.is_empty() || !values.iter().all(|value| value.is_finite()) {
            return Err("an array holds something else than finite numbers".to_owned());
        }
        let shape = view.shape().to_vec();
        arrays.insert(name, Array { shape, values });
    }
    Ok((arrays, header))
}

/// Whether the arrays are exactly those that the architecture has.
pub(crate) fn check_shapes(
    arrays: &Arrays,
    architecture: &Architecture,
    inputs: usize,
) -> Result<(), String> {
    if parameter_count(architecture, inputs).is_none() {
        return Err("its architecture is too large".to_owned());
    }
    let expected = shapes(architecture, inputs);
    let found = arrays.iter().map(|(name, array)| (name, &array.shape));
    if found.eq(expected.iter()) {
        Ok(())
    } else {
        Err("its arrays are not those of its architecture".to_owned())
    }
}
