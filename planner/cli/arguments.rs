//! The command line's words: options for every command, and the list of commands.

use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::command;
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
First steps, in this order:
  mlinfra init churn               write a project that works: a spec and a table
  mlinfra check churn              is the spec right? nothing is made
  mlinfra plan churn               what would be done, and why; nothing is made
  mlinfra apply churn              do it; it ends with a line to ask the model
  mlinfra show --spec churn        what exists, and how it is
  mlinfra destroy churn            remove all of it

Change `churn/main.mlinfra` and apply again: only what depends on the change is
done. A model that does not hold what `require` asks is not served; what served
before goes on.

`mlinfra COMMAND --help` has examples, `mlinfra explain E0203` explains a code.

Exit codes:
  0 done   1 findings, failed or blocked   2 wrong spec or call
  3 a bug in mlinfra   4 could not start (locked, stale plan, busy): try again";

/// How the help of a command reads: its line, what it does, its words, its examples.
const HELP: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}
";

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

impl Arguments {
    /// The words that this program was called with; help and wrong words end it.
    pub(crate) fn read() -> Self {
        let matches = Arguments::described().try_get_matches();
        let matches = matches.unwrap_or_else(|error| with_hint(error).exit());
        Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// The command line with its help: `-h` and `--help` say the same, what a command does stands
    /// before its options.
    pub(crate) fn described() -> clap::Command {
        compact(Arguments::command())
    }
}

/// Words of other tools, and what stands for them here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("--auto-approve", "agree beforehand with '-y'"),
    ("-auto-approve", "agree beforehand with '-y'"),
    ("--var", "give a parameter with '--param NAME=VALUE'"),
    ("-var", "give a parameter with '--param NAME=VALUE'"),
    ("--var-file", "give parameters with '--params FILE'"),
    (
        "--detailed-exitcode",
        "'plan --exit-code' ends with 5 where something would change",
    ),
    ("--env", "name the environment with '-e NAME'"),
    ("--workspace", "name the environment with '-e NAME'"),
    ("validate", "'mlinfra check' checks a spec"),
    (
        "refresh",
        "'mlinfra show' looks at what exists; 'mlinfra plan' compares it with the spec",
    ),
    ("import", "write '@existing(\"…\")' on the block"),
    ("workspace", "an environment is named with '-e NAME'"),
];

/// A wrong call with what this program says for a word that another tool knows.
fn with_hint(mut error: clap::Error) -> clap::Error {
    let kinds = [ContextKind::InvalidArg, ContextKind::InvalidSubcommand];
    let word = kinds.iter().find_map(|kind| match error.get(*kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    });
    let hint = word.and_then(|word| {
        let known = ELSEWHERE.iter().find(|(theirs, _)| *theirs == word);
        known.map(|(_, hint)| *hint)
    });
    if let Some(hint) = hint {
        let hints = ContextValue::StyledStrs(vec![hint.into()]);
        error.insert(ContextKind::Suggested, hints);
        // What is spelt alike is not what was meant.
        error.remove(ContextKind::SuggestedSubcommand);
        error.remove(ContextKind::SuggestedArg);
    }
    error
}

/// Moves what a command does from the long help, which sets every option apart, above its usage.
fn compact(command: clap::Command) -> clap::Command {
    let long = command.get_long_about().map(ToString::to_string);
    let text = long.and_then(|long| Some(long.split_once("\n\n")?.1.to_owned()));
    let command = match text {
        Some(text) => command.before_help(text).long_about(None::<&str>),
        None => command,
    };
    let command = command.mut_args(in_one_line);
    command.help_template(HELP).mut_subcommands(compact)
}

/// Values that are explained one by one would set every option apart: they are only named.
fn in_one_line(option: clap::Arg) -> clap::Arg {
    let values = option.get_possible_values();
    let is_long = values.iter().any(|value| value.get_help().is_some());
    if !is_long || option.is_hide_possible_values_set() {
        return option;
    }
    let names: Vec<&str> = values
        .iter()
        .map(clap::builder::PossibleValue::get_name)
        .collect();
    let text = option
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    option
        .help(format!("{text}: {}", names.join(", ")))
        .hide_possible_values(true)
}

/// Options that hold for every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Use colour: `always`, `never`, or `auto` for terminals; it repeats what the text says
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true,
        help_heading = "For every command",
        value_name = "WHEN"
    )]
    pub(crate) color: When,
    /// Print results and problems only
    #[arg(long, short, global = true, help_heading = "For every command")]
    pub(crate) quiet: bool,
    /// Give a parameter of the spec its value; or set MLINFRA_PARAM_<name> in the environment
    #[arg(
        long,
        global = true,
        help_heading = "For every command",
        value_name = "NAME=VALUE"
    )]
    pub(crate) param: Vec<String>,
    /// Read parameters from a file: lines `name = value`, or one JSON object; --param wins
    #[arg(
        long,
        global = true,
        help_heading = "For every command",
        value_name = "FILE"
    )]
    pub(crate) params: Vec<PathBuf>,
    /// The environment of the spec that is meant; or set MLINFRA_ENVIRONMENT
    #[arg(
        long,
        short,
        global = true,
        help_heading = "For every command",
        value_name = "NAME"
    )]
    pub(crate) environment: Option<String>,
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
    /// A `.mlinfra` file, or the folder of one, this folder if left out; or an environment of it
    #[arg(
        value_name = "SPEC|ENVIRONMENT",
        default_value = ".",
        hide_default_value = true
    )]
    pub(crate) spec: PathBuf,
}

/// The spec, for commands whose own word comes first.
#[derive(Debug, Args)]
pub(crate) struct SpecOption {
    /// A `.mlinfra` file, or the folder of one; this folder if left out
    #[arg(
        long,
        short,
        value_name = "SPEC",
        default_value = ".",
        hide_default_value = true
    )]
    pub(crate) spec: PathBuf,
}

impl SpecOption {
    /// The spec and the command's own word. Where no spec was named and the word is a spec's file
    /// or a folder with a spec or a state, it is the spec: `mlinfra log examples/credit`.
    pub(crate) fn or<'a>(&self, word: Option<&'a str>) -> (PathBuf, Option<&'a str>) {
        let is_spec = |word: &&str| {
            let path = Path::new(word);
            path.extension().is_some_and(|ending| ending == "mlinfra") && path.is_file()
                || path.is_dir() && Workspace::has_state_or_spec(path)
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
    /// Write a working starter project into a folder
    ///
    /// A spec, an invented table, a README and a `.gitignore`: `apply` makes a served model of them
    /// at once, and you change them from there. Nothing that is in the folder already is
    /// overwritten.
    Init(command::init::Arguments),
    /// Check a spec: syntax, names, types, units, tables
    ///
    /// Reads the spec alone, makes nothing and needs no state. Each finding says what is wrong,
    /// where, why it matters and what to do; many offer an edit, which `--fix` makes.
    Check(command::check::Arguments),
    /// Run the tests that a spec has of itself
    ///
    /// Each `test` block of the spec is checked with its own parameters, its cost worked out, and
    /// its conditions judged. Makes nothing and needs no state; all tests run, whatever fails.
    Test(command::test::Arguments),
    /// Lay out specs the one way
    ///
    /// Changes blanks and line breaks alone, never what a spec means. Files with syntax errors stay
    /// as they are.
    Fmt(command::fmt::Arguments),
    /// Say what an expression comes to: its value and its type
    ///
    /// Evaluates by the names of the spec, as if the expression stood in its root file; without a
    /// spec, by what the language itself knows. Makes nothing.
    Eval(command::eval::Arguments),
    /// Evaluate expressions as you type them
    ///
    /// The same as `eval`, line by line, with names for values and completion. Works on a pipe
    /// too: one answer a line.
    Console(command::console::Arguments),
    /// Draw what refers to what
    ///
    /// The blocks of a spec and their references, or what a plan would do and what that waits for:
    /// as DOT, Mermaid, SVG or JSON. Makes nothing.
    Graph(command::graph::Arguments),
    /// Say what would be done, and why
    ///
    /// Compares the spec with what exists and makes nothing. `+` makes, `▶` runs, `~` changes, `±`
    /// and `∓` replace, `-` removes; what stays as it is, is named below.
    Plan(command::plan::Arguments),
    /// Make the world as the spec says
    ///
    /// Plans, shows the plan, asks, and does it. Steps whose inputs are the same as before are not
    /// run again. Where nothing is to be done, it says so and ends.
    Apply(command::apply::Arguments),
    /// Follow an operation, from any terminal
    ///
    /// Shows an `apply` or `destroy` that runs somewhere else, or goes on by itself after
    /// `--detach`, from its beginning to its end. One that has ended is told again.
    Attach(command::attach::Arguments),
    /// Show what exists, and how it is
    ///
    /// Reads the state and looks at the things themselves. Works when the spec is gone or broken.
    Show(command::show::Arguments),
    /// Write what stands now as one page that opens from disk
    ///
    /// What ran, how good the model is, how it treats groups, what it looks at, and where its data
    /// came from. One file without scripts; no cell of any table is in it.
    Report(command::report::Arguments),
    /// Print outputs: URLs, keys, figures, for other programs
    ///
    /// Without a name: all `output` entries of the spec. With one: its value alone, on one line.
    /// Secrets are shown with `--reveal` only.
    Output(command::output::Arguments),
    /// List what was done, by whom and when
    ///
    /// Every `apply` and `destroy` of this state, from its journal. Works when the spec is gone or
    /// broken.
    Log(command::log::Arguments),
    /// Write down what the spec is made with
    ///
    /// Digests of the standard library, of the catalog, of every file that the spec names and of
    /// what other projects give it, as `mlinfra.lock` beside it. `plan` and `apply` tell what
    /// differs; with `--locked` they fail.
    Lock(command::lock::Arguments),
    /// Remove everything that apply made
    ///
    /// Plans, shows the plan, asks, and does it, by what the state knows: the spec may be gone by
    /// now. What holds data or keys stays unless `--data` says that it may go.
    Destroy(command::destroy::Arguments),
    /// Explain a code such as E0203, or a word such as `pool`
    ///
    /// What the code means, why it matters and what to do, with a wrong and a right example; or
    /// what the word declares.
    Explain(command::explain::Arguments),
    /// Print what the words of the language mean
    ///
    /// The reference of every kind, operation, type, function, unit and class, from their
    /// declarations: one word here, or all as Markdown and as a page that opens from disk.
    Docs(command::docs::Arguments),
    /// Print the vocabulary or a checked spec as JSON, for other tools
    ///
    /// Two stated forms, each with its version and its JSON Schema: all words of the language, and
    /// a spec with everything typed, evaluated and resolved.
    Schema(command::schema::Arguments),
    /// Look after the state folder
    ///
    /// The state is `.mlinfra/` beside the spec. In daily work nobody needs this; after a copy, a
    /// move or a damaged disk it says what is there and mends what a person decides.
    State(command::state::Arguments),
    /// Serve an editor: findings as you type, layout, documentation
    ///
    /// An editor starts it and talks to it over standard input and output; nobody types it. What
    /// it says is what `mlinfra check` says.
    Lsp(command::lsp::Arguments),
    /// Print completions for a shell
    ///
    /// Once they are installed, Tab completes commands, options and shells.
    Completions(command::completions::Arguments),
}

impl Command {
    /// The command's own word.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Command::Init(_) => "init",
            Command::Check(_) => "check",
            Command::Fmt(_) => "fmt",
            Command::Eval(_) => "eval",
            Command::Console(_) => "console",
            Command::Graph(_) => "graph",
            Command::Docs(_) => "docs",
            Command::Schema(_) => "schema",
            Command::Plan(_) => "plan",
            Command::Apply(_) => "apply",
            Command::Attach(_) => "attach",
            Command::Show(_) => "show",
            Command::Report(_) => "report",
            Command::Output(_) => "output",
            Command::Lock(_) => "lock",
            Command::Log(_) => "log",
            Command::Destroy(_) => "destroy",
            Command::Explain(_) => "explain",
            Command::State(_) => "state",
            Command::Test(_) => "test",
            Command::Lsp(_) => "lsp",
            Command::Completions(_) => "completions",
        }
    }

    /// Whether it is about a spec, as far as it is given by the options for every command.
    pub(crate) fn reads_a_spec(&self) -> bool {
        !matches!(
            self,
            Command::Init(_) | Command::Fmt(_) | Command::Docs(_) | Command::Completions(_)
        )
    }

    /// Whether the result is asked for as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Command::Check(arguments) => arguments.format() == command::check::Format::Json,
            Command::Eval(arguments) => arguments.json,
            Command::Console(arguments) => arguments.json,
            Command::Graph(arguments) => arguments.json,
            Command::Schema(arguments) => arguments.json,
            Command::Plan(arguments) => arguments.json,
            Command::Apply(arguments) => arguments.json,
            Command::Destroy(arguments) => arguments.json,
            Command::Show(arguments) => arguments.json,
            Command::Report(arguments) => arguments.json,
            Command::Output(arguments) => arguments.json,
            Command::Log(arguments) => arguments.json,
            Command::Lock(arguments) => arguments.json,
            Command::Docs(arguments) => arguments.json,
            Command::Explain(arguments) => arguments.json,
            Command::Test(arguments) => arguments.format() == command::test::Format::Json,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands with actions of their own have their examples all in one place.
    fn commands() -> Vec<clap::Command> {
        let described = Arguments::described();
        let commands = described.get_subcommands();
        commands
            .filter(|one| one.get_name() != "help")
            .cloned()
            .collect()
    }

    #[test]
    fn a_word_of_another_tool_is_answered_with_ours() {
        let said = |words: &[&str]| {
            let matches = Arguments::described().try_get_matches_from(words);
            let error = matches.expect_err("it is wrong");
            with_hint(error).to_string()
        };
        assert!(said(&["mlinfra", "apply", "--auto-approve"]).contains("'-y'"));
        assert!(said(&["mlinfra", "plan", "--var", "a=1"]).contains("'--param NAME=VALUE'"));
        let validate = said(&["mlinfra", "validate"]);
        assert!(validate.contains("'mlinfra check'") && !validate.contains("'eval'"));
        assert!(!said(&["mlinfra", "plan", "--nonsense"]).contains("tip: '-y'"));
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::described().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_and_shows_how() {
        for command in commands() {
            let name = command.get_name();
            let about = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                !about.is_empty() && !about.contains('\n'),
                "{name}: {about}"
            );
            assert!(!about.ends_with('.') && about.len() < 70, "{name}: {about}");
            let does = command.get_before_help().map(ToString::to_string);
            assert!(
                does.is_some_and(|text| text.ends_with('.')),
                "{name} says no more"
            );
            let after = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let is_example = |line: &&str| line.contains(&format!("mlinfra {name}"));
            let examples = after.lines().filter(is_example).count();
            assert!(
                after.contains("Examples:") && examples >= 2,
                "{name}: {after}"
            );
        }
    }
}
