//! The exchange's clock: real, accelerated, or stepped by hand. Pure: the machine's own
//! time comes in as "so long since the server began".
//!
//! What may not live here: reading a clock, sleeping.

use std::time::Duration;

use ringfence_model::{Micros, Timestamp};

const MILLION: u128 = 1_000_000;

/// How the clock runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as real time times this many millionths; a million is real time.
    Running {
        /// Millionths.
        millionths: u64,
    },
    /// It stands, and goes on when it is told to.
    Stepped,
}

impl Pace {
    /// Real time.
    pub const REAL: Pace = Pace::Running { millionths: 1_000_000 };

    /// So many times as fast as real time; `None` if that is no speed above zero.
    pub fn times(speed: f64) -> Option<Self> {
        let millionths = speed * 1e6;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        (millionths.is_finite() && (1.0..=1e15).contains(&millionths))
            .then_some(Pace::Running { millionths: millionths.round() as u64 })
    }
}

/// A clock that never runs backwards.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pace: Pace,
    /// What a free clock showed when the server was `since` old.
    base: Timestamp,
    since: Duration,
    /// A recording that has not got further holds it back.
    ceiling: Option<Timestamp>,
    /// What was shown is never taken back.
    floor: Timestamp,
}

impl Clock {
    /// A clock that shows `start` when the server begins.
    pub const fn new(start: Timestamp, pace: Pace) -> Self {
        Clock { pace, base: start, since: Duration::ZERO, ceiling: None, floor: start }
    }

    /// How it runs.
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    fn free(&self, age: Duration) -> Timestamp {
        match self.pace {
            Pace::Stepped => self.base,
            Pace::Running { millionths } => {
                let real = age.saturating_sub(self.since).as_micros();
                let passed = real.saturating_mul(u128::from(millionths)) / MILLION;
                self.base.plus(Micros(u64::try_from(passed).unwrap_or(u64::MAX)))
            }
        }
    }

    /// What it shows.
    pub fn now(&self, age: Duration) -> Timestamp {
        let free = self.free(age);
        self.ceiling.map_or(free, |ceiling| free.min(ceiling)).max(self.floor)
    }

    /// From now on it runs like this, from what it shows.
    pub fn set_pace(&mut self, age: Duration, pace: Pace) {
        self.floor = self.now(age);
        self.base = self.floor;
        self.since = age;
        self.pace = pace;
    }

    /// Puts it forward, and returns where to; a ceiling may still hold it back.
    pub fn step(&mut self, age: Duration, by: Micros) -> Timestamp {
        self.set_pace(age, self.pace);
        self.base = self.base.plus(by);
        self.base
    }

    /// It shows no more than this until the ceiling is moved or taken away. Under it time
    /// goes on: a clock that was held back catches up.
    pub fn set_ceiling(&mut self, age: Duration, ceiling: Option<Timestamp>) {
        self.floor = self.now(age);
        self.ceiling = ceiling;
    }

    /// Whether something holds it back.
    pub const fn has_ceiling(&self) -> bool {
        self.ceiling.is_some()
    }

    /// How long it takes until it shows `then`, a ceiling aside; `None` if it stands.
    pub fn until(&self, age: Duration, then: Timestamp) -> Option<Duration> {
        let left = u128::from(then.0.saturating_sub(self.free(age).0));
        match self.pace {
            Pace::Stepped => None,
            Pace::Running { millionths } => {
                let real = left.saturating_mul(MILLION).div_ceil(u128::from(millionths.max(1)));
                Some(Duration::from_micros(u64::try_from(real).unwrap_or(u64::MAX)))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp(1_700_000_000_000_000);

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_runs_as_fast_as_it_is_told() {
        let mut clock = Clock::new(START, Pace::REAL);
        assert_eq!(clock.now(ms(1_500)), START.plus(Micros(1_500_000)));
        clock.set_pace(ms(2_000), Pace::times(10.0).unwrap());
        assert_eq!(clock.now(ms(2_100)), START.plus(Micros(3_000_000)));
        assert_eq!(clock.until(ms(2_100), START.plus(Micros(4_000_000))), Some(ms(100)));
        clock.set_pace(ms(2_100), Pace::Stepped);
        assert_eq!(clock.now(ms(9_999)), START.plus(Micros(3_000_000)));
        assert_eq!(clock.until(ms(9_999), START), None);
        assert_eq!(clock.step(ms(9_999), Micros(7)), START.plus(Micros(3_000_007)));
        assert_eq!(clock.now(ms(10_000)), START.plus(Micros(3_000_007)));
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
            assert_eq!(Pace::times(wrong), None);
        }
    }

    #[test]
    fn it_waits_for_a_recording_and_catches_up() {
        let mut clock = Clock::new(START, Pace::REAL);
        clock.set_ceiling(ms(0), Some(START));
        assert_eq!(clock.now(ms(5_000)), START);
        clock.set_pace(ms(5_000), Pace::REAL);
        clock.set_ceiling(ms(5_000), Some(START.plus(Micros(10_000))));
        assert_eq!(clock.now(ms(5_004)), START.plus(Micros(4_000)));
        assert_eq!(clock.now(ms(5_030)), START.plus(Micros(10_000)));
        clock.set_ceiling(ms(5_030), Some(START.plus(Micros(20_000))));
        assert_eq!(clock.now(ms(5_030)), START.plus(Micros(20_000)));
        clock.set_ceiling(ms(5_030), Some(START));
        assert_eq!(clock.now(ms(5_031)), START.plus(Micros(20_000)));
    }

    #[derive(Debug, Clone)]
    enum Do {
        Wait(u64),
        Pace(f64),
        Step(u64),
        Stand,
        Ceiling(Option<u64>),
    }

    fn anything() -> impl Strategy<Value = Do> {
        prop_oneof![
            (0u64..10_000).prop_map(Do::Wait),
            (0.001f64..1e6).prop_map(Do::Pace),
            (0u64..10_000_000).prop_map(Do::Step),
            Just(Do::Stand),
            proptest::option::of(0u64..20_000_000).prop_map(Do::Ceiling),
        ]
    }

    proptest! {
        #[test]
        fn it_never_runs_backwards(steps in prop::collection::vec(anything(), 0..40)) {
            let (mut clock, mut age) = (Clock::new(START, Pace::REAL), Duration::ZERO);
            let mut last = clock.now(age);
            for step in steps {
                match step {
                    Do::Wait(millis) => age += ms(millis),
                    Do::Pace(speed) => clock.set_pace(age, Pace::times(speed).unwrap()),
                    Do::Step(by) => drop(clock.step(age, Micros(by))),
                    Do::Stand => clock.set_pace(age, Pace::Stepped),
                    Do::Ceiling(at) => clock.set_ceiling(age, at.map(|at| START.plus(Micros(at)))),
                }
                let now = clock.now(age);
                prop_assert!(now >= last, "{now:?} after {last:?}");
                last = now;
            }
        }
    }
}
