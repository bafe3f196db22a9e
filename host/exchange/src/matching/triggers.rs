//! Orders that wait for a trade: stops and trailing stops.
//!
//! Source: Binance, "Spot Trailing Stop order FAQ". A trade at or beyond the stop price
//! fires. A trailing order first waits for its stop price (if it has one), then follows
//! the best trade since, and fires when a trade is `delta` basis points worse.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::Side;

use crate::fixed::Fixed;

/// Basis points in one.
const ONE: i128 = 10_000;

/// Where the last trade must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// At or above.
    Above(Fixed),
    /// At or below.
    Below(Fixed),
}

impl Condition {
    /// Whether a trade at this price meets it.
    pub fn met(self, price: Fixed) -> bool {
        match self {
            Condition::Above(stop) => price >= stop,
            Condition::Below(stop) => price <= stop,
        }
    }
}

/// A trailing order.
#[derive(Debug, Clone, Copy)]
struct Trail {
    side: Side,
    delta: u32,
    /// What begins the tracking; `None` once it began.
    start: Option<Condition>,
    /// Highest trade (sells) or lowest (buys) since.
    extreme: Option<Fixed>,
}

impl Trail {
    /// Whether a trade fires it, after it was followed.
    fn follow(&mut self, price: Fixed) -> bool {
        if self.start.is_some_and(|start| !start.met(price)) {
            return false;
        }
        self.start = None;
        let extreme = self.extreme.map_or(price, |extreme| match self.side {
            Side::Buy => extreme.min(price),
            Side::Sell => extreme.max(price),
        });
        self.extreme = Some(extreme);
        let (scaled, delta) = (price.units().saturating_mul(ONE), i128::from(self.delta));
        match self.side {
            Side::Buy => scaled >= extreme.units().saturating_mul(ONE.saturating_add(delta)),
            Side::Sell => scaled <= extreme.units().saturating_mul(ONE.saturating_sub(delta)),
        }
    }
}

/// What waits on one symbol.
#[derive(Debug, Clone, Default)]
pub struct Triggers {
    above: BTreeSet<(Fixed, u64)>,
    below: BTreeSet<(Fixed, u64)>,
    trailing: BTreeMap<u64, Trail>,
}

/// What a trade did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fired {
    /// Orders that work now, oldest first.
    pub orders: Vec<u64>,
    /// Trailing orders that began to track.
    pub tracking: Vec<u64>,
}

impl Triggers {
    /// An order waits.
    pub fn wait(&mut self, order: u64, condition: Condition) {
        match condition {
            Condition::Above(stop) => self.above.insert((stop, order)),
            Condition::Below(stop) => self.below.insert((stop, order)),
        };
    }

    /// A trailing order waits. Without a start it tracks at once, from `last` on, as in
    /// scenario E of the FAQ (whose text says "from the next trade" in another place).
    pub fn trail(&mut self, order: u64, side: Side, delta: u32, start: Option<Condition>, last: Option<Fixed>) {
        let extreme = if start.is_none() { last } else { None };
        self.trailing.insert(order, Trail { side, delta, start, extreme });
    }

    /// An order waits no more.
    pub fn forget(&mut self, order: u64, condition: Option<Condition>) {
        self.trailing.remove(&order);
        match condition {
            Some(Condition::Above(stop)) => self.above.remove(&(stop, order)),
            Some(Condition::Below(stop)) => self.below.remove(&(stop, order)),
            None => false,
        };
    }

    /// A trade happened: who works now? They wait no more.
    pub fn traded(&mut self, price: Fixed) -> Fired {
        let mut fired = Fired::default();
        while let Some((_, order)) = self.above.first().copied().filter(|(stop, _)| *stop <= price) {
            self.above.pop_first();
            fired.orders.push(order);
        }
        while let Some((_, order)) = self.below.last().copied().filter(|(stop, _)| *stop >= price) {
            self.below.pop_last();
            fired.orders.push(order);
        }
        if !self.trailing.is_empty() {
            for (order, trail) in &mut self.trailing {
                let waited = trail.start.is_some();
                if trail.follow(price) {
                    fired.orders.push(*order);
                }
                if waited && trail.start.is_none() {
                    fired.tracking.push(*order);
                }
            }
            for order in &fired.orders {
                self.trailing.remove(order);
            }
        }
        fired.orders.sort_unstable();
        fired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(price: u32) -> Fixed {
        Fixed::whole(price)
    }

    fn firing(triggers: &mut Triggers, prices: &[u32]) -> Vec<u32> {
        prices.iter().copied().filter(|price| !triggers.traded(at(*price)).orders.is_empty()).collect()
    }

    #[test]
    fn stops_fire_at_their_price_oldest_first() {
        let mut triggers = Triggers::default();
        triggers.wait(7, Condition::Above(at(10)));
        triggers.wait(3, Condition::Above(at(11)));
        triggers.wait(5, Condition::Below(at(8)));
        assert_eq!(triggers.traded(at(9)), Fired::default());
        assert_eq!(triggers.traded(at(12)).orders, [3, 7]);
        assert_eq!(triggers.traded(at(8)).orders, [5]);
        assert_eq!(triggers.traded(at(8)), Fired::default());
    }

    /// The scenarios A to E of the venue's FAQ.
    #[test]
    fn trailing_stops_follow_the_documented_scenarios() {
        let mut a = Triggers::default();
        a.trail(1, Side::Buy, 500, Some(Condition::Above(at(44_000))), None);
        assert_eq!(firing(&mut a, &[40_000, 37_000, 44_000, 45_000, 46_000, 42_000, 44_099, 44_100]), [44_100]);
        let mut b = Triggers::default();
        b.trail(1, Side::Sell, 1_000, Some(Condition::Below(at(39_000))), None);
        assert_eq!(firing(&mut b, &[41_500, 39_000, 37_000, 41_000, 36_901, 36_900]), [36_900]);
        let mut c = Triggers::default();
        c.trail(1, Side::Buy, 850, Some(Condition::Below(at(38_000))), None);
        assert_eq!(firing(&mut c, &[42_000, 38_000, 37_000, 39_000, 38_000, 40_144, 40_145]), [40_145]);
        let mut d = Triggers::default();
        d.trail(1, Side::Sell, 750, Some(Condition::Above(at(42_000))), None);
        assert_eq!(firing(&mut d, &[41_500, 39_000, 42_000, 45_000, 44_000, 46_500, 43_013, 43_012]), [43_012]);
        let mut e = Triggers::default();
        e.trail(1, Side::Sell, 700, None, Some(at(40_000)));
        assert_eq!(firing(&mut e, &[42_000, 39_500, 45_500, 42_316, 42_315]), [42_315]);
        let mut falls = Triggers::default();
        falls.trail(1, Side::Sell, 700, None, Some(at(40_000)));
        assert_eq!(firing(&mut falls, &[37_200]), [37_200]);
    }

    #[test]
    fn tracking_is_told_once_and_forgotten_orders_never_fire() {
        let mut triggers = Triggers::default();
        let start = Condition::Above(at(10));
        triggers.trail(1, Side::Buy, 100, Some(start), None);
        assert!(triggers.traded(at(9)).tracking.is_empty());
        assert_eq!(triggers.traded(at(10)).tracking, [1]);
        assert!(triggers.traded(at(9)).tracking.is_empty());
        triggers.forget(1, Some(start));
        assert_eq!(triggers.traded(at(90)), Fired::default());
    }
}
