//! A monitor's file of rules: written, watched and removed, and judged by Debian's `promtool`:
//! every alert fires when its condition holds and stays silent when not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mlinfra_api::{
    Begun, Condition, Dimension, Figure, Lower, Observation, Portable, Provider, Quantity,
    Reference, Refusal, Request, Resource, ResourceState, RowOperator as Op, Token, Value, Verb,
    Verdict,
};
use mlinfra_local::{Local, LocalLower};
use mlinfra_seal::SealKey;

/// Names of series and their values, in promtool's notation.
type Series = &'static [(&'static str, &'static str)];

const LINEAGE: &str = "0123456789abcdef0123456789abcdef";
/// A state folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mlinfra-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    fn local(&self) -> Local {
        let (key, runtime) = (SealKey::from_bytes([7; 32]), Path::new("/no/such/runtime"));
        Local::new(&self.0, LINEAGE, key, runtime)
    }

    fn rules(&self) -> PathBuf {
        self.0.join("monitors").join("health.rules.yml")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn reference(address: &str) -> Value {
    Value::Reference(Reference {
        address: address.parse().expect("an address"),
        path: Vec::new(),
    })
}

fn alert(name: &str, condition: Condition, seconds: u64) -> Value {
    Value::Record(BTreeMap::from([
        ("name".into(), Value::text(name)),
        ("condition".into(), Value::Condition(Box::new(condition))),
        (
            "lasting".into(),
            Value::Quantity(Quantity::seconds(seconds)),
        ),
    ]))
}

fn monitor(watch: Value, alerts: Vec<Value>) -> Portable {
    Portable {
        address: "monitor.health".parse().expect("an address"),
        kind: "monitor".into(),
        fields: BTreeMap::from([
            ("watch".into(), watch),
            ("alerts".into(), Value::List(alerts)),
        ]),
        wishes: Vec::new(),
        value: Value::None,
        place: None,
        place_properties: BTreeMap::new(),
        replaces: BTreeSet::new(),
        holds_data: false,
        made_as: BTreeMap::new(),
    }
}

fn lowered(watch: Value, alerts: Vec<Value>) -> Result<Resource, Vec<Refusal>> {
    LocalLower.lower(&monitor(watch, alerts), &BTreeMap::new())
}

fn on_score(alerts: Vec<Value>) -> Resource {
    lowered(Value::List(vec![reference("endpoint.score")]), alerts).expect("a monitor")
}

fn request(verb: Verb, resource: &Resource, prior: Option<ResourceState>) -> Request {
    Request {
        verb,
        token: Token("00000000000000000000000000000002".into()),
        lineage: LINEAGE.into(),
        resource: resource.clone(),
        prior,
    }
}

/// Applies a monitor; the state that is recorded of it.
fn apply(local: &Local, resource: &Resource) -> ResourceState {
    let begun = local.begin(&request(Verb::Create, resource, None));
    let Ok(Begun::Done { handle, outputs }) = begun else {
        panic!("{begun:?}");
    };
    ResourceState {
        resource: resource.clone(),
        incarnation: 1,
        handle,
        outputs,
    }
}

fn figure(name: &str, arguments: Vec<Value>) -> Condition {
    Condition::Figure(Figure {
        name: name.into(),
        arguments,
    })
}

fn errors() -> Condition {
    figure("error_rate", vec![])
}

fn requests() -> Condition {
    figure("request_rate", vec![])
}

fn slowest(share: &str) -> Condition {
    figure(
        "latency",
        vec![Value::Decimal(share.parse().expect("a number"))],
    )
}

fn drift_of(column: &str) -> Condition {
    figure("drift", vec![Value::text(column), reference("step.parts")])
}

fn number(text: &str) -> Condition {
    Condition::Value(Value::Decimal(text.parse().expect("a number")))
}

fn quantity(text: &str, dimension: Dimension) -> Condition {
    Condition::Value(Value::Quantity(Quantity::new(
        text.parse().expect("a number"),
        dimension,
    )))
}

fn seconds(text: &str) -> Condition {
    quantity(text, Dimension::base("second"))
}

fn a_second(text: &str) -> Condition {
    quantity(text, Dimension::base("second").inverse())
}

fn binary(left: Condition, operator: Op, right: Condition) -> Condition {
    Condition::Binary {
        operator,
        left: Box::new(left),
        right: Box::new(right),
    }
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

/// The alerts of the credit example.
fn health() -> Vec<Value> {
    vec![
        alert("errors", binary(errors(), Op::Greater, number("0.01")), 300),
        alert(
            "slow",
            binary(slowest("0.99"), Op::Greater, seconds("0.05")),
            300,
        ),
        alert(
            "drift",
            binary(drift_of("age"), Op::Greater, number("0.2")),
            0,
        ),
    ]
}

/// Runs Debian's `promtool` (package `prometheus`); what it said, and whether it was content.
fn promtool(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("promtool")
        .args(arguments)
        .output()
        .expect("`promtool` is installed: apt-get install prometheus");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

fn check_rules(path: &Path) -> String {
    let (sound, text) = promtool(&["check", "rules", &path.to_string_lossy()]);
    assert!(sound, "{text}");
    text
}

/// One course of events: series by minute, and which alerts fire when.
struct Scene {
    series: Vec<(String, String)>,
    firing: Vec<(String, u32, bool)>,
}

impl Scene {
    fn new(series: &[(&str, &str)]) -> Self {
        let own = |(name, values): &(&str, &str)| ((*name).to_owned(), (*values).to_owned());
        Scene {
            series: series.iter().map(own).collect(),
            firing: Vec::new(),
        }
    }

    fn expect(mut self, alert: &str, minute: u32, fires: bool) -> Self {
        self.firing.push((alert.to_owned(), minute, fires));
        self
    }
}

/// Plays scenes to the rules of a file.
fn play(rules: &Path, scenes: &[Scene]) {
    let mut text = format!(
        "rule_files: ['{}']\nevaluation_interval: 1m\ntests:\n",
        rules.display()
    );
    for scene in scenes {
        text.push_str("- interval: 1m\n  input_series:\n");
        for (series, values) in &scene.series {
            writeln!(text, "  - series: '{series}'\n    values: '{values}'").expect("text");
        }
        text.push_str("  promql_expr_test:\n");
        for (alert, minute, fires) in &scene.firing {
            let count = u8::from(*fires);
            let labels = format!("alertname=\"{alert}\",alertstate=\"firing\"");
            write!(
                text,
                "  - expr: 'count(ALERTS{{{labels}}}) or vector(0)'\n    \
                 eval_time: {minute}m\n    exp_samples: [{{labels: '{{}}', value: {count}}}]\n"
            )
            .expect("text");
        }
    }
    let path = rules.with_file_name("scenes.yml");
    fs::write(&path, &text).expect("the scenes");
    let (sound, said) = promtool(&["test", "rules", &path.to_string_lossy()]);
    assert!(
        sound,
        "{said}\n{}",
        fs::read_to_string(rules).expect("rules")
    );
}

/// What stands in every series of the endpoint's first replica.
macro_rules! score {
    ($name:literal, $labels:literal) => {
        concat!($name, r#"{endpoint="score",replica="0","#, $labels, "}")
    };
}

const GOOD: &str = score!(
    "mlinfra_requests_total",
    r#"route="/predict",method="POST",status="200""#
);
const BAD: &str = score!(
    "mlinfra_requests_total",
    r#"route="/v2/models/{model}/infer",method="POST",status="503""#
);
const WRONG: &str = score!(
    "mlinfra_requests_total",
    r#"route="/predict",method="POST",status="400""#
);
const PROBED: &str = score!(
    "mlinfra_requests_total",
    r#"route="/ready",method="GET",status="503""#
);
const OTHER: &str = r#"mlinfra_requests_total{endpoint="other",route="/predict",status="500"}"#;
const DRIFT: &str = score!("mlinfra_feature_drift", r#"feature="age""#);
const DRIFT_PAY: &str = score!("mlinfra_feature_drift", r#"feature="pay""#);
const DRIFT_TWO: &str = r#"mlinfra_feature_drift{endpoint="score",replica="1",feature="age"}"#;

fn bucket(bound: &str) -> String {
    format!(
        "mlinfra_request_duration_seconds_bucket\
         {{endpoint=\"score\",replica=\"0\",route=\"/predict\",le=\"{bound}\"}}"
    )
}

#[test]
fn the_alerts_of_the_example_fire_when_they_should() {
    let folder = Folder::new("monitor-fires");
    let resource = on_score(health());
    assert_eq!(
        resource.summary,
        "3 alerts on endpoint.score, as Prometheus rules"
    );
    let state = apply(&folder.local(), &resource);
    assert_eq!(state.handle, "monitors/health.rules.yml");
    assert!(check_rules(&folder.rules()).contains("SUCCESS: 3 rules found"));
    let text = fs::read_to_string(folder.rules()).expect("the rules");
    for part in [
        "for: 300s",
        "severity: warning",
        "monitor: monitor.health",
        "endpoint: score",
        "condition: error_rate > 0.01",
        "the share of requests that fail (5xx) over 5 minutes is above 1%, for 5 min",
        "99% of requests are answered over 5 minutes is above 50 ms, for 5 min",
        "how far `age` in requests is from training (stability index) is above 0.2",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    play(&folder.rules(), &failing());
    play(&folder.rules(), &slow_and_drifting());
}

fn failing() -> Vec<Scene> {
    vec![
        // 2 of 100 requests fail from the start: a rate after two minutes, fired five later.
        Scene::new(&[(GOOD, "0+98x30"), (BAD, "0+2x30"), (WRONG, "0+0x30")])
            .expect("errors", 4, false)
            .expect("errors", 12, true)
            .expect("drift", 12, false)
            .expect("slow", 12, false),
        // Half a percent; and faults of other endpoints, probes and clients, however many.
        Scene::new(&[
            (GOOD, "0+199x30"),
            (BAD, "0+1x30"),
            (WRONG, "0+500x30"),
            (PROBED, "0+500x30"),
            (OTHER, "0+500x30"),
        ])
        .expect("errors", 20, false),
        // No failure has been seen at all, and then nobody asks.
        Scene::new(&[(GOOD, "0+100x10 1000x20")]).expect("errors", 20, false),
        Scene::new(&[(GOOD, "7x30"), (BAD, "5x30")]).expect("errors", 20, false),
        Scene::new(&[(OTHER, "0+5x30")]).expect("errors", 20, false),
        // It fires, and ends when the failures do.
        Scene::new(&[(GOOD, "0+98x40"), (BAD, "0+2x15 30x25")])
            .expect("errors", 15, true)
            .expect("errors", 30, false),
    ]
}

fn slow_and_drifting() -> Vec<Scene> {
    let (fast, slow, all) = (bucket("0.05"), bucket("0.06"), bucket("+Inf"));
    vec![
        Scene::new(&[(&fast, "0+95x30"), (&slow, "0+100x30"), (&all, "0+100x30")])
            .expect("slow", 4, false)
            .expect("slow", 12, true),
        Scene::new(&[
            (&fast, "0+995x30"),
            (&slow, "0+1000x30"),
            (&all, "0+1000x30"),
        ])
        .expect("slow", 12, false),
        Scene::new(&[(&fast, "3x30"), (&slow, "4x30"), (&all, "5x30")]).expect("slow", 20, false),
        Scene::new(&[(DRIFT, "0.05x10 0.25x10 0.15x10")])
            .expect("drift", 9, false)
            .expect("drift", 12, true)
            .expect("drift", 25, false),
        // Either replica is enough, though a scrape sees but one of them; another feature is not.
        Scene::new(&[
            (DRIFT, "0.05 _ 0.05 _ 0.05 _ 0.05 _ 0.05 _"),
            (DRIFT_TWO, "_ 0.3 _ 0.3 _ 0.3 _ 0.3 _ 0.3"),
        ])
        .expect("drift", 6, true)
        .expect("drift", 7, true)
        .expect("drift", 30, false),
        Scene::new(&[(DRIFT_PAY, "0.9x30")]).expect("drift", 12, false),
    ]
}

/// Random conditions fire exactly where the planner's own judge says that they hold.
#[test]
fn whatever_the_condition_it_fires_as_it_is_judged() {
    let folder = Folder::new("monitor-judged");
    let mut random = Random(42);
    let conditions: Vec<Condition> = (0..120).map(|_| random.condition(3)).collect();
    let alerts = conditions.iter().enumerate();
    let alerts = alerts.map(|(index, c)| alert(&format!("a{index}"), c.clone(), 0));
    apply(&folder.local(), &on_score(alerts.collect()));
    check_rules(&folder.rules());
    // Figures: share of failures, requests a second, drift of age. None is undefined. Nothing
    // failed in the second world, so there is no series of failures in it.
    let worlds: [(Series, [Option<&str>; 3]); 4] = [
        (
            &[(GOOD, "0+294x30"), (BAD, "0+6x30"), (DRIFT, "0.25x30")],
            [Some("0.02"), Some("5"), Some("0.25")],
        ),
        (
            &[(GOOD, "0+60x30"), (DRIFT, "0.125x30")],
            [Some("0"), Some("1"), Some("0.125")],
        ),
        (
            &[(GOOD, "5x30"), (BAD, "5x30"), (DRIFT, "0.5x30")],
            [None, Some("0"), Some("0.5")],
        ),
        (&[(OTHER, "0+5x30")], [None, None, None]),
    ];
    let mut scenes = Vec::new();
    let mut held = BTreeMap::new();
    for (series, known) in worlds {
        let figures = |figure: &Figure| {
            let place = ["error_rate", "request_rate", "drift"];
            let place = place.iter().position(|name| *name == figure.name)?;
            let value = known[place].map(|text| text.parse().expect("a number"));
            Some(match (value, place) {
                (None, _) => Value::None,
                (Some(amount), 1) => {
                    Value::Quantity(Quantity::new(amount, Dimension::base("second").inverse()))
                }
                (Some(amount), _) => Value::Decimal(amount),
            })
        };
        let mut scene = Scene::new(series);
        for (index, condition) in conditions.iter().enumerate() {
            let verdict = condition.judge(&figures);
            *held.entry(verdict).or_insert(0) += 1;
            scene = scene.expect(&format!("a{index}"), 15, verdict == Verdict::Holds);
        }
        scenes.push(scene);
    }
    // The scenes tell something only if there are many of each.
    for verdict in [Verdict::Holds, Verdict::Fails, Verdict::Undefined] {
        assert!(held[&verdict] > 40, "{held:?}");
    }
    play(&folder.rules(), &scenes);
}

/// Draws conditions, the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }

    fn condition(&mut self, depth: u32) -> Condition {
        match self.below(if depth == 0 { 3 } else { 6 }) {
            0 => self.comparison(errors(), &["-1", "0.01", "0.03"].map(number)),
            1 => self.comparison(requests(), &["-2", "0.5", "3"].map(a_second)),
            2 => match self.below(4) {
                // Exact in floating point: equality can be told.
                3 => self.comparison(drift_of("age"), &["0.125", "0.25", "0.3"].map(number)),
                0 => binary(drift_of("age"), Op::Equal, number("0.25")),
                1 => binary(number("0.125"), Op::NotEqual, drift_of("age")),
                _ => {
                    let ratio = binary(drift_of("age"), Op::Divide, errors());
                    self.comparison(ratio, &["0.1", "2", "30"].map(number))
                }
            },
            3 => not(self.condition(depth - 1)),
            word => {
                let (left, right) = (self.condition(depth - 1), self.condition(depth - 1));
                binary(left, if word == 4 { Op::And } else { Op::Or }, right)
            }
        }
    }

    fn comparison(&mut self, figure: Condition, bounds: &[Condition]) -> Condition {
        let operators = [
            Op::Less,
            Op::LessOrEqual,
            Op::Greater,
            Op::GreaterOrEqual,
            Op::NotEqual,
        ];
        let operator = operators[self.below(5) as usize];
        let bound = bounds[self.below(bounds.len() as u64) as usize].clone();
        match self.below(2) {
            0 => binary(figure, operator, bound),
            _ => binary(bound, operator, figure),
        }
    }
}

#[test]
fn a_file_that_was_changed_or_lost_is_drift_and_goes_with_the_monitor() {
    let folder = Folder::new("monitor-drift");
    let local = folder.local();
    let resource = on_score(health());
    let state = apply(&local, &resource);
    let alerts: Vec<&String> = resource.properties.keys().collect();
    assert_eq!(
        alerts,
        ["alert drift", "alert errors", "alert slow", "watch"]
    );
    assert_eq!(
        resource.properties["alert errors"].to_string(),
        "{ condition = error_rate > 0.01, lasting = 5 min }"
    );
    let used = state.outputs["use"].as_text().expect("a text");
    assert!(used.contains("`mlinfra output score.scrape`"), "{used}");
    let path = state.outputs["rule_files"].as_text().expect("a path");
    assert_eq!(Path::new(path), folder.rules());
    let observe = || local.observe(&state).expect("an observation");
    assert!(matches!(observe(), Observation::Present { .. }));
    let written = fs::read(folder.rules()).expect("the rules");

    fs::write(folder.rules(), b"groups: []").expect("changed");
    let Observation::Unwell { reason } = observe() else {
        panic!("{:?}", observe());
    };
    assert_eq!(reason, "its file of rules was changed");
    let again = apply(&local, &resource);
    assert_eq!(again, state, "the same file for the same monitor");
    assert_eq!(fs::read(folder.rules()).expect("the rules"), written);

    fs::remove_file(folder.rules()).expect("removed");
    assert_eq!(observe(), Observation::Absent);
    apply(&local, &on_score(health()[..1].to_vec()));
    assert!(
        matches!(observe(), Observation::Unwell { .. }),
        "another file"
    );
    assert!(check_rules(&folder.rules()).contains("1 rules found"));

    let delete = request(Verb::Delete, &resource, Some(state.clone()));
    for _ in 0..2 {
        assert!(matches!(local.begin(&delete), Ok(Begun::Done { .. })));
        assert!(!folder.rules().exists());
    }
    let left: Vec<_> = fs::read_dir(folder.0.join("monitors"))
        .expect("it")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn several_endpoints_have_rules_of_their_own() {
    let folder = Folder::new("monitor-several");
    let watch = ["endpoint.score", "endpoint.other", "endpoint.score"].map(reference);
    let resource = lowered(Value::List(watch.into()), health()).expect("a monitor");
    apply(&folder.local(), &resource);
    assert!(check_rules(&folder.rules()).contains("6 rules found"));
    let scene = Scene::new(&[(OTHER, "0+5x30"), (GOOD, "0+5x30")]).expect("errors", 20, true);
    play(&folder.rules(), &[scene]);
}

#[test]
fn prometheus_accepts_what_an_endpoint_says_to_scrape() {
    let folder = Folder::new("monitor-scrape");
    apply(&folder.local(), &on_score(health()));
    let entry = "{\"job_name\":\"null\",\"authorization\":{\"credentials_file\":\"score.key\"},\
                 \"static_configs\":[{\"targets\":[\"[::1]:8080\"]}]}  \
                 # first: (umask 077; mlinfra output --reveal score.key > score.key)";
    let config = format!(
        "rule_files: ['{}']\nscrape_configs:\n- {entry}\n",
        folder.rules().display()
    );
    fs::write(folder.0.join("score.key"), "mlk_0").expect("a key");
    let path = folder.0.join("prometheus.yml");
    fs::write(&path, config).expect("a configuration");
    let (sound, text) = promtool(&["check", "config", &path.to_string_lossy()]);
    assert!(sound, "{text}");
}

#[test]
fn what_cannot_be_watched_or_said_is_refused() {
    let score = || Value::List(vec![reference("endpoint.score")]);
    for watch in [
        Value::None,
        Value::List(vec![]),
        Value::List(vec![reference("storage.lake")]),
        Value::List(vec![Value::text("score")]),
    ] {
        let refusals = lowered(watch, health()).expect_err("refused");
        assert_eq!((refusals.len(), refusals[0].code), (1, "E0937"));
    }
    let auc = || binary(figure("auc", vec![]), Op::Less, number("0.7"));
    let long = alert(
        "long",
        binary(errors(), Op::Greater, number("0.1")),
        400 * 86_400,
    );
    let alerts = vec![alert("auc", auc(), 0), long, alert("fine", not(auc()), 0)];
    let refusals = lowered(score(), alerts).expect_err("refused");
    let codes: Vec<&str> = refusals.iter().map(|refusal| refusal.code).collect();
    assert_eq!(codes, ["E0938"; 3]);
    assert_eq!(
        refusals[0].message,
        "the alert `auc` of `monitor.health` can't be a Prometheus rule: `auc` is not measured at \
         an endpoint"
    );
    assert!(refusals[1].message.contains("longer than a year"));
    let one = lowered(reference("endpoint.score"), health()).expect("one without a list");
    assert_eq!(one.address.to_string(), "monitor.health");
}
