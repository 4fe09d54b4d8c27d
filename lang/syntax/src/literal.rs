//! The small all-or-nothing grammars: quantities, dates, addresses, escapes, texts.

use std::ops::Range;

use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while_m_n, take_while1};
use nom::character::complete::{char, digit1, one_of, satisfy, space0};
use nom::combinator::{all_consuming, map, map_opt, map_res, opt, recognize, value, verify};
use nom::multi::{fold_many0, many0};
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser};

use crate::kind::Kind;

/// A number with what stands behind it, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantityText {
    /// Digits, point and exponent, without `_`; with a `-` if it is negative.
    pub number: String,
    /// Whether a `%` follows.
    pub percent: bool,
    /// The unit.
    pub unit: Option<String>,
    /// The units behind each `/`.
    pub per: Vec<String>,
}

/// A day, perhaps with a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day, 1 to 31, and in that month.
    pub day: u8,
    /// The time.
    pub time: Option<Time>,
}

/// A time of day and its place on earth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute, 0 to 59.
    pub minute: u8,
    /// The second, 0 to 60.
    pub second: u8,
    /// Billionths of a second.
    pub nanosecond: u32,
    /// Minutes ahead of UTC.
    pub offset_minutes: i16,
}

/// An IPv4 address, perhaps with the length of a network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// The four bytes.
    pub octets: [u8; 4],
    /// The prefix, 0 to 32 bits.
    pub prefix: Option<u8>,
}

/// Reads `5 GiB`, `-3`, `5%`, `12 USD/h`, `60/min`; nothing may be left over.
pub fn quantity(text: &str) -> Option<QuantityText> {
    let unit = |input| -> IResult<&str, String> {
        let first = satisfy(|c| c.is_ascii_alphabetic());
        let rest = take_while(|c: char| c.is_ascii_alphanumeric() || c == '_');
        map(recognize(pair(first, rest)), str::to_owned).parse(input)
    };
    let units = (opt(unit), many0(preceded(char('/'), unit)));
    let behind = alt((
        value((true, None, Vec::new()), char('%')),
        map(preceded(space0, units), |(unit, per)| (false, unit, per)),
    ));
    let whole = map((number, behind), |(number, (percent, unit, per))| {
        QuantityText {
            number: number.replace('_', ""),
            percent,
            unit,
            per,
        }
    });
    all_consuming(whole)
        .parse(text.trim())
        .ok()
        .map(|(_, quantity)| quantity)
}

fn number(input: &str) -> IResult<&str, &str> {
    let digits = |input| -> IResult<&str, &str> {
        let group = preceded(char('_'), digit1);
        recognize(pair(digit1, fold_many0(group, || (), |(), _| ()))).parse(input)
    };
    let fraction = preceded(char('.'), digits);
    let exponent = (one_of("eE"), opt(one_of("+-")), digit1);
    recognize((opt(char('-')), digits, opt(fraction), opt(exponent))).parse(input)
}

/// A number of exactly so many digits.
fn digits<N: std::str::FromStr>(count: usize) -> impl Fn(&str) -> IResult<&str, N> {
    move |input| {
        let digits = take_while_m_n(count, count, |c: char| c.is_ascii_digit());
        map_res(digits, str::parse).parse(input)
    }
}

/// Reads `2027-06-30` and `2027-06-30T12:00:00.5+02:00`; the day must exist.
pub fn date(text: &str) -> Option<Date> {
    let day = (
        digits::<u16>(4),
        preceded(char('-'), digits(2)),
        preceded(char('-'), digits(2)),
    );
    let whole = map((day, opt(time)), |((year, month, day), time)| Date {
        year,
        month,
        day,
        time,
    });
    let exists = |date: &Date| (1..=days_in(date.year, date.month)).contains(&date.day);
    all_consuming(verify(whole, exists))
        .parse(text)
        .ok()
        .map(|(_, date)| date)
}

/// The days of a month; 0 if there is no such month.
fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

fn time(input: &str) -> IResult<&str, Time> {
    let part = |limit: u8| verify(digits::<u8>(2), move |part| *part <= limit);
    let fraction = map_opt(preceded(char('.'), digit1), |digits: &str| {
        format!("{digits:0<9.9}").parse::<u32>().ok()
    });
    let seconds = preceded(char(':'), (part(60), opt(fraction)));
    let clock = (
        preceded(char('T'), part(23)),
        preceded(char(':'), part(59)),
        opt(seconds),
    );
    let east = (one_of("+-"), part(23), preceded(char(':'), part(59)));
    let offset = map(east, |(sign, hours, minutes)| {
        let offset = i16::from(hours) * 60 + i16::from(minutes);
        if sign == '-' { -offset } else { offset }
    });
    let zone = alt((value(0, char('Z')), offset));
    map(
        (clock, zone),
        |((hour, minute, seconds), offset_minutes)| {
            let (second, nanosecond) = seconds.unwrap_or((0, None));
            Time {
                hour,
                minute,
                second,
                nanosecond: nanosecond.unwrap_or(0),
                offset_minutes,
            }
        },
    )
    .parse(input)
}

/// Reads `10.0.0.1` and `10.0.0.0/8`; no part above 255, no prefix above 32.
pub fn ip(text: &str) -> Option<Ip> {
    let next = || preceded(char('.'), byte);
    let prefix = verify(byte, |prefix| *prefix <= 32);
    let whole = map(
        (
            byte,
            next(),
            next(),
            next(),
            opt(preceded(char('/'), prefix)),
        ),
        |(a, b, c, d, prefix)| Ip {
            octets: [a, b, c, d],
            prefix,
        },
    );
    all_consuming(whole).parse(text).ok().map(|(_, ip)| ip)
}

fn byte(input: &str) -> IResult<&str, u8> {
    map_res(digit1, str::parse).parse(input)
}

/// An escape of a string.
fn escape(input: &str) -> IResult<&str, char> {
    let hex = take_while_m_n(1, 6, |c: char| c.is_ascii_hexdigit());
    let code = map_opt(delimited(char('{'), hex, char('}')), |hex: &str| {
        u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
    });
    let meaning = alt((
        value('\n', char('n')),
        value('\t', char('t')),
        value('\r', char('r')),
        one_of("\"\\$'"),
        preceded(char('u'), code),
    ));
    preceded(char('\\'), meaning).parse(input)
}

/// A piece of a string's text.
enum Piece<'a> {
    Plain(&'a str),
    Escape(char),
    /// A backslash with what no escape begins with.
    Unknown(&'a str),
}

fn piece(input: &str) -> IResult<&str, Piece<'_>> {
    let unknown = recognize(pair(char('\\'), opt(satisfy(|_| true))));
    alt((
        map(take_while1(|c| c != '\\'), Piece::Plain),
        map(escape, Piece::Escape),
        map(unknown, Piece::Unknown),
    ))
    .parse(input)
}

/// The text that the inside of a string means: `\n \t \r \" \' \\ \$ \u{1f600}` resolved, and an
/// escape that means nothing left as it is.
pub fn unescape(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Ok((next, piece)) = piece(rest) {
        match piece {
            Piece::Plain(plain) | Piece::Unknown(plain) => text.push_str(plain),
            Piece::Escape(meant) => text.push(meant),
        }
        rest = next;
    }
    text
}

/// The places of escapes that mean nothing.
pub(crate) fn unknown_escapes(inner: &str) -> Vec<Range<u32>> {
    let mut places = Vec::new();
    let mut rest = inner;
    while let Ok((next, piece)) = piece(rest) {
        if matches!(piece, Piece::Unknown(_)) {
            places.push((inner.len() - rest.len()) as u32..(inner.len() - next.len()) as u32);
        }
        rest = next;
    }
    places
}

/// Where the text is in a token of a string: without quotes. `None` for other tokens.
pub(crate) fn string_inner(kind: Kind, token: &str) -> Option<Range<u32>> {
    let length = token.len() as u32;
    Some(match kind {
        Kind::String => 1..length - 1,
        Kind::SingleQuoted => {
            let quote = |one: Option<char>| one.map_or(0, char::len_utf8) as u32;
            quote(token.chars().next())..length - quote(token.chars().next_back())
        }
        Kind::OpenString | Kind::StringStart => 1..length,
        Kind::StringMiddle | Kind::StringBreak => 0..length,
        Kind::StringEnd => 0..length - 1,
        _ => return None,
    })
}

/// A part of a string's inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text, escapes resolved.
    Text(String),
    /// The bytes of an expression, without `${` and `}`.
    Interpolation(Range<u32>),
}

/// Takes a string with its quotes apart. `None` if it is no whole string.
pub fn string_parts(text: &str) -> Option<Vec<Part>> {
    let tokens = crate::lexer::tokens(text);
    let mut parts = Vec::new();
    let mut level = 0u32;
    let mut open = 0;
    for (at, token) in tokens.iter().enumerate() {
        let first = at == 0;
        let last = at + 1 == tokens.len();
        match token.kind {
            Kind::StringBreak | Kind::OpenString => return None,
            Kind::InterpolationOpen => {
                level += 1;
                open = if level == 1 { token.end } else { open };
            }
            Kind::InterpolationClose => {
                level -= 1;
                if level == 0 {
                    parts.push(Part::Interpolation(open..token.start));
                }
            }
            _ if level > 0 => {}
            Kind::String if !(first && last) => return None,
            Kind::StringEnd if !last => return None,
            kind => {
                let token = &text[token.start as usize..token.end as usize];
                let inner = string_inner(kind, token)?;
                let inner = &token[inner.start as usize..inner.end as usize];
                if !inner.is_empty() {
                    parts.push(Part::Text(unescape(inner)));
                }
            }
        }
    }
    (!tokens.is_empty()).then_some(parts)
}

/// What a `"""…"""` means: without the quotes, the line break behind the first ones, and the
/// indentation of the closing line, which every line loses. Nothing in it is an escape.
pub fn text(token: &str) -> String {
    let inner = token.strip_prefix("\"\"\"").unwrap_or(token);
    let inner = inner.strip_suffix("\"\"\"").unwrap_or(inner);
    let lines: Vec<&str> = inner
        .split('\n')
        .map(|line| line.trim_end_matches('\r'))
        .collect();
    let [first, middle @ .., last] = lines.as_slice() else {
        return inner.to_owned();
    };
    let blank = |line: &str| line.trim_matches([' ', '\t']).is_empty();
    let indent = last.len() - last.trim_start_matches([' ', '\t']).len();
    let dedent = |line: &str| {
        let own = line.len() - line.trim_start_matches([' ', '\t']).len();
        line[own.min(indent)..].to_owned()
    };
    let mut kept = Vec::with_capacity(lines.len());
    if !blank(first) {
        kept.push((*first).to_owned());
    }
    kept.extend(middle.iter().map(|line| dedent(line)));
    kept.push(if blank(last) {
        String::new()
    } else {
        dedent(last)
    });
    kept.join("\n")
}
