//! A plan for people: one line a change, with its reason, and what to do next.

use mlinfra_api::{Address, Value};
use mlinfra_plan::{Change, ChangeKind, Plan, Reason};

use super::Screen;
use super::layout::{cut, padded, wrapped};
use super::theme::Ink;

/// The columns that names take, at least and at most.
const NAME_COLUMNS_MIN: usize = 24;
const NAME_COLUMNS_MAX: usize = 40;
/// No value is shown longer.
const VALUE_COLUMNS_MAX: usize = 32;
/// No change is shown with more reasons; the JSON has all.
const REASONS_MAX: usize = 4;

/// Where a plan leads.
#[derive(Clone, Debug)]
pub(crate) struct Heading {
    /// `credit · local`
    pub(crate) name: String,
    /// `state 17`, or that there is none yet.
    pub(crate) state: String,
    /// What there is to say of the operation that is under way.
    pub(crate) live: Option<String>,
    /// What to type to carry it out.
    pub(crate) next: Option<String>,
}

/// The plan as text.
pub(crate) fn plan(plan: &Plan, heading: &Heading, screen: &Screen) -> String {
    let gap = screen.width.saturating_sub(heading.name.chars().count());
    let mut out = format!("{}{:>gap$}\n\n", heading.name, heading.state);
    let width = name_columns(plan);
    for change in &plan.changes {
        out += &one(change, width, heading, screen);
    }
    if !plan.kept.is_empty() && !plan.changes.is_empty() {
        let names: Vec<String> = plan.kept.iter().map(Address::to_string).collect();
        let text = format!("{}   same key, same bytes", names.join(", "));
        out += &wrapped(&text, screen.width, "    kept: ", "          ");
    }
    if !plan.changes.is_empty() {
        out.push('\n');
    }
    out += &format!("  {}\n", counts(plan));
    for notice in &plan.notices {
        out += &wrapped(notice, screen.width, "  note: ", "        ");
    }
    if let Some(next) = heading.next.as_ref().filter(|_| !plan.is_empty()) {
        out += &format!("\n  {next}\n");
    }
    out
}

fn name_columns(plan: &Plan) -> usize {
    let lengths = plan
        .changes
        .iter()
        .map(|change| change.address.to_string().chars().count());
    let longest = lengths.max().unwrap_or(0);
    longest.clamp(NAME_COLUMNS_MIN, NAME_COLUMNS_MAX)
}

fn one(change: &Change, width: usize, heading: &Heading, screen: &Screen) -> String {
    let ink = match change.kind {
        ChangeKind::Create => Ink::Good,
        ChangeKind::Update => Ink::Warn,
        ChangeKind::CreateThenDelete | ChangeKind::DeleteThenCreate | ChangeKind::Delete => {
            Ink::Bad
        }
        ChangeKind::Run => Ink::Live,
        ChangeKind::Reuse => Ink::Faint,
    };
    let sign = screen.sign(change.kind.symbol());
    let name = padded(&change.address.to_string(), width);
    let first = format!("  {} {name}   ", screen.theme.paint(ink, sign));
    let rest = " ".repeat(width + 7);
    let mut lines = said(change, heading, screen);
    let mut out = wrapped(&lines.remove(0), screen.width, &first, &rest);
    for line in lines {
        out += &wrapped(&line, screen.width, "      ", "        ");
    }
    out
}

/// What is said of a change: what it will be where it is new, otherwise why it happens.
fn said(change: &Change, heading: &Heading, screen: &Screen) -> Vec<String> {
    let plain = |reason: &Reason| matches!(reason, Reason::New | Reason::Destroyed);
    let is_new = change.reasons.iter().all(plain);
    let mut lines = Vec::new();
    if is_new {
        lines.push(change.summary.clone());
    } else {
        let reasons: Vec<String> = change
            .reasons
            .iter()
            .filter(|r| **r != Reason::New)
            .map(|r| said_of(r, heading, screen))
            .collect();
        let more = reasons.len().saturating_sub(REASONS_MAX);
        let mut text = reasons[..reasons.len() - more].join("; ");
        if more > 0 {
            text += &format!("; and {more} more");
        }
        if change.kind == ChangeKind::Reuse {
            text = change.summary.clone();
        }
        lines.push(text);
    }
    if is_new && change.kind != ChangeKind::Delete {
        lines.extend(change.details.iter().cloned());
    }
    lines
}

fn said_of(reason: &Reason, heading: &Heading, screen: &Screen) -> String {
    match reason {
        Reason::New => "new".to_owned(),
        Reason::Changed {
            property,
            before,
            after,
            replaces,
        } => {
            let arrow = screen.sign("→");
            let name = property.strip_prefix("settings.").unwrap_or(property);
            let change = match (before, after) {
                (Some(before), Some(after)) => {
                    format!("{name} {} {arrow} {}", short(before), short(after))
                }
                (None, Some(after)) => format!("{name} = {}", short(after)),
                (Some(before), None) => format!("{name} is no longer {}", short(before)),
                (None, None) => format!("{name} changes"),
            };
            match replaces {
                true => format!("{change} (needs a new one)"),
                false => change,
            }
        }
        Reason::Follows { address } => format!("follows {address}"),
        Reason::Drift { reason } => reason.clone(),
        Reason::Removed => "no longer in the spec".to_owned(),
        Reason::Destroyed => "destroyed".to_owned(),
        // Whoever is at work now has taken up what an earlier operation left.
        Reason::Interrupted { operation } => match &heading.live {
            Some(text) => text.clone(),
            None => format!("{operation} was interrupted in it"),
        },
        Reason::NeededBy { address } => {
            format!("its result is gone, and {address} needs it")
        }
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        // A digest says nothing to people beyond that it is another one.
        Value::String(text) if is_digest(text) => text[..8].to_owned(),
        other => other.to_string(),
    };
    cut(&text, VALUE_COLUMNS_MAX)
}

/// Whether a text is a SHA-256 in hex.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `3 to create, 2 to run`, or that there is nothing to do.
pub(crate) fn counts(plan: &Plan) -> String {
    if plan.is_empty() && plan.changes.is_empty() {
        return match plan.is_blocked() {
            true => "nothing can be planned until the findings are mended".to_owned(),
            false => "no changes: the world is as the spec says".to_owned(),
        };
    }
    let counts = plan.counts();
    let of = |kinds: &[ChangeKind]| {
        kinds
            .iter()
            .filter_map(|kind| counts.get(kind))
            .sum::<usize>()
    };
    let parts = [
        (of(&[ChangeKind::Create]), "to create"),
        (of(&[ChangeKind::Run]), "to run"),
        (of(&[ChangeKind::Update]), "to change"),
        (
            of(&[ChangeKind::CreateThenDelete, ChangeKind::DeleteThenCreate]),
            "to replace",
        ),
        (of(&[ChangeKind::Reuse]), "to take from an earlier run (=)"),
        (of(&[ChangeKind::Delete]), "to destroy"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    parts.join(", ")
}
