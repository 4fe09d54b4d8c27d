//! A state's beginnings: made new, forked from a copy, or at home in another folder.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mlinfra_api::Digest;
use mlinfra_seal::SealKey;

use crate::disk::{DATABASE, Disk, HEAD, Link, Memory, Row};
use crate::fault::StateFault;
use crate::format::FORMAT;
use crate::journal::Record;
use crate::lock::Lock;
use crate::place::{self, Mark};
use crate::replay::Replayed;
use crate::store::{KEY, Store};
use crate::verify::{COPIED, key_fault};

impl Store {
    /// Whether this folder (`.mlinfra`) holds a state. What a creation left that was interrupted
    /// before its first record is none.
    pub fn exists(folder: &Path) -> bool {
        if folder.join(HEAD).exists() {
            return true;
        }
        if !folder.join(DATABASE).exists() {
            return false;
        }
        // It may be being made right now. Without the lock it is looked at as it stands.
        let lock = Lock::unless(folder, || folder.join(HEAD).exists());
        let exists = Store::is_born(folder);
        drop(lock);
        exists
    }

    fn is_born(folder: &Path) -> bool {
        if folder.join(HEAD).exists() {
            return true;
        }
        if !folder.join(DATABASE).exists() {
            return false;
        }
        let born = Disk::open(folder).and_then(|mut disk| match disk.has_tables()? {
            true => Ok(!disk.read(0)?.rows.is_empty()),
            false => Ok(false),
        });
        // What can't be read is not thrown away.
        born.unwrap_or(true)
    }

    /// Makes an empty state in this folder, with a lineage and a key of its own. Of several that
    /// do so at once, one makes it and the others open what that one made.
    ///
    /// # Errors
    /// E0713 if there is one of another project or environment; E0707, E0708 if the folder is no
    /// place for one; E0709 if somebody has its lock; what [`Store::open`] refuses.
    pub fn create(folder: &Path, project: &str, environment: &str) -> Result<Store, StateFault> {
        place::make(folder)?;
        place::refuse_network(folder)?;
        place::refuse_read_only(folder)?;
        let lock = Lock::unless(folder, || folder.join(HEAD).exists())?;
        if lock.is_none() || Store::is_born(folder) {
            let there = Store::open(folder)?;
            let replayed = there.replayed();
            if replayed.project == project && replayed.environment == environment {
                return Ok(there);
            }
            return Err(StateFault::new("E0713", "there is a state here already")
                .with_help("use it, or remove `.mlinfra` once nothing of it runs any more"));
        }
        let made = Store::make(folder, project, environment);
        drop(lock);
        made
    }

    /// Makes a state where there is none, under the lock.
    fn make(folder: &Path, project: &str, environment: &str) -> Result<Store, StateFault> {
        for leftover in ["state.db", "state.db-wal", "state.db-shm"] {
            drop(fs::remove_file(folder.join(leftover)));
        }
        let key_path = folder.join(KEY);
        if !key_path.exists() {
            SealKey::generate()
                .write_new(&key_path)
                .map_err(|e| key_fault(&e))?;
        }
        let mark = Mark::of(folder).map_err(|e| place::read_only(&e))?;
        let disk = Disk::create(folder)?;
        let key = Arc::new(SealKey::read(&key_path).map_err(|e| key_fault(&e))?);
        Self::begin(disk, key, project, environment, &mark.to_text())?;
        Store::open(folder)
    }

    /// Makes an empty state in memory, for tests: no lock file, no folder, no fsync.
    ///
    /// # Errors
    /// None that a test expects.
    pub fn create_in_memory(memory: &Memory, project: &str) -> Result<Store, StateFault> {
        let disk = Disk::Memory(memory.clone());
        Self::begin(disk, memory.key(), project, "test", "")?;
        Store::open_in_memory(memory, None)
    }

    fn begin(
        mut disk: Disk,
        key: Arc<SealKey>,
        project: &str,
        environment: &str,
        mark: &str,
    ) -> Result<(), StateFault> {
        let lineage = new_lineage(&key);
        let record = Record::Created {
            format: FORMAT,
            lineage: lineage.clone(),
            project: project.to_owned(),
            environment: environment.to_owned(),
        };
        let body = serde_json::to_string(&record).expect("this record is plain texts");
        let link = Link::default().then(&body);
        let row = Row {
            sequence: link.sequence,
            body,
            hash: link.hash,
        };
        let meta = [
            ("format", FORMAT.to_string()),
            ("lineage", lineage),
            ("base", Link::default().to_text()),
            ("folder", mark.to_owned()),
        ];
        disk.write(&[row], &meta, None)?;
        disk.write_head(link)
    }

    /// Gives a copied state folder an identity of its own: a new lineage, and nothing recorded in
    /// it, since all that was recorded belongs to the original. What was there is kept in
    /// `forked-from-<lineage>`, and what its units were started from beside that, so that nothing
    /// starts them from here.
    ///
    /// # Errors
    /// E0724 if it is not a copy, E0701 if it can't be read, E0707 if it can't be written, E0709 if
    /// somebody has its lock.
    pub fn fork(folder: &Path) -> Result<Store, StateFault> {
        let lock = Lock::bare(folder)?;
        let old = Store::open_unchecked(folder)?;
        if !old.faults().iter().any(|fault| fault.code == COPIED) {
            return Err(
                StateFault::new("E0724", "this state folder is not a copy").with_help(
                    "nothing was changed; fork in the folder that was copied from this one",
                ),
            );
        }
        let Replayed {
            project,
            environment,
            snapshot,
            ..
        } = old.replayed().clone();
        drop(old);
        let short: String = snapshot.lineage.chars().take(8).collect();
        // First of all: until these are gone, an agent here would start the copied units.
        for name in ["agent", "units", "operations"] {
            let aside = folder.join(format!("forked-from-{short}-{name}"));
            move_aside(&folder.join(name), &aside)?;
        }
        let aside = folder.join(format!("forked-from-{short}"));
        place::make(&aside)?;
        // The head goes first: from here on until the end, this is the rest of a creation.
        for name in [HEAD, "state.db-wal", "state.db-shm", DATABASE] {
            move_aside(&folder.join(name), &aside.join(name))?;
        }
        let made = Store::make(folder, &project, &environment);
        drop(lock);
        made
    }

    /// Says that a state folder was moved, not copied: the original is gone.
    ///
    /// # Errors
    /// E0701, E0707.
    pub fn rehome(folder: &Path) -> Result<Store, StateFault> {
        place::refuse_read_only(folder)?;
        let mark = Mark::of(folder).map_err(|e| place::read_only(&e))?;
        let mut disk = Disk::open(folder)?;
        disk.write(&[], &[("folder", mark.to_text())], None)?;
        drop(disk);
        Store::open(folder)
    }
}

/// Renames what is there. A name that an earlier fork took is left alone: the next one is used.
fn move_aside(from: &Path, to: &Path) -> Result<(), StateFault> {
    if !from.exists() {
        return Ok(());
    }
    let mut free = to.to_owned();
    let mut number = 1;
    while free.exists() {
        number += 1;
        free.set_file_name(format!(
            "{}-{number}",
            to.file_name().unwrap_or_default().display()
        ));
    }
    fs::rename(from, free).map_err(|e| place::read_only(&e))
}

/// 32 hex digits that no other state has: drawn from the system through a fresh key.
fn new_lineage(key: &SealKey) -> String {
    let fresh = SealKey::generate();
    let drawn = mlinfra_seal::keyed_digest(&fresh, b"lineage");
    let bound = mlinfra_seal::keyed_digest(key, drawn.as_bytes());
    Digest::of(bound.as_bytes()).to_string()[..32].to_owned()
}
