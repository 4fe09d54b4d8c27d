//! `xs[0]`, `map["key"]`: an element by its place or its key.

use std::collections::BTreeMap;

use mlinfra_api::Value;

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::member::deeper;
use crate::suggest::nearest;
use crate::tree::Expr;
use crate::types::{Term, Type, a};
use crate::wording::list_some;

impl Checker<'_> {
    pub(crate) fn eval_index(&mut self, object: &Expr, index: &Expr, env: Env<'_>) -> Term {
        if let Some(family) = self.family_named(object, env) {
            return self.element_at(family, index, env);
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
        let meant = nearest(key, known.iter().copied());
        let text = format!("the map has no `{key}`");
        let finding = Diagnostic::error(code::INDEX_WRONG, span, text);
        self.value_fault(match (meant, known.as_slice()) {
            (Some(meant), _) => finding.help(format!("a similar key is there: `{meant}`")),
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
