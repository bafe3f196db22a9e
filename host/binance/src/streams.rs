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
//! | [`shard`] | one connection: subscriptions, pace, pings, renewal, escalation |
//! | [`handover`] | the order of messages while one connection replaces another |
//! | [`silence`] | streams that stopped without a word |
//! | [`pace`] | so many things in so much time |

pub mod handover;
pub mod pace;
pub mod shard;
pub mod shares;
pub mod silence;

use ringfence_model::venue::MarketData;

/// A message's place among those of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Grows with each message of the stream.
    pub at: (u64, u64),
    /// What the one before must have been, where the venue numbers without holes.
    pub after: Option<u64>,
}

impl Mark {
    /// Of a message of the market.
    pub fn of(data: &MarketData) -> Self {
        let numbered = |first: u64, last: u64| Mark { at: (last, 0), after: first.checked_sub(1) };
        let state = |at: u64| Mark { at: (at, 0), after: None };
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
}
