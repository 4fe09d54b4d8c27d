//! The texts that are open in the editor, laid over the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lsp_types::TextDocumentContentChangeEvent;
use mlinfra_check::World;

use crate::lines::{Encoding, Lines};
use crate::uri::{normal, path_of, uri_of};

/// One open text.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// As the editor calls it.
    pub(crate) uri: String,
    /// The editor's count of its changes.
    pub(crate) version: i32,
    pub(crate) text: String,
}

/// The open texts, by path. One that is no file has a path of its own that no file has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Documents {
    all: BTreeMap<PathBuf, Document>,
}

/// A path that stands for a URI.
pub(crate) fn place_of(uri: &str) -> PathBuf {
    path_of(uri).unwrap_or_else(|| PathBuf::from(uri.replace('/', ":")))
}

impl Documents {
    pub(crate) fn open(&mut self, uri: &str, version: i32, text: String) {
        let document = Document {
            uri: uri.to_owned(),
            version,
            text,
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

    /// Makes changes, one after the other. False if the text is not open.
    pub(crate) fn change(
        &mut self,
        uri: &str,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) -> bool {
        let Some(document) = self.all.get_mut(&place_of(uri)) else {
            return false;
        };
        document.version = version;
        for change in changes {
            match change.range {
                None => document.text = change.text,
                Some(range) => {
                    let lines = Lines::new(&document.text, encoding);
                    let (a, b) = (lines.offset(range.start), lines.offset(range.end));
                    document
                        .text
                        .replace_range(a.min(b)..a.max(b), &change.text);
                }
            }
        }
        true
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
            Some(document) => Ok(document.text.clone().into_bytes()),
            None => match &self.disk {
                Some(disk) => disk.read(path),
                None => Err("this text is not saved in a folder yet".to_owned()),
            },
        }
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.disk.as_ref()?.parameter(name)
    }

    fn parameter_names(&self) -> Vec<String> {
        let disk = self.disk.as_ref();
        disk.map_or_else(Vec::new, |disk| disk.parameter_names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lsp_types::{Position, Range};

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
        assert!(documents.change("file:///a", 2, changes, Encoding::Utf16));
        let document = documents.get(Path::new("/a")).expect("it is open");
        assert_eq!(document.text, "X \u{20ac} y\r\n> z!");
        assert_eq!(document.version, 2);
        assert!(documents.change("file:///a", 3, vec![change(None, "new")], Encoding::Utf8));
        assert_eq!(
            documents.get(Path::new("/a")).expect("it is open").text,
            "new"
        );
        assert!(!documents.change("file:///b", 1, vec![change(None, "")], Encoding::Utf8));
    }
}
