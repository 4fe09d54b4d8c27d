//! What this machine reads of each kind and operation; whatever else is written there is refused.

use mlinfra_api::{Reads, Shape, Takes, shape};

/// What is read of the blocks of a kind; of a nested one by `outer/inner`.
pub(crate) fn of_kind(kind: &str) -> Reads {
    use Takes::Any;
    match kind {
        "target" => Reads::All,
        "key" => Reads::These(&[("rotation", Any)]),
        "storage" => Reads::These(&[
            ("class", Any),
            ("capacity", Any),
            ("encryption", Takes::Cases(ENCRYPTION)),
            ("retention", Any),
        ]),
        "dataset" => Reads::These(&[
            ("from", Takes::Cases(SOURCE)),
            ("keep", Any),
            ("basis", Any),
            ("purposes", Any),
        ]),
        // What it asks of accelerators is refused where the machine is known.
        "pool" => Reads::These(&[
            ("cpus", Any),
            ("memory", Any),
            ("nodes", Any),
            ("accelerator", Any),
            ("accelerator_count", Any),
            ("interconnect", Any),
        ]),
        "pipeline" => Reads::These(&[("purpose", Any)]),
        "endpoint" => Reads::These(&[
            ("model", Any),
            ("replicas", Any),
            ("port", Any),
            ("host", Any),
            ("auth", Takes::Cases(CALLERS)),
        ]),
        "monitor" => Reads::These(&[("watch", Any)]),
        "monitor/alert" => Reads::These(&[("lasting", Any)]),
        _ => Reads::Nothing,
    }
}

const ENCRYPTION: &[Shape] = &[shape("plain", &[]), shape("customer", &["key"])];

const SOURCE: &[Shape] = &[shape("file", &["path"])];

const CALLERS: &[Shape] = &[shape("api_key", &[]), shape("open", &[])];

const MASKINGS: &[Shape] = &[shape("drop", &[]), shape("bucket", &["width"])];

const CHECKPOINT: &[Shape] = &[shape("every", &["interval"])];

const EXPLANATIONS: &[Shape] = &[
    shape("permutation", &[]),
    shape("partial_dependence", &[]),
    shape("lime", &[]),
];

/// What is read of the steps of an operation: what the runtime carries out.
pub(crate) fn of_operation(operation: &str) -> Reads {
    use Takes::Any;
    match operation {
        "drop_nulls" => Reads::These(&[("data", Any)]),
        "derive" => Reads::These(&[("data", Any), ("each", Any)]),
        "mask" => Reads::These(&[("data", Any), ("each", Takes::Cases(MASKINGS))]),
        "split" => Reads::These(&[
            ("data", Any),
            ("stratify", Any),
            ("seed", Any),
            ("each", Any),
        ]),
        "train" => Reads::These(&[
            ("data", Any),
            ("label", Any),
            ("validate", Any),
            ("architecture", Any),
            ("exclude", Any),
            ("needs", Any),
            ("epochs", Any),
            ("batch_size", Any),
            ("learning_rate", Any),
            ("weight_decay", Any),
            ("checkpoint", Takes::Cases(CHECKPOINT)),
            ("seed", Any),
        ]),
        "evaluate" => Reads::These(&[
            ("model", Any),
            ("data", Any),
            ("explain", Takes::Cases(EXPLANATIONS)),
            ("seed", Any),
            ("fairness", Any),
        ]),
        "register" => Reads::These(&[("model", Any), ("name", Any), ("gate", Any)]),
        _ => Reads::Nothing,
    }
}

/// The computed fields of an operation that the runtime does not tell.
pub(crate) fn withheld(operation: &str) -> &'static [&'static str] {
    match operation {
        "register" => &["url"],
        _ => &[],
    }
}
