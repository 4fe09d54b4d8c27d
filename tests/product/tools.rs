//! What people look at a spec with: `eval`, `console`, `graph`, `schema`, `test`, `fmt` and
//! `check --fix`, on real files.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::MLINFRA;

/// A spec whose names are as bad as names can be.
const HOSTILE: &str = "\
project names {}
target here = local
let sizes = [\"a] -> b\", \"</text><script>\", \"x;y#z|`\", \"end\"]
pool p on here for size in sizes {
  cpus   = 1
  memory = 1 GiB
}
";

/// What a program printed, and its exit code.
struct Said {
    exit: i32,
    out: String,
    error: String,
}

fn folder(spec: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("main.mlinfra"), spec).expect("it can be written");
    folder
}

fn run(program: &str, folder: &Path, words: &[&str], input: &str) -> Said {
    let mut child = Command::new(program)
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} starts: {error}"));
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let input = input.to_owned();
    // A program that ends before it has read all has its reasons, and shows them by its exit.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends");
    Said {
        exit: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        error: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

#[track_caller]
fn mlinfra(folder: &TempDir, words: &[&str], exit: i32) -> Said {
    let said = run(MLINFRA, folder.path(), words, "");
    assert_eq!(said.exit, exit, "{words:?}\n{}\n{}", said.out, said.error);
    said
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"))
}

#[test]
fn a_graph_is_read_by_what_it_is_written_for() {
    let folder = folder(HOSTILE);
    let graph = parsed(&mlinfra(&folder, &["graph", "--json"], 0).out);
    let nodes = graph["nodes"].as_array().expect("nodes");
    assert_eq!(nodes.len(), 6, "{graph}");
    let edges = graph["edges"].as_array().expect("edges");
    assert_eq!(edges.len(), 4, "each pool stands on its target: {graph}");

    let dot = mlinfra(&folder, &["graph"], 0).out;
    let read = run("dot", folder.path(), &["-Tjson"], &dot);
    assert_eq!((read.exit, read.error.as_str()), (0, ""), "{dot}");
    let read = parsed(&read.out);
    let drawn = read["objects"].as_array().expect("objects");
    let labels: Vec<&str> = drawn
        .iter()
        .filter_map(|one| one["label"].as_str())
        .collect();
    assert_eq!(labels.len(), 6, "{labels:?}");
    for node in nodes {
        let (kind, name) = (node["kind"].as_str(), node["name"].as_str());
        let label = format!("{}\\n{}", kind.expect("a kind"), name.expect("a name"));
        // What Graphviz shows as a backslash is written as two.
        let shown = label.replace("\\\"", "\\\\\"");
        assert!(
            labels.contains(&shown.as_str()) || labels.contains(&label.as_str()),
            "{label}"
        );
    }

    mlinfra(&folder, &["graph", "--format", "svg", "-o", "a.svg"], 0);
    let svg = fs::read_to_string(folder.path().join("a.svg")).expect("it was written");
    assert_eq!(svg.matches("<rect").count(), 6);
    assert!(!svg.contains("<script"), "{svg}");
    let again = mlinfra(&folder, &["graph", "--format", "svg"], 0).out;
    assert_eq!(again, svg, "the same each time");
    let mermaid = mlinfra(&folder, &["graph", "--format", "mermaid"], 0).out;
    assert!(
        mermaid.lines().all(|line| !line.contains("<script")),
        "{mermaid}"
    );
}

#[test]
fn the_console_answers_a_pipe_line_by_line() {
    let folder = folder("param copies: int = 3\nlet half = 50%\n");
    let lines = "copies * 2\n\n// a remark\nlet b = half * 4\nb\n:type b\nnope\n:quit\n1\n";
    let said = run(MLINFRA, folder.path(), &["console"], lines);
    assert_eq!(said.out, "6 : int\n2 : decimal\n2 : decimal\ndecimal\n");
    assert!(said.error.contains("error[E0302]"), "{}", said.error);
    assert_eq!(said.exit, 2, "a line was wrong");
    let said = run(MLINFRA, folder.path(), &["console", "--json"], "half\n");
    assert_eq!((said.exit, &parsed(&said.out)["value"]), (0, &json!(0.5)));
    assert!(!folder.path().join(".mlinfra").exists(), "nothing is kept");
}

#[test]
fn eval_tells_its_exit_and_never_a_secret() {
    let folder = folder("let a = 1\nlet broken = \"x\" * 2\n");
    assert_eq!(mlinfra(&folder, &["eval", "a + 1"], 0).out, "2 : int\n");
    assert_eq!(mlinfra(&folder, &["eval", "-1 - -2"], 0).out, "1 : int\n");
    let said = mlinfra(&folder, &["eval", "broken"], 2);
    assert!(
        said.error.contains("E1032") && said.error.contains("1 error"),
        "{}",
        said.error
    );
    mlinfra(&folder, &["eval", ""], 2);
    mlinfra(&folder, &["eval", "1", "--param", "nothing"], 2);
    let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let said = run(MLINFRA, folder.path(), &["eval", "-"], &deep);
    assert_eq!(said.exit, 2, "{}", said.error);
}

#[test]
fn tests_run_at_once_and_are_told_in_order() {
    let mut spec = String::from("param n: int = 1\n");
    for test in 0..24 {
        let wanted = if test == 7 { 0 } else { test };
        spec += &format!(
            "test \"number {test:02}\" {{\n  params {{ n = {test} }}\n  require n == {wanted}\n}}\n"
        );
    }
    let folder = folder(&spec);
    let one = mlinfra(&folder, &["test", "--jobs", "1", "--json"], 1).out;
    let many = mlinfra(
        &folder,
        &["test", "--jobs", "8", "--json", "--junit", "a.xml"],
        1,
    )
    .out;
    assert_eq!(one, many, "the order is that of the spec");
    let all = parsed(&many);
    assert_eq!((&all["passed"], &all["failed"]), (&json!(23), &json!(1)));
    let xml = fs::read_to_string(folder.path().join("a.xml")).expect("it was written");
    assert!(
        xml.contains("tests=\"24\" ") && xml.contains("failures=\"1\""),
        "{xml}"
    );
    mlinfra(&folder, &["test", "--filter", "number 1"], 0);
    mlinfra(&folder, &["test", "--jobs", "0"], 2);
}

#[test]
fn edits_are_shown_made_and_then_none_is_left() {
    let spec = "param copies: int = 3\nlet a = copeis\nlet b = true && false\n";
    let folder = folder(spec);
    let read = || fs::read_to_string(folder.path().join("main.mlinfra")).expect("it is there");
    let shown = mlinfra(&folder, &["check", "--fix", "--dry-run"], 1).out;
    assert!(
        shown.contains("-let a = copeis\n-let b = true && false\n"),
        "{shown}"
    );
    assert!(
        shown.contains("+let a = copies\n+let b = true and false\n"),
        "{shown}"
    );
    assert_eq!(read(), spec, "nothing was written");
    mlinfra(&folder, &["check", "--fix"], 0);
    assert_eq!(
        read(),
        "param copies: int = 3\nlet a = copies\nlet b = true and false\n"
    );
    mlinfra(&folder, &["check", "--fix", "--dry-run"], 0);
}

#[test]
fn fmt_shows_what_would_change_and_leaves_what_is_broken() {
    let folder = folder("let a=1\n");
    let shown = mlinfra(&folder, &["fmt", "--check"], 1).out;
    assert!(shown.contains("-let a=1\n+let a = 1\n"), "{shown}");
    let named = mlinfra(&folder, &["fmt", "--check", "--quiet"], 1).out;
    assert_eq!(named, "main.mlinfra\n");
    let broken = "let a=\r\n\t}}{ \u{feff}";
    fs::write(folder.path().join("broken.mlinfra"), broken).expect("it can be written");
    mlinfra(&folder, &["fmt"], 2);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("it is there");
    assert_eq!(read("broken.mlinfra"), broken);
    assert_eq!(read("main.mlinfra"), "let a = 1\n");
    let piped = run(MLINFRA, folder.path(), &["fmt", "-"], "let  b=2");
    assert_eq!((piped.exit, piped.out.as_str()), (0, "let b = 2\n"));
}

#[test]
fn words_and_forms_are_told() {
    let folder = folder("project p {}\n");
    let all = parsed(&mlinfra(&folder, &["schema", "--json"], 0).out);
    let first = &all["words"][0];
    assert!(
        first["form"].is_string() && all["vocabulary"] == 1,
        "{first}"
    );
    let program = parsed(&mlinfra(&folder, &["schema", "program"], 0).out);
    assert_eq!(program["blocks"][0]["address"], "project.p");
    for what in ["vocabulary", "program"] {
        let schema = parsed(&mlinfra(&folder, &["schema", what, "--describe"], 0).out);
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
    }
    let docs = mlinfra(&folder, &["docs", "pool"], 0).out;
    assert_eq!(mlinfra(&folder, &["explain", "pool"], 0).out, docs);
    assert!(docs.contains("kind pool on target\n"), "{docs}");
    let unknown = mlinfra(&folder, &["docs", "poool"], 2);
    assert!(unknown.error.contains("docs pool"), "{}", unknown.error);
}
