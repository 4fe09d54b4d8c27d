//! Wanted against recorded, property by property, as reasons for people.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Resource, Value};

use crate::plan::Reason;

/// Why `wanted` is not what `recorded` was, in the order of the properties' names. Empty if
/// nothing differs.
pub(crate) fn differences(recorded: &Resource, wanted: &Resource) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let names: BTreeSet<&String> = recorded
        .properties
        .keys()
        .chain(wanted.properties.keys())
        .collect();
    for name in names {
        let replaces = wanted.replaces.contains(name);
        let before = recorded.properties.get(name);
        let after = wanted.properties.get(name);
        compare(name, before, after, replaces, &mut reasons);
    }
    reasons
}

/// Why a step's key changed: its own settings, entries and file, then what it is made from.
pub(crate) fn step_differences(recorded: &Resource, wanted: &Resource) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let section = |resource: &Resource, name: &str| -> BTreeMap<String, Value> {
        resource
            .properties
            .get(name)
            .and_then(Value::as_record)
            .cloned()
            .unwrap_or_default()
    };
    for name in ["operation", "version"] {
        let pair = (recorded.properties.get(name), wanted.properties.get(name));
        compare(name, pair.0, pair.1, false, &mut reasons);
    }
    let unkeyed = [recorded, wanted].map(|resource| {
        let names = resource.properties.get("unkeyed").and_then(Value::as_list);
        names.unwrap_or_default()
    });
    let is_keyed = |key: &&String| {
        let mut names = unkeyed.iter().copied().flatten();
        !names.any(|name| name.as_text() == Some(key))
    };
    for name in ["settings", "file"] {
        let (before, after) = (section(recorded, name), section(wanted, name));
        let keys = before.keys().chain(after.keys()).filter(is_keyed);
        let keys: BTreeSet<&String> = keys.collect();
        for key in keys {
            let shown = if name == "file" {
                format!("file.{key}")
            } else {
                key.clone()
            };
            compare(&shown, before.get(key), after.get(key), false, &mut reasons);
        }
    }
    let (before, after) = (entries(recorded), entries(wanted));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        compare(key, before.get(key), after.get(key), false, &mut reasons);
    }
    let (earlier, later) = (order(recorded), order(wanted));
    if before == after && earlier != later {
        compare("order", Some(&earlier), Some(&later), false, &mut reasons);
    }
    let (before, after) = (section(recorded, "inputs"), section(wanted, "inputs"));
    for (parameter, input) in &after {
        if made_from(before.get(parameter)) == made_from(Some(input)) {
            continue;
        }
        let address = input
            .as_record()
            .and_then(|i| i.get("address")?.as_text()?.parse().ok());
        if let Some(address) = address {
            let follows = Reason::Follows { address };
            if !reasons.contains(&follows) {
                reasons.push(follows);
            }
        }
    }
    if reasons.is_empty() {
        compare(
            "columns",
            recorded.properties.get("tables"),
            wanted.properties.get("tables"),
            false,
            &mut reasons,
        );
    }
    reasons
}

fn entries(resource: &Resource) -> BTreeMap<String, Value> {
    let list = resource
        .properties
        .get("entries")
        .and_then(Value::as_list)
        .unwrap_or_default();
    list.iter()
        .filter_map(|entry| {
            let entry = entry.as_record()?;
            Some((
                entry.get("name")?.as_text()?.to_owned(),
                entry.get("value")?.clone(),
            ))
        })
        .collect()
}

/// The names of the entries as they stand: the columns of a table follow them.
fn order(resource: &Resource) -> Value {
    let list = resource.properties.get("entries").and_then(Value::as_list);
    let names = list.unwrap_or_default().iter();
    let names = names.filter_map(|entry| entry.as_record()?.get("name").cloned());
    Value::List(names.collect())
}

fn made_from(input: Option<&Value>) -> Option<(&Value, &Value)> {
    let input = input?.as_record()?;
    Some((input.get("key")?, input.get("part")?))
}

fn compare(
    name: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    replaces: bool,
    reasons: &mut Vec<Reason>,
) {
    if before == after {
        return;
    }
    if let (Some(Value::Record(before)), Some(Value::Record(after))) = (before, after) {
        // A release of the same step: what people want to hear is which step moved it.
        let moved = before.get("address") == after.get("address")
            && before.contains_key("release")
            && before.get("release") != after.get("release");
        let address = after.get("address").and_then(|a| a.as_text()?.parse().ok());
        if let (true, Some(address)) = (moved, address) {
            reasons.push(Reason::Follows { address });
            return;
        }
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let name = format!("{name}.{key}");
            compare(&name, before.get(key), after.get(key), replaces, reasons);
        }
        return;
    }
    reasons.push(Reason::Changed {
        property: name.to_owned(),
        before: before.cloned(),
        after: after.cloned(),
        replaces,
    });
}
