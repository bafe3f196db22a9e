//! The market stream socket: combined streams, subscribed and unsubscribed while it
//! runs, opened again when it is lost.
//!
//! Source: Binance, "WebSocket Streams": at most five incoming messages a second; the
//! server pings every 20 s; a connection lives 24 h.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ringfence_model::InstrumentId;
use ringfence_model::venue::{MarketData, VenueEvent};
use ringfence_wire::WireError;
use ringfence_wire::stream::StreamParser;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval_at, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use super::books::Books;
use super::socket::{CONFIRM_WITHIN, PING_EVERY, SHUTDOWN, SILENT_AFTER, Socket};
use super::{Shared, closed};
use crate::reconnect::Backoff;

/// Least time between two messages to the venue: three in a second leave room for a ping and a pong.
const PACE: Duration = Duration::from_millis(350);
/// Names of one message; longer ones are refused by the venue.
const NAMES: usize = 200;
/// While messages come, a late confirmation may still be among those that wait to be read, but not for ever.
const CONFIRM_AT_LAST: Duration = Duration::from_secs(60);
/// Before the venue cuts at 24 h.
const RENEW_AFTER: Duration = Duration::from_secs(23 * 3_600);

/// What the socket is asked for.
#[derive(Debug)]
pub(super) enum StreamCommand {
    Begin { name: String, snapshot_of: Option<InstrumentId> },
    End { name: String },
}

/// The answer to a message of ours. Errors come in two forms, one of them without a number.
#[derive(Deserialize)]
struct Control {
    id: Option<u64>,
    error: Option<serde_json::Value>,
    code: Option<i64>,
    msg: Option<String>,
}

impl Control {
    fn refusal(&self) -> Option<String> {
        match (&self.error, self.code, &self.msg) {
            (Some(error), ..) => Some(error.to_string()),
            (None, Some(code), msg) => Some(format!("{code}: {}", msg.as_deref().unwrap_or_default())),
            (None, None, _) => None,
        }
    }
}

/// Why a connection ended.
enum Ended {
    Stopped,
    Lost(String),
}

/// A message of ours that the venue has not confirmed yet.
struct Asked {
    at: Instant,
    names: Vec<String>,
    begins: bool,
}

struct Streams {
    shared: Arc<Shared>,
    parser: StreamParser,
    /// Streams that somebody wants; of depth streams the instrument, whose snapshot is fetched.
    wanted: BTreeMap<String, Option<InstrumentId>>,
    next_id: u64,
    /// It was told that streams are down.
    down: bool,
    /// When the venue first confirmed something on this connection.
    confirmed: Option<Instant>,
}

/// One connection: what the venue was asked for, and what it has not confirmed yet.
struct Connection {
    socket: Socket,
    asked: BTreeSet<String>,
    unconfirmed: BTreeMap<u64, Asked>,
    books: Books,
}

/// Runs until the client is closed.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut inbox: mpsc::UnboundedReceiver<StreamCommand>,
    mut stopped: watch::Receiver<bool>,
) {
    let parser = StreamParser::new(&shared.instruments);
    let mut backoff = Backoff::new(shared.machine().0);
    let mut streams = Streams { shared, parser, wanted: BTreeMap::new(), next_id: 1, down: false, confirmed: None };
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
        let why = match streams.connection(&mut inbox, &mut stopped).await {
            Ended::Stopped => return,
            Ended::Lost(why) => why,
        };
        if let Some(since) = streams.confirmed.take() {
            backoff.lasted(since.elapsed());
        }
        if !streams.down {
            streams.down = true;
            streams.shared.tell(VenueEvent::StreamsDown);
        }
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
    ) -> Ended {
        let url = format!("{}/stream", self.shared.config.stream_url);
        let socket = match self.shared.open(&url, 0, stopped).await {
            Ok(Some(socket)) => socket,
            Ok(None) => return Ended::Stopped,
            Err(why) => return Ended::Lost(why),
        };
        let mut on = Connection {
            socket,
            asked: BTreeSet::new(),
            unconfirmed: BTreeMap::new(),
            books: Books::new(Arc::clone(&self.shared)),
        };
        let opened = Instant::now();
        let (mut next_message, mut heard) = (opened, opened);
        let mut ping = interval_at(opened + PING_EVERY, PING_EVERY);
        loop {
            let differs =
                on.asked.len() != self.wanted.len() || !self.wanted.keys().all(|name| on.asked.contains(name));
            if self.down && !differs && on.unconfirmed.is_empty() {
                self.down = false;
                self.shared.tell(VenueEvent::StreamsUp);
            }
            let overdue = on.unconfirmed.values().next().map(|asked| {
                let at_last = asked.at + CONFIRM_AT_LAST;
                (asked.at + CONFIRM_WITHIN).max(at_last.min(heard + Duration::from_secs(1)))
            });
            tokio::select! {
                () = closed(stopped) => {
                    // The venue may be gone already; then there is nobody to say goodbye to.
                    drop(on.socket.close(None).await);
                    return Ended::Stopped;
                }
                command = inbox.recv() => match command {
                    Some(command) => self.take(command),
                    None => return Ended::Stopped,
                },
                () = sleep_until(next_message), if differs => {
                    next_message = Instant::now() + PACE;
                    if let Err(why) = self.ask(&mut on).await {
                        return Ended::Lost(why);
                    }
                }
                () = sleep_until(overdue.unwrap_or(opened)), if overdue.is_some() => {
                    return Ended::Lost("a subscription was not confirmed in time".to_owned());
                }
                Some(fetched) = on.books.fetches.join_next() => {
                    // Those that were aborted mean nothing.
                    if let Ok(fetched) = fetched {
                        on.books.fetched(fetched);
                    }
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENT_AFTER {
                        return Ended::Lost("silent".to_owned());
                    }
                    if opened.elapsed() > RENEW_AFTER {
                        return Ended::Lost("a day is nearly over".to_owned());
                    }
                    if let Err(error) = on.socket.send(Message::Ping(Vec::new().into())).await {
                        return Ended::Lost(error.to_string());
                    }
                }
                message = on.socket.next() => {
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            if let Some(control) = control_of(&text) {
                                self.answered(&mut on, &control);
                            } else if let Some(why) = self.message(&mut on.books, text.as_bytes()) {
                                return Ended::Lost(why);
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
                    // The sink may have kept us waiting; that is no silence of the venue's.
                    heard = Instant::now();
                }
            }
        }
    }

    /// Sends one message of what is wanted and not asked for, or the other way around.
    async fn ask(&mut self, on: &mut Connection) -> Result<(), String> {
        let missing = |name: &&String| !on.asked.contains(*name);
        let begin: Vec<_> = self.wanted.keys().filter(missing).take(NAMES).cloned().collect();
        let begins = !begin.is_empty();
        let (method, names) = if begins {
            ("SUBSCRIBE", begin)
        } else {
            let unwanted = |name: &&String| !self.wanted.contains_key(*name);
            ("UNSUBSCRIBE", on.asked.iter().filter(unwanted).take(NAMES).cloned().collect())
        };
        let id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        let text = serde_json::json!({ "method": method, "params": names, "id": id }).to_string();
        on.socket.send(Message::text(text)).await.map_err(|error| error.to_string())?;
        for name in &names {
            if begins {
                on.asked.insert(name.clone());
                if let Some(instrument) = self.wanted.get(name).copied().flatten() {
                    on.books.asked(instrument);
                }
            } else {
                on.asked.remove(name);
            }
        }
        on.unconfirmed.insert(id, Asked { at: Instant::now(), names, begins });
        Ok(())
    }

    /// The venue has begun or ended streams, or refused to.
    fn answered(&mut self, on: &mut Connection, control: &Control) {
        let asked = match control.id {
            Some(id) => on.unconfirmed.remove(&id),
            // Answers come in order.
            None => on.unconfirmed.pop_first().map(|(_, asked)| asked),
        };
        if let Some(error) = control.refusal() {
            let names = asked.map(|asked| asked.names.join(", ")).unwrap_or_default();
            self.shared.notice(format!("the venue refuses streams {names}: {error}"));
            return;
        }
        self.confirmed.get_or_insert_with(Instant::now);
        let Some(asked) = asked.filter(|asked| asked.begins) else {
            return;
        };
        for instrument in asked.names.iter().filter_map(|name| self.wanted.get(name).copied().flatten()) {
            on.books.begun(instrument);
        }
    }

    /// Tells what a message says; why the connection ends with it, if it does.
    fn message(&self, books: &mut Books, raw: &[u8]) -> Option<String> {
        self.shared.received.fetch_add(1, Ordering::Relaxed);
        match self.parser.parse(raw) {
            Ok(data) => {
                if let MarketData::Depth { update, .. } = &data {
                    books.update(update);
                }
                self.shared.tell(VenueEvent::Market(data));
            }
            Err(WireError::Unknown { found, .. }) if found.trim_start_matches('!') == SHUTDOWN => {
                return Some("the venue shuts this server down".to_owned());
            }
            Err(error) => self.shared.unparsed(&error),
        }
        None
    }
}

fn control_of(text: &str) -> Option<Control> {
    if text.starts_with("{\"stream\"") {
        return None;
    }
    serde_json::from_str::<Control>(text).ok().filter(|control| control.id.is_some() || control.refusal().is_some())
}
