//! A CSV file as records with their lines, its digest taken over the very bytes that were read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::Date32Type;
use csv::{ByteRecord, ReaderBuilder};
use sha2::{Digest as _, Sha256};

use crate::{StepFault, codes};

const BUFFER_BYTES: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// An open CSV file.
pub(crate) struct CsvFile {
    reader: csv::Reader<Lines<File>>,
    record: ByteRecord,
    length: u64,
    name: String,
}

impl CsvFile {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path) -> Result<Self, StepFault> {
        let name = path.display().to_string();
        let unreadable = |error: io::Error| {
            StepFault::new(
                codes::FILE_UNREADABLE,
                format!("the file {name} can't be read: {error}"),
            )
        };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(StepFault::new(
                codes::FILE_UNREADABLE,
                format!("{name} is not a regular file"),
            ));
        }
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(Lines::new(file));
        Ok(CsvFile {
            reader,
            record: ByteRecord::new(),
            length: metadata.len(),
            name,
        })
    }

    /// The file's name, for people.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The next record, and the line (counted from 1) on which it begins.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &ByteRecord)>, StepFault> {
        let more = self
            .reader
            .read_byte_record(&mut self.record)
            .map_err(|error| {
                let problem = match error.kind() {
                    csv::ErrorKind::Io(error) => error.to_string(),
                    _ => "its records can't be told apart".to_owned(),
                };
                StepFault::new(
                    codes::FILE_UNREADABLE,
                    format!("the file {} can't be read: {problem}", self.name),
                )
            })?;
        let line = self.record.position().map_or(0, csv::Position::line);
        if !more && self.reader.get_ref().state == Quote::Inside {
            return Err(StepFault::new(
                codes::QUOTE_OPEN,
                format!(
                    "{}, line {}: a quote opens here and is never closed",
                    self.name,
                    self.reader.get_ref().opened_line
                ),
            )
            .with_help("close the quote; a quote inside a quoted cell is written twice"));
        }
        Ok(more.then_some((line, &self.record)))
    }

    /// Bytes read so far, and in all.
    pub(crate) fn done(&self) -> (u64, u64) {
        let read = self.reader.get_ref().count;
        (read, self.length.max(read))
    }

    /// Reads what is left and gives the digest of the whole file, hex.
    pub(crate) fn digest(self) -> Result<String, StepFault> {
        let name = self.name;
        let mut lines = self.reader.into_inner();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match lines.read(&mut buffer) {
                Ok(0) => return Ok(hex::encode(lines.hash.finalize())),
                Ok(_) => {}
                Err(error) => {
                    return Err(StepFault::new(
                        codes::FILE_UNREADABLE,
                        format!("the file {name} can't be read: {error}"),
                    ));
                }
            }
        }
    }
}

/// Where a byte stands in the quoting of CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    /// A field begins.
    Start,
    /// In a field without quotes.
    Plain,
    /// Between quotes.
    Inside,
    /// Behind a quote that closes, or is the first of two.
    Behind,
}

/// Hashes what it reads, drops a byte order mark, and makes every line end outside quotes a single
/// newline, so that lines are counted right whatever the file's line ends.
struct Lines<R> {
    source: R,
    hash: Sha256,
    count: u64,
    state: Quote,
    line: u64,
    opened_line: u64,
    after_return: bool,
    raw: Vec<u8>,
    ready: Vec<u8>,
    taken: usize,
    begun: bool,
}

impl<R: Read> Lines<R> {
    fn new(source: R) -> Self {
        Lines {
            source,
            hash: Sha256::new(),
            count: 0,
            state: Quote::Start,
            line: 1,
            opened_line: 1,
            after_return: false,
            raw: vec![0; BUFFER_BYTES],
            ready: Vec::with_capacity(BUFFER_BYTES),
            taken: 0,
            begun: false,
        }
    }

    /// Reads more until something is ready or the file ends.
    fn fill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.taken = 0;
        while self.ready.is_empty() {
            // The mark is whole in the first bytes, which may come in several reads.
            let least = if self.begun { 1 } else { BYTE_ORDER_MARK.len() };
            let mut length = 0;
            while length < least {
                match self.source.read(&mut self.raw[length..]) {
                    Ok(0) => break,
                    Ok(more) => length += more,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if length == 0 {
                return Ok(());
            }
            self.hash.update(&self.raw[..length]);
            self.count += length as u64;
            let marked = !self.begun && self.raw[..length].starts_with(BYTE_ORDER_MARK);
            self.begun = true;
            let start = if marked { BYTE_ORDER_MARK.len() } else { 0 };
            for index in start..length {
                self.step(self.raw[index]);
            }
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) {
        let after_return = std::mem::replace(&mut self.after_return, false);
        let quoted = self.state == Quote::Inside;
        if byte == b'\n' && after_return && !quoted {
            return;
        }
        let byte = match byte {
            b'\r' if !quoted => {
                self.after_return = true;
                b'\n'
            }
            other => other,
        };
        self.state = match (self.state, byte) {
            (Quote::Start, b'"') => {
                self.opened_line = self.line;
                Quote::Inside
            }
            (Quote::Behind, b'"') => Quote::Inside,
            (Quote::Inside, b'"') => Quote::Behind,
            (Quote::Inside, _) => Quote::Inside,
            (_, b',' | b'\n') => Quote::Start,
            _ => Quote::Plain,
        };
        self.line += u64::from(byte == b'\n');
        self.ready.push(byte);
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.ready.len() {
            self.fill()?;
        }
        let length = buffer.len().min(self.ready.len() - self.taken);
        buffer[..length].copy_from_slice(&self.ready[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

/// The day of a date written `2026-01-31`, counted from 1970-01-01.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let shape = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    match text.len() == 10 && text.bytes().enumerate().all(shape) {
        true => Date32Type::parse(text),
        false => None,
    }
}
