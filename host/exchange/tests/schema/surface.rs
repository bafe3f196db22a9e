//! Every endpoint, method and stream of the official documents that concerns market data,
//! trading, account or user data leads somewhere. Source: repository
//! binance/binance-spot-api-docs, `rest-api.md`, `web-socket-api.md` and
//! `web-socket-streams.md` of July 2026.

use ringfence_exchange::HttpRequest;
use serde_json::{Value, json};

use crate::desk::Desk;

const ENDPOINTS: &[(&str, &str)] = &[
    ("GET", "ping"),
    ("GET", "time"),
    ("GET", "exchangeInfo"),
    ("GET", "executionRules"),
    ("GET", "depth"),
    ("GET", "trades"),
    ("GET", "historicalTrades"),
    ("GET", "historicalBlockTrades"),
    ("GET", "aggTrades"),
    ("GET", "klines"),
    ("GET", "uiKlines"),
    ("GET", "avgPrice"),
    ("GET", "ticker/24hr"),
    ("GET", "ticker/tradingDay"),
    ("GET", "ticker/price"),
    ("GET", "ticker/bookTicker"),
    ("GET", "ticker"),
    ("GET", "referencePrice"),
    ("GET", "referencePrice/calculation"),
    ("POST", "order"),
    ("POST", "order/test"),
    ("GET", "order"),
    ("DELETE", "order"),
    ("DELETE", "openOrders"),
    ("POST", "order/cancelReplace"),
    ("PUT", "order/amend/keepPriority"),
    ("GET", "openOrders"),
    ("GET", "allOrders"),
    ("POST", "order/oco"),
    ("POST", "orderList/oco"),
    ("POST", "orderList/oto"),
    ("POST", "orderList/otoco"),
    ("POST", "orderList/opo"),
    ("POST", "orderList/opoco"),
    ("DELETE", "orderList"),
    ("GET", "orderList"),
    ("GET", "allOrderList"),
    ("GET", "openOrderList"),
    ("POST", "sor/order"),
    ("POST", "sor/order/test"),
    ("GET", "account"),
    ("GET", "myTrades"),
    ("GET", "rateLimit/order"),
    ("GET", "myPreventedMatches"),
    ("GET", "myAllocations"),
    ("GET", "account/commission"),
    ("GET", "order/amendments"),
    ("GET", "myFilters"),
];

const METHODS: &[&str] = &[
    "ping",
    "time",
    "exchangeInfo",
    "executionRules",
    "depth",
    "trades.recent",
    "trades.historical",
    "blockTrades.historical",
    "trades.aggregate",
    "klines",
    "uiKlines",
    "avgPrice",
    "ticker.24hr",
    "ticker.tradingDay",
    "ticker",
    "ticker.price",
    "ticker.book",
    "referencePrice",
    "referencePrice.calculation",
    "session.logon",
    "session.status",
    "session.logout",
    "session.subscriptions",
    "order.place",
    "order.test",
    "order.status",
    "order.cancel",
    "order.cancelReplace",
    "order.amend.keepPriority",
    "openOrders.status",
    "openOrders.cancelAll",
    "allOrders",
    "orderList.place",
    "orderList.place.oco",
    "orderList.place.oto",
    "orderList.place.otoco",
    "orderList.place.opo",
    "orderList.place.opoco",
    "orderList.status",
    "orderList.cancel",
    "openOrderLists.status",
    "allOrderLists",
    "sor.order.place",
    "sor.order.test",
    "account.status",
    "account.rateLimits.orders",
    "account.commission",
    "myTrades",
    "myPreventedMatches",
    "myAllocations",
    "myFilters",
    "order.amendments",
    "userDataStream.subscribe",
    "userDataStream.subscribe.signature",
    "userDataStream.unsubscribe",
];

/// After the symbol, or whole if it begins with `!`.
const STREAMS: &[&str] = &[
    "trade",
    "aggTrade",
    "blockTrade",
    "kline_1s",
    "kline_1m",
    "kline_3m",
    "kline_5m",
    "kline_15m",
    "kline_30m",
    "kline_1h",
    "kline_2h",
    "kline_4h",
    "kline_6h",
    "kline_8h",
    "kline_12h",
    "kline_1d",
    "kline_3d",
    "kline_1w",
    "kline_1M",
    "kline_1d@+08:00",
    "miniTicker",
    "ticker",
    "ticker_1h",
    "ticker_4h",
    "ticker_1d",
    "bookTicker",
    "avgPrice",
    "referencePrice",
    "depth",
    "depth@100ms",
    "depth5",
    "depth10",
    "depth20",
    "depth5@100ms",
    "depth10@100ms",
    "depth20@100ms",
    "!miniTicker@arr",
    "!ticker_1h@arr",
    "!ticker_4h@arr",
    "!ticker_1d@arr",
];

/// Status and body of a bare request.
fn ask(desk: &mut Desk, method: &str, path: &str) -> (u16, String) {
    let request = HttpRequest { method, path, ..HttpRequest::default() };
    let answer = desk.exchange.http(desk.now, &request);
    (answer.status, answer.body)
}

#[test]
fn every_documented_endpoint_leads_somewhere() {
    let mut desk = Desk::new();
    for (method, path) in ENDPOINTS {
        // Without parameters most are refused, but by name.
        let (status, body) = ask(&mut desk, method, &format!("/api/v3/{path}"));
        assert!(matches!(status, 200 | 400 | 401), "{method} {path}: {status} {body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(status == 200 || body["code"].as_i64().is_some_and(|code| code < -1_099), "{method} {path}: {body}");
    }
}

/// What ccxt, Freqtrade and older clients ask for beside the spot API.
#[test]
fn what_is_not_there_is_answered_in_json() {
    let mut desk = Desk::new();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/api/v1/ping"),
        ("GET", "/api/v3/nothing"),
        ("GET", "/api/v3/exchangeinfo"),
        ("GET", "/sapi/v1/capital/config/getall"),
        ("GET", "/sapi/v1/margin/allPairs"),
        ("GET", "/sapi/v1/account/apiRestrictions"),
        ("POST", "/sapi/v3/asset/getUserAsset"),
        ("GET", "/fapi/v1/exchangeInfo"),
        ("GET", "/dapi/v1/exchangeInfo"),
        ("GET", "/eapi/v1/exchangeInfo"),
        ("DELETE", "/api/v3/time"),
    ] {
        let (status, body) = ask(&mut desk, method, path);
        assert!(status == 404 || status == 405, "{method} {path}: {status} {body}");
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"));
        assert!(body["code"].is_i64() && body["msg"].is_string(), "{method} {path}: {body}");
    }
}

#[test]
fn every_documented_method_leads_somewhere() {
    for method in METHODS {
        let mut desk = Desk::new();
        let answer = desk.frame(&json!({"id": 1, "method": method}).to_string());
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let code = answer["error"]["code"].as_i64();
        assert!(answer["status"] == 200 || code.is_some_and(|code| code < -1_099), "{method}: {answer}");
    }
    let answer: Value = serde_json::from_str(&Desk::new().frame(r#"{"id":1,"method":"nothing"}"#)).unwrap();
    assert_eq!(answer["error"]["code"], -1020, "{answer}");
}

#[test]
fn every_documented_stream_is_known() {
    let mut desk = Desk::new();
    for stream in STREAMS {
        let name = if stream.starts_with('!') { (*stream).to_owned() } else { format!("btcusdt@{stream}") };
        assert!(desk.exchange.listen(&name), "{name}");
    }
    assert!(!desk.exchange.listen("btcusdt@nothing"));
}
