//! A copy of the credit example in a folder of its own, and the commands that are run on it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Ports handed out so far: a port that was free a moment ago must not be given to two tests.
static PORTS: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A project folder that is destroyed, with every process of it, at the end of its test.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The command ended with this code, or the test fails and shows what it said.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Said {
        assert_eq!(self.code, Some(code), "\nstdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Both outputs hold this text somewhere.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Said {
        let both = format!("{}\n{}", self.out, self.err);
        assert!(both.contains(text), "`{text}` is missing in:\n{both}");
        self
    }
}

impl Project {
    /// The credit example with a port of its own.
    pub(crate) fn credit() -> Project {
        let project = Project { folder: temporary_folder(), port: free_port() };
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/credit");
        for name in ["credit.mlinfra", "german_credit.csv"] {
            fs::copy(example.join(name), project.path(name)).expect("the example is complete");
        }
        let port = format!("= {}", project.port);
        project.edit("= 8080", &port);
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path(".mlinfra")
    }

    /// Replaces a text in the spec; the spec must have it.
    #[track_caller]
    pub(crate) fn edit(&self, before: &str, after: &str) {
        let path = self.path("credit.mlinfra");
        let text = fs::read_to_string(&path).expect("the spec can be read");
        assert!(text.contains(before), "the spec has no `{before}`:\n{text}");
        fs::write(path, text.replace(before, after)).expect("the spec can be written");
    }

    /// A command of mlinfra in this folder, ready to run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlinfra"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .env_remove("MLINFRA_RUNTIME")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().expect("mlinfra runs");
        Said {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn apply(&self) -> Said {
        self.run(&["apply", "-y"]).code(0)
    }

    /// The plan as JSON.
    #[track_caller]
    pub(crate) fn plan(&self) -> serde_json::Value {
        let said = self.run(&["plan", "--json"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        serde_json::from_str(&said.out).expect("`plan --json` prints JSON")
    }

    /// Address and kind of every change of the plan.
    #[track_caller]
    pub(crate) fn changes(&self) -> Vec<(String, String)> {
        let plan = self.plan();
        let changes = plan.pointer("/plan/changes").and_then(|c| c.as_array());
        let changes = changes.unwrap_or_else(|| panic!("no changes in {plan:#}"));
        let text = |change: &serde_json::Value, name: &str| {
            change[name].as_str().expect("a change has an address and a kind").to_owned()
        };
        changes.iter().map(|change| (text(change, "address"), text(change, "kind"))).collect()
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mlinfra runs")
    }

    /// The endpoint's key.
    pub(crate) fn key(&self) -> String {
        self.run(&["output", "--reveal", "score.key"]).code(0).out.trim().to_owned()
    }

    /// The processes of this project whose arguments hold `word`.
    pub(crate) fn processes(&self, word: &str) -> Vec<i32> {
        let folder = self.folder.path().to_string_lossy().into_owned();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").expect("Linux").flatten() {
            let Ok(process) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
            let Ok(arguments) = fs::read(entry.path().join("cmdline")) else { continue };
            let line = String::from_utf8_lossy(&arguments).replace('\0', " ");
            if line.contains(&folder) && line.contains(word) {
                found.push(process);
            }
        }
        found
    }

    /// The endpoint's processes: those that answer on its port.
    pub(crate) fn endpoint_processes(&self) -> Vec<i32> {
        self.processes(" unit ")
    }

    pub(crate) fn agent_processes(&self) -> Vec<i32> {
        self.processes(" agent ")
    }

    /// Status and body of a request to the endpoint; none if it does not answer.
    pub(crate) fn request(&self, text: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        stream.write_all(text.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())?;
        Some((status, body))
    }

    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        self.request(&format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"))
    }

    /// Whether the endpoint is ready within `seconds`.
    pub(crate) fn is_ready_within(&self, seconds: f64) -> bool {
        let began = Instant::now();
        while began.elapsed().as_secs_f64() < seconds {
            if self.get("/ready").is_some_and(|(status, _)| status == 200) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Every file below the project's folder, with its content.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path),
                    Ok(kind) if kind.is_file() => {
                        found.push((path.clone(), fs::read(path).unwrap_or_default()));
                    }
                    _ => {}
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        for word in [" agent ", " unit ", " apply "] {
            self.processes(word).into_iter().for_each(|process| kill(process, "KILL"));
        }
    }
}

/// Sends a signal by name.
pub(crate) fn kill(process: i32, signal: &str) {
    let status = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
    assert!(status.is_ok(), "`kill` is part of every Linux");
}

/// Waits until `condition` holds, at most `seconds`.
#[track_caller]
pub(crate) fn wait_until(seconds: u64, what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(seconds), "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn temporary_folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("mlinfra-test-").tempdir().expect("there is a temporary folder")
}

/// A port that nothing listens on and no other test was given.
pub(crate) fn free_port() -> u16 {
    let mut given = PORTS.lock().expect("no test panics while it holds this");
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        if given.insert(port) {
            return port;
        }
    }
}
