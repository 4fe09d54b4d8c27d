//! The one list of the language: elements between brackets, and its recovery.

use super::expr::expression;
use super::head::{guard, loop_};
use crate::error::SyntaxError;
use crate::kind::Kind;
use crate::parser::{Done, Parser, Surroundings};
use crate::set::{self, Set};

/// `(…)` of a call or an attribute.
pub(super) fn arguments(p: &mut Parser, element: fn(&mut Parser)) {
    argument_list(p, Kind::Arguments, element);
}

/// `(…)` as a node of this kind.
pub(super) fn argument_list(p: &mut Parser, kind: Kind, element: fn(&mut Parser)) {
    let mark = p.open();
    list(p, Kind::RightParen, element);
    p.close(mark, kind);
}

/// `name = value` or a value.
pub(super) fn argument(p: &mut Parser) {
    let mark = p.open();
    if p.at_any(set::NAMES) && p.ahead(1).kind == Kind::Equal {
        p.bump();
        p.bump();
    }
    let before = p.position();
    expression(p);
    if p.position() == before && p.at_any(set::RESERVED) {
        // A reserved word alone: most often a name is meant.
        p.bump();
    }
    p.close(mark, Kind::Argument);
}

/// `[a, b]`, `[a for b in c when d]`
pub(super) fn list_expression(p: &mut Parser) -> Done {
    let mark = p.open();
    let mut looped = None;
    let count = list(p, Kind::RightBracket, |p| {
        let at = p.range_here();
        if element(p) {
            looped.get_or_insert(at);
        }
    });
    if let Some(at) = looped
        && count > 1
    {
        let message = "a list made by `for` has one expression, and nothing beside it";
        let finding = SyntaxError::new("E0032", at, message);
        p.report(finding.help("put each part between brackets of its own"));
    }
    p.close(mark, Kind::ListExpression)
}

/// Says whether a loop stands behind the value.
fn element(p: &mut Parser) -> bool {
    if p.at(Kind::For) {
        return value_behind(p);
    }
    expression(p);
    let looped = p.at(Kind::For);
    if looped {
        loop_(p);
        if p.at(Kind::When) {
            guard(p);
        }
    }
    looped
}

/// `for x in xs : x`, as other languages write it: what follows the loop is one error node.
fn value_behind(p: &mut Parser) -> bool {
    let finding = SyntaxError::new("E0004", p.range_here(), "the value stands before its `for`");
    p.report(finding.help("a list is made so: `[x + 1 for x in xs when x > 0]`"));
    loop_(p);
    if p.at(Kind::Colon) {
        let mark = p.open();
        skip_to_separator(p, Kind::RightBracket);
        p.close(mark, Kind::Error);
    }
    true
}

/// From the opener, which stands here, to the closer. Says how many elements there are.
pub(super) fn list(p: &mut Parser, close: Kind, mut element: impl FnMut(&mut Parser)) -> usize {
    let opener = p.current();
    let position = p.position();
    let sign = p.text_here();
    p.bump();
    let inner = Surroundings {
        across_lines: true,
        no_brace: false,
        ..p.around
    };
    let outer = std::mem::replace(&mut p.around, inner);
    p.brackets.push(close);
    let (count, closed) = elements(p, close, &mut element);
    if !closed {
        p.unclosed(opener, position, sign);
    }
    p.brackets.pop();
    p.around = outer;
    count
}

/// Each turn takes a lexeme or ends the list, so this ends.
fn elements(p: &mut Parser, close: Kind, element: &mut impl FnMut(&mut Parser)) -> (usize, bool) {
    let mut count = 0;
    // Just behind the opener or a comma, more may stand on the next line.
    let mut due = false;
    loop {
        if p.eat(close) {
            return (count, true);
        }
        if ends_from_outside(p, close) || closes_by_line(p, close, due) {
            return (count, false);
        }
        let before = p.position();
        element(p);
        count += 1;
        due = !p.eat(Kind::Comma);
        if due && !p.at(close) && !ends_from_outside(p, close) && !like_an_entry(p) {
            if !separator_missing(p, close) {
                return (count, false);
            }
            due = !p.eat(Kind::Comma) && due;
        }
        if p.position() == before && !p.at(close) {
            if ends_from_outside(p, close) || like_an_entry(p) {
                return (count, false);
            }
            let mark = p.open();
            p.bump();
            p.close(mark, Kind::Error);
        }
    }
}

/// A `}`, the rest of a string, a closer that a list around this one waits for, or what goes on
/// with an `if` around it.
fn ends_from_outside(p: &Parser, close: Kind) -> bool {
    let waiting = &p.brackets[p.around.brackets_from..];
    let own = p.kind() == close;
    let ends = p.at_any(set::HARD_ENDS)
        || p.at_any(set::CLOSERS) && waiting.contains(&p.kind())
        || p.at_any(Set::of(&[Kind::Then, Kind::Else])) && p.around.else_awaited;
    !own && ends
}

/// Says that a comma is missing; takes what can't be an element. `false` ends the list.
fn separator_missing(p: &mut Parser, close: Kind) -> bool {
    let end = p.previous_end();
    let sign = match close {
        Kind::RightParen => ")",
        Kind::RightBracket => "]",
        _ => "}",
    };
    let finding = SyntaxError::new(
        "E0008",
        end..end,
        format!("a `,` or `{sign}` is missing here"),
    );
    let element_follows =
        p.at_any(set::LITERALS) || p.current().first && p.at_any(set::VALUES.or(set::OPENERS));
    if element_follows {
        let fix = p.insert_behind(",");
        p.report(finding.fix("insert `,`", fix));
        return true;
    }
    p.report(finding);
    let mark = p.open();
    let body = skip_to_separator(p, close);
    p.close(mark, Kind::Error);
    !body
}

/// Says whether it stopped at a `{` that ends its line, which opens a body.
fn skip_to_separator(p: &mut Parser, close: Kind) -> bool {
    loop {
        if p.at(close) || p.at(Kind::Comma) || ends_from_outside(p, close) || like_an_entry(p) {
            return false;
        }
        if p.at(Kind::LeftBrace) && p.ahead(1).first {
            return true;
        }
        p.bump();
    }
}

/// R4: a line that begins like an entry closes what is open.
fn closes_by_line(p: &Parser, close: Kind, due: bool) -> bool {
    let next = p.ahead(1).kind;
    like_an_entry(p)
        && (due
            || close == Kind::RightBracket && matches!(next, Kind::Equal | Kind::Colon)
            || p.at(Kind::At)
            || p.at_any(set::NAMES) && NAMES_OR_BODY.has(next))
}

/// What stands behind a kind: the block's name or its body.
const NAMES_OR_BODY: Set = set::NAMES.or(set::STRINGS).or(Set::of(&[Kind::LeftBrace]));

/// Whether a line begins here and begins like an entry.
pub(super) fn like_an_entry(p: &Parser) -> bool {
    let here = p.current();
    let next = p.ahead(1);
    if !here.first {
        return false;
    }
    if here.kind == Kind::At {
        return true;
    }
    if next.first || !set::NAMES.or(set::STRINGS).has(here.kind) {
        return false;
    }
    matches!(next.kind, Kind::Equal | Kind::Colon | Kind::LeftBrace)
        || here.kind == Kind::Word && set::NAMES.or(set::STRINGS).has(next.kind)
}
