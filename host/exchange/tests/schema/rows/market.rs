//! REST: general calls and market data.

use super::{Row, but, row};

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
];
