//! What an endpoint answers over HTTP: predictions, refusals, health, metrics.

#[expect(dead_code, reason = "another test uses the rest")]
mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::{Client, MARKER, Made, Reply, Running, World, endpoint, eventually};
use mlinfra_api::Digest;
use mlinfra_runtime_spec::{ExitRecord, UnitPhase};
use mlinfra_serve::{Limits, Row};
use serde_json::{Value as Json, json};

fn good_row() -> Json {
    json!({"color": "red", "size": 12, "weight": 2.0, "kind": null, "old": true})
}

fn ready_world() -> (World, Made, Running) {
    let world = World::new();
    let made = world.make(1);
    let running = world.serve("unit", &made);
    (world, made, running)
}

fn probabilities(reply: &Reply) -> Vec<f64> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let body = reply.json();
    let all = body["predictions"].as_array().expect("predictions");
    all.iter().map(|one| one["probability"].as_f64().expect("a number")).collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn every_row_is_answered_as_the_steps_and_the_model_did() {
    let (world, made, running) = ready_world();
    let batch = running.post("/predict", &json!(world.rows));
    assert_eq!(bits(&probabilities(&batch)), bits(&made.expected));
    let rows = running.post("/predict", &json!({"rows": world.rows}));
    assert_eq!(rows.body, batch.body);
    for (row, expected) in world.rows.iter().zip(&made.expected).step_by(7) {
        let reply = running.post("/predict", &json!(row));
        assert_eq!(reply.status, 200, "{}", reply.body);
        let expected = json!({
            "prediction": {"probability": expected, "label": *expected >= 0.5},
            "target": "good",
            "model": "score",
            "release": made.version(),
        });
        assert_eq!(reply.json(), expected);
    }
    let distinct: std::collections::BTreeSet<u64> = bits(&made.expected).into_iter().collect();
    assert!(distinct.len() > 20, "the model tells rows apart");
    assert_eq!(running.stop(), ExitRecord::Done { outputs: Default::default() });
}

#[test]
fn a_field_that_may_be_missing_may_be_left_out_and_whole_floats_are_whole() {
    let (_world, _, running) = ready_world();
    let mut row = good_row();
    let with_null = running.post("/predict", &row);
    row.as_object_mut().expect("an object").remove("kind");
    row["size"] = json!(12.0);
    let left_out = running.post("/predict", &row);
    assert_eq!((with_null.status, left_out.status), (200, 200));
    assert_eq!(with_null.body, left_out.body);
    // A text that training never saw is no error: it is like no text.
    row["color"] = json!("violet");
    assert_eq!(running.post("/predict", &row).status, 200);
}

/// What is sent, the status, the code, the field, the row, and a part of message or help.
type Refused = (String, u16, &'static str, Option<&'static str>, Option<u64>, &'static str);

fn refused_bodies() -> Vec<Refused> {
    let with = |name: &str, value: Json| {
        let mut row = good_row();
        row[name] = value;
        row
    };
    let without = |names: &[&str]| {
        let mut row = good_row();
        let fields = row.as_object_mut().expect("an object");
        names.iter().for_each(|name| drop(fields.remove(*name)));
        row
    };
    let mut misspelt = without(&["weight"]);
    misspelt["wieght"] = json!(MARKER);
    let twice = format!("{{\"size\": 1, \"size\": \"{MARKER}\"}}");
    let text = |value: Json| value.to_string();
    vec![
        (text(without(&["size"])), 400, "E0832", Some("size"), None, "`size` is missing"),
        (text(without(&["color", "old"])), 400, "E0832", Some("color"), None, "`color`, `old` are"),
        (text(json!([good_row(), without(&["old"])])), 400, "E0832", Some("old"), Some(1), "old: bool"),
        (text(with("size", json!(null))), 400, "E0832", Some("size"), None, "`size` is missing"),
        (text(misspelt), 400, "E0833", Some("wieght"), None, "did you mean `weight`?"),
        (text(with("outcome", json!(1))), 400, "E0833", Some("outcome"), None, "color, size, weight, kind, old"),
        (text(with("size", json!(MARKER))), 400, "E0834", Some("size"), None, "a whole number, not a text"),
        (text(with("size", json!(1.5))), 400, "E0834", Some("size"), None, "not one with a fraction"),
        (text(with("size", json!(1e30))), 400, "E0834", Some("size"), None, "64 bits"),
        (text(with("size", json!(u64::MAX))), 400, "E0834", Some("size"), None, "64 bits"),
        (text(with("weight", json!([1]))), 400, "E0834", Some("weight"), None, "a number, not a list"),
        (text(with("old", json!(1))), 400, "E0834", Some("old"), None, "true or false, not a number"),
        (text(with("color", json!(7))), 400, "E0834", Some("color"), None, "a text, not a number"),
        (text(with("kind", json!({"a": MARKER}))), 400, "E0834", Some("kind"), None, "not an object"),
        (text(json!({"rows": [good_row(), with("size", json!(true))]})), 400, "E0834", Some("size"), Some(1), "truth"),
        (text(json!({"rows": [good_row()], "size": 3})), 400, "E0831", Some("size"), None, "beside `rows`"),
        (text(json!([good_row(), 3])), 400, "E0831", None, Some(1), "row 1 is a number"),
        (text(json!([])), 400, "E0831", None, None, "no rows"),
        (text(json!(MARKER)), 400, "E0831", None, None, "a text, not an object"),
        (twice, 400, "E0831", None, None, "`size` is given twice"),
        (format!("{{\"size\": {MARKER}}}"), 400, "E0831", None, None, "line 1, column"),
        (" ".into(), 400, "E0831", None, None, "empty"),
        ("[".repeat(100_000), 400, "E0831", None, None, "not JSON"),
        (format!("{{\"size\": {}}}", "9".repeat(400)), 400, "E0831", None, None, "not JSON"),
        (text(json!(vec![good_row(); 10_001])), 413, "E0835", None, None, "10001 rows; 10000"),
        ("x".repeat((1 << 20) + 1), 413, "E0835", None, None, "1024 KiB"),
    ]
}

#[test]
fn bad_bodies_are_refused_at_the_field_and_never_repeat_a_value() {
    let (_world, _, running) = ready_world();
    for (body, status, code, field, row, part) in refused_bodies() {
        let shown: String = body.chars().take(120).collect();
        let reply = running.call("POST", "/predict", &[], &body);
        let error = &reply.json()["error"];
        assert_eq!(reply.status, status, "{shown}: {}", reply.body);
        assert_eq!(error["code"], json!(code), "{shown}: {}", reply.body);
        assert_eq!(error.get("field"), field.map(Json::from).as_ref(), "{shown}: {}", reply.body);
        assert_eq!(error.get("row"), row.map(Json::from).as_ref(), "{shown}: {}", reply.body);
        assert!(reply.body.contains(part), "{shown}: {} lacks {part}", reply.body);
        assert!(!reply.body.contains(MARKER), "{shown}: {}", reply.body);
    }
    let zipped = running.call("POST", "/predict", &[("Content-Encoding", "gzip")], "{}");
    assert_eq!((zipped.status, &zipped.json()["error"]["code"]), (415, &json!("E0831")));
    // After all of this it still answers.
    assert_eq!(running.post("/predict", &good_row()).status, 200);
}

#[test]
fn the_open_inference_protocol_gives_the_same_answers() {
    let (world, made, running) = ready_world();
    let metadata = running.get("/v2/models/score").json();
    assert_eq!(metadata["versions"], json!([made.version()]));
    let inputs: Vec<(&str, &str)> = metadata["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .map(|input| {
            let text = |name: &str| input[name].as_str().expect("a text");
            (text("name"), text("datatype"))
        })
        .collect();
    let expected = [
        ("color", "BYTES"),
        ("size", "INT64"),
        ("weight", "FP64"),
        ("kind", "BYTES"),
        ("old", "BOOL"),
    ];
    assert_eq!(inputs, expected);
    assert_eq!(metadata["outputs"][0]["name"], json!("probability"));

    let column = |name: &str| -> Vec<Json> {
        world.rows.iter().map(|row: &Row| row[name].clone()).collect()
    };
    let count = world.rows.len();
    let tensor = |(name, datatype): &(&str, &str)| {
        // One of them as rows of one element: both forms are the protocol's.
        let data = match *name {
            "size" => column(name).into_iter().map(|cell| json!([cell])).collect(),
            _ => column(name),
        };
        let shape = if *name == "size" { json!([count, 1]) } else { json!([count]) };
        json!({"name": name, "datatype": datatype, "shape": shape, "data": data})
    };
    let tensors: Vec<Json> = expected.iter().map(tensor).collect();
    let version = format!("/v2/models/score/versions/{}/infer", made.version());
    for path in ["/v2/models/score/infer", version.as_str()] {
        let reply = running.post(path, &json!({"id": "42", "inputs": tensors}));
        assert_eq!(reply.status, 200, "{}", reply.body);
        let body = reply.json();
        assert_eq!(body["id"], json!("42"));
        assert_eq!(body["model_version"], json!(made.version()));
        assert_eq!(body["outputs"][0]["shape"], json!([count]));
        let labels: Vec<bool> = made.expected.iter().map(|p| *p >= 0.5).collect();
        assert_eq!(body["outputs"][0]["data"], json!(made.expected));
        assert_eq!(body["outputs"][1]["data"], json!(labels));
    }
    let some = json!({"inputs": tensors, "outputs": [{"name": "label"}]});
    let body = running.post("/v2/models/score/infer", &some).json();
    assert_eq!(body["outputs"].as_array().map(Vec::len), Some(1));
    assert_eq!(body.get("id"), None);

    let server = running.get("/v2").json();
    assert_eq!((&server["name"], &server["extensions"]), (&json!("mlinfra-runtime"), &json!([])));
    for path in ["/v2/health/live", "/v2/health/ready", "/v2/models/score/ready"] {
        assert_eq!(running.get(path).status, 200, "{path}");
    }
}

#[test]
fn the_open_inference_protocol_refuses_in_its_own_words() {
    let (_world, _, running) = ready_world();
    let size = |change: Json| {
        let mut tensor = json!({"name": "size", "datatype": "INT64", "shape": [1], "data": [1]});
        for (name, value) in change.as_object().expect("an object") {
            tensor[name] = value.clone();
        }
        json!({"inputs": [tensor]})
    };
    let mut twice = size(json!({}));
    twice["inputs"] = json!([twice["inputs"][0], twice["inputs"][0]]);
    let mut uneven = twice.clone();
    uneven["inputs"][1]["shape"] = json!([2]);
    uneven["inputs"][1]["data"] = json!([1, 2]);
    for (body, status, part) in [
        (json!([]), 400, "not an object"),
        (json!({"inputs": 3}), 400, "`inputs` is not a list"),
        (json!({"inputs": [{}]}), 400, "input 0 has no `name`"),
        (json!({"inputs": []}), 400, "no rows"),
        (json!({"inputs": [], "outputs": [{"name": "odds"}]}), 400, "`odds` is no output"),
        (json!({"inputs": [], "id": 3}), 400, "`id` is not a text"),
        (size(json!({})), 400, "`color`, `weight`, `old` are missing"),
        (size(json!({"name": "sise"})), 400, "did you mean `size`"),
        (size(json!({"datatype": "BYTES"})), 400, "`size` takes INT64, not BYTES"),
        (size(json!({"datatype": 4})), 400, "no `datatype`"),
        (size(json!({"shape": [2]})), 400, "has 1 elements; its shape says 2"),
        (size(json!({"shape": [1, 2]})), 400, "[rows, 1]"),
        (size(json!({"shape": [-1]})), 400, "[rows, 1]"),
        (size(json!({"shape": [99999999999_u64]})), 413, "10000 is the most"),
        (size(json!({"data": [MARKER]})), 400, "missing"),
        (twice, 400, "`size` is given twice"),
        (uneven, 400, "2 elements and the first input has 1"),
    ] {
        let reply = running.post("/v2/models/score/infer", &body);
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
        let answer = reply.json();
        let text = answer["error"].as_str().expect("a text");
        assert!(text.contains(part), "{body}: {text} lacks {part}");
        assert!(!text.contains(MARKER));
    }
    for path in ["/v2/models/sore", "/v2/models/sore/ready", "/v2/models/score/versions/1/ready"] {
        let reply = running.get(path);
        assert_eq!(reply.status, 404, "{path}: {}", reply.body);
        assert!(reply.json()["error"].is_string());
    }
}

#[test]
fn other_paths_and_methods_say_what_there_is() {
    let (_world, _, running) = ready_world();
    let reply = running.get("/pedict");
    assert_eq!(reply.status, 404);
    assert!(reply.body.contains("POST /predict"), "{}", reply.body);
    let reply = running.get("/predict");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    let reply = running.call("POST", "/ready", &[], "");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
    assert!(running.get("/v2/nothing").json()["error"].is_string());
}

#[test]
fn with_keys_only_health_and_counts_are_open() {
    let world = World::new();
    let made = world.make(1);
    let mut unit = world.unit("unit", &made);
    let key = "key-of-the-test";
    endpoint(&mut unit).key_hashes = vec![Digest::of(key.as_bytes()).to_string()];
    let running = world.start(&unit, Limits::default());
    running.wait_until_ready();
    let body = good_row().to_string();
    for (headers, status) in [
        (vec![], 401),
        (vec![("Authorization", "Bearer wrong")], 401),
        (vec![("Authorization", "Bearer key-of-the-test")], 200),
        (vec![("X-API-Key", key)], 200),
    ] {
        let reply = running.call("POST", "/predict", &headers, &body);
        assert_eq!(reply.status, status, "{headers:?}: {}", reply.body);
        if status == 401 {
            assert_eq!(reply.json()["error"]["code"], json!("E0836"));
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        }
        assert!(!reply.body.contains("wrong"));
    }
    for (path, status) in [
        ("/live", 200),
        ("/ready", 200),
        ("/metrics", 200),
        ("/v2/health/ready", 200),
        ("/v2/models/score/ready", 200),
        ("/v2/models/score", 401),
        ("/v2", 401),
        ("/nothing", 401),
    ] {
        assert_eq!(running.get(path).status, status, "{path}");
    }
}

#[test]
fn request_ids_are_repeated_or_made() {
    let (_world, _, running) = ready_world();
    let reply = running.call("GET", "/live", &[("X-Request-Id", "abc-1")], "");
    assert_eq!(reply.header("x-request-id"), Some("abc-1"));
    let made = running.call("GET", "/live", &[("X-Request-Id", "a b")], "");
    let made = made.header("x-request-id").expect("an id").to_owned();
    assert_ne!(made, running.get("/live").header("x-request-id").expect("another"));
}

#[test]
fn a_connection_carries_many_requests() {
    let (_world, _, running) = ready_world();
    let mut client = Client::connect(running.port);
    for _ in 0..3 {
        client.send("POST", "/predict", &[], &good_row().to_string());
        assert_eq!(client.reply().expect("an answer").status, 200);
        client.send("POST", "/predict", &[], "{}");
        assert_eq!(client.reply().expect("an answer").status, 400);
    }
}

/// Samples by their name with labels; checks the rules of the text format on the way.
fn parse_metrics(text: &str) -> std::collections::BTreeMap<String, f64> {
    let mut samples = std::collections::BTreeMap::new();
    let mut types = std::collections::BTreeMap::new();
    let mut helps = std::collections::BTreeSet::new();
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
        let (name, labels) = series.strip_suffix('}').and_then(|s| s.split_once('{')).expect("labels");
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .filter(|_| types[&family] == "histogram")
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        assert_eq!(base, family, "{line} stands in its family");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
        assert!(labels.contains("endpoint=\"score\"") && labels.contains("replica=\"0\""), "{line}");
        let value: f64 = value.parse().expect("a number");
        assert!(samples.insert(series.to_owned(), value).is_none(), "{line} is there once");
    }
    assert!(types.keys().all(|name| helps.contains(name)), "every metric has a help");
    samples
}

fn sum(samples: &std::collections::BTreeMap<String, f64>, name: &str, label: &str) -> f64 {
    let start = format!("{name}{{");
    let chosen = samples.iter().filter(|(key, _)| key.starts_with(&start) && key.contains(label));
    chosen.map(|(_, value)| value).sum()
}

#[test]
fn metrics_count_what_happened_in_prometheus_format() {
    let (world, made, running) = ready_world();
    running.post("/predict", &json!(world.rows));
    running.post("/predict", &good_row());
    running.post("/predict", &json!({}));
    running.get("/nothing/MARKER-in-a-path");
    let reply = running.get("/metrics");
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let samples = parse_metrics(&reply.body);
    let requests = "mlinfra_requests_total";
    assert_eq!(sum(&samples, requests, "route=\"/predict\",method=\"POST\",status=\"200\""), 2.0);
    assert_eq!(sum(&samples, requests, "status=\"400\""), 1.0);
    assert_eq!(sum(&samples, requests, "route=\"other\",method=\"GET\",status=\"404\""), 1.0);
    assert_eq!(sum(&samples, "mlinfra_rows_predicted_total", ""), 241.0);
    assert_eq!(sum(&samples, "mlinfra_ready", ""), 1.0);
    assert_eq!(sum(&samples, "mlinfra_requests_in_flight", ""), 1.0);
    assert_eq!(sum(&samples, "mlinfra_rollouts_total", "result=\"served\""), 1.0);
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
    assert_eq!(buckets.len(), 14);
    assert_eq!(sum(&samples, &infinite, "route=\"/predict\",le=\"+Inf\""), count);
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
        calls.into_iter().map(|call| call.join().expect("a reply")).collect()
    });
    let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 503).collect();
    let served = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(served + refused.len(), 12);
    assert!(served >= 2 && !refused.is_empty(), "{served} of 12 were served");
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
    silent.send_bytes(b"POST /predict HTTP/1.1\r\nHost: te").expect("sent");
    let started = Instant::now();
    let reply = silent.reply();
    assert!(reply.is_none_or(|reply| reply.status == 408));
    assert!(started.elapsed() < Duration::from_secs(5));

    let mut slow = Client::connect(running.port);
    let head = b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n{";
    slow.send_bytes(head).expect("sent");
    let reply = slow.reply().expect("an answer");
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (408, &json!("E0840")));
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

#[test]
fn a_unit_that_is_no_endpoint_is_refused() {
    let world = World::new();
    let made = world.make(1);
    let mut unit = world.unit("unit", &made);
    let folder = world.unit_folder(&unit);
    let command = mlinfra_runtime_spec::CommandSpec {
        arguments: vec!["true".into()],
        folder: folder.clone(),
    };
    unit.workload = mlinfra_runtime_spec::Workload::Command(command);
    let record = mlinfra_serve::run_endpoint_with(&unit, &folder, &Limits::default(), None);
    assert!(matches!(record, ExitRecord::Failed { code, .. } if code == "E0826"));

    let mut unit = world.unit("unit", &made);
    endpoint(&mut unit).key_hashes = vec!["no digest".into()];
    let record = mlinfra_serve::run_endpoint_with(&unit, &folder, &Limits::default(), None);
    assert!(matches!(record, ExitRecord::Failed { code, .. } if code == "E0826"));
}

#[test]
fn an_open_address_keeps_its_counts_and_problems_to_itself() {
    let world = World::new();
    let made = world.make(1);
    let mut unit = world.unit("unit", &made);
    endpoint(&mut unit).host = "0.0.0.0".into();
    endpoint(&mut unit).key_hashes = vec![Digest::of(b"key").to_string()];
    endpoint(&mut unit).model.key = "0".repeat(64);
    let running = world.start(&unit, Limits::default());
    running.wait_for("unready", |status| status.phase == UnitPhase::Unready);
    assert_eq!(running.get("/metrics").status, 401);
    let ready = running.get("/ready");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json().get("problem"), None);
    assert!(running.status().and_then(|status| status.problem).is_some());
}
