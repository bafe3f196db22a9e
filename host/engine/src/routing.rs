//! Who follows which stream. The venue is asked for a stream when the first seat wants
//! it, and let go when the last one has left.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::{InstrumentId, SeatId, StreamKind};

#[derive(Debug, Default)]
pub(crate) struct Routing {
    followers: BTreeMap<(InstrumentId, StreamKind), BTreeSet<SeatId>>,
}

impl Routing {
    /// True if this is the stream's first follower.
    pub(crate) fn follow(&mut self, seat: SeatId, instrument: InstrumentId, stream: StreamKind) -> bool {
        let seats = self.followers.entry((instrument, stream)).or_default();
        seats.insert(seat) && seats.len() == 1
    }

    /// True if nobody follows the stream any more.
    pub(crate) fn leave(&mut self, seat: SeatId, instrument: InstrumentId, stream: StreamKind) -> bool {
        let Some(seats) = self.followers.get_mut(&(instrument, stream)) else {
            return false;
        };
        let left = seats.remove(&seat) && seats.is_empty();
        if left {
            self.followers.remove(&(instrument, stream));
        }
        left
    }

    /// Seats that follow a stream, in order.
    pub(crate) fn of(&self, instrument: InstrumentId, stream: StreamKind) -> impl Iterator<Item = SeatId> + '_ {
        self.followers.get(&(instrument, stream)).into_iter().flatten().copied()
    }

    /// Seats to which a book snapshot means something, each once.
    pub(crate) fn of_books(&self, instrument: InstrumentId) -> BTreeSet<SeatId> {
        [StreamKind::Depth, StreamKind::Book(5), StreamKind::Book(10), StreamKind::Book(20)]
            .into_iter()
            .flat_map(|stream| self.of(instrument, stream))
            .collect()
    }

    /// Every stream with each of its followers.
    pub(crate) fn all(&self) -> impl Iterator<Item = (InstrumentId, StreamKind, SeatId)> + '_ {
        self.followers
            .iter()
            .flat_map(|((instrument, stream), seats)| seats.iter().map(|seat| (*instrument, *stream, *seat)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The venue is asked for exactly the streams that somebody follows, whatever the order of wishes.
        #[test]
        fn the_venue_follows_what_somebody_follows(steps in prop::collection::vec((any::<bool>(), 0u32..4, 0u32..3), 1..100)) {
            let mut routing = Routing::default();
            let mut asked = BTreeSet::new();
            let mut truth = BTreeSet::new();
            for (on, seat, instrument) in steps {
                let (seat, instrument) = (SeatId(seat), InstrumentId(instrument));
                if on {
                    truth.insert((instrument, seat));
                    if routing.follow(seat, instrument, StreamKind::Trades) {
                        prop_assert!(asked.insert(instrument));
                    }
                } else {
                    truth.remove(&(instrument, seat));
                    if routing.leave(seat, instrument, StreamKind::Trades) {
                        prop_assert!(asked.remove(&instrument));
                    }
                }
                let wanted: BTreeSet<_> = truth.iter().map(|(instrument, _)| *instrument).collect();
                prop_assert_eq!(&asked, &wanted);
                prop_assert_eq!(routing.all().count(), truth.len());
            }
        }
    }
}
