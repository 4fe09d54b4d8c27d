//! A file of parameters in JSON: the members of one object, with their places.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::diagnostic::{FileId, Span};
use crate::tree::{Body, Expr, ExprKind, Item, Name, Node, Path, TextPart};

/// One member of the object.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) name_span: Span,
    /// The value, of a text what lies between its quotes.
    pub(crate) span: Span,
    /// For a text: that text.
    pub(crate) text: Option<String>,
    /// For everything else: the same as a spec would write it.
    pub(crate) expression: Option<Expr>,
}

/// The members in the order written; names that stand twice are there twice. An error is where the
/// text stops being JSON, and why.
pub(crate) fn members(text: &str, file: FileId) -> Result<Vec<Member>, (Span, String)> {
    let raw: Members<'_> = serde_json::from_str(text).map_err(|error| {
        let lines = text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1));
        let before: usize = lines.map(str::len).sum();
        let at = span(file, (before + error.column()).min(text.len()), 0);
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        (at, format!("this is no JSON object: {reason}"))
    })?;
    Ok(raw
        .0
        .into_iter()
        .filter_map(|(name, raw)| member(text, file, name, raw))
        .collect())
}

fn span(file: FileId, start: usize, length: usize) -> Span {
    let at = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    Span {
        file,
        start: at(start),
        end: at(start + length),
    }
}

fn member(text: &str, file: FileId, name: String, raw: &RawValue) -> Option<Member> {
    let raw = raw.get();
    // The value is a piece of the text itself.
    let start = (raw.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let before = text.get(..start)?.trim_end().strip_suffix(':')?.trim_end();
    let key = before.strip_suffix('"')?;
    let name_span = match key.ends_with(&name) {
        true => span(file, key.len() - name.len(), name.len()),
        // A key with escapes is pointed at by its value.
        false => span(file, start, raw.len()),
    };
    let value: Value = serde_json::from_str(raw).ok()?;
    let whole = span(file, start, raw.len());
    Some(match value {
        Value::String(text) => Member {
            name,
            name_span,
            span: span(file, start + 1, raw.len().saturating_sub(2)),
            text: Some(text),
            expression: None,
        },
        other => Member {
            name,
            name_span,
            span: whole,
            text: None,
            expression: Some(expression(&other, whole)),
        },
    })
}

/// A JSON value as a spec would write it; all of it stands at one place. The reader has bounded how
/// deep it goes.
fn expression(value: &Value, span: Span) -> Expr {
    let kind = match value {
        Value::Null => ExprKind::None,
        Value::Bool(flag) => ExprKind::Bool(*flag),
        Value::Number(number) => return self::number(&number.to_string(), span),
        Value::String(text) => ExprKind::Text(vec![TextPart::Literal(text.clone())]),
        Value::Array(elements) => {
            let elements = elements.iter().map(|element| expression(element, span));
            ExprKind::List(elements.collect())
        }
        Value::Object(entries) => {
            let name = |text: &String| Name {
                text: text.clone(),
                span,
            };
            let item = |(key, value)| Item {
                attributes: Box::default(),
                documentation: Box::default(),
                node: Node::Field {
                    path: Path {
                        names: vec![name(key)],
                        span,
                    },
                    value: expression(value, span),
                },
                span,
                broken: false,
            };
            ExprKind::Record(Body {
                items: entries.iter().map(item).collect(),
            })
        }
    };
    Expr { kind, span }
}

fn number(text: &str, span: Span) -> Expr {
    let digits = ExprKind::Number {
        digits: text.trim_start_matches('-').to_owned(),
        percent: false,
        unit: None,
    };
    let number = Expr { kind: digits, span };
    match text.starts_with('-') {
        true => Expr {
            kind: ExprKind::Negate(Box::new(number)),
            span,
        },
        false => number,
    }
}

/// The members as they stand, each value unread.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
            all.push(member);
        }
        Ok(Members(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_know_their_places() {
        let text = "{ \"a\": -1.5,\n  \"b\" : \"10 GiB\", \"c\": [true, null, {\"x\": \"y\"}] }";
        let members = members(text, FileId(3)).expect("an object");
        let at = |span: Span| &text[span.start as usize..span.end as usize];
        let found: Vec<(&str, &str)> = members
            .iter()
            .map(|member| (at(member.name_span), at(member.span)))
            .collect();
        assert_eq!(found[0], ("a", "-1.5"));
        assert_eq!(found[1], ("b", "10 GiB"));
        assert_eq!(found[2], ("c", "[true, null, {\"x\": \"y\"}]"));
        assert_eq!(members[1].text.as_deref(), Some("10 GiB"));
        assert!(members[2].expression.is_some());
    }

    #[test]
    fn what_is_no_object_is_refused_where_it_stops() {
        for text in ["{", "{\"a\" 1}", "[1]", "{\"a\": 1} x", &"[".repeat(9_000)] {
            assert!(members(text, FileId(0)).is_err(), "{text:.20}");
        }
    }
}
