//! The operators that stand between two operands.

use crate::kind::Kind;

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BinaryOperator {
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
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `..`
    Range,
    /// `??`
    Coalesce,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

impl BinaryOperator {
    /// The operator that this token is, or begins.
    pub(crate) fn of(token: Kind) -> Option<BinaryOperator> {
        Some(match token {
            Kind::Or => BinaryOperator::Or,
            Kind::And => BinaryOperator::And,
            Kind::EqualEqual => BinaryOperator::Equal,
            Kind::NotEqual => BinaryOperator::NotEqual,
            Kind::Less => BinaryOperator::Less,
            Kind::LessEqual => BinaryOperator::LessEqual,
            Kind::Greater => BinaryOperator::Greater,
            Kind::GreaterEqual => BinaryOperator::GreaterEqual,
            Kind::In => BinaryOperator::In,
            Kind::Not => BinaryOperator::NotIn,
            Kind::DotDot => BinaryOperator::Range,
            Kind::Coalesce => BinaryOperator::Coalesce,
            Kind::Plus => BinaryOperator::Add,
            Kind::Minus => BinaryOperator::Subtract,
            Kind::Star => BinaryOperator::Multiply,
            Kind::Slash => BinaryOperator::Divide,
            _ => return None,
        })
    }

    /// How it is written.
    pub fn sign(self) -> &'static str {
        match self {
            BinaryOperator::Or => "or",
            BinaryOperator::And => "and",
            BinaryOperator::Equal => "==",
            BinaryOperator::NotEqual => "!=",
            BinaryOperator::Less => "<",
            BinaryOperator::LessEqual => "<=",
            BinaryOperator::Greater => ">",
            BinaryOperator::GreaterEqual => ">=",
            BinaryOperator::In => "in",
            BinaryOperator::NotIn => "not in",
            BinaryOperator::Range => "..",
            BinaryOperator::Coalesce => "??",
            BinaryOperator::Add => "+",
            BinaryOperator::Subtract => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
        }
    }

    /// Whether it compares: its result is a bool and its operands are of one type.
    pub fn is_comparison(self) -> bool {
        use BinaryOperator as Op;
        let orders = matches!(
            self,
            Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual
        );
        orders || matches!(self, Op::Equal | Op::NotEqual | Op::In | Op::NotIn)
    }
}
