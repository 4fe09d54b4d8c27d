//! The process of one unit, from its first instruction to its record.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mlinfra_agent::folder::{UnitFolder, identity_of, write_json};
use mlinfra_agent::log::RotatedLog;
use mlinfra_agent::process::identity_of_process;
use mlinfra_agent::{Fault, fault};
use mlinfra_runtime_spec::{ExitRecord, PROTOCOL, UnitSpec, Workload};
use rustix::process::{Signal, getpid, kill_process, pidfd_send_signal, setsid};
use tokio::signal::unix::{SignalKind, signal};

use crate::status::StatusWriter;
use crate::{bounds, program, step};

/// How often a unit looks whether its folder is still there.
const FOLDER_POLL: Duration = Duration::from_secs(1);

/// A unit whose folder is gone has so long to end by itself.
const ORPHAN_GRACE: Duration = Duration::from_secs(15);

/// How a unit that was asked to end does so.
#[derive(Debug)]
pub(crate) struct Ending {
    folder: UnitFolder,
    asked: AtomicBool,
    /// The work can be dropped at any instant: what it writes counts only when it is whole.
    at_once: AtomicBool,
    /// The program that the unit runs.
    program: Mutex<Option<OwnedFd>>,
    /// Whether the record is written. Held while it is, so that there is only ever one.
    recorded: Mutex<bool>,
}

impl Ending {
    fn new(folder: UnitFolder) -> Self {
        Ending {
            folder,
            asked: AtomicBool::new(false),
            at_once: AtomicBool::new(false),
            program: Mutex::default(),
            recorded: Mutex::default(),
        }
    }

    /// Whether the unit was asked to end.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// From here on the work may be dropped at any instant, or not.
    pub(crate) fn set_at_once(&self, at_once: bool) {
        self.at_once.store(at_once, Ordering::Release);
        if at_once && self.is_asked() {
            self.end_now();
        }
    }

    /// Has SIGTERM passed on to a program, also one that came before.
    pub(crate) fn pass_on_to(&self, program: OwnedFd) {
        *self.program.lock().unwrap_or_else(PoisonError::into_inner) = Some(program);
        if self.is_asked() {
            self.pass_on();
        }
    }

    fn pass_on(&self) {
        let program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = program.as_ref() {
            // It may just have ended, which is what is wanted.
            let _ = pidfd_send_signal(program, Signal::TERM);
        }
    }

    fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.pass_on();
        if self.at_once.load(Ordering::Acquire) {
            self.end_now();
        }
    }

    fn end_now(&self) {
        self.record(&ExitRecord::Cancelled);
        std::process::exit(1);
    }

    /// Writes the record of the end, the first one for good. The last thing that a unit does.
    fn record(&self, record: &ExitRecord) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if *recorded {
            return;
        }
        *recorded = true;
        if let Err(error) = write_json(&self.folder.file("exit.json"), record) {
            tracing::error!(why = %error.kind(), "exit.json can't be written");
        }
    }
}

/// Runs the unit in this folder to its end.
pub(crate) fn run(folder: &Path) -> ExitCode {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // Fails for the leader of a group alone, when a person runs a unit from a shell.
    let _ = setsid();
    let folder = UnitFolder::new(folder);
    let lock = match hold_lock(&folder) {
        Ok(lock) => lock,
        Err(error) => {
            eprintln!(
                "`{}` can't be run: {}.",
                folder.path().display(),
                error.kind()
            );
            return ExitCode::from(4);
        }
    };
    if let Some(identity) = identity_of_process(std::process::id()) {
        // The agent writes the same file.
        let _ = write_json(&folder.file("process.json"), &identity);
    }
    crate::write_log_to(&folder.log());
    hide_panics();
    let ending = Arc::new(Ending::new(folder.clone()));
    let worked = catch_unwind(AssertUnwindSafe(|| work(&folder, &ending)));
    let record = match worked {
        Ok(Ok(record)) => record,
        Ok(Err(fault)) => fault.record(),
        Err(_) => Fault::new(
            fault::PANIC,
            "The runtime met a fault of its own and stopped.",
        )
        .help("Please report it with the last lines of the log: they name the place.")
        .record(),
    };
    ending.record(&record);
    drop(lock);
    match record {
        ExitRecord::Done { .. } => ExitCode::SUCCESS,
        ExitRecord::Failed { .. } | ExitRecord::Cancelled => ExitCode::FAILURE,
    }
}

/// Standard input is the locked lock file when the agent starts a unit. A person who runs one by
/// hand takes the lock here.
fn hold_lock(folder: &UnitFolder) -> io::Result<Option<File>> {
    let lock = folder.open_lock()?;
    let (known, input) = (rustix::fs::fstat(&lock)?, rustix::fs::fstat(io::stdin())?);
    if (known.st_dev, known.st_ino) == (input.st_dev, input.st_ino) {
        return Ok(None);
    }
    match folder.try_lock()? {
        Some(lock) => Ok(Some(lock)),
        None => Err(io::Error::from(io::ErrorKind::ResourceBusy)),
    }
}

/// A panic's text may quote a cell; its place never does.
fn hide_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

fn work(folder: &UnitFolder, ending: &Arc<Ending>) -> Result<ExitRecord, Fault> {
    let spec = read_spec(folder)?;
    bounds::apply(&spec.bounds)?;
    watch_folder(folder, ending, &spec.workload);
    let log = RotatedLog::open(&folder.log());
    let log = log.map_err(|error| Fault::folder(folder.path(), &error))?;
    match &spec.workload {
        Workload::Endpoint(_) => Ok(mlinfra_serve::run_endpoint(&spec, folder.path())),
        Workload::Step(step) => {
            watch_signals(ending)?;
            let mut status = StatusWriter::new(folder.clone(), &spec.token);
            let record = step::run(step, &spec.bounds, &mut status, ending);
            status.flush();
            Ok(record)
        }
        Workload::Command(command) => {
            watch_signals(ending)?;
            let _status = StatusWriter::new(folder.clone(), &spec.token);
            Ok(program::run(command, &log, ending))
        }
    }
}

fn read_spec(folder: &UnitFolder) -> Result<UnitSpec, Fault> {
    let path = folder.file("unit.json");
    let spec = folder
        .spec()
        .map_err(|error| Fault::folder(&path, &error))?;
    let absent = || Fault::folder(&path, &io::Error::from(io::ErrorKind::NotFound));
    let spec = spec.ok_or_else(absent)?;
    if spec.protocol != PROTOCOL {
        let message = format!(
            "The unit was written for protocol {}, this runtime speaks {PROTOCOL}.",
            spec.protocol
        );
        return Err(Fault::new(fault::PROTOCOL_DIFFERS, message)
            .help("Install `mlinfra` and `mlinfra-runtime` of the same version."));
    }
    Ok(spec)
}

/// Ends the unit when its folder is gone: nobody is left to whom it could matter.
fn watch_folder(folder: &UnitFolder, ending: &Arc<Ending>, workload: &Workload) {
    let (folder, ending) = (folder.clone(), Arc::clone(ending));
    let drains = matches!(workload, Workload::Endpoint(_) | Workload::Command(_));
    let Ok(home) = identity_of(folder.path()) else {
        return;
    };
    std::thread::spawn(move || {
        while identity_of(folder.path()).is_ok_and(|now| now == home) {
            std::thread::sleep(FOLDER_POLL);
        }
        tracing::warn!("the unit's folder is gone");
        ending.ask();
        if drains {
            let _ = kill_process(getpid(), Signal::TERM);
            std::thread::sleep(ORPHAN_GRACE);
        }
        std::process::exit(1);
    });
}

/// Turns SIGTERM and SIGINT into a request to end. The handlers stand when this returns.
fn watch_signals(ending: &Arc<Ending>) -> Result<(), Fault> {
    let ending = Arc::clone(ending);
    let cant = |error: &io::Error| {
        Fault::new(
            fault::START,
            format!("Signals can't be watched: {}.", error.kind()),
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| cant(&error))?;
    let entered = runtime.enter();
    let terminate = signal(SignalKind::terminate()).map_err(|error| cant(&error))?;
    let interrupt = signal(SignalKind::interrupt()).map_err(|error| cant(&error))?;
    drop(entered);
    std::thread::spawn(move || runtime.block_on(pass_on_signals(terminate, interrupt, &ending)));
    Ok(())
}

async fn pass_on_signals(
    mut terminate: tokio::signal::unix::Signal,
    mut interrupt: tokio::signal::unix::Signal,
    ending: &Ending,
) {
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to end");
        ending.ask();
    }
}
