//! Files: bytes that are no text, empty ones, and those that use each other.

use mlinfra_check::check;

use crate::world::{Memory, findings};

fn world(files: &[(&str, &[u8])]) -> Memory {
    let mut world = Memory::default();
    for (name, bytes) in files {
        world.files.insert((*name).to_owned(), bytes.to_vec());
    }
    world
}

fn found(files: &[(&str, &[u8])]) -> Vec<String> {
    findings(&check(&world(files), "main.mlinfra"))
}

#[test]
fn what_is_no_spec_is_said_to_be_none() {
    for (bytes, finding) in [
        (
            &b"project a {}\nkey \xff on b\n"[..],
            "E0102 at \"\": line 2 holds a byte that is no text",
        ),
        (&b""[..], "E0103 at \"\": there is no entry in this file"),
        (
            &b"// nothing\n"[..],
            "E0103 at \"\": there is no entry in this file",
        ),
    ] {
        assert_eq!(found(&[("main.mlinfra", bytes)]), [finding]);
    }
    assert_eq!(
        found(&[]),
        ["E0101 at \"\": `main.mlinfra` can't be read: no such file"]
    );
}

#[test]
fn names_of_other_files_are_there_as_listed_and_under_an_alias() {
    let shared = b"target here = local()\nkey vault on here {}\n";
    let main = b"use \"parts/shared.mlinfra\".{here}\nuse \"parts/shared.mlinfra\" as shared\n\
        storage lake on here { encryption = customer(shared.vault) }\n";
    let checked = check(
        &world(&[("main.mlinfra", main), ("parts/shared.mlinfra", shared)]),
        "main.mlinfra",
    );
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(checked.program.blocks.len(), 3);
    let missing = b"use \"parts/shared.mlinfra\".{her}\nkey other on her {}\n";
    assert_eq!(
        found(&[("main.mlinfra", missing), ("parts/shared.mlinfra", shared)]),
        ["E0105 at \"her\": that file has no `her`"]
    );
}

#[test]
fn files_that_use_each_other_are_one_finding() {
    let main = b"use \"b.mlinfra\".{b}\nproject demo {}\ntarget a = local()\n";
    let other = b"use \"main.mlinfra\".{a}\ntarget b = local()\n";
    let found = found(&[("main.mlinfra", main), ("b.mlinfra", other)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("main.mlinfra → b.mlinfra → main.mlinfra"));
}
