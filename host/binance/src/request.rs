//! Requests as values: what is asked, what it costs, and how it is signed, for REST and
//! for the WebSocket API alike.
//!
//! Source: Binance, "Public Rest API" and "Public WebSocket API", spot: paths, methods,
//! parameters, weights. In REST parameters go in the query, percent-encoded before they are
//! signed; in the WebSocket API they are signed sorted by name and not encoded.
//!
//! | module | holds |
//! |--|--|
//! | [`market`] | market data and rules |
//! | [`orders`] | placing, cancelling, amending single orders |
//! | [`lists`] | OCO, OTO, OTOCO, OPO, OPOCO |
//! | [`account`](mod@account) | the account, its orders and trades |

pub mod account;
pub mod lists;
pub mod market;
pub mod orders;

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use ringfence_model::Decimal;
use ringfence_wire::number::short;

use crate::breaker::Family;
use crate::credentials::{Credentials, without_signatures};
use crate::limits::{Cost, Priority};

pub use account::{TRADES_AT_A_TIME, account, key_permissions, my_trades, query};
pub use market::{depth, exchange_info, klines, ping, time};
pub use orders::{amend, cancel, place};

/// HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    /// As HTTP writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// A parameter before it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Param {
    name: Cow<'static, str>,
    value: String,
    /// In the WebSocket API: JSON text, or JSON as it stands (numbers, booleans, lists).
    is_text: bool,
}

/// A request before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    method: Method,
    path: &'static str,
    /// The same call of the WebSocket API, if there is one.
    ws_method: Option<&'static str>,
    params: Vec<Param>,
    /// Request weight that the venue counts.
    pub weight: u64,
    /// Orders that the venue counts.
    pub orders: u64,
    /// Who goes first when limits are near.
    pub priority: Priority,
}

/// A request as it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// HTTP method.
    pub method: Method,
    /// For example `/api/v3/order`.
    pub path: &'static str,
    /// Exactly as signed.
    pub query: String,
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &without_signatures(&self.query))
            .finish()
    }
}

fn encode_into(text: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

fn json_into(text: &mut String, value: &str, is_text: bool) {
    if is_text {
        // Text is always JSON.
        text.push_str(&serde_json::to_string(value).unwrap_or_default());
    } else {
        text.push_str(value);
    }
}

impl Request {
    fn new(method: Method, path: &'static str, ws_method: &'static str, weight: u64) -> Self {
        let priority = if method == Method::Delete { Priority::Cancel } else { Priority::Query };
        let params = Vec::with_capacity(12);
        Request { method, path, ws_method: Some(ws_method), params, weight, orders: 0, priority }
    }

    /// For an order, which counts as so many.
    fn ordering(mut self, orders: u64) -> Self {
        self.orders = orders;
        self.priority = Priority::Order;
        self
    }

    fn push(mut self, name: impl Into<Cow<'static, str>>, value: String, is_text: bool) -> Self {
        self.params.push(Param { name: name.into(), value, is_text });
        self
    }

    fn with(self, name: impl Into<Cow<'static, str>>, value: &str) -> Self {
        self.push(name, value.to_owned(), true)
    }

    fn number(self, name: impl Into<Cow<'static, str>>, value: impl ToString) -> Self {
        self.push(name, value.to_string(), false)
    }

    fn amount(self, name: impl Into<Cow<'static, str>>, value: Decimal) -> Self {
        self.push(name, short(value), true)
    }

    fn some<T>(self, value: Option<T>, then: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => then(self, value),
            None => self,
        }
    }

    /// What the venue counts. Since 2026-04-02 orders, lists and cancels give their weight back
    /// when they succeed; amendments, test orders and questions don't.
    pub fn cost(&self) -> Cost {
        let refund = self.method != Method::Get && !self.path.ends_with("/test") && !self.path.contains("/amend/");
        Cost { weight: self.weight, orders: self.orders, refund }
    }

    /// The endpoints that fail together with this one.
    pub fn family(&self, signed: bool) -> Family {
        match (self.method, signed) {
            (Method::Get, false) => Family::Market,
            (Method::Get, true) => Family::Account,
            _ => Family::Orders,
        }
    }

    /// A list of symbols, as JSON.
    fn symbols(self, symbols: &[String]) -> Self {
        let names: Vec<_> = symbols.iter().map(|symbol| format!("\"{symbol}\"")).collect();
        self.push("symbols", format!("[{}]", names.join(",")), false)
    }

    /// The method of the WebSocket API that does the same.
    pub const fn ws_method(&self) -> Option<&'static str> {
        self.ws_method
    }

    /// Method and path, for messages.
    pub fn what(&self) -> String {
        format!("{} {}", self.method.as_str(), self.path)
    }

    fn query(&self, room: usize) -> String {
        let mut query = String::with_capacity(256usize.saturating_add(room));
        for (place, param) in self.params.iter().enumerate() {
            if place > 0 {
                query.push('&');
            }
            query.push_str(&param.name);
            query.push('=');
            encode_into(&mut query, &param.value);
        }
        query
    }

    /// Signed by the owner of the key, for a moment of the venue's clock.
    pub fn sign(&self, credentials: &Credentials, timestamp_ms: u64, recv_window_ms: u64) -> Sent {
        let mut query = self.query(160);
        let and = if query.is_empty() { "" } else { "&" };
        let _ = write!(query, "{and}recvWindow={recv_window_ms}&timestamp={timestamp_ms}");
        credentials.sign_into(&mut query, 0);
        Sent { method: self.method, path: self.path, query }
    }

    /// For endpoints that ask for no key.
    pub fn unsigned(&self) -> Sent {
        Sent { method: self.method, path: self.path, query: self.query(0) }
    }

    /// The frame of the WebSocket API that asks the same; `None` if there is no such method.
    /// On a session that is logged on `credentials` may be left out.
    pub fn frame(
        &self,
        id: u64,
        credentials: Option<&Credentials>,
        timestamp_ms: u64,
        recv_window_ms: u64,
    ) -> Option<String> {
        frame(self.ws_method?, id, self.params.clone(), credentials, timestamp_ms, recv_window_ms)
    }
}

/// A signed frame of a method that REST does not have (`session.logon`, subscriptions).
pub fn session_frame(
    method: &str,
    id: u64,
    credentials: Option<&Credentials>,
    timestamp_ms: u64,
    recv_window_ms: u64,
) -> String {
    frame(method, id, Vec::new(), credentials, timestamp_ms, recv_window_ms).unwrap_or_default()
}

fn frame(
    method: &str,
    id: u64,
    mut params: Vec<Param>,
    credentials: Option<&Credentials>,
    timestamp_ms: u64,
    recv_window_ms: u64,
) -> Option<String> {
    let mut add = |name: &'static str, value: String, is_text| {
        params.push(Param { name: Cow::Borrowed(name), value, is_text });
    };
    add("timestamp", timestamp_ms.to_string(), false);
    add("recvWindow", recv_window_ms.to_string(), false);
    if let Some(credentials) = credentials {
        add("apiKey", credentials.api_key().to_owned(), true);
    }
    params.sort_by(|one, other| one.name.cmp(&other.name));
    let mut text = String::with_capacity(512);
    let _ = write!(text, r#"{{"id":{id},"method":"{method}","params":{{"#);
    for (place, param) in params.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let _ = write!(text, r#"{comma}"{}":"#, param.name);
        json_into(&mut text, &param.value, param.is_text);
    }
    if let Some(credentials) = credentials {
        let mut payload = String::with_capacity(320);
        for (place, param) in params.iter().enumerate() {
            let and = if place > 0 { "&" } else { "" };
            let _ = write!(payload, "{and}{}={}", param.name, param.value);
        }
        text.push_str(r#","signature":"#);
        json_into(&mut text, &credentials.sign(&payload), true);
    }
    text.push_str("}}");
    Some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "request/tests.rs"]
mod tests;
