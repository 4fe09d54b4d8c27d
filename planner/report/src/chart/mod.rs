//! The charts, one file each: from what was measured to one plot.

pub(crate) mod calibration;
pub(crate) mod dependence;
pub(crate) mod fairness;
pub(crate) mod importance;
pub(crate) mod learning;
pub(crate) mod lime;
pub(crate) mod roc;
pub(crate) mod spread;

use crate::canvas::LETTER_PIXELS;

/// Names beside a plot are cut to this many letters; the table beside it has all of them.
const NAME_LETTERS_MAX: usize = 22;

/// The room that the longest of these names needs, in pixels.
fn room_for(names: &[String]) -> f64 {
    let letters = names.iter().map(|name| name.chars().count()).max();
    letters.unwrap_or(0).min(NAME_LETTERS_MAX) as f64 * LETTER_PIXELS + 16.0
}
