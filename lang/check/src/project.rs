//! What another project gives: `outputs("../network").url`.
//!
//! The values are those of its state, as they were last applied, and so are their types: a text is
//! a text here too. What is secret, what is a block and what only its next apply will tell does not
//! come across.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::{Digest, Value};

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::function_call::type_of;
use crate::suggest::nearest;
use crate::tree::Name;
use crate::types::{Term, Type};
use crate::wording::list_some;

/// How many other projects a spec may read.
const PROJECTS_MAX: usize = 16;

/// What another project gives, as its state has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectOutputs {
    outputs: BTreeMap<String, Result<Value, Withheld>>,
}

/// Why an output of another project can't be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// It is secret, or made of something that is.
    Secret,
    /// Only an apply there will tell it: what it waits for.
    Open(String),
    /// It is a block or something else that means nothing elsewhere.
    Foreign,
}

/// Why nothing can be read of another project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Completes "because".
    pub why: String,
    /// What to do.
    pub help: String,
}

/// What a spec read of another project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherProject {
    /// The folder, from that of the spec.
    pub path: String,
    /// The environment, if one was named.
    pub environment: Option<String>,
    /// Of all that it gives: another digest means that something is another value there.
    pub digest: Digest,
    /// The type of each output that can be read, as a person writes it.
    pub outputs: BTreeMap<String, String>,
}

impl ProjectOutputs {
    /// The outputs with these values. No secret is kept.
    pub fn new(values: impl IntoIterator<Item = (String, Value)>) -> Self {
        let values = values.into_iter();
        let outputs = values.map(|(name, value)| {
            let plain = plain(&value);
            (name, plain)
        });
        ProjectOutputs {
            outputs: outputs.collect(),
        }
    }

    /// Of everything that can be read, and of the names of what can't.
    pub fn digest(&self) -> Digest {
        let text = |(name, output): (&String, &Result<Value, Withheld>)| {
            let value = output.as_ref().ok();
            serde_json::to_string(&(name, value)).expect("a value is plain data")
        };
        let texts: Vec<String> = self.outputs.iter().map(text).collect();
        Digest::of_parts(texts.iter().map(String::as_bytes))
    }
}

/// The value as another project may have it. The case of an enum becomes its text: the enum is
/// declared where it came from.
fn plain(value: &Value) -> Result<Value, Withheld> {
    let all = |values: &[Value]| values.iter().map(plain).collect::<Result<Vec<Value>, _>>();
    Ok(match value {
        Value::Secret(_) => return Err(Withheld::Secret),
        Value::Unknown(origin) => return Err(Withheld::Open(origin.clone())),
        Value::Template(parts) => {
            all(parts)?;
            return Err(Withheld::Open(value.to_string()));
        }
        Value::Reference(reference) if !reference.path.is_empty() => {
            return Err(Withheld::Open(value.to_string()));
        }
        Value::Reference(_) | Value::Row(_) | Value::Condition(_) => {
            return Err(Withheld::Foreign);
        }
        Value::Case { name, arguments } if arguments.is_empty() => Value::String(name.clone()),
        Value::Case { .. } => return Err(Withheld::Foreign),
        Value::List(elements) => Value::List(all(elements)?),
        Value::Record(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(name, value)| Ok((name.clone(), plain(value)?)));
            Value::Record(entries.collect::<Result<_, _>>()?)
        }
        Value::Range(low, high) => Value::Range(Box::new(plain(low)?), Box::new(plain(high)?)),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Decimal(_)
        | Value::String(_)
        | Value::Quantity(_)
        | Value::Date(_) => value.clone(),
    })
}

/// Another project, and what of it is asked for by name.
#[derive(Debug, PartialEq)]
pub(crate) struct Other {
    path: String,
    outputs: BTreeMap<String, Result<Term, Withheld>>,
}

/// The projects that were read, by folder and environment; none for one that can't be.
#[derive(Default)]
pub(crate) struct Others {
    read: BTreeMap<(String, Option<String>), Option<Read>>,
}

struct Read {
    other: Arc<Other>,
    digest: Digest,
}

impl Checker<'_> {
    /// `outputs(project, environment)`, of a known folder and environment. `spans` are theirs.
    pub(crate) fn outputs_of(&mut self, arguments: &[Term], spans: &[Span]) -> Term {
        let known = arguments.iter().zip(spans);
        let mut known = known.map(|(term, span)| {
            self.must_be_known(term, *span, "which project is read")
                .then_some(term)
        });
        let (Some(Some(project)), Some(Some(environment))) = (known.next(), known.next()) else {
            return Term::error();
        };
        let (Some(path), Some(span)) = (project.value.as_text(), spans.first().copied()) else {
            return Term::error();
        };
        let environment = environment.value.as_text();
        let key = (path.to_owned(), environment.map(str::to_owned));
        if !self.others.read.contains_key(&key) {
            let read = self.read_project(path, environment, span);
            self.others.read.insert(key.clone(), read);
        }
        match self.others.read.get(&key) {
            Some(Some(read)) => {
                let known = read.other.outputs.iter();
                let known = known.filter_map(|(name, output)| {
                    Some((name.clone(), output.as_ref().ok()?.value.clone()))
                });
                let value = Value::Record(known.collect());
                Term::new(Type::Outputs(Arc::clone(&read.other)), value)
            }
            _ => Term::error(),
        }
    }

    fn read_project(&mut self, path: &str, environment: Option<&str>, span: Span) -> Option<Read> {
        if self.others.read.len() >= PROJECTS_MAX {
            self.limit(span, &format!("more than {PROJECTS_MAX} other projects"));
            return None;
        }
        let found = match self.world?.outputs(path, environment) {
            Ok(found) => found,
            Err(Unread { why, help }) => {
                self.value_fault(
                    Diagnostic::error(
                        code::PROJECT_UNREAD,
                        span,
                        format!("the outputs of this project can't be read: {why}"),
                    )
                    .help("what they are is known from its state alone")
                    .help(help),
                );
                return None;
            }
        };
        let digest = found.digest();
        let typed = |value: Value| Term::new(type_of(&value), value);
        let outputs = found.outputs.into_iter();
        let outputs = outputs.map(|(name, output)| (name, output.map(typed)));
        let other = Other {
            path: path.to_owned(),
            outputs: outputs.collect(),
        };
        Some(Read {
            other: Arc::new(other),
            digest,
        })
    }

    /// An output of another project.
    pub(crate) fn output_of_other(&mut self, other: &Other, name: &Name) -> Term {
        match other.outputs.get(&name.text) {
            Some(Ok(term)) => {
                let paid = self.budget.copy(&term.value);
                match self.paid(paid, name.span) {
                    true => term.clone(),
                    false => Term::error(),
                }
            }
            Some(Err(withheld)) => {
                let finding = withheld_finding(other, withheld, name);
                self.value_fault(finding);
                Term::error()
            }
            None => {
                let finding = unknown_output(other, name);
                self.value_fault(finding);
                Term::error()
            }
        }
    }

    /// The projects that were read, for the program.
    pub(crate) fn projects_read(&self) -> Vec<OtherProject> {
        let read = self.others.read.iter();
        let read = read.filter_map(|((path, environment), read)| {
            let Read { other, digest } = read.as_ref()?;
            let known = other.outputs.iter();
            let known = known.filter_map(|(name, output)| {
                Some((name.clone(), output.as_ref().ok()?.term_type.to_string()))
            });
            Some(OtherProject {
                path: path.clone(),
                environment: environment.clone(),
                digest: *digest,
                outputs: known.collect(),
            })
        });
        read.collect()
    }
}

fn withheld_finding(other: &Other, withheld: &Withheld, name: &Name) -> Diagnostic {
    let output = &name.text;
    let finding = |text: String| Diagnostic::error(code::OUTPUT_WITHHELD, name.span, text);
    match withheld {
        Withheld::Secret => finding(format!("`{output}` is secret there"))
            .help("a secret does not leave the project that keeps it")
            .help(format!(
                "a person who may have it sees it there: `mlinfra output --reveal {output}`"
            )),
        Withheld::Open(origin) => finding(format!("`{output}` is not known there yet"))
            .help(format!("it waits for {origin}"))
            .help(format!("`mlinfra apply {}` makes it", other.path)),
        Withheld::Foreign => finding(format!("`{output}` is no plain value"))
            .help("a block means nothing outside of the spec that declares it")
            .help("name there what is needed of it: `output url = api.url`"),
    }
}

fn unknown_output(other: &Other, name: &Name) -> Diagnostic {
    let known: Vec<&str> = other.outputs.keys().map(String::as_str).collect();
    let meant = nearest(&name.text, known.iter().copied());
    let text = format!("that project has no output `{}`", name.text);
    let finding = Diagnostic::error(code::MEMBER_UNKNOWN, name.span, text)
        .help("what is made from it would have nothing to be made from");
    match meant {
        Some(_) => finding.suggest(name.span, &name.text, meant),
        None if known.is_empty() => finding.help(format!(
            "it was applied without any: declare `output {} = …` there, then \
             `mlinfra apply {}`",
            name.text, other.path
        )),
        None => finding.help(format!("it has {}", list_some(&known))),
    }
}
