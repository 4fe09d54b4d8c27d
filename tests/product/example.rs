//! `examples/credit` from text to a served model, changed, and removed again.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::{MLINFRA, Project, post, within};

#[test]
fn applies_serves_and_is_removed() {
    let project = Project::credit();
    let applied = project.run(&["apply", "-y"]).exits(0);
    let url = format!("http://127.0.0.1:{}", project.port);
    assert!(applied.stdout.contains(&url), "{}", applied.stdout);

    // The line to try works as it is printed, and shows no key.
    let key = project
        .run(&["output", "--reveal", "score.key"])
        .exits(0)
        .stdout;
    assert!(!applied.stdout.contains(key.trim()) && !applied.stderr.contains(key.trim()));
    let line = applied
        .stdout
        .split_once("try ")
        .expect("there is a line to try")
        .1;
    let line = line.split("\n\n").next().unwrap_or_default().trim();
    assert!(
        line.contains(MLINFRA),
        "the line names the program as it was called: {line}"
    );
    let answer = project
        .shell(&format!("{line} --silent --show-error"))
        .exits(0);
    assert!(answer.stdout.contains("probabilit"), "{}", answer.stdout);

    project.plan_is_empty();
    project.run(&["apply", "-y"]).exits(0).says("no changes");
    let (status, _) = post(project.port, "/predict", "{}", "Bearer wrong").expect("an answer");
    assert_eq!(status, 401);
    project
        .run(&["output", "score.key"])
        .exits(0)
        .says("(secret)");

    let socket = project.socket();
    project.run(&["destroy", "-y"]).exits(1).says("E0907");
    project.run(&["destroy", "-y", "--data"]).exits(0);
    assert!(!project.answers());
    within(Duration::from_secs(5), "no process is left", || {
        project.processes().is_empty()
    });
    within(Duration::from_secs(5), "no socket is left", || {
        !socket.exists()
    });
    let left = fs::read_dir(project.folder()).expect("the folder can be read");
    let mut left: Vec<String> = left
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    left.sort();
    assert_eq!(left, [".mlinfra", "credit.mlinfra", "german_credit.csv"]);
}

#[test]
fn a_change_runs_what_depends_on_it_and_nothing_else() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);

    project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 40");
    let planned = project
        .run(&["plan"])
        .exits(0)
        .says("epochs 30 → 40")
        .says("kept: ");
    for kept in [
        "risk/step.clean",
        "risk/step.people",
        "risk/step.masked",
        "risk/step.parts",
    ] {
        assert!(planned.stdout.contains(kept));
    }
    let names = [
        "run risk/step.model",
        "run risk/step.report",
        "run risk/step.release",
    ];
    let planned = project.planned();
    assert_eq!(planned[..3], names);
    assert_eq!(planned[3..], ["update endpoint.score"]);
    project.edit("credit.mlinfra", "epochs       = 40", "epochs       = 30");
    project.plan_is_empty();

    let port = project.port.to_string();
    project.edit("credit.mlinfra", &port, "1");
    let planned = project.planned();
    assert_eq!(planned.len(), 1, "{planned:?}");
    assert!(planned[0].ends_with(" endpoint.score"), "{planned:?}");
    project.edit(
        "credit.mlinfra",
        "= 1\n  auth",
        &format!("= {port}\n  auth"),
    );

    project.edit("credit.mlinfra", "risk-ml@example.com", "other@example.com");
    let planned = project.planned();
    assert!(
        !planned.iter().any(|change| change.contains("step.")),
        "{planned:?}"
    );
    // Who owns it is for people: carried out or not, nothing runs again and the same one serves.
    let process = project.endpoint_process();
    project.run(&["apply", "-y"]).exits(0);
    assert_eq!(project.endpoint_process(), process);
    project.plan_is_empty();

    project.edit("german_credit.csv", "A11,6,A34", "A12,6,A34");
    let planned = project.planned();
    let steps = planned
        .iter()
        .filter(|change| change.starts_with("run "))
        .count();
    assert_eq!(steps, 8, "{planned:?}");
}

#[test]
fn two_folders_give_the_same_plan_and_the_same_artifacts() {
    let (one, other) = (Project::credit(), Project::credit());
    let text = other.read("credit.mlinfra");
    other.write(
        "credit.mlinfra",
        text.replace(&other.port.to_string(), &one.port.to_string()),
    );
    // Sealed objects differ by their nonces: compare what lies open.
    for project in [&one, &other] {
        project.edit("credit.mlinfra", "customer(vault)", "plain");
        project.edit("credit.mlinfra", "  comply    = [gdpr]\n", "");
    }
    let plan = |project: &Project| project.run(&["plan", "--json"]).exits(0).stdout;
    assert_eq!(plan(&one), plan(&other));
    one.run(&["apply", "-y"]).exits(0);
    one.run(&["destroy", "-y"]).exits(1);
    let stop = one
        .run(&["plan", "--destroy", "--data", "--out", "end.plan"])
        .exits(0);
    drop(stop);
    let artifacts = artifacts_of(&one);
    one.run(&["apply", "-y", "end.plan"]).exits(0);
    other.run(&["apply", "-y"]).exits(0);
    assert_eq!(artifacts, artifacts_of(&other));
    assert!(artifacts.len() > 8);
}

/// Path inside the store and digest-free content of every object.
fn artifacts_of(project: &Project) -> Vec<(String, Vec<u8>)> {
    let root = project.path(".mlinfra/stores");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    found.sort();
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path
                .strip_prefix(root)
                .expect("it is inside")
                .display()
                .to_string();
            found.push((name, fs::read(&path).expect("an object can be read")));
        }
    }
}
