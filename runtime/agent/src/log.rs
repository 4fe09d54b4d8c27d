//! A log file that is rotated while it is written, and read by offset.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mlinfra_runtime_spec::LogChunk;

/// A log file is closed and a new one begun when it has so many bytes.
pub const LOG_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// So many closed files are kept beside the one that is written.
pub const LOG_FILES_KEPT: usize = 3;

/// The most bytes of one [`LogChunk`].
pub const CHUNK_BYTES_MAX: u64 = 256 * 1024;

/// From so many bytes at the end, [`tail`] takes its lines.
const TAIL_BYTES: u64 = 64 * 1024;

/// Writes a log. A closed file is named `<log>.<offset of its first byte>`. Clones write to the
/// same log.
#[derive(Clone, Debug)]
pub struct RotatedLog(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
}

impl RotatedLog {
    /// Goes on writing the log at this path.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, LOG_FILE_BYTES_MAX)
    }

    fn open_with(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let file = open_to_append(path)?;
        Ok(RotatedLog(Arc::new(Mutex::new(Inner {
            path: path.to_owned(),
            bytes: file.metadata()?.len(),
            file,
            bytes_max,
        }))))
    }
}

impl Write for RotatedLog {
    /// Writes all of the bytes. Writers hand over whole lines, so that a rotation cuts none.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.bytes > 0 && inner.bytes + bytes.len() as u64 > inner.bytes_max {
            inner.rotate()?;
        }
        inner.file.write_all(bytes)?;
        inner.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Inner {
    fn rotate(&mut self) -> io::Result<()> {
        let mut closed = closed_files(&self.path)?;
        let start = end_of(&closed)?;
        let name = closed_name(&self.path, start);
        fs::rename(&self.path, &name)?;
        closed.insert(start, name);
        while closed.len() > LOG_FILES_KEPT {
            if let Some((_, oldest)) = closed.pop_first() {
                fs::remove_file(oldest)?;
            }
        }
        self.file = open_to_append(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

/// Opens a log file to append to, for this user alone.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)
}

/// Reads the log from an offset on.
pub fn read(path: &Path, offset: u64) -> io::Result<LogChunk> {
    let mut files = closed_files(path)?;
    files.insert(end_of(&files)?, path.to_owned());
    let first = files.keys().next().copied().unwrap_or(0);
    let offset = offset.max(first);
    let Some((start, file)) = files.range(..=offset).next_back() else {
        return Ok(LogChunk::default());
    };
    let bytes = read_at(file, offset - start, CHUNK_BYTES_MAX)?;
    let bytes = whole_lines(&bytes);
    let mut next = offset + bytes.len() as u64;
    // At the end of a closed file the reader goes on with the one after it, also past a gap.
    if bytes.is_empty()
        && let Some((later, _)) = files.range(offset + 1..).next()
    {
        next = *later;
    }
    Ok(LogChunk {
        offset,
        next,
        text: String::from_utf8_lossy(bytes).into_owned(),
    })
}

/// The last lines of the log.
pub fn tail(path: &Path, lines_max: usize) -> Vec<String> {
    let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
    let bytes = read_at(path, length.saturating_sub(TAIL_BYTES), TAIL_BYTES);
    let bytes = bytes.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(lines_max);
    lines[first..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

fn closed_name(path: &Path, start: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{start:020}"));
    PathBuf::from(name)
}

/// The closed files by the offset of their first byte.
fn closed_files(path: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut files = BTreeMap::new();
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(files);
    };
    let prefix = format!("{}.", name.to_string_lossy());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let start = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        if let Some(start) = start.and_then(|digits| digits.parse().ok()) {
            files.insert(start, entry.path());
        }
    }
    Ok(files)
}

fn end_of(closed: &BTreeMap<u64, PathBuf>) -> io::Result<u64> {
    match closed.last_key_value() {
        Some((start, path)) => Ok(start + fs::metadata(path)?.len()),
        None => Ok(0),
    }
}

fn read_at(path: &Path, position: u64, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(position))?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Up to and with the last line end; all of it if there is none.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => &bytes[..=end],
        None => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(path: &Path, mut offset: u64) -> String {
        let mut text = String::new();
        loop {
            let chunk = read(path, offset).expect("read");
            if chunk.next == offset {
                return text;
            }
            offset = chunk.next;
            text.push_str(&chunk.text);
        }
    }

    #[test]
    fn offsets_stay_valid_when_files_are_rotated_away() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("out.log");
        let mut log = RotatedLog::open_with(&path, 100).expect("opened");
        let mut all = String::new();
        let mut seen = String::new();
        let mut offset = 0;
        for number in 0..60 {
            let line = format!("line {number:03} of the log\n");
            log.write_all(line.as_bytes()).expect("written");
            all.push_str(&line);
            loop {
                let chunk = read(&path, offset).expect("read");
                seen.push_str(&chunk.text);
                if chunk.next == offset {
                    break;
                }
                offset = chunk.next;
            }
        }
        assert_eq!(seen, all, "a reader that keeps up sees every byte once");
        let files = fs::read_dir(folder.path()).expect("listed").count();
        assert_eq!(files, LOG_FILES_KEPT + 1);
        let rest = read_all(&path, 0);
        assert!(all.ends_with(&rest) && rest.len() < all.len() && rest.len() > 300);
        assert_eq!(offset, all.len() as u64);
    }

    #[test]
    fn a_log_goes_on_where_the_last_writer_stopped() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("out.log");
        for line in ["one\n", "two\n"] {
            let mut log = RotatedLog::open_with(&path, 5).expect("opened");
            log.write_all(line.as_bytes()).expect("written");
        }
        assert_eq!(read_all(&path, 0), "one\ntwo\n");
        assert_eq!(tail(&path, 5), ["two"]);
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("out.log");
        assert!(tail(&path, 3).is_empty());
        let text: String = (0..5000)
            .map(|n| format!("line {n} {}\n", "x".repeat(40)))
            .collect();
        fs::write(&path, text).expect("written");
        let tail = tail(&path, 2);
        assert!(tail[0].starts_with("line 4998 ") && tail[1].starts_with("line 4999 "));
    }
}
