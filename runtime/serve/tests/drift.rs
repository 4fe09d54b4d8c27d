//! Requests that are like training, and such that are not, as the endpoint's metrics tell them
//! apart.

#[expect(dead_code, reason = "another test uses the rest")]
mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Running, World, endpoint, row};
use mlinfra_serve::{DRIFT_ROWS_MIN, Limits, Row};
use serde_json::{Value as Json, json};

const DRIFT: &str = "mlinfra_feature_drift{";
const ROWS: &str = "mlinfra_feature_drift_window_rows{";

/// How many rows are in the window, and the index by feature.
fn drift(running: &Running) -> (Option<f64>, BTreeMap<String, f64>) {
    let body = running.get("/metrics").body;
    let mut rows = None;
    let mut features = BTreeMap::new();
    for line in body.lines().filter(|line| !line.is_empty()) {
        let (series, value) = line.rsplit_once(' ').expect("a sample");
        if series.starts_with(ROWS) {
            assert!(
                series.contains("endpoint=\"score\",replica=\"0\""),
                "{line}"
            );
            rows = Some(value.parse().expect("a number"));
        }
        if let Some(labels) = series.strip_prefix(DRIFT) {
            assert!(
                labels.contains("endpoint=\"score\",replica=\"0\""),
                "{line}"
            );
            let (_, feature) = labels.split_once("feature=\"").expect("a feature");
            let feature = feature.trim_end_matches("\"}").to_owned();
            features.insert(feature, value.parse().expect("a number"));
        }
    }
    (rows, features)
}

fn rows(numbers: std::ops::Range<u32>, change: impl Fn(&mut Row)) -> Json {
    let rows = numbers.map(|number| {
        let mut row = row(number);
        change(&mut row);
        Json::Object(row)
    });
    rows.collect()
}

fn predict(running: &Running, rows: &Json) {
    let reply = running.post("/predict", rows);
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[test]
fn requests_like_training_stay_near_and_others_go_far() {
    let world = World::new();
    let made = world.make(1);
    let running = world.serve("unit", &made);
    let (begun, features) = drift(&running);
    assert_eq!(begun, Some(0.0), "golden requests do not count");
    assert!(features.is_empty());

    // Other rows than those of the data set, made in the same way.
    predict(&running, &rows(1000..1150, |_| {}));
    running.get("/ready");
    assert_eq!(running.post("/predict", &json!([{"size": 1}])).status, 400);
    let (few, features) = drift(&running);
    assert_eq!(few, Some(150.0), "neither a probe nor a refused row counts");
    assert!(
        features.is_empty(),
        "below {DRIFT_ROWS_MIN} rows: {features:?}"
    );
    predict(&running, &rows(1150..1500, |_| {}));
    let (all, features) = drift(&running);
    assert_eq!(all, Some(500.0));
    let names: Vec<&str> = features.keys().map(String::as_str).collect();
    let wanted = ["color", "heavy", "kind", "old", "size", "weight", "young"];
    assert_eq!(names, wanted, "raw ones and those that the steps make");
    assert!(features.values().all(|index| *index < 0.1), "{features:?}");
    running.stop();

    let limits = Limits {
        figures_every: Duration::from_millis(20),
        ..Limits::default()
    };
    let running = world.start(&world.unit("shifted", &made), limits);
    running.wait_until_ready();
    let shift = |row: &mut Row| {
        let size = row["size"].as_u64().expect("a size");
        row.insert("size".into(), json!(size + 30));
        row.insert("color".into(), json!("MARKER-unseen"));
    };
    predict(&running, &rows(1000..1300, shift));
    let (_, features) = drift(&running);
    for (feature, index) in &features {
        let moved = ["size", "color", "young"].contains(&feature.as_str());
        assert_eq!(*index > 0.2, moved, "{feature}: {index}");
        assert_eq!(*index < 0.1, !moved, "{feature}: {index}");
    }
    assert!(!running.get("/metrics").body.contains("MARKER"));
    running.wait_for("a status with drift", |status| {
        let told = |name: &str| status.figures.get(name).copied().unwrap_or_default();
        told("drift(size)") > 0.2 && told("drift(weight)") < 0.1
    });
    running.stop();
}

#[test]
fn both_protocols_count_and_a_rollout_begins_anew() {
    let world = World::new();
    let (first, second) = (world.make(1), world.make(2));
    let mut unit = world.unit("unit", &first);
    let running = world.start(&unit, Limits::default());
    running.wait_until_ready();
    predict(&running, &rows(0..120, |_| {}));
    let column = |name: &str, kind: &str| {
        let data: Vec<Json> = (0..120).map(|number| row(number)[name].clone()).collect();
        json!({"name": name, "datatype": kind, "shape": [120], "data": data})
    };
    let inputs = json!({"inputs": [
        column("color", "BYTES"), column("size", "INT64"), column("weight", "FP64"),
        column("kind", "BYTES"), column("old", "BOOL"),
    ]});
    let reply = running.post("/v2/models/score/infer", &inputs);
    assert_eq!(reply.status, 200, "{}", reply.body);
    let (all, features) = drift(&running);
    assert_eq!(all, Some(240.0));
    assert!(features.values().all(|index| *index < 0.01), "{features:?}");

    endpoint(&mut unit).release = second.release.clone();
    endpoint(&mut unit).model = second.model.clone();
    running.reload(&unit);
    running.wait_for("the second", |status| {
        status.release.as_ref() == Some(&second.release.key)
    });
    assert_eq!(drift(&running), (Some(0.0), BTreeMap::new()));
    running.stop();
}

#[test]
fn a_model_without_a_profile_of_this_format_is_served_without_drift() {
    let mut world = World::new();
    let mut foreign = world.profile.take().expect("a profile");
    foreign.format += 1;
    for (name, profile) in [("none", None), ("foreign", Some(foreign))] {
        world.profile = profile;
        let made = world.make(1);
        let running = world.serve(name, &made);
        predict(&running, &rows(0..240, |_| {}));
        assert_eq!(drift(&running), (None, BTreeMap::new()), "{name}");
        running.stop();
    }
}
