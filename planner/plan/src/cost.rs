//! What the desired graph costs a month, as an interval, and whether that stays in the budgets.

use std::collections::BTreeSet;

use mlinfra_api::{Address, Condition, Dimension, Lower, Price, Quantity, Resource, Value};
use mlinfra_check::{Block, Gate, Program};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::answers::Answers;
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
    /// How it stands.
    pub standing: Standing,
    /// What is not counted against it, as its price in this currency is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<Address>,
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
        Some(Value::Quantity(Quantity {
            amount: settled(amount),
            dimension: Dimension::base(&self.currency).times(&per_second),
        }))
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
}

impl BudgetStanding {
    /// The limit as people write it: `50 USD/month`.
    pub fn limit_text(&self) -> String {
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
            Condition::Value(Value::Quantity(Quantity { amount, dimension }))
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
    let desired = desired::desired(program, lowerings, answers);
    // Whether a port is free now says nothing about what anything costs.
    let mut questions = desired.questions;
    questions.retain(|question| !matches!(question, Question::Port { .. }));
    if !questions.is_empty() {
        return Priced::Ask(questions);
    }
    let (cost, mut found) = of(program, lowerings, &desired.resources);
    let errors = desired.findings.into_iter().filter(|finding| finding.error);
    found.splice(0..0, errors);
    Priced::Known(Box::new(cost), found)
}

/// The cost of these resources, and what is found about budgets.
pub(crate) fn of(
    program: &Program,
    lowerings: &[&dyn Lower],
    resources: &[Resource],
) -> (Cost, Vec<PlanFinding>) {
    let parts: Vec<CostPart> = resources
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
    let limits: Vec<(&Block, String, Option<Decimal>)> = program
        .with_role("budget")
        .filter_map(|block| {
            let (currency, limit) = rate_of(&block.fields.get("limit")?.value)?;
            Some((block, currency, limit))
        })
        .collect();
    let priced = parts.iter().find_map(|part| part.currency.clone());
    let first = limits.first().map(|(_, currency, _)| currency.clone());
    let currency = first.or(priced).unwrap_or_else(|| CURRENCY.to_owned());
    let total = Total::of(&parts, &currency);
    let mut cost = Cost {
        currency,
        low: total.low,
        high: total.high(),
        parts,
        budgets: Vec::new(),
    };
    let mut findings = Vec::new();
    for (block, currency, limit) in limits {
        let total = Total::of(&cost.parts, &currency);
        let standing = BudgetStanding {
            address: block.address.clone(),
            standing: limit.map_or(Standing::Open, |limit| total.against(limit)),
            unknown: total.unknown.iter().cloned().collect(),
            currency,
            limit: limit.unwrap_or(Decimal::MAX),
        };
        findings.extend(found(block, &standing, &total, &cost.parts));
        cost.budgets.push(standing);
    }
    (cost, findings)
}

fn part(resource: &Resource, price: Price) -> CostPart {
    let part = |currency, low, high, reason| CostPart {
        address: resource.address.clone(),
        currency,
        low,
        high,
        reason,
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
fn rate_of(rate: &Value) -> Option<(String, Option<Decimal>)> {
    let Value::Quantity(Quantity { amount, dimension }) = rate else {
        return None;
    };
    let mut over = dimension.times(&Dimension::base("second")).0;
    let (currency, power) = over.pop_first()?;
    let amount = amount.checked_mul(Decimal::from(SECONDS_PER_MONTH));
    (power == 1 && over.is_empty()).then(|| (currency, amount.map(settled)))
}

/// The amount without the digits that a division may have cut off.
fn settled(amount: Decimal) -> Decimal {
    amount.round_sf(RATE_DIGITS).unwrap_or(amount).normalize()
}

/// The sum of all prices in one currency.
struct Total {
    low: Decimal,
    known_high: Decimal,
    unknown: BTreeSet<Address>,
}

impl Total {
    fn of(parts: &[CostPart], currency: &str) -> Self {
        let mut total = Total {
            low: Decimal::ZERO,
            known_high: Decimal::ZERO,
            unknown: BTreeSet::new(),
        };
        for part in parts {
            let is_other = part.currency.as_deref().is_some_and(|one| one != currency);
            match part.high.filter(|_| !is_other) {
                Some(high) => {
                    total.low = total.low.saturating_add(part.low);
                    total.known_high = total.known_high.saturating_add(high);
                }
                None => drop(total.unknown.insert(part.address.clone())),
            }
        }
        total
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
}

fn found(
    block: &Block,
    budget: &BudgetStanding,
    total: &Total,
    parts: &[CostPart],
) -> Option<PlanFinding> {
    let limit = budget.limit_text();
    let text = |low, high| interval(low, high, &budget.currency);
    match budget.standing {
        Standing::Violated => {
            let cost = text(total.low, total.high());
            Some(finding::over_budget(budget, &cost, &limit))
        }
        Standing::Open if budget.limit == Decimal::MAX => {
            let why = "the limit comes to more a month than can be reckoned with".to_owned();
            Some(finding::open_budget(budget, why))
        }
        Standing::Open if total.unknown.is_empty() => {
            let cost = text(total.low, Some(total.known_high));
            let why = format!("all of it costs {cost}; the limit is {limit}");
            Some(finding::open_budget(budget, why))
        }
        Standing::Open => {
            let unknown = parts
                .iter()
                .filter(|part| total.unknown.contains(&part.address));
            let said = |part: &CostPart| match part.amount() {
                Some(amount) => format!("`{}` costs {amount}", part.address),
                None => format!("`{}`: {}", part.address, part.reason),
            };
            let unknown: Vec<String> = unknown.map(said).collect();
            let why = format!(
                "no price in {} is known: {}",
                budget.currency,
                unknown.join("; ")
            );
            Some(finding::open_budget(budget, why))
        }
        Standing::Proven => {
            let share = block.fields.get("warn_at").map(|field| &field.value);
            let share = match share {
                Some(Value::Decimal(share)) => *share,
                Some(Value::Int(share)) => Decimal::from(*share),
                _ => WARN_AT,
            };
            let bound = budget.limit.checked_mul(share)?;
            (total.known_high > Decimal::ZERO && total.known_high >= bound).then(|| {
                let percent = format!("{}%", (share * Decimal::ONE_HUNDRED).normalize());
                let cost = text(total.known_high, Some(total.known_high));
                finding::near_budget(budget, &cost, &limit, &percent)
            })
        }
    }
}
