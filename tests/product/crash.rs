//! Kills around every durable write of an apply, and inside training: the next apply converges,
//! and nothing is done twice.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{Project, kill, within};
use crate::survival::{assert_sound, is_unit};

/// How often training is killed, each time at another instant.
const KILLS_IN_TRAINING: u32 = 10;

#[test]
fn killed_around_every_journal_write_the_next_apply_converges() {
    let mut instants = 0;
    let project = Project::credit();
    project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 2");
    loop {
        let status = project
            .command(&["apply", "-y"])
            .env("MLINFRA_KILL_AT_WRITE", instants.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the command starts");
        if status.success() {
            break;
        }
        assert_eq!(
            status.code(),
            None,
            "instant {instants}: killed, not ended: {status:?}"
        );
        project.run(&["apply", "-y"]).exits(0);
        assert_sound(&project);
        // From nothing again: a project that never had a state.
        project.run(&["destroy", "-y", "--data"]).exits(0);
        fs::remove_dir_all(project.path(".mlinfra")).expect("the state folder is there");
        instants += 1;
    }
    assert!(
        instants >= 30,
        "an apply of the example has more than {instants} instants"
    );
    println!("killed at each of {instants} instants around durable writes");
}

#[test]
fn killed_inside_training_it_goes_on_from_the_last_checkpoint() {
    let long = |project: &Project| {
        project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 300");
    };
    let whole = Project::credit();
    long(&whole);
    whole.run(&["apply", "-y"]).exits(0);
    let weights = weights_of(&whole);
    whole.run(&["destroy", "-y", "--data"]).exits(0);
    let mut resumed = 0;
    for round in 1..=KILLS_IN_TRAINING {
        let project = Project::credit();
        long(&project);
        let mut apply = project.start(&["apply", "-y"]);
        within(Duration::from_secs(60), "training has begun", || {
            epoch_of(&project).is_some()
        });
        std::thread::sleep(Duration::from_millis(60) * round);
        drop(apply.kill());
        drop(apply.wait());
        // Agent and worker die too, the agent first so that it starts nothing in between.
        let (units, agents): (Vec<u32>, Vec<u32>) = project
            .processes()
            .into_iter()
            .partition(|process| is_unit(*process));
        agents
            .iter()
            .chain(&units)
            .for_each(|process| kill(*process, "KILL"));
        let epoch = epoch_of(&project).expect("it had begun");
        project.run(&["apply", "-y"]).exits(0);
        assert_sound(&project);
        assert_eq!(
            weights_of(&project),
            weights,
            "round {round}, killed in epoch {epoch}"
        );
        let from = resumed_at(&project);
        // A checkpoint comes every 5 epochs, and the status may lag behind; from here on there
        // is one, and training is not about to end.
        assert!(
            from.is_some() || !(20..200).contains(&epoch),
            "round {round}: killed in epoch {epoch} and begun anew"
        );
        if let Some(from) = from {
            // A checkpoint comes every 5 epochs, and the status may be one epoch behind it.
            assert!(
                from + 5 >= epoch.saturating_sub(1),
                "{from} is long before {epoch}"
            );
            resumed += 1;
        }
        project.run(&["destroy", "-y", "--data"]).exits(0);
    }
    assert!(
        resumed > 0,
        "no kill hit training: {KILLS_IN_TRAINING} rounds"
    );
    println!("{resumed} of {KILLS_IN_TRAINING} kills were resumed from a checkpoint");
}

/// The last epoch that training has told in its status.
fn epoch_of(project: &Project) -> Option<u64> {
    let units = fs::read_dir(project.path(".mlinfra/units")).ok()?;
    let statuses = units.filter_map(|unit| fs::read(unit.ok()?.path().join("status.json")).ok());
    let mut trainings = statuses
        .filter_map(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .filter(|status| {
            status["note"]
                .as_str()
                .is_some_and(|note| note.contains("epoch"))
        });
    trainings.next()?["done"][0].as_u64()
}

/// The epoch that training went on from, by what the step reported.
fn resumed_at(project: &Project) -> Option<u64> {
    let log = project
        .run(&["show", "risk/step.model", "--json"])
        .exits(0)
        .json();
    log["resources"][0]["outputs"]["resumed_at"].as_u64()
}

fn weights_of(project: &Project) -> serde_json::Value {
    let shown = project
        .run(&["show", "risk/step.model", "--json"])
        .exits(0)
        .json();
    let digest = shown["resources"][0]["outputs"]["objects"]["model.safetensors"].clone();
    assert!(digest.is_string(), "{shown:#}");
    digest
}
