//! What a block asks of a machine: every field and wish as a bound, with every operator.

use mlinfra_api::{Value, Wish};
use mlinfra_check::Block;
use rust_decimal::Decimal;

use super::select::Candidate;

/// What is asked for, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// `aws`, `gcp`.
    pub provider: String,
    /// The provider's word for the region.
    pub region: String,
    pub(super) bounds: Vec<Bound>,
    /// What can't be judged, and why: nothing is chosen by the rest.
    pub(super) open: Option<String>,
}

/// One thing that a machine must be or have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bound {
    pub(super) of: Of,
    test: Test,
    pub(super) text: String,
}

/// What a bound is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Of {
    Accelerator,
    Count,
    Cpus,
    Memory,
    Interconnect,
    ModelMemory,
}

/// When a bound holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Test {
    /// It is one of these words; none of them for `false`. An empty word is no accelerator at all.
    Words(Vec<String>, bool),
    Less(Decimal),
    AtMost(Decimal),
    Exactly(Decimal),
    Not(Decimal),
    AtLeast(Decimal),
    More(Decimal),
    Within(Decimal, Decimal),
    OneOf(Vec<Decimal>),
}

impl Wanted {
    /// What this block asks for, of a provider in a region.
    pub fn of(block: &Block, provider: &str, region: &str) -> Self {
        let mut wanted = Wanted {
            provider: provider.to_owned(),
            region: region.to_owned(),
            bounds: Vec::new(),
            open: None,
        };
        for (name, field) in &block.fields {
            wanted.add(name, "==", &field.value);
        }
        for (wish, _) in &block.wishes {
            let Wish {
                field,
                operator,
                value,
            } = wish;
            wanted.add(field, operator, value);
        }
        wanted
    }

    fn add(&mut self, field: &str, operator: &str, value: &Value) {
        let of = match field {
            "accelerator" => Of::Accelerator,
            "accelerator_count" => Of::Count,
            "cpus" => Of::Cpus,
            "memory" => Of::Memory,
            "interconnect" => Of::Interconnect,
            "model_memory" => Of::ModelMemory,
            _ => return,
        };
        // An amount that is not given asks for nothing.
        if *value == Value::None && of != Of::Accelerator {
            return;
        }
        let written = match (of, value) {
            (Of::Interconnect, Value::Quantity(speed)) => gigabits(speed.amount),
            _ => value.to_string(),
        };
        let text = format!("{field} {operator} {written}");
        match Test::of(of, operator, value) {
            Some(test) => self.bounds.push(Bound { of, test, text }),
            None => {
                let why = match has_value(value) {
                    true => format!("`{text}` can't be held against a machine"),
                    false => format!("what it asks of `{field}` is not known yet"),
                };
                self.open.get_or_insert(why);
            }
        }
    }

    /// The words of accelerators that any of these would do of; none if none is named.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        let named = self.bounds.iter().filter_map(|bound| match &bound.test {
            Test::Words(words, true) => Some(words),
            _ => None,
        });
        named
            .flatten()
            .map(String::as_str)
            .filter(|word| !word.is_empty())
    }

    /// Whether a machine with accelerators is asked for: where something is said of them; none if
    /// either will do.
    pub(super) fn with_accelerators(&self) -> Option<bool> {
        let names_none = |bound: &Bound| match &bound.test {
            Test::Words(words, true) => words.iter().any(String::is_empty),
            _ => false,
        };
        let either = self.bounds.iter().any(names_none);
        (!either).then(|| self.bounds.iter().any(Bound::is_of_accelerators))
    }

    /// The first bound that a machine does not keep.
    pub(super) fn broken_by(&self, candidate: &Candidate) -> Option<&Bound> {
        self.bounds.iter().find(|bound| !bound.holds(candidate))
    }

    /// The words of what is asked for: `8 × a100_80gb, interconnect >= 50 GB/s`.
    pub(super) fn text(&self) -> String {
        let count = self.bounds.iter().find_map(|bound| match bound.test {
            Test::Exactly(count) if bound.of == Of::Count => Some(count),
            _ => None,
        });
        let told = |bound: &Bound| match (&bound.test, count) {
            (Test::Words(words, true), Some(count)) => {
                Some(format!("{count} × {}", words.join(" or ")))
            }
            (Test::Words(words, true), None) => Some(words.join(" or ")),
            (Test::Exactly(_), _) if bound.of == Of::Count && self.words().next().is_some() => None,
            _ => Some(bound.text.clone()),
        };
        let all: Vec<String> = self.bounds.iter().filter_map(told).collect();
        match all.is_empty() {
            true => "any machine".to_owned(),
            false => all.join(", "),
        }
    }
}

impl Test {
    /// None for what can't be judged: it is not known yet, or no such thing is compared so.
    fn of(of: Of, operator: &str, value: &Value) -> Option<Self> {
        if of == Of::Accelerator {
            let words = match value {
                Value::List(all) => all.iter().map(word).collect::<Option<_>>()?,
                one => vec![word(one)?],
            };
            return match operator {
                "==" | "in" => Some(Test::Words(words, true)),
                "!=" => Some(Test::Words(words, false)),
                _ => None,
            };
        }
        match (operator, value) {
            ("in", Value::Range(least, most)) => Some(Test::Within(amount(least)?, amount(most)?)),
            ("in" | "==", Value::List(all)) => all
                .iter()
                .map(amount)
                .collect::<Option<_>>()
                .map(Test::OneOf),
            ("<", one) => amount(one).map(Test::Less),
            ("<=", one) => amount(one).map(Test::AtMost),
            ("==", one) => amount(one).map(Test::Exactly),
            ("!=", one) => amount(one).map(Test::Not),
            (">=", one) => amount(one).map(Test::AtLeast),
            (">", one) => amount(one).map(Test::More),
            _ => None,
        }
    }

    fn holds(&self, has: Decimal) -> bool {
        match self {
            Test::Words(..) => false,
            Test::Less(bound) => has < *bound,
            Test::AtMost(bound) => has <= *bound,
            Test::Exactly(bound) => has == *bound,
            Test::Not(bound) => has != *bound,
            Test::AtLeast(bound) => has >= *bound,
            Test::More(bound) => has > *bound,
            Test::Within(least, most) => has >= *least && has <= *most,
            Test::OneOf(all) => all.contains(&has),
        }
    }
}

/// Whether a value is there at all, and nothing that only apply will tell is in it.
fn has_value(value: &Value) -> bool {
    match value {
        Value::Unknown(_) | Value::Reference(_) | Value::Template(_) => false,
        Value::List(all) => all.iter().all(has_value),
        Value::Range(least, most) => has_value(least) && has_value(most),
        _ => true,
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::None => Some(String::new()),
        other => other.as_case().map(str::to_owned),
    }
}

fn amount(value: &Value) -> Option<Decimal> {
    match value {
        Value::Int(count) => Some(Decimal::from(*count)),
        Value::Decimal(count) => Some(*count),
        Value::Quantity(quantity) => Some(quantity.amount),
        _ => None,
    }
}

impl Bound {
    pub(super) fn is_of_accelerators(&self) -> bool {
        matches!(self.of, Of::Accelerator | Of::Count)
    }

    /// What is not known of a machine is not there.
    pub(super) fn holds(&self, candidate: &Candidate) -> bool {
        match &self.test {
            Test::Words(words, wanted) => {
                let word = candidate.accelerator.unwrap_or_default();
                words.iter().any(|one| one == word) == *wanted
            }
            amounts => candidate.has(self.of).is_some_and(|has| amounts.holds(has)),
        }
    }

    /// What a machine that does not keep this has instead.
    pub(super) fn lacking(&self, candidate: &Candidate) -> String {
        let word = candidate.accelerator;
        match (&self.test, candidate.has(self.of)) {
            (Test::Words(words, true), _) => format!("it has no {}", words.join(" and no ")),
            (Test::Words(..), _) => format!("it has {}", word.unwrap_or("no accelerators")),
            (_, Some(has)) if self.of == Of::Count => {
                format!("it has {has} × {}", word.unwrap_or("accelerators"))
            }
            (_, Some(has)) => format!("`{}`: it has {}", self.text, self.of.shown(has)),
            (_, None) => format!("`{}`: what it has is not known", self.text),
        }
    }
}

impl Of {
    /// An amount of this as people write it.
    pub(super) fn shown(self, amount: Decimal) -> String {
        match self {
            Of::Memory | Of::ModelMemory => gibibytes(amount),
            Of::Interconnect => gigabits(amount),
            Of::Accelerator | Of::Count | Of::Cpus => amount.normalize().to_string(),
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
