//! The head of a block, `use`, parameters and types.

use super::expr::{expression, postfix, string};
use super::list::{argument_list, list};
use super::{attribute, body_at, name, path};
use crate::error::SyntaxError;
use crate::kind::Kind;
use crate::parser::{NESTING_DEPTH_MAX, Parser};
use crate::set::{self, Set};

/// Everything of a block behind its name. `indent` is that of the line it begins on.
pub(super) fn head(p: &mut Parser, indent: u32) {
    if p.at(Kind::LeftParen) && !p.fresh() {
        let mark = p.open();
        list(p, Kind::RightParen, param);
        p.close(mark, Kind::Params);
    }
    if p.at(Kind::Colon) && !p.fresh() {
        p.bump();
        type_(p);
    }
    if p.at(Kind::On) {
        let mark = p.open();
        p.bump();
        in_head(p, |p| {
            postfix(p);
        });
        p.close(mark, Kind::Place);
    }
    if p.at(Kind::For) {
        loop_(p);
    }
    if p.at(Kind::When) {
        guard(p);
    }
    value(p);
    if p.at(Kind::LeftBrace) {
        body_at(p, indent);
    }
}

/// L3: in a head, `{` opens the body.
pub(super) fn in_head(p: &mut Parser, parse: impl FnOnce(&mut Parser)) {
    let outer = p.around;
    p.around.no_brace = true;
    parse(p);
    p.around = outer;
}

/// `= expr`, if it is there.
pub(super) fn value(p: &mut Parser) {
    if p.at(Kind::EqualEqual) {
        p.wrong_word("E0020", "a value is given with one `=`", "=");
    } else if !p.at(Kind::Equal) {
        return;
    }
    let mark = p.open();
    p.bump();
    expression(p);
    p.close(mark, Kind::Value);
}

/// `when condition`
pub(super) fn guard(p: &mut Parser) {
    let mark = p.open();
    p.bump();
    in_head(p, |p| {
        expression(p);
    });
    p.close(mark, Kind::Guard);
}

/// `for name, name in list`
pub(super) fn loop_(p: &mut Parser) {
    let mark = p.open();
    p.bump();
    // Without its names the rest can still be read, and its list without `in`.
    name(p, "the loop's name is missing behind `for`");
    if p.eat(Kind::Comma) {
        name(p, "the loop's second name is missing behind the comma");
    }
    let has_list = p.eat(Kind::In) || {
        let end = p.previous_end();
        let finding = SyntaxError::new("E0027", end..end, "`in` and a list are missing here");
        p.report(finding.help("a loop is written `for x in list`"));
        !p.current().first && p.at_any(set::NAMES.or(Set::of(&[Kind::LeftBracket])))
    };
    if has_list {
        in_head(p, |p| {
            expression(p);
        });
    }
    p.close(mark, Kind::Loop);
}

/// `name: type = default @attribute`
fn param(p: &mut Parser) {
    let mark = p.open();
    let before = p.position();
    name(p, "the parameter's name is missing here");
    if p.eat(Kind::Colon) {
        type_(p);
    } else if p.position() > before {
        p.missing("E0012", "a `:` and the parameter's type are missing here");
    }
    value(p);
    // An attribute at the very start of a line is the next entry's: a bracket is not closed.
    let is_own = |p: &Parser| !p.current().first || p.current().column > 0;
    while p.at(Kind::At) && is_own(p) {
        attribute(p);
    }
    p.close(mark, Kind::Param);
}

/// `use path.{a, b} as name`
pub(super) fn use_item(p: &mut Parser) {
    let mark = p.open();
    p.bump_as(Kind::Keyword);
    if p.fresh() {
        p.missing(
            "E0011",
            "what is used is missing here: a path or a file's name in quotes",
        );
    } else if p.at_any(set::STRINGS) {
        string(p);
    } else {
        let message = "what is used is missing here: a path or a file's name in quotes";
        path(p, "E0011", message);
    }
    if p.at(Kind::Dot) && p.ahead(1).kind == Kind::LeftBrace {
        let mark = p.open();
        p.bump();
        let opener = p.range_here();
        let count = list(p, Kind::RightBrace, |p| {
            name(p, "the name of what is used is missing here");
        });
        if count == 0 {
            let message = "nothing is named between these braces";
            let finding = SyntaxError::new("E0011", opener, message);
            p.report(finding.help("write which blocks are used: `use \"file\".{a, b}`"));
        }
        p.close(mark, Kind::UseNames);
    }
    if p.at_word("as") && !p.current().first {
        p.bump_as(Kind::Keyword);
        name(p, "a name is missing behind `as`");
    }
    p.close(mark, Kind::Use);
}

/// `a | b`
pub(super) fn type_(p: &mut Parser) {
    if p.fresh() || !p.at_any(set::NAMES) {
        return p.missing("E0012", "a type is missing here");
    }
    if p.depth >= NESTING_DEPTH_MAX {
        p.skip_too_deep();
        return;
    }
    p.depth += 1;
    let mark = p.open();
    type_atom(p);
    while p.eat(Kind::Pipe) {
        if p.fresh() || !p.at_any(set::NAMES) {
            p.missing("E0012", "a type is missing behind `|`");
            break;
        }
        type_atom(p);
    }
    p.close(mark, Kind::Type);
    p.depth -= 1;
}

/// `path(arguments)?`
fn type_atom(p: &mut Parser) {
    let mark = p.open();
    path(p, "E0012", "a type is missing here");
    if p.at(Kind::LeftParen) && !p.current().apart {
        argument_list(p, Kind::TypeArguments, type_argument);
    }
    p.eat(Kind::Question);
    p.close(mark, Kind::TypeAtom);
}

fn type_argument(p: &mut Parser) {
    if p.at_any(set::STRINGS) {
        string(p);
    } else if p.at(Kind::Number) {
        super::expr::quantity(p);
    } else {
        type_(p);
    }
}
