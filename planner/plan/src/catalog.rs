//! The catalog: which machines and stores the clouds rent out, what they cost where, and where each
//! price comes from. Made into tables by `examples/catalog.rs`; read when somebody asks, once.
//!
//! A price that is not known stays not known: nothing here is guessed, and nothing is 0 for want of
//! a figure. A price seen on a spot market is never a bound, as it moves; it is shown as what it
//! is.

mod part;
mod purchase;
mod run;
mod select;
mod wanted;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use mlinfra_api::Digest;
use rust_decimal::Decimal;

pub(crate) use part::parts;
pub(crate) use run::{RunCost, runtime_cost, sum_of};
use select::Candidate;
pub use select::{Machine, Missing, Selection, select};
pub use wanted::Wanted;

const SOURCES: &str = include_str!("../../../stdlib/catalog/sources.csv");
const AWS: &str = include_str!("../../../stdlib/catalog/aws.csv");
const GCP: &str = include_str!("../../../stdlib/catalog/gcp.csv");
const TPU: &str = include_str!("../../../stdlib/catalog/tpu.csv");
const STORAGE: &str = include_str!("../../../stdlib/catalog/storage.csv");

const HOURS_PER_MONTH: Decimal = Decimal::from_parts(730, 0, 0, false, 0);
const SECONDS_PER_HOUR: Decimal = Decimal::from_parts(3_600, 0, 0, false, 0);

/// The columns of a table of machines before those of the regions.
const MACHINE_COLUMNS: usize = 7;

/// Everything that the tables say of machines of one provider.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    /// The regions that have a column.
    pub(crate) regions: Vec<&'static str>,
    pub(crate) machines: Vec<Row>,
    /// What can be rented in each of the regions, the cheapest first.
    offered: Vec<OnceLock<Vec<Candidate>>>,
}

/// A machine that can be rented.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// `x86_64`, `arm64`.
    pub(crate) processor: &'static str,
    pub(crate) cpus: Decimal,
    pub(crate) memory_bytes: Decimal,
    /// The language's word, if it has one.
    pub(crate) accelerator: Option<&'static str>,
    pub(crate) accelerator_count: i64,
    /// Bytes a second, if that is known.
    pub(crate) network: Option<Decimal>,
    /// One for each region.
    offers: Vec<&'static str>,
}

/// What a machine costs an hour, and what is said of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// USD an hour, without any commitment.
    pub on_demand: Decimal,
    /// Where that is from, and of when: `listed, skypilot-catalog v9, 2026-07-03`.
    pub source: String,
    /// Whether nobody lists it: it was derived from other prices, and is near the right one.
    pub is_derived: bool,
    /// What it cost on the spot market when somebody looked.
    pub spot_seen: Option<Decimal>,
    /// With a commitment of one year.
    pub one_year: Option<Decimal>,
    /// With one of three.
    pub three_years: Option<Decimal>,
}

/// A price as a table has it.
#[derive(Debug)]
pub(crate) struct Price {
    pub(crate) amount: Decimal,
    pub(crate) source: String,
    pub(crate) is_derived: bool,
}

/// Slices of accelerators that are rented by the chip.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) accelerator: &'static str,
    pub(crate) region: &'static str,
    /// `1|4|8`, or `4..3072`.
    pub(crate) chips: &'static str,
    /// USD an hour for a chip, if known.
    pub(crate) per_chip: Option<Price>,
}

/// What a GiB of storage costs a month.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) provider: &'static str,
    pub(crate) region: &'static str,
    pub(crate) class: &'static str,
    pub(crate) product: &'static str,
    pub(crate) per_gib_month: Price,
}

/// Of all tables: a spec's prices rest on them.
pub fn digest() -> Digest {
    static KNOWN: OnceLock<Digest> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        let tables = tables().into_iter();
        let tables: Vec<String> = tables
            .map(|(name, table)| format!("{name}\n{table}"))
            .collect();
        Digest::of_parts(tables.iter().map(String::as_bytes))
    })
}

/// The tables, by the names of their files.
pub fn tables() -> [(&'static str, &'static str); 5] {
    [
        ("sources.csv", SOURCES),
        ("aws.csv", AWS),
        ("gcp.csv", GCP),
        ("tpu.csv", TPU),
        ("storage.csv", STORAGE),
    ]
}

/// The rows of a table, cut into cells. The tables hold no quotes: a test looks.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().skip(1).map(|line| line.split(',').collect())
}

fn number(text: &str) -> Option<Decimal> {
    text.parse().ok()
}

/// The machines of a provider; none of one that the catalog does not know.
pub(crate) fn provider(name: &str) -> Option<&'static Provider> {
    static KNOWN: [OnceLock<Provider>; 2] = [OnceLock::new(), OnceLock::new()];
    let (cell, table) = match name {
        "aws" => (&KNOWN[0], AWS),
        "gcp" => (&KNOWN[1], GCP),
        _ => return None,
    };
    Some(cell.get_or_init(|| read_provider(table)))
}

fn read_provider(table: &'static str) -> Provider {
    let head = table.lines().next().unwrap_or_default();
    let gib = Decimal::from(1_u64 << 30);
    let gigabit = Decimal::from(125_000_000);
    let machine = |cells: Vec<&'static str>| {
        let [
            name,
            processor,
            cpus,
            memory,
            accelerator,
            count,
            network,
            ..,
        ] = cells[..]
        else {
            return None;
        };
        Some(Row {
            name,
            processor,
            cpus: number(cpus)?,
            memory_bytes: number(memory)?.checked_mul(gib)?,
            accelerator: Some(accelerator).filter(|word| !word.is_empty()),
            accelerator_count: count.parse().unwrap_or(0),
            network: number(network).and_then(|speed| speed.checked_mul(gigabit)),
            offers: cells[MACHINE_COLUMNS..].to_vec(),
        })
    };
    let regions: Vec<&str> = head.split(',').skip(MACHINE_COLUMNS).collect();
    Provider {
        machines: rows(table).filter_map(machine).collect(),
        offered: regions.iter().map(|_| OnceLock::new()).collect(),
        regions,
    }
}

impl Provider {
    /// What can be rented in a region, the cheapest first; none if the region has no column.
    pub(crate) fn offered(&self, region: &str) -> Option<&[Candidate]> {
        let column = self.regions.iter().position(|one| *one == region)?;
        let candidate = |row: &Row| match row.offer(column) {
            Offer::No => None,
            Offer::Unpriced => Some(Candidate::machine(row, None)),
            Offer::At(listed) => Some(Candidate::machine(row, Some(listed))),
        };
        Some(self.offered.get(column)?.get_or_init(|| {
            let mut all: Vec<Candidate> = self.machines.iter().filter_map(candidate).collect();
            all.sort_by(|left, right| left.rank().cmp(&right.rank()));
            all
        }))
    }
}

/// How a machine can be had in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Not at all.
    No,
    /// It is there, and its price is not known.
    Unpriced,
    /// At this price.
    At(Listed),
}

impl Row {
    /// What this machine costs in the region of this column.
    pub(crate) fn offer(&self, column: usize) -> Offer {
        let cell = self.offers.get(column).copied().unwrap_or_default();
        match cell {
            "" => Offer::No,
            _ => listed(cell).map_or(Offer::Unpriced, Offer::At),
        }
    }
}

/// A cell: a price with the letter of its source, then what was seen, and commitments.
fn listed(cell: &str) -> Option<Listed> {
    let mut parts = cell.split('/');
    let price = sourced(parts.next()?)?;
    let mut next = || parts.next().and_then(number);
    Some(Listed {
        on_demand: price.amount,
        source: price.source,
        is_derived: price.is_derived,
        spot_seen: next(),
        one_year: next(),
        three_years: next(),
    })
}

/// `3.67c`: the price, and what the letter stands for.
fn sourced(text: &str) -> Option<Price> {
    let letter = text.chars().last().filter(char::is_ascii_lowercase)?;
    let amount = number(text.get(..text.len() - 1)?)?;
    let source = source(letter)?;
    Some(Price {
        amount,
        is_derived: source.starts_with(DERIVED),
        source,
    })
}

/// How the method of a price that nobody lists begins.
const DERIVED: &str = "derived";

fn source(letter: char) -> Option<String> {
    static KNOWN: OnceLock<BTreeMap<char, String>> = OnceLock::new();
    let all = KNOWN.get_or_init(|| {
        let known = rows(SOURCES).filter_map(|cells| {
            let [letter, method, origin, _, as_of, ..] = cells[..] else {
                return None;
            };
            let text = format!("{method}, {origin}, {as_of}");
            Some((letter.chars().next()?, text))
        });
        known.collect()
    });
    all.get(&letter).cloned()
}

/// Every slice that is rented by the chip.
pub(crate) fn slices() -> &'static [Slice] {
    static KNOWN: OnceLock<Vec<Slice>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let slice = |cells: Vec<&'static str>| {
            let [accelerator, region, chips, per_chip] = cells[..] else {
                return None;
            };
            Some(Slice {
                accelerator,
                region,
                chips,
                per_chip: sourced(per_chip),
            })
        };
        rows(TPU).filter_map(slice).collect()
    })
}

/// What storage of a class costs in a region.
pub(crate) fn store(provider: &str, region: &str, class: &str) -> Option<&'static Store> {
    static KNOWN: OnceLock<Vec<Store>> = OnceLock::new();
    let all = KNOWN.get_or_init(|| {
        let store = |cells: Vec<&'static str>| {
            let [provider, region, class, product, price] = cells[..] else {
                return None;
            };
            Some(Store {
                provider,
                region,
                class,
                product,
                per_gib_month: sourced(price)?,
            })
        };
        rows(STORAGE).filter_map(store).collect()
    });
    all.iter()
        .find(|one| one.provider == provider && one.region == region && one.class == class)
}

impl Slice {
    /// How many chips it may have, the fewest first.
    pub(crate) fn sizes(&self) -> Vec<i64> {
        match self.range() {
            Some((least, most)) => (1..=most / least).map(|times| times * least).collect(),
            None => self
                .chips
                .split('|')
                .filter_map(|size| size.parse().ok())
                .collect(),
        }
    }

    /// The sizes as people read them.
    pub(crate) fn sizes_text(&self) -> String {
        match self.range() {
            Some((least, most)) => format!("{least} to {most} in steps of {least}"),
            None => self.chips.replace('|', ", "),
        }
    }

    fn range(&self) -> Option<(i64, i64)> {
        let (least, most) = self.chips.split_once("..")?;
        let bounds = least.parse().ok().zip(most.parse().ok());
        bounds.filter(|(least, _)| *least > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_of_a_table_is_lost() {
        for (name, table) in tables() {
            assert!(!table.contains('"'), "{name}");
            let columns = table.lines().next().map(|line| line.split(',').count());
            for line in table.lines() {
                assert_eq!(Some(line.split(',').count()), columns, "{name}: {line}");
            }
        }
        for (name, table) in [("aws", AWS), ("gcp", GCP)] {
            let read = provider(name).expect("its table is here");
            assert_eq!(read.machines.len(), table.lines().count() - 1, "{name}");
        }
        assert_eq!(slices().len(), TPU.lines().count() - 1);
    }

    #[test]
    fn every_price_has_a_source_and_none_is_free() {
        for name in ["aws", "gcp"] {
            let read = provider(name).expect("its table is here");
            for row in &read.machines {
                for (column, cell) in row.offers.iter().enumerate() {
                    match row.offer(column) {
                        Offer::At(listed) => {
                            assert!(listed.on_demand > Decimal::ZERO, "{}", row.name);
                        }
                        Offer::No => assert_eq!(*cell, "", "{}", row.name),
                        Offer::Unpriced => assert_eq!(*cell, "?", "{}", row.name),
                    }
                }
            }
        }
        for slice in slices() {
            let text = format!("{slice:?}");
            assert_ne!(
                slice.per_chip.as_ref().map(|price| price.amount),
                Some(Decimal::ZERO),
                "{text}"
            );
        }
    }

    #[test]
    fn commitments_cost_less_the_longer_they_last() {
        let google = provider("gcp").expect("its table is here");
        for row in &google.machines {
            for column in 0..google.regions.len() {
                let Offer::At(listed) = row.offer(column) else {
                    continue;
                };
                let one = listed.one_year.unwrap_or(listed.on_demand);
                let three = listed.three_years.unwrap_or(one);
                assert!(
                    one <= listed.on_demand && three <= one,
                    "{} {listed:?}",
                    row.name
                );
            }
        }
    }

    #[test]
    fn a_price_stays_near_that_of_other_regions() {
        // A price that is far from the others of the same machine is a fault of its source.
        for name in ["aws", "gcp"] {
            let read = provider(name).expect("its table is here");
            for row in &read.machines {
                let prices: Vec<Decimal> = (0..read.regions.len())
                    .filter_map(|column| match row.offer(column) {
                        Offer::At(listed) => Some(listed.on_demand),
                        _ => None,
                    })
                    .collect();
                let (least, most) = (prices.iter().min(), prices.iter().max());
                let wide = least
                    .zip(most)
                    .is_some_and(|(least, most)| *most > *least * Decimal::TWO);
                assert!(!wide, "{name} {}: {prices:?}", row.name);
            }
        }
    }

    #[test]
    fn slices_are_of_the_sizes_that_are_rented() {
        let has = |accelerator: &str, region: &str, chips: i64| {
            let mut all = slices().iter();
            all.any(|one| {
                one.accelerator == accelerator
                    && one.region == region
                    && one.sizes().contains(&chips)
            })
        };
        assert!(has("tpu_v5e", "us-west4", 16));
        assert!(!has("tpu_v5e", "us-west4", 12));
        assert!(has("tpu_v2", "us-central1", 4));
        assert!(has("tpu_v5p", "us-east1", 6_144) && !has("tpu_v5p", "us-east1", 6));
    }
}
