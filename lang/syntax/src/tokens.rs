//! What is wrong with single tokens.

use std::ops::Range;

use crate::error::{SyntaxError, edit};
use crate::hidden;
use crate::kind::Kind;
use crate::lexer::{CURLY_QUOTES, Token};
use crate::literal;
use crate::set::Set;

/// Tokens whose inside may be any text.
const READ_AS_THEY_ARE: Set = Set::of(&[
    Kind::Comment,
    Kind::Documentation,
    Kind::HashComment,
    Kind::OpenString,
    Kind::OpenText,
    Kind::Quoted,
    Kind::SingleQuoted,
    Kind::String,
    Kind::StringBreak,
    Kind::StringEnd,
    Kind::StringMiddle,
    Kind::StringStart,
    Kind::Text,
]);

/// The findings that a token alone gives rise to, in the order of the text.
pub(crate) fn findings(text: &str, tokens: &[Token]) -> Vec<SyntaxError> {
    let mut findings = Vec::new();
    let mut starts = Vec::new();
    let plain = hidden::is_plain(text);
    for token in tokens {
        match token.kind {
            Kind::StringStart => starts.push(*token),
            Kind::StringEnd => {
                starts.pop();
            }
            Kind::StringBreak => {
                let start = starts.pop().unwrap_or(*token);
                // One line ends them all: the outermost is the one to mend.
                if starts.is_empty() {
                    findings.push(open_string(start));
                }
            }
            // Inside a `${…}` that is not closed either, the outer string is reported.
            Kind::OpenString if starts.is_empty() => findings.push(open_string(*token)),
            _ => {}
        }
        let word = &text[token.start as usize..token.end as usize];
        if !plain && READ_AS_THEY_ARE.has(token.kind) {
            hidden::inside(token.kind, word, token.start, &mut findings);
        }
        of_token(*token, word, &mut findings);
    }
    findings
}

fn open_string(token: Token) -> SyntaxError {
    let at = token.start..token.start + 1;
    let finding = SyntaxError::new("E0002", at, "this string is not closed on its line");
    finding.help("close it with `\"`; text of several lines stands between `\"\"\"`")
}

fn of_token(token: Token, word: &str, findings: &mut Vec<SyntaxError>) {
    let at = token.start..token.end;
    let kind = token.kind;
    if matches!(kind, Kind::Text | Kind::OpenText) {
        let lone = word.match_indices('\r').map(|(at, _)| at);
        let mut lone = lone.filter(|at| !word[at + 1..].starts_with('\n'));
        let first = lone.next().map(|offset| at.start + offset as u32);
        findings.extend(first.map(|first| lone_return(first..first + 1)));
    }
    match kind {
        Kind::Conflict if word.starts_with('<') => {
            let message = "two sides of a merge begin here";
            let finding = SyntaxError::new("E0035", at, message);
            let help = "keep one of the two sides, and take out the lines that begin with \
                        `<<<<<<<`, `=======` and `>>>>>>>`";
            findings.push(finding.help(help));
        }
        // A mark of the byte order begins files of some tools; elsewhere it is hidden.
        Kind::Space if word == "\u{feff}" && at.start == 0 => {}
        Kind::Space if !word.is_ascii() && word != "\u{feff}" => {
            findings.push(foreign_blank(at, word))
        }
        Kind::Space if !word.is_ascii() => findings.extend(hidden::run(word, at)),
        Kind::Newline if word == "\r" => findings.push(lone_return(at)),
        Kind::Unknown => findings.push(unknown(at, word)),
        Kind::OpenText => {
            let at = at.start..at.start + 3;
            let finding = SyntaxError::new("E0003", at, "this text is not closed");
            findings.push(finding.help("close it with `\"\"\"` on a line of its own"));
        }
        Kind::HashComment => {
            let sign = at.start..at.start + 1;
            let finding = SyntaxError::new("E0018", sign.clone(), "a comment begins with `//`");
            findings.push(finding.fix("write `//`", vec![edit(sign, "//")]));
        }
        Kind::SingleQuoted => findings.push(other_quotes(at, word)),
        Kind::ForeignWord if let Some(looks) = hidden::as_it_looks(word) => {
            findings.push(looks_like(at, looks))
        }
        Kind::ForeignWord => {
            let message = "a name is made of ASCII letters, digits and `_`";
            let finding = SyntaxError::new("E0025", at.clone(), message);
            let finding = finding.help("any other name stands between back quotes");
            let fix = vec![edit(at, format!("`{word}`"))];
            findings.push(finding.fix("put it between back quotes", fix));
        }
        Kind::Date if literal::date(word).is_none() => {
            let message = "there is no such day or time";
            findings.push(SyntaxError::new("E0033", at, message));
        }
        Kind::Ip if literal::ip(word).is_none() => {
            let message = "no part of an address is above 255, no prefix above 32";
            findings.push(SyntaxError::new("E0033", at, message));
        }
        kind => {
            let Some(inner) = literal::string_inner(kind, word) else {
                let is_sign = !word.is_ascii() && !READ_AS_THEY_ARE.has(kind);
                let plain = is_sign.then(|| hidden::plain_signs(word)).flatten();
                findings.extend(plain.map(|plain| sign_like(at, word, &plain)));
                return;
            };
            let text = &word[inner.start as usize..inner.end as usize];
            unknown_escapes(at.start + inner.start, text, findings);
        }
    }
}

/// Characters that are no token of the language.
fn unknown(at: Range<u32>, word: &str) -> SyntaxError {
    if word == ";" {
        return SyntaxError::new("E0001", at.clone(), "nothing ends with `;`")
            .help("an entry ends with its line, or at a comma")
            .fix("take it out", vec![edit(at, "")]);
    }
    if word.chars().all(|one| CURLY_QUOTES.contains(one)) {
        return lone_quote(at, word);
    }
    if let Some(finding) = hidden::run(word, at.clone()) {
        return finding;
    }
    if let Some(plain) = hidden::plain_signs(word) {
        return sign_like(at, word, &plain);
    }
    let message = "this means nothing outside of strings and comments";
    SyntaxError::new("E0001", at, message)
}

/// The escapes of a string's text that mean nothing; the text begins at `start`.
fn unknown_escapes(start: u32, text: &str, findings: &mut Vec<SyntaxError>) {
    for escape in literal::unknown_escapes(text) {
        let at = start + escape.start..start + escape.end;
        let fix = vec![edit(at.start..at.start, "\\")];
        let finding = SyntaxError::new("E0029", at, "this escape means nothing")
            .help("the escapes are \\n \\t \\r \\\" \\\\ \\$ and \\u{1f600}")
            .fix("write `\\\\`", fix);
        findings.push(finding);
    }
}

/// A blank of another tool, which nobody sees.
fn foreign_blank(at: Range<u32>, word: &str) -> SyntaxError {
    let blank = word.chars().next().unwrap_or(' ');
    let (what, instead) = match blank {
        '\u{a0}' | '\u{202f}' | '\u{2007}' => ("a no-break space", " "),
        '\u{200b}' | '\u{2060}' => ("a space without width", ""),
        _ => ("a space of a word processor", " "),
    };
    let message = format!("this is U+{:04X}, {what}", u32::from(blank));
    let title = match instead {
        "" => "take it out",
        _ => "write a plain space",
    };
    let finding = SyntaxError::new("E0001", at.clone(), message);
    finding.fix(title, vec![edit(at, instead)])
}

/// A line end of machines that are gone: editors show two lines, most other tools one.
fn lone_return(at: Range<u32>) -> SyntaxError {
    SyntaxError::new(
        "E0038",
        at.clone(),
        "this is U+000D without U+000A behind it",
    )
    .help("some tools would show one line, and others two")
    .fix("end the line with U+000A", vec![edit(at, "\n")])
}

/// A sign that looks like one of the language, and is read as that.
fn sign_like(at: Range<u32>, word: &str, plain: &str) -> SyntaxError {
    let sign = word.chars().next().unwrap_or_default();
    let message = format!("this is U+{:04X}, not `{plain}`", u32::from(sign));
    let title = format!("write `{plain}`");
    SyntaxError::new("E0001", at.clone(), message).fix(title, vec![edit(at, plain)])
}

/// A name with letters of another script that look like ASCII ones.
fn looks_like(at: Range<u32>, (looks, letter, like): (String, char, char)) -> SyntaxError {
    let (code, script) = (u32::from(letter), hidden::script(letter));
    let message = format!("`{letter}` is U+{code:04X} ({script}), not `{like}`");
    let title = format!("write `{looks}`");
    SyntaxError::new("E0037", at.clone(), message)
        .help("two names that look the same would be two different ones")
        .fix(title, vec![edit(at, looks)])
}

/// A quote of a word processor that closes nothing on its line.
fn lone_quote(at: Range<u32>, word: &str) -> SyntaxError {
    let message = "this quote is not the one that begins a string";
    let plain = "\"".repeat(word.chars().count());
    SyntaxError::new("E0001", at.clone(), message)
        .help("a string stands between `\"`")
        .fix("write `\"`", vec![edit(at, plain)])
}

/// A string between quotes that are none here.
fn other_quotes(at: Range<u32>, word: &str) -> SyntaxError {
    let mut inner = word.chars();
    inner.next();
    inner.next_back();
    let inner = inner.as_str().replace('"', "\\\"");
    let message = match word.starts_with('\'') {
        true => "a string takes double quotes",
        false => "these quotes come from a word processor",
    };
    let fix = vec![edit(at.clone(), format!("\"{inner}\""))];
    SyntaxError::new("E0019", at, message).fix("write double quotes", fix)
}
