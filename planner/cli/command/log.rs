//! `mlinfra log`: who changed what, when and how it ended.

use std::collections::BTreeMap;

use clap::Args;
use mlinfra_apply::{Event, read_events};
use mlinfra_plan::JudgedGate;
use mlinfra_state::{OperationRecord, operation_number};
use serde_json::json;

use crate::arguments::{Global, SpecOption};
use crate::problem::{Exit, Problem, Stop};
use crate::session::Session;
use crate::view::{Screen, ending, json, state};
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra log                      every operation, newest first
  mlinfra log op-3                 one of them with its actions
  mlinfra log --spec churn         those of the spec in `churn`
  mlinfra log --json | jq '.operations[].number'";

/// The words of `log`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// An operation such as `op-3`
    operation: Option<String>,
    #[command(flatten)]
    spec: SpecOption,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists operations, or shows one.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let (spec, asked) = arguments.spec.or(arguments.operation.as_deref());
    let workspace = Workspace::find_state(&spec, global)?;
    let session = Session::open_unchecked(&workspace)?;
    let operations = session.store.operations();
    let chosen = match asked {
        None => operations,
        Some(name) => {
            let number = operation_number(name);
            let found = operations
                .iter()
                .find(|operation| Some(operation.number) == number);
            std::slice::from_ref(found.ok_or_else(|| unknown(name, &workspace))?)
        }
    };
    if screen.json {
        screen.print_json(&json::envelope("log", json!({ "operations": chosen })));
        return Ok(Exit::Done);
    }
    match (asked, chosen) {
        (Some(_), [operation]) => {
            let failing = failing_gates(&session, operation.number);
            screen.print(&state::operation(operation, &failing, screen));
        }
        _ => {
            let gates = |one: &OperationRecord| failing_gates(&session, one.number);
            screen.print(&state::operations(chosen, &gates, screen));
        }
    }
    Ok(Exit::Done)
}

/// The gates that did not hold in an operation, by its events: the last word on each counts.
pub(crate) fn failing_gates(session: &Session, number: u64) -> Vec<JudgedGate> {
    let folder = session.store.operation_folder(number);
    let events = folder.map(|folder| read_events(&folder, 0).0);
    let mut gates = BTreeMap::new();
    for event in events.into_iter().flatten() {
        if let Event::Judged { gate } = event {
            gates.insert((gate.step.clone(), gate.text.clone()), gate);
        }
    }
    gates.into_values().filter(JudgedGate::fails).collect()
}

/// No operation of this state has this name.
pub(crate) fn unknown(name: &str, workspace: &Workspace) -> Problem {
    Problem::new(Exit::Usage, "E1014", "there is no such operation")
        .detail(format!("`{name}` is not in the journal"))
        .help(format!(
            "`{} log{}` lists them",
            ending::program(),
            workspace.option()
        ))
}
