//! The columns that a block declares, with their types and data classes.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, ColumnBase, ColumnType};

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::habit;
use crate::resolve::{column_type, type_name, type_words};
use crate::schema::{COLUMN_WORDS, Kind};
use crate::scope::NodeId;
use crate::suggest::{Meant, nearest};
use crate::table::{Cells, Table, TableColumn};
use crate::tree::{Attribute, BlockItem, Item, Node, TypeExpr, TypeKind};

impl Checker<'_> {
    /// The table that the entries of a section declare.
    pub(crate) fn check_table(
        &mut self,
        id: NodeId,
        kind: &Kind,
        section: &str,
        block: &BlockItem,
    ) -> Table {
        let address = self.nodes[id].address.clone();
        let is_section = |item: &&Item| match &item.node {
            Node::Block(nested) => nested.path.word() == section,
            _ => false,
        };
        let found = block.items().iter().find(is_section);
        let Some((item, Node::Block(nested))) = found.map(|item| (item, &item.node)) else {
            let broken = self.nodes[id].broken || self.has_stray(kind, block);
            if !broken {
                let text = format!("this `{}` says nothing of its `{section}`", kind.name);
                self.report(
                    Diagnostic::error(code::FIELD_MISSING, self.nodes[id].name.span, text)
                        .help("every step after it is checked against its columns")
                        .help(format!("add `{section} {{ name : type }}`")),
                );
            }
            return Table::new(address, Vec::new(), true);
        };
        self.columns_of(address, item, nested)
    }

    /// The table that the entries of this section declare.
    pub(crate) fn columns_of(
        &mut self,
        address: Address,
        item: &Item,
        nested: &BlockItem,
    ) -> Table {
        let mut columns: Vec<TableColumn> = Vec::new();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut open = item.broken || nested.body.is_none();
        for entry in nested.items() {
            match &entry.node {
                Node::Column { .. } => columns.extend(self.check_column(entry, &mut seen)),
                Node::Bad => open = true,
                _ => {
                    open = true;
                    self.no_column(entry);
                }
            }
        }
        if columns.is_empty() && !open {
            self.report(
                Diagnostic::error(
                    code::TABLE_EMPTY,
                    nested.path.span,
                    "there is no column here",
                )
                .help("nothing could be learned from a table without columns")
                .help("add `name : type`, one line for each column of the data"),
            );
            open = true;
        }
        columns.shrink_to_fit();
        Table::new(address, columns, open)
    }

    /// One declared column; none if its name is taken.
    fn check_column(
        &mut self,
        entry: &Item,
        seen: &mut BTreeMap<String, Span>,
    ) -> Option<TableColumn> {
        let Node::Column {
            name,
            column_type: written,
            default,
        } = &entry.node
        else {
            return None;
        };
        if let Some(default) = default {
            self.column_default(default.span);
        }
        if let Some(first) = seen.get(&name.text).copied() {
            self.column_twice(&name.text, name.span, first);
            return None;
        }
        seen.insert(name.text.clone(), name.span);
        let (column_type, cells) = match column_type(written) {
            Some((base, nullable)) => (Some(ColumnType { base, nullable }), Cells::Plain),
            None => match self.amounts(written) {
                Some((known, cells)) => (known, cells),
                None => (self.unknown_column_type(written), Cells::Plain),
            },
        };
        let written = entry.attributes.iter();
        let spans = written.map(|a| (a.path.text(), a.path.span)).collect();
        self.class_spans.insert(entry.span, spans);
        Some(TableColumn {
            name: name.text.clone(),
            column_type,
            cells,
            classes: self.classes(&entry.attributes),
            span: entry.span,
        })
    }

    /// `money(EUR)`: plain numbers to a provider, amounts of one unit to whoever computes with
    /// them. None if it is no such type; without a type, after a finding, if its unit is none.
    fn amounts(&mut self, written: &TypeExpr) -> Option<(Option<ColumnType>, Cells)> {
        let TypeKind::Named {
            path,
            arguments,
            optional,
        } = &written.kind
        else {
            return None;
        };
        let family = self.library.families.get(&path.text())?;
        let words = type_words(written);
        let unit = match words.as_slice() {
            [unit] if arguments.len() == 1 && family.contains(unit) => unit.clone(),
            words => {
                let of = path.text();
                let known: Vec<&str> = family.iter().map(String::as_str).collect();
                let example = known.first().copied().unwrap_or_default();
                let word = words.first().map_or("", String::as_str);
                let meant = nearest(word, known.iter().copied()).and_then(Meant::sure);
                let meant = meant.map(|unit| format!("{of}({unit})"));
                let finding = Diagnostic::error(
                    code::COLUMN_UNIT,
                    written.span,
                    format!("a column of `{of}` holds amounts in one of its units"),
                )
                .help("amounts in different units can't be added or compared")
                .help(format!(
                    "write one of {}: `{of}({example})`",
                    crate::wording::list(&known)
                ));
                self.report(match meant {
                    Some(meant) => {
                        finding.fix(format!("write `{meant}`"), written.span, meant.clone())
                    }
                    None => finding,
                });
                return Some((None, Cells::Plain));
            }
        };
        let column_type = ColumnType {
            base: ColumnBase::Float,
            nullable: *optional,
        };
        let dimension = self.library.unit(&unit)?.dimension.clone();
        Some((Some(column_type), Cells::Amount(dimension, unit)))
    }

    fn no_column(&mut self, entry: &Item) {
        if entry.broken {
            return;
        }
        let text = "this is no column";
        let finding = Diagnostic::error(code::ENTRY_OUT_OF_PLACE, entry.span, text)
            .help("the order and the types of all columns follow from this list");
        // `sepal length : float`: a name of two words is read as a block.
        let two_words = match &entry.node {
            Node::Block(block) if block.result.is_some() => block.name.as_ref(),
            _ => None,
        };
        let Some((name, Node::Block(block))) = two_words.map(|name| (name, &entry.node)) else {
            self.report(finding.help("write `name : type`"));
            return;
        };
        let span = Span {
            end: name.span.end,
            ..block.path.span
        };
        let quoted = format!("`{}`", self.text_of(span));
        self.report(
            finding
                .help("a name with a blank in it stands between back quotes")
                .fix(format!("write {quoted}"), span, quoted),
        );
    }

    fn has_stray(&self, kind: &Kind, block: &BlockItem) -> bool {
        let is_stray = |item: &Item| match &item.node {
            Node::Field { path, .. } => !kind.fields.contains_key(&path.text()),
            Node::Block(_) => true,
            Node::Requirement { .. } => false,
            _ => true,
        };
        block.items().iter().any(is_stray)
    }

    fn column_default(&mut self, span: Span) {
        self.report(
            Diagnostic::error(code::ENTRY_OUT_OF_PLACE, span, "a column has no default")
                .help("cells come from the data; a missing one is missing")
                .help("take it out, and use `x ?? value` where the column is used"),
        );
    }

    fn column_twice(&mut self, name: &str, span: Span, first: Span) {
        self.report(
            Diagnostic::error(
                code::COLUMN_TWICE,
                span,
                format!("the column `{name}` stands here twice"),
            )
            .also(first, "here first")
            .help("a reference by this name could mean either")
            .help("rename or take out one of the two"),
        );
    }

    /// A column with several types; with "or nothing", as other languages write it, `?` is meant.
    fn several_types(&mut self, span: Span, members: &[TypeExpr]) -> Option<ColumnType> {
        let is_nothing = |member: &&TypeExpr| {
            type_name(member).is_some_and(|word| habit::value_word(word) == Some("none"))
                || type_name(member) == Some("none")
        };
        let typed: Vec<&TypeExpr> = members.iter().filter(|one| !is_nothing(one)).collect();
        let finding = Diagnostic::error(
            code::COLUMN_TYPE_UNKNOWN,
            span,
            "a column has exactly one type",
        )
        .help("every cell of a column is read alike, so a choice has no meaning here");
        let base = match typed.as_slice() {
            [only] if typed.len() < members.len() => column_type(only).map(|(base, _)| base),
            _ => None,
        };
        self.report(match base {
            Some(base) => finding
                .help(format!(
                    "where a cell may be missing, write `{}?`",
                    base.word()
                ))
                .fix(
                    format!("write `{}?`", base.word()),
                    span,
                    format!("{}?", base.word()),
                ),
            None => finding.help(format!(
                "name one of {}, with `?` behind it where a cell may be missing",
                crate::wording::list(&COLUMN_WORDS)
            )),
        });
        base.map(|base| ColumnType {
            base,
            nullable: true,
        })
    }

    fn unknown_column_type(&mut self, written: &TypeExpr) -> Option<ColumnType> {
        let path = match &written.kind {
            TypeKind::Bad => return None,
            TypeKind::Union(members) => return self.several_types(written.span, members),
            TypeKind::Named { path, .. } => path,
        };
        let name = path.text();
        let meant = match habit::column_type(&name) {
            Some(instead) => Some(Meant::from(instead)),
            None => nearest(&name, COLUMN_WORDS),
        };
        let amounts = self.library.families.iter().filter_map(|(family, units)| {
            let unit = units.first()?;
            Some(format!("{family}({unit})"))
        });
        let words = COLUMN_WORDS.iter().map(|word| (*word).to_owned());
        let all: Vec<String> = words.chain(amounts).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        self.report(
            Diagnostic::error(
                code::COLUMN_TYPE_UNKNOWN,
                written.span,
                format!("no column has the type `{name}`"),
            )
            .help(format!(
                "the types of columns are {}",
                crate::wording::list(&all)
            ))
            .suggest(path.span, &name, meant),
        );
        None
    }

    /// The data classes written on a column, with what they imply.
    pub(crate) fn classes(&mut self, attributes: &[Attribute]) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for attribute in attributes {
            let name = attribute.path.text();
            if self.library.classes.contains_key(&name) {
                all.extend(self.library.closure(&name));
            } else if !name.is_empty() {
                let known = self.library.classes.keys().map(String::as_str);
                let known: Vec<&str> = known.collect();
                let meant = nearest(&name, known.iter().copied());
                self.report(
                    Diagnostic::error(
                        code::CLASS_UNKNOWN,
                        attribute.path.span,
                        format!("there is no data class `{name}`"),
                    )
                    .help(
                        "what a column's cells say about people decides what may be done with them",
                    )
                    .help(format!("the classes are {}", crate::wording::list(&known)))
                    .suggest(attribute.path.span, &name, meant),
                );
            }
        }
        all
    }
}
