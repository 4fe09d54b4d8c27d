//! The trees of a spec's texts, for who checks it again and again: each text is parsed around what
//! changed in it alone.

use std::collections::BTreeMap;

use mlinfra_syntax::{Node, Parse, parse, reparse};

use crate::Checked;

/// What the texts of a spec are parsed to, by the names of their files. They may be newer than the
/// program that was checked last: who edits goes on.
#[derive(Clone, Debug, Default)]
pub struct Trees {
    all: BTreeMap<String, Parse>,
}

impl Trees {
    /// Those of a checked spec.
    pub fn of(checked: &Checked) -> Trees {
        let mut trees = Trees::default();
        for file in &checked.files {
            trees.update(&file.name, &file.text);
        }
        trees
    }

    /// Takes a file as it is now.
    pub fn update(&mut self, name: &str, text: &str) {
        match self.all.get_mut(name) {
            Some(known) if known.tree.file_text() == text => {}
            Some(known) => *known = reparse(known, text),
            None => {
                self.all.insert(name.to_owned(), parse(text));
            }
        }
    }

    /// The text that a file was parsed from.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).map(|known| known.tree.file_text())
    }

    /// What a file was parsed to.
    pub(crate) fn get(&self, name: &str) -> Option<&Parse> {
        self.all.get(name)
    }

    /// Takes what a file was parsed to.
    pub(crate) fn put(&mut self, name: &str, parse: Parse) {
        self.all.insert(name.to_owned(), parse);
    }

    /// Lets files go that the spec has no more.
    pub(crate) fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.all.retain(|name, _| is_there(name));
    }

    /// The tree of each file of a checked spec, by its place there.
    pub(crate) fn in_order<'a>(
        &'a self,
        checked: &'a Checked,
    ) -> impl Iterator<Item = (usize, &'a Node)> {
        let files = checked.files.iter().enumerate();
        files.filter_map(|(place, file)| Some((place, &self.get(&file.name)?.tree)))
    }
}
