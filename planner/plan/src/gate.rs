//! Gates: what a step's result must hold before what depends on it is made.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mlinfra_api::{
    Address, Condition, Figure, Observation, Resource, RowOperator, Snapshot, Value, Verdict,
};
use mlinfra_check::Gate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::blocks::Blocks;
use crate::cost::spending;
use crate::decide::{Decision, Decisions, state_question};
use crate::literal::written;
use crate::order::port_of;
use crate::plan::{ChangeKind, Reason};
use crate::question::Answer;
use crate::serving::served_store;

/// Figures are shown with so many digits behind the point where that tells them from their bound.
const DIGITS_MIN: u32 = 2;
/// And with no more than so many.
const DIGITS_MAX: u32 = 12;

/// A gate and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedGate {
    /// The step whose result is judged.
    pub step: Address,
    /// What must hold.
    pub condition: Condition,
    /// The condition as written.
    pub text: String,
    /// What the spec says if it does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How it stands: open until the step has a result. One that is undefined counts as failed.
    pub verdict: Verdict,
    /// The figures that it rests on, by name, with the bounds of their intervals (`auc_low`); none
    /// for one that is undefined. Empty as long as it is open.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, Value>,
}

impl JudgedGate {
    /// A gate whose step has no result yet.
    pub fn open(step: &Address, gate: &Gate) -> Self {
        JudgedGate {
            step: step.clone(),
            condition: gate.condition.clone(),
            text: gate.text.clone(),
            message: gate.message.clone(),
            verdict: Verdict::Open,
            figures: BTreeMap::new(),
        }
    }

    /// The same gate, judged by what its step reported. Pure: whoever judges recorded outputs again
    /// comes to the same verdict. What the step did not report is undefined.
    #[must_use]
    pub fn judged(&self, outputs: &BTreeMap<String, Value>) -> Self {
        let figure = |name: &str| Some(outputs.get(name).cloned().unwrap_or(Value::None));
        self.judged_by(&figure)
    }

    pub(crate) fn judged_by(&self, figure: &dyn Fn(&str) -> Option<Value>) -> Self {
        let mut figures = BTreeMap::new();
        self.condition.for_each_figure(&mut |wanted| {
            let bounds = interval_names(wanted).into_iter().filter_map(|name| {
                let bound = figure(&name).filter(|bound| *bound != Value::None)?;
                Some((name, bound))
            });
            figures.extend(bounds);
            let name = wanted.to_string();
            figures.extend(figure(&name).map(|value| (name, value)));
        });
        JudgedGate {
            verdict: self.condition.judge(&|wanted| figure(&wanted.to_string())),
            figures,
            ..self.clone()
        }
    }

    /// Whether it was judged and does not hold.
    pub fn fails(&self) -> bool {
        matches!(self.verdict, Verdict::Fails | Verdict::Undefined)
    }

    /// How it stands, for people: `auc 0.79, at least 0.99 required`.
    pub fn sentence(&self) -> String {
        let mut parts = Vec::new();
        self.collect_parts(&self.condition, &mut parts);
        let told = parts.iter().map(|part| self.said(part));
        let told = told.collect::<Vec<_>>().join("; ");
        match (&self.message, self.fails()) {
            (Some(message), true) => format!("{message}: {told}"),
            _ => told,
        }
    }

    fn value_of(&self, figure: &Figure) -> Option<Value> {
        self.figures.get(&figure.to_string()).cloned()
    }

    /// The parts joined by `and`; of a gate that does not hold, those at fault.
    fn collect_parts<'c>(&self, condition: &'c Condition, parts: &mut Vec<&'c Condition>) {
        if let Condition::Binary {
            operator: RowOperator::And,
            left,
            right,
        } = condition
        {
            self.collect_parts(left, parts);
            self.collect_parts(right, parts);
            return;
        }
        let verdict = condition.judge(&|figure| self.value_of(figure));
        if !self.fails() || !matches!(verdict, Verdict::Holds | Verdict::Open) {
            parts.push(condition);
        }
    }

    fn said(&self, part: &Condition) -> String {
        if let Some((figure, operator, bound)) = comparison(part) {
            let written = written(&self.text, bound).unwrap_or_else(|| exact(bound));
            let required = format!("{} {written} required", phrase(operator));
            return match self.value_of(figure) {
                Some(Value::None) => format!("{figure} is undefined, {required}"),
                Some(value) => format!("{figure} {}, {required}", beside(&value, bound)),
                None => format!("{figure}: {required}"),
            };
        }
        let mut figures = Vec::new();
        part.for_each_figure(&mut |figure| {
            let text = match self.value_of(figure) {
                Some(Value::None) => format!("{figure} is undefined"),
                Some(value) => format!("{figure} {}", rounded(&value)),
                None => return,
            };
            if !figures.contains(&text) {
                figures.push(text);
            }
        });
        match figures.is_empty() {
            true => format!("`{part}` required"),
            false => format!("{}; `{part}` required", figures.join(", ")),
        }
    }
}

/// The names of a figure's bounds: `auc_low`, `disparate_impact_low(sex)`.
fn interval_names(figure: &Figure) -> [String; 2] {
    ["low", "high"].map(|end| {
        let name = format!("{}_{end}", figure.name);
        let arguments = figure.arguments.clone();
        Figure { name, arguments }.to_string()
    })
}

/// A part that compares one figure with one value, the figure on the left.
fn comparison(part: &Condition) -> Option<(&Figure, RowOperator, &Value)> {
    let Condition::Binary {
        operator,
        left,
        right,
    } = part
    else {
        return None;
    };
    match (&**left, &**right) {
        (Condition::Figure(figure), Condition::Value(bound)) => {
            is_comparison(*operator).then_some((figure, *operator, bound))
        }
        (Condition::Value(bound), Condition::Figure(figure)) => {
            is_comparison(*operator).then_some((figure, turned(*operator), bound))
        }
        _ => None,
    }
}

fn is_comparison(operator: RowOperator) -> bool {
    use RowOperator as O;
    matches!(
        operator,
        O::Equal | O::NotEqual | O::Less | O::LessOrEqual | O::Greater | O::GreaterOrEqual
    )
}

/// The operator that says the same with its sides exchanged.
fn turned(operator: RowOperator) -> RowOperator {
    match operator {
        RowOperator::Less => RowOperator::Greater,
        RowOperator::LessOrEqual => RowOperator::GreaterOrEqual,
        RowOperator::Greater => RowOperator::Less,
        RowOperator::GreaterOrEqual => RowOperator::LessOrEqual,
        other => other,
    }
}

fn phrase(operator: RowOperator) -> &'static str {
    match operator {
        RowOperator::Less => "less than",
        RowOperator::LessOrEqual => "at most",
        RowOperator::Greater => "more than",
        RowOperator::GreaterOrEqual => "at least",
        RowOperator::NotEqual => "anything but",
        _ => "exactly",
    }
}

/// A figure for people: rounded, but never so far that it seems to be on its bound's other side.
fn beside(value: &Value, bound: &Value) -> String {
    let (Value::Decimal(exact), Some(bound)) = (value, decimal(bound)) else {
        return plain(value);
    };
    let is_told = |digits: &u32| exact.round_dp(*digits).cmp(&bound) == exact.cmp(&bound);
    let digits = (DIGITS_MIN..DIGITS_MAX).find(is_told);
    fixed(*exact, digits.unwrap_or(DIGITS_MAX))
}

/// A bound, with all its digits.
fn exact(value: &Value) -> String {
    match value {
        Value::Decimal(number) => fixed(*number, number.normalize().scale().max(DIGITS_MIN)),
        other => plain(other),
    }
}

/// A figure that stands alone.
fn rounded(value: &Value) -> String {
    match value {
        Value::Decimal(number) => fixed(*number, DIGITS_MIN),
        other => plain(other),
    }
}

/// What is spent is told by the month: a second of it is too little to read.
fn plain(value: &Value) -> String {
    spending(value).unwrap_or_else(|| value.to_string())
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Decimal(number) => Some(*number),
        Value::Int(number) => Some(Decimal::from(*number)),
        _ => None,
    }
}

fn fixed(number: Decimal, digits: u32) -> String {
    let mut rounded = number.round_dp(digits);
    rounded.rescale(digits);
    rounded.to_string()
}

/// Every gate of the program, judged as far as that can be done before anything runs: by recorded
/// outputs where the result stays, by what is seen of a result that is there already. Gates of a
/// step that runs are open.
pub(crate) fn gates(
    blocks: &Blocks<'_>,
    wanted: &[Resource],
    snapshot: &Snapshot,
    answers: &Answers,
    decided: &Decisions,
) -> Vec<JudgedGate> {
    let mut out = Vec::new();
    for resource in wanted {
        let block = blocks.get(&resource.address);
        let Some(step) = block.and_then(|block| block.step.as_ref()) else {
            continue;
        };
        let recorded = snapshot.resources.get(&resource.address);
        let recorded = recorded.filter(|state| state.resource.identity == resource.identity);
        let observed = match answers.get(&state_question(snapshot, resource)) {
            Some(Answer::Resource {
                observation: Observation::Present { outputs, .. },
            }) => Some(outputs),
            _ => None,
        };
        let decision = decided.changes.get(&resource.address);
        for gate in &step.gates {
            let gate = JudgedGate::open(&resource.address, gate);
            out.push(
                match (decision.map(|decision| decision.kind), recorded, observed) {
                    (None, Some(state), _) => gate.judged(&state.outputs),
                    // What can't be seen of it now will be told when it is taken over.
                    (Some(ChangeKind::Reuse), _, Some(outputs)) => {
                        gate.judged_by(&|name| outputs.get(name).cloned())
                    }
                    _ => gate,
                },
            );
        }
    }
    out
}

/// What must not be done, with the step whose gate forbids it: all that is to be made or changed
/// and stands on the step, what stands on that, the removal of what those still need as they are,
/// and of what would only make room for them. What stands already and does not change is not
/// touched.
pub(crate) fn held(
    snapshot: &Snapshot,
    changes: &BTreeMap<Address, Decision>,
    failing: &BTreeSet<&Address>,
) -> BTreeMap<Address, Address> {
    let mut held: BTreeMap<Address, Address> = BTreeMap::new();
    if failing.is_empty() {
        return held;
    }
    let mut standing: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    let mut removed_at: BTreeMap<u16, Vec<&Address>> = BTreeMap::new();
    for (address, decision) in changes {
        if decision.kind == ChangeKind::Delete {
            let port = port_of(&decision.resource);
            if let Some(port) = port {
                removed_at.entry(port).or_default().push(address);
            }
            continue;
        }
        for need in &decision.resource.depends_on {
            standing.entry(need).or_default().push(address);
        }
    }
    let mut todo: VecDeque<(Address, Address)> = failing
        .iter()
        .map(|step| ((*step).clone(), (*step).clone()))
        .collect();
    while let Some((address, by)) = todo.pop_front() {
        let mut next: Vec<Address> = Vec::new();
        let standing = standing.get(&address).into_iter().flatten();
        next.extend(standing.map(|one| (*one).clone()));
        if held.contains_key(&address) {
            next.extend(kept_for(snapshot, changes, &address));
            let port = changes.get(&address).and_then(|one| port_of(&one.resource));
            let room = port.and_then(|port| removed_at.get(&port));
            next.extend(room.into_iter().flatten().map(|one| (*one).clone()));
        }
        for one in next {
            if !held.contains_key(&one) {
                held.insert(one.clone(), by.clone());
                todo.push_back((one, by.clone()));
            }
        }
    }
    held
}

/// What would be removed although something that stays as it is needs it.
fn kept_for(
    snapshot: &Snapshot,
    changes: &BTreeMap<Address, Decision>,
    address: &Address,
) -> Vec<Address> {
    let recorded = snapshot.resources.get(address).map(|state| &state.resource);
    let needs = recorded.into_iter().flat_map(|resource| {
        let store = served_store(resource);
        resource.depends_on.iter().cloned().chain(store)
    });
    let is_removed = |need: &Address| {
        let decision = changes.get(need);
        decision.is_some_and(|decision| decision.kind == ChangeKind::Delete)
    };
    needs.filter(is_removed).collect()
}

/// What is done instead where something that drifted is held: it is put right as it was recorded,
/// so that what a gate keeps in its place also works there.
pub(crate) fn mended(snapshot: &Snapshot, decision: &Decision) -> Option<Decision> {
    let recorded = snapshot.resources.get(&decision.resource.address)?;
    let drift = decision.reasons.iter();
    let drift = drift.filter(|reason| matches!(reason, Reason::Drift { .. }));
    let reasons: Vec<Reason> = drift.cloned().collect();
    if reasons.is_empty() || decision.resource.identity.is_some() {
        return None;
    }
    let kind = match decision.kind {
        ChangeKind::Create => ChangeKind::Create,
        _ => ChangeKind::Update,
    };
    Some(Decision {
        kind,
        reasons,
        resource: recorded.resource.clone(),
    })
}
