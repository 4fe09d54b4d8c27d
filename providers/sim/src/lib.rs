//! A deterministic cloud in memory, with faults by plan or by seed: what the crash tests, property
//! tests and benchmarks of the engine run on.
//!
//! It is shared by `Arc` and outlives an executor that "crashes". It normalises what it is sent,
//! fills in outputs late, reads stale, lists in no useful order, takes its time, loses answers,
//! refuses. It never makes two things for one token; a second token for an address that is taken
//! makes a second thing, which [`Sim::duplicates`] counts.

mod faults;
mod world;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use mlinfra_api::{
    Begun, Fault, Found, Listed, Observation, Progress, Provider, Recovery, Request, ResourceState,
};

pub use faults::{SimFault, faults_by_seed};
pub use world::Logged;
use world::World;

/// How long until what a discoverable type made is surely listed.
pub const SETTLE_MILLISECONDS: u64 = 80;

/// How this cloud behaves. The default answers everything at once and truly.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How long each `begin` takes.
    pub latency: Duration,
    /// For how many reads what was just made is not seen yet. Only discoverable types' `find`,
    /// `observe` and `list` are affected. At most 4, so that the settle time covers it.
    pub stale_reads: u32,
}

/// The cloud. A resource type's first word says how its lost calls are resolved: `idempotent`,
/// `named`, `discoverable` or `none`. The property `polls` (int) makes a call long: it is accepted,
/// and done after so many polls. What the property `reports` (record) holds comes out as outputs.
pub struct Sim {
    world: Mutex<World>,
    settings: Settings,
}

impl Sim {
    /// An empty cloud.
    pub fn new(settings: Settings) -> Self {
        Sim {
            world: Mutex::new(World::default()),
            settings,
        }
    }

    /// From here on, the `n`-th `begin` (counted from 0, over all) meets this fault, once.
    pub fn set_faults(&self, faults: BTreeMap<u64, SimFault>) {
        self.world().faults = faults;
    }

    /// How many calls of `begin` there were.
    pub fn begins(&self) -> u64 {
        self.world().begins
    }

    /// How many things were made at an address that was taken by another, not yet deposed thing.
    pub fn duplicates(&self) -> u64 {
        self.world().duplicates
    }

    /// Everything that exists now, late arrivals included, in order.
    pub fn live(&self) -> Vec<Listed> {
        let mut world = self.world();
        world.land_everything();
        let mut live = world.list("");
        live.sort();
        live
    }

    /// How many accepted calls are not done yet.
    pub fn under_way(&self) -> usize {
        self.world().under_way()
    }

    /// Every `begin`, in order.
    pub fn log(&self) -> Vec<Logged> {
        self.world().log.clone()
    }

    /// The properties of a thing as they really are, by handle.
    pub fn properties(&self, handle: &str) -> Option<BTreeMap<String, mlinfra_api::Value>> {
        self.world().properties(handle)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A planned panic happens outside of the lock, so the world is sound in any case.
        self.world
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// How a type's lost calls are resolved.
pub fn recovery_of(resource_type: &str) -> Recovery {
    match resource_type.split('_').next() {
        Some("named") => Recovery::Named,
        Some("discoverable") => Recovery::Discoverable {
            settle: Duration::from_millis(SETTLE_MILLISECONDS),
        },
        Some("none") => Recovery::None,
        _ => Recovery::Idempotent {
            window: Duration::from_secs(3_600),
        },
    }
}

impl Provider for Sim {
    fn name(&self) -> &str {
        "sim"
    }

    fn recovery(&self, resource_type: &str) -> Recovery {
        recovery_of(resource_type)
    }

    fn begin(&self, request: &Request) -> Result<Begun, Fault> {
        if !self.settings.latency.is_zero() {
            std::thread::sleep(self.settings.latency);
        }
        let (answer, panics) = self.world().begin(request, self.settings.stale_reads);
        assert!(!panics, "a planned panic in a provider's call");
        answer
    }

    fn poll(&self, request: &Request, _handle: &str) -> Result<Progress, Fault> {
        self.world().poll(request)
    }

    fn cancel(&self, request: &Request, _handle: &str) -> Result<(), Fault> {
        self.world().cancel(&request.token);
        Ok(())
    }

    fn find(&self, request: &Request) -> Result<Found, Fault> {
        Ok(self.world().find(request))
    }

    fn observe(&self, state: &ResourceState) -> Result<Observation, Fault> {
        Ok(self.world().observe(state))
    }

    fn list(&self, lineage: &str) -> Result<Vec<Listed>, Fault> {
        Ok(self.world().list(lineage))
    }
}

#[cfg(test)]
mod tests;
