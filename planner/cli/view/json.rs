//! Results for scripts: one envelope, with the version of its format.

use mlinfra_api::{ResourceState, Value as ApiValue};
use mlinfra_check::{Diagnostic, Label, PolicyFinding, Severity};
use mlinfra_plan::JudgedGate;
use serde_json::{Map, Value, json};

use super::diagnostic::Sources;
use crate::problem::Problem;

/// The version of every `--json` output. A reader refuses another one.
pub(crate) const FORMAT: u32 = 1;

/// The envelope: the format, the command, and what it found.
pub(crate) fn envelope(command: &str, body: Value) -> Value {
    let mut out = Map::new();
    out.insert("format".into(), json!(FORMAT));
    out.insert("command".into(), json!(command));
    if let Value::Object(entries) = body {
        out.extend(entries);
    }
    Value::Object(out)
}

/// Why a command could not do what was asked.
pub(crate) fn problem(command: &str, problem: &Problem) -> Value {
    let error = json!({
        "code": problem.code,
        "title": problem.title,
        "details": problem.details,
        "help": problem.help,
        "exit": problem.exit.number(),
    });
    envelope(command, json!({ "error": error }))
}

/// A finding of the checker.
pub(crate) fn diagnostic(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let others: Vec<Value> = diagnostic
        .others
        .iter()
        .map(|other| label(other, sources))
        .collect();
    let fix = diagnostic.fix.as_ref().map(|fix| {
        let edit = |edit: &mlinfra_check::Edit| {
            let place = Label {
                span: edit.span,
                text: String::new(),
            };
            let mut place = label(&place, sources);
            place["text"] = json!(edit.text);
            place
        };
        let edits: Vec<Value> = fix.edits.iter().map(edit).collect();
        json!({ "title": fix.title, "edits": edits })
    });
    json!({
        "code": diagnostic.code.0,
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "title": diagnostic.title,
        "primary": label(&diagnostic.primary, sources),
        "others": others,
        "help": diagnostic.help,
        "fix": fix,
    })
}

/// What a policy says of one thing.
pub(crate) fn policy(finding: &PolicyFinding) -> Value {
    json!({
        "policy": finding.policy,
        "pack": finding.pack,
        "code": finding.code,
        "severity": finding.severity,
        "cites": finding.cites,
        "title": finding.title,
        "status": super::policy::word(finding.status),
        "subject": finding.subject.to_string(),
        "message": finding.message,
        "environment": finding.environment,
    })
}

fn label(label: &Label, sources: &Sources) -> Value {
    let file = sources.files.get(label.span.file.0 as usize);
    let (name, text) = file.map_or(("", ""), |(name, text)| (name, text));
    json!({
        "file": name,
        "start": place(text, label.span.start as usize),
        "end": place(text, label.span.end as usize),
        "text": label.text,
    })
}

/// Line and column count from 1, a column is one letter; the byte counts from 0.
fn place(text: &str, byte: usize) -> Value {
    let (line, column) = line_and_column(text, byte);
    json!({ "line": line, "column": column, "byte": byte })
}

pub(crate) fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let mut end = byte.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |place| place + 1);
    (line, before[start..].chars().count() + 1)
}

/// A value as plain JSON: a quantity and all else that JSON has no form for as it is written in a
/// spec, a secret as `(secret)`.
pub(crate) fn value(value: &ApiValue) -> Value {
    match value {
        ApiValue::None => Value::Null,
        ApiValue::Bool(flag) => json!(flag),
        ApiValue::Int(number) => json!(number),
        ApiValue::Decimal(number) => {
            let text = number.normalize().to_string();
            text.parse::<f64>()
                .map_or_else(|_| json!(text), |number| json!(number))
        }
        ApiValue::String(text) | ApiValue::Date(text) => json!(text),
        ApiValue::List(elements) => elements.iter().map(self::value).collect(),
        ApiValue::Record(entries) => {
            let entries = entries
                .iter()
                .map(|(name, entry)| (name.clone(), self::value(entry)));
            Value::Object(entries.collect())
        }
        other => json!(other.to_string()),
    }
}

/// A gate, with its verdict and the figures that it rests on.
pub(crate) fn gate(gate: &JudgedGate) -> Value {
    let figures = gate.figures.iter();
    let figures = figures.map(|(name, figure)| (name.clone(), value(figure)));
    json!({
        "step": gate.step,
        "text": gate.text,
        "message": gate.message,
        "verdict": gate.verdict,
        "figures": Value::Object(figures.collect()),
        "said": gate.sentence(),
    })
}

/// A resource as the state knows it, without its handle's secrets.
pub(crate) fn resource(state: &ResourceState) -> Value {
    let entries = |entries: &std::collections::BTreeMap<String, ApiValue>| {
        let entries = entries
            .iter()
            .map(|(name, entry)| (name.clone(), value(entry)));
        Value::Object(entries.collect())
    };
    json!({
        "address": state.resource.address,
        "type": state.resource.resource_type,
        "provider": state.resource.provider,
        "summary": state.resource.summary,
        "identity": state.resource.identity,
        "properties": entries(&state.resource.properties),
        "outputs": entries(&state.outputs),
        "depends_on": state.resource.depends_on,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_letters() {
        assert_eq!(line_and_column("a\nüb", 0), (1, 1));
        assert_eq!(line_and_column("a\nüb", 4), (2, 2));
        assert_eq!(line_and_column("a\nüb", 3), (2, 1));
        assert_eq!(line_and_column("a\nüb", 99), (2, 3));
    }
}
