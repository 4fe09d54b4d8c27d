//! What earlier operations left running: followed where it is still wanted, cancelled where not.

use mlinfra_api::{Fault, Request, Resource};
use mlinfra_state::{Call, Replayed, Rule};

use crate::flight::Flight;
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

/// The fault of a call that can't be told, for the screen.
pub(crate) fn stuck_fault(reason: &str) -> Fault {
    Fault::failed(
        "E0715",
        format!("nobody can tell whether the call took effect: {reason}"),
    )
    .with_help("look whether the thing exists; it is left alone until that is decided")
}
