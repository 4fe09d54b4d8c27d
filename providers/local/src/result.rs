//! Opening what a step made: one object of its result, checked against what was recorded of it.

use std::fs;

use mlinfra_api::{Digest, Fault, ResourceState, Value};
use mlinfra_runtime_spec::{ArtifactReference, STORE_KEY_LABEL};
use mlinfra_seal::SealKey;

use crate::{Local, step};

/// An object that is read whole is not larger than this.
const OBJECT_BYTES_MAX: u64 = 64 * 1024 * 1024;

impl Local {
    /// The bytes of one object of a step's result; none if the step made no such object.
    ///
    /// # Errors
    /// `E1030` if the object was made and can't be read now: it is gone, larger than 64 MiB,
    /// sealed with a key that is not there, or not what was recorded. Never what stands in it.
    pub fn object(&self, state: &ResourceState, object: &str) -> Result<Option<Vec<u8>>, Fault> {
        let objects = state.outputs.get("objects").and_then(Value::as_record);
        let digest = objects.and_then(|objects| objects.get(object)?.as_text());
        let artifact = step::artifact(&self.state, &state.resource);
        let (Some(digest), Some(artifact)) = (digest, artifact) else {
            return Ok(None);
        };
        let fault = |why: String| {
            let address = &state.resource.address;
            Fault::failed("E1030", format!("`{object}` of {address} {why}"))
                .with_help("`mlinfra apply` makes a result that is gone or damaged anew")
        };
        let plain = open(&artifact, object).map_err(fault)?;
        match Digest::of(&plain).to_string() == digest {
            true => Ok(Some(plain)),
            false => Err(fault("is not what was recorded".to_owned())),
        }
    }
}

/// Reads and opens an object; the error completes "the object …".
fn open(artifact: &ArtifactReference, object: &str) -> Result<Vec<u8>, String> {
    let name = format!("artifacts/{}/{object}", artifact.key);
    let path = artifact.store.folder.join(&name);
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "is gone".to_owned(),
        kind => format!("can't be read: {kind}"),
    };
    let length = fs::metadata(&path).map_err(unreadable)?.len();
    if length > OBJECT_BYTES_MAX {
        return Err("is larger than 64 MiB".to_owned());
    }
    let bytes = fs::read(&path).map_err(unreadable)?;
    let Some(key_file) = &artifact.store.key_file else {
        return Ok(bytes);
    };
    let key = SealKey::read(key_file).map_err(|_| "is sealed, and its key can't be read");
    let key = key?.derive(STORE_KEY_LABEL);
    mlinfra_seal::open(&key, name.as_bytes(), &bytes)
        .map_err(|_| "is damaged, or sealed with another key".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use mlinfra_api::{Address, Resource};
    use mlinfra_runtime_spec::files;

    use super::*;

    const OBJECT: &str = "evaluation.json";

    fn recorded(bytes: &[u8]) -> ResourceState {
        let objects = BTreeMap::from([(
            OBJECT.to_owned(),
            Value::text(Digest::of(bytes).to_string()),
        )]);
        let sealed = BTreeMap::from([("sealed_with".to_owned(), Value::text("key.vault"))]);
        let store = BTreeMap::from([
            ("address".to_owned(), Value::text("storage.lake")),
            ("properties".to_owned(), Value::Record(sealed)),
        ]);
        ResourceState {
            resource: Resource {
                address: Address::new("step", "report"),
                resource_type: "step".to_owned(),
                provider: "local".to_owned(),
                properties: BTreeMap::from([("store".to_owned(), Value::Record(store))]),
                identity: Some("ab".repeat(32)),
                replaces: Default::default(),
                depends_on: Default::default(),
                create_first: false,
                holds_data: false,
                summary: String::new(),
                details: Vec::new(),
                needed: true,
                made_as: None,
                target: None,
            },
            incarnation: 1,
            handle: String::new(),
            outputs: BTreeMap::from([("objects".to_owned(), Value::Record(objects))]),
        }
    }

    fn said(local: &Local, state: &ResourceState) -> String {
        let fault = local.object(state, OBJECT).expect_err("it can't be opened");
        fault.to_string()
    }

    #[test]
    fn opens_what_was_recorded_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("mlinfra-result-{}", std::process::id()));
        let state_folder = folder.as_path();
        let local = Local::new(
            state_folder,
            "lineage",
            SealKey::from_bytes([1; 32]),
            Path::new("none"),
        );
        let key = SealKey::from_bytes([7; 32]);
        let vault: Address = "key.vault".parse().unwrap();
        key.write_new(&files::key_file(state_folder, &vault))
            .unwrap();
        let plain = b"{\"rows\": 200}";
        let state = recorded(plain);
        let artifact = step::artifact(state_folder, &state.resource).unwrap();
        let name = format!("artifacts/{}/{OBJECT}", artifact.key);
        let path = artifact.store.folder.join(&name);
        assert!(said(&local, &state).contains("is gone"));

        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let derived = key.derive(STORE_KEY_LABEL);
        let sealed = mlinfra_seal::seal(&derived, name.as_bytes(), plain);
        fs::write(&path, &sealed).unwrap();
        assert_eq!(
            local.object(&state, OBJECT).unwrap().as_deref(),
            Some(&plain[..])
        );
        assert_eq!(local.object(&state, "other.json").unwrap(), None);
        assert!(said(&local, &recorded(b"other")).contains("not what was recorded"));

        fs::write(&path, &sealed[..sealed.len() - 1]).unwrap();
        assert!(said(&local, &state).contains("damaged"));
        fs::write(&path, &sealed).unwrap();
        fs::remove_file(files::key_file(state_folder, &vault)).unwrap();
        assert!(said(&local, &state).contains("key can't be read"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
