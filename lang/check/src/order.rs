//! The order in which declarations are evaluated: what a declaration names comes before it.

use std::collections::HashSet;

use crate::check::Checker;
use crate::scope::{Form, NodeId};
use crate::tree::{BlockItem, Expr, ExprKind, Node};

impl Checker<'_> {
    /// Every declaration, each after those that it names as far as that can be told from its text.
    /// Evaluation asks for what it needs by itself; this order only keeps it from going deep.
    pub(crate) fn evaluation_order(&mut self) -> Vec<NodeId> {
        let all = (0..self.nodes.len()).collect();
        self.order_of(all)
    }

    /// These declarations and those that they need, each after those that it names, without what
    /// is evaluated already.
    pub(crate) fn order_of(&mut self, all: Vec<NodeId>) -> Vec<NodeId> {
        let mut order = Vec::new();
        let mut seen: HashSet<NodeId> = HashSet::with_capacity(all.len());
        for first in all {
            if self.evaluated(first).is_some() || !seen.insert(first) {
                continue;
            }
            let mut path: Vec<(NodeId, Vec<NodeId>)> = vec![(first, self.named_by(first))];
            while let Some((id, named)) = path.last_mut() {
                match named.pop() {
                    Some(next) => {
                        if self.evaluated(next).is_none() && seen.insert(next) {
                            let named = self.named_by(next);
                            path.push((next, named));
                        }
                    }
                    None => {
                        order.push(*id);
                        path.pop();
                    }
                }
            }
        }
        order
    }

    /// The declarations that this one names, the first one last.
    fn named_by(&mut self, id: NodeId) -> Vec<NodeId> {
        self.unfold(id);
        let mut found = Vec::new();
        if let Form::Parameter = self.nodes[id].form {
            self.named_by_given(id, &mut found);
        }
        let node = &self.nodes[id];
        match node.form {
            Form::Instance(_) => found.extend(self.scopes[node.body].outputs.values()),
            Form::Family(_) => found.extend(self.elements_by_key(id)),
            _ => {}
        }
        if let Some(block) = node.block {
            for expr in expressions(block) {
                self.names_in(expr, node.body, &mut found);
            }
        }
        found.reverse();
        found
    }

    /// The declarations that what is given for a parameter names: by the instance that it is of, or
    /// by the environment.
    fn named_by_given(&mut self, id: NodeId, found: &mut Vec<NodeId>) {
        let node = &self.nodes[id];
        let Some(around) = node.parent else {
            let given = self.given.get(&node.name.text);
            if let Some((value, scope)) =
                given.and_then(|one| one.expression.as_ref().zip(one.scope))
            {
                self.names_in(value, scope, found);
            }
            return;
        };
        let name = node.name.text.clone();
        if let Some(value) = self.entry_of(around, &name) {
            self.names_in(value, self.nodes[around].scope, found);
        }
    }

    /// The declarations that decide whether, and how often, this one is there.
    pub(crate) fn named_by_head(&self, id: NodeId) -> Vec<NodeId> {
        let node = &self.nodes[id];
        let mut found = Vec::new();
        if let Some(block) = node.block {
            let source = block.repeat.iter().map(|repeat| &*repeat.source);
            for expr in source.chain(block.when.as_deref()) {
                self.names_in(expr, node.scope, &mut found);
            }
        }
        found
    }

    fn names_in(&self, expr: &Expr, scope: usize, found: &mut Vec<NodeId>) {
        match &expr.kind {
            ExprKind::Name(name) => found.extend(self.find(name, scope)),
            ExprKind::Member { object, name } => {
                let before = found.len();
                self.names_in(object, scope, found);
                match found.get(before).copied() {
                    Some(id) => {
                        found.extend(self.inside(id, &name.text));
                        // A full address beside a value that is named like its word.
                        if object
                            .as_name()
                            .is_some_and(|word| self.is_address_word(word))
                        {
                            found.extend(self.find(&name.text, scope));
                        }
                    }
                    None => match object.as_name().and_then(|alias| self.module(alias, scope)) {
                        Some(module) => {
                            found.extend(self.scopes[module].names.get(&name.text));
                        }
                        None => found.extend(self.find(&name.text, scope)),
                    },
                }
            }
            _ => expr.for_each_part(&mut |part| self.names_in(part, scope, found)),
        }
    }
}

/// The expressions of a block, without those of blocks inside it.
fn expressions(block: &BlockItem) -> Vec<&Expr> {
    let mut all: Vec<&Expr> = Vec::new();
    all.extend(block.place.as_deref());
    all.extend(block.value.as_deref());
    all.extend(block.when.as_deref());
    all.extend(block.repeat.iter().map(|repeat| &*repeat.source));
    for item in block.items() {
        match &item.node {
            Node::Field { value, .. } | Node::Requirement { value, .. } => all.push(value),
            Node::Require(require) => all.push(&require.condition),
            _ => {}
        }
    }
    all
}
