//! One symbol's market: its book, its trades, and what streams say of it.
//!
//! | module | holds |
//! |--|--|
//! | [`generator`] | the generated market: a price process, quotes and takers |
//! | [`replay`] | the recorded market and its fill model |
//! | [`candles`] | klines and 24 h figures from trades |
//! | [`feed`] | stream messages, built only for streams that someone listens to |
//!
//! In the generated market own orders take part: what they take is gone, and what they
//! rest with is seen and traded with. In a recorded one they fill against what was
//! recorded and leave no trace in it; how is said in [`replay`].

pub(crate) mod candles;
pub(crate) mod feed;
pub(crate) mod generator;
pub(crate) mod replay;

use ringfence_model::{Decimal, Side, Timestamp};

use crate::matching::book::Book;
use candles::Candles;

/// Book and trades of one symbol.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) book: Book,
    pub(crate) candles: Candles,
    pub(crate) last_price: Option<Decimal>,
    /// A recording with single trades: aggregate ones are the same again.
    pub(crate) has_single_trades: bool,
    next_trade_id: u64,
    next_aggregate_id: u64,
}

/// A trade as the public sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublicTrade {
    pub(crate) id: u64,
    pub(crate) price: Decimal,
    pub(crate) quantity: Decimal,
    pub(crate) aggressor: Side,
    pub(crate) time: Timestamp,
}

impl Market {
    pub(crate) fn new(book: Book) -> Self {
        Market {
            book,
            candles: Candles::default(),
            last_price: None,
            has_single_trades: false,
            next_trade_id: 1,
            next_aggregate_id: 1,
        }
    }

    pub(crate) fn trade_id(&mut self) -> u64 {
        let id = self.next_trade_id;
        self.next_trade_id = id.saturating_add(1);
        id
    }

    pub(crate) fn aggregate_id(&mut self) -> u64 {
        let id = self.next_aggregate_id;
        self.next_aggregate_id = id.saturating_add(1);
        id
    }

    /// A trade moves the last price and the klines.
    pub(crate) fn traded(&mut self, price: Decimal, quantity: Decimal, time: Timestamp) {
        self.last_price = Some(price);
        self.candles.trade(price, quantity, time);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "market/tests.rs"]
mod tests;
