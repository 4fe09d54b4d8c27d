//! `mlinfra show`: what exists, and how it is.

use std::collections::BTreeMap;

use clap::Args;
use mlinfra_api::{Observation, Provider, ResourceState};
use mlinfra_check::ResultFlow;
use mlinfra_runtime_spec::AgentHealth;
use mlinfra_state::Store;
use serde_json::json;

use crate::arguments::{Global, SpecOption};
use crate::flow::{Journey, journeys};
use crate::judged;
use crate::names;
use crate::problem::{Exit, Problem, Stop};
use crate::session::{self, Session};
use crate::view::state::{self as view, Seen};
use crate::view::{Screen, flow as flow_view, json};
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra show                     everything, a line each
  mlinfra show endpoint.score      one thing: how it is, and its outputs
  mlinfra show score               short names do where they are clear
  mlinfra show --flow              where each column of the data goes
  mlinfra show --flow age          where one goes";

/// The words of `show`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// An address such as `storage.lake`, or its short name; with `--flow`, a column
    address: Option<String>,
    /// Show where each column of the data goes, by the spec: nothing needs to be applied
    #[arg(long)]
    flow: bool,
    #[command(flatten)]
    spec: SpecOption,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows the state beside the world. A state that fails its check is shown too, with what is wrong.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let (spec, asked) = arguments.spec.or(arguments.address.as_deref());
    if arguments.flow {
        let workspace = Workspace::find(&spec, global)?;
        return flow(&workspace, asked, screen);
    }
    let workspace = Workspace::find_state(&spec, global)?;
    let folder = workspace.state_folder();
    if !Store::exists(&folder) {
        return Err(session::nothing_applied(&workspace).into());
    }
    let session = Session::open_unchecked(&workspace)?;
    let faults = session.store.faults().to_vec();
    let snapshot = session.store.snapshot();
    let health = session.local.agent_health();
    let states: Vec<&ResourceState> = match asked {
        Some(name) => {
            vec![names::resource(snapshot, name).map_err(|problem| problem.at(&workspace))?]
        }
        None => snapshot.resources.values().collect(),
    };
    let seen: Vec<Seen<'_>> = states
        .iter()
        .map(|state| see(state, &session, health.as_ref()))
        .collect();
    let seen = with_gates(seen, &workspace, &session);
    if screen.json {
        let resources: Vec<_> = seen.iter().map(as_json).collect();
        let body = json!({
            "lineage": snapshot.lineage,
            "serial": snapshot.serial,
            "faults": faults.iter().map(|f| json!({"code": f.code, "message": f.message}))
                .collect::<Vec<_>>(),
            "agent": health.as_ref().map(|health| json!({
                "process": health.process, "version": health.version, "keepers": health.keepers,
            })),
            "resources": resources,
        });
        screen.print_json(&json::envelope("show", body));
    } else {
        print(asked.is_some(), &session, &seen, health.as_ref(), screen);
    }
    for fault in &faults {
        screen.warn(&format!("error[{}]: {}\n", fault.code, fault.message));
    }
    Ok(if faults.is_empty() {
        Exit::Done
    } else {
        Exit::NotStarted
    })
}

/// Shows where the columns go, or one of them: also under the names that it is given on its way.
fn flow(workspace: &Workspace, column: Option<&str>, screen: &Screen) -> Result<Exit, Stop> {
    let sound = workspace.sound("show", screen)?;
    let mut journeys = journeys(&sound.program);
    // What is made of all columns together says nothing of one.
    let all = sound.program.results.iter().filter(|_| column.is_none());
    let results: Vec<&ResultFlow> = all.collect();
    if let Some(column) = column {
        let is_asked = |journey: &Journey| {
            journey.column == column || journey.sources.iter().any(|source| source == column)
        };
        journeys.retain(is_asked);
        if journeys.is_empty() {
            let title = "no table of this spec has that column";
            return Err(Problem::new(Exit::Usage, "E1025", title)
                .detail(format!(
                    "`{column}` is declared by no dataset and made by no step"
                ))
                .help(format!(
                    "see all: `mlinfra show --flow{}`",
                    workspace.option()
                ))
                .into());
        }
    }
    if screen.json {
        let columns: Vec<_> = journeys.iter().map(journey_as_json).collect();
        let results: Vec<_> = results.iter().map(|one| result_as_json(one)).collect();
        let all = json!({ "columns": columns, "results": results });
        screen.print_json(&json::envelope("show", all));
    } else {
        screen.print(&flow_view::table(&journeys, screen));
        screen.print(&flow_view::results(&results, screen));
    }
    Ok(Exit::Done)
}

fn result_as_json(result: &ResultFlow) -> serde_json::Value {
    json!({
        "at": result.block.to_string(),
        "what": result.what,
        "classes": result.classes,
    })
}

fn journey_as_json(journey: &Journey) -> serde_json::Value {
    let events = journey.events.iter().map(
        |event| json!({ "kind": event.kind, "at": event.place.to_string(), "text": event.text }),
    );
    json!({
        "column": journey.column,
        "first": journey.from.to_string(),
        "classes": journey.classes,
        "sources": journey.sources,
        "events": events.collect::<Vec<_>>(),
    })
}

fn print(
    is_one: bool,
    session: &Session,
    seen: &[Seen<'_>],
    health: Option<&AgentHealth>,
    screen: &Screen,
) {
    if is_one {
        seen.iter()
            .for_each(|one| screen.print(&view::one(one, screen)));
        return;
    }
    let snapshot = session.store.snapshot();
    let agent = match health {
        Some(health) => format!(
            "running, process {}, version {}",
            health.process, health.version
        ),
        None => "not running: nothing restarts an endpoint that ends; apply starts it".to_owned(),
    };
    let rows = [
        (
            "project".to_owned(),
            session.store.replayed().project.clone(),
        ),
        (
            "state".to_owned(),
            format!("{}, lineage {}", snapshot.serial, snapshot.lineage),
        ),
        ("agent".to_owned(), agent),
    ];
    screen.print(&view::table(&rows, screen));
    screen.print("\n");
    screen.print(&view::list(seen, screen));
    if seen.is_empty() {
        screen.print("  nothing exists\n");
    }
    screen.print(&view::unmade(session.store.operations(), snapshot, screen));
    for (address, call) in &snapshot.open {
        let verb = format!("{:?}", call.verb).to_lowercase();
        screen.print(&format!(
            "  open     {address}  {verb} begun by {}\n",
            call.operation
        ));
    }
}

fn see<'a>(state: &'a ResourceState, session: &Session, health: Option<&AgentHealth>) -> Seen<'a> {
    let observation = match session.local.observe(state) {
        Ok(observation) => observation,
        Err(fault) => Observation::Unseen {
            reason: fault.to_string(),
        },
    };
    Seen {
        state,
        observation: Some(observation),
        more: more(state, session, health),
        gates: Vec::new(),
    }
}

/// Adds what the spec requires of each step, judged by what the step reported. A spec that is gone
/// or wrong requires nothing.
fn with_gates<'a>(
    mut seen: Vec<Seen<'a>>,
    workspace: &Workspace,
    session: &Session,
) -> Vec<Seen<'a>> {
    let checked = workspace.check();
    let broken = checked.has_errors();
    for one in seen.iter_mut().filter(|_| !broken) {
        one.gates = judged::gates_of(one.state, &checked.program, session);
    }
    seen
}

/// What there is to say of a resource beyond what was asked for, by the provider's type.
fn more(
    state: &ResourceState,
    session: &Session,
    health: Option<&AgentHealth>,
) -> Vec<(String, String)> {
    let row = |name: &str, text: String| (name.to_owned(), text);
    let mut rows = Vec::new();
    match state.resource.resource_type.as_str() {
        "folder" => {
            if let Some(store) = session.local.store(&state.resource) {
                rows.push(row("folder", store.folder.display().to_string()));
                rows.push(row("covers", covered(store.key_file.is_some())));
            }
        }
        "reservation" => match health {
            Some(health) => {
                let keeper = |(bound, keeper)| row("bound", format!("{bound}: kept by {keeper}"));
                rows.extend(health.keepers.iter().map(keeper));
            }
            None => rows.push(row(
                "bound",
                "not known: the agent is not running".to_owned(),
            )),
        },
        "endpoint" => {
            if health.is_none() {
                let text = "whether one runs is not known: the agent is not running";
                rows.push(row("replicas", text.to_owned()));
            }
            for unit in session.local.unit_statuses(state).unwrap_or_default() {
                let phase = format!("{:?}", unit.phase).to_lowercase();
                let process = unit
                    .process
                    .map_or(String::new(), |p| format!(", process {p}"));
                let started = format!(", started {} times", unit.attempt);
                let started = if unit.attempt > 1 {
                    started
                } else {
                    String::new()
                };
                rows.push(row("replica", format!("{phase}{process}{started}")));
                rows.extend(unit.release.map(|key| row("release", key)));
                rows.extend(drift(&unit.figures).map(|drift| row("drift", drift)));
                rows.extend(unit.problem.map(|problem| row("problem", problem)));
            }
        }
        "agent" => {
            if let Some(health) = health {
                let text = format!("{}, version {}", health.process, health.version);
                rows.push(row("process", text));
            }
        }
        _ => {}
    }
    rows
}

/// How far the last hour's requests are from training, the farthest column first: `age 0.21`.
fn drift(figures: &BTreeMap<String, f64>) -> Option<String> {
    let column = |(name, index): (&String, &f64)| {
        let column = name.strip_prefix("drift(")?.strip_suffix(')')?;
        Some((column.to_owned(), *index))
    };
    let mut columns: Vec<(String, f64)> = figures.iter().filter_map(column).collect();
    columns.sort_by(|one, other| other.1.total_cmp(&one.1));
    let texts = columns
        .iter()
        .map(|(column, index)| format!("{column} {index:.2}"));
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// Which threat the encryption of a store covers, and which it does not.
fn covered(sealed: bool) -> String {
    match sealed {
        true => "objects are sealed (AES-256-GCM): whoever gets the folder, the disk or a backup \
                 of it without the key reads nothing and changes nothing unnoticed. Not covered: \
                 whoever acts as this user or as root on this machine can read the key."
            .to_owned(),
        false => "objects lie as they are: whoever can read this user's files can read them. \
                  `encryption = customer(KEY)` seals them."
            .to_owned(),
    }
}

fn as_json(seen: &Seen<'_>) -> serde_json::Value {
    let mut out = json::resource(seen.state);
    let (word, reason) = view::condition(seen.observation.as_ref());
    out["is"] = json!(word);
    out["reason"] = json!(reason);
    let gate = |one: &judged::Explained| {
        let mut out = json::gate(&one.gate);
        out["details"] = json!(one.details);
        out
    };
    out["gates"] = seen.gates.iter().map(gate).collect();
    out["more"] = seen
        .more
        .iter()
        .map(|(name, text)| json!([name, text]))
        .collect();
    out
}
