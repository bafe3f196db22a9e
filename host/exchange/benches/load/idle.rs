//! What a connection costs that says nothing: thousands of them, and the memory of the
//! server before and after.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;

/// Each takes a file descriptor here and one at the server.
const CONNECTIONS: usize = 4_000;

/// What is sent, and how the answer begins.
const KINDS: [(&str, &str, &str); 4] = [
    ("connections that never sent a byte", "", ""),
    ("kept-alive connections after a request", "GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200"),
    ("stream sockets", "GET /stream", "HTTP/1.1 101"),
    ("sockets of the WebSocket API", "GET /ws-api/v3", "HTTP/1.1 101"),
];

async fn open(address: SocketAddr, request: &str, begins: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    if request.is_empty() {
        return stream;
    }
    let request = if request.contains("HTTP") {
        request.to_owned()
    } else {
        format!(
            "{request} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; begins.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, begins.as_bytes());
    stream
}

pub(crate) async fn run() {
    for (what, request, begins) in KINDS {
        let server = Server::start(1.0, &["BTCUSDT"]);
        // The first one brings what is there only once.
        let _first = open(server.address, request, begins).await;
        let before = server.memory("VmRSS");
        let mut all = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            all.push(open(server.address, request, begins).await);
        }
        // It still answers, and has taken in all that came before.
        let last = open(server.address, "GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200").await;
        let after = server.memory("VmRSS");
        println!(
            "idle: {CONNECTIONS} {what}: {:.1} kB of the server's memory each ({:.0} MB before, {:.0} MB after)",
            after.saturating_sub(before) as f64 / CONNECTIONS as f64,
            before as f64 / 1e3,
            after as f64 / 1e3,
        );
        drop((all, last));
    }
}
