//! Conditions over figures: typed here, judged when the figures are there. What is known is folded.

use mlinfra_api::{Condition, Dimension, RowOperator, Value};
use rust_decimal::Decimal;

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::figure::Figures;
use crate::operate::dimension;
use crate::quantity::{self, NumberFault};
use crate::suggest::nearest;
use crate::tree::{Binary, Expr, ExprKind};
use crate::types::{Term, Type, a};
use crate::unify::unify;

/// A part of a condition with its type.
pub(crate) struct Judged {
    pub(crate) of: Type,
    pub(crate) condition: Condition,
}

/// Where a condition stands.
#[derive(Clone, Copy)]
pub(crate) struct FigureEnv<'f> {
    pub(crate) figures: &'f Figures<'f>,
    pub(crate) env: Env<'f>,
}

/// An operator and where it stands.
type Operator = (Binary, Span);

impl Checker<'_> {
    /// Types a condition; none, with a finding, if it is in error.
    pub(crate) fn condition_over(&mut self, expr: &Expr, at: FigureEnv<'_>) -> Option<Condition> {
        let judged = self.over(expr, &Type::Bool, at)?;
        if *judged.of.bare() == Type::Bool {
            return Some(judged.condition);
        }
        let text = format!(
            "this is {of}, and a condition belongs here",
            of = judged.of.said()
        );
        self.report(
            Diagnostic::error(code::TYPE_WRONG, expr.span, text)
                .help("only a condition holds or does not")
                .help(format!("compare it: `{} >= …`", self.text_of(expr.span))),
        );
        None
    }

    /// A part of a condition. `expected` says what its bare words may be.
    pub(crate) fn over(
        &mut self,
        expr: &Expr,
        expected: &Type,
        at: FigureEnv<'_>,
    ) -> Option<Judged> {
        if !self.reads_figure(expr, at) {
            return self.constant_over(expr, expected, at.env);
        }
        if !self.pay_evaluation(expr.span) {
            return None;
        }
        match &expr.kind {
            ExprKind::Name(name) => self.plain_figure(name, expr.span, at.figures),
            ExprKind::Member { object, name } => match object.as_name() {
                Some(section) => {
                    let name = format!("{section}.{}", name.text);
                    self.plain_figure(&name, expr.span, at.figures)
                }
                None => {
                    self.not_over_figures(expr.span, "a figure has no members", "name it alone")
                }
            },
            ExprKind::Call { callee, arguments } => match callee.as_name() {
                Some(word) if !self.library.functions.contains_key(word) => {
                    self.asked_figure(word, arguments, expr.span, at)
                }
                _ => {
                    let text = "functions work on what is known, and this figure is not";
                    let advice = "compare the figure itself, with operators alone";
                    self.not_over_figures(expr.span, text, advice)
                }
            },
            ExprKind::Not(operand) => {
                let operand = self.condition_over(operand, at)?;
                Some(boolean(Condition::Not(Box::new(operand))))
            }
            ExprKind::Negate(operand) => {
                let operand = self.over(operand, expected, at)?;
                let unknown = unknown(&operand.of);
                let of = self.eval_negate(&unknown, expr.span).term_type;
                let condition = Condition::Negate(Box::new(operand.condition));
                (!of.is_error()).then_some(Judged { of, condition })
            }
            ExprKind::Binary {
                operator,
                operator_span,
                left,
                right,
            } => self.binary_over((*operator, *operator_span), left, right, at),
            _ => {
                let text = "a condition over figures is made of comparisons alone";
                let advice = "use comparisons, `and`, `or`, `not` and arithmetic";
                self.not_over_figures(expr.span, text, advice)
            }
        }
    }

    /// Reports what has no meaning while its figures are unknown.
    fn not_over_figures(&mut self, span: Span, text: &str, advice: &str) -> Option<Judged> {
        self.report(
            Diagnostic::error(code::NOT_OVER_FIGURES, span, text)
                .help("it is judged later, by a plan or by what watches, where little is needed")
                .help(advice),
        );
        None
    }

    /// Whether a figure, or what is surely meant as one, occurs in it.
    fn reads_figure(&self, expr: &Expr, at: FigureEnv<'_>) -> bool {
        let declared = at.figures.declared;
        match &expr.kind {
            ExprKind::Name(name) => {
                at.env.local(name).is_none()
                    && (declared.has(name)
                        || self.is_unresolved(expr, at)
                            && nearest(name, declared.names()).is_some())
            }
            ExprKind::Member { object, .. } => match object.as_name() {
                Some(word) => at.env.local(word).is_none() && declared.has_section(word),
                None => self.reads_figure(object, at),
            },
            ExprKind::Call { callee, arguments } => {
                let named = callee.as_name().is_some_and(|word| {
                    let elsewhere = self.library.functions.contains_key(word)
                        || self.library.operations.contains_key(word);
                    declared.has(word) || !elsewhere && nearest(word, declared.names()).is_some()
                });
                named
                    || arguments
                        .iter()
                        .any(|one| self.reads_figure(&one.value, at))
            }
            ExprKind::Binary {
                operator,
                left,
                right,
                ..
            } => {
                let sides = [&**left, &**right];
                orders(*operator) && sides.iter().any(|side| self.is_unresolved(side, at))
                    || sides.iter().any(|side| self.reads_figure(side, at))
            }
            _ => {
                let mut reads = false;
                expr.for_each_part(&mut |part| reads = reads || self.reads_figure(part, at));
                reads
            }
        }
    }

    /// Whether this is a bare word that nothing is named by.
    fn is_unresolved(&self, expr: &Expr, at: FigureEnv<'_>) -> bool {
        let (Some(name), Some(scope)) = (expr.as_name(), at.env.scope) else {
            return false;
        };
        at.env.local(name).is_none() && self.find(name, scope).is_none() && !self.is_open(scope)
    }

    fn constant_over(&mut self, expr: &Expr, expected: &Type, env: Env<'_>) -> Option<Judged> {
        let term = self.eval(expr, expected, env);
        if term.term_type.is_error() {
            return None;
        }
        if term.term_type.is_secret() {
            self.secret_in_the_open(expr.span);
            return None;
        }
        if !self.must_be_known(&term, expr.span, "what a condition compares with") {
            return None;
        }
        Some(Judged {
            of: term.term_type,
            condition: Condition::Value(term.value),
        })
    }

    fn binary_over(
        &mut self,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        at: FigureEnv<'_>,
    ) -> Option<Judged> {
        let Some(does) = row_operator(operator.0) else {
            if matches!(operator.0, Binary::In | Binary::NotIn) {
                return self.in_over(operator, left, right, at);
            }
            let text = format!("`{}` does not work on figures", operator.0.text());
            let advice = match operator.0 {
                Binary::Default => "take it out: a figure without a value fails the condition",
                _ => "compare with each end: `x >= low and x <= high`",
            };
            return self.not_over_figures(operator.1, &text, advice);
        };
        if matches!(operator.0, Binary::And | Binary::Or) {
            let (first, second) = (
                self.condition_over(left, at),
                self.condition_over(right, at),
            );
            return Some(boolean(binary(does, first?, second?)));
        }
        if orders(operator.0) || matches!(operator.0, Binary::Equal | Binary::NotEqual) {
            let (first, second) = self.compared(operator, left, right, at)?;
            return Some(boolean(binary(does, first.condition, second.condition)));
        }
        let (first, second) = (
            self.over(left, &Type::Any, at),
            self.over(right, &Type::Any, at),
        );
        let (first, second) = (first?, second?);
        let divides_by_zero = operator.0 == Binary::Divide
            && matches!(&second.condition, Condition::Value(value)
                if quantity::parts(value).is_some_and(|(amount, _)| amount.is_zero()));
        if divides_by_zero {
            self.number_fault(&NumberFault::Zero, operator.1);
            return None;
        }
        let of = self
            .eval_arithmetic(operator, &unknown(&first.of), &unknown(&second.of))
            .term_type;
        let condition = binary(does, first.condition, second.condition);
        (!of.is_error()).then_some(Judged { of, condition })
    }

    /// Both sides of a comparison, the known one as what the other one is.
    fn compared(
        &mut self,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        at: FigureEnv<'_>,
    ) -> Option<(Judged, Judged)> {
        let known_left = !self.reads_figure(left, at) && !self.is_unresolved(left, at);
        let known_right = !self.reads_figure(right, at) && !self.is_unresolved(right, at);
        for (side, known) in [(left, known_left), (right, known_right)] {
            // A word that nothing is named by, where an amount is compared, is meant as a figure.
            if !known && !self.reads_figure(side, at) {
                let name = side.as_name().unwrap_or_default();
                self.plain_figure(name, side.span, at.figures);
                return None;
            }
        }
        if known_left {
            let second = self.over(right, &Type::Any, at)?;
            let first = self.bound((mirrored(operator.0), operator.1), &second.of, left, at)?;
            return Some((first, second));
        }
        let first = self.over(left, &Type::Any, at)?;
        if known_right {
            let second = self.bound(operator, &first.of, right, at)?;
            return Some((first, second));
        }
        let second = self.over(right, &Type::Any, at)?;
        match (dimension(&first.of), dimension(&second.of)) {
            (Some(one), Some(other)) if !alike(&one, &other) => {
                self.number_fault(&NumberFault::Dimensions(one, other), operator.1);
                None
            }
            (Some(_), Some(_)) => Some((first, second)),
            _ if !orders(operator.0) && unify(&first.of, &second.of).is_some() => {
                Some((first, second))
            }
            _ => {
                self.operands_wrong(operator, &first.of, &second.of);
                None
            }
        }
    }

    /// What a figure of this type is compared with.
    fn bound(
        &mut self,
        operator: Operator,
        figure: &Type,
        expr: &Expr,
        at: FigureEnv<'_>,
    ) -> Option<Judged> {
        let known = self.constant_over(expr, figure.present(), at.env)?;
        let Condition::Value(value) = known.condition else {
            return None;
        };
        if dimension(figure).is_none() && orders(operator.0) {
            self.operands_wrong(operator, figure, &known.of);
            return None;
        }
        let value = self.bound_value(figure, Term::new(known.of, value), expr)?;
        if !self.can_differ(operator.0, figure, &value, expr) {
            return None;
        }
        Some(Judged {
            of: figure.clone(),
            condition: Condition::Value(value),
        })
    }

    /// Whether figures of this type lie on both sides of a bound; a finding if not.
    fn can_differ(&mut self, does: Binary, figure: &Type, value: &Value, expr: &Expr) -> bool {
        let (Type::Checked(checked), Value::Decimal(number)) = (figure.present(), value) else {
            return true;
        };
        let little = Decimal::new(1, 9);
        let near = (number.checked_add(little), number.checked_sub(little));
        let (Some(above), Some(below)) = near else {
            return true;
        };
        let (above, below) = (Value::Decimal(above), Value::Decimal(below));
        let said = match does {
            Binary::Greater if self.refused(checked, &above).is_some() => "no figure is above it",
            Binary::Less if self.refused(checked, &below).is_some() => "no figure is below it",
            Binary::GreaterOrEqual if self.refused(checked, &below).is_some() => {
                "every figure is at least that"
            }
            Binary::LessOrEqual if self.refused(checked, &above).is_some() => {
                "every figure is at most that"
            }
            _ => return true,
        };
        let finding = Diagnostic::error(code::BOUND_BEYOND, expr.span, said)
            .help("the comparison says the same whatever the figure is");
        self.report(match *number == Decimal::ONE && is_bare_number(expr) {
            true => finding
                .help("one is 100%; one in a hundred is `1%`")
                .fix("1 → 1%", expr.span, "1%"),
            false => finding.help("compare with something between the two ends"),
        });
        false
    }

    /// A known value as one that a figure of this type may be compared with.
    fn bound_value(&mut self, figure: &Type, term: Term, expr: &Expr) -> Option<Value> {
        let span = expr.span;
        let wanted = match figure.bare() {
            Type::Int => Type::Decimal,
            other => other.clone(),
        };
        let fitted = self.fitted(term, &wanted, span);
        if fitted.term_type.is_error() {
            return None;
        }
        if let Type::Checked(checked) = figure.present()
            && let Some(message) = self.refused(checked, &fitted.value)
        {
            let finding = Diagnostic::error(code::BOUND_BEYOND, span, message)
                .help("a figure never gets there, so the comparison says the same of every model");
            let finding = match self.as_percent(checked, &fitted.value) {
                Some(percent) if is_bare_number(expr) => finding
                    .help(format!(
                        "write `{percent}`, or `{}`",
                        hundredth(&fitted.value)
                    ))
                    .fix(format!("{} → {percent}", fitted.value), span, percent),
                _ => finding.help(format!("compare with {}", a(&checked.name))),
            };
            self.report(finding);
            return None;
        }
        Some(fitted.value)
    }

    /// `x in low..high`, `x in [a, b]`: comparisons, joined.
    fn in_over(
        &mut self,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        at: FigureEnv<'_>,
    ) -> Option<Judged> {
        let figure = self.over(left, &Type::Any, at)?;
        if !matches!(figure.condition, Condition::Figure(_)) || self.reads_figure(right, at) {
            let text = "`in` looks for one figure in what is known";
            let advice = "compare with each: `x >= low and x <= high`";
            return self.not_over_figures(operator.1, text, advice);
        }
        let term = self.eval(right, &Type::Any, at.env);
        if term.term_type.is_error()
            || !self.must_be_known(&term, right.span, "what a condition compares with")
        {
            return None;
        }
        let inside = match (term.term_type.bare(), term.value) {
            (Type::Range(inner), Value::Range(low, high)) => {
                let ends = match &right.kind {
                    ExprKind::Binary { left, right, .. } => (&**left, &**right),
                    _ => (right, right),
                };
                let mut end = |value, expr| {
                    let term = Term::new((**inner).clone(), value);
                    self.bound_value(&figure.of, term, expr)
                };
                let (low, high) = (end(*low, ends.0)?, end(*high, ends.1)?);
                let at_least = against(RowOperator::GreaterOrEqual, &figure.condition, low);
                let at_most = against(RowOperator::LessOrEqual, &figure.condition, high);
                binary(RowOperator::And, at_least, at_most)
            }
            (Type::List(inner), Value::List(elements)) => {
                let written = match &right.kind {
                    ExprKind::List(written) => written.as_slice(),
                    _ => &[],
                };
                let mut equal = Vec::new();
                for (place, element) in elements.into_iter().enumerate() {
                    let term = Term::new((**inner).clone(), element);
                    let expr = written.get(place).unwrap_or(right);
                    let value = self.bound_value(&figure.of, term, expr)?;
                    equal.push(against(RowOperator::Equal, &figure.condition, value));
                }
                any_of(equal)
            }
            (other, _) => {
                let other = other.clone();
                self.operands_wrong(operator, &figure.of, &other);
                return None;
            }
        };
        Some(boolean(match operator.0 {
            Binary::NotIn => Condition::Not(Box::new(inside)),
            _ => inside,
        }))
    }
}

fn boolean(condition: Condition) -> Judged {
    Judged {
        of: Type::Bool,
        condition,
    }
}

fn binary(operator: RowOperator, left: Condition, right: Condition) -> Condition {
    Condition::Binary {
        operator,
        left: Box::new(left),
        right: Box::new(right),
    }
}

/// Joined by `or`, in halves, so that a long list does not go deep.
fn any_of(mut conditions: Vec<Condition>) -> Condition {
    match conditions.len() {
        0 => Condition::Value(Value::Bool(false)),
        1 => conditions.remove(0),
        count => {
            let rest = conditions.split_off(count / 2);
            binary(RowOperator::Or, any_of(conditions), any_of(rest))
        }
    }
}

/// A number without a sign or a unit.
fn is_bare_number(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Number {
            percent: false,
            unit: None,
            ..
        }
    )
}

fn against(operator: RowOperator, figure: &Condition, value: Value) -> Condition {
    binary(operator, figure.clone(), Condition::Value(value))
}

/// A term of this type whose value is told later.
fn unknown(of: &Type) -> Term {
    Term::new(of.bare().clone(), Value::Unknown(of.to_string()))
}

/// Whether amounts of these dimensions may be compared.
fn alike(one: &Dimension, other: &Dimension) -> bool {
    quantity::is_of(one, other) || quantity::is_of(other, one)
}

fn orders(operator: Binary) -> bool {
    use Binary::{Greater, GreaterOrEqual, Less, LessOrEqual};
    matches!(operator, Less | LessOrEqual | Greater | GreaterOrEqual)
}

/// The comparison with its sides exchanged.
fn mirrored(operator: Binary) -> Binary {
    match operator {
        Binary::Less => Binary::Greater,
        Binary::LessOrEqual => Binary::GreaterOrEqual,
        Binary::Greater => Binary::Less,
        Binary::GreaterOrEqual => Binary::LessOrEqual,
        other => other,
    }
}

fn hundredth(value: &Value) -> String {
    match quantity::parts(value) {
        Some((amount, _)) => (amount / Decimal::ONE_HUNDRED).normalize().to_string(),
        None => value.to_string(),
    }
}

fn row_operator(operator: Binary) -> Option<RowOperator> {
    Some(match operator {
        Binary::Or => RowOperator::Or,
        Binary::And => RowOperator::And,
        Binary::Equal => RowOperator::Equal,
        Binary::NotEqual => RowOperator::NotEqual,
        Binary::Less => RowOperator::Less,
        Binary::LessOrEqual => RowOperator::LessOrEqual,
        Binary::Greater => RowOperator::Greater,
        Binary::GreaterOrEqual => RowOperator::GreaterOrEqual,
        Binary::Add => RowOperator::Add,
        Binary::Subtract => RowOperator::Subtract,
        Binary::Multiply => RowOperator::Multiply,
        Binary::Divide => RowOperator::Divide,
        Binary::In | Binary::NotIn | Binary::Range | Binary::Default => return None,
    })
}
