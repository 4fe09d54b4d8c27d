//! LIME: which features move the prediction of one case, and which way.

use mlinfra_runtime_spec::evaluation::LimeCase;

use super::{NAME_LETTERS_MAX, room_for};
use crate::canvas::{Axis, Ink, Mark, Plot, at_row};

/// So many weights are drawn; the table has all of them.
const WEIGHTS_MAX: usize = 8;

/// Bars to both sides: full to the right, where a feature raises the prediction, and the second
/// colour to the left; empty without weights.
pub(crate) fn plot(case: &LimeCase) -> String {
    let weights = &case.weights[..case.weights.len().min(WEIGHTS_MAX)];
    if weights.is_empty() {
        return String::new();
    }
    let names: Vec<String> = weights.iter().map(|w| w.feature.clone()).collect();
    let rows = names.len();
    let sizes = weights.iter().map(|weight| weight.weight.abs());
    let size = sizes.fold(0.0, f64::max);
    let mut marks = Vec::new();
    for (row, weight) in weights.iter().enumerate() {
        let y = at_row(row, rows);
        marks.push(Mark::Bar {
            from: (0.0, y - 0.32),
            to: (weight.weight, y + 0.32),
            ink: if weight.weight < 0.0 {
                Ink::Two
            } else {
                Ink::One
            },
        });
    }
    marks.push(Mark::thin((0.0, 0.0), (0.0, rows as f64), Ink::Soft));
    Plot {
        width: 380.0,
        height: 56.0 + 22.0 * rows as f64,
        left: room_for(&names),
        x: Axis::over(-size, size, 3.0, "← lowers · raises →"),
        y: Axis::names(&names, NAME_LETTERS_MAX),
        marks,
        label: format!(
            "Bar plot of the {rows} features that weigh most in the {}",
            case.name
        ),
    }
    .svg()
}
