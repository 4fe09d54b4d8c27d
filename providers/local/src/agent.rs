//! The client of the agent: HTTP over its private socket, and starting it on demand.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mlinfra_api::Fault;
use mlinfra_runtime_spec::{AgentHealth, PROTOCOL, UnitSpec, UnitStatus, files};
use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};

/// How long a fresh agent may take to answer.
const START_SECONDS_MAX: u64 = 20;
/// How long an agent may take to end its units and itself.
const STOP_SECONDS_MAX: u64 = 60;
/// The longest that one request may take; the agent answers each at once.
const REQUEST_SECONDS_MAX: u64 = 30;
const POLL_MILLISECONDS: u64 = 20;
/// How long to wait when the agent is busy ending something.
const RETRY_MILLISECONDS: u64 = 200;

/// The agent of one state folder.
pub(crate) struct Agent {
    state: PathBuf,
    lineage: String,
    runtime: PathBuf,
    /// The client for the socket that was used last.
    client: Mutex<Option<(PathBuf, Client)>>,
}

impl Agent {
    pub(crate) fn new(state: &Path, lineage: &str, runtime: &Path) -> Self {
        Agent {
            state: state.to_owned(),
            lineage: lineage.to_owned(),
            runtime: runtime.to_owned(),
            client: Mutex::default(),
        }
    }

    /// Where the agent listens. A living one has left its path in the state folder, since whoever
    /// started it may have had another environment than we have; else it is ours to choose.
    pub(crate) fn socket(&self) -> PathBuf {
        match self.noted_socket() {
            Some(noted) if UnixStream::connect(&noted).is_ok() => noted,
            _ => files::socket_path(&runtime_folder(), &self.lineage, &self.state),
        }
    }

    /// The path in the agent's note, if it is one for this state folder: a copied folder holds the
    /// note of the agent of the original.
    fn noted_socket(&self) -> Option<PathBuf> {
        let noted = PathBuf::from(fs::read_to_string(self.socket_note()).ok()?);
        let expected = files::socket_path(noted.parent()?, &self.lineage, &self.state);
        (noted == expected).then_some(noted)
    }

    fn socket_note(&self) -> PathBuf {
        files::agent_log(&self.state).with_file_name("socket")
    }

    /// What a living agent says of itself; none if there is none.
    pub(crate) fn health(&self) -> Option<AgentHealth> {
        // A socket that nobody listens on refuses at once.
        UnixStream::connect(self.socket()).ok()?;
        self.request(reqwest::Method::GET, "/health", None::<&()>)
            .ok()?
            .json()
            .ok()
    }

    /// A living agent of our protocol, started if there is none.
    pub(crate) fn ensure(&self) -> Result<AgentHealth, Fault> {
        let health = match self.health() {
            Some(health) => health,
            None => self.start()?,
        };
        if health.protocol != PROTOCOL {
            return Err(Fault::refused(
                "E0921",
                format!(
                    "the agent here is version {} and speaks protocol {}; this program speaks \
                     {PROTOCOL}",
                    health.version, health.protocol
                ),
            )
            .with_help("install `mlinfra` and `mlinfra-runtime` of one version, side by side"));
        }
        if health.lineage != self.lineage {
            return Err(Fault::refused(
                "E0922",
                "the agent that answers here serves another state folder".to_owned(),
            )
            .with_help("stop it, or move this project to a folder of its own"));
        }
        Ok(health)
    }

    fn start(&self) -> Result<AgentHealth, Fault> {
        self.check_version()?;
        let log = files::agent_log(&self.state);
        let failed = |what: &str, error: std::io::Error| {
            Fault::refused(
                "E0923",
                format!("the agent can't be started: {what}: {error}"),
            )
            .with_help("look at `.mlinfra/agent/agent.log`")
        };
        let folder = log.parent().expect("the log lies in a folder");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| failed("its folder", e))?;
        let open = || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&log)
        };
        let out: File = open().map_err(|e| failed("its log", e))?;
        let errors = out.try_clone().map_err(|e| failed("its log", e))?;
        let mut child = Command::new(&self.runtime)
            .arg("agent")
            .arg("--state")
            .arg(&self.state)
            .arg("--lineage")
            .arg(&self.lineage)
            .arg("--socket")
            .arg(self.socket())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .map_err(|e| failed("its program", e))?;
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(START_SECONDS_MAX) {
            if let Some(health) = self.health() {
                return Ok(health);
            }
            // It may have ended because another one came first; then that one answers soon.
            let ended = child
                .try_wait()
                .ok()
                .flatten()
                .is_some_and(|status| !status.success());
            if ended && began.elapsed() > Duration::from_secs(2) {
                break;
            }
            std::thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
        }
        Err(Fault::refused(
            "E0923",
            "the agent was started and does not answer".to_owned(),
        )
        .with_help("look at `.mlinfra/agent/agent.log`"))
    }

    /// Refuses a runtime that does not speak our protocol before anything is started.
    fn check_version(&self) -> Result<(), Fault> {
        let missing = |error: &str| {
            Fault::refused(
                "E0924",
                format!(
                    "the runtime `{}` can't be run: {error}",
                    self.runtime.display()
                ),
            )
            .with_help(
                "`mlinfra-runtime` lies beside `mlinfra`; build or install both: \
                 cargo build --workspace",
            )
        };
        let output = Command::new(&self.runtime)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| missing(&error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let wanted = format!("protocol {PROTOCOL}");
        if !output.status.success() || !text.contains("mlinfra-runtime") {
            return Err(missing("it is another program"));
        }
        if !text.trim().ends_with(&wanted) {
            return Err(Fault::refused(
                "E0921",
                format!(
                    "the runtime is `{}`; this program needs {wanted}",
                    text.trim()
                ),
            )
            .with_help("install `mlinfra` and `mlinfra-runtime` of one version, side by side"));
        }
        Ok(())
    }

    /// Ends every unit, then the agent. Done at once if there is none.
    pub(crate) fn stop(&self) -> Result<(), Fault> {
        let socket = self.socket();
        if self.health().is_none() {
            self.clear(&socket);
            return Ok(());
        }
        self.request(reqwest::Method::POST, "/stop", None::<&()>)?;
        let began = Instant::now();
        while self.health().is_some() {
            if began.elapsed() > Duration::from_secs(STOP_SECONDS_MAX) {
                return Err(Fault::failed("E0925", "the agent did not end in time"));
            }
            std::thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
        }
        self.clear(&socket);
        Ok(())
    }

    /// Removes what is left of an agent that is gone. What can't be removed does no harm.
    fn clear(&self, socket: &Path) {
        let _ = fs::remove_file(self.socket_note());
        let fallback = fallback_folder();
        if socket.parent().and_then(Path::file_name) == fallback.file_name()
            && let Some(folder) = socket.parent()
        {
            // It holds the sockets of other projects too: only an empty one goes.
            let _ = fs::remove_dir(folder);
        }
    }

    /// Puts a unit; the same one again is no change.
    pub(crate) fn put(&self, unit: &UnitSpec) -> Result<(), Fault> {
        self.ensure()?;
        let path = format!("/units/{}", unit.token);
        self.request(reqwest::Method::PUT, &path, Some(unit))
            .map(drop)
    }

    /// A unit's status; none if the agent does not know it.
    pub(crate) fn unit(&self, token: &str) -> Result<Option<UnitStatus>, Fault> {
        match self.request(
            reqwest::Method::GET,
            &format!("/units/{token}"),
            None::<&()>,
        ) {
            Ok(response) => response.json().map(Some).map_err(|error| lost(&error)),
            Err(Fault::Refused { code, .. }) if code == NOT_FOUND => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    pub(crate) fn cancel(&self, token: &str) -> Result<(), Fault> {
        let path = format!("/units/{token}/cancel");
        ignore_missing(self.request(reqwest::Method::POST, &path, None::<&()>))
    }

    /// Drains, stops and forgets a unit, and waits until it is gone; one that is not there is no
    /// error.
    pub(crate) fn delete(&self, token: &str) -> Result<(), Fault> {
        self.ensure()?;
        let path = format!("/units/{token}");
        let began = Instant::now();
        loop {
            match self.request(reqwest::Method::DELETE, &path, None::<&()>) {
                // Accepted: it still drains.
                Ok(response) if response.status() == StatusCode::ACCEPTED => {}
                Err(Fault::Retry { .. }) => {}
                other => return ignore_missing(other),
            }
            if began.elapsed() > Duration::from_secs(STOP_SECONDS_MAX) {
                return Err(Fault::failed("E0925", "a unit did not end in time"));
            }
            std::thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
        }
    }

    fn client(&self) -> Client {
        let socket = self.socket();
        let mut known = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = known.as_ref().filter(|(path, _)| *path == socket) {
            return client.clone();
        }
        let client = Client::builder()
            .unix_socket(socket.clone())
            .timeout(Duration::from_secs(REQUEST_SECONDS_MAX))
            .build()
            .expect("a client without TLS has nothing that can fail");
        *known = Some((socket, client.clone()));
        client
    }

    fn request<T: serde::Serialize + ?Sized>(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&T>,
    ) -> Result<Response, Fault> {
        let mut request = self.client().request(method, format!("http://agent{path}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().map_err(|error| lost(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let told: serde_json::Value = response.json().unwrap_or_default();
        let text = |name: &str| told.get(name).and_then(|v| v.as_str()).map(str::to_owned);
        let code = match status {
            StatusCode::NOT_FOUND => NOT_FOUND.to_owned(),
            _ => text("code").unwrap_or_else(|| "E0926".into()),
        };
        let message = text("message").unwrap_or_else(|| format!("the agent answered {status}"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return Err(Fault::Retry {
                message,
                after_milliseconds: RETRY_MILLISECONDS,
            });
        }
        Err(Fault::Refused {
            code,
            message,
            help: text("help"),
        })
    }
}

/// Stands for HTTP's 404 inside this file.
const NOT_FOUND: &str = "not found";

fn ignore_missing(result: Result<Response, Fault>) -> Result<(), Fault> {
    match result {
        Err(Fault::Refused { code, .. }) if code == NOT_FOUND => Ok(()),
        other => other.map(drop),
    }
}

fn lost(error: &reqwest::Error) -> Fault {
    Fault::Lost {
        message: format!("the agent: {}", root_cause(error)),
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

/// `$XDG_RUNTIME_DIR`, else a folder of this user alone in the temporary folder.
fn runtime_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
        && folder.is_dir()
    {
        return folder;
    }
    fallback_folder()
}

fn fallback_folder() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    std::env::temp_dir().join(format!("mlinfra-{user}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_counts_for_its_own_folder_and_while_somebody_listens() {
        let root = std::env::temp_dir().join(format!("mlinfra-note-{}", std::process::id()));
        let agent = |name: &str| Agent::new(&root.join(name), "lineage", Path::new("/none"));
        let (original, copy) = (agent("original"), agent("copy"));
        let other = files::socket_path(&root, "lineage", &original.state);
        for agent in [&original, &copy] {
            let note = agent.socket_note();
            fs::create_dir_all(note.parent().expect("a folder")).expect("made");
            fs::write(note, other.to_str().expect("text")).expect("written");
        }
        assert_ne!(original.socket(), other);
        let listener = std::os::unix::net::UnixListener::bind(&other).expect("bound");
        assert_eq!(original.socket(), other);
        assert_ne!(copy.socket(), other);
        drop(listener);
        original.clear(&other);
        assert!(!original.socket_note().exists() && root.exists());
        fs::remove_dir_all(&root).expect("removed");
    }
}
