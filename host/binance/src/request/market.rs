//! Market data and the venue's rules.

use ringfence_model::Timestamp;
use ringfence_wire::enums::interval_text;

use super::{Method, Request};

fn get(path: &'static str, ws_method: &'static str, weight: u64) -> Request {
    Request::new(Method::Get, path, ws_method, weight)
}

/// From when, until when, how many. What is left out is the venue's choice: the newest, 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Span {
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub limit: Option<u32>,
}

/// Whether the venue takes orders for a symbol, as a filter of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the venue's names")]
pub enum SymbolStatus {
    Trading,
    Halt,
    Break,
    CancelOnly,
}

impl SymbolStatus {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            SymbolStatus::Trading => "TRADING",
            SymbolStatus::Halt => "HALT",
            SymbolStatus::Break => "BREAK",
            SymbolStatus::CancelOnly => "CANCEL_ONLY",
        }
    }
}

impl Request {
    /// Only of symbols that are in this state: [`depth_of`] and the tickers of one or several symbols. A single symbol that
    /// is in another one is refused (-1220), of several it is left out.
    #[must_use]
    pub fn of_status(self, status: SymbolStatus) -> Self {
        self.with("symbolStatus", status.as_str())
    }

    pub(super) fn span(self, span: Span) -> Self {
        self.some(span.start, |request, start| request.number("startTime", start.as_millis()))
            .some(span.end, |request, end| request.number("endTime", end.as_millis()))
            .some(span.limit, |request, limit| request.number("limit", limit))
    }
}

/// `GET /api/v3/ping`.
pub fn ping() -> Request {
    get("/api/v3/ping", "ping", 1)
}

/// `GET /api/v3/time`.
pub fn time() -> Request {
    get("/api/v3/time", "time", 1)
}

/// `GET /api/v3/exchangeInfo`; of all symbols if the list is empty.
pub fn exchange_info(symbols: &[String]) -> Request {
    let request = get("/api/v3/exchangeInfo", "exchangeInfo", 20);
    match symbols {
        [] => request,
        [one] => request.with("symbol", one),
        many => request.symbols(many),
    }
}

/// `GET /api/v3/exchangeInfo` of all symbols in a state.
pub fn exchange_info_of(status: SymbolStatus) -> Request {
    get("/api/v3/exchangeInfo", "exchangeInfo", 20).of_status(status)
}

/// `GET /api/v3/executionRules` of all symbols in a state.
pub fn execution_rules_of(status: SymbolStatus) -> Request {
    get("/api/v3/executionRules", "executionRules", 40).of_status(status)
}

/// `GET /api/v3/executionRules` of these symbols (at most 40 count), or of all.
pub fn execution_rules(symbols: &[String]) -> Request {
    let count = u64::try_from(symbols.len()).unwrap_or(u64::MAX);
    let weight = if count == 0 { 40 } else { count.saturating_mul(2).min(40) };
    let request = get("/api/v3/executionRules", "executionRules", weight);
    match symbols {
        [] => request,
        [one] => request.with("symbol", one),
        many => request.symbols(many),
    }
}

/// `GET /api/v3/referencePrice`.
pub fn reference_price(symbol: &str) -> Request {
    get("/api/v3/referencePrice", "referencePrice", 2).with("symbol", symbol)
}

/// `GET /api/v3/referencePrice/calculation`.
pub fn reference_price_calculation(symbol: &str) -> Request {
    get("/api/v3/referencePrice/calculation", "referencePrice.calculation", 2).with("symbol", symbol)
}

/// `GET /api/v3/depth` with the most levels that the host keeps.
pub fn depth(symbol: &str) -> Request {
    depth_of(symbol, 1_000)
}

/// `GET /api/v3/depth`; the weight grows with the levels, of which there are at most 5,000.
pub fn depth_of(symbol: &str, levels: u32) -> Request {
    let weight = match levels {
        0..=100 => 5,
        101..=500 => 25,
        501..=1_000 => 50,
        _ => 250,
    };
    get("/api/v3/depth", "depth", weight).with("symbol", symbol).number("limit", levels)
}

/// `GET /api/v3/trades`.
pub fn trades(symbol: &str, limit: u32) -> Request {
    get("/api/v3/trades", "trades.recent", 25).with("symbol", symbol).number("limit", limit)
}

/// `GET /api/v3/historicalTrades`, from a trade id on.
pub fn historical_trades(symbol: &str, from_id: Option<u64>, limit: u32) -> Request {
    get("/api/v3/historicalTrades", "trades.historical", 25)
        .with("symbol", symbol)
        .number("limit", limit)
        .some(from_id, |request, id| request.number("fromId", id))
}

/// `GET /api/v3/historicalBlockTrades`, from a trade id on.
pub fn historical_block_trades(symbol: &str, from_id: u64, limit: u32) -> Request {
    get("/api/v3/historicalBlockTrades", "blockTrades.historical", 25)
        .with("symbol", symbol)
        .number("fromId", from_id)
        .number("limit", limit)
}

/// `GET /api/v3/aggTrades`, from an aggregate trade id or a time on.
pub fn aggregate_trades(symbol: &str, from_id: Option<u64>, span: Span) -> Request {
    get("/api/v3/aggTrades", "trades.aggregate", 4)
        .with("symbol", symbol)
        .some(from_id, |request, id| request.number("fromId", id))
        .span(span)
}

/// `GET /api/v3/klines` from a time on; `None` if the venue has no such interval.
pub fn klines(symbol: &str, interval: u32, start: Option<Timestamp>, limit: u32) -> Option<Request> {
    klines_of(symbol, interval, Span { start, end: None, limit: Some(limit) })
}

/// `GET /api/v3/klines`; `None` if the venue has no such interval (in seconds).
pub fn klines_of(symbol: &str, interval: u32, span: Span) -> Option<Request> {
    some_klines("/api/v3/klines", "klines", symbol, interval, span)
}

/// `GET /api/v3/uiKlines`: klines as the venue draws them; `None` if the venue has no such interval (in seconds).
pub fn ui_klines(symbol: &str, interval: u32, span: Span) -> Option<Request> {
    some_klines("/api/v3/uiKlines", "uiKlines", symbol, interval, span)
}

fn some_klines(
    path: &'static str,
    ws_method: &'static str,
    symbol: &str,
    interval: u32,
    span: Span,
) -> Option<Request> {
    let request = get(path, ws_method, 2).with("symbol", symbol);
    Some(request.with("interval", interval_text(interval)?).span(span))
}

/// `GET /api/v3/avgPrice`.
pub fn average_price(symbol: &str) -> Request {
    get("/api/v3/avgPrice", "avgPrice", 2).with("symbol", symbol)
}

/// `GET /api/v3/ticker/24hr` of these symbols, or of all.
pub fn ticker_24h(symbols: &[String]) -> Request {
    let weight = match symbols.len() {
        1..=20 => 2,
        21..=100 => 40,
        _ => 80,
    };
    let request = get("/api/v3/ticker/24hr", "ticker.24hr", weight);
    if symbols.is_empty() { request } else { request.symbols(symbols) }
}

fn per_symbol(symbols: &[String]) -> u64 {
    u64::try_from(symbols.len()).unwrap_or(u64::MAX).saturating_mul(4).min(200)
}

/// `GET /api/v3/ticker/tradingDay`.
pub fn ticker_trading_day(symbols: &[String]) -> Request {
    get("/api/v3/ticker/tradingDay", "ticker.tradingDay", per_symbol(symbols)).symbols(symbols)
}

/// `GET /api/v3/ticker` over a window as the venue writes it: `1m`…`59m`, `1h`…`23h`, `1d`…`7d`.
pub fn ticker_rolling(symbols: &[String], window: &str) -> Request {
    get("/api/v3/ticker", "ticker", per_symbol(symbols)).symbols(symbols).with("windowSize", window)
}

fn one_or_all(path: &'static str, ws_method: &'static str, symbol: Option<&str>) -> Request {
    let request = get(path, ws_method, if symbol.is_some() { 2 } else { 4 });
    request.some(symbol, |request, symbol| request.with("symbol", symbol))
}

/// `GET /api/v3/ticker/price` of one symbol, or of all.
pub fn ticker_price(symbol: Option<&str>) -> Request {
    one_or_all("/api/v3/ticker/price", "ticker.price", symbol)
}

/// `GET /api/v3/ticker/bookTicker` of one symbol, or of all.
pub fn ticker_book(symbol: Option<&str>) -> Request {
    one_or_all("/api/v3/ticker/bookTicker", "ticker.book", symbol)
}
