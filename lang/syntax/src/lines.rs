//! See [`LineIndex`].

/// Finds lines and columns of bytes, and bytes of lines and columns. All count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineIndex {
    /// Where each line starts.
    starts: Vec<u32>,
    length: u32,
}

/// A line and a column in it, both from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineColumn {
    /// The line.
    pub line: u32,
    /// The column, in units that the function names.
    pub column: u32,
}

impl LineIndex {
    /// The index of a text.
    pub fn new(text: &str) -> LineIndex {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at as u32 + 1));
        LineIndex {
            starts: starts.collect(),
            length: text.len() as u32,
        }
    }

    /// How many lines there are; at least one.
    pub fn lines(&self) -> u32 {
        self.starts.len() as u32
    }

    /// The bytes of a line with its break; empty beyond the last line.
    pub fn line_range(&self, line: u32) -> std::ops::Range<u32> {
        let start = |line: u32| {
            self.starts
                .get(line as usize)
                .copied()
                .unwrap_or(self.length)
        };
        start(line)..start(line.saturating_add(1))
    }

    /// The line and the column in bytes. Beyond the end it is the end.
    pub fn utf8(&self, offset: u32) -> LineColumn {
        let offset = offset.min(self.length);
        let line = self.starts.partition_point(|start| *start <= offset) as u32 - 1;
        LineColumn {
            line,
            column: offset - self.line_range(line).start,
        }
    }

    /// The line and the column in UTF-16 units, as editors count. An offset inside a character
    /// counts as its start.
    pub fn utf16(&self, text: &str, offset: u32) -> LineColumn {
        self.counted(text, offset, |c| c.len_utf16() as u32)
    }

    /// The line and the column in characters, as people count.
    pub fn characters(&self, text: &str, offset: u32) -> LineColumn {
        self.counted(text, offset, |_| 1)
    }

    fn counted(&self, text: &str, offset: u32, width: fn(char) -> u32) -> LineColumn {
        let LineColumn { line, column } = self.utf8(offset);
        let start = self.line_range(line).start as usize;
        let mut counted = 0;
        for (at, c) in text.get(start..).unwrap_or("").char_indices() {
            if at + c.len_utf8() > column as usize {
                break;
            }
            counted += width(c);
        }
        LineColumn {
            line,
            column: counted,
        }
    }

    /// The byte of a line and a column in UTF-16 units. A column beyond the line's end is its end.
    pub fn offset_of_utf16(&self, text: &str, at: LineColumn) -> u32 {
        let range = self.line_range(at.line);
        let line = text
            .get(range.start as usize..range.end as usize)
            .unwrap_or("");
        let line = line.trim_end_matches('\n').trim_end_matches('\r');
        let mut left = at.column;
        for (byte, c) in line.char_indices() {
            let width = c.len_utf16() as u32;
            if width > left {
                return range.start + byte as u32;
            }
            left -= width;
        }
        range.start + line.len() as u32
    }
}
