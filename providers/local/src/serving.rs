//! Calls for an endpoint: its units are put, told another release, judged, and taken away.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::PoisonError;

use mlinfra_api::{
    Begun, Fault, Found, Observation, Progress, Request, Resource, ResourceState, Verb,
};
use mlinfra_runtime_spec::{UnitStatus, files};

use crate::endpoint::{self, Serving};
use crate::{Local, is_dead, unit_tokens};

impl Local {
    pub(crate) fn begin_endpoint(&self, request: &Request) -> Result<Begun, Fault> {
        if request.verb == Verb::Delete {
            let prior = request.prior.as_ref();
            if let Some(prior) = prior {
                self.delete_units(&prior.resource, &prior.handle)?;
            }
            // A call that was begun and never recorded has units of its own.
            self.delete_units(&request.resource, request.token.0.as_str())?;
            return Ok(Begun::Done {
                handle: String::new(),
                outputs: BTreeMap::new(),
            });
        }
        self.agent.ensure()?;
        let handle = match &request.prior {
            Some(prior) if self.keeps_processes(request, prior)? => {
                self.drop_given_up(prior)?;
                prior.handle.clone()
            }
            Some(prior) => {
                if same_port(&prior.resource, &request.resource) {
                    self.delete_units(&prior.resource, &prior.handle)?;
                }
                request.token.to_string()
            }
            None => request.token.to_string(),
        };
        self.put_units(&request.resource, &handle)?;
        Ok(Begun::Accepted { handle })
    }

    /// Whether the change happens inside the processes that run: they are well, and nothing but
    /// the release differs.
    fn keeps_processes(&self, request: &Request, prior: &ResourceState) -> Result<bool, Fault> {
        if !endpoint::only_release_differs(&prior.resource, &request.resource) {
            return Ok(false);
        }
        let statuses = self.statuses(&prior.resource, &prior.handle)?;
        let is_well = |status: &Option<UnitStatus>| {
            status.as_ref().is_some_and(|status| !is_dead(status.phase))
        };
        Ok(statuses.iter().all(is_well))
    }

    /// A unit that gave up is put anew, so that its old record is not taken for this call's.
    fn drop_given_up(&self, prior: &ResourceState) -> Result<(), Fault> {
        let statuses = self.statuses(&prior.resource, &prior.handle)?;
        let gave_up = statuses
            .iter()
            .flatten()
            .filter(|one| endpoint::gave_up(one));
        gave_up
            .map(|status| &status.token)
            .try_for_each(|token| self.agent.delete(token))
    }

    /// What the agent says of each unit, in the order of the replicas.
    pub(crate) fn statuses(
        &self,
        resource: &Resource,
        handle: &str,
    ) -> Result<Vec<Option<UnitStatus>>, Fault> {
        let tokens = unit_tokens(resource, handle);
        tokens.iter().map(|token| self.agent.unit(token)).collect()
    }

    fn put_units(&self, resource: &Resource, handle: &str) -> Result<(), Fault> {
        let units = endpoint::units(&self.state, &self.lineage, &self.key, resource, handle)?;
        units.iter().try_for_each(|unit| self.agent.put(unit))
    }

    pub(crate) fn poll_endpoint(&self, request: &Request, handle: &str) -> Result<Progress, Fault> {
        if self.is_cancelled(request) {
            return Err(does_not_serve("its update was cancelled"));
        }
        if !self.is_reachable(&request.resource, handle) {
            return Err(does_not_serve("its unit is gone"));
        }
        let statuses = self.statuses(&request.resource, handle)?;
        let prior = request.prior.as_ref();
        let in_place = prior.is_some_and(|prior| prior.handle == handle);
        let release = endpoint::release_of(&request.resource);
        match endpoint::judge(&statuses, &release, !in_place) {
            Serving::Pending(note) => {
                let is_untold = |status: &UnitStatus| endpoint::is_untold(status, &release);
                if in_place && statuses.iter().flatten().any(is_untold) {
                    // Whoever followed this call before us may have put the old release back and
                    // died before that was recorded. Told again, the call comes to its end.
                    self.put_units(&request.resource, handle)?;
                }
                Ok(Progress::Pending {
                    note,
                    done: None,
                    figures: BTreeMap::new(),
                })
            }
            Serving::Ready => {
                if let Some(prior) = prior.filter(|prior| prior.handle != handle) {
                    self.delete_units(&prior.resource, &prior.handle)?;
                }
                let outputs = endpoint::outputs(&self.lineage, &self.key, &request.resource);
                Ok(Progress::Done { outputs })
            }
            Serving::Failed(reason) => {
                // The old release goes on; the unit must not come back with the new one.
                match prior.filter(|_| in_place) {
                    Some(prior) => self.put_units(&prior.resource, handle)?,
                    None => self.delete_units(&request.resource, handle)?,
                }
                Err(does_not_serve(&reason))
            }
        }
    }

    /// Cancelling an update stops no process: each goes on with the release that it had.
    pub(crate) fn cancel_update(
        &self,
        request: &Request,
        prior: &ResourceState,
    ) -> Result<(), Fault> {
        // Marked afterwards: where the old release can't be put back, the update goes on.
        self.put_units(&prior.resource, &prior.handle)?;
        let mut cancelled = self
            .cancelled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cancelled.insert(request.token.clone());
        Ok(())
    }

    fn is_cancelled(&self, request: &Request) -> bool {
        let cancelled = self
            .cancelled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cancelled.contains(&request.token)
    }

    /// An update inside the running processes leaves its mark only in the release that every one
    /// of them was told.
    pub(crate) fn find_update(
        &self,
        request: &Request,
        prior: &ResourceState,
    ) -> Result<Found, Fault> {
        if !endpoint::only_release_differs(&prior.resource, &request.resource) {
            return Ok(Found::ProvedAbsent);
        }
        let statuses = self.statuses(&request.resource, &prior.handle)?;
        let release = endpoint::release_of(&request.resource);
        Ok(match endpoint::all_told(&statuses, &release) {
            true => Found::Present {
                handle: prior.handle.clone(),
            },
            false => Found::ProvedAbsent,
        })
    }

    pub(crate) fn observe_endpoint(&self, state: &ResourceState) -> Observation {
        let release = endpoint::release_of(&state.resource);
        let agent_lives = self.agent.health().is_some();
        for token in unit_tokens(&state.resource, &state.handle) {
            let folder = files::unit_folder(&self.state, &token);
            let reason = match agent_lives {
                true => match self.agent.unit(&token) {
                    Ok(Some(status)) => endpoint::unwell(&status, &release),
                    Ok(None) => Some("its process is gone".into()),
                    Err(fault) => {
                        return Observation::Unseen {
                            reason: fault.to_string(),
                        };
                    }
                },
                // What a living unit last said of itself holds without an agent too.
                false if holds_lock(&folder) => {
                    said(&folder).and_then(|status| endpoint::unwell(&status, &release))
                }
                false => Some("its process is not running".into()),
            };
            if let Some(reason) = reason {
                return Observation::Unwell { reason };
            }
        }
        Observation::Present {
            properties: BTreeMap::new(),
            outputs: BTreeMap::new(),
        }
    }
}

fn does_not_serve(reason: &str) -> Fault {
    Fault::failed("E0935", format!("the endpoint does not serve: {reason}"))
        .with_help("what served before goes on where it could; see `mlinfra show`")
}

fn same_port(one: &Resource, other: &Resource) -> bool {
    one.properties.get("port") == other.properties.get("port")
}

/// A unit is alive while it holds its lock. Asking takes the lock shared, so that two who ask do
/// not take each other for the unit.
fn holds_lock(folder: &Path) -> bool {
    match fs::File::open(folder.join("lock")) {
        Ok(file) => matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

fn said(folder: &Path) -> Option<UnitStatus> {
    let bytes = fs::read(folder.join("status.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_who_look_at_a_lock_are_not_its_holder() {
        let folder = std::env::temp_dir().join(format!("mlinfra-lock-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("folder");
        assert!(!holds_lock(&folder));
        let file = fs::File::create(folder.join("lock")).expect("lock file");
        file.try_lock_shared().expect("somebody else who looks");
        assert!(!holds_lock(&folder));
        file.unlock().expect("unlocked");
        file.try_lock().expect("the unit");
        assert!(holds_lock(&folder));
        fs::remove_dir_all(&folder).expect("removed");
    }
}
