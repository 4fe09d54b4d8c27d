//! Facts asked again, retries that end, windows that close, and leaving at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlinfra_api::{Fault, Observation, ResourceState, Value};
use mlinfra_apply::{
    BlockReason, Event, Interrupt, Moment, Options, Recheck, Recovered, Schedule, apply, recover,
};
use mlinfra_plan::{Answer, Question};
use mlinfra_sim::{Settings, SimFault};
use mlinfra_state::{ActionState, OperationState, WriteFault};

use crate::every_write::{Case, live};
use crate::support::{Desired, World, address, node, options, plan, renamed};

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
    let told = summary.failed[0].1.to_string();
    assert!(told.contains("not settled yet; apply again"), "{told}");
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
    for (elsewhere, late) in [(false, true), (true, true), (true, false)] {
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
        if late {
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
        // The clock alone closes it: a host's name may change between two commands.
        let (came_to, begins) = match late {
            true => (Recovered::Stuck, 0),
            false => (Recovered::Done, 1),
        };
        assert_eq!(found.expect("free"), [(address(0), came_to)]);
        assert_eq!(world.sim.begins(), begins);
    }
}

/// A deletion whose answer is lost is sent again however late and by whom: looking would find what
/// should be gone, and take that for its success.
#[test]
fn a_deletion_in_doubt_is_sent_again_however_late() {
    for resource_type in ["idempotent", "named", "discoverable", "none"] {
        let world = World::new(Settings::default());
        let made = world.converge(&one(resource_type), &options(1, None));
        assert_eq!(made, Ok(1));
        let mut store = world.open(None).expect("sound");
        store.set_write_fault(Some(WriteFault {
            at: 0,
            written: true,
        }));
        let killed = world.apply_once(&mut store, &Desired::new(), &options(1, None));
        assert_eq!(killed.expect_err("it is dead").code, "E0712");
        drop(store);
        assert_eq!(world.sim.live().len(), 1);
        let later = Options {
            now: tomorrow,
            ..renamed(&options(1, None))
        };
        let mut store = world.open(None).expect("sound");
        let quiet = |_: Event| {};
        let (providers, interrupt) = (&world.providers, Interrupt::new());
        let found = recover(&mut store, providers, &later, &quiet, &interrupt);
        assert_eq!(found.expect("free"), [(address(0), Recovered::Done)]);
        assert!(world.sim.live().is_empty(), "{resource_type} is orphaned");
        assert!(store.snapshot().resources.is_empty());
        assert_eq!(world.sim.begins(), 2);
    }
}

/// Killed before and after each write while it makes, changes and deletes, and recovered under
/// another name: nothing is orphaned, whatever the type and whatever was lost.
#[test]
fn another_name_recovers_every_kind_of_call() {
    let mut deleted = 0;
    for resource_type in ["idempotent", "named", "discoverable"] {
        let made = one(resource_type);
        let mut changed = made.clone();
        let region = ("region".to_owned(), Value::text("US"));
        let thing = changed.get_mut(&address(0)).expect("it is wanted");
        thing.properties.extend([region]);
        let steps = [
            (None, made.clone()),
            (Some(made.clone()), changed),
            (Some(made), Desired::new()),
        ];
        let faults = SimFault::ALL.map(|fault| Some((0, fault)));
        for ((before, desired), fault) in steps
            .iter()
            .flat_map(|step| faults.map(|fault| (step, fault)))
        {
            for (at, written) in (0..3).flat_map(|at| [(at, false), (at, true)]) {
                let case = Case {
                    before: before.clone(),
                    desired: desired.clone(),
                    fault,
                    crash: Some(WriteFault { at, written }),
                    second: None,
                    target: desired.clone(),
                    seed: at + 1,
                    renamed: true,
                };
                let lived = live(&case, None);
                let told = (resource_type, at, written, fault);
                assert!(lived.is_ok(), "{told:?}: {:?}", lived.err());
                deleted += usize::from(desired.is_empty());
            }
        }
    }
    assert_eq!(deleted, 3 * SimFault::ALL.len() * 6);
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
