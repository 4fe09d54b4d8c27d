//! The maskings: what `mask` does to a column.

use arrow::datatypes::Schema;
use mlinfra_api::{RowExpression, Scalar, Value};

use crate::StepFault;
use crate::expression::{self, Typed};

/// What a masking makes of a column.
pub(crate) enum Masked {
    /// The column is not in the result.
    Dropped,
    /// The column holds this instead.
    Replaced(Typed),
}

/// The maskings of this runtime, in order; a test joins them with the standard library's.
pub const MASKINGS: &[&str] = &["bucket", "drop"];

/// Compiles one entry of `mask`.
pub(crate) fn compile(name: &str, masking: &Value, schema: &Schema) -> Result<Masked, StepFault> {
    let Value::Case {
        name: case,
        arguments,
    } = masking
    else {
        return Err(StepFault::unknown(format!(
            "the masking of `{name}` is no case"
        )));
    };
    match case.as_str() {
        "drop" => Ok(Masked::Dropped),
        "bucket" => {
            let width = arguments.get("width").and_then(Value::as_int);
            bucket(name, width, schema).map(Masked::Replaced)
        }
        other => Err(StepFault::unknown(format!(
            "this runtime has no masking `{other}`"
        ))),
    }
}

/// The multiple of `width` at or below the cell: 5-year steps of an age.
fn bucket(name: &str, width: Option<i64>, schema: &Schema) -> Result<Typed, StepFault> {
    let width = width.filter(|width| *width > 0).ok_or_else(|| {
        StepFault::unknown(format!(
            "the width of the bucket of `{name}` is not above 0"
        ))
    })?;
    let column = expression::compile(&RowExpression::Column(name.to_owned()), schema)?;
    let width = expression::literal(&Scalar::Int(width))?;
    expression::call_operator("bucketing", vec![column, width])
        .map_err(|_| StepFault::unknown(format!("`{name}` is no number to bucket")))
}
