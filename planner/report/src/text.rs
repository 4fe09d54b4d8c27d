//! Numbers and names as people read them.

use mlinfra_runtime_spec::evaluation::Measure;

/// What stands for a figure that has no value.
pub(crate) const UNDEFINED: &str = "undefined";

/// Three digits behind the point: `0.778`. Small ones keep two that count: `0.00042`.
pub(crate) fn figure(number: f64) -> String {
    if !number.is_finite() {
        return UNDEFINED.to_owned();
    }
    let size = number.abs();
    let text = match size {
        _ if size == 0.0 || (0.0005..1000.0).contains(&size) => format!("{number:.3}"),
        _ if size >= 1000.0 => return grouped(number),
        _ => format!("{number:.1e}"),
    };
    minus(text)
}

/// At most two digits behind the point and no zeros at the end: for ticks.
pub(crate) fn tick(number: f64) -> String {
    let size = number.abs();
    if size >= 10_000.0 {
        let (divisor, unit) = if size >= 1e6 { (1e6, "M") } else { (1e3, "k") };
        let text = format!("{:.1}", number / divisor);
        return minus(trimmed(&text) + unit);
    }
    if size != 0.0 && size < 0.001 {
        return minus(format!("{number:.0e}"));
    }
    minus(trimmed(&format!("{number:.3}")))
}

/// Four digits that count, and no zeros at the end: `18`, `12.06`, `3,271`.
pub(crate) fn amount(number: f64) -> String {
    if !number.is_finite() {
        return UNDEFINED.to_owned();
    }
    match number.abs() {
        size if size >= 1000.0 => grouped(number),
        size if size != 0.0 && size < 0.001 => minus(format!("{number:.2e}")),
        size => {
            let digits = if size >= 100.0 {
                1
            } else if size >= 10.0 {
                2
            } else {
                3
            };
            minus(trimmed(&format!("{number:.digits$}")))
        }
    }
}

/// Whole per cent with one digit: `93.1%`.
pub(crate) fn percent(share: f64) -> String {
    match share.is_finite() {
        true => format!("{:.1}%", share * 100.0),
        false => UNDEFINED.to_owned(),
    }
}

/// `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 row`, `12 rows`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// A measure's value, or that it has none.
pub(crate) fn value(measure: &Measure) -> String {
    measure.value.map_or_else(|| UNDEFINED.to_owned(), figure)
}

/// `0.709 to 0.848`; empty without an interval.
pub(crate) fn interval(measure: &Measure) -> String {
    match (measure.low, measure.high) {
        (Some(low), Some(high)) => format!("{} to {}", figure(low), figure(high)),
        _ => String::new(),
    }
}

/// `log_loss` → `log loss`.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// The text, cut to this many letters; the cut shows.
pub(crate) fn cut(text: &str, letters_max: usize) -> String {
    if text.chars().count() <= letters_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(letters_max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// The first 12 digits of a recipe key.
pub(crate) fn short_key(key: &str) -> String {
    key.chars().take(12).collect()
}

/// `4.9 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.max(0.0).round();
    match whole {
        _ if seconds < 10.0 => format!("{} s", trimmed(&format!("{:.1}", seconds.max(0.0)))),
        _ if whole < 60.0 => format!("{whole} s"),
        _ if whole < 3600.0 => format!("{} min {} s", (whole / 60.0).floor(), whole % 60.0),
        _ => {
            let minutes = (whole / 60.0).floor();
            format!("{} h {} min", (minutes / 60.0).floor(), minutes % 60.0)
        }
    }
}

/// `2026-11-22 11:26:55 UTC` of an RFC 3339 time in UTC; others stay as they are.
pub(crate) fn time(text: &str) -> String {
    match text.strip_suffix('Z') {
        Some(bare) => format!("{} UTC", bare.replace('T', " ")),
        None => text.to_owned(),
    }
}

fn grouped(number: f64) -> String {
    let rounded = number.abs().round();
    if rounded >= 1e15 {
        return minus(format!("{number:.2e}"));
    }
    // Below 1e15 a float holds every whole number.
    let text = count(rounded as u64);
    if number < 0.0 {
        format!("−{text}")
    } else {
        text
    }
}

fn trimmed(text: &str) -> String {
    if !text.contains('.') {
        return text.to_owned();
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A real minus sign, and none before a zero.
fn minus(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, text) in [
            (0.0, "0.000"),
            (-0.0, "0.000"),
            (0.7784, "0.778"),
            (-0.0312, "−0.031"),
            (0.000_42, "4.2e-4"),
            (12_345.6, "12,346"),
            (-1000.0, "−1,000"),
            (f64::NAN, "undefined"),
        ] {
            assert_eq!(figure(number), text);
        }
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.25, "0.25"),
            (-2.0, "−2"),
            (2500.0, "2500"),
            (12_500.0, "12.5k"),
            (3e6, "3M"),
        ] {
            assert_eq!(tick(number), text);
        }
        for (number, text) in [
            (18.0, "18"),
            (12.058, "12.06"),
            (3271.4, "3,271"),
            (-0.5, "−0.5"),
        ] {
            assert_eq!(amount(number), text);
        }
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(seconds(4.94), "4.9 s");
        assert_eq!(seconds(200.0), "3 min 20 s");
        assert_eq!(seconds(7500.0), "2 h 5 min");
        assert_eq!(cut("ünderstanding", 6), "ünder…");
        assert_eq!(time("2026-11-22T11:26:55Z"), "2026-11-22 11:26:55 UTC");
    }
}
