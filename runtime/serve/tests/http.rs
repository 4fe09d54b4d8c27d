//! What an endpoint answers over HTTP: predictions, refusals, keys.

#[expect(dead_code, reason = "another test uses the rest")]
mod common;

use common::{Client, MARKER, Made, Reply, Running, World, endpoint};
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
    all.iter()
        .map(|one| one["probability"].as_f64().expect("a number"))
        .collect()
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
    assert_eq!(
        running.stop(),
        ExitRecord::Done {
            outputs: Default::default()
        }
    );
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

/// What is sent; status, code, field and row of the refusal; and a part of its text.
type Refused = (String, &'static str, &'static str);

fn with(name: &str, value: Json) -> Json {
    let mut row = good_row();
    row[name] = value;
    row
}

fn without(names: &[&str]) -> Json {
    let mut row = good_row();
    let fields = row.as_object_mut().expect("an object");
    names.iter().for_each(|name| drop(fields.remove(*name)));
    row
}

fn refused_rows() -> Vec<Refused> {
    let mut misspelt = without(&["weight"]);
    misspelt["wieght"] = json!(MARKER);
    let second = json!([good_row(), without(&["old"])]);
    let rows = json!({"rows": [good_row(), with("size", json!(true))]});
    let cases = [
        (without(&["size"]), "400 E0832 size", "`size` ("),
        (
            without(&["color", "old"]),
            "400 E0832 color",
            "`color` (category), `old` (bool) are missing",
        ),
        (second, "400 E0832 old 1", "`old` (bool)"),
        (with("size", Json::Null), "400 E0832 size", "`size` ("),
        (misspelt, "400 E0833 wieght", "did you mean `weight`?"),
        (
            with("outcome", json!(1)),
            "400 E0833 outcome",
            "color, size, weight, kind, old",
        ),
        (
            with("size", json!(MARKER)),
            "400 E0834 size",
            "a whole number, not a text",
        ),
        (
            with("size", json!(1.5)),
            "400 E0834 size",
            "not one with a fraction",
        ),
        (with("size", json!(1e30)), "400 E0834 size", "64 bits"),
        (with("size", json!(u64::MAX)), "400 E0834 size", "64 bits"),
        (
            with("weight", json!([1])),
            "400 E0834 weight",
            "a number, not a list",
        ),
        (
            with("old", json!(1)),
            "400 E0834 old",
            "true or false, not a number",
        ),
        (
            with("color", json!(7)),
            "400 E0834 color",
            "a text, not a number",
        ),
        (
            with("kind", json!({"a": MARKER})),
            "400 E0834 kind",
            "not an object",
        ),
        (rows, "400 E0834 size 1", "not a truth value"),
    ];
    cases
        .map(|(body, place, part)| (body.to_string(), place, part))
        .into()
}

fn refused_bodies() -> Vec<Refused> {
    let text = |value: Json| value.to_string();
    let twice = format!("{{\"size\": 1, \"size\": \"{MARKER}\"}}");
    let long_number = format!("{{\"size\": {}}}", "9".repeat(400));
    let beside = json!({"rows": [good_row()], "size": 3});
    vec![
        (text(beside), "400 E0831 size", "beside `rows`"),
        (
            text(json!([good_row(), 3])),
            "400 E0831 - 1",
            "row 1 is a number",
        ),
        (text(json!([])), "400 E0831", "no rows"),
        (text(json!(MARKER)), "400 E0831", "a text, not an object"),
        (twice, "400 E0831", "`size` is given twice"),
        (
            format!("{{\"size\": {MARKER}}}"),
            "400 E0831",
            "line 1, column",
        ),
        (" ".into(), "400 E0831", "empty"),
        ("[".repeat(100_000), "400 E0831", "not JSON"),
        (long_number, "400 E0831", "not JSON"),
        (
            text(json!(vec![good_row(); 10_001])),
            "413 E0835",
            "10001 rows; 10000",
        ),
        ("x".repeat((1 << 20) + 1), "413 E0835", "1024 KiB"),
    ]
}

/// `400 E0834 size 1`, as far as the parts are there.
fn place(reply: &Reply) -> String {
    let error = &reply.json()["error"];
    let code = error["code"].as_str().expect("a code");
    let field = error
        .get("field")
        .map(|field| field.as_str().expect("a text"));
    let row = error.get("row").map(|row| format!(" {row}"));
    let field = field
        .map(|field| format!(" {field}"))
        .or(row.is_some().then(|| " -".into()));
    let status = reply.status;
    format!(
        "{status} {code}{}{}",
        field.unwrap_or_default(),
        row.unwrap_or_default()
    )
}

#[test]
fn bad_bodies_are_refused_at_the_field_and_never_repeat_a_value() {
    let (_world, _, running) = ready_world();
    for (body, expected, part) in refused_rows().into_iter().chain(refused_bodies()) {
        let shown: String = body.chars().take(120).collect();
        let reply = running.call("POST", "/predict", &[], &body);
        assert_eq!(place(&reply), expected, "{shown}: {}", reply.body);
        assert!(
            reply.body.contains(part),
            "{shown}: {} lacks {part}",
            reply.body
        );
        assert!(!reply.body.contains(MARKER), "{shown}: {}", reply.body);
    }
    let zipped = running.call("POST", "/predict", &[("Content-Encoding", "gzip")], "{}");
    assert_eq!(place(&zipped), "415 E0831");
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
        world
            .rows
            .iter()
            .map(|row: &Row| row[name].clone())
            .collect()
    };
    let count = world.rows.len();
    let tensor = |(name, datatype): &(&str, &str)| {
        // One of them as rows of one element: both forms are the protocol's.
        let data = match *name {
            "size" => column(name).into_iter().map(|cell| json!([cell])).collect(),
            _ => column(name),
        };
        let shape = if *name == "size" {
            json!([count, 1])
        } else {
            json!([count])
        };
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
}

#[test]
fn the_open_inference_protocol_knows_server_and_health() {
    let (_world, _, running) = ready_world();
    let server = running.get("/v2").json();
    assert_eq!(
        (&server["name"], &server["extensions"]),
        (&json!("mlinfra-runtime"), &json!([]))
    );
    for path in [
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/score/ready",
    ] {
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
        (
            json!({"inputs": [], "outputs": [{"name": "odds"}]}),
            400,
            "`odds` is no output",
        ),
        (json!({"inputs": [], "id": 3}), 400, "`id` is not a text"),
        (size(json!({})), 400, "`color` (category), `weight` ("),
        (size(json!({"name": "sise"})), 400, "did you mean `size`"),
        (
            size(json!({"datatype": "BYTES"})),
            400,
            "`size` takes INT64, not BYTES",
        ),
        (size(json!({"datatype": 4})), 400, "no `datatype`"),
        (
            size(json!({"shape": [2]})),
            400,
            "has 1 elements; its shape says 2",
        ),
        (size(json!({"shape": [1, 2]})), 400, "[rows, 1]"),
        (size(json!({"shape": [-1]})), 400, "[rows, 1]"),
        (
            size(json!({"shape": [99999999999_u64]})),
            413,
            "10000 is the most",
        ),
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
    for path in [
        "/v2/models/sore",
        "/v2/models/sore/ready",
        "/v2/models/score/versions/1/ready",
    ] {
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
    assert_ne!(
        made,
        running
            .get("/live")
            .header("x-request-id")
            .expect("another")
    );
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
