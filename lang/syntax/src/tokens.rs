//! What is wrong with single tokens.

use std::ops::Range;

use crate::error::{SyntaxError, edit};
use crate::kind::Kind;
use crate::lexer::{CURLY_QUOTES, Token};
use crate::literal;

/// The findings that a token alone gives rise to, in the order of the text.
pub(crate) fn findings(text: &str, tokens: &[Token]) -> Vec<SyntaxError> {
    let mut findings = Vec::new();
    let mut starts = Vec::new();
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
    match token.kind {
        Kind::Unknown if word == ";" => {
            let finding = SyntaxError::new("E0001", at.clone(), "nothing ends with `;`");
            let finding = finding.help("an entry ends with its line, or at a comma");
            findings.push(finding.fix("take it out", vec![edit(at, "")]));
        }
        Kind::Conflict if word.starts_with('<') => {
            let message = "two sides of a merge begin here";
            let finding = SyntaxError::new("E0035", at, message);
            let help = "keep one of the two sides, and take out the lines that begin with \
                        `<<<<<<<`, `=======` and `>>>>>>>`";
            findings.push(finding.help(help));
        }
        Kind::Space if !word.is_ascii() && word != "\u{feff}" => {
            findings.push(foreign_blank(at, word))
        }
        Kind::Unknown if word.chars().all(|one| CURLY_QUOTES.contains(one)) => {
            findings.push(lone_quote(at, word))
        }
        Kind::Unknown => {
            let message = "this means nothing outside of strings and comments";
            findings.push(SyntaxError::new("E0001", at, message));
        }
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
                return;
            };
            let start = at.start + inner.start;
            let text = &word[inner.start as usize..inner.end as usize];
            for escape in literal::unknown_escapes(text) {
                let at = start + escape.start..start + escape.end;
                let fix = vec![edit(at.start..at.start, "\\")];
                let finding = SyntaxError::new("E0029", at, "this escape means nothing")
                    .help("the escapes are \\n \\t \\r \\\" \\\\ \\$ and \\u{1f600}")
                    .fix("write `\\\\`", fix);
                findings.push(finding);
            }
        }
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
