//! REST as it comes, and the paths that become sockets.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, Request, State, WebSocketUpgrade};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::any;
use tokio::sync::watch;

use super::sockets;
use super::state::{Purpose, Shared};
use crate::http::params::decode;
use crate::http::{HttpRequest, HttpResponse};
use crate::ws_api::WsSession;

/// A form never comes near this.
const LARGEST_BODY: usize = 64 * 1024;

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

fn streams(doors: Doors, upgrade: WebSocketUpgrade, names: Vec<String>, combined: bool) -> Response<Body> {
    upgrade.on_upgrade(move |socket| {
        sockets::run(socket, doors, Purpose::Streams { names: Default::default(), combined }, names)
    })
}

fn split(names: &str) -> Vec<String> {
    decode(names).unwrap_or_default().split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

async fn combined(State(doors): State<Doors>, RawQuery(query): RawQuery, upgrade: WebSocketUpgrade) -> Response<Body> {
    let names = query
        .as_deref()
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| pair.strip_prefix("streams="))
        .map(split)
        .unwrap_or_default();
    streams(doors, upgrade, names, true)
}

async fn raw(State(doors): State<Doors>, Path(names): Path<String>, upgrade: WebSocketUpgrade) -> Response<Body> {
    streams(doors, upgrade, names.split('/').map(str::to_owned).collect(), false)
}

async fn raw_bare(State(doors): State<Doors>, upgrade: WebSocketUpgrade) -> Response<Body> {
    streams(doors, upgrade, Vec::new(), false)
}

async fn api(State(doors): State<Doors>, upgrade: WebSocketUpgrade) -> Response<Body> {
    upgrade.on_upgrade(move |socket| sockets::run(socket, doors, Purpose::Api(WsSession::default()), Vec::new()))
}

async fn rest(State(doors): State<Doors>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let text = match to_bytes(body, LARGEST_BODY).await.map(|bytes| String::from_utf8(bytes.to_vec())) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            return (StatusCode::BAD_REQUEST, r#"{"code":-1100,"msg":"Illegal characters found in a parameter."}"#)
                .into_response();
        }
        Err(_) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    };
    let response = doors.shared.lock().http(&HttpRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        body: &text,
        api_key: parts.headers.get("X-MBX-APIKEY").and_then(|value| value.to_str().ok()),
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
