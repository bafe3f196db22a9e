//! Signed orders over kept-alive connections, one request under way at a time on each.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use ringfence_exchange::AccountConfig;
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{Server, cpu, wall_clock};
use crate::{at, millis};

const LENGTH: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 16;
/// What the server has to carry in a second.
const WANTED: f64 = 10_000.0;

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Mix {
    /// New orders only; none of them rests.
    Orders,
    /// A resting order and its cancel in turn.
    OrdersAndCancels,
}

pub(crate) const MIXES: [Mix; 2] = [Mix::Orders, Mix::OrdersAndCancels];

struct Connection {
    number: usize,
    stream: TcpStream,
    account: AccountConfig,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(number: usize, address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { number, stream, account: AccountConfig::default(), request: Vec::new(), answer: Vec::new() }
    }

    /// A signed request; the answer must be a success.
    async fn ask(&mut self, method: &str, path: &str, query: &str) -> &str {
        let query = format!("{query}&timestamp={}", wall_clock().as_millis());
        let mut mac = Hmac::<Sha256>::new_from_slice(self.account.secret.as_bytes()).unwrap();
        mac.update(query.as_bytes());
        self.request.clear();
        write!(self.request, "{method} {path}?{query}&signature=").unwrap();
        for byte in mac.finalize().into_bytes() {
            write!(self.request, "{byte:02x}").unwrap();
        }
        let key = &self.account.api_key;
        write!(self.request, " HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: {key}\r\nContent-Length: 0\r\n\r\n").unwrap();
        self.stream.write_all(&self.request).await.unwrap();
        self.answer.clear();
        loop {
            assert_ne!(self.stream.read_buf(&mut self.answer).await.unwrap(), 0, "the connection was cut");
            let Some(head) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let (head, body) = (std::str::from_utf8(&self.answer[..head]).unwrap(), head + 4);
            let (_, length) = head.split_once("content-length: ").unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if self.answer.len() >= body + length {
                assert_eq!(self.answer.len(), body + length, "an answer that nobody asked for");
                assert!(head.starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(&self.answer));
                return std::str::from_utf8(&self.answer[body..]).unwrap();
            }
        }
    }

    async fn order(&mut self, mix: Mix, count: u64) -> u64 {
        const BUY: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&price=50000.00&quantity=0.001&newOrderRespType=ACK";
        let places = matches!(mix, Mix::Orders) || count.is_multiple_of(2);
        let name = format!("b{}-{}", self.number, if places { count } else { count - 1 });
        let (method, query, field) = match mix {
            Mix::Orders => ("POST", format!("{BUY}&timeInForce=IOC&newClientOrderId={name}"), "clientOrderId"),
            Mix::OrdersAndCancels if places => {
                ("POST", format!("{BUY}&timeInForce=GTC&newClientOrderId={name}"), "clientOrderId")
            }
            Mix::OrdersAndCancels => {
                ("DELETE", format!("symbol=BTCUSDT&origClientOrderId={name}"), "origClientOrderId")
            }
        };
        let body = self.ask(method, "/api/v3/order", &query).await;
        assert!(body.contains(&format!("\"{field}\":\"{name}\"")), "{body} is not the answer to {name}");
        let (_, id) = body.split_once(r#""orderId":"#).unwrap();
        id[..id.find(',').unwrap()].parse().unwrap()
    }
}

/// One connection's part: how long each answer took, and which orders it has placed.
async fn part(number: usize, address: SocketAddr, mix: Mix, end: Instant) -> (Vec<Duration>, Vec<u64>) {
    let mut connection = Connection::open(number, address).await;
    let (mut took, mut ids, mut last) = (Vec::new(), Vec::new(), 0);
    for count in 0.. {
        // What was placed is cancelled.
        let whole = matches!(mix, Mix::Orders) || count % 2 == 0;
        let begun = Instant::now();
        if whole && begun >= end {
            break;
        }
        let id = connection.order(mix, count).await;
        took.push(begun.elapsed());
        if whole {
            assert!(id > last, "order {id} after {last}");
            last = id;
            ids.push(id);
        } else {
            assert_eq!(id, last, "another order was cancelled");
        }
    }
    (took, ids)
}

pub(crate) async fn run(mix: Mix) {
    let server = Server::start(1.0, &["BTCUSDT"]);
    let address = server.address;
    let before = (Instant::now(), server.cpu(), cpu("self"));
    let end = before.0 + LENGTH;
    let tasks: Vec<_> = (0..CONNECTIONS).map(|number| tokio::spawn(part(number, address, mix, end))).collect();
    let (mut took, mut ids) = (Vec::new(), Vec::new());
    for task in tasks {
        let (times, placed) = task.await.unwrap();
        took.extend(times);
        ids.extend(placed);
    }
    let (length, served, asked) = (before.0.elapsed(), server.cpu() - before.1, cpu("self") - before.2);
    let placed = ids.len();
    assert_eq!(ids.into_iter().collect::<BTreeSet<u64>>().len(), placed, "two orders with the same number");
    let mut last = Connection::open(CONNECTIONS, address).await;
    let open: Value = serde_json::from_str(last.ask("GET", "/api/v3/openOrders", "symbol=BTCUSDT").await).unwrap();
    assert_eq!(open, Value::Array(Vec::new()), "all orders are done");
    took.sort();
    let rate = took.len() as f64 / length.as_secs_f64();
    let each = |used: Duration| used.as_secs_f64() * 1e6 / took.len() as f64;
    println!(
        "rest, {}: {rate:.0} signed requests a second ({:.0} new orders) over {CONNECTIONS} kept-alive connections for {:.1} s, all answered as they must",
        match mix {
            Mix::Orders => "new orders",
            Mix::OrdersAndCancels => "orders and their cancels",
        },
        placed as f64 / length.as_secs_f64(),
        length.as_secs_f64(),
    );
    println!(
        "    p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms; CPU of the server {:.1} µs a request ({:.0} % of a core at {WANTED:.0} a second), of the clients {:.1} µs; peak memory of the server {:.0} MB",
        millis(at(&took, 0.5)),
        millis(at(&took, 0.99)),
        millis(at(&took, 1.0)),
        each(served),
        each(served) * WANTED / 1e4,
        each(asked),
        server.memory("VmHWM") as f64 / 1e3,
    );
}
