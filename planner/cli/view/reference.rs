//! The reference of all declared words: as Markdown, as one page of HTML, and in a terminal.

use std::collections::BTreeMap;

use mlinfra_check::{Member, Word};
use serde_json::{Value, json};

use super::Screen;
use super::layout::{counted, wrapped};
use super::theme::Ink;

/// The version of the vocabulary as JSON. It is raised when a reader of the former one would be
/// wrong.
pub(crate) const VOCABULARY_VERSION: u32 = 1;

/// The page around the words: its style and its search.
const PAGE: &str = include_str!("reference.html");

/// The forms, in the order in which a newcomer meets them, and what their words are.
const FORMS: &[(&str, &str)] = &[
    ("kind", "Kinds of blocks"),
    ("op", "Operations"),
    ("type", "Types"),
    ("function", "Functions"),
    ("unit", "Units"),
    ("data_class", "Data classes"),
    ("attribute", "Attributes"),
    ("view", "Lists for policies"),
];

/// The words of each form that has some.
fn sections(words: &[Word]) -> Vec<(&'static str, Vec<&Word>)> {
    let of = |form: &str| words.iter().filter(|word| word.form == form).collect();
    let all = FORMS.iter().map(|(form, title)| (*title, of(form)));
    all.filter(|(_, words): &(_, Vec<&Word>)| !words.is_empty())
        .collect()
}

/// All words as Markdown.
pub(crate) fn markdown(words: &[Word]) -> String {
    let mut out = String::from(
        "# The words of mlinfra\n\nEvery kind, operation, type, function, unit and class that the \
         standard library declares.\n",
    );
    for (title, words) in sections(words) {
        out += &format!("\n## {title}\n");
        for word in words {
            for word in word.with_nested() {
                out += &entry(word);
            }
        }
    }
    out
}

/// One word as Markdown.
fn entry(word: &Word) -> String {
    let level = "#".repeat(3 + word.inside.len().min(3));
    let mut out = format!(
        "\n{level} `{}`\n\n```mlinfra\n{}\n```\n",
        word.path(),
        code(word)
    );
    if !word.documentation.is_empty() {
        out += &format!("\n{}\n", word.documentation.trim());
    }
    for (title, members) in groups(word) {
        out += &format!("\n| {title} | type | default | about |\n|---|---|---|---|\n");
        for member in members {
            out += &format!(
                "| `{}` | `{}` | {} | {} |\n",
                cell(&member.name),
                cell(&member.type_text),
                cell(&default(member)),
                cell(&about(member))
            );
        }
    }
    out
}

/// The head with its attributes, and what its values must hold.
fn code(word: &Word) -> String {
    let attributes = word.attributes.iter().map(|one| format!("{one}\n"));
    let mut text: String = attributes.collect();
    text += &word.head;
    let inside = word.conditions.iter().chain(&word.entries);
    for line in inside {
        text += &format!("\n  {line}");
    }
    text
}

/// What is in the parentheses, what is written in the body, and what can be read of it.
fn groups(word: &Word) -> Vec<(&'static str, Vec<&Member>)> {
    let written = word.members.iter().filter(|one| !one.told).collect();
    let told = word.members.iter().filter(|one| one.told).collect();
    let parameters = word.parameters.iter().collect();
    let all: [(&str, Vec<&Member>); 3] = [
        ("parameter", parameters),
        ("field", written),
        ("to be read", told),
    ];
    all.into_iter()
        .filter(|(_, members)| !members.is_empty())
        .collect()
}

fn default(member: &Member) -> String {
    match &member.default {
        Some(text) => format!("`{text}`"),
        None if member.required => "must be given".to_owned(),
        None => String::new(),
    }
}

fn about(member: &Member) -> String {
    let attributes = member.attributes.iter().map(|one| format!("`{one}`"));
    let mut parts: Vec<String> = attributes.collect();
    let documentation = member.documentation.trim();
    if !documentation.is_empty() {
        parts.push(documentation.to_owned());
    }
    parts.join(" ")
}

/// A text in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// All words as one page that works from disk and asks no network for anything.
pub(crate) fn html(words: &[Word]) -> String {
    let mut entries = String::new();
    let mut links = String::new();
    let mut count = 0;
    let mut anchors = BTreeMap::new();
    for (title, words) in sections(words) {
        let anchor = title.to_lowercase().replace(' ', "-");
        links += &format!("<a href=\"#{anchor}\">{title}</a>\n");
        entries += &format!("<section>\n<h2 id=\"{anchor}\">{title}</h2>\n");
        for word in words.iter().flat_map(|word| word.with_nested()) {
            count += 1;
            entries += &article(word, &anchor_of(word, &mut anchors));
        }
        entries += "</section>\n";
    }
    PAGE.replace("<!-- links -->", &links)
        .replace("<!-- count -->", &counted(count, "word"))
        .replace("<!-- entries -->", &entries)
}

fn article(word: &Word, anchor: &str) -> String {
    let members = word.members.iter().chain(&word.parameters);
    let members: Vec<&str> = members.map(|one| one.name.as_str()).collect();
    let find = format!(
        "{} {} {} {}",
        word.form,
        word.path(),
        members.join(" "),
        word.documentation
    );
    let mut out = format!(
        "<article id=\"{anchor}\" data-find=\"{}\">\n<h3><a href=\"#{anchor}\">{}</a> \
         <small>{}</small></h3>\n<pre><code>{}</code></pre>\n",
        escaped(&find.to_lowercase().replace('\n', " ")),
        escaped(&word.path()),
        escaped(&word.form.replace('_', " ")),
        escaped(&code(word))
    );
    for paragraph in word.documentation.split("\n\n") {
        if !paragraph.trim().is_empty() {
            out += &format!("<p>{}</p>\n", inline(paragraph.trim()));
        }
    }
    for (title, members) in groups(word) {
        out += &format!(
            "<table>\n<tr><th>{title}</th><th>type</th><th>default</th><th>about</th></tr>\n"
        );
        for member in members {
            out += &format!(
                "<tr><td><code>{}</code></td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
                escaped(&member.name),
                escaped(&member.type_text),
                inline(&default(member)),
                inline(&about(member))
            );
        }
        out += "</table>\n";
    }
    out + "</article>\n"
}

/// `kind-evaluate-fairness`: names hold nothing that an anchor can't. A word that is declared for
/// several things has a number behind it from the second on.
fn anchor_of(word: &Word, seen: &mut BTreeMap<String, usize>) -> String {
    let anchor = format!("{}-{}", word.form, word.path().replace('.', "-"));
    let count = seen.entry(anchor.clone()).or_default();
    *count += 1;
    match *count {
        1 => anchor,
        count => format!("{anchor}-{count}"),
    }
}

/// A line of Markdown: what stands in backquotes is code.
fn inline(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    let last = pieces.len() - 1;
    let piece = |(place, piece): (usize, &&str)| match place % 2 == 1 && place < last {
        true => format!("<code>{}</code>", escaped(piece)),
        false if place % 2 == 1 => format!("`{}", escaped(piece)),
        false => escaped(piece),
    };
    pieces.iter().enumerate().map(piece).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Words for a terminal.
pub(crate) fn text(words: &[&Word], screen: &Screen) -> String {
    let mut out = String::new();
    for word in words {
        for word in word.with_nested() {
            if !out.is_empty() {
                out.push('\n');
            }
            out += &one(word, screen);
        }
    }
    out
}

fn one(word: &Word, screen: &Screen) -> String {
    let indent = "  ".repeat(word.inside.len());
    let inner = format!("{indent}  ");
    let mut out = String::new();
    for line in code(word).lines() {
        let line = screen.theme.paint(Ink::Strong, line);
        out += &format!("{indent}{line}\n");
    }
    for paragraph in word.documentation.split("\n\n") {
        let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if !paragraph.is_empty() {
            out += &wrapped(&paragraph, screen.width, &inner, &inner);
        }
    }
    for (title, members) in groups(word) {
        if title == "parameter" && members.iter().all(|one| one.documentation.is_empty()) {
            // The head says all of it.
            continue;
        }
        out.push('\n');
        for member in members {
            out += &line_of(member, &inner, screen);
        }
    }
    out
}

fn line_of(member: &Member, indent: &str, screen: &Screen) -> String {
    let default = member.default.as_ref();
    let default = default.map_or(String::new(), |text| format!(" = {text}"));
    let attributes = member.attributes.iter().map(|one| format!(" {one}"));
    let attributes: String = attributes.collect();
    let rest = format!(" : {}{default}{attributes}", member.type_text);
    let more = format!("{indent}    ");
    let first = format!("{indent}{}{rest}", member.name);
    let mut out = wrapped(&first, screen.width, "", &more);
    let name = screen.theme.paint(Ink::Strong, &member.name);
    out = out.replacen(&member.name, &name, 1);
    let documentation: Vec<&str> = member.documentation.split_whitespace().collect();
    if !documentation.is_empty() {
        out += &wrapped(&documentation.join(" "), screen.width, &more, &more);
    }
    out
}

/// All words for other programs.
pub(crate) fn json<'w>(words: impl IntoIterator<Item = &'w Word>) -> Value {
    json!({
        "vocabulary": VOCABULARY_VERSION,
        "words": words.into_iter().map(word_json).collect::<Vec<_>>(),
    })
}

fn word_json(word: &Word) -> Value {
    let member = |member: &Member| {
        json!({
            "name": member.name,
            "type": member.type_text,
            "default": member.default,
            "required": member.required,
            "told": member.told,
            "attributes": member.attributes,
            "documentation": member.documentation,
        })
    };
    json!({
        "form": word.form,
        "name": word.name,
        "path": word.path(),
        "head": word.head,
        "documentation": word.documentation,
        "attributes": word.attributes,
        "parameters": word.parameters.iter().map(member).collect::<Vec<_>>(),
        "result": word.result,
        "place": word.place,
        "value": word.value,
        "members": word.members.iter().map(member).collect::<Vec<_>>(),
        "conditions": word.conditions,
        "entries": word.entries,
        "nested": word.nested.iter().map(word_json).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_marked_and_nothing_is_markup() {
        assert_eq!(inline("a `b<c` & d"), "a <code>b&lt;c</code> &amp; d");
        assert_eq!(inline("a ` b"), "a ` b");
        assert_eq!(cell("a | b\nc"), "a \\| b c");
    }

    #[test]
    fn every_word_has_its_place_on_the_page() {
        let words = mlinfra_check::vocabulary();
        let page = html(words);
        let markdown = markdown(words);
        let mut anchors = BTreeMap::new();
        let ordered = sections(words).into_iter().flat_map(|(_, words)| words);
        for word in ordered.flat_map(Word::with_nested) {
            let anchor = anchor_of(word, &mut anchors);
            let anchor = format!("<article id=\"{anchor}\"");
            assert_eq!(page.matches(&anchor).count(), 1, "{anchor}");
            assert!(
                markdown.contains(&format!("# `{}`\n", word.path())),
                "{}",
                word.path()
            );
        }
        assert!(!page.contains("<!-- "), "a place is not filled");
        // Addresses stand in the text of examples; nothing that would be fetched does.
        for outside in ["href=\"http", "src=", "@import", "url(\""] {
            let found = page.find(outside);
            assert!(found.is_none(), "{outside} at {found:?}");
        }
    }
}
