//! What `evaluate` finds, as it is stored (`evaluation.json`) and reported. Never a cell: groups,
//! bins and categories with few rows are left out or joined.

use std::collections::BTreeMap;

use mlinfra_api::{Figure, Value};
use serde::{Deserialize, Serialize};

use crate::stored::Stored;

/// The object of a report's artifact that holds an [`Evaluation`].
pub const EVALUATION_OBJECT: &str = "evaluation.json";

/// The format of [`Evaluation`].
pub const EVALUATION_FORMAT: u32 = 1;

/// A row whose probability is at least this is selected: its label is predicted to be true. One
/// constant for all, so that an endpoint answers as the model was judged.
pub const THRESHOLD: f64 = 0.5;

/// Where an attribute is missing in a larger share of the rows, its groups are not compared: who
/// has no group may be treated unlike those who have one, and no measure would show it.
pub const MISSING_SHARE_MAX: f64 = 0.2;

/// Everything that `evaluate` found of a model on one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// [`EVALUATION_FORMAT`].
    pub format: u32,
    /// The label's column.
    pub label: String,
    /// How many rows were judged.
    pub rows: u64,
    /// In how many of them the label is true.
    pub positives: u64,
    /// A row counts as selected (predicted true) from this probability on: [`THRESHOLD`].
    pub threshold: f64,
    /// Named measures with their intervals, in the order to show them: `auc`, `accuracy`, …
    pub quality: Vec<Measure>,
    /// From (0, 0) to (1, 1), at most 200 points.
    pub roc: Vec<RocPoint>,
    /// Bins over the probability, of one tenth each; one with few rows is joined with the next.
    /// None if there are fewer than 5 rows in all.
    pub calibration: Vec<CalibrationBin>,
    /// At `threshold`.
    pub confusion: Confusion,
    /// One entry for each attribute and each declared intersection.
    pub fairness: Vec<Fairness>,
    /// Permutation importance, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<Importance>,
    /// Partial dependence, one entry a feature, if asked for.
    pub partial_dependence: Vec<PartialDependence>,
    /// LIME, one entry an explained row, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lime: Option<Lime>,
}

impl Stored for Evaluation {
    const FORMAT: u32 = EVALUATION_FORMAT;
}

/// The measures whose bounds are figures too: `auc_low`, `disparate_impact_high(sex)`.
const BOUNDED: [&str; 6] = [
    "auc",
    "accuracy",
    "precision",
    "recall",
    "brier",
    "disparate_impact",
];

/// The measures between groups that are figures of the step. A report has more of them.
const BETWEEN_GROUPS: [&str; 6] = [
    "disparate_impact",
    "demographic_parity_difference",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
];

impl Evaluation {
    /// The figures of the step by name, besides `rows` and `positives`; none where one is
    /// undefined.
    pub fn figures(&self) -> BTreeMap<String, Option<f64>> {
        let mut figures = BTreeMap::new();
        for measure in &self.quality {
            figures.insert(measure.name.clone(), measure.value);
            if BOUNDED.contains(&measure.name.as_str()) {
                figures.insert(format!("{}_low", measure.name), measure.low);
                figures.insert(format!("{}_high", measure.name), measure.high);
            }
        }
        for fairness in &self.fairness {
            let by = fairness.by.iter().map(Value::text).collect();
            let arguments = vec![Value::List(by)];
            let known = |measure: &&Measure| BETWEEN_GROUPS.contains(&measure.name.as_str());
            for measure in fairness.measures.iter().filter(known) {
                let mut put = |ending: &str, value: Option<f64>| {
                    let figure = Figure {
                        name: format!("{}{ending}", measure.name),
                        arguments: arguments.clone(),
                    };
                    figures.insert(figure.to_string(), value);
                };
                put("", measure.value);
                if BOUNDED.contains(&measure.name.as_str()) {
                    put("_low", measure.low);
                    put("_high", measure.high);
                }
            }
        }
        figures
    }
}

/// A measured number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// `auc`; a figure of the step under the same name, its bounds as `auc_low` and `auc_high`.
    pub name: String,
    /// None if it is undefined.
    pub value: Option<f64>,
    /// The lower bound of its 95% interval. None where nothing can be said of it, as of the area
    /// under the curve if the scores separate both labels entirely.
    pub low: Option<f64>,
    /// The upper bound.
    pub high: Option<f64>,
    /// How the interval was made: `delong`, `wilson`, `bootstrap`, `normal` (of a mean over many
    /// rows); empty without one.
    pub interval: String,
    /// Why there is no value: `group "youth" has 8 rows, at least 10 are required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
}

/// A point of the ROC curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// The share of the negatives that is selected.
    pub false_positive_rate: f64,
    /// The share of the positives that is selected.
    pub true_positive_rate: f64,
}

/// Rows whose probability lies in one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// The bin's lower edge.
    pub from: f64,
    /// Its upper edge.
    pub to: f64,
    /// How many rows.
    pub rows: u64,
    /// Their mean probability.
    pub predicted: f64,
    /// The share of them whose label is true.
    pub observed: f64,
    /// The 95% Wilson interval of `observed`.
    pub low: f64,
    /// Its upper bound.
    pub high: f64,
}

/// Predictions against labels, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Predicted true and true.
    pub true_positives: u64,
    /// Predicted true and false.
    pub false_positives: u64,
    /// Predicted false and false.
    pub true_negatives: u64,
    /// Predicted false and true.
    pub false_negatives: u64,
}

/// How a model treats the groups of one attribute, or of an intersection of several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fairness {
    /// The columns: one, or those of an intersection.
    pub by: Vec<String>,
    /// A group with fewer rows is too small to be judged.
    pub min_group: u64,
    /// The groups, in the order of their names. One with fewer than 5 rows is not listed, though
    /// the measures rest on it too; nor is a combination without a row of which a part has fewer
    /// than 5 rows in its own column.
    pub groups: Vec<Group>,
    /// The measures between groups, `disparate_impact` first. As figures of the step they are
    /// `disparate_impact(sex)`, of an intersection `disparate_impact(sex, age_band)`; those that
    /// follow `equal_opportunity_ratio` are in the report alone.
    ///
    /// Their intervals are percentiles of resamples. Resampled groups are hardly ever exactly
    /// alike, so the interval of a difference lies above 0, and that of a ratio below 1, also for a
    /// model that treats all groups alike: such an interval bounds how far groups may be apart, and
    /// can't show that they are.
    pub measures: Vec<Measure>,
    /// The share of rows in which an attribute is missing: they belong to no group. Above
    /// [`MISSING_SHARE_MAX`] all measures are undefined.
    pub missing: f64,
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// `female`; `female, youth` in an intersection.
    pub name: String,
    /// How many rows.
    pub rows: u64,
    /// In how many the label is true.
    pub positives: u64,
    /// `base_rate`, `selection_rate`, `true_positive_rate`, `false_positive_rate`,
    /// `false_negative_rate`, `precision`, `accuracy`, each with its Wilson interval; one without
    /// rows to be taken from is undefined.
    pub rates: Vec<Measure>,
}

/// Permutation importance: by how much a measure falls when one column is shuffled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The measure: `auc`.
    pub measure: String,
    /// Its value on the data as it is.
    pub score: f64,
    /// How often each column was shuffled.
    pub repeats: u32,
    /// One entry a feature, most important first.
    pub features: Vec<FeatureImportance>,
}

/// One feature's importance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeatureImportance {
    /// The column.
    pub feature: String,
    /// The mean fall of the measure.
    pub mean: f64,
    /// Its standard deviation over the repeats.
    pub standard_deviation: f64,
}

/// The mean prediction if every row had one value in this column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartialDependence {
    /// The column.
    pub feature: String,
    /// Along a grid, or one point for each category.
    pub points: Vec<DependencePoint>,
}

/// One point of a partial dependence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DependencePoint {
    /// Where: a round number, never one cell's own; none for a category.
    pub at: Option<f64>,
    /// The category, or the number as text.
    pub name: String,
    /// The mean probability.
    pub mean: f64,
    /// Its 10th percentile over the rows.
    pub low: f64,
    /// Its 90th percentile.
    pub high: f64,
}

/// Local explanations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lime {
    /// Samples drawn around each row.
    pub samples: u32,
    /// The seed of the draws.
    pub seed: i64,
    /// An explanation whose local R² is lower is called unfaithful.
    pub faithful_from: f64,
    /// The explained rows: the lowest, the middle and the highest prediction.
    pub cases: Vec<LimeCase>,
}

/// One explained row. Its numbers are rounded to three decimals: with all their digits, its cells
/// could be worked out from them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimeCase {
    /// What the row stands for: `lowest prediction`. Its id and its cells are not here.
    pub name: String,
    /// What the model says of it.
    pub prediction: f64,
    /// What the local model says of it.
    pub local_prediction: f64,
    /// The local model's constant.
    pub intercept: f64,
    /// How well the local model follows the model around the row.
    pub r_squared: f64,
    /// The mean over features of the standard deviation of a weight over 10 seeds.
    pub instability: f64,
    /// Features by the size of their weight, largest first.
    pub weights: Vec<LimeWeight>,
}

/// How much one feature moves the prediction around the row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimeWeight {
    /// The column.
    pub feature: String,
    /// For a number, per standard deviation; for a category, of having the row's own.
    pub weight: f64,
}
