//! An exact amount with its dimension: bytes, durations, money by currency, rates and counts.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The powers of base units: `USD/GiB/month` is `{USD: 1, byte: -1, second: -1}`. Base units are
/// `byte`, `second`, each currency by its code and each counting unit by its singular name. No
/// entry is zero; the empty dimension is a plain number.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dimension(pub Arc<BTreeMap<String, i8>>);

impl Dimension {
    /// The dimension of one base unit.
    pub fn base(unit: &str) -> Self {
        Dimension(BTreeMap::from([(unit.to_owned(), 1)]).into())
    }

    /// The dimension of a product.
    pub fn times(&self, other: &Self) -> Self {
        let mut powers = BTreeMap::clone(&self.0);
        for (unit, power) in &*other.0 {
            let sum = powers.entry(unit.clone()).or_insert(0);
            *sum = sum.saturating_add(*power);
        }
        powers.retain(|_, power| *power != 0);
        Dimension(powers.into())
    }

    /// One over this dimension.
    pub fn inverse(&self) -> Self {
        let under = self
            .0
            .iter()
            .map(|(unit, power)| (unit.clone(), power.saturating_neg()));
        Dimension(Arc::new(under.collect()))
    }

    /// Whether this is a plain number.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut up: Vec<&str> = Vec::new();
        let mut down: Vec<&str> = Vec::new();
        for (unit, power) in &*self.0 {
            let side = if *power > 0 { &mut up } else { &mut down };
            (0..power.unsigned_abs()).for_each(|_| side.push(unit));
        }
        let top = if up.is_empty() {
            "1".to_owned()
        } else {
            up.join("·")
        };
        f.write_str(&top)?;
        down.iter().try_for_each(|unit| write!(f, "/{unit}"))
    }
}

/// An amount in base units (bytes, seconds, whole currency units) and its dimension.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Quantity {
    /// The amount in base units, to as many digits as a decimal has.
    pub amount: Decimal,
    /// What it is an amount of.
    pub dimension: Dimension,
    /// What the amount is exactly where its digits end too soon: what stands over the line, and
    /// under it. It serves computing on; two amounts are one if their digits are.
    #[serde(skip)]
    exact: Option<Box<(Decimal, Decimal)>>,
}

impl Quantity {
    /// An amount in base units.
    pub fn new(amount: Decimal, dimension: Dimension) -> Self {
        Quantity {
            amount,
            dimension,
            exact: None,
        }
    }

    /// An amount that is one number over another; `amount` has its first digits.
    pub fn ratio(amount: Decimal, exact: (Decimal, Decimal), dimension: Dimension) -> Self {
        Quantity {
            amount,
            dimension,
            exact: Some(Box::new(exact)),
        }
    }

    /// What stands over the line and under it; under it is 1 where the digits say all.
    pub fn parts(&self) -> (Decimal, Decimal) {
        match &self.exact {
            Some(exact) => **exact,
            None => (self.amount, Decimal::ONE),
        }
    }

    /// So many bytes.
    pub fn bytes(count: u64) -> Self {
        Quantity::new(count.into(), Dimension::base("byte"))
    }

    /// So many seconds.
    pub fn seconds(count: u64) -> Self {
        Quantity::new(count.into(), Dimension::base("second"))
    }

    /// What makes two amounts the same.
    fn identity(&self) -> (&Decimal, &Dimension) {
        (&self.amount, &self.dimension)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// Largest first; of those that say the amount equally short, the first is used.
const BYTE_UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
];
/// An amount with more decimals than this is said in another unit.
const BYTE_DECIMALS_MAX: u32 = 9;
/// An amount of as many is said in a larger unit, if there is one.
const BYTE_AMOUNT_MAX: u64 = 10_000;
/// Largest first; the first unit that divides the amount to at most two decimals is used.
const SECOND_UNITS: &[(&str, u64)] = &[("days", 86_400), ("h", 3_600), ("min", 60)];

/// So many bytes, in the unit that says them shortest.
fn bytes_said(amount: Decimal) -> String {
    let said = |largest: Decimal| {
        let units = BYTE_UNITS.iter().filter_map(move |(name, size)| {
            let scaled = (amount / Decimal::from(*size)).normalize();
            let is_exact = scaled.scale() <= BYTE_DECIMALS_MAX;
            let fits = scaled >= Decimal::ONE && scaled < largest;
            (is_exact && fits).then(|| (scaled.to_string(), *name))
        });
        units.min_by_key(|(digits, _)| digits.len())
    };
    let found = match amount < Decimal::ONE_THOUSAND {
        true => None,
        false => said(BYTE_AMOUNT_MAX.into()).or_else(|| said(Decimal::MAX)),
    };
    let (digits, unit) = found.unwrap_or_else(|| (amount.normalize().to_string(), "B"));
    format!("{digits} {unit}")
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, small) = match self.dimension.to_string().as_str() {
            "byte" => return f.write_str(&bytes_said(self.amount)),
            "second" => (SECOND_UNITS, "s"),
            "1" => return write!(f, "{}", self.amount.normalize()),
            other => return write!(f, "{} {other}", self.amount.normalize()),
        };
        for (name, size) in units {
            let scaled = self.amount / Decimal::from(*size);
            if scaled >= Decimal::ONE && scaled.round_dp(2) == scaled {
                return write!(f, "{} {name}", scaled.normalize());
            }
        }
        write!(f, "{} {small}", self.amount.normalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_largest_exact_unit() {
        assert_eq!(Quantity::bytes(2 << 30).to_string(), "2 GiB");
        for (bytes, said) in [
            (1_000, "1 KB"),
            (999, "999 B"),
            (1_536, "1.5 KiB"),
            (512_000_000, "512 MB"),
            (500 << 20, "500 MiB"),
            (3_072 << 30, "3 TiB"),
            ((3 << 30) + 1_000_000_000, "4.221225472 GB"),
            (4_097, "4.097 KB"),
            (20_000 << 40, "20000 TiB"),
        ] {
            assert_eq!(Quantity::bytes(bytes).to_string(), said);
        }
        assert_eq!(Quantity::seconds(90 * 86_400).to_string(), "90 days");
        assert_eq!(Quantity::seconds(90).to_string(), "1.5 min");
    }

    #[test]
    fn dimensions_cancel() {
        let rate = Dimension::base("USD").times(&Dimension::base("second").inverse());
        assert_eq!(rate.to_string(), "USD/second");
        assert_eq!(
            rate.times(&Dimension::base("second")),
            Dimension::base("USD")
        );
    }
}
