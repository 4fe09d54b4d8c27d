//! What the spec says of names that are no longer in it: `moved` and `removed`.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Name as Naming, Value};

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::environment::WorldForm;
use crate::program::{Moved, Program, Removed};
use crate::schema::Place;
use crate::scope::NodeId;
use crate::suggest::nearest;
use crate::tree::{BlockItem, Node};
use crate::types::Type;

/// What `moved` and `removed` come to, as far as each is right by itself.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    moved: BTreeMap<NodeId, (Moved, Span)>,
    removed: BTreeMap<NodeId, Removed>,
}

impl<'t> Checker<'t> {
    /// Checks `moved "old" = "new"`.
    pub(crate) fn check_moved(&mut self, id: NodeId) {
        let Some((block, from)) = self.named(id, &["value"]) else {
            return;
        };
        let node = &self.nodes[id];
        let (scope, name, span, broken) =
            (node.scope, node.name.clone(), node.item.span, node.broken);
        for item in block.items() {
            self.not_read(item.span, "a move says nothing but two names");
        }
        let Some(value) = &block.value else {
            if !broken {
                self.report(
                    Diagnostic::error(code::VALUE_MISSING, name.span, "this says not where to")
                        .help("a move is from one name to another")
                        .help("write `= \"kind.name\"` behind it: what it is called now"),
                );
            }
            return;
        };
        let term = self.value(value, &Type::String, Env::of(scope));
        let Some(text) = term.value.as_text() else {
            return;
        };
        let (Some(from), Some(to)) = (from, self.naming(text, value.span)) else {
            return;
        };
        if from.kind != to.kind {
            let kind = |name: &Naming| match &name.kind {
                Some(kind) => format!("a `{kind}`"),
                None => "a component".to_owned(),
            };
            let text = format!(
                "this is {}, and {} was meant to move",
                kind(&to),
                kind(&from)
            );
            self.report(
                Diagnostic::error(code::MOVE_KIND, value.span, text)
                    .help("a thing keeps its kind, whatever it is called")
                    .help("name two blocks of one kind, or take this out: it is made anew then"),
            );
            return;
        }
        let moved = Moved { from, to, span };
        self.moves.moved.insert(id, (moved, value.span));
    }

    /// Checks `removed "old" { keep = true }`.
    pub(crate) fn check_removed(&mut self, id: NodeId) {
        let Some((block, name)) = self.named(id, &[]) else {
            return;
        };
        let (scope, span) = (self.nodes[id].scope, self.nodes[id].item.span);
        let mut keep = false;
        let mut seen = BTreeMap::new();
        for item in block.items() {
            match &item.node {
                Node::Field { path, value } if path.word() == "keep" => {
                    self.field_twice("keep", path.span, &mut seen);
                    let term = self.value(value, &Type::Bool, Env::of(scope));
                    keep = term.value == Value::Bool(true);
                }
                Node::Bad => {}
                _ if item.broken => {}
                _ => self.not_read(item.span, "all that is said here is `keep`"),
            }
        }
        if let Some(name) = name {
            self.moves.removed.insert(id, Removed { name, keep, span });
        }
    }

    /// The block with its name read as that of another block.
    fn named(&mut self, id: NodeId, head: &[&str]) -> Option<(&'t BlockItem, Option<Naming>)> {
        let node = &self.nodes[id];
        let (name, broken) = (node.name.clone(), node.broken);
        let block = node.block?;
        self.refuse_head(block, head);
        self.place(id, block, &Place::Nothing, broken);
        let naming = self.naming(&name.text, name.span);
        Some((block, naming))
    }

    fn not_read(&mut self, span: Span, text: &str) {
        self.report(
            Diagnostic::error(code::ENTRY_OUT_OF_PLACE, span, text)
                .help("nothing would read this")
                .help("take it out"),
        );
    }

    fn naming(&mut self, text: &str, span: Span) -> Option<Naming> {
        let naming = text.parse().ok();
        if naming.is_none() {
            self.report(
                Diagnostic::error(code::ADDRESS_WRONG, span, "this names no block")
                    .help("a block is named as in the plan, a component by its name alone")
                    .help("write it like \"storage.lake\", \"risk/step.model\" or \"api\""),
            );
        }
        naming
    }

    /// Holds the names against the blocks of the program, and gives them to it.
    pub(crate) fn settle_moves(&mut self, program: &mut Program) {
        let Moves { moved, removed } = std::mem::take(&mut self.moves);
        if moved.is_empty() && removed.is_empty() {
            return;
        }
        let blocks: Vec<Address> = program.blocks.iter().map(|b| b.address.clone()).collect();
        let lost = self.scopes.iter().any(|scope| scope.open);
        let stands = |name: &Naming| blocks.iter().any(|address| name.holds(address));
        let left: BTreeSet<Naming> = moved.values().map(|(one, _)| one.from.clone()).collect();
        for (id, (one, span)) in moved {
            let name = self.nodes[id].name.span;
            if stands(&one.from) {
                self.still_there(name, WorldForm::Moved);
            } else if !stands(&one.to) && !left.contains(&one.to) && !lost {
                let text = one.to.to_string();
                let known: Vec<String> = blocks.iter().map(ToString::to_string).collect();
                let meant = nearest(&text, known.iter().map(String::as_str));
                let inside = Span {
                    start: span.start + 1,
                    end: span.end.saturating_sub(1),
                    ..span
                };
                self.report(
                    Diagnostic::error(code::MOVED_NOWHERE, span, "the spec has no such block")
                        .help("what stands under the old name would be removed all the same")
                        .suggest(inside, &text, meant),
                );
            }
            program.moves.push(one);
        }
        for (id, one) in removed {
            if stands(&one.name) {
                self.still_there(self.nodes[id].name.span, WorldForm::Removed);
            }
            program.removed.push(one);
        }
    }

    fn still_there(&mut self, span: Span, form: WorldForm) {
        let text = "a block of this name is in the spec";
        let help = match form {
            WorldForm::Removed => "take the block out, or this line",
            _ => "rename the block, or take this line out",
        };
        self.report(
            Diagnostic::error(code::MOVED_STAYS, span, text)
                .help("what stands under this name is this block's")
                .help(help),
        );
    }
}
