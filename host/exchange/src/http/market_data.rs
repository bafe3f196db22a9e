//! Market data calls.

use ringfence_model::{Decimal, InstrumentId, Side};
use ringfence_wire::enums;
use ringfence_wire::number::{self, Amount};
use ringfence_wire::rest::{self, DepthSnapshot, KlineRow};
use serde::Serialize;

use super::call::{Ask, Call, Run};
use super::general::invalid;
use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("GET", "depth")], &["depth"], depth_weight, Run::Public(Exchange::depth)),
    Call::new(&[("GET", "klines"), ("GET", "uiKlines")], &["klines", "uiKlines"], |_| 2, Run::Public(Exchange::klines)),
    Call::new(&[("GET", "ticker/price")], &["ticker.price"], ticker_weight, Run::Public(Exchange::ticker_price)),
    Call::new(&[("GET", "ticker/bookTicker")], &["ticker.book"], ticker_weight, Run::Public(Exchange::ticker_book)),
];

fn depth_weight(params: &Params) -> u64 {
    match params.limit(100, 5_000).unwrap_or(100) {
        0..=100 => 5,
        101..=500 => 25,
        501..=1_000 => 50,
        _ => 250,
    }
}

fn ticker_weight(params: &Params) -> u64 {
    if params.get("symbol").is_some() { 2 } else { 4 }
}

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

impl Exchange {
    fn depth(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
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

    fn klines(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (now, params) = (ask.now, ask.params);
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

    fn ticker_price(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
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

    fn ticker_book(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
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
