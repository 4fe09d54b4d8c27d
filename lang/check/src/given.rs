//! What the user gave for parameters from outside of the spec: options, variables, files.
//!
//! The first of these that names a parameter wins: `--param name=value`, a file named by
//! `--params` (the last one first), the variable `MLINFRA_PARAM_name`, the `params` of the
//! environment, the parameter's own default. A file is read only where it is named: what belongs
//! to one environment stands in its block, so nothing is found by its name alone.

use std::collections::BTreeMap;

use crate::check::Given;
use crate::code;
use crate::diagnostic::{Diagnostic, FileId, Span};
use crate::foreign;
use crate::given_json::members;
use crate::lower::{Lowered, lower, lower_at};
use crate::source::{SourceFile, Sources};
use crate::tree::{Expr, Node};
use crate::world::{ParameterFile, ParameterSource, World};

/// Where a value begins in a line `p = value`.
const LINE_START: u32 = 4;

/// What was given outside of the spec, by the parameter's name.
pub(crate) type Outside = BTreeMap<String, Given>;

/// Reads all of it; each text becomes one that findings can point into.
pub(crate) fn read(world: &dyn World, sources: &mut Sources) -> Outside {
    let mut all = BTreeMap::new();
    let mut texts = Vec::new();
    for name in world.parameter_names() {
        if let Some(text) = world.parameter(&name) {
            texts.push((world.parameter_source(&name), name, text));
        }
    }
    let of = |wanted: ParameterSource| {
        let some = texts.iter().filter(move |(source, ..)| *source == wanted);
        some.map(|(_, name, text)| (name, text))
    };
    for (name, text) in of(ParameterSource::Variable) {
        let from = format!("MLINFRA_PARAM_{name}");
        all.insert(name.clone(), of_text(name, text, &from, &from, sources));
    }
    for file in world.parameter_files() {
        all.extend(of_file(&file, sources));
    }
    for (name, text) in of(ParameterSource::CommandLine) {
        let shown = format!("--param {name}");
        all.insert(
            name.clone(),
            of_text(name, text, &shown, "--param", sources),
        );
    }
    all
}

/// The next file's place.
fn next(sources: &Sources) -> FileId {
    FileId(u32::try_from(sources.files.len()).unwrap_or(u32::MAX))
}

/// A text given for one parameter, as a line of a file of its own.
fn of_text(name: &str, text: &str, shown: &str, from: &str, sources: &mut Sources) -> Given {
    let file = next(sources);
    let line = format!("{name} = {text}");
    let at = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let span = Span {
        file,
        start: at(name.len() + 3),
        end: at(line.len()),
    };
    let expression = field_value(lower(&line, file));
    sources.files.push(SourceFile {
        name: shown.to_owned(),
        text: line,
    });
    Given {
        text: text.to_owned(),
        expression,
        span,
        name_span: span,
        of_spec: false,
        scope: None,
        from: from.to_owned(),
    }
}

/// The value of the one field that a line is; none if it is no such line.
fn field_value(lowered: Lowered) -> Option<Expr> {
    match lowered.items.as_slice() {
        [only] if lowered.findings.is_empty() => match &only.node {
            Node::Field { value, .. } => Some(value.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// What a file gives: fields as in a spec, or the members of one JSON object.
fn of_file(given: &ParameterFile, sources: &mut Sources) -> Outside {
    let file = next(sources);
    let start = Span {
        file,
        start: 0,
        end: 0,
    };
    let read = given.content.clone();
    let text = read.and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| "it holds a byte that is no text".to_owned())
    });
    let (text, fault) = match text {
        Ok(text) => (text, None),
        Err(reason) => (String::new(), Some(format!("`{}`: {reason}", given.name))),
    };
    sources.files.push(SourceFile {
        name: given.name.clone(),
        text: text.clone(),
    });
    if let Some(fault) = fault {
        // Of a text without lines no label is drawn, so the reason stands in the help, too.
        let help = format!("what happened: {fault}");
        sources.findings.push(unreadable(start, fault).help(help));
        return BTreeMap::new();
    }
    match text.trim_start().starts_with('{') {
        true => of_json(&text, file, &given.name, sources),
        false => of_fields(&text, file, &given.name, sources),
    }
}

fn unreadable(span: Span, text: String) -> Diagnostic {
    Diagnostic::error(code::PARAMETER_FILE, span, text)
        .help("what it gives would be missing, and defaults would hold in its place")
        .help("write a line `name = value` for each parameter, or one JSON object")
}

fn of_fields(text: &str, file: FileId, name: &str, sources: &mut Sources) -> Outside {
    if let Some((format, first)) = foreign::format_of_file(text, file) {
        let text = format!("this looks like {format}");
        sources.findings.push(unreadable(first, text));
        return BTreeMap::new();
    }
    let lowered = lower(text, file);
    sources.findings.extend(lowered.findings);
    let mut all: Outside = BTreeMap::new();
    for item in lowered.items {
        for attribute in &item.attributes {
            let text = format!("`@{}` has no meaning here", attribute.path.text());
            sources.findings.push(unreadable(attribute.path.span, text));
        }
        let Node::Field { path, value } = item.node else {
            if !item.broken && !matches!(item.node, Node::Bad) {
                let text = "this gives no parameter a value".to_owned();
                sources.findings.push(unreadable(item.span, text));
            }
            continue;
        };
        let given = Given {
            text: String::new(),
            span: value.span,
            expression: Some(value),
            name_span: path.span,
            of_spec: true,
            scope: None,
            from: name.to_owned(),
        };
        add(&mut all, path.text(), given, sources);
    }
    all
}

fn of_json(text: &str, file: FileId, name: &str, sources: &mut Sources) -> Outside {
    let members = match members(text, file) {
        Ok(members) => members,
        Err((span, reason)) => {
            sources.findings.push(unreadable(span, reason));
            return BTreeMap::new();
        }
    };
    let mut all: Outside = BTreeMap::new();
    for member in members {
        // A text in JSON is what a text on the command line is: read as the parameter's type says.
        let parsed = member.text.as_ref().and_then(|text| {
            let offset = member.span.start.checked_sub(LINE_START)?;
            field_value(lower_at(&format!("p = {text}"), file, offset))
        });
        let given = Given {
            of_spec: member.text.is_none(),
            expression: match member.text {
                Some(_) => parsed,
                None => member.expression,
            },
            text: member.text.unwrap_or_default(),
            span: member.span,
            name_span: member.name_span,
            scope: None,
            from: name.to_owned(),
        };
        add(&mut all, member.name, given, sources);
    }
    all
}

fn add(all: &mut Outside, name: String, given: Given, sources: &mut Sources) {
    match all.get(&name) {
        None => drop(all.insert(name, given)),
        Some(first) => {
            let text = format!("`{name}` stands here a second time");
            let finding = Diagnostic::error(code::FIELD_TWICE, given.name_span, text)
                .also(first.name_span, "and here first")
                .help("which of the two counts is not said anywhere")
                .help("take one of them out");
            sources.findings.push(finding);
        }
    }
}
