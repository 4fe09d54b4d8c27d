//! `mlinfra output`: what other programs take from here.

use clap::Args;
use mlinfra_api::Value;
use serde_json::{Map, json};

use crate::arguments::{Global, SpecOption};
use crate::names;
use crate::problem::{Exit, Problem, Stop};
use crate::session::Session;
use crate::view::state::table;
use crate::view::{Screen, ending, json};
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra output                   all outputs that were applied
  mlinfra output url               one of them, bare, for a script
  mlinfra output risk.model.rows   an output of one resource
  mlinfra output --reveal score.key
  mlinfra output url --spec churn  of the spec in `churn`

Exit codes: 0 printed, 1 nothing was applied yet, 2 there is no such output";

/// The words of `output`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A declared output, or `resource.output`
    name: Option<String>,
    #[command(flatten)]
    spec: SpecOption,
    /// Show secrets
    #[arg(long)]
    reveal: bool,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints one output bare, or all with their names.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let (spec, asked) = arguments.spec.or(arguments.name.as_deref());
    let workspace = Workspace::find_state(&spec, global)?;
    let session = Session::required(&workspace)?;
    let snapshot = session.store.snapshot();
    let reveal = arguments.reveal;
    // As they were applied: the spec may say something else by now, or be gone.
    let declared = &snapshot.outputs;
    let Some(name) = asked else {
        let values = declared.iter();
        let values =
            values.map(|(name, value)| (name.clone(), mlinfra_plan::resolve(value, snapshot)));
        if screen.json {
            let values = values.map(|(name, value)| (name, as_json(&value, reveal)));
            let body = json!({ "outputs": values.collect::<Map<_, _>>() });
            screen.print_json(&json::envelope("output", body));
        } else {
            let rows: Vec<_> = values
                .map(|(name, value)| (name, bare(&value, reveal)))
                .collect();
            screen.print(&table(&rows, screen));
        }
        return Ok(Exit::Done);
    };
    // A resource's output needs no spec that is free of errors, so it is looked for first.
    let value = match names::output(snapshot, name).map_err(|problem| problem.at(&workspace))? {
        Some(value) => value.clone(),
        None => match declared.get(name) {
            Some(value) => mlinfra_plan::resolve(value, snapshot),
            None => return Err(unknown(name, &workspace).into()),
        },
    };
    if let Value::Unknown(origin) = &value {
        return Err(
            Problem::new(Exit::Failed, "E1013", "this output is not known yet")
                .detail(format!("`{name}` waits for {origin}"))
                .help(format!(
                    "`{} apply{}` makes it",
                    ending::program(),
                    workspace.argument()
                ))
                .into(),
        );
    }
    match screen.json {
        true => {
            let body = json!({ "name": name, "value": as_json(&value, reveal) });
            screen.print_json(&json::envelope("output", body));
        }
        false => screen.print(&format!("{}\n", bare(&value, reveal))),
    }
    Ok(Exit::Done)
}

fn unknown(name: &str, workspace: &Workspace) -> Problem {
    let (program, option) = (ending::program(), workspace.option());
    Problem::new(Exit::Usage, "E1012", "there is no such output")
        .detail(format!(
            "neither what was applied last nor a resource has an output `{name}`"
        ))
        .help(format!(
            "`{program} output{option}` lists the declared ones, \
             `{program} show ADDRESS{option}` those of a resource"
        ))
}

fn bare(value: &Value, reveal: bool) -> String {
    match shown(value, reveal) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn as_json(value: &Value, reveal: bool) -> serde_json::Value {
    json::value(&shown(value, reveal))
}

/// The value, with the secrets in it as texts if they are to be seen.
fn shown(value: &Value, reveal: bool) -> Value {
    match value {
        Value::Secret(secret) if reveal => Value::text(secret.reveal()),
        Value::List(elements) => {
            let elements = elements.iter().map(|element| shown(element, reveal));
            Value::List(elements.collect())
        }
        Value::Record(entries) => {
            let entry = |(name, entry): (&String, &Value)| (name.clone(), shown(entry, reveal));
            Value::Record(entries.iter().map(entry).collect())
        }
        other => other.clone(),
    }
}
