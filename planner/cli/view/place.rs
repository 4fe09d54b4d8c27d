//! Where a finding is, for programs: a file by its path from the root of the sources, lines and
//! columns from 1, columns in UTF-16 units.

use std::path::{Component, Path, PathBuf};

use mlinfra_check::{Checked, FileId, Span};
use mlinfra_syntax::{LineColumn, LineIndex};

use super::diagnostic::Sources;

/// The files of a check, as other programs find them.
pub(crate) struct Places<'a> {
    /// The findings' own files.
    pub(crate) checked: &'a Checked,
    /// For each file its path from the root of the sources; none for what is no file.
    pub(crate) paths: Vec<Option<String>>,
    lines: Vec<LineIndex>,
}

/// A stretch of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) start: LineColumn,
    pub(crate) end: LineColumn,
}

impl<'a> Places<'a> {
    /// The places of a check's files. `is_ours` says which are the user's, `sources` how they are
    /// named from `here`; `top` is the root of the sources.
    pub(crate) fn new(
        checked: &'a Checked,
        sources: &Sources,
        is_ours: impl Fn(FileId) -> bool,
        here: &Path,
        top: &Path,
    ) -> Self {
        let path = |(id, file): (usize, &(String, String))| {
            let is_ours = is_ours(FileId(u32::try_from(id).ok()?));
            is_ours.then(|| from_top(&here.join(&file.0), top, &checked.files[id].name))
        };
        let lines = checked.files.iter();
        Places {
            checked,
            paths: sources.files.iter().enumerate().map(path).collect(),
            lines: lines.map(|file| LineIndex::new(&file.text)).collect(),
        }
    }

    /// The path of the file that a span is in.
    pub(crate) fn path(&self, span: Span) -> Option<&str> {
        self.paths.get(span.file.0 as usize)?.as_deref()
    }

    /// The text of the file that a span is in.
    pub(crate) fn text(&self, span: Span) -> &str {
        let file = self.checked.files.get(span.file.0 as usize);
        file.map_or("", |file| file.text.as_str())
    }

    /// The text that a span marks.
    pub(crate) fn marked(&self, span: Span) -> &str {
        let range = span.start as usize..span.end as usize;
        self.text(span).get(range).unwrap_or("")
    }

    /// Lines and columns of a span.
    pub(crate) fn region(&self, span: Span) -> Option<Region> {
        let lines = self.lines.get(span.file.0 as usize)?;
        let text = self.text(span);
        let place = |offset: u32| {
            let place = lines.utf16(text, offset);
            LineColumn {
                line: place.line + 1,
                column: place.column + 1,
            }
        };
        Some(Region {
            start: place(span.start),
            end: place(span.end),
        })
    }
}

/// A path from the root of the sources, with slashes. What lies elsewhere is named from the spec's
/// own folder: no path of this machine leaves it.
fn from_top(path: &Path, top: &Path, name: &str) -> String {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    let inside = plain.strip_prefix(top).ok();
    inside.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_from_the_root_of_the_sources() {
        let top = Path::new("/r/repository");
        for (path, wanted) in [
            ("/r/repository/a.mlinfra", "a.mlinfra"),
            ("/r/repository/b/../c/./a.mlinfra", "c/a.mlinfra"),
            ("/elsewhere/x/a.mlinfra", "a.mlinfra"),
        ] {
            assert_eq!(from_top(Path::new(path), top, "a.mlinfra"), wanted);
        }
    }
}
