//! From text to a served model, and the second apply.

use crate::project::Project;

#[test]
fn apply_ends_with_a_line_that_works_as_printed_and_shows_no_key() {
    let project = Project::credit();
    let said = project.apply().says(&format!("http://127.0.0.1:{}", project.port));
    let key = project.key();
    assert!(key.len() > 20, "a key is long: {}", key.len());
    assert!(!format!("{}{}", said.out, said.err).contains(&key), "apply printed the key");
    let line = printed_command(&said.out);
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_mlinfra")).parent().expect("it is in a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("{line} --silent --show-error --fail-with-body")])
        .current_dir(project.path(""))
        .env("PATH", path)
        .output()
        .expect("there is a shell");
    let body = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{line}\n{body}\n{}", String::from_utf8_lossy(&output.stderr));
    let answer: serde_json::Value = serde_json::from_str(&body).expect("the answer is JSON");
    assert!(answer.to_string().contains("probability"), "{answer}");
}

/// The curl command in the last block, its continued lines joined.
fn printed_command(out: &str) -> String {
    let start = out.find("curl ").unwrap_or_else(|| panic!("no curl line in:\n{out}"));
    let mut command = String::new();
    for line in out[start..].lines() {
        match line.trim().strip_suffix('\\') {
            Some(part) => command.push_str(part),
            None => {
                command.push_str(line.trim());
                break;
            }
        }
        command.push(' ');
    }
    command
}

#[test]
fn a_second_apply_says_no_changes() {
    let project = Project::credit();
    project.apply();
    project.run(&["apply", "-y"]).code(0).says("no changes");
    assert!(project.changes().is_empty());
}

#[test]
fn two_folders_give_the_same_plan_and_the_same_artifacts() {
    let (one, other) = (Project::credit(), Project::credit());
    let port = format!("= {}", one.port);
    other.edit(&format!("= {}", other.port), &port);
    assert_eq!(one.plan(), other.plan(), "first plans differ");
    // Only one can have the port at a time.
    let objects = |project: &Project| -> serde_json::Value {
        project.apply();
        let said = project.run(&["show", "--json"]).code(0);
        let shown: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        let mut found = serde_json::Map::new();
        collect_objects(&shown, &mut found);
        assert!(found.len() >= 6, "too few artifacts in {shown:#}");
        project.run(&["destroy", "-y", "--data"]).code(0);
        found.into()
    };
    assert_eq!(objects(&one), objects(&other), "artifacts differ");
}

/// Address → digests of its objects, wherever they stand in the shown state.
fn collect_objects(
    shown: &serde_json::Value,
    found: &mut serde_json::Map<String, serde_json::Value>,
) {
    match shown {
        serde_json::Value::Object(entries) => {
            let objects = entries.get("outputs").and_then(|outputs| outputs.get("objects"));
            if let (Some(address), Some(objects)) = (entries.get("address"), objects) {
                found.insert(address.to_string(), objects.clone());
            }
            entries.values().for_each(|value| collect_objects(value, found));
        }
        serde_json::Value::Array(list) => {
            list.iter().for_each(|value| collect_objects(value, found));
        }
        _ => {}
    }
}
