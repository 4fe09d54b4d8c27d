//! Processes killed and files deleted behind mlinfra's back.

use std::fs;

use crate::project::{Project, kill, wait_until};

#[test]
fn what_is_killed_comes_back_and_what_is_deleted_is_drift() {
    let project = Project::credit();
    project.apply();

    let endpoint = project.endpoint_processes();
    assert_eq!(endpoint.len(), 1, "one replica is one process");
    kill(endpoint[0], "KILL");
    wait_until(1, "the endpoint is gone", || !project.endpoint_processes().contains(&endpoint[0]));
    assert!(project.is_ready_within(2.0), "the endpoint does not answer again within 2 s");
    assert!(project.changes().is_empty(), "a restart is no drift");

    let endpoint = project.endpoint_processes();
    let agent = project.agent_processes();
    assert_eq!(agent.len(), 1, "one agent");
    kill(agent[0], "KILL");
    wait_until(1, "the agent is gone", || project.agent_processes().is_empty());
    assert!(project.is_ready_within(1.0), "the endpoint needs no agent to answer");
    project.run(&["plan"]).code(0).says("the agent is not running");
    project.apply();
    assert_eq!(project.endpoint_processes(), endpoint, "the endpoint is adopted, not restarted");
    assert!(project.changes().is_empty());

    kill(project.agent_processes()[0], "KILL");
    wait_until(1, "the agent is gone", || project.agent_processes().is_empty());
    kill(endpoint[0], "KILL");
    wait_until(1, "the endpoint is gone", || project.endpoint_processes().is_empty());
    let changed: Vec<String> = project.changes().into_iter().map(|(address, _)| address).collect();
    assert_eq!(changed, ["target.here", "endpoint.score"]);
    project.apply();
    assert!(project.is_ready_within(1.0));
    assert!(project.changes().is_empty());
}

#[test]
fn a_deleted_model_is_drift_and_a_deleted_intermediate_is_not() {
    let project = Project::credit();
    project.apply();
    let shown = project.run(&["show", "--json"]).code(0).out;
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let artifact = |address: &str| {
        let key = find_identity(&shown, address).unwrap_or_else(|| panic!("no {address}"));
        let artifacts = project.state().join("stores/storage.lake/artifacts");
        artifacts.join(key)
    };
    fs::remove_dir_all(artifact("risk/step.masked")).expect("it is there");
    assert!(project.changes().is_empty(), "an intermediate may go");
    fs::remove_dir_all(artifact("risk/step.model")).expect("it is there");
    let changed = project.changes();
    assert_eq!(changed, [("risk/step.model".to_owned(), "run".to_owned())]);
    project.apply();
    assert!(project.changes().is_empty());
}

fn find_identity(shown: &serde_json::Value, address: &str) -> Option<String> {
    match shown {
        serde_json::Value::Object(entries) => {
            if entries.get("address").and_then(|a| a.as_str()) == Some(address)
                && let Some(identity) = entries.get("identity").and_then(|i| i.as_str())
            {
                return Some(identity.to_owned());
            }
            entries.values().find_map(|value| find_identity(value, address))
        }
        serde_json::Value::Array(list) => {
            list.iter().find_map(|value| find_identity(value, address))
        }
        _ => None,
    }
}

#[test]
fn destroy_leaves_no_process_no_port_and_no_file() {
    let project = Project::credit();
    project.apply();
    project.run(&["destroy", "-y"]).code(1).says("--data");
    project.run(&["destroy", "-y", "--data"]).code(0);
    assert!(project.get("/live").is_none(), "the port still answers");
    wait_until(5, "every process is gone", || project.processes("mlinfra-runtime").is_empty());
    for (path, _) in project.files() {
        let inside = path.starts_with(project.state());
        let own = path.parent() == Some(&project.path(""));
        assert!(inside || own, "a file outside: {}", path.display());
    }
    project.run(&["plan"]).code(0).says("storage.lake");
}

#[test]
fn a_removed_state_folder_ends_every_process() {
    let project = Project::credit();
    project.apply();
    fs::remove_dir_all(project.state()).expect("it is there");
    wait_until(30, "every process is gone", || project.processes("mlinfra-runtime").is_empty());
    assert!(project.get("/live").is_none());
}
