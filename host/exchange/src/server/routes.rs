//! REST as it comes, the paths that become sockets, and what browsers ask.

use std::error::Error;
use std::io::Write;
use std::iter::successors;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::state::{Purpose, Shared};
use super::{Settings, control, sockets};
use crate::faults::{Answer, Verdict};
use crate::http::params::decode;
use crate::http::{HttpRequest, HttpResponse};
use crate::streams::StreamSession;
use crate::ws_api::WsSession;

/// A form never comes near this.
const LARGEST_BODY: usize = 64 * 1024;
/// How long a body may take to arrive, if a connection may be idle for longer.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// Neither does a message of a client.
const LARGEST_MESSAGE: usize = 256 * 1024;
/// What a socket reads at once. It is kept for each socket and cleared for each look at it,
/// and clients say little.
const READ_BUFFER: usize = 4 * 1024;
/// What a socket gathers before it is written.
const WRITE_BUFFER: usize = 32 * 1024;
/// Smaller answers are not worth packing.
const PACKED_FROM: usize = 1_024;
/// A request that a fault leaves without an answer is held this long.
const SILENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Clone)]
pub(super) struct Doors {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Arc<Settings>,
    pub(super) stop: watch::Receiver<bool>,
}

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Its place among the connections; a socket keeps it as long as it lives.
    pub(super) room: Arc<OwnedSemaphorePermit>,
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut by a fault")]
pub(super) struct Cut;

pub(super) async fn answer(doors: Doors, peer: Peer, request: Request<Body>) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if let Some(rest) = path.strip_prefix(control::PREFIX) {
        let rest = rest.to_owned();
        return Ok(control::answer(&doors, peer.address, &rest, &parts, body).await);
    }
    if parts.method == Method::OPTIONS {
        return Ok(preflight());
    }
    if path == "/stream" || path == "/ws" || path == "/ws-api/v3" || path.starts_with("/ws/") {
        return upgrade(doors, peer, parts).await;
    }
    rest(&doors, peer.address, parts, body).await
}

/// What a browser asks before it asks.
fn preflight() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "X-MBX-APIKEY, X-MBX-TIME-UNIT, Content-Type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Names of streams in an address. A plus stands for itself there: time zones have one.
fn split(names: &str) -> Vec<String> {
    decode(&names.replace('+', "%2B"))
        .unwrap_or_default()
        .split('/')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn upgrade(doors: Doors, peer: Peer, mut parts: Parts) -> Result<Response<Body>, Cut> {
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let ip = peer.address.ip();
    let is_api = path == "/ws-api/v3";
    let asked = {
        let mut state = doors.shared.lock();
        let now = state.seen();
        match state.judge(&format!("GET {path}")).map(|verdict| verdict.answer) {
            Some(Answer::Refused(refused)) => Err(refused.http(now)),
            Some(Answer::Cut) => return Err(Cut),
            _ => state.connect(ip, is_api),
        }
    };
    let bad = |body| HttpResponse { status: 400, headers: Vec::new(), body };
    let made = asked.and_then(|now| {
        if is_api {
            let session = WsSession::open(now, ip, &query).map_err(bad)?;
            return Ok((Purpose::Api(Box::new(session)), Vec::new()));
        }
        let (names, combined) = match path.strip_prefix("/ws") {
            Some(names) => (split(names), false),
            None => {
                let names = query.split('&').find_map(|pair| pair.strip_prefix("streams="));
                (names.map(split).unwrap_or_default(), true)
            }
        };
        let session = StreamSession::open(ip, &query, combined).map_err(bad)?;
        Ok((Purpose::Streams(session), names))
    });
    let (purpose, names) = match made {
        Ok(made) => made,
        Err(refused) => return Ok(respond(refused, false)),
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(_) => return Ok(plain(400, -1000, "This path is a WebSocket: connect with an upgrade request.")),
    };
    let upgrade = upgrade
        .max_message_size(LARGEST_MESSAGE)
        .max_frame_size(LARGEST_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER);
    Ok(upgrade.on_upgrade(move |socket| async move {
        sockets::run(socket, doors, purpose, names).await;
        drop(peer.room);
    }))
}

/// The body as text; or the status, the code and the words to refuse it with.
async fn text_of(body: Body, within: Duration) -> Result<String, (u16, i64, &'static str)> {
    const ILLEGAL: (u16, i64, &str) = (400, -1100, "Illegal characters found in a parameter.");
    match tokio::time::timeout(within, to_bytes(body, LARGEST_BODY)).await {
        Ok(Ok(bytes)) => String::from_utf8(bytes.into()).map_err(|_| ILLEGAL),
        // No body as the protocol has them, or the peer is gone.
        Ok(Err(error))
            if successors(error.source(), |error| (*error).source()).any(|error| error.is::<hyper::Error>()) =>
        {
            Err(ILLEGAL)
        }
        Ok(Err(_)) => Err((413, -1101, "Too many parameters sent for this endpoint.")),
        Err(_) => Err((408, -1007, "The body of the request did not arrive.")),
    }
}

async fn rest(doors: &Doors, peer: SocketAddr, parts: Parts, body: Body) -> Result<Response<Body>, Cut> {
    let packed = wants_gzip(&parts.headers);
    let text = match text_of(body, BODY_WITHIN.min(doors.settings.idle_within)).await {
        Ok(text) => text,
        Err((status, code, msg)) => return Ok(plain(status, code, msg)),
    };
    let request = HttpRequest {
        // A head is answered like its request; the protocol leaves the body out.
        method: if parts.method == Method::HEAD { "GET" } else { parts.method.as_str() },
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        body: if is_form(&parts.headers) { &text } else { "" },
        api_key: parts.headers.get("X-MBX-APIKEY").and_then(|value| value.to_str().ok()),
        // A value that is no text is no unit either.
        time_unit: parts.headers.get("X-MBX-TIME-UNIT").map(|value| value.to_str().unwrap_or_default()),
        ip: peer.ip(),
        received: None,
    };
    let judged = {
        let mut state = doors.shared.lock();
        if state.faults.is_idle() {
            Ok(state.http(&request))
        } else {
            match state.judge(&format!("{} {}", request.method, request.path)) {
                None => Ok(state.http(&request)),
                Some(verdict) => Err(verdict),
            }
        }
    };
    let response = match judged {
        Ok(response) => response,
        Err(verdict) => faulty(doors, &request, verdict).await?,
    };
    Ok(respond(response, packed))
}

/// A request that something happens to.
async fn faulty(doors: &Doors, request: &HttpRequest<'_>, verdict: Verdict) -> Result<HttpResponse, Cut> {
    let shared = &doors.shared;
    let received = shared.lock().seen();
    let request = HttpRequest { received: Some(received), ..*request };
    shared.pause(verdict.before).await;
    let mut response = None;
    for _ in 0..verdict.times {
        response = Some(shared.lock().http(&request));
    }
    shared.pause(verdict.after).await;
    match verdict.answer {
        Answer::Own => response.ok_or(Cut),
        Answer::Refused(refused) => Ok(refused.http(shared.lock().seen())),
        Answer::Cut => Err(Cut),
        Answer::Silence => {
            let mut stop = doors.stop.clone();
            // However it ends, there is no answer.
            let _ = tokio::time::timeout(SILENCE, stop.wait_for(|stop| *stop)).await.map(drop);
            Err(Cut)
        }
    }
}

/// Whether parameters are looked for in the body: the venue reads forms only ("General
/// information on endpoints"). Clients that send a text without saying its type mean a form.
fn is_form(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|value| {
        let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

fn wants_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim().eq_ignore_ascii_case("gzip")
                && !matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
        })
}

/// An answer that the core has no part in.
pub(super) fn plain(status: u16, code: i64, msg: &str) -> Response<Body> {
    let body = serde_json::json!({ "code": code, "msg": msg }).to_string();
    respond(HttpResponse { status, headers: Vec::new(), body }, false)
}

fn gzip(text: &str) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    encoder.write_all(text.as_bytes()).ok()?;
    encoder.finish().ok()
}

pub(super) fn respond(response: HttpResponse, packed: bool) -> Response<Body> {
    let packed = (packed && response.body.len() >= PACKED_FROM).then(|| gzip(&response.body)).flatten();
    let is_packed = packed.is_some();
    let is_json = !response.body.starts_with('<');
    let mut answer = Response::new(packed.map_or_else(|| Body::from(response.body), Body::from));
    *answer.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    let kind = if is_json { "application/json;charset=UTF-8" } else { "text/html" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    for (name, value) in response.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    answer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_when_it_is_wanted() {
        for (value, wanted) in
            [("gzip, deflate, br", true), ("deflate, GZIP;q=0.5", true), ("gzip;q=0", false), ("identity", false)]
        {
            let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static(value))].into_iter().collect();
            assert_eq!(wants_gzip(&headers), wanted, "{value}");
        }
        assert!(!wants_gzip(&HeaderMap::new()));
    }
}
