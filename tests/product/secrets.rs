//! Planted markers: a key and a cell of an encrypted store are nowhere in the clear.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Project;

/// A category of a column about people: it is named nowhere.
const PERSONAL: &str = "A61QZXMARKERCELL";
/// A category of another column: the report names it, as one of those that many rows share.
const SHARED: &str = "A43QZXMARKERCELL";

#[test]
fn no_file_and_no_screen_holds_a_cell_of_an_encrypted_store_or_a_key() {
    let project = Project::credit();
    // Categories that the model learns from, so they reach every artifact.
    let data = project
        .read("german_credit.csv")
        .replace(",A61,", &format!(",{PERSONAL},"))
        .replacen(",A43,", &format!(",{SHARED},"), 40);
    project.write("german_credit.csv", data);
    let mut printed = project.run(&["apply", "-y"]).exits(0);
    let key = project
        .run(&["output", "--reveal", "score.key"])
        .exits(0)
        .stdout;
    let key = key.trim();
    assert!(key.len() >= 40, "a key is long");
    let commands: [&[&str]; 6] = [
        &["plan"],
        &["show"],
        &["show", "--json"],
        &["output"],
        &["output", "--json"],
        &["log"],
    ];
    for command in commands {
        let run = project.run(command).exits(0);
        printed.stdout.push_str(&run.stdout);
        printed.stderr.push_str(&run.stderr);
    }
    let report = project.path(".mlinfra/runs/op-1/report.html");
    let page = fs::read_to_string(&report).expect("the apply wrote a report");
    assert!(
        page.contains(SHARED),
        "the report names what many rows share"
    );
    for marker in [PERSONAL, SHARED, key] {
        assert!(!printed.stdout.contains(marker), "a marker was printed");
        assert!(!printed.stderr.contains(marker), "a marker was printed");
        for (path, bytes) in files(project.folder()) {
            let is_own = path == project.path("german_credit.csv");
            let is_named = marker == SHARED && path == report;
            assert!(
                is_own || is_named || !holds(&bytes, marker),
                "a marker is in {}",
                path.display()
            );
        }
    }
}

#[test]
fn a_flipped_byte_of_a_sealed_object_is_refused() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    let stores = files(&project.path(".mlinfra/stores"));
    let train = stores
        .into_iter()
        .find(|(path, _)| path.ends_with("train.parquet"));
    let (path, mut bytes) = train.expect("the split made a part `train`");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("it can be written");
    project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 31");
    project.run(&["apply", "-y"]).exits(1).says("E0620");
}

/// Every file below a folder, with its content.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() => {
                    found.push((path.clone(), fs::read(path).unwrap_or_default()));
                }
                _ => {}
            }
        }
    }
    found
}

fn holds(bytes: &[u8], marker: &str) -> bool {
    bytes
        .windows(marker.len())
        .any(|window| window == marker.as_bytes())
}
