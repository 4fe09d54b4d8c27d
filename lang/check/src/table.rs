//! Tables known by their columns, and the type functions that say how a step changes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlinfra_api::{
    Address, Column, ColumnBase, ColumnType, Dimension, RowExpression, TableType, Value,
};

use crate::diagnostic::Span;
use crate::types::{Case, CaseResult};

/// The most steps in a row that a table may have gone through.
pub(crate) const STEPS_OF_A_TABLE_MAX: u32 = 1_000;

/// A column with what the checker knows of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableColumn {
    pub(crate) name: String,
    /// None if its type is in error.
    pub(crate) column_type: Option<ColumnType>,
    /// What its cells are, as far as the type that a provider knows does not tell.
    pub(crate) cells: Cells,
    pub(crate) classes: BTreeSet<String>,
    /// Where it is declared or made.
    pub(crate) span: Span,
}

/// What a column's cells are beyond the type that a provider knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Cells {
    /// Nothing but that type.
    #[default]
    Plain,
    /// Amounts of this, held as plain numbers of the unit with this name: `money(EUR)`.
    Amount(Dimension, String),
    /// Vectors of such numbers: no provider holds them yet.
    Vector,
}

/// A table at one place of the program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    /// The block whose result it is.
    pub(crate) address: Address,
    /// Which part of the result.
    pub(crate) part: Option<String>,
    pub(crate) columns: Vec<TableColumn>,
    /// The places of the columns, in the order of their names.
    index: Box<[usize]>,
    /// Whether a column may be missing here because of a finding: looking one up then never fails.
    pub(crate) open: bool,
    /// Whether a finding may have changed it: nothing is then concluded from what it holds.
    pub(crate) tainted: bool,
    /// How it was made; a table without is data as it came in.
    pub(crate) origin: Option<Origin>,
    /// How many steps it went through.
    pub(crate) steps: u32,
}

/// How a table was made from another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub(crate) from: Arc<Table>,
    pub(crate) operation: String,
    pub(crate) each_row: bool,
    pub(crate) change: Change,
}

/// What a step did to the columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// Added these.
    Extend(Vec<(String, RowExpression)>),
    /// Rewrote these, each by a case.
    Rewrite(Vec<(String, Value)>),
    /// Added a column of vectors made from the texts in one.
    Embed { from: String, added: String },
    /// Took the rows out in which one of these was missing.
    Known(BTreeSet<String>),
    /// Nothing: it chose rows.
    Rows,
}

impl Table {
    /// A table as it comes in.
    pub(crate) fn new(address: Address, columns: Vec<TableColumn>, open: bool) -> Self {
        let mut table = Table {
            address,
            part: None,
            columns,
            index: Box::default(),
            open,
            tainted: open,
            origin: None,
            steps: 0,
        };
        table.index_columns();
        table
    }

    fn index_columns(&mut self) {
        let mut places: Vec<usize> = (0..self.columns.len()).collect();
        places.sort_by(|a, b| self.columns[*a].name.cmp(&self.columns[*b].name));
        self.index = places.into_boxed_slice();
    }

    /// The column of this name.
    pub(crate) fn column(&self, name: &str) -> Option<&TableColumn> {
        let of = |place: &usize| self.columns[*place].name.as_str();
        // Of two of one name the later one counts.
        let behind = self.index.partition_point(|place| of(place) <= name);
        let place = self.index[..behind].last()?;
        (of(place) == name).then(|| &self.columns[*place])
    }

    /// The names of the columns, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The columns as a provider knows them; those in error are left out.
    pub(crate) fn table_type(&self) -> TableType {
        TableType {
            columns: self
                .columns
                .iter()
                .filter_map(TableColumn::column)
                .collect(),
        }
    }

    /// The table that a step at `address` makes of this one.
    fn next(
        self: &Arc<Self>,
        address: &Address,
        origin: Origin,
        columns: Vec<TableColumn>,
    ) -> Table {
        let mut table = Table::new(address.clone(), columns, self.open);
        table.tainted = self.tainted;
        table.steps = self.steps + 1;
        table.origin = Some(origin);
        table
    }
}

impl TableColumn {
    /// Its type as a person writes it; none if that is in error.
    pub(crate) fn shown_type(&self) -> Option<String> {
        let known = self.column_type?;
        let mark = if known.nullable { "?" } else { "" };
        Some(match &self.cells {
            Cells::Plain => known.to_string(),
            Cells::Amount(_, unit) => format!("money({unit}){mark}"),
            Cells::Vector => format!("vector{mark}"),
        })
    }

    /// The column as a provider knows it, if its type is known.
    pub(crate) fn column(&self) -> Option<Column> {
        if self.cells == Cells::Vector {
            return None;
        }
        Some(Column {
            name: self.name.clone(),
            column_type: self.column_type?,
            classes: self.classes.clone(),
        })
    }
}

/// What a type function must know of the step that it is used for.
pub(crate) struct Making<'m> {
    pub(crate) address: &'m Address,
    pub(crate) operation: &'m str,
    pub(crate) each_row: bool,
}

impl Making<'_> {
    fn origin(&self, from: &Arc<Table>, change: Change) -> Origin {
        Origin {
            from: Arc::clone(from),
            operation: self.operation.to_owned(),
            each_row: self.each_row,
            change,
        }
    }
}

/// The table with columns added.
pub(crate) fn extend(
    data: &Arc<Table>,
    making: &Making<'_>,
    added: Vec<(TableColumn, Option<RowExpression>)>,
) -> Table {
    let mut columns = data.columns.clone();
    let mut expressions = Vec::new();
    for (column, expression) in added {
        if let Some(expression) = expression {
            expressions.push((column.name.clone(), expression));
        }
        columns.push(column);
    }
    data.next(
        making.address,
        making.origin(data, Change::Extend(expressions)),
        columns,
    )
}

/// One entry of a body that rewrites columns.
pub(crate) struct Rewriting<'r> {
    pub(crate) column: String,
    pub(crate) case: &'r Case,
    pub(crate) value: Value,
    /// The classes that the case adds, with what they imply.
    pub(crate) added: BTreeSet<String>,
    pub(crate) span: Span,
}

/// The table with columns rewritten, each as its case declares.
pub(crate) fn rewrite(
    data: &Arc<Table>,
    making: &Making<'_>,
    rewritings: &[Rewriting<'_>],
) -> Table {
    let by_name: BTreeMap<&str, &Rewriting<'_>> = rewritings
        .iter()
        .map(|rewriting| (rewriting.column.as_str(), rewriting))
        .collect();
    let mut columns = Vec::new();
    for column in &data.columns {
        let Some(rewriting) = by_name.get(column.name.as_str()) else {
            columns.push(column.clone());
            continue;
        };
        let mut column = column.clone();
        match rewriting.case.result {
            CaseResult::Nothing => continue,
            CaseResult::Same => {}
            CaseResult::Base(base) => {
                column.cells = Cells::Plain;
                let nullable = column.column_type.is_some_and(|known| known.nullable);
                column.column_type = Some(ColumnType { base, nullable });
            }
        }
        column
            .classes
            .retain(|class| !rewriting.case.clears.contains(class));
        column.classes.extend(rewriting.added.iter().cloned());
        column.span = rewriting.span;
        columns.push(column);
    }
    let entries = rewritings
        .iter()
        .map(|r| (r.column.clone(), r.value.clone()))
        .collect();
    data.next(
        making.address,
        making.origin(data, Change::Rewrite(entries)),
        columns,
    )
}

/// The table with a column of vectors, made from the texts in one of its columns. An endpoint does
/// not make it, so its replay ends here.
pub(crate) fn embedded(
    data: &Arc<Table>,
    making: &Making<'_>,
    from: &TableColumn,
    added: &str,
    span: Span,
) -> Table {
    let nullable = from.column_type.is_some_and(|known| known.nullable);
    let mut columns = data.columns.clone();
    columns.push(TableColumn {
        name: added.to_owned(),
        column_type: from.column_type.map(|_| ColumnType {
            base: ColumnBase::Float,
            nullable,
        }),
        cells: Cells::Vector,
        classes: from.classes.clone(),
        span,
    });
    let change = Change::Embed {
        from: from.name.clone(),
        added: added.to_owned(),
    };
    data.next(making.address, making.origin(data, change), columns)
}

/// The table without missing cells.
pub(crate) fn known(data: &Arc<Table>, making: &Making<'_>) -> Table {
    let mut columns = data.columns.clone();
    let mut made_known = BTreeSet::new();
    for column in &mut columns {
        if let Some(column_type) = &mut column.column_type
            && column_type.nullable
        {
            column_type.nullable = false;
            made_known.insert(column.name.clone());
        }
    }
    data.next(
        making.address,
        making.origin(data, Change::Known(made_known)),
        columns,
    )
}

/// One part of the table: the same columns.
pub(crate) fn part(data: &Arc<Table>, making: &Making<'_>, name: &str) -> Table {
    let origin = making.origin(data, Change::Rows);
    let mut table = data.next(making.address, origin, data.columns.clone());
    table.part = Some(name.to_owned());
    table
}
