//! Work that outlives its executor: left, adopted, cancelled, attached to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mlinfra_api::Value;
use mlinfra_apply::{
    Event, Interrupt, Options, Schedule, Summary, Timings, apply, attach, recover,
};
use mlinfra_sim::Settings;
use mlinfra_state::{OperationState, Store};

use crate::support::{Desired, World, address, holder, node, options, plan};

fn training(polls: i64) -> Desired {
    let nodes = [node(0, "named", polls, &[]), node(1, "named", 0, &[0])];
    nodes.map(|one| (one.address.clone(), one)).into()
}

/// Applies, and presses Ctrl-C as soon as something was accepted.
fn leave_accepted(world: &World, store: &mut Store, desired: &Desired) -> Summary {
    let plan = plan(desired, store.snapshot());
    let interrupt = Interrupt::new();
    let press = |event: Event| {
        if matches!(event, Event::Accepted { .. }) && !interrupt.is_raised() {
            interrupt.raise();
        }
    };
    let options = options(1, None);
    let summary = apply(store, &plan, &world.providers, &options, &press, &interrupt);
    summary.expect("it starts")
}

#[test]
fn ctrl_c_leaves_accepted_work_and_attach_records_its_end() {
    let world = World::new(Settings::default());
    let mut store = world.open(None).expect("sound");
    let summary = leave_accepted(&world, &mut store, &training(5));
    assert!(summary.interrupted);
    assert_eq!(summary.left, [address(0)]);
    assert_eq!(store.operations()[0].state, OperationState::Waiting);
    assert!(!store.is_locked());

    let options = options(1, None);
    let quiet = |_| {};
    let interrupt = Interrupt::new();
    let summary = attach(
        &mut store,
        1,
        &world.providers,
        &options,
        &quiet,
        &interrupt,
    );
    assert_eq!(summary.expect("nobody has the lock").done, [address(0)]);
    assert_eq!(store.operations()[0].state, OperationState::Ended);
    assert!(store.snapshot().open.is_empty());
    drop(store);
    assert_eq!(world.converge(&training(5), &options), Ok(1));
    assert_eq!(world.sim.begins(), 2);
}

#[test]
fn the_next_apply_adopts_what_is_still_wanted() {
    let world = World::new(Settings::default());
    let mut store = world.open(None).expect("sound");
    leave_accepted(&world, &mut store, &training(9));
    drop(store);
    assert_eq!(world.converge(&training(9), &options(1, None)), Ok(1));
    // Nothing was begun a second time.
    assert_eq!(world.sim.begins(), 2);
    let store = world.open(None).expect("sound");
    let states: Vec<_> = store.operations().iter().map(|one| one.state).collect();
    assert_eq!(states, [OperationState::Interrupted, OperationState::Ended]);
}

#[test]
fn the_next_apply_cancels_what_is_no_longer_wanted() {
    let world = World::new(Settings::default());
    let mut store = world.open(None).expect("sound");
    leave_accepted(&world, &mut store, &training(9));
    drop(store);
    let mut other = training(9);
    let changed = other.get_mut(&address(0)).expect("it is wanted");
    changed
        .properties
        .insert("region".into(), Value::text("US"));
    assert_eq!(world.converge(&other, &options(1, None)), Ok(1));
    assert_eq!(world.sim.begins(), 3);
}

#[test]
fn destroying_stops_what_runs() {
    let world = World::new(Settings::default());
    let mut store = world.open(None).expect("sound");
    leave_accepted(&world, &mut store, &training(9));
    drop(store);
    assert_eq!(world.converge(&Desired::new(), &options(1, None)), Ok(1));
    assert!(world.sim.live().is_empty());
}

#[test]
fn recovering_says_where_things_stand() {
    let world = World::new(Settings::default());
    let mut store = world.open(None).expect("sound");
    leave_accepted(&world, &mut store, &training(9));
    let (options, quiet) = (options(1, None), |_| {});
    let found = recover(
        &mut store,
        &world.providers,
        &options,
        &quiet,
        &Interrupt::new(),
    );
    let found = found.expect("nobody has the lock");
    assert_eq!(found, [(address(0), mlinfra_apply::Recovered::Running)]);
    assert!(store.is_locked());
    assert!(store.snapshot().open[&address(0)].handle.is_some());
}

/// The lock is free while only accepted work is left, and another may use it meanwhile.
#[test]
fn a_teammate_gets_the_lock_while_long_work_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join(".mlinfra");
    let world = World::new(Settings::default());
    let mut store = Store::create(&state, "test", "default").expect("an empty folder");
    let patient = Options {
        free_lock_after: Some(Duration::from_millis(30)),
        timings: Timings {
            poll_last: Duration::from_millis(15),
            ..options(1, None).timings
        },
        schedule: Schedule::Threads,
        ..options(1, None)
    };
    let desired = training(40);
    let plan = plan(&desired, store.snapshot());
    let freed = AtomicBool::new(false);
    let told = Mutex::new(Vec::new());
    let hear = |event: Event| {
        if matches!(event, Event::OnlyAcceptedLeft { .. }) {
            freed.store(true, Ordering::SeqCst);
        }
        told.lock().expect("no panic holds this").push(event);
    };
    let interrupt = Interrupt::new();
    let summary = std::thread::scope(|scope| {
        let (options, providers) = (&patient, &world.providers);
        let (store, hear) = (&mut store, &hear);
        let applying =
            scope.spawn(move || apply(store, &plan, providers, options, hear, &Interrupt::new()));
        while !freed.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut teammate = Store::open(&state).expect("sound");
        let mut tries = 0;
        while teammate.lock(&holder()).is_err() {
            tries += 1;
            assert!(tries < 1_000, "the lock is never free");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Its executor lives, so it is neither closed nor followed.
        let found = recover(
            &mut teammate,
            &world.providers,
            options,
            &|_| {},
            &interrupt,
        );
        assert_eq!(found.expect("it has the lock"), []);
        assert_eq!(teammate.operations()[0].state, OperationState::Waiting);
        teammate.unlock().expect("nothing is staged");
        applying.join().expect("no panic")
    });
    let summary = summary.expect("it starts");
    assert!(summary.is_ok() && summary.done.len() == 2, "{summary:?}");
    let store = Store::open(&state).expect("sound");
    assert_eq!(store.operations()[0].state, OperationState::Ended);
    world.check(&desired, &store).expect("all is there");
}

/// Another command takes the work over while the lock is free: it cancels it, or a person decides
/// it. Whoever freed the lock ends with words, and the state stays sound.
#[test]
fn taken_over_while_the_lock_was_free() {
    for decided in [false, true] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join(".mlinfra");
        let world = World::new(Settings::default());
        let mut store = Store::create(&state, "test", "default").expect("an empty folder");
        let patient = Options {
            free_lock_after: Some(Duration::from_millis(20)),
            timings: Timings {
                poll_last: Duration::from_millis(15),
                ..options(1, None).timings
            },
            schedule: Schedule::Threads,
            ..options(1, None)
        };
        let desired = training(100);
        let mut other = training(2);
        let changed = other.get_mut(&address(0)).expect("it is wanted");
        let region = ("region".to_owned(), Value::text("US"));
        changed.properties.extend([region]);
        let planned = plan(&desired, store.snapshot());
        let freed = AtomicBool::new(false);
        let hear = |event: Event| {
            if matches!(event, Event::OnlyAcceptedLeft { .. }) {
                freed.store(true, Ordering::SeqCst);
            }
        };
        let summary = std::thread::scope(|scope| {
            let (options, providers) = (&patient, &world.providers);
            let (store, hear, planned) = (&mut store, &hear, &planned);
            let interrupt = Interrupt::new();
            let applying =
                scope.spawn(move || apply(store, planned, providers, options, hear, &interrupt));
            while !freed.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let mut teammate = Store::open(&state).expect("sound");
            while teammate.lock(&holder()).is_err() {
                std::thread::sleep(Duration::from_millis(1));
            }
            if decided {
                let open = teammate.snapshot().open[&address(0)].clone();
                let cancelled = teammate.decide(&open.token, open.handle, "ada@here");
                cancelled.expect("it is open");
                teammate.unlock().expect("the disk has room");
            } else {
                let done =
                    world.apply_once(&mut teammate, &other, &crate::support::options(2, None));
                assert!(done.expect("it has the lock").1.is_ok());
            }
            applying.join().expect("no panic")
        });
        let summary = summary.expect("it starts");
        assert!(!summary.is_ok() && summary.done.is_empty(), "{summary:?}");
        assert!(!store.is_locked());
        drop(store);
        let mut store = Store::open(&state).expect("sound");
        assert_eq!(store.operations()[0].state, OperationState::Ended);
        if !decided {
            world
                .check(&other, &store)
                .expect("what the teammate wanted");
            let again = world.apply_once(&mut store, &other, &options(3, None));
            assert_eq!(again.expect("it has the lock").0, 0);
        }
    }
}

/// The lock is held to the end unless one asks for something else.
#[test]
fn by_default_a_second_command_is_told_who_is_at_work() {
    assert_eq!(
        Options::new(holder(), "mlinfra apply").free_lock_after,
        None
    );
}
