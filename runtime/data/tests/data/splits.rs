//! Split: exact shares, disjoint parts, strata and seeds.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use mlinfra_api::Value;

use crate::support::{Place, column_cells, digests, entry, table};

fn ratios(parts: &[(&str, &str)]) -> Vec<(String, Value)> {
    parts
        .iter()
        .map(|(name, ratio)| entry(name, Value::Decimal(ratio.parse().unwrap())))
        .collect()
}

/// A table of `rows` rows with strata of unequal sizes, some of one row.
fn strata(place: &Place, rows: usize) {
    let mut csv = "s,x\n".to_owned();
    for row in 0..rows {
        let stratum = match row {
            _ if row % 3 == 0 => "a",
            _ if row % 7 == 0 => "b",
            _ if row == 1 => "lonely",
            _ if row % 5 == 0 => "",
            _ => "c",
        };
        csv.push_str(&format!("{stratum},{row}\n"));
    }
    place
        .ingest("raw", &csv, &table(&["s: category?", "x: int"]))
        .unwrap();
}

fn row_ids(place: &Place, name: &str, part: &str) -> Vec<u64> {
    let batch = place.part(name, part);
    batch
        .column(0)
        .as_primitive::<UInt64Type>()
        .values()
        .to_vec()
}

#[test]
fn parts_are_disjoint_whole_and_exact() {
    let columns = table(&["s: category?", "x: int"]);
    let cases: &[&[(&str, &str)]] = &[
        &[("train", "0.8"), ("test", "0.2")],
        &[("a", "0.7"), ("b", "0.15"), ("c", "0.15")],
        &[("a", "0.333"), ("b", "0.333"), ("c", "0.334")],
        &[("all", "1")],
        &[("few", "0.01"), ("some", "0.3")],
    ];
    for rows in [1, 2, 3, 10, 97, 500] {
        let place = Place::plain();
        strata(&place, rows);
        for (index, parts) in cases.iter().enumerate() {
            for stratify in [None, Some("s")] {
                let name = format!("out{index}{stratify:?}");
                let settings: Vec<(&str, Value)> = stratify
                    .iter()
                    .map(|column| ("stratify", Value::text(*column)))
                    .collect();
                place
                    .step("split", ("raw", &name), ratios(parts), &settings, &columns)
                    .unwrap();
                check_parts(&place, &name, parts, rows, stratify.is_some());
            }
        }
    }
}

fn check_parts(place: &Place, name: &str, parts: &[(&str, &str)], rows: usize, strata: bool) {
    let stratum_of = column_cells(&place.read("raw"), "s");
    let mut seen = vec![false; rows];
    for (part, ratio) in parts {
        let ratio: f64 = ratio.parse().unwrap();
        let ids = row_ids(place, name, part);
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "in order");
        for id in &ids {
            assert!(
                !std::mem::replace(&mut seen[*id as usize], true),
                "row {id} twice"
            );
        }
        let off = ids.len() as f64 - ratio * rows as f64;
        assert!(
            off.abs() < if strata { 1.5 } else { 1.0 },
            "{name} {part} {rows}: {off}"
        );
        if strata {
            let mut counts: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
            stratum_of
                .iter()
                .for_each(|s| counts.entry(s).or_default().0 += 1.0);
            ids.iter().for_each(|id| {
                counts.get_mut(stratum_of[*id as usize].as_str()).unwrap().1 += 1.0;
            });
            for (stratum, (all, taken)) in counts {
                assert!((taken - ratio * all).abs() < 1.0, "{name} {part} {stratum}");
            }
        }
        let cells = column_cells(&place.part(name, part), "x");
        assert_eq!(cells, ids.iter().map(u64::to_string).collect::<Vec<_>>());
    }
    let whole: f64 = parts
        .iter()
        .map(|(_, ratio)| ratio.parse::<f64>().unwrap())
        .sum();
    let used = seen.iter().filter(|seen| **seen).count();
    match (whole - 1.0).abs() < 1e-9 {
        true => assert_eq!(used, rows),
        false => assert!((used as f64 - whole * rows as f64).abs() < 2.0),
    }
}

#[test]
fn the_seed_chooses_and_the_thread_count_does_not() {
    let columns = table(&["s: category?", "x: int"]);
    let halves = ratios(&[("one", "0.5"), ("two", "0.5")]);
    let mut place = Place::plain();
    strata(&place, 200);
    let mut run = |name: &str, seed: Option<i64>, threads: usize| {
        place.bounds.threads = threads;
        let settings: Vec<(&str, Value)> = seed
            .iter()
            .map(|seed| ("seed", Value::Int(*seed)))
            .collect();
        digests(
            &place
                .step("split", ("raw", name), halves.clone(), &settings, &columns)
                .unwrap(),
        )
    };
    let first = run("a", Some(7), 1);
    assert_eq!(run("b", Some(7), 4), first);
    assert_ne!(run("c", Some(8), 1), first);
    assert_eq!(
        run("d", None, 1),
        run("e", Some(0), 1),
        "the default seed is 0"
    );
}

#[test]
fn ratios_that_are_none_are_refused() {
    let columns = table(&["s: category?", "x: int"]);
    let place = Place::plain();
    strata(&place, 10);
    for parts in [
        ratios(&[("a", "0.8"), ("b", "0.3")]),
        ratios(&[("a", "1.0001")]),
        ratios(&[("a", "0")]),
        ratios(&[("a", "-0.5"), ("b", "0.5")]),
    ] {
        let fault = place
            .step("split", ("raw", "out"), parts, &[], &columns)
            .unwrap_err();
        assert_eq!(fault.code, "E0613");
    }
    let settings = [("stratify", Value::text("nowhere"))];
    let half = ratios(&[("a", "0.5")]);
    let fault = place
        .step("split", ("raw", "out"), half, &settings, &columns)
        .unwrap_err();
    assert_eq!(fault.code, "E0628");
    assert_eq!(place.read("raw").num_rows(), 10);
}
