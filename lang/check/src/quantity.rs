//! Exact arithmetic on numbers and quantities, as pure functions.

use mlinfra_api::{Dimension, Quantity, Value};
use rust_decimal::Decimal;

use crate::schema::Library;
use crate::tree::Binary;

/// A declared unit: so many base units.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    pub(crate) factor: Decimal,
    pub(crate) dimension: Dimension,
}

/// Why two numbers can't be computed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NumberFault {
    /// Adding or comparing what is not of one dimension.
    Dimensions(Dimension, Dimension),
    /// Beyond 64 bits, or beyond 28 decimal digits.
    Overflow,
    /// Division by zero.
    Zero,
}

/// An amount and its dimension: what an int, a decimal and a quantity have in common.
pub(crate) fn parts(value: &Value) -> Option<(Decimal, Dimension)> {
    match value {
        Value::Int(number) => Some((Decimal::from(*number), Dimension::default())),
        Value::Decimal(number) => Some((*number, Dimension::default())),
        Value::Quantity(quantity) => Some((quantity.amount, quantity.dimension.clone())),
        _ => None,
    }
}

/// The value of an amount: a plain decimal where the dimension is none.
pub(crate) fn value(amount: Decimal, dimension: Dimension) -> Value {
    if dimension.is_none() {
        Value::Decimal(amount.normalize())
    } else {
        Value::Quantity(Quantity {
            amount: amount.normalize(),
            dimension,
        })
    }
}

/// How many significant digits a quotient keeps. A rate in base units is most often a periodic
/// fraction (4 USD/h is 4/3600 USD a second), cut off after 28 digits; what is computed from it is
/// exact again once the last few are rounded away.
const QUOTIENT_DIGITS: u32 = 22;

/// The amount without the last digits, which a division may have cut off.
fn settled(amount: Decimal) -> Decimal {
    amount.round_sf(QUOTIENT_DIGITS).unwrap_or(amount)
}

/// Whether amounts of this dimension come out of a division.
fn is_rate(dimension: &Dimension) -> bool {
    dimension.0.values().any(|power| *power < 0)
}

/// `+ - * /` on numbers. Two ints give an int, but for `/`, which gives a decimal.
pub(crate) fn arithmetic(
    operator: Binary,
    left: &Value,
    right: &Value,
) -> Result<Value, NumberFault> {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        let whole = match operator {
            Binary::Add => left.checked_add(*right),
            Binary::Subtract => left.checked_sub(*right),
            Binary::Multiply => left.checked_mul(*right),
            _ => return divide_ints(*left, *right),
        };
        return whole.map(Value::Int).ok_or(NumberFault::Overflow);
    }
    let (Some((left, over)), Some((right, under))) = (parts(left), parts(right)) else {
        return Err(NumberFault::Overflow);
    };
    let amount = match operator {
        Binary::Add | Binary::Subtract if over != under => {
            return Err(NumberFault::Dimensions(over, under));
        }
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => {
            let product = left.checked_mul(right).ok_or(NumberFault::Overflow)?;
            let rate = is_rate(&over) || is_rate(&under);
            return Ok(value(
                if rate { settled(product) } else { product },
                over.times(&under),
            ));
        }
        _ => {
            if right.is_zero() {
                return Err(NumberFault::Zero);
            }
            let quotient = left.checked_div(right).ok_or(NumberFault::Overflow)?;
            return Ok(value(settled(quotient), over.times(&under.inverse())));
        }
    };
    Ok(value(amount.ok_or(NumberFault::Overflow)?, over))
}

fn divide_ints(left: i64, right: i64) -> Result<Value, NumberFault> {
    if right == 0 {
        return Err(NumberFault::Zero);
    }
    let quotient = Decimal::from(left).checked_div(Decimal::from(right));
    let quotient = quotient.ok_or(NumberFault::Overflow)?;
    Ok(Value::Decimal(quotient.normalize()))
}

/// `-x`.
pub(crate) fn negate(operand: &Value) -> Result<Value, NumberFault> {
    match operand {
        Value::Int(number) => number
            .checked_neg()
            .map(Value::Int)
            .ok_or(NumberFault::Overflow),
        Value::Decimal(number) => Ok(Value::Decimal(-*number)),
        Value::Quantity(quantity) => Ok(Value::Quantity(Quantity {
            amount: -quantity.amount,
            dimension: quantity.dimension.clone(),
        })),
        _ => Err(NumberFault::Overflow),
    }
}

/// How two numbers of one dimension compare.
pub(crate) fn compare(left: &Value, right: &Value) -> Result<std::cmp::Ordering, NumberFault> {
    match (parts(left), parts(right)) {
        (Some((left, over)), Some((right, under))) if over == under && is_rate(&over) => {
            Ok(settled(left).cmp(&settled(right)))
        }
        (Some((left, over)), Some((right, under))) if over == under => Ok(left.cmp(&right)),
        (Some((_, over)), Some((_, under))) => Err(NumberFault::Dimensions(over, under)),
        _ => Err(NumberFault::Overflow),
    }
}

/// Whether an amount of the first dimension is one of the second, in which a word may stand for any
/// unit of a family: `USD/second` is so much `money/second`.
pub(crate) fn is_of(dimension: &Dimension, wanted: &Dimension) -> bool {
    let families = &Library::standard().families;
    let fits = |(unit, power): (&String, &i8)| {
        wanted.0.get(unit) == Some(power)
            || families.iter().any(|(family, members)| {
                members.contains(unit) && wanted.0.get(family) == Some(power)
            })
    };
    dimension == wanted || dimension.0.len() == wanted.0.len() && dimension.0.iter().all(fits)
}

/// What an amount of this dimension is called.
pub(crate) fn noun(dimension: &Dimension) -> String {
    let families = &Library::standard().families;
    if dimension.0.keys().any(|base| families.contains_key(base)) {
        return format!("amount of {}", dimension.to_string().replace('/', " per "));
    }
    match dimension.to_string().as_str() {
        "1" => "plain number".to_owned(),
        "byte" => "size in bytes".to_owned(),
        "second" => "duration".to_owned(),
        "byte/second" => "bandwidth".to_owned(),
        "1/second" => "rate per time".to_owned(),
        other => match other.strip_prefix("1/") {
            Some(rest) => format!("number per {rest}"),
            None => format!("amount in {other}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(amount: &str) -> Value {
        quantity(amount, Dimension::base("USD"))
    }

    fn quantity(amount: &str, dimension: Dimension) -> Value {
        value(amount.parse().expect("a decimal"), dimension)
    }

    #[test]
    fn computes_exactly_and_with_dimensions() {
        let hour = Dimension::base("second");
        let rate = Dimension::base("USD").times(&hour.inverse());
        let per_second = Decimal::from(4) / Decimal::from(3600);
        let four_an_hour = value(per_second, rate);
        let month = quantity("2628000", hour.clone());
        let bill = arithmetic(Binary::Multiply, &four_an_hour, &month).expect("a product");
        let Value::Quantity(bill) = bill else {
            panic!("an amount of money")
        };
        assert_eq!(bill.dimension, Dimension::base("USD"));
        assert_eq!(bill.amount, Decimal::from(2920));
        let tenth = Value::Decimal("0.1".parse().expect("a decimal"));
        let fifth = Value::Decimal("0.2".parse().expect("a decimal"));
        assert_eq!(
            arithmetic(Binary::Add, &tenth, &fifth),
            Ok(Value::Decimal("0.3".parse().expect("a decimal")))
        );
        assert_eq!(
            arithmetic(Binary::Divide, &usd("10"), &usd("4")),
            Ok(Value::Decimal("2.5".parse().expect("a decimal")))
        );
        assert_eq!(
            arithmetic(Binary::Multiply, &Value::Int(3), &usd("2")),
            Ok(usd("6"))
        );
    }

    #[test]
    fn refuses_what_has_no_result() {
        let second = quantity("1", Dimension::base("second"));
        for (operator, left, right, fault) in [
            (
                Binary::Add,
                usd("1"),
                second.clone(),
                NumberFault::Dimensions(Dimension::base("USD"), Dimension::base("second")),
            ),
            (
                Binary::Subtract,
                Value::Int(1),
                second.clone(),
                NumberFault::Dimensions(Dimension::default(), Dimension::base("second")),
            ),
            (
                Binary::Add,
                Value::Int(i64::MAX),
                Value::Int(1),
                NumberFault::Overflow,
            ),
            (
                Binary::Multiply,
                Value::Int(i64::MAX),
                Value::Int(2),
                NumberFault::Overflow,
            ),
            (
                Binary::Divide,
                Value::Int(1),
                Value::Int(0),
                NumberFault::Zero,
            ),
            (Binary::Divide, usd("1"), Value::Int(0), NumberFault::Zero),
        ] {
            assert_eq!(arithmetic(operator, &left, &right), Err(fault));
        }
        assert!(negate(&Value::Int(i64::MIN)).is_err());
        assert!(compare(&usd("1"), &second).is_err());
    }
}
