//! What would have no effect is refused, or warned of.

use mlinfra_check::{ParameterFile, PolicyStatus, Severity, check};

use crate::world::{Memory, check_text, codes_at, findings};

const HEAD: &str = "target here = local()\n";

/// The texts whose findings are not the one that they should have.
fn others(cases: &[(&str, &str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (text, code, at) in cases {
        let checked = check_text(&format!("{HEAD}{text}\n"));
        if codes_at(&checked) != [((*code).to_owned(), (*at).to_owned())] {
            wrong.push(format!("{text}: {:?}", findings(&checked)));
        }
    }
    wrong
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn what_is_nowhere_is_placed_on_nothing() {
    let wrong = others(&[
        ("let a on here = 1\noutput o = a", "E0214", "here"),
        ("output a on here = 1", "E0214", "here"),
        ("param a: int on here = 1\noutput o = a", "E0214", "here"),
        ("test a on here { require 1 == 1 }", "E0214", "here"),
        ("environment dev on here {}", "E0214", "here"),
        (
            "moved \"target.a\" on here = \"target.here\"",
            "E0214",
            "here",
        ),
        ("removed \"storage.a\" on here {}", "E0214", "here"),
    ]);
    assert_eq!(wrong, none());
}

#[test]
fn attributes_and_orders_stand_where_they_say_something() {
    let mut world = Memory::default();
    let mut file = |name: &str, text: &str| {
        world
            .files
            .insert(name.to_owned(), text.as_bytes().to_vec());
    };
    file(
        "main.mlinfra",
        "@keep\nuse \"a.mlinfra\".{x}\noutput o = x + p\nparam p: int\n",
    );
    file("a.mlinfra", "let x = 1\n");
    world.parameter_files.push(ParameterFile {
        name: "p.mlinfra".to_owned(),
        content: Ok(b"@protect\np = 1\n".to_vec()),
    });
    let found = codes_at(&check(&world, "main.mlinfra"));
    let at = |code: &str, at: &str| (code.to_owned(), at.to_owned());
    assert_eq!(found, [at("E0220", "keep"), at("E0133", "protect")]);
    let wrong = others(&[
        ("environment dev { after = here }", "E0202", "after"),
        ("project p { after = here }", "E0202", "after"),
    ]);
    assert_eq!(wrong, none());
}

#[test]
fn an_arm_that_is_never_chosen_is_warned_of() {
    let cases = [
        ("match n { 1 => 1, 1 => 2, _ => 3 }", "1"),
        ("match n { 1 | 2 | 1 => 1, _ => 3 }", "1"),
        ("match n { _ => 3, 1 => 1 }", "1"),
        ("match n { _ => 3, 1 => 1, _ => 4 }", "1"),
        ("match s { 60 min => 3, 1 h => 1, _ => 4 }", "1 h"),
    ];
    for (text, at) in cases {
        let text = format!("param n: int = 1\nparam s: duration = 1 h\noutput o = {text}\n");
        let checked = check_text(&text);
        let first = codes_at(&checked).into_iter().next();
        assert_eq!(first, Some(("E0327".to_owned(), at.to_owned())), "{text}");
        let is_warning = |one: &mlinfra_check::Diagnostic| one.severity == Severity::Warning;
        assert!(checked.diagnostics.iter().all(is_warning), "{text}");
    }
    let text = "function f(n: int): int = match n { 1 => 1, 1 => 2, _ => 3 }\n\
                output o = f(1) + f(2)\n";
    assert_eq!(codes_at(&check_text(text)).len(), 1);
    let text = "param e: enum(a, b) = a\noutput o = match e { a => 1, b => 2, _ => 3 }\n";
    assert_eq!(findings(&check_text(text)), none());
}

#[test]
fn what_stands_already_is_one_block() {
    let wrong = others(&[
        (
            "@existing(\"x\")\nstorage a on here {}\n@existing(\"x\")\nstorage b on here {}",
            "E0140",
            "b",
        ),
        (
            "@existing(\"x\")\nstorage a on here for k in [\"p\", \"q\"] {}",
            "E0140",
            "a",
        ),
        ("@existing(\"\")\nstorage a on here {}", "E0319", "\"\""),
        ("@ignore([])\nstorage a on here {}", "E0228", "[]"),
        (
            "@ignore([capacity, capacity])\nstorage a on here {}",
            "E0436",
            "capacity",
        ),
    ]);
    assert_eq!(wrong, none());
    let text = format!(
        "{HEAD}target there = local()\n@existing(\"x\")\nstorage a on here {{}}\n\
         @existing(\"x\")\nstorage b on there {{}}\n@existing(\"x\")\nkey c on here {{}}\n\
         @existing(\"s-${{k}}\")\nstorage d on here for k in [\"p\", \"q\"] {{}}\n"
    );
    assert_eq!(findings(&check_text(&text)), none());
}

#[test]
fn a_key_is_safe_wherever_it_stands() {
    for key in [
        "",
        " ",
        "a ",
        "../../tmp/x",
        "..",
        ".",
        "/x",
        "a//b",
        "a\\\"]b",
        "a\\\\b",
    ] {
        let text = format!("{HEAD}storage a on here for k in [\"{key}\"] {{}}\n");
        let found = codes_at(&check_text(&text));
        assert_eq!(found.len(), 1, "{key:?}: {found:?}");
        assert_eq!(found[0].0, "E0114", "{key:?}");
    }
    for key in [
        "a",
        "eu-west-1",
        "1.2",
        "ana@example.com",
        "10.0.0.0/16",
        "größe",
        "a b",
    ] {
        let text = format!("{HEAD}storage a on here for k in [\"{key}\"] {{}}\n");
        assert_eq!(findings(&check_text(&text)), none(), "{key:?}");
    }
}

#[test]
fn what_a_policy_says_in_one_environment_is_said_of_that_one() {
    let text = format!(
        "{HEAD}project p {{}}\nparam size: bytes = 1 GiB\n\
         environment dev {{}}\nenvironment prod {{ params {{ size = 2 TiB }} }}\n\
         storage a on here {{ capacity = size }}\n\
         policy small for s in all(storage) {{\n  require s.capacity <= 1 TiB else \"large\"\n}}\n\
         policy named for s in all(storage) {{\n  require s.name == \"a\" else \"another\"\n}}\n"
    );
    let checked = check_text(&text);
    let said = |policy: &str| {
        let all = checked.program.policies.iter();
        let of = all.filter(|one| one.policy == policy);
        of.map(|one| (one.environment.as_deref(), one.status))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        said("small"),
        [
            (Some("dev"), PolicyStatus::Pass),
            (Some("prod"), PolicyStatus::Fail)
        ],
        "{:?}",
        findings(&checked)
    );
    assert_eq!(said("named"), [(None, PolicyStatus::Pass)]);
}
