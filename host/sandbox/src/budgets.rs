//! Every limit of a plugin in one place. Times are CPU time of the plugin's own thread,
//! so that a busy machine does not punish it; a wall-clock bound stands behind them.
//!
//! [`TABLE`] is the one list of them: the configuration's keys, their ranges, the document
//! `BUDGETS.md` and what the operator is shown are all read from it.

mod table;
mod used;

use std::time::Duration;

pub use table::{Budget, TABLE, Unit, markdown};
pub use used::BudgetState;
pub(crate) use used::{Load, states};

/// What the events of a call are, by the dearest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventsKind {
    /// Market data only.
    Market,
    /// Led by an order's change or a fill.
    Order,
    /// With a timer, history, or the start of a generation among them.
    Timer,
}

/// What one call may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallClass {
    /// `describe`.
    Describe,
    /// `init` and `restore`.
    Init,
    /// `on-events` with so many events.
    Events(EventsKind, usize),
    /// `save`.
    Save,
    /// `shutdown`.
    Shutdown,
}

/// CPU time of a call: beyond `soft` it is told and counts a quarter of a strike, at
/// `hard` it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "said above")]
pub struct CallTime {
    pub soft: Duration,
    pub hard: Duration,
}

impl CallTime {
    const fn micros(soft: u64, hard: u64) -> Self {
        CallTime { soft: Duration::from_micros(soft), hard: Duration::from_micros(hard) }
    }

    fn plus(self, each: CallTime, count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        CallTime {
            soft: self.soft.saturating_add(each.soft.saturating_mul(count)),
            hard: self.hard.saturating_add(each.hard.saturating_mul(count)),
        }
    }
}

/// Limits of one plugin. What each is for, and what happens beyond it, stands in [`TABLE`].
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
    /// Resource handles of a guest.
    pub handles: usize,
    /// A call with market data, before its events are counted.
    pub market: CallTime,
    /// What each event adds.
    pub each: CallTime,
    /// A call led by an order's change or a fill.
    pub order: CallTime,
    /// A call with a timer, history or the start among its events.
    pub timer: CallTime,
    /// The most that a call with events may take, however many there are.
    pub events_most: Duration,
    /// `describe`.
    pub describe: CallTime,
    /// `init` and `restore`.
    pub init: CallTime,
    /// `save`.
    pub save: CallTime,
    /// `shutdown`.
    pub shutdown: CallTime,
    /// How much longer than its CPU time a call may take by the clock on the wall.
    pub wall_factor: u32,
    /// Share of one core over a second, in percent, above which market data is conflated.
    pub share_percent: u32,
    /// Share of one core, in percent, that is a strike when it lasts for ten seconds.
    pub share_strike_percent: u32,
    /// What a guest may make the host copy during a call with events.
    pub hostcall_bytes: usize,
    /// The same for `describe` and `save`.
    pub hostcall_bytes_rare: usize,
    /// State that `save` may return.
    pub saved_bytes: usize,
    /// Events of one call.
    pub batch: usize,
    /// How long a call should take; what is slower gets fewer events a call.
    pub turn: Duration,
    /// Market events that may wait.
    pub queue: usize,
    /// Commands (orders, cancels, subscriptions, requests, timers) of one call.
    pub commands: u32,
    /// Changes of subscriptions within a minute.
    pub subscription_changes: u32,
    /// Timers at a time.
    pub timers: usize,
    /// Shortest period of an interval.
    pub timer_period: Duration,
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
    pub strikes: u32,
    /// Events that a new generation handles before the old one is let go.
    pub probation: usize,
    /// Reloads within a minute.
    pub reloads: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets {
            file_bytes: 32 << 20,
            memory_bytes: 32 << 20,
            table_elements: 20_000,
            parts: 64,
            handles: 256,
            market: CallTime::micros(2_000, 10_000),
            each: CallTime::micros(50, 100),
            order: CallTime::micros(2_000, 10_000),
            timer: CallTime::micros(4_000, 20_000),
            events_most: Duration::from_millis(50),
            describe: CallTime::micros(200_000, 2_000_000),
            init: CallTime::micros(200_000, 2_000_000),
            save: CallTime::micros(20_000, 200_000),
            shutdown: CallTime::micros(100_000, 1_000_000),
            wall_factor: 20,
            share_percent: 20,
            share_strike_percent: 50,
            hostcall_bytes: 64 << 10,
            hostcall_bytes_rare: 2 << 20,
            saved_bytes: 1 << 20,
            batch: 1_024,
            turn: Duration::from_millis(2),
            queue: 8_192,
            commands: 256,
            subscription_changes: 120,
            timers: 64,
            timer_period: Duration::from_millis(10),
            log_line: 1_024,
            log_lines: (50, 200),
            store: (1_024, 1 << 20),
            store_value: 64 << 10,
            metrics: 64,
            strikes: 3,
            probation: 256,
            reloads: 6,
        }
    }
}

impl Budgets {
    /// CPU time of a call.
    pub(crate) fn time(&self, class: CallClass) -> CallTime {
        match class {
            CallClass::Describe => self.describe,
            CallClass::Init => self.init,
            CallClass::Shutdown => self.shutdown,
            CallClass::Save => self.save,
            CallClass::Events(kind, count) => {
                let base = match kind {
                    EventsKind::Market => self.market,
                    EventsKind::Order => self.order,
                    EventsKind::Timer => self.timer,
                };
                let time = base.plus(self.each, count);
                // Never below what one event may take.
                let most = self.events_most.max(base.hard);
                CallTime { soft: time.soft.min(most), hard: time.hard.min(most) }
            }
        }
    }

    /// Bytes that the host copies for a call.
    pub(crate) fn hostcall(&self, class: CallClass) -> usize {
        match class {
            CallClass::Events(..) => self.hostcall_bytes,
            _ => self.hostcall_bytes_rare,
        }
    }
}
