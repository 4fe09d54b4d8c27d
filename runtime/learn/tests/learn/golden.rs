//! What `train` and `evaluate`, both version 2, make of fixed data: when these numbers move, raise
//! the version.

use std::sync::Arc;

use arrow::array::{BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlinfra_api::{ColumnBase, TableType};
use mlinfra_learn::judge::fairness::{Attribute, fairness};
use mlinfra_learn::{Architecture, EvaluateTask, FairnessTask};
use mlinfra_runtime_spec::operation_version;

use crate::support::{column, finish, judge, mlp, table, task};

/// Twelve fixed rows, made by no generator.
fn fixed() -> (RecordBatch, TableType) {
    let city = ["a", "b", "c", "a", "b", "c", "a", "b", "c", "a", "b", "c"];
    let age = vec![21, 35, 44, 52, 28, 61, 33, 47, 39, 25, 57, 30];
    let income = [
        1.5, 2.25, 0.5, 3.0, 1.0, 2.5, 0.75, 2.0, 1.25, 3.5, 0.25, 1.75,
    ];
    let income = income.map(|amount| (amount != 2.0).then_some(amount));
    let good = [1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1].map(|label| label == 1);
    let data = table(vec![
        ("city", Arc::new(StringArray::from(city.to_vec()))),
        ("age", Arc::new(Int64Array::from(age))),
        ("income", Arc::new(Float64Array::from(income.to_vec()))),
        ("good", Arc::new(BooleanArray::from(good.to_vec()))),
    ]);
    let columns = vec![
        column("city", ColumnBase::Category, false),
        column("age", ColumnBase::Int, false),
        column("income", ColumnBase::Float, true),
    ];
    (data, TableType { columns })
}

/// Processors round differently in the last digits, so numbers are compared, not bytes.
fn close(found: &[f64], expected: &[f64]) {
    let same = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(f, e)| (f - e).abs() < 1e-5);
    assert!(same, "found {found:?}");
}

fn answers(architecture: Architecture) -> Vec<f64> {
    let (data, features) = fixed();
    let mut task = task(&features, architecture);
    task.epochs = 10;
    task.batch_size = 5;
    let model = finish(&task, &data).unwrap().model;
    model.predict(&data).unwrap()
}

#[test]
fn train_gives_the_answers_of_its_version() {
    assert_eq!(
        operation_version("train"),
        Some(2),
        "write the new version's answers down here"
    );
    close(&answers(Architecture::Linear), &LINEAR);
    close(&answers(mlp()), &NETWORK);
}

#[test]
fn train_tells_of_every_epoch_what_its_version_tells() {
    let (data, features) = fixed();
    let mut task = task(&features, Architecture::Linear);
    task.batch_size = 5;
    let trained = finish(&task, &data).unwrap();
    let losses: Vec<f64> = trained
        .history
        .epochs
        .iter()
        .map(|epoch| epoch.loss)
        .collect();
    close(&losses, &LOSSES);
}

#[test]
fn evaluate_gives_the_figures_of_its_version() {
    assert_eq!(
        operation_version("evaluate"),
        Some(2),
        "write the new version's figures down here"
    );
    let (data, features) = fixed();
    let model = finish(&task(&features, Architecture::Linear), &data)
        .unwrap()
        .model;
    let everything = EvaluateTask {
        permutation: true,
        partial_dependence: true,
        lime: true,
        fairness: Some(FairnessTask {
            by: vec!["city".to_owned()],
            intersections: Vec::new(),
            min_group: 1,
        }),
        seed: 7,
    };
    let found = judge(&model, &data, &everything).unwrap();
    assert_eq!((found.rows, found.positives), (12, 7));
    let quality = found.quality.iter();
    let quality = quality.flat_map(|measure| [measure.value, measure.low, measure.high]);
    close(&quality.flatten().collect::<Vec<_>>(), &QUALITY);
    assert_eq!(found.fairness[0].measures[0].value, Some(1.0));
    let importance = found.importance.unwrap();
    let falls = importance.features.iter();
    let falls: Vec<f64> = falls
        .flat_map(|one| [one.mean, one.standard_deviation])
        .collect();
    close(&falls, &IMPORTANCE);
    let points = found.partial_dependence.iter().flat_map(|one| &one.points);
    let points: Vec<f64> = points
        .step_by(4)
        .flat_map(|point| [point.low, point.mean])
        .collect();
    close(&points, &DEPENDENCE);
    let cases = found.lime.unwrap().cases;
    let weights = cases.iter().flat_map(|case| {
        let weights = case.weights.iter().map(|weight| weight.weight);
        weights.chain([case.intercept, case.r_squared, case.instability])
    });
    close(&weights.collect::<Vec<_>>(), &LIME);
}

/// Sixty fixed rows: the figures between two groups, and what resampling gives.
#[test]
fn evaluate_compares_groups_as_its_version_does() {
    let group = |row: usize| Some(["a", "b"][usize::from(row % 5 < 2)].to_owned());
    let attribute = Attribute {
        column: "team".to_owned(),
        groups: (0..60).map(group).collect(),
    };
    let selected: Vec<bool> = (0..60).map(|row| row * 7 % 11 < 6).collect();
    let labels: Vec<bool> = (0..60).map(|row| row * 5 % 8 < 4).collect();
    let found = fairness(&selected, &labels, &[&attribute], 10, 7);
    let between = found.measures.iter();
    let between = between.flat_map(|measure| [measure.value, measure.low, measure.high]);
    close(&between.flatten().collect::<Vec<_>>(), &BETWEEN);
}

const LINEAR: [f64; 12] = [
    0.653845, 0.568879, 0.571959, 0.600583, 0.570109, 0.555972, 0.617704, 0.512811, 0.593206,
    0.667900, 0.489773, 0.620383,
];
const NETWORK: [f64; 12] = [
    0.590180, 0.499625, 0.491745, 0.275451, 0.553803, 0.297529, 0.514838, 0.332720, 0.577636,
    0.676698, 0.324434, 0.605879,
];
const LOSSES: [f64; 6] = [0.677462, 0.661183, 0.650032, 0.641772, 0.635668, 0.632726];
const QUALITY: [f64; 20] = [
    0.942857, 0.811528, 1.000000, 0.583333, 0.319511, 0.806740, 0.583333, 0.319511, 0.806740,
    1.000000, 0.645670, 1.000000, 0.655276, 0.571101, 0.745174, 0.231414, 0.189802, 0.275874,
    0.130333, 0.067006,
];
const BETWEEN: [f64; 27] = [
    0.974359, 0.541667, 1.000000, 0.013889, 0.000000, 0.291667, 0.067873, 0.037482, 0.483660,
    0.873950, 0.321429, 0.933333, 0.067873, 0.004202, 0.429293, 0.873950, 0.374958, 0.991667,
    0.050683, 0.027772, 0.352407, 0.008333, 0.000000, 0.175000, 0.984615, 0.711111, 1.000000,
];
const IMPORTANCE: [f64; 6] = [0.188571, 0.096044, 0.148571, 0.042378, 0.011429, 0.065776];
const DEPENDENCE: [f64; 12] = [
    0.559908, 0.582777, 0.566237, 0.585098, 0.563460, 0.582355, 0.560679, 0.579606, 0.565431,
    0.581341, 0.567140, 0.583032,
];
const LIME: [f64; 18] = [
    -0.017000, -0.009000, 0.008000, 0.589000, 1.000000, 0.000000, 0.009000, -0.008000, 0.008000,
    0.581000, 1.000000, 0.000000, 0.008000, -0.008000, 0.008000, 0.581000, 1.000000, 0.000000,
];
