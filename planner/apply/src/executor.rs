//! The order of a plan's actions: each starts once what it needs is durable, all else goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlinfra_api::{Address, Fault, Recovery, Request, ResourceState, Token, Verb};
use mlinfra_plan::{Action, JudgedGate, Plan};
use mlinfra_state::{
    ActionEvent, ActionState, Lock, OperationEvent, Record, Rule, Started, Store, operation_name,
};

use crate::adopt::{no_provider, stuck_fault, unsettled_fault};
use crate::engine::{Engine, Landing, digest_of};
use crate::event::{BlockReason, Event, without_secrets};
use crate::facts;
use crate::finish::finish;
use crate::flight::{End, Flight};
use crate::hands::Facts;
use crate::interrupt::Interrupt;
use crate::judge::{gates_by_step, known_before};
use crate::log::EventLog;
use crate::options::{ApplyFault, Options, Providers, Summary};
use crate::recover::recover;

/// How often one action is begun again after it was proved that it never took effect.
const STARTS_MAX: u32 = 4;

/// Carries a plan out. If the store has the lock, [`recover`] was called before the plan was made;
/// otherwise takes the lock and recovers. Then refuses a plan whose state moved, makes the calls,
/// and frees the lock.
///
/// # Errors
/// What kept it from starting or from writing: E0709 and E0714 are busy (exit code 4). What goes
/// wrong with single actions is in the summary.
pub fn apply(
    store: &mut Store,
    plan: &Plan,
    providers: &Providers,
    options: &Options,
    events: &(dyn Fn(Event) + Sync),
    interrupt: &Interrupt,
) -> Result<Summary, ApplyFault> {
    for action in &plan.actions {
        let name = &action.resource.provider;
        providers.get(name).ok_or_else(|| no_provider(name))?;
    }
    // Whoever has the lock already has recovered before planning.
    if !store.is_locked() {
        recover(store, providers, options, events, interrupt)?;
    }
    let done = run(store, plan, providers, options, events, interrupt);
    let freed = store.unlock();
    let summary = done?;
    freed?;
    Ok(summary)
}

fn run(
    store: &mut Store,
    plan: &Plan,
    providers: &Providers,
    options: &Options,
    events: &(dyn Fn(Event) + Sync),
    interrupt: &Interrupt,
) -> Result<Summary, ApplyFault> {
    facts::refuse_stale(store, plan, options.recheck.as_deref())?;
    if plan.is_empty() && !has_running(store) {
        return Ok(known_before(plan));
    }
    let number = store.operations().len() as u64 + 1;
    // Held until the end: it says that the executor lives.
    let _alive = match store.operation_folder(number) {
        Some(folder) => Some(Lock::of_executor(&folder)?),
        None => None,
    };
    let folder = store.operation_folder(number);
    let mut engine = Engine::new(store, options, events);
    engine.operation = number;
    engine.log = folder.as_deref().and_then(EventLog::open);
    engine.store.stage(Record::OperationStarted {
        operation: number,
        goal: options.goal,
        who: options.holder.who(),
        command: options.command.clone(),
        at: (options.now)().text,
    })?;
    // In one write with the beginning of the operation: all of it is recorded, or nothing.
    for change in &plan.state {
        engine.store.stage(Record::Changed {
            operation: number,
            change: change.clone(),
        })?;
    }
    engine.tell(Event::OperationStarted {
        operation: operation_name(number),
    });
    engine.tell(Event::queued(plan));
    let mut run = Run::new(engine, plan, providers, interrupt);
    run.take_over()?;
    run.go()?;
    run.finish()
}

fn has_running(store: &Store) -> bool {
    (store.snapshot().open.values()).any(|call| call.handle.is_some())
}

/// An operation under way.
pub(crate) struct Run<'a, 'e> {
    pub(crate) engine: Engine<'e>,
    pub(crate) providers: &'a Providers,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) ready: BTreeSet<usize>,
    /// Which action a flight is for; none for one that is only cancelled.
    pub(crate) pilots: BTreeMap<u64, usize>,
    /// Which action asks its facts again.
    rechecks: BTreeMap<u64, usize>,
    /// Calls of earlier operations that must end first, by address.
    pub(crate) in_the_way: BTreeMap<Address, u64>,
    facts: BTreeMap<Address, Facts>,
    pub(crate) gates: BTreeMap<&'a Address, Vec<&'a JudgedGate>>,
    pub(crate) summary: Summary,
    stopping: bool,
}

pub(crate) struct Node<'a> {
    pub(crate) action: &'a Action,
    waits: usize,
    pub(crate) dependents: Vec<usize>,
    pub(crate) status: Status,
    starts: u32,
    rechecked: bool,
    /// A call that stood in the way finished before it could be cancelled.
    pub(crate) overtaken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Rechecking,
    Flying,
    Done,
    Over,
}

impl<'a, 'e> Run<'a, 'e> {
    fn new(
        engine: Engine<'e>,
        plan: &'a Plan,
        providers: &'a Providers,
        interrupt: &'a Interrupt,
    ) -> Self {
        let mut nodes: Vec<Node<'a>> = Vec::with_capacity(plan.actions.len());
        for (number, action) in plan.actions.iter().enumerate() {
            for before in &action.after {
                nodes[*before].dependents.push(number);
            }
            nodes.push(Node {
                action,
                waits: action.after.len(),
                dependents: Vec::new(),
                status: Status::Pending,
                starts: 0,
                rechecked: false,
                overtaken: false,
            });
        }
        let free = |(number, node): (usize, &Node<'_>)| (node.waits == 0).then_some(number);
        let ready = nodes.iter().enumerate().filter_map(free).collect();
        let summary = Summary {
            operation: Some(operation_name(engine.operation)),
            ..known_before(plan)
        };
        Run {
            facts: facts::facts_by_address(plan),
            gates: gates_by_step(plan),
            engine,
            providers,
            interrupt,
            nodes,
            ready,
            pilots: BTreeMap::new(),
            rechecks: BTreeMap::new(),
            in_the_way: BTreeMap::new(),
            summary,
            stopping: false,
        }
    }

    fn go(&mut self) -> Result<(), ApplyFault> {
        loop {
            self.start_ready()?;
            if self.is_over() {
                return Ok(());
            }
            let may_free = self.ready.is_empty() && !self.stopping;
            let landings = self.engine.pump(self.interrupt, may_free)?;
            if self.interrupt.is_final() {
                return Ok(());
            }
            for landing in landings {
                self.land(landing)?;
            }
            if self.engine.moved {
                self.stop_pending("the state changed while the lock was free")?;
            }
            if self.interrupt.is_raised() && !self.stopping {
                self.stopping = true;
                for landing in self.engine.withdraw()? {
                    self.land(landing)?;
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        if self.engine.is_rechecking() {
            return false;
        }
        let flights = &self.engine.flights;
        if self.stopping {
            return self.engine.begins() == 0
                && flights
                    .values()
                    .all(|flight| flight.state != ActionState::Begun);
        }
        let only_running = || flights.values().all(|f| f.state == ActionState::Running);
        self.ready.is_empty()
            && (flights.is_empty() || (self.engine.options.detach && only_running()))
    }

    /// Starts what may start. Intents are written ahead, so that a slot is held by its call alone.
    fn start_ready(&mut self) -> Result<(), ApplyFault> {
        if self.stopping {
            return Ok(());
        }
        let slots = self.engine.options.parallel.max(1);
        let mut parked = Vec::new();
        while self.engine.begins() < 2 * slots {
            let Some(number) = self.ready.pop_first() else {
                break;
            };
            let address = &self.nodes[number].action.address;
            if self.in_the_way.contains_key(address) {
                parked.push(number);
                continue;
            }
            // What can't be proved later is not even intended before a slot is free for it.
            if self.engine.begins() >= slots && self.is_unprovable(number) {
                parked.push(number);
                continue;
            }
            self.start(number)?;
        }
        self.ready.extend(parked);
        Ok(())
    }

    fn is_unprovable(&self, number: usize) -> bool {
        let resource = &self.nodes[number].action.resource;
        let provider = self.providers.get(&resource.provider);
        provider.is_some_and(|one| one.recovery(&resource.resource_type) == Recovery::None)
    }

    fn start(&mut self, number: usize) -> Result<(), ApplyFault> {
        let action = self.nodes[number].action;
        let address = &action.address;
        if self.engine.store.snapshot().open.contains_key(address) {
            let message = "an earlier call there is still in doubt".to_owned();
            return self.block(number, BlockReason::Busy { message });
        }
        if self.nodes[number].overtaken {
            let message = "an earlier call there finished first; apply again".to_owned();
            return self.block(number, BlockReason::Busy { message });
        }
        let recheck = self.engine.options.recheck.clone();
        if let (false, Some(recheck)) = (self.nodes[number].rechecked, recheck)
            && let Some(facts) = self.facts.get(address)
        {
            let ticket = self.engine.recheck(recheck, Arc::clone(facts));
            self.rechecks.insert(ticket, number);
            self.nodes[number].status = Status::Rechecking;
            return Ok(());
        }
        let target = self.target(action).cloned();
        let resource = match (action.verb, &target) {
            // Nothing is there to delete.
            (Verb::Delete, None) => {
                self.complete(number);
                return Ok(());
            }
            (Verb::Update, None) => {
                let message = "what should change is no longer there".to_owned();
                let code = "E0717".to_owned();
                return self.block(number, BlockReason::Changed { code, message });
            }
            (Verb::Delete, Some(state)) => state.resource.clone(),
            (Verb::Create | Verb::Update, _) => {
                let recorded = |address: &Address| self.engine.recorded(address);
                match finish(&action.resource, &recorded) {
                    Ok(resource) => resource,
                    Err(reference) => {
                        return self.block(number, BlockReason::Unresolved { reference });
                    }
                }
            }
        };
        self.begin(number, resource, target)
    }

    /// What a call replaces, changes or deletes.
    pub(crate) fn target(&self, action: &Action) -> Option<&ResourceState> {
        let replayed = self.engine.store.replayed();
        match action.deposed {
            Some(incarnation) => replayed.prior(&action.address, Some(incarnation)),
            None => replayed.snapshot.resources.get(&action.address),
        }
    }

    fn begin(
        &mut self,
        number: usize,
        resource: mlinfra_api::Resource,
        prior: Option<ResourceState>,
    ) -> Result<(), ApplyFault> {
        let action = self.nodes[number].action;
        let options = self.engine.options;
        let snapshot = self.engine.store.snapshot();
        let begun = snapshot.incarnations.get(&action.address).copied();
        let incarnation = begun.unwrap_or(0) + 1;
        let token = self.token(&action.address, incarnation, self.nodes[number].starts);
        let lineage = snapshot.lineage.clone();
        let before = prior.as_ref().map(|state| state.incarnation);
        let request = Request {
            verb: action.verb,
            token: token.clone(),
            lineage,
            resource: resource.clone(),
            prior,
        };
        let started = Started {
            token,
            request: digest_of(&request),
            verb: action.verb,
            incarnation,
            resource,
            prior: before,
            deposes: action.deposes,
            at_seconds: (options.now)().seconds,
        };
        let name = &request.resource.provider;
        let provider = self.providers.get(name).ok_or_else(|| no_provider(name))?;
        let key = (self.engine.operation, number as u64);
        let state = ActionState::Begun;
        let flight = Flight::new(key, Arc::clone(provider), request, state, options.broken);
        let id = self.engine.begin(flight, started)?;
        self.pilots.insert(id, number);
        let node = &mut self.nodes[number];
        node.status = Status::Flying;
        node.starts += 1;
        Ok(())
    }

    fn token(&self, address: &Address, incarnation: u64, starts: u32) -> Token {
        let lineage = &self.engine.store.snapshot().lineage;
        let drawn = match self.engine.options.broken {
            Some(Rule::FixedToken) => self.engine.store.writes() + 1_000,
            Some(Rule::DoubtNotRetried) => u64::from(starts) * 1_000,
            _ => 0,
        };
        Token::new(lineage, address, incarnation + drawn)
    }

    fn land(&mut self, landing: Landing) -> Result<(), ApplyFault> {
        match landing {
            Landing::StillRuns { .. } => Ok(()),
            Landing::Rechecked { ticket, changed } => self.on_rechecked(ticket, changed),
            Landing::Ended { id, flight, end } => match self.pilots.remove(&id) {
                Some(number) => self.on_end(number, &flight, end),
                None => {
                    self.on_cancelled(&flight, &end);
                    Ok(())
                }
            },
        }
    }

    fn on_rechecked(&mut self, ticket: u64, changed: Option<usize>) -> Result<(), ApplyFault> {
        let Some(number) = self.rechecks.remove(&ticket) else {
            return Ok(());
        };
        let address = &self.nodes[number].action.address;
        // A fact holds for the first action at its address alone: that one changes it.
        let facts = self.facts.remove(address);
        self.nodes[number].rechecked = true;
        self.nodes[number].status = Status::Pending;
        let Some(index) = changed else {
            self.ready.insert(number);
            return Ok(());
        };
        let fact = facts.as_ref().and_then(|facts| facts.get(index));
        let message = facts::changed(fact.map(|(question, _)| question));
        let code = "E0717".to_owned();
        self.block(number, BlockReason::Changed { code, message })
    }

    fn on_end(&mut self, number: usize, flight: &Flight, end: End) -> Result<(), ApplyFault> {
        let address = flight.address.clone();
        match end {
            End::Done(outputs) => {
                self.engine.tell(Event::Done {
                    address,
                    verb: flight.request.verb,
                    outputs: without_secrets(&outputs),
                });
                self.judge(number, &outputs)?;
                self.complete(number);
                Ok(())
            }
            End::Failed(fault) => self.fail(number, fault),
            End::Stuck(reason) => self.fail(number, stuck_fault(&reason)),
            End::Unresolved(reason) => self.fail(number, unsettled_fault(&reason)),
            // Somebody else recorded its end while the lock was free: nothing can follow that.
            End::Absent | End::Cancelled if self.is_recorded_as_over(number) => {
                let message = "another command cancelled it; apply again".to_owned();
                self.block(number, BlockReason::Stopped { message })
            }
            End::Absent | End::Cancelled if self.nodes[number].starts < STARTS_MAX => {
                self.nodes[number].status = Status::Pending;
                self.ready.insert(number);
                Ok(())
            }
            End::Absent | End::Cancelled => {
                let fault = Fault::refused("E0721", "gave up: the call does not get through");
                self.fail(number, fault)
            }
            End::Silent => {
                self.summary.left.push(address.clone());
                self.nodes[number].status = Status::Over;
                self.block_dependents(number)
            }
        }
    }

    fn is_recorded_as_over(&self, number: usize) -> bool {
        let replayed = self.engine.store.replayed();
        let state = replayed.action_state(self.engine.operation, number as u64);
        state.is_end()
    }

    fn complete(&mut self, number: usize) {
        let address = self.nodes[number].action.address.clone();
        self.summary.done.push(address);
        self.nodes[number].status = Status::Done;
        for next in self.nodes[number].dependents.clone() {
            let node = &mut self.nodes[next];
            node.waits -= 1;
            if node.waits == 0 && node.status == Status::Pending {
                self.ready.insert(next);
            }
        }
    }

    fn fail(&mut self, number: usize, fault: Fault) -> Result<(), ApplyFault> {
        let address = self.nodes[number].action.address.clone();
        self.engine.tell(Event::Failed {
            address: address.clone(),
            fault: fault.clone(),
        });
        self.summary.failed.push((address, fault));
        self.nodes[number].status = Status::Over;
        self.block_dependents(number)
    }

    pub(crate) fn block(&mut self, number: usize, reason: BlockReason) -> Result<(), ApplyFault> {
        self.block_one(number, reason)?;
        self.block_dependents(number)
    }

    /// Blocks all that waits for an action, directly or not.
    fn block_dependents(&mut self, number: usize) -> Result<(), ApplyFault> {
        let mut todo = vec![number];
        while let Some(above) = todo.pop() {
            let address = self.nodes[above].action.address.clone();
            for next in self.nodes[above].dependents.clone() {
                if self.nodes[next].status == Status::Pending {
                    let address = address.clone();
                    self.block_one(next, BlockReason::Upstream { address })?;
                    todo.push(next);
                }
            }
        }
        Ok(())
    }

    fn block_one(&mut self, number: usize, reason: BlockReason) -> Result<(), ApplyFault> {
        let address = self.nodes[number].action.address.clone();
        self.nodes[number].status = Status::Over;
        self.ready.remove(&number);
        // One that was begun and proved absent is pending again, so it can be blocked as well.
        self.engine.take_lock_again()?;
        if !self.is_recorded_as_over(number) {
            let key = (self.engine.operation, number as u64);
            let reason = reason.to_string();
            let event = ActionEvent::Blocked { reason };
            self.engine.stage(key, &address, event)?;
        }
        self.engine.tell(Event::Blocked {
            address: address.clone(),
            reason: reason.clone(),
        });
        self.summary.blocked.push((address, reason));
        Ok(())
    }

    fn stop_pending(&mut self, why: &str) -> Result<(), ApplyFault> {
        for number in 0..self.nodes.len() {
            if self.nodes[number].status == Status::Pending {
                let message = why.to_owned();
                self.block_one(number, BlockReason::Stopped { message })?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Summary, ApplyFault> {
        self.summary.interrupted = self.interrupt.is_raised();
        let flying = self.engine.flights.values().map(|one| one.address.clone());
        self.summary.left.extend(flying.collect::<Vec<_>>());
        if self.interrupt.is_final() {
            // Left at once: the next holder of the lock finds no living executor.
            self.engine.settle()?;
            return Ok(self.summary);
        }
        self.engine.take_lock_again()?;
        if self.interrupt.is_raised() {
            self.stop_pending("the operation was interrupted")?;
        } else if self.engine.options.detach && !self.summary.left.is_empty() {
            self.stop_pending("the operation was left to itself")?;
        }
        self.engine.write_held_back()?;
        let (ok, failed, blocked) = (
            self.summary.done.len() as u64,
            self.summary.failed.len() as u64,
            self.summary.blocked.len() as u64,
        );
        let event = match self.summary.left.is_empty() {
            true => OperationEvent::Ended {
                ok,
                failed,
                blocked,
            },
            false => OperationEvent::OnlyAcceptedLeft,
        };
        let record = self
            .engine
            .store
            .replayed()
            .operation(self.engine.operation);
        if record.is_some_and(|one| !one.state.is_end()) {
            self.engine.stage_operation(event)?;
        }
        self.engine.tell(Event::Ended {
            operation: operation_name(self.engine.operation),
            ok,
            failed,
            blocked,
            left: self.summary.left.clone(),
        });
        self.engine.settle()?;
        self.engine.store.compact_if_long()?;
        Ok(self.summary)
    }
}
