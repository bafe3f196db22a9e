//! What clients can't do: slow others down, take up memory, or hold on to connections.

use super::shell::serve_with;
use super::*;

/// Sends what it is given for as long as the server takes it, and reads until the end. What
/// is sent `then` waits for the first answer.
async fn converse(handle: &ServerHandle, what: &'static str, first: Vec<u8>, then: Vec<u8>) -> Vec<u8> {
    let address = address(handle);
    tokio::task::spawn_blocking(move || {
        let mut stream = Plain::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = Vec::new();
        let rest = if then.is_empty() {
            first
        } else {
            stream.write_all(&first).unwrap();
            answer.resize(12, 0);
            stream.read_exact(&mut answer).unwrap();
            then
        };
        let mut reader = stream.try_clone().unwrap();
        // The server may have heard enough before all is sent.
        let writer = std::thread::spawn(move || drop(stream.write_all(&rest)));
        // A reset is an end, too; a timeout is none.
        if let Err(error) = reader.read_to_end(&mut answer) {
            assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{what}: it goes on");
        }
        writer.join().unwrap();
        answer
    })
    .await
    .unwrap()
}

/// The request for a socket.
fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

fn status(answer: &[u8]) -> u16 {
    let line = String::from_utf8_lossy(&answer[..answer.len().min(32)]).into_owned();
    line.split(' ').nth(1).map_or(0, |code| code.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_is_dropped_and_all_others_hear_everything_in_order() {
    const CHUNK: u64 = 1_000;
    const MOST: u64 = 200_000;
    const STREAM: &str = "btcusdt@test";
    let handle = serve_with(|settings| settings.pace = Pace::Stepped).await;
    let url = format!("{}/stream?streams={STREAM}", handle.stream_url);
    let mut slow = connect(&url).await;
    let mut others = [connect(&url).await, connect(&format!("{}/ws/{STREAM}", handle.stream_url)).await];
    // An answer tells that the server has subscribed it.
    for socket in others.iter_mut().chain([&mut slow]) {
        say(socket, json!({"method": "LIST_SUBSCRIPTIONS", "id": 1})).await;
        assert_eq!(next(socket).await["result"], json!([STREAM]));
    }
    let message =
        |number: u64| format!(r#"{{"stream":"{STREAM}","data":{{"n":{number},"pad":"{}"}}}}"#, "x".repeat(900));
    let sockets = || handle.shared.lock().count().0;
    let (mut told, mut afterwards) = (0, 0);
    while afterwards < 3 {
        assert!(told < MOST, "it is kept");
        for number in told..told + CHUNK {
            let mut state = handle.shared.lock();
            let now = state.now();
            state.play(now, None, message(number).as_bytes(), Some(STREAM), None);
        }
        for socket in &mut others {
            for number in told..told + CHUNK {
                assert_eq!(text(socket).await.as_deref(), Some(message(number).as_str()));
            }
        }
        told += CHUNK;
        afterwards += u32::from(sockets() == others.len());
    }
    let mut heard = 0;
    while let Some(text) = text(&mut slow).await {
        assert_eq!(text, message(heard), "up to the end nothing is left out");
        heard += 1;
    }
    assert!(heard < told - CHUNK, "{heard} of {told}");
    handle.stop().await;
}

/// Files that this process may have open.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX)
}

/// Memory of this process in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_idle_connections_take_little_memory() {
    const WANTED: usize = 3_000;
    /// Both ends of a connection live in this process.
    const MOST_EACH: u64 = 64 * 1_024;
    let count = WANTED.min(open_files().saturating_sub(500) / 6);
    if count < WANTED {
        eprintln!("only {count} connections of each kind: this process may open {} files", open_files());
    }
    let most = u64::MAX / 2;
    let limits = LimitConfig { connections_per_five_minutes: most, weight_per_minute: most, ..LimitConfig::default() };
    let exchange = Exchange::new(ExchangeConfig { limits, ..config(1) }).unwrap();
    let mut settings = Settings::at((Ipv4Addr::LOCALHOST, 0).into());
    settings.most_connections = 3 * count + 10;
    let handle = super::super::serve(exchange, Market::Generator, settings).await.unwrap();
    let address = address(&handle);
    let kinds = [
        "GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        upgrade("/ws/nothing@trade"),
        upgrade("/ws-api/v3"),
    ];
    let mut all = Vec::new();
    for request in kinds {
        let before = resident();
        let opened = tokio::task::spawn_blocking(move || {
            let open = |_| {
                let mut stream = Plain::connect(address).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                let mut answer = [0; 12];
                stream.read_exact(&mut answer).unwrap();
                assert!(answer.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&answer));
                stream
            };
            (0..count).map(open).collect::<Vec<_>>()
        });
        all.push(opened.await.unwrap());
        let each = resident().saturating_sub(before) / u64::try_from(count).unwrap();
        assert!(each < MOST_EACH, "{each} bytes a connection");
    }
    get(&handle, "/api/v3/ping").await;
    let mut socket = connect(&format!("{}/ws/btcusdt@bookTicker", handle.stream_url)).await;
    next(&mut socket).await;
    // A few places are left; who comes after the last one is let go.
    let mut more: Vec<_> = (0..20).map(|_| Plain::connect(address).unwrap()).collect();
    let mut last = more.pop().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(tokio::task::spawn_blocking(move || last.read(&mut [0]).unwrap_or(0)).await.unwrap(), 0);
    next(&mut socket).await;
    drop((all, more, socket));
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_absurd_size_are_refused() {
    let handle = serve(Market::Generator, config(1)).await;
    let (long, longer) = ("x".repeat(100_000), "x".repeat(400_000));
    let many: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    let post = |headers: &str, body: &str| format!("POST {ORDER} HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}");
    for (what, request, wanted) in [
        ("a header", format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {longer}\r\n\r\n"), 431),
        ("headers", format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431),
        ("an address", format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        ("a query", format!("GET /api/v3/depth?symbol={long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        ("a body", post("Content-Length: 100000\r\nConnection: close\r\n", &long), 413),
        ("what a body claims", post("Content-Length: 99999999999999999999\r\n", ""), 400),
        ("less than nothing", post("Content-Length: -1\r\n", ""), 400),
        ("two lengths", post("Content-Length: 1\r\nContent-Length: 2\r\n", "xx"), 400),
        (
            "a body in pieces",
            post("Transfer-Encoding: chunked\r\nConnection: close\r\n", &format!("186a0\r\n{long}\r\n0\r\n\r\n")),
            413,
        ),
        ("a piece", post("Transfer-Encoding: chunked\r\nConnection: close\r\n", "ffffffffffffffffff\r\n"), 400),
    ] {
        let answer = converse(&handle, what, request.into_bytes(), Vec::new()).await;
        let found = status(&answer);
        assert_eq!(found, wanted, "{what}: {}", String::from_utf8_lossy(&answer[..answer.len().min(300)]));
        get(&handle, "/api/v3/ping").await;
    }
    handle.stop().await;
}

/// A masked frame as clients send it; the mask is zero, so the payload stands as it is.
fn frame(kind: u8, length: usize, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    match length {
        0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_absurd_size_or_form_end_the_socket() {
    const TEXT: u8 = 0x81;
    let handle = serve(Market::Generator, config(1)).await;
    let large = vec![b'['; 300_000];
    let pieces = || {
        // A message that never ends.
        let mut bytes = frame(0x01, 60_000, &large[..60_000]);
        (0..9).for_each(|_| bytes.extend(frame(0x00, 60_000, &large[..60_000])));
        bytes
    };
    for path in ["/stream", "/ws/btcusdt@nothing", "/ws-api/v3"] {
        for (what, sent) in [
            ("more than fits", frame(TEXT, large.len(), &large)),
            ("a claim", frame(TEXT, 1 << 62, b"")),
            ("pieces", pieces()),
            ("no mask", vec![TEXT, 2, b'{', b'}']),
            ("no text", frame(TEXT, 2, &[0xff, 0xfe])),
            ("a long ping", frame(0x89, 126, &[b'x'; 126])),
            ("an unknown kind", frame(0x83, 0, b"")),
            ("a reserved bit", frame(0xc1, 0, b"")),
        ] {
            let answer = converse(&handle, what, upgrade(path).into_bytes(), sent).await;
            assert_eq!(status(&answer), 101, "{path}: {what}");
        }
    }
    // What fits is answered, whatever it is.
    let text = "[".repeat(200_000);
    let mut socket = connect(&format!("{}/stream", handle.stream_url)).await;
    socket.send(Message::text(text.clone())).await.unwrap();
    assert_eq!(next(&mut socket).await["code"], 3);
    let mut socket = connect(&handle.ws_api_url).await;
    socket.send(Message::text(text)).await.unwrap();
    assert_eq!(next(&mut socket).await["error"]["code"], -1135);
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_never_gets_whole_is_ended() {
    let handle = serve_with(|settings| settings.idle_within = Duration::from_millis(200)).await;
    let address = address(&handle);
    // Byte by byte, so that something always comes.
    let ended = tokio::task::spawn_blocking(move || {
        let mut stream = Plain::connect(address).unwrap();
        stream.write_all(b"GET /api/v3/ping HTTP/1.1\r\nX-Slow: ").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match stream.read(&mut [0; 512]) {
                Ok(0) => return true,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return true,
                Ok(_) => {}
            }
            if stream.write_all(b"x").is_err() {
                return true;
            }
        }
        false
    });
    assert!(ended.await.unwrap(), "a head that never ends is waited for");
    let half = format!("POST {ORDER} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nConnection: close\r\n\r\nsymbol=");
    let answer = converse(&handle, "half a body", half.into_bytes(), Vec::new()).await;
    assert_eq!(status(&answer), 408, "{}", String::from_utf8_lossy(&answer));
    assert!(String::from_utf8_lossy(&answer).contains("-1007"));
    get(&handle, "/api/v3/ping").await;
    handle.stop().await;
}
