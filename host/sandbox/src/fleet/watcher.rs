//! What changes in the folder. Notifications are only a hint to look; looking compares
//! size, times and inode of each file, and takes a file when it has stood still from one look
//! to the next. A look happens also without a hint, because network folders lose hints.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use notify::{RecursiveMode, Watcher as _};

use super::Keeper;
use super::admissions::{Admitted, Reply};

/// Least time between two looks: how long a file must stand still.
const SETTLE: Duration = Duration::from_millis(150);
/// Time between two looks without a hint.
const LOOK: Duration = Duration::from_millis(500);

/// A change that has settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Written(PathBuf),
    Gone(PathBuf),
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    inode: u64,
    /// When its rights or its links changed last: one that could not be read may be readable now.
    changed: (i64, i64),
    /// Size and time of the signature beside it.
    signature: Option<(u64, Option<SystemTime>)>,
}

/// What was seen of the folder.
#[derive(Debug, Default)]
pub(super) struct Seen {
    files: HashMap<PathBuf, (Stamp, bool)>,
}

impl Seen {
    /// Compares a look with the one before. A file that looks the same twice has settled.
    pub(super) fn look(&mut self, now: HashMap<PathBuf, Stamp>) -> Vec<Change> {
        let mut changes = Vec::new();
        self.files.retain(|path, _| {
            let stays = now.contains_key(path);
            if !stays {
                changes.push(Change::Gone(path.clone()));
            }
            stays
        });
        for (path, stamp) in now {
            match self.files.get_mut(&path) {
                Some((known, told)) if *known == stamp => {
                    if !*told {
                        *told = true;
                        changes.push(Change::Written(path));
                    }
                }
                _ => drop(self.files.insert(path, (stamp, false))),
            }
        }
        changes.sort_by(|one, other| path_of(one).cmp(path_of(other)));
        changes
    }

    /// Something has changed and not settled yet.
    pub(super) fn is_moving(&self) -> bool {
        self.files.values().any(|(_, told)| !told)
    }
}

fn path_of(change: &Change) -> &Path {
    match change {
        Change::Written(path) | Change::Gone(path) => path,
    }
}

#[cfg(unix)]
fn inode(metadata: &std::fs::Metadata) -> (u64, (i64, i64)) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), (metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn inode(_metadata: &std::fs::Metadata) -> (u64, (i64, i64)) {
    (0, (0, 0))
}

/// Whatever is named `.wasm` in a folder, links and folders too: admission refuses them in words.
/// Hidden files are left alone.
pub(super) fn files(dir: &Path) -> io::Result<HashMap<PathBuf, Stamp>> {
    let mut files = HashMap::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        // Gone between the listing and now: the next look says so.
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
        let signature = std::fs::symlink_metadata(path.with_extension("wasm.minisig"));
        let (inode, changed) = inode(&metadata);
        let stamp = Stamp {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            inode,
            changed,
            signature: signature.ok().map(|metadata| (metadata.len(), metadata.modified().ok())),
        };
        files.insert(path, stamp);
    }
    Ok(files)
}

/// The thread that watches.
pub(super) struct Watcher {
    hints: Sender<Hint>,
    thread: Option<JoinHandle<()>>,
}

pub(super) enum Hint {
    Look,
    /// An operator wants a file taken again.
    Reload {
        name: String,
        reply: Reply,
    },
    /// A file was looked at.
    Admitted {
        name: String,
        admitted: Option<Box<Admitted>>,
        replies: Vec<Reply>,
    },
    End,
}

impl Watcher {
    /// Takes in what is there, then watches.
    pub(super) fn start(dir: &Path, keeper: impl FnOnce(Sender<Hint>) -> Keeper) -> io::Result<Self> {
        let dir = dir.to_owned();
        let now = files(&dir)?;
        let mut seen = Seen::default();
        // At the start what is there counts as settled.
        drop(seen.look(now.clone()));
        let mut start: Vec<_> = seen.look(now).into_iter().map(|change| path_of(&change).to_owned()).collect();
        start.sort();
        let (hints, inbox) = channel();
        let told = hints.clone();
        let mut notifier =
            notify::recommended_watcher(move |_| drop(told.send(Hint::Look))).map_err(io::Error::other)?;
        if let Err(error) = notifier.watch(&dir, RecursiveMode::NonRecursive) {
            tracing::warn!(dir = %dir.display(), %error, "changes of the folder are only seen by looking");
        }
        let mut keeper = keeper(hints.clone());
        keeper.open_all(&start);
        let thread = std::thread::Builder::new().name("watcher".to_owned()).spawn(move || {
            let _notifier = notifier;
            watch(&dir, &mut keeper, &mut seen, &inbox);
        })?;
        Ok(Watcher { hints, thread: Some(thread) })
    }

    /// A way to tell the watcher to look.
    pub(super) fn hints(&self) -> Sender<Hint> {
        self.hints.clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.hints.send(Hint::End));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the watcher's thread panicked");
        }
    }
}

fn watch(dir: &Path, keeper: &mut Keeper, seen: &mut Seen, inbox: &Receiver<Hint>) {
    let mut readable = true;
    let mut looked = Instant::now();
    let mut hinted = false;
    loop {
        // The first hint of a change is followed at once, and one change makes many.
        let due = looked + if hinted || seen.is_moving() { SETTLE } else { LOOK };
        match inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(Hint::Look) => {
                hinted = true;
                continue;
            }
            Ok(Hint::Reload { name, reply }) => {
                keeper.asked_again(&name, reply);
                continue;
            }
            Ok(Hint::Admitted { name, admitted, replies }) => {
                keeper.admitted(&name, admitted, replies);
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Hint::End) | Err(RecvTimeoutError::Disconnected) => return,
        }
        looked = Instant::now();
        hinted = false;
        match files(dir) {
            Ok(now) => {
                readable = true;
                for change in seen.look(now) {
                    keeper.changed(&change);
                }
            }
            // Plugins go on; only changes are not seen.
            Err(error) if readable => {
                readable = false;
                tracing::error!(dir = %dir.display(), %error, "the plugin folder can't be read any more");
            }
            Err(_) => {}
        }
        keeper.look();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(files: &[(&str, u64)]) -> HashMap<PathBuf, Stamp> {
        files
            .iter()
            .map(|(name, size)| {
                (PathBuf::from(name), Stamp { size: *size, modified: None, inode: 1, changed: (0, 0), signature: None })
            })
            .collect()
    }

    #[test]
    fn a_file_is_taken_once_when_it_stands_still() {
        let mut seen = Seen::default();
        assert_eq!(seen.look(look(&[("a", 1)])), []);
        assert!(seen.is_moving());
        assert_eq!(seen.look(look(&[("a", 2)])), [], "it still grows");
        assert_eq!(seen.look(look(&[("a", 2)])), [Change::Written("a".into())]);
        assert!(!seen.is_moving());
        assert_eq!(seen.look(look(&[("a", 2)])), []);
        assert_eq!(seen.look(look(&[("a", 3), ("b", 1)])), []);
        assert_eq!(seen.look(look(&[("b", 1)])), [Change::Gone("a".into()), Change::Written("b".into())]);
    }
}
