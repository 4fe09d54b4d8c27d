//! No text makes the parser fail, lose a byte, run out of stack or take more than linear time.

mod common;

use std::time::{Duration, Instant};

use common::{FORMS, Random, SPEC, checked, mutant};
use mlinfra_syntax::error::ERRORS_KEPT_MAX;
use mlinfra_syntax::{TEXT_BYTES_MAX, format, lexer, parse};

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
        let text = mutant(&mut random, text, 12, PIECES);
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
        assert!(parse.errors.len() <= ERRORS_KEPT_MAX, "{open:?}");
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

/// The findings of a text, each with the edited text if it has edits.
fn mended(text: &str) -> Vec<(&'static str, String, Option<String>)> {
    let parse = checked(text);
    let one = |error: &mlinfra_syntax::SyntaxError| {
        let fixed = error.fix.as_ref().map(|fix| {
            let mut fixed = text.to_owned();
            for edit in fix.edits.iter().rev() {
                fixed.replace_range(edit.at.start as usize..edit.at.end as usize, &edit.text);
            }
            fixed
        });
        (error.code, error.message.clone(), fixed)
    };
    parse.errors.iter().map(one).collect()
}

/// One character that nobody sees or that looks like another is one finding, which names it, and
/// its edit gives a text without a finding.
#[test]
fn characters_that_deceive_are_named_and_mended() {
    for (text, code, name) in [
        ("let a = 1\0\n", "E0036", "U+0000"),
        ("let a = \"x\0y\"\n", "E0036", "U+0000"),
        ("let a = 1 // x\u{1b}[2J\n", "E0036", "U+001B"),
        ("let a = \"\u{202e}gpj.exe\"\n", "E0036", "U+202E"),
        ("let a = \"${b}\u{2066}\"\n", "E0036", "U+2066"),
        ("let a = \"\u{2066}${b}\"\n", "E0036", "U+2066"),
        ("let a = 1 // \u{2067}no\n", "E0036", "U+2067"),
        ("let a \u{202d}= 1\n", "E0036", "U+202D"),
        (
            "let a = \"\"\"\n  x\u{202e}y\n  \"\"\"\n",
            "E0036",
            "U+202E",
        ),
        ("let `a\u{200b}` = 1\n", "E0036", "U+200B"),
        ("let a = 1\u{feff}\n", "E0036", "U+FEFF"),
        ("let r\u{430}te = 1\n", "E0037", "U+0430"),
        ("let \u{3bf}ne = 1\n", "E0037", "U+03BF"),
        ("let \u{ff41}\u{ff42} = 1\n", "E0037", "U+FF41"),
        ("let a\u{ff1d}1\n", "E0001", "U+FF1D"),
        ("let a = f\u{ff08}1\u{ff0c} 2)\n", "E0001", "U+FF08"),
        ("let a = 3 \u{2212} 1\n", "E0001", "U+2212"),
        ("let a = 3 \u{2264} 4\n", "E0001", "U+2264"),
        ("let a = \u{ff15}\u{ff16}\n", "E0001", "U+FF15"),
        ("let a = 1\rlet b = 2\n", "E0038", "U+000D"),
        ("let a = 1 // b\rlet c = 2\n", "E0038", "U+000D"),
        ("let a = \"\"\"\n  x\r  y\n  \"\"\"\n", "E0038", "U+000D"),
    ] {
        let found = mended(text);
        let (first, message, fixed) = found.first().expect(text);
        assert_eq!(*first, code, "{text:?}: {found:?}");
        assert!(message.contains(name), "{text:?}: {message}");
        // One sign a finding: the next edit mends the next one.
        let mut text = fixed.clone().expect(text);
        for _ in 1..found.len() {
            let next = mended(&text).swap_remove(0);
            assert_eq!(next.0, code, "{text:?}");
            text = next.2.expect("an edit");
        }
        assert_eq!(mended(&text), [], "{text:?}");
    }
}

#[test]
fn what_other_scripts_need_is_no_finding() {
    for text in [
        "let a = \"Größe, \u{440}\u{430}\u{437}\u{43c}\u{435}\u{440}, 大きさ\"\n",
        "let a = 1 // 👩\u{200d}💻 می\u{200c}خواهم\n",
        "let `r\u{430}te` = 1\n",
        "let a = \"tab\there\"\n",
    ] {
        assert_eq!(mended(text), [], "{text:?}");
    }
}

#[test]
fn very_long_tokens_are_one_token_each() {
    let million = |piece: &str| piece.repeat(1_000_000);
    for text in [
        format!("let {} = 1\n", million("n")),
        format!("let a = {}\n", million("7")),
        format!("let a = 1.{}\n", million("7")),
        format!("let a = 1 {}\n", million("u")),
        format!("let a = \"{}\"\n", million("s")),
        format!("let a = 1 // {}\n", million("c")),
        format!("let a = \"\"\"\n  {}\n  \"\"\"\n", million("t")),
        format!("let `{}` = 1\n", million("q")),
        format!("/// {}\nlet a = 1\n", million("d")),
    ] {
        assert_eq!(checked(&text).errors, [], "{}", &text[..20]);
    }
    for (text, code) in [
        (format!("let {} = 1\n", million("é")), "E0025"),
        (format!("let {} = 1\n", million("\u{430}")), "E0037"),
        (format!("let a = {}\n", million("$")), "E0001"),
        (format!("let a = 1 {}\n", million("\0")), "E0036"),
        (format!("let a = \"{}\"\n", million("\u{202e}x")), "E0036"),
    ] {
        let errors = checked(&text).errors;
        assert!(errors.len() <= 10, "{code}: {}", errors.len());
        assert_eq!(errors[0].code, code);
    }
}

#[test]
fn a_hundred_megabytes_are_refused_and_a_million_lines_are_read() {
    let parse = parse(&format!("x = \"{}\"", "a".repeat(100 << 20)));
    let codes: Vec<&str> = parse.errors.iter().map(|error| error.code).collect();
    assert_eq!(codes, ["E0031"]);
    let text = "let a = 1\n".repeat(1_000_000);
    assert!(text.len() < TEXT_BYTES_MAX);
    let lines = mlinfra_syntax::parse(&text);
    assert_eq!(lines.errors, []);
    assert_eq!(lines.file().entries().count(), 1_000_000);
    let text = "key k on here { rotation = 90 days }\n".repeat(1_000_000);
    let blocks = mlinfra_syntax::parse(&text);
    assert_eq!(blocks.errors, []);
    assert_eq!(blocks.file().entries().count(), 1_000_000);
}

/// Where there are more faults than are kept, the first ones are, in the order of the text.
#[test]
fn the_first_faults_of_very_many_are_kept() {
    let errors = parse(&"let $ = \n".repeat(200_000)).errors;
    assert_eq!(errors.len(), ERRORS_KEPT_MAX);
    assert!(errors.is_sorted_by_key(|error| error.at.start));
    assert!(errors[ERRORS_KEPT_MAX - 1].at.start < 10 * 20_000);
}

/// What parsing costs is counted, not timed: twice the text takes twice the steps, and no token is
/// looked at more than so often.
#[test]
fn steps_grow_with_the_length_alone() {
    const STEPS_PER_TOKEN_MAX: u64 = 120;
    for (start, piece) in [
        ("x = ", "["),
        ("", "{"),
        ("x = f", "("),
        ("", "a b {\n"),
        ("x = ", "if "),
        ("x = ", "not "),
        ("", "x = 1\n"),
        ("x = [1,\n", "[1,\n"),
        ("x = \"", "${"),
        ("", "} "),
        ("x = ", "match a { b => "),
        ("x = [", "a b\n"),
        ("x = f(\n", "g(\nh = \n"),
        ("a b {\n", "c = [\nd e {\n"),
        ("x : ", "list("),
        ("", "@a(\n"),
        ("x = ", "1 + -"),
        ("", "use \"a\".{b\n"),
    ] {
        let steps = |count: usize| {
            let text = format!("{start}{}", piece.repeat(count));
            let tokens = lexer::tokens(&text).len() as u64;
            let steps = parse(&text).steps;
            assert!(
                steps <= STEPS_PER_TOKEN_MAX * (tokens + 10),
                "{piece:?}: {steps} steps for {tokens} tokens"
            );
            steps
        };
        let (half, whole) = (steps(10_000), steps(20_000));
        assert!(
            whole <= half * 2 + 2_000,
            "{piece:?}: {half} became {whole}"
        );
    }
}
