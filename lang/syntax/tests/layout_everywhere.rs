//! `format` on every text of the repository and on mutants of them: the tree stays, twice is once,
//! and what has an error is left alone.

mod common;

use common::{Random, checked, specs};
use mlinfra_syntax::{Kind, Node, format, lexer};

/// The specs of the repository, and every fenced one in its pages and its book.
fn texts() -> Vec<(String, String)> {
    let mut all = specs();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![root.join("lang"), root.join("tests/book")];
    let mut pages = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a page is text");
        let fences = text.split("```mlinfra").skip(1).enumerate();
        all.extend(fences.filter_map(|(place, fence)| {
            let (_, rest) = fence.split_once('\n')?;
            let body = rest.split("```").next()?;
            Some((format!("{} {place}", page.display()), body.to_owned()))
        }));
    }
    all
}

/// The tree without blanks, line breaks, comments, and the commas that a line break may replace.
fn shape(text: &str) -> Vec<String> {
    let mut shape = Vec::new();
    let mut open: Vec<(Node, usize)> = vec![(checked(text).tree, 0)];
    while let Some((node, depth)) = open.pop() {
        let separates = |node: &Node| {
            let around = node.parent().map(|parent| parent.kind());
            let lists = [Kind::Body, Kind::File, Kind::MatchExpression];
            node.kind() == Kind::Comma && around.is_some_and(|kind| lists.contains(&kind))
        };
        let kind = node.kind();
        if kind.is_trivia() || separates(&node) {
            continue;
        }
        let text = match (kind, node.is_token()) {
            (Kind::Text, _) => mlinfra_syntax::literal::text(node.text()),
            (_, true) => node.text().to_owned(),
            _ => String::new(),
        };
        shape.push(format!("{depth} {kind:?} {text}"));
        let inside: Vec<(Node, usize)> = node.children().map(|one| (one, depth + 1)).collect();
        open.extend(inside.into_iter().rev());
    }
    shape
}

/// The comments, in order.
fn comments(text: &str) -> Vec<String> {
    let tokens = lexer::tokens(text).into_iter();
    let comments = tokens.filter(|token| matches!(token.kind, Kind::Comment | Kind::Documentation));
    let written = comments.map(|token| &text[token.start as usize..token.end as usize]);
    written
        .map(|comment| comment.trim_end().to_owned())
        .collect()
}

/// Whether the text could be laid out; holds what must hold if so.
#[track_caller]
fn laid_out(name: &str, text: &str) -> bool {
    let sound = checked(text).errors.is_empty();
    let Some(once) = format(text) else {
        assert!(!sound, "{name}: a text without errors has a layout\n{text}");
        return false;
    };
    assert!(sound, "{name}: a text with an error is left alone\n{text}");
    assert_eq!(shape(text), shape(&once), "{name}:\n{text}\n----\n{once}");
    assert_eq!(
        comments(text),
        comments(&once),
        "{name}:\n{text}\n----\n{once}"
    );
    let twice = format(&once);
    assert_eq!(
        twice.as_deref(),
        Some(once.as_str()),
        "{name}, twice:\n{text}"
    );
    true
}

#[test]
fn every_text_of_the_repository() {
    let all = texts();
    let sound = all
        .iter()
        .filter(|(name, text)| laid_out(name, text))
        .count();
    assert!(sound > 150, "{sound} of {} texts", all.len());
}

#[test]
fn mutants_of_every_spec() {
    let mut random = Random(17);
    let (mut sound, mut broken) = (0, 0);
    for (name, text) in texts() {
        let tokens: Vec<&str> = lexer::tokens(&text)
            .iter()
            .map(|token| &text[token.start as usize..token.end as usize])
            .collect();
        if tokens.is_empty() {
            continue;
        }
        for _ in 0..12 {
            let mut tokens = tokens.clone();
            for _ in 0..1 + random.below(3) {
                let at = random.below(tokens.len());
                match random.below(6) {
                    0 => drop(tokens.remove(at)),
                    1 => tokens.insert(at, tokens[at]),
                    2 => tokens.insert(at, "\n"),
                    3 => tokens.insert(at, "\n\n\n"),
                    4 => tokens.insert(at, " // c\n"),
                    _ => tokens.insert(at, "  \t "),
                }
                if tokens.is_empty() {
                    break;
                }
            }
            match laid_out(&name, &tokens.concat()) {
                true => sound += 1,
                false => broken += 1,
            }
        }
    }
    assert!(
        sound > 500 && broken > 500,
        "{sound} sound, {broken} broken"
    );
}
