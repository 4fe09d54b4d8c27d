//! Functions of maps.

use std::collections::BTreeMap;

use mlinfra_api::Value;

use super::{Fault, Needs, Row, list_at, map_at, text_at, unfit, wrong};

pub(super) const BODIES: &[Row] = &[
    ("get", Needs::Shape, |_, values| {
        let found = map_at(values, 0)?.get(text_at(values, 1)?);
        Ok(found.cloned().unwrap_or(Value::None))
    }),
    ("keys", Needs::Shape, |_, values| {
        Ok(Value::List(
            map_at(values, 0)?.keys().map(Value::text).collect(),
        ))
    }),
    ("merge", Needs::Shape, |_, values| {
        let mut all = map_at(values, 0)?.clone();
        let over = map_at(values, 1)?.iter();
        all.extend(over.map(|(key, value)| (key.clone(), value.clone())));
        Ok(Value::Record(all))
    }),
    ("values", Needs::Shape, |_, values| {
        Ok(Value::List(map_at(values, 0)?.values().cloned().collect()))
    }),
    ("zip", Needs::Shape, |_, values| zip(values)),
];

fn zip(values: &[Value]) -> Result<Value, Fault> {
    let (keys, elements) = (list_at(values, 0)?, list_at(values, 1)?);
    if keys.len() != elements.len() {
        let text = format!("{} keys, and {} values", keys.len(), elements.len());
        return Err(wrong(
            1,
            text,
            "every key needs a value, and every value a key",
        ));
    }
    let mut all = BTreeMap::new();
    for (key, element) in keys.iter().zip(elements) {
        let key = key.as_text().ok_or_else(|| unfit(0))?;
        if all.insert(key.to_owned(), element.clone()).is_some() {
            let text = format!("`{key}` stands here twice");
            return Err(wrong(
                0,
                text,
                "a key has one value: `distinct` drops what repeats",
            ));
        }
    }
    Ok(Value::Record(all))
}
