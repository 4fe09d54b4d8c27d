//! The files in a unit's folder: written whole or not at all, read with a limit.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use mlinfra_runtime_spec::{ExitRecord, UnitSpec, UnitStatus};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// No file of a unit but its log is larger.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How often a unit's process was started, so that a new agent goes on counting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Starts so far.
    pub started: u32,
    /// A service that died too often: why it is left alone.
    #[serde(default)]
    pub crash_loop: Option<String>,
}

/// Names a process so that another one with the same number is told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process.
    pub process: u32,
    /// When it started, in the kernel's clock ticks after boot.
    pub start_time: u64,
    /// The boot that this holds for.
    pub boot: String,
}

/// The paths inside one unit's folder.
#[derive(Clone, Debug)]
pub struct UnitFolder(PathBuf);

impl UnitFolder {
    /// The folder at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        UnitFolder(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.file("out.log")
    }

    /// What the unit was told.
    pub fn spec(&self) -> io::Result<Option<UnitSpec>> {
        read_json(&self.file("unit.json"))
    }

    /// What the unit last told.
    pub fn status(&self) -> Option<UnitStatus> {
        read_json(&self.file("status.json")).ok().flatten()
    }

    /// The record of the end: the unit's own, else the agent's.
    pub fn exit(&self) -> Option<ExitRecord> {
        let own = read_json(&self.file("exit.json")).ok().flatten();
        own.or_else(|| read_json(&self.file("killed.json")).ok().flatten())
    }

    /// How often the process was started.
    pub fn attempts(&self) -> Attempts {
        let read = read_json(&self.file("attempts.json"));
        read.ok().flatten().unwrap_or_default()
    }

    /// The process that was started last.
    pub fn identity(&self) -> Option<Identity> {
        read_json(&self.file("process.json")).ok().flatten()
    }

    /// Removes one file, if it is there.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Opens the lock file, without locking it.
    pub fn open_lock(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.mode(0o600).open(self.file("lock"))
    }

    /// Locks the lock file; `None` while somebody else, the unit, holds it.
    pub fn try_lock(&self) -> io::Result<Option<File>> {
        let lock = self.open_lock()?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Makes a folder and those above it, for this user alone.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Device and inode: whether two paths, or one path at two times, are the same file.
pub fn identity_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Replaces a file by a value as JSON: readers see the old or the new one, and after a power cut
/// one of both is there. The mode is 0600.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(value).map_err(io::Error::other)?;
    let temporary = path.with_extension("json.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder(path)
}

/// The same for files that are written often and matter only while the process lives: a power cut
/// may lose it.
pub fn write_json_lightly(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(value).map_err(io::Error::other)?;
    let temporary = path.with_extension("json.next");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&temporary)?.write_all(&bytes)?;
    fs::rename(&temporary, path)
}

/// Makes a rename in the folder of `path` durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads a JSON file of at most [`FILE_BYTES_MAX`] bytes; `None` if there is none.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    let value = serde_json::from_slice(&bytes);
    value
        .map(Some)
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_and_the_file_is_private() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("attempts.json");
        let attempts = Attempts {
            started: 2,
            crash_loop: Some("x".into()),
        };
        write_json(&path, &attempts).expect("written");
        assert_eq!(read_json(&path).expect("read"), Some(attempts));
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_file_that_is_too_large_or_broken_is_an_error() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("x.json");
        assert_eq!(read_json::<Attempts>(&path).expect("absent"), None);
        fs::write(&path, "{").expect("written");
        let kind = |path: &Path| read_json::<Attempts>(path).expect_err("refused").kind();
        assert_eq!(kind(&path), io::ErrorKind::InvalidData);
        fs::write(&path, vec![b' '; FILE_BYTES_MAX as usize + 1]).expect("written");
        assert_eq!(kind(&path), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_lock_is_held_until_its_last_handle_is_closed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let unit = UnitFolder::new(folder.path());
        let lock = unit.try_lock().expect("opened").expect("free");
        let inherited = lock.try_clone().expect("cloned");
        drop(lock);
        assert!(unit.try_lock().expect("opened").is_none());
        drop(inherited);
        assert!(unit.try_lock().expect("opened").is_some());
    }
}
