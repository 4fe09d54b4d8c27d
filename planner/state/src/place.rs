//! The folder that holds a state: may it be written, is it local, is it the one it was made in?

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::fault::StateFault;

/// Types of network file systems as `statfs` tells them: NFS, SMB, CIFS, SMB2, AFS, Ceph. Locks and
/// fsync on them can't be relied on.
const NETWORK_TYPES: [(u64, &str); 6] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
];

/// What tells one folder from a copy of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The device's number, which may differ after a reboot.
    pub device: u64,
    /// The inode's number.
    pub inode: u64,
    /// When the folder was made, in nanoseconds since 1970, where the file system tells.
    pub born: Option<u64>,
}

impl Mark {
    /// The mark of a folder.
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(folder)?;
        Ok(Mark {
            device: metadata.dev(),
            inode: metadata.ino(),
            born: born(&metadata),
        })
    }

    /// Whether both are marks of one folder. The device counts only where the folder's age is not
    /// known: devices are numbered anew at each boot.
    pub(crate) fn is_same(&self, other: &Mark) -> bool {
        self.inode == other.inode
            && match (self.born, other.born) {
                (Some(a), Some(b)) => a == b,
                _ => self.device == other.device,
            }
    }

    /// As it is kept in the journal's meta.
    pub(crate) fn to_text(&self) -> String {
        let born = self
            .born
            .map_or_else(|| "-".into(), |born| born.to_string());
        format!("{} {} {born}", self.device, self.inode)
    }

    /// Reads [`Mark::to_text`].
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let device = words.next()?.parse().ok()?;
        let inode = words.next()?.parse().ok()?;
        let born = match words.next()? {
            "-" => None,
            number => Some(number.parse().ok()?),
        };
        words.next().is_none().then_some(Mark {
            device,
            inode,
            born,
        })
    }
}

fn born(metadata: &Metadata) -> Option<u64> {
    let since = metadata.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

/// Makes the folder, for its owner alone.
pub(crate) fn make(folder: &Path) -> Result<(), StateFault> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| read_only(&error))
}

/// Refuses a folder that can't be written, before anything is started.
///
/// # Errors
/// E0707 with the system's word.
pub(crate) fn refuse_read_only(folder: &Path) -> Result<(), StateFault> {
    let mode = fs::metadata(folder).map_err(|e| read_only(&e))?.mode();
    if mode & 0o200 == 0 {
        return Err(read_only(&io::Error::from(io::ErrorKind::PermissionDenied)));
    }
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(folder, access).map_err(|errno| read_only(&errno.into()))
}

/// The fault of a folder that can't be written.
pub(crate) fn read_only(error: &io::Error) -> StateFault {
    StateFault::new(
        "E0707",
        format!("the state folder can't be written: {error}"),
    )
    .with_help("make `.mlinfra` writable for you; nothing was started")
}

/// Refuses a folder on a network file system.
///
/// # Errors
/// E0708 with the file system's name.
pub(crate) fn refuse_network(folder: &Path) -> Result<(), StateFault> {
    match rustix::fs::statfs(folder) {
        Ok(found) => refuse_type(found.f_type as u64),
        // A file system that can't say what it is is not one of the known network ones.
        Err(_) => Ok(()),
    }
}

fn refuse_type(found: u64) -> Result<(), StateFault> {
    // Some targets widen a 32-bit type with its sign.
    let found = found & 0xffff_ffff;
    match NETWORK_TYPES.iter().find(|(number, _)| *number == found) {
        None => Ok(()),
        Some((_, name)) => Err(StateFault::new(
            "E0708",
            format!("the state folder lies on a network file system ({name})"),
        )
        .with_help(
            "move the project to a local disk: over a network, neither the lock nor what was \
             written last can be relied on",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_refused() {
        assert_eq!(refuse_type(0x6969).expect_err("NFS").code, "E0708");
        let widened = 0xff53_4d42_u32 as i32 as i64 as u64;
        assert_eq!(refuse_type(widened).expect_err("CIFS").code, "E0708");
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994] {
            assert!(refuse_type(local).is_ok());
        }
    }

    #[test]
    fn a_reboot_is_no_copy() {
        let mark = Mark {
            device: 1,
            inode: 2,
            born: Some(3),
        };
        assert_eq!(Mark::from_text(&mark.to_text()), Some(mark.clone()));
        let rebooted = Mark {
            device: 9,
            ..mark.clone()
        };
        assert!(mark.is_same(&rebooted));
        let copied = Mark {
            inode: 8,
            ..mark.clone()
        };
        assert!(!mark.is_same(&copied));
        let ageless = |device| Mark {
            device,
            inode: 2,
            born: None,
        };
        assert!(!ageless(1).is_same(&ageless(2)));
        for text in ["", "1", "1 2", "1 2 3 4", "1 2 x"] {
            assert_eq!(Mark::from_text(text), None, "{text}");
        }
    }
}
