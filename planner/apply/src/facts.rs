//! The facts that a plan rests on, by the action that asks them again.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::Address;
use mlinfra_plan::{Answer, Plan, Question};
use mlinfra_state::Store;

use crate::hands::Facts;
use crate::options::{ApplyFault, Recheck};

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
            // It is asked again before anything is begun.
            Question::Outputs { .. } => {}
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
        Some(Question::Outputs { project, .. }) => {
            format!("what `{project}` gives changed since the plan")
        }
        Some(Question::Resource { .. } | Question::Existing { .. }) | None => {
            "what is there changed since the plan".into()
        }
    }
}

/// Refuses a plan of another state, of one that moved since, of other projects that moved since, or
/// with findings that block it.
pub(crate) fn refuse_stale(
    store: &Store,
    plan: &Plan,
    recheck: Option<&dyn Recheck>,
) -> Result<(), ApplyFault> {
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
    let of_project = |fact: &&(Question, Answer)| matches!(fact.0, Question::Outputs { .. });
    let mut projects = plan.facts.iter().filter(of_project);
    let moved = |(question, answer): &&(Question, Answer)| {
        recheck.is_some_and(|recheck| !recheck.still(question, answer))
    };
    if let Some((question, _)) = projects.find(moved) {
        let text = changed(Some(question));
        let fault = ApplyFault::new("E0714", text, "apply again: it plans anew");
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
