//! Where data goes: every table in the order in which data flows, and where its columns come from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlinfra_api::{Address, Reference, RowExpression, Value};

use crate::check::Checker;
use crate::program::{ColumnFlow, TableFlow};
use crate::table::{Change, Table, TableColumn};
use crate::types::Type;

impl Checker<'_> {
    /// Every table of every block, each behind the one that it is made from.
    pub(crate) fn flow(&self) -> Vec<TableFlow> {
        let mut flow = Flow {
            checker: self,
            places: BTreeMap::new(),
            tables: Vec::new(),
        };
        for id in 0..self.nodes.len() {
            match self.evaluated(id).map(|term| &term.term_type) {
                Some(Type::Table(table)) => flow.add(table),
                Some(Type::Parts(parts)) => parts.parts.iter().for_each(|(_, t)| flow.add(t)),
                _ => {}
            }
        }
        flow.tables
    }
}

/// The reference by which a spec names a table.
pub(crate) fn reference(table: &Table) -> Reference {
    Reference {
        address: table.address.clone(),
        path: table.part.iter().cloned().collect(),
    }
}

/// A flow as far as it is known.
struct Flow<'f, 't> {
    checker: &'f Checker<'t>,
    /// Where in `tables` each table stands.
    places: BTreeMap<Reference, usize>,
    tables: Vec<TableFlow>,
}

impl Flow<'_, '_> {
    /// Adds a table and, before it, all that it is made from.
    fn add(&mut self, table: &Arc<Table>) {
        let mut open = Vec::new();
        let mut next = Some(table);
        while let Some(table) = next {
            let name = reference(table);
            if self.places.contains_key(&name) {
                break;
            }
            open.push((name, table));
            next = table.origin.as_ref().map(|origin| &origin.from);
        }
        for (name, table) in open.into_iter().rev() {
            let flow = self.table(name.clone(), table);
            self.places.insert(name, self.tables.len());
            self.tables.push(flow);
        }
    }

    fn table(&self, name: Reference, table: &Table) -> TableFlow {
        let Some(origin) = &table.origin else {
            let columns = table.columns.iter();
            let fresh = columns.filter_map(|c| column(c, Vec::new(), None, BTreeSet::new()));
            return TableFlow {
                table: name,
                from: None,
                columns: fresh.collect(),
                dropped: Vec::new(),
            };
        };
        let from = reference(&origin.from);
        let before = self.places.get(&from).map(|place| &self.tables[*place]);
        let mut masked: BTreeMap<&str, &BTreeSet<Address>> = BTreeMap::new();
        for column in before.iter().flat_map(|table| &table.columns) {
            masked.insert(&column.name, &column.masked_by);
        }
        let added: BTreeMap<&str, &RowExpression> = match &origin.change {
            Change::Extend(added) => added.iter().map(|(n, e)| (n.as_str(), e)).collect(),
            _ => BTreeMap::new(),
        };
        let rewritten: BTreeMap<&str, &Value> = match &origin.change {
            Change::Rewrite(all) => all.iter().map(|(n, v)| (n.as_str(), v)).collect(),
            _ => BTreeMap::new(),
        };
        let of = |name: &str| {
            masked
                .get(name)
                .map_or_else(BTreeSet::new, |by| (*by).clone())
        };
        let made = |c: &TableColumn| {
            if let Some(expression) = added.get(c.name.as_str()) {
                let reads = columns_of(expression);
                let by = masked_by_all(&reads, &of);
                return column(c, reads, None, by);
            }
            let masking = rewritten.get(c.name.as_str());
            let masking = masking.map(|value| self.written(&table.address, &c.name, value));
            let mut by = of(&c.name);
            if masking.is_some() {
                by.insert(table.address.clone());
            }
            column(c, vec![c.name.clone()], masking, by)
        };
        let kept = |column: &&TableColumn| table.column(&column.name).is_none();
        TableFlow {
            table: name,
            from: Some(from),
            columns: table.columns.iter().filter_map(made).collect(),
            dropped: (origin.from.columns.iter().filter(kept))
                .map(|column| column.name.clone())
                .collect(),
        }
    }

    /// An entry of a step as its author wrote it.
    fn written(&self, step: &Address, entry: &str, value: &Value) -> String {
        let span = (self.checker.addresses.get(step))
            .and_then(|id| self.checker.blocks[*id].as_ref())
            .and_then(|block| block.step.as_ref()?.spans.get(entry).copied());
        let text = span.and_then(|span| {
            let file = self.checker.texts.get(span.file.0 as usize)?;
            file.text.get(span.start as usize..span.end as usize)
        });
        text.map_or_else(|| value.to_string(), str::to_owned)
    }
}

/// The columns that an expression reads, each once, in order.
pub(crate) fn columns_of(expression: &RowExpression) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    expression.for_each_column(&mut |name| {
        if seen.insert(name.to_owned()) {
            all.push(name.to_owned());
        }
    });
    all
}

/// The steps that masked what a column is made from; none if one of its sources is not masked.
fn masked_by_all(reads: &[String], of: &dyn Fn(&str) -> BTreeSet<Address>) -> BTreeSet<Address> {
    let mut all = BTreeSet::new();
    for name in reads {
        let by = of(name);
        if by.is_empty() {
            return BTreeSet::new();
        }
        all.extend(by);
    }
    all
}

fn column(
    column: &TableColumn,
    from: Vec<String>,
    masking: Option<String>,
    masked_by: BTreeSet<Address>,
) -> Option<ColumnFlow> {
    Some(ColumnFlow {
        name: column.name.clone(),
        column_type: column.column_type?,
        classes: column.classes.clone(),
        from,
        masking,
        masked_by,
    })
}
