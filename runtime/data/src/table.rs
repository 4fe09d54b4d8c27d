//! How a table looks: its Arrow schema in memory, and Parquet with the same bytes for the same
//! cells.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use bytes::Bytes;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use mlinfra_api::{ColumnBase, TableType};
use mlinfra_runtime_spec::profile::TableProfile;

use crate::StepFault;
use crate::codes;
use crate::profile::profile_of_batches;

/// The column of row ids: UInt64, counted from 0 at ingest, never changed, first of all.
pub const ROW_COLUMN: &str = "_row";

/// Rows in every row group but the last. Part of the format: another number gives other bytes.
const GROUP_ROWS: usize = 65_536;

/// How a column is held in memory.
pub fn arrow_type(base: ColumnBase) -> DataType {
    match base {
        ColumnBase::Int => DataType::Int64,
        ColumnBase::Float => DataType::Float64,
        ColumnBase::Bool => DataType::Boolean,
        ColumnBase::String | ColumnBase::Category => DataType::Utf8,
        ColumnBase::Date => DataType::Date32,
    }
}

/// The schema of a table, without `_row`.
pub fn schema_of(table: &TableType) -> SchemaRef {
    Arc::new(Schema::new(fields(table)))
}

/// The schema of a table, with `_row` before the others.
pub fn stored_schema(table: &TableType) -> SchemaRef {
    let mut all = vec![Field::new(ROW_COLUMN, DataType::UInt64, false)];
    all.extend(fields(table));
    Arc::new(Schema::new(all))
}

fn fields(table: &TableType) -> Vec<Field> {
    let field = |column: &mlinfra_api::Column| {
        let kind = column.column_type;
        Field::new(&column.name, arrow_type(kind.base), kind.nullable)
    };
    table.columns.iter().map(field).collect()
}

/// The columns of `schema` out of a batch, by name.
///
/// # Errors
/// E0629 if one is not there or of another type, E0612 if a cell is missing that must not be.
pub fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, StepFault> {
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = field.name();
        let column = batch
            .column_by_name(name)
            .ok_or_else(|| StepFault::engine(format!("the result has no column `{name}`")))?;
        if column.data_type() != field.data_type() {
            return Err(StepFault::engine(format!(
                "the column `{name}` is of type {} and should be {}",
                column.data_type(),
                field.data_type()
            )));
        }
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(missing(name, column, batch.column_by_name(ROW_COLUMN)));
        }
        columns.push(Arc::clone(column));
    }
    RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
    )
    .map_err(|_| StepFault::engine("the columns of a table differ in length"))
}

fn missing(name: &str, column: &dyn Array, rows: Option<&arrow::array::ArrayRef>) -> StepFault {
    let index = (0..column.len()).find(|&index| column.is_null(index));
    let place = match (
        index,
        rows.and_then(|rows| rows.as_primitive_opt::<UInt64Type>()),
    ) {
        (Some(index), Some(rows)) => format!(" in row {} (counted from 0)", rows.value(index)),
        _ => String::new(),
    };
    StepFault::new(
        codes::COMPUTED_MISSING,
        format!("the column `{name}` has no value{place}, and may not be without"),
    )
    .with_help("give a value with `??`, or drop such rows with `drop_nulls`")
}

/// Writes a table as Parquet, and looks at it for its profile. The bytes depend on the cells
/// alone, not on how they were batched.
pub(crate) struct TableWriter {
    table: TableType,
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
    /// Everything, for the profile: percentiles want all cells at once.
    batches: Vec<RecordBatch>,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    next_row: u64,
}

impl TableWriter {
    /// A writer for a table with these columns and `_row`.
    pub(crate) fn new(table: &TableType) -> Self {
        let schema = stored_schema(table);
        let properties = WriterProperties::builder()
            .set_created_by("mlinfra".to_owned())
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_compression(Compression::UNCOMPRESSED)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .build();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true)
            .with_schema_root("table".to_owned());
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)
            .expect("every column type of the language has a Parquet type");
        TableWriter {
            table: table.clone(),
            schema,
            writer,
            batches: Vec::new(),
            waiting: Vec::new(),
            waiting_rows: 0,
            next_row: 0,
        }
    }

    /// Adds rows, in ascending order of `_row`.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<(), StepFault> {
        let batch = conform(batch, &self.schema)?;
        for &row in batch.column(0).as_primitive::<UInt64Type>().values() {
            if row < self.next_row {
                return Err(StepFault::engine("the rows of a table are out of order"));
            }
            self.next_row = row + 1;
        }
        self.waiting_rows += batch.num_rows();
        self.batches.push(batch.clone());
        self.waiting.push(batch);
        match self.waiting_rows >= GROUP_ROWS {
            true => self.write_groups(GROUP_ROWS),
            false => Ok(()),
        }
    }

    /// Ends the file: its bytes, and the profile of what is in it.
    pub(crate) fn finish(mut self) -> Result<(Vec<u8>, TableProfile), StepFault> {
        self.write_groups(1)?;
        let bytes = self.writer.into_inner().map_err(|_| unwritable())?;
        Ok((bytes, profile_of_batches(&self.batches, &self.table)))
    }

    /// Writes whole groups while at least `least` rows wait.
    fn write_groups(&mut self, least: usize) -> Result<(), StepFault> {
        let mut all = concat_batches(&self.schema, &self.waiting).map_err(|_| unwritable())?;
        while all.num_rows() >= least && all.num_rows() > 0 {
            let rows = all.num_rows().min(GROUP_ROWS);
            self.writer
                .write(&all.slice(0, rows))
                .and_then(|()| self.writer.flush())
                .map_err(|_| unwritable())?;
            all = all.slice(rows, all.num_rows() - rows);
        }
        self.waiting_rows = all.num_rows();
        self.waiting = vec![all];
        Ok(())
    }
}

fn unwritable() -> StepFault {
    StepFault::engine("a table could not be written as Parquet")
}

/// A table from its Parquet bytes; none if they are not a table with these columns.
pub(crate) fn decode(bytes: Vec<u8>, table: &TableType) -> Option<RecordBatch> {
    let schema = stored_schema(table);
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))
        .ok()?
        .with_batch_size(GROUP_ROWS)
        .build()
        .ok()?;
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().ok()?;
    let stored = batches
        .first()
        .map_or_else(|| Arc::clone(&schema), RecordBatch::schema);
    let whole = concat_batches(&stored, &batches).ok()?;
    conform(&whole, &schema).ok()
}
