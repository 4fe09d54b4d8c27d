//! Whether what is there to be learned is learned, and what stops a training says so.

use std::sync::Arc;

use arrow::array::{BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlinfra_api::{ColumnBase, TableType};
use mlinfra_learn::stream::Stream;
use mlinfra_learn::{Architecture, Continue, EvaluateTask, NoCheckpoints, train};

use crate::support::{column, figures, finish, judge, mixed, mlp, table, task};

#[test]
fn logistic_regression_recovers_planted_weights() {
    let mut draws = Stream::new(3, "planted").at(0);
    let mut normal = || (0..12).map(|_| f64::from(draws.unit())).sum::<f64>() - 6.0;
    let rows = 20_000;
    let first: Vec<f64> = (0..rows).map(|_| normal()).collect();
    let second: Vec<f64> = (0..rows).map(|_| 100.0 + 5.0 * normal()).collect();
    let mut noise = Stream::new(4, "planted").at(0);
    let odds = |a: f64, b: f64| 1.5 * a - 0.8 * (b - 100.0) / 5.0 + 0.4;
    let pairs = first.iter().zip(&second);
    let label: Vec<bool> = pairs
        .map(|(a, b)| f64::from(noise.unit()) < 1.0 / (1.0 + (-odds(*a, *b)).exp()))
        .collect();
    let data = table(vec![
        ("a", Arc::new(Float64Array::from(first))),
        ("b", Arc::new(Float64Array::from(second))),
        ("good", Arc::new(BooleanArray::from(label))),
    ]);
    let features = TableType {
        columns: vec![
            column("a", ColumnBase::Float, false),
            column("b", ColumnBase::Float, false),
        ],
    };
    let mut task = task(&features, Architecture::Linear);
    task.batch_size = 256;
    task.epochs = 15;
    let model = finish(&task, &data).unwrap().model;
    let asked = table(vec![
        ("a", Arc::new(Float64Array::from(vec![0.0, 1.0, 0.0, -2.0]))),
        (
            "b",
            Arc::new(Float64Array::from(vec![100.0, 100.0, 105.0, 90.0])),
        ),
    ]);
    let answers = model.predict(&asked).unwrap();
    for (answer, (a, b)) in
        answers
            .iter()
            .zip([(0.0, 100.0), (1.0, 100.0), (0.0, 105.0), (-2.0, 90.0)])
    {
        let found = (answer / (1.0 - answer)).ln();
        assert!(
            (found - odds(a, b)).abs() < 0.12,
            "{found} is not {}",
            odds(a, b)
        );
    }
}

#[test]
fn a_network_learns_what_a_line_cannot() {
    let mut draws = Stream::new(5, "crossed").at(0);
    let cells: Vec<(bool, bool)> = (0..400)
        .map(|_| (draws.below(2) == 0, draws.below(2) == 0))
        .collect();
    let data = table(vec![
        (
            "a",
            Arc::new(BooleanArray::from_iter(cells.iter().map(|c| Some(c.0)))),
        ),
        (
            "b",
            Arc::new(BooleanArray::from_iter(cells.iter().map(|c| Some(c.1)))),
        ),
        (
            "good",
            Arc::new(BooleanArray::from_iter(
                cells.iter().map(|c| Some(c.0 != c.1)),
            )),
        ),
    ]);
    let features = TableType {
        columns: vec![
            column("a", ColumnBase::Bool, false),
            column("b", ColumnBase::Bool, false),
        ],
    };
    let architecture = Architecture::Mlp {
        hidden: vec![16],
        dropout: 0.0,
    };
    let mut crossed = task(&features, architecture);
    crossed.epochs = 40;
    let network = figures(&finish(&crossed, &data).unwrap().model, &data);
    assert_eq!((network["auc"], network["accuracy"]), (1.0, 1.0));
    assert!(network["log_loss"] < 0.1);
    crossed.architecture = Architecture::Linear;
    let line = figures(&finish(&crossed, &data).unwrap().model, &data);
    assert!(line["auc"] < 0.9);
}

#[test]
fn every_kind_of_feature_counts() {
    let (data, features) = mixed(1000, 1);
    let (unseen, _) = mixed(2000, 2);
    let mut task = task(&features, mlp());
    task.epochs = 10;
    task.batch_size = 32;
    let full = finish(&task, &data).unwrap();
    let auc = figures(&full.model, &unseen)["auc"];
    for left_out in 0..features.columns.len() {
        let mut fewer = task.clone();
        fewer.features.columns.remove(left_out);
        let model = finish(&fewer, &data).unwrap().model;
        let without = figures(&model, &unseen)["auc"];
        assert!(
            without < auc,
            "{}: {without} >= {auc}",
            features.columns[left_out].name
        );
    }
    assert_eq!(full.figures["rows"], 1000.0);
    assert_eq!(
        full.figures["parameters"],
        full.model.parameter_count() as f64
    );
}

#[test]
fn metrics_agree_with_their_definitions() {
    let (data, features) = mixed(300, 1);
    let model = finish(&task(&features, mlp()), &data).unwrap().model;
    let found = judge(&model, &data, &EvaluateTask::default()).unwrap();
    let metrics = figures(&model, &data);
    let answers = model.predict(&data).unwrap();
    let labels = data["good"]
        .as_any()
        .downcast_ref::<BooleanArray>()
        .unwrap();
    let labels: Vec<f64> = labels
        .values()
        .iter()
        .map(|l| f64::from(u8::from(l)))
        .collect();
    let mean = |of: &dyn Fn(f64, f64) -> f64| {
        let each = answers.iter().zip(&labels).map(|(p, y)| of(*p, *y));
        each.sum::<f64>() / 300.0
    };
    let log_loss = mean(&|p, y| -(y * p.ln() + (1.0 - y) * (1.0 - p).ln()));
    assert!((metrics["log_loss"] - log_loss).abs() < 1e-12);
    assert!((metrics["brier"] - mean(&|p, y| (p - y) * (p - y))).abs() < 1e-12);
    let right = mean(&|p, y| f64::from(u8::from((p >= 0.5) == (y == 1.0))));
    assert!((metrics["accuracy"] - right).abs() < 1e-12);
    assert_eq!(found.positives as f64, labels.iter().sum::<f64>());
    let positives = found.confusion.true_positives + found.confusion.false_negatives;
    assert_eq!(positives, found.positives);
    let recall = found.confusion.true_positives as f64 / positives as f64;
    assert!((metrics["recall"] - recall).abs() < 1e-12);
    assert_eq!(metrics.len(), 18, "{metrics:?}");
}

#[test]
fn progress_reports_every_epoch_and_validation_changes_nothing() {
    let (data, features) = mixed(300, 1);
    let (unseen, _) = mixed(200, 2);
    let task = task(&features, mlp());
    let mut epochs = Vec::new();
    let mut note = |epoch: &_| {
        epochs.push(Clone::clone(epoch));
        Continue::Go
    };
    let watched = train(&task, &data, Some(&unseen), &mut NoCheckpoints, &mut note).unwrap();
    let plain = finish(&task, &data).unwrap();
    assert_eq!(watched.model.to_bytes(), plain.model.to_bytes());
    let epochs: Vec<mlinfra_learn::Epoch> = epochs;
    let numbers: Vec<u32> = epochs.iter().map(|epoch| epoch.epoch).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert!(epochs[5].loss < epochs[0].loss);
    let metrics = figures(&watched.model, &unseen);
    let last = epochs[5].validation.unwrap();
    assert_eq!(
        (last.auc, last.loss),
        (Some(metrics["auc"]), metrics["log_loss"])
    );
    assert_eq!(watched.figures["validation_auc"], metrics["auc"]);
    for (kept, told) in watched.history.epochs.iter().zip(&epochs) {
        let validation = told.validation.unwrap();
        assert_eq!((kept.epoch, kept.loss), (told.epoch, told.loss));
        assert_eq!(kept.validation_loss, Some(validation.loss));
        assert_eq!(kept.validation_auc, validation.auc);
    }
    assert_eq!(watched.history.epochs.len(), 6);
    assert_eq!(plain.history.epochs[5].validation_loss, None);
    assert_eq!(plain.history.epochs[5].loss, epochs[5].loss);
    assert!(!plain.figures.contains_key("validation_auc"));
}

#[test]
fn what_cannot_be_learned_is_refused_with_its_code() {
    let (data, features) = mixed(50, 1);
    let base = task(&features, Architecture::Linear);
    let code = |data: RecordBatch| finish(&base, &data).unwrap_err().code;
    assert_eq!(code(data.slice(0, 0)), "E0655");
    assert_eq!(code(data.project(&[1, 2, 3, 4]).unwrap()), "E0652");
    assert_eq!(code(data.project(&[0, 1, 2, 3]).unwrap()), "E0654");

    let one = |good: Vec<Option<bool>>| {
        let data = table(vec![
            ("age", Arc::new(Int64Array::from(vec![1, 2, 3]))),
            ("good", Arc::new(BooleanArray::from(good))),
        ]);
        let columns = vec![column("age", ColumnBase::Int, false)];
        finish(&task(&TableType { columns }, Architecture::Linear), &data)
    };
    assert_eq!(one(vec![Some(true); 3]).unwrap_err().code, "E0654");
    let missing = one(vec![Some(true), None, Some(false)]).unwrap_err();
    assert_eq!(missing.code, "E0654");
    assert!(missing.message.contains("row 1"), "{missing}");
    assert!(one(vec![Some(true), Some(false), Some(false)]).is_ok());
}

#[test]
fn a_model_cannot_be_judged_on_one_label() {
    let (data, features) = mixed(100, 1);
    let model = finish(&task(&features, Architecture::Linear), &data)
        .unwrap()
        .model;
    for rows in [0, 1] {
        let few = judge(&model, &data.slice(0, rows), &EvaluateTask::default());
        assert_eq!(few.unwrap_err().code, "E0661");
    }
}

#[test]
fn no_error_shows_a_cell() {
    let secret = "Zq-marker-81";
    let texts = vec![secret; 3];
    let data = table(vec![
        ("city", Arc::new(StringArray::from(texts))),
        (
            "good",
            Arc::new(BooleanArray::from(vec![true, false, true])),
        ),
    ]);
    for base in [
        ColumnBase::Int,
        ColumnBase::Float,
        ColumnBase::Bool,
        ColumnBase::String,
    ] {
        let columns = vec![column("city", base, false)];
        let task = task(&TableType { columns }, Architecture::Linear);
        let fault = finish(&task, &data).unwrap_err();
        assert!(!fault.to_string().contains(secret), "{fault}");
    }
}
