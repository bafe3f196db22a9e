//! The account: balances, orders, trades, rates and what is counted of it.

use ringfence_model::venue::ClientOrderId;

use super::market::Span;
use super::orders::OrderName;
use super::{Method, Request};

fn get(path: &'static str, ws_method: &'static str, weight: u64) -> Request {
    Request::new(Method::Get, path, ws_method, weight)
}

/// `GET /api/v3/account`, zero balances left out.
pub fn account() -> Request {
    get("/api/v3/account", "account.status", 20).number("omitZeroBalances", true)
}

/// `GET /sapi/v1/account/apiRestrictions`: what the key may do. On the live venue only, and by REST only.
pub fn key_permissions() -> Request {
    Request { ws_method: None, ..get("/sapi/v1/account/apiRestrictions", "", 1) }
}

/// `GET /api/v3/order`.
pub fn query(symbol: &str, id: &ClientOrderId) -> Request {
    query_named(symbol, OrderName::Own(id))
}

/// `GET /api/v3/order` by either of an order's names.
pub fn query_named(symbol: &str, name: OrderName<'_>) -> Request {
    get("/api/v3/order", "order.status", 4).with("symbol", symbol).named(name)
}

/// `GET /api/v3/openOrders` of one symbol, or (much dearer) of all.
pub fn open_orders(symbol: Option<&str>) -> Request {
    get("/api/v3/openOrders", "openOrders.status", if symbol.is_some() { 6 } else { 80 })
        .some(symbol, |request, symbol| request.with("symbol", symbol))
}

/// `GET /api/v3/allOrders`, from an order's number on.
pub fn all_orders(symbol: &str, from_order: Option<u64>, span: Span) -> Request {
    get("/api/v3/allOrders", "allOrders", 20)
        .with("symbol", symbol)
        .some(from_order, |request, id| request.number("orderId", id))
        .span(span)
}

/// Most trades that the venue gives at a time.
pub const TRADES_AT_A_TIME: usize = 1_000;

/// `GET /api/v3/myTrades` of one order from a trade on, as many as the venue gives at a time.
pub fn my_trades(symbol: &str, order_id: u64, from_id: Option<u64>) -> Request {
    get("/api/v3/myTrades", "myTrades", 5)
        .with("symbol", symbol)
        .number("orderId", order_id)
        .some(from_id, |request, id| request.number("fromId", id))
        .number("limit", TRADES_AT_A_TIME)
}

/// `GET /api/v3/myTrades` of a symbol, from a trade id or a time on.
pub fn my_trades_since(symbol: &str, from_id: Option<u64>, span: Span) -> Request {
    get("/api/v3/myTrades", "myTrades", 20)
        .with("symbol", symbol)
        .some(from_id, |request, id| request.number("fromId", id))
        .span(span)
}

/// `GET /api/v3/rateLimit/order`: the unfilled orders that the venue counts.
pub fn order_count() -> Request {
    get("/api/v3/rateLimit/order", "account.rateLimits.orders", 40)
}

/// `GET /api/v3/myPreventedMatches` of one order.
pub fn prevented_matches(symbol: &str, order_id: u64) -> Request {
    get("/api/v3/myPreventedMatches", "myPreventedMatches", 20).with("symbol", symbol).number("orderId", order_id)
}

/// `GET /api/v3/myAllocations`: fills of smart order routing.
pub fn allocations(symbol: &str, span: Span) -> Request {
    get("/api/v3/myAllocations", "myAllocations", 20).with("symbol", symbol).span(span)
}

/// `GET /api/v3/account/commission`.
pub fn commission(symbol: &str) -> Request {
    get("/api/v3/account/commission", "account.commission", 20).with("symbol", symbol)
}

/// `GET /api/v3/order/amendments` of one order.
pub fn amendments(symbol: &str, order_id: u64) -> Request {
    get("/api/v3/order/amendments", "order.amendments", 4).with("symbol", symbol).number("orderId", order_id)
}

/// `GET /api/v3/myFilters`: the filters that hold for this account.
pub fn filters(symbol: &str) -> Request {
    get("/api/v3/myFilters", "myFilters", 40).with("symbol", symbol)
}
