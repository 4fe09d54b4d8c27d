//! Ingest: what CSV files it reads, and what it says of those that it does not.

use std::fs;

use mlinfra_api::{Digest, TableType};
use mlinfra_data::StepFault;
use serde_json::json;

use crate::support::{Place, cells, digests, table};

fn read(csv: impl AsRef<[u8]>, columns: &[&str]) -> Vec<Vec<String>> {
    let place = Place::plain();
    place.ingest("a", csv, &table(columns)).unwrap();
    cells(&place.read("a"))
}

fn fault(csv: impl AsRef<[u8]>, columns: &[&str]) -> StepFault {
    let place = Place::plain();
    let fault = place.ingest("a", csv, &table(columns)).unwrap_err();
    let written = place.store.folder.exists();
    assert!(!written, "nothing is written: {fault}");
    fault
}

#[test]
fn every_type_is_read() {
    let csv = "i,f,b,s,c,d\n-5,1.5,true,hello,A1,2024-02-29\n+7,-0,FALSE, x ,b c,1969-12-31\n";
    let columns = [
        "i: int",
        "f: float",
        "b: bool",
        "s: string",
        "c: category",
        "d: date",
    ];
    assert_eq!(
        read(csv, &columns),
        [
            ["0", "-5", "1.5", "true", "hello", "A1", "2024-02-29"],
            ["1", "7", "0.0", "false", " x ", "b c", "1969-12-31"],
        ]
    );
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let place = Place::plain();
    let columns = table(&["b: int", "a: category"]);
    let manifest = place.ingest("a", "z,a,y,b\n9,x,,2\n", &columns).unwrap();
    assert_eq!(cells(&place.read("a")), [["0", "2", "x"]]);
    assert_eq!(manifest.outputs["columns_ignored"], json!(2));
    assert_eq!(manifest.outputs["rows"], json!(1));
    assert_eq!(manifest.objects["data.parquet"].rows, Some(1));
    assert_eq!(
        manifest.objects["data.parquet"].table.as_ref(),
        Some(&columns)
    );
}

#[test]
fn empty_cells_are_missing() {
    let csv = "i,f,b,s,d\n,,,,\n \t,1,true,\"\",\n3,,,x,2024-01-01\n";
    let columns = ["i: int?", "f: float?", "b: bool?", "s: string?", "d: date?"];
    assert_eq!(
        read(csv, &columns),
        [
            ["0", "-", "-", "-", "-", "-"],
            ["1", "-", "1.0", "true", "-", "-"],
            ["2", "3", "-", "-", "x", "2024-01-01"],
        ]
    );
}

#[test]
fn every_line_end_mark_and_quote_gives_the_same_table() {
    let columns = table(&["a: string", "b: int"]);
    let plain = "a,b\n\"x, \"\"y\"\"\nz\",1\nq\"r,2\n";
    let variants = [
        plain.to_owned(),
        plain.trim_end().to_owned(),
        format!("\u{feff}{plain}"),
        format!("\u{feff}\"a\",b{}", &plain[3..]),
        "a,b\r\n\"x, \"\"y\"\"\nz\",1\r\nq\"r,2\r\n".to_owned(),
        "a,b\r\"x, \"\"y\"\"\nz\",1\rq\"r,2\r".to_owned(),
        "a,b\n\n\"x, \"\"y\"\"\nz\",1\n\r\nq\"r,2\n\n".to_owned(),
        "\"b\",\"a\"\n\"1\",\"x, \"\"y\"\"\nz\"\n 2 ,q\"r\n".to_owned(),
    ];
    let expected = [["0", "x, \"y\"\nz", "1"], ["1", "q\"r", "2"]];
    let mut seen = None;
    for csv in variants {
        let place = Place::plain();
        let manifest = place.ingest("a", &csv, &columns).unwrap();
        assert_eq!(cells(&place.read("a")), expected, "{csv:?}");
        let digests = digests(&manifest);
        assert_eq!(*seen.get_or_insert(digests.clone()), digests, "{csv:?}");
    }
}

#[test]
fn a_cell_of_another_type_is_placed_and_not_shown() {
    let cases = [
        ("int", "12.5"),
        ("int", "1e3"),
        ("int", "secret"),
        ("int", "9223372036854775808"),
        ("float", "secret"),
        ("float", "nan"),
        ("float", "inf"),
        ("float", "1e999"),
        ("float", "1,5"),
        ("bool", "1"),
        ("bool", "yes"),
        ("date", "2024-02-30"),
        ("date", "2024-1-1"),
        ("date", "01.02.2024"),
        ("date", "2024-01-01T00:00:00"),
    ];
    for (word, cell) in cases {
        for ending in ["\n", "\r\n", "\r"] {
            let rows = ["a,b", "x,", "\"two\nlines\",", &format!("y,\"{cell}\"")];
            let fault = fault(rows.join(ending), &["a: string", &format!("b: {word}?")]);
            assert_eq!(fault.code, "E0602", "{word} {cell}");
            let place = "data.csv, line 5, column `b`: ";
            assert!(fault.message.contains(place), "{ending:?} {fault}");
            let said = format!("{} {}", fault.message, fault.help.unwrap());
            assert!(
                !said.replace("data.csv", "").contains(cell) || cell == "1",
                "{said}"
            );
        }
    }
}

#[test]
fn a_missing_cell_is_refused_where_it_may_not_be() {
    let fault = fault("a,b\nx,1\n,2\n", &["b: int", "a: category"]);
    assert_eq!(fault.code, "E0603");
    assert!(
        fault
            .message
            .ends_with("line 3, column `a`: the cell is empty, and must have a value")
    );
    assert!(fault.help.unwrap().contains("`category?`"));
}

#[test]
fn a_column_that_is_not_there_is_named() {
    let near = fault("Credit Amount,b\n1,2\n", &["b: int", "credit_amount: int"]);
    assert_eq!(near.code, "E0601");
    assert!(
        near.message.ends_with("has no column `credit_amount`"),
        "{near}"
    );
    assert_eq!(
        near.help.as_deref(),
        Some("did you mean its column `Credit Amount`?")
    );
    let other = fault("a;b\n1;2\n", &["a: int", "b: int"]);
    assert!(other.help.unwrap().contains('`'));
    let far = fault("x,y\n1,2\n", &["telephone: int"]);
    assert_eq!(far.code, "E0601");
}

#[test]
fn files_that_are_no_table_are_told_apart() {
    assert_eq!(fault("", &["a: int"]).code, "E0604");
    assert_eq!(fault("\u{feff}", &["a: int"]).code, "E0604");
    assert_eq!(fault("\n\n", &["a: int"]).code, "E0604");
    assert_eq!(fault("a,b\n", &["a: int"]).code, "E0604");
    let latin = fault(b"a,b\nx,1\nz\xfcrich,2\n", &["a: string", "b: int"]);
    assert_eq!(latin.code, "E0605");
    assert!(latin.message.contains("line 3"), "{latin}");
    assert_eq!(
        fault(b"\xff\xfea\0,\0b\0\n\0", &["a: string"]).code,
        "E0605"
    );
    let short = fault("a,b\n1,2\n3\n", &["a: int"]);
    assert_eq!(short.code, "E0606");
    assert!(
        short
            .message
            .contains("line 3: the row has 1 cells, the header 2"),
        "{short}"
    );
    assert_eq!(fault("a,b\n1,2,3\n", &["a: int"]).code, "E0606");
    let twice = fault("a,b,a\n1,2,3\n", &["a: int"]);
    assert_eq!(twice.code, "E0607");
    assert_eq!(
        read("a,b,b\n1,2,3\n", &["a: int"]),
        [["0", "1"]],
        "nobody asked for `b`"
    );
    let open = fault("a,b\n1,x\n2,\"y\n3,z\n", &["a: int", "b: string"]);
    assert_eq!(open.code, "E0616");
    assert!(open.message.contains("line 3"), "{open}");
}

#[test]
fn another_file_than_the_planned_one_is_refused_first() {
    let place = Place::plain();
    let columns = table(&["a: int"]);
    let path = place.file("a\n1\n");
    let planned = Digest::of(b"a\n2\n").to_string();
    let fault = place
        .ingest_file("a", &path, &planned, &columns)
        .unwrap_err();
    assert_eq!(fault.code, "E0608");
    fs::write(&path, "a\nnot a number\n").unwrap();
    let fault = place
        .ingest_file("a", &path, &planned, &columns)
        .unwrap_err();
    assert_eq!(fault.code, "E0608", "rather than the fault of a row");
    let fault = place
        .ingest_file("a", &path.join("x"), &planned, &columns)
        .unwrap_err();
    assert_eq!(fault.code, "E0609");
    let fault = place
        .ingest_file("a", place.folder.path(), &planned, &columns)
        .unwrap_err();
    assert_eq!(fault.code, "E0609");
    assert!(!place.store.folder.exists());
}

#[test]
fn long_files_are_read_in_batches_with_the_same_bytes_for_the_same_cells() {
    let columns: TableType = table(&["a: int", "b: category?", "c: float"]);
    let mut csv = "a,b,c\n".to_owned();
    for row in 0..70_000_i64 {
        let name = if row % 7 == 0 {
            String::new()
        } else {
            format!("k{}", row % 5)
        };
        csv.push_str(&format!("{row},{name},{}.25\n", row % 1000));
    }
    let place = Place::plain();
    let manifest = place.ingest("a", &csv, &columns).unwrap();
    let batch = place.read("a");
    assert_eq!(batch.num_rows(), 70_000);
    let rows = cells(&batch.slice(69_998, 2));
    assert_eq!(
        rows,
        [
            ["69998", "69998", "k3", "998.25"],
            ["69999", "69999", "k4", "999.25"]
        ]
    );
    // The engine cuts the table into other batches than ingest did.
    let copy = place.step(
        "drop_nulls",
        ("a", "b"),
        vec![],
        &[],
        &table(&["a: int", "b: category", "c: float"]),
    );
    assert_eq!(copy.unwrap().outputs["rows"], json!(60_000));
    let same = place
        .step("derive", ("a", "c"), vec![], &[], &columns)
        .unwrap();
    assert_eq!(
        digests(&same),
        digests(&manifest),
        "nothing derived: the same bytes"
    );
}
