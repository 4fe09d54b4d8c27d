//! Amounts in row expressions: which may be added, compared and divided, and what comes out.

use mlinfra_api::{ColumnBase, Dimension, Quantity, RowExpression, Scalar};

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::quantity::NumberFault;
use crate::row::RowTerm;
use crate::schema::Function;
use crate::table::Cells;
use crate::tree::Binary;
use crate::types::Type;

/// What the numbers are amounts of; nothing for plain ones.
fn dimension(cells: &Cells) -> Dimension {
    match cells {
        Cells::Amount(dimension, _) => dimension.clone(),
        Cells::Plain | Cells::Vector => Dimension::default(),
    }
}

/// Why an operator over cells has no cells for its result.
enum CellFault {
    /// They are amounts of different things.
    Differ(NumberFault),
    /// The result is an amount of this, which is no column's.
    NoColumn(String),
}

/// What comes out of an operator over such cells; why there is nothing, if it can't be had.
fn combined(operator: Binary, left: &Cells, right: &Cells) -> Result<Cells, CellFault> {
    let (a, b) = (dimension(left), dimension(right));
    let differ = || CellFault::Differ(NumberFault::Dimensions(a.clone(), b.clone()));
    let unit = |cells: &Cells| match cells {
        Cells::Amount(_, unit) => unit.clone(),
        Cells::Plain | Cells::Vector => "1".to_owned(),
    };
    let made = |sign: char| CellFault::NoColumn(format!("{}{sign}{}", unit(left), unit(right)));
    match operator {
        Binary::Or | Binary::And => Ok(Cells::Plain),
        Binary::Multiply => match (left, right) {
            (Cells::Amount(..), Cells::Amount(..)) => Err(made('·')),
            (amount @ Cells::Amount(..), _) | (_, amount) => Ok(amount.clone()),
        },
        Binary::Divide if a == b => Ok(Cells::Plain),
        Binary::Divide => match right {
            Cells::Amount(..) => Err(made('/')),
            _ => Ok(left.clone()),
        },
        _ if a != b => Err(differ()),
        comparison if comparison.compares() => Ok(Cells::Plain),
        _ => Ok(left.clone()),
    }
}

impl Checker<'_> {
    /// What comes out of an operator over these cells; a finding if they don't go together.
    pub(crate) fn cells_of(
        &mut self,
        operator: (Binary, Span),
        left: &RowTerm,
        right: &RowTerm,
    ) -> Option<Cells> {
        match combined(operator.0, &left.cells, &right.cells) {
            Ok(cells) => Some(cells),
            Err(CellFault::Differ(fault)) => {
                self.number_fault(&fault, operator.1);
                None
            }
            Err(CellFault::NoColumn(of)) => {
                let unit = match &right.cells {
                    Cells::Amount(_, unit) => unit.as_str(),
                    Cells::Plain | Cells::Vector => "1",
                };
                let text = format!("no column can hold amounts of {of}");
                self.report(
                    Diagnostic::error(code::UNIT_WRONG, operator.1, text)
                        .help("a column has amounts of one unit, or plain numbers")
                        .help(format!("divide by a unit first: `x / 1 {unit}`")),
                );
                None
            }
        }
    }

    /// What all of these are amounts of; a finding if they differ.
    pub(crate) fn cells_of_all(&mut self, terms: &[RowTerm], span: Span) -> Option<Cells> {
        let Some((first, rest)) = terms.split_first() else {
            return Some(Cells::Plain);
        };
        for other in rest {
            self.cells_of((Binary::Default, span), first, other)?;
        }
        Some(first.cells.clone())
    }

    /// Whether a function works on amounts as on plain numbers: it gives back what it takes. A
    /// finding if it does not.
    pub(crate) fn takes_amount(&mut self, function: &Function, term: &RowTerm, at: Span) -> bool {
        let Cells::Amount(dimension, unit) = &term.cells else {
            return true;
        };
        if matches!(function.result, Type::LikeOf(_)) {
            return true;
        }
        let finding = Diagnostic::error(
            code::UNIT_WRONG,
            at,
            format!(
                "`{}` works on plain numbers, and this is {}",
                function.name,
                crate::types::a(crate::quantity::noun(dimension))
            ),
        )
        .help("in another unit its result would be another one")
        .help(format!("divide by a unit first: `x / 1 {unit}`"))
        .fix(
            format!("divide by 1 {unit}"),
            at.end(),
            format!(" / 1 {unit}"),
        );
        self.report(finding);
        false
    }

    /// An amount as a constant of the row, if columns can hold such amounts.
    pub(crate) fn constant_amount(&self, quantity: &Quantity) -> Option<RowTerm> {
        let families = self.library.families.values().flatten();
        let unit = families.into_iter().find(|unit| {
            let known = self.library.unit(unit);
            known.is_some_and(|known| known.dimension == quantity.dimension)
        })?;
        let factor = self.library.unit(unit)?.factor;
        let amount = quantity.amount.checked_div(factor)?;
        let literal = RowExpression::Literal(Scalar::Decimal(amount));
        let cells = Cells::Amount(quantity.dimension.clone(), unit.clone());
        Some(RowTerm::new(ColumnBase::Float, false, literal).of(cells))
    }
}
