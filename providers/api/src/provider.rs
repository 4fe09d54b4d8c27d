//! How a provider is asked: pure lowering, and long operations.
//!
//! Every call that changes the world is a long operation: `begin` accepts it and returns a handle,
//! `poll` follows it. A quick call is simply done at once. Calls block; the executor makes them on
//! threads of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Address, Fault, Quantity, Reads, Resource, ResourceState, Token, Value};

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Make it. Also: make the successor of one that is replaced, and run a step.
    Create,
    /// Change it in place, or put right what drifted.
    Update,
    /// Remove it. Removing what is not there is done at once.
    Delete,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is done.
    pub verb: Verb,
    /// Names this call for ever; identity travels in the creating call itself.
    pub token: Token,
    /// Of the state; every handle is marked with it, so that a copied state is recognised.
    pub lineage: String,
    /// What shall be (for `Delete`: what was last applied). No reference to an output is left in
    /// it.
    pub resource: Resource,
    /// What was last recorded at this address, if anything.
    pub prior: Option<ResourceState>,
}

/// The answer to `begin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The work goes on without us; `poll` follows it.
    Accepted {
        /// The provider's name for the thing.
        handle: String,
    },
    /// Already done.
    Done {
        /// The provider's name for the thing.
        handle: String,
        /// What the provider computed.
        outputs: BTreeMap<String, Value>,
    },
}

/// The answer to `poll`.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Still under way.
    Pending {
        /// What there is to tell, for a person: `epoch 19/30`. Never a cell or a secret.
        note: String,
        /// Done so far and in all, in the work's own unit, where it can be told.
        done: Option<(u64, u64)>,
        /// Current figures by name: `loss`, `auc`.
        figures: BTreeMap<String, f64>,
    },
    /// Done.
    Done {
        /// What the provider computed.
        outputs: BTreeMap<String, Value>,
    },
}

/// The answer to `find`: did the call with this token take effect?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Yes, and here it is: follow it with `poll`.
    Present {
        /// The provider's name for the thing.
        handle: String,
    },
    /// No, proved: it did not and never will take effect.
    ProvedAbsent,
    /// Not visible now, which proves nothing: ask again after the settle time.
    NotSeen,
}

/// How a call whose answer was lost is resolved; each resource type declares one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recovery {
    /// Sending the same call with the same token again is safe for this long after the first.
    Idempotent {
        /// How long.
        window: Duration,
    },
    /// The name is ours and derived from the token or the address: `find` proves either way.
    Named,
    /// `find` lists by mark; "not seen" is proof only after this time.
    Discoverable {
        /// How long until what was made is surely listed.
        settle: Duration,
    },
    /// No way to tell: a person adopts or forgets.
    None,
}

/// What the world says of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// It is there and well.
    Present {
        /// The properties as they really are, where the provider can read them; the others are
        /// left out.
        properties: BTreeMap<String, Value>,
        /// The outputs as they are now.
        outputs: BTreeMap<String, Value>,
    },
    /// It is there, but not as it should be; `reason` completes "because".
    Unwell {
        /// Why: `the process is not running`.
        reason: String,
    },
    /// It is not there.
    Absent,
    /// The host cannot be asked now.
    Unseen {
        /// Why.
        reason: String,
    },
}

/// Something that stands already and can be taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// The provider's name for it.
    pub handle: String,
    /// The address that it was made under, if it was made under one.
    pub made_as: Option<Address>,
    /// What it tells of itself.
    pub outputs: BTreeMap<String, Value>,
}

/// One thing that carries our lineage's mark.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Where it belongs.
    pub address: Address,
    /// The call that made it.
    pub token: Token,
    /// The provider's name for it.
    pub handle: String,
}

/// A world that resources live in. One contract suite holds for every implementation.
pub trait Provider: Send + Sync {
    /// The provider's name, as in [`Resource::provider`].
    fn name(&self) -> &str;

    /// How a lost call for this resource type is resolved.
    fn recovery(&self, resource_type: &str) -> Recovery;

    /// Begins a call. The same token again, with the same request, is the same call.
    fn begin(&self, request: &Request) -> Result<Begun, Fault>;

    /// Follows an accepted call.
    fn poll(&self, request: &Request, handle: &str) -> Result<Progress, Fault>;

    /// Asks an accepted call to stop; it then ends by itself, which `poll` tells.
    fn cancel(&self, request: &Request, handle: &str) -> Result<(), Fault>;

    /// Asks whether the call with this token took effect.
    fn find(&self, request: &Request) -> Result<Found, Fault>;

    /// Asks how a resource is. For a resource with an identity: whether what has this identity is
    /// there, wherever it came from (`state` is then made up from the wanted resource).
    fn observe(&self, state: &ResourceState) -> Result<Observation, Fault>;

    /// Looks for what stands already under an id that a person gave, so that a resource can take it
    /// over. Changes nothing.
    fn existing(&self, resource: &Resource, _id: &str) -> Result<Existing, Fault> {
        let what = format!(
            "`{}` can't take over a {} that is there already",
            self.name(),
            resource.resource_type
        );
        Err(Fault::refused("E0975", what))
    }

    /// Lists everything with this lineage's mark.
    fn list(&self, lineage: &str) -> Result<Vec<Listed>, Fault>;
}

/// A portable block, as the planner hands it to a provider for lowering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portable {
    /// The block.
    pub address: Address,
    /// Its kind: `storage`.
    pub kind: String,
    /// Every field that was written or has a default. A reference to a step is replaced by a record
    /// of what it makes: `release`, `model` (recipe keys), `store`, `request`.
    pub fields: BTreeMap<String, Value>,
    /// Wishes for selection: `cpus >= 2`.
    pub wishes: Vec<Wish>,
    /// The block's own value: `local(country = "DE")` of a target.
    pub value: Value,
    /// The block that it is placed `on`.
    pub place: Option<Address>,
    /// What that block was lowered to, if it is a resource: the bounds of a reservation.
    pub place_properties: BTreeMap<String, Value>,
    /// The properties whose change needs a new resource, by declaration.
    pub replaces: std::collections::BTreeSet<String>,
    /// Whether the kind holds data, by declaration.
    pub holds_data: bool,
    /// What other things were made as, where that is not their address: see
    /// [`Resource::made_as`].
    pub made_as: BTreeMap<Address, Address>,
}

impl Portable {
    /// The address that another thing itself is named after.
    pub fn physical<'a>(&'a self, address: &'a Address) -> &'a Address {
        self.made_as.get(address).unwrap_or(address)
    }
}

/// A wish for selection: `memory >= 1 GiB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The field.
    pub field: String,
    /// `>=`, `<=`, `==`, `in` …
    pub operator: String,
    /// What it is compared with.
    pub value: Value,
}

/// A provider can't do what a block asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A code with a page.
    pub code: &'static str,
    /// What is wrong; stands alone.
    pub message: String,
    /// The field at fault, if one is.
    pub field: Option<String>,
    /// What to do.
    pub help: String,
}

/// Pure lowering: a portable block becomes the provider's own resource. Knows no SDK, no socket
/// and no file, so that the editor can do it too.
pub trait Lower: Send + Sync {
    /// The provider's name.
    fn name(&self) -> &str;

    /// The resource for a block, or why there can't be one. `host` is what is known of the
    /// target's machine: `cpus` (int) and `memory` (bytes); empty if nothing is.
    fn lower(
        &self,
        block: &Portable,
        host: &BTreeMap<String, Value>,
    ) -> Result<Resource, Vec<Refusal>>;

    /// What it reads of the blocks of a kind; of a nested one by `outer/inner`. What else is
    /// written in them is refused.
    fn reads(&self, _kind: &str) -> Reads {
        Reads::All
    }

    /// What it reads of the steps of an operation.
    fn runs(&self, _operation: &str) -> Reads {
        Reads::All
    }

    /// The computed fields of an operation that it does not tell.
    fn withholds(&self, _operation: &str) -> &'static [&'static str] {
        &[]
    }

    /// What a resource of this provider costs while it exists. A provider that has no prices says
    /// so: nothing is ever taken to be free.
    fn price(&self, resource: &Resource) -> Price {
        Price::Unknown {
            reason: format!(
                "`{}` gives no price for a {}",
                self.name(),
                resource.resource_type
            ),
        }
    }
}

/// What a resource costs while it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Price {
    /// Nothing is billed for it.
    Free {
        /// Why: `your own machine`.
        reason: String,
    },
    /// At least `low` and at most `high`, both a currency over time.
    Rate {
        /// The least, with the dimension of a currency a second.
        low: Quantity,
        /// The most, in the same currency.
        high: Quantity,
        /// What it is made of: `4 cpus, 16 GiB at the list price`.
        reason: String,
    },
    /// It costs something, and nobody can say how much.
    Unknown {
        /// Why.
        reason: String,
    },
}
