//! Which machine of the catalog a block gets: the cheapest one that is all it asks for.
//!
//! A choice is made anew each time, for its price: what is chosen stands where no provider is built
//! in, so nothing is made of it, and no state records it. Once a provider makes it, the machine's
//! name belongs among the resource's properties: planning then has to look there first, keep what
//! still lacks nothing, and tell a better offer as a notice, so that new prices replace
//! no machine.

use mlinfra_api::{Value, Wish};
use mlinfra_check::Block;
use rust_decimal::Decimal;

use super::{Listed, Offer, Row, Slice, provider, slices};

/// How many of those that were passed over are told.
const TOLD_MAX: usize = 3;

/// Machines whose price rises with their use, or that share a processor: what they cost has no
/// bound that a proof could rest on.
const BURSTABLE: [&str; 8] = [
    "t2",
    "t3",
    "t3a",
    "t4g",
    "e2-micro",
    "e2-small",
    "e2-medium",
    "f1-micro",
];

/// The kind of processor that the runtime is built for.
const PROCESSOR: &str = "x86_64";

/// What is asked for, and where.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// `aws`, `gcp`.
    pub provider: String,
    /// The provider's word for the region.
    pub region: String,
    accelerators: Vec<String>,
    accelerator_count: Option<i64>,
    bounds: Vec<Bound>,
}

/// One thing that a machine must have enough of.
#[derive(Clone, Debug)]
struct Bound {
    of: Of,
    operator: String,
    amount: Decimal,
    text: String,
}

/// What a bound is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Cpus,
    Memory,
    Interconnect,
    ModelMemory,
}

/// What is rented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The provider's word: `p4de.24xlarge`, `16 chips of tpu_v5e`.
    pub name: String,
    /// What it costs an hour; none if nobody knows.
    pub listed: Option<Listed>,
}

/// A choice, and what it was chosen from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The cheapest.
    pub machine: Machine,
    /// The next ones, and those that lack least, each with the reason why it is not the one.
    pub passed_over: Vec<String>,
}

/// Why there is nothing to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The tables have nothing of this provider or region: there may be such machines.
    NotListed(String),
    /// The provider has no region of this name.
    NoRegion(String),
    /// There is none that is all that is asked for; what there is instead.
    None {
        /// What there is not.
        what: String,
        /// What there is.
        instead: String,
    },
}

impl Wanted {
    /// What this block asks for, of a provider in a region.
    pub fn of(block: &Block, provider: &str, region: &str) -> Self {
        let mut wanted = Wanted {
            provider: provider.to_owned(),
            region: region.to_owned(),
            accelerators: Vec::new(),
            accelerator_count: None,
            bounds: Vec::new(),
        };
        for (name, field) in &block.fields {
            wanted.add(name, "==", &field.value);
        }
        for (
            Wish {
                field,
                operator,
                value,
            },
            _,
        ) in &block.wishes
        {
            wanted.add(field, operator, value);
        }
        wanted
    }

    fn add(&mut self, field: &str, operator: &str, value: &Value) {
        let of = match field {
            "accelerator" => {
                let words = match value {
                    Value::List(all) => all.iter().filter_map(Value::as_case).collect(),
                    one => one.as_case().into_iter().collect::<Vec<_>>(),
                };
                self.accelerators
                    .extend(words.into_iter().map(str::to_owned));
                return;
            }
            "accelerator_count" => {
                self.accelerator_count = value.as_int().or(self.accelerator_count);
                return;
            }
            "cpus" => Of::Cpus,
            "memory" => Of::Memory,
            "interconnect" => Of::Interconnect,
            "model_memory" => Of::ModelMemory,
            _ => return,
        };
        let amount = match value {
            Value::Int(count) => Decimal::from(*count),
            Value::Decimal(count) => *count,
            Value::Quantity(quantity) => quantity.amount,
            _ => return,
        };
        self.bounds.push(Bound {
            of,
            operator: operator.to_owned(),
            amount,
            text: match of {
                Of::Interconnect => format!("{field} {operator} {}", gigabits(amount)),
                _ => format!("{field} {operator} {value}"),
            },
        });
    }

    /// How many accelerators one machine has at least.
    fn count(&self) -> i64 {
        self.accelerator_count.unwrap_or(1)
    }

    /// What a machine of the table lacks; none if it is all that is asked for.
    fn lacks(&self, row: &Row) -> Option<String> {
        let word = row.accelerator.unwrap_or_default();
        match self.accelerators.as_slice() {
            [] if row.accelerator.is_some() => return Some("it has accelerators".to_owned()),
            [] => {}
            all if !all.iter().any(|one| one == word) => {
                return Some(format!("it has no {}", all.join(" and no ")));
            }
            _ => match self.accelerator_count {
                Some(count) if count != row.accelerator_count => {
                    return Some(format!("it has {} × {word}", row.accelerator_count));
                }
                _ => {}
            },
        }
        let lacking = self.bounds.iter().find_map(|bound| bound.lacking(row));
        if lacking.is_some() {
            return lacking;
        }
        if row.processor != PROCESSOR {
            return Some(format!("the runtime is not built for {}", row.processor));
        }
        let family = row.name.split('.').next().unwrap_or_default();
        let rises = BURSTABLE.contains(&family) || BURSTABLE.contains(&row.name);
        rises.then(|| "its price rises with its use, or it shares a processor".to_owned())
    }

    /// The words of what is asked for: `8 × a100_80gb, interconnect >= 50 GB/s`.
    fn text(&self) -> String {
        let accelerators = (!self.accelerators.is_empty()).then(|| {
            let words = self.accelerators.join(" or ");
            format!("{} × {words}", self.count())
        });
        let bounds = self.bounds.iter().map(|bound| bound.text.clone());
        let all: Vec<String> = accelerators.into_iter().chain(bounds).collect();
        match all.is_empty() {
            true => "any machine".to_owned(),
            false => all.join(", "),
        }
    }
}

impl Bound {
    /// What the machine has of this, if that is known.
    fn has(&self, row: &Row) -> Option<Decimal> {
        match self.of {
            Of::Cpus => Some(row.cpus),
            Of::Memory => Some(row.memory_bytes),
            Of::Interconnect => row.network,
            Of::ModelMemory => match row.accelerator {
                None => Some(row.memory_bytes),
                Some(word) => {
                    let each =
                        Decimal::from(mlinfra_check::stdlib::memory_of("accelerator", word)?);
                    each.checked_mul(Decimal::from(row.accelerator_count))
                }
            },
        }
    }

    fn lacking(&self, row: &Row) -> Option<String> {
        match self.has(row) {
            Some(has) if self.holds(has) => None,
            Some(has) => {
                let has = match self.of {
                    Of::Cpus => has.normalize().to_string(),
                    Of::Memory | Of::ModelMemory => gibibytes(has),
                    Of::Interconnect => gigabits(has),
                };
                Some(format!("`{}`: it has {has}", self.text))
            }
            None => Some(format!("`{}`: what it has is not known", self.text)),
        }
    }

    fn holds(&self, has: Decimal) -> bool {
        match self.operator.as_str() {
            ">=" => has >= self.amount,
            ">" => has > self.amount,
            "<=" => has <= self.amount,
            "<" => has < self.amount,
            "!=" => has != self.amount,
            _ => has == self.amount,
        }
    }
}

fn gigabits(speed: Decimal) -> String {
    format!("{} Gbps", (speed / Decimal::from(125_000_000)).normalize())
}

fn gibibytes(bytes: Decimal) -> String {
    let gib = bytes / Decimal::from(1_u64 << 30);
    format!("{} GiB", gib.round_dp(1).normalize())
}

/// The cheapest machine that is all that is asked for; ties go to the first name.
pub fn select(wanted: &Wanted) -> Result<Selection, Missing> {
    let by_chip = |slice: &&Slice| {
        wanted
            .accelerators
            .iter()
            .any(|word| word == slice.accelerator)
    };
    if wanted.provider == "gcp" && slices().iter().any(|slice| by_chip(&slice)) {
        return select_slice(wanted);
    }
    let Some(known) = provider(&wanted.provider) else {
        let text = format!("the catalog has no prices of `{}`", wanted.provider);
        return Err(Missing::NotListed(text));
    };
    let column = known
        .regions
        .iter()
        .position(|region| *region == wanted.region);
    let Some(column) = column else {
        return Err(no_column(wanted));
    };
    let mut fitting: Vec<(&Row, Option<Listed>)> = Vec::new();
    let mut near: Vec<(&Row, String)> = Vec::new();
    for row in &known.machines {
        let listed = match row.offer(column) {
            Offer::No => continue,
            Offer::Unpriced => None,
            Offer::At(listed) => Some(listed),
        };
        match wanted.lacks(row) {
            None => fitting.push((row, listed)),
            Some(why) if is_near(wanted, row) => near.push((row, why)),
            Some(_) => {}
        }
    }
    fitting.sort_by(|(left, left_price), (right, right_price)| {
        let order = |listed: &Option<Listed>| {
            let price = listed.as_ref().map(|listed| listed.on_demand);
            (price.is_none(), price)
        };
        order(left_price)
            .cmp(&order(right_price))
            .then_with(|| left.name.cmp(right.name))
    });
    let mut fitting = fitting.into_iter();
    let Some((row, listed)) = fitting.next() else {
        return Err(nothing(wanted, known, column, &near));
    };
    let mut passed_over: Vec<String> = fitting
        .take(TOLD_MAX)
        .map(|(row, listed)| match listed {
            Some(listed) => format!("{} costs {} USD/h", row.name, listed.on_demand),
            None => format!("{}: what it costs is not known", row.name),
        })
        .collect();
    let near = near.into_iter().take(TOLD_MAX);
    passed_over.extend(near.map(|(row, why)| format!("{}: {why}", row.name)));
    let machine = Machine {
        name: row.name.to_owned(),
        listed,
    };
    Ok(Selection {
        machine,
        passed_over,
    })
}

/// Whether a machine that lacks something is worth telling: it has the accelerator asked for.
fn is_near(wanted: &Wanted, row: &Row) -> bool {
    let has = |word: &String| row.accelerator == Some(word.as_str());
    wanted.accelerators.iter().any(has)
}

/// The region has no column: it is another provider's, or not in the table.
fn no_column(wanted: &Wanted) -> Missing {
    let last = wanted.region.rsplit('-').next().unwrap_or_default();
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    // Each provider names its regions in its own way: `us-west-2`, `us-west2`.
    match (wanted.provider.as_str(), is_number) {
        ("aws", false) | ("gcp", true) => Missing::NoRegion(format!(
            "`{}` is no region of `{}`",
            wanted.region, wanted.provider
        )),
        _ => Missing::NotListed(format!(
            "the catalog has no prices of `{}` in {}",
            wanted.provider, wanted.region
        )),
    }
}

fn nothing(
    wanted: &Wanted,
    known: &super::Provider,
    column: usize,
    near: &[(&Row, String)],
) -> Missing {
    let what = format!("{} has no machine with {}", wanted.region, wanted.text());
    let elsewhere: Vec<&str> = (known.regions.iter().enumerate())
        .filter(|(other, _)| {
            let here = |row: &&Row| row.offer(*other) != Offer::No;
            let mut rows = known.machines.iter().filter(here);
            *other != column && rows.any(|row| wanted.lacks(row).is_none())
        })
        .map(|(_, region)| *region)
        .collect();
    let near: Vec<String> = (near.iter().take(TOLD_MAX))
        .map(|(row, why)| format!("{} ({why})", row.name))
        .collect();
    let instead = match (elsewhere.as_slice(), near.as_slice()) {
        ([], []) => {
            let mut words: Vec<&str> = (known.machines.iter())
                .filter(|row| row.offer(column) != Offer::No)
                .filter_map(|row| row.accelerator)
                .collect();
            words.sort_unstable();
            words.dedup();
            format!("accelerators there: {}", words.join(", "))
        }
        (regions, []) => format!("such machines are in {}", regions.join(", ")),
        ([], near) => format!("there is {}", near.join(", ")),
        (regions, near) => format!(
            "there is {}; such machines are in {}",
            near.join(", "),
            regions.join(", ")
        ),
    };
    Missing::None { what, instead }
}

/// Chips are rented in slices of a few sizes.
fn select_slice(wanted: &Wanted) -> Result<Selection, Missing> {
    let count = wanted.count();
    let of_kind: Vec<&Slice> = (slices().iter())
        .filter(|slice| {
            wanted
                .accelerators
                .iter()
                .any(|word| word == slice.accelerator)
        })
        .collect();
    let mut here: Vec<&Slice> = (of_kind.iter().copied())
        .filter(|slice| slice.region == wanted.region && slice.has(count))
        .collect();
    here.sort_by_key(|slice| {
        let price = slice.per_chip.as_ref().map(|(price, _)| *price);
        (price.is_none(), price, slice.accelerator)
    });
    let Some(slice) = here.first() else {
        let regions = |slices: &mut dyn Iterator<Item = &&Slice>| {
            let mut all: Vec<&str> = slices.map(|slice| slice.region).collect();
            all.dedup();
            all.join(", ")
        };
        let sizes: Vec<&str> = (of_kind.iter())
            .filter(|slice| slice.region == wanted.region)
            .map(|slice| slice.chips)
            .collect();
        let instead = match sizes.as_slice() {
            [] => format!("they are in {}", regions(&mut of_kind.iter())),
            sizes => format!(
                "slices there have {} chips",
                sizes.join("|").replace('|', ", ")
            ),
        };
        let what = format!("{} has no slice with {}", wanted.region, wanted.text());
        return Err(Missing::None { what, instead });
    };
    let listed = slice.per_chip.as_ref().and_then(|(price, source)| {
        Some(Listed {
            on_demand: price.checked_mul(Decimal::from(count))?,
            source: format!("{price} USD/h a chip, {source}"),
            spot_seen: None,
            one_year: None,
            three_years: None,
        })
    });
    let passed_over = (here.iter().skip(1).take(TOLD_MAX))
        .map(|slice| match &slice.per_chip {
            Some((price, _)) => format!("{} costs {price} USD/h a chip", slice.accelerator),
            None => format!("{}: what it costs is not known", slice.accelerator),
        })
        .collect();
    let chips = if count == 1 { "chip" } else { "chips" };
    let machine = Machine {
        name: format!("{count} {chips} of {}", slice.accelerator),
        listed,
    };
    Ok(Selection {
        machine,
        passed_over,
    })
}
