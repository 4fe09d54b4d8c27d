//! `xs[0]`, `map["key"]`: an element by its place or its key, and parts of what is not copied.

use std::collections::BTreeMap;

use mlinfra_api::Value;

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::member::deeper;
use crate::scope::Form;
use crate::suggest::nearest;
use crate::tree::{Expr, ExprKind};
use crate::types::{Term, Type, a};
use crate::wording::list_some;

impl Checker<'_> {
    pub(crate) fn eval_index(&mut self, object: &Expr, index: &Expr, env: Env<'_>) -> Term {
        if let Some(family) = self.family_named(object, env) {
            return self.element_at(family, index, env);
        }
        if let Some(found) = self.index_in_place(object, index, env) {
            return found;
        }
        let of = self.eval(object, &Type::Any, env);
        let wanted = match of.term_type.bare() {
            Type::List(_) => Type::Int,
            Type::Map(_) | Type::Record(_) => Type::String,
            Type::Error => {
                self.eval(index, &Type::Any, env);
                return Term::error();
            }
            Type::Optional(_) => {
                self.may_be_absent(object.span);
                return Term::error();
            }
            other => {
                let text = format!("{other} has no elements", other = a(other));
                self.report(
                    Diagnostic::error(code::TYPE_WRONG, object.span, text)
                        .help("only lists and maps are indexed")
                        .help("take the brackets out"),
                );
                return Term::error();
            }
        };
        let at = self.value(index, &wanted, env);
        if at.term_type.is_error() || !self.must_be_known(&at, index.span, "an index") {
            return Term::error();
        }
        let secret = of.term_type.is_secret();
        let found = self.indexed(&of, &at.value, index.span);
        Term::new(found.term_type.kept_secret(secret), found.value)
    }

    /// What a name stands for, or an entry of it, where it is: to take a part out of it, the whole
    /// need not be copied. None where more is to be said of it than what it is.
    pub(crate) fn in_place<'s>(
        &'s self,
        expr: &Expr,
        env: Env<'s>,
    ) -> Option<(&'s Type, &'s Value)> {
        let term = match &expr.kind {
            // What was asked for is of another type here.
            _ if env.present.is_some() => return None,
            ExprKind::Member { object, name } => {
                let (of, whole) = self.in_place(object, env)?;
                return entry_in(of, whole, &name.text);
            }
            ExprKind::Name(name) => match env.local(name) {
                Some(term) => term,
                None => {
                    let id = self.find(name, env.scope?)?;
                    let node = &self.nodes[id];
                    let is_plain = matches!(node.form, Form::Let | Form::Parameter | Form::Round);
                    let is_marked = !node.item.attributes.is_empty();
                    self.evaluated(id).filter(|_| is_plain && !is_marked)?
                }
            },
            _ => return None,
        };
        Some((&term.term_type, &term.value))
    }

    /// An element of a list, a map or a record that has a name, without copying the others; none
    /// where it can't be had so.
    fn index_in_place(&mut self, object: &Expr, index: &Expr, env: Env<'_>) -> Option<Term> {
        let (of, whole) = self.in_place(object, env)?;
        let wanted = match (of, whole) {
            (Type::List(_), Value::List(_)) => Type::Int,
            (Type::Map(_) | Type::Record(_), Value::Record(_)) => Type::String,
            _ => return None,
        };
        let at = self.value(index, &wanted, env);
        if at.term_type.is_error() || !self.must_be_known(&at, index.span, "an index") {
            return Some(Term::error());
        }
        let (of, whole) = self.in_place(object, env)?;
        let element = match (of, whole, &at.value) {
            (Type::List(inner), Value::List(elements), Value::Int(place)) => {
                let place = usize::try_from(*place).ok();
                let element = place.and_then(|place| elements.get(place));
                element.map(|element| (&**inner, element))
            }
            (_, _, Value::String(key)) => entry_in(of, whole, key),
            _ => None,
        };
        let Some((of, element)) = element else {
            // What is wrong is said of the whole.
            let whole = self.eval(object, &Type::Any, env);
            return Some(self.indexed(&whole, &at.value, index.span));
        };
        let mut budget = self.budget.clone();
        let paid = budget.copy(element);
        let term = paid.is_ok().then(|| Term::new(of.clone(), element.clone()));
        self.budget = budget;
        self.paid(paid, index.span);
        Some(term.unwrap_or_else(Term::error))
    }

    fn indexed(&mut self, of: &Term, at: &Value, span: Span) -> Term {
        match (of.term_type.bare(), &of.value, at) {
            (Type::List(inner), Value::List(elements), Value::Int(place)) => {
                let place = usize::try_from(*place).ok();
                match place.and_then(|place| elements.get(place)) {
                    Some(element) => Term::new((**inner).clone(), element.clone()),
                    None => {
                        let text = match elements.len() {
                            0 => "the list is empty".to_owned(),
                            1 => "the list has one element, of place 0".to_owned(),
                            count => format!("the list has {count} elements, counted from 0"),
                        };
                        self.index_wrong(span, text);
                        Term::error()
                    }
                }
            }
            (Type::Map(inner), Value::Record(entries), Value::String(key)) => {
                match entries.get(key) {
                    Some(element) => Term::new((**inner).clone(), element.clone()),
                    None => self.key_wrong(entries, key, span),
                }
            }
            (Type::Record(fields), Value::Record(entries), Value::String(key)) => {
                match fields.get(key).zip(entries.get(key)) {
                    Some((of, element)) => Term::new(of.clone(), element.clone()),
                    None => self.key_wrong(entries, key, span),
                }
            }
            (Type::Map(inner), Value::Reference(_), Value::String(key)) => {
                Term::new((**inner).clone(), deeper(&of.value, key))
            }
            (Type::List(inner) | Type::Map(inner), ..) => {
                Term::new((**inner).clone(), Value::Unknown(inner.to_string()))
            }
            _ => Term::error(),
        }
    }

    fn key_wrong(&mut self, entries: &BTreeMap<String, Value>, key: &str, span: Span) -> Term {
        let known: Vec<&str> = entries.keys().map(String::as_str).collect();
        let is_affordable = self.budget.compare(known.len());
        let compared = known.iter().copied().filter(|_| is_affordable);
        let meant = nearest(key, compared);
        let text = format!("the map has no `{key}`");
        let finding = Diagnostic::error(code::INDEX_WRONG, span, text);
        self.value_fault(match (meant, known.as_slice()) {
            (Some(meant), _) => finding.help(meant.question()),
            (None, []) => finding.help("there is nothing in it"),
            (None, known) => finding
                .help(format!("it has {}", list_some(known)))
                .help("`get(map, key) ?? value` takes another value where there is none"),
        });
        Term::error()
    }

    fn index_wrong(&mut self, span: Span, text: String) {
        self.value_fault(
            Diagnostic::error(code::INDEX_WRONG, span, text)
                .help("there is nothing at that place")
                .help("name one that is there"),
        );
    }
}

/// What stands under this name in a record or a map whose values are known to be there.
pub(crate) fn entry_in<'v>(
    of: &'v Type,
    value: &'v Value,
    name: &str,
) -> Option<(&'v Type, &'v Value)> {
    let entry = value.as_record()?.get(name)?;
    match of {
        Type::Record(fields) => Some((fields.get(name)?, entry)),
        Type::Map(inner) => Some((inner, entry)),
        _ => None,
    }
}
