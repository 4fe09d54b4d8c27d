//! What a table looks like, without a cell of it: stored beside every table that a step makes.

use std::collections::BTreeMap;

use mlinfra_api::ColumnType;
use serde::{Deserialize, Serialize};

use crate::stored::Stored;

/// The object with the [`TableProfile`] of a whole result.
pub const PROFILE_OBJECT: &str = "profile.json";

/// The format of [`TableProfile`].
pub const PROFILE_FORMAT: u32 = 1;

/// The object with the profile of a part: `train.profile.json`.
pub fn part_profile_object(part: &str) -> String {
    format!("{part}.{PROFILE_OBJECT}")
}

/// Categories with fewer rows than this are joined as `other`: a rare one may tell who it was.
pub const CATEGORY_ROWS_MIN: u64 = 5;

/// A column of numbers with fewer present cells has no mean, no deviation and no bins.
pub const PRESENT_CELLS_MIN: u64 = 5;

/// A bin with fewer cells is joined with its neighbour, and an outer one also where it is empty:
/// otherwise the edge beside it would say where the smallest or the largest cell lies.
pub const BIN_ROWS_MIN: u64 = 5;

/// The most bins of a column of numbers.
pub const BINS_MAX: usize = 20;

/// The most categories that a profile names.
pub const CATEGORIES_MAX: usize = 50;

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableProfile {
    /// [`PROFILE_FORMAT`].
    pub format: u32,
    /// How many rows it has.
    pub rows: u64,
    /// Its columns, in order.
    pub columns: Vec<ColumnProfile>,
}

impl Default for TableProfile {
    fn default() -> Self {
        TableProfile {
            format: PROFILE_FORMAT,
            rows: 0,
            columns: Vec::new(),
        }
    }
}

impl Stored for TableProfile {
    const FORMAT: u32 = PROFILE_FORMAT;
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// In how many rows it is missing.
    pub missing: u64,
    /// How its cells are spread.
    pub spread: Spread,
}

/// How a column's present cells are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Spread {
    /// Of an int or float column with at least [`PRESENT_CELLS_MIN`] present cells.
    Numbers {
        /// Their mean, rounded to four digits.
        mean: f64,
        /// Their standard deviation (divided by their count), rounded to four digits.
        standard_deviation: f64,
        /// The edges between bins: round numbers, ascending. Bin 0 lies below the first edge, bin i
        /// from edge i-1 up to edge i (not included), the last from the last edge on. None lies
        /// below the fifth smallest cell or above the fifth largest.
        edges: Vec<f64>,
        /// One count a bin: one more than there are edges, at most [`BINS_MAX`]. The outer bins
        /// have at least [`BIN_ROWS_MIN`] cells, one between them has as many or none.
        counts: Vec<u64>,
    },
    /// Of a category column.
    Categories {
        /// Rows by category, for those with at least [`CATEGORY_ROWS_MIN`].
        counts: BTreeMap<String, u64>,
        /// The rows of all others.
        other: u64,
    },
    /// Of a bool column.
    Flags {
        /// How many are true.
        yes: u64,
        /// How many are false.
        no: u64,
    },
    /// Of free text and dates, and of numbers of which too few are present: nothing is kept.
    Hidden,
}
