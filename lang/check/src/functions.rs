//! What the declared functions do with values of the spec; a test joins them with their
//! declarations.

use mlinfra_api::Value;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::quantity;

/// A body: values in the order of the declared parameters, each of its declared type.
type Body = fn(&[Value]) -> Option<Value>;

/// Every function that works on values of the spec.
const BODIES: &[(&str, Body)] = &[
    ("abs", absolute),
    ("min", |values| extreme(values, std::cmp::Ordering::Less)),
    ("max", |values| extreme(values, std::cmp::Ordering::Greater)),
    ("round", |values| {
        rounded(values, RoundingStrategy::MidpointAwayFromZero)
    }),
    ("floor", |values| {
        rounded(values, RoundingStrategy::ToNegativeInfinity)
    }),
    ("lower", |values| {
        Some(Value::text(values.first()?.as_text()?.to_lowercase()))
    }),
    ("upper", |values| {
        Some(Value::text(values.first()?.as_text()?.to_uppercase()))
    }),
    ("length", |values| {
        whole(values.first()?.as_text()?.chars().count())
    }),
    ("is_address", |values| {
        Some(Value::Bool(is_address(values.first()?.as_text()?)))
    }),
    ("is_inside", |values| {
        Some(Value::Bool(is_inside(values.first()?.as_text()?)))
    }),
    ("count", |values| match values.first()? {
        Value::Record(entries) => whole(entries.len()),
        list => whole(list.as_list()?.len()),
    }),
    ("join", join),
];

/// What the function gives; none if it can't be computed.
pub(crate) fn apply(name: &str, values: &[Value]) -> Option<Value> {
    let (_, body) = BODIES.iter().find(|(known, _)| *known == name)?;
    body(values)
}

/// How many bytes the text that the function gives has at most; none if it gives no text.
pub(crate) fn text_bytes(name: &str, values: &[Value]) -> Option<usize> {
    // A letter's other case has at most three times its bytes.
    let length = |value: &Value| value.as_text().map_or(0, str::len);
    match (name, values) {
        ("lower" | "upper", [text]) => Some(length(text).saturating_mul(3)),
        ("join", [Value::List(texts), separator]) => {
            let gaps = length(separator).saturating_mul(texts.len().saturating_sub(1));
            Some(texts.iter().map(length).fold(gaps, usize::saturating_add))
        }
        _ => None,
    }
}

/// Whether a text begins with a scheme: `https://`.
fn is_address(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether a path is relative and never climbs above where it begins.
fn is_inside(path: &str) -> bool {
    let mut depth = 0_usize;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    !path.starts_with('/') && !path.contains('\0')
}

fn whole(count: usize) -> Option<Value> {
    i64::try_from(count).ok().map(Value::Int)
}

fn absolute(values: &[Value]) -> Option<Value> {
    match values.first()? {
        Value::Int(number) => number.checked_abs().map(Value::Int),
        Value::Decimal(number) => Some(Value::Decimal(number.abs())),
        _ => None,
    }
}

fn extreme(values: &[Value], wanted: std::cmp::Ordering) -> Option<Value> {
    let (first, second) = (values.first()?, values.get(1)?);
    let order = quantity::compare(second, first).ok()?;
    Some(if order == wanted { second } else { first }.clone())
}

fn rounded(values: &[Value], how: RoundingStrategy) -> Option<Value> {
    let number: Decimal = match values.first()? {
        Value::Int(number) => Decimal::from(*number),
        Value::Decimal(number) => *number,
        _ => return None,
    };
    Some(Value::Decimal(number.round_dp_with_strategy(0, how)))
}

fn join(values: &[Value]) -> Option<Value> {
    let texts: Option<Vec<&str>> = values
        .first()?
        .as_list()?
        .iter()
        .map(Value::as_text)
        .collect();
    Some(Value::text(texts?.join(values.get(1)?.as_text()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Library;
    use crate::types::Type;

    #[test]
    fn every_function_on_values_has_a_body_and_every_body_a_declaration() {
        let declared: Vec<&str> = (Library::standard().functions.values())
            .filter(|function| function.value && !matches!(function.result, Type::BlocksOf(_)))
            .map(|function| function.name.as_str())
            .collect();
        let mut bodies: Vec<&str> = BODIES.iter().map(|(name, _)| *name).collect();
        bodies.sort_unstable();
        assert_eq!(declared, bodies);
        for function in Library::standard().functions.values() {
            assert!(function.value || function.row, "{}", function.name);
        }
    }

    #[test]
    fn bodies_compute() {
        let number = |text: &str| Value::Decimal(text.parse().expect("a decimal"));
        for (name, values, result) in [
            ("abs", vec![Value::Int(-3)], Value::Int(3)),
            ("min", vec![Value::Int(2), Value::Int(1)], Value::Int(1)),
            ("max", vec![Value::Int(2), number("2.5")], number("2.5")),
            ("round", vec![number("2.5")], number("3")),
            ("round", vec![number("-2.5")], number("-3")),
            ("floor", vec![number("-2.5")], number("-3")),
            ("lower", vec![Value::text("AbC")], Value::text("abc")),
            ("length", vec![Value::text("äb")], Value::Int(2)),
            (
                "is_address",
                vec![Value::text("s3://a/b")],
                Value::Bool(true),
            ),
            (
                "is_address",
                vec![Value::text("a/b.csv")],
                Value::Bool(false),
            ),
            ("is_inside", vec![Value::text("a/../b")], Value::Bool(true)),
            (
                "is_inside",
                vec![Value::text("./b c.csv")],
                Value::Bool(true),
            ),
            (
                "is_inside",
                vec![Value::text("a/../../b")],
                Value::Bool(false),
            ),
            ("is_inside", vec![Value::text("/b")], Value::Bool(false)),
            ("is_inside", vec![Value::text("..")], Value::Bool(false)),
            (
                "count",
                vec![Value::List(vec![Value::Int(1)])],
                Value::Int(1),
            ),
        ] {
            assert_eq!(apply(name, &values), Some(result), "{name}");
        }
        let texts = Value::List(vec![Value::text("a"), Value::text("b")]);
        assert_eq!(
            apply("join", &[texts, Value::text("-")]),
            Some(Value::text("a-b"))
        );
        assert_eq!(apply("abs", &[Value::Int(i64::MIN)]), None);
    }
}
