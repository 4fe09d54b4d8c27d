//! `mlinfra lock`: writes down what the spec is made with.

use clap::Args;
use mlinfra_plan::Goal;

use crate::arguments::{Global, SpecArgument};
use crate::locked::{FILE, Locked};
use crate::problem::{Exit, Stop};
use crate::session::{self, Session, Wanted};
use crate::view::Screen;
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
}

/// Plans, and writes the digests of all that was read for it.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = Workspace::find(&arguments.spec.spec, global)?;
    let sound = workspace.sound("plan", screen)?;
    let session = Session::open(&workspace)?;
    let wanted = Wanted {
        goal: Goal::Apply,
        data_may_go: false,
    };
    let (_, answers) = session::planned(&workspace, &sound, session.as_ref(), wanted);
    let earlier = Locked::read(&workspace.folder).unwrap_or(None);
    let locked = Locked::of(&sound.program, &answers).with(earlier, &workspace.folder);
    locked.write(&workspace.folder)?;
    screen.print(&format!("{}\n", workspace.shown(FILE)));
    Ok(Exit::Done)
}
