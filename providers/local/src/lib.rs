//! This machine as a provider: lowering, and a client of the agent that keeps units alive.

mod agent;
mod artifact;
mod endpoint;
mod host;
mod kinds;
mod lower;
mod monitor;
mod promql;
mod reach;
mod reads;
mod result;
mod serving;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use mlinfra_api::{
    Address, Begun, Existing, Fault, Found, Listed, Observation, Progress, Provider, Recovery,
    Request, Resource, ResourceState, Token, Value, Verb,
};
use mlinfra_runtime_spec::{
    AgentHealth, ExitRecord, StoreReference, UnitPhase, UnitSpec, UnitStatus, Workload, files,
};
use mlinfra_seal::{SealKey, keyed_digest};

use crate::agent::Agent;
use crate::artifact::Presence;

pub use host::host_facts;
pub use lower::LocalLower;

/// The provider `local` for one state folder.
pub struct Local {
    state: PathBuf,
    lineage: String,
    key: SealKey,
    agent: Agent,
    /// The updates that were cancelled: their polls end instead of telling the units again.
    cancelled: Mutex<BTreeSet<Token>>,
}

impl Local {
    /// `state` is the state folder (absolute; it lies in the spec's folder), `key` seals its
    /// secrets, `runtime` is the program `mlinfra-runtime`.
    pub fn new(state: &Path, lineage: &str, key: SealKey, runtime: &Path) -> Self {
        Local {
            agent: Agent::new(state, lineage, runtime),
            state: state.to_owned(),
            lineage: lineage.to_owned(),
            key,
            cancelled: Mutex::default(),
        }
    }

    /// What the agent says of itself; none if it does not run.
    pub fn agent_health(&self) -> Option<AgentHealth> {
        self.agent.health()
    }

    /// The statuses of a resource's units, as the agent knows them; none without an agent.
    pub fn unit_statuses(&self, state: &ResourceState) -> Option<Vec<UnitStatus>> {
        self.agent.health()?;
        let tokens = unit_tokens(&state.resource, &state.handle);
        Some(
            tokens
                .iter()
                .filter_map(|token| self.agent.unit(token).ok().flatten())
                .collect(),
        )
    }

    /// Where a storage's objects lie and what seals them, for `show`.
    pub fn store(&self, storage: &Resource) -> Option<StoreReference> {
        let record = Value::Record(BTreeMap::from([
            (
                "address".into(),
                Value::text(storage.physical().to_string()),
            ),
            (
                "properties".into(),
                Value::Record(storage.properties.clone()),
            ),
        ]));
        step::store(&self.state, &record)
    }

    /// Puts a unit that belongs to no resource: an operation that goes on without its command.
    pub fn put_unit(&self, unit: &UnitSpec) -> Result<(), Fault> {
        self.agent.put(unit)
    }

    fn begin_key(&self, request: &Request) -> Result<Begun, Fault> {
        let path = files::key_file(&self.state, request.resource.physical());
        if request.verb == Verb::Delete {
            return removed(fs::remove_file(&path), "its file");
        }
        if !path.exists() {
            if request.prior.is_some() {
                return Err(key_gone(request));
            }
            let folder = path.parent().expect("a key lies in a folder");
            make_folder(folder)?;
            SealKey::generate().write_new(&path).map_err(|error| {
                Fault::refused("E0931", format!("the key can't be written: {error}"))
                    .with_help("check the permissions of `.mlinfra/keys`")
            })?;
        }
        let key = SealKey::read(&path)
            .map_err(|error| Fault::refused("E0931", format!("the key can't be read: {error}")))?;
        let outputs = BTreeMap::from([("fingerprint".into(), fingerprint(&key))]);
        Ok(Begun::Done {
            handle: relative(&self.state, &path),
            outputs,
        })
    }

    fn begin_folder(&self, request: &Request) -> Result<Begun, Fault> {
        let path = files::store_folder(&self.state, request.resource.physical());
        if request.verb == Verb::Delete {
            return removed(fs::remove_dir_all(&path), "its folder");
        }
        make_folder(&path)?;
        Ok(Begun::Done {
            handle: relative(&self.state, &path),
            outputs: BTreeMap::new(),
        })
    }

    fn begin_step(&self, request: &Request) -> Result<Begun, Fault> {
        if request.verb == Verb::Delete {
            // The result stays in its store: another step may be of the same recipe. It goes with
            // the store.
            let handle = request.prior.as_ref().map(|prior| prior.handle.clone());
            if let Some(handle) = handle.filter(|_| self.agent.health().is_some()) {
                self.agent.delete(&handle)?;
            }
            return Ok(Begun::Done {
                handle: String::new(),
                outputs: BTreeMap::new(),
            });
        }
        let handle = request.token.to_string();
        if let Some(artifact) = step::artifact(&self.state, &request.resource)
            && let Presence::Sound(outputs) = artifact::look(&artifact)
        {
            return Ok(Begun::Done { handle, outputs });
        }
        if let Some(store) = request.resource.properties.get("store")
            && let Some(store) = step::store(&self.state, store)
        {
            make_folder(&store.folder)?;
        }
        let unit = step::unit(&self.state, request)?;
        self.agent.ensure()?;
        self.sweep_ended(request)?;
        self.agent.put(&unit)?;
        Ok(Begun::Accepted { handle })
    }

    fn poll_step(&self, request: &Request, handle: &str) -> Result<Progress, Fault> {
        let status = match self.is_reachable(&request.resource, handle) {
            true => self.agent.unit(handle)?,
            false => None,
        };
        let exit = status.as_ref().and_then(|status| status.exit.clone());
        match (&status, exit) {
            (_, Some(ExitRecord::Done { outputs })) => {
                self.finished_step(request, handle, outputs.get("resumed_at"))
            }
            (None, _) => self.finished_step(request, handle, None),
            (_, Some(ExitRecord::Cancelled)) => {
                Err(Fault::failed("E0932", "the step was cancelled"))
            }
            (
                _,
                Some(ExitRecord::Failed {
                    code,
                    message,
                    help,
                }),
            ) => Err(Fault::Failed {
                code,
                message,
                help,
                log: Vec::new(),
            }),
            (Some(status), None) => Ok(Progress::Pending {
                note: status.note.clone(),
                done: status.done,
                figures: status.figures.clone(),
            }),
        }
    }

    /// The unit ended well, or is gone because its end was seen before: the result speaks.
    /// `resumed_at` is the epoch that this run went on from: not part of the result.
    fn finished_step(
        &self,
        request: &Request,
        handle: &str,
        resumed_at: Option<&serde_json::Value>,
    ) -> Result<Progress, Fault> {
        let found = step::artifact(&self.state, &request.resource).map(|a| artifact::look(&a));
        match found {
            Some(Presence::Sound(mut outputs)) => {
                if let Some(epoch) = resumed_at.and_then(serde_json::Value::as_i64) {
                    outputs.insert("resumed_at".into(), Value::Int(epoch));
                }
                self.delete_units(&request.resource, handle)?;
                Ok(Progress::Done { outputs })
            }
            Some(Presence::Broken(reason)) => Err(Fault::failed(
                "E0933",
                format!("the step's result can't be used: {reason}"),
            )),
            Some(Presence::Absent) | None => Err(Fault::failed(
                "E0934",
                "the step's unit is gone, and so is its result",
            )
            .with_help("apply again: the step runs anew")),
        }
    }

    fn poll_known(&self, request: &Request, handle: &str) -> Result<Progress, Fault> {
        match request.resource.resource_type.as_str() {
            kinds::STEP => self.poll_step(request, handle),
            kinds::ENDPOINT => self.poll_endpoint(request, handle),
            _ => Ok(Progress::Done {
                outputs: BTreeMap::new(),
            }),
        }
    }

    /// Whether there is anything to ask for these units: an agent that runs, or a folder that one
    /// would find. Without both, an agent started for the question would have nothing to say.
    fn is_reachable(&self, resource: &Resource, handle: &str) -> bool {
        let mut tokens = unit_tokens(resource, handle).into_iter();
        tokens.any(|token| files::unit_folder(&self.state, &token).exists())
            || self.agent.health().is_some()
    }

    fn delete_units(&self, resource: &Resource, handle: &str) -> Result<(), Fault> {
        if !self.is_reachable(resource, handle) {
            return Ok(());
        }
        let tokens = unit_tokens(resource, handle);
        tokens.iter().try_for_each(|token| self.agent.delete(token))
    }

    /// The units of this lineage whose folders are there.
    fn known_units(&self, lineage: &str) -> Vec<UnitSpec> {
        let Ok(folders) = fs::read_dir(self.state.join("units")) else {
            return Vec::new();
        };
        let read = |folder: std::io::Result<fs::DirEntry>| {
            let bytes = fs::read(folder.ok()?.path().join("unit.json")).ok()?;
            serde_json::from_slice::<UnitSpec>(&bytes).ok()
        };
        let mut units: Vec<UnitSpec> = folders
            .filter_map(read)
            .filter(|unit| unit.lineage == lineage)
            .collect();
        units.sort_by(|one, other| one.token.cmp(&other.token));
        units
    }

    /// Removes what earlier calls for this step left: units that ended and whose end was told.
    fn sweep_ended(&self, request: &Request) -> Result<(), Fault> {
        let names = [&request.resource.address, request.resource.physical()];
        let names = names.map(ToString::to_string);
        let is_earlier = |unit: &UnitSpec| {
            names.contains(&unit.address)
                && unit.token != request.token.0
                && matches!(unit.workload, Workload::Step(_))
        };
        for unit in self.known_units(&self.lineage) {
            if !is_earlier(&unit) {
                continue;
            }
            let status = self.agent.unit(&unit.token)?;
            if status.is_some_and(|status| has_ended(status.phase)) {
                self.agent.delete(&unit.token)?;
            }
        }
        Ok(())
    }
}

impl Provider for Local {
    fn name(&self) -> &str {
        "local"
    }

    fn recovery(&self, resource_type: &str) -> Recovery {
        match resource_type {
            kinds::STEP | kinds::ENDPOINT => Recovery::Named,
            // Files and folders have names of ours: doing it again is doing it once.
            _ => Recovery::Idempotent {
                window: Duration::MAX,
            },
        }
    }

    fn begin(&self, request: &Request) -> Result<Begun, Fault> {
        match (request.resource.resource_type.as_str(), request.verb) {
            (kinds::AGENT, Verb::Delete) => {
                self.agent.stop()?;
                Ok(Begun::Done {
                    handle: String::new(),
                    outputs: BTreeMap::new(),
                })
            }
            (kinds::AGENT, _) => {
                self.agent.ensure()?;
                Ok(Begun::Done {
                    handle: "agent".into(),
                    outputs: BTreeMap::new(),
                })
            }
            (kinds::KEY, _) => self.begin_key(request),
            (kinds::FOLDER, _) => self.begin_folder(request),
            (kinds::RESERVATION, _) => Ok(Begun::Done {
                handle: "reservation".into(),
                outputs: BTreeMap::new(),
            }),
            (kinds::STEP, _) => self.begin_step(request),
            (kinds::ENDPOINT, _) => self.begin_endpoint(request),
            (kinds::MONITOR, _) => self.begin_monitor(request),
            (other, _) => Err(Fault::refused(
                "E0927",
                format!("there is no `{other}` here"),
            )),
        }
    }

    fn poll(&self, request: &Request, handle: &str) -> Result<Progress, Fault> {
        if self.is_reachable(&request.resource, handle) {
            self.agent.ensure()?;
        }
        self.poll_known(request, handle)
    }

    fn cancel(&self, request: &Request, handle: &str) -> Result<(), Fault> {
        if !self.is_reachable(&request.resource, handle) {
            return Ok(());
        }
        self.agent.ensure()?;
        match request.prior.as_ref() {
            Some(prior) if prior.handle == handle && is_endpoint(&request.resource) => {
                self.cancel_update(request, prior)
            }
            _ => unit_tokens(&request.resource, handle)
                .iter()
                .try_for_each(|token| self.agent.cancel(token)),
        }
    }

    fn find(&self, request: &Request) -> Result<Found, Fault> {
        if request.verb == Verb::Delete {
            // Whatever is left of it, deleting it again is what has to be done.
            return Ok(Found::ProvedAbsent);
        }
        self.agent.ensure()?;
        let own = request.token.to_string();
        let statuses = self.statuses(&request.resource, &own)?;
        if statuses.iter().all(Option::is_some) {
            return Ok(Found::Present { handle: own });
        }
        match request.prior.as_ref() {
            Some(prior) if is_endpoint(&request.resource) => self.find_update(request, prior),
            _ => Ok(Found::ProvedAbsent),
        }
    }

    fn observe(&self, state: &ResourceState) -> Result<Observation, Fault> {
        let present = || Observation::Present {
            properties: BTreeMap::new(),
            outputs: BTreeMap::new(),
        };
        let resource = &state.resource;
        Ok(match resource.resource_type.as_str() {
            kinds::AGENT => match self.agent.health() {
                Some(_) => present(),
                None => Observation::Unwell {
                    reason: "the agent is not running".into(),
                },
            },
            kinds::KEY => observe_key(&files::key_file(&self.state, resource.physical()), state),
            kinds::FOLDER => match files::store_folder(&self.state, resource.physical()).is_dir() {
                true => present(),
                false => Observation::Absent,
            },
            kinds::STEP => {
                match step::artifact(&self.state, resource).map(|a| artifact::look(&a)) {
                    Some(Presence::Sound(outputs)) => Observation::Present {
                        properties: BTreeMap::new(),
                        outputs,
                    },
                    Some(Presence::Broken(reason)) => Observation::Unwell { reason },
                    Some(Presence::Absent) | None => Observation::Absent,
                }
            }
            kinds::ENDPOINT => self.observe_endpoint(state),
            kinds::MONITOR => self.observe_monitor(state),
            _ => present(),
        })
    }

    /// A store or a key that this state left standing, by the address that it was made under.
    fn existing(&self, resource: &Resource, id: &str) -> Result<Existing, Fault> {
        let refused = |what: String| Fault::refused("E0975", what);
        let made_as: Address = id.parse().map_err(|_| {
            refused("here a thing is named by the address that it was made under".to_owned())
        })?;
        let path = match resource.resource_type.as_str() {
            kinds::KEY => files::key_file(&self.state, &made_as),
            kinds::FOLDER => files::store_folder(&self.state, &made_as),
            _ => {
                let what = format!("this machine takes over no {}", resource.resource_type);
                return Err(refused(what));
            }
        };
        if made_as.kind != resource.address.kind || !path.exists() {
            return Err(refused(format!("there is no {}", path.display())));
        }
        let outputs = match resource.resource_type.as_str() {
            kinds::KEY => {
                let key = SealKey::read(&path);
                let key = key.map_err(|error| refused(format!("it can't be read: {error}")))?;
                BTreeMap::from([("fingerprint".into(), fingerprint(&key))])
            }
            _ => BTreeMap::new(),
        };
        Ok(Existing {
            handle: relative(&self.state, &path),
            made_as: Some(made_as),
            outputs,
        })
    }

    fn list(&self, lineage: &str) -> Result<Vec<Listed>, Fault> {
        let listed = self.known_units(lineage).into_iter().filter_map(|unit| {
            let handle = unit.token.split('-').next()?.to_owned();
            Some(Listed {
                address: unit.address.parse().ok()?,
                token: Token(handle.clone()),
                handle,
            })
        });
        let mut listed: Vec<Listed> = listed.collect();
        listed.sort();
        listed.dedup();
        Ok(listed)
    }
}

/// The names of a resource's units.
fn unit_tokens(resource: &Resource, handle: &str) -> Vec<String> {
    match resource.resource_type.as_str() {
        kinds::ENDPOINT => (0..endpoint::replicas(resource))
            .map(|n| format!("{handle}-{n}"))
            .collect(),
        _ => vec![handle.to_owned()],
    }
}

/// Whether a service in this phase is not coming back by itself.
fn is_dead(phase: UnitPhase) -> bool {
    matches!(
        phase,
        UnitPhase::CrashLoop | UnitPhase::Failed | UnitPhase::Stopped | UnitPhase::Draining
    )
}

/// Whether a job in this phase is over.
fn has_ended(phase: UnitPhase) -> bool {
    matches!(
        phase,
        UnitPhase::Exited | UnitPhase::Failed | UnitPhase::Cancelled
    )
}

fn is_endpoint(resource: &Resource) -> bool {
    resource.resource_type == kinds::ENDPOINT
}

fn observe_key(path: &Path, state: &ResourceState) -> Observation {
    match SealKey::read(path) {
        Ok(key)
            if state
                .outputs
                .get("fingerprint")
                .is_some_and(|f| *f != fingerprint(&key)) =>
        {
            Observation::Unwell {
                reason: "its file holds another key".into(),
            }
        }
        Ok(_) => Observation::Present {
            properties: BTreeMap::new(),
            outputs: BTreeMap::new(),
        },
        Err(_) if !path.exists() => Observation::Absent,
        Err(error) => Observation::Unwell {
            reason: error.to_string(),
        },
    }
}

/// A new key would open nothing that the old one sealed.
fn key_gone(request: &Request) -> Fault {
    Fault::refused(
        "E0936",
        format!(
            "the file of `{}` is gone; a new key could not open what the old one sealed",
            request.resource.address
        ),
    )
    .with_help(
        "put the file back from where you keep a copy; if its data may go, destroy with --data \
         and apply anew",
    )
}

/// Tells keys apart and says nothing of them.
fn fingerprint(key: &SealKey) -> Value {
    Value::text(&keyed_digest(key, b"fingerprint")[..16])
}

fn make_folder(path: &Path) -> Result<(), Fault> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| {
            Fault::refused(
                "E0931",
                format!("a folder of the state can't be made: {error}"),
            )
            .with_help("check the permissions of `.mlinfra`")
        })
}

fn removed(result: std::io::Result<()>, what: &str) -> Result<Begun, Fault> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Fault::refused(
            "E0931",
            format!("{what} can't be removed: {error}"),
        )),
        _ => Ok(Begun::Done {
            handle: String::new(),
            outputs: BTreeMap::new(),
        }),
    }
}

fn relative(state: &Path, path: &Path) -> String {
    path.strip_prefix(state)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}
