//! What the README says, done.

use std::path::Path;

use crate::support::Project;

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
