//! `mlinfra eval`: the type and the value of an expression.

use std::path::Path;

use clap::Args;
use mlinfra_check::{Answer, Question, World};

use crate::arguments::{Global, SpecOption};
use crate::problem::{Exit, Problem, Stop};
use crate::view::diagnostic::Sources;
use crate::view::{Screen, answer as view};
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra eval '3 * 50 USD/month'  an expression alone
  mlinfra eval risk.clean --spec churn  a table of the spec in `churn`, with its columns
  mlinfra eval 'replicas.max' --param replicas=1..4
  mlinfra eval '[n * n for n in [1, 2, 3]]' --json

Exit codes: 0 answered, 2 the expression is wrong";

/// The words of `eval`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What to evaluate, in one word of the shell; `-` reads standard input
    #[arg(value_name = "EXPRESSION", allow_hyphen_values = true)]
    expression: String,
    #[command(flatten)]
    spec: SpecOption,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints an expression's value and type.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let scope = Scope::find(&arguments.spec.spec, global)?;
    let read;
    let expression = match arguments.expression.as_str() {
        "-" => {
            read = std::io::read_to_string(std::io::stdin()).map_err(|error| {
                Problem::new(Exit::Usage, "E1003", "a file can't be read or written")
                    .detail(format!("standard input: {}", crate::world::reason(error)))
            })?;
            read.trim()
        }
        text => text.trim(),
    };
    if expression.is_empty() {
        return Err(Problem::usage("there is nothing to evaluate")
            .help("give an expression: `mlinfra eval '2 * 3'`")
            .into());
    }
    let (answer, sources) = scope.ask(&Question {
        definitions: "",
        expression,
    });
    Ok(told("eval", expression, &answer, &sources, screen))
}

/// Prints an answer, or why there is none.
pub(crate) fn told(
    command: &str,
    expression: &str,
    answer: &Answer,
    sources: &Sources,
    screen: &Screen,
) -> Exit {
    match screen.json {
        true => screen.print_json(&view::json(command, expression, answer, sources)),
        false => {
            screen.warn(&view::findings(answer, sources, screen));
            screen.print(&view::line(answer, screen));
        }
    }
    match answer.type_text.is_some() {
        true => Exit::Done,
        false => Exit::Usage,
    }
}

/// Where an expression's names are looked up.
#[derive(Debug)]
pub(crate) enum Scope {
    /// The root file of a spec.
    Spec(Box<Workspace>),
    /// The standard library alone: there is no spec.
    Library,
}

/// A world without a spec.
struct Nothing;

impl World for Nothing {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    fn parameter(&self, _: &str) -> Option<String> {
        None
    }

    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Scope {
    /// The spec that was named; where none was named and none is here, the library.
    pub(crate) fn find(given: &Path, global: &Global) -> Result<Self, Problem> {
        match Workspace::find(given, global) {
            Ok(workspace) => Ok(Scope::Spec(Box::new(workspace))),
            Err(problem) => {
                let no_spec = problem.code.as_deref() == Some("E1001");
                let is_bare = global.param.is_empty()
                    && global.params.is_empty()
                    && global.environment.is_none();
                match no_spec && given == Path::new(".") && is_bare {
                    true => Ok(Scope::Library),
                    false => Err(problem),
                }
            }
        }
    }

    /// Evaluates; the files that findings are in come along.
    pub(crate) fn ask(&self, question: &Question<'_>) -> (Answer, Sources) {
        match self {
            Scope::Spec(workspace) => workspace.ask(question),
            Scope::Library => {
                let answer = mlinfra_check::evaluate(&Nothing, "", question);
                let files = answer.files.iter();
                let files = files.map(|file| (file.name.clone(), file.text.clone()));
                let files = files.collect();
                (answer, Sources { files })
            }
        }
    }

    /// What an expression may begin with.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Scope::Spec(workspace) => workspace.names(),
            Scope::Library => mlinfra_check::names(&Nothing, ""),
        }
    }
}
