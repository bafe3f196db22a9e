//! What stands behind the imports: the seat's own things while a guest runs, the budget
//! of the call, and the sum of its memories.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_model::denial::{OrderField, QuotaKind, QuotaState};
use ringfence_model::desk::Desk;
use ringfence_model::{Decimal, Denial, Event, Micros, Seq, Timestamp};
use wasmtime::ResourceLimiter;

use crate::budgets::{Budgets, Load};
use crate::rate::Rate;
use crate::sandbox::BEAT;
use crate::text::escaped;
use crate::timers::Timers;

/// How loud a plugin's log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// Most commands of one comparison that are kept between two looks.
const MOST_ASKED: usize = 16_384;

/// The data of a guest's store.
pub(crate) struct Host {
    /// Absent while a plugin is only asked what it is.
    pub(crate) post: Option<Box<Post>>,
    pub(crate) entry: Entry,
    pub(crate) memory: Memory,
    /// Seed of the virtual WASI's random numbers.
    pub(crate) random: u64,
}

/// What belongs to the seat and is lent to the running guest.
pub(crate) struct Post {
    pub(crate) desk: Box<dyn Desk>,
    pub(crate) timers: Timers,
    pub(crate) store: KeyValueStore,
    pub(crate) log: Log,
    pub(crate) metrics: Metrics,
    /// Changes of subscriptions, which the venue counts for the whole account.
    pub(crate) feeds: Rate,
    /// Events of the current call; commands are allowed only while there is one.
    pub(crate) call: Option<Call>,
    /// Event time.
    pub(crate) now: Timestamp,
    /// What the seat knows of itself, for whoever asks what is left of the budgets.
    pub(crate) load: Load,
    /// What was asked of the desk, while two generations are compared.
    pub(crate) asked: Option<Vec<(Seq, String)>>,
}

/// The events that a guest is handling.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) events: Vec<Event>,
    /// How many of them the desk has booked.
    pub(crate) applied: usize,
    /// How many of them it had booked before the guest was called.
    pub(crate) booked: usize,
    /// Commands that the call may still give.
    pub(crate) commands: u32,
    /// The past is told again, to a generation that comes back: it may not trade on it.
    pub(crate) past: bool,
}

impl Post {
    /// Books events up to and including the one at `index`.
    pub(crate) fn apply_through(&mut self, index: usize) {
        let Some(call) = &mut self.call else { return };
        while call.applied <= index {
            let Some(event) = call.events.get(call.applied) else { return };
            // What follows from account events was told when the batch was made.
            drop(self.desk.apply(event));
            self.now = self.now.max(event.ts);
            call.applied = call.applied.saturating_add(1);
        }
    }

    /// The place of an event in the current call.
    fn index_of(&self, seq: Seq) -> Result<usize, Denial> {
        let call = self.call.as_ref().ok_or(Denial::NotNow)?;
        let invalid = Denial::InvalidField(OrderField::Cause);
        let first = call.events.first().map_or(0, |event| event.seq);
        let index = seq.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        index.filter(|index| *index < call.events.len()).ok_or(invalid)
    }

    /// Event time of a command's cause; the desk has seen everything up to it. Counts the command.
    pub(crate) fn at_cause(&mut self, cause: Seq, limit: u32) -> Result<Timestamp, Denial> {
        let index = self.index_of(cause)?;
        self.apply_through(index);
        let call = self.call.as_mut().ok_or(Denial::NotNow)?;
        let Some(left) = call.commands.checked_sub(1) else {
            let limit = u64::from(limit);
            return Err(Denial::Quota { kind: QuotaKind::OrdersPerSecond, limit, retry_after: Micros(0) });
        };
        call.commands = left;
        Ok(self.now)
    }

    /// Whether the guest may trade now.
    pub(crate) fn may_trade(&self) -> Result<(), Denial> {
        match &self.call {
            Some(call) if !call.past => Ok(()),
            _ => Err(Denial::NotNow),
        }
    }

    /// A change of subscriptions; the venue's streams are shared, so flapping is bounded.
    pub(crate) fn change_feeds(&mut self, budgets: &Budgets) -> Result<(), Denial> {
        self.feeds.take(self.now).map_err(|retry_after| Denial::Quota {
            kind: QuotaKind::Subscriptions,
            limit: u64::from(budgets.subscription_changes),
            retry_after,
        })
    }

    /// Notes what was asked, while somebody compares.
    pub(crate) fn note(&mut self, cause: Seq, what: impl FnOnce() -> String) {
        if let Some(asked) = &mut self.asked
            && asked.len() < MOST_ASKED
        {
            asked.push((cause, what()));
        }
    }

    /// What the host itself counts; the desk counts the rest.
    pub(crate) fn quotas(&self, budgets: &Budgets) -> Vec<QuotaState> {
        let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let stock = |kind, limit: usize, used: usize| QuotaState {
            kind,
            limit: count(limit),
            used: count(used),
            resets_in: Micros(0),
        };
        let (lines, at_once) = self.log.used(self.now);
        let line = count(budgets.log_line);
        vec![
            stock(QuotaKind::Timers, budgets.timers, self.timers.len()),
            QuotaState {
                kind: QuotaKind::LogBytes,
                limit: at_once.saturating_mul(line),
                used: lines.saturating_mul(line),
                resets_in: self.log.rate.wait(self.now),
            },
            stock(QuotaKind::StateBytes, budgets.store.1, self.store.bytes()),
            stock(QuotaKind::Metrics, budgets.metrics, self.metrics.len()),
        ]
    }

    /// Lets the desk see everything up to an event, as far as there is one.
    pub(crate) fn as_of(&mut self, seq: Seq) {
        if let Ok(index) = self.index_of(seq) {
            self.apply_through(index);
        }
    }
}

/// The budget of the running call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    started: Instant,
    /// CPU time of the thread when the call began. Asked for on the first beat only: most
    /// calls end before it, and asking costs as much as a call.
    cpu_start: Option<Duration>,
    cpu: Duration,
    wall: Duration,
}

/// CPU time that this thread has used.
fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Entry {
    pub(crate) fn new(cpu: Duration, wall_factor: u32) -> Self {
        Entry { started: Instant::now(), cpu_start: None, cpu, wall: cpu.saturating_mul(wall_factor) }
    }

    /// Looked at on each beat while a guest runs.
    pub(crate) fn is_over(&mut self) -> bool {
        let (cpu, wall) = (thread_cpu(), self.started.elapsed());
        // The first beat comes within one beat of the start; what is longer was another thread's time.
        let start = *self.cpu_start.get_or_insert_with(|| cpu.saturating_sub(wall.min(BEAT)));
        cpu.saturating_sub(start) >= self.cpu || wall >= self.wall
    }

    /// CPU time of the call until now.
    pub(crate) fn used(&self) -> Duration {
        match self.cpu_start {
            Some(start) => thread_cpu().saturating_sub(start),
            None => self.started.elapsed().min(BEAT),
        }
    }
}

/// Sums all memories and tables of an instance: a limit for each alone would double with each.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    bytes: usize,
    bytes_limit: usize,
    elements: usize,
    elements_limit: usize,
    parts: usize,
}

impl Memory {
    pub(crate) fn new(budgets: &Budgets) -> Self {
        Memory {
            bytes: 0,
            bytes_limit: budgets.memory_bytes,
            elements: 0,
            elements_limit: budgets.table_elements,
            parts: budgets.parts,
        }
    }
}

impl Memory {
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Elements of all tables.
    pub(crate) const fn elements(&self) -> usize {
        self.elements
    }
}

fn grow(used: &mut usize, limit: usize, current: usize, desired: usize) -> bool {
    let Some(sum) = desired.checked_sub(current).and_then(|more| used.checked_add(more)) else { return false };
    if sum > limit {
        return false;
    }
    *used = sum;
    true
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.bytes, self.bytes_limit, current, desired))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.elements, self.elements_limit, current, desired))
    }

    fn instances(&self) -> usize {
        self.parts
    }

    fn tables(&self) -> usize {
        self.parts
    }

    fn memories(&self) -> usize {
        self.parts
    }
}

/// Why the store refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreError {
    KeyTooLong,
    InvalidKey,
    ValueTooLarge,
    Full,
}

/// A small key-value store that outlives the instance. A copy costs nothing until one of
/// the two is written.
#[derive(Debug, Default, Clone)]
pub(crate) struct KeyValueStore {
    values: Arc<BTreeMap<String, Arc<[u8]>>>,
    bytes: usize,
}

impl KeyValueStore {
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.values.get(key).map(|value| value.to_vec())
    }

    pub(crate) fn set(&mut self, key: String, value: Vec<u8>, budgets: &Budgets) -> Result<(), StoreError> {
        if key.len() > 256 {
            return Err(StoreError::KeyTooLong);
        }
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte)) {
            return Err(StoreError::InvalidKey);
        }
        if value.len() > budgets.store_value {
            return Err(StoreError::ValueTooLarge);
        }
        let (keys, bytes) = budgets.store;
        let old = self.values.get(&key).map(|value| value.len());
        let sum = self.bytes.saturating_sub(old.unwrap_or(0)).saturating_add(value.len());
        if sum > bytes || (old.is_none() && self.values.len() >= keys) {
            return Err(StoreError::Full);
        }
        self.bytes = sum;
        Arc::make_mut(&mut self.values).insert(key, value.into());
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: &str) {
        if let Some(value) = Arc::make_mut(&mut self.values).remove(key) {
            self.bytes = self.bytes.saturating_sub(value.len());
        }
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.values.keys().cloned().collect()
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Bytes of all values.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Lines of a plugin, within its budget.
#[derive(Debug)]
pub(crate) struct Log {
    lines: Vec<(LogLevel, String)>,
    rate: Rate,
    dropped: u64,
    /// Lines stay as they were written: a test shows what escaping is for.
    raw: bool,
}

impl Log {
    pub(crate) fn new(budgets: &Budgets, raw: bool) -> Self {
        let (rate, burst) = budgets.log_lines;
        Log { lines: Vec::new(), rate: Rate::new(rate, Micros::from_secs(1), burst), dropped: 0, raw }
    }

    pub(crate) fn write(&mut self, now: Timestamp, level: LogLevel, message: &str, budgets: &Budgets) {
        let waiting = u64::try_from(self.lines.len()).unwrap_or(u64::MAX);
        if waiting >= budgets.log_lines.1 || self.rate.take(now).is_err() {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let line = if self.raw { message.to_owned() } else { escaped(message, budgets.log_line) };
        self.lines.push((level, line));
    }

    /// Lines that count now, and how many may be at once.
    pub(crate) fn used(&self, now: Timestamp) -> (u64, u64) {
        self.rate.used(now)
    }

    /// A new budget.
    pub(crate) fn set_rate(&mut self, budgets: &Budgets) {
        let (rate, burst) = budgets.log_lines;
        self.rate = Rate::new(rate, Micros::from_secs(1), burst);
    }

    /// A line of the host about the plugin; never dropped.
    pub(crate) fn tell(&mut self, level: LogLevel, message: String) {
        self.lines.push((level, message));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Vec<(LogLevel, String)> {
        let mut lines = std::mem::take(&mut self.lines);
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            lines.push((LogLevel::Warn, format!("({dropped} more lines were dropped: the log's budget is used up)")));
        }
        lines
    }
}

/// Newest value of each gauge and plot.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    values: BTreeMap<String, Decimal>,
}

impl Metrics {
    /// Sets a value; names beyond the budget are ignored.
    pub(crate) fn set(&mut self, name: &str, value: Decimal, budgets: &Budgets) {
        if let Some(slot) = self.values.get_mut(name) {
            *slot = value;
            return;
        }
        if self.values.len() < budgets.metrics && (1..=64).contains(&name.len()) {
            self.values.insert(escaped(name, 64), value);
        }
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn values(&self) -> Vec<(String, Decimal)> {
        self.values.iter().map(|(name, value)| (name.clone(), *value)).collect()
    }
}

/// A period of event time.
pub(crate) const fn micros(length: u64) -> Micros {
    Micros(length)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed() {
        let mut memory = Memory::new(&Budgets { memory_bytes: 100, ..Budgets::default() });
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(!memory.memory_growing(0, 60, None).unwrap(), "a second memory counts with the first");
        assert!(memory.memory_growing(60, 100, None).unwrap());
        assert!(!memory.memory_growing(100, 101, None).unwrap());
    }

    #[test]
    fn the_store_is_bounded_by_name_size_and_sum() {
        let budgets = Budgets { store: (2, 10), store_value: 8, ..Budgets::default() };
        let mut store = KeyValueStore::default();
        store.set("a/b".into(), vec![0; 8], &budgets).unwrap();
        assert_eq!(store.set("c".into(), vec![0; 3], &budgets), Err(StoreError::Full));
        store.set("a/b".into(), vec![0; 2], &budgets).unwrap();
        store.set("c".into(), vec![0; 8], &budgets).unwrap();
        assert_eq!(store.set("d".into(), vec![], &budgets), Err(StoreError::Full));
        assert_eq!(store.set("c".into(), vec![0; 9], &budgets), Err(StoreError::ValueTooLarge));
        assert_eq!(store.set("ä".into(), vec![], &budgets), Err(StoreError::InvalidKey));
        assert_eq!(store.set("x".repeat(257), vec![], &budgets), Err(StoreError::KeyTooLong));
        store.delete("c");
        store.set("d".into(), vec![0; 8], &budgets).unwrap();
        assert_eq!(store.keys(), ["a/b", "d"]);
    }

    #[test]
    fn a_flood_of_lines_is_counted_and_dropped() {
        let budgets = Budgets { log_lines: (10, 20), log_line: 5, ..Budgets::default() };
        let mut log = Log::new(&budgets, false);
        for _ in 0..1_000 {
            log.write(Timestamp(1), LogLevel::Info, "abcdé\x1b[2J", &budgets);
        }
        let lines = log.take();
        assert_eq!(lines.len(), 21);
        assert_eq!(lines[0].1, "ab…");
        assert!(lines[20].1.contains("980 more"), "{:?}", lines[20]);
        log.write(Timestamp(300_001), LogLevel::Info, "x", &budgets);
        assert_eq!(log.take().len(), 1);
    }
}
