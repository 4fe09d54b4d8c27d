//! Several at once: creation, probing, and a lock that is freed without being held.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Barrier;
use std::thread;

use mlinfra_state::{Lock, Store};

use crate::support::{action, begin, filled, holder};

/// How many pairs of threads make a state at once.
const PAIRS: usize = 40;

#[test]
fn simultaneous_creations_make_one_state() {
    let mut lineages = BTreeSet::new();
    for pair in 0..PAIRS {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = parent.path().join(".mlinfra");
        let barrier = Barrier::new(2);
        let made = thread::scope(|scope| {
            let create = || {
                barrier.wait();
                // As the command line does: what exists is opened, what does not is made.
                let store = match Store::exists(&folder) {
                    true => Store::open(&folder),
                    false => Store::create(&folder, "credit", "default"),
                }?;
                Ok(store.snapshot().lineage.clone())
            };
            let both = [scope.spawn(create), scope.spawn(create)];
            both.map(|one| one.join().expect("no panic"))
        });
        let made: Result<BTreeSet<String>, mlinfra_state::StateFault> = made.into_iter().collect();
        let made = made.unwrap_or_else(|fault| panic!("pair {pair}: {fault}"));
        assert_eq!(made.len(), 1, "pair {pair}");
        let store = Store::open(&folder).expect("sound");
        assert!(made.contains(&store.snapshot().lineage));
        lineages.extend(made);
    }
    assert_eq!(lineages.len(), PAIRS);
}

#[test]
fn looking_at_a_dead_executor_does_not_make_it_look_alive() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(Lock::of_executor(folder.path()).expect("free"));
    thread::scope(|scope| {
        let look = || {
            (0..2_000)
                .filter(|_| Lock::executor_lives(folder.path()))
                .count()
        };
        let looking = [scope.spawn(look), scope.spawn(look), scope.spawn(look)];
        for one in looking {
            assert_eq!(one.join().expect("no panic"), 0);
        }
    });
    // Lookers do not keep an executor from starting.
    thread::scope(|scope| {
        scope.spawn(|| {
            (0..2_000)
                .filter(|_| Lock::executor_lives(folder.path()))
                .count()
        });
        for _ in 0..200 {
            drop(Lock::of_executor(folder.path()).expect("only looked at"));
        }
    });
    let _alive = Lock::of_executor(folder.path()).expect("free");
    assert!(Lock::executor_lives(folder.path()));
}

#[test]
fn freeing_without_the_lock_writes_nothing() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join(".mlinfra");
    drop(filled(&folder).expect("an empty folder"));
    let mut late = Store::open(&folder).expect("sound");
    let mut first = Store::open(&folder).expect("sound");
    first.lock(&holder()).expect("free");
    first.commit(vec![begin(2)]).expect("it has the lock");
    let head = fs::read(folder.join("head")).expect("it is there");
    late.unlock().expect("nothing to free");
    assert_eq!(fs::read(folder.join("head")).expect("there"), head);
}

#[test]
fn freeing_the_lock_writes_what_is_staged() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join(".mlinfra");
    let mut store = filled(&folder).expect("an empty folder");
    store.lock(&holder()).expect("free");
    store.stage(begin(2)).expect("it fits");
    // What does not fit is refused, and does not take the rest along.
    let cancelled = action(1, 0, "made", mlinfra_state::ActionEvent::Cancelled);
    assert_eq!(
        store.stage(cancelled).map_err(|fault| fault.code),
        Err("E0710")
    );
    store.unlock().expect("the disk has room");
    drop(store);
    assert_eq!(Store::open(&folder).expect("sound").operations().len(), 2);
}
