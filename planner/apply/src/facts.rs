//! The facts that a plan rests on, by the action that asks them again.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::Address;
use mlinfra_plan::{Answer, Plan, Question};
use mlinfra_state::Store;

use crate::hands::Facts;
use crate::options::ApplyFault;

/// The facts that an action rests on, by its address. A file counts for every action that names it.
pub(crate) fn facts_by_address(plan: &Plan) -> BTreeMap<Address, Facts> {
    let mut facts: BTreeMap<Address, Vec<(Question, Answer)>> = BTreeMap::new();
    let mut files: BTreeMap<&str, &(Question, Answer)> = BTreeMap::new();
    for fact in &plan.facts {
        match &fact.0 {
            Question::Resource { state } => {
                let address = state.resource.address.clone();
                facts.entry(address).or_default().push(fact.clone());
            }
            // It is asked again by whoever plans next: once it is recorded, it is ours.
            Question::Existing { .. } => {}
            Question::Port { address, .. } | Question::Host { address, .. } => {
                facts.entry(address.clone()).or_default().push(fact.clone());
            }
            Question::File { path } => {
                files.insert(path, fact);
            }
        }
    }
    for action in plan.actions.iter().filter(|_| !files.is_empty()) {
        for value in action.resource.properties.values() {
            if let Some(fact) = value.as_text().and_then(|text| files.get(text)) {
                let of_action = facts.entry(action.address.clone()).or_default();
                of_action.push((*fact).clone());
            }
        }
    }
    facts
        .into_iter()
        .map(|(address, facts)| (address, Arc::new(facts)))
        .collect()
}

/// What to tell of a fact that is no longer so.
pub(crate) fn changed(question: Option<&Question>) -> String {
    match question {
        Some(Question::File { path }) => format!("the file `{path}` changed since the plan"),
        Some(Question::Port { port, .. }) => format!("port {port} was taken since the plan"),
        Some(Question::Host { .. }) => "the host changed since the plan".into(),
        Some(Question::Resource { .. } | Question::Existing { .. }) | None => {
            "what is there changed since the plan".into()
        }
    }
}

/// Refuses a plan of another state, of one that moved since, or with findings that block it.
pub(crate) fn refuse_stale(store: &Store, plan: &Plan) -> Result<(), ApplyFault> {
    let snapshot = store.snapshot();
    if plan.lineage != snapshot.lineage {
        let other = "the plan was made for another state";
        return Err(ApplyFault::new(
            "E0714",
            other,
            "make it anew with `mlinfra plan`",
        ));
    }
    if plan.serial != snapshot.serial {
        let moved = "the state moved since the plan was made";
        let fault = ApplyFault::new("E0714", moved, "apply again: it plans anew");
        return Err(ApplyFault {
            busy: true,
            ..fault
        });
    }
    if plan.is_blocked() {
        return Err(ApplyFault::new(
            "E0723",
            "the plan has findings that block it",
            "mend what `mlinfra plan` shows",
        ));
    }
    Ok(())
}
