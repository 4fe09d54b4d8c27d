//! The layout of a text: what `fmt` writes.
//!
//! The author's line breaks stay. What changes is what stands between tokens on a line, the
//! indentation, and the columns in which a run of lines is aligned.

mod columns;
mod lines;
mod spaces;

use std::collections::BTreeSet;

use crate::kind::Kind;
use crate::parse;

/// A line with an inline body is broken up if it has more columns than this.
const COLUMNS_MAX: usize = 100;

/// The text in its layout, or `None` if the text has a syntax error. Formatting twice is formatting
/// once; no comment and no token is lost, except commas that a line break makes needless.
pub fn format(text: &str) -> Option<String> {
    // What stood on two lines may stand on one now, and is aligned with its neighbours.
    pass(&pass(text)?)
}

/// Lays the text out once.
fn pass(text: &str) -> Option<String> {
    let parse = parse(text);
    if !parse.errors.is_empty() {
        return None;
    }
    let mut broken = BTreeSet::new();
    loop {
        let mut lines = lines::lay_out(&parse.tree, &broken);
        columns::align(&mut lines);
        let before = broken.len();
        for line in lines.iter().filter(|line| line.columns() > COLUMNS_MAX) {
            broken.extend(line.inline_body);
        }
        // Each turn breaks up one more level of bodies, so this ends.
        if broken.len() == before {
            return Some(written(&lines));
        }
    }
}

/// The lines as one text.
fn written(lines: &[lines::Line]) -> String {
    let mut text = String::new();
    for line in lines {
        if line.blank_before {
            text.push('\n');
        }
        text.extend(std::iter::repeat_n(' ', line.indent));
        text.push_str(&line.text);
        text.push('\n');
    }
    text
}

/// Whether a token of this kind at the start of a line goes on with the line before.
fn continues(kind: Kind) -> bool {
    crate::set::COMPARISONS.has(kind)
        || matches!(
            kind,
            Kind::Or
                | Kind::And
                | Kind::In
                | Kind::Not
                | Kind::DotDot
                | Kind::Dot
                | Kind::Coalesce
                | Kind::Plus
                | Kind::Minus
                | Kind::Star
                | Kind::Slash
                | Kind::Then
                | Kind::Else
                | Kind::For
                | Kind::When
        )
}
