//! The one place where the order of actions is decided.
//!
//! * Something is made or changed after what it depends on.
//! * Something is removed after everything that depended on it is removed or no longer does.
//! * The old one goes before the new one comes, or after, as the decision says.
//! * A port is given up before another resource binds it.
//! * What makes room for something that stands on a judged step, directly or not, goes only after
//!   that step, and a store only after what is served from it, where that makes no circle: if a
//!   gate does not hold, the old one is still there. Where it does, the plan warns.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Resource, Snapshot, Verb};
use petgraph::algo::{has_path_connecting, toposort};
use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};

use crate::decide::Decision;
use crate::desired::port_question;
use crate::plan::{Action, ChangeKind};
use crate::question::Question;
use crate::serving::served_store;

/// Something that goes although a step that decides about what is served is judged only later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Early {
    /// What goes.
    pub(crate) what: Address,
    /// What is served from there, if that is another resource.
    pub(crate) serves: Option<Address>,
    /// The step.
    pub(crate) step: Address,
}

/// The actions for these decisions, each after those that it must wait for; and what can't wait
/// for its verdict.
pub(crate) fn actions(
    snapshot: &Snapshot,
    changes: &BTreeMap<Address, Decision>,
    judged: &BTreeSet<&Address>,
) -> (Vec<Action>, BTreeSet<Early>) {
    let mut order = Order::default();
    for (address, decision) in changes {
        let (graph, makes) = (&mut order.graph, &mut order.makes);
        add_nodes(
            snapshot,
            address,
            decision,
            graph,
            makes,
            &mut order.removes,
        );
    }
    // What comes first here is kept; what would close a circle with it gives way.
    order.make_after_needs(changes);
    order.remove_after_users(snapshot);
    order.free_ports();
    order.let_go_first(snapshot, changes);
    for (node, deposed) in deposed_nodes(snapshot, &mut order.graph) {
        if let Some(make) = order.makes.get(&deposed) {
            let make = *make;
            order.add(make, node);
        }
    }
    let mut early = BTreeSet::new();
    let waiting = order.wait_for_verdicts(judged, &mut early);
    order.keep_what_is_served(snapshot, &waiting, &mut early);
    (in_order(order.graph), early)
}

#[derive(Default)]
struct Order {
    graph: DiGraph<Action, ()>,
    /// Its edges, found without a search: many things stand on one.
    edges: BTreeSet<(NodeIndex, NodeIndex)>,
    makes: BTreeMap<Address, NodeIndex>,
    removes: BTreeMap<Address, NodeIndex>,
}

impl Order {
    fn add(&mut self, first: NodeIndex, then: NodeIndex) -> Option<EdgeIndex> {
        let is_new = self.edges.insert((first, then));
        is_new.then(|| self.graph.add_edge(first, then, ()))
    }

    /// One after the other, unless that makes a circle; whether it does not.
    fn link(&mut self, first: NodeIndex, then: NodeIndex) -> bool {
        let is_free = first != then && !has_path_connecting(&self.graph, then, first, None);
        if is_free {
            self.add(first, then);
        }
        is_free
    }

    /// The same for each of these pairs. Nearly always none of them makes a circle, and one look at
    /// all of them tells; else each is looked at by itself.
    fn link_all(&mut self, pairs: &[(NodeIndex, NodeIndex)]) {
        let different = pairs.iter().filter(|(first, then)| first != then);
        let added: Vec<EdgeIndex> = different
            .filter_map(|(first, then)| self.add(*first, *then))
            .collect();
        if toposort(&self.graph, None).is_ok() {
            return;
        }
        // The last edge is taken first, so that the others keep their places.
        for edge in added.into_iter().rev() {
            if let Some(pair) = self.graph.edge_endpoints(edge) {
                self.edges.remove(&pair);
            }
            self.graph.remove_edge(edge);
        }
        for (first, then) in pairs {
            self.link(*first, *then);
        }
    }

    /// Something is made after what it needs, and before or after the one that it replaces.
    fn make_after_needs(&mut self, changes: &BTreeMap<Address, Decision>) {
        let mut pairs = Vec::new();
        for (address, node) in &self.makes {
            let needs = self.graph[*node].resource.depends_on.iter();
            let needs = needs.filter_map(|need| self.makes.get(need));
            pairs.extend(needs.map(|first| (*first, *node)));
            match (changes[address].kind, self.removes.get(address)) {
                (ChangeKind::DeleteThenCreate, Some(old)) => pairs.push((*old, *node)),
                (ChangeKind::CreateThenDelete, Some(old)) => pairs.push((*node, *old)),
                _ => {}
            }
        }
        for (first, then) in pairs {
            self.add(first, then);
        }
    }

    /// Something is removed after what is removed with it and stands on it.
    fn remove_after_users(&mut self, snapshot: &Snapshot) {
        let pairs = users(snapshot).filter_map(|(used, user)| {
            let (first, then) = (self.removes.get(user)?, self.removes.get(used)?);
            Some((*first, *then))
        });
        let pairs: Vec<_> = pairs.collect();
        self.link_all(&pairs);
    }

    /// A port is given up before another resource binds it.
    fn free_ports(&mut self) {
        let mut given: BTreeMap<u16, Vec<(Address, NodeIndex)>> = BTreeMap::new();
        for (address, node) in &self.removes {
            if let Some(port) = port_of(&self.graph[*node].resource) {
                given
                    .entry(port)
                    .or_default()
                    .push((address.clone(), *node));
            }
        }
        for (address, node) in self.makes.clone() {
            let port = port_of(&self.graph[node].resource);
            let given = port.and_then(|port| given.get(&port));
            for (other, remove) in given.into_iter().flatten() {
                if *other != address {
                    self.link(*remove, node);
                }
            }
        }
    }

    /// What stays lets go of what is removed, by being changed first. If the new one comes only
    /// after the old one goes, it has to wait for the new one instead.
    fn let_go_first(&mut self, snapshot: &Snapshot, changes: &BTreeMap<Address, Decision>) {
        let pairs = users(snapshot).filter_map(|(used, user)| {
            let (first, then) = (self.makes.get(user)?, self.removes.get(used)?);
            let is_free = changes[used].kind != ChangeKind::DeleteThenCreate;
            is_free.then_some((*first, *then))
        });
        let pairs: Vec<_> = pairs.collect();
        self.link_all(&pairs);
    }

    /// What makes room for something that stands on a judged step waits for all that this needs
    /// and that stands on the step as well. The actions that wait so, with the step.
    fn wait_for_verdicts(
        &mut self,
        judged: &BTreeSet<&Address>,
        early: &mut BTreeSet<Early>,
    ) -> BTreeMap<NodeIndex, Address> {
        let mut waiting = self.behind(judged);
        for (make, step) in waiting.clone() {
            let needs = &self.graph[make].resource.depends_on;
            let needs = needs.iter().filter_map(|need| {
                let node = *self.makes.get(need)?;
                (judged.contains(need) || waiting.contains_key(&node)).then_some(node)
            });
            let needs: Vec<NodeIndex> = needs.collect();
            let before = self.graph.neighbors_directed(make, petgraph::Incoming);
            let rooms = before.filter(|node| self.graph[*node].verb == Verb::Delete);
            for room in rooms.collect::<Vec<_>>() {
                let linked = needs.iter().filter(|need| self.link(**need, room));
                if linked.count() < needs.len() {
                    early.insert(Early {
                        what: self.graph[room].address.clone(),
                        serves: None,
                        step: step.clone(),
                    });
                }
                waiting.insert(room, step.clone());
            }
        }
        waiting
    }

    /// What is made and stands on a judged step that is made too, directly or not, with that step.
    fn behind(&self, judged: &BTreeSet<&Address>) -> BTreeMap<NodeIndex, Address> {
        let mut behind: BTreeMap<NodeIndex, Address> = BTreeMap::new();
        for node in sorted(&self.graph) {
            let action = &self.graph[node];
            let mut needs = action.resource.depends_on.iter();
            let step = needs.find_map(|need| match self.makes.get(need)? {
                _ if judged.contains(need) => Some(need.clone()),
                first => behind.get(first).cloned(),
            });
            let step = step.filter(|_| action.verb != Verb::Delete);
            behind.extend(step.map(|step| (node, step)));
        }
        behind
    }

    /// A store goes after whatever is served from it is served from elsewhere, or is gone.
    fn keep_what_is_served(
        &mut self,
        snapshot: &Snapshot,
        waiting: &BTreeMap<NodeIndex, Address>,
        early: &mut BTreeSet<Early>,
    ) {
        for state in snapshot.resources.values() {
            let (server, store) = (&state.resource.address, served_store(&state.resource));
            let Some(remove) = store.and_then(|store| self.removes.get(&store).copied()) else {
                continue;
            };
            let changes = [self.removes.get(server), self.makes.get(server)];
            for change in changes.into_iter().flatten().copied().collect::<Vec<_>>() {
                let is_linked = self.link(change, remove);
                let step = waiting.get(&change).filter(|_| !is_linked);
                early.extend(step.map(|step| Early {
                    what: self.graph[remove].address.clone(),
                    serves: Some(server.clone()),
                    step: step.clone(),
                }));
            }
        }
    }
}

/// Who stands on what, as recorded: what is used, and by whom. What was begun and never recorded
/// stands on others all the same.
fn users(snapshot: &Snapshot) -> impl Iterator<Item = (&Address, &Address)> {
    let recorded = snapshot.resources.values().map(|state| &state.resource);
    let open = snapshot.open.values().map(|open| &open.resource);
    recorded.chain(open).flat_map(|user| {
        let used = user.depends_on.iter().filter(|used| **used != user.address);
        used.map(|used| (used, &user.address))
    })
}

/// The port that a resource binds.
pub(crate) fn port_of(resource: &Resource) -> Option<u16> {
    match port_question(resource)? {
        Question::Port { port, .. } => Some(port),
        _ => None,
    }
}

fn sorted(graph: &DiGraph<Action, ()>) -> Vec<NodeIndex> {
    toposort(graph, None).expect(
        "the checker refuses circles, and each edge here follows a dependency or closes none",
    )
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
        // Nothing is called for these, and none of them is decided with the others.
        ChangeKind::Move | ChangeKind::Forget | ChangeKind::Adopt => {}
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

fn in_order(graph: DiGraph<Action, ()>) -> Vec<Action> {
    let order = sorted(&graph);
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
            made_as: None,
            target: None,
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
        actions(&snapshot, &decisions, &BTreeSet::from([&judged])).0
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
