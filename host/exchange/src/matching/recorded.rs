//! What a recording does to a book. Own orders never change what is displayed; the fill
//! model is described at `crate::market::replay`.

use ringfence_model::Side;
use ringfence_model::event::{Book as Snapshot, DepthUpdate, Level as Row};

use super::book::{Book, Maker};
use crate::fixed::Fixed;

/// A level of the recording in exact units.
fn units(row: &Row) -> (Fixed, Fixed) {
    (Fixed::floor(row.price), Fixed::floor(row.quantity))
}

/// A fill of a resting own order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) order: u64,
    pub(crate) price: Fixed,
    pub(crate) quantity: Fixed,
}

impl Book {
    /// A level is displayed with this quantity. What own takers took of it stays taken
    /// until the displayed quantity changes.
    fn show(&mut self, side: Side, price: Fixed, quantity: Fixed) {
        if self.level(side, price).map_or(Fixed::ZERO, |level| level.shown) != quantity {
            self.put_market(side, price, quantity);
            self.level_mut(side, price).shown = quantity;
            if quantity.is_zero() {
                // Nobody is left who could be ahead.
                for node in self.nodes(side, price) {
                    if let Some(place) = self.place_mut(node) {
                        place.ahead = Fixed::ZERO;
                    }
                }
            }
        }
        self.drop_empty(side, price);
    }

    fn nodes(&self, side: Side, price: Fixed) -> Vec<super::book::NodeId> {
        self.level(side, price).map(|level| self.queue(level).map(|(node, _)| node).collect()).unwrap_or_default()
    }

    /// Nothing is displayed any more at these prices, but for the named ones.
    fn hide(&mut self, side: Side, gone: impl Fn(Fixed) -> bool, keep: &[Row]) {
        let kept: Vec<Fixed> = keep.iter().map(|row| units(row).0).collect();
        let gone: Vec<Fixed> = self
            .levels(side)
            .filter(|level| !level.shown.is_zero() && gone(level.price()) && !kept.contains(&level.price()))
            .map(|level| level.price())
            .collect();
        for price in gone {
            self.show(side, price, Fixed::ZERO);
        }
    }

    /// Best bid and ask. Everything better is gone.
    pub(crate) fn play_quote(&mut self, update_id: u64, bid: Row, ask: Row) {
        if self.quote.as_ref().is_some_and(|(newest, ..)| *newest > update_id) || self.update_id > update_id {
            return;
        }
        self.quote = Some((update_id, bid, ask));
        self.apply_quote(bid, ask);
    }

    fn apply_quote(&mut self, bid: Row, ask: Row) {
        let ((bid, bid_quantity), (ask, ask_quantity)) = (units(&bid), units(&ask));
        self.hide(Side::Buy, |price| price > bid, &[]);
        self.hide(Side::Sell, |price| price < ask, &[]);
        self.show(Side::Buy, bid, bid_quantity);
        self.show(Side::Sell, ask, ask_quantity);
    }

    fn quote_again(&mut self) {
        match self.quote {
            Some((newest, bid, ask)) if newest > self.update_id => self.apply_quote(bid, ask),
            _ => {}
        }
    }

    /// Levels that changed.
    pub(crate) fn play_depth(&mut self, update: &DepthUpdate) {
        if update.last_update_id <= self.update_id {
            return;
        }
        self.update_id = update.last_update_id;
        for (side, rows) in [(Side::Buy, &update.bids), (Side::Sell, &update.asks)] {
            for row in rows {
                let (price, quantity) = units(row);
                self.show(side, price, quantity);
            }
        }
        self.quote_again();
    }

    /// The best levels. Levels behind the last one given stay as they are.
    pub(crate) fn play_snapshot(&mut self, book: &Snapshot) {
        if book.last_update_id < self.update_id {
            return;
        }
        self.update_id = book.last_update_id;
        if let Some((last, _)) = book.bids.last().map(units) {
            self.hide(Side::Buy, |price| price >= last, &book.bids);
        }
        if let Some((last, _)) = book.asks.last().map(units) {
            self.hide(Side::Sell, |price| price <= last, &book.asks);
        }
        for (side, rows) in [(Side::Buy, &book.bids), (Side::Sell, &book.asks)] {
            for row in rows {
                let (price, quantity) = units(row);
                self.show(side, price, quantity);
            }
        }
        self.quote_again();
    }

    /// A trade happened. Returns which own orders it fills and by how much.
    pub(crate) fn play_trade(&mut self, price: Fixed, quantity: Fixed, aggressor: Side) -> Vec<Reached> {
        let mut fills = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let mut left = quantity;
            let reached: Vec<Fixed> = self
                .levels(side)
                .map(|level| level.price())
                .take_while(|at| match side {
                    Side::Buy => *at >= price,
                    Side::Sell => *at <= price,
                })
                .collect();
            for at in reached {
                for node in self.nodes(side, at) {
                    let Some(place) = self.place_mut(node) else {
                        continue;
                    };
                    let Maker::Own(order) = place.maker() else {
                        continue;
                    };
                    let filled = if at == price {
                        if aggressor == side {
                            continue;
                        }
                        let passed = place.ahead.min(quantity);
                        place.ahead -= passed;
                        // What is ahead of this order is ahead of those behind it too.
                        left = left.min(quantity - passed);
                        let filled = place.visible.min(left);
                        left -= filled;
                        filled
                    } else {
                        place.remaining()
                    };
                    if filled.is_zero() {
                        continue;
                    }
                    if filled == place.remaining() {
                        self.remove(node);
                    } else {
                        self.take(node, filled);
                    }
                    fills.push(Reached { order, price: at, quantity: filled });
                }
            }
        }
        fills
    }
}
