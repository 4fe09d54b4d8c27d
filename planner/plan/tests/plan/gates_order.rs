//! What a gate keeps in its place while other things come and go: ports, stores, renamed endpoints.

use mlinfra_api::{Address, Reference, Snapshot, Value, Verb};
use mlinfra_check::{Argument, Block};
use mlinfra_plan::{ChangeKind, Goal, Plan};

use crate::support::{Fake, applied, credit, figure, kinds, program};

/// The spec with the endpoint renamed, its watch and its address with it; the port stays.
fn renamed(text: &str) -> String {
    let renamed = text
        .replace("endpoint score on", "endpoint scorer on")
        .replace("watch = score", "watch = scorer")
        .replace("= score.url", "= scorer.url");
    assert_ne!(renamed, text);
    renamed
}

/// The spec whose gate asks for more than any model here has.
fn strict(text: &str) -> String {
    let strict = text
        .replace("require auc >= 0.70", "require auc >= 0.99")
        .replace("epochs       = 30", "epochs       = 33");
    assert_ne!(strict, text);
    strict
}

#[track_caller]
fn place(plan: &Plan, verb: Verb, address: &str) -> usize {
    let is_it = |action: &mlinfra_plan::Action| {
        action.verb == verb && action.address.to_string() == address
    };
    let found = plan.actions.iter().position(is_it);
    found.unwrap_or_else(|| panic!("{verb:?} {address} is not in {:#?}", kinds(plan)))
}

fn stands(snapshot: &Snapshot, address: &str) -> bool {
    let address: Address = address.parse().expect("an address");
    snapshot.resources.contains_key(&address)
}

fn held(plan: &Plan) -> Vec<String> {
    plan.held().map(|(what, _)| what.to_string()).collect()
}

fn warned(plan: &Plan) -> Vec<String> {
    let early = plan.findings.iter().filter(|found| found.code == "E0946");
    early.map(|found| found.message.clone()).collect()
}

#[test]
fn a_watched_endpoint_is_renamed_on_its_port() {
    let (mut world, mut snapshot) = applied();
    let plan = world.plan(&program(&renamed(&credit())), &snapshot, Goal::Apply);
    // That it may have been renamed is offered, nothing else is said.
    let others = plan.findings.iter().filter(|found| found.code != "E0971");
    assert_eq!(others.count(), 0, "{:#?}", plan.findings);
    let old = place(&plan, Verb::Delete, "endpoint.score");
    let new = place(&plan, Verb::Create, "endpoint.scorer");
    assert!(old < new && plan.actions[new].after.contains(&old));
    assert!(new < place(&plan, Verb::Update, "monitor.health"));
    world.apply(&plan, &mut snapshot);
    let again = world.plan(&program(&renamed(&credit())), &snapshot, Goal::Apply);
    assert!(again.is_empty(), "{:#?}", again.changes);

    // And back, and all of it taken away.
    let plan = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    world.apply(&plan, &mut snapshot);
    let plan = world.plan(&program(&credit()), &snapshot, Goal::Destroy);
    world.apply(&plan, &mut snapshot);
    assert!(snapshot.resources.is_empty());
}

#[test]
fn what_gives_a_port_up_waits_for_the_verdict_too() {
    let (mut world, mut snapshot) = applied();
    let wanted = program(&renamed(&strict(&credit())));
    let plan = world.plan(&wanted, &snapshot, Goal::Apply);
    let old = place(&plan, Verb::Delete, "endpoint.score");
    let release = place(&plan, Verb::Create, "risk/step.release");
    assert!(plan.actions[old].after.contains(&release));
    assert_eq!(warned(&plan), Vec::<String>::new());
    world.apply(&plan, &mut snapshot);
    assert!(stands(&snapshot, "endpoint.score") && !stands(&snapshot, "endpoint.scorer"));

    // Known not to hold, none of it is planned; the monitor goes on with the old one.
    let plan = world.plan(&wanted, &snapshot, Goal::Apply);
    assert!(plan.actions.is_empty(), "{:#?}", plan.actions);
    let mut waiting = held(&plan);
    waiting.sort();
    let all = ["endpoint.score", "endpoint.scorer", "monitor.health"];
    assert_eq!(waiting[..3], all);
    assert_eq!(waiting[3..], ["risk/step.release"]);

    // Good enough after all: the old one goes, the new one comes.
    let lower = renamed(&strict(&credit())).replace("auc >= 0.99", "auc >= 0.60");
    let plan = world.plan(&program(&lower), &snapshot, Goal::Apply);
    world.apply(&plan, &mut snapshot);
    assert!(!stands(&snapshot, "endpoint.score") && stands(&snapshot, "endpoint.scorer"));
}

#[test]
fn a_store_that_is_made_anew_under_its_name_is_warned_of() {
    let (world, snapshot) = applied();
    let text = credit().replace("class      = ssd", "class      = nvme");
    let plan = world.plan(&program(&text), &snapshot, Goal::Apply);
    assert_eq!(kinds(&plan)["storage.lake"], ChangeKind::DeleteThenCreate);
    assert_eq!(warned(&plan).len(), 1);
    assert!(warned(&plan)[0].contains("`endpoint.score` serves lies in `storage.lake`"));
    assert!(warned(&plan)[0].contains("`risk/step.report` is judged"));
    assert!(!plan.is_blocked());

    // Nothing is judged, nothing to warn of.
    let mut program = program(&text);
    for step in program
        .blocks
        .iter_mut()
        .filter_map(|block| block.step.as_mut())
    {
        step.gates.clear();
    }
    let plan = world.plan(&program, &snapshot, Goal::Apply);
    assert_eq!(warned(&plan), Vec::<String>::new());
}

#[test]
fn a_store_that_is_renamed_stays_until_nothing_is_served_from_it() {
    let (mut world, mut snapshot) = applied();
    let text = strict(&credit())
        .replace("storage lake on", "storage lake_2 on")
        .replace("keep     = lake", "keep     = lake_2");
    let plan = world.plan(&program(&text), &snapshot, Goal::Apply);
    let (old, score) = (
        place(&plan, Verb::Delete, "storage.lake"),
        place(&plan, Verb::Update, "endpoint.score"),
    );
    assert!(plan.actions[old].after.contains(&score));
    assert_eq!(warned(&plan), Vec::<String>::new());
    world.apply(&plan, &mut snapshot);
    assert!(stands(&snapshot, "storage.lake") && stands(&snapshot, "storage.lake_2"));
    let plan = world.plan(&program(&text), &snapshot, Goal::Apply);
    assert!(plan.actions.is_empty(), "{:#?}", plan.actions);
    assert!(held(&plan).contains(&"storage.lake".to_owned()));
    let lower = text.replace("auc >= 0.99", "auc >= 0.60");
    let plan = world.plan(&program(&lower), &snapshot, Goal::Apply);
    world.apply(&plan, &mut snapshot);
    assert!(!stands(&snapshot, "storage.lake"));
}

#[test]
fn an_empty_list_is_part_of_a_recipe_and_a_list_of_judgements_is_not() {
    let key = |argument: Option<Value>| {
        let mut program = program(&credit());
        let is_clean = |block: &&mut Block| block.address.to_string() == "risk/step.clean";
        let clean = program.blocks.iter_mut().find(is_clean);
        let step = clean.and_then(|block| block.step.as_mut()).expect("a step");
        step.arguments.extend(argument.map(|value| {
            let argument = Argument { value, table: None };
            ("more".to_owned(), argument)
        }));
        let plan = Fake::new().plan(&program, &Snapshot::default(), Goal::Apply);
        let clean = plan.actions[place(&plan, Verb::Create, "risk/step.clean")].clone();
        clean.resource.identity.expect("a step has a key")
    };
    let awaited = Value::Reference(Reference {
        address: "dataset.applicants".parse().expect("an address"),
        path: Vec::new(),
    });
    let plain = key(None);
    assert_ne!(key(Some(Value::List(Vec::new()))), plain);
    assert_eq!(key(Some(Value::List(vec![awaited]))), plain);
}

/// What is held is found by what stands on it, however much that is.
#[test]
fn many_endpoints_behind_a_gate_are_all_held() {
    let mut text = strict(&credit());
    let mut endpoints = String::new();
    for number in 0..100 {
        let endpoint = format!(
            "endpoint e{number} on worker {{\n  model = risk.release\n  port  = {}\n}}\n",
            9_000 + number
        );
        endpoints.push_str(&endpoint);
    }
    text.push_str(&endpoints);
    let wanted = program(&text);
    let (mut world, mut snapshot) = (Fake::new(), Snapshot::default());
    world
        .reports
        .entry("risk/step.report".into())
        .or_default()
        .insert("auc".into(), figure("0.5"));
    let plan = world.plan(&wanted, &snapshot, Goal::Apply);
    world.apply(&plan, &mut snapshot);
    let plan = world.plan(&wanted, &snapshot, Goal::Apply);
    assert_eq!(held(&plan).len(), 103);
}
