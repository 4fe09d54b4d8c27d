//! `mlinfra fmt`: specs laid out the one way.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::problem::{Exit, Problem, Stop};
use crate::view::layout::counted;
use crate::view::{Screen, diff};
use crate::world::reason;

const EXAMPLES: &str = "\
Examples:
  mlinfra fmt                      every spec in this folder and below
  mlinfra fmt --check              only show what would change; `--quiet` names the files
  mlinfra fmt - < a.mlinfra        from standard input to standard output

Exit codes: 0 done, 1 `--check` found some that would change, 2 syntax errors";

/// The words of `fmt`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Files and folders; `-` reads standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Write nothing, show what would change
    #[arg(long)]
    check: bool,
}

/// Formats specs. A file with syntax errors stays as it is and makes the exit code 2.
pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Stop> {
    if arguments.paths.iter().any(|path| path.as_os_str() == "-") {
        return standard_input(arguments.check, screen);
    }
    let mut files = Vec::new();
    for path in &arguments.paths {
        find(path, &mut files)?;
    }
    files.sort();
    files.dedup();
    let (mut changed, mut broken) = (0, 0);
    for file in &files {
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, error))?;
        match mlinfra_syntax::format(&text) {
            None => {
                broken += 1;
                screen.warn(&format!(
                    "{}: has syntax errors, left as it is\n",
                    file.display()
                ));
            }
            Some(new) if new != text => {
                changed += 1;
                let name = file.display().to_string();
                if arguments.check && !screen.quiet {
                    screen.print(&diff::unified(&name, &text, &new, screen));
                } else {
                    screen.print(&format!("{name}\n"));
                }
                if !arguments.check {
                    crate::write::replace(file, &new).map_err(|error| unreadable(file, error))?;
                }
            }
            Some(_) => {}
        }
    }
    let what = if arguments.check {
        "would change"
    } else {
        "changed"
    };
    screen.tell(&format!(
        "{} looked at, {changed} {what}\n",
        counted(files.len(), "file")
    ));
    match (broken, arguments.check && changed > 0) {
        (0, false) => Ok(Exit::Done),
        (0, true) => Ok(Exit::Failed),
        _ => Ok(Exit::Usage),
    }
}

fn standard_input(check: bool, screen: &Screen) -> Result<Exit, Stop> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| unreadable(Path::new("standard input"), error))?;
    match mlinfra_syntax::format(&text) {
        None => Err(Problem::usage("the text has syntax errors")
            .help("nothing was written; `mlinfra check FILE` shows where they are")
            .into()),
        Some(new) if check => match new == text {
            true => Ok(Exit::Done),
            false => {
                if !screen.quiet {
                    screen.print(&diff::unified("standard input", &text, &new, screen));
                }
                Ok(Exit::Failed)
            }
        },
        Some(new) => {
            screen.print(&new);
            Ok(Exit::Done)
        }
    }
}

/// The specs at and below a path; hidden folders and `target` hold none.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(path, error))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let inside = match path == Path::new(".") {
            true => PathBuf::from(entry.file_name()),
            false => entry.path(),
        };
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !name.starts_with('.') && name != "target" {
            find(&inside, files)?;
        } else if !is_folder && name.ends_with(".mlinfra") {
            files.push(inside);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: std::io::Error) -> Problem {
    let title = "a file can't be read or written";
    let detail = format!("{}: {}", path.display(), reason(error));
    Problem::new(Exit::Usage, "E1003", title).detail(detail)
}
