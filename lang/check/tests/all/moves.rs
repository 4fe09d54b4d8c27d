//! `moved`, `removed`, and what any block can say of what stands already.

use mlinfra_api::Address;

use crate::world::{check_text, codes_at, findings};

const SPEC: &str = "\
target here = local()
storage pond on here { class = file }
key vault on here {}
";

fn with(line: &str) -> String {
    format!("{SPEC}{line}\n")
}

#[test]
fn what_is_said_of_old_names_is_in_the_program() {
    let text = with(
        "moved \"storage.lake\" = \"storage.pond\"\n\
         removed \"pool.old[\\\"eu\\\"]\" { keep = true }\n\
         removed \"key.gone\"\n",
    );
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    let moved = &checked.program.moves[0];
    assert_eq!(moved.from.to_string(), "storage.lake");
    assert_eq!(moved.to.to_string(), "storage.pond");
    let removed = &checked.program.removed;
    assert_eq!(removed[0].name.to_string(), "pool.old[\"eu\"]");
    assert!(removed[0].keep && !removed[1].keep);
}

#[test]
fn a_chain_of_moves_ends_at_a_block() {
    let text = with(
        "moved \"storage.puddle\" = \"storage.lake\"\nmoved \"storage.lake\" = \"storage.pond\"",
    );
    assert_eq!(findings(&check_text(&text)), Vec::<String>::new());
}

#[test]
fn what_is_wrong_with_a_move_is_said_at_its_place() {
    let mut wrong = Vec::new();
    for (line, code, at) in [
        ("moved \"lake.\" = \"storage.pond\"", "E0134", "\"lake.\""),
        ("moved \"storage.lake\" = \"pond.\"", "E0134", "\"pond.\""),
        (
            "moved \"key.lake\" = \"storage.pond\"",
            "E0135",
            "\"storage.pond\"",
        ),
        (
            "moved \"lake\" = \"storage.pond\"",
            "E0135",
            "\"storage.pond\"",
        ),
        (
            "moved \"key.vault\" = \"key.safe\"",
            "E0136",
            "\"key.vault\"",
        ),
        (
            "moved \"storage.lake\" = \"storage.pnd\"",
            "E0137",
            "\"storage.pnd\"",
        ),
        ("moved \"storage.lake\"", "E0218", "\"storage.lake\""),
        ("moved \"storage.lake\" = 3", "E0301", "3"),
        ("removed \"storage.pond\"", "E0136", "\"storage.pond\""),
        ("removed \"storage.lake\" { keep = 3 }", "E0301", "3"),
        (
            "removed \"storage.lake\" { kep = true }",
            "E0108",
            "kep = true",
        ),
        ("import \"storage.lake\" {}", "E0106", "import"),
    ] {
        let checked = check_text(&with(line));
        if codes_at(&checked) != [(code.to_owned(), at.to_owned())] {
            wrong.push(format!("{line}: {:?}", findings(&checked)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    let checked = check_text(&with("moved \"storage.lake\" = \"storage.pnd\""));
    let fix = checked.diagnostics[0].fix.as_ref().expect("a suggestion");
    assert_eq!(fix.edits[0].text, "\"storage.pond\"");
}

#[test]
fn only_a_written_name_is_mended_in_its_place() {
    for (line, at) in [
        ("let t = \"storage.pnd\"\nmoved \"storage.a\" = t", "t"),
        (
            "moved \"storage.a\" = \"storage.${\"pnd\"}\"",
            "\"storage.${\"pnd\"}\"",
        ),
    ] {
        let checked = check_text(&with(line));
        assert_eq!(codes_at(&checked), [("E0137".to_owned(), at.to_owned())]);
        assert_eq!(checked.diagnostics[0].fix, None, "{line}");
        assert_eq!(
            checked.diagnostics[0].help[1],
            "did you mean `storage.pond`?"
        );
    }
    let text = with(
        "storage many on here for k in [\"eu\"] { class = file }\n\
         moved \"storage.a\" = \"storage.many[\\\"eo\\\"]\"",
    );
    let checked = check_text(&text);
    let fix = checked.diagnostics[0].fix.as_ref().expect("a suggestion");
    assert_eq!(fix.edits[0].text, "\"storage.many[\\\"eu\\\"]\"");
}

#[test]
fn moves_that_contradict_one_another_are_refused() {
    let mut wrong = Vec::new();
    for (lines, code, at) in [
        // Circles.
        (
            &["moved \"key.a\" = \"key.b\"", "moved \"key.b\" = \"key.a\""][..],
            "E0137",
            "\"key.b\"",
        ),
        (&["moved \"key.a\" = \"key.a\""], "E0137", "\"key.a\""),
        (
            &[
                "moved \"key.a\" = \"key.b\"",
                "moved \"key.b\" = \"key.c\"",
                "moved \"key.c\" = \"key.b\"",
            ],
            "E0137",
            "\"key.c\"",
        ),
        // A chain is wrong where it ends.
        (
            &["moved \"key.a\" = \"key.b\"", "moved \"key.b\" = \"key.c\""],
            "E0137",
            "\"key.c\"",
        ),
        // Two to one.
        (
            &[
                "moved \"key.a\" = \"key.vault\"",
                "moved \"key.b\" = \"key.vault\"",
            ],
            "E0210",
            "\"key.vault\"",
        ),
        // One twice.
        (
            &["moved \"key.a\" = \"key.vault\"", "removed \"key.a\""],
            "E0210",
            "\"key.a\"",
        ),
        (
            &["removed \"key.a[0]\"", "removed \"key.a[\\\"0\\\"]\""],
            "E0210",
            "\"key.a[\\\"0\\\"]\"",
        ),
    ] {
        let checked = check_text(&with(&lines.join("\n")));
        if codes_at(&checked) != [(code.to_owned(), at.to_owned())] {
            wrong.push(format!("{lines:?}: {:?}", findings(&checked)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn many_moves_are_settled() {
    let count = 4_000;
    let mut text = with("");
    for number in 0..count {
        text += &format!("moved \"key.a{number}\" = \"key.a{}\"\n", number + 1);
        text += &format!("key b{number} on here {{}}\n");
    }
    let found = codes_at(&check_text(&text));
    assert_eq!(found, [("E0137".to_owned(), format!("\"key.a{count}\""))]);
}

#[test]
fn any_block_takes_attributes_and_an_order() {
    let text = with(
        "@keep\n@existing(\"storage.${\"old\"}\")\n@ignore([capacity, class])\n\
         storage lake on here { class = file, after = [pond, vault] }\n\
         pipeline p on here {\n}\n",
    );
    let text = text.replace("pipeline p on here {\n}\n", "");
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    let lake = Address::new("storage", "lake");
    let lake = checked.program.block(&lake).expect("a block");
    let after: Vec<String> = lake.after.iter().map(ToString::to_string).collect();
    assert_eq!(after, ["storage.pond", "key.vault"]);
    assert_eq!(
        lake.attributes["existing"]["id"].as_text(),
        Some("storage.old")
    );
    assert!(lake.attributes.contains_key("keep"));
    let ignored = lake.attributes["ignore"]["fields"]
        .as_list()
        .expect("a list");
    assert_eq!(ignored.len(), 2);
}

#[test]
fn what_is_wrong_with_an_attribute_or_an_order_is_said_at_its_place() {
    let mut wrong = Vec::new();
    for (line, code, at) in [
        ("@ignore(capcity)\nstorage a on here {}", "E0315", "capcity"),
        ("@keep\n@keep\nstorage a on here {}", "E0205", "keep"),
        ("@existing\nstorage a on here {}", "E0312", "existing"),
        ("storage a on here { after = 3 }", "E0301", "3"),
        ("storage a on here { after = [pnd] }", "E0302", "pnd"),
        ("storage a on here { after = a }", "E0316", "a"),
    ] {
        let checked = check_text(&with(line));
        if codes_at(&checked) != [(code.to_owned(), at.to_owned())] {
            wrong.push(format!("{line}: {:?}", findings(&checked)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_name_without_a_key_is_that_of_every_element() {
    let family = "project p {}\ntarget here = local(country = \"DE\")\n\
                  storage pond on here for k in [\"a\", \"b\"] {}\n";
    let moved = format!("{family}moved \"storage.lake\" = \"storage.pond\"\n");
    assert_eq!(findings(&check_text(&moved)), Vec::<String>::new());
    // One block becomes an element of a `for` of its own name.
    let first = format!("{family}moved \"storage.pond\" = \"storage.pond[\\\"a\\\"]\"\n");
    assert_eq!(findings(&check_text(&first)), Vec::<String>::new());
    let stays = format!("{family}moved \"storage.pond\" = \"storage.lake\"\n");
    let found = findings(&check_text(&stays));
    assert!(found[0].starts_with("E0136"), "{found:?}");
}
