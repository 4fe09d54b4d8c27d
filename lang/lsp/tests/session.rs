//! Sessions with the server over two pipes: what it answers, and what it lives through.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use mlinfra_check::World;
use mlinfra_lsp::{Ended, Outside, serve};
use serde_json::{Value, json};

/// Files in memory, by path, and how often one was read.
#[derive(Clone, Default)]
struct Files(BTreeMap<PathBuf, String>, Arc<AtomicUsize>);

/// A folder of them. Reading `bug.mlinfra` is a bug.
struct Folder {
    files: Files,
    folder: PathBuf,
}

impl World for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        assert!(!path.ends_with("bug.mlinfra"), "this file is a bug");
        self.files.1.fetch_add(1, Ordering::Relaxed);
        let text = self.files.0.get(&self.folder.join(path));
        text.map(|text| text.clone().into_bytes())
            .ok_or_else(|| "no such file".to_owned())
    }

    fn parameter(&self, name: &str) -> Option<String> {
        (name == "given").then(|| "nowhere".to_owned())
    }

    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Outside for Files {
    fn world(&self, folder: &Path) -> Box<dyn World> {
        Box::new(Folder {
            files: self.clone(),
            folder: folder.to_owned(),
        })
    }

    fn specs_in(&self, folder: &Path) -> Vec<String> {
        let inside = self.0.keys().filter(|path| path.parent() == Some(folder));
        let name = |path: &PathBuf| path.file_name()?.to_str().map(str::to_owned);
        inside.filter_map(name).collect()
    }
}

/// An editor and its server.
struct Session {
    to: PipeWriter,
    from: BufReader<PipeReader>,
    server: JoinHandle<Ended>,
    count: i32,
    /// How often a file was read.
    reads: Arc<AtomicUsize>,
    /// Notifications that came while an answer was waited for.
    notes: Vec<Value>,
}

impl Session {
    fn start(files: &[(&str, &str)], capabilities: Value) -> (Session, Value) {
        let files = files.iter();
        let files = files.map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
        let files = Files(files.collect(), Arc::default());
        let reads = Arc::clone(&files.1);
        let (input, to) = std::io::pipe().expect("a pipe");
        let (from, mut output) = std::io::pipe().expect("a pipe");
        let server = std::thread::spawn(move || serve(&files, input, &mut output));
        let mut session = Session {
            to,
            from: BufReader::new(from),
            server,
            count: 0,
            reads,
            notes: Vec::new(),
        };
        let parameters =
            json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        let answer = session.ask("initialize", parameters);
        session.tell("initialized", json!({}));
        (session, answer["result"].clone())
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.to.write_all(bytes).expect("the server reads");
    }

    fn write(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.from.read_line(&mut line).expect("the server writes");
            match line.trim().split_once(": ") {
                Some((_, digits)) => length = digits.parse().expect("a length"),
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.from.read_exact(&mut body).expect("a whole message");
        serde_json::from_slice(&body).expect("JSON")
    }

    fn tell(&mut self, method: &str, parameters: Value) {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": parameters }));
    }

    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.count += 1;
        let id = self.count;
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters }));
        loop {
            let message = self.read();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            self.notes.push(message);
        }
    }

    fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "mlinfra", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    fn change(&mut self, uri: &str, version: i32, changes: Value) {
        let document = json!({ "uri": uri, "version": version });
        let parameters = json!({ "textDocument": document, "contentChanges": changes });
        self.tell("textDocument/didChange", parameters);
    }

    /// Saves a text, and waits until it was looked at: how many files were read for it.
    fn reads_on_save(&mut self, uri: &str) -> usize {
        let before = self.reads.load(Ordering::Relaxed);
        let document = json!({ "uri": uri });
        self.tell("textDocument/didSave", json!({ "textDocument": document }));
        self.codes(uri);
        self.reads.load(Ordering::Relaxed) - before
    }

    fn close(&mut self, uri: &str) {
        let document = json!({ "uri": uri });
        self.tell("textDocument/didClose", json!({ "textDocument": document }));
    }

    /// The next findings for a file, as codes; what comes for other files before is passed over.
    fn codes(&mut self, uri: &str) -> Vec<String> {
        loop {
            let message = self.read();
            let is_wanted = message["method"] == "textDocument/publishDiagnostics";
            if is_wanted && message["params"]["uri"] == uri {
                return codes(&message);
            }
        }
    }

    /// The findings for a version of a file; what comes before is passed over.
    fn findings(&mut self, uri: &str, version: i32) -> Value {
        loop {
            let message = self.read();
            let parameters = &message["params"];
            if parameters["uri"] == uri && parameters["version"] == version {
                return parameters["diagnostics"].clone();
            }
        }
    }

    /// What is answered about a place in a file.
    fn answer(&mut self, question: &str, uri: &str, line: u32, character: u32) -> Value {
        let place = json!({ "line": line, "character": character });
        let parameters = json!({ "textDocument": { "uri": uri }, "position": place });
        let method = format!("textDocument/{question}");
        self.ask(&method, parameters)["result"].clone()
    }

    fn end(mut self) -> Ended {
        let answer = self.ask("shutdown", Value::Null);
        assert_eq!(answer["result"], Value::Null);
        self.tell("exit", Value::Null);
        self.server.join().expect("the server did not panic")
    }
}

fn codes(message: &Value) -> Vec<String> {
    let findings = message["params"]["diagnostics"].as_array();
    let code = |finding: &Value| finding["code"].as_str().map(str::to_owned);
    findings.into_iter().flatten().filter_map(code).collect()
}

const A: &str = "file:///p/a.mlinfra";
const WRONG: &str = "target here = local()\nstorage lake on here {\n  capacitty = 2 GiB\n}\n";

#[test]
fn findings_come_and_go_as_one_types() {
    let (mut session, answer) = Session::start(&[], json!({}));
    assert_eq!(answer["capabilities"]["positionEncoding"], "utf-16");
    session.open(A, WRONG);
    assert_eq!(session.codes(A), ["E0202"]);
    let range = json!({
        "start": { "line": 2, "character": 2 }, "end": { "line": 2, "character": 11 },
    });
    session.change(A, 2, json!([{ "range": range, "text": "capacity" }]));
    assert!(session.codes(A).is_empty());
    session.change(A, 3, json!([{ "text": WRONG }]));
    assert_eq!(session.codes(A), ["E0202"]);
    session.close(A);
    assert!(session.codes(A).is_empty());
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn a_burst_of_changes_is_looked_at_once() {
    let (mut session, _) = Session::start(&[], json!({}));
    let mut burst = Vec::new();
    let mut push = |method: &str, parameters: Value| {
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": parameters });
        let text = message.to_string();
        burst.extend(format!("Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes());
    };
    let document = json!({ "uri": A, "languageId": "mlinfra", "version": 0, "text": "" });
    push("textDocument/didOpen", json!({ "textDocument": document }));
    for version in 1..=400 {
        let text = format!("{WRONG}{}", "// more\n".repeat(version));
        let document = json!({ "uri": A, "version": version });
        let changes = json!([{ "text": text }]);
        push(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": changes }),
        );
    }
    session.raw(&burst);
    let mut looks = 0;
    loop {
        let message = session.read();
        looks += 1;
        if message["params"]["version"] == 400 {
            break;
        }
    }
    assert!(looks < 100, "{looks}");
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn columns_are_utf16_unless_the_editor_offers_utf8() {
    let text = "let x = \"\u{1f600}\u{e9}\" + nothing\n";
    for (capabilities, column) in [
        (json!({}), 16),
        (
            json!({ "general": { "positionEncodings": ["utf-16", "utf-8"] } }),
            19,
        ),
    ] {
        let (mut session, _) = Session::start(&[], capabilities);
        session.open(A, text);
        let message = session.read();
        let range = &message["params"]["diagnostics"][0]["range"];
        assert_eq!(range["start"]["character"], column, "{message}");
        assert_eq!(range["end"]["character"], column + 7);
        assert_eq!(session.end(), Ended::Properly);
    }
}

#[test]
fn a_used_file_is_checked_with_the_spec_that_uses_it() {
    let main_text = "use \"parts/keys.mlinfra\".{ vault }\ntarget here = local()\n\
                     storage lake on here { encryption = customer(vault) }\n";
    let keys_text = "let days = 90\nkey vault\n";
    let files = [
        ("/p/main.mlinfra", main_text),
        ("/p/parts/keys.mlinfra", keys_text),
        ("/p/other.mlinfra", "let x = nothing\n"),
    ];
    let keys = "file:///p/parts/keys.mlinfra";
    let main = "file:///p/main.mlinfra";
    let (mut session, _) = Session::start(&files, json!({}));
    session.open(keys, &keys_text.replace("vault", "vaultt"));
    // The fault shows in the file that uses this one, which is not open.
    assert_eq!(session.codes(main), ["E0105"]);
    session.change(keys, 2, json!([{ "text": keys_text }]));
    assert!(session.codes(main).is_empty());
    assert_eq!(session.codes(keys), ["E0213"]);
    // Without anything open nothing is shown.
    session.close(keys);
    assert!(session.codes(keys).is_empty());
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn a_bug_in_a_check_is_told_and_lived_through() {
    let (mut session, _) = Session::start(&[], json!({}));
    session.open(A, "use \"bug.mlinfra\".{ x }\n");
    let told = session.read();
    assert_eq!(told["method"], "window/logMessage", "{told}");
    let text = told["params"]["message"].as_str().expect("a text");
    assert!(
        text.contains("a bug in mlinfra") && text.contains("this file is a bug"),
        "{text}"
    );
    session.change(A, 2, json!([{ "text": WRONG }]));
    assert_eq!(session.codes(A), ["E0202"]);
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn malformed_messages_are_answered_and_lived_through() {
    let (mut session, _) = Session::start(&[], json!({}));
    for bad in [
        "Content-Length: 1\r\n\r\n{",
        "Content-Length: x\r\n\r\n",
        "noise\r\n\r\n",
    ] {
        session.raw(bad.as_bytes());
    }
    session.tell("textDocument/didOpen", json!({ "textDocument": 3 }));
    session.tell("textDocument/didOpen", Value::Null);
    session.tell("$/unknown", json!([1, 2]));
    session.tell("unknown", json!({}));
    session.change("file:///p/never.mlinfra", 1, json!([{ "text": "" }]));
    for (method, parameters, code) in [
        ("textDocument/hover", json!({}), -32602),
        ("textDocument/hover", json!([null]), -32602),
        ("textDocument/codeAction", json!("x"), -32602),
        ("textDocument/unknown", json!({}), -32601),
        ("initialize", json!({}), -32600),
    ] {
        let answer = session.ask(method, parameters);
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    let errors = session
        .notes
        .iter()
        .filter(|note| note["error"]["code"] == -32700);
    assert_eq!(errors.count(), 2);
    session.open(A, WRONG);
    assert_eq!(session.codes(A), ["E0202"]);
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn a_text_that_is_no_file_is_checked_alone() {
    let (mut session, _) = Session::start(&[], json!({}));
    let uri = "untitled:Untitled-1";
    session.open(uri, "use \"other.mlinfra\".{ x }\nlet y = x\n");
    assert_eq!(session.codes(uri), ["E0101"]);
    let place =
        json!({ "textDocument": { "uri": uri }, "position": { "line": 1, "character": 1 } });
    let answer = session.ask("textDocument/hover", place);
    assert!(
        answer["result"]["contents"]["value"].is_string(),
        "{answer}"
    );
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn an_editor_that_understands_more_is_told_more() {
    let twice = "storage lake on here {}\nstorage lake on here {}\ntarget here = local()\n";
    let capabilities = json!({
        "textDocument": { "publishDiagnostics": { "relatedInformation": true } },
        "workspace": {
            "workspaceEdit": { "documentChanges": true },
            "didChangeWatchedFiles": { "dynamicRegistration": true },
        },
    });
    let (mut session, _) = Session::start(&[], capabilities);
    let asked = session.read();
    assert_eq!(asked["method"], "client/registerCapability", "{asked}");
    session.write(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": null }));
    session.open(A, twice);
    let shown = session.read();
    let related = &shown["params"]["diagnostics"][0]["relatedInformation"][0];
    assert_eq!(related["location"]["uri"], A, "{shown}");
    assert_eq!(related["location"]["range"]["start"]["line"], 0);
    session.change(A, 7, json!([{ "text": WRONG }]));
    assert_eq!(session.codes(A), ["E0202"]);
    let parameters = json!({
        "textDocument": { "uri": A },
        "range": { "start": { "line": 2, "character": 4 }, "end": { "line": 2, "character": 4 } },
        "context": { "diagnostics": [], "only": ["quickfix"] },
    });
    let answer = session.ask("textDocument/codeAction", parameters.clone());
    let change = &answer["result"][0]["edit"]["documentChanges"][0];
    assert_eq!(
        change["textDocument"],
        json!({ "uri": A, "version": 7 }),
        "{answer}"
    );
    assert_eq!(change["edits"][0]["newText"], "capacity");
    // Elsewhere, and of another kind, nothing is offered.
    for (pointer, value) in [
        (
            "/range",
            json!({ "start": { "line": 0, "character": 0 },
                           "end": { "line": 0, "character": 1 } }),
        ),
        ("/context/only", json!(["refactor"])),
    ] {
        let mut other = parameters.clone();
        *other.pointer_mut(pointer).expect("it is there") = value;
        let answer = session.ask("textDocument/codeAction", other);
        assert_eq!(answer["result"], json!([]), "{pointer}");
    }
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn order_matters() {
    let files = Files::default();
    let message = |id: i32, method: &str| {
        let text = json!({ "jsonrpc": "2.0", "id": id, "method": method }).to_string();
        format!("Content-Length: {}\r\n\r\n{text}", text.len())
    };
    let exit = "Content-Length: 33\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"exit\"}";
    let words = [
        "textDocument/hover",
        "initialize",
        "shutdown",
        "textDocument/hover",
    ];
    let stream: String = (1..)
        .zip(words)
        .map(|(id, word)| message(id, word))
        .collect();
    let mut output = Vec::new();
    let input = std::io::Cursor::new(format!("{stream}{exit}").into_bytes());
    assert_eq!(serve(&files, input, &mut output), Ended::Properly);
    let output = String::from_utf8(output).expect("text");
    assert!(output.contains("-32002"), "before `initialize`: {output}");
    assert!(output.contains("-32600"), "after `shutdown`: {output}");
    for stream in [String::new(), exit.to_owned(), message(1, "initialize")] {
        let input = std::io::Cursor::new(stream.into_bytes());
        assert_eq!(serve(&files, input, &mut Vec::new()), Ended::Abandoned);
    }
}

/// Four folders, one in the other, of a hundred specs each; each uses a file that is not there.
fn many_specs() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folder = String::new();
    for depth in 0..4 {
        folder += &format!("/f{depth}");
        for number in 0..100 {
            let text = format!("use \"parts/p{number}.mlinfra\"\nlet x = 1\n");
            files.push((format!("{folder}/s{number}.mlinfra"), text));
        }
    }
    files
}

#[test]
fn saving_reads_a_few_files_however_many_lie_around() {
    let files = many_specs();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    let texts: Vec<String> = (0..5)
        .map(|number| format!("file:///f0/f1/f2/f3/open{number}.mlinfra"))
        .collect();
    let watches = json!({
        "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } },
    });
    // One that watches tells of each file that changes; for one that does not, at most a hundred
    // specs are looked at, each twice and with what it uses, for all open texts together.
    for (capabilities, most) in [(watches, 0), (json!({}), 305)] {
        let (mut session, _) = Session::start(&files, capabilities);
        for uri in &texts {
            session.open(uri, "let y = 2\n");
            assert!(session.codes(uri).is_empty());
        }
        let reads = session.reads_on_save(&texts[0]);
        println!("{reads} files read on a save");
        assert!(reads <= most, "{reads}");
        assert_eq!(session.end(), Ended::Properly);
    }
}

#[test]
fn a_spec_full_of_faults_has_its_first_findings() {
    let (mut session, _) = Session::start(&[], json!({}));
    session.open(A, &"let x = nothing\n".repeat(4_000));
    let codes = session.codes(A);
    assert_eq!(codes.len(), 101);
    assert!(codes.contains(&"E0322".to_owned()));
    // Typing goes on as before.
    session.change(A, 2, json!([{ "text": "let x = 1\n" }]));
    assert!(session.codes(A).is_empty());
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn a_word_leads_to_where_it_is_declared() {
    let keys_text = "let days = 90\n\nkey vault\n";
    let main_text = "use \"parts/keys.mlinfra\".{ vault }\ntarget here = local()\n\
                     storage lake on here { encryption = customer(vault) }\n";
    let files = [
        ("/p/main.mlinfra", main_text),
        ("/p/parts/keys.mlinfra", keys_text),
    ];
    let (mut session, answer) = Session::start(&files, json!({}));
    assert_eq!(answer["capabilities"]["definitionProvider"], true);
    let main = "file:///p/main.mlinfra";
    session.open(main, main_text);
    let found = session.answer("definition", main, 2, 17);
    assert_eq!(found["uri"], main, "{found}");
    assert_eq!(
        found["range"]["start"],
        json!({ "line": 1, "character": 7 })
    );
    for (line, character) in [(2, 46), (0, 28)] {
        let found = session.answer("definition", main, line, character);
        assert_eq!(found["uri"], "file:///p/parts/keys.mlinfra", "{found}");
        assert_eq!(
            found["range"]["start"],
            json!({ "line": 2, "character": 4 })
        );
    }
    assert_eq!(session.answer("definition", main, 2, 3), Value::Null);
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn who_types_is_answered_from_what_was_typed() {
    let (mut session, _) = Session::start(&[], json!({}));
    let text = "target here = local()\nstorage lake on here {\n  class = ssd\n}\n";
    session.open(A, text);
    assert!(session.codes(A).is_empty());
    // The question stands right behind the change, before anything is found of it.
    for version in 2..40 {
        let line = json!({ "line": 2, "character": 2 });
        let range = json!({ "start": line, "end": line });
        let text = "capa\n  ";
        session.change(A, version, json!([{ "range": range, "text": text }]));
        let offered = session.answer("completion", A, 2, 6);
        assert_eq!(offered[0]["label"], "capacity", "{version}: {offered}");
        let said = session.answer("hover", A, 2 + (version as u32 - 1), 3);
        assert!(said.to_string().contains("class"), "{version}: {said}");
        let end = json!({ "line": 3, "character": 2 });
        let range = json!({ "start": line, "end": end });
        session.change(A, version, json!([{ "range": range, "text": "" }]));
        session.change(
            A,
            version,
            json!([{ "range": { "start": line, "end": line }, "text": "// more\n  " }]),
        );
    }
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn fixes_wait_for_the_text_as_it_is() {
    let (mut session, _) = Session::start(&[], json!({}));
    session.open(A, "target here = local()\n");
    for version in 2..10 {
        let text = format!("{}{WRONG}", "// more\n".repeat(version as usize));
        session.change(A, version, json!([{ "text": text }]));
        let at = json!({ "line": version + 2, "character": 4 });
        let parameters = json!({
            "textDocument": { "uri": A }, "range": { "start": at, "end": at },
            "context": { "diagnostics": [] },
        });
        let answer = session.ask("textDocument/codeAction", parameters);
        let edit = &answer["result"][0]["edit"]["changes"][A][0];
        assert_eq!(edit["newText"], "capacity", "{answer}");
        assert_eq!(edit["range"]["start"]["line"], version + 2, "{answer}");
    }
    assert_eq!(session.end(), Ended::Properly);
}

/// Numbers that look random and are the same each time.
fn random(state: &mut u64, end: usize) -> usize {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % end.max(1)
}

#[test]
fn after_every_edit_the_findings_are_those_of_the_text() {
    let keys = "key vault\nlet days = 90\nfunction twice(x: int): int = x * 2\n";
    let main = "use \"keys.mlinfra\".{ vault, days, twice }\ntarget here = local()\n\n\
        storage lake on here {\n  encryption = customer(vault)\n  retention  = 30 days\n}\n\n\
        dataset people {\n  from = file(\"p.csv\")\n  keep = lake\n  columns {\n    \
        age : int @personal\n    pay : int?\n  }\n}\n\npool worker on here { cpus >= 2 }\n\n\
        pipeline p on worker {\n  step clean = drop_nulls(people)\n  step more = derive(clean) {\n    \
        old = age > twice(30)\n  }\n}\n\nlet some = days + 3\noutput sum = twice(some)\n";
    let pieces = [
        "",
        "",
        "x",
        "\n",
        "}",
        "{",
        "\"",
        " = 3\n",
        "let z = 1\n",
        "age",
        "(",
    ];
    let uris = ["file:///p/main.mlinfra", "file:///p/keys.mlinfra"];
    let mut texts = [main.to_owned(), keys.to_owned()];
    let utf8 = json!({ "general": { "positionEncodings": ["utf-8"] } });
    let disk = [("/p/main.mlinfra", main), ("/p/keys.mlinfra", keys)];
    let (mut session, _) = Session::start(&disk, utf8.clone());
    uris.iter()
        .zip(&texts)
        .for_each(|(uri, text)| session.open(uri, text));
    let mut state = 11;
    let mut found = 0;
    for version in 2..302 {
        let file = random(&mut state, 5) / 4;
        let text = &mut texts[file];
        let start = random(&mut state, text.len());
        let end = (start + [0, 0, 1, 3, 30][random(&mut state, 5)]).min(text.len());
        let piece = pieces[random(&mut state, pieces.len())];
        let at = |offset: usize| {
            let before = &text[..offset];
            let line = before.matches('\n').count();
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            json!({ "line": line, "character": offset - start })
        };
        let range = json!({ "start": at(start), "end": at(end) });
        text.replace_range(start..end, piece);
        session.change(
            uris[file],
            version,
            json!([{ "range": range, "text": piece }]),
        );
        // Most edits are taken back, so that something is left to be right or wrong.
        if random(&mut state, 4) > 0 {
            let (now, back) = (texts[file].clone(), [main, keys][file].to_owned());
            let (mut fresh, _) = Session::start(&disk, utf8.clone());
            uris.iter()
                .zip(&texts)
                .for_each(|(uri, text)| fresh.open(uri, text));
            let wanted = fresh.findings(uris[file], 1);
            fresh.end();
            let shown = session.findings(uris[file], version);
            assert_eq!(shown, wanted, "{version}: {now}");
            found += shown.as_array().map_or(0, Vec::len);
            texts[file] = back;
            let whole = json!([{ "text": texts[file] }]);
            session.change(uris[file], 1_000 + version, whole);
        }
    }
    assert!(found > 100, "{found}");
    assert_eq!(session.end(), Ended::Properly);
}
