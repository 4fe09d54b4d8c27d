//! How a model treats groups: every rate with its interval, and the measures between groups.

use minijinja::{Value, context};
use mlinfra_runtime_spec::evaluation::{Fairness, Group};

use super::quality::measures;
use super::{figure, list};
use crate::chart;
use crate::chart::fairness::RATES;
use crate::text::{count, interval, percent, value, words};

/// One attribute or intersection.
pub(crate) fn of(fairness: &Fairness) -> Value {
    let figures = RATES.iter().filter_map(|name| {
        let svg = chart::fairness::plot(fairness, name);
        (!svg.is_empty()).then(|| figure(svg, rate_caption(name)))
    });
    let rates: Vec<String> = match fairness.groups.first() {
        Some(group) => group.rates.iter().map(|rate| rate.name.clone()).collect(),
        None => Vec::new(),
    };
    context! {
        title => format!("By {}", words(&fairness.by.join(" and "))),
        about => about(fairness),
        measures => measures(&fairness.measures),
        figures => list(figures),
        rates => list(rates.iter().map(|rate| Value::from(words(rate)))),
        groups => list(fairness.groups.iter().map(|group| row(group, &rates, fairness.min_group))),
    }
}

fn about(fairness: &Fairness) -> String {
    let small = fairness
        .groups
        .iter()
        .filter(|group| group.rows < fairness.min_group)
        .count();
    let mut text = format!(
        "{} groups; one with fewer than {} rows is too small to be judged",
        fairness.groups.len(),
        fairness.min_group
    );
    match small {
        0 => text += ", and none is.",
        1 => text += ", and one is: its dot is hollow.",
        many => text += &format!(", and {many} are: their dots are hollow."),
    }
    if fairness.missing > 0.0 {
        text += &format!(
            " In {} of the rows {} is missing: they belong to no group.",
            percent(fairness.missing),
            words(&fairness.by.join(" or "))
        );
    }
    text
}

fn rate_caption(name: &str) -> &'static str {
    match name {
        "selection_rate" => "Share of each group that is selected, with 95% intervals.",
        "true_positive_rate" => "Share of each group's positives that is selected.",
        _ => "Share of each group's negatives that is selected.",
    }
}

fn row(group: &Group, rates: &[String], min_group: u64) -> Value {
    let cells = rates.iter().map(|name| {
        let rate = chart::fairness::rate(group, name);
        let reason = rate.and_then(|rate| rate.undefined.clone());
        context! {
            value => rate.map_or_else(String::new, value),
            interval => rate.map(interval).unwrap_or_default().replace(" to ", "–"),
            undefined => reason,
        }
    });
    context! {
        name => group.name.as_str(),
        rows => count(group.rows),
        positives => count(group.positives),
        is_small => group.rows < min_group,
        cells => list(cells),
    }
}
