//! REST as it comes, and the paths that become sockets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Path, RawQuery, Request, State, WebSocketUpgrade};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::any;
use ringfence_model::Timestamp;
use tokio::sync::watch;

use super::sockets;
use super::state::{Purpose, Shared};
use crate::http::params::decode;
use crate::http::{HttpRequest, HttpResponse};
use crate::streams::StreamSession;
use crate::ws_api::WsSession;

/// A form never comes near this.
const LARGEST_BODY: usize = 64 * 1024;
/// Neither does a message of a client.
const LARGEST_MESSAGE: usize = 256 * 1024;

#[derive(Debug, Clone)]
pub(super) struct Doors {
    pub(super) shared: Arc<Shared>,
    pub(super) stop: watch::Receiver<bool>,
}

pub(super) fn router(shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/stream", any(combined))
        .route("/ws", any(raw_bare))
        .route("/ws/{*names}", any(raw))
        .route("/ws-api/v3", any(api))
        .fallback(rest)
        .with_state(Doors { shared, stop })
}

/// Opens a socket if its address may: `make` reads the query.
fn open(
    doors: Doors,
    from: SocketAddr,
    upgrade: WebSocketUpgrade,
    names: Vec<String>,
    ws_api: bool,
    make: impl FnOnce(Timestamp, IpAddr) -> Result<Purpose, String>,
) -> Response<Body> {
    let asked = doors.shared.lock().connect(from.ip(), ws_api);
    match asked {
        Err(refused) => answer(refused),
        Ok(now) => match make(now, from.ip()) {
            Err(body) => answer(HttpResponse { status: 400, headers: Vec::new(), body }),
            Ok(purpose) => upgrade
                .max_message_size(LARGEST_MESSAGE)
                .on_upgrade(move |socket| sockets::run(socket, doors, purpose, names)),
        },
    }
}

fn streams(
    doors: Doors,
    from: SocketAddr,
    upgrade: WebSocketUpgrade,
    names: Vec<String>,
    query: &str,
    combined: bool,
) -> Response<Body> {
    open(doors, from, upgrade, names, false, |_, ip| StreamSession::open(ip, query, combined).map(Purpose::Streams))
}

fn split(names: &str) -> Vec<String> {
    decode(&names.replace('+', "%2B"))
        .unwrap_or_default()
        .split('/')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn combined(
    State(doors): State<Doors>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response<Body> {
    let query = query.unwrap_or_default();
    let names = query.split('&').find_map(|pair| pair.strip_prefix("streams=")).map(split).unwrap_or_default();
    streams(doors, from, upgrade, names, &query, true)
}

async fn raw(
    State(doors): State<Doors>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path(names): Path<String>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response<Body> {
    let names = names.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    streams(doors, from, upgrade, names, &query.unwrap_or_default(), false)
}

async fn raw_bare(
    State(doors): State<Doors>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response<Body> {
    streams(doors, from, upgrade, Vec::new(), &query.unwrap_or_default(), false)
}

async fn api(
    State(doors): State<Doors>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response<Body> {
    let query = query.unwrap_or_default();
    open(doors, from, upgrade, Vec::new(), true, |now, ip| {
        WsSession::open(now, ip, &query).map(|session| Purpose::Api(Box::new(session)))
    })
}

async fn rest(
    State(doors): State<Doors>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let text = match to_bytes(body, LARGEST_BODY).await.map(|bytes| String::from_utf8(bytes.to_vec())) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            return (StatusCode::BAD_REQUEST, r#"{"code":-1100,"msg":"Illegal characters found in a parameter."}"#)
                .into_response();
        }
        Err(_) => {
            return (
                StatusCode::PAYLOAD_TOO_LARGE,
                r#"{"code":-1101,"msg":"Too many parameters sent for this endpoint."}"#,
            )
                .into_response();
        }
    };
    let response = doors.shared.lock().http(&HttpRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        body: &text,
        api_key: parts.headers.get("X-MBX-APIKEY").and_then(|value| value.to_str().ok()),
        // A value that is no text is no unit either.
        time_unit: parts.headers.get("X-MBX-TIME-UNIT").map(|value| value.to_str().unwrap_or_default()),
        ip: from.ip(),
        received: None,
    });
    answer(response)
}

fn answer(response: HttpResponse) -> Response<Body> {
    let mut answer = Response::new(Body::from(response.body));
    *answer.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    for (name, value) in response.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}
