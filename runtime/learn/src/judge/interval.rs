//! Intervals around measured numbers, each meant to hold the truth in 95 of 100 cases.

use mlinfra_runtime_spec::evaluation::Measure;

/// How often a bootstrap draws its data again.
pub const RESAMPLES: u64 = 2000;

/// The normal distribution has 95% of its mass within so many standard deviations.
pub(crate) const DEVIATIONS: f64 = 1.959_963_984_540_054;

/// The interval of a share: Wilson, "Probable inference, the law of succession, and statistical
/// inference" (Journal of the American Statistical Association 22, 1927). `total` is not 0.
pub fn wilson(successes: u64, total: u64) -> (f64, f64) {
    let total = total as f64;
    let share = successes as f64 / total;
    let square = DEVIATIONS * DEVIATIONS;
    let center = share + square / (2.0 * total);
    let width =
        DEVIATIONS * (share * (1.0 - share) / total + square / (4.0 * total * total)).sqrt();
    let scale = 1.0 + square / total;
    let (low, high) = ((center - width) / scale, (center + width) / scale);
    // At the ends of the scale rounding alone would leave it, or not quite reach it.
    (
        if successes == 0 { 0.0 } else { low.max(0.0) },
        if share == 1.0 { 1.0 } else { high.min(1.0) },
    )
}

/// The value below which `share` of the sorted values lie, in a straight line between two of them.
/// There is at least one.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// The interval that resampled values give, if nearly all of them are there.
pub(crate) fn of_resamples(values: impl Iterator<Item = Option<f64>>) -> Option<(f64, f64)> {
    let (mut found, mut count) = (Vec::new(), 0_usize);
    for value in values {
        count += 1;
        found.extend(value);
    }
    if count == 0 || found.len() * 100 < count * 95 {
        return None;
    }
    found.sort_by(f64::total_cmp);
    Some((percentile(&found, 0.025), percentile(&found, 0.975)))
}

/// A share with its Wilson interval; undefined, for this reason, if it is taken from nothing.
pub(crate) fn rate(
    name: &str,
    successes: u64,
    total: u64,
    reason: impl FnOnce() -> String,
) -> Measure {
    if total == 0 {
        return undefined(name, reason());
    }
    let (low, high) = wilson(successes, total);
    Measure {
        low: Some(low),
        high: Some(high),
        interval: "wilson".to_owned(),
        ..plain(name, successes as f64 / total as f64)
    }
}

/// A number without an interval.
pub(crate) fn plain(name: &str, value: f64) -> Measure {
    Measure {
        name: name.to_owned(),
        value: Some(value),
        ..Measure::default()
    }
}

/// A number that is not there.
pub(crate) fn undefined(name: &str, reason: String) -> Measure {
    Measure {
        name: name.to_owned(),
        undefined: Some(reason),
        ..Measure::default()
    }
}

/// A number with an interval, if there is one.
pub(crate) fn between(
    name: &str,
    value: f64,
    interval: &str,
    bounds: Option<(f64, f64)>,
) -> Measure {
    Measure {
        low: bounds.map(|(low, _)| low),
        high: bounds.map(|(_, high)| high),
        interval: bounds.map_or_else(String::new, |_| interval.to_owned()),
        ..plain(name, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_intervals_as_published() {
        // Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I.
        for (successes, total, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = wilson(successes, total);
            assert!(
                (found.0 - low).abs() < 5e-5 && (found.1 - high).abs() < 5e-5,
                "{found:?}"
            );
        }
        let (low, high) = wilson(20, 20);
        assert!(high == 1.0 && (low - (1.0 - 0.1611)).abs() < 5e-5);
    }

    #[test]
    fn percentiles_lie_in_a_straight_line_between_values() {
        let sorted = [1.0, 2.0, 4.0];
        assert_eq!(percentile(&sorted, 0.0), 1.0);
        assert_eq!(percentile(&sorted, 0.25), 1.5);
        assert_eq!(percentile(&sorted, 0.75), 3.0);
        assert_eq!(percentile(&sorted, 1.0), 4.0);
        assert_eq!(percentile(&[7.0], 0.3), 7.0);
    }

    #[test]
    fn resamples_that_are_mostly_undefined_give_no_interval() {
        let values = |missing: usize| (0..1000).map(move |at| (at >= missing).then_some(at as f64));
        assert!(of_resamples(values(40)).is_some());
        assert_eq!(of_resamples(values(60)), None);
        assert_eq!(of_resamples(std::iter::empty()), None);
    }
}
