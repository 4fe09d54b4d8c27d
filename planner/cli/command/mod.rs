//! The commands, one file each.

pub(crate) mod apply;
pub(crate) mod attach;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod console;
pub(crate) mod destroy;
pub(crate) mod docs;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod init;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod lsp;
pub(crate) mod output;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod state;
pub(crate) mod test;

use crate::arguments::{Arguments, Command, Global};
use crate::problem::{Exit, Problem, Stop};
use crate::view::Screen;

/// Refuses what says how a spec is read to a command that reads none.
fn no_effect(global: &Global, command: &str) -> Result<(), Problem> {
    let given = [
        ("--environment", global.environment.is_some()),
        ("--param", !global.param.is_empty()),
        ("--params", !global.params.is_empty()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((option, _)) => Err(Problem::usage(format!("`{option}` has no effect here"))
            .detail(format!("`{command}` checks no spec"))),
    }
}

/// Runs the command that was asked for.
pub(crate) fn run(arguments: Arguments, screen: &Screen) -> Result<Exit, Stop> {
    let global = &arguments.global;
    if !arguments.command.reads_a_spec() {
        no_effect(global, arguments.command.name())?;
    }
    match &arguments.command {
        Command::Init(arguments) => init::run(arguments, screen),
        Command::Check(arguments) => check::run(arguments, global, screen),
        Command::Fmt(arguments) => fmt::run(arguments, screen),
        Command::Plan(arguments) => plan::run(arguments, global, screen),
        Command::Apply(arguments) => apply::run(arguments, global, screen),
        Command::Attach(arguments) => attach::run(arguments, global, screen),
        Command::Show(arguments) => show::run(arguments, global, screen),
        Command::Output(arguments) => output::run(arguments, global, screen),
        Command::Report(arguments) => report::run(arguments, global, screen),
        Command::Lock(arguments) => lock::run(arguments, global, screen),
        Command::Log(arguments) => log::run(arguments, global, screen),
        Command::Lsp(arguments) => lsp::run(arguments, global, screen),
        Command::Destroy(arguments) => destroy::run(arguments, global, screen),
        Command::Eval(arguments) => eval::run(arguments, global, screen),
        Command::Console(arguments) => console::run(arguments, global, screen),
        Command::Graph(arguments) => graph::run(arguments, global, screen),
        Command::Docs(arguments) => docs::run(arguments, screen),
        Command::Schema(arguments) => schema::run(arguments, global, screen),
        Command::Explain(arguments) => explain::run(arguments, global, screen),
        Command::State(arguments) => state::run(arguments, global, screen),
        Command::Test(arguments) => test::run(arguments, global, screen),
        Command::Completions(arguments) => completions::run(arguments, screen),
    }
}
