//! Several people and terminals at once: who comes first, who looks on, who mends, who is asked.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{Project, within};
use crate::survival::assert_sound;

/// How many instants of a destroy are died at, from its first durable write on.
const EARLY_INSTANTS: u32 = 8;

#[test]
fn two_first_applies_at_once_make_one_state() {
    let project = Project::credit();
    project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 2");
    let mut both = [
        project.start(&["apply", "-y"]),
        project.start(&["apply", "-y"]),
    ];
    let ends = both.each_mut().map(|one| {
        let status = one.wait().expect("it can be waited for");
        status.code().expect("nobody killed it")
    });
    assert!(ends.contains(&0), "one of them does it: {ends:?}");
    assert!(
        ends.iter().all(|end| [0, 4].contains(end)),
        "the other finds it done or comes later: {ends:?}"
    );
    project
        .run(&["state", "verify"])
        .exits(0)
        .says("the state is sound");
    assert_sound(&project);
    project.run(&["destroy", "-y", "--data"]).exits(0);
}

#[test]
fn a_detached_apply_is_followed_to_its_end() {
    let project = Project::credit();
    let detached = project.run(&["apply", "-y", "--detach"]).exits(0);
    let line = detached.stdout.lines().find(|line| line.contains("attach"));
    // The line is printed to be typed.
    let line = line.expect("it says how to come back").trim();
    let attached = project.shell(line).exits(0);
    assert!(attached.stdout.contains("op-1"), "{}", attached.stdout);
    assert_sound(&project);
    // Whoever comes later is told how it went.
    project.run(&["attach", "op-1"]).exits(0);
    assert!(!project.path(".mlinfra/plans").join("op-2.json").exists());

    // The state alone is enough once the spec is gone.
    fs::rename(project.path("credit.mlinfra"), project.path("gone.txt")).expect("it is there");
    project
        .run(&["show"])
        .exits(0)
        .says("endpoint.score")
        .says("auc");
    project.run(&["log", "."]).exits(0).says("op-1");
    project.run(&["output", "score.url"]).exits(0).says("http");
    project.run(&["state", "verify", "."]).exits(0);
    project.run(&["plan"]).exits(2).says("E1001");
    project
        .run(&["destroy", "-y", "--data", "elsewhere"])
        .exits(2)
        .says("E1001");
    let refused = project.run(&["destroy", "-y", "--json"]).exits(1);
    assert!(
        refused.stdout.contains(r#""command":"destroy""#),
        "{}",
        refused.stdout
    );
    project
        .run(&["destroy", "-y"])
        .exits(1)
        .says("credit ")
        .says("E0907");
    project.run(&["destroy", "-y", "--data"]).exits(0);
    project
        .run(&["destroy", "-y", "--data"])
        .exits(0)
        .says("nothing to destroy");
    project.run(&["show"]).exits(0).says("nothing exists");
}

#[test]
fn what_one_user_left_half_destroyed_another_one_destroys() {
    let project = Project::credit();
    project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 2");
    let destroy = |user: &str, dies_at: Option<u32>| {
        let mut command = project.command(&["destroy", "-y", "--data"]);
        command.env("USER", user).stdout(Stdio::null());
        if let Some(write) = dies_at {
            command
                .env("MLINFRA_KILL_AT_WRITE", write.to_string())
                .stderr(Stdio::null());
        }
        command.status().expect("the command starts")
    };
    for instant in 0..EARLY_INSTANTS {
        project.run(&["apply", "-y"]).exits(0);
        let socket = project.socket();
        let killed = destroy("alice", Some(instant));
        assert_eq!(killed.code(), None, "instant {instant}: {killed:?}");
        let mended = destroy("bob", None);
        assert!(mended.success(), "instant {instant}: {mended:?}");
        within(Duration::from_secs(10), "no process is left", || {
            project.processes().is_empty()
        });
        assert!(!socket.exists(), "instant {instant}: a socket is left");
        assert!(!project.answers());
        project
            .run(&["plan", "--destroy", "--data"])
            .exits(0)
            .says("no changes");
    }
}

#[test]
fn no_and_ctrl_c_at_the_question_do_nothing() {
    let project = Project::credit();
    for answer in ["no\\n", "\\003"] {
        let command = project.command(&[]);
        let program = command.get_program().to_string_lossy().into_owned();
        // `script` gives the command a terminal; the answer waits for the question. The command
        // stands alone in that terminal, since some shells die of a Ctrl-C that their child took.
        let line = format!(
            "rm -f screen; touch screen; \
             (until grep -q yes/no screen; do sleep 0.1; done; printf '{answer}'; sleep 2) | \
             script -qefc 'exec {program} apply' screen >/dev/null; echo code=$?; cat screen"
        );
        let run = project.shell(&line).says("yes/no").says("nothing was done");
        assert!(run.stdout.contains("code=1"), "{answer}: {}", run.stdout);
        assert!(project.processes().is_empty());
    }
    project.run(&["log"]).exits(0);
    assert!(!project.path(".mlinfra/plans").exists());
}
