//! A small state with something of everything in it.

use std::collections::BTreeMap;
use std::path::Path;

use mlinfra_api::{Address, Resource, Secret, Token, Value, Verb};
use mlinfra_state::{
    ActionEvent, Goal, Holder, OperationEvent, Record, Started, StateFault, Store,
};

/// A text that must be in no file.
pub(crate) const MARKER: &str = "correct-horse-battery-staple";

pub(crate) fn holder() -> Holder {
    Holder {
        user: "ada".into(),
        host: "here".into(),
        operation: "op-1".into(),
        since: "2026-01-01T00:00:00Z".into(),
    }
}

pub(crate) fn address(name: &str) -> Address {
    Address::new("thing", name)
}

/// The intent to make a thing whose properties hold a secret.
pub(crate) fn started(lineage: &str, name: &str, incarnation: u64) -> Started {
    let address = address(name);
    let secret = Value::Secret(Secret::new(MARKER));
    let nested = Value::List(vec![Value::Record(BTreeMap::from([(
        "inner".to_owned(),
        secret.clone(),
    )]))]);
    Started {
        token: Token::new(lineage, &address, incarnation),
        request: "digest".into(),
        verb: Verb::Create,
        incarnation,
        resource: Resource {
            address,
            resource_type: "thing".into(),
            provider: "sim".into(),
            properties: BTreeMap::from([("key".to_owned(), secret), ("deep".to_owned(), nested)]),
            identity: None,
            replaces: Default::default(),
            depends_on: Default::default(),
            create_first: false,
            holds_data: false,
            summary: String::new(),
            details: Vec::new(),
            needed: true,
            made_as: None,
            target: None,
        },
        prior: None,
        deposes: false,
        at_seconds: 7,
    }
}

pub(crate) fn action(operation: u64, number: u64, name: &str, event: ActionEvent) -> Record {
    Record::Action {
        operation,
        number,
        address: address(name),
        event,
    }
}

pub(crate) fn begin(operation: u64) -> Record {
    Record::OperationStarted {
        operation,
        goal: Goal::Apply,
        who: "ada@here".into(),
        command: "mlinfra apply".into(),
        at: "2026-01-01T12:00:00Z".into(),
    }
}

pub(crate) fn end(operation: u64) -> Record {
    Record::Operation {
        operation,
        at: "2026-01-01T12:00:01Z".into(),
        event: OperationEvent::Ended {
            ok: 1,
            failed: 0,
            blocked: 0,
        },
    }
}

/// A state in this folder with one thing made, one under way and one in doubt.
pub(crate) fn filled(folder: &Path) -> Result<Store, StateFault> {
    let mut store = Store::create(folder, "credit", "default")?;
    store.lock(&holder())?;
    let lineage = store.snapshot().lineage.clone();
    let started = |name| ActionEvent::Started(Box::new(started(&lineage, name, 1)));
    store.commit(vec![begin(1), action(1, 0, "made", started("made"))])?;
    let outputs = BTreeMap::from([("url".to_owned(), Value::text("http://127.0.0.1:8080"))]);
    store.commit(vec![
        action(
            1,
            0,
            "made",
            ActionEvent::Succeeded {
                handle: Some("thing-1".into()),
                outputs,
            },
        ),
        action(1, 1, "running", started("running")),
    ])?;
    let handle = "thing-2".to_owned();
    store.commit(vec![
        action(1, 1, "running", ActionEvent::Accepted { handle }),
        action(1, 2, "doubtful", started("doubtful")),
        end(1),
    ])?;
    store.unlock()?;
    Ok(store)
}
