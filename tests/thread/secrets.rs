//! Planted markers: a secret and a cell are in no file in the clear.

use std::fs;

use crate::project::Project;

const CELL: &str = "A43QZXMARKERCELL";

#[test]
fn no_file_holds_a_cell_of_an_encrypted_store_or_the_key_of_an_endpoint() {
    let project = Project::credit();
    let data = project.path("german_credit.csv");
    let text = fs::read_to_string(&data).expect("the data can be read");
    // A category that the model learns from, so it reaches every artifact.
    fs::write(&data, text.replacen(",A43,", &format!(",{CELL},"), 40)).expect("it can be written");
    let said = project.apply();
    let key = project.key();
    for marker in [CELL, key.as_str()] {
        assert!(!format!("{}{}", said.out, said.err).contains(marker), "apply printed a marker");
        for command in [&["plan"][..], &["show"], &["show", "--json"], &["output"], &["log"]] {
            let said = project.run(command);
            let both = format!("{}{}", said.out, said.err);
            assert!(!both.contains(marker), "{command:?} printed a marker");
        }
        for (path, bytes) in project.files().into_iter().filter(|(path, _)| *path != data) {
            let found = bytes.windows(marker.len()).any(|window| window == marker.as_bytes());
            assert!(!found, "a marker is in {}", path.display());
        }
    }
}

#[test]
fn a_cell_of_the_wrong_type_is_named_by_place_alone() {
    let project = Project::credit();
    let data = project.path("german_credit.csv");
    let text = fs::read_to_string(&data).expect("the data can be read");
    fs::write(&data, text.replacen(",1169,", &format!(",{CELL},"), 1)).expect("it can be written");
    let said = project.run(&["apply", "-y"]).code(1).says("credit_amount").says("2");
    assert!(!format!("{}{}", said.out, said.err).contains(CELL), "{said:?}");
    for (path, bytes) in project.files().into_iter().filter(|(path, _)| *path != data) {
        let found = bytes.windows(CELL.len()).any(|window| window == CELL.as_bytes());
        assert!(!found, "the cell is in {}", path.display());
    }
}

#[test]
fn one_flipped_byte_of_a_sealed_object_is_refused() {
    let project = Project::credit();
    project.apply();
    let stored: Vec<_> = project
        .files()
        .into_iter()
        .filter(|(path, _)| path.to_string_lossy().contains("stores/storage.lake/artifacts"))
        .filter(|(path, _)| path.file_name().is_some_and(|n| n == "train.parquet"))
        .collect();
    let (path, mut bytes) = stored.into_iter().next().expect("the split made a part `train`");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("it can be written");
    project.edit("epochs       = 30", "epochs       = 31");
    project.run(&["apply", "-y"]).code(1).says("E06");
}
