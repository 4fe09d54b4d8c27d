//! From the bytes of a body to rows that have exactly the fields of the request schema, each of
//! the right type.

use std::fmt;

use mlinfra_api::ColumnBase;
use mlinfra_runtime_spec::{RequestField, RequestSchema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::codes;
use crate::fault::{RequestFault, shown};
use crate::limits::Limits;

/// One row of a request: field → cell.
pub type Row = Map<String, Value>;

/// The largest whole number below which every whole float64 is exact.
const EXACT_WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// What a body asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// One object: one prediction is the answer.
    One(Row),
    /// An array, or `{"rows": […]}`: a list is the answer.
    Many(Vec<Row>),
}

/// JSON in which no object has the same field twice: of two values, one would be dropped silently.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Strict, E> {
        Ok(Strict(Value::Bool(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Strict, E> {
        Ok(Strict(Value::from(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Strict, E> {
        Ok(Strict(Value::from(number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Strict, E> {
        Ok(Strict(Value::from(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Strict, E> {
        Ok(Strict(Value::from(text)))
    }

    fn visit_string<E>(self, text: String) -> Result<Strict, E> {
        Ok(Strict(Value::from(text)))
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Strict, A::Error> {
        let mut out = Vec::new();
        while let Some(Strict(element)) = elements.next_element()? {
            out.push(element);
        }
        Ok(Strict(Value::Array(out)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Strict, A::Error> {
        let mut out = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if out.contains_key(&name) {
                let name = shown(&name);
                return Err(A::Error::custom(format!(
                    "the field `{name}` is given twice"
                )));
            }
            let Strict(value) = entries.next_value()?;
            out.insert(name, value);
        }
        Ok(Strict(Value::Object(out)))
    }
}

/// Reads any JSON body.
pub(crate) fn read_json(bytes: &[u8]) -> Result<Value, RequestFault> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(RequestFault::body("the body is empty").with_help("send JSON"));
    }
    match serde_json::from_slice(bytes) {
        Ok(Strict(value)) => Ok(value),
        // Only the visitor above raises this category, so its text is ours.
        Err(error) if error.is_data() => Err(RequestFault::body(error.to_string())),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let at = format!("the body is not JSON: line {line}, column {column}");
            Err(RequestFault::body(at))
        }
    }
}

/// Reads the body of `POST /predict` and checks every row against the schema.
pub(crate) fn read_predict(
    schema: &RequestSchema,
    limits: &Limits,
    bytes: &[u8],
) -> Result<Asked, RequestFault> {
    let asked = match read_json(bytes)? {
        Value::Array(rows) => Asked::Many(objects(rows, limits)?),
        Value::Object(mut body) => match body.get_mut("rows") {
            Some(Value::Array(rows)) if !has_field(schema, "rows") => {
                let rows = std::mem::take(rows);
                if let Some(other) = body.keys().find(|name| *name != "rows") {
                    return Err(beside_rows(other));
                }
                Asked::Many(objects(rows, limits)?)
            }
            _ => Asked::One(body),
        },
        other => {
            let text = format!("the body is {}, not an object or a list", kind(&other));
            return Err(RequestFault::body(text).with_help(
                "send one object of named fields, a list of them, or {\"rows\": [ … ]}",
            ));
        }
    };
    match asked {
        Asked::One(mut row) => check_row(schema, &mut row, None).map(|()| Asked::One(row)),
        Asked::Many(mut rows) => {
            check_rows(schema, limits, &mut rows)?;
            Ok(Asked::Many(rows))
        }
    }
}

fn beside_rows(name: &str) -> RequestFault {
    let name = shown(name);
    RequestFault::body(format!("`{name}` stands beside `rows`"))
        .at_field(&name)
        .with_help("put every field inside the objects of `rows`")
}

fn objects(rows: Vec<Value>, limits: &Limits) -> Result<Vec<Row>, RequestFault> {
    check_row_count(rows.len(), limits)?;
    let object = |(index, row)| match row {
        Value::Object(row) => Ok(row),
        other => {
            let text = format!("row {index} is {}, not an object", kind(&other));
            Err(RequestFault::body(text).at_row(index))
        }
    };
    rows.into_iter().enumerate().map(object).collect()
}

/// Refuses no rows and too many.
pub(crate) fn check_row_count(count: usize, limits: &Limits) -> Result<(), RequestFault> {
    let most = limits.rows_max;
    if count == 0 {
        return Err(RequestFault::body("the request has no rows").with_help("send at least one"));
    }
    if count > most {
        let text = format!("the request has {count} rows; {most} is the most");
        return Err(RequestFault::new(413, codes::TOO_LARGE, text).with_help("split it"));
    }
    Ok(())
}

/// Checks each row; see [`check_row`].
pub(crate) fn check_rows(
    schema: &RequestSchema,
    limits: &Limits,
    rows: &mut [Row],
) -> Result<(), RequestFault> {
    check_row_count(rows.len(), limits)?;
    let mut indexed = rows.iter_mut().enumerate();
    indexed.try_for_each(|(index, row)| check_row(schema, row, Some(index)))
}

fn has_field(schema: &RequestSchema, name: &str) -> bool {
    schema.fields.iter().any(|field| field.name == name)
}

/// Checks one row: no unknown field, none missing, each of its type. Whole numbers that were
/// written as `5.0` become whole.
fn check_row(
    schema: &RequestSchema,
    row: &mut Row,
    index: Option<usize>,
) -> Result<(), RequestFault> {
    let place = |fault: RequestFault| match index {
        Some(index) => fault.at_row(index),
        None => fault,
    };
    if let Some(name) = row.keys().find(|name| !has_field(schema, name)) {
        return Err(place(unknown_field(schema, row, name)));
    }
    let is_missing = |field: &&RequestField| {
        !field.column_type.nullable && row.get(&field.name).is_none_or(Value::is_null)
    };
    let missing: Vec<&RequestField> = schema.fields.iter().filter(is_missing).collect();
    if let Some(first) = missing.first() {
        return Err(place(missing_fields(first, &missing)));
    }
    for field in &schema.fields {
        if let Some(cell) = row.get_mut(&field.name) {
            check_cell(field, cell).map_err(place)?;
        }
    }
    Ok(())
}

fn missing_fields(first: &RequestField, missing: &[&RequestField]) -> RequestFault {
    let typed = |field: &&RequestField| format!("`{}` ({})", field.name, field.column_type);
    let names: Vec<String> = missing.iter().map(typed).collect();
    let (verb, what) = match names.len() {
        1 => ("is", "it"),
        _ => ("are", "them"),
    };
    let text = format!("{} {verb} missing", names.join(", "));
    RequestFault::new(400, codes::FIELD_MISSING, text)
        .at_field(&first.name)
        .with_help(format!(
            "add {what}: every field that the model reads is needed"
        ))
}

fn unknown_field(schema: &RequestSchema, row: &Row, name: &str) -> RequestFault {
    // A field that the row has already is not what a typing error meant.
    let near = schema
        .fields
        .iter()
        .filter(|field| !row.contains_key(&field.name))
        .map(|field| (strsim::damerau_levenshtein(name, &field.name), &field.name))
        .filter(|(distance, field)| *distance <= 1.max(field.chars().count() / 3))
        .min();
    let help = match near {
        Some((_, field)) => format!("did you mean `{field}`?"),
        None => {
            let all: Vec<&str> = schema
                .fields
                .iter()
                .map(|field| field.name.as_str())
                .collect();
            format!("leave it out; this endpoint takes {}", all.join(", "))
        }
    };
    let text = format!("`{}` is no field of this endpoint", shown(name));
    RequestFault::new(400, codes::FIELD_UNKNOWN, text)
        .at_field(name)
        .with_help(help)
}

/// What a JSON value is, in words, without saying which.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What a field of this type takes, in words.
fn wanted(base: ColumnBase) -> &'static str {
    match base {
        ColumnBase::Int => "a whole number",
        ColumnBase::Float => "a number",
        ColumnBase::Bool => "true or false",
        ColumnBase::String | ColumnBase::Category => "a text",
        ColumnBase::Date => "a date written YYYY-MM-DD",
    }
}

fn check_cell(field: &RequestField, cell: &mut Value) -> Result<(), RequestFault> {
    let base = field.column_type.base;
    let problem = match (base, &*cell) {
        (_, Value::Null)
        | (ColumnBase::Bool, Value::Bool(_))
        | (ColumnBase::Float, Value::Number(_))
        | (ColumnBase::String | ColumnBase::Category, Value::String(_)) => return Ok(()),
        (ColumnBase::Int, Value::Number(number)) => match whole(number) {
            Ok(number) => {
                *cell = Value::from(number);
                return Ok(());
            }
            Err(problem) => problem,
        },
        (ColumnBase::Date, Value::String(text)) if is_date(text) => return Ok(()),
        (ColumnBase::Date, Value::String(_)) => "another text",
        (_, other) => kind(other),
    };
    let text = format!("`{}` takes {}, not {problem}", field.name, wanted(base));
    Err(RequestFault::new(400, codes::FIELD_TYPE, text).at_field(&field.name))
}

/// The number as a whole one: `5` and `5.0` are, `5.5` and what 64 bits can't hold are not.
fn whole(number: &Number) -> Result<i64, &'static str> {
    if let Some(whole) = number.as_i64() {
        return Ok(whole);
    }
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() != 0.0 => Err("one with a fraction"),
        Some(float) if number.is_f64() && float.abs() <= EXACT_WHOLE_MAX => {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            let whole = float as i64;
            Ok(whole)
        }
        _ => Err("one that 64 bits can't hold"),
    }
}

/// Whether a text is a calendar date, `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| -> Option<u32> {
        let part = bytes.get(range)?;
        let all = part.iter().all(u8::is_ascii_digit);
        all.then(|| {
            part.iter()
                .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
        })
    };
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return false;
    }
    let (Some(year), Some(month), Some(day)) = (digits(0..4), digits(5..7), digits(8..10)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (text, expected) in [
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("1900-02-29", false),
            ("2000-02-29", true),
            ("2026-04-31", false),
            ("2026-12-31", true),
            ("2026-13-01", false),
            ("2026-00-10", false),
            ("2026-01-00", false),
            ("2026-1-01", false),
            ("2026/01/01", false),
            ("+026-01-01", false),
            ("２026-01-1", false),
            ("", false),
        ] {
            assert_eq!(is_date(text), expected, "{text}");
        }
    }

    #[test]
    fn whole_numbers_keep_every_digit() {
        for (text, expected) in [
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9007199254740992.0", Ok(1 << 53)),
            ("-0.0", Ok(0)),
            ("9223372036854775808", Err("one that 64 bits can't hold")),
            ("9007199254740994.0", Err("one that 64 bits can't hold")),
            ("0.5", Err("one with a fraction")),
        ] {
            let number: Number = text.parse().expect("a number");
            assert_eq!(whole(&number), expected, "{text}");
        }
    }

    #[test]
    fn a_field_named_rows_is_a_field() {
        let schema = RequestSchema {
            fields: vec![RequestField {
                name: "rows".into(),
                column_type: mlinfra_api::ColumnType {
                    base: ColumnBase::Int,
                    nullable: false,
                },
            }],
        };
        let limits = Limits::default();
        let read = |body: &str| read_predict(&schema, &limits, body.as_bytes());
        assert!(matches!(read("{\"rows\": 3}"), Ok(Asked::One(_))));
        let refused = read("{\"rows\": [3]}").expect_err("a list is no whole number");
        assert_eq!(refused.code, codes::FIELD_TYPE);
        assert!(matches!(read("[{\"rows\": 3}]"), Ok(Asked::Many(_))));
    }
}
