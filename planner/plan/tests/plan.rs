//! Plans of the credit spec against snapshots and worlds made in memory.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{
    Address, Lower, Observation, OpenCall, Quantity, ResourceState, Snapshot, Token, Value, Verb,
};
use mlinfra_check::{Program, World, check};
use mlinfra_local::LocalLower;
use mlinfra_plan::{
    Answer, Answers, ChangeKind, Goal, Inputs, Outcome, Plan, Question, ROUNDS_MAX, Reason, plan,
};

const HEADER: &str = "status,month,credit_history,purpose,credit_amount,savings,employment,\
investment_as_income_percentage,personal_status,other_debtors,residence_since,property,age,\
installment_plans,housing,number_of_credits,skill_level,people_liable_for,telephone,\
foreign_worker,credit";

struct Texts(String);

impl World for Texts {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
    fn parameter(&self, _: &str) -> Option<String> {
        None
    }
    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}

fn credit() -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/credit/credit.mlinfra"
    );
    std::fs::read_to_string(path).expect("the example is in the repository")
}

fn program(text: &str) -> Program {
    let checked = check(&Texts(text.to_owned()), "credit.mlinfra");
    assert!(checked.diagnostics.is_empty(), "{:#?}", checked.diagnostics);
    checked.program
}

/// A world in memory: which recipe keys have a result, and what is broken.
struct Fake {
    digest: String,
    header: String,
    artifacts: BTreeSet<String>,
    unwell: BTreeMap<Address, String>,
    port_free: bool,
}

impl Fake {
    fn new() -> Self {
        Fake {
            digest: "d1".into(),
            header: HEADER.into(),
            artifacts: BTreeSet::new(),
            unwell: BTreeMap::new(),
            port_free: true,
        }
    }

    fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::File { .. } => Answer::File {
                sha256: self.digest.clone(),
                bytes: 80_059,
                header: Some(self.header.clone()),
            },
            Question::Host { .. } => Answer::Host {
                facts: BTreeMap::from([
                    ("cpus".into(), Value::Int(2)),
                    ("memory".into(), Value::Quantity(Quantity::bytes(24 << 30))),
                ]),
            },
            Question::Port { .. } => Answer::Port {
                free: self.port_free,
            },
            Question::Resource { state } => {
                let present = Observation::Present {
                    properties: BTreeMap::new(),
                    outputs: BTreeMap::new(),
                };
                let observation = match &state.resource.identity {
                    _ if self.unwell.contains_key(&state.resource.address) => {
                        let reason = self.unwell[&state.resource.address].clone();
                        Observation::Unwell { reason }
                    }
                    Some(key) if !self.artifacts.contains(key) => Observation::Absent,
                    _ => present,
                };
                Answer::Resource { observation }
            }
        }
    }

    fn plan(&self, program: &Program, snapshot: &Snapshot, goal: Goal) -> Plan {
        let mut answers = Answers::default();
        let lowerings: [&dyn Lower; 1] = [&LocalLower];
        for _ in 0..=ROUNDS_MAX {
            let inputs = Inputs {
                program,
                snapshot,
                lowerings: &lowerings,
                answers: &answers,
                goal,
                data_may_go: true,
            };
            match plan(inputs) {
                Outcome::Planned(plan) => return *plan,
                Outcome::Ask(questions) => {
                    for question in questions {
                        let answer = self.answer(&question);
                        answers.insert(question, answer);
                    }
                }
            }
        }
        panic!("planning asks more than {ROUNDS_MAX} rounds")
    }

    /// Carries a plan out, as a world without faults would.
    fn apply(&mut self, plan: &Plan, snapshot: &mut Snapshot) {
        for (number, action) in plan.actions.iter().enumerate() {
            assert!(
                action.after.iter().all(|first| *first < number),
                "{action:?}"
            );
            let address = &action.address;
            if action.verb == Verb::Delete {
                snapshot.resources.remove(address);
                continue;
            }
            for dependency in &action.resource.depends_on {
                let known = snapshot.resources.contains_key(dependency);
                assert!(known, "{address} is made before {dependency}");
            }
            self.artifacts.extend(action.resource.identity.clone());
            self.unwell.remove(address);
            snapshot.resources.insert(
                address.clone(),
                ResourceState {
                    resource: action.resource.clone(),
                    incarnation: 1,
                    handle: "h".into(),
                    outputs: BTreeMap::new(),
                },
            );
        }
        snapshot.serial += 1;
    }
}

fn kinds(plan: &Plan) -> BTreeMap<String, ChangeKind> {
    plan.changes
        .iter()
        .map(|change| (change.address.to_string(), change.kind))
        .collect()
}

fn reasons(plan: &Plan, address: &str) -> Vec<Reason> {
    let change = plan
        .changes
        .iter()
        .find(|change| change.address.to_string() == address);
    change
        .unwrap_or_else(|| panic!("{address} does not change"))
        .reasons
        .clone()
}

fn applied() -> (Fake, Snapshot) {
    let (mut world, mut snapshot) = (Fake::new(), Snapshot::default());
    let plan = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    assert!(plan.findings.is_empty(), "{:#?}", plan.findings);
    world.apply(&plan, &mut snapshot);
    (world, snapshot)
}

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
