//! The ROC curve: the positives that are found, against the negatives that are taken for them.

use mlinfra_runtime_spec::evaluation::Evaluation;

use crate::canvas::{Axis, Ink, Mark, Plot, Side};
use crate::text::{figure, tick};

/// The curve, chance, and where the threshold stands; empty without points.
pub(crate) fn plot(evaluation: &Evaluation) -> String {
    if evaluation.roc.is_empty() {
        return String::new();
    }
    let points: Vec<(f64, f64)> = evaluation
        .roc
        .iter()
        .map(|point| (point.false_positive_rate, point.true_positive_rate))
        .collect();
    let mut marks = vec![
        Mark::Band {
            points: points.iter().map(|(x, y)| (*x, 0.0, *y)).collect(),
            ink: Ink::One,
        },
        Mark::Line {
            points: vec![(0.0, 0.0), (1.0, 1.0)],
            ink: Ink::Two,
            width: 1.3,
        },
        Mark::Note {
            at: (0.62, 0.55),
            text: "chance".to_owned(),
            side: Side::Right,
            ink: Ink::Text,
        },
        Mark::line(points, Ink::One),
    ];
    if let Some(at) = at_threshold(evaluation) {
        marks.push(Mark::Dot {
            at,
            ink: Ink::Text,
            is_hollow: false,
        });
        marks.push(Mark::Note {
            at: (at.0 + 0.01, at.1 - 0.06),
            text: format!("threshold {}", tick(evaluation.threshold)),
            side: Side::Right,
            ink: Ink::Text,
        });
    }
    let auc = evaluation.quality.iter().find(|m| m.name == "auc");
    let auc = auc.and_then(|measure| measure.value).map(figure);
    Plot {
        width: 380.0,
        height: 360.0,
        left: 40.0,
        x: Axis::share("false positive rate"),
        y: Axis::share("true positive rate"),
        marks,
        label: match auc {
            Some(auc) => format!("ROC curve; the area under it is {auc}, chance has 0.5"),
            None => "ROC curve".to_owned(),
        },
    }
    .svg()
}

/// Both rates at the threshold, from the confusion matrix.
fn at_threshold(evaluation: &Evaluation) -> Option<(f64, f64)> {
    let confusion = &evaluation.confusion;
    let rate = |hits: u64, misses: u64| {
        let all = hits + misses;
        (all > 0).then(|| hits as f64 / all as f64)
    };
    Some((
        rate(confusion.false_positives, confusion.true_negatives)?,
        rate(confusion.true_positives, confusion.false_negatives)?,
    ))
}
