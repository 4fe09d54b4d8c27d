//! Planted groups, with figures that can be counted on fingers.

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
        let expected = format!("a group of {by} has fewer than 5 rows, at least 10 are required");
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
