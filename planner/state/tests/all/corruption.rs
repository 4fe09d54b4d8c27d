//! Every byte flipped, every prefix cut: refused with a code, or the content is the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mlinfra_state::{Replayed, Rule, Store};

use crate::support::{begin, filled, holder};

/// How a damaged state is met: by which code, or none.
type Met = BTreeMap<&'static str, usize>;

/// Opens a damaged state: a refusal's code, `same` for the same content, or what is wrong.
fn meet(folder: &Path, sound: &Replayed, rule: Option<Rule>) -> Result<&'static str, String> {
    match Store::open_with(folder, rule) {
        Err(fault) if fault.code.starts_with("E07") => Ok(fault.code),
        Err(fault) => Err(format!("no code of the state: {fault}")),
        Ok(store) if store.replayed() == sound => Ok("same"),
        Ok(_) => Err("opened with another content".into()),
    }
}

/// Damages a file in each way, puts it back each time, and says how that was met.
fn damage(
    folder: &Path,
    name: &str,
    ways: impl Iterator<Item = Vec<u8>>,
    sound: &Replayed,
    rule: Option<Rule>,
) -> Result<Met, String> {
    let path = folder.join(name);
    let whole = fs::read(&path).map_err(|e| e.to_string())?;
    let mut met = Met::new();
    for (number, bytes) in ways.enumerate() {
        write_over(&path, &bytes);
        let how = meet(folder, sound, rule);
        for leftover in ["state.db-wal", "state.db-shm"] {
            drop(fs::remove_file(folder.join(leftover)));
        }
        *met.entry(how.map_err(|why| format!("{name} {number}: {why}"))?)
            .or_default() += 1;
    }
    write_over(&path, &whole);
    match meet(folder, sound, rule)? {
        "same" => Ok(met),
        code => Err(format!("put back, it is refused: {code}")),
    }
}

/// In place, so that the file keeps its mode.
fn write_over(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("ours");
}

/// Every byte with `MLINFRA_TEST_DEPTH=full`, else every seventh.
fn step() -> usize {
    match std::env::var("MLINFRA_TEST_DEPTH").as_deref() {
        Ok("full") => 1,
        _ => 7,
    }
}

fn flips(whole: &[u8], step: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..whole.len()).step_by(step).map(|at| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1 << (at % 8);
        bytes
    })
}

fn prefixes(whole: &[u8], step: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..whole.len())
        .step_by(step)
        .map(|end| whole[..end].to_vec())
}

/// A filled state with everything in the database file itself, and what it holds.
fn sound_state(folder: &Path) -> Replayed {
    let store = filled(folder).expect("an empty folder");
    let sound = store.replayed().clone();
    drop(store);
    assert!(
        !folder.join("state.db-wal").exists(),
        "closing leaves one file"
    );
    sound
}

#[test]
fn every_flipped_byte_is_refused_or_harmless() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join(".mlinfra");
    let sound = sound_state(&folder);
    let database = fs::read(folder.join("state.db")).expect("it is there");
    let met = damage(&folder, "state.db", flips(&database, step()), &sound, None);
    let met = met.unwrap_or_else(|why| panic!("{why}"));
    println!(
        "state.db, {} bytes flipped: {met:?}",
        database.len().div_ceil(step())
    );
    assert!(met["E0703"] > 100, "{met:?}");
    let head = fs::read(folder.join("head")).expect("it is there");
    let met = damage(&folder, "head", flips(&head, 1), &sound, None);
    let met = met.unwrap_or_else(|why| panic!("{why}"));
    println!("head, {} bytes flipped: {met:?}", head.len());
    assert!(!met.contains_key("same"), "{met:?}");
    // With the chain unchecked, a changed record goes through.
    let broken = Some(Rule::Chain);
    let met = damage(
        &folder,
        "state.db",
        flips(&database, step()),
        &sound,
        broken,
    );
    assert!(met.is_err(), "{met:?}");
}

#[test]
fn every_prefix_is_refused() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join(".mlinfra");
    let sound = sound_state(&folder);
    for (name, step) in [("state.db", 17 * step()), ("head", 1)] {
        let whole = fs::read(folder.join(name)).expect("it is there");
        let met = damage(&folder, name, prefixes(&whole, step), &sound, None);
        let met = met.unwrap_or_else(|why| panic!("{why}"));
        println!(
            "{name}, cut at every {step}th of {} bytes: {met:?}",
            whole.len()
        );
        assert!(!met.contains_key("same"), "{met:?}");
    }
}

/// SQLite itself loses a log that is cut, and says nothing.
#[test]
fn a_cut_log_is_told_as_lost_records() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join(".mlinfra");
    drop(filled(&folder));
    let mut store = Store::open(&folder).expect("sound");
    store.lock(&holder()).expect("free");
    for operation in 2..6 {
        store
            .commit(vec![begin(operation), crate::support::end(operation)])
            .expect("locked");
    }
    let sound = store.replayed().clone();
    // A kill leaves the log: copied here while the store is open, put in place once it is closed.
    let kept = ["state.db", "state.db-wal"];
    let files = kept.map(|name| fs::read(folder.join(name)).expect("it is there"));
    drop(store);
    let [database, log] = files;
    let mut met = Met::new();
    for end in (0..=log.len()).step_by(31 * step()).chain([log.len()]) {
        write_over(&folder.join("state.db"), &database);
        write_over(&folder.join("state.db-wal"), &log[..end]);
        let how = meet(&folder, &sound, None).unwrap_or_else(|why| panic!("cut at {end}: {why}"));
        *met.entry(how).or_default() += 1;
        for leftover in ["state.db-wal", "state.db-shm"] {
            drop(fs::remove_file(folder.join(leftover)));
        }
    }
    println!("log, {} bytes, cut: {met:?}", log.len());
    assert!(met["E0702"] > 20 && met["same"] >= 1, "{met:?}");
    write_over(&folder.join("state.db"), &database);
    let fault = Store::open(&folder).err().expect("records are lost");
    assert!(fault.message.contains("records lost"), "{fault}");
}
