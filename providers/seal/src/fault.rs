//! What can go wrong with sealed bytes and key files.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why bytes were not opened, or a key was not read or written.
#[derive(Debug)]
pub enum SealFault {
    /// The bytes are not what was sealed under this key and context: changed, cut, put in another
    /// object's place, or sealed with another key. Which of these can't be told apart.
    Broken,
    /// The asked range reaches beyond the object's end.
    Range,
    /// The key's file is not safe to use, or no key file at all.
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file system said no.
    Io {
        /// What was being done to which file.
        doing: String,
        /// What the system said.
        error: io::Error,
    },
}

impl SealFault {
    /// A fault of the file system, with what was being done.
    pub(crate) fn io(doing: impl Into<String>, error: io::Error) -> Self {
        SealFault::Io {
            doing: doing.into(),
            error,
        }
    }
}

impl fmt::Display for SealFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealFault::Broken => {
                f.write_str("the sealed bytes were changed, cut or sealed with another key")
            }
            SealFault::Range => f.write_str("the range reaches beyond the end of the object"),
            SealFault::KeyFile { path, problem } => {
                write!(f, "the key file {} {problem}", path.display())
            }
            SealFault::Io { doing, error } => write!(f, "{doing}: {error}"),
        }
    }
}

impl std::error::Error for SealFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SealFault::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}
