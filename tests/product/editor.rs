//! The editor's server as a process of its own: driven message by message, and by Neovim.

pub(crate) mod client;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{MLINFRA, Project};
use client::{Editor, edited};

const SPEC: &str = "credit.mlinfra";

fn codes(findings: &[Value]) -> Vec<&str> {
    findings
        .iter()
        .filter_map(|one| one["code"].as_str())
        .collect()
}

/// The range of the first place of a text in a text of ASCII.
fn range_of(text: &str, part: &str) -> Value {
    let at = text.find(part).expect("the text holds it");
    let line = text[..at].matches('\n').count();
    let column = at - text[..at].rfind('\n').map_or(0, |end| end + 1);
    json!({
        "start": { "line": line, "character": column },
        "end": { "line": line, "character": column + part.len() },
    })
}

#[test]
fn a_wrong_spec_is_mended_in_the_editor() {
    let project = Project::credit();
    let right = project.read(SPEC);
    let wrong = right.replacen("capacity   =", "capacitty   =", 1);
    let mut editor = Editor::start(&project, json!({}));
    assert_eq!(editor.greeting["serverInfo"]["name"], "mlinfra");

    // What is typed counts, not what is on the disk.
    editor.open(SPEC, &wrong);
    let findings = editor.findings(SPEC);
    assert_eq!(codes(&findings), ["E0202"]);
    let range = range_of(&wrong, "capacitty");
    assert_eq!(findings[0]["range"], range);

    let actions = editor.actions(SPEC, &range);
    assert_eq!(actions[0]["title"], "capacitty → capacity");
    let uri = editor.uri(SPEC);
    let mended = edited(&wrong, &actions[0]["edit"]["changes"][&uri]);
    let edit = &actions[0]["edit"]["changes"][&uri][0];
    let change = json!([{ "range": edit["range"], "text": edit["newText"] }]);
    editor.change(SPEC, 2, change);
    assert!(editor.findings(SPEC).is_empty());

    let options = json!({ "tabSize": 2, "insertSpaces": true });
    let document = json!({ "textDocument": { "uri": uri }, "options": options });
    let answer = editor.ask("textDocument/formatting", document);
    assert_eq!(edited(&mended, &answer["result"]), right);

    let place = &range_of(&mended, "retention")["start"];
    let parameters = json!({ "textDocument": { "uri": uri }, "position": place });
    let answer = editor.ask("textDocument/hover", parameters);
    let said = answer["result"]["contents"]["value"]
        .as_str()
        .expect("it is explained");
    assert!(said.contains("retention : lapse?"), "{said}");
    assert_eq!(answer["result"]["range"], range_of(&mended, "retention"));
    assert_eq!(editor.end(true), 0);
    assert_eq!(project.read(SPEC), right, "the server wrote a file");
}

#[test]
fn a_syntax_error_is_shown_and_nothing_is_laid_out() {
    let project = Project::credit();
    let mut editor = Editor::start(&project, json!({}));
    editor.open(SPEC, "let   x = = 1\n");
    assert!(codes(&editor.findings(SPEC)).contains(&"E0009"));
    let parameters = json!({
        "textDocument": { "uri": editor.uri(SPEC) },
        "options": { "tabSize": 2, "insertSpaces": true },
    });
    let answer = editor.ask("textDocument/formatting", parameters);
    assert_eq!(answer["result"], json!([]));
    assert_eq!(editor.end(true), 0);
}

#[test]
fn files_of_one_spec_are_checked_together() {
    let project = Project::empty();
    let main = "use \"parts/keys.mlinfra\".{ vault }\ntarget here = local()\n\
                storage lake on here { encryption = customer(vault) }\n";
    let keys = "use \"../main.mlinfra\".{ here }\nkey vault on here\n";
    project.write("main.mlinfra", main);
    std::fs::create_dir(project.path("parts")).expect("a folder");
    project.write("parts/keys.mlinfra", keys);
    let mut editor = Editor::start(&project, json!({}));
    editor.open("parts/keys.mlinfra", &keys.replace("vault", "vaultt"));
    assert_eq!(codes(&editor.findings("main.mlinfra")), ["E0105"]);

    // Another program may write a file that is not open.
    editor.open("main.mlinfra", main);
    assert_eq!(codes(&editor.findings("main.mlinfra")), ["E0105"]);
    let uri = editor.uri("parts/keys.mlinfra");
    editor.tell(
        "textDocument/didClose",
        json!({ "textDocument": { "uri": uri } }),
    );
    assert!(editor.findings("main.mlinfra").is_empty());
    project.write("parts/keys.mlinfra", "key vaultt\n");
    let change = json!({ "uri": uri, "type": 2 });
    editor.tell(
        "workspace/didChangeWatchedFiles",
        json!({ "changes": [change] }),
    );
    assert_eq!(codes(&editor.findings("main.mlinfra")), ["E0105"]);
    assert_eq!(editor.end(true), 0);
}

#[test]
fn no_message_ends_the_server() {
    let project = Project::credit();
    let text = project.read(SPEC);
    let mut editor = Editor::start(&project, json!({}));
    for bad in [
        &b"Content-Length: 4\r\n\r\nnope"[..],
        b"Content-Length: none\r\n\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"Content-Length: 2\r\n\r\n\xff\xfe",
    ] {
        editor.raw(bad);
    }
    editor.tell("textDocument/didChange", json!([]));
    let answer = editor.ask("textDocument/hover", json!({ "position": "x" }));
    assert_eq!(answer["error"]["code"], -32602);
    editor.open(SPEC, &text);
    assert!(editor.findings(SPEC).is_empty());
    assert_eq!(editor.end(false), 1, "it went without a word");
}

#[test]
fn neovim_shows_mends_and_lays_out() {
    let project = Project::credit();
    let right = project.read(SPEC);
    project.edit(SPEC, "capacity   =", "capacitty  =");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plugin = root.join("lang/editors/neovim");
    let drive = root.join("tests/product/editor/drive.lua");
    let mut command = Command::new("nvim");
    command
        .args(["--clean", "--headless"])
        .arg("--cmd")
        .arg(format!("set runtimepath^={}", plugin.display()))
        .arg("--cmd")
        .arg(format!("let g:mlinfra_command = ['{MLINFRA}', 'lsp']"))
        .arg(SPEC)
        .arg("-c")
        .arg(format!("luafile {}", drive.display()))
        .current_dir(project.folder())
        .env("HOME", project.folder())
        .env("XDG_STATE_HOME", project.path("state"));
    let output = command
        .output()
        .expect("Neovim is installed: `.ci/run` does it");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{errors}");
    let said: Value = serde_json::from_str(said.trim()).expect("the script prints JSON");

    let checked = project_finding(&right);
    assert_eq!(said["first"][0]["code"], "E0202", "{said}");
    assert_eq!(said["first"][0]["line"], checked["start"]["line"]);
    assert_eq!(said["first"][0]["column"], checked["start"]["character"]);
    let hover = said["hover"].as_str().expect("a text");
    assert!(hover.contains("retention : lapse?"), "{hover}");
    assert_eq!(said["action"], "capacitty → capacity");
    assert_eq!(said["typed"][0]["code"], "E0302", "{said}");
    assert_eq!(said["first_line"], "let smiles = \"\u{1f600}\"   // kept");
    let written = project.read(SPEC);
    assert_eq!(
        written,
        format!("let smiles = \"\u{1f600}\"   // kept\n{right}")
    );
}

/// Where the misspelled field stands.
fn project_finding(right: &str) -> Value {
    range_of(right, "capacity   =")
}

#[test]
fn what_the_editors_are_told_to_load_is_there() {
    let editors = Path::new(env!("CARGO_MANIFEST_DIR")).join("lang/editors");
    let read = |name: &str| {
        let text = std::fs::read_to_string(editors.join(name));
        text.unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let json = |name: &str| serde_json::from_str::<Value>(&read(name)).expect("it is JSON");
    let package = json("vscode/package.json");
    let contributes = &package["contributes"];
    for file in [
        &package["main"],
        &contributes["languages"][0]["configuration"],
        &contributes["grammars"][0]["path"],
    ] {
        let file = file.as_str().expect("a path");
        assert!(editors.join("vscode").join(file).is_file(), "{file}");
    }
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
    let grammar = json("vscode/syntaxes/mlinfra.json");
    assert_eq!(
        grammar["scopeName"],
        contributes["grammars"][0]["scopeName"]
    );
    for name in [
        "vscode/extension.js",
        "helix/languages.toml",
        "neovim/plugin/mlinfra.lua",
    ] {
        assert!(read(name).contains("\"lsp\""), "{name} starts no server");
    }
}
