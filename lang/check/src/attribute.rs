//! What holds of any block, whatever its kind: attributes, and what it comes after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlinfra_api::{Address, Value};

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::program::{Block, Program};
use crate::schema::Kind;
use crate::suggest::nearest;
use crate::tree::{Attribute, Expr, ExprKind};
use crate::types::{Term, Type};

/// The entry of any block that names what must be there first, though no data comes from it.
pub(crate) const AFTER: &str = "after";

/// The attribute of a block that stands for what is there already; its argument says which.
const EXISTING: &str = "existing";

impl Checker<'_> {
    /// The attributes of a block, with their arguments.
    pub(crate) fn attributes(
        &mut self,
        attributes: &[Attribute],
        kind: &Kind,
        env: Env<'_>,
    ) -> BTreeMap<String, BTreeMap<String, Value>> {
        let mut all = BTreeMap::new();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for attribute in attributes {
            let name = attribute.path.text();
            let library = self.library;
            let Some(parameters) = library.attributes.get(&name) else {
                self.unknown_attribute(attribute, &name);
                continue;
            };
            let is_recorded = library.recorded.contains(&name);
            if !is_recorded && self.field_twice(&name, attribute.path.span, &mut seen) {
                continue;
            }
            let bound = self.bind(parameters, &attribute.arguments, &name, attribute.path.span);
            let Some(bound) = bound else { continue };
            let mut values = BTreeMap::new();
            for (parameter, argument) in parameters.iter().zip(bound) {
                let value = match argument {
                    Some(argument) if parameter.parameter_type == Type::Word => {
                        self.word_value(argument)
                    }
                    Some(argument) => {
                        let expected = of_kind(&parameter.parameter_type, kind);
                        let term = self.value(argument, &expected, env);
                        self.must_be_known(&term, argument.span, "what an attribute says");
                        self.says_something(&term, argument);
                        term.value
                    }
                    None => self.parameter_default(parameter),
                };
                values.insert(parameter.name.clone(), value);
            }
            if is_recorded {
                let text = format!("`@{name}` is recorded, and changes nothing in this version");
                self.report(
                    Diagnostic::warning(code::ATTRIBUTE_RECORDED, attribute.path.span, text)
                        .help("everything is judged as if it did not stand here")
                        .help("leave it for those who read the spec, or take it out"),
                );
            }
            all.insert(name, values);
        }
        all
    }

    /// Reports an argument that says nothing, or one thing twice.
    fn says_something(&mut self, term: &Term, written: &Expr) {
        match &term.value {
            _ if term.term_type.is_error() => {}
            Value::List(elements) if elements.is_empty() => self.lists_nothing(written.span),
            Value::List(_) => self.each_once(&term.value, written),
            Value::String(text) if text.trim().is_empty() => self.value_fault(
                Diagnostic::error(code::VALUE_REFUSED, written.span, "this says nothing")
                    .help("the attribute would stand here without any effect")
                    .help("write what is meant, or take it out"),
            ),
            _ => {}
        }
    }

    /// Reports blocks of one kind and place that stand for one thing of the world.
    pub(crate) fn check_existing(&mut self, program: &Program) {
        let mut first: BTreeMap<(&str, Option<&Address>, &Value), &Block> = BTreeMap::new();
        for block in &program.blocks {
            let existing = block.attributes.get(EXISTING);
            let Some(id) = existing.and_then(|existing| existing.values().next()) else {
                continue;
            };
            let before = *first
                .entry((&block.kind, block.place.as_ref(), id))
                .or_insert(block);
            if before.address == block.address {
                continue;
            }
            let finding = Diagnostic::error(
                code::EXISTING_TWICE,
                block.name_span,
                "what stands already is another block's",
            );
            let finding = match before.name_span == block.name_span {
                true => finding.help("each element of the `for` would be the same thing"),
                false => finding.also(before.name_span, "this one's"),
            };
            let finding = finding.help("two blocks would change one thing, each as it says");
            self.report(match before.name_span == block.name_span {
                true => finding.help("put the key into the id: `@existing(\"vm-${name}\")`"),
                false => finding.help("take one of them out, or give it the id of its own"),
            });
        }
    }

    /// A bare word as a value.    /// A bare word as a value.
    fn word_value(&mut self, argument: &Expr) -> Value {
        match argument.as_name() {
            Some(word) => Value::text(word),
            None => {
                self.report(
                    Diagnostic::error(code::TYPE_WRONG, argument.span, "a name belongs here")
                        .help("what is meant is said by its name alone")
                        .help("write the name without quotes"),
                );
                Value::None
            }
        }
    }

    fn unknown_attribute(&mut self, attribute: &Attribute, name: &str) {
        let known = self.library.attributes.keys().map(String::as_str);
        let meant = nearest(name, known);
        if !name.is_empty() {
            self.report(
                Diagnostic::error(
                    code::ATTRIBUTE_UNKNOWN,
                    attribute.path.span,
                    format!("there is no attribute `{name}` for this"),
                )
                .help("it would stand here without any effect")
                .suggest(attribute.path.span, name, meant),
            );
        }
    }

    /// The blocks that `after` names.
    pub(crate) fn comes_after(&mut self, value: &Expr, env: Env<'_>) -> Vec<Address> {
        // A list may name blocks of several kinds, so its elements are no list of one type.
        let elements: Vec<&Expr> = match &value.kind {
            ExprKind::List(elements) => elements.iter().collect(),
            _ => vec![value],
        };
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut add = |address: &Address| {
            if seen.insert(address.clone()) {
                found.push(address.clone());
            }
        };
        for element in elements {
            let term = self.eval(element, &Type::Any, env);
            if !term.term_type.is_error() && !blocks_in(&term.value, &mut add) {
                let said = term.term_type.said();
                let text = format!("this is {said}, and blocks belong here");
                self.report(
                    Diagnostic::error(code::TYPE_WRONG, element.span, text)
                        .help("`after` says what must be there first, though no data comes from it")
                        .help("name a block, or a list of blocks"),
                );
            }
        }
        found
    }
}

/// Calls `add` for the blocks that a value names; whether it names nothing else.
fn blocks_in(value: &Value, add: &mut dyn FnMut(&Address)) -> bool {
    match value {
        Value::Reference(reference) if reference.path.is_empty() => {
            add(&reference.address);
            true
        }
        // An absent block is nothing to wait for.
        Value::None => true,
        Value::List(elements) => elements.iter().all(|element| blocks_in(element, add)),
        Value::Record(entries) => entries.values().all(|entry| blocks_in(entry, add)),
        _ => false,
    }
}

/// The type of an attribute's parameter on a block of this kind: where a field is expected, one of
/// its own.
fn of_kind(declared: &Type, kind: &Kind) -> Type {
    match declared {
        Type::FieldWord => {
            let fields = kind.fields.iter().filter(|(_, field)| !field.computed);
            Type::enumeration(fields.map(|(name, _)| name.clone()))
        }
        Type::List(inner) => Type::List(Arc::new(of_kind(inner, kind))),
        other => other.clone(),
    }
}
