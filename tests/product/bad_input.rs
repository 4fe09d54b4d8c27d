//! Bad input gets a coded error at the right place, and loses nothing.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Project, Run};

/// The codes of a check's findings, with the text that each marks.
fn findings(project: &Project, run: &Run) -> Vec<(String, String)> {
    let text = project.read("credit.mlinfra");
    let report = run.json();
    let findings = report["diagnostics"]
        .as_array()
        .expect("there are findings");
    let one = |finding: &serde_json::Value| {
        let byte = |end: &str| {
            let byte = finding["primary"][end]["byte"].as_u64().expect("a place");
            usize::try_from(byte).expect("it fits")
        };
        let code = finding["code"].as_str().expect("a code").to_owned();
        (code, text[byte("start")..byte("end")].to_owned())
    };
    findings.iter().map(one).collect()
}

#[test]
fn one_fault_is_one_finding() {
    let age = "age             = bucket(5)";
    let clean = "step clean = drop_nulls(applicants)";
    for (from, to, code, marked) in [
        ("capacity   =", "capacitty  =", "E0202", "capacitty"),
        ("= 2 GiB", "= 2 h", "E0304", "2 h"),
        ("keep     = lake", "keep     = lakke", "E0302", "lakke"),
        (clean, "step clean = drop_nulls(masked)", "E0316", "people"),
        (
            "pool worker",
            "key lake on here {}\npool worker",
            "E0210",
            "lake",
        ),
        (age, "agee            = bucket(5)", "E0417", "agee"),
        ("label = good) {", "label = god) {", "E0417", "god"),
    ] {
        let project = Project::credit();
        project.edit("credit.mlinfra", from, to);
        let run = project.run(&["check", "--json"]).exits(2);
        let found = findings(&project, &run);
        assert_eq!(found, [(code.to_owned(), marked.to_owned())], "{to}");
    }
}

#[test]
fn five_faults_are_five_findings() {
    let project = Project::credit();
    let faults = [
        ("capacity   = 2 GiB", "capacitty  = 2 GiB", "capacitty"),
        ("rotation = 90 days", "rotation = 90 GiB", "90 GiB"),
        ("keep     = lake", "keep     = lakke", "lakke"),
        (
            "age             = bucket(5)",
            "agee            = bucket(5)",
            "agee",
        ),
        (
            "model    = risk.release",
            "model    = risk.relaese",
            "relaese",
        ),
    ];
    for (from, to, _) in faults {
        project.edit("credit.mlinfra", from, to);
    }
    let run = project.run(&["check", "--json"]).exits(2);
    let found = findings(&project, &run);
    let marked: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(found.len(), 5, "{found:?}");
    for (_, _, wrong) in faults {
        assert!(
            marked.iter().any(|text| text.contains(wrong)),
            "{wrong}: {found:?}"
        );
    }
}

#[test]
fn data_that_does_not_fit_is_found_before_anything_runs() {
    let header = "status,month,credit_history";
    for (content, code) in [
        (None, "E0902"),
        (Some(&b""[..]), "E0904"),
        (Some(b"\xff\xfe\x00s"), "E0904"),
        (Some(b"status,month\nA11,6\n"), "E0903"),
    ] {
        let project = Project::credit();
        match content {
            None => fs::remove_file(project.path("german_credit.csv")).expect("it is there"),
            Some(content) => project.write("german_credit.csv", content),
        }
        let run = project.run(&["apply", "-y"]).exits(1).says(code);
        assert!(!run.stdout.contains(header));
        assert!(project.processes().is_empty());
    }
}

#[test]
fn a_row_of_the_wrong_type_is_named_and_its_cell_is_not_shown() {
    let project = Project::credit();
    project.edit("german_credit.csv", "A11,6,A34", "A11,planted-cell,A34");
    let run = project
        .run(&["apply", "-y"])
        .exits(1)
        .says("month")
        .says("line 2");
    assert!(!run.stdout.contains("planted-cell") && !run.stderr.contains("planted-cell"));
}

#[test]
fn a_taken_port_can_pass() {
    let project = Project::credit();
    let taken = TcpListener::bind(("127.0.0.1", project.port)).expect("it was free");
    project.run(&["apply", "-y"]).exits(4).says("E0905");
    drop(taken);
    project.run(&["apply", "-y"]).exits(0);
}

#[test]
fn a_read_only_folder_is_said_so() {
    let project = Project::credit();
    let state = project.path(".mlinfra");
    fs::create_dir(&state).expect("it can be made");
    let set = |mode| fs::set_permissions(&state, fs::Permissions::from_mode(mode));
    set(0o500).expect("the mode can be changed");
    let run = project.run(&["apply", "-y"]);
    set(0o700).expect("the mode can be changed");
    // The mode counts for root too, who could write all the same.
    run.exits(4).says("E0707");
    assert!(project.processes().is_empty());
}

#[test]
fn damaged_and_copied_states_are_refused() {
    let project = Project::credit();
    project.run(&["plan", "--out", "saved.plan"]).exits(0);
    let copy = Project::credit();
    let copied = project.shell(&format!("cp -a .mlinfra {}", copy.folder().display()));
    copied.exits(0);
    copy.run(&["apply", "-y"])
        .exits(4)
        .says("mlinfra state fork");
    copy.run(&["state", "fork"]).exits(2).says("-y");
    copy.run(&["state", "fork", "-y"]).exits(0);
    copy.run(&["plan"]).exits(0);

    let state = project.path(".mlinfra/state.db");
    let bytes = fs::read(&state).expect("the state is a file");
    fs::write(&state, &bytes[..bytes.len() / 2]).expect("it can be cut");
    project.run(&["apply", "-y"]).exits(4).says("error[E07");
}

#[test]
fn a_stale_plan_is_refused() {
    let project = Project::credit();
    project.run(&["plan", "--out", "saved.plan"]).exits(0);
    project.run(&["apply", "-y"]).exits(0);
    project.run(&["apply", "-y", "saved.plan"]).exits(4);
}

#[test]
fn a_step_beyond_its_memory_is_ended_and_says_so() {
    let project = Project::credit();
    // Two million weights do not fit, and the steps before them do.
    project.edit("credit.mlinfra", "[32, 16]", "[1400, 1400]");
    project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 1");
    project.edit("credit.mlinfra", "memory >= 1 GiB", "memory >= 24 MiB");
    project
        .run(&["apply", "-y"])
        .exits(1)
        .says("E0851")
        .says("24 MiB");
    // What was done before it stays done, and more memory is all that it takes to go on.
    project.edit("credit.mlinfra", "memory >= 24 MiB", "memory >= 1 GiB");
    let planned = project.planned();
    assert!(
        !planned.iter().any(|change| change == "run risk/step.parts"),
        "{planned:?}"
    );
    project.run(&["apply", "-y"]).exits(0);
    assert_eq!(project.predict().0, 200);
}

#[test]
fn a_runtime_of_another_version_is_refused() {
    let project = Project::credit();
    let other = project.path("other-runtime");
    fs::write(
        &other,
        "#!/bin/sh\necho 'mlinfra-runtime 0.0.0 (protocol 999)'\n",
    )
    .expect("a file");
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let mut command = project.command(&["apply", "-y"]);
    let output = command
        .env("MLINFRA_RUNTIME", &other)
        .output()
        .expect("the command starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_ne!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("E092"), "{text}");
}

#[test]
fn nothing_runs_without_a_word() {
    let project = Project::credit();
    project.run(&["apply"]).exits(2).says("-y");
    project.run(&["destroy"]).exits(1).says("E1006");
    assert!(project.processes().is_empty());
}
