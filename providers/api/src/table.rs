//! The type of a table: its columns, their types and their data classes.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The columns of a table, in order. Names are distinct.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableType {
    /// The columns, in the order in which the table holds them.
    pub columns: Vec<Column>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What a cell holds.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// The data classes, without `@`: `personal`, `protected`, `label` …
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub classes: BTreeSet<String>,
}

/// What a cell holds, and whether it may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ColumnType {
    /// The type of a present cell.
    pub base: ColumnBase,
    /// Whether a cell may be missing (`?` in the spec).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
}

/// The types a cell can have, and how each is held in memory (Arrow).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnBase {
    /// Int64.
    Int,
    /// Float64; the only binary floating point in the language.
    Float,
    /// Boolean.
    Bool,
    /// Utf8: free text, never a feature of a tabular model.
    String,
    /// Utf8: one of few distinct texts.
    Category,
    /// Date32.
    Date,
}

impl ColumnBase {
    /// The word for it in a spec.
    pub fn word(self) -> &'static str {
        match self {
            ColumnBase::Int => "int",
            ColumnBase::Float => "float",
            ColumnBase::Bool => "bool",
            ColumnBase::String => "string",
            ColumnBase::Category => "category",
            ColumnBase::Date => "date",
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.base.word(),
            if self.nullable { "?" } else { "" }
        )
    }
}

impl TableType {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}
