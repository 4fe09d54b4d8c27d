//! The report of an apply: written, shown by a real browser, and without a cell in it.

use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::browser::{Browser, real, requests};
use crate::support::Project;

/// Where the first apply of a project leaves its page.
const PAGE: &str = ".mlinfra/runs/op-1/report.html";

/// What the test looks at in the page; the page itself has no script.
const LOOK: &str = "
    const root = document.documentElement;
    const all = selector => [...document.querySelectorAll(selector)];
    return {
        wide: root.scrollWidth - root.clientWidth,
        paper: getComputedStyle(document.body).backgroundColor,
        sections: all('section').map(section => section.id),
        drawings: all('svg').filter(svg => svg.getBoundingClientRect().width > 0).length,
        inks: all('svg.plot polyline').map(line => getComputedStyle(line).stroke),
    };";

#[test]
fn an_apply_leaves_a_page_that_a_browser_shows() {
    let project = Project::credit();
    let applied = project.run(&["apply", "-y"]).exits(0).says(PAGE);
    assert!(applied.stdout.contains("report  "), "{}", applied.stdout);
    let page = project.read(PAGE);
    let mode = project.path(PAGE).metadata().expect("it is there").mode();
    assert_eq!(mode & 0o777, 0o600, "it is its owner's alone");

    // What stands has not changed: the same bytes, also in a file of one's own.
    project.run(&["report"]).exits(0).says(PAGE);
    assert_eq!(project.read(PAGE), page);
    project.run(&["report", "--output", "own.html"]).exits(0);
    assert_eq!(project.read("own.html"), page);
    let data = project.run(&["report", "--json"]).exits(0).json();
    let model = &data["report"]["models"][0];
    assert_eq!(model["released"]["is"], "yes");
    assert_eq!(data["report"]["missing"], json!([]));

    let browser = Browser::start();
    for (scheme, paper, ink) in [
        ("light", "rgb(251, 251, 250)", "rgb(11, 106, 168)"),
        ("dark", "rgb(19, 21, 24)", "rgb(90, 176, 234)"),
    ] {
        for width in [1280, 400] {
            browser.look_as(scheme, width);
            browser.open(&project.path(PAGE));
            let shown = browser.ask(LOOK);
            assert_eq!(
                shown["wide"], 0,
                "{scheme}, {width}: nothing stands out to the side"
            );
            assert_eq!(shown["paper"], paper, "{scheme}, {width}");
            let sections = json!([
                "summary-1",
                "learning-1",
                "quality-1",
                "fairness-1",
                "explain-1",
                "run",
                "data",
                "lineage",
                "columns",
                "policies"
            ]);
            assert_eq!(shown["sections"], sections, "{scheme}, {width}");
            assert!(shown["drawings"].as_u64() > Some(20), "{shown}");
            let inks = shown["inks"].as_array().cloned().unwrap_or_default();
            assert!(
                inks.contains(&json!(ink)),
                "{scheme}: the lines have the page's colour"
            );
        }
    }
    let said = browser.log("browser");
    assert_eq!(said, json!([]), "the browser's console is silent");
    let requests = requests(&browser.log("performance"));
    assert!(!requests.is_empty(), "requests are seen");
    let page = format!("file://{}", real(&project.path(PAGE)));
    assert!(
        requests.iter().all(|request| *request == page),
        "{requests:?}"
    );
}

#[test]
fn a_failed_gate_leaves_a_page_that_says_so() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    project.edit(
        "credit.mlinfra",
        "require auc >= 0.70",
        "require auc >= 0.99",
    );
    project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 3");
    let failed = project.run(&["apply", "-y"]).exits(1);
    let file = ".mlinfra/runs/op-2/report.html";
    assert!(failed.stdout.contains(file), "{}", failed.stdout);
    let page = project.read(file);
    assert!(page.contains("Not released: a gate does not hold"));
    assert!(page.contains("endpoint.score goes on serving the earlier model"));
    assert!(page.contains("✖ fails") && page.contains("auc &gt;= 0.99"));
    assert!(page.contains("kept from op-1") && project.answers());
}

#[test]
fn no_cell_is_on_the_page() {
    let project = Project::credit();
    // Cells that nobody else has: a rare category, and numbers with odd digits.
    let data = project.read("german_credit.csv");
    let lines: Vec<String> = data
        .lines()
        .enumerate()
        .map(|(place, line)| match place {
            7 => line.replacen("A4", "ZEBRA4", 1),
            8 | 9 => {
                let mut cells: Vec<&str> = line.split(',').collect();
                cells[4] = "7654321";
                cells.join(",")
            }
            _ => line.to_owned(),
        })
        .collect();
    let data = lines.join("\n") + "\n";
    assert!(data.contains("ZEBRA4") && data.matches(",7654321,").count() == 2);
    project.write("german_credit.csv", data);
    project.run(&["apply", "-y"]).exits(0);
    let page = project.read(PAGE);
    let data = project.run(&["report", "--json"]).exits(0).stdout;
    for marker in ["ZEBRA", "7654321", "7,654,321"] {
        assert!(!page.contains(marker) && !data.contains(marker), "{marker}");
    }
    let key = project
        .run(&["output", "--reveal", "score.key"])
        .exits(0)
        .stdout;
    assert!(!page.contains(key.trim()) && !data.contains(key.trim()));
}

#[test]
fn what_is_gone_is_left_out_and_said() {
    let project = Project::credit();
    project.run(&["report"]).exits(1).says("E1006");
    project.run(&["apply", "-y"]).exits(0);
    let stores = project.path(".mlinfra/stores");
    std::fs::remove_dir_all(&stores).expect("the stores can be removed");
    project.run(&["report"]).exits(0);
    let page = project.read(PAGE);
    assert!(page.contains("id=\"missing\"") && !page.contains("id=\"quality-1\""));
    assert!(page.contains("is gone [E1030]") && page.contains("id=\"columns\""));

    project.write("folder", "a file");
    let blocked = project.run(&["report", "--output", "folder/page.html"]);
    blocked.exits(1).says("E1031");
}
