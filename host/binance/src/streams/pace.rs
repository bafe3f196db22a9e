//! So many things in so much time, wherever the time begins.

use std::collections::VecDeque;

use ringfence_model::{Micros, Timestamp};

/// Remembers when things were done, so that never more than `most` fall into any span of `within`.
#[derive(Debug, Clone)]
pub struct Pace {
    most: usize,
    within: Micros,
    done: VecDeque<Timestamp>,
}

impl Pace {
    /// Nothing was done yet.
    pub const fn new(most: usize, within: Micros) -> Self {
        Pace { most, within, done: VecDeque::new() }
    }

    /// How long until one more may be done; zero if it may be done now.
    pub fn wait(&self, now: Timestamp) -> Micros {
        match self.most.checked_sub(1) {
            None => Micros::MAX,
            // The one that must have left the span before another may enter it.
            Some(keep) => match self.done.len().checked_sub(self.most) {
                None => Micros(0),
                Some(_) => self
                    .done
                    .get(self.done.len().saturating_sub(keep.saturating_add(1)))
                    .map_or(Micros(0), |oldest| oldest.plus(self.within).since(now)),
            },
        }
    }

    /// One was done.
    pub fn count(&mut self, now: Timestamp) {
        if self.done.len() >= self.most {
            self.done.pop_front();
        }
        self.done.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However the requests fall, no span holds more than it may, and none is refused without need.
        #[test]
        fn no_span_holds_too_much(gaps in prop::collection::vec(0u64..700_000, 1..80), most in 1usize..6) {
            let mut pace = Pace::new(most, Micros::from_secs(1));
            let mut done: Vec<u64> = Vec::new();
            let mut now = 5_000_000;
            for gap in gaps {
                now += gap;
                let recent = done.iter().filter(|then| **then + 1_000_000 > now).count();
                let wait = pace.wait(Timestamp(now));
                prop_assert_eq!(wait.0 == 0, recent < most);
                if wait.0 == 0 {
                    pace.count(Timestamp(now));
                    done.push(now);
                } else {
                    prop_assert_eq!(pace.wait(Timestamp(now).plus(wait)).0, 0);
                }
            }
        }
    }
}
