//! WebSocket API: market data.

use serde_json::json;

use super::{Row, but, row};

pub const ROWS: &[Row] = &[
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
];
