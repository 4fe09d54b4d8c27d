//! What the parts of an endpoint's process share: the release that is live, where the process
//! stands, and `status.json`, which tells that to others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use mlinfra_data::StepFault;
use mlinfra_runtime_spec::{EndpointSpec, ExitRecord, UnitPhase, UnitSpec, UnitStatus};
use tokio::sync::{Semaphore, watch};

use crate::auth::Keys;
use crate::codes;
use crate::fault::RequestFault;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::release::{Release, version};
use crate::rollout;

/// Where the process stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) rollout: rollout::State,
    /// The release that was last asked for.
    pub(crate) wanted: Option<String>,
    /// Why the wanted release is not served.
    pub(crate) problem: Option<String>,
    /// Whether a first attempt at a release was begun.
    pub(crate) begun: bool,
    pub(crate) draining: bool,
    /// Set once at the end.
    pub(crate) ended: Option<ExitRecord>,
}

impl Standing {
    pub(crate) fn is_ready(&self) -> bool {
        self.phase() == UnitPhase::Ready
    }

    pub(crate) fn phase(&self) -> UnitPhase {
        match &self.ended {
            Some(ExitRecord::Failed { .. }) => UnitPhase::Failed,
            Some(_) => UnitPhase::Stopped,
            None if self.draining => UnitPhase::Draining,
            None if !self.begun => UnitPhase::Starting,
            None => self.rollout.phase(),
        }
    }

    pub(crate) fn stage(&self) -> &'static str {
        match self.phase() {
            UnitPhase::Draining => "draining",
            UnitPhase::Starting => "starting",
            _ => self.rollout.stage(),
        }
    }

    fn note(&self) -> String {
        let next = self.rollout.next().map(version);
        match (self.rollout.live().map(version), next) {
            _ if self.draining => "finishes what it has".into(),
            (Some(live), None) => format!("serves {live}"),
            (Some(live), Some(next)) => {
                format!("serves {live}, {} {next}", self.rollout.stage())
            }
            (None, Some(next)) => format!("{} {next}", self.rollout.stage()),
            (None, None) if self.begun => "serves nothing".into(),
            (None, None) => String::new(),
        }
    }
}

/// An endpoint's process.
pub(crate) struct Endpoint {
    /// The name in the Open Inference Protocol.
    pub(crate) name: String,
    /// Whether only this machine can call it.
    pub(crate) loopback: bool,
    pub(crate) keys: Keys,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    /// One permit for each thread that predicts.
    pub(crate) threads: Arc<Semaphore>,
    /// One permit for each request that waits for a thread.
    pub(crate) queue: Semaphore,
    /// One permit for each KiB of a large body.
    pub(crate) bodies: Semaphore,
    /// One permit for each request that waits for the first release.
    pub(crate) held: Semaphore,
    live: RwLock<Option<Arc<Release>>>,
    standing: watch::Sender<Standing>,
    status: Mutex<StatusFile>,
}

impl Endpoint {
    pub(crate) fn new(
        unit: &UnitSpec,
        spec: &EndpointSpec,
        folder: &Path,
        limits: Limits,
    ) -> Result<Self, StepFault> {
        let keys = Keys::read(&spec.name, &spec.key_hashes).map_err(|message| StepFault {
            code: codes::UNIT.into(),
            message,
            help: Some("run `mlinfra apply` to write the unit again".into()),
        })?;
        let host = spec.host.parse::<std::net::IpAddr>();
        let standing = Standing {
            rollout: rollout::State::Live { live: None },
            wanted: None,
            problem: None,
            begun: false,
            draining: false,
            ended: None,
        };
        Ok(Endpoint {
            name: spec.name.clone(),
            loopback: host.map_or(spec.host == "localhost", |host| host.is_loopback()),
            keys,
            metrics: Metrics::new(spec),
            threads: Arc::new(Semaphore::new(unit.bounds.threads.max(1))),
            queue: Semaphore::new(limits.queued_requests_max),
            bodies: Semaphore::new(limits.bodies_bytes_max / 1024),
            held: Semaphore::new(limits.held_requests_max),
            limits,
            live: RwLock::new(None),
            standing: watch::Sender::new(standing),
            status: Mutex::new(StatusFile::new(unit, folder)),
        })
    }

    /// The release that answers now.
    pub(crate) fn live(&self) -> Option<Arc<Release>> {
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets this release answer from now on. Requests under way keep the one they began with.
    pub(crate) fn set_live(&self, release: Release) {
        let next = Some(Arc::new(release));
        let before = {
            let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *live, next)
        };
        drop(before);
    }

    /// Where the process stands now.
    pub(crate) fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Changes where the process stands, and tells everyone.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Standing)) {
        // Held throughout, so that the file never goes back to an older standing.
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        self.standing.send_modify(change);
        let standing = self.standing();
        self.metrics.ready(standing.is_ready());
        status.write(&standing, self.figures());
    }

    /// Tells how far requests are from training, if that is another figure than was told last. It
    /// writes a file, so it may take as long as the disk does.
    pub(crate) fn tell_figures(&self) {
        let figures = self.figures();
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if status.figures != figures {
            status.write(&self.standing(), figures);
        }
    }

    /// `drift(age)` and the like, of the release that answers now.
    fn figures(&self) -> BTreeMap<String, f64> {
        let drifted = self
            .live()
            .and_then(|release| Some(release.drift.as_ref()?.drifted()));
        let figure = |(feature, index): (String, f64)| (format!("drift({feature})"), index);
        drifted.map_or_else(BTreeMap::new, |drifted| {
            drifted.features.into_iter().map(figure).collect()
        })
    }

    /// The release that answers now; while the first one is on its way, a bounded number of
    /// requests waits a bounded time for it.
    pub(crate) async fn wait_for_release(&self) -> Result<Arc<Release>, RequestFault> {
        if let Some(release) = self.live() {
            return Ok(release);
        }
        if let Ok(_held) = self.held.try_acquire() {
            let mut standing = self.standing.subscribe();
            let decided = standing.wait_for(|now| {
                let underway = !now.begun || now.rollout.next().is_some();
                now.draining || !underway || now.rollout.live().is_some()
            });
            let _ = tokio::time::timeout(self.limits.hold_wait_max, decided).await;
        }
        self.live().ok_or_else(|| self.not_ready())
    }

    fn not_ready(&self) -> RequestFault {
        let stage = self.standing().stage();
        RequestFault::new(
            503,
            codes::NOT_READY,
            format!("the endpoint is not ready: {stage}"),
        )
        .with_help("try again; `GET /ready` says when it is")
        .retry_after(1)
    }

    /// Waits, within bounds, for a thread to predict on.
    pub(crate) async fn wait_for_thread(
        &self,
    ) -> Result<tokio::sync::OwnedSemaphorePermit, RequestFault> {
        let overloaded = || {
            RequestFault::new(
                503,
                codes::OVERLOADED,
                "the endpoint has more requests than it can answer",
            )
            .with_help("try again, less often, or give it more replicas")
            .retry_after(1)
        };
        let _queued = self.queue.try_acquire().map_err(|_| overloaded())?;
        let turn = Arc::clone(&self.threads).acquire_owned();
        match tokio::time::timeout(self.limits.queue_wait_max, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(overloaded()),
        }
    }
}

/// `status.json` of the unit's folder.
struct StatusFile {
    folder: PathBuf,
    token: String,
    attempt: u32,
    /// As last written.
    figures: BTreeMap<String, f64>,
}

impl StatusFile {
    fn new(unit: &UnitSpec, folder: &Path) -> Self {
        // The agent counts attempts; what it wrote is kept.
        let before = fs::read(folder.join("status.json")).ok();
        let before = before.and_then(|b| serde_json::from_slice::<UnitStatus>(&b).ok());
        StatusFile {
            folder: folder.to_owned(),
            token: unit.token.clone(),
            attempt: before.map_or(1, |status| status.attempt.max(1)),
            figures: BTreeMap::new(),
        }
    }

    /// Replaces the file. A folder that is gone is not made again: the process ends soon.
    fn write(&mut self, standing: &Standing, figures: BTreeMap<String, f64>) {
        self.figures.clone_from(&figures);
        let ended = standing.ended.is_some();
        let status = UnitStatus {
            token: self.token.clone(),
            phase: standing.phase(),
            process: (!ended).then(std::process::id),
            attempt: self.attempt,
            note: standing.note(),
            done: None,
            figures,
            release: standing.rollout.live().map(str::to_owned),
            wanted: standing.wanted.clone(),
            problem: standing.problem.clone(),
            exit: standing.ended.clone(),
        };
        let bytes = serde_json::to_vec_pretty(&status).expect("plain data serialises");
        let new = self.folder.join("status.json.new");
        let written =
            fs::write(&new, bytes).and_then(|()| fs::rename(&new, self.folder.join("status.json")));
        if let Err(error) = written {
            let reason = error.kind().to_string();
            tracing::warn!(reason, "status.json could not be written");
        }
    }
}

/// How long requests under way may take once the folder is gone: there is no one left to ask.
pub(crate) const ORPHAN_DRAIN_MAX: Duration = Duration::from_secs(10);
