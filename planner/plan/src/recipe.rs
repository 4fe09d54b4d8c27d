//! Recipe keys: the name of a step's result, known before the step runs.

use std::collections::BTreeMap;

use mlinfra_api::{ColumnType, Digest, TableType, Value};

/// What a recipe key is made of. See `ARCHITECTURE.md`, "Recipe keys".
#[derive(Clone, Debug, Default)]
pub struct Recipe<'a> {
    /// The operation.
    pub operation: &'a str,
    /// Its version.
    pub version: u32,
    /// Settings, and the arguments that are plain values.
    pub settings: BTreeMap<String, Value>,
    /// The entries of an open body.
    pub entries: Vec<(String, Value)>,
    /// What flows in from other steps: parameter, key, part.
    pub inputs: Vec<(String, String, Option<String>)>,
    /// Files that are read: parameter, SHA-256.
    pub files: Vec<(String, String)>,
    /// The columns of the result, by part (`""` for a whole result).
    pub tables: BTreeMap<String, TableType>,
}

impl Recipe<'_> {
    /// The key: 64 hex digits. Data classes are left out of it: they change no byte of a result.
    pub fn key(&self) -> String {
        let columns: BTreeMap<&str, Vec<(&str, ColumnType)>> = self
            .tables
            .iter()
            .map(|(part, table)| {
                let columns = table
                    .columns
                    .iter()
                    .map(|c| (c.name.as_str(), c.column_type));
                (part.as_str(), columns.collect())
            })
            .collect();
        let version = self.version.to_string();
        let texts = [
            "mlinfra-recipe-1".to_owned(),
            self.operation.to_owned(),
            version,
            canonical(&self.settings),
            canonical(&self.entries),
            canonical(&self.inputs),
            canonical(&self.files),
            canonical(&columns),
        ];
        Digest::of_parts(texts.iter().map(String::as_bytes)).to_string()
    }
}

/// Canonical JSON: maps are sorted, numbers exact.
pub fn canonical<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("only string keys are serialised here")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe<'static> {
        Recipe {
            operation: "train",
            version: 1,
            settings: BTreeMap::from([("epochs".into(), Value::Int(30))]),
            inputs: vec![("data".into(), "k".into(), Some("train".into()))],
            ..Recipe::default()
        }
    }

    #[test]
    fn every_part_of_a_recipe_changes_its_key() {
        let plain = recipe().key();
        assert_eq!(plain, recipe().key());
        let mut keys = std::collections::BTreeSet::from([plain]);
        let changes: [fn(&mut Recipe<'static>); 7] = [
            |r| r.operation = "fit",
            |r| r.version = 2,
            |r| drop(r.settings.insert("epochs".into(), Value::Int(31))),
            |r| r.entries.push(("a".into(), Value::Bool(true))),
            |r| r.inputs[0].2 = None,
            |r| r.files.push(("from".into(), "0".into())),
            |r| drop(r.tables.insert(String::new(), TableType::default())),
        ];
        for change in changes {
            let mut changed = recipe();
            change(&mut changed);
            assert!(keys.insert(changed.key()), "{changed:?}");
        }
    }
}
