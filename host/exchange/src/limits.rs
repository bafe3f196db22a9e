//! The venue's counters: request weight and raw requests of the (one) address, unfilled
//! orders of each account. Windows are fixed and aligned to the clock.

use ringfence_model::Timestamp;

use crate::config::LimitConfig;

const TEN_SECONDS_MS: u64 = 10_000;
const MINUTE_MS: u64 = 60_000;
const FIVE_MINUTES_MS: u64 = 300_000;
const DAY_MS: u64 = 86_400_000;

/// A fixed window.
#[derive(Debug, Clone, Copy)]
struct Window {
    length_ms: u64,
    number: u64,
    used: u64,
}

impl Window {
    const fn new(length_ms: u64) -> Self {
        Window { length_ms, number: 0, used: 0 }
    }

    fn at(&mut self, now: Timestamp) -> &mut u64 {
        let number = now.as_millis() / self.length_ms;
        if number != self.number {
            self.number = number;
            self.used = 0;
        }
        &mut self.used
    }

    /// Seconds until the window ends, at least one.
    fn ends_in(&self, now: Timestamp) -> u64 {
        (self.length_ms.saturating_sub(now.as_millis() % self.length_ms)).div_ceil(1_000).max(1)
    }
}

/// A limit that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded {
    pub(crate) limit: u64,
    /// As the venue words it: `1 MINUTE`.
    pub(crate) interval: &'static str,
    pub(crate) retry_after: u64,
}

#[derive(Debug, Clone)]
struct Orders {
    short: Window,
    day: Window,
}

/// All counters.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    config: LimitConfig,
    weight: Window,
    raw: Window,
    orders: Vec<Orders>,
}

impl Limits {
    pub(crate) fn new(config: LimitConfig, accounts: usize) -> Self {
        let orders = Orders { short: Window::new(TEN_SECONDS_MS), day: Window::new(DAY_MS) };
        Limits {
            config,
            weight: Window::new(MINUTE_MS),
            raw: Window::new(FIVE_MINUTES_MS),
            orders: vec![orders; accounts],
        }
    }

    pub(crate) fn config(&self) -> &LimitConfig {
        &self.config
    }

    /// Counts one request and asks whether `weight` still fits.
    pub(crate) fn request(&mut self, now: Timestamp, weight: u64) -> Result<(), Exceeded> {
        let raw = self.raw.at(now);
        *raw = raw.saturating_add(1);
        if *raw > self.config.raw_per_five_minutes {
            let retry_after = self.raw.ends_in(now);
            return Err(Exceeded { limit: self.config.raw_per_five_minutes, interval: "5 MINUTE", retry_after });
        }
        if self.weight.at(now).saturating_add(weight) > self.config.weight_per_minute {
            let retry_after = self.weight.ends_in(now);
            return Err(Exceeded { limit: self.config.weight_per_minute, interval: "1 MINUTE", retry_after });
        }
        Ok(())
    }

    /// Adds weight and returns what the window has used.
    pub(crate) fn add_weight(&mut self, now: Timestamp, weight: u64) -> u64 {
        let used = self.weight.at(now);
        *used = used.saturating_add(weight);
        *used
    }

    /// Whether the account may place one more order.
    pub(crate) fn may_order(&mut self, now: Timestamp, account: usize) -> Result<(), Exceeded> {
        let config = self.config;
        let Some(orders) = self.orders.get_mut(account) else {
            return Ok(());
        };
        if *orders.day.at(now) >= config.orders_per_day {
            let retry_after = orders.day.ends_in(now);
            return Err(Exceeded { limit: config.orders_per_day, interval: "1 DAY", retry_after });
        }
        if *orders.short.at(now) >= config.orders_per_ten_seconds {
            let retry_after = orders.short.ends_in(now);
            return Err(Exceeded { limit: config.orders_per_ten_seconds, interval: "10 SECOND", retry_after });
        }
        Ok(())
    }

    pub(crate) fn ordered(&mut self, now: Timestamp, account: usize) {
        if let Some(orders) = self.orders.get_mut(account) {
            for window in [&mut orders.short, &mut orders.day] {
                let used = window.at(now);
                *used = used.saturating_add(1);
            }
        }
    }

    /// The first fill of an order gives back a part of the count.
    pub(crate) fn first_fill(&mut self, now: Timestamp, account: usize, maker: bool) {
        let back = if maker { self.config.maker_refund } else { 1 };
        if let Some(orders) = self.orders.get_mut(account) {
            for window in [&mut orders.short, &mut orders.day] {
                let used = window.at(now);
                *used = used.saturating_sub(back);
            }
        }
    }

    /// Unfilled orders in ten seconds and in the day.
    pub(crate) fn order_counts(&mut self, now: Timestamp, account: usize) -> (u64, u64) {
        self.orders.get_mut(account).map_or((0, 0), |orders| (*orders.short.at(now), *orders.day.at(now)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_aligned_to_the_clock_and_tell_when_they_end() {
        let mut limits = Limits::new(LimitConfig { weight_per_minute: 10, ..LimitConfig::default() }, 1);
        let late = Timestamp::from_millis(MINUTE_MS * 7 - 1_500);
        assert_eq!(limits.request(late, 10), Ok(()));
        assert_eq!(limits.add_weight(late, 10), 10);
        let exceeded = limits.request(late, 1).unwrap_err();
        assert_eq!((exceeded.limit, exceeded.interval, exceeded.retry_after), (10, "1 MINUTE", 2));
        assert_eq!(limits.request(Timestamp::from_millis(MINUTE_MS * 7), 1), Ok(()));
    }

    #[test]
    fn fills_give_back_and_the_floor_is_zero() {
        let mut limits = Limits::new(LimitConfig { orders_per_ten_seconds: 2, ..LimitConfig::default() }, 1);
        let now = Timestamp::from_millis(5_000);
        limits.ordered(now, 0);
        limits.ordered(now, 0);
        assert_eq!(limits.may_order(now, 0).unwrap_err().interval, "10 SECOND");
        limits.first_fill(now, 0, false);
        assert_eq!(limits.order_counts(now, 0), (1, 1));
        limits.first_fill(now, 0, true);
        assert_eq!(limits.order_counts(now, 0), (0, 0));
        assert_eq!(limits.may_order(now, 0), Ok(()));
    }
}
