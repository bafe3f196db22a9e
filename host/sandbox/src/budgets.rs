//! Every limit of a plugin in one place. Times are CPU time of the plugin's own thread,
//! so that a busy machine does not punish it; a wall-clock bound stands behind them.

use std::time::Duration;

/// What one call may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallClass {
    /// `describe`.
    Describe,
    /// `init` and `restore`.
    Init,
    /// `on-events` with so many events.
    Events(usize),
    /// `save`.
    Save,
    /// `shutdown`.
    Shutdown,
}

/// Limits of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budgets {
    /// Largest file.
    pub file_bytes: usize,
    /// All linear memories together.
    pub memory_bytes: usize,
    /// All tables together.
    pub table_elements: usize,
    /// Core instances, memories and tables: languages that link libraries in need some dozens.
    pub parts: usize,
    /// CPU time of a call with events, before its events are counted.
    pub events_base: Duration,
    /// CPU time that each event adds.
    pub events_each: Duration,
    /// CPU time of `describe`, `init`, `restore` and `shutdown`.
    pub rare: Duration,
    /// CPU time of `save`.
    pub save: Duration,
    /// How much longer than its CPU time a call may take by the clock on the wall.
    pub wall_factor: u32,
    /// What a guest may make the host copy during a call with events.
    pub hostcall_bytes: usize,
    /// The same for `describe` and `save`.
    pub hostcall_bytes_rare: usize,
    /// State that `save` may return.
    pub saved_bytes: usize,
    /// Events of one call.
    pub batch: usize,
    /// Timers at a time.
    pub timers: usize,
    /// Bytes of a log line; the rest is cut.
    pub log_line: usize,
    /// Log lines a second, and at once.
    pub log_lines: (u64, u64),
    /// Keys of the store, and bytes of all its values.
    pub store: (usize, usize),
    /// Bytes of a value of the store.
    pub store_value: usize,
    /// Names of gauges and plots.
    pub metrics: usize,
    /// Faults within ten minutes that end in quarantine.
    pub strikes: usize,
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets {
            file_bytes: 32 << 20,
            memory_bytes: 64 << 20,
            table_elements: 100_000,
            parts: 64,
            events_base: Duration::from_millis(10),
            events_each: Duration::from_micros(100),
            rare: Duration::from_secs(2),
            save: Duration::from_millis(200),
            wall_factor: 20,
            hostcall_bytes: 64 << 10,
            hostcall_bytes_rare: 2 << 20,
            saved_bytes: 1 << 20,
            batch: 1_024,
            timers: 64,
            log_line: 1_024,
            log_lines: (50, 200),
            store: (1_024, 1 << 20),
            store_value: 64 << 10,
            metrics: 64,
            strikes: 3,
        }
    }
}

impl Budgets {
    /// CPU time of a call.
    pub(crate) fn cpu(&self, class: CallClass) -> Duration {
        match class {
            CallClass::Describe | CallClass::Init | CallClass::Shutdown => self.rare,
            CallClass::Save => self.save,
            CallClass::Events(count) => {
                let each = self.events_each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
                self.events_base.saturating_add(each)
            }
        }
    }

    /// Bytes that the host copies for a call.
    pub(crate) fn hostcall(&self, class: CallClass) -> usize {
        match class {
            CallClass::Events(_) => self.hostcall_bytes,
            _ => self.hostcall_bytes_rare,
        }
    }
}
