//! `mlinfra explain`: the page of a code.

use clap::Args;

use crate::problem::{Exit, Problem, Stop};
use crate::view::Screen;
use crate::view::ending;
use crate::view::page::page;

const EXAMPLES: &str = "\
Examples:
  mlinfra explain E0203
  mlinfra explain 203              the same
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
    let digits = wanted.trim_start_matches('E');
    let wanted = format!("E{digits:0>4}");
    match pages.iter().find(|page| page.code == wanted) {
        Some(found) => {
            screen.print(&page(found.page, screen));
            Ok(Exit::Done)
        }
        None => Err(Problem::usage(format!("there is no code `{asked}`"))
            .help(format!("`{} explain` lists all codes", ending::program()))
            .into()),
    }
}
