//! The one table of what can be computed for a row: operators and functions, as functions of
//! DataFusion.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, Result as EngineResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use mlinfra_api::ColumnBase;

use crate::StepFault;
use crate::codes;
use crate::table::arrow_type;

/// What a value of a row expression is: the types of the language, where both kinds of text are
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Int,
    Float,
    Bool,
    Text,
    Date,
}

impl Kind {
    pub(crate) fn of(base: ColumnBase) -> Self {
        match base {
            ColumnBase::Int => Kind::Int,
            ColumnBase::Float => Kind::Float,
            ColumnBase::Bool => Kind::Bool,
            ColumnBase::String | ColumnBase::Category => Kind::Text,
            ColumnBase::Date => Kind::Date,
        }
    }

    pub(crate) fn of_arrow(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Int64 => Kind::Int,
            DataType::Float64 => Kind::Float,
            DataType::Boolean => Kind::Bool,
            DataType::Utf8 => Kind::Text,
            DataType::Date32 => Kind::Date,
            _ => return None,
        })
    }

    pub(crate) fn arrow(self) -> DataType {
        match self {
            Kind::Int => arrow_type(ColumnBase::Int),
            Kind::Float => arrow_type(ColumnBase::Float),
            Kind::Bool => arrow_type(ColumnBase::Bool),
            Kind::Text => arrow_type(ColumnBase::String),
            Kind::Date => arrow_type(ColumnBase::Date),
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Int => "int",
            Kind::Float => "float",
            Kind::Bool => "bool",
            Kind::Text => "text",
            Kind::Date => "date",
        }
    }
}

/// How a function computes, by the types that it takes. `None` is a whole number beyond 64 bits;
/// a float that is not finite is found afterwards.
#[derive(Clone, Copy, Debug)]
enum Body {
    Int(fn(i64) -> Option<i64>),
    IntInt(fn(i64, i64) -> Option<i64>),
    Float(fn(f64) -> f64),
    FloatFloat(fn(f64, f64) -> f64),
    FloatIntToInt(fn(f64, i64) -> Option<i64>),
    Text(fn(&str) -> String),
    TextToInt(fn(&str) -> i64),
}

impl Body {
    fn parameters(self) -> &'static [Kind] {
        match self {
            Body::Int(_) => &[Kind::Int],
            Body::IntInt(_) => &[Kind::Int, Kind::Int],
            Body::Float(_) => &[Kind::Float],
            Body::FloatFloat(_) => &[Kind::Float, Kind::Float],
            Body::FloatIntToInt(_) => &[Kind::Float, Kind::Int],
            Body::Text(_) | Body::TextToInt(_) => &[Kind::Text],
        }
    }

    fn result(self) -> Kind {
        match self {
            Body::Float(_) | Body::FloatFloat(_) => Kind::Float,
            Body::Text(_) => Kind::Text,
            _ => Kind::Int,
        }
    }

    /// A missing argument gives a missing result, and is never computed with.
    fn evaluate(self, name: &str, arguments: &[ArrayRef]) -> Result<ArrayRef, StepFault> {
        let whole = |result: Option<i64>| result.ok_or_else(|| overflow(name));
        let finite = |result: f64| match result.is_finite() {
            // Adding zero gives zero one sign.
            true => Ok(result + 0.0),
            false => Err(not_finite(name)),
        };
        let int = |index: usize| arguments[index].as_primitive::<Int64Type>();
        let float = |index: usize| arguments[index].as_primitive::<Float64Type>();
        Ok(match self {
            Body::Int(body) => Arc::new(int(0).try_unary::<_, Int64Type, _>(|x| whole(body(x)))?),
            Body::IntInt(body) => Arc::new(zip::<_, _, Int64Type>(int(0), int(1), |x, y| {
                whole(body(x, y))
            })?),
            Body::Float(body) => {
                Arc::new(float(0).try_unary::<_, Float64Type, _>(|x| finite(body(x)))?)
            }
            Body::FloatFloat(body) => {
                Arc::new(zip::<_, _, Float64Type>(float(0), float(1), |x, y| {
                    finite(body(x, y))
                })?)
            }
            Body::FloatIntToInt(body) => {
                Arc::new(zip::<_, _, Int64Type>(float(0), int(1), |x, y| {
                    whole(body(x, y))
                })?)
            }
            Body::Text(body) => {
                let texts = arguments[0].as_string::<i32>().iter();
                Arc::new(texts.map(|text| text.map(body)).collect::<StringArray>())
            }
            Body::TextToInt(body) => {
                let texts = arguments[0].as_string::<i32>().iter();
                Arc::new(texts.map(|text| text.map(body)).collect::<Int64Array>())
            }
        })
    }
}

/// Applies a function that may fail to the rows where both arguments are there.
fn zip<A, B, R>(
    one: &arrow::array::PrimitiveArray<A>,
    other: &arrow::array::PrimitiveArray<B>,
    body: impl Fn(A::Native, B::Native) -> Result<R::Native, StepFault>,
) -> Result<arrow::array::PrimitiveArray<R>, StepFault>
where
    A: arrow::datatypes::ArrowPrimitiveType,
    B: arrow::datatypes::ArrowPrimitiveType,
    R: arrow::datatypes::ArrowPrimitiveType,
{
    one.iter()
        .zip(other.iter())
        .map(|pair| match pair {
            (Some(x), Some(y)) => body(x, y).map(Some),
            _ => Ok(None),
        })
        .collect()
}

fn overflow(name: &str) -> StepFault {
    StepFault::new(
        codes::INT_OVERFLOW,
        format!("{name} gives a whole number beyond 64 bits"),
    )
    .with_help("compute with floats (`* 1.0`), or leave out the rows where it happens")
}

fn not_finite(name: &str) -> StepFault {
    StepFault::new(
        codes::NOT_FINITE,
        format!("{name} gives a number that is infinite or not defined"),
    )
    .with_help("guard it with `if`: for example `if x > 0 then log(x) else 0`")
}

type Entry = (&'static str, Body);

/// What operators and maskings are made of; a spec can't name these.
const OPERATORS: &[Entry] = &[
    ("adding", Body::IntInt(i64::checked_add)),
    ("adding", Body::FloatFloat(|x, y| x + y)),
    ("subtracting", Body::IntInt(i64::checked_sub)),
    ("subtracting", Body::FloatFloat(|x, y| x - y)),
    ("multiplying", Body::IntInt(i64::checked_mul)),
    ("multiplying", Body::FloatFloat(|x, y| x * y)),
    ("dividing", Body::FloatFloat(|x, y| x / y)),
    ("negating", Body::Int(i64::checked_neg)),
    ("negating", Body::Float(|x| -x)),
    ("bucketing", Body::IntInt(bucket)),
    (
        "bucketing",
        Body::FloatIntToInt(|x, width| {
            let floor = to_int(libm::floor(x / width as f64))?;
            floor.checked_mul(width)
        }),
    ),
];

/// The functions declared for rows in the standard library, which a test joins with this table.
/// Where a name has several bodies, the first that takes the arguments is meant.
const FUNCTIONS: &[Entry] = &[
    ("abs", Body::Int(i64::checked_abs)),
    ("abs", Body::Float(f64::abs)),
    ("exp", Body::Float(libm::exp)),
    ("floor", Body::Float(libm::floor)),
    (
        "length",
        Body::TextToInt(|text| text.chars().count() as i64),
    ),
    ("log", Body::Float(libm::log)),
    ("log1p", Body::Float(libm::log1p)),
    ("lower", Body::Text(str::to_lowercase)),
    ("max", Body::IntInt(|x, y| Some(x.max(y)))),
    ("max", Body::FloatFloat(f64::max)),
    ("min", Body::IntInt(|x, y| Some(x.min(y)))),
    ("min", Body::FloatFloat(f64::min)),
    ("round", Body::Float(libm::round)),
    ("sqrt", Body::Float(libm::sqrt)),
    ("upper", Body::Text(str::to_uppercase)),
];

/// The names of the functions that a row expression may call, in order, each once.
pub fn row_function_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
    names.dedup();
    names
}

/// Both of these hold for a positive width only, which whoever builds the call makes sure of.
fn bucket(x: i64, width: i64) -> Option<i64> {
    x.div_euclid(width).checked_mul(width)
}

/// A float that is a whole number, if it fits.
fn to_int(whole: f64) -> Option<i64> {
    let limit = 9_223_372_036_854_775_808.0;
    (-limit..limit).contains(&whole).then_some(whole as i64)
}

/// A call of the operator `name`: its expression and the kind of its result. Ints become floats
/// where no body takes them.
pub(crate) fn operator(name: &'static str, arguments: Vec<(Expr, Kind)>) -> Option<(Expr, Kind)> {
    call(OPERATORS, name, arguments)
}

/// A call of the function `name`, as [`operator`].
pub(crate) fn function(name: &str, arguments: Vec<(Expr, Kind)>) -> Option<(Expr, Kind)> {
    call(FUNCTIONS, name, arguments)
}

fn call(table: &'static [Entry], name: &str, arguments: Vec<(Expr, Kind)>) -> Option<(Expr, Kind)> {
    let fits = |body: Body, widened: bool| {
        let parameters = body.parameters();
        parameters.len() == arguments.len()
            && parameters
                .iter()
                .zip(&arguments)
                .all(|(parameter, (_, kind))| {
                    parameter == kind || widened && *parameter == Kind::Float && *kind == Kind::Int
                })
    };
    let named = |widened: bool| {
        table
            .iter()
            .find(|(known, body)| *known == name && fits(*body, widened))
    };
    let (name, body) = *named(false).or_else(|| named(true))?;
    let cast =
        |((argument, kind), parameter): ((Expr, Kind), &Kind)| widen(argument, kind, *parameter);
    let parameters = body.parameters();
    let arguments = arguments.into_iter().zip(parameters).map(cast).collect();
    let function = ScalarUDF::new_from_impl(RowFunction {
        name,
        parameters,
        body: Opaque(body),
        signature: Signature::any(parameters.len(), Volatility::Immutable),
    });
    Some((function.call(arguments), body.result()))
}

/// An expression of one kind as one of another: int to float is all there is.
pub(crate) fn widen(expression: Expr, from: Kind, to: Kind) -> Expr {
    match (from, to) {
        (Kind::Int, Kind::Float) => datafusion::logical_expr::cast(expression, DataType::Float64),
        _ => expression,
    }
}

/// One entry of the table, as DataFusion calls it. Name and parameters say which.
#[derive(Debug, PartialEq, Eq, Hash)]
struct RowFunction {
    name: &'static str,
    parameters: &'static [Kind],
    body: Opaque,
    signature: Signature,
}

/// A body, which is not compared: name and parameters are.
#[derive(Clone, Copy, Debug)]
struct Opaque(Body);

impl PartialEq for Opaque {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Opaque {}

impl std::hash::Hash for Opaque {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl ScalarUDFImpl for RowFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(self.body.0.result().arrow())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let constant = arguments
            .args
            .iter()
            .all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let result = self
            .body
            .0
            .evaluate(self.name, &arrays)
            .map_err(|fault| DataFusionError::External(Box::new(fault)))?;
        match constant && result.len() == 1 {
            true => ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar),
            false => Ok(ColumnarValue::Array(result)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_floats_become_ints_while_they_fit() {
        assert_eq!(to_int(-9_223_372_036_854_775_808.0), Some(i64::MIN));
        assert_eq!(to_int(9_223_372_036_854_775_808.0), None);
        assert_eq!(to_int(f64::NAN), None);
    }

    #[test]
    fn names_are_sorted_and_distinct() {
        let names = row_function_names();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    }
}
