//! How good a model's answers are as a ranking and as probabilities: the area under the ROC curve
//! with its error, and the cross-entropy.

use crate::network::cross_entropy;

/// The mean cross-entropy of logits; 0 of no rows.
pub(crate) fn log_loss(logits: &[f64], labels: &[bool]) -> f64 {
    let losses = logits.iter().zip(labels);
    let sum: f64 = losses
        .map(|(logit, label)| cross_entropy(*logit, f64::from(u8::from(*label))))
        .sum();
    sum / labels.len().max(1) as f64
}

/// An area under the ROC curve, and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// The area.
    pub auc: f64,
    /// None with fewer than two rows of either kind.
    pub standard_error: Option<f64>,
}

/// The exact area under the ROC curve and its standard error, of scores without NaN; none if one
/// of the two labels does not occur.
///
/// The error is that of DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more
/// correlated receiver operating characteristic curves" (Biometrics 44, 1988), by the midranks of
/// Sun and Xu, "Fast implementation of DeLong's algorithm" (IEEE Signal Processing Letters 21,
/// 2014).
pub fn area_under_curve(scores: &[f64], labels: &[bool]) -> Option<Area> {
    let of = |wanted: bool| -> Vec<f64> {
        let pairs = scores.iter().zip(labels);
        pairs
            .filter(|(_, label)| **label == wanted)
            .map(|(score, _)| *score)
            .collect()
    };
    let (positive, negative) = (of(true), of(false));
    if positive.is_empty() || negative.is_empty() {
        return None;
    }
    let (yes, no) = (positive.len() as f64, negative.len() as f64);
    let together: Vec<f64> = positive.iter().chain(&negative).copied().collect();
    let ranks = doubled_midranks(&together);
    let (ranks_positive, ranks_negative) = ranks.split_at(positive.len());
    // Twice the number of pairs in the right order, ties half: a whole number, so nothing is lost.
    let own: u64 = doubled_midranks(&positive).iter().sum();
    let pairs = ranks_positive.iter().sum::<u64>() - own;
    let auc = pairs as f64 / (2.0 * yes * no);
    let placements = |ranks: &[u64], own: &[f64], others: f64| -> Vec<f64> {
        let own = doubled_midranks(own);
        let above = ranks.iter().zip(own).map(|(all, own)| (all - own) as f64);
        above.map(|above| above / (2.0 * others)).collect()
    };
    let standard_error = (yes > 1.0 && no > 1.0).then(|| {
        let of_positive = variance(&placements(ranks_positive, &positive, no));
        let of_negative = variance(&placements(ranks_negative, &negative, yes));
        (of_positive / yes + of_negative / no).sqrt()
    });
    Some(Area {
        auc,
        standard_error,
    })
}

/// Twice the rank (from 1) of each score, equal scores sharing the mean of their ranks.
fn doubled_midranks(scores: &[f64]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let mut ranks = vec![0; scores.len()];
    let mut start = 0;
    while start < order.len() {
        let equal = |at: &&usize| scores[**at] == scores[order[start]];
        let end = start + order[start..].iter().take_while(equal).count();
        for at in &order[start..end] {
            ranks[*at] = (start + end + 1) as u64;
        }
        start = end;
    }
    ranks
}

/// The sample variance, of at least two values.
fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (count - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    /// Counts the pairs one by one, and takes the error from them by its definition.
    fn by_pairs(scores: &[f64], labels: &[bool]) -> (f64, f64) {
        let of = |wanted: bool| -> Vec<f64> {
            let all = scores.iter().zip(labels);
            all.filter(|(_, label)| **label == wanted)
                .map(|(score, _)| *score)
                .collect()
        };
        let (yes, no) = (of(true), of(false));
        let wins = |a: f64, b: f64| match a.total_cmp(&b) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let of_yes: Vec<f64> = yes
            .iter()
            .map(|a| mean(no.iter().map(|b| wins(*a, *b)).collect()))
            .collect();
        let of_no: Vec<f64> = no
            .iter()
            .map(|b| mean(yes.iter().map(|a| wins(*a, *b)).collect()))
            .collect();
        let spread = variance(&of_yes) / yes.len() as f64 + variance(&of_no) / no.len() as f64;
        (mean(of_yes), spread.sqrt())
    }

    #[test]
    fn the_area_is_what_counting_pairs_gives() {
        for case in 0..200_u64 {
            let mut draws = Stream::new(case, "area").at(0);
            let rows = 4 + draws.below(60) as usize;
            let levels = 1 + draws.below(20);
            let scores: Vec<f64> = (0..rows)
                .map(|_| f64::from(draws.below(levels)) / 7.0)
                .collect();
            let mut labels: Vec<bool> = (0..rows).map(|_| draws.below(3) == 0).collect();
            labels[..4].copy_from_slice(&[true, false, true, false]);
            let area = area_under_curve(&scores, &labels).expect("both labels occur");
            let (auc, error) = by_pairs(&scores, &labels);
            assert!((area.auc - auc).abs() < 1e-12);
            let found = area.standard_error.expect("two of either");
            assert!((found - error).abs() < 1e-12);
        }
    }

    #[test]
    fn the_ends_of_the_scale() {
        let labels = [true, true, false, false];
        let area = |scores: [f64; 4]| area_under_curve(&scores, &labels).expect("both labels");
        assert_eq!(area([0.9, 0.8, 0.2, 0.1]).auc, 1.0);
        assert_eq!(area([0.1, 0.2, 0.8, 0.9]).auc, 0.0);
        assert_eq!(area([0.5; 4]).auc, 0.5);
        assert_eq!(area([0.0, -0.0, 0.0, -0.0]).auc, 0.5);
        assert_eq!(area([0.9, 0.8, 0.2, 0.1]).standard_error, Some(0.0));
        assert_eq!(area_under_curve(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(area_under_curve(&[], &[]), None);
        let two = area_under_curve(&[0.1, 0.2], &[false, true]).expect("both labels");
        assert_eq!((two.auc, two.standard_error), (1.0, None));
    }
}
