//! The recorded market and its fill model.
//!
//! # What is seen
//!
//! Depth messages, snapshots and book tickers set the visible book. Book tickers are newer
//! than the depth messages around them (real time against 100 ms), so each side's best
//! level follows the newest of both by update id. Own orders never change what is seen.
//!
//! # Orders that take
//!
//! Fills against what is displayed, best price first, in part if there is not more. What
//! was taken stays taken for all own orders: it is available again only as the recording
//! brings new quantity to that level, not when it merely shows the level again or shows
//! less of it.
//!
//! # Orders that rest
//!
//! Each level is a queue: places of the recorded market, own orders between them.
//!
//! | what happens | what it does |
//! |--|--|
//! | an own order comes | it stands behind all that is displayed at its price |
//! | the display grows | the new quantity stands behind all who are there |
//! | a trade at the price, by a taker of the other side | it takes from the front; an own order gets what is left of it when its turn comes |
//! | the display shrinks without a trade | all lose the same part of their quantity, wherever they stand: cancels ahead bring an own order forward |
//! | a trade beyond the price | nobody can stand at the price any more: own orders are next, and share what traded |
//! | an offer of the other side at the price or beyond | whoever made it would have met the own order first: it fills at its own price, from what is offered |
//! | a trade at the price or beyond that nobody had displayed | the same, from what traded |
//!
//! The quantity of one trade is given out once: all own orders together, of all prices and
//! accounts, best price first and oldest first within it, get at most what traded less what
//! stood before them. An offer is given out once too (it counts as taken). A fill may be
//! partial, in whole steps of LOT_SIZE; an iceberg's next slice stands at the end.
//!
//! A display that shrinks and the trade that is the reason are two messages that come in
//! either order (book tickers run ahead of their trades). They are matched for a tenth of a
//! second, so that a trade is never counted as a cancel as well, and the outcome does not
//! depend on which came first; until then nobody comes forward.
//!
//! What was displayed for the first time at a price where an own order stood already counts
//! as ahead of it, unless it is known that nothing was there: the price was better than the
//! best one, or within the last snapshot.
//!
//! # Why so
//!
//! - Cancels by equal parts are the mean of the models that put each cancel ahead or behind
//!   by chance in proportion to what stands there (hftbacktest, after Rigtorp). A mean needs
//!   no chance: two runs are equal. Counting only trades would be more careful; counting all
//!   cancels as ahead too friendly.
//! - hftbacktest and NautilusTrader fill an order in full once the market is beyond its
//!   price, or fill several orders from one trade. A taker has one quantity, so here it is
//!   shared; large orders need as much flow as in a market.
//! - What is not modelled: others do not react to own orders, and whoever an own order
//!   deprived of a trade is gone from the queue as in the recording.
//!
//! Own orders of two accounts meet each other as anywhere else; such trades are told to
//! the two only. Aggregate trades count where a recording has no single ones.

use ringfence_model::venue::MarketData;
use ringfence_model::{Decimal, Side, Timestamp};

use super::tape::Aggregate;
use super::{Market, PublicTrade};
use crate::fixed::Fixed;
use crate::matching::{Print, Reached, Told};

/// Lets a recorded message that arrives now move a market.
pub(crate) fn play(market: &mut Market, now: Timestamp, data: &MarketData) -> Vec<Reached> {
    let told = Told { now, venue: data.sent() };
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
            reached(market, told, *price, *quantity, *aggressor)
        }
        // The same trades, summed: they fill only in a recording without single trades.
        MarketData::AggregateTrade { ts, id, price, quantity, aggressor, .. } => {
            let (id, price, quantity, aggressor, time) = (*id, *price, *quantity, *aggressor, *ts);
            market.tape.aggregate(Aggregate { id, price, quantity, first: id, last: id, aggressor, time });
            if market.has_single_trades {
                return Vec::new();
            }
            market.traded(&PublicTrade { id, price, quantity, aggressor, time });
            reached(market, told, price, quantity, aggressor)
        }
        MarketData::Quote { update_id, bid, ask, .. } => market.book.play_quote(told, *update_id, *bid, *ask),
        MarketData::Depth { update, .. } => market.book.play_depth(told, update),
        MarketData::Book { book, .. } => market.book.play_snapshot(told, book),
        MarketData::Kline { .. } | MarketData::Ticker { .. } => Vec::new(),
    }
}

fn reached(market: &mut Market, told: Told, price: Decimal, quantity: Decimal, aggressor: Side) -> Vec<Reached> {
    market.book.play_trade(told, Print { price: Fixed::floor(price), quantity: Fixed::floor(quantity), aggressor })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "replay_tests.rs"]
mod tests;
