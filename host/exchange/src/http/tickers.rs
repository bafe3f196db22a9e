//! Tickers: price, best bid and ask, and the figures of a day or a window.

use std::collections::BTreeSet;

use ringfence_model::{Side, Timestamp};
use ringfence_wire::rest;

use super::call::{Ask, Call, Run};
use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::market::Market;
use crate::market::candles::Window;
use crate::market::feed;
use crate::market::grid::Grid;
use crate::payload::market::{BookTicker, Price, Span, Statistics};

/// Symbols that one question for a window may name.
const MOST_SYMBOLS: usize = 100;
const DAY: u32 = 86_400;

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("GET", "ticker/24hr")], &["ticker.24hr"], day_weight, Run::Public(Exchange::ticker_day)),
    Call::new(
        &[("GET", "ticker/tradingDay")],
        &["ticker.tradingDay"],
        window_weight,
        Run::Public(Exchange::ticker_trading_day),
    ),
    Call::new(&[("GET", "ticker")], &["ticker"], window_weight, Run::Public(Exchange::ticker_window)),
    Call::new(&[("GET", "ticker/price")], &["ticker.price"], ticker_weight, Run::Public(Exchange::ticker_price)),
    Call::new(&[("GET", "ticker/bookTicker")], &["ticker.book"], ticker_weight, Run::Public(Exchange::ticker_book)),
];

fn ticker_weight(params: &Params) -> u64 {
    if params.get("symbol").is_some() { 2 } else { 4 }
}

/// How many symbols are named; `None` if none is.
pub(super) fn named(params: &Params) -> Option<u64> {
    if params.get("symbol").is_some() {
        return Some(1);
    }
    let names = params.list("symbols").ok().flatten()?;
    u64::try_from(names.len()).ok()
}

fn day_weight(params: &Params) -> u64 {
    match named(params) {
        Some(0..=20) => 2,
        Some(21..=100) => 40,
        _ => 80,
    }
}

fn window_weight(params: &Params) -> u64 {
    named(params).unwrap_or(1).max(1).saturating_mul(4).min(200)
}

/// `FULL` or `MINI`.
fn full(params: &Params) -> Result<bool, Refusal> {
    match params.get("type") {
        None | Some("FULL") => Ok(true),
        Some("MINI") => Ok(false),
        Some(_) => Err(Refusal::new(-1139, "Invalid ticker type.")),
    }
}

/// Seconds of a window: `1m`…`59m`, `1h`…`23h`, `1d`…`7d`.
fn window_size(params: &Params) -> Result<u64, Refusal> {
    let Some(text) = params.get("windowSize") else {
        return Ok(u64::from(DAY));
    };
    let known = || {
        let unit = text.chars().next_back()?;
        let number: u64 = text.strip_suffix(unit)?.parse().ok().filter(|_| text.as_bytes().first() != Some(&b'+'))?;
        match (unit, number) {
            ('m', 1..=59) => number.checked_mul(60),
            ('h', 1..=23) => number.checked_mul(3_600),
            ('d', 1..=7) => number.checked_mul(86_400),
            _ => None,
        }
    };
    known().ok_or_else(|| Refusal::new(-1130, "Data sent for parameter 'windowSize' is not valid."))
}

impl Exchange {
    /// One row for each symbol that the call means, or the one row alone.
    fn ticker_rows(
        &self,
        wanted: &[usize],
        one: bool,
        row: impl Fn(&str, &Market) -> Option<String>,
    ) -> Result<String, Refusal> {
        let rows: Vec<String> =
            wanted.iter().filter_map(|index| row(self.symbol_name(*index), self.markets.get(*index)?)).collect();
        match rows.first() {
            Some(row) if one => Ok(row.clone()),
            None if one => Err(Refusal::new(-1112, "No orders on book for symbol.")),
            _ => Ok(format!("[{}]", rows.join(","))),
        }
    }

    /// `symbol` or `symbols`, of which one must be sent.
    fn window_symbols(&self, params: &Params) -> Result<(Vec<usize>, bool), Refusal> {
        if params.get("symbol").is_none() && params.get("symbols").is_none() {
            return Err(Refusal::new(-1102, "Param 'symbol' or 'symbols' must be sent, but both were empty/null!"));
        }
        if params.list("symbols")?.is_some_and(|names| names.len() > MOST_SYMBOLS) {
            return Err(Refusal::new(-1101, "Too many parameters sent for this endpoint."));
        }
        self.symbols(params)
    }

    fn ticker_day(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let full = full(ask.params)?;
        let (wanted, one) = self.symbols(ask.params)?;
        let (second, from) = feed::day(ask.now);
        let span = Span { open: ask.unit.write(from), close: ask.unit.write(ask.now) };
        self.ticker_rows(&wanted, one, |name, market| {
            let window = market.candles.window(second)?;
            Some(if full {
                rest::write(&Statistics::full_day(name, market, &window, span))
            } else {
                rest::write(&Statistics::mini(name, &window, span))
            })
        })
    }

    fn window_rows(
        &self,
        ask: &Ask<'_>,
        span: Span,
        window: impl Fn(&Market) -> Option<Window>,
    ) -> Result<String, Refusal> {
        let full = full(ask.params)?;
        let (wanted, one) = self.window_symbols(ask.params)?;
        self.ticker_rows(&wanted, one, |name, market| {
            let window = window(market)?;
            Some(if full {
                rest::write(&Statistics::full(name, &window, span))
            } else {
                rest::write(&Statistics::mini(name, &window, span))
            })
        })
    }

    fn ticker_trading_day(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let grid = Grid { interval: DAY, offset: ask.params.zone("timeZone")? };
        let open = grid.floor(ask.now.as_millis() / 1_000);
        let span = Span {
            open: ask.unit.of_millis(open.saturating_mul(1_000)),
            close: ask.unit.of_millis(grid.next(open).saturating_mul(1_000)).saturating_sub(1),
        };
        self.window_rows(ask, span, |market| market.candles.window(open))
    }

    fn ticker_window(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let open = feed::rolling_start(ask.now, window_size(ask.params)?);
        let from = Timestamp::from_millis(open.saturating_mul(1_000));
        let span = Span { open: ask.unit.write(from), close: ask.unit.write(ask.now) };
        self.window_rows(ask, span, |market| market.candles.window(open))
    }

    fn ticker_price(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (wanted, one) = self.symbols(ask.params)?;
        self.ticker_rows(&wanted, one, |symbol, market| Some(rest::write(&Price { symbol, price: market.last_price? })))
    }

    fn ticker_book(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (wanted, one) = self.symbols(ask.params)?;
        self.ticker_rows(&wanted, one, |symbol, market| {
            let side = |side| market.book.best(side).map_or(Default::default(), |row| (row.price, row.quantity));
            let ((bid_price, bid_qty), (ask_price, ask_qty)) = (side(Side::Buy), side(Side::Sell));
            Some(rest::write(&BookTicker { symbol, bid_price, bid_qty, ask_price, ask_qty }))
        })
    }
}

/// Whether a list names something twice.
pub(super) fn repeated(names: &[String]) -> bool {
    let mut seen = BTreeSet::new();
    !names.iter().all(|name| seen.insert(name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::of_http(query, "").unwrap()
    }

    #[test]
    fn windows_have_one_unit_and_bounds() {
        for (text, seconds) in [("1m", 60), ("59m", 3_540), ("23h", 82_800), ("7d", 604_800)] {
            assert_eq!(window_size(&params(&format!("windowSize={text}"))).unwrap(), seconds);
        }
        for text in ["0m", "60m", "24h", "8d", "1w", "m", "%2B1m", "1d12h", "1M", "%C3%A9", "-1d"] {
            assert_eq!(window_size(&params(&format!("windowSize={text}"))).unwrap_err().code, -1130, "{text}");
        }
    }

    #[test]
    fn weights_grow_with_the_symbols() {
        let many = |count: usize| {
            let names: Vec<_> = (0..count).map(|n| format!("\"S{n}\"")).collect();
            params(&format!("symbols=[{}]", names.join(",")))
        };
        assert_eq!([1, 20, 21, 100, 101].map(|count| day_weight(&many(count))), [2, 2, 40, 40, 80]);
        assert_eq!((day_weight(&params("symbol=A")), day_weight(&params(""))), (2, 80));
        assert_eq!([1, 2, 49, 50, 51].map(|count| window_weight(&many(count))), [4, 8, 196, 200, 200]);
        assert_eq!(window_weight(&params("symbol=A")), 4);
        assert_eq!(
            (ticker_weight(&params("symbol=A")), ticker_weight(&many(1)), ticker_weight(&params(""))),
            (2, 4, 4)
        );
    }
}
