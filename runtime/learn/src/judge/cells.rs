//! The table that explanations ask about: its columns, read, replaced and drawn from.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema};
use mlinfra_api::{ColumnBase, TableType};

use crate::columns::{self, Cells};
use crate::fault::{self, LearnFault};
use crate::limits;
use crate::stream::Stream;

/// Something that answers for each row of a table with a number, by the columns that it knows by
/// name.
pub type Predict<'a> = dyn Fn(&RecordBatch) -> Result<Vec<f64>, LearnFault> + 'a;

/// A model to be explained on a table.
pub struct Explained<'a> {
    /// What is asked.
    pub predict: &'a Predict<'a>,
    /// The rows, with at least the features.
    pub data: &'a RecordBatch,
    /// The columns that the answers may rest on.
    pub features: &'a TableType,
    /// Of every random choice.
    pub seed: u64,
}

impl Explained<'_> {
    /// The table with another column in the place of one.
    pub(crate) fn with(&self, name: &str, column: ArrayRef) -> Result<Vec<f64>, LearnFault> {
        (self.predict)(&replaced(self.data, name, column)?)
    }

    /// The column of a feature as it is.
    pub(crate) fn column(&self, name: &str) -> Result<&ArrayRef, LearnFault> {
        self.data.column_by_name(name).ok_or_else(|| absent(name))
    }
}

fn absent(name: &str) -> LearnFault {
    let message = format!("the data has no column `{name}`, which the model needs.");
    LearnFault::new(fault::COLUMN, message)
        .help("Give it the table that the model's features were taken from.")
}

pub(crate) fn failed() -> LearnFault {
    LearnFault::new(
        fault::COMPUTE,
        "a table to ask the model about could not be made.",
    )
    .help("Judge without `explain`.")
}

/// The batch with another column of this name; it may be missing there.
fn replaced(data: &RecordBatch, name: &str, column: ArrayRef) -> Result<RecordBatch, LearnFault> {
    let schema = data.schema();
    let place = schema.index_of(name).map_err(|_| absent(name))?;
    let mut fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| (**field).clone())
        .collect();
    fields[place] = Field::new(name, column.data_type().clone(), true);
    let mut columns = data.columns().to_vec();
    columns[place] = column;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|_| failed())
}

/// Rows of a column, by their places.
pub(crate) fn taken(column: &ArrayRef, places: Vec<u32>) -> Result<ArrayRef, LearnFault> {
    take(column, &UInt32Array::from(places), None).map_err(|_| failed())
}

/// The features alone, of all rows or of an even sample of a large table, in row order.
pub(crate) fn explained_rows(
    data: &RecordBatch,
    features: &TableType,
    seed: u64,
) -> Result<(RecordBatch, Vec<u32>), LearnFault> {
    let count = u32::try_from(data.num_rows()).map_err(|_| {
        let message = format!("there are more than {} rows.", u32::MAX);
        LearnFault::new(fault::SIZE, message).help("Judge on a smaller part.")
    })?;
    let mut rows: Vec<u32> = (0..count).collect();
    if rows.len() > limits::EXPLAINED_ROWS_MAX {
        Stream::new(seed, "evaluate.sample")
            .at(0)
            .shuffle(&mut rows);
        rows.truncate(limits::EXPLAINED_ROWS_MAX);
        rows.sort_unstable();
    }
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for feature in &features.columns {
        let name = &feature.name;
        let column = data.column_by_name(name).ok_or_else(|| absent(name))?;
        fields.push(Field::new(name, column.data_type().clone(), true));
        columns.push(taken(column, rows.clone())?);
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    Ok((batch.map_err(|_| failed())?, rows))
}

/// The numbers of an int or float column, none where they are missing; none of another column.
pub(crate) fn numbers(
    data: &RecordBatch,
    column: &mlinfra_api::Column,
) -> Result<Option<Vec<Option<f64>>>, LearnFault> {
    if !matches!(column.column_type.base, ColumnBase::Int | ColumnBase::Float) {
        return Ok(None);
    }
    let cells = columns::read(data, &column.name, column.column_type)?;
    let cell = |row| (!cells.is_missing(row)).then(|| cells.number(row));
    Ok(Some((0..data.num_rows()).map(cell).collect()))
}

/// The cells of a category or bool column as texts, none where they are missing.
pub(crate) fn texts(
    data: &RecordBatch,
    column: &mlinfra_api::Column,
) -> Result<Vec<Option<String>>, LearnFault> {
    let cells = columns::read(data, &column.name, column.column_type)?;
    let text = |row: usize| match &cells {
        Cells::Text(array) => array.value(row).to_owned(),
        Cells::Flag(array) => array.value(row).to_string(),
        Cells::Int(_) | Cells::Float(_) => String::new(),
    };
    let cell = |row| (!cells.is_missing(row)).then(|| text(row));
    Ok((0..data.num_rows()).map(cell).collect())
}

/// Numbers as a column of the type that the table has.
pub(crate) fn number_column(
    numbers: Vec<Option<f64>>,
    like: &DataType,
) -> Result<ArrayRef, LearnFault> {
    let column: ArrayRef = if like.is_integer() {
        let whole = numbers
            .into_iter()
            .map(|number| number.map(|number| number as i64));
        Arc::new(whole.collect::<Int64Array>())
    } else {
        Arc::new(numbers.into_iter().collect::<Float64Array>())
    };
    arrow::compute::cast(&column, like).map_err(|_| failed())
}
