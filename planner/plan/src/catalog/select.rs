//! Which machine of the catalog a block gets: the cheapest one that is all it asks for.
//!
//! A choice is made anew each time, for its price: what is chosen stands where no provider is built
//! in, so nothing is made of it, and no state records it. Once a provider makes it, the machine's
//! name belongs among the resource's properties: planning then has to look there first, keep what
//! still lacks nothing, and tell a better offer as a notice, so that new prices replace
//! no machine.
//!
//! Machines and slices of chips stand in one list. What the catalog does not know of one of them is
//! never taken to be enough.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::wanted::{Of, Wanted};
use super::{Listed, Row, Slice, provider, slices};

/// How many of those that were passed over are told.
const TOLD_MAX: usize = 3;

/// How many times the price of a machine whose price is derived another one may cost whose price
/// is listed, to be taken in its place: on a price that is listed a proof can rest.
const SURE_WORTH: Decimal = Decimal::from_parts(125, 0, 0, false, 2);

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

/// Whose accelerators are rented in slices too.
const BY_CHIP: &str = "gcp";

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
    /// What is asked for is not known yet, or can't be held against a machine.
    Open(String),
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

/// What can be rented in a region.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    name: Cow<'static, str>,
    pub(super) accelerator: Option<&'static str>,
    count: i64,
    cpus: Option<Decimal>,
    memory: Option<Decimal>,
    network: Option<Decimal>,
    model_memory: Option<Decimal>,
    /// Why it is never taken, whatever is asked for.
    unfit: Option<String>,
    listed: Option<Listed>,
}

impl Candidate {
    /// A machine of the table.
    pub(super) fn machine(row: &Row, listed: Option<Listed>) -> Self {
        let family = row.name.split('.').next().unwrap_or_default();
        let rises = BURSTABLE.contains(&family) || BURSTABLE.contains(&row.name);
        let unfit = match row.processor {
            PROCESSOR if rises => {
                Some("its price rises with its use, or it shares a processor".to_owned())
            }
            PROCESSOR => None,
            other => Some(format!("the runtime is not built for {other}")),
        };
        Candidate {
            name: Cow::Borrowed(row.name),
            accelerator: row.accelerator,
            count: row.accelerator_count,
            cpus: Some(row.cpus),
            memory: Some(row.memory_bytes),
            network: row.network,
            model_memory: match row.accelerator {
                None => Some(row.memory_bytes),
                Some(word) => memory_of(word, row.accelerator_count),
            },
            unfit,
            listed,
        }
    }

    /// So many chips of a slice: the catalog says nothing of the machines that they are in.
    fn chips(slice: &Slice, count: i64) -> Self {
        let listed = slice.per_chip.as_ref().and_then(|price| {
            Some(Listed {
                on_demand: price.amount.checked_mul(Decimal::from(count))?,
                source: format!("{} USD/h a chip, {}", price.amount, price.source),
                is_derived: price.is_derived,
                spot_seen: None,
                one_year: None,
                three_years: None,
            })
        });
        let chips = if count == 1 { "chip" } else { "chips" };
        Candidate {
            name: Cow::Owned(format!("{count} {chips} of {}", slice.accelerator)),
            accelerator: Some(slice.accelerator),
            count,
            cpus: None,
            memory: None,
            network: None,
            model_memory: memory_of(slice.accelerator, count),
            unfit: None,
            listed,
        }
    }

    /// How much of this it has, if that is known.
    pub(super) fn has(&self, of: Of) -> Option<Decimal> {
        match of {
            Of::Accelerator => None,
            Of::Count => Some(Decimal::from(self.count)),
            Of::Cpus => self.cpus,
            Of::Memory => self.memory,
            Of::Interconnect => self.network,
            Of::ModelMemory => self.model_memory,
        }
    }

    /// The cheapest is first; ties go to the first name; what has no known price is last.
    pub(super) fn rank(&self) -> (bool, Option<Decimal>, &str) {
        let price = self.listed.as_ref().map(|listed| listed.on_demand);
        (price.is_none(), price, &self.name)
    }

    fn is_derived(&self) -> bool {
        self.listed.as_ref().is_some_and(|listed| listed.is_derived)
    }

    /// Why another one was taken that is not worse.
    fn passed_over(&self) -> String {
        match &self.listed {
            Some(listed) if listed.is_derived => format!(
                "{}: perhaps {} USD/h, a price that is derived and not listed",
                self.name, listed.on_demand
            ),
            Some(listed) => format!("{} costs {} USD/h", self.name, listed.on_demand),
            None => format!("{}: what it costs is not known", self.name),
        }
    }
}

fn memory_of(word: &str, count: i64) -> Option<Decimal> {
    let each = mlinfra_check::stdlib::memory_of("accelerator", word)?;
    Decimal::from(each).checked_mul(Decimal::from(count))
}

/// Whether a machine is of the sort that is asked for: one with accelerators only where something
/// is said of them.
fn is_of_the_sort(wanted: &Wanted, candidate: &Candidate) -> bool {
    let with = wanted.with_accelerators();
    with.is_none_or(|with| with == candidate.accelerator.is_some())
}

fn fits(wanted: &Wanted, candidate: &Candidate) -> bool {
    candidate.unfit.is_none()
        && is_of_the_sort(wanted, candidate)
        && wanted.broken_by(candidate).is_none()
}

/// What a machine that does not fit lacks.
fn lack(wanted: &Wanted, candidate: &Candidate) -> String {
    let broken = wanted.broken_by(candidate);
    let broken = broken.map(|bound| bound.lacking(candidate));
    broken
        .or_else(|| candidate.unfit.clone())
        .unwrap_or_default()
}

/// The cheapest machine that is all that is asked for; ties go to the first name. One whose price
/// is derived gives way to one whose price is listed and little more.
pub fn select(wanted: &Wanted) -> Result<Selection, Missing> {
    if let Some(why) = &wanted.open {
        return Err(Missing::Open(why.clone()));
    }
    let Some(known) = provider(&wanted.provider) else {
        let text = format!("the catalog has no prices of `{}`", wanted.provider);
        return Err(Missing::NotListed(text));
    };
    let offered = match known.offered(&wanted.region) {
        Some(offered) => offered,
        None if slices_of(wanted).next().is_some() => &[],
        None => return Err(no_column(wanted)),
    };
    let chips = chips_in(wanted, &wanted.region);
    let all = || offered.iter().chain(&chips);
    let mut fitting: Vec<&Candidate> = all().filter(|one| fits(wanted, one)).collect();
    fitting.sort_by(|left, right| left.rank().cmp(&right.rank()));
    if fitting.is_empty() {
        return Err(nothing(wanted, known, offered));
    }
    let chosen = fitting.remove(sure(&fitting));
    let near = all().filter(|one| is_near(wanted, one) && !fits(wanted, one));
    let near = near.map(|one| format!("{}: {}", one.name, lack(wanted, one)));
    let others = fitting.iter().take(TOLD_MAX);
    let mut passed_over: Vec<String> = others.map(|one| one.passed_over()).collect();
    passed_over.extend(near.take(TOLD_MAX));
    Ok(Selection {
        machine: Machine {
            name: chosen.name.clone().into_owned(),
            listed: chosen.listed.clone(),
        },
        passed_over,
    })
}

/// Which of these is taken: they are sorted by their price.
fn sure(fitting: &[&Candidate]) -> usize {
    let price = |one: &Candidate| one.listed.as_ref().map(|listed| listed.on_demand);
    let Some(first) = fitting.first().filter(|first| first.is_derived()) else {
        return 0;
    };
    let most = price(first).and_then(|price| price.checked_mul(SURE_WORTH));
    let is_worth = |one: &&Candidate| {
        let price = price(one).filter(|_| !one.is_derived());
        price.is_some_and(|price| most.is_some_and(|most| price <= most))
    };
    fitting.iter().position(is_worth).unwrap_or(0)
}

/// Whether a machine that lacks something is worth telling: it has the accelerator asked for.
fn is_near(wanted: &Wanted, candidate: &Candidate) -> bool {
    let mut words = wanted.words();
    words.any(|word| candidate.accelerator == Some(word))
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

/// The slices of the accelerators that are asked for.
fn slices_of(wanted: &Wanted) -> impl Iterator<Item = &'static Slice> {
    let here = slices().iter().filter(|_| wanted.provider == BY_CHIP);
    here.filter(|slice| wanted.words().any(|word| word == slice.accelerator))
}

/// The smallest part of each slice in a region that fits: chips cost the same each.
fn chips_in(wanted: &Wanted, region: &str) -> Vec<Candidate> {
    let here = slices_of(wanted).filter(|slice| slice.region == region);
    let smallest = |slice: &Slice| {
        let mut sizes = slice
            .sizes()
            .into_iter()
            .map(|count| Candidate::chips(slice, count));
        sizes.find(|one| fits(wanted, one))
    };
    here.filter_map(smallest).collect()
}

/// There is no such machine: what there is that lacks least, and where there are such.
fn nothing(wanted: &Wanted, known: &super::Provider, offered: &[Candidate]) -> Missing {
    let what = format!("{} has no machine with {}", wanted.region, wanted.text());
    let near = offered.iter().filter(|one| is_near(wanted, one));
    let near = near.map(|one| format!("{} ({})", one.name, lack(wanted, one)));
    let slices = slices_of(wanted).filter(|slice| slice.region == wanted.region);
    let slices = slices.map(|slice| near_slice(wanted, slice));
    let near: Vec<String> = near.take(TOLD_MAX).chain(slices).collect();
    let there = match near.is_empty() {
        true => extent(wanted, offered),
        false => Some(format!("there is {}", near.join(", "))),
    };
    let elsewhere = elsewhere(wanted, known);
    let elsewhere =
        (!elsewhere.is_empty()).then(|| format!("such machines are in {}", elsewhere.join(", ")));
    let told: Vec<String> = there.into_iter().chain(elsewhere).collect();
    let instead = match told.is_empty() {
        true => accelerators(offered),
        false => told.join("; "),
    };
    Missing::None { what, instead }
}

/// The other regions with a machine that is all that is asked for.
fn elsewhere(wanted: &Wanted, known: &super::Provider) -> Vec<&'static str> {
    let mut all: Vec<&'static str> = known.regions.clone();
    all.extend(slices_of(wanted).map(|slice| slice.region));
    all.sort_unstable();
    all.dedup();
    all.retain(|region| {
        let mut offered = known.offered(region).into_iter().flatten();
        let fits = offered.any(|one| fits(wanted, one));
        *region != wanted.region && (fits || !chips_in(wanted, region).is_empty())
    });
    all
}

/// A slice of which no part fits, and why.
fn near_slice(wanted: &Wanted, slice: &Slice) -> String {
    let mut sizes = slice
        .sizes()
        .into_iter()
        .map(|count| Candidate::chips(slice, count));
    let broken = sizes.find_map(|one| {
        let broken = wanted.broken_by(&one)?;
        (!broken.is_of_accelerators()).then(|| broken.lacking(&one))
    });
    let why = broken.unwrap_or_else(|| format!("in slices of {} chips", slice.sizes_text()));
    format!("{} ({why})", slice.accelerator)
}

/// How much there is of each thing that no machine has enough of; none where each can be had.
fn extent(wanted: &Wanted, offered: &[Candidate]) -> Option<String> {
    let of_accelerators = |one: &&Candidate| {
        let mut bounds = wanted
            .bounds
            .iter()
            .filter(|bound| bound.is_of_accelerators());
        bounds.all(|bound| bound.holds(one))
    };
    let sort = offered.iter().filter(|one| one.unfit.is_none());
    let sort = sort.filter(|one| is_of_the_sort(wanted, one));
    let sort: Vec<&Candidate> = sort.filter(of_accelerators).collect();
    let unmet = wanted
        .bounds
        .iter()
        .filter(|bound| !bound.is_of_accelerators());
    let unmet = unmet.filter(|bound| !sort.iter().any(|one| bound.holds(one)));
    let told = unmet.filter_map(|bound| {
        let has = || sort.iter().filter_map(|one| one.has(bound.of));
        let (least, most) = (has().min()?, has().max()?);
        let (least, most) = (bound.of.shown(least), bound.of.shown(most));
        Some(format!(
            "`{}`: machines there have {least} to {most}",
            bound.text
        ))
    });
    let told: Vec<String> = told.collect();
    match (told.is_empty(), sort.is_empty()) {
        (false, _) => Some(told.join("; ")),
        (true, false) => {
            Some("each of it can be had there, and no machine has all of it".to_owned())
        }
        (true, true) => None,
    }
}

/// The accelerators that there are.
fn accelerators(offered: &[Candidate]) -> String {
    let mut words: Vec<&str> = offered.iter().filter_map(|one| one.accelerator).collect();
    words.sort_unstable();
    words.dedup();
    format!("accelerators there: {}", words.join(", "))
}
