//! Who follows which stream. The venue client is told of each follower and counts them: the
//! venue is asked for a stream when the first one wants it, and let go after the last.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::{InstrumentId, SeatId, StreamKind};

#[derive(Debug, Default)]
pub(crate) struct Routing {
    followers: BTreeMap<(InstrumentId, StreamKind), BTreeSet<SeatId>>,
}

impl Routing {
    /// True if the seat did not follow the stream before.
    pub(crate) fn follow(&mut self, seat: SeatId, instrument: InstrumentId, stream: StreamKind) -> bool {
        self.followers.entry((instrument, stream)).or_default().insert(seat)
    }

    /// True if the seat did follow the stream.
    pub(crate) fn leave(&mut self, seat: SeatId, instrument: InstrumentId, stream: StreamKind) -> bool {
        let Some(seats) = self.followers.get_mut(&(instrument, stream)) else {
            return false;
        };
        let left = seats.remove(&seat);
        if seats.is_empty() {
            self.followers.remove(&(instrument, stream));
        }
        left
    }

    /// Seats that follow a stream, in order.
    pub(crate) fn of(&self, instrument: InstrumentId, stream: StreamKind) -> impl Iterator<Item = SeatId> + '_ {
        self.followers.get(&(instrument, stream)).into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Begins and ends balance for each follower, and only followers are told.
        #[test]
        fn each_follower_begins_and_ends_once(steps in prop::collection::vec((any::<bool>(), 0u32..4, 0u32..3), 1..100)) {
            let mut routing = Routing::default();
            let mut truth = BTreeSet::new();
            for (on, seat, instrument) in steps {
                let (seat, instrument) = (SeatId(seat), InstrumentId(instrument));
                if on {
                    prop_assert_eq!(routing.follow(seat, instrument, StreamKind::Trades), truth.insert((instrument, seat)));
                } else {
                    prop_assert_eq!(routing.leave(seat, instrument, StreamKind::Trades), truth.remove(&(instrument, seat)));
                }
                for instrument in (0..3).map(InstrumentId) {
                    let told: BTreeSet<_> = routing.of(instrument, StreamKind::Trades).map(|seat| (instrument, seat)).collect();
                    let follow: BTreeSet<_> = truth.iter().filter(|(of, _)| *of == instrument).copied().collect();
                    prop_assert_eq!(told, follow);
                }
            }
        }
    }
}
