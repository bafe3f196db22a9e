//! WebSocket API: general calls, limits, sessions and what they hear.

use serde_json::json;

use super::{Row, but, row};

pub const ROWS: &[Row] = &[
    row("ws-api/test-connectivity.2", |desk, recorded| {
        desk.example(&recorded("ws-api/test-connectivity.1"), json!({}))
    }),
    row("ws-api/check-server-time.2", |desk, recorded| {
        desk.example(&recorded("ws-api/check-server-time.1"), json!({}))
    }),
    row("ws-api/how-to-show-hide-rate-limit-information.2", |desk, recorded| {
        desk.example(&recorded("ws-api/how-to-show-hide-rate-limit-information.1"), json!({}))
    }),
    row("ws-api/how-to-show-hide-rate-limit-information.4", |desk, recorded| {
        desk.example(&recorded("ws-api/how-to-show-hide-rate-limit-information.3"), json!({}))
    }),
    but("ws-api/log-in-with-api-key.2", &[], &["rateLimits"], |desk, recorded| {
        desk.example(&recorded("ws-api/log-in-with-api-key.1"), json!({}))
    }),
    but("ws-api/query-session-status.2", &[], &["rateLimits"], |desk, recorded| {
        desk.log_on();
        desk.example(&recorded("ws-api/query-session-status.1"), json!({}))
    }),
    but("ws-api/log-out-of-the-session.2", &[], &["rateLimits"], |desk, recorded| {
        desk.log_on();
        desk.example(&recorded("ws-api/log-out-of-the-session.1"), json!({}))
    }),
    but("ws-api/subscribe-to-user-data-stream.2", &[], &["rateLimits"], |desk, recorded| {
        desk.log_on();
        desk.example(&recorded("ws-api/subscribe-to-user-data-stream.1"), json!({}))
    }),
    but(
        "ws-api/subscribe-to-user-data-stream-through-signature-subscription.2",
        &[],
        &["rateLimits"],
        |desk, recorded| {
            desk.example(&recorded("ws-api/subscribe-to-user-data-stream-through-signature-subscription.1"), json!({}))
        },
    ),
    but("ws-api/listing-all-subscriptions.2", &[], &["rateLimits"], |desk, recorded| {
        desk.subscribe();
        desk.example(&recorded("ws-api/listing-all-subscriptions.1"), json!({}))
    }),
    but("ws-api/unsubscribe-from-user-data-stream.2", &[], &["rateLimits"], |desk, recorded| {
        desk.subscribe();
        desk.example(&recorded("ws-api/unsubscribe-from-user-data-stream.1"), json!({}))
    }),
    but("ws-api/authenticate-after-connection.1", &[], &["rateLimits"], |desk, _| {
        desk.frame(r#"{"id":null,"method":"userDataStream.subscribe"}"#)
    }),
    row("ws-api/server-shutdown.1", |desk, _| ringfence_exchange::ws_api::server_shutdown(desk.now)),
    row("ws-api/event-format.1", |desk, _| {
        desk.take();
        desk.event("outboundAccountPosition")
    }),
    row("ws-api/how-to-interpret-rate-limits.1", |desk, _| desk.frame(r#"{"id":"a","method":"time"}"#)),
];
