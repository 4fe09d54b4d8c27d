//! A condition over figures that are known later: typed by the language, judged by the planner when
//! the figures are there, and turned into rules by providers.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Dimension, Quantity, Reference, RowOperator, Value};

/// A condition, or a part of one. It is typed when it is made: judging never finds a wrong type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// What the spec itself says.
    Value(Value),
    /// What comes out of a run, a plan or a running endpoint.
    Figure(Figure),
    /// `not x`.
    Not(Box<Condition>),
    /// `-x`.
    Negate(Box<Condition>),
    /// Two operands. `x in 1..8` is here as two comparisons, `x in [a, b]` as `==` joined by `or`.
    Binary {
        /// What is done.
        operator: RowOperator,
        /// The left operand.
        left: Box<Condition>,
        /// The right operand.
        right: Box<Condition>,
    },
}

/// A figure by its name and what it is asked for: `auc`, `disparate_impact(sex)`, `latency(99%)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Figure {
    /// As declared in the standard library.
    pub name: String,
    /// In the order declared; a column is a text with its name, several are a list of such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Value>,
}

/// How a condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// A figure has no value, and none will come: a group was too small. Counts as a failure.
    Undefined,
    /// A figure is not known yet.
    Open,
}

impl Figure {
    /// A figure that is asked for nothing.
    pub fn plain(name: impl Into<String>) -> Self {
        Figure {
            name: name.into(),
            arguments: Vec::new(),
        }
    }
}

/// `disparate_impact(sex)`, `disparate_impact(sex, age_band)` for an intersection: the name under
/// which a step's outputs have the figure.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.arguments.is_empty() {
            return Ok(());
        }
        let mut texts = Vec::new();
        for argument in &self.arguments {
            match argument {
                Value::List(elements) => texts.extend(elements.iter().map(bare)),
                other => texts.push(bare(other)),
            }
        }
        write!(f, "({})", texts.join(", "))
    }
}

fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// As in a spec; an operand that is itself an operation of two stands in parentheses.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Value(value) => write!(f, "{value}"),
            Condition::Figure(figure) => write!(f, "{figure}"),
            Condition::Not(operand) => write!(f, "not {}", Operand(operand)),
            Condition::Negate(operand) => write!(f, "-{}", Operand(operand)),
            Condition::Binary {
                operator,
                left,
                right,
            } => write!(
                f,
                "{} {} {}",
                Operand(left),
                operator.symbol(),
                Operand(right)
            ),
        }
    }
}

struct Operand<'a>(&'a Condition);

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Condition::Binary { .. } => write!(f, "({})", self.0),
            other => write!(f, "{other}"),
        }
    }
}

/// What a part of a condition amounts to.
enum Amount {
    Known(Value),
    Undefined,
    Open,
}

impl Condition {
    /// Judges it. `figure` gives a figure's value: [`Value::None`] for one that is undefined, none
    /// for one that is not known yet. Arithmetic is exact; what leaves its range is undefined.
    pub fn judge(&self, figure: &dyn Fn(&Figure) -> Option<Value>) -> Verdict {
        match self.amount(figure) {
            Amount::Known(Value::Bool(true)) => Verdict::Holds,
            Amount::Known(Value::Bool(false)) => Verdict::Fails,
            Amount::Known(_) | Amount::Undefined => Verdict::Undefined,
            Amount::Open => Verdict::Open,
        }
    }

    /// Calls `visit` for every figure, in order, with repetitions.
    pub fn for_each_figure<'c>(&'c self, visit: &mut dyn FnMut(&'c Figure)) {
        match self {
            Condition::Value(_) => {}
            Condition::Figure(figure) => visit(figure),
            Condition::Not(operand) | Condition::Negate(operand) => operand.for_each_figure(visit),
            Condition::Binary { left, right, .. } => {
                left.for_each_figure(visit);
                right.for_each_figure(visit);
            }
        }
    }

    /// Calls `visit` for every reference: in what the spec says, and in what figures are asked for.
    pub fn for_each_reference(&self, visit: &mut dyn FnMut(&Reference)) {
        match self {
            Condition::Value(value) => value.for_each_reference(visit),
            Condition::Figure(figure) => {
                let arguments = figure.arguments.iter();
                arguments.for_each(|argument| argument.for_each_reference(visit));
            }
            Condition::Not(operand) | Condition::Negate(operand) => {
                operand.for_each_reference(visit);
            }
            Condition::Binary { left, right, .. } => {
                left.for_each_reference(visit);
                right.for_each_reference(visit);
            }
        }
    }

    /// Calls `change` for every value: what the spec says, and what figures are asked for.
    pub fn for_each_value_mut(&mut self, change: &mut dyn FnMut(&mut Value)) {
        match self {
            Condition::Value(value) => change(value),
            Condition::Figure(figure) => figure.arguments.iter_mut().for_each(change),
            Condition::Not(operand) | Condition::Negate(operand) => {
                operand.for_each_value_mut(change);
            }
            Condition::Binary { left, right, .. } => {
                left.for_each_value_mut(change);
                right.for_each_value_mut(change);
            }
        }
    }

    fn amount(&self, figure: &dyn Fn(&Figure) -> Option<Value>) -> Amount {
        match self {
            Condition::Value(value) => Amount::Known(value.clone()),
            Condition::Figure(wanted) => match figure(wanted) {
                None => Amount::Open,
                Some(Value::None) => Amount::Undefined,
                Some(value) => Amount::Known(value),
            },
            Condition::Not(operand) => match operand.amount(figure) {
                Amount::Known(Value::Bool(flag)) => Amount::Known(Value::Bool(!flag)),
                Amount::Known(_) => Amount::Undefined,
                other => other,
            },
            Condition::Negate(operand) => match operand.amount(figure) {
                Amount::Known(value) => known(negate(&value)),
                other => other,
            },
            Condition::Binary {
                operator,
                left,
                right,
            } => {
                let (left, right) = (left.amount(figure), right.amount(figure));
                match operator {
                    RowOperator::And => join(left, right, false),
                    RowOperator::Or => join(left, right, true),
                    _ => match (left, right) {
                        (Amount::Known(left), Amount::Known(right)) => {
                            known(compute(*operator, &left, &right))
                        }
                        (Amount::Undefined, _) | (_, Amount::Undefined) => Amount::Undefined,
                        _ => Amount::Open,
                    },
                }
            }
        }
    }
}

fn known(value: Option<Value>) -> Amount {
    value.map_or(Amount::Undefined, Amount::Known)
}

fn is(amount: &Amount, wanted: bool) -> bool {
    matches!(amount, Amount::Known(Value::Bool(flag)) if *flag == wanted)
}

/// `and` (`decides` is false) or `or` (true): the side that decides alone does so, whatever the
/// other is.
fn join(left: Amount, right: Amount, decides: bool) -> Amount {
    if is(&left, decides) || is(&right, decides) {
        return Amount::Known(Value::Bool(decides));
    }
    match (left, right) {
        (Amount::Open, _) | (_, Amount::Open) => Amount::Open,
        (Amount::Undefined, _) | (_, Amount::Undefined) => Amount::Undefined,
        _ => Amount::Known(Value::Bool(!decides)),
    }
}

fn negate(value: &Value) -> Option<Value> {
    match value {
        Value::Int(number) => number.checked_neg().map(Value::Int),
        Value::Decimal(number) => Some(Value::Decimal(-number)),
        Value::Quantity(quantity) => Some(Value::Quantity(Quantity::new(
            -quantity.amount,
            quantity.dimension.clone(),
        ))),
        _ => None,
    }
}

/// An amount and its dimension.
fn parts(value: &Value) -> Option<(Decimal, Dimension)> {
    match value {
        Value::Int(number) => Some((Decimal::from(*number), Dimension::default())),
        Value::Decimal(number) => Some((*number, Dimension::default())),
        Value::Quantity(quantity) => Some((quantity.amount, quantity.dimension.clone())),
        _ => None,
    }
}

/// How many significant digits of a rate are compared: the last few depend on how it was computed.
const RATE_DIGITS: u32 = 22;

fn settled(amount: Decimal) -> Decimal {
    amount.round_sf(RATE_DIGITS).unwrap_or(amount)
}

fn compute(operator: RowOperator, left: &Value, right: &Value) -> Option<Value> {
    let numbers = parts(left).zip(parts(right));
    let Some(((left_amount, left_dimension), (right_amount, right_dimension))) = numbers else {
        return match operator {
            RowOperator::Equal => Some(Value::Bool(left == right)),
            RowOperator::NotEqual => Some(Value::Bool(left != right)),
            _ => None,
        };
    };
    let same = left_dimension == right_dimension;
    let compares = !matches!(
        operator,
        RowOperator::Add | RowOperator::Subtract | RowOperator::Multiply | RowOperator::Divide
    );
    // A rate in base units is most often a periodic fraction, cut off where decimals end.
    let is_rate = left_dimension.0.values().any(|power| *power < 0);
    let (left_amount, right_amount) = match compares && is_rate {
        true => (settled(left_amount), settled(right_amount)),
        false => (left_amount, right_amount),
    };
    let compared = |holds: bool| same.then_some(Value::Bool(holds));
    let amount = |amount: Option<Decimal>, dimension: Dimension| {
        let amount = amount?.normalize();
        Some(match dimension.is_none() {
            true => Value::Decimal(amount),
            false => Value::Quantity(Quantity::new(amount, dimension)),
        })
    };
    match operator {
        RowOperator::Equal => compared(left_amount == right_amount),
        RowOperator::NotEqual => compared(left_amount != right_amount),
        RowOperator::Less => compared(left_amount < right_amount),
        RowOperator::LessOrEqual => compared(left_amount <= right_amount),
        RowOperator::Greater => compared(left_amount > right_amount),
        RowOperator::GreaterOrEqual => compared(left_amount >= right_amount),
        RowOperator::Add if same => amount(left_amount.checked_add(right_amount), left_dimension),
        RowOperator::Subtract if same => {
            amount(left_amount.checked_sub(right_amount), left_dimension)
        }
        RowOperator::Multiply => amount(
            left_amount.checked_mul(right_amount),
            left_dimension.times(&right_dimension),
        ),
        RowOperator::Divide => amount(
            left_amount.checked_div(right_amount),
            left_dimension.times(&right_dimension.inverse()),
        ),
        RowOperator::Add | RowOperator::Subtract | RowOperator::Or | RowOperator::And => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(operator: RowOperator, left: Condition, right: Condition) -> Condition {
        Condition::Binary {
            operator,
            left: Box::new(left),
            right: Box::new(right),
        }
    }

    fn figure(name: &str) -> Condition {
        Condition::Figure(Figure::plain(name))
    }

    fn number(text: &str) -> Condition {
        Condition::Value(Value::Decimal(text.parse().expect("a number")))
    }

    fn at_least(name: &str, bound: &str) -> Condition {
        binary(RowOperator::GreaterOrEqual, figure(name), number(bound))
    }

    /// `a` is 0.7, `u` undefined, everything else not known yet.
    fn figures(figure: &Figure) -> Option<Value> {
        match figure.name.as_str() {
            "a" => Some(Value::Decimal("0.7".parse().expect("a number"))),
            "u" => Some(Value::None),
            _ => None,
        }
    }

    #[test]
    fn what_is_undefined_never_holds_and_what_is_open_is_not_guessed() {
        let (yes, no) = (at_least("a", "0.7"), at_least("a", "0.71"));
        let (undefined, open) = (at_least("u", "0"), at_least("later", "0"));
        let and = |a: &Condition, b: &Condition| binary(RowOperator::And, a.clone(), b.clone());
        let or = |a: &Condition, b: &Condition| binary(RowOperator::Or, a.clone(), b.clone());
        let not = |a: &Condition| Condition::Not(Box::new(a.clone()));
        for (condition, verdict) in [
            (yes.clone(), Verdict::Holds),
            (no.clone(), Verdict::Fails),
            (undefined.clone(), Verdict::Undefined),
            (open.clone(), Verdict::Open),
            (not(&undefined), Verdict::Undefined),
            (not(&no), Verdict::Holds),
            (and(&no, &open), Verdict::Fails),
            (and(&undefined, &yes), Verdict::Undefined),
            (and(&undefined, &open), Verdict::Open),
            (or(&undefined, &yes), Verdict::Holds),
            (or(&undefined, &no), Verdict::Undefined),
            (or(&open, &no), Verdict::Open),
        ] {
            assert_eq!(condition.judge(&figures), verdict, "{condition}");
        }
    }

    #[test]
    fn amounts_are_exact_and_keep_their_dimension() {
        let money = |amount: i64| {
            Condition::Value(Value::Quantity(Quantity::new(
                amount.into(),
                Dimension::base("USD"),
            )))
        };
        let sum = binary(RowOperator::Add, money(2), money(3));
        let equal = binary(RowOperator::Equal, sum, money(5));
        assert_eq!(equal.judge(&figures), Verdict::Holds);
        let mixed = binary(RowOperator::Less, money(2), number("3"));
        assert_eq!(mixed.judge(&figures), Verdict::Undefined);
        let zero = binary(RowOperator::Divide, figure("a"), number("0"));
        let divided = binary(RowOperator::Greater, zero, number("0"));
        assert_eq!(divided.judge(&figures), Verdict::Undefined);
    }

    #[test]
    fn a_rate_is_itself_however_it_was_computed() {
        let dimension = Dimension::base("USD").times(&Dimension::base("second").inverse());
        let rate = |amount: Decimal| Value::Quantity(Quantity::new(amount, dimension.clone()));
        let month = Decimal::from(2_628_000);
        for amount in 1..1_000 {
            let limit = Decimal::from(amount) * (Decimal::ONE / month);
            let cost = rate(Decimal::from(amount) / month);
            let within = binary(
                RowOperator::LessOrEqual,
                figure("cost"),
                Condition::Value(rate(limit)),
            );
            assert_eq!(
                within.judge(&|_| Some(cost.clone())),
                Verdict::Holds,
                "{amount}"
            );
            let more = rate(Decimal::from(amount) / month + Decimal::new(1, 18));
            assert_eq!(
                within.judge(&|_| Some(more.clone())),
                Verdict::Fails,
                "{amount}"
            );
        }
    }

    #[test]
    fn references_in_a_condition_are_seen() {
        let table = |name: &str| {
            Value::Reference(Reference {
                address: crate::Address::new("dataset", name),
                path: Vec::new(),
            })
        };
        let drift = Condition::Figure(Figure {
            name: "drift".into(),
            arguments: vec![Value::text("age"), table("a")],
        });
        let beyond = binary(RowOperator::Greater, drift, number("0.2"));
        let other = binary(
            RowOperator::Equal,
            figure("x"),
            Condition::Value(table("b")),
        );
        let both = binary(RowOperator::And, Condition::Not(Box::new(beyond)), other);
        let mut seen = Vec::new();
        let value = Value::List(vec![Value::Condition(Box::new(both))]);
        value.for_each_reference(&mut |one| seen.push(one.address.to_string()));
        assert_eq!(seen, ["dataset.a", "dataset.b"]);
    }

    #[test]
    fn a_figure_is_named_by_what_it_is_asked_for() {
        let both = Value::List(vec![Value::text("sex"), Value::text("age_band")]);
        let figure = Figure {
            name: "disparate_impact".into(),
            arguments: vec![both],
        };
        assert_eq!(figure.to_string(), "disparate_impact(sex, age_band)");
        assert_eq!(at_least("auc", "0.70").to_string(), "auc >= 0.7");
    }
}
