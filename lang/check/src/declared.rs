//! What the standard library declares beyond cases: records, what `/` joins, what a block can be
//! asked, and what is on its way out.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::Value;

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::mark;
use crate::schema::{Function, Kind, KindValue};
use crate::scope::{Form, NodeId};
use crate::suggest::nearest;
use crate::tree::{Argument, Binary, Body, Expr, ExprKind, Name};
use crate::types::{FieldsType, Parameter, Term, Type};
use crate::wording::list;

impl Checker<'_> {
    /// A declared record: every entry is one of its own, and none that it needs is missing.
    pub(crate) fn eval_fields(
        &mut self,
        body: &Body,
        span: Span,
        record: &Arc<FieldsType>,
        env: Env<'_>,
    ) -> Term {
        let mut entries: BTreeMap<String, Value> = BTreeMap::new();
        let mut failed = false;
        let known: Vec<&str> = record
            .fields()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        for item in &body.items {
            let Some((path, value)) = self.record_entry(item) else {
                failed = true;
                continue;
            };
            let key = path.text();
            let Some(wanted) = record.field(&key) else {
                let meant = nearest(&key, known.iter().copied());
                let text = format!("`{}` has no entry `{key}`", record.name);
                self.report(
                    Diagnostic::error(code::FIELD_UNKNOWN, path.span, text)
                        .help("nothing would read it, so it would have no effect")
                        .help(format!("its entries are {}", list(&known)))
                        .suggest(path.span, &key, meant),
                );
                failed = true;
                continue;
            };
            let term = self.value(value, wanted, env);
            failed |= term.term_type.is_error();
            if entries.insert(key.clone(), term.value).is_some() {
                self.entry_twice(&key, path.span);
                failed = true;
            }
        }
        let mut missing = record.fields().iter();
        let missing = missing.find(|(name, of)| !of.may_be_absent() && !entries.contains_key(name));
        if let Some((name, _)) = missing.filter(|_| !failed) {
            let text = format!("`{}` needs `{name}`", record.name);
            self.report(
                Diagnostic::error(code::FIELD_MISSING, span, text)
                    .help("there is no value that would be right for everybody")
                    .help(format!("add `{name} = value`")),
            );
            failed = true;
        }
        if failed || !self.pay_parts(entries.values(), span) {
            return Term::error();
        }
        entries.retain(|_, value| *value != Value::None);
        Term::new(Type::Fields(Arc::clone(record)), Value::Record(entries))
    }

    /// `block / "text"`: the case that is declared for such blocks; none for any other operands.
    pub(crate) fn joined(
        &mut self,
        operator: Binary,
        terms: &(Term, Term),
        right: Span,
    ) -> Option<Term> {
        let (block, text) = terms;
        let Type::Block(kind) = &block.term_type else {
            return None;
        };
        let library = self.library;
        let (made, name) = library.joins.get(&**kind)?;
        if operator != Binary::Divide {
            return None;
        }
        let parameters: &[Parameter] = &made.case(name)?.parameters;
        let [first, second] = parameters else {
            return None;
        };
        let text = self.fitted(text.clone(), &second.parameter_type, right);
        if text.term_type.is_error() {
            return Some(Term::error());
        }
        let arguments = BTreeMap::from([
            (first.name.clone(), block.value.clone()),
            (second.name.clone(), text.value),
        ]);
        let value = Value::Case {
            name: name.clone(),
            arguments,
        };
        Some(Term::new(Type::Enum(Arc::clone(made)), value))
    }

    /// `block.function(…)`: what a block can be asked; none if this is no such call.
    pub(crate) fn ask(
        &mut self,
        object: &Expr,
        name: &Name,
        arguments: &[Argument],
        env: Env<'_>,
    ) -> Option<Term> {
        if let ExprKind::Name(word) = &object.kind {
            let find = |scope| self.find(word, scope).is_some();
            if env.local(word).is_none() && !env.scope.is_some_and(find) {
                return None;
            }
        }
        let term = self.eval(object, &Type::Any, env);
        if term.term_type.is_error() {
            return Some(Term::error());
        }
        let reference = term.value.as_reference().filter(|to| to.path.is_empty())?;
        let id = *self.addresses.get(&reference.address)?;
        let Form::Block(kind) = &self.nodes[id].form else {
            return None;
        };
        let kind = Arc::clone(kind);
        if matches!(kind.value, KindValue::Condition | KindValue::Operation) {
            return None;
        }
        let asked = &kind.figures.asked;
        let Some(function) = asked.get(&name.text) else {
            let known: Vec<&str> = asked.keys().map(String::as_str).collect();
            let text = format!("a `{}` can't be asked for `{}`", kind.name, name.text);
            let finding = Diagnostic::error(code::NOT_ASKED, name.span, text)
                .help("only what its kind declares as a function is computed from a block");
            let finding = match (known.as_slice(), nearest(&name.text, known.iter().copied())) {
                (_, Some(meant)) => finding.suggest(name.span, &name.text, Some(meant)),
                ([], None) if kind.fields.contains_key(&name.text) => {
                    finding.help("it is a field: take the parentheses out")
                }
                ([], None) => finding.help("write `name(value)`, or an operator such as `==`"),
                (known, None) => finding.help(format!("it can be asked for {}", list(known))),
            };
            self.report(finding);
            return Some(Term::error());
        };
        Some(self.asked_of(id, &kind, &Arc::clone(function), arguments, name.span, env))
    }

    fn asked_of(
        &mut self,
        id: NodeId,
        kind: &Kind,
        function: &Arc<Function>,
        arguments: &[Argument],
        span: Span,
        env: Env<'_>,
    ) -> Term {
        let Some(bound) = self.bind(&function.parameters, arguments, &function.name, span) else {
            return Term::error();
        };
        let mut values: BTreeMap<String, Value> = BTreeMap::new();
        for (parameter, argument) in function.parameters.iter().zip(bound) {
            let value = match argument {
                Some(argument) => {
                    let term = self.value(argument, &parameter.parameter_type, env);
                    if term.term_type.is_error() {
                        return Term::error();
                    }
                    term.value
                }
                None => self.parameter_default(parameter),
            };
            values.insert(parameter.name.clone(), value);
        }
        self.evaluate(id, span);
        let value = self.answer(id, kind, function, &values);
        let unknown = || Value::Unknown(function.result.to_string());
        Term::new(function.result.clone(), value.unwrap_or_else(unknown))
    }

    /// What a block answers; none if nobody knows.
    fn answer(
        &mut self,
        id: NodeId,
        kind: &Kind,
        function: &Function,
        arguments: &BTreeMap<String, Value>,
    ) -> Option<Value> {
        match function.name.as_str() {
            "memory" => self.model_memory(id, kind, arguments),
            _ => None,
        }
    }

    /// Warns if what is referred to is marked as on its way out.
    pub(crate) fn refer_to_old(&mut self, id: NodeId, span: Span) {
        let item = self.nodes[id].item;
        let Some(instead) = mark::text(item, "deprecated") else {
            return;
        };
        let name = self.nodes[id].name.text.clone();
        self.warn_deprecated(&name, &instead, span);
    }

    /// Warns of what is on its way out, and says what to use in its place.
    pub(crate) fn warn_deprecated(&mut self, what: &str, instead: &str, span: Span) {
        let text = format!("`{what}` is on its way out");
        self.report(
            Diagnostic::warning(code::DEPRECATED, span, text)
                .help("it works as it did; a later edition will not have it")
                .help(instead.to_owned()),
        );
    }
}
