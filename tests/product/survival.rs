//! Killed at any instant, the next `apply` converges: nothing is lost, nothing is made twice.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Project, is_alive, kill, within};

#[test]
fn a_killed_endpoint_answers_again() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    let process = project.endpoint_process();
    kill(process, "KILL");
    let began = Instant::now();
    within(Duration::from_secs(2), "it answers again", || {
        project.answers() && !is_alive(process)
    });
    within(Duration::from_secs(5), "it predicts again", || {
        project.predict().0 == 200
    });
    assert_ne!(
        project.endpoint_process(),
        process,
        "after {:?}",
        began.elapsed()
    );
    project.plan_is_empty();
}

#[test]
fn the_endpoint_outlives_the_agent() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    let (agent, endpoint) = (project.agent_process(), project.endpoint_process());
    kill(agent, "KILL");
    within(Duration::from_secs(2), "the agent is gone", || {
        !is_alive(agent)
    });
    assert_eq!(project.predict().0, 200);
    project.run(&["plan"]).says("the agent is not running");
    project.run(&["apply", "-y"]).exits(0);
    assert_ne!(project.agent_process(), agent);
    assert_eq!(
        project.endpoint_process(),
        endpoint,
        "the same process was adopted"
    );
    project.plan_is_empty();

    // Both gone: drift, which apply mends.
    kill(project.agent_process(), "KILL");
    kill(endpoint, "KILL");
    within(Duration::from_secs(2), "both are gone", || {
        project.processes().is_empty()
    });
    let planned = project.planned();
    assert!(
        planned
            .iter()
            .any(|change| change.ends_with("endpoint.score")),
        "{planned:?}"
    );
    project.run(&["apply", "-y"]).exits(0);
    assert_eq!(project.predict().0, 200);
    project.plan_is_empty();
}

#[test]
fn a_lost_live_model_is_drift_and_a_lost_intermediate_is_none() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    let artifact = |address: &str| {
        let shown = project.run(&["show", address, "--json"]).exits(0).json();
        let key = shown["resources"][0]["identity"]
            .as_str()
            .expect("a step has a key")
            .to_owned();
        project.path(&format!(".mlinfra/stores/storage.lake/artifacts/{key}"))
    };
    fs::remove_dir_all(artifact("risk/step.clean")).expect("it is a folder");
    project.plan_is_empty();
    fs::remove_dir_all(artifact("risk/step.model")).expect("it is a folder");
    let planned = project.planned();
    assert!(
        planned.contains(&"run risk/step.model".to_owned()),
        "{planned:?}"
    );
    project.run(&["apply", "-y"]).exits(0);
    project.plan_is_empty();
    assert_eq!(project.predict().0, 200);
}

#[test]
fn killed_anywhere_the_next_apply_converges() {
    let reference = Project::credit();
    let began = Instant::now();
    reference.run(&["apply", "-y"]).exits(0);
    let whole = began.elapsed();
    let outputs = |project: &Project| {
        let shown = project
            .run(&["show", "risk/step.model", "--json"])
            .exits(0)
            .json();
        shown["resources"][0]["outputs"]["objects"].clone()
    };
    let weights = outputs(&reference);
    let moments = 10;
    let project = Project::credit();
    for moment in 1..=moments {
        let mut command = project.start(&["apply", "-y"]);
        std::thread::sleep(whole * moment / (moments + 1));
        drop(command.kill());
        drop(command.wait());
        project.run(&["apply", "-y"]).exits(0);
        assert_sound(&project);
        assert_eq!(
            outputs(&project)["model.safetensors"],
            weights["model.safetensors"]
        );
        // From the start again, in the same folder: other tokens, another time to die.
        project.run(&["destroy", "-y", "--data"]).exits(0);
        assert!(project.processes().iter().all(|process| !is_unit(*process)));
    }
}

/// One endpoint, no unit that nobody wants, nothing left to do.
pub(crate) fn assert_sound(project: &Project) {
    project.plan_is_empty();
    assert_eq!(project.predict().0, 200);
    let endpoints = project
        .processes()
        .into_iter()
        .filter(|process| is_unit(*process))
        .count();
    assert_eq!(endpoints, 1);
    let shown = project.run(&["show", "--json"]).exits(0).json();
    let resources = shown["resources"].as_array().cloned().unwrap_or_default();
    let addresses = resources
        .iter()
        .filter_map(|resource| resource["address"].as_str());
    let addresses: BTreeSet<&str> = addresses.collect();
    assert_eq!(addresses.len(), resources.len());
    assert!(
        resources.iter().all(|r: &Value| r["is"] == "well"),
        "{resources:?}"
    );
}

pub(crate) fn is_unit(process: u32) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line)
        .split('\0')
        .any(|word| word == "unit")
}

#[test]
fn two_applies_at_once_do_it_once() {
    let project = Project::credit();
    let mut first = project.start(&["apply", "-y"]);
    within(Duration::from_secs(10), "the first has begun", || {
        project.path(".mlinfra/lock.json").exists()
    });
    let second = project.run(&["apply", "-y"]);
    assert_eq!(second.exit, 4, "{}", second.stderr);
    assert!(second.stderr.contains("E0709"), "{}", second.stderr);
    assert!(first.wait().expect("it ends").success());
    project.plan_is_empty();
}

#[test]
fn a_removed_state_folder_leaves_no_process() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    assert!(!project.processes().is_empty());
    fs::remove_dir_all(project.path(".mlinfra")).expect("the state folder can be removed");
    within(Duration::from_secs(30), "no process is left", || {
        project.processes().is_empty()
    });
    assert!(!project.answers());
}
