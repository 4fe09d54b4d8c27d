//! What the standard library declares, with its documentation, as it is written.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use mlinfra_syntax::ast::{Attribute, Block, Column, Entry, Item, Param};

use super::names::block_around;
use super::render::{card, collapsed};
use super::{as_block, operation_of};
use crate::component::COMPONENT;
use crate::schema::TEXTS;

/// Every declaration, by its form and name.
#[derive(Debug, Default)]
pub(crate) struct Words {
    all: BTreeMap<(String, String), Declaration>,
}

/// One declaration.
#[derive(Debug)]
pub(crate) struct Declaration {
    /// `kind`, `op`, `type`, `case` …
    pub(crate) form: String,
    /// Its name.
    pub(crate) name: String,
    /// Its head, on one line.
    pub(crate) head: String,
    /// Its `///` lines.
    pub(crate) documentation: String,
    /// What stands in its parentheses.
    pub(crate) parameters: BTreeMap<String, Member>,
    /// The names of its parameters, in the order written.
    pub(crate) order: Vec<String>,
    /// Its fields.
    pub(crate) members: BTreeMap<String, Member>,
    /// The kinds in a kind, the cases of a type.
    pub(crate) nested: BTreeMap<String, Declaration>,
}

/// A field or a parameter.
#[derive(Debug)]
pub(crate) struct Member {
    /// Name, type, default and attributes, on one line.
    pub(crate) head: String,
    /// Its `///` lines.
    pub(crate) documentation: String,
}

impl Member {
    /// Its declaration and what is written about it.
    pub(crate) fn card(&self) -> String {
        card(&self.head, Some(self.documentation.clone()))
    }
}

impl Declaration {
    /// Adds what another operation of this name takes and gives.
    fn add_variant(&mut self, other: Declaration) {
        for (name, member) in other.members {
            self.members.entry(name).or_insert(member);
        }
        for (name, nested) in other.nested {
            self.nested.entry(name).or_insert(nested);
        }
    }

    /// Its declaration and what is written about it.
    pub(crate) fn card(&self) -> String {
        card(&self.head, Some(self.documentation.clone()))
    }
}

impl Words {
    /// Those of the standard library, read once.
    pub(crate) fn standard() -> &'static Words {
        static STANDARD: OnceLock<Words> = OnceLock::new();
        STANDARD.get_or_init(|| {
            let mut words = Words::default();
            for text in TEXTS {
                for entry in mlinfra_syntax::parse(text).file().entries() {
                    if let Some(declared) = declaration(&entry) {
                        let key = (declared.form.clone(), declared.name.clone());
                        match words.all.get_mut(&key) {
                            Some(first) => first.add_variant(declared),
                            None => drop(words.all.insert(key, declared)),
                        }
                    }
                }
            }
            words
        })
    }

    /// The declaration of this form and name.
    pub(crate) fn get(&self, form: &str, name: &str) -> Option<&Declaration> {
        self.all.get(&(form.to_owned(), name.to_owned()))
    }

    /// Every declaration of this form, by name.
    pub(crate) fn of_form<'w>(&'w self, form: &'w str) -> impl Iterator<Item = &'w Declaration> {
        let all = self.all.iter();
        all.filter(move |((of, _), _)| of == form)
            .map(|(_, declared)| declared)
    }

    /// The unit, also by its plural.
    pub(crate) fn unit(&self, name: &str) -> Option<&Declaration> {
        let singular = || self.get("unit", name.strip_suffix('s')?);
        self.get("unit", name).or_else(singular)
    }

    /// Everything that can be called by this name: operations, functions, cases.
    pub(crate) fn callable(&self, name: &str) -> Vec<&Declaration> {
        let named = ["op", "function", "attribute"].into_iter();
        let named = named.filter_map(|form| self.get(form, name));
        named
            .chain(self.cases(name).into_iter().map(|(_, case)| case))
            .collect()
    }

    /// The cases of this name, each with its type.
    pub(crate) fn cases(&self, name: &str) -> Vec<(&Declaration, &Declaration)> {
        let types = self.all.values().filter(|one| one.form == "type");
        types
            .filter_map(|one| Some((one, one.nested.get(name)?)))
            .filter(|(_, case)| case.form == "case")
            .collect()
    }

    /// Whether the type that is expected has a case of this name.
    pub(crate) fn has_case(&self, name: &str, expected: &str) -> bool {
        let cases = self.cases(name);
        cases
            .iter()
            .any(|(of, _)| super::has_word(expected, &of.name))
    }

    /// The kind of a block, as the block around it declares it.
    pub(crate) fn of_block(&self, block: &Block) -> Option<&Declaration> {
        let word = block.path()?.joined();
        match block_around(block.syntax()) {
            None => self.get("kind", &word),
            Some(outer) if is_component(&outer) => self.get("kind", &word),
            Some(outer) => self.of_body(&outer)?.nested.get(&word),
        }
    }

    /// What declares the entries of a block's body: the operation that it calls, or its kind.
    pub(crate) fn of_body(&self, block: &Block) -> Option<&Declaration> {
        let operation = operation_of(block);
        let operation = operation.and_then(|name| self.get("op", &name));
        operation.or_else(|| self.of_block(block))
    }
}

/// Whether a block declares a component: in its body stand the blocks of a file.
pub(crate) fn is_component(block: &Block) -> bool {
    block.path().is_some_and(|path| path.joined() == COMPONENT)
}

/// A block's head, on one line: everything before its body.
pub(crate) fn head(block: &Block) -> String {
    let text = block.syntax().text();
    let start = block.range().start;
    let end = block.body().map_or(text.len(), |body| {
        body.range().start.saturating_sub(start) as usize
    });
    collapsed(text.get(..end).unwrap_or(text))
}

fn declaration(entry: &Entry) -> Option<Declaration> {
    let block = as_block(entry.item())?;
    let params: Vec<Param> = block.params().collect();
    let mut declared = Declaration {
        form: block.path()?.joined(),
        name: block.name()?.text().to_owned(),
        head: head(&block),
        documentation: entry.documentation().unwrap_or_default(),
        parameters: params.iter().filter_map(parameter).collect(),
        order: Vec::new(),
        members: BTreeMap::new(),
        nested: BTreeMap::new(),
    };
    let names = params.iter().filter_map(Param::name);
    declared.order = names.map(|name| name.text().to_owned()).collect();
    for entry in block.body().into_iter().flat_map(|body| body.entries()) {
        match entry.item() {
            Some(Item::Column(column)) => declared.members.extend(field(&entry, &column)),
            Some(Item::Block(_)) => {
                let inner = declaration(&entry);
                declared
                    .nested
                    .extend(inner.map(|inner| (inner.name.clone(), inner)));
            }
            _ => {}
        }
    }
    Some(declared)
}

fn field(entry: &Entry, column: &Column) -> Option<(String, Member)> {
    let text = collapsed(column.syntax().text());
    let member = Member {
        head: with_attributes(text, entry.attributes()),
        documentation: entry.documentation().unwrap_or_default(),
    };
    Some((column.name()?.text().to_owned(), member))
}

fn parameter(param: &Param) -> Option<(String, Member)> {
    let member = Member {
        head: collapsed(param.syntax().text()),
        documentation: param.documentation().unwrap_or_default(),
    };
    Some((param.name()?.text().to_owned(), member))
}

fn with_attributes(mut text: String, attributes: impl Iterator<Item = Attribute>) -> String {
    for attribute in attributes {
        text += " ";
        text += attribute.syntax().text();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Library;

    #[test]
    fn everything_that_the_checker_knows_is_here() {
        let library = Library::standard();
        let words = Words::standard();
        for kind in library.kinds.values() {
            let declared = words.get("kind", &kind.name).expect("the kind is declared");
            for field in kind.fields.keys() {
                assert!(
                    declared.members.contains_key(field),
                    "{} {field}",
                    kind.name
                );
            }
            for nested in kind.nested.keys() {
                assert!(
                    declared.nested.contains_key(nested),
                    "{} {nested}",
                    kind.name
                );
            }
        }
        for operation in library.operations.values() {
            let declared = words.get("op", &operation.name).expect("it is declared");
            for field in operation.fields.keys() {
                assert!(declared.members.contains_key(field), "{field}");
            }
            for parameter in &operation.parameters {
                assert!(declared.parameters.contains_key(&parameter.name));
            }
        }
        for unit in library.units.keys() {
            assert!(words.unit(unit).is_some(), "{unit}");
        }
        for function in library.functions.keys() {
            assert!(words.get("function", function).is_some(), "{function}");
        }
        for class in library.classes.keys() {
            assert!(words.get("data_class", class).is_some(), "{class}");
        }
    }
}
