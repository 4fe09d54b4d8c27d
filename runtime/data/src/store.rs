//! A folder of objects: whole reads, atomic writes, sealed where the store has a key.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use mlinfra_runtime_spec::StoreReference;
use mlinfra_seal::{SealFault, SealKey};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::StepFault;
use crate::codes;

/// The most bytes of an object's name.
const NAME_BYTES_MAX: usize = 1024;
/// The most bytes of one of its parts, which is a file's name behind [`TEMPORARY`].
const PART_BYTES_MAX: usize = 200;
/// What the name of a file being written begins with. No object's part begins with a point.
const TEMPORARY: &str = ".tmp-";

const FOLDER_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A store on this host, opened. Every call goes to the disk: nothing is kept but the key.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    key: Option<SealKey>,
    capacity: Option<u64>,
}

impl Store {
    /// Opens a store. Its folder is made by the first write, if there is none.
    ///
    /// # Errors
    /// E0624 if it has a key file that can't be used.
    pub fn open(reference: &StoreReference) -> Result<Self, StepFault> {
        let read_key = |path: &PathBuf| {
            SealKey::read(path)
                .map(|key| key.derive(mlinfra_runtime_spec::STORE_KEY_LABEL))
                .map_err(|fault| {
                    StepFault::new(codes::STORE_KEY, fault.to_string()).with_help(
                        "put the key file back as it was: without it nothing in the store opens",
                    )
                })
        };
        Ok(Store {
            folder: reference.folder.clone(),
            key: reference.key_file.as_ref().map(read_key).transpose()?,
            capacity: reference.capacity,
        })
    }

    /// Whether its objects are sealed: nothing of them may reach the disk in the clear.
    pub fn is_sealed(&self) -> bool {
        self.key.is_some()
    }

    /// Reads a whole object.
    ///
    /// # Errors
    /// E0626 if it is not there, E0620 if it was changed, E0625 if it is not sealed as its store
    /// says, E0621 for a name that is none, E0623 if the disk fails.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, StepFault> {
        let absent = || {
            StepFault::new(
                codes::ARTIFACT_ABSENT,
                format!("the store {} has no object {name}", self.folder.display()),
            )
            .with_help("plan again: what is missing is made anew")
        };
        let mut file = self.open_object(name)?.ok_or_else(absent)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|error| self.failed("reading", name, error))?;
        let Some(key) = &self.key else {
            return match mlinfra_seal::is_sealed(&bytes) {
                true => Err(self.sealing(name, "is sealed, but its store has no key")),
                false => Ok(bytes),
            };
        };
        mlinfra_seal::open(key, name.as_bytes(), &bytes).map_err(|fault| match fault {
            _ if !mlinfra_seal::is_sealed(&bytes) && !bytes.is_empty() => {
                self.sealing(name, "is not sealed, but its store is encrypted")
            }
            SealFault::Broken | SealFault::Range => self.broken(name),
            other => StepFault::new(codes::STORE_IO, other.to_string()),
        })
    }

    /// Writes a whole object, in the place of one of the same name. It is there whole or not at
    /// all, and durable when this returns.
    ///
    /// # Errors
    /// E0622 if the store would hold more than its capacity, E0621 for a name that is none, E0623
    /// if the disk fails.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StepFault> {
        let (folders, file_name) = split_name(name)?;
        let failed = |error: io::Error| self.failed("writing", name, error);
        self.make_folder().map_err(failed)?;
        let root = self.open_root().map_err(|e| failed(e.into()))?;
        // One writer at a time: the sum of the sizes holds, and any file left half-written in the
        // folder is of a writer that is gone.
        rustix::fs::flock(&root, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        let folder = descend(root.try_clone().map_err(failed)?, &folders, true)
            .map_err(|error| self.folder_fault(name, error))?
            .expect("a missing folder is made");
        sweep(&folder).map_err(|e| failed(e.into()))?;
        let sealed = self
            .key
            .as_ref()
            .map(|key| mlinfra_seal::seal(key, name.as_bytes(), bytes));
        let bytes = sealed.as_deref().unwrap_or(bytes);
        self.check_capacity(name, bytes.len() as u64)?;
        let temporary = format!("{TEMPORARY}{file_name}");
        let written = write_file(&folder, &temporary, bytes).and_then(|()| {
            rustix::fs::renameat(&folder, &temporary, &folder, file_name)?;
            rustix::fs::fsync(&folder)
        });
        if written.is_err() {
            // The first error is the one to report.
            let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
        }
        written.map_err(|error| failed(error.into()))
    }

    /// Whether there is an object of this name. Says nothing of its soundness.
    ///
    /// # Errors
    /// E0621 for a name that is none, E0623 if the disk fails.
    pub fn exists(&self, name: &str) -> Result<bool, StepFault> {
        Ok(self.open_object(name)?.is_some())
    }

    /// How many bytes an object has when read; none if it is not there, or has a length that no
    /// object of this store has.
    ///
    /// # Errors
    /// As for [`Store::exists`].
    pub fn length(&self, name: &str) -> Result<Option<u64>, StepFault> {
        let Some(file) = self.open_object(name)? else {
            return Ok(None);
        };
        let metadata = file
            .metadata()
            .map_err(|error| self.failed("reading", name, error))?;
        Ok(match self.key {
            Some(_) => mlinfra_seal::plain_length(metadata.len()),
            None => Some(metadata.len()),
        })
    }

    /// The names of the objects that begin with `prefix`, in order.
    ///
    /// # Errors
    /// E0623 if the disk fails.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>, StepFault> {
        let mut names = Vec::new();
        walk(&self.folder, "", &mut |name, _| {
            if name.starts_with(prefix) {
                names.push(name.to_owned());
            }
        })
        .map_err(|error| self.failed("listing", prefix, error))?;
        names.sort();
        Ok(names)
    }

    /// Removes an object; fine if there is none.
    ///
    /// # Errors
    /// E0621 for a name that is none, E0623 if the disk fails.
    pub fn remove(&self, name: &str) -> Result<(), StepFault> {
        let (folders, file_name) = split_name(name)?;
        let Some(folder) = self.open_folder(name, &folders)? else {
            return Ok(());
        };
        match rustix::fs::unlinkat(&folder, file_name, AtFlags::empty()) {
            Ok(()) => rustix::fs::fsync(&folder),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(|error| self.failed("removing", name, error.into()))
    }

    /// The fault of an object whose bytes are not what was written.
    pub(crate) fn broken(&self, name: &str) -> StepFault {
        StepFault::new(
            codes::OBJECT_BROKEN,
            format!(
                "the object {name} in the store {} is not what was written there",
                self.folder.display()
            ),
        )
        .with_help("remove the object and apply again: it is made anew from its recipe")
    }

    fn sealing(&self, name: &str, problem: &str) -> StepFault {
        StepFault::new(
            codes::STORE_SEALING,
            format!(
                "the object {name} in the store {} {problem}",
                self.folder.display()
            ),
        )
        .with_help("a store is encrypted as a whole or not at all: remove the object and apply")
    }

    fn failed(&self, doing: &str, name: &str, error: io::Error) -> StepFault {
        StepFault::new(
            codes::STORE_IO,
            format!(
                "{doing} {name} in the store {}: {error}",
                self.folder.display()
            ),
        )
    }

    fn folder_fault(&self, name: &str, error: Errno) -> StepFault {
        match error {
            Errno::LOOP | Errno::NOTDIR => StepFault::new(
                codes::OBJECT_NAME,
                format!(
                    "the object {name} in the store {} lies behind a link or a file",
                    self.folder.display()
                ),
            )
            .with_help("a store's folder holds folders and files only: remove the link"),
            other => self.failed("opening", name, other.into()),
        }
    }

    /// Makes the store's own folder, durably, if there is none.
    fn make_folder(&self) -> io::Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        match self.folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }

    fn open_root(&self) -> Result<OwnedFd, Errno> {
        // The store's own folder may be reached through a link of the user's.
        let flags = FOLDER_FLAGS.difference(OFlags::NOFOLLOW);
        rustix::fs::open(&self.folder, flags, Mode::empty())
    }

    fn open_folder(&self, name: &str, folders: &[&str]) -> Result<Option<OwnedFd>, StepFault> {
        match self.open_root() {
            Ok(root) => descend(root, folders, false),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
        .map_err(|error| self.folder_fault(name, error))
    }

    fn open_object(&self, name: &str) -> Result<Option<File>, StepFault> {
        let (folders, file_name) = split_name(name)?;
        let Some(folder) = self.open_folder(name, &folders)? else {
            return Ok(None);
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match rustix::fs::openat(&folder, file_name, flags, Mode::empty()) {
            Ok(handle) => {
                let file = File::from(handle);
                let metadata = file
                    .metadata()
                    .map_err(|error| self.failed("reading", name, error))?;
                match metadata.is_file() {
                    true => Ok(Some(file)),
                    false => Err(self.folder_fault(name, Errno::NOTDIR)),
                }
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.folder_fault(name, error)),
        }
    }

    fn check_capacity(&self, name: &str, added: u64) -> Result<(), StepFault> {
        let Some(capacity) = self.capacity else {
            return Ok(());
        };
        let mut used = 0;
        walk(&self.folder, "", &mut |other, length| {
            if other != name {
                used += length;
            }
        })
        .map_err(|error| self.failed("measuring", name, error))?;
        if used + added <= capacity {
            return Ok(());
        }
        Err(StepFault::new(
            codes::STORE_FULL,
            format!(
                "the store {} holds {used} of {capacity} bytes and has no room for {added} more",
                self.folder.display()
            ),
        )
        .with_help("raise the storage's `capacity`, or remove artifacts that nothing needs"))
    }
}

/// The folders and the file of an object's name.
fn split_name(name: &str) -> Result<(Vec<&str>, &str), StepFault> {
    let sound = |part: &&str| {
        !part.is_empty()
            && part.len() <= PART_BYTES_MAX
            && !part.starts_with('.')
            && !part.contains(|letter: char| letter.is_control() || letter == '\\')
    };
    let mut parts: Vec<&str> = name.split('/').collect();
    if name.len() > NAME_BYTES_MAX || !parts.iter().all(sound) {
        return Err(StepFault::new(
            codes::OBJECT_NAME,
            format!("{:?} can't be the name of an object", shortened(name)),
        )
        .with_help("a name is a relative path whose parts do not begin with a point"));
    }
    let file = parts
        .pop()
        .expect("splitting a text gives one part at least");
    Ok((parts, file))
}

fn shortened(name: &str) -> String {
    name.chars().take(80).collect()
}

/// Opens the folder below `folder` along `parts`, never through a link.
fn descend(mut folder: OwnedFd, parts: &[&str], create: bool) -> Result<Option<OwnedFd>, Errno> {
    for part in parts {
        let opened = match rustix::fs::openat(&folder, *part, FOLDER_FLAGS, Mode::empty()) {
            Err(Errno::NOENT) if create => {
                rustix::fs::mkdirat(&folder, *part, Mode::RWXU)?;
                rustix::fs::fsync(&folder)?;
                rustix::fs::openat(&folder, *part, FOLDER_FLAGS, Mode::empty())
            }
            other => other,
        };
        folder = match opened {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error),
        };
    }
    Ok(Some(folder))
}

fn write_file(folder: &OwnedFd, name: &str, bytes: &[u8]) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(handle);
    let errno = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    file.write_all(bytes).map_err(errno)?;
    file.sync_all().map_err(errno)
}

/// Removes what writers that are gone left half-written in a folder.
fn sweep(folder: &OwnedFd) -> Result<(), Errno> {
    for entry in rustix::fs::Dir::read_from(folder.as_fd())? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type() != FileType::Directory
            && name.to_bytes().starts_with(TEMPORARY.as_bytes())
        {
            rustix::fs::unlinkat(folder, name, AtFlags::empty())?;
        }
    }
    Ok(())
}

/// Calls `visit` with name and length of every object below a folder.
fn walk(folder: &Path, prefix: &str, visit: &mut dyn FnMut(&str, u64)) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let Ok(part) = entry.file_name().into_string() else {
            continue;
        };
        if part.starts_with('.') {
            continue;
        }
        let name = match prefix {
            "" => part,
            _ => format!("{prefix}/{part}"),
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &name, visit)?;
        } else if kind.is_file() {
            match entry.metadata() {
                Ok(metadata) => visit(&name, metadata.len()),
                // Removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
