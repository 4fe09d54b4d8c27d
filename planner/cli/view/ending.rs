//! How an operation ended, and what to do with what it made.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, ResourceState, Snapshot, Value};
use mlinfra_apply::{BlockReason, Summary};
use mlinfra_check::Output;
use serde_json::json;

use super::Screen;
use super::json as as_json_of;
use super::layout::{padded, wrapped};
use super::theme::Ink;
use crate::judged::Explained;
use crate::names;

/// The body of a request is broken into lines of this length.
const BODY_COLUMNS: usize = 68;

/// The columns that a name takes, as while it went on.
const NAME_COLUMNS: usize = 24;

/// An operation's end.
pub(crate) struct Ending<'a> {
    /// `applied`, `destroyed`.
    pub(crate) word: &'static str,
    /// What was done.
    pub(crate) summary: &'a Summary,
    /// How long it took.
    pub(crate) seconds: f64,
    /// What exists now.
    pub(crate) snapshot: &'a Snapshot,
    /// The gates that do not hold.
    pub(crate) failing: Vec<Explained>,
    /// The outputs that the spec declares.
    pub(crate) outputs: Option<&'a BTreeMap<String, Output>>,
    /// The bodies of requests to try what is served with, by address.
    pub(crate) examples: BTreeMap<Address, String>,
    /// The page that shows what was judged.
    pub(crate) page: Option<String>,
    /// What makes commands mean this spec: ` --spec examples/credit`.
    pub(crate) option: String,
}

/// This program as it was called, so that a printed command works where it is printed.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let called = called.to_string_lossy();
    match called.contains('/') {
        true => quoted(&called),
        false => "mlinfra".to_owned(),
    }
}

/// The text as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// The last lines for people.
pub(crate) fn text(ending: &Ending<'_>, screen: &Screen) -> String {
    let summary = ending.summary;
    let mut out = String::new();
    if summary.is_ok() && summary.left.is_empty() {
        let sign = screen.theme.paint(Ink::Good, screen.sign("✔"));
        out += &format!("{sign} {} in {:.1} s\n", ending.word, ending.seconds);
        if ending.word == "destroyed" {
            out += "\n  what you wrote stays, and so do the log and the reports in `.mlinfra/`\n";
        }
        let rows = rows(ending);
        if !rows.is_empty() {
            out.push('\n');
            out += &rows;
        }
        return out;
    }
    let (by_gate, others) = by_gate(summary.blocked.clone());
    let failing = &ending.failing;
    out += &gates(failing, &held(summary, &by_gate), ending.snapshot, screen);
    let mut parts = Vec::new();
    match failing.len() {
        0 => {}
        1 => parts.push("1 gate does not hold".to_owned()),
        count => parts.push(format!("{count} gates do not hold")),
    }
    for (count, word) in [
        (summary.done.len(), "done"),
        (summary.failed.len(), "failed"),
        (others.len(), "blocked"),
        (summary.left.len(), "still under way"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    if summary.interrupted {
        parts.push("interrupted".to_owned());
    }
    let rest = match &summary.operation {
        Some(_) => "nothing was undone",
        None => "nothing was done",
    };
    out += &format!("{}; {rest}\n", parts.join(", "));
    let (program, option) = (program(), &ending.option);
    let only_gates = summary.failed.is_empty() && others.is_empty() && !summary.interrupted;
    let next = match (&summary.operation, failing.first()) {
        (Some(operation), _) if !summary.left.is_empty() => {
            Some(format!("{program} attach {operation}{option}"))
        }
        (_, Some(one)) if only_gates => Some(format!("{program} show {}{option}", one.gate.step)),
        (Some(operation), _) => Some(format!("{program} log {operation}{option}")),
        (None, _) => None,
    };
    let page = page(ending);
    if !page.is_empty() {
        out += &format!("\n{page}");
    }
    if let Some(next) = next {
        out += &format!("\n  {next}\n");
    }
    out
}

/// Where the report lies, if one was written.
fn page(ending: &Ending<'_>) -> String {
    let page = ending.page.as_ref();
    page.map_or_else(String::new, |page| {
        format!("  {}  {page}\n", padded("report", 6))
    })
}

/// What was not begun because of a gate, each with the step that was judged.
type Gated = Vec<(Address, Address)>;

/// What was not begun because of a gate, and the rest.
pub(crate) fn by_gate(
    blocked: Vec<(Address, BlockReason)>,
) -> (Gated, Vec<(Address, BlockReason)>) {
    let mut gated = Gated::new();
    let mut others = Vec::new();
    // Whatever waits for something is told after it.
    for (address, reason) in blocked {
        let step = match &reason {
            BlockReason::Gate { address, .. } => Some(address.clone()),
            BlockReason::Upstream { address } => {
                let above = gated.iter().find(|(one, _)| one == address);
                above.map(|(_, step)| step.clone())
            }
            _ => None,
        };
        match step {
            Some(step) => gated.push((address, step)),
            None => others.push((address, reason)),
        }
    }
    (gated, others)
}

/// All that gates keep from being made, known beforehand or found while it went on.
fn held(summary: &Summary, by_gate: &[(Address, Address)]) -> BTreeMap<Address, Address> {
    let all = summary.held.iter().chain(by_gate);
    all.cloned().collect()
}

/// A gate that does not hold: its figures and bounds, then groups and intervals, a line each.
pub(crate) fn gate_lines(
    Explained { gate, details }: &Explained,
    indent: &str,
    name_columns: usize,
    screen: &Screen,
) -> String {
    let mut text = gate.sentence();
    details.iter().for_each(|line| text += &format!("\n{line}"));
    let sign = screen.theme.paint(Ink::Bad, screen.sign("✖"));
    let name = padded(&gate.step.to_string(), name_columns);
    let rest = " ".repeat(indent.len() + name_columns + 3);
    wrapped(
        &text,
        screen.width,
        &format!("{indent}{sign} {name} "),
        &rest,
    )
}

/// The gates that do not hold, with their figures, and what stays because of them.
fn gates(
    failing: &[Explained],
    held: &BTreeMap<Address, Address>,
    snapshot: &Snapshot,
    screen: &Screen,
) -> String {
    let rest = " ".repeat(NAME_COLUMNS + 3);
    let gates = failing.iter();
    let mut out: String = gates
        .map(|gate| gate_lines(gate, "", NAME_COLUMNS, screen))
        .collect();
    let mut line = |ink: Ink, sign: &str, address: &Address, text: &str| {
        let name = padded(&address.to_string(), NAME_COLUMNS);
        let first = format!("{} {name} ", screen.theme.paint(ink, sign));
        out += &wrapped(text, screen.width, &first, &rest);
    };
    // Nothing is held where the bound alone is new: what is served was released before.
    let served = failing
        .iter()
        .flat_map(|one| served_from(&one.gate.step, snapshot));
    for address in served.collect::<BTreeSet<_>>() {
        if !held.contains_key(address) {
            line(Ink::Warn, "!", address, "stays as it is");
        }
    }
    for (address, step) in held {
        // A result stays for ever, under its own key; what would be made now is another one.
        let stands = snapshot.resources.get(address);
        let how = match stands.is_some_and(|state| state.resource.identity.is_none()) {
            true => "stays as it is",
            false => "not made",
        };
        let text = format!("{how}: blocked by {step}");
        line(Ink::Warn, "!", address, &text);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// What is served and stands on a step, as far as the state knows.
fn served_from<'s>(step: &Address, snapshot: &'s Snapshot) -> Vec<&'s Address> {
    let mut standing = BTreeSet::from([step]);
    loop {
        let before = standing.len();
        for (address, state) in &snapshot.resources {
            if state
                .resource
                .depends_on
                .iter()
                .any(|one| standing.contains(one))
            {
                standing.insert(address);
            }
        }
        if standing.len() == before {
            break;
        }
    }
    let is_served = |state: &&ResourceState| {
        standing.contains(&state.resource.address) && state.outputs.contains_key("url")
    };
    let served = snapshot.resources.values().filter(is_served);
    served.map(|state| &state.resource.address).collect()
}

/// The declared outputs, and how to try what is served.
fn rows(ending: &Ending<'_>) -> String {
    let mut out = String::new();
    let declared = ending.outputs.into_iter().flatten();
    for (name, output) in declared {
        let value = mlinfra_plan::resolve(&output.value, ending.snapshot);
        let shown = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        out += &format!("  {}  {shown}\n", padded(name, 6));
    }
    out += &page(ending);
    for state in ending.snapshot.resources.values() {
        let name = short_name(state, ending.snapshot);
        let example = ending.examples.get(&state.resource.address);
        if let Some(line) = try_line(state, &name, example, &ending.option) {
            out += &line;
        }
    }
    out
}

/// A `curl` line that works as it is printed, where this was printed, and shows no key.
fn try_line(
    state: &ResourceState,
    name: &str,
    example: Option<&String>,
    option: &str,
) -> Option<String> {
    let text = |name: &str| state.outputs.get(name).and_then(Value::as_text);
    let (url, plain) = (text("url")?, text("example")?);
    let example = example.map_or(plain, String::as_str);
    let mut lines = Vec::new();
    let mut first = String::from("curl");
    if let Some(Value::Secret(_)) = state.outputs.get("key") {
        let name = quoted(&format!("{name}.key"));
        let program = program();
        let key = format!("{program} output --reveal {name}{option}");
        first += &format!(" -H \"Authorization: Bearer $({key})\"");
    }
    lines.push(first);
    lines.push(format!("{url}/predict"));
    lines.push(body(example));
    let rest = " \\\n            ";
    Some(format!("  {}  {}\n", padded("try", 6), lines.join(rest)))
}

/// The name by which `mlinfra output` knows a resource: the last part where that is clear.
fn short_name(state: &ResourceState, snapshot: &Snapshot) -> String {
    let address = &state.resource.address;
    let name = address.leaf.to_string();
    match names::matching(snapshot, &name).len() {
        1 => name,
        _ => address.to_string(),
    }
}

/// The body as one word of a shell, broken before its names: JSON does not mind, and inside a text
/// a quote is never bare.
fn body(example: &str) -> String {
    let text = example.replace('\'', "'\\''");
    let mut out = String::from("-d '");
    let mut line = out.len();
    for (index, piece) in text.split(", \"").enumerate() {
        let piece = match index {
            0 => piece.to_owned(),
            _ => format!("\"{piece}"),
        };
        if index > 0 {
            out.push(',');
            let is_long = line + piece.len() + 2 > BODY_COLUMNS;
            out += if is_long { "\n                " } else { " " };
            line = if is_long { 4 } else { line + 2 };
        }
        line += piece.len();
        out += &piece;
    }
    out + "'"
}

/// The result for scripts.
pub(crate) fn as_json(ending: &Ending<'_>) -> serde_json::Value {
    let summary = ending.summary;
    let outputs = ending.outputs.into_iter().flatten().map(|(name, output)| {
        let value = mlinfra_plan::resolve(&output.value, ending.snapshot);
        (name.clone(), as_json_of::value(&value))
    });
    let failed: Vec<_> = summary
        .failed
        .iter()
        .map(|(a, fault)| json!([a, fault]))
        .collect();
    let blocked: Vec<_> = summary
        .blocked
        .iter()
        .map(|(a, why)| json!([a, why]))
        .collect();
    let body = json!({
        "operation": summary.operation,
        "ok": summary.is_ok(),
        "done": summary.done,
        "failed": failed,
        "blocked": blocked,
        "gates": summary.gates.iter().map(as_json_of::gate).collect::<Vec<_>>(),
        "held": held(summary, &by_gate(summary.blocked.clone()).0),
        "left": summary.left,
        "interrupted": summary.interrupted,
        "serial": ending.snapshot.serial,
        "report": ending.page,
        "outputs": outputs.collect::<serde_json::Map<_, _>>(),
    });
    let command = if ending.word == "applied" {
        "apply"
    } else {
        "destroy"
    };
    as_json_of::envelope(command, json!({ "summary": body }))
}

/// What is said above the plan, where nothing had to be done.
pub(crate) fn no_changes(notices: &[String], settled: bool, screen: &Screen) -> String {
    let sign = screen.theme.paint(Ink::Good, screen.sign("✔"));
    let mut out = match settled {
        true => format!("{sign} no changes left: what was interrupted is settled\n"),
        false => format!("{sign} no changes: the world is as the spec says\n"),
    };
    for notice in notices {
        out += &wrapped(notice, screen.width, "  note: ", "        ");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_broken_outside_its_texts() {
        let names: Vec<String> = (0..20).map(|n| format!("\"it's, {n}\": {n}")).collect();
        let body = body(&format!("{{{}}}", names.join(", ")));
        let inside = body
            .strip_prefix("-d '")
            .and_then(|text| text.strip_suffix('\''));
        let json = inside.expect("it is quoted").replace("'\\''", "'");
        let parsed: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        assert_eq!(parsed["it's, 7"], 7);
        assert!(body.lines().all(|line| line.len() < 90) && body.lines().count() > 3);
    }

    #[test]
    fn quotes_for_a_shell() {
        assert_eq!(quoted("endpoint.score.key"), "endpoint.score.key");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("e[\"x\"].key"), "'e[\"x\"].key'");
    }
}
