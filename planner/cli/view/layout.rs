//! Lines: wrapping, padding and cutting by what a terminal shows.

/// Breaks a text into lines of at most `width` columns at blanks, but never inside of backquotes:
/// what stands there is to be copied. The first line begins with `first`, the others with `rest`;
/// each ends in a line break.
pub(crate) fn wrapped(text: &str, width: usize, first: &str, rest: &str) -> String {
    let mut out = String::new();
    let mut indent = first;
    for paragraph in text.split('\n') {
        let mut line = String::from(indent);
        let mut empty = true;
        for word in unbroken(paragraph) {
            let wide = columns(&line) + columns(word) + usize::from(!empty);
            if !empty && wide > width {
                out += line.trim_end();
                out.push('\n');
                line = String::from(rest);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line += word;
            empty = false;
        }
        out += line.trim_end();
        out.push('\n');
        indent = rest;
    }
    out
}

/// The words of a text; what stands in backquotes is one of them.
fn unbroken(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            // A quote that nothing closes quotes nothing.
            '`' => quoted = !quoted && text[at + 1..].contains('`'),
            ' ' if !quoted => {
                words.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&text[start..]);
    words
}

/// How many columns a text takes: escapes that paint take none.
pub(crate) fn columns(text: &str) -> usize {
    let mut count = 0;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            letters.find(|letter| letter.is_ascii_alphabetic());
        } else {
            count += 1;
        }
    }
    count
}

/// The text with blanks behind it up to `width` columns.
pub(crate) fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(missing))
}

/// The text, cut to `width` columns with `…` for what is left out.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// `one thing`, `2 things`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        _ => format!("{count} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_blanks_and_indents_the_rest() {
        let text = wrapped("one two three", 9, "- ", "  ");
        assert_eq!(text, "- one two\n  three\n");
    }

    #[test]
    fn a_word_longer_than_the_line_stands_alone() {
        assert_eq!(wrapped("a bcdefghij", 5, "", ""), "a\nbcdefghij\n");
    }

    #[test]
    fn what_is_to_be_copied_is_never_broken() {
        let text = wrapped("help: run `a b -y` now", 10, "", "  ");
        assert_eq!(text, "help: run\n  `a b -y`\n  now\n");
        let text = wrapped("a ` alone breaks", 8, "", "");
        assert_eq!(text, "a `\nalone\nbreaks\n");
    }

    #[test]
    fn paint_takes_no_column() {
        assert_eq!(columns("\u{1b}[31mred\u{1b}[0m"), 3);
        assert_eq!(
            padded("\u{1b}[31mred\u{1b}[0m", 5),
            "\u{1b}[31mred\u{1b}[0m  "
        );
    }

    #[test]
    fn cuts_by_letters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }
}
