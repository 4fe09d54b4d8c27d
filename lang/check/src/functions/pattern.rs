//! Regular expressions: linear in the text, and none that is costly to make.

use std::collections::BTreeMap;

use mlinfra_api::Value;
use regex::{Regex, RegexBuilder};

use super::text::texts;
use super::{Fault, Needs, Row, fits_text, text_at, wrong};

/// How many different patterns one check may use.
const PATTERNS_MAX: usize = 256;

/// How long a pattern may be.
const PATTERN_BYTES_MAX: usize = 1_024;

/// How much memory a pattern may take once it is made: what it is repeated by is counted so.
const COMPILED_BYTES_MAX: usize = 1 << 17;

/// How long a text may be that is searched.
const SEARCHED_BYTES_MAX: usize = 1 << 16;

/// The patterns made so far: a loop uses the same one many times.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    made: BTreeMap<String, Regex>,
}

pub(super) const BODIES: &[Row] = &[
    ("find", Needs::All, |patterns, values| {
        let (text, regex) = prepared(patterns, values)?;
        let found = regex.find(text);
        Ok(found.map_or(Value::None, |found| Value::text(found.as_str())))
    }),
    ("find_all", Needs::All, |patterns, values| {
        let (text, regex) = prepared(patterns, values)?;
        texts(regex.find_iter(text).map(|found| found.as_str()))
    }),
    ("groups", Needs::All, |patterns, values| {
        let (text, regex) = prepared(patterns, values)?;
        let Some(found) = regex.captures(text) else {
            return Ok(Value::List(Vec::new()));
        };
        let groups = found
            .iter()
            .skip(1)
            .map(|group| Value::text(group.map_or("", |group| group.as_str())));
        Ok(Value::List(groups.collect()))
    }),
    ("matches", Needs::All, |patterns, values| {
        let (text, regex) = prepared(patterns, values)?;
        Ok(Value::Bool(regex.is_match(text)))
    }),
    ("replace_pattern", Needs::All, |patterns, values| {
        replace(patterns, values)
    }),
];

/// The text, and the pattern that is looked for in it.
fn prepared<'a>(
    patterns: &'a mut Patterns,
    values: &'a [Value],
) -> Result<(&'a str, &'a Regex), Fault> {
    let (text, pattern) = (text_at(values, 0)?, text_at(values, 1)?);
    if text.len() > SEARCHED_BYTES_MAX {
        return Err(Fault::Limit(format!(
            "a text of more than {SEARCHED_BYTES_MAX} bytes to search by a pattern"
        )));
    }
    patterns.get(pattern).map(|regex| (text, regex))
}

impl Patterns {
    fn get(&mut self, pattern: &str) -> Result<&Regex, Fault> {
        if !self.made.contains_key(pattern) {
            if self.made.len() >= PATTERNS_MAX {
                return Err(Fault::Limit(format!("more than {PATTERNS_MAX} patterns")));
            }
            let regex = made(pattern)?;
            self.made.insert(pattern.to_owned(), regex);
        }
        self.made.get(pattern).ok_or_else(|| super::unfit(1))
    }
}

fn made(pattern: &str) -> Result<Regex, Fault> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(Fault::Limit(format!(
            "a pattern of more than {PATTERN_BYTES_MAX} bytes"
        )));
    }
    let made = RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .build();
    made.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => wrong(
            1,
            "this pattern repeats too much",
            "repeat less, or look for a part of it",
        ),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            let said = last.strip_prefix("error: ").unwrap_or(last);
            wrong(
                1,
                format!("this is no pattern: {said}"),
                "a letter that means something in a pattern is written `\\\\.` in a text",
            )
        }
    })
}

fn replace(patterns: &mut Patterns, values: &[Value]) -> Result<Value, Fault> {
    let with = text_at(values, 2)?;
    let (text, regex) = prepared(patterns, values)?;
    let mut replaced = String::new();
    let mut last = 0;
    for found in regex.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        replaced.push_str(&text[last..whole.start()]);
        // What is put in may name groups, each at most as long as the text.
        let names = with.matches('$').count();
        let most = with.len().saturating_add(names.saturating_mul(whole.len()));
        fits_text(replaced.len().saturating_add(most))?;
        found.expand(with, &mut replaced);
        last = whole.end();
    }
    replaced.push_str(&text[last..]);
    fits_text(replaced.len())?;
    Ok(Value::String(replaced))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_is_costly_is_refused_or_fast() {
        let long = "a".repeat(SEARCHED_BYTES_MAX);
        let start = std::time::Instant::now();
        for pattern in [
            "(a*)*b",
            "(a|aa)+$",
            "(x+x+)+y",
            "(?:a{1000}){1000}",
            "((a{0,100}){0,100}){0,100}",
        ] {
            let values = [Value::text(&long), Value::text(pattern)];
            let mut patterns = Patterns::default();
            if let Ok((text, regex)) = prepared(&mut patterns, &values) {
                regex.is_match(text);
            }
        }
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
        let mut patterns = Patterns::default();
        for number in 0..PATTERNS_MAX {
            assert!(patterns.get(&number.to_string()).is_ok());
        }
        assert!(matches!(patterns.get("one more"), Err(Fault::Limit(_))));
        assert!(patterns.get("0").is_ok());
    }
}
