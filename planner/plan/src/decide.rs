//! What happens to each resource, and why.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Observation, Resource, ResourceState, Snapshot, Value, Verb};

use crate::answers::Answers;
use crate::diff::{differences, step_differences};
use crate::plan::{ChangeKind, Reason};
use crate::question::{Answer, Question};
use crate::resolve::resolve;
use crate::step::STEP;

/// What happens to one resource.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) kind: ChangeKind,
    pub(crate) reasons: Vec<Reason>,
    /// The wanted resource; what was recorded, for one that goes.
    pub(crate) resource: Resource,
}

/// The decisions by address, and the resources that can't be looked at now.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    pub(crate) changes: BTreeMap<Address, Decision>,
    pub(crate) unseen: Vec<(Address, String)>,
}

/// How a resource is, before anything is done. `state` is made up for one that is not recorded.
pub(crate) fn state_question(snapshot: &Snapshot, resource: &Resource) -> Question {
    let recorded = snapshot.resources.get(&resource.address);
    let same = recorded.filter(|state| state.resource.identity == resource.identity);
    let state = same.cloned().unwrap_or_else(|| ResourceState {
        resource: resource.clone(),
        incarnation: 0,
        handle: String::new(),
        outputs: BTreeMap::new(),
    });
    Question::Resource {
        state: Box::new(state),
    }
}

/// The questions whose answers [`decide`] needs: every step that is wanted, and everything else
/// that is recorded.
pub(crate) fn state_questions(snapshot: &Snapshot, wanted: &[Resource]) -> Vec<Question> {
    wanted
        .iter()
        .filter(|r| r.identity.is_some() || snapshot.resources.contains_key(&r.address))
        .map(|resource| state_question(snapshot, resource))
        .collect()
}

/// Decides for every wanted resource and for everything recorded that is no longer wanted.
pub(crate) fn decide(snapshot: &Snapshot, wanted: &[Resource], answers: &Answers) -> Decisions {
    let mut out = Decisions::default();
    let observe = |resource: &Resource| match answers.get(&state_question(snapshot, resource)) {
        Some(Answer::Resource { observation }) => observation.clone(),
        _ => Observation::Absent,
    };
    for resource in wanted
        .iter()
        .filter(|resource| resource.resource_type != STEP)
    {
        let recorded = snapshot.resources.get(&resource.address);
        // What was recorded has values where what is wanted may still have references.
        let resolve = |(name, value): (&String, &Value)| (name.clone(), resolve(value, snapshot));
        let known = Resource {
            properties: resource.properties.iter().map(resolve).collect(),
            ..resource.clone()
        };
        match plain_decision(&known, recorded, &observe(resource)) {
            Ok(Some((kind, reasons))) => {
                let decision = Decision {
                    kind,
                    reasons,
                    resource: resource.clone(),
                };
                out.changes.insert(resource.address.clone(), decision);
            }
            Ok(None) => {}
            Err(reason) => out.unseen.push((resource.address.clone(), reason)),
        }
    }
    add_interrupted(snapshot, wanted, &mut out);
    let steps: Vec<&Resource> = wanted.iter().filter(|r| r.resource_type == STEP).collect();
    decide_steps(snapshot, &steps, &observe, &mut out);
    add_removed(snapshot, wanted, &mut out);
    out
}

fn plain_decision(
    wanted: &Resource,
    recorded: Option<&ResourceState>,
    observation: &Observation,
) -> Result<Option<(ChangeKind, Vec<Reason>)>, String> {
    let Some(recorded) = recorded else {
        return Ok(Some((ChangeKind::Create, vec![Reason::New])));
    };
    let mut reasons = differences(&recorded.resource, wanted);
    let replaces = reasons
        .iter()
        .any(|r| matches!(r, Reason::Changed { replaces: true, .. }));
    match observation {
        Observation::Unseen { reason } => return Err(reason.clone()),
        Observation::Absent => {
            let drift = Reason::Drift {
                reason: "it is gone".into(),
            };
            return Ok(Some((ChangeKind::Create, vec![drift])));
        }
        Observation::Unwell { reason } => reasons.push(Reason::Drift {
            reason: reason.clone(),
        }),
        Observation::Present { properties, .. } => {
            for (name, value) in properties {
                let recorded = recorded.resource.properties.get(name);
                if recorded.is_some_and(|recorded| recorded != value) {
                    let before = recorded.map_or(String::new(), Value::to_string);
                    let reason = format!("its {name} is {value} and was made {before}");
                    reasons.push(Reason::Drift { reason });
                }
            }
        }
    }
    let kind = match (reasons.is_empty(), replaces, wanted.create_first) {
        (true, _, _) => return Ok(None),
        (false, true, true) => ChangeKind::CreateThenDelete,
        (false, true, false) => ChangeKind::DeleteThenCreate,
        (false, false, _) => ChangeKind::Update,
    };
    Ok(Some((kind, reasons)))
}

/// A call that was begun and did not end is gone on with, whatever the diff says.
fn add_interrupted(snapshot: &Snapshot, wanted: &[Resource], out: &mut Decisions) {
    for resource in wanted
        .iter()
        .filter(|resource| resource.resource_type != STEP)
    {
        let Some(open) = snapshot.open.get(&resource.address) else {
            continue;
        };
        let reason = Reason::Interrupted {
            operation: open.operation.clone(),
        };
        let decision = out
            .changes
            .entry(resource.address.clone())
            .or_insert_with(|| Decision {
                kind: ChangeKind::Update,
                reasons: Vec::new(),
                resource: resource.clone(),
            });
        decision.reasons.insert(0, reason);
    }
}

fn decide_steps(
    snapshot: &Snapshot,
    steps: &[&Resource],
    observe: &dyn Fn(&Resource) -> Observation,
    out: &mut Decisions,
) {
    let mut demanded: BTreeMap<Address, Address> = BTreeMap::new();
    let mut runs: BTreeMap<Address, Decision> = BTreeMap::new();
    let known: BTreeSet<&Address> = steps.iter().map(|step| &step.address).collect();
    for step in readers_first(steps) {
        let reader = demanded.get(&step.address);
        let observation = match store_goes(step, out) {
            true => Observation::Absent,
            false => observe(step),
        };
        match step_decision(snapshot, step, &observation, reader) {
            Ok(None) => {}
            Err(reason) => out.unseen.push((step.address.clone(), reason)),
            Ok(Some((kind, reasons))) => {
                if kind == ChangeKind::Run {
                    for input in step_inputs(step).filter(|input| known.contains(input)) {
                        demanded
                            .entry(input)
                            .or_insert_with(|| step.address.clone());
                    }
                }
                let decision = Decision {
                    kind,
                    reasons,
                    resource: (*step).clone(),
                };
                runs.insert(step.address.clone(), decision);
            }
        }
    }
    out.changes.extend(runs);
}

/// Whether the store of a step's result is made anew, and the result with it.
fn store_goes(step: &Resource, out: &Decisions) -> bool {
    store_address(step).is_some_and(|store| {
        out.changes.get(&store).is_some_and(|decision| {
            !matches!(decision.kind, ChangeKind::Update | ChangeKind::Reuse)
        })
    })
}

/// What happens to one step; `reader` is a step that runs and needs its result. An error is why it
/// can't be looked at.
fn step_decision(
    snapshot: &Snapshot,
    step: &Resource,
    observation: &Observation,
    reader: Option<&Address>,
) -> Result<Option<(ChangeKind, Vec<Reason>)>, String> {
    let recorded = snapshot.resources.get(&step.address);
    let is_recorded = recorded.is_some_and(|state| state.resource.identity == step.identity);
    let mut reasons = match (observation, is_recorded) {
        (Observation::Unseen { reason }, _) => return Err(reason.clone()),
        (Observation::Present { .. }, true) => return Ok(None),
        (Observation::Present { .. }, false) => {
            return Ok(Some((ChangeKind::Reuse, change_reasons(recorded, step))));
        }
        (_, false) => change_reasons(recorded, step),
        (Observation::Unwell { reason }, true) => vec![Reason::Drift {
            reason: reason.clone(),
        }],
        (Observation::Absent, true) if step.needed => vec![Reason::Drift {
            reason: "its result is gone".into(),
        }],
        (Observation::Absent, true) => Vec::new(),
    };
    if !step.needed && reader.is_none() {
        return Ok(None);
    }
    if reasons.is_empty() {
        reasons.extend(reader.map(|address| Reason::NeededBy {
            address: address.clone(),
        }));
    }
    let open = snapshot.open.get(&step.address);
    if let Some(open) = open.filter(|open| open.resource.identity == step.identity) {
        reasons.insert(
            0,
            Reason::Interrupted {
                operation: open.operation.clone(),
            },
        );
    }
    Ok(Some((ChangeKind::Run, reasons)))
}

fn change_reasons(recorded: Option<&ResourceState>, step: &Resource) -> Vec<Reason> {
    match recorded {
        None => vec![Reason::New],
        Some(state) => step_differences(&state.resource, step),
    }
}

/// Every step after all steps that read its result; else the last one of the spec first.
fn readers_first<'a>(steps: &[&'a Resource]) -> Vec<&'a Resource> {
    let places = steps.iter().enumerate();
    let places: BTreeMap<&Address, usize> = places.map(|(at, step)| (&step.address, at)).collect();
    let inputs: Vec<BTreeSet<usize>> = steps
        .iter()
        .map(|step| {
            step_inputs(step)
                .filter_map(|i| places.get(&i).copied())
                .collect()
        })
        .collect();
    let mut readers = vec![0_usize; steps.len()];
    for input in inputs.iter().flatten() {
        readers[*input] += 1;
    }
    let mut free: BTreeSet<usize> = (0..steps.len()).filter(|at| readers[*at] == 0).collect();
    let mut out: Vec<&Resource> = Vec::with_capacity(steps.len());
    // The checker has refused circles; a bug of its would end the loop early, not hang it.
    while let Some(at) = free.pop_last() {
        out.push(steps[at]);
        for input in &inputs[at] {
            readers[*input] -= 1;
            if readers[*input] == 0 {
                free.insert(*input);
            }
        }
    }
    out
}

fn step_inputs(step: &Resource) -> impl Iterator<Item = Address> {
    let inputs = step.properties.get("inputs").and_then(Value::as_record);
    let addresses: Vec<Address> = inputs
        .into_iter()
        .flat_map(BTreeMap::values)
        .filter_map(|input| input.as_record()?.get("address")?.as_text()?.parse().ok())
        .collect();
    addresses.into_iter()
}

/// The store of a step's result, if it is a block of the spec.
fn store_address(step: &Resource) -> Option<Address> {
    step.properties
        .get("store")?
        .as_record()?
        .get("address")?
        .as_text()?
        .parse()
        .ok()
}

fn add_removed(snapshot: &Snapshot, wanted: &[Resource], out: &mut Decisions) {
    let wanted: BTreeSet<&Address> = wanted.iter().map(|resource| &resource.address).collect();
    let recorded = snapshot.resources.values().map(|state| &state.resource);
    // What was begun and never recorded may exist all the same: it is removed too.
    let open = snapshot
        .open
        .values()
        .filter(|open| open.verb != Verb::Delete);
    for resource in recorded.chain(open.map(|open| &open.resource)) {
        if wanted.contains(&resource.address) {
            continue;
        }
        out.changes
            .entry(resource.address.clone())
            .or_insert_with(|| Decision {
                kind: ChangeKind::Delete,
                reasons: vec![Reason::Removed],
                resource: resource.clone(),
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: usize, reads: Option<usize>) -> Resource {
        let input = |read: usize| {
            let address = Value::text(format!("risk/step.s{read}"));
            Value::Record(BTreeMap::from([("address".to_owned(), address)]))
        };
        let inputs = reads.map(|read| ("data".to_owned(), input(read)));
        let inputs = Value::Record(inputs.into_iter().collect());
        Resource {
            address: format!("risk/step.s{number}").parse().expect("an address"),
            resource_type: STEP.into(),
            provider: "test".into(),
            properties: BTreeMap::from([("inputs".to_owned(), inputs)]),
            identity: None,
            replaces: BTreeSet::new(),
            depends_on: BTreeSet::new(),
            create_first: false,
            holds_data: false,
            summary: String::new(),
            details: Vec::new(),
            needed: true,
            made_as: None,
            target: None,
        }
    }

    #[test]
    fn readers_come_first_in_any_order_written_and_thousands_take_a_moment() {
        let count = 4_000;
        let chain: Vec<Resource> = (0..count).map(|n| step(n, n.checked_sub(1))).collect();
        let began = std::time::Instant::now();
        let forwards: Vec<&Resource> = chain.iter().collect();
        let backwards: Vec<&Resource> = chain.iter().rev().collect();
        for written in [&forwards, &backwards] {
            let sorted = readers_first(written);
            let sorted: Vec<&Address> = sorted.iter().map(|step| &step.address).collect();
            let wanted: Vec<&Address> = chain.iter().rev().map(|step| &step.address).collect();
            assert_eq!(sorted, wanted);
        }
        // Compared each with each, it would be minutes.
        assert!(began.elapsed().as_secs() < 10);
    }
}
