//! Market data calls.

use ringfence_model::{Decimal, InstrumentId, Side, Timestamp};
use ringfence_wire::enums;
use ringfence_wire::number::{self, Amount};
use ringfence_wire::rest::{self, DepthSnapshot, KlineRow};
use serde::Serialize;

use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::payload;

#[derive(Serialize)]
struct Price<'a> {
    symbol: &'a str,
    #[serde(with = "number")]
    price: Decimal,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BookTicker<'a> {
    symbol: &'a str,
    #[serde(with = "number")]
    bid_price: Decimal,
    #[serde(with = "number")]
    bid_qty: Decimal,
    #[serde(with = "number")]
    ask_price: Decimal,
    #[serde(with = "number")]
    ask_qty: Decimal,
}

fn invalid() -> Refusal {
    Refusal::new(-1121, "Invalid symbol.")
}

impl Exchange {
    /// The one symbol that a call needs.
    pub(super) fn symbol(&self, params: &Params) -> Result<usize, Refusal> {
        self.symbol_index(params.need("symbol")?).ok_or_else(invalid)
    }

    /// `symbol`, `symbols`, or all; and whether it was one symbol.
    fn symbols(&self, params: &Params) -> Result<(Vec<usize>, bool), Refusal> {
        if params.get("symbol").is_some() {
            if params.get("symbols").is_some() {
                return Err(Refusal::new(-1128, "Combination of optional parameters invalid."));
            }
            return Ok((vec![self.symbol(params)?], true));
        }
        let found = match params.list("symbols")? {
            Some(names) => {
                names.iter().map(|name| self.symbol_index(name).ok_or_else(invalid)).collect::<Result<Vec<_>, _>>()?
            }
            None => (0..self.config.symbols.len()).collect(),
        };
        Ok((found, false))
    }

    pub(super) fn exchange_info(&self, now: Timestamp, params: &Params) -> Result<String, Refusal> {
        let (wanted, _) = self.symbols(params)?;
        let symbols = wanted.iter().filter_map(|symbol| self.config.symbols.get(*symbol));
        Ok(payload::exchange_info(symbols, self.limits.config(), now))
    }

    pub(super) fn depth(&self, params: &Params) -> Result<String, Refusal> {
        let symbol = self.symbol(params)?;
        let limit = params.limit(100, 5_000)?;
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

    pub(super) fn klines(&self, now: Timestamp, params: &Params) -> Result<String, Refusal> {
        let symbol = self.symbol(params)?;
        let interval =
            enums::interval(params.need("interval")?).ok_or_else(|| Refusal::new(-1120, "Invalid interval."))?;
        let (start, end, limit) = (params.time("startTime")?, params.time("endTime")?, params.limit(500, 1_000)?);
        let market = self.markets.get(symbol).ok_or_else(invalid)?;
        let rows: Vec<_> = market
            .candles
            .list(interval, start, end, now, limit)
            .iter()
            .map(|candle| KlineRow::of(&candle.kline(InstrumentId(0), interval, now)))
            .collect();
        Ok(rest::write(&rows))
    }

    pub(super) fn ticker_price(&self, params: &Params) -> Result<String, Refusal> {
        let (wanted, one) = self.symbols(params)?;
        let rows: Vec<_> = wanted
            .iter()
            .filter_map(|index| {
                let (config, market) = (self.config.symbols.get(*index)?, self.markets.get(*index)?);
                Some(Price { symbol: &config.symbol, price: market.last_price? })
            })
            .collect();
        match rows.first() {
            Some(row) if one => Ok(rest::write(row)),
            None if one => Err(Refusal::new(-1112, "No orders on book for symbol.")),
            _ => Ok(rest::write(&rows)),
        }
    }

    pub(super) fn ticker_book(&self, params: &Params) -> Result<String, Refusal> {
        let (wanted, one) = self.symbols(params)?;
        let rows: Vec<_> = wanted
            .iter()
            .filter_map(|index| {
                let (config, market) = (self.config.symbols.get(*index)?, self.markets.get(*index)?);
                let side = |side| market.book.best(side).map_or(Default::default(), |row| (row.price, row.quantity));
                let ((bid_price, bid_qty), (ask_price, ask_qty)) = (side(Side::Buy), side(Side::Sell));
                Some(BookTicker { symbol: &config.symbol, bid_price, bid_qty, ask_price, ask_qty })
            })
            .collect();
        match rows.first() {
            Some(row) if one => Ok(rest::write(row)),
            _ => Ok(rest::write(&rows)),
        }
    }
}
