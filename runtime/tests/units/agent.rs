//! The agent and its units as real processes: asked, killed, adopted, removed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::bed::{Bed, RUNTIME, endpoint, error, eventually, job, kill, lives, number_in};
use mlinfra_runtime_spec::{
    AgentHealth, ExitRecord, LogChunk, PROTOCOL, UnitPhase, UnitSpec, UnitStatus, Workload,
};

/// A service that is ready at once, notes each SIGHUP and ends on SIGTERM.
const READY: &str = r#"
trap 'echo hup >> hups' HUP
trap 'exit 0' TERM
printf '{"token":"t","phase":"ready","process":%d,"attempt":1}' $$ > next && mv next status.json
while :; do sleep 0.05; done"#;

fn code(status: &UnitStatus) -> &str {
    match &status.exit {
        Some(ExitRecord::Failed { code, .. }) => code,
        _ => "",
    }
}

fn log(bed: &Bed, token: &str, offset: u64) -> LogChunk {
    let (status, body) = bed.request("GET", &format!("/units/{token}/log?offset={offset}"), b"");
    assert_eq!(status, 200);
    serde_json::from_slice(&body).expect("a piece of a log")
}

#[test]
fn it_says_its_version_and_protocol() {
    let output = Command::new(RUNTIME)
        .arg("--version")
        .output()
        .expect("runs");
    let expected = format!(
        "mlinfra-runtime {} protocol {PROTOCOL}\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn a_job_is_one_unit_however_often_it_is_put() {
    let bed = Bed::new();
    let spec = job("one", "echo said; echo more >&2; echo x >> runs");
    let spec = UnitSpec {
        workload: match spec.workload {
            Workload::Command(command) => Workload::Command(mlinfra_runtime_spec::CommandSpec {
                folder: bed.state(),
                ..command
            }),
            other => other,
        },
        ..spec
    };
    assert_eq!(bed.put(&spec).0, 201);
    let ended = bed.wait_for_phase("one", UnitPhase::Exited);
    assert_eq!((ended.attempt, ended.process), (1, None));
    assert!(matches!(ended.exit, Some(ExitRecord::Done { .. })));
    assert_eq!(bed.put(&spec).0, 200);
    assert_eq!(
        fs::read_to_string(bed.state().join("runs")).expect("ran"),
        "x\n"
    );

    let whole = log(&bed, "one", 0);
    assert!(whole.text.contains("said\n") && whole.text.contains("more\n"));
    let rest = log(&bed, "one", whole.next);
    assert_eq!((rest.text.as_str(), rest.next), ("", whole.next));

    let (status, body) = bed.put(&job("one", "echo other"));
    assert_eq!((status, error(&body).code.as_str()), (409, "E0804"));

    let mode = |path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(bed.socket()), 0o600);
    assert!(
        fs::read_to_string(bed.state().join("agent/agent.log"))
            .expect("a log")
            .contains("serves")
    );
    assert_eq!(mode(bed.unit("one").path().to_owned()), 0o700);
    for file in fs::read_dir(bed.unit("one").path())
        .expect("listed")
        .flatten()
    {
        assert_eq!(mode(file.path()), 0o600, "{:?}", file.path());
    }
}

#[test]
fn requests_that_make_no_sense_are_refused_with_a_code() {
    let bed = Bed::new();
    let good = job("good", "true");
    let body = |spec: &UnitSpec| serde_json::to_vec(spec).expect("serialised");
    let protocol = UnitSpec {
        protocol: PROTOCOL + 1,
        ..good.clone()
    };
    let lineage = UnitSpec {
        lineage: "another".to_owned(),
        ..good.clone()
    };
    let large = vec![b' '; 1024 * 1024 + 1];
    let cases: [(&str, &str, Vec<u8>, u16, &str); 9] = [
        ("PUT", "/units/good", large, 413, "E0805"),
        (
            "PUT",
            "/units/good",
            b"{\"cell\": 17".to_vec(),
            400,
            "E0805",
        ),
        ("PUT", "/units/other", body(&good), 400, "E0805"),
        ("PUT", "/units/..%2Fgood", body(&good), 400, "E0805"),
        ("PUT", "/units/good", body(&protocol), 400, "E0803"),
        ("PUT", "/units/good", body(&lineage), 400, "E0808"),
        ("GET", "/units/none", Vec::new(), 404, "E0806"),
        ("POST", "/units/none/cancel", Vec::new(), 404, "E0806"),
        ("GET", "/nothing", Vec::new(), 404, "E0805"),
    ];
    for (method, path, body, status, code) in cases {
        let (got, answer) = bed.request(method, path, &body);
        assert_eq!(
            (got, error(&answer).code.as_str()),
            (status, code),
            "{method} {path}"
        );
        assert!(!String::from_utf8_lossy(&answer).contains("17"));
    }
    let (_, units) = bed.request("GET", "/units", b"");
    assert_eq!(units, b"[]");
    let (_, health) = bed.request("GET", "/health", b"");
    let health: AgentHealth = serde_json::from_slice(&health).expect("health");
    assert_eq!(
        (health.protocol, health.process),
        (PROTOCOL, bed.agent_process())
    );
    assert_eq!(health.keepers["cpus"], "affinity");
}

#[test]
fn two_agents_never_serve_one_state_folder() {
    let bed = Bed::new();
    let second = bed.agent_command().output().expect("runs");
    assert_eq!(second.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&second.stderr).contains("E0801"));
    assert_eq!(bed.request("GET", "/health", b"").0, 200);
}

#[test]
fn units_of_another_state_are_left_alone() {
    let mut bed = Bed::with_script(READY);
    bed.signal_agent("TERM");
    let copied = UnitSpec {
        lineage: "ffffffffffffffffffffffffffffffff".to_owned(),
        ..endpoint("copied", "a")
    };
    fs::create_dir_all(bed.unit("copied").path()).expect("folder");
    let body = serde_json::to_vec(&copied).expect("serialised");
    fs::write(bed.unit("copied").file("unit.json"), &body).expect("written");
    let said = r#"{"token":"copied","phase":"ready","process":1,"attempt":1}"#;
    fs::write(bed.unit("copied").file("status.json"), said).expect("written");
    bed.start_agent();
    bed.add(&endpoint("own", "a"));
    bed.wait_for_phase("own", UnitPhase::Ready);

    assert!(bed.status("copied").is_none());
    assert!(!bed.unit("copied").file("attempts.json").exists());
    let kept = fs::read(bed.unit("copied").file("unit.json"));
    assert_eq!(kept.expect("still there"), body);
}

#[test]
fn the_agent_leaves_word_of_its_socket() {
    let mut bed = Bed::new();
    let note = bed.state().join("agent/socket");
    let said = eventually("the note is written", || fs::read_to_string(&note).ok());
    assert_eq!(said, bed.socket().to_string_lossy());
    let mode = fs::metadata(&note).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    bed.signal_agent("TERM");
    assert!(!note.exists());
}

#[test]
fn an_agent_that_was_killed_is_followed_by_one_that_adopts() {
    let mut bed = Bed::new();
    bed.add(&job("long", "sleep 1000"));
    bed.add(&job("short", "sleep 1"));
    let before = bed.wait_for("long", |status| status.process.is_some());
    bed.wait_for("short", |status| status.process.is_some());
    bed.signal_agent("KILL");
    assert!(lives(before.process.expect("runs")));
    eventually("the other job ends while nobody looks", || {
        bed.unit("short").exit().map(drop)
    });
    bed.start_agent();
    let adopted = bed.wait_for("long", |status| status.process.is_some());
    assert_eq!(adopted.process, before.process);
    assert_eq!((adopted.attempt, adopted.phase), (1, UnitPhase::Running));
    assert_eq!(bed.status("short").expect("known").phase, UnitPhase::Exited);

    assert_eq!(bed.request("POST", "/units/long/cancel", b"").0, 202);
    let cancelled = bed.wait_for_phase("long", UnitPhase::Cancelled);
    assert_eq!(cancelled.exit, Some(ExitRecord::Cancelled));
    assert!(!lives(before.process.expect("ran")));
}

#[test]
fn an_agent_that_is_told_to_leave_leaves_its_units_running() {
    let mut bed = Bed::with_script(READY);
    bed.add(&endpoint("api", "a"));
    let process = bed.wait_for_phase("api", UnitPhase::Ready).process;
    assert_eq!(bed.signal_agent("TERM"), Some(0));
    assert!(!bed.socket().exists());
    bed.start_agent();
    assert_eq!(bed.wait_for_phase("api", UnitPhase::Ready).process, process);
    assert_eq!(bed.request("POST", "/exit", b"").0, 202);
    assert_eq!(bed.wait_for_agent(), Some(0));
    assert!(lives(process.expect("runs")));
    bed.start_agent();

    assert_eq!(bed.request("POST", "/stop", b"").0, 202);
    assert_eq!(bed.wait_for_agent(), Some(0));
    assert!(!lives(process.expect("ran")) && !bed.socket().exists());
    assert!(bed.unit("api").path().exists());
}

#[test]
fn a_service_that_was_killed_is_started_again() {
    let mut bed = Bed::with_script(READY);
    bed.add(&endpoint("api", "a"));
    let first = bed.wait_for_phase("api", UnitPhase::Ready).process;
    kill(first.expect("runs"), "KILL");
    let is_new = |old| move |now: &UnitStatus| now.phase == UnitPhase::Ready && now.process != old;
    let second = bed.wait_for("api", is_new(first));
    assert_eq!(second.attempt, 2);

    // The same for a process that this agent did not start, and one that dies with nobody there.
    bed.signal_agent("KILL");
    bed.start_agent();
    bed.wait_for_phase("api", UnitPhase::Ready);
    kill(second.process.expect("runs"), "KILL");
    let third = bed.wait_for("api", is_new(second.process));
    bed.signal_agent("KILL");
    kill(third.process.expect("runs"), "KILL");
    bed.start_agent();
    assert_eq!(bed.wait_for("api", is_new(third.process)).attempt, 4);
}

#[test]
fn a_release_is_changed_in_the_running_process_and_nothing_else_is() {
    let bed = Bed::with_script(READY);
    bed.add(&endpoint("api", "a"));
    let before = bed.wait_for_phase("api", UnitPhase::Ready);
    let after = bed.add(&endpoint("api", "b"));
    assert_eq!(after.process, before.process);
    eventually("the process is told", || {
        bed.unit("api").file("hups").exists().then_some(())
    });
    assert_eq!(
        bed.unit("api").spec().expect("read"),
        Some(endpoint("api", "b"))
    );

    let mut other = endpoint("api", "b");
    if let Workload::Endpoint(endpoint) = &mut other.workload {
        endpoint.port = 2;
    }
    assert_eq!(bed.put(&other).0, 409);
    assert_eq!(bed.status("api").expect("known").attempt, 1);
}

#[test]
fn a_job_that_is_always_killed_is_tried_three_times() {
    let bed = Bed::new();
    let note = bed.state().join("program");
    bed.add(&job(
        "job",
        &format!("echo $$ > {}; exec sleep 1000", note.display()),
    ));
    for attempt in 1..=3 {
        let running = |now: &UnitStatus| {
            now.attempt == attempt && now.phase == UnitPhase::Running && now.process.is_some()
        };
        let process = bed.wait_for("job", running).process.expect("runs");
        let program = eventually("the program runs", || number_in(&note));
        fs::remove_file(&note).expect("read");
        kill(process, "KILL");
        eventually("the program ends with its unit", || {
            (!lives(program)).then_some(())
        });
    }
    let failed = bed.wait_for_phase("job", UnitPhase::Failed);
    assert_eq!((failed.attempt, code(&failed)), (3, "E0813"));
}

#[test]
fn attempts_are_counted_across_agents() {
    let mut bed = Bed::new();
    bed.add(&job("job", "sleep 1000"));
    for attempt in 1..=3 {
        let running = |now: &UnitStatus| now.attempt == attempt && now.process.is_some();
        let process = bed.wait_for("job", running).process.expect("runs");
        bed.signal_agent("KILL");
        kill(process, "KILL");
        bed.start_agent();
    }
    let failed = bed.wait_for_phase("job", UnitPhase::Failed);
    assert_eq!((failed.attempt, code(&failed)), (3, "E0813"));
}

#[test]
fn a_service_that_dies_five_times_is_left_alone_until_it_is_asked_for() {
    let mut bed = Bed::with_script("echo attempt $MLINFRA_ATTEMPT ends; exit 1");
    bed.add(&endpoint("api", "a"));
    let is_looping = |now: &UnitStatus| now.phase == UnitPhase::CrashLoop;
    let looping = bed.wait_for("api", is_looping);
    let problem = looping.problem.expect("a reason");
    assert_eq!(looping.attempt, 5);
    assert!(
        problem.contains("E0814") && problem.contains("attempt 5 ends"),
        "{problem}"
    );

    bed.signal_agent("KILL");
    bed.start_agent();
    let still = bed.status("api").expect("known");
    assert_eq!((still.phase, still.attempt), (UnitPhase::CrashLoop, 5));
    assert_eq!(still.problem.as_ref(), Some(&problem));
    bed.add(&endpoint("api", "a"));
    bed.wait_for("api", |now| now.attempt > 5);
}

#[test]
fn a_job_above_its_memory_bound_is_ended_and_not_tried_again() {
    let bed = Bed::new();
    let eat = "x=$(head -c 250000000 /dev/zero | tr '\\0' a); sleep 1000";
    let mut spec = job("job", eat);
    spec.bounds.memory_bytes = Some(128 << 20);
    bed.add(&spec);
    let failed = bed.wait_for_phase("job", UnitPhase::Failed);
    assert_eq!((failed.attempt, code(&failed)), (1, "E0851"));
}

#[test]
fn bounds_are_kept_by_the_kernel_or_refused() {
    let bed = Bed::new();
    let mut bounded = job("bounded", "sleep 1000");
    bounded.bounds.cpus = vec![0];
    bounded.bounds.memory_bytes = Some(1 << 30);
    bed.add(&bounded);
    let running = bed.wait_for("bounded", |now| now.process.is_some());
    let process = running.process.expect("runs");
    let bounds_hold = || {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let limits = fs::read_to_string(format!("/proc/{process}/limits")).ok()?;
        let data = limits
            .lines()
            .find(|line| line.starts_with("Max data size"))?;
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))?;
        let is_bound = status.contains("Cpus_allowed_list:\t0\n")
            && data.contains(&((1_u64 << 30) + (256 << 20)).to_string())
            && core.split_whitespace().nth(4) == Some("0");
        is_bound.then_some(())
    };
    eventually("the bounds hold", bounds_hold);

    let mut impossible = job("impossible", "true");
    impossible.bounds.cpus = vec![1023];
    bed.add(&impossible);
    let failed = bed.wait_for_phase("impossible", UnitPhase::Failed);
    assert_eq!((failed.attempt, code(&failed)), (1, "E0812"));
}

#[test]
fn a_program_that_fails_is_a_job_that_fails() {
    let bed = Bed::new();
    bed.add(&job("status", "exit 3"));
    bed.add(&job("signal", "kill -9 $$"));
    let failed = bed.wait_for_phase("status", UnitPhase::Failed);
    assert_eq!((failed.attempt, code(&failed)), (1, "E0855"));
    let failed = bed.wait_for_phase("signal", UnitPhase::Failed);
    assert_eq!((failed.attempt, code(&failed)), (1, "E0855"));
    let mut absent = job("absent", "");
    absent.workload = Workload::Command(mlinfra_runtime_spec::CommandSpec {
        arguments: vec!["/no/such/program".to_owned()],
        folder: "/".into(),
    });
    bed.add(&absent);
    assert_eq!(
        code(&bed.wait_for_phase("absent", UnitPhase::Failed)),
        "E0855"
    );
}

#[test]
fn a_unit_that_is_removed_leaves_nothing() {
    let mut bed = Bed::with_script(READY);
    bed.add(&endpoint("api", "a"));
    let process = bed
        .wait_for_phase("api", UnitPhase::Ready)
        .process
        .expect("runs");
    let remove = |bed: &Bed| {
        eventually("the unit is gone", || {
            (bed.request("DELETE", "/units/api", b"").0 == 204).then_some(())
        });
    };
    remove(&bed);
    assert!(!lives(process) && bed.status("api").is_none());
    assert_eq!(
        fs::read_dir(bed.state().join("units"))
            .expect("listed")
            .count(),
        0
    );
    remove(&bed);

    // A removal that an agent did not finish is finished by the next one.
    bed.add(&endpoint("api", "a"));
    let process = bed
        .wait_for_phase("api", UnitPhase::Ready)
        .process
        .expect("runs");
    bed.signal_agent("KILL");
    fs::write(bed.unit("api").file("removing"), "true").expect("written");
    bed.start_agent();
    eventually("the unit is gone", || {
        bed.status("api").is_none().then_some(())
    });
    assert!(!lives(process) && !bed.unit("api").path().exists());
}

#[test]
fn a_stopped_service_stays_stopped_until_it_is_put_again() {
    let mut bed = Bed::with_script(READY);
    bed.add(&endpoint("api", "a"));
    bed.wait_for_phase("api", UnitPhase::Ready);
    assert_eq!(bed.request("POST", "/units/api/cancel", b"").0, 202);
    bed.wait_for_phase("api", UnitPhase::Stopped);
    bed.signal_agent("KILL");
    bed.start_agent();
    assert_eq!(bed.status("api").expect("known").phase, UnitPhase::Stopped);
    bed.add(&endpoint("api", "a"));
    bed.wait_for_phase("api", UnitPhase::Ready);
}

#[test]
fn a_process_that_nobody_wrote_down_is_found_by_its_lock() {
    let mut bed = Bed::with_script(READY);
    bed.add(&endpoint("api", "a"));
    let process = bed.wait_for_phase("api", UnitPhase::Ready).process;
    bed.signal_agent("KILL");
    fs::remove_file(bed.unit("api").file("process.json")).expect("there");
    bed.start_agent();
    assert_eq!(bed.wait_for_phase("api", UnitPhase::Ready).process, process);
    eventually("the unit is gone", || {
        (bed.request("DELETE", "/units/api", b"").0 == 204).then_some(())
    });
    assert!(!lives(process.expect("ran")));
}

#[test]
fn a_unit_whose_folder_was_removed_is_made_anew() {
    let bed = Bed::with_script(READY);
    bed.add(&endpoint("api", "a"));
    let first = bed
        .wait_for_phase("api", UnitPhase::Ready)
        .process
        .expect("runs");
    fs::remove_dir_all(bed.unit("api").path()).expect("removed");
    eventually("it is taken again", || {
        matches!(bed.put(&endpoint("api", "a")).0, 200 | 201).then_some(())
    });
    let second = bed.wait_for_phase("api", UnitPhase::Ready);
    assert!(!lives(first));
    assert_eq!(second.attempt, 1);
}

#[test]
fn a_job_that_can_not_allocate_is_ended_for_its_memory() {
    let bed = Bed::with_script("echo 'memory allocation of 64 bytes failed' >&2; kill -ABRT $$");
    bed.add(&job("job", ""));
    let failed = bed.wait_for_phase("job", UnitPhase::Failed);
    assert_eq!((failed.attempt, code(&failed)), (1, "E0851"));
}

#[test]
fn without_its_state_folder_nothing_goes_on() {
    let mut bed = Bed::with_script(READY);
    bed.add(&endpoint("api", "a"));
    let process = bed
        .wait_for_phase("api", UnitPhase::Ready)
        .process
        .expect("runs");
    fs::remove_dir_all(bed.state()).expect("removed");
    assert_eq!(bed.wait_for_agent(), Some(0));
    assert!(!lives(process) && !bed.socket().exists());
}

#[test]
fn without_agent_and_folder_a_unit_ends_by_itself() {
    let mut bed = Bed::new();
    let note = bed.state().join("program");
    bed.add(&job(
        "job",
        &format!("echo $$ > {}; exec sleep 1000", note.display()),
    ));
    let process = bed
        .wait_for("job", |now| now.process.is_some())
        .process
        .expect("runs");
    let program = eventually("the program runs", || number_in(&note));
    bed.signal_agent("KILL");
    fs::remove_dir_all(bed.state()).expect("removed");
    eventually("both are gone", || {
        (!lives(process) && !lives(program)).then_some(())
    });
}
