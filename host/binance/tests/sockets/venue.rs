//! A venue on loopback that does what a test says, and the list of what the client told.
//!
//! REST answers from a script, else with the defaults of [`Desk::answer`]; sockets are handed
//! to the test as [`Peer`]s. Its clock starts at [`START_MS`], so that limits never roll over in a test.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use ringfence_binance::client::Sink;
use ringfence_binance::client::net::Net;
use ringfence_binance::limits::SocketLimits;
use ringfence_binance::streams::shard::ShardRules;
use ringfence_binance::streams::shares::ShareRules;
use ringfence_binance::{Client, ClientConfig, ClientEvent, Credentials, Tuning};
use ringfence_model::venue::{MarketData, VenueEvent};
use ringfence_model::{Instrument, Micros};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

pub(crate) const KEY: &str = "the-key-that-may-be-shown";
pub(crate) const SECRET: &str = "the-secret-that-may-not";
/// A second after a whole day's start of the venue's clock: all windows have surely begun.
pub(crate) const START_MS: u64 = 1_700_006_401_000;
/// How long a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(6);
pub(crate) const SYMBOLS: [&str; 10] =
    ["BNBBTC", "BNBUSDT", "BTCUSDT", "ETHBTC", "ETHUSDT", "S5", "S6", "S7", "S8", "S9"];

/// A documented payload, on one line.
pub(crate) fn documented(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/binance").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str::<Value>(&text).unwrap().to_string()
}

/// `exchangeInfo`: the documented symbol under other names, with limits and filters, which the documentation leaves out.
pub(crate) fn exchange_info() -> String {
    let mut info: Value = serde_json::from_str(&documented("rest/exchange-information.1.json")).unwrap();
    let limit = |kind: &str, interval: &str, number: u64, limit: u64| json!({"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit});
    info["rateLimits"] = json!([
        limit("REQUEST_WEIGHT", "MINUTE", 1, 6_000),
        limit("ORDERS", "SECOND", 10, 50),
        limit("ORDERS", "DAY", 1, 160_000),
        limit("RAW_REQUESTS", "MINUTE", 5, 300_000),
    ]);
    info["symbols"] = SYMBOLS
        .iter()
        .map(|symbol| {
            let mut of = info["symbols"][0].clone();
            of["symbol"] = json!(symbol);
            of["filters"] = json!([
                {"filterType": "PRICE_FILTER", "minPrice": "0.00001", "maxPrice": "100000", "tickSize": "0.00001"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"},
                {"filterType": "NOTIONAL", "minNotional": "0.0001", "applyMinToMarket": true, "maxNotional": "9000000", "applyMaxToMarket": false, "avgPriceMins": 5},
            ]);
            of
        })
        .collect();
    info.to_string()
}

/// A REST request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and path, for example `POST /api/v3/order`.
    pub(crate) what: String,
    pub(crate) query: String,
    pub(crate) key: Option<String>,
}

impl Seen {
    /// Signed by the test's secret over exactly what was sent, at about this venue time.
    pub(crate) fn assert_signed(&self, now_ms: u64) {
        let (payload, signature) = self.query.rsplit_once("&signature=").expect("a signature");
        assert_eq!(signature, credentials().sign(payload));
        let (_, time) = payload.rsplit_once("&timestamp=").expect("a timestamp");
        assert!(time.parse::<u64>().unwrap().abs_diff(now_ms) < 3_000, "{time} {now_ms}");
        assert!(payload.contains("recvWindow=5000"), "{payload}");
        assert_eq!(self.key.as_deref(), Some(KEY));
    }
}

/// What the venue does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Http(u16, Vec<(&'static str, String)>, String),
    /// Repeats the request, signature and all.
    Echo(u16),
    /// Reads the request and closes the connection.
    Drop,
    /// Half of an answer, then the end.
    Half,
    /// Never answers.
    Silence,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Reply::Http(status, Vec::new(), body.into())
    }

    pub(crate) fn error(status: u16, code: i64, msg: &str) -> Self {
        Reply::new(status, json!({"code": code, "msg": msg}).to_string())
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        if let Reply::Http(_, headers, _) = &mut self {
            headers.push((name, value.to_string()));
        }
        self
    }
}

struct Desk {
    seen: Vec<Seen>,
    script: HashMap<String, VecDeque<Reply>>,
    started: Instant,
    /// What the venue's clock was moved by.
    moved_ms: u64,
}

impl Desk {
    fn now_ms(&self) -> u64 {
        START_MS + self.moved_ms + u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    fn answer(&mut self, seen: Seen) -> Reply {
        let scripted = self.script.get_mut(&seen.what).and_then(VecDeque::pop_front);
        let reply = scripted.unwrap_or_else(|| match seen.what.as_str() {
            "GET /api/v3/time" => Reply::new(200, json!({"serverTime": self.now_ms()}).to_string()),
            "GET /api/v3/exchangeInfo" => Reply::new(200, exchange_info()),
            "GET /api/v3/depth" => Reply::new(200, documented("rest/order-book.1.json")),
            "GET /api/v3/account" => Reply::new(200, documented("rest/account-information.1.json")),
            _ => Reply::error(400, -1, "not in the script"),
        });
        let reply = match reply {
            Reply::Echo(status) => Reply::error(status, -1100, &format!("{} {}", seen.what, seen.query)),
            reply => reply,
        };
        self.seen.push(seen);
        reply
    }
}

pub(crate) struct Venue {
    pub(crate) config: ClientConfig,
    desk: Arc<Mutex<Desk>>,
    streams: UnboundedReceiver<TcpStream>,
    users: UnboundedReceiver<TcpStream>,
    /// Ended with the venue.
    _tasks: JoinSet<()>,
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(KEY.into(), SECRET.into())
}

fn net() -> Arc<Net> {
    Arc::new(Net::new().unwrap())
}

/// The defaults, but what only waits waits shortly.
fn tuning() -> Tuning {
    Tuning {
        shares: ShareRules { grace: Micros::from_millis(20) },
        connection: ShardRules { settle: Micros::from_millis(100), ..ShardRules::default() },
        ..Tuning::default()
    }
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

async fn hand_out(listener: TcpListener, to: UnboundedSender<TcpStream>) {
    while let Ok((socket, _)) = listener.accept().await {
        socket.set_nodelay(true).unwrap();
        if to.send(socket).is_err() {
            return;
        }
    }
}

impl Venue {
    pub(crate) async fn start() -> Venue {
        let (rest, rest_at) = listener().await;
        let (stream, stream_at) = listener().await;
        let (user, user_at) = listener().await;
        let desk = Desk { seen: Vec::new(), script: HashMap::new(), started: Instant::now(), moved_ms: 0 };
        let desk = Arc::new(Mutex::new(desk));
        let (to_streams, streams) = unbounded_channel();
        let (to_users, users) = unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(hand_out(stream, to_streams));
        tasks.spawn(hand_out(user, to_users));
        let for_rest = Arc::clone(&desk);
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = rest.accept().await {
                open.spawn(serve(socket, Arc::clone(&for_rest)));
            }
        });
        let config = ClientConfig {
            rest_url: format!("http://{rest_at}"),
            stream_url: format!("ws://{stream_at}"),
            ws_api_url: format!("ws://{user_at}/ws-api/v3"),
            credentials: Some(credentials()),
            recv_window_ms: 5_000,
            sockets: SocketLimits::default(),
            state_file: None,
        };
        Venue { config, desk, streams, users, _tasks: tasks }
    }

    /// The next answers to a request.
    pub(crate) fn script(&self, what: &str, replies: impl IntoIterator<Item = Reply>) {
        self.desk.lock().unwrap().script.entry(what.to_owned()).or_default().extend(replies);
    }

    /// Requests so far that begin so.
    pub(crate) fn seen(&self, what: &str) -> Vec<Seen> {
        self.desk.lock().unwrap().seen.iter().filter(|seen| seen.what.starts_with(what)).cloned().collect()
    }

    /// Waits until so many were seen.
    pub(crate) async fn wait_seen(&self, what: &str, count: usize) {
        wait_for(what, || self.seen(what).len() >= count).await;
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.desk.lock().unwrap().now_ms()
    }

    pub(crate) fn move_clock(&self, by_ms: u64) {
        self.desk.lock().unwrap().moved_ms += by_ms;
    }

    /// The next connection for market streams, before the handshake.
    pub(crate) async fn stream_socket(&mut self) -> TcpStream {
        timeout(PATIENCE, self.streams.recv()).await.expect("a stream connection").unwrap()
    }

    pub(crate) async fn stream(&mut self) -> Peer {
        Peer::accept(self.stream_socket().await).await
    }

    pub(crate) async fn user(&mut self) -> Peer {
        let socket = timeout(PATIENCE, self.users.recv()).await.expect("a user connection").unwrap();
        Peer::accept(socket).await
    }

    /// A client of market data only.
    pub(crate) async fn market_client(&self) -> (Client, Vec<Instrument>, Told) {
        let config = ClientConfig { credentials: None, ..self.config.clone() };
        let (sink, told) = told();
        let symbols = SYMBOLS.map(String::from);
        let (client, instruments) = Client::connect_over(net(), tuning(), config, &symbols, sink).await.unwrap();
        (client, instruments, told)
    }

    /// A client whose user stream is up.
    pub(crate) async fn client(&mut self) -> (Client, Told, Peer) {
        self.client_of(self.config.clone()).await
    }

    pub(crate) async fn client_of(&mut self, config: ClientConfig) -> (Client, Told, Peer) {
        self.tuned(config, Tuning { orders_over_socket: false, ..tuning() }).await
    }

    /// A client whose orders go over the socket.
    pub(crate) async fn socket_client(&mut self) -> (Client, Told, Peer) {
        self.tuned(self.config.clone(), tuning()).await
    }

    async fn tuned(&mut self, config: ClientConfig, tuning: Tuning) -> (Client, Told, Peer) {
        let (sink, mut told) = told();
        let symbols = SYMBOLS.map(String::from);
        let connecting = tokio::spawn(async move { Client::connect_over(net(), tuning, config, &symbols, sink).await });
        let mut peer = self.user().await;
        peer.grant().await;
        let (client, _) = connecting.await.unwrap().unwrap();
        told.venue(&VenueEvent::UserUp).await;
        (client, told, peer)
    }
}

/// Looks again and again until it holds.
pub(crate) async fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let looking = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("still not: {what}"));
}

/// One REST connection: HTTP/1.1 with keep-alive and no request bodies.
async fn serve(mut socket: TcpStream, desk: Arc<Mutex<Desk>>) {
    let mut read = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            match socket.read_buf(&mut read).await {
                Ok(1..) => {}
                _ => return,
            }
        };
        let head: String = String::from_utf8(read.drain(..end + 4).collect()).unwrap();
        let mut lines = head.lines();
        let mut first = lines.next().unwrap().split(' ');
        let (method, target) = (first.next().unwrap(), first.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut header = HashMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            header.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        assert!(header.get("content-length").is_none_or(|length| length == "0"), "a body");
        let seen =
            Seen { what: format!("{method} {path}"), query: query.to_owned(), key: header.remove("x-mbx-apikey") };
        let reply = desk.lock().unwrap().answer(seen);
        match reply {
            Reply::Http(status, headers, body) => {
                let mut text = format!("HTTP/1.1 {status} So\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    text.push_str(&format!("{name}: {value}\r\n"));
                }
                text.push_str("\r\n");
                text.push_str(&body);
                if socket.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::Echo(_) | Reply::Drop => return,
            Reply::Half => {
                drop(socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"symbol\":").await);
                return;
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}

/// The venue's end of a socket.
pub(crate) struct Peer {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Peer {
    pub(crate) async fn accept(socket: TcpStream) -> Peer {
        let accepting = tokio_tungstenite::accept_async(socket);
        Peer { socket: timeout(PATIENCE, accepting).await.expect("a handshake").unwrap() }
    }

    /// The next message of the client.
    pub(crate) async fn ask(&mut self) -> Value {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("a message was expected, not {other:?}"),
                }
            }
        };
        timeout(PATIENCE, next).await.expect("a message of the client")
    }

    /// The next message is this; the names that it is about.
    pub(crate) async fn ask_for(&mut self, method: &str) -> (u64, Vec<String>) {
        let asked = self.ask().await;
        assert_eq!(asked["method"], method, "{asked}");
        (asked["id"].as_u64().unwrap(), serde_json::from_value(asked["params"].clone()).unwrap())
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    pub(crate) async fn confirm(&mut self, id: u64) {
        self.send(json!({"result": null, "id": id}).to_string()).await;
    }

    /// Reads a `SUBSCRIBE` and confirms it; what was asked for.
    pub(crate) async fn begin(&mut self) -> Vec<String> {
        let (id, names) = self.ask_for("SUBSCRIBE").await;
        self.confirm(id).await;
        names
    }

    /// Reads the subscription of a user stream and grants it; its parameters, or those of the session's logon before it
    /// (an Ed25519 key signs that alone).
    pub(crate) async fn grant(&mut self) -> Value {
        let asked = self.ask().await;
        if asked["method"] == "session.logon" {
            let session = json!({"apiKey": asked["params"]["apiKey"], "authorizedSince": 1, "connectedSince": 1,
                "returnRateLimits": true, "serverTime": 1, "userDataStream": false});
            self.send(json!({"id": asked["id"], "status": 200, "result": session}).to_string()).await;
            let then = self.ask().await;
            assert_eq!(then["method"], "userDataStream.subscribe", "{then}");
            self.send(json!({"id": then["id"], "status": 200, "result": {"subscriptionId": 0}}).to_string()).await;
            return asked["params"].clone();
        }
        assert_eq!(asked["method"], "userDataStream.subscribe.signature", "{asked}");
        self.send(json!({"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}}).to_string()).await;
        asked["params"].clone()
    }

    pub(crate) async fn trade(&mut self, symbol: &str, id: u64) {
        self.send(trade(symbol, id)).await;
    }

    /// Waits until the client has closed its end; fails if it stays.
    pub(crate) async fn ended(mut self) {
        let end = async {
            loop {
                match self.socket.next().await {
                    None | Some(Err(Error::ConnectionClosed | Error::Protocol(_) | Error::Io(_))) => return,
                    Some(_) => {}
                }
            }
        };
        timeout(PATIENCE, end).await.expect("the client closes");
    }

    /// Says goodbye and waits until the client has read everything.
    pub(crate) async fn goodbye(mut self) {
        drop(self.socket.close(None).await);
        self.ended().await;
    }
}

pub(crate) fn combined(stream: &str, data: &str) -> String {
    format!(r#"{{"stream":"{stream}","data":{data}}}"#)
}

/// A numbered trade: the documented one under another number.
pub(crate) fn trade(symbol: &str, id: u64) -> String {
    static DATA: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(&documented("streams/trade-streams.1.json")).unwrap());
    let mut data = DATA.clone();
    data["s"] = json!(symbol);
    data["t"] = json!(id);
    combined(&format!("{}@trade", symbol.to_lowercase()), &data.to_string())
}

/// What the client told, in order. Each thing is searched for secrets.
pub(crate) struct Told {
    inbox: UnboundedReceiver<ClientEvent>,
}

pub(crate) fn told() -> (Sink, Told) {
    let (sender, inbox) = unbounded_channel();
    let sink = Arc::new(move |event| drop(sender.send(event)));
    (sink, Told { inbox })
}

/// Neither the secret nor anything as long as a signature.
pub(crate) fn assert_hush(text: &str) {
    assert!(!text.contains(SECRET), "{text}");
    let runs = text.split(|letter: char| !letter.is_ascii_hexdigit());
    assert!(runs.into_iter().all(|run| run.len() < 64), "{text}");
}

impl Told {
    pub(crate) async fn next(&mut self, what: &str) -> ClientEvent {
        self.next_within(PATIENCE, what).await
    }

    async fn next_within(&mut self, patience: Duration, what: &str) -> ClientEvent {
        let event = timeout(patience, self.inbox.recv()).await;
        let event = event.unwrap_or_else(|_| panic!("still not told: {what}")).expect("a client");
        assert_hush(&format!("{event:?}"));
        event
    }

    /// All until the first for which it holds, which is the last.
    pub(crate) async fn until(&mut self, what: &str, is_it: impl Fn(&ClientEvent) -> bool) -> Vec<ClientEvent> {
        self.until_within(PATIENCE, what, is_it).await
    }

    pub(crate) async fn until_within(
        &mut self,
        patience: Duration,
        what: &str,
        is_it: impl Fn(&ClientEvent) -> bool,
    ) -> Vec<ClientEvent> {
        let mut all = Vec::new();
        loop {
            all.push(self.next_within(patience, what).await);
            if all.last().is_some_and(&is_it) {
                return all;
            }
        }
    }

    pub(crate) async fn venue(&mut self, wanted: &VenueEvent) -> Vec<ClientEvent> {
        let is_it = |event: &ClientEvent| matches!(event, ClientEvent::Venue { event, .. } if event == wanted);
        self.until(&format!("{wanted:?}"), is_it).await
    }

    /// All until so many streams were told to be down (or up, since the last call).
    pub(crate) async fn streams(&mut self, up: bool, count: usize) -> Vec<ClientEvent> {
        let mut all = Vec::new();
        for _ in 0..count {
            let what = if up { "a stream is up" } else { "a stream is down" };
            all.extend(self.until(what, |event| if up { is_up(event) } else { is_down(event) }).await);
        }
        all
    }

    pub(crate) async fn notice(&mut self, words: &str) -> Vec<ClientEvent> {
        self.notice_within(PATIENCE, words).await
    }

    pub(crate) async fn notice_within(&mut self, patience: Duration, words: &str) -> Vec<ClientEvent> {
        let is_it = |event: &ClientEvent| matches!(event, ClientEvent::Notice(text) if text.contains(words));
        self.until_within(patience, words, is_it).await
    }

    pub(crate) async fn trade(&mut self, wanted: u64) -> Vec<ClientEvent> {
        self.until("a trade", |event| trade_id(event) == Some(wanted)).await
    }

    pub(crate) async fn book(&mut self) -> (Vec<ClientEvent>, u64) {
        let all = self.until("a book", |event| book_id(event).is_some()).await;
        let id = all.last().and_then(book_id).unwrap();
        (all, id)
    }

    /// All that was told and not looked at.
    pub(crate) fn rest(&mut self) -> Vec<ClientEvent> {
        let mut all = Vec::new();
        while let Ok(event) = self.inbox.try_recv() {
            assert_hush(&format!("{event:?}"));
            all.push(event);
        }
        all
    }

    /// Nothing can be told any more.
    pub(crate) async fn ended(&mut self) {
        let end = async { while self.inbox.recv().await.is_some() {} };
        timeout(PATIENCE, end).await.expect("the sink is given up");
    }
}

pub(crate) fn trade_id(event: &ClientEvent) -> Option<u64> {
    match event {
        ClientEvent::Venue { event: VenueEvent::Market(MarketData::Trade { id, .. }), .. } => Some(*id),
        _ => None,
    }
}

fn book_id(event: &ClientEvent) -> Option<u64> {
    match event {
        ClientEvent::Venue { event: VenueEvent::Market(MarketData::Book { book, .. }), .. } => {
            Some(book.last_update_id)
        }
        _ => None,
    }
}

pub(crate) fn is_down(event: &ClientEvent) -> bool {
    matches!(event, ClientEvent::Venue { event: VenueEvent::StreamDown { .. }, .. })
}

pub(crate) fn is_up(event: &ClientEvent) -> bool {
    matches!(event, ClientEvent::Venue { event: VenueEvent::StreamUp { .. }, .. })
}

pub(crate) fn is(event: &ClientEvent, wanted: &VenueEvent) -> bool {
    matches!(event, ClientEvent::Venue { event, .. } if event == wanted)
}
