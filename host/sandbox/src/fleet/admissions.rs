//! Files that are looked at on threads of their own: one that takes long to compile, or to describe itself, delays nobody
//! else's reload, no configuration and no operator. What is found comes back to the watcher's thread, which alone decides.
//! Of one name only one file is looked at at a time; one that changes meanwhile is looked at again, and only that counts.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::watcher::Hint;
use crate::admission::snapshot::{NoSnapshot, Snapshot};
use crate::admission::{Plugin, hash};
use crate::refusal::Refusal;
use crate::sandbox::Sandbox;

/// The answer to an operator who wants a file taken again.
pub(super) type Reply = Sender<Result<String, String>>;

/// A file's bytes and what admission says of them.
pub(super) struct Admitted {
    pub(super) file: String,
    pub(super) name: String,
    pub(super) content: [u8; 32],
    pub(super) result: Result<Arc<Plugin>, Refusal>,
}

pub(super) fn admit(sandbox: &Arc<Sandbox>, path: &Path) -> Option<Admitted> {
    let file = path.file_name()?.to_string_lossy().into_owned();
    let name = path.file_stem()?.to_string_lossy().into_owned();
    match Snapshot::take(path, sandbox.budgets().file_bytes) {
        Ok(snapshot) => Some(Admitted { content: snapshot.mark(), result: sandbox.admit_file(&snapshot), file, name }),
        // Gone again before it was read: its removal will be told.
        Err(NoSnapshot::Gone) => None,
        // It has no content; it is told again when there is another reason.
        Err(NoSnapshot::Refused(reason)) => {
            Some(Admitted { file, name, content: hash(reason.to_string().as_bytes()), result: Err(reason) })
        }
    }
}

/// One name whose file is being looked at.
#[derive(Default)]
struct UnderWay {
    /// It has changed since: where it is now, and who waits for that.
    again: Option<(PathBuf, Vec<Reply>)>,
    /// It is gone: what is found does not count.
    gone: bool,
}

/// All that are under way, and those that wait for a thread.
pub(super) struct Admissions {
    hints: Sender<Hint>,
    under_way: HashMap<String, UnderWay>,
    waiting: VecDeque<(String, PathBuf, Vec<Reply>)>,
    at_a_time: usize,
}

impl Admissions {
    /// What is found is sent as [`Hint::Admitted`].
    pub(super) fn new(hints: Sender<Hint>) -> Self {
        // Two at least, so that one slow file does not hold up everybody.
        let at_a_time = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        Admissions { hints, under_way: HashMap::new(), waiting: VecDeque::new(), at_a_time }
    }

    /// Looks at a file, now or as soon as there is a thread.
    pub(super) fn ask(&mut self, sandbox: &Arc<Sandbox>, name: &str, path: &Path, reply: Option<Reply>) {
        if let Some(under_way) = self.under_way.get_mut(name) {
            under_way.gone = false;
            let (newest, replies) = under_way.again.get_or_insert_with(|| (path.to_owned(), Vec::new()));
            path.clone_into(newest);
            replies.extend(reply);
            return;
        }
        match self.waiting.iter_mut().find(|(waiting, ..)| waiting == name) {
            Some((_, newest, replies)) => {
                path.clone_into(newest);
                replies.extend(reply);
            }
            None => self.waiting.push_back((name.to_owned(), path.to_owned(), reply.into_iter().collect())),
        }
        self.start(sandbox);
    }

    /// A file is gone.
    pub(super) fn gone(&mut self, name: &str) {
        if let Some(under_way) = self.under_way.get_mut(name) {
            under_way.gone = true;
        }
    }

    /// One has come to its end: whether what was found counts, and the file that came after it.
    pub(super) fn ended(&mut self, sandbox: &Arc<Sandbox>, name: &str) -> (bool, Option<(PathBuf, Vec<Reply>)>) {
        let under_way = self.under_way.remove(name).unwrap_or_default();
        self.start(sandbox);
        (under_way.again.is_none() && !under_way.gone, under_way.again)
    }

    fn start(&mut self, sandbox: &Arc<Sandbox>) {
        while self.under_way.len() < self.at_a_time
            && let Some((name, path, replies)) = self.waiting.pop_front()
        {
            self.under_way.insert(name.clone(), UnderWay::default());
            let (sandbox, hints, key) = (Arc::clone(sandbox), self.hints.clone(), name.clone());
            let work = move || {
                let admitted = admit(&sandbox, &path).map(Box::new);
                // Nobody waits for it any more when the host ends.
                drop(hints.send(Hint::Admitted { name, admitted, replies }));
            };
            let spawned = std::thread::Builder::new().name("admission".to_owned()).spawn(work);
            if let Err(error) = spawned {
                tracing::error!(%error, "no thread to look at a file; it is looked at when it changes again");
                self.under_way.remove(&key);
            }
        }
    }
}
