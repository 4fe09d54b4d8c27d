//! What is done first of all: calls whose executor is gone are looked into, its operation closed.

use mlinfra_api::Address;
use mlinfra_state::{
    ActionEvent, ActionState, Lock, OperationEvent, OperationState, Record, Store,
};

use crate::adopt::flight_of;
use crate::engine::{Engine, Landing};
use crate::event::{Event, Recovered, without_secrets};
use crate::flight::{End, Flight};
use crate::hands::Ask;
use crate::interrupt::Interrupt;
use crate::options::{ApplyFault, Options, Providers};

/// Takes the lock, resolves every call that is in doubt, asks accepted ones once where they stand
/// (what still runs is left open, for a plan to adopt), and closes operations whose executor is
/// gone. The lock is kept, so that the plan that follows is made for what is found here.
///
/// # Errors
/// E0709 (busy) if somebody has the lock; E0722 for a provider that is not there; what the state
/// refuses.
pub fn recover(
    store: &mut Store,
    providers: &Providers,
    options: &Options,
    events: &(dyn Fn(Event) + Sync),
    interrupt: &Interrupt,
) -> Result<Vec<(Address, Recovered)>, ApplyFault> {
    store.lock(&options.holder)?;
    if store.replayed().calls.is_empty() && open_operations(store).is_empty() {
        return Ok(Vec::new());
    }
    let mut engine = Engine::new(store, options, events);
    let mut found = Vec::new();
    let mut landings = launch(&mut engine, providers)?;
    loop {
        for landing in landings {
            match landing {
                Landing::Ended { flight, end, .. } => {
                    found.push(told(&mut engine, &flight, end));
                }
                Landing::StillRuns { id } => {
                    if let Some(flight) = engine.flights.remove(&id) {
                        found.push(tell(&mut engine, &flight.address, Recovered::Running));
                    }
                }
                Landing::Rechecked { .. } => {}
            }
        }
        if engine.flights.is_empty() || interrupt.is_raised() {
            break;
        }
        landings = engine.pump(interrupt, false)?;
    }
    close_operations(&mut engine)?;
    engine.settle()?;
    drop(engine);
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// Operations that did not end and whose executor is gone.
pub(crate) fn open_operations(store: &Store) -> Vec<u64> {
    let open = store.operations().iter().filter(|one| !one.state.is_end());
    open.filter(|one| !executor_lives(store, one.number))
        .map(|one| one.number)
        .collect()
}

/// Whether the executor of an operation is alive.
pub(crate) fn executor_lives(store: &Store, operation: u64) -> bool {
    let folder = store.operation_folder(operation);
    folder.is_some_and(|folder| Lock::executor_lives(&folder))
}

fn launch(engine: &mut Engine<'_>, providers: &Providers) -> Result<Vec<Landing>, ApplyFault> {
    let calls: Vec<_> = engine.store.replayed().calls.values().cloned().collect();
    let mut landings = Vec::new();
    for call in calls {
        let replayed = engine.store.replayed();
        let operation = replayed.operation(call.operation);
        let waits = operation.is_some_and(|one| one.state == OperationState::Waiting);
        if waits && executor_lives(engine.store, call.operation) {
            // Its own executor follows it.
            continue;
        }
        let mut flight = flight_of(replayed, &call, providers, engine.options.broken)?;
        flight.window_is_open = window_is_open(engine.options, &flight, &call);
        match flight.state {
            ActionState::Running => drop(engine.follow(flight, Ask::Poll)),
            ActionState::Begun => {
                let lost = ActionEvent::Lost {
                    reason: "its executor died".into(),
                };
                let key = (flight.operation, flight.number);
                let address = flight.address.clone();
                engine.stage(key, &address, lost)?;
                flight.state = ActionState::InDoubt;
                landings.extend(engine.resolve(flight)?);
            }
            ActionState::InDoubt => landings.extend(engine.resolve(flight)?),
            _ => {}
        }
    }
    Ok(landings)
}

/// Whether sending the call again is still safe, by the clock alone and with a wide margin. Who
/// began it does not count: a name of a user or a host may change, and is for people.
fn window_is_open(options: &Options, flight: &Flight, call: &mlinfra_state::Call) -> bool {
    let request = &flight.request;
    let recovery = flight.provider.recovery(&request.resource.resource_type);
    let mlinfra_api::Recovery::Idempotent { window } = recovery else {
        return true;
    };
    let now = (options.now)().seconds;
    now.checked_sub(call.started.at_seconds)
        .is_some_and(|age| age <= window.as_secs() / 2)
}

fn told(engine: &mut Engine<'_>, flight: &Flight, end: End) -> (Address, Recovered) {
    let address = flight.address.clone();
    let how = match end {
        End::Done(outputs) => {
            engine.tell(Event::Done {
                address: address.clone(),
                verb: flight.request.verb,
                outputs: without_secrets(&outputs),
            });
            Recovered::Done
        }
        End::Failed(fault) => {
            engine.tell(Event::Failed {
                address: address.clone(),
                fault,
            });
            Recovered::Failed
        }
        End::Cancelled | End::Absent => Recovered::Absent,
        End::Stuck(_) => Recovered::Stuck,
        End::Unresolved(_) => Recovered::Unresolved,
        End::Silent => Recovered::Running,
    };
    tell(engine, &address, how)
}

fn tell(engine: &mut Engine<'_>, address: &Address, how: Recovered) -> (Address, Recovered) {
    engine.tell(Event::Recovered {
        address: address.clone(),
        how,
    });
    (address.clone(), how)
}

fn close_operations(engine: &mut Engine<'_>) -> Result<(), ApplyFault> {
    for operation in open_operations(engine.store) {
        let at = (engine.options.now)().text;
        engine.store.stage(Record::Operation {
            operation,
            at,
            event: OperationEvent::Interrupted,
        })?;
    }
    Ok(())
}
