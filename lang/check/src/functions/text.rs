//! Functions of texts.

use mlinfra_api::Value;

use super::{
    Fault, Needs, Row, count_at, fits_list, fits_text, list_at, text_at, unfit, whole, wrong,
};
use crate::budget::VALUES_MAX;
use crate::quantity::{self, NumberFault};

pub(super) const BODIES: &[Row] = &[
    ("contains", Needs::All, |_, values| {
        Ok(Value::Bool(
            text_at(values, 0)?.contains(text_at(values, 1)?),
        ))
    }),
    ("ends_with", Needs::All, |_, values| {
        Ok(Value::Bool(
            text_at(values, 0)?.ends_with(text_at(values, 1)?),
        ))
    }),
    ("fixed", Needs::All, |_, values| fixed(values)),
    ("indent", Needs::All, |_, values| indent(values)),
    ("is_address", Needs::All, |_, values| {
        Ok(Value::Bool(is_address(text_at(values, 0)?)))
    }),
    ("is_inside", Needs::All, |_, values| {
        Ok(Value::Bool(is_inside(text_at(values, 0)?)))
    }),
    ("join", Needs::All, |_, values| join(values)),
    ("length", Needs::All, |_, values| {
        whole(text_at(values, 0)?.chars().count())
    }),
    ("lines", Needs::All, |_, values| {
        texts(text_at(values, 0)?.lines())
    }),
    ("lower", Needs::All, |_, values| {
        made(text_at(values, 0)?.to_lowercase())
    }),
    ("pad_end", Needs::All, |_, values| {
        let (text, filling) = padded(values)?;
        Ok(Value::String(format!("{text}{filling}")))
    }),
    ("pad_start", Needs::All, |_, values| {
        let (text, filling) = padded(values)?;
        Ok(Value::String(format!("{filling}{text}")))
    }),
    ("repeat", Needs::All, |_, values| {
        let (text, times) = (text_at(values, 0)?, count_at(values, 1)?);
        fits_text(text.len().saturating_mul(times))?;
        Ok(Value::String(text.repeat(times)))
    }),
    ("replace", Needs::All, |_, values| replace(values)),
    ("parts", Needs::All, |_, values| parts(values)),
    ("starts_with", Needs::All, |_, values| {
        Ok(Value::Bool(
            text_at(values, 0)?.starts_with(text_at(values, 1)?),
        ))
    }),
    ("substring", Needs::All, |_, values| substring(values)),
    ("title", Needs::All, |_, values| {
        made(title(text_at(values, 0)?))
    }),
    ("trim", Needs::All, |_, values| {
        Ok(Value::text(text_at(values, 0)?.trim()))
    }),
    ("upper", Needs::All, |_, values| {
        made(text_at(values, 0)?.to_uppercase())
    }),
    ("without_prefix", Needs::All, |_, values| {
        let (text, prefix) = (text_at(values, 0)?, text_at(values, 1)?);
        Ok(Value::text(text.strip_prefix(prefix).unwrap_or(text)))
    }),
    ("without_suffix", Needs::All, |_, values| {
        let (text, suffix) = (text_at(values, 0)?, text_at(values, 1)?);
        Ok(Value::text(text.strip_suffix(suffix).unwrap_or(text)))
    }),
];

/// A text that was made from one within the limits, and may be a little longer.
fn made(text: String) -> Result<Value, Fault> {
    fits_text(text.len())?;
    Ok(Value::String(text))
}

pub(super) fn texts<'t>(all: impl Iterator<Item = &'t str>) -> Result<Value, Fault> {
    let most = usize::try_from(VALUES_MAX).unwrap_or(usize::MAX);
    let texts: Vec<Value> = all.take(most.saturating_add(1)).map(Value::text).collect();
    fits_list(texts.len() as u64)?;
    Ok(Value::List(texts))
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

/// Every word with a capital letter.
fn title(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        match inside {
            true => made.push(letter),
            false => made.extend(letter.to_uppercase()),
        }
        inside = letter.is_alphanumeric() || letter == '\'';
    }
    made
}

fn join(values: &[Value]) -> Result<Value, Fault> {
    let elements: Option<Vec<&str>> = list_at(values, 0)?.iter().map(Value::as_text).collect();
    let (elements, separator) = (elements.ok_or_else(|| unfit(0))?, text_at(values, 1)?);
    let gaps = separator
        .len()
        .saturating_mul(elements.len().saturating_sub(1));
    let bytes = elements
        .iter()
        .map(|text| text.len())
        .fold(gaps, usize::saturating_add);
    fits_text(bytes)?;
    Ok(Value::String(elements.join(separator)))
}

fn parts(values: &[Value]) -> Result<Value, Fault> {
    let (text, separator) = (text_at(values, 0)?, text_at(values, 1)?);
    if separator.is_empty() {
        return Err(wrong(
            1,
            "this is empty, so it stands everywhere",
            "name what stands between the parts",
        ));
    }
    if text.is_empty() {
        return Ok(Value::List(Vec::new()));
    }
    texts(text.split(separator))
}

fn replace(values: &[Value]) -> Result<Value, Fault> {
    let (text, part, with) = (
        text_at(values, 0)?,
        text_at(values, 1)?,
        text_at(values, 2)?,
    );
    if part.is_empty() {
        return Err(wrong(
            1,
            "this is empty, so it stands everywhere",
            "name what is replaced",
        ));
    }
    let times = text.matches(part).count();
    fits_text(text.len().saturating_add(times.saturating_mul(with.len())))?;
    Ok(Value::String(text.replace(part, with)))
}

/// The text, and what is missing to the wanted width.
fn padded(values: &[Value]) -> Result<(&str, String), Fault> {
    let (text, width, with) = (
        text_at(values, 0)?,
        count_at(values, 1)?,
        text_at(values, 2)?,
    );
    let missing = width.saturating_sub(text.chars().count());
    if missing == 0 {
        return Ok((text, String::new()));
    }
    if with.is_empty() {
        return Err(wrong(
            2,
            "this is empty, so nothing is filled",
            "name a letter to fill with",
        ));
    }
    fits_text(text.len().saturating_add(missing.saturating_mul(4)))?;
    Ok((text, with.chars().cycle().take(missing).collect()))
}

/// From a place, counted in characters from 0, so many of them; all behind it if not said.
fn substring(values: &[Value]) -> Result<Value, Fault> {
    let (text, start) = (text_at(values, 0)?, count_at(values, 1)?);
    let length = match values.get(2) {
        Some(Value::None) | None => usize::MAX,
        Some(_) => count_at(values, 2)?,
    };
    Ok(Value::String(
        text.chars().skip(start).take(length).collect(),
    ))
}

/// Blanks before every line but the first, as a text inside another needs them.
fn indent(values: &[Value]) -> Result<Value, Fault> {
    let (text, by) = (text_at(values, 0)?, count_at(values, 1)?);
    let lines = text.matches('\n').count();
    fits_text(text.len().saturating_add(lines.saturating_mul(by)))?;
    Ok(Value::String(
        text.replace('\n', &format!("\n{}", " ".repeat(by))),
    ))
}

/// How many digits a number may be shown with.
const DIGITS_MAX: usize = 28;

fn fixed(values: &[Value]) -> Result<Value, Fault> {
    let (Some((number, _)), digits) = (
        values.first().and_then(quantity::parts),
        count_at(values, 1)?,
    ) else {
        return Err(unfit(0));
    };
    if digits > DIGITS_MAX {
        return Err(wrong(
            1,
            "these are more digits than a number has",
            "write at most 28",
        ));
    }
    let places = u32::try_from(digits).map_err(|_| Fault::Number(NumberFault::Overflow))?;
    let how = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
    let number = number.round_dp_with_strategy(places, how);
    Ok(Value::String(format!("{number:.digits$}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_inside_or_not() {
        for (path, inside) in [
            ("a/../b", true),
            ("./b c.csv", true),
            ("a/../../b", false),
            ("/b", false),
            ("..", false),
        ] {
            assert_eq!(is_inside(path), inside, "{path}");
        }
        assert!(is_address("s3://a/b") && !is_address("a/b.csv"));
    }

    #[test]
    fn what_would_be_too_long_is_refused_before_it_is_made() {
        let long = Value::String("x".repeat(1 << 20));
        let text = |text: &str| Value::text(text);
        for values in [
            vec![long.clone(), text("x"), text("yyyy")],
            vec![text("ab"), text("b"), long.clone()],
        ] {
            let longer = replace(&values);
            let grows = values[0] == long;
            assert_eq!(longer.is_err(), grows || values[2] == long, "{grows}");
        }
        let values = [text("ab"), Value::Int(i64::MAX), text(" ")];
        assert!(matches!(padded(&values), Err(Fault::Limit(_))));
    }
}
