//! Environments and what is given for parameters from outside of the spec.

use mlinfra_api::Value;
use mlinfra_check::{Checked, ParameterFile, check};

use crate::world::{Memory, codes_at, findings};

const SPEC: &str = "\
param nodes: int = 1 {
  require nodes <= 9 else \"no more than nine\"
}
param memory: bytes = 1 GiB
param name: string = \"none\"
environment dev { params { nodes = 2 } }
environment prod { protect = true, params { nodes = if environment == prod then 5 else 1 } }
project demo {}
target here = local()
storage lake on here { class = file }
output nodes = nodes
output memory = memory
output name = name
output at = \"${environment}\"
output big = match environment { prod => true, _ => false }
";

fn world(environment: Option<&str>, files: &[(&str, &str)]) -> Memory {
    let mut world = Memory {
        environment: environment.map(str::to_owned),
        ..Memory::default()
    };
    world
        .files
        .insert("main.mlinfra".to_owned(), SPEC.as_bytes().to_vec());
    let file = |(name, text): &(&str, &str)| ParameterFile {
        name: (*name).to_owned(),
        content: Ok(text.as_bytes().to_vec()),
    };
    world.parameter_files = files.iter().map(file).collect();
    world
}

fn checked(world: &Memory) -> Checked {
    check(world, "main.mlinfra")
}

fn output(checked: &Checked, name: &str) -> Value {
    assert!(!checked.has_errors(), "{:?}", findings(checked));
    checked.program.outputs[name].value.clone()
}

#[test]
fn each_environment_has_values_of_its_own() {
    for (environment, nodes, big) in [("dev", 2, false), ("prod", 5, true)] {
        let checked = checked(&world(Some(environment), &[]));
        assert_eq!(output(&checked, "nodes"), Value::Int(nodes));
        assert_eq!(output(&checked, "at"), Value::text(environment));
        assert_eq!(output(&checked, "big"), Value::Bool(big));
        let given = &checked.program.parameters["nodes"];
        assert_eq!(given.from, format!("environment {environment}"));
        let chosen = checked.program.environment.as_ref().expect("one is chosen");
        assert_eq!(chosen.name, environment);
        assert_eq!(chosen.protect, environment == "prod");
    }
}

#[test]
fn without_one_all_are_checked_and_a_fault_of_one_says_so() {
    let mut both = world(None, &[]);
    assert_eq!(findings(&checked(&both)), Vec::<String>::new());
    let spec = SPEC.replace("nodes = 2", "nodes = 20");
    both.files
        .insert("main.mlinfra".to_owned(), spec.into_bytes());
    let checked = checked(&both);
    assert_eq!(codes_at(&checked).len(), 1, "{:?}", findings(&checked));
    let help = &checked.diagnostics[0].help;
    let said = "in the environment `dev` alone";
    assert!(help.iter().any(|text| text == said), "{help:?}");
}

#[test]
fn what_is_given_outside_wins_in_the_order_stated() {
    let file = ("p.mlinfra", "nodes = 3\nmemory = 2 GiB\n");
    let json = ("p.json", "{ \"memory\": \"4 GiB\", \"name\": \"7\" }");
    let mut world = world(Some("dev"), &[file, json]);
    let first = checked(&world);
    assert_eq!(output(&first, "nodes"), Value::Int(3));
    assert_eq!(output(&first, "name"), Value::text("7"));
    assert_eq!(output(&first, "memory").as_base_units(), Some(4 << 30));
    assert_eq!(first.program.parameters["nodes"].from, "p.mlinfra");
    assert_eq!(first.program.parameters["memory"].from, "p.json");
    world.parameters.insert("nodes".to_owned(), "4".to_owned());
    let second = checked(&world);
    assert_eq!(output(&second, "nodes"), Value::Int(4));
    assert_eq!(second.program.parameters["nodes"].from, "--param");
}

#[test]
fn what_is_wrong_with_a_file_is_told_at_its_place() {
    let cases: [(&str, &str, &str); 8] = [
        ("nods = 3\n", "E0222", "nods"),
        ("nodes = 10\n", "E0223", "10"),
        ("nodes = \"a\"\n", "E0301", "\"a\""),
        ("project x {}\n", "E0133", "project x {}"),
        ("{ \"nods\": 3 }", "E0222", "nods"),
        ("{ \"memory\": \"4 GB/s\" }", "E0304", "4 GB/s"),
        ("{ \"nodes\": 3, \"nodes\": 4 }", "E0205", "nodes"),
        ("{ \"nodes\": }", "E0133", ""),
    ];
    let mut wrong = Vec::new();
    for (text, code, at) in cases {
        let checked = checked(&world(Some("dev"), &[("p", text)]));
        let found = codes_at(&checked);
        if found != [(code.to_owned(), at.to_owned())] {
            wrong.push(format!("{text}: {:?}", findings(&checked)));
            continue;
        }
        let file = checked.diagnostics[0].primary.span.file.0 as usize;
        assert_eq!(checked.files[file].name, "p");
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn an_environment_that_is_written_wrong_is_told_once() {
    let mut wrong = Vec::new();
    for (from, to, code, at) in [
        ("protect = true", "protct = true", "E0202", "protct"),
        ("nodes = 2", "nods = 2", "E0222", "nods"),
        ("nodes = 2 }", "nodes = 2, nodes = 3 }", "E0205", "nodes"),
        (
            "environment == prod then",
            "environment == prd then",
            "E0315",
            "prd",
        ),
        ("{ prod => true", "{ prd => true", "E0315", "prd"),
        ("environment dev {", "environment prod {", "E0210", "prod"),
        (
            "environment dev {",
            "environment \"a/b\" {",
            "E0130",
            "\"a/b\"",
        ),
        (
            "environment dev {",
            "environment dev on here {",
            "E0214",
            "here",
        ),
        (
            "protect = true",
            "pool p {}, protect = true",
            "E0108",
            "pool",
        ),
    ] {
        let mut world = world(None, &[]);
        let spec = SPEC.replacen(from, to, 1);
        assert_ne!(spec, SPEC);
        world
            .files
            .insert("main.mlinfra".to_owned(), spec.into_bytes());
        let checked = checked(&world);
        if codes_at(&checked) != [(code.to_owned(), at.to_owned())] {
            wrong.push(format!("{to}: {:?}", findings(&checked)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_spec_lists_its_environments_without_being_checked() {
    let mut world = world(None, &[]);
    assert_eq!(
        mlinfra_check::environments(&world, "main.mlinfra"),
        ["dev", "prod"]
    );
    world
        .files
        .insert("main.mlinfra".to_owned(), b"project demo {}\n".to_vec());
    assert!(mlinfra_check::environments(&world, "main.mlinfra").is_empty());
}

#[test]
fn nothing_stands_on_a_target_that_the_environment_may_not_touch() {
    let spec = "environment dev { targets = [desk] }\nenvironment prod {}\n\
                target desk = local()\ntarget rack = local()\n\
                storage lake on rack { class = file }\n";
    let mut world = world(Some("dev"), &[]);
    world
        .files
        .insert("main.mlinfra".to_owned(), spec.as_bytes().to_vec());
    let found = codes_at(&checked(&world));
    assert_eq!(found, [("E0131".to_owned(), "lake".to_owned())]);
    world.environment = Some("prod".to_owned());
    assert_eq!(findings(&checked(&world)), Vec::<String>::new());
}
