//! `mlinfra attach`: follows an operation, from any terminal.

use clap::Args;
use mlinfra_apply::{Options, read_events};
use mlinfra_state::{OperationEvent, operation_name, operation_number};

use crate::arguments::{Global, SpecOption};
use crate::command::log::{failing_gates, unknown};
use crate::interrupt;
use crate::operate;
use crate::problem::{Exit, Problem, Stop};
use crate::session::{self, Session};
use crate::view::progress::Progress;
use crate::view::{Screen, ending, state};
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra attach                   the newest operation
  mlinfra attach op-17
  mlinfra attach --spec churn      that of the spec in `churn`

Ctrl-C leaves it as it is: only the looking on ends.

Exit codes: 0 it ended well, 1 something failed or is blocked, 2 no such one";

/// The words of `attach`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// An operation such as `op-17`; the newest if left out
    operation: Option<String>,
    #[command(flatten)]
    spec: SpecOption,
}

/// Shows the operation's events from its beginning until it ends.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let (spec, asked) = arguments.spec.or(arguments.operation.as_deref());
    let workspace = Workspace::find_state(&spec, global)?;
    let mut session = Session::required(&workspace)?;
    let number = match asked {
        Some(name) => operation_number(name).ok_or_else(|| unknown(name, &workspace))?,
        None => match session.store.operations().last() {
            Some(last) => last.number,
            None => return Err(unknown("op-1", &workspace).into()),
        },
    };
    let operation = session
        .store
        .operations()
        .iter()
        .find(|o| o.number == number);
    let ended = operation.map(|operation| operation.state.is_end());
    match ended {
        None => return Err(unknown(&operation_name(number), &workspace).into()),
        Some(true) => {
            show_again(&session, number, screen);
            return Ok(came_to(&session, number));
        }
        Some(false) => {}
    }
    let interrupt = interrupt::watch_quietly()?;
    let progress = Progress::attached(screen, &workspace.option());
    let show = |event| progress.show(&event);
    let providers = operate::providers(&session);
    let options = Options::new(session::holder("attach"), "mlinfra attach");
    let summary = mlinfra_apply::attach(
        &mut session.store,
        number,
        &providers,
        &options,
        &show,
        &interrupt,
    );
    progress.clear();
    let summary = summary.map_err(|fault| Problem::from(fault).at(&workspace))?;
    if summary.interrupted {
        screen.tell("left as it is\n");
        return Ok(Exit::Done);
    }
    screen.print(&state::operation_line(
        &session.store,
        number,
        &failing_gates(&session, number),
        screen,
    ));
    if !summary.left.is_empty() {
        return Err(
            Problem::new(Exit::Failed, "E1018", "nobody carries this operation on")
                .detail(format!("{} was interrupted", operation_name(number)))
                .help(format!(
                    "`{} apply{}` settles it and goes on; nothing is done twice",
                    ending::program(),
                    workspace.argument()
                ))
                .into(),
        );
    }
    Ok(came_to(&session, number))
}

/// The events of an operation that has ended.
fn show_again(session: &Session, number: u64, screen: &Screen) {
    let folder = session.store.operation_folder(number);
    let folder = folder.expect("a state of the command line lies in a folder");
    let progress = Progress::again(screen);
    let (events, _) = read_events(&folder, 0);
    events.iter().for_each(|event| progress.show(event));
    progress.clear();
    screen.print(&state::operation_line(
        &session.store,
        number,
        &failing_gates(session, number),
        screen,
    ));
}

fn came_to(session: &Session, number: u64) -> Exit {
    if !failing_gates(session, number).is_empty() {
        return Exit::Failed;
    }
    let operation = session
        .store
        .operations()
        .iter()
        .find(|o| o.number == number);
    match operation.and_then(|operation| operation.outcome.as_ref()) {
        Some(OperationEvent::Ended {
            failed: 0,
            blocked: 0,
            ..
        }) => Exit::Done,
        _ => Exit::Failed,
    }
}
