//! Where a step's result lies and what is in it.
//!
//! An artifact is the folder `artifacts/<recipe key>/` in a store. Its `manifest.json` is written
//! last, so an artifact without one does not exist. In an encrypted store every object, the
//! manifest included, is sealed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mlinfra_api::TableType;
use serde::{Deserialize, Serialize};

/// What a store's objects are sealed with: the key derived from its key file under this label.
pub const STORE_KEY_LABEL: &str = "store objects";

/// A store on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreReference {
    /// The folder of its objects.
    pub folder: PathBuf,
    /// The file with the key that seals its objects (32 bytes); none if the store is not
    /// encrypted. The key itself travels nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The most bytes it may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
}

/// A step's result, or one part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactReference {
    /// The store.
    pub store: StoreReference,
    /// The recipe key, 64 hex digits: the artifact's name.
    pub key: String,
    /// The part, for a step that makes several: `train`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of this file and of the objects: 1.
    pub format: u32,
    /// The operation and its version.
    pub operation: String,
    /// See [`crate::OPERATIONS`].
    pub version: u32,
    /// The recipe key.
    pub key: String,
    /// The objects beside this file, by name.
    pub objects: BTreeMap<String, ObjectEntry>,
    /// Whether the result is bit-exact for its recipe: not if it was resumed under another
    /// fingerprint of threads or CPU kernels.
    pub exact: bool,
    /// What the step reports: row counts, metrics. Never a cell.
    pub outputs: BTreeMap<String, serde_json::Value>,
}

/// One object of an artifact. Tables are Parquet, in row order, with the row id in the column
/// `_row` (UInt64, not null) before all others; part `p` is `p.parquet`, a whole result
/// `data.parquet`. Beside each lies its profile: `p.profile.json`, `profile.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectEntry {
    /// SHA-256 of the bytes before sealing, hex.
    pub sha256: String,
    /// Their count.
    pub bytes: u64,
    /// Of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Of a table, without `_row`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableType>,
}
