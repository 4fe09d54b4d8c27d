//! How a model treats groups of rows, and what stands between the groups.
//!
//! The measures are those of Hardt, Price and Srebro, "Equality of opportunity in supervised
//! learning" (NIPS 2016), and the four-fifths rule (29 CFR 1607.4(D)), taken between the group with
//! the highest and the one with the lowest rate. A measure that rests on a rate which some group
//! can't have is undefined: a rate of nothing is not 0.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_runtime_spec::evaluation::{Fairness, Group, MISSING_SHARE_MAX, Measure};
use mlinfra_runtime_spec::profile::CATEGORY_ROWS_MIN;

use super::interval::{RESAMPLES, between, of_resamples, rate, undefined};
use crate::limits;
use crate::stream::Stream;

/// A column that sorts rows into groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The column's name.
    pub column: String,
    /// Each row's group; none where the cell is missing.
    pub groups: Vec<Option<String>>,
}

/// Judges predictions by the groups of one attribute, or of the intersection of several. All
/// slices are of one length; `predictions` says which rows are selected, which is the favourable
/// outcome, as is a true label.
///
/// Of an intersection, every combination of groups is a group, also one without a row. Intervals of
/// the measures are percentiles of resamples: each group keeps its number of rows, and how many of
/// them are labelled true and selected is drawn with the group's own rates. Since resampled groups
/// are hardly ever exactly alike, the interval of a difference lies above 0, that of a ratio below
/// 1.
pub fn fairness(
    predictions: &[bool],
    labels: &[bool],
    attributes: &[&Attribute],
    min_group: u64,
    seed: u64,
) -> Fairness {
    let by: Vec<String> = attributes.iter().map(|one| one.column.clone()).collect();
    let names = combinations(attributes);
    let mut found = Fairness {
        by,
        min_group,
        ..Fairness::default()
    };
    let (counts, rest) = match &names {
        Ok(names) => count(predictions, labels, attributes, names),
        Err(_) => (Vec::new(), Counts::default()),
    };
    found.missing = rest.rows as f64 / labels.len().max(1) as f64;
    let reasons = match &names {
        Ok(_) => reasons(&counts, &rest, min_group, &found.by),
        Err(reason) => Reasons::all(reason),
    };
    found.measures = measures(&counts, &rest, &reasons, &found.by, seed);
    let listed = counts.iter().filter(|group| group.is_named());
    found.groups = listed.map(Counts::group).collect();
    found
}

/// The names of all groups, sorted, or why there are too many.
fn combinations(attributes: &[&Attribute]) -> Result<Vec<Vec<String>>, String> {
    let mut names: Vec<Vec<String>> = vec![Vec::new()];
    for attribute in attributes {
        let values: BTreeSet<&String> = attribute.groups.iter().flatten().collect();
        if names.len() * values.len() > limits::GROUPS_MAX {
            return Err(format!(
                "there are more than {} groups; derive a coarser column",
                limits::GROUPS_MAX
            ));
        }
        let with = |name: &Vec<String>| -> Vec<Vec<String>> {
            let one = |value: &&String| [name.as_slice(), &[(*value).clone()]].concat();
            values.iter().map(one).collect()
        };
        names = names.iter().flat_map(with).collect();
    }
    Ok(names)
}

/// The rows of a group by label and prediction.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counts {
    name: String,
    /// Whether each part of the name has so many rows in its own column that it may be told.
    is_known: bool,
    rows: u64,
    positives: u64,
    selected_positives: u64,
    selected_negatives: u64,
}

impl Counts {
    fn negatives(&self) -> u64 {
        self.rows - self.positives
    }

    fn selected(&self) -> u64 {
        self.selected_positives + self.selected_negatives
    }

    /// Whether it may be called by its name: the cell of a few rows may tell who they are, also as
    /// a part of a combination that no row has.
    fn is_named(&self) -> bool {
        self.is_known && (self.rows >= CATEGORY_ROWS_MIN || self.rows == 0)
    }

    fn group(&self) -> Group {
        let negatives = self.negatives();
        let right = self.selected_positives + negatives - self.selected_negatives;
        let missed = self.positives - self.selected_positives;
        let rated = |name, successes, total, of: &str| {
            rate(name, successes, total, || {
                format!("the group has no row {of}")
            })
        };
        Group {
            name: self.name.clone(),
            rows: self.rows,
            positives: self.positives,
            rates: vec![
                rated("base_rate", self.positives, self.rows, "at all"),
                rated("selection_rate", self.selected(), self.rows, "at all"),
                rated(
                    "true_positive_rate",
                    self.selected_positives,
                    self.positives,
                    POSITIVE,
                ),
                rated(
                    "false_positive_rate",
                    self.selected_negatives,
                    negatives,
                    NEGATIVE,
                ),
                rated("false_negative_rate", missed, self.positives, POSITIVE),
                rated(
                    "precision",
                    self.selected_positives,
                    self.selected(),
                    "that is selected",
                ),
                rated("accuracy", right, self.rows, "at all"),
            ],
        }
    }

    /// The group with other labels and predictions, drawn with the rates that it has. The labels
    /// are drawn too: how many are selected also rests on how many of them are true.
    fn drawn(&self, draws: &mut crate::stream::Draws) -> Counts {
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let base = share(self.positives, self.rows);
        let hits = share(self.selected_positives, self.positives);
        let alarms = share(self.selected_negatives, self.negatives());
        let positives = draws.successes(self.rows, base);
        Counts {
            positives,
            rows: self.rows,
            selected_positives: draws.successes(positives, hits),
            selected_negatives: draws.successes(self.rows - positives, alarms),
            ..Counts::default()
        }
    }
}

const POSITIVE: &str = "whose label is true";
const NEGATIVE: &str = "whose label is false";

/// The counts of each group, and of the rows that belong to none.
fn count(
    predictions: &[bool],
    labels: &[bool],
    attributes: &[&Attribute],
    names: &[Vec<String>],
) -> (Vec<Counts>, Counts) {
    let frequent: Vec<BTreeSet<&str>> = attributes.iter().map(|one| frequent(one)).collect();
    let fresh = |name: &Vec<String>| Counts {
        name: name.join(", "),
        is_known: name
            .iter()
            .zip(&frequent)
            .all(|(part, frequent)| frequent.contains(part.as_str())),
        ..Counts::default()
    };
    let mut counts: Vec<Counts> = names.iter().map(fresh).collect();
    let places: BTreeMap<Vec<&str>, usize> = names
        .iter()
        .enumerate()
        .map(|(place, name)| (name.iter().map(String::as_str).collect(), place))
        .collect();
    let mut rest = Counts::default();
    for (row, (selected, label)) in predictions.iter().zip(labels).enumerate() {
        let cells = attributes.iter().map(|one| one.groups[row].as_deref());
        let name: Option<Vec<&str>> = cells.collect();
        let place = name.and_then(|name| places.get(&name).copied());
        let group = place.map_or(&mut rest, |place| &mut counts[place]);
        group.rows += 1;
        group.positives += u64::from(*label);
        group.selected_positives += u64::from(*selected && *label);
        group.selected_negatives += u64::from(*selected && !*label);
    }
    (counts, rest)
}

/// The groups of one attribute that many rows share.
fn frequent(attribute: &Attribute) -> BTreeSet<&str> {
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for group in attribute.groups.iter().flatten() {
        *rows.entry(group).or_default() += 1;
    }
    rows.retain(|_, rows| *rows >= CATEGORY_ROWS_MIN);
    rows.into_keys().collect()
}

/// Why rates can't be compared, by the rows that they are taken from.
struct Reasons {
    selection: Option<String>,
    positives: Option<String>,
    negatives: Option<String>,
}

impl Reasons {
    fn all(reason: &str) -> Self {
        Reasons {
            selection: Some(reason.to_owned()),
            positives: Some(reason.to_owned()),
            negatives: Some(reason.to_owned()),
        }
    }
}

fn reasons(counts: &[Counts], rest: &Counts, min_group: u64, by: &[String]) -> Reasons {
    if let Some(reason) = too_much_is_missing(counts, rest, by) {
        return Reasons::all(&reason);
    }
    let by = by.join(", ");
    if counts.is_empty() {
        return Reasons::all(&format!("no row has a group of {by}"));
    }
    if let [only] = counts {
        let what = match only.is_named() {
            true => format!("every row is in group {:?}", only.name),
            false => format!("there is only one group of {by}"),
        };
        return Reasons::all(&format!("{what}, and nothing to compare it with"));
    }
    // A group without a row is too small, whatever was asked for.
    let least = min_group.max(1);
    let small: Vec<&Counts> = counts.iter().filter(|group| group.rows < least).collect();
    if let Some(first) = small
        .iter()
        .min_by_key(|group| (!group.is_named(), group.rows))
    {
        let size = match (first.is_named(), first.rows) {
            (true, 0) => format!("group {:?} has no row", first.name),
            (true, rows) => format!("group {:?} has {rows} rows", first.name),
            (false, _) => format!("a group of {by} has fewer than {CATEGORY_ROWS_MIN} rows"),
        };
        let others = match small.len() - 1 {
            0 => String::new(),
            1 => " (and one more group is too small)".to_owned(),
            more => format!(" (and {more} more groups are too small)"),
        };
        let wanted = format!("at least {least} are required");
        return Reasons::all(&format!("{size}, {wanted}{others}"));
    }
    let without = |has: fn(&Counts) -> u64, of: &str| {
        let empty = counts.iter().find(|group| has(group) == 0)?;
        let name = match empty.is_named() {
            true => format!("group {:?} ({} rows)", empty.name, empty.rows),
            false => format!("a group of {by} with fewer than {CATEGORY_ROWS_MIN} rows"),
        };
        Some(format!("{name} has no row {of}"))
    };
    Reasons {
        selection: None,
        positives: without(|group| group.positives, POSITIVE),
        negatives: without(Counts::negatives, NEGATIVE),
    }
}

/// `` `sex` is missing in 90% of the rows, at most 20% may be ``, if that is so and not all of it
/// is missing.
fn too_much_is_missing(counts: &[Counts], rest: &Counts, by: &[String]) -> Option<String> {
    let rows = rest.rows + counts.iter().map(|group| group.rows).sum::<u64>();
    if counts.is_empty() || rest.rows as f64 <= MISSING_SHARE_MAX * rows as f64 {
        return None;
    }
    let columns: Vec<String> = by.iter().map(|column| format!("`{column}`")).collect();
    let (columns, share) = (columns.join(" or "), (rest.rows * 100).div_ceil(rows));
    let most = MISSING_SHARE_MAX * 100.0;
    Some(format!(
        "{columns} is missing in {share}% of the rows, at most {most:.0}% may be"
    ))
}

/// How far rates lie apart.
#[derive(Clone, Copy)]
struct Apart {
    difference: f64,
    /// The lowest over the highest; none if the highest is 0.
    ratio: Option<f64>,
}

/// None if a rate would be taken from nothing.
fn apart(counts: &[Counts], rate: impl Fn(&Counts) -> (u64, u64)) -> Option<Apart> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for group in counts {
        let (successes, total) = rate(group);
        if total == 0 {
            return None;
        }
        let rate = successes as f64 / total as f64;
        (low, high) = (low.min(rate), high.max(rate));
    }
    Some(Apart {
        difference: high - low,
        ratio: (high > 0.0).then(|| low / high),
    })
}

const MEASURES: usize = 9;

/// The measures between groups, in the order to show them: those whose rates all exist.
fn values(counts: &[Counts], rest: &Counts) -> [Option<f64>; MEASURES] {
    let selection = apart(counts, |group| (group.selected(), group.rows));
    let hits = apart(counts, |group| (group.selected_positives, group.positives));
    let alarms = apart(counts, |group| {
        (group.selected_negatives, group.negatives())
    });
    let difference = |of: Option<Apart>| of.map(|apart| apart.difference);
    let ratio = |of: Option<Apart>| of.and_then(|apart| apart.ratio);
    let differences = difference(hits).zip(difference(alarms));
    let ratios = ratio(hits).zip(ratio(alarms));
    let selected = counts.iter().map(Counts::selected).sum::<u64>() + rest.selected();
    let rows = counts.iter().map(|group| group.rows).sum::<u64>() + rest.rows;
    let overall = selected as f64 / rows as f64;
    let rates = || {
        counts
            .iter()
            .map(|group| group.selected() as f64 / group.rows as f64)
    };
    let from_overall = rates()
        .map(|rate| (rate - overall).abs())
        .fold(0.0, f64::max);
    let share_of_overall = rates()
        .map(|rate| (rate / overall).min(overall / rate))
        .fold(f64::INFINITY, f64::min);
    [
        ratio(selection),
        difference(selection),
        differences.map(|(hits, alarms)| hits.max(alarms)),
        ratios.map(|(hits, alarms)| hits.min(alarms)),
        difference(hits),
        ratio(hits),
        differences.map(|(hits, alarms)| (hits + alarms) / 2.0),
        Some(from_overall),
        (overall > 0.0).then_some(share_of_overall),
    ]
}

/// The measures by name, and whether each rests on rates among the rows whose label is true, and
/// among those whose label is false.
const NAMES: [(&str, bool, bool); MEASURES] = [
    ("disparate_impact", false, false),
    ("demographic_parity_difference", false, false),
    ("equalized_odds_difference", true, true),
    ("equalized_odds_ratio", true, true),
    ("equal_opportunity_difference", true, false),
    ("equal_opportunity_ratio", true, false),
    ("equalized_odds_difference_mean", true, true),
    ("demographic_parity_difference_to_overall", false, false),
    ("demographic_parity_ratio_to_overall", false, false),
];

fn measures(
    counts: &[Counts],
    rest: &Counts,
    reasons: &Reasons,
    by: &[String],
    seed: u64,
) -> Vec<Measure> {
    let reason = |(_, hits, alarms): &(&str, bool, bool)| {
        let of_hits = reasons.positives.as_ref().filter(|_| *hits);
        let of_alarms = reasons.negatives.as_ref().filter(|_| *alarms);
        reasons.selection.as_ref().or(of_hits).or(of_alarms)
    };
    if let Some(reason) = &reasons.selection {
        let all = NAMES
            .iter()
            .map(|(name, ..)| undefined(name, reason.clone()));
        return all.collect();
    }
    let exact = values(counts, rest);
    let stream = Stream::new(seed, &format!("evaluate.fairness.{}", by.join(",")));
    let resampled: Vec<[Option<f64>; MEASURES]> = (0..RESAMPLES)
        .map(|resample| {
            let mut draws = stream.at(resample);
            let drawn: Vec<Counts> = counts.iter().map(|one| one.drawn(&mut draws)).collect();
            values(&drawn, &rest.drawn(&mut draws))
        })
        .collect();
    let measure = |(place, entry): (usize, &(&str, bool, bool))| {
        let (name, hits, _) = *entry;
        match (reason(entry), exact[place]) {
            (Some(reason), _) => undefined(name, reason.clone()),
            (None, Some(value)) => {
                let bounds = of_resamples(resampled.iter().map(|values| values[place]));
                between(name, value, "bootstrap", bounds)
            }
            (None, None) => undefined(name, nothing_selected(hits, counts)),
        }
    };
    NAMES.iter().enumerate().map(measure).collect()
}

/// Why a ratio has nothing to divide by.
fn nothing_selected(by_label: bool, counts: &[Counts]) -> String {
    let hits: u64 = counts.iter().map(|group| group.selected_positives).sum();
    match (by_label, hits) {
        (false, _) => "no row of any group is selected".to_owned(),
        (true, 0) => format!("no row {POSITIVE} is selected in any group"),
        (true, _) => format!("no row {NEGATIVE} is selected in any group"),
    }
}

#[cfg(test)]
mod tests;
