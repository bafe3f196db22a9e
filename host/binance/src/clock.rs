//! The venue's clock, estimated from round trips. Pure: the machine's clock is handed in.
//!
//! Each round trip says that the venue's clock is ahead of ours by some amount, give or take
//! half of its length and half of the millisecond in which the venue tells the time. Of the latest ones the tightest counts, where an old one grows looser
//! by what clocks may drift. Two that contradict each other mean that a clock has jumped.

use std::collections::VecDeque;

use ringfence_model::{Micros, Timestamp};

/// Round trips that are remembered.
const SAMPLES: usize = 16;
/// What two clocks may drift apart, in parts per million: more than any healthy pair does.
const DRIFT_PPM: u64 = 200;
/// A drift worth telling, in parts per million: 30 ms in five minutes.
const TOLD_PPM: i64 = 100;
/// The drift is not judged over a shorter time.
const DRIFT_OVER: Micros = Micros::from_secs(240);
/// What two round trips within this time say of drift is said of the network, or of a small step.
const DRIFT_SEEN_OVER: Micros = Micros::from_secs(20);
/// The venue tells whole milliseconds: on average its clock shows half of one more, give or take as much.
const HALF_A_MILLISECOND: Micros = Micros(500);
/// Clocks that part by more at once have jumped, or the machine has slept.
const JUMP_US: i64 = 500_000;

#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Machine's time of the answer.
    at: Timestamp,
    offset_us: i64,
    /// Half of the round trip, and of a millisecond.
    doubt: Micros,
}

impl Sample {
    fn doubt(&self, now: Timestamp) -> Micros {
        Micros(self.doubt.0.saturating_add(now.since(self.at).0.saturating_mul(DRIFT_PPM) / 1_000_000))
    }

    fn contradicts(&self, other: &Sample) -> bool {
        let now = self.at.max(other.at);
        let room = self.doubt(now).0.saturating_add(other.doubt(now).0);
        self.offset_us.abs_diff(other.offset_us) > room
    }
}

/// What a round trip has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing worth telling.
    None,
    /// One of the clocks has jumped by so many microseconds (ours behind: positive).
    Jumped(i64),
    /// They run apart by so many parts per million (ours slow: positive).
    Drifts(i64),
}

/// What is known of the venue's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Of the venue's clock over the machine's; negative: the machine's is ahead.
    pub offset_us: i64,
    /// The truth is within this much of it.
    pub doubt: Micros,
}

/// What the venue's clock is ahead of the machine's (negative: behind).
#[derive(Debug, Clone, Default)]
pub struct VenueClock {
    samples: VecDeque<Sample>,
    /// The tightest of them when the last one came.
    best: Option<Sample>,
    /// Where drift is measured from.
    from: Option<Sample>,
    told: bool,
}

impl VenueClock {
    /// A request was sent at `sent` and answered at `received` (machine's clock) with the
    /// venue's time in whole milliseconds.
    pub fn sample(&mut self, sent: Timestamp, received: Timestamp, venue: Timestamp) -> Change {
        let half = Micros(received.since(sent).0.div_ceil(2));
        let middle = sent.plus(half);
        let venue = venue.plus(HALF_A_MILLISECOND);
        let doubt = Micros(half.0.saturating_add(HALF_A_MILLISECOND.0));
        let signed = |time: Timestamp| i64::try_from(time.0).unwrap_or(i64::MAX);
        let sample = Sample { at: received, offset_us: signed(venue).saturating_sub(signed(middle)), doubt };
        let mut change = Change::None;
        if let Some(best) = self.best.filter(|best| best.contradicts(&sample)) {
            let apart = sample.offset_us.saturating_sub(best.offset_us);
            let length = i64::try_from(received.since(best.at).0).unwrap_or(i64::MAX).max(1);
            change = if apart.saturating_abs() > JUMP_US {
                Change::Jumped(apart)
            } else if received.since(best.at) < DRIFT_SEEN_OVER {
                Change::None
            } else {
                self.drifts(apart.saturating_mul(1_000_000) / length)
            };
            self.restart();
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        self.best = self.samples.iter().min_by_key(|known| known.doubt(received)).copied();
        if change == Change::None { self.drift(received) } else { change }
    }

    fn drift(&mut self, now: Timestamp) -> Change {
        let Some(best) = self.best else {
            return Change::None;
        };
        let from = *self.from.get_or_insert(best);
        // A tighter sample of about the same time is a better beginning.
        if best.doubt < from.doubt && best.at.since(from.at) < Micros(DRIFT_OVER.0 / 8) {
            self.from = Some(best);
            return Change::None;
        }
        let length = i64::try_from(best.at.since(from.at).0).unwrap_or(i64::MAX);
        let apart = best.offset_us.saturating_sub(from.offset_us);
        let doubt = i64::try_from(best.doubt.0.saturating_add(from.doubt.0)).unwrap_or(i64::MAX);
        if now.since(from.at) < DRIFT_OVER || length == 0 || apart.saturating_abs() <= doubt {
            return Change::None;
        }
        let ppm = apart.saturating_mul(1_000_000) / length;
        self.from = Some(best);
        self.drifts(ppm)
    }

    /// Told once, until it is well again.
    fn drifts(&mut self, ppm: i64) -> Change {
        if ppm.saturating_abs() < TOLD_PPM {
            self.told = false;
            return Change::None;
        }
        if std::mem::replace(&mut self.told, true) { Change::None } else { Change::Drifts(ppm) }
    }

    /// Forgets the samples but not the estimate: the clocks were found to disagree. The next
    /// round trip counts, whatever it says.
    pub fn restart(&mut self) {
        self.samples.clear();
        self.from = None;
        if let Some(best) = &mut self.best {
            best.doubt = Micros(u64::MAX / 4);
        }
    }

    /// What an earlier run knew, until the first round trip says better.
    pub fn assume(&mut self, offset_us: i64) {
        self.best = Some(Sample { at: Timestamp(0), offset_us, doubt: Micros(u64::MAX / 4) });
    }

    /// The venue's time at a moment of the machine's.
    pub fn venue_time(&self, machine: Timestamp) -> Timestamp {
        Timestamp(machine.0.saturating_add_signed(self.best.map_or(0, |best| best.offset_us)))
    }

    /// What is known; `None` before the first round trip.
    pub fn estimate(&self, machine: Timestamp) -> Option<Estimate> {
        self.best.map(|best| Estimate { offset_us: best.offset_us, doubt: best.doubt(machine) })
    }
}

/// Watches two clocks of the machine, one that can be set and stands still in no sleep, and one
/// that only runs: when they part, the machine was asleep or its clock was set.
#[derive(Debug, Clone, Copy, Default)]
pub struct JumpWatch {
    last: Option<(Timestamp, Timestamp)>,
}

impl JumpWatch {
    /// What both show now; by how much they have parted since the last look, in microseconds,
    /// if it is worth telling.
    pub fn look(&mut self, settable: Timestamp, steady: Timestamp) -> Option<i64> {
        let (one, other) = self.last.replace((settable, steady))?;
        let moved = |now: Timestamp, then: Timestamp| {
            i64::try_from(now.0).unwrap_or(i64::MAX).saturating_sub(i64::try_from(then.0).unwrap_or(i64::MAX))
        };
        let apart = moved(settable, one).saturating_sub(moved(steady, other));
        (apart.abs() > JUMP_US).then_some(apart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: u64 = 1_000_000_000_000;

    /// One round trip at a machine's moment; the venue is `offset` ahead and tells whole milliseconds.
    fn trip(clock: &mut VenueClock, at: u64, there: u64, back: u64, offset: i64) -> Change {
        let venue = (at + there).saturating_add_signed(offset) / 1_000;
        clock.sample(Timestamp(at), Timestamp(at + there + back), Timestamp::from_millis(venue))
    }

    proptest! {
        /// Never further off than half of the best round trip and half a millisecond, whatever the machine's clock says.
        #[test]
        fn the_error_is_within_half_a_round_trip(
            true_offset in -60_000_000i64..60_000_000,
            trips in prop::collection::vec((0u64..200_000, 0u64..200_000), 1..12),
        ) {
            let mut clock = VenueClock::default();
            let mut now = START;
            let mut best = u64::MAX;
            for (there, back) in trips {
                prop_assert_eq!(trip(&mut clock, now, there, back, true_offset), Change::None);
                best = best.min(there + back);
                now += 1_000_000;
            }
            // Twelve seconds of drift at most may make another round trip the tightest.
            let error = clock.venue_time(Timestamp(now)).0.abs_diff(now.saturating_add_signed(true_offset));
            prop_assert!(error <= best / 2 + 501 + 12 * DRIFT_PPM, "{error} {best}");
        }

        /// With clocks that drift and jump the estimate is as good as it says, and a jump is told.
        #[test]
        fn the_doubt_is_honest(
            drift_ppm in -150i64..150,
            trips in prop::collection::vec((1u64..60_000_000, 0u64..100_000, 0u64..100_000), 1..60),
            jump in prop_oneof![Just(0i64), -40_000_000i64..-1_000_000, 1_000_000i64..40_000_000],
        ) {
            let mut clock = VenueClock::default();
            let mut now = START;
            let half = trips.len() / 2;
            let mut jumped = 0;
            for (count, (gap, there, back)) in trips.iter().copied().enumerate() {
                now += gap;
                let since = i64::try_from(now - START).unwrap_or(i64::MAX);
                let offset = since / 1_000 * drift_ppm / 1_000 + if count >= half { jump } else { 0 };
                let change = trip(&mut clock, now, there, back, offset);
                now += there + back;
                if let Change::Jumped(by) = change {
                    jumped += 1;
                    prop_assert_eq!(by.signum(), jump.signum());
                }
                let estimate = clock.estimate(Timestamp(now));
                let known = estimate.map(|estimate| (estimate.offset_us.abs_diff(offset), estimate.doubt.0));
                // The drift over one round trip itself is not modelled.
                prop_assert!(known.is_some_and(|(error, doubt)| error <= doubt + 100), "{known:?}");
            }
            prop_assert_eq!(jumped, u32::from(jump != 0 && half > 0));
        }

        /// However long and with whatever steps it runs, only a true jump is seen as one.
        #[test]
        fn only_clocks_that_part_are_told(
            steps in prop::collection::vec((0u64..100_000_000, -400_000i64..400_000), 1..50),
            jump in prop_oneof![-90_000_000i64..-1_000_000, 1_000_000i64..90_000_000],
        ) {
            let mut watch = JumpWatch::default();
            let (mut settable, mut steady) = (START, 5_000_000_000u64);
            for (gap, slew) in steps {
                settable = (settable + gap).saturating_add_signed(slew);
                steady += gap;
                prop_assert_eq!(watch.look(Timestamp(settable), Timestamp(steady)), None);
            }
            let set = settable.saturating_add_signed(jump);
            let told = watch.look(Timestamp(set), Timestamp(steady));
            prop_assert_eq!(told.map_or(jump, |told| told).signum(), jump.signum());
            prop_assert!(told.is_some());
            prop_assert_eq!(watch.look(Timestamp(set), Timestamp(steady)), None, "told once");
        }
    }

    #[test]
    fn a_drift_is_told_once() {
        let mut clock = VenueClock::default();
        let mut told = Vec::new();
        for minute in 0..60u64 {
            // 0.05 %: the machine loses 30 ms a minute.
            let offset = i64::try_from(minute * 30_000).unwrap_or(0);
            match trip(&mut clock, START + minute * 60_000_000, 2_000, 2_000, offset) {
                Change::None => {}
                change => told.push(change),
            }
        }
        assert!(matches!(told.as_slice(), [Change::Drifts(480..=520)]), "{told:?}");
        // A slow drift is found over a longer time.
        let mut clock = VenueClock::default();
        let mut told = Vec::new();
        for minute in 0..60u64 {
            let offset = -i64::try_from(minute * 9_000).unwrap_or(0);
            told.push(trip(&mut clock, START + minute * 60_000_000, 2_000, 2_000, offset));
        }
        told.retain(|change| *change != Change::None);
        assert!(matches!(told.as_slice(), [Change::Drifts(-160..=-140)]), "{told:?}");
    }

    /// Round trips over loopback take less than the millisecond in which the venue tells the time, and a machine that
    /// is busy has some that take long: neither is a drift.
    #[test]
    fn neighbours_in_time_say_nothing_of_drift() {
        let mut clock = VenueClock::default();
        for step in 0..2_000u64 {
            let at = START + step * 10_337;
            let (there, back) = (60 + step % 7 * 40, 60 + step % 11 * 900);
            assert_eq!(trip(&mut clock, at, there, back, 0), Change::None, "{step}");
            let estimate = clock.estimate(Timestamp(at)).map(|estimate| estimate.offset_us.unsigned_abs());
            assert!(estimate.is_some_and(|error| error <= 5_000), "{estimate:?}");
        }
        // A step that no jump is: taken over, and no drift of seconds a day.
        assert_eq!(trip(&mut clock, START + 30_000_000, 100, 100, 20_000), Change::None);
    }

    #[test]
    fn a_restart_takes_the_next_word_whatever_it_is() {
        let mut clock = VenueClock::default();
        trip(&mut clock, START, 10, 10, 0);
        clock.restart();
        let old = clock.venue_time(Timestamp(START));
        assert!(old.0.abs_diff(START) <= 510, "the old word until a new one comes: {old:?}");
        assert_eq!(trip(&mut clock, START + 100, 90_000, 90_000, 20_000_000), Change::None);
        let offset = clock.estimate(Timestamp(START)).map(|estimate| estimate.offset_us);
        assert!(offset.is_some_and(|offset| offset.abs_diff(20_000_000) <= 500), "{offset:?}");
    }
}
