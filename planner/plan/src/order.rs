//! The one place where the order of actions is decided.
//!
//! * Something is made or changed after what it depends on.
//! * Something is removed after everything that depended on it is removed or no longer does.
//! * The old one goes before the new one comes, or after, as the decision says.
//! * A port is given up before another resource binds it.
//! * What is replaced by something that stands on a judged step goes only after that step, where
//!   that makes no circle: if a gate does not hold, the old one is still there.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Resource, Snapshot, Verb};
use petgraph::algo::has_path_connecting;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::decide::Decision;
use crate::desired::port_question;
use crate::plan::{Action, ChangeKind};
use crate::question::Question;

/// The actions for these decisions, each after those that it must wait for.
pub(crate) fn actions(
    snapshot: &Snapshot,
    changes: &BTreeMap<Address, Decision>,
    judged: &BTreeSet<&Address>,
) -> Vec<Action> {
    let mut graph: DiGraph<Action, ()> = DiGraph::new();
    let mut makes: BTreeMap<Address, NodeIndex> = BTreeMap::new();
    let mut removes: BTreeMap<Address, NodeIndex> = BTreeMap::new();
    for (address, decision) in changes {
        add_nodes(
            snapshot,
            address,
            decision,
            &mut graph,
            &mut makes,
            &mut removes,
        );
    }
    for (address, node) in &makes {
        for dependency in &graph[*node].resource.depends_on.clone() {
            if let Some(first) = makes.get(dependency) {
                graph.update_edge(*first, *node, ());
            }
        }
        if changes[address].kind == ChangeKind::DeleteThenCreate {
            graph.update_edge(removes[address], *node, ());
        }
        for (other, remove) in &removes {
            if other != address && share_a_port(&graph[*node].resource, &graph[*remove].resource) {
                graph.update_edge(*remove, *node, ());
            }
        }
    }
    for (address, node) in &removes {
        // What was begun and never recorded stands on others all the same.
        let recorded = snapshot.resources.values().map(|state| &state.resource);
        let open = snapshot.open.values().map(|open| &open.resource);
        let dependents = recorded.chain(open).filter(|r| r.address != *address);
        for dependent in dependents.filter(|r| r.depends_on.contains(address)) {
            if let Some(first) = removes.get(&dependent.address) {
                graph.update_edge(*first, *node, ());
            }
            // A dependent that stays lets go of it when it is changed; if the new one comes only
            // after the old one goes, it has to wait for the new one instead.
            let waits = changes[address].kind == ChangeKind::DeleteThenCreate;
            if let Some(first) = makes.get(&dependent.address).filter(|_| !waits) {
                graph.update_edge(*first, *node, ());
            }
        }
        if changes[address].kind == ChangeKind::CreateThenDelete {
            graph.update_edge(makes[address], *node, ());
        }
    }
    for (node, deposed) in deposed_nodes(snapshot, &mut graph) {
        if let Some(make) = makes.get(&deposed) {
            graph.update_edge(*make, node, ());
        }
    }
    wait_for_verdicts(&mut graph, &makes, &removes, judged);
    in_order(graph)
}

/// What makes room for something that stands on a judged step waits for that step.
fn wait_for_verdicts(
    graph: &mut DiGraph<Action, ()>,
    makes: &BTreeMap<Address, NodeIndex>,
    removes: &BTreeMap<Address, NodeIndex>,
    judged: &BTreeSet<&Address>,
) {
    for (address, node) in removes {
        let Some(make) = makes.get(address) else {
            continue;
        };
        for need in &graph[*make].resource.depends_on.clone() {
            let first = makes.get(need).filter(|_| judged.contains(need));
            if let Some(first) = first.filter(|f| !has_path_connecting(&*graph, *node, **f, None)) {
                graph.update_edge(*first, *node, ());
            }
        }
    }
}

fn add_nodes(
    snapshot: &Snapshot,
    address: &Address,
    decision: &Decision,
    graph: &mut DiGraph<Action, ()>,
    makes: &mut BTreeMap<Address, NodeIndex>,
    removes: &mut BTreeMap<Address, NodeIndex>,
) {
    let recorded = snapshot.resources.get(address);
    let action = |verb: Verb, resource: &Resource| Action {
        address: address.clone(),
        verb,
        resource: resource.clone(),
        after: BTreeSet::new(),
        deposed: None,
        deposes: false,
    };
    let old = recorded.map_or(&decision.resource, |state| &state.resource);
    match decision.kind {
        ChangeKind::Create | ChangeKind::Run | ChangeKind::Reuse => {
            makes.insert(
                address.clone(),
                graph.add_node(action(Verb::Create, &decision.resource)),
            );
        }
        ChangeKind::Update => {
            makes.insert(
                address.clone(),
                graph.add_node(action(Verb::Update, &decision.resource)),
            );
        }
        ChangeKind::Delete => {
            removes.insert(address.clone(), graph.add_node(action(Verb::Delete, old)));
        }
        ChangeKind::DeleteThenCreate => {
            removes.insert(address.clone(), graph.add_node(action(Verb::Delete, old)));
            makes.insert(
                address.clone(),
                graph.add_node(action(Verb::Create, &decision.resource)),
            );
        }
        ChangeKind::CreateThenDelete => {
            let create = Action {
                deposes: true,
                ..action(Verb::Create, &decision.resource)
            };
            makes.insert(address.clone(), graph.add_node(create));
            let deposed = recorded.map(|state| state.incarnation);
            let delete = Action {
                deposed,
                ..action(Verb::Delete, old)
            };
            removes.insert(address.clone(), graph.add_node(delete));
        }
    }
}

/// What an earlier operation replaced and did not get to remove.
fn deposed_nodes(
    snapshot: &Snapshot,
    graph: &mut DiGraph<Action, ()>,
) -> Vec<(NodeIndex, Address)> {
    let mut nodes = Vec::new();
    for state in &snapshot.deposed {
        let node = graph.add_node(Action {
            address: state.resource.address.clone(),
            verb: Verb::Delete,
            resource: state.resource.clone(),
            after: BTreeSet::new(),
            deposed: Some(state.incarnation),
            deposes: false,
        });
        nodes.push((node, state.resource.address.clone()));
    }
    nodes
}

fn share_a_port(one: &Resource, other: &Resource) -> bool {
    match (port_question(one), port_question(other)) {
        (Some(Question::Port { port: a, .. }), Some(Question::Port { port: b, .. })) => a == b,
        _ => false,
    }
}

fn in_order(graph: DiGraph<Action, ()>) -> Vec<Action> {
    let order = petgraph::algo::toposort(&graph, None)
        .expect("the checker refuses circles, and each edge here follows a dependency");
    let place: BTreeMap<NodeIndex, usize> = order
        .iter()
        .enumerate()
        .map(|(place, node)| (*node, place))
        .collect();
    order
        .iter()
        .map(|node| {
            let mut action = graph[*node].clone();
            let before = graph.neighbors_directed(*node, petgraph::Direction::Incoming);
            action.after = before.map(|first| place[&first]).collect();
            action
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use mlinfra_api::ResourceState;

    use super::*;

    fn thing(name: &str, needs: &[&str]) -> Resource {
        Resource {
            address: Address::new("thing", name),
            resource_type: "thing".into(),
            provider: "test".into(),
            properties: BTreeMap::new(),
            identity: None,
            replaces: BTreeSet::new(),
            depends_on: needs
                .iter()
                .map(|need| Address::new("thing", *need))
                .collect(),
            create_first: false,
            holds_data: false,
            summary: String::new(),
            details: Vec::new(),
            needed: true,
        }
    }

    /// All of it stands, and is changed in these ways.
    fn ordered(changes: &[(&str, &[&str], ChangeKind)], judged: &str) -> Vec<Action> {
        let mut snapshot = Snapshot::default();
        let mut decisions = BTreeMap::new();
        for (name, needs, kind) in changes {
            let resource = thing(name, needs);
            let state = ResourceState {
                resource: resource.clone(),
                incarnation: 1,
                handle: String::new(),
                outputs: BTreeMap::new(),
            };
            snapshot.resources.insert(resource.address.clone(), state);
            let decision = Decision {
                kind: *kind,
                reasons: Vec::new(),
                resource: resource.clone(),
            };
            decisions.insert(resource.address, decision);
        }
        let judged = Address::new("thing", judged);
        actions(&snapshot, &decisions, &BTreeSet::from([&judged]))
    }

    fn place(actions: &[Action], verb: Verb, name: &str) -> usize {
        let is_it = |action: &Action| action.verb == verb && action.address.name() == name;
        actions.iter().position(is_it).expect("it is in the plan")
    }

    #[test]
    fn the_old_one_stays_until_the_verdict_where_that_makes_no_circle() {
        use ChangeKind::{DeleteThenCreate, Run};
        let plan = ordered(
            &[
                ("report", &[], Run),
                ("server", &["report"], DeleteThenCreate),
            ],
            "report",
        );
        let old = place(&plan, Verb::Delete, "server");
        assert!(
            plan[old]
                .after
                .contains(&place(&plan, Verb::Create, "report"))
        );

        // The step can't run before its machine is made anew, nor that before the old one is free.
        let plan = ordered(
            &[
                ("machine", &[], DeleteThenCreate),
                ("report", &["machine"], Run),
                ("server", &["machine", "report"], DeleteThenCreate),
            ],
            "report",
        );
        let old = place(&plan, Verb::Delete, "server");
        assert!(old < place(&plan, Verb::Delete, "machine"));
        assert!(place(&plan, Verb::Create, "report") < place(&plan, Verb::Create, "server"));
    }
}
