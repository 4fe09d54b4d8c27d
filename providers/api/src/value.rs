//! A value of the language, evaluated: what a field holds and what a provider is sent.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::row::RowExpression;
use crate::{Address, Quantity, Secret};

/// A value. `Serialize` writes the one canonical JSON form (`{"int": 3}`), which recipe keys, the
/// saved plan and the journal share; a secret in it becomes `(secret)`, so whoever must keep one
/// seals it first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The field was not written and has no default.
    None,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An exact decimal number; a percentage is its hundredth.
    Decimal(Decimal),
    /// A text.
    String(String),
    /// An amount with a dimension.
    Quantity(Quantity),
    /// A calendar date, ISO 8601.
    Date(String),
    /// Both ends included.
    Range(Box<Value>, Box<Value>),
    /// A list.
    List(Vec<Value>),
    /// A record or a map.
    Record(BTreeMap<String, Value>),
    /// A case of an enum, with its arguments by name: `mlp(hidden = [32, 16])`.
    Case {
        /// The case's name.
        name: String,
        /// Its payload.
        arguments: BTreeMap<String, Value>,
    },
    /// A block, or a member of one: a column's table part, an output that only apply will know.
    Reference(Reference),
    /// An expression that is computed for each row of a table.
    Row(RowExpression),
    /// A condition over figures that only a run, a plan or a running endpoint knows.
    Condition(Box<Condition>),
    /// A text made of parts of which some are known after apply only: `"https://${api.host}/v1"`.
    Template(Vec<Value>),
    /// A text that is never shown.
    Secret(Secret),
    /// Known after apply; the text names its type.
    Unknown(String),
}

/// A reference to a block, and the path of members behind it: `risk.parts.train`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// The block.
    pub address: Address,
    /// The members behind it, outermost first; empty for the block itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Value::String(text.into())
    }

    /// A case without arguments.
    pub fn case(name: impl Into<String>) -> Self {
        Value::Case {
            name: name.into(),
            arguments: BTreeMap::new(),
        }
    }

    /// The text, if this is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if this is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The amount in base units as a whole number, if this is a quantity that is one.
    pub fn as_base_units(&self) -> Option<u64> {
        match self {
            Value::Quantity(quantity) => u64::try_from(quantity.amount.normalize()).ok(),
            _ => None,
        }
    }

    /// The name of the case, if this is one.
    pub fn as_case(&self) -> Option<&str> {
        match self {
            Value::Case { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The reference, if this is one.
    pub fn as_reference(&self) -> Option<&Reference> {
        match self {
            Value::Reference(reference) => Some(reference),
            _ => None,
        }
    }

    /// The record's entries, if this is one.
    pub fn as_record(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Value::Record(entries) => Some(entries),
            _ => None,
        }
    }

    /// The list's elements, if this is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The text that these parts of a template make together: a secret if one of them is; none if
    /// one of them has no text, or is not known yet.
    pub fn assembled(parts: &[Value]) -> Option<Value> {
        let mut text = String::new();
        let mut secret = false;
        for part in parts {
            match part {
                Value::String(part) => text.push_str(part),
                Value::Secret(part) => {
                    secret = true;
                    text.push_str(part.reveal());
                }
                Value::Bool(_)
                | Value::Int(_)
                | Value::Decimal(_)
                | Value::Quantity(_)
                | Value::Date(_) => text.push_str(&part.to_string()),
                Value::Case { name, arguments } if arguments.is_empty() => text.push_str(name),
                _ => return None,
            }
        }
        Some(match secret {
            true => Value::Secret(Secret::new(text)),
            false => Value::String(text),
        })
    }

    /// Calls `visit` for every reference in this value, in order.
    pub fn for_each_reference(&self, visit: &mut dyn FnMut(&Reference)) {
        match self {
            Value::Reference(reference) => visit(reference),
            Value::Range(low, high) => {
                low.for_each_reference(visit);
                high.for_each_reference(visit);
            }
            Value::List(elements) | Value::Template(elements) => {
                elements.iter().for_each(|e| e.for_each_reference(visit));
            }
            Value::Record(entries)
            | Value::Case {
                arguments: entries, ..
            } => {
                entries.values().for_each(|e| e.for_each_reference(visit));
            }
            Value::Condition(condition) => condition.for_each_reference(visit),
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::String(_)
            | Value::Quantity(_)
            | Value::Date(_)
            | Value::Row(_)
            | Value::Secret(_)
            | Value::Unknown(_) => {}
        }
    }
}

/// As a user would write it in a spec, on one line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = |f: &mut fmt::Formatter<'_>, entries: &BTreeMap<String, Value>| {
            for (index, (name, value)) in entries.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{name} = {value}")?;
            }
            Ok(())
        };
        match self {
            Value::None => f.write_str("none"),
            Value::Bool(flag) => write!(f, "{flag}"),
            Value::Int(number) => write!(f, "{number}"),
            Value::Decimal(number) => write!(f, "{}", number.normalize()),
            Value::String(text) => write!(f, "\"{}\"", text.escape_debug()),
            Value::Quantity(quantity) => write!(f, "{quantity}"),
            Value::Date(date) => f.write_str(date),
            Value::Range(low, high) => write!(f, "{low}..{high}"),
            Value::List(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Value::Record(entries) if entries.is_empty() => f.write_str("{}"),
            Value::Record(entries) => {
                f.write_str("{ ")?;
                pairs(f, entries)?;
                f.write_str(" }")
            }
            Value::Case { name, arguments } if arguments.is_empty() => f.write_str(name),
            Value::Case { name, arguments } => {
                write!(f, "{name}(")?;
                pairs(f, arguments)?;
                f.write_str(")")
            }
            Value::Reference(reference) => {
                write!(f, "{}", reference.address)?;
                reference
                    .path
                    .iter()
                    .try_for_each(|member| write!(f, ".{member}"))
            }
            Value::Template(parts) => {
                f.write_str("\"")?;
                parts.iter().try_for_each(|part| match part {
                    Value::String(text) => write!(f, "{}", text.escape_debug()),
                    part => write!(f, "${{{part}}}"),
                })?;
                f.write_str("\"")
            }
            Value::Row(row) => write!(f, "{row}"),
            Value::Condition(condition) => write!(f, "{condition}"),
            Value::Secret(secret) => write!(f, "{secret}"),
            Value::Unknown(_) => f.write_str("(known after apply)"),
        }
    }
}
