//! What stands where in the two embedded specs and in texts made of them, as two parsers see it;
//! and that laying a text out keeps its shape.

use std::collections::BTreeMap;

#[path = "../examples/shapes.rs"]
#[expect(dead_code, reason = "it is a program of its own too")]
mod shapes;

use mlinfra_syntax::{format, lexer};
use shapes::common::{FORMS, Random, SPEC, checked};
use shapes::{mutants, shape};

const PAGE: &str = include_str!("shapes.md");

const MUTANTS: &str = include_str!("mutants.csv");

/// The shapes were held against a second parser, written apart from this one in another language.
#[test]
fn the_specs_have_the_shapes_that_are_kept() {
    for (name, text) in [("forms", FORMS), ("spec", SPEC)] {
        let (_, below) = (PAGE.split_once(&format!("# {name}\n\n```\n"))).expect(name);
        let (kept, _) = below.split_once("```").expect("the end of the fence");
        let shape = shape(text);
        assert!(shape == kept, "{name} is now:\n{shape}");
    }
}

/// A digest (FNV-1a) of the lines of a shape, in the order of their places and kinds.
fn digest(text: &str) -> String {
    let shape = shape(text);
    let mut lines: Vec<(u32, &str)> = (shape.lines())
        .filter_map(|line| line.split_once(' '))
        .map(|(place, kind)| (place.parse().expect("a place"), kind))
        .collect();
    lines.sort_unstable();
    lines.dedup();
    let lines = lines
        .iter()
        .map(|(place, kind)| format!("{place} {kind}\n"));
    let step = |digest: u64, byte: u8| (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let digest = lines
        .collect::<String>()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, step);
    format!("{digest:016x}")
}

/// Every text that the two parsers read differently is known, with the rules that tell them apart.
#[test]
fn two_thousand_mutants_have_the_shapes_of_the_second_parser_or_known_ones() {
    let mut faults = Vec::new();
    let mut texts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut lines = MUTANTS.lines().skip(1);
    for (place, mutant) in mutants().enumerate() {
        let line = lines.next().expect("a line for each mutant");
        let mut cells = line.split(',');
        let second = cells.next().unwrap_or_default();
        let this = cells.next().unwrap_or(second);
        for rule in cells.flat_map(|rules| rules.split('+')) {
            texts.entry(rule).or_insert((0, place)).0 += 1;
        }
        let digest = digest(&mutant);
        if digest != this {
            faults.push(format!("{place}: {digest}, not {this}:\n{mutant}"));
        }
    }
    assert_eq!(lines.next(), None, "a mutant for each line");
    let first = faults.first().map_or("", String::as_str);
    assert!(
        faults.is_empty(),
        "{} differ, the first is {first}",
        faults.len()
    );
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<&str>>());
    let written: BTreeMap<&str, (usize, usize)> = cells
        .filter_map(|cells| Some((cells[0], (cells[1].parse().ok()?, cells[2].parse().ok()?))))
        .collect();
    assert_eq!(
        written, texts,
        "the table says how many texts each rule tells apart"
    );
}

/// The kinds of a shape, without their places.
fn kinds(text: &str) -> Vec<String> {
    let shape = shape(text);
    let lines = shape.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(_, kind)| kind.to_owned()).collect()
}

/// Texts with one token changed that are still sound mean the same after they are laid out.
#[test]
fn two_thousand_mutants_keep_their_shape_when_they_are_laid_out() {
    let mut random = Random(41);
    let mut sound = 0;
    for turn in 0..2_000 {
        let text = if turn % 2 == 0 { FORMS } else { SPEC };
        let tokens = lexer::tokens(text);
        let mut words: Vec<&str> = (tokens.iter())
            .map(|token| &text[token.start as usize..token.end as usize])
            .collect();
        let (a, b) = (random.below(words.len()), random.below(words.len()));
        match random.below(3) {
            0 => words.swap(a, b),
            1 => words[a] = words[b],
            _ => drop(words.remove(a)),
        }
        let mutant = words.concat();
        if !checked(&mutant).errors.is_empty() {
            continue;
        }
        sound += 1;
        let laid_out = format(&mutant).expect("a sound text can be laid out");
        assert_eq!(kinds(&mutant), kinds(&laid_out), "{mutant}");
    }
    assert!(sound > 200, "{sound} sound mutants");
}
