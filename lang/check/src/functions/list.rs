//! Functions of lists.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use mlinfra_api::Value;

use super::{Fault, Needs, Row, comparable, count_at, fits_list, list_at, unfit, whole, wrong};
use crate::quantity::{self, NumberFault};
use crate::tree::Binary;

pub(super) const BODIES: &[Row] = &[
    ("all_of", Needs::All, |_, values| {
        let mut elements = list_at(values, 0)?.iter();
        Ok(Value::Bool(
            elements.all(|element| *element == Value::Bool(true)),
        ))
    }),
    ("any_of", Needs::All, |_, values| {
        Ok(Value::Bool(
            list_at(values, 0)?.contains(&Value::Bool(true)),
        ))
    }),
    ("chunks", Needs::Shape, |_, values| chunks(values)),
    ("common", Needs::All, |_, values| {
        kept(values, |others, element| {
            others.contains(&comparable(element))
        })
    }),
    ("concat", Needs::Shape, |_, values| {
        let (first, second) = (list_at(values, 0)?, list_at(values, 1)?);
        Ok(Value::List([first, second].concat()))
    }),
    ("count", Needs::Shape, |_, values| match values.first() {
        Some(Value::List(elements)) => whole(elements.len()),
        Some(Value::Record(entries)) => whole(entries.len()),
        _ => Err(unfit(0)),
    }),
    ("distinct", Needs::All, |_, values| {
        let mut seen = BTreeSet::new();
        let elements = list_at(values, 0)?.iter();
        let first = elements.filter(|element| seen.insert(comparable(element)));
        Ok(Value::List(first.cloned().collect()))
    }),
    ("first", Needs::Shape, |_, values| {
        Ok(list_at(values, 0)?.first().cloned().unwrap_or(Value::None))
    }),
    ("flatten", Needs::Shape, |_, values| flatten(values)),
    ("index_of", Needs::All, |_, values| {
        let wanted = comparable(values.get(1).ok_or_else(|| unfit(1))?);
        let mut elements = list_at(values, 0)?.iter();
        let place = elements.position(|element| comparable(element) == wanted);
        place.map_or(Ok(Value::None), whole)
    }),
    ("largest", Needs::All, |_, values| {
        extreme(list_at(values, 0)?, Ordering::Greater)
    }),
    ("last", Needs::Shape, |_, values| {
        Ok(list_at(values, 0)?.last().cloned().unwrap_or(Value::None))
    }),
    ("numbers", Needs::All, |_, values| numbers(values)),
    ("reverse", Needs::Shape, |_, values| {
        Ok(Value::List(
            list_at(values, 0)?.iter().rev().cloned().collect(),
        ))
    }),
    ("slice", Needs::Shape, |_, values| slice(values)),
    ("smallest", Needs::All, |_, values| {
        extreme(list_at(values, 0)?, Ordering::Less)
    }),
    ("sort", Needs::All, |_, values| sort(values)),
    ("sum", Needs::All, |_, values| {
        let mut elements = list_at(values, 0)?.iter();
        let first = elements.next().cloned().unwrap_or(Value::Int(0));
        let add = |sum, next: &Value| quantity::arithmetic(Binary::Add, &sum, next);
        elements.try_fold(first, add).map_err(Fault::Number)
    }),
    ("without", Needs::All, |_, values| {
        kept(values, |others, element| {
            !others.contains(&comparable(element))
        })
    }),
];

/// The elements of the first list for which this holds of those of the second.
fn kept(
    values: &[Value],
    keeps: fn(&BTreeSet<Cow<'_, Value>>, &Value) -> bool,
) -> Result<Value, Fault> {
    let others: BTreeSet<Cow<'_, Value>> = list_at(values, 1)?.iter().map(comparable).collect();
    let elements = list_at(values, 0)?.iter();
    let kept = elements.filter(|element| keeps(&others, element));
    Ok(Value::List(kept.cloned().collect()))
}

fn chunks(values: &[Value]) -> Result<Value, Fault> {
    let (elements, size) = (list_at(values, 0)?, count_at(values, 1)?);
    if size == 0 {
        return Err(wrong(
            1,
            "a part would have nothing in it",
            "give at least 1",
        ));
    }
    let parts = elements.chunks(size).map(|part| Value::List(part.to_vec()));
    Ok(Value::List(parts.collect()))
}

fn flatten(values: &[Value]) -> Result<Value, Fault> {
    let inner: Option<Vec<&[Value]>> = list_at(values, 0)?.iter().map(Value::as_list).collect();
    Ok(Value::List(inner.ok_or_else(|| unfit(0))?.concat()))
}

fn bounds(value: Option<&Value>) -> Option<(i64, i64)> {
    match value? {
        Value::Range(low, high) => low.as_int().zip(high.as_int()),
        _ => None,
    }
}

fn numbers(values: &[Value]) -> Result<Value, Fault> {
    let (low, high) = bounds(values.first()).ok_or_else(|| unfit(0))?;
    fits_list(high.saturating_sub(low).unsigned_abs().saturating_add(1))?;
    Ok(Value::List((low..=high).map(Value::Int).collect()))
}

/// The elements at these places, both ends included; places behind the end hold nothing.
fn slice(values: &[Value]) -> Result<Value, Fault> {
    let elements = list_at(values, 0)?;
    let (low, high) = bounds(values.get(1)).ok_or_else(|| unfit(1))?;
    let Ok(low) = usize::try_from(low) else {
        return Err(wrong(
            1,
            "this begins before the first element",
            "places count from 0",
        ));
    };
    let high = usize::try_from(high).unwrap_or(0);
    let length = (high + 1).saturating_sub(low);
    let part = elements.iter().skip(low).take(length);
    Ok(Value::List(part.cloned().collect()))
}

/// How two values of one type compare.
fn order(left: &Value, right: &Value) -> Result<Ordering, Fault> {
    match (left, right) {
        (left, right) if quantity::parts(left).is_some() && quantity::parts(right).is_some() => {
            quantity::compare(left, right).map_err(Fault::Number)
        }
        (Value::String(left), Value::String(right)) => Ok(left.cmp(right)),
        (Value::Date(_), Value::Date(_)) => Ok(comparable(left).cmp(&comparable(right))),
        (Value::Bool(left), Value::Bool(right)) => Ok(left.cmp(right)),
        (
            Value::Case { arguments, .. },
            Value::Case {
                arguments: others, ..
            },
        ) if arguments.is_empty() && others.is_empty() => Ok(left.cmp(right)),
        _ => Err(wrong(
            0,
            "what is in it has no order",
            "numbers, amounts, texts, dates and cases have one",
        )),
    }
}

fn extreme(elements: &[Value], wanted: Ordering) -> Result<Value, Fault> {
    let Some((first, rest)) = elements.split_first() else {
        return Ok(Value::None);
    };
    let mut best = first;
    order(first, first)?;
    for element in rest {
        if order(element, best)? == wanted {
            best = element;
        }
    }
    Ok(best.clone())
}

fn sort(values: &[Value]) -> Result<Value, Fault> {
    let mut elements = list_at(values, 0)?.to_vec();
    // What has an order with the first has one with all: they are of one type.
    if let Some(first) = elements.first() {
        elements
            .iter()
            .try_for_each(|element| order(first, element).map(drop))?;
    }
    elements.sort_by(|left, right| order(left, right).unwrap_or(Ordering::Equal));
    Ok(Value::List(elements))
}

/// A sum that overflows is a fault of its own.
impl From<NumberFault> for Fault {
    fn from(fault: NumberFault) -> Self {
        Fault::Number(fault)
    }
}
