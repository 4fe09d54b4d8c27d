//! What one machine costs an hour at least and at most, by how it is paid for.

use mlinfra_api::Value;
use rust_decimal::Decimal;

use super::{HOURS_PER_MONTH, Listed, SECONDS_PER_HOUR};
use crate::cost::rate_of;

/// The currency of the tables.
pub(super) const CURRENCY: &str = "USD";

const HOURS_PER_YEAR: i64 = 8_760;

/// What one machine costs an hour.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hourly {
    pub(super) low: Decimal,
    /// None if nothing bounds it.
    pub(super) high: Option<Decimal>,
    /// How it is paid for.
    pub(super) how: String,
    /// A highest price below what such a machine last cost, with that.
    pub(super) outbid: Option<(Decimal, Decimal)>,
}

/// What a machine costs that is paid for so. The price of a spot market moves: only what the spec
/// says, or the price of what is used in its place, bounds it; and only a price that somebody
/// lists bounds the others.
pub(super) fn hourly(purchase: Option<&Value>, listed: Option<&Listed>) -> Hourly {
    let mut ways: Vec<Hourly> = Vec::new();
    let mut at = purchase;
    // What is used in place of another is inside of it, so this ends.
    loop {
        let (way, next) = one_way(at, listed);
        ways.push(way);
        match next {
            Some(fallback) => at = Some(fallback),
            None => break,
        }
    }
    let outbid = ways.first().and_then(|first| first.outbid);
    let how: Vec<String> = ways.iter().map(|way| way.how.clone()).collect();
    Hourly {
        low: match ways.as_slice() {
            [only] => only.low,
            _ => Decimal::ZERO,
        },
        high: ways
            .iter()
            .map(|way| way.high)
            .try_fold(Decimal::ZERO, |most, high| high.map(|high| most.max(high))),
        how: how.join(", else "),
        outbid,
    }
}

/// One way to pay, without what is used in its place, and that.
fn one_way<'v>(
    purchase: Option<&'v Value>,
    listed: Option<&Listed>,
) -> (Hourly, Option<&'v Value>) {
    let way = |low, high, how: String| Hourly {
        low,
        high,
        how,
        outbid: None,
    };
    let (name, arguments) = match purchase {
        None => return (on_demand(listed), None),
        Some(Value::Case { name, arguments }) => (name.as_str(), arguments),
        Some(_) => {
            let how = "how it is paid for is not known yet".to_owned();
            return (way(Decimal::ZERO, None, how), None);
        }
    };
    let argument = |name: &str| arguments.get(name).filter(|value| **value != Value::None);
    match name {
        "on_demand" => (on_demand(listed), None),
        "spot" => {
            let fallback = argument("fallback");
            (spot(argument("max_price"), fallback, listed), fallback)
        }
        "reserved" => (reserved(argument("term"), listed), None),
        other => (
            way(Decimal::ZERO, None, format!("paid for by `{other}`")),
            None,
        ),
    }
}

fn on_demand(listed: Option<&Listed>) -> Hourly {
    let (bound, how) = match listed {
        Some(listed) if listed.is_derived => (
            None,
            format!("perhaps {} USD/h each on demand", listed.on_demand),
        ),
        Some(listed) => (
            Some(listed.on_demand),
            format!("{} USD/h each on demand", listed.on_demand),
        ),
        None => (None, "on demand at a price that is not known".to_owned()),
    };
    Hourly {
        low: bound.unwrap_or_default(),
        high: bound,
        how,
        outbid: None,
    }
}

/// Without a highest price nothing is paid that what is used in its place does not cost.
fn spot(limit: Option<&Value>, fallback: Option<&Value>, listed: Option<&Listed>) -> Hourly {
    let seen = listed.and_then(|listed| listed.spot_seen);
    let told = seen.map_or(String::new(), |price| {
        format!(" ({price} when it was last looked at)")
    });
    let (high, how) = match (limit.map(limit_of), fallback) {
        (Some(Ok(limit)), _) => (Some(limit), format!("spot at up to {limit} USD/h each")),
        (Some(Err(why)), _) => (None, format!("spot without a bound: {why}")),
        (None, Some(_)) => (Some(Decimal::ZERO), "spot".to_owned()),
        (None, None) => (None, "spot without a bound: give `max_price`".to_owned()),
    };
    let outbid = high.filter(|_| limit.is_some()).zip(seen);
    Hourly {
        low: Decimal::ZERO,
        high,
        how: format!("{how}{told}"),
        outbid: outbid.filter(|(limit, seen)| limit < seen),
    }
}

/// A highest price in USD an hour, or why it bounds nothing.
fn limit_of(value: &Value) -> Result<Decimal, String> {
    let too_large = || "`max_price` is too large".to_owned();
    match rate_of(value) {
        Some((currency, Some(month))) if currency == CURRENCY => {
            let hour = month.checked_div(HOURS_PER_MONTH);
            hour.map(|hour| hour.normalize()).ok_or_else(too_large)
        }
        Some((currency, Some(_))) => Err(format!(
            "`max_price` is in {currency}, and prices are in {CURRENCY}"
        )),
        Some((_, None)) => Err(too_large()),
        None => Err("`max_price` is not known yet".to_owned()),
    }
}

/// What is reserved costs no more than on demand, and no less than the longest commitment that its
/// term reaches.
fn reserved(term: Option<&Value>, listed: Option<&Listed>) -> Hourly {
    let at_most = on_demand(listed);
    let Some(listed) = listed.filter(|listed| !listed.is_derived) else {
        let how = format!("reserved, or {}", at_most.how);
        return Hourly { how, ..at_most };
    };
    let year = Decimal::from(HOURS_PER_YEAR);
    let committed = match term.and_then(hours) {
        Some(term) if term >= year * Decimal::from(3) => listed.three_years,
        Some(term) if term >= year => listed.one_year,
        _ => None,
    };
    let price = listed.on_demand;
    let how = match committed {
        Some(committed) => format!("{committed} USD/h each with a commitment, {price} without"),
        None => format!("reserved, at most {price} USD/h each as on demand"),
    };
    Hourly {
        low: committed.unwrap_or_default(),
        how,
        ..at_most
    }
}

/// The hours of a duration.
pub(super) fn hours(value: &Value) -> Option<Decimal> {
    match value {
        Value::Quantity(quantity) => quantity.amount.checked_div(SECONDS_PER_HOUR),
        _ => None,
    }
}
