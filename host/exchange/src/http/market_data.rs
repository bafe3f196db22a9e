//! Market data calls: book, trades, klines. The tickers are in `tickers`.

use ringfence_model::{Decimal, Side, Timestamp};
use ringfence_wire::enums;
use ringfence_wire::number::Amount;
use ringfence_wire::rest::{self, DepthSnapshot};

use super::call::{Ask, Call, Run};
use super::general::invalid;
use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::market::candles::Range;
use crate::market::feed::AVERAGE_MINUTES;
use crate::market::grid::Grid;
use crate::payload::market::{self, AggregateRow, AveragePrice, ReferencePrice, TradeRow};

/// Most rows of trades and klines in one answer.
const MOST: usize = 1_000;

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("GET", "depth")], &["depth"], depth_weight, Run::Public(Exchange::depth)),
    Call::new(&[("GET", "trades")], &["trades.recent"], |_| 25, Run::Public(Exchange::trades)),
    Call::new(&[("GET", "historicalTrades")], &["trades.historical"], |_| 25, Run::Public(Exchange::historical_trades)),
    Call::new(
        &[("GET", "historicalBlockTrades")],
        &["blockTrades.historical"],
        |_| 25,
        Run::Public(Exchange::historical_block_trades),
    ),
    Call::new(&[("GET", "aggTrades")], &["trades.aggregate"], |_| 4, Run::Public(Exchange::aggregate_trades)),
    Call::new(&[("GET", "klines"), ("GET", "uiKlines")], &["klines", "uiKlines"], |_| 2, Run::Public(Exchange::klines)),
    Call::new(&[("GET", "avgPrice")], &["avgPrice"], |_| 2, Run::Public(Exchange::average_price)),
    Call::new(&[("GET", "referencePrice")], &["referencePrice"], |_| 2, Run::Public(Exchange::reference_price)),
    Call::new(
        &[("GET", "referencePrice/calculation")],
        &["referencePrice.calculation"],
        |_| 2,
        Run::Public(Exchange::reference_price_calculation),
    ),
];

fn depth_weight(params: &Params) -> u64 {
    match params.limit(100, 5_000).unwrap_or(100) {
        0..=100 => 5,
        101..=500 => 25,
        501..=1_000 => 50,
        _ => 250,
    }
}

fn no_reference() -> Refusal {
    Refusal::new(-2043, "This symbol doesn't have a reference price.")
}

impl Exchange {
    fn depth(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        let limit = ask.params.limit(100, 5_000)?;
        self.status_matches(symbol, ask.params)?;
        let market = self.markets.get(symbol).ok_or_else(invalid)?;
        let rows = |side| {
            market.book.rows(side, limit).into_iter().map(|row| (Amount(row.price), Amount(row.quantity))).collect()
        };
        Ok(rest::write(&DepthSnapshot {
            last_update_id: market.book.update_id(),
            bids: rows(Side::Buy),
            asks: rows(Side::Sell),
        }))
    }

    fn trade_rows(&self, symbol: usize, from: Option<u64>, limit: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let market = self.markets.get(symbol).ok_or_else(invalid)?;
        let rows: Vec<_> = market.tape.trades(from, limit).map(|trade| TradeRow::of(trade, ask.unit)).collect();
        Ok(rest::write(&rows))
    }

    fn trades(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        let limit = ask.params.limit(500, MOST)?;
        self.trade_rows(symbol, None, limit, ask)
    }

    fn historical_trades(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        let (from, limit) = (ask.params.integer("fromId")?, ask.params.limit(500, MOST)?);
        self.trade_rows(symbol, from, limit, ask)
    }

    /// There are no block trades here.
    fn historical_block_trades(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        self.symbol(ask.params)?;
        ask.params.need("fromId")?;
        ask.params.integer("fromId")?;
        ask.params.limit(500, MOST)?;
        Ok("[]".to_owned())
    }

    fn aggregate_trades(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        let params = ask.params;
        let (from, start, end) = (params.integer("fromId")?, params.time("startTime")?, params.time("endTime")?);
        let limit = params.limit(500, MOST)?;
        if from.is_some() && (start.is_some() || end.is_some()) {
            return Err(Refusal::new(-1128, "Combination of optional parameters invalid."));
        }
        let market = self.markets.get(symbol).ok_or_else(invalid)?;
        let rows: Vec<_> =
            market.tape.aggregates(from, start, end, limit).map(|trade| AggregateRow::of(trade, ask.unit)).collect();
        Ok(rest::write(&rows))
    }

    fn klines(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (now, params) = (ask.now, ask.params);
        let symbol = self.symbol(params)?;
        let interval =
            enums::interval(params.need("interval")?).ok_or_else(|| Refusal::new(-1120, "Invalid interval."))?;
        let offset = params.zone("timeZone")?;
        let (start, end, limit) = (params.time("startTime")?, params.time("endTime")?, params.limit(500, MOST)?);
        let market = self.markets.get(symbol).ok_or_else(invalid)?;
        let grid = Grid { interval, offset };
        let rows: Vec<_> = market
            .candles
            .list(grid, Range { start, end, limit }, now)
            .iter()
            .map(|candle| market::kline_row(grid, candle, ask.unit))
            .collect();
        Ok(rest::write(&rows))
    }

    fn average_price(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        let market = self.markets.get(symbol).ok_or_else(invalid)?;
        let price = market.candles.average(AVERAGE_MINUTES, ask.now).or(market.last_price).unwrap_or_default();
        let last = market.tape.last().map_or(ask.now, |trade| trade.time);
        Ok(rest::write(&AveragePrice {
            mins: AVERAGE_MINUTES,
            price: price.round_dp(8),
            close_time: ask.unit.write(last),
        }))
    }

    /// Reference prices are set from outside (in the configuration).
    pub(crate) fn reference(&self, symbol: usize) -> Option<Decimal> {
        self.config.symbols.get(symbol)?.reference_price
    }

    fn reference_price(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        let price = self.reference(symbol).ok_or_else(no_reference)?;
        let timestamp = ask.unit.write(whole_second(ask.now));
        Ok(rest::write(&ReferencePrice { symbol: self.symbol_name(symbol), reference_price: Some(price), timestamp }))
    }

    fn reference_price_calculation(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        self.reference(symbol).ok_or_else(no_reference)?;
        Ok(market::external_calculation(self.symbol_name(symbol)))
    }
}

/// A reference price holds for a second.
fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis() / 1_000 * 1_000)
}
