//! The endpoint as a process of its own: signals, its log, its death.

#[expect(dead_code, reason = "another test uses the rest")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Client, MARKER, Made, Reply, World, endpoint, eventually, write_unit};
use libtest_mimic::{Arguments, Failed, Trial};
use mlinfra_api::Digest;
use mlinfra_runtime_spec::{ExitRecord, UnitPhase, UnitSpec, UnitStatus};
use serde_json::{Value as Json, json};

/// With this in front of a folder, this program is the unit of that folder.
const UNIT: &str = "--unit";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, folder] = arguments.as_slice()
        && mode == UNIT
    {
        std::process::exit(run_unit(Path::new(folder)));
    }
    let trials = vec![
        Trial::test("signals_reload_and_stop", signals_reload_and_stop),
        Trial::test("the_log_tells_requests_apart", the_log_tells_requests_apart),
        Trial::test(
            "killed_it_serves_again_at_once",
            killed_it_serves_again_at_once,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn run_unit(folder: &Path) -> i32 {
    let unit = fs::read(folder.join("unit.json")).expect("unit.json");
    let unit: UnitSpec = serde_json::from_slice(&unit).expect("a unit");
    match mlinfra_serve::run_endpoint(&unit, folder) {
        ExitRecord::Failed { .. } => 1,
        _ => 0,
    }
}

struct Process {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Process {
    fn start(world: &World, unit: &UnitSpec) -> Self {
        let folder = world.unit_folder(unit);
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("out.log"));
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args([UNIT, folder.to_str().expect("a text")])
            .stdin(Stdio::null())
            .stdout(log.expect("the log"))
            .spawn()
            .expect("the process starts");
        let port = endpoint(&mut unit.clone()).port;
        Process {
            child,
            folder,
            port,
        }
    }

    fn ready(&self) -> bool {
        let status = fs::read(self.folder.join("status.json")).ok();
        let status = status.and_then(|bytes| serde_json::from_slice::<UnitStatus>(&bytes).ok());
        status.is_some_and(|status| {
            status.phase == UnitPhase::Ready && status.process == Some(self.child.id())
        })
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, signal).expect("it lives");
    }

    fn call(&self, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut client = Client::connect(self.port);
        client.send("POST", "/predict", headers, body);
        client.reply().expect("an answer")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn served(world: &World, made: &Made) -> (UnitSpec, Process) {
    let mut unit = world.unit("unit", made);
    endpoint(&mut unit).key_hashes = vec![Digest::of(b"the-key").to_string()];
    let process = Process::start(world, &unit);
    assert!(eventually(|| process.ready()), "it gets ready");
    (unit, process)
}

const KEY: (&str, &str) = ("Authorization", "Bearer the-key");

fn signals_reload_and_stop() -> Result<(), Failed> {
    let world = World::new();
    let (first, second) = (world.make(1), world.make(2));
    let (mut unit, mut process) = served(&world, &first);
    let body = json!(world.rows[0]).to_string();
    let release = || process.call(&[KEY], &body).json()["release"].clone();
    assert_eq!(release(), json!(first.version()));
    endpoint(&mut unit).release = second.release.clone();
    endpoint(&mut unit).model = second.model.clone();
    write_unit(&process.folder, &unit);
    process.signal(rustix::process::Signal::HUP);
    assert!(eventually(|| release() == json!(second.version())));
    process.signal(rustix::process::Signal::TERM);
    let started = Instant::now();
    let code = process.child.wait()?.code();
    assert_eq!(code, Some(0));
    assert!(started.elapsed() < Duration::from_secs(3));
    Ok(())
}

fn the_log_tells_requests_apart() -> Result<(), Failed> {
    let world = World::new();
    let (_, process) = served(&world, &world.make(1));
    let mut row = json!(world.rows[0]);
    row["color"] = json!(MARKER);
    let id = ("X-Request-Id", "request-17");
    assert_eq!(process.call(&[KEY, id], &row.to_string()).status, 200);
    row["size"] = json!(MARKER);
    assert_eq!(process.call(&[KEY], &row.to_string()).status, 400);
    assert_eq!(process.call(&[("X-API-Key", MARKER)], "{}").status, 401);
    let mut client = Client::connect(process.port);
    client.send(
        "GET",
        &format!("/{MARKER}?key={MARKER}"),
        &[KEY, ("Cookie", MARKER)],
        "",
    );
    assert_eq!(client.reply().map(|reply| reply.status), Some(404));
    let lines = || -> Vec<Json> {
        let text = fs::read_to_string(process.folder.join("out.log")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect()
    };
    let requests = || -> Vec<Json> {
        lines()
            .into_iter()
            .filter(|line| line["message"] == json!("request"))
            .collect()
    };
    assert!(eventually(|| requests().len() == 4));
    let seen: Vec<(Json, Json, Json)> = requests()
        .iter()
        .map(|line| {
            (
                line["route"].clone(),
                line["status"].clone(),
                line["rows"].clone(),
            )
        })
        .collect();
    let expected = [
        ("/predict", 200, 1),
        ("/predict", 400, 0),
        ("/predict", 401, 0),
        ("other", 404, 0),
    ];
    for ((route, status, rows), seen) in expected.iter().zip(&seen) {
        assert_eq!(*seen, (json!(route), json!(status), json!(rows)));
    }
    assert_eq!(requests()[0]["request_id"], json!("request-17"));
    assert!(
        requests()
            .iter()
            .all(|line| line["milliseconds"].is_f64() && line["method"].is_string())
    );
    let all = fs::read_to_string(process.folder.join("out.log"))?;
    assert!(!all.contains(MARKER) && !all.contains("the-key"), "{all}");
    assert!(all.contains("\"message\":\"listening\""), "{all}");
    Ok(())
}

fn killed_it_serves_again_at_once() -> Result<(), Failed> {
    let world = World::new();
    let made = world.make(1);
    let (unit, mut process) = served(&world, &made);
    let body = json!(world.rows[0]).to_string();
    let before = process.call(&[KEY], &body).body;
    // Connections under way would keep the port busy if it were not asked for so.
    let open = Client::connect(process.port);
    process.child.kill()?;
    process.child.wait()?;
    let started = Instant::now();
    let again = Process::start(&world, &unit);
    assert!(eventually(|| again.ready()));
    assert_eq!(again.call(&[KEY], &body).body, before);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    drop(open);
    Ok(())
}
