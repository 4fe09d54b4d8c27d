//! Ending a unit that was asked to end: what is written first, how long it may take, what is left.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mlinfra_runtime_spec::{ExitRecord, Workload};
use rustix::process::Signal;

use super::{Keeper, Machine};
use crate::fault::Fault;
use crate::folder::{UnitFolder, read_json, sync_folder, write_json};
use crate::view::{Command, End};
use crate::{cgroup, job, service};

/// A job that was asked to end has so long to save what it has.
const JOB_GRACE: Duration = Duration::from_secs(30);

/// What an endpoint has beyond its own deadline for draining.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

/// What a unit has to end when the state folder is gone.
const ABANDON_GRACE: Duration = Duration::from_secs(4);

/// The unit was asked to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopping {
    /// Then it is killed.
    pub(super) deadline: Instant,
    /// The strongest request so far.
    pub(super) why: Command,
}

impl Keeper {
    /// Asks the unit to end. What was asked for weakly before becomes what is asked for now.
    pub(super) fn stop(&mut self, why: Command) {
        let note = match why {
            // Intent before effect: an agent that takes over in between goes on with it.
            Command::Cancel if !self.is_end() => self.record(&ExitRecord::Cancelled),
            Command::Remove => write_json(&self.folder.file("removing"), &true),
            _ => Ok(()),
        };
        if let Err(error) = note {
            tracing::error!(unit = self.spec.token, why = %error.kind(), "can't note the end");
        }
        self.start_at = None;
        let strongest = match self.stopping {
            Some(before) if before.why == Command::Remove => Command::Remove,
            Some(before) if why == Command::Cancel => before.why,
            _ => why,
        };
        if self.process.is_none() {
            self.stopped_without_process(strongest);
            return;
        }
        let mut deadline = Instant::now() + self.grace(why);
        if let Some(before) = self.stopping {
            deadline = deadline.min(before.deadline);
        } else if let Machine::Service(_) = self.machine {
            self.service_event(service::Event::Stop);
        }
        self.stopping = Some(Stopping {
            deadline,
            why: strongest,
        });
        self.signal(Signal::TERM);
    }

    fn stopped_without_process(&mut self, why: Command) {
        match self.machine {
            Machine::Job(state) if !state.is_end() && why == Command::Cancel => {
                self.job_event(job::Event::Cancelled);
                self.exit = Some(ExitRecord::Cancelled);
            }
            Machine::Service(state) if state != service::State::Stopped => {
                self.service_event(service::Event::Stop);
            }
            Machine::Job(_) | Machine::Service(_) => {}
        }
        self.finish(why);
    }

    fn remove(&self) -> io::Result<()> {
        let group = read_json::<PathBuf>(&self.folder.file("group.json"));
        if let Some(group) = group.ok().flatten() {
            cgroup::remove(&group);
        }
        remove(&self.folder)
    }

    fn grace(&self, why: Command) -> Duration {
        match (&self.spec.workload, why) {
            (_, Command::Abandon) => ABANDON_GRACE,
            (Workload::Endpoint(endpoint), _) => {
                Duration::from_secs(endpoint.drain_seconds) + DRAIN_MARGIN
            }
            (Workload::Step(_) | Workload::Command(_), _) => JOB_GRACE,
        }
    }

    /// The process has ended after it was asked to.
    pub(super) fn finish(&mut self, why: Command) {
        self.stopping = None;
        let end = match why {
            Command::Remove => match self.remove() {
                Ok(()) => Some(End::Removed),
                Err(error) => {
                    let fault = Fault::folder(self.folder.path(), &error);
                    tracing::error!(unit = self.spec.token, "can't be removed: {fault}");
                    self.problem = Some(fault.to_string());
                    None
                }
            },
            Command::Leave | Command::Abandon => Some(End::Left),
            Command::Cancel | Command::Update | Command::Start => None,
        };
        self.publish();
        self.view.send_modify(|view| view.end = end);
    }
}

/// Removes a unit's folder: it is renamed first, so that no half of one is ever taken for a unit.
fn remove(folder: &UnitFolder) -> io::Result<()> {
    let hidden = hidden(folder);
    match fs::rename(folder.path(), &hidden) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    sync_folder(&hidden)?;
    match fs::remove_dir_all(&hidden) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn hidden(folder: &UnitFolder) -> PathBuf {
    let name = folder.path().file_name().unwrap_or_default();
    folder
        .path()
        .with_file_name(format!(".removing-{}", name.to_string_lossy()))
}
