//! `mlinfra apply`: makes the world as the spec says.

use std::path::{Path, PathBuf};

use clap::Args;
use mlinfra_plan::{Goal, PLAN_FORMAT, Plan};

use crate::arguments::Global;
use crate::interrupt;
use crate::locked::{self, Locked};
use crate::operate::{self, Order};
use crate::problem::{Exit, Problem, Stop};
use crate::session::{self, Session};
use crate::view::Screen;
use crate::view::ending::{self, quoted};
use crate::view::progress::Progress;
use crate::workspace::{Sound, Workspace};
use crate::world::reason;

const EXAMPLES: &str = "\
Examples:
  mlinfra apply                    plan, ask, do
  mlinfra apply -y churn           do not ask
  mlinfra apply today.plan         exactly what `mlinfra plan --out today.plan` planned
  mlinfra apply -y --detach        let it go on without this terminal

Ctrl-C once: nothing new is started, accepted work goes on. Twice: leave at once.
Killed at any instant, the next apply goes on where it was.

Exit codes: 0 done, 1 something failed or is blocked, 2 wrong spec or call,
            4 could not start (locked, stale plan, busy): try again";

/// The words of `apply`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A spec (a `.mlinfra` file or a folder), or a saved plan
    #[arg(value_name = "SPEC|PLAN", default_value = ".")]
    target: PathBuf,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Hand the operation to the agent and come back at once
    #[arg(long)]
    detach: bool,
    /// Allow data to be replaced or destroyed
    #[arg(long)]
    data: bool,
    /// Fail if something is not as `mlinfra.lock` says
    #[arg(long)]
    locked: bool,
    /// The most provider calls at once
    #[arg(long, value_name = "COUNT", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    parallel: u16,
    /// For a saved plan: the spec that it was made for
    #[arg(long, short, value_name = "SPEC", default_value = ".")]
    spec: PathBuf,
    /// Print events and the result as JSON, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Applies a spec or a saved plan.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let is_plan = arguments.target.is_file()
        && arguments
            .target
            .extension()
            .is_none_or(|ending| ending != "mlinfra");
    if is_plan {
        return saved_plan(arguments, global, screen);
    }
    let workspace = Workspace::find(&arguments.target, global)?;
    let sound = workspace.sound_of_state("apply", screen)?;
    let order = order(arguments, &workspace, Some(&sound));
    workspace
        .left_behind()
        .iter()
        .for_each(|text| screen.tell(text));
    // Said before anything is looked at: nothing will be done in any case.
    session::can_agree(arguments.yes, &format!("{} -y", order.again()), screen)?;
    let session = Session::open_or_create(&workspace, &sound)?;
    operate::plan_and_apply(&order, session, screen)
}

fn order<'a>(
    arguments: &Arguments,
    workspace: &'a Workspace,
    sound: Option<&'a Sound>,
) -> Order<'a> {
    Order {
        workspace,
        sound,
        goal: Goal::Apply,
        data_may_go: arguments.data,
        yes: arguments.yes,
        detach: arguments.detach,
        locked: arguments.locked,
        parallel: usize::from(arguments.parallel),
    }
}

fn saved_plan(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let plan = read(&arguments.target)?;
    let workspace = Workspace::find(&arguments.spec, global)?;
    let mut session = Session::required(&workspace)?;
    let shown = quoted(&arguments.target.to_string_lossy());
    let how = format!(
        "{} apply -y {shown}{}",
        ending::program(),
        workspace.option()
    );
    session::can_agree(arguments.yes, &how, screen)?;
    let made = Locked::of_plan(&plan);
    locked::hold(&workspace, &made, arguments.locked, screen)?;
    // The spec is wanted for its outputs alone; one with errors has none.
    let sound = workspace.sound_if_any();
    let watch = interrupt::watch(screen)?;
    let progress = Progress::new(screen, &workspace.option());
    let order = order(arguments, &workspace, sound.as_ref());
    // From here on nobody else changes what the plan was made for.
    operate::settle(&order, &mut session, &progress, &watch.interrupt, screen)?;
    progress.clear();
    let question = format!("Do what {shown} plans?");
    session::agree(&question, arguments.yes, &how, &watch, screen)?;
    operate::carry_out(&order, &plan, &mut session, &progress, &watch, screen)
}

fn read(file: &Path) -> Result<Plan, Problem> {
    let unreadable = |why: String| {
        Problem::new(
            Exit::Usage,
            "E1017",
            "this file is no plan that can be applied",
        )
        .detail(format!("{}: {why}", file.display()))
        .help("`mlinfra plan --out FILE` writes one")
    };
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(reason(error)))?;
    let value: serde_json::Value = serde_json::from_str(&text)
        .map_err(|_| unreadable("it is neither a spec nor JSON".to_owned()))?;
    match value["format"].as_u64() {
        Some(format) if (1..=u64::from(PLAN_FORMAT)).contains(&format) => {}
        Some(format) => {
            let why = format!("it has format {format}; this program reads up to {PLAN_FORMAT}");
            return Err(unreadable(why));
        }
        None => return Err(unreadable("it names no format".to_owned())),
    }
    serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))
}
