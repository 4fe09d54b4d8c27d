//! Rows of a request, JSON objects, as a typed batch.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, RecordBatchOptions,
    StringArray,
};
use arrow::datatypes::{Field, Schema, SchemaRef};
use mlinfra_api::ColumnBase;
use mlinfra_runtime_spec::{RequestField, RequestSchema};
use serde_json::{Map, Value as Json};

use crate::csv_file::parse_date;
use crate::suggest::nearest;
use crate::table::arrow_type;
use crate::{StepFault, codes};

/// A JSON row.
type Row = Map<String, Json>;

pub(crate) fn schema_of_request(schema: &RequestSchema) -> SchemaRef {
    let field = |field: &RequestField| {
        let kind = field.column_type;
        Field::new(&field.name, arrow_type(kind.base), kind.nullable)
    };
    Arc::new(Schema::new(
        schema.fields.iter().map(field).collect::<Vec<_>>(),
    ))
}

/// The rows as a batch with the schema's columns in its order. Fields that the schema does not
/// have are passed over: a caller may send the whole row that it has.
///
/// # Errors
/// E0615, naming the field and the row (counted from 0), never the value: a field is not there,
/// or of another type, or seems to be misspelled.
pub fn request_batch(schema: &RequestSchema, rows: &[Row]) -> Result<RecordBatch, StepFault> {
    let columns = schema
        .fields
        .iter()
        .map(|field| column(schema, field, rows))
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema_of_request(schema), columns, &options)
        .map_err(|_| StepFault::engine("the rows of a request did not become a batch"))
}

fn column(
    schema: &RequestSchema,
    field: &RequestField,
    rows: &[Row],
) -> Result<ArrayRef, StepFault> {
    Ok(match field.column_type.base {
        ColumnBase::Int => Arc::new(Int64Array::from(cells(schema, field, rows, whole)?)),
        ColumnBase::Float => Arc::new(Float64Array::from(cells(schema, field, rows, float)?)),
        ColumnBase::Bool => Arc::new(BooleanArray::from(cells(schema, field, rows, |cell| {
            cell.as_bool()
        })?)),
        ColumnBase::String | ColumnBase::Category => {
            Arc::new(StringArray::from(cells(schema, field, rows, Json::as_str)?))
        }
        ColumnBase::Date => Arc::new(Date32Array::from(cells(schema, field, rows, |cell| {
            cell.as_str().and_then(parse_date)
        })?)),
    })
}

fn cells<'a, T>(
    schema: &RequestSchema,
    field: &RequestField,
    rows: &'a [Row],
    read: impl Fn(&'a Json) -> Option<T>,
) -> Result<Vec<Option<T>>, StepFault> {
    let cell = |(index, row): (usize, &'a Row)| match row.get(&field.name) {
        None => absent(schema, field, index, row).map(|()| None),
        Some(Json::Null) if field.column_type.nullable => Ok(None),
        Some(Json::Null) => Err(refuse(index, field, "is null, and must have a value")),
        Some(value) => read(value).map(Some).ok_or_else(|| {
            let expected = expected(field.column_type.base);
            refuse(index, field, &format!("is not {expected}"))
        }),
    };
    rows.iter().enumerate().map(cell).collect()
}

/// A field may be left out if it may be missing, and if the row has no other that looks like it.
fn absent(
    schema: &RequestSchema,
    field: &RequestField,
    index: usize,
    row: &Row,
) -> Result<(), StepFault> {
    let strangers = row
        .keys()
        .map(String::as_str)
        .filter(|name| schema.fields.iter().all(|known| known.name != *name));
    match nearest(&field.name, strangers) {
        Some(near) => {
            let fault = refuse(index, field, "is not there");
            let near: String = near.chars().take(80).collect();
            Err(fault.with_help(format!("did you mean `{}` by `{near}`?", field.name)))
        }
        None if field.column_type.nullable => Ok(()),
        None => Err(refuse(index, field, "is not there")),
    }
}

fn refuse(index: usize, field: &RequestField, problem: &str) -> StepFault {
    StepFault::new(
        codes::REQUEST,
        format!("row {index}: the field `{}` {problem}", field.name),
    )
}

fn expected(base: ColumnBase) -> &'static str {
    match base {
        ColumnBase::Int => "a whole number of 64 bits",
        ColumnBase::Float => "a number",
        ColumnBase::Bool => "true or false",
        ColumnBase::String | ColumnBase::Category => "a text",
        ColumnBase::Date => "a date like \"2026-01-31\"",
    }
}

/// A whole number; one written as `3.0` too, as long as a float holds every whole number exactly.
fn whole(cell: &Json) -> Option<i64> {
    let exact = 9_007_199_254_740_992.0;
    cell.as_i64().or_else(|| {
        let number = cell.as_f64()?;
        let safe = cell.is_f64() && number.trunc() == number && number.abs() <= exact;
        safe.then_some(number as i64)
    })
}

fn float(cell: &Json) -> Option<f64> {
    cell.as_f64()
        .filter(|number| number.is_finite())
        .map(|number| number + 0.0)
}
