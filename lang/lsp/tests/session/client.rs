//! An editor and its server, over two pipes, with files in memory.

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
pub(crate) struct Files(BTreeMap<PathBuf, String>, Arc<AtomicUsize>);

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
pub(crate) struct Session {
    to: PipeWriter,
    from: BufReader<PipeReader>,
    server: JoinHandle<Ended>,
    count: i32,
    /// How often a file was read.
    reads: Arc<AtomicUsize>,
    /// Notifications that came while an answer was waited for.
    pub(crate) notes: Vec<Value>,
}

impl Session {
    pub(crate) fn start(files: &[(&str, &str)], capabilities: Value) -> (Session, Value) {
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

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.to.write_all(bytes).expect("the server reads");
    }

    pub(crate) fn write(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub(crate) fn read(&mut self) -> Value {
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

    pub(crate) fn tell(&mut self, method: &str, parameters: Value) {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": parameters }));
    }

    pub(crate) fn ask(&mut self, method: &str, parameters: Value) -> Value {
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

    pub(crate) fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "mlinfra", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    pub(crate) fn change(&mut self, uri: &str, version: i32, changes: Value) {
        let document = json!({ "uri": uri, "version": version });
        let parameters = json!({ "textDocument": document, "contentChanges": changes });
        self.tell("textDocument/didChange", parameters);
    }

    /// Saves a text, and waits until it was looked at: how many files were read for it.
    pub(crate) fn reads_on_save(&mut self, uri: &str) -> usize {
        let before = self.reads.load(Ordering::Relaxed);
        let document = json!({ "uri": uri });
        self.tell("textDocument/didSave", json!({ "textDocument": document }));
        self.codes(uri);
        self.reads.load(Ordering::Relaxed) - before
    }

    pub(crate) fn close(&mut self, uri: &str) {
        let document = json!({ "uri": uri });
        self.tell("textDocument/didClose", json!({ "textDocument": document }));
    }

    /// The next findings for a file, as codes; what comes for other files before is passed over.
    pub(crate) fn codes(&mut self, uri: &str) -> Vec<String> {
        loop {
            let message = self.read();
            let is_wanted = message["method"] == "textDocument/publishDiagnostics";
            if is_wanted && message["params"]["uri"] == uri {
                return codes(&message);
            }
        }
    }

    /// The findings for a version of a file; what comes before is passed over.
    pub(crate) fn findings(&mut self, uri: &str, version: i32) -> Value {
        loop {
            let message = self.read();
            let parameters = &message["params"];
            if parameters["uri"] == uri && parameters["version"] == version {
                return parameters["diagnostics"].clone();
            }
        }
    }

    /// What is answered about a place in a file.
    pub(crate) fn answer(&mut self, question: &str, uri: &str, line: u32, character: u32) -> Value {
        let place = json!({ "line": line, "character": character });
        let parameters = json!({ "textDocument": { "uri": uri }, "position": place });
        let method = format!("textDocument/{question}");
        self.ask(&method, parameters)["result"].clone()
    }

    pub(crate) fn end(mut self) -> Ended {
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
