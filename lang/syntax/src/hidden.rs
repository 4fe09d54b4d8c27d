//! Characters that nobody sees, and those that only look like others.

use std::ops::Range;

use unicode_script::UnicodeScript;

use crate::error::{SyntaxError, edit};
use crate::kind::Kind;

/// How many hidden characters one token is told of; its other ones are mended like these.
const HIDDEN_PER_TOKEN_MAX: usize = 10;

/// What a character that nobody sees does to a text; none for one that is seen, or that people
/// type: blanks, line ends, and what joins the parts of a sign in some scripts.
fn hidden(one: char) -> Option<&'static str> {
    Some(match one {
        '\t' | '\n' | '\r' => return None,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "it turns the text around it",
        '\u{200e}' | '\u{200f}' | '\u{61c}' => "it turns the text around it",
        '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{180e}' => "it has no width",
        '\u{2028}' | '\u{2029}' => "a line ends here in some tools and not in others",
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => "it is not shown",
        _ if one.is_control() => "it is for a terminal",
        _ => return None,
    })
}

/// Whether a text has printable ASCII and plain line ends alone, as most have: nothing hides there.
pub(crate) fn is_plain(text: &str) -> bool {
    let is_other = |byte: u8| !(b' '..127).contains(&byte) && byte != b'\n';
    let chunks = text.as_bytes().chunks(1 << 10);
    // Without a way out inside a chunk, it is compared many bytes at a time.
    let others = |chunk: &[u8]| chunk.iter().fold(false, |any, byte| any | is_other(*byte));
    !chunks.into_iter().any(others)
}

/// The findings about hidden characters inside a token: in strings, comments and names between back
/// quotes nothing else would tell.
pub(crate) fn inside(kind: Kind, word: &str, start: u32, findings: &mut Vec<SyntaxError>) {
    // Printable ASCII has none, and is what nearly all tokens are made of.
    if word.bytes().all(|byte| (b' '..127).contains(&byte)) {
        return;
    }
    let runs = hidden_runs(word).take(HIDDEN_PER_TOKEN_MAX);
    findings.extend(runs.map(|run| {
        let text = &word[run.start as usize..run.end as usize];
        finding(kind, text, start + run.start..start + run.end)
    }));
}

/// Where hidden characters follow one another.
fn hidden_runs(word: &str) -> impl Iterator<Item = Range<u32>> {
    let mut all = word.char_indices().peekable();
    std::iter::from_fn(move || {
        let (first, one) = all.find(|(_, one)| hidden(*one).is_some())?;
        let mut end = first + one.len_utf8();
        while let Some((at, next)) = all.next_if(|(_, next)| hidden(*next).is_some()) {
            end = at + next.len_utf8();
        }
        Some(first as u32..end as u32)
    })
}

/// What is said of hidden characters that follow one another.
fn finding(kind: Kind, text: &str, at: Range<u32>) -> SyntaxError {
    let first = text.chars().next().unwrap_or('\0');
    let does = hidden(first).unwrap_or("it is not shown");
    let message = format!("this is U+{:04X}: {does}", u32::from(first));
    let finding = SyntaxError::new("E0036", at.clone(), message);
    let in_string = crate::literal::string_inner(kind, "\"\"").is_some();
    let escaped = || text.chars().map(|one| one.escape_unicode().to_string());
    match in_string && kind != Kind::SingleQuoted {
        true => finding
            .help("what a reader sees would not be what is read")
            .fix(
                "write it as an escape",
                vec![edit(at, escaped().collect::<String>())],
            ),
        false => finding
            .help("what a reader sees would not be what is read")
            .fix("take it out", vec![edit(at, "")]),
    }
}

/// What is said of characters outside of strings that are all hidden.
pub(crate) fn run(word: &str, at: Range<u32>) -> Option<SyntaxError> {
    let all = word.chars().all(|one| hidden(one).is_some());
    all.then(|| finding(Kind::Unknown, word, at))
}

/// The plain text that signs of other keyboards and of word processors stand for.
pub(crate) fn plain_signs(word: &str) -> Option<String> {
    word.chars().map(plain_sign).collect()
}

/// The plain text that one sign stands for.
pub(crate) fn plain_sign(sign: char) -> Option<&'static str> {
    const FULL_WIDTH: &str = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`\
                              abcdefghijklmnopqrstuvwxyz{|}~";
    Some(match sign {
        '\u{ff01}'..='\u{ff5e}' => {
            let place = (u32::from(sign) - 0xff01) as usize;
            FULL_WIDTH.get(place..=place)?
        }
        '‐' | '‑' | '‒' | '–' | '—' | '−' | '﹣' => "-",
        '×' | '∗' => "*",
        '÷' | '∕' | '⁄' => "/",
        '≤' => "<=",
        '≥' => ">=",
        '≠' => "!=",
        '→' | '⇒' => "=>",
        '‥' | '…' => "..",
        '、' | '‚' => ",",
        '。' => ".",
        '【' | '〔' => "[",
        '】' | '〕' => "]",
        '∶' | '꞉' => ":",
        '∣' => "|",
        _ => return None,
    })
}

/// A name with letters of other scripts that all look like ASCII ones: the name as it looks, and
/// the first of those letters with what it looks like.
pub(crate) fn as_it_looks(word: &str) -> Option<(String, char, char)> {
    let mut first = None;
    let looks: Option<String> = (word.chars())
        .map(|one| {
            if one.is_ascii() {
                return Some(one);
            }
            let like = like_ascii(one)?;
            first.get_or_insert((one, like));
            Some(like)
        })
        .collect();
    let (letter, like) = first?;
    Some((looks?, letter, like))
}

fn like_ascii(one: char) -> Option<char> {
    if let Some(plain) = plain_sign(one) {
        return plain.chars().next().filter(char::is_ascii_alphanumeric);
    }
    let mut buffer = [0; 4];
    let mut like = unicode_security::skeleton(one.encode_utf8(&mut buffer));
    let found = like.next().filter(char::is_ascii_alphanumeric)?;
    if like.next().is_some() {
        return None;
    }
    // The list of look-alikes has one sign for `l`, `I` and `1`.
    let is_capital = one.is_uppercase() && found == 'l';
    Some(if is_capital { 'I' } else { found })
}

/// The script of a letter, for a person.
pub(crate) fn script(letter: char) -> &'static str {
    letter.script().full_name()
}
