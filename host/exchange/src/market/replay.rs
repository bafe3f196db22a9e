//! The recorded market and its fill model.
//!
//! - Depth, snapshots and book tickers set the visible book. Book tickers are newer than
//!   the depth messages around them (real time against 100 ms), so each side's best level
//!   follows the newest of both by update id.
//! - An own order that takes fills against the visible levels, best first. The recorded
//!   book does not notice: nothing that others see changes. But what was taken of a level
//!   stays taken, for all own orders, until the recording shows that level with another
//!   quantity.
//! - An own order that rests fills in full when a recorded trade is strictly beyond its
//!   price. At its price it waits: first what was displayed there when it came must trade,
//!   then it gets what the recorded trades of the other side bring. If the level vanishes
//!   from the recording, nobody is ahead any more.
//! - A quote or a depth message alone fills nothing, even if it stands beyond a resting
//!   own order: only trades do. Aggregate trades count where a recording has no single
//!   ones.
//! - Own orders of two accounts meet each other as anywhere else; such trades are told to
//!   the two only.
//! - Impact is not modelled: the recorded market goes on as if the own orders were not
//!   there. Large own orders therefore fill better than they would have.

use ringfence_model::venue::MarketData;
use ringfence_model::{Decimal, Side};

use super::tape::Aggregate;
use super::{Market, PublicTrade};
use crate::fixed::Fixed;
use crate::matching::Reached;

/// Lets a recorded message move a market.
pub(crate) fn play(market: &mut Market, data: &MarketData) -> Vec<Reached> {
    match data {
        MarketData::Trade { ts, id, price, quantity, aggressor, .. } => {
            market.has_single_trades = true;
            market.traded(&PublicTrade {
                id: *id,
                price: *price,
                quantity: *quantity,
                aggressor: *aggressor,
                time: *ts,
            });
            return reached(market, *price, *quantity, *aggressor);
        }
        // The same trades, summed: they fill only in a recording without single trades.
        MarketData::AggregateTrade { ts, id, price, quantity, aggressor, .. } => {
            let (id, price, quantity, aggressor, time) = (*id, *price, *quantity, *aggressor, *ts);
            market.tape.aggregate(Aggregate { id, price, quantity, first: id, last: id, aggressor, time });
            if !market.has_single_trades {
                market.traded(&PublicTrade { id, price, quantity, aggressor, time });
                return reached(market, price, quantity, aggressor);
            }
        }
        MarketData::Quote { update_id, bid, ask, .. } => market.book.play_quote(*update_id, *bid, *ask),
        MarketData::Depth { update, .. } => market.book.play_depth(update),
        MarketData::Book { book, .. } => market.book.play_snapshot(book),
        MarketData::Kline { .. } | MarketData::Ticker { .. } => {}
    }
    Vec::new()
}

fn reached(market: &mut Market, price: Decimal, quantity: Decimal, aggressor: Side) -> Vec<Reached> {
    market.book.play_trade(Fixed::floor(price), Fixed::floor(quantity), aggressor)
}
