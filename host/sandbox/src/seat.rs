//! A plugin's seat: what outlives its generations. It owns the desk, the queue, the
//! timers and the numbering of events, and lends them to the guest that runs in it. All
//! of it lives on one thread and never waits. What becomes of a generation is decided by
//! [`Life`]; the seat does it.
//!
//! | module | holds |
//! |--|--|
//! | `generations` | making, swapping, bringing back and ending instances |
//! | `turn` | one call with events: filling the batch, booking what was handled |
//! | `shadow` | a generation that only watches, and the comparison |
//! | `report` | figures for the operator |

mod generations;
mod report;
mod shadow;
mod turn;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ringfence_model::desk::Desk;
use ringfence_model::strategy::{FaultPolicy, Mode, Value};
use ringfence_model::{Event, EventBody, InstrumentId, Micros, OrderId, StreamKind, Timestamp};

use crate::admission::Plugin;
use crate::batch::Scales;
use crate::budgets::{Budgets, Load};
use crate::fault::FaultKind;
use crate::host::{KeyValueStore, Log, LogLevel, Memory, Metrics, Post};
use crate::instance::Instance;
use crate::life::{Input, Life, Rules};
use crate::meter::Meter;
use crate::mitigation::Mitigation;
use crate::queue::{Item, Queue};
use crate::rate::Rate;
use crate::refusal::Refusal;
use crate::sandbox::Sandbox;
use crate::timers::Timers;

pub use crate::life::{Generation, GenerationState, SeatState};
pub use report::SeatReport;
use shadow::Shadow;
pub use shadow::ShadowReport;

/// How often a running plugin is asked for its state, so that a fault loses little.
const SAVE_EVERY: Micros = Micros::from_secs(10);
/// Longest handler time that is told apart.
const SLOWEST_NS: u64 = 60_000_000_000;
/// Generations whose compiled code and last state are kept for a rollback.
const KEPT: usize = 4;

/// What the operator decides about one plugin, beside its grant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Its budgets.
    pub budgets: Arc<Budgets>,
    /// What becomes of its open orders at a fault.
    pub on_fault: FaultPolicy,
    /// Events that a new generation watches before it trades; 0: none.
    pub shadow_events: usize,
    /// Differences in the shadow phase above which the new generation is not taken.
    pub shadow_differences: Option<usize>,
    /// Whether a version may go backwards.
    pub downgrade: bool,
}

impl Settings {
    fn rules(&self) -> Rules {
        Rules {
            strikes: self.budgets.strikes,
            probation: self.budgets.probation,
            shadow: self.shadow_events,
            differences: self.shadow_differences,
        }
    }
}

/// How a seat is set up.
#[derive(Debug, Clone)]
pub struct SeatConfig {
    /// The plugin's name: its file's, without `.wasm`.
    pub name: String,
    /// How the parts are wired; told to the plugin.
    pub mode: Mode,
    /// Seed of the plugin's random numbers.
    pub seed: u64,
    /// How far events may run ahead of a command's answer; largest when live.
    pub lookahead: Micros,
    /// Market events that may wait.
    pub queue: usize,
    /// Whether the time that calls take decides anything but their end: soft bounds, shares and
    /// sizes of batches. Not in virtual time, where the same input must come to the same end.
    pub clocked: bool,
    /// What the operator decides.
    pub settings: Settings,
}

/// What one call of [`Seat::run`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Events that the plugin handled.
    pub consumed: usize,
    /// What it did wrong, if it did.
    pub fault: Option<String>,
    /// Events that still wait.
    pub left: usize,
}

/// An event that the desk has booked and no guest has handled.
#[derive(Debug)]
struct Booked {
    event: Event,
    /// Another generation has handled it: whoever is told now may not trade on it.
    past: bool,
}

/// A generation that is offered.
struct Offered {
    plugin: Arc<Plugin>,
    parameters: Vec<(String, Value)>,
    /// An instance that was made beforehand, off the seat's thread.
    instance: Option<Instance>,
    /// State that the generation before has just given.
    saved: Option<Vec<u8>>,
}

/// The generation before, while the new one is on trial.
struct Reserve {
    instance: Instance,
    plugin: Arc<Plugin>,
    parameters: Vec<(String, Value)>,
    saved: Option<Vec<u8>>,
    wished: Vec<(InstrumentId, StreamKind)>,
    timers: Timers,
    store: KeyValueStore,
    /// Its open orders at the swap.
    orders: Vec<OrderId>,
    /// What the new one was given since.
    kept: Vec<Event>,
}

/// A generation that can come back by an operator's word.
struct Archived {
    number: u64,
    plugin: Arc<Plugin>,
    saved: Option<Vec<u8>>,
}

/// One plugin's seat.
pub struct Seat {
    sandbox: Arc<Sandbox>,
    config: SeatConfig,
    life: Life,
    /// With the seat between calls, with the guest during one.
    post: Option<Box<Post>>,
    instance: Option<Instance>,
    /// The memory of the last instance when the host ended, for its last figures.
    left: Option<Memory>,
    plugin: Option<Arc<Plugin>>,
    parameters: Vec<(String, Value)>,
    offered: Option<Offered>,
    refusal: Option<Refusal>,
    reserve: Option<Reserve>,
    shadow: Option<Shadow>,
    shadowed: Option<ShadowReport>,
    archive: VecDeque<Archived>,
    scales: Scales,
    wished: Vec<(InstrumentId, StreamKind)>,
    /// What the generation before wished for.
    wished_before: Vec<(InstrumentId, StreamKind)>,
    queue: Queue,
    /// Booked already, handed over before what is in the queue.
    booked: VecDeque<Booked>,
    /// Number of the last event that was booked.
    seq: u64,
    last_ts: Timestamp,
    saved: Option<Vec<u8>>,
    next_save: Timestamp,
    events: u64,
    last_fault: Option<String>,
    last_kind: Option<FaultKind>,
    handler: Histogram<u64>,
    /// From an event's arrival until its call has ended; the oldest event of each call.
    latency: Histogram<u64>,
    meter: Meter,
    born: Instant,
    /// CPU time of one event, as experience says.
    each: Duration,
    soft: u64,
    conflated: bool,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("config", &self.config).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Seat {
    /// An empty seat around a desk.
    pub fn new(sandbox: Arc<Sandbox>, config: SeatConfig, desk: Box<dyn Desk>) -> Self {
        let budgets = Arc::clone(&config.settings.budgets);
        let scales = Scales::new(desk.instruments());
        let post = Post {
            desk,
            timers: new_timers(&budgets),
            store: KeyValueStore::default(),
            log: Log::new(&budgets, sandbox.lacks(Mitigation::Escape)),
            metrics: Metrics::default(),
            feeds: new_feeds(&budgets),
            call: None,
            now: Timestamp::default(),
            load: Load::default(),
            asked: None,
        };
        let times = || Histogram::new_with_bounds(1, SLOWEST_NS, 2).expect("constants within the library's bounds");
        Seat {
            sandbox,
            life: Life::new(config.settings.rules()),
            queue: Queue::new(config.queue),
            config,
            post: Some(Box::new(post)),
            instance: None,
            left: None,
            plugin: None,
            parameters: Vec::new(),
            offered: None,
            refusal: None,
            reserve: None,
            shadow: None,
            shadowed: None,
            archive: VecDeque::new(),
            scales,
            wished: Vec::new(),
            wished_before: Vec::new(),
            booked: VecDeque::new(),
            seq: 0,
            last_ts: Timestamp::default(),
            saved: None,
            next_save: Timestamp::default(),
            events: 0,
            last_fault: None,
            last_kind: None,
            handler: times(),
            latency: times(),
            meter: Meter::default(),
            born: Instant::now(),
            each: Duration::ZERO,
            soft: 0,
            conflated: false,
        }
    }

    /// The plugin's name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Where it stands.
    pub const fn state(&self) -> SeatState {
        self.life.state()
    }

    /// Its life, for whoever asks how it came to be so.
    pub const fn life(&self) -> &Life {
        &self.life
    }

    fn post(&mut self) -> Option<&mut Post> {
        self.post.as_deref_mut()
    }

    fn budgets(&self) -> &Arc<Budgets> {
        &self.config.settings.budgets
    }

    /// A line of the host in the plugin's log.
    fn say(&mut self, level: LogLevel, message: String) {
        if let Some(post) = self.post() {
            post.log.tell(level, message);
        }
    }

    /// The operator decided anew. Budgets of memory count for the next instance, all others at once.
    pub fn set(&mut self, settings: Settings) {
        if self.config.settings == settings {
            return;
        }
        let budgets = Arc::clone(&settings.budgets);
        self.life.set_rules(settings.rules());
        self.queue.set_limit(budgets.queue);
        self.config.queue = budgets.queue;
        if let Some(post) = self.post() {
            post.timers.set_limit(&budgets);
            post.feeds = new_feeds(&budgets);
            post.log.set_rate(&budgets);
        }
        if let Some(instance) = &mut self.instance {
            instance.set_budgets(&budgets);
        }
        self.config.settings = settings;
    }

    /// Whether a guest is there and may be called.
    fn is_served(&self) -> bool {
        self.instance.is_some() && self.state() == SeatState::Running
    }

    /// Whether [`Seat::run`] has something to do now. A plugin above its share of a core gets
    /// only what is not market data, until it has paid back.
    pub fn is_due(&mut self) -> bool {
        if !self.is_served() {
            return self.shadow.is_some() && self.shadow_waits();
        }
        if self.conflated {
            let now = self.born.elapsed();
            self.conflated = self.meter.percent(now) > self.budgets().share_percent;
            self.queue.set_narrow(self.conflated);
            return self.queue.has_others() || !self.booked.is_empty() || (!self.conflated && self.waiting() > 0);
        }
        self.waiting() > 0 || self.shadow_waits()
    }

    /// Events that wait for the plugin.
    pub fn waiting(&self) -> usize {
        self.queue.len().saturating_add(self.booked.len())
    }

    /// An event for the plugin.
    pub fn push(&mut self, ts: Timestamp, body: EventBody) {
        self.push_arrived(ts, body, None);
    }

    /// The same for an event that reached the host's plugins at this moment of its own clock: how long it takes until it
    /// is handled is counted.
    pub fn push_arrived(&mut self, ts: Timestamp, body: EventBody, arrived: Option<Instant>) {
        self.last_ts = self.last_ts.max(ts);
        if self.is_served() {
            self.queue.push(Item { ts, body, arrived });
            return;
        }
        let comes_back = matches!(self.state(), SeatState::Restarting | SeatState::Paused);
        if body.is_market() {
            if comes_back {
                self.queue.miss(Item { ts, body, arrived: None });
            }
            return;
        }
        // Money moves also while nobody is there; who comes back is told.
        self.book(ts, body, comes_back);
    }

    /// Books an event that no guest handles now.
    fn book(&mut self, ts: Timestamp, body: EventBody, tell: bool) {
        let ts = self.post().map_or(ts, |post| post.now.max(ts));
        if !tell {
            let event = Event { seq: self.seq, ts, body };
            if let Some(post) = self.post() {
                drop(post.desk.apply(&event));
            }
            return;
        }
        self.seq = self.seq.saturating_add(1);
        let event = Event { seq: self.seq, ts, body };
        let follows = match self.post() {
            Some(post) => {
                post.now = ts;
                post.desk.apply(&event)
            }
            None => Vec::new(),
        };
        self.booked.push_back(Booked { event, past: false });
        for body in follows {
            self.book(ts, body, true);
        }
    }

    /// Time goes on: timers fire, a faulted plugin is restarted, a running one saved.
    pub fn advance(&mut self, now: Timestamp) {
        self.last_ts = self.last_ts.max(now);
        if self.life.next_time().is_some_and(|at| at <= now) {
            self.act(now, Input::Time);
        }
        if !self.is_served() {
            return;
        }
        while let Some((at, timer)) = self.post().and_then(|post| post.timers.fire(now)) {
            self.queue.push(Item { ts: at, body: EventBody::Timer(timer), arrived: None });
        }
        if self.next_save <= now {
            self.next_save = now.plus(SAVE_EVERY);
            if let Some(state) = self.save(now) {
                self.saved = Some(state);
            }
        }
    }

    /// When [`Seat::advance`] has something to do next.
    pub fn next_timer(&self) -> Option<Timestamp> {
        let life = self.life.next_time();
        if !self.is_served() {
            return life;
        }
        let timer = self.post.as_ref().and_then(|post| post.timers.next());
        [life, timer, Some(self.next_save)].into_iter().flatten().min()
    }

    /// Whether nothing waits for the guest.
    pub fn is_quiet(&self) -> bool {
        !self.is_served() || (self.waiting() == 0 && !self.shadow_waits())
    }

    /// Percent of a core over the last second, and the share that it may have.
    pub fn load(&mut self) -> (u32, u32) {
        let now = self.born.elapsed();
        (self.meter.percent(now), self.config.settings.budgets.share_percent)
    }

    /// What of its budgets the seat alone knows. `now` is the seat's own clock.
    fn measured(&self, now: Duration) -> Load {
        Load {
            share: self.config.clocked.then(|| self.meter.percent_at(now)),
            waiting: self.waiting(),
            strike_quarters: self.life.strikes(self.last_ts),
        }
    }

    /// What it did wrong last.
    pub fn last_fault(&self) -> &str {
        self.last_fault.as_deref().unwrap_or_default()
    }

    /// Whether there are log lines to take.
    pub fn has_log(&self) -> bool {
        self.post.as_ref().is_some_and(|post| !post.log.is_empty())
    }

    /// Log lines since the last call.
    pub fn take_log(&mut self) -> Vec<(LogLevel, String)> {
        self.post().map(|post| post.log.take()).unwrap_or_default()
    }
}

fn new_timers(budgets: &Budgets) -> Timers {
    Timers::new(budgets.timers, micros(budgets.timer_period))
}

fn new_feeds(budgets: &Budgets) -> Rate {
    let changes = u64::from(budgets.subscription_changes);
    Rate::new(changes, Micros::from_secs(60), changes)
}

fn micros(time: Duration) -> Micros {
    Micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
