//! What another project gives: its types, what does not come across, and what is said then.

use mlinfra_api::{Address, Quantity, Reference, Secret, Value};
use mlinfra_check::{Checked, FileId, ProjectOutputs, Trees, check, complete};

use crate::world::{Memory, findings};

fn reference(path: &[&str]) -> Value {
    Value::Reference(Reference {
        address: Address::new("endpoint", "api"),
        path: path.iter().map(|name| (*name).to_owned()).collect(),
    })
}

fn outputs() -> Vec<(String, Value)> {
    let secret = || Value::Secret(Secret::new("hush-hush"));
    let values = [
        ("url", Value::text("http://127.0.0.1:80")),
        ("port", Value::Int(80)),
        ("memory", Value::Quantity(Quantity::bytes(1 << 30))),
        ("zone", Value::case("west")),
        ("names", Value::List(vec![Value::text("a")])),
        ("api", reference(&[])),
        ("host", reference(&["host"])),
        ("key", secret()),
        ("keys", Value::List(vec![secret()])),
    ];
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

fn checked(text: &str) -> Checked {
    let mut world = Memory::default();
    world.files.insert("main.mlinfra".to_owned(), text.into());
    world.projects.insert("../network".to_owned(), outputs());
    let prod = vec![("url".to_owned(), Value::text("http://10.0.0.1"))];
    world.projects.insert("../network:prod".to_owned(), prod);
    check(&world, "main.mlinfra")
}

#[test]
fn an_output_has_the_type_of_its_value() {
    let text = "\
let network = outputs(\"../network\")
let half = network.memory / 2
output next = network.port + 1
output twice = \"${network.url}/${network.zone}\"
output small = half < 1 GiB
output all = [x for x in network.names]
output prod = outputs(\"../network\", environment = \"prod\").url
";
    let checked = checked(text);
    assert!(checked.diagnostics.is_empty(), "{:?}", findings(&checked));
    let value = |name: &str| checked.program.outputs[name].value.to_string();
    assert_eq!(value("next"), "81");
    assert_eq!(value("twice"), "\"http://127.0.0.1:80/west\"");
    assert_eq!(value("small"), "true");
    assert_eq!(value("all"), "[\"a\"]");
    assert_eq!(value("prod"), "\"http://10.0.0.1\"");
    let read = &checked.program.projects;
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].outputs["memory"], "size in bytes");
    assert_eq!(read[1].environment.as_deref(), Some("prod"));
    assert!(!format!("{checked:?}").contains("hush-hush"));
}

#[test]
fn what_does_not_come_across_is_said_where_it_is_named() {
    for (expression, finding) in [
        (
            "outputs(\"../network\").port + \"a\"",
            "E0317 at \"+\": `+` does not take a whole number and a string",
        ),
        (
            "outputs(\"../network\").urll",
            "E0310 at \"urll\": that project has no output `urll`",
        ),
        (
            "outputs(\"../network\").key",
            "E0139 at \"key\": `key` is secret there",
        ),
        (
            "outputs(\"../network\").keys",
            "E0139 at \"keys\": `keys` is secret there",
        ),
        (
            "outputs(\"../network\").api",
            "E0139 at \"api\": `api` is no plain value",
        ),
        (
            "outputs(\"../network\").host",
            "E0139 at \"host\": `host` is not known there yet",
        ),
        (
            "outputs(\"../netwrk\").url",
            "E0138 at \"\\\"../netwrk\\\"\": the outputs of this project can't be read: there \
             is no project",
        ),
        (
            "outputs(\"../network\", environment = \"dev\").url",
            "E0138 at ",
        ),
    ] {
        // Said once, however often it is named, and nothing follows from it.
        let text = format!(
            "let one = {expression}\nlet two = \"${{one}}\"\noutput three = {expression}\n"
        );
        let found = findings(&checked(&text));
        let times = 1 + usize::from(!finding.starts_with("E0138"));
        assert_eq!(found.len(), times, "{expression}: {found:?}");
        assert!(found[0].starts_with(finding), "{expression}: {found:?}");
    }
}

#[test]
fn a_project_must_be_known_and_there_are_only_so_many() {
    let text = "\
target here = local()
pool worker on here { cpus >= 1 }
let network = outputs(\"../${worker.cpus}\")
";
    let found = findings(&checked(text));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("E0318"), "{found:?}");
    let many: String = (0..17)
        .map(|n| format!("output o{n} = outputs(\"../{n}\").url\n"))
        .collect();
    let found = findings(&checked(&many));
    assert_eq!(found.len(), 17);
    assert!(found[16].starts_with("E0322"), "{found:?}");
}

#[test]
fn an_editor_offers_what_can_be_read() {
    let checked = checked("let network = outputs(\"../network\")\noutput it = network.po\n");
    let end = checked.files[0].text.len() - 1;
    let end = u32::try_from(end).expect("the text is short");
    let offered = complete(&checked, &Trees::of(&checked), FileId(0), end);
    let offered: Vec<&str> = offered.iter().map(|one| one.detail.as_str()).collect();
    assert_eq!(offered, ["port: int"]);
}

#[test]
fn a_digest_tells_values_and_never_secrets() {
    let digest = |values: Vec<(String, Value)>| ProjectOutputs::new(values).digest();
    let first = digest(outputs());
    let mut other = outputs();
    other[7].1 = Value::Secret(Secret::new("another"));
    assert_eq!(digest(other.clone()), first);
    other[1].1 = Value::Int(81);
    assert_ne!(digest(other), first);
}
