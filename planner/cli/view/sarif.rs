//! Findings as SARIF 2.1.0 (OASIS): what code scanning services read.

use std::collections::BTreeMap;

use mlinfra_check::{Diagnostic, Edit, Label, Severity, Span, codes};
use mlinfra_syntax::{Kind, Node};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::place::Places;
use crate::problem::Problem;

/// The schema that the log keeps to.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Every path is from here: the root of the sources, wherever they lie.
const BASE: &str = "%SRCROOT%";

/// The log of a check.
pub(crate) fn findings(places: &Places<'_>) -> Value {
    let findings = &places.checked.diagnostics;
    let mut rules: BTreeMap<&str, Severity> = BTreeMap::new();
    for finding in findings {
        let severity = rules.entry(finding.code.0).or_insert(finding.severity);
        *severity = finding.severity.min(*severity);
    }
    let names: Vec<&str> = rules.keys().copied().collect();
    let mut seen = BTreeMap::new();
    let result = |finding: &Diagnostic| {
        let mut result = result(finding, places, &mut seen);
        let index = names.iter().position(|name| *name == finding.code.0);
        result["ruleIndex"] = json!(index);
        result
    };
    let results: Vec<Value> = findings.iter().map(result).collect();
    let rules = rules.iter().map(|(code, severity)| rule(code, *severity));
    log(
        rules.collect(),
        results,
        &json!({ "executionSuccessful": true }),
    )
}

/// The log of a check that could not happen.
pub(crate) fn problem(problem: &Problem) -> Value {
    let mut text = vec![problem.title.clone()];
    text.extend(problem.details.clone());
    text.extend(problem.help.iter().map(|help| format!("help: {help}")));
    let mut notice = json!({ "level": "error", "message": { "text": text.join("\n") } });
    if let Some(code) = &problem.code {
        notice["descriptor"] = json!({ "id": code });
    }
    let invocation = json!({
        "executionSuccessful": false,
        "exitCode": problem.exit.number(),
        "toolExecutionNotifications": [notice],
    });
    log(Vec::new(), Vec::new(), &invocation)
}

fn log(rules: Vec<Value>, results: Vec<Value>, invocation: &Value) -> Value {
    let driver = json!({
        "name": "mlinfra",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules,
    });
    let base = json!({ "description": { "text": "The root of the sources." } });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "utf16CodeUnits",
            "originalUriBaseIds": { BASE: base },
            "invocations": [invocation],
            "results": results,
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A code, from its page.
fn rule(code: &str, severity: Severity) -> Value {
    let mut rule = json!({
        "id": code,
        "defaultConfiguration": { "level": level(severity) },
    });
    if let Some(page) = codes().iter().find(|page| page.code == code) {
        let body = page.page.split_once('\n').map_or("", |(_, body)| body);
        let first = body.trim().split("\n\n").next().unwrap_or_default();
        rule["shortDescription"] = json!({ "text": page.title });
        if !first.is_empty() {
            let words: Vec<&str> = first.split_whitespace().collect();
            rule["fullDescription"] = json!({ "text": words.join(" ") });
        }
        rule["help"] = json!({ "text": page.page, "markdown": page.page });
    }
    rule
}

fn result(finding: &Diagnostic, places: &Places<'_>, seen: &mut BTreeMap<String, usize>) -> Value {
    let span = finding.primary.span;
    let mut result = json!({
        "ruleId": finding.code.0,
        "level": level(finding.severity),
        "message": { "text": places.checked.message(finding) },
    });
    if let Some(place) = physical(span, places) {
        result["locations"] = json!([{ "physicalLocation": place }]);
    }
    let related = finding.others.iter().enumerate();
    let related: Vec<Value> = related
        .filter_map(|(id, label)| related_location(id, label, places))
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    let mut mark = fingerprint(finding, places);
    let before = seen.entry(mark.clone()).or_default();
    *before += 1;
    mark += &format!(":{before}");
    // GitHub knows a finding again by the second name alone.
    result["partialFingerprints"] = json!({
        "mlinfraBlockText/v1": mark,
        "primaryLocationLineHash": mark,
    });
    if let Some(fix) = finding.fix.as_ref()
        && let Some(changes) = changes(&fix.edits, places)
    {
        let description = json!({ "text": fix.title });
        result["fixes"] = json!([{ "description": description, "artifactChanges": changes }]);
    }
    result
}

fn related_location(id: usize, label: &Label, places: &Places<'_>) -> Option<Value> {
    let mut location = json!({ "id": id, "physicalLocation": physical(label.span, places)? });
    if !label.text.is_empty() {
        location["message"] = json!({ "text": label.text });
    }
    Some(location)
}

fn physical(span: Span, places: &Places<'_>) -> Option<Value> {
    Some(json!({
        "artifactLocation": artifact(places.path(span)?),
        "region": region(span, places)?,
    }))
}

/// A file by its path from the root of the sources, as a URI.
fn artifact(path: &str) -> Value {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            true => uri.push(char::from(byte)),
            false => uri += &format!("%{byte:02X}"),
        }
    }
    json!({ "uri": uri, "uriBaseId": BASE })
}

fn region(span: Span, places: &Places<'_>) -> Option<Value> {
    let region = places.region(span)?;
    let mut value = json!({
        "startLine": region.start.line,
        "startColumn": region.start.column,
        "endLine": region.end.line,
        "endColumn": region.end.column,
    });
    // Where bytes that are no text were replaced, offsets count something else than the file's.
    if !places.text(span).contains('\u{fffd}') {
        value["byteOffset"] = json!(span.start);
        value["byteLength"] = json!(span.end.saturating_sub(span.start));
    }
    Some(value)
}

/// The edits by file; none if one of them is in no file.
fn changes(edits: &[Edit], places: &Places<'_>) -> Option<Vec<Value>> {
    let mut by_path: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for edit in edits {
        let replacement = json!({
            "deletedRegion": region(edit.span, places)?,
            "insertedContent": { "text": edit.text },
        });
        let path = places.path(edit.span)?;
        by_path.entry(path).or_default().push(replacement);
    }
    let change = |(path, replacements): (&str, Vec<Value>)| {
        let mut change = Map::new();
        change.insert("artifactLocation".to_owned(), artifact(path));
        change.insert("replacements".to_owned(), json!(replacements));
        Value::Object(change)
    };
    Some(by_path.into_iter().map(change).collect())
}

/// What stays the same when lines move: the code, the file, the blocks around, the marked text.
fn fingerprint(finding: &Diagnostic, places: &Places<'_>) -> String {
    let span = finding.primary.span;
    let mut digest = Sha256::new();
    let blocks = blocks_around(span, places);
    let marked = places.marked(span);
    for part in [
        finding.code.0,
        places.path(span).unwrap_or_default(),
        &blocks,
        marked,
    ] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    hex::encode(&digest.finalize()[..16])
}

/// `pipeline risk/step masked`
fn blocks_around(span: Span, places: &Places<'_>) -> String {
    let tree = mlinfra_syntax::parse(places.text(span)).tree;
    let mut names = Vec::new();
    let mut node = Some(tree.covering(span.start..span.end));
    while let Some(inside) = node {
        if inside.kind() == Kind::Block {
            let head = inside.parts().take(2);
            let words: Vec<String> = head.map(|part: Node| part.text().to_owned()).collect();
            names.push(words.join(" "));
        }
        node = inside.parent();
    }
    names.reverse();
    names.join("/")
}
