//! The facts that a plan rests on, by the action that asks them again.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::Address;
use mlinfra_plan::{Answer, Plan, Question};

use crate::hands::Facts;

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
