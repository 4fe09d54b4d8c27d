//! `mlinfra init`: a working starter spec with a small table that it makes itself.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::problem::{Exit, Problem, Stop};
use crate::view::Screen;
use crate::view::ending::{self, quoted};
use crate::world::reason;

const SPEC: &str = include_str!("starter.mlinfra");
const CUSTOMERS: u64 = 600;

const EXAMPLES: &str = "\
Examples:
  mlinfra init                     into this folder
  mlinfra init churn && cd churn && mlinfra apply";

/// The words of `init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The folder, made if it is missing
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

/// Writes `main.mlinfra`, `customers.csv` and `.gitignore`; nothing at all if one is there.
pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Stop> {
    let folder = &arguments.folder;
    let files = [
        ("main.mlinfra", SPEC.to_owned()),
        ("customers.csv", customers()),
        (".gitignore", ".mlinfra/\n".to_owned()),
    ];
    let there = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let there: Vec<String> = there
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let in_the_way =
        |name: &&String| name.ends_with(".mlinfra") || files.iter().any(|(ours, _)| ours == name);
    // A folder that holds only our own `.gitignore` line or a repository's one is common: it stays.
    let mut blocking: Vec<&String> = there.iter().filter(in_the_way).collect();
    blocking.retain(|name| !matches!(name.as_str(), ".gitignore" | ".mlinfra"));
    if !blocking.is_empty() {
        let names: Vec<&str> = blocking.iter().map(|name| name.as_str()).collect();
        return Err(
            Problem::new(Exit::Usage, "E1004", "a starter spec would overwrite files")
                .detail(format!("{} holds {}", folder.display(), names.join(", ")))
                .help("choose an empty folder: `mlinfra init my-project`")
                .into(),
        );
    }
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
    for (name, content) in &files {
        if there.iter().any(|other| other == name) {
            continue;
        }
        write_new(&folder.join(name), content)?;
    }
    let shown = folder.display();
    screen.print(&format!(
        "wrote a working spec to {shown}/main.mlinfra, and {CUSTOMERS} invented customers\n\n"
    ));
    let argument = match folder == Path::new(".") {
        true => String::new(),
        false => format!(" {}", quoted(&folder.to_string_lossy())),
    };
    let program = ending::program();
    screen.print(&format!(
        "  {program} plan{argument}\n  {program} apply{argument}\n"
    ));
    Ok(Exit::Done)
}

fn write_new(path: &Path, content: &str) -> Result<(), Problem> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: std::io::Error) -> Problem {
    Problem::new(Exit::NotStarted, "E1005", "a file can't be written").detail(format!(
        "{}: {}",
        path.display(),
        reason(error)
    ))
}

/// A table of customers, the same each time: who calls often and is new leaves sooner, with chance.
fn customers() -> String {
    let mut state = 20_u64;
    // Knuth's MMIX generator; its high bits are good enough for an invented table.
    let mut draw = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut table = String::from("months,tariff,calls,bill,gone\n");
    for _ in 0..CUSTOMERS {
        let months = 1 + draw(72);
        let tariff = draw(3);
        let calls = draw(6) * draw(3);
        let cents = 900 + 700 * tariff + draw(900);
        let risk = 18 + 7 * calls + 15 * (2 - tariff) + 30 * u64::from(months < 12);
        let gone = u64::from(draw(120) < risk);
        let bill = match draw(25) {
            0 => String::new(),
            _ => format!("{}.{:02}", cents / 100, cents % 100),
        };
        let tariff = ["basic", "plus", "pro"][tariff as usize];
        table += &format!("{months},{tariff},{calls},{bill},{gone}\n");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_same_each_time_and_has_both_answers() {
        let table = customers();
        assert_eq!(table, customers());
        assert_eq!(table.lines().count() as u64, CUSTOMERS + 1);
        let gone = table.lines().filter(|line| line.ends_with(",1")).count() as u64;
        assert!(gone > CUSTOMERS / 5 && gone < CUSTOMERS * 4 / 5, "{gone}");
        assert!(table.lines().any(|line| line.contains(",,")));
    }
}
