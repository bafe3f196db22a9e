//! The unit in which answers and events write times: milliseconds, or microseconds if the
//! client asked for them (`X-MBX-TIME-UNIT`, `timeUnit`).

use ringfence_model::Timestamp;

/// The unit of times in answers, events and stream messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TimeUnit {
    /// The venue's default.
    #[default]
    Milliseconds,
    /// `MICROSECOND`.
    Microseconds,
}

impl TimeUnit {
    /// Both units.
    pub(crate) const ALL: [TimeUnit; 2] = [TimeUnit::Milliseconds, TimeUnit::Microseconds];

    /// Reads the venue's word; `None` for any other.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "MILLISECOND" | "millisecond" => Some(TimeUnit::Milliseconds),
            "MICROSECOND" | "microsecond" => Some(TimeUnit::Microseconds),
            _ => None,
        }
    }

    /// A time as the answer writes it.
    pub const fn write(self, time: Timestamp) -> u64 {
        match self {
            TimeUnit::Milliseconds => time.as_millis(),
            TimeUnit::Microseconds => time.0,
        }
    }

    /// A time in milliseconds as the answer writes it.
    pub(crate) const fn of_millis(self, millis: u64) -> u64 {
        match self {
            TimeUnit::Milliseconds => millis,
            TimeUnit::Microseconds => millis.saturating_mul(1_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(TimeUnit::read("MICROSECOND"), Some(TimeUnit::Microseconds));
        assert_eq!(TimeUnit::read("microsecond"), Some(TimeUnit::Microseconds));
        assert_eq!(TimeUnit::read("Microsecond"), None);
    }
}
