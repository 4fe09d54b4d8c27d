//! What exists and what was done, for people: resources, outputs, operations.

use std::collections::BTreeMap;

use mlinfra_api::{Observation, ResourceState, Snapshot, Value};
use mlinfra_plan::JudgedGate;
use mlinfra_state::{
    ActionState, ActionSummary, OperationEvent, OperationRecord, OperationState, Store,
};

use super::Screen;
use super::layout::{counted, cut, padded, wrapped};
use super::progress::told;
use super::theme::Ink;
use crate::judged::Explained;

const NAME_COLUMNS_MAX: usize = 32;

/// One resource and how it is now.
#[derive(Clone, Debug)]
pub(crate) struct Seen<'a> {
    /// As recorded.
    pub(crate) state: &'a ResourceState,
    /// As it is now.
    pub(crate) observation: Option<Observation>,
    /// What else there is to say, by name.
    pub(crate) more: Vec<(String, String)>,
    /// What the spec requires of it, judged by what it reported.
    pub(crate) gates: Vec<Explained>,
}

/// How a resource is, in a word, and why.
pub(crate) fn condition(observation: Option<&Observation>) -> (&'static str, Option<&str>) {
    match observation {
        None => ("recorded", None),
        Some(Observation::Present { .. }) => ("well", None),
        Some(Observation::Unwell { reason }) => ("unwell", Some(reason)),
        Some(Observation::Absent) => ("absent", None),
        Some(Observation::Unseen { reason }) => ("unseen", Some(reason)),
    }
}

fn ink_of(word: &str) -> Ink {
    match word {
        "well" => Ink::Good,
        "unwell" | "absent" => Ink::Bad,
        _ => Ink::Faint,
    }
}

/// All resources, a line each.
pub(crate) fn list(seen: &[Seen<'_>], screen: &Screen) -> String {
    let names = seen
        .iter()
        .map(|one| one.state.resource.address.to_string().chars().count());
    let width = names.max().unwrap_or(0).clamp(16, NAME_COLUMNS_MAX);
    let mut out = String::new();
    for one in seen {
        let resource = &one.state.resource;
        let (word, reason) = condition(one.observation.as_ref());
        let word = screen.theme.paint(ink_of(word), &padded(word, 8));
        let first = format!(
            "  {word} {}  ",
            padded(&resource.address.to_string(), width)
        );
        let rest = " ".repeat(width + 13);
        let mut text = reason.unwrap_or(&resource.summary).to_owned();
        let figures = told(&one.state.outputs);
        if reason.is_none() && !figures.is_empty() {
            text += &format!("   {figures}");
        }
        for one in one.gates.iter().filter(|one| one.gate.fails()) {
            let sign = screen.theme.paint(Ink::Bad, screen.sign("✖"));
            text += &format!("\n{sign} {}", one.gate.sentence());
        }
        out += &wrapped(&text, screen.width, &first, &rest);
    }
    out
}

/// What the newest operation was to make and did not, a line each.
pub(crate) fn unmade(
    operations: &[OperationRecord],
    snapshot: &Snapshot,
    screen: &Screen,
) -> String {
    let actions = operations.last().map(|last| &last.actions);
    let actions: Vec<_> = actions.into_iter().flat_map(BTreeMap::values).collect();
    let mut out = String::new();
    let mut line = |word: &str, text: &str| {
        let first = format!("  {} ", screen.theme.paint(Ink::Bad, &padded(word, 8)));
        out += &wrapped(text, screen.width, &first, "           ");
    };
    for action in &actions {
        if matches!(action.state, ActionState::Failed | ActionState::Stuck) {
            let note = action.note.as_deref().unwrap_or_default();
            line("failed", &format!("{}  {note}", action.address));
        }
    }
    let is_missing = |action: &&&ActionSummary| {
        action.state == ActionState::Blocked && !snapshot.resources.contains_key(&action.address)
    };
    let missing = actions.iter().filter(is_missing);
    let missing: Vec<String> = missing.map(|action| action.address.to_string()).collect();
    if !missing.is_empty() {
        line("missing", &missing.join(", "));
    }
    out
}

/// One resource with everything about it.
pub(crate) fn one(seen: &Seen<'_>, screen: &Screen) -> String {
    let resource = &seen.state.resource;
    let (word, reason) = condition(seen.observation.as_ref());
    let address = screen
        .theme
        .paint(Ink::Strong, &resource.address.to_string());
    let mut out = wrapped(
        &format!("{address}   {}", resource.summary),
        screen.width,
        "",
        "  ",
    );
    let is = match reason {
        Some(reason) => format!("{word}: {reason}"),
        None => word.to_owned(),
    };
    let mut rows = vec![("is".to_owned(), is)];
    if let Some(key) = &resource.identity {
        rows.push(("recipe".to_owned(), key.clone()));
    }
    rows.extend(seen.more.iter().cloned());
    rows.extend(seen.gates.iter().map(gate_row));
    out += &table(&rows, screen);
    let section = |title: &str, entries: &BTreeMap<String, Value>| {
        let rows: Vec<_> = entries
            .iter()
            .filter(|(name, _)| !HIDDEN.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), shown(value)))
            .filter(|(_, text)| !text.is_empty() && text != "[]")
            .collect();
        match rows.is_empty() {
            true => String::new(),
            false => format!("\n{title}\n{}", table(&rows, screen)),
        }
    };
    out += &section("asked for", &resource.properties);
    out += &section("outputs", &seen.state.outputs);
    if !resource.depends_on.is_empty() {
        let names: Vec<String> = resource
            .depends_on
            .iter()
            .map(ToString::to_string)
            .collect();
        out += "\nmade after\n";
        out += &wrapped(&names.join(", "), screen.width, "  ", "  ");
    }
    out
}

/// How a gate stands, and what is known of its figures.
fn gate_row(Explained { gate, details }: &Explained) -> (String, String) {
    let word = match gate.fails() {
        true => "does not hold",
        false => "holds",
    };
    let mut text = format!("{word}: {}", gate.sentence());
    details.iter().for_each(|line| text += &format!("\n{line}"));
    ("gate".to_owned(), text)
}

/// Properties that say nothing to people beyond what stands elsewhere.
const HIDDEN: &[&str] = &["tables", "bounds", "serving"];
/// No value is shown longer; the JSON has all of it.
const VALUE_LETTERS_MAX: usize = 600;

fn shown(value: &Value) -> String {
    cut(&brief(value).replace('\n', " "), VALUE_LETTERS_MAX)
}

/// A value in few words: what is made elsewhere is named by its address, digests are cut.
fn brief(value: &Value) -> String {
    match value {
        Value::String(text) if super::plan::is_digest(text) => format!("{}…", &text[..12]),
        Value::String(text) => text.clone(),
        Value::Record(entries) => match entries.get("address") {
            Some(Value::String(address)) => match entries.get("part") {
                Some(Value::String(part)) => format!("{address}.{part}"),
                _ => address.clone(),
            },
            _ => {
                let entry = |(name, value): (&String, &Value)| format!("{name} {}", brief(value));
                entries.iter().map(entry).collect::<Vec<_>>().join(", ")
            }
        },
        other => other.to_string(),
    }
}

/// Names and texts in two columns.
pub(crate) fn table(rows: &[(String, String)], screen: &Screen) -> String {
    let names = rows.iter().map(|(name, _)| name.chars().count());
    let width = names.max().unwrap_or(0).clamp(8, NAME_COLUMNS_MAX);
    let rest = " ".repeat(width + 4);
    let line = |(name, text): &(String, String)| {
        wrapped(
            text,
            screen.width,
            &format!("  {}  ", padded(name, width)),
            &rest,
        )
    };
    rows.iter().map(line).collect()
}

/// Operations, newest first, a line each.
pub(crate) fn operations(
    operations: &[OperationRecord],
    gates: &dyn Fn(&OperationRecord) -> Vec<JudgedGate>,
    screen: &Screen,
) -> String {
    let mut out = String::new();
    for operation in operations.iter().rev() {
        let (word, ink) = ended(operation, &gates(operation));
        let goal = format!("{:?}", operation.goal).to_lowercase();
        let text = format!(
            "{}  {}  {} by {}: {}",
            padded(&operation.name(), 6),
            operation.started,
            goal,
            operation.who,
            screen.theme.paint(ink, &word),
        );
        out += &wrapped(&text, screen.width, "", "        ");
    }
    out
}

/// What one operation came to, in a line.
pub(crate) fn operation_line(
    store: &Store,
    number: u64,
    failing: &[JudgedGate],
    screen: &Screen,
) -> String {
    let found = store
        .operations()
        .iter()
        .find(|operation| operation.number == number);
    let line = found.map(|operation| {
        let (word, ink) = ended(operation, failing);
        format!("{}: {}\n", operation.name(), screen.theme.paint(ink, &word))
    });
    line.unwrap_or_default()
}

/// One operation with the gates that did not hold in it, and its actions.
pub(crate) fn operation(
    operation: &OperationRecord,
    failing: &[JudgedGate],
    screen: &Screen,
) -> String {
    let (word, _) = ended(operation, failing);
    let mut rows = vec![
        ("command".to_owned(), operation.command.clone()),
        ("by".to_owned(), operation.who.clone()),
        ("began".to_owned(), operation.started.clone()),
    ];
    if let Some(ended) = &operation.ended {
        rows.push(("ended".to_owned(), ended.clone()));
    }
    rows.push(("came to".to_owned(), word));
    rows.extend(failing.iter().map(|gate| {
        let sign = screen.theme.paint(Ink::Bad, screen.sign("✖"));
        let text = format!("{sign} {}: {}", gate.step, gate.sentence());
        ("gate".to_owned(), text)
    }));
    let mut out = format!("{}\n{}", operation.name(), table(&rows, screen));
    if !operation.actions.is_empty() {
        out.push('\n');
    }
    for action in operation.actions.values() {
        let verb = action
            .verb
            .map_or(String::new(), |verb| format!("{verb:?}").to_lowercase());
        let ink = match action.state {
            ActionState::Done => Ink::Good,
            ActionState::Failed | ActionState::Stuck => Ink::Bad,
            _ => Ink::Faint,
        };
        let word = screen.theme.paint(ink, &padded(action.state.word(), 9));
        let note = action.note.as_deref().unwrap_or_default();
        let text = format!("{word}  {} {}  {note}", padded(&verb, 6), action.address);
        out += &wrapped(&text, screen.width, "  ", "                     ");
    }
    out
}

/// What an operation came to; what was done may still not be good enough.
fn ended(operation: &OperationRecord, failing: &[JudgedGate]) -> (String, Ink) {
    match (&operation.state, &operation.outcome) {
        (OperationState::Running, _) => ("running".to_owned(), Ink::Live),
        (OperationState::Waiting, _) => ("accepted work goes on".to_owned(), Ink::Live),
        (OperationState::Interrupted, _) => ("interrupted".to_owned(), Ink::Warn),
        (
            OperationState::Ended,
            Some(OperationEvent::Ended {
                ok,
                failed,
                blocked,
            }),
        ) => {
            let mut parts =
                vec![counted(usize::try_from(*ok).unwrap_or(usize::MAX), "action") + " done"];
            if *failed > 0 {
                parts.push(format!("{failed} failed"));
            }
            if *blocked > 0 {
                parts.push(format!("{blocked} blocked"));
            }
            match failing.len() {
                0 => {}
                1 => parts.push("1 gate does not hold".to_owned()),
                count => parts.push(format!("{count} gates do not hold")),
            }
            let ink = if *failed + *blocked > 0 || !failing.is_empty() {
                Ink::Bad
            } else {
                Ink::Good
            };
            (parts.join(", "), ink)
        }
        (OperationState::Ended, _) => ("ended".to_owned(), Ink::Good),
    }
}
