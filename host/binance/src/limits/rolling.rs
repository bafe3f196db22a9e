//! Limits whose windows the venue does not document: so many in *any* stretch of time.

use std::collections::VecDeque;

use ringfence_model::{Micros, Timestamp};

/// What the venue allows on sockets. It tells these in no answer, only in its documents, so
/// they are configuration.
///
/// Source: Binance, "WebSocket Streams", "WebSocket Limits", of 2026-07: 5 incoming messages per
/// second (pings, pongs and control messages), 1024 streams per connection, 300 connection
/// attempts per 5 minutes and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketLimits {
    /// Attempts to connect, successful or not, of one address.
    pub connections: usize,
    /// Within this time.
    pub connections_within: Micros,
    /// Messages of ours on one stream socket within a second.
    pub messages_per_second: usize,
    /// Streams of one connection.
    pub streams_per_connection: usize,
}

impl Default for SocketLimits {
    fn default() -> Self {
        SocketLimits {
            connections: 300,
            connections_within: Micros::from_secs(300),
            messages_per_second: 5,
            streams_per_connection: 1_024,
        }
    }
}

/// So many within a time, wherever its window begins.
#[derive(Debug, Clone)]
pub struct Rolling {
    within: Micros,
    limit: usize,
    times: VecDeque<Timestamp>,
}

impl Rolling {
    /// `limit` in any stretch of this length.
    pub const fn new(within: Micros, limit: usize) -> Self {
        Rolling { within, limit, times: VecDeque::new() }
    }

    /// Counts one more, or says how long to wait.
    ///
    /// # Errors
    /// The time until it may be tried again.
    pub fn admit(&mut self, now: Timestamp) -> Result<(), Micros> {
        self.admit_leaving(now, 0)
    }

    /// Like [`Rolling::admit`], but leaves room for so many of another's.
    ///
    /// # Errors
    /// The time until it may be tried again.
    pub fn admit_leaving(&mut self, now: Timestamp, room: usize) -> Result<(), Micros> {
        while self.times.front().is_some_and(|time| time.plus(self.within) <= now) {
            self.times.pop_front();
        }
        let limit = self.limit.saturating_sub(room).max(1);
        if self.times.len() < limit {
            // Never before an earlier one, also if the clock was set back.
            self.times.push_back(self.times.back().map_or(now, |last| now.max(*last)));
            return Ok(());
        }
        let first = self.times.get(self.times.len().saturating_sub(limit));
        Err(first.map_or(self.within, |first| first.plus(self.within).since(now)))
    }

    /// Another rule; what was counted stays.
    pub fn set(&mut self, within: Micros, limit: usize) {
        (self.within, self.limit) = (within, limit);
    }

    /// How many count now, and how many may.
    pub fn usage(&self, now: Timestamp) -> (usize, usize) {
        (self.times.iter().filter(|time| time.plus(self.within) > now).count(), self.limit)
    }

    pub(super) fn times(&self) -> impl Iterator<Item = Timestamp> + '_ {
        self.times.iter().copied()
    }

    pub(super) fn restore(&mut self, times: impl Iterator<Item = Timestamp>) {
        let mut all: Vec<_> = times.take(100_000).chain(self.times.drain(..)).collect();
        all.sort_unstable();
        self.times = all.into();
    }
}
