//! What is offered, collected: columns, cases, names of entries.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::TableType;
use mlinfra_syntax::Node;
use mlinfra_syntax::ast::{Block, Entry, Item};

use super::as_block;
use super::complete::Offer;
use super::declared::{Declaration, Words};

/// The word that stands in for what is being written.
pub(crate) const STAND_IN: &str = "zz_stand_in";

/// What is offered, each once: what it is, its label, and what there is to say.
#[derive(Default)]
pub(crate) struct Offers {
    pub(crate) all: BTreeMap<(Offer, String), (String, String)>,
}

impl Offers {
    pub(crate) fn add(&mut self, of: Offer, label: &str, detail: &str, documentation: &str) {
        if label != STAND_IN {
            let said = (detail.to_owned(), documentation.to_owned());
            self.all.entry((of, label.to_owned())).or_insert(said);
        }
    }

    pub(crate) fn declared(&mut self, of: Offer, one: &Declaration) {
        self.add(of, &one.name, &one.head, &one.documentation);
    }
}

/// The names of what is written in a block already.
pub(crate) fn entries_of(block: &Block) -> BTreeSet<String> {
    let entries = block.body().into_iter().flat_map(|body| body.entries());
    entries
        .filter_map(|entry| match entry.item()? {
            Item::Field(field) => field.key()?.text(),
            Item::Requirement(wish) => wish.path().map(|path| path.joined()),
            _ => None,
        })
        .collect()
}

/// The blocks among the entries of a body or a file.
pub(crate) fn blocks_of(node: &Node) -> Vec<Block> {
    let entries = node.children().filter_map(Entry::cast);
    entries.filter_map(|entry| as_block(entry.item())).collect()
}

pub(crate) fn add_columns(table: &TableType, offers: &mut Offers) {
    for column in &table.columns {
        let mut detail = format!("{}: {}", column.name, column.column_type);
        for class in &column.classes {
            detail += &format!(" @{class}");
        }
        let is_plain = |name: &str| {
            let mut bytes = name.bytes();
            let first = bytes
                .next()
                .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
            first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let label = match is_plain(&column.name) {
            true => column.name.clone(),
            false => format!("`{}`", column.name),
        };
        offers.add(Offer::Column, &label, &detail, "");
    }
}

/// The type in a declaration's head: `encryption` of `encryption : encryption = plain @replaces`;
/// of a kind what its blocks have behind `=`.
pub(crate) fn type_of(declared: &str) -> String {
    if declared.starts_with("kind ") {
        return declared
            .split_once(" = ")
            .map_or("", |(_, value)| value)
            .to_owned();
    }
    let of = declared.split_once(':').map_or("", |(_, of)| of);
    let of = of.split(" = ").next().unwrap_or(of);
    of.split(" @").next().unwrap_or(of).trim().to_owned()
}

/// Whether a type in this text has cases.
pub(crate) fn has_cases(words: &Words, wanted: &str) -> bool {
    let mut offers = Offers::default();
    cases(words, wanted, &mut offers);
    !offers.all.is_empty()
}

/// The cases of the types in this text, and the values of those that are the language's own.
pub(crate) fn cases(words: &Words, wanted: &str, offers: &mut Offers) {
    if let Some((_, listed)) = wanted.split_once("enum(") {
        let listed = listed.split(')').next().unwrap_or_default();
        for case in listed
            .split(',')
            .map(str::trim)
            .filter(|case| !case.is_empty())
        {
            offers.add(Offer::Case, case, wanted, "");
        }
    }
    for word in wanted.split(|c: char| !c.is_alphanumeric() && c != '_') {
        if word == "bool" {
            offers.add(Offer::Case, "true", "bool", "");
            offers.add(Offer::Case, "false", "bool", "");
        }
        let declared = words.get("type", word).into_iter();
        let nested = declared.flat_map(|declared| declared.nested.values());
        for case in nested.filter(|one| one.form == "case") {
            offers.declared(Offer::Case, case);
        }
    }
    if wanted.ends_with('?') {
        offers.add(Offer::Case, "none", wanted, "");
    }
}
