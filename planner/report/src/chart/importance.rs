//! Permutation importance: how much worse the model ranks when one column is shuffled.

use mlinfra_runtime_spec::evaluation::Importance;

use super::{NAME_LETTERS_MAX, room_for};
use crate::canvas::{Axis, Ink, Mark, Plot, at_row};

/// One bar a feature, with one standard deviation to both sides; empty without features.
pub(crate) fn plot(importance: &Importance) -> String {
    let features = &importance.features;
    if features.is_empty() {
        return String::new();
    }
    let names: Vec<String> = features.iter().map(|f| f.feature.clone()).collect();
    let rows = features.len();
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    let mut marks = Vec::new();
    for (row, feature) in features.iter().enumerate() {
        let y = at_row(row, rows);
        let (from, to) = (
            feature.mean - feature.standard_deviation,
            feature.mean + feature.standard_deviation,
        );
        low = low.min(from);
        high = high.max(to);
        marks.push(Mark::Bar {
            from: (0.0, y - 0.32),
            to: (feature.mean, y + 0.32),
            ink: Ink::One,
        });
        marks.push(Mark::thin((from, y), (to, y), Ink::Text));
    }
    marks.push(Mark::thin((0.0, 0.0), (0.0, rows as f64), Ink::Soft));
    Plot {
        width: 560.0,
        height: 56.0 + 22.0 * rows as f64,
        left: room_for(&names),
        x: Axis::over(low, high, 5.0, &format!("fall of {}", importance.measure)),
        y: Axis::names(&names, NAME_LETTERS_MAX),
        marks,
        label: format!(
            "Bar plot of the permutation importance of {rows} features, most important first"
        ),
    }
    .svg()
}
