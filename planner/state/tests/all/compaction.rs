//! A checkpoint changes nothing that is known, wherever it is cut off.

use mlinfra_state::{Store, WriteFault};

use crate::support::{filled, holder};

#[test]
fn killed_at_each_step_nothing_is_lost() {
    let mut steps = 0;
    for at in 0..3 {
        for written in [false, true] {
            let parent = tempfile::tempdir().expect("a temporary folder");
            let folder = parent.path().join(".mlinfra");
            let mut store = filled(&folder).expect("an empty folder");
            let before = store.replayed().clone();
            store.lock(&holder()).expect("free");
            store.set_write_fault(Some(WriteFault { at, written }));
            steps += u32::from(store.compact().is_err());
            drop(store);
            let mut store = Store::open(&folder).expect("sound");
            assert_eq!(*store.replayed(), before, "{at} {written}");
            store.lock(&holder()).expect("free");
            store.compact().expect("the disk is fine");
            store.unlock().expect("nothing is staged");
            assert_eq!(*Store::open(&folder).expect("sound").replayed(), before);
        }
    }
    // Two steps, each killed before and after.
    assert_eq!(steps, 4);
}

#[test]
fn a_reader_that_was_open_meanwhile_reads_on() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join(".mlinfra");
    let mut store = filled(&folder).expect("an empty folder");
    let mut reader = Store::open(&folder).expect("sound");
    store.lock(&holder()).expect("free");
    store.compact().expect("the disk is fine");
    store
        .commit(vec![crate::support::begin(2)])
        .expect("locked");
    reader.reload().expect("sound");
    assert_eq!(reader.replayed(), store.replayed());
}
