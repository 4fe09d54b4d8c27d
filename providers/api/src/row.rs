//! An expression that is computed for each row of a table: checked by the language, run by the
//! engine, and replayed by the endpoint.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A row expression. It is typed when it is made: the engine never guesses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowExpression {
    /// The cell of this column in the same row.
    Column(String),
    /// A constant.
    Literal(Scalar),
    /// `not x`.
    Not(Box<RowExpression>),
    /// `-x`.
    Negate(Box<RowExpression>),
    /// Two operands.
    Binary {
        /// What is done.
        operator: RowOperator,
        /// The left operand.
        left: Box<RowExpression>,
        /// The right operand.
        right: Box<RowExpression>,
    },
    /// `x in ["a", "b"]`; a missing cell gives a missing result.
    In {
        /// What is looked for.
        operand: Box<RowExpression>,
        /// Where; distinct, in the order written.
        set: Vec<Scalar>,
    },
    /// `a ?? b`: the first that is not missing.
    Coalesce(Box<RowExpression>, Box<RowExpression>),
    /// `if c then a else b`; the condition is never missing.
    If {
        /// The condition.
        condition: Box<RowExpression>,
        /// The value where it holds.
        then: Box<RowExpression>,
        /// The value where it does not.
        otherwise: Box<RowExpression>,
    },
    /// A function declared for rows in the standard library, by name.
    Call {
        /// The function.
        function: String,
        /// Its arguments, in order.
        arguments: Vec<RowExpression>,
    },
}

/// A constant of a row expression.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A decimal number; becomes Float64 in the engine.
    Decimal(Decimal),
    /// A text.
    String(String),
}

/// The operators between two operands. Arithmetic of two ints gives an int, except `Divide`,
/// which always gives a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowOperator {
    /// `or`
    Or,
    /// `and`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

impl RowOperator {
    /// As written in a spec.
    pub fn symbol(self) -> &'static str {
        match self {
            RowOperator::Or => "or",
            RowOperator::And => "and",
            RowOperator::Equal => "==",
            RowOperator::NotEqual => "!=",
            RowOperator::Less => "<",
            RowOperator::LessOrEqual => "<=",
            RowOperator::Greater => ">",
            RowOperator::GreaterOrEqual => ">=",
            RowOperator::Add => "+",
            RowOperator::Subtract => "-",
            RowOperator::Multiply => "*",
            RowOperator::Divide => "/",
        }
    }
}

impl RowExpression {
    /// Calls `visit` for every column that the expression reads, in order, with repetitions.
    pub fn for_each_column(&self, visit: &mut dyn FnMut(&str)) {
        match self {
            RowExpression::Column(name) => visit(name),
            RowExpression::Literal(_) => {}
            RowExpression::Not(operand) | RowExpression::Negate(operand) => {
                operand.for_each_column(visit);
            }
            RowExpression::In { operand, .. } => operand.for_each_column(visit),
            RowExpression::Binary { left, right, .. } | RowExpression::Coalesce(left, right) => {
                left.for_each_column(visit);
                right.for_each_column(visit);
            }
            RowExpression::If {
                condition,
                then,
                otherwise,
            } => {
                condition.for_each_column(visit);
                then.for_each_column(visit);
                otherwise.for_each_column(visit);
            }
            RowExpression::Call { arguments, .. } => {
                arguments
                    .iter()
                    .for_each(|argument| argument.for_each_column(visit));
            }
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Bool(flag) => write!(f, "{flag}"),
            Scalar::Int(number) => write!(f, "{number}"),
            Scalar::Decimal(number) => write!(f, "{}", number.normalize()),
            Scalar::String(text) => write!(f, "\"{}\"", text.escape_debug()),
        }
    }
}

/// As in a spec, with every nested operation in parentheses.
impl fmt::Display for RowExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RowExpression::Column(name) => f.write_str(name),
            RowExpression::Literal(scalar) => write!(f, "{scalar}"),
            RowExpression::Not(operand) => write!(f, "not ({operand})"),
            RowExpression::Negate(operand) => write!(f, "-({operand})"),
            RowExpression::Binary {
                operator,
                left,
                right,
            } => {
                write!(f, "({left} {} {right})", operator.symbol())
            }
            RowExpression::In { operand, set } => {
                write!(f, "({operand} in [")?;
                for (index, scalar) in set.iter().enumerate() {
                    write!(f, "{}{scalar}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("])")
            }
            RowExpression::Coalesce(first, second) => write!(f, "({first} ?? {second})"),
            RowExpression::If {
                condition,
                then,
                otherwise,
            } => {
                write!(f, "if {condition} then {then} else {otherwise}")
            }
            RowExpression::Call {
                function,
                arguments,
            } => {
                write!(f, "{function}(")?;
                for (index, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}
