//! The keeper of one unit: a task that starts its process, sees it end, and moves its life cycle.

mod resume;
mod stopping;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlinfra_runtime_spec::{ExitRecord, UnitPhase, UnitSpec, Workload};
use rustix::process::Signal;
use tokio::sync::{mpsc, watch};

use self::stopping::Stopping;
use crate::cgroup::Delegated;
use crate::fault::{self, Fault};
use crate::folder::{Attempts, UnitFolder, read_json, write_json};
use crate::process::{Launch, Process};
use crate::service::Deaths;
use crate::view::{Command, View};
use crate::{cgroup, job, log, service};

/// How often status files and memory are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How long a start waits for the last process's lock to come free.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// So many lines of its log tell why a service is in a crash loop.
const PROBLEM_LINES: usize = 20;

#[derive(Clone, Copy, Debug)]
enum Machine {
    Job(job::State),
    Service(service::State),
}

enum Occurrence {
    Asked(Option<Command>),
    Gone,
    Deadline,
    Tick,
}

/// What all keepers of a host share.
pub(crate) struct Host {
    /// What runs a unit: a program and its first arguments.
    pub(crate) program: Vec<OsString>,
    /// Control groups, where this user may make some.
    pub(crate) groups: Option<Delegated>,
}

/// Keeps one unit.
pub(crate) struct Keeper {
    folder: UnitFolder,
    spec: UnitSpec,
    host: Arc<Host>,
    machine: Machine,
    attempts: Attempts,
    process: Option<Process>,
    stopping: Option<Stopping>,
    start_at: Option<Instant>,
    deaths: Deaths,
    ready_since: Option<Instant>,
    over_memory: bool,
    hang_up: bool,
    problem: Option<String>,
    exit: Option<ExitRecord>,
    view: watch::Sender<View>,
}

/// A keeper for the unit in this folder, as far as it has come, and the view on it.
pub(crate) fn keeper(
    folder: UnitFolder,
    spec: UnitSpec,
    host: Arc<Host>,
) -> (Keeper, watch::Receiver<View>) {
    let machine = match spec.workload {
        Workload::Endpoint(_) => Machine::Service(service::State::Accepted),
        Workload::Step(_) | Workload::Command(_) => Machine::Job(job::State::Accepted),
    };
    let (view, receiver) = watch::channel(View {
        phase: UnitPhase::Accepted,
        attempt: 0,
        process: None,
        problem: None,
        exit: None,
        end: None,
    });
    let mut keeper = Keeper {
        attempts: folder.attempts(),
        folder,
        spec,
        host,
        machine,
        process: None,
        stopping: None,
        start_at: None,
        deaths: Deaths::default(),
        ready_since: None,
        over_memory: false,
        hang_up: false,
        problem: None,
        exit: None,
        view,
    };
    keeper.resume();
    keeper.publish();
    (keeper, receiver)
}

impl Keeper {
    /// Keeps the unit until it is removed or the agent leaves.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let ended = self.view.borrow().end.is_some();
            if self.wants_start() && !ended {
                self.start().await;
            }
            self.publish();
            if ended {
                return;
            }
            let deadline = self
                .stopping
                .map(|stopping| stopping.deadline)
                .or(self.start_at);
            let alive = self.process.is_some();
            let occurrence = tokio::select! {
                command = commands.recv() => Occurrence::Asked(command),
                () = gone(&mut self.process) => Occurrence::Gone,
                () = until(deadline) => Occurrence::Deadline,
                _ = tick.tick(), if alive => Occurrence::Tick,
            };
            match occurrence {
                Occurrence::Asked(None) => return,
                Occurrence::Asked(Some(command)) => self.asked(command),
                Occurrence::Gone => self.gone(),
                Occurrence::Deadline => self.deadline_over(),
                Occurrence::Tick => self.look(),
            }
        }
    }

    fn job_event(&mut self, event: job::Event) {
        let Machine::Job(state) = self.machine else {
            unreachable!("only jobs have events of jobs")
        };
        match job::next(state, event) {
            Ok(state) => self.machine = Machine::Job(state),
            Err(illegal) => tracing::error!(unit = self.spec.token, ?illegal, "not in the table"),
        }
    }

    fn service_event(&mut self, event: service::Event) {
        let Machine::Service(state) = self.machine else {
            unreachable!("only services have events of services")
        };
        match service::next(state, event) {
            Ok(state) => {
                if let service::State::Backoff { seconds } = state {
                    self.start_at = Some(Instant::now() + Duration::from_secs(seconds));
                }
                self.machine = Machine::Service(state);
            }
            Err(illegal) => tracing::error!(unit = self.spec.token, ?illegal, "not in the table"),
        }
    }

    fn wants_start(&self) -> bool {
        let starting = matches!(
            self.machine,
            Machine::Job(job::State::Starting { .. }) | Machine::Service(service::State::Starting)
        );
        starting && self.process.is_none()
    }

    async fn start(&mut self) {
        match self.try_start().await {
            Ok(process) => {
                self.process = Some(process);
                let number = self.process.as_mut().and_then(Process::number);
                tracing::info!(unit = self.spec.token, process = number, "started");
                match self.machine {
                    Machine::Job(_) => self.job_event(job::Event::Up),
                    Machine::Service(_) => self.service_event(service::Event::Up),
                }
            }
            Err(error) => self.start_failed(&error),
        }
    }

    async fn try_start(&mut self) -> io::Result<Process> {
        let give_up = Instant::now() + LOCK_WAIT;
        let lock = loop {
            match self.folder.try_lock()? {
                Some(lock) => break lock,
                None if Instant::now() >= give_up => {
                    return Err(io::Error::from(io::ErrorKind::ResourceBusy));
                }
                None => tokio::time::sleep(TICK / 2).await,
            }
        };
        self.attempts.started += 1;
        write_json(&self.folder.file("attempts.json"), &self.attempts)?;
        for stale in ["exit.json", "killed.json", "status.json"] {
            self.folder.forget(stale)?;
        }
        self.over_memory = false;
        self.hang_up = false;
        self.ready_since = None;
        let group = self.make_group()?;
        let launch = Launch {
            program: &self.host.program,
            bounds: &self.spec.bounds,
            attempt: self.attempts.started,
            group: group.as_deref(),
        };
        Process::start(&self.folder, &launch, lock)
    }

    /// A control group for the next process, where there are any.
    fn make_group(&self) -> io::Result<Option<PathBuf>> {
        let Some(groups) = &self.host.groups else {
            return Ok(None);
        };
        let group = groups.make(&self.spec.token, &self.spec.bounds)?;
        write_json(&self.folder.file("group.json"), &group)?;
        Ok(Some(group))
    }

    fn start_failed(&mut self, error: &io::Error) {
        let why = error.kind();
        let message = format!("The unit's process can't be started: {why}.");
        let fault = Fault::new(fault::START, message).help(
            "See that the runtime's program is still where it was and that the disk is not full.",
        );
        tracing::error!(unit = self.spec.token, %why, "can't be started");
        match self.machine {
            Machine::Job(_) => {
                self.leave_record(&fault.record());
                self.exit = Some(fault.record());
                self.job_event(job::Event::Failed);
            }
            Machine::Service(_) => self.died(Some(fault.to_string())),
        }
    }

    fn asked(&mut self, command: Command) {
        match command {
            Command::Update => self.updated(),
            Command::Start => self.started_again(),
            Command::Cancel | Command::Leave | Command::Abandon | Command::Remove => {
                self.stop(command);
            }
        }
    }

    fn updated(&mut self) {
        if let Ok(Some(spec)) = self.folder.spec() {
            self.spec = spec;
        }
        self.hang_up = self.process.is_some();
        self.started_again();
    }

    fn started_again(&mut self) {
        if let Machine::Service(service::State::CrashLoop | service::State::Stopped) = self.machine
        {
            self.attempts.crash_loop = None;
            self.problem = None;
            self.deaths = Deaths::default();
            self.service_event(service::Event::Start);
        }
    }

    fn deadline_over(&mut self) {
        if let Some(stopping) = &mut self.stopping {
            tracing::warn!(unit = self.spec.token, "does not end in time and is killed");
            // Should even that not work, it is tried again.
            stopping.deadline = Instant::now() + Duration::from_secs(1);
            self.signal(Signal::KILL);
        } else if self.start_at.take().is_some() {
            self.service_event(service::Event::PauseOver);
        }
    }

    /// The process is gone.
    fn gone(&mut self) {
        self.process = None;
        match self.machine {
            Machine::Job(_) => self.job_gone(),
            Machine::Service(_) => self.service_gone(),
        }
        if let Some(stopping) = self.stopping {
            self.finish(stopping.why);
        }
    }

    fn job_gone(&mut self) {
        if !self.folder.file("exit.json").exists() && self.ran_out_of_memory() {
            self.leave_record(&self.memory_fault().record());
        }
        let exit = self.folder.exit();
        let event = match &exit {
            Some(ExitRecord::Done { .. }) => job::Event::Done,
            Some(ExitRecord::Cancelled) => job::Event::Cancelled,
            Some(ExitRecord::Failed { code, .. }) if code == fault::MEMORY => {
                job::Event::OverMemory
            }
            Some(ExitRecord::Failed { .. }) => job::Event::Failed,
            None => job::Event::Killed,
        };
        tracing::info!(unit = self.spec.token, ?event, "ended");
        self.exit = exit;
        if self.stopping.is_some() && event == job::Event::Killed {
            // Not cancelled, but left or removed: the next agent, if any, goes on from here.
            return;
        }
        self.job_event(event);
        if event == job::Event::Killed && self.is_end() {
            let fault = Fault::new(
                fault::KILLED,
                format!(
                    "The step's process was killed in each of {} attempts and left no record.",
                    job::ATTEMPTS_MAX
                ),
            )
            .help("See its log, and what kills processes on this host: often its memory is short.");
            self.leave_record(&fault.record());
            self.exit = Some(fault.record());
        }
    }

    fn service_gone(&mut self) {
        if self.stopping.is_some() {
            self.service_event(service::Event::Gone);
            return;
        }
        let why = if self.ran_out_of_memory() {
            Some(self.memory_fault().to_string())
        } else {
            match self.folder.exit() {
                Some(ExitRecord::Failed { code, message, .. }) => {
                    Some(format!("{message} [{code}]"))
                }
                _ => None,
            }
        };
        self.died(why);
    }

    fn died(&mut self, why: Option<String>) {
        let event = self.deaths.note(Instant::now(), self.ready_since.take());
        let why = why.unwrap_or_else(|| "Its process died and left no record.".to_owned());
        tracing::warn!(unit = self.spec.token, why, "died");
        self.problem = Some(why.clone());
        self.service_event(event);
        if let Machine::Service(service::State::CrashLoop) = self.machine {
            let lines = log::tail(&self.folder.log(), PROBLEM_LINES).join("\n");
            let problem = format!(
                "It died {} times in {} seconds and is not started again [{}]. {why}\n{lines}",
                service::DEATHS_MAX,
                service::WINDOW.as_secs(),
                fault::CRASH_LOOP,
            );
            self.problem = Some(problem.clone());
            self.attempts.crash_loop = Some(problem);
            if let Err(error) = write_json(&self.folder.file("attempts.json"), &self.attempts) {
                let why = error.kind();
                tracing::error!(unit = self.spec.token, %why, "can't note a crash loop");
            }
        }
    }

    /// Looks at what the unit says and at what it uses.
    fn look(&mut self) {
        self.watch_memory();
        let Machine::Service(state) = self.machine else {
            return;
        };
        let number = self.process.as_mut().and_then(Process::number);
        let status = self.folder.status();
        let Some(status) = status.filter(|status| number.is_some() && status.process == number)
        else {
            return;
        };
        match (state, status.phase) {
            (service::State::Loading | service::State::Unready, UnitPhase::Ready) => {
                self.problem = None;
                self.ready_since = Some(Instant::now());
                self.service_event(service::Event::Ready);
            }
            (service::State::Loading | service::State::Ready, UnitPhase::Unready) => {
                // What it says itself is newer than what was noted of the last death.
                if status.problem.is_some() {
                    self.problem = None;
                }
                self.ready_since = None;
                self.service_event(service::Event::Unready);
            }
            _ => {}
        }
        // As long as it starts it may not yet listen, and an unheard SIGHUP would end it.
        if status.phase != UnitPhase::Starting && std::mem::take(&mut self.hang_up) {
            self.signal(Signal::HUP);
        }
    }

    fn watch_memory(&mut self) {
        let Some(bound) = self.spec.bounds.memory_bytes else {
            return;
        };
        let used = self.process.as_mut().and_then(Process::resident_bytes);
        if self.over_memory || used.is_none_or(|used| used <= bound) {
            return;
        }
        tracing::warn!(
            unit = self.spec.token,
            used,
            bound,
            "is above its memory bound"
        );
        self.over_memory = true;
        if let Machine::Job(_) = self.machine {
            self.leave_record(&self.memory_fault().record());
        }
        self.signal(Signal::KILL);
    }

    /// The watchdog ended it, or it could not allocate: the last thing that such a process says.
    fn ran_out_of_memory(&self) -> bool {
        let refused = |line: &String| {
            line.contains("memory allocation of ") && line.trim_end().ends_with(" bytes failed")
        };
        let group: Option<PathBuf> = read_json(&self.folder.file("group.json")).ok().flatten();
        let ended_by_kernel = group.is_some_and(|group| cgroup::ran_out_of_memory(&group));
        self.over_memory || ended_by_kernel || log::tail(&self.folder.log(), 3).iter().any(refused)
    }

    fn memory_fault(&self) -> Fault {
        let bound = self.spec.bounds.memory_bytes;
        let bound = bound.map_or_else(
            || "the memory of this host".to_owned(),
            |bytes| format!("its bound of {} MiB of memory", bytes >> 20),
        );
        Fault::new(
            fault::MEMORY,
            format!("It went above {bound} and was ended."),
        )
        .help("Give its pool more memory, or let it work on less at a time.")
    }

    fn leave_record(&self, record: &ExitRecord) {
        if let Err(error) = self.record(record) {
            tracing::error!(unit = self.spec.token, why = %error.kind(), "can't leave a record");
        }
    }

    fn record(&self, record: &ExitRecord) -> io::Result<()> {
        write_json(&self.folder.file("killed.json"), record)
    }

    fn is_end(&self) -> bool {
        matches!(self.machine, Machine::Job(state) if state.is_end())
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }

    fn publish(&mut self) {
        let view = View {
            phase: match self.machine {
                Machine::Job(state) => state.phase(),
                Machine::Service(state) => state.phase(),
            },
            attempt: self.attempts.started,
            process: self.process.as_mut().and_then(Process::number),
            problem: self.problem.clone(),
            exit: self.exit.clone(),
            end: self.view.borrow().end,
        };
        self.view.send_if_modified(|current| {
            let changed = *current != view;
            *current = view;
            changed
        });
    }
}

async fn gone(process: &mut Option<Process>) {
    match process {
        Some(process) => process.gone().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
