//! The market stream socket: combined streams, subscribed and unsubscribed while it
//! runs, opened again when it is lost.
//!
//! Source: Binance, "WebSocket Streams": at most five incoming messages a second; the
//! server pings every 20 s; a connection lives 24 h.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ringfence_model::InstrumentId;
use ringfence_model::venue::{MarketData, VenueEvent};
use ringfence_wire::stream::StreamParser;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use super::{ClientEvent, Shared, closed};
use crate::answer;
use crate::reconnect::Backoff;
use crate::request;

/// Least time between two messages to the venue.
const PACE: Duration = Duration::from_millis(250);
/// Names of one message; longer ones are refused by the venue.
const NAMES: usize = 200;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(15);
/// A connection without any frame for so long is dead: it should have answered pings.
const SILENT_AFTER: Duration = Duration::from_secs(45);
/// Before the venue cuts at 24 h.
const RENEW_AFTER: Duration = Duration::from_secs(23 * 3_600);

/// What the socket is asked for.
#[derive(Debug)]
pub(super) enum StreamCommand {
    Begin { name: String, snapshot_of: Option<InstrumentId> },
    End { name: String },
}

/// The answer to a message of ours.
#[derive(Deserialize)]
struct Control {
    id: Option<u64>,
    error: Option<serde_json::Value>,
}

/// Why a connection ended.
enum Ended {
    Stopped,
    Lost(String),
}

struct Streams {
    shared: Arc<Shared>,
    parser: StreamParser,
    /// Streams that somebody wants; of depth streams the instrument, whose snapshot is fetched.
    wanted: BTreeMap<String, Option<InstrumentId>>,
    next_id: u64,
}

/// Runs until the client is closed.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut inbox: mpsc::UnboundedReceiver<StreamCommand>,
    mut stopped: watch::Receiver<bool>,
) {
    let parser = StreamParser::new(&shared.instruments);
    let mut backoff = Backoff::new(shared.machine().0);
    let mut streams = Streams { shared, parser, wanted: BTreeMap::new(), next_id: 1 };
    let mut was_up = false;
    loop {
        // Nothing is opened before somebody wants something.
        while streams.wanted.is_empty() {
            tokio::select! {
                () = closed(&mut stopped) => return,
                command = inbox.recv() => match command {
                    Some(command) => streams.take(command),
                    None => return,
                },
            }
        }
        let why = match streams.connection(&mut inbox, &mut stopped, &mut backoff, was_up).await {
            Ended::Stopped => return,
            Ended::Lost(why) => why,
        };
        was_up = true;
        streams.shared.tell(VenueEvent::StreamsDown);
        let wait = backoff.wait();
        let attempts = backoff.attempts();
        streams.shared.notice(format!("market streams lost ({why}); attempt {attempts} in {} ms", wait.as_millis()));
        tokio::select! {
            () = closed(&mut stopped) => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

impl Streams {
    fn take(&mut self, command: StreamCommand) {
        match command {
            StreamCommand::Begin { name, snapshot_of } => {
                self.wanted.insert(name, snapshot_of);
            }
            StreamCommand::End { name } => {
                self.wanted.remove(&name);
            }
        }
    }

    async fn connection(
        &mut self,
        inbox: &mut mpsc::UnboundedReceiver<StreamCommand>,
        stopped: &mut watch::Receiver<bool>,
        backoff: &mut Backoff,
        again: bool,
    ) -> Ended {
        let url = format!("{}/stream", self.shared.config.stream_url);
        let connecting = tokio::time::timeout(CONNECT_WITHIN, tokio_tungstenite::connect_async(url));
        let (mut socket, _) = tokio::select! {
            () = closed(stopped) => return Ended::Stopped,
            connected = connecting => match connected {
                Ok(Ok(connected)) => connected,
                Ok(Err(error)) => return Ended::Lost(error.to_string()),
                Err(_) => return Ended::Lost("no connection in time".to_owned()),
            },
        };
        // What the venue was asked for on this connection, and what it has not confirmed yet.
        let mut asked: BTreeSet<String> = BTreeSet::new();
        let mut unconfirmed: HashMap<u64, Vec<String>> = HashMap::new();
        let mut announced = !again;
        let (opened, mut heard) = (Instant::now(), Instant::now());
        let mut next_message = opened;
        let mut ping = tokio::time::interval(PING_EVERY);
        loop {
            let differs = asked.len() != self.wanted.len() || !self.wanted.keys().all(|name| asked.contains(name));
            tokio::select! {
                () = closed(stopped) => {
                    // The venue may be gone already; then there is nobody to say goodbye to.
                    drop(socket.close(None).await);
                    return Ended::Stopped;
                }
                command = inbox.recv() => match command {
                    Some(command) => self.take(command),
                    None => return Ended::Stopped,
                },
                () = sleep_until(next_message), if differs => {
                    next_message = Instant::now() + PACE;
                    let begin: Vec<_> = self.wanted.keys().filter(|name| !asked.contains(*name)).take(NAMES).cloned().collect();
                    let (method, names) = if begin.is_empty() {
                        let end = asked.iter().filter(|name| !self.wanted.contains_key(*name)).take(NAMES).cloned().collect();
                        ("UNSUBSCRIBE", end)
                    } else {
                        ("SUBSCRIBE", begin)
                    };
                    let id = self.next_id;
                    self.next_id = self.next_id.saturating_add(1);
                    let text = serde_json::json!({ "method": method, "params": names, "id": id }).to_string();
                    if let Err(error) = socket.send(Message::text(text)).await {
                        return Ended::Lost(error.to_string());
                    }
                    if method == "SUBSCRIBE" {
                        asked.extend(names.iter().cloned());
                        unconfirmed.insert(id, names);
                    } else {
                        asked.retain(|name| !names.contains(name));
                    }
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENT_AFTER {
                        return Ended::Lost("silent".to_owned());
                    }
                    if opened.elapsed() > RENEW_AFTER {
                        return Ended::Lost("a day is nearly over".to_owned());
                    }
                    if let Err(error) = socket.send(Message::Ping(Vec::new().into())).await {
                        return Ended::Lost(error.to_string());
                    }
                }
                message = socket.next() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            if let Some(control) = control_of(&text) {
                                backoff.reset();
                                let names = control.id.and_then(|id| unconfirmed.remove(&id)).unwrap_or_default();
                                self.confirmed(names, control.error);
                                if !announced && unconfirmed.is_empty() {
                                    announced = true;
                                    self.shared.tell(VenueEvent::StreamsUp);
                                }
                            } else {
                                self.message(text.as_bytes());
                            }
                        }
                        Some(Ok(Message::Close(frame))) => {
                            return Ended::Lost(frame.map_or_else(|| "closed by the venue".to_owned(), |frame| frame.to_string()));
                        }
                        // Pings are answered by the library.
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return Ended::Lost(error.to_string()),
                        None => return Ended::Lost("closed by the venue".to_owned()),
                    }
                }
            }
        }
    }

    /// The venue has begun these streams, or refused them.
    fn confirmed(&mut self, names: Vec<String>, error: Option<serde_json::Value>) {
        if let Some(error) = error {
            self.shared.notice(format!("the venue refuses streams {}: {error}", names.join(", ")));
            return;
        }
        for instrument in names.iter().filter_map(|name| self.wanted.get(name).copied().flatten()) {
            let shared = Arc::clone(&self.shared);
            drop(tokio::spawn(async move { shared.snapshot(instrument).await }));
        }
    }

    fn message(&self, raw: &[u8]) {
        self.shared.received.fetch_add(1, Ordering::Relaxed);
        match self.parser.parse(raw) {
            Ok(data) => self.shared.tell(VenueEvent::Market(data)),
            Err(error) => {
                self.shared.unparsed.fetch_add(1, Ordering::Relaxed);
                (self.shared.sink)(ClientEvent::Unparsed { error: error.to_string() });
            }
        }
    }
}

fn control_of(text: &str) -> Option<Control> {
    if text.starts_with("{\"stream\"") {
        return None;
    }
    serde_json::from_str::<Control>(text).ok().filter(|control| control.id.is_some() || control.error.is_some())
}

impl Shared {
    /// Fetches the depth snapshot that a depth stream builds on.
    async fn snapshot(&self, id: InstrumentId) {
        let Some(instrument) = self.instruments.iter().find(|known| known.id == id) else {
            return;
        };
        let book = match self.read("depth snapshot", &request::depth(&instrument.symbol), false).await {
            Ok(body) => answer::depth(instrument, &body).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match book {
            Ok(book) => self.tell(VenueEvent::Market(MarketData::Book { ts: None, book })),
            Err(error) => self.notice(format!("{}: no book: {error}", instrument.symbol)),
        }
    }
}
