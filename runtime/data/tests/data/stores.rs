//! Stores: names, atomic writes, capacity, sealing, and broken objects.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use mlinfra_data::{Store, object_name, read_table, verify_artifact};
use mlinfra_runtime_spec::StoreReference;
use mlinfra_seal::SealKey;

use crate::support::{
    Place, bucket, call, column, column_cells, entry, files_below, key, row, table,
};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn objects_are_read_back_listed_and_removed() {
    for place in [Place::plain(), Place::sealed()] {
        let store = Store::open(&place.store).unwrap();
        assert!(!store.exists("a/b.bin").unwrap());
        assert_eq!(store.list("").unwrap(), Vec::<String>::new());
        store.write("a/b.bin", b"one").unwrap();
        store.write("a/b.bin", b"two!").unwrap();
        store.write("a/empty", b"").unwrap();
        store.write("c", b"three").unwrap();
        assert_eq!(store.read("a/b.bin").unwrap(), b"two!");
        assert_eq!(store.read("a/empty").unwrap(), b"");
        assert_eq!(store.length("a/b.bin").unwrap(), Some(4));
        assert_eq!(store.list("a/").unwrap(), ["a/b.bin", "a/empty"]);
        store.remove("a/b.bin").unwrap();
        store.remove("a/b.bin").unwrap();
        assert_eq!(store.read("a/b.bin").unwrap_err().code, "E0626");
        assert_eq!(store.list("").unwrap(), ["a/empty", "c"]);
    }
}

#[test]
fn objects_are_for_their_owner_alone() {
    let place = Place::sealed();
    let store = Store::open(&place.store).unwrap();
    store.write("a/b/c", b"x").unwrap();
    let folder = &place.store.folder;
    assert_eq!(mode(folder), 0o700);
    assert_eq!(mode(&folder.join("a")), 0o700);
    assert_eq!(mode(&folder.join("a/b")), 0o700);
    assert_eq!(mode(&folder.join("a/b/c")), 0o600);
}

#[test]
fn hostile_names_are_refused() {
    let place = Place::plain();
    let store = Store::open(&place.store).unwrap();
    let long = "x".repeat(300);
    let names = [
        "",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a/./b",
        "a//b",
        "a/",
        ".hidden",
        "a/.tmp-b",
        "a\0b",
        "a\nb",
        "a\\b",
        &long,
    ];
    for name in names {
        for code in [
            store.write(name, b"x").unwrap_err().code,
            store.read(name).map(|_| ()).unwrap_err().code,
            store.remove(name).unwrap_err().code,
            store.exists(name).map(|_| ()).unwrap_err().code,
        ] {
            assert_eq!(code, "E0621", "{name:?}");
        }
    }
    assert!(!place.store.folder.exists());
    for bad in ["", "../../x", &"A".repeat(64), &"a".repeat(63)] {
        assert_eq!(object_name(bad, "x").unwrap_err().code, "E0621");
    }
}

#[test]
fn links_are_not_followed() {
    let place = Place::plain();
    let store = Store::open(&place.store).unwrap();
    store.write("a/b", b"x").unwrap();
    let outside = place.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), b"s").unwrap();
    symlink(&outside, place.store.folder.join("link")).unwrap();
    symlink(outside.join("secret"), place.store.folder.join("a/file")).unwrap();
    assert_eq!(store.read("link/secret").unwrap_err().code, "E0621");
    assert_eq!(store.read("a/file").unwrap_err().code, "E0621");
    assert_eq!(store.write("link/new", b"x").unwrap_err().code, "E0621");
    assert_eq!(store.list("").unwrap(), ["a/b"], "links are no objects");
    store.write("a/file", b"mine").unwrap();
    assert_eq!(
        fs::read(outside.join("secret")).unwrap(),
        b"s",
        "a link is replaced"
    );
    assert!(!outside.join("new").exists());
}

#[test]
fn a_store_does_not_grow_beyond_its_capacity() {
    let mut place = Place::plain();
    place.store.capacity = Some(10);
    let store = Store::open(&place.store).unwrap();
    store.write("a", b"12345678").unwrap();
    let fault = store.write("b", b"123").unwrap_err();
    assert_eq!(fault.code, "E0622");
    assert!(fault.message.contains("8 of 10 bytes"), "{fault}");
    store.write("a", b"1234567890").unwrap();
    store.write("a", b"1").unwrap();
    store.write("b", b"123").unwrap();
    assert_eq!(store.list("").unwrap(), ["a", "b"]);
}

#[test]
fn writers_at_the_same_time_keep_the_capacity_too() {
    let mut place = Place::plain();
    place.store.capacity = Some(25);
    let written = std::thread::scope(|scope| {
        let writer = |thread: usize| {
            let store = Store::open(&place.store).unwrap();
            let write = move |index: usize| store.write(&format!("t{thread}/o{index}"), b"12345");
            scope.spawn(move || (0..4).filter(|&index| write(index).is_ok()).count())
        };
        let threads: Vec<_> = (0..4).map(writer).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(written, 5, "five objects of five bytes fit");
    assert_eq!(
        Store::open(&place.store).unwrap().list("").unwrap().len(),
        5
    );
}

#[test]
fn what_a_killed_writer_left_is_swept() {
    let place = Place::plain();
    let store = Store::open(&place.store).unwrap();
    store.write("a/b", b"x").unwrap();
    let left = place.store.folder.join("a/.tmp-b");
    fs::write(&left, b"half").unwrap();
    assert_eq!(store.list("").unwrap(), ["a/b"]);
    assert_eq!(store.read("a/b").unwrap(), b"x");
    store.write("a/b", b"y").unwrap();
    assert!(!left.exists());
    fs::write(&left, b"half").unwrap();
    store.write("a/c", b"z").unwrap();
    assert!(!left.exists());
}

#[test]
fn every_flipped_byte_of_a_sealed_object_is_refused() {
    let place = Place::sealed();
    let store = Store::open(&place.store).unwrap();
    store.write("a", b"some bytes").unwrap();
    let path = place.store.folder.join("a");
    let sound = fs::read(&path).unwrap();
    for index in 0..sound.len() {
        let mut changed = sound.clone();
        changed[index] ^= 1;
        fs::write(&path, &changed).unwrap();
        let code = store.read("a").unwrap_err().code;
        // The first bytes are what tells a sealed object from one that is not.
        let expected = if index < 6 { "E0625" } else { "E0620" };
        assert_eq!(code, expected, "byte {index}");
    }
    fs::write(&path, &sound[..sound.len() - 1]).unwrap();
    assert_eq!(store.read("a").unwrap_err().code, "E0620");
    fs::write(place.store.folder.join("b"), &sound).unwrap();
    assert_eq!(
        store.read("b").unwrap_err().code,
        "E0620",
        "another object's bytes"
    );
    fs::write(&path, &sound).unwrap();
    assert_eq!(store.read("a").unwrap(), b"some bytes");
}

#[test]
fn a_store_is_sealed_as_a_whole_or_not_at_all() {
    let sealed = Place::sealed();
    let clear = StoreReference {
        key_file: None,
        ..sealed.store.clone()
    };
    Store::open(&sealed.store)
        .unwrap()
        .write("a", b"x")
        .unwrap();
    Store::open(&clear).unwrap().write("b", b"plain").unwrap();
    assert_eq!(
        Store::open(&clear).unwrap().read("a").unwrap_err().code,
        "E0625"
    );
    assert_eq!(
        Store::open(&sealed.store)
            .unwrap()
            .read("b")
            .unwrap_err()
            .code,
        "E0625"
    );
}

#[test]
fn a_key_that_cannot_be_used_is_said() {
    let place = Place::sealed();
    let path = place.store.key_file.clone().unwrap();
    Store::open(&place.store).unwrap().write("a", b"x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(Store::open(&place.store).unwrap_err().code, "E0624");
    fs::remove_file(&path).unwrap();
    assert_eq!(Store::open(&place.store).unwrap_err().code, "E0624");
    SealKey::generate().write_new(&path).unwrap();
    let other = Store::open(&place.store).unwrap();
    assert_eq!(other.read("a").unwrap_err().code, "E0620", "another key");
}

#[test]
fn a_broken_artifact_is_noticed() {
    for place in [Place::plain(), Place::sealed()] {
        let columns = table(&["x: int"]);
        place.ingest("a", "x\n1\n2\n", &columns).unwrap();
        let store = Store::open(&place.store).unwrap();
        assert!(verify_artifact(&store, &key("a")).unwrap());
        let name = object_name(&key("a"), "data.parquet").unwrap();
        let path = place.store.folder.join(&name);
        let sound = fs::read(&path).unwrap();
        let mut changed = sound.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert_eq!(read_table(&place.artifact("a")).unwrap_err().code, "E0620");
        fs::write(&path, &sound[..sound.len() - 1]).unwrap();
        assert!(!verify_artifact(&store, &key("a")).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(!verify_artifact(&store, &key("a")).unwrap());
        assert_eq!(read_table(&place.artifact("a")).unwrap_err().code, "E0626");
        place.ingest("a", "x\n1\n2\n", &columns).unwrap();
        assert!(verify_artifact(&store, &key("a")).unwrap());
        let manifest = object_name(&key("a"), "manifest.json").unwrap();
        store.write(&manifest, b"{\"format\":2}").unwrap();
        assert_eq!(read_table(&place.artifact("a")).unwrap_err().code, "E0627");
        store.write(&manifest, b"{").unwrap();
        assert_eq!(read_table(&place.artifact("a")).unwrap_err().code, "E0620");
        assert!(!verify_artifact(&store, &key("a")).unwrap());
        fs::write(
            place.store.folder.join(&manifest),
            b"neither sealed nor JSON",
        )
        .unwrap();
        assert!(!verify_artifact(&store, &key("a")).unwrap());
        store.remove(&manifest).unwrap();
        assert!(!verify_artifact(&store, &key("a")).unwrap());
    }
}

#[test]
fn no_cell_of_a_sealed_store_is_on_the_disk() {
    let marker = "marker-7f3a9c51";
    let place = Place::sealed();
    let columns = table(&["name: string?", "age: int"]);
    let csv = format!("name,age\n{marker},41\nplain,27\n{marker},33\n");
    place.ingest("raw", &csv, &columns).unwrap();
    fs::remove_file(place.folder.path().join("data.csv")).unwrap();
    let known = table(&["name: string", "age: int"]);
    place
        .step("drop_nulls", ("raw", "clean"), vec![], &[], &known)
        .unwrap();
    let derived = table(&["name: string", "age: int", "twin: string"]);
    let twin = vec![row("twin", call("upper", &[column("name")]))];
    place
        .step("derive", ("clean", "derived"), twin, &[], &derived)
        .unwrap();
    let masked = vec![entry("age", bucket(5))];
    place
        .step("mask", ("derived", "masked"), masked, &[], &derived)
        .unwrap();
    let halves = vec![
        entry("one", mlinfra_api::Value::Decimal("0.5".parse().unwrap())),
        entry("two", mlinfra_api::Value::Decimal("0.5".parse().unwrap())),
    ];
    place
        .step("split", ("masked", "parts"), halves, &[], &derived)
        .unwrap();

    let upper = marker.to_uppercase();
    let files = files_below(place.folder.path());
    assert!(files.len() >= 18, "{files:?}");
    for file in &files {
        let bytes = fs::read(file).unwrap();
        for needle in [
            marker.as_bytes(),
            upper.as_bytes(),
            b"PAR1",
            b"manifest",
            b"derive",
            b"missing",
        ] {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(
                !found,
                "{} in {}",
                String::from_utf8_lossy(needle),
                file.display()
            );
        }
    }
    let spilled = fs::read_dir(std::env::temp_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("datafusion"))
        .count();
    assert_eq!(spilled, 0, "the engine makes no folder to spill to");
    let names = column_cells(&place.read("derived"), "twin");
    assert_eq!(names[0], upper, "the marker is there once it is opened");
}
