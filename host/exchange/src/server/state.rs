//! What all tasks of the server share: the core, its clock, and a bounded queue for each
//! socket.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use ringfence_model::{Micros, Timestamp};
use ringfence_wire::stream;
use tokio::sync::{mpsc, oneshot, watch};

use crate::exchange::Exchange;
use crate::http::{HttpRequest, HttpResponse};
use crate::streams::StreamSession;
use crate::units::TimeUnit;
use crate::ws_api::WsSession;

/// Messages that wait for one socket. At the fullest market this is some ten seconds.
pub(super) const QUEUE: usize = 8_192;
/// Broken lines that are remembered.
const MOST_BROKEN: usize = 1_000;

/// The exchange's time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    /// Real time from a start on.
    Running { start: Timestamp, since: Instant },
    /// Moved by the player.
    Played(Timestamp),
}

impl Clock {
    pub(super) fn running(start: Timestamp) -> Self {
        Clock::Running { start, since: Instant::now() }
    }

    pub(super) fn played(start: Timestamp) -> Self {
        Clock::Played(start)
    }

    pub(super) fn now(&self) -> Timestamp {
        match self {
            Clock::Running { start, since } => {
                start.plus(Micros(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)))
            }
            Clock::Played(now) => *now,
        }
    }
}

/// What a socket is for.
#[derive(Debug)]
pub(super) enum Purpose {
    Streams(StreamSession),
    Api(Box<WsSession>),
}

#[derive(Debug)]
struct Socket {
    queue: mpsc::Sender<Utf8Bytes>,
    purpose: Purpose,
    /// Goes with the socket, and so tells its task at once.
    dropped: oneshot::Sender<()>,
}

/// What a socket's task works with.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: u64,
    pub(super) queue: mpsc::Receiver<Utf8Bytes>,
    /// Resolves when the socket was dropped.
    pub(super) dropped: oneshot::Receiver<()>,
}

/// The core and its sockets.
#[derive(Debug)]
pub(super) struct State {
    exchange: Exchange,
    clock: Clock,
    sockets: HashMap<u64, Socket>,
    /// Sockets that end when their queues are empty.
    finishing: HashMap<u64, oneshot::Sender<()>>,
    next_socket: u64,
    by_stream: HashMap<String, BTreeSet<u64>>,
    pub(super) finished: bool,
    pub(super) broken: Vec<String>,
    subscribed: watch::Sender<bool>,
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
}

impl State {
    pub(super) fn new(exchange: Exchange, clock: Clock) -> Self {
        State {
            exchange,
            clock,
            sockets: HashMap::new(),
            finishing: HashMap::new(),
            next_socket: 1,
            by_stream: HashMap::new(),
            finished: false,
            broken: Vec::new(),
            subscribed: watch::channel(false).0,
        }
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

    /// Moves the generated market to the present.
    pub(super) fn advance(&mut self) {
        let now = self.clock.now();
        self.exchange.advance(now);
        self.deliver();
    }

    /// A recorded message: the market moves, then those who listen get its bytes.
    pub(super) fn play(
        &mut self,
        now: Timestamp,
        data: Option<&ringfence_model::venue::MarketData>,
        raw: &[u8],
        stream: Option<&str>,
        inner: Option<&str>,
    ) {
        self.clock = Clock::Played(self.clock.now().max(now));
        if let Some(data) = data {
            self.exchange.play(self.clock.now(), data);
        }
        if let (Some(stream), Ok(text)) = (stream, std::str::from_utf8(raw)) {
            // A recording has no other unit: who asked for microseconds hears it as it is.
            for unit in TimeUnit::ALL {
                self.publish(stream, unit, text, inner.unwrap_or(text));
            }
        }
        self.deliver();
    }

    pub(super) fn http(&mut self, request: &HttpRequest<'_>) -> HttpResponse {
        let now = self.clock.now();
        let response = self.exchange.http(now, request);
        self.deliver();
        response
    }

    /// A new socket.
    pub(super) fn open(&mut self, purpose: Purpose) -> Opened {
        let (sender, queue) = mpsc::channel(QUEUE);
        let (alive, dropped) = oneshot::channel();
        let id = self.next_socket;
        self.next_socket = id.saturating_add(1);
        self.sockets.insert(id, Socket { queue: sender, purpose, dropped: alive });
        Opened { id, queue, dropped }
    }

    pub(super) fn close(&mut self, id: u64) {
        self.finishing.remove(&id);
        let Some(socket) = self.sockets.remove(&id) else {
            return;
        };
        if let Purpose::Streams(session) = socket.purpose {
            for name in session.names() {
                self.leave(id, name, session.unit());
            }
        }
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

    /// Asks for a socket to be opened; the answer to give if it may not.
    pub(super) fn connect(&mut self, ip: IpAddr, ws_api: bool) -> Result<Timestamp, HttpResponse> {
        let now = self.clock.now();
        self.exchange.connect(now, ip, ws_api).map(|()| now)
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
        let now = self.clock.now();
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

    /// A frame of the WebSocket API. Its answer stands in the queue before any event that
    /// it causes.
    pub(super) fn frame(&mut self, id: u64, text: &str) {
        let now = self.clock.now();
        let Some(Socket { purpose: Purpose::Api(session), .. }) = self.sockets.get_mut(&id) else {
            return;
        };
        let answer = self.exchange.ws_api(now, session, text);
        let (events, ended) = (session.take_events(), session.is_ended());
        self.send(id, answer.into());
        events.into_iter().for_each(|event| self.send(id, event.into()));
        self.deliver();
        if ended {
            self.finish(id);
        }
    }

    /// Ends a socket of the WebSocket API after what waits in its queue was sent.
    fn finish(&mut self, id: u64) {
        if let Some(Socket { dropped, .. }) = self.sockets.remove(&id) {
            self.finishing.insert(id, dropped);
        }
    }

    /// Puts a message into a socket's queue; a full queue ends the socket.
    pub(super) fn send(&mut self, id: u64, text: Utf8Bytes) {
        let Some(socket) = self.sockets.get(&id) else {
            return;
        };
        if let Err(error) = socket.queue.try_send(text) {
            if matches!(error, mpsc::error::TrySendError::Full(_)) {
                tracing::warn!(socket = id, waiting = QUEUE, "a socket does not read and is dropped");
            }
            self.close(id);
        }
    }

    /// Sends a message of a stream to those who hear it in this unit.
    fn publish(&mut self, stream: &str, unit: TimeUnit, combined: &str, inner: &str) {
        let Some(listeners) = self.by_stream.get(stream) else {
            return;
        };
        let (combined, inner) = (Utf8Bytes::from(combined), Utf8Bytes::from(inner));
        for id in listeners.iter().copied().collect::<Vec<_>>() {
            let Some(Socket { purpose: Purpose::Streams(session), .. }) = self.sockets.get(&id) else {
                continue;
            };
            if session.unit() == unit {
                let enveloped = session.is_combined();
                self.send(id, if enveloped { combined.clone() } else { inner.clone() });
            }
        }
    }

    /// Hands out what the core has to say.
    fn deliver(&mut self) {
        for message in self.exchange.drain_streams() {
            let envelope = stream::combined(&message.stream, &message.data);
            self.publish(&message.stream, message.unit, &envelope, &message.data);
        }
        let now = self.clock.now();
        for message in self.exchange.drain_user() {
            let mut told: Vec<(u64, String)> = Vec::new();
            for (id, socket) in &self.sockets {
                match &socket.purpose {
                    Purpose::Api(session) => {
                        let own = session.subscriptions().filter(|(_, key)| *key == message.api_key);
                        told.extend(own.map(|(number, _)| (*id, session.event(number, &message.json))));
                    }
                    Purpose::Streams(session) => {
                        for name in session.names() {
                            if self.exchange.listen_key_account(now, name) == Some(&message.api_key) {
                                let bare = session.is_combined().then(|| stream::combined(name, &message.json));
                                told.push((*id, bare.unwrap_or_else(|| message.json.clone())));
                            }
                        }
                    }
                }
            }
            told.into_iter().for_each(|(id, text)| self.send(id, text.into()));
        }
    }
}
