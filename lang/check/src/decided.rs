//! Conditions that no figure decides: those that hold, or fail, whatever comes.

use std::collections::BTreeSet;

use mlinfra_api::{Condition, Dimension, Figure, RowOperator, Value, Verdict};
use rust_decimal::Decimal;

use crate::check::Checker;
use crate::quantity;
use crate::schema::FigureDeclarations;
use crate::types::Type;

/// With how many numbers a figure may be compared where every case is tried.
const NUMBERS_MAX: usize = 64;

/// What a condition about one figure compares it with.
#[derive(Default)]
struct Compared<'c> {
    figures: BTreeSet<&'c Figure>,
    numbers: BTreeSet<Decimal>,
    dimension: Dimension,
}

impl Checker<'_> {
    /// How a condition stands whatever its figures are; open if that depends on them. One that
    /// compares a single figure with numbers is tried on every side of each number; of others only
    /// what the spec itself says is looked at.
    pub(crate) fn decided(
        &mut self,
        condition: &Condition,
        declared: &FigureDeclarations,
    ) -> Verdict {
        let verdict = condition.judge(&|_| None);
        if verdict != Verdict::Open {
            return verdict;
        }
        let mut compared = Compared::default();
        if !compared.read(condition) || compared.figures.len() != 1 {
            return Verdict::Open;
        }
        let Some(figure) = compared.figures.first() else {
            return Verdict::Open;
        };
        let asked = || declared.asked.get(&figure.name).map(|asked| &asked.result);
        let of = declared.plain.get(&figure.name).or_else(asked);
        let mut verdicts = BTreeSet::new();
        for amount in tried(&compared.numbers) {
            let value = quantity::value(amount, compared.dimension.clone());
            if let Some(Type::Checked(checked)) = of.map(Type::present)
                && self.refused(checked, &value).is_some()
            {
                continue;
            }
            verdicts.insert(condition.judge(&|_| Some(value.clone())));
        }
        match verdicts.first() {
            Some(only) if verdicts.len() == 1 => *only,
            _ => Verdict::Open,
        }
    }
}

impl<'c> Compared<'c> {
    /// Whether the condition does nothing but compare figures with numbers and with themselves.
    fn read(&mut self, condition: &'c Condition) -> bool {
        use RowOperator::{And, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual, Or};
        match condition {
            Condition::Value(Value::Bool(_)) => true,
            Condition::Not(inner) => self.read(inner),
            Condition::Binary {
                operator: And | Or,
                left,
                right,
            } => self.read(left) && self.read(right),
            Condition::Binary {
                operator: Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual,
                left,
                right,
            } => self.side(left) && self.side(right),
            _ => false,
        }
    }

    fn side(&mut self, side: &'c Condition) -> bool {
        match side {
            Condition::Figure(figure) => {
                self.figures.insert(figure);
                self.figures.len() == 1
            }
            Condition::Value(value) => {
                let Some((amount, dimension)) = quantity::parts(value) else {
                    return false;
                };
                self.numbers.insert(amount);
                self.dimension = dimension;
                self.numbers.len() <= NUMBERS_MAX
            }
            _ => false,
        }
    }
}

/// A figure for each side of each number: the number, what lies between it and the next one, and
/// what lies beyond both ends.
fn tried(numbers: &BTreeSet<Decimal>) -> Vec<Decimal> {
    let little = Decimal::new(1, 9);
    let mut all: Vec<Decimal> = numbers.iter().copied().collect();
    let ends = (all.first().copied(), all.last().copied());
    let between = all.windows(2).filter_map(|pair| {
        let half = pair[1].checked_sub(pair[0])? / Decimal::TWO;
        pair[0].checked_add(half)
    });
    let between: Vec<Decimal> = between.collect();
    all.extend(between);
    all.extend(ends.0.and_then(|least| least.checked_sub(little)));
    all.extend(ends.1.and_then(|most| most.checked_add(little)));
    if all.is_empty() {
        all.push(Decimal::ONE);
    }
    all
}
