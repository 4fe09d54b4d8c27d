//! Which name stands for what: scopes, files, full addresses, and names that can't be.

use mlinfra_check::check;

use crate::world::{Memory, check_text, codes_at, findings};

const HEAD: &str = "target here = local()\nstorage lake on here { capacity = 2 GiB }\n\
    dataset people { from = file(\"p.csv\"), columns { age : int, good : bool @label } }\n\
    pool worker on here { cpus >= 1 }\n\
    pipeline risk on worker { step clean = derive(people) { old = age > 60 } }\n";

fn faults(text: &str) -> Vec<(String, String)> {
    codes_at(&check_text(&format!("{HEAD}{text}\n")))
}

fn none() -> Vec<(String, String)> {
    Vec::new()
}

fn fault(code: &str, at: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), at.to_owned())]
}

#[test]
fn words_and_values_are_names_of_their_own() {
    for text in [
        "key count on here {}\noutput n = count([1])\noutput k = count",
        "param storage: storage = lake\noutput s = storage",
        "component shelf { param n: int = 1\noutput m = n }\nshelf shelf {}\noutput x = shelf.m",
    ] {
        assert_eq!(faults(text), none(), "{text}");
    }
}

#[test]
fn a_name_is_unique_in_its_body_whatever_its_kind() {
    assert_eq!(faults("key lake on here {}"), fault("E0210", "lake"));
    assert_eq!(faults("let a = 1\nparam a: int = 2"), fault("E0210", "a"));
    assert_eq!(
        faults("key a on here for n in 1..2 {}\nlet a = 1"),
        fault("E0210", "a")
    );
    assert_eq!(
        faults("key a on here when true {}\nkey a on here when false {}"),
        fault("E0210", "a")
    );
    let in_step = "pipeline p on worker { step a = derive(people) { b = age > 1 }\n\
                   step a = derive(people) { b = age > 1 } }";
    assert_eq!(faults(in_step), fault("E0210", "a"));
    let twice = "component a { param n: int = 1 }\ncomponent a { param n: int = 1 }";
    assert_eq!(faults(twice), fault("E0210", "a"));
    // Nothing refers to an output or a test by its name.
    assert_eq!(
        faults("output lake = 1\ntest lake { require count(all(storage)) == 1 }"),
        none()
    );
    assert_eq!(faults("output a = 1\noutput a = 2"), fault("E0210", "a"));
}

#[test]
fn the_order_in_a_file_never_matters() {
    for text in [
        "output x = a\nlet a = b\nlet b = c[2].capacity\n\
         storage c on here for n in all { capacity = n * 1 GiB }\n\
         param all: list(int) = [1, 2]",
        "shelf one on here { size = big }\nlet big = 2 GiB\n\
         component shelf on target { storage main { capacity = size }\nparam size: bytes }",
    ] {
        assert_eq!(faults(text), none(), "{text}");
    }
}

#[test]
fn a_full_address_is_always_allowed() {
    for expression in [
        "storage.lake",
        "risk.clean",
        "pipeline.risk",
        "let.big",
        "param.size",
        "storage.many[\"a\"]",
        "shelf.one.room",
        "storage.maybe",
    ] {
        let text = format!(
            "let big = 2 GiB\nparam size: int = 1\nstorage many on here for n in [\"a\"] {{}}\n\
             component shelf {{ output room = 1 }}\nshelf one {{}}\n\
             storage maybe on here when true {{}}\n\
             output x = {expression}"
        );
        assert_eq!(faults(&text), none(), "{expression}");
    }
    for (expression, code, at) in [
        ("storage.lkae", "E0310", "lkae"),
        ("key.lake", "E0310", "lake"),
        ("shelf.tow", "E0302", "shelf"),
        ("shlef.one", "E0302", "shlef"),
    ] {
        let text = format!(
            "component shelf {{ output room = 1 }}\nshelf one {{}}\noutput x = {expression}"
        );
        assert_eq!(faults(&text), fault(code, at), "{expression}");
    }
}

#[test]
fn the_expected_type_goes_first_and_a_second_meaning_is_a_warning() {
    let text = "param class: enum(ssd, nvme) = ssd\nlet ssd = nvme_or(class)";
    assert_eq!(faults(text).len(), 1);
    let ambiguous = "let customer = \"x\"\nlet plain = encryption.plain\n\
                     storage b on here { encryption = plain }";
    let checked = check_text(&format!("{HEAD}{ambiguous}\n"));
    assert_eq!(codes_at(&checked), fault("E0320", "plain"));
    assert!(!checked.has_errors());
    let help = checked.diagnostics[0].help.join("\n");
    assert!(
        help.contains("encryption.plain") && help.contains("let.plain"),
        "{help}"
    );
    for spelled in ["encryption.plain", "let.plain"] {
        let text = ambiguous.replace("= plain }", &format!("= {spelled} }}"));
        assert_eq!(faults(&text), none(), "{spelled}");
    }
}

#[test]
fn a_column_goes_before_a_value_of_its_name_with_a_warning() {
    let text =
        "param age: int = 3\npipeline q on worker { step a = derive(people) { b = age > 60 } }";
    let checked = check_text(&format!("{HEAD}{text}\n"));
    // The step of the spec's head and this one.
    assert_eq!(
        codes_at(&checked),
        [fault("E0320", "age"), fault("E0320", "age")].concat()
    );
    let help = checked.diagnostics[0].help.join("\n");
    assert!(
        help.contains("people.age") && help.contains("param.age"),
        "{help}"
    );
    for spelled in ["people.age", "param.age"] {
        let text = text.replace("= age", &format!("= {spelled}"));
        assert_eq!(faults(&text).len(), 1, "{spelled}");
    }
}

#[test]
fn no_name_hides_another_one_of_the_users() {
    for (text, at) in [
        (
            "pipeline p on worker { step lake = derive(people) { b = age > 1 } }",
            "lake",
        ),
        ("output x = [lake for lake in [1, 2]]", "lake"),
        ("key k on here for lake in [\"a\"] {}", "lake"),
        (
            "pipeline p on worker for n in 1..2 { step n = derive(people) { b = age > 1 } }",
            "n",
        ),
    ] {
        assert_eq!(faults(text), fault("E0211", at), "{text}");
    }
    // What is inside of a component hides nothing: it does not see it.
    let closed = "component c on target { storage lake {} }\nc one on here {}";
    assert_eq!(faults(closed), none());
    let field = "pipeline p on worker { step purpose = derive(people) { b = age > 1 } }";
    let found = faults(field);
    assert!(
        found == fault("E0212", "purpose") || found == none(),
        "{found:?}"
    );
}

#[test]
fn fields_are_no_names_for_one_another() {
    let text = "param capacity: bytes = 3 GiB\nstorage b on here { capacity = capacity }\n\
                output x = b.capacity";
    let checked = check_text(&format!("{HEAD}{text}\n"));
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(checked.program.outputs["x"].value.to_string(), "3 GiB");
    assert_eq!(
        faults("storage b on here { retention = 1 day, capacity = retention }"),
        fault("E0302", "retention")
    );
}

#[test]
fn a_file_is_made_once_however_often_it_is_used() {
    let mut world = Memory::default();
    let files = [
        (
            "main.mlinfra",
            "use \"a.mlinfra\".{one}\nuse \"b.mlinfra\".{two}\noutput x = one\noutput y = two\n",
        ),
        (
            "a.mlinfra",
            "use \"c.mlinfra\" as c\nlet one = c.lake.capacity\n",
        ),
        (
            "b.mlinfra",
            "use \"c.mlinfra\".{lake}\nlet two = lake.capacity\n",
        ),
        (
            "c.mlinfra",
            "target here = local()\nparam size: bytes = 2 GiB\n\
             storage lake on here { capacity = size }\n",
        ),
    ];
    for (name, text) in files {
        world
            .files
            .insert(name.to_owned(), text.as_bytes().to_vec());
    }
    let checked = check(&world, "main.mlinfra");
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(checked.program.blocks.len(), 2);
    // What a file uses is not passed on, and what is not listed is not there.
    for (main, wanted) in [
        (
            "use \"b.mlinfra\".{lake}\noutput x = lake\n",
            ("E0105", "lake"),
        ),
        (
            "use \"c.mlinfra\".{here}\noutput x = lake\n",
            ("E0302", "lake"),
        ),
        (
            "use \"c.mlinfra\".{lake}\nlet lake = 1\n",
            ("E0210", "lake"),
        ),
        (
            "use \"c.mlinfra\" as c\noutput x = c.laek\n",
            ("E0310", "laek"),
        ),
    ] {
        let mut world = world.clone();
        world
            .files
            .insert("main.mlinfra".to_owned(), main.as_bytes().to_vec());
        let found = codes_at(&check(&world, "main.mlinfra"));
        assert_eq!(
            found,
            [(wanted.0.to_owned(), wanted.1.to_owned())],
            "{main}"
        );
    }
    // A parameter of a used file is given from outside like one of the root.
    world
        .parameters
        .insert("size".to_owned(), "5 GiB".to_owned());
    let given = check(&world, "main.mlinfra");
    assert_eq!(given.program.outputs["x"].value.to_string(), "5 GiB");
}

#[test]
fn a_full_address_is_one_beside_a_value_that_is_named_like_its_word() {
    for (text, kind) in [
        ("let storage = 1\noutput a = storage.lake.capacity", "int"),
        ("let storage = { b = 2 }\noutput a = storage.b", "value"),
        (
            "let purchase = 4\noutput a: purchase = purchase.on_demand",
            "case",
        ),
        ("param param: int = 3\noutput a = param.param + 1", "param"),
        (
            "let storage = { lake = storage.lake.name }\noutput a = let.storage.lake",
            "both",
        ),
        (
            "output a = [storage.lake for storage in [{ lake = 1 }]]",
            "loop",
        ),
        (
            "output a = [storage.lake.capacity for storage in [1]]",
            "address in a loop",
        ),
    ] {
        assert_eq!(faults(text), none(), "{kind}");
    }
    let both = faults("let storage = { lake = 3 }\noutput a = storage.lake");
    assert_eq!(both, fault("E0320", "storage.lake"));
}

#[test]
fn what_hides_a_name_and_means_it_has_one_finding() {
    let text = "pipeline q on worker { step people = derive(people) { old = age > 60 } }";
    assert_eq!(faults(text), fault("E0211", "people"));
}
