//! What is called otherwise, what is left where it stands, and what stood already.

use mlinfra_api::{Address, Snapshot, StateChange, Value};
use mlinfra_plan::{ChangeKind, Goal};

use crate::support::{Fake, applied, applied_of, carried_out, credit, kinds, program};

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

/// The credit spec with its store called otherwise.
fn renamed() -> String {
    let text = credit().replace("storage lake", "storage pond");
    let text = text.replace("= lake", "= pond");
    assert!(!text.contains("storage lake"));
    text
}

#[test]
fn a_renamed_block_is_offered_a_move() {
    let (world, snapshot) = applied();
    let plan = world.plan(&program(&renamed()), &snapshot, Goal::Apply);
    let found = plan.findings.iter().find(|found| found.code == "E0971");
    let found = found.expect("the rename is noticed");
    assert!(!found.error);
    let line = "`moved \"storage.lake\" = \"storage.pond\"`";
    assert!(found.help[0].contains(line), "{:?}", found.help);
}

#[test]
fn what_goes_together_is_offered_one_move() {
    let family = |name: &str| {
        let keys = "k in [\"a\", \"b\"]";
        credit() + &format!("\nstorage {name} on here for {keys} {{ capacity = 1 GiB }}\n")
    };
    let (world, snapshot) = applied_of(&program(&family("old")));
    let plan = world.plan(&program(&family("new")), &snapshot, Goal::Apply);
    let found: Vec<_> = (plan.findings.iter())
        .filter(|found| found.code == "E0971")
        .collect();
    let [found] = found.as_slice() else {
        panic!("{found:#?}");
    };
    let line = "`moved \"storage.old\" = \"storage.new\"`";
    assert!(found.help[0].contains(line), "{:?}", found.help);
    let text = family("new") + "moved \"storage.old\" = \"storage.new\"\n";
    let plan = world.plan(&program(&text), &snapshot, Goal::Apply);
    assert!(plan.actions.is_empty(), "{:#?}", plan.changes);
    assert_eq!(plan.state.len(), 2);
}

#[test]
fn a_moved_block_stays_what_it_is_and_nothing_runs() {
    let (mut world, snapshot) = applied();
    let text = renamed() + "\nmoved \"storage.lake\" = \"storage.pond\"\n";
    let program = program(&text);
    let plan = world.plan(&program, &snapshot, Goal::Apply);
    assert!(plan.findings.is_empty(), "{:#?}", plan.findings);
    assert!(plan.actions.is_empty(), "{:#?}", plan.changes);
    let moved = StateChange::Moved {
        from: address("storage.lake"),
        to: address("storage.pond"),
    };
    assert_eq!(plan.state, [moved]);
    assert_eq!(kinds(&plan)["storage.pond"], ChangeKind::Move);
    assert_eq!(plan.serial, snapshot.serial);
    let snapshot = carried_out(&mut world, &plan, &snapshot);
    let pond = &snapshot.resources[&address("storage.pond")].resource;
    assert_eq!(pond.made_as, Some(address("storage.lake")));
    // The line may stay: it has nothing to say any more.
    let again = world.plan(&program, &snapshot, Goal::Apply);
    assert!(again.is_empty(), "{:#?}", again.changes);

    // What comes under the old name is another thing, and is named so.
    let text = text.replace("moved \"storage.lake\" = \"storage.pond\"\n", "")
        + "storage lake on here { class = file }\n";
    let both = world.plan(&self::program(&text), &snapshot, Goal::Apply);
    let lake = both
        .actions
        .iter()
        .find(|action| action.address.name() == "lake");
    let name = lake.expect("it is made").resource.made_as.clone();
    assert_eq!(name, Some(address("storage.lake[\"/2\"]")));
}

#[test]
fn everything_in_a_moved_pipeline_moves_along() {
    let (mut world, snapshot) = applied();
    let text = credit().replace("pipeline risk", "pipeline hazard");
    let text = text.replace("risk.", "hazard.");
    let program = program(&(text + "\nmoved \"pipeline.risk\" = \"pipeline.hazard\"\n"));
    let plan = world.plan(&program, &snapshot, Goal::Apply);
    assert!(plan.actions.is_empty(), "{:#?}", plan.changes);
    assert!(plan.state.len() > 5, "{:?}", plan.state);
    let snapshot = carried_out(&mut world, &plan, &snapshot);
    assert!(
        snapshot
            .resources
            .contains_key(&address("hazard/step.model"))
    );
    assert!(world.plan(&program, &snapshot, Goal::Apply).is_empty());
}

#[test]
fn a_move_onto_something_that_stands_is_refused() {
    let (world, mut snapshot) = applied();
    let mut other = snapshot.resources[&address("storage.lake")].clone();
    other.resource.address = address("storage.pond");
    snapshot.resources.insert(address("storage.pond"), other);
    let text = renamed() + "\nmoved \"storage.lake\" = \"storage.pond\"\n";
    let plan = world.plan(&program(&text), &snapshot, Goal::Apply);
    let codes: Vec<&str> = plan.findings.iter().map(|found| &*found.code).collect();
    assert!(codes.contains(&"E0972"), "{codes:?}");
    assert!(plan.is_blocked());
}

#[test]
fn what_is_kept_is_noted_and_forgotten_once_it_is_out_of_the_spec() {
    let (mut world, snapshot) = applied();
    let extra = "\n@keep\nstorage old on here { class = file }\n";
    let first = world.plan(&program(&(credit() + extra)), &snapshot, Goal::Apply);
    let kept = StateChange::Kept {
        address: address("storage.old"),
        keep: true,
    };
    assert_eq!(first.state, [kept]);
    let snapshot = carried_out(&mut world, &first, &snapshot);
    assert!(
        world
            .plan(&program(&(credit() + extra)), &snapshot, Goal::Apply)
            .is_empty()
    );
    let third = world.plan(&program(&credit()), &snapshot, Goal::Apply);
    assert_eq!(kinds(&third)["storage.old"], ChangeKind::Forget);
    assert!(third.actions.is_empty());
    let destroyed = world.plan(&program(&credit()), &snapshot, Goal::Destroy);
    assert_eq!(kinds(&destroyed)["storage.old"], ChangeKind::Forget);
}

#[test]
fn what_is_removed_on_purpose_goes_or_stays_as_it_says() {
    let (mut world, snapshot) = applied();
    let extra = "\nstorage old on here { class = file }\n";
    let first = world.plan(&program(&(credit() + extra)), &snapshot, Goal::Apply);
    let snapshot = carried_out(&mut world, &first, &snapshot);
    let after = |line: &str| {
        let text = format!("{}\n{line}\n", credit());
        kinds(&world.plan(&program(&text), &snapshot, Goal::Apply))["storage.old"]
    };
    assert_eq!(after("removed \"storage.old\""), ChangeKind::Delete);
    assert_eq!(
        after("removed \"storage.old\" { keep = true }"),
        ChangeKind::Forget
    );
}

#[test]
fn an_ignored_field_is_left_as_it_is() {
    let (mut world, snapshot) = applied();
    let with = |attribute: &str, capacity: &str| {
        let text = format!(
            "{}\n{attribute}\nstorage old on here {{ class = file, capacity = {capacity} }}\n",
            credit()
        );
        program(&text)
    };
    let first = world.plan(&with("", "1 GiB"), &snapshot, Goal::Apply);
    let snapshot = carried_out(&mut world, &first, &snapshot);
    let seen = world.plan(&with("", "2 GiB"), &snapshot, Goal::Apply);
    assert_eq!(kinds(&seen)["storage.old"], ChangeKind::Update);
    let ignored = world.plan(&with("@ignore(capacity)", "2 GiB"), &snapshot, Goal::Apply);
    assert!(ignored.is_empty(), "{:#?}", ignored.changes);
}

#[test]
fn what_stood_already_is_taken_over_instead_of_made() {
    let (mut world, snapshot) = applied();
    world.existing = Some(("stores/storage.old".into(), address("storage.old")));
    let extra = "\n@existing(\"storage.old\")\nstorage archive on here { class = file }\n";
    let program = program(&(credit() + extra));
    let plan = world.plan(&program, &snapshot, Goal::Apply);
    assert_eq!(kinds(&plan)["storage.archive"], ChangeKind::Adopt);
    assert!(plan.actions.is_empty(), "{:#?}", plan.changes);
    let taken = carried_out(&mut world, &plan, &snapshot);
    let archive = &taken.resources[&address("storage.archive")];
    assert_eq!(archive.resource.made_as, Some(address("storage.old")));
    assert!(world.plan(&program, &taken, Goal::Apply).is_empty());
    world.existing = None;
    let plan = world.plan(&program, &snapshot, Goal::Apply);
    let codes: Vec<&str> = plan.findings.iter().map(|found| &*found.code).collect();
    assert_eq!(codes, ["E0975"]);
}

#[test]
fn what_comes_after_another_waits_for_it() {
    let (world, snapshot) = (Fake::new(), Snapshot::default());
    let extra = "\nstorage first on here { class = file }\n\
                 key second on here { after = first }\n";
    let plan = world.plan(&program(&(credit() + extra)), &snapshot, Goal::Apply);
    let place = |name: &str| {
        let mut actions = plan.actions.iter();
        actions
            .position(|action| action.address.name() == name)
            .expect("it is made")
    };
    let second = &plan.actions[place("second")];
    assert!(second.after.contains(&place("first")));
    assert!(
        second
            .resource
            .properties
            .get("after")
            .is_none_or(|value| *value == Value::None)
    );
    let change = plan
        .changes
        .iter()
        .find(|change| change.address.name() == "second");
    let details = &change.expect("it is shown").details;
    assert!(
        details.iter().any(|line| line.contains("storage.first")),
        "{details:?}"
    );
}
