//! Gates in plans: open, judged, and what they hold back.

use std::collections::BTreeMap;

use mlinfra_api::{Address, Condition, Figure, RowOperator, Snapshot, Value, Verdict};
use mlinfra_check::{FileId, Gate, Program, Span};
use mlinfra_plan::{ChangeKind, Goal, Plan, Reason};

use crate::support::{Fake, credit, figure, kinds, program, reasons};

const REPORT: &str = "risk/step.report";

fn at_least(name: &str, arguments: &[&str], bound: &str) -> Gate {
    let wanted = Figure {
        name: name.into(),
        arguments: arguments.iter().map(|one| Value::text(*one)).collect(),
    };
    let text = format!("{wanted} >= {bound}");
    let condition = Condition::Binary {
        operator: RowOperator::GreaterOrEqual,
        left: Box::new(Condition::Figure(wanted)),
        right: Box::new(Condition::Value(figure(bound))),
    };
    Gate {
        text,
        condition,
        message: None,
        span: Span {
            file: FileId(0),
            start: 0,
            end: 0,
        },
    }
}

/// The credit spec with these gates on its report, and nothing else that judges.
fn judged_by(text: &str, gates: Vec<Gate>) -> Program {
    let mut program = program(text);
    for block in &mut program.blocks {
        if let Some(step) = &mut block.step {
            step.gates.clear();
            if block.address.to_string() == REPORT {
                step.gates.clone_from(&gates);
            }
        }
    }
    program
}

fn auc(text: &str, bound: &str) -> Program {
    judged_by(text, vec![at_least("auc", &[], bound)])
}

fn more_epochs() -> String {
    let text = credit();
    assert!(text.contains("epochs       = 30"));
    text.replace("epochs       = 30", "epochs       = 40")
}

fn report(world: &mut Fake, name: &str, value: Value) {
    let report = BTreeMap::from([(name.to_owned(), value)]);
    world.reports.insert(REPORT.into(), report);
}

fn bytes(plan: &Plan) -> String {
    serde_json::to_string(plan).expect("a plan is serialisable")
}

fn codes(plan: &Plan) -> Vec<(&str, bool)> {
    let findings = plan.findings.iter();
    findings.map(|f| (f.code.as_str(), f.error)).collect()
}

fn held(plan: &Plan) -> Vec<String> {
    plan.held().map(|(what, _)| what.to_string()).collect()
}

/// The credit spec applied with `auc >= 0.70`, which holds.
fn applied() -> (Fake, Snapshot) {
    let (mut world, mut snapshot) = (Fake::new(), Snapshot::default());
    let plan = world.plan(&auc(&credit(), "0.70"), &snapshot, Goal::Apply);
    assert_eq!(plan.gates[0].verdict, Verdict::Open);
    assert_eq!(plan.gates[0].sentence(), "auc: at least 0.70 required");
    world.apply(&plan, &mut snapshot);
    (world, snapshot)
}

#[test]
fn a_gate_is_open_until_its_step_has_run_and_then_judged_by_what_it_reported() {
    let (world, snapshot) = applied();
    let plan = world.plan(&auc(&credit(), "0.70"), &snapshot, Goal::Apply);
    assert!(plan.is_empty() && plan.findings.is_empty(), "{plan:#?}");
    assert_eq!(plan.gates[0].verdict, Verdict::Holds);
    assert_eq!(plan.gates[0].figures["auc"], figure("0.79"));
}

#[test]
fn a_bound_changes_nothing_but_the_verdict() {
    let (world, snapshot) = applied();
    let plan = world.plan(&auc(&credit(), "0.99"), &snapshot, Goal::Apply);
    // The release is there and stays; the plan says what does not hold, with figure and bound.
    assert!(
        plan.actions.is_empty() && plan.changes.is_empty(),
        "{plan:#?}"
    );
    assert_eq!(codes(&plan), [("E0940", false)]);
    assert_eq!(plan.findings[0].message, "auc 0.79, at least 0.99 required");
    assert!(!plan.is_blocked());
    let again = world.plan(&auc(&credit(), "0.99"), &snapshot, Goal::Apply);
    assert_eq!(bytes(&plan), bytes(&again));
    let back = world.plan(&auc(&credit(), "0.70"), &snapshot, Goal::Apply);
    assert!(back.is_empty() && back.findings.is_empty());
}

#[test]
fn a_model_that_is_not_good_enough_is_not_released_and_a_lower_bound_trains_nothing() {
    let (mut world, mut snapshot) = applied();
    let serving = snapshot.resources[&"endpoint.score".parse().expect("an address")].clone();
    report(&mut world, "auc", figure("0.75"));
    let wanted = auc(&more_epochs(), "0.78");
    let plan = world.plan(&wanted, &snapshot, Goal::Apply);
    let planned = kinds(&plan);
    assert_eq!(planned["risk/step.release"], ChangeKind::Run);
    assert!(held(&plan).is_empty());
    world.apply(&plan, &mut snapshot);
    assert_eq!(
        snapshot.resources[&"endpoint.score".parse().expect("an address")],
        serving
    );

    // What is known not to hold is not planned, and the plan stays the same.
    let after = world.plan(&wanted, &snapshot, Goal::Apply);
    assert!(after.actions.is_empty(), "{:#?}", after.actions);
    assert_eq!(held(&after), ["risk/step.release", "endpoint.score"]);
    assert!(
        after
            .changes
            .iter()
            .all(|change| change.blocked_by.is_some())
    );
    assert!(after.counts().is_empty());
    assert_eq!(
        after.findings[0].message,
        "auc 0.75, at least 0.78 required"
    );
    world.apply(&after, &mut snapshot);
    let again = world.plan(&wanted, &snapshot, Goal::Apply);
    assert_eq!((again.changes, again.gates), (after.changes, after.gates));

    // The bound goes back: release and rollout alone.
    world.done.clear();
    let lower = auc(&more_epochs(), "0.70");
    let plan = world.plan(&lower, &snapshot, Goal::Apply);
    assert!(plan.findings.is_empty(), "{:#?}", plan.findings);
    world.apply(&plan, &mut snapshot);
    assert_eq!(world.done, ["risk/step.release", "endpoint.score"]);
    assert!(world.plan(&lower, &snapshot, Goal::Apply).is_empty());
}

#[test]
fn what_was_not_measured_does_not_hold() {
    let (mut world, mut snapshot) = (Fake::new(), Snapshot::default());
    report(&mut world, "disparate_impact(sex)", Value::None);
    let gates = vec![
        at_least("disparate_impact", &["sex"], "0.80"),
        at_least("never_reported", &[], "0"),
    ];
    let wanted = judged_by(&credit(), gates);
    let first = world.plan(&wanted, &snapshot, Goal::Apply);
    world.apply(&first, &mut snapshot);
    let plan = world.plan(&wanted, &snapshot, Goal::Apply);
    assert_eq!(codes(&plan), [("E0941", false); 2]);
    assert_eq!(
        plan.findings[0].message,
        "disparate_impact(sex) is undefined, at least 0.80 required"
    );
    // Whatever else watches the endpoint waits with it.
    assert_eq!(held(&plan)[..2], ["risk/step.release", "endpoint.score"]);
}

#[test]
fn what_a_gate_keeps_in_its_place_is_put_right_there() {
    let (mut world, mut snapshot) = applied();
    report(&mut world, "auc", figure("0.75"));
    let wanted = auc(&more_epochs(), "0.78");
    let plan = world.plan(&wanted, &snapshot, Goal::Apply);
    world.apply(&plan, &mut snapshot);
    let score: Address = "endpoint.score".parse().expect("an address");
    let reason = "its process is gone".to_owned();
    world.unwell.insert(score.clone(), reason.clone());
    let plan = world.plan(&wanted, &snapshot, Goal::Apply);
    assert_eq!(plan.actions.len(), 1);
    assert_eq!(
        plan.actions[0].resource,
        snapshot.resources[&score].resource
    );
    assert_eq!(reasons(&plan, "endpoint.score"), [Reason::Drift { reason }]);
    assert_eq!(held(&plan), ["risk/step.release", "endpoint.score"]);
}

#[test]
fn a_result_that_is_taken_over_is_judged_by_what_it_reported_then() {
    let (mut world, mut snapshot) = applied();
    report(&mut world, "auc", figure("0.75"));
    let wanted = auc(&more_epochs(), "0.78");
    let plan = world.plan(&wanted, &snapshot, Goal::Apply);
    world.apply(&plan, &mut snapshot);
    // Back to the first model: everything of it is there, with the figure that it had.
    let back = world.plan(&auc(&credit(), "0.78"), &snapshot, Goal::Apply);
    assert_eq!(kinds(&back)[REPORT], ChangeKind::Reuse);
    assert_eq!(back.gates[0].verdict, Verdict::Holds);
    assert!(held(&back).is_empty());
    world.apply(&back, &mut snapshot);
    // And forth: the second one is known not to be good enough before anything is done.
    let forth = world.plan(&wanted, &snapshot, Goal::Apply);
    assert_eq!(kinds(&forth)[REPORT], ChangeKind::Reuse);
    assert_eq!(held(&forth), ["risk/step.release", "endpoint.score"]);
    assert!(
        !forth
            .actions
            .iter()
            .any(|action| action.address.to_string().contains("release"))
    );
}

#[test]
fn figures_are_told_apart_from_their_bounds_and_joined_conditions_taken_apart() {
    let (mut world, mut snapshot) = (Fake::new(), Snapshot::default());
    let report = BTreeMap::from([
        ("auc".to_owned(), figure("0.79996")),
        ("auc_low".to_owned(), figure("0.7512")),
        ("auc_high".to_owned(), figure("0.8333")),
        ("brier".to_owned(), figure("0.1")),
    ]);
    world.reports.insert(REPORT.into(), report);
    let (one, other) = (at_least("auc", &[], "0.8"), at_least("brier", &[], "0.05"));
    let both = Gate {
        condition: Condition::Binary {
            operator: RowOperator::And,
            left: Box::new(other.condition),
            right: Box::new(one.condition.clone()),
        },
        message: Some("too weak to serve".into()),
        ..one.clone()
    };
    let turned = Gate {
        condition: Condition::Not(Box::new(one.condition)),
        ..one
    };
    let wanted = judged_by(&credit(), vec![both, turned]);
    let first = world.plan(&wanted, &snapshot, Goal::Apply);
    world.apply(&first, &mut snapshot);
    let plan = world.plan(&wanted, &snapshot, Goal::Apply);
    assert_eq!(
        plan.gates[0].sentence(),
        "too weak to serve: auc 0.79996, at least 0.8 required"
    );
    assert_eq!(plan.gates[0].figures["auc_low"], figure("0.7512"));
    assert_eq!(plan.gates[1].verdict, Verdict::Holds);
    assert_eq!(
        plan.gates[1].sentence(),
        "auc 0.80; `not (auc >= 0.8)` required"
    );
}

#[test]
fn a_setting_that_changes_no_byte_is_in_no_recipe_and_is_no_reason() {
    let unkeyed = |text: &str| {
        let mut program = program(text);
        let model = program
            .blocks
            .iter_mut()
            .find(|block| block.address.to_string() == "risk/step.model");
        let step = model.and_then(|block| block.step.as_mut()).expect("a step");
        step.unkeyed.insert("epochs".into());
        program
    };
    let (mut world, mut snapshot) = (Fake::new(), Snapshot::default());
    let first = world.plan(&unkeyed(&credit()), &snapshot, Goal::Apply);
    let model = first
        .actions
        .iter()
        .find(|a| a.address.to_string() == "risk/step.model");
    let settings = model.expect("it runs").resource.properties["settings"].as_record();
    assert_eq!(settings.expect("a record")["epochs"], Value::Int(30));
    world.apply(&first, &mut snapshot);
    let plan = world.plan(&unkeyed(&more_epochs()), &snapshot, Goal::Apply);
    assert!(plan.is_empty(), "{:#?}", plan.changes);
    let other = more_epochs().replace("seed         = 7", "seed         = 8");
    let plan = world.plan(&unkeyed(&other), &snapshot, Goal::Apply);
    let changed = Reason::Changed {
        property: "seed".into(),
        before: Some(Value::Int(7)),
        after: Some(Value::Int(8)),
        replaces: false,
    };
    assert_eq!(reasons(&plan, "risk/step.model"), [changed]);
}

#[test]
fn a_release_waits_for_each_of_several_judgements() {
    let second = "  step other = evaluate(model, parts.test)\n\n  step release";
    let text = credit().replace("  step release", second);
    let both = text.replace("gate = report)", "gate = [report, other])");
    assert_ne!(both, text);
    let judged = |text: &str, bound: &str| {
        let mut program = auc(text, "0.70");
        for block in &mut program.blocks {
            if let Some(step) = block
                .step
                .as_mut()
                .filter(|_| block.address.name() == "other")
            {
                step.gates = vec![at_least("auc", &[], bound)];
            }
        }
        program
    };
    let (mut world, mut snapshot) = applied();
    let plan = world.plan(&judged(&both, "0.70"), &snapshot, Goal::Apply);
    // What a release waits for is in no recipe: it is not made again.
    let changed: Vec<String> = plan.changes.iter().map(|c| c.address.to_string()).collect();
    assert_eq!(changed, ["risk/step.other"]);
    let other = BTreeMap::from([("auc".to_owned(), figure("0.60"))]);
    world.reports.insert("risk/step.other".into(), other);
    world.apply(&plan, &mut snapshot);
    let again = both.replace("epochs       = 30", "epochs       = 40");
    let plan = world.plan(&judged(&again, "0.70"), &snapshot, Goal::Apply);
    assert_eq!(held(&plan), Vec::<String>::new());
    world.apply(&plan, &mut snapshot);
    let plan = world.plan(&judged(&again, "0.70"), &snapshot, Goal::Apply);
    assert_eq!(held(&plan), ["risk/step.release", "endpoint.score"]);
    assert_eq!(codes(&plan), [("E0940", false)]);
    assert_eq!(plan.findings[0].message, "auc 0.60, at least 0.70 required");
    // Without the second judgement in its list, the release would have gone out.
    let plan = world.plan(
        &judged(&again.replace("[report, other]", "report"), "0.70"),
        &snapshot,
        Goal::Apply,
    );
    assert_eq!(held(&plan), Vec::<String>::new());
}
