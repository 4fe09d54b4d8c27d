//! A step's result in a store: objects, and a manifest that is written last.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use mlinfra_api::{Digest, TableType};
use mlinfra_runtime_spec::profile::{PROFILE_OBJECT, part_profile_object};
use mlinfra_runtime_spec::{ArtifactReference, Manifest, ObjectEntry};
use serde_json::Value as Json;

use crate::table::{TableWriter, decode};
use crate::{StepFault, Store, codes};

/// The format of manifest and objects that this runtime writes and reads.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// What is wrong with an artifact, not with its store: it is not whole, and is made anew.
const UNSOUND: [&str; 2] = [codes::OBJECT_BROKEN, codes::STORE_SEALING];

/// The name in a store of an object of the artifact `key`.
///
/// # Errors
/// E0621 if the key is not 64 lower-case hex digits.
pub fn object_name(key: &str, object: &str) -> Result<String, StepFault> {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match key.len() == 64 && key.bytes().all(digit) {
        true => Ok(format!("artifacts/{key}/{object}")),
        false => Err(StepFault::new(
            codes::OBJECT_NAME,
            "an artifact's key is 64 hex digits, and this one is not",
        )),
    }
}

/// The object that holds a table, or a part of one.
fn table_object(part: Option<&str>) -> String {
    format!("{}.parquet", part.unwrap_or("data"))
}

/// The manifest of an artifact; none if there is no such artifact, or none that was finished.
///
/// # Errors
/// E0620 if it was changed, E0627 if it is of another format, and those of [`Store::read`].
pub fn read_manifest(store: &Store, key: &str) -> Result<Option<Manifest>, StepFault> {
    let name = object_name(key, MANIFEST)?;
    let bytes = match store.read(&name) {
        Ok(bytes) => bytes,
        Err(fault) if fault.code == codes::ARTIFACT_ABSENT => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let json: Json = serde_json::from_slice(&bytes).map_err(|_| store.broken(&name))?;
    if json.get("format").and_then(Json::as_u64) != Some(u64::from(FORMAT)) {
        return Err(StepFault::new(
            codes::ARTIFACT_FORMAT,
            format!(
                "the artifact {} has a format that this runtime can't read",
                short(key)
            ),
        )
        .with_help("use the runtime that wrote it, or remove the artifact and apply again"));
    }
    let manifest: Manifest = serde_json::from_value(json).map_err(|_| store.broken(&name))?;
    match manifest.key == key {
        true => Ok(Some(manifest)),
        false => Err(store.broken(&name)),
    }
}

/// Whether an artifact is there and whole: its manifest, and every object with its length. What
/// the objects hold is verified when they are read.
///
/// # Errors
/// Those of the store, not of the artifact: a broken manifest is an artifact that is not whole.
pub fn verify_artifact(store: &Store, key: &str) -> Result<bool, StepFault> {
    let manifest = match read_manifest(store, key) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return Ok(false),
        Err(fault) if UNSOUND.contains(&fault.code.as_str()) => return Ok(false),
        Err(fault) => return Err(fault),
    };
    for (object, entry) in &manifest.objects {
        if store.length(&object_name(key, object)?)? != Some(entry.bytes) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads a table, `_row` included, in the order of `_row`.
///
/// # Errors
/// E0626 if the artifact, or the part, is not there; E0620 if it was changed.
pub fn read_table(artifact: &ArtifactReference) -> Result<RecordBatch, StepFault> {
    let store = Store::open(&artifact.store)?;
    let object = table_object(artifact.part.as_deref());
    let (bytes, entry) = read_entry(&store, &artifact.key, &object)?;
    let table = entry.table.ok_or_else(|| {
        StepFault::unknown(format!("the object {object} of an artifact is not a table"))
    })?;
    let name = object_name(&artifact.key, &object)?;
    decode(bytes, &table).ok_or_else(|| store.broken(&name))
}

/// The columns of a table, without `_row`.
///
/// # Errors
/// As for [`read_table`].
pub(crate) fn table_type(artifact: &ArtifactReference) -> Result<TableType, StepFault> {
    let store = Store::open(&artifact.store)?;
    let object = table_object(artifact.part.as_deref());
    find_entry(&store, &artifact.key, &object)?
        .table
        .ok_or_else(|| StepFault::unknown(format!("the object {object} is not a table")))
}

/// Reads an object of an artifact by its name beside the manifest: `model.safetensors`.
///
/// # Errors
/// As for [`read_table`].
pub fn read_object(artifact: &ArtifactReference, name: &str) -> Result<Vec<u8>, StepFault> {
    let store = Store::open(&artifact.store)?;
    read_entry(&store, &artifact.key, name).map(|(bytes, _)| bytes)
}

fn find_entry(store: &Store, key: &str, object: &str) -> Result<ObjectEntry, StepFault> {
    let absent = |what: String| {
        StepFault::new(codes::ARTIFACT_ABSENT, what)
            .with_help("plan again: what is missing is made anew")
    };
    let manifest = read_manifest(store, key)?
        .ok_or_else(|| absent(format!("the artifact {} is not there", short(key))))?;
    manifest.objects.get(object).cloned().ok_or_else(|| {
        absent(format!(
            "the artifact {} has no object {object}",
            short(key)
        ))
    })
}

fn read_entry(store: &Store, key: &str, object: &str) -> Result<(Vec<u8>, ObjectEntry), StepFault> {
    let entry = find_entry(store, key, object)?;
    let name = object_name(key, object)?;
    let bytes = store.read(&name)?;
    let sound = bytes.len() as u64 == entry.bytes && Digest::of(&bytes).to_string() == entry.sha256;
    match sound {
        true => Ok((bytes, entry)),
        false => Err(store.broken(&name)),
    }
}

/// The first 12 digits of a key, for people.
fn short(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}

/// Writes an artifact: objects first, the manifest last. Writing the same artifact again replaces
/// it with itself.
pub struct ArtifactWriter<'a> {
    store: &'a Store,
    manifest: Manifest,
}

impl<'a> ArtifactWriter<'a> {
    /// Begins the artifact `key`, the result of an operation of this version.
    pub fn new(store: &'a Store, key: &str, operation: &str, version: u32) -> Self {
        let manifest = Manifest {
            format: FORMAT,
            operation: operation.to_owned(),
            version,
            key: key.to_owned(),
            objects: BTreeMap::new(),
            exact: true,
            outputs: BTreeMap::new(),
        };
        ArtifactWriter { store, manifest }
    }

    /// Adds an object.
    ///
    /// # Errors
    /// Those of [`Store::write`].
    pub fn add_object(&mut self, name: &str, bytes: &[u8]) -> Result<(), StepFault> {
        self.add(name, bytes, None)
    }

    /// Adds a table, or the part `part` of the result, and its profile beside it. The batch has
    /// `_row`, in ascending order, and at least the columns of `table`.
    ///
    /// # Errors
    /// Those of [`Store::write`]; E0612 if a cell is missing that must not be.
    pub fn add_table(
        &mut self,
        part: Option<&str>,
        batch: &RecordBatch,
        table: &TableType,
    ) -> Result<(), StepFault> {
        let mut writer = TableWriter::new(table);
        writer.push(batch)?;
        self.add_written(part, writer, table)
    }

    /// Adds a table from its writer.
    pub(crate) fn add_written(
        &mut self,
        part: Option<&str>,
        writer: TableWriter,
        table: &TableType,
    ) -> Result<(), StepFault> {
        let (bytes, profile) = writer.finish()?;
        self.add(&table_object(part), &bytes, Some((profile.rows, table)))?;
        let name = part.map_or_else(|| PROFILE_OBJECT.to_owned(), part_profile_object);
        let json = serde_json::to_value(&profile)
            .map_err(|_| StepFault::engine("a profile could not be written as JSON"))?;
        self.add(&name, &canonical_json(&json), None)
    }

    fn add(
        &mut self,
        name: &str,
        bytes: &[u8],
        table: Option<(u64, &TableType)>,
    ) -> Result<(), StepFault> {
        if name == MANIFEST {
            return Err(StepFault::engine(
                "an object may not be named like the manifest",
            ));
        }
        self.store
            .write(&object_name(&self.manifest.key, name)?, bytes)?;
        let entry = ObjectEntry {
            sha256: Digest::of(bytes).to_string(),
            bytes: bytes.len() as u64,
            rows: table.map(|(rows, _)| rows),
            table: table.map(|(_, columns)| columns.clone()),
        };
        self.manifest.objects.insert(name.to_owned(), entry);
        Ok(())
    }

    /// Writes the manifest: from now on the artifact exists.
    ///
    /// # Errors
    /// Those of [`Store::write`].
    pub fn finish(
        mut self,
        outputs: BTreeMap<String, Json>,
        exact: bool,
    ) -> Result<Manifest, StepFault> {
        self.manifest.outputs = outputs;
        self.manifest.exact = exact;
        let json = serde_json::to_value(&self.manifest)
            .map_err(|_| StepFault::engine("a manifest could not be written as JSON"))?;
        let name = object_name(&self.manifest.key, MANIFEST)?;
        self.store.write(&name, &canonical_json(&json))?;
        Ok(self.manifest)
    }
}

/// JSON with sorted keys and no blanks: the same bytes for the same value.
pub fn canonical_json(value: &Json) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_canonical(value, &mut bytes);
    bytes
}

fn write_canonical(value: &Json, bytes: &mut Vec<u8>) {
    match value {
        Json::Object(entries) => {
            let sorted: BTreeMap<&String, &Json> = entries.iter().collect();
            bytes.push(b'{');
            for (index, (name, entry)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                bytes.extend(Json::from(name.as_str()).to_string().bytes());
                bytes.push(b':');
                write_canonical(entry, bytes);
            }
            bytes.push(b'}');
        }
        Json::Array(elements) => {
            bytes.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write_canonical(element, bytes);
            }
            bytes.push(b']');
        }
        plain => bytes.extend(plain.to_string().bytes()),
    }
}
