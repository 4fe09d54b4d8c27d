//! A state folder with a real agent, and a client for it; everything ends with the test.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mlinfra_agent::folder::UnitFolder;
use mlinfra_runtime_spec::{
    AgentError, ArtifactReference, Bounds, CommandSpec, EndpointSpec, PROTOCOL, StoreReference,
    UnitPhase, UnitSpec, UnitStatus, Workload, files,
};

/// The program under test.
pub(crate) const RUNTIME: &str = env!("CARGO_BIN_EXE_mlinfra-runtime");

/// Things that happen at once are waited for so long, since the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// The lineage of every test.
pub(crate) const LINEAGE: &str = "0123456789abcdef0123456789abcdef";

/// A state folder, an agent, and what the agent runs units with.
pub(crate) struct Bed {
    folder: tempfile::TempDir,
    agent: Option<Child>,
    unit_program: Option<PathBuf>,
}

impl Bed {
    /// With units run by the program under test.
    pub(crate) fn new() -> Self {
        let mut bed = Bed {
            folder: tempfile::tempdir().expect("temporary folder"),
            agent: None,
            unit_program: None,
        };
        fs::create_dir(bed.state()).expect("state folder");
        bed.start_agent();
        bed
    }

    /// With units run by a shell script, which is given the unit's folder.
    pub(crate) fn with_script(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let program = folder.path().join("unit.sh");
        // Under `nohup` SIGHUP is ignored, and a shell can't trap what was ignored when it began.
        let listen = "[ -n \"$LISTENS\" ] || \
                      LISTENS=1 exec env --default-signal=HUP sh \"$0\" \"$@\"";
        let text = format!("#!/bin/sh\n{listen}\ncd \"$1\"\n{script}\n");
        fs::write(&program, text).expect("script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("mode");
        let mut bed = Bed {
            folder,
            agent: None,
            unit_program: Some(program),
        };
        fs::create_dir(bed.state()).expect("state folder");
        bed.start_agent();
        bed
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("run").join("agent.sock")
    }

    pub(crate) fn unit(&self, token: &str) -> UnitFolder {
        UnitFolder::new(files::unit_folder(&self.state(), token))
    }

    /// An agent's command line.
    pub(crate) fn agent_command(&self) -> Command {
        let mut command = Command::new(RUNTIME);
        command.arg("agent").arg("--state").arg(self.state());
        command
            .args(["--lineage", LINEAGE])
            .arg("--socket")
            .arg(self.socket());
        if let Some(program) = &self.unit_program {
            command.arg("--unit-program").arg(program);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start_agent(&mut self) {
        self.agent = Some(self.agent_command().spawn().expect("the agent starts"));
        eventually("the agent answers", || {
            UnixStream::connect(self.socket()).is_ok().then_some(())
        });
    }

    pub(crate) fn agent_process(&self) -> u32 {
        self.agent.as_ref().expect("an agent was started").id()
    }

    pub(crate) fn signal_agent(&mut self, signal: &str) -> Option<i32> {
        kill(self.agent_process(), signal);
        self.wait_for_agent()
    }

    /// Waits until the agent has ended by itself.
    pub(crate) fn wait_for_agent(&mut self) -> Option<i32> {
        let mut agent = self.agent.take().expect("an agent was started");
        eventually("the agent ends", || agent.try_wait().expect("waited")).code()
    }

    /// One request; the body of the answer as it came.
    pub(crate) fn request(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = UnixStream::connect(self.socket()).expect("the agent listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("written");
        // A body that is too large is refused before all of it is read.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let end = text.find("\r\n\r\n").map_or(answer.len(), |end| end + 4);
        (status.expect("an answer"), answer[end..].to_vec())
    }

    pub(crate) fn put(&self, spec: &UnitSpec) -> (u16, Vec<u8>) {
        let body = serde_json::to_vec(spec).expect("serialised");
        self.request("PUT", &format!("/units/{}", spec.token), &body)
    }

    /// Puts a unit that must be taken.
    pub(crate) fn add(&self, spec: &UnitSpec) -> UnitStatus {
        let (status, body) = self.put(spec);
        assert!(
            matches!(status, 200 | 201),
            "{status} {}",
            String::from_utf8_lossy(&body)
        );
        serde_json::from_slice(&body).expect("a status")
    }

    pub(crate) fn status(&self, token: &str) -> Option<UnitStatus> {
        let (status, body) = self.request("GET", &format!("/units/{token}"), b"");
        (status == 200).then(|| serde_json::from_slice(&body).expect("a status"))
    }

    /// Waits until the unit is as wanted.
    pub(crate) fn wait_for(&self, token: &str, wanted: impl Fn(&UnitStatus) -> bool) -> UnitStatus {
        let mut last = None;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            last = self.status(token);
            if let Some(status) = last.as_ref().filter(|status| wanted(status)) {
                return status.clone();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("never as wanted: {last:?}");
    }

    pub(crate) fn wait_for_phase(&self, token: &str, phase: UnitPhase) -> UnitStatus {
        self.wait_for(token, |status| status.phase == phase)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Some(agent) = &mut self.agent {
            let _ = agent.kill();
            let _ = agent.wait();
        }
        let units = fs::read_dir(self.state().join("units"))
            .into_iter()
            .flatten()
            .flatten();
        for unit in units {
            if let Some(identity) = UnitFolder::new(unit.path()).identity()
                && lives(identity.process)
            {
                kill(identity.process, "KILL");
            }
        }
    }
}

/// A job that runs a shell command.
pub(crate) fn job(token: &str, command: &str) -> UnitSpec {
    UnitSpec {
        protocol: PROTOCOL,
        token: token.to_owned(),
        address: "step.test".to_owned(),
        lineage: LINEAGE.to_owned(),
        bounds: Bounds {
            cpus: Vec::new(),
            threads: 1,
            memory_bytes: None,
        },
        workload: Workload::Command(CommandSpec {
            arguments: ["/bin/sh", "-c", command].map(str::to_owned).into(),
            folder: PathBuf::from("/"),
        }),
    }
}

/// An endpoint; its release is of this key.
pub(crate) fn endpoint(token: &str, release: &str) -> UnitSpec {
    let artifact = |key: &str| ArtifactReference {
        store: StoreReference {
            folder: PathBuf::from("/nowhere"),
            key_file: None,
            capacity: None,
        },
        key: key.to_owned(),
        part: None,
    };
    UnitSpec {
        workload: Workload::Endpoint(Box::new(EndpointSpec {
            name: "test".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 1,
            replica: 0,
            key_hashes: Vec::new(),
            release: artifact(release),
            model: artifact(&format!("{release}-model")),
            drain_seconds: 1,
        })),
        ..job(token, "")
    }
}

pub(crate) fn error(body: &[u8]) -> AgentError {
    serde_json::from_slice(body).expect("an error")
}

pub(crate) fn kill(process: u32, signal: &str) {
    let status = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(process.to_string())
        .status();
    assert!(status.expect("kill runs").success());
}

/// Whether the process is there and not merely waiting to be reaped.
pub(crate) fn lives(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z" && state != "X")
}

/// Waits until there is a value.
pub(crate) fn eventually<T>(what: &str, mut value: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = value() {
            return value;
        }
        assert!(Instant::now() < deadline, "does not happen: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn number_in(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
