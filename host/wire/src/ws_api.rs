//! Frames of the WebSocket API.
//!
//! Source: Binance, "Public WebSocket API", spot: a request is one text frame
//! `{id, method, params}`; its answer echoes the id and may come out of order.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::WireError;
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

/// What comes from the venue: an answer, or an event of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming<'a> {
    /// The event itself, without its wrapping.
    Event(&'a str),
    /// Of one of our requests.
    Answer(Answer<'a>),
}

/// An answer whose body is not read yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<'a> {
    /// Of the request; the venue leaves it out if it could not read the request.
    pub id: Option<u64>,
    /// As in HTTP.
    pub status: u16,
    /// What REST would answer: the result, or code and text.
    pub body: &'a str,
    /// With 418 and 429: when the venue wants to hear anything again, in milliseconds since 1970.
    pub retry_after: Option<u64>,
    /// Limits and what is used of them.
    pub rate_limits: Vec<RateLimit>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    status: Option<u16>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(default, rename = "rateLimits")]
    rate_limits: Vec<RateLimit>,
}

#[derive(Deserialize)]
struct ErrorData {
    data: Option<RetryAfter>,
}

#[derive(Deserialize)]
struct RetryAfter {
    #[serde(rename = "retryAfter")]
    retry_after: Option<u64>,
}

impl<'a> Incoming<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// It is no JSON, or neither an answer nor an event.
    pub fn parse(raw: &'a [u8]) -> Result<Self, WireError> {
        let frame: Frame<'a> = serde_json::from_slice(raw)
            .map_err(|error| WireError::json("a frame of the WebSocket API", &error, raw))?;
        if let Some(event) = frame.event {
            return Ok(Incoming::Event(event.get()));
        }
        let Some(status) = frame.status else {
            let found = String::from_utf8_lossy(raw.get(..80).unwrap_or(raw)).into_owned();
            return Err(WireError::Unknown { what: "a frame without status and event", found });
        };
        let data = frame.error.and_then(|error| serde_json::from_str::<ErrorData>(error.get()).ok()?.data);
        Ok(Incoming::Answer(Answer {
            id: frame.id.and_then(|id| id.get().parse().ok()),
            status,
            body: frame.error.or(frame.result).map_or("null", RawValue::get),
            retry_after: data.and_then(|data| data.retry_after),
            rate_limits: frame.rate_limits,
        }))
    }
}
