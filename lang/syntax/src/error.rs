//! A finding of the parser, and the list of its codes.

use std::ops::Range;

/// One finding about the text's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Its code, which has a page: `E0004`.
    pub code: &'static str,
    /// The smallest text that is wrong; empty where something is missing.
    pub at: Range<u32>,
    /// What is wrong there.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Edits that mend it.
    pub fix: Option<SyntaxFix>,
}

/// Edits that mend a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxFix {
    /// What they do, for a person.
    pub title: String,
    /// The edits, in the order of the text; they do not overlap.
    pub edits: Vec<SyntaxEdit>,
}

/// Replaces a stretch by a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxEdit {
    /// What is replaced; empty to insert.
    pub at: Range<u32>,
    /// By what.
    pub text: String,
}

/// At most this many findings are reported for one file.
pub const ERRORS_PER_FILE_MAX: usize = 100;

/// At most this many findings of one file are kept, so that those that are not reported can be
/// counted.
pub const ERRORS_KEPT_MAX: usize = 10_000;

/// Every code of this crate and its title.
pub const CODES: &[(&str, &str)] = &[
    ("E0001", "a character means nothing here"),
    ("E0002", "a string is not closed"),
    ("E0003", "a text is not closed"),
    ("E0004", "a value is missing"),
    ("E0005", "a line ends in an operator"),
    ("E0006", "a bracket is never closed"),
    ("E0007", "a bracket closes nothing"),
    ("E0008", "a comma is missing"),
    ("E0009", "an entry goes on where it should end"),
    ("E0010", "no entry begins like this"),
    ("E0011", "a name is missing"),
    ("E0012", "a type is missing"),
    ("E0013", "an entry is only a name"),
    ("E0014", "a block has no kind"),
    ("E0015", "an `if` is not complete"),
    ("E0016", "an `if` takes no braces"),
    ("E0017", "an operator is a word here"),
    ("E0018", "a comment begins with `//`"),
    ("E0019", "a string takes double quotes"),
    ("E0020", "`==` stands where `=` is meant"),
    ("E0021", "`=` stands where `==` is meant"),
    ("E0022", "a division has no blanks"),
    ("E0023", "comparisons do not chain"),
    ("E0024", "the nesting is too deep"),
    ("E0025", "a name holds a character that it may not"),
    ("E0026", "documentation describes nothing"),
    ("E0027", "a loop is not complete"),
    ("E0028", "a `match` is not complete"),
    ("E0029", "an escape means nothing"),
    ("E0030", "an interpolation holds no expression"),
    ("E0031", "a file is too large"),
    ("E0032", "exactly one value belongs here"),
    ("E0033", "a literal is out of range"),
    ("E0034", "an operand needs parentheses"),
    ("E0035", "a merge was not finished"),
    ("E0036", "a character stands here that nobody sees"),
    ("E0037", "a letter only looks like another one"),
    ("E0038", "a line ends with a sign that ends none"),
];

impl SyntaxError {
    /// A finding without help and fix.
    pub(crate) fn new(code: &'static str, at: Range<u32>, message: impl Into<String>) -> Self {
        debug_assert!(CODES.iter().any(|known| known.0 == code));
        SyntaxError {
            code,
            at,
            message: message.into(),
            help: None,
            fix: None,
        }
    }

    /// Says what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says which edits mend it.
    pub(crate) fn fix(mut self, title: impl Into<String>, edits: Vec<SyntaxEdit>) -> Self {
        self.fix = Some(SyntaxFix {
            title: title.into(),
            edits,
        });
        self
    }

    /// The code's title, which holds no name that the user chose.
    pub fn title(&self) -> &'static str {
        CODES
            .iter()
            .find(|known| known.0 == self.code)
            .map_or("", |known| known.1)
    }
}

/// An edit.
pub(crate) fn edit(at: Range<u32>, text: impl Into<String>) -> SyntaxEdit {
    SyntaxEdit {
        at,
        text: text.into(),
    }
}
