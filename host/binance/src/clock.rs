//! The venue's clock, estimated from round trips. Pure: the machine's clock is handed in.

use ringfence_model::{Micros, Timestamp};

/// What the venue's clock is ahead of the machine's (negative: behind), from the quickest round trip.
#[derive(Debug, Clone, Copy, Default)]
pub struct VenueClock {
    offset_us: i64,
    round_trip: Option<Micros>,
}

impl VenueClock {
    /// A request was sent at `sent` and answered at `received` (machine's clock) with the
    /// venue's time. The quickest round trip says most; the others are ignored.
    pub fn sample(&mut self, sent: Timestamp, received: Timestamp, venue: Timestamp) {
        let round_trip = received.since(sent);
        if self.round_trip.is_some_and(|best| best <= round_trip) {
            return;
        }
        self.round_trip = Some(round_trip);
        let middle = sent.plus(Micros(round_trip.0 / 2));
        let signed = |time: Timestamp| i64::try_from(time.0).unwrap_or(i64::MAX);
        self.offset_us = signed(venue).saturating_sub(signed(middle));
    }

    /// Forgets the best sample: the clocks were found to disagree.
    pub fn restart(&mut self) {
        self.round_trip = None;
    }

    /// The venue's time at a moment of the machine's.
    pub fn venue_time(&self, machine: Timestamp) -> Timestamp {
        Timestamp(machine.0.saturating_add_signed(self.offset_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Never further off than half of the best round trip, whatever the machine's clock says.
        #[test]
        fn the_error_is_within_half_a_round_trip(
            true_offset in -60_000_000i64..60_000_000,
            trips in prop::collection::vec((0u64..200_000, 0u64..200_000), 1..12),
        ) {
            let mut clock = VenueClock::default();
            let mut now = 1_000_000_000_000u64;
            let mut best = u64::MAX;
            for (there, back) in trips {
                let sent = Timestamp(now);
                let venue = Timestamp((now + there).saturating_add_signed(true_offset));
                let received = Timestamp(now + there + back);
                clock.sample(sent, received, venue);
                best = best.min(there + back);
                now += 1_000_000;
            }
            let error = clock.venue_time(Timestamp(now)).0.abs_diff(now.saturating_add_signed(true_offset));
            prop_assert!(error <= best / 2 + 1, "{error} {best}");
        }
    }
}
