//! The life of generations with real guests: trials, rollbacks, shadows, strikes, pauses,
//! and what an operator may say.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::desk::trade;
use common::folder::Folder;
use common::guest::{checker, marked, times};
use common::house::{sandbox, seat_with};
use common::{Guest, House, tight};
use ringfence_model::{Micros, Timestamp};
use ringfence_sandbox::budgets::CallTime;
use ringfence_sandbox::{Budgets, FaultKind, FleetEvent, GenerationState, PluginCommand, Seat, SeatState, Settings};

/// A checker that gives up when it is told of this event.
fn gives_up_at(seq: u64) -> Guest {
    let mut guest = checker();
    let last = format!("(if (i64.ge_u (i64.load (i32.const 8192)) (i64.const {seq})) (then unreachable))");
    guest.on_events = guest.on_events.replace("(call $count", &format!("{last} (call $count"));
    guest
}

/// A guest that wishes for one more symbol, which nobody granted.
fn wishes_for_more(name: &str) -> Guest {
    let (eth, usdt) = (u32::from_le_bytes(*b"ETHU"), u32::from_le_bytes(*b"SDT\0"));
    // The list of wishes is made anew between the manifest's texts.
    Guest::new(name)
        .poke(1_024 + 32, &[1_140, 2])
        .poke(1_140, &[1_130, 7, 256, 1, 1_172, 7, 256, 1])
        .poke(1_172, &[eth, usdt])
}

/// The first file of a name is refused if it wishes for what is not granted; a later one keeps the grant.
#[test]
fn a_version_that_wishes_for_more_keeps_the_grant() {
    let mut house = House::empty(tight());
    let refusal = house.start(&wishes_for_more("evil")).unwrap_err().to_string();
    assert!(refusal.contains("ETHUSDT, which is not granted (granted are: BTCUSDT)"), "{refusal}");

    let mut house = House::of(&checker());
    house.run(5);
    house.start(&wishes_for_more("evil")).unwrap();
    house.goes_on();
    assert_eq!(house.seat.report().generation, 2);
    let log = house.log();
    assert!(log.iter().any(|(_, line)| line.contains("ETHUSDT, which is not granted")), "{log:?}");
    let notes = house.notes.lock().unwrap();
    assert!(notes.subscribed.iter().all(|(instrument, _)| instrument.0 == 0), "{:?}", notes.subscribed);
    drop(notes);

    // A stream that the desk denies is left out as well.
    let mut house = House::of(&checker());
    house.notes.lock().unwrap().denied = Some(ringfence_model::StreamKind::Trades);
    house.start(&Guest::new("evil")).unwrap();
    house.goes_on();
    assert_eq!(house.seat.report().generation, 2);
}

/// Asks for a cancel with each call.
const CANCEL: &str = "(call $cancel (i64.const 1) (call $seq (local.get $batch)) (i32.const 0))";

#[test]
fn a_generation_that_fails_on_trial_gives_way_to_the_old_one() {
    let mut house = House::of(&checker());
    house.run(10);
    house.start(&gives_up_at(30)).unwrap();
    house.run(10);
    let report = house.seat.report();
    assert_eq!((report.generation, report.on_trial, report.faults), (2, true, 0));
    house.run(10);
    let report = house.seat.report();
    assert_eq!((report.generation, report.on_trial, report.state), (1, false, SeatState::Running));
    assert_eq!((report.faults, report.last_fault_kind), (1, Some(FaultKind::GaveUp)));
    assert_eq!(house.cancelled_all(), 1, "the orders of the failed one end");
    // The old one checks that it is told every number once, in order.
    house.run(10);
    let report = house.seat.report();
    assert_eq!((report.faults, report.state), (1, SeatState::Running), "{report:?}");
    let notes = house.notes.lock().unwrap();
    assert_eq!((notes.applied, notes.last_seq), (1 + 10 + 1 + 20 + 10, 42), "booked once each, without holes");
    drop(notes);
    let states: Vec<_> = house.seat.history().iter().map(|one| one.state).collect();
    assert_eq!(states, [GenerationState::Running, GenerationState::Stopped]);
    house.neighbour_goes_on();
}

#[test]
fn who_comes_back_does_not_trade_on_the_past() {
    let mut house = House::of(&Guest::new("old").does(CANCEL));
    house.run(5);
    house.start(&gives_up_at(12)).unwrap();
    house.run(5);
    house.run(5);
    assert_eq!((house.seat.report().generation, house.seat.report().faults), (1, 1));
    house.run(5);
    let notes = house.notes.lock().unwrap();
    let causes: Vec<u64> = notes.commands.iter().map(|(_, cause)| *cause).collect();
    assert!(causes.iter().all(|cause| !(7..=12).contains(cause)), "nothing for what the other was told: {causes:?}");
    assert!(causes.iter().any(|cause| *cause > 12), "and it trades on: {causes:?}");
}

#[test]
fn after_its_trial_a_fault_is_a_fault() {
    let budgets = Budgets { probation: 20, ..tight() };
    let mut house = House::with(budgets, &checker());
    house.run(10);
    house.start(&gives_up_at(40)).unwrap();
    house.run(10);
    house.run(10);
    assert!(!house.seat.report().on_trial);
    house.run(10);
    assert_eq!((house.seat.report().generation, house.seat.state()), (2, SeatState::Restarting));
}

#[test]
fn a_start_that_fails_leaves_the_old_one_running() {
    let mut house = House::of(&checker());
    house.run(10);
    for bad in [
        Guest { init: "unreachable".into(), ..checker() },
        Guest { restore: "unreachable".into(), ..checker() },
        checker().fields("(start $loop)"),
    ] {
        assert!(house.start(&bad).is_err());
        house.run(3);
        assert_eq!((house.seat.report().generation, house.seat.state()), (1, SeatState::Running));
    }
    assert_eq!(house.seat.report().faults, 0);
}

#[test]
fn three_faults_are_quarantine_and_a_new_file_ends_it() {
    let mut house = House::of(&Guest::new("evil").on_events("unreachable"));
    house.faulted("gave up");
    for (wait, faults, state) in [(1, 2, SeatState::Restarting), (2, 3, SeatState::Quarantined)] {
        house.advance(Micros::from_millis(wait * 1_000 - 100));
        assert_eq!(house.seat.state(), SeatState::Restarting, "not before its time");
        house.advance(Micros::from_millis(200));
        assert_eq!(house.seat.state(), SeatState::Running);
        house.run(1);
        assert_eq!((house.seat.report().faults, house.seat.state()), (faults, state));
    }
    house.advance(Micros::from_secs(3_600));
    assert_eq!(house.seat.state(), SeatState::Quarantined, "time alone does not end it");
    house.start(&Guest::new("evil")).unwrap();
    house.run(5);
    assert_eq!((house.seat.report().faults, house.seat.state()), (3, SeatState::Running));
}

#[test]
fn slow_calls_are_quarters_of_strikes_and_end_in_quarantine() {
    let slow = |hard| CallTime { soft: Duration::from_nanos(1), hard: Duration::from_millis(hard) };
    let budgets = Budgets { market: slow(20), timer: slow(20), ..tight() };
    let mut house = House::with(budgets, &Guest::new("slow"));
    for quarters in 1..11u32 {
        house.advance(Micros::from_secs(10));
        house.run(1);
        house.run(1);
        let report = house.seat.report();
        assert_eq!((report.state, report.strike_quarters), (SeatState::Running, quarters + 1), "one in ten seconds");
    }
    house.advance(Micros::from_secs(10));
    house.run(1);
    let report = house.seat.report();
    assert_eq!((report.state, report.last_fault_kind), (SeatState::Quarantined, Some(FaultKind::Slow)));
    assert!(report.slow_calls >= 22, "{}", report.slow_calls);
}

#[test]
fn floods_of_commands_end_at_the_budget() {
    let cancels = times(1_000, CANCEL);
    let mut house = House::of(&Guest::new("flood").does(&cancels));
    house.run(1);
    let commands = house.notes.lock().unwrap().commands.len();
    assert_eq!(commands, 2 * 256, "so many for each of its two calls");

    let flapping = times(1_000, "(call $subscribe (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))");
    let mut house = House::of(&Guest::new("flap").does(&flapping));
    house.run(1);
    let subscribed = house.notes.lock().unwrap().subscribed.len();
    assert!(subscribed <= 1 + 120 + 2, "its wish, and so many within a minute: {subscribed}");
    house.goes_on();
}

#[test]
fn log_lines_reach_nobody_as_commands_to_a_terminal() {
    let evil = Guest::new("evil")
        .fields("(data (i32.const 4096) \"\\1b[2J\\0a\\e2\\80\\aegone\")")
        .does("(call $log (i32.const 1) (i32.const 4096) (i32.const 12))");
    let mut house = House::of(&evil);
    let lines = house.log();
    assert_eq!(lines[0].1, "\\u{1b}[2J\\n\\u{202e}gone");
}

fn watched(settings: Settings, old: &Guest, new: &Guest) -> Seat {
    let sandbox = sandbox(tight());
    let (mut seat, _) = seat_with(&sandbox, "watched", settings);
    let mut now = Timestamp(1_000_000);
    let mut id = 0;
    let mut go_on = |seat: &mut Seat, count: u64| {
        for _ in 0..count {
            now = now.plus(Micros::from_millis(1));
            id += 1;
            seat.push(now, trade(id));
            while seat.is_due() {
                seat.run(usize::MAX);
            }
        }
    };
    seat.start(Timestamp(1), sandbox.admit(&old.bytes()).unwrap(), Vec::new()).unwrap();
    go_on(&mut seat, 5);
    seat.start(Timestamp(1), sandbox.admit(&new.bytes()).unwrap(), Vec::new()).unwrap();
    assert_eq!(seat.report().generation, 1, "the new one only watches");
    go_on(&mut seat, 60);
    seat
}

#[test]
fn a_shadow_is_compared_before_it_trades() {
    let budgets = Arc::new(tight());
    let settings = Settings { budgets, shadow_events: 50, shadow_differences: Some(0), ..Settings::default() };
    let old = Guest::new("watched").does(CANCEL);
    let same = Guest::new("watched").fields("(global $unused i32 (i32.const 7))").does(CANCEL);
    let seat = watched(settings.clone(), &old, &same);
    let shadow = seat.report().shadow.unwrap();
    assert_eq!((seat.report().generation, shadow.events, shadow.same, shadow.differences), (2, 50, 50, 0));

    let seat = watched(settings.clone(), &old, &Guest::new("watched"));
    let report = seat.report();
    let shadow = report.shadow.unwrap();
    assert_eq!((report.generation, report.faults, shadow.differences), (1, 0, 1), "not taken at the first");
    assert!(shadow.examples[0].contains("only the old one: cancel"), "{:?}", shadow.examples);

    // Without a bound it is taken, and the report says how it differed.
    let seat = watched(Settings { shadow_differences: None, ..settings.clone() }, &old, &Guest::new("watched"));
    let report = seat.report();
    assert_eq!((report.generation, report.shadow.unwrap().differences), (2, 50));

    // One that fails while it watches never trades, and it is no strike.
    let seat = watched(settings, &old, &Guest::new("watched").on_events("unreachable"));
    assert_eq!((seat.report().generation, seat.report().faults), (1, 0));
    assert!(seat.history().last().unwrap().note.contains("failed in its shadow phase"));
}

#[test]
fn an_operator_pauses_resumes_reloads_and_rolls_back() {
    let good = Guest::new("good").bytes();
    let mut folder = Folder::with(&[("good", good.clone())], Settings::default());
    let control = folder.fleet.control();
    assert!(control.command("bad", PluginCommand::Pause).unwrap_err().contains("there are: good"));
    assert!(control.command("good", PluginCommand::Rollback).unwrap_err().contains("no other file"));
    assert!(control.command("good", PluginCommand::Resume).unwrap_err().contains("it is running"));

    assert_eq!(control.command("good", PluginCommand::Pause).unwrap(), "it is paused");
    folder.trades("good", 10);
    assert!(folder.fleet.drain(Duration::from_secs(20)));
    let report = control.reports().remove(0);
    assert_eq!((report.state, report.events), (SeatState::Paused, 1), "it gets nothing");
    assert_eq!(control.command("good", PluginCommand::Resume).unwrap(), "it is running");
    folder.trades("good", 10);
    assert!(folder.fleet.drain(Duration::from_secs(20)));
    assert_eq!(control.reports().remove(0).events, 1 + 2 + 10, "a gap is told, and it goes on");

    assert_eq!(control.command("good", PluginCommand::Reload).unwrap(), "reloaded");
    folder.put("good", &marked(&good, 2));
    folder.wait_for(|event| matches!(event, FleetEvent::Reloaded { generation: 3, .. }));
    assert_eq!(control.command("good", PluginCommand::Rollback).unwrap(), "it is running, generation 2");
    // That was within its trial. After it the file before is started anew.
    folder.put("good", &marked(&good, 3));
    folder.wait_for(|event| matches!(event, FleetEvent::Reloaded { .. }));
    folder.trades("good", 1_000);
    assert!(folder.fleet.drain(Duration::from_secs(20)));
    assert!(!control.reports().remove(0).on_trial);
    assert_eq!(control.command("good", PluginCommand::Rollback).unwrap(), "it is running, generation 5");
    let history = control.history("good").unwrap();
    let notes: Vec<_> = history.iter().map(|one| (one.number, one.state, one.note.as_str())).collect();
    assert_eq!(history.len(), 5, "{notes:?}");
    assert!(notes[1].2.contains("reloaded by the operator"), "{notes:?}");
    assert!(notes[2].2.contains("rolled back by the operator"), "{notes:?}");
    assert!(notes[4].2.contains("rolled back to generation 2"), "{notes:?}");
    assert_eq!(folder.fleet.stop(Timestamp(9)).remove(0).faults, 0);
}

#[test]
fn flapping_files_wait_and_one_name_has_one_file() {
    let good = Guest::new("good").bytes();
    let budgets = Arc::new(Budgets { reloads: 2, ..Budgets::default() });
    let folder = Folder::with(&[("good", good.clone())], Settings { budgets, ..Settings::default() });
    folder.wait_for(|event| matches!(event, FleetEvent::Loaded { .. }));
    folder.put("good", &marked(&good, 1));
    folder.wait_for(|event| matches!(event, FleetEvent::Reloaded { generation: 2, .. }));
    folder.put("good", &marked(&good, 2));
    folder.wait_for(|event| matches!(event, FleetEvent::Delayed { .. }));
    folder.put("good", &marked(&good, 3));
    folder.wait_for(|event| matches!(event, FleetEvent::Delayed { .. }));
    folder.clock_goes_on(Micros::from_secs(61));
    folder.wait_for(|event| matches!(event, FleetEvent::Reloaded { generation: 3, .. }));

    folder.put("GOOD", &marked(&good, 4));
    let refused = folder.wait_for(|event| matches!(event, FleetEvent::Refused { .. }));
    assert!(format!("{refused:?}").contains("good.wasm has this name already"), "{refused:?}");
}

#[test]
fn what_a_shadow_comes_to_is_told() {
    let settings = Settings { shadow_events: 5, shadow_differences: Some(0), ..Settings::default() };
    let mut folder = Folder::with(&[("watched", Guest::new("watched").does(CANCEL).bytes())], settings);
    folder.wait_for(|event| matches!(event, FleetEvent::Loaded { .. }));
    folder.put("watched", &Guest::new("watched").bytes());
    folder.wait_for(|event| matches!(event, FleetEvent::Watching { .. }));
    folder.trades("watched", 20);
    let told = folder.wait_for(|event| matches!(event, FleetEvent::NotTaken { generation: 2, .. }));
    assert!(format!("{told:?}").contains("1 differences"), "{told:?}");
    assert_eq!(folder.fleet.control().reports().remove(0).generation, 1);
    // And that one was taken.
    let same = Guest::new("watched").fields("(global $unused i32 (i32.const 7))").does(CANCEL).bytes();
    folder.put("watched", &same);
    folder.wait_for(|event| matches!(event, FleetEvent::Watching { .. }));
    folder.trades("watched", 20);
    let next = folder.wait_for(|event| matches!(event, FleetEvent::NotTaken { .. } | FleetEvent::Taken { .. }));
    assert!(matches!(next, FleetEvent::Taken { generation: 3, .. }), "{next:?}");
}

#[test]
fn parameters_and_budgets_change_without_a_restart() {
    let good = Guest::new("good").bytes();
    let folder = Folder::with(&[("good", good)], Settings::default());
    folder.wait_for(|event| matches!(event, FleetEvent::Loaded { .. }));
    {
        let mut mind = folder.mind.lock().unwrap();
        (mind.fast, mind.changed) = (20, true);
        mind.settings.budgets = Arc::new(Budgets { timers: 3, ..Budgets::default() });
    }
    folder.wait_for(|event| matches!(event, FleetEvent::Reloaded { generation: 2, .. }));
    let control = folder.fleet.control();
    let report = control.reports().remove(0);
    let timers = report.quotas.iter().find(|quota| format!("{:?}", quota.kind) == "Timers").unwrap();
    assert_eq!((timers.limit, report.faults), (3, 0));
    assert!(control.history("good").unwrap()[1].note.contains("its parameters changed"));
}

#[test]
fn a_hog_is_conflated_and_leaves_its_neighbours() {
    let burn = times(400_000, "");
    let hog = Guest::new("hog").does(&burn).bytes();
    let files = [("hog", hog), ("meek", Guest::new("meek").bytes())];
    // A share so small that a busy machine can't hide who is above it.
    let budgets = Arc::new(Budgets { share_percent: 1, share_strike_percent: 100, ..Budgets::default() });
    let mut folder = Folder::with(&files, Settings { budgets, ..Settings::default() });
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        folder.trades("hog", 20);
        if let Ok(event) = folder.events.recv_timeout(Duration::from_millis(5))
            && matches!(&event, FleetEvent::Moved { name, slow: true } if name == "hog")
        {
            break;
        }
        assert!(Instant::now() < deadline, "{:?}", folder.fleet.reports());
    }
    let before = folder.id;
    folder.trades("meek", 100);
    folder.trades("hog", 100);
    assert!(folder.fleet.drain(Duration::from_secs(60)));
    let reports = folder.fleet.reports();
    let (hog, meek) = (&reports[0], &reports[1]);
    assert_eq!((meek.events, meek.faults, meek.conflated), (1 + 100, 0, false));
    assert!(hog.events < before + 100, "what it could not take was conflated: {} of {before}", hog.events);
    assert_eq!((hog.faults, hog.state), (0, SeatState::Running), "conflated before it is ended");
}

/// A file that takes long to admit delays nobody else's: it is looked at beside them.
#[test]
fn a_slow_admission_delays_no_other_reload() {
    let good = checker().bytes();
    let folder = Folder::with(&[("good", good.clone())], Settings::default());
    folder.wait_for(|event| matches!(event, FleetEvent::Loaded { .. }));
    // It describes itself for as long as it may, which is seconds of CPU time; its name comes first.
    let endless = Guest { describe: "(call $loop) (i32.const 1024)".into(), ..Guest::new("a-slow") };
    folder.put("a-slow", &endless.bytes());
    folder.put("good", &marked(&good, 1));
    let ended = |event: &FleetEvent| matches!(event, FleetEvent::Reloaded { .. } | FleetEvent::Refused { .. });
    let first = folder.wait_for(ended);
    assert!(matches!(&first, FleetEvent::Reloaded { name, .. } if name == "good"), "{first:?}");
    let second = folder.wait_for(ended);
    assert!(matches!(&second, FleetEvent::Refused { file, .. } if file == "a-slow.wasm"), "{second:?}");
}
