//! What outlives a restart: bans, and what is used of the windows that are not over.

use ringfence_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::counter::Counter;
use super::{Early, Limits};

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

impl Early {
    /// What an earlier run has left, with all that was sent since: more than the venue counts at the most.
    fn saved(&self) -> Vec<SavedCounter> {
        let sent = |word: &str| match word {
            "weight" => self.cost.weight,
            "orders" => self.cost.orders,
            _ => self.requests,
        };
        let mut all: Vec<_> = self
            .saved
            .iter()
            .map(|left| SavedCounter { used: left.used.saturating_add(sent(&left.kind)), ..left.clone() })
            .collect();
        for (at, reading) in &self.readings {
            let (kind, length, used) = (reading.kind.word(), reading.length.max(1), reading.used);
            let window = at.0 / length;
            match all.iter_mut().find(|known| known.kind == kind && known.length == length) {
                Some(known) if known.window == window => known.used = known.used.max(used),
                Some(known) if known.window > window => {}
                Some(known) => (known.window, known.used) = (window, used),
                None => all.push(SavedCounter { kind: kind.to_owned(), length, window, used }),
            }
        }
        all
    }
}

impl Limits {
    /// What a later start must know. What is under way counts as used. Before the venue's rules are known it is what an
    /// earlier run has left and what was sent since.
    pub fn save(&self) -> Saved {
        let known = self.counters.iter().map(|counter| SavedCounter {
            kind: counter.kind().word().to_owned(),
            length: counter.length(),
            window: counter.window(),
            used: counter.used(),
        });
        Saved {
            blocked_until: self.blocked_until.0,
            orders_blocked_until: self.orders_blocked_until.0,
            counters: if self.counters.is_empty() { self.early.saved() } else { known.collect() },
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
