//! A hostile plugin and a good one beside it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringfence_model::strategy::Mode;
use ringfence_model::{Micros, Timestamp};
use ringfence_sandbox::budgets::CallTime;
use ringfence_sandbox::{
    Budgets, LogLevel, Plugin, Refusal, Sandbox, SandboxConfig, Seat, SeatConfig, SeatState, Settings,
};

use super::desk::trade;
use super::{Guest, Notes, NotingDesk};

/// A hard bound in milliseconds; nothing is soft.
pub fn call(millis: u64) -> CallTime {
    let hard = Duration::from_millis(millis);
    CallTime { soft: hard, hard }
}

/// Budgets whose end is quickly reached.
pub fn tight() -> Budgets {
    Budgets {
        market: call(20),
        timer: call(20),
        describe: call(100),
        init: call(100),
        shutdown: call(100),
        save: call(50),
        each: CallTime { soft: Duration::ZERO, hard: Duration::ZERO },
        // However busy the machine is, a batch has all that waits.
        turn: Duration::from_secs(10),
        ..Budgets::default()
    }
}

pub fn sandbox(budgets: Budgets) -> Arc<Sandbox> {
    Sandbox::new(SandboxConfig { budgets, ..SandboxConfig::in_process() }).expect("an engine")
}

/// Longer than any budget of [`tight`], on a machine that does much else.
const LONG: Duration = Duration::from_secs(5);

pub fn quickly<T>(run: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = run();
    assert!(started.elapsed() < LONG, "{:?} is far over every budget", started.elapsed());
    result
}

pub struct House {
    pub sandbox: Arc<Sandbox>,
    pub seat: Seat,
    pub notes: Arc<Mutex<Notes>>,
    pub neighbour: Seat,
    pub now: Timestamp,
    trades: u64,
}

pub fn seat(sandbox: &Arc<Sandbox>, name: &str) -> (Seat, Arc<Mutex<Notes>>) {
    let settings = Settings { budgets: Arc::clone(sandbox.budgets()), ..Settings::default() };
    seat_with(sandbox, name, settings)
}

pub fn seat_with(sandbox: &Arc<Sandbox>, name: &str, settings: Settings) -> (Seat, Arc<Mutex<Notes>>) {
    let (desk, notes) = NotingDesk::new();
    let config = SeatConfig {
        name: name.to_owned(),
        mode: Mode::Sim,
        seed: 1,
        lookahead: Micros::MAX,
        queue: settings.budgets.queue,
        clocked: true,
        settings,
    };
    (Seat::new(Arc::clone(sandbox), config, Box::new(desk)), notes)
}

impl House {
    /// A house whose plugins run.
    pub fn of(guest: &Guest) -> Self {
        House::with(tight(), guest)
    }

    pub fn with(budgets: Budgets, guest: &Guest) -> Self {
        let mut house = House::empty(budgets);
        house.start(guest).unwrap_or_else(|refusal| panic!("{refusal}"));
        house.run(0);
        house
    }

    /// Only the neighbour runs.
    pub fn empty(budgets: Budgets) -> Self {
        let sandbox = sandbox(budgets);
        let (seat, notes) = self::seat(&sandbox, "evil");
        let (mut neighbour, _) = self::seat(&sandbox, "good");
        let good = sandbox.admit(&Guest::new("good").bytes()).expect("a good guest");
        let now = Timestamp(1_000_000);
        neighbour.start(now, good, Vec::new()).expect("a good start");
        House { sandbox, seat, notes, neighbour, now, trades: 0 }
    }

    pub fn admit(&self, guest: &Guest) -> Result<Arc<Plugin>, Refusal> {
        quickly(|| self.sandbox.admit(&guest.bytes()))
    }

    pub fn start(&mut self, guest: &Guest) -> Result<(), Refusal> {
        let plugin = self.admit(guest)?;
        quickly(|| self.seat.start(self.now, plugin, Vec::new()))
    }

    /// Trades for both, then each handles what it has.
    pub fn run(&mut self, trades: u64) {
        self.push(trades);
        quickly(|| while self.seat.run(usize::MAX).left > 0 {});
        while self.neighbour.run(usize::MAX).left > 0 {}
    }

    pub fn push(&mut self, trades: u64) {
        for _ in 0..trades {
            self.now = self.now.plus(Micros::from_millis(1));
            self.trades += 1;
            for seat in [&mut self.seat, &mut self.neighbour] {
                seat.push(self.now, trade(self.trades));
            }
        }
    }

    pub fn advance(&mut self, by: Micros) {
        self.now = self.now.plus(by);
        quickly(|| self.seat.advance(self.now));
        self.neighbour.advance(self.now);
    }

    pub fn log(&mut self) -> Vec<(LogLevel, String)> {
        self.seat.take_log()
    }

    pub fn cancelled_all(&self) -> usize {
        self.notes.lock().unwrap().cancelled_all
    }

    /// The seat runs, without a fault, and so does the neighbour.
    #[track_caller]
    pub fn goes_on(&mut self) {
        self.run(10);
        assert_eq!((self.seat.state(), self.seat.report().faults), (SeatState::Running, 0), "{:?}", self.seat.report());
        self.neighbour_goes_on();
    }

    #[track_caller]
    pub fn neighbour_goes_on(&mut self) {
        let before = self.neighbour.report().events;
        self.run(10);
        let report = self.neighbour.report();
        assert_eq!((report.faults, report.state), (0, SeatState::Running));
        assert!(report.events >= before + 10, "the neighbour handles its events");
    }

    /// It faulted once with these words, its orders are gone, and the rest of the house goes on.
    #[track_caller]
    pub fn faulted(&mut self, words: &str) {
        let report = self.seat.report();
        let told = report.last_fault.unwrap_or_default();
        assert!(told.contains(words), "{told:?} does not say {words:?}");
        assert_eq!((report.faults, self.seat.state()), (1, SeatState::Restarting));
        assert_eq!(self.cancelled_all(), 1, "its orders are cancelled");
        self.neighbour_goes_on();
        let booked = self.notes.lock().unwrap().last_seq;
        assert_eq!(booked, self.seat.report().events, "what it was given is booked, once each");
    }
}

/// What an attack in `on-events` ends in.
#[track_caller]
pub fn faults(guest: &Guest, words: &str) {
    let mut house = House::of(guest);
    if house.seat.state() == SeatState::Running {
        house.run(10);
    }
    house.faulted(words);
}
