//! Exact arithmetic on numbers and quantities, as pure functions.

use mlinfra_api::{Dimension, Quantity, Value};
use rust_decimal::Decimal;

use crate::schema::Library;
use crate::tree::Binary;

/// A declared unit: so many base units, `factor` over `under`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    pub(crate) factor: Decimal,
    pub(crate) under: Decimal,
    pub(crate) dimension: Dimension,
}

impl Unit {
    /// So many of what has this dimension.
    pub(crate) fn new(factor: Decimal, dimension: Dimension) -> Self {
        Unit {
            factor,
            under: Decimal::ONE,
            dimension,
        }
    }

    /// One of this unit over one of another.
    pub(crate) fn per(&self, other: &Unit) -> Option<Unit> {
        Some(Unit {
            factor: self.factor.checked_mul(other.under)?,
            under: self.under.checked_mul(other.factor)?,
            dimension: self.dimension.times(&other.dimension.inverse()),
        })
    }

    /// So many of it.
    pub(crate) fn amount(&self, number: Decimal) -> Result<Value, NumberFault> {
        let over = number
            .checked_mul(self.factor)
            .ok_or(NumberFault::Overflow)?;
        ratio((over, self.under), self.dimension.clone())
    }
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
        Value::Quantity(Quantity::new(amount.normalize(), dimension))
    }
}

/// The highest power of a unit in a dimension.
const POWER_MAX: i8 = 16;

/// One number over another, as an amount. A rate in base units is most often a periodic fraction
/// (4 USD/h is 4/3600 USD a second), so what is over and under the line is kept beside its digits.
fn ratio((over, under): Fraction, dimension: Dimension) -> Result<Value, NumberFault> {
    if dimension
        .0
        .values()
        .any(|power| power.unsigned_abs() > POWER_MAX.unsigned_abs())
    {
        return Err(NumberFault::Overflow);
    }
    let (over, under) = match under.is_sign_negative() {
        true => reduced((-over, -under)),
        false => reduced((over, under)),
    };
    let amount = divided(over, under).ok_or(NumberFault::Overflow)?;
    // What is so small that its digits begin behind the last place would be nothing at all.
    if amount.is_zero() && !over.is_zero() {
        return Err(NumberFault::Overflow);
    }
    if dimension.is_none() {
        return Ok(Value::Decimal(amount.normalize()));
    }
    let exact = amount.checked_mul(under) == Some(over);
    let amount = amount.normalize();
    Ok(Value::Quantity(match exact {
        true => Quantity::new(amount, dimension),
        false => Quantity::ratio(amount, (over, under), dimension),
    }))
}

/// A number over another. The library panics for a dividend that has digits in the last place
/// there is, so that place is rounded away before.
fn divided(over: Decimal, under: Decimal) -> Option<Decimal> {
    let (over, under) = (over.normalize(), under.normalize());
    if under == Decimal::ONE {
        return Some(over);
    }
    let places = Decimal::MAX_SCALE - 1 + under.scale();
    over.round_dp(places.min(Decimal::MAX_SCALE - 1))
        .checked_div(under)
}

/// What stands over a line, and what under it.
type Fraction = (Decimal, Decimal);

/// What an amount is exactly; none if that is not known, because its digits were cut off and
/// nothing is kept beside them.
fn fraction(value: &Value) -> Option<Fraction> {
    match value {
        Value::Quantity(quantity) => {
            let (over, under) = quantity.parts();
            let cut_off = under == Decimal::ONE && over.scale() >= Decimal::MAX_SCALE;
            (!cut_off).then_some((over, under))
        }
        other => parts(other).map(|(amount, _)| (amount, Decimal::ONE)),
    }
}

/// The same with the smallest whole numbers; as it is where they are too large.
fn reduced((over, under): Fraction) -> Fraction {
    let scaled = || {
        let (over, under) = (over.normalize(), under.normalize());
        let scale = over.scale().max(under.scale());
        let whole = |number: Decimal| {
            let missing = 10_i128.checked_pow(scale - number.scale())?;
            number.mantissa().checked_mul(missing)
        };
        let (over, under) = (whole(over)?, whole(under)?);
        let common = common_divisor(over.unsigned_abs(), under.unsigned_abs());
        let common = i128::try_from(common).ok().filter(|common| *common != 0)?;
        let sign = under.signum();
        let part = |number: i128| Decimal::try_from_i128_with_scale(number / common * sign, 0).ok();
        Some((part(over)?, part(under)?))
    };
    match under == Decimal::ONE {
        true => (over, under),
        false => scaled().unwrap_or((over, under)),
    }
}

fn common_divisor(mut left: u128, mut right: u128) -> u128 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

/// The product, reduced crosswise first so that it stays small.
fn product(left: Fraction, right: Fraction) -> Option<Fraction> {
    let (first, second) = (reduced((left.0, right.1)), reduced((right.0, left.1)));
    Some((
        first.0.checked_mul(second.0)?,
        first.1.checked_mul(second.1)?,
    ))
}

/// The sum over one line.
fn sum(left: Fraction, right: Fraction) -> Option<Fraction> {
    if left.1 == right.1 {
        return Some((left.0.checked_add(right.0)?, left.1));
    }
    let (first, second) = (left.0.checked_mul(right.1)?, right.0.checked_mul(left.1)?);
    Some((first.checked_add(second)?, left.1.checked_mul(right.1)?))
}

fn difference(left: Fraction, right: Fraction) -> Option<Fraction> {
    sum(left, (-right.0, right.1))
}

fn quotient(left: Fraction, right: Fraction) -> Option<Fraction> {
    product(left, (right.1, right.0))
}

/// How many significant digits are left of an amount whose digits were cut off, once what it is
/// exactly has become too long to be kept.
const CUT_OFF_DIGITS: u32 = 22;

/// The amount without the last digits, which a division may have cut off.
fn settled(amount: Decimal) -> Decimal {
    amount.round_sf(CUT_OFF_DIGITS).unwrap_or(amount)
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
    let (Some((near, over)), Some((other, under))) = (parts(left), parts(right)) else {
        return Err(NumberFault::Overflow);
    };
    let both = fraction(left).zip(fraction(right));
    let exact = |compute: fn(Fraction, Fraction) -> Option<Fraction>| {
        both.and_then(|(left, right)| compute(left, right))
    };
    let (exact, near, dimension) = match operator {
        Binary::Add | Binary::Subtract if over != under => {
            return Err(NumberFault::Dimensions(over, under));
        }
        Binary::Add => (exact(sum), near.checked_add(other), over),
        Binary::Subtract => (exact(difference), near.checked_sub(other), over),
        Binary::Multiply => (exact(product), near.checked_mul(other), over.times(&under)),
        _ if other.is_zero() => return Err(NumberFault::Zero),
        _ => (
            exact(quotient),
            near.checked_div(other),
            over.times(&under.inverse()),
        ),
    };
    match exact {
        Some(exact) => ratio(exact, dimension),
        None => rounded(near, dimension),
    }
}

/// An amount of which not all digits are known any more.
fn rounded(amount: Option<Decimal>, dimension: Dimension) -> Result<Value, NumberFault> {
    let amount = amount.ok_or(NumberFault::Overflow)?;
    ratio((settled(amount), Decimal::ONE), dimension)
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
        Value::Quantity(quantity) => {
            let (over, under) = quantity.parts();
            ratio((-over, under), quantity.dimension.clone())
        }
        _ => Err(NumberFault::Overflow),
    }
}

/// How two numbers of one dimension compare.
pub(crate) fn compare(left: &Value, right: &Value) -> Result<std::cmp::Ordering, NumberFault> {
    let (Some((near, over)), Some((other, under))) = (parts(left), parts(right)) else {
        return Err(NumberFault::Overflow);
    };
    if over != under {
        return Err(NumberFault::Dimensions(over, under));
    }
    let exact = || {
        let (left, right) = (fraction(left)?, fraction(right)?);
        let (left, right) = ((left.0, right.0), (left.1, right.1));
        // What stands under the line is never below zero.
        Some(
            left.0
                .checked_mul(right.1)?
                .cmp(&left.1.checked_mul(right.0)?),
        )
    };
    Ok(exact().unwrap_or_else(|| settled(near).cmp(&settled(other))))
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
