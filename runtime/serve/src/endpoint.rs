//! The endpoint's process from its first millisecond to its last: listen, load, serve, roll out,
//! drain.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mlinfra_data::StepFault;
use mlinfra_runtime_spec::{EndpointSpec, ExitRecord, UnitSpec, Workload};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::codes;
use crate::connection::Connections;
use crate::limits::Limits;
use crate::port;
use crate::release::{Release, version};
use crate::rollout::{self, Event};
use crate::routes::router;
use crate::state::{Endpoint, ORPHAN_DRAIN_MAX, Standing};

/// How often samples of the metrics are moved into their buckets.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// How long threads under way may take at the very end.
const THREADS_WAIT_MAX: Duration = Duration::from_secs(1);

/// What a running endpoint is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Read `unit.json` again and serve the release that it names: SIGHUP.
    Reload,
    /// Finish what is under way, and end: SIGTERM, SIGINT.
    Stop,
}

/// Serves an endpoint until SIGTERM, SIGINT or the end of its folder; SIGHUP has it read
/// `unit.json` again. Writes `status.json` in the folder. `Done` is an end on request; `Failed`
/// says why the endpoint could not be served at all.
pub fn run_endpoint(unit: &UnitSpec, folder: &Path) -> ExitRecord {
    let logs = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_max_level(tracing::Level::INFO);
    // Whoever has set up a log already keeps it.
    let _ = logs.try_init();
    run_endpoint_with(unit, folder, &Limits::default(), None)
}

/// As [`run_endpoint`], with other bounds and, in place of signals, a channel of commands.
pub fn run_endpoint_with(
    unit: &UnitSpec,
    folder: &Path,
    limits: &Limits,
    commands: Option<mpsc::UnboundedReceiver<Command>>,
) -> ExitRecord {
    let record = match &unit.workload {
        Workload::Endpoint(spec) => match Endpoint::new(unit, spec, folder, limits.clone()) {
            Ok(endpoint) => {
                let endpoint = Arc::new(endpoint);
                let record = exit_record(run(unit, spec, folder, &endpoint, commands));
                endpoint.change(|now| end(now, &record));
                record
            }
            Err(fault) => exit_record(Err(fault)),
        },
        _ => exit_record(Err(StepFault::new(codes::UNIT, "the unit is no endpoint"))),
    };
    if let ExitRecord::Failed { code, message, .. } = &record {
        tracing::error!(code, reason = message, "the endpoint can't be served");
    }
    record
}

fn end(now: &mut Standing, record: &ExitRecord) {
    if let ExitRecord::Failed { code, message, .. } = record {
        now.problem = Some(format!("{message} [{code}]"));
    }
    now.ended = Some(record.clone());
}

fn exit_record(result: Result<(), StepFault>) -> ExitRecord {
    match result {
        Ok(()) => ExitRecord::Done {
            outputs: Default::default(),
        },
        Err(StepFault {
            code,
            message,
            help,
        }) => ExitRecord::Failed {
            code,
            message,
            help,
        },
    }
}

fn run(
    unit: &UnitSpec,
    spec: &EndpointSpec,
    folder: &Path,
    endpoint: &Arc<Endpoint>,
    commands: Option<mpsc::UnboundedReceiver<Command>>,
) -> Result<(), StepFault> {
    // Replicas know each other by the process in this file, so it comes before the port.
    endpoint.change(|_| {});
    let threads = unit.bounds.threads.max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.min(2))
        // One more than may predict, for loading a release meanwhile.
        .max_blocking_threads(threads + 1)
        .thread_name("endpoint")
        .enable_all()
        .build()
        .map_err(|error| no_runtime(&error))?;
    // The handlers stand before anyone can know the process, since SIGHUP ends one without.
    let commands = match commands {
        Some(commands) => commands,
        None => runtime
            .block_on(async { signals() })
            .map_err(|error| no_runtime(&error))?,
    };
    let listener = port::open(unit, spec, folder, &endpoint.limits)?;
    let address = format!("{}:{}", spec.host, spec.port);
    tracing::info!(address, replica = spec.replica, "listening");
    let process = Process {
        unit: unit.clone(),
        folder: folder.to_owned(),
        endpoint: Arc::clone(endpoint),
        drain: Duration::from_secs(spec.drain_seconds),
    };
    let result = runtime.block_on(process.serve(listener, commands));
    runtime.shutdown_timeout(THREADS_WAIT_MAX);
    result.map_err(|error| no_runtime(&error))
}

fn no_runtime(error: &std::io::Error) -> StepFault {
    let kind = error.kind();
    StepFault::new(
        codes::PROCESS,
        format!("the endpoint's process can't be set up: {kind}"),
    )
    .with_help("give its pool more memory, or this user more processes and open files")
}

fn signals() -> std::io::Result<mpsc::UnboundedReceiver<Command>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    for (kind, command) in [
        (SignalKind::hangup(), Command::Reload),
        (SignalKind::terminate(), Command::Stop),
        (SignalKind::interrupt(), Command::Stop),
    ] {
        let mut signal = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                if sender.send(command).is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

/// What runs while the port is open.
struct Process {
    unit: UnitSpec,
    folder: PathBuf,
    endpoint: Arc<Endpoint>,
    drain: Duration,
}

impl Process {
    async fn serve(
        self,
        listener: std::net::TcpListener,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> std::io::Result<()> {
        let (stop, stopped) = watch::channel(false);
        let limits = &self.endpoint.limits;
        let connections = Connections::new(router(&self.endpoint), limits, stopped);
        let accepting = tokio::spawn(Arc::clone(&connections).accept(listener));
        let (reload, reloads) = mpsc::unbounded_channel();
        let roller = Arc::new(Roller {
            unit: self.unit.clone(),
            folder: self.folder.clone(),
            endpoint: Arc::clone(&self.endpoint),
        });
        let rolling = tokio::spawn(roller.roll(reloads));
        let drain = self.until_stop(commands, &reload).await;
        self.endpoint.change(|now| now.draining = true);
        tracing::info!(connections = connections.count(), "draining");
        rolling.abort();
        stop.send_replace(true);
        let ended = async {
            let accepted = accepting.await;
            connections.ended().await;
            accepted
        };
        match tokio::time::timeout(drain, ended).await {
            Ok(accepted) => accepted.unwrap_or_else(|panic| Err(std::io::Error::other(panic)))?,
            Err(_) => tracing::warn!(connections = connections.count(), "cut off after the drain"),
        }
        tracing::info!("stopped");
        Ok(())
    }

    /// Passes reloads on until the stop. Gives how long the drain may take.
    async fn until_stop(
        &self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        reload: &mpsc::UnboundedSender<()>,
    ) -> Duration {
        let home = identity(&self.folder);
        let mut folder_check = tokio::time::interval(self.endpoint.limits.folder_check_every);
        let mut upkeep = tokio::time::interval(UPKEEP_EVERY);
        let mut figures = tokio::time::interval(self.endpoint.limits.figures_every);
        let mut telling: Option<tokio::task::JoinHandle<()>> = None;
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    // The roller's end would be a panic of it; what is live goes on.
                    Some(Command::Reload) => drop(reload.send(())),
                    Some(Command::Stop) | None => return self.drain,
                },
                _ = folder_check.tick() => {
                    if identity(&self.folder) != home {
                        tracing::info!("the unit's folder is gone");
                        return self.drain.min(ORPHAN_DRAIN_MAX);
                    }
                }
                _ = upkeep.tick() => self.endpoint.metrics.upkeep(),
                // One at a time, so that a disk that hangs gathers no threads.
                _ = figures.tick(), if telling.as_ref().is_none_or(|one| one.is_finished()) => {
                    let endpoint = Arc::clone(&self.endpoint);
                    telling = Some(tokio::task::spawn_blocking(move || endpoint.tell_figures()));
                }
            }
        }
    }
}

/// A thread that loads or proves a model has panicked.
fn broken() -> StepFault {
    StepFault::new(codes::BROKEN, "loading the model failed unexpectedly")
        .with_help("this is a fault of mlinfra; the endpoint's log says more")
}

/// Which folder this is: another one of the same name has another inode.
fn identity(folder: &Path) -> Option<(u64, u64)> {
    fs::metadata(folder)
        .ok()
        .map(|folder| (folder.dev(), folder.ino()))
}

/// Brings the release that `unit.json` names to life, one after the other.
struct Roller {
    unit: UnitSpec,
    folder: PathBuf,
    endpoint: Arc<Endpoint>,
}

impl Roller {
    async fn roll(self: Arc<Self>, mut reloads: mpsc::UnboundedReceiver<()>) {
        loop {
            let this = Arc::clone(&self);
            // Files are read on the threads for slow work alone: the disk may take its time.
            match tokio::task::spawn_blocking(move || this.wanted()).await {
                Ok(Ok(spec)) => self.roll_to(&spec).await,
                Ok(Err(fault)) => self.refuse(&fault),
                Err(_) => self.refuse(&broken()),
            }
            if reloads.recv().await.is_none() {
                return;
            }
            // Several reloads at once are one: the file holds the last word.
            while reloads.try_recv().is_ok() {}
        }
    }

    /// The unit as its file has it now. Only release and model may differ from the start.
    fn wanted(&self) -> Result<EndpointSpec, StepFault> {
        let changed = |message: &str| {
            StepFault::new(codes::UNIT, message).with_help("run `mlinfra apply` to write it again")
        };
        let bytes = fs::read(self.folder.join("unit.json"))
            .map_err(|_| changed("`unit.json` of the endpoint can't be read"))?;
        let unit: UnitSpec = serde_json::from_slice(&bytes)
            .map_err(|_| changed("`unit.json` of the endpoint can't be understood"))?;
        let (Workload::Endpoint(now), Workload::Endpoint(start)) =
            (&unit.workload, &self.unit.workload)
        else {
            return Err(changed("`unit.json` is not an endpoint's any more"));
        };
        let same = EndpointSpec {
            release: start.release.clone(),
            model: start.model.clone(),
            ..(**now).clone()
        };
        if same != **start || unit.token != self.unit.token {
            return Err(changed(
                "more than the release changed while the endpoint runs",
            ));
        }
        Ok((**now).clone())
    }

    async fn roll_to(&self, spec: &EndpointSpec) {
        let endpoint = &self.endpoint;
        let is_live = endpoint
            .live()
            .is_some_and(|live| live.key == spec.release.key && live.model == spec.model.key);
        if is_live {
            endpoint.change(|now| {
                now.wanted = Some(spec.release.key.clone());
                now.problem = None;
            });
            return;
        }
        self.happen(Event::Wanted(spec.release.key.clone()));
        match self.load_and_prove(spec).await {
            Ok(release) => {
                let (key, took) = (release.key.clone(), release.load_time);
                endpoint.metrics.rolled_out(Some(took));
                endpoint.set_live(release);
                self.happen(Event::Proved);
                let milliseconds = (took.as_secs_f64() * 1e3).round();
                tracing::info!(release = version(&key), milliseconds, "a release is live");
            }
            Err(fault) => {
                endpoint.metrics.rolled_out(None);
                self.refuse(&fault);
            }
        }
    }

    async fn load_and_prove(&self, spec: &EndpointSpec) -> Result<Release, StepFault> {
        let spec = spec.clone();
        let release = tokio::task::spawn_blocking(move || Release::load(&spec))
            .await
            .map_err(|_| broken())??;
        self.happen(Event::Loaded);
        let prove = move || release.prove().map(|()| release);
        tokio::task::spawn_blocking(prove)
            .await
            .map_err(|_| broken())?
    }

    fn happen(&self, event: Event) {
        self.endpoint.change(|now| {
            now.begun = true;
            if let Event::Wanted(key) = &event {
                now.wanted = Some(key.clone());
            }
            if matches!(event, Event::Wanted(_) | Event::Proved) {
                now.problem = None;
            }
            now.rollout = rollout::next(now.rollout.clone(), event)
                .expect("the roller alone moves the state, along the arrows of its table");
        });
    }

    fn refuse(&self, fault: &StepFault) {
        let StepFault { code, message, .. } = fault;
        tracing::error!(code, reason = message, "the wanted release is not served");
        self.endpoint.change(|now| {
            now.begun = true;
            now.problem = Some(format!("{message} [{code}]"));
            if now.rollout.next().is_some() {
                now.rollout = rollout::next(now.rollout.clone(), Event::Failed)
                    .expect("a release that is on its way can fail");
            }
        });
    }
}
