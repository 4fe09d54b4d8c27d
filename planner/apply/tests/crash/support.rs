//! A desired graph, a tiny planner, and what must hold once everything has converged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlinfra_api::{
    Address, Begun, Fault, Found, Listed, Observation, Progress, Provider, Recovery, Reference,
    Request, Resource, ResourceState, Snapshot, Value, Verb,
};
use mlinfra_apply::{
    ApplyFault, Interrupt, Moment, Options, Providers, Schedule, Summary, Timings, apply, finish,
    recover,
};
use mlinfra_plan::{Action, PLAN_FORMAT, Plan};
use mlinfra_sim::Sim;
use mlinfra_state::{Holder, Memory, Rule, Store};

use crate::gates::{Bounds, held, judged};

/// What is wanted, by address.
pub(crate) type Desired = BTreeMap<Address, Resource>;

/// The address of the node with this number.
pub(crate) fn address(number: usize) -> Address {
    Address::new("thing", format!("n{number}"))
}

/// A node that needs others, and uses the `id` of each.
pub(crate) fn node(number: usize, resource_type: &str, polls: i64, needs: &[usize]) -> Resource {
    let id_of = |need: usize| {
        Value::Reference(Reference {
            address: address(need),
            path: vec!["id".into()],
        })
    };
    let mut properties = BTreeMap::from([
        ("region".to_owned(), Value::text("EU")),
        ("polls".to_owned(), Value::Int(polls)),
    ]);
    let used = needs.iter().map(|need| id_of(*need)).collect();
    properties.insert("needs".into(), Value::List(used));
    Resource {
        address: address(number),
        resource_type: resource_type.into(),
        provider: "sim".into(),
        properties,
        identity: None,
        replaces: BTreeSet::new(),
        depends_on: needs.iter().map(|need| address(*need)).collect(),
        create_first: false,
        holds_data: false,
        summary: String::new(),
        details: Vec::new(),
        needed: true,
        made_as: None,
        target: None,
    }
}

/// Makes what is missing, changes what differs, deletes what is not wanted.
pub(crate) fn plan(desired: &Desired, snapshot: &Snapshot) -> Plan {
    let mut actions: Vec<Action> = Vec::new();
    let mut numbers: BTreeMap<Address, usize> = BTreeMap::new();
    let mut old = Vec::new();
    for address in in_order(desired) {
        let resource = &desired[&address];
        let recorded = |other: &Address| {
            let state = snapshot.resources.get(other)?;
            // What is about to change has no outputs yet that could be compared with.
            (!numbers.contains_key(other)).then_some((state.handle.as_str(), &state.outputs))
        };
        let standing = snapshot.resources.get(&address);
        let is_there = standing.zip(finish(resource, &recorded).ok());
        if is_there.is_some_and(|(state, wanted)| state.resource.properties == wanted.properties) {
            continue;
        }
        let replace = standing.is_some() && resource.create_first;
        let verb = match standing {
            Some(_) if !replace => Verb::Update,
            _ => Verb::Create,
        };
        let numbered = |need: &Address| numbers.get(need).copied();
        let after = resource.depends_on.iter().filter_map(numbered).collect();
        numbers.insert(address.clone(), actions.len());
        if let Some(state) = standing.filter(|_| replace) {
            old.push(state);
        }
        actions.push(Action {
            address,
            verb,
            resource: resource.clone(),
            after,
            deposed: None,
            deposes: replace,
        });
    }
    let all: BTreeSet<usize> = (0..actions.len()).collect();
    for state in old.into_iter().chain(&snapshot.deposed) {
        actions.push(removal(state, Some(state.incarnation), all.clone()));
    }
    remove_unwanted(desired, snapshot, &mut actions);
    Plan {
        state: Vec::new(),
        format: PLAN_FORMAT,
        project: "test".into(),
        lineage: snapshot.lineage.clone(),
        serial: snapshot.serial,
        actions,
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

/// Deletes what is recorded and not wanted, what needs others before those.
fn remove_unwanted(desired: &Desired, snapshot: &Snapshot, actions: &mut Vec<Action>) {
    let all = 0..actions.len();
    let mut gone: Vec<&ResourceState> = snapshot
        .resources
        .values()
        .filter(|state| !desired.contains_key(&state.resource.address))
        .collect();
    let mut deleted: BTreeMap<Address, usize> = BTreeMap::new();
    while !gone.is_empty() {
        let is_needed = |address: &Address, among: &[&ResourceState]| {
            among
                .iter()
                .any(|one| one.resource.depends_on.contains(address))
        };
        let free = gone
            .iter()
            .position(|one| !is_needed(&one.resource.address, &gone));
        let state = gone.remove(free.expect("the recorded graph has no cycle"));
        let above = deleted.iter().filter(|(address, _)| {
            let above = snapshot.resources.get(*address);
            above.is_some_and(|a| a.resource.depends_on.contains(&state.resource.address))
        });
        let mut after: BTreeSet<usize> = above.map(|(_, number)| *number).collect();
        after.extend(all.clone());
        deleted.insert(state.resource.address.clone(), actions.len());
        actions.push(removal(state, None, after));
    }
}

fn removal(state: &ResourceState, deposed: Option<u64>, after: BTreeSet<usize>) -> Action {
    Action {
        address: state.resource.address.clone(),
        verb: Verb::Delete,
        resource: state.resource.clone(),
        after,
        deposed,
        deposes: false,
    }
}

fn in_order(desired: &Desired) -> Vec<Address> {
    let mut order = Vec::new();
    let mut placed = BTreeSet::new();
    while order.len() < desired.len() {
        let is_free = |(address, resource): &(&Address, &Resource)| {
            !placed.contains(*address) && resource.depends_on.iter().all(|a| placed.contains(a))
        };
        let (address, _) = desired
            .iter()
            .find(is_free)
            .expect("no cycle, and nothing missing");
        placed.insert(address.clone());
        order.push(address.clone());
    }
    order
}

/// Who applies in tests.
pub(crate) fn holder() -> Holder {
    Holder {
        user: "ada".into(),
        host: "here".into(),
        operation: "apply".into(),
        since: "2026-01-01T00:00:00Z".into(),
    }
}

/// The same options under another name, as after a host was renamed.
pub(crate) fn renamed(options: &Options) -> Options {
    let holder = Holder {
        user: "grace".into(),
        host: "there".into(),
        ..holder()
    };
    Options {
        holder,
        ..options.clone()
    }
}

fn noon() -> Moment {
    Moment {
        text: "2026-01-01T12:00:00Z".into(),
        seconds: 1_767_268_800,
    }
}

/// Options whose every run is the same.
pub(crate) fn options(seed: u64, broken: Option<Rule>) -> Options {
    Options {
        now: noon,
        free_lock_after: None,
        schedule: Schedule::Stepped { seed },
        broken,
        parallel: 3,
        timings: Timings {
            retry_first: Duration::from_millis(2),
            poll_first: Duration::from_millis(2),
            ..Timings::default()
        },
        ..Options::new(holder(), "mlinfra apply")
    }
}

/// A cloud, and a state in memory that outlives its executors.
pub(crate) struct World {
    pub(crate) sim: Arc<Sim>,
    pub(crate) memory: Memory,
    pub(crate) providers: Providers,
    /// What the figure `score` of a node must be at least, by the node.
    pub(crate) bounds: Bounds,
}

impl World {
    pub(crate) fn new(settings: mlinfra_sim::Settings) -> Self {
        quiet_planned_panics();
        let sim = Arc::new(Sim::new(settings));
        let memory = Memory::default();
        drop(Store::create_in_memory(&memory, "test").expect("memory is never full"));
        let provider: Arc<dyn Provider> = sim.clone();
        World {
            sim,
            memory,
            providers: [provider].into_iter().collect(),
            bounds: Bounds::new(),
        }
    }

    pub(crate) fn open(&self, broken: Option<Rule>) -> Result<Store, String> {
        Store::open_in_memory(&self.memory, broken).map_err(|fault| fault.to_string())
    }

    /// What `mlinfra apply` does: recover, plan, apply. The plan's size and the summary.
    pub(crate) fn apply_once(
        &self,
        store: &mut Store,
        desired: &Desired,
        options: &Options,
    ) -> Result<(usize, Summary), ApplyFault> {
        let (quiet, interrupt) = (|_| {}, Interrupt::new());
        recover(store, &self.providers, options, &quiet, &interrupt)?;
        let plan = plan(desired, store.snapshot());
        let plan = judged(plan, &self.bounds, store.snapshot());
        let summary = apply(store, &plan, &self.providers, options, &quiet, &interrupt)?;
        Ok((plan.actions.len(), summary))
    }

    /// Applies until nothing is left to do, and says what does not hold then.
    pub(crate) fn converge(&self, desired: &Desired, options: &Options) -> Result<u32, String> {
        let applies_max = 8;
        let mut store = self.open(options.broken)?;
        for round in 0..applies_max {
            let done = self.apply_once(&mut store, desired, options);
            let (size, summary) = done.map_err(|fault| fault.to_string())?;
            if size == 0 && summary.operation.is_none() && store.snapshot().open.is_empty() {
                self.check(desired, &store)?;
                return Ok(round);
            }
        }
        Err(format!("not done after {applies_max} applies"))
    }

    /// No orphan, no duplicate, everything that is wanted, and a sound state.
    pub(crate) fn check(&self, desired: &Desired, store: &Store) -> Result<(), String> {
        let found = mlinfra_state::integrity::check(store.replayed());
        if !found.is_empty() {
            return Err(format!("unsound: {found:?}"));
        }
        if self.sim.duplicates() > 0 {
            return Err(format!("{} made twice", self.sim.duplicates()));
        }
        let live: Vec<_> = self
            .sim
            .live()
            .into_iter()
            .map(|one| (one.address, one.handle))
            .collect();
        let recorded: Vec<_> = store
            .snapshot()
            .resources
            .values()
            .map(|state| (state.resource.address.clone(), state.handle.clone()))
            .collect();
        if live != recorded {
            return Err(format!("there is {live:?}, but recorded is {recorded:?}"));
        }
        for (address, resource) in desired {
            let handle = store
                .snapshot()
                .resources
                .get(address)
                .map(|state| &state.handle);
            let real = handle.and_then(|handle| self.sim.properties(handle));
            let region = |of: &BTreeMap<String, Value>| {
                of.get("region")
                    .and_then(Value::as_text)
                    .map(str::to_lowercase)
            };
            if real.is_some_and(|real| region(&real) != region(&resource.properties)) {
                return Err(format!("{address} is not as it is wanted"));
            }
        }
        let held = held(desired, &self.bounds);
        let wanted = desired.keys().filter(|address| !held.contains(*address));
        let wanted: Vec<_> = wanted.cloned().collect();
        let made: Vec<_> = live.into_iter().map(|(address, _)| address).collect();
        if made != wanted {
            return Err(format!("there is {made:?}, but wanted is {wanted:?}"));
        }
        Ok(())
    }
}

/// A provider that looks into the journal at each call: is the intent there, and is all that the
/// call needs?
pub(crate) struct Witness {
    sim: Arc<Sim>,
    memory: Memory,
    pub(crate) seen: Mutex<Vec<String>>,
}

impl Witness {
    pub(crate) fn on(world: &mut World) -> Arc<Witness> {
        let witness = Arc::new(Witness {
            sim: world.sim.clone(),
            memory: world.memory.clone(),
            seen: Mutex::default(),
        });
        let provider: Arc<dyn Provider> = witness.clone();
        world.providers = [provider].into_iter().collect();
        witness
    }

    fn look(&self, request: &Request) -> Result<(), String> {
        let store = Store::open_in_memory(&self.memory, None).map_err(|e| e.to_string())?;
        let address = &request.resource.address;
        let call = store.replayed().calls.get(&request.token);
        let call =
            call.ok_or_else(|| format!("{address}: called before its intent was durable"))?;
        if call.started.resource != request.resource {
            return Err(format!(
                "{address}: called with another request than intended"
            ));
        }
        for need in &request.resource.depends_on {
            let is_made = store.snapshot().resources.contains_key(need);
            if request.verb != Verb::Delete && !is_made {
                return Err(format!("{address}: called before {need} was durable"));
            }
        }
        Ok(())
    }
}

impl Provider for Witness {
    fn name(&self) -> &str {
        "sim"
    }
    fn recovery(&self, resource_type: &str) -> Recovery {
        self.sim.recovery(resource_type)
    }
    fn begin(&self, request: &Request) -> Result<Begun, Fault> {
        if let Err(what) = self.look(request) {
            self.seen.lock().expect("no panic holds this").push(what);
        }
        self.sim.begin(request)
    }
    fn poll(&self, request: &Request, handle: &str) -> Result<Progress, Fault> {
        self.sim.poll(request, handle)
    }
    fn cancel(&self, request: &Request, handle: &str) -> Result<(), Fault> {
        self.sim.cancel(request, handle)
    }
    fn find(&self, request: &Request) -> Result<Found, Fault> {
        self.sim.find(request)
    }
    fn observe(&self, state: &ResourceState) -> Result<Observation, Fault> {
        self.sim.observe(state)
    }
    fn list(&self, lineage: &str) -> Result<Vec<Listed>, Fault> {
        self.sim.list(lineage)
    }
}

/// Keeps planned panics of the cloud out of the output, where a backtrace each would cost more than
/// the test.
pub(crate) fn quiet_planned_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = info.payload().downcast_ref::<&str>();
            if payload.is_none_or(|text| !text.starts_with("a planned panic")) {
                usual(info);
            }
        }));
    });
}
