//! What evaluation may cost: every value that is made or copied is paid for before it is there.

use mlinfra_api::Value;

use crate::check::Checker;
use crate::diagnostic::Span;
use crate::types::Term;

/// How many values one check may make and copy, those inside of others counted.
pub(crate) const VALUES_MAX: u64 = 1_000_000;

/// What a record costs beside its entries: it takes that much more memory than a number.
const RECORD_VALUES: usize = 8;

/// How many bytes a text may have.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 20;

/// How many bytes of text one check may make and copy.
pub(crate) const ALL_TEXT_BYTES_MAX: u64 = 64 << 20;

/// How many expressions one check may evaluate: a loop evaluates one many times.
pub(crate) const EVALUATIONS_MAX: u64 = 4_000_000;

/// How many names one check may look through for what a wrong one means. Many wrong names in a
/// spec with many names would be compared all with all otherwise.
pub(crate) const NAMES_COMPARED_MAX: u64 = 200_000;

/// How many values, and how many expressions, judging one more thing by a policy may take.
const VALUES_A_THING: u64 = 256;

/// How many bytes of text judging one more thing by a policy may take.
const TEXT_BYTES_A_THING: u64 = 4_096;

/// How deep lists and records may stand in one another.
pub(crate) const VALUE_DEPTH_MAX: usize = 64;

/// What is left to spend. Measuring a value stops where the rest ends, so that all measuring
/// together costs no more than the limits allow.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    values: u64,
    text_bytes: u64,
    evaluations: u64,
    names: u64,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    Values,
    TextBytes,
    Evaluations,
    Depth,
}

impl Spent {
    /// What there is too much of.
    fn text(self) -> String {
        match self {
            Spent::Values => {
                format!("more than {VALUES_MAX} values in all lists and records, copies included")
            }
            Spent::TextBytes => {
                format!("more than {ALL_TEXT_BYTES_MAX} bytes in all texts, copies included")
            }
            Spent::Evaluations => format!("more than {EVALUATIONS_MAX} expressions to evaluate"),
            Spent::Depth => {
                format!("more than {VALUE_DEPTH_MAX} lists and records inside one another")
            }
        }
    }
}

impl Budget {
    pub(crate) fn new() -> Self {
        Budget {
            values: VALUES_MAX,
            text_bytes: ALL_TEXT_BYTES_MAX,
            evaluations: EVALUATIONS_MAX,
            names: NAMES_COMPARED_MAX,
        }
    }

    /// What judging so many things by a policy of a pack may cost. It grows as the spec does, so
    /// that a large spec is judged whole, and in a time that fits its size.
    pub(crate) fn for_things(count: usize) -> Self {
        let things = count as u64;
        let add = |least: u64, each: u64| least.saturating_add(things.saturating_mul(each));
        Budget {
            values: add(VALUES_MAX, VALUES_A_THING),
            text_bytes: add(ALL_TEXT_BYTES_MAX, TEXT_BYTES_A_THING),
            evaluations: add(EVALUATIONS_MAX, VALUES_A_THING),
            names: NAMES_COMPARED_MAX,
        }
    }

    /// Pays for so many values.
    fn values(&mut self, count: usize) -> Result<(), Spent> {
        take(&mut self.values, count as u64).ok_or(Spent::Values)
    }

    /// Pays for looking through so many names. That it can't is no finding: a suggestion is all
    /// that is lost.
    pub(crate) fn compare(&mut self, names: usize) -> bool {
        take(&mut self.names, names as u64).is_some()
    }

    /// Pays for so many bytes of text.
    fn text(&mut self, bytes: usize) -> Result<(), Spent> {
        take(&mut self.text_bytes, bytes as u64).ok_or(Spent::TextBytes)
    }

    /// Pays for a value that is copied; one without others inside costs its text alone, because
    /// the expression that copies it is paid for.
    pub(crate) fn copy(&mut self, value: &Value) -> Result<(), Spent> {
        match value {
            Value::String(text) => self.text(text.len()),
            Value::List(_) | Value::Record(_) | Value::Case { .. } => self.whole(value, 0),
            _ => Ok(()),
        }
    }

    /// Pays for a value and everything in it, `depth` levels inside of others.
    fn whole(&mut self, value: &Value, depth: usize) -> Result<(), Spent> {
        if depth > VALUE_DEPTH_MAX {
            return Err(Spent::Depth);
        }
        self.values(1)?;
        match value {
            Value::String(text) => self.text(text.len()),
            Value::List(elements) => (elements.iter()).try_for_each(|e| self.whole(e, depth + 1)),
            Value::Record(entries)
            | Value::Case {
                arguments: entries, ..
            } => {
                if !entries.is_empty() {
                    self.values(RECORD_VALUES)?;
                }
                entries.iter().try_for_each(|(name, entry)| {
                    self.text(name.len())?;
                    self.whole(entry, depth + 1)
                })
            }
            Value::Range(low, high) => {
                self.whole(low, depth + 1)?;
                self.whole(high, depth + 1)
            }
            _ => Ok(()),
        }
    }
}

/// Takes from what is left; nothing is left once it is too little.
fn take(left: &mut u64, wanted: u64) -> Option<()> {
    let rest = left.checked_sub(wanted);
    *left = rest.unwrap_or(0);
    rest.map(drop)
}

impl Checker<'_> {
    /// Whether it could be paid; a finding if not.
    pub(crate) fn paid(&mut self, paid: Result<(), Spent>, span: Span) -> bool {
        if let Err(spent) = paid {
            self.limit(span, &spent.text());
        }
        paid.is_ok()
    }

    /// Pays for one more expression; false, with a finding, once there were too many.
    pub(crate) fn pay_evaluation(&mut self, span: Span) -> bool {
        match take(&mut self.budget.evaluations, 1) {
            Some(()) => true,
            None => self.paid(Err(Spent::Evaluations), span),
        }
    }

    /// Pays for what is put into a new list, record or case; false, with a finding, if it is more
    /// than the limits allow.
    pub(crate) fn pay_parts<'v>(
        &mut self,
        parts: impl IntoIterator<Item = &'v Value>,
        span: Span,
    ) -> bool {
        let budget = &mut self.budget;
        let paid = parts.into_iter().try_for_each(|part| budget.whole(part, 1));
        self.paid(paid, span)
    }

    /// Pays for a text of so many bytes; false, with a finding, if that is too long.
    pub(crate) fn pay_text(&mut self, bytes: usize, span: Span) -> bool {
        if bytes > TEXT_BYTES_MAX {
            self.limit(span, &format!("a text of more than {TEXT_BYTES_MAX} bytes"));
            return false;
        }
        let paid = self.budget.text(bytes);
        self.paid(paid, span)
    }

    /// A copy of the term, paid for; an error, with a finding, if it is more than the limits allow.
    pub(crate) fn copied(&mut self, term: &Term, span: Span) -> Term {
        let paid = self.budget.copy(&term.value);
        if self.paid(paid, span) {
            term.clone()
        } else {
            Term::error()
        }
    }
}
