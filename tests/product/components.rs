//! Components, `for` and `when`, carried out: what is dropped goes, and nothing else.

use crate::support::Project;

const FARM: &str = "\
project farm {}
target here = local()
param spare: bool = true
component silo on target {
  param size: bytes
  storage grain { class = file, capacity = size }
  output most = grain.capacity
}
component yard on target {
  param sizes: map(bytes)
  silo part for name, most in sizes { size = most }
  key lock {}
  output first = part[\"wheat\"].most
}
yard north on here { sizes = { wheat = 1 GiB, rye = 2 GiB } }
storage lake on here for zone in [\"east\", \"west\"] { class = file }
storage extra on here when spare { class = file }
silo reserve on here when spare { size = 3 GiB }
output most = north.first
";

/// Every block that is made, and the folder of its store if it is one.
const WHEAT: &str = "north/part[\"wheat\"]/storage.grain";
const RYE: &str = "north/part[\"rye\"]/storage.grain";
const EAST: &str = "storage.lake[\"east\"]";
const WEST: &str = "storage.lake[\"west\"]";
const EXTRA: &str = "storage.extra";
const RESERVE: &str = "reserve/storage.grain";
const LOCK: &str = "north/key.lock";

/// The addresses of everything that stands, sorted.
fn standing(project: &Project) -> Vec<String> {
    let shown = project.run(&["show", "--json"]).exits(0).json();
    let resources = shown["resources"].as_array().cloned().unwrap_or_default();
    let address = |one: &serde_json::Value| one["address"].as_str().map(str::to_owned);
    let mut all: Vec<String> = resources.iter().filter_map(address).collect();
    all.sort();
    all
}

fn sorted(addresses: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = addresses.iter().map(|one| (*one).to_owned()).collect();
    all.push("target.here".to_owned());
    all.sort();
    all
}

/// The plan, sorted, as `sign address`.
fn planned(project: &Project) -> Vec<String> {
    let mut all = project.planned();
    all.sort();
    all
}

#[test]
fn a_key_that_is_dropped_and_a_condition_that_fails_take_nothing_else_along() {
    let project = Project::empty();
    project.write("main.mlinfra", FARM);
    project.run(&["apply", "-y"]).exits(0);
    project.plan_is_empty();
    let all = [WHEAT, RYE, EAST, WEST, EXTRA, RESERVE, LOCK];
    assert_eq!(standing(&project), sorted(&all));
    let shown = project.run(&["show", WHEAT]).exits(0);
    assert!(shown.stdout.contains(WHEAT), "{}", shown.stdout);
    project.run(&["show", EAST]).exits(0).says(EAST);
    project
        .run(&["show", "north/part[\"oats\"]/storage.grain"])
        .exits(2);
    let most = project.run(&["output", "most"]).exits(0).stdout;
    assert_eq!(most, "1 GiB\n");

    // What lies in a store shows that nobody made it anew.
    let stores = project.shell("for store in .mlinfra/stores/*; do echo x > \"$store/kept\"; done");
    stores.exits(0);
    let kept = || {
        let count = project.shell("cat .mlinfra/stores/*/kept | wc -l").stdout;
        count.trim().to_owned()
    };
    assert_eq!(kept(), "6");

    project.edit("main.mlinfra", ", rye = 2 GiB", "");
    assert_eq!(planned_with_data(&project), [format!("delete {RYE}")]);
    project.run(&["plan"]).exits(1).says("E0907");
    project.run(&["apply", "-y", "--data"]).exits(0);
    project.plan_is_empty();
    let rest = [WHEAT, EAST, WEST, EXTRA, RESERVE, LOCK];
    assert_eq!(standing(&project), sorted(&rest));
    assert_eq!(kept(), "5");

    project.edit("main.mlinfra", "spare: bool = true", "spare: bool = false");
    let gone = [format!("delete {RESERVE}"), format!("delete {EXTRA}")];
    assert_eq!(planned_with_data(&project), gone);
    project.run(&["apply", "-y", "--data"]).exits(0);
    project.plan_is_empty();
    assert_eq!(standing(&project), sorted(&[WHEAT, EAST, WEST, LOCK]));
    assert_eq!(kept(), "3");

    // What comes back, and what is added, is all that is made.
    project.edit("main.mlinfra", "spare: bool = false", "spare: bool = true");
    project.edit(
        "main.mlinfra",
        "[\"east\", \"west\"]",
        "[\"west\", \"north\", \"east\"]",
    );
    let made = ["create reserve/storage.grain", "create storage.extra"];
    let north = "create storage.lake[\"north\"]";
    assert_eq!(planned(&project), [made[0], made[1], north]);
    project.run(&["apply", "-y"]).exits(0);
    project.plan_is_empty();
    assert_eq!(kept(), "3");
    project.run(&["state", "verify"]).exits(0);
    project.run(&["destroy", "-y", "--data"]).exits(0);
    assert_eq!(standing(&project), Vec::<String>::new());
}

/// The plan, sorted, where data may go.
fn planned_with_data(project: &Project) -> Vec<String> {
    let plan = project.run(&["plan", "--data", "--json"]).exits(0).json();
    let changes = plan["plan"]["changes"].as_array().cloned();
    let text = |change: &serde_json::Value| {
        let (kind, address) = (&change["kind"], &change["address"]);
        Some(format!("{} {}", kind.as_str()?, address.as_str()?))
    };
    let mut all: Vec<String> = changes.iter().flatten().filter_map(text).collect();
    all.sort();
    all
}
