//! What plugins wrote, in files of the state folder: `logs/NAME.log`, one JSON object a line,
//! rotated and bounded. Lines come escaped and within their budget; here they are only kept.
//! Nobody waits for the disk: what it can't take in time is counted and told.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

/// Lines that may wait for the disk.
const WAITING: usize = 8_192;
/// Bytes of a file before the next one is begun.
const FILE_BYTES: u64 = 4 << 20;
/// Files of a plugin beside the one that is written: at most 16 MiB a plugin.
pub(crate) const OLD_FILES: u32 = 3;

/// A line of a log file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Microseconds since 1970 UTC, by the venue's clock.
    pub(crate) ts: u64,
    /// `debug`, `info`, `warn`, `error`, or `host` for what the host says of the plugin.
    pub(crate) level: String,
    pub(crate) message: String,
}

/// The file of a plugin's log. Names that are no plain file names can't lead elsewhere.
pub(crate) fn file(state: &Path, name: &str) -> PathBuf {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let name: String = name.chars().take(64).map(plain).collect();
    state.join("logs").join(format!("{name}.log"))
}

/// The same before so many rotations.
pub(crate) fn old_file(current: &Path, number: u32) -> PathBuf {
    current.with_extension(format!("log.{number}"))
}

/// Takes lines from any thread.
#[derive(Debug, Clone)]
pub(crate) struct PluginLog {
    sender: SyncSender<(String, Line)>,
    dropped: Arc<AtomicU64>,
}

impl PluginLog {
    /// Begins to write. The thread ends with the last sender.
    pub(crate) fn start(state: &Path) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, inbox) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let (state, lost) = (state.to_owned(), Arc::clone(&dropped));
        crate::control::make_state(&state)?;
        crate::control::make_state(&state.join("logs"))?;
        let thread =
            std::thread::Builder::new().name("plugin-logs".to_owned()).spawn(move || write(&state, &inbox, &lost))?;
        Ok((PluginLog { sender, dropped }, thread))
    }

    /// A line; never waits.
    pub(crate) fn write(&self, name: &str, line: Line) {
        match self.sender.try_send((name.to_owned(), line)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => drop(self.dropped.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

struct Open {
    file: File,
    bytes: u64,
}

fn open(path: &Path) -> std::io::Result<Open> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let bytes = file.metadata()?.len();
    Ok(Open { file, bytes })
}

fn rotate(path: &Path) -> std::io::Result<()> {
    for number in (1..OLD_FILES).rev() {
        let from = old_file(path, number);
        if from.exists() {
            std::fs::rename(from, old_file(path, number.saturating_add(1)))?;
        }
    }
    std::fs::rename(path, old_file(path, 1))
}

fn append(files: &mut HashMap<String, Open>, state: &Path, name: &str, line: &Line) -> std::io::Result<()> {
    let path = file(state, name);
    if files.get(name).is_some_and(|open| open.bytes >= FILE_BYTES) {
        files.remove(name);
        rotate(&path)?;
    }
    if !files.contains_key(name) {
        files.insert(name.to_owned(), open(&path)?);
    }
    let Some(open) = files.get_mut(name) else { return Ok(()) };
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    open.bytes = open.bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
    open.file.write_all(&text)
}

fn write(state: &Path, inbox: &Receiver<(String, Line)>, dropped: &AtomicU64) {
    let mut files = HashMap::new();
    let mut told = false;
    while let Ok((name, line)) = inbox.recv() {
        let lost = dropped.swap(0, Ordering::Relaxed);
        let note = Line {
            ts: line.ts,
            level: "host".to_owned(),
            message: format!("({lost} lines of all plugins were dropped: the disk is too slow)"),
        };
        let result = if lost > 0 { append(&mut files, state, &name, &note) } else { Ok(()) };
        match result.and_then(|()| append(&mut files, state, &name, &line)) {
            Ok(()) => told = false,
            Err(error) if !told => {
                told = true;
                files.clear();
                tracing::error!(%error, plugin = name, "a plugin's log can't be written");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_are_rotated_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let (log, thread) = PluginLog::start(dir.path()).unwrap();
        let message = "x".repeat(8_000);
        // Six files' worth.
        for ts in 0..3_200 {
            let line = Line { ts, level: "info".to_owned(), message: message.clone() };
            while log.sender.try_send(("../evil name".to_owned(), line.clone())).is_err() {
                std::thread::yield_now();
            }
        }
        drop(log);
        thread.join().unwrap();
        let current = file(dir.path(), "../evil name");
        assert_eq!(current, dir.path().join("logs").join("___evil_name.log"));
        let sizes: Vec<u64> = std::iter::once(current.clone())
            .chain((1..=OLD_FILES + 1).map(|number| old_file(&current, number)))
            .filter_map(|path| std::fs::metadata(path).ok().map(|metadata| metadata.len()))
            .collect();
        assert_eq!(sizes.len(), 4, "one that is written and three old ones");
        assert!(sizes.iter().sum::<u64>() <= 4 * (FILE_BYTES + 10_000), "{sizes:?}");
        let text = std::fs::read_to_string(&current).unwrap();
        let last: Line = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last.ts, 3_199, "nothing is lost while the disk keeps up");
    }
}
