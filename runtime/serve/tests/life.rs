//! The life of an endpoint: loading, readiness, rollouts, its port, draining, its end.

#[expect(dead_code, reason = "another test uses the rest")]
mod common;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Client, Made, PATIENCE, Running, World, endpoint, eventually, write_unit};
use mlinfra_runtime_spec::{ExitRecord, UnitPhase, UnitSpec};
use mlinfra_serve::{Golden, Limits, Predictor, Row, check_golden, make_golden};
use serde_json::{Value as Json, json};

fn row(world: &World) -> Json {
    json!(world.rows[0])
}

fn done() -> ExitRecord {
    ExitRecord::Done {
        outputs: Default::default(),
    }
}

fn with_release(unit: &UnitSpec, made: &Made) -> UnitSpec {
    let mut unit = unit.clone();
    endpoint(&mut unit).release = made.release.clone();
    endpoint(&mut unit).model = made.model.clone();
    unit
}

#[test]
fn it_is_live_before_it_is_ready_and_holds_early_requests() {
    let world = World::new();
    let made = world.make(1);
    let unit = world.unit("unit", &made);
    let folder = world.unit_folder(&unit);
    // What it reads first is a pipe that gives nothing yet.
    let file = folder.join("unit.json");
    let bytes = fs::read(&file).expect("unit.json");
    fs::remove_file(&file).expect("removed");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a pipe");
    let running = Running::start(&unit, &folder, Limits::default());
    let open = || TcpStream::connect(("127.0.0.1", running.port)).is_ok();
    assert!(eventually(open));
    assert_eq!(running.get("/live").status, 200);
    assert_eq!(running.get("/v2/health/live").status, 200);
    for path in ["/ready", "/v2/health/ready", "/v2/models/score/ready"] {
        let reply = running.get(path);
        assert_eq!(
            (reply.status, reply.header("retry-after")),
            (503, Some("1")),
            "{path}"
        );
        assert_eq!(reply.json()["stage"], json!("starting"), "{path}");
    }
    assert!(running.get("/metrics").body.contains("mlinfra_ready{"));
    thread::scope(|scope| {
        let early = scope.spawn(|| running.post("/predict", &row(&world)));
        thread::sleep(Duration::from_millis(100));
        fs::write(&file, &bytes).expect("the pipe takes it");
        assert_eq!(early.join().expect("an answer").status, 200);
    });
    assert_eq!(running.get("/ready").json()["stage"], json!("ready"));
    write_unit(&folder, &unit);
    assert_eq!(running.stop(), done());
}

#[test]
fn requests_that_can_not_wait_any_longer_are_told_to_come_back() {
    let world = World::new();
    let made = world.make(1);
    let mut unit = world.unit("unit", &made);
    endpoint(&mut unit).release.key = "0".repeat(64);
    let running = world.start(&unit, Limits::default());
    running.wait_for("unready", |status| status.phase == UnitPhase::Unready);
    let reply = running.post("/predict", &row(&world));
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(reply.json()["error"]["code"], json!("E0837"));
    assert_eq!(running.get("/ready").json()["stage"], json!("failed"));
    let problem = running
        .status()
        .and_then(|status| status.problem)
        .expect("a problem");
    assert!(problem.contains("E0626"), "{problem}");
    // The next word of the agent mends it.
    running.reload(&with_release(&running.unit, &made));
    running.wait_until_ready();
    assert_eq!(running.post("/predict", &row(&world)).status, 200);
    assert_eq!(running.status().and_then(|status| status.problem), None);
}

fn predictor(world: &World, made: &Made) -> Predictor {
    assert!(made.model.key.len() == 64);
    let predictor = Predictor::load(&made.model).expect("the model");
    assert_eq!(predictor.recipe(), &world.recipe);
    predictor
}

#[test]
fn golden_requests_are_the_same_each_time_and_cover_what_the_recipe_asks() {
    let world = World::new();
    let made = world.make(1);
    let predictor = predictor(&world, &made);
    let golden = make_golden(&predictor).expect("golden requests");
    assert_eq!(golden, make_golden(&predictor).expect("again"));
    assert_eq!(golden, Golden::load(&made.model).expect("as written"));
    assert_eq!(golden.requests.len(), 16);
    let values = |name: &str| -> Vec<Json> {
        let mut all: Vec<Json> = golden
            .requests
            .iter()
            .map(|one| one.row[name].clone())
            .collect();
        all.dedup();
        all
    };
    for (field, value) in [
        ("color", json!("red")),
        ("color", json!("blue")),
        ("kind", json!("z")),
        ("kind", Json::Null),
        ("old", json!(false)),
        ("old", json!(true)),
    ] {
        assert!(
            values(field).contains(&value),
            "{field} = {value} in {:?}",
            values(field)
        );
    }
    let sizes: Vec<i64> = values("size").iter().filter_map(Json::as_i64).collect();
    assert!(
        sizes.iter().any(|s| *s < 25) && sizes.iter().any(|s| *s >= 25),
        "{sizes:?}"
    );
    assert_eq!(check_golden(&predictor, &golden), Ok(()));
}

#[test]
fn golden_answers_may_differ_by_a_millionth_and_no_more() {
    let world = World::new();
    let made = world.make(1);
    let predictor = predictor(&world, &made);
    let golden = make_golden(&predictor).expect("golden requests");
    for (difference, passes) in [(0.0, true), (9e-7, true), (2e-6, false), (f64::NAN, false)] {
        let mut other = golden.clone();
        other.requests[3].probability += difference;
        assert_eq!(
            check_golden(&predictor, &other).is_ok(),
            passes,
            "{difference}"
        );
    }
}

#[test]
fn a_model_that_answers_otherwise_is_never_ready() {
    let world = World::new();
    let made = world.make(1);
    let mut golden = Golden::load(&made.model).expect("golden requests");
    golden.requests[5].probability = 1.0 - golden.requests[5].probability;
    let bytes = predictor(&world, &made).model().to_bytes();
    let bad = world.write("bad", &bytes, &golden, Vec::new());
    let running = world.start(&world.unit("unit", &bad), Limits::default());
    running.wait_for("unready", |status| status.phase == UnitPhase::Unready);
    let status = running.status().expect("a status");
    let problem = status.problem.expect("a problem");
    assert!(
        problem.contains("request 6 of 16") && problem.contains("E0825"),
        "{problem}"
    );
    assert_eq!(status.release, None);
    assert_eq!(running.get("/ready").status, 503);
    assert_eq!(running.get("/live").status, 200);
    assert_eq!(running.post("/predict", &row(&world)).status, 503);
    assert_eq!(running.stop(), done());
}

#[test]
fn a_release_of_another_model_is_refused() {
    let world = World::new();
    let made = world.make(1);
    let other = world.make(2);
    let mut unit = world.unit("unit", &made);
    endpoint(&mut unit).model = other.model;
    let running = world.start(&unit, Limits::default());
    running.wait_for("the problem", |status| {
        status
            .problem
            .as_ref()
            .is_some_and(|problem| problem.contains("E0824"))
    });
    assert_eq!(running.get("/ready").status, 503);
}

#[test]
fn a_flipped_byte_of_the_model_is_refused() {
    let world = World::new();
    let made = world.make(1);
    let path = world
        .store
        .folder
        .join("artifacts")
        .join(&made.model.key)
        .join("model.safetensors");
    let mut bytes = fs::read(&path).expect("the model");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("changed");
    let running = world.start(&world.unit("unit", &made), Limits::default());
    running.wait_for("the problem", |status| {
        status
            .problem
            .as_ref()
            .is_some_and(|problem| problem.contains("E0620"))
    });
}

/// Calls until told to end; counts answers by release, and fails on any other.
fn load(port: u16, body: &str, end: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let mut releases: Vec<String> = Vec::new();
    let mut client = Client::connect(port);
    let mut count = 0;
    // The last request begins after the end was seen, so each caller asks after the rollout too.
    let mut is_last = false;
    while !is_last {
        is_last = end.load(Ordering::Relaxed);
        // Old connections and new ones.
        count += 1;
        if count % 5 == 0 {
            client = Client::connect(port);
        }
        client.send("POST", "/predict", &[], body);
        let reply = client.reply().expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.body);
        let release = reply.json()["release"]
            .as_str()
            .expect("a release")
            .to_owned();
        if releases.last() != Some(&release) {
            releases.push(release);
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
    releases
}

#[test]
fn a_rollout_under_load_fails_no_request_and_never_goes_back() {
    let world = World::new();
    let (first, second) = (world.make(1), world.make(2));
    let running = world.serve("unit", &first);
    let body = row(&world).to_string();
    let (end, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen: Vec<Vec<String>> = thread::scope(|scope| {
        let call = || load(running.port, &body, &end, &answered);
        let callers: Vec<_> = (0..3).map(|_| scope.spawn(call)).collect();
        let more = |count| {
            let until = answered.load(Ordering::Relaxed) + count;
            assert!(eventually(|| answered.load(Ordering::Relaxed) >= until));
        };
        more(30);
        running.reload(&with_release(&running.unit, &second));
        running.wait_for("the second release", |status| {
            status.release.as_ref() == Some(&second.release.key)
        });
        more(30);
        end.store(true, Ordering::Relaxed);
        callers
            .into_iter()
            .map(|caller| caller.join().expect("no request failed"))
            .collect()
    });
    for releases in seen {
        assert_eq!(releases, [first.version(), second.version()]);
    }
    let status = running.status().expect("a status");
    assert_eq!((status.phase, status.problem), (UnitPhase::Ready, None));
    let reply = running.post("/predict", &json!(world.rows));
    let probability = reply.json()["predictions"][7]["probability"].as_f64();
    assert_eq!(
        probability.map(f64::to_bits),
        Some(second.expected[7].to_bits())
    );
    let metrics = running.get("/metrics").body;
    assert!(!metrics.contains(&first.version()) && metrics.contains(&second.version()));
}

#[test]
fn a_rollout_that_fails_leaves_the_live_release_and_says_why() {
    let world = World::new();
    let made = world.make(1);
    let running = world.serve("unit", &made);
    let mut absent = made.clone();
    absent.release.key = "0".repeat(64);
    for (unit, code) in [
        (with_release(&running.unit, &absent), "E0626"),
        (
            {
                let mut unit = running.unit.clone();
                endpoint(&mut unit).drain_seconds += 1;
                unit
            },
            "E0826",
        ),
    ] {
        running.reload(&unit);
        running.wait_for(code, |status| {
            status
                .problem
                .as_ref()
                .is_some_and(|problem| problem.contains(code))
        });
        let status = running.status().expect("a status");
        assert_eq!(
            (status.phase, status.release),
            (UnitPhase::Ready, Some(made.release.key.clone()))
        );
        assert_eq!(running.get("/ready").status, 200);
        assert_eq!(running.post("/predict", &row(&world)).status, 200);
    }
    fs::write(running.folder.join("unit.json"), "{").expect("written");
    running.reload(&running.unit);
    running.wait_for("no problem", |status| status.problem.is_none());
    assert!(running.get("/metrics").body.contains("result=\"refused\""));
}

#[test]
fn a_stop_finishes_what_is_under_way_and_takes_no_more() {
    let world = World::new();
    let made = world.make(1);
    let running = world.serve("unit", &made);
    let body = row(&world).to_string();
    let mut underway = Client::connect(running.port);
    let (half, rest) = body.split_at(body.len() / 2);
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{half}",
        body.len()
    );
    underway.send_bytes(head.as_bytes()).expect("sent");
    // The request is known to be under way once it is counted.
    let counted = || {
        running
            .get("/metrics")
            .body
            .lines()
            .any(|line| line.starts_with("mlinfra_requests_in_flight{") && line.ends_with(" 2"))
    };
    assert!(eventually(counted));
    let mut idle = Client::connect(running.port);
    idle.send("GET", "/live", &[], "");
    assert_eq!(idle.reply().expect("an answer").status, 200);
    running.ask_to_stop();
    // Someone always knocks; the port is closed all the same, long before the drain's deadline.
    let started = Instant::now();
    let refused = || TcpStream::connect(("127.0.0.1", running.port)).is_err();
    assert!(eventually(refused), "the port is closed");
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    running.wait_for("draining", |status| status.phase == UnitPhase::Draining);
    assert!(idle.reply().is_none(), "an idle connection is closed");
    assert!(!running.has_ended());
    underway.send_bytes(rest.as_bytes()).expect("sent");
    assert_eq!(underway.reply().expect("an answer").status, 200);
    let folder = running.folder.clone();
    assert_eq!(running.ended(), done());
    let status: Json =
        serde_json::from_slice(&fs::read(folder.join("status.json")).expect("a status"))
            .expect("JSON");
    assert_eq!(
        (&status["phase"], &status["process"]),
        (&json!("stopped"), &Json::Null)
    );
}

#[test]
fn a_drain_ends_at_its_deadline() {
    let world = World::new();
    let made = world.make(1);
    let mut unit = world.unit("unit", &made);
    endpoint(&mut unit).drain_seconds = 1;
    let running = world.start(&unit, Limits::default());
    running.wait_until_ready();
    let mut stuck = Client::connect(running.port);
    let head = b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n{";
    stuck.send_bytes(head).expect("sent");
    thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    assert_eq!(running.stop(), done());
    let took = started.elapsed();
    assert!(
        (Duration::from_millis(900)..Duration::from_secs(4)).contains(&took),
        "{took:?}"
    );
    assert!(stuck.reply().is_none());
}

#[test]
fn it_ends_when_its_folder_is_gone_and_does_not_make_it_again() {
    let world = World::new();
    let made = world.make(1);
    let running = world.serve("unit", &made);
    let folder = running.folder.clone();
    fs::remove_dir_all(&folder).expect("removed");
    let started = Instant::now();
    assert_eq!(running.ended(), done());
    assert!(started.elapsed() < Duration::from_secs(4));
    assert!(!folder.exists());
}

fn assert_in_use(world: &World, unit: &UnitSpec) {
    let limits = Limits {
        port_wait_max: Duration::from_millis(200),
        ..Limits::default()
    };
    let running = world.start(unit, limits);
    let folder = running.folder.clone();
    let ExitRecord::Failed {
        code,
        message,
        help,
    } = running.ended()
    else {
        panic!("it does not share a stranger's port");
    };
    assert_eq!(code, "E0821");
    assert!(message.contains("in use by process"), "{message}");
    assert!(help.is_some());
    let status = fs::read_to_string(folder.join("status.json")).expect("a status");
    assert!(
        status.contains("E0821") && status.contains("failed"),
        "{status}"
    );
}

#[test]
fn a_port_in_use_is_refused_even_if_its_owner_would_share_it() {
    let world = World::new();
    let made = world.make(1);
    let mut unit = world.unit("unit", &made);
    let plain = TcpListener::bind("127.0.0.1:0").expect("a port");
    endpoint(&mut unit).port = plain.local_addr().expect("an address").port();
    assert_in_use(&world, &unit);
    drop(plain);

    let shared =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    shared.set_reuse_port(true).expect("shared");
    let address: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
    shared.bind(&address.into()).expect("bound");
    shared.listen(8).expect("listening");
    let address = shared
        .local_addr()
        .ok()
        .and_then(|a| a.as_socket())
        .expect("an address");
    let mut unit = world.unit("unit-2", &made);
    endpoint(&mut unit).port = address.port();
    assert_in_use(&world, &unit);
    drop(shared);
    // Free again, the same unit starts.
    let running = world.start(&unit, Limits::default());
    running.wait_until_ready();
}

#[test]
fn replicas_share_their_port_and_a_stranger_does_not() {
    let world = World::new();
    let made = world.make(1);
    let first = world.serve("unit-0", &made);
    let mut unit = first.unit.clone();
    unit.token = "unit-1".into();
    endpoint(&mut unit).replica = 1;
    let second = world.start(&unit, Limits::default());
    second.wait_until_ready();
    let mut stranger = unit.clone();
    stranger.token = "unit-2".into();
    stranger.address = "endpoint.other".into();
    assert_in_use(&world, &stranger);
    // One replica ends; the other answers on.
    assert_eq!(first.stop(), done());
    for _ in 0..20 {
        assert_eq!(second.post("/predict", &row(&world)).status, 200);
    }
}

#[test]
fn an_address_that_is_not_here_is_refused() {
    let world = World::new();
    let made = world.make(1);
    for host in ["192.0.2.1", "no such host"] {
        let mut unit = world.unit("unit", &made);
        endpoint(&mut unit).host = host.into();
        let record = world.start(&unit, Limits::default()).ended();
        let refused = matches!(&record, ExitRecord::Failed { code, .. } if code == "E0822");
        assert!(refused, "{host}: {record:?}");
    }
}

#[test]
fn a_recipe_that_does_not_make_the_features_is_refused() {
    let world = World::new();
    let made = world.make(1);
    let model = predictor(&world, &made).model().clone();
    let mut recipe = world.recipe.clone();
    recipe.steps.clear();
    let refused = Predictor::from_parts(model, recipe).err().expect("refused");
    assert_eq!(refused.code, "E0823");
    assert!(refused.message.contains("`young`"), "{}", refused.message);
}

#[test]
fn a_row_is_answered_alike_alone_and_in_every_batch() {
    let world = World::new();
    let made = world.make(1);
    let predictor = predictor(&world, &made);
    let started = Instant::now();
    for size in [1, 2, 3, 7, 8, 64, 240] {
        let chunks = world.rows.chunks(size).map(<[Row]>::to_vec);
        let answers: Vec<u64> = chunks
            .flat_map(|chunk| predictor.predict_json(&chunk).expect("predictions"))
            .map(f64::to_bits)
            .collect();
        let expected: Vec<u64> = made.expected.iter().map(|p| p.to_bits()).collect();
        assert_eq!(answers, expected, "in batches of {size}");
    }
    assert!(started.elapsed() < PATIENCE);
}
