//! Every market stream's payload with all of its fields, both ways. The quick way from
//! bytes to the model is [`super::StreamParser`]; this is for whoever needs the rest.

use ringfence_model::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::name::{MarketStream, SymbolStream};
use crate::WireError;
use crate::number::{self, Amount, optional};
use crate::rest::DepthSnapshot;

/// A message of any market stream.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names are the streams'")]
pub enum Payload {
    Trade(Trade),
    AggregateTrade(AggregateTrade),
    BlockTrade(Trade),
    BookTicker(BookTicker),
    AveragePrice(AveragePrice),
    ReferencePrice(ReferencePrice),
    MiniTicker(MiniTicker),
    /// Of all symbols that have changed.
    MiniTickers(Vec<MiniTicker>),
    /// Over 24 hours, or over one of the shorter windows.
    Ticker(Box<Ticker>),
    /// Of all symbols that have changed.
    Tickers(Vec<Ticker>),
    Kline(Box<Kline>),
    PartialDepth(DepthSnapshot),
    Depth(DepthUpdate),
}

fn json<T: DeserializeOwned>(what: &'static str, raw: &[u8]) -> Result<T, WireError> {
    serde_json::from_slice(raw).map_err(|error| WireError::json(what, &error, raw))
}

impl Payload {
    /// Reads the `data` of a message of this stream.
    ///
    /// # Errors
    /// It is no JSON, or not what the stream carries.
    pub fn read(stream: &MarketStream, raw: &[u8]) -> Result<Self, WireError> {
        let stream = match stream {
            MarketStream::AllMiniTickers => return json("miniTicker array", raw).map(Payload::MiniTickers),
            MarketStream::AllWindowTickers(_) => return json("window ticker array", raw).map(Payload::Tickers),
            MarketStream::Symbol { stream, .. } => stream,
        };
        match stream {
            SymbolStream::Trade => json("trade", raw).map(Payload::Trade),
            SymbolStream::AggregateTrade => json("aggTrade", raw).map(Payload::AggregateTrade),
            SymbolStream::BlockTrade => json("blockTrade", raw).map(Payload::BlockTrade),
            SymbolStream::BookTicker => json("bookTicker", raw).map(Payload::BookTicker),
            SymbolStream::AveragePrice => json("avgPrice", raw).map(Payload::AveragePrice),
            SymbolStream::ReferencePrice => json("referencePrice", raw).map(Payload::ReferencePrice),
            SymbolStream::MiniTicker => json("miniTicker", raw).map(Payload::MiniTicker),
            SymbolStream::Ticker => json("ticker", raw).map(Payload::Ticker),
            SymbolStream::WindowTicker(_) => json("window ticker", raw).map(Payload::Ticker),
            SymbolStream::Kline(..) => json("kline", raw).map(Payload::Kline),
            SymbolStream::PartialDepth(..) => json("partial depth", raw).map(Payload::PartialDepth),
            SymbolStream::Depth(_) => json("depthUpdate", raw).map(Payload::Depth),
        }
    }
}

/// `trade`, `blockTrade` (no `M`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct Trade {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "t")]
    pub trade_id: u64,
    #[serde(rename = "p", with = "number")]
    pub price: Decimal,
    #[serde(rename = "q", with = "number")]
    pub quantity: Decimal,
    #[serde(rename = "T")]
    pub trade_time: u64,
    #[serde(rename = "m")]
    pub buyer_is_maker: bool,
    #[serde(rename = "M", default, skip_serializing_if = "Option::is_none")]
    pub best_match: Option<bool>,
}

/// `aggTrade`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct AggregateTrade {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(flatten)]
    pub trade: crate::rest::market::AggregateTrade,
}

/// `kline`, in UTC or with an offset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct Kline {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "k")]
    pub kline: KlineBody,
}

/// The kline within its event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct KlineBody {
    #[serde(rename = "t")]
    pub open_time: u64,
    #[serde(rename = "T")]
    pub close_time: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "i")]
    pub interval: String,
    /// -1 if there was no trade, as the next one.
    #[serde(rename = "f")]
    pub first_trade: i64,
    #[serde(rename = "L")]
    pub last_trade: i64,
    #[serde(rename = "o", with = "number")]
    pub open: Decimal,
    #[serde(rename = "c", with = "number")]
    pub close: Decimal,
    #[serde(rename = "h", with = "number")]
    pub high: Decimal,
    #[serde(rename = "l", with = "number")]
    pub low: Decimal,
    #[serde(rename = "v", with = "number")]
    pub volume: Decimal,
    #[serde(rename = "n")]
    pub trades: u64,
    #[serde(rename = "x")]
    pub closed: bool,
    #[serde(rename = "q", with = "number")]
    pub quote_volume: Decimal,
    #[serde(rename = "V", with = "number")]
    pub taker_volume: Decimal,
    #[serde(rename = "Q", with = "number")]
    pub taker_quote_volume: Decimal,
    #[serde(rename = "B")]
    pub ignore: String,
}

/// `24hrMiniTicker`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct MiniTicker {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "c", with = "number")]
    pub close: Decimal,
    #[serde(rename = "o", with = "number")]
    pub open: Decimal,
    #[serde(rename = "h", with = "number")]
    pub high: Decimal,
    #[serde(rename = "l", with = "number")]
    pub low: Decimal,
    #[serde(rename = "v", with = "number")]
    pub volume: Decimal,
    #[serde(rename = "q", with = "number")]
    pub quote_volume: Decimal,
}

/// `24hrTicker`, and (without book and last trade) `1hTicker`, `4hTicker`, `1dTicker`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct Ticker {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "p", with = "number")]
    pub change: Decimal,
    #[serde(rename = "P", with = "number")]
    pub change_percent: Decimal,
    #[serde(rename = "w", with = "number")]
    pub average: Decimal,
    #[serde(rename = "x", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub first_price: Option<Decimal>,
    #[serde(rename = "c", with = "number")]
    pub last: Decimal,
    #[serde(rename = "Q", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub last_quantity: Option<Decimal>,
    #[serde(rename = "b", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub bid: Option<Decimal>,
    #[serde(rename = "B", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub bid_quantity: Option<Decimal>,
    #[serde(rename = "a", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub ask: Option<Decimal>,
    #[serde(rename = "A", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub ask_quantity: Option<Decimal>,
    #[serde(rename = "o", with = "number")]
    pub open: Decimal,
    #[serde(rename = "h", with = "number")]
    pub high: Decimal,
    #[serde(rename = "l", with = "number")]
    pub low: Decimal,
    #[serde(rename = "v", with = "number")]
    pub volume: Decimal,
    #[serde(rename = "q", with = "number")]
    pub quote_volume: Decimal,
    #[serde(rename = "O")]
    pub open_time: u64,
    #[serde(rename = "C")]
    pub close_time: u64,
    /// -1 if there was no trade, as the next one.
    #[serde(rename = "F")]
    pub first_trade: i64,
    #[serde(rename = "L")]
    pub last_trade: i64,
    #[serde(rename = "n")]
    pub trades: u64,
}

/// `bookTicker`: no event type, no time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct BookTicker {
    #[serde(rename = "u")]
    pub update_id: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "b", with = "number")]
    pub bid: Decimal,
    #[serde(rename = "B", with = "number")]
    pub bid_quantity: Decimal,
    #[serde(rename = "a", with = "number")]
    pub ask: Decimal,
    #[serde(rename = "A", with = "number")]
    pub ask_quantity: Decimal,
}

/// `avgPrice`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct AveragePrice {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "i")]
    pub interval: String,
    #[serde(rename = "w", with = "number")]
    pub average: Decimal,
    #[serde(rename = "T")]
    pub last_trade_time: u64,
}

/// `referencePrice`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct ReferencePrice {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "s")]
    pub symbol: String,
    /// The venue says `null` while it has none.
    #[serde(rename = "r", with = "optional")]
    pub price: Option<Decimal>,
    #[serde(rename = "t")]
    pub time: u64,
}

/// `depthUpdate`; `pu` of USD-M futures only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct DepthUpdate {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "U")]
    pub first_update_id: u64,
    #[serde(rename = "u")]
    pub last_update_id: u64,
    #[serde(rename = "pu", default, skip_serializing_if = "Option::is_none")]
    pub previous_update_id: Option<u64>,
    #[serde(rename = "b")]
    pub bids: Vec<(Amount, Amount)>,
    #[serde(rename = "a")]
    pub asks: Vec<(Amount, Amount)>,
}

impl DepthUpdate {
    /// The first update that it surely holds: it follows whatever ended right before that.
    pub fn first(&self) -> u64 {
        super::first_of(self.first_update_id, self.previous_update_id)
    }
}

/// `serverShutdown`: the venue promises no time after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct ServerShutdown {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
}
