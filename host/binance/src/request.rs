//! Requests as values: what is asked, what it costs, and how it is signed.
//!
//! Source: Binance, "Public Rest API", spot: paths, parameters, weights. Parameters go in
//! the query, percent-encoded before they are signed.

use std::fmt::{self, Write as _};

use ringfence_model::order::{MarketSize, Trigger};
use ringfence_model::venue::{ClientOrderId, VenueOrder};
use ringfence_model::{Decimal, OrderKind, TimeInForce, Timestamp};
use ringfence_wire::enums::{interval_text, side_text, time_in_force_text};
use ringfence_wire::number::short;

use crate::breaker::Family;
use crate::credentials::{Credentials, without_signatures};
use crate::limits::{Cost, Priority};

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

/// A request before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    method: Method,
    path: &'static str,
    params: String,
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

impl Request {
    fn new(method: Method, path: &'static str, weight: u64) -> Self {
        let priority = if method == Method::Delete { Priority::Cancel } else { Priority::Query };
        Request { method, path, params: String::with_capacity(256), weight, orders: 0, priority }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        if !self.params.is_empty() {
            self.params.push('&');
        }
        self.params.push_str(name);
        self.params.push('=');
        encode_into(&mut self.params, value);
        self
    }

    fn amount(self, name: &str, value: Decimal) -> Self {
        self.with(name, &short(value))
    }

    fn time_in_force(self, time_in_force: TimeInForce) -> Self {
        self.with("timeInForce", time_in_force_text(time_in_force))
    }

    fn trigger(self, trigger: Trigger) -> Self {
        match trigger {
            Trigger::Price(price) => self.amount("stopPrice", price),
            Trigger::Trailing(points) => self.with("trailingDelta", &points.to_string()),
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

    /// Signed by the owner of the key, for a moment of the venue's clock.
    pub fn sign(&self, credentials: &Credentials, timestamp_ms: u64, recv_window_ms: u64) -> Sent {
        let mut query = String::with_capacity(self.params.len().saturating_add(160));
        query.push_str(&self.params);
        let and = if query.is_empty() { "" } else { "&" };
        let _ = write!(query, "{and}recvWindow={recv_window_ms}&timestamp={timestamp_ms}");
        credentials.sign_into(&mut query, 0);
        Sent { method: self.method, path: self.path, query }
    }

    /// For endpoints that ask for no key.
    pub fn unsigned(&self) -> Sent {
        Sent { method: self.method, path: self.path, query: self.params.clone() }
    }
}

/// `POST /api/v3/order`.
pub fn place(order: &VenueOrder) -> Request {
    let mut request = Request::new(Method::Post, "/api/v3/order", 1)
        .with("symbol", &order.symbol)
        .with("side", side_text(order.side));
    request.orders = 1;
    request.priority = Priority::Order;
    let request = match order.kind {
        OrderKind::Market(MarketSize::Base(quantity)) => request.with("type", "MARKET").amount("quantity", quantity),
        OrderKind::Market(MarketSize::Quote(amount)) => request.with("type", "MARKET").amount("quoteOrderQty", amount),
        OrderKind::Limit { quantity, price, time_in_force, iceberg_quantity } => {
            let request = request
                .with("type", "LIMIT")
                .time_in_force(time_in_force)
                .amount("quantity", quantity)
                .amount("price", price);
            match iceberg_quantity {
                Some(iceberg) => request.amount("icebergQty", iceberg),
                None => request,
            }
        }
        OrderKind::LimitMaker { quantity, price } => {
            request.with("type", "LIMIT_MAKER").amount("quantity", quantity).amount("price", price)
        }
        OrderKind::StopLoss { quantity, trigger } => {
            request.with("type", "STOP_LOSS").amount("quantity", quantity).trigger(trigger)
        }
        OrderKind::TakeProfit { quantity, trigger } => {
            request.with("type", "TAKE_PROFIT").amount("quantity", quantity).trigger(trigger)
        }
        OrderKind::StopLossLimit { quantity, trigger, price, time_in_force } => request
            .with("type", "STOP_LOSS_LIMIT")
            .time_in_force(time_in_force)
            .amount("quantity", quantity)
            .amount("price", price)
            .trigger(trigger),
        OrderKind::TakeProfitLimit { quantity, trigger, price, time_in_force } => request
            .with("type", "TAKE_PROFIT_LIMIT")
            .time_in_force(time_in_force)
            .amount("quantity", quantity)
            .amount("price", price)
            .trigger(trigger),
    };
    request.with("newClientOrderId", &order.client_order_id.0).with("newOrderRespType", "ACK")
}

fn of_order(method: Method, path: &'static str, weight: u64, symbol: &str, id: &ClientOrderId) -> Request {
    Request::new(method, path, weight).with("symbol", symbol).with("origClientOrderId", &id.0)
}

/// `DELETE /api/v3/order`.
pub fn cancel(symbol: &str, id: &ClientOrderId) -> Request {
    of_order(Method::Delete, "/api/v3/order", 1, symbol, id)
}

/// `PUT /api/v3/order/amend/keepPriority`; the order keeps its client order id.
pub fn amend(symbol: &str, id: &ClientOrderId, quantity: Decimal) -> Request {
    let mut request = of_order(Method::Put, "/api/v3/order/amend/keepPriority", 4, symbol, id)
        .with("newClientOrderId", &id.0)
        .amount("newQty", quantity);
    // An amendment makes an order smaller: it reduces.
    request.priority = Priority::Cancel;
    request
}

/// `GET /api/v3/order`.
pub fn query(symbol: &str, id: &ClientOrderId) -> Request {
    of_order(Method::Get, "/api/v3/order", 4, symbol, id)
}

/// `GET /api/v3/myTrades` of one order.
pub fn my_trades(symbol: &str, order_id: u64) -> Request {
    Request::new(Method::Get, "/api/v3/myTrades", 5).with("symbol", symbol).with("orderId", &order_id.to_string())
}

/// `GET /api/v3/account`, zero balances left out.
pub fn account() -> Request {
    Request::new(Method::Get, "/api/v3/account", 20).with("omitZeroBalances", "true")
}

/// `GET /api/v3/ping`.
pub fn ping() -> Request {
    Request::new(Method::Get, "/api/v3/ping", 1)
}

/// `GET /sapi/v1/account/apiRestrictions`: what the key may do. On the live venue only.
pub fn key_permissions() -> Request {
    Request::new(Method::Get, "/sapi/v1/account/apiRestrictions", 1)
}

/// `GET /api/v3/time`.
pub fn time() -> Request {
    Request::new(Method::Get, "/api/v3/time", 1)
}

/// `GET /api/v3/exchangeInfo`.
pub fn exchange_info(symbols: &[String]) -> Request {
    let request = Request::new(Method::Get, "/api/v3/exchangeInfo", 20);
    match symbols {
        [one] => request.with("symbol", one),
        many => {
            let names: Vec<_> = many.iter().map(|symbol| format!("\"{symbol}\"")).collect();
            request.with("symbols", &format!("[{}]", names.join(",")))
        }
    }
}

/// `GET /api/v3/depth` with the most levels that the host keeps.
pub fn depth(symbol: &str) -> Request {
    Request::new(Method::Get, "/api/v3/depth", 50).with("symbol", symbol).with("limit", "1000")
}

/// `GET /api/v3/klines`; `None` if the venue has no such interval.
pub fn klines(symbol: &str, interval: u32, start: Option<Timestamp>, limit: u32) -> Option<Request> {
    let request = Request::new(Method::Get, "/api/v3/klines", 2)
        .with("symbol", symbol)
        .with("interval", interval_text(interval)?)
        .with("limit", &limit.to_string());
    Some(match start {
        Some(start) => request.with("startTime", &start.as_millis().to_string()),
        None => request,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::Side;

    #[test]
    fn an_order_as_the_venue_wants_it() {
        let order = VenueOrder {
            symbol: "BTCUSDT".into(),
            side: Side::Buy,
            kind: OrderKind::Limit {
                quantity: Decimal::new(100, 5),
                price: Decimal::new(6_183_700, 2),
                time_in_force: TimeInForce::Gtc,
                iceberg_quantity: None,
            },
            client_order_id: ClientOrderId("s-0-1".into()),
        };
        let sent = place(&order).sign(&Credentials::new("k".into(), "s".into()), 1_700_000_000_000, 5_000);
        assert_eq!((sent.method.as_str(), sent.path), ("POST", "/api/v3/order"));
        let (payload, signature) = sent.query.rsplit_once("&signature=").unwrap_or_default();
        assert_eq!(
            payload,
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=61837&newClientOrderId=s-0-1&newOrderRespType=ACK&recvWindow=5000&timestamp=1700000000000"
        );
        assert_eq!(signature, Credentials::new("k".into(), "s".into()).sign(payload));
    }

    #[test]
    fn what_is_not_plain_is_encoded_before_it_is_signed() {
        assert_eq!(
            query("１２", &ClientOrderId("a b".into())).unsigned().query,
            "symbol=%EF%BC%91%EF%BC%92&origClientOrderId=a%20b"
        );
        assert_eq!(exchange_info(&["A".into(), "B".into()]).unsigned().query, "symbols=%5B%22A%22%2C%22B%22%5D");
    }
}
