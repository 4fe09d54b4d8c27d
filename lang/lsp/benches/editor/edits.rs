//! Edits as people make them, at places that a seed decides.

use std::ops::Range;

/// The sorts of edits.
pub(crate) const SORTS: [&str; 6] = [
    "a letter in a name",
    "a line more",
    "a block less",
    "a brace less",
    "a digit more",
    "a line less",
];

/// Numbers that look random and are the same each time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below this one.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % end.max(1)
    }
}

/// A stretch of a text that becomes another.
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) text: String,
}

impl Edit {
    pub(crate) fn new(sort: &str, text: &str, random: &mut Random) -> Edit {
        let insert = |at: usize, new: &str| Edit {
            range: at..at,
            text: new.to_owned(),
        };
        let delete = |range: Range<usize>| Edit {
            range,
            text: String::new(),
        };
        match sort {
            "a letter in a name" => insert(word(text, random).end, "x"),
            "a line more" => {
                let line = line(text, random, |line| line.contains(" = "));
                insert(line.start, &text[line])
            }
            "a block less" => delete(block(text, random)),
            "a brace less" => {
                let braces: Vec<usize> = text.match_indices('}').map(|(at, _)| at).collect();
                let at = braces[random.below(braces.len())];
                delete(at..at + 1)
            }
            "a digit more" => {
                let is_digit = |(_, byte): &(usize, u8)| byte.is_ascii_digit();
                let digits: Vec<usize> = (text.bytes().enumerate().filter(is_digit))
                    .map(|(at, _)| at)
                    .collect();
                insert(digits[random.below(digits.len())], "1")
            }
            _ => delete(line(text, random, |line| !line.trim().is_empty())),
        }
    }

    /// The edit that undoes this one in a text where it was not made yet.
    pub(crate) fn back(&self, text: &str) -> Edit {
        Edit {
            range: self.range.start..self.end(),
            text: text[self.range.clone()].to_owned(),
        }
    }

    /// Where its new text ends.
    pub(crate) fn end(&self) -> usize {
        self.range.start + self.text.len()
    }
}

/// A word of a text, at random.
pub(crate) fn word(text: &str, random: &mut Random) -> Range<usize> {
    let bytes = text.as_bytes();
    let is_word = |at: usize| bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_';
    loop {
        let start = random.below(bytes.len() - 1);
        let begins = bytes[start].is_ascii_lowercase() && (start == 0 || !is_word(start - 1));
        if begins {
            let end = (start..bytes.len()).find(|at| !is_word(*at));
            return start..end.unwrap_or(bytes.len());
        }
    }
}

/// A line with its break, at random.
fn line(text: &str, random: &mut Random, fits: impl Fn(&str) -> bool) -> Range<usize> {
    loop {
        let at = random.below(text.len());
        let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
        if fits(&text[start..end]) {
            return start..end;
        }
    }
}

/// A block at the top of the text, at random: from its first line to its brace.
fn block(text: &str, random: &mut Random) -> Range<usize> {
    let opens = |line: &str| line.ends_with("{\n") && !line.starts_with(' ');
    loop {
        let start = line(text, random, opens).start;
        if let Some(length) = text[start..].find("\n}\n") {
            return start..start + length + 3;
        }
    }
}
