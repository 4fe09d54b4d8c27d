//! What other languages write where a value stands, and names that the language keeps for itself.

use super::body;
use super::expr::primary;
use crate::error::{SyntaxError, edit};
use crate::kind::Kind;
use crate::parser::{Done, Parser};
use crate::set::{self, Set};

/// Reserved words that no value begins with.
pub(super) const JOINTS: Set = Set::of(&[
    Kind::On,
    Kind::For,
    Kind::When,
    Kind::In,
    Kind::And,
    Kind::Or,
    Kind::Then,
    Kind::Else,
]);

/// What can stand behind a value, and never behind a word that joins two parts.
const BEHIND_A_VALUE: Set = Set::of(&[
    Kind::LeftBrace,
    Kind::Comma,
    Kind::RightBrace,
    Kind::RightParen,
    Kind::RightBracket,
    Kind::InterpolationClose,
]);

/// Whether a reserved word stands where a value does, with nothing behind it that it could join.
pub(super) fn stands_alone(p: &Parser) -> bool {
    let next = p.ahead(1);
    next.first || next.kind == Kind::End || BEHIND_A_VALUE.has(next.kind)
}

/// A reserved word that is meant as a name.
pub(super) fn reserved_name(p: &mut Parser) -> Done {
    let (at, word) = (p.range_here(), p.text_here());
    let message = format!("`{word}` means something to the language");
    let finding = SyntaxError::new("E0011", at.clone(), message)
        .help("to refer to what has this name, put it between back quotes");
    let quoted = format!("`{word}`");
    p.report(finding.fix(format!("write {quoted}"), vec![edit(at, quoted)]));
    let mark = p.open();
    p.bump_as(Kind::Word);
    p.close(mark, Kind::NameExpression)
}

/// How far is looked for the end of what stands at the wrong place, in lexemes.
const LOOKED_AHEAD_MAX: usize = 200;

/// Where the record ends that begins here, if the body of a block follows it.
fn end_of_record(p: &Parser) -> Option<usize> {
    let mut level = 0u32;
    for ahead in 0..LOOKED_AHEAD_MAX {
        match p.ahead(ahead).kind {
            Kind::LeftBrace => level += 1,
            Kind::RightBrace => level -= 1,
            Kind::End => return None,
            _ => {}
        }
        if level == 0 {
            let follows = p.ahead(ahead + 1);
            return (follows.kind == Kind::LeftBrace && !follows.first).then_some(ahead);
        }
    }
    None
}

/// `for k, v in { a = 1 } {`: the first braces are meant as a record.
pub(super) fn is_record_in_head(p: &Parser) -> bool {
    let begins = set::NAMES.or(set::STRINGS).has(p.ahead(1).kind);
    begins && !p.around.across_lines && end_of_record(p).is_some()
}

/// A record where braces open the body, read as if it had its parentheses.
pub(super) fn record_in_head(p: &mut Parser) -> Option<Done> {
    let at = p.range_here();
    let end = p.range_of(p.ahead(end_of_record(p)?)).end;
    let finding = SyntaxError::new(
        "E0034",
        at.clone(),
        "a record needs parentheses around it here",
    )
    .help("in the head of a block, `{` opens its body");
    let edits = vec![edit(at.start..at.start, "("), edit(end..end, ")")];
    p.report(finding.fix("put it in parentheses", edits));
    let outer = std::mem::replace(&mut p.around.no_brace, false);
    let mark = p.open();
    body(p);
    p.around.no_brace = outer;
    Some(p.close(mark, Kind::ParenExpression))
}

/// `<<EOT`, as other languages begin a text of several lines.
pub(super) fn opens_heredoc(p: &Parser) -> bool {
    let (second, third) = (p.ahead(1), p.ahead(2));
    let tag = p.ahead(if third.kind == Kind::Minus { 3 } else { 2 });
    second.kind == Kind::Less && !second.apart && tag.kind == Kind::Word && !tag.first
}

/// Takes it up to the line that is its tag alone.
pub(super) fn heredoc(p: &mut Parser) -> Done {
    let at = p.range_here();
    let finding = SyntaxError::new("E0001", at.start..at.end + 1, "no text begins with `<<`");
    p.report(finding.help("a text of several lines stands between `\"\"\"` and `\"\"\"`"));
    let tag = if p.ahead(2).kind == Kind::Minus { 3 } else { 2 };
    let word = p.range_of(p.ahead(tag));
    let word = &p.text[word.start as usize..word.end as usize];
    let is_end = |ahead: &usize| {
        let (here, range) = (p.ahead(*ahead), p.range_of(p.ahead(*ahead)));
        here.first
            && p.ahead(ahead + 1).first
            && &p.text[range.start as usize..range.end as usize] == word
    };
    let end = (tag + 1..tag + LOOKED_AHEAD_MAX).find(is_end);
    let mark = p.open();
    for _ in 0..=end.unwrap_or(tag) {
        p.bump();
    }
    p.close(mark, Kind::Error)
}

/// `f"…"`: other languages change what a string means by a letter before it.
pub(super) fn is_prefix(p: &Parser) -> bool {
    let next = p.ahead(1);
    p.text_here().len() <= 2 && set::STRINGS.has(next.kind) && !next.apart
}

pub(super) fn prefixed(p: &mut Parser) -> Option<Done> {
    let at = p.range_here();
    let finding = SyntaxError::new("E0001", at.clone(), "a string has no letter before it");
    let help = "any string takes a value in: `\"credit-${name}\"`";
    p.report(finding.help(help).fix("take it out", vec![edit(at, "")]));
    let mark = p.open();
    p.bump();
    p.close(mark, Kind::Error);
    primary(p)
}
