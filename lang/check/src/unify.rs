//! The type that two types have in common, and values of one of them as one of that.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fit::fit;
use crate::types::{Term, Type};

/// A type that both fit, if there is one.
pub(crate) fn unify(left: &Type, right: &Type) -> Option<Type> {
    match (left, right) {
        (left, right) if left == right => Some(left.clone()),
        (Type::Error | Type::Any, other) | (other, Type::Error | Type::Any) => Some(other.clone()),
        (Type::Secret(left), right) | (right, Type::Secret(left)) => {
            unify(left, right).map(|inner| Type::Secret(Arc::new(inner)))
        }
        (Type::Checked(left), right) => unify(&left.base, right),
        (left, Type::Checked(right)) => unify(left, &right.base),
        (Type::Nothing, other) | (other, Type::Nothing) => Some(other.clone().optional()),
        (Type::Optional(left), right) | (right, Type::Optional(left)) => {
            unify(left, right.present()).map(Type::optional)
        }
        (Type::Int, Type::Decimal) | (Type::Decimal, Type::Int) => Some(Type::Decimal),
        (Type::Enum(left), Type::Enum(right)) if left.is_part_of(right) => {
            Some(Type::Enum(Arc::clone(right)))
        }
        (Type::Enum(left), Type::Enum(right)) if right.is_part_of(left) => {
            Some(Type::Enum(Arc::clone(left)))
        }
        (Type::Enum(_), Type::String) | (Type::String, Type::Enum(_)) => Some(Type::String),
        (Type::List(left), Type::List(right)) => {
            unify(left, right).map(|inner| Type::List(Arc::new(inner)))
        }
        (Type::Map(left), Type::Map(right)) => {
            unify(left, right).map(|inner| Type::Map(Arc::new(inner)))
        }
        (Type::Record(left), Type::Record(right)) => unify_records(left, right),
        (Type::Record(fields), Type::Map(inner)) | (Type::Map(inner), Type::Record(fields)) => {
            let mut all = fields.values();
            let common = all.try_fold((**inner).clone(), |common, of| unify(&common, of))?;
            Some(Type::Map(Arc::new(common)))
        }
        (Type::Range(left), Type::Range(right)) => {
            unify(left, right).map(|inner| Type::Range(Arc::new(inner)))
        }
        _ => None,
    }
}

/// Records of the same names are one record; others are maps, if all that is in them is alike.
fn unify_records(left: &BTreeMap<String, Type>, right: &BTreeMap<String, Type>) -> Option<Type> {
    if left.keys().eq(right.keys()) {
        let both = left.iter().zip(right.values());
        let fields = both.map(|((name, left), right)| Some((name.clone(), unify(left, right)?)));
        return Some(Type::Record(Arc::new(fields.collect::<Option<_>>()?)));
    }
    let mut all = left.values().chain(right.values());
    let common = all.try_fold(Type::Any, |common, of| unify(&common, of))?;
    Some(Type::Map(Arc::new(common)))
}

/// A value of one of the unified types as one of the unified type.
pub(crate) fn widen(term: Term, to: &Type) -> Term {
    if term.term_type == *to {
        return term;
    }
    match fit(&term.value, &term.term_type, to) {
        Ok(value) => Term::new(to.clone(), value),
        Err(_) => term,
    }
}
