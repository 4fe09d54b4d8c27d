//! The graph of a program or a plan: what refers to what.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Value};
use mlinfra_check::{Block, Program};
use mlinfra_plan::{ChangeKind, Plan};

/// Nodes in the order of the spec, and the edges between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Graph {
    /// What there is.
    pub(crate) nodes: Vec<Node>,
    /// What refers to what, by the nodes' places: from, to, and what the reference is for.
    pub(crate) edges: BTreeSet<(usize, usize, String)>,
}

/// A block, or a resource of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its address.
    pub(crate) address: String,
    /// Its kind.
    pub(crate) kind: String,
    /// Its own name.
    pub(crate) name: String,
    /// The block it is in.
    pub(crate) parent: Option<usize>,
    /// What a plan does with it.
    pub(crate) change: Option<&'static str>,
}

/// The blocks of a program. An edge leads from a block to what it refers to.
pub(crate) fn of_program(program: &Program) -> Graph {
    let places: BTreeMap<&Address, usize> = (program.blocks.iter().enumerate())
        .map(|(place, block)| (&block.address, place))
        .collect();
    let mut graph = Graph::default();
    for block in &program.blocks {
        let parent = block.parent.as_ref().and_then(|parent| places.get(parent));
        graph.nodes.push(Node {
            address: block.address.to_string(),
            kind: block.kind.clone(),
            name: named(&block.address),
            parent: parent.copied(),
            change: None,
        });
    }
    for (from, block) in program.blocks.iter().enumerate() {
        let around = graph.nodes[from].parent.map(|at| &program.blocks[at].place);
        let mut all = references(block);
        // What every block in another inherits is drawn once.
        if around != Some(&block.place) {
            all.extend(
                block
                    .place
                    .iter()
                    .map(|place| (place.clone(), "on".to_owned())),
            );
        }
        for (to, what) in all {
            if let Some(to) = places.get(&to).copied()
                && to != from
            {
                graph.edges.insert((from, to, what));
            }
        }
    }
    graph
}

/// What a plan does, and what that stands on. An edge leads from a resource to what must be there
/// before it.
pub(crate) fn of_plan(plan: &Plan) -> Graph {
    let mut graph = Graph::default();
    let mut places: BTreeMap<Address, usize> = BTreeMap::new();
    let changes = plan.changes.iter();
    let changes = changes.map(|change| (&change.address, Some(word(change.kind))));
    let kept = plan.kept.iter().map(|address| (address, None));
    let needed = plan.actions.iter();
    let needed = needed.flat_map(|action| &action.resource.depends_on);
    let needed = needed.map(|address| (address, None));
    for (address, change) in changes.chain(kept).chain(needed) {
        if places.contains_key(address) {
            continue;
        }
        places.insert(address.clone(), graph.nodes.len());
        graph.nodes.push(Node {
            address: address.to_string(),
            kind: address.kind.clone(),
            name: named(address),
            parent: None,
            change,
        });
    }
    for action in &plan.actions {
        let Some(from) = places.get(&action.address).copied() else {
            continue;
        };
        for needed in &action.resource.depends_on {
            if let Some(to) = places.get(needed).copied()
                && to != from
            {
                graph.edges.insert((from, to, String::new()));
            }
        }
    }
    graph
}

fn word(change: ChangeKind) -> &'static str {
    match change {
        ChangeKind::Create => "create",
        ChangeKind::Update => "update",
        ChangeKind::CreateThenDelete | ChangeKind::DeleteThenCreate => "replace",
        ChangeKind::Delete => "delete",
        ChangeKind::Run => "run",
        ChangeKind::Reuse => "reuse",
        ChangeKind::Move => "move",
        ChangeKind::Forget => "forget",
        ChangeKind::Adopt => "adopt",
    }
}

/// The address without the kind: `risk/clean`.
fn named(address: &Address) -> String {
    let segments = address.parents.iter().chain([&address.leaf]);
    let names: Vec<String> = segments.map(ToString::to_string).collect();
    names.join("/")
}

/// What a block refers to, and as what.
fn references(block: &Block) -> BTreeSet<(Address, String)> {
    let mut found = BTreeSet::new();
    let mut note = |value: &Value, what: &str| {
        value.for_each_reference(&mut |reference| {
            found.insert((reference.address.clone(), what.to_owned()));
        });
    };
    for (name, field) in &block.fields {
        note(&field.value, name);
    }
    for (wish, _) in &block.wishes {
        note(&wish.value, &wish.field);
    }
    if let Some(value) = &block.value {
        note(value, "value");
    }
    for (name, arguments) in &block.attributes {
        arguments.values().for_each(|value| note(value, name));
    }
    if let Some(step) = &block.step {
        for (name, argument) in &step.arguments {
            note(&argument.value, name);
        }
        for (name, value) in &step.settings {
            note(value, name);
        }
        for (name, value) in &step.entries {
            note(value, name);
        }
        for gate in &step.gates {
            let condition = Value::Condition(Box::new(gate.condition.clone()));
            note(&condition, "require");
        }
    }
    let after = block.after.iter();
    found.extend(after.map(|first| (first.clone(), "after".to_owned())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_without_its_kind_whatever_its_key_holds() {
        let address = Address::new("aws.instance", "a");
        assert_eq!(named(&address), "a");
        let keyed = address.with_key("x/y.z");
        assert_eq!(named(&keyed), "a[\"x/y.z\"]");
        let inside = keyed.child("storage", "b");
        assert_eq!(named(&inside), "a[\"x/y.z\"]/b");
    }
}
