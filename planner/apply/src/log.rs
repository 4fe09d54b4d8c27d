//! An operation's events on the disk, for whoever attaches.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::event::Event;

/// The file's name in an operation's folder.
const EVENTS: &str = "events.jsonl";

/// Appends events to an operation's file.
pub(crate) struct EventLog(File);

impl EventLog {
    /// Opens the log in this folder. A log that can't be written loses nothing but what `attach`
    /// could have shown, so this is no error.
    pub(crate) fn open(operation_folder: &Path) -> Option<EventLog> {
        let opened = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(operation_folder.join(EVENTS));
        opened.ok().map(EventLog)
    }

    pub(crate) fn write(&mut self, event: &Event) {
        let mut line = serde_json::to_string(event).expect("an event is plain data");
        line.push('\n');
        drop(self.0.write_all(line.as_bytes()));
    }
}

/// The events of an operation from a byte offset on, and the offset behind the last whole one.
/// Empty if there is no log.
pub fn read_events(operation_folder: &Path, offset: u64) -> (Vec<Event>, u64) {
    let mut text = String::new();
    let read = File::open(operation_folder.join(EVENTS)).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset))?;
        file.read_to_string(&mut text)
    });
    if read.is_err() {
        return (Vec::new(), offset);
    }
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let lines = text[..whole].lines();
    let events = lines.filter_map(|line| serde_json::from_str(line).ok());
    (events.collect(), offset + whole as u64)
}
