//! The edits that lay a text out, as small as they can be: what stays keeps its marks and cursors.

use lsp_types::{Position, Range, TextEdit};

use crate::lines::{Encoding, Lines};

/// The edits; none if the text is laid out already, or has a syntax error and can't be.
pub(crate) fn edits(text: &str, encoding: Encoding) -> Vec<TextEdit> {
    let Some(wanted) = mlinfra_syntax::format(text) else {
        return Vec::new();
    };
    let lines = Lines::new(text, encoding);
    let old = lines.contents();
    let new: Vec<&str> = wanted.split('\n').collect();
    if old.len() == new.len() {
        let pairs = old.iter().zip(&new).enumerate();
        let changed = pairs.filter(|(_, (old, new))| old != new);
        return changed
            .map(|(line, (old, new))| TextEdit {
                range: line_range(&lines, line, old),
                new_text: (*new).to_owned(),
            })
            .collect();
    }
    vec![one_edit(text, &lines, &old, &new)]
}

fn line_range(lines: &Lines<'_>, line: usize, content: &str) -> Range {
    let start = Position::new(u32::try_from(line).unwrap_or(u32::MAX), 0);
    Range::new(start, lines.position(lines.offset(start) + content.len()))
}

/// The lines between those that stay at the start and at the end, with the text's own line breaks.
fn one_edit(text: &str, lines: &Lines<'_>, old: &[&str], new: &[&str]) -> TextEdit {
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = old.iter().zip(new).take_while(same).count();
    let left = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev());
    let tail = tail.take(left).take_while(same).count();
    let at = |line: usize| Position::new(u32::try_from(line).unwrap_or(u32::MAX), 0);
    let line_break = match text.contains("\r\n") {
        true => "\r\n",
        false => "\n",
    };
    let mut new_text = new[head..new.len() - tail].join(line_break);
    let start = lines.offset(at(head));
    // At the end of the text there is no break to stop before: then the one in front goes too.
    let (start, end) = match tail {
        0 if head > 0 => {
            if head < new.len() {
                new_text.insert_str(0, line_break);
            }
            let before = lines.offset(Position::new(at(head - 1).line, u32::MAX));
            (before, text.len())
        }
        0 => (start, text.len()),
        _ => {
            if head < new.len() - tail {
                new_text += line_break;
            }
            (start, lines.offset(at(old.len() - tail)))
        }
    };
    TextEdit {
        range: Range::new(lines.position(start), lines.position(end)),
        new_text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with the edits made, from the last to the first.
    fn made(text: &str, edits: &[TextEdit]) -> String {
        let lines = Lines::new(text, Encoding::Utf16);
        let mut made = text.to_owned();
        for edit in edits.iter().rev() {
            let range = lines.offset(edit.range.start)..lines.offset(edit.range.end);
            made.replace_range(range, &edit.new_text);
        }
        made
    }

    #[test]
    fn the_edits_make_what_the_formatter_makes() {
        for text in [
            "",
            "let x = 1\n",
            "let   x = 1",
            "let x = 1\n\n\n\nlet y   = 2\n",
            "\n\n\nlet x = 1\n",
            "let x = 1\n\n\n",
            "block worker on here {\ncpus >= 2\n  memory  >= 1 GiB\n\n\n}\n",
            "let a = \"\u{1f600}\"   // b\nlet   c = 2\n",
            "let x = 1   \nlet  y = 2",
            "storage lake on here { class = ssd, capacity = 2 GiB, encryption = customer(vault), \
             retention = 90 days, more = 12345 }\nlet z = 1\n",
        ] {
            let wanted = mlinfra_syntax::format(text).expect("it has no syntax error");
            assert_eq!(
                made(text, &edits(text, Encoding::Utf16)),
                wanted,
                "{text:?}"
            );
            assert!(edits(&wanted, Encoding::Utf16).is_empty(), "{wanted:?}");
        }
    }

    #[test]
    fn a_text_keeps_its_line_breaks() {
        let text = "let   x = 1\r\nlet y = 2\r\n\r\n\r\n\r\nlet z = 3\r\n";
        let found = made(text, &edits(text, Encoding::Utf16));
        assert_eq!(found, "let x = 1\r\nlet y = 2\r\n\r\nlet z = 3\r\n");
    }

    #[test]
    fn only_lines_that_change_are_touched() {
        let edits = edits("let a = 1\nlet   b = 2\nlet c = 3\n", Encoding::Utf16);
        let ranges: Vec<(u32, u32)> = (edits.iter())
            .map(|edit| (edit.range.start.line, edit.range.end.line))
            .collect();
        assert_eq!(ranges, [(1, 1)]);
    }

    #[test]
    fn a_text_with_a_syntax_error_stays() {
        assert!(edits("let   x = = 1\n", Encoding::Utf16).is_empty());
    }
}
