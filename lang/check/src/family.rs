//! What the name of a block with `for` amounts to: a map of its elements, by their keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::Value;

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::scope::{Form, NodeId};
use crate::tree::{Expr, ExprKind};
use crate::types::{Term, Type};
use crate::unify::unify;

impl Checker<'_> {
    /// The elements of a `for`, by key.
    pub(crate) fn elements_by_key(&self, family: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let family = self.families.get(&family);
        family
            .into_iter()
            .flat_map(|family| family.elements.values().copied())
    }

    pub(crate) fn family_map(&self, id: NodeId, element: Type) -> Term {
        let elements = self.families.get(&id).map(|family| &family.elements);
        let entries = elements.into_iter().flatten();
        let entries = entries.map(|(key, id)| (key.clone(), self.reference_to(*id)));
        Term::new(
            Type::Map(Arc::new(element)),
            Value::Record(entries.collect()),
        )
    }

    /// What a reference to all elements of a `for` amounts to.
    pub(crate) fn refer_to_family(&mut self, id: NodeId, of: &Arc<Form>, span: Span) -> Term {
        let term = self.evaluate(id, span);
        let with_content = matches!(&**of, Form::Block(kind) if kind.has_content());
        if !with_content || term.term_type.is_error() {
            return term;
        }
        let elements: Vec<NodeId> = self.elements_by_key(id).collect();
        let mut common = Type::Any;
        for element in elements {
            let term = self.refer(element, span);
            match unify(&common, &term.term_type) {
                Some(unified) => common = unified,
                // Tables of different columns: each is known by its key alone.
                None => return self.family_map(id, Type::Any),
            }
        }
        self.family_map(id, common)
    }

    /// An element of a map of blocks that have no type in common, as what it is.
    pub(crate) fn as_declared(&mut self, term: Term) -> Term {
        let id = match (&term.term_type, &term.value) {
            (Type::Any, Value::Reference(reference)) if reference.path.is_empty() => {
                self.addresses.get(&reference.address).copied()
            }
            _ => None,
        };
        match id {
            Some(id) => self.refer(id, self.nodes[id].name.span),
            None => term,
        }
    }

    /// The block with `for` that an expression names.
    pub(crate) fn family_named(&mut self, expr: &Expr, env: Env<'_>) -> Option<NodeId> {
        if self.families.is_empty() {
            return None;
        }
        let id = self.node_named(expr, env)?;
        matches!(self.nodes[id].form, Form::Family(_)).then_some(id)
    }

    /// The declaration that an expression names, as far as that can be told without evaluating it.
    fn node_named(&self, expr: &Expr, env: Env<'_>) -> Option<NodeId> {
        match &expr.kind {
            ExprKind::Name(name) if env.local(name).is_none() => self.find(name, env.scope?),
            ExprKind::Member { object, name } => match self.node_named(object, env) {
                Some(around) => self.inside(around, &name.text),
                None => {
                    let word = object.as_name()?;
                    let found = self.find(&name.text, env.scope?)?;
                    let of = &self.nodes[found].address.kind;
                    (env.local(word).is_none() && of == word).then_some(found)
                }
            },
            _ => None,
        }
    }

    /// `workers["eu"]`: one element of a `for`.
    pub(crate) fn element_at(&mut self, family: NodeId, index: &Expr, env: Env<'_>) -> Term {
        self.expand_family(family, index.span);
        let failed = self
            .evaluated(family)
            .is_none_or(|term| term.term_type.is_error());
        let known = self.families.get(&family).filter(|_| !failed);
        let Some(key_type) = known.map(|family| family.key_type.clone()) else {
            self.eval(index, &Type::Error, env);
            return Term::error();
        };
        let at = self.value(index, &key_type, env);
        if at.term_type.is_error() || !self.must_be_known(&at, index.span, "a key") {
            return Term::error();
        }
        let key = key_text(&at.value).unwrap_or_default();
        let elements = self.families.get(&family).map(|family| &family.elements);
        if let Some(element) = elements.and_then(|elements| elements.get(&key)).copied() {
            return self.refer(element, index.span);
        }
        let keys: Vec<&str> = elements
            .into_iter()
            .flat_map(|all| all.keys().map(String::as_str))
            .collect();
        let finding = Diagnostic::error(
            code::INDEX_WRONG,
            index.span,
            format!("`{}` has no element `{key}`", self.nodes[family].name.text),
        )
        .help("what is made from it would have nothing to be made from");
        let finding = match keys.as_slice() {
            [] => finding.help("it has no elements at all"),
            keys => finding.help(format!("its keys are {}", crate::wording::list_some(keys))),
        };
        self.report(finding);
        Term::error()
    }
}

/// A key of this type, from its text in an address.
pub(crate) fn key_term(key: &str, key_type: &Type) -> Term {
    let value = match key_type {
        Type::Int => key.parse().map_or(Value::None, Value::Int),
        Type::Enum(_) => Value::Case {
            name: key.to_owned(),
            arguments: BTreeMap::new(),
        },
        _ => Value::text(key),
    };
    Term::new(key_type.clone(), value)
}

/// A key as it stands in an address.
pub(crate) fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Case { name, arguments } if arguments.is_empty() => Some(name.clone()),
        _ => None,
    }
}
