//! A folder of plugins, running: files become seats on worker threads, changed files
//! become new generations, vanished files end their plugins. Nothing here waits for a
//! plugin: workers run them, one thread watches the folder, and whoever delivers events
//! only puts them into a worker's inbox.
//!
//! | module | holds |
//! |--|--|
//! | `worker` | the threads that seats are pinned to |
//! | `watcher` | what changes in the folder, from notifications and by looking |

mod watcher;
mod worker;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ringfence_model::desk::Desk;
use ringfence_model::strategy::{Manifest, Mode, Value};
use ringfence_model::{EventBody, Micros, SeatId, Timestamp};

use crate::admission::{Plugin, hash};
use crate::host::LogLevel;
use crate::refusal::Refusal;
use crate::sandbox::Sandbox;
use crate::seat::{Seat, SeatConfig, SeatReport};
use watcher::{Change, Watcher};
use worker::{Job, Worker};

/// Market events that may wait for a plugin before they are conflated.
const QUEUE: usize = 8_192;
/// How long a worker may take to answer before it is left out of a report.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What decides what a plugin gets. Called from the thread that watches the folder.
pub trait Operator: Send {
    /// Opens a seat for a new plugin.
    ///
    /// # Errors
    /// Why it gets none.
    fn open(&mut self, name: &str, manifest: &Manifest) -> Result<Box<dyn Desk>, String>;

    /// The plugin's parameters.
    ///
    /// # Errors
    /// Which of them is wrong, and where.
    fn parameters(&mut self, name: &str, manifest: &Manifest) -> Result<Vec<(String, Value)>, String>;

    /// The number of an open seat.
    fn seat_id(&self, name: &str) -> Option<SeatId>;
}

/// The venue's clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Takes what happens to plugins. Called from the fleet's threads; must not wait.
pub type Notify = Arc<dyn Fn(FleetEvent) + Send + Sync>;

/// How a fleet is set up.
#[derive(Clone)]
pub struct FleetConfig {
    /// The folder of `.wasm` files.
    pub dir: PathBuf,
    /// Worker threads; seats are spread over them.
    pub workers: usize,
    /// How the parts are wired.
    pub mode: Mode,
    /// Seed of the plugins' random numbers.
    pub seed: u64,
    /// The venue's clock.
    pub clock: Clock,
}

impl std::fmt::Debug for FleetConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FleetConfig").field("dir", &self.dir).field("workers", &self.workers).finish_non_exhaustive()
    }
}

/// A fleet that can't start.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The folder can't be read.
    #[error("can't read the plugin folder {dir}: {source}; name another with --plugins DIR")]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No threads.
    #[error("can't start a thread for plugins: {0}")]
    Thread(#[from] std::io::Error),
}

/// What happens to plugins.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub enum FleetEvent {
    /// A plugin runs.
    Loaded { name: String, generation: u64, language: String },
    /// A new generation runs; `pause` is how long none did.
    Reloaded { name: String, generation: u64, pause: Duration },
    /// A file is not taken; what ran before goes on.
    Refused { file: String, reason: Refusal },
    /// A file is gone, and its plugin ended.
    Removed { name: String },
    /// A plugin faulted and will be restarted.
    Faulted { name: String, reason: String },
    /// A plugin faulted too often.
    Quarantined { name: String, reason: String },
    /// A line of a plugin's log.
    Log { name: String, level: LogLevel, message: String },
}

/// Where each seat runs.
type Places = Arc<RwLock<HashMap<SeatId, usize>>>;

/// Brings events to plugins.
#[derive(Clone)]
pub struct Mailbox {
    places: Places,
    workers: Vec<Sender<Job>>,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}

impl Mailbox {
    /// Brings an event to a seat. Never waits: the worker's inbox has no bound, but the
    /// worker empties it into the seats' bounded queues before it runs any plugin.
    pub fn deliver(&self, seat: SeatId, ts: Timestamp, body: EventBody) {
        let place = self.places.read().unwrap_or_else(PoisonError::into_inner).get(&seat).copied();
        // A worker that has ended has no plugins any more.
        if let Some(sender) = place.and_then(|worker| self.workers.get(worker)) {
            drop(sender.send(Job::Deliver { seat, ts, body }));
        }
    }
}

/// A running folder of plugins.
pub struct Fleet {
    mailbox: Mailbox,
    workers: Vec<JoinHandle<()>>,
    watcher: Option<Watcher>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}

/// Asks every worker and collects the answers.
fn ask<T>(workers: &[Sender<Job>], within: Duration, question: impl Fn(Sender<T>) -> Job) -> Vec<T> {
    let (reply, answers) = channel();
    for worker in workers {
        drop(worker.send(question(reply.clone())));
    }
    drop(reply);
    let deadline = Instant::now() + within;
    let mut all = Vec::new();
    while let Ok(answer) = answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        all.push(answer);
    }
    all
}

impl Fleet {
    /// Takes in what is in the folder, then watches it. Returns when every file of the
    /// start is running or refused.
    ///
    /// # Errors
    /// The folder can't be read, or there are no threads.
    pub fn start(
        sandbox: Arc<Sandbox>,
        config: FleetConfig,
        operator: Box<dyn Operator>,
        notify: Notify,
    ) -> Result<Self, FleetError> {
        let places: Places = Arc::default();
        let (mut senders, mut workers) = (Vec::new(), Vec::new());
        for number in 0..config.workers.max(1) {
            let (sender, inbox) = channel();
            let worker = Worker::new(inbox, Arc::clone(&config.clock), Arc::clone(&notify));
            let thread = std::thread::Builder::new()
                .name(format!("plugins-{number}"))
                // The guest has 512 KiB of it; the host's own part must never run out.
                .stack_size(8 << 20)
                .spawn(move || worker.run())?;
            senders.push(sender);
            workers.push(thread);
        }
        let mailbox = Mailbox { places, workers: senders };
        let dir = config.dir.clone();
        let keeper = Keeper { sandbox, config, operator, notify, mailbox: mailbox.clone(), seats: HashMap::new() };
        let watcher = Watcher::start(&dir, keeper).map_err(|source| FleetError::Folder { dir, source })?;
        Ok(Fleet { mailbox, workers, watcher: Some(watcher) })
    }

    /// A way to bring events to plugins.
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }

    /// Figures of all seats, by name.
    pub fn reports(&self) -> Vec<SeatReport> {
        let answers = ask(&self.mailbox.workers, ANSWER_WITHIN, |reply| Job::Report { reply });
        let mut reports: Vec<_> = answers.into_iter().flatten().collect();
        reports.sort_by(|one: &SeatReport, other| one.name.cmp(&other.name));
        reports
    }

    /// Waits until everything that was delivered is handled; false if that takes longer.
    pub fn drain(&mut self, within: Duration) -> bool {
        let workers = self.mailbox.workers.len();
        ask(&self.mailbox.workers, within, |reply| Job::Drain { reply }).len() == workers
    }

    /// Ends all plugins and the threads; figures of all seats at the end.
    pub fn stop(mut self, now: Timestamp) -> Vec<SeatReport> {
        drop(self.watcher.take());
        for worker in &self.mailbox.workers {
            drop(worker.send(Job::Stop { now }));
        }
        let reports = self.reports();
        for worker in &self.mailbox.workers {
            drop(worker.send(Job::End));
        }
        for thread in self.workers.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a plugin thread panicked");
            }
        }
        reports
    }
}

/// Turns changes of the folder into seats and generations.
struct Keeper {
    sandbox: Arc<Sandbox>,
    config: FleetConfig,
    operator: Box<dyn Operator>,
    notify: Notify,
    mailbox: Mailbox,
    seats: HashMap<String, Kept>,
}

/// What is known of a plugin's file.
struct Kept {
    worker: usize,
    /// Content that was taken or refused last.
    content: [u8; 32],
    open: bool,
    running: bool,
}

/// A file's bytes and what admission says of them.
struct Admitted {
    file: String,
    name: String,
    content: [u8; 32],
    result: Result<Arc<Plugin>, Refusal>,
}

fn admit(sandbox: &Arc<Sandbox>, path: &Path) -> Option<Admitted> {
    let file = path.file_name()?.to_string_lossy().into_owned();
    let name = path.file_stem()?.to_string_lossy().into_owned();
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        // Gone again before it was read: its removal will be told.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            let reason = Refusal::Operator(format!("the file can't be read: {error}"));
            return Some(Admitted { file, name, content: [0; 32], result: Err(reason) });
        }
    };
    Some(Admitted { content: hash(&bytes), result: sandbox.admit(&bytes), file, name })
}

impl Keeper {
    /// The files of the start, compiled side by side; each runs as soon as it is ready.
    fn open_all(&mut self, files: &[PathBuf]) {
        let sandbox = Arc::clone(&self.sandbox);
        std::thread::scope(|scope| {
            let (ready, inbox) = channel();
            for path in files {
                let (sandbox, ready) = (&sandbox, ready.clone());
                // Nobody but this scope takes them, and it waits for all.
                scope.spawn(move || drop(ready.send(admit(sandbox, path))));
            }
            drop(ready);
            for admitted in inbox.into_iter().flatten() {
                self.take(admitted);
            }
        });
    }

    fn changed(&mut self, change: &Change) {
        match change {
            Change::Written(path) => {
                if let Some(admitted) = admit(&self.sandbox, path) {
                    self.take(admitted);
                }
            }
            Change::Gone(path) => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                self.remove(&name);
            }
        }
    }

    fn remove(&mut self, name: &str) {
        let Some(kept) = self.seats.get_mut(name) else { return };
        kept.content = [0; 32];
        if std::mem::take(&mut kept.running) {
            let job = Job::Remove { name: name.to_owned(), now: (self.config.clock)() };
            if let Some(worker) = self.mailbox.workers.get(kept.worker) {
                drop(worker.send(job));
            }
        }
    }

    fn take(&mut self, admitted: Admitted) {
        let Admitted { file, name, content, result } = admitted;
        let worker = self.seats.len() % self.mailbox.workers.len().max(1);
        let kept =
            self.seats.entry(name.clone()).or_insert(Kept { worker, content: [0; 32], open: false, running: false });
        if kept.content == content {
            return;
        }
        kept.content = content;
        let result = result.and_then(|plugin| self.load(&name, plugin));
        if let Err(reason) = result {
            (self.notify)(FleetEvent::Refused { file, reason });
        }
    }

    fn load(&mut self, name: &str, plugin: Arc<Plugin>) -> Result<(), Refusal> {
        let parameters = self.operator.parameters(name, plugin.manifest()).map_err(Refusal::Operator)?;
        let Some(kept) = self.seats.get_mut(name) else { return Ok(()) };
        let Some(worker) = self.mailbox.workers.get(kept.worker).cloned() else { return Ok(()) };
        if !kept.open {
            let desk = self.operator.open(name, plugin.manifest()).map_err(Refusal::Operator)?;
            let Some(id) = self.operator.seat_id(name) else {
                return Err(Refusal::Operator("the engine has no seat of this name".to_owned()));
            };
            let config = SeatConfig {
                name: name.to_owned(),
                mode: self.config.mode,
                seed: self.config.seed,
                lookahead: Micros::MAX,
                queue: QUEUE,
            };
            let seat = Seat::new(Arc::clone(&self.sandbox), config, desk);
            self.mailbox.places.write().unwrap_or_else(PoisonError::into_inner).insert(id, kept.worker);
            drop(worker.send(Job::Open { id, seat: Box::new(seat) }));
            kept.open = true;
        }
        let (reply, answer) = channel();
        let now = (self.config.clock)();
        drop(worker.send(Job::Load { name: name.to_owned(), plugin, parameters, now, reply }));
        // The worker has ended only when the whole fleet has.
        let loaded = answer.recv().unwrap_or(Ok(()));
        if loaded.is_ok() {
            kept.running = true;
        }
        loaded
    }
}
