//! `mlinfra explain`: the page of a code, what a word means, or why something costs what it does.

use std::path::Path;

use clap::Args;

use mlinfra_plan::Goal;
use serde_json::json;

use crate::arguments::{Global, SpecOption};
use crate::problem::{Exit, Problem, Stop};
use crate::session::{self, Session, Wanted};
use crate::view::layout::wrapped;
use crate::view::page::page;
use crate::view::{Screen, ending, json};
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra explain E0203
  mlinfra explain 203              the same
  mlinfra explain pool             a word of the language, as `mlinfra docs pool`
  mlinfra explain                  every code with its title
  mlinfra explain pool.trainers    which machine was chosen, at what price, and
                                   what was passed over";

/// The words of `explain`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A code, a word of the language, or an address such as `pool.trainers`; all codes if left out
    #[arg(value_name = "CODE|WORD|ADDRESS")]
    code: Option<String>,
    #[command(flatten)]
    spec: SpecOption,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints the page of a code, or the list of codes, or what something costs and why.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let pages = mlinfra_check::codes();
    let Some(asked) = &arguments.code else {
        if screen.json {
            let codes = pages.iter();
            let codes = codes.map(|page| json!({ "code": page.code, "title": page.title }));
            let body = json!({ "codes": codes.collect::<Vec<_>>() });
            screen.print_json(&json::envelope("explain", body));
            return Ok(Exit::Done);
        }
        for page in pages {
            screen.print(&format!("{}  {}\n", page.code, page.title));
        }
        return Ok(Exit::Done);
    };
    // A block of the spec comes before a word inside another: `pool.cpus` may be either.
    let is_word = super::docs::is_word(asked);
    if asked.contains('.') && (!is_word || is_block(asked, arguments, global)) {
        return choice(asked, arguments, global, screen);
    }
    if arguments.spec.spec != Path::new(".") {
        return Err(Problem::usage("`--spec` has no effect here")
            .detail("codes and words are the same for every spec")
            .into());
    }
    let wanted = asked.trim().to_uppercase();
    let digits = wanted.trim_start_matches('E');
    if digits.is_empty() || !digits.bytes().all(|letter| letter.is_ascii_digit()) {
        return super::docs::tell(asked, screen);
    }
    let wanted = format!("E{digits:0>4}");
    match pages.iter().find(|page| page.code == wanted) {
        Some(found) => {
            let whole = || json!({ "code": found.code, "title": found.title, "page": found.page });
            match screen.json {
                true => screen.print_json(&json::envelope("explain", whole())),
                false => screen.print(&page(found.page, screen)),
            }
            Ok(Exit::Done)
        }
        None => Err(Problem::usage(format!("there is no code `{asked}`"))
            .help(format!("`{} explain` lists all codes", ending::program()))
            .into()),
    }
}

/// Whether the spec has a block of this address; none if it can't be read.
fn is_block(asked: &str, arguments: &Arguments, global: &Global) -> bool {
    let (spec, _) = arguments.spec.or(None);
    let Ok(workspace) = Workspace::find(&spec, global) else {
        return false;
    };
    let program = workspace.check().program;
    asked
        .parse()
        .is_ok_and(|address| program.block(&address).is_some())
}

/// What was chosen for a block, at what price, and what else could have been.
fn choice(
    asked: &str,
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<Exit, Stop> {
    let (spec, _) = arguments.spec.or(None);
    let workspace = Workspace::find(&spec, global)?;
    let sound = workspace.sound("explain", screen)?;
    let session = Session::open(&workspace)?;
    let wanted = Wanted {
        goal: Goal::Apply,
        data_may_go: false,
    };
    let plan = session::plan(&workspace, &sound, session.as_ref(), wanted);
    let parts = plan.cost.iter().flat_map(|cost| &cost.parts);
    let found = parts
        .into_iter()
        .find(|part| part.address.to_string() == asked);
    let Some(part) = found else {
        let address = asked.parse();
        let is_there = address.is_ok_and(|address| sound.program.block(&address).is_some());
        let problem = match is_there {
            true => Problem::usage(format!("nothing is known of what `{asked}` costs")),
            false => Problem::usage(format!("the spec has no block `{asked}`")),
        };
        let argument = workspace.argument();
        return Err(problem
            .help(format!(
                "`{} plan{argument}` lists what there is, and what has a price",
                ending::program()
            ))
            .into());
    };
    let amount = match (part.amount(), part.high) {
        (Some(amount), _) => amount,
        (None, Some(_)) => "nothing".to_owned(),
        (None, None) => "a price that is not known".to_owned(),
    };
    if screen.json {
        screen.print_json(&json::envelope("explain", json!({ "cost": part })));
        return Ok(Exit::Done);
    }
    let mut out = format!("{asked}   {amount}\n");
    out += &wrapped(&part.reason, screen.width, "  ", "  ");
    if !part.passed_over.is_empty() {
        out += "  passed over\n";
    }
    for other in &part.passed_over {
        out += &wrapped(other, screen.width, "    ", "      ");
    }
    screen.print(&out);
    Ok(Exit::Done)
}
