//! What the tests of this crate share: texts, and a generator of numbers.
#![expect(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};

use mlinfra_syntax::{Node, Parse, lexer, parse};

/// Every form of the grammar.
pub(crate) const FORMS: &str = include_str!("../forms.mlinfra");

/// A spec as people write them.
pub(crate) const SPEC: &str = include_str!("../spec.mlinfra");

/// The two embedded specs, and every spec in the repository's `examples/` and `stdlib/`.
pub(crate) fn specs() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["examples", "stdlib"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut specs = vec![
        ("forms".to_owned(), FORMS.to_owned()),
        ("spec".to_owned(), SPEC.to_owned()),
    ];
    specs.extend(files.into_iter().map(|file| {
        let text = std::fs::read_to_string(&file).expect("a spec of the repository is readable");
        (file.display().to_string(), text)
    }));
    specs
}

/// The texts of the book about the language that have no fault of form, each with its place.
pub(crate) fn book() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/book/lang");
    let mut texts = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the book is readable") {
            let path = entry.expect("the book is readable").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let page = std::fs::read_to_string(&path).expect("a page of the book is readable");
            let fences = page.split("```mlinfra").skip(1);
            let bodies = fences.filter_map(|fence| fence.split_once('\n'));
            let bodies = bodies.filter_map(|(_, rest)| rest.split("```").next());
            let named = |body: &str| (path.display().to_string(), body.to_owned());
            texts.extend(bodies.map(named));
        }
    }
    texts.retain(|(_, text)| parse(text).errors.is_empty());
    texts.sort();
    texts
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry
            .expect("a folder of the repository is readable")
            .path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "mlinfra")
        {
            files.push(path);
        }
    }
}

/// Parses, and holds what must always hold against the result.
pub(crate) fn checked(text: &str) -> Parse {
    let parse = parse(text);
    let mut end = 0;
    for token in parse.tree.descendants().filter(Node::is_token) {
        assert_eq!(
            token.range().start,
            end,
            "tokens follow each other in {text:?}"
        );
        end = token.range().end;
    }
    assert_eq!(
        end as usize,
        text.len(),
        "the tree holds every byte of {text:?}"
    );
    assert!(parse.errors.len() <= mlinfra_syntax::error::ERRORS_KEPT_MAX);
    for pair in parse.errors.windows(2) {
        assert!(
            pair[0].at.start < pair[1].at.start,
            "findings are in order: {pair:?}"
        );
    }
    for error in &parse.errors {
        let range = error.at.start as usize..error.at.end as usize;
        assert!(
            text.get(range).is_some(),
            "{error:?} lies in the text, between characters"
        );
        assert!(!error.title().is_empty(), "{error:?} has a title");
        for edit in error.fix.iter().flat_map(|fix| &fix.edits) {
            let range = edit.at.start as usize..edit.at.end as usize;
            assert!(text.get(range).is_some(), "{error:?} edits the text");
        }
    }
    parse
}

/// A small generator of numbers (xorshift), so that a failure comes again.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// A text with up to so many changes: tokens are taken out, put in twice, exchanged or mixed with
/// pieces.
pub(crate) fn mutant(
    random: &mut Random,
    text: &str,
    changes_max: usize,
    pieces: &[&'static str],
) -> String {
    let tokens = lexer::tokens(text);
    let words = tokens.iter();
    let words = words.map(|token| &text[token.start as usize..token.end as usize]);
    let mut words: Vec<&str> = words.collect();
    for _ in 0..1 + random.below(changes_max) {
        if words.is_empty() {
            words.push("x");
        }
        let (a, b) = (random.below(words.len()), random.below(words.len()));
        match random.below(5) {
            0 => drop(words.drain(a..(a + 1 + random.below(4)).min(words.len()))),
            1 => words.insert(a, words[b]),
            2 => words.swap(a, b),
            3 => drop(words.remove(a)),
            _ => words.insert(a, pieces[random.below(pieces.len())]),
        }
    }
    words.concat()
}

/// The codes of a text's findings.
pub(crate) fn codes(text: &str) -> Vec<&'static str> {
    checked(text)
        .errors
        .iter()
        .map(|error| error.code)
        .collect()
}
