//! Reading typed columns out of an Arrow table, with every surprise named by column and row.

use arrow::array::{
    Array, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use mlinfra_api::{ColumnBase, ColumnType};

use crate::fault::{self, LearnFault};

/// The cells of one column.
pub(crate) enum Cells {
    Text(StringArray),
    Int(Int64Array),
    Float(Float64Array),
    Flag(BooleanArray),
}

impl Cells {
    pub(crate) fn is_missing(&self, row: usize) -> bool {
        match self {
            Cells::Text(array) => array.is_null(row),
            Cells::Int(array) => array.is_null(row),
            Cells::Float(array) => array.is_null(row),
            Cells::Flag(array) => array.is_null(row),
        }
    }

    /// The cell as a number; only of a column of numbers and where it is not missing.
    pub(crate) fn number(&self, row: usize) -> f64 {
        match self {
            Cells::Int(array) => array.value(row) as f64,
            Cells::Float(array) => array.value(row),
            Cells::Flag(array) => f64::from(u8::from(array.value(row))),
            Cells::Text(_) => unreachable!("texts are never asked for a number"),
        }
    }

    pub(crate) fn missing_count(&self) -> usize {
        match self {
            Cells::Text(array) => array.null_count(),
            Cells::Int(array) => array.null_count(),
            Cells::Float(array) => array.null_count(),
            Cells::Flag(array) => array.null_count(),
        }
    }
}

/// The column of this name, as this type. Cells that may not be missing are there, and every
/// number is finite.
pub(crate) fn read(
    data: &RecordBatch,
    name: &str,
    column_type: ColumnType,
) -> Result<Cells, LearnFault> {
    let Some(array) = data.column_by_name(name) else {
        return Err(LearnFault::new(
            fault::COLUMN,
            format!("the data has no column `{name}`, which the model needs."),
        )
        .help("Give it the table that the model's features were taken from."));
    };
    let wanted = arrow_type(column_type.base);
    if !is_readable(array.data_type(), &wanted) {
        let found = array.data_type();
        return Err(LearnFault::new(
            fault::COLUMN,
            format!("column `{name}` holds {found} where {column_type} is expected."),
        )
        .help("Declare the column with the type that its data has."));
    }
    let array = if array.data_type() == &wanted {
        array.clone()
    } else {
        cast(array, &wanted).map_err(|_| {
            LearnFault::new(
                fault::COLUMN,
                format!("column `{name}` can't be read as {column_type}."),
            )
        })?
    };
    let cells = match wanted {
        DataType::Utf8 => Cells::Text(array.as_string::<i32>().clone()),
        DataType::Int64 => Cells::Int(array.as_primitive::<Int64Type>().clone()),
        DataType::Float64 => Cells::Float(array.as_primitive::<Float64Type>().clone()),
        _ => Cells::Flag(array.as_boolean().clone()),
    };
    check_cells(name, column_type, &cells, data.num_rows())?;
    Ok(cells)
}

fn arrow_type(base: ColumnBase) -> DataType {
    match base {
        ColumnBase::Int => DataType::Int64,
        ColumnBase::Float => DataType::Float64,
        ColumnBase::Bool => DataType::Boolean,
        ColumnBase::String | ColumnBase::Category | ColumnBase::Date => DataType::Utf8,
    }
}

/// Whether one type can be read as the other without guessing: a text never becomes a number.
fn is_readable(found: &DataType, wanted: &DataType) -> bool {
    match wanted {
        DataType::Utf8 => match found {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
            DataType::Dictionary(_, value) => is_readable(value, wanted),
            _ => false,
        },
        DataType::Int64 => found.is_integer() && *found != DataType::UInt64,
        DataType::Float64 => matches!(found, DataType::Float64 | DataType::Float32),
        other => found == other,
    }
}

fn check_cells(
    name: &str,
    column_type: ColumnType,
    cells: &Cells,
    rows: usize,
) -> Result<(), LearnFault> {
    if !column_type.nullable
        && cells.missing_count() > 0
        && let Some(row) = (0..rows).find(|row| cells.is_missing(*row))
    {
        return Err(LearnFault::new(
            fault::CELL,
            format!("column `{name}` is missing in row {row} (counted from 0)."),
        )
        .help(format!(
            "Declare it as `{column_type}?` if it may be missing, or drop such rows before."
        )));
    }
    if let Cells::Float(array) = cells
        && let Some(row) =
            (0..rows).find(|row| !array.is_null(*row) && !array.value(*row).is_finite())
    {
        return Err(LearnFault::new(
            fault::CELL,
            format!("column `{name}` is infinite or not a number in row {row} (counted from 0)."),
        )
        .help("Derive a column that is always a finite number."));
    }
    Ok(())
}
