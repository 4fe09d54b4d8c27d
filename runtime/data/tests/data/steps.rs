//! Steps: dropping, masking, bounds, repetition, and descriptions that do not fit.

use std::collections::BTreeMap;

use mlinfra_api::{RowOperator as Op, Value};
use mlinfra_data::{RowPipeline, run_data_step};
use mlinfra_runtime_spec::{RowStep, ServingRecipe, StepInput};
use serde_json::json;

use crate::support::{
    Place, binary, bounds, bucket, cells, column, column_cells, digests, drop_masking, entry, int,
    key, request, row, table,
};

#[test]
fn rows_with_a_missing_cell_are_dropped() {
    let place = Place::plain();
    let csv = "a,b,c\n1,,x\n,2,y\n3,4,\n5,6,z\n";
    place
        .ingest("raw", csv, &table(&["a: int?", "b: int?", "c: string?"]))
        .unwrap();
    let known = table(&["a: int", "b: int", "c: string"]);
    let manifest = place
        .step("drop_nulls", ("raw", "out"), vec![], &[], &known)
        .unwrap();
    assert_eq!(cells(&place.read("out")), [["3", "5", "6", "z"]]);
    assert_eq!(manifest.outputs["rows"], json!(1));
    assert_eq!(manifest.outputs["rows_dropped"], json!(3));

    let named = [(
        "columns",
        Value::List(vec![Value::text("a"), Value::text("b")]),
    )];
    let partly = table(&["a: int", "b: int", "c: string?"]);
    place
        .step("drop_nulls", ("raw", "named"), vec![], &named, &partly)
        .unwrap();
    assert_eq!(
        cells(&place.read("named")),
        [["2", "3", "4", "-"], ["3", "5", "6", "z"]]
    );
    let fault = place
        .step("drop_nulls", ("raw", "bad"), vec![], &named, &known)
        .unwrap_err();
    assert_eq!(fault.code, "E0612");
    assert!(
        fault.message.contains("column `c` has no value in row 2"),
        "{fault}"
    );
}

#[test]
fn cells_are_masked() {
    let place = Place::plain();
    let csv = "age,pay,name,rest\n27,-0.5,x,1\n25,10.0,y,2\n-1,,z,3\n0,1e12,w,4\n";
    let columns = ["age: int", "pay: float?", "name: string", "rest: int"];
    place.ingest("raw", csv, &table(&columns)).unwrap();
    let entries = vec![
        entry("age", bucket(5)),
        entry("pay", bucket(10)),
        entry("name", drop_masking()),
    ];
    let result = table(&["age: int", "pay: int?", "rest: int"]);
    place
        .step("mask", ("raw", "out"), entries.clone(), &[], &result)
        .unwrap();
    assert_eq!(
        cells(&place.read("out")),
        [
            ["0", "25", "-10", "1"],
            ["1", "25", "10", "2"],
            ["2", "-5", "-", "3"],
            ["3", "0", "1000000000000", "4"],
        ]
    );
    let kept = table(&["age: int", "name: string"]);
    let fault = place
        .step("mask", ("raw", "bad"), entries, &[], &kept)
        .unwrap_err();
    assert_eq!(fault.code, "E0628");
    for (name, masking) in [
        ("age", bucket(0)),
        ("age", bucket(-5)),
        ("name", bucket(5)),
        ("age", Value::case("tokenize")),
        ("age", Value::Int(3)),
    ] {
        let entries = vec![entry(name, masking)];
        let fault = place
            .step("mask", ("raw", "bad"), entries, &[], &table(&columns))
            .unwrap_err();
        assert_eq!(fault.code, "E0628", "{fault}");
    }
}

#[test]
fn buckets_leave_no_range() {
    let place = Place::plain();
    let csv = "i,f\n-9223372036854775808,1.0\n1,1e30\n";
    place
        .ingest("raw", csv, &table(&["i: int", "f: float"]))
        .unwrap();
    for (name, row) in [("i", 0), ("f", 1)] {
        let result = table(&[&format!("{name}: int")]);
        let entries = vec![entry(name, bucket(10))];
        let fault = place
            .step("mask", ("raw", "bad"), entries, &[], &result)
            .unwrap_err();
        assert_eq!(fault.code, "E0610");
        assert!(
            fault
                .message
                .contains(&format!("column `{name}`, row {row}")),
            "{fault}"
        );
    }
}

#[test]
fn a_step_that_is_done_is_not_done_again() {
    let place = Place::plain();
    let columns = table(&["a: int"]);
    let first = place.ingest("raw", "a\n1\n", &columns).unwrap();
    std::fs::remove_file(place.folder.path().join("data.csv")).unwrap();
    let mut spec = place.spec("ingest", "raw", &columns);
    spec.inputs = BTreeMap::from([(
        "from".to_owned(),
        StepInput::File {
            path: place.folder.path().join("data.csv"),
            sha256: String::new(),
        },
    )]);
    let mut notes = Vec::new();
    let again = run_data_step(&spec, &place.bounds, &mut |p| notes.push(p.note)).unwrap();
    assert_eq!(again, first);
    assert_eq!(notes, ["is there already"]);
    spec.key = key("other");
    assert_eq!(
        run_data_step(&spec, &place.bounds, &mut |_| {})
            .unwrap_err()
            .code,
        "E0609"
    );
}

#[test]
fn two_runs_give_the_same_bytes_whatever_threads_and_sealing() {
    let mut csv = "a,b,c\n".to_owned();
    for row in 0..20_000 {
        csv.push_str(&format!(
            "{},k{},{}\n",
            row % 91,
            row % 13,
            f64::from(row) / 7.0
        ));
    }
    let columns = ["a: int?", "b: category", "c: float"];
    let run = |place: Place, threads: usize| {
        let mut place = place;
        place.bounds = bounds(threads);
        let mut all = vec![digests(
            &place.ingest("raw", &csv, &table(&columns)).unwrap(),
        )];
        let known = table(&["a: int", "b: category", "c: float"]);
        all.push(digests(
            &place
                .step("drop_nulls", ("raw", "n"), vec![], &[], &known)
                .unwrap(),
        ));
        let wider = table(&["a: int", "b: category", "c: float", "d: int"]);
        let entries = vec![row("d", binary(column("a"), Op::Multiply, int(3)))];
        all.push(digests(
            &place
                .step("derive", ("n", "d"), entries, &[], &wider)
                .unwrap(),
        ));
        let entries = vec![entry("a", bucket(7))];
        all.push(digests(
            &place
                .step("mask", ("d", "m"), entries, &[], &wider)
                .unwrap(),
        ));
        all
    };
    let first = run(Place::plain(), 1);
    assert_eq!(run(Place::plain(), 3), first);
    assert_eq!(run(Place::sealed(), 2), first);
}

#[test]
fn a_bound_that_is_too_small_is_said_and_nothing_is_spilled() {
    let mut csv = "a,b\n".to_owned();
    for row in 0..20_000 {
        csv.push_str(&format!("{row},some text that takes room {row}\n"));
    }
    let mut place = Place::sealed();
    let columns = table(&["a: int", "b: string"]);
    place.ingest("raw", &csv, &columns).unwrap();
    place.bounds.memory_bytes = Some(256 << 10);
    let fault = place
        .step("drop_nulls", ("raw", "out"), vec![], &[], &columns)
        .unwrap_err();
    assert_eq!(fault.code, "E0614");
    place.bounds.memory_bytes = Some(64 << 20);
    place
        .step("drop_nulls", ("raw", "out"), vec![], &[], &columns)
        .unwrap();
}

#[test]
fn descriptions_that_do_not_fit_are_refused() {
    let place = Place::plain();
    let columns = table(&["a: int"]);
    place.ingest("raw", "a\n1\n", &columns).unwrap();
    let mut spec = place.spec("ingest", "x", &columns);
    let code = |spec: &mlinfra_runtime_spec::StepSpec| {
        run_data_step(spec, &place.bounds, &mut |_| {})
            .unwrap_err()
            .code
    };
    assert_eq!(code(&spec), "E0628", "no input");
    spec.version = 3;
    assert_eq!(code(&spec), "E0628", "another version");
    spec.version = 2;
    spec.operation = "train".to_owned();
    assert_eq!(code(&spec), "E0628", "no data step");
    spec.operation = "magic".to_owned();
    assert_eq!(code(&spec), "E0628", "no step at all");
    spec.operation = "derive".to_owned();
    spec.inputs = BTreeMap::from([(
        "data".to_owned(),
        StepInput::Artifact {
            artifact: place.artifact("nowhere"),
            table: None,
        },
    )]);
    assert_eq!(code(&spec), "E0626", "no such artifact");
    spec.result = None;
    assert_eq!(code(&spec), "E0628", "no result");
    let missing = table(&["a: int", "b: int"]);
    let fault = place
        .step("derive", ("raw", "x"), vec![], &[], &missing)
        .unwrap_err();
    assert_eq!(fault.code, "E0628", "a column from nowhere");
    let recipe = ServingRecipe {
        request: request(&["a: int"]),
        steps: vec![RowStep {
            operation: "drop_nulls".to_owned(),
            entries: vec![row("a", column("a"))],
            result: columns,
        }],
    };
    assert_eq!(RowPipeline::new(&recipe).unwrap_err().code, "E0628");
    assert_eq!(column_cells(&place.read("raw"), "a"), ["1"]);
}
