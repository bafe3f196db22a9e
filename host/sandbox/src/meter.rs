//! A plugin's share of one core over time. Pure; time is handed in.

use std::collections::VecDeque;
use std::time::Duration;

use crate::budgets::Budgets;

/// Slices of the second that is looked at.
const SLICES: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);
/// How long a share may stay above the strike's bound.
const LONG: u32 = 10;

/// What follows from a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Within its budget.
    Fair,
    /// Above it: market data is conflated until it has paid back.
    Conflate,
    /// Far above it for long: a strike.
    Strike,
}

/// CPU time over the last second, and over the last ten.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    /// Number of a slice, and CPU time within it; the last ten seconds.
    slices: VecDeque<(u64, Duration)>,
    last_second: Duration,
    /// Since when the share is above the strike's bound, in slices.
    above: Option<u64>,
    total: Duration,
}

fn slice(now: Duration) -> u64 {
    let within = now.subsec_millis() / (1_000 / SLICES);
    now.as_secs().saturating_mul(u64::from(SLICES)).saturating_add(u64::from(within))
}

fn percent_of(second: Duration) -> u32 {
    u32::try_from(second.as_millis() / (SECOND.as_millis() / 100)).unwrap_or(u32::MAX)
}

impl Meter {
    fn forget(&mut self, now: u64) {
        while self.slices.front().is_some_and(|(number, _)| number.saturating_add(u64::from(SLICES)) <= now) {
            if let Some((_, cpu)) = self.slices.pop_front() {
                self.last_second = self.last_second.saturating_sub(cpu);
            }
        }
    }

    /// CPU time was used; `now` is any clock that only goes forward.
    pub fn spend(&mut self, now: Duration, cpu: Duration) {
        let number = slice(now);
        self.forget(number);
        match self.slices.back_mut() {
            Some((last, sum)) if *last >= number => *sum = sum.saturating_add(cpu),
            _ => self.slices.push_back((number, cpu)),
        }
        self.last_second = self.last_second.saturating_add(cpu);
        self.total = self.total.saturating_add(cpu);
    }

    /// Percent of one core over the last second.
    pub fn percent(&mut self, now: Duration) -> u32 {
        self.forget(slice(now));
        percent_of(self.last_second)
    }

    /// The same for whoever only looks.
    pub fn percent_at(&self, now: Duration) -> u32 {
        let now = slice(now);
        let old = self.slices.iter().take_while(|(number, _)| number.saturating_add(u64::from(SLICES)) <= now);
        let left = old.fold(self.last_second, |left, (_, cpu)| left.saturating_sub(*cpu));
        percent_of(left)
    }

    /// All CPU time that was ever used.
    pub const fn total(&self) -> Duration {
        self.total
    }

    /// What the share comes to. A strike starts the ten seconds anew.
    pub fn verdict(&mut self, now: Duration, budgets: &Budgets) -> Share {
        let (percent, number) = (self.percent(now), slice(now));
        if percent > budgets.share_strike_percent {
            let since = *self.above.get_or_insert(number);
            if number.saturating_sub(since) >= u64::from(SLICES.saturating_mul(LONG)) {
                self.above = Some(number);
                return Share::Strike;
            }
        } else {
            self.above = None;
        }
        if percent > budgets.share_percent { Share::Conflate } else { Share::Fair }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_over_the_last_second() {
        let (mut meter, budgets) = (Meter::default(), Budgets::default());
        let at = Duration::from_millis;
        // 4.9 ms of every 10 ms.
        let mut strikes = 0;
        for step in 0..2_500u64 {
            meter.spend(at(step * 10), at(4) + Duration::from_micros(900));
            match meter.verdict(at(step * 10), &budgets) {
                Share::Fair => assert!(step < 50, "{step}"),
                Share::Conflate => assert!(step >= 40),
                Share::Strike => strikes += 1,
            }
        }
        assert_eq!(strikes, 0, "49 % is not above 50 %");
        assert_eq!(meter.percent(at(25_000)), 44, "the slice that has begun is short of what is to come");
        for later in (25_000..27_000).step_by(50) {
            assert_eq!(meter.percent_at(at(later)), meter.clone().percent(at(later)), "a look changes nothing");
        }
        assert_eq!(meter.verdict(at(27_000), &budgets), Share::Fair, "a rest pays back");
        for step in 2_700..5_000u64 {
            meter.spend(at(step * 10), at(9));
            strikes += u32::from(meter.verdict(at(step * 10), &budgets) == Share::Strike);
        }
        assert_eq!(strikes, 2, "one for each ten seconds");
    }
}
