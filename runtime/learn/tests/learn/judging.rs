//! A whole evaluation: what is asked for, what is found, the same bits again, and no cell in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use mlinfra_api::Value;
use mlinfra_learn::{EvaluateTask, FairnessTask, LearnFault, Model, evaluate};
use mlinfra_runtime_spec::evaluation::THRESHOLD;
use mlinfra_runtime_spec::{StepSpec, StoreReference};

use crate::support::{finish, judge, mixed, mlp, task};

/// What an `evaluate` step with these settings is asked for.
fn read(settings: &[(&str, Value)]) -> Result<EvaluateTask, LearnFault> {
    let named = |(name, value): &(&str, Value)| ((*name).to_owned(), value.clone());
    EvaluateTask::from_step(&StepSpec {
        operation: "evaluate".to_owned(),
        version: 2,
        key: "0".repeat(64),
        store: StoreReference {
            folder: "store".into(),
            key_file: None,
            capacity: None,
        },
        inputs: BTreeMap::new(),
        settings: settings.iter().map(named).collect(),
        entries: Vec::new(),
        result: None,
        serving: None,
    })
}

fn texts(names: &[&str]) -> Value {
    Value::List(names.iter().map(|name| Value::text(*name)).collect())
}

#[test]
fn settings_are_read_and_what_is_not_written_has_its_default() {
    let nothing = [
        ("fairness", Value::None),
        ("explain", Value::List(Vec::new())),
    ];
    assert_eq!(read(&nothing).unwrap(), EvaluateTask::default());
    assert_eq!(read(&[]).unwrap(), EvaluateTask::default());
    let cases = ["permutation", "partial_dependence", "lime"].map(Value::case);
    let body = [
        ("by", texts(&["sex", "age_band"])),
        (
            "intersections",
            Value::List(vec![texts(&["sex", "age_band"])]),
        ),
        ("min_group", Value::Int(12)),
    ];
    let body = body.map(|(name, value)| (name.to_owned(), value));
    let task = read(&[
        ("explain", Value::List(cases.into())),
        ("fairness", Value::Record(body.into())),
        ("seed", Value::Int(-3)),
    ]);
    let by = vec!["sex".to_owned(), "age_band".to_owned()];
    let expected = EvaluateTask {
        permutation: true,
        partial_dependence: true,
        lime: true,
        fairness: Some(FairnessTask {
            intersections: vec![by.clone()],
            by,
            min_group: 12,
        }),
        seed: (-3_i64).cast_unsigned(),
    };
    assert_eq!(task.unwrap(), expected);
    for (name, value) in [
        ("explain", Value::List(vec![Value::case("magic")])),
        ("fairness", Value::Int(1)),
        (
            "fairness",
            Value::Record(BTreeMap::from([("by".to_owned(), Value::Int(1))])),
        ),
    ] {
        assert_eq!(read(&[(name, value)]).unwrap_err().code, "E0650", "{name}");
    }
}

fn everything() -> EvaluateTask {
    EvaluateTask {
        permutation: true,
        partial_dependence: true,
        lime: true,
        fairness: Some(FairnessTask {
            by: vec!["member".to_owned(), "team".to_owned()],
            intersections: vec![vec!["member".to_owned(), "team".to_owned()]],
            min_group: 10,
        }),
        seed: 5,
    }
}

/// A model and a table that it did not see, with a column `team` that it never learned from.
fn judged() -> (Model, RecordBatch) {
    let (data, features) = mixed(300, 1);
    let model = finish(&task(&features, mlp()), &data).unwrap().model;
    let (unseen, _) = mixed(230, 2);
    (
        model,
        with_teams(&unseen, |row| Some(["red", "blue"][row % 2])),
    )
}

fn with_teams(data: &RecordBatch, team: impl Fn(usize) -> Option<&'static str>) -> RecordBatch {
    let teams: StringArray = (0..data.num_rows()).map(team).collect();
    let schema = data.schema();
    let names = schema.fields().iter().map(|field| field.name().clone());
    let columns = names.zip(data.columns().iter().cloned());
    let team = ("team".to_owned(), Arc::new(teams) as ArrayRef);
    RecordBatch::try_from_iter(columns.chain([team])).unwrap()
}

#[test]
fn everything_that_is_asked_for_is_there_and_progress_counts_to_the_end() {
    let (model, data) = judged();
    let mut told = Vec::new();
    let found = evaluate(&model, &data, &everything(), &mut |now| told.push(now)).unwrap();
    let notes: Vec<&str> = told.iter().map(|now| now.note.as_str()).collect();
    assert_eq!(
        notes[..3],
        ["quality", "fairness by member", "fairness by team"]
    );
    assert!(
        notes.contains(&"permutation 3/4") && notes.contains(&"lime 10/10"),
        "{notes:?}"
    );
    let all = told[0].done.1;
    let counts: Vec<u64> = told.iter().map(|now| now.done.0).collect();
    assert_eq!(counts, (0..all).collect::<Vec<_>>());

    let figures = found.figures();
    for name in [
        "auc",
        "auc_low",
        "auc_high",
        "auc_standard_error",
        "accuracy_low",
        "precision",
        "recall_high",
        "log_loss",
        "brier_low",
        "calibration_error",
        "disparate_impact(member)",
        "equalized_odds_ratio(team)",
        "equal_opportunity_difference(member, team)",
    ] {
        assert!(figures[name].is_some(), "{name}");
    }
    // What the language lets a gate ask for is what is found, and nothing else.
    let names = figures.keys().filter_map(|name| name.split('(').next());
    let mut names: Vec<&str> = names.chain(["rows", "positives"]).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, mlinfra_check::stdlib::operation_figures("evaluate"));
    assert_eq!(figures.len(), 18 + 3 * 8);
    let auc = figures["auc"].unwrap();
    assert!(figures["auc_low"].unwrap() < auc && auc < figures["auc_high"].unwrap());
    let importance = found.importance.as_ref().unwrap();
    assert_eq!((importance.score, importance.features.len()), (auc, 4));
    assert!(importance.features[0].mean > 0.0);
    assert_eq!(found.partial_dependence.len(), 4);
    let lime = found.lime.as_ref().unwrap();
    let predictions: Vec<f64> = lime.cases.iter().map(|case| case.prediction).collect();
    assert_eq!(predictions.len(), 3);
    assert!(predictions[0] < predictions[1] && predictions[1] < predictions[2]);
    // It is stored as it is read.
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(
        serde_json::from_str::<mlinfra_runtime_spec::evaluation::Evaluation>(&text).unwrap(),
        found
    );
}

#[test]
fn nothing_that_was_not_asked_for_is_done() {
    let (model, data) = judged();
    let found = judge(&model, &data, &EvaluateTask::default()).unwrap();
    assert!(found.fairness.is_empty() && found.partial_dependence.is_empty());
    assert_eq!((found.importance, found.lime), (None, None));
}

#[test]
fn the_same_table_is_judged_to_the_same_bits_wherever_it_lies() {
    let (model, data) = judged();
    let found = judge(&model, &data, &everything()).unwrap();
    assert_eq!(judge(&model, &data, &everything()).unwrap(), found);
    // Inside of a larger table, with its columns in another order.
    let twice = arrow::compute::concat_batches(&data.schema(), [&data, &data, &data]).unwrap();
    let part = twice.slice(data.num_rows(), data.num_rows());
    let order: Vec<usize> = (0..part.num_columns()).rev().collect();
    let part = part.project(&order).unwrap();
    assert_eq!(judge(&model, &part, &everything()).unwrap(), found);
    let other = EvaluateTask {
        seed: 6,
        ..everything()
    };
    let again = judge(&model, &data, &other).unwrap();
    assert_ne!(again.lime, found.lime);
    assert_eq!(again.roc, found.roc);
}

/// An endpoint says true from the same probability on.
#[test]
fn a_row_is_selected_from_the_one_threshold_on() {
    let (model, data) = judged();
    let found = judge(&model, &data, &EvaluateTask::default()).unwrap();
    let selected = model.predict(&data).unwrap();
    let selected = selected.iter().filter(|p| **p >= THRESHOLD).count() as u64;
    let confusion = found.confusion;
    assert_eq!(
        confusion.true_positives + confusion.false_positives,
        selected
    );
    assert_eq!(found.threshold, THRESHOLD);
    assert!(0 < selected && selected < found.rows);
}

/// The rows of a group or a category that few have are nowhere told apart, and no number of the
/// table is written down.
#[test]
fn no_cell_of_a_few_rows_is_in_an_evaluation() {
    let (rows, _) = mixed(240, 4);
    let marker = "zqmarkerqz";
    let rare = |row: usize| {
        Some(if row < 3 {
            marker
        } else {
            ["red", "blue"][row % 2]
        })
    };
    let data = with_teams(&rows, rare);
    let mut features = mixed(1, 4).1;
    features.columns.push(crate::support::column(
        "team",
        mlinfra_api::ColumnBase::Category,
        false,
    ));
    let model = finish(&task(&features, mlp()), &data).unwrap().model;
    let found = judge(&model, &data, &everything()).unwrap();
    let reason = found.fairness[1].measures[0].undefined.as_deref().unwrap();
    assert_eq!(
        reason,
        "a group of team has fewer than 5 rows, at least 10 are required"
    );
    assert_eq!(found.figures()["disparate_impact(team)"], None);
    let text = serde_json::to_string(&found).unwrap();
    assert!(!text.contains(marker));
    // One row alone: some combinations with its team have no row at all.
    let one = with_teams(&rows, |row| rare(row + 2));
    let of_one = judge(&model, &one, &everything()).unwrap();
    assert!(!serde_json::to_string(&of_one).unwrap().contains(marker));
    let incomes = data["income"].as_primitive::<arrow::datatypes::Float64Type>();
    for income in incomes.iter().flatten() {
        assert!(!text.contains(&income.to_string()));
    }
}

#[test]
fn columns_that_are_not_there_or_do_not_group_are_named_without_their_cells() {
    let (model, data) = judged();
    let by = |column: &str| EvaluateTask {
        fairness: Some(FairnessTask {
            by: vec![column.to_owned()],
            intersections: Vec::new(),
            min_group: 10,
        }),
        ..EvaluateTask::default()
    };
    for (column, told) in [("income", "holds Float64"), ("gone", "no column `gone`")] {
        let fault = judge(&model, &data, &by(column)).unwrap_err();
        assert_eq!(fault.code, "E0661");
        assert!(fault.message.contains(told), "{fault}");
    }
    let by_age = judge(&model, &data, &by("age")).unwrap();
    assert!(by_age.fairness[0].measures[0].undefined.is_some());
    let fewer = data.project(&[1, 2, 3, 4]).unwrap();
    let fault = judge(&model, &fewer, &everything()).unwrap_err();
    assert_eq!(fault.code, "E0652");
}
