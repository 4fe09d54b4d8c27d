//! What is offered at a place, as the protocol has it.

use mlinfra_check::{Completion, Offer};
use serde_json::{Value, json};

use crate::lines::Lines;

/// One offer; `place` is its place among all of them, which editors shall keep.
pub(crate) fn item(place: usize, offer: &Completion, lines: &Lines<'_>) -> Value {
    let range = lines.range(offer.span.start, offer.span.end);
    let mut item = json!({
        "label": offer.label,
        "kind": kind(offer.of),
        "sortText": format!("{place:04}"),
        "textEdit": { "range": range, "newText": offer.label },
    });
    if !offer.detail.is_empty() {
        item["detail"] = json!(offer.detail);
    }
    if !offer.documentation.is_empty() {
        item["documentation"] = json!({ "kind": "markdown", "value": offer.documentation });
    }
    item
}

/// The protocol's number for what an offer is.
fn kind(of: Offer) -> u8 {
    match of {
        Offer::Function => 3,
        Offer::Field => 5,
        Offer::Name => 6,
        Offer::Kind => 7,
        Offer::Operation => 2,
        Offer::Column => 10,
        Offer::Unit => 11,
        Offer::Parameter => 12,
        Offer::Attribute => 14,
        Offer::Case => 20,
        Offer::Type => 25,
    }
}
