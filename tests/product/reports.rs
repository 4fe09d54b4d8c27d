//! One compiler: command line, JSON, SARIF, GitHub and the editor say the same of the same spec.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::editor::client::Editor;
use crate::support::{Project, Run};

const SPEC: &str = "credit.mlinfra";

/// A finding as every way of showing it must have it: code, first line and column, the title of
/// its fix.
type Said = (String, u64, u64, Option<String>);

/// What is wrong in the specs that are compared, and the code of one of their findings.
const FAULTS: &[(&str, &str, &str)] = &[
    ("    age             = bucket(5)\n", "", "E0512"),
    ("capacity   =", "capacitty  =", "E0202"),
    ("= 2 GiB", "= 2 h", "E0304"),
    ("keep     = lake", "keep     = lakke", "E0302"),
    (
        "step clean = drop_nulls(applicants)",
        "step clean = drop_nulls(masked)",
        "E0316",
    ),
    (
        "age             = bucket(5)",
        "agee            = bucket(5)",
        "E0417",
    ),
    ("label = good) {", "label = god) {", "E0417"),
    (
        "replicas in 1..8",
        "replicas in \"\u{1f600}\" + 1..8",
        "E0317",
    ),
    (
        "capacity   = 2 GiB",
        "capacity = \"2\u{1f600}\" + nothing",
        "E0302",
    ),
    ("capacity   = 2 GiB", "\u{feff}capacity = 2 GiB", "E0036"),
    ("cpus   >= 2", "cpus   >= = 2", "E0009"),
    ("pool worker", "key lake on here {}\npool worker", "E0210"),
];

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// What JSON says; its columns count letters, the others' UTF-16 units: so they are counted again.
fn of_json(run: &Run, spec: &str) -> Vec<Said> {
    let report = run.json();
    let findings = report["diagnostics"].as_array().expect("findings");
    let one = |finding: &Value| {
        let byte = number(&finding["primary"]["start"]["byte"]);
        let byte = usize::try_from(byte).expect("it fits");
        let line = spec[..byte].rsplit('\n').next().unwrap_or_default();
        let column = line.encode_utf16().count() as u64 + 1;
        let title = finding["fix"]["title"].as_str().map(str::to_owned);
        (
            text(&finding["code"]),
            number(&finding["primary"]["start"]["line"]),
            column,
            title,
        )
    };
    findings.iter().map(one).collect()
}

fn of_sarif(log: &Value) -> Vec<Said> {
    let results = log["runs"][0]["results"].as_array().expect("results");
    let one = |result: &Value| {
        let region = &result["locations"][0]["physicalLocation"]["region"];
        (
            text(&result["ruleId"]),
            number(&region["startLine"]),
            number(&region["startColumn"]),
            result["fixes"][0]["description"]["text"]
                .as_str()
                .map(str::to_owned),
        )
    };
    results.iter().map(one).collect()
}

fn of_github(printed: &str) -> Vec<Said> {
    let one = |line: &str| {
        let (head, message) = line.strip_prefix("::")?.split_once("::")?;
        let (_, properties) = head.split_once(' ')?;
        let find = |name: &str| {
            let mut pairs = properties
                .split(',')
                .filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        let title = find("title")?;
        let fix = message.split("%0Afix: ").nth(1);
        Some((
            title.split("%3A").next()?.to_owned(),
            find("line")?.parse().ok()?,
            find("col").map_or(Some(1), |column| column.parse().ok())?,
            fix.map(|fix| fix.replace("%25", "%")),
        ))
    };
    printed.lines().filter_map(one).collect()
}

fn of_editor(project: &Project, spec: &str) -> Vec<Said> {
    let mut editor = Editor::start(project, json!({}));
    editor.open(SPEC, spec);
    let findings = editor.findings(SPEC);
    let mut all = Vec::new();
    for finding in &findings {
        let actions = editor.actions(SPEC, &finding["range"]);
        let same = |action: &&Value| action["diagnostics"][0] == *finding;
        let title = actions
            .iter()
            .find(same)
            .map(|action| text(&action["title"]));
        let start = &finding["range"]["start"];
        let (line, column) = (number(&start["line"]) + 1, number(&start["character"]) + 1);
        all.push((text(&finding["code"]), line, column, title));
    }
    assert_eq!(editor.end(true), 0);
    all
}

fn wrong(from: &str, to: &str) -> Project {
    let project = Project::credit();
    project.edit(SPEC, from, to);
    project
}

#[test]
fn all_say_the_same() {
    let mut fixes = 0;
    for (from, to, code) in FAULTS {
        let project = wrong(from, to);
        let spec = project.read(SPEC);
        let wanted = of_json(&project.run(&["check", "--json"]).exits(2), &spec);
        assert!(
            wanted.iter().any(|said| said.0 == *code),
            "{to}: {wanted:?}"
        );
        fixes += wanted.iter().filter(|said| said.3.is_some()).count();

        let sarif = project.run(&["check", "--format", "sarif"]).exits(2);
        assert_eq!(of_sarif(&sarif.json()), wanted, "{to}");
        let github = project.run(&["check", "--format", "github"]).exits(2);
        assert_eq!(of_github(&github.stdout), wanted, "{to}");
        assert_eq!(of_editor(&project, &spec), wanted, "{to}");

        let shown = project.run(&["check"]).exits(2).stdout;
        for (code, line, _, fix) in &wanted {
            assert!(shown.contains(&format!("error[{code}]")), "{shown}");
            assert!(
                shown.contains(&format!("{SPEC}:{line}:")),
                "{line} is not in\n{shown}"
            );
            if let Some(fix) = fix {
                assert!(shown.contains(&format!("= fix:  {fix}")), "{shown}");
            }
        }
        for (result, said) in sarif.json()["runs"][0]["results"]
            .as_array()
            .expect("results")
            .iter()
            .zip(&wanted)
        {
            let first = text(&result["message"]["text"]);
            let first = first.lines().next().unwrap_or_default().to_owned();
            assert!(!first.is_empty(), "{said:?}");
        }
    }
    assert!(fixes >= 4, "{fixes}");
}

#[test]
fn the_editor_shows_the_same_sentences() {
    let project = wrong("capacity   =", "capacitty  =");
    let spec = project.read(SPEC);
    let log = project.run(&["check", "--format", "sarif"]).exits(2).json();
    let mut editor = Editor::start(&project, json!({}));
    editor.open(SPEC, &spec);
    let findings = editor.findings(SPEC);
    assert_eq!(
        findings[0]["message"],
        log["runs"][0]["results"][0]["message"]["text"]
    );
    let report = project.run(&["check", "--json"]).exits(2).json();
    let message = text(&findings[0]["message"]);
    for part in [
        &report["diagnostics"][0]["title"],
        &report["diagnostics"][0]["help"][0],
    ] {
        assert!(
            message.contains(part.as_str().expect("a text")),
            "{message}"
        );
    }
}

/// Which properties an object of SARIF may have here, and which it must have.
const SARIF: &[(&str, &[&str], &[&str])] = &[
    ("", &["$schema", "version", "runs"], &["version", "runs"]),
    (
        "/runs/0",
        &[
            "tool",
            "columnKind",
            "originalUriBaseIds",
            "invocations",
            "results",
        ],
        &["tool", "columnKind", "results"],
    ),
    (
        "/runs/0/tool/driver",
        &["name", "version", "semanticVersion", "rules"],
        &["name", "version", "rules"],
    ),
    (
        "/runs/0/tool/driver/rules/0",
        &[
            "id",
            "shortDescription",
            "fullDescription",
            "help",
            "defaultConfiguration",
        ],
        &["id", "shortDescription", "fullDescription", "help"],
    ),
    (
        "/runs/0/results/0",
        &[
            "ruleId",
            "ruleIndex",
            "level",
            "message",
            "locations",
            "relatedLocations",
            "partialFingerprints",
            "fixes",
        ],
        &[
            "ruleId",
            "ruleIndex",
            "level",
            "message",
            "locations",
            "partialFingerprints",
        ],
    ),
    (
        "/runs/0/results/0/locations/0/physicalLocation",
        &["artifactLocation", "region"],
        &["artifactLocation", "region"],
    ),
    (
        "/runs/0/results/0/locations/0/physicalLocation/artifactLocation",
        &["uri", "uriBaseId"],
        &["uri", "uriBaseId"],
    ),
    (
        "/runs/0/results/0/locations/0/physicalLocation/region",
        &[
            "startLine",
            "startColumn",
            "endLine",
            "endColumn",
            "byteOffset",
            "byteLength",
        ],
        &["startLine", "startColumn", "endLine", "endColumn"],
    ),
    (
        "/runs/0/results/0/fixes/0/artifactChanges/0",
        &["artifactLocation", "replacements"],
        &["artifactLocation", "replacements"],
    ),
    (
        "/runs/0/results/0/fixes/0/artifactChanges/0/replacements/0",
        &["deletedRegion", "insertedContent"],
        &["deletedRegion"],
    ),
];

#[test]
fn a_sarif_log_has_the_form_of_the_standard() {
    let project = wrong("capacity   =", "capacitty  =");
    let log = project.run(&["check", "--format", "sarif"]).exits(2).json();
    assert_eq!(log["version"], "2.1.0");
    for (path, may, must) in SARIF {
        let object = log.pointer(path).and_then(Value::as_object);
        let object = object.unwrap_or_else(|| panic!("no object at `{path}`"));
        for name in object.keys() {
            assert!(may.contains(&name.as_str()), "`{name}` at `{path}`");
        }
        for name in *must {
            assert!(object.contains_key(*name), "no `{name}` at `{path}`");
        }
    }
    let run = &log["runs"][0];
    for result in run["results"].as_array().expect("results") {
        let index = usize::try_from(number(&result["ruleIndex"])).expect("it fits");
        assert_eq!(
            run["tool"]["driver"]["rules"][index]["id"],
            result["ruleId"]
        );
        assert!(["error", "warning"].contains(&text(&result["level"]).as_str()));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], SPEC);
        assert_eq!(place["artifactLocation"]["uriBaseId"], "%SRCROOT%");
        assert!(number(&place["region"]["startLine"]) >= 1);
        assert!(number(&place["region"]["startColumn"]) >= 1);
        let spec = project.read(SPEC);
        let at = |name: &str| usize::try_from(number(&place["region"][name])).expect("it fits");
        let marked = &spec[at("byteOffset")..at("byteOffset") + at("byteLength")];
        assert_eq!(marked, "capacitty");
    }
}

#[test]
fn a_sarif_log_names_no_path_of_this_machine_and_is_the_same_each_time() {
    let project = wrong("age             = bucket(5)", "agee            = bucket(5)");
    let first = project.run(&["check", "--format", "sarif"]).exits(2).stdout;
    let second = project.run(&["check", "--format", "sarif"]).exits(2).stdout;
    assert_eq!(first, second);
    let folder = project.folder().display().to_string();
    let whole = project.path(SPEC).display().to_string();
    let absolute = project
        .run(&["check", "--format", "sarif", &whole])
        .exits(2)
        .stdout;
    assert_eq!(absolute, first, "however the spec is named");
    assert!(!first.contains(&folder), "{first}");
}

#[test]
fn a_finding_is_known_again_when_lines_move() {
    let marks = |project: &Project| {
        let log = project.run(&["check", "--format", "sarif"]).exits(2).json();
        let results = log["runs"][0]["results"].as_array().cloned();
        let mark = |result: &Value| text(&result["partialFingerprints"]["mlinfraBlockText/v1"]);
        results
            .unwrap_or_default()
            .iter()
            .map(mark)
            .collect::<Vec<_>>()
    };
    let project = wrong("capacity   =", "capacitty  =");
    project.edit(
        SPEC,
        "pool worker",
        "storage pond on here { capacitty = 1 GiB, capacitty = 1 GiB }\npool worker",
    );
    let before = marks(&project);
    assert!(before.len() >= 2, "{before:?}");
    let distinct: BTreeSet<&String> = before.iter().collect();
    assert_eq!(
        distinct.len(),
        before.len(),
        "another block is another finding"
    );
    project.edit(
        SPEC,
        "target here",
        "// One line more.\n\n\n  target   here",
    );
    assert_eq!(marks(&project), before);
}

#[test]
fn a_report_can_go_into_a_file() {
    let project = wrong("capacity   =", "capacitty  =");
    let printed = project.run(&["check", "--format", "sarif"]).exits(2).stdout;
    let run = project
        .run(&["check", "--format", "sarif", "--output", "out.sarif"])
        .exits(2);
    assert_eq!(run.stdout, "");
    assert_eq!(project.read("out.sarif"), printed);
    project
        .run(&["check", "--output", "no/where"])
        .exits(2)
        .says("E1003");
    project
        .run(&["check", "--json", "--format", "sarif"])
        .exits(2)
        .says("cannot be used");
    project.edit(SPEC, "capacitty", "capacity");
    let clean = project.run(&["check", "--format", "sarif"]).exits(0).json();
    assert_eq!(clean["runs"][0]["results"], json!([]));
    assert_eq!(
        project
            .run(&["check", "--format", "github"])
            .exits(0)
            .stdout,
        ""
    );
}

#[test]
fn a_check_that_could_not_happen_says_so_in_its_format() {
    let project = Project::empty();
    let run = project.run(&["check", "--format", "sarif"]).exits(2);
    let invocation = &run.json()["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notice = &invocation["toolExecutionNotifications"][0];
    assert_eq!(notice["descriptor"]["id"], "E1001");
    let run = project.run(&["check", "--format", "github"]).exits(2);
    assert!(
        run.stdout
            .starts_with("::error title=E1001::there is no spec here")
    );
}

#[test]
fn github_is_told_when_it_drops_some() {
    let project = Project::empty();
    let lines: String = (0..12)
        .map(|n| format!("let x{n} = nothing{n}\n"))
        .collect();
    project.write("main.mlinfra", lines);
    let printed = project
        .run(&["check", "--format", "github"])
        .exits(2)
        .stdout;
    let errors = printed.lines().filter(|line| line.starts_with("::error "));
    assert_eq!(errors.count(), 12);
    let last = printed.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("::notice title=mlinfra::12 errors: GitHub shows"),
        "{last}"
    );
    assert!(printed.contains("file=main.mlinfra,line=1,col=10,endLine=1,endColumn=18,title=E0302"));
}

#[test]
fn paths_are_from_the_top_of_the_checkout() {
    let project = Project::empty();
    std::fs::create_dir_all(project.path("team a/specs")).expect("folders");
    std::fs::create_dir(project.path(".git")).expect("a folder");
    project.write("team a/specs/main.mlinfra", "let x = nothing\n");
    let mut command = project.command(&["check", "--format", "sarif"]);
    command.current_dir(project.path("team a/specs"));
    let output = command.output().expect("it starts");
    let log: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        place["artifactLocation"]["uri"],
        "team%20a/specs/main.mlinfra"
    );
}
