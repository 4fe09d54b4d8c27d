//! The mean ten-fold AUC over five seeds of the credit example's model, against its floor.
//!
//! `cargo bench -p mlinfra-learn --bench auc --profile dev`; it ends with 1 below the floor.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use mlinfra_api::{Column, ColumnBase, ColumnType, TableType};
use mlinfra_learn::stream::Stream;
use mlinfra_learn::task::{DEFAULT_BATCH_SIZE, DEFAULT_LEARNING_RATE, DEFAULT_WEIGHT_DECAY};
use mlinfra_learn::{Architecture, Continue, Metrics, NoCheckpoints, TrainTask, evaluate, train};

const FOLDS: usize = 10;
const SEEDS: u64 = 5;
const FLOOR: f64 = 0.775;

/// What the credit example masks away or never learns from.
const LEFT_OUT: [&str; 4] = ["telephone", "personal_status", "credit", "foreign_worker"];
const NUMBERS: [&str; 7] = [
    "month",
    "credit_amount",
    "investment_as_income_percentage",
    "residence_since",
    "age",
    "number_of_credits",
    "people_liable_for",
];

fn main() -> ExitCode {
    let (data, features) = credit();
    let mlp = Architecture::Mlp {
        hidden: vec![32, 16],
        dropout: 0.0,
    };
    println!(
        "German credit, {} rows, {} features; {FOLDS} folds x {SEEDS} seeds, 30 epochs, \
         batch_size {DEFAULT_BATCH_SIZE}, learning_rate {DEFAULT_LEARNING_RATE}, \
         weight_decay {DEFAULT_WEIGHT_DECAY}",
        data.num_rows(),
        features.columns.len()
    );
    let mut reached = true;
    for (name, architecture) in [("mlp([32, 16])", mlp), ("linear", Architecture::Linear)] {
        let started = Instant::now();
        let areas = cross_validate(&data, &features, &architecture);
        let (mean, error) = mean_and_error(&areas);
        let passed = mean >= FLOOR;
        reached &= passed;
        println!(
            "{name:<14} AUC {mean:.4}, standard error {error:.4} over {} folds; floor {FLOOR}: {}; \
             {:.1} s",
            areas.len(),
            if passed { "reached" } else { "MISSED" },
            started.elapsed().as_secs_f64()
        );
    }
    if reached {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The AUC of every fold of every seed. A seed decides the folds and the training.
fn cross_validate(
    data: &RecordBatch,
    features: &TableType,
    architecture: &Architecture,
) -> Vec<f64> {
    let mut areas = Vec::new();
    for seed in 0..SEEDS {
        let folds = stratified_folds(data, seed);
        for fold in 0..FOLDS {
            let part = |inside: bool| {
                let rows = (0..data.num_rows()).filter(|row| (folds[*row] == fold) == inside);
                let rows = Int64Array::from_iter_values(rows.map(|row| row as i64));
                take_record_batch(data, &rows).expect("the rows are of this table")
            };
            let task = TrainTask {
                features: features.clone(),
                label: "good".to_owned(),
                architecture: architecture.clone(),
                epochs: 30,
                batch_size: DEFAULT_BATCH_SIZE,
                learning_rate: DEFAULT_LEARNING_RATE,
                weight_decay: DEFAULT_WEIGHT_DECAY,
                seed,
                checkpoint_every_epochs: None,
                checkpoint_every_seconds: None,
                threads: 1,
            };
            let mut go = |_: &_| Continue::Go;
            let trained = train(&task, &part(false), None, &mut NoCheckpoints, &mut go)
                .expect("the credit data can be learned");
            let Metrics { auc, .. } =
                evaluate(&trained.model, &part(true)).expect("both labels are in every fold");
            areas.push(auc);
        }
    }
    areas
}

/// The fold of each row: those of one label are shuffled and dealt out in turn.
fn stratified_folds(data: &RecordBatch, seed: u64) -> Vec<usize> {
    let labels = data["good"].as_boolean();
    let mut folds = vec![0; data.num_rows()];
    for label in [true, false] {
        let mut rows: Vec<usize> = (0..labels.len())
            .filter(|row| labels.value(*row) == label)
            .collect();
        Stream::new(seed, &format!("folds.{label}"))
            .at(0)
            .shuffle(&mut rows);
        for (place, row) in rows.into_iter().enumerate() {
            folds[row] = place % FOLDS;
        }
    }
    folds
}

/// The mean, and the standard error of the mean taking folds as independent.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

/// The example's data as its `train` step sees it: without the dropped columns, `age` in buckets of
/// five, and the label `good`.
fn credit() -> (RecordBatch, TableType) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/credit/german_credit.csv");
    let mut reader =
        csv::Reader::from_path(&path).expect("the example's data is in the repository");
    let names = reader.headers().expect("it has a header").clone();
    let records: Vec<csv::StringRecord> = reader
        .records()
        .collect::<Result<_, _>>()
        .expect("it is plain CSV");
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let mut features = TableType::default();
    for (at, name) in names.iter().enumerate() {
        let cells = records.iter().map(|record| &record[at]);
        if name == "credit" {
            let good: BooleanArray = cells.map(|cell| Some(cell == "1")).collect();
            fields.push(Field::new("good", DataType::Boolean, false));
            arrays.push(Arc::new(good));
            continue;
        }
        if LEFT_OUT.contains(&name) {
            continue;
        }
        let base = if NUMBERS.contains(&name) {
            let width = if name == "age" { 5 } else { 1 };
            let numbers = cells.map(|cell| cell.parse::<i64>().expect("a whole number"));
            let numbers = Int64Array::from_iter_values(numbers.map(|n| n / width * width));
            fields.push(Field::new(name, DataType::Int64, false));
            arrays.push(Arc::new(numbers));
            ColumnBase::Int
        } else {
            fields.push(Field::new(name, DataType::Utf8, false));
            arrays.push(Arc::new(StringArray::from_iter_values(cells)));
            ColumnBase::Category
        };
        features.columns.push(Column {
            name: name.to_owned(),
            column_type: ColumnType {
                base,
                nullable: false,
            },
            classes: Default::default(),
        });
    }
    let schema = Arc::new(Schema::new(fields));
    let data = RecordBatch::try_new(schema, arrays).expect("columns of one length");
    (data, features)
}
