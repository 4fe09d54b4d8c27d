//! `mlinfra lock`: writes down what the spec is made with.

use clap::Args;
use mlinfra_plan::Goal;
use serde_json::json;

use crate::arguments::{Global, SpecArgument};
use crate::locked::{FILE, Locked};
use crate::problem::{Exit, Stop};
use crate::session::{self, Session, Wanted};
use crate::view::{Screen, json};
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra lock                     write `mlinfra.lock` beside the spec; commit it
  mlinfra lock churn -e prod       with the files that `prod` reads; others stay in it
  mlinfra plan --locked            fail where something is not as it was locked";

/// The words of `lock`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    spec: SpecArgument,
    /// Print what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Plans, and writes the digests of all that was read for it.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = Workspace::find(&arguments.spec.spec, global)?;
    let sound = workspace.sound_of_state("lock", screen)?;
    let session = Session::open(&workspace)?;
    let wanted = Wanted {
        goal: Goal::Apply,
        data_may_go: false,
    };
    let (_, answers) = session::planned(&workspace, &sound, session.as_ref(), wanted);
    let earlier = match Locked::read(&workspace.folder) {
        Ok(earlier) => earlier,
        Err(unusable) if unusable.is_newer => return Err(unusable.problem.at(&workspace).into()),
        // What can't be read at all is written anew.
        Err(_) => None,
    };
    let locked = Locked::of(&sound, &answers).with(earlier, &workspace.folder);
    locked.write(&workspace.folder)?;
    match arguments.json {
        true => {
            let body = json!({ "file": workspace.shown(FILE), "lock": locked });
            screen.print_json(&json::envelope("lock", body));
        }
        false => screen.print(&format!("{}\n", workspace.shown(FILE))),
    }
    Ok(Exit::Done)
}
