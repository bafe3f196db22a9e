//! Which example belongs to which request. Each row begins with a new exchange.

use ringfence_exchange::{LimitConfig, StreamSession, streams};
use ringfence_model::{Decimal, Timestamp};
use serde_json::{Value, json};

use crate::desk::{Desk, KEY};
use crate::json::Allowed;

/// Reads an example by its name.
pub type Recorded<'a> = &'a dyn Fn(&str) -> String;

pub struct Row {
    /// The example, below `tests/fixtures/binance`.
    pub fixture: &'static str,
    /// Makes the exchange say the same kind of thing.
    pub make: fn(&mut Desk, Recorded<'_>) -> String,
    pub allowed: Allowed,
}

const fn row(fixture: &'static str, make: fn(&mut Desk, Recorded<'_>) -> String) -> Row {
    Row { fixture, make, allowed: Allowed { missing: &[], more: &[], any_order: false } }
}

const fn but(
    fixture: &'static str,
    missing: &'static [&'static str],
    more: &'static [&'static str],
    make: fn(&mut Desk, Recorded<'_>) -> String,
) -> Row {
    Row { fixture, make, allowed: Allowed { missing, more, any_order: false } }
}

const fn any_order(fixture: &'static str, make: fn(&mut Desk, Recorded<'_>) -> String) -> Row {
    Row { fixture, make, allowed: Allowed { missing: &[], more: &[], any_order: true } }
}

/// Messages to a stream socket, one after the other; the last answer.
fn control(messages: &[&str]) -> String {
    let mut session = StreamSession::open([127, 0, 0, 1].into(), "", true).unwrap();
    messages.iter().map(|message| session.message(message, &LimitConfig::default()).text).last().unwrap()
}

/// Fields that the venue sends only for orders that have them; its examples show them all.
const CONDITIONAL: &[&str] = &[
    "stopPrice",
    "trailingDelta",
    "trailingTime",
    "icebergQty",
    "strategyId",
    "strategyType",
    "preventedMatchId",
    "preventedQuantity",
];

/// Makes an example's order one that rests below this market.
fn resting(answer: &str) -> Value {
    json!({"side": "BUY", "price": "50000.00", "quantity": "0.01", "newOrderRespType": answer})
}

/// The span of a history that holds what was just done.
fn lately(now: Timestamp) -> Value {
    json!({"startTime": now.as_millis() - 1_000, "endTime": now.as_millis() + 1_000})
}

pub const ROWS: &[Row] = &[
    row("rest/check-server-time.1", |desk, _| desk.get("time", "")),
    but("rest/exchange-information.1", &["sors"], &[], |desk, _| desk.get("exchangeInfo", "")),
    row("rest/query-execution-rules.1", |desk, _| desk.get("executionRules", "symbol=BTCUSDT")),
    row("rest/order-book.1", |desk, _| desk.get("depth", "symbol=BTCUSDT&limit=5")),
    row("rest/recent-trades-list.1", |desk, _| desk.get("trades", "symbol=BTCUSDT")),
    row("rest/old-trade-lookup.1", |desk, _| desk.get("historicalTrades", "symbol=BTCUSDT&fromId=2&limit=3")),
    row("rest/compressed-aggregate-trades-list.1", |desk, _| desk.get("aggTrades", "symbol=BTCUSDT")),
    row("rest/kline-candlestick-data.1", |desk, _| desk.get("klines", "symbol=BTCUSDT&interval=1m")),
    row("rest/uiklines.1", |desk, _| desk.get("uiKlines", "symbol=BTCUSDT&interval=1h&timeZone=-5:30")),
    row("rest/current-average-price.1", |desk, _| desk.get("avgPrice", "symbol=BTCUSDT")),
    row("rest/24hr-ticker-price-change-statistics.1", |desk, _| desk.get("ticker/24hr", "symbol=BTCUSDT")),
    row("rest/24hr-ticker-price-change-statistics.2", |desk, _| {
        desk.get("ticker/24hr", r#"symbols=["BTCUSDT","BNBUSDT"]"#)
    }),
    row("rest/24hr-ticker-price-change-statistics.3", |desk, _| desk.get("ticker/24hr", "symbol=BTCUSDT&type=MINI")),
    row("rest/24hr-ticker-price-change-statistics.4", |desk, _| {
        desk.get("ticker/24hr", r#"symbols=["BTCUSDT","BNBUSDT"]&type=MINI"#)
    }),
    row("rest/trading-day-ticker.1", |desk, _| desk.get("ticker/tradingDay", "symbol=BTCUSDT&timeZone=8")),
    row("rest/trading-day-ticker.2", |desk, _| {
        desk.get("ticker/tradingDay", r#"symbols=["BTCUSDT","BNBUSDT"]&timeZone=8"#)
    }),
    row("rest/trading-day-ticker.3", |desk, _| desk.get("ticker/tradingDay", "symbol=BTCUSDT&type=MINI&timeZone=8")),
    row("rest/trading-day-ticker.4", |desk, _| {
        desk.get("ticker/tradingDay", r#"symbols=["BTCUSDT","BNBUSDT"]&type=MINI&timeZone=8"#)
    }),
    row("rest/rolling-window-price-change-statistics.1", |desk, _| desk.get("ticker", "symbol=BTCUSDT&windowSize=4h")),
    row("rest/rolling-window-price-change-statistics.2", |desk, _| {
        desk.get("ticker", r#"symbols=["BTCUSDT","BNBUSDT"]&windowSize=4h"#)
    }),
    row("rest/rolling-window-price-change-statistics.3", |desk, _| {
        desk.get("ticker", "symbol=BTCUSDT&type=MINI&windowSize=4h")
    }),
    row("rest/rolling-window-price-change-statistics.4", |desk, _| {
        desk.get("ticker", r#"symbols=["BTCUSDT","BNBUSDT"]&type=MINI&windowSize=4h"#)
    }),
    row("rest/symbol-price-ticker.1", |desk, _| desk.get("ticker/price", "symbol=BTCUSDT")),
    row("rest/symbol-price-ticker.2", |desk, _| desk.get("ticker/price", "")),
    row("rest/symbol-order-book-ticker.1", |desk, _| desk.get("ticker/bookTicker", "symbol=BTCUSDT")),
    row("rest/symbol-order-book-ticker.2", |desk, _| desk.get("ticker/bookTicker", "")),
    row("rest/query-reference-price.1", |desk, _| desk.get("referencePrice", "symbol=BTCUSDT")),
    row("rest/query-reference-price.3", |desk, _| desk.get("referencePrice", "symbol=BNBUSDT")),
    row("rest/query-reference-price-calculation.1", |desk, _| desk.get("referencePrice/calculation", "symbol=BNBUSDT")),
    row("rest/query-reference-price-calculation.3", |desk, _| desk.get("referencePrice/calculation", "symbol=BTCUSDT")),
    row("rest/error-codes.1", |desk, _| desk.get("depth", "symbol=NOPE")),
    row("rest/account-information.1", |desk, _| desk.signed("GET", "account", "")),
    row("rest/query-commission-rates.1", |desk, _| desk.signed("GET", "account/commission", "symbol=BTCUSDT")),
    row("rest/query-unfilled-order-count.1", |desk, _| desk.signed("GET", "rateLimit/order", "")),
    but("rest/query-relevant-filters.1", &["assetFilters"], &[], |desk, _| {
        desk.signed("GET", "myFilters", "symbol=BTCUSDT")
    }),
    row("ws-api/test-connectivity.2", |desk, recorded| {
        desk.example(&recorded("ws-api/test-connectivity.1"), json!({}))
    }),
    row("ws-api/check-server-time.2", |desk, recorded| {
        desk.example(&recorded("ws-api/check-server-time.1"), json!({}))
    }),
    but("ws-api/exchange-information.2", &["sors"], &[], |desk, recorded| {
        desk.example(&recorded("ws-api/exchange-information.1"), json!({}))
    }),
    but("ws-api/query-execution-rules.2", &[], &["rateLimits"], |desk, recorded| {
        desk.example(&recorded("ws-api/query-execution-rules.1"), json!({}))
    }),
    row("ws-api/order-book.2", |desk, recorded| desk.example(&recorded("ws-api/order-book.1"), json!({}))),
    row("ws-api/recent-trades.2", |desk, recorded| desk.example(&recorded("ws-api/recent-trades.1"), json!({}))),
    row("ws-api/historical-trades.2", |desk, recorded| {
        desk.example(&recorded("ws-api/historical-trades.1"), json!({}))
    }),
    row("ws-api/aggregate-trades.2", |desk, recorded| {
        desk.example(&recorded("ws-api/aggregate-trades.1"), json!({"fromId": 1}))
    }),
    row("ws-api/klines.2", |desk, recorded| {
        desk.example(&recorded("ws-api/klines.1"), json!({"startTime": desk.now.as_millis() - 7_200_000}))
    }),
    row("ws-api/ui-klines.2", |desk, recorded| {
        desk.example(&recorded("ws-api/ui-klines.1"), json!({"startTime": desk.now.as_millis() - 7_200_000}))
    }),
    row("ws-api/current-average-price.2", |desk, recorded| {
        desk.example(&recorded("ws-api/current-average-price.1"), json!({}))
    }),
    row("ws-api/24hr-ticker-price-change-statistics.2", |desk, recorded| {
        desk.example(&recorded("ws-api/24hr-ticker-price-change-statistics.1"), json!({}))
    }),
    row("ws-api/24hr-ticker-price-change-statistics.3", |desk, recorded| {
        desk.example(&recorded("ws-api/24hr-ticker-price-change-statistics.1"), json!({"type": "MINI"}))
    }),
    row("ws-api/24hr-ticker-price-change-statistics.4", |desk, _| {
        desk.frame(r#"{"id":"a","method":"ticker.24hr","params":{"symbols":["BNBUSDT","BTCUSDT"]}}"#)
    }),
    row("ws-api/trading-day-ticker.3", |desk, recorded| {
        desk.example(&recorded("ws-api/trading-day-ticker.1"), json!({}))
    }),
    row("ws-api/trading-day-ticker.2", |desk, _| {
        desk.frame(r#"{"id":"a","method":"ticker.tradingDay","params":{"symbol":"BTCUSDT"}}"#)
    }),
    row("ws-api/trading-day-ticker.4", |desk, _| {
        desk.frame(r#"{"id":"a","method":"ticker.tradingDay","params":{"symbol":"BTCUSDT","type":"MINI"}}"#)
    }),
    row("ws-api/trading-day-ticker.5", |desk, recorded| {
        desk.example(&recorded("ws-api/trading-day-ticker.1"), json!({"type": "MINI"}))
    }),
    row("ws-api/rolling-window-price-change-statistics.5", |desk, recorded| {
        desk.example(&recorded("ws-api/rolling-window-price-change-statistics.1"), json!({}))
    }),
    row("ws-api/rolling-window-price-change-statistics.3", |desk, _| {
        desk.frame(r#"{"id":"a","method":"ticker","params":{"symbol":"BTCUSDT","windowSize":"7d"}}"#)
    }),
    row("ws-api/rolling-window-price-change-statistics.4", |desk, _| {
        desk.frame(r#"{"id":"a","method":"ticker","params":{"symbol":"BTCUSDT","windowSize":"7d","type":"MINI"}}"#)
    }),
    row("ws-api/symbol-price-ticker.2", |desk, recorded| {
        desk.example(&recorded("ws-api/symbol-price-ticker.1"), json!({}))
    }),
    row("ws-api/symbol-price-ticker.3", |desk, _| desk.frame(r#"{"id":"a","method":"ticker.price"}"#)),
    row("ws-api/symbol-order-book-ticker.3", |desk, recorded| {
        desk.example(&recorded("ws-api/symbol-order-book-ticker.1"), json!({}))
    }),
    row("ws-api/symbol-order-book-ticker.2", |desk, _| {
        desk.frame(r#"{"id":"a","method":"v3/ticker.book","params":{"symbol":"BTCUSDT"}}"#)
    }),
    but("ws-api/query-reference-price.2", &[], &["rateLimits"], |desk, recorded| {
        desk.example(&recorded("ws-api/query-reference-price.1"), json!({}))
    }),
    but("ws-api/query-reference-price-calculation.4", &[], &["rateLimits"], |desk, recorded| {
        desk.example(&recorded("ws-api/query-reference-price-calculation.1"), json!({}))
    }),
    but("ws-api/query-reference-price-calculation.2", &[], &["rateLimits"], |desk, _| {
        desk.frame(r#"{"id":"a","method":"referencePrice.calculation","params":{"symbol":"BNBUSDT"}}"#)
    }),
    any_order("ws-api/account-information.2", |desk, recorded| {
        desk.example(&recorded("ws-api/account-information.1"), json!({}))
    }),
    row("ws-api/account-commission-rates.2", |desk, recorded| {
        desk.example(&recorded("ws-api/account-commission-rates.1"), json!({}))
    }),
    row("ws-api/unfilled-order-count.3", |desk, recorded| {
        desk.example(&recorded("ws-api/unfilled-order-count.2"), json!({}))
    }),
    but("ws-api/query-relevant-filters.2", &["assetFilters"], &["rateLimits"], |desk, recorded| {
        desk.example(&recorded("ws-api/query-relevant-filters.1"), json!({}))
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
    row("streams/trade-streams.1", |desk, _| desk.hear("btcusdt@trade")),
    row("streams/aggregate-trade-streams.1", |desk, _| desk.hear("btcusdt@aggTrade")),
    row("streams/kline-candlestick-streams-for-utc.1", |desk, _| desk.hear("btcusdt@kline_1m")),
    row("streams/kline-candlestick-streams-with-timezone-offset.1", |desk, _| desk.hear("btcusdt@kline_1d@+08:00")),
    row("streams/individual-symbol-mini-ticker-stream.1", |desk, _| desk.hear("btcusdt@miniTicker")),
    row("streams/all-market-mini-tickers-stream.1", |desk, _| desk.hear("!miniTicker@arr")),
    row("streams/individual-symbol-ticker-streams.1", |desk, _| desk.hear("btcusdt@ticker")),
    row("streams/individual-symbol-rolling-window-statistics-streams.1", |desk, _| desk.hear("btcusdt@ticker_1h")),
    row("streams/all-market-rolling-window-statistics-streams.1", |desk, _| desk.hear("!ticker_4h@arr")),
    row("streams/individual-symbol-book-ticker-streams.1", |desk, _| desk.hear("btcusdt@bookTicker")),
    row("streams/average-price.1", |desk, _| desk.hear("btcusdt@avgPrice")),
    row("streams/reference-price-streams.1", |desk, _| desk.hear("btcusdt@referencePrice")),
    row("streams/partial-book-depth-streams.1", |desk, _| desk.hear("btcusdt@depth5@100ms")),
    row("streams/diff-depth-stream.1", |desk, _| desk.hear("btcusdt@depth")),
    row("streams/subscribe-to-a-stream.2", |_, recorded| control(&[&recorded("streams/subscribe-to-a-stream.1")])),
    row("streams/unsubscribe-to-a-stream.2", |_, recorded| control(&[&recorded("streams/unsubscribe-to-a-stream.1")])),
    row("streams/listing-subscriptions.2", |_, recorded| {
        control(&[&recorded("streams/subscribe-to-a-stream.1"), &recorded("streams/listing-subscriptions.1")])
    }),
    row("streams/setting-properties.2", |_, recorded| control(&[&recorded("streams/setting-properties.1")])),
    row("streams/retrieving-properties.2", |_, recorded| control(&[&recorded("streams/retrieving-properties.1")])),
    row("streams/server-shutdown.1", |desk, _| streams::server_shutdown(desk.now, false)),
    row("streams/server-shutdown.2", |desk, _| streams::server_shutdown(desk.now, true)),
    row("user-data/account-update.1", |desk, _| {
        desk.take();
        desk.event("outboundAccountPosition")
    }),
    row("user-data/balance-update.1", |desk, _| {
        desk.exchange.transfer(desk.now, KEY, "BTC", Decimal::ONE).unwrap();
        desk.event("balanceUpdate")
    }),
    row("user-data/event-stream-terminated.1", |desk, _| {
        desk.subscribe();
        desk.frame(r#"{"id":1,"method":"userDataStream.unsubscribe"}"#);
        desk.session.take_events().remove(0)
    }),
    but("user-data/order-update.1", &["v"], &[], |desk, _| {
        desk.rest("");
        desk.event("executionReport")
    }),
    row("rest/new-order.1", |desk, _| {
        desk.signed(
            "POST",
            "order",
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000&newOrderRespType=ACK",
        )
    }),
    row("rest/new-order.2", |desk, _| {
        desk.signed(
            "POST",
            "order",
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000&newOrderRespType=RESULT",
        )
    }),
    row("rest/new-order.3", |desk, _| desk.take()),
    row("rest/query-order.1", |desk, _| {
        let id = desk.rest("");
        desk.signed("GET", "order", &format!("symbol=BTCUSDT&orderId={id}"))
    }),
    any_order("rest/current-open-orders.1", |desk, _| {
        desk.rest("");
        desk.signed("GET", "openOrders", "")
    }),
    any_order("rest/all-orders.1", |desk, _| {
        desk.rest("");
        desk.signed("GET", "allOrders", "symbol=BTCUSDT")
    }),
    row("rest/order-amend-keep-priority.1", |desk, _| {
        let id = desk.rest("");
        desk.signed("PUT", "order/amend/keepPriority", &format!("symbol=BTCUSDT&orderId={id}&newQty=0.005"))
    }),
    row("rest/cancel-order.2", |desk, _| {
        let id = desk.rest("");
        desk.signed("DELETE", "order", &format!("symbol=BTCUSDT&orderId={id}&cancelRestrictions=NOPE"))
    }),
    row("rest/cancel-order.3", |desk, _| {
        let id = desk.rest("");
        desk.signed("DELETE", "order", &format!("symbol=BTCUSDT&orderId={id}&cancelRestrictions=ONLY_PARTIALLY_FILLED"))
    }),
    row("user-data/order-reject-reason.1", |desk, recorded| {
        desk.oco(recorded);
        desk.subscribe();
        desk.event("listStatus")
    }),
    row("ws-api/how-to-interpret-rate-limits.1", |desk, _| desk.frame(r#"{"id":"a","method":"time"}"#)),
    row("ws-api/place-new-order.2", |desk, recorded| {
        desk.example(&recorded("ws-api/place-new-order.1"), resting("ACK"))
    }),
    row("ws-api/place-new-order.3", |desk, recorded| {
        desk.example(&recorded("ws-api/place-new-order.1"), resting("RESULT"))
    }),
    but("ws-api/place-new-order.4", &[], &["selfTradePreventionMode"], |desk, recorded| {
        let sold = json!({"price": "58000.00", "quantity": "0.01", "newOrderRespType": "FULL"});
        desk.example(&recorded("ws-api/place-new-order.1"), sold)
    }),
    row("ws-api/response-format.1", |desk, recorded| {
        desk.example(&recorded("ws-api/request-format.1"), resting("RESULT"))
    }),
    row("ws-api/response-format.2", |desk, recorded| {
        desk.example(&recorded("ws-api/request-format.1"), json!({"price": "50000.00", "quantity": "150"}))
    }),
    row("ws-api/unfilled-order-count.1", |desk, recorded| {
        desk.example(&recorded("ws-api/request-format.1"), resting("RESULT"))
    }),
    row("ws-api/test-new-order.2", |desk, recorded| desk.example(&recorded("ws-api/test-new-order.1"), resting("ACK"))),
    but("ws-api/query-order.2", CONDITIONAL, &[], |desk, recorded| {
        let id = desk.rest("&strategyId=1&strategyType=1000000");
        desk.example(&recorded("ws-api/query-order.1"), json!({"orderId": id}))
    }),
    // The examples of REST and of this door disagree on where `origQuoteOrderQty` stands; here it stands as in REST.
    any_order("ws-api/current-open-orders.2", |desk, recorded| {
        desk.rest("");
        desk.example(&recorded("ws-api/current-open-orders.1"), json!({}))
    }),
    but("ws-api/cancel-order.2", CONDITIONAL, &[], |desk, recorded| {
        desk.rest("&newClientOrderId=mine&strategyId=1&strategyType=1000000");
        desk.example(&recorded("ws-api/cancel-order.1"), json!({"origClientOrderId": "mine"}))
    }),
    row("ws-api/account-trade-history.2", |desk, recorded| {
        desk.take();
        desk.example(&recorded("ws-api/account-trade-history.1"), lately(desk.now))
    }),
    Row {
        allowed: Allowed { missing: &["preventedMatchId", "preventedQuantity"], more: &[], any_order: true },
        ..row("ws-api/account-order-history.2", |desk, recorded| {
            desk.rest("");
            desk.example(&recorded("ws-api/account-order-history.1"), lately(desk.now))
        })
    },
    row("ws-api/order-amend-keep-priority.2", |desk, recorded| {
        desk.rest("&newClientOrderId=mine");
        let changes = json!({"origClientOrderId": "mine", "newQty": "0.005"});
        desk.example(&recorded("ws-api/order-amend-keep-priority.1"), changes)
    }),
    row("ws-api/query-order-amendments.2", |desk, recorded| {
        let id = desk.rest("&newClientOrderId=mine");
        let changes = json!({"origClientOrderId": "mine", "newQty": "0.005"});
        desk.example(&recorded("ws-api/order-amend-keep-priority.1"), changes);
        desk.example(&recorded("ws-api/query-order-amendments.1"), json!({"orderId": id}))
    }),
    // Only one of the two legs has a stop price.
    but("ws-api/place-new-order-list-oco.2", &["stopPrice"], &[], |desk, recorded| desk.oco(recorded)),
    row("ws-api/query-order-list.2", |desk, recorded| {
        desk.oco(recorded);
        desk.example(&recorded("ws-api/query-order-list.1"), json!({"origClientOrderId": "both"}))
    }),
    row("ws-api/current-open-order-lists.2", |desk, recorded| {
        desk.oco(recorded);
        desk.example(&recorded("ws-api/current-open-order-lists.1"), json!({}))
    }),
    row("ws-api/account-order-list-history.2", |desk, recorded| {
        desk.oco(recorded);
        desk.example(&recorded("ws-api/account-order-list-history.1"), lately(desk.now))
    }),
    // This door's example lacks what REST's has; only one of the two legs has a stop price.
    but("ws-api/cancel-order-list.2", &["stopPrice"], &["origClientOrderId"], |desk, recorded| {
        let placed: Value = serde_json::from_str(&desk.oco(recorded)).unwrap();
        let id = placed["result"]["orderListId"].clone();
        desk.example(&recorded("ws-api/cancel-order-list.1"), json!({"orderListId": id}))
    }),
];

/// Examples that have no row, and why.
pub const SILENT: &[(&str, &str)] = &[
    ("rest/cancel-an-existing-order-and-send-a-new-order.1", "checked by the tests of orders"),
    ("rest/cancel-an-existing-order-and-send-a-new-order.2", "checked by the tests of orders"),
    ("rest/cancel-an-existing-order-and-send-a-new-order.3", "checked by the tests of orders"),
    ("rest/cancel-an-existing-order-and-send-a-new-order.4", "checked by the tests of orders"),
    ("rest/cancel-an-existing-order-and-send-a-new-order.5", "checked by the tests of orders"),
    ("rest/cancel-an-existing-order-and-send-a-new-order.6", "checked by the tests of orders"),
    ("rest/cancel-an-existing-order-and-send-a-new-order.7", "checked by the tests of orders"),
    ("rest/cancel-order-list.1", "checked by the tests of orders"),
    ("rest/new-oco-deprecated.1", "checked by the tests of orders"),
    ("rest/new-order-list-oco.1", "checked by the tests of orders"),
    ("rest/new-order-list-opo.1", "checked by the tests of orders"),
    ("rest/new-order-list-opoco.1", "checked by the tests of orders"),
    ("rest/new-order-list-oto.1", "checked by the tests of orders"),
    ("rest/new-order-list-otoco.1", "checked by the tests of orders"),
    ("rest/order-amend-keep-priority.2", "checked by the tests of orders"),
    ("rest/query-all-order-lists.1", "checked by the tests of orders"),
    ("rest/query-open-order-lists.1", "checked by the tests of orders"),
    ("rest/query-order-amendments.1", "checked by the tests of orders"),
    ("rest/query-order-list.1", "checked by the tests of orders"),
    ("rest/query-prevented-matches.1", "checked by the tests of orders"),
    ("rest/test-new-order.1", "checked by the tests of orders"),
    ("rest/cancel-order.1", "checked by the tests of orders"),
    ("rest/account-trade-list.1", "checked by the tests of orders"),
    ("streams/listing-subscriptions.1", "a request that a row sends"),
    ("streams/retrieving-properties.1", "a request that a row sends"),
    ("streams/setting-properties.1", "a request that a row sends"),
    ("streams/subscribe-to-a-stream.1", "a request that a row sends"),
    ("streams/unsubscribe-to-a-stream.1", "a request that a row sends"),
    ("ws-api/24hr-ticker-price-change-statistics.1", "a request that a row sends"),
    ("ws-api/account-commission-rates.1", "a request that a row sends"),
    ("ws-api/account-information.1", "a request that a row sends"),
    ("ws-api/aggregate-trades.1", "a request that a row sends"),
    ("ws-api/check-server-time.1", "a request that a row sends"),
    ("ws-api/current-average-price.1", "a request that a row sends"),
    ("ws-api/exchange-information.1", "a request that a row sends"),
    ("ws-api/historical-trades.1", "a request that a row sends"),
    ("ws-api/how-to-show-hide-rate-limit-information.1", "a request that a row sends"),
    ("ws-api/how-to-show-hide-rate-limit-information.3", "a request that a row sends"),
    ("ws-api/klines.1", "a request that a row sends"),
    ("ws-api/listing-all-subscriptions.1", "a request that a row sends"),
    ("ws-api/log-in-with-api-key.1", "a request that a row sends"),
    ("ws-api/log-out-of-the-session.1", "a request that a row sends"),
    ("ws-api/order-book.1", "a request that a row sends"),
    ("ws-api/query-execution-rules.1", "a request that a row sends"),
    ("ws-api/query-reference-price-calculation.1", "a request that a row sends"),
    ("ws-api/query-reference-price.1", "a request that a row sends"),
    ("ws-api/query-relevant-filters.1", "a request that a row sends"),
    ("ws-api/query-session-status.1", "a request that a row sends"),
    ("ws-api/recent-trades.1", "a request that a row sends"),
    ("ws-api/rolling-window-price-change-statistics.1", "a request that a row sends"),
    ("ws-api/subscribe-to-user-data-stream-through-signature-subscription.1", "a request that a row sends"),
    ("ws-api/subscribe-to-user-data-stream.1", "a request that a row sends"),
    ("ws-api/symbol-order-book-ticker.1", "a request that a row sends"),
    ("ws-api/symbol-price-ticker.1", "a request that a row sends"),
    ("ws-api/test-connectivity.1", "a request that a row sends"),
    ("ws-api/trading-day-ticker.1", "a request that a row sends"),
    ("ws-api/ui-klines.1", "a request that a row sends"),
    ("ws-api/unfilled-order-count.2", "a request that a row sends"),
    ("ws-api/unsubscribe-from-user-data-stream.1", "a request that a row sends"),
    (
        "rest/cancel-all-open-orders-on-a-symbol.1",
        "orders and lists mixed in one list, which the comparison cannot pair; their reports: cancel-order",
    ),
    ("rest/historical-block-trades.1", "no block trades here"),
    ("rest/new-order-using-sor.1", "no smart order routing here"),
    ("rest/query-allocations.1", "no smart order routing here, so nothing is allocated"),
    (
        "rest/query-reference-price-calculation.2",
        "reference prices here are fixed or absent, never pending or averaged",
    ),
    ("rest/query-reference-price.2", "reference prices here are fixed or absent, never pending or averaged"),
    ("rest/test-new-order-using-sor.1", "no smart order routing here"),
    ("streams/block-trade-streams.1", "no block trades here"),
    ("user-data/external-lock-update.1", "nothing locks balances from outside here"),
    ("ws-api/account-allocations.1", "no smart order routing here, so nothing is allocated"),
    ("ws-api/account-allocations.2", "no smart order routing here, so nothing is allocated"),
    ("ws-api/account-order-history.1", "a request that a row sends"),
    ("ws-api/account-order-list-history.1", "a request that a row sends"),
    ("ws-api/account-prevented-matches.1", "a request whose answer has no row over this door yet"),
    (
        "ws-api/account-prevented-matches.2",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    ("ws-api/account-trade-history.1", "a request that a row sends"),
    ("ws-api/cancel-and-replace-order.1", "a request whose answer has no row over this door yet"),
    (
        "ws-api/cancel-and-replace-order.2",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    (
        "ws-api/cancel-and-replace-order.3",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    (
        "ws-api/cancel-and-replace-order.4",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    (
        "ws-api/cancel-and-replace-order.5",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    (
        "ws-api/cancel-and-replace-order.6",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    (
        "ws-api/cancel-and-replace-order.7",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    (
        "ws-api/cancel-and-replace-order.8",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    ("ws-api/cancel-open-orders.1", "a request whose answer has no row over this door yet"),
    (
        "ws-api/cancel-open-orders.2",
        "orders and lists mixed in one list, which the comparison cannot pair; their reports: cancel-order",
    ),
    ("ws-api/cancel-order-list.1", "a request that a row sends"),
    ("ws-api/cancel-order.1", "a request that a row sends"),
    ("ws-api/cancel-order.3", "not compared over this door yet; the same body over REST: http::order_tests"),
    ("ws-api/cancel-order.4", "an error without its frame; the rows of rest/cancel-order hold it"),
    ("ws-api/cancel-order.5", "an error without its frame; the rows of rest/cancel-order hold it"),
    ("ws-api/current-open-order-lists.1", "a request that a row sends"),
    ("ws-api/current-open-orders.1", "a request that a row sends"),
    ("ws-api/historical-block-trades.1", "no block trades here"),
    ("ws-api/historical-block-trades.2", "no block trades here"),
    ("ws-api/ip-limits.1", "the limits beside an answer: how-to-interpret-rate-limits.1 holds them"),
    ("ws-api/ip-limits.2", "a ban: ws_api::tests::session::a_banned_session_is_told_until_when_and_ends"),
    ("ws-api/opo.1", "a request whose answer has no row over this door yet"),
    ("ws-api/opo.2", "not compared over this door yet; the same body over REST: http::order_tests"),
    ("ws-api/opoco.1", "a request whose answer has no row over this door yet"),
    ("ws-api/opoco.2", "not compared over this door yet; the same body over REST: http::order_tests"),
    ("ws-api/order-amend-keep-priority.1", "a request that a row sends"),
    (
        "ws-api/order-amend-keep-priority.3",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    ("ws-api/place-new-oco-deprecated.1", "a request whose answer has no row over this door yet"),
    (
        "ws-api/place-new-oco-deprecated.2",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    ("ws-api/place-new-order-list-oco.1", "a request that a row sends"),
    ("ws-api/place-new-order-list-oto.1", "a request whose answer has no row over this door yet"),
    ("ws-api/place-new-order-list-otoco.1", "a request whose answer has no row over this door yet"),
    (
        "ws-api/place-new-order-list-otoco.2",
        "not compared over this door yet; the same body over REST: http::order_tests",
    ),
    ("ws-api/place-new-order-using-sor.1", "no smart order routing here"),
    ("ws-api/place-new-order-using-sor.2", "no smart order routing here"),
    ("ws-api/place-new-order.1", "a request that a row sends"),
    ("ws-api/query-order-amendments.1", "a request that a row sends"),
    ("ws-api/query-order-list.1", "a request that a row sends"),
    ("ws-api/query-order.1", "a request that a row sends"),
    (
        "ws-api/query-reference-price-calculation.3",
        "reference prices here are fixed or absent, never pending or averaged",
    ),
    ("ws-api/query-reference-price.3", "reference prices here are fixed or absent, never pending or averaged"),
    ("ws-api/query-reference-price.4", "reference prices here are fixed or absent, never pending or averaged"),
    ("ws-api/request-format.1", "a request that a row sends"),
    ("ws-api/rolling-window-price-change-statistics.2", "a part of the answer that a row holds whole"),
    (
        "ws-api/signed-request-example.1",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.10",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.11",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.12",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.2",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.3",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.4",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.5",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.6",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.7",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.8",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    (
        "ws-api/signed-request-example.9",
        "signed with keys that are not ours; how frames are signed: ws_api::tests::session",
    ),
    ("ws-api/test-new-order-using-sor.1", "no smart order routing here"),
    ("ws-api/test-new-order-using-sor.2", "no smart order routing here"),
    ("ws-api/test-new-order-using-sor.3", "no smart order routing here"),
    ("ws-api/test-new-order.1", "a request that a row sends"),
    ("ws-api/test-new-order.3", "not compared over this door yet; the same body over REST: http::order_tests"),
    (
        "ws-api/place-new-order-list-oto.2",
        "its symbol is a number, which no symbol here is; http::order_tests holds the body",
    ),
];
