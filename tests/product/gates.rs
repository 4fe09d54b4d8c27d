//! Gates: what is served stays until a better one is proven, whatever happens on the way.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Project, kill, within};

const SPEC: &str = "credit.mlinfra";

/// The recipe key of what stands at an address.
#[track_caller]
fn identity(project: &Project, address: &str) -> Value {
    let shown = project.run(&["show", address, "--json"]).exits(0).json();
    shown["resources"][0]["identity"].clone()
}

#[test]
fn what_fails_its_gate_is_not_served_and_a_lower_bound_trains_nothing() {
    let project = Project::credit();
    project
        .run(&["apply", "-y"])
        .exits(0)
        .says("auc 0.78, at least 0.70 required");
    let (serving, process) = (project.predict(), project.endpoint_process());
    let operations = |count: usize| {
        let log = project.run(&["log", "--json"]).exits(0).json();
        assert_eq!(
            log["operations"].as_array().map(Vec::len),
            Some(count),
            "{log}"
        );
    };

    // The bound alone: nothing to do, and it is said by every command.
    project.edit(SPEC, "require auc >= 0.70", "require auc >= 0.99");
    let said = "auc 0.78, at least 0.99 required";
    let planned = project.run(&["plan"]).exits(0);
    planned.says("E0940").says(said).says("[credit.mlinfra:");
    project
        .run(&["apply", "-y"])
        .exits(1)
        .says(&format!("✖ risk/step.report         {said}"))
        .says("! endpoint.score           stays as it is\n")
        .says("1 gate does not hold; nothing was done");
    operations(1);
    project.run(&["show", "report"]).exits(0).says(said);

    // Another model that is not good enough either: it is trained and judged, and goes no further.
    project.edit(SPEC, "epochs       = 30", "epochs       = 3");
    let failed = project.run(&["apply", "-y"]).exits(1);
    let failed = failed
        .says("✖ risk/step.report")
        .says("at least 0.99 required");
    failed
        .says("95% interval")
        .says("! endpoint.score           stays as it is: blocked by risk/step.report")
        .says("! risk/step.release        not made: blocked by risk/step.report");
    assert_eq!(
        (project.predict(), project.endpoint_process()),
        (serving.clone(), process)
    );
    operations(2);
    let logged = project.run(&["log", "op-2"]).exits(0);
    logged
        .says("1 gate does not hold")
        .says("✖ risk/step.report");
    let plan = project.run(&["plan", "--json"]).exits(0);
    let held = plan.json()["plan"]["changes"].clone();
    let held = held.as_array().cloned().unwrap_or_default();
    assert!(
        held.iter()
            .all(|change| change["blocked_by"] == "risk/step.report"),
        "{held:?}"
    );
    let again = project.run(&["apply", "-y", "--json"]).exits(1).json();
    assert_eq!(again["summary"]["operation"], Value::Null);
    assert_eq!(again["summary"]["gates"][0]["verdict"], "fails");
    assert_eq!(
        again["summary"]["held"]["endpoint.score"],
        "risk/step.report"
    );
    assert_eq!(
        project.run(&["plan", "--json"]).exits(0).stdout,
        plan.stdout
    );
    released_without_training(&project, &serving);
}

/// The bound goes back: the model is released and served, nothing runs again.
fn released_without_training(project: &Project, serving: &(u16, String)) {
    project.edit(SPEC, "require auc >= 0.99", "require auc >= 0.60");
    assert_eq!(
        project.planned(),
        ["run risk/step.release", "update endpoint.score"]
    );
    let applied = project.run(&["apply", "-y"]).exits(0);
    let trained = applied.stderr.contains("✔ risk/step.model");
    assert!(!trained, "{}", applied.stderr);
    assert_ne!(project.predict(), *serving);
    project.plan_is_empty();
}

#[test]
fn a_group_that_is_too_small_is_named_and_does_not_count_as_treated_alike() {
    let project = Project::credit();
    project.edit(SPEC, "min_group = 10", "min_group = 100");
    project
        .run(&["apply", "-y"])
        .exits(1)
        .says("disparate_impact(sex) is undefined, at least 0.80")
        .says("group \"female\" has 63 rows, at least 100 are required")
        .says("! endpoint.score           not made: blocked by risk/step.report");
    project.run(&["plan"]).exits(0).says("E0941");
    let plan = project.run(&["plan", "--json"]).exits(0).json();
    let message = plan["plan"]["findings"][0]["message"].as_str();
    let message = message.expect("a finding has one");
    let reason = "at least 0.80 required: group \"female\" has 63 rows";
    assert!(message.contains(reason), "{message}");
    assert!(!project.answers());
}

#[test]
fn a_group_without_positives_is_named_and_does_not_count_as_treated_alike() {
    let project = Project::credit();
    let derived = "age_band = if age < 25 then \"youth\" else \"adult\"";
    let outcome =
        format!("{derived}\n    outcome = if credit == 1 then \"repaid\" else \"defaulted\"");
    project.edit(SPEC, derived, &outcome);
    project.edit(
        SPEC,
        "[sex, age_band, foreign_worker]",
        "[sex, age_band, foreign_worker, outcome]",
    );
    project.edit(
        SPEC,
        "by        = [sex, age_band]",
        "by        = [sex, age_band, outcome]",
    );
    let gate = "require disparate_impact(sex) >= 0.80";
    let more = format!("{gate}\n    require equal_opportunity_difference(outcome) <= 0.50");
    project.edit(SPEC, gate, &more);
    project
        .run(&["apply", "-y"])
        .exits(1)
        .says("equal_opportunity_difference(outcome) is undefined,")
        .says("group \"defaulted\" (60 rows) has no row whose label is")
        .says("! endpoint.score           not made: blocked by risk/step.report");
    let plan = project.run(&["plan", "--json"]).exits(0).json();
    let found = &plan["plan"]["findings"][0];
    assert_eq!(found["code"], "E0941");
    let message = found["message"].as_str().expect("a finding has one");
    assert!(message.contains("at most 0.50 required"), "{message}");
    assert!(!project.answers());
}

#[test]
fn a_release_waits_for_each_of_two_gates() {
    let project = Project::credit();
    let second = "step other = evaluate(model, parts.test) {\n    require auc >= 0.99\n  }\n\n  \
                  step release";
    project.edit(SPEC, "step release", second);
    project.edit(SPEC, "gate = report)", "gate = [report, other])");
    project
        .run(&["apply", "-y"])
        .exits(1)
        .says("✔ risk/step.report")
        .says("✖ risk/step.other")
        .says("! risk/step.release        not made: blocked by risk/step.other");
    assert!(!project.answers());
    project.edit(SPEC, "require auc >= 0.99", "require auc >= 0.60");
    assert!(
        project
            .planned()
            .contains(&"run risk/step.release".to_owned())
    );
    project.run(&["apply", "-y"]).exits(0);
    assert!(project.answers());
    project.plan_is_empty();
}

/// The new endpoint needs the old one's port: that is given up only once the gate holds.
#[test]
fn a_renamed_endpoint_takes_the_port_over_only_with_a_model_that_is_good_enough() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    let (serving, process) = (project.predict(), project.endpoint_process());
    for (from, to) in [
        ("endpoint score on", "endpoint scorer on"),
        ("watch = score", "watch = scorer"),
        ("url = score.url", "url = scorer.url"),
        ("epochs       = 30", "epochs       = 3"),
        ("require auc >= 0.70", "require auc >= 0.99"),
    ] {
        project.edit(SPEC, from, to);
    }
    let failed = project.run(&["apply", "-y"]).exits(1);
    failed.says("at least 0.99 required");
    assert!(project.answers());
    assert_eq!(
        (project.predict(), project.endpoint_process()),
        (serving, process)
    );
    project.run(&["apply", "-y"]).exits(1);
    assert_eq!(project.endpoint_process(), process);

    project.edit(SPEC, "require auc >= 0.99", "require auc >= 0.60");
    project.run(&["apply", "-y"]).exits(0);
    assert!(project.answers());
    project.run(&["output", "scorer.url"]).exits(0);
    project.plan_is_empty();
}

/// The served release is lost with its store: that is told before, seen after, and mended as soon
/// as the gate holds again.
#[test]
fn a_store_made_anew_under_a_failed_gate_is_warned_of_and_got_over() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    let serving = project.predict();
    project.edit(SPEC, "class      = ssd", "class      = nvme");
    project.edit(SPEC, "require auc >= 0.70", "require auc >= 0.99");
    project
        .run(&["plan"])
        .says("E0946")
        .says("answers from memory");
    project
        .run(&["apply", "-y", "--data"])
        .exits(1)
        .says("at least 0.99 required");
    assert_eq!(project.predict(), serving);

    kill(project.endpoint_process(), "KILL");
    within(Duration::from_secs(30), "the loss is seen", || {
        project.run(&["plan"]).stdout.contains("it serves nothing")
    });
    // What it served can't be had back without the gate; the fault says what is missing.
    project.run(&["apply", "-y"]).exits(1).says("E0626");

    project.edit(SPEC, "require auc >= 0.99", "require auc >= 0.70");
    project.run(&["apply", "-y"]).exits(0);
    assert_eq!(project.predict(), serving);
    project.plan_is_empty();
}

/// Killed around every durable write of an apply in which a gate fails: the next one comes to the
/// same verdict, and nothing gets past the gate in between.
#[test]
fn killed_around_every_write_the_verdict_is_the_same() {
    let project = Project::credit();
    project.edit(SPEC, "epochs       = 30", "epochs       = 2");
    project.run(&["apply", "-y"]).exits(0);
    let (serving, release) = (project.predict(), identity(&project, "release"));
    project.edit(SPEC, "require auc >= 0.70", "require auc >= 0.99");
    let seed =
        |instant: u64| format!("checkpoint   = every(5 epochs)\n    seed         = {instant}");
    project.edit(SPEC, &seed(7), &seed(100));
    let mut instant = 0;
    loop {
        let status = project
            .command(&["apply", "-y"])
            .env("MLINFRA_KILL_AT_WRITE", instant.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let status = status.expect("the command starts");
        assert_eq!(identity(&project, "release"), release, "instant {instant}");
        if status.code() == Some(1) {
            break;
        }
        assert_eq!(
            status.code(),
            None,
            "instant {instant}: killed, not ended: {status:?}"
        );
        let failed = project.run(&["apply", "-y"]).exits(1);
        failed
            .says("at least 0.99 required")
            .says("blocked by risk/step.report");
        assert_eq!(identity(&project, "release"), release, "instant {instant}");
        assert_eq!(project.predict(), serving, "instant {instant}");
        // Another model for the next kill.
        project.edit(SPEC, &seed(100 + instant), &seed(101 + instant));
        instant += 1;
    }
    assert!(
        instant >= 8,
        "an apply with a gate has more than {instant} instants"
    );
}
