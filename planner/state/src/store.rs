//! A state, open: read, checked, locked, and written in groups.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlinfra_api::{Snapshot, Token};
use mlinfra_seal::SealKey;

use crate::disk::{DATABASE, Disk, Link, Memory, Row};
use crate::fault::{StateFault, changed, not_written, unreadable};
use crate::format;
use crate::journal::Record;
use crate::lock::Lock;
use crate::operations::{Holder, OperationRecord};
use crate::place;
use crate::replay::Replayed;
use crate::rules::Rule;
use crate::secret;
use crate::verify::{
    check_chain, check_head, integrity_fault, key_fault, link_of, refuse_copy, replay_all,
};

/// The file with the key that seals secrets, in the state folder.
pub(crate) const KEY: &str = "secret.key";
/// After so many records, and so many more for each resource, a checkpoint takes their place at the
/// end of an operation: its own cost then stays a small part of theirs.
const RECORDS_BETWEEN_CHECKPOINTS: u64 = 4_000;
const RECORDS_PER_RESOURCE: u64 = 3;

/// A state, open. Reading needs no lock; [`Store::stage`] and [`Store::commit`] do.
pub struct Store {
    disk: Disk,
    /// Whether what lies there has an older format than what will be written.
    is_older: bool,
    folder: Option<PathBuf>,
    key: Arc<SealKey>,
    replayed: Replayed,
    /// The last record on the disk.
    written: Link,
    /// The last record, staged ones included.
    tail: Link,
    staged: Vec<Row>,
    staged_words: Vec<&'static str>,
    last_words: Vec<&'static str>,
    head_is_behind: bool,
    records_since_checkpoint: u64,
    held: Option<Held>,
    broken: Option<Rule>,
    write_fault: Option<WriteFault>,
    writes: u64,
    dead: bool,
    faults: Vec<StateFault>,
}

/// For tests: the process "dies" at a write, so that nothing is written from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteFault {
    /// The write at which it happens; the first is 0.
    pub at: u64,
    /// Whether that write still reaches the disk (its head does not).
    pub written: bool,
}

enum Held {
    Files {
        _lock: Lock,
    },
    Memory(Memory),
    /// Only with the lock rule switched off.
    Nothing,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Held::Memory(memory) = self {
            memory.unlock();
        }
    }
}

impl Store {
    /// Opens and checks a state.
    ///
    /// # Errors
    /// E0701 to E0711: everything that would make working on it unsafe.
    pub fn open(folder: &Path) -> Result<Store, StateFault> {
        Store::open_with(folder, None)
    }

    /// As [`Store::open`], with one crash rule switched off: for the tests of the tests.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(folder: &Path, broken: Option<Rule>) -> Result<Store, StateFault> {
        let mut store = Store::read(folder, broken)?;
        match store.faults.is_empty() {
            true => Ok(store),
            false => Err(store.faults.swap_remove(0)),
        }
    }

    /// Opens a state as far as it can be read, to show it; [`Store::faults`] says what is wrong,
    /// and while anything is, it can't be locked.
    ///
    /// # Errors
    /// E0701 if there is nothing to read at all, E0706 for a newer format.
    pub fn open_unchecked(folder: &Path) -> Result<Store, StateFault> {
        Store::read(folder, None)
    }

    /// Opens a state in memory.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_in_memory(memory: &Memory, broken: Option<Rule>) -> Result<Store, StateFault> {
        let disk = Disk::Memory(memory.clone());
        let mut store = Store::load(disk, None, Some(memory.key()), broken)?;
        match store.faults.is_empty() {
            true => Ok(store),
            false => Err(store.faults.swap_remove(0)),
        }
    }

    fn read(folder: &Path, broken: Option<Rule>) -> Result<Store, StateFault> {
        if !folder.join(DATABASE).exists() {
            return Err(unreadable("there is no `state.db`"));
        }
        place::refuse_network(folder)?;
        let key = SealKey::read(&folder.join(KEY));
        let disk = Disk::open(folder)?;
        let fault = key.as_ref().err().map(key_fault);
        let key = key.ok().map(Arc::new);
        let mut store = Store::load(disk, Some(folder.to_owned()), key, broken)?;
        store.faults.extend(fault);
        Ok(store)
    }

    fn load(
        mut disk: Disk,
        folder: Option<PathBuf>,
        key: Option<Arc<SealKey>>,
        broken: Option<Rule>,
    ) -> Result<Store, StateFault> {
        // The head is read first: whoever writes meanwhile writes it last.
        let head = disk.head();
        let content = disk.read(0)?;
        format::check(content.meta.get("format").map(String::as_str))?;
        let mut faults = Vec::new();
        if let Some(folder) = &folder {
            faults.extend(refuse_copy(folder, &content.meta).err());
        }
        let base = content
            .meta
            .get("base")
            .and_then(|text| Link::from_text(text));
        let base = base.ok_or_else(|| unreadable("it does not say where it begins"))?;
        if content.rows.is_empty() {
            return Err(unreadable("it holds no record"));
        }
        let newborn = content.rows.len() == 1 && base.sequence == 0;
        if broken != Some(Rule::Chain) {
            faults.extend(check_chain(base, &content.rows).err());
            match head {
                Ok(head) => faults.extend(check_head(head, base, &content.rows).err()),
                // Its making was interrupted between the first record and the head.
                Err(_) if newborn => {}
                Err(fault) => faults.push(fault),
            }
        }
        let lineage = content.meta.get("lineage").cloned().unwrap_or_default();
        let mut replayed = Replayed::default();
        let since = replay_all(
            &mut replayed,
            &content,
            key.as_deref(),
            &lineage,
            &mut faults,
        );
        if replayed.snapshot.lineage != lineage {
            faults.push(changed(1));
        }
        if broken != Some(Rule::Integrity) {
            faults.extend(integrity_fault(&replayed));
        }
        let last = content.rows.last().map(link_of).unwrap_or(base);
        let is_older = content.meta.get("format") != Some(&format::FORMAT.to_string());
        Ok(Store {
            disk,
            folder,
            is_older,
            key: key.unwrap_or_else(|| Arc::new(SealKey::generate())),
            replayed,
            written: last,
            tail: last,
            staged: Vec::new(),
            staged_words: Vec::new(),
            last_words: Vec::new(),
            head_is_behind: true,
            records_since_checkpoint: since,
            held: None,
            broken,
            write_fault: None,
            writes: 0,
            dead: false,
            faults,
        })
    }

    /// What is wrong with a state that was opened unchecked.
    pub fn faults(&self) -> &[StateFault] {
        &self.faults
    }

    /// What exists, as last recorded; staged records count.
    pub fn snapshot(&self) -> &Snapshot {
        &self.replayed.snapshot
    }

    /// Everything that the records add up to.
    pub fn replayed(&self) -> &Replayed {
        &self.replayed
    }

    /// Every operation, oldest first.
    pub fn operations(&self) -> &[OperationRecord] {
        &self.replayed.operations
    }

    /// The key that seals secrets, from which other keys are derived.
    pub fn secret_key(&self) -> &SealKey {
        &self.key
    }

    /// The state folder (`.mlinfra`); none for a state in memory.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The folder of an operation: `.mlinfra/operations/op-17`.
    pub fn operation_folder(&self, operation: u64) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        let name = crate::operations::operation_name(operation);
        Some(folder.join("operations").join(name))
    }

    /// Takes the lock, reads what others wrote since, and mends a head that is behind. Does nothing
    /// if this store has the lock.
    ///
    /// # Errors
    /// E0709 (busy) if somebody has it; E0707 if the folder can't be written; what [`Store::open`]
    /// refuses.
    pub fn lock(&mut self, holder: &Holder) -> Result<(), StateFault> {
        if self.held.is_some() {
            return Ok(());
        }
        if let Some(fault) = self.faults.first() {
            return Err(fault.clone());
        }
        let held = match (&self.disk, &self.folder) {
            _ if self.broken == Some(Rule::Lock) => Held::Nothing,
            (Disk::Memory(memory), _) => match memory.try_lock() {
                true => Held::Memory(memory.clone()),
                false => return Err(StateFault::new("E0709", "the state is locked").passing()),
            },
            (Disk::Files { folder, .. }, _) => Held::Files {
                _lock: Lock::take(folder, holder)?,
            },
        };
        self.reload()?;
        self.held = Some(held);
        self.head_is_behind = self.disk.head().ok() != Some(self.written);
        self.anchor()
    }

    /// Whether this store has the lock.
    pub fn is_locked(&self) -> bool {
        self.held.is_some()
    }

    /// Frees the lock. What is staged still is written first: it happened. Does nothing if this
    /// store does not have the lock.
    ///
    /// # Errors
    /// E0712 if it or the head can't be written; the lock is free all the same.
    pub fn unlock(&mut self) -> Result<(), StateFault> {
        if self.held.is_none() {
            return Ok(());
        }
        let written = match self.dead {
            // Whoever wrote last was told so already.
            true => Ok(()),
            false => self.flush().and_then(|()| self.anchor()),
        };
        self.staged.clear();
        self.staged_words.clear();
        self.held = None;
        written
    }

    /// Reads what others wrote since.
    ///
    /// # Errors
    /// What [`Store::open`] refuses.
    pub fn reload(&mut self) -> Result<(), StateFault> {
        assert!(
            self.staged.is_empty(),
            "staged records are flushed before reading again"
        );
        let content = self.disk.read(self.written.sequence)?;
        let base = content
            .meta
            .get("base")
            .and_then(|text| Link::from_text(text));
        let base = base.ok_or_else(|| unreadable("it does not say where it begins"))?;
        if base.sequence > self.written.sequence {
            return self.load_again();
        }
        if self.broken != Some(Rule::Chain) {
            check_chain(self.written, &content.rows)?;
        }
        let lineage = self.replayed.snapshot.lineage.clone();
        let mut faults = Vec::new();
        let key = Arc::clone(&self.key);
        replay_all(
            &mut self.replayed,
            &content,
            Some(&*key),
            &lineage,
            &mut faults,
        );
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
        self.records_since_checkpoint += content.rows.len() as u64;
        self.written = content.rows.last().map(link_of).unwrap_or(self.written);
        self.tail = self.written;
        Ok(())
    }

    fn load_again(&mut self) -> Result<(), StateFault> {
        let disk = match &self.disk {
            Disk::Memory(memory) => Disk::Memory(memory.clone()),
            Disk::Files { folder, .. } => Disk::open(folder)?,
        };
        let key = Some(Arc::clone(&self.key));
        let fresh = Store::load(disk, self.folder.clone(), key, self.broken)?;
        if let Some(fault) = fresh.faults.first() {
            return Err(fault.clone());
        }
        self.is_older = fresh.is_older;
        self.replayed = fresh.replayed;
        self.written = fresh.written;
        self.tail = fresh.tail;
        self.records_since_checkpoint = fresh.records_since_checkpoint;
        Ok(())
    }

    /// Adds a record to what [`Store::flush`] will write next. The snapshot shows it at once;
    /// nothing may be done because of it before it is flushed.
    ///
    /// # Errors
    /// E0710 if the record can't follow what is there: our bug.
    ///
    /// # Panics
    /// Without the lock.
    pub fn stage(&mut self, mut record: Record) -> Result<(), StateFault> {
        assert!(self.held.is_some(), "only the holder of the lock writes");
        self.alive()?;
        self.replayed.add(&record).map_err(|why| {
            StateFault::new("E0710", format!("a record does not fit the state: {why}"))
                .with_help("this is a fault of mlinfra itself: please report it")
        })?;
        if self.broken != Some(Rule::Sealing) {
            secret::seal_record(&mut record, &self.key, &self.replayed.snapshot.lineage);
        }
        let body = match self.broken {
            Some(Rule::Sealing) => secret::plain_body(&record),
            _ => serde_json::to_string(&record).expect("a record is plain data"),
        };
        self.tail = self.tail.then(&body);
        self.staged_words.push(record.word());
        self.staged.push(Row {
            sequence: self.tail.sequence,
            body,
            hash: self.tail.hash,
        });
        Ok(())
    }

    /// Writes what is staged, in one transaction with one fsync. [`Store::anchor`] should follow
    /// once whatever waited for this write is under way.
    ///
    /// # Errors
    /// E0712: from then on this store writes nothing any more.
    pub fn flush(&mut self) -> Result<(), StateFault> {
        self.alive()?;
        if self.staged.is_empty() {
            return Ok(());
        }
        if self.head_is_behind {
            self.anchor()?;
        }
        self.last_words = std::mem::take(&mut self.staged_words);
        let rows = std::mem::take(&mut self.staged);
        self.write(&rows, &[], None)
    }

    /// One transaction; a test may have the process die before or after it.
    fn write(
        &mut self,
        rows: &[Row],
        meta: &[(&str, String)],
        drop_below: Option<u64>,
    ) -> Result<(), StateFault> {
        let fault = self.write_fault.filter(|fault| fault.at == self.writes);
        self.writes += 1;
        if fault.is_some_and(|fault| !fault.written) {
            self.dead = true;
            return self.alive();
        }
        let mut meta = meta.to_vec();
        if std::mem::take(&mut self.is_older) {
            meta.push(("format", format::FORMAT.to_string()));
        }
        if let Err(error) = self.disk.write(rows, &meta, drop_below) {
            self.dead = true;
            return Err(error);
        }
        if !rows.is_empty() {
            self.records_since_checkpoint += rows.len() as u64;
            self.written = self.tail;
            self.head_is_behind = true;
        }
        self.dead = fault.is_some();
        self.alive()
    }

    /// Writes the head, so that a cut tail is noticed.
    ///
    /// # Errors
    /// E0712.
    pub fn anchor(&mut self) -> Result<(), StateFault> {
        self.alive()?;
        if self.head_is_behind {
            self.disk.write_head(self.written)?;
            self.head_is_behind = false;
        }
        Ok(())
    }

    /// Stages, flushes and anchors.
    ///
    /// # Errors
    /// E0710, E0712.
    pub fn commit(&mut self, records: Vec<Record>) -> Result<(), StateFault> {
        for record in records {
            self.stage(record)?;
        }
        self.flush()?;
        self.anchor()
    }

    /// If many records came since the last checkpoint: writes one, reads it back, and only then
    /// drops what is before it. Each step is one transaction, so that it can be cut off anywhere.
    ///
    /// # Errors
    /// E0712; E0710 if what was read back differs (nothing is dropped then).
    pub fn compact_if_long(&mut self) -> Result<(), StateFault> {
        let resources = self.snapshot().resources.len() as u64;
        let enough = RECORDS_BETWEEN_CHECKPOINTS + RECORDS_PER_RESOURCE * resources;
        if self.records_since_checkpoint < enough {
            return Ok(());
        }
        self.compact()
    }

    /// As [`Store::compact_if_long`], always.
    ///
    /// # Errors
    /// As there.
    pub fn compact(&mut self) -> Result<(), StateFault> {
        let before = self.written;
        let state = Box::new(self.replayed.clone());
        self.commit(vec![Record::Checkpoint { state }])?;
        let content = self.disk.read(before.sequence)?;
        let mut read_back = Replayed::default();
        let mut faults = Vec::new();
        let lineage = self.replayed.snapshot.lineage.clone();
        replay_all(
            &mut read_back,
            &content,
            Some(&self.key),
            &lineage,
            &mut faults,
        );
        if read_back != self.replayed || !faults.is_empty() {
            return Err(
                StateFault::new("E0710", "a checkpoint does not read back as written")
                    .with_help("nothing was dropped; please report this"),
            );
        }
        // A head from before the checkpoint would name a record that is gone.
        self.disk.sync_folder()?;
        let base = ("base", before.to_text());
        self.write(&[], &[base], Some(before.sequence + 1))?;
        self.records_since_checkpoint = 0;
        Ok(())
    }

    /// Decides a stuck call as a person says: something with this name stands for it, or nothing
    /// does.
    ///
    /// # Errors
    /// E0710 if no such call is open; E0712.
    pub fn decide(
        &mut self,
        token: &Token,
        adopted: Option<String>,
        who: &str,
    ) -> Result<(), StateFault> {
        self.commit(vec![Record::Decided {
            token: token.clone(),
            adopted,
            who: who.to_owned(),
        }])
    }

    /// For tests: dies at a write.
    pub fn set_write_fault(&mut self, fault: Option<WriteFault>) {
        self.write_fault = fault;
        self.writes = 0;
    }

    /// How many writes there were since [`Store::set_write_fault`], or since it was opened.
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// What kinds of records the last write held, or would have held.
    pub fn last_write(&self) -> &[&'static str] {
        &self.last_words
    }

    /// The crash rule that is switched off, if one is.
    pub fn broken_rule(&self) -> Option<Rule> {
        self.broken
    }

    fn alive(&self) -> Result<(), StateFault> {
        match self.dead {
            false => Ok(()),
            true => Err(not_written("an earlier write failed")),
        }
    }
}
