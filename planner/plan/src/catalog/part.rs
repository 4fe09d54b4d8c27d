//! What each block costs that stands where no provider is built in: by the catalog, or by the rate
//! that its target declares.

use std::collections::BTreeMap;

use mlinfra_api::{Lower, Value};
use mlinfra_check::Block;
use rust_decimal::Decimal;

use super::purchase::{CURRENCY, Hourly, hourly};
use super::{HOURS_PER_MONTH, Missing, Selection, Wanted, select, store};
use crate::blocks::Blocks;
use crate::cost::{CostPart, rate_of};
use crate::finding;
use crate::plan::PlanFinding;

/// Blocks whose machines are chosen and paid for.
pub(super) const MACHINES: &str = "machines";
/// Blocks that keep data.
const STORE: &str = "store";

/// The target that stands for several.
const CHEAPEST: &str = "cheapest";

/// Where a rate is for a machine, whatever is in it.
const BY_MACHINE: &str = "onprem";

/// What was chosen for what is asked: many blocks ask for the same.
type Chosen = BTreeMap<Wanted, Result<Selection, Missing>>;

/// The cost of every block that no provider of this build lowers.
pub(crate) fn parts(
    blocks: &Blocks<'_>,
    lowerings: &[&dyn Lower],
) -> (Vec<CostPart>, Vec<PlanFinding>) {
    let (mut parts, mut findings) = (Vec::new(), Vec::new());
    let mut chosen = Chosen::new();
    for block in &blocks.program.blocks {
        let Some((target, provider)) = blocks.target_of(block) else {
            continue;
        };
        let is_built_in = lowerings.iter().any(|one| one.name() == provider);
        if is_built_in || block.address == target.address {
            continue;
        }
        let (part, found) = match block.role.as_deref() {
            // What runs costs what it runs on, and that is counted there.
            Some("pipeline" | "step" | "dataset" | "alert" | "monitor") => continue,
            _ if block.place.as_ref() != Some(&target.address) => continue,
            _ if provider == CHEAPEST => cheapest(blocks, block, target, &mut chosen),
            _ => {
                let (part, found) = at(block, target, provider, &mut chosen);
                (part, found.into_iter().collect())
            }
        };
        parts.push(part);
        findings.extend(found);
    }
    (parts, findings)
}

/// What a block costs on this target, and what is found about that.
fn at(
    block: &Block,
    target: &Block,
    provider: &str,
    chosen: &mut Chosen,
) -> (CostPart, Option<PlanFinding>) {
    match block.role.as_deref() {
        Some(MACHINES) => machines(block, target, provider, chosen),
        Some(STORE) => (stored(block, target, provider), None),
        _ => {
            let reason = format!("the catalog has no price for a {}", block.kind);
            (unknown(block, reason), None)
        }
    }
}

/// What a block costs on that of several targets where it costs least at most; ties go to the
/// first. Where it can't be had, or what it costs is not known, it is passed over.
fn cheapest(
    blocks: &Blocks<'_>,
    block: &Block,
    target: &Block,
    chosen: &mut Chosen,
) -> (CostPart, Vec<PlanFinding>) {
    let mut offers = Vec::new();
    let Some(Value::List(places)) = argument(target, "of") else {
        let reason = "where it may go is not known yet".to_owned();
        return (unknown(block, reason), Vec::new());
    };
    for place in places.iter().filter_map(Value::as_reference) {
        let place = blocks.get(&place.address);
        let provider = place.and_then(|place| place.value.as_ref()?.as_case());
        if let (Some(place), Some(provider)) = (place, provider.filter(|one| *one != CHEAPEST)) {
            let (part, found) = at(block, place, provider, chosen);
            offers.push((place, part, found));
        }
    }
    // The sort is stable: of two that cost the same, the one named first stays first.
    offers.sort_by_key(|(_, part, _)| (part.high.is_none(), part.high));
    let mut bounded = offers.iter().filter(|(_, part, _)| part.high.is_some());
    let currency = bounded.next().map(|(_, part, _)| part.currency.clone());
    let is_mixed = bounded.any(|(_, part, _)| Some(&part.currency) != currency.as_ref());
    let Some((place, first, found)) = offers.first().filter(|_| !is_mixed) else {
        let reason = match is_mixed {
            true => "where it costs least can't be told: the prices are in several currencies",
            false => "there is no target to go to",
        };
        return (unknown(block, reason.to_owned()), Vec::new());
    };
    let others = offers
        .iter()
        .skip(1)
        .map(|(place, part, _)| match part.amount() {
            Some(amount) => format!("at `{}`: {amount}", place.address),
            None => format!("at `{}`: {}", place.address, part.reason),
        });
    let mut passed_over: Vec<String> = others.collect();
    passed_over.extend(first.passed_over.iter().cloned());
    // Where it is nowhere to be had, one finding tells of all these places.
    let found = match first.high {
        Some(_) => found.iter().cloned().collect(),
        None => finding::together(offers.iter().filter_map(|(_, _, found)| found.clone())),
    };
    let part = CostPart {
        reason: format!("at `{}`: {}", place.address, first.reason),
        passed_over,
        ..first.clone()
    };
    (part, found)
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
    argument_of(target.value.as_ref()?, name)
}

/// What is given to a case, if it is.
pub(super) fn argument_of<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let argument = match value {
        Value::Case { arguments, .. } => arguments.get(name),
        _ => None,
    };
    argument.filter(|value| **value != Value::None)
}

/// The value of a field that has one.
pub(super) fn written<'b>(block: &'b Block, name: &str) -> Option<&'b Value> {
    let value = block.fields.get(name).map(|field| &field.value);
    value.filter(|value| **value != Value::None)
}

/// How many machines there are at least and at most, or why that is not known. Where they go once
/// there is nothing to do, there may be none.
pub(super) fn nodes(block: &Block) -> Result<(i64, i64), &'static str> {
    let scale = written(block, "scale");
    let count = ["nodes", "hosts"]
        .into_iter()
        .find_map(|name| written(block, name));
    let (least, most) = match count {
        Some(Value::Range(least, most)) => (least.as_int(), most.as_int()),
        Some(count) => (count.as_int(), count.as_int()),
        None if scale.is_some() => {
            return Err("`scale` decides how many machines there are, and no `nodes` bounds it");
        }
        None => (Some(1), Some(1)),
    };
    let (Some(least), Some(most)) = (least, most) else {
        return Err("how many machines there are is not known yet");
    };
    let may_go = scale.is_some_and(|scale| argument_of(scale, "idle").is_some());
    Ok((if may_go { 0 } else { least }, most))
}

/// Machines of the catalog, or of the target's own.
fn machines(
    block: &Block,
    target: &Block,
    provider: &str,
    chosen: &mut Chosen,
) -> (CostPart, Option<PlanFinding>) {
    let nodes = match nodes(block) {
        Ok(nodes) => nodes,
        Err(why) => return (unknown(block, why.to_owned()), None),
    };
    let Some(region) = argument(target, "region") else {
        return (owned(block, target, provider, nodes), None);
    };
    let Some(region) = region.as_text() else {
        let reason = format!("the region of `{}` is not known yet", target.address);
        return (unknown(block, reason), None);
    };
    let wanted = Wanted::of(block, provider, region);
    let selection = &*chosen.entry(wanted).or_insert_with_key(select);
    match selection {
        Ok(selection) => rented(block, region, nodes, selection),
        Err(missing) => {
            let reason = match missing {
                Missing::NotListed(text) | Missing::Open(text) | Missing::NoRegion(text) => text,
                Missing::None { what, .. } => what,
            };
            let found = finding::not_in_catalog(&block.address, &target.address, missing);
            (unknown(block, reason.clone()), found)
        }
    }
}

/// So many of the machine that was chosen.
fn rented(
    block: &Block,
    region: &str,
    (least, most): (i64, i64),
    selection: &Selection,
) -> (CostPart, Option<PlanFinding>) {
    let listed = selection.machine.listed.as_ref();
    let Hourly {
        low,
        high,
        how,
        outbid,
    } = hourly(written(block, "purchase"), listed);
    let count = match (least, most) {
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least}–{most}"),
    };
    let source = listed.map_or(String::new(), |listed| format!(" ({})", listed.source));
    let name = &selection.machine.name;
    let part = CostPart {
        currency: (listed.is_some() || high.is_some()).then(|| CURRENCY.to_owned()),
        low: a_month(low, least).unwrap_or(Decimal::ZERO),
        high: high.and_then(|high| a_month(high, most)),
        reason: format!("{count} × {name} in {region}, {how}{source}"),
        passed_over: selection.passed_over.clone(),
        ..unknown(block, String::new())
    };
    let found = outbid.map(|(limit, seen)| {
        finding::outbid(&block.address, &format!("{name} in {region}"), limit, seen)
    });
    (part, found)
}

/// So many for a month, at this price an hour.
fn a_month(an_hour: Decimal, count: i64) -> Option<Decimal> {
    an_hour
        .checked_mul(Decimal::from(count))?
        .checked_mul(HOURS_PER_MONTH)
        .map(|amount| amount.normalize())
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
    let each = match provider {
        BY_MACHINE => Some(1),
        _ => paid_in_each(block),
    };
    let Some(each) = each else {
        let reason = format!(
            "the rate of `{}` is for one accelerator, and nothing says how many each machine has: \
             give `accelerator_count`",
            target.address
        );
        return unknown(block, reason);
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

/// How many accelerators are paid for in each machine, or one machine that has none; none if that
/// is not known.
fn paid_in_each(block: &Block) -> Option<i64> {
    let is_said = |name: &str| {
        let wished = block.wishes.iter().any(|(wish, _)| wish.field == name);
        wished || written(block, name).is_some()
    };
    match written(block, "accelerator_count") {
        Some(count) => count.as_int(),
        None if is_said("accelerator") || is_said("accelerator_count") => None,
        None => Some(1),
    }
}

/// What a store has that is paid for beside its size.
const PAID_BESIDE: [&str; 3] = ["throughput", "versioning", "immutable"];

/// A store costs by what is in it, or by its size where that is set aside: one of objects has no
/// size that its provider holds it to.
fn stored(block: &Block, target: &Block, provider: &str) -> CostPart {
    let Some(region) = argument(target, "region") else {
        return owned_store(block, target);
    };
    let Some(region) = region.as_text() else {
        let reason = format!("the region of `{}` is not known yet", target.address);
        return unknown(block, reason);
    };
    let class = written(block, "class")
        .and_then(Value::as_case)
        .unwrap_or_default();
    let Some(price) = store(provider, region, class) else {
        let reason = format!("the catalog has no price of `{provider}` in {region} for {class}");
        return unknown(block, reason);
    };
    let product = price.product;
    let price = &price.per_gib_month;
    let each = price.amount;
    let text = format!(
        "{product} at {each} USD for a GiB a month ({})",
        price.source
    );
    let Some(Value::Quantity(capacity)) = written(block, "capacity") else {
        let reason = format!("{text}: without a `capacity` it grows as it likes");
        return unknown(block, reason);
    };
    let gib = Decimal::from(1_u64 << 30);
    let full = (capacity.amount.checked_div(gib))
        .and_then(|size| size.checked_mul(each))
        .map(|amount| amount.normalize());
    let why_open = open_size(block, class, price.is_derived);
    let low = full.filter(|_| class != OBJECTS && !price.is_derived);
    CostPart {
        currency: Some(CURRENCY.to_owned()),
        low: low.unwrap_or(Decimal::ZERO),
        high: full.filter(|_| why_open.is_none()),
        reason: why_open.map_or(text.clone(), |why| format!("{text}; {why}")),
        ..unknown(block, String::new())
    }
}

/// The class of a store whose provider lets it grow.
const OBJECTS: &str = "object";

/// Why the size of a store does not bound what it costs, if it does not.
fn open_size(block: &Block, class: &str, is_derived: bool) -> Option<String> {
    let asks = |name: &&str| {
        let wished = block.wishes.iter().any(|(wish, _)| wish.field == *name);
        wished || written(block, name).is_some_and(|value| *value != Value::Bool(false))
    };
    let beside = PAID_BESIDE.into_iter().find(asks);
    match (class, beside) {
        // A copy elsewhere has a price of its own, which is another region's.
        _ if written(block, "replicate").is_some() => {
            Some("what the copy in another region costs is not known".to_owned())
        }
        (_, Some(name)) => Some(format!("what `{name}` costs beside that is not known")),
        (OBJECTS, None) => Some("its provider does not hold it to its `capacity`".to_owned()),
        _ if is_derived => Some("that price is derived and not listed".to_owned()),
        _ => None,
    }
}

fn owned_store(block: &Block, target: &Block) -> CostPart {
    let reason = format!(
        "disks of one's own at `{}`: nothing says what they cost",
        target.address
    );
    unknown(block, reason)
}
