//! `mlinfra init`: a project that works, with a small table that it invents.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::problem::{Exit, Problem, Stop};
use crate::view::Screen;
use crate::view::ending::{self, quoted};
use crate::view::layout::padded;
use crate::world::{OneSpec, reason};

const SPEC: &str = include_str!("starter.mlinfra");
/// What the starter calls its project, and what stands there in place of the user's name.
const SPEC_NAME: &str = "project churn ";
const README: &str = include_str!("starter.md");
const README_NAME: &str = "# churn\n";
const CUSTOMERS: u64 = 600;
/// The project in a folder of which no letter can be in a name.
const NAME_DEFAULT: &str = "starter";

const EXAMPLES: &str = "\
Examples:
  mlinfra init churn               a new folder and project `churn`
  mlinfra init                     into this folder, which names the project
  mlinfra init work/2026 --name churn

Exit codes: 0 done, 2 a file is in the way or the name is wrong";

/// The words of `init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The project's name and folder; the folder is made if it is missing
    #[arg(value_name = "NAME", default_value = ".")]
    folder: PathBuf,
    /// The project's name, where it is not to be the folder's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Writes a spec, its table, a README and `.gitignore`; nothing at all if a spec or a table of
/// this name is there. Other files stay as they are.
pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Stop> {
    let folder = &arguments.folder;
    let name = project_name(arguments)?;
    let files = [
        ("main.mlinfra", starter(&name)),
        ("customers.csv", customers()),
        (
            "README.md",
            README.replacen(README_NAME, &format!("# {name}\n"), 1),
        ),
        (".gitignore", ".mlinfra/\n".to_owned()),
    ];
    let there = there(folder);
    let in_the_way = |other: &&String| {
        // The state's own folder is called `.mlinfra`.
        let is_spec = other.ends_with(".mlinfra") && *other != ".mlinfra";
        is_spec || *other == "customers.csv"
    };
    let blocking: Vec<&str> = there
        .iter()
        .filter(in_the_way)
        .map(String::as_str)
        .collect();
    if !blocking.is_empty() {
        return Err(
            Problem::new(Exit::Usage, "E1004", "a starter spec would overwrite files")
                .detail(format!(
                    "{} holds {}",
                    folder.display(),
                    blocking.join(", ")
                ))
                .help(format!(
                    "nothing was written; name a new folder: `{} init {name}_2`",
                    ending::program()
                ))
                .into(),
        );
    }
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
    let mut kept = Vec::new();
    for (file, content) in &files {
        if there.iter().any(|other| other == file) {
            kept.push(*file);
            continue;
        }
        write_new(&folder.join(file), content)?;
    }
    screen.print(&told(&name, folder, &kept));
    Ok(Exit::Done)
}

/// What was written, and the commands that come next, as they can be copied here.
fn told(name: &str, folder: &Path, kept: &[&str]) -> String {
    let is_here = folder == Path::new(".");
    let shown = |file: &str| match is_here {
        true => file.to_owned(),
        false => folder.join(file).display().to_string(),
    };
    let mut out = format!(
        "project `{name}`: {} works as it is, on {CUSTOMERS} invented customers\n",
        shown("main.mlinfra")
    );
    for file in kept {
        out += &format!("{} was there and stays as it is\n", shown(file));
    }
    out.push('\n');
    let argument = match is_here {
        true => String::new(),
        false => format!(" {}", quoted(&folder.to_string_lossy())),
    };
    let program = ending::program();
    let steps = [
        ("plan", "what would be done, and why; nothing is made"),
        ("apply", "do it: from the table to a model that answers"),
    ];
    let lines = steps.map(|(word, why)| (format!("{program} {word}{argument}"), why));
    let width = lines.iter().map(|(line, _)| line.chars().count()).max();
    for (line, why) in &lines {
        out += &format!("  {}   {why}\n", padded(line, width.unwrap_or_default()));
    }
    out
}

fn there(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The name that was given, or the folder's. One that was typed must be a name as it is; the name
/// of a folder that was there before is made one.
fn project_name(arguments: &Arguments) -> Result<String, Problem> {
    let folder = &arguments.folder;
    let typed = match &arguments.name {
        Some(name) => Some(name.clone()),
        None if folder.is_dir() => None,
        None => folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned()),
    };
    let Some(typed) = typed else {
        let folder = folder.canonicalize().unwrap_or_default();
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let fitting = as_name(&name);
        return Ok(match is_free(&fitting) {
            true => fitting,
            false => NAME_DEFAULT.to_owned(),
        });
    };
    if is_free(&typed) {
        return Ok(typed);
    }
    let problem = Problem::usage(format!("`{typed}` can't be the name of a project"));
    let fitting = as_name(&typed);
    let (why, other) = match fitting == typed {
        // Its letters are right, so it means something else already.
        true => (
            "the language, or another block of the starter spec, is called so already",
            format!("{fitting}_project"),
        ),
        false => (
            "references are written with it, so it begins with a letter and holds letters, \
             digits and `_` alone",
            match is_free(&fitting) {
                true => fitting,
                false => NAME_DEFAULT.to_owned(),
            },
        ),
    };
    let program = ending::program();
    let line = match folder == Path::new(".") {
        true => format!("{program} init --name {other}"),
        false => format!(
            "{program} init {} --name {other}",
            quoted(&folder.to_string_lossy())
        ),
    };
    Err(problem.detail(why).help(format!("`{line}`")))
}

/// The same with `_` for every character that a name can't hold.
fn as_name(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let name: String = text
        .chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect();
    let first = |letter: char| !letter.is_ascii_alphabetic();
    name.trim_start_matches(first)
        .trim_end_matches('_')
        .to_owned()
}

/// Whether the starter spec is right with this name: nobody knows better than the checker.
fn is_free(name: &str) -> bool {
    // What is no name may still be read as something else, such as a name and a comment.
    let checked = mlinfra_check::check(&OneSpec(starter(name)), "main.mlinfra");
    let project = checked.program.with_role("project").next();
    checked.diagnostics.is_empty() && project.is_some_and(|block| block.address.name() == name)
}

fn starter(name: &str) -> String {
    SPEC.replacen(SPEC_NAME, &format!("project {name} "), 1)
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

/// A table of customers, the same each time: who calls often, pays little and is new leaves
/// sooner, with chance.
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
        let new = 12 * u64::from(months < 12) + 6 * u64::from(months < 24);
        let weight = 2 * calls + 5 * (2 - tariff) + new;
        let percent = (4 * weight).saturating_sub(8).clamp(3, 97);
        let gone = u64::from(draw(100) < percent);
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

    #[test]
    fn a_name_is_what_the_starter_spec_is_right_with() {
        for name in ["churn", "my_models", "Credit2", "a"] {
            assert!(is_free(name), "{name}");
        }
        for name in [
            "",
            "my-models",
            "2026",
            "lake",
            "if",
            "a b",
            "a // b",
            "a {}\npool",
            "ä",
        ] {
            assert!(!is_free(name), "{name}");
        }
    }

    #[test]
    fn a_folders_name_is_made_a_name() {
        assert_eq!(as_name("my-models"), "my_models");
        assert_eq!(as_name("2026 forecasts!"), "forecasts");
        assert_eq!(as_name(".tmpXy"), "tmpXy");
        assert_eq!(as_name("…"), "");
    }

    #[test]
    fn the_name_stands_in_spec_and_readme() {
        assert!(SPEC.contains(SPEC_NAME) && README.contains(README_NAME));
        assert!(starter("other").contains("project other {"));
    }
}
