//! Wishes that exclude one another: the comparisons about one field, each held against the others.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use mlinfra_api::Value;

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::program::Block;
use crate::quantity;

/// How many comparisons about one field are held against one another.
const WISHES_MAX: usize = 16;

/// One comparison: `>= 4`; a field that is set is compared with `==`.
struct Compared<'b> {
    operator: &'b str,
    value: &'b Value,
    span: Span,
}

/// An end of what a comparison allows, and whether the end itself is allowed.
type End<'b> = Option<(&'b Value, bool)>;

impl Checker<'_> {
    /// Reports wishes about one field that no value meets: nothing would ever be found.
    pub(crate) fn wishes_meet(&mut self, checked: &Block) {
        if checked.wishes.is_empty() {
            return;
        }
        let mut by_field: BTreeMap<&str, Vec<Compared<'_>>> = BTreeMap::new();
        for (wish, span) in &checked.wishes {
            let all = by_field.entry(&wish.field).or_default();
            all.push(Compared {
                operator: &wish.operator,
                value: &wish.value,
                span: *span,
            });
        }
        for (name, all) in &mut by_field {
            let field = checked.fields.get(*name).filter(|field| field.written);
            all.extend(field.map(|field| Compared {
                operator: "==",
                value: &field.value,
                span: field.span,
            }));
            all.sort_by_key(|one| one.span.start);
            all.truncate(WISHES_MAX);
        }
        for all in by_field.values() {
            let excluded = all.iter().enumerate().find_map(|(place, one)| {
                let before = all[..place].iter().find(|before| !before.meets(one))?;
                Some((before.span, one.span))
            });
            if let Some((before, span)) = excluded {
                self.report(
                    Diagnostic::error(code::WISHES_DIFFER, span, "nothing is this and the other")
                        .also(before, "the other")
                        .help("what is chosen must meet both, so nothing would ever be found")
                        .help("change one of the two, or take it out"),
                );
            }
        }
    }
}

impl<'b> Compared<'b> {
    /// Whether a value may be what both ask for. What can't be compared here is not judged.
    fn meets(&self, other: &Compared<'_>) -> bool {
        if let Some(values) = self.choices() {
            return values.iter().any(|value| other.allows(value));
        }
        if let Some(values) = other.choices() {
            return values.iter().any(|value| self.allows(value));
        }
        let ((low, high), (other_low, other_high)) = (self.ends(), other.ends());
        !is_beyond(low, other_high) && !is_beyond(other_low, high)
    }

    /// The values that it lists, if it lists them.
    fn choices(&self) -> Option<&'b [Value]> {
        match (self.operator, self.value) {
            ("==", Value::Range(low, high)) if low != high => None,
            ("==", value) => Some(std::slice::from_ref(value)),
            ("in", Value::List(elements)) => Some(elements),
            _ => None,
        }
    }

    fn allows(&self, value: &Value) -> bool {
        let is = |one: &Value| one == value || order(one, value) == Some(Ordering::Equal);
        match self.operator {
            "!=" => !is(self.value),
            _ if let Some(values) = self.choices() => {
                let known = |one: &Value| matches!(one, Value::Unknown(_));
                known(value) || values.iter().any(|one| known(one) || is(one))
            }
            _ => {
                let (low, high) = self.ends();
                !is_beyond(low, Some((value, true))) && !is_beyond(Some((value, true)), high)
            }
        }
    }

    /// The least and the most that it allows.
    fn ends(&self) -> (End<'b>, End<'b>) {
        match (self.operator, self.value) {
            (">=", value) => (Some((value, true)), None),
            (">", value) => (Some((value, false)), None),
            ("<=", value) => (None, Some((value, true))),
            ("<", value) => (None, Some((value, false))),
            ("in" | "==", Value::Range(low, high)) => (Some((low, true)), Some((high, true))),
            _ => (None, None),
        }
    }
}

/// Whether what begins at one end begins behind the other.
fn is_beyond(low: End<'_>, high: End<'_>) -> bool {
    let (Some((low, from)), Some((high, to))) = (low, high) else {
        return false;
    };
    match order(low, high) {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => !(from && to),
        _ => false,
    }
}

fn order(one: &Value, other: &Value) -> Option<Ordering> {
    quantity::compare(one, other).ok()
}
