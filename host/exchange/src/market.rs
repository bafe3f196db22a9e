//! One symbol's market: its book, its trades, and what streams say of it.
//!
//! | module | holds |
//! |--|--|
//! | [`generator`] | the generated market: a price process, quotes and takers |
//! | [`replay`] | the recorded market and its fill model |
//! | [`tape`] | the newest trades |
//! | [`candles`], [`grid`] | klines and rolling figures from trades |
//! | [`history`] | klines of the time before a generated market began |
//! | [`names`], [`messages`] | names of streams, and what they say |
//! | [`feed`] | stream messages, built only for streams that someone listens to |
//!
//! In the generated market own orders take part: what they take is gone, and what they
//! rest with is seen and traded with. In a recorded one they fill against what was
//! recorded and leave no trace in it; how is said in [`replay`].

pub(crate) mod candles;
pub(crate) mod feed;
pub(crate) mod generator;
pub(crate) mod grid;
pub(crate) mod history;
pub(crate) mod messages;
pub(crate) mod names;
pub(crate) mod replay;
pub(crate) mod tape;

use ringfence_model::{Decimal, Side, Timestamp};

use crate::fixed::Fixed;
use crate::matching::book::Book;
use crate::matching::triggers::{Fired, Triggers};
use candles::Candles;
use tape::{Aggregate, Tape};

/// Book and trades of one symbol.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) book: Book,
    pub(crate) candles: Candles,
    pub(crate) tape: Tape,
    pub(crate) last_price: Option<Decimal>,
    /// Own orders that wait for a trade.
    pub(crate) triggers: Triggers,
    /// What the trades since the last look set off.
    fired: Fired,
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
            tape: Tape::default(),
            last_price: None,
            triggers: Triggers::default(),
            fired: Fired::default(),
            has_single_trades: false,
            next_trade_id: 1,
            next_aggregate_id: 1,
        }
    }

    /// The number that the next trade gets.
    pub(crate) fn next_trade_id(&self) -> u64 {
        self.next_trade_id
    }

    /// What the trades since the last call set off.
    pub(crate) fn take_fired(&mut self) -> Fired {
        std::mem::take(&mut self.fired)
    }

    pub(crate) fn trade_id(&mut self) -> u64 {
        let id = self.next_trade_id;
        self.next_trade_id = id.saturating_add(1);
        id
    }

    fn aggregate_id(&mut self) -> u64 {
        let id = self.next_aggregate_id;
        self.next_aggregate_id = id.saturating_add(1);
        id
    }

    /// A trade moves the last price and the klines, is remembered, and sets off what waits
    /// for it.
    pub(crate) fn traded(&mut self, trade: &PublicTrade) {
        self.last_price = Some(trade.price);
        self.candles.trade(trade);
        self.tape.trade(*trade);
        let fired = self.triggers.traded(Fixed::floor(trade.price));
        self.fired.orders.extend(fired.orders);
        self.fired.tracking.extend(fired.tracking);
    }

    /// Trades of one taker as aggregates, one for each run of the same price. The trades
    /// are the newest ones; their ids are the last that were given.
    pub(crate) fn aggregated(
        &mut self,
        trades: &[(Decimal, Decimal)],
        aggressor: Side,
        time: Timestamp,
    ) -> Vec<Aggregate> {
        let count = u64::try_from(trades.len()).unwrap_or(0);
        let mut first = self.next_trade_id.saturating_sub(count);
        let mut found = Vec::new();
        for same in trades.chunk_by(|one, other| one.0 == other.0) {
            let Some((price, _)) = same.first() else {
                continue;
            };
            let quantity = same.iter().fold(Decimal::ZERO, |sum, (_, quantity)| sum.saturating_add(*quantity));
            let next = first.saturating_add(u64::try_from(same.len()).unwrap_or(0));
            let id = self.aggregate_id();
            let trade = Aggregate { id, price: *price, quantity, first, last: next.saturating_sub(1), aggressor, time };
            self.tape.aggregate(trade);
            found.push(trade);
            first = next;
        }
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "market/tests.rs"]
mod tests;
