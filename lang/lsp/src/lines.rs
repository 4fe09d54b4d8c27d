//! Positions as editors count them: lines and columns from 0, columns in units of an encoding.

use std::borrow::Cow;
use std::ops::Range as Stretch;

use lsp_types::{Position, Range};

/// In what a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 units: what every editor understands.
    Utf16,
}

impl Encoding {
    fn width(self, letter: char) -> usize {
        match self {
            Encoding::Utf8 => letter.len_utf8(),
            Encoding::Utf16 => letter.len_utf16(),
        }
    }
}

/// Where the lines of a text start. A line ends with LF, CR LF or CR, as the protocol says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Starts(Vec<usize>);

/// A text with its lines.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Cow<'t, [usize]>,
    encoding: Encoding,
}

impl Starts {
    pub(crate) fn new(text: &str) -> Self {
        let behind = starts_behind(text, 0..text.len());
        Starts(std::iter::once(0).chain(behind).collect())
    }

    /// Follows a change: of `text`, as it is now, the bytes of `now` stand where those of `before`
    /// stood. Only they are read; what comes behind them moves.
    pub(crate) fn follow(&mut self, text: &str, before: Stretch<usize>, now: Stretch<usize>) {
        // Whether a CR ends a line depends on the byte behind it.
        let changed = now.start.saturating_sub(1)..now.end;
        let first = self.0.partition_point(|start| *start < before.start.max(1));
        let behind = self.0.partition_point(|start| *start <= before.end);
        for start in &mut self.0[behind..] {
            *start = *start - before.end + now.end;
        }
        self.0.splice(first..behind, starts_behind(text, changed));
    }
}

/// The starts of lines behind the breaks among these bytes.
fn starts_behind(text: &str, stretch: Stretch<usize>) -> impl Iterator<Item = usize> {
    #[cfg(test)]
    tests::READ.with(|read| read.set(read.get() + stretch.len()));
    let bytes = text.as_bytes();
    let ends = move |at: &usize| match bytes[*at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    stretch.filter(ends).map(|at| at + 1)
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str, encoding: Encoding) -> Self {
        Lines {
            text,
            starts: Cow::Owned(Starts::new(text).0),
            encoding,
        }
    }

    /// The lines of a text whose starts are known.
    pub(crate) fn known(text: &'t str, starts: &'t Starts, encoding: Encoding) -> Self {
        Lines {
            text,
            starts: Cow::Borrowed(&starts.0),
            encoding,
        }
    }

    /// The text.
    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    /// The lines without their breaks.
    pub(crate) fn contents(&self) -> Vec<&'t str> {
        (0..self.starts.len())
            .map(|line| self.content(line))
            .collect()
    }

    fn content(&self, line: usize) -> &'t str {
        let start = self.starts[line];
        let end = self.starts.get(line + 1).copied();
        let text = &self.text[start..end.unwrap_or(self.text.len())];
        text.trim_end_matches(['\r', '\n'])
    }

    /// The position of a byte. Beyond the end it is the end; inside a character, its start.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let mut column = 0;
        let start = self.starts[line];
        for (at, letter) in self.content(line).char_indices() {
            if start + at + letter.len_utf8() > offset {
                break;
            }
            column += self.encoding.width(letter);
        }
        Position::new(number(line), number(column))
    }

    /// The range of a stretch of bytes.
    pub(crate) fn range(&self, start: u32, end: u32) -> Range {
        Range::new(self.position(start as usize), self.position(end as usize))
    }

    /// The byte of a position. A column beyond its line is the line's end, a line beyond the text
    /// is the text's end; inside a character it is the character's start.
    pub(crate) fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        if line >= self.starts.len() {
            return self.text.len();
        }
        let content = self.content(line);
        let mut left = position.character as usize;
        for (at, letter) in content.char_indices() {
            let width = self.encoding.width(letter);
            if width > left {
                return self.starts[line] + at;
            }
            left -= width;
        }
        self.starts[line] + content.len()
    }
}

/// A count as the protocol writes it.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// How many bytes this thread read to find lines.
        pub(crate) static READ: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn starts_follow_every_change() {
        let parts = [
            "",
            "a",
            "\r",
            "\n",
            "\r\n",
            "b\rc",
            "\n\n",
            "\u{1f600}\r",
            "d\ne\n",
        ];
        let texts = [
            "",
            "x",
            "\r\n",
            "a\r\nb\rc\n\n",
            "\r\r\n\n\r",
            "k\n\u{e9}\r\nz",
        ];
        for text in texts {
            let places: Vec<usize> = (0..=text.len())
                .filter(|at| text.is_char_boundary(*at))
                .collect();
            for (from, start) in places.iter().enumerate() {
                for end in &places[from..] {
                    for part in parts {
                        let mut changed = text.to_owned();
                        changed.replace_range(*start..*end, part);
                        let mut starts = Starts::new(text);
                        starts.follow(&changed, *start..*end, *start..start + part.len());
                        let place = format!("{text:?} {start}..{end} {part:?}");
                        assert_eq!(starts, Starts::new(&changed), "{place}");
                    }
                }
            }
        }
    }

    fn at(text: &str, encoding: Encoding, offset: usize) -> (u32, u32) {
        let position = Lines::new(text, encoding).position(offset);
        (position.line, position.character)
    }

    #[test]
    fn columns_count_in_units_of_the_encoding() {
        // One letter each of one, two, three and four bytes; the last is two UTF-16 units.
        let text = "a\u{e9}\u{20ac}\u{1f600}b";
        for (offset, utf16, utf8) in [
            (0, 0, 0),
            (1, 1, 1),
            (3, 2, 3),
            (6, 3, 6),
            (10, 5, 10),
            (11, 6, 11),
            (99, 6, 11),
            // Inside a character.
            (2, 1, 1),
            (8, 3, 6),
        ] {
            assert_eq!(at(text, Encoding::Utf16, offset), (0, utf16), "{offset}");
            assert_eq!(at(text, Encoding::Utf8, offset), (0, utf8), "{offset}");
        }
    }

    #[test]
    fn lines_end_as_the_protocol_says() {
        let text = "a\r\nb\rc\n\td\n";
        for (offset, place) in [
            (0, (0, 0)),
            (1, (0, 1)),
            // Between CR and LF: still the first line's end.
            (2, (0, 1)),
            (3, (1, 0)),
            (5, (2, 0)),
            (7, (3, 0)),
            (8, (3, 1)),
            (10, (4, 0)),
        ] {
            assert_eq!(at(text, Encoding::Utf16, offset), place, "{offset}");
        }
        let lines = Lines::new(text, Encoding::Utf16);
        assert_eq!(lines.contents(), ["a", "b", "c", "\td", ""]);
    }

    #[test]
    fn there_and_back_again() {
        let text = "k\u{1f600}y x\r\n\u{e9}\tz\n\n\u{1f600}\u{1f600}\r\rend";
        for encoding in [Encoding::Utf8, Encoding::Utf16] {
            let lines = Lines::new(text, encoding);
            for (offset, _) in text.char_indices() {
                // No position lies between CR and LF.
                if text[..offset].ends_with('\r') && text[offset..].starts_with('\n') {
                    continue;
                }
                assert_eq!(lines.offset(lines.position(offset)), offset);
            }
        }
    }

    #[test]
    fn what_lies_outside_is_the_nearest_place() {
        let lines = Lines::new("ab\r\n\u{1f600}", Encoding::Utf16);
        let offset = |line, column| lines.offset(Position::new(line, column));
        assert_eq!(offset(0, 99), 2);
        assert_eq!(offset(7, 0), 8);
        assert_eq!(offset(1, 1), 4);
        assert_eq!(offset(1, u32::MAX), 8);
        assert_eq!(offset(u32::MAX, u32::MAX), 8);
    }
}
