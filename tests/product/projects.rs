//! One project reads what another gives.

use std::fs;

use crate::support::{Project, Run};

/// What the first project declares; the second is in a folder beside it.
const NETWORK: &str = "\
project network {}
target here = local()
storage lake on here { class = file }
output size = 2 GiB
output zone = \"west\"
output lake = lake
";

const APP: &str = "\
project app {}
target here = local()
let network = outputs(\"../network\")
storage cache on here { class = file, capacity = network.size }
output zone = network.zone
";

fn two() -> Project {
    let project = Project::empty();
    for (name, text) in [("network", NETWORK), ("app", APP)] {
        fs::create_dir(project.path(name)).expect("a folder");
        project.write(&format!("{name}/main.mlinfra"), text);
    }
    project
}

/// Changes a text of the first project and applies it.
fn change(project: &Project, from: &str, to: &str) -> Run {
    project.edit("network/main.mlinfra", from, to);
    project.run(&["apply", "-y", "network"]).exits(0)
}

#[test]
fn what_one_project_gives_another_is_made_with() {
    let project = two();
    project
        .run(&["check", "app"])
        .exits(2)
        .says("E0138")
        .says("nothing was applied there yet");
    project.run(&["apply", "-y", "network"]).exits(0);
    project
        .run(&["plan", "network"])
        .exits(0)
        .says("no changes");
    project.run(&["apply", "-y", "app"]).exits(0);
    project.run(&["plan", "app"]).exits(0).says("no changes");
    let zone = ["output", "zone", "--spec", "app"];
    assert_eq!(project.run(&zone).exits(0).stdout, "west\n");

    // A change there is none here before it is applied there.
    project.edit("network/main.mlinfra", "2 GiB", "3 GiB");
    project.run(&["plan", "app"]).exits(0).says("no changes");
    let plan = project.run(&["plan", "network"]).exits(0);
    assert!(
        plan.stdout.contains("outputs: `size` becomes 3 GiB"),
        "{}",
        plan.stdout
    );
    project.run(&["apply", "-y", "network"]).exits(0);
    project
        .run(&["plan", "network"])
        .exits(0)
        .says("no changes");
    let plan = project.run(&["plan", "app"]).exits(0).says("storage.cache");
    assert!(plan.stdout.contains("2 GiB → 3 GiB"), "{}", plan.stdout);

    // A plan that was kept is of no use once the other project moved on.
    project.run(&["plan", "app", "--out", "app.plan"]).exits(0);
    change(&project, "3 GiB", "4 GiB");
    let apply = ["apply", "-y", "app.plan", "--spec", "app"];
    project
        .run(&apply)
        .exits(4)
        .says("E0714")
        .says("../network");
    project.run(&["apply", "-y", "app"]).exits(0);
    project.run(&["plan", "app"]).exits(0).says("no changes");

    // What is gone there can't be read here.
    change(&project, "output zone = \"west\"\n", "");
    project
        .run(&["plan", "app"])
        .exits(2)
        .says("that project has no output `zone`");
    project.edit("app/main.mlinfra", "network.zone", "network.lake");
    project
        .run(&["check", "app"])
        .exits(2)
        .says("is no plain value");
    project.edit("app/main.mlinfra", "network.lake", "network.sise");
    project.run(&["check", "app"]).exits(2).says("`size`");
    project
        .run(&["state", "verify", "--spec", "network"])
        .exits(0);
}

#[test]
fn the_lock_names_the_project_and_holds_a_change_up() {
    let project = two();
    project.run(&["apply", "-y", "network"]).exits(0);
    project.run(&["lock", "app"]).exits(0);
    assert!(project.read("app/mlinfra.lock").contains("../network"));
    project.run(&["plan", "app", "--locked"]).exits(0);
    change(&project, "2 GiB", "3 GiB");
    project
        .run(&["plan", "app", "--locked"])
        .exits(1)
        .says("E0977")
        .says("`../network` gives something else");
    project.run(&["lock", "app"]).exits(0);
    let plan = ["plan", "app", "--locked", "--out", "app.plan"];
    project.run(&plan).exits(0);
    let apply = ["apply", "-y", "app.plan", "--spec", "app", "--locked"];
    // A plan that was kept says itself what it was made with.
    let locked = project.read("app/mlinfra.lock");
    project.write(
        "app/mlinfra.lock",
        locked.replace("\"library\": \"sha256:", "\"library\": \"sha256:0"),
    );
    project
        .run(&apply)
        .exits(1)
        .says("E0977")
        .says("the standard library is another one");
    project.write("app/mlinfra.lock", locked);
    project.run(&apply).exits(0);
}

#[test]
fn an_environment_of_another_project_is_named() {
    let project = two();
    let text = project.read("network/main.mlinfra")
        + "param most: bytes = 1 GiB\nenvironment dev {}\n\
           environment prod { params { most = 5 GiB } }\n";
    project.write(
        "network/main.mlinfra",
        text.replace("size = 2 GiB", "size = most"),
    );
    let apply = ["apply", "-y", "network", "-e", "prod"];
    project.run(&apply).exits(0);
    project
        .run(&["check", "app"])
        .exits(2)
        .says("E0138")
        .says("`prod`");
    let named = "outputs(\"../network\", environment = \"prod\")";
    project.edit("app/main.mlinfra", "outputs(\"../network\")", named);
    project.run(&["plan", "app"]).exits(0).says("at most 5 GiB");
    let own = "outputs(\"../app\")";
    project.edit("app/main.mlinfra", named, own);
    project
        .run(&["check", "app"])
        .exits(2)
        .says("it is this one");
}

#[test]
fn what_only_an_apply_knows_comes_across_once_it_is_known() {
    let project = Project::credit();
    project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 2");
    let text = project.read("credit.mlinfra");
    project.write(
        "credit.mlinfra",
        text + "output address = score.url\noutput caller = score.key\n",
    );
    fs::create_dir(project.path("app")).expect("a folder");
    let app = "project app {}\noutput at = \"${outputs(\"..\").address}/predict\"\n";
    project.write("app/main.mlinfra", app);
    project.run(&["apply", "-y"]).exits(0);
    project.plan_is_empty();
    project.run(&["apply", "-y", "app"]).exits(0);
    let at = project
        .run(&["output", "at", "--spec", "app"])
        .exits(0)
        .stdout;
    assert!(at.contains(&format!(":{}/predict", project.port)), "{at}");
    // The secret that is beside it is nowhere here, whatever is made of all the rest.
    let all = "\noutput all = outputs(\"..\")\n";
    project.write("app/main.mlinfra", app.to_owned() + all);
    project.run(&["apply", "-y", "app"]).exits(0);
    project.run(&["lock", "app"]).exits(0);
    let reveal = ["output", "--reveal", "caller"];
    let key = project.run(&reveal).exits(0).stdout;
    let found = project.shell(&format!("grep -rl '{}' app", key.trim()));
    assert_eq!((key.trim().len() > 8, found.stdout.as_str()), (true, ""));
    project.edit("app/main.mlinfra", "address", "caller");
    project
        .run(&["check", "app"])
        .exits(2)
        .says("E0139")
        .says("is secret there");
    project.run(&["destroy", "-y", "--data"]).exits(0);
    project.edit("app/main.mlinfra", "caller", "address");
    project
        .run(&["check", "app"])
        .exits(2)
        .says("no output `address`");
}
