//! `when`: which blocks are there, and what a reference to one that may not be there amounts to.
//!
//! A reference to such a block is of a type that may be absent, but for references under the same
//! condition: in a block with the same `when`, in what is inside of one, or behind `if` with it.

use mlinfra_api::Value;

use crate::check::{Checker, Env, cycle_finding};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::scope::{Form, NodeId, ScopeId};
use crate::tree::{Arm, Binary, Expr, ExprKind, Pattern};
use crate::types::{Term, Type};

/// How much is known of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It is being decided.
    Deciding,
    /// Whether it holds; none if it is in error.
    Decided(Option<bool>),
}

/// A condition that holds where an expression stands.
#[derive(Clone, Debug)]
pub(crate) struct Assumed {
    text: String,
    scope: ScopeId,
    /// The names in it.
    names: Vec<String>,
}

impl<'t> Checker<'t> {
    /// What stands before `??`: of what is absent, a member is absent too.
    pub(crate) fn eval_if_there(&mut self, expr: &Expr, expected: &Type, env: Env<'_>) -> Term {
        let ExprKind::Member { object, name } = &expr.kind else {
            return self.eval(expr, expected, env);
        };
        let of_word =
            (object.as_name()).and_then(|word| self.word_member(word, name, expr.span, env));
        if let Some(term) = of_word {
            return term;
        }
        let of = self.eval_if_there(object, &Type::Any, env);
        let term = match (&of.term_type, of.value) {
            (Type::Optional(_) | Type::Nothing, Value::None) => {
                Term::new(Type::Nothing, Value::None)
            }
            (Type::Optional(inner), value) => {
                let found = self.member(inner, &value, name);
                Term::new(found.term_type.optional(), found.value)
            }
            (_, value) => self.member(&of.term_type, &value, name),
        };
        match env.present {
            Some(present) if term.term_type.may_be_absent() => present.narrowed(expr, term),
            _ => term,
        }
    }

    /// Whether it is for a condition of its own to say that this is there. What a `for` leaves out
    /// is no element.
    pub(crate) fn has_condition(&self, id: NodeId) -> bool {
        let node = &self.nodes[id];
        let conditional = matches!(node.form, Form::Block(_) | Form::Instance(_) | Form::Output);
        conditional
            && node.address.leaf.key.is_none()
            && node.block.is_some_and(|block| block.when.is_some())
    }

    /// Whether the condition of this holds; none if it is in error.
    pub(crate) fn is_present(&mut self, id: NodeId, span: Span) -> Option<bool> {
        match self.presences.get(&id) {
            Some(Presence::Decided(known)) => return *known,
            Some(Presence::Deciding) => {
                let name = self.nodes[id].name.text.clone();
                self.report(cycle_finding(span, &[name]));
                return None;
            }
            None => {}
        }
        let node = &self.nodes[id];
        let (scope, when) = (node.scope, node.block.and_then(|block| block.when.as_ref()));
        self.presences.insert(id, Presence::Deciding);
        let around = node_absent_around(self, id);
        let mode = self.enter(around, self.is_inside_copy(id));
        let holds = when.and_then(|when| self.condition(when, Env::of(scope)));
        self.leave(mode);
        self.presences.insert(id, Presence::Decided(holds));
        if holds != Some(true) {
            self.absent.insert(id);
        }
        holds
    }

    /// Whether this is not in the program: it, or something around it, is left out.
    pub(crate) fn is_absent(&self, id: NodeId) -> bool {
        if self.absent.is_empty() {
            return false;
        }
        let mut current = Some(id);
        while let Some(id) = current {
            if self.absent.contains(&id) {
                return true;
            }
            current = self.nodes[id].parent;
        }
        false
    }

    /// A reference to what may not be there.
    pub(crate) fn refer_to_conditional(&mut self, id: NodeId, term: Term, span: Span) -> Term {
        if term.term_type.is_error() || self.is_implied(id) {
            return term;
        }
        match self.is_present(id, span) {
            Some(true) => Term::new(term.term_type.optional(), term.value),
            Some(false) => Term::new(term.term_type.optional(), Value::None),
            None => Term::error(),
        }
    }

    /// Whether what asks stands under all conditions that this one stands under.
    fn is_implied(&self, id: NodeId) -> bool {
        let node = &self.nodes[id];
        let Some(when) = node.block.and_then(|block| block.when.as_ref()) else {
            return true;
        };
        let mut around_it = Vec::new();
        let mut around = self.running.last().copied();
        while let Some(id) = around {
            let node = &self.nodes[id];
            if let Some(when) = node.block.and_then(|block| block.when.as_ref()) {
                self.conjuncts(when, node.scope, &mut around_it);
            }
            around = node.parent;
        }
        let mut wanted = Vec::new();
        self.conjuncts(when, node.scope, &mut wanted);
        let known = || self.assumed.iter().chain(&around_it);
        wanted
            .iter()
            .all(|wanted| known().any(|known| self.is_same(wanted, known)))
    }

    fn is_same(&self, one: &Assumed, other: &Assumed) -> bool {
        let same = |name: &String| {
            let (one, other) = (self.find(name, one.scope), self.find(name, other.scope));
            one == other || self.same_round(one, other)
        };
        one.text == other.text && (one.scope == other.scope || one.names.iter().all(same))
    }

    /// Whether two names of loops stand for the same.
    fn same_round(&self, one: Option<NodeId>, other: Option<NodeId>) -> bool {
        let value = |id: Option<NodeId>| {
            let id = id.filter(|id| matches!(self.nodes[*id].form, Form::Round));
            self.evaluated(id?).map(|term| &term.value)
        };
        value(one).is_some() && value(one) == value(other)
    }

    /// The conditions that hold if this one does: the sides of `and`.
    fn conjuncts(&self, condition: &Expr, scope: ScopeId, found: &mut Vec<Assumed>) {
        let mut open = vec![condition];
        while let Some(expr) = open.pop() {
            if let ExprKind::Binary {
                operator: Binary::And,
                left,
                right,
                ..
            } = &expr.kind
            {
                open.extend([&**left, &**right]);
                continue;
            }
            let mut names = Vec::new();
            names_of(expr, &mut names);
            found.push(Assumed {
                text: self.written(expr.span),
                scope,
                names,
            });
        }
    }

    /// The text of the spec, without what only lays it out.
    fn written(&self, span: Span) -> String {
        let file = self.texts.get(span.file.0 as usize);
        let text = file.and_then(|file| file.text.get(span.start as usize..span.end as usize));
        let words: Vec<&str> = text.unwrap_or_default().split_whitespace().collect();
        words.join(" ")
    }

    /// Assumes a condition for what stands behind `then`; [`Checker::forget_assumed`] takes it
    /// back.
    pub(crate) fn assume(&mut self, condition: &Expr, env: Env<'_>) -> usize {
        let count = self.assumed.len();
        let (false, Some(scope)) = (self.presences.is_empty(), env.scope) else {
            return count;
        };
        let mut names = Vec::new();
        names_of(condition, &mut names);
        if names.iter().all(|name| env.local(name).is_none()) {
            let mut found = std::mem::take(&mut self.assumed);
            self.conjuncts(condition, scope, &mut found);
            self.assumed = found;
        }
        count
    }

    /// What stands behind a pattern: there, the subject is what the pattern says.
    pub(crate) fn eval_arm(
        &mut self,
        subject: &Expr,
        arm: &Arm,
        is_chosen: bool,
        expected: &Type,
        env: Env<'_>,
    ) -> Term {
        let count = self.assumed.len();
        if let ([Pattern::Value(pattern)], Some(scope)) = (arm.patterns.as_slice(), env.scope)
            && !self.presences.is_empty()
        {
            let mut names = Vec::new();
            names_of(subject, &mut names);
            if names.iter().all(|name| env.local(name).is_none()) {
                let (subject, pattern) = (self.written(subject.span), self.written(pattern.span));
                self.assumed.push(Assumed {
                    text: format!("{subject} == {pattern}"),
                    scope,
                    names,
                });
            }
        }
        let term = self.branch(is_chosen, |checker| checker.eval(&arm.value, expected, env));
        self.forget_assumed(count);
        term
    }

    /// Takes back what was assumed since there were so many.
    pub(crate) fn forget_assumed(&mut self, count: usize) {
        self.assumed.truncate(count);
    }

    /// Takes what is absent out of all results: it is checked, and no part of the program.
    pub(crate) fn drop_absent(&mut self) {
        if self.absent.is_empty() {
            return;
        }
        for id in 0..self.nodes.len() {
            if self.is_absent(id) {
                self.blocks.remove(id);
                self.done(id, Term::error());
            }
        }
    }

    /// A place that may be absent as one that is there; a finding if it is not.
    pub(crate) fn present_place(&mut self, term: Term, span: Span) -> Term {
        match (&term.term_type, &term.value) {
            (Type::Optional(_), Value::None) => {
                self.report(
                    Diagnostic::error(code::PLACE_ABSENT, span, "this is not there")
                        .help("its `when` does not hold, so nothing can be placed on it")
                        .help("give this block the same `when`, or place it on another one"),
                );
                Term::error()
            }
            (Type::Optional(inner), _) => Term::new((**inner).clone(), term.value),
            _ => term,
        }
    }
}

/// Whether something around this is absent.
fn node_absent_around(checker: &Checker<'_>, id: NodeId) -> bool {
    checker.nodes[id]
        .parent
        .is_some_and(|around| checker.is_absent(around))
}

fn names_of(expr: &Expr, found: &mut Vec<String>) {
    match &expr.kind {
        ExprKind::Name(name) => found.push(name.clone()),
        _ => expr.for_each_part(&mut |part| names_of(part, found)),
    }
}

/// Whether a value of this type names something that is made: one that is absent drops out of a
/// list of them.
pub(crate) fn is_reference(named: &Type) -> bool {
    match named {
        Type::Block(_)
        | Type::Opaque(_)
        | Type::Table(_)
        | Type::Parts(_)
        | Type::Weights(_)
        | Type::Release(_) => true,
        Type::Union(members) => members.iter().all(is_reference),
        _ => false,
    }
}
