//! What the standard library declares, as lists: so that tests elsewhere can join declarations with
//! what carries them out.

use crate::schema::{Library, PACKS, TEXTS};
use crate::types::Type;

/// A digest of everything that the standard library says: another one means another language.
pub fn digest() -> String {
    let packs = PACKS.iter().map(|(_, text)| text);
    let all = TEXTS.iter().chain(packs).map(|text| text.as_bytes());
    mlinfra_api::Digest::of_parts(all).to_string()
}

/// The functions that a row expression may call, sorted: the data engine has a body for each.
pub fn row_functions() -> Vec<&'static str> {
    let functions = Library::standard().functions.values();
    functions
        .filter(|function| function.row)
        .map(|function| function.name.as_str())
        .collect()
}

/// The functions that work on values of the spec, sorted, with their documentation. In it stands an
/// example in backquotes: a condition that holds.
pub fn value_functions() -> Vec<(&'static str, &'static str)> {
    let functions = Library::standard().functions.values();
    functions
        .filter(|function| function.value)
        .map(|function| (function.name.as_str(), function.documentation.as_str()))
        .collect()
}

/// The operations with their versions, sorted: the runtime carries out each.
pub fn operations() -> Vec<(&'static str, u32)> {
    let operations = Library::standard().operations.values();
    operations
        .map(|operation| (operation.name.as_str(), operation.version))
        .collect()
}

/// The figures that an operation gives, sorted; those asked for something by their name alone. The
/// runtime writes each.
pub fn operation_figures(operation: &str) -> Vec<&'static str> {
    let declared = Library::standard().operations.get(operation);
    declared.map_or_else(Vec::new, |operation| operation.figures.names())
}

/// The figures of conditions in blocks of this kind, nested ones as `outer/inner`, sorted. A
/// provider measures each.
pub fn kind_figures(kind: &str) -> Vec<&'static str> {
    let mut names = kind.split('/');
    let outer = names
        .next()
        .and_then(|name| Library::standard().kinds.get(name));
    let found = names.fold(outer, |kind, name| {
        kind.and_then(|kind| kind.nested.get(name))
    });
    found.map_or_else(Vec::new, |kind| kind.figures.names())
}

/// The cases that an operation's open body may hold, sorted: the maskings of `mask`.
pub fn entry_cases(operation: &str) -> Vec<&'static str> {
    let each = Library::standard()
        .operations
        .get(operation)
        .and_then(|op| op.each.as_ref());
    let Some(Type::Enum(cases)) = each else {
        return Vec::new();
    };
    let mut names: Vec<&str> = cases
        .cases()
        .iter()
        .map(|case| case.name.as_str())
        .collect();
    names.sort_unstable();
    names
}

/// The bytes of memory that a case of a type has: of `h100` among accelerators.
pub fn memory_of(enumeration: &str, case: &str) -> Option<u64> {
    match Library::standard().types.get(enumeration) {
        Some(Type::Enum(known)) => known.case(case)?.memory,
        _ => None,
    }
}

/// The kinds of blocks with their fields, sorted; nested kinds as `outer/inner`. A provider lowers
/// or refuses each, and reads every field.
pub fn kinds() -> Vec<(String, Vec<&'static str>)> {
    let mut all = Vec::new();
    for kind in Library::standard().kinds.values() {
        all.push((
            kind.name.clone(),
            kind.fields.keys().map(String::as_str).collect(),
        ));
        for nested in kind.nested.values() {
            let fields = nested.fields.keys().map(String::as_str).collect();
            all.push((format!("{}/{}", kind.name, nested.name), fields));
        }
    }
    all
}
