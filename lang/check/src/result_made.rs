//! Results that are no tables of their own rows: a changed model, tokens, vectors, what a program
//! leaves.

use std::sync::Arc;

use mlinfra_api::{ColumnBase, Value};

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Fitted;
use crate::program::Step;
use crate::row::is_text;
use crate::schema::{Operation, ResultRule};
use crate::scope::NodeId;
use crate::step::Inputs;
use crate::table::{Cells, Making, Table, TableColumn, embedded};
use crate::tree::Node;
use crate::types::{Made, Term, Type};
use crate::wording::list;

/// The case of what a program leaves that is a model.
const WEIGHTS: &str = "weights";

impl Checker<'_> {
    /// The result of an operation whose rule makes no table; none for one that makes one.
    pub(crate) fn made_result(
        &mut self,
        id: NodeId,
        operation: &Operation,
        inputs: &Inputs,
        step: &mut Step,
    ) -> Option<Term> {
        let value = self.reference_to(id);
        match &operation.result {
            ResultRule::Same { model } => Some(match inputs.model(model) {
                Some(fitted) => {
                    step.model.clone_from(&fitted.model);
                    Term::new(Type::Weights(Arc::clone(fitted)), value)
                }
                None => Term::error(),
            }),
            ResultRule::Made { name, data, column } => {
                let Some(table) = inputs.table(data).cloned() else {
                    return Some(Term::error());
                };
                let made = self.text_column(&table, (column, operation), inputs, step);
                Some(match made {
                    Some(_) => made_of(name, table, value),
                    None => Term::error(),
                })
            }
            ResultRule::Given { setting, data } => {
                let Some(given) = step.settings.get(setting).and_then(Value::as_case) else {
                    return Some(Term::error());
                };
                let table = (inputs.terms.get(data)).and_then(|term| source(&term.term_type));
                let empty =
                    || Arc::new(Table::new(self.nodes[id].address.clone(), Vec::new(), true));
                let table = table.unwrap_or_else(empty);
                Some(match given {
                    WEIGHTS => {
                        let fitted = Fitted {
                            model: None,
                            data: table,
                            foreign: true,
                        };
                        Term::new(Type::Weights(Arc::new(fitted)), value)
                    }
                    other => made_of(other, table, value),
                })
            }
            _ => None,
        }
    }

    /// The table that a section of the step's body declares.
    pub(crate) fn declared_table(&mut self, id: NodeId, section: &str) -> Table {
        let address = self.nodes[id].address.clone();
        let block = self.nodes[id].block;
        let items = block.map_or(&[][..], |block| block.items());
        let found = items.iter().find_map(|item| match &item.node {
            Node::Block(nested) if nested.path.word() == section => Some((item, nested)),
            _ => None,
        });
        if let Some((item, nested)) = found {
            return self.columns_of(address, item, nested);
        }
        if !self.nodes[id].broken {
            let text = format!("this step says nothing of its `{section}`");
            self.report(
                Diagnostic::error(code::FIELD_MISSING, self.nodes[id].name.span, text)
                    .help("every step after it is checked against its columns")
                    .help(format!("add `{section} {{ name : type }}`")),
            );
        }
        Table::new(address, Vec::new(), true)
    }

    /// The table with a column of vectors.
    pub(crate) fn embedded(
        &mut self,
        data: &Arc<Table>,
        making: &Making<'_>,
        (column, added): (&str, &str),
        inputs: &Inputs,
        step: &Step,
    ) -> Option<Table> {
        let named = inputs.terms.get(column)?.value.as_text()?.to_owned();
        let from = data.column(&named)?.clone();
        let span = step
            .spans
            .get(column)
            .copied()
            .unwrap_or(step.operation_span);
        if !self.holds_texts(&from, span) {
            return None;
        }
        if let Some(first) = data.column(added).map(|column| column.span) {
            let text = format!("the table has a column `{added}` already");
            self.report(
                Diagnostic::error(code::COLUMN_EXISTS, step.operation_span, text)
                    .also(first, "here")
                    .help("a table with two columns of one name could not be read")
                    .help("rename that column where the data is declared or derived"),
            );
            return None;
        }
        Some(embedded(data, making, &from, added, step.operation_span))
    }

    /// The column whose texts are read: the one that is named, else the only one there is.
    fn text_column(
        &mut self,
        table: &Arc<Table>,
        (parameter, operation): (&str, &Operation),
        inputs: &Inputs,
        step: &Step,
    ) -> Option<TableColumn> {
        let term = inputs.terms.get(parameter)?;
        if term.term_type.is_error() {
            return None;
        }
        if let Some(name) = term.value.as_text() {
            let column = table.column(name)?.clone();
            let span = step.spans.get(parameter).copied();
            let span = span.unwrap_or(step.operation_span);
            return self.holds_texts(&column, span).then_some(column);
        }
        let texts: Vec<&TableColumn> = (table.columns.iter())
            .filter(|column| {
                let base = column.column_type.map(|known| known.base);
                base == Some(ColumnBase::String) && column.cells == Cells::Plain
            })
            .collect();
        if let [only] = texts.as_slice() {
            return Some((*only).clone());
        }
        if table.tainted {
            return None;
        }
        let names: Vec<&str> = texts.iter().map(|column| column.name.as_str()).collect();
        let (text, advice) = match names.as_slice() {
            [] => (
                "no column of this table holds texts".to_owned(),
                "use a table with a column of type `string`".to_owned(),
            ),
            [first, ..] => (
                format!("several columns hold texts: {}", list(&names)),
                format!("name one: `{}({parameter} = {first})`", operation.name),
            ),
        };
        self.report(
            Diagnostic::error(code::TEXT_COLUMN, step.operation_span, text)
                .help("which texts are read is not said anywhere")
                .help(advice),
        );
        None
    }

    /// Whether the column holds texts; a finding if not.
    fn holds_texts(&mut self, column: &TableColumn, span: Span) -> bool {
        let Some(known) = column.column_type else {
            return false;
        };
        if is_text_column(column) {
            return true;
        }
        let shown = column.shown_type().unwrap_or_default();
        let text = format!("this column is {shown}, and texts belong here");
        self.report(
            Diagnostic::error(code::COLUMN_TYPE_WRONG, span, text)
                .also(column.span, "the column")
                .help(format!(
                    "a {} is no text that could be read",
                    known.base.word()
                ))
                .help("name a column of type `string`"),
        );
        false
    }
}

fn is_text_column(column: &TableColumn) -> bool {
    let known = column.column_type;
    known.is_some_and(|known| is_text(known.base)) && column.cells == Cells::Plain
}

fn made_of(name: &str, data: Arc<Table>, value: Value) -> Term {
    let made = Made {
        name: name.into(),
        data,
    };
    Term::new(Type::Made(Arc::new(made)), value)
}

/// The table that something was made from.
pub(crate) fn source(of: &Type) -> Option<Arc<Table>> {
    match of {
        Type::Table(table) => Some(Arc::clone(table)),
        Type::Made(made) => Some(Arc::clone(&made.data)),
        Type::Weights(fitted) | Type::Release(fitted) => Some(Arc::clone(&fitted.data)),
        Type::Optional(inner) => source(inner),
        _ => None,
    }
}
