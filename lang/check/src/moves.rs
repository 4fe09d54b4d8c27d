//! What the spec says of names that are no longer in it: `moved` and `removed`.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Name as Naming, Segment, Value};

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::environment::WorldForm;
use crate::program::{Moved, Program, Removed};
use crate::scope::{Declared, Form, NodeId};
use crate::suggest::nearest;
use crate::tree::{BlockItem, Node};
use crate::types::Type;

/// What `moved` and `removed` come to, as far as each is right by itself.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    moved: BTreeMap<NodeId, Move>,
    removed: BTreeMap<NodeId, Removed>,
}

/// A move, and how its new name is written.
#[derive(Debug)]
struct Move {
    moved: Moved,
    to: Span,
    /// Whether the new name stands there as a text, and is not computed.
    is_literal: bool,
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
        let one = Move {
            moved: Moved { from, to, span },
            to: value.span,
            is_literal: value.as_literal().is_some(),
        };
        self.moves.moved.insert(id, one);
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
        let name = node.name.clone();
        let block = node.block?;
        self.refuse_head(block, head);
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
        let there = There::of(&blocks);
        let lost = self.scopes.iter().any(|scope| scope.open);
        let mut left: BTreeMap<Naming, NodeId> = BTreeMap::new();
        for (id, Move { moved, .. }) in &moved {
            if there.has_stayed(moved) {
                self.still_there(self.nodes[*id].name.span, WorldForm::Moved);
            }
            self.once(&mut left, &moved.from, *id);
        }
        self.each_to_its_own(&moved, &there);
        if !lost {
            for one in nowhere(&moved, &left, &there) {
                self.moved_nowhere(one, &blocks);
            }
        }
        for (id, one) in &removed {
            if there.stands(&one.name) {
                self.still_there(self.nodes[*id].name.span, WorldForm::Removed);
            }
            self.once(&mut left, &one.name, *id);
        }
        program.moves = moved.into_values().map(|one| one.moved).collect();
        program.removed = removed.into_values().collect();
    }

    /// Notes what becomes of an old name; a finding if something was said of it already.
    fn once(&mut self, left: &mut BTreeMap<Naming, NodeId>, name: &Naming, id: NodeId) {
        let Some(first) = left.get(name).copied() else {
            left.insert(name.clone(), id);
            return;
        };
        // Two of one form that are written alike have their finding by now.
        let (first, second) = (&self.nodes[first], &self.nodes[id]);
        let form = |node: &Declared<'_>| match node.form {
            Form::World(form) => Some(form),
            _ => None,
        };
        if form(first) == form(second) && first.name.text == second.name.text {
            return;
        }
        let (first, second) = (first.name.span, second.name.span);
        let text = "something is said of this name already";
        self.report(
            Diagnostic::error(code::NAME_TWICE, second, text)
                .also(first, "here first")
                .help("what stands under it can't become two things")
                .help("keep the line that is true, and take the other out"),
        );
    }

    /// Reports blocks that two things that stand already would become.
    fn each_to_its_own(&mut self, moved: &BTreeMap<NodeId, Move>, there: &There<'_>) {
        let mut taken: BTreeMap<&Naming, NodeId> = BTreeMap::new();
        for (id, Move { moved, to, .. }) in moved {
            if !there.has_come(moved) {
                continue;
            }
            let first = *taken.entry(&moved.to).or_insert(*id);
            if first != *id {
                let first = self.nodes[first].name.span;
                self.report(
                    Diagnostic::error(code::NAME_TWICE, *to, "another block moves here too")
                        .also(first, "this one")
                        .help("of two things that stand already, one block can be only one")
                        .help("move one of them; say `removed` of the other"),
                );
            }
        }
    }

    fn moved_nowhere(&mut self, one: &Move, blocks: &[Address]) {
        let text = one.moved.to.to_string();
        let known: Vec<String> = match self.budget.compare(blocks.len()) {
            true => blocks.iter().map(ToString::to_string).collect(),
            false => Vec::new(),
        };
        let finding = Diagnostic::error(code::MOVED_NOWHERE, one.to, "the spec has no such block")
            .help("what stands under the old name would be removed all the same");
        let Some(meant) = nearest(&text, known.iter().map(String::as_str)) else {
            self.report(finding);
            return;
        };
        let finding = finding.help(meant.question());
        self.report(match meant.sure().filter(|_| one.is_literal) {
            Some(sure) => {
                let literal = Value::text(sure).to_string();
                finding.fix(format!("{text} → {sure}"), one.to, literal)
            }
            None => finding,
        });
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

/// The names of a program: of its blocks, and of what encloses them.
struct There<'b> {
    blocks: BTreeSet<(&'b [Segment], &'b str, &'b Segment)>,
    around: BTreeSet<&'b [Segment]>,
    /// The names of what stands in a `for`, without their keys.
    families: BTreeSet<(&'b [Segment], Option<&'b str>, &'b str)>,
}

impl<'b> There<'b> {
    fn of(blocks: &'b [Address]) -> Self {
        let mut around = BTreeSet::new();
        let mut families = BTreeSet::new();
        for block in blocks {
            if block.leaf.key.is_some() {
                families.insert((&*block.parents, Some(&*block.kind), &*block.leaf.name));
            }
            for end in (1..=block.parents.len()).rev() {
                // What encloses this one was noted with it.
                if !around.insert(&block.parents[..end]) {
                    break;
                }
                let own = &block.parents[end - 1];
                if own.key.is_some() {
                    families.insert((&block.parents[..end - 1], None, &*own.name));
                }
            }
        }
        let name = |block: &'b Address| (&*block.parents, &*block.kind, &block.leaf);
        There {
            blocks: blocks.iter().map(name).collect(),
            around,
            families,
        }
    }

    /// Whether the old name of a move is still that of something. A block that becomes an element
    /// of a `for` of its own name has left it.
    fn has_stayed(&self, moved: &Moved) -> bool {
        self.stands(&moved.from) || moved.to.leaf.key.is_none() && self.is_family(&moved.from)
    }

    /// Whether the new name of a move is that of something: without a key, of all the elements of
    /// a `for`, which keep theirs.
    fn has_come(&self, moved: &Moved) -> bool {
        self.stands(&moved.to) || moved.from.leaf.key.is_none() && self.is_family(&moved.to)
    }

    /// Whether this is the name of elements of a `for`, without their keys.
    fn is_family(&self, name: &Naming) -> bool {
        let of = |kind| (&*name.parents, kind, &*name.leaf.name);
        let mut named = [name.kind.as_deref(), None].into_iter();
        name.leaf.key.is_none() && named.any(|kind| self.families.contains(&of(kind)))
    }

    /// Whether a block has this name, or is inside of what has it.
    fn stands(&self, name: &Naming) -> bool {
        let kind = name.kind.as_deref();
        let of_block = |kind| self.blocks.contains(&(&*name.parents, kind, &name.leaf));
        kind.is_some_and(of_block) || {
            let all = [&*name.parents, std::slice::from_ref(&name.leaf)].concat();
            self.around.contains(&*all)
        }
    }
}

/// The moves that lead to no block: each whose new name neither stands nor moves on, and one of
/// each circle.
fn nowhere<'m>(
    moved: &'m BTreeMap<NodeId, Move>,
    left: &BTreeMap<Naming, NodeId>,
    there: &There<'_>,
) -> Vec<&'m Move> {
    let mut found = BTreeSet::new();
    // Each move with the walk that came by first.
    let mut walked: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for (walk, one) in moved {
        // What still stands under its old name has its finding.
        let mut next = Some(*walk).filter(|_| !there.has_stayed(&one.moved));
        while let Some((id, one)) = next.and_then(|id| Some((id, moved.get(&id)?))) {
            if let Some(before) = walked.insert(id, *walk) {
                // In this very walk: a circle, which goes through here.
                found.extend((before == *walk).then_some(id));
                break;
            }
            let to = &one.moved.to;
            let stands = there.has_come(&one.moved);
            next = left.get(to).copied().filter(|_| !stands);
            found.extend((next.is_none() && !stands).then_some(id));
        }
    }
    found.iter().filter_map(|id| moved.get(id)).collect()
}
