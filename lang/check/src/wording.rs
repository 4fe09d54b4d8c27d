//! Lists of names, as they are said to a person.

/// How many names that the user chose are listed.
const NAMES_LISTED_MAX: usize = 12;

/// The first of names that the user chose, and how many more there are.
pub(crate) fn list_some(words: &[&str]) -> String {
    let shown = words.get(..NAMES_LISTED_MAX).unwrap_or(words);
    match words.len() - shown.len() {
        0 => list(words),
        more => format!("{} and {more} more", quoted(shown).join(", ")),
    }
}

fn quoted(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| format!("`{word}`")).collect()
}

/// Words for a person: `a`, `b` and `c`.
pub(crate) fn list(words: &[&str]) -> String {
    match quoted(words).split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
