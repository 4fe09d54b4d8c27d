//! The order in which declarations are evaluated: what a declaration names comes before it.

use crate::check::Checker;
use crate::scope::NodeId;
use crate::tree::{BlockItem, Expr, ExprKind, Node};

impl Checker<'_> {
    /// Every declaration, each after those that it names as far as that can be told from its text.
    /// Evaluation asks for what it needs by itself; this order only keeps it from going deep.
    pub(crate) fn evaluation_order(&self) -> Vec<NodeId> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut seen = vec![false; self.nodes.len()];
        for first in 0..self.nodes.len() {
            if seen[first] {
                continue;
            }
            seen[first] = true;
            let mut path: Vec<(NodeId, Vec<NodeId>)> = vec![(first, self.named_by(first))];
            while let Some((id, named)) = path.last_mut() {
                match named.pop() {
                    Some(next) if !seen[next] => {
                        seen[next] = true;
                        let named = self.named_by(next);
                        path.push((next, named));
                    }
                    Some(_) => {}
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
    fn named_by(&self, id: NodeId) -> Vec<NodeId> {
        let mut found = Vec::new();
        if let Some(block) = self.nodes[id].block {
            for expr in expressions(block) {
                self.names_in(expr, self.nodes[id].body, &mut found);
            }
        }
        found.reverse();
        found
    }

    fn names_in(&self, expr: &Expr, scope: usize, found: &mut Vec<NodeId>) {
        match &expr.kind {
            ExprKind::Name(name) => found.extend(self.find(name, scope)),
            ExprKind::Member { object, name } => {
                let before = found.len();
                self.names_in(object, scope, found);
                match found.get(before).copied() {
                    Some(id) if self.nodes[id].body != self.nodes[id].scope => {
                        let nested = self.scopes[self.nodes[id].body].names.get(&name.text);
                        found.extend(nested.copied());
                    }
                    Some(_) => {}
                    None => found.extend(self.find(&name.text, scope)),
                }
            }
            _ => expr.for_each_part(&mut |part| self.names_in(part, scope, found)),
        }
    }
}

/// The expressions of a block, without those of blocks inside it.
fn expressions(block: &BlockItem) -> Vec<&Expr> {
    let mut all: Vec<&Expr> = Vec::new();
    all.extend(block.place.iter());
    all.extend(block.value.iter());
    all.extend(block.when.iter());
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
