//! The data: what tables look like, where they come from, and where each column goes.

use std::collections::BTreeMap;

use minijinja::{Value, context};
use mlinfra_runtime_spec::profile::{ColumnProfile, Spread};

use super::{figure, list, texts};
use crate::chart;
use crate::input::{
    ColumnUse, Flow, FlowCell, FlowChange, FlowColumn, Lineage, Node, Policy, Table,
};
use crate::lineage;
use crate::text::{amount, count, counted, percent};

/// What one table looks like.
pub(crate) fn profile(table: &Table) -> Value {
    let profile = &table.profile;
    let columns = profile
        .columns
        .iter()
        .map(|column| self::column(column, profile.rows));
    context! {
        name => table.name.as_str(),
        about => format!(
            "{}, {}, {}. Only bins, and categories of several rows, are kept: no cell is here.",
            table.role,
            counted(profile.rows, "row"),
            counted(profile.columns.len() as u64, "column"),
        ),
        columns => list(columns),
    }
}

fn column(column: &ColumnProfile, rows: u64) -> Value {
    let mut words = vec![column.column_type.to_string()];
    match &column.spread {
        Spread::Numbers {
            mean,
            standard_deviation,
            ..
        } => {
            words.push(format!("mean {}", amount(*mean)));
            words.push(format!(
                "standard deviation {}",
                amount(*standard_deviation)
            ));
        }
        Spread::Categories { counts, other } => {
            words.push(format!("{} categories named", counts.len()));
            if *other > 0 {
                words.push(format!("{} in others", counted(*other, "row")));
            }
        }
        Spread::Flags { yes, no } => {
            let share = if yes + no == 0 {
                f64::NAN
            } else {
                *yes as f64 / (yes + no) as f64
            };
            words.push(format!("{} true", percent(share)));
        }
        Spread::Hidden => words.push("nothing of its cells is kept".to_owned()),
    }
    words.push(match column.missing {
        0 => "none missing".to_owned(),
        missing if rows == 0 => format!("{} missing", count(missing)),
        missing => format!("{} missing", percent(missing as f64 / rows as f64)),
    });
    context! {
        name => column.name.as_str(),
        figure => figure(chart::spread::plot(column), words.join(", ")),
    }
}

/// The drawing of the lineage and the table that says the same; none without nodes.
pub(crate) fn lineage(lineage: &Lineage) -> Option<Value> {
    if lineage.nodes.is_empty() {
        return None;
    }
    let names = lineage
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node.name.as_str()));
    let names: BTreeMap<&str, &str> = names.collect();
    let rows = lineage.nodes.iter().map(|node| {
        let sources = lineage.edges.iter().filter(|edge| edge.to == node.id);
        let sources: Vec<String> = sources
            .map(|edge| {
                let name = names.get(edge.from.as_str()).copied().unwrap_or_default();
                match edge.label.as_str() {
                    "" => name.to_owned(),
                    label => format!("{name} ({label})"),
                }
            })
            .collect();
        row(node, &sources.join(", "))
    });
    Some(context! {
        svg => Value::from_safe_string(lineage::svg(lineage)),
        rows => list(rows),
    })
}

fn row(node: &Node, sources: &str) -> Value {
    let kind = node.kind.word();
    context! {
        name => node.name.as_str(),
        kind => kind,
        text => node.text.as_str(),
        sources => sources,
        exists => node.exists,
    }
}

/// Where each column goes; none without columns.
pub(crate) fn flow(flow: &Flow) -> Option<Value> {
    if flow.columns.is_empty() {
        return None;
    }
    let tables = flow.tables.iter().map(|table| {
        context! { name => table.name.as_str(), operation => table.operation.as_str() }
    });
    Some(context! {
        tables => list(tables),
        columns => list(flow.columns.iter().map(flow_column)),
        has_uses => flow.columns.iter().any(|column| !column.uses.is_empty()),
    })
}

fn flow_column(column: &FlowColumn) -> Value {
    let mut before: Option<&FlowCell> = None;
    let mut cells = Vec::new();
    for cell in &column.cells {
        let (state, text) = change(&cell.change);
        // Classes are said where they begin or change.
        let is_there = !matches!(cell.change, FlowChange::Absent | FlowChange::Dropped);
        let is_new = is_there && before.is_none_or(|before| before.classes != cell.classes);
        let lost = is_new && cell.classes.is_empty() && before.is_some();
        cells.push(context! {
            state => state,
            text => text,
            classes => match is_new {
                true => texts(&cell.classes),
                false => list([]),
            },
            lost => lost,
        });
        if is_there {
            before = Some(cell);
        }
    }
    let uses = column.uses.iter().map(|usage| {
        let (class, text) = match usage {
            ColumnUse::Learned => ("learned", "learned from"),
            ColumnUse::Label => ("label", "what is learned"),
            ColumnUse::Excluded => ("excluded", "kept from the model"),
            ColumnUse::Judged => ("judged", "judged by"),
            ColumnUse::Asked => ("asked", "asked for"),
        };
        context! { class => class, text => text }
    });
    context! {
        name => column.name.as_str(),
        column_type => column.column_type.as_str(),
        cells => list(cells),
        uses => list(uses),
    }
}

fn change(change: &FlowChange) -> (&'static str, String) {
    match change {
        FlowChange::Absent => ("absent", String::new()),
        FlowChange::Read => ("read", "read".to_owned()),
        FlowChange::Same => ("same", "same".to_owned()),
        FlowChange::Made { from } if from.is_empty() => ("made", "made".to_owned()),
        FlowChange::Made { from } => ("made", format!("from {}", from.join(", "))),
        FlowChange::Masked { masking } => ("masked", masking.clone()),
        FlowChange::Dropped => ("dropped", "dropped".to_owned()),
    }
}

/// What the policies say; none without policies.
pub(crate) fn policies(policies: &[Policy]) -> Option<Value> {
    if policies.is_empty() {
        return None;
    }
    const STATES: [(&str, &str, &str); 4] = [
        ("fail", "bad", "✖"),
        ("unknown", "open", "○"),
        ("manual", "open", "○"),
        ("pass", "good", "✔"),
    ];
    let of = |status: &str| policies.iter().filter(move |p| p.status == status).count();
    let counts = STATES.iter().filter(|(status, ..)| of(status) > 0);
    let counts = counts.map(|(status, state, sign)| {
        context! { count => of(status), status => *status, state => *state, sign => *sign }
    });
    let rows = STATES.iter().flat_map(|(status, state, sign)| {
        let matching = policies
            .iter()
            .filter(move |policy| policy.status == *status);
        matching.map(move |policy| {
            context! {
                state => *state,
                sign => *sign,
                status => *status,
                name => policy.name.as_str(),
                pack => policy.pack.clone(),
                title => policy.title.as_str(),
                severity => policy.severity.as_str(),
                cites => policy.cites.join(", "),
                subject => policy.subject.as_str(),
                message => policy.message.as_str(),
                is_open => *status != "pass",
            }
        })
    });
    Some(context! { counts => list(counts), rows => list(rows) })
}
