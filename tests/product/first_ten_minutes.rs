//! The first ten minutes of somebody new, as the README tells them: from nothing to a model that
//! answers, a change, a mistake, and the end.

use std::path::Path;
use std::time::Duration;

use crate::support::{Project, Run, within};

const SPEC: &str = "churn/main.mlinfra";

#[test]
fn from_an_empty_folder_to_a_prediction_a_change_a_mistake_and_the_end() {
    let project = Project::empty();
    let begun = project.run(&["init", "churn"]).exits(0);
    // What comes next is printed, and works as it is printed.
    let next = commands_in(&begun);
    assert_eq!(next.len(), 2, "{next:?}");
    assert!(next[0].ends_with(" plan churn") && next[1].ends_with(" apply churn"));
    project.edit(SPEC, "8090", &project.port.to_string());
    project
        .shell(&next[0])
        .exits(0)
        .says("4 to create, 8 to run");
    project
        .run(&["show", "--spec", "churn"])
        .exits(1)
        .says("E1006");
    // Without a terminal nobody can be asked: the line to copy is there, with the project.
    let refused = project.run(&["apply", "churn"]).exits(2);
    refused.says(" apply churn -y");

    let applied = project.run(&["apply", "-y", "churn"]).exits(0);
    asks_as_it_says(&project, &applied);
    let figures = project.run(&["show", "risk.report", "--spec", "churn", "--json"]);
    let figures = figures.exits(0).json();
    let auc = figures["resources"][0]["outputs"]["auc"].to_string();
    let auc: f64 = auc.trim_matches('"').parse().expect("auc is a number");
    assert!(
        auc > 0.7,
        "a first model that tells little is a bad first model: {auc}"
    );
    project
        .run(&["apply", "-y", "churn"])
        .exits(0)
        .says("no changes");

    a_change(&project);
    a_failed_gate(&project);
    a_mistake(&project);
    the_end(&project);
}

/// More training: the model and what follows from it, nothing before it.
fn a_change(project: &Project) {
    project.edit(SPEC, "epochs: int = 20", "epochs: int = 30");
    let planned = project
        .run(&["plan", "churn"])
        .exits(0)
        .says("epochs 20 → 30")
        .says("kept: ");
    for kept in ["dataset.customers", "risk/step.clean", "risk/step.parts"] {
        assert!(planned.stdout.contains(kept), "{kept}: {}", planned.stdout);
    }
    let applied = project.run(&["apply", "-y", "churn"]).exits(0);
    asks_as_it_says(project, &applied);
}

/// More than the model can do is asked: it goes on serving, every command says so, and asking for
/// less again trains nothing.
fn a_failed_gate(project: &Project) {
    project.edit(SPEC, "require auc >= 70%", "require auc >= 95%");
    let place = format!("{SPEC}:");
    let run = project.run(&["plan", "churn"]);
    run.says("E0940").says(&place).says("does not hold");
    project
        .run(&["apply", "-y", "churn"])
        .exits(1)
        .says("E0940")
        .says(&place);
    assert!(project.answers(), "what served before goes on");
    project.edit(SPEC, "require auc >= 95%", "require auc >= 70%");
    project.run(&["plan", "churn"]).exits(0).says("no changes");
}

/// A name that is nearly right: every command says where, and nothing is touched; the offered edit
/// mends it.
fn a_mistake(project: &Project) {
    let right = project.read(SPEC);
    project.edit(SPEC, "tariff : category", "tarif : category");
    project.edit(SPEC, "capacity = 1 GiB", "capacty = 1 GiB");
    let line = right.lines().position(|line| line.contains("capacity"));
    let place = format!("[{SPEC}:{}:3]", line.expect("it was there") + 1);
    for command in [
        &["check", "churn"][..],
        &["plan", "churn"],
        &["apply", "-y", "churn"],
    ] {
        project
            .run(command)
            .exits(2)
            .says("error[E0202]: there is no such field")
            .says(&place)
            .says("did you mean `capacity`?");
    }
    assert!(project.answers(), "a wrong spec touches nothing");
    project
        .run(&["check", "--fix", "churn"])
        .exits(0)
        .says("1 edit made");
    // A column that the table does not have is found when the table is looked at.
    project
        .run(&["plan", "churn"])
        .exits(1)
        .says("tarif")
        .says(&format!("{SPEC}:"));
    project.write(SPEC, &right);
    project.run(&["plan", "churn"]).exits(0).says("no changes");
}

/// Data goes on the user's word alone; then everything is gone but what the user wrote.
fn the_end(project: &Project) {
    project
        .run(&["destroy", "-y", "churn"])
        .exits(1)
        .says("E0907")
        .says("--data");
    assert!(project.answers());
    project.run(&["destroy", "-y", "--data", "churn"]).exits(0);
    assert!(!project.answers());
    within(Duration::from_secs(60), "no process is left", || {
        project.processes().is_empty()
    });
    for file in ["main.mlinfra", "customers.csv", "README.md", ".gitignore"] {
        assert!(project.path("churn").join(file).exists(), "{file}");
    }
}

#[test]
fn init_overwrites_nothing() {
    let project = Project::empty();
    project.write("README.md", "mine");
    project.write(".gitignore", "mine");
    project
        .run(&["init", "--name", "churn"])
        .exits(0)
        .says("README.md was there");
    assert_eq!(project.read("README.md"), "mine");
    assert_eq!(project.read(".gitignore"), "mine");
    project.write("customers.csv", "mine");
    std::fs::remove_file(project.path("main.mlinfra")).expect("it was written");
    project
        .run(&["init", "--name", "churn"])
        .exits(2)
        .says("E1004");
    assert_eq!(project.read("customers.csv"), "mine");
    assert!(!project.path("main.mlinfra").exists());
}

/// Who can't install what the checks need is told it in one line, before anything is done.
#[cfg(target_os = "linux")]
#[test]
fn the_checks_say_what_to_install() {
    let project = Project::empty();
    let tools = project.path("tools");
    std::fs::create_dir(&tools).expect("a folder");
    for tool in ["dirname", "find"] {
        let real = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
        let real = real.iter().find(|path| path.exists());
        let real = real.expect("it is on every Linux");
        std::os::unix::fs::symlink(real, tools.join(tool)).expect("a link");
    }
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run");
    let shell = |lines: &str| {
        project.write("tools/id", format!("#!/bin/sh\n{lines}\n"));
        let file = project.path("tools/id");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&file, mode).expect("it can be made a program");
        let line = format!("PATH={} /bin/bash {}", tools.display(), run.display());
        project.shell(&line).exits(1)
    };
    // Nobody's account, and root where there is no `apt-get`.
    for account in ["echo 1000", "echo 0"] {
        let said = shell(account);
        assert_eq!(said.stdout, "");
        let lines: Vec<&str> = said.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("run this as root on Debian 12, or install: gcc "));
        for package in ["procps", "neovim", "chromium-driver", "prometheus"] {
            assert!(lines[0].contains(package), "{package}: {lines:?}");
        }
    }
}

#[test]
fn bash_completes_what_was_begun() {
    let project = Project::empty();
    let script = project.run(&["completions", "bash"]).exits(0).stdout;
    project.write("mlinfra.bash", script);
    let completed = |words: &[&str]| {
        let count = words.len();
        let last = words[count - 1];
        let before = words[count - 2];
        let line = format!(
            "bash --norc -c 'source ./mlinfra.bash && COMP_WORDS=({}) && COMP_CWORD={} && \
             _mlinfra mlinfra \"{last}\" \"{before}\" && echo \"${{COMPREPLY[@]}}\"'",
            words.join(" "),
            count - 1
        );
        project.shell(&line).exits(0).stdout.trim().to_owned()
    };
    assert_eq!(completed(&["mlinfra", "ap"]), "apply");
    assert_eq!(completed(&["mlinfra", "completions", "zs"]), "zsh");
    assert!(completed(&["mlinfra", "apply", "--da"]).contains("--data"));
    let all = completed(&["mlinfra", "\"\""]);
    for command in ["init", "check", "plan", "destroy", "explain"] {
        assert!(all.contains(command), "{command}: {all}");
    }
}

/// The indented lines of an output that call this program, without what stands behind them.
fn commands_in(run: &Run) -> Vec<String> {
    let lines = run.stdout.lines();
    let commands = lines.filter_map(|line| {
        let line = line.strip_prefix("  ")?;
        let command = line.split("   ").next()?.trim();
        let program = command.split(' ').next()?;
        Path::new(program)
            .ends_with("mlinfra")
            .then(|| command.to_owned())
    });
    commands.collect()
}

/// The line to try works as it is printed.
#[track_caller]
fn asks_as_it_says(project: &Project, applied: &Run) {
    let (_, line) = applied
        .stdout
        .split_once("  try ")
        .expect("there is a line to try");
    let line = line.split("\n\n").next().unwrap_or_default().trim();
    let answer = project
        .shell(&format!("{line} --silent --show-error"))
        .exits(0);
    assert!(answer.stdout.contains("probabilit"), "{}", answer.stdout);
}
