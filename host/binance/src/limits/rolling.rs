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

impl SocketLimits {
    /// For what is sent on one stream socket. One message a second is left for the pong that
    /// the library sends by itself.
    pub fn messages(&self) -> Rolling {
        Rolling::new(Micros::from_secs(1), self.messages_per_second.saturating_sub(1))
    }
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
    /// `limit` in any stretch of this length, and at least one: or nothing would ever go.
    pub const fn new(within: Micros, limit: usize) -> Self {
        Rolling { within, limit, times: VecDeque::new() }
    }

    /// How long until one more may be counted; zero if it may now.
    pub fn wait(&self, now: Timestamp) -> Micros {
        // The one that must have left the stretch before another may enter it.
        let oldest = self.times.len().checked_sub(self.limit.max(1)).and_then(|place| self.times.get(place));
        oldest.map_or(Micros(0), |oldest| oldest.plus(self.within).since(now))
    }

    /// Counts one, whether it may be or not.
    pub fn count(&mut self, now: Timestamp) {
        while self.times.front().is_some_and(|time| time.plus(self.within) <= now) {
            self.times.pop_front();
        }
        // Never before an earlier one, also if the clock was set back.
        self.times.push_back(self.times.back().map_or(now, |last| now.max(*last)));
    }

    /// Counts one more, or says how long to wait.
    ///
    /// # Errors
    /// The time until it may be tried again.
    pub fn admit(&mut self, now: Timestamp) -> Result<(), Micros> {
        match self.wait(now) {
            Micros(0) => {
                self.count(now);
                Ok(())
            }
            wait => Err(wait),
        }
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
