//! One process of a unit: started with its lock as standard input, watched, signalled.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use mlinfra_runtime_spec::Bounds;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpgid, kill_process_group, pidfd_open, pidfd_send_signal,
};

use crate::cgroup::GROUP_VARIABLE;
use crate::folder::{Identity, UnitFolder, identity_of, write_json};
use crate::log;

/// How often the lock of a process that is not our child is tried.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// How often all processes are looked through for the holder of a lock.
const SEARCH_EVERY: Duration = Duration::from_secs(1);

/// A process that holds, or held, a unit's lock.
#[derive(Debug)]
pub struct Process {
    folder: UnitFolder,
    /// The handle of our own child; none if an earlier agent started it.
    child: Option<tokio::process::Child>,
    identity: Option<Identity>,
    /// When the lock's holder was last looked for.
    searched: Option<Instant>,
}

/// How a unit's process is started.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// A program and its first arguments; the unit's folder is the last one.
    pub program: &'a [OsString],
    /// What the unit may use.
    pub bounds: &'a Bounds,
    /// Which start this is, from 1.
    pub attempt: u32,
    /// The control group that it is to move into.
    pub group: Option<&'a Path>,
}

impl Process {
    /// Starts a unit's process. The lock is handed over as its standard input, so it is held from
    /// before the process exists until its last handle is closed, whatever becomes of the agent.
    pub fn start(folder: &UnitFolder, launch: &Launch<'_>, lock: fs::File) -> io::Result<Self> {
        let output = log::open_to_append(&folder.log())?;
        let threads = launch.bounds.threads.max(1).to_string();
        let [program, arguments @ ..] = launch.program else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .arg(folder.path())
            .current_dir(folder.path())
            .env("MLINFRA_ATTEMPT", launch.attempt.to_string())
            .env("RAYON_NUM_THREADS", &threads)
            .env("CANDLE_NUM_THREADS", &threads)
            .env("OMP_NUM_THREADS", &threads)
            .env("TOKIO_WORKER_THREADS", &threads)
            .stdin(Stdio::from(lock))
            .stdout(Stdio::from(output.try_clone()?))
            .stderr(Stdio::from(output));
        match launch.group {
            Some(group) => command.env(GROUP_VARIABLE, group),
            None => command.env_remove(GROUP_VARIABLE),
        };
        let child = command.spawn()?;
        let identity = child.id().and_then(identity_of_process);
        if let Some(identity) = &identity {
            // The unit writes the same file itself; a failure here loses nothing.
            let _ = write_json(&folder.file("process.json"), identity);
        }
        Ok(Process {
            folder: folder.clone(),
            child: Some(child),
            identity,
            searched: None,
        })
    }

    /// The process that an earlier agent started and that still holds the lock.
    pub fn adopt(folder: &UnitFolder) -> Self {
        Process {
            folder: folder.clone(),
            child: None,
            identity: None,
            searched: None,
        }
    }

    /// Returns when the process is gone. May be dropped and called again.
    pub async fn gone(&mut self) {
        if let Some(child) = &mut self.child {
            // An error means that somebody else reaped it: gone all the same.
            let _ = child.wait().await;
            return;
        }
        loop {
            let gone = match self.folder.try_lock() {
                Ok(lock) => lock.is_some(),
                // Without a lock file, its folder was removed, the process itself must be asked.
                Err(_) => self.identity.as_ref().is_some_and(|known| !is_alive(known)),
            };
            if gone {
                return;
            }
            tokio::time::sleep(LOCK_POLL).await;
        }
    }

    /// Which process it is; unknown for a moment after an adoption in the middle of a start.
    pub fn identity(&mut self) -> Option<&Identity> {
        if self.identity.is_none() {
            let written = self.folder.identity();
            self.identity = written.filter(is_alive).or_else(|| self.find());
        }
        self.identity.as_ref()
    }

    /// Looks for the holder of the lock among all processes. Needed where the agent was killed
    /// just after it started a process that does not tell its number itself.
    fn find(&mut self) -> Option<Identity> {
        let is_due = self.searched.is_none_or(|at| at.elapsed() >= SEARCH_EVERY);
        if !is_due {
            return None;
        }
        self.searched = Some(Instant::now());
        let lock = identity_of(&self.folder.file("lock")).ok()?;
        let holds_lock = |process: &u32| {
            identity_of(Path::new(&format!("/proc/{process}/fd/0"))).is_ok_and(|it| it == lock)
        };
        let entries = fs::read_dir("/proc").ok()?.flatten();
        let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let holders = processes.filter(holds_lock).filter_map(identity_of_process);
        // What it started may hold the lock too, but began later.
        holders.min_by_key(|identity| (identity.start_time, identity.process))
    }

    /// Its number.
    pub fn number(&mut self) -> Option<u32> {
        self.identity().map(|identity| identity.process)
    }

    /// Sends a signal to the process and to no other: the number is opened first and its start
    /// time compared afterwards, so a number that was given to another process hits nobody.
    pub fn signal(&mut self, signal: Signal) {
        let Some(identity) = self.identity().cloned() else {
            return;
        };
        let Some(number) = Pid::from_raw(identity.process.cast_signed()) else {
            return;
        };
        let Ok(handle) = pidfd_open(number, PidfdFlags::empty()) else {
            return;
        };
        if !is_alive(&identity) {
            return;
        }
        // A unit leads its own group; what it started belongs to it and goes with it.
        if signal == Signal::KILL && getpgid(Some(number)).is_ok_and(|group| group == number) {
            let _ = kill_process_group(number, signal);
        }
        let _ = pidfd_send_signal(handle, signal);
    }

    /// Bytes of resident memory of the process and what it started.
    pub fn resident_bytes(&mut self) -> Option<u64> {
        let number = self.number()?;
        Some(resident_bytes_of(number, 0))
    }
}

/// Names a living process.
pub fn identity_of_process(process: u32) -> Option<Identity> {
    Some(Identity {
        process,
        start_time: start_time(process)?,
        boot: boot()?,
    })
}

fn is_alive(identity: &Identity) -> bool {
    identity_of_process(identity.process).as_ref() == Some(identity)
}

fn boot() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(boot.trim().to_owned())
}

/// Field 22 of `/proc/<process>/stat`; none for a process that is dead and not yet reaped. The name
/// of the program, field 2, stands in parentheses and may itself hold spaces and parentheses.
fn start_time(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// What the processes hold of their own: pages of files, which the kernel takes back when it needs
/// room, do not count. Follows children to a depth that no honest tree of processes reaches.
fn resident_bytes_of(process: u32, depth: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kibibytes = |line: &str| {
        let size = line
            .strip_prefix("RssAnon:")
            .or_else(|| line.strip_prefix("RssShmem:"))?;
        size.split_whitespace().next()?.parse::<u64>().ok()
    };
    let own = status.lines().filter_map(kibibytes).sum::<u64>() * 1024;
    if depth >= 8 {
        return own;
    }
    let children = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(children).unwrap_or_default();
    let numbers = children.split_whitespace().filter_map(|n| n.parse().ok());
    own + numbers
        .map(|child| resident_bytes_of(child, depth + 1))
        .sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_of_the_same_number() {
        let own = identity_of_process(std::process::id()).expect("this process lives");
        assert!(is_alive(&own));
        let later = Identity {
            start_time: own.start_time + 1,
            ..own.clone()
        };
        assert!(!is_alive(&later));
        let rebooted = Identity {
            boot: "another".into(),
            ..own
        };
        assert!(!is_alive(&rebooted));
    }

    #[test]
    fn memory_that_is_touched_is_resident() {
        let before = resident_bytes_of(std::process::id(), 0);
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = resident_bytes_of(std::process::id(), 0);
        assert!(
            before > 0 && after >= before + (48 << 20),
            "{before} {after}"
        );
        drop(held);
    }
}
