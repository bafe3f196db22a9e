//! What the exchange writes about the market: trades, klines, tickers.

use ringfence_model::{Decimal, Side};
use ringfence_wire::number::{self, Amount};
use ringfence_wire::rest::{self, KlineRow};
use serde::{Serialize, Serializer};

use crate::market::candles::{Candle, Window};
use crate::market::grid::Grid;
use crate::market::messages;
use crate::market::tape::Aggregate;
use crate::market::{Market, PublicTrade};
use crate::units::TimeUnit;

/// Figures that are computed may have more than eight places.
fn eight<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&messages::amount(*value))
}

/// A row of `trades` and `historicalTrades`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TradeRow {
    id: u64,
    #[serde(with = "number")]
    price: Decimal,
    #[serde(with = "number")]
    qty: Decimal,
    #[serde(serialize_with = "eight")]
    quote_qty: Decimal,
    time: u64,
    is_buyer_maker: bool,
    is_best_match: bool,
}

impl TradeRow {
    pub(crate) fn of(trade: &PublicTrade, unit: TimeUnit) -> Self {
        TradeRow {
            id: trade.id,
            price: trade.price,
            qty: trade.quantity,
            quote_qty: trade.price.saturating_mul(trade.quantity),
            time: unit.write(trade.time),
            is_buyer_maker: trade.aggressor == Side::Sell,
            is_best_match: true,
        }
    }
}

/// A row of `aggTrades`.
#[derive(Serialize)]
#[allow(non_snake_case, reason = "the venue's names")]
pub(crate) struct AggregateRow {
    a: u64,
    #[serde(with = "number")]
    p: Decimal,
    #[serde(with = "number")]
    q: Decimal,
    f: u64,
    l: u64,
    T: u64,
    m: bool,
    M: bool,
}

impl AggregateRow {
    pub(crate) fn of(trade: &Aggregate, unit: TimeUnit) -> Self {
        AggregateRow {
            a: trade.id,
            p: trade.price,
            q: trade.quantity,
            f: trade.first,
            l: trade.last,
            T: unit.write(trade.time),
            m: trade.aggressor == Side::Sell,
            M: true,
        }
    }
}

/// A row of `klines`.
pub(crate) fn kline_row(grid: Grid, candle: &Candle, unit: TimeUnit) -> KlineRow {
    let close = unit.of_millis(grid.next(candle.open_time).saturating_mul(1_000)).saturating_sub(1);
    let figure = |value: Decimal| Amount(value.round_dp(number::PLACES));
    KlineRow(
        unit.of_millis(candle.open_time.saturating_mul(1_000)),
        figure(candle.open),
        figure(candle.high),
        figure(candle.low),
        figure(candle.close),
        figure(candle.volume),
        close,
        figure(candle.quote_volume),
        candle.trades,
        figure(candle.taker_volume),
        figure(candle.taker_quote_volume),
        "0".to_owned(),
    )
}

/// `avgPrice`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AveragePrice {
    pub(crate) mins: u64,
    #[serde(with = "number")]
    pub(crate) price: Decimal,
    pub(crate) close_time: u64,
}

/// `referencePrice`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReferencePrice<'a> {
    pub(crate) symbol: &'a str,
    #[serde(serialize_with = "optional")]
    pub(crate) reference_price: Option<Decimal>,
    pub(crate) timestamp: u64,
}

fn optional<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.serialize_str(&messages::amount(*value)),
        None => serializer.serialize_none(),
    }
}

/// `referencePrice/calculation` of a price that is set from outside.
pub(crate) fn external_calculation(symbol: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct External<'a> {
        symbol: &'a str,
        calculation_type: &'a str,
        external_calculation_id: u64,
    }
    rest::write(&External { symbol, calculation_type: "EXTERNAL", external_calculation_id: 1 })
}

/// `ticker/price`.
#[derive(Serialize)]
pub(crate) struct Price<'a> {
    pub(crate) symbol: &'a str,
    #[serde(with = "number")]
    pub(crate) price: Decimal,
}

/// `ticker/bookTicker`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BookTicker<'a> {
    pub(crate) symbol: &'a str,
    #[serde(with = "number")]
    pub(crate) bid_price: Decimal,
    #[serde(with = "number")]
    pub(crate) bid_qty: Decimal,
    #[serde(with = "number")]
    pub(crate) ask_price: Decimal,
    #[serde(with = "number")]
    pub(crate) ask_qty: Decimal,
}

/// Begin and end of a window in the answer's unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) open: u64,
    pub(crate) close: u64,
}

/// What the day's figures have in front of those of any window.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Quotes {
    #[serde(serialize_with = "eight")]
    prev_close_price: Decimal,
    #[serde(serialize_with = "eight")]
    last_price: Decimal,
    #[serde(serialize_with = "eight")]
    last_qty: Decimal,
    #[serde(serialize_with = "eight")]
    bid_price: Decimal,
    #[serde(serialize_with = "eight")]
    bid_qty: Decimal,
    #[serde(serialize_with = "eight")]
    ask_price: Decimal,
    #[serde(serialize_with = "eight")]
    ask_qty: Decimal,
}

/// `ticker/24hr`, `ticker/tradingDay` and `ticker`, in the venue's order of fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Statistics<'a> {
    symbol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_change: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_change_percent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weighted_avg_price: Option<String>,
    #[serde(flatten)]
    quotes: Option<Quotes>,
    #[serde(serialize_with = "eight")]
    open_price: Decimal,
    #[serde(serialize_with = "eight")]
    high_price: Decimal,
    #[serde(serialize_with = "eight")]
    low_price: Decimal,
    /// The day's figures name it among the quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_price: Option<String>,
    #[serde(serialize_with = "eight")]
    volume: Decimal,
    #[serde(serialize_with = "eight")]
    quote_volume: Decimal,
    open_time: u64,
    close_time: u64,
    first_id: i64,
    last_id: i64,
    count: u64,
}

impl<'a> Statistics<'a> {
    /// `type=MINI`.
    pub(crate) fn mini(symbol: &'a str, window: &Window, span: Span) -> Self {
        let sum = &window.sum;
        Statistics {
            symbol,
            price_change: None,
            price_change_percent: None,
            weighted_avg_price: None,
            quotes: None,
            open_price: sum.open,
            high_price: sum.high,
            low_price: sum.low,
            last_price: Some(messages::amount(sum.close)),
            volume: sum.volume,
            quote_volume: sum.quote_volume,
            open_time: span.open,
            close_time: span.close,
            first_id: sum.first_id,
            last_id: sum.last_id,
            count: sum.trades,
        }
    }

    /// `type=FULL` of a window.
    pub(crate) fn full(symbol: &'a str, window: &Window, span: Span) -> Self {
        let sum = &window.sum;
        let change = sum.close.saturating_sub(sum.open);
        Statistics {
            price_change: Some(messages::amount(change)),
            price_change_percent: Some(messages::percent(change, sum.open)),
            weighted_avg_price: Some(messages::amount(sum.average())),
            ..Self::mini(symbol, window, span)
        }
    }

    /// `type=FULL` of the last 24 hours.
    pub(crate) fn full_day(symbol: &'a str, market: &Market, window: &Window, span: Span) -> Self {
        let best = |side| market.book.best(side).map_or(Default::default(), |row| (row.price, row.quantity));
        let ((bid_price, bid_qty), (ask_price, ask_qty)) = (best(Side::Buy), best(Side::Sell));
        Statistics {
            quotes: Some(Quotes {
                prev_close_price: window.before,
                last_price: window.sum.close,
                last_qty: market.tape.last().map(|trade| trade.quantity).unwrap_or_default(),
                bid_price,
                bid_qty,
                ask_price,
                ask_qty,
            }),
            last_price: None,
            ..Self::full(symbol, window, span)
        }
    }
}
