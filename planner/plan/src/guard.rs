//! What may not go: data and what is protected without the user's word, and what stands on a target
//! that the environment may not touch.

use std::collections::BTreeSet;

use mlinfra_api::{Address, Resource};
use mlinfra_check::{Block, Program};

use crate::decide::{Decision, Decisions};
use crate::finding;
use crate::plan::{ChangeKind, PlanFinding};
use crate::{Goal, Inputs};

/// The attribute of a block that is replaced or destroyed on the user's word alone.
const PROTECT: &str = "protect";

/// Whether a block is replaced or destroyed on the user's word alone.
pub(crate) fn is_protected(program: &Program, block: &Block) -> bool {
    let environment = program.environment.as_ref();
    block.attributes.contains_key(PROTECT) || environment.is_some_and(|all| all.protect)
}

/// What would be lost without the user's word: data, or what is protected. That was noted when it
/// was last applied (`protected`), or the spec says so now.
pub(crate) fn lost(
    inputs: &Inputs<'_>,
    protected: &BTreeSet<Address>,
    address: &Address,
    decision: &Decision,
    verb: &str,
) -> Option<PlanFinding> {
    let recorded = inputs.snapshot.resources.get(address);
    let holds_data = decision.resource.holds_data
        || recorded.is_some_and(|recorded| recorded.resource.holds_data);
    if holds_data {
        return Some(finding::holds_data(address, verb, inputs.goal));
    }
    let environment = inputs.program.environment.as_ref();
    let environment = environment.filter(|environment| environment.protect);
    let says_so = || {
        let block = inputs.program.block(address);
        block.is_some_and(|block| is_protected(inputs.program, block))
    };
    if environment.is_none() && !protected.contains(address) && !says_so() {
        return None;
    }
    let by = environment.map(|environment| environment.name.as_str());
    Some(finding::protected(address, verb, by, inputs.goal))
}

/// Leaves alone the targets of the spec that its environment may not touch, and finds what would
/// change on them.
pub(crate) fn keep_in_bounds(inputs: &Inputs<'_>, decided: &mut Decisions) -> Vec<PlanFinding> {
    let Some(environment) = &inputs.program.environment else {
        return Vec::new();
    };
    let targets = inputs.program.with_role("target");
    let outside: BTreeSet<&Address> = targets
        .map(|target| &target.address)
        .filter(|target| !environment.may_touch(target))
        .collect();
    if inputs.goal == Goal::Apply {
        // They are in the spec all the same, and stay as they are.
        let changes = &mut decided.changes;
        changes.retain(|address, _| !outside.contains(address));
    }
    let found = decided.changes.iter().filter_map(|(address, decision)| {
        let recorded = inputs.snapshot.resources.get(address);
        let old = recorded.map_or(&decision.resource, |state| &state.resource);
        let is_touched = !matches!(
            decision.kind,
            ChangeKind::Create | ChangeKind::Run | ChangeKind::Reuse
        );
        let target = place_in(&outside, old).filter(|_| is_touched)?;
        let name = &environment.name;
        Some(finding::out_of_bounds(address, target, name))
    });
    found.collect()
}

/// The one of these targets that a recorded resource is or stands on. What was recorded before its
/// target was says at least what it depends on.
fn place_in<'a>(targets: &BTreeSet<&'a Address>, recorded: &Resource) -> Option<&'a Address> {
    let near = match &recorded.target {
        Some(target) => targets.get(target),
        None => recorded.depends_on.iter().find_map(|at| targets.get(at)),
    };
    near.or_else(|| targets.get(&recorded.address)).copied()
}
