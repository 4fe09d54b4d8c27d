//! What changes in a spec or in the world change in a plan.

use std::collections::BTreeMap;

use mlinfra_api::{Address, OpenCall, Snapshot, Token, Value, Verb};
use mlinfra_plan::{ChangeKind, Goal, Plan, Reason};

use crate::support::{Fake, HEADER, applied, credit, kinds, program, reasons};

/// The addresses that change when the credit spec's text is changed after it was applied.
fn after_edit(before: &str, after: &str) -> Plan {
    let (world, snapshot) = applied();
    let text = credit();
    assert!(text.contains(before), "the example has no `{before}`");
    world.plan(
        &program(&text.replace(before, after)),
        &snapshot,
        Goal::Apply,
    )
}

#[test]
fn a_first_plan_makes_everything_and_a_second_one_nothing() {
    let (world, snapshot) = applied();
    let again = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    assert!(again.is_empty(), "{:#?}", again.changes);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (world, snapshot) = (Fake::new(), Snapshot::default());
    let text = |plan: &Plan| serde_json::to_string(plan).expect("a plan is serialisable");
    let first = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    let second = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    assert_eq!(text(&first), text(&second));
    let read: Plan = serde_json::from_str(&text(&first)).expect("what was written can be read");
    assert_eq!(read, first);
}

#[test]
fn other_epochs_run_the_model_and_what_follows_and_keep_the_data() {
    let plan = after_edit("epochs       = 30", "epochs       = 40");
    let kinds = kinds(&plan);
    assert_eq!(
        kinds.get("risk/step.model"),
        Some(&ChangeKind::Run),
        "{kinds:?}"
    );
    assert_eq!(kinds.get("risk/step.release"), Some(&ChangeKind::Run));
    assert_eq!(kinds.get("endpoint.score"), Some(&ChangeKind::Update));
    for kept in [
        "dataset.applicants",
        "risk/step.clean",
        "risk/step.masked",
        "risk/step.parts",
    ] {
        assert!(!kinds.contains_key(kept), "{kinds:?}");
    }
    let changed = Reason::Changed {
        property: "epochs".into(),
        before: Some(Value::Int(30)),
        after: Some(Value::Int(40)),
        replaces: false,
    };
    assert_eq!(reasons(&plan, "risk/step.model"), [changed]);
    let follows = Reason::Follows {
        address: "risk/step.release".parse().expect("it is an address"),
    };
    assert_eq!(reasons(&plan, "endpoint.score"), [follows]);
}

#[test]
fn another_order_of_the_same_entries_is_said_as_what_it_is() {
    let plan = after_edit(
        "telephone       = drop\n    personal_status = drop",
        "personal_status = drop\n    telephone       = drop",
    );
    let masked = plan.changes.iter().find(|c| c.address.name() == "masked");
    let reasons = &masked.expect("the step runs").reasons;
    let is_order =
        |reason: &Reason| matches!(reason, Reason::Changed { property, .. } if property == "order");
    assert!(reasons.iter().any(is_order), "{reasons:?}");
}

#[test]
fn another_port_changes_the_endpoint_alone() {
    let plan = after_edit("port     = 8080", "port     = 8081");
    assert_eq!(
        kinds(&plan).into_keys().collect::<Vec<_>>(),
        ["endpoint.score"]
    );
}

#[test]
fn an_owner_changes_nothing() {
    let plan = after_edit("risk-ml@example.com", "other@example.com");
    assert!(plan.is_empty(), "{:#?}", plan.changes);
}

#[test]
fn one_byte_of_the_data_runs_what_depends_on_it() {
    let (mut world, snapshot) = applied();
    world.digest = "d2".into();
    let plan = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    let kinds = kinds(&plan);
    for run in [
        "dataset.applicants",
        "risk/step.clean",
        "risk/step.parts",
        "risk/step.model",
    ] {
        assert_eq!(kinds.get(run), Some(&ChangeKind::Run), "{kinds:?}");
    }
    assert!(!kinds.contains_key("storage.lake"));
}

#[test]
fn a_result_that_is_needed_is_drift_when_it_is_gone_and_an_intermediate_is_not() {
    let (mut world, snapshot) = applied();
    let key = |address: &str| {
        let address: Address = address.parse().expect("it is an address");
        snapshot.resources[&address]
            .resource
            .identity
            .clone()
            .expect("a step has a key")
    };
    world.artifacts.remove(&key("risk/step.masked"));
    let plan = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    assert!(plan.is_empty(), "{:#?}", plan.changes);

    world.artifacts.remove(&key("risk/step.model"));
    let plan = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    assert_eq!(
        kinds(&plan).into_keys().collect::<Vec<_>>(),
        ["risk/step.model"]
    );
    assert!(matches!(
        reasons(&plan, "risk/step.model")[0],
        Reason::Drift { .. }
    ));
}

#[test]
fn setting_back_reuses_what_is_there() {
    let (mut world, mut snapshot) = applied();
    let other = program(&credit().replace("epochs       = 30", "epochs       = 40"));
    let plan = world.plan(&other, &snapshot, Goal::Apply);
    world.apply(&plan, &mut snapshot);
    let back = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    assert!(
        !kinds(&back).values().any(|kind| *kind == ChangeKind::Run),
        "{:#?}",
        back.changes
    );
    world.apply(&back, &mut snapshot);
    assert!(
        world
            .plan(&program(&credit()), &snapshot, Goal::Apply)
            .is_empty()
    );
}

#[test]
fn drift_is_mended_in_place() {
    let (mut world, snapshot) = applied();
    let agent: Address = "target.here".parse().expect("it is an address");
    world
        .unwell
        .insert(agent, "the agent is not running".into());
    let plan = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    assert_eq!(
        kinds(&plan),
        BTreeMap::from([("target.here".into(), ChangeKind::Update)])
    );
}

#[test]
fn destroying_goes_backwards_and_leaves_nothing() {
    let (mut world, mut snapshot) = applied();
    let plan = world.plan(&program(&credit()), &snapshot, Goal::Destroy);
    let order: Vec<String> = plan.actions.iter().map(|a| a.address.to_string()).collect();
    let place = |address: &str| order.iter().position(|a| a == address).expect("it goes");
    assert!(place("endpoint.score") < place("pool.worker"));
    assert!(place("pool.worker") < place("target.here"));
    assert!(place("storage.lake") < place("key.vault"));
    world.apply(&plan, &mut snapshot);
    assert!(snapshot.resources.is_empty());
}

#[test]
fn a_missing_column_and_a_busy_port_are_findings() {
    let mut world = Fake::new();
    world.header = HEADER.replace("month", "months");
    let plan = world.plan(&program(&credit()), &Snapshot::default(), Goal::Apply);
    let codes: Vec<&str> = plan.findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(codes, ["E0903"]);
    assert!(plan.is_empty());

    world.header = HEADER.into();
    world.port_free = false;
    let plan = world.plan(&program(&credit()), &Snapshot::default(), Goal::Apply);
    let codes: Vec<&str> = plan.findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(codes, ["E0905"]);
    assert!(plan.findings[0].busy);
}

#[test]
fn what_was_begun_and_not_recorded_goes_before_what_it_stands_on() {
    let (world, mut snapshot) = applied();
    let model: Address = "risk/step.model".parse().expect("it is an address");
    let state = snapshot.resources.remove(&model).expect("it was applied");
    snapshot.open.insert(
        model.clone(),
        OpenCall {
            token: Token::new("lineage", &model, 1),
            verb: Verb::Create,
            operation: "op-1".into(),
            handle: Some("unit".into()),
            resource: state.resource,
        },
    );
    let plan = world.plan(&program(&credit()), &snapshot, Goal::Destroy);
    let order: Vec<String> = plan.actions.iter().map(|a| a.address.to_string()).collect();
    let place = |address: &str| order.iter().position(|a| a == address).expect("it goes");
    assert!(place("risk/step.model") < place("pool.worker"));
    assert!(place("risk/step.model") < place("storage.lake"));
    assert!(place("pool.worker") < place("target.here"));
}

#[test]
fn a_file_with_another_separator_has_one_fault() {
    let mut world = Fake::new();
    world.header = HEADER.replace(',', ";");
    let plan = world.plan(&program(&credit()), &Snapshot::default(), Goal::Apply);
    assert_eq!(plan.findings.len(), 1, "{:#?}", plan.findings);
    assert!(plan.findings[0].help[0].contains("commas"));
}

#[test]
fn outputs_are_recorded_as_the_spec_says_them() {
    let (mut world, mut snapshot) = applied();
    let text = credit() + "output again = \"${score.url}/again\"\noutput caller = score.key\n";
    let plan = world.plan(&program(&text), &snapshot, Goal::Apply);
    assert!(plan.actions.is_empty() && !plan.is_empty(), "{plan:#?}");
    let notice = "outputs: `again` is new, `caller` is new";
    assert_eq!(plan.notices, [notice.to_owned()]);
    let saved = serde_json::to_string(&plan).expect("a plan is plain data");
    let read: Plan = serde_json::from_str(&saved).expect("it was written");
    assert_eq!(read, plan);
    world.apply(&plan, &mut snapshot);
    let recorded = |name: &str| snapshot.outputs[name].to_string();
    assert_eq!(recorded("again"), "\"${endpoint.score.url}/again\"");
    assert_eq!(recorded("caller"), "endpoint.score.key");
    let again = world.plan(&program(&text), &snapshot, Goal::Apply);
    assert!(again.is_empty(), "{:#?}", again.state);
    let gone = world.plan(&program(&text), &snapshot, Goal::Destroy);
    world.apply(&gone, &mut snapshot);
    assert!(snapshot.outputs.is_empty());
}
