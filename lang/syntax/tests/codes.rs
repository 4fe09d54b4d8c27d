//! Each code has a page whose wrong example raises it alone, and whose right one is clean.

mod common;

use std::path::Path;

use common::codes;
use mlinfra_syntax::{CODES, error::SyntaxError, parse};

/// The text of the `mlinfra` block below a heading.
fn block<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, below) = page.split_once(&format!("\n## {heading}\n"))?;
    let (_, block) = below.split_once("```mlinfra\n")?;
    block.split_once("```").map(|(text, _)| text)
}

#[test]
fn every_page_shows_its_code() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../check/codes");
    for (code, title) in CODES {
        let page = std::fs::read_to_string(pages.join(format!("{code}.md")))
            .unwrap_or_else(|error| panic!("{code} has no page: {error}"));
        assert!(page.starts_with(&format!("# {code}: {title}\n")), "{code}");
        let right = block(&page, "Right").unwrap_or_else(|| panic!("{code} has no right example"));
        assert_eq!(codes(right), [""; 0], "{code}, right");
        if *code == "E0031" {
            continue; // Its example has 64 MiB; the next test writes it.
        }
        let wrong = block(&page, "Wrong").unwrap_or_else(|| panic!("{code} has no wrong example"));
        let mut found = codes(wrong);
        found.dedup();
        assert_eq!(found, [*code], "{code}, wrong");
    }
}

#[test]
fn a_file_beyond_the_limit_is_not_read() {
    let parse = parse(&" ".repeat(mlinfra_syntax::TEXT_BYTES_MAX + 1));
    let found: Vec<&str> = parse
        .errors
        .iter()
        .map(|error: &SyntaxError| error.code)
        .collect();
    assert_eq!(found, ["E0031"]);
    assert_eq!(parse.tree.text(), "");
}

#[test]
fn codes_are_in_order_and_their_titles_differ() {
    for pair in CODES.windows(2) {
        assert!(pair[0].0 < pair[1].0);
    }
    let mut titles: Vec<&str> = CODES.iter().map(|code| code.1).collect();
    titles.sort_unstable();
    titles.dedup();
    assert_eq!(titles.len(), CODES.len());
}
