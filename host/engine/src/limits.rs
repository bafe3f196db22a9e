//! What the operator allows one plugin, and the windows in which it is counted.

use std::collections::VecDeque;

use ringfence_model::denial::{QuotaKind, QuotaState};
use ringfence_model::{Decimal, Denial, Micros, Timestamp};

/// Quotas and risk limits of one plugin. An amount of zero switches its limit off;
/// a count of zero allows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Orders (and amendments) within any second.
    pub orders_per_second: u32,
    /// Orders (and amendments) within any 24 hours.
    pub orders_per_day: u32,
    /// Cancels within any second.
    pub cancels_per_second: u32,
    /// Orders that are not final.
    pub open_orders: u32,
    /// Streams that are followed.
    pub subscriptions: u32,
    /// History requests within any minute.
    pub history_requests_per_minute: u32,
    /// Largest order, in the quote asset.
    pub order_notional: Decimal,
    /// All open orders together, in the quote asset.
    pub open_notional: Decimal,
    /// Largest position of an instrument, open orders of the same side included, in the quote asset.
    pub position_notional: Decimal,
    /// Farthest a limit price may be from the last price, as a fraction of it; the limit of a stop is measured from
    /// its trigger, that of an order which waits for another one from the other's price.
    pub price_collar: Decimal,
    /// Loss within a UTC day after which only reducing orders are taken, in the quote asset.
    pub daily_loss: Decimal,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            orders_per_second: 10,
            orders_per_day: 50_000,
            cancels_per_second: 20,
            open_orders: 50,
            subscriptions: 32,
            history_requests_per_minute: 30,
            order_notional: Decimal::new(10_000, 0),
            open_notional: Decimal::new(50_000, 0),
            position_notional: Decimal::new(50_000, 0),
            price_collar: Decimal::new(1, 1),
            daily_loss: Decimal::new(5_000, 0),
        }
    }
}

/// At most `limit` events within any span of `length`.
#[derive(Debug, Clone)]
pub struct Window {
    kind: QuotaKind,
    limit: usize,
    length: Micros,
    times: VecDeque<Timestamp>,
}

impl Window {
    /// An empty window.
    pub fn new(kind: QuotaKind, limit: u32, length: Micros) -> Self {
        Window { kind, limit: usize::try_from(limit).unwrap_or(usize::MAX), length, times: VecDeque::new() }
    }

    fn forget(&mut self, now: Timestamp) {
        while self.times.front().is_some_and(|time| now.since(*time) >= self.length) {
            self.times.pop_front();
        }
    }

    /// Whether so many more fit now.
    ///
    /// # Errors
    /// They don't; the denial says when they will.
    pub fn check(&mut self, now: Timestamp, more: usize) -> Result<(), Denial> {
        self.forget(now);
        let after = self.times.len().saturating_add(more);
        let Some(beyond) = after.checked_sub(self.limit).filter(|beyond| *beyond > 0) else {
            return Ok(());
        };
        // When so many of the oldest are out; never, if even an empty window has no room.
        let last = beyond.checked_sub(1).filter(|_| more <= self.limit).and_then(|place| self.times.get(place));
        let retry_after = last.map_or(Micros::MAX, |time| time.plus(self.length).since(now));
        Err(Denial::Quota { kind: self.kind, limit: self.limit_u64(), retry_after })
    }

    /// Counts so many.
    pub fn count(&mut self, now: Timestamp, more: usize) {
        self.forget(now);
        self.times.extend(std::iter::repeat_n(now, more));
    }

    fn limit_u64(&self) -> u64 {
        u64::try_from(self.limit).unwrap_or(u64::MAX)
    }

    /// How much is used.
    pub fn state(&self, now: Timestamp) -> QuotaState {
        let live = || self.times.iter().filter(|time| now.since(**time) < self.length);
        QuotaState {
            kind: self.kind,
            limit: self.limit_u64(),
            used: u64::try_from(live().count()).unwrap_or(u64::MAX),
            resets_in: live().next().map_or(Micros(0), |oldest| oldest.plus(self.length).since(now)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// No span of the window's length ever holds more than the limit, and nobody is denied without need.
        #[test]
        fn no_span_holds_more_than_the_limit(
            limit in 1u32..6,
            steps in prop::collection::vec((0u64..800, 1usize..4), 1..200),
        ) {
            let length = Micros(1_000);
            let mut window = Window::new(QuotaKind::OrdersPerSecond, limit, length);
            let (mut now, mut taken) = (0u64, Vec::new());
            for (gap, more) in steps {
                now += gap;
                let recent = taken.iter().filter(|time| now - **time < length.0).count();
                match window.check(Timestamp(now), more) {
                    Ok(()) => {
                        prop_assert!(recent + more <= limit as usize);
                        window.count(Timestamp(now), more);
                        taken.extend(vec![now; more]);
                    }
                    Err(Denial::Quota { retry_after: Micros::MAX, .. }) => prop_assert!(more > limit as usize),
                    Err(Denial::Quota { retry_after, .. }) => {
                        prop_assert!(recent + more > limit as usize);
                        let later = Timestamp(now + retry_after.0);
                        prop_assert!(window.clone().check(later, more).is_ok(), "the promised time must do");
                        prop_assert!(window.clone().check(Timestamp(later.0 - 1), more).is_err());
                    }
                    Err(other) => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }
}
