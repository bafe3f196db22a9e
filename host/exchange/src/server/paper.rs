//! The market of another venue, taken from its public streams as it happens. Orders are
//! filled here; nothing is ever sent there but the subscription.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use ringfence_model::{Instrument, InstrumentId};
use ringfence_wire::stream::StreamParser;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::state::Shared;
use crate::error::ExchangeError;
use crate::recording::{data_of, stream_of};

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A venue pings each twenty seconds: this long without a word means that nobody is there.
const SILENT: Duration = Duration::from_secs(60);
/// Between two attempts; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The streams that make a market: its tape, its best quotes, and its book.
pub(super) fn streams(instruments: &[Instrument]) -> Vec<String> {
    instruments
        .iter()
        .map(|instrument| instrument.symbol.to_lowercase())
        .flat_map(|symbol| ["trade", "bookTicker", "depth20@100ms"].map(|stream| format!("{symbol}@{stream}")))
        .collect()
}

/// Connects to the venue's streams.
///
/// # Errors
/// Why not, and where.
pub(super) async fn connect(url: &str, streams: &[String]) -> Result<Socket, ExchangeError> {
    let address = format!("{}/stream?streams={}", url.trim_end_matches('/'), streams.join("/"));
    let failed = |what: String| ExchangeError::Paper { url: url.to_owned(), what };
    match tokio::time::timeout(CONNECT_WITHIN, connect_async(address)).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("no answer within {} s", CONNECT_WITHIN.as_secs()))),
    }
}

/// Plays what comes, and connects again when the connection is lost.
pub(super) async fn play(shared: Arc<Shared>, url: String, mut socket: Socket, instruments: Vec<Instrument>) {
    let parser = StreamParser::new(&instruments).with_bare_snapshot(InstrumentId(0));
    let names = streams(&instruments);
    loop {
        while let Ok(Some(Ok(message))) = tokio::time::timeout(SILENT, socket.next()).await {
            // Pings are answered by the protocol's implementation when the socket is read.
            let Message::Text(text) = message else {
                continue;
            };
            let parsed = parser.parse(text.as_bytes());
            let mut state = shared.lock();
            if let Err(error) = &parsed {
                state.broken_line(error.to_string());
            }
            let (now, raw) = (state.now(), text.as_bytes());
            state.play(now, parsed.as_ref().ok(), raw, stream_of(raw), data_of(raw));
        }
        tracing::warn!(url, "the paper market's connection was lost; it is made again");
        let mut pause = PAUSE;
        socket = loop {
            tokio::time::sleep(pause).await;
            match connect(&url, &names).await {
                Ok(socket) => break socket,
                Err(error) => tracing::warn!(%error, "the paper market is out of reach"),
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        };
    }
}
