//! The policy of market streams, pure: which stream runs on which connection, when a
//! connection is opened, renewed or given up, what is asked of it, and in which order the
//! messages of two connections are told. Sockets are in `client::streams`.
//!
//! Source: Binance, "WebSocket Streams", spot: at most 1,024 streams on a connection, five
//! client messages a second, 300 attempts in five minutes; the venue pings every 20 s and
//! cuts a connection at 24 h; `serverShutdown` says goodbye without promising any time.
//!
//! | module | holds |
//! |--|--|
//! | [`shares`] | who wants which stream, and on which connection it runs |
//! | [`shard`] | one connection: subscriptions, pings, renewal, escalation |
//! | [`effect`] | what a connection's decisions ask for |
//! | [`leg`] | one socket of a connection |
//! | [`handover`] | the order of messages while one connection replaces another |
//! | [`silence`] | streams that stopped without a word |

pub mod effect;
pub mod handover;
pub mod leg;
pub mod shard;
pub mod shares;
pub mod silence;

use ringfence_model::venue::MarketData;
use ringfence_wire::stream::payload::Payload;

/// A message's place among those of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Grows with each message of the stream.
    pub at: (u64, u64),
    /// What the one before must have been, where the venue numbers without holes.
    pub after: Option<u64>,
}

impl Mark {
    /// Numbered without holes.
    const fn numbered(first: u64, last: u64) -> Self {
        Mark { at: (last, 0), after: first.checked_sub(1) }
    }

    /// Each message tells all; only their order is known.
    const fn state(at: u64) -> Self {
        Mark { at: (at, 0), after: None }
    }

    /// Of a message of the market.
    pub fn of(data: &MarketData) -> Self {
        let (numbered, state) = (Mark::numbered, Mark::state);
        match data {
            MarketData::Trade { id, .. } | MarketData::AggregateTrade { id, .. } => numbered(*id, *id),
            MarketData::Depth { update, .. } => numbered(update.first_update_id, update.last_update_id),
            MarketData::Quote { update_id, .. } => state(*update_id),
            MarketData::Book { book, .. } => state(book.last_update_id),
            MarketData::Ticker { ts, .. } => state(ts.0),
            MarketData::Kline { ts, kline } => {
                let within = ts.0.saturating_mul(2).saturating_add(u64::from(kline.closed));
                Mark { at: (kline.open_time.0, within), after: None }
            }
        }
    }

    /// Of a message in the venue's own words.
    pub fn of_payload(payload: &Payload) -> Self {
        match payload {
            Payload::Trade(trade) => Mark::numbered(trade.trade_id, trade.trade_id),
            Payload::AggregateTrade(trade) => Mark::numbered(trade.trade.id, trade.trade.id),
            // The documents don't say that these are numbered without holes.
            Payload::BlockTrade(trade) => Mark::state(trade.trade_id),
            Payload::BookTicker(ticker) => Mark::state(ticker.update_id),
            Payload::AveragePrice(price) => Mark::state(price.event_time),
            Payload::ReferencePrice(price) => Mark::state(price.time),
            Payload::MiniTicker(ticker) => Mark::state(ticker.event_time),
            Payload::MiniTickers(all) => Mark::state(all.iter().map(|one| one.event_time).max().unwrap_or_default()),
            Payload::Ticker(ticker) => Mark::state(ticker.event_time),
            Payload::Tickers(all) => Mark::state(all.iter().map(|one| one.event_time).max().unwrap_or_default()),
            Payload::Kline(kline) => {
                let within = kline.event_time.saturating_mul(2).saturating_add(u64::from(kline.kline.closed));
                Mark { at: (kline.kline.open_time, within), after: None }
            }
            Payload::PartialDepth(book) => Mark::state(book.last_update_id),
            Payload::Depth(update) => Mark::numbered(update.first(), update.last_update_id),
        }
    }
}
