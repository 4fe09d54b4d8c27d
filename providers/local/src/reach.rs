//! Between which numbers what is measured at an endpoint can lie, as far as that is known.

use rust_decimal::Decimal;

/// From the lowest to the highest; no end where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reach {
    low: Option<Decimal>,
    high: Option<Decimal>,
}

impl Reach {
    /// One number alone.
    pub(crate) fn only(number: Decimal) -> Self {
        Reach {
            low: Some(number),
            high: Some(number),
        }
    }

    /// Never more than this.
    pub(crate) fn up_to(high: Decimal) -> Self {
        Reach {
            low: None,
            high: Some(high),
        }
    }

    /// Whether this and the other always stand in the same order, whatever is measured: to compare
    /// them says nothing. Both are equal at their ends: that counts, because a measure that is cut
    /// off at its end is there for all that lies beyond it.
    pub(crate) fn is_apart(self, other: Self) -> bool {
        let apart = |low: Option<Decimal>, high: Option<Decimal>| {
            low.zip(high).is_some_and(|(low, high)| low >= high)
        };
        apart(other.low, self.high) || apart(self.low, other.high)
    }

    pub(crate) fn negated(self) -> Self {
        Reach {
            low: self.high.map(|high| -high),
            high: self.low.map(|low| -low),
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let sum = |one: Option<Decimal>, two: Option<Decimal>| {
            one.zip(two).and_then(|(one, two)| one.checked_add(two))
        };
        Reach {
            low: sum(self.low, other.low),
            high: sum(self.high, other.high),
        }
    }

    /// Known where one of both is one number alone.
    pub(crate) fn times(self, other: Self) -> Self {
        match (self.number(), other.number()) {
            (_, Some(factor)) => self.scaled(|end| end.checked_mul(factor), factor),
            (Some(factor), _) => other.scaled(|end| end.checked_mul(factor), factor),
            _ => Reach::default(),
        }
    }

    /// Known where the divisor is one number alone.
    pub(crate) fn over(self, divisor: Self) -> Self {
        match divisor.number() {
            Some(divisor) => self.scaled(|end| end.checked_div(divisor), divisor),
            None => Reach::default(),
        }
    }

    fn number(self) -> Option<Decimal> {
        self.low.filter(|_| self.low == self.high)
    }

    /// Both ends scaled; a factor below 0 turns them round.
    fn scaled(self, scale: impl Fn(Decimal) -> Option<Decimal>, factor: Decimal) -> Self {
        let (low, high) = (self.low.and_then(&scale), self.high.and_then(&scale));
        match factor < Decimal::ZERO {
            true => Reach {
                low: high,
                high: low,
            },
            false => Reach { low, high },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_follow_what_is_computed() {
        let number = |number: i64| Reach::only(Decimal::from(number));
        let ten = Reach::up_to(Decimal::TEN);
        assert!(ten.is_apart(number(10)) && ten.is_apart(number(60)));
        assert!(number(60).is_apart(ten) && !ten.is_apart(number(9)));
        // What is below every bound known may still be there.
        assert!(!ten.is_apart(number(-5)));
        assert!(ten.times(number(2)).is_apart(number(20)));
        assert!(!ten.times(number(2)).is_apart(number(19)));
        assert!(number(2).times(ten).is_apart(number(20)));
        assert!(ten.over(number(2)).is_apart(number(5)));
        assert!(ten.negated().is_apart(number(-10)));
        assert!(ten.times(number(-1)).is_apart(number(-10)));
        assert!(!ten.negated().is_apart(number(-9)));
        assert!(ten.plus(ten).is_apart(number(20)) && !ten.plus(ten).is_apart(number(19)));
        assert!(!ten.plus(ten.negated()).is_apart(number(100)));
        assert!(!ten.times(ten).is_apart(number(1000)));
        assert!(!number(1).over(ten).is_apart(number(1000)));
        assert!(!ten.times(Reach::only(Decimal::MAX)).is_apart(number(1)));
    }
}
