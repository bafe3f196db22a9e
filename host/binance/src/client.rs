//! The sockets around the pure parts: one REST pool, stream sockets, one socket for orders
//! and user data. What arrives goes to the sink that the caller gave; the sink may wait, then
//! the sockets wait too and the venue buffers.
//!
//! | module | holds |
//! |--|--|
//! | [`transport`] | what all of it stands on: HTTP, sockets, a clock |
//! | [`net`] | the real transport |
//! | [`checkup`] | a look at the venue, step by step |
//! | `rest` | sending one request, within the limits |
//! | `socket` | opening a socket |
//! | `state` | what outlives a restart |
//! | `streams` | the sockets of market streams |
//! | `rules` | notices that the venue has changed its rules |
//! | `timekeeper` | keeps the estimate of the venue's clock |
//! | `books` | depth snapshots for their depth streams |
//! | `api` | the WebSocket API: orders and user data |
//! | `orders` | orders and lists: place, cancel, replace, amend, test, ask |

mod api;
mod books;
pub mod checkup;
pub mod net;
mod orders;
mod rest;
mod rules;
mod socket;
mod state;
mod streams;
pub(crate) mod timekeeper;
pub mod transport;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringfence_model::event::Kline;
use ringfence_model::venue::{VenueEvent, VenueFill};
use ringfence_model::{Balance, Instrument, InstrumentId, Micros, StreamKind, Timestamp};
use ringfence_wire::WireError;
use ringfence_wire::rest::{ExchangeInfo, read};
use ringfence_wire::stream::payload::Payload;
use ringfence_wire::stream::{MarketStream, stream_name};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::answer;
use crate::breaker::{Breakers, Family};
use crate::clock::{Estimate, VenueClock};
use crate::credentials::{Credentials, without_signatures};
use crate::limits::{Limits, Requester, SocketLimits};
use crate::request;
use crate::streams::shard::ShardRules;
use crate::streams::shares::ShareRules;
use net::Net;
use rest::SendError;
use streams::{Place, StreamCommand};
use transport::Transport;

/// How long the user stream may take to be up at the start.
const START_WITHIN: Duration = Duration::from_secs(15);
/// Of an answer that is shown in an error.
const EXCERPT: usize = 300;
/// How long the sockets may take to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Where the venue is and who asks.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// For example `https://api.binance.com`.
    pub rest_url: String,
    /// For example `wss://stream.binance.com:9443`.
    pub stream_url: String,
    /// For example `wss://ws-api.binance.com:443/ws-api/v3`.
    pub ws_api_url: String,
    /// Without them only market data works.
    pub credentials: Option<Credentials>,
    /// How long a signed request is valid, in milliseconds; the venue takes up to 60,000.
    pub recv_window_ms: u64,
    /// What the venue's documents say of sockets.
    pub sockets: SocketLimits,
    /// Where bans and counts are kept over restarts; `None` forgets them.
    pub state_file: Option<PathBuf>,
}

/// What the client tells.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientEvent {
    /// For the engine.
    Venue {
        /// Venue time of its arrival.
        received: Timestamp,
        /// What was said.
        event: VenueEvent,
    },
    /// Of a stream that [`Client::follow`] asked for and that plugins can't have.
    Stream {
        /// Venue time of its arrival.
        received: Timestamp,
        /// Which one.
        stream: MarketStream,
        /// What was said, or happened to it.
        news: StreamNews,
    },
    /// A message that can't be read; nothing of it was used.
    Unparsed {
        /// Which stream said it, and what is wrong with it.
        error: String,
    },
    /// For the operator.
    Notice(String),
    /// For the operator, loudly: it has failed again and again, or does not mend itself.
    Alarm(String),
}

/// What happens on a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamNews {
    /// A message, once and in order.
    Message(Payload),
    /// Messages may be missing from here.
    Down,
    /// Nothing is missing any more from here.
    Up,
}

/// How the client uses sockets. What the venue allows there is [`ClientConfig::sockets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// How streams are spread over connections.
    pub shares: ShareRules,
    /// How patient a connection of market streams is.
    pub connection: ShardRules,
    /// Whether orders go over the WebSocket API while it is up; else only REST carries them.
    pub orders_over_socket: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning { shares: ShareRules::default(), connection: ShardRules::default(), orders_over_socket: true }
    }
}

/// Takes what the client tells. Called from the client's tasks; may wait.
pub type Sink = Arc<dyn Fn(ClientEvent) + Send + Sync>;

/// What can't be had from the venue.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The request failed on the way.
    #[error("{what}: {source}")]
    Send {
        /// What was asked.
        what: &'static str,
        /// Why.
        source: SendError,
    },
    /// The venue refused.
    #[error("{what}: the venue answered {status}: {body}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// HTTP status.
        status: u16,
        /// The start of the answer.
        body: String,
    },
    /// The answer can't be read.
    #[error(transparent)]
    Wire(WireError),
    /// The user stream did not come up.
    #[error("the user data stream did not come up within {} s; the last failure: {last}", START_WITHIN.as_secs())]
    NoUserStream {
        /// What went wrong last.
        last: String,
    },
    /// The venue does not take the key.
    #[error(
        "the venue does not take the key: {why}; -1022 means that the secret (or the private key) is not that of this API key, \
         -2014 and -2015 that the API key is not one of this venue, may not be used from this address, or lacks the permission; \
         `ringfence doctor` tells more"
    )]
    KeyRefused {
        /// The venue's words.
        why: String,
    },
    /// The HTTP client can't be built.
    #[error("can't set up HTTP: {0}")]
    Setup(String),
    /// The venue has no klines of this length.
    #[error("the venue has no klines of {0} s")]
    NoInterval(u32),
}

impl ClientError {
    /// With the start of what the venue said, without signatures.
    fn refused(what: &'static str, status: u16, body: &[u8]) -> Self {
        // The whole of it first: half of a signature would not be found.
        let body = without_signatures(&String::from_utf8_lossy(body));
        ClientError::Refused { what, status, body: body.chars().take(EXCERPT).collect() }
    }
}

impl From<WireError> for ClientError {
    fn from(error: WireError) -> Self {
        ClientError::Wire(match error {
            WireError::Json { what, why, excerpt } => {
                WireError::Json { what, why: without_signatures(&why), excerpt: without_signatures(&excerpt) }
            }
            other => other,
        })
    }
}

/// Stream messages so far, of the market and of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All of them.
    pub received: u64,
    /// Those that can't be read.
    pub unparsed: u64,
}

struct Shared {
    config: ClientConfig,
    tuning: Tuning,
    /// The connection of the WebSocket API that takes requests, if one is up.
    line: Mutex<Option<(u64, api::Line)>>,
    transport: Arc<dyn Transport>,
    instruments: Vec<Instrument>,
    clock: Mutex<VenueClock>,
    limits: Mutex<Limits>,
    breakers: Mutex<Breakers>,
    started: (Timestamp, Instant),
    received: AtomicU64,
    unparsed: AtomicU64,
    /// The venue has found our timestamp wrong.
    clock_wrong: Notify,
    /// The venue has refused an order by a filter.
    filter_refused: Notify,
    sink: Sink,
}

impl Shared {
    /// Nothing is sent yet.
    fn new(transport: Arc<dyn Transport>, tuning: Tuning, config: ClientConfig, sink: Sink) -> Self {
        let started = (transport.unix_time(), Instant::now());
        Shared {
            config,
            tuning,
            line: Mutex::default(),
            transport,
            instruments: Vec::new(),
            clock: Mutex::default(),
            limits: Mutex::default(),
            breakers: Mutex::default(),
            started,
            received: AtomicU64::new(0),
            unparsed: AtomicU64::new(0),
            clock_wrong: Notify::new(),
            filter_refused: Notify::new(),
            sink,
        }
    }

    /// The machine's time, which never jumps.
    fn machine(&self) -> Timestamp {
        let (start, since) = self.started;
        start.plus(Micros(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)))
    }

    fn now(&self) -> Timestamp {
        lock(&self.clock).venue_time(self.machine())
    }

    /// Takes up what an earlier run has left.
    fn restore(&self) {
        let sockets = self.config.sockets;
        lock(&self.limits).connections.set(sockets.connections_within, sockets.connections);
        let Some(file) = &self.config.state_file else {
            return;
        };
        match state::load(file) {
            Ok(Some(left)) => {
                lock(&self.clock).assume(left.offset_us);
                lock(&self.limits).restore(left.limits);
            }
            Ok(None) => {}
            Err(why) => self.notice(format!("can't read {}: {why}; starting without it", file.display())),
        }
    }

    fn tell(&self, event: VenueEvent) {
        (self.sink)(ClientEvent::Venue { received: self.now(), event });
    }

    /// The moment of the runtime's clock at a time of the machine's.
    fn instant(&self, at: Timestamp) -> Instant {
        // Not further than tokio's timers reach.
        const FURTHEST: u64 = 365 * 86_400_000_000;
        Instant::now() + Duration::from_micros(at.since(self.machine()).0.min(FURTHEST))
    }

    fn tell_stream(&self, stream: MarketStream, news: StreamNews) {
        (self.sink)(ClientEvent::Stream { received: self.now(), stream, news });
    }

    fn alarm(&self, text: String) {
        (self.sink)(ClientEvent::Alarm(without_signatures(&text)));
    }

    fn notice(&self, text: String) {
        (self.sink)(ClientEvent::Notice(without_signatures(&text)));
    }
}

/// Plain values only: a panic elsewhere can't leave them half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connected client. Clones share the sockets. It asks in somebody's name, see [`Client::of`].
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    by: Requester,
    commands: mpsc::UnboundedSender<StreamCommand>,
    stop: Arc<watch::Sender<bool>>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("rest_url", &self.shared.config.rest_url).finish_non_exhaustive()
    }
}

impl Client {
    /// Learns the venue's clock, rules and symbols, and opens the user stream if there are keys.
    ///
    /// # Errors
    /// The venue can't be reached, does not list a symbol, or refuses the keys.
    pub async fn connect(
        config: ClientConfig,
        symbols: &[String],
        sink: Sink,
    ) -> Result<(Client, Vec<Instrument>), ClientError> {
        let net = Net::new().map_err(ClientError::Setup)?;
        Client::connect_over(Arc::new(net), Tuning::default(), config, symbols, sink).await
    }

    /// [`Client::connect`] over a transport of the caller's, and with its patience.
    ///
    /// # Errors
    /// The venue can't be reached, does not list a symbol, or refuses the keys.
    pub async fn connect_over(
        transport: Arc<dyn Transport>,
        tuning: Tuning,
        config: ClientConfig,
        symbols: &[String],
        sink: Sink,
    ) -> Result<(Client, Vec<Instrument>), ClientError> {
        let mut shared = Shared::new(transport, tuning, config, sink);
        shared.restore();
        for _ in 0..timekeeper::SAMPLES {
            shared.sample_clock().await?;
        }
        let body =
            shared.read(Requester::Host, "exchange information", &request::exchange_info(symbols), false).await?;
        let info: ExchangeInfo = read(&body)?;
        let instruments = info.instruments(symbols)?;
        shared.instruments = instruments.clone();
        let now = shared.now();
        lock(&shared.limits).learn(now, &info.rate_limits);
        let shared = Arc::new(shared);

        let (stop, stopped) = watch::channel(false);
        let (commands, inbox) = mpsc::unbounded_channel();
        let mut tasks = vec![
            tokio::spawn(streams::run(Arc::clone(&shared), inbox, stopped.clone())),
            tokio::spawn(timekeeper::run(Arc::clone(&shared), stopped.clone())),
            tokio::spawn(rules::run(Arc::clone(&shared), stopped.clone())),
            tokio::spawn(state::run(Arc::clone(&shared), stopped.clone())),
        ];
        if let Some(credentials) = shared.config.credentials.clone() {
            let (up, mut is_up) = watch::channel(api::Status::Trying("no attempt yet".to_owned()));
            tasks.push(tokio::spawn(api::run(Arc::clone(&shared), credentials, up, stopped)));
            let decided = |status: &api::Status| status.refuses_key() || *status == api::Status::Up;
            let in_time = tokio::time::timeout(START_WITHIN, is_up.wait_for(decided)).await;
            // What was decided counts, whatever has become of the connection since.
            let started = in_time.ok().and_then(Result::ok).map(|status| status.clone());
            // Not in time: the status says why.
            let started = started.unwrap_or_else(|| is_up.borrow().clone());
            if let api::Status::Trying(last) = &started {
                stop.send_replace(true);
                let last = last.clone();
                return Err(if started.refuses_key() {
                    ClientError::KeyRefused { why: last }
                } else {
                    ClientError::NoUserStream { last }
                });
            }
        }
        let client =
            Client { shared, by: Requester::Host, commands, stop: Arc::new(stop), tasks: Arc::new(Mutex::new(tasks)) };
        Ok((client, instruments))
    }

    /// The same client asking in another's name: the venue's limits are shared fairly between
    /// plugins and host.
    pub fn of(&self, by: Requester) -> Client {
        Client { by, ..self.clone() }
    }

    /// The venue's time, as well as it is known.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Stream messages so far.
    pub fn counts(&self) -> Counts {
        Counts {
            received: self.shared.received.load(Ordering::Relaxed),
            unparsed: self.shared.unparsed.load(Ordering::Relaxed),
        }
    }

    /// The venue's limits: name, used, allowed.
    pub fn usage(&self) -> Vec<(String, u64, u64)> {
        lock(&self.shared.limits).usage(self.shared.now())
    }

    /// What is known of the venue's clock.
    pub fn clock(&self) -> Option<Estimate> {
        self.shared.estimate()
    }

    /// That this machine's clock is far from the venue's, in words. Nothing here depends on it, but other programs may. A
    /// simulated exchange may live in another time on purpose.
    pub fn wrong_clock(&self) -> Option<String> {
        timekeeper::far_off(self.clock()?).map(|wrong| format!("{wrong}; times are corrected, but set the clock right"))
    }

    /// Parts of the venue that are left alone because they failed, and for how long.
    pub fn unwell(&self) -> Vec<(Family, Micros)> {
        lock(&self.shared.breakers).open(self.shared.now())
    }

    fn stream(&self, instrument: InstrumentId, stream: StreamKind) -> Option<String> {
        let symbol = &self.shared.instruments.iter().find(|known| known.id == instrument)?.symbol;
        let name = stream_name(symbol, stream);
        if name.is_none() {
            self.shared.notice(format!("the venue has no stream {stream:?} of {symbol}"));
        }
        name
    }

    /// Somebody wants a market stream; each call asks for one [`Client::unsubscribe`]. Whoever
    /// wants a depth stream gets a book, too.
    pub fn subscribe(&self, instrument: InstrumentId, stream: StreamKind) {
        if let Some(name) = self.stream(instrument, stream) {
            // The task ends only with the client.
            drop(self.commands.send(StreamCommand::Begin { name, place: Place::Engine { instrument, stream } }));
        }
    }

    /// Somebody wants any market stream of the venue; each call asks for one
    /// [`Client::unfollow`]. What plugins can have is told as to them, of the instruments of
    /// this client; everything else as [`ClientEvent::Stream`]. A name that the venue does not
    /// know stays silent.
    pub fn follow(&self, stream: &MarketStream) {
        let place = self.shared.place(stream);
        drop(self.commands.send(StreamCommand::Begin { name: stream.name(), place }));
    }

    /// Somebody does not want a market stream any more.
    pub fn unfollow(&self, stream: &MarketStream) {
        drop(self.commands.send(StreamCommand::End { name: stream.name() }));
    }

    /// Somebody does not want a market stream any more.
    pub fn unsubscribe(&self, instrument: InstrumentId, stream: StreamKind) {
        if let Some(name) = self.stream(instrument, stream) {
            drop(self.commands.send(StreamCommand::End { name }));
        }
    }

    /// Asks for the fills of one order: all of them, however many requests that takes.
    ///
    /// # Errors
    /// The venue can't be reached or refuses.
    pub async fn trades(&self, symbol: &str, venue_order_id: u64) -> Result<Vec<VenueFill>, ClientError> {
        let mut all = Vec::new();
        let mut from = None;
        loop {
            let request = request::my_trades(symbol, venue_order_id, from);
            let page = answer::trades(&self.shared.read(self.by, "fills of an order", &request, true).await?)?;
            let (count, last) = (page.len(), page.iter().map(|fill| fill.trade_id).max());
            all.extend(page);
            match last {
                // A page that does not begin where it was asked to would be asked for again and again.
                Some(last) if count >= request::TRADES_AT_A_TIME && from.is_none_or(|from| last >= from) => {
                    from = Some(last.saturating_add(1));
                }
                _ => return Ok(all),
            }
        }
    }

    /// Balances of the account.
    ///
    /// # Errors
    /// The venue can't be reached or refuses.
    pub async fn account(&self) -> Result<Vec<Balance>, ClientError> {
        let body = self.shared.read(self.by, "the account", &request::account(), true).await?;
        Ok(answer::account(&body)?)
    }

    /// Klines of the past.
    ///
    /// # Errors
    /// The venue can't be reached, refuses, or has no such interval.
    pub async fn klines(
        &self,
        instrument: &Instrument,
        interval: u32,
        start: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Kline>, ClientError> {
        let request =
            request::klines(&instrument.symbol, interval, start, limit).ok_or(ClientError::NoInterval(interval))?;
        let body = self.shared.read(self.by, "klines", &request, false).await?;
        Ok(answer::klines(instrument, interval, self.now(), &body)?)
    }

    /// Closes the sockets.
    pub async fn close(&self) {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        let deadline = tokio::time::Instant::now() + CLOSE_WITHIN;
        for mut task in tasks {
            if let Err(error) = tokio::time::timeout_at(deadline, &mut task).await {
                tracing::debug!(%error, "a socket did not close in time");
                task.abort();
            }
        }
    }
}

/// The venue listens on two ports; after every third failure in a row the other one is tried.
pub(crate) fn other_port(url: &str, failures: u32) -> String {
    if (failures / 3).is_multiple_of(2) {
        return url.to_owned();
    }
    if url.contains(":9443") {
        return url.replacen(":9443", ":443", 1);
    }
    if url.contains(".binance.com:443") {
        return url.replacen(":443", ":9443", 1);
    }
    url.to_owned()
}

/// How long a wait for limits is, in words.
pub(crate) fn seconds(wait: Micros) -> String {
    format!("{}.{} s", wait.0 / 1_000_000, wait.0 % 1_000_000 / 100_000)
}

/// Waits for the client's end. A dropped client ends its tasks, too.
async fn closed(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stop| *stop).await);
}
