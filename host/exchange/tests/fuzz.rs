//! Whatever is sent, the exchange answers in the venue's form and goes on: malformed
//! queries and frames, repeated and unknown parameters, absurd numbers.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig, HttpRequest, LimitConfig, WsSession};
use ringfence_model::{Micros, Timestamp};
use serde_json::Value;
use sha2::Sha256;

const KEY: &str = "ada";
const SECRET: &str = "ADA";

/// Every path of the venue, and some of others.
const PATHS: &[&str] = &[
    "/api/v3/ping",
    "/api/v3/time",
    "/api/v3/exchangeInfo",
    "/api/v3/executionRules",
    "/api/v3/referencePrice",
    "/api/v3/referencePrice/calculation",
    "/api/v3/depth",
    "/api/v3/trades",
    "/api/v3/historicalTrades",
    "/api/v3/historicalBlockTrades",
    "/api/v3/aggTrades",
    "/api/v3/klines",
    "/api/v3/uiKlines",
    "/api/v3/avgPrice",
    "/api/v3/ticker/24hr",
    "/api/v3/ticker/tradingDay",
    "/api/v3/ticker",
    "/api/v3/ticker/price",
    "/api/v3/ticker/bookTicker",
    "/api/v3/order",
    "/api/v3/order/test",
    "/api/v3/openOrders",
    "/api/v3/order/cancelReplace",
    "/api/v3/order/amend/keepPriority",
    "/api/v3/order/oco",
    "/api/v3/orderList/oco",
    "/api/v3/orderList/oto",
    "/api/v3/orderList/otoco",
    "/api/v3/orderList/opo",
    "/api/v3/orderList/opoco",
    "/api/v3/orderList",
    "/api/v3/openOrderList",
    "/api/v3/allOrderList",
    "/api/v3/sor/order",
    "/api/v3/sor/order/test",
    "/api/v3/allOrders",
    "/api/v3/myTrades",
    "/api/v3/account",
    "/api/v3/account/commission",
    "/api/v3/rateLimit/order",
    "/api/v3/myPreventedMatches",
    "/api/v3/myAllocations",
    "/api/v3/order/amendments",
    "/api/v3/myFilters",
    "/api/v3/userDataStream",
    "/api/v3/",
    "/api/v1/ping",
    "/sapi/v1/capital/config/getall",
    "/fapi/v1/exchangeInfo",
    "/",
    "",
];

const NAMES: &[&str] = &[
    "symbol",
    "symbols",
    "side",
    "type",
    "timeInForce",
    "quantity",
    "quoteOrderQty",
    "price",
    "stopPrice",
    "trailingDelta",
    "icebergQty",
    "newClientOrderId",
    "origClientOrderId",
    "orderId",
    "orderListId",
    "newOrderRespType",
    "selfTradePreventionMode",
    "strategyType",
    "newQty",
    "cancelReplaceMode",
    "aboveType",
    "belowType",
    "abovePrice",
    "belowPrice",
    "aboveStopPrice",
    "belowStopPrice",
    "workingType",
    "workingSide",
    "workingPrice",
    "workingQuantity",
    "workingTimeInForce",
    "pendingType",
    "pendingSide",
    "pendingQuantity",
    "pendingPrice",
    "limit",
    "fromId",
    "startTime",
    "endTime",
    "interval",
    "timeZone",
    "windowSize",
    "permissions",
    "showPermissionSets",
    "symbolStatus",
    "omitZeroBalances",
    "recvWindow",
    "listenKey",
    "pegPriceType",
    "pegOffsetType",
    "pegOffsetValue",
    "subscriptionId",
    "returnRateLimits",
    "unknown",
];

const VALUES: &[&str] = &[
    "BTCUSDT",
    "btcusdt",
    "NOPE",
    "[\"BTCUSDT\",\"ETHUSDT\"]",
    "%5B%22BTCUSDT%22%5D",
    "[[[[",
    "[]",
    "BUY",
    "SELL",
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
    "GTC",
    "IOC",
    "FOK",
    "0.01",
    "60000",
    "59000.5",
    "0",
    "-1",
    "1",
    "5000",
    "1e-05",
    "0.000000000000000000001",
    "99999999999999999999.99999999999999999999",
    "79228162514264337593543950335",
    "18446744073709551615",
    "18446744073709551616",
    "NaN",
    "",
    "%",
    "%zz",
    "%00",
    "%F0%9F%92%A9",
    "币安",
    "true",
    "TRUE",
    "1m",
    "1M",
    "1s",
    "7d",
    "-12:00",
    "14:01",
    "FULL",
    "MINI",
    "ACK",
    "TRADING",
    "BREAK",
    "EXPIRE_MAKER",
    "STOP_ON_FAILURE",
    "ALLOW_FAILURE",
    "PRIMARY_PEG",
    "x' OR 1=1 --",
    "&=&=",
];

fn hmac(payload: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(payload.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn exchange() -> (Exchange, Timestamp) {
    let account = AccountConfig { api_key: KEY.to_owned(), secret: SECRET.to_owned(), ..AccountConfig::default() };
    let limits = LimitConfig {
        weight_per_minute: u64::MAX / 2,
        raw_per_five_minutes: u64::MAX,
        orders_per_ten_seconds: u64::MAX,
        orders_per_day: u64::MAX,
        ..LimitConfig::default()
    };
    let config = ExchangeConfig { accounts: vec![account], limits, listen_keys: true, ..ExchangeConfig::default() };
    let mut exchange = Exchange::new(config).unwrap();
    let now = exchange.start().plus(Micros::from_millis(1_000));
    exchange.advance(now);
    (exchange, now)
}

fn pair() -> impl Strategy<Value = String> {
    let value = prop_oneof![8 => select(VALUES).prop_map(str::to_owned), 1 => ".{0,24}", 1 => "[0-9.]{0,40}"];
    (select(NAMES), value).prop_map(|(name, value)| format!("{name}={value}"))
}

fn query() -> impl Strategy<Value = String> {
    let symbol = prop_oneof![3 => Just("symbol=BTCUSDT".to_owned()), 1 => Just(String::new())];
    (symbol, prop::collection::vec(pair(), 0..9)).prop_map(|(symbol, pairs)| {
        let mut all = pairs;
        if !symbol.is_empty() && !all.iter().any(|pair| pair.starts_with("symbol=")) {
            all.insert(0, symbol);
        }
        all.join("&")
    })
}

/// What an order needs, in every combination: deep enough to reach the engine.
fn order() -> impl Strategy<Value = String> {
    let of = |name: &'static str, values: &'static [&'static str]| {
        prop::option::weighted(0.85, select(values)).prop_map(move |value| value.map(|value| format!("{name}={value}")))
    };
    (
        of("side", &["BUY", "SELL"]),
        of("type", &["LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"]),
        of("timeInForce", &["GTC", "IOC", "FOK"]),
        of("quantity", &["0.01", "1", "9000", "0.00001", "99999999999999999999", "0"]),
        of("price", &["60000", "59999.99", "1", "1000000", "0.01", "99999999999999999999", "0"]),
        prop::collection::vec(pair(), 0..3),
    )
        .prop_map(|(side, kind, time, quantity, price, more)| {
            let own = [Some("symbol=BTCUSDT".to_owned()), side, kind, time, quantity, price];
            own.into_iter().flatten().chain(more).collect::<Vec<_>>().join("&")
        })
}

fn check(status: u16, body: &str) -> Result<(), TestCaseError> {
    let told: Value =
        serde_json::from_str(body).map_err(|error| TestCaseError::fail(format!("no JSON ({error}): {body}")))?;
    if status == 200 {
        return Ok(());
    }
    prop_assert!([400, 401, 404, 409, 410, 429].contains(&status), "{status}: {body}");
    prop_assert!(told["code"].is_i64() && told["msg"].is_string(), "{body}");
    prop_assert_ne!(&told["code"], -1000, "{}", body);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_request_is_answered(
        requests in prop::collection::vec(
            (select(&["GET", "POST", "PUT", "DELETE", "PATCH", ""][..]), select(PATHS), query(), query(), 0u8..8),
            1..24,
        ),
    ) {
        let (mut exchange, now) = exchange();
        for (method, path, mut query, body, how) in requests {
            let body = if method == "GET" { String::new() } else { body };
            if how > 1 {
                query = format!("{query}&timestamp={}", now.as_millis());
                query = format!("{query}&signature={}", hmac(&format!("{query}{body}")));
            }
            let request = HttpRequest {
                method,
                path,
                query: &query,
                body: &body,
                api_key: (how > 0).then_some(KEY),
                time_unit: (how == 7).then_some("MICROSECOND"),
                ..HttpRequest::default()
            };
            let answer = exchange.http(now, &request);
            check(answer.status, &answer.body)?;
            exchange.drain_user();
        }
    }

    #[test]
    fn any_order_is_answered_and_money_is_conserved(orders in prop::collection::vec((order(), any::<bool>()), 1..30)) {
        let (mut exchange, now) = exchange();
        let totals: Vec<_> = ["USDT", "BTC"].iter().map(|asset| exchange.total(asset)).collect();
        for (order, test) in orders {
            let query = format!("{order}&timestamp={}", now.as_millis());
            let query = format!("{query}&signature={}", hmac(&query));
            let path = if test { "/api/v3/order/test" } else { "/api/v3/order" };
            let request =
                HttpRequest { method: "POST", path, query: &query, api_key: Some(KEY), ..HttpRequest::default() };
            let answer = exchange.http(now, &request);
            check(answer.status, &answer.body)?;
            for event in exchange.drain_user() {
                prop_assert!(serde_json::from_str::<Value>(&event.json).is_ok(), "{}", event.json);
            }
        }
        let after: Vec<_> = ["USDT", "BTC"].iter().map(|asset| exchange.total(asset)).collect();
        prop_assert_eq!(totals, after);
    }

    #[test]
    fn any_text_is_answered_by_the_rest_door(
        path in ".{0,40}", query in ".{0,200}", body in ".{0,200}", key in prop::option::of(".{0,20}"),
    ) {
        let (mut exchange, now) = exchange();
        let path = format!("/api/v3/{path}");
        let request = HttpRequest {
            method: "POST", path: &path, query: &query, body: &body, api_key: key.as_deref(), ..HttpRequest::default()
        };
        let answer = exchange.http(now, &request);
        check(answer.status, &answer.body)?;
    }

    #[test]
    fn any_text_is_answered_by_the_frame_door(text in ".{0,300}") {
        let (mut exchange, now) = exchange();
        frame(&mut exchange, now, &mut WsSession::default(), &text)?;
    }

    /// The venue's own examples with bytes cut out, doubled and changed.
    #[test]
    fn damaged_examples_are_answered(
        which: Index,
        damage in prop::collection::vec((any::<Index>(), 0u8..4, any::<char>(), 1usize..9), 0..6),
    ) {
        let examples = examples();
        let mut text: Vec<char> = which.get(&examples).chars().collect();
        for (at, how, letter, length) in damage {
            let at = at.index(text.len().max(1)).min(text.len());
            let end = at.saturating_add(length).min(text.len());
            match how {
                0 => drop(text.drain(at..end)),
                1 => text.splice(at..at, text[at..end].to_vec()).for_each(drop),
                2 => text.insert(at, letter),
                _ => text.truncate(text.len().max(20) - length),
            }
        }
        let (mut exchange, now) = exchange();
        let mut session = WsSession::default();
        let text: String = text.into_iter().collect();
        frame(&mut exchange, now, &mut session, &text)?;
        frame(&mut exchange, now, &mut session, &text)?;
    }
}

fn frame(exchange: &mut Exchange, now: Timestamp, session: &mut WsSession, text: &str) -> Result<(), TestCaseError> {
    let answer = exchange.ws_api(now, session, text);
    let told: Value =
        serde_json::from_str(&answer).map_err(|error| TestCaseError::fail(format!("no JSON ({error}): {answer}")))?;
    let status = told["status"].as_u64().unwrap_or_default();
    if status == 200 {
        prop_assert!(told.get("result").is_some(), "{answer}");
    } else {
        check(u16::try_from(status).unwrap(), &told["error"].to_string())?;
    }
    prop_assert!(told.get("id").is_some(), "{answer}");
    Ok(())
}

/// Requests of the WebSocket API.
fn examples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/binance/ws-api");
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|path| std::fs::read_to_string(path).unwrap()).filter(|text| text.contains("\"method\"")).collect()
}

#[test]
fn absurd_sizes_are_refused_and_take_no_memory() {
    let (mut exchange, now) = exchange();
    let many: Vec<String> = (0..10_000).map(|n| format!("p{n}=1")).collect();
    let long = format!("symbol={}", "A".repeat(1 << 20));
    let deep = format!("symbols={}", "[".repeat(100_000));
    let list = format!("symbols=[{}]", vec!["\"BTCUSDT\""; 50_000].join(","));
    for (query, code) in [(many.join("&"), -1101), (long, -1100), (deep, -1100), (list, -1151)] {
        let request = HttpRequest { path: "/api/v3/ticker/24hr", query: &query, ..HttpRequest::default() };
        let answer = exchange.http(now, &request);
        let told: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, &told["code"]), (400, &code.into()));
        assert!(answer.body.len() < 400, "{} bytes", answer.body.len());
    }
    let mut session = WsSession::default();
    let params: Vec<String> = (0..10_000).map(|n| format!("\"p{n}\":1")).collect();
    for (text, status) in [
        (format!(r#"{{"id":1,"method":"ping","params":{{{}}}}}"#, params.join(",")), 400),
        // A parameter that nobody reads may be anything.
        (format!(r#"{{"id":1,"method":"ping","params":{{"a":{}{}}}}}"#, "[".repeat(100_000), "]".repeat(100_000)), 200),
        (format!(r#"{{"id":{},"method":"ping"}}"#, "9".repeat(100_000)), 400),
        ("[".repeat(1 << 20), 400),
    ] {
        let answer = exchange.ws_api(now, &mut session, &text);
        assert!(answer.contains(&format!("\"status\":{status}")) && answer.len() < 400, "{} bytes", answer.len());
    }
}
