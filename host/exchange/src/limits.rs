//! The venue's counters: request weight, raw requests and connections of each address,
//! unfilled orders of each account. Windows are fixed and aligned to the clock.
//!
//! ```text
//!  request ─▶ banned? ── yes ─▶ 418 until the ban ends
//!                │ no
//!                ▼
//!           over a limit? ── yes ─▶ 429; too often within a minute ─▶ banned,
//!                │ no                each time longer than the last
//!                ▼
//!             answered
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;

use ringfence_model::{Micros, Timestamp};

use crate::config::LimitConfig;

const SECOND_MS: u64 = 1_000;
const TEN_SECONDS_MS: u64 = 10_000;
const MINUTE_MS: u64 = 60_000;
const FIVE_MINUTES_MS: u64 = 300_000;
const DAY_MS: u64 = 86_400_000;
/// The venue's longest ban; who was not banned for that long begins anew.
const LONGEST_BAN_SECONDS: u64 = 3 * 86_400;
/// Each ban is this many times as long as the last.
const BAN_GROWS: u64 = 2;
/// Addresses that are remembered: more than a loopback server ever sees.
const MOST_ADDRESSES: usize = 10_000;

/// A fixed window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    length_ms: u64,
    number: u64,
    used: u64,
}

impl Window {
    const fn new(length_ms: u64) -> Self {
        Window { length_ms, number: 0, used: 0 }
    }

    /// A window of one second.
    pub(crate) const fn second() -> Self {
        Window::new(SECOND_MS)
    }

    fn at(&mut self, now: Timestamp) -> &mut u64 {
        let number = now.as_millis() / self.length_ms;
        if number != self.number {
            self.number = number;
            self.used = 0;
        }
        &mut self.used
    }

    /// Counts and returns what the window has used.
    pub(crate) fn add(&mut self, now: Timestamp, count: u64) -> u64 {
        let used = self.at(now);
        *used = used.saturating_add(count);
        *used
    }

    /// Seconds until the window ends, at least one.
    fn ends_in(&self, now: Timestamp) -> u64 {
        (self.length_ms.saturating_sub(now.as_millis() % self.length_ms)).div_ceil(SECOND_MS).max(1)
    }
}

/// A limit that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded {
    pub(crate) limit: u64,
    /// As the venue words it: `1 MINUTE`.
    pub(crate) interval: &'static str,
    /// Seconds.
    pub(crate) retry_after: u64,
}

/// Why an address is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Request weight is used up.
    Weight(Exceeded),
    /// Too many requests, whatever their weight.
    Raw(Exceeded),
    /// Too many attempts to connect.
    Connections(Exceeded),
    /// It went on after it was refused.
    Banned { until: Timestamp },
}

/// Unfilled orders of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OrderCounts {
    pub(crate) short: u64,
    pub(crate) day: u64,
}

#[derive(Debug, Clone)]
struct Orders {
    short: Window,
    day: Window,
}

/// What one address did.
#[derive(Debug, Clone)]
struct Address {
    weight: Window,
    raw: Window,
    connections: Window,
    /// Requests that were refused, and connections that were cut.
    offences: Window,
    banned_until: Timestamp,
    last_ban_seconds: u64,
}

impl Address {
    const fn new() -> Self {
        Address {
            weight: Window::new(MINUTE_MS),
            raw: Window::new(FIVE_MINUTES_MS),
            connections: Window::new(FIVE_MINUTES_MS),
            offences: Window::new(MINUTE_MS),
            banned_until: Timestamp(0),
            last_ban_seconds: 0,
        }
    }

    fn idle(&mut self, now: Timestamp) -> bool {
        now.since(self.banned_until) > Micros::from_secs(LONGEST_BAN_SECONDS)
            && *self.raw.at(now) == 0
            && *self.connections.at(now) == 0
    }

    fn banned(&self, now: Timestamp) -> Result<(), Refused> {
        if now < self.banned_until { Err(Refused::Banned { until: self.banned_until }) } else { Ok(()) }
    }

    /// One offence more; too many within a minute are a ban.
    fn offend(&mut self, now: Timestamp, config: &LimitConfig) -> Option<Timestamp> {
        if self.offences.add(now, 1) <= config.refusals_before_ban {
            return None;
        }
        let forgotten = now.since(self.banned_until) > Micros::from_secs(LONGEST_BAN_SECONDS);
        let seconds = if self.last_ban_seconds == 0 || forgotten {
            config.first_ban_seconds
        } else {
            self.last_ban_seconds.saturating_mul(BAN_GROWS).min(LONGEST_BAN_SECONDS)
        };
        self.last_ban_seconds = seconds;
        self.banned_until = now.plus(Micros::from_secs(seconds));
        self.offences = Window::new(MINUTE_MS);
        Some(self.banned_until)
    }

    fn refuse(&mut self, now: Timestamp, config: &LimitConfig, refused: Refused) -> Refused {
        self.offend(now, config).map_or(refused, |until| Refused::Banned { until })
    }
}

/// All counters.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    config: LimitConfig,
    addresses: BTreeMap<IpAddr, Address>,
    orders: Vec<Orders>,
}

impl Limits {
    pub(crate) fn new(config: LimitConfig, accounts: usize) -> Self {
        let orders = Orders { short: Window::new(TEN_SECONDS_MS), day: Window::new(DAY_MS) };
        Limits { config, addresses: BTreeMap::new(), orders: vec![orders; accounts] }
    }

    pub(crate) fn config(&self) -> &LimitConfig {
        &self.config
    }

    fn address(&mut self, now: Timestamp, ip: IpAddr) -> &mut Address {
        if self.addresses.len() >= MOST_ADDRESSES && !self.addresses.contains_key(&ip) {
            self.addresses.retain(|_, address| !address.idle(now));
            if self.addresses.len() >= MOST_ADDRESSES {
                self.addresses.pop_first();
            }
        }
        self.addresses.entry(ip).or_insert_with(Address::new)
    }

    /// Counts one request and asks whether `weight` still fits.
    pub(crate) fn request(&mut self, now: Timestamp, ip: IpAddr, weight: u64) -> Result<(), Refused> {
        let config = self.config;
        let address = self.address(now, ip);
        address.banned(now)?;
        if address.raw.add(now, 1) > config.raw_per_five_minutes {
            let retry_after = address.raw.ends_in(now);
            let exceeded = Exceeded { limit: config.raw_per_five_minutes, interval: "5 MINUTE", retry_after };
            return Err(address.refuse(now, &config, Refused::Raw(exceeded)));
        }
        if address.weight.at(now).saturating_add(weight) > config.weight_per_minute {
            let retry_after = address.weight.ends_in(now);
            let exceeded = Exceeded { limit: config.weight_per_minute, interval: "1 MINUTE", retry_after };
            return Err(address.refuse(now, &config, Refused::Weight(exceeded)));
        }
        Ok(())
    }

    /// Counts one attempt to connect.
    pub(crate) fn connect(&mut self, now: Timestamp, ip: IpAddr) -> Result<(), Refused> {
        let config = self.config;
        let address = self.address(now, ip);
        address.banned(now)?;
        if address.connections.add(now, 1) > config.connections_per_five_minutes {
            let retry_after = address.connections.ends_in(now);
            let exceeded = Exceeded { limit: config.connections_per_five_minutes, interval: "5 MINUTE", retry_after };
            return Err(address.refuse(now, &config, Refused::Connections(exceeded)));
        }
        Ok(())
    }

    /// A connection was cut because it talked too much.
    pub(crate) fn cut(&mut self, now: Timestamp, ip: IpAddr) {
        let config = self.config;
        self.address(now, ip).offend(now, &config);
    }

    /// Adds weight and returns what the window has used.
    pub(crate) fn add_weight(&mut self, now: Timestamp, ip: IpAddr, weight: u64) -> u64 {
        self.address(now, ip).weight.add(now, weight)
    }

    /// Whether the account may place so many orders more: a list is let in whole or not at all.
    pub(crate) fn may_order(&mut self, now: Timestamp, account: usize, count: u64) -> Result<(), Exceeded> {
        let config = self.config;
        let Some(orders) = self.orders.get_mut(account) else {
            return Ok(());
        };
        if orders.day.at(now).saturating_add(count) > config.orders_per_day {
            let retry_after = orders.day.ends_in(now);
            return Err(Exceeded { limit: config.orders_per_day, interval: "1 DAY", retry_after });
        }
        if orders.short.at(now).saturating_add(count) > config.orders_per_ten_seconds {
            let retry_after = orders.short.ends_in(now);
            return Err(Exceeded { limit: config.orders_per_ten_seconds, interval: "10 SECOND", retry_after });
        }
        Ok(())
    }

    /// One order more. When the day is used up, the short window is no longer counted.
    pub(crate) fn ordered(&mut self, now: Timestamp, account: usize) {
        if let Some(orders) = self.orders.get_mut(account)
            && orders.day.add(now, 1) <= self.config.orders_per_day
        {
            orders.short.add(now, 1);
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

    /// Unfilled orders of an account.
    pub(crate) fn order_counts(&mut self, now: Timestamp, account: usize) -> OrderCounts {
        self.orders
            .get_mut(account)
            .map(|orders| OrderCounts { short: *orders.short.at(now), day: *orders.day.at(now) })
            .unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "limits_tests.rs"]
mod tests;
