//! The replay of row steps for requests: the same cells, bit for bit, as the steps gave.

use std::path::{Path, PathBuf};

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use mlinfra_api::{Digest, RowOperator as Op, Scalar, TableType, Value};
use mlinfra_data::{RowPipeline, request_batch, schema_of};
use mlinfra_runtime_spec::{RowStep, ServingRecipe};
use serde_json::{Map, Value as Json, json};

use crate::support::{
    Place, binary, bucket, call, cells, choose, column, decimal, drop_masking, entry, int, request,
    row, table, text, within,
};

const RAW: &[&str] = &[
    "status: category",
    "month: int",
    "credit_history: category",
    "purpose: category",
    "credit_amount: int",
    "savings: category?",
    "employment: category?",
    "investment_as_income_percentage: int",
    "personal_status: category",
    "other_debtors: category",
    "residence_since: int",
    "property: category",
    "age: int",
    "installment_plans: category",
    "housing: category",
    "number_of_credits: int",
    "skill_level: category",
    "people_liable_for: int",
    "telephone: category",
    "foreign_worker: category",
    "credit: int",
];

fn german() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/credit/german_credit.csv")
}

/// The columns of `RAW`, none of which may be missing, but for those left out, and more.
fn known(without: &[&str], more: &[&str]) -> TableType {
    let columns: Vec<String> = RAW
        .iter()
        .map(|text| text.trim_end_matches('?').to_owned())
        .filter(|text| {
            !without
                .iter()
                .any(|name| text.starts_with(&format!("{name}:")))
        })
        .chain(more.iter().map(|text| (*text).to_owned()))
        .collect();
    table(&columns.iter().map(String::as_str).collect::<Vec<_>>())
}

fn derived() -> Vec<(String, Value)> {
    let female = [
        Scalar::String("A92".to_owned()),
        Scalar::String("A95".to_owned()),
    ];
    let rate = binary(column("credit_amount"), Op::Divide, column("month"));
    vec![
        row(
            "sex",
            choose(
                within(column("personal_status"), &female),
                text("female"),
                text("male"),
            ),
        ),
        row(
            "age_band",
            choose(
                binary(column("age"), Op::Less, int(25)),
                text("youth"),
                text("adult"),
            ),
        ),
        row(
            "monthly",
            call("log1p", &[binary(rate, Op::Multiply, decimal("1.1"))]),
        ),
        row("good", binary(column("credit"), Op::Equal, int(1))),
    ]
}

fn masked() -> Vec<(String, Value)> {
    vec![
        entry("telephone", drop_masking()),
        entry("personal_status", drop_masking()),
        entry("credit", drop_masking()),
        entry("age", bucket(5)),
    ]
}

const NEW: &[&str] = &[
    "sex: category",
    "age_band: category",
    "monthly: float",
    "good: bool",
];
const DROPPED: &[&str] = &["telephone", "personal_status", "credit"];

/// The recipe that the checker derives: without the label, and what only the label needs.
fn recipe() -> ServingRecipe {
    let columns = known(&["telephone", "credit"], &[]);
    let without_label = &NEW[..3];
    ServingRecipe {
        request: mlinfra_runtime_spec::RequestSchema::of(&columns),
        steps: vec![
            RowStep {
                operation: "derive".to_owned(),
                entries: derived(),
                result: known(&["telephone", "credit"], without_label),
            },
            RowStep {
                operation: "mask".to_owned(),
                entries: masked(),
                result: known(DROPPED, without_label),
            },
        ],
    }
}

/// Ingest to mask, as a pipeline would run them.
fn run_steps(place: &Place) -> (RecordBatch, RecordBatch) {
    let bytes = std::fs::read(german()).unwrap();
    let sha256 = Digest::of(&bytes).to_string();
    place
        .ingest_file("raw", &german(), &sha256, &table(RAW))
        .unwrap();
    place
        .step(
            "drop_nulls",
            ("raw", "clean"),
            vec![],
            &[],
            &known(&[], &[]),
        )
        .unwrap();
    place
        .step(
            "derive",
            ("clean", "people"),
            derived(),
            &[],
            &known(&[], NEW),
        )
        .unwrap();
    place
        .step(
            "mask",
            ("people", "masked"),
            masked(),
            &[],
            &known(DROPPED, NEW),
        )
        .unwrap();
    (place.read("clean"), place.read("masked"))
}

/// The rows of a batch as requests.
fn requests(batch: &RecordBatch) -> Vec<Map<String, Json>> {
    let schema = batch.schema();
    let options = FormatOptions::new();
    let cell = |index: usize, row: usize| {
        let column = batch.column(index);
        let shown = ArrayFormatter::try_new(column, &options)
            .unwrap()
            .value(row)
            .to_string();
        match column.is_null(row) {
            true => Json::Null,
            false if column.data_type().is_numeric() => serde_json::from_str(&shown).unwrap(),
            false => Json::from(shown),
        }
    };
    (0..batch.num_rows())
        .map(|row| {
            let fields = schema.fields().iter().enumerate();
            fields
                .map(|(index, field)| (field.name().clone(), cell(index, row)))
                .collect()
        })
        .collect()
}

#[test]
fn serving_computes_what_training_computed_bit_for_bit() {
    let place = Place::plain();
    let (clean, masked) = run_steps(&place);
    assert_eq!(clean.num_rows(), 1000);
    let recipe = recipe();
    let pipeline = RowPipeline::new(&recipe).unwrap();
    let features = pipeline.feature_schema().clone();
    let expected = mlinfra_data::conform(&masked, &features).unwrap();
    assert_eq!(features, schema_of(&known(DROPPED, &NEW[..3])));

    assert_eq!(
        pipeline.run(&clean).unwrap(),
        expected,
        "the whole table at once"
    );
    let rows = requests(&clean);
    let batch = request_batch(&recipe.request, &rows).unwrap();
    assert_eq!(&batch.schema(), pipeline.request_schema());
    assert_eq!(pipeline.run(&batch).unwrap(), expected, "by way of JSON");
    for (index, row) in rows.iter().enumerate() {
        let single = request_batch(&recipe.request, std::slice::from_ref(row)).unwrap();
        assert_eq!(
            pipeline.run(&single).unwrap(),
            expected.slice(index, 1),
            "row {index}"
        );
    }
    let empty = request_batch(&recipe.request, &[]).unwrap();
    assert_eq!(pipeline.run(&empty).unwrap().num_rows(), 0);
}

#[test]
fn a_pipeline_is_used_by_many_at_once() {
    let recipe = recipe();
    let pipeline = RowPipeline::new(&recipe).unwrap();
    let place = Place::plain();
    let (clean, _) = run_steps(&place);
    let whole = pipeline.run(&clean).unwrap();
    std::thread::scope(|scope| {
        for start in 0..4 {
            let (pipeline, clean, whole) = (&pipeline, &clean, &whole);
            scope.spawn(move || {
                for index in (start..200).step_by(4) {
                    let row = pipeline.run(&clean.slice(index, 1)).unwrap();
                    assert_eq!(row, whole.slice(index, 1));
                }
            });
        }
    });
}

fn rows(json: Json) -> Vec<Map<String, Json>> {
    json.as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_object().unwrap().clone())
        .collect()
}

#[test]
fn requests_are_typed() {
    let schema = request(&["i: int", "f: float", "b: bool?", "s: category?", "d: date?"]);
    let json = json!([
        {"i": 3, "f": 2, "b": true, "s": "x", "d": "2024-02-29", "more": [1]},
        {"f": -0.0, "i": 4.0, "s": null},
        {"i": i64::MIN, "f": 1e300, "b": null, "d": null, "s": ""},
    ]);
    assert_eq!(
        cells(&request_batch(&schema, &rows(json)).unwrap()),
        [
            ["3", "2.0", "true", "x", "2024-02-29"],
            ["4", "0.0", "-", "-", "-"],
            ["-9223372036854775808", "1e300", "-", "", "-"],
        ]
    );
    assert_eq!(request_batch(&schema, &[]).unwrap().num_rows(), 0);
    let nothing = request_batch(&request(&[]), &rows(json!([{}, {"x": 1}]))).unwrap();
    assert_eq!(nothing.num_rows(), 2);
}

#[test]
fn requests_that_do_not_fit_name_field_and_row() {
    let schema = request(&[
        "age: int",
        "pay: float?",
        "ok: bool?",
        "job: category?",
        "day: date?",
    ]);
    let cases = [
        (json!({}), "row 1: the field `age` is not there"),
        (
            json!({"age": null}),
            "row 1: the field `age` is null, and must have a value",
        ),
        (
            json!({"age": "secret"}),
            "row 1: the field `age` is not a whole number of 64 bits",
        ),
        (json!({"age": 1.5}), "is not a whole number"),
        (json!({"age": 1e300}), "is not a whole number"),
        (
            json!({"age": 9_223_372_036_854_775_808_u64}),
            "is not a whole number",
        ),
        (json!({"age": true}), "is not a whole number"),
        (json!({"age": 1, "pay": "secret"}), "`pay` is not a number"),
        (json!({"age": 1, "ok": 1}), "`ok` is not true or false"),
        (json!({"age": 1, "job": 7}), "`job` is not a text"),
        (json!({"age": 1, "day": "secret"}), "`day` is not a date"),
        (json!({"age": 1, "Pay ": 3}), "`pay` is not there"),
        (json!({"aeg": 1}), "`age` is not there"),
    ];
    for (wrong, message) in cases {
        let batch = request_batch(&schema, &rows(json!([{"age": 1}, wrong])));
        let fault = batch.unwrap_err();
        assert_eq!(fault.code, "E0615");
        assert!(fault.message.contains(message), "{fault}");
        assert!(!fault.message.contains("secret"), "{fault}");
    }
    let fault = request_batch(&schema, &rows(json!([{"age": 1, "jbo": "x"}]))).unwrap_err();
    assert_eq!(fault.help.as_deref(), Some("did you mean `job` by `jbo`?"));
}
