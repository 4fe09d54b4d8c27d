//! What the README says, done.

use std::path::Path;

use crate::support::{MLINFRA, Project};

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).expect("there is a README")
}

#[test]
fn its_spec_is_clean_inside_the_example() {
    let readme = readme();
    let (_, rest) = readme.split_once("```mlinfra\n").expect("it shows a spec");
    let (shown, _) = rest.split_once("```").expect("the block ends");
    let project = Project::credit();
    let spec = project.read("credit.mlinfra");
    let (before, rest) = spec.split_once("pipeline risk").expect("it has a pipeline");
    let (_, rest) = rest
        .split_once("endpoint score")
        .expect("it has an endpoint");
    let (_, after) = rest.split_once("\n}\n").expect("the endpoint ends");
    project.write("credit.mlinfra", format!("{before}{shown}{after}"));
    project.run(&["check"]).exits(0);
}

#[test]
fn a_project_of_ones_own_applies_and_goes() {
    let readme = readme();
    assert!(readme.contains("mlinfra init churn") && readme.contains("mlinfra apply churn"));
    let project = Project::empty();
    project.run(&["init", "churn"]).exits(0);
    project.edit("churn/main.mlinfra", "8090", &project.port.to_string());
    project.run(&["apply", "-y", "churn"]).exits(0).says("curl");
    project
        .run(&["apply", "-y", "churn"])
        .exits(0)
        .says("no changes");
    project.run(&["destroy", "-y", "--data", "churn"]).exits(0);
}

/// Every `console` block is done in its order, and prints what stands there. A line `…` stands for
/// any lines; times, ports and this machine's size are not compared.
#[test]
fn the_first_ten_minutes_are_as_printed() {
    let readme = readme();
    let project = Project::empty();
    let folder = Path::new(MLINFRA).parent().expect("it lies in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder.display());
    let mut done = 0;
    for block in readme.split("\n```console\n").skip(1) {
        let (block, _) = block.split_once("\n```").expect("every block ends");
        for part in format!("\n{block}").split("\n$ ").skip(1) {
            let (command, wanted) = part.split_once('\n').unwrap_or((part, ""));
            let line = format!("export PATH='{path}'; exec 2>&1; {command}");
            let run = project.shell(&line);
            let end = match run.exit {
                0 => String::new(),
                code => format!("[exit {code}]\n"),
            };
            let found = format!("{}{end}", run.stdout);
            let found = found.replace(&project.port.to_string(), "8090");
            if let Err(missing) = holds(&plain(&found), &plain(wanted)) {
                panic!("`{command}` does not print\n{missing}\nbut\n{found}");
            }
            if command.starts_with("mlinfra init") {
                project.edit("churn/main.mlinfra", "8090", &project.port.to_string());
            }
            done += 1;
        }
    }
    assert!(done >= 12, "the README shows {done} commands");
}

/// Lines without what differs from run to run: times, which end in ` s`. Figures stay.
fn plain(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_time = |place: usize| {
            words.get(place + 1) == Some(&"s") && words[place].parse::<f64>().is_ok()
        };
        let shown = words.iter().enumerate();
        let shown = shown.map(|(place, word)| if is_time(place) { "n" } else { *word });
        shown.collect::<Vec<_>>().join(" ")
    });
    lines.filter(|line| !line.is_empty()).collect()
}

/// Whether the lines are the wanted ones; `…` stands for any lines. The error is what is missing.
fn holds(found: &[String], wanted: &[String]) -> Result<(), String> {
    let mut at = 0;
    let mut any = false;
    for line in wanted {
        if line == "…" {
            any = true;
            continue;
        }
        let rest = found.get(at..).unwrap_or_default();
        let place = match any {
            true => rest.iter().position(|found| found == line),
            false => rest.first().filter(|found| *found == line).map(|_| 0),
        };
        at += place.ok_or_else(|| line.clone())? + 1;
        any = false;
    }
    match any || at == found.len() {
        true => Ok(()),
        false => Err("the end there".to_owned()),
    }
}

#[test]
fn what_is_elided_is_elided_and_nothing_else() {
    let lines = |text: &str| plain(text);
    let found = lines("a 0.1 s\nb\nc\nd");
    assert!(holds(&found, &lines("a 0.7 s\n…\nd")).is_ok());
    assert!(holds(&found, &lines("a 0.7 s\nb\nc\nd")).is_ok());
    assert!(holds(&found, &lines("a 0.7 s\nc\n…")).is_err());
    assert!(holds(&found, &lines("a 0.7 s\nb")).is_err());
    assert!(holds(&found, &lines("…\ne")).is_err());
}
