//! When to try again: exponential, bounded, with jitter, so that a thousand hosts don't
//! come back at the same moment. Pure: chance is handed in as a seed.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);
/// What worked for so long has not merely flapped. At ten seconds apart, attempts stay far
/// below the venue's 300 in five minutes.
const STEADY: Duration = Duration::from_secs(10);

/// The waits of one connection.
#[derive(Debug, Clone)]
pub struct Backoff {
    attempt: u32,
    seed: u64,
}

impl Backoff {
    /// A connection that was never lost; `seed` spreads hosts.
    pub const fn new(seed: u64) -> Self {
        Backoff { attempt: 0, seed }
    }

    /// The connection works again.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The connection worked for so long; the waits start over only if that was long enough.
    pub fn lasted(&mut self, time: Duration) {
        if time >= STEADY {
            self.reset();
        }
    }

    /// Failed attempts since the last success.
    pub const fn attempts(&self) -> u32 {
        self.attempt
    }

    /// How long to wait before the next attempt: between half of the step and all of it.
    pub fn wait(&mut self) -> Duration {
        let step = FIRST.saturating_mul(1u32.checked_shl(self.attempt.min(16)).unwrap_or(u32::MAX)).min(LONGEST);
        self.attempt = self.attempt.saturating_add(1);
        // SplitMix64.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut chance = self.seed;
        chance = (chance ^ (chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chance = (chance ^ (chance >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let micros = u64::try_from(step.as_micros()).unwrap_or(u64::MAX);
        let half = micros / 2;
        Duration::from_micros(half.saturating_add((chance ^ (chance >> 31)) % half.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_grow_and_are_bounded(seed in any::<u64>()) {
            let mut backoff = Backoff::new(seed);
            let mut step = FIRST;
            for _ in 0..40 {
                let wait = backoff.wait();
                prop_assert!(wait >= step / 2 && wait <= step, "{wait:?} {step:?}");
                step = (step * 2).min(LONGEST);
            }
            backoff.lasted(STEADY / 2);
            prop_assert!(backoff.wait() >= LONGEST / 2);
            backoff.lasted(STEADY);
            prop_assert!(backoff.wait() <= FIRST);
        }
    }
}
