//! What every snapshot must be, whatever happened: a failing one stops work.

use std::collections::BTreeSet;

use mlinfra_api::Token;

use crate::journal::{OperationState, Started};
use crate::replay::Replayed;

/// What is wrong with this state, in the order of its addresses; empty if it is sound.
pub fn check(state: &Replayed) -> Vec<String> {
    let mut faults = Vec::new();
    let snapshot = &state.snapshot;
    if snapshot.lineage.is_empty() {
        faults.push("it has no lineage".into());
    }
    let begun = |address| snapshot.incarnations.get(address).copied().unwrap_or(0);
    for (address, one) in &snapshot.resources {
        if one.resource.address != *address {
            faults.push(format!("{address} holds {}", one.resource.address));
        }
        if one.incarnation == 0 || one.incarnation > begun(address) {
            faults.push(format!("{address} was made by a call that was never begun"));
        }
    }
    let mut seen = BTreeSet::new();
    for one in &snapshot.deposed {
        let address = &one.resource.address;
        if one.incarnation == 0 || one.incarnation > begun(address) {
            faults.push(format!(
                "{address} (replaced) was made by a call never begun"
            ));
        }
        let standing = snapshot.resources.get(address);
        if standing.is_some_and(|standing| standing.incarnation == one.incarnation)
            || !seen.insert((address, one.incarnation))
        {
            faults.push(format!("{address} is recorded twice"));
        }
    }
    for (address, open) in &snapshot.open {
        let Some(call) = state.calls.get(&open.token) else {
            faults.push(format!("{address}: nothing is known of its open call"));
            continue;
        };
        let Started {
            token,
            incarnation,
            resource,
            ..
        } = &call.started;
        if resource.address != *address
            || *incarnation != begun(address)
            || *token != Token::new(&snapshot.lineage, address, *incarnation)
        {
            faults.push(format!(
                "{address}: its open call belongs to something else"
            ));
        }
    }
    if state.calls.len() != snapshot.open.len() {
        faults.push("a call is open at no address".into());
    }
    let running = |operation: &&crate::OperationRecord| operation.state == OperationState::Running;
    if state.operations.iter().filter(running).count() > 1 {
        faults.push("two operations run at once".into());
    }
    faults
}
