//! Bad input gets a coded error at the right place and loses nothing.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::project::{Project, wait_until};

#[test]
fn data_that_does_not_fit_its_declaration() {
    let project = Project::credit();
    let data = project.path("german_credit.csv");
    let good = fs::read(&data).expect("the data can be read");
    let text = String::from_utf8(good.clone()).expect("it is UTF-8");
    let cases: [(&str, Vec<u8>, i32); 4] = [
        ("E0903", text.replacen("credit_amount", "amount", 1).into_bytes(), 1),
        ("E0904", Vec::new(), 1),
        ("E0904", vec![0xff, 0xfe, b'\n', b'1'], 1),
        ("E06", text.replacen(",1169,", ",many,", 1).into_bytes(), 1),
    ];
    for (code, bytes, exit) in cases {
        fs::write(&data, bytes).expect("it can be written");
        project.run(&["apply", "-y"]).code(exit).says(code);
    }
    fs::remove_file(&data).expect("it is there");
    project.run(&["plan"]).code(1).says("E0902");
    fs::write(&data, good).expect("it can be written");
    project.apply();
}

#[test]
fn a_port_in_use_can_be_tried_again() {
    let project = Project::credit();
    let taken = TcpListener::bind(("127.0.0.1", project.port)).expect("it is free");
    project.run(&["apply", "-y"]).code(4).says("E0905");
    drop(taken);
    project.apply();
}

#[test]
fn two_applies_at_once() {
    let project = Project::credit();
    project.edit("epochs       = 30", "epochs       = 3000");
    let mut first = project.spawn(&["apply", "-y"]);
    wait_until(60, "training runs", || {
        project.state().join("lock.json").exists() && !project.processes(" unit ").is_empty()
    });
    project.run(&["apply", "-y"]).code(4).says("busy");
    project.run(&["plan"]).code(0);
    first.kill().expect("it runs");
    first.wait().expect("it ends");
}

#[test]
fn a_state_that_is_cut_copied_or_read_only() {
    let project = Project::credit();
    project.apply();
    let database = project.state().join("state.db");
    let good = fs::read(&database).expect("it is there");

    fs::write(&database, &good[..good.len() / 2]).expect("it can be written");
    project.run(&["apply", "-y"]).code(1).says("E07");
    fs::write(&database, &good).expect("it can be written");

    let copy = Project::credit();
    let status = std::process::Command::new("cp")
        .arg("-r")
        .arg(project.state())
        .arg(copy.path(""))
        .status()
        .expect("cp is part of every Linux");
    assert!(status.success());
    copy.run(&["apply", "-y"]).code(1).says("E07").says("fork");

    project.apply();
    assert!(project.changes().is_empty());
}

#[test]
fn a_state_folder_that_can_not_be_written() {
    let project = Project::credit();
    // Root may write anywhere, so the place of the folder is taken by a file.
    fs::write(project.state(), b"").expect("it can be written");
    fs::set_permissions(project.state(), fs::Permissions::from_mode(0o400)).expect("it is ours");
    project.run(&["apply", "-y"]).code(1).says("E07");
}

#[test]
fn a_runtime_of_another_version() {
    let project = Project::credit();
    let other = project.path("other-runtime");
    fs::write(&other, "#!/bin/sh\necho mlinfra-runtime 9.9.9 protocol 99\n").expect("written");
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let output = project
        .command(&["apply", "-y"])
        .env("MLINFRA_RUNTIME", &other)
        .output()
        .expect("mlinfra runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("E0921"), "{text}");
    project.apply();
}

#[test]
fn a_step_that_allocates_beyond_its_bound_is_ended_with_the_reason() {
    let project = Project::credit();
    project.edit("memory >= 1 GiB", "memory >= 1 MiB");
    project.edit("memory >= 1 MiB", "memory == 4 MiB");
    project.run(&["apply", "-y"]).code(1).says("memory");
}
