//! Steps and an endpoint as units of a real agent: the whole way, killed in between, and wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use crate::bed::{Bed, PATIENCE, endpoint, eventually, job, kill};
use mlinfra_api::{Column, ColumnBase, ColumnType, Digest, Dimension, Quantity, TableType, Value};
use mlinfra_runtime_spec::{
    ArtifactReference, ExitRecord, LogChunk, RequestSchema, ServingRecipe, StepInput, StepSpec,
    StoreReference, UnitPhase, UnitSpec, UnitStatus, Workload, operation_version,
};
use mlinfra_seal::SealKey;

/// A text that stands in cells and must stand nowhere else.
const MARKER: &str = "zqmarkerqz";

/// The rows of the table.
const ROWS: u64 = 2000;

fn table() -> TableType {
    let column = |name: &str, base| Column {
        name: name.to_owned(),
        column_type: ColumnType {
            base,
            nullable: false,
        },
        classes: Default::default(),
    };
    TableType {
        columns: vec![
            column("month", ColumnBase::Int),
            column("amount", ColumnBase::Float),
            column("purpose", ColumnBase::Category),
            column("good", ColumnBase::Bool),
        ],
    }
}

/// Rows where `good` depends on the other columns, mostly.
fn csv() -> String {
    let mut text = "month,amount,purpose,good\n".to_owned();
    for row in 0..ROWS {
        let month = row * 7 % 60 + 1;
        let amount = (row * 13 % 97) as f64 + 0.5;
        let purpose = ["car", MARKER, "tools"][(row % 3) as usize];
        let good = (month < 30) ^ (amount > 60.0) ^ (row % 11 == 0);
        writeln!(text, "{month},{amount},{purpose},{good}").expect("a text takes all");
    }
    text
}

/// A store and a table beside the state folder of a bed.
struct Place<'a> {
    bed: &'a Bed,
    store: StoreReference,
    csv: PathBuf,
}

impl<'a> Place<'a> {
    fn new(bed: &'a Bed, name: &str, sealed: bool) -> Self {
        let outside = bed.state().parent().expect("a folder").to_owned();
        let key_file = outside.join(format!("{name}.key"));
        if sealed {
            SealKey::generate().write_new(&key_file).expect("a key");
        }
        let file = outside.join("rows.csv");
        fs::write(&file, csv()).expect("written");
        Place {
            bed,
            store: StoreReference {
                folder: bed.state().join("stores").join(name),
                key_file: sealed.then_some(key_file),
                capacity: None,
            },
            csv: file,
        }
    }

    fn artifact(&self, name: &str, part: Option<&str>) -> ArtifactReference {
        ArtifactReference {
            store: self.store.clone(),
            key: key(name),
            part: part.map(str::to_owned),
        }
    }

    fn step(&self, operation: &str) -> StepSpec {
        StepSpec {
            operation: operation.to_owned(),
            version: operation_version(operation).unwrap_or(1),
            key: key(operation),
            store: self.store.clone(),
            inputs: BTreeMap::new(),
            settings: BTreeMap::new(),
            entries: Vec::new(),
            result: Some(table()),
            serving: None,
        }
    }

    fn ingest(&self) -> StepSpec {
        let bytes = fs::read(&self.csv).expect("there");
        let input = StepInput::File {
            path: self.csv.clone(),
            sha256: Digest::of(&bytes).to_string(),
        };
        StepSpec {
            inputs: BTreeMap::from([("data".to_owned(), input)]),
            ..self.step("ingest")
        }
    }

    fn split(&self) -> StepSpec {
        let part = |name: &str, ratio: &str| {
            (
                name.to_owned(),
                Value::Decimal(ratio.parse().expect("a decimal")),
            )
        };
        StepSpec {
            inputs: BTreeMap::from([self.input("data", "ingest", None)]),
            settings: BTreeMap::from([("seed".to_owned(), Value::Int(7))]),
            entries: vec![part("train", "0.8"), part("test", "0.2")],
            ..self.step("split")
        }
    }

    fn train(&self, epochs: i64) -> StepSpec {
        let mut columns = table().columns;
        columns.retain(|column| column.name != "good");
        let hidden = Value::List(vec![Value::Int(16), Value::Int(8)]);
        let every = Quantity::new(2.into(), Dimension::base("epoch"));
        let case = |name: &str, argument: &str, value| Value::Case {
            name: name.to_owned(),
            arguments: BTreeMap::from([(argument.to_owned(), value)]),
        };
        let settings = [
            ("architecture", case("mlp", "hidden", hidden)),
            (
                "checkpoint",
                case("every", "interval", Value::Quantity(every)),
            ),
            ("epochs", Value::Int(epochs)),
            ("label", Value::text("good")),
            ("seed", Value::Int(7)),
        ];
        StepSpec {
            inputs: BTreeMap::from([self.input("data", "split", Some("train"))]),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            serving: Some(ServingRecipe {
                request: RequestSchema::of(&TableType { columns }),
                steps: Vec::new(),
            }),
            result: None,
            ..self.step("train")
        }
    }

    /// Judges with everything switched on, by purpose.
    fn evaluate(&self, min_group: i64) -> StepSpec {
        let fairness = BTreeMap::from([
            ("by".to_owned(), Value::List(vec![Value::text("purpose")])),
            ("min_group".to_owned(), Value::Int(min_group)),
        ]);
        let explain = ["permutation", "partial_dependence", "lime"].map(Value::case);
        let settings = [
            ("explain", Value::List(explain.into())),
            ("fairness", Value::Record(fairness)),
            ("seed", Value::Int(7)),
        ];
        StepSpec {
            inputs: BTreeMap::from([
                self.input("model", "train", None),
                self.input("data", "split", Some("test")),
            ]),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            result: None,
            ..self.step("evaluate")
        }
    }

    fn register(&self) -> StepSpec {
        StepSpec {
            inputs: BTreeMap::from([self.input("model", "train", None)]),
            settings: BTreeMap::from([("name".to_owned(), Value::text("risk"))]),
            result: None,
            ..self.step("register")
        }
    }

    fn input(&self, parameter: &str, step: &str, part: Option<&str>) -> (String, StepInput) {
        let input = StepInput::Artifact {
            artifact: self.artifact(step, part),
            table: Some(table()).filter(|_| parameter != "model"),
        };
        (parameter.to_owned(), input)
    }

    /// Runs a step to its end.
    fn run(&self, token: &str, step: StepSpec) -> UnitStatus {
        self.bed.add(&unit(token, step));
        self.bed.wait_for(token, |now| now.exit.is_some())
    }

    /// Runs a step that must succeed.
    fn make(&self, token: &str, step: StepSpec) -> BTreeMap<String, serde_json::Value> {
        match self.run(token, step).exit {
            Some(ExitRecord::Done { outputs }) => outputs,
            other => panic!("{token}: {other:?} {}", log(self.bed, token)),
        }
    }

    /// The bytes of every object of an artifact.
    fn bytes(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let folder = self.store.folder.join("artifacts").join(key(name));
        let files = fs::read_dir(folder).expect("an artifact").flatten();
        let read = |file: fs::DirEntry| {
            let name = file.file_name().to_string_lossy().into_owned();
            (name, fs::read(file.path()).expect("an object"))
        };
        files.map(read).collect()
    }

    fn checkpoints(&self) -> usize {
        let folder = self.store.folder.join("checkpoints").join(key("train"));
        fs::read_dir(folder).map_or(0, |files| files.flatten().count())
    }
}

/// A recipe key; which one does not matter to the runtime.
fn key(name: &str) -> String {
    Digest::of(name.as_bytes()).to_string()
}

fn unit(token: &str, step: StepSpec) -> UnitSpec {
    UnitSpec {
        workload: Workload::Step(Box::new(step)),
        ..job(token, "")
    }
}

fn log(bed: &Bed, token: &str) -> String {
    let (_, body) = bed.request("GET", &format!("/units/{token}/log"), b"");
    serde_json::from_slice::<LogChunk>(&body)
        .expect("a log")
        .text
}

/// One request to the endpoint; none if nobody listens.
fn ask(port: u16, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

fn holds_marker(folder: &Path) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).expect("listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = holds_marker(&path) {
                return Some(found);
            }
        } else if let Ok(bytes) = fs::read(&path)
            && bytes
                .windows(MARKER.len())
                .any(|window| window == MARKER.as_bytes())
        {
            return Some(path);
        }
    }
    None
}

#[test]
fn from_a_table_to_an_endpoint_that_survives_being_killed() {
    let bed = Bed::new();
    let place = Place::new(&bed, "lake", true);
    assert_eq!(place.make("1", place.ingest())["rows"], ROWS);
    place.make("2", place.split());
    let trained = place.make("3", place.train(20));
    assert_eq!(trained["epochs"], 20);
    let judged = place.make("4", place.evaluate(10));
    let auc = judged["auc"].as_f64().expect("a number");
    assert!(auc > 0.7, "it has learned something: {auc}");
    assert!(judged["disparate_impact(purpose)"].as_f64().is_some());
    assert_eq!(judged["rows"], ROWS / 5);
    assert_eq!(place.make("5", place.register())["name"], "risk");
    assert_eq!(place.checkpoints(), 0);
    // A step whose result is there is done at once, under any name.
    assert_eq!(place.make("6", place.train(20)), trained);
    assert!(log(&bed, "6").contains("there already"));

    let port = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let free = port.local_addr().expect("bound").port();
    drop(port);
    let mut api = endpoint("api", "");
    if let Workload::Endpoint(endpoint) = &mut api.workload {
        endpoint.port = free;
        endpoint.release = place.artifact("register", None);
        endpoint.model = place.artifact("train", None);
    }
    bed.add(&api);
    let ready = bed.wait_for_phase("api", UnitPhase::Ready);
    assert_eq!(ready.release, Some(key("register")));
    let row = format!(r#"{{"month": 12, "amount": 3.5, "purpose": "{MARKER}"}}"#);
    let predict = || ask(free, "POST", "/predict", &row).filter(|(status, _)| *status == 200);
    let before = predict().expect("an answer");
    kill(ready.process.expect("runs"), "KILL");
    let after = eventually("it answers again", predict);
    let strip = |(_, body): (u16, String)| {
        serde_json::from_str::<serde_json::Value>(&body).expect("JSON")["prediction"].clone()
    };
    assert_eq!(strip(before), strip(after));
    assert_eq!(
        holds_marker(&bed.state()),
        None,
        "a cell of a sealed store lies about"
    );
}

#[test]
fn what_a_step_finds_lies_in_its_artifact_and_what_is_undefined_is_null() {
    let bed = Bed::new();
    let place = Place::new(&bed, "lake", false);
    place.make("1", place.ingest());
    place.make("2", place.split());
    place.make("3", place.train(8));
    let json = |artifact: &str, object: &str| -> serde_json::Value {
        serde_json::from_slice(&place.bytes(artifact)[object]).expect("JSON")
    };
    let history = json("train", "history.json");
    let epochs = history["epochs"].as_array().expect("a list");
    assert_eq!((epochs.len(), &epochs[7]["epoch"]), (8, &8.into()));
    assert!(epochs[7]["loss"].as_f64() < epochs[0]["loss"].as_f64());
    assert!(epochs[0]["validation_loss"].is_null());
    let profile = json("train", "profile.json");
    assert_eq!(profile["rows"], ROWS / 5 * 4);
    let columns = profile["columns"].as_array().expect("a list");
    let names: Vec<&str> = columns
        .iter()
        .filter_map(|column| column["name"].as_str())
        .collect();
    assert_eq!(names, ["month", "amount", "purpose"]);

    let outputs = place.make("4", place.evaluate(1000));
    for (name, value) in &outputs {
        assert_eq!(
            value.is_null(),
            name.contains("(purpose)"),
            "{name}: {value}"
        );
    }
    assert!(outputs.contains_key("equalized_odds_difference(purpose)"));
    let evaluation = json("evaluate", "evaluation.json");
    assert_eq!(evaluation["format"], 1);
    let reason = &evaluation["fairness"][0]["measures"][0]["undefined"];
    let reason = reason.as_str().expect("a reason");
    assert!(reason.contains("at least 1000 are required"), "{reason}");
    assert_eq!(
        evaluation["importance"]["features"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    assert_eq!(
        evaluation["partial_dependence"].as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(
        evaluation["lime"]["cases"].as_array().map(Vec::len),
        Some(3)
    );
    let log = log(&bed, "4");
    assert!(
        log.contains("a figure is undefined") && !log.contains(MARKER),
        "{log}"
    );
}

#[test]
fn a_training_that_was_killed_ends_with_the_same_bytes() {
    let bed = Bed::new();
    let (calm, killed) = (
        Place::new(&bed, "calm", false),
        Place::new(&bed, "killed", false),
    );
    for (name, place) in [("calm", &calm), ("killed", &killed)] {
        place.make(&format!("{name}-1"), place.ingest());
        place.make(&format!("{name}-2"), place.split());
    }
    let epochs = 60;
    calm.make("calm-3", calm.train(epochs));
    bed.add(&unit("killed-3", killed.train(epochs)));
    let mut resumed = Vec::new();
    for attempt in 1..=2 {
        let far = |now: &UnitStatus| {
            now.attempt == attempt && now.done.is_some_and(|(done, _)| done >= 8)
        };
        let status = bed.wait_for("killed-3", |now| far(now) || now.exit.is_some());
        let (Some(process), Some((done, _))) = (status.process, status.done) else {
            break;
        };
        kill(process, "KILL");
        resumed.push(done);
    }
    let status = bed.wait_for("killed-3", |now| now.exit.is_some());
    assert_eq!(status.phase, UnitPhase::Exited);
    assert!(status.attempt > 1, "it was killed while it worked");
    assert_eq!(calm.bytes("train"), killed.bytes("train"));
    assert_eq!(killed.checkpoints(), 0);

    // No epoch before the last checkpoint was trained again.
    let log = log(&bed, "killed-3");
    let epochs_logged: Vec<u64> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|line| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("epoch "))
        })
        .filter_map(|line| line["done"].as_u64())
        .collect();
    for pair in epochs_logged.windows(2) {
        assert!(
            pair[1] == pair[0] + 1 || pair[1] + 2 > pair[0],
            "{epochs_logged:?}"
        );
    }
    assert!(
        log.contains("went on from a checkpoint"),
        "killed at {resumed:?}\n{log}"
    );
}

#[test]
fn a_training_that_is_cancelled_keeps_what_it_has() {
    let bed = Bed::new();
    let place = Place::new(&bed, "lake", false);
    place.make("1", place.ingest());
    place.make("2", place.split());
    bed.add(&unit("3", place.train(100_000)));
    bed.wait_for("3", |now| now.done.is_some_and(|(done, _)| done >= 3));
    assert_eq!(bed.request("POST", "/units/3/cancel", b"").0, 202);
    let cancelled = bed.wait_for_phase("3", UnitPhase::Cancelled);
    assert_eq!(
        (cancelled.exit, cancelled.attempt),
        (Some(ExitRecord::Cancelled), 1)
    );
    assert!(place.checkpoints() > 0);
}

#[test]
fn a_step_that_can_not_be_done_says_why_and_shows_no_cell() {
    let bed = Bed::new();
    let place = Place::new(&bed, "lake", false);
    let code_of = |token: &str, step: StepSpec| match place.run(token, step).exit {
        Some(ExitRecord::Failed { code, message, .. }) => (code, message),
        other => panic!("{other:?}"),
    };
    fs::write(
        &place.csv,
        csv().replacen(",true", &format!(",{MARKER}"), 1),
    )
    .expect("written");
    let (code, message) = code_of("type", place.ingest());
    assert_eq!(code, "E0602");
    assert!(!message.contains(MARKER) && !log(&bed, "type").contains(MARKER));

    let unknown = StepSpec {
        version: 99,
        ..place.evaluate(10)
    };
    assert_eq!(code_of("version", unknown).0, "E0852");
    let blind = StepSpec {
        serving: None,
        ..place.train(1)
    };
    assert_eq!(code_of("serving", blind).0, "E0853");
    assert_eq!(code_of("absent", place.register()).0, "E0853");
    assert_eq!(code_of("empty", place.evaluate(10)).0, "E0626");
}
