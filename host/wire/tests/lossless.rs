//! Every documented payload is read, written and read again, and nothing of it is lost:
//! the same fields with the same values, decimals compared as numbers.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ringfence_model::Decimal;
use ringfence_wire::rest::account::{Account, Commission, RelevantFilters, TestOrder};
use ringfence_wire::rest::market::{
    AggregateTrade, AveragePrice, BookTicker, ExecutionRules, OneOrMany, PriceTicker, PublicTrade, ReferencePrice,
    ReferencePriceCalculation, Statistics, VenueRules,
};
use ringfence_wire::rest::orders::{
    AccountTrade, Allocation, AmendReport, Amendment, CancelReplaceError, CancelReplaceReport, Canceled,
    OrderListReport, OrderReport, PreventedMatch,
};
use ringfence_wire::rest::{DepthSnapshot, ErrorBody, KlineRow, RateLimit, ServerTime};
use ringfence_wire::stream::payload;
use ringfence_wire::user::{AccountPositionPayload, DeltaEvent, FullReport, ListStatusPayload};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/binance").join(name)
}

fn names(name: &str) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort();
    names
}

fn json(room: &str, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder(room).join(name)).unwrap()).unwrap()
}

/// The first difference, if there is one.
fn difference(path: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            keys.into_iter().find_map(|key| match (one.get(key), other.get(key)) {
                (Some(one), Some(other)) => difference(&format!("{path}.{key}"), one, other),
                (one, other) => Some(format!("{path}.{key}: {one:?} became {other:?}")),
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => one
            .iter()
            .zip(other)
            .enumerate()
            .find_map(|(at, (one, other))| difference(&format!("{path}[{at}]"), one, other)),
        (Value::String(one), Value::String(other)) if one != other => {
            match (Decimal::from_str_exact(one), Decimal::from_str_exact(other)) {
                (Ok(one), Ok(other)) if one == other => None,
                _ => Some(format!("{path}: {one} became {other}")),
            }
        }
        (one, other) if one == other => None,
        (one, other) => Some(format!("{path}: {one} became {other}")),
    }
}

/// Reads, writes, compares; reads what was written and compares again.
fn through<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(what: &str, original: &Value) {
    let text = original.to_string();
    let parsed: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{what}: {error}"));
    let written = serde_json::to_string(&parsed).unwrap();
    let again: T = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{what}, written: {error}"));
    assert_eq!(parsed, again, "{what}");
    let difference = difference("", original, &serde_json::from_str(&written).unwrap());
    assert_eq!(difference, None, "{what}");
}

/// The body of an answer by the name of its document's chapter, REST and WebSocket API alike.
fn answer(what: &str, chapter: &str, body: &Value) {
    let body_is_list = body.is_array();
    if body.get("code").is_some() && body.get("data").is_none() {
        return through::<ErrorBody>(what, body);
    }
    match chapter {
        "24hr-ticker-price-change-statistics" | "trading-day-ticker" | "rolling-window-price-change-statistics" => {
            through::<OneOrMany<Statistics>>(what, body);
        }
        "symbol-price-ticker" => through::<OneOrMany<PriceTicker>>(what, body),
        "symbol-order-book-ticker" => through::<OneOrMany<BookTicker>>(what, body),
        "account-information" => through::<Account>(what, body),
        "account-trade-list" | "account-trade-history" => through::<Vec<AccountTrade>>(what, body),
        "all-orders" | "current-open-orders" | "account-order-history" => through::<Vec<OrderReport>>(what, body),
        "cancel-all-open-orders-on-a-symbol" | "cancel-open-orders" => through::<Vec<Canceled>>(what, body),
        "cancel-an-existing-order-and-send-a-new-order" | "cancel-and-replace-order" => {
            if body.get("data").is_some() {
                through::<CancelReplaceError>(what, body);
            } else {
                through::<CancelReplaceReport>(what, body);
            }
        }
        "cancel-order" if body.get("orders").is_some() => through::<OrderListReport>(what, body),
        "cancel-order"
        | "new-order"
        | "place-new-order"
        | "query-order"
        | "new-order-using-sor"
        | "place-new-order-using-sor" => {
            if body_is_list {
                through::<Vec<OrderReport>>(what, body);
            } else {
                through::<OrderReport>(what, body);
            }
        }
        "cancel-order-list"
        | "new-oco-deprecated"
        | "place-new-oco-deprecated"
        | "new-order-list-oco"
        | "new-order-list-oto"
        | "new-order-list-otoco"
        | "new-order-list-opo"
        | "new-order-list-opoco"
        | "opo"
        | "opoco"
        | "place-new-order-list-oco"
        | "place-new-order-list-oto"
        | "place-new-order-list-otoco"
        | "query-order-list" => through::<OrderListReport>(what, body),
        "query-all-order-lists"
        | "query-open-order-lists"
        | "account-order-list-history"
        | "current-open-order-lists" => {
            through::<Vec<OrderListReport>>(what, body);
        }
        "check-server-time" => through::<ServerTime>(what, body),
        "compressed-aggregate-trades-list" | "aggregate-trades" => through::<Vec<AggregateTrade>>(what, body),
        "current-average-price" => through::<AveragePrice>(what, body),
        "error-codes" => through::<ErrorBody>(what, body),
        "exchange-information" => {
            let mut body = body.clone();
            // The documents leave the limits out.
            body["rateLimits"] =
                serde_json::json!([{"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 2}]);
            through::<VenueRules>(what, &body);
        }
        "historical-block-trades"
        | "old-trade-lookup"
        | "recent-trades-list"
        | "historical-trades"
        | "recent-trades" => {
            through::<Vec<PublicTrade>>(what, body);
        }
        "kline-candlestick-data" | "uiklines" | "klines" | "ui-klines" => through::<Vec<KlineRow>>(what, body),
        "order-amend-keep-priority" => through::<AmendReport>(what, body),
        "order-book" => through::<DepthSnapshot>(what, body),
        "query-allocations" | "account-allocations" => through::<Vec<Allocation>>(what, body),
        "query-commission-rates" | "account-commission-rates" => through::<Commission>(what, body),
        "query-execution-rules" => through::<ExecutionRules>(what, body),
        "query-order-amendments" => through::<Vec<Amendment>>(what, body),
        "query-prevented-matches" | "account-prevented-matches" => through::<Vec<PreventedMatch>>(what, body),
        "query-reference-price-calculation" => through::<ReferencePriceCalculation>(what, body),
        "query-reference-price" => through::<ReferencePrice>(what, body),
        "query-relevant-filters" => through::<RelevantFilters>(what, body),
        // The document shows this limit beside the answer to an order, too.
        "unfilled-order-count" if !body_is_list => through::<OrderReport>(what, body),
        "query-unfilled-order-count" | "unfilled-order-count" => through::<Vec<RateLimit>>(what, body),
        "test-new-order-using-sor" | "test-new-order" => through::<TestOrder>(what, body),
        other => panic!("{what}: no type for {other}"),
    }
}

fn chapter(name: &str) -> &str {
    name.split('.').next().unwrap()
}

#[test]
fn rest_answers() {
    let names = names("rest");
    assert!(names.len() >= 70, "{}", names.len());
    for name in names {
        answer(&name, chapter(&name), &json("rest", &name));
    }
}

#[test]
fn answers_of_the_websocket_api() {
    // Chapters about the session itself and about frames, which are no answers of a call.
    const OTHER: &[&str] = &[
        "authenticate-after-connection",
        "event-format",
        "how-to-interpret-rate-limits",
        "how-to-show-hide-rate-limit-information",
        "ip-limits",
        "listing-all-subscriptions",
        "log-in-with-api-key",
        "log-out-of-the-session",
        "query-session-status",
        "request-format",
        "response-format",
        "server-shutdown",
        "signed-request-example",
        "subscribe-to-user-data-stream-through-signature-subscription",
        "subscribe-to-user-data-stream",
        "test-connectivity",
        "unsubscribe-from-user-data-stream",
    ];
    let mut seen = 0;
    for name in names("ws-api") {
        let frame = json("ws-api", &name);
        if OTHER.contains(&chapter(&name)) || frame.get("status").is_none() {
            continue;
        }
        // As the client reads it: the frame first, then the body as REST would have it.
        let text = frame.to_string();
        let ringfence_wire::ws_api::Incoming::Answer(read) =
            ringfence_wire::ws_api::Incoming::parse(text.as_bytes()).unwrap()
        else {
            panic!("{name}");
        };
        assert_eq!(u64::from(read.status), frame["status"].as_u64().unwrap(), "{name}");
        let body: Value = serde_json::from_str(read.body).unwrap();
        if !body.is_null() {
            answer(&name, chapter(&name), &body);
            seen += 1;
        }
    }
    assert!(seen >= 60, "{seen}");
}

#[test]
fn stream_payloads() {
    for name in names("streams") {
        let body = json("streams", &name);
        match chapter(&name) {
            "trade-streams" | "block-trade-streams" => through::<payload::Trade>(&name, &body),
            "aggregate-trade-streams" => through::<payload::AggregateTrade>(&name, &body),
            "kline-candlestick-streams-for-utc" | "kline-candlestick-streams-with-timezone-offset" => {
                through::<payload::Kline>(&name, &body);
            }
            "individual-symbol-mini-ticker-stream" => through::<payload::MiniTicker>(&name, &body),
            "individual-symbol-ticker-streams" | "individual-symbol-rolling-window-statistics-streams" => {
                through::<payload::Ticker>(&name, &body);
            }
            "individual-symbol-book-ticker-streams" => through::<payload::BookTicker>(&name, &body),
            "average-price" => through::<payload::AveragePrice>(&name, &body),
            "reference-price-streams" => through::<payload::ReferencePrice>(&name, &body),
            "diff-depth-stream" => through::<payload::DepthUpdate>(&name, &body),
            "partial-book-depth-streams" => through::<DepthSnapshot>(&name, &body),
            "server-shutdown" => {
                let inner = body.get("data").unwrap_or(&body);
                through::<payload::ServerShutdown>(&name, inner);
            }
            // Control messages, and lists whose rows the documents leave out.
            _ => assert!(body.get("id").is_some() || body == serde_json::json!([{}]), "{name}: no type"),
        }
    }
}

#[test]
fn user_events() {
    for name in names("user-data") {
        let frame = json("user-data", &name);
        let body = &frame["event"];
        match body["e"].as_str().unwrap() {
            "executionReport" => through::<FullReport>(&name, body),
            "outboundAccountPosition" => through::<AccountPositionPayload>(&name, body),
            "balanceUpdate" | "externalLockUpdate" => through::<DeltaEvent>(&name, body),
            "listStatus" => through::<ListStatusPayload>(&name, body),
            "eventStreamTerminated" => through::<payload::ServerShutdown>(&name, body),
            other => panic!("{name}: no type for {other}"),
        }
    }
    // All conditional fields at once.
    let mut full = json("user-data", "order-update.1.json")["event"].clone();
    for (key, value) in [
        ("d", "4"),
        ("D", "1668680518494"),
        ("j", "1"),
        ("J", "1000000"),
        ("v", "3"),
        ("u", "1"),
        ("U", "37"),
        ("a", "1234"),
        ("uS", "true"),
        ("gOV", "5"),
        ("A", "\"3.5\""),
        ("B", "\"1.5\""),
        ("pl", "\"2.5\""),
        ("pL", "\"1.5\""),
        ("pY", "\"3.75\""),
        ("Cs", "\"BTCUSDT\""),
        ("b", "\"ONE_PARTY_TRADE_REPORT\""),
        ("k", "\"SOR\""),
        ("gP", "\"PRIMARY_PEG\""),
        ("gOT", "\"PRICE_LEVEL\""),
        ("gp", "\"1.5\""),
        ("eR", "\"OCO_TRIGGER\""),
    ] {
        full[key] = serde_json::from_str(value).unwrap();
    }
    through::<FullReport>("all conditional fields", &full);
}

/// What is new at the venue breaks nothing.
#[test]
fn unknown_words_and_fields_are_read() {
    for (room, name) in [("rest", "query-order.1.json"), ("rest", "new-order.3.json"), ("rest", "cancel-order.1.json")]
    {
        let mut body = json(room, name);
        body["status"] = "SOMETHING_NEW".into();
        body["type"] = "PEGGED_TWICE".into();
        body["brandNew"] = serde_json::json!({"deep": [1, {"er": null}]});
        let read: OrderReport = serde_json::from_value(body).unwrap();
        assert_eq!(read.status.as_deref(), Some("SOMETHING_NEW"));
    }
    let mut rules = json("rest", "exchange-information.1.json");
    rules["rateLimits"] = serde_json::json!([]);
    rules["symbols"][0]["filters"] = serde_json::json!([{"filterType": "NEXT_YEARS", "limit": "1"}]);
    rules["symbols"][0]["status"] = "CANCEL_ONLY".into();
    let read: VenueRules = serde_json::from_value(rules).unwrap();
    assert_eq!(read.symbols[0].filters, [ringfence_wire::rest::Filter::Other]);
}
