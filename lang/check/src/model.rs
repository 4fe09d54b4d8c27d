//! Fitted models: what they learned from, and what a request must bring so that it can be made.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::{ColumnBase, ColumnType, RowExpression, TableType, Value};

use crate::program::{ModelType, ReplayStep};
use crate::table::{Change, Table, TableColumn};

/// A model as the checker knows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    /// None if a finding left it unknown.
    pub(crate) model: Option<ModelType>,
    /// What it was fitted on.
    pub(crate) data: Arc<Table>,
    /// Whether a program of the user's own fitted it, so that nobody knows its columns.
    pub(crate) foreign: bool,
}

/// Whether a model can learn from a column of this type.
pub(crate) fn learnable(base: ColumnBase) -> bool {
    use ColumnBase::{Bool, Category, Float, Int};
    matches!(base, Bool | Category | Float | Int)
}

/// What a request must bring and what is done with it.
pub(crate) struct Replay {
    pub(crate) request: TableType,
    pub(crate) recipe: Vec<ReplayStep>,
}

/// A column that something later needs; true if no cell of it may be missing.
type Needs = BTreeMap<String, bool>;

/// How raw data becomes these features: walks from the table back to the data as it came in, and
/// keeps what is needed.
pub(crate) fn replay(data: &Arc<Table>, features: &[&TableColumn]) -> Replay {
    let mut needs: Needs = features
        .iter()
        .map(|column| (column.name.clone(), false))
        .collect();
    let mut recipe = Vec::new();
    let mut table = data;
    while let Some(origin) = &table.origin {
        let after = needs.clone();
        let mut entries: Vec<(String, Value)> = Vec::new();
        match &origin.change {
            Change::Rows => {}
            Change::Embed { from, added } => {
                if let Some(known) = needs.remove(added) {
                    *needs.entry(from.clone()).or_insert(false) |= known;
                }
            }
            Change::Known(columns) => {
                for (name, known) in &mut needs {
                    *known |= columns.contains(name);
                }
            }
            Change::Extend(added) => {
                let kept = added.iter().filter(|(name, _)| after.contains_key(name));
                for (name, expression) in kept {
                    let known = needs.remove(name).unwrap_or(false);
                    need_columns(&mut needs, expression, known);
                    entries.push((name.clone(), Value::Row(expression.clone())));
                }
            }
            Change::Rewrite(rewritten) => {
                let kept = rewritten
                    .iter()
                    .filter(|(name, _)| after.contains_key(name));
                entries.extend(kept.cloned());
            }
        }
        if origin.each_row && !entries.is_empty() {
            recipe.push(ReplayStep {
                address: table.address.clone(),
                operation: origin.operation.clone(),
                entries,
                result: cut(table, &after),
            });
        }
        table = &origin.from;
    }
    recipe.reverse();
    let mut request = cut(table, &needs);
    for column in &mut request.columns {
        let known = needs.get(&column.name).copied().unwrap_or(false);
        column.column_type = ColumnType {
            base: column.column_type.base,
            nullable: column.column_type.nullable && !known,
        };
    }
    Replay { request, recipe }
}

fn need_columns(needs: &mut Needs, expression: &RowExpression, known: bool) {
    expression.for_each_column(&mut |name| {
        let entry = needs.entry(name.to_owned()).or_insert(false);
        *entry |= known;
    });
}

/// The table's columns that are needed, in its order.
fn cut(table: &Table, needs: &Needs) -> TableType {
    let needed = table
        .columns
        .iter()
        .filter(|column| needs.contains_key(&column.name));
    TableType {
        columns: needed.filter_map(TableColumn::column).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{FileId, Span};
    use crate::table::{Making, extend, known, part};
    use mlinfra_api::Address;

    fn column(name: &str, nullable: bool) -> TableColumn {
        TableColumn {
            name: name.to_owned(),
            column_type: Some(ColumnType {
                base: ColumnBase::Int,
                nullable,
            }),
            cells: crate::table::Cells::Plain,
            classes: std::collections::BTreeSet::new(),
            span: Span {
                file: FileId(0),
                start: 0,
                end: 0,
            },
        }
    }

    fn names(table: &TableType) -> Vec<String> {
        let shown = |c: &mlinfra_api::Column| format!("{}: {}", c.name, c.column_type);
        table.columns.iter().map(shown).collect()
    }

    #[test]
    fn a_request_brings_the_fewest_raw_columns_and_no_missing_cell_that_training_never_saw() {
        let raw = vec![
            column("a", true),
            column("b", true),
            column("c", false),
            column("d", true),
        ];
        let raw = Arc::new(Table::new(Address::new("data", "raw"), raw, false));
        let (first, second) = (Address::new("made", "e"), Address::new("made", "f"));
        let row = Making {
            address: &first,
            operation: "add",
            each_row: true,
        };
        let sum = RowExpression::Coalesce(
            Box::new(RowExpression::Column("a".into())),
            Box::new(RowExpression::Column("c".into())),
        );
        let unused = RowExpression::Column("d".into());
        let added = vec![
            (column("sum", false), Some(sum)),
            (column("no", true), Some(unused)),
        ];
        let extended = Arc::new(extend(&raw, &row, added));
        let train = Making {
            address: &second,
            operation: "choose",
            each_row: false,
        };
        let cleaned = Arc::new(known(&extended, &train));
        let cut = Arc::new(part(&cleaned, &train, "train"));
        let features: Vec<&TableColumn> = ["b", "sum"]
            .iter()
            .filter_map(|name| cut.column(name))
            .collect();
        let replay = replay(&cut, &features);
        assert_eq!(names(&replay.request), ["a: int?", "b: int", "c: int"]);
        assert_eq!(replay.recipe.len(), 1);
        assert_eq!(replay.recipe[0].address, first);
        let kept: Vec<&str> = replay.recipe[0]
            .entries
            .iter()
            .map(|(n, _)| n.as_str())
            .collect();
        assert_eq!(kept, ["sum"]);
        assert_eq!(names(&replay.recipe[0].result), ["b: int?", "sum: int"]);
    }
}
