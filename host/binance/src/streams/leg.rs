//! One socket of a connection: what was asked on it, what the venue has confirmed, and when
//! it speaks next.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::{Micros, Timestamp};

use super::shard::ShardRules;
use crate::limits::{Rolling, SocketLimits};

/// Number of a socket: 1, 2, 3 …
pub type LegId = u64;

/// A message of ours that the venue has not confirmed yet.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) at: Timestamp,
    pub(super) names: Vec<String>,
    pub(super) begins: bool,
}

#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) opened: Option<Timestamp>,
    /// When the venue first confirmed something here.
    pub(super) confirmed: Option<Timestamp>,
    pub(super) asked: BTreeSet<String>,
    pub(super) unconfirmed: BTreeMap<u64, Asked>,
    pub(super) heard: Timestamp,
    pub(super) ping_at: Timestamp,
    pub(super) messages: Rolling,
}

impl Leg {
    /// About to be opened.
    pub(super) fn new(id: LegId, now: Timestamp, sockets: &SocketLimits) -> Self {
        Leg {
            id,
            opened: None,
            confirmed: None,
            asked: BTreeSet::new(),
            unconfirmed: BTreeMap::new(),
            heard: now,
            ping_at: Timestamp(u64::MAX),
            messages: sockets.messages(),
        }
    }

    /// The venue has begun everything that it was asked for.
    pub(super) fn is_settled(&self) -> bool {
        self.confirmed.is_some() && self.unconfirmed.is_empty()
    }

    /// Until when the oldest question may stay without an answer.
    pub(super) fn overdue(&self, rules: &ShardRules) -> Option<Timestamp> {
        self.unconfirmed.values().next().map(|asked| {
            let soon = asked.at.plus(rules.confirm_within);
            let at_last = asked.at.plus(rules.confirm_at_last);
            soon.max(at_last.min(self.heard.plus(Micros::from_secs(1))))
        })
    }

    /// Why it has to be given up now, if it has to.
    pub(super) fn dead(&self, rules: &ShardRules, now: Timestamp) -> Option<&'static str> {
        if self.overdue(rules).is_some_and(|at| at <= now) {
            Some("a subscription was not confirmed in time")
        } else if now.since(self.heard) > rules.silent_after {
            Some("silent")
        } else {
            None
        }
    }
}
