//! Apply against a cloud with latency, beside the bound that no engine can beat.
//!
//! bound = max(critical path × (latency + 2 fsyncs), Σ latency / parallel); floor: 1.1 × the bound.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlinfra_api::{Address, Provider, Reference, Resource, Value, Verb};
use mlinfra_apply::{Interrupt, Options, Providers, apply};
use mlinfra_plan::{Action, PLAN_FORMAT, Plan};
use mlinfra_sim::{Settings, Sim};
use mlinfra_state::{Holder, Store};

const LATENCY: Duration = Duration::from_millis(20);

fn main() {
    let fsync = fsync_time();
    println!("one fsync here: {:.2} ms", fsync.as_secs_f64() * 1e3);
    println!(
        "{:>8} {:>8} {:>8} {:>10} {:>10} {:>7} {:>8} {:>12}",
        "shape", "size", "parallel", "bound s", "apply s", "ratio", "writes", "open again"
    );
    // `cargo bench … -- wide 10000` measures that alone.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let sizes: &[(usize, &[usize])] = &[(1_000, &[10, 100]), (10_000, &[10, 100])];
    for (size, parallels) in sizes {
        for parallel in *parallels {
            for (shape, depth) in [("wide", 1), ("layers", 10), ("chain", 100)] {
                let words = [shape.to_owned(), size.to_string(), parallel.to_string()];
                if wanted.iter().all(|word| words.contains(word)) {
                    measure(shape, *size, depth, *parallel, fsync);
                }
            }
        }
    }
}

fn measure(shape: &str, size: usize, depth: usize, parallel: usize, fsync: Duration) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join(".mlinfra");
    let mut store = Store::create(&state, "bench", "default").expect("an empty folder");
    let sim: Arc<dyn Provider> = Arc::new(Sim::new(Settings {
        latency: LATENCY,
        ..Settings::default()
    }));
    let providers: Providers = [sim].into_iter().collect();
    let plan = plan(&store, size, depth);
    let holder = Holder {
        user: "bench".into(),
        host: "here".into(),
        operation: "apply".into(),
        since: String::new(),
    };
    let options = Options {
        parallel,
        ..Options::new(holder, "bench")
    };
    let start = Instant::now();
    let summary = apply(
        &mut store,
        &plan,
        &providers,
        &options,
        &|_| {},
        &Interrupt::new(),
    );
    let took = start.elapsed();
    let summary = summary.expect("it starts");
    assert_eq!(summary.done.len(), size, "{summary:?}");
    let writes = store.writes();
    drop(store);
    let start = Instant::now();
    let store = Store::open(&state).expect("sound");
    let again = start.elapsed();
    assert_eq!(store.snapshot().resources.len(), size);
    let path = (LATENCY + 2 * fsync) * depth as u32;
    let work = LATENCY * size as u32 / parallel as u32;
    let bound = path.max(work);
    println!(
        "{shape:>8} {size:>8} {parallel:>8} {:>10.2} {:>10.2} {:>7.2} {writes:>8} {:>9.0} ms",
        bound.as_secs_f64(),
        took.as_secs_f64(),
        took.as_secs_f64() / bound.as_secs_f64(),
        again.as_secs_f64() * 1e3,
    );
}

/// `size` things in `depth` layers; each uses the one at its place in the layer before.
fn plan(store: &Store, size: usize, depth: usize) -> Plan {
    let layer = size / depth;
    let address = |number: usize| Address::new("thing", format!("n{number}"));
    let action = |number: usize| {
        let below = number.checked_sub(layer);
        let mut properties = BTreeMap::from([("region".to_owned(), Value::text("eu"))]);
        if let Some(below) = below {
            let id = Reference {
                address: address(below),
                path: vec!["id".into()],
            };
            properties.insert("needs".into(), Value::Reference(id));
        }
        Action {
            address: address(number),
            verb: Verb::Create,
            resource: Resource {
                address: address(number),
                resource_type: "named".into(),
                provider: "sim".into(),
                properties,
                identity: None,
                replaces: BTreeSet::new(),
                depends_on: below.map(address).into_iter().collect(),
                create_first: false,
                holds_data: false,
                summary: String::new(),
                details: Vec::new(),
                needed: true,
                made_as: None,
                target: None,
            },
            after: below.into_iter().collect(),
            deposed: None,
            deposes: false,
        }
    };
    Plan {
        state: Vec::new(),
        format: PLAN_FORMAT,
        project: "bench".into(),
        lineage: store.snapshot().lineage.clone(),
        serial: store.snapshot().serial,
        actions: (0..size).map(action).collect(),
        changes: Vec::new(),
        kept: Vec::new(),
        findings: Vec::new(),
        made_with: mlinfra_plan::MadeWith::default(),
        notices: Vec::new(),
        facts: Vec::new(),
        gates: Vec::new(),
        cost: None,
    }
}

/// The median of 30.
fn fsync_time() -> Duration {
    let mut file = tempfile::tempfile().expect("a temporary file");
    let mut times: Vec<Duration> = (0..30)
        .map(|_| {
            file.write_all(&[7; 512]).expect("room on the disk");
            let start = Instant::now();
            file.sync_data().expect("the disk answers");
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}
