//! What a state refuses to be worked on, and why.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mlinfra_api::{Secret, Token, Value};
use mlinfra_state::{ActionEvent, Rule, Store};
use tempfile::TempDir;

use crate::support::{MARKER, action, address, begin, filled, holder, started};

fn place() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join(".mlinfra");
    (parent, folder)
}

fn code_of(opened: Result<Store, mlinfra_state::StateFault>) -> &'static str {
    opened.err().map_or("fine", |fault| fault.code)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let (path, to) = entry
            .map(|one| (one.path(), to.join(one.file_name())))
            .expect("readable");
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(fs::copy(path, to).expect("a plain file")),
        }
    }
}

#[test]
fn what_is_written_is_read_back() {
    let (_parent, folder) = place();
    assert!(!Store::exists(&folder));
    let store = filled(&folder).expect("an empty folder");
    assert!(Store::exists(&folder));
    let again = Store::open(&folder).expect("sound");
    assert_eq!(again.replayed(), store.replayed());
    let made = &again.snapshot().resources[&address("made")];
    let key = &made.resource.properties["key"];
    assert_eq!(*key, Value::Secret(Secret::new(MARKER)));
    assert_eq!(again.snapshot().open.len(), 2);
    assert_eq!(again.operations()[0].actions.len(), 3);
    assert_eq!(code_of(Store::create(&folder, "other", "default")), "E0713");
    // Whoever comes second to the same creation opens what the first made.
    let second = Store::create(&folder, "credit", "default").expect("the same");
    assert_eq!(second.replayed(), store.replayed());
}

#[test]
fn files_are_for_their_owner_alone() {
    let (_parent, folder) = place();
    let mut store = filled(&folder).expect("an empty folder");
    store.lock(&holder()).expect("free");
    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("readable").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_copy_is_recognised_and_forked() {
    let (parent, folder) = place();
    let store = filled(&folder).expect("an empty folder");
    let lineage = store.snapshot().lineage.clone();
    drop(store);
    for (name, file) in [("units", "spec.json"), ("agent", "agent.log")] {
        fs::create_dir_all(folder.join(name)).expect("ours");
        fs::write(folder.join(name).join(file), "started from").expect("ours");
    }
    // The original is no copy, and stays as it is.
    assert_eq!(code_of(Store::fork(&folder)), "E0724");
    assert_eq!(code_of(Store::open(&folder)), "fine");
    let copied = parent.path().join("copy");
    copy(&folder, &copied);
    assert_eq!(code_of(Store::open(&copied)), "E0705");
    let shown = Store::open_unchecked(&copied).expect("it can be read");
    assert_eq!(shown.snapshot().resources.len(), 1);
    assert_eq!(shown.faults()[0].code, "E0705");
    drop(shown);
    let mut busy = Store::open_unchecked(&folder).expect("it can be read");
    busy.lock(&holder()).expect("free");
    let forked = Store::fork(&copied).expect("the original's lock is another");
    drop(busy);
    for name in ["units", "agent"] {
        assert!(!copied.join(name).exists());
        let aside = format!("forked-from-{}-{name}", &lineage[..8]);
        assert!(copied.join(aside).is_dir());
    }
    assert_eq!(code_of(Store::fork(&copied)), "E0724");
    assert_ne!(forked.snapshot().lineage, lineage);
    assert!(forked.snapshot().resources.is_empty());
    drop(forked);
    assert_eq!(code_of(Store::open(&copied)), "fine");
    assert_eq!(code_of(Store::open(&folder)), "fine");
    // One that was moved across disks keeps what it holds.
    let moved = parent.path().join("moved");
    copy(&folder, &moved);
    let moved = Store::rehome(&moved).expect("it can be written");
    assert_eq!(moved.snapshot().lineage, lineage);
    // Renaming a project is no copy.
    let renamed = parent.path().join("renamed");
    fs::rename(&folder, &renamed).expect("the same disk");
    assert_eq!(code_of(Store::open(&renamed)), "fine");
}

#[test]
fn a_newer_format_is_left_alone() {
    let (_parent, folder) = place();
    drop(filled(&folder));
    let connection = rusqlite::Connection::open(folder.join("state.db")).expect("a database");
    let newer = "UPDATE meta SET value = '3' WHERE name = 'format'";
    connection.execute(newer, []).expect("a row");
    drop(connection);
    assert_eq!(code_of(Store::open(&folder)), "E0706");
    assert_eq!(code_of(Store::open_unchecked(&folder)), "E0706");
}

#[test]
fn an_older_format_is_raised_by_the_first_write_and_not_before() {
    let (_parent, folder) = place();
    drop(filled(&folder));
    let format = |set: Option<&str>| {
        let connection = rusqlite::Connection::open(folder.join("state.db")).expect("a database");
        if let Some(set) = set {
            let older = "UPDATE meta SET value = ?1 WHERE name = 'format'";
            connection.execute(older, [set]).expect("a row");
        }
        let query = "SELECT value FROM meta WHERE name = 'format'";
        let found = connection.query_row(query, [], |row| row.get::<_, String>(0));
        found.expect("a row")
    };
    format(Some("1"));
    let mut store = Store::open(&folder).expect("an older state is read");
    store.lock(&holder()).expect("nobody has it");
    assert_eq!(format(None), "1");
    store.commit(vec![begin(2)]).expect("it can be written");
    assert_eq!(format(None), "2");
    drop(store);
    assert_eq!(code_of(Store::open(&folder)), "fine");
}

#[test]
fn a_read_only_folder_is_shown_but_not_locked() {
    let (_parent, folder) = place();
    drop(filled(&folder));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).expect("ours");
    let opened = Store::open(&folder);
    let locked = opened.map(|mut store| store.lock(&holder()).map_err(|fault| fault.code));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("ours");
    assert_eq!(locked.expect("it can be read"), Err("E0707"));
}

#[test]
fn the_lock_has_one_holder_and_says_who() {
    let (_parent, folder) = place();
    let mut first = filled(&folder).expect("an empty folder");
    let mut second = Store::open(&folder).expect("sound");
    first.lock(&holder()).expect("free");
    let fault = second.lock(&holder()).expect_err("it is taken");
    assert_eq!((fault.code, fault.busy), ("E0709", true));
    assert!(fault.message.contains("ada@here (op-1)"), "{fault}");
    first.commit(vec![begin(2)]).expect("it has the lock");
    drop(first);
    // What the first wrote is there once the second has the lock.
    second.lock(&holder()).expect("free");
    assert_eq!(second.operations().len(), 2);
    // With the rule broken, two hold it at once: what the next lines would not notice.
    let mut careless = Store::open_with(&folder, Some(Rule::Lock)).expect("sound");
    assert!(careless.lock(&holder()).is_ok());
}

#[test]
fn a_contradiction_stops_work_and_is_shown() {
    let (_parent, folder) = place();
    let mut store = filled(&folder).expect("an empty folder");
    store.lock(&holder()).expect("free");
    let mut foreign = started("another lineage", "foreign", 1);
    foreign.token = Token("not ours".into());
    let event = ActionEvent::Started(Box::new(foreign));
    // It is written all the same: it is the only record of what happened.
    let written = store.commit(vec![begin(2), action(2, 0, "foreign", event)]);
    written.expect("it is written");
    drop(store);
    assert_eq!(code_of(Store::open(&folder)), "E0710");
    let mut shown = Store::open_unchecked(&folder).expect("it can be read");
    assert_eq!(shown.snapshot().open.len(), 3);
    assert_eq!(
        shown.lock(&holder()).map_err(|fault| fault.code),
        Err("E0710")
    );
    // With the rule broken, work would go on.
    let mut careless = Store::open_with(&folder, Some(Rule::Integrity)).expect("not checked");
    assert!(careless.lock(&holder()).is_ok());
}

#[test]
fn an_illegal_record_is_never_written() {
    let (_parent, folder) = place();
    let mut store = filled(&folder).expect("an empty folder");
    store.lock(&holder()).expect("free");
    let outcome = action(1, 0, "made", ActionEvent::Cancelled);
    assert_eq!(
        store.stage(outcome).map_err(|fault| fault.code),
        Err("E0710")
    );
    drop(store);
    assert_eq!(code_of(Store::open(&folder)), "fine");
}

/// Whether the marker is in any file of the folder.
fn leaks(folder: &Path) -> bool {
    let files = fs::read_dir(folder)
        .expect("a folder")
        .filter_map(Result::ok);
    let mut contents = files.filter_map(|entry| fs::read(entry.path()).ok());
    contents.any(|bytes| {
        bytes
            .windows(MARKER.len())
            .any(|part| part == MARKER.as_bytes())
    })
}

#[test]
fn secrets_are_sealed() {
    let (_parent, folder) = place();
    let mut store = filled(&folder).expect("an empty folder");
    store.lock(&holder()).expect("free");
    store.compact().expect("it has the lock");
    assert!(!leaks(&folder));
    drop(store);
    let store = Store::open(&folder).expect("sound");
    let made = &store.snapshot().resources[&address("made")];
    assert_eq!(
        made.resource.properties["key"],
        Value::Secret(Secret::new(MARKER))
    );
    drop(store);
    // With the rule broken, the same look finds the marker.
    let mut careless = Store::open_with(&folder, Some(Rule::Sealing)).expect("sound");
    careless.lock(&holder()).expect("free");
    let lineage = careless.snapshot().lineage.clone();
    let event = ActionEvent::Started(Box::new(started(&lineage, "leak", 1)));
    careless
        .commit(vec![begin(2), action(2, 0, "leak", event)])
        .expect("locked");
    assert!(leaks(&folder));
}

#[test]
fn another_key_opens_nothing() {
    let (_parent, folder) = place();
    drop(filled(&folder));
    let key = folder.join("secret.key");
    fs::remove_file(&key).expect("it is there");
    assert_eq!(code_of(Store::open(&folder)), "E0711");
    let shown = Store::open_unchecked(&folder).expect("it can be read");
    let made = &shown.snapshot().resources[&address("made")];
    assert!(matches!(made.resource.properties["key"], Value::Unknown(_)));
    mlinfra_seal::SealKey::generate()
        .write_new(&key)
        .expect("a free name");
    assert_eq!(code_of(Store::open(&folder)), "E0711");
}

#[test]
fn a_creation_cut_short_is_begun_again() {
    let (_parent, folder) = place();
    fs::create_dir(&folder).expect("a free name");
    fs::write(folder.join("state.db"), "").expect("ours");
    assert!(!Store::exists(&folder));
    assert_eq!(code_of(Store::create(&folder, "credit", "default")), "fine");
    fs::remove_file(folder.join("head")).expect("it is there");
    // One record and no head: it was cut off between the two.
    assert!(Store::exists(&folder));
    let mut store = Store::open(&folder).expect("it can only be new");
    store.lock(&holder()).expect("free");
    assert!(folder.join("head").exists());
}
