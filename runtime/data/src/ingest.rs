//! Ingest: the declared columns of a CSV file, typed, with row ids.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder,
    RecordBatch, StringBuilder, UInt64Array,
};
use mlinfra_api::{Column, ColumnBase, TableType};
use serde_json::Value as Json;

use crate::csv_file::{CsvFile, parse_date};
use crate::step::Progress;
use crate::suggest::nearest;
use crate::table::{TableWriter, stored_schema};
use crate::{StepFault, codes};

/// Rows that are parsed before they go to the writer.
const BATCH_ROWS: u64 = 8192;

/// What ingest gives: the table, and its outputs.
pub(crate) struct Ingested {
    pub(crate) writer: TableWriter,
    pub(crate) outputs: BTreeMap<String, Json>,
}

/// Reads the file. Whatever is wrong with its rows, a file that is not the planned one is
/// reported as that.
pub(crate) fn ingest(
    path: &Path,
    planned: &str,
    table: &TableType,
    progress: &mut dyn FnMut(Progress),
) -> Result<Ingested, StepFault> {
    let mut file = CsvFile::open(path)?;
    let read = read_rows(&mut file, table, progress);
    let name = file.name().to_owned();
    if file.digest()? != planned {
        return Err(StepFault::new(
            codes::FILE_CHANGED,
            format!("the file {name} is not the one that was planned: its bytes have changed"),
        )
        .with_help("plan again, and apply the new plan"));
    }
    read
}

fn read_rows(
    file: &mut CsvFile,
    table: &TableType,
    progress: &mut dyn FnMut(Progress),
) -> Result<Ingested, StepFault> {
    let name = file.name().to_owned();
    let header = read_header(file, &name)?;
    let places = find_columns(&header, table, &name)?;
    let mut writer = TableWriter::new(table);
    let mut columns: Vec<Cells> = table.columns.iter().map(Cells::new).collect();
    let (mut rows, mut waiting) = (0, 0);
    while let Some((line, record)) = file.next()? {
        if record.len() != header.len() {
            return Err(ragged(&name, line, record.len(), header.len()));
        }
        for ((place, column), cells) in places.iter().zip(&table.columns).zip(&mut columns) {
            let cell = std::str::from_utf8(&record[*place]).map_err(|_| encoding(&name, line))?;
            cells
                .push(cell)
                .map_err(|problem| problem.fault(&name, line, column))?;
        }
        (rows, waiting) = (rows + 1, waiting + 1);
        if waiting == BATCH_ROWS {
            writer.push(&batch(&mut columns, table, rows - waiting))?;
            waiting = 0;
            progress(Progress {
                note: format!("{rows} rows"),
                done: Some(file.done()),
                figures: BTreeMap::new(),
            });
        }
    }
    if rows == 0 {
        return Err(StepFault::new(
            codes::FILE_EMPTY,
            format!("the file {name} has a header and no rows"),
        ));
    }
    writer.push(&batch(&mut columns, table, rows - waiting))?;
    let ignored = header.len() - places.len();
    let outputs = BTreeMap::from([
        ("rows".to_owned(), Json::from(rows)),
        ("columns_ignored".to_owned(), Json::from(ignored)),
    ]);
    Ok(Ingested { writer, outputs })
}

fn read_header(file: &mut CsvFile, name: &str) -> Result<Vec<String>, StepFault> {
    let Some((line, record)) = file.next()? else {
        return Err(
            StepFault::new(codes::FILE_EMPTY, format!("the file {name} is empty"))
                .with_help("its first line must name the columns"),
        );
    };
    let mut header = Vec::with_capacity(record.len());
    for cell in record {
        let column = std::str::from_utf8(cell).map_err(|_| encoding(name, line))?;
        header.push(column.to_owned());
    }
    Ok(header)
}

/// The place in the header of each declared column.
fn find_columns(header: &[String], table: &TableType, name: &str) -> Result<Vec<usize>, StepFault> {
    let find = |column: &Column| {
        let mut places = (0..header.len()).filter(|&place| header[place] == column.name);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(StepFault::new(
                codes::HEADER_TWICE,
                format!(
                    "the header of {name} names the column `{}` twice",
                    column.name
                ),
            )
            .with_help("rename one of them")),
            (None, _) => Err(absent(header, column, table, name)),
        }
    };
    table.columns.iter().map(find).collect()
}

fn absent(header: &[String], column: &Column, table: &TableType, name: &str) -> StepFault {
    let fault = StepFault::new(
        codes::COLUMN_ABSENT,
        format!("the file {name} has no column `{}`", column.name),
    );
    let undeclared = header
        .iter()
        .map(String::as_str)
        .filter(|word| table.column(word).is_none());
    let alone = header.len() == 1 && table.columns.len() > 1;
    match nearest(&column.name, undeclared) {
        Some(near) => fault.with_help(format!("did you mean its column `{near}`?")),
        None if alone && header[0].contains(';') => {
            fault.with_help("its cells are separated by `;`: write it with `,`")
        }
        None if alone && header[0].contains('\t') => {
            fault.with_help("its cells are separated by tabs: write it with `,`")
        }
        None => fault.with_help("its first line must name every declared column"),
    }
}

fn ragged(name: &str, line: u64, found: usize, expected: usize) -> StepFault {
    StepFault::new(
        codes::ROW_RAGGED,
        format!("{name}, line {line}: the row has {found} cells, the header {expected}"),
    )
    .with_help("a cell that holds a comma must be quoted")
}

fn encoding(name: &str, line: u64) -> StepFault {
    StepFault::new(
        codes::FILE_ENCODING,
        format!("{name}, line {line}: the text is not UTF-8"),
    )
    .with_help("save the file as UTF-8")
}

fn batch(columns: &mut [Cells], table: &TableType, first: u64) -> RecordBatch {
    let cells: Vec<ArrayRef> = columns.iter_mut().map(Cells::finish).collect();
    let count = cells.first().map_or(0, |column| column.len()) as u64;
    let rows = UInt64Array::from_iter_values(first..first + count);
    let mut all: Vec<ArrayRef> = vec![Arc::new(rows)];
    all.extend(cells);
    RecordBatch::try_new(stored_schema(table), all)
        .expect("every builder is of its column's type and has seen the same rows")
}

/// What is wrong with a cell.
enum Problem {
    Missing,
    Type,
}

impl Problem {
    fn fault(self, name: &str, line: u64, column: &Column) -> StepFault {
        let place = format!("{name}, line {line}, column `{}`", column.name);
        let base = column.column_type.base;
        match self {
            Problem::Missing => StepFault::new(
                codes::CELL_MISSING,
                format!("{place}: the cell is empty, and must have a value"),
            )
            .with_help(format!(
                "declare the column `{}?`, or fill the cell",
                base.word()
            )),
            Problem::Type => StepFault::new(
                codes::CELL_TYPE,
                format!("{place}: the cell is not {}", expected(base)),
            )
            .with_help("correct the cell, or the column's declared type"),
        }
    }
}

fn expected(base: ColumnBase) -> &'static str {
    match base {
        ColumnBase::Int => "an int: a whole number of 64 bits",
        ColumnBase::Float => "a float: a finite number with a point",
        ColumnBase::Bool => "a bool: `true` or `false`",
        ColumnBase::String | ColumnBase::Category => "a text",
        ColumnBase::Date => "a date like 2026-01-31",
    }
}

/// The cells of one column that wait for the writer.
struct Cells {
    nullable: bool,
    values: Values,
}

enum Values {
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
    Date(Date32Builder),
}

impl Cells {
    fn new(column: &Column) -> Self {
        let values = match column.column_type.base {
            ColumnBase::Int => Values::Int(Int64Builder::new()),
            ColumnBase::Float => Values::Float(Float64Builder::new()),
            ColumnBase::Bool => Values::Bool(BooleanBuilder::new()),
            ColumnBase::String | ColumnBase::Category => Values::Text(StringBuilder::new()),
            ColumnBase::Date => Values::Date(Date32Builder::new()),
        };
        Cells {
            nullable: column.column_type.nullable,
            values,
        }
    }

    /// Adds a cell. An empty one is missing; blanks around what is not a text are passed over.
    fn push(&mut self, cell: &str) -> Result<(), Problem> {
        let cell = match self.values {
            Values::Text(_) => cell,
            _ => cell.trim_matches([' ', '\t']),
        };
        if cell.is_empty() {
            return match self.nullable {
                true => {
                    self.push_missing();
                    Ok(())
                }
                false => Err(Problem::Missing),
            };
        }
        match &mut self.values {
            Values::Int(builder) => builder.append_value(cell.parse().map_err(|_| Problem::Type)?),
            Values::Float(builder) => builder.append_value(parse_float(cell)?),
            Values::Bool(builder) => builder.append_value(parse_bool(cell)?),
            Values::Text(builder) => builder.append_value(cell),
            Values::Date(builder) => {
                builder.append_value(parse_date(cell).ok_or(Problem::Type)?);
            }
        }
        Ok(())
    }

    fn push_missing(&mut self) {
        match &mut self.values {
            Values::Int(builder) => builder.append_null(),
            Values::Float(builder) => builder.append_null(),
            Values::Bool(builder) => builder.append_null(),
            Values::Text(builder) => builder.append_null(),
            Values::Date(builder) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match &mut self.values {
            Values::Int(builder) => ArrayBuilder::finish(builder),
            Values::Float(builder) => ArrayBuilder::finish(builder),
            Values::Bool(builder) => ArrayBuilder::finish(builder),
            Values::Text(builder) => ArrayBuilder::finish(builder),
            Values::Date(builder) => ArrayBuilder::finish(builder),
        }
    }
}

/// A finite number; zero has one sign.
fn parse_float(cell: &str) -> Result<f64, Problem> {
    let number: f64 = cell.parse().map_err(|_| Problem::Type)?;
    match number.is_finite() {
        true => Ok(number + 0.0),
        false => Err(Problem::Type),
    }
}

/// The spellings that Python, R and spreadsheets write.
fn parse_bool(cell: &str) -> Result<bool, Problem> {
    match cell {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(Problem::Type),
    }
}
