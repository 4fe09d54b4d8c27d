//! The row steps, `derive` and `mask`, as one expression for each column of their result.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Field, Schema, UInt64Type};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use mlinfra_api::{RowExpression, Scalar, TableType, Value};

use crate::engine::fault_of;
use crate::expression::{self, Typed};
use crate::function::Kind;
use crate::mask::{self, Masked};
use crate::table::{ROW_COLUMN, arrow_type};
use crate::{StepFault, codes};

/// One column of a row step's result.
#[derive(Clone, Debug)]
pub(crate) struct RowColumn {
    /// Its name and type.
    pub(crate) field: Field,
    /// How it is computed; none: it is kept as it is.
    pub(crate) computed: Option<Expr>,
}

/// The columns of the result of a row step on a table with this schema, in order. Entries for
/// columns that the result does not have are left out.
pub(crate) fn compile_step(
    operation: &str,
    entries: &[(String, Value)],
    result: &TableType,
    input: &Schema,
) -> Result<Vec<RowColumn>, StepFault> {
    let entries: BTreeMap<&str, &Value> = entries
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let compiled = |name: &str| match (operation, entries.get(name)) {
        (_, None) => Ok(None),
        ("derive", Some(value)) => derived(name, value, input).map(Some),
        ("mask", Some(value)) => match mask::compile(name, value, input)? {
            Masked::Replaced(typed) => Ok(Some(typed)),
            Masked::Dropped => Err(StepFault::unknown(format!(
                "the masked column `{name}` is dropped and in the result"
            ))),
        },
        (other, Some(_)) => Err(StepFault::unknown(format!("`{other}` is no row step"))),
    };
    let column = |column: &mlinfra_api::Column| {
        let kind = column.column_type;
        let field = Field::new(&column.name, arrow_type(kind.base), kind.nullable);
        match compiled(&column.name)? {
            Some(typed) => Ok(RowColumn {
                computed: Some(typed_as(typed, Kind::of(kind.base), &column.name)?),
                field,
            }),
            None => kept(field, input),
        }
    };
    result.columns.iter().map(column).collect()
}

fn derived(name: &str, value: &Value, input: &Schema) -> Result<Typed, StepFault> {
    let scalar = match value {
        Value::Row(source) => return expression::compile(source, input),
        Value::Bool(flag) => Scalar::Bool(*flag),
        Value::Int(number) => Scalar::Int(*number),
        Value::Decimal(number) => Scalar::Decimal(*number),
        Value::String(text) => Scalar::String(text.clone()),
        _ => {
            return Err(StepFault::unknown(format!(
                "the new column `{name}` has no value that a row can have"
            )));
        }
    };
    expression::compile(&RowExpression::Literal(scalar), input)
}

fn typed_as(typed: Typed, kind: Kind, name: &str) -> Result<Expr, StepFault> {
    let found = typed.kind;
    typed
        .into_kind(kind)
        .map(|typed| typed.expression)
        .ok_or_else(|| {
            StepFault::unknown(format!(
                "the column `{name}` is computed as {} and declared as {}",
                found.word(),
                kind.word()
            ))
        })
}

fn kept(field: Field, input: &Schema) -> Result<RowColumn, StepFault> {
    let found = input.field_with_name(field.name()).ok();
    match found.is_some_and(|found| found.data_type() == field.data_type()) {
        true => Ok(RowColumn {
            field,
            computed: None,
        }),
        false => Err(StepFault::unknown(format!(
            "the step's input has no column `{}` of the declared type",
            field.name()
        ))),
    }
}

/// Compiles an expression to be evaluated on batches of this schema at once, without a plan.
pub(crate) fn prepare(
    expression: &Expr,
    schema: &Schema,
) -> Result<Arc<dyn PhysicalExpr>, StepFault> {
    let internal = |error: DataFusionError| fault_of(&error);
    let schema = DFSchema::try_from(schema.clone()).map_err(internal)?;
    create_physical_expr(
        expression,
        &schema,
        &ExecutionProps::new(),
        &Default::default(),
    )
    .map_err(internal)
}

/// Evaluates a prepared expression on a batch.
pub(crate) fn evaluate(
    expression: &dyn PhysicalExpr,
    batch: &RecordBatch,
) -> Result<ArrayRef, StepFault> {
    expression
        .evaluate(batch)
        .and_then(|value| value.into_array(batch.num_rows()))
        .map_err(|error| fault_of(&error))
}

/// The same fault, naming the column and the row where it happens: which the engine does not say.
/// Other faults stay as they are.
pub(crate) fn locate(fault: StepFault, columns: &[RowColumn], batch: &RecordBatch) -> StepFault {
    if ![codes::INT_OVERFLOW, codes::NOT_FINITE].contains(&fault.code.as_str()) {
        return fault;
    }
    for column in columns {
        let Some(expression) = &column.computed else {
            continue;
        };
        let Ok(prepared) = prepare(expression, &batch.schema()) else {
            continue;
        };
        if let Err(found) = evaluate(prepared.as_ref(), batch) {
            return at_row(found, column.field.name(), prepared.as_ref(), batch);
        }
    }
    fault
}

/// Halves the batch until one row is left that fails.
fn at_row(
    fault: StepFault,
    name: &str,
    expression: &dyn PhysicalExpr,
    batch: &RecordBatch,
) -> StepFault {
    let (mut low, mut high) = (0, batch.num_rows());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match evaluate(expression, &batch.slice(low, middle - low)) {
            Err(_) => high = middle,
            Ok(_) => low = middle,
        }
    }
    let rows = batch
        .column_by_name(ROW_COLUMN)
        .and_then(|rows| rows.as_primitive_opt::<UInt64Type>());
    let row = rows.map_or(low as u64, |rows| rows.value(low));
    StepFault {
        message: format!(
            "column `{name}`, row {row} (counted from 0): {}",
            fault.message
        ),
        ..fault
    }
}
