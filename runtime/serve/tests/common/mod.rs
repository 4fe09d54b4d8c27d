//! What the tests of the endpoint share: a small world with real artifacts, a running endpoint, and
//! a client that says what it sends.

mod client;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use mlinfra_api::{
    Column, ColumnBase, ColumnType, Digest, RowExpression, RowOperator, Scalar, TableType, Value,
};
use mlinfra_data::{ArtifactWriter, Store, profile, read_table, run_data_step};
use mlinfra_learn::{Architecture, Continue, NoCheckpoints, TrainTask, train};
use mlinfra_runtime_spec::profile::{PROFILE_OBJECT, TableProfile};
use mlinfra_runtime_spec::{
    ArtifactReference, Bounds, EndpointSpec, ExitRecord, PROTOCOL, RequestSchema, RowStep,
    ServingRecipe, StepInput, StepSpec, StoreReference, UnitPhase, UnitSpec, UnitStatus, Workload,
    operation_version,
};
use mlinfra_serve::{
    Command, GOLDEN_OBJECT, Golden, Limits, MODEL_OBJECT, Predictor, RELEASE_OBJECT, ReleaseRecord,
    Row, SERVING_OBJECT, make_golden, run_endpoint_with,
};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

pub(crate) use client::{Client, Reply};

/// How long anything in these tests may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A text that stands in requests and must never come back.
pub(crate) const MARKER: &str = "MARKER-7f3a";

/// Whether a condition holds before patience ends.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if holds() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

/// A store with a data set that was read, derived, masked and learned from.
pub(crate) struct World {
    /// Holds everything; gone with the world.
    pub(crate) folder: TempDir,
    pub(crate) store: StoreReference,
    pub(crate) recipe: ServingRecipe,
    /// The rows of the CSV file as requests, in its order.
    pub(crate) rows: Vec<Row>,
    /// What is written beside a model; none for one of an older runtime.
    pub(crate) profile: Option<TableProfile>,
    masked: RecordBatch,
}

/// One model with its release, in the world's store.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) release: ArtifactReference,
    pub(crate) model: ArtifactReference,
    /// What the model answers for each row of the data set, on the path of batches.
    pub(crate) expected: Vec<f64>,
}

impl Made {
    /// The release's name in answers.
    pub(crate) fn version(&self) -> String {
        self.release.key[..12].to_owned()
    }
}

fn column(name: &str, base: ColumnBase, nullable: bool) -> Column {
    Column {
        name: name.into(),
        column_type: ColumnType { base, nullable },
        classes: Default::default(),
    }
}

fn table(columns: &[(&str, ColumnBase, bool)]) -> TableType {
    let columns = columns
        .iter()
        .map(|(name, base, null)| column(name, *base, *null));
    TableType {
        columns: columns.collect(),
    }
}

fn compare(name: &str, operator: RowOperator, with: Scalar) -> RowExpression {
    RowExpression::Binary {
        operator,
        left: Box::new(RowExpression::Column(name.into())),
        right: Box::new(RowExpression::Literal(with)),
    }
}

const RAW: [(&str, ColumnBase, bool); 6] = [
    ("color", ColumnBase::Category, false),
    ("size", ColumnBase::Int, false),
    ("weight", ColumnBase::Float, false),
    ("kind", ColumnBase::Category, true),
    ("old", ColumnBase::Bool, false),
    ("outcome", ColumnBase::Int, false),
];

const DERIVED: [(&str, ColumnBase, bool); 2] = [
    ("young", ColumnBase::Category, false),
    ("heavy", ColumnBase::Bool, false),
];

fn derived_entries() -> Vec<(String, Value)> {
    let text = |text: &str| Box::new(RowExpression::Literal(Scalar::String(text.into())));
    let young = RowExpression::If {
        condition: Box::new(compare("size", RowOperator::Less, Scalar::Int(25))),
        then: text("small"),
        otherwise: text("large"),
    };
    let heavy = compare(
        "weight",
        RowOperator::Greater,
        Scalar::Decimal("2.5".parse().expect("a decimal")),
    );
    vec![
        ("young".into(), Value::Row(young)),
        ("heavy".into(), Value::Row(heavy)),
    ]
}

fn bucket_of_five() -> (String, Value) {
    let masking = Value::Case {
        name: "bucket".into(),
        arguments: BTreeMap::from([("width".into(), Value::Int(5))]),
    };
    ("size".into(), masking)
}

/// One made-up row; the data set has the first 240.
pub(crate) fn row(index: u32) -> Row {
    let kind = match index % 4 {
        1 => Json::Null,
        other => json!(["x", "", "y", "z"][other as usize]),
    };
    let color = ["red", "green", "blue"][(index % 3) as usize];
    let row = json!({
        "color": color,
        "size": (index * 37) % 90,
        "weight": f64::from((index * 53) % 97) / 16.0,
        "kind": kind,
        "old": (index * 11) % 5 < 2,
    });
    row.as_object().expect("an object").clone()
}

/// A file of 240 rows in which each column says something of the outcome.
fn write_csv(path: &Path) -> Vec<Row> {
    let mut text = "color,size,weight,kind,old,outcome\n".to_owned();
    let mut rows = Vec::new();
    for index in 0..240_u32 {
        let row = row(index);
        let number = |name: &str| row[name].as_f64().expect("a number");
        let score = number("size") / 30.0 + number("weight") / 2.0 + f64::from(index % 3);
        let outcome = if score > 3.5 || index % 17 == 0 { 1 } else { 2 };
        let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let (color, kind) = (word("color"), word("kind"));
        let (size, weight, old) = (&row["size"], &row["weight"], &row["old"]);
        text.push_str(&format!("{color},{size},{weight},{kind},{old},{outcome}\n"));
        rows.push(row);
    }
    fs::write(path, text).expect("the CSV file is written");
    rows
}

impl World {
    /// Runs ingest, derive and mask as an apply would.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let store = StoreReference {
            folder: folder.path().join("stores").join("default"),
            key_file: None,
            capacity: None,
        };
        let csv = folder.path().join("things.csv");
        let rows = write_csv(&csv);
        let sha256 = Digest::of(&fs::read(&csv).expect("the CSV file")).to_string();
        let raw = table(&RAW);
        let file = StepInput::File { path: csv, sha256 };
        let ingested = run_step(&store, "ingest", file, vec![], &raw);

        let mut entries = derived_entries();
        let good = compare("outcome", RowOperator::Equal, Scalar::Int(1));
        entries.push(("good".into(), Value::Row(good)));
        let mut all = raw.clone();
        all.columns.extend(table(&DERIVED).columns);
        all.columns.push(column("good", ColumnBase::Bool, false));
        let input = artifact_input(&ingested, &raw);
        let derived = run_step(&store, "derive", input, entries, &all);

        let mut kept = all.clone();
        kept.columns.retain(|column| column.name != "outcome");
        let drop = Value::Case {
            name: "drop".into(),
            arguments: BTreeMap::new(),
        };
        let maskings = vec![bucket_of_five(), ("outcome".into(), drop)];
        let input = artifact_input(&derived, &all);
        let masked = run_step(&store, "mask", input, maskings, &kept);
        let masked = read_table(&masked).expect("the masked table");
        let recipe = recipe();
        let features = &recipe.steps.last().expect("two steps").result;
        World {
            profile: Some(profile(&masked, features)),
            masked,
            folder,
            store,
            recipe,
            rows,
        }
    }

    /// Trains a model and registers it. Another seed is another model and another release.
    pub(crate) fn make(&self, seed: u64) -> Made {
        let features = self.recipe.steps.last().expect("two steps").result.clone();
        let task = TrainTask {
            features,
            label: "good".into(),
            architecture: Architecture::Mlp {
                hidden: vec![8],
                dropout: 0.0,
            },
            epochs: 3,
            batch_size: 16,
            learning_rate: 0.01,
            weight_decay: 0.01,
            seed,
            checkpoint_every_epochs: None,
            checkpoint_every_seconds: None,
            threads: 1,
        };
        let trained = train(&task, &self.masked, None, &mut NoCheckpoints, &mut |_| {
            Continue::Go
        })
        .expect("the model is trained");
        let expected = trained.model.predict(&self.masked).expect("predictions");
        let bytes = trained.model.to_bytes();
        let predictor =
            Predictor::from_parts(trained.model, self.recipe.clone()).expect("they fit");
        let golden = make_golden(&predictor).expect("golden requests");
        self.write(&format!("seed {seed}"), &bytes, &golden, expected)
    }

    /// Writes the artifacts of a model and of its release.
    pub(crate) fn write(
        &self,
        name: &str,
        model: &[u8],
        golden: &Golden,
        expected: Vec<f64>,
    ) -> Made {
        let store = Store::open(&self.store).expect("the store");
        let model_key = Digest::of_parts([b"model", name.as_bytes()]).to_string();
        let mut writer = ArtifactWriter::new(&store, &model_key, "train", 1);
        let serving = serde_json::to_vec(&self.recipe).expect("the recipe");
        for (object, bytes) in [
            (MODEL_OBJECT, model),
            (SERVING_OBJECT, &serving),
            (GOLDEN_OBJECT, &golden.to_bytes()),
        ] {
            writer.add_object(object, bytes).expect("an object");
        }
        if let Some(profile) = &self.profile {
            let bytes = serde_json::to_vec(profile).expect("the profile");
            writer
                .add_object(PROFILE_OBJECT, &bytes)
                .expect("an object");
        }
        writer.finish(BTreeMap::new(), true).expect("the manifest");
        Made {
            release: self.register(name, &model_key),
            model: self.reference(&model_key),
            expected,
        }
    }

    /// Writes a release of this model.
    pub(crate) fn register(&self, name: &str, model: &str) -> ArtifactReference {
        let store = Store::open(&self.store).expect("the store");
        let key = Digest::of_parts([b"release", name.as_bytes()]).to_string();
        let record = ReleaseRecord {
            name: "things".into(),
            model: model.into(),
        };
        let record = serde_json::to_vec(&record).expect("the record");
        let mut writer = ArtifactWriter::new(&store, &key, "register", 1);
        writer
            .add_object(RELEASE_OBJECT, &record)
            .expect("an object");
        writer.finish(BTreeMap::new(), true).expect("the manifest");
        self.reference(&key)
    }

    /// An artifact of the world's store.
    pub(crate) fn reference(&self, key: &str) -> ArtifactReference {
        ArtifactReference {
            store: self.store.clone(),
            key: key.into(),
            part: None,
        }
    }

    /// A unit that serves this release on a free port.
    pub(crate) fn unit(&self, token: &str, made: &Made) -> UnitSpec {
        let endpoint = EndpointSpec {
            name: "score".into(),
            host: "127.0.0.1".into(),
            port: free_port(),
            replica: 0,
            key_hashes: Vec::new(),
            release: made.release.clone(),
            model: made.model.clone(),
            drain_seconds: 5,
        };
        UnitSpec {
            protocol: PROTOCOL,
            token: token.into(),
            address: "endpoint.score".into(),
            lineage: "test".into(),
            bounds: Bounds {
                cpus: Vec::new(),
                threads: 2,
                memory_bytes: None,
            },
            workload: Workload::Endpoint(Box::new(endpoint)),
        }
    }

    /// The folder of a unit, with its `unit.json`.
    pub(crate) fn unit_folder(&self, unit: &UnitSpec) -> PathBuf {
        let folder = self.folder.path().join("units").join(&unit.token);
        fs::create_dir_all(&folder).expect("the unit's folder");
        write_unit(&folder, unit);
        folder
    }

    /// Starts a unit in this process.
    pub(crate) fn start(&self, unit: &UnitSpec, limits: Limits) -> Running {
        let folder = self.unit_folder(unit);
        Running::start(unit, &folder, limits)
    }

    /// Starts a unit and waits until it is ready.
    pub(crate) fn serve(&self, token: &str, made: &Made) -> Running {
        let running = self.start(&self.unit(token, made), Limits::default());
        running.wait_until_ready();
        running
    }
}

/// Replaces `unit.json` as the agent does.
pub(crate) fn write_unit(folder: &Path, unit: &UnitSpec) {
    let bytes = serde_json::to_vec(unit).expect("the unit");
    fs::write(folder.join("unit.json.new"), bytes).expect("unit.json is written");
    fs::rename(folder.join("unit.json.new"), folder.join("unit.json")).expect("and renamed");
}

/// The endpoint of a unit, to change it.
pub(crate) fn endpoint(unit: &mut UnitSpec) -> &mut EndpointSpec {
    match &mut unit.workload {
        Workload::Endpoint(endpoint) => endpoint,
        _ => panic!("the unit is an endpoint"),
    }
}

fn recipe() -> ServingRecipe {
    let mut request = table(&RAW);
    request.columns.retain(|column| column.name != "outcome");
    let mut result = request.clone();
    result.columns.extend(table(&DERIVED).columns);
    ServingRecipe {
        request: RequestSchema::of(&request),
        steps: vec![
            RowStep {
                operation: "derive".into(),
                entries: derived_entries(),
                result: result.clone(),
            },
            RowStep {
                operation: "mask".into(),
                entries: vec![bucket_of_five()],
                result,
            },
        ],
    }
}

fn artifact_input(artifact: &ArtifactReference, table: &TableType) -> StepInput {
    StepInput::Artifact {
        artifact: artifact.clone(),
        table: Some(table.clone()),
    }
}

fn run_step(
    store: &StoreReference,
    operation: &str,
    input: StepInput,
    entries: Vec<(String, Value)>,
    result: &TableType,
) -> ArtifactReference {
    let key = Digest::of(operation.as_bytes()).to_string();
    let spec = StepSpec {
        operation: operation.into(),
        version: operation_version(operation).expect("an operation"),
        key: key.clone(),
        store: store.clone(),
        inputs: BTreeMap::from([("data".to_owned(), input)]),
        settings: BTreeMap::new(),
        entries,
        result: Some(result.clone()),
        serving: None,
    };
    let bounds = Bounds {
        cpus: Vec::new(),
        threads: 1,
        memory_bytes: None,
    };
    run_data_step(&spec, &bounds, &mut |_| {}).expect(operation);
    ArtifactReference {
        store: store.clone(),
        key,
        part: None,
    }
}

/// A port that nobody has just now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// An endpoint in a thread of this process.
pub(crate) struct Running {
    pub(crate) unit: UnitSpec,
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    commands: mpsc::UnboundedSender<Command>,
    thread: Option<JoinHandle<ExitRecord>>,
}

impl Running {
    /// Starts it without waiting.
    pub(crate) fn start(unit: &UnitSpec, folder: &Path, limits: Limits) -> Self {
        let (commands, receiver) = mpsc::unbounded_channel();
        let mut unit = unit.clone();
        let port = endpoint(&mut unit).port;
        let thread = {
            let (unit, folder) = (unit.clone(), folder.to_owned());
            thread::spawn(move || run_endpoint_with(&unit, &folder, &limits, Some(receiver)))
        };
        Running {
            unit,
            folder: folder.to_owned(),
            port,
            commands,
            thread: Some(thread),
        }
    }

    /// Waits until its status says that it is ready.
    pub(crate) fn wait_until_ready(&self) {
        self.wait_for("ready", |status| status.phase == UnitPhase::Ready);
    }

    /// Waits for a status.
    pub(crate) fn wait_for(&self, what: &str, holds: impl Fn(&UnitStatus) -> bool) {
        let reached = eventually(|| self.status().is_some_and(|status| holds(&status)));
        assert!(reached, "{what} was never reached: {:?}", self.status());
    }

    /// What its status file says.
    pub(crate) fn status(&self) -> Option<UnitStatus> {
        let bytes = fs::read(self.folder.join("status.json")).ok()?;
        Some(serde_json::from_slice(&bytes).expect("status.json is whole at every instant"))
    }

    /// Gives it another release, as the agent does.
    pub(crate) fn reload(&self, unit: &UnitSpec) {
        write_unit(&self.folder, unit);
        self.commands.send(Command::Reload).expect("it runs");
    }

    /// Asks it to stop, without waiting.
    pub(crate) fn ask_to_stop(&self) {
        self.commands.send(Command::Stop).expect("it runs");
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> ExitRecord {
        let thread = self.thread.take().expect("it is waited for once");
        thread.join().expect("the endpoint does not panic")
    }

    /// Whether its process would have ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Stops it.
    pub(crate) fn stop(self) -> ExitRecord {
        self.ask_to_stop();
        self.ended()
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut client = Client::connect(self.port);
        client.send(method, path, headers, body);
        client.reply().expect("an answer")
    }

    /// A GET without headers.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], "")
    }

    /// A POST of JSON.
    pub(crate) fn post(&self, path: &str, body: &Json) -> Reply {
        self.call("POST", path, &[], &body.to_string())
    }
}
