//! Plans without crashes: order, changes, replacement, refusal, retries, doubt.

use std::collections::BTreeMap;
use std::sync::Mutex;

use mlinfra_api::{Fault, Value, Verb};
use mlinfra_apply::{Event, Interrupt, Options, Schedule, apply, read_events};
use mlinfra_sim::{Settings, SimFault};
use mlinfra_state::{OperationState, Store};

use crate::support::{Desired, World, address, holder, node, options, plan};

fn chain() -> Desired {
    let nodes = [
        node(0, "named", 0, &[]),
        node(1, "idempotent", 2, &[0]),
        node(2, "discoverable", 0, &[0, 1]),
    ];
    nodes.map(|one| (one.address.clone(), one)).into()
}

#[test]
fn makes_changes_replaces_and_removes() {
    let world = World::new(Settings::default());
    let mut desired = chain();
    assert_eq!(world.converge(&desired, &options(1, None)), Ok(1));
    let order: Vec<_> = world.sim.log().into_iter().map(|one| one.address).collect();
    assert_eq!(order, [0, 1, 2].map(address));

    let region = |text| BTreeMap::from([("region".to_owned(), Value::text(text))]);
    let changed = desired.get_mut(&address(1)).expect("it is wanted");
    changed.properties.extend(region("US"));
    assert_eq!(world.converge(&desired, &options(1, None)), Ok(1));
    assert_eq!(world.sim.log()[3].verb, Verb::Update);

    let replaced = desired.get_mut(&address(2)).expect("it is wanted");
    replaced.create_first = true;
    replaced.properties.extend(region("US"));
    assert_eq!(world.converge(&desired, &options(1, None)), Ok(1));
    let verbs: Vec<_> = world.sim.log()[5..].iter().map(|one| one.verb).collect();
    assert_eq!(verbs, [Verb::Create, Verb::Delete]);

    assert_eq!(world.converge(&Desired::new(), &options(1, None)), Ok(1));
    assert!(world.sim.live().is_empty());
}

#[test]
fn a_refusal_blocks_what_needs_it_and_nothing_else() {
    let world = World::new(Settings::default());
    let mut desired = chain();
    let apart = node(3, "named", 0, &[]);
    desired.insert(apart.address.clone(), apart);
    world
        .sim
        .set_faults(BTreeMap::from([(0, SimFault::Refused)]));
    let mut store = world.open(None).expect("sound");
    let options = Options {
        schedule: Schedule::Threads,
        parallel: 1,
        ..options(1, None)
    };
    let (_, summary) = world
        .apply_once(&mut store, &desired, &options)
        .expect("it starts");
    assert_eq!(summary.done, [address(3)]);
    assert!(
        matches!(&summary.failed[..], [(failed, Fault::Refused { .. })] if *failed == address(0))
    );
    assert_eq!(summary.blocked.len(), 2);
    let operation = &store.operations()[0];
    assert_eq!(operation.state, OperationState::Ended);
    assert_eq!(operation.actions.len(), 4);
    drop(store);
    assert_eq!(world.converge(&desired, &options), Ok(1));
}

#[test]
fn every_fault_is_lived_through_by_threads_too() {
    for parallel in [1, 4] {
        for fault in SimFault::ALL {
            let world = World::new(Settings {
                stale_reads: 2,
                ..Settings::default()
            });
            world
                .sim
                .set_faults((0..3).map(|call| (call, fault)).collect());
            let options = Options {
                schedule: Schedule::Threads,
                parallel,
                ..options(1, None)
            };
            let rounds = world.converge(&chain(), &options);
            assert!(rounds.is_ok(), "{} × {parallel}: {rounds:?}", fault.word());
        }
    }
}

#[test]
fn what_can_not_be_proved_is_left_to_a_person() {
    let world = World::new(Settings::default());
    let desired: Desired = [node(0, "none", 0, &[]), node(1, "named", 0, &[0])]
        .map(|one| (one.address.clone(), one))
        .into();
    world
        .sim
        .set_faults(BTreeMap::from([(0, SimFault::LostLanded)]));
    let mut store = world.open(None).expect("sound");
    let (_, summary) = world
        .apply_once(&mut store, &desired, &options(1, None))
        .expect("starts");
    assert_eq!((summary.failed.len(), summary.blocked.len()), (1, 1));
    // However often it is tried: it is made once, and stays in doubt.
    let (_, summary) = world
        .apply_once(&mut store, &desired, &options(1, None))
        .expect("starts");
    assert_eq!((summary.failed.len(), summary.blocked.len()), (0, 2));
    assert_eq!(world.sim.begins(), 1);
    let open = store.snapshot().open[&address(0)].clone();
    let handle = world.sim.live()[0].handle.clone();
    store.lock(&holder()).expect("free");
    store
        .decide(&open.token, Some(handle), "ada@here")
        .expect("it is open");
    drop(store);
    // Adopted without outputs, so what needs one is blocked, and says so.
    let mut store = world.open(None).expect("sound");
    let (_, summary) = world
        .apply_once(&mut store, &desired, &options(1, None))
        .expect("starts");
    assert_eq!(summary.blocked.len(), 1);
    assert!(store.snapshot().open.is_empty());
}

#[test]
fn a_plan_for_another_serial_is_refused() {
    let world = World::new(Settings::default());
    let mut store = world.open(None).expect("sound");
    let stale = plan(&chain(), store.snapshot());
    world
        .apply_once(&mut store, &chain(), &options(1, None))
        .expect("it starts");
    let again = apply(
        &mut store,
        &stale,
        &world.providers,
        &options(1, None),
        &|_| {},
        &Interrupt::new(),
    );
    let fault = again.expect_err("the state moved");
    assert_eq!((fault.code.as_str(), fault.busy), ("E0714", true));
    assert!(!store.is_locked());
}

#[test]
fn on_disk_with_threads_and_events() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join(".mlinfra");
    let world = World::new(Settings::default());
    let mut store = Store::create(&state, "test", "default").expect("an empty folder");
    let told = Mutex::new(Vec::new());
    let options = Options::new(holder(), "mlinfra apply");
    let plan = plan(&chain(), store.snapshot());
    let hear = |event| told.lock().expect("no panic holds this").push(event);
    let interrupt = Interrupt::new();
    let summary = apply(
        &mut store,
        &plan,
        &world.providers,
        &options,
        &hear,
        &interrupt,
    );
    let summary = summary.expect("it starts");
    assert!(summary.is_ok() && summary.done.len() == 3, "{summary:?}");
    drop(store);
    let store = Store::open(&state).expect("sound");
    world.check(&chain(), &store).expect("all is there");
    let told = told.into_inner().expect("no panic holds this");
    let operation = store.operation_folder(1).expect("it is on disk");
    assert_eq!(read_events(&operation, 0).0, told);
    assert!(matches!(told.first(), Some(Event::OperationStarted { .. })));
    assert!(matches!(told.last(), Some(Event::Ended { ok: 3, .. })));
}
