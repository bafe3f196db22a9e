//! Two hundred clients that all hear the same streams, and one that does not read.
//!
//! Trades, aggregate trades and depth updates are numbered without gaps, which each client
//! checks by itself. Numbers of quotes only rise; there every client must have heard as many
//! as the first one within the same numbers.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::LocalSet;

use crate::server::{Server, cpu, wall_clock};
use crate::{at, millis};

const CLIENTS: usize = 200;
const SYMBOLS: [&str; 5] = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT"];
const KINDS: [&str; 4] = ["trade", "aggTrade", "bookTicker", "depth@100ms"];
/// What all clients together have to hear in a second.
const WANTED: f64 = 100_000.0;
/// A client looks at the delay of one message in so many.
const SAMPLED: u64 = 64;
/// The one that does not read has this much room, and is gone after this long.
const SMALL: u32 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(90);

/// What one client has heard of one stream.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    first: u64,
    last: u64,
    count: u64,
}

/// One client's end of a socket: frames of a server are not masked, and no message here is
/// split.
struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
    places: HashMap<String, usize>,
    heard: Vec<Heard>,
    /// Numbers of all quotes by stream; the first client alone keeps them.
    quotes: Option<Vec<Vec<u64>>>,
    delays: Vec<u64>,
    count: u64,
}

fn names() -> Vec<String> {
    let of = |symbol: &str| KINDS.map(|kind| format!("{}@{kind}", symbol.to_lowercase()));
    SYMBOLS.iter().flat_map(|symbol| of(symbol)).collect()
}

/// The number after `name`, wherever it stands.
fn number(data: &[u8], name: &[u8]) -> Option<u64> {
    let from = data.windows(name.len()).position(|window| window == name)? + name.len();
    let digits = data[from..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

async fn shake(stream: &mut TcpStream) {
    let target = format!("/stream?streams={}&timeUnit=MICROSECOND", names().join("/"));
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
}

impl Client {
    async fn open(address: SocketAddr, keeps: bool) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        shake(&mut stream).await;
        let mut bytes = Vec::with_capacity(64 * 1024);
        let head = loop {
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "no upgrade");
            if let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break head;
            }
        };
        assert!(bytes.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&bytes));
        bytes.drain(..head + 4);
        let places: HashMap<String, usize> = names().into_iter().zip(0..).collect();
        let heard = vec![Heard::default(); places.len()];
        let quotes = keeps.then(|| vec![Vec::new(); places.len()]);
        Client { stream, bytes, places, heard, quotes, delays: Vec::new(), count: 0 }
    }

    /// Reads what has come and looks at each message.
    async fn read(&mut self) {
        assert_ne!(self.stream.read_buf(&mut self.bytes).await.unwrap(), 0, "a client that reads was cut");
        let (mut from, mut pinged) = (0, false);
        while let Some([kind, length, rest @ ..]) = self.bytes.get(from..) {
            let (head, length) = match (length, rest) {
                (127, _) => panic!("no message is that long"),
                (126, [high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
                (126, _) => break,
                (length, _) => (2, usize::from(*length)),
            };
            if self.bytes.len() < from + head + length {
                break;
            }
            let payload = from + head..from + head + length;
            match kind {
                0x81 => self.hear(payload),
                0x89 => pinged = true,
                other => panic!("a frame of kind {other:#x}"),
            }
            from += head + length;
        }
        self.bytes.drain(..from);
        if pinged {
            // Its pings are empty, and so is the answer: only the mask follows.
            self.stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.unwrap();
        }
    }

    fn hear(&mut self, payload: std::ops::Range<usize>) {
        let text = &self.bytes[payload];
        let bad = || -> ! { panic!("no message of a stream: {}", String::from_utf8_lossy(text)) };
        let Some(rest) = text.strip_prefix(br#"{"stream":""#) else { bad() };
        let end = rest.iter().position(|byte| *byte == b'"').unwrap_or_else(|| bad());
        let name = std::str::from_utf8(&rest[..end]).unwrap_or_else(|_| bad());
        let place = *self.places.get(name).unwrap_or_else(|| bad());
        let data = &rest[end..];
        let (first, last) = match KINDS[place % KINDS.len()] {
            "trade" => (br#""t":"#, br#""t":"#),
            "aggTrade" => (br#""a":"#, br#""a":"#),
            "depth@100ms" => (br#""U":"#, br#""u":"#),
            _ => (br#""u":"#, br#""u":"#),
        };
        let last = number(data, last).unwrap_or_else(|| bad());
        let first = number(data, first).unwrap_or_else(|| bad());
        let heard = &mut self.heard[place];
        if KINDS[place % KINDS.len()] == "bookTicker" {
            assert!(last > heard.last, "{name}: {last} after {}", heard.last);
            if let Some(quotes) = &mut self.quotes {
                quotes[place].push(last);
            }
        } else {
            assert!(heard.count == 0 || first == heard.last + 1, "{name}: {first} after {}", heard.last);
        }
        if heard.count == 0 {
            heard.first = last;
        }
        heard.last = last;
        heard.count += 1;
        self.count += 1;
        if self.count.is_multiple_of(SAMPLED)
            && let Some(told) = number(data, br#""E":"#)
        {
            self.delays.push(wall_clock().0.saturating_sub(told));
        }
    }
}

/// Hears until it is told to stop.
async fn listen(mut client: Client, over: Rc<Cell<bool>>, total: Rc<Cell<u64>>) -> Client {
    while !over.get() {
        let before = client.count;
        client.read().await;
        total.set(total.get() + client.count - before);
    }
    client
}

/// How many stream sockets the server has.
fn sockets(address: SocketAddr) -> u64 {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /ringfence/v1/state HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    number(&answer, br#""streams":"#).unwrap()
}

/// Waits until the server has so many stream sockets.
async fn until_sockets(address: SocketAddr, wanted: usize) {
    let begun = Instant::now();
    while sockets(address) != wanted as u64 {
        assert!(begun.elapsed() < PATIENCE, "a client that does not read is kept");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// How long it takes until the client that does not read is gone.
async fn dropped(address: SocketAddr) -> Duration {
    let begun = Instant::now();
    until_sockets(address, CLIENTS + 1).await;
    begun.elapsed()
}

pub(crate) async fn run(speed: f64, length: Duration) {
    LocalSet::new().run_until(measure(speed, length)).await;
}

async fn measure(speed: f64, length: Duration) {
    let server = Server::start(speed, &SYMBOLS);
    let (over, last, total) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
    let spawn = |client, over: &Rc<Cell<bool>>, total: &Rc<Cell<u64>>| {
        tokio::task::spawn_local(listen(client, Rc::clone(over), Rc::clone(total)))
    };
    // The first one begins before all others and ends after them.
    let reference = spawn(Client::open(server.address, true).await, &last, &Rc::new(Cell::new(0)));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(spawn(Client::open(server.address, false).await, &over, &total));
    }
    // With the market in a hurry the server waits for who does not read, until it is cut.
    let slow = if speed == 1.0 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SMALL).unwrap();
        let mut slow = socket.connect(server.address).await.unwrap();
        shake(&mut slow).await;
        until_sockets(server.address, CLIENTS + 2).await;
        Some((slow, tokio::task::spawn_local(dropped(server.address))))
    } else {
        None
    };
    let before = (Instant::now(), server.cpu(), cpu("self"), total.get());
    tokio::time::sleep(length).await;
    let (passed, served, read) = (before.0.elapsed(), server.cpu() - before.1, cpu("self") - before.2);
    let count = total.get() - before.3;
    let gone = match slow {
        Some((slow, gone)) => {
            let gone = gone.await.unwrap();
            drop(slow);
            format!("; one that did not read was dropped after {:.0} s", gone.as_secs_f64())
        }
        None => String::new(),
    };
    over.set(true);
    let mut heard = Vec::new();
    for client in clients {
        heard.push(client.await.unwrap());
    }
    // What has left the server by now is on its way to the first client, too.
    tokio::time::sleep(Duration::from_millis(200)).await;
    last.set(true);
    let reference = reference.await.unwrap();
    for (place, quotes) in reference.quotes.iter().flatten().enumerate().filter(|(_, quotes)| !quotes.is_empty()) {
        for client in &heard {
            let Heard { first, last, count } = client.heard[place];
            assert!(quotes.last() >= Some(&last), "the first client must hear the last quote");
            let told = quotes.partition_point(|quote| *quote <= last) - quotes.partition_point(|quote| *quote < first);
            assert_eq!(told as u64, count, "quotes are lost");
        }
    }
    for client in &heard {
        assert!(client.heard.iter().all(|heard| heard.count > 0), "a stream was silent");
    }
    let rate = count as f64 / passed.as_secs_f64();
    let each = |used: Duration| used.as_secs_f64() * 1e6 / count as f64;
    println!(
        "streams: {CLIENTS} clients of {} streams, the market at {speed} times real time: {rate:.0} messages a second for {:.1} s, none lost, none out of order{gone}",
        names().len(),
        passed.as_secs_f64(),
    );
    println!(
        "    CPU of the server {:.2} µs a message ({:.0} % of a core at {WANTED:.0} a second), of the clients {:.2} µs; peak memory of the server {:.0} MB",
        each(served),
        each(served) * WANTED / 1e4,
        each(read),
        server.memory("VmHWM") as f64 / 1e3,
    );
    if speed == 1.0 {
        let mut delays: Vec<u64> = heard.iter().flat_map(|client| client.delays.iter().copied()).collect();
        delays.sort_unstable();
        let delay = |part| millis(Duration::from_micros(at(&delays, part)));
        println!(
            "    from the market's moment to the client, the wait for the server's step of 10 ms included: p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
            delay(0.5),
            delay(0.99),
            delay(1.0),
        );
    }
}
