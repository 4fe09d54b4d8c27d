//! An editor in a few lines: it starts `mlinfra lsp` and talks to it, byte for byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::support::Project;

/// A running server and what it said meanwhile.
pub(crate) struct Editor {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    count: u64,
    /// The answer to `initialize`.
    pub(crate) greeting: Value,
    /// The project's folder as a URI.
    pub(crate) folder: String,
}

impl Editor {
    /// Starts the server in a project and greets it.
    pub(crate) fn start(project: &Project, capabilities: Value) -> Editor {
        let mut command = project.command(&["lsp"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let mut editor = Editor {
            child,
            to,
            from: BufReader::new(from.expect("its output is a pipe")),
            count: 0,
            greeting: Value::Null,
            folder: format!("file://{}", project.folder().display()),
        };
        let parameters =
            json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        editor.greeting = editor.ask("initialize", parameters)["result"].clone();
        editor.tell("initialized", json!({}));
        editor
    }

    /// The URI of a file of the project.
    pub(crate) fn uri(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let to = self.to.as_mut().expect("its input is open");
        to.write_all(bytes).expect("it reads");
        to.flush().expect("it reads");
    }

    fn write(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub(crate) fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            let count = self.from.read_line(&mut line).expect("it writes");
            assert!(count > 0, "the server ended");
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

    /// Asks, and waits for the answer; what else comes before it is passed over.
    pub(crate) fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.count += 1;
        let id = self.count;
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters }));
        loop {
            let message = self.read();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    pub(crate) fn open(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        let document = json!({ "uri": uri, "languageId": "mlinfra", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    pub(crate) fn change(&mut self, name: &str, version: u32, changes: Value) {
        let document = json!({ "uri": self.uri(name), "version": version });
        let parameters = json!({ "textDocument": document, "contentChanges": changes });
        self.tell("textDocument/didChange", parameters);
    }

    /// The next findings that are shown for a file.
    pub(crate) fn findings(&mut self, name: &str) -> Vec<Value> {
        let uri = self.uri(name);
        loop {
            let message = self.read();
            let is_wanted = message["method"] == "textDocument/publishDiagnostics";
            if is_wanted && message["params"]["uri"] == *uri {
                let findings = message["params"]["diagnostics"].as_array();
                return findings.cloned().unwrap_or_default();
            }
        }
    }

    /// What is offered for a range of a file.
    pub(crate) fn actions(&mut self, name: &str, range: &Value) -> Vec<Value> {
        let parameters = json!({
            "textDocument": { "uri": self.uri(name) },
            "range": range,
            "context": { "diagnostics": [] },
        });
        let answer = self.ask("textDocument/codeAction", parameters);
        answer["result"].as_array().cloned().unwrap_or_default()
    }

    /// Says goodbye, or (`politely` false) goes away. Gives the exit code.
    pub(crate) fn end(mut self, politely: bool) -> i32 {
        if politely {
            let answer = self.ask("shutdown", Value::Null);
            assert_eq!(answer["result"], Value::Null, "{answer}");
            self.tell("exit", Value::Null);
        }
        drop(self.to.take());
        let status = self.child.wait().expect("it ends");
        status.code().expect("it was not killed")
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A text with the edits of the protocol made, columns in UTF-16 units.
pub(crate) fn edited(text: &str, edits: &Value) -> String {
    let mut edits: Vec<Value> = edits.as_array().cloned().unwrap_or_default();
    let offset = |place: &Value| {
        let number = |name: &str| {
            let number = place[name].as_u64().expect("a number");
            usize::try_from(number).expect("it fits")
        };
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let before: usize = lines
            .iter()
            .take(number("line"))
            .map(|line| line.len())
            .sum();
        let mut left = number("character");
        let rest = text[before..].char_indices();
        let mut rest = rest.skip_while(|(_, letter)| {
            let is_before = left > 0;
            left = left.saturating_sub(letter.len_utf16());
            is_before
        });
        before + rest.next().map_or(text.len() - before, |(at, _)| at)
    };
    edits.sort_by_key(|edit| std::cmp::Reverse(offset(&edit["range"]["start"])));
    let mut made = text.to_owned();
    for edit in edits {
        let range = offset(&edit["range"]["start"])..offset(&edit["range"]["end"]);
        made.replace_range(range, edit["newText"].as_str().expect("a text"));
    }
    made
}
