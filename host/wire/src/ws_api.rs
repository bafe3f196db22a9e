//! Frames of the WebSocket API.
//!
//! Source: Binance, "Public WebSocket API", spot: a request is one text frame
//! `{id, method, params}`; its answer echoes the id and may come out of order.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::rest::{ErrorBody, RateLimit};

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Number, text or null; echoed.
    #[serde(default)]
    pub id: Value,
    /// For example `order.place`; a `v3/` prefix is allowed.
    pub method: String,
    /// Parameters by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

/// An answer: `result` or `error`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Of the request.
    #[serde(default)]
    pub id: Value,
    /// As in HTTP.
    pub status: u16,
    /// On success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// On failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
    /// Limits and what is used of them.
    #[serde(default, rename = "rateLimits", skip_serializing_if = "Vec::is_empty")]
    pub rate_limits: Vec<RateLimit>,
}

/// Answer to `userDataStream.subscribe.signature`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscribed {
    /// Marks the events of this subscription.
    pub subscription_id: u64,
}
