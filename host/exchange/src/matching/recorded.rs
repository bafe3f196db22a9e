//! What a recording does to a book, and what of it own orders get. The fill model is
//! described at `crate::market::replay`; here are its books.
//!
//! Of each level three things are known: what is *displayed* (the newest message), the
//! *queue* (places of the recorded market with own orders between them), and a [`Ledger`]
//! of how the two differ:
//!
//! `displayed = queue + taken + traded − gone`
//!
//! A trade takes from the front of the queue, a cancel from all of it alike, a new order
//! joins its end. Which of these a smaller display stands for is only known when the trade
//! that belongs to it is here, and the two come in either order: so each waits for the
//! other, [`SAME_EVENT`] at most, and the outcome does not depend on who was first.

use std::collections::{BTreeMap, VecDeque};

use ringfence_model::event::{Book as Snapshot, DepthUpdate, Level as Row};
use ringfence_model::{Micros, Side, Timestamp};

use super::book::{Book, Level, Maker, NodeId, Place};
use crate::fixed::Fixed;

/// How long after a level got smaller a trade may still be the reason. Quotes run some
/// microseconds ahead of their trades, other connections up to a period of depth messages.
const SAME_EVENT: Micros = Micros::from_millis(100);

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

/// When a message arrived, and up to which time of the venue it knows the trades; `None`
/// if it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) now: Timestamp,
    pub(crate) venue: Option<Timestamp>,
}

/// A trade of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    pub(crate) price: Fixed,
    pub(crate) quantity: Fixed,
    pub(crate) aggressor: Side,
}

/// Best bid and ask, and their number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quote {
    update_id: u64,
    bid: Fixed,
    ask: Fixed,
}

impl Quote {
    const fn best(&self, side: Side) -> Fixed {
        match side {
            Side::Buy => self.bid,
            Side::Sell => self.ask,
        }
    }
}

/// Whether an order of `side` at `price` comes before one at `other`.
fn better(side: Side, price: Fixed, other: Fixed) -> bool {
    match side {
        Side::Buy => price > other,
        Side::Sell => price < other,
    }
}

/// What is known of a level beside its queue.
#[derive(Debug, Clone, Default)]
struct Ledger {
    /// Traded, still displayed.
    traded: Vec<(Told, Fixed)>,
    /// Displayed no more, and no trade says why yet.
    gone: Vec<(Gone, Fixed)>,
    /// What own takers have of what is displayed. Stands before all others.
    taken: Fixed,
    /// Own orders came before the recording had shown anything of this price.
    unseen: bool,
}

/// When a level got smaller, and what has joined behind those who may have left.
#[derive(Debug, Clone, Copy)]
struct Gone {
    told: Timestamp,
    behind: Fixed,
}

/// So much of a level leaves without a trade: all that stood there then lose alike, those
/// who joined `behind` nothing. In whole steps, so that nobody comes further ahead than his
/// part.
fn thin(taken: &mut Fixed, stands: &mut [Fixed], less: Fixed, behind: Fixed, step: Fixed) {
    let all = stands.iter().fold(*taken, |sum, stands| sum + *stands);
    let stood = (all - behind).max(Fixed::ZERO);
    let keep = (stood - less).max(Fixed::ZERO);
    let upto = |before: Fixed| {
        if before <= stood {
            before.ratio_up(keep.units(), stood.units()).raise(step).min(keep)
        } else {
            keep + before - stood
        }
    };
    let mut before = *taken;
    let mut kept = upto(before);
    *taken = kept;
    for stands in stands {
        before += *stands;
        let next = upto(before);
        *stands = next - kept;
        kept = next;
    }
}

fn sum<T>(rows: &[(T, Fixed)]) -> Fixed {
    rows.iter().fold(Fixed::ZERO, |sum, (_, quantity)| sum + *quantity)
}

/// Takes so much from the oldest rows; what was not there is returned.
fn use_up<T>(rows: &mut Vec<(T, Fixed)>, quantity: Fixed) -> Fixed {
    let mut left = quantity;
    for (_, has) in rows.iter_mut() {
        let used = left.min(*has);
        *has -= used;
        left -= used;
    }
    rows.retain(|(_, has)| has.is_positive());
    left
}

impl Ledger {
    fn is_empty(&self) -> bool {
        self.traded.is_empty() && self.gone.is_empty() && self.taken.is_zero() && !self.unseen
    }
}

/// The ledgers of a book.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledgers {
    levels: BTreeMap<(bool, Fixed), Ledger>,
    /// LOT_SIZE: nothing trades in parts of it.
    step: Fixed,
    /// What is `gone` becomes a cancel when its time is over: time, level.
    due: VecDeque<(Timestamp, Side, Fixed)>,
    /// The worst prices up to which the newest snapshot tells everything.
    bid_floor: Option<Fixed>,
    ask_ceiling: Option<Fixed>,
}

impl Ledgers {
    pub(super) fn new(step: Fixed) -> Self {
        Ledgers { step, ..Ledgers::default() }
    }

    fn get(&self, side: Side, price: Fixed) -> Option<&Ledger> {
        self.levels.get(&(side == Side::Buy, price))
    }

    fn at(&mut self, side: Side, price: Fixed) -> &mut Ledger {
        self.levels.entry((side == Side::Buy, price)).or_default()
    }

    fn tidy(&mut self, side: Side, price: Fixed) {
        if self.get(side, price).is_some_and(Ledger::is_empty) {
            self.levels.remove(&(side == Side::Buy, price));
        }
    }
}

/// A taker of the recording on its way through levels.
#[derive(Debug)]
struct Way {
    /// What is left of it for own orders.
    left: Fixed,
    fills: Vec<Reached>,
}

impl Book {
    /// Places of the market at a level, oldest first, and what stands in them.
    fn market(&self, side: Side, price: Fixed) -> Vec<(NodeId, Fixed)> {
        let places = self.level(side, price).map(|level| self.queue(level)).into_iter().flatten();
        places.filter(|(_, place)| place.maker() == Maker::Market).map(|(node, place)| (node, place.stands)).collect()
    }

    /// What own takers and each place of the market keep after these left without a trade.
    fn thinned(&self, side: Side, price: Fixed, gone: &[(Gone, Fixed)]) -> (Fixed, Vec<(NodeId, Fixed)>) {
        let market = self.market(side, price);
        let mut taken = self.ledgers.get(side, price).map_or(Fixed::ZERO, |ledger| ledger.taken);
        let mut stands: Vec<Fixed> = market.iter().map(|(_, stands)| *stands).collect();
        for (gone, less) in gone {
            thin(&mut taken, &mut stands, *less, gone.behind, self.ledgers.step);
        }
        (taken, market.into_iter().map(|(node, _)| node).zip(stands).collect())
    }

    /// What can be taken is what is still displayed.
    fn offer(&mut self, side: Side, price: Fixed) {
        let gone = self.ledgers.get(side, price).map(|ledger| ledger.gone.clone()).unwrap_or_default();
        let (mut all, mut offered) = (Fixed::ZERO, Fixed::ZERO);
        for (node, left) in self.thinned(side, price, &gone).1 {
            all += left;
            let upto = all.cut(self.ledgers.step);
            self.set_visible(node, upto - offered);
            offered = upto;
        }
        self.ledgers.tidy(side, price);
        self.drop_empty(side, price);
    }

    fn set_stands(&mut self, node: NodeId, stands: Fixed) {
        if stands.is_zero() {
            self.discard(node);
        } else if let Some(place) = self.place_mut(node) {
            place.stands = stands;
        }
    }

    /// What of the market stands at a level, own takers' part included.
    fn standing(&self, side: Side, price: Fixed) -> Fixed {
        let taken = self.ledgers.get(side, price).map_or(Fixed::ZERO, |ledger| ledger.taken);
        taken + sum(&self.market(side, price))
    }

    /// These left the level without a trade.
    fn cancel(&mut self, side: Side, price: Fixed, gone: &[(Gone, Fixed)]) {
        let before = self.standing(side, price);
        let (taken, places) = self.thinned(side, price, gone);
        let lost = before - taken - sum(&places);
        let ledger = self.ledgers.at(side, price);
        ledger.taken = taken;
        // More than stood there: then it is what a trade had taken already.
        use_up(&mut ledger.traded, sum(gone) - lost);
        for (node, stands) in places {
            self.set_stands(node, stands);
        }
    }

    /// Somebody joins the end of a level. At a price that was not shown before he may have
    /// stood there all the time: then he is ahead of own orders.
    fn joins(&mut self, side: Side, price: Fixed, more: Fixed) {
        let standing = self.standing(side, price);
        let ledger = self.ledgers.at(side, price);
        // What is gone beyond all that stood there was never there: nor is its return.
        let idle = (sum(&ledger.gone) - standing).max(Fixed::ZERO).min(more);
        use_up(&mut ledger.gone, idle);
        let more = more - idle;
        if more.is_zero() {
            return;
        }
        for (gone, _) in &mut ledger.gone {
            gone.behind += more;
        }
        let unseen = std::mem::take(&mut ledger.unseen);
        let last = self.last(side, price);
        match self.place_mut(last) {
            Some(place) if place.maker() == Maker::Market => place.stands += more,
            _ => self.insert_market(side, price, more, unseen),
        }
    }

    /// What left a display too long ago for a trade to be the reason was cancelled.
    pub(super) fn settle(&mut self, now: Timestamp) {
        while let Some((time, side, price)) = self.ledgers.due.front().copied()
            && time.plus(SAME_EVENT) <= now
        {
            self.ledgers.due.pop_front();
            self.settle_level(side, price, Some(time));
        }
    }

    /// The same for one level; all of it at once without a time.
    fn settle_level(&mut self, side: Side, price: Fixed, until: Option<Timestamp>) {
        let Some(ledger) = self.ledgers.levels.get_mut(&(side == Side::Buy, price)) else {
            return;
        };
        let over = |gone: &(Gone, Fixed)| until.is_none_or(|until| gone.0.told <= until);
        let (over, wait): (Vec<_>, Vec<_>) = std::mem::take(&mut ledger.gone).into_iter().partition(over);
        ledger.gone = wait;
        if !over.is_empty() {
            self.cancel(side, price, &over);
            self.offer(side, price);
        }
    }

    /// An own order comes to rest at the end of this level.
    pub(super) fn arrives(&mut self, side: Side, price: Fixed) {
        if self.level(side, price).is_some_and(|level| level.has_own() || !level.shown.is_zero()) {
            return;
        }
        let best = self.price_of_level(side, 0);
        let bound = if side == Side::Buy { self.ledgers.bid_floor } else { self.ledgers.ask_ceiling };
        let behind = |bound: Option<Fixed>| bound.is_none_or(|bound| better(side, bound, price));
        if behind(best) && behind(bound) {
            self.ledgers.at(side, price).unseen = true;
        }
    }

    /// An own order is gone from here.
    pub(super) fn leaves(&mut self, side: Side, price: Fixed) {
        if self.level(side, price).is_none_or(|level| !level.has_own())
            && let Some(ledger) = self.ledgers.levels.get_mut(&(side == Side::Buy, price))
        {
            ledger.unseen = false;
            self.ledgers.tidy(side, price);
        }
    }

    /// An own taker has this of a place of the market.
    pub(super) fn take_recorded(&mut self, node: NodeId, side: Side, price: Fixed, quantity: Fixed) {
        if quantity.is_zero() {
            return;
        }
        // It takes of what is displayed; what is not is over.
        self.settle_level(side, price, None);
        let Some(stands) = self.place(node).map(|place| place.stands) else {
            return;
        };
        self.ledgers.at(side, price).taken += quantity.min(stands);
        self.set_stands(node, stands - quantity.min(stands));
        self.offer(side, price);
    }

    /// A level is displayed with this quantity.
    fn show(&mut self, side: Side, price: Fixed, shown: Fixed, told: Told) {
        let before = self.level(side, price).map_or(Fixed::ZERO, |level| level.shown);
        if before == shown && told.venue.is_none() || before.is_zero() && shown.is_zero() {
            // The other side of a quote has changed, or it is empty as before.
            if shown.is_zero()
                && let Some(ledger) = self.ledgers.levels.get_mut(&(side == Side::Buy, price))
            {
                ledger.unseen = false;
                self.ledgers.tidy(side, price);
            }
            return self.drop_empty(side, price);
        }
        self.level_mut(side, price).shown = shown;
        let ledger = self.ledgers.at(side, price);
        // A level that is empty knows nothing of trades to come.
        let knows = |trade: Told| trade.venue <= told.venue || told.venue.is_none() || shown.is_zero();
        let (seen, wait): (Vec<_>, Vec<_>) =
            std::mem::take(&mut ledger.traded).into_iter().partition(|(trade, _)| knows(*trade));
        ledger.traded = wait;
        let less = before - shown - sum(&seen);
        if less.is_positive() {
            ledger.gone.push((Gone { told: told.now, behind: Fixed::ZERO }, less));
            self.ledgers.due.push_back((told.now, side, price));
        } else if !less.is_zero() {
            self.joins(side, price, -less);
        }
        self.offer(side, price);
    }

    /// Nothing is displayed any more at these prices, but for the named ones.
    fn hide(&mut self, side: Side, gone: impl Fn(Fixed) -> bool, keep: &[Row], told: Told) {
        let kept: Vec<Fixed> = keep.iter().map(|row| units(row).0).collect();
        let gone: Vec<Fixed> =
            self.levels(side).map(Level::price).filter(|price| gone(*price) && !kept.contains(price)).collect();
        for price in gone {
            self.show(side, price, Fixed::ZERO, told);
        }
    }

    /// Best bid and ask. Everything better is gone.
    pub(crate) fn play_quote(&mut self, told: Told, update_id: u64, bid: Row, ask: Row) -> Vec<Reached> {
        self.settle(told.now);
        if self.quote.is_some_and(|newest| newest.update_id > update_id) || self.update_id > update_id {
            return Vec::new();
        }
        let ((bid, bid_quantity), (ask, ask_quantity)) = (units(&bid), units(&ask));
        self.quote = Some(Quote { update_id, bid, ask });
        self.hide(Side::Buy, |price| price > bid, &[], told);
        self.hide(Side::Sell, |price| price < ask, &[], told);
        self.show(Side::Buy, bid, bid_quantity, told);
        self.show(Side::Sell, ask, ask_quantity, told);
        self.cross()
    }

    /// Rows of a depth message or a snapshot. A newer quote knows better what is best.
    fn rows_shown(&mut self, side: Side, rows: &[Row], told: Told) {
        let newer = self.quote.filter(|quote| quote.update_id > self.update_id).map(|quote| quote.best(side));
        for row in rows {
            let (price, quantity) = units(row);
            if newer.is_none_or(|best| better(side, best, price)) {
                self.show(side, price, quantity, told);
            }
        }
    }

    /// Levels that changed.
    pub(crate) fn play_depth(&mut self, told: Told, update: &DepthUpdate) -> Vec<Reached> {
        self.settle(told.now);
        if update.last_update_id <= self.update_id {
            return Vec::new();
        }
        self.update_id = update.last_update_id;
        self.rows_shown(Side::Buy, &update.bids, told);
        self.rows_shown(Side::Sell, &update.asks, told);
        self.cross()
    }

    /// The best levels. Levels behind the last one given stay as they are.
    pub(crate) fn play_snapshot(&mut self, told: Told, book: &Snapshot) -> Vec<Reached> {
        self.settle(told.now);
        if book.last_update_id < self.update_id {
            return Vec::new();
        }
        self.update_id = book.last_update_id;
        let newer = self.quote.filter(|quote| quote.update_id > self.update_id);
        for (side, rows) in [(Side::Buy, &book.bids), (Side::Sell, &book.asks)] {
            let last = rows.last().map(|row| units(row).0);
            if let Some(last) = last {
                let knows = |price| newer.is_none_or(|quote| better(side, quote.best(side), price));
                self.hide(side, |price| !better(side, last, price) && knows(price), rows, told);
            }
            match side {
                Side::Buy => self.ledgers.bid_floor = last,
                Side::Sell => self.ledgers.ask_ceiling = last,
            }
            self.rows_shown(side, rows, told);
        }
        self.cross()
    }

    /// Offers that are displayed at the price of a resting own order or beyond it: whoever
    /// made them would have met that order first, at its price.
    fn cross(&mut self) -> Vec<Reached> {
        let mut fills = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            while let Some((own, offer, reached)) = self.crossing(side) {
                self.take(own, reached.quantity);
                self.take(offer, reached.quantity);
                fills.push(reached);
            }
        }
        fills
    }

    /// The next own order of a side that meets an offer, both places, and its fill.
    fn crossing(&self, side: Side) -> Option<(NodeId, NodeId, Reached)> {
        let price = self.best_own(side)?;
        let offered = self.levels(side.opposite()).find(|level| level.has_market())?;
        if better(side, offered.price(), price) {
            return None;
        }
        let shows = |(node, place): (NodeId, &Place)| place.visible().is_positive().then_some((node, *place));
        let own = |(node, place): (NodeId, Place)| match place.maker() {
            Maker::Own(order) => Some((node, order, place.visible())),
            Maker::Market => None,
        };
        let (mine, order, wanted) = self.queue(self.level(side, price)?).filter_map(shows).find_map(own)?;
        let (theirs, offer) =
            self.queue(offered).filter_map(shows).find(|(_, place)| place.maker() == Maker::Market)?;
        Some((mine, theirs, Reached { order, price, quantity: wanted.min(offer.visible()) }))
    }

    /// A trade happened. Returns which own orders it fills and by how much.
    pub(crate) fn play_trade(&mut self, told: Told, trade: Print) -> Vec<Reached> {
        self.settle(told.now);
        let Print { price, quantity, aggressor } = trade;
        let side = aggressor.opposite();
        let mut way = Way { left: quantity, fills: Vec::new() };
        let own = |book: &Book, side: Side, reaches: &dyn Fn(Fixed) -> bool| -> Vec<Fixed> {
            let levels = book.levels(side).take_while(|level| reaches(level.price()));
            levels.filter(|level| level.has_own()).map(Level::price).collect()
        };
        // Who stood at a better price is gone, and own orders there come first.
        for at in own(self, side, &|at| better(side, at, price)) {
            self.walk(side, at, Fixed::MAX, true, told, &mut way);
        }
        let hidden = self.walk(side, price, quantity, false, told, &mut way);
        // What nobody had displayed was an offer that own orders of its taker's side would
        // have met before.
        way.left = way.left.min(hidden);
        for at in own(self, aggressor, &|at| !better(aggressor, price, at)) {
            if way.left.is_positive() {
                self.walk_own(aggressor, at, &mut way);
            }
        }
        way.fills
    }

    /// Lets a trade through a level: it meets those who stand there by time, and takes
    /// `quantity` of the market. Returns what the market had not of that.
    fn walk(&mut self, side: Side, price: Fixed, quantity: Fixed, is_past: bool, told: Told, way: &mut Way) -> Fixed {
        let mut wanted = quantity;
        if let Some(ledger) = self.ledgers.levels.get_mut(&(side == Side::Buy, price)) {
            let had = ledger.taken.min(wanted);
            ledger.taken -= had;
            wanted -= had;
            if !is_past {
                way.left = (way.left - had).max(Fixed::ZERO);
            }
        }
        let mut next = self.first(side, price);
        while let Some(place) = self.place(next).copied() {
            if let Maker::Own(order) = place.maker() {
                next = self.fill(next, order, price, way);
                continue;
            }
            let node = std::mem::replace(&mut next, place.after());
            let had = place.stands.min(wanted);
            wanted -= had;
            if !is_past {
                way.left = (way.left - had).max(Fixed::ZERO);
            }
            if had.is_positive() {
                self.set_stands(node, place.stands - had);
            }
        }
        let traded = quantity - wanted;
        if traded.is_positive() {
            let ledger = self.ledgers.at(side, price);
            let not_shown = use_up(&mut ledger.gone, traded);
            if not_shown.is_positive() {
                ledger.traded.push((told, not_shown));
            }
            self.offer(side, price);
        }
        wanted
    }

    /// Lets a trade meet the own orders of a level.
    fn walk_own(&mut self, side: Side, price: Fixed, way: &mut Way) {
        let mut next = self.first(side, price);
        while let Some(place) = self.place(next).copied() {
            next = match place.maker() {
                Maker::Own(order) => self.fill(next, order, price, way),
                Maker::Market => place.after(),
            };
        }
    }

    /// An own order gets what is left. Returns who is next.
    fn fill(&mut self, node: NodeId, order: u64, price: Fixed, way: &mut Way) -> NodeId {
        let Some(place) = self.place(node).copied() else {
            return node;
        };
        let quantity = place.visible().min(way.left).cut(self.ledgers.step);
        if quantity.is_zero() {
            return place.after();
        }
        let shows_again = quantity == place.visible() && place.hidden().is_positive();
        self.take(node, quantity);
        way.left -= quantity;
        way.fills.push(Reached { order, price, quantity });
        // An iceberg's next slice stands at the end.
        if shows_again && self.place(place.after()).is_none() { node } else { place.after() }
    }

    /// What of the market stands ahead of an own order.
    #[cfg(test)]
    pub(super) fn ahead(&self, node: NodeId) -> Fixed {
        let Some((side, price)) = self.place(node).map(|place| (place.side(), place.price())) else {
            return Fixed::ZERO;
        };
        let taken = self.ledgers.get(side, price).map_or(Fixed::ZERO, |ledger| ledger.taken);
        let queue = self.level(side, price).map(|level| self.queue(level)).into_iter().flatten();
        queue.take_while(|(at, _)| *at != node).fold(taken, |sum, (_, place)| sum + place.stands)
    }

    /// Whether display, queue and ledger of every level say the same.
    #[cfg(test)]
    pub(super) fn is_balanced(&self) -> bool {
        [Side::Buy, Side::Sell].into_iter().all(|side| {
            self.levels(side).all(|level| {
                let price = level.price();
                let ledger = self.ledgers.get(side, price).cloned().unwrap_or_default();
                let queue = sum(&self.market(side, price));
                let visible = self
                    .queue(level)
                    .filter(|(_, place)| place.maker() == Maker::Market)
                    .fold(Fixed::ZERO, |sum, (_, place)| sum + place.visible());
                queue + ledger.taken + sum(&ledger.traded) - sum(&ledger.gone) == level.shown
                    && visible <= level.shown
                    && visible >= Fixed::ZERO
            })
        })
    }
}
