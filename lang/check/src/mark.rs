//! What the attributes of a declaration hold: words, a text, a number.

use crate::tree::{self, ExprKind, Item};

/// Whether the item carries this attribute.
pub(crate) fn has(item: &Item, name: &str) -> bool {
    item.attributes
        .iter()
        .any(|attribute| attribute.path.word() == name)
}

/// The words in the parentheses of this attribute.
pub(crate) fn words(item: &Item, name: &str) -> Vec<String> {
    let same = |attribute: &&tree::Attribute| attribute.path.word() == name;
    let arguments = item
        .attributes
        .iter()
        .filter(same)
        .flat_map(|a| &a.arguments);
    arguments
        .filter_map(|a| a.value.as_name().map(str::to_owned))
        .collect()
}

/// The text in the parentheses of this attribute.
pub(crate) fn text(item: &Item, name: &str) -> Option<String> {
    let same = |attribute: &&tree::Attribute| attribute.path.word() == name;
    let attribute = item.attributes.iter().find(same)?;
    let argument = attribute.arguments.first()?;
    argument.value.as_literal().map(str::to_owned)
}

/// The number in the parentheses of this attribute.
pub(crate) fn number(item: &Item, name: &str) -> Option<u32> {
    let same = |attribute: &&tree::Attribute| attribute.path.word() == name;
    match &item
        .attributes
        .iter()
        .find(same)?
        .arguments
        .first()?
        .value
        .kind
    {
        ExprKind::Number { digits, .. } => digits.parse().ok(),
        _ => None,
    }
}
