//! Numbers as a gate's text has them: `95%` is said as `95%`, `0.70` as `0.70`.

use mlinfra_api::Value;
use rust_decimal::Decimal;

/// How a condition's text writes a number; none where it does not hold the number, or writes it in
/// several ways. What figures are asked for, `latency(99%)`, is no bound.
pub(crate) fn written(text: &str, bound: &Value) -> Option<String> {
    let bound = match bound {
        Value::Decimal(number) => *number,
        Value::Int(number) => Decimal::from(*number),
        _ => return None,
    };
    let mut found: Option<&str> = None;
    for literal in literals(text) {
        if value_of(literal) == Some(bound) {
            if found.is_some_and(|other| other != literal) {
                return None;
            }
            found = Some(literal);
        }
    }
    found.map(str::to_owned)
}

/// The numbers of a condition, with their `%`, outside texts and arguments.
fn literals(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    let end_of = |from: usize, is: &dyn Fn(u8) -> bool| {
        let rest = bytes[from..].iter().position(|byte| !is(*byte));
        rest.map_or(bytes.len(), |length| from + length)
    };
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        at = match byte {
            b'"' => end_of(at + 1, &|byte| byte != b'"') + 1,
            b'0'..=b'9' => {
                let mut end = end_of(at, &is_word);
                let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
                if bytes.get(end) == Some(&b'.') && is_digit(end + 1) {
                    end = end_of(end + 1, &is_word);
                }
                if bytes.get(end) == Some(&b'%') {
                    end += 1;
                }
                found.push(&text[at..end]);
                end
            }
            byte if is_word(byte) => {
                let end = end_of(at, &is_word);
                match bytes.get(end) {
                    Some(b'(') => end_of(end, &|byte| byte != b')'),
                    _ => end,
                }
            }
            _ => at + 1,
        };
    }
    found
}

fn value_of(literal: &str) -> Option<Decimal> {
    let plain = literal.replace('_', "");
    match plain.strip_suffix('%') {
        Some(number) => number
            .parse::<Decimal>()
            .ok()?
            .checked_div(Decimal::ONE_HUNDRED),
        None => plain.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_reads_as_it_is_written() {
        let decimal = |text: &str| Value::Decimal(text.parse().expect("a number"));
        for (text, bound, said) in [
            ("auc >= 95%", decimal("0.95"), Some("95%")),
            ("auc >= 0.70", decimal("0.7"), Some("0.70")),
            ("auc>=0.70 and brier<=2.5%", decimal("0.025"), Some("2.5%")),
            ("rows >= 1_000", Value::Int(1000), Some("1_000")),
            ("quantile(95%) > 0.95", decimal("0.95"), Some("0.95")),
            ("auc >= 70% or brier < 0.7", decimal("0.7"), None),
            ("auc >= bound", decimal("0.7"), None),
            ("auc2 >= bound", Value::Int(2), None),
            ("name == \"2\" and x > 3", Value::Int(2), None),
            ("ä >= 0.5", decimal("0.5"), Some("0.5")),
            ("x >= \"open", Value::Int(1), None),
            ("f(1", Value::Int(1), None),
            ("x > 2", Value::text("2"), None),
        ] {
            assert_eq!(written(text, &bound).as_deref(), said, "{text}");
        }
    }
}
