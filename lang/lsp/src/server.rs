//! One editor's session: what is open, what was found, and the answer to each message.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::{
    CodeActionParams, CompletionParams, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DocumentFormattingParams, HoverParams,
};
use mlinfra_check::{Checked, FileId};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::documents::{Change, Documents, place_of};
use crate::findings::{Client, View};
use crate::lines::{Encoding, Lines};
use crate::roots::{Known, Root, root_of};
use crate::transport::Incoming;
use crate::uri::path_of;
use crate::{Ended, Outside, completions, layout};

/// How far the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before `initialize`.
    New,
    Running,
    /// After `shutdown`.
    ShutDown,
    /// After `exit`.
    Over(Ended),
}

/// The severities of `window/logMessage`.
const LOG_ERROR: u8 = 1;
const LOG_WARNING: u8 = 2;

/// One session.
pub(crate) struct Server<'a> {
    outside: &'a dyn Outside,
    phase: Phase,
    client: Client,
    /// Whether the editor tells of files that change on the disk if it is asked to.
    can_watch: bool,
    /// The folders that are open in the editor.
    folders: Vec<PathBuf>,
    documents: Documents,
    /// Whether something changed since the specs were checked.
    stale: bool,
    /// The root of the spec that each open text belongs to, as far as it is known.
    roots: BTreeMap<PathBuf, Root>,
    /// The specs that open texts belong to, as they were checked last.
    checked: BTreeMap<Root, Checked>,
    /// The findings that the editor shows, by file.
    shown: BTreeMap<PathBuf, Vec<Value>>,
    /// What is to be sent.
    outgoing: Vec<Value>,
}

/// Why a request has no result.
struct Refusal(ErrorCode, String);

impl<'a> Server<'a> {
    pub(crate) fn new(outside: &'a dyn Outside) -> Self {
        Server {
            outside,
            phase: Phase::New,
            client: Client {
                encoding: Encoding::Utf16,
                related: false,
                versions: false,
            },
            can_watch: false,
            folders: Vec::new(),
            documents: Documents::default(),
            stale: false,
            roots: BTreeMap::new(),
            checked: BTreeMap::new(),
            shown: BTreeMap::new(),
            outgoing: Vec::new(),
        }
    }

    /// How the session ended, if it did.
    pub(crate) fn ended(&self) -> Option<Ended> {
        match self.phase {
            Phase::Over(ended) => Some(ended),
            _ => None,
        }
    }

    /// Writes what is to be sent.
    pub(crate) fn send(&mut self, output: &mut dyn Write) -> std::io::Result<()> {
        for mut message in self.outgoing.drain(..) {
            message["jsonrpc"] = json!("2.0");
            let text = message.to_string();
            write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
        }
        output.flush()
    }

    /// Takes one message.
    pub(crate) fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Response => {}
            Incoming::Request(request) => self.request(request),
            Incoming::Notification(notification) => {
                let method = notification.method.clone();
                if let Err(bug) = self.guarded(|server| server.notice(notification)) {
                    self.log(LOG_ERROR, &format!("{method}: {bug}"));
                }
            }
            Incoming::Malformed(why) => {
                let code = ErrorCode::ParseError as i32;
                let error = json!({ "code": code, "message": why });
                self.outgoing.push(json!({ "id": null, "error": error }));
            }
        }
    }

    /// Checks again if something changed, and shows what was found.
    pub(crate) fn look(&mut self) {
        if !self.stale || self.phase != Phase::Running {
            return;
        }
        self.stale = false;
        if let Err(bug) = self.guarded(Server::check) {
            self.log(LOG_ERROR, &bug);
        }
    }

    /// The one boundary for bugs of ours: a panic becomes a text, and the session goes on.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Result<T, String> {
        catch_unwind(AssertUnwindSafe(|| work(self))).map_err(|panic| bug(panic.as_ref()))
    }

    fn log(&mut self, severity: u8, text: &str) {
        let message = json!({ "type": severity, "message": text });
        self.notify("window/logMessage", message);
    }

    fn notify(&mut self, method: &str, parameters: Value) {
        self.push(Notification::new(method.to_owned(), parameters).into());
    }

    fn push(&mut self, message: Message) {
        match serde_json::to_value(message) {
            Ok(message) => self.outgoing.push(message),
            Err(_) => debug_assert!(false, "messages are plain data"),
        }
    }

    fn request(&mut self, request: Request) {
        let Request { id, method, params } = request;
        let answer = match self.guarded(|server| server.answer(&method, params)) {
            Ok(answer) => answer,
            Err(bug) => {
                self.log(LOG_ERROR, &format!("{method}: {bug}"));
                Err(Refusal(ErrorCode::InternalError, bug))
            }
        };
        self.push(response(id, answer).into());
    }

    fn answer(&mut self, method: &str, params: Value) -> Result<Value, Refusal> {
        match (self.phase, method) {
            (Phase::New, "initialize") => Ok(self.initialize(&params)),
            (Phase::New, _) => Err(Refusal(
                ErrorCode::ServerNotInitialized,
                "`initialize` comes first".to_owned(),
            )),
            (Phase::Running, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (Phase::Running, "textDocument/hover") => self.hover(read(params)?),
            (Phase::Running, "textDocument/completion") => Ok(self.completion(&read(params)?)),
            (Phase::Running, "textDocument/formatting") => Ok(self.formatting(&read(params)?)),
            (Phase::Running, "textDocument/codeAction") => Ok(self.actions(&read(params)?)),
            (Phase::Running, "initialize") => Err(Refusal(
                ErrorCode::InvalidRequest,
                "the session has begun already".to_owned(),
            )),
            (Phase::Running, _) => Err(Refusal(
                ErrorCode::MethodNotFound,
                format!("`{method}` is not offered"),
            )),
            (Phase::ShutDown | Phase::Over(_), _) => Err(Refusal(
                ErrorCode::InvalidRequest,
                "after `shutdown` only `exit` is taken".to_owned(),
            )),
        }
    }

    fn initialize(&mut self, params: &Value) -> Value {
        let at = |path: &str| params.pointer(path);
        let is = |path: &str| at(path).and_then(Value::as_bool).unwrap_or(false);
        let offers_utf8 = at("/capabilities/general/positionEncodings")
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(|one| one == "utf-8"));
        self.client = Client {
            encoding: match offers_utf8 {
                true => Encoding::Utf8,
                false => Encoding::Utf16,
            },
            related: is("/capabilities/textDocument/publishDiagnostics/relatedInformation"),
            versions: is("/capabilities/workspace/workspaceEdit/documentChanges"),
        };
        self.can_watch = is("/capabilities/workspace/didChangeWatchedFiles/dynamicRegistration");
        let folders = at("/workspaceFolders").and_then(Value::as_array);
        let uris = folders.into_iter().flatten().map(|folder| &folder["uri"]);
        let uris = uris.chain(at("/rootUri")).filter_map(Value::as_str);
        self.folders = uris.filter_map(path_of).collect();
        self.phase = Phase::Running;
        json!({
            "capabilities": {
                "positionEncoding": match self.client.encoding {
                    Encoding::Utf8 => "utf-8",
                    Encoding::Utf16 => "utf-16",
                },
                "textDocumentSync": { "openClose": true, "change": 2, "save": true },
                "hoverProvider": true,
                "completionProvider": { "triggerCharacters": [".", "@"] },
                "documentFormattingProvider": true,
                "codeActionProvider": { "codeActionKinds": ["quickfix"] },
            },
            "serverInfo": { "name": "mlinfra", "version": env!("CARGO_PKG_VERSION") },
        })
    }

    fn notice(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        if method == "exit" {
            self.phase = Phase::Over(match self.phase {
                Phase::ShutDown => Ended::Properly,
                _ => Ended::Abandoned,
            });
            return;
        }
        if self.phase != Phase::Running {
            return;
        }
        let taken = match method.as_str() {
            "initialized" => {
                self.watch();
                Ok(())
            }
            "textDocument/didOpen" => read(params).map(|params| self.open(params)),
            "textDocument/didChange" => read(params).and_then(|params| self.change(params)),
            "textDocument/didClose" => read(params).map(|params| self.close(&params)),
            // Another file may have changed with it. An editor that watches tells which.
            "textDocument/didSave" if self.can_watch => {
                self.stale = true;
                Ok(())
            }
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => {
                self.forget_roots();
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(Refusal(_, why)) = taken {
            self.log(LOG_WARNING, &format!("{method}: {why}"));
        }
    }

    /// Asks to be told of specs that change on the disk.
    fn watch(&mut self) {
        if !self.can_watch {
            return;
        }
        let watchers = json!([{ "globPattern": "**/*.mlinfra" }]);
        let registration = json!({
            "id": "specs",
            "method": "workspace/didChangeWatchedFiles",
            "registerOptions": { "watchers": watchers },
        });
        let params = json!({ "registrations": [registration] });
        let id = RequestId::from("specs".to_owned());
        let method = "client/registerCapability".to_owned();
        self.push(Request::new(id, method, params).into());
    }

    fn open(&mut self, params: DidOpenTextDocumentParams) {
        let document = params.text_document;
        let uri = document.uri.as_str();
        self.documents.open(uri, document.version, document.text);
        // An empty list is not the same as none: the editor waits for an answer about its text.
        self.shown.remove(&place_of(uri));
        self.forget_roots();
    }

    /// Looks again at which file uses which.
    fn forget_roots(&mut self) {
        self.roots.clear();
        self.stale = true;
    }

    fn change(&mut self, params: DidChangeTextDocumentParams) -> Result<(), Refusal> {
        let (uri, version) = (params.text_document.uri, params.text_document.version);
        let (changes, encoding) = (params.content_changes, self.client.encoding);
        match (self.documents).change(uri.as_str(), version, changes, encoding) {
            Change::Text => self.stale = true,
            Change::Uses => self.forget_roots(),
            Change::NotOpen => {
                return Err(Refusal(
                    ErrorCode::InvalidParams,
                    "a text that is not open can't change".to_owned(),
                ));
            }
        }
        Ok(())
    }

    fn close(&mut self, params: &DidCloseTextDocumentParams) {
        self.documents.close(params.text_document.uri.as_str());
        self.forget_roots();
    }

    /// Checks every spec that an open text belongs to, and shows what changed.
    fn check(&mut self) {
        let mut known = Known::new(self.outside, &self.documents);
        for (path, _) in self.documents.iter() {
            if !self.roots.contains_key(path) {
                let root = root_of(path, &mut known, &self.folders);
                self.roots.insert(path.clone(), root);
            }
        }
        let roots: BTreeSet<Root> = self.roots.values().cloned().collect();
        self.checked.clear();
        let mut is_whole = true;
        for root in roots {
            let checked = self.guarded(|server| {
                let world = root.world(server.outside, &server.documents);
                mlinfra_check::check(&world, &root.name)
            });
            match checked {
                Ok(checked) => drop(self.checked.insert(root, checked)),
                Err(bug) => {
                    is_whole = false;
                    self.log(LOG_ERROR, &format!("checking `{}`: {bug}", root.name));
                }
            }
        }
        // After a bug nobody knows what is right: what is shown stays until the next check.
        if is_whole {
            self.show();
        }
    }

    /// Tells the editor the findings of each file whose findings changed.
    fn show(&mut self) {
        let mut found: BTreeMap<PathBuf, Vec<Value>> = BTreeMap::new();
        for (path, _) in self.documents.iter() {
            found.insert(path.clone(), Vec::new());
        }
        let mut seen: HashSet<(PathBuf, Value)> = HashSet::new();
        for (root, checked) in &self.checked {
            for (path, finding) in self.view(root, checked).by_file() {
                // A file that two specs use has the same fault in both.
                if seen.insert((path.clone(), finding.clone())) {
                    found.entry(path).or_default().push(finding);
                }
            }
        }
        for path in self.shown.keys() {
            // What is shown of a file goes when the file has nothing more to say.
            if self.shown.get(path).is_some_and(|shown| !shown.is_empty()) {
                found.entry(path.clone()).or_default();
            }
        }
        for (path, findings) in &found {
            let is_new = self.shown.get(path) != Some(findings);
            let open = self.documents.get(path);
            if is_new || open.is_some() {
                let mut params = json!({
                    "uri": self.documents.uri(path),
                    "diagnostics": findings,
                });
                if let Some(open) = open {
                    params["version"] = json!(open.version);
                }
                self.notify("textDocument/publishDiagnostics", params);
            }
        }
        self.shown = found;
    }

    fn view<'v>(&'v self, root: &'v Root, checked: &'v Checked) -> View<'v> {
        View::new(root, checked, &self.documents, self.client)
    }

    /// The checked specs that hold a file, with the file's place in each.
    fn specs_with(&self, path: &PathBuf) -> impl Iterator<Item = (&Root, &Checked, FileId)> {
        self.checked.iter().filter_map(move |(root, checked)| {
            let mut files = checked.files.iter();
            let place = files.position(|file| root.path(&file.name) == *path)?;
            Some((root, checked, FileId(u32::try_from(place).ok()?)))
        })
    }

    fn hover(&mut self, params: HoverParams) -> Result<Value, Refusal> {
        self.look();
        let place = params.text_document_position_params;
        let path = place_of(place.text_document.uri.as_str());
        for (_, checked, file) in self.specs_with(&path) {
            let text = &checked.files[file.0 as usize].text;
            let lines = Lines::new(text, self.client.encoding);
            let offset = u32::try_from(lines.offset(place.position)).unwrap_or(u32::MAX);
            if let Some(hover) = mlinfra_check::hover(checked, file, offset) {
                let contents = json!({ "kind": "markdown", "value": hover.markdown });
                let range = lines.range(hover.span.start, hover.span.end);
                return Ok(json!({ "contents": contents, "range": range }));
            }
        }
        Ok(Value::Null)
    }

    fn completion(&mut self, params: &CompletionParams) -> Value {
        self.look();
        let place = &params.text_document_position;
        let path = place_of(place.text_document.uri.as_str());
        // In every spec that has the file it says the same of its own words.
        let Some((_, checked, file)) = self.specs_with(&path).next() else {
            return Value::Null;
        };
        let text = &checked.files[file.0 as usize].text;
        let lines = Lines::new(text, self.client.encoding);
        let offset = u32::try_from(lines.offset(place.position)).unwrap_or(u32::MAX);
        let offers = mlinfra_check::complete(checked, file, offset);
        let items = offers.iter().enumerate();
        let items = items.map(|(place, offer)| completions::item(place, offer, &lines));
        json!(items.collect::<Vec<Value>>())
    }

    fn formatting(&self, params: &DocumentFormattingParams) -> Value {
        let path = place_of(params.text_document.uri.as_str());
        match self.documents.get(&path).and_then(|open| open.text()) {
            Some(text) => json!(layout::edits(text, self.client.encoding)),
            None => Value::Null,
        }
    }

    fn actions(&mut self, params: &CodeActionParams) -> Value {
        let wanted = params.context.only.as_ref();
        let fits = |kind: &lsp_types::CodeActionKind| matches!(kind.as_str(), "" | "quickfix");
        if wanted.is_some_and(|kinds| !kinds.iter().any(fits)) {
            return json!([]);
        }
        self.look();
        let path = place_of(params.text_document.uri.as_str());
        let mut actions: Vec<Value> = Vec::new();
        let mut seen: HashSet<Value> = HashSet::new();
        for (root, checked, _) in self.specs_with(&path) {
            for action in self.view(root, checked).actions(&path, params.range) {
                if seen.insert(action.clone()) {
                    actions.push(action);
                }
            }
        }
        json!(actions)
    }
}

/// What a message says, as the protocol types it.
fn read<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params)
        .map_err(|error| Refusal(ErrorCode::InvalidParams, error.to_string()))
}

fn response(id: RequestId, answer: Result<Value, Refusal>) -> Response {
    match answer {
        Ok(result) => Response::new_ok(id, result),
        Err(Refusal(code, why)) => Response::new_err(id, code as i32, why),
    }
}

fn bug(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "no reason was given".to_owned());
    format!("this is a bug in mlinfra, not in your spec; please report it: {text}")
}
