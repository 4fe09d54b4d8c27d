//! How good a model's probabilities are: measures with intervals, ROC curve, calibration.

use mlinfra_runtime_spec::evaluation::{CalibrationBin, Confusion, Measure, RocPoint};
use mlinfra_runtime_spec::profile::CATEGORY_ROWS_MIN;

use super::interval::{
    DEVIATIONS, RESAMPLES, between, of_resamples, plain, rate, undefined, wilson,
};
use crate::limits;
use crate::metrics::{Area, log_loss};
use crate::network::{cross_entropy, sigmoid};
use crate::stream::Stream;

/// The most points of a stored ROC curve.
const ROC_POINTS_MAX: usize = 200;

/// The bins of calibration, of equal width.
const BINS: usize = 10;

/// What the model says of each row, and what is true.
pub(crate) struct Answers<'a> {
    /// The logarithm of the odds.
    pub(crate) logits: &'a [f64],
    pub(crate) labels: &'a [bool],
    /// A row is selected from this probability on.
    pub(crate) threshold: f64,
}

impl Answers<'_> {
    pub(crate) fn probabilities(&self) -> Vec<f64> {
        self.logits.iter().map(|logit| sigmoid(*logit)).collect()
    }

    pub(crate) fn selected(&self) -> Vec<bool> {
        let above = |probability| probability >= self.threshold;
        self.probabilities().into_iter().map(above).collect()
    }

    pub(crate) fn confusion(&self) -> Confusion {
        let mut confusion = Confusion::default();
        for (selected, label) in self.selected().iter().zip(self.labels) {
            match (selected, label) {
                (true, true) => confusion.true_positives += 1,
                (true, false) => confusion.false_positives += 1,
                (false, false) => confusion.true_negatives += 1,
                (false, true) => confusion.false_negatives += 1,
            }
        }
        confusion
    }
}

/// The measures of quality, in the order to show them. There is at least one row.
pub(crate) fn measures(answers: &Answers<'_>, area: &Area, seed: u64) -> Vec<Measure> {
    let count = answers.labels.len() as u64;
    let Confusion {
        true_positives,
        false_positives,
        true_negatives,
        false_negatives,
    } = answers.confusion();
    let (selected, positives) = (
        true_positives + false_positives,
        true_positives + false_negatives,
    );
    let right = true_positives + true_negatives;
    let none_selected = || "no row reaches the threshold, so none is selected".to_owned();
    let no_positive = || "the label is true in no row".to_owned();
    let no_row = || "there is no row".to_owned();
    let (loss_bounds, brier_bounds, how) = bounds_of_means(answers, seed);
    let probabilities = answers.probabilities();
    let brier = squares(answers).iter().sum::<f64>() / count as f64;
    let error = match area.standard_error {
        None => undefined("auc_standard_error", NEEDS_TWO.to_owned()),
        Some(0.0) => undefined("auc_standard_error", NO_ERROR.to_owned()),
        Some(error) => plain("auc_standard_error", error),
    };
    vec![
        between("auc", area.auc, "delong", bounds_of_area(area)),
        rate("accuracy", right, count, no_row),
        rate("precision", true_positives, selected, none_selected),
        rate("recall", true_positives, positives, no_positive),
        between(
            "log_loss",
            log_loss(answers.logits, answers.labels),
            how,
            loss_bounds,
        ),
        between("brier", brier, how, brier_bounds),
        // Resampling makes every bin noisier, so it would put an interval above the value itself.
        plain(
            "calibration_error",
            calibration_error(&probabilities, answers.labels),
        ),
        error,
    ]
}

const NEEDS_TWO: &str = "it needs at least two rows of either label";

const NO_ERROR: &str = "the scores separate both labels entirely or are all alike, which says \
                        nothing about how far the area may be off";

/// The interval of the area. None where its error is estimated as 0, which it is of scores that
/// separate the labels, however few they are: two rows of either kind would prove a perfect model.
fn bounds_of_area(area: &Area) -> Option<(f64, f64)> {
    let error = area.standard_error.filter(|error| *error > 0.0)?;
    let width = DEVIATIONS * error;
    Some(((area.auc - width).max(0.0), (area.auc + width).min(1.0)))
}

fn number(label: bool) -> f64 {
    f64::from(u8::from(label))
}

fn squares(answers: &Answers<'_>) -> Vec<f64> {
    let probabilities = answers.probabilities();
    let pairs = probabilities.iter().zip(answers.labels);
    pairs
        .map(|(p, label)| (p - number(*label)).powi(2))
        .collect()
}

type Bounds = Option<(f64, f64)>;

/// The intervals of the log loss and the Brier score, and how they were made: by resampling rows
/// together, or of very many rows by the normal distribution of a mean.
fn bounds_of_means(answers: &Answers<'_>, seed: u64) -> (Bounds, Bounds, &'static str) {
    let pairs = answers.logits.iter().zip(answers.labels);
    let losses: Vec<f64> = pairs
        .map(|(logit, label)| cross_entropy(*logit, number(*label)))
        .collect();
    let squares = squares(answers);
    let count = losses.len();
    if count > limits::BOOTSTRAP_ROWS_MAX {
        return (normal(&losses), normal(&squares), "normal");
    }
    let stream = Stream::new(seed, "evaluate.means");
    let rows = u32::try_from(count).expect("the rows were counted against a small limit");
    let mut means = Vec::with_capacity(RESAMPLES as usize);
    for resample in 0..RESAMPLES {
        let mut draws = stream.at(resample);
        let (mut loss, mut square) = (0.0, 0.0);
        for _ in 0..count {
            let row = draws.below(rows) as usize;
            loss += losses[row];
            square += squares[row];
        }
        means.push((loss / count as f64, square / count as f64));
    }
    (
        of_resamples(means.iter().map(|(loss, _)| Some(*loss))),
        of_resamples(means.iter().map(|(_, square)| Some(*square))),
        "bootstrap",
    )
}

fn normal(values: &[f64]) -> Bounds {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>();
    let width = DEVIATIONS * (square / (count - 1.0) / count).sqrt();
    Some((mean - width, mean + width))
}

/// The ROC curve from (0, 0) to (1, 1), without points on a straight line between others, and
/// thinned evenly if it is still long. Both labels occur.
pub(crate) fn roc(logits: &[f64], labels: &[bool]) -> Vec<RocPoint> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    let (mut hits, mut alarms) = (0_u64, 0_u64);
    let mut corners: Vec<(u64, u64)> = vec![(0, 0)];
    for (place, row) in order.iter().enumerate() {
        hits += u64::from(labels[*row]);
        alarms += u64::from(!labels[*row]);
        let next = order.get(place + 1);
        if next.is_some_and(|next| logits[*next] == logits[*row]) {
            continue;
        }
        if let [.., first, second] = corners[..]
            && is_straight(first, second, (alarms, hits))
        {
            corners.pop();
        }
        corners.push((alarms, hits));
    }
    let last = corners.len() - 1;
    let kept = corners.len().min(ROC_POINTS_MAX);
    let chosen = (0..kept).map(|place| corners[place * last / (kept - 1)]);
    let share = |(alarms_here, hits_here): (u64, u64)| RocPoint {
        false_positive_rate: alarms_here as f64 / alarms as f64,
        true_positive_rate: hits_here as f64 / hits as f64,
    };
    chosen.map(share).collect()
}

fn is_straight(a: (u64, u64), b: (u64, u64), c: (u64, u64)) -> bool {
    let rise = u128::from(b.1 - a.1) * u128::from(c.0 - b.0);
    rise == u128::from(c.1 - b.1) * u128::from(b.0 - a.0)
}

fn bin_of(probability: f64) -> usize {
    ((probability * BINS as f64) as usize).min(BINS - 1)
}

#[derive(Clone, Copy, Default)]
struct Bin {
    rows: u64,
    positives: u64,
    sum: f64,
}

fn bins(probabilities: &[f64], labels: &[bool]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for (probability, label) in probabilities.iter().zip(labels) {
        let bin = &mut bins[bin_of(*probability)];
        bin.rows += 1;
        bin.positives += u64::from(*label);
        bin.sum += probability;
    }
    bins
}

/// The expected calibration error: the mean difference of probability and share of true labels,
/// over ten bins of equal width, by their rows. Naeini, Cooper and Hauskrecht, "Obtaining well
/// calibrated probabilities using Bayesian binning" (AAAI 2015).
pub(crate) fn calibration_error(probabilities: &[f64], labels: &[bool]) -> f64 {
    let bins = bins(probabilities, labels);
    let gaps = bins
        .iter()
        .map(|bin| (bin.sum - bin.positives as f64).abs());
    gaps.sum::<f64>() / labels.len() as f64
}

/// The bins with their rates. One with few rows is joined with the next that has some, because the
/// mean of one row would be that row's own; there is none of fewer rows than that in all.
pub(crate) fn calibration(probabilities: &[f64], labels: &[bool]) -> Vec<CalibrationBin> {
    let mut joined: Vec<(usize, usize, Bin)> = Vec::new();
    for (at, bin) in bins(probabilities, labels).into_iter().enumerate() {
        if bin.rows == 0 {
            continue;
        }
        match joined.last_mut() {
            Some((_, to, last)) if last.rows < CATEGORY_ROWS_MIN => {
                *to = at + 1;
                add(last, bin);
            }
            _ => joined.push((at, at + 1, bin)),
        }
    }
    if joined.len() > 1
        && let Some((_, to, last)) = joined.pop_if(|(_, _, bin)| bin.rows < CATEGORY_ROWS_MIN)
        && let Some((_, end, before)) = joined.last_mut()
    {
        *end = to;
        add(before, last);
    }
    joined.retain(|(_, _, bin)| bin.rows >= CATEGORY_ROWS_MIN);
    joined.into_iter().map(rates_of).collect()
}

fn add(bin: &mut Bin, other: Bin) {
    bin.rows += other.rows;
    bin.positives += other.positives;
    bin.sum += other.sum;
}

fn rates_of((from, to, bin): (usize, usize, Bin)) -> CalibrationBin {
    let (low, high) = wilson(bin.positives, bin.rows);
    CalibrationBin {
        from: from as f64 / BINS as f64,
        to: to as f64 / BINS as f64,
        rows: bin.rows,
        predicted: bin.sum / bin.rows as f64,
        observed: bin.positives as f64 / bin.rows as f64,
        low,
        high,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::area_under_curve;

    fn drawn(rows: usize, levels: u32) -> (Vec<f64>, Vec<bool>) {
        let mut draws = Stream::new(11, "drawn").at(u64::from(levels));
        let logits: Vec<f64> = (0..rows)
            .map(|_| f64::from(draws.below(levels)) / f64::from(levels) * 6.0 - 3.0)
            .collect();
        let labels = logits
            .iter()
            .map(|logit| f64::from(draws.unit()) < sigmoid(*logit))
            .collect();
        (logits, labels)
    }

    #[test]
    fn the_roc_curve_has_the_area_it_should() {
        for (rows, levels) in [(60, 5), (150, 40), (5000, 100_000)] {
            let (logits, labels) = drawn(rows, levels);
            let curve = roc(&logits, &labels);
            assert!(curve.len() <= ROC_POINTS_MAX);
            let first = curve[0];
            assert_eq!(
                (first.false_positive_rate, first.true_positive_rate),
                (0.0, 0.0)
            );
            let last = curve[curve.len() - 1];
            assert_eq!(
                (last.false_positive_rate, last.true_positive_rate),
                (1.0, 1.0)
            );
            let area: f64 = curve
                .windows(2)
                .map(|pair| {
                    let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
                    width * (pair[0].true_positive_rate + pair[1].true_positive_rate) / 2.0
                })
                .sum();
            let exact = area_under_curve(&logits, &labels).expect("both labels").auc;
            let slack = if rows > 1000 { 2e-3 } else { 1e-12 };
            assert!((area - exact).abs() < slack, "{area} {exact}");
        }
    }

    #[test]
    fn bins_with_few_rows_are_joined_and_no_row_is_lost() {
        let (logits, labels) = drawn(80, 1000);
        let probabilities: Vec<f64> = logits.iter().map(|logit| sigmoid(*logit)).collect();
        for rows in [0, 1, 3, 4] {
            assert_eq!(calibration(&probabilities[..rows], &labels[..rows]), []);
        }
        for rows in [5, 9, 17, 40, 80] {
            let bins = calibration(&probabilities[..rows], &labels[..rows]);
            assert_eq!(bins.iter().map(|bin| bin.rows).sum::<u64>(), rows as u64);
            let whole = |bin: &CalibrationBin| bin.rows >= CATEGORY_ROWS_MIN;
            assert!(bins.iter().all(whole), "{bins:?}");
            assert!(bins.windows(2).all(|pair| pair[0].to <= pair[1].from));
            let inside =
                |bin: &CalibrationBin| bin.from <= bin.predicted && bin.predicted <= bin.to;
            assert!(bins.iter().all(inside), "{bins:?}");
        }
        // 0.25 of 4 rows, one of them true, is exactly right; 0.85 of 4 rows misses by 0.15.
        let error = calibration_error(
            &[0.25, 0.25, 0.25, 0.25, 0.85, 0.85, 0.85, 0.85],
            &[true, false, false, false, true, true, true, true],
        );
        assert!((error - 0.075).abs() < 1e-12);
        assert_eq!(calibration_error(&[1.0, 0.0], &[true, false]), 0.0);
    }

    #[test]
    fn both_kinds_of_intervals_agree_and_hold_the_value() {
        let (logits, labels) = drawn(2000, 100_000);
        let answers = Answers {
            logits: &logits,
            labels: &labels,
            threshold: 0.5,
        };
        let area = area_under_curve(&logits, &labels).expect("both labels");
        let measures = measures(&answers, &area, 3);
        for measure in &measures[..6] {
            let value = measure.value.expect("defined");
            let (low, high) = (
                measure.low.expect("a bound"),
                measure.high.expect("a bound"),
            );
            assert!(low < value && value < high, "{measure:?}");
        }
        let (low, high) = normal(&squares(&answers)).expect("bounds");
        let brier = &measures[5];
        assert!((brier.low.expect("a bound") - low).abs() < 0.15 * (high - low));
        assert!((brier.high.expect("a bound") - high).abs() < 0.15 * (high - low));
    }

    #[test]
    fn scores_that_separate_the_labels_prove_no_bound() {
        let (best, alike) = ([3.0, 2.0, -2.0, -3.0], [0.5; 4]);
        for (logits, auc) in [(best, 1.0), (alike, 0.5)] {
            let answers = Answers {
                logits: &logits,
                labels: &[true, true, false, false],
                threshold: 0.5,
            };
            let area = area_under_curve(answers.logits, answers.labels).expect("both labels");
            let found = measures(&answers, &area, 0);
            let area = &found[0];
            assert_eq!((area.value, area.low, area.high), (Some(auc), None, None));
            assert_eq!(area.interval, "");
            let error = &found[7];
            assert_eq!(
                (error.name.as_str(), error.value),
                ("auc_standard_error", None)
            );
            assert_eq!(error.undefined.as_deref(), Some(NO_ERROR));
        }
    }

    #[test]
    fn precision_of_nothing_is_undefined() {
        let answers = Answers {
            logits: &[-1.0, -2.0, -3.0, -4.0],
            labels: &[true, false, true, false],
            threshold: 0.9,
        };
        let area = area_under_curve(answers.logits, answers.labels).expect("both labels");
        let found = measures(&answers, &area, 0);
        assert_eq!(
            (found[2].name.as_str(), found[2].value),
            ("precision", None)
        );
        assert!(
            found[2]
                .undefined
                .as_ref()
                .expect("a reason")
                .contains("threshold")
        );
        assert_eq!(found[3].value, Some(0.0));
    }
}
