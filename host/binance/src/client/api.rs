//! The WebSocket API: user data and orders over one connection, renewed before the venue
//! cuts it, opened again when it is lost.
//!
//! When a new connection has taken over, the old one is listened to for a while, because a report may be under way on it;
//! and since nobody knows what else was, the engine is told to reconcile.
//!
//! Source: Binance, "WebSocket API": `session.logon` (Ed25519 keys only) spares the signature
//! of each request; `userDataStream.subscribe` needs it, `userDataStream.subscribe.signature`
//! does not; answers may come out of order; events come as `{"subscriptionId":…,"event":{…}}`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ringfence_model::venue::VenueEvent;
use ringfence_wire::WireError;
use ringfence_wire::rest::{ErrorBody, RateLimit, read};
use ringfence_wire::user::{self, UserEvent};
use ringfence_wire::ws_api::Incoming;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::rest::SendError;
use super::socket::{CONFIRM_WITHIN, PING_EVERY, SHUTDOWN, SILENT_AFTER};
use super::transport::Socket;
use super::{Shared, closed, lock};
use crate::answer::BAD_TIMESTAMP;
use crate::credentials::{Credentials, KeyKind, without_signatures};
use crate::reconnect::Backoff;
use crate::request::{Request, session_frame};

/// What a connection, a logon and a subscription cost.
const WEIGHT: u64 = 6;
/// Requests that wait for the connection's task.
const QUEUE: usize = 256;
/// Before the venue cuts at 24 h.
const RENEW_AFTER: Duration = Duration::from_secs(23 * 3_600);
/// How long an old connection is listened to when a new one has taken over.
const LINGER: Duration = Duration::from_secs(5);
/// How long it may wait for its last answers.
const DRAIN: Duration = Duration::from_secs(15);
/// One frame that takes longer to leave means that nobody reads.
const SEND_WITHIN: Duration = Duration::from_secs(10);
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Numbers of the session's own requests; orders begin above.
const LOGON: u64 = 1;
const SUBSCRIBE: u64 = 2;
const FIRST_REQUEST: u64 = 16;

/// Where the stream stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// Not up; why not.
    Trying(String),
    Up,
}

impl Status {
    /// Whether the venue said that it knows no such key, or that the signature is not the key's: trying
    /// again will not help. The reason carries the venue's code.
    pub(super) fn refuses_key(&self) -> bool {
        let Status::Trying(why) = self else { return false };
        ["-1022: ", "-2014: ", "-2015: "].iter().any(|code| why.contains(code))
    }
}

/// What the venue answered to a request.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// As REST would have it: the result, or code and text.
    pub(super) body: Vec<u8>,
    pub(super) rate_limits: Vec<RateLimit>,
    /// Seconds until the venue wants to hear anything again.
    pub(super) retry_after: Option<u64>,
}

/// A request for the connection.
struct Ask {
    request: Request,
    reply: oneshot::Sender<Result<Answered, SendError>>,
}

/// The way to the connection that is up.
#[derive(Clone)]
pub(super) struct Line(mpsc::Sender<Ask>);

impl Line {
    /// Sends a request, once. `NotSent` is certain; whatever else goes wrong is `Lost`.
    pub(super) async fn ask(&self, request: &Request, within: Duration) -> Result<Answered, SendError> {
        let (reply, answer) = oneshot::channel();
        if self.0.try_send(Ask { request: request.clone(), reply }).is_err() {
            return Err(SendError::NotSent("the WebSocket API takes nothing now".to_owned()));
        }
        match timeout(within, answer).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(SendError::Lost("the connection has ended".to_owned())),
            Err(_) => Err(SendError::Lost(format!("nothing within {} s", within.as_secs()))),
        }
    }
}

/// How a connection ended.
enum Ended {
    Stopped,
    Lost(String),
}

/// What a connection tells the task that looks after them.
enum Told {
    Up(Line),
    /// It is to be replaced: it is old, or the venue says goodbye.
    Replace(&'static str),
}

/// Runs until the client is closed.
pub(super) async fn run(
    shared: Arc<Shared>,
    credentials: Credentials,
    status: watch::Sender<Status>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut backoff = Backoff::new(shared.machine().0 ^ 1);
    let mut links: JoinSet<(u64, Ended)> = JoinSet::new();
    let (tell, mut told) = mpsc::unbounded_channel::<(u64, Told)>();
    // The connection that counts, since when it is up, and the one that shall replace it.
    let (mut current, mut up_since, mut next) = (0u64, None::<Instant>, None::<u64>);
    let mut retire: BTreeMap<u64, oneshot::Sender<()>> = BTreeMap::new();
    let mut number = 0u64;
    // When a connection is opened, if none is under way.
    let mut open_at = Some(Instant::now());
    loop {
        if open_at.is_some_and(|at| at <= Instant::now()) {
            open_at = None;
            number = number.saturating_add(1);
            let (retired, end) = oneshot::channel();
            retire.insert(number, retired);
            let link = Link {
                shared: Arc::clone(&shared),
                credentials: credentials.clone(),
                number,
                tell: tell.clone(),
                attempt: backoff.attempts(),
            };
            let (id, stopped) = (number, stopped.clone());
            links.spawn(async move { (id, link.run(end, stopped).await) });
            if up_since.is_some() {
                next = Some(number);
            } else {
                current = number;
            }
        }
        tokio::select! {
            // What a connection has told comes before its end. A connection tells a handful of things in its life, so
            // nothing here keeps the rest waiting.
            biased;
            () = closed(&mut stopped) => break,
            Some((id, what)) = told.recv() => match what {
                Told::Up(line) => {
                    *lock(&shared.line) = Some((id, line));
                    if id == current {
                        up_since = Some(Instant::now());
                        status.send_replace(Status::Up);
                        shared.tell(VenueEvent::UserUp);
                    } else if next == Some(id) {
                        // Both are subscribed for a while, and what comes twice is known.
                        next = None;
                        drop(retire.remove(&current));
                        current = id;
                        up_since = Some(Instant::now());
                        backoff.reset();
                        shared.tell(VenueEvent::UserGap);
                    }
                }
                Told::Replace(why) => {
                    if id == current && next.is_none() && open_at.is_none() {
                        shared.notice(format!("user data stream is renewed: {why}"));
                        open_at = Some(Instant::now());
                    }
                }
            },
            Some(ended) = links.join_next(), if !links.is_empty() => {
                let (id, why) = match ended {
                    Ok((id, Ended::Lost(why))) => (id, without_signatures(&why)),
                    Ok((_, Ended::Stopped)) => break,
                    Err(error) => (current, error.to_string()),
                };
                retire.remove(&id);
                {
                    let mut line = lock(&shared.line);
                    if line.as_ref().is_some_and(|(known, _)| *known == id) {
                        *line = None;
                    }
                }
                if next == Some(id) {
                    next = None;
                    let wait = backoff.wait();
                    shared.notice(format!("user data stream could not be renewed ({why}); next attempt in {} ms", wait.as_millis()));
                    open_at = Some(Instant::now() + wait);
                } else if id == current {
                    let was_up = up_since.take();
                    if let Some(since) = was_up {
                        backoff.lasted(since.elapsed());
                        shared.tell(VenueEvent::UserDown);
                    }
                    let wait = backoff.wait();
                    let text = format!("user data stream lost ({why}); next attempt in {} ms", wait.as_millis());
                    if backoff.attempts() >= 5 && backoff.attempts().is_power_of_two() || backoff.attempts() == 5 {
                        shared.alarm(text);
                    } else {
                        shared.notice(text);
                    }
                    status.send_replace(Status::Trying(why));
                    match next.take() {
                        // The one that was to replace it takes its place.
                        Some(other) => current = other,
                        None => open_at = Some(Instant::now() + wait),
                    }
                }
            }
            () = sleep_until(open_at.unwrap_or_else(Instant::now)), if open_at.is_some() => {}
        }
    }
    drop(retire);
    while links.join_next().await.is_some() {}
}

/// One connection.
struct Link {
    shared: Arc<Shared>,
    credentials: Credentials,
    number: u64,
    tell: mpsc::UnboundedSender<(u64, Told)>,
    attempt: u32,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Logon,
    Subscribe,
    Up,
}

impl Link {
    fn tell(&self, what: Told) {
        drop(self.tell.send((self.number, what)));
    }

    fn frame(&self, method: &str, id: u64, signed: bool) -> String {
        let time = self.shared.now().as_millis();
        session_frame(method, id, signed.then_some(&self.credentials), time, self.shared.config.recv_window_ms)
    }

    async fn run(self, end: oneshot::Receiver<()>, mut stopped: watch::Receiver<bool>) -> Ended {
        let url = super::other_port(&self.shared.config.ws_api_url, self.attempt);
        let mut socket = match self.shared.open(&url, WEIGHT, &mut stopped).await {
            Ok(Some(socket)) => socket,
            Ok(None) => return Ended::Stopped,
            Err(why) => return Ended::Lost(why),
        };
        let mut waiting = BTreeMap::new();
        let (sender, mut asks) = mpsc::channel(QUEUE);
        let ended = self.serve(&mut socket, &mut waiting, (sender, &mut asks), end, &mut stopped).await;
        // What was not taken out of the queue was surely not sent; what was sent is in doubt.
        asks.close();
        while let Some(ask) = asks.recv().await {
            drop(ask.reply.send(Err(SendError::NotSent("the connection has ended before".to_owned()))));
        }
        for (_, reply) in waiting {
            drop(reply.send(Err(SendError::Lost("the connection was lost".to_owned()))));
        }
        drop(timeout(CLOSE_WITHIN, socket.close()).await);
        ended
    }

    async fn send(&self, socket: &mut Socket, message: Message) -> Result<(), String> {
        match timeout(SEND_WITHIN, socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("nobody reads what is sent".to_owned()),
        }
    }

    async fn serve(
        &self,
        socket: &mut Socket,
        waiting: &mut BTreeMap<u64, oneshot::Sender<Result<Answered, SendError>>>,
        (line, asks): (mpsc::Sender<Ask>, &mut mpsc::Receiver<Ask>),
        mut end: oneshot::Receiver<()>,
        stopped: &mut watch::Receiver<bool>,
    ) -> Ended {
        // Only Ed25519 keys can log on; all others sign each request.
        let can_log_on = self.credentials.kind() == KeyKind::Ed25519;
        let mut logged_on = false;
        let mut phase = if can_log_on { Phase::Logon } else { Phase::Subscribe };
        let first = match phase {
            Phase::Logon => self.frame("session.logon", LOGON, true),
            _ => self.frame("userDataStream.subscribe.signature", SUBSCRIBE, true),
        };
        if let Err(why) = self.send(socket, Message::text(first)).await {
            return Ended::Lost(why);
        }
        let opened = Instant::now();
        let mut ping = interval_at(opened + PING_EVERY, PING_EVERY);
        let mut heard = opened;
        let mut next_id = FIRST_REQUEST;
        let mut told_old = false;
        let mut replaced = None::<Instant>;
        loop {
            let leave_at = replaced.map(|since| since + if waiting.is_empty() { LINGER } else { DRAIN });
            if leave_at.is_some_and(|at| at <= Instant::now()) {
                return Ended::Lost("replaced".to_owned());
            }
            tokio::select! {
                // Beats before requests, requests before what comes in: the venue's limits bound requests, while a busy
                // account may always have something to say.
                biased;
                () = closed(stopped) => return Ended::Stopped,
                _ = &mut end, if replaced.is_none() => {
                    asks.close();
                    replaced = Some(Instant::now());
                }
                () = sleep_until(opened + CONFIRM_WITHIN), if phase != Phase::Up => {
                    return Ended::Lost("the subscription was not confirmed in time".to_owned());
                }
                () = sleep_until(leave_at.unwrap_or(opened)), if leave_at.is_some() => {}
                _ = ping.tick() => {
                    if heard.elapsed() > SILENT_AFTER {
                        return Ended::Lost("silent".to_owned());
                    }
                    if opened.elapsed() > RENEW_AFTER && phase == Phase::Up && !std::mem::replace(&mut told_old, true) {
                        self.tell(Told::Replace("a day is nearly over"));
                    }
                    if let Err(why) = self.send(socket, Message::Ping(Vec::new().into())).await {
                        return Ended::Lost(why);
                    }
                }
                Some(ask) = asks.recv(), if phase == Phase::Up => {
                    if ask.reply.is_closed() {
                        continue;
                    }
                    let id = next_id;
                    next_id = next_id.saturating_add(1);
                    let keys = (!logged_on).then_some(&self.credentials);
                    let time = self.shared.now().as_millis();
                    let Some(text) = ask.request.frame(id, keys, time, self.shared.config.recv_window_ms) else {
                        drop(ask.reply.send(Err(SendError::NotSent("the WebSocket API has no such request".to_owned()))));
                        continue;
                    };
                    // From here on it may have been sent, whatever happens.
                    waiting.insert(id, ask.reply);
                    if let Err(why) = self.send(socket, Message::text(text)).await {
                        return Ended::Lost(why);
                    }
                }
                message = socket.next() => {
                    let text = match message {
                        Some(Ok(Message::Text(text))) => text,
                        Some(Ok(Message::Close(frame))) => {
                            return Ended::Lost(frame.map_or_else(|| "closed by the venue".to_owned(), |frame| frame.to_string()));
                        }
                        Some(Ok(_)) => {
                            heard = Instant::now();
                            continue;
                        }
                        Some(Err(error)) => return Ended::Lost(error.to_string()),
                        None => return Ended::Lost("closed by the venue".to_owned()),
                    };
                    match Incoming::parse(text.as_bytes()) {
                        Err(error) => {
                            self.shared.received.fetch_add(1, Ordering::Relaxed);
                            self.unread("the WebSocket API", &error);
                        }
                        Ok(Incoming::Event(event)) => {
                            if let Some(why) = self.event(event.as_bytes()) {
                                match why {
                                    Goodbye::Ended => return Ended::Lost("ended by the venue".to_owned()),
                                    Goodbye::Shutdown => self.tell(Told::Replace("the venue shuts this server down")),
                                }
                            }
                        }
                        Ok(Incoming::Answer(answer)) => {
                            let answered = Answered {
                                status: answer.status,
                                body: answer.body.as_bytes().to_vec(),
                                retry_after: answer.retry_after.map(|until| {
                                    until.saturating_sub(self.shared.now().as_millis()).div_ceil(1_000)
                                }),
                                rate_limits: answer.rate_limits,
                            };
                            match (answer.id, phase) {
                                (Some(LOGON), Phase::Logon) => {
                                    logged_on = answered.status == 200;
                                    phase = Phase::Subscribe;
                                    let method = if logged_on { "userDataStream.subscribe" } else { "userDataStream.subscribe.signature" };
                                    let subscribe = Message::text(self.frame(method, SUBSCRIBE, !logged_on));
                                    if let Err(why) = self.send(socket, subscribe).await {
                                        return Ended::Lost(why);
                                    }
                                }
                                (Some(SUBSCRIBE), Phase::Subscribe) => {
                                    if answered.status != 200 {
                                        return Ended::Lost(self.refused(&answered));
                                    }
                                    phase = Phase::Up;
                                    self.tell(Told::Up(Line(line.clone())));
                                }
                                (Some(id), _) => {
                                    if let Some(reply) = waiting.remove(&id) {
                                        drop(reply.send(Ok(answered)));
                                    }
                                }
                                // Nobody knows which request the venue could not read: all of them are in doubt.
                                (None, _) => return Ended::Lost(self.refused(&answered)),
                            }
                        }
                    }
                    // The sink may have kept us waiting; that is no silence of the venue's.
                    heard = Instant::now();
                }
            }
        }
    }

    /// What a refusal says, after what follows from it.
    fn refused(&self, answered: &Answered) -> String {
        let code = crate::answer::error_code(&answered.body);
        self.shared.heed(answered.status, code, answered.retry_after);
        if code == Some(BAD_TIMESTAMP) {
            self.shared.mend_clock();
        }
        let why = read::<ErrorBody>(&answered.body).map_or_else(
            |_| String::from_utf8_lossy(&answered.body).into_owned(),
            |error| format!("{}: {}", error.code, error.msg),
        );
        format!("the venue refuses the subscription with {}: {why}", answered.status)
    }

    /// Tells a user event; whether the stream ends with it.
    fn event(&self, raw: &[u8]) -> Option<Goodbye> {
        self.shared.received.fetch_add(1, Ordering::Relaxed);
        match user::parse(raw) {
            Ok(UserEvent::Report(report)) => self.shared.tell(VenueEvent::Report(report)),
            Ok(UserEvent::Balances { ts, balances }) => self.shared.tell(VenueEvent::Balances { ts, balances }),
            Ok(UserEvent::BalanceDelta { asset, delta }) => {
                let text = format!("the account got {delta} {asset} from outside (deposit, withdrawal or transfer)");
                self.shared.notice(text);
            }
            Ok(UserEvent::Terminated) => return Some(Goodbye::Ended),
            Ok(UserEvent::Other(name)) if name == SHUTDOWN => return Some(Goodbye::Shutdown),
            Ok(UserEvent::Other(name)) => tracing::debug!(name, "user event without meaning here"),
            Err(error) => self.unread("user data", &error),
        }
        None
    }

    /// It may have been a fill: the engine asks the venue.
    fn unread(&self, of: &str, error: &WireError) {
        self.shared.unparsed(of, error);
        self.shared.tell(VenueEvent::UserGap);
    }
}

/// The venue ends a stream or says that it will.
enum Goodbye {
    Ended,
    Shutdown,
}
