//! A plugin's seat: what outlives its generations. It owns the desk, the queue, the
//! timers and the numbering of events, and lends them to the guest that runs in it. All
//! of it lives on one thread and never waits.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use ringfence_model::desk::{Desk, DeskReport};
use ringfence_model::event::GapReason;
use ringfence_model::strategy::{Context, Manifest, Mode, StopReason, Value};
use ringfence_model::{Decimal, Event, EventBody, InstrumentId, Micros, StreamKind, Timestamp};

use crate::admission::Plugin;
use crate::batch::{Builder, Scales};
use crate::host::{Call, KeyValueStore, Log, LogLevel, Metrics, Post};
use crate::instance::{Fault, Instance};
use crate::queue::Queue;
use crate::refusal::Refusal;
use crate::sandbox::Sandbox;
use crate::timers::Timers;

/// The time within which faults add up.
const STRIKES_WITHIN: Micros = Micros::from_secs(600);
/// Wait before the first restart; it doubles with each strike.
const RESTART_AFTER: Micros = Micros::from_secs(1);
const RESTART_LATEST: Micros = Micros::from_secs(60);
/// How often a running plugin is asked for its state, so that a fault loses little.
const SAVE_EVERY: Micros = Micros::from_secs(10);
/// Longest handler time that is told apart.
const SLOWEST_NS: u64 = 60_000_000_000;

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
}

/// Where a seat stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeatState {
    /// No plugin yet.
    Empty,
    /// Trading.
    Running,
    /// It faulted and waits for its restart.
    Restarting,
    /// It faulted too often; only a new file starts it again.
    Quarantined,
    /// Its file is gone.
    Removed,
    /// The host has ended it.
    Stopped,
}

impl fmt::Display for SeatState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SeatState::Empty => "empty",
            SeatState::Running => "running",
            SeatState::Restarting => "restarting",
            SeatState::Quarantined => "quarantined",
            SeatState::Removed => "removed",
            SeatState::Stopped => "stopped",
        })
    }
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

/// Figures of one seat.
#[derive(Debug, Clone)]
pub struct SeatReport {
    /// The plugin's name.
    pub name: String,
    /// As its manifest says.
    pub language: String,
    /// As its manifest says.
    pub version: String,
    /// 1 for the first file, one more with each reload.
    pub generation: u64,
    /// Where it stands.
    pub state: SeatState,
    /// Events that it handled.
    pub events: u64,
    /// Faults since the seat was opened.
    pub faults: u64,
    /// Middle time of a handler call.
    pub handler_p50_ns: u64,
    /// Time that one of a hundred handler calls exceeds.
    pub handler_p99_ns: u64,
    /// Orders, fills, money.
    pub desk: DeskReport,
    /// What it did wrong last.
    pub last_fault: Option<String>,
    /// Newest values of its gauges and plots.
    pub gauges: Vec<(String, Decimal)>,
}

/// One plugin's seat.
pub struct Seat {
    sandbox: Arc<Sandbox>,
    config: SeatConfig,
    /// With the seat between calls, with the guest during one.
    post: Option<Box<Post>>,
    instance: Option<Instance>,
    plugin: Option<Arc<Plugin>>,
    parameters: Vec<(String, Value)>,
    scales: Scales,
    wished: Vec<(InstrumentId, StreamKind)>,
    queue: Queue,
    /// Number of the last event that the plugin handled.
    seq: u64,
    last_ts: Timestamp,
    saved: Option<Vec<u8>>,
    next_save: Timestamp,
    state: SeatState,
    generation: u64,
    events: u64,
    faults: u64,
    strikes: VecDeque<Timestamp>,
    restart_at: Option<Timestamp>,
    last_fault: Option<String>,
    handler: Histogram<u64>,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("config", &self.config).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Seat {
    /// An empty seat around a desk.
    pub fn new(sandbox: Arc<Sandbox>, config: SeatConfig, desk: Box<dyn Desk>) -> Self {
        let budgets = Arc::clone(sandbox.budgets());
        let scales = Scales::new(desk.instruments());
        let post = Post {
            desk,
            timers: Timers::new(budgets.timers),
            store: KeyValueStore::default(),
            log: Log::new(&budgets),
            metrics: Metrics::default(),
            call: None,
            now: Timestamp::default(),
        };
        let handler = Histogram::new_with_bounds(1, SLOWEST_NS, 2).expect("constants within the library's bounds");
        Seat {
            sandbox,
            queue: Queue::new(config.queue),
            config,
            post: Some(Box::new(post)),
            instance: None,
            plugin: None,
            parameters: Vec::new(),
            scales,
            wished: Vec::new(),
            seq: 0,
            last_ts: Timestamp::default(),
            saved: None,
            next_save: Timestamp::default(),
            state: SeatState::Empty,
            generation: 0,
            events: 0,
            faults: 0,
            strikes: VecDeque::new(),
            restart_at: None,
            last_fault: None,
            handler,
        }
    }

    /// The plugin's name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Where it stands.
    pub const fn state(&self) -> SeatState {
        self.state
    }

    fn post(&mut self) -> Option<&mut Post> {
        self.post.as_deref_mut()
    }

    /// Begins a generation: the first, or the next one. The new instance is made, started
    /// and given the old one's state before the old one is let go, so if anything of that
    /// fails, the old one goes on as if nothing had happened.
    ///
    /// # Errors
    /// The plugin wishes for what is not granted, or refuses to start.
    pub fn start(
        &mut self,
        now: Timestamp,
        plugin: Arc<Plugin>,
        parameters: Vec<(String, Value)>,
    ) -> Result<(), Refusal> {
        let wished = self.wishes(plugin.manifest())?;
        let saved = match self.save() {
            Some(state) => Some(state),
            None => self.saved.clone(),
        };
        let next = self.make(now, &plugin, &parameters, saved.as_deref())?;
        self.follow(wished)?;
        if let Some(mut old) = self.instance.take() {
            *old.post() = self.post.take();
            // A fault on the way out changes nothing any more.
            if let Err(fault) = old.shutdown(StopReason::Reload) {
                tracing::warn!(plugin = self.config.name, %fault, "the old generation failed at its end");
            }
            self.post = old.post().take();
        }
        self.instance = Some(next);
        self.plugin = Some(plugin);
        self.parameters = parameters;
        self.saved = saved;
        self.generation = self.generation.saturating_add(1);
        self.strikes.clear();
        self.begin(now);
        Ok(())
    }

    fn begin(&mut self, now: Timestamp) {
        self.last_ts = self.last_ts.max(now);
        self.state = SeatState::Running;
        self.restart_at = None;
        self.next_save = now.plus(SAVE_EVERY);
        self.queue.put_back(now, EventBody::Started);
    }

    /// The streams that a manifest wishes for, as far as they are granted.
    fn wishes(&self, manifest: &Manifest) -> Result<Vec<(InstrumentId, StreamKind)>, Refusal> {
        let instruments = self.post.as_ref().map_or(&[][..], |post| post.desk.instruments());
        let mut wished = Vec::new();
        for (symbol, streams) in &manifest.wishes {
            let Some(instrument) = instruments.iter().find(|one| one.symbol == *symbol) else {
                let granted: Vec<_> = instruments.iter().map(|one| one.symbol.as_str()).collect();
                let granted = if granted.is_empty() { "none".to_owned() } else { granted.join(", ") };
                return Err(Refusal::NotGranted { symbol: symbol.clone(), granted });
            };
            wished.extend(streams.iter().map(|stream| (instrument.id, *stream)));
        }
        Ok(wished)
    }

    /// Follows what is wished for and leaves what no longer is.
    fn follow(&mut self, wished: Vec<(InstrumentId, StreamKind)>) -> Result<(), Refusal> {
        let before = std::mem::take(&mut self.wished);
        let Some(post) = self.post() else { return Ok(()) };
        for (instrument, stream) in &wished {
            if let Err(denial) = post.desk.subscribe(*instrument, *stream) {
                let symbol = post.desk.instruments().iter().find(|one| one.id == *instrument);
                let refusal = Refusal::Wish {
                    symbol: symbol.map(|one| one.symbol.clone()).unwrap_or_default(),
                    stream: format!("{stream:?}"),
                    why: denial.to_string(),
                };
                self.wished = before;
                return Err(refusal);
            }
        }
        for (instrument, stream) in before.iter().filter(|feed| !wished.contains(feed)) {
            // Leaving can't be denied.
            drop(post.desk.unsubscribe(*instrument, *stream));
        }
        self.wished = wished;
        Ok(())
    }

    /// A new instance that has been started and given a state.
    fn make(
        &mut self,
        now: Timestamp,
        plugin: &Plugin,
        parameters: &[(String, Value)],
        saved: Option<&[u8]>,
    ) -> Result<Instance, Refusal> {
        let (instruments, allocation) = match &self.post {
            Some(post) => (post.desk.instruments().to_vec(), post.desk.balances()),
            None => return Err(Refusal::Fault("the seat's desk was lost with a fault of the host".to_owned())),
        };
        let context = Context {
            instance: self.config.name.clone(),
            mode: self.config.mode,
            now,
            seed: self.config.seed,
            instruments,
            parameters: parameters.to_vec(),
            allocation,
        };
        let failed = |fault: Fault| Refusal::Fault(fault.to_string());
        let mut instance = match Instance::new(&self.sandbox, &plugin.pre, self.config.seed, self.post.take()) {
            Ok(instance) => instance,
            Err((fault, post)) => {
                self.post = post;
                return Err(failed(fault));
            }
        };
        let started = instance.init(&context).map_err(failed).and_then(|answer| answer.map_err(Refusal::Init));
        let started = match (started, saved) {
            (Ok(()), Some(state)) => {
                instance.restore(state).map_err(failed).and_then(|answer| answer.map_err(Refusal::Restore))
            }
            (started, _) => started,
        };
        self.post = instance.post().take();
        started.map(|()| instance)
    }

    /// Asks the running guest for its state; `None` if there is none, or it faulted, which is a strike.
    fn save(&mut self) -> Option<Vec<u8>> {
        let mut instance = self.instance.take()?;
        *instance.post() = self.post.take();
        let saved = instance.save();
        self.post = instance.post().take();
        match saved {
            Ok(state) => {
                self.instance = Some(instance);
                Some(state)
            }
            Err(fault) => {
                let now = self.last_ts;
                self.fault(now, &fault);
                None
            }
        }
    }

    /// An event for the plugin.
    pub fn push(&mut self, ts: Timestamp, body: EventBody) {
        self.last_ts = self.last_ts.max(ts);
        if self.instance.is_some() {
            self.queue.push(ts, body);
            return;
        }
        if body.is_market() {
            if self.state == SeatState::Restarting {
                self.queue.miss(ts, body);
            }
            return;
        }
        // Money moves also while nobody is there.
        let event = Event { seq: self.seq, ts, body };
        if let Some(post) = self.post() {
            drop(post.desk.apply(&event));
        }
    }

    /// Time goes on: timers fire, a faulted plugin is restarted, a running one saved.
    pub fn advance(&mut self, now: Timestamp) {
        self.last_ts = self.last_ts.max(now);
        if let (SeatState::Restarting, Some(at), Some(plugin)) = (self.state, self.restart_at, self.plugin.clone())
            && at <= now
        {
            let (parameters, saved) = (self.parameters.clone(), self.saved.clone());
            match self.make(now, &plugin, &parameters, saved.as_deref()) {
                Ok(instance) => {
                    self.instance = Some(instance);
                    self.begin(now);
                }
                Err(refusal) => self.strike(now, format!("its restart failed: {refusal}")),
            }
        }
        if self.instance.is_none() {
            return;
        }
        while let Some((at, timer)) = self.post().and_then(|post| post.timers.fire(now)) {
            self.queue.push(at, EventBody::Timer(timer));
        }
        if self.next_save <= now {
            self.next_save = now.plus(SAVE_EVERY);
            if let Some(state) = self.save() {
                self.saved = Some(state);
            }
        }
    }

    /// When [`Seat::advance`] has something to do next.
    pub fn next_timer(&self) -> Option<Timestamp> {
        match self.state {
            SeatState::Running => {
                let timer = self.post.as_ref().and_then(|post| post.timers.next());
                Some(timer.map_or(self.next_save, |timer| timer.min(self.next_save)))
            }
            SeatState::Restarting => self.restart_at,
            _ => None,
        }
    }

    /// Hands over what waits, at most `max` events in one call.
    pub fn run(&mut self, max: usize) -> Ran {
        let none = |left| Ran { consumed: 0, fault: None, left };
        // What is kept for a restart waits for time, not for another call.
        let Some(mut instance) = self.instance.take() else { return none(0) };
        let limit = max.min(self.sandbox.budgets().batch);
        let (builder, call) = self.fill_batch(limit);
        let count = call.events.len();
        if count == 0 {
            self.instance = Some(instance);
            return none(0);
        }
        if let Some(post) = self.post() {
            post.call = Some(call);
        }
        *instance.post() = self.post.take();
        let started = Instant::now();
        let handled = instance.on_events(builder.batch(), count, self.config.lookahead);
        let elapsed = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.post = instance.post().take();
        self.handler.saturating_record(elapsed.max(1));
        let handled = self.settle(handled, count);
        let consumed = match handled {
            Ok(consumed) => {
                self.instance = Some(instance);
                consumed
            }
            Err(fault) => {
                drop(instance);
                let now = self.last_ts;
                self.fault(now, &fault);
                return Ran { consumed: count, fault: self.last_fault.clone(), left: 0 };
            }
        };
        Ran { consumed, fault: None, left: self.queue.len() }
    }

    /// Books what was handled and puts the rest back.
    fn settle(&mut self, handled: Result<usize, Fault>, count: usize) -> Result<usize, Fault> {
        let Some(post) = self.post.as_deref_mut() else { return Err(Fault::Host) };
        let applied = post.call.as_ref().map_or(0, |call| call.applied);
        let mut result = match handled {
            // What was booked for a command is handled, whatever the guest says.
            Ok(consumed) if consumed < applied.min(count) && applied > lead(post) => Err(Fault::Ahead),
            other => other,
        };
        // After a fault nobody will handle the rest; it is booked and gone.
        let through = *result.as_ref().unwrap_or(&count);
        if let Some(last) = through.checked_sub(1) {
            post.apply_through(last);
        }
        let Some(call) = post.call.take() else { return Err(Fault::Host) };
        self.seq = self.seq.saturating_add(u64::try_from(through).unwrap_or(u64::MAX));
        self.events = self.events.saturating_add(u64::try_from(through).unwrap_or(u64::MAX));
        for event in call.events.into_iter().skip(through).rev() {
            self.queue.put_back(event.ts, event.body);
        }
        if let Ok(0) = result {
            result = Err(Fault::Consumed { said: 0, given: count });
        }
        result
    }

    /// Takes events from the queue: an event that changes the account only as the first,
    /// followed by the balances and the position that it changed.
    fn fill_batch(&mut self, limit: usize) -> (Builder, Call) {
        let mut builder = Builder::new();
        let mut call = Call { events: Vec::new(), applied: 0 };
        let mut ts_floor = self.post.as_ref().map_or(Timestamp::default(), |post| post.now);
        let mut number = self.seq;
        let mut add = |builder: &mut Builder, call: &mut Call, scales: &Scales, ts: Timestamp, body: EventBody| {
            number = number.saturating_add(1);
            ts_floor = ts_floor.max(ts);
            let mut event = Event { seq: number, ts: ts_floor, body };
            if builder.push(scales, &event).is_none() {
                // A number with more places than its instrument has can't cross; the plugin is told.
                event.body = inexpressible(&event.body);
                let told = builder.push(scales, &event);
                debug_assert!(told.is_some(), "a gap always crosses");
            }
            call.events.push(event);
        };
        while call.events.len() < limit.max(1) {
            let account = match self.queue.peek() {
                Some(body) if body.changes_account() && !call.events.is_empty() => break,
                Some(body) => body.changes_account(),
                None => false,
            };
            let Some((ts, body)) = self.queue.pop() else { break };
            add(&mut builder, &mut call, &self.scales, ts, body);
            if account && let (Some(post), Some(event)) = (self.post.as_deref_mut(), call.events.first()) {
                post.now = post.now.max(event.ts);
                let follows = post.desk.apply(event);
                for body in follows {
                    add(&mut builder, &mut call, &self.scales, ts, body);
                }
                call.applied = call.events.len();
            }
        }
        (builder, call)
    }

    /// A fault ended the guest: its orders are cancelled, and it is restarted or quarantined.
    fn fault(&mut self, now: Timestamp, fault: &Fault) {
        self.strike(now, fault.to_string());
    }

    fn strike(&mut self, now: Timestamp, what: String) {
        self.instance = None;
        self.faults = self.faults.saturating_add(1);
        self.last_fault = Some(what);
        let seq = self.seq;
        if let Some(post) = self.post() {
            post.call = None;
            post.timers.clear();
            if let Err(denial) = post.desk.cancel_all(now, None, seq) {
                post.log.write(
                    now,
                    LogLevel::Error,
                    &format!("open orders can't be cancelled: {denial}"),
                    &Default::default(),
                );
            }
        }
        self.strikes.push_back(now);
        while self.strikes.front().is_some_and(|strike| now.since(*strike) > STRIKES_WITHIN) {
            self.strikes.pop_front();
        }
        let strikes = self.strikes.len();
        if strikes >= self.sandbox.budgets().strikes {
            self.state = SeatState::Quarantined;
            self.restart_at = None;
        } else {
            self.state = SeatState::Restarting;
            let doubled = u32::try_from(strikes.saturating_sub(1)).unwrap_or(6).min(6);
            let wait = Micros(RESTART_AFTER.0.saturating_mul(1 << doubled)).min(RESTART_LATEST);
            self.restart_at = Some(now.plus(wait));
        }
        // Timers and market data of the dead are nothing to the next one; money is booked.
        while let Some((ts, body)) = self.queue.pop() {
            if body.changes_account() {
                self.push(ts, body);
            }
        }
    }

    /// Ends the plugin: it is told, its orders are cancelled, its streams left. Events of
    /// its orders are still booked.
    pub fn stop(&mut self, now: Timestamp, reason: StopReason) {
        // What it was told before its end, it handles before its end.
        while self.instance.is_some() && self.run(usize::MAX).consumed > 0 {}
        // A plugin whose file comes back goes on where it was.
        if let Some(state) = self.save() {
            self.saved = Some(state);
        }
        if let Some(mut instance) = self.instance.take() {
            *instance.post() = self.post.take();
            if let Err(fault) = instance.shutdown(reason) {
                tracing::warn!(plugin = self.config.name, %fault, "it failed at its end");
            }
            self.post = instance.post().take();
        }
        self.state = if reason == StopReason::Removed { SeatState::Removed } else { SeatState::Stopped };
        self.restart_at = None;
        let (seq, wished) = (self.seq, std::mem::take(&mut self.wished));
        if let Some(post) = self.post() {
            post.timers.clear();
            if let Err(denial) = post.desk.cancel_all(now, None, seq) {
                tracing::error!(%denial, "open orders of a stopped plugin can't be cancelled");
            }
            for (instrument, stream) in wished {
                drop(post.desk.unsubscribe(instrument, stream));
            }
        }
    }

    /// Log lines since the last call.
    pub fn take_log(&mut self) -> Vec<(LogLevel, String)> {
        self.post().map(|post| post.log.take()).unwrap_or_default()
    }

    /// Figures for the operator.
    pub fn report(&self) -> SeatReport {
        let manifest = self.plugin.as_ref().map(|plugin| plugin.manifest());
        let post = self.post.as_ref();
        SeatReport {
            name: self.config.name.clone(),
            language: manifest.map(|one| one.language.clone()).unwrap_or_default(),
            version: manifest.map(|one| one.version.clone()).unwrap_or_default(),
            generation: self.generation,
            state: self.state,
            events: self.events,
            faults: self.faults,
            handler_p50_ns: self.handler.value_at_quantile(0.5),
            handler_p99_ns: self.handler.value_at_quantile(0.99),
            desk: post.map(|post| post.desk.report()).unwrap_or_default(),
            last_fault: self.last_fault.clone(),
            gauges: post.map(|post| post.metrics.values()).unwrap_or_default(),
        }
    }
}

/// How many events of a call were booked when the batch was made.
fn lead(post: &Post) -> usize {
    let Some(call) = &post.call else { return 0 };
    match call.events.first() {
        Some(event) if event.body.changes_account() => call
            .events
            .iter()
            .skip(1)
            .take_while(|event| matches!(event.body, EventBody::Balance(_) | EventBody::Position(_)))
            .count()
            .saturating_add(1),
        _ => 0,
    }
}

/// What is told instead of an event whose numbers can't cross.
fn inexpressible(body: &EventBody) -> EventBody {
    let (instrument, stream) = match body {
        EventBody::Trade(trade) => (trade.instrument, StreamKind::Trades),
        EventBody::AggregateTrade(trade) => (trade.instrument, StreamKind::AggregateTrades),
        EventBody::Quote(quote) => (quote.instrument, StreamKind::Quotes),
        EventBody::Depth(update) => (update.instrument, StreamKind::Depth),
        other => return other.clone(),
    };
    EventBody::FeedGap { instrument, stream, reason: GapReason::OutOfSync, missed: 1 }
}
