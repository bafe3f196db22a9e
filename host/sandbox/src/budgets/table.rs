//! The list of budgets: key, unit, range, reason, and what happens beyond. A limit without
//! a reason is a bug.

use std::fmt::Write as _;
use std::time::Duration;

use super::Budgets;

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unit {
    Bytes,
    Count,
    Micros,
    Percent,
}

impl Unit {
    /// A value for people.
    pub fn text(self, value: u64) -> String {
        let whole = |unit: u64| value.is_multiple_of(unit) && value > 0;
        match self {
            Unit::Bytes if whole(1 << 20) => format!("{} MiB", value >> 20),
            Unit::Bytes if whole(1 << 10) => format!("{} KiB", value >> 10),
            Unit::Bytes => format!("{value} B"),
            Unit::Count => value.to_string(),
            Unit::Micros if whole(1_000_000) => format!("{} s", value / 1_000_000),
            Unit::Micros if whole(1_000) => format!("{} ms", value / 1_000),
            Unit::Micros => format!("{value} µs"),
            Unit::Percent => format!("{value} %"),
        }
    }
}

/// One budget.
#[derive(Debug)]
pub struct Budget {
    /// Its key in `[plugins.NAME.budgets]`; `_us` are microseconds.
    pub key: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Least and largest value that an operator may set.
    pub range: (u64, u64),
    /// Why there is such a limit.
    pub reason: &'static str,
    /// What happens beyond it.
    pub beyond: &'static str,
    get: fn(&Budgets) -> u64,
    set: fn(&mut Budgets, u64),
}

impl Budget {
    /// Its value.
    pub fn value(&self, of: &Budgets) -> u64 {
        (self.get)(of)
    }

    /// Sets it; a value outside of the range becomes the nearest that is allowed.
    pub fn set(&self, of: &mut Budgets, value: u64) {
        (self.set)(of, value.clamp(self.range.0, self.range.1));
    }

    /// The budget of a key.
    pub fn find(key: &str) -> Option<&'static Budget> {
        TABLE.iter().find(|budget| budget.key == key)
    }
}

fn to(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn from(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

macro_rules! budget {
    ($key:literal, $unit:ident, $range:expr, $get:expr, $set:expr, $reason:literal, $beyond:literal) => {
        Budget { key: $key, unit: Unit::$unit, range: $range, reason: $reason, beyond: $beyond, get: $get, set: $set }
    };
}

macro_rules! soft {
    ($key:literal, $most:literal, $field:ident, $reason:literal) => {
        budget!(
            $key,
            Micros,
            (1, $most),
            |b| micros(b.$field.soft),
            |b, v| b.$field.soft = Duration::from_micros(v),
            $reason,
            "a warning, and a quarter of a strike (one in ten seconds at most)"
        )
    };
}

macro_rules! hard {
    ($key:literal, $most:literal, $field:ident, $reason:literal) => {
        budget!(
            $key,
            Micros,
            (10, $most),
            |b| micros(b.$field.hard),
            |b, v| b.$field.hard = Duration::from_micros(v),
            $reason,
            "the call is ended: a fault, and a strike"
        )
    };
}

macro_rules! time {
    ($key:literal, $range:expr, $field:ident, $reason:literal, $beyond:literal) => {
        budget!(
            $key,
            Micros,
            $range,
            |b| micros(b.$field),
            |b, v| b.$field = Duration::from_micros(v),
            $reason,
            $beyond
        )
    };
}

macro_rules! size {
    ($key:literal, $unit:ident, $range:expr, $field:ident, $reason:literal, $beyond:literal) => {
        budget!($key, $unit, $range, |b| to(b.$field), |b, v| b.$field = from(v), $reason, $beyond)
    };
}

macro_rules! count {
    ($key:literal, $unit:ident, $range:expr, $field:ident, $reason:literal, $beyond:literal) => {
        budget!($key, $unit, $range, |b| u64::from(b.$field), |b, v| b.$field = small(v), $reason, $beyond)
    };
}

/// Every budget of the sandbox, in the order in which they are shown.
pub static TABLE: &[Budget] = &[
    soft!(
        "market_soft_us",
        100_000,
        market,
        "a market event is stale long before that; an interpreter takes a quarter of a millisecond for one, and collects garbage now and then"
    ),
    hard!(
        "market_hard_us",
        100_000,
        market,
        "neighbours on the same worker wait for it, once: a slow plugin gets fewer events a call, and its own worker"
    ),
    soft!("order_soft_us", 100_000, order, "an answer to a fill is worth less with each millisecond"),
    hard!("order_hard_us", 100_000, order, "neighbours on the same worker wait for it"),
    soft!("timer_soft_us", 200_000, timer, "timers, history and the start are rarer, and larger"),
    hard!("timer_hard_us", 200_000, timer, "neighbours on the same worker wait for it"),
    soft!("event_soft_us", 10_000, each, "what each event of a batch adds to its call's soft bound"),
    hard!("event_hard_us", 10_000, each, "what each event of a batch adds to its call's hard bound"),
    time!(
        "events_most_us",
        (1_000, 500_000),
        events_most,
        "a large batch is no leave to hold a worker",
        "the hard bound of a call grows no further"
    ),
    soft!("describe_soft_us", 5_000_000, describe, "asked once per file; interpreters start in it"),
    hard!("describe_hard_us", 5_000_000, describe, "an admission must end"),
    soft!(
        "init_soft_us",
        5_000_000,
        init,
        "`init` and `restore` stand between two generations; interpreters start in the first"
    ),
    hard!("init_hard_us", 5_000_000, init, "`init` and `restore` stand between two generations"),
    soft!("save_soft_us", 1_000_000, save, "taken between two events, every ten seconds"),
    hard!("save_hard_us", 1_000_000, save, "taken between two events, every ten seconds"),
    soft!("shutdown_soft_us", 2_000_000, shutdown, "a last word, not a last work"),
    hard!("shutdown_hard_us", 2_000_000, shutdown, "a last word, not a last work"),
    count!(
        "wall_factor",
        Count,
        (2, 1_000),
        wall_factor,
        "CPU time alone would let a guest that never runs live for ever",
        "the call is ended as if its CPU time were used up"
    ),
    count!(
        "share_percent",
        Percent,
        (1, 100),
        share_percent,
        "4.9 ms on every event passes each call's bound and still eats a core",
        "market data is conflated to the newest until the share is paid back; orders and timers are served"
    ),
    count!(
        "share_strike_percent",
        Percent,
        (2, 100),
        share_strike_percent,
        "conflation did not help",
        "after ten seconds above it: a strike; the plugin moves to the worker for the slow"
    ),
    time!(
        "turn_us",
        (100, 50_000),
        turn,
        "neighbours wait for one call at most",
        "the next call gets fewer events, one at least"
    ),
    size!("batch", Count, (1, 4_096), batch, "events of one call", "the rest waits for the next call"),
    size!(
        "queue",
        Count,
        (16, 65_536),
        queue,
        "a slow plugin must not cost the host its memory; so many are 80 ms of 100,000 events a second, more than any call takes",
        "quotes, books, tickers: only the newest is kept; trades and depth: counted, told as a gap; orders, fills and timers always find room"
    ),
    size!(
        "memory_bytes",
        Bytes,
        (1 << 20, 512 << 20),
        memory_bytes,
        "summed over all memories of an instance; Python needs 13 MiB; also bounds one `memory.copy`, which can't be interrupted: 1.5 ms",
        "`memory.grow` answers -1; at instantiation: a fault"
    ),
    size!(
        "table_elements",
        Count,
        (100, 1_000_000),
        table_elements,
        "an element costs the host eight bytes; Python has 5,840",
        "`table.grow` answers -1; at instantiation: a fault"
    ),
    size!(
        "parts",
        Count,
        (1, 256),
        parts,
        "core instances, memories and tables, each; a language that links libraries in has some dozens",
        "the instance is not made"
    ),
    size!("handles", Count, (16, 4_096), handles, "a guest makes handles without the host running", "a fault"),
    size!(
        "hostcall_bytes",
        Bytes,
        (4 << 10, 1 << 20),
        hostcall_bytes,
        "a list of aliasing strings makes the host copy without end",
        "the call is ended: a fault"
    ),
    size!(
        "hostcall_bytes_rare",
        Bytes,
        (64 << 10, 4 << 20),
        hostcall_bytes_rare,
        "the same for `describe`, `init`, `save`, `restore`; a state of 1 MiB must cross",
        "the call is ended: a fault"
    ),
    size!("saved_bytes", Bytes, (0, 2 << 20), saved_bytes, "kept in memory and copied at each reload", "a fault"),
    count!(
        "commands",
        Count,
        (1, 4_096),
        commands,
        "a flood of one call must not fill the engine's inbox for the others",
        "further commands of the call are denied as `quota`"
    ),
    count!(
        "subscription_changes",
        Count,
        (1, 1_200),
        subscription_changes,
        "per minute; the venue counts them for the whole account",
        "denied as `quota` with the time to wait"
    ),
    size!("timers", Count, (0, 1_024), timers, "each costs memory and a call", "denied as `quota`"),
    time!(
        "timer_period_us",
        (1_000, 3_600_000_000),
        timer_period,
        "a storm of timers is a loop",
        "shorter periods become this, what was missed fires once; of timers that fire sooner, one a period is taken once `timers` of them were"
    ),
    size!("log_line", Bytes, (80, 8 << 10), log_line, "a line is for people", "the rest of the line is cut"),
    budget!(
        "log_lines_per_second",
        Count,
        (1, 1_000),
        |b| b.log_lines.0,
        |b, v| b.log_lines.0 = v,
        "the operator's disk and eyes",
        "lines are dropped, and how many is told"
    ),
    budget!(
        "log_lines_at_once",
        Count,
        (1, 4_000),
        |b| b.log_lines.1,
        |b, v| b.log_lines.1 = v,
        "a fault may need many lines to explain itself",
        "lines are dropped, and how many is told"
    ),
    budget!(
        "store_keys",
        Count,
        (0, 16_384),
        |b| to(b.store.0),
        |b, v| b.store.0 = from(v),
        "many tiny keys cost more than their bytes",
        "`set` answers `store-full`"
    ),
    budget!(
        "store_bytes",
        Bytes,
        (0, 16 << 20),
        |b| to(b.store.1),
        |b, v| b.store.1 = from(v),
        "all values together",
        "`set` answers `store-full`"
    ),
    size!("store_value", Bytes, (0, 1 << 20), store_value, "one value", "`set` answers `value-too-large`"),
    size!("metrics", Count, (0, 1_024), metrics, "names of gauges and plots", "new names are ignored"),
    count!(
        "strikes",
        Count,
        (1, 100),
        strikes,
        "faults within ten minutes; they belong to the name, not to the file",
        "quarantine, until an operator resumes it or another file comes"
    ),
    size!(
        "probation",
        Count,
        (0, 4_096),
        probation,
        "events that a new generation handles before the old one is let go",
        "a fault within them brings the old generation back; after them it is a fault like any other"
    ),
    count!(
        "reloads_per_minute",
        Count,
        (1, 60),
        reloads,
        "a script that touches the file all the time would reload all the time",
        "the newest file waits until there is room"
    ),
    size!(
        "file_bytes",
        Bytes,
        (64 << 10, 64 << 20),
        file_bytes,
        "everything is read before anything is looked at; a Python plugin has 18 MB",
        "the file is refused"
    ),
];

/// The table with its defaults, in Markdown.
pub fn markdown() -> String {
    let defaults = Budgets::default();
    let mut text = "| key | default | range | why | beyond it |\n|--|--|--|--|--|\n".to_owned();
    for budget in TABLE {
        let say = |value| budget.unit.text(value);
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} to {} | {} | {} |",
            budget.key,
            say(budget.value(&defaults)),
            say(budget.range.0),
            say(budget.range.1),
            budget.reason,
            budget.beyond
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row reads and writes its own field, and no default is outside of its range.
    #[test]
    fn rows_say_what_they_set() {
        for budget in TABLE {
            let mut budgets = Budgets::default();
            let value = budget.value(&budgets);
            assert!((budget.range.0..=budget.range.1).contains(&value), "{}: {value}", budget.key);
            let other = if value == budget.range.1 { budget.range.0 } else { budget.range.1 };
            budget.set(&mut budgets, other);
            assert_eq!(budget.value(&budgets), other, "{}", budget.key);
            for untouched in TABLE.iter().filter(|one| one.key != budget.key) {
                assert_eq!(untouched.value(&budgets), untouched.value(&Budgets::default()), "{}", untouched.key);
            }
            budget.set(&mut budgets, u64::MAX);
            assert_eq!(budget.value(&budgets), budget.range.1, "hard maxima hold");
            assert_eq!(TABLE.iter().filter(|one| one.key == budget.key).count(), 1);
        }
    }
}
