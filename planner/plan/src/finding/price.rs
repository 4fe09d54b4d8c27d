//! Findings about what things cost: machines of the catalog, bids and budgets.

use mlinfra_api::Address;
use rust_decimal::Decimal;

use super::error;
use crate::catalog::Missing;
use crate::cost::BudgetStanding;
use crate::plan::PlanFinding;

/// A bid that is lower than what was paid when somebody looked.
pub(crate) fn outbid(
    address: &Address,
    machine: &str,
    limit: Decimal,
    seen: Decimal,
) -> PlanFinding {
    let warned = error(
        "E0962",
        "the highest price is less than what a spot machine last cost",
        format!("{machine} cost {seen} USD/h when it was last looked at; `max_price` is {limit}"),
        "raise `max_price`, or say with `fallback` what is used when there is none",
        address,
        Some("purchase"),
    );
    PlanFinding {
        error: false,
        ..warned
    }
}

/// A budget of which no part is there: that it reaches says nothing.
pub(crate) fn covers_nothing(budget: &BudgetStanding) -> PlanFinding {
    let warned = error(
        "E0949",
        "nothing counts against this budget",
        format!(
            "nothing that `{}` covers is made and has a cost",
            budget.address
        ),
        "name in `covers` what is made, or leave `covers` out: everything counts then",
        &budget.address,
        Some("covers"),
    );
    PlanFinding {
        error: false,
        ..warned
    }
}

/// The budget is nearly used.
pub(crate) fn near_budget(
    budget: &BudgetStanding,
    cost: &str,
    limit: &str,
    share: &str,
) -> PlanFinding {
    let warned = error(
        "E0943",
        "the budget is nearly used",
        format!(
            "{} up to {cost} of {limit}; a warning is asked for from {share} on",
            counted(budget)
        ),
        "nothing has to be done; the next thing may not fit",
        &budget.address,
        Some("warn_at"),
    );
    PlanFinding {
        error: false,
        ..warned
    }
}

/// The catalog has no machine for a block; none where it simply knows no prices there.
pub(crate) fn not_in_catalog(
    address: &Address,
    target: &Address,
    missing: &Missing,
) -> Option<PlanFinding> {
    match missing {
        Missing::NotListed(_) | Missing::Open(_) => None,
        Missing::NoRegion(text) => Some(error(
            "E0961",
            "the region is another provider's",
            text.clone(),
            "every provider names its regions in its own way: `us-west-2` is one of AWS, \
             `us-west2` one of Google",
            target,
            None,
        )),
        Missing::None { what, instead } => Some(error(
            "E0960",
            "no machine has all that is asked for",
            what.clone(),
            instead,
            address,
            None,
        )),
    }
}

/// The desired graph costs more than a budget allows, whatever the open prices come to.
pub(crate) fn over_budget(budget: &BudgetStanding, cost: &str, limit: &str) -> PlanFinding {
    error(
        "E0942",
        "the budget does not reach",
        format!("{} {cost}; the limit is {limit}", counted(budget)),
        "make something smaller or take it out, or raise the limit",
        &budget.address,
        Some("limit"),
    )
}

/// The same finding where the spec asks for a warning alone.
pub(crate) fn as_warning(finding: PlanFinding) -> PlanFinding {
    PlanFinding {
        error: false,
        ..finding
    }
}

/// What counts against a budget, and that it costs something.
pub(crate) fn counted(budget: &BudgetStanding) -> String {
    let names = budget.covers.as_ref().map(|covers| {
        let names = covers.iter().map(|one| format!("`{one}`"));
        names.collect::<Vec<String>>()
    });
    match names.as_deref() {
        None => "all of it costs".to_owned(),
        Some([]) => "nothing costs".to_owned(),
        Some([one]) => format!("{one} costs"),
        Some(several) => format!("{} cost", several.join(" and ")),
    }
}

/// What is found of one thing at several places, told in one finding for each fault.
pub(crate) fn together(found: impl Iterator<Item = PlanFinding>) -> Vec<PlanFinding> {
    let mut all: Vec<PlanFinding> = Vec::new();
    for one in found {
        let same = |other: &&mut PlanFinding| {
            other.code == one.code && other.address == one.address && other.message != one.message
        };
        match all.iter_mut().find(same) {
            Some(first) => {
                first.message = format!("{}; {}", first.message, one.message);
                first.help.extend(one.help);
            }
            None => all.push(one),
        }
    }
    all
}

/// Whether the budget reaches can't be told; an error where the spec refuses what is not proven.
pub(crate) fn open_budget(budget: &BudgetStanding, why: String, refused: bool) -> PlanFinding {
    let advice = match refused {
        true => {
            "say what it costs at most (`rate` of its target, `max_price` of a bid, a `capacity`), \
             take it out of `covers`, or write `overrun = warn`"
        }
        false => {
            "the plan can be carried out; look at the provider's bill, or use what has a price"
        }
    };
    let open = error(
        "E0944",
        "whether the budget reaches can't be told",
        why,
        advice,
        &budget.address,
        Some(if refused { "overrun" } else { "limit" }),
    );
    PlanFinding {
        error: refused,
        ..open
    }
}
