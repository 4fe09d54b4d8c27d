//! Killed at every journal write, with every fault of the provider, for every small graph.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlinfra_api::Value;
use mlinfra_sim::{Settings, SimFault};
use mlinfra_state::{Rule, WriteFault};

use crate::shapes::{self, Shape};
use crate::support::{Desired, World, node, options, renamed};

/// One life: what exists, what is wanted, what goes wrong and when.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) before: Option<Desired>,
    pub(crate) desired: Desired,
    /// Which call of `begin` meets which fault.
    pub(crate) fault: Option<(u64, SimFault)>,
    pub(crate) crash: Option<WriteFault>,
    /// A second crash, in the apply that recovers from the first.
    pub(crate) second: Option<WriteFault>,
    /// What is wanted once it is over.
    pub(crate) target: Desired,
    pub(crate) seed: u64,
    /// Whoever recovers has another name than whoever was killed.
    pub(crate) renamed: bool,
}

/// What a life came to.
pub(crate) struct Lived {
    pub(crate) writes: u64,
    pub(crate) begins: u64,
    /// The records of the write at which it was killed.
    pub(crate) killed_at: Vec<&'static str>,
}

/// Records × (before, after the write) × faults.
#[derive(Default)]
pub(crate) struct Coverage {
    cells: BTreeMap<(&'static str, bool, &'static str), usize>,
    pub(crate) lives: usize,
}

const NO_FAULT: &str = "none";

/// Types whose lost calls can be resolved.
const TYPES: [&str; 3] = ["idempotent", "named", "discoverable"];

pub(crate) fn live(case: &Case, broken: Option<Rule>) -> Result<Lived, String> {
    let world = World::new(Settings {
        stale_reads: 2,
        ..Settings::default()
    });
    let options = options(case.seed, broken);
    if let Some(before) = &case.before {
        world.converge(before, &options)?;
    }
    let first = world.sim.begins();
    let planned = case.fault.map(|(call, fault)| (first + call, fault));
    world.sim.set_faults(planned.into_iter().collect());
    let mut store = world.open(broken)?;
    store.set_write_fault(case.crash);
    // The kill shows as a state that can't be written; anything else shows below.
    let _ = world.apply_once(&mut store, &case.desired, &options);
    let lived = Lived {
        writes: store.writes(),
        begins: world.sim.begins() - first,
        killed_at: store.last_write().to_vec(),
    };
    drop(store);
    let options = match case.renamed {
        true => renamed(&options),
        false => options,
    };
    if case.second.is_some() {
        let mut store = world.open(broken)?;
        store.set_write_fault(case.second);
        let _ = world.apply_once(&mut store, &case.desired, &options);
    }
    world.converge(&case.target, &options)?;
    Ok(lived)
}

/// The nodes of a shape, their types in turn, every third one long.
fn desired_of(shape: &Shape, turn: usize) -> Desired {
    let nodes = shape.iter().enumerate().map(|(number, needs)| {
        let resource_type = TYPES[(number + turn) % TYPES.len()];
        let polls = i64::from((number + turn).is_multiple_of(3)) * 2;
        node(number, resource_type, polls, needs)
    });
    nodes.map(|one| (one.address.clone(), one)).collect()
}

/// The same graph, changed: one node in place, the next replaced, the last one gone.
fn changed(desired: &Desired) -> Desired {
    let mut changed = desired.clone();
    changed.pop_last();
    for (number, resource) in changed.values_mut().enumerate() {
        resource.create_first = number % 2 == 1;
        let region = Value::text("US");
        resource.properties.insert("region".into(), region);
    }
    changed
}

/// How much is tried for a shape.
#[derive(Clone, Copy)]
pub(crate) struct Depth {
    /// Every fault at every call, or at one call for each write.
    every_call: bool,
    /// Every fault at each write, or one of them.
    every_fault: bool,
    /// Before and after each write, or the two in turn.
    both_sides: bool,
    /// A second kill while recovering from the first.
    twice: bool,
}

/// Every write × before and after × faults, for one shape and one kind of change.
fn kill_at_every_write(
    base: &Case,
    depth: Depth,
    turn: usize,
    broken: Option<Rule>,
    coverage: &Mutex<Coverage>,
) -> Result<(), String> {
    let whole = live(base, broken)?;
    let faults: Vec<Option<SimFault>> = match depth.every_fault {
        true => std::iter::once(None)
            .chain(SimFault::ALL.map(Some))
            .collect(),
        false => vec![None, Some(SimFault::ALL[turn % SimFault::ALL.len()])],
    };
    for (index, fault) in faults.iter().enumerate() {
        let calls: Vec<u64> = match (fault, depth.every_call) {
            (None, _) => vec![0],
            (Some(_), true) => (0..whole.begins).collect(),
            (Some(_), false) => vec![(turn + index) as u64 % whole.begins.max(1)],
        };
        for call in calls {
            let faulted = Case {
                fault: fault.map(|fault| (call, fault)),
                ..base.clone()
            };
            let writes = live(&faulted, broken)
                .map_err(|why| told(&faulted, &why))?
                .writes;
            for at in 0..writes {
                let turned = (at as usize + turn + index) % 2 == 1;
                for written in [false, true] {
                    if !depth.both_sides && written != turned {
                        continue;
                    }
                    let nothing = (at as usize + turn).is_multiple_of(3);
                    let second = WriteFault {
                        at: (turn as u64 + at) % 4,
                        written: !written,
                    };
                    let case = Case {
                        crash: Some(WriteFault { at, written }),
                        second: depth.twice.then_some(second),
                        renamed: (at as usize + turn + index) % 4 < 2,
                        target: if nothing {
                            Desired::new()
                        } else {
                            base.target.clone()
                        },
                        ..faulted.clone()
                    };
                    let lived = live(&case, broken).map_err(|why| told(&case, &why))?;
                    let word = fault.map_or(NO_FAULT, SimFault::word);
                    let mut coverage = coverage.lock().expect("no panic holds this");
                    coverage.lives += 1;
                    for record in lived.killed_at {
                        *coverage.cells.entry((record, written, word)).or_default() += 1;
                    }
                }
            }
        }
    }
    Ok(())
}

/// A failing case as one can type it in again.
fn told(case: &Case, why: &str) -> String {
    let needs = |(address, resource): (&mlinfra_api::Address, &mlinfra_api::Resource)| {
        format!(
            "{address}:{}{:?}",
            resource.resource_type, resource.depends_on
        )
    };
    let graph: Vec<String> = case.desired.iter().map(needs).collect();
    let (fault, crash, second) = (case.fault, case.crash, case.second);
    let changed = case.before.is_some();
    let gone = case.target.is_empty();
    format!(
        "{why}\n  graph {graph:?}\n  fault {fault:?}, crash {crash:?}, second {second:?}, \
         changed {changed}, then nothing wanted {gone}, renamed {}, seed {}",
        case.renamed, case.seed
    )
}

/// The suite: shapes and how deep to look at each.
pub(crate) fn suite(shapes: &[(Shape, Depth)], broken: Option<Rule>) -> Result<Coverage, String> {
    let coverage = Mutex::new(Coverage::default());
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::SeqCst);
                    let stop = failed.lock().expect("no panic holds this").is_some();
                    let Some((shape, depth)) = shapes.get(turn).filter(|_| !stop) else {
                        return;
                    };
                    if let Err(why) = one_shape(shape, *depth, turn, broken, &coverage) {
                        *failed.lock().expect("no panic holds this") = Some(why);
                    }
                }
            });
        }
    });
    match failed.into_inner().expect("no panic holds this") {
        Some(why) => Err(why),
        None => Ok(coverage.into_inner().expect("no panic holds this")),
    }
}

fn one_shape(
    shape: &Shape,
    depth: Depth,
    turn: usize,
    broken: Option<Rule>,
    coverage: &Mutex<Coverage>,
) -> Result<(), String> {
    let desired = desired_of(shape, turn);
    let making = Case {
        before: None,
        desired: desired.clone(),
        fault: None,
        crash: None,
        second: None,
        target: desired.clone(),
        seed: turn as u64 + 1,
        renamed: false,
    };
    kill_at_every_write(&making, depth, turn, broken, coverage)?;
    if shape.len() > 4 {
        return Ok(());
    }
    let wanted = changed(&desired);
    let changing = Case {
        before: Some(desired),
        desired: wanted.clone(),
        target: wanted,
        ..making
    };
    let depth = Depth {
        every_fault: depth.every_fault && shape.len() <= 3,
        ..depth
    };
    kill_at_every_write(&changing, depth, turn, broken, coverage)
}

/// All shapes up to `nodes` nodes, looked at as deep as their number allows; with
/// `MLINFRA_TEST_DEPTH=full` deeper, which takes minutes.
pub(crate) fn shapes_up_to(nodes: usize) -> Vec<(Shape, Depth)> {
    let full = std::env::var("MLINFRA_TEST_DEPTH").is_ok_and(|depth| depth == "full");
    let depth_of = |nodes| Depth {
        every_call: nodes <= if full { 3 } else { 2 },
        every_fault: nodes <= if full { 6 } else { 4 },
        both_sides: full || nodes <= 3,
        twice: nodes <= 3,
    };
    let mut shapes = Vec::new();
    for count in 1..=nodes.min(5) {
        shapes.extend(
            shapes::all(count)
                .into_iter()
                .map(|one| (one, depth_of(count))),
        );
    }
    if nodes >= 6 {
        let some = shapes::some_of_six(40);
        shapes.extend(some.into_iter().map(|one| (one, depth_of(6))));
    }
    shapes
}

impl Coverage {
    /// The table: a row for each record, before/after the write for each fault.
    fn print(&self) {
        let mut words = vec![NO_FAULT];
        words.extend(SimFault::ALL.map(SimFault::word));
        let mut records: Vec<&str> = self.cells.keys().map(|(record, _, _)| *record).collect();
        records.dedup();
        print!("{:>20}", "killed before/after");
        words.iter().for_each(|word| print!(" {word:>16}"));
        println!();
        for record in records {
            print!("{record:>20}");
            for word in &words {
                let count = |written| self.count(record, written, word);
                print!(" {:>16}", format!("{}/{}", count(false), count(true)));
            }
            println!();
        }
        println!("{} lives", self.lives);
    }

    fn count(&self, record: &'static str, written: bool, word: &'static str) -> usize {
        self.cells
            .get(&(record, written, word))
            .copied()
            .unwrap_or(0)
    }
}

#[test]
fn killed_at_every_write_with_every_fault_it_converges() {
    let start = std::time::Instant::now();
    let shapes = shapes_up_to(6);
    let coverage = suite(&shapes, None).unwrap_or_else(|why| panic!("{why}"));
    coverage.print();
    println!(
        "{} shapes in {:.1} s",
        shapes.len(),
        start.elapsed().as_secs_f64()
    );
    let recorded = [
        "operation started",
        "started",
        "accepted",
        "succeeded",
        "ended",
    ];
    for record in recorded {
        for fault in SimFault::ALL {
            for written in [false, true] {
                let count = coverage.count(record, written, fault.word());
                assert!(
                    count >= 20,
                    "{record} × {} × {written}: {count}",
                    fault.word()
                );
            }
        }
    }
    for record in ["lost", "found", "proved absent", "failed", "blocked"] {
        let of = |written| {
            let all = SimFault::ALL.iter().map(|fault| fault.word());
            all.map(|word| coverage.count(record, written, word))
                .sum::<usize>()
        };
        assert!(
            of(false) >= 20 && of(true) >= 20,
            "{record}: {} {}",
            of(false),
            of(true)
        );
    }
}
