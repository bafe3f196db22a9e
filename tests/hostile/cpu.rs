//! CPU and scheduling.

use std::sync::Arc;
use std::time::Duration;

use ringfence_model::Micros;
use ringfence_model::strategy::StopReason;
use ringfence_sandbox::admission::rules::Rule;
use ringfence_sandbox::{Budgets, FaultKind, FleetEvent, Mitigation, SeatState, Settings};

use crate::arena::{Arena, Held, Plan, patient, swift};
use crate::common::Guest;
use crate::common::folder::Folder;
use crate::common::guest::{marked, times};
use crate::guests::{CAUSE, HOARD, evil, flood, once, spin};

cases! {
    C1: c1, c1_twin;
    C2: c2, c2_twin;
    C3: c3, c3_twin;
    C4: c4, c4_twin;
    C5: c5, c5_twin;
    C6: c6, c6_twin;
    C7: c7, c7_twin;
    C8: c8, c8_twin;
    C9: c9, c9_twin;
    C10: c10, c10_twin;
    C11: c11, c11_twin;
}

fn c1() -> Held {
    let mut arena = Arena::new(Plan::default());
    arena.start(&evil().does("(call $loop)")).unwrap();
    arena.settle();
    arena.faulted(FaultKind::Deadline, "on-events with one event used up its 20 ms of CPU time");
    arena.conclude()
}

/// It had the thread for as long as it liked.
fn c1_twin() {
    let spins = evil().does(&once(&spin()));
    let mut arena = Arena::with(Plan::budgets(swift()), &spins);
    arena.faulted(FaultKind::Deadline, "used up its 20 ms");
    let mut arena = Arena::with(Plan::budgets(patient()), &spins);
    arena.goes_on();
}

fn c2() -> Held {
    let mut arena = Arena::new(Plan::default());
    let describes = Guest { describe: "(call $loop) (i32.const 1024)".into(), ..evil() };
    arena.refuses(&describes, "describe", "describe used up its 20 ms");
    arena.refuses(&evil().init("(call $loop) (i32.const 256)"), "probe", "init or restore used up its 20 ms");
    arena.start(&evil().save("(call $loop) (i32.const 512)")).unwrap();
    arena.faulted(FaultKind::Deadline, "save used up its 20 ms");
    let held = arena.conclude();
    // Who is on his way out is not waited for, and takes his orders with him.
    let mut arena = Arena::with(Plan::default(), &Guest { shutdown: "(call $loop)".into(), ..evil() });
    let now = arena.now;
    arena.seat().stop(now, StopReason::Removed);
    assert_eq!(arena.report().state, SeatState::Removed);
    assert!(arena.lines().iter().any(|line| line.contains("shutdown used up its 20 ms")));
    let _ = arena.conclude();
    held
}

fn c2_twin() {
    let spin = spin();
    let describes = Guest { describe: format!("(local $i i32) {spin} (i32.const 1024)"), ..evil() };
    let begins = evil().fields(&format!("(func $spin (local $i i32) {spin})")).init("(call $spin) (i32.const 256)");
    let saves = evil().save(&format!("{spin} (i32.const 512)"));
    for guest in [&describes, &begins, &saves] {
        let mut arena = Arena::with(Plan::budgets(patient()), guest);
        arena.run(1_100);
        assert_eq!(arena.report().faults, 0, "each of them takes its time");
    }
}

fn c3() -> Held {
    let mut arena = Arena::new(Plan::default());
    arena.refuses(&evil().fields("(start $loop)"), "describe", "used up its 20 ms");
    arena.conclude()
}

fn c3_twin() {
    let starts = evil().fields(&format!("(func $spin (local $i i32) {}) (start $spin)", spin()));
    let mut arena = Arena::new(Plan::budgets(swift()));
    arena.refuses(&starts, "describe", "used up its 20 ms");
    Arena::with(Plan::budgets(patient()), &starts).goes_on();
}

/// The contract has no resources, so no destructor of a guest is ever called; what runs after a
/// call has returned is `post-return`, under the budget of that call.
fn c4() -> Held {
    let mut arena = Arena::with(Plan::default(), &Guest { after_save: "(call $loop)".into(), ..evil() });
    arena.faulted(FaultKind::Deadline, "save used up its 20 ms");
    let held = arena.conclude();
    let mut arena = Arena::with(Plan::default(), &Guest { after_save: "unreachable".into(), ..evil() });
    arena.faulted(FaultKind::GaveUp, "gave up");
    let _ = arena.conclude();
    held
}

fn c4_twin() {
    let after = Guest { after_save: "(call $spin)".into(), ..evil() };
    let after = after.fields(&format!("(func $spin (local $i i32) {})", spin()));
    let mut arena = Arena::with(Plan::budgets(patient()), &after);
    arena.run(1_100);
    assert_eq!((arena.report().faults, arena.report().state), (0, SeatState::Running));
}

/// Some milliseconds on every event, within the hard bound of a call.
fn burns() -> Guest {
    evil().does(&times(3_000_000, ""))
}

fn c5() -> Held {
    let budgets = Budgets { share_percent: 1, share_strike_percent: 100, ..patient() };
    let mut arena = Arena::with(Plan::budgets(budgets), &burns());
    arena.until("the conflation", |arena| arena.report().conflated);
    // From now on it gets market data only as far as its share of a core allows.
    let waits = |arena: &mut Arena| !arena.seat().is_due() && arena.seat().waiting() > 0;
    arena.until("a wait for its share", waits);
    arena.run(400);
    let report = arena.report();
    assert_eq!((report.faults, report.state), (0, SeatState::Running), "conflated before it is ended");
    assert!(report.waiting <= 64 + 2, "{} wait", report.waiting);
    arena.conclude()
}

fn c5_twin() {
    let mut arena = Arena::with(Plan::budgets(patient()), &burns());
    arena.run(200);
    let report = arena.report();
    assert_eq!((report.conflated, report.waiting, report.faults), (false, 0, 0), "it takes all that it likes");
}

/// A fill is not interrupted; what bounds it is how much there is to fill.
const FILLS: &str = "(memory.fill (i32.const 131072) (i32.const 7)
    (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 131072)))";

fn c6() -> Held {
    let fills = format!("{HOARD} (loop $again {FILLS} (br $again))");
    let mut arena = Arena::with(Plan::default(), &evil().does(&fills));
    assert_eq!(arena.outcome("#200"), 31, "no more than its budget is there to be filled");
    arena.faulted(FaultKind::Deadline, "used up its 20 ms");
    arena.conclude()
}

fn c6_twin() {
    let more = Budgets { memory_bytes: 512 << 20, ..patient() };
    let fills = once(&format!("{HOARD} {FILLS}"));
    let mut arena = Arena::with(Plan::budgets(more), &evil().does(&fills));
    assert_eq!(arena.outcome("#200"), 511, "sixteen times as long without a look at the budget");
    arena.goes_on();
}

fn c7() -> Held {
    let mut arena = Arena::with(Plan::default(), &evil().fields("(func $deep (call $deep))").does("(call $deep)"));
    arena.faulted(FaultKind::Stack, "stack overflowed");
    let held = arena.conclude();
    // Round through the host: the host writes an answer, for which the guest has to make room, and
    // instead calls the host again.
    let round = Guest {
        realloc: "(call $keys (i32.const 0)) (call $bump (local.get $align) (local.get $size))".into(),
        ..evil().does("(call $store (i32.const 4096) (i32.const 3) (i32.const 4096) (i32.const 3) (i32.const 0)) (call $keys (i32.const 0))")
    };
    let mut arena = Arena::new(Plan::default());
    let refusal = arena.start(&round).unwrap_err().to_string();
    assert!(refusal.contains("cannot leave"), "{refusal}");
    let _ = arena.conclude();
    held
}

/// Deeper than the bound allows, by a factor of two or so.
fn c7_twin() {
    let deep = "(func $deep (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
        (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))";
    let dives = evil().fields(deep).does(&once("(drop (call $deep (i32.const 25000)))"));
    let mut arena = Arena::with(Plan::budgets(patient()), &dives);
    arena.faulted(FaultKind::Stack, "stack overflowed");
    let dive = move || {
        let plan = Plan { budgets: patient(), ..Plan::without(Mitigation::Stack) };
        Arena::with(plan, &dives).goes_on();
    };
    std::thread::Builder::new().stack_size(64 << 20).spawn(dive).unwrap().join().unwrap();
}

fn branches() -> Guest {
    let table = format!("(func (block (br_table {} (i32.const 0))))", "0 ".repeat(60_000));
    evil().fields(&table.repeat(17))
}

fn c8() -> Held {
    let mut arena = Arena::new(Plan::default());
    arena.refuses(&branches(), "too-large", "branch-targets");
    arena.refuses(&evil().fields(&"(func)".repeat(100_001)), "too-large", "functions");
    arena.refuses(&evil().fields(&format!("(func {})", "nop ".repeat(1_100_000))), "too-large", "body-bytes");
    arena.refuses(&evil().fields(&format!("(func (local {}))", "i32 ".repeat(10_001))), "too-large", "locals");
    arena.refuses(&evil().fields(&format!("(func (param {}))", "i32 ".repeat(101))), "too-large", "parameters");
    arena.refuses(&evil().fields(&"(global i32 (i32.const 0))".repeat(50_001)), "too-large", "globals");
    let nested = format!("{}{}", "(component ".repeat(9), ")".repeat(9));
    arena.refuses_bytes(&wat::parse_str(nested).unwrap(), "too-large", "depth");
    arena.conclude()
}

fn c8_twin() {
    Arena::with(Plan::without(Mitigation::Scan(Rule::BranchTargets)), &branches()).goes_on();
    let parameters = evil().fields(&format!("(func (param {}))", "i32 ".repeat(101)));
    Arena::with(Plan::without(Mitigation::Scan(Rule::Parameters)), &parameters).goes_on();
}

/// A thousand timers, of a time that has passed and of no period.
fn storm() -> Guest {
    let set = format!("(call $timer (i64.const 1) {CAUSE} (i32.const 0))");
    let interval = format!("(call $interval (i64.const 0) {CAUSE} (i32.const 0))");
    evil().does(&format!("{} {}", flood(500, &set), flood(500, &interval)))
}

fn c9() -> Held {
    let plan = || Plan::budgets(Budgets { commands: 100_000, ..swift() });
    let mut arena = Arena::with(plan(), &storm());
    assert_eq!((arena.outcome("ok"), arena.outcome("quota timers")), (64, 936));
    arena.goes_on();
    let held = arena.conclude();
    // A chain: each timer that fires sets ten that are due at once. Time must go on.
    let chain = evil().does(&flood(10, &format!("(call $timer (i64.const 1) {CAUSE} (i32.const 0))")));
    let mut arena = Arena::with(plan(), &chain);
    arena.run(200);
    let fired = arena.report().events;
    assert!(fired < 64 + 200 + 300, "{fired} events within two seconds");
    assert!(arena.outcome("quota timers") > 0, "{:?}", arena.outcomes());
    let _ = arena.conclude();
    held
}

fn c9_twin() {
    let budgets = Budgets { commands: 100_000, timers: 1_000_000, timer_period: Duration::from_micros(1), ..patient() };
    let arena = Arena::with(Plan::budgets(budgets), &storm());
    assert_eq!((arena.outcome("ok"), arena.outcome("quota timers")), (1_000, 0));
}

fn flaps() -> Guest {
    let quotes = "(i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)";
    let both = format!("(call $subscribe {quotes}) (call $tally) (call $market.unsubscribe {quotes})");
    evil().does(&once(&flood(500, &both)))
}

fn c10() -> Held {
    let mut arena = Arena::with(Plan::default(), &flaps());
    assert_eq!((arena.outcome("ok"), arena.outcome("quota subscriptions")), (120, 880));
    arena.goes_on();
    arena.conclude()
}

fn c10_twin() {
    let budgets = Budgets { subscription_changes: 1_000_000, ..swift() };
    let arena = Arena::with(Plan::budgets(budgets), &flaps());
    assert_eq!((arena.outcome("ok"), arena.outcome("quota subscriptions")), (1_000, 0));
}

fn flapping(reloads: u32) -> Folder {
    let budgets = Arc::new(Budgets { reloads, ..Budgets::default() });
    let files = [("evil", Guest::new("evil").bytes()), ("meek", crate::common::guest::checker().bytes())];
    Folder::with(&files, Settings { budgets, ..Settings::default() })
}

/// Writes another content and waits for what becomes of it.
fn touch(folder: &Folder, mark: u8) -> bool {
    folder.put("evil", &marked(&Guest::new("evil").bytes(), mark));
    let told = folder.wait_for(
        |event| matches!(event, FleetEvent::Reloaded { name, .. } | FleetEvent::Delayed { name, .. } if name == "evil"),
    );
    matches!(told, FleetEvent::Reloaded { .. })
}

fn c11() -> Held {
    let mut folder = flapping(3);
    let taken = (1..=5).filter(|mark| touch(&folder, *mark)).count();
    assert_eq!(taken, 2, "three within a minute, the first of which was its start");
    folder.clock_goes_on(Micros::from_secs(61));
    folder.wait_for(|event| matches!(event, FleetEvent::Reloaded { name, generation: 4, .. } if name == "evil"));
    folder.neighbour_is_well("meek");
    Held::seen()
}

fn c11_twin() {
    let folder = flapping(1_000);
    assert_eq!((1..=5).filter(|mark| touch(&folder, *mark)).count(), 5, "each touch is a reload");
}
