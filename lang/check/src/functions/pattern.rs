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

/// How many bytes one check may search anew behind matches. Where a match ends, the next one is
/// looked for in all that is left, and it may take the end of the text to see that it is a short
/// one: so all matches together may cost the square of the text.
const SEARCHED_AGAIN_BYTES_MAX: usize = 32 << 20;

/// The patterns made so far: a loop uses the same one many times.
#[derive(Debug)]
pub(crate) struct Patterns {
    made: BTreeMap<String, Regex>,
    /// How many bytes may still be searched behind matches.
    again_bytes: usize,
}

impl Default for Patterns {
    fn default() -> Self {
        Patterns {
            made: BTreeMap::new(),
            again_bytes: SEARCHED_AGAIN_BYTES_MAX,
        }
    }
}

pub(super) const BODIES: &[Row] = &[
    ("find", Needs::All, |patterns, values| {
        let Prepared { text, regex, .. } = prepared(patterns, values)?;
        let found = regex.find(text);
        Ok(found.map_or(Value::None, |found| Value::text(found.as_str())))
    }),
    ("find_all", Needs::All, |patterns, values| {
        find_all(patterns, values)
    }),
    ("groups", Needs::All, |patterns, values| {
        let Prepared { text, regex, .. } = prepared(patterns, values)?;
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
        let Prepared { text, regex, .. } = prepared(patterns, values)?;
        Ok(Value::Bool(regex.is_match(text)))
    }),
    ("replace_pattern", Needs::All, |patterns, values| {
        replace(patterns, values)
    }),
];

/// The text, the pattern that is looked for in it, and how much may be searched again.
struct Prepared<'a> {
    text: &'a str,
    regex: &'a Regex,
    again_bytes: &'a mut usize,
}

impl Prepared<'_> {
    /// Pays for searching what is left behind a match that ends here.
    fn search_behind(&mut self, end: usize) -> Result<(), Fault> {
        let bytes = self.text.len() - end;
        if bytes > *self.again_bytes {
            // Whoever asks again gets the same answer at once.
            *self.again_bytes = 0;
            return Err(Fault::Limit(format!(
                "more than {SEARCHED_AGAIN_BYTES_MAX} bytes to search behind what was found"
            )));
        }
        *self.again_bytes -= bytes;
        Ok(())
    }
}

fn prepared<'a>(patterns: &'a mut Patterns, values: &'a [Value]) -> Result<Prepared<'a>, Fault> {
    let (text, pattern) = (text_at(values, 0)?, text_at(values, 1)?);
    if text.len() > SEARCHED_BYTES_MAX {
        return Err(Fault::Limit(format!(
            "a text of more than {SEARCHED_BYTES_MAX} bytes to search by a pattern"
        )));
    }
    let Patterns { made, again_bytes } = patterns;
    Ok(Prepared {
        text,
        regex: one_of(made, pattern)?,
        again_bytes,
    })
}

/// The pattern, made if it was not yet.
fn one_of<'p>(made: &'p mut BTreeMap<String, Regex>, pattern: &str) -> Result<&'p Regex, Fault> {
    if !made.contains_key(pattern) {
        if made.len() >= PATTERNS_MAX {
            return Err(Fault::Limit(format!("more than {PATTERNS_MAX} patterns")));
        }
        made.insert(pattern.to_owned(), compiled(pattern)?);
    }
    made.get(pattern).ok_or_else(|| super::unfit(1))
}

fn compiled(pattern: &str) -> Result<Regex, Fault> {
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

fn find_all(patterns: &mut Patterns, values: &[Value]) -> Result<Value, Fault> {
    let mut prepared = prepared(patterns, values)?;
    let mut all = Vec::new();
    for found in prepared.regex.find_iter(prepared.text) {
        prepared.search_behind(found.end())?;
        all.push(found.as_str());
    }
    texts(all.into_iter())
}

fn replace(patterns: &mut Patterns, values: &[Value]) -> Result<Value, Fault> {
    let with = text_at(values, 2)?;
    let mut prepared = prepared(patterns, values)?;
    let text = prepared.text;
    let mut replaced = String::new();
    let mut last = 0;
    for found in prepared.regex.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        prepared.search_behind(whole.end())?;
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
            if let Ok(Prepared { text, regex, .. }) = prepared(&mut patterns, &values) {
                regex.is_match(text);
            }
        }
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
        let mut patterns = Patterns::default();
        for number in 0..PATTERNS_MAX {
            assert!(one_of(&mut patterns.made, &number.to_string()).is_ok());
        }
        let one_more = one_of(&mut patterns.made, "one more");
        assert!(matches!(one_more, Err(Fault::Limit(_))));
        assert!(one_of(&mut patterns.made, "0").is_ok());
    }

    #[test]
    fn matches_are_paid_for_by_what_is_searched_behind_them() {
        let text = Value::text("A".repeat(400));
        // Each match is a letter, and the pattern looks for a longer one to the end.
        let pattern = Value::text(".*[^A-Z]|[A-Z]");
        let values = [text, pattern, Value::text("b")];
        let bytes = 400 * 399 / 2;
        for run in [find_all, replace] {
            let of = |again_bytes| Patterns {
                again_bytes,
                ..Patterns::default()
            };
            assert!(matches!(
                run(&mut of(bytes - 1), &values),
                Err(Fault::Limit(_))
            ));
            let mut twice = of(2 * bytes - 1);
            assert!(run(&mut twice, &values).is_ok());
            assert!(matches!(run(&mut twice, &values), Err(Fault::Limit(_))));
        }
    }
}
