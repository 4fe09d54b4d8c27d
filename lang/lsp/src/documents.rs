//! The texts that are open in the editor, laid over the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lsp_types::{Range, TextDocumentContentChangeEvent};
use mlinfra_check::{Head, ParameterFile, ParameterSource, ProjectOutputs, Unread, World};
use mlinfra_syntax::TEXT_BYTES_MAX;

use crate::lines::{Encoding, Lines, Starts};
use crate::roots::use_lines;
use crate::uri::{normal, path_of, uri_of};

/// One open text.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// As the editor calls it.
    pub(crate) uri: String,
    /// The editor's count of its changes.
    pub(crate) version: i32,
    /// None while it is longer than what is read of a file.
    text: Option<Text>,
}

/// A text, with what is known of it.
#[derive(Clone, Debug)]
struct Text {
    text: String,
    starts: Starts,
}

/// The open texts, by path. One that is no file has a path of its own that no file has.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    all: BTreeMap<PathBuf, Document>,
    /// A longer text is not kept, as a longer file is not read.
    text_bytes_max: usize,
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing: the text is not open.
    NotOpen,
    /// It uses the same files as before.
    Text,
    /// It may use other files than before.
    Uses,
}

impl Default for Documents {
    fn default() -> Self {
        Documents {
            all: BTreeMap::new(),
            text_bytes_max: TEXT_BYTES_MAX,
        }
    }
}

/// A path that stands for a URI.
pub(crate) fn place_of(uri: &str) -> PathBuf {
    path_of(uri).unwrap_or_else(|| PathBuf::from(uri.replace('/', ":")))
}

impl Document {
    /// The text; none while it is too long.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.as_ref().map(|kept| kept.text.as_str())
    }

    /// The text with its lines.
    pub(crate) fn lines(&self, encoding: Encoding) -> Option<Lines<'_>> {
        let kept = self.text.as_ref()?;
        Some(Lines::known(&kept.text, &kept.starts, encoding))
    }
}

impl Text {
    /// The text with what is known of it; none if it is too long.
    fn new(text: String, text_bytes_max: usize) -> Option<Self> {
        let starts = (text.len() <= text_bytes_max).then(|| Starts::new(&text))?;
        Some(Text { text, starts })
    }

    /// Replaces a stretch. True if other files may be used then: only the lines that change are
    /// compared.
    fn replace(&mut self, range: Range, new: &str, encoding: Encoding) -> bool {
        let lines = Lines::known(&self.text, &self.starts, encoding);
        let (a, b) = (lines.offset(range.start), lines.offset(range.end));
        let before = a.min(b)..a.max(b);
        let now = before.start..before.start + new.len();
        let used = use_lines(whole_lines(&self.text, &before));
        self.text.replace_range(before.clone(), new);
        self.starts.follow(&self.text, before, now.clone());
        used != use_lines(whole_lines(&self.text, &now))
    }
}

/// A stretch of a text with what stands beside it on its lines.
fn whole_lines<'t>(text: &'t str, stretch: &std::ops::Range<usize>) -> &'t str {
    let start = text[..stretch.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[stretch.end..].find('\n');
    &text[start..end.map_or(text.len(), |at| stretch.end + at)]
}

impl Documents {
    pub(crate) fn open(&mut self, uri: &str, version: i32, text: String) {
        let document = Document {
            uri: uri.to_owned(),
            version,
            text: Text::new(text, self.text_bytes_max),
        };
        self.all.insert(place_of(uri), document);
    }

    pub(crate) fn close(&mut self, uri: &str) {
        self.all.remove(&place_of(uri));
    }

    pub(crate) fn get(&self, path: &Path) -> Option<&Document> {
        self.all.get(path)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PathBuf, &Document)> {
        self.all.iter()
    }

    /// Makes changes, one after the other. Of a text that is too long only the whole can change.
    pub(crate) fn change(
        &mut self,
        uri: &str,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) -> Change {
        let text_bytes_max = self.text_bytes_max;
        let Some(document) = self.all.get_mut(&place_of(uri)) else {
            return Change::NotOpen;
        };
        document.version = version;
        let mut done = Change::Text;
        for change in changes {
            let uses_differ = match (change.range, &mut document.text) {
                (None, kept) => {
                    let new = Text::new(change.text, text_bytes_max);
                    let used = |text: &Option<Text>| text.as_ref().map(|t| use_lines(&t.text));
                    let differ = used(kept) != used(&new);
                    *kept = new;
                    differ
                }
                (Some(range), Some(kept)) => kept.replace(range, &change.text, encoding),
                (Some(_), None) => false,
            };
            if uses_differ {
                done = Change::Uses;
            }
            let is_too_long = |kept: &Text| kept.text.len() > text_bytes_max;
            if document.text.as_ref().is_some_and(is_too_long) {
                document.text = None;
                done = Change::Uses;
            }
        }
        done
    }

    /// The URI of a path: the editor's own word for it, if it is open.
    pub(crate) fn uri(&self, path: &Path) -> String {
        let open = self.all.get(path);
        open.map_or_else(|| uri_of(path), |document| document.uri.clone())
    }
}

/// A folder's world with the open texts before what is on the disk.
pub(crate) struct Overlay<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) documents: &'a Documents,
    /// None for a text that is no file: it has no neighbours.
    pub(crate) disk: Option<Box<dyn World>>,
}

impl World for Overlay<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let place = normal(&self.folder.join(path));
        // What lies outside of the folder is the disk's to refuse.
        let is_inside = place.starts_with(self.folder);
        match self.documents.get(&place).filter(|_| is_inside) {
            Some(document) => match document.text() {
                Some(text) => Ok(text.as_bytes().to_vec()),
                None => Err(format!("it is larger than {} MiB", TEXT_BYTES_MAX >> 20)),
            },
            None => match &self.disk {
                Some(disk) => disk.read(path),
                None => Err("this text is not saved in a folder yet".to_owned()),
            },
        }
    }

    fn head(&self, path: &str, bytes_max: u64) -> Result<Head, String> {
        // Files of data are not edited as text.
        match &self.disk {
            Some(disk) => disk.head(path, bytes_max),
            None => Err("this text is not saved in a folder yet".to_owned()),
        }
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.disk.as_ref()?.parameter(name)
    }

    fn parameter_names(&self) -> Vec<String> {
        let disk = self.disk.as_ref();
        disk.map_or_else(Vec::new, |disk| disk.parameter_names())
    }

    fn outputs(&self, project: &str, environment: Option<&str>) -> Result<ProjectOutputs, Unread> {
        match &self.disk {
            Some(disk) => disk.outputs(project, environment),
            None => Err(Unread {
                why: "this text is not saved in a folder yet".to_owned(),
                help: "save it beside the project that it reads".to_owned(),
            }),
        }
    }

    fn parameter_source(&self, name: &str) -> ParameterSource {
        let disk = self.disk.as_ref();
        disk.map_or(ParameterSource::CommandLine, |disk| {
            disk.parameter_source(name)
        })
    }

    fn parameter_files(&self) -> Vec<ParameterFile> {
        let disk = self.disk.as_ref();
        disk.map_or_else(Vec::new, |disk| disk.parameter_files())
    }

    fn environment(&self) -> Option<String> {
        self.disk.as_ref()?.environment()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::tests::READ;
    use lsp_types::Position;

    fn change(range: Option<[u32; 4]>, text: &str) -> TextDocumentContentChangeEvent {
        TextDocumentContentChangeEvent {
            range: range.map(|[line, column, end_line, end_column]| {
                Range::new(
                    Position::new(line, column),
                    Position::new(end_line, end_column),
                )
            }),
            range_length: None,
            text: text.to_owned(),
        }
    }

    #[test]
    fn changes_are_made_one_after_the_other() {
        let mut documents = Documents::default();
        documents.open("file:///a", 1, "x \u{1f600} y\r\nz".to_owned());
        let changes = vec![
            change(Some([0, 2, 0, 4]), "e"),
            change(Some([0, 2, 0, 3]), "\u{20ac}"),
            change(Some([1, 0, 1, 0]), "> "),
            change(Some([9, 9, 9, 9]), "!"),
            // The wrong way round.
            change(Some([0, 1, 0, 0]), "X"),
        ];
        let made = documents.change("file:///a", 2, changes, Encoding::Utf16);
        assert_eq!(made, Change::Text);
        let document = documents.get(Path::new("/a")).expect("it is open");
        assert_eq!(document.text(), Some("X \u{20ac} y\r\n> z!"));
        assert_eq!(document.version, 2);
        let whole = vec![change(None, "new")];
        let made = documents.change("file:///a", 3, whole, Encoding::Utf8);
        assert_eq!(made, Change::Text);
        assert_eq!(text_of(&documents), Some("new"));
        let made = documents.change("file:///b", 1, vec![change(None, "")], Encoding::Utf8);
        assert_eq!(made, Change::NotOpen);
    }

    fn text_of(documents: &Documents) -> Option<&str> {
        documents.get(Path::new("/a")).expect("it is open").text()
    }

    #[test]
    fn a_change_tells_whether_other_files_may_be_used() {
        let mut documents = Documents::default();
        documents.open("file:///a", 1, "use \"b.mlinfra\"\nlet x = 1\n".to_owned());
        for (range, text, made) in [
            (Some([1, 4, 1, 5]), "y", Change::Text),
            (Some([0, 5, 0, 6]), "c", Change::Uses),
            (Some([0, 5, 0, 6]), "c", Change::Text),
            (Some([1, 0, 1, 0]), "use \"d.mlinfra\"\n", Change::Uses),
            (Some([0, 0, 2, 0]), "", Change::Uses),
            (None, "let z = 1\n", Change::Text),
            (None, "use \"e.mlinfra\"\n", Change::Uses),
        ] {
            let changes = vec![change(range, text)];
            let found = documents.change("file:///a", 2, changes, Encoding::Utf16);
            assert_eq!(found, made, "{range:?} {text:?}");
        }
    }

    #[test]
    fn a_change_reads_what_it_changes_and_not_the_whole_text() {
        let text = "let x = 1\n".repeat(20_000);
        let mut documents = Documents::default();
        documents.open("file:///a", 1, text.clone());
        let start = READ.get();
        let insert = |place: u32| change(Some([place * 9, 4, place * 9, 5]), "yz");
        let changes = (0..2_000).map(insert).collect();
        let made = documents.change("file:///a", 2, changes, Encoding::Utf16);
        assert_eq!(made, Change::Text);
        // Two letters and the one before them, of each change.
        assert_eq!(READ.get() - start, 2_000 * 3);
        let changed = text_of(&documents).expect("it is kept");
        assert_eq!(changed.len(), text.len() + 2_000);
        assert_eq!(changed.matches("let yz = 1\n").count(), 2_000);
    }

    #[test]
    fn a_text_that_is_too_long_is_not_kept() {
        let mut documents = Documents {
            text_bytes_max: 8,
            ..Documents::default()
        };
        documents.open("file:///a", 1, "12345678".to_owned());
        assert_eq!(text_of(&documents), Some("12345678"));
        for (range, text, left) in [
            (Some([0, 0, 0, 0]), "0", None),
            // What of a text that is not known is taken away, nobody knows.
            (Some([0, 0, 0, 9]), "", None),
            (None, "12", Some("12")),
            (None, "123456789", None),
        ] {
            documents.change("file:///a", 2, vec![change(range, text)], Encoding::Utf8);
            assert_eq!(text_of(&documents), left, "{range:?} {text:?}");
        }
        let world = Overlay {
            folder: Path::new("/"),
            documents: &documents,
            disk: None,
        };
        assert_eq!(world.read("a"), Err("it is larger than 64 MiB".to_owned()));
    }
}
