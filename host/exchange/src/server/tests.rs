//! The server over real sockets. Nothing sleeps in the hope that something has happened.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream as Plain};
use std::path::Path;
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::recording::{first_time, stream_of};
use crate::testing::{config, sign, signature};
use crate::{ExchangeConfig, LimitConfig, SymbolConfig};

#[path = "tests/bounds.rs"]
mod bounds;
#[path = "tests/markets.rs"]
mod markets;
#[path = "tests/shell.rs"]
mod shell;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(20);
const ORDER: &str = "/api/v3/order";

async fn serve(market: Market, config: ExchangeConfig) -> ServerHandle {
    let exchange = Exchange::new(config).unwrap();
    start(exchange, market, (Ipv4Addr::LOCALHOST, 0).into()).await.unwrap()
}

/// A recording with one symbol, as fast as it can be played.
async fn replay(path: &Path) -> ServerHandle {
    let config = ExchangeConfig {
        symbols: SymbolConfig::known("BTCUSDT").into_iter().collect(),
        start: first_time(path).unwrap(),
        ..config(1)
    };
    let market = Market::Replay { path: path.to_owned(), speed: 1e6 };
    serve(market, config).await
}

fn address(handle: &ServerHandle) -> SocketAddr {
    handle.rest_url.trim_start_matches("http://").parse().unwrap()
}

/// One request on its own connection: status, headers, body.
async fn http(handle: &ServerHandle, method: &str, target: &str, key: &str) -> (u16, String, Value) {
    let (address, method) = (address(handle), method.to_owned());
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nX-MBX-APIKEY: {key}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = Plain::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), serde_json::from_str(body).unwrap())
}

async fn get(handle: &ServerHandle, target: &str) -> Value {
    let (status, _, body) = http(handle, "GET", target, "").await;
    assert_eq!(status, 200, "{target}: {body}");
    body
}

async fn now(handle: &ServerHandle) -> u64 {
    get(handle, "/api/v3/time").await["serverTime"].as_u64().unwrap()
}

async fn signed(handle: &ServerHandle, method: &str, path: &str, query: &str) -> Value {
    let query = sign("ada", &format!("{query}&timestamp={}", now(handle).await));
    let (status, _, body) = http(handle, method, &format!("{path}?{query}"), "ada").await;
    assert_eq!(status, 200, "{path}?{query}: {body}");
    body
}

async fn connect(url: &str) -> Socket {
    timeout(PATIENCE, connect_async(url)).await.unwrap().unwrap().0
}

async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// The next text, byte for byte; `None` when the socket has ended.
async fn text(socket: &mut Socket) -> Option<String> {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Text(text))) => return Some(text.to_string()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

async fn next(socket: &mut Socket) -> Value {
    serde_json::from_str(&text(socket).await.unwrap()).unwrap()
}

/// Waits for the first message that is `wanted`.
async fn until(socket: &mut Socket, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let message = next(socket).await;
        if wanted(&message) {
            return message;
        }
    }
}

/// A socket of the WebSocket API that hears of the account `ada`.
async fn user_stream(handle: &ServerHandle) -> Socket {
    let mut socket = connect(&handle.ws_api_url).await;
    let payload = format!("apiKey=ada&timestamp={}", now(handle).await);
    let timestamp = payload.rsplit('=').next().unwrap().parse::<u64>().unwrap();
    let params = json!({"apiKey": "ada", "timestamp": timestamp, "signature": signature("ada", &payload)});
    say(&mut socket, json!({"id": "sub", "method": "userDataStream.subscribe.signature", "params": params})).await;
    let answer = next(&mut socket).await;
    assert_eq!((&answer["id"], &answer["status"]), (&json!("sub"), &json!(200)), "{answer}");
    assert_eq!(answer["result"]["subscriptionId"], 0);
    socket
}

async fn report(socket: &mut Socket, execution: &str) -> Value {
    let message = until(socket, |message| message["event"]["x"] == execution).await;
    assert_eq!(message["subscriptionId"], 0);
    message["event"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_by_rest_is_told_on_the_account_subscription() {
    let handle = serve(Market::Generator, config(1)).await;
    let mut user = user_stream(&handle).await;
    let rest = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=0.2&newClientOrderId=mine";
    let placed = signed(&handle, "POST", ORDER, rest).await;
    let told = report(&mut user, "NEW").await;
    assert_eq!((&told["c"], &told["i"], &told["X"]), (&json!("mine"), &placed["orderId"], &json!("NEW")));
    let position = next(&mut user).await;
    assert_eq!(position["event"]["e"], "outboundAccountPosition");

    let id = format!("symbol=BTCUSDT&orderId={}", placed["orderId"]);
    let amend = format!("{id}&newQty=0.1&newClientOrderId=mine");
    let amended = signed(&handle, "PUT", "/api/v3/order/amend/keepPriority", &amend).await;
    assert_eq!(amended["amendedOrder"]["clientOrderId"], "mine");
    assert_eq!(report(&mut user, "REPLACED").await["q"], "0.10000000");
    assert_eq!(signed(&handle, "GET", ORDER, &id).await["origQty"], "0.10000000");
    signed(&handle, "DELETE", ORDER, &id).await;
    assert_eq!(report(&mut user, "CANCELED").await["C"], "mine");

    let taken = signed(&handle, "POST", ORDER, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01").await;
    let trade = report(&mut user, "TRADE").await;
    assert_eq!((&trade["i"], &trade["t"]), (&taken["orderId"], &taken["fills"][0]["tradeId"]));
    let trades =
        signed(&handle, "GET", "/api/v3/myTrades", &format!("symbol=BTCUSDT&orderId={}", taken["orderId"])).await;
    assert_eq!(trades[0]["id"], trade["t"]);
    let account = signed(&handle, "GET", "/api/v3/account", "omitZeroBalances=true").await;
    assert_eq!(account["balances"].as_array().unwrap().len(), 3);
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rest_answers_with_the_venues_status_and_headers() {
    let handle = serve(Market::Generator, config(1)).await;
    let (status, head, info) =
        http(&handle, "GET", "/api/v3/exchangeInfo?symbols=[%22ETHUSDT%22,%22BTCUSDT%22]", "").await;
    assert_eq!((status, info["symbols"].as_array().unwrap().len()), (200, 2));
    assert!(head.contains("x-mbx-used-weight-1m: 20") && head.contains("application/json"), "{head}");
    let one = get(&handle, "/api/v3/exchangeInfo?symbol=ETHUSDT").await;
    assert_eq!(one["symbols"][0]["symbol"], "ETHUSDT");
    assert_eq!(get(&handle, "/api/v3/depth?symbol=BTCUSDT&limit=5").await["bids"].as_array().unwrap().len(), 5);
    assert_eq!(get(&handle, "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=7").await.as_array().unwrap().len(), 7);
    let (status, _, body) = http(&handle, "GET", "/api/v3/account?timestamp=1", "eve").await;
    assert_eq!((status, &body["code"]), (401, &json!(-2015)));
    let (status, _, body) = http(&handle, "GET", "/sapi/v1/capital/config/getall", "").await;
    assert_eq!((status, &body["code"]), (404, &json!(-1020)));
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_subscribed_to_and_left() {
    let limits = LimitConfig { stream_messages_per_second: 100, ..LimitConfig::default() };
    let handle = serve(Market::Generator, ExchangeConfig { limits, ..config(1) }).await;
    let mut socket = connect(&format!("{}/stream", handle.stream_url)).await;
    say(
        &mut socket,
        json!({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@bookTicker", "nopeusdt@trade"], "id": 1}),
    )
    .await;
    assert_eq!(until(&mut socket, |m| m["id"] == 1).await["result"], Value::Null);
    for stream in ["btcusdt@trade", "btcusdt@bookTicker"] {
        let message = until(&mut socket, |message| message["stream"] == stream).await;
        assert_eq!(message["data"]["s"], "BTCUSDT");
    }
    say(&mut socket, json!({"method": "LIST_SUBSCRIPTIONS", "id": 2})).await;
    let listed = until(&mut socket, |m| m["id"] == 2).await;
    assert_eq!(listed["result"], json!(["btcusdt@bookTicker", "btcusdt@trade", "nopeusdt@trade"]));
    say(&mut socket, json!({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": "three"})).await;
    until(&mut socket, |m| m["id"] == "three").await;
    let mut heard = BTreeSet::new();
    for _ in 0..60 {
        heard.insert(next(&mut socket).await["stream"].to_string());
    }
    assert_eq!(heard, BTreeSet::from(["\"btcusdt@bookTicker\"".to_owned()]));

    say(&mut socket, json!({"method": "DANCE", "id": 4})).await;
    assert!(until(&mut socket, |m| m["code"] == 2).await["msg"].as_str().unwrap().contains("DANCE"));
    socket.send(Message::text("{")).await.unwrap();
    assert_eq!(until(&mut socket, |m| m["code"] == 3).await["id"], Value::Null);
    socket.send(Message::Ping("hello".into())).await.unwrap();
    loop {
        let message = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        if let Message::Pong(payload) = message {
            assert_eq!(payload, "hello");
            break;
        }
    }

    let mut raw = connect(&format!("{}/ws/btcusdt@trade/ethusdt@trade", handle.stream_url)).await;
    assert_eq!(next(&mut raw).await["e"], "trade");
    let named = format!("{}/stream?streams=btcusdt@trade/ethusdt@trade", handle.stream_url);
    let mut named = connect(&named).await;
    until(&mut named, |message| message["stream"] == "ethusdt@trade").await;
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_waits_for_its_first_listener_and_plays_every_line() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/recordings/spot_btcusdt_cut.gz");
    let handle = replay(&path).await;
    let first = first_time(&path).unwrap().as_millis();
    let mut user = user_stream(&handle).await;
    // The third line offers at this price.
    let rest = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=61837.64&quantity=0.005";
    assert_eq!(signed(&handle, "POST", ORDER, rest).await["status"], "NEW");
    assert_eq!((now(&handle).await, handle.finished()), (first, false), "time stands still until somebody listens");

    let mut socket = connect(&format!("{}/stream", handle.stream_url)).await;
    let streams = ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade"];
    say(&mut socket, json!({"method": "SUBSCRIBE", "params": streams, "id": 1})).await;
    let recorded: Vec<_> =
        Recording::open(&path).unwrap().flatten().filter(|line| stream_of(&line.raw).is_some()).collect();
    let mut lines = recorded.iter();
    while lines.len() > 0 {
        let heard = text(&mut socket).await.unwrap();
        if heard != r#"{"result":null,"id":1}"# {
            assert_eq!(heard.as_bytes(), lines.next().unwrap().raw, "byte for byte, in order");
        }
    }
    finish(&handle).await;
    assert_eq!(handle.broken_lines(), Vec::<String>::new());
    let trade = report(&mut user, "TRADE").await;
    assert_eq!((&trade["X"], &trade["L"], &trade["m"]), (&json!("FILLED"), &json!("61837.64000000"), &json!(true)));
    assert!(now(&handle).await >= recorded.last().unwrap().received.as_millis());
    let depth = get(&handle, "/api/v3/depth?symbol=BTCUSDT&limit=1").await;
    assert_eq!(depth["bids"][0][0], "61851.99000000");
    handle.stop().await;
}

/// The flag is set just after the last line was handed out.
async fn finish(handle: &ServerHandle) {
    let begun = Instant::now();
    while !handle.finished() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_does_not_read_is_dropped_and_nobody_waits_for_it() {
    const LINES: usize = 60_000;
    let mut file = NamedTempFile::new().unwrap();
    let pad = "x".repeat(700);
    for number in 1..=LINES {
        writeln!(
            file,
            r#"{number} {{"stream":"btcusdt@bookTicker","data":{{"u":{number},"s":"BTCUSDT","b":"59999.00","B":"1","a":"60000.00","A":"1","x":"{pad}"}}}}"#
        )
        .unwrap();
    }
    writeln!(file, "{LINES} broken").unwrap();
    file.flush().unwrap();
    let handle = replay(file.path()).await;
    let mut user = user_stream(&handle).await;
    let mut slow = connect(&format!("{}/ws/btcusdt@bookTicker", handle.stream_url)).await;
    finish(&handle).await;
    assert_eq!(handle.broken_lines().len(), 1, "{:?}", handle.broken_lines());
    assert!(handle.broken_lines()[0].contains(&format!("line {}", LINES + 1)));
    signed(&handle, "POST", ORDER, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01").await;
    report(&mut user, "TRADE").await;
    let begun = Instant::now();
    handle.stop().await;
    assert!(begun.elapsed() < STOP_WITHIN, "its task has ended");
    let mut heard = 0;
    while text(&mut slow).await.is_some() {
        heard += 1;
    }
    assert!(heard < LINES, "{heard}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goodbye_is_answered_before_the_connection_ends() {
    let handle = serve(Market::Generator, config(1)).await;
    for url in [handle.ws_api_url.clone(), format!("{}/stream", handle.stream_url)] {
        let mut socket = connect(&url).await;
        socket.send(Message::Close(None)).await.unwrap();
        let answer = timeout(PATIENCE, socket.next()).await.unwrap();
        assert!(matches!(answer, Some(Ok(Message::Close(_)))), "{url}: {answer:?}");
    }
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_ends_all_connections_and_the_listener() {
    for dropped in [false, true] {
        let handle = serve(Market::Generator, config(1)).await;
        let at = address(&handle);
        let mut user = user_stream(&handle).await;
        let mut stream = connect(&format!("{}/ws/btcusdt@bookTicker", handle.stream_url)).await;
        let silent = connect(&format!("{}/ws/btcusdt@depth@100ms", handle.stream_url)).await;
        let idle = Plain::connect(at).unwrap();
        next(&mut stream).await;
        let begun = Instant::now();
        if dropped {
            drop(handle);
        } else {
            handle.stop().await;
            let taken = begun.elapsed();
            assert!(taken < STOP_WITHIN, "{taken:?}");
            let refused = Plain::connect(at).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
        while text(&mut stream).await.is_some() {}
        assert_eq!(text(&mut user).await, None);
        drop((silent, idle));
    }
}

#[tokio::test]
async fn what_can_not_be_served_is_said() {
    let begin = |market, at: SocketAddr| start(Exchange::new(config(1)).unwrap(), market, at);
    let free: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let market = Market::Replay { path: PathBuf::from("x"), speed };
        assert!(matches!(begin(market, free).await, Err(ExchangeError::Speed { .. })));
    }
    let market = Market::Replay { path: PathBuf::from("/nowhere"), speed: 1.0 };
    assert!(matches!(begin(market, free).await, Err(ExchangeError::Recording(_))));
    let taken = std::net::TcpListener::bind(free).unwrap();
    let taken = taken.local_addr().map(|at| (at, taken)).unwrap();
    assert!(matches!(begin(Market::Generator, taken.0).await, Err(ExchangeError::Listen { .. })));
}
