//! The loop under executor and recovery: records in groups, calls after their records, answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mlinfra_api::{Address, Digest, Request, Value};
use mlinfra_state::{
    ActionEvent, ActionState, OperationEvent, OperationState, Record, Rule, Started, StateFault,
    Store, operation_name,
};

use crate::event::Event;
use crate::finish::Recorded;
use crate::flight::{End, Flight, Next, Why};
use crate::hands::{Ask, Facts, Hands, Job, Message, Work};
use crate::interrupt::Interrupt;
use crate::log::EventLog;
use crate::options::{Options, Recheck};

/// How often at least the interrupt is looked at.
const LOOK_MILLISECONDS: u64 = 50;

/// Everything that runs, and the one writer of the journal.
pub(crate) struct Engine<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) options: &'a Options,
    /// The operation that records; 0 while only recovering.
    pub(crate) operation: u64,
    pub(crate) flights: BTreeMap<u64, Flight>,
    /// The lock was free meanwhile, and somebody changed the state.
    pub(crate) moved: bool,
    pub(crate) log: Option<EventLog>,
    hands: Hands,
    interrupt: Interrupt,
    events: &'a (dyn Fn(Event) + Sync),
    next_flight: u64,
    timers: BTreeSet<(Duration, u64)>,
    outbox: Vec<Job>,
    told: Vec<Event>,
    begins_out: usize,
    rechecks_out: usize,
    quiet_since: Option<Duration>,
    freed_at: Option<u64>,
    /// Only with a rule broken: intents not yet written, outcomes held back.
    unwritten: BTreeMap<u64, Started>,
    held_back: Vec<Record>,
    overlay: BTreeMap<Address, (String, BTreeMap<String, Value>)>,
}

/// What came of waiting.
pub(crate) enum Landing {
    Rechecked {
        ticket: u64,
        changed: Option<usize>,
    },
    Ended {
        id: u64,
        flight: Box<Flight>,
        end: End,
    },
    /// A poll told that it still runs.
    StillRuns {
        id: u64,
    },
}

impl<'a> Engine<'a> {
    pub(crate) fn new(
        store: &'a mut Store,
        options: &'a Options,
        events: &'a (dyn Fn(Event) + Sync),
    ) -> Self {
        let hands = Hands::new(options.schedule, options.parallel);
        Engine {
            store,
            options,
            operation: 0,
            flights: BTreeMap::new(),
            moved: false,
            log: None,
            hands,
            interrupt: Interrupt::new(),
            events,
            next_flight: 0,
            timers: BTreeSet::new(),
            outbox: Vec::new(),
            told: Vec::new(),
            begins_out: 0,
            rechecks_out: 0,
            quiet_since: None,
            freed_at: None,
            unwritten: BTreeMap::new(),
            held_back: Vec::new(),
            overlay: BTreeMap::new(),
        }
    }

    /// Tells an event once everything staged so far is durable.
    pub(crate) fn tell(&mut self, event: Event) {
        self.told.push(event);
    }

    pub(crate) fn stage(
        &mut self,
        (operation, number): (u64, u64),
        address: &Address,
        event: ActionEvent,
    ) -> Result<(), StateFault> {
        self.store.stage(Record::Action {
            operation,
            number,
            address: address.clone(),
            event,
        })
    }

    pub(crate) fn stage_operation(&mut self, event: OperationEvent) -> Result<(), StateFault> {
        self.store.stage(Record::Operation {
            operation: self.operation,
            at: (self.options.now)().text,
            event,
        })
    }

    /// How many calls that change something are made or about to be made.
    pub(crate) fn begins(&self) -> usize {
        self.begins_out
    }

    /// Whether a fact is being asked again.
    pub(crate) fn is_rechecking(&self) -> bool {
        self.rechecks_out > 0
    }

    /// What is recorded of a resource.
    pub(crate) fn recorded(&self, address: &Address) -> Option<Recorded<'_>> {
        if let Some((handle, outputs)) = self.overlay.get(address) {
            return Some((handle, outputs));
        }
        let state = self.store.snapshot().resources.get(address)?;
        Some((&state.handle, &state.outputs))
    }

    /// Stages the intent of a call; the call itself is made once that is durable.
    pub(crate) fn begin(&mut self, flight: Flight, started: Started) -> Result<u64, StateFault> {
        let key = (flight.operation, flight.number);
        let address = flight.address.clone();
        let id = self.add(flight);
        self.tell(Event::Started {
            address: address.clone(),
            verb: started.verb,
        });
        if self.options.broken == Some(Rule::IntentFirst) {
            self.unwritten.insert(id, started);
        } else {
            self.stage(key, &address, ActionEvent::Started(Box::new(started)))?;
        }
        self.ask(id, Ask::Begin);
        Ok(id)
    }

    /// Follows a call that was begun earlier.
    pub(crate) fn follow(&mut self, flight: Flight, ask: Ask) -> u64 {
        let id = self.add(flight);
        self.ask(id, ask);
        id
    }

    /// Starts to find out what became of a call in doubt.
    pub(crate) fn resolve(&mut self, mut flight: Flight) -> Result<Option<Landing>, StateFault> {
        let reaction = flight.resolve(self.hands.now());
        let id = self.add_nothing();
        self.apply_reaction(id, flight, reaction.events, reaction.next)
    }

    /// Asks facts again. The ticket comes back with the answer.
    pub(crate) fn recheck(&mut self, recheck: Arc<dyn Recheck>, facts: Facts) -> u64 {
        let ticket = self.add_nothing();
        self.rechecks_out += 1;
        self.outbox.push(Job {
            flight: ticket,
            work: Work::Recheck { recheck, facts },
        });
        ticket
    }

    /// Takes back every call that was not made yet: those flights end as absent.
    pub(crate) fn withdraw(&mut self) -> Result<Vec<Landing>, StateFault> {
        let mut ids = self.hands.withdraw();
        self.begins_out -= ids.len();
        let is_idle = |id: &u64, flight: &Flight| {
            flight.state == ActionState::Begun && self.timers.iter().any(|(_, of)| of == id)
        };
        let idle = self
            .flights
            .iter()
            .filter(|(id, flight)| is_idle(id, flight));
        ids.extend(idle.map(|(id, _)| *id).collect::<Vec<_>>());
        let mut landings = Vec::new();
        for id in ids {
            self.timers.retain(|(_, of)| *of != id);
            let Some(flight) = self.flights.remove(&id) else {
                continue;
            };
            let mut events = vec![ActionEvent::ProvedAbsent];
            if flight.state == ActionState::Begun {
                let reason = "interrupted before the call was made".to_owned();
                events.insert(0, ActionEvent::Lost { reason });
            } else {
                // A call that resolves a doubt is no new one: the doubt stays.
                self.flights.insert(id, flight);
                continue;
            }
            let next = Next::End(End::Absent);
            landings.extend(self.apply_reaction(id, flight, events, next)?);
        }
        Ok(landings)
    }

    /// Makes what is staged durable, makes the calls that waited for that, waits for answers, and
    /// says what came of them.
    pub(crate) fn pump(
        &mut self,
        interrupt: &Interrupt,
        may_free_lock: bool,
    ) -> Result<Vec<Landing>, StateFault> {
        self.interrupt = interrupt.clone();
        self.settle()?;
        if may_free_lock {
            self.free_lock_if_quiet()?;
        }
        self.fire_timers();
        let now = self.hands.now();
        let look = now + Duration::from_millis(LOOK_MILLISECONDS);
        let timer = self.timers.first().map(|(at, _)| *at);
        let until = match self.options.schedule {
            crate::Schedule::Threads => timer.map_or(look, |at| at.min(look)),
            crate::Schedule::Stepped { .. } => timer.unwrap_or(look),
        };
        if interrupt.is_final() {
            return Ok(Vec::new());
        }
        let mut landings = Vec::new();
        for message in self.hands.wait(until) {
            landings.extend(self.on_message(message)?);
        }
        Ok(landings)
    }

    /// Makes what is staged durable, then makes the calls and tells the events that waited for it.
    pub(crate) fn settle(&mut self) -> Result<(), StateFault> {
        if self.store.is_locked() {
            self.store.flush()?;
        }
        for job in std::mem::take(&mut self.outbox) {
            self.hands.submit(job);
        }
        for event in std::mem::take(&mut self.told) {
            if let Some(log) = &mut self.log {
                log.write(&event);
            }
            (self.events)(event);
        }
        if self.store.is_locked() {
            self.store.anchor()?;
        }
        Ok(())
    }

    /// Writes the outcomes that were held back: only with a rule broken there are any.
    pub(crate) fn write_held_back(&mut self) -> Result<(), StateFault> {
        for record in std::mem::take(&mut self.held_back) {
            self.store.stage(record)?;
        }
        Ok(())
    }

    fn add(&mut self, flight: Flight) -> u64 {
        let id = self.add_nothing();
        self.flights.insert(id, flight);
        id
    }

    fn add_nothing(&mut self) -> u64 {
        self.next_flight += 1;
        self.next_flight
    }

    /// Queues the next call of a flight.
    fn ask(&mut self, id: u64, ask: Ask) {
        let flight = &self.flights[&id];
        if ask == Ask::Begin {
            self.begins_out += 1;
        }
        let work = Work::Call {
            ask,
            provider: Arc::clone(&flight.provider),
            request: Arc::clone(&flight.request),
            handle: flight.handle.clone().unwrap_or_default(),
        };
        self.outbox.push(Job { flight: id, work });
    }

    fn fire_timers(&mut self) {
        let now = self.hands.now();
        while let Some((_, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.pop_first();
            let next = self
                .flights
                .get_mut(&id)
                .and_then(|flight| flight.next.take());
            if let Some(ask) = next {
                self.ask(id, ask);
            }
        }
        // What a timer asks rests on no new record.
        for job in std::mem::take(&mut self.outbox) {
            self.hands.submit(job);
        }
    }

    fn on_message(&mut self, message: Message) -> Result<Option<Landing>, StateFault> {
        use crate::hands::Answered;
        let Message {
            flight: id,
            answered,
        } = message;
        if let Answered::Rechecked(changed) = answered {
            self.rechecks_out -= 1;
            return Ok(Some(Landing::Rechecked {
                ticket: id,
                changed,
            }));
        }
        let Some(mut flight) = self.flights.remove(&id) else {
            // A recheck that panicked: the fact can't be told, so it does not hold.
            self.rechecks_out -= 1;
            return Ok(Some(Landing::Rechecked {
                ticket: id,
                changed: Some(0),
            }));
        };
        let was_begin = matches!(answered, Answered::Begun(_))
            || (matches!(answered, Answered::Panicked) && flight.handle.is_none());
        if was_begin {
            self.begins_out = self.begins_out.saturating_sub(1);
        }
        let now = self.hands.now();
        let reaction = flight.react(answered, now, &self.options.timings);
        self.apply_reaction(id, flight, reaction.events, reaction.next)
    }

    fn apply_reaction(
        &mut self,
        id: u64,
        mut flight: Flight,
        events: Vec<ActionEvent>,
        next: Next,
    ) -> Result<Option<Landing>, StateFault> {
        if !events.is_empty() {
            self.quiet_since = None;
            self.take_lock_again()?;
            let key = (flight.operation, flight.number);
            if let Some(started) = self.unwritten.remove(&id) {
                self.stage(
                    key,
                    &flight.address,
                    ActionEvent::Started(Box::new(started)),
                )?;
            }
            if let Some(end) = self.ended_by_another(&flight) {
                let flight = Box::new(flight);
                return Ok(Some(Landing::Ended { id, flight, end }));
            }
        }
        for event in events {
            flight.state = flight.state.next(&event).map_err(|illegal| {
                StateFault::new("E0710", format!("{}: {illegal}", flight.address))
            })?;
            self.stage_outcome(&flight, event)?;
        }
        match next {
            Next::End(end) => {
                let flight = Box::new(flight);
                Ok(Some(Landing::Ended { id, flight, end }))
            }
            Next::Ask { ask, at, why } => {
                flight.next = Some(ask);
                let landing = self.explain(id, &flight.address, why);
                self.flights.insert(id, flight);
                self.timers.insert((at, id));
                Ok(landing)
            }
        }
    }

    fn stage_outcome(&mut self, flight: &Flight, event: ActionEvent) -> Result<(), StateFault> {
        let (operation, number) = (flight.operation, flight.number);
        if self.options.broken == Some(Rule::OutcomeFirst)
            && let ActionEvent::Succeeded { handle, outputs } = &event
        {
            let handle = handle.clone().or_else(|| flight.handle.clone());
            let known = (handle.unwrap_or_default(), outputs.clone());
            self.overlay.insert(flight.address.clone(), known);
            self.held_back.push(Record::Action {
                operation,
                number,
                address: flight.address.clone(),
                event,
            });
            return Ok(());
        }
        self.stage((operation, number), &flight.address, event)
    }

    fn explain(&mut self, id: u64, address: &Address, why: Why) -> Option<Landing> {
        let address = address.clone();
        match why {
            Why::Nothing => None,
            Why::Accepted => {
                self.tell(Event::Accepted { address });
                None
            }
            Why::Trouble(reason) => {
                self.tell(Event::Waiting { address, reason });
                None
            }
            Why::Progress {
                note,
                done,
                figures,
            } => {
                let at = self.hands.now().as_millis();
                self.tell(Event::Progress {
                    address,
                    note,
                    done,
                    figures,
                    at_milliseconds: u64::try_from(at).unwrap_or(u64::MAX),
                });
                Some(Landing::StillRuns { id })
            }
        }
    }

    /// Frees the lock once nothing but accepted work was left for a while.
    fn free_lock_if_quiet(&mut self) -> Result<(), StateFault> {
        let Some(patience) = self.options.free_lock_after else {
            return Ok(());
        };
        let quiet = self.freed_at.is_none()
            && self.operation != 0
            && self.rechecks_out == 0
            && !self.flights.is_empty()
            && self
                .flights
                .values()
                .all(|flight| flight.state == ActionState::Running);
        if !quiet {
            self.quiet_since = None;
            return Ok(());
        }
        let now = self.hands.now();
        let since = *self.quiet_since.get_or_insert(now);
        if now.saturating_sub(since) < patience {
            return Ok(());
        }
        self.stage_operation(OperationEvent::OnlyAcceptedLeft)?;
        self.tell(Event::OnlyAcceptedLeft {
            operation: operation_name(self.operation),
        });
        self.settle()?;
        self.store.unlock()?;
        self.freed_at = Some(self.store.snapshot().serial);
        Ok(())
    }

    /// Takes the lock again, if it was freed, and sees what others did meanwhile.
    pub(crate) fn take_lock_again(&mut self) -> Result<(), StateFault> {
        let Some(serial) = self.freed_at else {
            return Ok(());
        };
        loop {
            match self.store.lock(&self.options.holder) {
                Ok(()) => break,
                Err(fault) if fault.busy && !self.interrupt.is_final() => {
                    std::thread::sleep(Duration::from_millis(LOOK_MILLISECONDS));
                }
                Err(fault) => return Err(fault),
            }
        }
        self.freed_at = None;
        self.moved |= self.store.snapshot().serial != serial;
        let state = self.store.replayed().operation(self.operation);
        if state.is_some_and(|operation| operation.state == OperationState::Waiting) {
            self.stage_operation(OperationEvent::Resumed)?;
        }
        Ok(())
    }

    /// How a call ended, if somebody else recorded it while the lock was free.
    fn ended_by_another(&self, flight: &Flight) -> Option<End> {
        let replayed = self.store.replayed();
        let key = (flight.operation, flight.number);
        match replayed.action_state(key.0, key.1) {
            ActionState::Done => {
                let outputs = replayed.snapshot.resources.get(&flight.address);
                let outputs = outputs.map(|state| state.outputs.clone());
                Some(End::Done(outputs.unwrap_or_default()))
            }
            ActionState::Failed | ActionState::Stuck => {
                let fault = mlinfra_api::Fault::failed("E0720", "another operation saw it fail");
                Some(End::Failed(fault))
            }
            ActionState::Cancelled => Some(End::Cancelled),
            // A person decided it.
            _ if !replayed
                .calls
                .values()
                .any(|one| (one.operation, one.number) == key) =>
            {
                let fault = mlinfra_api::Fault::failed("E0720", "somebody decided the call");
                Some(End::Failed(fault))
            }
            _ => None,
        }
    }
}

/// What tells one request from another under the same token. Secrets do not enter it.
pub(crate) fn digest_of(request: &Request) -> String {
    let resource = serde_json::to_string(&request.resource).expect("a resource is plain data");
    let verb = format!("{:?}", request.verb);
    Digest::of_parts([verb.as_bytes(), resource.as_bytes()]).to_string()
}
