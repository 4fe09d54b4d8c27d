//! What stands between two tokens on one line.

use crate::kind::Kind;

/// A token and the nodes around it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) parent: Kind,
}

/// Whether a blank stands between two tokens.
pub(super) fn between(before: Place, after: Place) -> bool {
    !glued_behind(before) && !glued_before(after, before)
}

/// Whether nothing stands behind this token, whatever follows.
fn glued_behind(token: Place) -> bool {
    match token.kind {
        Kind::LeftParen | Kind::LeftBracket | Kind::At | Kind::Dot | Kind::DotDot | Kind::Per => {
            true
        }
        Kind::Minus => token.parent == Kind::NegateExpression,
        // `use std.{a, b}` lists names, it opens no body.
        Kind::LeftBrace => token.parent == Kind::UseNames,
        _ => false,
    }
}

/// Whether nothing stands before this token.
fn glued_before(token: Place, before: Place) -> bool {
    match token.kind {
        Kind::RightParen
        | Kind::RightBracket
        | Kind::Comma
        | Kind::Dot
        | Kind::DotDot
        | Kind::Question
        | Kind::Per => true,
        Kind::LeftParen => matches!(
            token.parent,
            Kind::Arguments | Kind::TypeArguments | Kind::Params
        ),
        Kind::LeftBracket => token.parent == Kind::IndexExpression,
        Kind::Colon => token.parent != Kind::Column,
        Kind::RightBrace => token.parent == Kind::UseNames || before.kind == Kind::LeftBrace,
        _ => false,
    }
}
