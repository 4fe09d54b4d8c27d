//! What the declared functions do with values of the spec; a test joins them with their
//! declarations.

mod date;
mod digest;
mod json;
mod list;
mod map;
mod network;
mod number;
mod pattern;
mod text;

use mlinfra_api::Value;

use crate::budget::{TEXT_BYTES_MAX, VALUES_MAX};
use crate::quantity::NumberFault;

pub(crate) use date::{comparable, instant, later, seconds_between};
pub(crate) use network::{parse_address, parse_network};
pub(crate) use pattern::Patterns;

/// A body: values in the order of the declared parameters, each of its declared type.
pub(crate) type Body = fn(&mut Patterns, &[Value]) -> Result<Value, Fault>;

/// A function's name, what of its arguments must be known, and its body.
pub(crate) type Row = (&'static str, Needs, Body);

/// What must be known of the arguments before a body runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Everything.
    All,
    /// How many elements there are and under which keys: what they are may be told by apply.
    Shape,
}

/// Why a function has no result for these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A number can't be computed.
    Number(NumberFault),
    /// This argument can't be taken: what is wrong with it, and what to do.
    Argument {
        place: usize,
        what: String,
        advice: &'static str,
    },
    /// The result would be larger than a limit allows.
    Limit(String),
}

/// Every table of bodies.
const TABLES: &[&[Row]] = &[
    date::BODIES,
    digest::BODIES,
    json::BODIES,
    list::BODIES,
    map::BODIES,
    network::BODIES,
    number::BODIES,
    pattern::BODIES,
    text::BODIES,
];

/// The body of the function of this name.
pub(crate) fn body(name: &str) -> Option<(Needs, Body)> {
    let found = TABLES
        .iter()
        .flat_map(|table| table.iter())
        .find(|(known, ..)| *known == name);
    found.map(|(_, needs, body)| (*needs, *body))
}

/// An argument that can't be taken.
fn wrong(place: usize, what: impl Into<String>, advice: &'static str) -> Fault {
    Fault::Argument {
        place,
        what: what.into(),
        advice,
    }
}

/// What a declaration promises and did not hold: the type of an argument.
fn unfit(place: usize) -> Fault {
    wrong(
        place,
        "this can't be computed with",
        "give what the reference says",
    )
}

fn text_at(values: &[Value], place: usize) -> Result<&str, Fault> {
    match values.get(place) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(unfit(place)),
    }
}

fn int_at(values: &[Value], place: usize) -> Result<i64, Fault> {
    values
        .get(place)
        .and_then(Value::as_int)
        .ok_or_else(|| unfit(place))
}

/// A whole number that counts something.
fn count_at(values: &[Value], place: usize) -> Result<usize, Fault> {
    let number = int_at(values, place)?;
    usize::try_from(number).map_err(|_| {
        wrong(
            place,
            "this is below zero",
            "give a number of at least zero",
        )
    })
}

fn list_at(values: &[Value], place: usize) -> Result<&[Value], Fault> {
    values
        .get(place)
        .and_then(Value::as_list)
        .ok_or_else(|| unfit(place))
}

type Entries = std::collections::BTreeMap<String, Value>;

fn map_at(values: &[Value], place: usize) -> Result<&Entries, Fault> {
    values
        .get(place)
        .and_then(Value::as_record)
        .ok_or_else(|| unfit(place))
}

/// So many as a value.
fn whole(count: usize) -> Result<Value, Fault> {
    let number = i64::try_from(count).map_err(|_| Fault::Number(NumberFault::Overflow))?;
    Ok(Value::Int(number))
}

/// Refuses a text that would be too long, before it is made.
fn fits_text(bytes: usize) -> Result<(), Fault> {
    if bytes > TEXT_BYTES_MAX {
        return Err(Fault::Limit(format!(
            "a text of more than {TEXT_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

/// Refuses a list that would be too long, before it is made.
fn fits_list(count: u64) -> Result<(), Fault> {
    if count > VALUES_MAX {
        return Err(Fault::Limit(format!(
            "a list of more than {VALUES_MAX} elements"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Library;
    use crate::types::Type;

    #[test]
    fn every_function_on_values_has_a_body_and_every_body_a_declaration() {
        let declared: Vec<&str> = (Library::standard().functions.values())
            .filter(|function| function.value && function.reads.is_none())
            .filter(|function| !matches!(function.result, Type::BlocksOf(_)))
            .map(|function| function.name.as_str())
            .collect();
        let all = TABLES.iter().flat_map(|table| table.iter());
        let mut bodies: Vec<&str> = all.map(|(name, ..)| *name).collect();
        bodies.sort_unstable();
        assert_eq!(declared, bodies);
        for function in Library::standard().functions.values() {
            assert!(function.value || function.row, "{}", function.name);
        }
    }

    #[test]
    fn whoever_asks_for_what_is_not_declared_gets_a_fault() {
        let values = [Value::Int(1)];
        assert_eq!(text_at(&values, 0), Err(unfit(0)));
        assert_eq!(list_at(&values, 0), Err(unfit(0)));
        assert_eq!(int_at(&values, 1), Err(unfit(1)));
        assert!(map_at(&values, 0).is_err());
    }
}
