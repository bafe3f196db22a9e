//! What outlives a restart: bans, and what is used of the windows that are not over.

use ringfence_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::Limits;
use super::counter::Counter;

/// The limits' state as it is written to a file. Times are microseconds of the venue's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Saved {
    blocked_until: u64,
    orders_blocked_until: u64,
    counters: Vec<SavedCounter>,
    connections: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedCounter {
    kind: String,
    length: u64,
    pub(super) window: u64,
    pub(super) used: u64,
}

impl Saved {
    /// Takes over a longer ban that another process has written.
    pub(crate) fn keep_blocks(&mut self, other: &Saved) {
        self.blocked_until = self.blocked_until.max(other.blocked_until);
        self.orders_blocked_until = self.orders_blocked_until.max(other.orders_blocked_until);
    }
}

impl SavedCounter {
    pub(super) fn is(&self, counter: &Counter) -> bool {
        self.kind == counter.kind().word() && self.length == counter.length()
    }
}

impl Limits {
    /// What a later start must know. What is under way counts as used.
    pub fn save(&self) -> Saved {
        Saved {
            blocked_until: self.blocked_until.0,
            orders_blocked_until: self.orders_blocked_until.0,
            counters: self
                .counters
                .iter()
                .map(|counter| SavedCounter {
                    kind: counter.kind().word().to_owned(),
                    length: counter.length(),
                    window: counter.window(),
                    used: counter.used(),
                })
                .collect(),
            connections: self.connections.times().map(|time| time.0).collect(),
        }
    }

    /// Takes up what an earlier run has left; before [`Limits::learn`].
    pub fn restore(&mut self, saved: Saved) {
        self.blocked_until = self.blocked_until.max(Timestamp(saved.blocked_until));
        self.orders_blocked_until = self.orders_blocked_until.max(Timestamp(saved.orders_blocked_until));
        self.early.saved = saved.counters;
        self.connections.restore(saved.connections.into_iter().map(Timestamp));
    }
}
