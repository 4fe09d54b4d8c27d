//! Which spec a file belongs to: a spec that uses it, otherwise the file itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mlinfra_check::{World, files_of};

use crate::Outside;
use crate::documents::{Documents, Overlay};
use crate::uri::normal;

/// The file that a folder's spec begins with, where there are several.
const MAIN: &str = "main.mlinfra";
/// How many folders above a file a spec that uses it may lie.
const FOLDERS_MAX: usize = 5;
/// How many specs are looked at for one file, those in folders near it first.
const SPECS_MAX: usize = 100;

/// The root of a spec.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Root {
    /// Its folder; empty for a text that is no file.
    pub(crate) folder: PathBuf,
    /// Its name in there.
    pub(crate) name: String,
}

impl Root {
    /// The spec as open texts and disk have it now.
    pub(crate) fn world<'a>(
        &'a self,
        outside: &dyn Outside,
        documents: &'a Documents,
    ) -> Overlay<'a> {
        let is_file = self.folder.is_absolute();
        Overlay {
            folder: &self.folder,
            documents,
            disk: is_file.then(|| outside.world(&self.folder)),
        }
    }

    /// The path of a file of this spec.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        normal(&self.folder.join(name))
    }
}

/// What was found out about specs while roots are looked for: each is read once, however many texts
/// are open.
pub(crate) struct Known<'a> {
    outside: &'a dyn Outside,
    documents: &'a Documents,
    specs: BTreeMap<PathBuf, Vec<String>>,
    used: BTreeMap<Root, BTreeSet<PathBuf>>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(outside: &'a dyn Outside, documents: &'a Documents) -> Self {
        Known {
            outside,
            documents,
            specs: BTreeMap::new(),
            used: BTreeMap::new(),
        }
    }

    /// The specs of a folder.
    fn specs(&mut self, folder: &Path) -> Vec<String> {
        let (outside, documents) = (self.outside, self.documents);
        let known = self.specs.entry(folder.to_owned());
        let known = known.or_insert_with(|| specs(folder, outside, documents));
        known.clone()
    }

    /// Whether the spec with this root uses the file at this path.
    fn uses(&mut self, root: &Root, path: &Path) -> bool {
        if !self.used.contains_key(root) {
            let used = files_used(root, self.outside, self.documents);
            self.used.insert(root.clone(), used);
        }
        self.used.get(root).is_some_and(|used| used.contains(path))
    }
}

/// The root of the spec that the file at this path belongs to. `within` are the folders that are
/// open in the editor: nothing above them is looked at.
pub(crate) fn root_of(path: &Path, known: &mut Known<'_>, within: &[PathBuf]) -> Root {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let own = Root {
        folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        name: name.to_string_lossy().into_owned(),
    };
    if !path.is_absolute() {
        return own;
    }
    let mut left = SPECS_MAX;
    for folder in path.ancestors().skip(1).take(FOLDERS_MAX) {
        for name in known.specs(folder) {
            let folder = folder.to_owned();
            let root = Root { folder, name };
            if root.path(&root.name) == path {
                continue;
            }
            let Some(rest) = left.checked_sub(1) else {
                return own;
            };
            left = rest;
            if known.uses(&root, path) {
                return root;
            }
        }
        if within.iter().any(|top| top == folder) {
            break;
        }
    }
    own
}

/// The files of the spec with this root, if it uses any beside itself.
fn files_used(root: &Root, outside: &dyn Outside, documents: &Documents) -> BTreeSet<PathBuf> {
    let world = root.world(outside, documents);
    // Most specs use no file at all: that is seen without reading what they say.
    let text = world.read(&root.name).unwrap_or_default();
    let word = b"use";
    if !text.windows(word.len()).any(|part| part == word) {
        return BTreeSet::new();
    }
    let files = files_of(&world, &root.name);
    files.iter().map(|file| root.path(file)).collect()
}

/// The lines of a text in which it may use files: while they stay, so does the root of its spec.
pub(crate) fn use_lines(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.contains("use"));
    lines.map(str::to_owned).collect()
}

/// The specs of a folder, those that are not saved yet too; the main one first.
fn specs(folder: &Path, outside: &dyn Outside, documents: &Documents) -> Vec<String> {
    let mut names = outside.specs_in(folder);
    for (path, _) in documents.iter() {
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.filter(|_| path.parent() == Some(folder)) {
            names.push(name.to_owned());
        }
    }
    names.sort_by_key(|name| (name != MAIN, name.clone()));
    names.dedup();
    names.truncate(SPECS_MAX);
    names
}
