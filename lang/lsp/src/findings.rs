//! Findings as the protocol writes them: diagnostics, and the edits that mend them.

use std::cell::OnceCell;
use std::path::PathBuf;

use lsp_types::Range;
use mlinfra_check::{Checked, Diagnostic, Fix, Label, Severity, Span};
use serde_json::{Map, Value, json};

use crate::documents::Documents;
use crate::lines::{Encoding, Lines};
use crate::roots::Root;

/// What the editor said that it understands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) encoding: Encoding,
    /// Other places of a finding.
    pub(crate) related: bool,
    /// Edits that name the version of the text they are made for.
    pub(crate) versions: bool,
}

/// A checked spec, for answers about it.
pub(crate) struct View<'a> {
    root: &'a Root,
    checked: &'a Checked,
    documents: &'a Documents,
    client: Client,
    /// The lines of each file, as far as they were asked for.
    lines: Vec<OnceCell<Lines<'a>>>,
}

impl<'a> View<'a> {
    pub(crate) fn new(
        root: &'a Root,
        checked: &'a Checked,
        documents: &'a Documents,
        client: Client,
    ) -> Self {
        View {
            root,
            checked,
            documents,
            client,
            lines: checked.files.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// The findings of every file that has some, as the protocol writes them.
    pub(crate) fn by_file(&self) -> Vec<(PathBuf, Value)> {
        let findings = self.checked.diagnostics.iter();
        findings
            .map(|finding| (self.path_of(finding.primary.span), self.diagnostic(finding)))
            .collect()
    }

    /// The file that a finding is shown in: what was given for a parameter has none, and is shown
    /// where the spec begins.
    fn path_of(&self, span: Span) -> PathBuf {
        match self.name_of(span) {
            Some(name) => self.root.path(name),
            None => self.root.path(&self.root.name),
        }
    }

    /// The name of the file that a span lies in, if it is one.
    fn name_of(&self, span: Span) -> Option<&str> {
        let file = self.checked.files.get(span.file.0 as usize)?;
        let is_file = self.checked.option_of(span).is_none();
        is_file.then_some(file.name.as_str())
    }

    fn range(&self, span: Span) -> Range {
        if self.name_of(span).is_none() {
            return Range::default();
        }
        let file = span.file.0 as usize;
        let (text, lines) = (&self.checked.files[file].text, &self.lines[file]);
        let lines = lines.get_or_init(|| Lines::new(text, self.client.encoding));
        lines.range(span.start, span.end)
    }

    fn diagnostic(&self, finding: &Diagnostic) -> Value {
        let mut diagnostic = json!({
            "range": self.range(finding.primary.span),
            "severity": match finding.severity {
                Severity::Error => 1,
                Severity::Warning => 2,
            },
            "code": finding.code.0,
            "source": "mlinfra",
            "message": self.checked.message(finding),
        });
        if self.client.related && !finding.others.is_empty() {
            let related: Vec<Value> = finding.others.iter().map(|one| self.related(one)).collect();
            diagnostic["relatedInformation"] = json!(related);
        }
        diagnostic
    }

    fn related(&self, label: &Label) -> Value {
        let uri = self.documents.uri(&self.path_of(label.span));
        let location = json!({ "uri": uri, "range": self.range(label.span) });
        json!({ "location": location, "message": label.text })
    }

    /// The edits that findings offer for what is marked in this file.
    pub(crate) fn actions(&self, path: &PathBuf, marked: Range) -> Vec<Value> {
        let touches = |span: Span| {
            let range = self.range(span);
            self.path_of(span) == *path && range.start <= marked.end && marked.start <= range.end
        };
        let mut actions = Vec::new();
        for finding in &self.checked.diagnostics {
            let Some(fix) = &finding.fix else { continue };
            let is_here =
                touches(finding.primary.span) || fix.edits.iter().any(|edit| touches(edit.span));
            if is_here && let Some(edit) = self.workspace_edit(fix) {
                actions.push(json!({
                    "title": fix.title,
                    "kind": "quickfix",
                    "diagnostics": [self.diagnostic(finding)],
                    "isPreferred": true,
                    "edit": edit,
                }));
            }
        }
        actions
    }

    /// The edits of a fix; none if one of them is not in a file.
    fn workspace_edit(&self, fix: &Fix) -> Option<Value> {
        let mut by_file: Vec<(PathBuf, Vec<Value>)> = Vec::new();
        for edit in &fix.edits {
            self.name_of(edit.span)?;
            let path = self.path_of(edit.span);
            let change = json!({ "range": self.range(edit.span), "newText": edit.text });
            match by_file.iter_mut().find(|(file, _)| *file == path) {
                Some((_, changes)) => changes.push(change),
                None => by_file.push((path, vec![change])),
            }
        }
        if self.client.versions {
            let one = |(path, changes): &(PathBuf, Vec<Value>)| {
                let version = self.documents.get(path).map(|open| open.version);
                let document = json!({ "uri": self.documents.uri(path), "version": version });
                json!({ "textDocument": document, "edits": changes })
            };
            let all: Vec<Value> = by_file.iter().map(one).collect();
            return Some(json!({ "documentChanges": all }));
        }
        let pairs = by_file.into_iter();
        let pairs = pairs.map(|(path, changes)| (self.documents.uri(&path), json!(changes)));
        Some(json!({ "changes": pairs.collect::<Map<String, Value>>() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::tests::READ;
    use mlinfra_check::{Code, FileId, SourceFile};

    #[test]
    fn the_lines_of_a_file_are_found_once_however_much_is_wrong() {
        let text = "let x = nothing\n".repeat(2_000);
        let at = |place: u32| Span {
            file: FileId(0),
            start: place * 16 + 8,
            end: place * 16 + 15,
        };
        let one = |place: u32| {
            let finding = Diagnostic::error(Code("E0302"), at(place), "");
            finding.suggest(at(place), "nothing", Some("thing"))
        };
        let checked = Checked {
            diagnostics: (0..2_000).map(one).collect(),
            files: vec![SourceFile {
                name: "a.mlinfra".to_owned(),
                text: text.clone(),
            }],
            ..Checked::default()
        };
        let root = Root {
            folder: PathBuf::from("/p"),
            name: "a.mlinfra".to_owned(),
        };
        let client = Client {
            encoding: Encoding::Utf16,
            related: true,
            versions: true,
        };
        let documents = Documents::default();
        let view = View::new(&root, &checked, &documents, client);
        let start = READ.get();
        let found = view.by_file();
        assert_eq!(found.len(), 2_000);
        assert_eq!(found[1_999].1["range"]["start"]["line"], 1_999);
        let all = Range::new(Default::default(), lsp_types::Position::new(9_999, 0));
        let actions = view.actions(&PathBuf::from("/p/a.mlinfra"), all);
        assert_eq!(actions.len(), 2_000);
        assert_eq!(READ.get() - start, text.len());
    }
}
