//! What each block costs that stands where no provider is built in: by the catalog, or by the rate
//! that its target declares.

use std::collections::BTreeSet;

use mlinfra_api::{Address, Lower, Quantity, Value};
use mlinfra_check::Block;
use rust_decimal::Decimal;

use super::{Listed, Missing, Wanted, select, store};
use crate::blocks::Blocks;
use crate::cost::{CostPart, rate_of};
use crate::finding;
use crate::plan::PlanFinding;

/// Blocks whose machines are chosen and paid for.
const MACHINES: &str = "machines";
/// Blocks that keep data.
const STORE: &str = "store";

/// The target that stands for several.
const CHEAPEST: &str = "cheapest";

/// Where a rate is for a machine, whatever is in it.
const BY_MACHINE: &str = "onprem";

const HOURS_PER_MONTH: Decimal = Decimal::from_parts(730, 0, 0, false, 0);
const SECONDS_PER_HOUR: Decimal = Decimal::from_parts(3_600, 0, 0, false, 0);
const CURRENCY: &str = "USD";

/// The cost of every block that no provider of this build lowers.
pub(crate) fn parts(
    blocks: &Blocks<'_>,
    lowerings: &[&dyn Lower],
) -> (Vec<CostPart>, Vec<PlanFinding>) {
    let (mut parts, mut findings) = (Vec::new(), Vec::new());
    for block in &blocks.program.blocks {
        let Some((target, provider)) = blocks.target_of(block) else {
            continue;
        };
        let is_built_in = lowerings.iter().any(|one| one.name() == provider);
        if is_built_in || block.address == target.address {
            continue;
        }
        let part = match block.role.as_deref() {
            // What runs costs what it runs on, and that is counted there.
            Some("pipeline" | "step" | "dataset" | "alert" | "monitor") => continue,
            _ if block.place.as_ref() != Some(&target.address) => continue,
            _ if provider == CHEAPEST => cheapest(blocks, block, target, &mut findings),
            _ => at(block, target, provider, &mut findings),
        };
        parts.push(part);
    }
    (parts, findings)
}

/// What a block costs on this target.
fn at(block: &Block, target: &Block, provider: &str, findings: &mut Vec<PlanFinding>) -> CostPart {
    match block.role.as_deref() {
        Some(MACHINES) => machines(block, target, provider, findings),
        Some(STORE) => stored(block, target, provider),
        _ => unknown(
            block,
            format!("the catalog has no price for a {}", block.kind),
        ),
    }
}

/// What a block costs on that of several targets where it costs least at most; ties go to the
/// first. Where it can't be had, or what it costs is not known, it is passed over.
fn cheapest(
    blocks: &Blocks<'_>,
    block: &Block,
    target: &Block,
    findings: &mut Vec<PlanFinding>,
) -> CostPart {
    let mut offers = Vec::new();
    let mut missing = Vec::new();
    let Some(Value::List(places)) = argument(target, "of") else {
        return unknown(block, "where it may go is not known yet".to_owned());
    };
    for place in places.iter().filter_map(Value::as_reference) {
        let place = blocks.get(&place.address);
        let provider = place.and_then(|place| place.value.as_ref()?.as_case());
        if let (Some(place), Some(provider)) = (place, provider.filter(|one| *one != CHEAPEST)) {
            offers.push((place, at(block, place, provider, &mut missing)));
        }
    }
    // The sort is stable: of two that cost the same, the one named first stays first.
    offers.sort_by_key(|(_, part)| (part.high.is_none(), part.high));
    let mut offers = offers.into_iter();
    let Some((place, first)) = offers.next() else {
        return unknown(block, "there is no target to go to".to_owned());
    };
    if first.high.is_none() {
        findings.append(&mut missing);
    }
    let others = offers.map(|(place, part)| match part.amount() {
        Some(amount) => format!("at `{}`: {amount}", place.address),
        None => format!("at `{}`: {}", place.address, part.reason),
    });
    let mut passed_over: Vec<String> = others.collect();
    passed_over.extend(first.passed_over.iter().cloned());
    CostPart {
        reason: format!("at `{}`: {}", place.address, first.reason),
        passed_over,
        ..first
    }
}

fn unknown(block: &Block, reason: String) -> CostPart {
    CostPart {
        address: block.address.clone(),
        currency: None,
        low: Decimal::ZERO,
        high: None,
        reason,
        passed_over: Vec::new(),
    }
}

fn argument<'b>(target: &'b Block, name: &str) -> Option<&'b Value> {
    match target.value.as_ref()? {
        Value::Case { arguments, .. } => arguments.get(name),
        _ => None,
    }
}

fn written<'b>(block: &'b Block, name: &str) -> Option<&'b Value> {
    let value = block.fields.get(name).map(|field| &field.value);
    value.filter(|value| **value != Value::None)
}

/// How many machines there are at least and at most; none if that is not known.
fn nodes(block: &Block) -> Option<(i64, i64)> {
    for name in ["nodes", "hosts"] {
        match written(block, name) {
            Some(Value::Range(least, most)) => return Some((least.as_int()?, most.as_int()?)),
            Some(count) => return count.as_int().map(|count| (count, count)),
            None => {}
        }
    }
    Some((1, 1))
}

fn machines(
    block: &Block,
    target: &Block,
    provider: &str,
    findings: &mut Vec<PlanFinding>,
) -> CostPart {
    let Some(nodes) = nodes(block) else {
        return unknown(
            block,
            "how many machines there are is not known yet".to_owned(),
        );
    };
    let Some(region) = argument(target, "region").and_then(Value::as_text) else {
        return owned(block, target, provider, nodes);
    };
    let selection = match select(&Wanted::of(block, provider, region)) {
        Ok(selection) => selection,
        Err(missing) => {
            let reason = match &missing {
                Missing::NotListed(text) | Missing::NoRegion(text) => text.clone(),
                Missing::None { what, .. } => what.clone(),
            };
            findings.extend(finding::not_in_catalog(
                &block.address,
                &target.address,
                missing,
            ));
            return unknown(block, reason);
        }
    };
    let name = format!("{} in {region}", selection.machine.name);
    let Some(listed) = selection.machine.listed else {
        let reason = format!("{name}: what it costs is not known");
        return CostPart {
            passed_over: selection.passed_over,
            ..unknown(block, reason)
        };
    };
    let (low, high, how) = per_machine(written(block, "purchase"), &listed);
    let count = match nodes {
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least}–{most}"),
    };
    let reason = format!("{count} × {name}, {how} ({})", listed.source);
    CostPart {
        currency: Some(CURRENCY.to_owned()),
        low: a_month(low, nodes.0).unwrap_or(Decimal::ZERO),
        high: high.and_then(|high| a_month(high, nodes.1)),
        reason,
        passed_over: selection.passed_over,
        ..unknown(block, String::new())
    }
}

/// So many for a month, at this price an hour.
fn a_month(an_hour: Decimal, count: i64) -> Option<Decimal> {
    an_hour
        .checked_mul(Decimal::from(count))?
        .checked_mul(HOURS_PER_MONTH)
        .map(|amount| amount.normalize())
}

/// What one machine costs an hour at least and at most, and how it is paid for. A spot market's
/// price moves: only what the spec says, or the price of what is used in its place, bounds it.
fn per_machine(purchase: Option<&Value>, listed: &Listed) -> (Decimal, Option<Decimal>, String) {
    let on_demand = listed.on_demand;
    let (name, arguments) = match purchase {
        Some(Value::Case { name, arguments }) => (name.as_str(), Some(arguments)),
        _ => ("on_demand", None),
    };
    let argument = |name: &str| arguments.and_then(|all| all.get(name));
    match name {
        "on_demand" => {
            let how = format!("{on_demand} USD/h each on demand");
            (on_demand, Some(on_demand), how)
        }
        "spot" => {
            let limit = argument("max_price").and_then(hourly);
            let falls_back = argument("fallback").is_some_and(|one| *one != Value::None);
            let seen = listed.spot_seen.map_or(String::new(), |price| {
                format!(", {price} when it was last looked at")
            });
            match (limit, falls_back) {
                // What is bid above the price on demand is never paid.
                (Some(limit), false) => {
                    let how = format!("spot at up to {limit} USD/h each{seen}");
                    (Decimal::ZERO, Some(limit.min(on_demand)), how)
                }
                (_, true) => {
                    let how = format!("spot, else {on_demand} USD/h each on demand{seen}");
                    (Decimal::ZERO, Some(on_demand), how)
                }
                (None, false) => {
                    let how = format!("spot without a bound: give `max_price`{seen}");
                    (Decimal::ZERO, None, how)
                }
            }
        }
        "reserved" => {
            let hour = Decimal::from(8_760_i64);
            let term = argument("term").and_then(hours);
            let committed = match term {
                Some(term) if term >= hour * Decimal::from(3) => listed.three_years,
                Some(term) if term >= hour => listed.one_year,
                _ => None,
            };
            let how = match committed {
                Some(price) => {
                    format!("{price} USD/h each with a commitment, {on_demand} without")
                }
                None => format!("reserved, at most {on_demand} USD/h each as on demand"),
            };
            let low = committed.unwrap_or(Decimal::ZERO);
            (low, Some(on_demand), how)
        }
        other => (Decimal::ZERO, None, format!("paid for by `{other}`")),
    }
}

/// The hours of a duration.
fn hours(value: &Value) -> Option<Decimal> {
    match value {
        Value::Quantity(quantity) => quantity.amount.checked_div(SECONDS_PER_HOUR),
        _ => None,
    }
}

/// USD an hour, of a rate in that currency.
fn hourly(rate: &Value) -> Option<Decimal> {
    let (currency, monthly) = rate_of(rate)?;
    let price = monthly?.checked_div(HOURS_PER_MONTH)?;
    (currency == CURRENCY).then(|| price.normalize())
}

/// Machines of one's own cost what the target says that one of them does; in a cluster, what one of
/// their accelerators does where they have some.
fn owned(block: &Block, target: &Block, provider: &str, (least, most): (i64, i64)) -> CostPart {
    let rate = argument(target, "rate").and_then(rate_of);
    let Some((currency, Some(month))) = rate else {
        let reason = format!(
            "machines of one's own: `{}` says no `rate`, what one of them costs",
            target.address
        );
        return unknown(block, reason);
    };
    let by_accelerator = provider != BY_MACHINE && written(block, "accelerator").is_some();
    let each = match written(block, "accelerator_count").and_then(Value::as_int) {
        Some(count) if by_accelerator => count,
        _ => 1,
    };
    let times = |count: i64| month.checked_mul(Decimal::from(count.saturating_mul(each)));
    let hour = month
        .checked_div(HOURS_PER_MONTH)
        .unwrap_or(month)
        .normalize();
    let what = if each == 1 {
        most.to_string()
    } else {
        format!("{most} × {each}")
    };
    CostPart {
        reason: format!(
            "{what} × {hour} {currency}/h, the rate of `{}`",
            target.address
        ),
        currency: Some(currency),
        low: times(least).unwrap_or(Decimal::ZERO),
        high: times(most),
        ..unknown(block, String::new())
    }
}

/// A store costs by what is in it, or by its size where that is set aside.
fn stored(block: &Block, target: &Block, provider: &str) -> CostPart {
    let Some(region) = argument(target, "region").and_then(Value::as_text) else {
        return owned_store(block, target);
    };
    let class = written(block, "class")
        .and_then(Value::as_case)
        .unwrap_or_default();
    let Some(price) = store(provider, region, class) else {
        let reason = format!("the catalog has no price of `{provider}` in {region} for {class}");
        return unknown(block, reason);
    };
    let each = price.per_gib_month;
    let text = format!(
        "{} at {each} USD for a GiB a month ({})",
        price.product, price.source
    );
    let Some(Value::Quantity(capacity)) = written(block, "capacity") else {
        let reason = format!("{text}: without a `capacity` it grows as it likes");
        return unknown(block, reason);
    };
    let gib = Decimal::from(1_u64 << 30);
    let copies = 1 + i64::from(written(block, "replicate").is_some());
    let full = (capacity.amount.checked_div(gib))
        .and_then(|size| size.checked_mul(each))
        .map(|amount| amount.normalize());
    // A copy elsewhere has a price of its own, which is another region's.
    let high = full.filter(|_| copies == 1);
    let low = if class == "object" { None } else { full };
    let reason = match copies {
        1 => text,
        _ => format!("{text}; what the copy in another region costs is not known"),
    };
    CostPart {
        currency: high.map(|_| CURRENCY.to_owned()),
        low: low.unwrap_or(Decimal::ZERO),
        high,
        reason,
        ..unknown(block, String::new())
    }
}

fn owned_store(block: &Block, target: &Block) -> CostPart {
    let reason = format!(
        "disks of one's own at `{}`: nothing says what they cost",
        target.address
    );
    unknown(block, reason)
}

/// What a run costs from its start to its end.
pub(crate) struct RunCost {
    /// At most; none if nothing bounds it.
    pub(crate) high: Option<Decimal>,
    /// Why it has no bound, one for each part without.
    pub(crate) open: Vec<(Address, String)>,
}

/// What these parts cost in one run, by the time that its steps may take at most. What is free
/// costs nothing however long it is there.
pub(crate) fn runtime_cost(blocks: &Blocks<'_>, parts: &[&CostPart], currency: &str) -> RunCost {
    let (mut sum, mut open) = (Decimal::ZERO, Vec::new());
    for part in parts {
        if part.high == Some(Decimal::ZERO) {
            continue;
        }
        let is_other = part.currency.as_deref().is_some_and(|one| one != currency);
        let Some(month) = part.high.filter(|_| !is_other) else {
            open.push((part.address.clone(), part.reason.clone()));
            continue;
        };
        match hours_of_run(blocks, &part.address) {
            Ok(hours) => {
                let cost = (month.checked_div(HOURS_PER_MONTH))
                    .and_then(|hour| hour.checked_mul(hours))
                    .and_then(|cost| cost.checked_add(sum));
                match cost {
                    Some(cost) => sum = cost.round_dp(6).normalize(),
                    None => open.push((part.address.clone(), "it is too large".to_owned())),
                }
            }
            Err(why) => open.push((part.address.clone(), why)),
        }
    }
    RunCost {
        high: open.is_empty().then_some(sum),
        open,
    }
}

/// How many hours machines are used at most in a run: each step that runs on them, with each of its
/// tries, by its timeout or that of its pipeline.
fn hours_of_run(blocks: &Blocks<'_>, machines: &Address) -> Result<Decimal, String> {
    let block = blocks.get(machines);
    if block.and_then(|block| block.role.as_deref()) != Some(MACHINES) {
        return Err("it is kept after the run".to_owned());
    }
    let on_it = || blocks.standing_on(machines);
    if let Some(endless) = on_it()
        .find(|block| !matches!(block.role.as_deref(), Some("step" | "pipeline" | "dataset")))
    {
        return Err(format!("`{}` runs on it without an end", endless.address));
    }
    let mut all = Decimal::ZERO;
    let mut untimed: BTreeSet<String> = BTreeSet::new();
    for block in on_it().filter(|block| block.role.as_deref() == Some("step")) {
        let said = |name: &str| {
            let of_step = block.step.as_ref().and_then(|step| step.settings.get(name));
            let own = of_step.or_else(|| written(block, name));
            let parent = || blocks.get(block.parent.as_ref()?);
            let own = own.filter(|value| **value != Value::None).cloned();
            own.or_else(|| parent().and_then(|parent| written(parent, name)).cloned())
        };
        let tries = said("retry").and_then(|retry| retry.as_int()).unwrap_or(0);
        let timeout = said("timeout").as_ref().and_then(hours);
        let spent = timeout
            .and_then(|each| each.checked_mul(Decimal::from(tries.saturating_add(1))))
            .and_then(|spent| spent.checked_add(all));
        match spent {
            Some(spent) => all = spent,
            None => drop(untimed.insert(format!("`{}`", block.address.name()))),
        }
    }
    if !untimed.is_empty() {
        let names: Vec<String> = untimed.into_iter().collect();
        return Err(format!(
            "nothing bounds how long {} may run: give a `timeout`",
            names.join(", ")
        ));
    }
    match on_it().any(|block| block.role.as_deref() == Some("step")) {
        true => Ok(all),
        false => Err("no step runs on it, so nothing says how long it is there".to_owned()),
    }
}

/// The currency and amount of a limit for a whole run: `400 USD`.
pub(crate) fn sum_of(value: &Value) -> Option<(String, Decimal)> {
    let Value::Quantity(Quantity {
        amount, dimension, ..
    }) = value
    else {
        return None;
    };
    let (currency, power) = dimension.0.first_key_value()?;
    let is_currency = currency.bytes().all(|byte| byte.is_ascii_uppercase());
    (*power == 1 && dimension.0.len() == 1 && is_currency).then(|| (currency.clone(), *amount))
}
