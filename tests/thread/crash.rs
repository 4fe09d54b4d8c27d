//! Kills at every journal write and inside training: the next apply converges and nothing is done
//! twice.

use std::process::Stdio;
use std::time::Duration;

use crate::project::{Project, kill, wait_until};

/// An instant for each round, spread over training, the same in every run.
const KILLS_IN_TRAINING: u64 = 10;

/// After recovery: one endpoint process, one agent, nothing to do.
#[track_caller]
fn has_converged(project: &Project, what: &str) {
    assert!(project.changes().is_empty(), "{what}: the plan is not empty");
    assert_eq!(project.endpoint_processes().len(), 1, "{what}: units left over");
    assert_eq!(project.agent_processes().len(), 1, "{what}: agents left over");
    assert!(project.is_ready_within(2.0), "{what}: the endpoint does not answer");
}

#[test]
fn killed_at_every_journal_write_apply_converges() {
    let mut writes = 0;
    loop {
        let project = Project::credit();
        project.edit("epochs       = 30", "epochs       = 3");
        let status = project
            .command(&["apply", "-y"])
            .env("MLINFRA_KILL_AT_WRITE", writes.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("mlinfra runs");
        if status.success() {
            break;
        }
        assert_eq!(status.code(), None, "write {writes}: killed, not ended: {status:?}");
        project.apply();
        has_converged(&project, &format!("write {writes}"));
        writes += 1;
    }
    assert!(writes >= 20, "the credit apply has more than {writes} journal writes");
    println!("killed at each of {writes} journal writes");
}

#[test]
fn killed_inside_training_nothing_is_trained_again_before_the_last_checkpoint() {
    let whole = Project::credit();
    whole.edit("epochs       = 30", "epochs       = 200");
    whole.apply();
    let weights = weights_of(&whole);
    for round in 0..KILLS_IN_TRAINING {
        let project = Project::credit();
        project.edit("epochs       = 30", "epochs       = 200");
        let mut apply = project.spawn(&["apply", "-y"]);
        wait_until(60, "training runs", || epoch_of(&project).is_some());
        std::thread::sleep(Duration::from_millis(37 * round));
        apply.kill().expect("it runs");
        apply.wait().expect("it ends");
        project.agent_processes().into_iter().for_each(|process| kill(process, "KILL"));
        let before = epoch_of(&project).unwrap_or(0);
        project.endpoint_processes().into_iter().for_each(|process| kill(process, "KILL"));
        project.apply();
        has_converged(&project, &format!("round {round}, epoch {before}"));
        assert_eq!(weights_of(&project), weights, "round {round}: other weights");
    }
}

/// The last epoch that the running training has told.
fn epoch_of(project: &Project) -> Option<u64> {
    let status = project
        .files()
        .into_iter()
        .filter(|(path, _)| path.file_name().is_some_and(|name| name == "status.json"))
        .filter_map(|(_, bytes)| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .find(|status| status["note"].as_str().is_some_and(|note| note.contains("epoch")))?;
    status["done"][0].as_u64()
}

/// The digest of the model's weights.
fn weights_of(project: &Project) -> String {
    let shown = project.run(&["show", "risk/step.model", "--json"]).code(0).out;
    let at = shown.find("model.safetensors").expect("a model has weights");
    shown[at..].split('"').nth(2).expect("behind its name stands its digest").to_owned()
}
