//! The credit example's data as its steps prepare it, for the benches.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use mlinfra_api::{Column, ColumnBase, ColumnType, TableType};
use mlinfra_learn::task::{DEFAULT_BATCH_SIZE, DEFAULT_LEARNING_RATE, DEFAULT_WEIGHT_DECAY};
use mlinfra_learn::{Architecture, TrainTask};

/// What is masked away.
const DROPPED: [&str; 2] = ["telephone", "personal_status"];

/// What the example judges by, and never learns from.
pub(crate) const EXCLUDED: [&str; 3] = ["sex", "age_band", "foreign_worker"];

const NUMBERS: [&str; 7] = [
    "month",
    "credit_amount",
    "investment_as_income_percentage",
    "residence_since",
    "age",
    "number_of_credits",
    "people_liable_for",
];

/// The masked table: `age` in buckets of five, the label `good`, and the derived columns `sex` and
/// `age_band`.
pub(crate) fn table() -> RecordBatch {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/credit/german_credit.csv");
    let mut reader =
        csv::Reader::from_path(&path).expect("the example's data is in the repository");
    let names = reader.headers().expect("it has a header").clone();
    let records: Vec<csv::StringRecord> = reader
        .records()
        .collect::<Result<_, _>>()
        .expect("it is plain CSV");
    let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
    let mut push = |name: &str, array: ArrayRef| {
        columns.push((Field::new(name, array.data_type().clone(), false), array));
    };
    for (at, name) in names.iter().enumerate() {
        let cells = || records.iter().map(|record| &record[at]);
        let numbers = || cells().map(|cell| cell.parse::<i64>().expect("a whole number"));
        if name == "credit" {
            let good: BooleanArray = numbers().map(|credit| Some(credit == 1)).collect();
            push("good", Arc::new(good));
        } else if NUMBERS.contains(&name) {
            let width = if name == "age" { 5 } else { 1 };
            let bucket = numbers().map(|number| number / width * width);
            push(name, Arc::new(Int64Array::from_iter_values(bucket)));
        } else if !DROPPED.contains(&name) {
            push(name, Arc::new(StringArray::from_iter_values(cells())));
        }
        if name == "personal_status" {
            let female = |cell: &str| ["A92", "A95"].contains(&cell);
            let sex = cells().map(|cell| if female(cell) { "female" } else { "male" });
            push("sex", Arc::new(StringArray::from_iter_values(sex)));
        }
        if name == "age" {
            let band = numbers().map(|age| if age < 25 { "youth" } else { "adult" });
            push("age_band", Arc::new(StringArray::from_iter_values(band)));
        }
    }
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns of one length")
}

/// The columns to learn from: all but the label and these.
pub(crate) fn features(data: &RecordBatch, excluded: &[&str]) -> TableType {
    let schema = data.schema();
    let kept =
        |field: &&Arc<Field>| field.name() != "good" && !excluded.contains(&field.name().as_str());
    let column = |field: &Arc<Field>| Column {
        name: field.name().clone(),
        column_type: ColumnType {
            base: match field.data_type() {
                DataType::Int64 => ColumnBase::Int,
                _ => ColumnBase::Category,
            },
            nullable: false,
        },
        classes: Default::default(),
    };
    TableType {
        columns: schema.fields().iter().filter(kept).map(column).collect(),
    }
}

/// The example's training.
pub(crate) fn task(features: TableType, architecture: Architecture, seed: u64) -> TrainTask {
    TrainTask {
        features,
        label: "good".to_owned(),
        architecture,
        epochs: 30,
        batch_size: DEFAULT_BATCH_SIZE,
        learning_rate: DEFAULT_LEARNING_RATE,
        weight_decay: DEFAULT_WEIGHT_DECAY,
        seed,
        checkpoint_every_epochs: None,
        checkpoint_every_seconds: None,
        threads: 1,
    }
}

/// The rows at these places.
pub(crate) fn rows(data: &RecordBatch, places: impl Iterator<Item = usize>) -> RecordBatch {
    let places = Int64Array::from_iter_values(places.map(|place| place as i64));
    take_record_batch(data, &places).expect("the rows are of this table")
}
