//! Moves and what is forgotten: killed at every journal write, nothing is made twice, nothing is
//! lost, and nothing is left to do afterwards.

use std::collections::BTreeMap;

use mlinfra_api::{Address, Reference, Snapshot, StateChange, Value};
use mlinfra_apply::{Interrupt, Options, Summary, apply, recover};
use mlinfra_sim::Settings;
use mlinfra_state::{Store, WriteFault};

use crate::support::{Desired, World, address, node, options, plan};

/// A chain of three.
fn before() -> Desired {
    let nodes = [
        node(0, "named", 0, &[]),
        node(1, "idempotent", 2, &[0]),
        node(2, "discoverable", 0, &[1]),
    ];
    nodes.map(|one| (one.address.clone(), one)).into()
}

/// The same chain with its middle called 7, its end in another region, and one more beside it.
fn after() -> Desired {
    let mut middle = node(1, "idempotent", 2, &[0]);
    middle.address = address(7);
    let mut end = node(2, "discoverable", 0, &[7]);
    let region = Value::text("US");
    end.properties.insert("region".into(), region);
    let nodes = [
        node(0, "named", 0, &[]),
        middle,
        end,
        node(3, "named", 0, &[0]),
    ];
    nodes.map(|one| (one.address.clone(), one)).into()
}

/// What the spec declares as outputs afterwards.
fn declared() -> BTreeMap<String, Value> {
    let end = Reference {
        address: address(7),
        path: vec!["id".to_owned()],
    };
    BTreeMap::from([("end".to_owned(), Value::Reference(end))])
}

/// What `moved` and the outputs ask for of this state: nothing once it is done.
fn changes(snapshot: &Snapshot) -> Vec<StateChange> {
    let from = address(1);
    let is_there = snapshot.resources.contains_key(&from);
    let moved = StateChange::Moved {
        from,
        to: address(7),
    };
    let outputs = StateChange::Outputs {
        outputs: declared(),
    };
    let is_other = snapshot.outputs != declared();
    let moved = is_there.then_some(moved).into_iter();
    moved.chain(is_other.then_some(outputs)).collect()
}

fn apply_once(world: &World, store: &mut Store, options: &Options) -> Result<Summary, String> {
    let (quiet, interrupt) = (|_| {}, Interrupt::new());
    let text = |fault: mlinfra_apply::ApplyFault| fault.to_string();
    recover(store, &world.providers, options, &quiet, &interrupt).map_err(text)?;
    let changes = changes(store.snapshot());
    let mut moved = store.snapshot().clone();
    for change in &changes {
        moved.change(change)?;
    }
    let mut planned = plan(&after(), &moved);
    planned.serial = store.snapshot().serial;
    planned.state = changes;
    for action in &mut planned.actions {
        let recorded = moved.resources.get(&action.address);
        action.resource.made_as = recorded.and_then(|state| state.resource.made_as.clone());
    }
    apply(
        store,
        &planned,
        &world.providers,
        options,
        &quiet,
        &interrupt,
    )
    .map_err(text)
}

/// Everything that really stands, by its handle, with the name that it goes by.
fn live(world: &World) -> BTreeMap<String, Address> {
    let live = world.sim.live().into_iter();
    live.map(|one| (one.handle, one.address)).collect()
}

fn recorded(store: &Store) -> BTreeMap<String, Address> {
    let resources = store.snapshot().resources.values();
    let named = resources.map(|state| (state.handle.clone(), state.resource.physical().clone()));
    named.collect()
}

/// One life: the chain is made, the spec changes, and the first apply of that is killed.
fn live_through(crash: Option<WriteFault>) -> Result<u64, String> {
    let world = World::new(Settings::default());
    let options = options(3, None);
    world.converge(&before(), &options)?;
    let middle = {
        let store = world.open(None)?;
        store.snapshot().resources[&address(1)].handle.clone()
    };
    let mut store = world.open(None)?;
    store.set_write_fault(crash);
    // The kill shows as a state that can't be written; anything else shows below.
    let _ = apply_once(&world, &mut store, &options);
    let writes = store.writes();
    drop(store);
    let mut store = world.open(None)?;
    let mut rounds = 0;
    loop {
        let summary = apply_once(&world, &mut store, &options)?;
        let settled = store.snapshot().open.is_empty();
        if summary.operation.is_none() && settled {
            break;
        }
        rounds += 1;
        if rounds > 8 {
            return Err("not done after 8 applies".to_owned());
        }
    }
    let faults = mlinfra_state::integrity::check(store.replayed());
    if !faults.is_empty() {
        return Err(format!("unsound: {faults:?}"));
    }
    if world.sim.duplicates() > 0 || live(&world) != recorded(&store) {
        let pair = (live(&world), recorded(&store));
        return Err(format!("what is there and what is recorded: {pair:?}"));
    }
    let state = &store.snapshot().resources[&address(7)];
    if state.handle != middle || state.resource.made_as != Some(address(1)) {
        return Err("what moved was made anew".to_owned());
    }
    if store.snapshot().outputs != declared() {
        return Err("the outputs are not recorded".to_owned());
    }
    let wanted: Vec<Address> = after().into_keys().collect();
    let made: Vec<Address> = store.snapshot().resources.keys().cloned().collect();
    match made == wanted {
        true => Ok(writes),
        false => Err(format!("there is {made:?}, but wanted is {wanted:?}")),
    }
}

#[test]
fn a_move_is_lived_through_at_every_write() {
    let writes = live_through(None).expect("a life without a crash");
    assert!(writes >= 3, "{writes}");
    for at in 0..writes {
        for written in [false, true] {
            let lived = live_through(Some(WriteFault { at, written }));
            assert!(lived.is_ok(), "{at} {written}: {lived:?}");
        }
    }
}

#[test]
fn what_is_forgotten_stays_and_is_never_touched_again() {
    let world = World::new(Settings::default());
    let options = options(5, None);
    world.converge(&before(), &options).expect("the chain");
    let mut store = world.open(None).expect("sound");
    let mut wanted = before();
    wanted.remove(&address(2));
    let mut snapshot = store.snapshot().clone();
    let change = StateChange::Forgotten {
        address: address(2),
    };
    snapshot.change(&change).expect("it is there");
    let mut planned = plan(&wanted, &snapshot);
    assert!(planned.actions.is_empty());
    planned.serial = store.snapshot().serial;
    planned.state = vec![change];
    assert!(!planned.is_empty());
    let (quiet, interrupt) = (|_| {}, Interrupt::new());
    let begins = world.sim.begins();
    recover(&mut store, &world.providers, &options, &quiet, &interrupt).expect("nothing is open");
    let summary = apply(
        &mut store,
        &planned,
        &world.providers,
        &options,
        &quiet,
        &interrupt,
    );
    assert!(summary.expect("it is recorded").is_ok());
    assert_eq!(world.sim.begins(), begins);
    assert_eq!(world.sim.live().len(), 3);
    assert_eq!(store.snapshot().resources.len(), 2);
    drop(store);
    // Read again from the journal, it is the same.
    let store = world.open(None).expect("sound");
    assert_eq!(store.snapshot().resources.len(), 2);
}

#[test]
fn a_reference_to_what_moved_is_to_its_new_address() {
    let world = World::new(Settings::default());
    let options = options(7, None);
    world.converge(&before(), &options).expect("the chain");
    let mut store = world.open(None).expect("sound");
    apply_once(&world, &mut store, &options).expect("it is applied");
    let end = &store.snapshot().resources[&address(2)].resource;
    assert!(end.depends_on.contains(&address(7)));
    let old = Value::Reference(Reference {
        address: address(1),
        path: vec!["id".into()],
    });
    assert!(!format!("{:?}", end.properties).contains(&format!("{old:?}")));
}
