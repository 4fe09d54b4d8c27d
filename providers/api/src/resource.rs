//! What a provider manages: a resource as wanted, and as last recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Address, Digest, Value};

/// One thing that a provider manages, as the program wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its name in plan, state and messages.
    pub address: Address,
    /// The provider's own type: `folder`, `step`, `endpoint`.
    pub resource_type: String,
    /// The provider: `local`, `sim`.
    pub provider: String,
    /// What it shall be. References to another resource's outputs are replaced by their values
    /// just before the call.
    pub properties: BTreeMap<String, Value>,
    /// What the resource *is*, where that is not its properties: the recipe key of a step. When
    /// present, it alone decides whether something changed; properties then only say why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The properties whose change needs a new resource.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub replaces: BTreeSet<String>,
    /// Made after these, destroyed before them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends_on: BTreeSet<Address>,
    /// Whether a replacement is made before the old one goes.
    #[serde(default)]
    pub create_first: bool,
    /// Whether it holds data: replacing or destroying it needs the user's word.
    #[serde(default)]
    pub holds_data: bool,
    /// What it will be, in a few words for people: `folder, sealed with key.vault`. Never compared.
    #[serde(default)]
    pub summary: String,
    /// More for people, a line each: what an endpoint wants in a request. Never compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// Whether it is wanted for its own sake. A resource that is not (an intermediate table) may
    /// be absent as long as nothing that needs it runs.
    pub needed: bool,
    /// The address that it was made under, if it has moved since. Whatever a provider names after
    /// the address it names after this one: [`Resource::physical`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_as: Option<Address>,
    /// The target that it stands on, through every place in between. Never compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Address>,
}

impl Resource {
    /// The address that the thing itself is named after.
    pub fn physical(&self) -> &Address {
        self.made_as.as_ref().unwrap_or(&self.address)
    }
}

/// One thing that a provider manages, as the state knows it: the resource that was asked for and
/// what came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceState {
    /// What was last applied, with every reference replaced by its value.
    pub resource: Resource,
    /// How many times something was begun at this address; part of the token.
    pub incarnation: u64,
    /// The provider's name for the thing itself.
    pub handle: String,
    /// What the provider computed: a URL, a digest, metrics. Secrets are `Value::Secret`.
    pub outputs: BTreeMap<String, Value>,
}

/// Names one call for ever: hash(lineage, address, incarnation). A late duplicate of the call
/// carries the same token and is the same call.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl Token {
    /// The token of the `incarnation`-th call for `address` in the state of this lineage:
    /// 32 hex digits.
    pub fn new(lineage: &str, address: &Address, incarnation: u64) -> Self {
        let address = address.to_string();
        let parts = [
            lineage.as_bytes(),
            address.as_bytes(),
            &incarnation.to_le_bytes(),
        ];
        Token(Digest::of_parts(parts).to_string()[..32].to_owned())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
