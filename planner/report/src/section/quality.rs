//! How a model learned and how good it is.

use minijinja::{Value, context};
use mlinfra_runtime_spec::evaluation::{CalibrationBin, Confusion, Evaluation, Measure};
use mlinfra_runtime_spec::history::History;

use super::{figure, list};
use crate::chart;
use crate::text::{self, count, counted, interval, percent, value, words};

/// How it learned.
pub(crate) fn learning(history: &History) -> Option<Value> {
    let (first, last) = (history.epochs.first()?, history.epochs.last()?);
    let mut caption = format!(
        "The mean loss over the training rows fell from {} in epoch {} to {} in epoch {}.",
        text::figure(first.loss),
        first.epoch,
        text::figure(last.loss),
        last.epoch
    );
    if last.loss > first.loss {
        caption = caption.replacen("fell", "rose", 1);
    }
    if let Some(validation) = last.validation_loss {
        caption += &format!(
            " Over the validation rows it ended at {}.",
            text::figure(validation)
        );
    }
    let mut figures = vec![figure(chart::learning::loss(history), caption)];
    let auc = chart::learning::auc(history);
    if let (false, Some(end)) = (auc.is_empty(), last.validation_auc) {
        let caption = format!(
            "The AUC of the validation rows ended at {}.",
            text::figure(end)
        );
        figures.push(figure(auc, caption));
    }
    let shown = |number: Option<f64>| number.map(text::figure).unwrap_or_default();
    let epochs = history.epochs.iter().map(|epoch| {
        context! {
            epoch => epoch.epoch,
            loss => text::figure(epoch.loss),
            validation_loss => shown(epoch.validation_loss),
            validation_auc => shown(epoch.validation_auc),
        }
    });
    Some(context! {
        figures => list(figures),
        epochs => list(epochs),
        has_validation => history.epochs.iter().any(|epoch| epoch.validation_loss.is_some()),
    })
}

/// How good it is.
pub(crate) fn of(evaluation: &Evaluation, judged_on: &str) -> Value {
    let base = share(evaluation.positives, evaluation.rows);
    let mut figures = Vec::new();
    let roc = chart::roc::plot(evaluation);
    if !roc.is_empty() {
        let caption = "Each point is a threshold. The further the curve lies above the dashed \
                       line of chance, the better the model tells the two apart.";
        figures.push(figure(roc, caption));
    }
    let calibration = chart::calibration::plot(&evaluation.calibration);
    if !calibration.is_empty() {
        let caption = "Of the rows that are told 70%, about 70 in 100 should be true: dots on the \
                       dashed line. Bars are 95% intervals.";
        figures.push(figure(calibration, caption));
    }
    context! {
        about => format!(
            "Judged on {} of {judged_on}, of which {} have {} ({}). A row counts as selected from \
             a probability of {} on. Intervals are 95%.",
            counted(evaluation.rows, "row"),
            count(evaluation.positives),
            evaluation.label,
            percent(base),
            text::tick(evaluation.threshold),
        ),
        measures => measures(&evaluation.quality),
        figures => list(figures),
        bins => list(evaluation.calibration.iter().map(bin)),
        confusion => confusion(&evaluation.confusion),
        label => evaluation.label.as_str(),
    }
}

/// Measures as a table.
pub(crate) fn measures(measures: &[Measure]) -> Value {
    context! {
        rows => list(measures.iter().map(measure)),
        has_intervals => measures.iter().any(|measure| measure.low.is_some()),
    }
}

fn measure(measure: &Measure) -> Value {
    let made = match measure.interval.as_str() {
        "" => String::new(),
        "delong" => "DeLong".to_owned(),
        "wilson" => "Wilson".to_owned(),
        other => other.to_owned(),
    };
    context! {
        name => shown_name(&measure.name),
        value => value(measure),
        interval => interval(measure),
        made => made,
        undefined => measure.undefined.clone(),
        meaning => meaning(&measure.name),
    }
}

fn shown_name(name: &str) -> String {
    match name {
        "auc" => "AUC".to_owned(),
        "auc_standard_error" => "AUC, standard error".to_owned(),
        "brier" => "Brier score".to_owned(),
        other => words(other),
    }
}

/// What a measure says, in half a sentence.
fn meaning(name: &str) -> &'static str {
    match name {
        "auc" => "how well it ranks: 0.5 is chance, 1 is perfect",
        "auc_standard_error" => "how far AUC may be off",
        "accuracy" => "share of the rows that it tells rightly",
        "precision" => "share of the selected rows that are positive",
        "recall" => "share of the positive rows that are selected",
        "log_loss" => "how much the truth surprises it: lower is better",
        "brier" => "mean squared error of its probabilities: lower is better",
        "calibration_error" => "mean distance of its probabilities from what came true",
        "disparate_impact" => "lowest selection rate over the highest: 1 is equal",
        "demographic_parity_difference" => "highest selection rate less the lowest: 0 is equal",
        "equalized_odds_difference" => {
            "larger gap of the true and the false positive rates: 0 is equal"
        }
        "equalized_odds_ratio" => {
            "smaller ratio of the true and the false positive rates: 1 is equal"
        }
        "equalized_odds_difference_mean" => {
            "mean gap of the true and the false positive rates: 0 is equal"
        }
        "demographic_parity_difference_to_overall" => {
            "largest distance of a group's selection rate from that of all: 0 is equal"
        }
        "demographic_parity_ratio_to_overall" => {
            "smallest ratio of a group's selection rate and that of all: 1 is equal"
        }
        "equal_opportunity_difference" => "gap of the true positive rates: 0 is equal",
        "equal_opportunity_ratio" => "lowest true positive rate over the highest: 1 is equal",
        _ => "",
    }
}

fn bin(bin: &CalibrationBin) -> Value {
    context! {
        range => format!("{} to {}", text::tick(bin.from), text::tick(bin.to)),
        rows => count(bin.rows),
        predicted => text::figure(bin.predicted),
        observed => text::figure(bin.observed),
        interval => format!("{} to {}", text::figure(bin.low), text::figure(bin.high)),
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        f64::NAN
    } else {
        part as f64 / whole as f64
    }
}

/// Four cells; each says its share of the rows of its truth, which also shades it.
fn confusion(confusion: &Confusion) -> Value {
    let positives = confusion.true_positives + confusion.false_negatives;
    let negatives = confusion.true_negatives + confusion.false_positives;
    let cell = |rows: u64, of: u64, is_right: bool| {
        let share = share(rows, of);
        let shade = if share.is_finite() {
            (share * 100.0).round() as u64
        } else {
            0
        };
        context! {
            rows => count(rows),
            share => percent(share),
            shade => shade.min(100),
            is_right => is_right,
        }
    };
    context! {
        true_positives => cell(confusion.true_positives, positives, true),
        false_negatives => cell(confusion.false_negatives, positives, false),
        false_positives => cell(confusion.false_positives, negatives, false),
        true_negatives => cell(confusion.true_negatives, negatives, true),
    }
}
