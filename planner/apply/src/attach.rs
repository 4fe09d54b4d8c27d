//! Coming back to an operation: watching its executor, or following what it left running.

use std::path::Path;
use std::time::Duration;

use mlinfra_state::{ActionState, Lock, OperationEvent, OperationState, Record, Store};

use crate::adopt::flight_of;
use crate::engine::{Engine, Landing};
use crate::event::{Event, without_secrets};
use crate::flight::{End, Flight};
use crate::hands::Ask;
use crate::interrupt::Interrupt;
use crate::log::{EventLog, read_events};
use crate::options::{ApplyFault, Options, Providers, Summary};
use crate::recover::{executor_lives, recover};

/// How often the log of a living executor is read.
const READ_MILLISECONDS: u64 = 100;

/// Comes back to an operation: while its executor lives, passes on what it tells; otherwise takes
/// the lock, follows all accepted work to its end and records that. Nothing new is begun.
///
/// # Errors
/// E0709 (busy) if somebody has the lock; what the state refuses.
pub fn attach(
    store: &mut Store,
    operation: u64,
    providers: &Providers,
    options: &Options,
    events: &(dyn Fn(Event) + Sync),
    interrupt: &Interrupt,
) -> Result<Summary, ApplyFault> {
    if executor_lives(store, operation)
        && let Some(folder) = store.operation_folder(operation)
    {
        let summary = watch(&folder, events, interrupt);
        store.reload()?;
        return Ok(summary);
    }
    store.lock(&options.holder)?;
    let followed = follow(store, operation, providers, options, events, interrupt);
    let freed = store.unlock();
    let summary = followed?;
    freed?;
    Ok(summary)
}

/// Passes on the events of a living executor.
fn watch(folder: &Path, events: &(dyn Fn(Event) + Sync), interrupt: &Interrupt) -> Summary {
    let mut summary = Summary::default();
    let mut offset = 0;
    loop {
        // Asked before reading, so that what it told last is read still.
        let lives = Lock::executor_lives(folder);
        let (told, behind) = read_events(folder, offset);
        offset = behind;
        for event in told {
            note(&mut summary, &event);
            events(event);
        }
        if !lives || interrupt.is_raised() {
            summary.interrupted = interrupt.is_raised();
            return summary;
        }
        std::thread::sleep(Duration::from_millis(READ_MILLISECONDS));
    }
}

fn note(summary: &mut Summary, event: &Event) {
    match event {
        Event::OperationStarted { operation } => summary.operation = Some(operation.clone()),
        Event::Done { address, .. } => summary.done.push(address.clone()),
        Event::Failed { address, fault } => summary.failed.push((address.clone(), fault.clone())),
        Event::Blocked { address, reason } => {
            summary.blocked.push((address.clone(), reason.clone()));
        }
        Event::Judged { gate } => summary.gates.push(gate.clone()),
        Event::Ended { left, .. } => summary.left.clone_from(left),
        _ => {}
    }
}

fn follow(
    store: &mut Store,
    operation: u64,
    providers: &Providers,
    options: &Options,
    events: &(dyn Fn(Event) + Sync),
    interrupt: &Interrupt,
) -> Result<Summary, ApplyFault> {
    let waiting = store
        .replayed()
        .operation(operation)
        .is_some_and(|one| one.state == OperationState::Waiting);
    if waiting {
        store.commit(vec![Record::Operation {
            operation,
            at: (options.now)().text,
            event: OperationEvent::Resumed,
        }])?;
    } else {
        recover(store, providers, options, events, interrupt)?;
    }
    let folder = store.operation_folder(operation);
    let mut engine = Engine::new(store, options, events);
    engine.log = folder.as_deref().and_then(EventLog::open);
    let calls: Vec<_> = engine.store.replayed().calls.values().cloned().collect();
    for call in calls {
        let flight = flight_of(engine.store.replayed(), &call, providers, options.broken)?;
        if flight.state == ActionState::Running {
            engine.follow(flight, Ask::Poll);
        }
    }
    let mut summary = Summary {
        operation: Some(mlinfra_state::operation_name(operation)),
        ..Summary::default()
    };
    while !engine.flights.is_empty() && !interrupt.is_raised() {
        for landing in engine.pump(interrupt, false)? {
            let Landing::Ended { flight, end, .. } = landing else {
                continue;
            };
            match ended(&flight, end) {
                Some(event) => {
                    note(&mut summary, &event);
                    engine.tell(event);
                }
                None => summary.left.push(flight.address.clone()),
            }
        }
    }
    summary.interrupted = interrupt.is_raised();
    let left: Vec<_> = engine
        .flights
        .values()
        .map(|one| one.address.clone())
        .collect();
    summary.left.extend(left);
    if waiting {
        engine.operation = operation;
        let event = match summary.left.is_empty() {
            true => counted(engine.store, operation),
            false => OperationEvent::OnlyAcceptedLeft,
        };
        engine.stage_operation(event)?;
    }
    engine.settle()?;
    Ok(summary)
}

/// How followed work ended; none if it goes on without us.
fn ended(flight: &Flight, end: End) -> Option<Event> {
    let address = flight.address.clone();
    match end {
        End::Done(outputs) => Some(Event::Done {
            address,
            verb: flight.request.verb,
            outputs: without_secrets(&outputs),
        }),
        End::Failed(fault) => Some(Event::Failed { address, fault }),
        End::Cancelled => Some(Event::Cancelled { address }),
        End::Absent | End::Stuck(_) | End::Unresolved(_) | End::Silent => None,
    }
}

/// The end of an operation, by what its actions came to.
fn counted(store: &Store, operation: u64) -> OperationEvent {
    let count = |states: &[ActionState]| {
        let record = store.replayed().operation(operation);
        let actions = record.iter().flat_map(|record| record.actions.values());
        actions
            .filter(|action| states.contains(&action.state))
            .count() as u64
    };
    OperationEvent::Ended {
        ok: count(&[ActionState::Done]),
        failed: count(&[
            ActionState::Failed,
            ActionState::Stuck,
            ActionState::Cancelled,
        ]),
        blocked: count(&[ActionState::Blocked]),
    }
}
