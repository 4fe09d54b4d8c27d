//! The examples whose targets have no provider yet: they check, and a plan says what is missing.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{MLINFRA, Run};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the example is there").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("the file can be copied")),
        }
    }
}

/// Runs a command on a copy of an example.
fn on(example: &str, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    copy(&root.join("examples").join(example), folder.path());
    let mut command = Command::new(MLINFRA);
    command.args(arguments).current_dir(folder.path());
    Run::of(command.output().expect("the command starts"))
}

/// An example, its parameters, and the targets whose providers are not built in.
const PLANS: &[(&str, &[&str], &[&str])] = &[
    ("assistant", &["--param", "where=gpu"], &["target.us"]),
    ("claims", &[], &["target.cloud", "target.ward"]),
    ("pretrain", &[], &["target.google", "target.lab"]),
    (
        "pretrain",
        &["--param", "where=tpu"],
        &["target.google", "target.lab"],
    ),
];

#[test]
fn every_example_checks_and_its_plan_says_which_provider_is_missing() {
    for (example, parameters, targets) in PLANS {
        let mut check = vec!["check"];
        check.extend(*parameters);
        on(example, &check).exits(0);
        let mut plan = vec!["plan"];
        plan.extend(*parameters);
        let planned = on(example, &plan).exits(1);
        let said = format!("{}{}", planned.stdout, planned.stderr);
        for target in *targets {
            let times = said
                .matches(&format!("`{target}` is of the provider"))
                .count();
            assert_eq!(times, 1, "{example} {target}: {said}");
        }
        let all = said.matches("is of the provider").count();
        assert_eq!(all, targets.len(), "{example}: {said}");
    }
}

#[test]
fn budgets_over_clouds_say_what_is_known_of_them() {
    for (example, parameters, wanted) in [
        ("claims", &[][..], "`year_end` 42000 USD/month: proven"),
        (
            "claims",
            &["--param", "env=dev"],
            "`year_end` 3000 USD/month: open",
        ),
        ("pretrain", &["--param", "where=tpu"], "`run` 400 USD: open"),
        ("pretrain", &[], "nothing counts against this budget"),
    ] {
        let mut plan = vec!["plan"];
        plan.extend(parameters);
        let planned = on(example, &plan).exits(1);
        let said = format!("{}{}", planned.stdout, planned.stderr);
        assert!(said.contains(wanted), "{example} {parameters:?}: {said}");
    }
}
