//! What an editor offers at a place: what may stand there, by the type that is expected.
//!
//! The word under the cursor is replaced by one that parses everywhere, so that the tree says what
//! kind of place it is, in files with errors too. What only checking knows, the columns of tables,
//! comes from the program as it was checked last.

use std::collections::BTreeSet;
use std::ops::Range;

use mlinfra_api::TableType;
use mlinfra_syntax::ast::{Block, Expr, Item, Member, Param};
use mlinfra_syntax::{Kind, Node};

use super::declared::{Words, head};
use super::names::{Names, Target, block_around, entry_of, inside_all, is_function};
use super::offers::{
    Offers, STAND_IN, add_columns, blocks_of, cases, entries_of, has_cases, type_of,
};
use super::render::collapsed;
use super::{Reader, built_in, form};
use crate::diagnostic::FileId;
use crate::resolve::TYPE_WORDS;
use crate::schema::COLUMN_WORDS;
use crate::user_function::FUNCTION;
use crate::{Checked, Trees};

/// The most that is offered at a place.
const OFFERS_MAX: usize = 400;

/// The words that begin an entry at the top of a file and are the language's own.
const TOP: [&str; 8] = [
    "param",
    "let",
    "output",
    "use",
    "policy",
    "test",
    "component",
    FUNCTION,
];

/// What is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What is written if it is taken.
    pub label: String,
    /// What it is.
    pub of: Offer,
    /// Its declaration, on one line.
    pub detail: String,
    /// Its documentation, in Markdown.
    pub documentation: String,
    /// The bytes that it replaces.
    pub span: Range<u32>,
}

/// What an offer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offer {
    /// A field, a setting or a figure.
    Field,
    /// A parameter of what is called.
    Parameter,
    /// A case of a type, or a value such as `true`.
    Case,
    /// A column of a table.
    Column,
    /// A block, a parameter of the spec, a part.
    Name,
    /// An operation.
    Operation,
    /// A function.
    Function,
    /// A kind of block, or a word that begins an entry.
    Kind,
    /// A type.
    Type,
    /// A data class or an attribute.
    Attribute,
    /// A unit.
    Unit,
}

/// What may stand at a byte of a file, sorted: what fits best first.
/// The trees may be newer than what was checked.
pub fn complete(checked: &Checked, trees: &Trees, file: FileId, offset: u32) -> Vec<Completion> {
    let name = checked.files.get(file.0 as usize).map(|file| &file.name);
    let Some(known) = name.and_then(|name| trees.get(name)) else {
        return Vec::new();
    };
    let written = known.tree.file_text();
    let Some(span) = word_around(written, offset as usize) else {
        return Vec::new();
    };
    let prefix = written[span.start..offset as usize].to_owned();
    let text = format!(
        "{}{STAND_IN}{}",
        &written[..span.start],
        &written[span.end..]
    );
    let tree = mlinfra_syntax::reparse(known, &text).tree;
    let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    let start = at(span.start);
    let mut here = tree.tokens_back_from(start);
    let stands = |node: &Node| node.range().start == start && node.text() == STAND_IN;
    let Some(token) = here.find(stands) else {
        return Vec::new();
    };
    let place = Place {
        reader: Reader {
            words: Words::standard(),
            names: Names::new(checked, trees, tree.clone()),
        },
        checked,
    };
    let mut offers = Offers::default();
    place.offer(&token, &mut offers);
    let begins = |label: &str| label.to_lowercase().starts_with(&prefix.to_lowercase());
    let mut all: Vec<Completion> = offers
        .all
        .into_iter()
        .filter(|((_, label), _)| begins(label))
        .map(|((of, label), (detail, documentation))| Completion {
            label,
            of,
            detail,
            documentation,
            span: at(span.start)..at(span.end),
        })
        .collect();
    all.truncate(OFFERS_MAX);
    all
}

/// The bytes of the word at this byte: empty between two others. None inside of a character.
fn word_around(text: &str, offset: usize) -> Option<Range<usize>> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if !text.is_char_boundary(offset) {
        return None;
    }
    let bytes = text.as_bytes();
    let before = bytes[..offset]
        .iter()
        .rev()
        .take_while(|byte| is_word(byte));
    let after = bytes[offset..].iter().take_while(|byte| is_word(byte));
    Some(offset - before.count()..offset + after.count())
}

struct Place<'a> {
    reader: Reader<'a>,
    checked: &'a Checked,
}

impl Place<'_> {
    fn words(&self) -> &'static Words {
        self.reader.words
    }

    fn offer(&self, token: &Node, offers: &mut Offers) {
        let Some(parent) = token.parent() else { return };
        match parent.kind() {
            Kind::Path => self.at_path(&parent, offers),
            Kind::NameExpression => self.at_expression(&parent, offers),
            Kind::MemberExpression => self.at_member(&parent, offers),
            Kind::QuantityExpression => {
                for one in self.words().of_form("unit") {
                    offers.declared(Offer::Unit, one);
                }
            }
            Kind::Argument => self.parameters(&parent, offers),
            _ => {}
        }
    }

    fn at_path(&self, path: &Node, offers: &mut Offers) {
        let Some(owner) = path.parent() else { return };
        match owner.kind() {
            Kind::Block | Kind::Field | Kind::Requirement | Kind::Column => {
                self.at_entry(&owner, offers);
            }
            Kind::TypeAtom => self.at_type(&owner, offers),
            Kind::Attribute => {
                for one in self.words().of_form("data_class") {
                    offers.declared(Offer::Attribute, one);
                }
                for one in self.words().of_form("attribute") {
                    offers.declared(Offer::Attribute, one);
                }
            }
            _ => {}
        }
    }

    /// Where an entry begins: a block at the top, otherwise what the body around takes.
    fn at_entry(&self, owner: &Node, offers: &mut Offers) {
        let Some(around) = block_around(owner) else {
            for one in self.words().of_form("kind") {
                if !one.head.contains("@form") {
                    offers.declared(Offer::Kind, one);
                }
            }
            for word in TOP {
                offers.add(Offer::Kind, word, "", &form(word).unwrap_or_default());
            }
            return;
        };
        let Some(body) = self.words().of_body(&around) else {
            return;
        };
        let written = entries_of(&around);
        for (name, member) in &body.members {
            let is_set = !["@computed", "@fact", "@here"]
                .iter()
                .any(|mark| member.head.contains(mark));
            if is_set && name != "each" && !written.contains(name) {
                offers.add(Offer::Field, name, &member.head, &member.documentation);
            }
        }
        for nested in body.nested.values().filter(|one| one.form == "kind") {
            offers.declared(Offer::Kind, nested);
        }
        if body.form == "op" {
            let said = form("require").unwrap_or_default();
            offers.add(Offer::Kind, "require", "require condition", &said);
        }
        let each = body
            .members
            .get("each")
            .map_or("", |each| each.head.as_str());
        if has_cases(self.words(), &type_of(each)) {
            self.columns(&around, &written, offers);
        }
    }

    fn at_type(&self, atom: &Node, offers: &mut Offers) {
        let in_columns = block_around(atom)
            .and_then(|section| self.words().of_body(&section))
            .is_some_and(|body| body.members.contains_key("each"));
        if in_columns {
            for word in COLUMN_WORDS {
                offers.add(Offer::Type, word, "", &built_in(word).unwrap_or_default());
            }
            return;
        }
        for word in TYPE_WORDS {
            offers.add(Offer::Type, word, "", &built_in(word).unwrap_or_default());
        }
        for one in self.words().of_form("type") {
            offers.declared(Offer::Type, one);
        }
        for one in self.words().of_form("kind") {
            offers.declared(Offer::Type, one);
        }
    }

    fn at_expression(&self, expression: &Node, offers: &mut Offers) {
        let place = self.kind_of_place(expression);
        let wanted = match &place {
            Some(kind) => kind.clone(),
            None => type_of(&self.reader.expected(expression)),
        };
        if place.is_none() {
            self.arguments(expression, offers);
            cases(self.words(), &wanted, offers);
        }
        let is_row = wanted.contains("row(");
        let around = block_around(expression);
        if let Some(around) = &around
            && (is_row || wanted.contains("column("))
        {
            self.columns(around, &BTreeSet::new(), offers);
        }
        if super::has_word(&wanted, "op") {
            for one in self.words().of_form("op") {
                offers.declared(Offer::Operation, one);
            }
            return;
        }
        if let Some(function) = around.filter(is_function) {
            // It sees what it is given, and nothing else.
            function.params().for_each(|one| parameter(&one, offers));
        } else {
            self.figures(expression, offers);
            self.names(expression, &wanted, offers);
        }
        if place.is_some() {
            return;
        }
        for function in self.reader.names.functions() {
            let name = function.name();
            let said = entry_of(function.syntax()).and_then(|entry| entry.documentation());
            let said = said.unwrap_or_default();
            name.into_iter()
                .for_each(|name| offers.add(Offer::Function, name.text(), &head(&function), &said));
        }
        for one in self.words().of_form("function") {
            let fits = !is_row || one.head.contains("@row");
            if fits {
                offers.declared(Offer::Function, one);
            }
        }
    }

    /// The kind of block that belongs behind `on`, if that is where this stands.
    fn kind_of_place(&self, expression: &Node) -> Option<String> {
        let block = block_around(expression)?;
        let place = block.place()?.syntax().range();
        if !place.contains(&expression.range().start) {
            return None;
        }
        let declared = self.words().of_block(&block)?;
        let (_, behind) = declared.head.split_once(" on ")?;
        let word = behind.strip_prefix("optional(").unwrap_or(behind);
        let end = word.find(|c: char| !c.is_alphanumeric() && c != '_');
        Some(word[..end.unwrap_or(word.len())].to_owned())
    }

    /// The parameters of the call that an argument stands in.
    fn arguments(&self, expression: &Node, offers: &mut Offers) {
        if let Some(argument) = expression.parent().filter(|p| p.kind() == Kind::Argument) {
            self.parameters(&argument, offers);
        }
    }

    fn parameters(&self, argument: &Node, offers: &mut Offers) {
        let call = argument.parent().and_then(|arguments| arguments.parent());
        let callee = call.and_then(|call| call.parts().next());
        let Some(callee) = callee else { return };
        for called in self.reader.callable(callee.text(), argument) {
            for (name, member) in &called.parameters {
                offers.add(Offer::Parameter, name, &member.head, &member.documentation);
            }
        }
        let function = self.reader.names.function(callee.text());
        let parameters = function.iter().flat_map(Block::params);
        parameters.for_each(|one| parameter(&one, offers));
    }

    /// What conditions in the bodies around may be about.
    fn figures(&self, expression: &Node, offers: &mut Offers) {
        let in_require = std::iter::successors(expression.parent(), Node::parent)
            .any(|node| node.kind() == Kind::Require);
        for body in self.reader.bodies_around(expression) {
            let figures = body.members.iter();
            for (name, member) in figures.filter(|(_, one)| one.head.contains("@here")) {
                offers.add(Offer::Field, name, &member.head, &member.documentation);
            }
            let asked = body.nested.values().filter(|one| one.form == "function");
            for one in asked.filter(|_| in_require || body.form == "kind") {
                offers.declared(Offer::Function, one);
            }
        }
    }

    /// What is named in the bodies around and in the file, as far as it may be meant.
    fn names(&self, expression: &Node, wanted: &str, offers: &mut Offers) {
        let tables = [
            "table", "like", "fits", "weights", "release", "report", "tokens",
        ];
        let wants_result = tables.iter().any(|word| super::has_word(wanted, word));
        let kinds: BTreeSet<&str> = wanted
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| self.words().get("kind", word).is_some())
            .collect();
        let mut above = expression.parent();
        while let Some(node) = above {
            if matches!(node.kind(), Kind::Body | Kind::File) {
                for block in blocks_of(&node) {
                    let (Some(name), Some(path)) = (block.name(), block.path()) else {
                        continue;
                    };
                    let word = path.joined();
                    let is_meant = match word.as_str() {
                        "output" | "test" | "policy" | "component" | "environment" | FUNCTION => {
                            false
                        }
                        "param" | "let" => true,
                        "pipeline" => kinds.is_empty() || wants_result,
                        "step" | "dataset" => wants_result || kinds.contains(word.as_str()),
                        word => kinds.contains(word) || wanted.is_empty(),
                    };
                    if is_meant {
                        let documentation = block.syntax().parent();
                        let documentation = documentation.and_then(|entry| entry.documentation());
                        let said = documentation.unwrap_or_default();
                        offers.add(Offer::Name, name.text(), &head(&block), &said);
                    }
                }
            }
            above = node.parent();
        }
    }

    /// What stands behind a point.
    fn at_member(&self, expression: &Node, offers: &mut Offers) {
        let Some(base) = Member::cast(expression.clone()).and_then(|member| member.base()) else {
            return;
        };
        let target = match &base {
            Expr::Name(name) => {
                let Some(word) = name.name() else { return };
                let word = word.text();
                let names = &self.reader.names;
                let block = names
                    .block(word, expression)
                    .or_else(|| names.elsewhere(word));
                match block {
                    Some(block) => Target::Block(block),
                    None => return self.of_word(word, offers),
                }
            }
            Expr::Member(inner) => match self.reader.names.target(self.words(), inner.syntax()) {
                Some(target) => target,
                None => return,
            },
            _ => return,
        };
        match target {
            Target::Block(block) => {
                self.members(&block, offers);
                self.of_project(&block, offers);
            }
            Target::Part(block, part) => {
                let table = self.reader.names.checked_block(&block).and_then(|known| {
                    let step = known.step.as_ref()?;
                    step.parts.get(&part)
                });
                table
                    .into_iter()
                    .for_each(|table| add_columns(table, offers));
            }
            Target::Member(_) => {}
        }
    }

    /// What stands behind the word of a type or a kind and a point.
    fn of_word(&self, word: &str, offers: &mut Offers) {
        if let Some(declared) = self.words().get("type", word) {
            for case in declared.nested.values().filter(|one| one.form == "case") {
                offers.declared(Offer::Case, case);
            }
        }
        let of_kind = self.checked.program.blocks.iter();
        for block in of_kind.filter(|one| one.kind == word) {
            let name = block.address.name();
            offers.add(Offer::Name, name, word, &block.documentation);
        }
        // What is in the file now, and parameters, which are no blocks of the program.
        for block in blocks_of(self.reader.names.tree()) {
            let is_form = block.path().is_some_and(|path| path.joined() == word);
            if let Some(name) = block.name().filter(|_| is_form && !is_function(&block)) {
                let said = entry_of(block.syntax()).and_then(|entry| entry.documentation());
                offers.add(
                    Offer::Name,
                    name.text(),
                    &head(&block),
                    &said.unwrap_or_default(),
                );
            }
        }
    }

    fn members(&self, block: &Block, offers: &mut Offers) {
        if let Some(component) = self.reader.names.component_of(block) {
            // From outside it has its outputs alone.
            for output in inside_all(&component, "output") {
                let said = entry_of(output.syntax()).and_then(|entry| entry.documentation());
                let name = output.name();
                let said = said.unwrap_or_default();
                name.into_iter()
                    .for_each(|name| offers.add(Offer::Name, name.text(), &head(&output), &said));
            }
            return;
        }
        if let Some(Expr::Record(record)) = block.value() {
            for entry in record.entries() {
                if let Some(Item::Field(field)) = entry.item()
                    && let Some(key) = field.key().and_then(|key| key.text())
                {
                    let said = entry.documentation().unwrap_or_default();
                    offers.add(Offer::Field, &key, &collapsed(field.syntax().text()), &said);
                }
            }
        }
        let body = block.body().map(|body| body.syntax().clone());
        for inner in body.iter().flat_map(blocks_of) {
            if let Some(name) = inner.name() {
                offers.add(Offer::Name, name.text(), &head(&inner), "");
            }
        }
        if let Some(declared) = self.words().of_body(block) {
            for (name, member) in declared.members.iter().filter(|(name, _)| *name != "each") {
                offers.add(Offer::Field, name, &member.head, &member.documentation);
            }
            let asked = declared
                .nested
                .values()
                .filter(|one| one.form == "function");
            asked.for_each(|one| offers.declared(Offer::Function, one));
        }
        if let Some(known) = self.reader.names.checked_block(block) {
            let step = known.step.as_ref();
            for part in step.iter().flat_map(|step| step.parts.keys()) {
                offers.add(Offer::Name, part, "a part of the table", "");
            }
            let table = step.and_then(|step| step.table.as_ref());
            let table = known.table.as_ref().or(table);
            table
                .into_iter()
                .for_each(|table| add_columns(table, offers));
        }
    }

    /// The outputs of the other project that a block names: its folder stands in it as a text.
    fn of_project(&self, block: &Block, offers: &mut Offers) {
        let text = block.syntax().text();
        let names = |word: &String| text.contains(&format!("\"{word}\""));
        for project in &self.checked.program.projects {
            if names(&project.path) && project.environment.as_ref().is_none_or(names) {
                for (name, of) in &project.outputs {
                    offers.add(Offer::Name, name, &format!("{name}: {of}"), "");
                }
            }
        }
    }

    /// The columns of what flows into a step; if that is not known, those of every dataset.
    fn columns(&self, block: &Block, written: &BTreeSet<String>, offers: &mut Offers) {
        let step = self
            .reader
            .names
            .checked_block(block)
            .and_then(|one| one.step.as_ref());
        let inputs: Vec<&TableType> = match step {
            Some(step) => {
                let arguments = step.arguments.values();
                arguments.filter_map(|one| one.table.as_ref()).collect()
            }
            None => Vec::new(),
        };
        let everywhere = self.checked.program.blocks.iter();
        let everywhere = everywhere.filter_map(|one| one.table.as_ref());
        let tables: Vec<&TableType> = match inputs.is_empty() {
            true => everywhere.collect(),
            false => inputs,
        };
        let mut found = Offers::default();
        tables
            .iter()
            .for_each(|table| add_columns(table, &mut found));
        let left = found.all.into_iter();
        offers
            .all
            .extend(left.filter(|((_, name), _)| !written.contains(name)));
    }
}

/// Offers a parameter of a function that a file declares.
fn parameter(parameter: &Param, offers: &mut Offers) {
    if let Some(name) = parameter.name() {
        let said = parameter.documentation().unwrap_or_default();
        let head = collapsed(parameter.syntax().text());
        offers.add(Offer::Parameter, name.text(), &head, &said);
    }
}
