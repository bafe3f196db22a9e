//! One symbol's book.
//!
//! A level is a queue: a list of places that lie in one arena, so that an order is found,
//! made smaller and taken away without a search. In a *live* book (generated market)
//! places of the market and own orders stand in it by time, and what the world sees of a
//! level is the sum of what they show. In a *recorded* book (replay) the world sees what
//! was recorded; own orders stand in the queue among places of the recorded market, and
//! never change what is seen. How a recording moves that queue is in `super::recorded`.

mod live;

use std::collections::BTreeMap;

use ringfence_model::event::{Book as Snapshot, Level as Row};
use ringfence_model::{Decimal, InstrumentId, Side};

use super::recorded::{Ledgers, Quote};
use super::{Owner, SelfTrade};
use crate::fixed::Fixed;

/// The list of changed levels is first made unique when it is this long.
const TIDY_AT: usize = 4_096;

/// Who stands in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// The rest of the market.
    Market,
    /// An order.
    Own(u64),
}

/// A place in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeId(u32);

const NOBODY: NodeId = NodeId(u32::MAX);

/// An order that comes to rest.
#[derive(Debug, Clone, Copy)]
pub struct Resting {
    /// Its number.
    pub order: u64,
    /// Whose it is.
    pub owner: Owner,
    /// Its self-trade prevention.
    pub self_trade: SelfTrade,
    /// What is left of it.
    pub quantity: Fixed,
    /// An iceberg shows at most this much.
    pub iceberg: Option<Fixed>,
}

/// One who stands in a queue.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    maker: Maker,
    owner: Option<Owner>,
    self_trade: SelfTrade,
    side: Side,
    price: Fixed,
    pub(super) visible: Fixed,
    hidden: Fixed,
    slice: Fixed,
    /// Recorded books: what the recorded market has in this place. Not all of it need be
    /// visible: some may have left the display.
    pub(super) stands: Fixed,
    before: NodeId,
    after: NodeId,
}

impl Place {
    #[cfg(test)]
    pub(super) const fn price(&self) -> Fixed {
        self.price
    }

    #[cfg(test)]
    pub(super) const fn side(&self) -> Side {
        self.side
    }

    pub(super) const fn maker(&self) -> Maker {
        self.maker
    }

    pub(super) const fn owner(&self) -> Option<Owner> {
        self.owner
    }

    pub(super) const fn self_trade(&self) -> SelfTrade {
        self.self_trade
    }

    pub(super) const fn visible(&self) -> Fixed {
        self.visible
    }

    pub(super) const fn after(&self) -> NodeId {
        self.after
    }

    pub(super) const fn hidden(&self) -> Fixed {
        self.hidden
    }

    pub(super) const fn slice(&self) -> Fixed {
        self.slice
    }

    /// Visible and hidden.
    pub(crate) fn remaining(&self) -> Fixed {
        self.visible + self.hidden
    }
}

/// A price with those who stand there.
#[derive(Debug, Clone)]
pub(super) struct Level {
    price: Fixed,
    first: NodeId,
    last: NodeId,
    /// What all show together.
    visible: Fixed,
    /// What the market has of it.
    market: Fixed,
    /// How many own orders stand here.
    own: u32,
    /// Recorded books: the displayed quantity.
    pub(super) shown: Fixed,
}

impl Level {
    fn new(price: Fixed) -> Self {
        Level {
            price,
            first: NOBODY,
            last: NOBODY,
            visible: Fixed::ZERO,
            market: Fixed::ZERO,
            own: 0,
            shown: Fixed::ZERO,
        }
    }

    pub(super) const fn price(&self) -> Fixed {
        self.price
    }

    pub(super) const fn has_own(&self) -> bool {
        self.own > 0
    }

    /// Whether the market has something here that can be taken.
    pub(super) const fn has_market(&self) -> bool {
        self.market.is_positive()
    }

    fn is_empty(&self) -> bool {
        self.first == NOBODY && self.shown.is_zero()
    }
}

/// Which quantities the world sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// What stands there.
    Live,
    /// What was recorded.
    Recorded,
}

/// Sorted so that the best level comes first on both sides.
type Levels = BTreeMap<Fixed, Level>;

const fn key(side: Side, price: Fixed) -> Fixed {
    match side {
        Side::Buy => Fixed::from_units(price.units().saturating_neg()),
        Side::Sell => price,
    }
}

/// The book of one symbol.
#[derive(Debug, Clone)]
pub struct Book {
    pub(super) display: Display,
    bids: Levels,
    asks: Levels,
    places: Vec<Place>,
    free: Vec<NodeId>,
    pub(super) update_id: u64,
    /// Levels that changed since they were last asked for. Live books only.
    changed: Vec<(bool, Fixed)>,
    /// Their list is made unique when it is this long.
    tidy_at: usize,
    /// The newest recorded quote: depth messages are older than it and must not undo it.
    pub(super) quote: Option<Quote>,
    /// Recorded books: what is known of a level beside its queue.
    pub(super) ledgers: Ledgers,
}

impl Book {
    /// An empty book.
    pub fn new(display: Display) -> Self {
        Book {
            display,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            places: Vec::new(),
            free: Vec::new(),
            update_id: 1,
            changed: Vec::new(),
            tidy_at: TIDY_AT,
            quote: None,
            ledgers: Ledgers::default(),
        }
    }

    /// From now on the market is a recorded one, in which orders fill in whole steps.
    pub(crate) fn record(&mut self, step: Fixed) {
        self.display = Display::Recorded;
        self.ledgers = Ledgers::new(step);
        self.update_id = 0;
        self.changed.clear();
    }

    pub(super) fn side(&self, side: Side) -> &Levels {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut Levels {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Best first.
    pub(super) fn levels(&self, side: Side) -> impl Iterator<Item = &Level> {
        self.side(side).values()
    }

    pub(super) fn place(&self, node: NodeId) -> Option<&Place> {
        self.places.get(usize::try_from(node.0).ok()?)
    }

    pub(super) fn place_mut(&mut self, node: NodeId) -> Option<&mut Place> {
        self.places.get_mut(usize::try_from(node.0).ok()?)
    }

    /// What is left of the order in this place.
    pub fn remaining(&self, node: NodeId) -> Fixed {
        self.place(node).map_or(Fixed::ZERO, Place::remaining)
    }

    /// Those who stand at a level, oldest first.
    pub(super) fn queue(&self, level: &Level) -> Queue<'_> {
        Queue { book: self, next: level.first }
    }

    /// The oldest place of a level.
    pub(super) fn first(&self, side: Side, price: Fixed) -> NodeId {
        self.level(side, price).map_or(NOBODY, |level| level.first)
    }

    /// The newest place of a level.
    pub(super) fn last(&self, side: Side, price: Fixed) -> NodeId {
        self.level(side, price).map_or(NOBODY, |level| level.last)
    }

    pub(super) fn level(&self, side: Side, price: Fixed) -> Option<&Level> {
        self.side(side).get(&key(side, price))
    }

    pub(super) fn level_mut(&mut self, side: Side, price: Fixed) -> &mut Level {
        self.side_mut(side).entry(key(side, price)).or_insert_with(|| Level::new(price))
    }

    fn touched(&mut self, side: Side, price: Fixed) {
        if self.display == Display::Recorded {
            return;
        }
        self.update_id = self.update_id.saturating_add(1);
        let change = (side == Side::Buy, price);
        if self.changed.last() != Some(&change) {
            self.changed.push(change);
            if self.changed.len() >= self.tidy_at {
                self.changed.sort_unstable();
                self.changed.dedup();
                self.tidy_at = TIDY_AT.max(self.changed.len().saturating_mul(2));
            }
        }
    }

    /// Number of the last change.
    pub(crate) fn update_id(&self) -> u64 {
        self.update_id
    }

    /// Levels that changed since the last call; asks, then bids, each by price.
    pub(crate) fn take_changed(&mut self) -> Vec<(bool, Decimal)> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        changed.into_iter().map(|(bid, price)| (bid, price.decimal())).collect()
    }

    fn seen(&self, level: &Level) -> Fixed {
        match self.display {
            Display::Live => level.visible,
            Display::Recorded => level.shown,
        }
    }

    /// What the world sees at a price.
    pub(crate) fn displayed(&self, side: Side, price: Decimal) -> Decimal {
        self.level(side, Fixed::floor(price)).map_or(Decimal::ZERO, |level| self.seen(level).decimal())
    }

    fn seen_levels(&self, side: Side) -> impl Iterator<Item = (Fixed, Fixed)> {
        self.levels(side).map(|level| (level.price, self.seen(level))).filter(|(_, seen)| !seen.is_zero())
    }

    /// Levels as the world sees them, best first.
    pub(crate) fn rows(&self, side: Side, limit: usize) -> Vec<Row> {
        self.seen_levels(side)
            .take(limit)
            .map(|(price, seen)| Row { price: price.decimal(), quantity: seen.decimal() })
            .collect()
    }

    /// The best level that the world sees.
    pub(crate) fn best(&self, side: Side) -> Option<Row> {
        let (price, seen) = self.seen_levels(side).next()?;
        Some(Row { price: price.decimal(), quantity: seen.decimal() })
    }

    /// Price of the level that stands `behind` levels behind the best one.
    pub fn price_of_level(&self, side: Side, behind: usize) -> Option<Fixed> {
        self.seen_levels(side).nth(behind).map(|(price, _)| price)
    }

    /// A snapshot of the best levels.
    pub(crate) fn snapshot(&self, instrument: InstrumentId, limit: usize) -> Snapshot {
        Snapshot {
            instrument,
            last_update_id: self.update_id,
            best: None,
            bids: self.rows(Side::Buy, limit),
            asks: self.rows(Side::Sell, limit),
        }
    }

    /// Numbers of the own orders that stand here.
    #[cfg(test)]
    pub(crate) fn own_orders(&self) -> Vec<u64> {
        let of = |place: &Place| match place.maker {
            Maker::Own(order) => Some(order),
            Maker::Market => None,
        };
        let levels = self.levels(Side::Buy).chain(self.levels(Side::Sell));
        levels.flat_map(|level| self.queue(level)).filter_map(|(_, place)| of(place)).collect()
    }

    /// Best price of own orders.
    pub(crate) fn best_own(&self, side: Side) -> Option<Fixed> {
        self.levels(side).find(|level| level.own > 0).map(Level::price)
    }

    fn insert(&mut self, place: Place, at_front: bool) -> NodeId {
        let node = match self.free.pop() {
            Some(node) => {
                if let Some(slot) = self.place_mut(node) {
                    *slot = place;
                }
                node
            }
            None => {
                let node = NodeId(u32::try_from(self.places.len()).unwrap_or(u32::MAX));
                self.places.push(place);
                node
            }
        };
        self.link(node, at_front);
        node
    }

    /// Puts a place into its level's queue and counts it.
    fn link(&mut self, node: NodeId, at_front: bool) {
        let Some(place) = self.place(node).copied() else {
            return;
        };
        let level = self.level_mut(place.side, place.price);
        level.visible += place.visible;
        match place.maker {
            Maker::Market => level.market += place.visible,
            Maker::Own(_) => level.own = level.own.saturating_add(1),
        }
        let (first, last) = (level.first, level.last);
        let (before, after) = if at_front { (NOBODY, first) } else { (last, NOBODY) };
        if at_front || first == NOBODY {
            level.first = node;
        }
        if !at_front || last == NOBODY {
            level.last = node;
        }
        if let Some(place) = self.place_mut(node) {
            (place.before, place.after) = (before, after);
        }
        if let Some(neighbour) = self.place_mut(before) {
            neighbour.after = node;
        }
        if let Some(neighbour) = self.place_mut(after) {
            neighbour.before = node;
        }
    }

    /// Takes a place out of its queue; the level goes with its last one.
    fn unlink(&mut self, node: NodeId) {
        let Some(place) = self.place(node).copied() else {
            return;
        };
        if let Some(neighbour) = self.place_mut(place.before) {
            neighbour.after = place.after;
        }
        if let Some(neighbour) = self.place_mut(place.after) {
            neighbour.before = place.before;
        }
        let level = self.level_mut(place.side, place.price);
        level.visible -= place.visible;
        match place.maker {
            Maker::Market => level.market -= place.visible,
            Maker::Own(_) => level.own = level.own.saturating_sub(1),
        }
        if level.first == node {
            level.first = place.after;
        }
        if level.last == node {
            level.last = place.before;
        }
        if level.is_empty() {
            self.side_mut(place.side).remove(&key(place.side, place.price));
        }
    }

    /// An own order joins the end of its level's queue.
    pub fn rest(&mut self, side: Side, price: Fixed, order: Resting) -> NodeId {
        if self.display == Display::Recorded {
            self.arrives(side, price);
        }
        let slice = order.iceberg.unwrap_or(order.quantity).min(order.quantity);
        let node = self.insert(
            Place {
                maker: Maker::Own(order.order),
                owner: Some(order.owner),
                self_trade: order.self_trade,
                side,
                price,
                visible: slice,
                hidden: order.quantity - slice,
                slice,
                stands: Fixed::ZERO,
                before: NOBODY,
                after: NOBODY,
            },
            false,
        );
        self.touched(side, price);
        node
    }

    /// A place of the market.
    pub(super) fn insert_market(&mut self, side: Side, price: Fixed, quantity: Fixed, at_front: bool) {
        self.insert(
            Place {
                maker: Maker::Market,
                owner: None,
                self_trade: SelfTrade::None,
                side,
                price,
                visible: quantity,
                hidden: Fixed::ZERO,
                slice: quantity,
                stands: quantity,
                before: NOBODY,
                after: NOBODY,
            },
            at_front,
        );
    }

    /// Takes an order away.
    pub fn remove(&mut self, node: NodeId) {
        let Some(place) = self.place(node).copied() else {
            return;
        };
        self.unlink(node);
        self.free.push(node);
        if self.display == Display::Recorded {
            self.join(place.before, place.after);
            self.leaves(place.side, place.price);
        }
        self.touched(place.side, place.price);
    }

    /// Takes a place of the market away.
    pub(super) fn discard(&mut self, node: NodeId) {
        self.unlink(node);
        self.free.push(node);
    }

    /// Two places of the market between which nobody stands any more are one.
    fn join(&mut self, before: NodeId, after: NodeId) {
        let (Some(one), Some(other)) = (self.place(before).copied(), self.place(after).copied()) else {
            return;
        };
        if one.maker == Maker::Market && other.maker == Maker::Market {
            self.unlink(after);
            self.free.push(after);
            self.set_visible(before, one.visible + other.visible);
            if let Some(place) = self.place_mut(before) {
                place.stands = one.stands + other.stands;
            }
        }
    }

    /// Makes an order smaller without losing its place; what is hidden goes first.
    pub fn shrink(&mut self, node: NodeId, remaining: Fixed) {
        let Some(place) = self.place_mut(node) else {
            return;
        };
        let before = place.visible;
        place.visible = before.min(remaining);
        place.hidden = place.hidden.min(remaining - place.visible);
        let (less, side, price, maker) = (before - place.visible, place.side, place.price, place.maker);
        self.less(side, price, maker, less);
        self.touched(side, price);
    }

    fn less(&mut self, side: Side, price: Fixed, maker: Maker, less: Fixed) {
        let level = self.level_mut(side, price);
        level.visible -= less;
        if maker == Maker::Market {
            level.market -= less;
        }
    }

    /// Takes from the visible part. An iceberg shows its next slice at the end of the
    /// queue; a place with nothing left is gone.
    pub fn take(&mut self, node: NodeId, quantity: Fixed) {
        let recorded = self.display == Display::Recorded;
        let Some(place) = self.place_mut(node) else {
            return;
        };
        let taken = quantity.min(place.visible);
        let (side, price, maker) = (place.side, place.price, place.maker);
        if recorded && maker == Maker::Market {
            return self.take_recorded(node, side, price, taken);
        }
        let (left, hidden) = (place.visible - taken, place.hidden);
        if left.is_positive() {
            place.visible = left;
            self.less(side, price, maker, taken);
        } else if hidden.is_positive() {
            self.unlink(node);
            if let Some(place) = self.place_mut(node) {
                place.visible = place.slice.min(hidden);
                place.hidden = hidden - place.visible;
            }
            self.link(node, false);
        } else {
            self.discard(node);
            if recorded {
                self.leaves(side, price);
            }
        }
        self.touched(side, price);
    }

    /// What can be taken of a place of the market becomes this.
    pub(super) fn set_visible(&mut self, node: NodeId, visible: Fixed) {
        let Some(place) = self.place_mut(node) else {
            return;
        };
        let before = std::mem::replace(&mut place.visible, visible);
        let (side, price) = (place.side, place.price);
        let level = self.level_mut(side, price);
        level.visible += visible - before;
        level.market += visible - before;
    }

    /// Drops a level at which nothing stands and nothing is shown.
    pub(super) fn drop_empty(&mut self, side: Side, price: Fixed) {
        if self.level(side, price).is_some_and(Level::is_empty) {
            self.side_mut(side).remove(&key(side, price));
        }
    }
}

/// Those who stand at a level, oldest first.
#[derive(Debug)]
pub(super) struct Queue<'a> {
    book: &'a Book,
    next: NodeId,
}

impl<'a> Iterator for Queue<'a> {
    type Item = (NodeId, &'a Place);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.next;
        let place = self.book.place(node)?;
        self.next = place.after;
        Some((node, place))
    }
}
