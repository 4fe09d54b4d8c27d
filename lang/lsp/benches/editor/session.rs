//! An editor: what it says to the server over a pipe, and how long it waits for the answer.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mlinfra_check::World;
use mlinfra_lsp::{Ended, Outside, serve};
use serde_json::{Value, json};

use crate::edits::{Edit, Random};
use crate::spec::{MAIN, SHARED};

const FOLDER: &str = "/bench";
/// How many of the files are open.
const OPEN: usize = 4;

/// Files in memory, by name.
#[derive(Clone)]
struct Disk(Arc<BTreeMap<String, String>>);

impl World for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let text = self.0.get(path).ok_or("there is none")?;
        Ok(text.clone().into_bytes())
    }

    fn parameter(&self, _: &str) -> Option<String> {
        None
    }

    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Outside for Disk {
    fn world(&self, _: &Path) -> Box<dyn World> {
        Box::new(self.clone())
    }

    fn specs_in(&self, folder: &Path) -> Vec<String> {
        match folder == Path::new(FOLDER) {
            true => self.0.keys().cloned().collect(),
            false => Vec::new(),
        }
    }
}

/// An editor with its server.
pub(crate) struct Session {
    to: PipeWriter,
    from: BufReader<PipeReader>,
    server: JoinHandle<Ended>,
    /// The names and texts as the editor has them; of many files the first ones are open.
    pub(crate) files: Vec<(String, String)>,
    version: i32,
    requests: i32,
}

impl Session {
    /// Opens some of the files, the main one among them, and waits for the findings: how many.
    pub(crate) fn open(mut files: Vec<(String, String)>) -> (Session, usize) {
        files.sort_by_key(|(name, _)| (name != MAIN, name != SHARED, name.clone()));
        let disk = Disk(Arc::new(files.iter().cloned().collect()));
        let (input, to) = std::io::pipe().expect("a pipe");
        let (from, mut output) = std::io::pipe().expect("a pipe");
        let server = std::thread::spawn(move || serve(&disk, input, &mut output));
        let mut session = Session {
            to,
            from: BufReader::new(from),
            server,
            files,
            version: 1,
            requests: 0,
        };
        let utf8 = json!({ "general": { "positionEncodings": ["utf-8"] } });
        session.send("initialize", Some(1), json!({ "capabilities": utf8 }));
        session.answer(1);
        session.send("initialized", None, json!({}));
        for place in 0..session.files.len().min(OPEN) {
            let (name, text) = &session.files[place];
            let document = json!({
                "uri": uri(name), "languageId": "mlinfra", "version": 1, "text": text,
            });
            session.send(
                "textDocument/didOpen",
                None,
                json!({ "textDocument": document }),
            );
        }
        let last = session.files.len().min(OPEN) - 1;
        let found = session.findings(last);
        for finding in found.iter().take(8) {
            println!("  {} {}", finding["code"], finding["message"]);
        }
        (session, found.len())
    }

    /// A file that is open and holds more than names of others.
    pub(crate) fn edited(&self, random: &mut Random) -> usize {
        match self.files.len() {
            1 => 0,
            count => 1 + random.below(count.min(OPEN) - 1),
        }
    }

    /// Makes an edit and waits for what is found.
    pub(crate) fn edit(&mut self, file: usize, edit: &Edit) -> Duration {
        let message = self.change(file, edit);
        let start = Instant::now();
        self.write(&message);
        self.findings(file);
        start.elapsed()
    }

    /// Asks about a place.
    pub(crate) fn ask(&mut self, question: &str, file: usize, offset: usize) -> Duration {
        let message = self.question(question, file, offset);
        let start = Instant::now();
        self.write(&message);
        self.answer(self.requests);
        start.elapsed()
    }

    /// Makes an edit and asks at once about a place.
    pub(crate) fn type_and_ask(
        &mut self,
        question: &str,
        file: usize,
        edit: &Edit,
        offset: usize,
    ) -> Duration {
        let change = self.change(file, edit);
        let question = self.question(question, file, offset);
        let start = Instant::now();
        self.write(&change);
        self.write(&question);
        self.answer(self.requests);
        start.elapsed()
    }

    pub(crate) fn end(mut self) {
        self.send("exit", None, Value::Null);
        self.server.join().expect("the server did not panic");
    }

    /// The message that tells of an edit; makes it here too.
    fn change(&mut self, file: usize, edit: &Edit) -> String {
        self.version += 1;
        let (name, text) = &mut self.files[file];
        let range = json!({
            "start": position(text, edit.range.start), "end": position(text, edit.range.end),
        });
        text.replace_range(edit.range.clone(), &edit.text);
        let params = json!({
            "textDocument": { "uri": uri(name), "version": self.version },
            "contentChanges": [{ "range": range, "text": edit.text }],
        });
        framed("textDocument/didChange", None, params)
    }

    fn question(&mut self, question: &str, file: usize, offset: usize) -> String {
        self.requests += 1;
        let (name, text) = &self.files[file];
        let params = json!({
            "textDocument": { "uri": uri(name) }, "position": position(text, offset),
        });
        let method = format!("textDocument/{question}");
        framed(&method, Some(self.requests), params)
    }

    fn send(&mut self, method: &str, id: Option<i32>, params: Value) {
        self.write(&framed(method, id, params));
    }

    fn write(&mut self, message: &str) {
        self.to
            .write_all(message.as_bytes())
            .expect("the server reads");
    }

    /// Waits for the findings of the file as it is now.
    fn findings(&mut self, file: usize) -> Vec<Value> {
        let uri = uri(&self.files[file].0);
        loop {
            let message = self.read();
            let params = &message["params"];
            if params["uri"] == uri && params["version"] == self.version {
                let found = params["diagnostics"].as_array();
                return found.cloned().unwrap_or_default();
            }
        }
    }

    fn answer(&mut self, id: i32) {
        while self.read()["id"] != id {}
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
}

fn framed(method: &str, id: Option<i32>, params: Value) -> String {
    let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if let Some(id) = id {
        message["id"] = json!(id);
    }
    let text = message.to_string();
    format!("Content-Length: {}\r\n\r\n{text}", text.len())
}

fn uri(name: &str) -> String {
    let path: PathBuf = [FOLDER, name].iter().collect();
    format!("file://{}", path.display())
}

/// Line and column of a byte; columns are bytes, as was agreed on.
fn position(text: &str, offset: usize) -> Value {
    let before = &text[..offset];
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    json!({ "line": line, "character": offset - start })
}

/// The time that all cores together spent on this process, in the system's ticks of 10 ms.
pub(crate) fn cpu_time() -> Duration {
    let said = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = said.rsplit(')').next().unwrap_or_default();
    // The user's and the kernel's time: the 12th and 13th field behind the name.
    let fields = behind.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
