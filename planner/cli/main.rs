//! The command `mlinfra`: reads its words, runs one command, and ends with its exit code.

mod arguments;
mod bug;
mod command;
mod example;
mod facts;
mod fix;
mod flow;
mod graph;
mod interrupt;
mod judged;
mod locked;
mod names;
mod operate;
mod outside;
mod problem;
mod report;
mod session;
mod view;
mod workspace;
mod world;
mod write;

use std::process::ExitCode;

use arguments::Arguments;
use problem::Stop;
use view::Screen;

/// A check makes very many small values, on several threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bug::install_hook();
    let arguments = Arguments::read();
    let json = arguments.command.wants_json();
    let screen = Screen::new(&arguments.global, arguments.command.name(), json);
    match command::run(arguments, &screen) {
        Ok(exit) => exit.into(),
        Err(Stop::Shown(exit)) => exit.into(),
        Err(Stop::Problem(problem)) => {
            screen.problem(&problem);
            problem.exit.into()
        }
    }
}
