//! Timers in event time. They belong to the seat, so a reload keeps them.

use std::collections::BTreeMap;

use ringfence_model::denial::QuotaKind;
use ringfence_model::{Denial, Micros, Timestamp};

use crate::budgets::Budgets;
use crate::rate::Rate;

#[derive(Debug, Clone)]
pub(crate) struct Timers {
    limit: usize,
    /// Shortest period of an interval.
    shortest: Micros,
    /// Timers that fire sooner than that: a plugin that sets one each time one fires would
    /// keep its worker busy, and time in a lock-step run would stand still for ever.
    soon: Rate,
    next: u64,
    /// When, which one, and its period if it goes on.
    due: BTreeMap<(Timestamp, u64), Option<Micros>>,
}

impl Timers {
    pub(crate) fn new(limit: usize, shortest: Micros) -> Self {
        let shortest = shortest.max(Micros(1));
        Timers { limit, shortest, soon: soon(limit, shortest), next: 1, due: BTreeMap::new() }
    }

    /// The timers as they were at `before`, for the generation that set them, which is told of
    /// those that have `fired` since by other means. Numbers are never used again.
    pub(crate) fn back_to(&mut self, before: Timers, fired: &[u64], now: Timestamp) {
        let next = self.next.max(before.next);
        let mut due = BTreeMap::new();
        for ((at, id), period) in before.due {
            match (fired.contains(&id), period) {
                (true, None) => {}
                (true, Some(period)) => {
                    let missed = now.since(at).0 / period.0.max(1);
                    let again = at.plus(Micros(period.0.saturating_mul(missed.saturating_add(1))));
                    due.insert((again, id), Some(period));
                }
                (false, period) => drop(due.insert((at, id), period)),
            }
        }
        *self = Timers { limit: self.limit, shortest: self.shortest, soon: self.soon.clone(), next, due };
    }

    /// Whether a timer was set before this table was as it is.
    pub(crate) const fn knows(&self, id: u64) -> bool {
        id < self.next
    }

    /// New budgets; timers that are set stay.
    pub(crate) fn set_limit(&mut self, budgets: &Budgets) {
        self.limit = budgets.timers;
        self.shortest = Micros(u64::try_from(budgets.timer_period.as_micros()).unwrap_or(u64::MAX)).max(Micros(1));
        self.soon = soon(self.limit, self.shortest);
    }

    fn used_up(&self, retry_after: Micros) -> Denial {
        let limit = u64::try_from(self.limit).unwrap_or(u64::MAX);
        Denial::Quota { kind: QuotaKind::Timers, limit, retry_after }
    }

    fn add(&mut self, at: Timestamp, period: Option<Micros>) -> Result<u64, Denial> {
        if self.due.len() >= self.limit {
            return Err(self.used_up(Micros(0)));
        }
        let id = self.next;
        self.next = self.next.saturating_add(1);
        self.due.insert((at, id), period);
        Ok(id)
    }

    /// Fires once; a time that has passed fires next. As many as there may be timers can fire
    /// sooner than the shortest period, then one a period.
    pub(crate) fn at(&mut self, now: Timestamp, at: Timestamp) -> Result<u64, Denial> {
        if at < now.plus(self.shortest)
            && self.due.len() < self.limit
            && let Err(retry_after) = self.soon.take(now)
        {
            return Err(self.used_up(retry_after));
        }
        self.add(at, None)
    }

    /// Fires again and again; shorter periods than the budget's become that.
    pub(crate) fn every(&mut self, now: Timestamp, period: Micros) -> Result<u64, Denial> {
        let period = period.max(self.shortest);
        self.add(now.plus(period), Some(period))
    }

    pub(crate) fn cancel(&mut self, timer: u64) {
        self.due.retain(|(_, id), _| *id != timer);
    }

    pub(crate) fn clear(&mut self) {
        self.due.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// The next timer that is due, with its time. An interval that is late fires once for all that it missed.
    pub(crate) fn fire(&mut self, now: Timestamp) -> Option<(Timestamp, u64)> {
        let (at, id) = *self.due.keys().next()?;
        if at > now {
            return None;
        }
        if let Some(period) = self.due.remove(&(at, id)).flatten() {
            let missed = now.since(at).0 / period.0.max(1);
            let next = at.plus(Micros(period.0.saturating_mul(missed.saturating_add(1))));
            self.due.insert((next, id), Some(period));
        }
        Some((at, id))
    }
}

fn soon(limit: usize, shortest: Micros) -> Rate {
    Rate::new(1, shortest, u64::try_from(limit).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_and_intervals_go_on() {
        let mut timers = Timers::new(3, Micros::from_millis(10));
        let once = timers.at(Timestamp(0), Timestamp(50_000)).unwrap();
        let every = timers.every(Timestamp(0), Micros(20_000)).unwrap();
        let mut fired = Vec::new();
        while let Some((at, id)) = timers.fire(Timestamp(50_000)) {
            fired.push((at.0, id));
        }
        assert_eq!(fired, [(20_000, every), (50_000, once)], "the interval was late by a period and skips it");
        assert_eq!(timers.next(), Some(Timestamp(60_000)));
        timers.cancel(every);
        assert_eq!(timers.next(), None);
        for _ in 0..3 {
            timers.at(Timestamp(0), Timestamp(1)).unwrap();
        }
        assert!(matches!(timers.at(Timestamp(0), Timestamp(1)), Err(Denial::Quota { kind: QuotaKind::Timers, .. })));
    }

    #[test]
    fn timers_go_back_with_the_generation_that_set_them() {
        let mut timers = Timers::new(8, Micros(1));
        let once = timers.at(Timestamp(0), Timestamp(10)).unwrap();
        let later = timers.at(Timestamp(0), Timestamp(90)).unwrap();
        let every = timers.every(Timestamp(0), Micros(20)).unwrap();
        let before = timers.clone();
        let mut fired = Vec::new();
        while let Some((_, id)) = timers.fire(Timestamp(50)) {
            fired.push(id);
        }
        let strange = timers.at(Timestamp(50), Timestamp(60)).unwrap();
        assert!(before.knows(every) && !before.knows(strange));
        timers.back_to(before, &fired, Timestamp(50));
        assert_eq!(fired, [once, every]);
        assert_eq!(timers.fire(Timestamp(100)), Some((Timestamp(60), every)));
        assert_eq!(timers.fire(Timestamp(100)), Some((Timestamp(90), later)));
        assert!(timers.at(Timestamp(0), Timestamp(1)).unwrap() > strange, "numbers are not used again");
    }

    /// Whoever sets a timer each time one fires gets one a period, however he asks.
    #[test]
    fn chains_of_timers_are_bounded() {
        let mut timers = Timers::new(4, Micros::from_millis(10));
        let mut fired = 0;
        for millis in 0..100u64 {
            let now = Timestamp(1_000_000 + millis * 1_000);
            for _ in 0..50 {
                let Ok(_) = timers.at(now, Timestamp(millis)) else { break };
                fired += u32::from(timers.fire(now).is_some());
            }
        }
        assert_eq!(fired, 4 + 9, "as many as it may have at once, then one in ten milliseconds");
        timers.at(Timestamp(1_100_000), Timestamp(9_000_000)).expect("later ones are only bounded in number");
    }
}
