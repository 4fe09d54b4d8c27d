//! Settings: those of a section of a step's body, and their types once data flowed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::Value;

use crate::block::unknown_field;
use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::entries::SHORT;
use crate::program::Step;
use crate::schema::{FieldDeclaration, Kind, Operation};
use crate::scope;
use crate::step::Inputs;
use crate::tree::{BlockItem, Item, Node};
use crate::types::{Term, Type};

impl Checker<'_> {
    /// Checks a section; unless it is in error, it becomes one setting.
    pub(crate) fn section(
        &mut self,
        item: &Item,
        block: &BlockItem,
        operation: &Operation,
        inputs: &Inputs,
        step: &mut Step,
        env: Env<'_>,
    ) {
        let name = block.path.text();
        let Some(kind) = operation.sections.get(&name) else {
            return;
        };
        self.section_head(block, kind);
        let before = self.errors();
        let mut values: BTreeMap<String, Value> = BTreeMap::new();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut stray = item.broken;
        for entry in block.items() {
            let known = self.section_entry(entry, kind, inputs, env, &mut seen);
            stray |= known.is_none();
            values.extend(known.flatten());
        }
        for (name, declared) in &kind.fields {
            if seen.contains_key(name) {
                continue;
            }
            if let Some(default) = &declared.default {
                let value = self.default_value(default, &settled(declared));
                values.insert(name.clone(), value);
            } else if declared.required() && !stray {
                let finding = self.missing_field(name, declared, block.path.span, &kind.name);
                self.report(finding);
            } else {
                values.insert(name.clone(), Value::None);
            }
        }
        step.spans.insert(name.clone(), block.path.span);
        if !stray && self.errors() == before {
            step.settings.insert(name, Value::Record(values));
        }
    }

    /// Notes a section of a block; a second one of its kind is a finding.
    pub(crate) fn collect_section(&mut self, block: &BlockItem, place: &scope::Place, kind: &Kind) {
        self.refuse_name(block, kind);
        let Some(around) = place.parent.as_ref().map(|(id, _)| *id) else {
            return;
        };
        let Some(parent) = self.nodes[around].block else {
            return;
        };
        let first = match parent.items().len() {
            0..=SHORT => {
                let same = |item: &&Item| match &item.node {
                    Node::Block(other) => other.path.word() == kind.name,
                    _ => false,
                };
                parent.items().iter().find(same).map(|item| item.span)
            }
            // Sections of a long body are noted as they come.
            _ => {
                let key = (around, kind.name.clone());
                Some(*self.first_sections.entry(key).or_insert(block.path.span))
            }
        };
        if let Some(first) = first
            && !first.holds(block.path.span)
        {
            self.report(
                Diagnostic::error(
                    code::FIELD_TWICE,
                    block.path.span,
                    format!("`{}` stands here a second time", kind.name),
                )
                .also(first, "and here first")
                .help("which of the two counts is not said anywhere")
                .help("put both into one"),
            );
        }
    }

    /// A section is one of its kind in its block: it has no name.
    fn refuse_name(&mut self, block: &BlockItem, kind: &Kind) {
        if let Some(name) = &block.name {
            let text = format!("`{}` takes no name", kind.name);
            self.report(
                Diagnostic::error(code::SECTION_NAMED, name.span, text)
                    .help("there is one in each block, so nothing has to tell them apart")
                    .help("take the name out"),
            );
        }
    }

    fn section_head(&mut self, block: &BlockItem, kind: &Kind) {
        self.refuse_name(block, kind);
        self.refuse_head(block, &[]);
    }

    /// One entry of a section with its value; none if it is none of its settings.
    fn section_entry(
        &mut self,
        entry: &Item,
        kind: &Kind,
        inputs: &Inputs,
        env: Env<'_>,
        seen: &mut BTreeMap<String, Span>,
    ) -> Option<Option<(String, Value)>> {
        self.refuse_attributes(entry);
        let Node::Field { path, value } = &entry.node else {
            if !entry.broken && !matches!(entry.node, Node::Bad) {
                self.report(
                    Diagnostic::error(code::ENTRY_OUT_OF_PLACE, entry.span, "this is no setting")
                        .help("nothing would read it here")
                        .help("write `name = value`, or move it out of this block"),
                );
            }
            return None;
        };
        let name = path.text();
        let Some(declared) = kind.fields.get(&name) else {
            let known: Vec<&str> = kind.fields.keys().map(String::as_str).collect();
            let finding = unknown_field(&name, path.span, &kind.name, &known, kind);
            self.report(finding);
            return None;
        };
        if self.field_twice(&name, path.span, seen) {
            return Some(None);
        }
        let term = self.value(value, &instantiate(&declared.field_type, inputs), env);
        self.lists_some(declared, &term, value.span);
        self.lists_each_once(declared, &term, value);
        Some(Some((name, term.value)))
    }

    /// Reports an empty list where at least one must stand.
    pub(crate) fn lists_some(&mut self, declared: &FieldDeclaration, term: &Term, span: Span) {
        let is_empty = matches!(&term.value, Value::List(elements) if elements.is_empty());
        if declared.some && is_empty && !term.term_type.is_error() {
            self.lists_nothing(span);
        }
    }

    pub(crate) fn lists_nothing(&mut self, span: Span) {
        self.report(
            Diagnostic::error(code::LIST_EMPTY, span, "this lists nothing")
                .help("what stands around it would have nothing to work on")
                .help("name at least one, or take the block out"),
        );
    }
}

/// The declared type with the parameters that it names replaced by what flowed in.
pub(crate) fn instantiate(declared: &Type, inputs: &Inputs) -> Type {
    match declared {
        Type::Optional(inner) => instantiate(inner, inputs).optional(),
        Type::List(inner) => match instantiate(inner, inputs) {
            Type::Error => Type::Error,
            inner => Type::List(Arc::new(inner)),
        },
        Type::Union(members) => {
            let members: Vec<Type> = (members.iter())
                .map(|member| instantiate(member, inputs))
                .collect();
            match members.iter().any(Type::is_error) {
                true => Type::Error,
                false => Type::Union(Arc::new(members)),
            }
        }
        Type::ColumnOf(name, base) => match inputs.table(name) {
            Some(table) => Type::Column(Arc::clone(table), *base),
            None => Type::Error,
        },
        other => other.clone(),
    }
}

/// The type that a setting's default is checked against: columns are named by written ones alone.
pub(crate) fn settled(declared: &FieldDeclaration) -> Type {
    match declared.field_type.present() {
        Type::List(inner) if of_columns(inner) => Type::List(Arc::new(Type::Any)),
        _ => declared.field_type.clone(),
    }
}

fn of_columns(declared: &Type) -> bool {
    match declared {
        Type::ColumnOf(..) => true,
        Type::List(inner) => of_columns(inner),
        Type::Union(members) => members.iter().any(of_columns),
        _ => false,
    }
}
