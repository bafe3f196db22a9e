//! The server's own behaviour: faults, time, bounds.

use super::*;
use crate::faults::Script;

pub(super) async fn serve_with(change: impl FnOnce(&mut Settings)) -> ServerHandle {
    let mut settings = Settings::at((Ipv4Addr::LOCALHOST, 0).into());
    change(&mut settings);
    super::super::serve(Exchange::new(config(1)).unwrap(), Market::Generator, settings).await.unwrap()
}

/// Bytes in, bytes out, until the server ends the connection.
async fn bytes(handle: &ServerHandle, request: String) -> Vec<u8> {
    let address = address(handle);
    tokio::task::spawn_blocking(move || {
        let mut stream = Plain::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A reset is an end, too.
        let _ = stream.read_to_end(&mut answer);
        answer
    })
    .await
    .unwrap()
}

async fn request(
    handle: &ServerHandle,
    method: &str,
    target: &str,
    headers: &str,
    body: &str,
) -> (u16, String, Vec<u8>) {
    let text = format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    );
    let answer = bytes(handle, text).await;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("no answer to {target}"));
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer[end + 4..].to_vec())
}

/// A command to the control API: status and answer.
pub(super) async fn post(handle: &ServerHandle, target: &str, body: &str) -> (u16, String) {
    let (status, _, answer) = request(handle, "POST", target, "", body).await;
    (status, String::from_utf8(answer).unwrap())
}

async fn command(handle: &ServerHandle, method: &str, path: &str, body: &str) -> Value {
    let (status, _, answer) = request(handle, method, &format!("/ringfence/v1/{path}"), "", body).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn faults(handle: &ServerHandle, script: &str) {
    command(handle, "POST", "faults", script).await;
}

const LIMIT: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=0.2";

async fn place(handle: &ServerHandle) -> (u16, Vec<u8>) {
    let query = sign("ada", &format!("{LIMIT}&timestamp={}", now(handle).await));
    let text = format!(
        "POST {ORDER}?{query} HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: ada\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let answer = bytes(handle, text).await;
    let status = String::from_utf8_lossy(&answer).split(' ').nth(1).map_or(0, |code| code.parse().unwrap());
    (status, answer)
}

async fn open(handle: &ServerHandle) -> usize {
    signed(handle, "GET", "/api/v3/openOrders", "symbol=BTCUSDT").await.as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_lost_doubled_and_refused_on_demand() {
    let handle = serve(Market::Generator, config(1)).await;
    let rule = |kind: &str| format!(r#"{{"kind":"{kind}","on":"POST /api/v3/order","count":1}}"#);
    faults(&handle, &rule("disconnect")).await;
    assert_eq!((place(&handle).await, open(&handle).await), ((0, Vec::new()), 0));
    faults(&handle, r#"{"kind":"drop-after","cut":true,"on":"POST *","count":1}"#).await;
    assert_eq!((place(&handle).await.0, open(&handle).await), (0, 1), "carried out, and nobody was told");
    faults(&handle, &rule("duplicate")).await;
    assert_eq!((place(&handle).await.0, open(&handle).await), (200, 3));
    faults(&handle, r#"{"kind":"error","status":502,"processed":true,"on":"POST *","count":1}"#).await;
    let (status, answer) = place(&handle).await;
    assert_eq!((status, open(&handle).await), (502, 4));
    assert!(String::from_utf8_lossy(&answer).contains("<html>"));
    faults(&handle, r#"{"kind":"ban","for_ms":3600000}"#).await;
    let (status, head, _) = request(&handle, "GET", "/api/v3/time", "", "").await;
    assert_eq!(status, 418);
    assert!(head.contains("retry-after: 3"), "{head}");
    assert!(connect_async(&handle.ws_api_url).await.is_err(), "a ban holds for sockets");
    command(&handle, "DELETE", "faults", "").await;
    let begun = now(&handle).await;
    faults(&handle, r#"{"kind":"delay","ms":300,"on":"GET /api/v3/ping"}"#).await;
    get(&handle, "/api/v3/ping").await;
    assert!(now(&handle).await >= begun + 300);
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_silenced_and_cut_and_told_of_a_shutdown() {
    let handle = serve(Market::Generator, config(1)).await;
    let mut stream =
        connect(&format!("{}/stream?streams=btcusdt@bookTicker/ethusdt@bookTicker", handle.stream_url)).await;
    let mut user = user_stream(&handle).await;
    until(&mut stream, |message| message["stream"] == "btcusdt@bookTicker").await;
    faults(&handle, r#"{"kind":"silent","on":"stream btcusdt@*"}"#).await;
    // What was on its way comes first.
    for _ in 0..50 {
        next(&mut stream).await;
    }
    for _ in 0..50 {
        assert_eq!(next(&mut stream).await["stream"], "ethusdt@bookTicker");
    }
    faults(&handle, r#"{"kind":"shutdown","ms":200}"#).await;
    let goodbye = until(&mut stream, |message| message["stream"] == "!serverShutdown").await;
    assert_eq!(goodbye["data"]["e"], "serverShutdown");
    until(&mut user, |message| message["event"]["e"] == "serverShutdown").await;
    while text(&mut stream).await.is_some() {}
    assert_eq!(text(&mut user).await, None);
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halt_is_a_break_and_ends() {
    let handle = serve(Market::Generator, config(1)).await;
    faults(&handle, r#"{"kind":"halt","on":"BTC*"}"#).await;
    let status = |info: Value| info["symbols"][0]["status"].clone();
    assert_eq!(status(get(&handle, "/api/v3/exchangeInfo?symbol=BTCUSDT").await), "BREAK");
    assert_eq!(status(get(&handle, "/api/v3/exchangeInfo?symbol=ETHUSDT").await), "TRADING");
    assert_eq!(place(&handle).await.0, 400);
    command(&handle, "DELETE", "faults", "").await;
    assert_eq!(status(get(&handle, "/api/v3/exchangeInfo?symbol=BTCUSDT").await), "TRADING");
    assert_eq!(place(&handle).await.0, 200);
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_is_stepped_and_sockets_live_a_day() {
    let handle = serve_with(|settings| settings.pace = Pace::Stepped).await;
    let begun = now(&handle).await;
    let mut stream = connect(&format!("{}/ws/btcusdt@kline_1s", handle.stream_url)).await;
    assert_eq!(now(&handle).await, begun, "it stands");
    let time = command(&handle, "POST", "time", r#"{"step_ms":3000}"#).await;
    assert_eq!(time["now"], begun + 3_000);
    for _ in 0..3 {
        assert_eq!(next(&mut stream).await["e"], "kline");
    }
    assert_eq!(now(&handle).await, begun + 3_000);
    faults(&handle, r#"{"kind":"clock-skew","ms":-7000}"#).await;
    assert_eq!(now(&handle).await, begun - 4_000);
    command(&handle, "DELETE", "faults", "").await;
    handle.stop().await;

    // In a day of its own time a socket is ended, whether it reads or not.
    let handle = serve_with(|settings| {
        settings.pace = Pace::Stepped;
        settings.socket_life = Micros::from_secs(60);
    })
    .await;
    let mut old = connect(&format!("{}/ws/nothing@trade", handle.stream_url)).await;
    command(&handle, "POST", "time", r#"{"step_ms":59000}"#).await;
    say(&mut old, json!({"method": "LIST_SUBSCRIPTIONS", "id": 1})).await;
    assert_eq!(next(&mut old).await["id"], 1);
    command(&handle, "POST", "time", r#"{"step_ms":1000}"#).await;
    assert_eq!(text(&mut old).await, None);
    let wrong = request(&handle, "POST", "/ringfence/v1/time", "", r#"{"speed":-1}"#).await;
    assert_eq!(wrong.0, 400);
    let fast = command(&handle, "POST", "time", r#"{"speed":100}"#).await;
    assert_eq!(fast["speed"], 100.0);
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_answers_no_ping_is_cut() {
    let handle = serve_with(|settings| {
        // Its pongs count among the five messages that a client may send in a second.
        settings.ping_every = Duration::from_millis(300);
        settings.pong_within = Duration::from_millis(1_000);
    })
    .await;
    // This client is never polled, so it answers nothing.
    let mut dead = connect(&format!("{}/ws/nothing@trade", handle.stream_url)).await;
    let mut alive = connect(&format!("{}/ws/btcusdt@bookTicker", handle.stream_url)).await;
    let begun = Instant::now();
    while command(&handle, "GET", "state", "").await["sockets"]["streams"] == 2 {
        assert!(begun.elapsed() < PATIENCE);
        next(&mut alive).await;
    }
    next(&mut alive).await;
    while text(&mut dead).await.is_some() {}
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_control_api_is_for_this_machine_or_who_has_the_token() {
    let handle = serve(Market::Generator, config(1)).await;
    let state = command(&handle, "GET", "state", "").await;
    assert_eq!((&state["faults"], &state["sockets"]["ws_api"]), (&json!([]), &json!(0)));
    let (status, ..) = request(&handle, "GET", "/ringfence/v1/state", "Origin: http://evil\r\n", "").await;
    assert_eq!(status, 403, "a page in a browser must not command it");
    let (status, _, body) = request(&handle, "POST", "/ringfence/v1/faults", "", "{\"kind\":\"dance\"}\n{}").await;
    let body = String::from_utf8(body).unwrap();
    assert!(status == 400 && body.contains("line 1") && body.contains("line 2"), "{body}");
    assert_eq!(request(&handle, "GET", "/ringfence/v1/nothing", "", "").await.0, 404);
    handle.stop().await;

    let handle = serve_with(|settings| {
        settings.control_token = Some("token".to_owned());
        settings.faults = Some(Script::parse(r#"{"kind":"duplicate","on":"ws *"}"#).unwrap());
    })
    .await;
    for (headers, wanted) in [("", 403), ("X-Ringfence-Token: tokem\r\n", 403), ("X-Ringfence-Token: token\r\n", 200)] {
        assert_eq!(request(&handle, "GET", "/ringfence/v1/faults", headers, "").await.0, wanted, "{headers}");
    }
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_as_clients_speak_it() {
    let handle = serve(Market::Generator, config(1)).await;
    let target = "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=500";
    let (status, head, packed) = request(&handle, "GET", target, "Accept-Encoding: deflate, gzip\r\n", "").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-encoding: gzip") && head.contains("access-control-allow-origin: *"), "{head}");
    let mut plain = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut plain).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&plain).unwrap().as_array().unwrap().len(), 500);
    let (status, head, body) = request(&handle, "OPTIONS", ORDER, "Origin: http://page\r\n", "").await;
    assert_eq!((status, body.len()), (204, 0));
    assert!(head.contains("x-mbx-apikey"), "{head}");
    let (status, _, body) = request(&handle, "HEAD", "/api/v3/ping", "", "").await;
    assert_eq!((status, body.len()), (200, 0));
    let (status, _, body) = request(&handle, "GET", "/stream", "", "").await;
    assert_eq!((status, body[0]), (400, b'{'));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (status, ..) = request(&handle, "POST", ORDER, form, &"x".repeat(70_000)).await;
    assert_eq!(status, 413);
    let (status, ..) = request(&handle, "POST", ORDER, form, "\u{fffd}=%ff%fe").await;
    assert_eq!(status, 400);
    // A body is read as a form, or not at all.
    let kinds = ["", form, "Content-Type: Application/X-WWW-form-urlencoded; charset=utf-8\r\n"];
    let other = ["application/json", "text/plain", "multipart/form-data; boundary=x"];
    let ask = async |kind: &str, body: &str| {
        let headers = format!("X-MBX-APIKEY: ada\r\n{kind}");
        let (_, _, body) = request(&handle, "POST", ORDER, &headers, body).await;
        serde_json::from_slice::<Value>(&body).unwrap()["msg"].as_str().unwrap().to_owned()
    };
    let nothing = ask("", "").await;
    let read = ask(form, "signature=no&timestamp=1").await;
    assert_ne!(read, nothing);
    for kind in kinds {
        assert_eq!(ask(kind, "signature=no&timestamp=1").await, read, "{kind}");
    }
    for kind in other {
        let kind = format!("Content-Type: {kind}\r\n");
        assert_eq!(ask(&kind, "signature=no&timestamp=1").await, nothing, "{kind}");
    }
    // Two requests in one go, answered in order.
    let two =
        "GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\nGET /api/v3/time HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let both = String::from_utf8(bytes(&handle, two.to_owned()).await).unwrap();
    assert_eq!(both.matches("HTTP/1.1 200").count(), 2, "{both}");
    assert!(both.ends_with('}') && both.contains("serverTime"));
    let nonsense = String::from_utf8(bytes(&handle, "\0\0\0\r\n\r\n".to_owned()).await).unwrap();
    assert!(nonsense.is_empty() || nonsense.starts_with("HTTP/1.1 400"), "{nonsense}");
    get(&handle, "/api/v3/ping").await;
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_closed_and_many_hurt_nobody() {
    let handle = serve_with(|settings| {
        settings.idle_within = Duration::from_millis(200);
        settings.most_connections = 300;
    })
    .await;
    let address = address(&handle);
    let idle: Vec<_> = (0..250).map(|_| Plain::connect(address).unwrap()).collect();
    let mut half = Plain::connect(address).unwrap();
    half.write_all(b"GET /api/v3/ping HTTP/1.1\r\nHost:").unwrap();
    get(&handle, "/api/v3/ping").await;
    tokio::task::spawn_blocking(move || {
        for mut stream in idle.into_iter().chain([half]) {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // It ends, with or without a word about the timeout.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    })
    .await
    .unwrap();
    get(&handle, "/api/v3/ping").await;
    handle.stop().await;
}
