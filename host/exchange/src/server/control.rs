//! The control API: faults and time of a running exchange. It is no part of the venue's
//! surface, stands under a path of its own, and is open to this machine only, or to who
//! has the token. Browsers are kept out: a page must not command it.
//!
//! | request | does |
//! |--|--|
//! | `GET /ringfence/v1/state` | time, pace, sockets, faults |
//! | `POST /ringfence/v1/faults` | sets faults: one JSON object a line ([`crate::faults`]) |
//! | `GET /ringfence/v1/faults` | which are set |
//! | `DELETE /ringfence/v1/faults?id=N` | ends one; without `id` all |
//! | `POST /ringfence/v1/time` | `{"speed": 10}`, `{"speed": 0}` (stand), `{"step_ms": 1000}` |

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{Response, header};
use ringfence_model::{Micros, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::routes::{Doors, plain, respond};
use super::state::State;
use crate::faults::Script;
use crate::http::HttpResponse;
use crate::time::Pace;

/// Where it stands.
pub(super) const PREFIX: &str = "/ringfence/v1/";
/// The header that brings the token.
const TOKEN: &str = "X-Ringfence-Token";
const LARGEST_BODY: usize = 1024 * 1024;
/// The longest single step: a day.
const LONGEST_STEP_MS: u64 = 86_400_000;
/// How long a step may take before its answer goes out without it.
const STEP_WITHIN: Duration = Duration::from_secs(60);

/// Equal, in a time that does not tell where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn allowed(doors: &Doors, peer: SocketAddr, parts: &Parts) -> bool {
    match &doors.settings.control_token {
        Some(token) => parts.headers.get(TOKEN).is_some_and(|given| same(given.as_bytes(), token.as_bytes())),
        None => peer.ip().is_loopback() && !parts.headers.contains_key(header::ORIGIN),
    }
}

pub(super) async fn answer(doors: &Doors, peer: SocketAddr, rest: &str, parts: &Parts, body: Body) -> Response<Body> {
    if !allowed(doors, peer, parts) {
        return plain(403, -1002, "The control API is for this machine, or needs the token in X-Ringfence-Token.");
    }
    let text = match to_bytes(body, LARGEST_BODY).await.map(|bytes| String::from_utf8(bytes.into())) {
        Ok(Ok(text)) => text,
        _ => return plain(400, -1000, "The body must be text of at most 1 MiB."),
    };
    let result = match (parts.method.as_str(), rest) {
        ("GET", "state") => Ok(state(&doors.shared.lock())),
        ("GET", "faults") => Ok(faults(&doors.shared.lock())),
        ("POST", "faults") => set_faults(&mut doors.shared.lock(), &text),
        ("DELETE", "faults") => end_faults(&mut doors.shared.lock(), parts.uri.query().unwrap_or_default()),
        ("GET", "time") => Ok(time(&doors.shared.lock())),
        ("POST", "time") => set_time(doors, &text).await,
        _ => return plain(404, -1020, "The control API has state, faults and time under /ringfence/v1/."),
    };
    match result {
        Ok(value) => respond(HttpResponse { status: 200, headers: Vec::new(), body: value.to_string() }, false),
        Err(what) => plain(400, -1000, &what),
    }
}

fn time(state: &State) -> Value {
    let speed = match state.pace() {
        Pace::Stepped => json!(0),
        #[allow(clippy::cast_precision_loss, reason = "a speed for people")]
        Pace::Running { millionths } => json!(millionths as f64 / 1e6),
    };
    json!({ "now": state.now().as_millis(), "seen": state.seen().as_millis(), "speed": speed, "finished": state.finished })
}

fn faults(state: &State) -> Value {
    let rows = state.faults.list(state.now()).into_iter().map(|(id, rule)| {
        let mut row: Value = serde_json::from_str(&rule.to_json()).unwrap_or_default();
        if let Some(row) = row.as_object_mut() {
            row.insert("id".to_owned(), json!(id));
        }
        row
    });
    Value::Array(rows.collect())
}

fn state(state: &State) -> Value {
    let (streams, ws_api) = state.count();
    json!({ "time": time(state), "sockets": { "streams": streams, "ws_api": ws_api }, "faults": faults(state) })
}

fn set_faults(state: &mut State, text: &str) -> Result<Value, String> {
    let script = Script::parse(text).map_err(|error| error.to_string())?;
    let now = state.now();
    let ids: Vec<u64> = script.rules.into_iter().map(|rule| state.faults.add(rule, now)).collect();
    // What is due at once happens at once.
    state.advance();
    Ok(json!({ "ids": ids }))
}

fn end_faults(state: &mut State, query: &str) -> Result<Value, String> {
    match query.split('&').find_map(|pair| pair.strip_prefix("id=")) {
        None => state.faults.clear(),
        Some(id) => {
            let id = id.parse().map_err(|_| format!("`id={id}` is no number"))?;
            if !state.faults.remove(id) {
                return Err(format!("there is no fault {id}"));
            }
        }
    }
    state.advance();
    Ok(faults(state))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetTime {
    speed: Option<f64>,
    step_ms: Option<u64>,
}

async fn set_time(doors: &Doors, text: &str) -> Result<Value, String> {
    let set: SetTime = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let pace = match set.speed {
        None => None,
        Some(0.0) => Some(Pace::Stepped),
        Some(speed) => Some(Pace::times(speed).ok_or_else(|| format!("`speed` {speed} is no speed"))?),
    };
    let step = set.step_ms.unwrap_or(0);
    if step > LONGEST_STEP_MS {
        return Err("`step_ms` is longer than a day".to_owned());
    }
    let then = {
        let mut state = doors.shared.lock();
        if let Some(pace) = pace {
            state.set_pace(pace);
        }
        (step > 0).then(|| state.step(Micros::from_millis(step)))
    };
    if let Some(then) = then
        && tokio::time::timeout(STEP_WITHIN, arrive(doors, then)).await.is_err()
    {
        return Err("the step takes longer than a minute and goes on; ask for the time later".to_owned());
    }
    Ok(time(&doors.shared.lock()))
}

/// Waits until the market stands at `then`, or the recording has ended.
async fn arrive(doors: &Doors, then: Timestamp) {
    loop {
        let mut moved = doors.shared.lock().moved();
        doors.shared.catch_up().await;
        {
            let state = doors.shared.lock();
            if state.finished || state.now() >= then {
                return;
            }
        }
        if moved.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_whole() {
        assert!(same(b"token", b"token"));
        assert!(!same(b"token", b"tokem") && !same(b"token", b"toke") && !same(b"", b"x"));
    }
}
