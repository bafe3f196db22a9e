//! The exchange on real sockets, loopback only unless told otherwise.
//!
//! One mutex holds the core, its clock and the sockets' queues; it is never held across
//! an await. A socket that does not read is dropped when its queue is full.
//!
//! | module | holds |
//! |--|--|
//! | `state` | core, clock and the queues of all sockets |
//! | `routes` | REST and the upgrade to sockets |
//! | `sockets` | one task for each socket |
//! | `player` | a recording played at its pace |

mod player;
mod routes;
mod sockets;
mod state;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::ExchangeError;
use crate::exchange::Exchange;
use crate::recording::Recording;
use state::{Clock, Shared, State};

/// How often the generated market moves.
const ADVANCE_EVERY: Duration = Duration::from_millis(10);
/// How long open requests may take when the server is stopped.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// Who moves the market.
#[derive(Debug, Clone, PartialEq)]
pub enum Market {
    /// The generated one, in real time.
    Generator,
    /// A recording. It begins when the first stream is subscribed, so that nothing of it
    /// is missed; until then the exchange's clock stands at its start.
    Replay {
        /// The file; gzip or plain.
        path: PathBuf,
        /// Two plays twice as fast. Timestamps of requests are then not compared with the
        /// exchange's clock: no client's clock could follow.
        speed: f64,
    },
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
    market: TaskGuard,
}

impl ServerHandle {
    /// Closes all sockets and ends the server; returns when their tasks have ended.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        drop(self.market);
        let ended = async {
            if let Err(error) = (&mut self.server).await {
                tracing::error!(%error, "the exchange's server broke off");
            }
            // Every socket holds a receiver.
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

/// Serves an exchange until the handle is stopped or dropped. Port 0 picks a free one.
///
/// # Errors
/// The address can't be listened on, or the recording can't be opened.
pub async fn start(mut exchange: Exchange, market: Market, listen: SocketAddr) -> Result<ServerHandle, ExchangeError> {
    let recording = match &market {
        Market::Generator => None,
        Market::Replay { path, speed } => {
            if !speed.is_finite() || *speed <= 0.0 {
                return Err(ExchangeError::Speed { speed: *speed });
            }
            exchange.set_strict_time(false);
            Some((Recording::open(path)?, *speed))
        }
    };
    let failed = |source| ExchangeError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let start = exchange.start();
    let clock = if recording.is_some() { Clock::played(start) } else { Clock::running(start) };
    let instruments = exchange.instruments();
    if recording.is_none() {
        exchange.advance(start);
    }
    let (stop, stopped) = watch::channel(false);
    let shared = Arc::new(Shared::new(State::new(exchange, clock)));
    let market = match recording {
        Some((recording, speed)) => tokio::spawn(player::play(Arc::clone(&shared), recording, speed, instruments)),
        None => tokio::spawn(generate(Arc::clone(&shared))),
    };
    let router = routes::router(Arc::clone(&shared), stopped.clone());
    let server = tokio::spawn(async move {
        let mut stopped = stopped;
        let until = async move {
            // An error means that the handle was dropped, which also ends the server.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        if let Err(error) = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(until)
            .await
        {
            tracing::error!(%error, "the exchange's server ended");
        }
    });
    Ok(ServerHandle {
        rest_url: format!("http://{address}"),
        stream_url: format!("ws://{address}"),
        ws_api_url: format!("ws://{address}/ws-api/v3"),
        shared,
        stop,
        server,
        market: TaskGuard(market),
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

async fn generate(shared: Arc<Shared>) {
    let mut interval = tokio::time::interval(ADVANCE_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        shared.lock().advance();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "server/tests.rs"]
mod tests;
