//! Functions of numbers and amounts.

use std::cmp::Ordering;

use mlinfra_api::{Quantity, Value};
use rust_decimal::{Decimal, RoundingStrategy};

use super::{Fault, Needs, Row, int_at, text_at, unfit, wrong};
use crate::quantity::{self, NumberFault};
use crate::tree::Binary;

pub(super) const BODIES: &[Row] = &[
    ("abs", Needs::All, |_, values| absolute(values)),
    ("ceil", Needs::All, |_, values| {
        rounded(values, RoundingStrategy::ToPositiveInfinity)
    }),
    ("clamp", Needs::All, |_, values| clamp(values)),
    ("floor", Needs::All, |_, values| {
        rounded(values, RoundingStrategy::ToNegativeInfinity)
    }),
    ("max", Needs::All, |_, values| {
        extreme(values, Ordering::Greater)
    }),
    ("min", Needs::All, |_, values| {
        extreme(values, Ordering::Less)
    }),
    ("mod", Needs::All, |_, values| modulo(values)),
    ("number", Needs::All, |_, values| number(values)),
    ("pow", Needs::All, |_, values| power(values)),
    ("round", Needs::All, |_, values| {
        rounded(values, RoundingStrategy::MidpointAwayFromZero)
    }),
    ("whole", Needs::All, |_, values| whole(values)),
];

fn overflow() -> Fault {
    Fault::Number(NumberFault::Overflow)
}

fn decimal_at(values: &[Value], place: usize) -> Result<Decimal, Fault> {
    match values.get(place) {
        Some(Value::Int(number)) => Ok(Decimal::from(*number)),
        Some(Value::Decimal(number)) => Ok(*number),
        _ => Err(unfit(place)),
    }
}

fn absolute(values: &[Value]) -> Result<Value, Fault> {
    match values.first() {
        Some(Value::Int(number)) => number.checked_abs().map(Value::Int).ok_or_else(overflow),
        Some(Value::Decimal(number)) => Ok(Value::Decimal(number.abs())),
        Some(value @ Value::Quantity(Quantity { amount, .. })) => match amount.is_sign_negative() {
            true => quantity::negate(value).map_err(Fault::Number),
            false => Ok(value.clone()),
        },
        _ => Err(unfit(0)),
    }
}

fn extreme(values: &[Value], wanted: Ordering) -> Result<Value, Fault> {
    let (Some(first), Some(second)) = (values.first(), values.get(1)) else {
        return Err(unfit(0));
    };
    let order = quantity::compare(second, first).map_err(Fault::Number)?;
    Ok(if order == wanted { second } else { first }.clone())
}

fn clamp(values: &[Value]) -> Result<Value, Fault> {
    let (Some(number), Some(Value::Range(low, high))) = (values.first(), values.get(1)) else {
        return Err(unfit(1));
    };
    let at_least = extreme(&[number.clone(), (**low).clone()], Ordering::Greater)?;
    extreme(&[at_least, (**high).clone()], Ordering::Less)
}

fn rounded(values: &[Value], how: RoundingStrategy) -> Result<Value, Fault> {
    let number = decimal_at(values, 0)?;
    Ok(Value::Decimal(number.round_dp_with_strategy(0, how)))
}

/// The remainder that has the sign of the divisor, so that it always lies in a whole cycle.
fn modulo(values: &[Value]) -> Result<Value, Fault> {
    if let (Some(Value::Int(number)), Some(Value::Int(by))) = (values.first(), values.get(1)) {
        if *by == 0 {
            return Err(Fault::Number(NumberFault::Zero));
        }
        let rest = number.checked_rem(*by).unwrap_or(0);
        let other_sign = rest != 0 && (rest < 0) != (*by < 0);
        return Ok(Value::Int(if other_sign { rest + by } else { rest }));
    }
    let (number, by) = (decimal_at(values, 0)?, decimal_at(values, 1)?);
    if by.is_zero() {
        return Err(Fault::Number(NumberFault::Zero));
    }
    let rest = number.checked_rem(by).ok_or_else(overflow)?;
    let other_sign = !rest.is_zero() && rest.is_sign_negative() != by.is_sign_negative();
    let rest = if other_sign { rest + by } else { rest };
    Ok(Value::Decimal(rest.normalize()))
}

/// The highest power: months of 100,000 years, in 20 steps.
const EXPONENT_MAX: i64 = 1_000_000;

fn power(values: &[Value]) -> Result<Value, Fault> {
    let base = values.first().ok_or_else(|| unfit(0))?;
    let exponent = int_at(values, 1)?;
    if !(-EXPONENT_MAX..=EXPONENT_MAX).contains(&exponent) {
        return Err(overflow());
    }
    let times = |left: &Value, right: &Value| {
        quantity::arithmetic(Binary::Multiply, left, right).map_err(Fault::Number)
    };
    let (mut result, mut square) = (Value::Int(1), base.clone());
    let mut rest = exponent.unsigned_abs();
    while rest > 0 {
        if rest % 2 == 1 {
            result = times(&result, &square)?;
        }
        rest /= 2;
        if rest > 0 {
            square = times(&square, &square)?;
        }
    }
    match exponent < 0 {
        true => {
            quantity::arithmetic(Binary::Divide, &Value::Int(1), &result).map_err(Fault::Number)
        }
        false => Ok(result),
    }
}

fn number(values: &[Value]) -> Result<Value, Fault> {
    let text = text_at(values, 0)?.trim();
    let plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    let parsed = match text.bytes().all(plain) {
        true => text
            .parse::<Decimal>()
            .or_else(|_| Decimal::from_scientific(text))
            .ok(),
        false => None,
    };
    match parsed {
        Some(number) => Ok(Value::Decimal(number.normalize())),
        None => Err(wrong(
            0,
            "this text is no number",
            "a number has digits, at most one point, and no unit",
        )),
    }
}

fn whole(values: &[Value]) -> Result<Value, Fault> {
    let number = decimal_at(values, 0)?;
    if !number.is_integer() {
        return Err(wrong(
            0,
            format!("{} is no whole number", number.normalize()),
            "say how it is rounded: `whole(round(x))`, `floor` or `ceil`",
        ));
    }
    i64::try_from(number)
        .map(Value::Int)
        .map_err(|_| overflow())
}
