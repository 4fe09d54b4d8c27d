//! What an endpoint counts, and what it does under more than it can take.

#[expect(dead_code, reason = "another test uses the rest")]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use common::{Client, Reply, World, eventually};
use mlinfra_serve::Limits;
use serde_json::{Value as Json, json};

fn good_row() -> Json {
    json!({"color": "red", "size": 12, "weight": 2.0, "kind": null, "old": true})
}

/// Samples by their name with labels; checks the rules of the text format on the way.
fn parse_metrics(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut types = BTreeMap::new();
    let mut helps = BTreeSet::new();
    let mut family = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help");
            assert!(helps.insert(name.to_owned()) && !help.is_empty(), "{line}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(types.insert(name.to_owned(), kind).is_none(), "{line}");
            family = name.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a sample");
        let (name, labels) = series
            .strip_suffix('}')
            .and_then(|s| s.split_once('{'))
            .expect("labels");
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .filter(|_| types[&family] == "histogram")
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        assert_eq!(base, family, "{line} stands in its family");
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{line}"
        );
        assert!(
            labels.contains("endpoint=\"score\"") && labels.contains("replica=\"0\""),
            "{line}"
        );
        let value: f64 = value.parse().expect("a number");
        assert!(
            samples.insert(series.to_owned(), value).is_none(),
            "{line} is there once"
        );
    }
    assert!(
        types.keys().all(|name| helps.contains(name)),
        "every metric has a help"
    );
    samples
}

fn sum(samples: &BTreeMap<String, f64>, name: &str, label: &str) -> f64 {
    let start = format!("{name}{{");
    let chosen = samples
        .iter()
        .filter(|(key, _)| key.starts_with(&start) && key.contains(label));
    chosen.map(|(_, value)| value).sum()
}

#[test]
fn metrics_count_what_happened_in_prometheus_format() {
    let world = World::new();
    let made = world.make(1);
    let running = world.serve("unit", &made);
    running.post("/predict", &json!(world.rows));
    running.post("/predict", &good_row());
    running.post("/predict", &json!({}));
    running.get("/nothing/MARKER-in-a-path");
    let reply = running.get("/metrics");
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let samples = parse_metrics(&reply.body);
    let requests = "mlinfra_requests_total";
    assert_eq!(
        sum(
            &samples,
            requests,
            "route=\"/predict\",method=\"POST\",status=\"200\""
        ),
        2.0
    );
    assert_eq!(sum(&samples, requests, "status=\"400\""), 1.0);
    assert_eq!(
        sum(
            &samples,
            requests,
            "route=\"other\",method=\"GET\",status=\"404\""
        ),
        1.0
    );
    assert_eq!(sum(&samples, "mlinfra_rows_predicted_total", ""), 241.0);
    assert_eq!(sum(&samples, "mlinfra_ready", ""), 1.0);
    assert_eq!(sum(&samples, "mlinfra_requests_in_flight", ""), 1.0);
    assert_eq!(
        sum(&samples, "mlinfra_rollouts_total", "result=\"served\""),
        1.0
    );
    assert!(sum(&samples, "mlinfra_model_load_seconds", "") > 0.0);
    let info = format!("release=\"{}\"", made.version());
    assert_eq!(sum(&samples, "mlinfra_release_info", &info), 1.0);
    let duration = "mlinfra_request_duration_seconds";
    let count = sum(&samples, &format!("{duration}_count"), "route=\"/predict\"");
    let infinite = format!("{duration}_bucket");
    assert_eq!(count, 3.0);
    let buckets: Vec<f64> = samples
        .iter()
        .filter(|(key, _)| key.starts_with(&infinite) && key.contains("/predict"))
        .map(|(_, value)| *value)
        .collect();
    assert_eq!(buckets.len(), 18);
    assert_eq!(
        sum(&samples, &infinite, "route=\"/predict\",le=\"+Inf\""),
        count
    );
    assert!(!reply.body.contains("MARKER"));
}

#[test]
fn too_many_at_once_are_refused_with_the_time_to_come_back() {
    let world = World::new();
    let made = world.make(1);
    let mut unit = world.unit("unit", &made);
    unit.bounds.threads = 1;
    let limits = Limits {
        queued_requests_max: 1,
        ..Limits::default()
    };
    let running = world.start(&unit, limits);
    running.wait_until_ready();
    let body = json!(vec![good_row(); 9_000]).to_string();
    let replies: Vec<Reply> = thread::scope(|scope| {
        let call = || running.call("POST", "/predict", &[], &body);
        let calls: Vec<_> = (0..12).map(|_| scope.spawn(call)).collect();
        // Health does not wait behind predictions.
        let started = Instant::now();
        assert_eq!(running.get("/live").status, 200);
        assert!(started.elapsed() < Duration::from_secs(2));
        calls
            .into_iter()
            .map(|call| call.join().expect("a reply"))
            .collect()
    });
    let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 503).collect();
    let served = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(served + refused.len(), 12);
    assert!(
        served >= 2 && !refused.is_empty(),
        "{served} of 12 were served"
    );
    for reply in refused {
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert_eq!(reply.json()["error"]["code"], json!("E0838"));
    }
}

#[test]
fn slow_clients_are_let_go() {
    let world = World::new();
    let made = world.make(1);
    let limits = Limits {
        head_wait_max: Duration::from_millis(300),
        body_wait_max: Duration::from_millis(300),
        ..Limits::default()
    };
    let running = world.start(&world.unit("unit", &made), limits);
    running.wait_until_ready();
    let mut silent = Client::connect(running.port);
    silent
        .send_bytes(b"POST /predict HTTP/1.1\r\nHost: te")
        .expect("sent");
    let started = Instant::now();
    let reply = silent.reply();
    assert!(reply.is_none_or(|reply| reply.status == 408));
    assert!(started.elapsed() < Duration::from_secs(5));

    let mut slow = Client::connect(running.port);
    let head = b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n{";
    slow.send_bytes(head).expect("sent");
    let reply = slow.reply().expect("an answer");
    assert_eq!(
        (reply.status, &reply.json()["error"]["code"]),
        (408, &json!("E0840"))
    );
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(slow.reply().is_none(), "the connection is closed");

    let mut leaver = Client::connect(running.port);
    leaver.send_bytes(head).expect("sent");
    drop(leaver);
    let gone = || running.get("/metrics").body.contains("status=\"4");
    assert!(eventually(gone));
}

#[test]
fn connections_above_the_most_wait_for_a_place() {
    let world = World::new();
    let made = world.make(1);
    let limits = Limits {
        connections_max: 2,
        head_wait_max: Duration::from_millis(500),
        ..Limits::default()
    };
    let running = world.start(&world.unit("unit", &made), limits);
    running.wait_until_ready();
    let idle: Vec<Client> = (0..2).map(|_| Client::connect(running.port)).collect();
    // Served once the idle ones were let go.
    assert_eq!(running.get("/live").status, 200);
    drop(idle);
}
