//! The life of one configured name, as a pure state machine: which generation runs, which is
//! tried, what a fault comes to. It knows no guest and no clock: inputs and `now` go in,
//! actions come out, and the seat does them.
//!
//! ```text
//!              offer                made            probation over
//!   (file) ──▶ warming ──────────▶ running ◀─────────────────────── on trial
//!                 │ shadow first?     │  ▲                              │ fault, rollback
//!                 ▼                   │  └── the old one comes back ◀───┘
//!              shadow ── compared ──▶ │ fault
//!                                     ▼
//!              restarting ◀── strike ─┴─ too many ──▶ quarantined
//! ```
//!
//! Strikes and faults belong to the name: no file, generation or instance takes them away.
//! An operator's `resume` does.

use std::collections::VecDeque;
use std::fmt;

use ringfence_model::strategy::StopReason;
use ringfence_model::{Micros, Timestamp};

use crate::fault::FaultKind;

#[cfg(test)]
mod tests;

/// The time within which faults add up.
const STRIKES_WITHIN: Micros = Micros::from_secs(600);
/// Wait before the first restart; it doubles with each strike.
const RESTART_AFTER: Micros = Micros::from_secs(1);
const RESTART_LATEST: Micros = Micros::from_secs(60);
/// Whoever ran this long without a fault is healthy: the next restart waits shortest again.
const HEALTHY: Micros = Micros::from_secs(60);
/// A generation that had events for so long has stood its trial, however few they were.
const TRIAL: Micros = Micros::from_secs(60);
/// One quarter of a strike within this time.
const SOFT_EVERY: Micros = Micros::from_secs(10);
/// Quarters of a strike.
const WHOLE: u32 = 4;
/// Generations that are remembered.
const HISTORY: usize = 32;

/// Where a generation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationState {
    /// Its file is being admitted.
    Loading,
    /// Its instance is being made: `init`, `restore`.
    Warming,
    /// It gets live events, and its orders are compared, not sent.
    Shadow,
    /// It trades.
    Running,
    /// The next one is on trial; this one waits to come back or to be let go.
    Draining,
    /// It faulted too often.
    Quarantined,
    /// It is over, or never came to run.
    Stopped,
}

impl fmt::Display for GenerationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GenerationState::Loading => "loading",
            GenerationState::Warming => "warming",
            GenerationState::Shadow => "shadow",
            GenerationState::Running => "running",
            GenerationState::Draining => "draining",
            GenerationState::Quarantined => "quarantined",
            GenerationState::Stopped => "stopped",
        })
    }
}

/// One generation, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// 1 for the first, one more with each.
    pub number: u64,
    /// As its manifest says.
    pub version: String,
    /// SHA-256 of its file.
    pub hash: [u8; 32],
    /// Where it stands.
    pub state: GenerationState,
    /// When it was offered.
    pub offered: Timestamp,
    /// When its state changed last.
    pub since: Timestamp,
    /// What brought it, and what ended it.
    pub note: String,
    /// Whether it traded and was not rolled back.
    pub ran: bool,
}

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeatState {
    /// No plugin yet.
    Empty,
    /// Trading.
    Running,
    /// It faulted and waits for its restart.
    Restarting,
    /// It faulted too often; another file or an operator starts it again.
    Quarantined,
    /// An operator has paused it.
    Paused,
    /// Its file is gone.
    Removed,
    /// The host has ended it.
    Stopped,
}

impl fmt::Display for SeatState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SeatState::Empty => "empty",
            SeatState::Running => "running",
            SeatState::Restarting => "restarting",
            SeatState::Quarantined => "quarantined",
            SeatState::Paused => "paused",
            SeatState::Removed => "removed",
            SeatState::Stopped => "stopped",
        })
    }
}

/// The rules of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Faults within ten minutes that end in quarantine.
    pub strikes: u32,
    /// Events that a new generation handles before the old one is let go; 0: at once.
    pub probation: usize,
    /// Events of the shadow phase; 0: there is none.
    pub shadow: usize,
    /// Differences in the shadow phase above which the new generation is not taken.
    pub differences: Option<usize>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub enum Input {
    /// A file, new parameters or an operator bring a next generation.
    Offer {
        version: String,
        hash: [u8; 32],
        note: String,
    },
    /// The instance that was asked for is there, or is not, and why.
    Made(Result<(), String>),
    /// The running generation handled events.
    Handled(usize),
    /// The shadow handled events; differences in all.
    Compared {
        events: usize,
        differences: usize,
    },
    /// The shadow failed.
    ShadowFailed(String),
    /// The running generation's instance is dead.
    Fault {
        kind: FaultKind,
        what: String,
    },
    /// A call took longer than its soft bound, or the share is far above its own: so many quarters.
    Slow {
        quarters: u32,
        what: String,
    },
    /// Time went on.
    Time,
    /// The restart that was asked for has come to this.
    Restarted(Result<(), String>),
    /// The operator.
    Pause,
    Resume,
    Rollback,
    /// The plugin's file is gone, or the host ends.
    End(StopReason),
}

/// What the seat has to do, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Make an instance of the generation that was offered and answer `Made`.
    Warm,
    /// The same for an instance that only watches.
    Shadow,
    /// The watching instance is dropped.
    DropShadow,
    /// The new instance takes over; `keep`: the old one waits.
    Swap {
        /// Keep the old instance and what the new one is given.
        keep: bool,
    },
    /// The waiting instance is told goodbye and dropped.
    LetGo,
    /// The waiting instance runs again and is given what it missed; orders of the new one end.
    Back,
    /// The running instance is dropped without a word.
    Drop,
    /// Open orders become what the operator's policy says.
    EndOrders,
    /// Make an instance of the running generation from its last state and answer `Restarted`.
    Restart,
    /// Offer the generation before again.
    OfferAgain(u64),
    /// The running instance is told goodbye, its orders are cancelled, its streams left.
    Shutdown(StopReason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Warming,
    Shadow { left: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trial {
    old: u64,
    left: usize,
    until: Timestamp,
    handled: bool,
}

/// The machine.
#[derive(Debug, Clone)]
pub struct Life {
    rules: Rules,
    state: SeatState,
    /// The generation that runs, or ran last.
    current: u64,
    newest: u64,
    next: Option<(u64, Next)>,
    trial: Option<Trial>,
    strikes: VecDeque<(Timestamp, u32)>,
    last_soft: Option<Timestamp>,
    running_since: Timestamp,
    restart_at: Option<Timestamp>,
    restarts: u32,
    faults: u64,
    history: VecDeque<Generation>,
}

impl Life {
    /// A name without a generation.
    pub fn new(rules: Rules) -> Self {
        Life {
            rules,
            state: SeatState::Empty,
            current: 0,
            newest: 0,
            next: None,
            trial: None,
            strikes: VecDeque::new(),
            last_soft: None,
            running_since: Timestamp::default(),
            restart_at: None,
            restarts: 0,
            faults: 0,
            history: VecDeque::new(),
        }
    }

    /// The operator changed the rules.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Where the name stands.
    pub const fn state(&self) -> SeatState {
        self.state
    }

    /// Number of the generation that runs, or ran last; 0 before the first.
    pub const fn generation(&self) -> u64 {
        self.current
    }

    /// Faults since the start.
    pub const fn faults(&self) -> u64 {
        self.faults
    }

    /// Quarters of strikes that count now.
    pub fn strikes(&self, now: Timestamp) -> u32 {
        let recent = self.strikes.iter().filter(|(at, _)| now.since(*at) <= STRIKES_WITHIN);
        recent.fold(0, |sum, (_, quarters)| sum.saturating_add(*quarters))
    }

    /// When the restart is due.
    pub const fn restart_at(&self) -> Option<Timestamp> {
        self.restart_at
    }

    /// Whether the running generation is on trial: what it is given must be kept.
    pub const fn on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Whether a generation watches.
    pub fn has_shadow(&self) -> bool {
        matches!(self.next, Some((_, Next::Shadow { .. })))
    }

    /// When time alone will do something next.
    pub fn next_time(&self) -> Option<Timestamp> {
        match self.state {
            SeatState::Restarting => self.restart_at,
            _ => self.trial.filter(|trial| trial.handled).map(|trial| trial.until),
        }
    }

    /// All generations that are remembered, oldest first.
    pub fn history(&self) -> impl Iterator<Item = &Generation> {
        self.history.iter()
    }

    /// The generation that watches, its orders compared and not sent.
    pub fn watching(&self) -> Option<u64> {
        self.next.and_then(|(number, next)| matches!(next, Next::Shadow { .. }).then_some(number))
    }

    /// A file that was not taken, for the history. It takes no number from the next.
    pub fn refused(&mut self, now: Timestamp, note: String) {
        self.remember(now, 0, String::new(), [0; 32], note, GenerationState::Stopped);
    }

    fn remember(
        &mut self,
        now: Timestamp,
        number: u64,
        version: String,
        hash: [u8; 32],
        note: String,
        state: GenerationState,
    ) {
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(Generation { number, version, hash, state, offered: now, since: now, note, ran: false });
    }

    fn mark(&mut self, now: Timestamp, number: u64, state: GenerationState, note: &str) {
        let found = self.history.iter_mut().rev().find(|generation| generation.number == number && number != 0);
        if let Some(generation) = found {
            generation.state = state;
            generation.since = now;
            generation.ran |= state == GenerationState::Running;
            if !note.is_empty() {
                if !generation.note.is_empty() {
                    generation.note.push_str("; ");
                }
                generation.note.push_str(note);
            }
        }
    }

    fn roll_back(&mut self, now: Timestamp, number: u64, note: &str) {
        self.mark(now, number, GenerationState::Stopped, note);
        for generation in self.history.iter_mut().filter(|generation| generation.number == number) {
            generation.ran = false;
        }
    }

    /// Takes what happened and says what has to be done.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Action> {
        match input {
            Input::Offer { version, hash, note } => self.offer(now, version, hash, note),
            Input::Made(result) => self.made(now, result),
            Input::Handled(events) => self.handled(now, events),
            Input::Compared { events, differences } => self.compared(now, events, differences),
            Input::ShadowFailed(what) => self.shadow_failed(now, &what),
            Input::Fault { kind, what } => self.fault(now, kind, &what),
            Input::Slow { quarters, what } => self.slow(now, quarters, &what),
            Input::Time => self.time(now),
            Input::Restarted(result) => self.restarted(now, result),
            Input::Pause => self.pause(now),
            Input::Resume => self.resume(now),
            Input::Rollback => self.rollback(now),
            Input::End(reason) => self.end(now, reason),
        }
    }

    fn offer(&mut self, now: Timestamp, version: String, hash: [u8; 32], note: String) -> Vec<Action> {
        let mut actions = self.drop_next(now, "a newer one came");
        self.newest = self.newest.saturating_add(1);
        let watches = self.rules.shadow > 0 && self.state == SeatState::Running;
        let (state, next, action) = if watches {
            (GenerationState::Shadow, Next::Shadow { left: self.rules.shadow }, Action::Shadow)
        } else {
            (GenerationState::Warming, Next::Warming, Action::Warm)
        };
        self.remember(now, self.newest, version, hash, note, state);
        self.next = Some((self.newest, next));
        actions.push(action);
        actions
    }

    fn drop_next(&mut self, now: Timestamp, why: &str) -> Vec<Action> {
        let Some((number, next)) = self.next.take() else { return Vec::new() };
        self.mark(now, number, GenerationState::Stopped, why);
        if matches!(next, Next::Shadow { .. }) { vec![Action::DropShadow] } else { Vec::new() }
    }

    fn made(&mut self, now: Timestamp, result: Result<(), String>) -> Vec<Action> {
        let Some((number, next)) = self.next else { return Vec::new() };
        if let Err(why) = result {
            // The watching instance could not be made: there is none to drop.
            self.next = None;
            self.mark(now, number, GenerationState::Stopped, &why);
            return Vec::new();
        }
        if matches!(next, Next::Shadow { .. }) {
            return Vec::new();
        }
        self.next = None;
        let mut actions = self.let_go(now);
        let old = self.current;
        let keep = self.state == SeatState::Running && self.rules.probation > 0;
        if keep {
            self.mark(now, old, GenerationState::Draining, "");
            let (left, until) = (self.rules.probation, now.plus(TRIAL));
            self.trial = Some(Trial { old, left, until, handled: false });
        } else if old != 0 {
            self.mark(now, old, GenerationState::Stopped, "replaced");
        }
        self.current = number;
        self.mark(now, number, GenerationState::Running, "");
        // A pause is the operator's: a new file doesn't end it.
        if self.state != SeatState::Paused {
            self.state = SeatState::Running;
        }
        self.restart_at = None;
        self.running_since = now;
        actions.push(Action::Swap { keep });
        actions
    }

    fn let_go(&mut self, now: Timestamp) -> Vec<Action> {
        let Some(trial) = self.trial.take() else { return Vec::new() };
        self.mark(now, trial.old, GenerationState::Stopped, "replaced");
        vec![Action::LetGo]
    }

    fn handled(&mut self, now: Timestamp, events: usize) -> Vec<Action> {
        let Some(trial) = &mut self.trial else { return Vec::new() };
        trial.handled |= events > 0;
        trial.left = trial.left.saturating_sub(events);
        if trial.left == 0 { self.let_go(now) } else { Vec::new() }
    }

    fn compared(&mut self, now: Timestamp, events: usize, differences: usize) -> Vec<Action> {
        let Some((number, Next::Shadow { left })) = &mut self.next else { return Vec::new() };
        *left = left.saturating_sub(events);
        let (number, over) = (*number, *left == 0);
        if self.rules.differences.is_some_and(|most| differences > most) {
            let why = format!("not taken: {differences} differences to the generation that runs");
            self.next = None;
            self.mark(now, number, GenerationState::Stopped, &why);
            return vec![Action::DropShadow];
        }
        if !over {
            return Vec::new();
        }
        self.next = Some((number, Next::Warming));
        self.mark(now, number, GenerationState::Warming, &format!("{differences} differences in its shadow phase"));
        vec![Action::DropShadow, Action::Warm]
    }

    fn shadow_failed(&mut self, now: Timestamp, what: &str) -> Vec<Action> {
        let Some((number, Next::Shadow { .. })) = self.next else { return Vec::new() };
        self.next = None;
        self.mark(now, number, GenerationState::Stopped, &format!("failed in its shadow phase: {what}"));
        vec![Action::DropShadow]
    }

    fn strike(&mut self, now: Timestamp, quarters: u32) -> bool {
        self.strikes.push_back((now, quarters));
        while self.strikes.front().is_some_and(|(at, _)| now.since(*at) > STRIKES_WITHIN) {
            self.strikes.pop_front();
        }
        self.strikes(now) >= self.rules.strikes.saturating_mul(WHOLE)
    }

    fn fault(&mut self, now: Timestamp, kind: FaultKind, what: &str) -> Vec<Action> {
        self.faults = self.faults.saturating_add(1);
        // A failure of the host is no strike for the plugin.
        let too_many = self.strike(now, if kind == FaultKind::Host { 0 } else { WHOLE });
        if let Some(trial) = self.trial.take() {
            // The old generation did nothing wrong: it comes back whatever the count is.
            self.roll_back(now, self.current, &format!("rolled back: {what}"));
            self.current = trial.old;
            self.mark(now, trial.old, GenerationState::Running, "came back");
            self.running_since = now;
            return vec![Action::Drop, Action::Back];
        }
        let mut actions = self.drop_next(now, "the generation that runs failed");
        actions.extend([Action::Drop, Action::EndOrders]);
        if too_many {
            self.state = SeatState::Quarantined;
            self.restart_at = None;
            self.mark(now, self.current, GenerationState::Quarantined, what);
        } else if self.state != SeatState::Paused {
            if now.since(self.running_since) >= HEALTHY {
                self.restarts = 0;
            }
            let wait = Micros(RESTART_AFTER.0.saturating_mul(1 << self.restarts.min(6))).min(RESTART_LATEST);
            self.restarts = self.restarts.saturating_add(1);
            self.state = SeatState::Restarting;
            self.restart_at = Some(now.plus(wait));
        }
        actions
    }

    fn slow(&mut self, now: Timestamp, quarters: u32, what: &str) -> Vec<Action> {
        if self.state != SeatState::Running {
            return Vec::new();
        }
        if quarters < WHOLE {
            if self.last_soft.is_some_and(|last| now.since(last) < SOFT_EVERY) {
                return Vec::new();
            }
            self.last_soft = Some(now);
        }
        if !self.strike(now, quarters) {
            return Vec::new();
        }
        // Too slow too often: as a fault that ends it, and on trial the old one comes back.
        self.strikes.pop_back();
        self.fault(now, FaultKind::Share, what)
    }

    fn time(&mut self, now: Timestamp) -> Vec<Action> {
        if self.state == SeatState::Restarting && self.restart_at.is_some_and(|at| at <= now) {
            self.restart_at = None;
            return vec![Action::Restart];
        }
        if self.trial.is_some_and(|trial| trial.handled && trial.until <= now) {
            return self.let_go(now);
        }
        Vec::new()
    }

    fn restarted(&mut self, now: Timestamp, result: Result<(), String>) -> Vec<Action> {
        match result {
            Ok(()) => {
                self.state = SeatState::Running;
                self.running_since = now;
                self.mark(now, self.current, GenerationState::Running, "");
                Vec::new()
            }
            Err(what) => self.fault(now, FaultKind::Restart, &format!("its restart failed: {what}")),
        }
    }

    fn pause(&mut self, _now: Timestamp) -> Vec<Action> {
        if !matches!(self.state, SeatState::Running | SeatState::Restarting) {
            return Vec::new();
        }
        let orders = self.state == SeatState::Running;
        self.state = SeatState::Paused;
        self.restart_at = None;
        if orders { vec![Action::EndOrders] } else { Vec::new() }
    }

    fn resume(&mut self, now: Timestamp) -> Vec<Action> {
        match self.state {
            SeatState::Paused => {
                self.state = SeatState::Running;
                self.running_since = now;
                // Without an instance the seat makes one; with one it goes on.
                vec![Action::Restart]
            }
            SeatState::Quarantined => {
                self.strikes.clear();
                self.restarts = 0;
                self.state = SeatState::Restarting;
                vec![Action::Restart]
            }
            SeatState::Restarting => {
                self.restart_at = None;
                vec![Action::Restart]
            }
            _ => Vec::new(),
        }
    }

    fn rollback(&mut self, now: Timestamp) -> Vec<Action> {
        if let Some(trial) = self.trial.take() {
            self.roll_back(now, self.current, "rolled back by the operator");
            self.current = trial.old;
            self.mark(now, trial.old, GenerationState::Running, "came back");
            return vec![Action::Drop, Action::Back];
        }
        match self.rollback_target() {
            Some(number) => vec![Action::OfferAgain(number)],
            None => Vec::new(),
        }
    }

    /// The newest generation before the current one that ran and is of another file.
    pub fn rollback_target(&self) -> Option<u64> {
        if let Some(trial) = self.trial {
            return Some(trial.old);
        }
        if !matches!(self.state, SeatState::Running | SeatState::Restarting | SeatState::Quarantined) {
            return None;
        }
        let current = self.history.iter().rev().find(|one| one.number == self.current)?.hash;
        let before = |one: &&Generation| one.ran && one.number < self.current && one.number != 0 && one.hash != current;
        self.history.iter().rev().find(before).map(|one| one.number)
    }

    fn end(&mut self, now: Timestamp, reason: StopReason) -> Vec<Action> {
        let mut actions = self.drop_next(now, "the plugin ended");
        actions.extend(self.let_go(now));
        let note = if reason == StopReason::Removed { "its file is gone" } else { "the host ended" };
        self.mark(now, self.current, GenerationState::Stopped, note);
        self.state = if reason == StopReason::Removed { SeatState::Removed } else { SeatState::Stopped };
        self.restart_at = None;
        actions.push(Action::Shutdown(reason));
        actions
    }
}
