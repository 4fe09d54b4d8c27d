//! Text to tokens: one `alt` of nom, total, so that every byte belongs to a token.

use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_while, take_while_m_n, take_while1};
use nom::character::complete::{anychar, char, digit1, one_of, satisfy};
use nom::combinator::{map, map_opt, not, opt, peek, recognize, value, verify};
use nom::multi::{fold_many0, many_m_n};
use nom::sequence::{pair, preceded, terminated};
use nom::{IResult, Parser};

use crate::kind::Kind;
use crate::signs::sign;

/// A token: its kind and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// The first byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
}

/// What the parser sees of a token that is no trivia.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lexeme {
    /// Its kind; a reserved word has its own unless a `=` or `:` follows on its line.
    pub(crate) kind: Kind,
    /// Its place among all tokens.
    pub(crate) token: u32,
    /// Bytes between the start of its line and its own.
    pub(crate) column: u32,
    /// The column of the first lexeme on its line.
    pub(crate) indent: u32,
    /// Its line, from 0.
    pub(crate) line: u32,
    /// Whether it is the first on its line.
    pub(crate) first: bool,
    /// Whether anything stands between it and the one before.
    pub(crate) apart: bool,
}

/// A text in tokens.
pub(crate) struct Lexed {
    /// All of them; joined they are the text.
    pub(crate) tokens: Vec<Token>,
    /// Those that are no trivia, closed by one [`Kind::End`].
    pub(crate) lexemes: Vec<Lexeme>,
}

/// All tokens of a text; joined they are the text.
pub fn tokens(text: &str) -> Vec<Token> {
    lex(text).tokens
}

/// Cuts a text into tokens. Takes time in proportion to the text's length.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer::new(text);
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.break_strings();
    lexer.finish()
}

/// Quotes of word processors, opening and closing ones.
pub(crate) const CURLY_QUOTES: &str = "“”„‟‘’‚‛«»";

/// Blanks that look like one and are none of those that people type; the last have no width.
const FOREIGN_BLANKS: &str =
    "\u{a0}\u{2002}\u{2003}\u{2007}\u{2009}\u{202f}\u{3000}\u{200b}\u{2060}";

/// A side of a merge that was not finished: the first is read as if it were all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    None,
    First,
    Second,
}

/// Where the lexer stands.
struct Lexer<'a> {
    text: &'a str,
    rest: &'a str,
    /// For each string whose `${` is open, the number of `{` open in that expression.
    braces: Vec<u32>,
    /// Whether the text of a string goes on here.
    in_string: bool,
    line: u32,
    line_start: u32,
    indent: u32,
    first: bool,
    apart: bool,
    /// Which side of a merge that was not finished this is.
    side: Side,
    tokens: Vec<Token>,
    lexemes: Vec<Lexeme>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Lexer {
            text,
            rest: text,
            braces: Vec::new(),
            in_string: false,
            line: 0,
            line_start: 0,
            indent: 0,
            first: true,
            apart: false,
            side: Side::None,
            tokens: Vec::with_capacity(text.len() / 3),
            lexemes: Vec::with_capacity(text.len() / 5),
        }
    }

    fn offset(&self) -> u32 {
        (self.text.len() - self.rest.len()) as u32
    }

    /// Takes one token.
    fn step(&mut self) {
        if self.in_string {
            return self.step_in_string();
        }
        if self.first && self.column() == 0 && self.conflict() {
            return;
        }
        let context = Context {
            before: self.text.as_bytes()[..self.offset() as usize]
                .last()
                .copied(),
            nested: !self.braces.is_empty(),
            indent: if self.first {
                self.column()
            } else {
                self.indent
            },
        };
        let (rest, kind) = token(context, self.rest).expect("the last branch takes any character");
        let kind = match (kind, self.braces.last_mut()) {
            (Kind::Newline, Some(_)) => return self.break_strings(),
            (Kind::LeftBrace, Some(open)) => {
                *open += 1;
                kind
            }
            (Kind::RightBrace, Some(0)) => {
                self.braces.pop();
                self.in_string = true;
                Kind::InterpolationClose
            }
            (Kind::RightBrace, Some(open)) => {
                *open -= 1;
                kind
            }
            _ => kind,
        };
        self.push(kind, rest);
        if kind == Kind::StringStart {
            self.open_interpolation();
        }
    }

    /// Takes what follows the `}` of a `${…}`.
    fn step_in_string(&mut self) {
        self.in_string = false;
        let (rest, stop) = string_text(self.rest).expect("a string's text may be empty");
        match stop {
            Stop::Quote => self.push(Kind::StringEnd, rest),
            Stop::Line => self.push(Kind::StringBreak, rest),
            Stop::Interpolation => {
                if rest.len() < self.rest.len() {
                    self.push(Kind::StringMiddle, rest);
                }
                self.open_interpolation();
            }
        }
    }

    /// Takes a line that a merge left, or one of its second side.
    fn conflict(&mut self) -> bool {
        let marks = |sign: &str| {
            let rest = self.rest.strip_prefix(sign);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\r', '\n']))
        };
        let next = match self.side {
            Side::None if marks("<<<<<<<") => Side::First,
            Side::First if marks("=======") || marks("|||||||") => Side::Second,
            Side::First if marks(">>>>>>>") => Side::None,
            Side::Second if marks(">>>>>>>") => Side::None,
            Side::Second if self.rest.starts_with(['\r', '\n']) => return false,
            Side::Second => Side::Second,
            Side::None | Side::First => return false,
        };
        self.side = next;
        let (rest, _) = line_rest(self.rest).expect("the rest of a line may be empty");
        self.push(Kind::Conflict, rest);
        true
    }

    fn open_interpolation(&mut self) {
        let rest = self.rest.get("${".len()..).unwrap_or("");
        self.push(Kind::InterpolationOpen, rest);
        self.braces.push(0);
    }

    /// The line ends: so does every string on it.
    fn break_strings(&mut self) {
        if std::mem::take(&mut self.in_string) {
            self.push(Kind::StringBreak, self.rest);
        }
        for _ in 0..std::mem::take(&mut self.braces).len() {
            self.push(Kind::StringBreak, self.rest);
        }
    }

    fn column(&self) -> u32 {
        self.offset() - self.line_start
    }

    fn push(&mut self, kind: Kind, rest: &'a str) {
        let start = self.offset();
        let column = self.column();
        let taken = &self.rest[..self.rest.len() - rest.len()];
        self.rest = rest;
        let end = self.offset();
        if kind == Kind::Unknown
            && let Some(last) = self.tokens.last_mut()
            && last.kind == Kind::Unknown
        {
            // A run of characters that mean nothing is one token, hence one finding.
            last.end = end;
            return;
        }
        let token = self.tokens.len() as u32;
        self.tokens.push(Token { kind, start, end });
        if kind == Kind::Newline {
            self.line += 1;
            self.line_start = end;
            self.first = true;
            self.apart = true;
        } else if kind.is_trivia() {
            self.apart = true;
            if start == 0 && taken.starts_with('\u{feff}') {
                self.line_start = '\u{feff}'.len_utf8() as u32;
            }
        } else {
            if self.first {
                self.indent = column;
            }
            self.lexemes.push(Lexeme {
                kind: if kind == Kind::Word {
                    Kind::of_word(taken)
                } else {
                    kind
                },
                token,
                column,
                indent: self.indent,
                line: self.line,
                first: self.first,
                apart: self.apart,
            });
            self.first = false;
            self.apart = false;
            if matches!(kind, Kind::Text | Kind::OpenText) {
                self.line += taken.bytes().filter(|byte| *byte == b'\n').count() as u32;
                if let Some(last) = taken.rfind('\n') {
                    self.line_start = start + last as u32 + 1;
                }
            }
        }
    }

    /// Reserved words before `=` or `:` on their line are names: columns and arguments may be
    /// called anything.
    fn finish(mut self) -> Lexed {
        self.lexemes.push(Lexeme {
            kind: Kind::End,
            token: self.tokens.len() as u32,
            column: 0,
            indent: 0,
            line: self.line + 1,
            first: true,
            apart: true,
        });
        for at in 1..self.lexemes.len() {
            let next = self.lexemes[at];
            if matches!(next.kind, Kind::Equal | Kind::Colon) && !next.first {
                let word = &mut self.lexemes[at - 1];
                if crate::set::RESERVED.has(word.kind) {
                    word.kind = Kind::Word;
                }
            }
        }
        Lexed {
            tokens: self.tokens,
            lexemes: self.lexemes,
        }
    }
}

/// What a token depends on besides the text that follows.
#[derive(Clone, Copy)]
struct Context {
    /// The byte before: `/` behind a name, a number or `)` may be "per".
    before: Option<u8>,
    /// Whether this is the expression of a `${…}`, which ends at its line and holds no comment.
    nested: bool,
    /// The column of the line's first token.
    indent: u32,
}

/// One token. Total: fails at the end of the text alone.
///
/// What most of a text is made of is told by its first byte; the other branches are tried in turn.
fn token(context: Context, input: &str) -> IResult<&str, Kind> {
    match input.as_bytes().first() {
        Some(b' ' | b'\t') => blank(input),
        Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => ascii_word(input),
        Some(b'\n') => value(Kind::Newline, take(1usize)).parse(input),
        Some(b'0'..=b'9') => number_like(input),
        Some(b'=' | b'{' | b'}' | b'(' | b')' | b'[' | b']' | b',' | b':' | b'.' | b'@') => {
            sign(input)
        }
        _ => any_token(context, input),
    }
}

fn blank(input: &str) -> IResult<&str, Kind> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let length = input.bytes().take_while(is_blank).count();
    Ok((&input[length..], Kind::Space))
}

/// A word that begins with an ASCII letter; one that goes on with another letter is read again.
fn ascii_word(input: &str) -> IResult<&str, Kind> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = input.bytes().take_while(is_letter).count();
    match input.as_bytes().get(length) {
        Some(128..) => word(input),
        _ => Ok((&input[length..], Kind::Word)),
    }
}

fn any_token(context: Context, input: &str) -> IResult<&str, Kind> {
    alt((
        value(Kind::Space, take_while1(|c| c == ' ' || c == '\t')),
        word,
        value(Kind::Newline, newline),
        |input| comment(context, input),
        |input| per(context, input),
        sign,
        number_like,
        |input| string_like(context, input),
        quoted,
        value(Kind::Space, char('\u{feff}')),
        value(Kind::Space, one_of(FOREIGN_BLANKS)),
        look_alike,
        value(Kind::Unknown, anychar),
    ))
    .parse(input)
}

/// A sign of another keyboard that looks like one of the language is read as that one.
fn look_alike(input: &str) -> IResult<&str, Kind> {
    let other = verify(anychar, |one: &char| !one.is_ascii());
    map_opt(other, |one| {
        let (rest, kind) = sign(crate::hidden::plain_sign(one)?).ok()?;
        rest.is_empty().then_some(kind)
    })
    .parse(input)
}

fn newline(input: &str) -> IResult<&str, &str> {
    alt((tag("\n"), tag("\r\n"), tag("\r"))).parse(input)
}

/// The rest of the line, without its end.
fn line_rest(input: &str) -> IResult<&str, &str> {
    let ends = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let end = input.as_bytes().iter().position(ends);
    let (line, rest) = input.split_at(end.unwrap_or(input.len()));
    Ok((rest, line))
}

fn comment(context: Context, input: &str) -> IResult<&str, Kind> {
    let kind = alt((
        value(Kind::Documentation, tag("///")),
        value(Kind::Comment, tag("//")),
        value(Kind::HashComment, char('#')),
    ));
    let begins = peek(verify(one_of("/#"), |_| !context.nested));
    terminated(preceded(begins, kind), line_rest).parse(input)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(input: &str) -> IResult<&str, Kind> {
    // The first character decides alone, so that a long run is not read twice.
    let first = peek(satisfy(|c| is_word(c) && !c.is_numeric()));
    map(preceded(first, take_while1(is_word)), |word: &str| {
        if word.is_ascii() {
            Kind::Word
        } else {
            Kind::ForeignWord
        }
    })
    .parse(input)
}

fn quoted(input: &str) -> IResult<&str, Kind> {
    let inner = take_while1(|c| !matches!(c, '`' | '\n' | '\r'));
    value(Kind::Quoted, (char('`'), inner, char('`'))).parse(input)
}

fn per(context: Context, input: &str) -> IResult<&str, Kind> {
    let touches = context
        .before
        .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'%' | b')'));
    let letter = satisfy(|c| c.is_ascii_alphabetic() || c == '_');
    let sign = terminated(char('/'), peek(letter));
    value(Kind::Per, verify(sign, |_| touches)).parse(input)
}

/// Dates and addresses are the longer matches, so they come first.
fn number_like(input: &str) -> IResult<&str, Kind> {
    preceded(
        peek(satisfy(|c| c.is_ascii_digit())),
        alt((
            value(Kind::Date, date),
            value(Kind::Ip, ip),
            value(Kind::Number, number),
        )),
    )
    .parse(input)
}

fn exactly(count: usize) -> impl Fn(&str) -> IResult<&str, &str> {
    move |input| take_while_m_n(count, count, |c: char| c.is_ascii_digit()).parse(input)
}

fn date(input: &str) -> IResult<&str, &str> {
    // Looking at one byte is enough to know that most numbers are no dates.
    let (input, _) = peek(verify(take(5usize), |year: &str| year.ends_with('-'))).parse(input)?;
    let day = (exactly(4), char('-'), exactly(2), char('-'), exactly(2));
    let offset = (one_of("+-"), exactly(2), char(':'), exactly(2));
    let zone = alt((recognize(char('Z')), recognize(offset)));
    let clock = take_while1(|c: char| c.is_ascii_digit() || c == ':' || c == '.');
    let time = (char('T'), clock, zone);
    let end = not(satisfy(|c| is_word(c) || c == '-'));
    terminated(recognize(pair(day, opt(time))), end).parse(input)
}

fn ip(input: &str) -> IResult<&str, &str> {
    let part = || take_while_m_n(1, 3, |c: char| c.is_ascii_digit());
    let address = (part(), many_m_n(3, 3, preceded(char('.'), part())));
    let network = preceded(
        char('/'),
        take_while_m_n(1, 2, |c: char| c.is_ascii_digit()),
    );
    let end = not(satisfy(|c| is_word(c) || c == '.'));
    terminated(recognize(pair(address, opt(network))), end).parse(input)
}

/// Digits, each `_` between two of them.
fn digits(input: &str) -> IResult<&str, &str> {
    let group = preceded(char('_'), digit1);
    recognize(pair(digit1, fold_many0(group, || (), |(), _| ()))).parse(input)
}

fn number(input: &str) -> IResult<&str, &str> {
    let fraction = preceded(char('.'), digits);
    let exponent = (one_of("eE"), opt(one_of("+-")), digit1);
    recognize((digits, opt(fraction), opt(exponent), opt(char('%')))).parse(input)
}

/// Where the text of a string stops.
enum Stop {
    /// Behind its closing quote.
    Quote,
    /// Before a `${`.
    Interpolation,
    /// Before its line's end.
    Line,
}

/// The text of a string up to where it stops. A backslash takes the next character with it.
fn string_text(input: &str) -> IResult<&str, Stop> {
    let mut rest = input;
    loop {
        let stops = |byte: &u8| matches!(byte, b'"' | b'\\' | b'$' | b'\n' | b'\r');
        let stop = rest.as_bytes().iter().position(stops);
        rest = &rest[stop.unwrap_or(rest.len())..];
        let mut next = rest.chars();
        match next.next() {
            Some('"') => return Ok((next.as_str(), Stop::Quote)),
            Some('$') if rest.starts_with("${") => return Ok((rest, Stop::Interpolation)),
            None | Some('\n') => return Ok((rest, Stop::Line)),
            Some('\r') => return Ok((rest, Stop::Line)),
            Some('\\') => {
                rest = match next.clone().next() {
                    None | Some('\n' | '\r') => next.as_str(),
                    Some(_) => {
                        next.next();
                        next.as_str()
                    }
                }
            }
            Some(_) => rest = next.as_str(),
        }
    }
}

fn string_like(context: Context, input: &str) -> IResult<&str, Kind> {
    let text = |input| text(context, input);
    let string = map(preceded(char('"'), string_text), |stop| match stop {
        Stop::Quote => Kind::String,
        Stop::Interpolation => Kind::StringStart,
        Stop::Line => Kind::OpenString,
    });
    let single = (
        char('\''),
        take_while(|c| !matches!(c, '\'' | '\n' | '\r')),
        char('\''),
    );
    // What a word processor makes of quotes.
    let curly = (
        one_of(CURLY_QUOTES),
        take_while(|c| !matches!(c, '"' | '\n' | '\r') && !CURLY_QUOTES.contains(c)),
        satisfy(|c| c == '"' || CURLY_QUOTES.contains(c)),
    );
    let other = value(
        Kind::SingleQuoted,
        alt((recognize(single), recognize(curly))),
    );
    alt((text, string, other)).parse(input)
}

/// `"""…"""`; unclosed it ends before the first line indented no deeper than the line it began on.
fn text(context: Context, input: &str) -> IResult<&str, Kind> {
    let (body, _) = verify(tag("\"\"\""), |_: &str| !context.nested).parse(input)?;
    let mut rest = body;
    loop {
        let (next, line) = line_rest(rest)?;
        if let Some(close) = line.find("\"\"\"") {
            return Ok((&rest[close + 3..], Kind::Text));
        }
        let Ok((below, _)) = newline(next) else {
            return Ok((next, Kind::OpenText));
        };
        let (_, line) = line_rest(below)?;
        let content = line.trim_start_matches([' ', '\t']);
        let shallow = line.len() - content.len() <= context.indent as usize;
        if shallow && !content.is_empty() && !content.starts_with("\"\"\"") {
            return Ok((next, Kind::OpenText));
        }
        rest = below;
    }
}
