//! The sections of a page: from the report to what the template writes down.

pub(crate) mod data;
pub(crate) mod explain;
pub(crate) mod fairness;
pub(crate) mod quality;
pub(crate) mod run;
pub(crate) mod summary;

use minijinja::Value;

/// A plot: its drawing, and a sentence that says what is on it.
pub(crate) fn figure(svg: String, caption: impl Into<String>) -> Value {
    minijinja::context! {
        svg => Value::from_safe_string(svg),
        caption => caption.into(),
    }
}

/// A list for the template.
pub(crate) fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::from(values.into_iter().collect::<Vec<Value>>())
}

/// Texts for the template.
pub(crate) fn texts<'a>(values: impl IntoIterator<Item = &'a String>) -> Value {
    list(values.into_iter().map(|text| Value::from(text.as_str())))
}
