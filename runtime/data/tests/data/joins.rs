//! What the standard library declares and what this crate implements are the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mlinfra_data::{CODES, MASKINGS, row_function_names};

fn library(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../stdlib")
        .join(name);
    fs::read_to_string(path).unwrap()
}

#[test]
fn every_row_function_is_declared_and_every_declared_one_is_there() {
    let mut declared = BTreeSet::new();
    let mut for_rows = false;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib");
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().unwrap();
        for line in library(&name).lines().map(str::trim_start) {
            if line.starts_with('@') {
                for_rows |= line.split_whitespace().any(|word| word == "@row");
            }
            if let Some(at) = line.find("function ").filter(|_| !line.starts_with("//")) {
                let name = line[at + "function ".len()..].split('(').next().unwrap();
                if std::mem::take(&mut for_rows) {
                    declared.insert(name.to_owned());
                }
            }
        }
    }
    let implemented: BTreeSet<String> = row_function_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(implemented, declared);
}

#[test]
fn every_masking_is_declared() {
    let text = library("types.mlinfra");
    let start = text.find("\ntype masking {").unwrap();
    let body = &text[start..start + text[start..].find("\n}").unwrap()];
    let declared: BTreeSet<&str> = body
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("case "))
        .map(|case| case.split(['(', ':', ' ']).next().unwrap())
        .collect();
    // The others are for runtimes that have them: a plan refuses them here.
    let ours: BTreeSet<&str> = MASKINGS.iter().copied().collect();
    assert!(ours.is_subset(&declared), "{ours:?} of {declared:?}");
}

#[test]
fn every_code_has_a_page_of_the_common_form() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lang/check/codes");
    for code in CODES {
        let page = fs::read_to_string(folder.join(format!("{code}.md"))).unwrap();
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        assert!(page.contains("\n## What to do\n"), "{code}");
    }
    let distinct: BTreeSet<_> = CODES.iter().collect();
    assert_eq!(distinct.len(), CODES.len());
}
