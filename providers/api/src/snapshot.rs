//! What exists, as last recorded.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Address, Resource, ResourceState, Token, Value, Verb};

/// The state of one project and environment. Planning reads it, only `apply` moves it on, and only
/// through the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Names this state for ever: 32 hex digits, drawn when the state is made.
    pub lineage: String,
    /// Raised by every operation that changed something. A plan made for another serial is refused.
    pub serial: u64,
    /// What exists, by address.
    pub resources: BTreeMap<Address, ResourceState>,
    /// What was replaced by a newer one at its address and is still to be removed.
    pub deposed: Vec<ResourceState>,
    /// Calls that were begun and whose end is not recorded, by address.
    pub open: BTreeMap<Address, OpenCall>,
    /// How often something was begun at each address, also where nothing exists now.
    pub incarnations: BTreeMap<Address, u64>,
    /// What is forgotten, not removed, once nothing asks for it any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kept: BTreeSet<Address>,
    /// What is replaced or destroyed on the user's word alone, whatever it holds.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub protected: BTreeSet<Address>,
    /// The outputs that the spec declares, by name, as it says them: what they are made of is in
    /// `resources`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
}

/// A call that was begun and whose end is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCall {
    /// The call.
    pub token: Token,
    /// What it does.
    pub verb: Verb,
    /// The operation that began it: `op-17`.
    pub operation: String,
    /// The provider's handle, once it accepted; before that the call is in doubt.
    pub handle: Option<String>,
    /// What was sent; for `Delete`, what was last recorded.
    pub resource: Resource,
}
