//! References → values: what a resource looks like right before its call.

use std::collections::BTreeMap;

use mlinfra_api::{Address, Reference, Resource, Value};

/// The recorded handle and outputs of a resource.
pub type Recorded<'a> = (&'a str, &'a BTreeMap<String, Value>);

/// Replaces every reference to another resource's output by what `recorded` says. A reference to
/// the block itself stays: it names the block, and naming is all that lowering made of it. The
/// member `handle` is the provider's name for the thing, unless there is an output of that name.
///
/// # Errors
/// The first reference that nothing is recorded for, as it stands in the spec.
pub fn finish<'a>(
    resource: &Resource,
    recorded: &dyn Fn(&Address) -> Option<Recorded<'a>>,
) -> Result<Resource, String> {
    let mut finished = resource.clone();
    finished.properties = finish_map(&resource.properties, recorded)?;
    Ok(finished)
}

fn finish_map<'a>(
    map: &BTreeMap<String, Value>,
    recorded: &dyn Fn(&Address) -> Option<Recorded<'a>>,
) -> Result<BTreeMap<String, Value>, String> {
    map.iter()
        .map(|(name, value)| Ok((name.clone(), finish_value(value, recorded)?)))
        .collect()
}

fn finish_value<'a>(
    value: &Value,
    recorded: &dyn Fn(&Address) -> Option<Recorded<'a>>,
) -> Result<Value, String> {
    Ok(match value {
        Value::Reference(reference) if !reference.path.is_empty() => {
            resolve(reference, recorded).ok_or_else(|| value.to_string())?
        }
        Value::Unknown(of) => return Err(of.clone()),
        Value::Range(low, high) => Value::Range(
            Box::new(finish_value(low, recorded)?),
            Box::new(finish_value(high, recorded)?),
        ),
        Value::List(elements) => {
            let finished = elements
                .iter()
                .map(|element| finish_value(element, recorded));
            Value::List(finished.collect::<Result<_, _>>()?)
        }
        Value::Template(parts) => {
            let parts = parts.iter().map(|part| finish_value(part, recorded));
            let parts: Vec<Value> = parts.collect::<Result<_, _>>()?;
            Value::assembled(&parts).ok_or_else(|| value.to_string())?
        }
        Value::Record(entries) => Value::Record(finish_map(entries, recorded)?),
        Value::Case { name, arguments } => Value::Case {
            name: name.clone(),
            arguments: finish_map(arguments, recorded)?,
        },
        other => other.clone(),
    })
}

fn resolve<'a>(
    reference: &Reference,
    recorded: &dyn Fn(&Address) -> Option<Recorded<'a>>,
) -> Option<Value> {
    let (handle, outputs) = recorded(&reference.address)?;
    let (first, members) = reference.path.split_first()?;
    let mut value = match outputs.get(first) {
        Some(output) => output.clone(),
        None if first == "handle" => Value::text(handle),
        None => return None,
    };
    for member in members {
        value = value.as_record()?.get(member)?.clone();
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_outputs_and_members_and_leaves_blocks() {
        let other = Address::new("thing", "a");
        let inner = BTreeMap::from([("port".to_owned(), Value::Int(80))]);
        let outputs = BTreeMap::from([
            ("id".to_owned(), Value::text("x")),
            ("at".to_owned(), Value::Record(inner)),
        ]);
        let recorded = |address: &Address| (*address == other).then_some(("the-handle", &outputs));
        let of = |path: &[&str]| {
            let reference = Reference {
                address: other.clone(),
                path: path.iter().map(|member| (*member).to_owned()).collect(),
            };
            finish_value(&Value::List(vec![Value::Reference(reference)]), &recorded)
        };
        assert_eq!(of(&["id"]), Ok(Value::List(vec![Value::text("x")])));
        assert_eq!(of(&["at", "port"]), Ok(Value::List(vec![Value::Int(80)])));
        assert_eq!(
            of(&["handle"]),
            Ok(Value::List(vec![Value::text("the-handle")]))
        );
        let block = Reference {
            address: other.clone(),
            path: Vec::new(),
        };
        assert_eq!(of(&[]), Ok(Value::List(vec![Value::Reference(block)])));
        let reference = |member: &str| {
            Value::Reference(Reference {
                address: other.clone(),
                path: vec![member.to_owned()],
            })
        };
        let made = |member: &str| {
            let parts = vec![Value::text("no "), reference(member), Value::Int(1)];
            finish_value(&Value::Template(parts), &recorded)
        };
        assert_eq!(made("id"), Ok(Value::text("no x1")));
        assert_eq!(made("url"), Err("thing.a.url".to_owned()));
        assert_eq!(of(&["url"]), Err("thing.a.url".to_owned()));
        assert_eq!(of(&["id", "x"]), Err("thing.a.id.x".to_owned()));
    }
}
