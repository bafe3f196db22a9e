//! The exchange on real sockets, loopback only unless told otherwise.
//!
//! One mutex holds the core, its clock, its faults and the sockets' queues; it is never
//! held across an await. A socket that does not read is dropped when its queue is full.
//!
//! | module | holds |
//! |--|--|
//! | `accept` | taking connections in, and their bounds |
//! | `routes` | REST and the upgrade to sockets |
//! | `control` | the control API: faults and time |
//! | `sockets` | one task for each socket |
//! | `state` | core, clock, faults and the queues of all sockets |
//! | `player` | a recording played when its time comes |
//! | `paper` | the market of another venue |

mod accept;
mod control;
mod paper;
mod player;
mod routes;
mod sockets;
mod state;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{Decimal, Micros};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::ExchangeError;
use crate::exchange::Exchange;
use crate::faults::Script;
use crate::recording::{self, Recording, archive};
use crate::time::{Clock, Pace};
use player::Source;
use routes::Doors;
use state::{Shared, State};

/// How often the generated market moves.
const ADVANCE_EVERY: Duration = Duration::from_millis(10);
/// How long open requests may take when the server is stopped.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// Who moves the market.
#[derive(Debug)]
pub enum Market {
    /// The generated one.
    Generator,
    /// A recording. It begins when the first stream is subscribed, so that nothing of it
    /// is missed; until then the exchange's clock stands at its start.
    Replay {
        /// Raw messages, gzip or plain; or CSV or zip of the venue's archive.
        path: PathBuf,
        /// Two plays twice as fast. Timestamps of requests are then not compared with the
        /// exchange's clock: no client's clock could follow.
        speed: f64,
    },
    /// Another venue's streams, as they happen: paper trading.
    Paper {
        /// Base of its streams, for example `wss://stream.binance.com:9443`.
        url: String,
    },
}

/// How the server behaves towards its clients; the defaults are the venue's.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Faults from the start on.
    pub faults: Option<Script>,
    /// How the clock runs. A recording has its own speed, unless the clock is stepped.
    pub pace: Pace,
    /// Whoever has it may use the control API; without one this machine may.
    pub control_token: Option<String>,
    /// How often sockets are pinged.
    pub ping_every: Duration,
    /// A socket whose client has not answered a ping for this long is cut.
    pub pong_within: Duration,
    /// A socket this old, by the exchange's clock, is ended.
    pub socket_life: Micros,
    /// A connection without a whole request for this long is closed.
    pub idle_within: Duration,
    /// Connections and sockets at the same time; one more is closed at once.
    pub most_connections: usize,
}

impl Settings {
    /// The venue's behaviour at an address.
    pub fn at(listen: SocketAddr) -> Self {
        Settings {
            listen,
            faults: None,
            pace: Pace::REAL,
            control_token: None,
            ping_every: Duration::from_secs(20),
            pong_within: Duration::from_secs(60),
            socket_life: Micros::from_secs(86_400),
            idle_within: Duration::from_secs(120),
            most_connections: 10_000,
        }
    }
}

/// A running server. Dropping it ends the server too.
#[derive(Debug)]
pub struct ServerHandle {
    /// For example `http://127.0.0.1:41234`.
    pub rest_url: String,
    /// Base of the stream sockets; append `/stream` or `/ws/…`.
    pub stream_url: String,
    /// The WebSocket API.
    pub ws_api_url: String,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    market: Vec<TaskGuard>,
}

impl ServerHandle {
    /// Closes all sockets and ends the server; returns when their tasks have ended.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.market.clear();
        let ended = async {
            if let Err(error) = (&mut self.server).await {
                tracing::error!(%error, "the exchange's server broke off");
            }
            // Every connection and socket holds a receiver.
            self.stop.closed().await;
        };
        if tokio::time::timeout(STOP_WITHIN, ended).await.is_err() {
            tracing::warn!("requests were still open when the exchange's server was stopped");
            self.server.abort();
        }
    }

    /// A replay came to its end.
    pub fn finished(&self) -> bool {
        self.shared.lock().finished
    }

    /// Lines of the recording that could not be read, with their numbers.
    pub fn broken_lines(&self) -> Vec<String> {
        self.shared.lock().broken.clone()
    }
}

/// Serves an exchange as the venue would, until the handle is stopped or dropped. Port 0
/// picks a free one.
///
/// # Errors
/// The address can't be listened on, or the recording can't be opened.
pub async fn start(exchange: Exchange, market: Market, listen: SocketAddr) -> Result<ServerHandle, ExchangeError> {
    serve(exchange, market, Settings::at(listen)).await
}

/// Serves an exchange in a way of its own.
///
/// # Errors
/// The address can't be listened on, or the recording can't be opened.
pub async fn serve(mut exchange: Exchange, market: Market, settings: Settings) -> Result<ServerHandle, ExchangeError> {
    let instruments = exchange.instruments();
    let mut pace = settings.pace;
    let mut source = None;
    let mut recorded = HashSet::new();
    if let Market::Replay { path, speed } = &market {
        let running = Pace::times(*speed).ok_or(ExchangeError::Speed { speed: *speed })?;
        pace = if pace == Pace::Stepped { pace } else { running };
        recorded = recording::streams_of(path)?;
        source = Some(if archive::is_archive(path) {
            let tick = instruments.first().map_or(Decimal::ONE, |instrument| instrument.tick_size);
            Source::Archive(path.clone(), tick)
        } else {
            Source::Raw(Recording::open(path)?)
        });
    }
    let mut relayed = None;
    if let Market::Paper { url } = &market {
        let names = paper::streams(&instruments);
        relayed = Some((url.clone(), paper::connect(url, &names).await?));
        recorded = names.into_iter().collect();
    }
    let generated = matches!(market, Market::Generator);
    // Only a client of a venue in real time has the venue's time.
    exchange.set_strict_time(source.is_none() && pace == Pace::REAL);
    let failed = |source| ExchangeError::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let start = exchange.start();
    let mut clock = Clock::new(start, pace);
    if source.is_some() {
        clock.set_ceiling(Duration::ZERO, Some(start));
    }
    if generated {
        exchange.advance(start);
    } else {
        exchange.begin_replay();
    }
    let (stop, stopped) = watch::channel(false);
    let shared = Arc::new(Shared::new(State::new(exchange, &settings, clock, recorded)));
    let mut tasks = vec![TaskGuard(tokio::spawn(tend(Arc::clone(&shared))))];
    if let Some(source) = source {
        tasks.push(TaskGuard(tokio::spawn(player::play(Arc::clone(&shared), source, instruments))));
    } else if let Some((url, socket)) = relayed {
        tasks.push(TaskGuard(tokio::spawn(paper::play(Arc::clone(&shared), url, socket, instruments))));
    }
    let doors = Doors { shared: Arc::clone(&shared), settings: Arc::new(settings), stop: stopped };
    Ok(ServerHandle {
        rest_url: format!("http://{address}"),
        stream_url: format!("ws://{address}"),
        ws_api_url: format!("ws://{address}/ws-api/v3"),
        shared,
        stop,
        server: tokio::spawn(accept::serve(listener, doors)),
        market: tasks,
    })
}

/// Ends a task together with its owner.
#[derive(Debug)]
struct TaskGuard(JoinHandle<()>);

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does what is due by itself: the generated market, faults, late messages.
async fn tend(shared: Arc<Shared>) {
    // In real time the market's steps are told when they are made, not up to a step later.
    let first = tokio::time::Instant::now() + shared.lock().next_step().unwrap_or_default();
    let mut interval = tokio::time::interval_at(first, ADVANCE_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        interval.tick().await;
        shared.catch_up().await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "server/tests.rs"]
mod tests;
