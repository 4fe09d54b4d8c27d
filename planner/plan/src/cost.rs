//! What the desired graph costs a month, as an interval, and whether that stays in the budgets.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Condition, Dimension, Lower, Price, Quantity, Resource, Value};
use mlinfra_check::{Block, Gate, Program};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::blocks::Blocks;
use crate::catalog;
use crate::desired;
use crate::finding;
use crate::gate::JudgedGate;
use crate::plan::PlanFinding;
use crate::question::Question;

/// A twelfth of a year, as the standard library has it: 730 hours.
pub const SECONDS_PER_MONTH: i64 = 730 * 3_600;
/// A division cuts off the last digits of a rate in base units, perhaps twice; these are kept.
const RATE_DIGITS: u32 = 18;
/// Without a budget and without a price there is still a zero to name.
const CURRENCY: &str = "USD";
/// Where a budget says nothing else, a warning is given from here on.
const WARN_AT: Decimal = Decimal::from_parts(8, 0, 0, false, 1);

/// What the desired graph costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// `USD`.
    pub currency: String,
    /// At least so much a month.
    pub low: Decimal,
    /// At most so much a month; none if a price is not known.
    pub high: Option<Decimal>,
    /// What each resource adds, in the order of the spec.
    pub parts: Vec<CostPart>,
    /// How each budget stands.
    pub budgets: Vec<BudgetStanding>,
}

/// What one resource costs a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostPart {
    /// The resource.
    pub address: Address,
    /// The currency of its price; none for what is free or has no known price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// At least so much a month.
    pub low: Decimal,
    /// At most so much a month; none if that is not known.
    pub high: Option<Decimal>,
    /// Why.
    pub reason: String,
    /// What else could have been chosen, each with the reason why it was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
}

/// How a budget stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetStanding {
    /// The budget's block.
    pub address: Address,
    /// The currency of its limit.
    pub currency: String,
    /// The limit, a month; the largest number there is for one that is larger still.
    pub limit: Decimal,
    /// Whether the limit is for one run from its start to its end, and not for a month.
    #[serde(default, skip_serializing_if = "is_not")]
    pub run: bool,
    /// What counts against it; everything if nothing is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<Vec<Address>>,
    /// How it stands.
    pub standing: Standing,
    /// Whether nothing that it covers has a price: what is proven then says nothing.
    #[serde(default, skip_serializing_if = "is_not")]
    pub idle: bool,
    /// What is not counted against it, as its price in this currency is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<Address>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out a reference"
)]
fn is_not(flag: &bool) -> bool {
    !flag
}

/// Whether a budget reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Even the most that it may cost is inside.
    Proven,
    /// Even the least that it may cost is outside.
    Violated,
    /// It depends on what is not known.
    Open,
}

/// What asking for a program's cost comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Priced {
    /// These must be answered first; then ask again.
    Ask(Vec<Question>),
    /// The cost, and what keeps the program from being planned at all.
    Known(Box<Cost>, Vec<PlanFinding>),
}

impl Cost {
    /// Judges what a test asks for: a condition over `cost.min` and `cost.max`. Rates are compared
    /// without the last digits, which a division may have cut off: 50 USD a month stays that.
    pub fn judged(&self, test: &str, gate: &Gate) -> JudgedGate {
        let gate = JudgedGate::open(&Address::new("test", test), gate);
        let settled = JudgedGate {
            condition: settled_in(&gate.condition),
            ..gate
        };
        settled.judged_by(&|name| self.figure(name))
    }

    /// The value of `cost.min` or `cost.max`, a currency a second; none for one that is not known.
    pub fn figure(&self, name: &str) -> Option<Value> {
        let amount = match name {
            "cost.min" => Some(self.low),
            "cost.max" => self.high,
            _ => None,
        }?;
        let amount = amount.checked_div(Decimal::from(SECONDS_PER_MONTH))?;
        let per_second = Dimension::base("second").inverse();
        Some(Value::Quantity(Quantity::new(
            settled(amount),
            Dimension::base(&self.currency).times(&per_second),
        )))
    }

    /// `0 USD/month`, `12.50–30 USD/month`, `at least 12.50 USD/month`.
    pub fn amount(&self) -> String {
        interval(self.low, self.high, &self.currency)
    }
}

impl CostPart {
    /// What it costs, as [`Cost::amount`]; none for what has no known price.
    pub fn amount(&self) -> Option<String> {
        let currency = self.currency.as_deref()?;
        Some(interval(self.low, self.high, currency))
    }

    /// What it costs, or why that is not known.
    fn said(&self) -> String {
        match self.amount() {
            Some(amount) if self.high.is_none() => {
                format!("`{}` costs {amount}: {}", self.address, self.reason)
            }
            Some(amount) => format!("`{}` costs {amount}", self.address),
            None => format!("`{}`: {}", self.address, self.reason),
        }
    }
}

impl BudgetStanding {
    /// The limit as people write it: `50 USD/month`, `400 USD` for a run.
    pub fn limit_text(&self) -> String {
        if self.run {
            return format!("{} {}", money(self.limit), self.currency);
        }
        interval(self.limit, Some(self.limit), &self.currency)
    }
}

/// The condition with every amount in it settled.
fn settled_in(condition: &Condition) -> Condition {
    let boxed = |part: &Condition| Box::new(settled_in(part));
    match condition {
        Condition::Value(Value::Quantity(quantity)) => {
            let amount = settled(quantity.amount);
            let dimension = quantity.dimension.clone();
            Condition::Value(Value::Quantity(Quantity::new(amount, dimension)))
        }
        Condition::Value(_) | Condition::Figure(_) => condition.clone(),
        Condition::Not(operand) => Condition::Not(boxed(operand)),
        Condition::Negate(operand) => Condition::Negate(boxed(operand)),
        Condition::Binary {
            operator,
            left,
            right,
        } => Condition::Binary {
            operator: *operator,
            left: boxed(left),
            right: boxed(right),
        },
    }
}

/// What is spent, by the month: `50 USD/month`; none for any other value.
pub(crate) fn spending(value: &Value) -> Option<String> {
    let (currency, amount) = monthly(value)?;
    let is_currency = currency.bytes().all(|byte| byte.is_ascii_uppercase());
    is_currency.then(|| interval(amount, Some(amount), &currency))
}

fn interval(low: Decimal, high: Option<Decimal>, currency: &str) -> String {
    match high {
        Some(high) if money(high) == money(low) => format!("{} {currency}/month", money(low)),
        Some(high) => format!("{}–{} {currency}/month", money(low), money(high)),
        None => format!("at least {} {currency}/month", money(low)),
    }
}

/// Whole amounts as such, all else with two digits.
fn money(amount: Decimal) -> String {
    let rounded = amount.round_dp(2).normalize();
    match rounded.scale() {
        0 => rounded.to_string(),
        _ => format!("{rounded:.2}"),
    }
}

/// What a program costs: its desired graph alone, whatever exists.
pub fn cost(program: &Program, lowerings: &[&dyn Lower], answers: &Answers) -> Priced {
    let blocks = Blocks::of(program);
    let desired = desired::desired(&blocks, lowerings, answers, &BTreeMap::new());
    // Whether a port is free now says nothing about what anything costs.
    let mut questions = desired.questions;
    questions.retain(|question| !matches!(question, Question::Port { .. }));
    if !questions.is_empty() {
        return Priced::Ask(questions);
    }
    let elsewhere = catalog::parts(&blocks, lowerings);
    let (cost, mut found) = of(&blocks, lowerings, &desired.resources, elsewhere);
    // What no provider of this build makes has a price all the same.
    let keeps = |finding: &PlanFinding| finding.error && finding.code != finding::NO_PROVIDER;
    let errors = desired.findings.into_iter().filter(keeps);
    found.splice(0..0, errors);
    Priced::Known(Box::new(cost), found)
}

/// The cost of these resources and of what stands elsewhere, and what is found about budgets.
pub(crate) fn of(
    blocks: &Blocks<'_>,
    lowerings: &[&dyn Lower],
    resources: &[Resource],
    elsewhere: (Vec<CostPart>, Vec<PlanFinding>),
) -> (Cost, Vec<PlanFinding>) {
    let mut parts: Vec<CostPart> = resources
        .iter()
        .map(|resource| {
            let known = |lowering: &&&dyn Lower| lowering.name() == resource.provider;
            let price = lowerings.iter().find(known).map(|one| one.price(resource));
            // Nothing is taken to be free: what nobody can price has a price that is not known.
            let price = price.unwrap_or_else(|| Price::Unknown {
                reason: format!("its provider `{}` is not built in", resource.provider),
            });
            part(resource, price)
        })
        .collect();
    let (elsewhere, mut findings) = elsewhere;
    parts.extend(elsewhere);
    let budgets = blocks.program.with_role("budget");
    let limits: Vec<Limit<'_>> = budgets.filter_map(Limit::of).collect();
    let priced = parts.iter().find_map(|part| part.currency.clone());
    let first = limits.first().map(|limit| limit.currency.clone());
    let currency = first.or(priced).unwrap_or_else(|| CURRENCY.to_owned());
    let total = Total::of(parts.iter(), &currency);
    let mut cost = Cost {
        currency,
        low: total.low,
        high: total.high(),
        parts,
        budgets: Vec::new(),
    };
    let counted = counted(blocks, &limits, &cost.parts);
    for (limit, counted) in limits.iter().zip(counted) {
        let covers_nothing = limit.covers.is_some() && counted.is_empty();
        let idle = limit.covers.is_some() && counted.iter().all(|part| part.currency.is_none());
        let total = match limit.run {
            false => Total::of(counted.into_iter(), &limit.currency),
            true => Total::of_run(catalog::runtime_cost(blocks, &counted, &limit.currency)),
        };
        let standing = BudgetStanding {
            address: limit.block.address.clone(),
            standing: (limit.amount).map_or(Standing::Open, |amount| total.against(amount)),
            unknown: total.unknown.keys().cloned().collect(),
            currency: limit.currency.clone(),
            limit: limit.amount.unwrap_or(Decimal::MAX),
            run: limit.run,
            covers: limit.covers.clone(),
            idle,
        };
        findings.extend(found(limit.block, &standing, &total));
        if covers_nothing && standing.standing == Standing::Proven {
            findings.push(finding::covers_nothing(&standing));
        }
        cost.budgets.push(standing);
    }
    (cost, findings)
}

/// What a budget allows.
struct Limit<'p> {
    block: &'p Block,
    currency: String,
    /// None if it is too large to reckon with.
    amount: Option<Decimal>,
    /// Whether it is for one run, and not for a month.
    run: bool,
    covers: Option<Vec<Address>>,
}

impl<'p> Limit<'p> {
    fn of(block: &'p Block) -> Option<Self> {
        let limit = &block.fields.get("limit")?.value;
        let (currency, amount, run) = match (rate_of(limit), catalog::sum_of(limit)) {
            (Some((currency, amount)), _) => (currency, amount, false),
            (None, Some((currency, amount))) => (currency, Some(amount), true),
            (None, None) => return None,
        };
        let covers = block.fields.get("covers").map(|field| &field.value);
        let covers = covers.filter(|value| **value != Value::None).map(|value| {
            let mut all = Vec::new();
            value.for_each_reference(&mut |reference| all.push(reference.address.clone()));
            all
        });
        Some(Limit {
            block,
            currency,
            amount,
            run,
            covers,
        })
    }
}

/// What counts against each of these limits: all of it, or what is covered and what stands in or on
/// that.
fn counted<'c>(
    blocks: &Blocks<'_>,
    limits: &[Limit<'_>],
    parts: &'c [CostPart],
) -> Vec<Vec<&'c CostPart>> {
    let mut covering: BTreeMap<&Address, Vec<usize>> = BTreeMap::new();
    for (at, limit) in limits.iter().enumerate() {
        for covered in limit.covers.iter().flatten() {
            covering.entry(covered).or_default().push(at);
        }
    }
    let all = |limit: &Limit<'_>| limit.covers.is_none();
    let everything = limits.iter().map(|limit| match all(limit) {
        true => parts.iter().collect(),
        false => Vec::new(),
    });
    let mut counted: Vec<Vec<&CostPart>> = everything.collect();
    for part in parts {
        let mut by: BTreeSet<usize> = BTreeSet::new();
        let mut at = Some(&part.address);
        // A place is never a circle: the checker has refused that. The bound is for its bugs.
        for _ in 0..=blocks.program.blocks.len() {
            let Some(here) = at else { break };
            by.extend(covering.get(here).into_iter().flatten());
            let block = blocks.get(here);
            at = block.and_then(|block| block.parent.as_ref().or(block.place.as_ref()));
        }
        by.into_iter().for_each(|at| counted[at].push(part));
    }
    counted
}

fn part(resource: &Resource, price: Price) -> CostPart {
    let part = |currency, low, high, reason| CostPart {
        address: resource.address.clone(),
        currency,
        low,
        high,
        reason,
        passed_over: Vec::new(),
    };
    let zero = Decimal::ZERO;
    match price {
        Price::Free { reason } => part(None, zero, Some(zero), reason),
        Price::Unknown { reason } => part(None, zero, None, reason),
        Price::Rate { low, high, reason } => {
            let (low, high) = (Value::Quantity(low), Value::Quantity(high));
            match (monthly(&low), monthly(&high)) {
                (Some((currency, low)), Some((other, high))) if currency == other => {
                    part(Some(currency), low.min(high), Some(low.max(high)), reason)
                }
                _ => part(
                    None,
                    zero,
                    None,
                    format!("{reason}; its provider gives no rate of one currency for it"),
                ),
            }
        }
    }
}

/// The currency of a rate and its amount a month; none for any other value, and for one that is
/// too large.
fn monthly(rate: &Value) -> Option<(String, Decimal)> {
    let (currency, amount) = rate_of(rate)?;
    Some((currency, amount?))
}

/// The currency of a rate and its amount a month, if that is not too large; none for any other
/// value.
pub(crate) fn rate_of(rate: &Value) -> Option<(String, Option<Decimal>)> {
    let Value::Quantity(Quantity {
        amount, dimension, ..
    }) = rate
    else {
        return None;
    };
    let over = dimension.times(&Dimension::base("second")).0;
    let (currency, power) = over.first_key_value()?;
    let amount = amount.checked_mul(Decimal::from(SECONDS_PER_MONTH));
    (*power == 1 && over.len() == 1).then(|| (currency.clone(), amount.map(settled)))
}

/// The amount without the digits that a division may have cut off.
fn settled(amount: Decimal) -> Decimal {
    amount.round_sf(RATE_DIGITS).unwrap_or(amount).normalize()
}

/// The sum of all prices in one currency.
struct Total {
    low: Decimal,
    known_high: Decimal,
    /// What has no price that counts, and why.
    unknown: BTreeMap<Address, String>,
    run: bool,
}

impl Total {
    fn of<'p>(parts: impl Iterator<Item = &'p CostPart>, currency: &str) -> Self {
        let mut total = Total {
            low: Decimal::ZERO,
            known_high: Decimal::ZERO,
            unknown: BTreeMap::new(),
            run: false,
        };
        for part in parts {
            let is_other = part.currency.as_deref().is_some_and(|one| one != currency);
            let low = if is_other { Decimal::ZERO } else { part.low };
            total.low = total.low.saturating_add(low);
            match part.high.filter(|_| !is_other) {
                Some(high) => total.known_high = total.known_high.saturating_add(high),
                None => drop(total.unknown.insert(part.address.clone(), part.said())),
            }
        }
        total
    }

    /// A run may end at once, and costs nothing then.
    fn of_run(run: catalog::RunCost) -> Self {
        Total {
            low: Decimal::ZERO,
            known_high: run.high.unwrap_or(Decimal::ZERO),
            unknown: run
                .open
                .into_iter()
                .map(|(address, why)| (address.clone(), format!("`{address}`: {why}")))
                .collect(),
            run: true,
        }
    }

    fn high(&self) -> Option<Decimal> {
        self.unknown.is_empty().then_some(self.known_high)
    }

    fn against(&self, limit: Decimal) -> Standing {
        match self.high() {
            _ if self.low > limit => Standing::Violated,
            Some(high) if high <= limit => Standing::Proven,
            _ => Standing::Open,
        }
    }

    /// The interval as people write it.
    fn text(&self, high: Option<Decimal>, currency: &str) -> String {
        match (self.run, high) {
            (false, high) => interval(self.low, high, currency),
            (true, Some(high)) => format!("up to {} {currency} a run", money(high)),
            (true, None) => format!("some {currency} a run"),
        }
    }
}

fn found(block: &Block, budget: &BudgetStanding, total: &Total) -> Option<PlanFinding> {
    let limit = budget.limit_text();
    let overrun = block.fields.get("overrun").map(|field| &field.value);
    let overrun = overrun.and_then(Value::as_case);
    let refused = overrun == Some("refuse");
    match budget.standing {
        Standing::Violated => {
            let cost = total.text(total.high(), &budget.currency);
            let over = finding::over_budget(budget, &cost, &limit);
            Some(match overrun {
                Some("warn") => finding::as_warning(over),
                _ => over,
            })
        }
        Standing::Open if budget.limit == Decimal::MAX => {
            let why = "the limit comes to more a month than can be reckoned with".to_owned();
            Some(finding::open_budget(budget, why, refused))
        }
        Standing::Open if total.unknown.is_empty() => {
            let cost = total.text(Some(total.known_high), &budget.currency);
            let what = finding::counted(budget);
            let why = format!("{what} {cost}; the limit is {limit}");
            Some(finding::open_budget(budget, why, refused))
        }
        Standing::Open => {
            let unknown: Vec<&str> = total.unknown.values().map(String::as_str).collect();
            let what = match total.run {
                true => "what a run costs has no bound".to_owned(),
                false => format!("no price in {} is known", budget.currency),
            };
            let why = format!("{what}: {}", unknown.join("; "));
            Some(finding::open_budget(budget, why, refused))
        }
        Standing::Proven => near(block, budget, total, &limit),
    }
}

/// A warning where a budget that reaches is nearly used.
fn near(block: &Block, budget: &BudgetStanding, total: &Total, limit: &str) -> Option<PlanFinding> {
    let share = block.fields.get("warn_at").map(|field| &field.value);
    let share = match share {
        Some(Value::Decimal(share)) => *share,
        Some(Value::Int(share)) => Decimal::from(*share),
        _ => WARN_AT,
    };
    let bound = budget.limit.checked_mul(share)?;
    (total.known_high > Decimal::ZERO && total.known_high >= bound).then(|| {
        let percent = format!("{}%", (share * Decimal::ONE_HUNDRED).normalize());
        let cost = match total.run {
            true => total.text(Some(total.known_high), &budget.currency),
            false => interval(total.known_high, Some(total.known_high), &budget.currency),
        };
        finding::near_budget(budget, &cost, limit, &percent)
    })
}
