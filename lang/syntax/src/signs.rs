//! The signs of the language, of one character and of two.

use nom::bytes::complete::take;
use nom::character::complete::anychar;
use nom::combinator::{map_opt, value};
use nom::{IResult, Parser};

use crate::kind::Kind;

/// One sign. Those of two characters are the longer match.
pub(crate) fn sign(input: &str) -> IResult<&str, Kind> {
    let kind = match input.as_bytes() {
        [b'=', b'>', ..] => Kind::Arrow,
        [b'=', b'=', ..] => Kind::EqualEqual,
        [b'!', b'=', ..] => Kind::NotEqual,
        [b'<', b'=', ..] => Kind::LessEqual,
        [b'>', b'=', ..] => Kind::GreaterEqual,
        [b'.', b'.', ..] => Kind::DotDot,
        [b'?', b'?', ..] => Kind::Coalesce,
        [b'&', b'&', ..] => Kind::AndAnd,
        [b'|', b'|', ..] => Kind::OrOr,
        _ => return single_sign(input),
    };
    value(kind, take(2usize)).parse(input)
}

fn single_sign(input: &str) -> IResult<&str, Kind> {
    let meaning = |sign| {
        Some(match sign {
            '{' => Kind::LeftBrace,
            '}' => Kind::RightBrace,
            '(' => Kind::LeftParen,
            ')' => Kind::RightParen,
            '[' => Kind::LeftBracket,
            ']' => Kind::RightBracket,
            ',' => Kind::Comma,
            ':' => Kind::Colon,
            '=' => Kind::Equal,
            '<' => Kind::Less,
            '>' => Kind::Greater,
            '+' => Kind::Plus,
            '-' => Kind::Minus,
            '*' => Kind::Star,
            '/' => Kind::Slash,
            '.' => Kind::Dot,
            '?' => Kind::Question,
            '@' => Kind::At,
            '|' => Kind::Pipe,
            '!' => Kind::Bang,
            _ => return None,
        })
    };
    map_opt(anychar, meaning).parse(input)
}
