//! Gates under kills and faults: whenever it is killed, what a gate forbids is never made, all else
//! is, and a bound that goes back makes the rest without doing anything again.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Condition, Figure, RowOperator, Snapshot, Value, Verb, Verdict};
use mlinfra_apply::{BlockReason, Event, Interrupt, apply};
use mlinfra_plan::{Action, JudgedGate, Plan};
use mlinfra_sim::{Settings, SimFault};
use mlinfra_state::{ActionState, Rule, WriteFault};

use crate::shapes::{self, Shape};
use crate::support::{Desired, World, address, node, options, plan};

/// What the score of a node must be at least.
pub(crate) type Bounds = BTreeMap<Address, i64>;

const TYPES: [&str; 3] = ["idempotent", "named", "discoverable"];

fn gate(step: &Address, bound: i64) -> JudgedGate {
    JudgedGate {
        step: step.clone(),
        condition: Condition::Binary {
            operator: RowOperator::GreaterOrEqual,
            left: Box::new(Condition::Figure(Figure::plain("score"))),
            right: Box::new(Condition::Value(Value::Int(bound))),
        },
        text: format!("score >= {bound}"),
        message: None,
        verdict: Verdict::Open,
        figures: BTreeMap::new(),
    }
}

/// The plan with its gates: judged where the node stays as it is recorded, and then without what
/// stands on one that fails.
pub(crate) fn judged(mut plan: Plan, bounds: &Bounds, snapshot: &Snapshot) -> Plan {
    let mut failing = BTreeSet::new();
    for (step, bound) in bounds {
        let gate = gate(step, *bound);
        let runs = plan.actions.iter().any(|action| action.address == *step);
        let state = snapshot.resources.get(step).filter(|_| !runs);
        let gate = state.map_or(gate.clone(), |state| gate.judged(&state.outputs));
        if gate.fails() {
            failing.insert(step.clone());
        }
        plan.gates.push(gate);
    }
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    let mut kept: Vec<Action> = Vec::new();
    for (number, action) in plan.actions.iter().enumerate() {
        let stands = action.resource.depends_on.iter();
        let stands = stands.filter(|need| failing.contains(*need)).count() > 0;
        let after: Option<BTreeSet<usize>> = action
            .after
            .iter()
            .map(|first| places.get(first).copied())
            .collect();
        // Whatever waits for something that is held is held as well.
        let Some(after) = after.filter(|_| action.verb == Verb::Delete || !stands) else {
            continue;
        };
        places.insert(number, kept.len());
        let action = Action {
            after,
            ..action.clone()
        };
        kept.push(action);
    }
    plan.actions = kept;
    plan
}

/// All that must not be there: what stands on a node whose score is too low, directly or not.
pub(crate) fn held(desired: &Desired, bounds: &Bounds) -> BTreeSet<Address> {
    let fails = |address: &Address| {
        let resource = desired.get(address);
        let reports = resource.and_then(|one| one.properties.get("reports")?.as_record());
        let score = reports.and_then(|reports| reports.get("score")?.as_int());
        bounds
            .get(address)
            .is_some_and(|bound| score.is_none_or(|score| score < *bound))
    };
    let mut held: BTreeSet<Address> = BTreeSet::new();
    loop {
        let more: Vec<Address> = desired
            .values()
            .filter(|one| !held.contains(&one.address))
            .filter(|one| {
                one.depends_on
                    .iter()
                    .any(|need| fails(need) || held.contains(need))
            })
            .map(|one| one.address.clone())
            .collect();
        if more.is_empty() {
            return held;
        }
        held.extend(more);
    }
}

fn desired_of(shape: &Shape, turn: usize, scored: usize, score: Option<i64>) -> Desired {
    let nodes = shape.iter().enumerate().map(|(number, needs)| {
        let resource_type = TYPES[(number + turn) % TYPES.len()];
        let polls = i64::from((number + turn).is_multiple_of(3)) * 2;
        let mut one = node(number, resource_type, polls, needs);
        if number == scored {
            let score = score.map_or(Value::None, Value::Int);
            let reports = Value::Record(BTreeMap::from([("score".to_owned(), score)]));
            one.properties.insert("reports".into(), reports);
        }
        one
    });
    nodes.map(|one| (one.address.clone(), one)).collect()
}

/// One life: a graph, the node that is judged, what it scores, and when it is killed.
#[derive(Clone, Copy, Debug)]
struct Life<'a> {
    shape: &'a Shape,
    turn: usize,
    scored: usize,
    score: Option<i64>,
    fault: Option<(u64, SimFault)>,
    crash: Option<WriteFault>,
}

fn live(life: &Life<'_>, broken: Option<Rule>) -> Result<u64, String> {
    let mut world = World::new(Settings {
        stale_reads: 2,
        ..Settings::default()
    });
    let judge = address(life.scored);
    world.bounds = Bounds::from([(judge.clone(), 5)]);
    let desired = desired_of(life.shape, life.turn, life.scored, life.score);
    let options = options(life.turn as u64 + 1, broken);
    world.sim.set_faults(life.fault.into_iter().collect());
    let mut store = world.open(broken)?;
    store.set_write_fault(life.crash);
    // The kill shows as a state that can't be written; anything else shows below.
    let _ = world.apply_once(&mut store, &desired, &options);
    let writes = store.writes();
    drop(store);
    world.converge(&desired, &options)?;
    // The bound goes back, or the figure is no longer asked for: what is there is not made again.
    let before = world.sim.log().len();
    world.bounds = match life.score {
        Some(score) => Bounds::from([(judge.clone(), score)]),
        None => Bounds::new(),
    };
    world.converge(&desired, &options)?;
    let again = &world.sim.log()[before..];
    let held = held(&desired, &Bounds::from([(judge, 5)]));
    match again.iter().find(|call| !held.contains(&call.address)) {
        Some(call) => Err(format!("{} was called again", call.address)),
        None => Ok(writes),
    }
}

/// Every shape of so many nodes, every node judged, each verdict, killed at every write, with every
/// fault in turn. How many lives that was, and in how many something was held back.
fn suite(nodes: usize, broken: Option<Rule>) -> Result<(usize, usize), String> {
    let (mut lives, mut holding, mut turn) = (0, 0, 0);
    for shape in (1..=nodes).flat_map(shapes::all) {
        for scored in 0..shape.len() {
            for score in [Some(3), Some(7), None] {
                turn += 1;
                let fault = SimFault::ALL[turn % SimFault::ALL.len()];
                let life = Life {
                    shape: &shape,
                    turn,
                    scored,
                    score,
                    fault: (turn % 3 == 0).then_some(((turn % shape.len()) as u64, fault)),
                    crash: None,
                };
                let told = |life: &Life<'_>, why: String| format!("{why}\n  {life:?}");
                let writes = live(&life, broken).map_err(|why| told(&life, why))?;
                let stands = shape.iter().any(|needs| needs.contains(&scored));
                let sides = (0..writes).flat_map(|at| [(at, false), (at, true)]);
                for (at, written) in sides {
                    // Of the many large shapes, the two sides of a write take turns.
                    if shape.len() > 3 && written != (at as usize + turn).is_multiple_of(2) {
                        continue;
                    }
                    let crash = Some(WriteFault { at, written });
                    let life = Life { crash, ..life };
                    live(&life, broken).map_err(|why| told(&life, why))?;
                    lives += 1;
                    holding += usize::from(stands && score != Some(7));
                }
            }
        }
    }
    Ok((lives, holding))
}

#[test]
fn killed_at_every_write_nothing_gets_past_a_gate() {
    let (lives, holding) = suite(4, None).unwrap_or_else(|why| panic!("{why}"));
    println!("{lives} lives, in {holding} of them something was held back");
    assert!(lives > 2_000 && holding > 700, "{lives} {holding}");
}

#[test]
fn an_executor_that_ignores_gates_is_noticed() {
    let found = suite(2, Some(Rule::GateKept)).expect_err("it must be noticed");
    println!(
        "{:?} broken: {}",
        Rule::GateKept,
        found.lines().next().unwrap_or_default()
    );
}

/// Everything stands, then all of it is to change, and the first node no longer scores enough: what
/// stands on it keeps its place and its looks, killed or not.
#[test]
fn what_stands_behind_a_gate_stays_as_it_was() {
    let region = || ("region".to_owned(), Value::text("US"));
    for shape in (2..=4).flat_map(shapes::all) {
        let before = desired_of(&shape, 0, 0, Some(7));
        let mut after = desired_of(&shape, 0, 0, Some(3));
        after
            .values_mut()
            .for_each(|one| one.properties.extend([region()]));
        for crash in (0..12).flat_map(|at| [(at, false), (at, true)]) {
            let mut world = World::new(Settings::default());
            world.bounds = Bounds::from([(address(0), 5)]);
            let options = options(1, None);
            world.converge(&before, &options).expect("all of it holds");
            let stood = world.sim.live();
            let mut store = world.open(None).expect("sound");
            let (at, written) = crash;
            store.set_write_fault(Some(WriteFault { at, written }));
            let _ = world.apply_once(&mut store, &after, &options);
            drop(store);
            let mut store = world.open(None).expect("sound");
            loop {
                let done = world.apply_once(&mut store, &after, &options);
                if done.expect("it starts").1.operation.is_none() {
                    break;
                }
            }
            assert_eq!(world.sim.live(), stood, "nothing comes and nothing goes");
            let held = held(&after, &world.bounds);
            for one in stood {
                let properties = world.sim.properties(&one.handle).expect("it is there");
                let looks = if held.contains(&one.address) {
                    "eu"
                } else {
                    "us"
                };
                assert_eq!(
                    properties["region"],
                    Value::text(looks),
                    "{} {crash:?}",
                    one.address
                );
            }
        }
    }
}

#[test]
fn a_verdict_is_told_recorded_and_blocks_only_what_stands_on_the_step() {
    let mut world = World::new(Settings::default());
    world.bounds = Bounds::from([(address(0), 5)]);
    // 1 stands on 0, 2 on 1; 3 stands alone.
    let shape = vec![vec![], vec![0], vec![1], vec![]];
    let desired = desired_of(&shape, 1, 0, Some(3));
    let mut store = world.open(None).expect("sound");
    let planned = judged(
        plan(&desired, store.snapshot()),
        &world.bounds,
        store.snapshot(),
    );
    let told = std::sync::Mutex::new(Vec::new());
    let hear = |event| told.lock().expect("no panic holds this").push(event);
    let (providers, options) = (&world.providers, options(1, None));
    let done = apply(
        &mut store,
        &planned,
        providers,
        &options,
        &hear,
        &Interrupt::new(),
    );
    let summary = done.expect("it starts");
    assert!(!summary.is_ok());
    assert_eq!(summary.done.len(), 2);
    let said = "score 3, at least 5 required";
    let failing: Vec<String> = summary.failing_gates().map(JudgedGate::sentence).collect();
    assert_eq!(failing, [said]);
    let gate = BlockReason::Gate {
        address: address(0),
        message: said.into(),
    };
    let upstream = BlockReason::Upstream {
        address: address(1),
    };
    assert_eq!(gate.code(), "E0725");
    assert_eq!(
        summary.blocked,
        [(address(1), gate), (address(2), upstream)]
    );
    let told = told.into_inner().expect("no panic holds this");
    let verdicts = told
        .iter()
        .filter(|event| matches!(event, Event::Judged { .. }));
    assert_eq!(verdicts.count(), 1);
    let blocked = store.operations()[0].actions.values();
    let blocked = blocked.filter(|action| action.state == ActionState::Blocked);
    let notes: Vec<&str> = blocked
        .filter_map(|action| action.note.as_deref())
        .collect();
    assert_eq!(
        notes[0],
        format!("a gate of {} does not hold: {said}", address(0))
    );
    known_before(&world, &desired, &mut store);
}

/// The next plan knows it: nothing is begun, and it still does not count as well.
fn known_before(world: &World, desired: &Desired, store: &mut mlinfra_state::Store) {
    let planned = judged(
        plan(desired, store.snapshot()),
        &world.bounds,
        store.snapshot(),
    );
    let begun = world.sim.begins();
    let (providers, options) = (&world.providers, options(1, None));
    let interrupt = Interrupt::new();
    let done = apply(store, &planned, providers, &options, &|_| {}, &interrupt);
    let summary = done.expect("it starts");
    assert!(summary.operation.is_none() && !summary.is_ok());
    assert_eq!((world.sim.begins(), store.operations().len()), (begun, 1));
}

/// A removal that only makes room for what stands behind a gate, as of a port: the gate keeps it,
/// at whatever write it is killed.
#[test]
fn what_would_only_make_room_stays_behind_a_failed_gate() {
    // 0 is judged; 1 stands on it and needs the room that 2 has, which nobody wants any more.
    let shape = vec![vec![], vec![0], vec![]];
    let (old, new) = (address(2), address(1));
    for (score, stays) in [(Some(3), true), (Some(7), false)] {
        for crash in (0..16).flat_map(|at| [(at, false), (at, true)]) {
            let mut world = World::new(Settings::default());
            let options = options(1, None);
            let mut all = desired_of(&shape, 0, 0, Some(7));
            all.remove(&new);
            world.converge(&all, &options).expect("it is made");
            world.bounds = Bounds::from([(address(0), 5)]);
            let mut wanted = desired_of(&shape, 0, 0, score);
            wanted.remove(&old);
            let (at, written) = crash;
            for crash in [Some(WriteFault { at, written }), None, None] {
                let mut store = world.open(None).expect("sound");
                store.set_write_fault(crash);
                make_room(&world, &mut store, &wanted, &options);
            }
            let live = world.sim.live();
            let is_there = |one: &Address| live.iter().any(|thing| thing.address == *one);
            assert_eq!(
                (is_there(&old), is_there(&new)),
                (stays, !stays),
                "{crash:?}"
            );
        }
    }
}

/// Recovers and applies a plan in which what is removed goes before what is made anew, and after
/// what is judged.
fn make_room(
    world: &World,
    store: &mut mlinfra_state::Store,
    wanted: &Desired,
    options: &mlinfra_apply::Options,
) {
    let (quiet, interrupt) = (|_| {}, Interrupt::new());
    let recovered = mlinfra_apply::recover(store, &world.providers, options, &quiet, &interrupt);
    if recovered.is_err() {
        return;
    }
    let mut planned = plan(wanted, store.snapshot());
    let place = |actions: &[Action], address: &Address, is_removal: bool| {
        let is_it =
            |one: &Action| one.address == *address && (one.verb == Verb::Delete) == is_removal;
        actions.iter().position(is_it)
    };
    if let (Some(make), Some(remove)) = (
        place(&planned.actions, &address(1), false),
        place(&planned.actions, &address(2), true),
    ) {
        // The tiny planner removes last: here the removal comes before what needs its room.
        let mut removal = planned.actions.remove(remove);
        removal.after = place(&planned.actions, &address(0), false)
            .into_iter()
            .collect();
        planned.actions.insert(make, removal);
        for action in &mut planned.actions[make + 1..] {
            action.after = action
                .after
                .iter()
                .map(|n| n + usize::from(*n >= make))
                .collect();
        }
        planned.actions[make + 1].after.insert(make);
    }
    let mut planned = judged(planned, &world.bounds, store.snapshot());
    // What is known to fail is not planned, and neither is what makes room for it.
    if place(&planned.actions, &address(1), false).is_none() {
        let is_other = |one: &Action| one.address != address(2);
        let fails = planned.gates.iter().any(JudgedGate::fails);
        planned.actions.retain(|one| !fails || is_other(one));
    }
    let _ = apply(
        store,
        &planned,
        &world.providers,
        options,
        &quiet,
        &interrupt,
    );
}
