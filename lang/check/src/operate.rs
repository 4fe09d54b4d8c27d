//! Operators between two operands.

use std::cmp::Ordering;
use std::sync::Arc;

use mlinfra_api::{Dimension, Value};
use rust_decimal::Decimal;

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::eval::{case_unknown, number_term};
use crate::functions;
use crate::quantity::{self, NumberFault};
use crate::suggest::nearest;
use crate::tree::{Binary, Expr};
use crate::types::{Term, Type, a};
use crate::unify::{unify, widen};

/// An operator and where it stands.
type Operator = (Binary, Span);

impl Checker<'_> {
    pub(crate) fn eval_binary(
        &mut self,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        expected: &Type,
        env: Env<'_>,
    ) -> Term {
        match operator.0 {
            Binary::Or | Binary::And => self.eval_logic(operator.0, left, right, env),
            Binary::Default => self.eval_default(left, right, expected, env),
            Binary::Range => self.eval_range(left, right, expected, env),
            Binary::In | Binary::NotIn => self.eval_in(operator, left, right, env),
            comparison if comparison.compares() => self.eval_comparison(operator, left, right, env),
            _ => {
                let terms = (
                    self.eval(left, &Type::Any, env),
                    self.eval(right, &Type::Any, env),
                );
                match self.joined(operator.0, &terms, right.span) {
                    Some(joined) => joined,
                    None => self.eval_arithmetic(operator, &terms.0, &terms.1),
                }
            }
        }
    }

    /// `a ?? b`: what is there of the two.
    fn eval_default(&mut self, left: &Expr, right: &Expr, expected: &Type, env: Env<'_>) -> Term {
        let first = self.eval_if_there(left, &expected.clone().optional(), env);
        let there = first.term_type.may_be_absent() && first.value != Value::None;
        let second = self.branch(!there || !first.is_known(), |checker| {
            checker.eval(right, expected, env)
        });
        if first.term_type.is_error() || second.term_type.is_error() {
            return Term::error();
        }
        if !first.term_type.may_be_absent() {
            if !self.may_have_lost_condition(&first.value) {
                self.default_never_used(left.span);
            }
            return first;
        }
        let secret = first.term_type.is_secret();
        let present = first.term_type.bare().present().clone();
        let unified = match present {
            Type::Nothing => Some(second.term_type.clone()),
            present => unify(&present, &second.term_type),
        };
        let Some(common) = unified else {
            self.differ(&first.term_type, &second.term_type, right.span);
            return Term::error();
        };
        let common = common.kept_secret(secret);
        let absent = first.value == Value::None;
        if !absent && !first.has_shape() {
            return Term::unknown(common, &[&first]);
        }
        let chosen = match absent {
            true => second,
            false => {
                let of = first.term_type.bare().present().clone();
                Term::new(of.kept_secret(secret), first.value)
            }
        };
        widen(chosen, &common)
    }

    /// Whether this is a block of which a `when` may not have been read.
    fn may_have_lost_condition(&self, value: &Value) -> bool {
        let address = value.as_reference().map(|reference| &reference.address);
        let id = address.and_then(|address| self.addresses.get(address));
        id.is_some_and(|id| self.nodes[*id].broken)
    }

    /// Warns that what stands behind `??` can never count.
    pub(crate) fn default_never_used(&mut self, span: Span) {
        self.report(
            Diagnostic::warning(code::DEFAULT_NEVER_USED, span, "this is never absent")
                .help("what stands behind `??` is never used")
                .help("take `??` and what follows out"),
        );
    }

    fn eval_range(&mut self, left: &Expr, right: &Expr, expected: &Type, env: Env<'_>) -> Term {
        let inner = match expected.present().bare() {
            Type::Range(inner) => (**inner).clone(),
            _ => Type::Any,
        };
        let (low, high) = (
            self.value(left, &inner, env),
            self.value(right, &inner, env),
        );
        if low.term_type.is_error() || high.term_type.is_error() {
            return Term::error();
        }
        let Some(common) = unify(&low.term_type, &high.term_type) else {
            self.differ(&low.term_type, &high.term_type, right.span);
            return Term::error();
        };
        let (low, high) = (widen(low, &common), widen(high, &common));
        match quantity::compare(&low.value, &high.value) {
            Ok(Ordering::Greater) => {
                self.report(
                    Diagnostic::error(
                        code::VALUE_REFUSED,
                        right.span,
                        "this end is below the other",
                    )
                    .help("a range without anything in it fits nothing")
                    .help("put the smaller end first"),
                );
                Term::error()
            }
            Err(NumberFault::Overflow) if low.is_known() && high.is_known() => {
                let text = format!("{common} has no range", common = a(common));
                self.report(
                    Diagnostic::error(code::OPERANDS_WRONG, left.span, text)
                        .help("both ends of a range are numbers or amounts")
                        .help("put a list here"),
                );
                Term::error()
            }
            Err(fault @ NumberFault::Dimensions(..)) => self.number_fault(&fault, right.span),
            _ => Term::new(
                Type::Range(Arc::new(common)),
                Value::Range(Box::new(low.value), Box::new(high.value)),
            ),
        }
    }

    /// Whether a bare word names a value, whatever is expected of it.
    fn is_value(&mut self, name: &str, env: Env<'_>) -> bool {
        env.local(name).is_some()
            || env
                .scope
                .is_some_and(|scope| self.find(name, scope).is_some())
            || self.environment_word(name, env).is_some()
    }

    /// Both sides, each read as what the other one is.
    fn both(&mut self, left: &Expr, right: &Expr, env: Env<'_>) -> (Term, Term) {
        let is_bare = left.as_name().is_some_and(|name| !self.is_value(name, env));
        if is_bare {
            let second = self.eval(right, &Type::Any, env);
            let expected = second.term_type.present().clone();
            (self.eval(left, &expected, env), second)
        } else {
            let first = self.eval(left, &Type::Any, env);
            let expected = first.term_type.present().clone();
            let second = self.eval(right, &expected, env);
            (first, second)
        }
    }

    /// Whether one of two operands is in error, or a secret, which is a finding.
    fn is_unfit(&mut self, sides: [(&Term, Span); 2]) -> bool {
        if sides.iter().any(|(term, _)| term.term_type.is_error()) {
            return true;
        }
        let secret = sides.iter().find(|(term, _)| term.term_type.is_secret());
        if let Some((_, span)) = secret {
            self.secret_in_the_open(*span);
        }
        secret.is_some()
    }

    fn eval_comparison(
        &mut self,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        env: Env<'_>,
    ) -> Term {
        let (first, second) = self.both(left, right, env);
        if self.is_unfit([(&first, left.span), (&second, right.span)]) {
            return Term::error();
        }
        if self.is_never_case((&first, left.span), (&second, right.span))
            || self.is_never_case((&second, right.span), (&first, left.span))
        {
            return Term::error();
        }
        let equality = matches!(operator.0, Binary::Equal | Binary::NotEqual);
        if equality && let Some(common) = unify(&first.term_type, &second.term_type) {
            if !first.is_known() || !second.is_known() {
                return Term::unknown(Type::Bool, &[&first, &second]);
            }
            let same = {
                let (first, second) = (widen(first, &common), widen(second, &common));
                functions::comparable(&first.value) == functions::comparable(&second.value)
            };
            return Term::new(
                Type::Bool,
                Value::Bool(same == (operator.0 == Binary::Equal)),
            );
        }
        if !first.is_known() || !second.is_known() {
            return Term::unknown(Type::Bool, &[&first, &second]);
        }
        match (order(&first, &second), equality) {
            (Ok(Some(order)), _) => {
                let holds = match operator.0 {
                    Binary::Less => order == Ordering::Less,
                    Binary::LessOrEqual => order != Ordering::Greater,
                    Binary::Greater => order == Ordering::Greater,
                    Binary::Equal => order == Ordering::Equal,
                    Binary::NotEqual => order != Ordering::Equal,
                    _ => order != Ordering::Less,
                };
                Term::new(Type::Bool, Value::Bool(holds))
            }
            (Err(fault), _) => self.number_fault(&fault, operator.1),
            (Ok(None), _) => self.operands_wrong(operator, &first.term_type, &second.term_type),
        }
    }

    /// Whether a text that is written here is compared with a case that it never is; a finding if
    /// so.
    fn is_never_case(&mut self, text: (&Term, Span), case: (&Term, Span)) -> bool {
        let ((Term { value, .. }, span), (case, _)) = (text, case);
        let (Value::String(text), Type::Enum(of)) = (value, case.term_type.present().bare()) else {
            return false;
        };
        let is_never = of.case(text).is_none() && self.is_quoted(text, span);
        if is_never {
            let cases: Vec<&str> = of.cases().iter().map(|case| case.name.as_str()).collect();
            let named = case.term_type.present().to_string();
            let finding = case_unknown(text, &named, &cases, span);
            let meant = nearest(text, cases);
            self.report(finding.suggest(span, &format!("\"{text}\""), meant));
        }
        is_never
    }

    /// Reports operands that the operator does not take.
    pub(crate) fn operands_wrong(&mut self, operator: Operator, left: &Type, right: &Type) -> Term {
        if left.may_be_absent() || right.may_be_absent() {
            self.report(
                Diagnostic::error(code::MAYBE_ABSENT, operator.1, "one side may be absent")
                    .help("nothing says what should happen when it is absent")
                    .help("give a value for that case: `x ?? value`"),
            );
            return Term::error();
        }
        let text = format!(
            "`{}` does not take {} and {}",
            operator.0.text(),
            left.said(),
            right.said()
        );
        self.report(
            Diagnostic::error(code::OPERANDS_WRONG, operator.1, text)
                .help("an operator works on what it is made for alone")
                .help("make both sides the same: numbers stand without quotes, texts in quotes"),
        );
        Term::error()
    }

    fn eval_in(&mut self, operator: Operator, left: &Expr, right: &Expr, env: Env<'_>) -> Term {
        let is_bare = left.as_name().is_some_and(|name| !self.is_value(name, env));
        let (first, second) = if is_bare {
            let second = self.eval(right, &Type::Any, env);
            let inner = match second.term_type.bare() {
                Type::List(inner) | Type::Range(inner) => (**inner).clone(),
                Type::Error => Type::Error,
                _ => Type::Any,
            };
            (self.eval(left, &inner, env), second)
        } else {
            let first = self.eval(left, &Type::Any, env);
            // The words in a list are cases of what is looked for; its numbers are their own.
            let of = first.term_type.present().bare();
            let expected = match (&right.kind, of) {
                (crate::tree::ExprKind::List(_), Type::Int | Type::Decimal) => Type::Any,
                (crate::tree::ExprKind::List(_), of) => Type::List(Arc::new(of.clone())),
                _ => Type::Any,
            };
            let second = self.eval(right, &expected, env);
            (first, second)
        };
        if self.is_unfit([(&first, left.span), (&second, right.span)]) {
            return Term::error();
        }
        let (first, second) = match second.term_type.bare() {
            Type::List(inner) => {
                let Some(common) = unify(inner, &first.term_type) else {
                    return self.operands_wrong(operator, &first.term_type, &second.term_type);
                };
                let all = Type::List(Arc::new(common.clone()));
                (widen(first, &common), widen(second, &all))
            }
            _ => (first, second),
        };
        if !first.is_known() || !second.is_known() {
            return Term::unknown(Type::Bool, &[&first, &second]);
        }
        let found = match (&second.value, &first.value) {
            (Value::List(elements), value) => {
                let text = value.as_case().map(Value::text);
                let wanted = functions::comparable(value);
                let mut all = elements.iter().map(functions::comparable);
                all.any(|element| element == wanted || text.as_ref() == Some(&*element))
            }
            (Value::Record(entries), Value::String(key)) => entries.contains_key(key),
            (Value::Range(low, high), value) => {
                match (
                    quantity::compare(low, value),
                    quantity::compare(value, high),
                ) {
                    (Ok(low), Ok(high)) => low != Ordering::Greater && high != Ordering::Greater,
                    (Err(fault @ NumberFault::Dimensions(..)), _) => {
                        return self.number_fault(&fault, operator.1);
                    }
                    _ => return self.operands_wrong(operator, &first.term_type, &second.term_type),
                }
            }
            _ => return self.operands_wrong(operator, &first.term_type, &second.term_type),
        };
        Term::new(Type::Bool, Value::Bool(found == (operator.0 == Binary::In)))
    }

    /// `+ - * /` between two terms.
    pub(crate) fn eval_arithmetic(
        &mut self,
        operator: Operator,
        left: &Term,
        right: &Term,
    ) -> Term {
        let (first, second) = (&left.term_type, &right.term_type);
        if first.is_error() || second.is_error() {
            return Term::error();
        }
        if let Some(term) = self.date_arithmetic(operator, left, right) {
            return term;
        }
        let secret = first.is_secret() || second.is_secret();
        let dimensions = (dimension(first), dimension(second));
        let (Some(over), Some(under)) = dimensions else {
            if operator.0 == Binary::Add && *first.bare() == Type::String {
                self.report(
                    Diagnostic::error(code::OPERANDS_WRONG, operator.1, "`+` adds numbers")
                        .help("a text that looks like a number would leave open what is meant")
                        .help("join texts in one: `\"${a}${b}\"`"),
                );
                return Term::error();
            }
            return self.operands_wrong(operator, first, second);
        };
        let sum = matches!(operator.0, Binary::Add | Binary::Subtract);
        let known = left.is_known() && right.is_known();
        if sum && !known && over != under {
            return self.number_fault(&NumberFault::Dimensions(over, under), operator.1);
        }
        let result = match known {
            false => unknown_number(operator.0, left, right, &over, &under),
            true => match quantity::arithmetic(operator.0, &left.value, &right.value) {
                Ok(value) => number_term(value),
                Err(fault) => self.number_fault(&fault, operator.1),
            },
        };
        Term::new(result.term_type.kept_secret(secret), result.value)
    }

    /// `date + duration`, `date - duration` and `date - date`; none if no date is in it.
    fn date_arithmetic(&mut self, operator: Operator, left: &Term, right: &Term) -> Option<Term> {
        let (first, second) = (left.term_type.bare(), right.term_type.bare());
        if *first != Type::Date && *second != Type::Date {
            return None;
        }
        let time = Type::Quantity(Dimension::base("second"));
        let sign = match operator.0 {
            Binary::Add => 1,
            Binary::Subtract => -1,
            _ => return None,
        };
        let result = match (first, second) {
            (Type::Date, second) if *second == time => Type::Date,
            (first, Type::Date) if *first == time && sign > 0 => {
                return self.date_arithmetic(operator, right, left);
            }
            (Type::Date, Type::Date) if sign < 0 => time,
            _ => return None,
        };
        let secret = left.term_type.is_secret() || right.term_type.is_secret();
        if !left.is_known() || !right.is_known() {
            return Some(Term::unknown(result.kept_secret(secret), &[left, right]));
        }
        let value = match (&left.value, &right.value) {
            (Value::Date(from), Value::Quantity(quantity)) => {
                let seconds = i64::try_from(quantity.amount.normalize() * Decimal::from(sign));
                let seconds = seconds.ok().filter(|_| quantity.amount.is_integer());
                match seconds.ok_or("this is no whole number of seconds") {
                    Ok(seconds) => functions::later(from, seconds).map(Value::Date),
                    Err(why) => Err(why),
                }
            }
            (Value::Date(to), Value::Date(from)) => {
                let seconds = functions::seconds_between(from, to).map(Decimal::from);
                let value =
                    seconds.map(|seconds| quantity::value(seconds, Dimension::base("second")));
                value.ok_or("this date has no arithmetic")
            }
            _ => return None,
        };
        Some(match value {
            Ok(value) => Term::new(result.kept_secret(secret), value),
            Err(why) => {
                self.value_fault(
                    Diagnostic::error(code::DATE_WRONG, operator.1, why)
                        .help("a date without a time goes from day to day")
                        .help("add days or weeks; `months_later(date, n)` goes by the calendar"),
                );
                Term::error()
            }
        })
    }
}

/// The dimension of a number's type.
pub(crate) fn dimension(number: &Type) -> Option<Dimension> {
    match number.bare() {
        Type::Int | Type::Decimal => Some(Dimension::default()),
        Type::Quantity(dimension) => Some(dimension.clone()),
        _ => None,
    }
}

fn unknown_number(
    operator: Binary,
    left: &Term,
    right: &Term,
    over: &Dimension,
    under: &Dimension,
) -> Term {
    let result = match operator {
        Binary::Multiply => over.times(under),
        Binary::Divide => over.times(&under.inverse()),
        _ => over.clone(),
    };
    let is_int = |term: &Term| *term.term_type.bare() == Type::Int;
    let ints = is_int(left) && is_int(right);
    let result = if !result.is_none() {
        Type::Quantity(result)
    } else if ints && operator != Binary::Divide {
        Type::Int
    } else {
        Type::Decimal
    };
    Term::unknown(result, &[left, right])
}

/// How two values compare; none if values of these types have no order.
fn order(left: &Term, right: &Term) -> Result<Option<Ordering>, NumberFault> {
    match (&left.value, &right.value) {
        (Value::String(left), Value::String(right)) => Ok(Some(left.cmp(right))),
        (Value::Date(left), Value::Date(right)) => {
            let instants = functions::instant(left).zip(functions::instant(right));
            Ok(instants.map(|((left, _), (right, _))| left.cmp(&right)))
        }
        (left, right) if quantity::parts(left).is_some() && quantity::parts(right).is_some() => {
            quantity::compare(left, right).map(Some)
        }
        _ => Ok(None),
    }
}
