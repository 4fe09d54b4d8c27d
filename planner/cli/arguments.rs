//! The command line's words: options for every command, and the list of commands.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::command;
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra init churn               write a working starter spec
  mlinfra plan churn               say what would be done, and why
  mlinfra apply churn              do it
  mlinfra explain E0203            what a code means, with a right and a wrong example

Exit codes:
  0 done   1 findings, failed or blocked   2 wrong spec or call
  3 a bug in mlinfra   4 could not start (locked, stale plan, busy): try again";

/// Declarative, typed infrastructure for machine learning
///
/// One spec says which data, models, machines and endpoints there shall be. `mlinfra plan` says
/// what that means for the world as it is, `mlinfra apply` makes it so.
#[derive(Debug, Parser)]
#[command(name = "mlinfra", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What is to be done.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that hold for every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// When to use colour; it repeats what the text says
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN"
    )]
    pub(crate) color: When,
    /// Print results and problems only
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Give a parameter of the spec its value; also: MLINFRA_PARAM_<name> in the environment
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    pub(crate) param: Vec<String>,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// Where the output is a terminal and NO_COLOR is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The spec that a command is about.
#[derive(Debug, Args)]
pub(crate) struct SpecArgument {
    /// A `.mlinfra` file, or a folder with `main.mlinfra` or one such file
    #[arg(value_name = "SPEC", default_value = ".")]
    pub(crate) spec: PathBuf,
}

/// The spec, for commands whose own word comes first.
#[derive(Debug, Args)]
pub(crate) struct SpecOption {
    /// A `.mlinfra` file, or a folder with `main.mlinfra` or one such file
    #[arg(long, short, value_name = "SPEC", default_value = ".")]
    pub(crate) spec: PathBuf,
}

impl SpecOption {
    /// The spec and the command's own word. Where no spec was named and the word is a spec's file
    /// or a folder with a spec or a state, it is the spec: `mlinfra log examples/credit`.
    pub(crate) fn or<'a>(&self, word: Option<&'a str>) -> (PathBuf, Option<&'a str>) {
        let is_spec = |word: &&str| {
            let path = Path::new(word);
            path.extension().is_some_and(|ending| ending == "mlinfra") && path.is_file()
                || path.is_dir() && Workspace::find_state(path, &[]).is_ok()
        };
        match word.filter(|word| self.spec == Path::new(".") && is_spec(word)) {
            Some(spec) => (PathBuf::from(spec), None),
            None => (self.spec.clone(), word),
        }
    }
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a working starter spec into a folder
    Init(command::init::Arguments),
    /// Check a spec: syntax, names, types, units, tables
    Check(command::check::Arguments),
    /// Lay out specs the one way
    Fmt(command::fmt::Arguments),
    /// Say what would be done, and why
    Plan(command::plan::Arguments),
    /// Make the world as the spec says
    Apply(command::apply::Arguments),
    /// Follow an operation, from any terminal
    Attach(command::attach::Arguments),
    /// Show what exists, and how it is
    Show(command::show::Arguments),
    /// Print outputs
    Output(command::output::Arguments),
    /// List what was done, by whom and when
    Log(command::log::Arguments),
    /// Remove everything that apply made
    Destroy(command::destroy::Arguments),
    /// Explain a code such as E0203
    Explain(command::explain::Arguments),
    /// Look after the state folder
    State(command::state::Arguments),
    /// Print completions for a shell
    Completions(command::completions::Arguments),
}

impl Command {
    /// The command's own word.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Command::Init(_) => "init",
            Command::Check(_) => "check",
            Command::Fmt(_) => "fmt",
            Command::Plan(_) => "plan",
            Command::Apply(_) => "apply",
            Command::Attach(_) => "attach",
            Command::Show(_) => "show",
            Command::Output(_) => "output",
            Command::Log(_) => "log",
            Command::Destroy(_) => "destroy",
            Command::Explain(_) => "explain",
            Command::State(_) => "state",
            Command::Completions(_) => "completions",
        }
    }

    /// Whether the result is asked for as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Command::Check(arguments) => arguments.json,
            Command::Plan(arguments) => arguments.json,
            Command::Apply(arguments) => arguments.json,
            Command::Destroy(arguments) => arguments.json,
            Command::Show(arguments) => arguments.json,
            Command::Output(arguments) => arguments.json,
            Command::Log(arguments) => arguments.json,
            _ => false,
        }
    }
}
