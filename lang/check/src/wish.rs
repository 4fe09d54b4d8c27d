//! Wishes: comparisons with fields that are chosen, and those that exclude one another.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::{Value, Wish};

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::late::computed_in;
use crate::program::Block;
use crate::quantity;
use crate::schema::FieldDeclaration;
use crate::tree::{Binary, Expr, ExprKind, Path};
use crate::types::Type;

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
    /// A comparison with a field that is chosen; none, with a finding, if it can be none.
    pub(crate) fn wish(
        &mut self,
        declared: &FieldDeclaration,
        path: &Path,
        operator: Binary,
        value: &Expr,
        env: Env<'_>,
    ) -> Option<Wish> {
        let name = path.text();
        if !declared.chosen {
            let text = format!("`{name}` is set, not searched for");
            self.report(
                Diagnostic::error(code::WISH_NOT_CHOSEN, path.span, text)
                    .help("a comparison is a wish about what mlinfra chooses by itself")
                    .help(format!("write `{name} = value`")),
            );
            return None;
        }
        let expected = match (&operator, &value.kind) {
            (Binary::In, ExprKind::List(_)) => Type::List(Arc::new(declared.field_type.clone())),
            (Binary::In, _) => Type::Range(Arc::new(declared.field_type.clone())),
            _ => declared.field_type.clone(),
        };
        let term = self.value(value, &expected, env);
        // What a block answers may be open until its files are there; the plan says so.
        let open = matches!(term.value, Value::Unknown(_)) && computed_in(&term.value).is_none();
        let known = open || self.must_be_known(&term, value.span, "what is chosen by");
        if term.term_type.is_error() || !known {
            return None;
        }
        Some(Wish {
            field: name,
            operator: operator.text().to_owned(),
            value: term.value,
        })
    }

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
