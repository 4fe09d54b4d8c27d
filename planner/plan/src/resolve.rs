//! References to outputs, replaced by what the snapshot knows.

use mlinfra_api::{Snapshot, Value};

/// The value with every reference to an output replaced by the output; one that is not known yet
/// becomes `Value::Unknown`. A reference to a block itself stays.
pub fn resolve(value: &Value, snapshot: &Snapshot) -> Value {
    match value {
        Value::Reference(reference) => {
            let Some((first, rest)) = reference.path.split_first() else {
                return value.clone();
            };
            let state = snapshot.resources.get(&reference.address);
            let mut found = state.and_then(|state| state.outputs.get(first));
            for member in rest {
                found = found.and_then(|value| value.as_record()?.get(member));
            }
            found
                .cloned()
                .unwrap_or_else(|| Value::Unknown(format!("{value}")))
        }
        Value::List(elements) => Value::List(
            elements
                .iter()
                .map(|element| resolve(element, snapshot))
                .collect(),
        ),
        Value::Template(parts) => {
            let parts: Vec<Value> = parts.iter().map(|part| resolve(part, snapshot)).collect();
            let waits = parts.iter().find(|part| matches!(part, Value::Unknown(_)));
            waits
                .cloned()
                .or_else(|| Value::assembled(&parts))
                .unwrap_or_else(|| Value::Unknown(format!("{value}")))
        }
        Value::Record(entries) => {
            let entry = |(name, value): (&String, &Value)| (name.clone(), resolve(value, snapshot));
            Value::Record(entries.iter().map(entry).collect())
        }
        Value::Case { name, arguments } => {
            let entry = |(name, value): (&String, &Value)| (name.clone(), resolve(value, snapshot));
            Value::Case {
                name: name.clone(),
                arguments: arguments.iter().map(entry).collect(),
            }
        }
        other => other.clone(),
    }
}
