//! Calibration: of those who are told 70%, do 70 in 100 turn out true?

use mlinfra_runtime_spec::evaluation::CalibrationBin;

use crate::canvas::{Axis, Ink, Mark, Plot};

/// Observed shares with their intervals against mean predictions; empty without bins.
pub(crate) fn plot(bins: &[CalibrationBin]) -> String {
    if bins.is_empty() {
        return String::new();
    }
    let mut marks = vec![Mark::Line {
        points: vec![(0.0, 0.0), (1.0, 1.0)],
        ink: Ink::Two,
        width: 1.3,
    }];
    for bin in bins {
        let at = bin.predicted;
        marks.push(Mark::thin((at, bin.low), (at, bin.high), Ink::One));
        for end in [bin.low, bin.high] {
            marks.push(Mark::thin((at - 0.012, end), (at + 0.012, end), Ink::One));
        }
    }
    let line = bins.iter().map(|bin| (bin.predicted, bin.observed));
    marks.push(Mark::Line {
        points: line.collect(),
        ink: Ink::One,
        width: 1.3,
    });
    marks.extend(bins.iter().map(|bin| Mark::Dot {
        at: (bin.predicted, bin.observed),
        ink: Ink::One,
        is_hollow: false,
    }));
    Plot {
        width: 380.0,
        height: 360.0,
        left: 40.0,
        x: Axis::share("predicted probability"),
        y: Axis::share("share that is true"),
        marks,
        label:
            "Calibration plot: the observed share in each bin against its mean prediction, with \
                95% intervals; a perfect model lies on the dashed diagonal"
                .to_owned(),
    }
    .svg()
}
