//! Files of other formats: one finding that says so, instead of one for each line.

use crate::code;
use crate::diagnostic::{Diagnostic, FileId, Span};
use crate::schema::{Kind, Library, Place};

/// The finding for a text that is YAML, JSON or TOML; none if it may be meant as a spec.
pub(crate) fn finding(text: &str, file: FileId) -> Option<Diagnostic> {
    let (format, span) = format_of_file(text, file)?;
    Some(
        Diagnostic::error(
            code::FILE_FOREIGN,
            span,
            format!("this looks like {format}"),
        )
        .help("a spec is made of blocks, so that each has a kind, a name and a place")
        .help(match example(text) {
            Some((written, block)) => format!("what stands under `{written}` is written `{block}`"),
            None => "a block is written `kind name on place { … }`".to_owned(),
        })
        .help("`mlinfra init` writes a spec to begin with"),
    )
}

/// The name of the format, if the whole text speaks for it, and its first line.
pub(crate) fn format_of_file(whole: &str, file: FileId) -> Option<(&'static str, Span)> {
    let text = whole.strip_prefix('\u{feff}').unwrap_or(whole);
    let format = format_of(text)?;
    let first = significant(text).next()?;
    let start = first.as_ptr() as usize - whole.as_ptr() as usize;
    let start = u32::try_from(start).ok()?;
    let end = start + u32::try_from(first.trim_end().len()).ok()?;
    Some((format, Span { file, start, end }))
}

/// The name of the format, if the whole text speaks for it.
fn format_of(text: &str) -> Option<&'static str> {
    let first = significant(text).next()?;
    let trimmed = first.trim();
    let behind = |open: char| trimmed.strip_prefix(open).map(str::trim_start);
    let is_header = behind('[').is_some_and(|inner| {
        let inner = inner.trim_start_matches('[').trim_end_matches(']');
        let name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        trimmed.ends_with(']') && !inner.is_empty() && inner.chars().all(name)
    });
    if is_header {
        return Some("TOML");
    }
    let opens = behind('{').or_else(|| behind('['));
    if opens.is_some_and(|rest| rest.is_empty() || rest.starts_with(['"', '{', '[', '}', ']'])) {
        return Some("JSON");
    }
    // Every line that is not indented is a key or an element, and none opens or closes a block.
    let mut outer = significant(text).filter(|line| !line.starts_with([' ', '\t']));
    let is_yaml = outer.all(|line| {
        matches!(line.trim_end(), "---" | "..." | "-") || line.starts_with("- ") || is_key(line)
    });
    (is_yaml && first.len() == first.trim_start().len()).then_some("YAML")
}

/// The lines that hold more than blanks and comments.
fn significant(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with("//")
    })
}

/// `key:`, with a value behind a blank or nothing at all.
fn is_key(line: &str) -> bool {
    let Some((key, rest)) = line.split_once(':') else {
        return false;
    };
    let key = key.trim_matches(['"', '\'']);
    let named = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '$');
    let apart = rest.is_empty() || rest.starts_with([' ', '\t', '\r']);
    !key.is_empty() && key.chars().all(named) && apart && !rest.trim_end().ends_with('{')
}

/// A key of the text that is the word of a kind, and how a block of that kind is written.
fn example(text: &str) -> Option<(String, String)> {
    let library = Library::standard();
    let mut known = significant(text).filter_map(|line| {
        let start = line.trim_start_matches([' ', '{', '[']);
        let key = start.split([':', ']', '.']).next()?;
        let word = key.trim_matches(['"', '\'', ' ']);
        Some((word, library.kinds.get(word)?))
    });
    // One that stands on another shows the whole form.
    let first = known.next()?;
    let is_placed = |kind: &Kind| matches!(kind.place, Place::Required(_));
    let (word, kind) = match is_placed(first.1) {
        true => first,
        false => known.find(|(_, kind)| is_placed(kind)).unwrap_or(first),
    };
    let place = match &kind.place {
        Place::Required(place) => format!(" on {place}"),
        Place::Nothing | Place::Optional(_) => String::new(),
    };
    Some((word.to_owned(), format!("{word} name{place} {{ … }}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart_and_specs_are_none() {
        for (text, format) in [
            (
                "project: credit\nstorage:\n  lake:\n    capacity: 2GiB\n",
                Some("YAML"),
            ),
            ("---\n# a comment\nkind: Pod\n", Some("YAML")),
            ("- name: train\n  epochs: 3\n", Some("YAML")),
            ("{\n  \"project\": 1\n}\n", Some("JSON")),
            ("[{\"a\": 1}]", Some("JSON")),
            ("[project]\nname = \"x\"\n", Some("TOML")),
            ("project credit {}\n", None),
            ("// only a comment\n", None),
            ("age: int\nproject credit {}\n", None),
            ("columns:{\n}\n", None),
            ("  age : int\n", None),
            ("{ a = 1 }", None),
        ] {
            assert_eq!(format_of(text), format, "{text:?}");
        }
    }
}
