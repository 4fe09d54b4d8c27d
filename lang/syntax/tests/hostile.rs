//! No text makes the parser fail, lose a byte, run out of stack or take more than linear time.

mod common;

use std::time::{Duration, Instant};

use common::{FORMS, Random, SPEC, checked};
use mlinfra_syntax::{format, lexer, parse};

const PIECES: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "\"\"\"",
    "${",
    "`",
    "=",
    ":",
    "@",
    "/",
    "//",
    "///",
    "\n",
    "\r\n",
    "if",
    "then",
    "match",
    "for",
    "when",
    "not",
    "..",
    ".",
    "1",
    "%",
    "-",
    "\0",
    "é",
    "²",
    "\u{feff}",
    "'",
    "#",
    "&&",
    "||",
    "!",
    "=>",
    "|",
    "?",
    "2027-01-01",
    "10.0.0.1",
    "\\",
    "\t",
];

/// A text with a few of its tokens taken out, put in twice, exchanged or mixed with pieces.
fn mutant(random: &mut Random, text: &str) -> String {
    let mut tokens: Vec<&str> = lexer::tokens(text)
        .iter()
        .map(|token| &text[token.start as usize..token.end as usize])
        .collect();
    for _ in 0..1 + random.below(12) {
        let (a, b) = (random.below(tokens.len()), random.below(tokens.len()));
        match random.below(10) {
            0..3 => {
                let end = (a + 1 + random.below(4)).min(tokens.len());
                tokens.drain(a..end);
            }
            3..6 => tokens.insert(a, tokens[b]),
            6..8 => tokens.swap(a, b),
            _ => tokens.insert(a, PIECES[random.below(PIECES.len())]),
        }
        if tokens.is_empty() {
            tokens.push("x");
        }
    }
    tokens.concat()
}

/// A stretch of whole lines, so that a mutant is small and many fit into a second.
fn stretch<'a>(random: &mut Random, text: &'a str) -> &'a str {
    let starts: Vec<usize> = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    let first = random.below(starts.len() - 1);
    let last = (first + 1 + random.below(25)).min(starts.len() - 1);
    &text[starts[first]..starts[last]]
}

#[test]
fn mutants_lose_no_byte() {
    let mut random = Random(20_260_101);
    for _ in 0..20_000 {
        let text = if random.below(2) == 0 { FORMS } else { SPEC };
        let text = stretch(&mut random, text);
        let text = mutant(&mut random, text);
        checked(&text);
    }
}

#[test]
fn random_characters_lose_no_byte() {
    let mut random = Random(7);
    for _ in 0..5_000 {
        let length = random.below(40);
        let text: String = (0..length)
            .map(|_| PIECES[random.below(PIECES.len())])
            .collect();
        checked(&text);
    }
}

#[test]
fn a_text_cut_anywhere_loses_no_byte() {
    for text in [FORMS, SPEC] {
        for (at, _) in text.char_indices() {
            checked(&text[..at]);
        }
    }
}

/// Opens something again and again; with `close` also closes it.
#[test]
fn nesting_without_end_is_one_finding() {
    for (start, open) in [
        ("x = ", "["),
        ("x = ", "("),
        ("x = f", "("),
        ("x = ", "{ a = "),
        ("", "{"),
        ("", "a b { "),
        ("x = ", "if "),
        ("x = ", "not "),
        ("x = ", "- "),
        ("x = \"", "${\""),
        ("x = \"", "${"),
        ("x = ", "match a { b => "),
        ("x : ", "list("),
        ("x = 1", " + 1"),
        ("x = a", ".a"),
        ("x = a", "(1)"),
        ("x = a", "[1]"),
        ("x = 1", " ?? 1"),
        ("", "}"),
        ("", ") "),
        ("", "@a("),
        ("x = ", "1 + -"),
        ("x = [", "1 "),
        ("", "///\n"),
        ("", "\"\"\"\n "),
        ("x = a", " == b"),
        ("x = ", "if a then b else "),
        ("x = ", "[a for b in "),
        ("a b\n", "on c\n"),
        ("", "²"),
        ("", "a b {\n"),
        ("x = [1,\n", "[1,\n"),
        ("", "'"),
        ("", "`"),
        ("", "2027-01-01T1"),
        ("x = \"", "\\"),
        ("x = ", "1e"),
        ("x = ", "1__"),
        ("", "a,"),
        ("x = f(", "a b "),
    ] {
        let text = format!("{start}{}", open.repeat(200_000));
        let began = Instant::now();
        let parse = parse(&text);
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{open:?}: {:?}",
            began.elapsed()
        );
        assert_eq!(parse.tree.range(), 0..text.len() as u32, "{open:?}");
        assert!(parse.errors.len() <= 100, "{open:?}");
        let deep = parse
            .errors
            .iter()
            .filter(|error| error.code == "E0024")
            .count();
        assert!(deep <= 1, "{open:?} is reported once, not {deep} times");
    }
}

/// How deep the tree of a text goes.
fn depth(text: &str) -> usize {
    let tree = parse(text).tree;
    let mut deepest = 0;
    let mut open: Vec<u32> = Vec::new();
    for node in tree.descendants() {
        while open.last().is_some_and(|end| *end <= node.range().start) {
            open.pop();
        }
        if !node.is_token() {
            open.push(node.range().end);
            deepest = deepest.max(open.len());
        }
    }
    deepest
}

#[test]
fn trees_are_as_deep_as_the_limit_lets_them_be() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{ a = ", "}"),
        ("f(", ")"),
        ("not ", ""),
    ] {
        let text = |levels: usize| format!("x = {}1{}", open.repeat(levels), close.repeat(levels));
        assert_eq!(checked(&text(60)).errors, [], "{open}");
        let errors = checked(&text(2_000)).errors;
        assert_eq!(
            errors.iter().map(|error| error.code).collect::<Vec<_>>(),
            ["E0024"],
            "{open}"
        );
        assert!(depth(&text(2_000)) < 900, "{open}: {}", depth(&text(2_000)));
    }
    // Each level begins with a long chain, so that limits of chains alone would not do.
    let chains = format!("x = {}1{}", "(".repeat(150), " + 1)".repeat(150)) + &" + 1".repeat(150);
    assert!(depth(&chains) < 900, "{}", depth(&chains));
}

#[test]
fn after_what_is_too_deep_the_file_goes_on() {
    let deep = format!("x = {}1{}\ny = 2\n", "[".repeat(500), "]".repeat(500));
    let parse = checked(&deep);
    assert_eq!(parse.errors.len(), 1);
    assert_eq!(parse.file().entries().count(), 2);
}

#[test]
fn a_megabyte_on_one_line_is_read() {
    let text = format!("x = [{}]", "1_000 EUR/h, ".repeat(1 << 20 >> 3));
    let parse = parse(&text);
    assert_eq!(parse.errors, []);
    let text = format!("x = \"{}\"", "a".repeat(1 << 20));
    assert_eq!(checked(&text).errors, []);
}

#[test]
fn time_grows_with_the_length_alone() {
    // Four times the text takes four times the time; sixteen times would be the square. What
    // lies between is left to a busy machine.
    for piece in [
        "a = [1, 2, 3]\n",
        "\"\"\"\n",
        "x = \"${\"${\"\n",
        "pool a {\n",
        "}\n",
        "f(\n",
    ] {
        let time = |count: usize| {
            let text = piece.repeat(count);
            let best = (0..5).map(|_| {
                let began = Instant::now();
                assert_eq!(parse(&text).tree.range().end as usize, text.len());
                began.elapsed()
            });
            best.min().expect("it ran five times")
        };
        let (small, large) = (time(16_000), time(64_000));
        let limit = small.max(Duration::from_millis(10)) * 14;
        assert!(large < limit, "{piece:?}: {small:?} became {large:?}");
    }
}

#[test]
fn marks_and_line_ends_of_other_systems_are_read() {
    let unix = "a = 1\npool b {\n  c = \"d\"   // e\n  f = \"\"\"\n    g\n    \"\"\"\n}\n";
    let windows = unix.replace('\n', "\r\n");
    let marked = format!("\u{feff}{windows}");
    for text in [unix, &windows, &marked] {
        let parse = checked(text);
        assert_eq!(parse.errors, [], "{text:?}");
        assert_eq!(parse.file().entries().count(), 2);
        assert_eq!(format(text).as_deref(), Some(unix), "{text:?}");
    }
    assert_eq!(checked("").errors, []);
    assert_eq!(checked("\u{feff}").errors, []);
    let open = checked("a = \"b\r\nc = 1\r\n");
    assert_eq!(open.errors.len(), 1);
    assert_eq!(open.file().entries().count(), 2);
    assert_eq!(checked("a = \0\0\0 1\n").errors.len(), 1);
}
