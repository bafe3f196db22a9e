//! The simulated exchange behind a [`Transport`]: requests and frames take time, and go
//! wrong as a seed says.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Sink, Stream};
use ringfence_binance::client::transport::{HttpAnswer, HttpCall, HttpError, OpenError, Socket, Transport};
use ringfence_exchange::{Exchange, HttpRequest, WsSession};
use ringfence_model::{Micros, Timestamp};
use ringfence_wire::{stream, user};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_tungstenite::tungstenite::{Error, Message};

/// SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Chance(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % end
    }

    pub(crate) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// There is no connection: surely not sent.
    Refused,
    /// Lost on the way there, or the answer on the way back; noticed at once or never.
    LostBefore {
        hangs: bool,
    },
    LostAfter {
        hangs: bool,
    },
    /// The venue says that it does not know, before or after it did it.
    Doubt {
        done: bool,
    },
    /// Too many requests; the end of the ban in seconds.
    Limited(u64),
    Slow,
}

/// What becomes of a record of all that happens.
#[derive(Debug)]
pub(crate) enum Trace {
    Off,
    /// On standard output, without the market.
    Printed,
    Kept(Vec<String>),
}

/// A parameter that names a new order or list.
fn is_name(parameter: &str) -> bool {
    parameter.ends_with("ClientOrderId")
}

pub(crate) struct Peer {
    to_client: mpsc::UnboundedSender<(Instant, Message)>,
    last: Instant,
    kind: Kind,
    /// Gone without a word: nothing goes in or out.
    dead: bool,
    /// Streams that say nothing any more on this socket.
    silent: BTreeSet<String>,
    _cut: oneshot::Sender<()>,
}

enum Kind {
    Streams(BTreeSet<String>),
    Api(WsSession),
}

pub(crate) struct World {
    pub(crate) exchange: Exchange,
    began: Instant,
    start: Timestamp,
    /// What the venue's clock was moved by.
    jumped: Micros,
    /// How far the market has gone.
    advanced: Timestamp,
    pub(crate) chance: Chance,
    /// Nothing goes wrong any more.
    pub(crate) quiet: bool,
    /// Of one message in so many the way takes up to two seconds.
    slow_one_in: u64,
    /// The venue says goodbye all the time.
    restless: bool,
    /// The user stream says nothing any more while its connection lives, until it is subscribed anew.
    pub(crate) mute: bool,
    peers: BTreeMap<u64, Peer>,
    next_peer: u64,
    /// How often an order of this client order id left the host.
    pub(crate) sent: BTreeMap<String, u32>,
    /// All levels at some updates of the book, as the exchange shows them.
    pub(crate) books: BTreeMap<u64, String>,
    /// A depth snapshot of some time ago: snapshots come from a memory that may lag.
    old_book: String,
    /// The test's own looks at the book.
    looks: u32,
    /// Each fill that the exchange has ever told of the account.
    pub(crate) fills: BTreeSet<u64>,
    machine_ahead: i64,
    pub(crate) trace: Trace,
}

/// The world, shared by the transport and the test.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Mutex<World>>);

impl World {
    pub(crate) fn shared(exchange: Exchange, seed: u64) -> Shared {
        let mut chance = Chance::new(seed);
        // The machine's clock may be wrong by hours.
        let machine_ahead = i64::try_from(chance.below(7_200_000_000)).unwrap() - 3_600_000_000;
        // A quarter of the seeds are about connections that replace each other while messages are under way.
        let restless = seed % 4 == 3;
        Shared(Arc::new(Mutex::new(World {
            start: exchange.start(),
            advanced: exchange.start(),
            exchange,
            began: Instant::now(),
            jumped: Micros(0),
            chance,
            quiet: true,
            slow_one_in: if restless { 8 } else { 100 },
            restless,
            mute: false,
            peers: BTreeMap::new(),
            next_peer: 1,
            sent: BTreeMap::new(),
            books: BTreeMap::new(),
            old_book: String::new(),
            looks: 0,
            fills: BTreeSet::new(),
            machine_ahead,
            trace: Trace::Off,
        })))
    }

    /// Keeps a record of what happened, with its time.
    pub(crate) fn note(&mut self, of_market: bool, what: impl FnOnce() -> String) {
        let at = || self.began.elapsed().as_micros();
        match &mut self.trace {
            Trace::Off => {}
            Trace::Printed if of_market => {}
            Trace::Printed => println!("{:>11} {}", at(), what()),
            Trace::Kept(lines) => lines.push(format!("{:>11} {}", at(), what())),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let gone = u64::try_from(self.began.elapsed().as_micros()).unwrap();
        self.start.plus(Micros(gone)).plus(self.jumped)
    }

    /// The market goes on, and what it says goes out. Depth is told every 100 ms of the
    /// venue's clock, so the book is looked at then, twice a second.
    pub(crate) fn advance(&mut self) {
        const BEAT: u64 = 100_000;
        const LOOK: u64 = 5 * BEAT;
        let now = self.now();
        while self.advanced.0 + BEAT <= now.0 {
            self.advanced = Timestamp((self.advanced.0 / BEAT + 1) * BEAT);
            self.exchange.advance(self.advanced);
            if self.advanced.0.is_multiple_of(LOOK) {
                self.remember_book();
            }
        }
        let sockets: Vec<u64> = self.peers.keys().copied().collect();
        for message in self.exchange.drain_streams() {
            let text =
                tokio_tungstenite::tungstenite::Utf8Bytes::from(stream::combined(&message.stream, &message.data));
            for id in &sockets {
                let follows = self.peers.get(id).is_some_and(|peer| {
                    matches!(&peer.kind, Kind::Streams(names) if names.contains(&message.stream))
                        && !peer.silent.contains(&message.stream)
                });
                // A part of the venue loses an update now and then; only its numbers tell.
                let lost = !self.quiet && message.stream.contains("@depth") && self.chance.one_in(150);
                if follows && !lost {
                    self.push(*id, Message::Text(text.clone()));
                }
            }
        }
        self.user_events();
    }

    fn remember_book(&mut self) {
        let request = HttpRequest {
            method: "GET",
            path: "/api/v3/depth",
            query: "symbol=BTCUSDT&limit=1000",
            // Limits are counted per address; the test's own looks are nobody's requests, however many there are.
            ip: std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 | (self.looks & 0x00ff_ffff))),
            ..HttpRequest::default()
        };
        self.looks += 1;
        let now = self.now();
        let response = self.exchange.http(now, &request);
        let id = response.body.split([':', ',']).nth(1).unwrap().parse().unwrap();
        if self.chance.one_in(4) {
            self.old_book.clone_from(&response.body);
        }
        self.books.insert(id, response.body);
    }

    fn user_events(&mut self) {
        for message in self.exchange.drain_user() {
            if let Ok(user::UserEvent::Report(report)) = user::parse(message.json.as_bytes())
                && let Some(fill) = report.fill
            {
                assert!(self.fills.insert(fill.trade_id), "the exchange tells a fill twice");
            }
            let to: Vec<(u64, u64)> = self
                .peers
                .iter()
                .filter_map(|(id, peer)| match &peer.kind {
                    Kind::Api(session) => {
                        let mine = session.subscriptions().find(|(_, key)| *key == message.api_key)?;
                        Some((*id, mine.0))
                    }
                    Kind::Streams(_) => None,
                })
                .collect();
            if self.mute {
                continue;
            }
            for (id, subscription) in to {
                let mut text = user::wrap(subscription, &message.json);
                // A proxy on the way, or a field that is new: nobody can read it.
                if !self.quiet && self.chance.one_in(100) {
                    text.truncate(40);
                }
                let twice = !self.quiet && self.chance.one_in(40);
                for _ in 0..=usize::from(twice) {
                    self.push(id, Message::text(text.clone()));
                }
            }
        }
    }

    /// Sends to a client, in order, after a while.
    fn push(&mut self, id: u64, message: Message) {
        let delay = if !self.quiet && self.chance.one_in(self.slow_one_in) {
            self.chance.below(2_000)
        } else {
            self.chance.below(20)
        };
        let began = self.began;
        let mut due = None;
        if let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.dead) {
            peer.last = peer.last.max(Instant::now() + Duration::from_millis(delay));
            due = Some((peer.last - began, matches!(peer.kind, Kind::Streams(_)), message.clone()));
            // The client may have dropped its end.
            drop(peer.to_client.send((peer.last, message)));
        }
        if let Some((due, of_market, message)) = due {
            self.note(of_market, || format!("socket {id} says at {}: {message}", due.as_micros()));
        }
    }

    pub(crate) fn cut(&mut self, id: u64) {
        self.note(false, || format!("socket {id} is cut"));
        if let Some(peer) = self.peers.remove(&id)
            && let Kind::Streams(names) = peer.kind
        {
            names.iter().for_each(|name| self.exchange.unlisten(name));
        }
    }

    /// Something happens to a socket now and then.
    pub(crate) fn disturb(&mut self) {
        let ids: Vec<u64> = self.peers.keys().copied().collect();
        let Some(id) = ids.get(usize::try_from(self.chance.below(u64::try_from(ids.len().max(1)).unwrap())).unwrap())
        else {
            return;
        };
        let id = *id;
        let what = if self.restless && self.chance.one_in(2) { 3 } else { self.chance.below(8) };
        self.note(false, || format!("disturbance {what} of socket {id}"));
        match what {
            0..=2 => self.cut(id),
            3 => {
                let is_api = matches!(self.peers[&id].kind, Kind::Api(_));
                let event = json!({"e": "serverShutdown", "E": 1});
                let text = if is_api {
                    json!({ "event": event })
                } else {
                    json!({"stream": "!serverShutdown", "data": event})
                };
                self.push(id, Message::text(text.to_string()));
            }
            4 => {
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.dead = true;
                }
            }
            5 => {
                let place = usize::try_from(self.chance.below(4)).unwrap();
                if let Some(peer) = self.peers.get_mut(&id)
                    && let Kind::Streams(names) = &peer.kind
                {
                    peer.silent.extend(names.iter().nth(place).cloned());
                }
            }
            6 => self.push(id, Message::text("{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"tra")),
            _ => self.jumped = Micros(self.jumped.0 + 1_000_000 * self.chance.below(6)),
        }
    }

    fn fate(&mut self) -> Fate {
        if self.quiet || !self.chance.one_in(5) {
            return Fate::Fine;
        }
        match self.chance.below(12) {
            0 => Fate::Refused,
            1 | 2 => Fate::LostBefore { hangs: self.chance.one_in(2) },
            3..=5 => Fate::LostAfter { hangs: self.chance.one_in(2) },
            6 => Fate::Doubt { done: false },
            7 => Fate::Doubt { done: true },
            8 => Fate::Limited(1 + self.chance.below(4)),
            _ => Fate::Slow,
        }
    }

    fn count_order(&mut self, client_order_id: &str) {
        *self.sent.entry(client_order_id.to_owned()).or_default() += 1;
    }

    fn carry_out(&mut self, call: &HttpCall) -> HttpAnswer {
        let (address, query) = call.url.split_once('?').unwrap_or((&call.url, ""));
        let path = address.strip_prefix("memory://rest").unwrap();
        let now = self.now();
        let request = HttpRequest {
            method: call.method.as_str(),
            path,
            query,
            api_key: call.api_key.as_deref(),
            ..HttpRequest::default()
        };
        let mut response = self.exchange.http(now, &request);
        self.user_events();
        if path == "/api/v3/depth" && response.status == 200 && !self.quiet && self.chance.one_in(2) {
            response.body.clone_from(&self.old_book);
        }
        self.note(path == "/api/v3/depth", || {
            let body: String = response.body.chars().take(400).collect();
            format!("{path} is answered {}: {} bytes, {body}", response.status, response.body.len())
        });
        let headers = response.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        HttpAnswer { status: response.status, headers, body: response.body.into_bytes() }
    }

    /// A frame of the client's.
    fn frame(&mut self, id: u64, message: &Message) {
        self.note(false, || format!("socket {id} hears {message:?}"));
        if self.peers.get(&id).is_none_or(|peer| peer.dead) {
            return;
        }
        match message {
            Message::Ping(payload) => self.push(id, Message::Pong(payload.clone())),
            Message::Text(text) => {
                let json: Value = serde_json::from_str(text).unwrap();
                if matches!(self.peers[&id].kind, Kind::Api(_)) {
                    self.api_frame(id, text, &json);
                } else {
                    self.control(id, &json);
                }
            }
            _ => {}
        }
    }

    fn control(&mut self, id: u64, json: &Value) {
        let names: Vec<String> = serde_json::from_value(json["params"].clone()).unwrap();
        let begins = json["method"] == "SUBSCRIBE";
        for name in names {
            let Some(Peer { kind: Kind::Streams(known), silent, .. }) = self.peers.get_mut(&id) else { return };
            if begins && known.insert(name.clone()) {
                assert!(self.exchange.listen(&name), "{name}");
            } else if !begins && known.remove(&name) {
                silent.remove(&name);
                self.exchange.unlisten(&name);
            }
        }
        self.push(id, Message::text(json!({"result": null, "id": json["id"]}).to_string()));
    }

    fn api_frame(&mut self, id: u64, text: &str, json: &Value) {
        let fate = if json["method"] == "userDataStream.subscribe.signature" { Fate::Fine } else { self.fate() };
        self.note(false, || format!("fate of {}: {fate:?}", json["id"]));
        if json["method"].as_str().is_some_and(|method| method.contains(".place")) {
            // Of a list its own name and those of its orders.
            for (name, value) in json["params"].as_object().unwrap() {
                if is_name(name) {
                    self.count_order(value.as_str().unwrap());
                }
            }
        }
        let done =
            !matches!(fate, Fate::LostBefore { .. } | Fate::Refused | Fate::Doubt { done: false } | Fate::Limited(_));
        let now = self.now();
        let mut answer = None;
        if done && let Some(Peer { kind: Kind::Api(session), .. }) = self.peers.get_mut(&id) {
            answer = Some(self.exchange.ws_api(now, session, text));
            self.user_events();
        }
        let error = |status: u16, code: i64, msg: &str, data: Value| {
            let error = json!({"code": code, "msg": msg, "data": data});
            json!({"id": json["id"], "status": status, "error": error}).to_string()
        };
        let answer = match fate {
            Fate::Doubt { .. } => {
                Some(error(500, -1007, "Timeout waiting for response from backend server.", Value::Null))
            }
            Fate::Limited(seconds) => {
                let data = json!({"serverTime": now.as_millis(), "retryAfter": now.as_millis() + seconds * 1_000});
                Some(error(429, -1003, "Too much request weight used", data))
            }
            Fate::LostBefore { .. } | Fate::LostAfter { .. } | Fate::Refused => None,
            Fate::Fine | Fate::Slow => answer,
        };
        if let Some(answer) = answer {
            self.push(id, Message::text(answer));
        }
        if matches!(fate, Fate::LostBefore { hangs: false } | Fate::LostAfter { hangs: false }) {
            self.cut(id);
        }
    }
}

impl Transport for Shared {
    fn http(&self, call: HttpCall) -> BoxFuture<'static, Result<HttpAnswer, HttpError>> {
        let world = self.clone();
        async move {
            let lock = || world.0.lock().unwrap();
            let (fate, there, back) = {
                let mut world = lock();
                let fate = world.fate();
                let far = if fate == Fate::Slow { 4_000 } else { 30 };
                let (there, back) = (1 + world.chance.below(far), 1 + world.chance.below(far));
                world.note(false, || format!("{} {}: {fate:?}, {there} + {back} ms", call.method.as_str(), call.url));
                (fate, there, back)
            };
            if fate == Fate::Refused {
                return Err(HttpError::NotSent("refused".to_owned()));
            }
            let places = ["/api/v3/order?", "/api/v3/orderList/"].iter().any(|path| call.url.contains(path));
            if call.method.as_str() == "POST" && places {
                let (_, query) = call.url.split_once('?').unwrap();
                for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                    if is_name(name) {
                        lock().count_order(value);
                    }
                }
            }
            sleep(Duration::from_millis(there)).await;
            let error = |status: u16, code: i64| HttpAnswer {
                status,
                headers: Vec::new(),
                body: json!({"code": code, "msg": "as the seed says"}).to_string().into_bytes(),
            };
            let lost = async |hangs: bool| {
                if hangs {
                    std::future::pending::<()>().await;
                }
                Err(HttpError::Lost("reset".to_owned()))
            };
            let answer = match fate {
                Fate::LostBefore { hangs } => return lost(hangs).await,
                Fate::Doubt { done: false } => error(503, -1_000),
                Fate::Limited(seconds) => {
                    HttpAnswer { headers: vec![("retry-after".to_owned(), seconds.to_string())], ..error(429, -1_003) }
                }
                _ => lock().carry_out(&call),
            };
            sleep(Duration::from_millis(back)).await;
            match fate {
                Fate::LostAfter { hangs } => lost(hangs).await,
                Fate::Doubt { done: true } => Ok(error(504, -1_007)),
                _ => Ok(answer),
            }
        }
        .boxed()
    }

    fn open(&self, url: String) -> BoxFuture<'static, Result<Socket, OpenError>> {
        let world = self.clone();
        async move {
            sleep(Duration::from_millis(20)).await;
            let mut inner = world.0.lock().unwrap();
            if !inner.quiet && inner.chance.one_in(6) {
                return Err(OpenError { why: "refused".to_owned(), status: None, retry_after: None });
            }
            let (to_client, frames) = mpsc::unbounded_channel();
            let (cut, is_cut) = oneshot::channel();
            let id = inner.next_peer;
            inner.next_peer += 1;
            inner.note(false, || format!("socket {id} is opened to {url}"));
            let kind =
                if url.contains("ws-api") { Kind::Api(WsSession::default()) } else { Kind::Streams(BTreeSet::new()) };
            let peer = Peer { to_client, last: Instant::now(), kind, dead: false, silent: BTreeSet::new(), _cut: cut };
            inner.peers.insert(id, peer);
            drop(inner);
            Ok(Box::pin(MemorySocket { id, world, frames, is_cut, waiting: None }) as Socket)
        }
        .boxed()
    }

    fn unix_time(&self) -> Timestamp {
        let world = self.0.lock().unwrap();
        Timestamp(world.now().0.saturating_add_signed(world.machine_ahead))
    }
}

/// The client's end of a socket.
struct MemorySocket {
    id: u64,
    world: Shared,
    frames: mpsc::UnboundedReceiver<(Instant, Message)>,
    is_cut: oneshot::Receiver<()>,
    waiting: Option<(Pin<Box<Sleep>>, Message)>,
}

impl Stream for MemorySocket {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_cut.poll_unpin(context).is_ready() {
            return Poll::Ready(Some(Err(Error::ConnectionClosed)));
        }
        if self.waiting.is_none() {
            match self.frames.poll_recv(context) {
                Poll::Ready(Some((at, message))) => self.waiting = Some((Box::pin(sleep_until(at)), message)),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
        let Some((sleep, _)) = &mut self.waiting else { return Poll::Pending };
        std::task::ready!(sleep.poll_unpin(context));
        Poll::Ready(self.waiting.take().map(|(_, message)| Ok(message)))
    }
}

impl Sink<Message> for MemorySocket {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let mut world = self.world.0.lock().unwrap();
        if !world.peers.contains_key(&self.id) {
            return Err(Error::ConnectionClosed);
        }
        world.frame(self.id, &message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.world.0.lock().unwrap().cut(self.id);
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemorySocket {
    fn drop(&mut self) {
        // A schedule that failed unwinds through here; a second panic would hide its seed.
        self.world.0.lock().unwrap_or_else(PoisonError::into_inner).cut(self.id);
    }
}
