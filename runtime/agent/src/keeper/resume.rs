//! Going on with a unit that an earlier agent began.

use mlinfra_runtime_spec::ExitRecord;
use rustix::process::Signal;

use super::{Keeper, Machine};
use crate::process::Process;
use crate::view::Command;
use crate::{fault, job, service};

impl Keeper {
    /// Finds out how far the unit has come: an agent before this one may have begun it.
    pub(super) fn resume(&mut self) {
        let held = matches!(self.folder.try_lock(), Ok(None));
        let exit = self.folder.exit();
        if held {
            self.process = Some(Process::adopt(&self.folder));
        }
        match self.machine {
            Machine::Job(_) => self.resume_job(held, exit),
            Machine::Service(_) => self.resume_service(held, exit.as_ref()),
        }
        if self.folder.file("removing").exists() {
            self.asked(Command::Remove);
        }
    }

    fn resume_job(&mut self, held: bool, exit: Option<ExitRecord>) {
        let attempt = self.attempts.started;
        match (held, exit) {
            (true, exit) => {
                self.machine = Machine::Job(job::State::Running {
                    attempt: attempt.max(1),
                });
                match exit {
                    Some(ExitRecord::Cancelled) => self.asked(Command::Cancel),
                    Some(ExitRecord::Failed { code, .. }) if code == fault::MEMORY => {
                        self.over_memory = true;
                        self.signal(Signal::KILL);
                    }
                    _ => {}
                }
            }
            (false, None) if attempt == 0 => self.job_event(job::Event::Start),
            (false, _) => {
                self.machine = Machine::Job(job::State::Running { attempt });
                self.gone();
            }
        }
    }

    fn resume_service(&mut self, held: bool, exit: Option<&ExitRecord>) {
        let stopped = self.folder.file("killed.json").exists();
        if held {
            self.machine = Machine::Service(service::State::Loading);
            // The last agent may have written another release and ended before it said so.
            self.hang_up = true;
            if stopped && exit.is_some() {
                self.asked(Command::Cancel);
            }
        } else if stopped {
            self.machine = Machine::Service(service::State::Stopped);
        } else if let Some(problem) = self.attempts.crash_loop.clone() {
            self.problem = Some(problem);
            self.machine = Machine::Service(service::State::CrashLoop);
        } else {
            self.service_event(service::Event::Start);
        }
    }
}
