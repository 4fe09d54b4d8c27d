//! The mean ten-fold AUC over five seeds of the credit example's model, against its floor.
//!
//! `cargo bench -p mlinfra-learn --bench auc --profile dev`; it ends with 1 below the floor.

mod credit;

use std::process::ExitCode;
use std::time::Instant;

use arrow::array::{AsArray, RecordBatch};
use mlinfra_api::TableType;
use mlinfra_learn::stream::Stream;
use mlinfra_learn::task::{DEFAULT_BATCH_SIZE, DEFAULT_LEARNING_RATE, DEFAULT_WEIGHT_DECAY};
use mlinfra_learn::{Architecture, Continue, EvaluateTask, NoCheckpoints, evaluate, train};

const FOLDS: usize = 10;
const SEEDS: u64 = 5;
const FLOOR: f64 = 0.775;

fn main() -> ExitCode {
    let data = credit::table();
    let features = credit::features(&data, &credit::EXCLUDED);
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
                let places = 0..data.num_rows();
                credit::rows(data, places.filter(|row| (folds[*row] == fold) == inside))
            };
            let task = credit::task(features.clone(), architecture.clone(), seed);
            let mut go = |_: &_| Continue::Go;
            let trained = train(&task, &part(false), None, &mut NoCheckpoints, &mut go)
                .expect("the credit data can be learned");
            let task = EvaluateTask::default();
            let found = evaluate(&trained.model, &part(true), &task, &mut |_| {})
                .expect("both labels are in every fold");
            areas.extend(found.figures()["auc"]);
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
