//! Random graphs, faults at random calls and several kills, by seed; by threads and step by step.

use std::collections::BTreeMap;

use mlinfra_apply::{Options, Schedule};
use mlinfra_sim::{Settings, faults_by_seed};
use mlinfra_state::WriteFault;

use crate::support::{Desired, World, node, options};

const TYPES: [&str; 3] = ["idempotent", "named", "discoverable"];

/// A generator good enough to vary tests.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn graph(numbers: &mut Numbers, nodes: usize) -> Desired {
    let one = |number: usize| {
        let needs: Vec<usize> = (0..number).filter(|_| numbers.below(3) == 0).collect();
        let polls = if numbers.below(4) == 0 { 2 } else { 0 };
        let resource = node(number, TYPES[numbers.below(3) as usize], polls, &needs);
        (resource.address.clone(), resource)
    };
    (0..nodes).map(one).collect()
}

fn live(seed: u64, schedule: Schedule) -> Result<(), String> {
    let mut numbers = Numbers(seed.wrapping_mul(977).wrapping_add(13));
    let world = World::new(Settings {
        stale_reads: 3,
        ..Settings::default()
    });
    let nodes = 5 + numbers.below(8) as usize;
    let desired = graph(&mut numbers, nodes);
    let options = Options {
        schedule,
        parallel: 1 + numbers.below(5) as usize,
        ..options(seed + 1, None)
    };
    world.sim.set_faults(faults_by_seed(seed, 0, 60, 250));
    for _ in 0..3 {
        let mut store = world.open(None)?;
        store.set_write_fault(Some(WriteFault {
            at: numbers.below(12),
            written: numbers.below(2) == 0,
        }));
        let _ = world.apply_once(&mut store, &desired, &options);
    }
    world.sim.set_faults(BTreeMap::new());
    world.converge(&desired, &options)?;
    world.converge(&Desired::new(), &options)?;
    Ok(())
}

#[test]
fn random_lives_converge() {
    for seed in 0..300 {
        let lived = live(seed, Schedule::Stepped { seed });
        assert_eq!(lived, Ok(()), "seed {seed}");
    }
}

#[test]
fn random_lives_with_threads_converge() {
    for seed in 1_000..1_040 {
        assert_eq!(live(seed, Schedule::Threads), Ok(()), "seed {seed}");
    }
}
