//! One limit of the venue: a fixed window of the venue's clock and what is used of it.
//!
//! `used` is an upper bound of what the venue counts: what has ended in this window, and all
//! that is under way. Where a request's window isn't certain it counts in both. The venue's
//! own word replaces the bound when it comes with an answer to a later question than the
//! last; what ended while that question was under way may be missing in it and is added.

use std::sync::Arc;

use ringfence_model::{Micros, Timestamp};
use ringfence_wire::rest::RateLimit;

/// What the venue counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `REQUEST_WEIGHT`, by address.
    Weight,
    /// `ORDERS`: unfilled orders, by account.
    Orders,
    /// `RAW_REQUESTS`, by address.
    Raw,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "REQUEST_WEIGHT" => Kind::Weight,
            "ORDERS" => Kind::Orders,
            "RAW_REQUESTS" => Kind::Raw,
            _ => return None,
        })
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Kind::Weight => "weight",
            Kind::Orders => "orders",
            Kind::Raw => "requests",
        }
    }
}

/// Letter and microseconds of an interval's name, `SECOND` or `S`.
fn interval(name: &str) -> Option<(char, u64)> {
    let (letter, seconds) = match name {
        "SECOND" | "S" => ('s', 1),
        "MINUTE" | "M" => ('m', 60),
        "HOUR" | "H" => ('h', 3_600),
        "DAY" | "D" => ('d', 86_400),
        _ => return None,
    };
    Some((letter, seconds * 1_000_000))
}

/// What the venue says of one of its counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub(super) kind: Kind,
    pub(super) length: u64,
    pub(super) used: u64,
}

impl Reading {
    /// From a header of an HTTP answer, in any case of letters; `None` if it is another header.
    pub fn header(name: &str, value: &str) -> Option<Self> {
        const WEIGHT: &str = "x-mbx-used-weight-";
        const ORDERS: &str = "x-mbx-order-count-";
        let starts = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let (kind, prefix) = match () {
            () if starts(WEIGHT) => (Kind::Weight, WEIGHT),
            () if starts(ORDERS) => (Kind::Orders, ORDERS),
            () => return None,
        };
        let suffix = name.get(prefix.len()..)?;
        let letter = suffix.get(suffix.len().checked_sub(1)?..)?.to_ascii_uppercase();
        let number: u64 = suffix.get(..suffix.len().checked_sub(1)?)?.parse().ok()?;
        Self::new(kind, number, &letter, value.trim().parse().ok()?)
    }

    /// From `rateLimits` of an answer of the WebSocket API; `None` if it names no count.
    pub fn of(limit: &RateLimit) -> Option<Self> {
        Self::new(Kind::of(&limit.rate_limit_type)?, limit.interval_num, &limit.interval, limit.count?)
    }

    fn new(kind: Kind, number: u64, name: &str, used: u64) -> Option<Self> {
        Some(Reading { kind, length: interval(name)?.1.checked_mul(number)?, used })
    }

    pub(super) fn is(&self, counter: &Counter) -> bool {
        counter.is(self.kind, self.length)
    }

    pub(super) fn same(&self, other: &Reading) -> bool {
        (self.kind, self.length) == (other.kind, other.length)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Counter {
    kind: Kind,
    name: Arc<str>,
    /// Of the window, in microseconds.
    length: u64,
    limit: u64,
    /// Number of the window since 1970.
    window: u64,
    /// Upper bound of what has ended in this window.
    ended: u64,
    /// Under way, whenever it was sent.
    flying: u64,
    /// Ended so near the window's end that the next one may have counted it.
    late: u64,
    /// All that ever ended.
    finished: u64,
    /// The request with whose answer the venue's last word came.
    word: u64,
}

impl Counter {
    /// A rule of `exchangeInfo`; `None` if its kind or interval is unknown or its window is empty.
    pub(super) fn of(rule: &RateLimit) -> Option<Self> {
        let kind = Kind::of(&rule.rate_limit_type)?;
        let (letter, length) = interval(&rule.interval)?;
        let length = length.checked_mul(rule.interval_num).filter(|length| *length > 0)?;
        let name = format!("{}/{}{letter}", kind.word(), rule.interval_num).into();
        let limit = rule.limit;
        Some(Counter { kind, name, length, limit, window: 0, ended: 0, flying: 0, late: 0, finished: 0, word: 0 })
    }

    pub(super) fn is(&self, kind: Kind, length: u64) -> bool {
        self.kind == kind && self.length == length
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(super) const fn window(&self) -> u64 {
        self.window
    }

    pub(super) const fn used(&self) -> u64 {
        self.ended.saturating_add(self.flying)
    }

    pub(super) const fn finished(&self) -> u64 {
        self.finished
    }

    #[cfg(test)]
    pub(super) const fn under_way(&self) -> u64 {
        self.flying
    }

    /// Takes over what the same limit had counted under an older rule.
    pub(super) fn keep(&mut self, known: &Counter) {
        let (limit, name) = (self.limit, Arc::clone(&self.name));
        *self = known.clone();
        (self.limit, self.name) = (limit, name);
    }

    /// Starts with what was sent before the rule was known.
    pub(super) fn begin(&mut self, now: Timestamp, margin: Micros, ended: u64) {
        self.roll(now, margin);
        self.ended = ended;
    }

    /// Something that is known of a window: it counts if the window isn't over.
    pub(super) fn at_least(&mut self, window: u64, used: u64) {
        if window >= self.window {
            self.ended = self.ended.max(used);
        }
    }

    /// Half of the shortest window is as much doubt as can be handled.
    fn margin(&self, margin: Micros) -> u64 {
        margin.0.min(self.length / 4)
    }

    /// Begins the next window when the last one is surely over; true if it did.
    pub(super) fn roll(&mut self, now: Timestamp, margin: Micros) -> bool {
        let window = now.0.saturating_sub(self.margin(margin)) / self.length.max(1);
        if window == self.window {
            return false;
        }
        if window > self.window {
            self.ended = if window == self.window.saturating_add(1) { self.late } else { 0 };
            self.late = 0;
        } else {
            // The clock was set back, or is less sure than it was: what was counted may be of the window to come.
            self.late = self.ended;
        }
        self.window = window;
        true
    }

    fn end_of_window(&self) -> u64 {
        self.window.saturating_add(1).saturating_mul(self.length)
    }

    /// Until the next window.
    pub(super) fn ends_in(&self, now: Timestamp, margin: Micros) -> Micros {
        Timestamp(self.end_of_window().saturating_add(self.margin(margin))).since(now)
    }

    pub(super) fn send(&mut self, cost: u64) {
        self.flying = self.flying.saturating_add(cost);
    }

    /// A request is over; `back` of its cost does not count after all.
    pub(super) fn end(&mut self, now: Timestamp, margin: Micros, cost: u64, back: u64) {
        self.flying = self.flying.saturating_sub(cost);
        let counted = cost.saturating_sub(back);
        self.ended = self.ended.saturating_add(counted);
        self.finished = self.finished.saturating_add(counted);
        if now.0.saturating_add(self.margin(margin)) >= self.end_of_window() {
            self.late = self.late.saturating_add(counted);
        }
    }

    /// The venue's word in the answer to request `number`, sent at `sent`. It counts if the
    /// whole exchange was surely within this window, and if no later question has been answered.
    pub(super) fn read(&mut self, now: Timestamp, margin: Micros, sent: Timestamp, number: u64, used: u64) {
        let margin = self.margin(margin);
        let start = self.window.saturating_mul(self.length);
        let surely = sent.0 >= start.saturating_add(margin) && now.0.saturating_add(margin) < self.end_of_window();
        if surely && number > self.word {
            self.word = number;
            self.ended = used;
        }
    }
}
