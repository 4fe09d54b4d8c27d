//! A plan for people: one line a change, with its reason, and what to do next.

use mlinfra_api::{Address, Value, Verdict};
use mlinfra_check::{PolicyFinding, PolicyStatus};
use mlinfra_plan::{
    BudgetStanding, Change, ChangeKind, Cost, CostPart, JudgedGate, Plan, Reason, Standing,
};

use super::Screen;
use super::ending::gate_lines;
use super::layout::{cut, padded, wrapped};
use super::theme::Ink;
use crate::judged::Explained;

/// The columns that names take, at least and at most.
const NAME_COLUMNS_MIN: usize = 24;
const NAME_COLUMNS_MAX: usize = 40;
/// No value is shown longer.
const VALUE_COLUMNS_MAX: usize = 32;
/// What stands beside an amount or a count begins here.
const BUDGET_COLUMN: usize = 33;
/// What stands beside something else is so far away from it at least.
const GAP_COLUMNS: usize = 2;
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
    /// The gates that do not hold.
    pub(crate) failing: Vec<Explained>,
    /// How the policies stand, if there are any.
    pub(crate) checks: Option<String>,
    /// What was given for parameters, and where: `replicas = 2 (--param)`.
    pub(crate) parameters: Vec<String>,
}

/// The plan as text.
pub(crate) fn plan(plan: &Plan, heading: &Heading, screen: &Screen) -> String {
    let gap = screen.width.saturating_sub(heading.name.chars().count());
    let mut out = format!("{}{:>gap$}\n\n", heading.name, heading.state);
    if !heading.parameters.is_empty() {
        let given = heading.parameters.join(", ");
        out += &wrapped(&given, screen.width, "  params  ", "          ");
        out.push('\n');
    }
    let width = name_columns(plan);
    for gate in &heading.failing {
        out += &gate_lines(gate, "  ", width + 2, screen);
    }
    for change in &plan.changes {
        out += &one(change, width, heading, screen);
    }
    if !plan.kept.is_empty() && !plan.changes.is_empty() {
        let names: Vec<String> = plan.kept.iter().map(Address::to_string).collect();
        let text = format!("{}   same key, same bytes", names.join(", "));
        out += &wrapped(&text, screen.width, "    kept: ", "          ");
    }
    if !plan.changes.is_empty() || !heading.failing.is_empty() {
        out.push('\n');
    }
    out += &format!("  {}\n", counts(plan));
    out += &standing(plan, heading.checks.as_deref(), screen);
    for notice in &plan.notices {
        out += &wrapped(notice, screen.width, "  note: ", "        ");
    }
    out
}

/// How gates, cost and checks stand, a line each.
pub(crate) fn standing(plan: &Plan, checks: Option<&str>, screen: &Screen) -> String {
    let mut out = String::new();
    if let Some(line) = gates_line(plan, screen) {
        out += &wrapped(&line, screen.width, "  gates   ", "          ");
    }
    let worth = |cost: &&Cost| !cost.parts.is_empty() || !cost.budgets.is_empty();
    if let Some(cost) = plan.cost.as_ref().filter(worth) {
        out += &cost_lines(cost, screen);
    }
    if let Some(checks) = checks {
        // A command is never broken: it is there to be copied.
        let mut before = "  checks  ";
        for line in checks.lines() {
            out += &format!("{before}{line}\n");
            before = "          ";
        }
    }
    out
}

/// `1 holds · 1 fails · 2 are judged when their step has run`
fn gates_line(plan: &Plan, screen: &Screen) -> Option<String> {
    let count = |is: &dyn Fn(&JudgedGate) -> bool| plan.gates.iter().filter(|g| is(g)).count();
    let word = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {many}")),
    };
    let parts = [
        word(
            count(&|gate| gate.verdict == Verdict::Holds),
            "holds",
            "hold",
        ),
        word(count(&JudgedGate::fails), "does not hold", "do not hold"),
        word(
            count(&|gate| gate.verdict == Verdict::Open),
            "is judged when its step has run",
            "are judged when their step has run",
        ),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let dot = format!(" {} ", screen.sign("·"));
    (!parts.is_empty()).then(|| parts.join(&dot))
}

/// The amount with the budgets, then what it is made of, or why it is nothing.
fn cost_lines(cost: &Cost, screen: &Screen) -> String {
    let budget = |budget: &BudgetStanding| {
        let word = match budget.standing {
            Standing::Proven if budget.idle => screen
                .theme
                .paint(Ink::Warn, "covers nothing that has a price"),
            Standing::Proven => screen.theme.paint(Ink::Good, "proven"),
            Standing::Violated => screen.theme.paint(Ink::Bad, "broken"),
            Standing::Open => screen.theme.paint(Ink::Warn, "open"),
        };
        let (name, limit) = (budget.address.name(), budget.limit_text());
        format!("budget `{name}` {limit}: {word}")
    };
    let is_free = |part: &&CostPart| part.currency.is_none() && part.high.is_some();
    let mut reasons: Vec<&str> = Vec::new();
    for part in cost.parts.iter().filter(is_free) {
        if !reasons.contains(&part.reason.as_str()) {
            reasons.push(&part.reason);
        }
    }
    // Where all of it is free, that is worth its reason.
    let reason = match reasons[..] {
        [one] if cost.parts.iter().all(|part| is_free(&part)) => Some(one),
        _ => None,
    };
    let mut line = cost.amount();
    if let ([], Some(reason)) = (&cost.budgets[..], reason) {
        let text = format!("{line}, {reason}");
        return wrapped(&text, screen.width, "  cost    ", "          ");
    }
    let mut budgets = cost.budgets.iter().map(budget);
    if let Some(first) = budgets.next() {
        line = format!("{}{first}", padded(&line, BUDGET_COLUMN));
    }
    let mut out = format!("  cost    {line}\n");
    for line in budgets {
        out += &format!("          {}{line}\n", padded("", BUDGET_COLUMN));
    }
    for part in cost.parts.iter().filter(|part| !is_free(part)) {
        let amount = part.amount().unwrap_or_else(|| "price unknown".to_owned());
        let text = format!("{}   {amount}   {}", part.address, part.reason);
        out += &wrapped(&text, screen.width, "          ", "            ");
    }
    if let Some(reason) = reason {
        out += &wrapped(reason, screen.width, "          ", "          ");
    }
    out
}

/// `11 pass · 0 fail · 2 manual`: how the policies stand; none without any. Only what was seen to
/// hold counts as a pass.
pub(crate) fn checks(policies: &[PolicyFinding], command: &str, screen: &Screen) -> Option<String> {
    let count = |status| policies.iter().filter(|one| one.status == status).count();
    let always = [
        (count(PolicyStatus::Pass), "pass"),
        (count(PolicyStatus::Fail), "fail"),
    ];
    let others = [
        (count(PolicyStatus::Manual), "manual"),
        (count(PolicyStatus::Unknown), "unknown"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = always
        .into_iter()
        .chain(others)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let line = parts.join(&format!(" {} ", screen.sign("·")));
    let counts = line.chars().count();
    let is_wide = counts + GAP_COLUMNS > BUDGET_COLUMN
        || 10 + BUDGET_COLUMN + command.chars().count() > screen.width;
    let line = match (count(PolicyStatus::Manual), is_wide) {
        (0, _) => line,
        (_, false) => format!("{}{command}", padded(&line, BUDGET_COLUMN)),
        (_, true) => format!("{line}\n{command}"),
    };
    (!policies.is_empty()).then_some(line)
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
    if let Some(step) = &change.blocked_by {
        let sign = screen.theme.paint(Ink::Warn, "!");
        let name = padded(&change.address.to_string(), width);
        let rest = " ".repeat(width + 7);
        let text = held(change.kind, step);
        return wrapped(&text, screen.width, &format!("  {sign} {name}   "), &rest);
    }
    let ink = match change.kind {
        ChangeKind::Create => Ink::Good,
        ChangeKind::Update => Ink::Warn,
        ChangeKind::CreateThenDelete | ChangeKind::DeleteThenCreate | ChangeKind::Delete => {
            Ink::Bad
        }
        ChangeKind::Run => Ink::Live,
        ChangeKind::Reuse | ChangeKind::Move | ChangeKind::Forget | ChangeKind::Adopt => Ink::Faint,
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

/// What is said of what a gate holds back.
fn held(kind: ChangeKind, step: &Address) -> String {
    match kind {
        ChangeKind::Create | ChangeKind::Run | ChangeKind::Reuse => {
            format!("not made: blocked by {step}")
        }
        ChangeKind::Delete => format!("stays: still needed by what {step} blocks"),
        _ => format!("stays as it is: blocked by {step}"),
    }
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
            text = format!("{}: {text}", change.summary);
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
        Reason::Moved { from } => format!("was {from}; nothing is done to it"),
        Reason::Left => "stays where it is, and is no longer of this state".to_owned(),
        Reason::Existing { handle } => format!("is there already, as {handle}"),
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
        return match (plan.is_blocked(), plan.failing_gates().next()) {
            (true, _) => "nothing can be planned until the findings are mended".to_owned(),
            (false, Some(_)) => "no changes; what stands stays as it is".to_owned(),
            (false, None) => "no changes: the world is as the spec says".to_owned(),
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
        (of(&[ChangeKind::Move]), "to move"),
        (of(&[ChangeKind::Adopt]), "to take over"),
        (of(&[ChangeKind::Forget]), "to forget"),
        (of(&[ChangeKind::Delete]), "to destroy"),
        (plan.held().count(), "blocked by a gate (!)"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use mlinfra_check::{FileId, Span};

    use super::*;
    use crate::view::theme::Theme;

    fn finding(status: PolicyStatus) -> PolicyFinding {
        PolicyFinding {
            policy: "masked".into(),
            pack: None,
            code: "E0512".into(),
            severity: "high".into(),
            cites: Vec::new(),
            title: String::new(),
            status,
            subject: Address::new("project", "a"),
            span: Span {
                file: FileId(0),
                start: 0,
                end: 0,
            },
            message: String::new(),
            fix: None,
            environment: None,
        }
    }

    #[test]
    fn only_what_was_seen_to_hold_is_counted_as_a_pass() {
        let screen = Screen {
            theme: Theme::new(false),
            error_theme: Theme::new(false),
            width: 80,
            unicode: true,
            quiet: false,
            command: "plan",
            json: false,
            live: false,
        };
        use PolicyStatus as S;
        let all = [S::Pass, S::Manual, S::Manual, S::Unknown].map(finding);
        let line = checks(&all, "mlinfra check --manual", &screen).expect("there are some");
        let counts = "1 pass · 0 fail · 2 manual · 1 unknown";
        assert!(line.starts_with(counts), "{line}");
        assert!(line.ends_with("mlinfra check --manual"), "{line}");
        let line = checks(&all[..1], "mlinfra check --manual", &screen);
        assert_eq!(line.as_deref(), Some("1 pass · 0 fail"));
        assert_eq!(checks(&[], "mlinfra check --manual", &screen), None);
        let path = "/a/long/path/to/the/program/mlinfra check --manual";
        let line = checks(&all, path, &screen).expect("there are some");
        assert_eq!(line, format!("{counts}\n{path}"));
    }
}
