//! Holds the table of the language's rules against the cases that obey and break them.

use std::path::Path;

use super::Case;

const RULES: std::ops::RangeInclusive<usize> = 1..=40;

/// A reason is a sentence, not a word.
const REASON_LENGTH_MIN: usize = 30;

/// Whether the table in this folder names every rule, and every case that there is of it.
pub(super) fn table(cases: &[Case], folder: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(folder.join("README.md")).expect("the table can be read");
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| rule"));
    let rows: Vec<Vec<&str>> = rows
        .map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let mut problems = String::new();
    if rows.len() != RULES.count() {
        problems += &format!("the table has {} rows\n", rows.len());
    }
    for (row, rule) in rows.iter().zip(RULES) {
        let [number, _, holds, broken] = row[..] else {
            return Err(format!("a row has four cells, and `{row:?}` has not"));
        };
        if number != rule.to_string() {
            problems += &format!("row {rule} is numbered `{number}`\n");
        }
        for (cell, word) in [(holds, "holds"), (broken, "broken")] {
            problems += &cell_problem(cases, folder, cell, &format!("Rule {rule} {word}:"));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// What is wrong with a cell: it names the file of the cases with this heading, or a reason.
fn cell_problem(cases: &[Case], folder: &Path, cell: &str, heading: &str) -> String {
    let fitting = cases.iter().filter(|case| {
        let title = case.name.split_once(": ").map_or("", |(_, title)| title);
        title.starts_with(heading) && case.path.starts_with(folder)
    });
    let mut files: Vec<_> = fitting
        .clone()
        .filter_map(|case| case.path.file_name()?.to_str())
        .collect();
    files.dedup();
    let wrong = fitting.filter(|case| has_finding(case) != heading.ends_with("broken:"));
    let wrong: String = wrong
        .map(|case| format!("`{}` does not\n", case.name))
        .collect();
    match files[..] {
        [] if cell.len() >= REASON_LENGTH_MIN => wrong,
        [] => format!("`{heading}` has no case, and `{cell}` does not say why\n"),
        [file] if file == cell => wrong,
        _ => format!("{wrong}`{heading}` is in {files:?}, not in `{cell}`\n"),
    }
}

/// Whether a case shows a finding or a command that fails.
fn has_finding(case: &Case) -> bool {
    let marks = ["error[", "warning[", "[exit ", "\u{2716}"];
    case.blocks
        .iter()
        .any(|block| marks.iter().any(|mark| block.body.contains(mark)))
}
