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

/// The features alone, of all rows or of a sample of a large table, in row order. A sample has both
/// labels in their shares, and at least one row of each that occurs: otherwise nothing could be
/// ranked in it.
pub(crate) fn explained_rows(
    data: &RecordBatch,
    features: &TableType,
    labels: &[bool],
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
        let (mut of_true, mut of_false) = shares(labels);
        rows.retain(|row| {
            let left = match labels[*row as usize] {
                true => &mut of_true,
                false => &mut of_false,
            };
            let kept = *left > 0;
            *left -= usize::from(kept);
            kept
        });
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

/// How many rows of either label a sample has: true ones and false ones.
fn shares(labels: &[bool]) -> (usize, usize) {
    let (all, most) = (labels.len(), limits::EXPLAINED_ROWS_MAX);
    let positives = labels.iter().filter(|label| **label).count();
    let of_true = (most * positives + all / 2) / all;
    let of_true = match positives {
        0 => 0,
        _ if positives == all => most,
        _ => of_true.clamp(1, most - 1),
    };
    (of_true, most - of_true)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_both_labels_in_their_shares() {
        let rows = 30_000;
        let cells = Int64Array::from_iter_values(0..rows as i64);
        let field = Field::new("x", DataType::Int64, false);
        let schema = Arc::new(Schema::new(vec![field]));
        let data = RecordBatch::try_new(schema, vec![Arc::new(cells)]).expect("a batch");
        let column = mlinfra_api::Column {
            name: "x".to_owned(),
            column_type: mlinfra_api::ColumnType {
                base: ColumnBase::Int,
                nullable: false,
            },
            classes: Default::default(),
        };
        let features = TableType {
            columns: vec![column],
        };
        for (every, expected) in [(rows, 1), (3, 3333), (2, 5000), (1, 10_000)] {
            let labels: Vec<bool> = (0..rows).map(|row| row % every == 0).collect();
            for seed in 0..4 {
                let sample = explained_rows(&data, &features, &labels, seed);
                let (batch, drawn) = sample.expect("a sample");
                assert_eq!(
                    (batch.num_rows(), drawn.len()),
                    (limits::EXPLAINED_ROWS_MAX, limits::EXPLAINED_ROWS_MAX)
                );
                let positives = drawn.iter().filter(|row| labels[**row as usize]);
                assert_eq!(positives.count(), expected, "1 of {every}");
                assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
            }
            let inverse: Vec<bool> = labels.iter().map(|label| !label).collect();
            assert_eq!(
                shares(&inverse),
                (limits::EXPLAINED_ROWS_MAX - expected, expected)
            );
        }
    }
}
