//! Where data goes: every table in the order in which data flows, and where its columns come from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlinfra_api::{Address, Reference, RowExpression, Value};

use crate::check::Checker;
use crate::program::{Block, ColumnFlow, ResultFlow, TableFlow};
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

/// What an endpoint gives: it carries what its model learned from.
const ANSWERS: &str = "answers";

impl Checker<'_> {
    /// What is no table, with the classes of everything that was read for it.
    pub(crate) fn result_flow(&self) -> Vec<ResultFlow> {
        let mut all = Vec::new();
        for id in self.as_written() {
            let Some(block) = self.blocks.get(id) else {
                continue;
            };
            let result = match (&block.step, self.evaluated(id)) {
                (Some(_), Some(term)) => match &term.term_type {
                    Type::Table(_) | Type::Parts(_) | Type::Error => None,
                    Type::Opaque(name) => Some((name.to_string(), self.classes_read(block))),
                    of => Some((of.to_string(), classes_of(of))),
                },
                (None, _) => self
                    .answers(block)
                    .map(|classes| (ANSWERS.to_owned(), classes)),
                _ => None,
            };
            all.extend(result.map(|(what, classes)| ResultFlow {
                block: block.address.clone(),
                what,
                classes,
            }));
        }
        all
    }

    /// The classes of what flowed into a step.
    fn classes_read(&self, block: &Block) -> BTreeSet<String> {
        let arguments = block.step.iter().flat_map(|step| step.arguments.values());
        let mut classes = BTreeSet::new();
        for argument in arguments {
            let columns = argument.table.iter().flat_map(|table| &table.columns);
            classes.extend(columns.flat_map(|column| column.classes.iter().cloned()));
            let reference = argument.value.as_reference();
            classes.extend(
                reference
                    .into_iter()
                    .flat_map(|to| self.classes_at(&to.address)),
            );
        }
        classes
    }

    fn classes_at(&self, address: &Address) -> BTreeSet<String> {
        let id = self.addresses.get(address);
        let term = id.and_then(|id| self.evaluated(*id));
        match term.map(|term| &term.term_type) {
            Some(of @ (Type::Weights(_) | Type::Release(_) | Type::Made(_))) => classes_of(of),
            _ => BTreeSet::new(),
        }
    }

    /// The classes of what a block answers with: those of the releases that it serves.
    fn answers(&self, block: &Block) -> Option<BTreeSet<String>> {
        let mut served = None;
        for field in block.fields.values() {
            let Some(reference) = field.value.as_reference() else {
                continue;
            };
            let id = *self.addresses.get(&reference.address)?;
            if let Some(Type::Release(fitted)) = self.evaluated(id).map(|term| &term.term_type) {
                let of = Type::Release(Arc::clone(fitted));
                served
                    .get_or_insert_with(BTreeSet::new)
                    .extend(classes_of(&of));
            }
        }
        served
    }
}

/// The classes of everything that was read for a result.
fn classes_of(of: &Type) -> BTreeSet<String> {
    let all = |table: &Table| -> BTreeSet<String> {
        let classes = table.columns.iter().flat_map(|column| &column.classes);
        classes.cloned().collect()
    };
    match of {
        Type::Made(made) => all(&made.data),
        Type::Weights(fitted) | Type::Release(fitted) => match &fitted.model {
            None => all(&fitted.data),
            Some(model) => {
                let read = |column: &&TableColumn| {
                    column.name == model.label || model.features.column(&column.name).is_some()
                };
                let columns = fitted.data.columns.iter().filter(read);
                columns
                    .flat_map(|column| column.classes.iter().cloned())
                    .collect()
            }
        },
        _ => BTreeSet::new(),
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
            return TableFlow {
                table: name,
                from: None,
                columns: columns.filter_map(|c| column(c, Way::default())).collect(),
                dropped: Vec::new(),
            };
        };
        let from = reference(&origin.from);
        let before = self.places.get(&from).map(|place| &self.tables[*place]);
        let columns = before.iter().flat_map(|table| &table.columns);
        let known: BTreeMap<&str, &ColumnFlow> = columns.map(|c| (c.name.as_str(), c)).collect();
        let added: BTreeMap<&str, &RowExpression> = match &origin.change {
            Change::Extend(added) => added.iter().map(|(n, e)| (n.as_str(), e)).collect(),
            _ => BTreeMap::new(),
        };
        let rewritten: BTreeMap<&str, &Value> = match &origin.change {
            Change::Rewrite(all) => all.iter().map(|(n, v)| (n.as_str(), v)).collect(),
            _ => BTreeMap::new(),
        };
        let made = |c: &TableColumn| {
            if let Some(expression) = added.get(c.name.as_str()) {
                return column(c, Way::made(columns_of(expression), &known));
            }
            if let Change::Embed { from, added } = &origin.change
                && *added == c.name
            {
                return column(c, Way::made(vec![from.clone()], &known));
            }
            let masking = rewritten.get(c.name.as_str());
            let masking = masking.map(|value| self.written(&table.address, &c.name, value));
            let was = known.get(c.name.as_str()).copied();
            column(c, Way::through(&c.name, was, masking, &table.address))
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
            .and_then(|id| self.checker.blocks.get(*id))
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

/// How a column came to be what it is.
#[derive(Default)]
struct Way {
    from: Vec<String>,
    masking: Option<String>,
    masked_by: BTreeSet<Address>,
    made: bool,
    coarsened: Option<String>,
}

impl Way {
    /// Made from these columns. Those without a class say nothing about anybody: they count only
    /// where no other is there.
    fn made(from: Vec<String>, known: &BTreeMap<&str, &ColumnFlow>) -> Self {
        let read = from.iter().filter_map(|name| known.get(name.as_str()));
        let (classed, plain): (Vec<&ColumnFlow>, Vec<&ColumnFlow>) =
            read.copied().partition(|column| !column.classes.is_empty());
        let counted = if classed.is_empty() { plain } else { classed };
        let all_masked = counted.iter().all(|column| !column.masked_by.is_empty());
        let steps = counted.iter().flat_map(|column| &column.masked_by);
        Way {
            masked_by: steps.filter(|_| all_masked).cloned().collect(),
            from,
            masking: None,
            made: true,
            coarsened: None,
        }
    }

    /// Taken over from the table before, masked there or not. A masking of what was made of exact
    /// cells does not count: `age * 1000` tells the age however it is rounded, and so do `age + 1`
    /// and `age + 2` together.
    fn through(
        name: &str,
        was: Option<&ColumnFlow>,
        masking: Option<String>,
        step: &Address,
    ) -> Self {
        let mut way = Way {
            from: vec![name.to_owned()],
            ..Way::default()
        };
        if let Some(was) = was {
            way.masked_by.clone_from(&was.masked_by);
            way.made = was.made;
            way.coarsened.clone_from(&was.coarsened);
        }
        if let Some(masking) = masking {
            let classed = was.is_some_and(|was| !was.classes.is_empty());
            if !(way.made && way.masked_by.is_empty() && classed) {
                way.masked_by.insert(step.clone());
            }
            way.coarsened = Some(masking.clone());
            way.masking = Some(masking);
        }
        way
    }
}

fn column(column: &TableColumn, way: Way) -> Option<ColumnFlow> {
    Some(ColumnFlow {
        name: column.name.clone(),
        span: column.span,
        column_type: column.column_type?,
        shown_type: column.shown_type()?,
        classes: column.classes.clone(),
        from: way.from,
        masking: way.masking,
        masked_by: way.masked_by,
        made: way.made,
        coarsened: way.coarsened,
    })
}
