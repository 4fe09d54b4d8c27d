//! What may not go: what is protected, what is under way, and what stands out of bounds.

use std::collections::BTreeSet;

use mlinfra_api::{Address, OpenCall, Snapshot, StateChange, Token, Verb};
use mlinfra_check::{Environment, Program};
use mlinfra_plan::{ChangeKind, Goal, Plan};

use crate::support::{Fake, applied, carried_out, credit, kinds, program};

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

/// The program of the credit spec with something more in it.
fn with(extra: &str) -> Program {
    program(&(credit() + extra))
}

fn in_environment(mut program: Program, protect: bool, targets: Option<&[&str]>) -> Program {
    let targets = targets.map(|names| names.iter().map(|name| address(name)).collect());
    program.environment = Some(Environment {
        name: "prod".into(),
        targets,
        protect,
    });
    program
}

fn codes(plan: &Plan) -> Vec<&str> {
    plan.findings.iter().map(|found| &*found.code).collect()
}

const POOL: &str = "\npool spare on here { memory >= 1 MiB }\n";

/// A world in which a spec was applied, and its state.
fn after(program: &Program) -> (Fake, Snapshot) {
    let (mut world, snapshot) = applied();
    let plan = world.plan(program, &snapshot, Goal::Apply);
    assert!(plan.findings.is_empty(), "{:#?}", plan.findings);
    let snapshot = carried_out(&mut world, &plan, &snapshot);
    assert!(world.plan(program, &snapshot, Goal::Apply).is_empty());
    (world, snapshot)
}

#[test]
fn what_is_protected_later_is_protected_all_the_same() {
    let (mut world, snapshot) = after(&with(POOL));
    let protected = with(&format!("\n@protect{POOL}"));
    let plan = world.plan(&protected, &snapshot, Goal::Apply);
    let noted = StateChange::Protected {
        address: address("pool.spare"),
        protect: true,
    };
    assert_eq!(plan.state, [noted]);
    assert!(plan.actions.is_empty(), "{:#?}", plan.actions);
    assert!(plan.notices[0].contains("pool.spare is protected"));
    let snapshot = carried_out(&mut world, &plan, &snapshot);
    assert!(world.plan(&protected, &snapshot, Goal::Apply).is_empty());

    // The block is gone and its attribute with it: what was recorded counts.
    world.data_may_go = false;
    for goal in [Goal::Apply, Goal::Destroy] {
        let plan = world.plan(&with(""), &snapshot, goal);
        assert!(codes(&plan).contains(&"E0909"), "{:?}", codes(&plan));
    }
    world.data_may_go = true;
    let plan = world.plan(&with(""), &snapshot, Goal::Apply);
    assert_eq!(codes(&plan), [""; 0]);
    world.data_may_go = false;
    let meant = with("\nremoved \"pool.spare\"\n");
    let plan = world.plan(&meant, &snapshot, Goal::Apply);
    assert_eq!(kinds(&plan)["pool.spare"], ChangeKind::Delete);
    assert_eq!(codes(&plan), [""; 0]);

    // And back: an apply that takes it out says so, and then the block may go.
    let plan = world.plan(&with(POOL), &snapshot, Goal::Apply);
    assert!(plan.notices[0].contains("no longer protected"));
    let snapshot = carried_out(&mut world, &plan, &snapshot);
    let plan = world.plan(&with(""), &snapshot, Goal::Apply);
    assert_eq!(codes(&plan), [""; 0]);
}

#[test]
fn an_environment_protects_everything_from_the_moment_it_says_so() {
    let (mut world, snapshot) = after(&with(POOL));
    world.data_may_go = false;
    let guarded = in_environment(with(""), true, None);
    let plan = world.plan(&guarded, &snapshot, Goal::Apply);
    assert_eq!(codes(&plan), ["E0909"]);
    let message = &plan.findings[0].message;
    assert!(message.contains("`prod` protects everything"), "{message}");
    // What holds data is still said to.
    let plan = world.plan(&guarded, &snapshot, Goal::Destroy);
    assert!(codes(&plan).contains(&"E0907"), "{:?}", codes(&plan));
    assert!(codes(&plan).contains(&"E0909"), "{:?}", codes(&plan));

    // Once it was applied it holds without the spec, too.
    let plan = world.plan(
        &in_environment(with(POOL), true, None),
        &snapshot,
        Goal::Apply,
    );
    let snapshot = carried_out(&mut world, &plan, &snapshot);
    let plan = world.plan(&Program::default(), &snapshot, Goal::Destroy);
    let spare = plan.findings.iter().find(|found| {
        found.code == "E0909" && found.address.as_ref() == Some(&address("pool.spare"))
    });
    assert!(spare.is_some(), "{:?}", codes(&plan));
}

/// The call at this address was begun and its end is not recorded; before that nothing stood there.
fn began(snapshot: &mut Snapshot, at: &str) {
    let at = address(at);
    let state = snapshot.resources.remove(&at).expect("it was applied");
    let open = OpenCall {
        token: Token::new("lineage", &at, 1),
        verb: Verb::Create,
        operation: "op-1".into(),
        handle: Some("unit".into()),
        resource: state.resource,
    };
    snapshot.open.insert(at, open);
}

#[test]
fn what_is_under_way_is_not_moved_and_not_made_twice() {
    let (world, mut snapshot) = applied();
    began(&mut snapshot, "risk/step.model");
    let text = credit().replace("pipeline risk", "pipeline hazard");
    let text = text.replace("risk.", "hazard.");
    let moved = program(&(text + "\nmoved \"pipeline.risk\" = \"pipeline.hazard\"\n"));
    let plan = world.plan(&moved, &snapshot, Goal::Apply);
    assert_eq!(codes(&plan), ["E0973"]);
    assert!(plan.is_blocked() && plan.actions.is_empty());
    // Everything may go all the same.
    let plan = world.plan(&moved, &snapshot, Goal::Destroy);
    assert!(!plan.is_blocked(), "{:#?}", plan.findings);
}

#[test]
fn what_is_kept_and_still_being_made_is_not_removed() {
    let kept = with("\n@keep\nstorage old on here { class = file }\n");
    let (world, mut snapshot) = after(&kept);
    began(&mut snapshot, "storage.old");
    let plan = world.plan(&with(""), &snapshot, Goal::Apply);
    assert_eq!(codes(&plan), ["E0973"]);
}

const TWO: &str = "
project demo {}
target here = local()
target there = local()
pool near on here { memory >= 1 MiB }
";
const FAR: &str = "pool far on there { memory >= 1 MiB }\n";

#[test]
fn nothing_goes_on_a_target_that_the_environment_may_not_touch() {
    let mut world = Fake::new();
    let all = in_environment(program(&(TWO.to_owned() + FAR)), false, None);
    let plan = world.plan(&all, &Snapshot::default(), Goal::Apply);
    let snapshot = carried_out(&mut world, &plan, &Snapshot::default());
    let far = &snapshot.resources[&address("pool.far")].resource;
    assert_eq!(far.target, Some(address("target.there")));

    let narrow = |text: &str| in_environment(program(text), false, Some(&["target.here"]));
    let plan = world.plan(&narrow(TWO), &snapshot, Goal::Apply);
    assert_eq!(codes(&plan), ["E0131"]);
    assert!(plan.findings[0].message.contains("pool.far"));
    let destroyed = world.plan(&narrow(TWO), &snapshot, Goal::Destroy);
    let refused: BTreeSet<&Address> = destroyed
        .findings
        .iter()
        .filter_map(|found| found.address.as_ref())
        .collect();
    let wanted = [address("pool.far"), address("target.there")];
    assert_eq!(refused, wanted.iter().collect());

    // With nothing on it, a target that is declared stays as it is; one that is not declared any
    // more is removed on purpose.
    let plan = world.plan(
        &in_environment(program(TWO), false, None),
        &snapshot,
        Goal::Apply,
    );
    let snapshot = carried_out(&mut world, &plan, &snapshot);
    assert!(world.plan(&narrow(TWO), &snapshot, Goal::Apply).is_empty());
    let gone = TWO.replace("target there = local()\n", "");
    let plan = world.plan(&narrow(&gone), &snapshot, Goal::Apply);
    assert_eq!(kinds(&plan)["target.there"], ChangeKind::Delete);
    assert_eq!(codes(&plan), [""; 0]);
}

#[test]
fn what_was_left_is_not_taken_over_by_a_block_of_its_name() {
    let (mut world, snapshot) = applied();
    world.existing = Some(("stores/storage.old".into(), address("storage.old")));
    let block = "storage old on here { class = file }\n";
    let plan = world.plan(&with(&format!("\n{block}")), &snapshot, Goal::Apply);
    assert_eq!(codes(&plan), ["E0979"]);
    assert!(plan.findings[0].help[0].contains("`@existing(\"storage.old\")`"));
    // Once it says so, it is taken over; another name is free.
    let taken = with(&format!("\n@existing(\"storage.old\")\n{block}"));
    let plan = world.plan(&taken, &snapshot, Goal::Apply);
    assert_eq!(codes(&plan), [""; 0]);
    assert_eq!(kinds(&plan)["storage.old"], ChangeKind::Adopt);
    let snapshot = carried_out(&mut world, &plan, &snapshot);
    assert!(world.plan(&taken, &snapshot, Goal::Apply).is_empty());
    let other = with(&format!("\n{}", block.replace("old", "new")));
    let (_, fresh) = applied();
    let plan = world.plan(&other, &fresh, Goal::Apply);
    assert_eq!(kinds(&plan)["storage.new"], ChangeKind::Create);
}

#[test]
fn what_is_kept_is_not_said_to_be_removed() {
    let (world, snapshot) = after(&with("\n@keep\nstorage old on here { class = file }\n"));
    let plan = world.plan(&with("\nremoved \"storage.old\"\n"), &snapshot, Goal::Apply);
    assert_eq!(codes(&plan), ["E0980"]);
    let left = with("\nremoved \"storage.old\" { keep = true }\n");
    let plan = world.plan(&left, &snapshot, Goal::Apply);
    assert_eq!(kinds(&plan)["storage.old"], ChangeKind::Forget);
    assert_eq!(codes(&plan), [""; 0]);
}
