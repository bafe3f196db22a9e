//! A folder of plugins with a real fleet on it, an operator whose mind a test can change, and a
//! clock in the test's hand.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringfence_model::desk::Desk;
use ringfence_model::strategy::{Manifest, Mode, Value};
use ringfence_model::{Micros, SeatId, Timestamp};
use ringfence_sandbox::{
    Budgets, Fleet, FleetConfig, FleetEvent, Operator, Refreshed, SeatReport, SeatState, Settings,
};

use super::desk::{Notes, NotingDesk, trade};
use super::house::sandbox;

/// How long a test waits for what must come.
const WITHIN: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Mind {
    pub settings: Settings,
    pub fast: i64,
    pub changed: bool,
    /// Seats in the order in which they were opened, and what their desks have seen.
    pub names: Vec<String>,
    pub notes: Vec<Arc<Mutex<Notes>>>,
}

struct Desks {
    mind: Arc<Mutex<Mind>>,
}

impl Operator for Desks {
    fn open(&mut self, name: &str, _manifest: &Manifest) -> Result<Box<dyn Desk>, String> {
        let (desk, notes) = NotingDesk::new();
        let mut mind = self.mind.lock().unwrap();
        mind.names.push(name.to_owned());
        mind.notes.push(notes);
        Ok(Box::new(desk))
    }

    fn parameters(&mut self, _name: &str, _manifest: &Manifest) -> Result<Vec<(String, Value)>, String> {
        Ok(vec![("fast".to_owned(), Value::Integer(self.mind.lock().unwrap().fast))])
    }

    fn settings(&mut self, _name: &str) -> Settings {
        self.mind.lock().unwrap().settings.clone()
    }

    fn refresh(&mut self) -> Refreshed {
        if std::mem::take(&mut self.mind.lock().unwrap().changed) { Refreshed::Changed } else { Refreshed::Same }
    }

    fn seat_id(&self, name: &str) -> Option<SeatId> {
        let mind = self.mind.lock().unwrap();
        mind.names.iter().position(|one| one == name).map(|at| SeatId(u32::try_from(at).unwrap()))
    }
}

pub struct Folder {
    pub dir: tempfile::TempDir,
    pub fleet: Fleet,
    pub events: Receiver<FleetEvent>,
    pub clock: Arc<AtomicU64>,
    pub mind: Arc<Mutex<Mind>>,
    pub id: u64,
}

/// Writes a temporary name, then renames it: as an author should.
pub fn put(dir: &Path, name: &str, bytes: &[u8]) {
    let beside = dir.join("next.tmp");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(&beside, dir.join(format!("{name}.wasm"))).unwrap();
}

impl Folder {
    pub fn with(files: &[(&str, Vec<u8>)], settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            put(dir.path(), name, bytes);
        }
        let (told, events) = channel();
        let told = Mutex::new(told);
        let clock = Arc::new(AtomicU64::new(1_000_000_000));
        let mind = Arc::new(Mutex::new(Mind { settings, ..Mind::default() }));
        let config = FleetConfig {
            dir: dir.path().to_owned(),
            workers: 1,
            mode: Mode::Sim,
            seed: 1,
            clock: {
                let clock = Arc::clone(&clock);
                Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)))
            },
        };
        let fleet = Fleet::start(
            sandbox(Budgets::default()),
            config,
            Box::new(Desks { mind: Arc::clone(&mind) }),
            Arc::new(move |event| drop(told.lock().unwrap().send(event))),
        )
        .unwrap();
        Folder { dir, fleet, events, clock, mind, id: 0 }
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        put(self.dir.path(), name, bytes);
    }

    /// The venue's clock goes on; nothing else in a fleet has to do with time that passes.
    pub fn clock_goes_on(&self, by: Micros) {
        self.clock.fetch_add(by.0, Ordering::Relaxed);
    }

    #[track_caller]
    pub fn wait_for(&self, what: impl Fn(&FleetEvent) -> bool) -> FleetEvent {
        let deadline = Instant::now() + WITHIN;
        let mut others = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else { panic!("it did not come; what came: {others:?}") };
            if what(&event) {
                return event;
            }
            others.push(event);
        }
    }

    pub fn trades(&mut self, name: &str, count: u64) {
        let seat = self.mind.lock().unwrap().names.iter().position(|one| one == name).unwrap();
        let seat = u32::try_from(seat).unwrap();
        for _ in 0..count {
            self.id += 1;
            self.fleet.mailbox().deliver(SeatId(seat), Timestamp(self.id), trade(self.id));
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.mind.lock().unwrap().names.iter().position(|one| one == name)
    }

    pub fn has_seat(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// What the desk of a name has seen.
    pub fn notes(&self, name: &str) -> Arc<Mutex<Notes>> {
        let place = self.place(name).unwrap_or_else(|| panic!("no seat {name}"));
        Arc::clone(&self.mind.lock().unwrap().notes[place])
    }

    /// One trade, at the time of the clock.
    pub fn trade(&self, name: &str, id: u64) {
        let place = self.place(name).unwrap_or_else(|| panic!("no seat {name}"));
        let now = Timestamp(self.clock.load(Ordering::Relaxed));
        self.fleet.mailbox().deliver(SeatId(u32::try_from(place).unwrap()), now, trade(id));
    }

    /// Ends everything.
    pub fn stop(self) -> Vec<SeatReport> {
        let now = Timestamp(self.clock.load(Ordering::Relaxed));
        self.fleet.stop(now)
    }

    pub fn report(&self, name: &str) -> SeatReport {
        let reports = self.fleet.reports();
        reports.into_iter().find(|report| report.name == name).unwrap_or_else(|| panic!("no seat {name}"))
    }

    /// A plugin that checks the number of each event is told of all of them and does not mind.
    #[track_caller]
    pub fn neighbour_is_well(&mut self, name: &str) {
        // A generation that has just begun has a first event of its own under way.
        assert!(self.fleet.drain(WITHIN));
        let before = self.report(name);
        self.trades(name, 100);
        assert!(self.fleet.drain(WITHIN));
        let report = self.report(name);
        assert_eq!((report.state, report.faults), (SeatState::Running, 0), "{report:?}");
        assert_eq!(report.events, before.events + 100);
        assert!(!report.conflated);
    }
}
