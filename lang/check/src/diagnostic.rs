//! One finding about a spec: plain data, without colour or width.

use crate::code::Code;
use crate::suggest::Meant;

/// A file of the program, by its place in [`crate::Checked::files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A stretch of a file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The spec can't be planned.
    Error,
    /// It can, but it surely does not do what was meant.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code, which has a page.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Stands alone, and holds no name that the user chose: the same fault always reads the same.
    pub title: String,
    /// The smallest text that is wrong, and what is wrong with it.
    pub primary: Label,
    /// Other places that explain it, in any file.
    pub others: Vec<Label>,
    /// Why it matters and what to do, one sentence each.
    pub help: Vec<String>,
    /// An edit that mends it.
    pub fix: Option<Fix>,
}

/// A place and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What; may hold names that the user chose.
    pub text: String,
}

/// Edits that mend a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What they do, for a person: `agee → age`.
    pub title: String,
    /// The edits, which do not overlap.
    pub edits: Vec<Edit>,
}

/// Replaces a stretch by a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty to insert.
    pub span: Span,
    /// By what.
    pub text: String,
}

impl Span {
    /// An empty stretch at the start of this one.
    pub fn start(self) -> Span {
        Span {
            end: self.start,
            ..self
        }
    }

    /// An empty stretch at the end of this one.
    pub fn end(self) -> Span {
        Span {
            start: self.end,
            ..self
        }
    }

    /// Whether the other lies inside this one.
    pub fn holds(self, other: Span) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }
}

impl Diagnostic {
    /// An error with the title of its code's page; `text` says what is wrong at `span`.
    pub fn error(code: Code, span: Span, text: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: Severity::Error,
            title: code.title().to_owned(),
            primary: Label {
                span,
                text: text.into(),
            },
            others: Vec::new(),
            help: Vec::new(),
            fix: None,
        }
    }

    /// A warning with the title of its code's page.
    pub fn warning(code: Code, span: Span, text: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(code, span, text)
        }
    }

    /// With one sentence more of why or what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// With another place that explains it.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.others.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// With an edit that mends it.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        debug_assert!(span.start <= span.end, "an edit replaces a stretch");
        self.fix = Some(Fix {
            title: title.into(),
            edits: vec![Edit {
                span,
                text: text.into(),
            }],
        });
        self
    }

    /// With a "did you mean", if there is something to suggest, and an edit if that is sure.
    #[must_use]
    pub fn suggest<'m>(self, span: Span, wrong: &str, meant: Option<impl Into<Meant<'m>>>) -> Self {
        let Some(meant) = meant.map(Into::into) else {
            return self;
        };
        let asked = self.help(meant.question());
        match meant.sure() {
            Some(name) => asked.fix(format!("{wrong} → {name}"), span, name),
            None => asked,
        }
    }
}
