//! What stands where in the two embedded specs, and that laying a text out keeps its shape.

mod common;
#[path = "../examples/shapes.rs"]
#[expect(dead_code, reason = "it is a program of its own too")]
mod shapes;

use common::{FORMS, Random, SPEC, checked};
use mlinfra_syntax::{format, lexer};
use shapes::shape;

const PAGE: &str = include_str!("shapes.md");

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
