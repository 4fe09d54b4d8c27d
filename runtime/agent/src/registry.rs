//! All units of a state folder: found at the start, added, changed and removed on request.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mlinfra_runtime_spec::{
    EndpointSpec, LogChunk, PROTOCOL, UnitPhase, UnitSpec, UnitStatus, Workload, files,
};
use tokio::sync::{mpsc, watch};

use crate::fault::{self, Fault};
use crate::folder::{UnitFolder, make_private_folder, sync_folder, write_json};
use crate::keeper::{Host, keeper};
use crate::log;
use crate::view::{Command, End, View};

/// The most units of one agent.
pub(crate) const UNITS_MAX: usize = 1000;

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 128;

/// So many commands may wait for one keeper.
const COMMANDS_WAITING_MAX: usize = 16;

/// How long a removal is waited for before it is answered as under way.
const REMOVAL_WAIT: Duration = Duration::from_secs(2);

/// All units.
#[derive(Clone)]
pub(crate) struct Registry(Arc<Shared>);

struct Shared {
    state: PathBuf,
    lineage: String,
    host: Arc<Host>,
    units: Mutex<BTreeMap<String, Arc<Unit>>>,
    /// Held while a unit is added, so that two requests never write one folder.
    adding: tokio::sync::Mutex<()>,
    closed: std::sync::atomic::AtomicBool,
}

struct Unit {
    folder: UnitFolder,
    spec: Mutex<UnitSpec>,
    view: watch::Receiver<View>,
    commands: mpsc::Sender<Command>,
}

/// What became of a `PUT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// The unit is new.
    New,
    /// It was there already, or its release is changed.
    Known,
}

impl Registry {
    /// Finds the units of a state folder and goes on with each.
    pub(crate) fn open(state: PathBuf, lineage: String, host: Arc<Host>) -> Result<Self, Fault> {
        let units = state.join("units");
        make_private_folder(&units).map_err(|error| Fault::folder(&units, &error))?;
        let registry = Registry(Arc::new(Shared {
            state,
            lineage,
            host,
            units: Mutex::default(),
            adding: tokio::sync::Mutex::default(),
            closed: std::sync::atomic::AtomicBool::new(false),
        }));
        let entries = fs::read_dir(&units).map_err(|error| Fault::folder(&units, &error))?;
        let foreign = entries
            .flatten()
            .filter(|entry| registry.is_foreign(entry))
            .count();
        if foreign > 0 {
            tracing::warn!(foreign, "units of another state are left alone");
        }
        Ok(registry)
    }

    /// Goes on with the unit in this folder, unless it is foreign: a state folder that was copied
    /// holds units that the agent of the original keeps, and nothing in them is about us.
    fn is_foreign(&self, entry: &fs::DirEntry) -> bool {
        let folder = UnitFolder::new(entry.path());
        let spec = folder.spec().ok().flatten();
        let is_foreign = spec.is_some_and(|spec| spec.lineage != self.0.lineage);
        if !is_foreign {
            self.find(entry);
        }
        is_foreign
    }

    fn find(&self, entry: &fs::DirEntry) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(".removing-") {
            // What is left over is swept again by the next agent.
            let _ = fs::remove_dir_all(entry.path());
            return;
        }
        let folder = UnitFolder::new(entry.path());
        match folder.spec() {
            Ok(Some(spec)) if spec.token == name && spec.protocol == PROTOCOL => {
                self.keep(folder, spec);
            }
            // Its `PUT` was never answered, or its removal was: it never was or is no unit.
            Ok(None) if matches!(folder.try_lock(), Ok(Some(_))) => {
                let _ = fs::remove_dir_all(entry.path());
            }
            Ok(_) => tracing::error!(unit = name, "its unit.json is not one of this runtime"),
            Err(error) => {
                tracing::error!(unit = name, why = %error.kind(), "its unit.json can't be read");
            }
        }
    }

    fn keep(&self, folder: UnitFolder, spec: UnitSpec) {
        let token = spec.token.clone();
        let host = Arc::clone(&self.0.host);
        let (keeper, view) = keeper(folder.clone(), spec.clone(), host);
        let (commands, waiting) = mpsc::channel(COMMANDS_WAITING_MAX);
        let unit = Arc::new(Unit {
            folder,
            spec: Mutex::new(spec),
            view: view.clone(),
            commands,
        });
        self.units().insert(token.clone(), unit);
        let registry = self.clone();
        tokio::spawn(async move {
            keeper.run(waiting).await;
            if view.borrow().end == Some(End::Removed) {
                registry.units().remove(&token);
            }
        });
    }

    fn units(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Unit>>> {
        self.0.units.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unit(&self, token: &str) -> Result<Arc<Unit>, Fault> {
        let unit = self.units().get(token).cloned();
        unit.ok_or_else(|| Fault::new(fault::NO_UNIT, "The agent has no unit of this name."))
    }

    /// Adds a unit, or finds that it is there.
    pub(crate) async fn put(
        &self,
        token: &str,
        spec: UnitSpec,
    ) -> Result<(Put, UnitStatus), Fault> {
        self.check(token, &spec)?;
        let adding = self.0.adding.lock().await;
        let mut known = self.units().get(token).cloned();
        if known
            .as_ref()
            .is_some_and(|unit| !unit.folder.file("unit.json").exists())
        {
            // Somebody removed its folder: what is left of it is ended, and it is made anew.
            if self.remove(token).await?.is_some() {
                return Err(leaving(
                    "The unit's folder is gone and its process is on its way out.",
                ));
            }
            known = None;
        }
        let put = match known {
            Some(unit) => {
                unit.accept(spec).await?;
                Put::Known
            }
            None => {
                self.add(spec)?;
                Put::New
            }
        };
        drop(adding);
        Ok((put, self.status(token)?))
    }

    fn check(&self, token: &str, spec: &UnitSpec) -> Result<(), Fault> {
        if self.0.closed.load(std::sync::atomic::Ordering::Acquire) {
            return Err(leaving("The agent is stopping and takes no more units."));
        }
        if spec.protocol != PROTOCOL {
            let message = format!(
                "The request speaks protocol {}, this agent speaks {PROTOCOL}.",
                spec.protocol
            );
            return Err(Fault::new(fault::PROTOCOL_DIFFERS, message)
                .help("Install `mlinfra` and `mlinfra-runtime` of the same version."));
        }
        if spec.lineage != self.0.lineage {
            return Err(Fault::new(
                fault::LINEAGE,
                "The request belongs to another state than the one that this agent serves.",
            ));
        }
        if spec.token != token || !is_token(token) {
            return Err(Fault::new(
                fault::REQUEST,
                "The unit's name must be the same in the path and in the body: letters, digits, \
                 `-`, `_` and `.`, up to 128 of them, not beginning with a dot.",
            ));
        }
        Ok(())
    }

    fn add(&self, spec: UnitSpec) -> Result<(), Fault> {
        if self.units().len() >= UNITS_MAX {
            return Err(Fault::new(
                fault::TOO_MANY,
                format!("The agent keeps {UNITS_MAX} units already, which is its limit."),
            )
            .help("Destroy what is no longer needed."));
        }
        let folder = UnitFolder::new(files::unit_folder(&self.0.state, &spec.token));
        let written = make_private_folder(folder.path())
            .and_then(|()| write_json(&folder.file("unit.json"), &spec))
            .and_then(|()| sync_folder(folder.path()));
        written.map_err(|error| Fault::folder(folder.path(), &error))?;
        self.keep(folder, spec);
        Ok(())
    }

    /// One unit.
    pub(crate) fn status(&self, token: &str) -> Result<UnitStatus, Fault> {
        Ok(self.unit(token)?.status(token))
    }

    /// Every unit, by name.
    pub(crate) fn statuses(&self) -> Vec<UnitStatus> {
        let units: Vec<(String, Arc<Unit>)> = self
            .units()
            .iter()
            .map(|(token, unit)| (token.clone(), Arc::clone(unit)))
            .collect();
        units
            .iter()
            .map(|(token, unit)| unit.status(token))
            .collect()
    }

    /// Asks a unit to end; its folder stays.
    pub(crate) async fn cancel(&self, token: &str) -> Result<UnitStatus, Fault> {
        let unit = self.unit(token)?;
        unit.tell(Command::Cancel).await?;
        Ok(unit.status(token))
    }

    /// Removes a unit. `None` if it is gone, else how far it has come; asking again is harmless.
    pub(crate) async fn remove(&self, token: &str) -> Result<Option<UnitStatus>, Fault> {
        let Ok(unit) = self.unit(token) else {
            return Ok(None);
        };
        if unit.tell(Command::Remove).await.is_err() {
            return Ok(None);
        }
        let mut view = unit.view.clone();
        let removed = view.wait_for(|view| view.end == Some(End::Removed));
        match tokio::time::timeout(REMOVAL_WAIT, removed).await {
            Ok(_) => {
                self.units().remove(token);
                Ok(None)
            }
            Err(_) => Ok(Some(unit.status(token))),
        }
    }

    /// A piece of a unit's log.
    pub(crate) fn log(&self, token: &str, offset: u64) -> Result<LogChunk, Fault> {
        let path = self.unit(token)?.folder.log();
        log::read(&path, offset).map_err(|error| Fault::folder(&path, &error))
    }

    /// Ends every unit and waits until all are ended. No unit is taken from here on.
    pub(crate) async fn end_all(&self, command: Command) {
        self.0
            .closed
            .store(true, std::sync::atomic::Ordering::Release);
        drop(self.0.adding.lock().await);
        let units: Vec<Arc<Unit>> = self.units().values().cloned().collect();
        for unit in &units {
            // A keeper that has ended already needs no telling.
            let _ = unit.tell(command).await;
        }
        for unit in units {
            let mut view = unit.view.clone();
            // An error says that the keeper is gone, which is what is waited for.
            let _ = view.wait_for(|view| view.end.is_some()).await;
        }
    }
}

impl Unit {
    /// Takes the same spec again, or one with another release.
    async fn accept(&self, wanted: UnitSpec) -> Result<(), Fault> {
        let phase = self.view.borrow().phase;
        if phase == UnitPhase::Draining || self.folder.file("removing").exists() {
            return Err(leaving("The unit is still on its way out."));
        }
        let known = self
            .spec
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if known == wanted {
            return match phase {
                UnitPhase::CrashLoop | UnitPhase::Stopped => self.tell(Command::Start).await,
                _ => Ok(()),
            };
        }
        if !differs_in_release_alone(&known, &wanted) {
            return Err(Fault::new(
                fault::TOKEN_TAKEN,
                "A unit of this name is there already and was told something else.",
            ));
        }
        let path = self.folder.file("unit.json");
        write_json(&path, &wanted).map_err(|error| Fault::folder(&path, &error))?;
        *self.spec.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
        self.tell(Command::Update).await
    }

    async fn tell(&self, command: Command) -> Result<(), Fault> {
        let told = self.commands.send(command).await;
        told.map_err(|_| leaving("The unit is already on its way out."))
    }

    /// What the unit says, corrected by what the agent knows.
    fn status(&self, token: &str) -> UnitStatus {
        let view = self.view.borrow().clone();
        let said = self.folder.status();
        // What an earlier process said is kept for a job that has ended, and for nothing else.
        let is_current = |process: Option<u32>| match view.process {
            Some(number) => process == Some(number),
            None => view.exit.is_some(),
        };
        let said = said.filter(|said| is_current(said.process));
        let is_up = |phase| {
            matches!(
                phase,
                UnitPhase::Loading | UnitPhase::Ready | UnitPhase::Unready
            )
        };
        let mut status = said.unwrap_or_else(|| UnitStatus {
            token: token.to_owned(),
            phase: view.phase,
            process: None,
            attempt: 0,
            note: String::new(),
            done: None,
            figures: BTreeMap::new(),
            release: None,
            wanted: None,
            problem: None,
            exit: None,
        });
        if !(is_up(view.phase) && is_up(status.phase)) {
            status.phase = view.phase;
        }
        status.token = token.to_owned();
        status.process = view.process;
        status.attempt = view.attempt;
        status.exit = view.exit;
        if status.phase != UnitPhase::Ready {
            // A unit that is ready has outlived what the keeper noted of its last death.
            status.problem = view.problem.or(status.problem);
        }
        status
    }
}

fn leaving(message: &str) -> Fault {
    Fault::new(fault::LEAVING, message).help("Ask again in a moment.")
}

fn is_token(token: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=TOKEN_BYTES_MAX).contains(&token.len())
        && !token.starts_with('.')
        && token.bytes().all(is_plain)
}

fn differs_in_release_alone(known: &UnitSpec, wanted: &UnitSpec) -> bool {
    let (Workload::Endpoint(old), Workload::Endpoint(new)) = (&known.workload, &wanted.workload)
    else {
        return false;
    };
    let rerouted = EndpointSpec {
        release: new.release.clone(),
        model: new.model.clone(),
        ..EndpointSpec::clone(old)
    };
    let expected = UnitSpec {
        workload: Workload::Endpoint(Box::new(rerouted)),
        ..known.clone()
    };
    expected == *wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_plain_file_names() {
        for good in ["a", "0f3c-1", "A_b.c"] {
            assert!(is_token(good), "{good}");
        }
        let long = "x".repeat(TOKEN_BYTES_MAX + 1);
        for bad in [
            "",
            ".",
            "..",
            ".removing-x",
            "a/b",
            "a b",
            "ä",
            "a\0",
            &long,
        ] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }
}
