//! The Markdown of a hover.

use std::collections::BTreeSet;

/// How many names of columns a line lists.
const NAMES_MAX: usize = 12;

/// A declaration as code, and paragraphs about it.
pub(crate) fn card(head: &str, paragraphs: impl IntoIterator<Item = String>) -> String {
    let mut text = format!("```mlinfra\n{head}\n```");
    for paragraph in paragraphs {
        if !paragraph.trim().is_empty() {
            text += "\n\n";
            text += paragraph.trim();
        }
    }
    text
}

/// A text on one line.
pub(crate) fn collapsed(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// `A table of 3 columns: a, b, c.`
pub(crate) fn table_line<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = columns.collect();
    let shown: Vec<String> = (all.iter().take(NAMES_MAX))
        .map(|name| format!("`{name}`"))
        .collect();
    let more = match all.len() > NAMES_MAX {
        true => " …",
        false => "",
    };
    let noun = match all.len() {
        1 => "column",
        _ => "columns",
    };
    format!(
        "A table of {} {noun}: {}{more}",
        all.len(),
        shown.join(", ")
    )
}

/// The classes that a column has besides those written in its head.
pub(crate) fn implied(head: &str, classes: &BTreeSet<String>) -> Option<String> {
    let more: Vec<String> = (classes.iter())
        .filter(|class| !head.contains(&format!("@{class}")))
        .map(|class| format!("`@{class}`"))
        .collect();
    (!more.is_empty()).then(|| format!("Also {}, which its classes imply.", more.join(", ")))
}
