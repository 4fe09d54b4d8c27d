//! Reading a `train` step's settings, and refusing those that can't be trained.

use std::collections::BTreeMap;

use mlinfra_api::{ColumnBase, Dimension, Quantity, RowExpression, TableType, Value};
use mlinfra_learn::fault::CODES;
use mlinfra_learn::task::{DEFAULT_BATCH_SIZE, DEFAULT_LEARNING_RATE, DEFAULT_WEIGHT_DECAY};
use mlinfra_learn::{Architecture, LearnFault, TrainTask};
use mlinfra_runtime_spec::{Bounds, StepSpec, StoreReference};

use crate::support::column;

fn features() -> TableType {
    TableType {
        columns: vec![
            column("city", ColumnBase::Category, false),
            column("age", ColumnBase::Int, false),
            column("sex", ColumnBase::Category, false),
            column("note", ColumnBase::String, true),
            column("born", ColumnBase::Date, true),
            column("good", ColumnBase::Bool, false),
        ],
    }
}

fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

fn case(name: &str, arguments: &[(&str, Value)]) -> Value {
    let arguments = arguments
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Value::Case {
        name: name.to_owned(),
        arguments: arguments.collect(),
    }
}

fn epochs(amount: &str) -> Value {
    Value::Quantity(Quantity::new(
        amount.parse().unwrap(),
        Dimension::base("epoch"),
    ))
}

/// The settings of the credit example, with changes.
fn read(changes: &[(&str, Value)]) -> Result<TrainTask, LearnFault> {
    let names = ["sex", "note"].map(Value::text).to_vec();
    let born = Value::Row(RowExpression::Column("born".to_owned()));
    let mut settings = BTreeMap::from([
        ("exclude", Value::List([names, vec![born]].concat())),
        (
            "architecture",
            case(
                "mlp",
                &[("hidden", Value::List(vec![Value::Int(32), Value::Int(16)]))],
            ),
        ),
        ("epochs", Value::Int(30)),
        ("checkpoint", case("every", &[("interval", epochs("5"))])),
        ("seed", Value::Int(7)),
        ("batch_size", Value::None),
    ]);
    settings.extend(changes.iter().cloned());
    let spec = StepSpec {
        operation: "train".to_owned(),
        version: 1,
        key: "0".repeat(64),
        store: StoreReference {
            folder: "store".into(),
            key_file: None,
            capacity: None,
        },
        inputs: BTreeMap::new(),
        settings: settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        entries: Vec::new(),
        result: None,
        serving: None,
    };
    let bounds = Bounds {
        threads: 2,
        ..Bounds::default()
    };
    TrainTask::from_step(&spec, &bounds, &features(), "good")
}

#[test]
fn the_settings_of_the_credit_example_are_read() {
    let task = read(&[]).unwrap();
    let names: Vec<&str> = task
        .features
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["city", "age"]);
    assert_eq!(task.label, "good");
    let expected = Architecture::Mlp {
        hidden: vec![32, 16],
        dropout: 0.0,
    };
    assert_eq!(task.architecture, expected);
    assert_eq!((task.epochs, task.seed, task.threads), (30, 7, 2));
    assert_eq!(
        (task.checkpoint_every_epochs, task.checkpoint_every_seconds),
        (Some(5), None)
    );
    assert_eq!(task.batch_size, DEFAULT_BATCH_SIZE);
    assert_eq!(task.learning_rate, DEFAULT_LEARNING_RATE);
    assert_eq!(task.weight_decay, DEFAULT_WEIGHT_DECAY);
}

#[test]
fn every_way_to_write_a_setting_is_read() {
    let minutes = Value::Quantity(Quantity::seconds(300));
    let task = read(&[
        ("architecture", Value::case("linear")),
        ("checkpoint", case("every", &[("interval", minutes)])),
        ("learning_rate", decimal("0.0005")),
        ("weight_decay", Value::Int(0)),
        ("batch_size", Value::Int(64)),
        ("seed", Value::Int(-1)),
    ])
    .unwrap();
    assert_eq!(task.architecture, Architecture::Linear);
    assert_eq!(
        (task.checkpoint_every_epochs, task.checkpoint_every_seconds),
        (None, Some(300))
    );
    assert_eq!((task.learning_rate, task.weight_decay), (0.0005, 0.0));
    assert_eq!((task.batch_size, task.seed), (64, u64::MAX));
    let hidden = Value::List(vec![Value::Int(3)]);
    let dropped = case("mlp", &[("hidden", hidden), ("dropout", decimal("0.25"))]);
    let task = read(&[("architecture", dropped), ("checkpoint", Value::None)]).unwrap();
    let expected = Architecture::Mlp {
        hidden: vec![3],
        dropout: 0.25,
    };
    assert_eq!(task.architecture, expected);
    assert_eq!(task.checkpoint_every_epochs, None);
}

#[test]
fn settings_that_cannot_be_trained_are_refused() {
    let mlp = |hidden: Vec<i64>, dropout: &str| {
        let hidden = Value::List(hidden.into_iter().map(Value::Int).collect());
        case("mlp", &[("hidden", hidden), ("dropout", decimal(dropout))])
    };
    let every = |interval: Value| case("every", &[("interval", interval)]);
    let refused = [
        ("architecture", Value::None),
        ("architecture", Value::case("forest")),
        ("architecture", mlp(vec![], "0")),
        ("architecture", mlp(vec![0], "0")),
        ("architecture", mlp(vec![-3], "0")),
        ("architecture", mlp(vec![1 << 40], "0")),
        ("architecture", mlp(vec![4; 17], "0")),
        ("architecture", mlp(vec![4], "1")),
        ("architecture", mlp(vec![4], "-0.1")),
        ("epochs", Value::Int(0)),
        ("epochs", Value::Int(-1)),
        ("epochs", Value::Int(i64::MAX)),
        ("epochs", Value::Bool(true)),
        ("batch_size", Value::Int(0)),
        ("learning_rate", Value::Int(0)),
        ("learning_rate", decimal("-0.1")),
        ("learning_rate", Value::Int(11)),
        ("learning_rate", Value::text("fast")),
        ("weight_decay", decimal("-1")),
        ("weight_decay", Value::Int(1000)),
        ("checkpoint", every(epochs("0"))),
        ("checkpoint", every(epochs("-5"))),
        ("checkpoint", every(Value::Quantity(Quantity::bytes(5)))),
        ("checkpoint", Value::case("every")),
        ("exclude", Value::Int(3)),
    ];
    for (setting, value) in refused {
        let fault = read(&[(setting, value.clone())]).unwrap_err();
        assert_eq!(fault.code, "E0650", "{setting} = {value}");
        assert!(fault.help.is_some());
    }
}

#[test]
fn texts_and_dates_are_no_features() {
    for left_in in ["note", "born"] {
        let others = ["sex", "note", "born"]
            .into_iter()
            .filter(|name| *name != left_in);
        let fault =
            read(&[("exclude", Value::List(others.map(Value::text).collect()))]).unwrap_err();
        assert_eq!(fault.code, "E0651");
        assert!(fault.message.contains(left_in));
    }
    let all = ["city", "age", "sex", "note", "born"]
        .map(Value::text)
        .to_vec();
    assert_eq!(
        read(&[("exclude", Value::List(all))]).unwrap_err().code,
        "E0655"
    );
}

#[test]
fn every_code_has_its_page() {
    for code in CODES {
        let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = manifest.join(format!("../../lang/check/codes/{code}.md"));
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.starts_with(&format!("# {code}: ")), "{code}");
        assert!(text.contains("\n## What to do\n"), "{code}");
    }
}
