//! What all tasks of the server share: the core, its clock, its faults, and a bounded
//! queue for each socket.

mod outgoing;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use ringfence_model::venue::MarketData;
use ringfence_model::{Micros, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

use super::Settings;
use crate::config::SymbolStatus;
use crate::exchange::Exchange;
use crate::faults::{Action, Faults, Verdict, matches};
use crate::http::{HttpRequest, HttpResponse};
use crate::streams::StreamSession;
use crate::time::{Clock, Pace};
use crate::units::TimeUnit;
use crate::ws_api::WsSession;
use outgoing::Late;

/// Messages that wait for one socket. At the fullest market this is some ten seconds.
pub(super) const QUEUE: usize = 8_192;
/// Broken lines that are remembered.
const MOST_BROKEN: usize = 1_000;
/// The market moves at most this far while the lock is held.
const SLICE: Micros = Micros(100_000);

/// What a socket is for.
#[derive(Debug)]
pub(super) enum Purpose {
    Streams(StreamSession),
    Api(Box<WsSession>),
}

/// Why a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Without a word.
    Cut,
    /// With the protocol's goodbye.
    Goodbye,
}

#[derive(Debug)]
struct Socket {
    queue: mpsc::Sender<Utf8Bytes>,
    purpose: Purpose,
    opened: Timestamp,
    /// Tells its task to end; gone with the socket, which cuts it.
    end: oneshot::Sender<Ending>,
}

/// What a socket's task works with.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: u64,
    pub(super) queue: mpsc::Receiver<Utf8Bytes>,
    /// Resolves when the socket has to end.
    pub(super) end: oneshot::Receiver<Ending>,
}

/// How far the market has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is in the present.
    Present,
    /// There is more to do.
    Behind,
    /// Sockets must be read first, or the hurry would cost them their connection.
    Crowded,
}

/// The core and its sockets.
#[derive(Debug)]
pub(super) struct State {
    pub(super) exchange: Exchange,
    pub(super) faults: Faults,
    clock: Clock,
    born: Instant,
    advanced: Timestamp,
    /// Streams that a recording or another venue tells itself; all others are built here.
    recorded: HashSet<String>,
    sockets: HashMap<u64, Socket>,
    /// Sockets that end when their queues are empty.
    finishing: HashMap<u64, oneshot::Sender<Ending>>,
    /// Sockets of the WebSocket API, which may hear of accounts.
    api: BTreeSet<u64>,
    next_socket: u64,
    by_stream: HashMap<String, BTreeSet<u64>>,
    late: BTreeMap<(Timestamp, u64), Late>,
    next_late: u64,
    life: Micros,
    pub(super) finished: bool,
    pub(super) broken: Vec<String>,
    subscribed: watch::Sender<bool>,
    /// Changes when the clock was set or the recording has got further.
    moved: watch::Sender<u64>,
}

/// [`State`] behind its mutex. What panics while holding it leaves whole values behind, so
/// a poisoned lock is used on.
#[derive(Debug)]
pub(super) struct Shared(Mutex<State>);

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Shared(Mutex::new(state))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the exchange's clock shows `then`.
    pub(super) async fn until(&self, then: Timestamp) {
        /// Held back by a recording, the clock may take longer than it should.
        const LEAST: Duration = Duration::from_millis(1);
        loop {
            let (left, mut moved) = {
                let state = self.lock();
                if state.now() >= then {
                    return;
                }
                (state.clock.until(state.born.elapsed(), then), state.moved.subscribe())
            };
            match left {
                Some(left) => {
                    // Either way the clock is looked at again.
                    let _ = tokio::time::timeout(left.max(LEAST), moved.changed()).await;
                }
                None => drop(moved.changed().await),
            }
        }
    }

    /// Waits this long by the exchange's clock.
    pub(super) async fn pause(&self, length: Micros) {
        if length.0 > 0 {
            let then = self.lock().now().plus(length);
            self.until(then).await;
        }
    }

    /// Brings a generated market, and what is due by itself, to the present.
    pub(super) async fn catch_up(&self) {
        loop {
            let progress = self.lock().advance();
            match progress {
                Progress::Present => return,
                Progress::Behind => tokio::task::yield_now().await,
                Progress::Crowded => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }
}

impl State {
    pub(super) fn new(exchange: Exchange, settings: &Settings, clock: Clock, recorded: HashSet<String>) -> Self {
        let start = exchange.start();
        let faults = settings.faults.as_ref().map_or_else(|| Faults::new(0), |script| Faults::of_script(script, start));
        State {
            exchange,
            faults,
            clock,
            born: Instant::now(),
            advanced: start,
            recorded,
            sockets: HashMap::new(),
            finishing: HashMap::new(),
            api: BTreeSet::new(),
            next_socket: 1,
            by_stream: HashMap::new(),
            late: BTreeMap::new(),
            next_late: 0,
            life: settings.socket_life,
            finished: false,
            broken: Vec::new(),
            subscribed: watch::channel(false).0,
            moved: watch::channel(0).0,
        }
    }

    /// The exchange's time, before its faults.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now(self.born.elapsed())
    }

    /// The exchange's time as its clients see it.
    pub(super) fn seen(&self) -> Timestamp {
        let now = self.now();
        if self.faults.is_idle() { now } else { self.faults.seen(now) }
    }

    /// How long it takes until the market's next step; `None` if time stands.
    pub(super) fn next_step(&self) -> Option<Duration> {
        self.clock.until(self.born.elapsed(), self.exchange.next_step())
    }

    pub(super) fn pace(&self) -> Pace {
        self.clock.pace()
    }

    /// A recording has a time of its own, which no client's clock follows.
    fn replays(&self) -> bool {
        self.clock.has_ceiling()
    }

    fn tell_moved(&self) {
        self.moved.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// From now on the clock runs like this. Only with real time can clients' clocks follow.
    pub(super) fn set_pace(&mut self, pace: Pace) {
        self.clock.set_pace(self.born.elapsed(), pace);
        self.exchange.set_strict_time(pace == Pace::REAL && !self.replays());
        self.tell_moved();
    }

    /// Puts the clock forward and returns where to. A recording begins to play.
    pub(super) fn step(&mut self, by: Micros) -> Timestamp {
        let then = self.clock.step(self.born.elapsed(), by);
        self.subscribed.send_replace(true);
        self.tell_moved();
        then
    }

    /// The recording's next line is due then; `None` after the last.
    pub(super) fn next_line(&mut self, due: Option<Timestamp>) {
        let age = self.born.elapsed();
        match due {
            Some(due) => self.clock.set_ceiling(age, Some(due)),
            None => {
                // Time stands where the recording has ended.
                let end = self.clock.now(age);
                self.clock.set_ceiling(age, Some(end));
                self.finished = true;
            }
        }
        self.tell_moved();
    }

    /// The recording begins now: time that was waited for it does not count.
    pub(super) fn begin(&mut self) {
        // A step that began it is not waiting.
        if self.clock.pace() != Pace::Stepped {
            self.clock.set_pace(self.born.elapsed(), self.clock.pace());
        }
    }

    /// Changes whenever the clock was set or a recording has got further.
    pub(super) fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Turns true with the first subscription to a stream.
    pub(super) fn first_subscription(&self) -> watch::Receiver<bool> {
        self.subscribed.subscribe()
    }

    pub(super) fn broken_line(&mut self, what: String) {
        if self.broken.len() < MOST_BROKEN {
            self.broken.push(what);
        }
    }

    /// One slice of what is due by itself: the generated market, faults, late messages, the
    /// end of old sockets.
    pub(super) fn advance(&mut self) -> Progress {
        let now = self.now();
        let to = now.min(self.advanced.plus(SLICE)).max(self.advanced);
        // Real time waits for nobody: there a slow reader is dropped and slows no other.
        let hurries = to < now && self.pace() != Pace::REAL;
        if hurries && self.sockets.values().any(|socket| socket.queue.capacity() < QUEUE / 2) {
            return Progress::Crowded;
        }
        self.exchange.advance(to);
        self.advanced = to;
        self.deliver(to);
        if !self.faults.is_idle() {
            for action in self.faults.tick(to) {
                self.act(&action, to);
            }
        }
        if !self.late.is_empty() {
            self.deliver_late(to);
        }
        let old: Vec<u64> =
            self.sockets.iter().filter(|(_, s)| to.since(s.opened) >= self.life).map(|(id, _)| *id).collect();
        for id in old {
            self.end(id, Ending::Goodbye);
        }
        if to < now { Progress::Behind } else { Progress::Present }
    }

    fn act(&mut self, action: &Action, now: Timestamp) {
        match action {
            Action::SayShutdown => self.say_shutdown(now),
            Action::Cut { on } => {
                for id in self.matching(on) {
                    self.end(id, Ending::Cut);
                }
            }
            Action::Halt { on, halted } => {
                let status = if *halted { SymbolStatus::Break } else { SymbolStatus::Trading };
                for instrument in self.exchange.instruments().iter().filter(|found| matches(on, &found.symbol)) {
                    self.exchange.set_status(&instrument.symbol, status);
                }
            }
        }
    }

    /// Sockets that a fault's pattern means.
    fn matching(&self, on: &str) -> Vec<u64> {
        let is_meant = |socket: &Socket| match &socket.purpose {
            _ if on == "*" => true,
            Purpose::Api(_) => matches(on, "ws"),
            Purpose::Streams(session) => {
                matches(on, "stream") || session.names().any(|name| matches(on, &format!("stream {name}")))
            }
        };
        self.sockets.iter().filter(|(_, socket)| is_meant(socket)).map(|(id, _)| *id).collect()
    }

    /// A recorded message: the market moves, then those who listen get its bytes.
    pub(super) fn play(
        &mut self,
        now: Timestamp,
        data: Option<&MarketData>,
        raw: &[u8],
        stream: Option<&str>,
        inner: Option<&str>,
    ) {
        self.exchange.advance(now);
        if let Some(data) = data {
            self.exchange.play(now, data);
        }
        if let (Some(stream), Ok(text)) = (stream, std::str::from_utf8(raw)) {
            let (combined, inner) = (Utf8Bytes::from(text), Utf8Bytes::from(inner.unwrap_or(text)));
            self.say(now, stream, None, &combined, &inner);
        }
        self.deliver(now);
    }

    /// What the faults make of a request; `None` if nothing.
    pub(super) fn judge(&mut self, target: &str) -> Option<Verdict> {
        if self.faults.is_idle() {
            return None;
        }
        let now = self.now();
        let verdict = self.faults.request(now, target);
        (!verdict.is_clean()).then_some(verdict)
    }

    pub(super) fn http(&mut self, request: &HttpRequest<'_>) -> HttpResponse {
        let response = self.exchange.http(self.seen(), request);
        self.deliver(self.now());
        response
    }

    /// Asks for a socket to be opened; the answer to give if it may not.
    pub(super) fn connect(&mut self, ip: IpAddr, ws_api: bool) -> Result<Timestamp, HttpResponse> {
        let now = self.seen();
        self.exchange.connect(now, ip, ws_api).map(|()| now)
    }

    /// A new socket.
    pub(super) fn open(&mut self, purpose: Purpose) -> Opened {
        let (sender, queue) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let id = self.next_socket;
        self.next_socket = id.saturating_add(1);
        if matches!(purpose, Purpose::Api(_)) {
            self.api.insert(id);
        }
        self.sockets.insert(id, Socket { queue: sender, purpose, opened: self.now(), end });
        Opened { id, queue, end: ended }
    }

    /// Ends a socket in a way of its own.
    pub(super) fn end(&mut self, id: u64, ending: Ending) {
        self.finishing.remove(&id);
        if let Some(end) = self.close(id) {
            // Its task may have ended by itself.
            let _ = end.send(ending);
        }
    }

    /// Ends a socket after what waits in its queue was sent.
    fn finish(&mut self, id: u64) {
        if let Some(end) = self.close(id) {
            self.finishing.insert(id, end);
        }
    }

    fn close(&mut self, id: u64) -> Option<oneshot::Sender<Ending>> {
        let socket = self.sockets.remove(&id)?;
        self.api.remove(&id);
        if let Purpose::Streams(session) = &socket.purpose {
            for name in session.names() {
                self.leave(id, name, session.unit());
            }
        }
        Some(socket.end)
    }

    /// Sockets of streams and of the WebSocket API.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.sockets.len().saturating_sub(self.api.len()), self.api.len())
    }

    fn leave(&mut self, id: u64, name: &str, unit: TimeUnit) {
        self.exchange.unlisten_in(name, unit);
        if let Some(listeners) = self.by_stream.get_mut(name) {
            listeners.remove(&id);
            if listeners.is_empty() {
                self.by_stream.remove(name);
            }
        }
    }

    /// Subscribes; an unknown stream is silent, as at the venue.
    pub(super) fn subscribe(&mut self, id: u64, name: &str) {
        let limits = *self.exchange.limit_config();
        let Some(Socket { purpose: Purpose::Streams(session), .. }) = self.sockets.get_mut(&id) else {
            return;
        };
        if session.add(name, &limits) {
            let unit = session.unit();
            self.join(id, name, unit);
        }
    }

    fn join(&mut self, id: u64, name: &str, unit: TimeUnit) {
        self.exchange.listen_in(name, unit);
        self.by_stream.entry(name.to_owned()).or_default().insert(id);
        self.subscribed.send_replace(true);
    }

    /// Counts a message of a stream socket; `false` if the socket talks too much.
    pub(super) fn heard(&mut self, id: u64) -> bool {
        let now = self.now();
        match self.sockets.get_mut(&id).map(|socket| &mut socket.purpose) {
            Some(Purpose::Streams(session)) => self.exchange.stream_message(now, session),
            _ => true,
        }
    }

    /// Answers a control message of a stream socket.
    pub(super) fn control(&mut self, id: u64, text: &str) {
        let limits = *self.exchange.limit_config();
        let Some(Socket { purpose: Purpose::Streams(session), .. }) = self.sockets.get_mut(&id) else {
            return;
        };
        let unit = session.unit();
        let reply = session.message(text, &limits);
        reply.subscribed.iter().for_each(|name| self.join(id, name, unit));
        reply.unsubscribed.iter().for_each(|name| self.leave(id, name, unit));
        self.send(id, reply.text.into());
    }

    /// A frame of the WebSocket API that came at `received`. Its answer stands in the queue
    /// before any event that it causes; without `answered` it is lost.
    pub(super) fn frame(&mut self, id: u64, text: &str, received: Option<Timestamp>, answered: bool) {
        let now = self.seen();
        let Some(Socket { purpose: Purpose::Api(session), .. }) = self.sockets.get_mut(&id) else {
            return;
        };
        let answer = self.exchange.ws_api_received(received.unwrap_or(now), now, session, text);
        let (events, ended) = (session.take_events(), session.is_ended());
        if answered {
            self.send(id, answer.into());
        }
        events.into_iter().for_each(|event| self.send(id, event.into()));
        self.deliver(self.now());
        if ended {
            self.finish(id);
        }
    }
}
