//! The bytes that each operation gives for a fixed input. When a test here fails, the operation
//! gives other bytes than before: raise its version in `runtime/spec/src/operations.rs`, so that
//! recipe keys change with it, and only then put the new digest here.

use mlinfra_api::{RowOperator as Op, Value};
use mlinfra_runtime_spec::profile::{Spread, TableProfile};

use crate::support::{
    Place, binary, bucket, call, choose, column, decimal, digests, drop_masking, entry, int, row,
    table, text,
};

const CSV: &str = "age,pay,job,member,since\n\
    31,1200.50,clerk,true,2019-05-01\n\
    ,800,cook,false,2021-11-30\n\
    58,0,,true,\n\
    44,3100.25,\"driver, night\",false,2001-01-01\n\
    23,950.75,cook,true,2023-08-15\n";
const RAW: &[&str] = &[
    "age: int?",
    "pay: float",
    "job: category?",
    "member: bool",
    "since: date?",
];
const KNOWN: &[&str] = &[
    "age: int",
    "pay: float",
    "job: category",
    "member: bool",
    "since: date",
];

fn digest(place: &Place, name: &str, part: &str) -> String {
    let store = mlinfra_data::Store::open(&place.store).unwrap();
    let manifest = mlinfra_data::read_manifest(&store, &crate::support::key(name));
    digests(&manifest.unwrap().unwrap())[part].clone()
}

fn clean() -> Place {
    let place = Place::plain();
    place.ingest("raw", CSV, &table(RAW)).unwrap();
    place
        .step("drop_nulls", ("raw", "clean"), vec![], &[], &table(KNOWN))
        .unwrap();
    place
}

#[test]
fn ingest() {
    let digest = digest(&clean(), "raw", "data.parquet");
    assert_eq!(
        digest,
        "1cfcd0dcd611bd2a97214923a6f5663d8e3b4dd82a0d6b6a82606a5f2a11ba7c"
    );
}

#[test]
fn drop_nulls() {
    let digest = digest(&clean(), "clean", "data.parquet");
    assert_eq!(
        digest,
        "a6f2d8c179df4d1c7adad41c8f80464342c8eb7421baf1797d6e45a389045cab"
    );
}

#[test]
fn derive() {
    let place = clean();
    let entries = vec![
        row(
            "rate",
            call("log1p", &[binary(column("pay"), Op::Divide, column("age"))]),
        ),
        row(
            "band",
            choose(
                binary(column("age"), Op::Less, int(30)),
                text("young"),
                text("old"),
            ),
        ),
        row(
            "high",
            binary(column("pay"), Op::GreaterOrEqual, decimal("1000.0")),
        ),
        row("twice", binary(column("age"), Op::Multiply, int(2))),
    ];
    let new = ["rate: float", "band: category", "high: bool", "twice: int"];
    let result = table(&[KNOWN, &new].concat());
    place
        .step("derive", ("clean", "out"), entries, &[], &result)
        .unwrap();
    assert_eq!(
        digest(&place, "out", "data.parquet"),
        "4ee326d874b5c432341fcd42592581f64fa849453e3a6b3e2e3debdaf70c031e"
    );
}

#[test]
fn mask() {
    let place = clean();
    let entries = vec![
        entry("age", bucket(5)),
        entry("pay", bucket(100)),
        entry("job", drop_masking()),
    ];
    let result = table(&["age: int", "pay: int", "member: bool", "since: date"]);
    place
        .step("mask", ("clean", "out"), entries, &[], &result)
        .unwrap();
    assert_eq!(
        digest(&place, "out", "data.parquet"),
        "e12db786eed8b1c4a852986525136cd18b70bbc97a34a04f934415b00104263c"
    );
}

#[test]
fn split() {
    let place = clean();
    let entries = vec![
        entry("one", Value::Decimal("0.6".parse().unwrap())),
        entry("two", Value::Decimal("0.4".parse().unwrap())),
    ];
    let settings = [("stratify", Value::text("member")), ("seed", Value::Int(7))];
    place
        .step("split", ("raw", "out"), entries, &settings, &table(RAW))
        .unwrap();
    assert_eq!(
        digest(&place, "out", "one.parquet"),
        "e8b002546216978244e22904afa4f8eb3ee0874c64c8bdb1a42e2d57178c9395"
    );
    assert_eq!(
        digest(&place, "out", "two.parquet"),
        "07c239aeac03d0fcb141d78d279b3c574f7875928f3bff5b841a79c2927dc2da"
    );
}

/// A table with enough rows to have something to profile.
fn many() -> Place {
    let mut csv = "age,pay,job,member,since\n".to_owned();
    for row in 0..400_u32 {
        let age = 19 + (row * 37) % 57;
        let pay = f64::from((row * 7919) % 4001) / 4.0;
        let job = ["clerk", "cook", "", "driver, night", "diver"][(row % 5) as usize];
        let job = if row == 7 { "MARKER" } else { job };
        let member = row % 3 == 0;
        csv.push_str(&format!("{age},{pay},\"{job}\",{member},2020-01-01\n"));
    }
    let place = Place::plain();
    place.ingest("raw", csv, &table(RAW)).unwrap();
    place
        .step("drop_nulls", ("raw", "clean"), vec![], &[], &table(KNOWN))
        .unwrap();
    let entries = vec![entry("age", bucket(5)), entry("job", drop_masking())];
    let kept = table(&["age: int", "pay: float", "member: bool", "since: date"]);
    place
        .step("mask", ("clean", "masked"), entries, &[], &kept)
        .unwrap();
    let entries = vec![row("half", binary(column("age"), Op::Divide, int(2)))];
    let result = table(&[KNOWN, &["half: float"]].concat());
    place
        .step("derive", ("clean", "derived"), entries, &[], &result)
        .unwrap();
    let entries = vec![
        entry("one", Value::Decimal("0.6".parse().unwrap())),
        entry("two", Value::Decimal("0.4".parse().unwrap())),
    ];
    let settings = [("seed", Value::Int(7))];
    place
        .step(
            "split",
            ("clean", "parts"),
            entries,
            &settings,
            &table(KNOWN),
        )
        .unwrap();
    place
}

#[test]
fn every_table_has_its_profile_beside_it() {
    let place = many();
    for (name, object, expected) in [
        (
            "raw",
            "profile.json",
            "6758909d118ab5d403307c247a877e041b9b55bb7e0af990c912983f065787a7",
        ),
        (
            "clean",
            "profile.json",
            "af7d240ab17b445de5f4b8f9a739c23c575bb590794dfaa2fd5e9a1a16f543c4",
        ),
        (
            "masked",
            "profile.json",
            "7909f8af7019caeecd2c3df029e64622a431578618155f2e0420eaeea2821fe6",
        ),
        (
            "derived",
            "profile.json",
            "b92fc4a2e19851f28be5789f688c2a709fe33affe7ddd8a70e179ecdbb011ea5",
        ),
        (
            "parts",
            "one.profile.json",
            "a5f2cf423043b0323a8214bede7714e7f74f189bbc622ef58fee26e3d4110863",
        ),
        (
            "parts",
            "two.profile.json",
            "502ebeb8d79283f17588619e86119f9c5305d83869cd082ce4b6d673683d9c88",
        ),
    ] {
        assert_eq!(digest(&place, name, object), expected, "{name} {object}");
    }
    let bytes = mlinfra_data::read_object(&place.artifact("masked"), "profile.json").unwrap();
    let profile: TableProfile = serde_json::from_slice(&bytes).unwrap();
    let counts = vec![6, 28, 30, 26, 28, 30, 25, 30, 29, 25, 30, 29, 5];
    let ages = Spread::Numbers {
        mean: 44.97,
        standard_deviation: 16.58,
        edges: (4..=15).map(|edge| f64::from(edge * 5)).collect(),
        counts,
    };
    assert_eq!((profile.rows, &profile.columns[0].spread), (321, &ages));
    assert_eq!(profile.columns[3].spread, Spread::Hidden, "of dates");
    for name in ["raw", "clean", "derived"] {
        let bytes = mlinfra_data::read_object(&place.artifact(name), "profile.json").unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.contains("driver, night") && !text.contains("MARKER"),
            "{text}"
        );
    }
}
