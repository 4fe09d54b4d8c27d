//! What an expression amounts to: one line for people, one document for scripts.

use mlinfra_api::{Quantity, Value};
use mlinfra_check::{Answer, Severity};
use rust_decimal::Decimal;
use serde_json::json;

use super::diagnostic::{self, Finding, Sources};
use super::layout::{counted, wrapped};
use super::theme::Ink;
use super::{Screen, ending, json as as_json};

/// Times that an amount may be said in, with their seconds; of equally short ones the first.
const TIMES: &[(&str, u32)] = &[
    ("month", 2_628_000),
    ("h", 3_600),
    ("s", 1),
    ("min", 60),
    ("day", 86_400),
    ("year", 31_536_000),
];
/// Behind the point; what a division by a month leaves is further behind.
const DIGITS: u32 = 12;

/// `50 USD/month : money/time`, or nothing where there is no answer.
pub(crate) fn line(answer: &Answer, screen: &Screen) -> String {
    let Some(type_text) = &answer.type_text else {
        return String::new();
    };
    let type_text = screen.theme.paint(Ink::Faint, &format!(" : {type_text}"));
    format!("{}{type_text}\n", shown(answer))
}

/// What is wrong with the expression, and what of the spec keeps it from being evaluated.
pub(crate) fn findings(answer: &Answer, sources: &Sources, screen: &Screen) -> String {
    let findings: Vec<Finding> = answer.findings.iter().map(Finding::from).collect();
    let mut text = diagnostic::findings(&findings, sources, screen);
    if is_blocked(answer) {
        text += &blocked(answer, screen);
    }
    text
}

/// The same for scripts.
pub(crate) fn json(
    command: &str,
    expression: &str,
    answer: &Answer,
    sources: &Sources,
) -> serde_json::Value {
    let findings = answer.findings.iter();
    let findings: Vec<_> = findings
        .map(|one| as_json::diagnostic(one, sources))
        .collect();
    let answered = answer.type_text.is_some();
    let value = answer.value.as_ref().filter(|_| answered);
    let secret = json!("(secret)");
    let body = json!({
        "expression": expression,
        "type": answer.type_text,
        "value": value.map(|value| if answer.secret { secret } else { as_json::value(value) }),
        "text": answered.then(|| shown(answer)),
        "secret": answer.secret,
        "diagnostics": findings,
        "blocked": is_blocked(answer),
        "spec_errors": answer.spec_errors,
    });
    as_json::envelope(command, body)
}

/// Whether the expression is right, and rests on something that is not.
fn is_blocked(answer: &Answer) -> bool {
    let wrong = |severity| severity == Severity::Error;
    answer.type_text.is_none() && !answer.findings.iter().any(|one| wrong(one.severity))
}

fn blocked(answer: &Answer, screen: &Screen) -> String {
    let program = ending::program();
    let word = format!("error[{}]", "E1032");
    let word = screen.error_theme.paint(Ink::Bad, &word);
    let mut text = format!("{word}: this rests on something in error\n");
    let help = match answer.spec_errors {
        0 => "name another value: this one has no type outside of its place".to_owned(),
        count => format!(
            "the spec has {}: `{program} check` shows them",
            counted(count, "error")
        ),
    };
    text += &wrapped(&help, screen.width, "  = help: ", "          ");
    text
}

fn shown(answer: &Answer) -> String {
    match &answer.value {
        Some(_) if answer.secret => "(secret)".to_owned(),
        Some(Value::Unknown(_)) => "(known after apply)".to_owned(),
        Some(Value::Quantity(quantity)) => amount(quantity),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

/// So much in a time, in the time that says it shortest: `150 USD/month`.
fn amount(quantity: &Quantity) -> String {
    let dimension = quantity.dimension.to_string();
    let Some(over) = dimension.strip_suffix("/second") else {
        return quantity.to_string();
    };
    let said = |(unit, seconds): &(&str, u32)| {
        let scaled = quantity.amount.checked_mul(Decimal::from(*seconds))?;
        let digits = scaled.round_dp(DIGITS).normalize().to_string();
        let text = match over {
            "1" => format!("{digits}/{unit}"),
            over => format!("{digits} {over}/{unit}"),
        };
        Some((digits.len(), text))
    };
    let shortest = TIMES
        .iter()
        .filter_map(said)
        .min_by_key(|(length, _)| *length);
    shortest.map_or_else(|| quantity.to_string(), |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use mlinfra_api::Dimension;

    use super::*;

    #[test]
    fn an_amount_in_a_time_is_said_shortest() {
        let rate = Dimension::base("USD").times(&Dimension::base("second").inverse());
        for (number, seconds, said) in [
            (150, 2_628_000, "150 USD/month"),
            (12, 3_600, "12 USD/h"),
            (7, 1, "7 USD/s"),
        ] {
            let mut quantity = Quantity::seconds(0);
            quantity.amount = Decimal::from(number) / Decimal::from(seconds);
            quantity.dimension = rate.clone();
            assert_eq!(amount(&quantity), said);
        }
        assert_eq!(amount(&Quantity::bytes(1 << 30)), "1 GiB");
        let mut often = Quantity::seconds(1);
        often.dimension = Dimension::base("second").inverse();
        assert_eq!(amount(&often), "1/s");
    }
}
