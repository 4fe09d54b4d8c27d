//! The kernel's lock on a state: it frees itself when its holder dies.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::fault::StateFault;
use crate::operations::Holder;
use crate::place;

/// How often, and how far apart, a lock is tried for that others hold for an instant only.
const TRIES: u32 = 200;
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// A held lock. Dropping it frees it.
#[derive(Debug)]
pub struct Lock {
    file: File,
    note: Option<PathBuf>,
}

impl Lock {
    /// Takes the lock of a state folder and leaves a note beside it that says who has it. The note
    /// is for people alone: nothing decides by it.
    ///
    /// # Errors
    /// E0709 (busy) with the note's content if somebody has it; E0707 if it can't be made.
    pub(crate) fn take(folder: &Path, holder: &Holder) -> Result<Lock, StateFault> {
        let mut lock = Lock::bare(folder)?;
        let note = folder.join("lock.json");
        let text = serde_json::to_string(holder).expect("a holder is plain texts");
        write_private(&note, &text).map_err(|e| place::read_only(&e))?;
        lock.note = Some(note);
        Ok(lock)
    }

    /// As [`Lock::take`], without a note: for what takes an instant.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn bare(folder: &Path) -> Result<Lock, StateFault> {
        place::refuse_read_only(folder)?;
        let file = open(&folder.join("lock")).map_err(|e| place::read_only(&e))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { file, note: None }),
            Err(TryLockError::WouldBlock) => Err(busy(&folder.join("lock.json"))),
            Err(TryLockError::Error(error)) => Err(place::read_only(&error)),
        }
    }

    /// Takes the lock of a state folder as soon as it is free; none once `is_settled` says that
    /// there is nothing left to wait for.
    ///
    /// # Errors
    /// As [`Lock::bare`]; E0709 after two seconds.
    pub(crate) fn unless(
        folder: &Path,
        is_settled: impl Fn() -> bool,
    ) -> Result<Option<Lock>, StateFault> {
        let mut tries = 0;
        loop {
            if is_settled() {
                return Ok(None);
            }
            match Lock::bare(folder) {
                Ok(lock) => return Ok(Some(lock)),
                Err(fault) if fault.busy && tries < TRIES => {}
                Err(fault) => return Err(fault),
            }
            tries += 1;
            sleep(TRY_AGAIN);
        }
    }

    /// Takes the lock that says "the executor of this operation lives".
    ///
    /// # Errors
    /// E0709 if it does already; E0707 if the lock can't be made.
    pub fn of_executor(operation_folder: &Path) -> Result<Lock, StateFault> {
        place::make(operation_folder)?;
        let file = open(&operation_folder.join("executor")).map_err(|e| place::read_only(&e))?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { file, note: None }),
                // Somebody may only be looking whether it is held.
                Err(TryLockError::WouldBlock) if tries < TRIES => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(busy(&operation_folder.join("none")));
                }
                Err(TryLockError::Error(error)) => return Err(place::read_only(&error)),
            }
            tries += 1;
            sleep(TRY_AGAIN);
        }
    }

    /// Whether the executor of the operation with this folder is alive. Any number may ask at
    /// once: they share the lock for that instant.
    pub fn executor_lives(operation_folder: &Path) -> bool {
        let Ok(file) = File::open(operation_folder.join("executor")) else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(note) = &self.note {
            // The note goes first: once the lock is free, it may be another's.
            drop(fs::remove_file(note));
        }
        drop(self.file.unlock());
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn busy(note: &Path) -> StateFault {
    let holder: Option<Holder> = fs::read_to_string(note)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok());
    let who = holder.map_or_else(|| "somebody else".into(), |holder| holder.to_string());
    StateFault::new("E0709", format!("the state is locked by {who}"))
        .with_help("wait until that ends, then try again; a lock whose holder died is free")
        .passing()
}
