//! Every word that the standard library declares, with its documentation: what the reference and
//! the vocabulary in JSON are made from.

use std::sync::OnceLock;

use mlinfra_syntax::ast::{Attribute, Block, Column, Entry, Item, Param};

use crate::schema::TEXTS;
use crate::suggest::{Meant, nearest};

/// A declared word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// `kind`, `type`, `case`, `op`, `function`, `unit`, `data_class`, `attribute`, `view`.
    pub form: String,
    /// The word.
    pub name: String,
    /// What it is declared inside of, outermost first: `evaluate` for its section `fairness`.
    pub inside: Vec<String>,
    /// Its head as declared, on one line.
    pub head: String,
    /// What is written about it.
    pub documentation: String,
    /// The attributes of its declaration, as written.
    pub attributes: Vec<String>,
    /// What stands in its parentheses, in the order written.
    pub parameters: Vec<Member>,
    /// What it gives or is, as declared: the type behind `:`.
    pub result: Option<String>,
    /// What it is placed on.
    pub place: Option<String>,
    /// What stands behind its `=`.
    pub value: Option<String>,
    /// Its fields, settings, figures or members, in the order written.
    pub members: Vec<Member>,
    /// What its values must hold, as written.
    pub conditions: Vec<String>,
    /// The classes that a data class implies and the like: entries as written.
    pub entries: Vec<String>,
    /// The cases of a type, the kinds and functions in a kind, in the order written.
    pub nested: Vec<Word>,
}

/// A field, a setting or a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its type, as declared.
    pub type_text: String,
    /// Its default, as declared.
    pub default: Option<String>,
    /// Its attributes, as written.
    pub attributes: Vec<String>,
    /// Whether it must be written.
    pub required: bool,
    /// Whether it is no setting but tells something: computed, or a fact about the whole program.
    pub told: bool,
    /// What is written about it.
    pub documentation: String,
}

impl Word {
    /// How it is named among all: `evaluate.fairness`.
    pub fn path(&self) -> String {
        let outer = self.inside.iter().map(|name| format!("{name}."));
        outer.chain([self.name.clone()]).collect()
    }

    /// This word and everything declared in it, outermost first.
    pub fn with_nested(&self) -> Vec<&Word> {
        let mut all = vec![self];
        for inner in &self.nested {
            all.extend(inner.with_nested());
        }
        all
    }
}

/// Every word, in the order declared.
pub fn vocabulary() -> &'static [Word] {
    static ALL: OnceLock<Vec<Word>> = OnceLock::new();
    ALL.get_or_init(|| {
        let entries = TEXTS
            .iter()
            .flat_map(|text| mlinfra_syntax::parse(text).file().entries());
        entries.filter_map(|entry| word(&entry, &[])).collect()
    })
}

/// The declared word that a wrong one means.
pub fn nearest_word(wrong: &str) -> Option<&'static str> {
    let all = vocabulary().iter().flat_map(Word::with_nested);
    let all = all.chain(crate::own_word::own_words());
    nearest(wrong, all.map(|word| word.name.as_str())).map(Meant::first)
}

/// Declarations stand at most a few levels inside one another: the library is ours.
fn word(entry: &Entry, inside: &[String]) -> Option<Word> {
    let Item::Block(block) = entry.item()? else {
        return None;
    };
    let name = block.name()?.text().to_owned();
    let mut within = inside.to_vec();
    within.push(name.clone());
    let mut declared = Word {
        form: block.path()?.joined(),
        name,
        inside: inside.to_vec(),
        head: head(&block),
        documentation: entry.documentation().unwrap_or_default(),
        attributes: entry.attributes().map(|one| written(&one)).collect(),
        parameters: block.params().filter_map(|one| parameter(&one)).collect(),
        result: block.type_().map(|one| one_line(one.syntax().text())),
        place: block.place().map(|one| one_line(one.syntax().text())),
        value: block.value().map(|one| one_line(one.syntax().text())),
        members: Vec::new(),
        conditions: Vec::new(),
        entries: Vec::new(),
        nested: Vec::new(),
    };
    for entry in block.body().into_iter().flat_map(|body| body.entries()) {
        match entry.item() {
            Some(Item::Column(column)) => declared.members.extend(field(&entry, &column)),
            Some(Item::Block(_)) => declared.nested.extend(word(&entry, &within)),
            Some(Item::Require(require)) => {
                let text = one_line(require.syntax().text());
                declared.conditions.push(text);
            }
            Some(Item::Field(field)) => {
                declared.entries.push(one_line(field.syntax().text()));
            }
            _ => {}
        }
    }
    Some(declared)
}

/// Everything of a block before its body, on one line.
fn head(block: &Block) -> String {
    let text = block.syntax().text();
    let start = block.range().start;
    let end = block.body().map_or(text.len(), |body| {
        body.range().start.saturating_sub(start) as usize
    });
    one_line(text.get(..end).unwrap_or(text))
}

fn field(entry: &Entry, column: &Column) -> Option<Member> {
    let attributes: Vec<String> = entry.attributes().map(|one| written(&one)).collect();
    let mut member = Member {
        name: column.name()?.text().to_owned(),
        type_text: one_line(column.type_()?.syntax().text()),
        default: column.default().map(|one| one_line(one.syntax().text())),
        attributes,
        required: false,
        told: false,
        documentation: entry.documentation().unwrap_or_default(),
    };
    let has = |word: &str| {
        let mut attributes = member.attributes.iter();
        attributes.any(|one| one == word || one.starts_with(&format!("{word}(")))
    };
    member.told = has("@computed") || has("@fact");
    let fills_itself = member.told || has("@chosen") || member.default.is_some();
    member.required = !fills_itself && !member.type_text.ends_with('?');
    Some(member)
}

fn parameter(param: &Param) -> Option<Member> {
    let type_text = one_line(param.type_()?.syntax().text());
    let default = param.default().map(|one| one_line(one.syntax().text()));
    Some(Member {
        name: param.name()?.text().to_owned(),
        required: default.is_none() && !type_text.ends_with('?'),
        type_text,
        default,
        attributes: param.attributes().map(|one| written(&one)).collect(),
        told: false,
        documentation: param.documentation().unwrap_or_default(),
    })
}

fn written(attribute: &Attribute) -> String {
    one_line(attribute.syntax().text())
}

/// A text on one line, without the remarks in it.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("//") {
        // An address in quotes is no remark.
        Some((before, _)) if before.matches('"').count() % 2 == 0 => before,
        _ => line,
    });
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ").replace("( ", "(").replace(" )", ")")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Library;

    fn find<'w>(form: &str, name: &str) -> &'w Word {
        let mut all = vocabulary().iter();
        let found = all.find(|word| word.form == form && word.name == name);
        found.unwrap_or_else(|| panic!("no {form} {name}"))
    }

    #[test]
    fn the_words_are_those_that_the_checker_knows() {
        let library = Library::standard();
        for (name, kind) in &library.kinds {
            let word = find("kind", name);
            for field in kind.fields.keys() {
                assert!(word.members.iter().any(|one| one.name == *field), "{name}");
            }
            for (field, declared) in &kind.fields {
                let member = word.members.iter().find(|one| one.name == *field);
                let required = member.is_some_and(|one| one.required);
                assert_eq!(required, declared.required(), "{name}.{field}");
            }
        }
        for name in library.operations.keys() {
            find("op", name);
        }
        for name in library.functions.keys() {
            find("function", name);
        }
        for name in library.types.keys() {
            find("type", name);
        }
        for name in library.classes.keys() {
            find("data_class", name);
        }
    }

    #[test]
    fn a_declaration_is_told_in_full() {
        let word = find("op", "evaluate");
        let names: Vec<&str> = word
            .parameters
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["model", "data"]);
        assert!(
            word.result
                .as_deref()
                .is_some_and(|text| text.starts_with("report"))
        );
        let fairness = word.nested.iter().find(|one| one.name == "fairness");
        let fairness = fairness.expect("a section");
        assert_eq!(fairness.path(), "evaluate.fairness");
        let group = fairness.members.iter().find(|one| one.name == "min_group");
        assert_eq!(group.and_then(|one| one.default.as_deref()), Some("10"));
        let auc = word.members.iter().find(|one| one.name == "auc");
        assert!(auc.is_some_and(|one| one.told && !one.required));
    }
}
