//! What streams say of the market, as the venue writes it. No decision is made here.

use ringfence_model::event::{Book, DepthUpdate, Level};
use ringfence_model::{Decimal, Side, Timestamp};
use ringfence_wire::enums::interval_text;
use ringfence_wire::number;

use super::candles::{Candle, Window};
use super::grid::Grid;
use super::tape::Aggregate;
use super::{Market, PublicTrade};
use crate::units::TimeUnit;

/// An amount with exactly eight places: figures that are computed may have more.
pub(crate) fn amount(value: Decimal) -> String {
    number::text(value.round_dp(number::PLACES))
}

/// Change in percent, with three places.
pub(crate) fn percent(change: Decimal, open: Decimal) -> String {
    let percent = change.saturating_mul(Decimal::ONE_HUNDRED).checked_div(open).unwrap_or_default();
    let mut percent = percent.round_dp(3);
    percent.rescale(3);
    percent.to_string()
}

pub(crate) fn trade(symbol: &str, trade: &PublicTrade, now: Timestamp, unit: TimeUnit) -> String {
    format!(
        r#"{{"e":"trade","E":{},"s":"{symbol}","t":{},"p":"{}","q":"{}","T":{},"m":{},"M":true}}"#,
        unit.write(now),
        trade.id,
        number::text(trade.price),
        number::text(trade.quantity),
        unit.write(trade.time),
        trade.aggressor == Side::Sell
    )
}

pub(crate) fn aggregate(symbol: &str, trade: &Aggregate, now: Timestamp, unit: TimeUnit) -> String {
    format!(
        r#"{{"e":"aggTrade","E":{},"s":"{symbol}","a":{},"p":"{}","q":"{}","f":{},"l":{},"T":{},"m":{},"M":true}}"#,
        unit.write(now),
        trade.id,
        number::text(trade.price),
        number::text(trade.quantity),
        trade.first,
        trade.last,
        unit.write(trade.time),
        trade.aggressor == Side::Sell
    )
}

pub(crate) fn book_ticker(symbol: &str, update_id: u64, bid: Level, ask: Level) -> String {
    format!(
        r#"{{"u":{update_id},"s":"{symbol}","b":"{}","B":"{}","a":"{}","A":"{}"}}"#,
        number::text(bid.price),
        number::text(bid.quantity),
        number::text(ask.price),
        number::text(ask.quantity)
    )
}

fn levels(levels: &[Level]) -> String {
    let rows: Vec<_> = levels
        .iter()
        .map(|level| format!("[\"{}\",\"{}\"]", number::text(level.price), number::text(level.quantity)))
        .collect();
    format!("[{}]", rows.join(","))
}

pub(crate) fn depth(symbol: &str, update: &DepthUpdate, now: Timestamp, unit: TimeUnit) -> String {
    format!(
        r#"{{"e":"depthUpdate","E":{},"s":"{symbol}","U":{},"u":{},"b":{},"a":{}}}"#,
        unit.write(now),
        update.first_update_id,
        update.last_update_id,
        levels(&update.bids),
        levels(&update.asks)
    )
}

pub(crate) fn book(book: &Book) -> String {
    format!(r#"{{"lastUpdateId":{},"bids":{},"asks":{}}}"#, book.last_update_id, levels(&book.bids), levels(&book.asks))
}

/// `closed`: the kline changes no more.
pub(crate) fn kline(symbol: &str, grid: Grid, candle: &Candle, closed: bool, now: Timestamp, unit: TimeUnit) -> String {
    let open = unit.of_millis(candle.open_time.saturating_mul(1_000));
    let close = unit.of_millis(grid.next(candle.open_time).saturating_mul(1_000)).saturating_sub(1);
    format!(
        r#"{{"e":"kline","E":{},"s":"{symbol}","k":{{"t":{open},"T":{close},"s":"{symbol}","i":"{}","f":{},"L":{},"o":"{}","c":"{}","h":"{}","l":"{}","v":"{}","n":{},"x":{closed},"q":"{}","V":"{}","Q":"{}","B":"0"}}}}"#,
        unit.write(now),
        interval_text(grid.interval).unwrap_or("1m"),
        candle.first_id,
        candle.last_id,
        amount(candle.open),
        amount(candle.close),
        amount(candle.high),
        amount(candle.low),
        amount(candle.volume),
        candle.trades,
        amount(candle.quote_volume),
        amount(candle.taker_volume),
        amount(candle.taker_quote_volume),
    )
}

pub(crate) fn mini_ticker(symbol: &str, sum: &Candle, now: Timestamp, unit: TimeUnit) -> String {
    format!(
        r#"{{"e":"24hrMiniTicker","E":{},"s":"{symbol}","c":"{}","o":"{}","h":"{}","l":"{}","v":"{}","q":"{}"}}"#,
        unit.write(now),
        amount(sum.close),
        amount(sum.open),
        amount(sum.high),
        amount(sum.low),
        amount(sum.volume),
        amount(sum.quote_volume)
    )
}

/// `24hrTicker`: `from` is where the window begins.
pub(crate) fn ticker(
    symbol: &str,
    market: &Market,
    window: &Window,
    from: Timestamp,
    now: Timestamp,
    unit: TimeUnit,
) -> String {
    let sum = &window.sum;
    let change = sum.close.saturating_sub(sum.open);
    let best = |side| market.book.best(side).map_or(Default::default(), |row| (row.price, row.quantity));
    let ((bid, bid_quantity), (ask, ask_quantity)) = (best(Side::Buy), best(Side::Sell));
    let last_quantity = market.tape.last().map(|trade| trade.quantity).unwrap_or_default();
    format!(
        r#"{{"e":"24hrTicker","E":{},"s":"{symbol}","p":"{}","P":"{}","w":"{}","x":"{}","c":"{}","Q":"{}","b":"{}","B":"{}","a":"{}","A":"{}","o":"{}","h":"{}","l":"{}","v":"{}","q":"{}","O":{},"C":{},"F":{},"L":{},"n":{}}}"#,
        unit.write(now),
        amount(change),
        percent(change, sum.open),
        amount(sum.average()),
        amount(window.before),
        amount(sum.close),
        amount(last_quantity),
        amount(bid),
        amount(bid_quantity),
        amount(ask),
        amount(ask_quantity),
        amount(sum.open),
        amount(sum.high),
        amount(sum.low),
        amount(sum.volume),
        amount(sum.quote_volume),
        unit.write(from),
        unit.write(now),
        sum.first_id,
        sum.last_id,
        sum.trades
    )
}

/// `1hTicker` and its kind.
pub(crate) fn rolling(
    symbol: &str,
    word: &str,
    sum: &Candle,
    from: Timestamp,
    now: Timestamp,
    unit: TimeUnit,
) -> String {
    let change = sum.close.saturating_sub(sum.open);
    format!(
        r#"{{"e":"{word}Ticker","E":{},"s":"{symbol}","p":"{}","P":"{}","o":"{}","h":"{}","l":"{}","c":"{}","w":"{}","v":"{}","q":"{}","O":{},"C":{},"F":{},"L":{},"n":{}}}"#,
        unit.write(now),
        amount(change),
        percent(change, sum.open),
        amount(sum.open),
        amount(sum.high),
        amount(sum.low),
        amount(sum.close),
        amount(sum.average()),
        amount(sum.volume),
        amount(sum.quote_volume),
        unit.write(from),
        unit.write(now),
        sum.first_id,
        sum.last_id,
        sum.trades
    )
}

/// `last` is the time of the last trade.
pub(crate) fn average_price(symbol: &str, price: Decimal, last: Timestamp, now: Timestamp, unit: TimeUnit) -> String {
    format!(
        r#"{{"e":"avgPrice","E":{},"s":"{symbol}","i":"5m","w":"{}","T":{}}}"#,
        unit.write(now),
        amount(price),
        unit.write(last)
    )
}

pub(crate) fn reference_price(symbol: &str, price: Option<Decimal>, at: Timestamp, unit: TimeUnit) -> String {
    let price = price.map_or("null".to_owned(), |price| format!("\"{}\"", amount(price)));
    format!(r#"{{"e":"referencePrice","s":"{symbol}","r":{price},"t":{}}}"#, unit.write(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_percent_with_three_places() {
        let of = |change: i64, open: i64| percent(Decimal::from(change), Decimal::from(open));
        assert_eq!(
            (of(1, 3), of(-95, 99), of(5, 0), of(0, 7)),
            ("33.333".into(), "-95.960".into(), "0.000".into(), "0.000".into())
        );
        assert_eq!(amount(Decimal::new(1_234_567_891_234, 12)), "1.23456789");
    }
}
