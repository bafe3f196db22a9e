//! The venue's limits in the venue's own windows: who may ask now, and who must wait.
//! Pure: `now` (venue time) is handed in.
//!
//! A request is admitted with [`Limits::admit`], which gives a [`Ticket`], and the ticket is
//! brought back with [`Limits::settle`] when its end is known. In between it counts in every
//! window that the venue may put it in, so that neither latency nor a clock that is a little
//! off can make the venue count more than we do.
//!
//! | module | holds |
//! |--|--|
//! | [`counter`] | one limit of the venue: its window, what is used, what the venue says |
//! | `shares` | fair shares between those who ask |
//! | [`rolling`] | limits without a documented alignment: connection attempts, messages of a socket |
//! | [`saved`] | what outlives a restart |
//!
//! Source: Binance, "Limits": counters restart at whole intervals of the venue's clock;
//! `X-MBX-USED-WEIGHT-…` and `X-MBX-ORDER-COUNT-…` say what the venue has counted; 429 and
//! 418 come with `Retry-After`, and nothing may be sent before. "Spot Unfilled Order Count
//! Rules": -1015 concerns orders only.

pub mod counter;
pub mod rolling;
pub mod saved;
mod shares;

use std::sync::Arc;

use ringfence_model::{Micros, SeatId, Timestamp};
use ringfence_wire::rest::RateLimit;

use counter::{Counter, Kind, Reading};
pub use rolling::{Rolling, SocketLimits};
pub use saved::Saved;
use shares::Shares;

/// Counters whose readings can be taken while requests overlap. The venue has four.
pub(crate) const COUNTERS: usize = 8;
/// How far ours and the venue's idea of a window's end may be apart before anything is known.
const MARGIN: Micros = Micros::from_millis(250);
/// 429 without a time: a window of the venue's weight limit.
const WAIT_429: Micros = Micros::from_secs(60);
/// 418 without a time: the venue's shortest ban.
const WAIT_418: Micros = Micros::from_secs(120);

/// Who goes first when a limit is near. Each may use its part of a limit: what is left over is
/// the reserve of those before it, so a query never takes what a cancel will need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Cancels, and orders that only reduce. They may use all of a limit.
    Cancel,
    /// New orders.
    Order,
    /// Everything else.
    Query,
}

impl Priority {
    /// Of a limit, how much may be used.
    const fn part(self, limit: u64) -> u64 {
        let percent = match self {
            Priority::Cancel => return limit,
            Priority::Order => 90,
            Priority::Query => 75,
        };
        // Without overflow; of the smallest limits at least one, or nothing would ever go.
        let part = limit / 100 * percent + limit % 100 * percent / 100;
        if part == 0 && limit > 0 { 1 } else { part }
    }
}

/// Who asks: limits are shared fairly between these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requester {
    /// The host itself: clock, reconciliation, snapshots.
    Host,
    /// A plugin, by its seat.
    Seat(SeatId),
}

/// What the venue counts for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Request weight.
    pub weight: u64,
    /// Unfilled orders.
    pub orders: u64,
    /// The weight is given back when the request succeeds (since 2026-04-02).
    pub refund: bool,
}

impl Cost {
    /// A request that only asks.
    pub const fn query(weight: u64) -> Self {
        Cost { weight, orders: 0, refund: false }
    }

    const fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Weight => self.weight,
            Kind::Orders => self.orders,
            Kind::Raw => 1,
        }
    }
}

/// A request that may be sent. It must come back through [`Limits::settle`].
#[derive(Debug)]
#[must_use = "an admitted request counts as under way until it is settled"]
pub struct Ticket {
    cost: Cost,
    requester: Requester,
    sent: Timestamp,
    number: u64,
    /// What each counter had finished when this was sent.
    finished: [u64; COUNTERS],
}

/// How a request ended, as far as limits are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The venue did it.
    Done,
    /// The venue refused, or may have got it: it counts in full.
    Counted,
    /// It never left.
    NotSent,
}

/// Why a request may not be sent now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// After 429 or 418: the venue wants to hear nothing.
    #[error("the venue wants to hear nothing from this address")]
    Blocked,
    /// After -1015: the venue takes no orders of this account.
    #[error("the venue takes no new orders of this account")]
    OrdersBlocked,
    /// A limit of the venue is used up, as far as this priority may.
    #[error("limit {0} leaves no room")]
    Limit(Arc<str>),
    /// The rest of a limit is others' share.
    #[error("the fair share of limit {0} is used up")]
    Share(Arc<str>),
}

/// A request that must wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When it makes sense to try again.
    pub wait: Micros,
    /// What is in the way.
    pub why: Why,
}

/// All limits of one account and address.
#[derive(Debug, Clone)]
pub struct Limits {
    counters: Vec<Counter>,
    shares: Shares,
    blocked_until: Timestamp,
    orders_blocked_until: Timestamp,
    margin: Micros,
    next_number: u64,
    early: Early,
    /// Attempts to open a socket.
    pub connections: Rolling,
}

/// What happened before the venue's rules were known.
#[derive(Debug, Clone, Default)]
struct Early {
    cost: Cost,
    requests: u64,
    readings: Vec<(Timestamp, Reading)>,
    saved: Vec<saved::SavedCounter>,
}

impl Default for Limits {
    fn default() -> Self {
        let sockets = SocketLimits::default();
        Limits {
            counters: Vec::new(),
            shares: Shares::default(),
            blocked_until: Timestamp(0),
            orders_blocked_until: Timestamp(0),
            margin: MARGIN,
            next_number: 1,
            early: Early::default(),
            connections: Rolling::new(sockets.connections_within, sockets.connections),
        }
    }
}

impl Limits {
    /// The limits of `exchangeInfo`; nothing is used yet.
    pub fn new(rules: &[RateLimit]) -> Self {
        let mut limits = Limits::default();
        limits.learn(Timestamp(0), rules);
        limits
    }

    /// The rules as the venue says them, at the start or when they have changed. What has been
    /// counted before stays counted. Rules of unknown kinds are left out.
    pub fn learn(&mut self, now: Timestamp, rules: &[RateLimit]) {
        let early = std::mem::take(&mut self.early);
        let old = std::mem::take(&mut self.counters);
        for rule in rules {
            let Some(mut counter) = Counter::of(rule) else {
                continue;
            };
            if let Some(known) = old.iter().find(|known| known.is(counter.kind(), counter.length())) {
                counter.keep(known);
            } else {
                let cost = match counter.kind() {
                    Kind::Raw => early.requests,
                    kind => early.cost.of(kind),
                };
                counter.begin(now, self.margin, cost);
                for saved in &early.saved {
                    if saved.is(&counter) {
                        counter.at_least(saved.window, saved.used.saturating_add(cost));
                    }
                }
                for (at, reading) in &early.readings {
                    if reading.is(&counter) {
                        counter.at_least(at.0 / counter.length().max(1), reading.used);
                    }
                }
            }
            self.counters.push(counter);
        }
        let mut hosts = [false; COUNTERS];
        for (host, counter) in hosts.iter_mut().zip(&self.counters) {
            *host = counter.kind() != Kind::Orders;
        }
        self.shares.begin(hosts);
    }

    /// How far our idea of the venue's clock may be off. A window is taken as over only when it
    /// surely is.
    pub fn set_margin(&mut self, uncertainty: Micros) {
        self.margin = uncertainty.max(Micros::from_millis(20));
    }

    /// Counts a request, or says why it must wait.
    ///
    /// # Errors
    /// What is in the way, and until when.
    pub fn admit(
        &mut self,
        now: Timestamp,
        requester: Requester,
        priority: Priority,
        cost: Cost,
    ) -> Result<Ticket, Refusal> {
        self.may(now, cost)?;
        let place = self.shares.place(now, requester);
        let mut refusal: Option<Refusal> = None;
        for (index, counter) in self.counters.iter_mut().enumerate() {
            if counter.roll(now, self.margin) {
                self.shares.roll(index);
            }
            let cost = cost.of(counter.kind());
            if cost == 0 {
                continue;
            }
            self.shares.asked(now, place, index);
            let part = priority.part(counter.limit());
            let after = counter.used().saturating_add(cost);
            let wait = counter.ends_in(now, self.margin);
            let why = if after > part {
                Why::Limit(counter.name())
            } else if priority != Priority::Cancel && !self.shares.fits(index, place, counter.used(), cost, part) {
                Why::Share(counter.name())
            } else {
                continue;
            };
            // A share may be free as soon as another has gone quiet.
            let wait = if matches!(why, Why::Share(_)) { wait.min(shares::QUIET) } else { wait };
            if refusal.as_ref().is_none_or(|other| other.wait < wait) {
                refusal = Some(Refusal { wait, why });
            }
        }
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let mut finished = [0; COUNTERS];
        for (index, counter) in self.counters.iter_mut().enumerate() {
            let cost = cost.of(counter.kind());
            counter.send(cost);
            self.shares.add(index, place, cost);
            if let Some(slot) = finished.get_mut(index) {
                *slot = counter.finished();
            }
        }
        if self.counters.is_empty() {
            self.early.cost.weight = self.early.cost.weight.saturating_add(cost.weight);
            self.early.cost.orders = self.early.cost.orders.saturating_add(cost.orders);
            self.early.requests = self.early.requests.saturating_add(1);
        }
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        Ok(Ticket { cost, requester, sent: now, number, finished })
    }

    /// Whether the venue wants to hear it at all.
    fn may(&self, now: Timestamp, cost: Cost) -> Result<(), Refusal> {
        if now < self.blocked_until {
            return Err(Refusal { wait: self.blocked_until.since(now), why: Why::Blocked });
        }
        if cost.orders > 0 && now < self.orders_blocked_until {
            return Err(Refusal { wait: self.orders_blocked_until.since(now), why: Why::OrdersBlocked });
        }
        Ok(())
    }

    /// A request has ended; `readings` are what the venue says of its own counters.
    pub fn settle(&mut self, now: Timestamp, ticket: Ticket, ended: Ended, readings: &[Reading]) {
        for (index, counter) in self.counters.iter_mut().enumerate() {
            if counter.roll(now, self.margin) {
                self.shares.roll(index);
            }
            let cost = ticket.cost.of(counter.kind());
            let back = match ended {
                Ended::NotSent => cost,
                Ended::Done if ticket.cost.refund && counter.kind() == Kind::Weight => cost,
                Ended::Done | Ended::Counted => 0,
            };
            let reading = readings.iter().find(|reading| reading.is(counter)).map(|reading| reading.used);
            let overlapped = ticket.finished.get(index).map(|then| counter.finished().saturating_sub(*then));
            counter.end(now, self.margin, cost, back);
            self.shares.take_back(index, ticket.requester, back);
            if let (Some(used), Some(overlapped)) = (reading, overlapped) {
                counter.read(now, self.margin, ticket.sent, ticket.number, used.saturating_add(overlapped));
            }
        }
        if self.counters.is_empty() {
            for reading in readings {
                self.early.readings.retain(|(_, known)| !known.same(reading));
                self.early.readings.push((now, *reading));
            }
        }
    }

    /// 429 or 418 (`banned`): nothing may be sent for so long. -1015 stops orders only. Gives
    /// the time for which that holds now.
    pub fn block(&mut self, now: Timestamp, banned: bool, orders_only: bool, retry_after: Option<Micros>) -> Micros {
        let until = now.plus(retry_after.unwrap_or(if banned { WAIT_418 } else { WAIT_429 }));
        let slot = if orders_only && !banned { &mut self.orders_blocked_until } else { &mut self.blocked_until };
        *slot = (*slot).max(until);
        slot.since(now)
    }

    /// How long nothing may be sent; zero if it may.
    pub const fn blocked(&self, now: Timestamp) -> Micros {
        self.blocked_until.since(now)
    }

    /// Name, used, limit of each.
    pub fn usage(&self, now: Timestamp) -> Vec<(String, u64, u64)> {
        let mut counters = self.counters.clone();
        counters
            .iter_mut()
            .map(|counter| {
                counter.roll(now, self.margin);
                (counter.name().to_string(), counter.used(), counter.limit())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
