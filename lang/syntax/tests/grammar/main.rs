//! The page of the grammar says what the parser does: `lang/grammar.md`.

#[path = "../common/mod.rs"]
mod common;
mod page;
mod recognise;
mod sentence;

use std::collections::{BTreeMap, BTreeSet};

use common::{Random, checked};
use mlinfra_syntax::lexer::tokens;

use page::{Form, Page};
use sentence::Writer;

const SENTENCES: usize = 4_000;
const MUTANTS: usize = 6_000;

/// The names of the nodes that the parser knows, as its source lists them.
fn node_kinds() -> BTreeSet<String> {
    let source = include_str!("../../src/kind.rs");
    let (_, rest) = source
        .split_once("// Nodes.")
        .expect("nodes follow the tokens");
    let (list, _) = rest.split_once("\n}").expect("the list ends");
    let names = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("///"));
    names
        .map(|line| line.trim_end_matches(',').to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

fn rules_used(form: &Form, used: &mut BTreeSet<String>) {
    match form {
        Form::Rule(name) => drop(used.insert(name.clone())),
        Form::Terminal(_) => {}
        Form::Optional(_, inner) | Form::Repeat(_, inner) => rules_used(inner, used),
        Form::Sequence(forms) | Form::Choice(_, forms) => {
            forms.iter().for_each(|form| rules_used(form, used));
        }
    }
}

#[test]
fn every_node_has_a_production_and_every_production_is_used() {
    let page = page::read();
    let mut used = BTreeSet::from(["file".to_owned()]);
    page.rules
        .values()
        .for_each(|form| rules_used(form, &mut used));
    let rules: BTreeSet<String> = page.rules.keys().cloned().collect();
    assert_eq!(
        used, rules,
        "what is used has a production, and each production is used"
    );
    let mut listed: BTreeSet<String> = page.nodes.iter().map(|row| row.node.clone()).collect();
    for rule in page.nodes.iter().flat_map(|row| &row.rules) {
        assert!(
            rules.contains(rule),
            "`{rule}` of the table has a production"
        );
    }
    assert!(
        listed.insert("Error".to_owned()),
        "what fits nowhere has no production"
    );
    assert_eq!(listed, node_kinds());
}

/// How many nodes of each kind a tree has.
fn nodes(text: &str) -> BTreeMap<String, usize> {
    let mut nodes = BTreeMap::new();
    for node in checked(text)
        .tree
        .descendants()
        .filter(|node| !node.is_token())
    {
        *nodes.entry(format!("{:?}", node.kind())).or_default() += 1;
    }
    nodes
}

#[test]
fn what_the_page_allows_parses_into_the_nodes_it_names() {
    let page = page::read();
    let mut writer = Writer::new(&page, 0x9e37_79b9_7f4a_7c15);
    let mut written = 0;
    while written < SENTENCES {
        let Some(sentence) = writer.sentence(80) else {
            continue;
        };
        written += 1;
        let errors = checked(&sentence.text).errors;
        assert!(
            errors.is_empty(),
            "the page allows this:\n{}\n{errors:?}",
            sentence.text
        );
        assert_eq!(
            nodes(&sentence.text),
            sentence.nodes,
            "of\n{}",
            sentence.text
        );
    }
    for (choice, taken) in writer.taken.iter().enumerate() {
        for (alternative, count) in taken.iter().enumerate() {
            let rule = &page.choices[choice].0;
            assert!(
                *count > 0,
                "alternative {alternative} in `{rule}` was never written"
            );
        }
    }
}

/// The text without its token at this place.
fn without(text: &str, place: usize) -> Option<String> {
    let all = tokens(text);
    let lexemes = all.iter().filter(|token| !token.kind.is_trivia());
    let token = lexemes.clone().nth(place % lexemes.count().max(1))?;
    // A blank in its place, so that what stood around it does not become one.
    Some(format!(
        "{} {}",
        &text[..token.start as usize],
        &text[token.end as usize..]
    ))
}

/// The text with the token at one place once more, before the token at another.
fn with_copy(text: &str, of: usize, before: usize) -> Option<String> {
    let all = tokens(text);
    let lexemes: Vec<_> = all.iter().filter(|token| !token.kind.is_trivia()).collect();
    let of = lexemes.get(of % lexemes.len().max(1))?;
    let before = lexemes.get(before % lexemes.len())?;
    let (head, tail) = text.split_at(before.start as usize);
    Some(format!(
        "{head} {} {tail}",
        &text[of.start as usize..of.end as usize]
    ))
}

/// Whether page and parser agree on a text, and what the page says.
fn agree(page: &Page, text: &str) -> bool {
    let allowed = recognise::allows(page, text);
    let errors = checked(text).errors;
    assert_eq!(
        allowed,
        errors.is_empty(),
        "page and parser differ on\n{text}\n{errors:?}"
    );
    allowed
}

#[test]
fn what_the_page_does_not_allow_is_a_finding() {
    let page = page::read();
    let mut writer = Writer::new(&page, 0x2545_f491_4f6c_dd1d);
    let mut random = Random(7);
    let (mut mutants, mut refused) = (0, 0);
    while mutants < MUTANTS {
        let Some(sentence) = writer.sentence(40) else {
            continue;
        };
        assert!(
            agree(&page, &sentence.text),
            "the page allows what it wrote:\n{}",
            sentence.text
        );
        for _ in 0..3 {
            let mutant = match random.below(2) {
                0 => without(&sentence.text, random.below(1_000)),
                _ => with_copy(&sentence.text, random.below(1_000), random.below(1_000)),
            };
            if let Some(mutant) = mutant {
                mutants += 1;
                refused += usize::from(!agree(&page, &mutant));
            }
        }
    }
    assert!(
        refused * 3 > mutants,
        "{refused} of {mutants} mutants are out of the grammar"
    );
}

#[test]
fn the_page_allows_every_form() {
    let page = page::read();
    assert!(agree(&page, common::FORMS));
    assert!(agree(&page, common::SPEC));
}
