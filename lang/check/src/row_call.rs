//! Calls of functions in row expressions.

use std::sync::Arc;

use mlinfra_api::{ColumnBase, RowExpression};

use crate::check::Checker;
use crate::code;
use crate::diagnostic::Diagnostic;
use crate::row::{RowEnv, RowTerm, common, is_number, is_text};
use crate::schema::Function;
use crate::tree::{Argument, Expr};
use crate::types::Type;

impl Checker<'_> {
    pub(crate) fn row_call(
        &mut self,
        callee: &Expr,
        arguments: &[Argument],
        at: RowEnv<'_>,
    ) -> Option<RowTerm> {
        let function = callee
            .as_name()
            .and_then(|word| self.library.functions.get(word))
            .cloned();
        let Some(function) = function.filter(|function| function.row) else {
            let word = callee.as_name().unwrap_or("this");
            let of_spec = self.function_named(callee, at.env).is_some();
            if of_spec || self.library.functions.contains_key(word) {
                self.report(
                    Diagnostic::error(
                        code::FUNCTION_ELSEWHERE,
                        callee.span,
                        format!("`{word}` works on values of the spec, not on cells"),
                    )
                    .help("the engine computes this for each row, and has no such function")
                    .help("the functions for rows are marked so in the reference"),
                );
            } else {
                self.eval_call(callee, &[], callee.span, &Type::Any, at.env);
            }
            return None;
        };
        let bound = self.bind(&function.parameters, arguments, &function.name, callee.span)?;
        let mut terms: Vec<RowTerm> = Vec::new();
        let mut failed = false;
        for (parameter, argument) in function.parameters.iter().zip(bound) {
            let Some(argument) = argument else { continue };
            match self.row(argument, at) {
                Some(term) if takes(&parameter.parameter_type, term.base()) => {
                    failed |= !self.takes_amount(&function, &term, argument.span);
                    terms.push(term);
                }
                Some(term) => {
                    self.row_operands(&function.name, term.base(), None, argument.span);
                    failed = true;
                }
                None => failed = true,
            }
        }
        if failed {
            return None;
        }
        let cells = self.cells_of_all(&terms, callee.span)?;
        let base = result(&function, &terms);
        let nullable = terms.iter().any(RowTerm::nullable);
        let expression = RowExpression::Call {
            function: function.name.clone(),
            arguments: terms.iter().map(|term| term.expression.clone()).collect(),
        };
        let read: Vec<&RowTerm> = terms.iter().collect();
        let term = RowTerm::new(base, nullable, expression).of(cells);
        Some(term.with(&read))
    }
}

/// Whether a function's parameter takes such a cell.
fn takes(parameter: &Type, base: ColumnBase) -> bool {
    match parameter {
        Type::Float => is_number(base),
        Type::String => is_text(base),
        Type::Int => base == ColumnBase::Int,
        Type::Bool => base == ColumnBase::Bool,
        Type::Date => base == ColumnBase::Date,
        _ => false,
    }
}

fn result(function: &Function, terms: &[RowTerm]) -> ColumnBase {
    match &function.result {
        Type::Int => ColumnBase::Int,
        Type::Bool => ColumnBase::Bool,
        Type::String => ColumnBase::String,
        Type::Category => ColumnBase::Category,
        Type::Date => ColumnBase::Date,
        Type::LikeOf(names) => {
            let of = |name: &Arc<str>| {
                let place = function.parameters.iter().position(|p| *p.name == **name)?;
                terms.get(place).map(RowTerm::base)
            };
            let mut bases = names.iter().filter_map(of);
            let first = bases.next().unwrap_or(ColumnBase::Float);
            bases.fold(first, |left, right| common(left, right).unwrap_or(left))
        }
        _ => ColumnBase::Float,
    }
}
