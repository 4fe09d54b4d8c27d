//! Gates: what is served stays until a better one is proven, whatever happens on the way.

use std::process::Stdio;

use serde_json::Value;

use crate::support::Project;

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
