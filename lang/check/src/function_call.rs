//! Calls of functions on values of the spec: what flows in, what must be known, what comes out.

use std::sync::Arc;

use mlinfra_api::{Quantity, Value};
use rust_decimal::Decimal;

use crate::budget::TEXT_BYTES_MAX;
use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Edit, Fix, Span};
use crate::fit::{Misfit, fit};
use crate::functions::{Body, Fault, Needs};
use crate::quantity::NumberFault;
use crate::schema::{Function, Reads};
use crate::suggest::nearest;
use crate::tree::{Argument, Expr};
use crate::types::{Term, Type};
use crate::unify::unify;
use crate::wording::list;

/// What a call gives to a body: the terms, and where each was written.
struct Given {
    terms: Vec<Term>,
    spans: Vec<Span>,
    /// Whether one of them is secret: so is the result.
    secret: bool,
}

impl Checker<'_> {
    pub(crate) fn call_function(
        &mut self,
        function: &Function,
        arguments: &[Argument],
        span: Span,
        env: Env<'_>,
    ) -> Term {
        if !function.value {
            let text = format!("`{}` works on the cells of a row alone", function.name);
            self.report(
                Diagnostic::error(code::FUNCTION_ELSEWHERE, span, text)
                    .help("numbers of the spec are exact, and its result is not")
                    .help("use it on a column of a table"),
            );
            return Term::error();
        }
        let Some(bound) = self.bind(&function.parameters, arguments, &function.name, span) else {
            return Term::error();
        };
        if let (Type::BlocksOf(_), Some(Some(word))) = (&function.result, bound.first()) {
            return self.blocks_of(word);
        }
        let Some(given) = self.given_to(function, &bound, span, env) else {
            return Term::error();
        };
        let secret = given.secret;
        let result = self.called(function, given, span);
        match secret && !result.term_type.is_error() {
            true => Term::new(Type::Secret(Arc::new(result.term_type)), result.value),
            false => result,
        }
    }

    /// The arguments, each as what its parameter takes; none, with findings, if one is not.
    fn given_to(
        &mut self,
        function: &Function,
        bound: &[Option<&Expr>],
        span: Span,
        env: Env<'_>,
    ) -> Option<Given> {
        let mut given = Given {
            terms: Vec::with_capacity(bound.len()),
            spans: Vec::with_capacity(bound.len()),
            secret: false,
        };
        for (parameter, argument) in function.parameters.iter().zip(bound) {
            let declared = &parameter.parameter_type;
            let wanted = match is_generic(declared) {
                true => substituted(declared, function, &given.terms).unwrap_or(Type::Error),
                false => declared.clone(),
            };
            let Some(argument) = argument else {
                let value = self.parameter_default(parameter);
                given.terms.push(Term::new(wanted, value));
                given.spans.push(span);
                continue;
            };
            // What is given for anything is of its own type, and only then held to the pattern.
            let expected = if is_open(&wanted) {
                &Type::Any
            } else {
                &wanted
            };
            let mut term = self.eval(argument, expected, env);
            if term.term_type.is_secret() {
                given.secret = true;
                term.term_type = term.term_type.revealed();
            }
            if given.terms.is_empty() && self.are_swapped(function, &term, bound, env) {
                return None;
            }
            let term = self.taken(function, term, &wanted, argument.span);
            given.terms.push(term);
            given.spans.push(argument.span);
        }
        let failed = given.terms.iter().any(|term| term.term_type.is_error());
        (!failed).then_some(given)
    }

    /// Reports two arguments that stand the other way round: each fits where the other stands. The
    /// first is evaluated already. Says whether something was reported.
    fn are_swapped(
        &mut self,
        function: &Function,
        first: &Term,
        bound: &[Option<&Expr>],
        env: Env<'_>,
    ) -> bool {
        let ([one, other], [Some(left), Some(right)]) = (function.parameters.as_slice(), bound)
        else {
            return false;
        };
        let (one, other) = (&one.parameter_type, &other.parameter_type);
        let fits = |found: &Type, wanted: &Type| {
            holds_like(wanted, found) && fit(&Value::None, found, wanted).is_ok()
        };
        let found = &first.term_type;
        let is_plain = !is_generic(one) && !is_generic(other) && !found.is_error();
        if !is_plain || fits(found, one) || !fits(found, other) {
            return false;
        }
        let second = self.eval(right, one, env);
        if second.term_type.is_error() || !fits(&second.term_type.revealed(), one) {
            self.taken(function, first.clone(), one, left.span);
            return true;
        }
        let names: Vec<&str> = function
            .parameters
            .iter()
            .map(|p| p.name.as_str())
            .collect();
        let (before, behind) = (self.text_of(left.span), self.text_of(right.span));
        let text = "these two stand the other way round";
        let span = Span {
            end: right.span.end.max(left.span.end),
            start: left.span.start.min(right.span.start),
            ..left.span
        };
        let mut finding = Diagnostic::error(code::TYPE_WRONG, span, text)
            .help("every field and argument says in its declaration what it takes")
            .help(format!("it takes {}, in this order", list(&names)));
        finding.fix = Some(Fix {
            title: "swap them".to_owned(),
            edits: vec![
                Edit {
                    span: left.span,
                    text: behind,
                },
                Edit {
                    span: right.span,
                    text: before,
                },
            ],
        });
        self.report(finding);
        true
    }

    /// One argument. Unlike a field, a function makes no list of one element; what it is made for
    /// anything keeps its own type.
    fn taken(&mut self, function: &Function, term: Term, wanted: &Type, span: Span) -> Term {
        if term.term_type.is_error() {
            return Term::error();
        }
        let found = &term.term_type;
        let fits = match holds_like(wanted, found) {
            true => fit(&Value::None, found, wanted).map(drop),
            false => Err(Misfit::Type),
        };
        let amount = matches!(found.bare(), Type::Quantity(_)) && *wanted == Type::Float;
        if amount && is_generic(&function.result) {
            return term;
        }
        match fits {
            Ok(()) if keeps_type(wanted, function) => term,
            Ok(()) => self.fitted(term, wanted, span),
            Err(misfit) => {
                let finding = self.misfit(&misfit, &term, wanted, span);
                self.report(finding);
                Term::error()
            }
        }
    }

    fn called(&mut self, function: &Function, given: Given, span: Span) -> Term {
        let result = match substituted(&function.result, function, &given.terms) {
            Ok(result) => result,
            Err(unlike) => return self.unlike_arguments(&unlike, &given.spans, span),
        };
        let unknown = |result: Type| {
            let from: Vec<&Term> = given.terms.iter().collect();
            Term::unknown(result, &from)
        };
        match function.reads {
            Some(Reads::Outputs) => return self.outputs_of(&given.terms, &given.spans),
            Some(Reads::Text) => {
                return match given.terms.first() {
                    Some(term) if term.is_known() => self.text_of_file(&term.value, given.spans[0]),
                    _ => unknown(result),
                };
            }
            None => {}
        }
        let Some((needs, body)) = function.body else {
            return Term::error();
        };
        let known = |term: &Term| match needs {
            Needs::All => term.is_known(),
            Needs::Shape => term.has_shape(),
        };
        if !given.terms.iter().all(known) {
            return unknown(result);
        }
        self.run(body, given, result, span)
    }

    /// Reports arguments that have no type in common, or one whose values have none.
    fn unlike_arguments(&mut self, unlike: &Unlike, spans: &[Span], span: Span) -> Term {
        let at = spans.get(unlike.place).copied().unwrap_or(span);
        let (first, second) = (&unlike.first, &unlike.second);
        if unlike.is_inside {
            let text = format!(
                "in this, one value is {}, another {}",
                first.said(),
                second.said()
            );
            self.report(
                Diagnostic::error(code::TYPE_WRONG, at, text)
                    .help("its values have no type in common, so nobody can say what comes out")
                    .help("name a value by its own name, or make all of one type"),
            );
            return Term::error();
        }
        let dimensions = crate::operate::dimension(first).zip(crate::operate::dimension(second));
        if let Some((first, second)) = dimensions {
            return self.number_fault(&NumberFault::Dimensions(first, second), span);
        }
        self.differ(first, second, at);
        Term::error()
    }

    fn run(&mut self, body: Body, given: Given, result: Type, span: Span) -> Term {
        let values: Vec<Value> = given.terms.into_iter().map(|term| term.value).collect();
        match body(&mut self.patterns, &values) {
            Ok(value) => {
                let value = as_type(value, &result);
                let paid = match &value {
                    Value::String(text) => self.pay_text(text.len(), span),
                    Value::List(elements) => self.pay_parts(elements, span),
                    Value::Record(entries) => self.pay_parts(entries.values(), span),
                    _ => true,
                };
                if !paid {
                    return Term::error();
                }
                let result = match result {
                    Type::Any => type_of(&value),
                    result => result,
                };
                Term::new(result, value)
            }
            Err(fault) => {
                self.function_fault(fault, &given.spans, span);
                Term::error()
            }
        }
    }

    fn function_fault(&mut self, fault: Fault, spans: &[Span], span: Span) {
        match fault {
            Fault::Number(fault) => {
                self.number_fault(&fault, span);
            }
            Fault::Limit(text) => self.limit(span, &text),
            Fault::Argument {
                place,
                what,
                advice,
            } => {
                let at = spans.get(place).copied().unwrap_or(span);
                self.value_fault(
                    Diagnostic::error(code::ARGUMENT_REFUSED, at, what)
                        .help("the function has no result for it")
                        .help(advice),
                );
            }
        }
    }

    /// The text of a file in the folder of the spec.
    fn text_of_file(&mut self, path: &Value, span: Span) -> Term {
        let (Some(world), Some(path)) = (self.world, path.as_text()) else {
            return Term::error();
        };
        let refused = match world.read(path) {
            Ok(bytes) if bytes.len() > TEXT_BYTES_MAX => {
                self.limit(span, &format!("a text of more than {TEXT_BYTES_MAX} bytes"));
                return Term::error();
            }
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => {
                    if !self.pay_text(text.len(), span) {
                        return Term::error();
                    }
                    return Term::new(Type::String, Value::String(text));
                }
                Err(_) => "this file is no text".to_owned(),
            },
            Err(why) => format!("this file can't be read: {why}"),
        };
        self.value_fault(
            Diagnostic::error(code::FILE_UNREADABLE, span, refused)
                .help("its text is part of the spec, so the spec says nothing without it")
                .help("name a text in UTF-8, by its path from the folder of the spec"),
        );
        Term::error()
    }

    /// Every block of the kind with this word, in the order written.
    fn blocks_of(&mut self, word: &Expr) -> Term {
        let Some(kind) = word.as_name() else {
            let text = "this is no kind";
            self.report(
                Diagnostic::error(code::TYPE_WRONG, word.span, text)
                    .help("which blocks are meant is said by their kind alone")
                    .help("write its word, without quotes"),
            );
            return Term::error();
        };
        if !self.expanded {
            self.report(
                Diagnostic::error(
                    code::ALL_TOO_EARLY,
                    word.span,
                    "what there is depends on this",
                )
                .help("`for` and `when` decide which blocks there are, so they can't ask")
                .help("name the blocks that are meant"),
            );
            return Term::error();
        }
        if let Some(elements) = self.elements(kind, word.span) {
            return elements;
        }
        let library = self.library;
        let nested = || library.kinds.values().flat_map(|kind| kind.nested.values());
        let known: Vec<&str> = (library.kinds.values().chain(nested()))
            .filter(|kind| !kind.section)
            .map(|kind| kind.name.as_str())
            .chain(library.views.keys().map(String::as_str))
            .collect();
        if !known.contains(&kind) {
            let meant = nearest(kind, known.iter().copied());
            let text = format!("there is no kind `{kind}`");
            let finding = Diagnostic::error(code::KIND_UNKNOWN, word.span, text)
                .help("there would never be a block of it");
            self.report(match meant {
                Some(_) => finding.suggest(word.span, kind, meant),
                None => finding.help(format!("the kinds are {}", list(&known))),
            });
            return Term::error();
        }
        let of_kind = self.of_kind.get(kind).map_or(&[][..], Vec::as_slice);
        let there = of_kind.iter().filter(|id| !self.is_absent(**id));
        let blocks: Vec<Value> = there.map(|id| self.reference_to(*id)).collect();
        if !self.pay_parts(&blocks, word.span) {
            return Term::error();
        }
        let element = Type::Block(kind.into());
        Term::new(Type::List(Arc::new(element)), Value::List(blocks))
    }
}

/// Whether a parameter of this type takes what it is given as what it is.
fn is_generic(wanted: &Type) -> bool {
    match wanted {
        Type::Any | Type::LikeOf(_) | Type::ElementOf(_) => true,
        Type::Optional(inner) | Type::List(inner) | Type::Map(inner) | Type::Range(inner) => {
            is_generic(inner)
        }
        Type::Union(members) => members.iter().any(is_generic),
        _ => false,
    }
}

/// Whether anything fits somewhere in a value of this type.
fn is_open(wanted: &Type) -> bool {
    match wanted {
        Type::Any => true,
        Type::Optional(inner) | Type::List(inner) | Type::Map(inner) | Type::Range(inner) => {
            is_open(inner)
        }
        Type::Union(members) => members.iter().any(is_open),
        _ => false,
    }
}

/// Whether the argument stays of its own type: the result is like it.
fn keeps_type(wanted: &Type, function: &Function) -> bool {
    let number = matches!(wanted, Type::Float | Type::Decimal);
    is_generic(wanted) || number && is_generic(&function.result)
}

/// Whether a list is given for a list and a map for a map.
fn holds_like(wanted: &Type, found: &Type) -> bool {
    match (wanted.bare(), found.bare()) {
        (Type::Union(members), found) => members.iter().any(|member| holds_like(member, found)),
        (Type::Optional(wanted), found) => holds_like(wanted, found),
        (_, Type::Any) => true,
        (Type::List(wanted), Type::List(found)) => holds_like(wanted, found),
        (Type::List(_), found) => matches!(found, Type::Optional(_)),
        (Type::Map(_), found) => {
            matches!(found, Type::Map(_) | Type::Record(_) | Type::Optional(_))
        }
        _ => true,
    }
}

/// Two types that must be alike and are not.
struct Unlike {
    first: Type,
    second: Type,
    /// The argument of the second one.
    place: usize,
    /// Whether both are in that argument.
    is_inside: bool,
}

/// The type with what the call's arguments are in it; which are to blame if there is none.
fn substituted(declared: &Type, function: &Function, terms: &[Term]) -> Result<Type, Unlike> {
    let of = |name: &Arc<str>| {
        let place = function.parameters.iter().position(|p| *p.name == **name)?;
        let term = terms.get(place)?;
        Some((place, term.term_type.bare().clone()))
    };
    let inside = |inner: &Type| substituted(inner, function, terms).map(Arc::new);
    Ok(match declared {
        Type::LikeOf(names) => in_common(names.iter().filter_map(of), false, unify)?,
        Type::MergedOf(names) => in_common(names.iter().filter_map(of), false, merged)?,
        Type::ElementOf(name) => match of(name) {
            Some((_, Type::List(inner) | Type::Map(inner))) => (*inner).clone(),
            Some((place, Type::Record(fields))) => in_common(
                fields.values().map(|field| (place, field.clone())),
                true,
                unify,
            )?,
            _ => Type::Any,
        },
        Type::Float => Type::Decimal,
        Type::Optional(inner) => substituted(inner, function, terms)?.optional(),
        Type::List(inner) => Type::List(inside(inner)?),
        Type::Map(inner) => Type::Map(inside(inner)?),
        Type::Range(inner) => Type::Range(inside(inner)?),
        other => other.clone(),
    })
}

/// What two maps have together. Of records each name keeps its own type.
fn merged(first: &Type, second: &Type) -> Option<Type> {
    match (first, second) {
        (Type::Record(first), Type::Record(second)) => {
            let both = first.iter().chain(second.iter());
            let fields = both.map(|(name, of)| (name.clone(), of.clone()));
            Some(Type::Record(Arc::new(fields.collect())))
        }
        (first, second) => unify(first, second),
    }
}

/// What comes of all of these together, each with the argument that it is of.
fn in_common(
    mut all: impl Iterator<Item = (usize, Type)>,
    is_inside: bool,
    join: fn(&Type, &Type) -> Option<Type>,
) -> Result<Type, Unlike> {
    let first = all.next().map_or(Type::Any, |(_, first)| first);
    all.try_fold(first, |first, (place, second)| {
        join(&first, &second).ok_or(Unlike {
            first,
            second,
            place,
            is_inside,
        })
    })
}

/// A value that a body gave as one of the type that it stands for.
fn as_type(value: Value, of: &Type) -> Value {
    match (value, of.bare()) {
        (Value::Int(number), Type::Decimal) => Value::Decimal(Decimal::from(number)),
        // The sum of no amounts.
        (Value::Int(0), Type::Quantity(dimension)) => {
            Value::Quantity(Quantity::new(Decimal::ZERO, dimension.clone()))
        }
        (Value::None, _) => Value::None,
        (value, Type::Optional(inner)) => as_type(value, inner),
        (Value::List(elements), Type::List(inner)) if widens(inner) => {
            let elements = elements.into_iter().map(|element| as_type(element, inner));
            Value::List(elements.collect())
        }
        (Value::Record(entries), Type::Map(inner)) if widens(inner) => {
            let entries = entries.into_iter();
            Value::Record(
                entries
                    .map(|(key, value)| (key, as_type(value, inner)))
                    .collect(),
            )
        }
        (value, _) => value,
    }
}

/// Whether a value of another type may stand for one of this type.
fn widens(of: &Type) -> bool {
    match of.bare() {
        Type::Decimal => true,
        Type::Optional(inner) | Type::List(inner) | Type::Map(inner) => widens(inner),
        _ => false,
    }
}

/// The type of a value whose type nothing declares.
pub(crate) fn type_of(value: &Value) -> Type {
    let common = |values: &mut dyn Iterator<Item = &Value>| {
        let mut all = values;
        let unified =
            (&mut all).try_fold(Type::Any, |common, value| unify(&common, &type_of(value)));
        unified.unwrap_or(Type::Any)
    };
    match value {
        Value::None => Type::Nothing,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Decimal(_) => Type::Decimal,
        Value::String(_) => Type::String,
        Value::Date(_) => Type::Date,
        Value::Quantity(quantity) => Type::Quantity(quantity.dimension.clone()),
        Value::Range(low, high) => {
            Type::Range(Arc::new(common(&mut [&**low, &**high].into_iter())))
        }
        Value::List(elements) => Type::List(Arc::new(common(&mut elements.iter()))),
        Value::Record(entries) => {
            let field = |(name, value): (&String, &Value)| (name.clone(), type_of(value));
            Type::Record(Arc::new(entries.iter().map(field).collect()))
        }
        _ => Type::Any,
    }
}
