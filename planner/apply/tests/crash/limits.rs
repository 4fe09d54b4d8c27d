//! Facts asked again, retries that end, windows that close, and leaving at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlinfra_api::{Fault, Observation, ResourceState};
use mlinfra_apply::{
    BlockReason, Event, Interrupt, Moment, Options, Recheck, Recovered, Schedule, apply, recover,
};
use mlinfra_plan::{Answer, Question};
use mlinfra_sim::{Settings, SimFault};
use mlinfra_state::{ActionState, OperationState, WriteFault};

use crate::support::{Desired, World, address, node, options, plan};

struct Never;

impl Recheck for Never {
    fn still(&self, question: &Question, _: &Answer) -> bool {
        let Question::Resource { state } = question else {
            return true;
        };
        state.resource.address != address(1)
    }
}

fn one(resource_type: &str) -> Desired {
    Desired::from([(address(0), node(0, resource_type, 0, &[]))])
}

#[test]
fn a_fact_that_moved_blocks_its_action_before_anything_is_sent() {
    let world = World::new(Settings::default());
    let mut store = world.open(None).expect("sound");
    let nodes = [
        node(0, "named", 0, &[]),
        node(1, "named", 0, &[]),
        node(2, "named", 0, &[1]),
    ];
    let desired: Desired = nodes.map(|one| (one.address.clone(), one)).into();
    let mut planned = plan(&desired, store.snapshot());
    let absent = |number: usize| {
        let state = Box::new(ResourceState {
            resource: desired[&address(number)].clone(),
            incarnation: 0,
            handle: String::new(),
            outputs: BTreeMap::new(),
        });
        let observation = Observation::Absent;
        (
            Question::Resource { state },
            Answer::Resource { observation },
        )
    };
    planned.facts = vec![absent(0), absent(1), absent(2)];
    let options = Options {
        recheck: Some(Arc::new(Never)),
        ..options(1, None)
    };
    let done = apply(
        &mut store,
        &planned,
        &world.providers,
        &options,
        &|_| {},
        &Interrupt::new(),
    );
    let summary = done.expect("it starts");
    assert_eq!(summary.done, [address(0)]);
    let reasons: Vec<_> = summary
        .blocked
        .iter()
        .map(|(_, reason)| reason.code())
        .collect();
    assert_eq!(reasons, ["E0717", "E0716"]);
    assert!(matches!(summary.blocked[0].1, BlockReason::Changed { .. }));
    assert_eq!(world.sim.begins(), 1);
}

#[test]
fn a_provider_that_never_has_room_is_given_up() {
    let world = World::new(Settings::default());
    let faults = (0..100).map(|call| (call, SimFault::Retry)).collect();
    world.sim.set_faults(faults);
    let mut store = world.open(None).expect("sound");
    let options = options(1, None);
    let (_, summary) = world
        .apply_once(&mut store, &one("named"), &options)
        .expect("starts");
    let (_, fault) = &summary.failed[0];
    assert!(
        matches!(fault, Fault::Refused { code, .. } if code == "E0721"),
        "{fault}"
    );
    assert_eq!(
        world.sim.begins(),
        u64::from(options.timings.retries_max) + 1
    );
    // It was refused, so a later apply tries again.
    world.sim.set_faults(BTreeMap::new());
    drop(store);
    assert_eq!(world.converge(&one("named"), &options), Ok(1));
}

#[test]
fn an_answer_that_is_always_lost_stays_in_doubt_and_is_resolved_later() {
    let world = World::new(Settings::default());
    let faults = (0..100)
        .map(|call| (call, SimFault::LostNotLanded))
        .collect();
    world.sim.set_faults(faults);
    let mut store = world.open(None).expect("sound");
    let options = options(1, None);
    let (_, summary) = world
        .apply_once(&mut store, &one("idempotent"), &options)
        .expect("starts");
    assert_eq!(summary.failed.len(), 1);
    assert_eq!(store.replayed().action_state(1, 0), ActionState::InDoubt);
    world.sim.set_faults(BTreeMap::new());
    drop(store);
    // Resolving it makes it: the same call, sent again.
    assert_eq!(world.converge(&one("idempotent"), &options), Ok(0));
}

fn tomorrow() -> Moment {
    Moment {
        text: "2026-01-02T12:00:00Z".into(),
        seconds: 1_767_355_200,
    }
}

#[test]
fn a_call_whose_window_closed_is_not_sent_again() {
    for (elsewhere, now) in [(false, true), (true, false)] {
        let world = World::new(Settings::default());
        let mut store = world.open(None).expect("sound");
        // Killed when the intent was written: the call was never made.
        store.set_write_fault(Some(WriteFault {
            at: 0,
            written: true,
        }));
        let killed = world.apply_once(&mut store, &one("idempotent"), &options(1, None));
        assert_eq!(killed.expect_err("it is dead").code, "E0712");
        drop(store);
        let mut later = options(1, None);
        if now {
            later.now = tomorrow;
        }
        if elsewhere {
            later.holder.host = "there".into();
        }
        let mut store = world.open(None).expect("sound");
        let quiet = |_: Event| {};
        let found = recover(
            &mut store,
            &world.providers,
            &later,
            &quiet,
            &Interrupt::new(),
        );
        assert_eq!(found.expect("free"), [(address(0), Recovered::Stuck)]);
        assert_eq!(world.sim.begins(), 0);
    }
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let world = World::new(Settings {
        latency: Duration::from_secs(3),
        ..Settings::default()
    });
    let mut store = world.open(None).expect("sound");
    let planned = plan(&one("named"), store.snapshot());
    let interrupt = Interrupt::new();
    let press = |event: Event| {
        if matches!(event, Event::Started { .. }) {
            interrupt.raise();
            interrupt.raise();
        }
    };
    let options = Options {
        schedule: Schedule::Threads,
        ..options(1, None)
    };
    let start = Instant::now();
    let done = apply(
        &mut store,
        &planned,
        &world.providers,
        &options,
        &press,
        &interrupt,
    );
    assert!(done.expect("it starts").interrupted);
    // Far less than the call takes: nobody waited for it.
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(store.operations()[0].state, OperationState::Running);
    assert_eq!(store.replayed().action_state(1, 0), ActionState::Begun);
    assert!(!store.is_locked());
}

#[test]
fn ctrl_c_takes_back_what_was_only_intended() {
    let world = World::new(Settings {
        latency: Duration::from_millis(30),
        ..Settings::default()
    });
    let mut store = world.open(None).expect("sound");
    let nodes = (0..6).map(|number| node(number, "named", 0, &[]));
    let desired: Desired = nodes.map(|one| (one.address.clone(), one)).collect();
    let planned = plan(&desired, store.snapshot());
    let interrupt = Interrupt::new();
    let press = |event: Event| {
        if matches!(event, Event::Done { .. }) && !interrupt.is_raised() {
            interrupt.raise();
        }
    };
    let options = Options {
        schedule: Schedule::Threads,
        parallel: 1,
        ..options(1, None)
    };
    let done = apply(
        &mut store,
        &planned,
        &world.providers,
        &options,
        &press,
        &interrupt,
    );
    let summary = done.expect("it starts");
    assert!(summary.interrupted && !summary.done.is_empty() && !summary.blocked.is_empty());
    // Everything is told, and nothing is left in doubt.
    assert_eq!(summary.done.len() + summary.blocked.len(), 6);
    assert!(store.snapshot().open.is_empty());
    assert_eq!(store.operations()[0].state, OperationState::Ended);
    assert_eq!(world.sim.begins(), summary.done.len() as u64);
    drop(store);
    assert_eq!(world.converge(&desired, &options), Ok(1));
}
