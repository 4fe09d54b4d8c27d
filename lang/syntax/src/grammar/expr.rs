//! Expressions, by the strength of their operators.

use super::arms::match_;
use super::foreign::{
    JOINTS, heredoc, is_prefix, is_record_in_head, opens_heredoc, prefixed, record_in_head,
    reserved_name, stands_alone,
};
use super::list::{argument, arguments, like_an_entry, list, list_expression};
use super::{body, member_name};
use crate::error::{SyntaxError, edit};
use crate::kind::Kind;
use crate::parser::{Done, NESTING_DEPTH_MAX, Parser};
use crate::set;

/// How strongly an operator binds; the weakest first.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const RANGE: u8 = 5;
const COALESCE: u8 = 6;
const SUM: u8 = 7;
const PRODUCT: u8 = 8;

/// Any expression. `None` if there is none, which is reported.
pub(super) fn expression(p: &mut Parser) -> Option<Done> {
    if p.depth >= NESTING_DEPTH_MAX {
        return Some(p.skip_too_deep());
    }
    p.depth += 1;
    let outer = std::mem::replace(&mut p.reached, p.depth);
    let done = if p.at(Kind::If) && !p.fresh() {
        Some(if_(p))
    } else {
        binary(p, OR)
    };
    p.reached = p.reached.max(outer);
    p.depth -= 1;
    done
}

/// An expression where a `=` can only be meant as `==`.
pub(super) fn condition(p: &mut Parser) -> Option<Done> {
    let left = expression(p);
    if let Some(left) = left
        && p.at(Kind::Equal)
        && !p.fresh()
    {
        p.wrong_word("E0021", "a comparison takes two `=`", "==");
        let mark = p.wrap(left);
        p.bump_as(Kind::EqualEqual);
        expression(p);
        return Some(p.close(mark, Kind::BinaryExpression));
    }
    left
}

/// Parses what `then` or `else` goes on with: there, a bracket that is not closed ends.
pub(super) fn before_else(p: &mut Parser, parse: impl FnOnce(&mut Parser)) {
    let outer = std::mem::replace(&mut p.around.else_awaited, true);
    parse(p);
    p.around.else_awaited = outer;
}

/// `if a then b else c`
fn if_(p: &mut Parser) -> Done {
    let mark = p.open();
    p.bump();
    before_else(p, |p| {
        condition(p);
    });
    if p.at(Kind::Then) {
        p.bump();
        before_else(p, |p| {
            expression(p);
        });
    } else if p.at(Kind::LeftBrace) && !p.around.no_brace {
        let finding = SyntaxError::new("E0016", p.range_here(), "an `if` takes no braces");
        p.report(finding.help("write `if condition then value else value`"));
        value_in_braces(p);
        if p.at(Kind::Else) {
            p.bump();
            if p.at(Kind::LeftBrace) {
                value_in_braces(p);
            } else {
                expression(p);
            }
        }
        return p.close(mark, Kind::IfExpression);
    } else {
        p.missing("E0015", "`then` and a value are missing here");
        return p.close(mark, Kind::IfExpression);
    }
    if p.at(Kind::Else) {
        p.bump();
        expression(p);
    } else {
        let end = p.previous_end();
        let finding = SyntaxError::new("E0015", end..end, "`else` and a value are missing here");
        p.report(finding.help("an `if` is a value, so it has one in either case"));
    }
    p.close(mark, Kind::IfExpression)
}

/// `{ value }`, as other languages have it; the finding is already reported. Everything up to its
/// `}` is one error node, unless the braces of the file do not balance.
fn value_in_braces(p: &mut Parser) {
    let mark = p.open();
    let mut level = 0u32;
    while !p.at(Kind::End) && !p.at_any(set::STRING_RESTS) {
        match p.kind() {
            Kind::LeftBrace => level += 1,
            Kind::RightBrace => level -= 1,
            _ if p.current().first && !p.balanced => break,
            _ => {}
        }
        p.bump();
        if level == 0 {
            break;
        }
    }
    p.close(mark, Kind::Error);
}

/// An infix operator that stands here, and how strongly it binds.
fn infix(p: &Parser) -> Option<u8> {
    Some(match p.kind() {
        Kind::Or | Kind::OrOr => OR,
        Kind::And | Kind::AndAnd => AND,
        kind if set::COMPARISONS.has(kind) => COMPARE,
        Kind::In => COMPARE,
        Kind::Not if p.ahead(1).kind == Kind::In => COMPARE,
        Kind::DotDot => RANGE,
        Kind::Coalesce => COALESCE,
        Kind::Plus | Kind::Minus => SUM,
        Kind::Star | Kind::Slash | Kind::Per => PRODUCT,
        _ => return None,
    })
}

/// Operands and the operators between them that bind at least this strongly. An operator at the
/// start of a line goes on with the line before: no entry begins with one.
fn binary(p: &mut Parser, weakest: u8) -> Option<Done> {
    let outer = std::mem::replace(&mut p.reached, p.depth);
    let negated = p.at(Kind::Not) || p.at(Kind::Bang);
    let mut left = if negated && weakest <= NOT && !p.fresh() {
        Some(not(p))
    } else {
        unary(p)
    };
    let mut before = 0;
    while let Some(strength) = infix(p)
        && strength >= weakest
    {
        if strength == before && matches!(strength, COMPARE | RANGE) {
            let finding = SyntaxError::new("E0023", p.range_here(), "this compares a comparison");
            p.report(finding.help("join two comparisons with `and`"));
        }
        before = strength;
        if p.reached >= NESTING_DEPTH_MAX {
            p.skip_too_deep();
            break;
        }
        p.reached += 1;
        let mark = match left {
            Some(left) => p.wrap(left),
            None => p.open(),
        };
        if operator(p) {
            p.depth += 1;
            binary(p, strength + 1);
            p.depth -= 1;
        }
        left = Some(p.close(mark, Kind::BinaryExpression));
    }
    p.reached = p.reached.max(outer);
    left
}

/// Takes an infix operator and says what is wrong with how it is written, and whether an operand
/// can follow.
fn operator(p: &mut Parser) -> bool {
    match p.kind() {
        Kind::AndAnd => {
            p.wrong_word("E0017", "`&&` is written `and` here", "and");
            p.bump_as(Kind::And);
        }
        Kind::OrOr => {
            p.wrong_word("E0017", "`||` is written `or` here", "or");
            p.bump_as(Kind::Or);
        }
        Kind::Per => {
            let at = p.range_here();
            let message = "`/` without blanks means \"per\", and nothing here is per anything";
            let fix = vec![edit(at.clone(), " / ")];
            p.report(SyntaxError::new("E0022", at, message).fix("write ` / `", fix));
            p.bump_as(Kind::Slash);
        }
        Kind::Not => {
            p.bump();
            p.bump();
        }
        _ => p.bump(),
    }
    if p.fresh() {
        return ends_line(p);
    }
    // In brackets a line that begins like an entry closes them; that is what is reported.
    !like_an_entry(p)
}

/// An operator at the end of a line belongs at the start of the next one. If that line is indented
/// further, the operand is read there.
fn ends_line(p: &mut Parser) -> bool {
    let Some(previous) = p.previous() else {
        return false;
    };
    let at = p.range_of(previous);
    let finding = SyntaxError::new("E0005", at.clone(), "a line can't end in an operator");
    let finding = finding.help("an operator at the start of the next line goes on with this one");
    let next = p.current();
    let deeper = next.column > previous.indent && next.line == previous.line + 1;
    let continues = deeper && !p.at_any(set::HARD_ENDS) && !like_an_entry(p);
    p.report(if continues {
        let word = &p.text[at.start as usize..at.end as usize];
        let here = p.range_here().start;
        let blanks = p.text[..at.start as usize].len()
            - p.text[..at.start as usize]
                .trim_end_matches([' ', '\t'])
                .len();
        let removed = edit(at.start - blanks as u32..at.end, "");
        finding.fix(
            "move it down",
            vec![removed, edit(here..here, format!("{word} "))],
        )
    } else {
        finding
    });
    if continues {
        p.continued = Some(p.position());
    }
    continues
}

/// `not x`
fn not(p: &mut Parser) -> Done {
    if p.depth >= NESTING_DEPTH_MAX {
        return p.skip_too_deep();
    }
    let mark = p.open();
    if p.at(Kind::Bang) {
        p.wrong_word("E0017", "`!` is written `not` here", "not ");
    }
    p.bump_as(Kind::Not);
    if !p.fresh() || ends_line(p) {
        p.depth += 1;
        binary(p, NOT);
        p.reached = p.reached.max(p.depth);
        p.depth -= 1;
    }
    p.close(mark, Kind::NotExpression)
}

/// `-x`
fn unary(p: &mut Parser) -> Option<Done> {
    if !p.at(Kind::Minus) || p.fresh() {
        return postfix(p);
    }
    let mark = p.open();
    p.bump();
    postfix(p);
    Some(p.close(mark, Kind::NegateExpression))
}

/// A value with `.name`, `(…)` and `[…]` behind it.
pub(super) fn postfix(p: &mut Parser) -> Option<Done> {
    let mut done = match primary(p) {
        Some(done) => done,
        // Only what stands before the point is missing.
        None if p.at(Kind::Dot) && !p.fresh() => {
            let mark = p.open();
            p.close(mark, Kind::Error)
        }
        None => return None,
    };
    loop {
        let here = p.current();
        let touches = !here.apart && !here.first;
        let kind = match here.kind {
            Kind::Dot => Kind::MemberExpression,
            Kind::LeftParen if touches => Kind::CallExpression,
            Kind::LeftBracket if touches => Kind::IndexExpression,
            _ => return Some(done),
        };
        if p.reached >= NESTING_DEPTH_MAX {
            p.skip_too_deep();
            return Some(done);
        }
        p.reached += 1;
        let mark = p.wrap(done);
        match kind {
            Kind::CallExpression => arguments(p, argument),
            Kind::IndexExpression => {
                one_value(p, Kind::RightBracket);
            }
            _ => {
                p.bump();
                if p.at_any(set::MEMBERS) && !p.fresh() {
                    member_name(p);
                } else {
                    p.missing("E0011", "a name is missing behind `.`");
                    return Some(p.close(mark, kind));
                }
            }
        }
        done = p.close(mark, kind);
    }
}

/// Brackets around exactly one value.
///
/// Says whether there are several, as in a list.
fn one_value(p: &mut Parser, close: Kind) -> bool {
    let opener = p.range_here();
    let count = list(p, close, |p| {
        condition(p);
    });
    if count != 1 {
        let end = p.previous_end().max(opener.end);
        let finding =
            SyntaxError::new("E0032", opener.start..end, "exactly one value belongs here");
        let is_list = count > 1 && close == Kind::RightParen;
        let is_closed = p.previous().is_some_and(|last| last.kind == close);
        p.report(match is_list && is_closed {
            true => finding
                .help("a list stands between square brackets: `[a, b]`")
                .fix(
                    "write `[…]`",
                    vec![edit(opener, "["), edit(end - 1..end, "]")],
                ),
            false => finding,
        });
    }
    count > 1
}

/// A value that no operator takes apart.
pub(super) fn primary(p: &mut Parser) -> Option<Done> {
    if p.fresh() {
        return no_value(p);
    }
    let kind = match p.kind() {
        kind if JOINTS.has(kind) && stands_alone(p) => return Some(reserved_name(p)),
        Kind::LeftBrace if p.around.no_brace && is_record_in_head(p) => return record_in_head(p),
        Kind::Less if opens_heredoc(p) => return Some(heredoc(p)),
        Kind::Word if is_prefix(p) => return prefixed(p),
        Kind::Number => return Some(quantity(p)),
        kind if set::STRINGS.has(kind) => return Some(string(p)),
        Kind::LeftBracket => return Some(list_expression(p)),
        Kind::LeftBrace if !p.around.no_brace => return Some(body(p)),
        Kind::Match => return Some(match_(p)),
        Kind::LeftParen => {
            let mark = p.open();
            return Some(match one_value(p, Kind::RightParen) {
                true => p.close(mark, Kind::ListExpression),
                false => p.close(mark, Kind::ParenExpression),
            });
        }
        Kind::If | Kind::Not | Kind::Bang => return Some(needs_parentheses(p)),
        Kind::Unknown => return Some(unknown(p)),
        Kind::Date => Kind::DateExpression,
        Kind::Ip => Kind::IpExpression,
        Kind::Text | Kind::OpenText => Kind::TextExpression,
        Kind::True | Kind::False => Kind::BoolExpression,
        Kind::None => Kind::NoneExpression,
        // Before a `=` in a head these words are what they spell: `when ready == true = …`.
        Kind::Word => match Kind::of_word(p.text_here()) {
            Kind::True | Kind::False => Kind::BoolExpression,
            Kind::None => Kind::NoneExpression,
            _ => Kind::NameExpression,
        },
        Kind::Quoted | Kind::ForeignWord => Kind::NameExpression,
        _ => return no_value(p),
    };
    let mark = p.open();
    p.bump();
    Some(p.close(mark, kind))
}

/// Characters that mean nothing are reported as such; what follows may still be a value.
fn unknown(p: &mut Parser) -> Done {
    let mark = p.open();
    p.bump();
    let error = p.close(mark, Kind::Error);
    if p.fresh() || !p.at_any(set::LITERALS.or(set::NAMES)) {
        return error;
    }
    primary(p).unwrap_or(error)
}

/// R1: what is missing is missing behind the lexeme before.
fn no_value(p: &mut Parser) -> Option<Done> {
    p.missing("E0004", "a value is missing here");
    None
}

/// `a + if b then c else d`: read as if the parentheses were there.
fn needs_parentheses(p: &mut Parser) -> Done {
    let message = format!("`{}` needs parentheses around it here", p.text_here());
    p.wrong("E0034", message);
    let at = p.open();
    expression(p);
    p.close(at, Kind::ParenExpression)
}

/// `5 GiB`, `60/min`, `0.02 USD/GiB/month`, `5%`
pub(super) fn quantity(p: &mut Parser) -> Done {
    let mark = p.open();
    let percent = p.text_here().ends_with('%');
    p.bump();
    let behind = p.ahead(1).kind;
    let unit = matches!(p.kind(), Kind::Word | Kind::ForeignWord)
        && !p.current().first
        && !matches!(behind, Kind::Equal | Kind::Colon);
    if !percent {
        if unit {
            p.bump();
        }
        while p.at(Kind::Per) {
            p.bump();
            p.bump_as(Kind::Word);
        }
    }
    p.close(mark, Kind::QuantityExpression)
}

/// A string; the expressions in it are read like any other.
pub(super) fn string(p: &mut Parser) -> Done {
    let mark = p.open();
    let start = p.kind();
    p.bump();
    while start == Kind::StringStart && !p.at(Kind::End) {
        match p.kind() {
            Kind::InterpolationOpen => interpolation(p),
            Kind::StringMiddle => p.bump(),
            // Its end, or the break where its line ends.
            _ => {
                p.bump();
                break;
            }
        }
    }
    p.close(mark, Kind::StringExpression)
}

/// `${expr}`. Whatever goes wrong inside, it ends with its string.
fn interpolation(p: &mut Parser) {
    let mark = p.open();
    p.bump();
    let outer = p.around;
    p.around.across_lines = true;
    p.around.no_brace = false;
    p.around.else_awaited = false;
    p.around.brackets_from = p.brackets.len();
    if p.at(Kind::InterpolationClose) {
        p.missing("E0030", "`${…}` needs an expression");
    } else {
        expression(p);
    }
    if !p.at_any(set::STRING_RESTS) && !p.at(Kind::End) {
        let message = "`${…}` holds one expression, and this is no part of it";
        let finding = SyntaxError::new("E0030", p.range_here(), message);
        p.report(match p.at(Kind::Question) || p.at(Kind::If) {
            true => finding.help("a choice is written `if condition then value else value`"),
            false => finding,
        });
        let error = p.open();
        skip_interpolation(p);
        p.close(error, Kind::Error);
    }
    p.around = outer;
    p.eat(Kind::InterpolationClose);
    p.close(mark, Kind::Interpolation);
}

/// To the end of this interpolation, over the strings inside.
fn skip_interpolation(p: &mut Parser) {
    let mut level = 0u32;
    while !p.at(Kind::End) {
        if level == 0 && p.at_any(set::STRING_RESTS) {
            return;
        }
        match p.kind() {
            Kind::StringStart => level += 1,
            Kind::StringEnd | Kind::StringBreak => level = level.saturating_sub(1),
            _ => {}
        }
        p.bump();
    }
}
