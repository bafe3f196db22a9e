//! The venue's limits in the venue's own windows, corrected by what its answers say.
//! Pure: `now` (venue time) is handed in.
//!
//! Source: Binance, "Limits": counters restart at whole intervals of the venue's clock;
//! `X-MBX-USED-WEIGHT-…` and `X-MBX-ORDER-COUNT-…` say what the venue has counted; 429 and
//! 418 come with `Retry-After`, and nothing may be sent before.

use ringfence_model::{Micros, Timestamp};
use ringfence_wire::rest::RateLimit;

/// Who goes first when a limit is near. Cancels may use all of it, orders nearly all,
/// queries leave room for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Priority {
    Cancel,
    Order,
    Query,
}

impl Priority {
    /// Percent of a limit that may be used.
    const fn share(self) -> u64 {
        match self {
            Priority::Cancel => 100,
            Priority::Order => 90,
            Priority::Query => 75,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Weight,
    Orders,
    Raw,
}

#[derive(Debug, Clone)]
struct Counter {
    kind: Kind,
    name: String,
    /// As in the venue's headers: `1M`, `10S`.
    suffix: String,
    length: u64,
    limit: u64,
    window: u64,
    used: u64,
}

impl Counter {
    fn roll(&mut self, now: Timestamp) {
        let window = now.0 / self.length.max(1);
        if window != self.window {
            self.window = window;
            self.used = 0;
        }
    }
}

/// All limits of one account and address.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    counters: Vec<Counter>,
    blocked_until: Timestamp,
}

impl Limits {
    /// The limits of `exchangeInfo`.
    pub fn new(rules: &[RateLimit]) -> Self {
        let counters = rules
            .iter()
            .filter_map(|rule| {
                let kind = match rule.rate_limit_type.as_str() {
                    "REQUEST_WEIGHT" => Kind::Weight,
                    "ORDERS" => Kind::Orders,
                    "RAW_REQUESTS" => Kind::Raw,
                    _ => return None,
                };
                let (letter, seconds) = match rule.interval.as_str() {
                    "SECOND" => ('S', 1),
                    "MINUTE" => ('M', 60),
                    "HOUR" => ('H', 3_600),
                    "DAY" => ('D', 86_400),
                    _ => return None,
                };
                let suffix = format!("{}{letter}", rule.interval_num);
                let what = match kind {
                    Kind::Weight => "weight",
                    Kind::Orders => "orders",
                    Kind::Raw => "requests",
                };
                Some(Counter {
                    kind,
                    name: format!("{what}/{}", suffix.to_lowercase()),
                    suffix,
                    length: rule.interval_num.saturating_mul(seconds).saturating_mul(1_000_000),
                    limit: rule.limit,
                    window: 0,
                    used: 0,
                })
            })
            .collect();
        Limits { counters, blocked_until: Timestamp(0) }
    }

    /// Counts a request, or says how long to wait.
    ///
    /// # Errors
    /// The time until it may be tried again.
    pub fn admit(&mut self, now: Timestamp, weight: u64, orders: u64, priority: Priority) -> Result<(), Micros> {
        if now < self.blocked_until {
            return Err(self.blocked_until.since(now));
        }
        let cost = |kind| match kind {
            Kind::Weight => weight,
            Kind::Orders => orders,
            Kind::Raw => 1,
        };
        let mut wait = None;
        for counter in &mut self.counters {
            counter.roll(now);
            let cost = cost(counter.kind);
            let allowed = counter.limit.saturating_mul(priority.share()) / 100;
            if cost > 0 && counter.used.saturating_add(cost) > allowed {
                let next = Timestamp(counter.window.saturating_add(1).saturating_mul(counter.length));
                wait = wait.max(Some(next.since(now)));
            }
        }
        if let Some(wait) = wait {
            return Err(wait);
        }
        for counter in &mut self.counters {
            counter.used = counter.used.saturating_add(cost(counter.kind));
        }
        Ok(())
    }

    /// What an answer's headers say. The venue has counted at least what it says, perhaps
    /// not yet all that is under way, so the larger number holds.
    pub fn header(&mut self, now: Timestamp, name: &str, value: &str) {
        let name = name.to_ascii_uppercase();
        let (kind, suffix) = if let Some(suffix) = name.strip_prefix("X-MBX-USED-WEIGHT-") {
            (Kind::Weight, suffix)
        } else if let Some(suffix) = name.strip_prefix("X-MBX-ORDER-COUNT-") {
            (Kind::Orders, suffix)
        } else {
            return;
        };
        let Ok(used) = value.trim().parse::<u64>() else {
            return;
        };
        for counter in &mut self.counters {
            if counter.kind == kind && counter.suffix == suffix {
                counter.roll(now);
                counter.used = counter.used.max(used);
            }
        }
    }

    /// 429 or 418: nothing may be sent for so many seconds. Without a number it is a minute.
    pub fn block(&mut self, now: Timestamp, retry_after_seconds: Option<u64>) {
        let until = now.plus(Micros::from_secs(retry_after_seconds.unwrap_or(60)));
        self.blocked_until = self.blocked_until.max(until);
    }

    /// How long nothing may be sent; zero if it may.
    pub const fn blocked(&self, now: Timestamp) -> Micros {
        self.blocked_until.since(now)
    }

    /// Name, used, limit of each.
    pub fn usage(&self, now: Timestamp) -> Vec<(String, u64, u64)> {
        let mut counters = self.counters.clone();
        counters.iter_mut().for_each(|counter| counter.roll(now));
        counters.into_iter().map(|counter| (counter.name, counter.used, counter.limit)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(kind: &str, interval: &str, interval_num: u64, limit: u64) -> RateLimit {
        RateLimit { rate_limit_type: kind.into(), interval: interval.into(), interval_num, limit, count: None }
    }

    #[test]
    fn cancels_go_on_when_queries_must_wait() {
        let mut limits = Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, 100)]);
        let now = Timestamp(60_000_000 * 7);
        limits.admit(now, 75, 0, Priority::Query).unwrap();
        assert_eq!(limits.admit(now.plus(Micros(10_000_000)), 1, 0, Priority::Query), Err(Micros(50_000_000)));
        limits.admit(now, 15, 1, Priority::Order).unwrap();
        assert!(limits.admit(now, 1, 1, Priority::Order).is_err());
        limits.admit(now, 10, 0, Priority::Cancel).unwrap();
        assert!(limits.admit(now, 1, 0, Priority::Cancel).is_err());
        limits.admit(now.plus(Micros(60_000_000)), 75, 0, Priority::Query).unwrap();
    }

    #[test]
    fn the_venue_knows_better_and_blocks() {
        let mut limits = Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, 100), rule("ORDERS", "SECOND", 10, 50)]);
        let now = Timestamp(1_000_000);
        limits.header(now, "x-mbx-used-weight-1m", "99");
        limits.header(now, "X-MBX-ORDER-COUNT-10S", "7");
        limits.header(now, "X-MBX-USED-WEIGHT", "12");
        assert_eq!(limits.usage(now), [("weight/1m".into(), 99, 100), ("orders/10s".into(), 7, 50)]);
        assert!(limits.admit(now, 1, 1, Priority::Order).is_err());
        limits.block(now, Some(120));
        assert_eq!(limits.admit(now.plus(Micros(1_000_000)), 1, 0, Priority::Cancel), Err(Micros(119_000_000)));
    }

    proptest! {
        /// Against a model of the venue's accounting: what is admitted never exceeds a limit, in any window.
        #[test]
        fn the_venue_never_counts_too_much(
            steps in prop::collection::vec((0u64..4_000_000, 1u64..30, 0u64..2, 0u8..3), 1..300),
        ) {
            let mut limits =
                Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, 120), rule("ORDERS", "SECOND", 10, 5), rule("RAW_REQUESTS", "MINUTE", 5, 100)]);
            let mut venue = std::collections::HashMap::<(u8, u64), u64>::new();
            let mut now = 0;
            for (gap, weight, orders, priority) in steps {
                now += gap;
                let priority = [Priority::Cancel, Priority::Order, Priority::Query][usize::from(priority)];
                if limits.admit(Timestamp(now), weight, orders, priority).is_ok() {
                    for (kind, length, cost, limit) in [(0, 60, weight, 120), (1, 10, orders, 5), (2, 300, 1, 100)] {
                        let used = venue.entry((kind, now / (length * 1_000_000))).or_default();
                        *used += cost;
                        prop_assert!(*used <= limit);
                    }
                }
            }
        }
    }
}
