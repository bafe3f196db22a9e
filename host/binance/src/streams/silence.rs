//! A stream that stopped without a word: the connection lives, the venue answers pings, but
//! one stream says nothing more. What is usual is learned from the stream itself, so that a
//! quiet symbol is no alarm.

use ringfence_model::{Micros, Timestamp};

/// No stream is suspected before.
const FLOOR: Micros = Micros::from_secs(60);
/// One that never said anything may be a quiet symbol.
const FIRST: Micros = Micros::from_secs(300);
/// How much longer than the longest pause so far.
const FACTOR: u64 = 4;
/// Longest patience; even the quietest stream is looked after now and then.
const LONGEST: Micros = Micros::from_secs(4 * 3_600);

/// One stream's pauses.
#[derive(Debug, Clone, Copy)]
pub struct Silence {
    since: Timestamp,
    said_anything: bool,
    /// The longest pause; forgotten slowly, so that a night does not make the day deaf.
    longest: Micros,
    /// How often it was suspected since its last word: patience doubles.
    suspected: u32,
    /// Silence means nothing.
    is_rare: bool,
}

impl Silence {
    /// A stream that has just begun.
    pub const fn new(now: Timestamp) -> Self {
        Silence { since: now, said_anything: false, longest: Micros(0), suspected: 0, is_rare: false }
    }

    /// One whose messages may be days apart: it is never suspected.
    pub const fn rare(now: Timestamp) -> Self {
        Silence { is_rare: true, ..Silence::new(now) }
    }

    /// It said something.
    pub fn heard(&mut self, now: Timestamp) {
        let pause = now.since(self.since);
        if self.said_anything {
            let forgotten = self.longest.0.saturating_sub(self.longest.0 / 1_024);
            self.longest = Micros(forgotten.max(pause.0));
        }
        self.said_anything = true;
        self.since = now;
        self.suspected = 0;
    }

    /// The connection begins anew; what is usual is still known.
    pub fn restart(&mut self, now: Timestamp) {
        self.since = now;
    }

    /// When it becomes suspect.
    pub fn suspect_at(&self) -> Timestamp {
        if self.is_rare {
            return Timestamp(u64::MAX);
        }
        let usual = if self.said_anything { FLOOR.0.max(self.longest.0.saturating_mul(FACTOR)) } else { FIRST.0 };
        let patience = usual.saturating_mul(1 << self.suspected.min(16)).min(LONGEST.0);
        self.since.plus(Micros(patience))
    }

    /// It was suspected, and something is done about it.
    pub fn suspect(&mut self) {
        self.suspected = self.suspected.saturating_add(1);
    }

    /// Whether more than one suspicion has had no effect.
    pub const fn is_dead(&self) -> bool {
        self.suspected >= 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn what_is_usual_is_learned() {
        let mut busy = Silence::new(Timestamp(0));
        let mut quiet = busy;
        for beat in 1..=100 {
            busy.heard(Timestamp(beat * SECOND / 10));
            quiet.heard(Timestamp(beat * 90 * SECOND));
        }
        assert_eq!(busy.suspect_at(), Timestamp(10 * SECOND + 60 * SECOND));
        let after = quiet.suspect_at().since(Timestamp(9_000 * SECOND));
        assert!(after.0 >= 350 * SECOND, "{after:?}");
    }

    #[test]
    fn a_rare_stream_is_never_suspected() {
        let mut rare = Silence::rare(Timestamp(0));
        rare.heard(Timestamp(SECOND));
        rare.restart(Timestamp(9 * SECOND));
        assert_eq!(rare.suspect_at(), Timestamp(u64::MAX));
    }

    #[test]
    fn patience_grows_and_a_word_ends_suspicion() {
        let mut silence = Silence::new(Timestamp(0));
        assert_eq!(silence.suspect_at(), Timestamp(300 * SECOND));
        silence.suspect();
        assert_eq!(silence.suspect_at(), Timestamp(600 * SECOND));
        assert!(!silence.is_dead());
        for _ in 0..40 {
            silence.suspect();
        }
        assert!(silence.is_dead());
        assert_eq!(silence.suspect_at(), Timestamp(LONGEST.0));
        silence.heard(Timestamp(SECOND));
        assert_eq!(silence.suspect_at(), Timestamp(61 * SECOND));
    }
}
