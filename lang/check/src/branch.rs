//! `if`, `and`, `or`: what decides, what is not taken, and what is there because it was asked.

use mlinfra_api::Value;

use crate::check::{Checker, Env};
use crate::diagnostic::Span;
use crate::tree::{Binary, Expr, ExprKind};
use crate::types::{Term, Type};
use crate::unify::{unify, widen};

/// What was asked for on the way to here, and is there.
#[derive(Clone, Copy)]
pub(crate) struct Present<'e> {
    paths: &'e [&'e Expr],
    next: Option<&'e Present<'e>>,
}

impl<'e> Present<'e> {
    /// The same names and values, where this was asked for as well.
    fn added_to(&'e self, env: Env<'e>) -> Env<'e> {
        match self.paths.is_empty() {
            true => env,
            false => Env {
                present: Some(self),
                ..env
            },
        }
    }

    /// The term without its `?` if the expression was asked for. Where it is absent all the same,
    /// this branch is not taken, and what it would be is not known.
    pub(crate) fn narrowed(&self, expr: &Expr, term: Term) -> Term {
        let mut current = Some(self);
        while let Some(present) = current {
            if present.paths.iter().any(|path| is_same(path, expr)) {
                let of = term.term_type.bare().present().clone();
                let of = of.kept_secret(term.term_type.is_secret());
                return match term.value {
                    Value::None => Term::unknown(of, &[]),
                    value => Term::new(of, value),
                };
            }
            current = present.next;
        }
        term
    }
}

/// Whether two expressions name the same thing.
fn is_same(left: &Expr, right: &Expr) -> bool {
    match (&left.kind, &right.kind) {
        (ExprKind::Name(left), ExprKind::Name(right)) => left == right,
        (
            ExprKind::Member { object, name },
            ExprKind::Member {
                object: other,
                name: named,
            },
        ) => name.text == named.text && is_same(object, other),
        _ => false,
    }
}

/// What is there if the condition holds, or if it does not.
pub(crate) fn present_if<'e>(condition: &'e Expr, holds: bool, found: &mut Vec<&'e Expr>) {
    match &condition.kind {
        ExprKind::Not(operand) => present_if(operand, !holds, found),
        ExprKind::Binary {
            operator,
            left,
            right,
            ..
        } => match (operator, holds) {
            (Binary::And, true) | (Binary::Or, false) => {
                present_if(left, holds, found);
                present_if(right, holds, found);
            }
            (Binary::NotEqual, true) | (Binary::Equal, false) => {
                for (path, other) in [(left, right), (right, left)] {
                    if matches!(other.kind, ExprKind::None) {
                        found.push(path);
                    }
                }
            }
            _ => {}
        },
        _ => {}
    }
}

impl Checker<'_> {
    /// What `evaluate` gives where the condition holds, or does not.
    pub(crate) fn where_present<T>(
        &mut self,
        condition: &Expr,
        holds: bool,
        env: Env<'_>,
        evaluate: impl FnOnce(&mut Self, Env<'_>) -> T,
    ) -> T {
        let mut paths = Vec::new();
        present_if(condition, holds, &mut paths);
        let present = Present {
            paths: &paths,
            next: env.present,
        };
        let inside = present.added_to(env);
        let assumed = holds.then(|| self.assume(condition, env));
        let result = evaluate(self, inside);
        if let Some(assumed) = assumed {
            self.forget_assumed(assumed);
        }
        result
    }

    /// A branch. One that is not taken is evaluated for its type alone: it has none, and that is no
    /// fault, where only its values stand in the way.
    pub(crate) fn branch(&mut self, taken: bool, evaluate: impl FnOnce(&mut Self) -> Term) -> Term {
        if taken {
            return evaluate(self);
        }
        let found = self.findings.len();
        let mode = self.enter(true, self.is_copy);
        let term = evaluate(self);
        self.leave(mode);
        match term.term_type.is_error() && self.findings.len() == found {
            true => Term::new(Type::Any, Value::None),
            false => term,
        }
    }

    /// A condition that must be known now.
    pub(crate) fn condition(&mut self, condition: &Expr, env: Env<'_>) -> Option<bool> {
        let term = self.value(condition, &Type::Bool, env);
        self.decision(&term, condition.span)
    }

    /// What was decided; none, with a finding, if it is not known now.
    fn decision(&mut self, term: &Term, span: Span) -> Option<bool> {
        if term.term_type.is_error() || !self.must_be_known(term, span, "what decides") {
            return None;
        }
        match term.value {
            Value::Bool(holds) => Some(holds),
            _ => None,
        }
    }

    /// Whether it is no fault that this is not known: a policy that rests on it is not decided yet.
    pub(crate) fn may_be_open(&self, term: &Term) -> bool {
        self.facts.is_some() && !term.term_type.is_error() && !term.is_known()
    }

    pub(crate) fn eval_if(
        &mut self,
        condition: &Expr,
        then: &Expr,
        otherwise: &Expr,
        expected: &Type,
        env: Env<'_>,
    ) -> Term {
        let term = self.value(condition, &Type::Bool, env);
        let is_open = self.is_supposed || self.may_be_open(&term);
        let decided = match self.may_be_open(&term) {
            true => None,
            false => self.decision(&term, condition.span),
        };
        let mut side = |expr: &Expr, holds: bool| {
            self.branch(decided != Some(!holds), |checker| {
                checker.where_present(condition, holds, env, |checker, inside| {
                    checker.eval(expr, expected, inside)
                })
            })
        };
        let first = side(then, true);
        let second = side(otherwise, false);
        if first.term_type.is_error() || second.term_type.is_error() {
            return Term::error();
        }
        let Some(common) = unify(&first.term_type, &second.term_type) else {
            self.differ(&first.term_type, &second.term_type, otherwise.span);
            return Term::error();
        };
        match decided {
            Some(true) => widen(first, &common),
            Some(false) => widen(second, &common),
            None if is_open => Term::unknown(common, &[&term]),
            None => Term::error(),
        }
    }

    /// `and`, `or`: the right side counts only where the left one does not decide. A chain of them
    /// is gone through from its first operand, so that each is assumed once for all behind it.
    pub(crate) fn eval_logic(
        &mut self,
        operator: Binary,
        left: &Expr,
        right: &Expr,
        env: Env<'_>,
    ) -> Term {
        let (first, behind) = chain(operator, left, right);
        let decides = operator == Binary::Or;
        let assumed = self.assumed.len();
        let mut paths = Vec::new();
        let mut term = self.value(first, &Type::Bool, env);
        let mut before = first;
        for operand in behind {
            present_if(before, !decides, &mut paths);
            if !decides {
                self.assume(before, env);
            }
            let present = Present {
                paths: &paths,
                next: env.present,
            };
            let inside = present.added_to(env);
            let decided = term.value == Value::Bool(decides);
            let next = self.branch(!decided, |checker| {
                checker.value(operand, &Type::Bool, inside)
            });
            term = both(&term, &next, decides);
            before = operand;
        }
        self.forget_assumed(assumed);
        term
    }
}

/// The operands of a chain of one operator, in their order: the first, and those behind it.
fn chain<'e>(
    operator: Binary,
    left: &'e Expr,
    right: &'e Expr,
) -> (&'e Expr, impl Iterator<Item = &'e Expr>) {
    let mut behind = vec![right];
    let mut first = left;
    while let ExprKind::Binary {
        operator: inner,
        left,
        right,
        ..
    } = &first.kind
        && *inner == operator
    {
        behind.push(right);
        first = left;
    }
    (first, behind.into_iter().rev())
}

/// What `and` and `or` come to, of which one operand alone may decide.
fn both(first: &Term, second: &Term, decides: bool) -> Term {
    if first.term_type.is_error() || second.term_type.is_error() {
        return Term::error();
    }
    match (&first.value, &second.value) {
        (Value::Bool(flag), _) | (_, Value::Bool(flag)) if *flag == decides => {
            Term::new(Type::Bool, Value::Bool(decides))
        }
        (Value::Bool(_), Value::Bool(flag)) => Term::new(Type::Bool, Value::Bool(*flag)),
        _ => Term::unknown(Type::Bool, &[first, second]),
    }
}
