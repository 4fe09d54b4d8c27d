//! Fairness figures of a fixed rule on the example's data, as fairlearn 0.15.0 gives them.

use std::path::Path;

use mlinfra_learn::judge::fairness::{Attribute, fairness};
use mlinfra_learn::stream::Stream;
use mlinfra_runtime_spec::evaluation::Fairness;

/// The example's rows as the rule sees them: prediction, label, sex, age band.
struct Rule {
    predictions: Vec<bool>,
    labels: Vec<bool>,
    sex: Attribute,
    age: Attribute,
}

/// "Good" if the checking account holds money or is not there, or the credit is short.
fn rule() -> Rule {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/credit/german_credit.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let names = reader.headers().unwrap().clone();
    let place = |name: &str| names.iter().position(|known| known == name).unwrap();
    let attribute = |column: &str| Attribute {
        column: column.to_owned(),
        groups: Vec::new(),
    };
    let mut rule = Rule {
        predictions: Vec::new(),
        labels: Vec::new(),
        sex: attribute("sex"),
        age: attribute("age"),
    };
    for record in reader.records() {
        let record = record.unwrap();
        let cell = |name: &str| &record[place(name)];
        let number = |name: &str| cell(name).parse::<i64>().unwrap();
        let account = ["A13", "A14"].contains(&cell("status"));
        rule.predictions.push(account || number("month") <= 12);
        rule.labels.push(number("credit") == 1);
        let female = ["A92", "A95"].contains(&cell("personal_status"));
        let sex = if female { "female" } else { "male" };
        let age = if number("age") < 25 { "youth" } else { "adult" };
        rule.sex.groups.push(Some(sex.to_owned()));
        rule.age.groups.push(Some(age.to_owned()));
    }
    rule
}

/// Rows, selection rate, true and false positive rate.
type Expected<'a> = (&'a str, u64, [f64; 3]);

fn check(found: &Fairness, groups: &[Expected<'_>], measures: [f64; 9]) {
    for (group, (name, rows, rates)) in found.groups.iter().zip(groups) {
        assert_eq!((group.name.as_str(), group.rows), (*name, *rows));
        for (rate, expected) in group.rates[1..4].iter().zip(rates) {
            let value = rate.value.unwrap();
            assert!(
                (value - expected).abs() < 5e-7,
                "{name} {rate:?} {expected}"
            );
            assert!(rate.low.unwrap() < value && value < rate.high.unwrap());
        }
    }
    assert_eq!(found.groups.len(), groups.len());
    for (measure, expected) in found.measures.iter().zip(measures) {
        let value = measure.value.unwrap();
        assert!((value - expected).abs() < 5e-7, "{measure:?} {expected}");
        let (low, high) = (measure.low.unwrap(), measure.high.unwrap());
        assert!(
            low <= high && measure.interval == "bootstrap",
            "{measure:?}"
        );
    }
    assert_eq!((found.measures.len(), found.missing), (9, 0.0));
}

#[test]
fn the_rule_has_the_figures_that_fairlearn_gives_it() {
    let rule = rule();
    let judge = |by: &[&Attribute]| fairness(&rule.predictions, &rule.labels, by, 10, 7);
    check(
        &judge(&[&rule.sex]),
        &[
            ("female", 310, [0.625806, 0.741294, 0.412844]),
            ("male", 690, [0.646377, 0.743487, 0.392670]),
        ],
        [
            0.968176, 0.020570, 0.020174, 0.951134, 0.002193, 0.997050, 0.011184, 0.014194,
            0.977823,
        ],
    );
    check(
        &judge(&[&rule.age]),
        &[
            ("adult", 851, [0.654524, 0.753268, 0.401674]),
            ("youth", 149, [0.557047, 0.670455, 0.393443]),
        ],
        [
            0.851072, 0.097477, 0.082813, 0.890061, 0.082813, 0.890061, 0.045522, 0.082953,
            0.870386,
        ],
    );
    check(
        &judge(&[&rule.sex, &rule.age]),
        &[
            ("female, adult", 226, [0.628319, 0.745098, 0.383562]),
            ("female, youth", 84, [0.619048, 0.729167, 0.472222]),
            ("male, adult", 625, [0.664000, 0.755991, 0.409639]),
            ("male, youth", 65, [0.476923, 0.600000, 0.280000]),
        ],
        [
            0.718258, 0.187077, 0.192222, 0.592941, 0.155991, 0.793660, 0.174107, 0.163077,
            0.745192,
        ],
    );
}

#[test]
fn the_labels_alone_have_the_base_rates_that_they_should() {
    let rule = rule();
    for (by, ratio) in [
        (vec![&rule.sex], 0.896567),
        (vec![&rule.age], 0.821248),
        (vec![&rule.sex, &rule.age], 0.778089),
    ] {
        let found = fairness(&rule.labels, &rule.labels, &by, 10, 7);
        assert!((found.measures[0].value.unwrap() - ratio).abs() < 5e-7);
        // A model that is always right gives no false alarm in any group, so there is no ratio.
        assert_eq!(found.measures[3].value, None);
    }
}

#[test]
fn too_few_rows_of_a_group_leave_everything_open() {
    let rule = rule();
    let found = fairness(
        &rule.predictions,
        &rule.labels,
        &[&rule.sex, &rule.age],
        66,
        7,
    );
    for measure in &found.measures {
        let reason = measure.undefined.as_deref().unwrap();
        assert_eq!(
            reason,
            "group \"male, youth\" has 65 rows, at least 66 are required"
        );
        assert_eq!(measure.value, None);
    }
    assert_eq!(found.groups.len(), 4);
}

/// A model on two groups: the share of true labels, and that of the selected among the rows whose
/// label is true and false.
struct Truth {
    base: [f64; 2],
    hits: [f64; 2],
    alarms: [f64; 2],
}

impl Truth {
    fn selection(&self, group: usize) -> f64 {
        let base = self.base[group];
        base * self.hits[group] + (1.0 - base) * self.alarms[group]
    }

    /// In how many of `tables` the interval of each measure holds its true value. Labels and
    /// predictions are drawn anew for each table.
    fn held(&self, rows: usize, tables: u64, measures: &[(&str, f64)]) -> Vec<f64> {
        let attribute = Attribute {
            column: "team".to_owned(),
            groups: (0..rows)
                .map(|row| Some(["a", "b"][row % 2].to_owned()))
                .collect(),
        };
        let mut held = vec![0_u32; measures.len()];
        for table in 0..tables {
            let mut draws = Stream::new(table, "coverage").at(0);
            let mut happens = |chance: f64| f64::from(draws.unit()) < chance;
            let labels: Vec<bool> = (0..rows).map(|row| happens(self.base[row % 2])).collect();
            let selected: Vec<bool> = labels
                .iter()
                .enumerate()
                .map(|(row, label)| {
                    let chances = if *label { self.hits } else { self.alarms };
                    happens(chances[row % 2])
                })
                .collect();
            let found = fairness(&selected, &labels, &[&attribute], 10, table);
            for ((name, truth), held) in measures.iter().zip(&mut held) {
                let measure = found.measures.iter().find(|one| one.name == *name).unwrap();
                let inside = measure.low.unwrap() <= *truth && *truth <= measure.high.unwrap();
                *held += u32::from(inside);
            }
        }
        let share = |held: u32| f64::from(held) / tables as f64;
        held.into_iter().map(share).collect()
    }
}

/// Of many tables drawn from a known truth, about 95 of 100 intervals hold it, be the model weak or
/// nearly perfect: then nearly all that the selection rates vary by is how the labels fall.
#[test]
fn intervals_between_groups_hold_the_truth_as_often_as_they_say() {
    let weak = Truth {
        base: [0.5, 0.5],
        hits: [0.6, 0.8],
        alarms: [0.3, 0.5],
    };
    let nearly_perfect = Truth {
        base: [0.6, 0.4],
        hits: [0.98, 0.98],
        alarms: [0.02, 0.02],
    };
    for (truth, rows, odds) in [
        (&weak, 300, Some((0.2, 0.75))),
        (&nearly_perfect, 200, None),
    ] {
        let mut rates = [truth.selection(0), truth.selection(1)];
        rates.sort_by(f64::total_cmp);
        let mut measures = vec![
            ("disparate_impact", rates[0] / rates[1]),
            ("demographic_parity_difference", rates[1] - rates[0]),
        ];
        if let Some((difference, ratio)) = odds {
            measures.push(("equal_opportunity_difference", difference));
            measures.push(("equal_opportunity_ratio", ratio));
        }
        let held = truth.held(rows, 300, &measures);
        for (share, (name, _)) in held.iter().zip(&measures) {
            assert!((0.90..=0.99).contains(share), "{rows} {name}: {share}");
        }
    }
}
