//! What machines cost in one run of a pipeline, by the time that its steps may take at most.

use std::collections::BTreeSet;

use mlinfra_api::{Address, Quantity, Value};
use mlinfra_check::Block;
use rust_decimal::Decimal;

use super::HOURS_PER_MONTH;
use super::part::{MACHINES, argument_of, nodes, written};
use super::purchase::hours;
use crate::blocks::Blocks;
use crate::cost::CostPart;

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

/// How many hours machines are there at most in a run: each step that runs on them, with each of
/// its tries, by its timeout or that of its pipeline, and as long as they then wait for more.
fn hours_of_run(blocks: &Blocks<'_>, machines: &Address) -> Result<Decimal, String> {
    let block = blocks.get(machines);
    let block = block.filter(|block| block.role.as_deref() == Some(MACHINES));
    let Some(block) = block else {
        return Err("it is kept after the run".to_owned());
    };
    if nodes(block).is_ok_and(|(least, _)| least > 0) {
        let text = "it stays after the run: nothing says that all of its machines may go, as \
                    `nodes = 0..1` does";
        return Err(text.to_owned());
    }
    let on_it = || blocks.standing_on(machines);
    if let Some(endless) = on_it()
        .find(|block| !matches!(block.role.as_deref(), Some("step" | "pipeline" | "dataset")))
    {
        return Err(format!("`{}` runs on it without an end", endless.address));
    }
    let waits = written(block, "scale").and_then(|scale| argument_of(scale, "idle"));
    let waits = waits.map_or(Some(Decimal::ZERO), hours);
    let mut all = Decimal::ZERO;
    let mut untimed: BTreeSet<String> = BTreeSet::new();
    let steps = || on_it().filter(|block| block.role.as_deref() == Some("step"));
    for block in steps() {
        let spent = waits.and_then(|waits| hours_of_step(blocks, block, waits));
        match spent.and_then(|spent| spent.checked_add(all)) {
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
    match steps().next() {
        Some(_) => Ok(all),
        None => Err("no step runs on it, so nothing says how long it is there".to_owned()),
    }
}

/// How long a step holds its machines at most, with each of its tries and what they wait after it;
/// none if nothing bounds that.
fn hours_of_step(blocks: &Blocks<'_>, block: &Block, waits: Decimal) -> Option<Decimal> {
    let said = |name: &str| {
        let of_step = block.step.as_ref().and_then(|step| step.settings.get(name));
        let own = of_step.or_else(|| written(block, name));
        let parent = || blocks.get(block.parent.as_ref()?);
        let own = own.filter(|value| **value != Value::None).cloned();
        own.or_else(|| parent().and_then(|parent| written(parent, name)).cloned())
    };
    let tries = match said("retry") {
        Some(retry) => retry.as_int()?.checked_add(1)?,
        None => 1,
    };
    let timeout = said("timeout").as_ref().and_then(hours)?;
    timeout
        .checked_add(waits)?
        .checked_mul(Decimal::from(tries))
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
