//! Looking at a step's result without the runtime: is it there, and what did the step report?

use std::collections::BTreeMap;
use std::fs;

use mlinfra_api::Value;
use mlinfra_runtime_spec::{ArtifactReference, Manifest, STORE_KEY_LABEL};
use mlinfra_seal::SealKey;

/// What is there under an artifact's name.
pub(crate) enum Presence {
    /// All of it; what the step reported.
    Sound(BTreeMap<String, Value>),
    /// Something that can't be used; why.
    Broken(String),
    /// Nothing.
    Absent,
}

/// Reads the manifest and looks for every object that it names. The objects' digests are checked
/// by whoever reads them.
pub(crate) fn look(artifact: &ArtifactReference) -> Presence {
    let name = format!("artifacts/{}/manifest.json", artifact.key);
    let path = artifact.store.folder.join(&name);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Presence::Absent,
        Err(error) => return Presence::Broken(format!("its manifest can't be read: {error}")),
    };
    let plain = match &artifact.store.key_file {
        None => bytes,
        Some(key_file) => {
            let opened = SealKey::read(key_file)
                .map(|key| key.derive(STORE_KEY_LABEL))
                .and_then(|key| mlinfra_seal::open(&key, name.as_bytes(), &bytes));
            match opened {
                Ok(plain) => plain,
                Err(_) => return Presence::Broken("its manifest can't be opened".into()),
            }
        }
    };
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&plain) else {
        return Presence::Broken("its manifest is damaged".into());
    };
    for (object, entry) in &manifest.objects {
        let path = artifact
            .store
            .folder
            .join(format!("artifacts/{}/{object}", artifact.key));
        let stored = fs::metadata(&path).map(|metadata| metadata.len());
        let plain = match (&artifact.store.key_file, stored) {
            (_, Err(_)) => return Presence::Broken(format!("its object `{object}` is gone")),
            (None, Ok(bytes)) => Some(bytes),
            (Some(_), Ok(bytes)) => mlinfra_seal::plain_length(bytes),
        };
        if plain != Some(entry.bytes) {
            return Presence::Broken(format!("its object `{object}` has another size"));
        }
    }
    Presence::Sound(outputs(&manifest))
}

/// What the step reported, and for each object its digest, as outputs.
fn outputs(manifest: &Manifest) -> BTreeMap<String, Value> {
    let mut outputs: BTreeMap<String, Value> = manifest
        .outputs
        .iter()
        .map(|(name, value)| (name.clone(), from_json(value)))
        .collect();
    let objects = manifest.objects.iter();
    let digests = objects.map(|(name, entry)| (name.clone(), Value::text(&entry.sha256)));
    outputs.insert("objects".into(), Value::Record(digests.collect()));
    outputs.insert("exact".into(), Value::Bool(manifest.exact));
    outputs
}

fn from_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::None,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => number
                .to_string()
                .parse()
                .or_else(|_| rust_decimal::Decimal::from_scientific(&number.to_string()))
                .map_or(Value::Unknown("decimal".into()), Value::Decimal),
        },
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(list) => Value::List(list.iter().map(from_json).collect()),
        serde_json::Value::Object(map) => Value::Record(
            map.iter()
                .map(|(name, v)| (name.clone(), from_json(v)))
                .collect(),
        ),
    }
}
