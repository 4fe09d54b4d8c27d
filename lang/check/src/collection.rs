//! Lists, records, loops over them, and `match`.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::Value;

use crate::budget::VALUES_MAX;
use crate::check::{Checker, Env, Local};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::presence::is_reference;
use crate::tree::{Arm, Body, Expr, Item, Loop, Node, Path, Pattern};
use crate::types::{Term, Type, a};
use crate::unify::{unify, widen};

impl Checker<'_> {
    pub(crate) fn eval_list(
        &mut self,
        elements: &[Expr],
        span: Span,
        expected: &Type,
        env: Env<'_>,
    ) -> Term {
        // Where anything may stand, what is in it says what the list is of: a secret among it too.
        if let Type::List(inner) = expected.present()
            && **inner != Type::Any
        {
            let mut terms: Vec<Term> = Vec::with_capacity(elements.len());
            for element in elements {
                let term = self.eval(element, inner, env);
                if let Some(term) = present_reference(term) {
                    terms.push(self.fitted(term, inner, element.span));
                }
            }
            if terms.iter().any(|term| term.term_type.is_error()) {
                return Term::error();
            }
            if !self.pay_parts(terms.iter().map(|term| &term.value), span) {
                return Term::error();
            }
            let first = terms
                .first()
                .map_or((**inner).clone(), |term| term.term_type.clone());
            let values = terms.into_iter().map(|term| term.value).collect();
            return Term::new(Type::List(Arc::new(first)), Value::List(values));
        }
        // A case in brackets where one stands alone is still a case.
        let mut enums = Vec::new();
        expected.enums(&mut enums);
        let inner = match expected {
            expected if expected.is_error() => Type::Error,
            expected if !enums.is_empty() => expected.present().clone(),
            _ => Type::Any,
        };
        let terms = elements.iter().filter_map(|element| {
            let term = present_reference(self.eval(element, &inner, env))?;
            Some((term, element.span))
        });
        let terms: Vec<(Term, Span)> = terms.collect();
        self.list_of(terms, span)
    }

    /// A list of these terms, if they have a type in common.
    fn list_of(&mut self, terms: Vec<(Term, Span)>, span: Span) -> Term {
        let mut common = Type::Any;
        for (term, span) in &terms {
            match unify(&common, &term.term_type) {
                Some(unified) => common = unified,
                None => {
                    self.differ(&common, &term.term_type, *span);
                    return Term::error();
                }
            }
        }
        if terms.iter().any(|(term, _)| term.term_type.is_error()) {
            return Term::error();
        }
        if !self.pay_parts(terms.iter().map(|(term, _)| &term.value), span) {
            return Term::error();
        }
        let values = terms
            .into_iter()
            .map(|(term, _)| widen(term, &common).value)
            .collect();
        Term::new(Type::List(Arc::new(common)), Value::List(values))
    }

    pub(crate) fn eval_comprehension(
        &mut self,
        element: &Expr,
        repeat: &Loop,
        when: Option<&Expr>,
        expected: &Type,
        env: Env<'_>,
    ) -> Term {
        let inner = match expected.present() {
            Type::List(inner) => (**inner).clone(),
            _ => Type::Any,
        };
        self.rounds_hide_nothing(repeat, env);
        let source = self.eval(&repeat.source, &Type::Any, env);
        let Some(rounds) = self.rounds(&source, repeat) else {
            if source.term_type.is_error() || !self.is_supposed {
                return Term::error();
            }
            let of = self.type_of_element(element, when, &source, repeat, env);
            return of.map_or(Term::error(), |of| {
                Term::unknown(Type::List(Arc::new(of)), &[&source])
            });
        };
        let mut terms = Vec::new();
        for (first, second) in &rounds {
            let term = in_round(repeat, (first, second.as_ref()), env, |inside| {
                match when.map(|condition| self.condition(condition, inside)) {
                    Some(Some(false)) => None,
                    Some(None) => Some(Term::error()),
                    None | Some(Some(true)) => Some(self.element(element, when, &inner, inside)),
                }
            });
            match term {
                None => {}
                Some(term) if term.term_type.is_error() => return Term::error(),
                Some(term) => terms.push((term, element.span)),
            }
        }
        if terms.is_empty()
            && inner == Type::Any
            && let Some(of) = self.type_of_element(element, when, &source, repeat, env)
        {
            return Term::new(Type::List(Arc::new(of)), Value::List(Vec::new()));
        }
        self.list_of(terms, repeat.span)
    }

    fn element(
        &mut self,
        element: &Expr,
        when: Option<&Expr>,
        expected: &Type,
        env: Env<'_>,
    ) -> Term {
        match when {
            None => self.value(element, expected, env),
            Some(condition) => self.where_present(condition, true, env, |checker, inside| {
                checker.value(element, expected, inside)
            }),
        }
    }

    /// What the elements of an empty list would be, as far as that can be said without any.
    fn type_of_element(
        &mut self,
        element: &Expr,
        when: Option<&Expr>,
        source: &Term,
        repeat: &Loop,
        env: Env<'_>,
    ) -> Option<Type> {
        let (first, second) = match goes_over(&source.term_type) {
            Type::List(inner) | Type::Range(inner) => ((*inner).clone(), None),
            Type::Map(inner) if repeat.names.len() < 2 => ((*inner).clone(), None),
            Type::Map(inner) => (Type::String, Some((*inner).clone())),
            _ => return None,
        };
        if first == Type::Any {
            return None;
        }
        let first = Term::unknown(first, &[]);
        let second = second.map(|of| Term::unknown(of, &[]));
        let term = in_round(repeat, (&first, second.as_ref()), env, |inside| {
            self.branch(false, |checker| {
                checker.element(element, when, &Type::Any, inside)
            })
        });
        (!term.term_type.is_error()).then_some(term.term_type)
    }

    /// What a loop's names stand for, round by round.
    pub(crate) fn rounds(
        &mut self,
        source: &Term,
        repeat: &Loop,
    ) -> Option<Vec<(Term, Option<Term>)>> {
        if source.term_type.is_error() {
            return None;
        }
        if matches!(source.term_type, Type::Secret(_)) {
            self.secret_in_the_open(repeat.source.span);
            return None;
        }
        // What is inside of a list may be known later: how many rounds there are is known.
        let counted = matches!(source.value, Value::List(_) | Value::Record(_));
        if !counted && !self.must_be_known(source, repeat.source.span, "what a loop goes over") {
            return None;
        }
        match (&goes_over(&source.term_type), &source.value) {
            (Type::List(inner), Value::List(elements)) => {
                let round = |element: &Value| (Term::new((**inner).clone(), element.clone()), None);
                Some(elements.iter().map(round).collect())
            }
            (Type::Map(inner), Value::Record(entries)) => {
                let is_single = repeat.names.len() < 2;
                let mut rounds = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let value = self.as_declared(Term::new((**inner).clone(), value.clone()));
                    let key = Term::new(Type::String, Value::text(key));
                    rounds.push(match is_single {
                        true => (value, None),
                        false => (key, Some(value)),
                    });
                }
                Some(rounds)
            }
            (Type::Range(_), Value::Range(low, high)) => {
                let (low, high) = (low.as_int()?, high.as_int()?);
                let count = high.checked_sub(low).map_or(u64::MAX, |d| d.max(-1) as u64);
                if count >= VALUES_MAX && low <= high {
                    self.limit(
                        repeat.source.span,
                        &format!("more than {VALUES_MAX} rounds"),
                    );
                    return None;
                }
                let round = |number| (Term::new(Type::Int, Value::Int(number)), None);
                Some((low..=high).map(round).collect())
            }
            (other, _) => {
                let text = format!(
                    "this is {other}; a loop goes over a list, a map or a range",
                    other = a(other)
                );
                self.report(
                    Diagnostic::error(code::TYPE_WRONG, repeat.source.span, text)
                        .help("there is nothing in it to go over")
                        .help("put a list here"),
                );
                None
            }
        }
    }

    pub(crate) fn eval_record(
        &mut self,
        body: &Body,
        span: Span,
        expected: &Type,
        env: Env<'_>,
    ) -> Term {
        if let Type::Fields(fields) = expected.present().bare() {
            let fields = Arc::clone(fields);
            return self.eval_fields(body, span, &fields, env);
        }
        let inner = match expected.present().bare() {
            // Where anything may stand, each entry keeps its own type.
            Type::Map(inner) if **inner != Type::Any => Some((**inner).clone()),
            _ => None,
        };
        let mut entries: BTreeMap<String, Value> = BTreeMap::new();
        let mut fields: BTreeMap<String, Type> = BTreeMap::new();
        let mut failed = false;
        for item in &body.items {
            let Some((path, value)) = self.record_entry(item) else {
                failed = true;
                continue;
            };
            let term = self.value(value, inner.as_ref().unwrap_or(&Type::Any), env);
            failed |= term.term_type.is_error();
            let key = path.text();
            if key.is_empty() && self.has_hole(path.span) {
                self.hole_in_a_name(path.span);
                failed = true;
                continue;
            }
            if entries.insert(key.clone(), term.value).is_some() {
                self.entry_twice(&key, path.span);
                failed = true;
            }
            if inner.is_none() {
                fields.insert(key, term.term_type);
            }
        }
        if failed || !self.pay_parts(entries.values(), span) {
            return Term::error();
        }
        let of = match inner {
            Some(inner) => Type::Map(Arc::new(inner)),
            None => Type::Record(Arc::new(fields)),
        };
        Term::new(of, Value::Record(entries))
    }

    fn has_hole(&self, span: Span) -> bool {
        self.text_of(span).contains("${")
    }

    fn hole_in_a_name(&mut self, span: Span) {
        let text = "the name of an entry is written out";
        self.report(
            Diagnostic::error(code::ENTRY_OUT_OF_PLACE, span, text)
                .help("what is in a record is known by the names in it, whatever values there are")
                .help("for keys that are computed write `zip(keys, values)`"),
        );
    }

    /// The name and the value of an entry of a record; none, with a finding, for something else.
    pub(crate) fn record_entry<'i>(&mut self, item: &'i Item) -> Option<(&'i Path, &'i Expr)> {
        match &item.node {
            Node::Field { path, value } => return Some((path, value)),
            Node::Bad => {}
            _ if item.broken => {}
            _ => self.no_entry(item.span),
        }
        None
    }

    fn no_entry(&mut self, span: Span) {
        let text = "this is no entry of a record";
        self.report(
            Diagnostic::error(code::ENTRY_OUT_OF_PLACE, span, text)
                .help("a record holds `name = value` alone")
                .help("write it so, or take it out"),
        );
    }

    /// Reports an entry that stands twice.
    pub(crate) fn entry_twice(&mut self, key: &str, span: Span) {
        let text = format!("`{key}` stands here twice");
        self.report(
            Diagnostic::error(code::KEY_TWICE, span, text)
                .help("only one of the two could hold")
                .help("take one of them out"),
        );
    }

    pub(crate) fn eval_match(
        &mut self,
        subject: &Expr,
        arms: &[Arm],
        expected: &Type,
        env: Env<'_>,
    ) -> Term {
        let Some(term) = self.match_subject(subject, env) else {
            return Term::error();
        };
        let known = term.is_known();
        let mut chosen: Option<Term> = None;
        let mut common = Type::Any;
        let mut failed = false;
        let mut covered: BTreeMap<Value, Span> = BTreeMap::new();
        let mut rest: Option<Span> = None;
        for arm in arms {
            let mut matches = false;
            for pattern in &arm.patterns {
                let (at, before) = match pattern {
                    Pattern::Rest => {
                        matches |= known;
                        (arm.value.span, rest.replace(arm.value.span))
                    }
                    Pattern::Value(pattern) => {
                        let wanted = self.value(pattern, term.term_type.present(), env);
                        matches |= known && wanted.value == term.value;
                        let before = match wanted.term_type.is_error() {
                            true => None,
                            false => covered.insert(wanted.value, pattern.span),
                        };
                        failed |= wanted.term_type.is_error();
                        (pattern.span, before.or(rest))
                    }
                };
                if let Some(before) = before {
                    self.never_chosen(at, before);
                }
            }
            let is_chosen = matches && chosen.is_none();
            let value = self.eval_arm(subject, arm, is_chosen, expected, env);
            failed |= value.term_type.is_error();
            match unify(&common, &value.term_type) {
                Some(unified) => common = unified,
                None => {
                    self.differ(&common, &value.term_type, arm.value.span);
                    failed = true;
                }
            }
            if matches && chosen.is_none() {
                chosen = Some(value);
            }
        }
        if failed {
            return Term::error();
        }
        if rest.is_none() && !self.covers(&term.term_type, &covered, subject.span) {
            return Term::error();
        }
        match chosen {
            Some(term) => widen(term, &common),
            None if !known => Term::unknown(common, &[&term]),
            None => Term::error(),
        }
    }

    /// What a `match` looks at; none, with a finding, if it can't decide.
    fn match_subject(&mut self, subject: &Expr, env: Env<'_>) -> Option<Term> {
        let term = self.eval(subject, &Type::Any, env);
        if term.term_type.is_secret() {
            self.secret_in_the_open(subject.span);
            return None;
        }
        let is_open = self.is_supposed || self.may_be_open(&term);
        let decides = is_open || self.must_be_known(&term, subject.span, "what decides");
        (decides && !term.term_type.is_error()).then_some(term)
    }

    /// Warns of a pattern whose arm is never chosen, or `_` with the arm of it.
    fn never_chosen(&mut self, at: Span, before: Span) {
        self.report(
            Diagnostic::warning(code::ARM_UNREACHED, at, "an arm before stands for this")
                .also(before, "this one")
                .help("the first arm that fits is chosen, so this one never is")
                .help("take it out, or write another pattern"),
        );
    }

    /// Whether these patterns name every value of the type; a finding if not.
    fn covers(&mut self, subject: &Type, covered: &BTreeMap<Value, Span>, span: Span) -> bool {
        let missing: Vec<String> = match subject.bare() {
            Type::Enum(enumeration) => {
                let named = |name: &str| covered.keys().any(|value| value.as_case() == Some(name));
                let cases = enumeration.cases().iter().map(|case| case.name.clone());
                cases.filter(|name| !named(name)).collect()
            }
            Type::Bool => [true, false]
                .into_iter()
                .filter(|flag| !covered.contains_key(&Value::Bool(*flag)))
                .map(|flag| flag.to_string())
                .collect(),
            _ => vec!["_".to_owned()],
        };
        if missing.is_empty() {
            return true;
        }
        let names: Vec<&str> = missing.iter().map(String::as_str).collect();
        let text = format!("nothing is said for {}", crate::wording::list(&names));
        self.report(
            Diagnostic::error(code::MATCH_WRONG, span, text)
                .help("the result would be unknown in that case")
                .help("add an arm for it, or `_ => value` for the rest"),
        );
        false
    }
}

/// Does something where the names of a loop stand for these.
pub(crate) fn in_round<R>(
    repeat: &Loop,
    (first, second): (&Term, Option<&Term>),
    env: Env<'_>,
    does: impl FnOnce(Env<'_>) -> R,
) -> R {
    let outer = Local {
        name: repeat.names.first().map_or("", |name| name.text.as_str()),
        term: first,
        next: env.locals,
    };
    let both = second.zip(repeat.names.get(1));
    let both = both.map(|(term, name)| Local {
        name: &name.text,
        term,
        next: Some(&outer),
    });
    does(Env {
        locals: Some(both.as_ref().unwrap_or(&outer)),
        ..env
    })
}

/// A reference to what may be absent as one to what is there; none if it is absent.
fn present_reference(term: Term) -> Option<Term> {
    match &term.term_type {
        Type::Optional(inner) if is_reference(inner) => {
            let inner = (**inner).clone();
            (term.value != Value::None).then(|| Term::new(inner, term.value))
        }
        _ => Some(term),
    }
}

/// What a loop goes over: a record is a map if all that is in it is of one type.
fn goes_over(source: &Type) -> Type {
    match source.bare() {
        Type::Record(fields) => {
            let mut all = fields.values();
            match all.try_fold(Type::Any, |common, of| unify(&common, of)) {
                Some(common) => Type::Map(Arc::new(common)),
                None => source.bare().clone(),
            }
        }
        other => other.clone(),
    }
}
