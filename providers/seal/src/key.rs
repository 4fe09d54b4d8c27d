//! A 32-byte key: made, derived, kept in a file of its owner alone.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::{hkdf, hmac, rand};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::SealFault;

/// A key of 32 bytes. Wiped from memory when dropped, never printed.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(key)")
    }
}

impl SealKey {
    /// A new random key.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        fill_random(&mut bytes[..]);
        SealKey(bytes)
    }

    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        SealKey(Zeroizing::new(bytes))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// Refused if it is a symbolic link, not a regular file, not of this user, open to others
    /// (mode looser than 0600), or not exactly 32 bytes.
    pub fn read(path: &Path) -> Result<Self, SealFault> {
        let refuse = |problem| {
            Err(SealFault::KeyFile {
                path: path.to_owned(),
                problem,
            })
        };
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
            .open(path);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                return refuse("is a symbolic link");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return refuse("does not exist");
            }
            Err(error) => return Err(reading(path, error)),
        };
        let metadata = file.metadata().map_err(|error| reading(path, error))?;
        if !metadata.is_file() {
            return refuse("is not a regular file");
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return refuse("belongs to another user");
        }
        if metadata.mode() & 0o077 != 0 {
            return refuse("can be read by others (its mode must be 0600)");
        }
        if metadata.len() != 32 {
            return refuse("is not 32 bytes long");
        }
        let mut bytes = Zeroizing::new([0; 32]);
        file.read_exact(&mut bytes[..])
            .map_err(|error| reading(path, error))?;
        Ok(SealKey(bytes))
    }

    /// Writes the key to a new file of mode 0600, and its folder (0700) if there is none. The file
    /// appears whole or not at all, and is durable when this returns.
    ///
    /// # Errors
    /// Refused if there is a file of that name already: a key is never replaced.
    pub fn write_new(&self, path: &Path) -> Result<(), SealFault> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let writing = |error| SealFault::io(format!("writing {}", path.display()), error);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(writing)?;
        let mut suffix = [0; 8];
        fill_random(&mut suffix);
        let temporary = folder.join(format!(".key-{}", hex::encode(suffix)));
        let written = self.write_file(&temporary).and_then(|()| {
            // A link, unlike a rename, never replaces what is there.
            fs::hard_link(&temporary, path)
        });
        let removed = fs::remove_file(&temporary);
        match written {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(SealFault::KeyFile {
                path: path.to_owned(),
                problem: "is there already",
            }),
            Err(error) => Err(writing(error)),
            Ok(()) => removed
                .and_then(|()| File::open(&folder)?.sync_all())
                .map_err(writing),
        }
    }

    fn write_file(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(&self.0[..])?;
        file.sync_all()
    }

    /// Another key, made from this one and a label (HKDF-SHA256): who has it learns nothing of
    /// this key or of keys with other labels.
    pub fn derive(&self, label: &str) -> SealKey {
        SealKey(self.expand(b"mlinfra-seal-1 derive", label.as_bytes()))
    }

    /// HKDF-SHA256 of this key.
    pub(crate) fn expand(&self, salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&self.0[..]);
        let mut bytes = Zeroizing::new([0; 32]);
        secret
            .expand(&[info], hkdf::HKDF_SHA256)
            .and_then(|material| material.fill(&mut bytes[..]))
            .expect("32 bytes are what HKDF-SHA256 gives in one block");
        bytes
    }
}

/// HMAC-SHA256 of the bytes under a key derived from this one, 64 hex digits: equal bytes have
/// equal digests, and nothing is learned without the key.
pub fn keyed_digest(key: &SealKey, bytes: &[u8]) -> String {
    let derived = key.derive("keyed digest");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &derived.0[..]);
    hex::encode(hmac::sign(&key, bytes))
}

/// Fills the bytes from the system's generator.
pub(crate) fn fill_random(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the kernel's generator can't fail once the machine is up");
}

fn reading(path: &Path, error: io::Error) -> SealFault {
    SealFault::io(format!("reading {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn same(one: &SealKey, other: &SealKey) -> bool {
        one.0[..] == other.0[..]
    }

    #[test]
    fn a_written_key_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys").join("a.key");
        let key = SealKey::generate();
        key.write_new(&path).unwrap();
        assert!(same(&key, &SealKey::read(&path).unwrap()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777,
            0o700
        );
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file stays");
    }

    #[test]
    fn a_key_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let key = SealKey::generate();
        key.write_new(&path).unwrap();
        let again = SealKey::generate().write_new(&path).unwrap_err();
        assert!(again.to_string().ends_with("is there already"), "{again}");
        assert!(same(&key, &SealKey::read(&path).unwrap()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn unsafe_key_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        SealKey::generate().write_new(&path).unwrap();
        let problem = |path: &Path| SealKey::read(path).unwrap_err().to_string();

        let link = folder.path().join("link.key");
        symlink(&path, &link).unwrap();
        assert!(problem(&link).ends_with("is a symbolic link"));
        for mode in [0o640, 0o604, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(problem(&path).contains("can be read by others"), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [7; 31]).unwrap();
        assert!(problem(&path).ends_with("is not 32 bytes long"));
        assert!(problem(folder.path()).ends_with("is not a regular file"));
        assert!(problem(&folder.path().join("none")).ends_with("does not exist"));
    }

    #[test]
    fn keys_are_not_printed_and_labels_separate() {
        let key = SealKey::from_bytes([7; 32]);
        assert_eq!(format!("{key:?}"), "(key)");
        assert!(same(&key.derive("a"), &key.derive("a")));
        assert!(!same(&key.derive("a"), &key.derive("b")));
        assert!(!same(&key.derive("a"), &key));
    }

    #[test]
    fn digests_depend_on_key_and_bytes() {
        let key = SealKey::from_bytes([7; 32]);
        let digest = keyed_digest(&key, b"x");
        assert_eq!(digest.len(), 64);
        assert_eq!(digest, keyed_digest(&key, b"x"));
        assert_ne!(digest, keyed_digest(&key, b"y"));
        assert_ne!(digest, keyed_digest(&SealKey::from_bytes([8; 32]), b"x"));
    }
}
