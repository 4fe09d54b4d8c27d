//! A project in a folder of its own, and the programs run on it.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The command under test.
pub(crate) const MLINFRA: &str = env!("CARGO_BIN_EXE_mlinfra");

/// The runtime must lie beside it. `cargo test -p mlinfra` alone does not build it.
static RUNTIME: LazyLock<()> = LazyLock::new(|| {
    let beside = Path::new(MLINFRA).with_file_name("mlinfra-runtime");
    if beside.exists() {
        return;
    }
    let root = env!("CARGO_MANIFEST_DIR");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let build = Command::new(cargo)
        .args(["build", "--workspace", "--bins"])
        .current_dir(root)
        .status();
    assert!(
        build.expect("cargo starts").success(),
        "the runtime can't be built"
    );
});

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Run {
        Run {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the command ended so.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Run {
        let Run {
            exit,
            stdout,
            stderr,
        } = &self;
        assert_eq!(*exit, code, "\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }

    /// Fails the test unless this stands in what was printed.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Run {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        assert!(all.contains(text), "`{text}` is not in\n{all}");
        self
    }

    /// The JSON on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        parsed.unwrap_or_else(|error| panic!("no JSON ({error}): {}\n{}", self.stdout, self.stderr))
    }
}

/// A spec in a temporary folder.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Project {
    /// A copy of `examples/credit` with a free port.
    pub(crate) fn credit() -> Project {
        let project = Project::empty();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/credit");
        for name in ["credit.mlinfra", "german_credit.csv"] {
            fs::copy(example.join(name), project.path(name)).expect("the example can be copied");
        }
        let port = format!("port     = {}", project.port);
        project.edit("credit.mlinfra", "port     = 8080", &port);
        project
    }

    /// An empty folder and a free port.
    pub(crate) fn empty() -> Project {
        LazyLock::force(&RUNTIME);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Project {
            folder,
            port: free_port(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Replaces a text that must be there.
    #[track_caller]
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} does not contain `{from}`");
        self.write(name, text.replacen(from, to, 1));
    }

    /// The command, ready to be started in this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(MLINFRA);
        command.args(arguments).current_dir(self.folder.path());
        command
            .env("NO_COLOR", "1")
            .env("COLUMNS", "80")
            .env("HOME", self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(
            self.command(arguments)
                .output()
                .expect("the command starts"),
        )
    }

    /// Starts the command and does not wait.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the command starts")
    }

    /// Runs a line in a shell, in this folder.
    pub(crate) fn shell(&self, line: &str) -> Run {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.folder.path());
        Run::of(command.output().expect("the shell starts"))
    }

    /// Whether planning finds nothing to do; otherwise the plan.
    #[track_caller]
    pub(crate) fn plan_is_empty(&self) {
        self.run(&["plan"]).exits(0).says("no changes");
    }

    /// The kinds of change that a plan holds, as `sign address`.
    #[track_caller]
    pub(crate) fn planned(&self) -> Vec<String> {
        let plan = self.run(&["plan", "--json"]).exits(0).json();
        let changes = plan["plan"]["changes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let text = |change: &Value| {
            let kind = change["kind"].as_str().unwrap_or_default();
            format!("{kind} {}", change["address"].as_str().unwrap_or_default())
        };
        changes.iter().map(text).collect()
    }

    /// Every process whose working unit or state is in this folder: found by its arguments.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let marker = self
            .folder
            .path()
            .canonicalize()
            .expect("the folder exists");
        let marker = marker.to_string_lossy().into_owned();
        let entries = fs::read_dir("/proc").expect("/proc can be read");
        let processes = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let process = entry.file_name().to_str()?.parse::<u32>().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            (line.contains("mlinfra-runtime") && line.contains(&marker)).then_some(process)
        });
        processes.filter(|process| is_alive(*process)).collect()
    }

    /// The process of the endpoint's first replica.
    #[track_caller]
    pub(crate) fn endpoint_process(&self) -> u32 {
        let shown = self
            .run(&["show", "endpoint.score", "--json"])
            .exits(0)
            .json();
        let more = shown["resources"][0]["more"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let replica = more.iter().find(|row| row[0] == "replica");
        let text = replica
            .and_then(|row| row[1].as_str())
            .expect("it has a replica");
        number_after(text, "process ")
    }

    /// The process of the agent.
    #[track_caller]
    pub(crate) fn agent_process(&self) -> u32 {
        let shown = self.run(&["show", "--json"]).exits(0).json();
        let process = shown["agent"]["process"].as_u64().expect("the agent runs");
        u32::try_from(process).expect("it is a process")
    }

    /// The agent's socket.
    #[track_caller]
    pub(crate) fn socket(&self) -> PathBuf {
        let line = fs::read(format!("/proc/{}/cmdline", self.agent_process()));
        let line = String::from_utf8(line.expect("the agent runs")).expect("its words are text");
        let mut words = line.split('\0').skip_while(|word| *word != "--socket");
        let socket = PathBuf::from(words.nth(1).expect("it was told its socket"));
        assert!(socket.exists(), "{}", socket.display());
        socket
    }

    /// Asks the endpoint about its own example and gives back status and body.
    #[track_caller]
    pub(crate) fn predict(&self) -> (u16, String) {
        let example = self.run(&["output", "score.example"]).exits(0).stdout;
        let key = self
            .run(&["output", "--reveal", "score.key"])
            .exits(0)
            .stdout;
        let key = format!("Bearer {}", key.trim());
        post(self.port, "/predict", example.trim(), &key).expect("the endpoint answers")
    }

    /// Whether the endpoint's port answers at all.
    pub(crate) fn answers(&self) -> bool {
        get(self.port, "/v2/health/live").is_some_and(|status| status == 200)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // A test that failed may have left processes: they end with their folder, but not at once.
        for process in self.processes() {
            kill(process, "KILL");
        }
    }
}

/// Sends a signal by name.
pub(crate) fn kill(process: u32, signal: &str) {
    let mut command = Command::new("kill");
    command
        .args([format!("-{signal}"), process.to_string()])
        .stderr(Stdio::null());
    drop(command.status());
}

/// Whether a process exists and is no zombie.
pub(crate) fn is_alive(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = status
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z" && state != "X")
}

/// Waits until something holds, and fails the test if it takes longer.
#[track_caller]
pub(crate) fn within(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(
            Instant::now() < deadline,
            "{what}: not within {} s",
            limit.as_secs()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A port that nobody else is given. Those that the kernel hands out by itself, which may be taken
/// again by the next connection of anyone, begin above.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 15_000 + (std::process::id() % 1_500) as u16 * 10;
    let mut ports = (0..2_000).map(|_| first + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000);
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of two thousand ports is free")
}

fn number_after(text: &str, word: &str) -> u32 {
    let rest = text
        .split(word)
        .nth(1)
        .unwrap_or_else(|| panic!("no `{word}` in `{text}`"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number follows")
}

fn get(port: u16, path: &str) -> Option<u16> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    ask(port, &request).map(|(status, _)| status)
}

/// One HTTP request; none if nobody answers.
pub(crate) fn post(port: u16, path: &str, body: &str, key: &str) -> Option<(u16, String)> {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    ask(port, &request)
}

fn ask(port: u16, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split_whitespace().nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Some((status, body.to_owned()))
}
