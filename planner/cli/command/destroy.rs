//! `mlinfra destroy`: removes everything that apply made.

use clap::Args;
use mlinfra_plan::Goal;

use crate::arguments::{Global, SpecArgument};
use crate::operate::{self, Order};
use crate::problem::{Exit, Stop};
use crate::session::{self, Session};
use crate::view::Screen;
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra destroy                  plan, ask, do
  mlinfra destroy -y --data churn  do not ask, and remove stores and keys too

What holds data stays unless `--data` says that it may go.";

/// The words of `destroy`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    spec: SpecArgument,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Allow data to be destroyed
    #[arg(long)]
    data: bool,
    /// The most provider calls at once
    #[arg(long, value_name = "COUNT", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    parallel: u16,
    /// Print events and the result as JSON, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Destroys by what the state knows: the spec may have errors or be another one by now. One that
/// has none says what is protected and what is left where it stands.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = Workspace::find_state(&arguments.spec.spec, global)?;
    let session = Session::required(&workspace)?;
    let sound = workspace.sound_if_any();
    let order = Order {
        workspace: &workspace,
        sound: sound.as_ref(),
        goal: Goal::Destroy,
        data_may_go: arguments.data,
        yes: arguments.yes,
        detach: false,
        locked: false,
        parallel: usize::from(arguments.parallel),
    };
    session::can_agree(arguments.yes, &format!("{} -y", order.again()), screen)?;
    operate::plan_and_apply(&order, session, screen)
}
