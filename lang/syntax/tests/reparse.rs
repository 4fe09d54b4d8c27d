//! A text that is parsed again after an edit has the tree of a text that is parsed whole.

mod common;

use mlinfra_syntax::{Parse, parse, reparse};

const SPEC: &str = include_str!("spec.mlinfra");
const FORMS: &str = include_str!("forms.mlinfra");
const CREDIT: &str = include_str!("../../../examples/credit/credit.mlinfra");

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

/// What people type, paste and leave behind.
const PIECES: [&str; 34] = [
    "",
    "",
    "",
    "",
    "x",
    " ",
    "\n",
    "}",
    "{",
    "(",
    ")",
    "[",
    "\"",
    "\"\"\"",
    "//",
    "/// said\n",
    "= ",
    ",",
    ".",
    "@personal",
    "on here",
    "if ",
    "80GiB",
    "\r\n",
    "#",
    "${",
    "\u{feff}",
    "`",
    "<<<<<<< a\n",
    "let z = 1\n",
    "step s = f(x) {\n  y = 2\n}\n",
    "  z : int\n",
    "&&",
    "\u{e9}",
];

fn agree(spliced: &Parse, text: &str, edit: &str) {
    let whole = parse(text);
    assert_eq!(spliced.tree.file_text(), text, "{edit}");
    assert!(spliced.tree.same_shape(&whole.tree), "{edit}\n{text}");
    assert_eq!(spliced.errors, whole.errors, "{edit}\n{text}");
    let nodes = || spliced.tree.descendants().zip(whole.tree.descendants());
    for (mine, other) in nodes() {
        assert_eq!(
            mine.documentation(),
            other.documentation(),
            "{edit} {mine:?}"
        );
        let faults = (mine.has_syntax_error(), other.has_syntax_error());
        assert_eq!(faults.0, faults.1, "{edit} {mine:?}");
        let above = (mine.parent(), other.parent());
        let above = (above.0.map(|n| n.range()), above.1.map(|n| n.range()));
        assert_eq!(above.0, above.1, "{edit} {mine:?}");
    }
}

#[test]
fn edits_one_after_the_other_give_the_tree_of_the_text() {
    for (seed, first) in (1..).zip([SPEC, FORMS, CREDIT]) {
        let mut random = Random(seed);
        let mut text = first.to_owned();
        let mut tree = parse(&text);
        for round in 0..700 {
            let place = |random: &mut Random, text: &str| {
                let at = random.below(text.len() + 1);
                (at..).find(|at| text.is_char_boundary(*at)).unwrap_or(0)
            };
            let start = place(&mut random, &text);
            let length = [0, 0, 1, 2, 8, 40][random.below(6)];
            let end = (start + length..).find(|at| *at >= text.len() || text.is_char_boundary(*at));
            let end = end.unwrap_or(start).min(text.len());
            let piece = PIECES[random.below(PIECES.len())];
            let edit = format!("seed {seed}, round {round}: {start}..{end} {piece:?}");
            text.replace_range(start..end, piece);
            tree = reparse(&tree, &text);
            agree(&tree, &text, &edit);
            // Otherwise most texts soon have braces that do not balance, and nothing is reused.
            if random.below(3) > 0 {
                text = first.to_owned();
                tree = reparse(&tree, &text);
                agree(&tree, &text, &format!("{edit}, and back"));
            }
        }
    }
}

#[test]
fn every_cut_of_a_file_gives_the_tree_of_the_text() {
    let whole = parse(CREDIT);
    for (at, byte) in CREDIT.bytes().enumerate() {
        if !byte.is_ascii() || byte == b' ' {
            continue;
        }
        let text = format!("{}{}", &CREDIT[..at], &CREDIT[at + 1..]);
        agree(
            &reparse(&whole, &text),
            &text,
            &format!("without byte {at}"),
        );
    }
}

#[test]
fn an_edit_in_a_long_file_takes_as_many_steps_as_in_a_short_one() {
    let part = "storage lake on here {\n  class = ssd\n  capacity = 2 GiB\n}\n\nlet days = 3\n";
    let long = part.repeat(2_000);
    let before = parse(&long);
    for at in [0, 40, long.len() / 2, long.len() - 3] {
        let mut text = long.clone();
        text.insert(at, 'x');
        let after = reparse(&before, &text);
        assert!(
            after.steps * 200 < before.steps,
            "{} of {}",
            after.steps,
            before.steps
        );
        agree(&after, &text, &format!("a letter at {at}"));
    }
}
