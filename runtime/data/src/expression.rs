//! Row expressions of the language as expressions of DataFusion, with the language's meaning.
//!
//! What differs from SQL: arithmetic that overflows or is not finite is an error, and so the parts
//! that are computed for a row are exactly those that the row needs. `a and b` computes `b` only
//! where `a` does not settle it, so a guard protects what it guards, in a batch as in a single
//! request.

use arrow::datatypes::Schema;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Case, Expr, Operator, expr::InList, lit};
use mlinfra_api::{RowExpression, RowOperator, Scalar};

use crate::StepFault;
use crate::function::{self, Kind, widen};

/// An expression of DataFusion and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) expression: Expr,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    /// Whether computing it can fail.
    fallible: bool,
}

/// The column `name`, whatever letters it has.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

/// Compiles an expression over the columns of a schema.
pub(crate) fn compile(source: &RowExpression, schema: &Schema) -> Result<Typed, StepFault> {
    match source {
        RowExpression::Column(name) => compile_column(name, schema),
        RowExpression::Literal(scalar) => literal(scalar),
        RowExpression::Not(operand) => {
            let operand = compile(operand, schema)?.expect_kind(Kind::Bool, "`not`")?;
            Ok(Typed {
                expression: Expr::Not(Box::new(operand.expression)),
                ..operand
            })
        }
        RowExpression::Negate(operand) => {
            call_operator("negating", vec![compile(operand, schema)?])
        }
        RowExpression::Binary {
            operator,
            left,
            right,
        } => binary(*operator, compile(left, schema)?, compile(right, schema)?),
        RowExpression::In { operand, set } => contained(compile(operand, schema)?, set),
        RowExpression::Coalesce(first, second) => {
            let (first, second) = unify(compile(first, schema)?, compile(second, schema)?, "`??`")?;
            Ok(Typed {
                kind: first.kind,
                nullable: first.nullable && second.nullable,
                fallible: first.fallible || second.fallible,
                expression: choose(
                    first.expression.clone().is_not_null(),
                    first.expression,
                    second.expression,
                ),
            })
        }
        RowExpression::If {
            condition,
            then,
            otherwise,
        } => {
            let condition = compile(condition, schema)?.expect_kind(Kind::Bool, "`if`")?;
            let (then, otherwise) =
                unify(compile(then, schema)?, compile(otherwise, schema)?, "`if`")?;
            Ok(Typed {
                kind: then.kind,
                nullable: then.nullable || otherwise.nullable,
                fallible: condition.fallible || then.fallible || otherwise.fallible,
                expression: choose(condition.expression, then.expression, otherwise.expression),
            })
        }
        RowExpression::Call {
            function: name,
            arguments,
        } => {
            let arguments = arguments
                .iter()
                .map(|argument| compile(argument, schema))
                .collect::<Result<Vec<_>, _>>()?;
            called(arguments, &|pairs| function::function(name, pairs)).ok_or_else(|| {
                StepFault::unknown(format!(
                    "this runtime has no function `{name}` for these arguments"
                ))
            })
        }
    }
}

impl Typed {
    fn expect_kind(self, kind: Kind, place: &str) -> Result<Self, StepFault> {
        match self.kind == kind {
            true => Ok(self),
            false => Err(StepFault::unknown(format!(
                "{place} wants {} and gets {}",
                kind.word(),
                self.kind.word()
            ))),
        }
    }

    /// The same expression as one of another kind.
    pub(crate) fn into_kind(self, kind: Kind) -> Option<Self> {
        match (self.kind, kind) {
            (from, to) if from == to => Some(self),
            (Kind::Int, Kind::Float) => Some(Typed {
                expression: widen(self.expression, Kind::Int, Kind::Float),
                kind,
                ..self
            }),
            _ => None,
        }
    }
}

fn compile_column(name: &str, schema: &Schema) -> Result<Typed, StepFault> {
    let field = schema
        .field_with_name(name)
        .map_err(|_| StepFault::unknown(format!("there is no column `{name}` to compute with")))?;
    let kind = Kind::of_arrow(field.data_type())
        .ok_or_else(|| StepFault::unknown(format!("the column `{name}` can't be computed with")))?;
    Ok(Typed {
        expression: column(name),
        kind,
        nullable: field.is_nullable(),
        fallible: false,
    })
}

/// A constant.
pub(crate) fn literal(scalar: &Scalar) -> Result<Typed, StepFault> {
    let (expression, kind) = match scalar {
        Scalar::Bool(flag) => (lit(*flag), Kind::Bool),
        Scalar::Int(number) => (lit(*number), Kind::Int),
        Scalar::Decimal(number) => {
            // By way of the text: the nearest float, not the quotient of two rounded ones.
            let number: f64 = number
                .to_string()
                .parse()
                .map_err(|_| StepFault::unknown("a decimal constant is not a number"))?;
            (lit(number + 0.0), Kind::Float)
        }
        Scalar::String(text) => (lit(text.as_str()), Kind::Text),
    };
    Ok(Typed {
        expression,
        kind,
        nullable: false,
        fallible: false,
    })
}

/// A call of an operator of the table of functions.
pub(crate) fn call_operator(name: &'static str, operands: Vec<Typed>) -> Result<Typed, StepFault> {
    called(operands, &|pairs| function::operator(name, pairs))
        .ok_or_else(|| StepFault::unknown(format!("{name} does not work on these types")))
}

/// From the arguments and their kinds to the call and its kind; none if it does not take them.
type Build<'a> = dyn Fn(Vec<(Expr, Kind)>) -> Option<(Expr, Kind)> + 'a;

fn called(arguments: Vec<Typed>, call: &Build<'_>) -> Option<Typed> {
    let nullable = arguments.iter().any(|argument| argument.nullable);
    let pairs = arguments
        .into_iter()
        .map(|argument| (argument.expression, argument.kind))
        .collect();
    let (expression, kind) = call(pairs)?;
    Some(Typed {
        expression,
        kind,
        nullable,
        fallible: true,
    })
}

fn binary(operator: RowOperator, left: Typed, right: Typed) -> Result<Typed, StepFault> {
    match operator {
        RowOperator::Or | RowOperator::And => logic(operator, left, right),
        RowOperator::Add => call_operator("adding", vec![left, right]),
        RowOperator::Subtract => call_operator("subtracting", vec![left, right]),
        RowOperator::Multiply => call_operator("multiplying", vec![left, right]),
        RowOperator::Divide => call_operator("dividing", vec![left, right]),
        RowOperator::Equal => compare(Operator::Eq, left, right),
        RowOperator::NotEqual => compare(Operator::NotEq, left, right),
        RowOperator::Less => compare(Operator::Lt, left, right),
        RowOperator::LessOrEqual => compare(Operator::LtEq, left, right),
        RowOperator::Greater => compare(Operator::Gt, left, right),
        RowOperator::GreaterOrEqual => compare(Operator::GtEq, left, right),
    }
}

/// A comparison; missing where an operand is.
fn compare(operator: Operator, left: Typed, right: Typed) -> Result<Typed, StepFault> {
    let (left, right) = unify(left, right, "a comparison")?;
    Ok(Typed {
        kind: Kind::Bool,
        nullable: left.nullable || right.nullable,
        fallible: left.fallible || right.fallible,
        expression: join(left.expression, operator, right.expression),
    })
}

/// `and` and `or` of Kleene's three values. Where the right side can fail, it is computed only for
/// the rows whose left side does not settle the result.
fn logic(operator: RowOperator, left: Typed, right: Typed) -> Result<Typed, StepFault> {
    let place = format!("`{}`", operator.symbol());
    let left = left.expect_kind(Kind::Bool, &place)?;
    let right = right.expect_kind(Kind::Bool, &place)?;
    let (operator, settled) = match operator {
        RowOperator::And => (Operator::And, false),
        _ => (Operator::Or, true),
    };
    let expression = if !right.fallible {
        join(left.expression, operator, right.expression)
    } else if !left.nullable {
        match settled {
            false => choose(left.expression, right.expression, lit(false)),
            true => choose(left.expression, lit(true), right.expression),
        }
    } else {
        let unknown = join(
            lit(ScalarValue::Boolean(None)),
            operator,
            right.expression.clone(),
        );
        Expr::Case(Case::new(
            Some(Box::new(left.expression)),
            vec![
                (Box::new(lit(settled)), Box::new(lit(settled))),
                (Box::new(lit(!settled)), Box::new(right.expression)),
            ],
            Some(Box::new(unknown)),
        ))
    };
    Ok(Typed {
        expression,
        kind: Kind::Bool,
        nullable: left.nullable || right.nullable,
        fallible: left.fallible || right.fallible,
    })
}

/// `x in [...]`; missing where `x` is.
fn contained(operand: Typed, set: &[Scalar]) -> Result<Typed, StepFault> {
    let mut operand = operand;
    let mut elements = Vec::with_capacity(set.len());
    for scalar in set {
        let element = literal(scalar)?;
        let (left, right) = unify(operand, element, "`in`")?;
        operand = left;
        elements.push(right.expression);
    }
    // An earlier element may have been an int before a later one made them all floats.
    if operand.kind == Kind::Float {
        elements = set
            .iter()
            .map(|scalar| {
                literal(scalar)?
                    .into_kind(Kind::Float)
                    .map(|element| element.expression)
                    .ok_or_else(|| StepFault::unknown("`in` mixes numbers with others"))
            })
            .collect::<Result<_, _>>()?;
    }
    let expression = match elements.is_empty() {
        true => choose(
            operand.expression.is_null(),
            lit(ScalarValue::Boolean(None)),
            lit(false),
        ),
        false => Expr::InList(InList::new(Box::new(operand.expression), elements, false)),
    };
    Ok(Typed {
        expression,
        kind: Kind::Bool,
        ..operand
    })
}

/// Two operands as ones of one kind: ints become floats beside floats, texts dates beside dates.
fn unify(left: Typed, right: Typed, place: &str) -> Result<(Typed, Typed), StepFault> {
    let fault = StepFault::unknown(format!(
        "{place} gets {} and {}, which do not fit together",
        left.kind.word(),
        right.kind.word()
    ));
    let pair = match (left.kind, right.kind) {
        (one, other) if one == other => Some((left, right)),
        (Kind::Int, Kind::Float) => left.into_kind(Kind::Float).map(|left| (left, right)),
        (Kind::Float, Kind::Int) => right.into_kind(Kind::Float).map(|right| (left, right)),
        (Kind::Date, Kind::Text) => date_literal(right).map(|right| (left, right)),
        (Kind::Text, Kind::Date) => date_literal(left).map(|left| (left, right)),
        _ => None,
    };
    pair.ok_or(fault)
}

/// A constant text that is a date, as a date.
fn date_literal(text: Typed) -> Option<Typed> {
    let Expr::Literal(ScalarValue::Utf8(Some(date)), _) = &text.expression else {
        return None;
    };
    let day = crate::csv_file::parse_date(date)?;
    Some(Typed {
        expression: lit(ScalarValue::Date32(Some(day))),
        kind: Kind::Date,
        ..text
    })
}

fn join(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

fn choose(condition: Expr, then: Expr, otherwise: Expr) -> Expr {
    Expr::Case(Case::new(
        None,
        vec![(Box::new(condition), Box::new(then))],
        Some(Box::new(otherwise)),
    ))
}
