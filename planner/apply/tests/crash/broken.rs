//! The tests of the tests: with any one crash rule of the executor broken, the suite notices. The
//! rules of the state (chain, integrity, lock, sealing) are broken in the state's own tests.

use mlinfra_sim::Settings;
use mlinfra_state::Rule;

use crate::every_write::{shapes_up_to, suite};
use crate::shapes;
use crate::support::{Desired, Witness, World, node, options};

/// Looks into the journal at every call, for every shape up to four nodes.
fn witnessed(broken: Option<Rule>) -> Result<usize, String> {
    let mut calls = 0;
    for shape in (1..=4).flat_map(shapes::all) {
        let nodes = shape.iter().enumerate();
        let desired: Desired = nodes
            .map(|(number, needs)| node(number, "named", (number % 2) as i64, needs))
            .map(|one| (one.address.clone(), one))
            .collect();
        let mut world = World::new(Settings::default());
        let witness = Witness::on(&mut world);
        world.converge(&desired, &options(1, broken))?;
        let seen = witness.seen.lock().expect("no panic holds this");
        if let Some(first) = seen.first() {
            return Err(first.clone());
        }
        calls += world.sim.begins() as usize;
    }
    Ok(calls)
}

#[test]
fn every_call_finds_its_intent_and_its_needs_durable() {
    assert_eq!(witnessed(None), Ok(1 + 2 * 2 + 6 * 3 + 31 * 4));
}

fn notices(rule: Rule) -> String {
    let by_killing = suite(&shapes_up_to(3), Some(rule)).map(|_| ());
    let by_looking = witnessed(Some(rule)).map(|_| ());
    let found = by_killing.err().or(by_looking.err());
    found.unwrap_or_else(|| panic!("nobody notices that {rule:?} is broken"))
}

#[test]
fn broken_rules_are_noticed() {
    for rule in [
        Rule::IntentFirst,
        Rule::OutcomeFirst,
        Rule::FixedToken,
        Rule::DoubtNotRetried,
        Rule::DoubtNotDropped,
    ] {
        let found = notices(rule);
        println!(
            "{rule:?} broken: {}",
            found.lines().next().unwrap_or_default()
        );
    }
}
