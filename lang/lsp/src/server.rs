//! One editor's session: what is open, what was found, and the answer to each message.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc;

use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::{
    CodeActionParams, CompletionParams, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DocumentFormattingParams, GotoDefinitionParams, HoverParams,
    Position, TextDocumentPositionParams,
};
use mlinfra_check::FileId;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::documents::{Change, Documents, place_of};
use crate::findings::{Client, View};
use crate::lines::{Encoding, Lines};
use crate::roots::Root;
use crate::transport::Incoming;
use crate::uri::path_of;
use crate::worker::{Job, Look, Spec, Specs, bug, specs_with};
use crate::{Ended, completions, layout};

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
pub(crate) struct Server {
    /// To the thread that checks.
    jobs: mpsc::Sender<Job>,
    phase: Phase,
    client: Client,
    /// Whether the editor tells of files that change on the disk if it is asked to.
    can_watch: bool,
    /// The folders that are open in the editor.
    folders: Vec<PathBuf>,
    documents: Documents,
    /// Whether something changed since the texts were last given to be checked.
    stale: bool,
    /// Whether a check is under way.
    checking: bool,
    /// Whether files may use others than when the check under way began.
    uses_changed: bool,
    /// The root of the spec that each open text belongs to, as far as it is known.
    roots: BTreeMap<PathBuf, Root>,
    /// The specs that open texts belong to, as they were checked last.
    specs: Specs,
    /// Where those before go: to let a large program go takes a while.
    old: mpsc::Sender<Specs>,
    /// The findings that the editor shows, by file.
    shown: BTreeMap<PathBuf, Vec<Value>>,
    /// What can be answered only once the texts are checked as they are now.
    waiting: Vec<Request>,
    /// What is to be sent.
    outgoing: Vec<Value>,
}

/// Why a request has no result.
struct Refusal(ErrorCode, String);

impl Server {
    pub(crate) fn new(jobs: mpsc::Sender<Job>, old: mpsc::Sender<Specs>) -> Self {
        Server {
            jobs,
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
            checking: false,
            uses_changed: false,
            roots: BTreeMap::new(),
            specs: BTreeMap::new(),
            old,
            shown: BTreeMap::new(),
            waiting: Vec::new(),
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
            Incoming::Looked(look) => {
                if let Err(bug) = self.guarded(|server| server.looked(*look)) {
                    self.log(LOG_ERROR, &bug);
                }
            }
            Incoming::Malformed(why) => {
                let code = ErrorCode::ParseError as i32;
                let error = json!({ "code": code, "message": why });
                self.outgoing.push(json!({ "id": null, "error": error }));
            }
        }
    }

    /// Has the texts checked if something changed and no check is under way.
    pub(crate) fn look(&mut self) {
        if !self.stale || self.checking || self.phase != Phase::Running {
            return;
        }
        self.stale = false;
        self.uses_changed = false;
        let job = Job {
            documents: self.documents.clone(),
            roots: self.roots.clone(),
            folders: self.folders.clone(),
            client: self.client,
        };
        // If nobody takes it, the session is over.
        self.checking = self.jobs.send(job).is_ok();
    }

    /// Takes what a check gave, shows it, and answers what waited for it.
    fn looked(&mut self, look: Look) {
        self.checking = false;
        // If nobody takes it, the session is over.
        let old = std::mem::replace(&mut self.specs, look.specs);
        drop(self.old.send(old));
        if !self.uses_changed {
            self.roots = look.roots;
        }
        for bug in look.bugs {
            self.log(LOG_ERROR, &bug);
        }
        // After a bug nobody knows what is right: what is shown stays until the next check.
        if let Some(found) = look.found {
            self.show(found, &look.versions);
        }
        if !self.stale || self.phase != Phase::Running {
            for request in std::mem::take(&mut self.waiting) {
                self.respond(request);
            }
        }
    }

    /// Whether the texts are not checked yet as they are now, and will be.
    fn is_behind(&self) -> bool {
        self.phase == Phase::Running && (self.stale || self.checking)
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
        let waits = self.is_behind()
            && match request.method.as_str() {
                "textDocument/codeAction" => true,
                "textDocument/hover" | "textDocument/completion" | "textDocument/definition" => {
                    !self.is_known(&request.params)
                }
                _ => false,
            };
        match waits {
            true => self.waiting.push(request),
            false => self.respond(request),
        }
    }

    /// Whether the text that a question is about was checked before, as it is or as it was.
    fn is_known(&self, params: &Value) -> bool {
        let uri = params.pointer("/textDocument/uri").and_then(Value::as_str);
        uri.is_none_or(|uri| specs_with(&self.specs, &place_of(uri)).next().is_some())
    }

    fn respond(&mut self, request: Request) {
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
            (Phase::Running, "textDocument/hover") => Ok(self.hover(&read(params)?)),
            (Phase::Running, "textDocument/completion") => Ok(self.completion(&read(params)?)),
            (Phase::Running, "textDocument/definition") => Ok(self.definition(&read(params)?)),
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
                "definitionProvider": true,
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
        self.uses_changed = true;
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

    /// Tells the editor the findings of each file whose findings changed.
    fn show(
        &mut self,
        mut found: BTreeMap<PathBuf, Vec<Value>>,
        versions: &BTreeMap<PathBuf, i32>,
    ) {
        for path in self.shown.keys() {
            // What is shown of a file goes when the file has nothing more to say.
            if self.shown.get(path).is_some_and(|shown| !shown.is_empty()) {
                found.entry(path.clone()).or_default();
            }
        }
        for (path, findings) in &found {
            let is_new = self.shown.get(path) != Some(findings);
            let version = versions.get(path);
            if is_new || version.is_some() {
                let mut params = json!({
                    "uri": self.documents.uri(path),
                    "diagnostics": findings,
                });
                if let Some(version) = version {
                    params["version"] = json!(version);
                }
                self.notify("textDocument/publishDiagnostics", params);
            }
        }
        self.shown = found;
    }

    fn hover(&mut self, params: &HoverParams) -> Value {
        let place = &params.text_document_position_params;
        let said = self.at(place, |_, spec, file, offset, lines| {
            let hover = mlinfra_check::hover(&spec.checked, &spec.trees, file, offset)?;
            let contents = json!({ "kind": "markdown", "value": hover.markdown });
            let range = lines.range(hover.span.start, hover.span.end);
            Some(json!({ "contents": contents, "range": range }))
        });
        said.unwrap_or_default()
    }

    fn completion(&mut self, params: &CompletionParams) -> Value {
        let place = &params.text_document_position;
        let offered = self.at(place, |_, spec, file, offset, lines| {
            let offers = mlinfra_check::complete(&spec.checked, &spec.trees, file, offset);
            let items = offers.iter().enumerate();
            let items = items.map(|(place, offer)| completions::item(place, offer, lines));
            // In every spec that has the file it says the same of its own words.
            Some(json!(items.collect::<Vec<Value>>()))
        });
        offered.unwrap_or_default()
    }

    fn definition(&mut self, params: &GotoDefinitionParams) -> Value {
        let place = &params.text_document_position_params;
        let encoding = self.client.encoding;
        let found = self.at(place, |root, spec, file, offset, _| {
            let found = mlinfra_check::definition(&spec.checked, &spec.trees, file, offset)?;
            let name = &spec.checked.files.get(found.file.0 as usize)?.name;
            let lines = Lines::new(spec.trees.text(name)?, encoding);
            let range = lines.range(found.span.start, found.span.end);
            Some((root.path(name), range))
        });
        match found {
            Some((path, range)) => json!({ "uri": self.documents.uri(&path), "range": range }),
            None => Value::Null,
        }
    }

    /// The first answer about a place from the specs that hold its text: from the text as it is now
    /// and the program as it was checked last.
    fn at<T>(
        &mut self,
        place: &TextDocumentPositionParams,
        ask: impl Fn(&Root, &Spec, FileId, u32, &Lines<'_>) -> Option<T>,
    ) -> Option<T> {
        let path = place_of(place.text_document.uri.as_str());
        let open = self.documents.get(&path);
        let encoding = self.client.encoding;
        for (root, spec) in &mut self.specs {
            let mut files = spec.checked.files.iter();
            let found = files.position(|file| root.path(&file.name) == path);
            let Some(found) = found else { continue };
            let file = FileId(u32::try_from(found).unwrap_or(u32::MAX));
            let (name, text) = {
                let file = &spec.checked.files[found];
                (file.name.clone(), &file.text)
            };
            let lines = match open.and_then(|open| open.lines(encoding)) {
                Some(lines) => {
                    spec.trees.update(&name, lines.text());
                    lines
                }
                None => Lines::new(text, encoding),
            };
            let offset = offset_of(&lines, place.position);
            let answer = ask(root, spec, file, offset, &lines);
            if answer.is_some() {
                return answer;
            }
        }
        None
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
        let path = place_of(params.text_document.uri.as_str());
        let mut actions: Vec<Value> = Vec::new();
        let mut seen: HashSet<Value> = HashSet::new();
        for (root, spec, _) in specs_with(&self.specs, &path) {
            let view = View::new(root, &spec.checked, &self.documents, self.client);
            for action in view.actions(&path, params.range) {
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

fn offset_of(lines: &Lines<'_>, position: Position) -> u32 {
    u32::try_from(lines.offset(position)).unwrap_or(u32::MAX)
}
