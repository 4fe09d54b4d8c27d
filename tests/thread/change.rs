//! Small changes of the spec: what runs, what is kept, and why.

use std::collections::BTreeMap;

use crate::project::{Project, free_port};

fn changes(project: &Project) -> BTreeMap<String, String> {
    project.changes().into_iter().collect()
}

#[test]
fn each_change_runs_what_it_must_and_says_why() {
    let project = Project::credit();
    project.apply();

    project.edit("epochs       = 30", "epochs       = 31");
    let text = project.run(&["plan"]).code(0).says("epochs 30 → 31");
    assert!(text.out.contains("kept"), "{}", text.out);
    let changed = changes(&project);
    let run: Vec<&str> =
        changed.iter().filter(|(_, kind)| *kind == "run").map(|(a, _)| a.as_str()).collect();
    assert_eq!(run, ["risk/step.model", "risk/step.release", "risk/step.report"], "{changed:?}");
    assert_eq!(changed.get("endpoint.score").map(String::as_str), Some("update"));
    assert_eq!(changed.len(), 4, "{changed:?}");
    let before = project.endpoint_processes();
    project.apply();
    assert_eq!(project.endpoint_processes(), before, "a rollout needs no new process");
    assert!(changes(&project).is_empty());

    let port = free_port();
    project.edit(&format!("= {}", project.port), &format!("= {port}"));
    assert_eq!(changes(&project).into_keys().collect::<Vec<_>>(), ["endpoint.score"]);
    project.edit(&format!("= {port}"), &format!("= {}", project.port));

    project.edit("risk-ml@example.com", "credit@example.com");
    assert!(changes(&project).is_empty(), "an owner runs nothing");

    let data = project.path("german_credit.csv");
    let text = std::fs::read_to_string(&data).expect("the data can be read");
    std::fs::write(&data, text.replacen("1169", "1168", 1)).expect("the data can be written");
    let changed = changes(&project);
    assert!(changed.contains_key("dataset.applicants"), "{changed:?}");
    assert!(changed.contains_key("risk/step.model"), "{changed:?}");
    assert!(!changed.contains_key("storage.lake"), "{changed:?}");
    project.apply();
    assert!(changes(&project).is_empty());
}

#[test]
fn another_port_moves_the_endpoint_there() {
    let mut project = Project::credit();
    project.apply();
    let port = free_port();
    project.edit(&format!("= {}", project.port), &format!("= {port}"));
    project.apply();
    assert!(project.get("/ready").is_none(), "the old port still answers");
    project.port = port;
    assert!(project.is_ready_within(1.0), "the new port does not answer");
    assert_eq!(project.endpoint_processes().len(), 1);
}
