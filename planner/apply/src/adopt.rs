//! What earlier operations left running: followed where it is still wanted, cancelled where not.

use mlinfra_api::{Address, Fault, Request, Resource, Verb};
use mlinfra_state::{ActionState, Call, Replayed, Rule};

use crate::event::{Event, without_secrets};
use crate::executor::{Node, Run, Status};
use crate::finish::finish;
use crate::flight::{End, Flight};
use crate::hands::Ask;
use crate::options::{ApplyFault, Providers};

/// The request of an open call, made again from its intent.
pub(crate) fn request_of(replayed: &Replayed, call: &Call) -> Request {
    let started = &call.started;
    Request {
        verb: started.verb,
        token: started.token.clone(),
        lineage: replayed.snapshot.lineage.clone(),
        resource: started.resource.clone(),
        prior: replayed
            .prior(&started.resource.address, started.prior)
            .cloned(),
    }
}

/// An open call, to be followed.
pub(crate) fn flight_of(
    replayed: &Replayed,
    call: &Call,
    providers: &Providers,
    broken: Option<Rule>,
) -> Result<Flight, ApplyFault> {
    let name = &call.started.resource.provider;
    let provider = providers.get(name).ok_or_else(|| no_provider(name))?;
    let mut request = request_of(replayed, call);
    if broken == Some(Rule::FixedToken) {
        request.token.0.push('x');
    }
    let key = (call.operation, call.number);
    let state = replayed.action_state(key.0, key.1);
    let mut flight = Flight::new(key, provider.clone(), request, state, broken);
    let open = replayed.snapshot.open.get(&flight.address);
    flight.handle = open.and_then(|open| open.handle.clone());
    Ok(flight)
}

/// Whether two resources are the same wish: what is for people alone does not count.
pub(crate) fn is_same(wanted: &Resource, sent: &Resource) -> bool {
    if wanted.resource_type != sent.resource_type || wanted.provider != sent.provider {
        return false;
    }
    match (&wanted.identity, &sent.identity) {
        (Some(wanted), Some(sent)) => wanted == sent,
        (None, None) => wanted.properties == sent.properties,
        _ => false,
    }
}

/// The fault of a provider that this program does not have.
pub(crate) fn no_provider(name: &str) -> ApplyFault {
    ApplyFault::new(
        "E0722",
        format!("there is no provider `{name}`"),
        "use a mlinfra that has it; nothing was started",
    )
}

/// The fault of a call that could not be told so far, for the screen.
pub(crate) fn unsettled_fault(reason: &str) -> Fault {
    Fault::failed("E0715", format!("not settled yet; apply again: {reason}"))
        .with_help("the next apply asks again what became of the call before it does anything")
}

/// The fault of a call that can't be told, for the screen.
pub(crate) fn stuck_fault(reason: &str) -> Fault {
    Fault::failed(
        "E0715",
        format!("nobody can tell whether the call took effect: {reason}"),
    )
    .with_help("look whether the thing exists; it is left alone until that is decided")
}

impl Run<'_, '_> {
    /// Follows what earlier operations left running where it is still wanted; asks the rest to
    /// stop.
    pub(crate) fn take_over(&mut self) -> Result<(), ApplyFault> {
        let calls: Vec<Call> = self
            .engine
            .store
            .replayed()
            .calls
            .values()
            .cloned()
            .collect();
        for call in calls {
            let replayed = self.engine.store.replayed();
            let broken = self.engine.options.broken;
            let mut flight = flight_of(replayed, &call, self.providers, broken)?;
            if flight.state != ActionState::Running {
                continue;
            }
            let address = flight.address.clone();
            let first = self
                .nodes
                .iter()
                .position(|node| node.action.address == address);
            match first.filter(|number| self.is_wanted(*number, &call)) {
                Some(number) => {
                    self.engine.tell(Event::Accepted { address });
                    let id = self.engine.follow(flight, Ask::Poll);
                    self.nodes[number].status = Status::Flying;
                    self.ready.remove(&number);
                    self.pilots.insert(id, number);
                }
                None => {
                    flight.cancelled = true;
                    let id = self.engine.follow(flight, Ask::Cancel);
                    self.in_the_way.insert(address, id);
                }
            }
        }
        Ok(())
    }

    /// Whether an action is what an open call does already.
    fn is_wanted(&self, number: usize, call: &Call) -> bool {
        let action = self.nodes[number].action;
        if action.verb != call.started.verb {
            return false;
        }
        if action.verb == Verb::Delete {
            let target = self.target(action).map(|state| state.incarnation);
            return target == call.started.prior;
        }
        let recorded = |address: &Address| self.engine.recorded(address);
        let sent = &call.started.resource;
        is_same(&action.resource, sent)
            || finish(&action.resource, &recorded).is_ok_and(|wanted| is_same(&wanted, sent))
    }

    /// What stood in the way of an address has ended.
    pub(crate) fn on_cancelled(&mut self, flight: &Flight, end: &End) {
        let address = flight.address.clone();
        match end {
            End::Silent => {
                self.summary.left.push(address);
                return;
            }
            End::Done(outputs) => self.engine.tell(Event::Done {
                address: address.clone(),
                verb: flight.request.verb,
                outputs: without_secrets(outputs),
            }),
            _ => self.engine.tell(Event::Cancelled {
                address: address.clone(),
            }),
        }
        self.in_the_way.remove(&address);
        if !matches!(end, End::Done(_)) {
            return;
        }
        // It finished first. What was planned for the address did not reckon with that, unless it
        // only deletes what stands there.
        let here = |node: &Node<'_>| node.action.address == address;
        let first = self.nodes.iter().position(here);
        if let Some(number) = first.filter(|n| self.nodes[*n].action.verb != Verb::Delete) {
            self.nodes[number].overtaken = true;
        }
    }
}
