//! One task for each socket: what comes in goes to the shared state, what waits in the
//! socket's queue goes out.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use tokio::time::Instant;

use super::routes::Doors;
use super::state::{Opened, Purpose};

/// As at the venue.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(60);
/// One message that takes longer to leave means that nobody reads.
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// How long a peer may take to hear that its socket ends.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

pub(super) async fn run(socket: WebSocket, doors: Doors, purpose: Purpose, names: Vec<String>) {
    let Doors { shared, mut stop } = doors;
    let is_api = matches!(purpose, Purpose::Api(_));
    let Opened { id, mut queue, dropped } = {
        let mut state = shared.lock();
        let opened = state.open(purpose);
        names.iter().for_each(|name| state.subscribe(opened.id, name));
        opened
    };
    let ended = async {
        tokio::select! {
            _ = dropped => {}
            stopped = stop.wait_for(|stop| *stop) => drop(stopped),
        }
    };
    tokio::pin!(ended);
    let (mut sink, mut source) = socket.split();
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.reset();
    let mut heard = Instant::now();
    loop {
        let out = tokio::select! {
            () = &mut ended => break,
            waiting = queue.recv() => match waiting {
                Some(text) => Message::Text(text),
                None => break,
            },
            came = source.next() => match came {
                Some(Ok(Message::Text(text))) => {
                    let mut state = shared.lock();
                    if is_api {
                        state.frame(id, &text);
                    } else if state.heard(id) {
                        state.control(id, &text);
                    } else {
                        break;
                    }
                    continue;
                }
                // Pings are answered by the protocol's implementation.
                Some(Ok(message @ (Message::Pong(_) | Message::Ping(_) | Message::Binary(_)))) => {
                    if matches!(message, Message::Pong(_)) {
                        heard = Instant::now();
                    }
                    if !is_api && !shared.lock().heard(id) {
                        break;
                    }
                    continue;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
            _ = ping.tick() => {
                if heard.elapsed() > PONG_WITHIN {
                    break;
                }
                Message::Ping(Bytes::new())
            }
        };
        let sent = tokio::select! {
            // A peer that does not read must not keep its task in the middle of a message.
            () = &mut ended => break,
            sent = tokio::time::timeout(SEND_WITHIN, sink.send(out)) => sent,
        };
        if !matches!(sent, Ok(Ok(()))) {
            break;
        }
    }
    shared.lock().close(id);
    // The peer may be gone; then there is nobody to tell.
    let _ = tokio::time::timeout(CLOSE_WITHIN, sink.close()).await;
}
