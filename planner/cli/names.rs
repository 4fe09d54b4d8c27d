//! Names as people type them: an address, its short form, or one of its outputs.

use mlinfra_api::{Address, ResourceState, Snapshot, Value};

use crate::problem::{Exit, Problem};

/// What a short name means: `risk.model` for `risk/step.model`, `score` for `endpoint.score`.
fn answers_to(address: &Address, name: &str) -> bool {
    if address.to_string() == name || address.leaf.to_string() == name {
        return true;
    }
    let parents = address.parents.iter().map(ToString::to_string);
    let dotted: Vec<String> = parents.chain([address.leaf.to_string()]).collect();
    dotted.join(".") == name
}

/// The resources that a name may mean: the one with exactly this address, or all that it fits.
pub(crate) fn matching<'a>(snapshot: &'a Snapshot, name: &str) -> Vec<&'a ResourceState> {
    if let Some(state) = name
        .parse()
        .ok()
        .and_then(|a: Address| snapshot.resources.get(&a))
    {
        return vec![state];
    }
    let states = snapshot.resources.iter();
    states
        .filter(|(a, _)| answers_to(a, name))
        .map(|(_, state)| state)
        .collect()
}

/// The one resource that a name means.
pub(crate) fn resource<'a>(
    snapshot: &'a Snapshot,
    name: &str,
) -> Result<&'a ResourceState, Problem> {
    let found = matching(snapshot, name);
    match found[..] {
        [state] => Ok(state),
        [] => {
            let unknown = Problem::new(Exit::Usage, "E1010", "no resource has this name")
                .detail(format!("nothing that was applied here answers to `{name}`"));
            Err(unknown.help("`mlinfra show` lists what there is"))
        }
        _ => {
            let names: Vec<String> = found
                .iter()
                .map(|s| s.resource.address.to_string())
                .collect();
            Err(
                Problem::new(Exit::Usage, "E1011", "several resources have this name")
                    .detail(names.join(", "))
                    .help("write the whole address"),
            )
        }
    }
}

/// The output that `score.key` or `endpoint.score.key` names: of the longest resource name that
/// fits; members of a record follow behind further points.
pub(crate) fn output<'a>(snapshot: &'a Snapshot, name: &str) -> Result<Option<&'a Value>, Problem> {
    let points: Vec<usize> = name.match_indices('.').map(|(place, _)| place).collect();
    for point in points.into_iter().rev() {
        let (owner, path) = (&name[..point], &name[point + 1..]);
        if matching(snapshot, owner).is_empty() {
            continue;
        }
        let mut members = path.split('.');
        let first = members.next().unwrap_or_default();
        let mut found = resource(snapshot, owner)?.outputs.get(first);
        for member in members {
            found = found.and_then(|value| value.as_record()?.get(member));
        }
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_fit() {
        let model: Address = "risk/step.model".parse().expect("an address");
        for name in ["risk/step.model", "risk.model", "model"] {
            assert!(answers_to(&model, name), "{name}");
        }
        for name in ["risk", "step.model", "risk.step.model", "other.model"] {
            assert!(!answers_to(&model, name), "{name}");
        }
    }
}
