//! One task for each socket: what comes in goes to the shared state, what waits in the
//! socket's queue goes out.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::routes::Doors;
use super::state::{Opened, Purpose, Shared};

/// As at the venue.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(60);
/// One message that takes longer to leave means that nobody reads.
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// How long a peer may take to hear that its socket ends.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Streams of one connection.
const MOST_STREAMS: usize = 1_024;

pub(super) async fn run(socket: WebSocket, doors: Doors, purpose: Purpose, names: Vec<String>) {
    let Doors { shared, mut stop } = doors;
    let is_api = matches!(purpose, Purpose::Api(_));
    let Opened { id, mut queue, dropped } = {
        let mut state = shared.lock();
        let opened = state.open(purpose);
        let names = names.iter().take(MOST_STREAMS);
        names.for_each(|name| state.subscribe(opened.id, name));
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
                    if is_api {
                        shared.lock().frame(id, &text);
                    } else {
                        let answer = control(&shared, id, &text).to_string();
                        shared.lock().send(id, answer.into());
                    }
                    continue;
                }
                Some(Ok(Message::Pong(_))) => {
                    heard = Instant::now();
                    continue;
                }
                // Pings are answered by the protocol's implementation.
                Some(Ok(Message::Ping(_) | Message::Binary(_))) => continue,
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

#[derive(Deserialize)]
struct Control {
    method: String,
    #[serde(default)]
    params: Vec<Value>,
    #[serde(default)]
    id: Value,
}

/// Answers a control message of a stream socket.
fn control(shared: &Shared, id: u64, text: &str) -> Value {
    let control: Control = match serde_json::from_str(text) {
        Ok(control) => control,
        Err(error) => return json!({ "code": 3, "msg": format!("Invalid JSON: {error}") }),
    };
    let invalid =
        |msg: &str| json!({ "error": { "code": 2, "msg": format!("Invalid request: {msg}") }, "id": control.id });
    let names: Option<Vec<&str>> = control.params.iter().map(Value::as_str).collect();
    let mut state = shared.lock();
    let result = match (control.method.as_str(), names) {
        ("SUBSCRIBE", Some(names)) if !names.is_empty() => {
            if state.names(id).len().saturating_add(names.len()) > MOST_STREAMS {
                return invalid("too many streams");
            }
            names.iter().for_each(|name| state.subscribe(id, name));
            Value::Null
        }
        ("UNSUBSCRIBE", Some(names)) if !names.is_empty() => {
            names.iter().for_each(|name| state.unsubscribe(id, name));
            Value::Null
        }
        ("SUBSCRIBE" | "UNSUBSCRIBE", _) => return invalid("params must be names of streams"),
        ("LIST_SUBSCRIPTIONS", _) => json!(state.names(id)),
        ("GET_PROPERTY", Some(names)) if names == ["combined"] => json!(state.combined(id, None)),
        ("SET_PROPERTY", None) => match control.params.as_slice() {
            [Value::String(name), Value::Bool(on)] if name == "combined" => {
                state.combined(id, Some(*on));
                Value::Null
            }
            _ => {
                return json!({ "error": { "code": 0, "msg": "Unknown property" }, "id": control.id });
            }
        },
        ("GET_PROPERTY" | "SET_PROPERTY", _) => {
            return json!({ "error": { "code": 0, "msg": "Unknown property" }, "id": control.id });
        }
        (other, _) => return invalid(&format!("unknown method {other}")),
    };
    json!({ "result": result, "id": control.id })
}
