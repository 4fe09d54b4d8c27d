//! Secrets inside journal records: sealed on the way in, opened on the way out.

use std::collections::BTreeMap;

use mlinfra_api::{Resource, ResourceState, Secret, StateChange, Value};
use mlinfra_seal::{SealKey, keyed_digest, open_text, seal_text};

use crate::journal::{ActionEvent, Record};
use crate::replay::Replayed;

/// The case that stands for a sealed secret in a record. No spec can write a name with a space.
const SEALED: &str = "sealed secret";

/// Replaces every secret in the record by its sealed form. The keyed digest beside it lets two
/// records be compared without opening them.
pub(crate) fn seal_record(record: &mut Record, key: &SealKey, lineage: &str) {
    for_each_value(record, &mut |value| {
        let Value::Secret(secret) = value else { return };
        let sealed = seal_text(key, lineage, secret.reveal());
        let digest = keyed_digest(&key.derive("journal digest"), secret.reveal().as_bytes());
        *value = Value::Case {
            name: SEALED.into(),
            arguments: BTreeMap::from([
                ("sealed".to_owned(), Value::String(sealed)),
                ("digest".to_owned(), Value::String(digest)),
            ]),
        };
    });
}

/// Opens every sealed secret in the record. Without a key, or with a wrong one, it becomes
/// `Value::Unknown` and the answer is false.
pub(crate) fn open_record(record: &mut Record, key: Option<&SealKey>, lineage: &str) -> bool {
    let mut all = true;
    for_each_value(record, &mut |value| {
        let Value::Case { name, arguments } = &*value else {
            return;
        };
        if name != SEALED {
            return;
        }
        let sealed = arguments.get("sealed").and_then(Value::as_text);
        let text = sealed
            .zip(key)
            .and_then(|(sealed, key)| open_text(key, lineage, sealed).ok());
        all &= text.is_some();
        *value = match text {
            Some(text) => Value::Secret(Secret::new(text)),
            None => Value::Unknown("secret".into()),
        };
    });
    all
}

/// Calls `visit` for every value in the record, innermost last.
fn for_each_value(record: &mut Record, visit: &mut dyn FnMut(&mut Value)) {
    match record {
        Record::Action { event, .. } => match event {
            ActionEvent::Started(started) => of_resource(&mut started.resource, visit),
            ActionEvent::Succeeded { outputs, .. } => of_map(outputs, visit),
            _ => {}
        },
        Record::Checkpoint { state } => of_replayed(state, visit),
        Record::Changed {
            change: StateChange::Adopted { state },
            ..
        } => {
            of_resource(&mut state.resource, visit);
            of_map(&mut state.outputs, visit);
        }
        Record::Changed {
            change: StateChange::Outputs { outputs },
            ..
        } => of_map(outputs, visit),
        Record::Created { .. }
        | Record::OperationStarted { .. }
        | Record::Operation { .. }
        | Record::Changed { .. }
        | Record::Decided { .. } => {}
    }
}

fn of_replayed(state: &mut Replayed, visit: &mut dyn FnMut(&mut Value)) {
    let snapshot = &mut state.snapshot;
    for one in snapshot
        .resources
        .values_mut()
        .chain(snapshot.deposed.iter_mut())
    {
        let ResourceState {
            resource, outputs, ..
        } = one;
        of_resource(resource, visit);
        of_map(outputs, visit);
    }
    of_map(&mut snapshot.outputs, visit);
    for open in snapshot.open.values_mut() {
        of_resource(&mut open.resource, visit);
    }
    for call in state.calls.values_mut() {
        of_resource(&mut call.started.resource, visit);
    }
}

fn of_resource(resource: &mut Resource, visit: &mut dyn FnMut(&mut Value)) {
    of_map(&mut resource.properties, visit);
}

fn of_map(map: &mut BTreeMap<String, Value>, visit: &mut dyn FnMut(&mut Value)) {
    map.values_mut().for_each(|value| of_value(value, visit));
}

fn of_value(value: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    visit(value);
    match value {
        Value::Range(low, high) => {
            of_value(low, visit);
            of_value(high, visit);
        }
        Value::List(elements) | Value::Template(elements) => {
            elements.iter_mut().for_each(|e| of_value(e, visit))
        }
        Value::Record(entries) => of_map(entries, visit),
        Value::Case { name, arguments } if name != SEALED => of_map(arguments, visit),
        _ => {}
    }
}

/// A record with its secrets as they are: only with the sealing rule switched off.
pub(crate) fn plain_body(record: &Record) -> String {
    let mut record = record.clone();
    for_each_value(&mut record, &mut |value| {
        if let Value::Secret(secret) = value {
            *value = Value::String(secret.reveal().to_owned());
        }
    });
    serde_json::to_string(&record).expect("a record is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_among_the_outputs_is_sealed_in_every_record() {
        let secret = Value::List(vec![Value::Secret(Secret::new("hush-hush"))]);
        let outputs = BTreeMap::from([("key".to_owned(), secret)]);
        let mut state = Box::new(Replayed::default());
        state.snapshot.outputs.clone_from(&outputs);
        let change = StateChange::Outputs { outputs };
        let changed = Record::Changed {
            operation: 1,
            change,
        };
        let key = SealKey::generate();
        for record in [changed, Record::Checkpoint { state }] {
            let mut sealed = record.clone();
            seal_record(&mut sealed, &key, "lineage");
            let text = serde_json::to_string(&sealed).expect("a record is plain data");
            assert!(
                !text.contains("hush-hush") && text.contains(SEALED),
                "{text}"
            );
            assert!(open_record(&mut sealed, Some(&key), "lineage"));
            assert_eq!(sealed, record);
        }
    }
}
