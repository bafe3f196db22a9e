//! A folder of plugins, running: files become seats on worker threads, changed files
//! become new generations, vanished files end their plugins. Nothing here waits for a
//! plugin: workers run them, one thread watches the folder, and whoever delivers events
//! only puts them into a worker's inbox.
//!
//! | module | holds |
//! |--|--|
//! | `admissions` | files that are looked at beside everything else |
//! | `worker` | the threads that seats are pinned to |
//! | `roster` | which file of a name may be taken now, pure |
//! | [`control`] | an operator's commands to running plugins |
//! | `watcher` | what changes in the folder, from notifications and by looking |

mod admissions;
pub mod control;
mod roster;
mod watcher;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ringfence_model::desk::Desk;
use ringfence_model::strategy::{Manifest, Mode, Value};
use ringfence_model::{EventBody, Micros, SeatId, Timestamp};

use crate::admission::Plugin;
use crate::host::LogLevel;
use crate::refusal::Refusal;
use crate::sandbox::Sandbox;
use crate::seat::{Seat, SeatConfig, SeatReport, Settings};
use crate::trust::Trust;
use admissions::{Admissions, Admitted, Reply, admit};
pub use control::Control;
use roster::{Roster, Verdict};
use watcher::{Change, Watcher};
use worker::{Address, Job, Mail, Worker};

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

    /// What the operator decides beside the grant: budgets and policies.
    fn settings(&mut self, _name: &str) -> Settings {
        Settings::default()
    }

    /// Looks whether the operator has changed his mind. What changed is asked for again.
    fn refresh(&mut self) -> Refreshed {
        Refreshed::Same
    }

    /// Whom the operator trusts; asked at the start and after each change of the configuration.
    fn trust(&self) -> Trust {
        Trust::default()
    }

    /// The number of an open seat.
    fn seat_id(&self, name: &str) -> Option<SeatId>;
}

/// What [`Operator::refresh`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// Nothing new.
    Same,
    /// Parameters, budgets or policies may be others now.
    Changed,
    /// The same, but some of it counts only after a restart.
    Partly(String),
    /// The new configuration can't be used; what counted before goes on.
    Wrong(String),
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
    /// A new generation watches; its orders are compared with the running one's, not sent.
    Watching { name: String },
    /// A new generation has watched long enough, and now it is the one that runs.
    Taken { name: String, generation: u64 },
    /// A new generation that watched ends without having run; the one that runs goes on.
    NotTaken { name: String, generation: u64, reason: String },
    /// A new generation failed on trial, and the one before goes on.
    RolledBack { name: String, generation: u64, reason: String },
    /// A plugin that uses much of a core went to the worker for the slow, or came back from it.
    Moved { name: String, slow: bool },
    /// A file comes too often; it is taken after a while.
    Delayed { name: String, wait: Duration },
    /// The configuration was read again, with what came of it.
    Configuration { problem: Option<String> },
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
/// The seats by their plugins' names.
type Names = Arc<RwLock<BTreeMap<String, SeatId>>>;

/// Brings events to plugins.
#[derive(Clone)]
pub struct Mailbox {
    places: Places,
    workers: Vec<Sender<Mail>>,
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
        self.send(seat, Job::Deliver { ts, body, arrived: Instant::now() });
    }

    /// Sends under the lock, so that a seat that moves gets its mail in order.
    fn send(&self, seat: SeatId, job: Job) {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        // A worker that has ended has no plugins any more.
        if let Some(sender) = places.get(&seat).and_then(|worker| self.workers.get(*worker)) {
            drop(sender.send((Some(seat), job)));
        }
    }
}

/// A running folder of plugins.
pub struct Fleet {
    mailbox: Mailbox,
    clock: Clock,
    names: Names,
    workers: Vec<JoinHandle<()>>,
    watcher: Option<Watcher>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}

/// Asks every worker and collects the answers.
fn ask<T>(workers: &[Sender<Mail>], within: Duration, question: impl Fn(Sender<T>) -> Job) -> Vec<T> {
    let (reply, answers) = channel();
    for worker in workers {
        drop(worker.send((None, question(reply.clone()))));
    }
    drop(reply);
    let deadline = Instant::now() + within;
    let mut all = Vec::new();
    while let Ok(answer) = answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        all.push(answer);
    }
    all
}

fn reports(workers: &[Sender<Mail>]) -> Vec<SeatReport> {
    let answers = ask(workers, ANSWER_WITHIN, |reply| Job::Report { reply });
    let mut reports: Vec<_> = answers.into_iter().flatten().collect();
    reports.sort_by(|one: &SeatReport, other| one.name.cmp(&other.name));
    reports
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
        // One more than asked for: there the slow are kept from the others.
        let count = config.workers.max(1).saturating_add(1);
        let (senders, inboxes): (Vec<Sender<Mail>>, Vec<_>) = (0..count).map(|_| channel()).unzip();
        let mut workers = Vec::new();
        for (number, inbox) in inboxes.into_iter().enumerate() {
            let address = Address { number, all: senders.clone(), places: Arc::clone(&places) };
            let worker = Worker::new(inbox, Arc::clone(&config.clock), Arc::clone(&notify), address);
            let name = if number.saturating_add(1) == count { "slow".to_owned() } else { number.to_string() };
            let thread = std::thread::Builder::new()
                .name(format!("plugins-{name}"))
                // The guest has 512 KiB of it; the host's own part must never run out.
                .stack_size(8 << 20)
                .spawn(move || worker.run())?;
            workers.push(thread);
        }
        let mailbox = Mailbox { places, workers: senders };
        let (clock, names) = (Arc::clone(&config.clock), Names::default());
        let dir = config.dir.clone();
        let (mail, known) = (mailbox.clone(), Arc::clone(&names));
        let keeper = move |admissions| Keeper {
            sandbox,
            config,
            operator,
            notify,
            mailbox: mail,
            names: known,
            seats: HashMap::new(),
            roster: Roster::default(),
            admissions,
        };
        let watcher = Watcher::start(&dir, |hints| keeper(Admissions::new(hints)))
            .map_err(|source| FleetError::Folder { dir, source })?;
        Ok(Fleet { mailbox, clock, names, workers, watcher: Some(watcher) })
    }

    /// A way to bring events to plugins.
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }

    /// A way to command plugins, for whoever speaks with the operator.
    pub fn control(&self) -> Control {
        let hints = self.watcher.as_ref().map(Watcher::hints);
        Control::new(self.mailbox.clone(), hints, Arc::clone(&self.clock), Arc::clone(&self.names))
    }

    /// Figures of all seats, by name.
    pub fn reports(&self) -> Vec<SeatReport> {
        reports(&self.mailbox.workers)
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
            drop(worker.send((None, Job::Stop { now })));
        }
        let reports = self.reports();
        for worker in &self.mailbox.workers {
            drop(worker.send((None, Job::End)));
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
    names: Names,
    seats: HashMap<String, Kept>,
    roster: Roster,
    admissions: Admissions,
}

/// What is known of a plugin that has a seat.
struct Kept {
    id: SeatId,
    running: bool,
    /// What it was given last.
    plugin: Option<Arc<Plugin>>,
    parameters: Vec<(String, Value)>,
    settings: Settings,
}

impl Keeper {
    /// The files of the start, compiled side by side, as many at a time as there are cores; each
    /// runs as soon as it is ready.
    fn open_all(&mut self, files: &[PathBuf]) {
        self.sandbox.set_trust(self.operator.trust());
        let sandbox = Arc::clone(&self.sandbox);
        let at_a_time = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (ready, inbox) = channel();
            for _ in 0..at_a_time {
                let (sandbox, ready, next) = (&sandbox, ready.clone(), &next);
                scope.spawn(move || {
                    while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        // Nobody but this scope takes them, and it waits for all.
                        drop(ready.send(admit(sandbox, path)));
                    }
                });
            }
            drop(ready);
            for admitted in inbox.into_iter().flatten() {
                self.take(admitted);
            }
        });
    }

    fn changed(&mut self, change: &Change) {
        match change {
            Change::Written(path) => self.written(path),
            Change::Gone(path) => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                self.admissions.gone(&name);
                self.roster.gone(&name);
                self.remove(&name);
                self.next_of(&name);
            }
        }
    }

    /// A name is free again: a file that could not have it, because it differs in case only, can now.
    fn next_of(&mut self, name: &str) {
        // If the folder can't be read, the watcher says so.
        for path in watcher::files(&self.config.dir).unwrap_or_default().into_keys() {
            if path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case(name)) {
                self.written(&path);
            }
        }
    }

    fn written(&mut self, path: &Path) {
        let (Some(file), Some(name)) = (path.file_name(), path.file_stem()) else { return };
        let (file, name) = (file.to_string_lossy().into_owned(), name.to_string_lossy().into_owned());
        let per_minute = self.operator.settings(&name).budgets.reloads;
        match self.roster.look((self.config.clock)(), &name, per_minute) {
            Verdict::Wait(wait) => {
                (self.notify)(FleetEvent::Delayed { name, wait: Duration::from_micros(wait.0) });
            }
            Verdict::Refuse(why) => self.refuse(&name, file, Refusal::Operator(why)),
            Verdict::Take | Verdict::Same => self.admissions.ask(&self.sandbox, &name, path, None),
        }
    }

    /// An admission has come to its end.
    fn admitted(&mut self, name: &str, admitted: Option<Box<Admitted>>, replies: Vec<Reply>) {
        let (counts, again) = self.admissions.ended(&self.sandbox, name);
        if !replies.is_empty() {
            let result = self.reload(name, admitted);
            // Whoever asked may have stopped waiting.
            replies.into_iter().for_each(|reply| drop(reply.send(result.clone())));
        } else if let Some(admitted) = admitted.filter(|_| counts) {
            self.take(*admitted);
        } else {
            // What nobody takes cost as much as what somebody does.
            self.roster.spent((self.config.clock)(), name);
        }
        match again {
            Some((path, replies)) if replies.is_empty() => self.written(&path),
            Some((path, replies)) => {
                replies.into_iter().for_each(|reply| self.admissions.ask(&self.sandbox, name, &path, Some(reply)));
            }
            None => {}
        }
    }

    /// What is due although nothing changed in the folder.
    fn look(&mut self) {
        for name in self.roster.waiting() {
            let per_minute = self.operator.settings(&name).budgets.reloads;
            if self.roster.look((self.config.clock)(), &name, per_minute) == Verdict::Take {
                self.written(&self.config.dir.join(format!("{name}.wasm")));
            }
        }
        match self.operator.refresh() {
            Refreshed::Same => {}
            Refreshed::Wrong(problem) => (self.notify)(FleetEvent::Configuration { problem: Some(problem) }),
            Refreshed::Changed => {
                (self.notify)(FleetEvent::Configuration { problem: None });
                self.configure();
            }
            Refreshed::Partly(what) => {
                (self.notify)(FleetEvent::Configuration { problem: Some(what) });
                self.configure();
            }
        }
    }

    /// Brings running plugins up to a changed configuration: budgets and policies at once,
    /// parameters by a new instance that takes the old one's state over.
    fn configure(&mut self) {
        self.sandbox.set_trust(self.operator.trust());
        let names: Vec<String> = self.seats.keys().cloned().collect();
        for name in names {
            let settings = self.operator.settings(&name);
            let Some(kept) = self.seats.get_mut(&name) else { continue };
            if kept.settings != settings {
                kept.settings = settings.clone();
                self.mailbox.send(kept.id, Job::Set { settings });
            }
            let Some(plugin) = kept.plugin.clone().filter(|_| kept.running) else { continue };
            match self.operator.parameters(&name, plugin.manifest()) {
                Ok(parameters) if parameters == kept.parameters => {}
                Ok(_) => {
                    if let Err(reason) = self.load(&name, plugin, "its parameters changed".to_owned()) {
                        self.refuse(&name, format!("parameters of {name}"), reason);
                    }
                }
                Err(why) => self.refuse(&name, format!("parameters of {name}"), Refusal::Operator(why)),
            }
        }
    }

    /// An operator wants a file taken again.
    fn asked_again(&mut self, name: &str, reply: Reply) {
        let path = self.config.dir.join(format!("{name}.wasm"));
        self.admissions.ask(&self.sandbox, name, &path, Some(reply));
    }

    /// Takes a file again, whatever was made of it before.
    fn reload(&mut self, name: &str, admitted: Option<Box<Admitted>>) -> Result<String, String> {
        self.roster.forget(name);
        let Some(admitted) = admitted else {
            return Err(format!("there is no file {}", self.config.dir.join(format!("{name}.wasm")).display()));
        };
        let Admitted { name, content, result, .. } = *admitted;
        let plugin = result.map_err(|refusal| refusal.to_string())?;
        // An operator's word is leave enough for an older version.
        drop(self.roster.offer((self.config.clock)(), &name, content, None, true));
        self.load(&name, plugin, "reloaded by the operator".to_owned()).map_err(|refusal| refusal.to_string())?;
        Ok("reloaded".to_owned())
    }

    fn refuse(&mut self, name: &str, file: String, reason: Refusal) {
        if let Some(kept) = self.seats.get(name) {
            let now = (self.config.clock)();
            self.mailbox.send(kept.id, Job::Refused { why: format!("{file} refused: {reason}"), now });
        }
        (self.notify)(FleetEvent::Refused { file, reason });
    }

    fn remove(&mut self, name: &str) {
        let Some(kept) = self.seats.get_mut(name) else { return };
        if std::mem::take(&mut kept.running) {
            self.mailbox.send(kept.id, Job::Remove { now: (self.config.clock)() });
        }
    }

    fn take(&mut self, admitted: Admitted) {
        let Admitted { file, name, content, result } = admitted;
        let now = (self.config.clock)();
        // Whether it may come again was asked before it was read; here it is only the name.
        if let Verdict::Refuse(why) = self.roster.look(now, &name, u32::MAX) {
            return self.refuse(&name, file, Refusal::Operator(why));
        }
        let version = result.as_ref().ok().map(|plugin| plugin.manifest().version.clone());
        let downgrade = self.operator.settings(&name).downgrade;
        let result = match self.roster.offer(now, &name, content, version.as_deref(), downgrade) {
            Verdict::Same => return,
            Verdict::Refuse(why) => Err(Refusal::Operator(why)),
            Verdict::Take | Verdict::Wait(_) => result.and_then(|plugin| self.load(&name, plugin, file.clone())),
        };
        if let Err(reason) = result {
            self.refuse(&name, file, reason);
        }
    }

    /// The seat of a name; opened when it is needed first.
    fn seat(&mut self, name: &str, plugin: &Plugin) -> Result<SeatId, Refusal> {
        if let Some(kept) = self.seats.get(name) {
            return Ok(kept.id);
        }
        let desk = self.operator.open(name, plugin.manifest()).map_err(Refusal::Operator)?;
        let Some(id) = self.operator.seat_id(name) else {
            return Err(Refusal::Operator("the engine has no seat of this name".to_owned()));
        };
        let settings = self.operator.settings(name);
        let config = SeatConfig {
            name: name.to_owned(),
            mode: self.config.mode,
            seed: self.config.seed,
            lookahead: Micros::MAX,
            queue: settings.budgets.queue,
            clocked: true,
            settings: settings.clone(),
        };
        let seat = Seat::new(Arc::clone(&self.sandbox), config, desk);
        // The last worker is for the slow.
        let among = self.mailbox.workers.len().saturating_sub(1).max(1);
        let worker = self.seats.len() % among;
        self.mailbox.places.write().unwrap_or_else(PoisonError::into_inner).insert(id, worker);
        self.names.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), id);
        self.mailbox.send(id, Job::Open { seat: Box::new(seat) });
        let kept = Kept { id, running: false, plugin: None, parameters: Vec::new(), settings };
        self.seats.insert(name.to_owned(), kept);
        Ok(id)
    }

    fn load(&mut self, name: &str, plugin: Arc<Plugin>, note: String) -> Result<(), Refusal> {
        let parameters = self.operator.parameters(name, plugin.manifest()).map_err(Refusal::Operator)?;
        let id = self.seat(name, &plugin)?;
        let settings = self.operator.settings(name);
        // Made here, so that the worker and its other plugins don't wait for it.
        let instance = plugin.instance(&self.sandbox, &settings.budgets, self.config.seed)?;
        let (reply, answer) = channel();
        let job = Job::Load {
            plugin: Arc::clone(&plugin),
            parameters: parameters.clone(),
            settings: settings.clone(),
            instance: Some(Box::new(instance)),
            note,
            now: (self.config.clock)(),
            reply,
        };
        self.mailbox.send(id, job);
        // The worker has ended only when the whole fleet has.
        let loaded = answer.recv().unwrap_or(Ok(()));
        if loaded.is_ok() {
            self.roster.runs(name, &plugin.manifest().version);
            if let Some(kept) = self.seats.get_mut(name) {
                *kept = Kept { id, running: true, plugin: Some(plugin), parameters, settings };
            }
        }
        loaded
    }
}
