//! The fields that a body holds, found by name: long bodies are asked about very often.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::check::Checker;
use crate::diagnostic::Span;
use crate::scope::NodeId;
use crate::tree::{Expr, Item, Node};

/// How many entries are looked through one by one.
pub(crate) const SHORT: usize = 16;

/// The fields of long bodies, by the place of what has the body: the elements of a `for` share it.
#[derive(Debug, Default)]
pub(crate) struct LongBodies<'t> {
    by_item: HashMap<Span, HashMap<String, &'t Expr>>,
}

impl<'t> Checker<'t> {
    /// What is written for the first field of this name in the body of a block.
    pub(crate) fn entry_of(&mut self, id: NodeId, name: &str) -> Option<&'t Expr> {
        let node = &self.nodes[id];
        let items = node.block?.items();
        if items.len() <= SHORT {
            let mut fields = items.iter().filter_map(field);
            return fields
                .find(|(written, _)| *written == name)
                .map(|(_, value)| value);
        }
        let bodies = &mut self.long_bodies.by_item;
        let all = bodies.entry(node.item.span).or_insert_with(|| {
            let mut all = HashMap::with_capacity(items.len());
            for (written, value) in items.iter().filter_map(field) {
                all.entry(written.into_owned()).or_insert(value);
            }
            all
        });
        all.get(name).copied()
    }
}

fn field(item: &Item) -> Option<(Cow<'_, str>, &Expr)> {
    match &item.node {
        Node::Field { path, value } => Some((path.word(), value)),
        _ => None,
    }
}
