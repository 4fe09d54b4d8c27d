//! Expressions over the cells of a row: typed here, computed by the engine.

use std::collections::BTreeSet;
use std::sync::Arc;

use mlinfra_api::{ColumnBase, ColumnType, RowExpression, RowOperator, Scalar, Value};

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::scope::Form;
use crate::table::{Cells, Table, TableColumn};
use crate::tree::{Binary, Expr, ExprKind};
use crate::types::{Term, Type};

/// A typed row expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowTerm {
    pub(crate) column_type: ColumnType,
    /// What its numbers are amounts of.
    pub(crate) cells: Cells,
    /// The classes of everything that it read.
    pub(crate) classes: BTreeSet<String>,
    pub(crate) expression: RowExpression,
}

/// Where a row expression stands.
#[derive(Clone, Copy)]
pub(crate) struct RowEnv<'r> {
    pub(crate) table: &'r Arc<Table>,
    pub(crate) env: Env<'r>,
}

impl RowTerm {
    pub(crate) fn new(base: ColumnBase, nullable: bool, expression: RowExpression) -> Self {
        RowTerm {
            column_type: ColumnType { base, nullable },
            cells: Cells::Plain,
            classes: BTreeSet::new(),
            expression,
        }
    }

    /// The same, as amounts of this.
    pub(crate) fn of(mut self, cells: Cells) -> Self {
        self.cells = cells;
        self
    }

    pub(crate) fn with(mut self, others: &[&RowTerm]) -> Self {
        for other in others {
            self.classes.extend(other.classes.iter().cloned());
        }
        self
    }

    pub(crate) fn base(&self) -> ColumnBase {
        self.column_type.base
    }

    pub(crate) fn nullable(&self) -> bool {
        self.column_type.nullable
    }
}

pub(crate) fn is_number(base: ColumnBase) -> bool {
    matches!(base, ColumnBase::Int | ColumnBase::Float)
}

pub(crate) fn is_text(base: ColumnBase) -> bool {
    matches!(base, ColumnBase::String | ColumnBase::Category)
}

/// The type that both cells have once they stand in one column.
pub(crate) fn common(left: ColumnBase, right: ColumnBase) -> Option<ColumnBase> {
    match (left, right) {
        (left, right) if left == right => Some(left),
        (left, right) if is_number(left) && is_number(right) => Some(ColumnBase::Float),
        (left, right) if is_text(left) && is_text(right) => Some(ColumnBase::String),
        _ => None,
    }
}

/// Whether two cells can be equal.
fn comparable(left: ColumnBase, right: ColumnBase) -> bool {
    common(left, right).is_some()
}

impl Checker<'_> {
    /// Types an expression over a row; none, with a finding, if it is in error.
    pub(crate) fn row(&mut self, expr: &Expr, at: RowEnv<'_>) -> Option<RowTerm> {
        match &expr.kind {
            ExprKind::Bad => None,
            ExprKind::Name(name) => self.row_name(name, expr, at),
            ExprKind::None => {
                self.not_in_a_row(
                    expr.span,
                    "`none` is no cell",
                    "use `x ?? value` for cells that are missing",
                );
                None
            }
            _ if !self.reads_row(expr, at) => self.row_constant(expr, at),
            ExprKind::Member { .. } => self.row_member(expr, at),
            ExprKind::Not(operand) => {
                let operand = self.row_bool(operand, at)?;
                let expression = RowExpression::Not(Box::new(operand.expression.clone()));
                Some(
                    RowTerm::new(ColumnBase::Bool, operand.nullable(), expression)
                        .with(&[&operand]),
                )
            }
            ExprKind::Negate(operand) => {
                let term = self.row(operand, at)?;
                if !is_number(term.base()) {
                    self.row_operands("-", term.base(), None, expr.span);
                    return None;
                }
                let expression = RowExpression::Negate(Box::new(term.expression.clone()));
                let negated = RowTerm::new(term.base(), term.nullable(), expression);
                Some(negated.of(term.cells.clone()).with(&[&term]))
            }
            ExprKind::Binary {
                operator,
                operator_span,
                left,
                right,
            } => self.row_binary((*operator, *operator_span), left, right, at),
            ExprKind::If {
                condition,
                then,
                otherwise,
            } => self.row_if(condition, then, otherwise, at),
            ExprKind::Call { callee, arguments } => self.row_call(callee, arguments, at),
            _ => {
                let advice = "compute it with operators, `if`, `in`, `??` and row functions";
                self.not_in_a_row(expr.span, "this has no meaning for each row", advice);
                None
            }
        }
    }

    fn not_in_a_row(&mut self, span: Span, text: &str, advice: &str) {
        self.report(
            Diagnostic::error(code::NOT_IN_A_ROW, span, text)
                .help("the engine computes this for each row, and an endpoint for each request")
                .help(advice),
        );
    }

    /// Whether a column, or what may be one, occurs in it.
    fn reads_row(&self, expr: &Expr, at: RowEnv<'_>) -> bool {
        match &expr.kind {
            ExprKind::Name(name) => at.table.column(name).is_some() || !self.names_value(name, at),
            ExprKind::Member { object, .. } => {
                let table_named = object.as_name().and_then(|name| {
                    let id = at.env.scope.and_then(|scope| self.find(name, scope))?;
                    Some(self.nodes[id].address == at.table.address)
                });
                table_named.unwrap_or(false)
            }
            ExprKind::Call { callee, arguments } => {
                let row_only = callee
                    .as_name()
                    .and_then(|word| self.library.functions.get(word));
                row_only.is_some_and(|function| function.row && !function.value)
                    || arguments
                        .iter()
                        .any(|argument| self.reads_row(&argument.value, at))
            }
            ExprKind::Comprehension { .. } | ExprKind::Record(_) => false,
            _ => {
                let mut reads = false;
                expr.for_each_part(&mut |part| reads = reads || self.reads_row(part, at));
                reads
            }
        }
    }

    /// Whether a name stands for a value of the spec. A block is none: in a row, its name is most
    /// likely a column's.
    fn names_value(&self, name: &str, at: RowEnv<'_>) -> bool {
        if at.env.local(name).is_some() {
            return true;
        }
        let found = at.env.scope.and_then(|scope| self.find(name, scope));
        found.is_some_and(|id| {
            let form = &self.nodes[id].form;
            !matches!(form, Form::Block(_) | Form::Instance(_) | Form::Family(_))
        })
    }

    fn row_name(&mut self, name: &str, expr: &Expr, at: RowEnv<'_>) -> Option<RowTerm> {
        if let Some(column) = at.table.column(name) {
            let column = column.clone();
            self.warn_of_value(name, expr.span, at);
            return self.row_column(&column, expr.span);
        }
        if self.names_value(name, at) {
            return self.row_constant(expr, at);
        }
        if !at.table.open && !at.env.scope.is_some_and(|scope| self.is_open(scope)) {
            let finding = self.unknown_column(at.table, name, expr.span);
            self.report(finding);
        }
        None
    }

    /// `clean.age`: a column by its full address.
    fn row_member(&mut self, expr: &Expr, at: RowEnv<'_>) -> Option<RowTerm> {
        let term = self.eval(expr, &Type::Any, at.env);
        let (Type::Column(..), Value::String(name)) = (&term.term_type, &term.value) else {
            return None;
        };
        let column = at.table.column(name)?.clone();
        self.row_column(&column, expr.span)
    }

    /// A column's cell.
    fn row_column(&mut self, column: &TableColumn, span: Span) -> Option<RowTerm> {
        let column_type = column.column_type?;
        if column.cells == Cells::Vector {
            let advice =
                "a step whose operation takes vectors reads them; here, name another column";
            self.not_in_a_row(span, "this column holds vectors", advice);
            return None;
        }
        Some(RowTerm {
            column_type,
            cells: column.cells.clone(),
            classes: column.classes.clone(),
            expression: RowExpression::Column(column.name.clone()),
        })
    }

    /// A value of the spec as a constant of the row.
    fn row_constant(&mut self, expr: &Expr, at: RowEnv<'_>) -> Option<RowTerm> {
        let term = self.eval(expr, &Type::Any, at.env);
        if term.term_type.is_error() || !self.must_be_known(&term, expr.span, "a constant") {
            return None;
        }
        self.constant(&term, expr.span)
    }

    fn constant(&mut self, term: &Term, span: Span) -> Option<RowTerm> {
        if let Value::Quantity(quantity) = &term.value
            && let Some(constant) = self.constant_amount(quantity)
        {
            return Some(constant);
        }
        let (base, scalar) = match &term.value {
            Value::Bool(flag) => (ColumnBase::Bool, Scalar::Bool(*flag)),
            Value::Int(number) => (ColumnBase::Int, Scalar::Int(*number)),
            Value::Decimal(number) => (ColumnBase::Float, Scalar::Decimal(*number)),
            // A text of the spec is one of few: what is made of such texts alone is a category.
            Value::String(text) => (ColumnBase::Category, Scalar::String(text.clone())),
            Value::Case { name, arguments } if arguments.is_empty() => {
                (ColumnBase::Category, Scalar::String(name.clone()))
            }
            _ => {
                let text = format!("{} is no cell", term.term_type.said());
                let advice = "cells are numbers, texts and bools: divide an amount by its unit";
                self.not_in_a_row(span, &text, advice);
                return None;
            }
        };
        Some(RowTerm::new(base, false, RowExpression::Literal(scalar)))
    }

    fn row_bool(&mut self, expr: &Expr, at: RowEnv<'_>) -> Option<RowTerm> {
        let term = self.row(expr, at)?;
        if term.base() == ColumnBase::Bool {
            return Some(term);
        }
        let text = format!("this is {}, and a bool belongs here", term.base().word());
        self.report(
            Diagnostic::error(code::TYPE_WRONG, expr.span, text)
                .help("only a bool is true or false")
                .help("compare it with something: `x == value`"),
        );
        None
    }

    pub(crate) fn row_operands(
        &mut self,
        operator: &str,
        left: ColumnBase,
        right: Option<ColumnBase>,
        span: Span,
    ) {
        let right = right.map_or(String::new(), |right| format!(" and {}", right.word()));
        let text = format!("`{operator}` does not take {}{right}", left.word());
        self.report(
            Diagnostic::error(code::OPERANDS_WRONG, span, text)
                .help("an operator works on what it is made for alone")
                .help("make both sides the same: numbers stand without quotes, texts in quotes"),
        );
    }

    fn row_binary(
        &mut self,
        operator: (Binary, Span),
        left: &Expr,
        right: &Expr,
        at: RowEnv<'_>,
    ) -> Option<RowTerm> {
        if matches!(operator.0, Binary::In | Binary::NotIn) {
            return self.row_in(operator, left, right, at);
        }
        for side in [left, right] {
            if matches!(side.kind, ExprKind::None) && operator.0.compares() {
                let advice = "use `x ?? value` to say what a missing cell counts as";
                self.not_in_a_row(side.span, "a cell can't be compared with `none`", advice);
                return None;
            }
        }
        let (first, second) = (self.row(left, at), self.row(right, at));
        let (first, second) = (first?, second?);
        let cells = self.cells_of(operator, &first, &second)?;
        let (a, b) = (first.base(), second.base());
        let either = first.nullable() || second.nullable();
        let (wanted, result, nullable) = match operator.0 {
            Binary::Or => (RowOperator::Or, both_bool(a, b), either),
            Binary::And => (RowOperator::And, both_bool(a, b), either),
            Binary::Equal => (RowOperator::Equal, bool_if(comparable(a, b)), either),
            Binary::NotEqual => (RowOperator::NotEqual, bool_if(comparable(a, b)), either),
            Binary::Less => (RowOperator::Less, bool_if(ordered(a, b)), either),
            Binary::LessOrEqual => (RowOperator::LessOrEqual, bool_if(ordered(a, b)), either),
            Binary::Greater => (RowOperator::Greater, bool_if(ordered(a, b)), either),
            Binary::GreaterOrEqual => (RowOperator::GreaterOrEqual, bool_if(ordered(a, b)), either),
            Binary::Add => (RowOperator::Add, sum(a, b), either),
            Binary::Subtract => (RowOperator::Subtract, sum(a, b), either),
            Binary::Multiply => (RowOperator::Multiply, sum(a, b), either),
            Binary::Divide => (
                RowOperator::Divide,
                sum(a, b).map(|_| ColumnBase::Float),
                either,
            ),
            Binary::Default => return self.row_default(first, second, left.span, operator.1),
            Binary::Range | Binary::In | Binary::NotIn => {
                let advice = "a range stands behind `in`: `age in 18..65`";
                self.not_in_a_row(operator.1, "a range is no cell", advice);
                return None;
            }
        };
        let Some(result) = result else {
            self.row_operands(operator.0.text(), a, Some(b), operator.1);
            return None;
        };
        Some(binary(wanted, result, nullable, &first, &second).of(cells))
    }

    /// `a ?? b`
    fn row_default(
        &mut self,
        first: RowTerm,
        second: RowTerm,
        left: Span,
        operator: Span,
    ) -> Option<RowTerm> {
        if !first.nullable() {
            self.default_never_used(left);
            return Some(first);
        }
        self.cells_of((Binary::Default, operator), &first, &second)?;
        let Some(base) = common_base(&first, &second) else {
            self.row_operands("??", first.base(), Some(second.base()), operator);
            return None;
        };
        let expression = RowExpression::Coalesce(
            Box::new(first.expression.clone()),
            Box::new(second.expression.clone()),
        );
        let term = RowTerm::new(base, second.nullable(), expression);
        Some(term.of(first.cells.clone()).with(&[&first, &second]))
    }

    fn row_in(
        &mut self,
        operator: (Binary, Span),
        left: &Expr,
        right: &Expr,
        at: RowEnv<'_>,
    ) -> Option<RowTerm> {
        let operand = self.row(left, at);
        if self.reads_row(right, at) {
            let advice = "write out the values: `x in [\"a\", \"b\"]`";
            self.not_in_a_row(right.span, "`in` looks for a cell among constants", advice);
            return None;
        }
        let term = self.eval(right, &Type::Any, at.env);
        let operand = operand?;
        if term.term_type.is_error() || !self.must_be_known(&term, right.span, "a constant") {
            return None;
        }
        let found = match &term.value {
            Value::Range(low, high) => self.row_between(&operand, low, high, right.span)?,
            Value::List(elements) => self.row_set(&operand, &term, elements, right.span)?,
            _ => {
                let text = format!("`in` does not look into {}", term.term_type.said());
                self.not_in_a_row(right.span, &text, "put a list or a range behind `in`");
                return None;
            }
        };
        if operator.0 == Binary::In {
            return Some(found);
        }
        let expression = RowExpression::Not(Box::new(found.expression.clone()));
        Some(RowTerm::new(ColumnBase::Bool, found.nullable(), expression).with(&[&found]))
    }

    fn row_set(
        &mut self,
        operand: &RowTerm,
        list: &Term,
        elements: &[Value],
        span: Span,
    ) -> Option<RowTerm> {
        let inner = match list.term_type.bare() {
            Type::List(inner) => (**inner).clone(),
            _ => Type::Any,
        };
        let mut set: Vec<Scalar> = Vec::new();
        for element in elements {
            let constant = self.constant(&Term::new(inner.clone(), element.clone()), span)?;
            self.cells_of((Binary::Equal, span), operand, &constant)?;
            if !comparable(operand.base(), constant.base()) {
                self.row_operands("in", operand.base(), Some(constant.base()), span);
                return None;
            }
            if let RowExpression::Literal(scalar) = constant.expression
                && !set.contains(&scalar)
            {
                set.push(scalar);
            }
        }
        let expression = RowExpression::In {
            operand: Box::new(operand.expression.clone()),
            set,
        };
        Some(RowTerm::new(ColumnBase::Bool, operand.nullable(), expression).with(&[operand]))
    }

    /// `x in low..high`, both ends included.
    fn row_between(
        &mut self,
        operand: &RowTerm,
        low: &Value,
        high: &Value,
        span: Span,
    ) -> Option<RowTerm> {
        let low = self.constant(&Term::new(Type::Any, low.clone()), span)?;
        let high = self.constant(&Term::new(Type::Any, high.clone()), span)?;
        for bound in [&low, &high] {
            self.cells_of((Binary::Less, span), operand, bound)?;
        }
        if !ordered(operand.base(), low.base()) || !ordered(operand.base(), high.base()) {
            self.row_operands("in", operand.base(), Some(low.base()), span);
            return None;
        }
        let nullable = operand.nullable();
        let above = binary(
            RowOperator::GreaterOrEqual,
            ColumnBase::Bool,
            nullable,
            operand,
            &low,
        );
        let below = binary(
            RowOperator::LessOrEqual,
            ColumnBase::Bool,
            nullable,
            operand,
            &high,
        );
        Some(binary(
            RowOperator::And,
            ColumnBase::Bool,
            nullable,
            &above,
            &below,
        ))
    }

    fn row_if(
        &mut self,
        condition: &Expr,
        then: &Expr,
        otherwise: &Expr,
        at: RowEnv<'_>,
    ) -> Option<RowTerm> {
        let decides = self.row_bool(condition, at);
        let (first, second) = (self.row(then, at), self.row(otherwise, at));
        let decides = decides?;
        if decides.nullable() {
            let columns = nullable_columns(&decides.expression, at.table);
            let text = match columns.first() {
                Some(column) => {
                    format!("`{column}` may be missing, and then this is neither true nor false")
                }
                None => "this may be missing, and then it is neither true nor false".to_owned(),
            };
            self.report(
                Diagnostic::error(code::CONDITION_MAYBE_MISSING, condition.span, text)
                    .help("a row would silently fall into one of the two cases")
                    .help("say what it counts as: `(condition) ?? false`, or drop such rows first"),
            );
            return None;
        }
        let (first, second) = (first?, second?);
        let cells = self.cells_of((Binary::Default, otherwise.span), &first, &second)?;
        let Some(base) = common_base(&first, &second) else {
            self.differ(
                &column_word(first.base()),
                &column_word(second.base()),
                otherwise.span,
            );
            return None;
        };
        let expression = RowExpression::If {
            condition: Box::new(decides.expression.clone()),
            then: Box::new(first.expression.clone()),
            otherwise: Box::new(second.expression.clone()),
        };
        let nullable = first.nullable() || second.nullable();
        let term = RowTerm::new(base, nullable, expression).of(cells);
        Some(term.with(&[&decides, &first, &second]))
    }
}

fn binary(
    operator: RowOperator,
    base: ColumnBase,
    nullable: bool,
    left: &RowTerm,
    right: &RowTerm,
) -> RowTerm {
    let expression = RowExpression::Binary {
        operator,
        left: Box::new(left.expression.clone()),
        right: Box::new(right.expression.clone()),
    };
    RowTerm::new(base, nullable, expression).with(&[left, right])
}

fn bool_if(condition: bool) -> Option<ColumnBase> {
    condition.then_some(ColumnBase::Bool)
}

fn both_bool(left: ColumnBase, right: ColumnBase) -> Option<ColumnBase> {
    bool_if(left == ColumnBase::Bool && right == ColumnBase::Bool)
}

fn ordered(left: ColumnBase, right: ColumnBase) -> bool {
    is_number(left) && is_number(right) || left == ColumnBase::Date && right == ColumnBase::Date
}

fn sum(left: ColumnBase, right: ColumnBase) -> Option<ColumnBase> {
    (is_number(left) && is_number(right))
        .then(|| common(left, right))
        .flatten()
}

/// The type of a column that holds both.
fn common_base(left: &RowTerm, right: &RowTerm) -> Option<ColumnBase> {
    common(left.base(), right.base())
}

fn column_word(base: ColumnBase) -> Type {
    match base {
        ColumnBase::Int => Type::Int,
        ColumnBase::Float => Type::Float,
        ColumnBase::Bool => Type::Bool,
        ColumnBase::String => Type::String,
        ColumnBase::Category => Type::Category,
        ColumnBase::Date => Type::Date,
    }
}

/// The columns that an expression reads and that may be missing.
fn nullable_columns(expression: &RowExpression, table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    expression.for_each_column(&mut |name| {
        let nullable = table.column(name).and_then(|column| column.column_type);
        if nullable.is_some_and(|column_type| column_type.nullable) {
            found.push(name.to_owned());
        }
    });
    found
}
