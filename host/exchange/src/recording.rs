//! Recordings of market streams: one message a line, `<nanoseconds received> <JSON>`,
//! plain or gzip. The only file reader of the exchange.
//!
//! A broken line is an error with its number and reading goes on; a cut file is an error
//! and then the end. Nothing that was read before is lost.

pub mod archive;

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use ringfence_model::Timestamp;
use ringfence_wire::stream;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Longer than any message of the venue: a depth snapshot of 5000 levels has some 350 kB.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;
/// Lines that are looked through for a symbol.
const LOOKED_THROUGH: usize = 200;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From one.
    pub number: u64,
    /// When it was received, by the recorder's clock.
    pub received: Timestamp,
    /// The message, byte for byte.
    pub raw: Vec<u8>,
}

/// A recording, or a line of it, that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file can't be opened.
    #[error("can't open recording {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Reading stops here: a cut gzip file, a disk error.
    #[error("recording ends early after line {after}: {source}; all lines before it were read")]
    Cut {
        /// The last complete line.
        after: u64,
        /// What was wrong.
        source: std::io::Error,
    },
    /// One line is broken; the next one can be read.
    #[error("line {number} of the recording is broken: {what}; expected `<nanoseconds> <JSON>`, found `{excerpt}`")]
    Line {
        /// From one.
        number: u64,
        /// What is wrong.
        what: &'static str,
        /// Its start.
        excerpt: String,
    },
    /// A row of a file of the archive is broken; the next one can be read.
    #[error("row {number} of the file is broken: {what}; found `{excerpt}`")]
    Row {
        /// From one.
        number: u64,
        /// What is wrong.
        what: &'static str,
        /// Its start.
        excerpt: String,
    },
    /// The name of a CSV or zip file does not tell what it holds.
    #[error(
        "{path} is not named as a file of Binance's archive: SYMBOL-trades-…, SYMBOL-aggTrades-… or SYMBOL-INTERVAL-…"
    )]
    ArchiveName {
        /// The file.
        path: PathBuf,
    },
    /// No stream name was found.
    #[error("recording {path} names no symbol within its first lines; is it a recording of market streams?")]
    NoSymbol {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a recording line by line.
pub struct Recording {
    reader: Box<dyn BufRead + Send>,
    number: u64,
    ended: bool,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("number", &self.number).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Recording {
    /// Opens a plain or gzip recording; which one is read from its first bytes.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let open = |source| RecordingError::Open { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(open)?;
        let mut magic = [0u8; 2];
        let is_gzip = match file.read(&mut magic) {
            Ok(read) => read == 2 && magic == [0x1f, 0x8b],
            Err(source) => return Err(open(source)),
        };
        file.seek(SeekFrom::Start(0)).map_err(open)?;
        let reader: Box<dyn BufRead + Send> = if is_gzip {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file))))
        } else {
            Box::new(BufReader::with_capacity(1 << 16, file))
        };
        Ok(Recording { reader, number: 0, ended: false })
    }

    fn broken(&self, bytes: &[u8], what: &'static str) -> RecordingError {
        RecordingError::Line {
            number: self.number,
            what,
            excerpt: String::from_utf8_lossy(bytes.get(..80).unwrap_or(bytes)).into_owned(),
        }
    }

    fn line(&self, bytes: &[u8]) -> Result<Line, RecordingError> {
        let broken = |what| self.broken(bytes, what);
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(|| broken("no blank after the time"))?;
        let (time, rest) = bytes.split_at(space);
        let raw = rest.get(1..).unwrap_or_default();
        let nanos: u64 = std::str::from_utf8(time)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| broken("the time is no number of nanoseconds"))?;
        if !raw.starts_with(b"{") || serde_json::from_slice::<&RawValue>(raw).is_err() {
            return Err(broken("the message is no JSON object"));
        }
        Ok(Line { number: self.number, received: Timestamp(nanos / 1_000), raw: raw.to_vec() })
    }
}

impl Iterator for Recording {
    type Item = Result<Line, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let mut bytes = Vec::new();
            let read = (&mut self.reader).take(LONGEST_LINE).read_until(b'\n', &mut bytes);
            let too_long = bytes.last() != Some(&b'\n') && u64::try_from(bytes.len()) == Ok(LONGEST_LINE);
            let read = match read {
                Ok(_) if too_long => self.reader.skip_until(b'\n'),
                read => read,
            };
            match read {
                Ok(0) if bytes.is_empty() => {
                    self.ended = true;
                    return None;
                }
                Ok(_) => self.number = self.number.saturating_add(1),
                Err(source) => {
                    self.ended = true;
                    return Some(Err(RecordingError::Cut { after: self.number, source }));
                }
            }
            if too_long {
                return Some(Err(self.broken(&bytes, "it is longer than any message")));
            }
            while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                bytes.pop();
            }
            if !bytes.is_empty() {
                return Some(self.line(&bytes));
            }
        }
        None
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
    s: Option<&'a str>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    s: Option<&'a str>,
}

/// The stream of a combined message, for example `btcusdt@trade`.
pub(crate) fn stream_of(raw: &[u8]) -> Option<&str> {
    #[derive(Deserialize)]
    struct Named<'a> {
        stream: &'a str,
    }
    serde_json::from_slice::<Named<'_>>(raw).ok().map(|named| named.stream)
}

/// The payload of a combined message.
pub(crate) fn data_of(raw: &[u8]) -> Option<&str> {
    #[derive(Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    serde_json::from_slice::<Wrapped<'_>>(raw).ok().map(|wrapped| wrapped.data.get())
}

/// The symbol of a recording (`BTCUSDT`), from the stream names of its first messages.
///
/// # Errors
/// The file can't be read or names no symbol.
pub fn symbol_of(path: &Path) -> Result<String, RecordingError> {
    if archive::is_archive(path) {
        return archive::symbol_of(path);
    }
    for line in Recording::open(path)?.flatten().take(LOOKED_THROUGH) {
        let Ok(head) = serde_json::from_slice::<Head<'_>>(&line.raw) else {
            continue;
        };
        let named = head.stream.and_then(|name| {
            stream::parse_stream_name(name)
                .map(|(symbol, _)| symbol)
                .or_else(|| name.split_once('@').map(|(symbol, _)| symbol.to_uppercase()))
        });
        let own = head.data.and_then(|data| data.s).or(head.s).map(str::to_owned);
        if let Some(symbol) = named.or(own).filter(|symbol| !symbol.is_empty()) {
            return Ok(symbol);
        }
    }
    Err(RecordingError::NoSymbol { path: path.to_owned() })
}

/// The streams that a recording tells, from its first messages.
///
/// # Errors
/// The file can't be read.
pub(crate) fn streams_of(path: &Path) -> Result<HashSet<String>, RecordingError> {
    /// A stream that tells nothing for so long is built from the others.
    const FIRST: usize = 2_000;
    if archive::is_archive(path) {
        return Ok(HashSet::new());
    }
    let lines = Recording::open(path)?.flatten().take(FIRST);
    Ok(lines.filter_map(|line| stream_of(&line.raw).map(str::to_owned)).collect())
}

/// When the first message of a recording was received.
///
/// # Errors
/// The file can't be read or has no whole line.
pub fn first_time(path: &Path) -> Result<Timestamp, RecordingError> {
    if archive::is_archive(path) {
        return archive::first_time(path);
    }
    for line in Recording::open(path)? {
        match line {
            Ok(line) => return Ok(line.received),
            Err(RecordingError::Line { .. }) => {}
            Err(cut) => return Err(cut),
        }
    }
    Err(RecordingError::NoSymbol { path: path.to_owned() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "recording_tests.rs"]
mod tests;
