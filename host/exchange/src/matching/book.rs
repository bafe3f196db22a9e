//! One symbol's book.
//!
//! A level is a queue. In a *live* book (generated market) entries of the market and own
//! orders stand in it by time, and what the world sees of a level is their sum. In a
//! *recorded* book (replay) the world sees what was recorded; own orders stand in the
//! queue with the quantity that was displayed ahead of them when they came, and never
//! change what is seen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::{Bound, RangeBounds};

use ringfence_model::event::{Book as Snapshot, DepthUpdate, Level as Row};
use ringfence_model::{Decimal, InstrumentId, Side};

/// Who stands in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    Market,
    Own(u64),
}

/// What the head of a queue offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) price: Decimal,
    pub(crate) quantity: Decimal,
    pub(crate) maker: Maker,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    maker: Maker,
    quantity: Decimal,
    /// Recorded books: what must still trade at this price before this order's turn.
    ahead: Decimal,
}

#[derive(Debug, Clone, Default)]
struct Level {
    queue: VecDeque<Entry>,
    /// Recorded books: the displayed quantity.
    shown: Decimal,
}

impl Level {
    fn sum(&self, of: impl Fn(Maker) -> bool) -> Decimal {
        self.queue
            .iter()
            .filter(|entry| of(entry.maker))
            .fold(Decimal::ZERO, |sum, entry| sum.saturating_add(entry.quantity))
    }
}

/// Which quantities the world sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Display {
    Live,
    Recorded,
}

/// The book of one symbol.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    display: Display,
    bids: BTreeMap<Decimal, Level>,
    asks: BTreeMap<Decimal, Level>,
    update_id: u64,
    /// Levels that changed since they were last asked for. Live books only.
    changed: BTreeSet<(bool, Decimal)>,
    /// The newest recorded quote: depth messages are older than it and must not undo it.
    quote: Option<(u64, Row, Row)>,
}

impl Book {
    pub(crate) fn new(display: Display) -> Self {
        Book {
            display,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            update_id: 1,
            changed: BTreeSet::new(),
            quote: None,
        }
    }

    /// From now on the market is a recorded one.
    pub(crate) fn record(&mut self) {
        self.display = Display::Recorded;
        self.update_id = 0;
        self.changed.clear();
    }

    fn side(&self, side: Side) -> &BTreeMap<Decimal, Level> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Decimal, Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Best first.
    fn walk(&self, side: Side) -> Box<dyn Iterator<Item = (&Decimal, &Level)> + '_> {
        match side {
            Side::Buy => Box::new(self.bids.iter().rev()),
            Side::Sell => Box::new(self.asks.iter()),
        }
    }

    fn touched(&mut self, side: Side, price: Decimal) {
        if self.display == Display::Live {
            self.update_id = self.update_id.saturating_add(1);
            self.changed.insert((side == Side::Buy, price));
        }
        let map = self.side_mut(side);
        if map.get(&price).is_some_and(|level| level.queue.is_empty() && level.shown.is_zero()) {
            map.remove(&price);
        }
    }

    pub(crate) fn update_id(&self) -> u64 {
        self.update_id
    }

    /// Levels that changed since the last call, with what is there now; bids then asks.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<(bool, Decimal)> {
        std::mem::take(&mut self.changed)
    }

    fn seen(&self, level: &Level) -> Decimal {
        match self.display {
            Display::Live => level.sum(|_| true),
            Display::Recorded => level.shown,
        }
    }

    /// What the world sees at a price.
    pub(crate) fn displayed(&self, side: Side, price: Decimal) -> Decimal {
        self.side(side).get(&price).map_or(Decimal::ZERO, |level| self.seen(level))
    }

    /// Levels as the world sees them, best first.
    pub(crate) fn rows(&self, side: Side, limit: usize) -> Vec<Row> {
        self.walk(side)
            .map(|(price, level)| Row { price: *price, quantity: self.seen(level) })
            .filter(|row| !row.quantity.is_zero())
            .take(limit)
            .collect()
    }

    /// The best level that the world sees.
    pub(crate) fn best(&self, side: Side) -> Option<Row> {
        self.rows(side, 1).first().copied()
    }

    /// A snapshot of the best levels.
    pub(crate) fn snapshot(&self, instrument: InstrumentId, limit: usize) -> Snapshot {
        Snapshot {
            instrument,
            last_update_id: self.update_id,
            bids: self.rows(Side::Buy, limit),
            asks: self.rows(Side::Sell, limit),
        }
    }

    /// What a taker meets, by price then time.
    pub(crate) fn offers(&self, side: Side) -> impl Iterator<Item = Offer> + '_ {
        self.walk(side).flat_map(|(price, level)| {
            let price = *price;
            level.queue.iter().filter(|entry| !entry.quantity.is_zero()).map(move |entry| Offer {
                price,
                quantity: entry.quantity,
                maker: entry.maker,
            })
        })
    }

    /// Best price of own orders.
    pub(crate) fn best_own(&self, side: Side) -> Option<Decimal> {
        self.walk(side)
            .find(|(_, level)| level.queue.iter().any(|entry| entry.maker != Maker::Market))
            .map(|(price, _)| *price)
    }

    /// An own order joins the end of its level's queue.
    pub(crate) fn rest(&mut self, side: Side, price: Decimal, order: u64, quantity: Decimal) {
        let level = self.side_mut(side).entry(price).or_default();
        let ahead = level.shown;
        level.queue.push_back(Entry { maker: Maker::Own(order), quantity, ahead });
        self.touched(side, price);
    }

    /// Takes an own order away.
    pub(crate) fn remove(&mut self, side: Side, price: Decimal, order: u64) {
        if let Some(level) = self.side_mut(side).get_mut(&price) {
            level.queue.retain(|entry| entry.maker != Maker::Own(order));
            self.touched(side, price);
        }
    }

    /// Makes an own order smaller without losing its place.
    pub(crate) fn shrink(&mut self, side: Side, price: Decimal, order: u64, quantity: Decimal) {
        if let Some(level) = self.side_mut(side).get_mut(&price) {
            for entry in level.queue.iter_mut().filter(|entry| entry.maker == Maker::Own(order)) {
                entry.quantity = entry.quantity.min(quantity);
            }
            self.touched(side, price);
        }
    }

    /// Carries out one trade of a plan.
    pub(crate) fn consume(&mut self, side: Side, price: Decimal, maker: Maker, quantity: Decimal) {
        let Some(level) = self.side_mut(side).get_mut(&price) else {
            return;
        };
        let mut left = quantity;
        for entry in level.queue.iter_mut().filter(|entry| entry.maker == maker) {
            let taken = entry.quantity.min(left);
            entry.quantity = entry.quantity.saturating_sub(taken);
            left = left.saturating_sub(taken);
            if left.is_zero() {
                break;
            }
        }
        level.queue.retain(|entry| !entry.quantity.is_zero());
        self.touched(side, price);
    }

    /// Live: the market's quantity at a price becomes this. More joins the end of the
    /// queue, less leaves from its end.
    pub(crate) fn set_market(&mut self, side: Side, price: Decimal, quantity: Decimal) {
        let level = self.side_mut(side).entry(price).or_default();
        let have = level.sum(|maker| maker == Maker::Market);
        if have == quantity {
            self.drop_empty(side, price);
            return;
        }
        if quantity > have {
            let more = quantity.saturating_sub(have);
            match level.queue.back_mut() {
                Some(last) if last.maker == Maker::Market => last.quantity = last.quantity.saturating_add(more),
                _ => level.queue.push_back(Entry { maker: Maker::Market, quantity: more, ahead: Decimal::ZERO }),
            }
        } else {
            let mut less = have.saturating_sub(quantity);
            for entry in level.queue.iter_mut().rev().filter(|entry| entry.maker == Maker::Market) {
                let gone = entry.quantity.min(less);
                entry.quantity = entry.quantity.saturating_sub(gone);
                less = less.saturating_sub(gone);
            }
            level.queue.retain(|entry| !entry.quantity.is_zero());
        }
        self.touched(side, price);
    }

    fn drop_empty(&mut self, side: Side, price: Decimal) {
        let map = self.side_mut(side);
        if map.get(&price).is_some_and(|level| level.queue.is_empty() && level.shown.is_zero()) {
            map.remove(&price);
        }
    }

    /// Prices at which the market stands.
    pub(crate) fn market_prices(&self, side: Side) -> Vec<Decimal> {
        self.walk(side)
            .filter(|(_, level)| level.queue.iter().any(|entry| entry.maker == Maker::Market))
            .map(|(price, _)| *price)
            .collect()
    }

    /// Recorded: a level is displayed with this quantity. What own takers took of it stays
    /// taken until the displayed quantity changes.
    fn show(&mut self, side: Side, price: Decimal, quantity: Decimal) {
        let level = self.side_mut(side).entry(price).or_default();
        if level.shown != quantity {
            level.shown = quantity;
            level.queue.retain(|entry| entry.maker != Maker::Market);
            if quantity.is_zero() {
                // Nobody is left who could be ahead.
                level.queue.iter_mut().for_each(|entry| entry.ahead = Decimal::ZERO);
            } else {
                level.queue.push_front(Entry { maker: Maker::Market, quantity, ahead: Decimal::ZERO });
            }
        }
        self.drop_empty(side, price);
    }

    /// Nothing is displayed any more at these prices, but for the named ones.
    fn hide(&mut self, side: Side, prices: impl RangeBounds<Decimal>, keep: &[Row]) {
        let gone: Vec<_> = self
            .side(side)
            .range(prices)
            .filter(|(price, level)| !level.shown.is_zero() && !keep.iter().any(|row| row.price == **price))
            .map(|(price, _)| *price)
            .collect();
        for price in gone {
            self.show(side, price, Decimal::ZERO);
        }
    }

    /// Recorded: best bid and ask. Everything better is gone.
    pub(crate) fn play_quote(&mut self, update_id: u64, bid: Row, ask: Row) {
        if self.quote.as_ref().is_some_and(|(newest, ..)| *newest > update_id) || self.update_id > update_id {
            return;
        }
        self.quote = Some((update_id, bid, ask));
        self.apply_quote(bid, ask);
    }

    fn apply_quote(&mut self, bid: Row, ask: Row) {
        self.hide(Side::Buy, (Bound::Excluded(bid.price), Bound::Unbounded), &[]);
        self.hide(Side::Sell, ..ask.price, &[]);
        self.show(Side::Buy, bid.price, bid.quantity);
        self.show(Side::Sell, ask.price, ask.quantity);
    }

    fn quote_again(&mut self) {
        match self.quote {
            Some((newest, bid, ask)) if newest > self.update_id => self.apply_quote(bid, ask),
            _ => {}
        }
    }

    /// Recorded: levels that changed.
    pub(crate) fn play_depth(&mut self, update: &DepthUpdate) {
        if update.last_update_id <= self.update_id {
            return;
        }
        self.update_id = update.last_update_id;
        for (side, rows) in [(Side::Buy, &update.bids), (Side::Sell, &update.asks)] {
            for row in rows {
                self.show(side, row.price, row.quantity);
            }
        }
        self.quote_again();
    }

    /// Recorded: the best levels. Levels behind the last one given stay as they are.
    pub(crate) fn play_snapshot(&mut self, book: &Snapshot) {
        if book.last_update_id < self.update_id {
            return;
        }
        self.update_id = book.last_update_id;
        let (last_bid, last_ask) = (book.bids.last().map(|row| row.price), book.asks.last().map(|row| row.price));
        if let Some(last) = last_bid {
            self.hide(Side::Buy, last.., &book.bids);
        }
        if let Some(last) = last_ask {
            self.hide(Side::Sell, ..=last, &book.asks);
        }
        for (side, rows) in [(Side::Buy, &book.bids), (Side::Sell, &book.asks)] {
            for row in rows {
                self.show(side, row.price, row.quantity);
            }
        }
        self.quote_again();
    }

    /// Recorded: a trade happened. Returns which own orders it fills and by how much.
    pub(crate) fn play_trade(
        &mut self,
        price: Decimal,
        quantity: Decimal,
        aggressor: Side,
    ) -> Vec<(u64, Decimal, Decimal)> {
        let mut fills = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let mut left = quantity;
            let reached: Vec<Decimal> = match side {
                Side::Buy => self.bids.range(price..).rev().map(|(price, _)| *price).collect(),
                Side::Sell => self.asks.range(..=price).map(|(price, _)| *price).collect(),
            };
            for level_price in reached {
                let Some(level) = self.side_mut(side).get_mut(&level_price) else {
                    continue;
                };
                for entry in &mut level.queue {
                    let Maker::Own(order) = entry.maker else {
                        continue;
                    };
                    let filled = if level_price == price {
                        if aggressor == side {
                            continue;
                        }
                        let passed = entry.ahead.min(quantity);
                        entry.ahead = entry.ahead.saturating_sub(passed);
                        // What is ahead of this order is ahead of those behind it too.
                        left = left.min(quantity.saturating_sub(passed));
                        entry.quantity.min(left)
                    } else {
                        entry.quantity
                    };
                    if filled.is_zero() {
                        continue;
                    }
                    entry.quantity = entry.quantity.saturating_sub(filled);
                    if level_price == price {
                        left = left.saturating_sub(filled);
                    }
                    fills.push((order, level_price, filled));
                }
                level.queue.retain(|entry| !entry.quantity.is_zero());
                self.drop_empty(side, level_price);
            }
        }
        fills
    }
}
