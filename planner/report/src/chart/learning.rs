//! How a model learned: loss, and the ranking of the validation rows, by epoch.

use mlinfra_runtime_spec::history::{EpochFigures, History};

use crate::canvas::{Axis, Ink, Mark, Plot, Side};

/// Loss by epoch; the validation loss beside it if there is one.
pub(crate) fn loss(history: &History) -> String {
    let training = series(history, |epoch| Some(epoch.loss));
    let validation = series(history, |epoch| epoch.validation_loss);
    let mut label = String::from("Line plot of the training loss by epoch");
    if !validation.is_empty() {
        label += ", with the validation loss";
    }
    plot("loss", &training, &validation, label, true)
}

/// The validation rows' AUC by epoch; empty without validation rows.
pub(crate) fn auc(history: &History) -> String {
    let validation = series(history, |epoch| epoch.validation_auc);
    match validation.is_empty() {
        true => String::new(),
        false => {
            let label = "Line plot of the validation AUC by epoch".to_owned();
            plot("AUC", &[], &validation, label, false)
        }
    }
}

fn series(history: &History, of: impl Fn(&EpochFigures) -> Option<f64>) -> Vec<(f64, f64)> {
    let point =
        |epoch: &EpochFigures| Some((f64::from(epoch.epoch), of(epoch).filter(|y| y.is_finite())?));
    history.epochs.iter().filter_map(point).collect()
}

fn plot(
    title: &str,
    training: &[(f64, f64)],
    validation: &[(f64, f64)],
    label: String,
    from_zero: bool,
) -> String {
    let all = || training.iter().chain(validation);
    let last = all().map(|(x, _)| *x).fold(1.0, f64::max);
    let high = all().map(|(_, y)| *y).fold(f64::NEG_INFINITY, f64::max);
    let low = all().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
    let low = if from_zero { low.min(0.0) } else { low };
    let mut x = Axis::over(1.0_f64.min(last - 1.0), last, 6.0, "epoch").without_grid();
    // There is no half epoch.
    x.ticks.retain(|(at, _)| at.fract() == 0.0);
    let end = |points: &[(f64, f64)]| points.last().map_or(f64::NEG_INFINITY, |(_, y)| *y);
    let upper = if end(training) > end(validation) {
        Ink::One
    } else {
        Ink::Two
    };
    let mut marks = Vec::new();
    for (points, ink, name) in [
        (training, Ink::One, "training"),
        (validation, Ink::Two, "validation"),
    ] {
        let Some(end) = points.last() else {
            continue;
        };
        marks.push(Mark::line(points.to_vec(), ink));
        marks.push(Mark::Dot {
            at: *end,
            ink,
            is_hollow: ink == Ink::Two,
        });
        marks.push(Mark::Note {
            at: *end,
            text: name.to_owned(),
            side: if ink == upper {
                Side::Above
            } else {
                Side::Below
            },
            ink: Ink::Text,
        });
    }
    Plot {
        width: 460.0,
        height: 260.0,
        left: 44.0,
        x,
        y: Axis::over(low, high, 4.0, title),
        marks,
        label,
    }
    .svg()
}
