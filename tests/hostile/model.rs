//! The life of files, against a model: whatever is done to them (written in place, renamed over,
//! written by halves, cut, deleted, replaced by links, pipes and folders, touched, doubled under a
//! name that differs in case), whatever faults and however time goes on. At each quiet point the
//! fleet is where the pure state machine is, the newest good content runs, the old one goes on where
//! the new one is none, no event was lost or told twice, and strikes are the name's.
//!
//! Nobody sleeps here. A quiet point is reached when the fleet has refused a file that is no plugin and
//! that was put beside the others after them: a look that takes it has seen everything before it.
//! `RINGFENCE_SEED=n` plays one sequence again, `RINGFENCE_SEEDS=n` plays so many.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_model::{Micros, Timestamp};
use ringfence_sandbox::admission::hash;
use ringfence_sandbox::life::{Action, Input, Life, Rules};
use ringfence_sandbox::{Budgets, FaultKind, FleetEvent, SeatState, Settings};

use crate::common::Guest;
use crate::common::folder::Folder;
use crate::common::guest::marked;

/// Names of files; the last differs from the first in case only.
const NAMES: [&str; 3] = ["a", "b", "A"];
/// Beside them, after them in every order, and never a plugin.
const MARK: &str = "zz";
/// A trade on which fragile guests give up.
const POISON: u64 = 666_666;
const STEPS: usize = 24;
const RULES: Rules = Rules { strikes: 3, probation: 8, shadow: 0, differences: None };

/// Checks the number of each event; a new instance begins where it is told. A fragile one gives up
/// when it is told of a certain trade.
fn auditor(fragile: bool) -> Guest {
    let poison = if fragile {
        format!(
            "(local.set $i (i32.const 0)) (loop $rows
               (if (i64.eq (i64.load (i32.add (i32.load offset=28 (local.get $batch)) (i32.mul (local.get $i) (i32.const 8))))
                     (i64.const {POISON})) (then unreachable))
               (local.set $i (i32.add (local.get $i) (i32.const 1)))
               (br_if $rows (i32.lt_u (local.get $i) (i32.load offset=32 (local.get $batch)))))"
        )
    } else {
        String::new()
    };
    // 8,192: the last number; 8,200: whether this instance has had its start.
    let checks = format!(
        "(if (i32.load8_u (local.get $batch)) (then
           (local.set $j (i64.load (i32.const 8192))) (local.set $i (i32.const 0))
           (loop $each
             (if (i32.and (i32.load (i32.const 8200))
                   (i64.le_u (i64.load (i32.add (i32.load offset=4 (local.get $batch)) (i32.mul (local.get $i) (i32.const 8)))) (local.get $j)))
               (then unreachable))
             (local.set $j (i64.load (i32.add (i32.load offset=4 (local.get $batch)) (i32.mul (local.get $i) (i32.const 8)))))
             (local.set $i (i32.add (local.get $i) (i32.const 1)))
             (br_if $each (i32.lt_u (local.get $i) (i32.load offset=8 (local.get $batch)))))
           (i64.store (i32.const 8192) (local.get $j)) (i32.store (i32.const 8200) (i32.const 1)) {poison}))"
    );
    Guest::new("auditor").does(&checks)
}

/// Contents by number: odd ones are fragile.
fn content(number: u8) -> Vec<u8> {
    marked(&auditor(number % 2 == 1).bytes(), number)
}

/// What stands in the folder under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Disk {
    Nothing,
    Good(u8),
    /// Bytes that are no plugin.
    Bad(Vec<u8>),
    /// What is no file, and how it is told.
    Odd(&'static str),
}

/// What is known of a name.
#[derive(Debug)]
struct Name {
    disk: Disk,
    /// It has changed since the fleet has looked.
    changed: bool,
    /// What the fleet has seen there last and judged.
    judged: Option<Disk>,
    present: bool,
    runs: bool,
    life: Life,
    /// Content of each generation.
    contents: BTreeMap<u64, u8>,
    /// The generation before the one on trial, and whether the poison came since.
    poisoned: bool,
    /// Trades that it was told of, and that it missed while it was away for a moment.
    told: u64,
    missed: u64,
    /// Of these, what it will be told of when it is back.
    pending: u64,
}

impl Name {
    fn new() -> Self {
        Name {
            disk: Disk::Nothing,
            changed: false,
            judged: None,
            present: false,
            runs: false,
            life: Life::new(RULES),
            contents: BTreeMap::new(),
            poisoned: false,
            told: 0,
            missed: 0,
            pending: 0,
        }
    }

    /// Lets the machine do a thing and everything that follows, as the seat does.
    fn act(&mut self, now: Timestamp, input: Input) {
        let mut todo: std::collections::VecDeque<Action> = self.life.step(now, input).into();
        while let Some(action) = todo.pop_front() {
            match action {
                Action::Warm => {
                    let more = self.life.step(now, Input::Made(Ok(())));
                    todo.extend(more);
                }
                Action::Restart => {
                    let more = self.life.step(now, Input::Restarted(Ok(())));
                    todo.extend(more);
                }
                Action::Swap { .. } => {
                    self.poisoned = false;
                    if self.life.on_trial() {
                        // Its start is an event.
                        let more = self.life.step(now, Input::Handled(1));
                        todo.extend(more);
                    }
                }
                // It is given what the other was given; who is fragile gives up on the same trade.
                Action::Back if self.poisoned && self.is_fragile() => {
                    let more = self.life.step(now, fault());
                    todo.extend(more);
                }
                _ => {}
            }
        }
        if self.life.state() == SeatState::Running {
            self.missed += std::mem::take(&mut self.pending);
        }
    }

    fn is_fragile(&self) -> bool {
        self.contents.get(&self.life.generation()).is_some_and(|number| number % 2 == 1)
    }

    fn time(&mut self, now: Timestamp) {
        while self.life.next_time().is_some_and(|at| at <= now) {
            self.act(now, Input::Time);
        }
    }

    fn trades(&mut self, now: Timestamp, count: u64) {
        match self.life.state() {
            SeatState::Running => {
                self.told += count;
                if self.life.on_trial() {
                    self.act(now, Input::Handled(usize::try_from(count).unwrap()));
                }
            }
            SeatState::Restarting => self.pending += count,
            _ => {}
        }
    }

    fn poison(&mut self, now: Timestamp) {
        if self.life.state() != SeatState::Running {
            return self.trades(now, 1);
        }
        self.poisoned = true;
        if self.is_fragile() {
            self.told += 1;
            self.act(now, fault());
        } else {
            self.trades(now, 1);
        }
    }
}

fn fault() -> Input {
    Input::Fault { kind: FaultKind::GaveUp, what: String::new() }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

struct Play {
    folder: Folder,
    names: BTreeMap<&'static str, Name>,
    dice: Dice,
    /// What was done so far, for whoever reads a failure.
    story: Vec<String>,
    contents: u8,
    marks: u32,
    trades: u64,
}

impl Play {
    fn new(seed: u64) -> Self {
        let budgets = Budgets {
            strikes: RULES.strikes,
            probation: RULES.probation,
            reloads: 1_000_000,
            share_percent: 100_000,
            share_strike_percent: 100_000,
            ..crate::arena::patient()
        };
        let folder = Folder::with(&[], Settings { budgets: Arc::new(budgets), ..Settings::default() });
        let names = NAMES.into_iter().map(|name| (name, Name::new())).collect();
        Play { folder, names, dice: Dice(seed), story: vec![format!("seed {seed}")], contents: 0, marks: 0, trades: 0 }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.folder.clock.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.dir.path().join(format!("{name}.wasm"))
    }

    /// Makes something beside and renames it over what stands there. Where a folder is one of the two that
    /// can't be done at once: then the name is empty for a while, and the fleet sees it.
    fn replace(&mut self, name: &'static str, disk: Disk, make: impl FnOnce(&Path)) {
        let beside = self.folder.dir.path().join("beside.tmp");
        let folder = Disk::Odd("a folder");
        let before = self.names[name].disk.clone();
        if before != Disk::Nothing && (before == folder || disk == folder) {
            self.clear(name);
            self.stands(name, Disk::Nothing);
            self.quiet();
        }
        make(&beside);
        std::fs::rename(&beside, self.path(name)).unwrap();
        self.stands(name, disk);
    }

    /// Takes away whatever stands there.
    fn clear(&mut self, name: &'static str) {
        let path = self.path(name);
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => std::fs::remove_dir(&path).unwrap(),
            Ok(_) => std::fs::remove_file(&path).unwrap(),
            Err(_) => {}
        }
    }

    fn stands(&mut self, name: &'static str, disk: Disk) {
        let of = self.names.get_mut(name).unwrap();
        (of.disk, of.changed) = (disk, true);
    }

    /// One thing that happens to a file.
    fn file(&mut self) -> String {
        let name = self.dice.pick(&NAMES);
        let path = self.path(name);
        let before = self.names[name].disk.clone();
        let regular = matches!(before, Disk::Good(_) | Disk::Bad(_));
        let next = |play: &mut Play| {
            play.contents += 1;
            (play.contents, content(play.contents))
        };
        match self.dice.below(14) {
            0..=3 => {
                let (number, bytes) = next(self);
                self.replace(name, Disk::Good(number), |beside| std::fs::write(beside, bytes).unwrap());
                format!("{name}: content {number} renamed over it")
            }
            4 | 5 if regular => {
                let (number, bytes) = next(self);
                std::fs::write(&path, bytes).unwrap();
                self.stands(name, Disk::Good(number));
                format!("{name}: content {number} written in place")
            }
            6 if regular => {
                let (number, bytes) = next(self);
                let half = bytes[..bytes.len() / 2].to_vec();
                std::fs::write(&path, &half).unwrap();
                self.stands(name, Disk::Bad(half));
                format!("{name}: half of content {number}")
            }
            7 if regular => {
                let bytes = std::fs::read(&path).unwrap();
                let cut = bytes[..bytes.len().saturating_sub(7)].to_vec();
                let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
                file.set_len(u64::try_from(cut.len()).unwrap()).unwrap();
                // Without the mark at its end it is the same guest, but not the same content.
                self.stands(name, Disk::Bad(cut));
                format!("{name}: cut")
            }
            8 => {
                self.clear(name);
                self.stands(name, Disk::Nothing);
                format!("{name}: deleted")
            }
            9 => {
                let nowhere = self.path("nowhere");
                self.replace(name, Disk::Odd("a link"), |beside| std::os::unix::fs::symlink(nowhere, beside).unwrap());
                format!("{name}: a dangling link")
            }
            10 => {
                let other = if name == "b" { "a" } else { "b" };
                let to = self.path(other);
                self.replace(name, Disk::Odd("a link"), |beside| std::os::unix::fs::symlink(to, beside).unwrap());
                format!("{name}: a link to {other}")
            }
            11 => {
                self.replace(name, Disk::Odd("a folder"), |beside| std::fs::create_dir(beside).unwrap());
                format!("{name}: a folder")
            }
            12 => {
                self.replace(name, Disk::Odd("a pipe"), |beside| {
                    assert!(std::process::Command::new("mkfifo").arg(beside).status().unwrap().success());
                });
                format!("{name}: a pipe")
            }
            _ if regular => {
                // Touched: another time, the same bytes. Modes are no content either.
                let bytes = std::fs::read(&path).unwrap();
                std::fs::write(&path, bytes).unwrap();
                let mode = self.dice.pick(&[0o644, 0o600, 0o755]);
                std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
                self.stands(name, before);
                format!("{name}: touched")
            }
            // That can't be done to what stands there.
            _ => self.file(),
        }
    }

    /// Everything that was done to files is seen and judged.
    fn quiet(&mut self) {
        self.marks += 1;
        let told = format!("{MARK}.wasm");
        self.folder.put(MARK, format!("no plugin, {:08}", self.marks).as_bytes());
        self.folder.wait_for(|event| matches!(event, FleetEvent::Refused { file, .. } if *file == told));
        let now = self.now();
        // In the order of a look: what is gone, and then again whoever waited for its name.
        let mut order: Vec<&'static str> = NAMES.to_vec();
        order.sort_unstable();
        let mut again = Vec::new();
        for name in order {
            let of = self.names.get_mut(name).unwrap();
            if std::mem::take(&mut of.changed) {
                if of.disk == Disk::Nothing {
                    of.judged = None;
                    of.present = false;
                    if std::mem::take(&mut of.runs) {
                        of.act(now, Input::End(ringfence_model::strategy::StopReason::Removed));
                    }
                    again.extend(NAMES.into_iter().filter(|other| *other != name && other.eq_ignore_ascii_case(name)));
                } else {
                    self.judge(now, name);
                }
            }
        }
        for name in again {
            if self.names[name].disk != Disk::Nothing {
                self.judge(now, name);
            }
        }
    }

    fn judge(&mut self, now: Timestamp, name: &'static str) {
        let clash = NAMES
            .into_iter()
            .any(|other| other != name && other.eq_ignore_ascii_case(name) && self.names[other].present);
        if clash {
            return;
        }
        let of = self.names.get_mut(name).unwrap();
        of.present = true;
        if of.judged.as_ref() == Some(&of.disk) {
            return;
        }
        of.judged = Some(of.disk.clone());
        if let Disk::Good(number) = of.disk {
            let next = of.life.history().map(|one| one.number).max().unwrap_or(0) + 1;
            of.contents.insert(next, number);
            let offer = Input::Offer { version: String::new(), hash: hash(&content(number)), note: String::new() };
            of.act(now, offer);
            of.runs = true;
        }
    }

    /// Where the fleet stands, for each name that has a seat.
    fn compare(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let difference = self.difference();
            let Some(difference) = difference else { return };
            assert!(Instant::now() < deadline, "{difference}\n{}", self.story.join("\n"));
            // Each report is a turn of the worker, which looks at the clock.
            std::thread::yield_now();
        }
    }

    fn difference(&self) -> Option<String> {
        let reports = self.folder.fleet.reports();
        let now = self.now();
        for (name, of) in &self.names {
            let Some(report) = reports.iter().find(|report| report.name == *name) else {
                if of.life.state() == SeatState::Empty {
                    continue;
                }
                return Some(format!("{name} has no seat, it should be {:?}", of.life.state()));
            };
            let is = (report.state, report.generation, report.faults, report.on_trial, report.strike_quarters);
            let life = &of.life;
            let should = (life.state(), life.generation(), life.faults(), life.on_trial(), life.strikes(now));
            if is != should {
                return Some(format!("{name} is {is:?} and should be {should:?}; {:?}", report.last_fault));
            }
            let history = self.folder.fleet.control().history(name).unwrap();
            let mut real: Vec<_> = history.iter().map(|one| (one.number, one.state, one.hash[0])).collect();
            real.retain(|(number, ..)| *number > 0);
            let model: Vec<_> = life.history().map(|one| (one.number, one.state, one.hash[0])).collect();
            if real != model {
                return Some(format!("{name}: {real:?} and should be {model:?}"));
            }
            let notes = self.folder.notes(name);
            let notes = notes.lock().unwrap();
            if (notes.trades.len() as u64, notes.missed) != (of.told, of.missed) {
                return Some(format!(
                    "{name} was told of {} trades and missed {}, it should be {} and {}",
                    notes.trades.len(),
                    notes.missed,
                    of.told,
                    of.missed
                ));
            }
            let ids: Vec<u64> = notes.trades.iter().copied().filter(|id| *id != POISON).collect();
            assert!(ids.is_sorted_by(|one, next| one < next), "{name} was told twice or out of order: {ids:?}");
        }
        None
    }

    fn deliver(&mut self, ids: &[u64]) {
        for name in NAMES {
            if self.folder.has_seat(name) {
                for id in ids {
                    self.folder.trade(name, *id);
                }
            }
        }
        assert!(self.folder.fleet.drain(Duration::from_secs(60)));
    }

    fn step(&mut self) {
        let what = match self.dice.below(10) {
            0..=4 => {
                let what = self.file();
                self.story.push(what);
                self.quiet();
                return self.compare();
            }
            5 | 6 => {
                let count = 1 + self.dice.below(7);
                let ids: Vec<u64> = (0..count).map(|one| self.trades + one + 1).collect();
                self.trades += count;
                self.deliver(&ids);
                let now = self.now();
                self.names.values_mut().for_each(|of| of.trades(now, count));
                format!("{count} trades")
            }
            7 | 8 => {
                self.deliver(&[POISON]);
                let now = self.now();
                self.names.values_mut().for_each(|of| of.poison(now));
                "the poison".to_owned()
            }
            _ => {
                let by = self.dice.pick(&[
                    Micros::from_millis(500),
                    Micros::from_secs(2),
                    Micros::from_secs(61),
                    Micros::from_secs(700),
                ]);
                self.folder.clock_goes_on(by);
                let now = self.now();
                self.names.values_mut().for_each(|of| of.time(now));
                format!("{} ms", by.0 / 1_000)
            }
        };
        self.story.push(what);
        self.compare();
    }
}

fn play(seed: u64) {
    println!("RINGFENCE_SEED={seed}");
    let mut play = Play::new(seed);
    for _ in 0..STEPS {
        play.step();
    }
    // Whatever came: each name can be had again.
    play.folder.clock_goes_on(Micros::from_secs(700));
    let now = play.now();
    play.names.values_mut().for_each(|of| of.time(now));
    play.compare();
    let stopped = play.folder.stop();
    for report in stopped {
        assert_ne!(report.last_fault_kind, Some(FaultKind::Host), "{}", play.story.join("\n"));
    }
}

/// This share of all seeds, so that they can run side by side.
fn share(of: u64) {
    if let Ok(seed) = std::env::var("RINGFENCE_SEED") {
        if of == 0 {
            play(seed.parse().expect("RINGFENCE_SEED is a number"));
        }
        return;
    }
    let seeds = std::env::var("RINGFENCE_SEEDS").map_or(8, |seeds| seeds.parse().expect("RINGFENCE_SEEDS is a number"));
    (1..=seeds).filter(|seed| seed % 2 == of).for_each(play);
}

#[test]
fn files_faults_and_time_odd() {
    share(1);
}

#[test]
fn files_faults_and_time_even() {
    share(0);
}
