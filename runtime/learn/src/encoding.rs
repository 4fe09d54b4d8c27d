//! How a row becomes numbers: one input for each category, standardised numbers, flags.
//!
//! It is fitted on the training data and kept in the model, so that serving does the same:
//!
//! | column | inputs |
//! |---|---|
//! | category | one for each text seen in training, sorted: 1 at the cell's text |
//! | int, float | (x − mean) / standard deviation, within ±10⁶; 0 if the column was constant |
//! | bool | 0 or 1 |
//!
//! A text that was never seen in training sets no input: the column says nothing of that row.
//!
//! A column that may be missing has one more input if a cell of it was missing in training: 1
//! where it is missing, and the column's other inputs are 0 there. Was none missing in training, a
//! missing cell sets nothing, like an unknown text.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use mlinfra_api::{ColumnBase, ColumnType, TableType};
use serde::{Deserialize, Serialize};

use crate::columns::{self, Cells};
use crate::fault::{self, LearnFault};
use crate::limits;

/// What was fitted, one entry for each feature, in the order of the features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    columns: Vec<ColumnEncoding>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnEncoding {
    name: String,
    #[serde(rename = "type")]
    column_type: ColumnType,
    kind: Kind,
    /// Whether a missing cell has an input of its own, the last one of the column.
    missing: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Kind {
    Category {
        vocabulary: Vec<String>,
    },
    /// A deviation of 0 marks a column that was constant.
    Number {
        mean: f64,
        deviation: f64,
    },
    Flag,
}

/// Rows as lists of inputs that are not 0 by construction, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows {
    /// Where each row starts, and the end.
    pub(crate) starts: Vec<usize>,
    pub(crate) inputs: Vec<u32>,
    pub(crate) values: Vec<f32>,
}

impl Rows {
    pub(crate) fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// The inputs of a row and their values.
    pub(crate) fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.inputs[range.clone()], &self.values[range])
    }
}

impl Encoding {
    /// Fits every feature to its column, in row order.
    pub fn fit(features: &TableType, data: &RecordBatch) -> Result<Self, LearnFault> {
        let mut columns = Vec::with_capacity(features.columns.len());
        for column in &features.columns {
            check_type(&column.name, column.column_type)?;
            let cells = columns::read(data, &column.name, column.column_type)?;
            columns.push(ColumnEncoding {
                name: column.name.clone(),
                column_type: column.column_type,
                kind: fit_kind(&column.name, &cells, data.num_rows())?,
                missing: cells.missing_count() > 0,
            });
        }
        let encoding = Encoding { columns };
        encoding.check_width()?;
        Ok(encoding)
    }

    /// How many numbers a row becomes.
    pub fn width(&self) -> usize {
        self.columns.iter().map(ColumnEncoding::width).sum()
    }

    /// The texts of a category column seen in training, sorted.
    pub fn vocabulary(&self, column: &str) -> Option<&[String]> {
        let found = self.columns.iter().find(|known| known.name == column)?;
        match &found.kind {
            Kind::Category { vocabulary } => Some(vocabulary),
            Kind::Number { .. } | Kind::Flag => None,
        }
    }

    /// What each input stands for: `savings=A61`, `age`, `savings missing`.
    pub fn input_names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.width());
        for column in &self.columns {
            match &column.kind {
                Kind::Category { vocabulary } => {
                    names.extend(
                        vocabulary
                            .iter()
                            .map(|text| format!("{}={text}", column.name)),
                    );
                }
                Kind::Number { .. } | Kind::Flag => names.push(column.name.clone()),
            }
            if column.missing {
                names.push(format!("{} missing", column.name));
            }
        }
        names
    }

    /// Encodes every row of the data, which may have other columns too.
    pub(crate) fn encode(&self, data: &RecordBatch) -> Result<Rows, LearnFault> {
        let columns: Vec<(Cells, &ColumnEncoding)> = self
            .columns
            .iter()
            .map(|column| {
                Ok((
                    columns::read(data, &column.name, column.column_type)?,
                    column,
                ))
            })
            .collect::<Result<_, LearnFault>>()?;
        let cells = data.num_rows() * columns.len();
        let mut rows = Rows {
            starts: Vec::with_capacity(data.num_rows() + 1),
            inputs: Vec::with_capacity(cells),
            values: Vec::with_capacity(cells),
        };
        rows.starts.push(0);
        for row in 0..data.num_rows() {
            let mut first = 0;
            for (cells, column) in &columns {
                if let Some((offset, value)) = column.entry(cells, row) {
                    rows.inputs.push((first + offset) as u32);
                    rows.values.push(value);
                }
                first += column.width();
            }
            rows.starts.push(rows.inputs.len());
        }
        Ok(rows)
    }

    /// Whether this, read from a file, is what `fit` could have made for these features.
    pub(crate) fn check(&self, features: &TableType) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        if self.columns.len() != features.columns.len() {
            return Err("features and encodings differ in number".to_owned());
        }
        for (column, feature) in self.columns.iter().zip(&features.columns) {
            if column.name != feature.name || column.column_type != feature.column_type {
                return Err("features and encodings differ".to_owned());
            }
            if !seen.insert(&column.name) {
                return Err("a feature is there twice".to_owned());
            }
            column.check()?;
        }
        self.check_width().map_err(|fault| fault.message)
    }

    fn check_width(&self) -> Result<(), LearnFault> {
        let width = self
            .columns
            .iter()
            .try_fold(0_usize, |sum, column| sum.checked_add(column.width()));
        match width {
            Some(0) => Err(
                LearnFault::new(fault::EMPTY, "no feature is left to learn from.")
                    .help("Exclude fewer columns."),
            ),
            Some(width) if width <= limits::INPUTS_MAX => Ok(()),
            _ => Err(LearnFault::new(
                fault::SIZE,
                format!(
                    "the features become more than {} numbers a row, one for each distinct text.",
                    limits::INPUTS_MAX
                ),
            )
            .help("Exclude the category with the most distinct texts, or derive a coarser one.")),
        }
    }
}

impl ColumnEncoding {
    fn width(&self) -> usize {
        let own = match &self.kind {
            Kind::Category { vocabulary } => vocabulary.len(),
            Kind::Number { .. } | Kind::Flag => 1,
        };
        own + usize::from(self.missing)
    }

    /// The one input that a cell sets, within the column, and its value.
    fn entry(&self, cells: &Cells, row: usize) -> Option<(usize, f32)> {
        if cells.is_missing(row) {
            return self.missing.then(|| (self.width() - 1, 1.0));
        }
        match (&self.kind, cells) {
            (Kind::Category { vocabulary }, Cells::Text(array)) => {
                let text = array.value(row);
                let found = vocabulary.binary_search_by(|known| known.as_str().cmp(text));
                found.ok().map(|slot| (slot, 1.0))
            }
            (Kind::Number { deviation: 0.0, .. }, _) => None,
            (Kind::Number { mean, deviation }, _) => {
                let scaled = (cells.number(row) - mean) / deviation;
                let bounded = scaled.clamp(-limits::DEVIATIONS_MAX, limits::DEVIATIONS_MAX);
                Some((0, bounded as f32))
            }
            (Kind::Flag, _) => Some((0, cells.number(row) as f32)),
            (Kind::Category { .. }, _) => {
                unreachable!("a category's column was read as texts")
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        let base = self.column_type.base;
        match &self.kind {
            Kind::Category { vocabulary } => {
                let sorted = vocabulary.windows(2).all(|pair| pair[0] < pair[1]);
                if base != ColumnBase::Category || !sorted {
                    return Err("a category's texts are not sorted".to_owned());
                }
                if vocabulary.len() > limits::CATEGORIES_PER_COLUMN_MAX {
                    return Err("a category has too many texts".to_owned());
                }
            }
            Kind::Number { mean, deviation } => {
                let number = matches!(base, ColumnBase::Int | ColumnBase::Float);
                if !number || !mean.is_finite() || !deviation.is_finite() || *deviation < 0.0 {
                    return Err("a number's scale is none".to_owned());
                }
            }
            Kind::Flag if base != ColumnBase::Bool => {
                return Err("a flag is no bool".to_owned());
            }
            Kind::Flag => {}
        }
        if self.missing && !self.column_type.nullable {
            return Err("a column that can't be missing has an input for it".to_owned());
        }
        Ok(())
    }
}

/// Refuses what a tabular model can't learn from.
pub(crate) fn check_type(name: &str, column_type: ColumnType) -> Result<(), LearnFault> {
    let help = match column_type.base {
        ColumnBase::Int | ColumnBase::Float | ColumnBase::Bool | ColumnBase::Category => {
            return Ok(());
        }
        ColumnBase::String => "Exclude it; if it holds one of few texts, declare it `category`.",
        ColumnBase::Date => "Exclude it; derive a number from it first if it matters.",
    };
    Err(LearnFault::new(
        fault::FEATURE_TYPE,
        format!("feature `{name}` is a {column_type}, which a tabular model can't learn from."),
    )
    .help(help))
}

fn fit_kind(name: &str, cells: &Cells, rows: usize) -> Result<Kind, LearnFault> {
    match cells {
        Cells::Text(array) => {
            let texts: BTreeSet<&str> = array.iter().flatten().collect();
            if texts.len() > limits::CATEGORIES_PER_COLUMN_MAX {
                return Err(LearnFault::new(
                    fault::SIZE,
                    format!(
                        "category `{name}` has {} distinct texts; the limit is {}.",
                        texts.len(),
                        limits::CATEGORIES_PER_COLUMN_MAX
                    ),
                )
                .help("Exclude it, or derive a coarser category."));
            }
            let vocabulary = texts.into_iter().map(str::to_owned).collect();
            Ok(Kind::Category { vocabulary })
        }
        Cells::Flag(_) => Ok(Kind::Flag),
        Cells::Int(_) | Cells::Float(_) => fit_number(name, cells, rows),
    }
}

/// Mean and standard deviation of the cells that are there, summed in row order.
fn fit_number(name: &str, cells: &Cells, rows: usize) -> Result<Kind, LearnFault> {
    let present = || (0..rows).filter(|row| !cells.is_missing(*row));
    let count = present().count().max(1) as f64;
    let mean = present().map(|row| cells.number(row)).sum::<f64>() / count;
    // Differences are taken relative to the largest, so that no square overflows.
    let difference = |row: usize| cells.number(row) - mean;
    let largest = present()
        .map(|row| difference(row).abs())
        .fold(0.0, f64::max);
    let squares: f64 = present()
        .map(|row| (difference(row) / largest).powi(2))
        .sum();
    let deviation = if largest > 0.0 {
        largest * (squares / count).sqrt()
    } else {
        0.0
    };
    if !mean.is_finite() || !deviation.is_finite() {
        return Err(LearnFault::new(
            fault::CELL,
            format!("the numbers of column `{name}` are too large to be standardised."),
        )
        .help("Derive a column with smaller numbers, for instance `log1p` of it."));
    }
    // Rounding alone leaves a trace of the mean in the deviation of a constant column.
    let constant = deviation <= mean.abs() * 1e-12;
    let deviation = if constant { 0.0 } else { deviation };
    Ok(Kind::Number { mean, deviation })
}
