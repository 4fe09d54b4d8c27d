//! One rate of every group with its interval.

use mlinfra_runtime_spec::evaluation::{Fairness, Group, Measure};

use super::{NAME_LETTERS_MAX, room_for};
use crate::canvas::{Axis, Ink, Mark, Plot, at_row};
use crate::text::words;

/// The rates that are drawn; the table has all of them.
pub(crate) const RATES: [&str; 3] = [
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
];

/// A group's rate of this name.
pub(crate) fn rate<'a>(group: &'a Group, name: &str) -> Option<&'a Measure> {
    group.rates.iter().find(|rate| rate.name == name)
}

/// One plot of one rate; empty if no group has it.
pub(crate) fn plot(fairness: &Fairness, name: &str) -> String {
    let values = fairness.groups.iter().map(|group| rate(group, name));
    if !values.flatten().any(|measure| measure.value.is_some()) {
        return String::new();
    }
    let names: Vec<String> = fairness.groups.iter().map(|g| g.name.clone()).collect();
    let rows = names.len();
    let mut marks = Vec::new();
    for (row, group) in fairness.groups.iter().enumerate() {
        let measure = rate(group, name);
        let Some(value) = measure.and_then(|measure| measure.value) else {
            continue;
        };
        let y = at_row(row, rows);
        let bounds = measure.and_then(|measure| measure.low.zip(measure.high));
        if let Some((low, high)) = bounds {
            marks.push(Mark::Line {
                points: vec![(low, y), (high, y)],
                ink: Ink::One,
                width: 2.0,
            });
            for end in [low, high] {
                marks.push(Mark::thin((end, y - 0.16), (end, y + 0.16), Ink::One));
            }
        }
        marks.push(Mark::Dot {
            at: (value, y),
            ink: Ink::One,
            is_hollow: group.rows < fairness.min_group,
        });
    }
    Plot {
        width: 330.0,
        height: 66.0 + 30.0 * rows as f64,
        left: room_for(&names),
        x: Axis::share(""),
        y: Axis {
            title: words(name),
            ..Axis::names(&names, NAME_LETTERS_MAX)
        },
        marks,
        label: format!(
            "Dot plot of the {} of each group by {}, with 95% intervals",
            words(name),
            fairness.by.join(" and ")
        ),
    }
    .svg()
}
