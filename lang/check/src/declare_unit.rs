//! Reads declared units, and what an expression over units amounts to.

use mlinfra_api::Dimension;
use rust_decimal::Decimal;

use crate::mark::{has, words};
use crate::quantity::Unit;
use crate::schema::Library;
use crate::tree::{self, BlockItem, Expr, ExprKind, Item};

/// A declared unit: so many of another, or a dimension of its own.
pub(crate) fn unit(library: &mut Library, item: &Item, block: &BlockItem, name: &str) {
    let declared = match &block.value {
        None => Some(Unit::new(Decimal::ONE, Dimension::base(name))),
        Some(value) => amount(library, value),
    };
    let Some(declared) = declared else {
        library
            .faults
            .push(format!("unit {name} is not so many of a known one"));
        return;
    };
    if has(item, "plural") {
        library.units.insert(format!("{name}s"), declared.clone());
    }
    library.units.insert(name.to_owned(), declared);
    for family in words(item, "of") {
        let members = library.families.entry(family).or_default();
        members.push(name.to_owned());
    }
}

/// What an expression over units and numbers amounts to: `0.125 B/s`, `B / s`.
pub(crate) fn amount(library: &Library, value: &Expr) -> Option<Unit> {
    match &value.kind {
        ExprKind::Name(name) if library.families.contains_key(name) => {
            Some(Unit::new(Decimal::ONE, Dimension::base(name)))
        }
        ExprKind::Name(name) => library.unit(name).cloned(),
        ExprKind::Number {
            digits,
            percent: false,
            unit,
        } => {
            let number: Decimal = digits.replace('_', "").parse().ok()?;
            let unit = unit_of(library, unit.as_deref()?).ok()?;
            Some(Unit {
                factor: number.checked_mul(unit.factor)?,
                ..unit
            })
        }
        ExprKind::Binary {
            operator: tree::Binary::Divide,
            left,
            right,
            ..
        } => amount(library, left)?.per(&amount(library, right)?),
        _ => None,
    }
}

/// A number's unit as written; the first name that is no unit otherwise.
pub(crate) fn unit_of<'u>(
    library: &Library,
    written: &'u tree::Unit,
) -> Result<Unit, &'u tree::Name> {
    let mut all = Unit::new(Decimal::ONE, Dimension::default());
    if let Some(over) = &written.over {
        all = library.unit(&over.text).cloned().ok_or(over)?;
    }
    for name in &written.per {
        let unit = library.unit(&name.text).ok_or(name)?;
        all = all.per(unit).ok_or(name)?;
    }
    Ok(all)
}
