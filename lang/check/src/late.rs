//! What only apply will know, where a plan must know it: in fields, in settings of steps, and in
//! what is computed from it.

use std::collections::BTreeSet;

use mlinfra_api::{Reference, Value};

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::program::{Block, Program};

/// Where a value stands.
#[derive(Clone, Copy)]
enum Use {
    /// In what a plan rests on.
    Planned,
    /// In what is shown once apply is done.
    Shown,
    /// The same, where it comes from what mlinfra chooses.
    Chosen,
}

impl Checker<'_> {
    /// Reports every field, setting and output that would stay open: a plan can't rest on what is
    /// not known yet, and apply computes nothing.
    pub(crate) fn check_late(&mut self, program: &Program) {
        let mut found: Vec<(Span, Use, String)> = Vec::new();
        for block in &program.blocks {
            let mut note = |value: &Value, span: Span| {
                let late = self.late_in(value);
                found.extend(late.map(|origin| (span, Use::Planned, origin)));
            };
            each_value(self, block, &mut note);
        }
        let mut chosen: Option<BTreeSet<String>> = None;
        for (name, output) in &program.outputs {
            let Some(origin) = computed_in(&output.value) else {
                continue;
            };
            let id = self.scopes.first().and_then(|root| root.outputs.get(name));
            let written = id.and_then(|id| self.nodes[*id].block?.value.as_ref());
            let span = written.map_or(output.span, |value| value.span);
            let chosen = chosen.get_or_insert_with(|| chosen_members(program));
            let used = match chosen.contains(&origin) {
                true => Use::Chosen,
                false => Use::Shown,
            };
            found.push((span, used, origin));
        }
        for (span, used, origin) in found {
            // What a loop repeats is said once.
            if !self.said.has_place(code::KNOWN_TOO_LATE, span) {
                self.report(too_late(span, used, &origin));
            }
        }
    }

    /// The first part of a value that only apply will tell, as it stands in the spec.
    fn late_in(&self, value: &Value) -> Option<String> {
        let is_late = |reference: &Reference| {
            let id = self.addresses.get(&reference.address);
            let block = id.and_then(|id| self.blocks.get(*id));
            let first = reference.path.first();
            first.is_some_and(|first| block.is_some_and(|block| block.computed.contains(first)))
        };
        let mut late = None;
        value.for_each_reference(&mut |reference| {
            if late.is_none() && is_late(reference) {
                late = Some(Value::Reference(reference.clone()).to_string());
            }
        });
        late.or_else(|| computed_in(value))
    }
}

fn too_late(span: Span, used: Use, origin: &str) -> Diagnostic {
    match used {
        Use::Chosen => {
            let text = "this is chosen when the spec is planned, and no output";
            Diagnostic::error(code::KNOWN_TOO_LATE, span, text)
                .help("what is chosen may be another machine the next time")
                .help(format!(
                    "`mlinfra plan` shows what `{origin}` is; to rely on it, write it with `=`"
                ))
        }
        Use::Planned => {
            let text = "this is known only after apply";
            Diagnostic::error(code::KNOWN_TOO_LATE, span, text)
                .help("a plan rests on it: it must be known when the spec is planned")
                .help(format!(
                    "it comes from `{origin}`: refer to something that the spec itself says"
                ))
        }
        Use::Shown => {
            let text = "this is computed from what is not known before apply";
            Diagnostic::error(code::KNOWN_TOO_LATE, span, text)
                .help("apply passes on what it finds out, and computes nothing with it")
                .help(format!(
                    "it comes from `{origin}`: show that as it is, alone or in a text"
                ))
        }
    }
}

/// What does not come out of apply, but is chosen before: `trainers.cpus`.
fn chosen_members(program: &Program) -> BTreeSet<String> {
    let of_block = |block: &Block| {
        let address = block.address.to_string();
        let wishes = block.wishes.iter();
        let members = wishes.map(|(wish, _)| format!("{address}.{}", wish.field));
        members.collect::<Vec<String>>()
    };
    program.blocks.iter().flat_map(of_block).collect()
}

/// Calls `visit` for everything written in a block that a plan rests on, with its place.
fn each_value(checker: &Checker<'_>, block: &Block, visit: &mut dyn FnMut(&Value, Span)) {
    for field in block.fields.values().filter(|field| field.written) {
        visit(&field.value, field.span);
    }
    let id = checker.addresses.get(&block.address);
    let written = id.and_then(|id| checker.nodes[*id].block?.value.as_ref());
    if let (Some(value), Some(written), None) = (&block.value, written, &block.step) {
        visit(value, written.span);
    }
    let Some(step) = &block.step else { return };
    let arguments = step.arguments.iter();
    let arguments = arguments.map(|(name, argument)| (name, &argument.value));
    let settings = step.settings.iter();
    for (name, value) in arguments.chain(settings) {
        visit(value, *step.spans.get(name).unwrap_or(&step.operation_span));
    }
}

/// The first part of a value that was computed from what only apply will tell, by where it comes
/// from. What rests on a file that is not there yet is told by the plan.
pub(crate) fn computed_in(value: &Value) -> Option<String> {
    match value {
        Value::Unknown(origin) => origin.contains('.').then(|| origin.clone()),
        Value::List(elements) | Value::Template(elements) => elements.iter().find_map(computed_in),
        Value::Record(entries)
        | Value::Case {
            arguments: entries, ..
        } => entries.values().find_map(computed_in),
        Value::Range(low, high) => computed_in(low).or_else(|| computed_in(high)),
        _ => None,
    }
}
