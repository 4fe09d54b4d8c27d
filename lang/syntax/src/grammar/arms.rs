//! `match`, and how the parser finds back in its arms.

use super::expr::{expression, quantity, string};
use super::head::in_head;
use super::{Braces, Turn, enter_braces, entry_is_over, leave_braces};
use super::{rest_of_line, stray, unexpected};
use crate::error::SyntaxError;
use crate::kind::Kind;
use crate::parser::{Done, Parser};
use crate::set::{self, Set};

/// `match x { a | b => value }`
pub(super) fn match_(p: &mut Parser) -> Done {
    let mark = p.open();
    p.bump();
    in_head(p, |p| {
        expression(p);
    });
    if p.at(Kind::LeftBrace) {
        arms(p);
    } else {
        p.missing(
            "E0028",
            "the arms of this `match` are missing here: `{ pattern => value }`",
        );
    }
    p.close(mark, Kind::MatchExpression)
}

fn arms(p: &mut Parser) {
    let opener = p.current();
    let position = p.position();
    let braces = Braces::new(opener);
    let outer = enter_braces(p, opener);
    loop {
        while p.eat(Kind::Comma) {}
        match braces.turn(p) {
            Turn::End => break,
            Turn::Stray => stray(p),
            Turn::Entry => {
                let before = p.position();
                arm(p);
                let next_is_arm = matches!(p.ahead(1).kind, Kind::Arrow | Kind::Pipe);
                if p.position() == before {
                    stray(p);
                } else if !entry_is_over(p) && next_is_arm {
                    let end = p.previous_end();
                    let message = "a comma or a new line is missing between two arms";
                    let fix = p.insert_behind(",");
                    let finding = SyntaxError::new("E0008", end..end, message);
                    p.report(finding.fix("insert `,`", fix));
                } else if !entry_is_over(p) {
                    unexpected(p);
                    let error = p.open();
                    rest_of_line(p);
                    p.close(error, Kind::Error);
                }
            }
        }
    }
    braces.close(p, opener, position);
    leave_braces(p, outer);
}

/// `a | b => value`
fn arm(p: &mut Parser) {
    let mark = p.open();
    pattern(p);
    while p.eat(Kind::Pipe) {
        pattern(p);
    }
    if p.at(Kind::Arrow) {
        p.bump();
        expression(p);
    } else {
        p.missing("E0028", "`=>` and a value are missing here");
        rest_of_arm(p);
    }
    p.close(mark, Kind::Arm);
}

/// An arm without `=>`: what stands there is no value of anything.
fn rest_of_arm(p: &mut Parser) {
    if entry_is_over(p) {
        return;
    }
    let error = p.open();
    while !entry_is_over(p) {
        p.bump();
    }
    p.close(error, Kind::Error);
}

const PATTERN_TOKENS: Set =
    Set::of(&[Kind::Date, Kind::True, Kind::False, Kind::None]).or(set::NAMES);

fn pattern(p: &mut Parser) {
    let mark = p.open();
    if p.at(Kind::Number) {
        quantity(p);
    } else if p.at_any(set::STRINGS) {
        string(p);
    } else if p.at_any(PATTERN_TOKENS) {
        p.bump();
    } else {
        p.missing(
            "E0028",
            "a pattern is missing here: a name, a number, a string, a date or `_`",
        );
    }
    p.close(mark, Kind::Pattern);
}
