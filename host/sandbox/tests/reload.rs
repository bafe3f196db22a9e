//! Hot reload at full event rate: a guest that checks the number of every event it is given,
//! over many generations, with broken files in between.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::desk::trade;
use common::guest::{checker, marked};
use common::house::sandbox;
use common::{Notes, NotingDesk};
use ringfence_model::desk::Desk;
use ringfence_model::strategy::{Manifest, Mode, Value};
use ringfence_model::{SeatId, Timestamp};
use ringfence_sandbox::{Budgets, Fleet, FleetConfig, FleetEvent, Operator, SeatState, Settings};

const WITHIN: Duration = Duration::from_secs(20);
/// Below the seat's queue, so that nothing is conflated and every number can be checked.
const CHUNK: u64 = 4_000;

struct Keys {
    notes: Arc<Mutex<Vec<Arc<Mutex<Notes>>>>>,
}

impl Operator for Keys {
    fn open(&mut self, _name: &str, _manifest: &Manifest) -> Result<Box<dyn Desk>, String> {
        let (desk, notes) = NotingDesk::new();
        self.notes.lock().unwrap().push(notes);
        Ok(Box::new(desk))
    }

    fn parameters(&mut self, _name: &str, _manifest: &Manifest) -> Result<Vec<(String, Value)>, String> {
        Ok(Vec::new())
    }

    /// A dozen generations within seconds are more than a plugin's author may have.
    fn settings(&mut self, _name: &str) -> Settings {
        Settings { budgets: Arc::new(Budgets { reloads: 60, ..Budgets::default() }), ..Settings::default() }
    }

    fn seat_id(&self, _name: &str) -> Option<SeatId> {
        Some(SeatId(0))
    }
}

fn wait_for(events: &Mutex<Receiver<FleetEvent>>, what: impl Fn(&FleetEvent) -> bool) -> FleetEvent {
    let deadline = Instant::now() + WITHIN;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = events.lock().unwrap().recv_timeout(left).expect("the event comes in time");
        assert!(!matches!(event, FleetEvent::Faulted { .. } | FleetEvent::Quarantined { .. }), "{event:?}");
        if what(&event) {
            return event;
        }
    }
}

fn replace(dir: &Path, bytes: &[u8]) {
    let beside = dir.join("next.tmp");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(&beside, dir.join("checker.wasm")).unwrap();
}

#[test]
fn no_event_is_lost_or_seen_twice_over_reloads() {
    let dir = tempfile::tempdir().unwrap();
    let good = checker().bytes();
    replace(dir.path(), &good);
    let (told, events) = channel();
    let events = Mutex::new(events);
    let told = Mutex::new(told);
    let notes = Arc::default();
    let config = FleetConfig {
        dir: dir.path().to_owned(),
        workers: 1,
        mode: Mode::Sim,
        seed: 1,
        clock: Arc::new(|| Timestamp(1)),
    };
    let mut fleet = Fleet::start(
        sandbox(Budgets::default()),
        config,
        Box::new(Keys { notes: Arc::clone(&notes) }),
        Arc::new(move |event| drop(told.lock().unwrap().send(event))),
    )
    .unwrap();
    wait_for(&events, |event| matches!(event, FleetEvent::Loaded { generation: 1, .. }));

    let mailbox = fleet.mailbox();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut delivered = 0u64;
    let mut slowest = Duration::ZERO;
    std::thread::scope(|scope| {
        let changes = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            for generation in 2..=12u64 {
                if generation % 4 == 0 {
                    // A broken file in between is refused, and the old generation goes on.
                    replace(dir.path(), &good[..good.len() / 2]);
                    wait_for(&events, |event| matches!(event, FleetEvent::Refused { .. }));
                }
                let started = Instant::now();
                let next = marked(&good, u8::try_from(generation).unwrap());
                if generation % 2 == 0 {
                    replace(dir.path(), &next);
                } else {
                    std::fs::write(dir.path().join("checker.wasm"), &next).unwrap();
                }
                wait_for(
                    &events,
                    |event| matches!(event, FleetEvent::Reloaded { generation: seen, .. } if *seen == generation),
                );
                slowest = slowest.max(started.elapsed());
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            slowest
        });
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            for _ in 0..CHUNK {
                delivered += 1;
                mailbox.deliver(SeatId(0), Timestamp(delivered), trade(delivered));
            }
            assert!(fleet.drain(WITHIN), "the worker keeps up");
        }
        slowest = changes.join().unwrap();
    });
    let report = fleet.reports().remove(0);
    assert_eq!((report.state, report.faults, report.generation), (SeatState::Running, 0, 12));
    assert_eq!(report.events, delivered + 12, "every trade, and one start a generation");
    {
        let notes: &Mutex<Vec<Arc<Mutex<Notes>>>> = &notes;
        let notes = notes.lock().unwrap();
        assert_eq!(notes.len(), 1, "one seat for all generations");
        let notes = notes[0].lock().unwrap();
        assert_eq!((notes.applied, notes.last_seq), (report.events, report.events), "booked once each, without holes");
    }
    println!("{delivered} trades over 12 generations; slowest change of a file took {slowest:?} to be seen");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");

    // Away and back: the same seat goes on with its numbers.
    std::fs::remove_file(dir.path().join("checker.wasm")).unwrap();
    wait_for(&events, |event| matches!(event, FleetEvent::Removed { .. }));
    replace(dir.path(), &good);
    wait_for(&events, |event| matches!(event, FleetEvent::Loaded { generation: 13, .. }));
    mailbox.deliver(SeatId(0), Timestamp(delivered + 1), trade(delivered + 1));
    assert!(fleet.drain(WITHIN));
    let report = fleet.stop(Timestamp(delivered + 2)).remove(0);
    assert_eq!((report.faults, report.events), (0, delivered + 1 + 13));
}
