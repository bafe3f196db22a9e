//! Timers in event time. They belong to the seat, so a reload keeps them.

use std::collections::BTreeMap;

use ringfence_model::denial::QuotaKind;
use ringfence_model::{Denial, Micros, Timestamp};

/// Shortest period of an interval.
const SHORTEST: Micros = Micros::from_millis(10);

#[derive(Debug)]
pub(crate) struct Timers {
    limit: usize,
    next: u64,
    /// When, which one, and its period if it goes on.
    due: BTreeMap<(Timestamp, u64), Option<Micros>>,
}

impl Timers {
    pub(crate) fn new(limit: usize) -> Self {
        Timers { limit, next: 1, due: BTreeMap::new() }
    }

    fn add(&mut self, at: Timestamp, period: Option<Micros>) -> Result<u64, Denial> {
        if self.due.len() >= self.limit {
            let limit = u64::try_from(self.limit).unwrap_or(u64::MAX);
            return Err(Denial::Quota { kind: QuotaKind::Timers, limit, retry_after: Micros(0) });
        }
        let id = self.next;
        self.next = self.next.saturating_add(1);
        self.due.insert((at, id), period);
        Ok(id)
    }

    /// Fires once; a time that has passed fires next.
    pub(crate) fn at(&mut self, at: Timestamp) -> Result<u64, Denial> {
        self.add(at, None)
    }

    /// Fires again and again; periods below 10 ms become 10 ms.
    pub(crate) fn every(&mut self, now: Timestamp, period: Micros) -> Result<u64, Denial> {
        let period = period.max(SHORTEST);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_and_intervals_go_on() {
        let mut timers = Timers::new(3);
        let once = timers.at(Timestamp(50_000)).unwrap();
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
            timers.at(Timestamp(1)).unwrap();
        }
        assert!(matches!(timers.at(Timestamp(1)), Err(Denial::Quota { kind: QuotaKind::Timers, .. })));
    }
}
