//! Market data streams: their names, and their messages both ways.
//!
//! Source: Binance, "WebSocket Streams", spot; USD-M messages differ only in fields
//! that are more (`T`, `pu`, event times on book tickers) and are read by the same code.

pub mod name;
pub mod payload;

pub use name::{MarketStream, parse_stream_name, stream_name};

use ringfence_model::event::{Book, DepthUpdate, Kline, Level, Ticker};
use ringfence_model::venue::MarketData;
use ringfence_model::{Decimal, Instrument, InstrumentId, Side, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::WireError;
use crate::enums::{interval, interval_text};
use crate::fast;
use crate::number::{self, text};
use crate::symbols::Symbols;

/// Reads stream messages for a table of instruments.
#[derive(Debug, Clone)]
pub struct StreamParser {
    symbols: Symbols,
    bare: Option<InstrumentId>,
}

#[derive(Deserialize)]
struct Combined<'a> {
    #[serde(borrow)]
    stream: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The event type of a raw payload; book tickers and partial depth of spot have none.
#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    e: Option<&'a str>,
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<u64>,
    u: Option<u64>,
}

#[derive(Deserialize)]
struct TradePayload<'a> {
    #[serde(rename = "s", borrow)]
    symbol: &'a str,
    /// Trade id.
    t: Option<u64>,
    /// Aggregate trade id.
    a: Option<u64>,
    #[serde(rename = "p", with = "number")]
    price: Decimal,
    #[serde(rename = "q", with = "number")]
    quantity: Decimal,
    #[serde(rename = "T")]
    time: u64,
    #[serde(rename = "m")]
    buyer_is_maker: bool,
}

#[derive(Deserialize)]
struct BookTickerPayload<'a> {
    #[serde(rename = "u")]
    update_id: u64,
    #[serde(rename = "s", borrow)]
    symbol: &'a str,
    #[serde(rename = "b", with = "number")]
    bid: Decimal,
    #[serde(rename = "B", with = "number")]
    bid_quantity: Decimal,
    #[serde(rename = "a", with = "number")]
    ask: Decimal,
    #[serde(rename = "A", with = "number")]
    ask_quantity: Decimal,
    #[serde(rename = "E")]
    event_time: Option<u64>,
}

#[derive(Deserialize)]
struct RawLevel(#[serde(with = "number")] Decimal, #[serde(with = "number")] Decimal);

#[derive(Deserialize)]
struct DepthPayload<'a> {
    #[serde(rename = "E")]
    event_time: u64,
    #[serde(rename = "s", borrow)]
    symbol: &'a str,
    #[serde(rename = "U")]
    first: u64,
    #[serde(rename = "u")]
    last: u64,
    #[serde(rename = "pu")]
    previous: Option<u64>,
    #[serde(rename = "b")]
    bids: Vec<RawLevel>,
    #[serde(rename = "a")]
    asks: Vec<RawLevel>,
}

#[derive(Deserialize)]
struct BookPayload {
    #[serde(rename = "lastUpdateId")]
    last_update_id: u64,
    bids: Vec<RawLevel>,
    asks: Vec<RawLevel>,
}

#[derive(Deserialize)]
struct KlinePayload<'a> {
    #[serde(rename = "E")]
    event_time: u64,
    #[serde(rename = "s", borrow)]
    symbol: &'a str,
    #[serde(rename = "k", borrow)]
    kline: KlineBody<'a>,
}

#[derive(Deserialize)]
struct KlineBody<'a> {
    #[serde(rename = "t")]
    open_time: u64,
    #[serde(rename = "i", borrow)]
    interval: &'a str,
    #[serde(rename = "o", with = "number")]
    open: Decimal,
    #[serde(rename = "h", with = "number")]
    high: Decimal,
    #[serde(rename = "l", with = "number")]
    low: Decimal,
    #[serde(rename = "c", with = "number")]
    close: Decimal,
    #[serde(rename = "v", with = "number")]
    volume: Decimal,
    #[serde(rename = "q", with = "number")]
    quote_volume: Decimal,
    #[serde(rename = "n")]
    trades: u64,
    #[serde(rename = "x")]
    closed: bool,
}

#[derive(Deserialize)]
struct TickerPayload<'a> {
    #[serde(rename = "E")]
    event_time: u64,
    #[serde(rename = "s", borrow)]
    symbol: &'a str,
    #[serde(rename = "o", with = "number")]
    open: Decimal,
    #[serde(rename = "h", with = "number")]
    high: Decimal,
    #[serde(rename = "l", with = "number")]
    low: Decimal,
    #[serde(rename = "c", with = "number")]
    last: Decimal,
    #[serde(rename = "v", with = "number")]
    volume: Decimal,
    #[serde(rename = "q", with = "number")]
    quote_volume: Decimal,
}

/// What a payload is.
#[derive(Clone, Copy)]
enum Shape {
    Trade,
    AggregateTrade,
    BookTicker,
    Depth,
    /// With the number of levels that its stream tells at most.
    Book(Option<u8>),
    Kline,
    Ticker,
}

fn json<'a, T: Deserialize<'a>>(what: &'static str, raw: &'a [u8]) -> Result<T, WireError> {
    serde_json::from_slice(raw).map_err(|error| WireError::json(what, &error, raw))
}

fn levels(raw: Vec<RawLevel>) -> Vec<Level> {
    raw.into_iter().map(|RawLevel(price, quantity)| Level { price, quantity }).collect()
}

const fn taker(buyer_is_maker: bool) -> Side {
    if buyer_is_maker { Side::Sell } else { Side::Buy }
}

/// Name and payload of a combined message as the venue writes it, cut without parsing anything.
pub fn split(raw: &[u8]) -> Option<(&str, &[u8])> {
    let rest = raw.strip_prefix(b"{\"stream\":\"")?;
    // An escape would make the name something else than its bytes; a control character no JSON.
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
    let (name, rest) = rest.split_at_checked(end)?;
    let payload = rest.strip_prefix(b"\",\"data\":")?.strip_suffix(b"}")?;
    Some((std::str::from_utf8(name).ok()?, payload))
}

impl StreamParser {
    /// Knows the symbols of these instruments.
    pub fn new(instruments: &[Instrument]) -> Self {
        StreamParser { symbols: Symbols::new(instruments), bare: None }
    }

    /// A payload that names no symbol (a REST depth snapshot within a recording) is
    /// taken for this instrument.
    #[must_use]
    pub fn with_bare_snapshot(mut self, instrument: InstrumentId) -> Self {
        self.bare = Some(instrument);
        self
    }

    fn instrument(&self, symbol: &str) -> Result<InstrumentId, WireError> {
        self.symbols.find(symbol.as_bytes()).ok_or_else(|| WireError::UnknownSymbol { symbol: symbol.to_owned() })
    }

    /// Reads one message, combined (`{"stream":…,"data":…}`) or raw.
    ///
    /// # Errors
    /// The message is no JSON, lacks a field, or is of an unknown kind or symbol.
    pub fn parse(&self, raw: &[u8]) -> Result<MarketData, WireError> {
        self.parse_named(raw).map(|(_, data)| data)
    }

    /// [`StreamParser::parse`] with the stream's name, which only a combined message has.
    ///
    /// # Errors
    /// As [`StreamParser::parse`].
    pub fn parse_named<'a>(&self, raw: &'a [u8]) -> Result<(Option<&'a str>, MarketData), WireError> {
        if let Some((name, payload)) = split(raw)
            && let Ok(data) = self.named(name, payload)
        {
            return Ok((Some(name), data));
        }
        // Another order of the fields, blanks between them, more fields; or it says what is wrong.
        if let Ok(combined) = serde_json::from_slice::<Combined<'_>>(raw) {
            return self
                .named(combined.stream, combined.data.get().as_bytes())
                .map(|data| (Some(combined.stream), data));
        }
        self.raw(raw).map(|data| (None, data))
    }

    fn raw(&self, raw: &[u8]) -> Result<MarketData, WireError> {
        let peek: Peek<'_> = json("a stream message", raw)?;
        let shape = match (peek.e, peek.last_update_id, peek.u) {
            (Some("trade"), ..) => Shape::Trade,
            (Some("aggTrade"), ..) => Shape::AggregateTrade,
            (Some("bookTicker"), ..) | (None, None, Some(_)) => Shape::BookTicker,
            (Some("depthUpdate"), ..) => Shape::Depth,
            (Some("kline"), ..) => Shape::Kline,
            (Some("24hrTicker"), ..) => Shape::Ticker,
            (None, Some(_), _) => Shape::Book(None),
            (Some(other), ..) => {
                return Err(WireError::Unknown { what: "event type", found: other.to_owned() });
            }
            (None, None, None) => {
                return Err(WireError::Unknown { what: "stream message without an event type", found: excerpt(raw) });
            }
        };
        self.payload(shape, None, raw)
    }

    fn named(&self, name: &str, payload: &[u8]) -> Result<MarketData, WireError> {
        let (symbol, kind) = name.split_once('@').unwrap_or((name, ""));
        let word = kind.split('@').next().unwrap_or_default();
        let shape = match word {
            "trade" => Shape::Trade,
            "aggTrade" => Shape::AggregateTrade,
            "bookTicker" => Shape::BookTicker,
            "depth" => Shape::Depth,
            "depth5" => Shape::Book(Some(5)),
            "depth10" => Shape::Book(Some(10)),
            "depth20" => Shape::Book(Some(20)),
            // Those with another time zone and windows of other lengths are not what plugins know by these names.
            _ if word == kind && word.starts_with("kline_") => Shape::Kline,
            "ticker" => Shape::Ticker,
            _ => {
                return Err(WireError::Unknown { what: "stream", found: name.to_owned() });
            }
        };
        self.payload(shape, Some(symbol), payload)
    }

    fn quick_trade(&self, raw: &[u8], aggregate: bool) -> Option<MarketData> {
        let trade = fast::Trade::read(raw)?;
        let instrument = self.symbols.find(trade.symbol?)?;
        let (ts, price, quantity) = (Timestamp::from_millis(trade.time?), trade.price?, trade.quantity?);
        let aggressor = taker(trade.buyer_is_maker?);
        Some(if aggregate {
            MarketData::AggregateTrade { instrument, ts, id: trade.aggregate_id?, price, quantity, aggressor }
        } else {
            MarketData::Trade { instrument, ts, id: trade.trade_id?, price, quantity, aggressor }
        })
    }

    fn quick_quote(&self, raw: &[u8]) -> Option<MarketData> {
        let ticker = fast::BookTicker::read(raw)?;
        Some(MarketData::Quote {
            instrument: self.symbols.find(ticker.symbol?)?,
            ts: ticker.event_time.map(Timestamp::from_millis),
            update_id: ticker.update_id?,
            bid: Level { price: ticker.bid?, quantity: ticker.bid_quantity? },
            ask: Level { price: ticker.ask?, quantity: ticker.ask_quantity? },
        })
    }

    fn quick_depth(&self, raw: &[u8]) -> Option<MarketData> {
        let depth = fast::Depth::read(raw)?;
        Some(MarketData::Depth {
            ts: Timestamp::from_millis(depth.event_time?),
            update: DepthUpdate {
                instrument: self.symbols.find(depth.symbol?)?,
                first_update_id: first_of(depth.first?, depth.previous),
                last_update_id: depth.last?,
                bids: depth.bids?,
                asks: depth.asks?,
            },
        })
    }

    fn payload(&self, shape: Shape, symbol: Option<&str>, raw: &[u8]) -> Result<MarketData, WireError> {
        match shape {
            Shape::Trade => {
                if let Some(data) = self.quick_trade(raw, false) {
                    return Ok(data);
                }
                let trade: TradePayload<'_> = json("trade", raw)?;
                let id = trade.t.ok_or_else(|| missing("trade id `t`", raw))?;
                Ok(MarketData::Trade {
                    instrument: self.instrument(trade.symbol)?,
                    ts: Timestamp::from_millis(trade.time),
                    id,
                    price: trade.price,
                    quantity: trade.quantity,
                    aggressor: taker(trade.buyer_is_maker),
                })
            }
            Shape::AggregateTrade => {
                if let Some(data) = self.quick_trade(raw, true) {
                    return Ok(data);
                }
                let trade: TradePayload<'_> = json("aggTrade", raw)?;
                let id = trade.a.ok_or_else(|| missing("aggregate trade id `a`", raw))?;
                Ok(MarketData::AggregateTrade {
                    instrument: self.instrument(trade.symbol)?,
                    ts: Timestamp::from_millis(trade.time),
                    id,
                    price: trade.price,
                    quantity: trade.quantity,
                    aggressor: taker(trade.buyer_is_maker),
                })
            }
            Shape::BookTicker => {
                if let Some(data) = self.quick_quote(raw) {
                    return Ok(data);
                }
                let ticker: BookTickerPayload<'_> = json("bookTicker", raw)?;
                Ok(MarketData::Quote {
                    instrument: self.instrument(ticker.symbol)?,
                    ts: ticker.event_time.map(Timestamp::from_millis),
                    update_id: ticker.update_id,
                    bid: Level { price: ticker.bid, quantity: ticker.bid_quantity },
                    ask: Level { price: ticker.ask, quantity: ticker.ask_quantity },
                })
            }
            Shape::Depth => {
                if let Some(data) = self.quick_depth(raw) {
                    return Ok(data);
                }
                let depth: DepthPayload<'_> = json("depthUpdate", raw)?;
                Ok(MarketData::Depth {
                    ts: Timestamp::from_millis(depth.event_time),
                    update: DepthUpdate {
                        instrument: self.instrument(depth.symbol)?,
                        first_update_id: first_of(depth.first, depth.previous),
                        last_update_id: depth.last,
                        bids: levels(depth.bids),
                        asks: levels(depth.asks),
                    },
                })
            }
            Shape::Book(best) => {
                let instrument = match symbol {
                    Some(symbol) => self.instrument(&symbol.to_uppercase())?,
                    None => self.bare.ok_or_else(|| WireError::Unknown {
                        what: "depth snapshot without a symbol",
                        found: excerpt(raw),
                    })?,
                };
                let book: BookPayload = json("depth snapshot", raw)?;
                Ok(MarketData::Book {
                    ts: None,
                    book: Book {
                        instrument,
                        last_update_id: book.last_update_id,
                        best,
                        bids: levels(book.bids),
                        asks: levels(book.asks),
                    },
                })
            }
            Shape::Kline => {
                let message: KlinePayload<'_> = json("kline", raw)?;
                let kline = message.kline;
                Ok(MarketData::Kline {
                    ts: Timestamp::from_millis(message.event_time),
                    kline: Kline {
                        instrument: self.instrument(message.symbol)?,
                        interval: interval(kline.interval).ok_or_else(|| WireError::Unknown {
                            what: "kline interval",
                            found: kline.interval.to_owned(),
                        })?,
                        open_time: Timestamp::from_millis(kline.open_time),
                        open: kline.open,
                        high: kline.high,
                        low: kline.low,
                        close: kline.close,
                        volume: kline.volume,
                        quote_volume: kline.quote_volume,
                        trades: kline.trades,
                        closed: kline.closed,
                    },
                })
            }
            Shape::Ticker => {
                let ticker: TickerPayload<'_> = json("24hrTicker", raw)?;
                Ok(MarketData::Ticker {
                    ts: Timestamp::from_millis(ticker.event_time),
                    ticker: Ticker {
                        instrument: self.instrument(ticker.symbol)?,
                        open: ticker.open,
                        high: ticker.high,
                        low: ticker.low,
                        last: ticker.last,
                        volume: ticker.volume,
                        quote_volume: ticker.quote_volume,
                    },
                })
            }
        }
    }
}

/// USD-M futures number their updates with holes and say in `pu` which one came before; a
/// spot update says it with its first number. So both follow one rule from here on: nothing
/// is missing if an update begins right after what is known, or before.
fn first_of(first: u64, previous: Option<u64>) -> u64 {
    previous.map_or(first, |previous| previous.saturating_add(1).min(first))
}

fn missing(field: &str, raw: &[u8]) -> WireError {
    WireError::Json { what: "trade", why: format!("missing {field}"), excerpt: excerpt(raw) }
}

fn excerpt(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw.get(..80).unwrap_or(raw)).into_owned()
}

fn write_levels(levels: &[Level]) -> String {
    let rows: Vec<_> =
        levels.iter().map(|level| format!("[\"{}\",\"{}\"]", text(level.price), text(level.quantity))).collect();
    format!("[{}]", rows.join(","))
}

/// The `data` of a stream message as the venue writes it; `event_ms` is its `E`.
pub fn write(symbol: &str, data: &MarketData, event_ms: u64) -> String {
    match data {
        MarketData::Trade { ts, id, price, quantity, aggressor, .. } => format!(
            r#"{{"e":"trade","E":{event_ms},"s":"{symbol}","t":{id},"p":"{}","q":"{}","T":{},"m":{},"M":true}}"#,
            text(*price),
            text(*quantity),
            ts.as_millis(),
            *aggressor == Side::Sell
        ),
        MarketData::AggregateTrade { ts, id, price, quantity, aggressor, .. } => format!(
            r#"{{"e":"aggTrade","E":{event_ms},"s":"{symbol}","a":{id},"p":"{}","q":"{}","f":{id},"l":{id},"T":{},"m":{},"M":true}}"#,
            text(*price),
            text(*quantity),
            ts.as_millis(),
            *aggressor == Side::Sell
        ),
        MarketData::Quote { update_id, bid, ask, .. } => format!(
            r#"{{"u":{update_id},"s":"{symbol}","b":"{}","B":"{}","a":"{}","A":"{}"}}"#,
            text(bid.price),
            text(bid.quantity),
            text(ask.price),
            text(ask.quantity)
        ),
        MarketData::Depth { update, .. } => format!(
            r#"{{"e":"depthUpdate","E":{event_ms},"s":"{symbol}","U":{},"u":{},"b":{},"a":{}}}"#,
            update.first_update_id,
            update.last_update_id,
            write_levels(&update.bids),
            write_levels(&update.asks)
        ),
        MarketData::Book { book, .. } => format!(
            r#"{{"lastUpdateId":{},"bids":{},"asks":{}}}"#,
            book.last_update_id,
            write_levels(&book.bids),
            write_levels(&book.asks)
        ),
        MarketData::Kline { kline, .. } => {
            let open = kline.open_time.as_millis();
            let close = open.saturating_add(u64::from(kline.interval).saturating_mul(1_000)).saturating_sub(1);
            format!(
                r#"{{"e":"kline","E":{event_ms},"s":"{symbol}","k":{{"t":{open},"T":{close},"s":"{symbol}","i":"{}","f":-1,"L":-1,"o":"{}","c":"{}","h":"{}","l":"{}","v":"{}","n":{},"x":{},"q":"{}","V":"0.00000000","Q":"0.00000000","B":"0"}}}}"#,
                interval_text(kline.interval).unwrap_or("1m"),
                text(kline.open),
                text(kline.close),
                text(kline.high),
                text(kline.low),
                text(kline.volume),
                kline.trades,
                kline.closed,
                text(kline.quote_volume)
            )
        }
        MarketData::Ticker { ticker, .. } => format!(
            r#"{{"e":"24hrTicker","E":{event_ms},"s":"{symbol}","p":"{}","o":"{}","h":"{}","l":"{}","c":"{}","v":"{}","q":"{}"}}"#,
            text(ticker.last.saturating_sub(ticker.open)),
            text(ticker.open),
            text(ticker.high),
            text(ticker.low),
            text(ticker.last),
            text(ticker.volume),
            text(ticker.quote_volume)
        ),
    }
}

/// A combined message around a payload.
pub fn combined(stream: &str, data: &str) -> String {
    format!(r#"{{"stream":"{stream}","data":{data}}}"#)
}
