//! From file to endpoint, and where each column goes.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Reference, Value, Verdict};
use mlinfra_check::{Block, Program, TableFlow};
use mlinfra_report::{
    ColumnUse, Edge, Flow, FlowCell, FlowChange, FlowColumn, FlowTable, Lineage, Model, Node,
    NodeKind,
};

use super::{Sources, dotted, named};
use crate::flow::journeys;

/// Files, tables, models, evaluations and endpoints, and what comes from what.
pub(super) fn lineage(sources: &Sources<'_>, models: &[Model]) -> Lineage {
    let mut lineage = Lineage::default();
    for block in &sources.program.blocks {
        let is_endpoint = block.role.as_deref() == Some("endpoint");
        if block.step.is_none() && block.table.is_none() && !is_endpoint {
            continue;
        }
        if let Some(file) = file(block, sources) {
            let id = format!("file {file}");
            let to = block.address.to_string();
            if lineage.nodes.iter().all(|node| node.id != id) {
                lineage.nodes.push(Node {
                    id: id.clone(),
                    name: file,
                    text: "file".to_owned(),
                    kind: NodeKind::File,
                    exists: true,
                });
            }
            lineage.edges.push(edge(&id, &to, String::new()));
        }
        lineage.nodes.push(node(block, sources, models));
        lineage.edges.extend(edges(block));
    }
    lineage
}

fn edge(from: &str, to: &str, label: String) -> Edge {
    Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        label,
    }
}

/// The file that a dataset is read from: as recorded, else as written.
fn file(block: &Block, sources: &Sources<'_>) -> Option<String> {
    let state = sources.state(&block.address);
    let recorded = state.and_then(|state| {
        let file = state.resource.properties.get("file")?.as_record()?;
        file.get("path")?.as_text()
    });
    let written = || {
        block.table.as_ref()?;
        let mut cases = block
            .fields
            .values()
            .filter_map(|field| match &field.value {
                Value::Case { name, arguments } if name == "file" => arguments.values().next(),
                _ => None,
            });
        cases.next()?.as_text()
    };
    recorded.or_else(written).map(str::to_owned)
}

fn node(block: &Block, sources: &Sources<'_>, models: &[Model]) -> Node {
    let state = sources.state(&block.address);
    let output = |name: &str| state.and_then(|state| state.outputs.get(name));
    let address = block.address.to_string();
    let judged = models.iter().find(|model| model.judged_by == address);
    let operation = block.step.as_ref().map(|step| step.operation.as_str());
    let mut words = vec![operation.unwrap_or(&block.kind).to_owned()];
    let kind = match (&block.step, judged) {
        (Some(_), Some(model)) => {
            if !model.gates.is_empty() && state.is_some() {
                let holds = model
                    .gates
                    .iter()
                    .filter(|gate| gate.verdict == Verdict::Holds);
                words.push(format!(
                    "{} of {} gates hold",
                    holds.count(),
                    model.gates.len()
                ));
            }
            NodeKind::Evaluation
        }
        (Some(step), None) if step.model.is_some() => NodeKind::Model,
        (None, _) if block.role.as_deref() == Some("endpoint") => {
            let url = output("url").and_then(Value::as_text);
            words.extend(
                url.and_then(|url| url.split_once("://"))
                    .map(|(_, host)| host.to_owned()),
            );
            NodeKind::Endpoint
        }
        _ => NodeKind::Table,
    };
    let count = |name: &str| output(name).and_then(Value::as_int);
    match (kind, count("parameters"), count("rows")) {
        (NodeKind::Model, Some(parameters), _) => words.push(format!("{parameters} parameters")),
        (NodeKind::Table, _, Some(rows)) => words.push(format!("{rows} rows")),
        _ => {}
    }
    let called = output("name").and_then(Value::as_text);
    words.extend(
        called
            .filter(|_| kind == NodeKind::Model)
            .map(str::to_owned),
    );
    Node {
        id: address,
        name: dotted(&block.address),
        text: words.join(", "),
        kind,
        exists: state.is_some(),
    }
}

/// From everything that flows into a block.
fn edges(block: &Block) -> Vec<Edge> {
    let to = block.address.to_string();
    let mut edges = Vec::new();
    let mut add = |parameter: &str, reference: &Reference| {
        let label = match (reference.path.as_slice(), parameter) {
            ([], "gate") => "gate".to_owned(),
            (path, _) => path.join("."),
        };
        let edge = edge(&reference.address.to_string(), &to, label);
        if !edges.contains(&edge) {
            edges.push(edge);
        }
    };
    if let Some(step) = &block.step {
        for (parameter, argument) in &step.arguments {
            argument
                .value
                .for_each_reference(&mut |reference| add(parameter, reference));
        }
    } else if block.role.as_deref() == Some("endpoint") {
        for (name, field) in &block.fields {
            if let Some(reference) = field.value.as_reference() {
                add(name, reference);
            }
        }
    }
    edges
}

/// A column from where it first appears: the table's maker and its name there.
type Origin = (Address, String);

/// Columns by tables.
pub(super) fn flow(program: &Program) -> Flow {
    let mut tables: Vec<&TableFlow> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for table in &program.flow {
        // Parts of one table that have the same columns stand together.
        let same = tables.iter().position(|known| {
            known.table.address == table.table.address && known.columns == table.columns
        });
        match same {
            Some(place) => names[place] += &format!(", {}", table.table.path.join(".")),
            None => {
                tables.push(table);
                names.push(match table.table.path.as_slice() {
                    [] => named(&table.table),
                    part => format!("{}: {}", dotted(&table.table.address), part.join(".")),
                });
            }
        }
    }
    let mut rows = Rows::default();
    program.flow.iter().for_each(|table| rows.follow(table));
    let made_by = |table: &TableFlow| {
        let block = program.block(&table.table.address);
        let step = block.and_then(|block| block.step.as_ref());
        step.map_or_else(|| "ingest".to_owned(), |step| step.operation.clone())
    };
    let uses = uses(program);
    let datasets = program
        .flow
        .iter()
        .filter(|table| table.from.is_none())
        .count();
    let columns = rows
        .origins
        .iter()
        .enumerate()
        .map(|(row, origin)| FlowColumn {
            name: match datasets {
                0 | 1 => origin.1.clone(),
                _ => format!("{}.{}", dotted(&origin.0), origin.1),
            },
            column_type: rows.types[row].clone(),
            cells: tables.iter().map(|table| rows.cell(row, table)).collect(),
            uses: uses.get(origin).cloned().unwrap_or_default(),
        });
    let columns = columns.collect();
    let tables = tables.iter().zip(names);
    Flow {
        tables: tables
            .map(|(table, name)| FlowTable {
                name,
                operation: made_by(table),
            })
            .collect(),
        columns,
    }
}

#[derive(Default)]
struct Rows {
    origins: Vec<Origin>,
    types: Vec<String>,
    /// The row that a column of a table belongs to.
    known: BTreeMap<(Reference, String), usize>,
}

impl Rows {
    fn before(&self, table: &TableFlow, name: &str) -> Option<usize> {
        let from = table.from.clone()?;
        self.known.get(&(from, name.to_owned())).copied()
    }

    fn follow(&mut self, table: &TableFlow) {
        for column in &table.columns {
            let is_carried = column.from.len() == 1 && column.from[0] == column.name;
            let before = self.before(table, &column.name).filter(|_| is_carried);
            let row = before.unwrap_or_else(|| {
                self.origins
                    .push((table.table.address.clone(), column.name.clone()));
                self.types.push(column.column_type.to_string());
                self.origins.len() - 1
            });
            self.known
                .insert((table.table.clone(), column.name.clone()), row);
        }
    }

    fn cell(&self, row: usize, table: &TableFlow) -> FlowCell {
        let found = table.columns.iter().find(|column| {
            let key = (table.table.clone(), column.name.clone());
            self.known.get(&key) == Some(&row)
        });
        let Some(column) = found else {
            let mut dropped = table.dropped.iter();
            let is_dropped = dropped.any(|name| self.before(table, name) == Some(row));
            let change = if is_dropped {
                FlowChange::Dropped
            } else {
                FlowChange::Absent
            };
            return FlowCell {
                change,
                classes: BTreeSet::new(),
            };
        };
        let is_new = self.before(table, &column.name) != Some(row);
        let change = match &column.masking {
            Some(masking) => FlowChange::Masked {
                masking: masking.clone(),
            },
            None if table.from.is_none() => FlowChange::Read,
            None if is_new => FlowChange::Made {
                from: column.from.clone(),
            },
            None => FlowChange::Same,
        };
        FlowCell {
            change,
            classes: column.classes.clone(),
        }
    }
}

/// What models and endpoints do with each column.
fn uses(program: &Program) -> BTreeMap<Origin, BTreeSet<ColumnUse>> {
    let of = |kind: &str| match kind {
        "learned" | "needed" => Some(ColumnUse::Learned),
        "label" => Some(ColumnUse::Label),
        "excluded" => Some(ColumnUse::Excluded),
        "judged" => Some(ColumnUse::Judged),
        "asked" => Some(ColumnUse::Asked),
        _ => None,
    };
    let columns = journeys(program).into_iter().map(|journey| {
        let uses = journey.events.iter().filter_map(|event| of(event.kind));
        ((journey.from, journey.column), uses.collect())
    });
    columns.collect()
}
