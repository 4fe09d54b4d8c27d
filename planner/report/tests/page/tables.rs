//! The tables of the sample report: what they look like, and where their columns go.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{ColumnBase, ColumnType};
use mlinfra_report::ColumnUse::{Asked, Excluded, Judged, Label, Learned};
use mlinfra_report::FlowChange::{Absent, Dropped, Read, Same};
use mlinfra_report::{ColumnUse, Flow, FlowCell, FlowChange, FlowColumn, FlowTable, Table};
use mlinfra_runtime_spec::profile::{ColumnProfile, Spread, TableProfile};

/// A table with a column of each kind.
pub(crate) fn table(name: &str, role: &str, rows: u64) -> Table {
    let column = |name: &str, base: ColumnBase, missing: u64, spread: Spread| ColumnProfile {
        name: name.to_owned(),
        column_type: ColumnType {
            base,
            nullable: missing > 0,
        },
        missing,
        spread,
    };
    let numbers = |peak: usize, step: f64| Spread::Numbers {
        mean: step * peak as f64,
        standard_deviation: step * 2.0,
        edges: (1..12).map(|edge| f64::from(edge) * step).collect(),
        counts: (0..12)
            .map(|bin: usize| rows / (6 + 4 * bin.abs_diff(peak) as u64))
            .collect(),
    };
    let categories = |count: u64, other: u64| Spread::Categories {
        counts: (1..=count)
            .map(|n| (format!("A{}", 40 + n), rows / (n + 2)))
            .collect(),
        other,
    };
    use ColumnBase::{Bool, Category, Int, String};
    let columns = vec![
        column("status", Category, 0, categories(4, 0)),
        column("month", Int, 0, numbers(3, 6.0)),
        column("purpose", Category, 0, categories(10, 7)),
        column("credit_amount", Int, 0, numbers(1, 2000.0)),
        column("savings", Category, 183, categories(4, 0)),
        column("age", Int, 0, numbers(4, 5.0)),
        column(
            "good",
            Bool,
            0,
            Spread::Flags {
                yes: rows * 7 / 10,
                no: rows * 3 / 10,
            },
        ),
        column("remark", String, 12, Spread::Hidden),
    ];
    Table {
        name: name.to_owned(),
        role: role.to_owned(),
        profile: TableProfile {
            rows,
            columns,
            ..TableProfile::default()
        },
    }
}

/// A column of each fate.
pub(crate) fn flow() -> Flow {
    let tables = [
        ("applicants", "ingest"),
        ("risk.clean", "drop_nulls"),
        ("risk.people", "derive"),
        ("risk.masked", "mask"),
        ("risk.parts: train, test", "split"),
    ];
    let tables = tables.map(|(name, operation)| FlowTable {
        name: name.to_owned(),
        operation: operation.to_owned(),
    });
    let masked = |text: &str| FlowChange::Masked {
        masking: text.to_owned(),
    };
    let made = |from: &str| FlowChange::Made {
        from: vec![from.to_owned()],
    };
    let people = ["personal", "protected"];
    Flow {
        tables: tables.to_vec(),
        columns: vec![
            column(
                "status",
                &[],
                [Read, Same, Same, Same, Same],
                &[Learned, Asked],
            ),
            column(
                "personal_status",
                &people,
                [Read, Same, Same, Dropped, Absent],
                &[],
            ),
            column(
                "age",
                &people,
                [Read, Same, Same, masked("bucket(5)"), Same],
                &[Learned, Asked],
            ),
            column(
                "telephone",
                &["personal"],
                [Read, Same, Same, Dropped, Absent],
                &[],
            ),
            column(
                "sex",
                &people,
                [Absent, Absent, made("personal_status"), Same, Same],
                &[Excluded, Judged],
            ),
            column(
                "good",
                &["label"],
                [Absent, Absent, made("credit"), Same, Same],
                &[Label],
            ),
        ],
    }
}

fn column(
    name: &str,
    classes: &[&str],
    changes: [FlowChange; 5],
    uses: &[ColumnUse],
) -> FlowColumn {
    let classes: BTreeSet<String> = classes.iter().map(ToString::to_string).collect();
    let cell = |change: FlowChange| FlowCell {
        classes: match change {
            Absent | Dropped => BTreeSet::new(),
            _ => classes.clone(),
        },
        change,
    };
    FlowColumn {
        name: name.to_owned(),
        column_type: "category".to_owned(),
        cells: changes.map(cell).to_vec(),
        uses: uses.iter().copied().collect(),
    }
}

/// Numbers and categories of a table without rows.
pub(crate) fn empty_table() -> Table {
    let column = |name: &str, base: ColumnBase, spread: Spread| ColumnProfile {
        name: name.to_owned(),
        column_type: ColumnType {
            base,
            nullable: false,
        },
        missing: 0,
        spread,
    };
    let none = Spread::Numbers {
        mean: 0.0,
        standard_deviation: 0.0,
        edges: Vec::new(),
        counts: vec![0],
    };
    let categories = Spread::Categories {
        counts: BTreeMap::new(),
        other: 0,
    };
    Table {
        name: "empty".to_owned(),
        role: "A table without rows".to_owned(),
        profile: TableProfile {
            rows: 0,
            columns: vec![
                column("number", ColumnBase::Int, none),
                column("category", ColumnBase::Category, categories),
                column("flag", ColumnBase::Bool, Spread::Flags { yes: 0, no: 0 }),
            ],
            ..TableProfile::default()
        },
    }
}
