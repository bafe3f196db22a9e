//! The virtual clock that follows a recording. It never runs backwards.

use ringfence_model::Timestamp;

/// Venue time at the moment a recorded line was received.
///
/// A recorder's clock may run before or behind the venue's. A message can't arrive
/// before it was sent, so the largest lead of a venue time over its receive time is
/// the least correction that makes every arrival possible. Live, the client does the
/// same by asking the venue for its time.
#[derive(Debug, Clone, Copy, Default)]
pub struct VirtualClock {
    now: Timestamp,
    lead: u64,
}

impl VirtualClock {
    /// The present.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// When a line arrives: `received` by the recorder's clock, `sent` by the venue's.
    /// Learns the lead, but does not move.
    pub fn arrival(&mut self, received: Timestamp, sent: Option<Timestamp>) -> Timestamp {
        if let Some(sent) = sent {
            self.lead = self.lead.max(sent.0.saturating_sub(received.0));
        }
        self.now.max(Timestamp(received.0.saturating_add(self.lead)))
    }

    /// Moves forward to `time`, or stays.
    pub fn to(&mut self, time: Timestamp) -> Timestamp {
        self.now = self.now.max(time);
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_of_the_venue_is_added_and_time_never_turns() {
        let mut clock = VirtualClock::default();
        let mut arrive = |received, sent: Option<u64>| {
            let now = clock.arrival(Timestamp(received), sent.map(Timestamp));
            clock.to(now).0
        };
        assert_eq!(arrive(1_000, None), 1_000);
        assert_eq!(arrive(1_100, Some(2_100)), 2_100);
        assert_eq!(arrive(1_200, Some(2_150)), 2_200);
        assert_eq!(arrive(900, None), 2_200);
    }
}
