//! The agent: the one long-lived process on a host, which keeps units and outlives whoever asked
//! for them.
//!
//! [`run`] is the whole program. [`job`] and [`service`] are the life cycles, as pure functions;
//! a keeper for each unit drives one of them. The unit's side uses [`folder`] and [`log`] as well.

pub mod cgroup;
pub mod fault;
pub mod folder;
mod http;
pub mod job;
mod keeper;
pub mod log;
pub mod process;
mod registry;
pub mod service;
mod view;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mlinfra_runtime_spec::{AgentHealth, PROTOCOL, files};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::cgroup::Delegated;
pub use crate::fault::Fault;
use crate::folder::{identity_of, make_private_folder};
use crate::keeper::Host;
use crate::registry::Registry;
use crate::view::Command;

/// How often the agent looks whether its state folder is still there.
const STATE_FOLDER_POLL: Duration = Duration::from_secs(1);

/// How long answers under way may take when the agent ends.
const ANSWERS_GRACE: Duration = Duration::from_millis(500);

/// What the agent is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The state folder.
    pub state: PathBuf,
    /// Its lineage.
    pub lineage: String,
    /// Where to listen.
    pub socket: PathBuf,
    /// What runs a unit: a program and its first arguments; the unit's folder is the last one.
    pub unit_program: Vec<OsString>,
    /// The runtime's version.
    pub version: String,
}

/// Why the agent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    /// It was asked to end with all of its units.
    EndUnits,
    /// It was asked to end alone; a later agent adopts the units.
    LeaveUnits,
    /// The state folder was removed, and with it the reason for every unit.
    FolderGone,
}

/// Serves a state folder until it is told to stop. Returns an error if it can't begin.
pub fn run(options: Options) -> Result<(), Fault> {
    // Whatever this process and its units create is for this user alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // Neither a closed terminal nor a Ctrl-C for the caller is meant for this process. It fails
    // for the leader of a group alone, which such a signal does not reach by accident.
    let _ = rustix::process::setsid();
    let lock = lock_agent(&options.state)?;
    let groups = Delegated::take();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| {
            Fault::new(
                fault::START,
                format!("The agent can't start: {}.", error.kind()),
            )
        })?;
    let served = runtime.block_on(serve(&options, groups));
    runtime.shutdown_timeout(ANSWERS_GRACE);
    drop(lock);
    served
}

/// Takes the lock that makes this the only agent of the state folder. The kernel frees it.
fn lock_agent(state: &Path) -> Result<File, Fault> {
    let path = files::agent_lock(state);
    let folder = path.parent().unwrap_or(state);
    let opened = if state.is_dir() {
        make_private_folder(folder).and_then(|()| log::open_to_append(&path))
    } else {
        Err(std::io::Error::from(std::io::ErrorKind::NotFound))
    };
    let lock = opened.map_err(|error| Fault::folder(state, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(Fault::new(
            fault::AGENT_RUNS,
            format!("Another agent serves `{}` already.", state.display()),
        )),
        Err(std::fs::TryLockError::Error(error)) => Err(Fault::folder(&path, &error)),
    }
}

async fn serve(options: &Options, groups: Option<Delegated>) -> Result<(), Fault> {
    let lock_path = files::agent_lock(&options.state);
    let lock_identity =
        identity_of(&lock_path).map_err(|error| Fault::folder(&lock_path, &error))?;
    let registry = Registry::open(
        options.state.clone(),
        options.lineage.clone(),
        Arc::new(Host {
            program: options.unit_program.clone(),
            groups: groups.clone(),
        }),
    )?;
    let listener = http::bind(&options.socket)?;
    let socket_identity =
        identity_of(&options.socket).map_err(|error| Fault::folder(&options.socket, &error))?;
    let listener = http::PrivateListener::new(listener)
        .map_err(|error| Fault::folder(&options.socket, &error))?;
    let note = files::agent_log(&options.state).with_file_name("socket");
    note_socket(&note, &options.socket).map_err(|error| Fault::folder(&note, &error))?;
    let (farewell, mut farewells) = mpsc::channel(4);
    let router = http::router(http::Context {
        registry: registry.clone(),
        health: health(options, groups.is_some()),
        farewell,
    });
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        // A dropped sender closes just as well.
        let _ = closed.await;
    });
    let server = tokio::spawn(server.into_future());
    tracing::info!(
        process = std::process::id(),
        lineage = options.lineage,
        "the agent serves"
    );

    let reason = wait_for_farewell(&mut farewells, &lock_path, lock_identity).await;
    tracing::info!(?reason, "the agent ends");
    match reason {
        Farewell::EndUnits => registry.end_all(Command::Leave).await,
        Farewell::FolderGone => registry.end_all(Command::Abandon).await,
        Farewell::LeaveUnits => {}
    }
    // Another agent may have bound the same path since, if the state folder was made anew.
    if identity_of(&options.socket).is_ok_and(|now| now == socket_identity) {
        let _ = std::fs::remove_file(&options.socket);
        let _ = std::fs::remove_file(&note);
    }
    let _ = close.send(());
    let _ = tokio::time::timeout(ANSWERS_GRACE, server).await;
    Ok(())
}

/// Leaves word of where the agent listens, for callers whose environment would have them look
/// elsewhere. Only the holder of the agent's lock writes it.
fn note_socket(note: &Path, socket: &Path) -> std::io::Result<()> {
    let new = note.with_extension("new");
    std::fs::write(&new, socket.as_os_str().as_encoded_bytes())?;
    std::fs::rename(&new, note)
}

async fn wait_for_farewell(
    farewells: &mut mpsc::Receiver<Farewell>,
    lock_path: &Path,
    lock_identity: (u64, u64),
) -> Farewell {
    let mut terminate = signal(SignalKind::terminate()).expect("the runtime has signals enabled");
    let mut interrupt = signal(SignalKind::interrupt()).expect("the runtime has signals enabled");
    let mut tick = tokio::time::interval(STATE_FOLDER_POLL);
    loop {
        tokio::select! {
            Some(farewell) = farewells.recv() => return farewell,
            _ = terminate.recv() => return Farewell::LeaveUnits,
            _ = interrupt.recv() => return Farewell::LeaveUnits,
            _ = tick.tick() => {
                if identity_of(lock_path).ok() != Some(lock_identity) {
                    return Farewell::FolderGone;
                }
            }
        }
    }
}

fn health(options: &Options, has_groups: bool) -> AgentHealth {
    AgentHealth {
        protocol: PROTOCOL,
        version: options.version.clone(),
        process: std::process::id(),
        lineage: options.lineage.clone(),
        keepers: keepers(has_groups),
    }
}

/// What keeps which bound of a unit on this host.
fn keepers(has_groups: bool) -> BTreeMap<String, String> {
    let mut keepers = vec![
        (
            "cpus",
            if has_groups {
                "affinity, cgroup"
            } else {
                "affinity"
            },
        ),
        ("threads", "thread pools"),
        ("data segment", "RLIMIT_DATA"),
        (
            "memory",
            if has_groups {
                "watchdog, cgroup"
            } else {
                "watchdog"
            },
        ),
    ];
    if has_groups {
        keepers.push(("processes", "cgroup"));
    }
    let text = |(bound, keeper): (&str, &str)| (bound.to_owned(), keeper.to_owned());
    keepers.into_iter().map(text).collect()
}
