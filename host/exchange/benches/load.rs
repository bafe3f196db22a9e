//! How much the server carries, over real sockets of this machine. Client and server share
//! its cores, so the figures are what is left when both have done their work.
//!
//! `cargo bench -p ringfence-exchange --bench load` runs both parts and stops by itself;
//! `-- rest` or `-- streams` runs one.

#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_precision_loss, reason = "a measurement, not a product")]

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use ringfence_exchange::server::{Market, ServerHandle, Settings, serve};
use ringfence_exchange::time::Pace;
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig, LimitConfig, SymbolConfig};
use ringfence_model::Timestamp;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

const REST_FOR: Duration = Duration::from_secs(10);
const STREAMS_FOR: Duration = Duration::from_secs(30);
const CONNECTIONS: usize = 16;
const CLIENTS: usize = 200;
const SYMBOLS: [&str; 5] = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT"];

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_micros()).unwrap())
}

async fn server(pace: Pace, symbols: &[&str]) -> ServerHandle {
    let most = u64::MAX / 2;
    let config = ExchangeConfig {
        symbols: symbols.iter().map(|symbol| SymbolConfig::known(symbol).unwrap()).collect(),
        start: wall_clock(),
        limits: LimitConfig {
            weight_per_minute: most,
            raw_per_five_minutes: most,
            orders_per_ten_seconds: most,
            orders_per_day: most,
            connections_per_five_minutes: most,
            ..LimitConfig::default()
        },
        ..ExchangeConfig::default()
    };
    let mut settings = Settings::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    settings.pace = pace;
    serve(Exchange::new(config).unwrap(), Market::Generator, settings).await.unwrap()
}

/// One kept-alive connection that has one request under way at a time.
struct Connection {
    stream: TcpStream,
    account: AccountConfig,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    async fn order(&mut self, number: u64) -> u16 {
        let now = wall_clock().as_millis();
        // A resting order and its cancel in turn.
        let (method, own) = if number.is_multiple_of(2) {
            (
                "POST",
                "side=BUY&type=LIMIT&timeInForce=GTC&price=50000.00&quantity=0.001&newOrderRespType=ACK&newClientOrderId=",
            )
        } else {
            ("DELETE", "origClientOrderId=")
        };
        let name = number / 2;
        let port = self.stream.local_addr().unwrap().port();
        let query = format!("symbol=BTCUSDT&{own}b{port}-{name}&timestamp={now}");
        let mut mac = Hmac::<Sha256>::new_from_slice(self.account.secret.as_bytes()).unwrap();
        mac.update(query.as_bytes());
        let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        self.request.clear();
        write!(
            self.request,
            "{method} /api/v3/order?{query}&signature={signature} HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: {}\r\nContent-Length: 0\r\n\r\n",
            self.account.api_key
        )
        .unwrap();
        self.stream.write_all(&self.request).await.unwrap();
        self.answer.clear();
        loop {
            assert_ne!(self.stream.read_buf(&mut self.answer).await.unwrap(), 0, "the connection was cut");
            if let Some(end) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.answer[..end]).unwrap();
                let length: usize = head
                    .lines()
                    .find_map(|line| {
                        line.to_ascii_lowercase().strip_prefix("content-length: ").map(|n| n.parse().unwrap())
                    })
                    .unwrap();
                if self.answer.len() >= end + 4 + length {
                    return head.split(' ').nth(1).unwrap().parse().unwrap();
                }
            }
        }
    }
}

async fn rest() {
    let handle = server(Pace::REAL, &["BTCUSDT"]).await;
    let address: SocketAddr = handle.rest_url.trim_start_matches("http://").parse().unwrap();
    let end = Instant::now() + REST_FOR;
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            tokio::spawn(async move {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut connection =
                    Connection { stream, account: AccountConfig::default(), request: Vec::new(), answer: Vec::new() };
                let mut took = Vec::new();
                for number in 0.. {
                    let begun = Instant::now();
                    if begun >= end {
                        break;
                    }
                    let status = connection.order(number).await;
                    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&connection.answer));
                    took.push(begun.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.unwrap());
    }
    took.sort();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "rest: {:.0} signed orders and cancels per second over {CONNECTIONS} kept-alive connections for {} s; p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms",
        took.len() as f64 / REST_FOR.as_secs_f64(),
        REST_FOR.as_secs(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
    handle.stop().await;
}

/// The number after `"name":`, wherever it stands.
fn number(text: &str, name: &str) -> Option<u64> {
    let (_, rest) = text.split_once(name)?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    rest[..digits].parse().ok()
}

/// What came last on one stream.
#[derive(Default)]
struct Sequence(HashMap<String, u64>);

impl Sequence {
    /// `false` if something is missing or out of order.
    fn follows(&mut self, text: &str) -> bool {
        let stream = text.strip_prefix(r#"{"stream":""#).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let data = text.split_once(r#""data":"#).map_or("", |(_, data)| data);
        let kind = stream.split('@').nth(1).unwrap_or_default();
        let (first, last) = match kind {
            "trade" => (number(data, r#""t":"#), number(data, r#""t":"#)),
            "aggTrade" => (number(data, r#""a":"#), number(data, r#""a":"#)),
            "depth" => (number(data, r#""U":"#), number(data, r#""u":"#)),
            // Its ids have gaps; they only rise.
            _ => (None, number(data, r#""u":"#)),
        };
        let Some(last) = last else {
            return false;
        };
        match self.0.get_mut(stream) {
            Some(before) => {
                let fits = first.map_or(last > *before, |first| first == *before + 1) && last > *before;
                *before = last;
                fits
            }
            None => {
                self.0.insert(stream.to_owned(), last);
                true
            }
        }
    }
}

async fn streams(speed: f64) {
    let handle = server(Pace::times(speed).unwrap(), &SYMBOLS).await;
    let names: Vec<String> = SYMBOLS
        .iter()
        .map(|symbol| symbol.to_lowercase())
        .flat_map(|symbol| {
            ["trade", "aggTrade", "bookTicker", "depth@100ms"].map(|stream| format!("{symbol}@{stream}"))
        })
        .collect();
    let url = format!("{}/stream?streams={}", handle.stream_url, names.join("/"));
    let (heard, wrong, cut) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let over = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for _ in 0..CLIENTS {
        let (socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        let (heard, wrong, cut, over) = (Arc::clone(&heard), Arc::clone(&wrong), Arc::clone(&cut), Arc::clone(&over));
        tasks.push(tokio::spawn(async move {
            let mut socket = socket;
            let mut sequence = Sequence::default();
            while !over.load(Ordering::Relaxed) {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        heard.fetch_add(1, Ordering::Relaxed);
                        if !sequence.follows(&text) {
                            wrong.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    Some(Ok(_)) => {}
                    _ => {
                        cut.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                }
            }
        }));
    }
    let begun = (Instant::now(), heard.load(Ordering::Relaxed));
    tokio::time::sleep(STREAMS_FOR).await;
    let count = heard.load(Ordering::Relaxed) - begun.1;
    let rate = count as f64 / begun.0.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    println!(
        "streams: {CLIENTS} clients, the market at {speed} times real time: {rate:.0} messages per second for {} s, {} out of sequence, {} clients cut",
        STREAMS_FOR.as_secs(),
        wrong.load(Ordering::Relaxed),
        cut.load(Ordering::Relaxed),
    );
    for task in tasks {
        task.await.unwrap();
    }
    handle.stop().await;
}

fn main() {
    let only = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let wants = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if wants("rest") {
        runtime.block_on(rest());
    }
    if wants("streams") {
        for speed in [1.0, 2.0, 4.0] {
            runtime.block_on(streams(speed));
        }
    }
}
