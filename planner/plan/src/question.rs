//! What planning asks of the world before it decides, and the answers.

use std::collections::BTreeMap;

use mlinfra_api::{Address, Observation, Resource, ResourceState, Value};
use serde::{Deserialize, Serialize};

/// One question. The caller (the command line) answers it from the disk or through a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// What is in this file of the user's (path relative to the spec's folder)?
    File {
        /// The path as written.
        path: String,
    },
    /// What does this other project give? Checking asked it, so its answer comes with the program.
    Outputs {
        /// Its folder, from that of the spec.
        project: String,
        /// Its environment, if the spec names one.
        environment: Option<String>,
    },
    /// What does this target's machine offer?
    Host {
        /// The target's block.
        address: Address,
        /// The provider.
        provider: String,
    },
    /// How is this resource? For one with an identity that is not recorded yet, `state` is made up
    /// from what is wanted, with an empty handle.
    Resource {
        /// As recorded, or made up.
        state: Box<ResourceState>,
    },
    /// What stands under this id already, for a resource to take over?
    Existing {
        /// The resource as wanted.
        resource: Box<Resource>,
        /// The provider's own name of the thing, as the spec has it.
        id: String,
    },
    /// Is this port free on this machine? Asked only where no resource of ours has it.
    Port {
        /// The host that will bind it.
        host: String,
        /// The port.
        port: u16,
        /// The resource that wants it.
        address: Address,
    },
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Of a file that can be read.
    File {
        /// SHA-256, hex.
        sha256: String,
        /// Bytes.
        bytes: u64,
        /// The first line, without its line end, if the file is UTF-8 text so far.
        header: Option<String>,
    },
    /// Of a file or a project that can't.
    NoFile {
        /// Why, as the system says it.
        reason: String,
    },
    /// Of another project that can be read.
    Outputs {
        /// Of all its outputs.
        sha256: String,
    },
    /// Of a host: `cpus` (int), `memory` (bytes).
    Host {
        /// What it offers, by name.
        facts: BTreeMap<String, Value>,
    },
    /// Of a resource.
    Resource {
        /// How it is.
        observation: Observation,
    },
    /// Of what stands already.
    Existing {
        /// The provider's name for it, as it is recorded.
        handle: String,
        /// The address that it was made under, if that is not the one that takes it over.
        made_as: Option<Address>,
        /// What it tells of itself.
        outputs: BTreeMap<String, Value>,
    },
    /// Of what is not there, or can't be taken over.
    NotTaken {
        /// Completes "because".
        reason: String,
    },
    /// Of a port.
    Port {
        /// Whether it can be bound now.
        free: bool,
    },
}
