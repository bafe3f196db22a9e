//! Circuit breakers: when one part of the venue fails again and again, it is left alone for a
//! while, and then tried with a single request. Pure: `now` is handed in.
//!
//! Each family of endpoints has a breaker of its own, since the venue's parts fail apart. What
//! gets an account out of the market (cancels, orders that reduce) is never held back.

use ringfence_model::{Micros, Timestamp};

use crate::limits::Priority;

/// Failures in a row that open a breaker.
const FAILURES: u32 = 5;
/// How long it stays open first; doubled each time the trial fails.
const FIRST: Micros = Micros::from_secs(1);
const LONGEST: Micros = Micros::from_secs(60);
/// How long a trial may take before another is sent.
const TRIAL: Micros = Micros::from_secs(15);

/// Endpoints that fail together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Public data: prices, books, rules, time.
    Market,
    /// What changes orders.
    Orders,
    /// Questions about account and orders.
    Account,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 3] = [Family::Market, Family::Orders, Family::Account];

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Market => "market data",
            Family::Orders => "orders",
            Family::Account => "the account",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Timestamp,
        wait: Micros,
    },
    /// One request is under way to see whether it works again.
    Trial {
        since: Timestamp,
        wait: Micros,
    },
}

/// What a result has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It opened for so long.
    Opened(Micros),
    /// It works again.
    Closed,
}

/// One family's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Breaker(State);

impl Breaker {
    fn admit(&mut self, now: Timestamp) -> Result<(), Micros> {
        match self.0 {
            State::Closed { .. } => Ok(()),
            State::Open { until, .. } if now < until => Err(until.since(now)),
            State::Trial { since, .. } if now < since.plus(TRIAL) => Err(since.plus(TRIAL).since(now)),
            State::Open { wait, .. } | State::Trial { wait, .. } => {
                self.0 = State::Trial { since: now, wait };
                Ok(())
            }
        }
    }

    fn result(&mut self, now: Timestamp, good: bool) -> Change {
        let state = self.0;
        let mut open = |wait: Micros| {
            self.0 = State::Open { until: now.plus(wait), wait };
            Change::Opened(wait)
        };
        match (state, good) {
            (State::Closed { failures }, false) if failures.saturating_add(1) >= FAILURES => open(FIRST),
            (State::Closed { failures }, false) => {
                self.0 = State::Closed { failures: failures.saturating_add(1) };
                Change::None
            }
            (State::Closed { .. }, true) => {
                self.0 = State::Closed { failures: 0 };
                Change::None
            }
            (State::Trial { wait, .. }, false) => open(Micros(wait.0.saturating_mul(2).min(LONGEST.0))),
            // A late failure of before, while it is open anyway.
            (State::Open { .. }, false) => Change::None,
            (State::Open { .. } | State::Trial { .. }, true) => {
                self.0 = State::Closed { failures: 0 };
                Change::Closed
            }
        }
    }
}

/// The breakers of all families.
#[derive(Debug, Clone)]
pub struct Breakers([Breaker; 3]);

impl Default for Breakers {
    fn default() -> Self {
        Breakers([Breaker(State::Closed { failures: 0 }); 3])
    }
}

impl Breakers {
    fn of(&mut self, family: Family) -> &mut Breaker {
        let [market, orders, account] = &mut self.0;
        match family {
            Family::Market => market,
            Family::Orders => orders,
            Family::Account => account,
        }
    }

    /// Whether a request may try its luck.
    ///
    /// # Errors
    /// How long this part of the venue is left alone.
    pub fn admit(&mut self, now: Timestamp, family: Family, priority: Priority) -> Result<(), Micros> {
        if priority == Priority::Cancel {
            return Ok(());
        }
        self.of(family).admit(now)
    }

    /// How a request ended: `good` if the venue answered as one that works, be it with a refusal.
    pub fn result(&mut self, now: Timestamp, family: Family, good: bool) -> Change {
        self.of(family).result(now, good)
    }

    /// For how long each open one is left alone.
    pub fn open(&self, now: Timestamp) -> Vec<(Family, Micros)> {
        Family::ALL
            .into_iter()
            .zip(&self.0)
            .filter_map(|(family, breaker)| match breaker.0 {
                State::Closed { .. } => None,
                State::Open { until, .. } => Some((family, until.since(now))),
                State::Trial { .. } => Some((family, Micros(0))),
            })
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn broken() -> Breakers {
        let mut breakers = Breakers::default();
        for count in 1..=FAILURES {
            breakers.admit(NOW, Family::Orders, Priority::Order).unwrap();
            let change = breakers.result(NOW, Family::Orders, false);
            assert_eq!(change, if count == FAILURES { Change::Opened(FIRST) } else { Change::None });
        }
        breakers
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_tries_once() {
        let mut breakers = broken();
        assert_eq!(breakers.admit(NOW.plus(Micros(1)), Family::Orders, Priority::Order), Err(Micros(FIRST.0 - 1)));
        assert_eq!(breakers.open(NOW), [(Family::Orders, FIRST)]);
        // The other parts go on, and so does what gets out of the market.
        breakers.admit(NOW, Family::Account, Priority::Query).unwrap();
        breakers.admit(NOW, Family::Orders, Priority::Cancel).unwrap();
        let later = NOW.plus(FIRST);
        breakers.admit(later, Family::Orders, Priority::Order).unwrap();
        assert!(breakers.admit(later, Family::Orders, Priority::Order).is_err(), "one trial at a time");
        assert_eq!(breakers.result(later, Family::Orders, false), Change::Opened(Micros::from_secs(2)));
        let later = later.plus(Micros::from_secs(2));
        breakers.admit(later, Family::Orders, Priority::Order).unwrap();
        assert_eq!(breakers.result(later, Family::Orders, true), Change::Closed);
        breakers.admit(later, Family::Orders, Priority::Order).unwrap();
        assert_eq!(breakers.open(later), []);
    }

    #[test]
    fn a_success_in_between_starts_the_count_over_and_a_lost_trial_is_not_for_ever() {
        let mut breakers = Breakers::default();
        for _ in 0..10 {
            for _ in 1..FAILURES {
                assert_eq!(breakers.result(NOW, Family::Market, false), Change::None);
            }
            assert_eq!(breakers.result(NOW, Family::Market, true), Change::None);
        }
        let mut breakers = broken();
        let later = NOW.plus(FIRST);
        breakers.admit(later, Family::Orders, Priority::Order).unwrap();
        breakers.admit(later.plus(TRIAL), Family::Orders, Priority::Order).unwrap();
    }

    proptest! {
        /// Whatever happens, the wait is bounded, and a venue that works is let in again at once.
        #[test]
        fn it_never_locks_up(steps in prop::collection::vec((0u64..90_000_000, any::<bool>()), 1..200)) {
            let mut breakers = Breakers::default();
            let mut now = NOW;
            for (gap, good) in steps {
                now = now.plus(Micros(gap));
                match breakers.admit(now, Family::Account, Priority::Query) {
                    Ok(()) => {
                        breakers.result(now, Family::Account, good);
                    }
                    Err(wait) => prop_assert!(wait <= LONGEST, "{wait:?}"),
                }
            }
            now = now.plus(LONGEST);
            prop_assert_eq!(breakers.admit(now, Family::Account, Priority::Query), Ok(()));
            breakers.result(now, Family::Account, true);
            prop_assert_eq!(breakers.admit(now, Family::Account, Priority::Query), Ok(()));
        }
    }
}
