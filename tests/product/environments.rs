//! Environments of one spec side by side, and blocks that are called otherwise, left standing and
//! taken over again.

use std::fs::{self, File};

use serde_json::Value;

use crate::support::Project;

/// The credit example with two environments, each with a port of its own.
fn two_environments() -> (Project, u16) {
    let project = Project::credit();
    let other = project.port + 1_000;
    project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 2");
    let port = format!("port     = {}", project.port);
    project.edit("credit.mlinfra", &port, "port     = http");
    let text = project.read("credit.mlinfra");
    let declared = format!(
        "\nparam http: port\nenvironment dev {{ params {{ http = {} }} }}\n\
         environment prod {{\n  protect = true\n  params {{ http = {other} }}\n}}\n",
        project.port
    );
    project.write("credit.mlinfra", text + &declared);
    (project, other)
}

fn resources(project: &Project, environment: &str) -> Vec<Value> {
    let shown = project
        .run(&["show", "--json", "-e", environment])
        .exits(0)
        .json();
    shown["resources"].as_array().cloned().unwrap_or_default()
}

#[test]
fn one_environment_never_touches_another() {
    let (project, other) = two_environments();
    project.run(&["check"]).exits(0);
    for command in [
        &["plan"][..],
        &["apply", "-y"],
        &["show"],
        &["destroy", "-y"],
    ] {
        project
            .run(command)
            .exits(2)
            .says("E0970")
            .says("`dev`, `prod`");
    }
    project.run(&["plan", "-e", "prd"]).exits(2).says("E0130");
    assert!(!project.path(".mlinfra").exists());

    project
        .run(&["plan", "dev"])
        .exits(0)
        .says("environment dev");
    project.run(&["apply", "-y", "dev"]).exits(0);
    project.run(&["plan", "dev"]).exits(0).says("no changes");
    project.run(&["show", "-e", "prod"]).exits(1).says("E1006");
    assert!(project.answers());

    // Somebody is at work on one: the other is free.
    let lock = File::open(project.path(".mlinfra/environments/dev/lock"));
    let lock = lock.expect("an applied state has a lock");
    lock.lock().expect("nobody has it");
    project
        .run(&["apply", "-y", "-e", "dev"])
        .exits(4)
        .says("E0709");
    project.run(&["apply", "-y", "-e", "prod"]).exits(0);
    lock.unlock().expect("it was ours");
    let url = |environment: &str| {
        let url = project.run(&["output", "score.url", "-e", environment]);
        url.exits(0).stdout
    };
    assert!(url("dev").contains(&project.port.to_string()));
    assert!(url("prod").contains(&other.to_string()));
    let before = resources(&project, "prod");

    project
        .run(&["destroy", "-y", "--data", "-e", "dev"])
        .exits(0);
    assert!(!project.answers());
    assert_eq!(resources(&project, "prod"), before);
    project.run(&["plan", "prod"]).exits(0).says("no changes");
    let variable = "MLINFRA_ENVIRONMENT=prod";
    let words = format!("{variable} {} plan", crate::support::MLINFRA);
    project.shell(&words).exits(0).says("no changes");
    project.run(&["state", "verify", "-e", "prod"]).exits(0);
    // What is protected needs a word, whatever it is.
    project
        .run(&["destroy", "-y", "-e", "prod"])
        .exits(1)
        .says("E0907");
    project
        .run(&["destroy", "-y", "--data", "-e", "prod"])
        .exits(0);
}

const STORE: &str = "\
project demo {}
target here = local()
storage lake on here { class = file }
";

fn store() -> Project {
    let project = Project::empty();
    project.write("main.mlinfra", STORE);
    project.run(&["apply", "-y"]).exits(0);
    project.write(".mlinfra/stores/storage.lake/kept.txt", "kept");
    project
}

#[test]
fn a_block_that_moved_keeps_what_it_holds() {
    let project = store();
    project.edit("main.mlinfra", "storage lake", "storage pond");
    let refused = project.run(&["plan"]).exits(1).says("E0971").says("E0907");
    let line = "moved \"storage.lake\" = \"storage.pond\"";
    let said = refused.stdout.replace('\n', " ");
    assert!(said.contains(line), "{said}");
    project.write("main.mlinfra", project.read("main.mlinfra") + line + "\n");
    project.run(&["plan"]).exits(0).says("was storage.lake");
    project.run(&["apply", "-y"]).exits(0);
    project.plan_is_empty();
    assert_eq!(
        project.read(".mlinfra/stores/storage.lake/kept.txt"),
        "kept"
    );
    project.run(&["show"]).exits(0).says("storage.pond");
    project.run(&["state", "verify"]).exits(0);
    // The store under the old name is another one, elsewhere.
    let text =
        STORE.replace("storage lake", "storage pond") + "storage lake on here { class = file }\n";
    project.write("main.mlinfra", text);
    project.run(&["apply", "-y"]).exits(0);
    project.plan_is_empty();
    assert_eq!(
        fs::read_dir(project.path(".mlinfra/stores"))
            .expect("stores")
            .count(),
        2
    );
    project.run(&["destroy", "-y", "--data"]).exits(0);
    assert!(!project.path(".mlinfra/stores/storage.lake").exists());
}

#[test]
fn what_is_left_standing_is_taken_over_again() {
    let project = store();
    project.edit("main.mlinfra", "storage lake", "@keep\nstorage lake");
    project.run(&["apply", "-y"]).exits(0);
    project.plan_is_empty();
    let kept = project.read("main.mlinfra");
    project.write("main.mlinfra", "project demo {}\ntarget here = local()\n");
    project
        .run(&["apply", "-y"])
        .exits(0)
        .says("stays where it is");
    project.plan_is_empty();
    assert_eq!(
        project.read(".mlinfra/stores/storage.lake/kept.txt"),
        "kept"
    );
    // A block of its name does not take it over unseen.
    project.write("main.mlinfra", STORE);
    project.run(&["apply", "-y"]).exits(1).says("E0979");
    let taken = kept.replace(
        "@keep\nstorage lake",
        "@existing(\"storage.lake\")\nstorage again",
    );
    project.write("main.mlinfra", &taken);
    project
        .run(&["apply", "-y"])
        .exits(0)
        .says("is there already");
    project.plan_is_empty();
    project.write(
        "main.mlinfra",
        taken
            .replace("storage.lake\")", "storage.sea\")")
            .replace("again", "other"),
    );
    project.run(&["plan"]).exits(1).says("E0975");
    project.write("main.mlinfra", taken);
    project.run(&["destroy", "-y", "--data"]).exits(0);
    assert!(!project.path(".mlinfra/stores/storage.lake").exists());
}

#[test]
fn values_come_from_files_and_the_plan_says_so() {
    let project = Project::empty();
    let text = STORE.replace("class = file", "class = file, capacity = most")
        + "param most: bytes = 1 GiB\n";
    project.write("main.mlinfra", text);
    project.write("big.mlinfra.params", "most = 3 GiB\n");
    project.write("small.json", "{ \"most\": \"2 GiB\" }");
    let plan = ["plan", "--params", "big.mlinfra.params"];
    project
        .run(&plan)
        .exits(0)
        .says("most = 3 GiB (big.mlinfra.params)");
    let both = [&plan[..], &["--params", "small.json"]].concat();
    project
        .run(&both)
        .exits(0)
        .says("most = 2 GiB (small.json)");
    let all = [&both[..], &["--param", "most=4 GiB"]].concat();
    project.run(&all).exits(0).says("most = 4 GiB (--param)");
    project.write("small.json", "{ \"mst\": 2 }");
    project.run(&both).exits(2).says("small.json:1");
    project
        .run(&["plan", "--params", "none.json"])
        .exits(2)
        .says("E0133");
}

#[test]
fn parameters_go_with_an_operation_that_is_detached() {
    let project = Project::empty();
    let text = STORE.replace("class = file", "class = file, capacity = most")
        + "param most: bytes\nparam least: bytes\n\
           output sum = most + least\n";
    project.write("main.mlinfra", text);
    project.write("some.json", "{ \"most\": \"2 GiB\" }");
    let words = "MLINFRA_PARAM_least='1 GiB'";
    let apply = "apply -y --detach --params some.json";
    let begun = project.shell(&format!("{words} {} {apply}", crate::support::MLINFRA));
    let begun = begun.exits(0);
    let line = begun.stdout.lines().find(|line| line.contains("attach"));
    let line = line.expect("it says how to come back").trim();
    project.shell(line).exits(0);
    // The process that went on knew what the outputs are made of.
    let log = project
        .shell("cat .mlinfra/units/*/out.log")
        .exits(0)
        .stdout;
    assert!(log.contains("3 GiB"), "{log}");
    project.run(&["destroy", "-y", "--data"]).exits(0);
}

#[test]
fn what_is_protected_later_is_not_destroyed_without_a_word() {
    let project = Project::empty();
    let pool = "pool spare on here { memory >= 1 MiB }\n";
    let base = "project demo {}\ntarget here = local()\n";
    project.write("main.mlinfra", format!("{base}{pool}"));
    project.run(&["apply", "-y"]).exits(0);
    project.write("main.mlinfra", format!("{base}@protect\n{pool}"));
    project
        .run(&["apply", "-y"])
        .exits(0)
        .says("pool.spare is protected");
    project.plan_is_empty();
    project.write("main.mlinfra", base);
    project.run(&["apply", "-y"]).exits(1).says("E0909");
    project.run(&["destroy", "-y"]).exits(1).says("E0909");
    project.run(&["state", "verify"]).exits(0);
    project
        .run(&["plan", "--data"])
        .exits(0)
        .says("apply --data");
    project.run(&["apply", "-y", "--data"]).exits(0);
    project.plan_is_empty();
    project.run(&["plan", "--exit-code"]).exits(0);
    project.write("main.mlinfra", format!("{base}{pool}"));
    project.run(&["plan", "--exit-code"]).exits(5);
    project.run(&["destroy", "-y", "--data"]).exits(0);
}

#[test]
fn environments_that_are_gone_are_named_and_a_word_for_two_things_is_refused() {
    let project = Project::empty();
    let dev = format!("{STORE}environment dev {{}}\n");
    project.write("main.mlinfra", format!("{dev}environment prod {{}}\n"));
    project.run(&["apply", "-y", "-e", "prod"]).exits(0);
    let unknown = project.run(&["plan", "staging"]).exits(2);
    unknown.says("`dev`, `prod`");
    fs::create_dir(project.path("prod")).expect("a folder");
    project.write("prod/main.mlinfra", STORE);
    project
        .run(&["plan", "prod"])
        .exits(2)
        .says("E1035")
        .says("./prod");
    project.run(&["plan", "./prod"]).exits(0);
    project
        .run(&["plan", "-e", "prod"])
        .exits(0)
        .says("no changes");
    // The environment is taken out of the spec: its state is not forgotten.
    project.write("main.mlinfra", &dev);
    project
        .run(&["plan", "-e", "dev"])
        .exits(0)
        .says("environment `prod`");
    let word = "destroy";
    project
        .run(&[word, "-y", "-e", "prod"])
        .exits(1)
        .says("E0907");
    project.run(&[word, "-y", "--data", "-e", "prod"]).exits(0);
}

#[test]
fn outputs_are_those_that_were_applied() {
    let project = Project::empty();
    let text = "project demo {}\nparam who: string = \"a\"\noutput hello = \"hi ${who}\"\n\
                target here = local()\n";
    project.write("main.mlinfra", text);
    project.run(&["output"]).exits(1).says("E1006");
    project.run(&["apply", "-y", "--param", "who=b"]).exits(0);
    let hello = || project.run(&["output", "hello"]).exits(0).stdout;
    assert_eq!(hello(), "hi b\n");
    fs::remove_file(project.path("main.mlinfra")).expect("it is there");
    assert_eq!(hello(), "hi b\n");
    project.run(&["output", "bye"]).exits(2).says("E1012");
    project.run(&["destroy", "-y"]).exits(0);
}

#[test]
fn what_a_spec_reads_is_locked_and_a_secret_given_in_the_open_is_not_shown() {
    let project = Project::empty();
    let text = "project demo { owner = text(\"owner.txt\") }\ntarget here = local()\n";
    project.write("main.mlinfra", text);
    project.write("owner.txt", "ada@example.com");
    let locked = project.run(&["lock", "--json"]).exits(0).json();
    assert!(locked["lock"]["files"]["owner.txt"].is_string(), "{locked}");
    project.run(&["plan", "--locked"]).exits(0);
    project.write("owner.txt", "bob@example.com");
    project
        .run(&["plan", "--locked"])
        .exits(1)
        .says("owner.txt");
    project.write("mlinfra.lock", "{ \"version\": 99, \"later\": 1 }");
    project.run(&["plan"]).exits(0).says("version 99");
    project.run(&["lock"]).exits(2).says("E0978");

    project.write("main.mlinfra", format!("{text}param password: secret?\n"));
    for words in [&["check"][..], &["check", "--json"], &["plan"]] {
        let words = [words, &["--param", "password=hunter3"]].concat();
        let run = project.run(&words).exits(2).says("E0230");
        assert!(!run.stdout.contains("hunter3") && !run.stderr.contains("hunter3"));
    }
}
