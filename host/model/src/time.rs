//! Event time. No clock is read here: `now` is always handed in.

use std::fmt;

/// Microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub u64);

/// A length of time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Micros(pub u64);

impl Micros {
    /// Longer than any session.
    pub const MAX: Micros = Micros(u64::MAX);

    /// From whole milliseconds; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Micros(millis.saturating_mul(1_000))
    }

    /// From whole seconds; saturates.
    pub const fn from_secs(secs: u64) -> Self {
        Micros(secs.saturating_mul(1_000_000))
    }
}

impl Timestamp {
    /// From a venue time in milliseconds; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Timestamp(millis.saturating_mul(1_000))
    }

    /// Whole milliseconds, rounded down, as the venue wants them.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// This much later; saturates.
    pub const fn plus(self, length: Micros) -> Self {
        Timestamp(self.0.saturating_add(length.0))
    }

    /// How long after `earlier`; zero if it is before.
    pub const fn since(self, earlier: Timestamp) -> Micros {
        Micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}µs", self.0)
    }
}
