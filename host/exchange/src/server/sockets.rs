//! One task for each socket: what comes in goes to the shared state, what waits in the
//! socket's queue goes out, many messages in one write.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::SinkExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::routes::Doors;
use super::state::{Ending, Opened, Purpose};
use crate::faults::{Answer, Verdict};

/// One batch that takes longer to leave means that nobody reads.
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// How long a peer may take to hear that its socket ends.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Messages in one write.
const BATCH: usize = 256;
/// The protocol's code for a server that goes away.
const GOING_AWAY: u16 = 1_001;

pub(super) async fn run(mut socket: WebSocket, doors: Doors, purpose: Purpose, names: Vec<String>) {
    let mut stop = doors.stop.clone();
    let is_api = matches!(purpose, Purpose::Api(_));
    let Opened { id, queue, end } = {
        let mut state = doors.shared.lock();
        let opened = state.open(purpose);
        names.iter().for_each(|name| state.subscribe(opened.id, name));
        opened
    };
    let ending = async move {
        tokio::select! {
            // A sender that is gone has cut the socket.
            ending = end => ending.unwrap_or(Ending::Cut),
            stopped = stop.wait_for(|stop| *stop) => {
                drop(stopped);
                Ending::Goodbye
            }
        }
    };
    let ending = exchange_messages(&mut socket, &doors, id, is_api, queue, ending).await;
    doors.shared.lock().end(id, ending);
    if ending == Ending::Goodbye {
        let frame = CloseFrame { code: GOING_AWAY, reason: Utf8Bytes::from_static("going away") };
        // The peer may be gone; then there is nobody to tell.
        let _ = tokio::time::timeout(CLOSE_WITHIN, async {
            // Refused if the peer said goodbye first; reading on sends the answer it is owed.
            let _ = socket.send(Message::Close(Some(frame))).await;
            while let Some(Ok(_)) = socket.recv().await {}
        })
        .await;
    }
}

async fn exchange_messages(
    socket: &mut WebSocket,
    doors: &Doors,
    id: u64,
    is_api: bool,
    mut queue: tokio::sync::mpsc::Receiver<Utf8Bytes>,
    ending: impl Future<Output = Ending>,
) -> Ending {
    let settings = &doors.settings;
    tokio::pin!(ending);
    let mut ping = tokio::time::interval(settings.ping_every);
    ping.reset();
    let mut heard = Instant::now();
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            ending = &mut ending => return ending,
            waiting = queue.recv_many(&mut batch, BATCH) => {
                if waiting == 0 {
                    return Ending::Goodbye;
                }
            }
            came = socket.recv() => {
                let message = match came {
                    Some(Ok(Message::Close(_))) => return Ending::Goodbye,
                    Some(Ok(message)) => message,
                    Some(Err(_)) | None => return Ending::Cut,
                };
                if !is_api && !doors.shared.lock().heard(id) {
                    return Ending::Goodbye;
                }
                match message {
                    Message::Text(text) if is_api => {
                        if ask(doors, id, &text) == Some(Ending::Cut) {
                            return Ending::Cut;
                        }
                    }
                    Message::Text(text) => doors.shared.lock().control(id, &text),
                    Message::Pong(_) => heard = Instant::now(),
                    // Pings are answered by the protocol's implementation.
                    Message::Ping(_) | Message::Binary(_) | Message::Close(_) => {}
                }
                continue;
            }
            _ = ping.tick() => {
                if heard.elapsed() > settings.pong_within {
                    return Ending::Cut;
                }
            }
        }
        let sent = tokio::select! {
            // A peer that does not read must not keep its task in the middle of a message.
            ending = &mut ending => return ending,
            sent = tokio::time::timeout(SEND_WITHIN, write(socket, &mut batch)) => sent,
        };
        if !matches!(sent, Ok(Ok(()))) {
            return Ending::Cut;
        }
    }
}

/// Sends a batch in as few writes as it takes; an empty one is a ping.
async fn write(socket: &mut WebSocket, batch: &mut Vec<Utf8Bytes>) -> Result<(), axum::Error> {
    if batch.is_empty() {
        return socket.send(Message::Ping(Bytes::new())).await;
    }
    for text in batch.drain(..) {
        socket.feed(Message::Text(text)).await?;
    }
    socket.flush().await
}

/// A frame of the WebSocket API, and what the faults make of it.
fn ask(doors: &Doors, id: u64, text: &Utf8Bytes) -> Option<Ending> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        method: String,
        #[serde(default)]
        id: Value,
    }
    let mut state = doors.shared.lock();
    if state.faults.is_idle() {
        state.frame(id, text, None, true);
        return None;
    }
    let head: Head = serde_json::from_str(text).unwrap_or(Head { method: String::new(), id: Value::Null });
    let target = format!("ws {}", head.method.strip_prefix("v3/").unwrap_or(&head.method));
    match state.judge(&target) {
        None => state.frame(id, text, None, true),
        Some(Verdict { times: 0, answer: Answer::Cut, .. }) => return Some(Ending::Cut),
        Some(verdict) => {
            let (doors, text) = (doors.clone(), text.clone());
            // Ends with the answer; a socket that is gone meanwhile gets none.
            tokio::spawn(async move { ask_faulty(&doors, id, &text, &head.id, verdict).await });
        }
    }
    None
}

async fn ask_faulty(doors: &Doors, id: u64, text: &str, request: &Value, verdict: Verdict) {
    let shared = &doors.shared;
    let received = shared.lock().seen();
    shared.pause(verdict.before).await;
    // An answer that is only late goes out late; of two the second counts.
    let own = verdict.answer == Answer::Own;
    for time in 1..=verdict.times {
        let last = time == verdict.times;
        if own && last {
            shared.pause(verdict.after).await;
        }
        shared.lock().frame(id, text, Some(received), own && last);
    }
    if own {
        return;
    }
    shared.pause(verdict.after).await;
    let mut state = shared.lock();
    match verdict.answer {
        Answer::Own | Answer::Silence => {}
        Answer::Cut => state.end(id, Ending::Cut),
        Answer::Refused(refused) => {
            let frame = refused.frame(state.seen(), request);
            state.send(id, frame.into());
        }
    }
}
