//! Values as JSON, and JSON as values.

use std::collections::BTreeMap;

use mlinfra_api::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Number};

use super::{Fault, Needs, Row, fits_text, text_at, wrong};
use crate::quantity::NumberFault;

pub(super) const BODIES: &[Row] = &[
    ("from_json", Needs::All, |_, values| from_json(values)),
    ("json", Needs::All, |_, values| {
        let value = values.first().ok_or_else(|| super::unfit(0))?;
        let text = to_json(value)?.to_string();
        fits_text(text.len())?;
        Ok(Value::String(text))
    }),
];

/// The value as JSON has it: amounts and dates are texts there, as a spec writes them.
fn to_json(value: &Value) -> Result<serde_json::Value, Fault> {
    use serde_json::Value as Json;
    Ok(match value {
        Value::None => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Decimal(number) => {
            let number = number.normalize().to_string();
            Json::Number(number.parse::<Number>().map_err(|_| super::unfit(0))?)
        }
        Value::String(text) => Json::from(text.as_str()),
        Value::Quantity(_) | Value::Date(_) => Json::from(value.to_string()),
        Value::Case { name, arguments } if arguments.is_empty() => Json::from(name.as_str()),
        Value::List(elements) => {
            let elements: Result<Vec<Json>, Fault> = elements.iter().map(to_json).collect();
            Json::Array(elements?)
        }
        Value::Record(entries) => {
            let entry = |(key, value): (&String, &Value)| Ok((key.clone(), to_json(value)?));
            let entries: Result<Map<String, Json>, Fault> = entries.iter().map(entry).collect();
            Json::Object(entries?)
        }
        _ => {
            return Err(wrong(
                0,
                "part of this has no JSON",
                "numbers, texts, bools, lists and records have",
            ));
        }
    })
}

fn from_json(values: &[Value]) -> Result<Value, Fault> {
    let text = text_at(values, 0)?;
    match serde_json::from_str(text) {
        Ok(json) => value(json),
        Err(error) => Err(wrong(
            0,
            format!("this is no JSON: {error}"),
            "give one value as JSON writes it",
        )),
    }
}

fn value(json: serde_json::Value) -> Result<Value, Fault> {
    use serde_json::Value as Json;
    Ok(match json {
        Json::Null => Value::None,
        Json::Bool(flag) => Value::Bool(flag),
        Json::String(text) => Value::String(text),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => {
                let text = number.to_string();
                let decimal = text
                    .parse::<Decimal>()
                    .or_else(|_| Decimal::from_scientific(&text));
                let decimal = decimal.map_err(|_| Fault::Number(NumberFault::Overflow))?;
                Value::Decimal(decimal.normalize())
            }
        },
        Json::Array(elements) => {
            let elements: Result<Vec<Value>, Fault> = elements.into_iter().map(value).collect();
            Value::List(elements?)
        }
        Json::Object(entries) => {
            let entry = |(key, json)| Ok((key, value(json)?));
            let entries: Result<BTreeMap<String, Value>, Fault> =
                entries.into_iter().map(entry).collect();
            Value::Record(entries?)
        }
    })
}
