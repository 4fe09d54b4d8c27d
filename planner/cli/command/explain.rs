//! `mlinfra explain`: the page of a code.

use clap::Args;

use crate::problem::{Exit, Problem, Stop};
use crate::view::Screen;
use crate::view::page::page;

const EXAMPLES: &str = "\
Examples:
  mlinfra explain E0203
  mlinfra explain                  every code with its title";

/// The words of `explain`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A code as findings show it; all codes if left out
    code: Option<String>,
}

/// Prints the page of a code, or the list of codes.
pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Stop> {
    let pages = mlinfra_check::codes();
    let Some(asked) = &arguments.code else {
        for page in pages {
            screen.print(&format!("{}  {}\n", page.code, page.title));
        }
        return Ok(Exit::Done);
    };
    let wanted = asked.trim().to_uppercase();
    let wanted = match wanted.starts_with('E') {
        true => wanted,
        false => format!("E{wanted}"),
    };
    match pages.iter().find(|page| page.code == wanted) {
        Some(found) => {
            screen.print(&page(found.page, screen));
            Ok(Exit::Done)
        }
        None => Err(Problem::usage(format!("there is no code `{asked}`"))
            .help("`mlinfra explain` lists all codes")
            .into()),
    }
}
