//! Who wants which stream, and on which connection it runs. A stream runs once however many
//! want it, and a while longer than anybody does: a plugin that is reloaded asks again.

use std::collections::BTreeMap;

use ringfence_model::{Micros, Timestamp};

use crate::limits::SocketLimits;

/// How patient the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareRules {
    /// How long a stream runs on when nobody wants it.
    pub grace: Micros,
}

impl Default for ShareRules {
    /// Five seconds.
    fn default() -> Self {
        ShareRules { grace: Micros::from_secs(5) }
    }
}

#[derive(Debug, Clone, Copy)]
struct Running {
    users: u32,
    shard: usize,
    ends_at: Option<Timestamp>,
}

/// A stream begins or ends on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Change {
    Begin { shard: usize, name: String },
    End { shard: usize, name: String },
}

/// All wanted streams.
#[derive(Debug, Clone)]
pub struct Shares {
    rules: ShareRules,
    per_connection: usize,
    streams: BTreeMap<String, Running>,
    /// Streams of each connection.
    loads: Vec<usize>,
}

impl Shares {
    /// Nobody wants anything yet.
    pub const fn new(rules: ShareRules, sockets: &SocketLimits) -> Self {
        Shares { rules, per_connection: sockets.streams_per_connection, streams: BTreeMap::new(), loads: Vec::new() }
    }

    /// Somebody wants a stream; what has to be done if it does not run.
    pub fn want(&mut self, name: &str) -> Option<Change> {
        if let Some(running) = self.streams.get_mut(name) {
            running.users = running.users.saturating_add(1);
            running.ends_at = None;
            return None;
        }
        let free = |load: &usize| *load < self.per_connection.max(1);
        let shard = self.loads.iter().position(free).unwrap_or(self.loads.len());
        match self.loads.get_mut(shard) {
            Some(load) => *load = load.saturating_add(1),
            None => self.loads.push(1),
        }
        self.streams.insert(name.to_owned(), Running { users: 1, shard, ends_at: None });
        Some(Change::Begin { shard, name: name.to_owned() })
    }

    /// Somebody does not want a stream any more.
    pub fn leave(&mut self, now: Timestamp, name: &str) {
        if let Some(running) = self.streams.get_mut(name) {
            running.users = running.users.saturating_sub(1);
            if running.users == 0 && running.ends_at.is_none() {
                running.ends_at = Some(now.plus(self.rules.grace));
            }
        }
    }

    /// The connection that a stream runs on, wanted or not.
    pub fn shard_of(&self, name: &str) -> Option<usize> {
        self.streams.get(name).map(|running| running.shard)
    }

    /// When [`Shares::due`] has something to say.
    pub fn next(&self) -> Option<Timestamp> {
        self.streams.values().filter_map(|running| running.ends_at).min()
    }

    /// Ends what nobody has wanted for long enough.
    pub fn due(&mut self, now: Timestamp) -> Vec<Change> {
        let over = |running: &Running| running.ends_at.is_some_and(|at| at <= now);
        let names: Vec<_> =
            self.streams.iter().filter(|(_, running)| over(running)).map(|(name, _)| name.clone()).collect();
        names
            .into_iter()
            .filter_map(|name| {
                let shard = self.streams.remove(&name)?.shard;
                if let Some(load) = self.loads.get_mut(shard) {
                    *load = load.saturating_sub(1);
                }
                Some(Change::End { shard, name })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeSet, HashMap};

    proptest! {
        /// Against a model: a stream runs once, as long as anybody wants it and for the grace after; no connection is too full.
        #[test]
        fn streams_run_while_they_are_wanted(
            steps in prop::collection::vec((any::<bool>(), 0u8..12, 0u64..3), 1..200),
        ) {
            let sockets = SocketLimits { streams_per_connection: 3, ..SocketLimits::default() };
            let mut shares = Shares::new(ShareRules { grace: Micros(2) }, &sockets);
            let mut running: HashMap<String, usize> = HashMap::new();
            let mut users: HashMap<String, u32> = HashMap::new();
            let mut left: HashMap<String, u64> = HashMap::new();
            let mut now = 0;
            for (want, name, gap) in steps {
                now += gap;
                for change in shares.due(Timestamp(now)) {
                    let Change::End { shard, name } = change else { unreachable!() };
                    prop_assert_eq!(running.remove(&name), Some(shard));
                    prop_assert!(left.remove(&name).is_some_and(|at| at + 2 <= now));
                }
                let name = name.to_string();
                if want {
                    *users.entry(name.clone()).or_default() += 1;
                    left.remove(&name);
                    match shares.want(&name) {
                        Some(Change::Begin { shard, .. }) => prop_assert_eq!(running.insert(name, shard), None),
                        other => { prop_assert_eq!(other, None); prop_assert!(running.contains_key(&name)); }
                    }
                } else if let Some(count) = users.get_mut(&name).filter(|count| **count > 0) {
                    *count -= 1;
                    if *count == 0 {
                        left.insert(name.clone(), now);
                    }
                    shares.leave(Timestamp(now), &name);
                }
                let wanted: BTreeSet<_> = users.iter().filter(|(_, count)| **count > 0).map(|(name, _)| name.clone()).collect();
                prop_assert!(wanted.iter().all(|name| running.contains_key(name)));
                for shard in running.values() {
                    prop_assert!(running.values().filter(|other| *other == shard).count() <= 3);
                }
            }
        }
    }
}
