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
/// are never exactly alike, the interval of a difference lies above 0, that of a ratio below 1.
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

    /// The group with other labels and predictions, drawn with the rates that it has. The labels are
    /// drawn too: how many are selected also rests on how many of them are true.
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
mod tests {
    use super::*;

    /// Groups as (name, rows as (selected, label, how many)).
    type Planted<'a> = [(&'a str, [(bool, bool, usize); 4])];

    fn judged(groups: &Planted<'_>, min_group: u64) -> Fairness {
        let (mut predictions, mut labels, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (name, cells) in groups {
            for (selected, label, count) in cells {
                predictions.extend(vec![*selected; *count]);
                labels.extend(vec![*label; *count]);
                names.extend(vec![Some((*name).to_owned()); *count]);
            }
        }
        let attribute = Attribute {
            column: "team".to_owned(),
            groups: names,
        };
        fairness(&predictions, &labels, &[&attribute], min_group, 1)
    }

    fn cells(tp: usize, false_p: usize, tn: usize, false_n: usize) -> [(bool, bool, usize); 4] {
        [
            (true, true, tp),
            (true, false, false_p),
            (false, false, tn),
            (false, true, false_n),
        ]
    }

    fn measure<'f>(found: &'f Fairness, name: &str) -> &'f Measure {
        found
            .measures
            .iter()
            .find(|measure| measure.name == name)
            .expect("a measure")
    }

    fn reason(found: &Fairness, name: &str) -> String {
        let measure = measure(found, name);
        assert_eq!(
            (measure.value, measure.low, measure.high),
            (None, None, None)
        );
        measure.undefined.clone().expect("a reason")
    }

    #[test]
    fn a_group_without_positives_has_no_rate_and_none_is_made_up() {
        let found = judged(&[("a", cells(8, 2, 8, 2)), ("b", cells(0, 6, 6, 0))], 10);
        let odds = reason(&found, "equalized_odds_difference");
        assert_eq!(odds, "group \"b\" (12 rows) has no row whose label is true");
        assert_eq!(reason(&found, "equal_opportunity_ratio"), odds);
        assert_eq!(measure(&found, "disparate_impact").value, Some(1.0));
        assert_eq!(found.groups[1].rates[2].value, None);
        let found = judged(&[("a", cells(8, 0, 0, 2)), ("b", cells(6, 3, 3, 6))], 10);
        let odds = reason(&found, "equalized_odds_ratio");
        assert_eq!(
            odds,
            "group \"a\" (10 rows) has no row whose label is false"
        );
        assert!(measure(&found, "equal_opportunity_ratio").value.is_some());
    }

    #[test]
    fn a_group_that_is_too_small_makes_everything_undefined() {
        let found = judged(
            &[("a", cells(8, 2, 8, 2)), ("youth", cells(2, 2, 2, 2))],
            10,
        );
        for one in &found.measures {
            let reason = reason(&found, &one.name);
            assert_eq!(
                reason,
                "group \"youth\" has 8 rows, at least 10 are required"
            );
        }
        assert_eq!(found.groups.len(), 2);
        // The cell of three rows is not shown.
        let found = judged(
            &[("a", cells(8, 2, 8, 2)), ("zqmarkerqz", cells(1, 1, 1, 0))],
            10,
        );
        let reason = reason(&found, "disparate_impact");
        assert_eq!(
            reason,
            "a group of team has fewer than 5 rows, at least 10 are required"
        );
        assert!(!format!("{found:?}").contains("zqmarkerqz"));
    }

    #[test]
    fn nothing_to_compare_is_undefined() {
        let one = judged(&[("a", cells(8, 2, 8, 2))], 10);
        assert!(reason(&one, "disparate_impact").contains("nothing to compare it with"));
        let none = judged(&[], 10);
        assert_eq!(
            reason(&none, "disparate_impact"),
            "no row has a group of team"
        );
        let idle = judged(&[("a", cells(0, 0, 9, 9)), ("b", cells(0, 0, 9, 9))], 10);
        let nobody = "no row of any group is selected";
        assert_eq!(reason(&idle, "disparate_impact"), nobody);
        assert_eq!(reason(&idle, "demographic_parity_ratio_to_overall"), nobody);
        assert!(reason(&idle, "equal_opportunity_ratio").contains("label is true"));
        assert_eq!(
            measure(&idle, "demographic_parity_difference").value,
            Some(0.0)
        );
        let exact = judged(&[("a", cells(9, 0, 9, 1)), ("b", cells(7, 0, 9, 3))], 10);
        assert!(reason(&exact, "equalized_odds_ratio").contains("label is false"));
    }

    #[test]
    fn a_combination_that_nobody_has_and_cells_that_nobody_wrote() {
        let attribute = |column: &str, cells: &[Option<&str>]| Attribute {
            column: column.to_owned(),
            groups: cells.iter().map(|cell| cell.map(str::to_owned)).collect(),
        };
        let cells: Vec<Option<&str>> = (0..60).map(|row| Some(["f", "m"][row % 2])).collect();
        let sex = attribute("sex", &cells);
        let cells: Vec<Option<&str>> = (0..60)
            .map(|row| match row {
                0..6 => None,
                _ => Some(if row < 30 && row % 2 == 0 {
                    "young"
                } else {
                    "old"
                }),
            })
            .collect();
        let age = attribute("age", &cells);
        let selected: Vec<bool> = (0..60).map(|row| row % 3 == 0).collect();
        let labels: Vec<bool> = (0..60).map(|row| row % 5 < 3).collect();
        let found = fairness(&selected, &labels, &[&sex, &age], 10, 1);
        let names: Vec<&str> = found
            .groups
            .iter()
            .map(|group| group.name.as_str())
            .collect();
        assert_eq!(names, ["f, old", "f, young", "m, old", "m, young"]);
        assert_eq!(found.missing, 0.1);
        assert!(reason(&found, "disparate_impact").starts_with("group \"m, young\" has no row"));
        let many: Vec<String> = (0..60).map(|row| row.to_string()).collect();
        let many: Vec<Option<&str>> = many.iter().map(|text| Some(text.as_str())).collect();
        let many = attribute("id", &many);
        let found = fairness(&selected, &labels, &[&many, &sex, &age], 1, 1);
        assert!(reason(&found, "disparate_impact").contains("more than 200 groups"));
        assert!(found.groups.is_empty());
    }

    fn attribute(column: &str, cells: &[Option<String>]) -> Attribute {
        Attribute {
            column: column.to_owned(),
            groups: cells.to_vec(),
        }
    }

    #[test]
    fn a_combination_names_no_cell_of_a_few_rows_even_without_a_row() {
        let cell = |row: usize, texts: [&str; 2]| Some(texts[row % 2].to_owned());
        let sexes: Vec<_> = (0..60).map(|row| cell(row, ["f", "m"])).collect();
        let workers: Vec<_> = (0..60)
            .map(|row| match row {
                0 => Some("zqmarkerqz".to_owned()),
                _ => cell(row / 2, ["yes", "no"]),
            })
            .collect();
        let (sex, worker) = (attribute("sex", &sexes), attribute("worker", &workers));
        let labels: Vec<bool> = (0..60).map(|row| row % 5 < 3).collect();
        for attributes in [[&sex, &worker], [&worker, &sex]] {
            let found = fairness(&labels, &labels, &attributes, 10, 1);
            assert!(!format!("{found:?}").contains("zqmarkerqz"));
            assert_eq!(found.groups.len(), 4);
            let by = found.by.join(", ");
            let expected =
                format!("a group of {by} has fewer than 5 rows, at least 10 are required");
            let others = " (and one more group is too small)";
            assert_eq!(reason(&found, "disparate_impact"), expected + others);
        }
    }

    #[test]
    fn an_attribute_that_is_mostly_missing_compares_nothing() {
        let judge = |missing: usize| {
            let cell = |row: usize| (row >= missing).then(|| ["f", "m"][row % 2].to_owned());
            let sexes: Vec<_> = (0..200).map(cell).collect();
            let sex = attribute("sex", &sexes);
            let labels: Vec<bool> = (0..200).map(|row| row % 5 < 3).collect();
            fairness(&labels, &labels, &[&sex], 10, 1)
        };
        for one in &judge(180).measures {
            let expected = "`sex` is missing in 90% of the rows, at most 20% may be";
            assert_eq!(one.undefined.as_deref(), Some(expected), "{}", one.name);
        }
        let found = judge(41);
        let expected = "`sex` is missing in 21% of the rows, at most 20% may be";
        assert_eq!(reason(&found, "disparate_impact"), expected);
        assert_eq!((found.groups.len(), found.missing), (2, 0.205));
        assert!(measure(&judge(40), "disparate_impact").value.is_some());
    }

    #[test]
    fn a_resample_without_a_true_label_has_no_rate() {
        let one = |rows, positives| Counts {
            rows,
            positives,
            selected_positives: positives,
            ..Counts::default()
        };
        let found = values(&[one(10, 0), one(10, 5)], &Counts::default());
        let defined = found.map(|value| value.is_some());
        assert_eq!(
            defined,
            [true, true, false, false, false, false, false, true, true]
        );
        // One of twelve labels is true: a third of the resamples has none, so no bound is told.
        let found = judged(&[("a", cells(1, 5, 6, 0)), ("b", cells(20, 5, 6, 9))], 10);
        let odds = measure(&found, "equal_opportunity_difference");
        assert_eq!((odds.low, odds.high), (None, None));
        assert!(odds.value.is_some() && odds.interval.is_empty());
        assert!(measure(&found, "disparate_impact").low.is_some());
    }

    #[test]
    fn intervals_hold_the_value_and_narrow_with_more_rows() {
        let widths: Vec<f64> = [1, 16]
            .map(|times| {
                let planted = [
                    ("a", cells(30 * times, 10 * times, 30 * times, 10 * times)),
                    ("b", cells(20 * times, 10 * times, 40 * times, 15 * times)),
                ];
                let found = judged(&planted, 10);
                let impact = measure(&found, "disparate_impact");
                let (low, high) = (impact.low.expect("low"), impact.high.expect("high"));
                let value = impact.value.expect("a value");
                assert!(low < value && value < high && impact.interval == "bootstrap");
                high - low
            })
            .into();
        assert!((widths[0] / widths[1] - 4.0).abs() < 0.6, "{widths:?}");
    }
}
