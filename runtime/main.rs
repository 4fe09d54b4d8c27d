//! `mlinfra-runtime`: the agent of a host, and the process of each of its units.

mod bounds;
mod checkpoints;
mod program;
mod status;
mod step;
mod unit;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mlinfra_agent::folder::make_private_folder;
use mlinfra_agent::log::RotatedLog;
use mlinfra_runtime_spec::{PROTOCOL, files};

/// The agent could not begin: another one runs, or its folder or socket can't be used.
const COULD_NOT_START: u8 = 4;

/// Runs what mlinfra plans. People use `mlinfra`; it starts this program.
#[derive(Parser)]
#[command(name = "mlinfra-runtime", disable_help_subcommand = true)]
struct Arguments {
    /// Print the version and the protocol.
    #[arg(long, short = 'V')]
    version: bool,
    #[command(subcommand)]
    command: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Keeps the units of a state folder until it is told to stop.
    Agent {
        /// The state folder.
        #[arg(long)]
        state: PathBuf,
        /// The state's lineage.
        #[arg(long)]
        lineage: String,
        /// Where to listen: a path of at most 107 bytes in a folder of this user alone.
        #[arg(long)]
        socket: PathBuf,
        /// Runs units in the place of this program; its last argument is the unit's folder.
        #[arg(long, hide = true)]
        unit_program: Option<PathBuf>,
    },
    /// Runs one unit. Started by the agent, with the unit's lock as standard input.
    Unit {
        /// The unit's folder.
        folder: PathBuf,
    },
    /// Runs a program that ends with the process that asked for it.
    #[command(hide = true)]
    Program {
        /// That process.
        #[arg(long)]
        parent: u32,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        _ if arguments.version => version(),
        None => {
            eprintln!("mlinfra-runtime is started by mlinfra; see `mlinfra-runtime --help`.");
            ExitCode::from(2)
        }
        Some(Task::Agent {
            state,
            lineage,
            socket,
            unit_program,
        }) => agent(state, lineage, socket, unit_program),
        Some(Task::Unit { folder }) => unit::run(&folder),
        Some(Task::Program { parent, arguments }) => program::become_program(parent, &arguments),
    }
}

fn version() -> ExitCode {
    println!(
        "mlinfra-runtime {} protocol {PROTOCOL}",
        env!("CARGO_PKG_VERSION")
    );
    ExitCode::SUCCESS
}

fn agent(
    state: PathBuf,
    lineage: String,
    socket: PathBuf,
    unit_program: Option<PathBuf>,
) -> ExitCode {
    let unit_program = match unit_program {
        Some(program) => vec![program.into_os_string()],
        None => match std::env::current_exe() {
            Ok(program) => vec![program.into_os_string(), "unit".into()],
            Err(error) => {
                eprintln!("The runtime can't find its own program: {}.", error.kind());
                return ExitCode::from(COULD_NOT_START);
            }
        },
    };
    let log = files::agent_log(&state);
    if let (true, Some(folder)) = (state.is_dir(), log.parent()) {
        // Where it can't be made, the agent ends with the reason in a moment.
        let _ = make_private_folder(folder);
    }
    write_log_to(&log);
    let options = mlinfra_agent::Options {
        state,
        lineage,
        socket,
        unit_program,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    match mlinfra_agent::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            if let Some(help) = fault.help {
                eprintln!("{help}");
            }
            ExitCode::from(COULD_NOT_START)
        }
    }
}

/// Sends what is logged to a file, as JSON lines. Without the file's folder nothing is logged: the
/// program then ends with the reason anyway.
fn write_log_to(path: &Path) {
    if let Ok(log) = RotatedLog::open(path) {
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_target(false)
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || log.clone())
            .init();
    }
}
