//! How often something may happen: so many at once, and so many a while. Pure; time is
//! handed in.

use ringfence_model::{Micros, Timestamp};

/// A bucket of tokens that fills with time.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    /// Time that one token takes to come back.
    period: u64,
    burst: u64,
    tokens: u64,
    counted: Timestamp,
}

impl Rate {
    /// `count` within `length`, at most `burst` at once.
    pub(crate) fn new(count: u64, length: Micros, burst: u64) -> Self {
        Rate { period: (length.0 / count.max(1)).max(1), burst, tokens: burst, counted: Timestamp(0) }
    }

    fn earn(&mut self, now: Timestamp) {
        let earned = now.since(self.counted).0 / self.period;
        if earned == 0 {
            return;
        }
        self.tokens = self.tokens.saturating_add(earned).min(self.burst);
        // What is left of a period counts on; a full bucket saves nothing.
        self.counted =
            if self.tokens == self.burst { now } else { self.counted.plus(Micros(earned.saturating_mul(self.period))) };
    }

    /// Takes a token, or says how long until there is one.
    pub(crate) fn take(&mut self, now: Timestamp) -> Result<(), Micros> {
        self.earn(now);
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                Ok(())
            }
            None => Err(Micros(self.period.saturating_sub(now.since(self.counted).0))),
        }
    }

    /// How many are used up now, and of how many.
    pub(crate) fn used(&self, now: Timestamp) -> (u64, u64) {
        let mut then = self.clone();
        then.earn(now);
        (self.burst.saturating_sub(then.tokens), self.burst)
    }

    /// Time until one more is there.
    pub(crate) fn wait(&self, now: Timestamp) -> Micros {
        let mut then = self.clone();
        then.earn(now);
        if then.tokens == then.burst {
            Micros(0)
        } else {
            Micros(then.period.saturating_sub(now.since(then.counted).0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Never more than the burst and what time has brought, and the promised wait does.
        #[test]
        fn no_more_than_burst_and_rate(count in 1u64..20, burst in 1u64..10, gaps in prop::collection::vec(0u64..300_000, 1..200)) {
            let mut rate = Rate::new(count, Micros(1_000_000), burst);
            let (mut now, mut taken) = (Timestamp(1), 0u64);
            for gap in gaps {
                now = now.plus(Micros(gap));
                match rate.take(now) {
                    Ok(()) => taken += 1,
                    Err(wait) => prop_assert!(rate.clone().take(now.plus(wait)).is_ok()),
                }
                let most = burst + now.0 * count / 1_000_000 + 1;
                prop_assert!(taken <= most, "{taken} of {most}");
            }
        }
    }
}
