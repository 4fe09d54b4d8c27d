//! Where records lie: an SQLite file, or memory for tests.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use mlinfra_api::Digest;
use mlinfra_seal::SealKey;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use crate::crash_point::crash_point;
use crate::fault::{StateFault, no_head, not_written, unreadable};
use crate::place;

/// The database's name in the state folder.
pub(crate) const DATABASE: &str = "state.db";
/// The head's name in the state folder.
pub(crate) const HEAD: &str = "head";
/// How long a reader waits for a writer's transaction.
const WAIT_MILLISECONDS: u64 = 5_000;

/// A record as it lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub sequence: u64,
    pub body: String,
    pub hash: [u8; 32],
}

/// The place of a record in the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub sequence: u64,
    pub hash: [u8; 32],
}

/// Everything that is read at once.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub meta: BTreeMap<String, String>,
    pub rows: Vec<Row>,
}

/// A state held in memory: it outlives the stores that are opened on it, as a disk would.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<MemoryContent>>);

#[derive(Default)]
struct MemoryContent {
    meta: BTreeMap<String, String>,
    rows: Vec<Row>,
    head: Option<Link>,
    key: Option<Arc<SealKey>>,
    locked: bool,
}

/// Where records lie.
pub(crate) enum Disk {
    Files {
        folder: PathBuf,
        connection: Connection,
    },
    Memory(Memory),
}

impl Link {
    /// The place of the record that follows.
    pub(crate) fn then(&self, body: &str) -> Link {
        let sequence = self.sequence + 1;
        let parts = [
            self.hash.as_slice(),
            &sequence.to_le_bytes(),
            body.as_bytes(),
        ];
        Link {
            sequence,
            hash: *Digest::of_parts(parts).bytes(),
        }
    }

    /// As it stands in the head, and in the journal's meta.
    pub(crate) fn to_text(self) -> String {
        format!("{} {}", self.sequence, hex::encode(self.hash))
    }

    /// Reads [`Link::to_text`], and nothing else.
    pub(crate) fn from_text(text: &str) -> Option<Link> {
        let (sequence, hash) = text.split_once(' ')?;
        let link = Link {
            sequence: sequence.parse().ok()?,
            hash: hex::decode(hash).ok()?.try_into().ok()?,
        };
        (link.to_text() == text).then_some(link)
    }
}

impl Memory {
    fn content(&self) -> MutexGuard<'_, MemoryContent> {
        self.0.lock().expect("nothing panics while it holds this")
    }

    /// Takes the lock; false if somebody has it.
    pub(crate) fn try_lock(&self) -> bool {
        !std::mem::replace(&mut self.content().locked, true)
    }

    pub(crate) fn unlock(&self) {
        self.content().locked = false;
    }

    pub(crate) fn key(&self) -> Arc<SealKey> {
        let mut content = self.content();
        let key = content
            .key
            .get_or_insert_with(|| Arc::new(SealKey::generate()));
        Arc::clone(key)
    }
}

impl Disk {
    /// Makes an empty database and opens it.
    pub(crate) fn create(folder: &Path) -> Result<Disk, StateFault> {
        let path = folder.join(DATABASE);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| place::read_only(&e))?;
        let connection = connect(&path)?;
        connection
            .execute_batch(
                "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
                 CREATE TABLE journal(
                   sequence INTEGER PRIMARY KEY, body TEXT NOT NULL, hash BLOB NOT NULL
                 ) STRICT;",
            )
            .map_err(fault)?;
        Ok(Disk::Files {
            folder: folder.to_owned(),
            connection,
        })
    }

    /// Opens what is there. A folder that can't be written is read as it stands.
    pub(crate) fn open(folder: &Path) -> Result<Disk, StateFault> {
        let path = folder.join(DATABASE);
        let connection = connect(&path).or_else(|_| connect_read_only(&path))?;
        Ok(Disk::Files {
            folder: folder.to_owned(),
            connection,
        })
    }

    /// Whether its making came as far as its tables.
    pub(crate) fn has_tables(&self) -> Result<bool, StateFault> {
        match self {
            Disk::Memory(memory) => Ok(!memory.content().rows.is_empty()),
            Disk::Files { connection, .. } => {
                let count = "SELECT count(*) FROM sqlite_master";
                let count: i64 = connection
                    .query_row(count, [], |row| row.get(0))
                    .map_err(fault)?;
                Ok(count > 0)
            }
        }
    }

    /// Meta, and the records above `after`, as of one instant.
    pub(crate) fn read(&mut self, after: u64) -> Result<Content, StateFault> {
        match self {
            Disk::Memory(memory) => {
                let content = memory.content();
                let above = |row: &&Row| row.sequence > after;
                Ok(Content {
                    meta: content.meta.clone(),
                    rows: content.rows.iter().filter(above).cloned().collect(),
                })
            }
            Disk::Files { connection, .. } => read(connection, after).map_err(fault),
        }
    }

    /// Appends rows and sets meta in one transaction, and returns when it is on the disk.
    pub(crate) fn write(
        &mut self,
        rows: &[Row],
        meta: &[(&str, String)],
        drop_below: Option<u64>,
    ) -> Result<(), StateFault> {
        match self {
            Disk::Memory(memory) => {
                let mut content = memory.content();
                content.rows.extend_from_slice(rows);
                for (name, value) in meta {
                    content.meta.insert((*name).to_owned(), value.clone());
                }
                if let Some(first) = drop_below {
                    content.rows.retain(|row| row.sequence >= first);
                }
                Ok(())
            }
            Disk::Files { connection, .. } => {
                crash_point();
                write(connection, rows, meta, drop_below).map_err(fault)?;
                crash_point();
                Ok(())
            }
        }
    }

    /// The head: the last record as told outside the database.
    pub(crate) fn head(&self) -> Result<Link, StateFault> {
        match self {
            Disk::Memory(memory) => memory.content().head.ok_or_else(|| no_head("is missing")),
            Disk::Files { folder, .. } => {
                let text = fs::read_to_string(folder.join(HEAD))
                    .map_err(|_| no_head("is missing or can't be read"))?;
                text.strip_suffix('\n')
                    .and_then(Link::from_text)
                    .ok_or_else(|| no_head("makes no sense"))
            }
        }
    }

    /// Makes the head that was written last survive a power cut.
    pub(crate) fn sync_folder(&self) -> Result<(), StateFault> {
        match self {
            Disk::Memory(_) => Ok(()),
            Disk::Files { folder, .. } => {
                sync(folder).map_err(|error| not_written(&error.to_string()))
            }
        }
    }

    /// Writes the head: temporary file, fsync, rename. The folder itself is not synced: after a
    /// power cut the head may be some writes behind, which is legal until their rows are dropped
    /// ([`Disk::sync_folder`]).
    pub(crate) fn write_head(&self, link: Link) -> Result<(), StateFault> {
        match self {
            Disk::Memory(memory) => {
                memory.content().head = Some(link);
                Ok(())
            }
            Disk::Files { folder, .. } => {
                let temporary = folder.join("head.new");
                write_synced(&temporary, &format!("{}\n", link.to_text()))
                    .and_then(|()| fs::rename(&temporary, folder.join(HEAD)))
                    .map_err(|error| not_written(&error.to_string()))?;
                crash_point();
                Ok(())
            }
        }
    }
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write_synced(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

fn connect(path: &Path) -> Result<Connection, StateFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection
        .busy_timeout(Duration::from_millis(WAIT_MILLISECONDS))
        .map_err(fault)?;
    // One fsync a commit: the write-ahead log, synced in full.
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .and_then(|()| connection.pragma_update(None, "synchronous", "FULL"))
        .and_then(|()| connection.pragma_update(None, "trusted_schema", false))
        .map_err(fault)?;
    Ok(connection)
}

fn connect_read_only(path: &Path) -> Result<Connection, StateFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let path = path
        .to_str()
        .ok_or_else(|| unreadable("its path is not UTF-8"))?;
    let escaped = path
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    let uri = format!("file:{escaped}?immutable=1");
    Connection::open_with_flags(uri, flags).map_err(fault)
}

fn read(connection: &mut Connection, after: u64) -> rusqlite::Result<Content> {
    let transaction = connection.transaction()?;
    let mut content = Content::default();
    {
        let mut meta = transaction.prepare_cached("SELECT name, value FROM meta")?;
        let mut found = meta.query([])?;
        while let Some(row) = found.next()? {
            content.meta.insert(row.get(0)?, row.get(1)?);
        }
        let mut journal = transaction.prepare_cached(
            "SELECT sequence, body, hash FROM journal WHERE sequence > ?1 ORDER BY sequence",
        )?;
        let mut found = journal.query(params![signed(after)])?;
        while let Some(row) = found.next()? {
            content.rows.push(Row {
                sequence: row.get::<_, i64>(0)?.unsigned_abs(),
                body: row.get(1)?,
                hash: row.get(2)?,
            });
        }
    }
    transaction.commit()?;
    Ok(content)
}

fn write(
    connection: &mut Connection,
    rows: &[Row],
    meta: &[(&str, String)],
    drop_below: Option<u64>,
) -> rusqlite::Result<()> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction
            .prepare_cached("INSERT INTO journal(sequence, body, hash) VALUES (?1, ?2, ?3)")?;
        for row in rows {
            insert.execute(params![signed(row.sequence), row.body, row.hash])?;
        }
        let mut set = transaction
            .prepare_cached("INSERT OR REPLACE INTO meta(name, value) VALUES (?1, ?2)")?;
        for (name, value) in meta {
            set.execute(params![name, value])?;
        }
        if let Some(first) = drop_below {
            transaction.execute(
                "DELETE FROM journal WHERE sequence < ?1",
                params![signed(first)],
            )?;
        }
    }
    transaction.commit()
}

/// SQLite's integers are signed; no journal is ever that long.
fn signed(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// SQLite's fault in our words. Its texts name neither cells nor values.
fn fault(error: rusqlite::Error) -> StateFault {
    let detail = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            place::read_only(&std::io::Error::other(detail))
        }
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => not_written(&detail),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StateFault::new("E0709", "the state is being written by somebody else")
                .with_help("try again")
                .passing()
        }
        Some(ErrorCode::CannotOpen) => unreadable("it is missing, or may not be opened"),
        _ => unreadable(&detail),
    }
}
