//! A condition over the figures of a running endpoint, as PromQL and in plain words.

use mlinfra_api::{Condition, Dimension, Figure, Quantity, RowOperator, Value, Verdict};
use mlinfra_runtime_spec::metrics::DURATION_SECONDS_MAX;
use rust_decimal::Decimal;

use crate::reach::Reach;

/// Over which time rates and quantiles are taken.
const WINDOW: &str = "5m";
/// The same for people.
const WINDOW_WORDS: &str = "5 minutes";

/// The routes that predict: what people and programs wait for. Probes and scrapes are none.
const ROUTES: &str = r#"route=~"/predict|/v2/models/.*/infer""#;

/// A condition for one endpoint.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Has a sample exactly while the condition holds. A figure without a value, and what is
    /// computed of it, has none: what is undefined never fires.
    pub(crate) expression: String,
    /// For people: `latency of 99% … is above 50 ms`.
    pub(crate) words: String,
}

/// The rule for the endpoint of this name.
///
/// # Errors
/// What of the condition a rule can't say, as a sentence's end: `… is no figure of an endpoint`.
pub(crate) fn rule(condition: &Condition, endpoint: &str) -> Result<Rule, String> {
    let wanted = format!("endpoint=\"{}\"", escaped(endpoint));
    Ok(Rule {
        expression: holds(condition, true, &wanted)?,
        words: words(condition, true),
    })
}

/// A number: what the spec says, or what is measured. Everything measured has no labels, so that
/// any two of them can be compared.
struct Term {
    text: String,
    is_measured: bool,
    reach: Reach,
}

impl Term {
    fn literal(number: Decimal) -> Self {
        Term {
            text: number.normalize().to_string(),
            is_measured: false,
            reach: Reach::only(number),
        }
    }
}

/// The condition, or with `wanted` false its opposite. `not` is carried inwards, because PromQL
/// has none: the opposite of a comparison is the other comparison, and neither holds of what is
/// undefined.
fn holds(condition: &Condition, wanted: bool, endpoint: &str) -> Result<String, String> {
    match condition {
        Condition::Value(Value::Bool(flag)) => Ok(always(*flag == wanted)),
        Condition::Not(operand) => holds(operand, !wanted, endpoint),
        Condition::Binary {
            operator: operator @ (RowOperator::And | RowOperator::Or),
            left,
            right,
        } => {
            let left = holds(left, wanted, endpoint)?;
            let right = holds(right, wanted, endpoint)?;
            let word = match (*operator == RowOperator::And) == wanted {
                true => "and",
                false => "or",
            };
            Ok(format!("({left}) {word} ({right})"))
        }
        Condition::Binary {
            operator,
            left,
            right,
        } if is_comparison(*operator) => {
            let (left, right) = (number(left, endpoint)?, number(right, endpoint)?);
            if !left.is_measured && !right.is_measured {
                let verdict = condition.judge(&|_| None);
                return Ok(always((verdict == Verdict::Holds) == wanted));
            }
            if left.reach.is_apart(right.reach) {
                return Err(format!(
                    "an answer that takes longer than {DURATION_SECONDS_MAX} s is counted as one \
                     of {DURATION_SECONDS_MAX} s, so `{condition}` tells nothing; compare with less"
                ));
            }
            let operator = match wanted {
                true => *operator,
                false => opposite(*operator),
            };
            let (left, right) = (left.text, right.text);
            Ok(match operator {
                // `!=` holds of what is not a number, which is undefined here.
                RowOperator::NotEqual => {
                    format!("({left} > {right}) or ({left} < {right})")
                }
                _ => format!("{left} {} {right}", operator.symbol()),
            })
        }
        other => Err(format!("`{other}` neither holds nor fails")),
    }
}

fn always(holds: bool) -> String {
    match holds {
        true => "vector(1)".into(),
        false => "vector(1) < 0".into(),
    }
}

fn number(condition: &Condition, endpoint: &str) -> Result<Term, String> {
    match condition {
        Condition::Value(value) => amount(value)
            .map(Term::literal)
            .ok_or_else(|| format!("`{value}` is no number")),
        Condition::Figure(wanted) => Ok(Term {
            text: figure(wanted, endpoint)?,
            is_measured: true,
            reach: match wanted.name.as_str() {
                "latency" => Reach::up_to(Decimal::from(DURATION_SECONDS_MAX)),
                _ => Reach::default(),
            },
        }),
        Condition::Negate(operand) => {
            let operand = number(operand, endpoint)?;
            Ok(Term {
                text: format!("(-{})", operand.text),
                reach: operand.reach.negated(),
                ..operand
            })
        }
        Condition::Binary {
            operator,
            left,
            right,
        } if is_arithmetic(*operator) => {
            let (left, right) = (number(left, endpoint)?, number(right, endpoint)?);
            let is_measured = left.is_measured || right.is_measured;
            let reach = match operator {
                RowOperator::Add => left.reach.plus(right.reach),
                RowOperator::Subtract => left.reach.plus(right.reach.negated()),
                RowOperator::Multiply => left.reach.times(right.reach),
                _ => left.reach.over(right.reach),
            };
            // Divided by 0 is undefined, where PromQL says infinite.
            let divisor = match (*operator, right.is_measured) {
                (RowOperator::Divide, true) => format!("({} != 0)", right.text),
                (RowOperator::Divide, false) if is_zero(&right.text) => {
                    return Err(format!("`{condition}` divides by 0"));
                }
                _ => right.text,
            };
            Ok(Term {
                text: format!("({} {} {divisor})", left.text, operator.symbol()),
                is_measured,
                reach,
            })
        }
        other => Err(format!("`{other}` is no number")),
    }
}

fn is_zero(literal: &str) -> bool {
    literal.parse::<Decimal>().is_ok_and(|n| n.is_zero())
}

fn amount(value: &Value) -> Option<Decimal> {
    match value {
        Value::Int(number) => Some(Decimal::from(*number)),
        Value::Decimal(number) => Some(*number),
        Value::Quantity(quantity) => Some(quantity.amount),
        _ => None,
    }
}

fn figure(figure: &Figure, endpoint: &str) -> Result<String, String> {
    let requests = "mlinfra_requests_total";
    match (figure.name.as_str(), figure.arguments.as_slice()) {
        // Until the first failure there may be no series of failures.
        ("error_rate", []) => Ok(format!(
            "((sum(rate({requests}{{{endpoint},{ROUTES},status=~\"5..\"}}[{WINDOW}])) \
             or vector(0)) / sum(rate({requests}{{{endpoint},{ROUTES}}}[{WINDOW}])))"
        )),
        ("request_rate", []) => Ok(format!(
            "sum(rate({requests}{{{endpoint},{ROUTES}}}[{WINDOW}]))"
        )),
        ("latency", [share]) => {
            let share = amount(share)
                .filter(|share| *share > Decimal::ZERO && *share < Decimal::ONE)
                .ok_or_else(|| format!("`{figure}` asks for no share between 0 and 100%"))?;
            Ok(format!(
                "histogram_quantile({}, sum by (le) (rate(\
                 mlinfra_request_duration_seconds_bucket{{{endpoint},{ROUTES}}}[{WINDOW}])))",
                share.normalize()
            ))
        }
        ("drift", [Value::String(column), ..]) => Ok(format!(
            // Replicas share a port, so a scrape sees one of them: the others' last word counts.
            "max(last_over_time(mlinfra_feature_drift{{{endpoint},feature=\"{}\"}}[{WINDOW}]))",
            escaped(column)
        )),
        _ => Err(format!("`{figure}` is not measured at an endpoint")),
    }
}

/// The text between double quotes in PromQL.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn is_comparison(operator: RowOperator) -> bool {
    use RowOperator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    matches!(
        operator,
        Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual
    )
}

fn is_arithmetic(operator: RowOperator) -> bool {
    use RowOperator::{Add, Divide, Multiply, Subtract};
    matches!(operator, Add | Subtract | Multiply | Divide)
}

fn opposite(operator: RowOperator) -> RowOperator {
    use RowOperator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    match operator {
        Equal => NotEqual,
        NotEqual => Equal,
        Less => GreaterOrEqual,
        LessOrEqual => Greater,
        Greater => LessOrEqual,
        GreaterOrEqual => Less,
        other => other,
    }
}

/// The condition for people; with `wanted` false its opposite.
fn words(condition: &Condition, wanted: bool) -> String {
    match condition {
        Condition::Not(operand) => words(operand, !wanted),
        Condition::Binary {
            operator: operator @ (RowOperator::And | RowOperator::Or),
            left,
            right,
        } => {
            let word = match (*operator == RowOperator::And) == wanted {
                true => "and",
                false => "or",
            };
            format!("{} {word} {}", words(left, wanted), words(right, wanted))
        }
        Condition::Binary {
            operator,
            left,
            right,
        } if is_comparison(*operator) => {
            let operator = match wanted {
                true => *operator,
                false => opposite(*operator),
            };
            let is = match operator {
                RowOperator::Equal => "is",
                RowOperator::NotEqual => "is not",
                RowOperator::Less => "is below",
                RowOperator::LessOrEqual => "is at most",
                RowOperator::Greater => "is above",
                _ => "is at least",
            };
            let is_share = is_share(left) || is_share(right);
            format!(
                "{} {is} {}",
                phrase(left, is_share),
                phrase(right, is_share)
            )
        }
        other => phrase(other, false),
    }
}

fn is_share(condition: &Condition) -> bool {
    matches!(condition, Condition::Figure(figure) if figure.name == "error_rate")
}

fn phrase(condition: &Condition, is_share: bool) -> String {
    match condition {
        Condition::Value(value) => value_words(value, is_share),
        Condition::Figure(figure) => match (figure.name.as_str(), figure.arguments.as_slice()) {
            ("error_rate", _) => {
                format!("the share of requests that fail (5xx) over {WINDOW_WORDS}")
            }
            ("request_rate", _) => format!("requests a second over {WINDOW_WORDS}"),
            ("latency", [share]) => format!(
                "the time within which {} of requests are answered over {WINDOW_WORDS}",
                value_words(share, true)
            ),
            ("drift", [Value::String(column), ..]) => {
                format!("how far `{column}` in requests is from training (stability index)")
            }
            _ => figure.to_string(),
        },
        other => other.to_string(),
    }
}

fn value_words(value: &Value, is_share: bool) -> String {
    let hundred = Decimal::ONE_HUNDRED;
    match value {
        Value::Int(_) | Value::Decimal(_) if is_share => match amount(value) {
            Some(share) => format!("{}%", (share * hundred).normalize()),
            None => value.to_string(),
        },
        Value::Quantity(quantity) => quantity_words(quantity),
        other => other.to_string(),
    }
}

/// Short times in milliseconds; of a rate, the sentence says already what it is of.
fn quantity_words(quantity: &Quantity) -> String {
    let is_time = quantity.dimension == Dimension::base("second");
    match is_time {
        true if quantity.amount.abs() < Decimal::ONE => {
            format!(
                "{} ms",
                (quantity.amount * Decimal::ONE_THOUSAND).normalize()
            )
        }
        true => quantity.to_string(),
        false => quantity.amount.normalize().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(left: Condition, operator: RowOperator, right: &str) -> Condition {
        Condition::Binary {
            operator,
            left: Box::new(left),
            right: Box::new(decimal(right)),
        }
    }

    fn decimal(text: &str) -> Condition {
        Condition::Value(Value::Decimal(text.parse().expect("a number")))
    }

    fn errors() -> Condition {
        Condition::Figure(Figure::plain("error_rate"))
    }

    fn both(operator: RowOperator) -> Condition {
        Condition::Binary {
            operator,
            left: Box::new(compare(errors(), RowOperator::Greater, "0.01")),
            right: Box::new(compare(
                Condition::Figure(Figure::plain("request_rate")),
                RowOperator::Equal,
                "5",
            )),
        }
    }

    #[test]
    fn not_is_carried_inwards() {
        let not = Condition::Not(Box::new(both(RowOperator::And)));
        let found = rule(&not, "score").expect("a rule");
        let rate = figure(&Figure::plain("request_rate"), "endpoint=\"score\"").expect("a figure");
        let share = figure(&Figure::plain("error_rate"), "endpoint=\"score\"").expect("a figure");
        assert_eq!(
            found.expression,
            format!("({share} <= 0.01) or (({rate} > 5) or ({rate} < 5))")
        );
        assert_eq!(
            found.words,
            "the share of requests that fail (5xx) over 5 minutes is at most 1% or requests a \
             second over 5 minutes is not 5"
        );
        let or = rule(&both(RowOperator::Or), "score").expect("a rule");
        assert!(or.expression.contains(") or ("), "{}", or.expression);
    }

    #[test]
    fn what_is_known_already_is_decided() {
        let compared = compare(decimal("2"), RowOperator::Less, "3");
        let of = |condition: &Condition| rule(condition, "score").expect("a rule").expression;
        assert_eq!(of(&compared), "vector(1)");
        assert_eq!(of(&Condition::Not(Box::new(compared))), "vector(1) < 0");
        assert_eq!(of(&Condition::Value(Value::Bool(false))), "vector(1) < 0");
    }

    #[test]
    fn what_a_rule_cannot_say_is_said_back() {
        let latency = |share: &str| {
            let share = Value::Decimal(share.parse().expect("a number"));
            Condition::Figure(Figure {
                name: "latency".into(),
                arguments: vec![share],
            })
        };
        let divided = Condition::Binary {
            operator: RowOperator::Divide,
            left: Box::new(errors()),
            right: Box::new(decimal("0")),
        };
        let equal = Condition::Binary {
            operator: RowOperator::Equal,
            left: Box::new(both(RowOperator::And)),
            right: Box::new(Condition::Value(Value::Bool(true))),
        };
        let auc = Condition::Figure(Figure::plain("auc"));
        for (condition, reason) in [
            (compare(auc, RowOperator::Less, "1"), "not measured"),
            (compare(latency("1"), RowOperator::Less, "1"), "no share"),
            (compare(latency("0"), RowOperator::Less, "1"), "no share"),
            (compare(divided, RowOperator::Less, "1"), "divides by 0"),
            (
                compare(latency("0.99"), RowOperator::Greater, "60"),
                "longer than 10 s",
            ),
            (
                compare(latency("0.99"), RowOperator::Less, "10"),
                "longer than 10 s",
            ),
            (equal, "is no number"),
            (errors(), "neither holds nor fails"),
        ] {
            let found = rule(&condition, "score").expect_err("no rule");
            assert!(found.contains(reason), "{found}");
        }
        let below = compare(latency("0.99"), RowOperator::Greater, "9.9");
        assert!(rule(&below, "score").is_ok());
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        let time = |milliseconds: i64| {
            Quantity::new(Decimal::new(milliseconds, 3), Dimension::base("second"))
        };
        assert_eq!(quantity_words(&time(50)), "50 ms");
        assert_eq!(quantity_words(&time(90_000)), "1.5 min");
        let rate = Quantity::new(Decimal::from(5), Dimension::base("second").inverse());
        assert_eq!(quantity_words(&rate), "5");
        assert_eq!(
            value_words(&Value::Decimal(Decimal::new(9950, 4)), true),
            "99.5%"
        );
    }
}
