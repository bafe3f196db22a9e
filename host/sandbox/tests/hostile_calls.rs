//! Plugins that attack from inside a call: the host goes on, the seat faults with a clear
//! text, its orders are cancelled, and the plugin beside it notices nothing.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::guest::times;
use common::house::{call, faults};
use common::{Guest, House, tight};
use ringfence_model::Micros;
use ringfence_model::strategy::StopReason;
use ringfence_sandbox::admission::rules::Rule;
use ringfence_sandbox::{Budgets, Refusal, SeatState};

fn evil() -> Guest {
    Guest::new("evil")
}

#[test]
fn a_good_guest_runs() {
    let mut house = House::of(&Guest::new("good"));
    house.goes_on();
    assert_eq!(house.seat.report().events, 1 + 20);
    assert_eq!(house.cancelled_all(), 0);
}

#[test]
fn endless_loops_end_with_their_budget() {
    faults(&evil().does("(call $loop)"), "on-events with one event used up its 20 ms of CPU time");

    let mut house = House::empty(tight());
    let refused = house.start(&evil().init("(call $loop) (i32.const 256)"));
    assert!(matches!(&refused, Err(Refusal::Probe(what)) if what.contains("init or restore used up")), "{refused:?}");
    let describes = Guest { describe: "(call $loop) (i32.const 1024)".into(), ..evil() };
    let refused = house.admit(&describes);
    assert!(matches!(&refused, Err(Refusal::Describe(what)) if what.contains("describe used up")), "{refused:?}");
    let refused = house.admit(&evil().fields("(start $loop)"));
    assert!(matches!(&refused, Err(Refusal::Describe(what)) if what.contains("used up")), "{refused:?}");
    house.neighbour_goes_on();
}

#[test]
fn a_loop_in_save_or_shutdown_costs_only_the_guest() {
    let mut house = House::of(&evil().save("(call $loop) (i32.const 512)"));
    house.advance(Micros::from_secs(11));
    house.faulted("save used up its 50 ms");

    let mut house = House::of(&Guest { shutdown: "(call $loop)".into(), ..evil() });
    let now = house.now;
    common::house::quickly(|| house.seat.stop(now, StopReason::Removed));
    assert_eq!(house.seat.state(), SeatState::Removed);
    assert_eq!(house.cancelled_all(), 1);
    house.neighbour_goes_on();
}

#[test]
fn traps_are_told_in_words() {
    faults(&evil().fields("(func $deep (call $deep))").does("(call $deep)"), "stack overflowed");
    faults(&evil().on_events("unreachable"), "gave up");
    faults(&evil().does("(drop (i32.load (i32.const -4)))"), "outside of its memory");
    faults(&evil().does("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), "it trapped");
}

/// Grows until it may not, and traps if it has got more than the 64 MiB that the budget says.
const HOARDS: &str = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (if (i32.gt_u (memory.size) (i32.const 1024)) (then unreachable))";

#[test]
fn memory_ends_where_the_budget_says() {
    let mut house = House::of(&evil().does(HOARDS));
    house.goes_on();
    // With a larger budget the same guest gets more: it is the budget that holds it.
    let more = Budgets {
        memory_bytes: 256 << 20,
        market: call(2_000),
        events_most: std::time::Duration::from_secs(2),
        timer: call(2_000),
        ..tight()
    };
    let mut house = House::with(more, &evil().does(HOARDS));
    house.faulted("gave up");
}

#[test]
fn memories_are_limited_together() {
    let both = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
        (loop $more (br_if $more (i32.ne (memory.grow $second (i32.const 16)) (i32.const -1))))
        (if (i32.gt_u (i32.add (memory.size) (memory.size $second)) (i32.const 1024)) (then unreachable))";
    let mut house = House::of(&evil().fields("(memory $second 8)").does(both));
    house.goes_on();
}

#[test]
fn tables_are_limited() {
    let house = House::empty(tight());
    let refused = house.admit(&evil().fields("(table 200000 funcref)"));
    let rule = Rule::TableElements;
    assert_eq!(refused.unwrap_err(), Refusal::TooLarge { rule, found: 200_000, allowed: 100_000 });
}

#[test]
fn a_manifest_cannot_point_outside_or_make_the_host_copy_for_ever() {
    let mut house = House::empty(tight());
    let refused = house.admit(&evil().poke(1_024, &[0xffff_0000, 100]));
    assert!(matches!(refused, Err(Refusal::Describe(_))), "{refused:?}");

    // A thousand wishes whose symbols are the same 100,000 bytes: 100 MB for the host, nothing for the guest.
    let fill = "(func $fill (local $i i32) (loop $next
        (i32.store (i32.add (i32.const 200000) (i32.mul (local.get $i) (i32.const 16))) (i32.const 65536))
        (i32.store (i32.add (i32.const 200004) (i32.mul (local.get $i) (i32.const 16))) (i32.const 100000))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 1000)))))";
    let floods = Guest { describe: "(call $fill) (i32.const 1024)".into(), ..evil().fields(fill) };
    let refused = house.admit(&floods.clone().poke(1_024 + 32, &[200_000, 1_000]));
    assert!(matches!(refused, Err(Refusal::Describe(_))), "{refused:?}");
    // Few of them fit the budget, and are then too many for a manifest.
    let refused = house.admit(&evil().poke(1_024 + 32, &[300_000, 65]));
    assert!(matches!(refused, Err(Refusal::Manifest(_))), "{refused:?}");
    house.neighbour_goes_on();
}

#[test]
fn a_flood_of_lines_is_bounded() {
    let flood = times(2_000, "(call $log (i32.const 1) (i32.const 4096) (i32.const 36))");
    let mut house = House::of(&evil().does(&flood));
    house.goes_on();
    let lines = house.log();
    assert!(lines.len() <= 202, "{} lines", lines.len());
    assert!(lines.last().is_some_and(|(_, line)| line.contains("more lines were dropped")), "{:?}", lines.last());
    // One line larger than all that the host copies for a call.
    faults(&evil().does("(call $log (i32.const 1) (i32.const 0) (i32.const 300000))"), "it failed");
}

/// Writes four different letters at 8,192 for each `$i`.
const NAME: &str = "(i32.store8 (i32.const 8192) (i32.add (i32.const 97) (i32.rem_u (local.get $i) (i32.const 26))))
    (i32.store8 (i32.const 8193) (i32.add (i32.const 97) (i32.rem_u (i32.div_u (local.get $i) (i32.const 26)) (i32.const 26))))
    (i32.store8 (i32.const 8194) (i32.add (i32.const 97) (i32.div_u (local.get $i) (i32.const 676))))";

#[test]
fn floods_of_timers_keys_and_gauges_are_bounded() {
    let timers = times(500, "(call $timer (i64.const 99999999999) (call $seq (local.get $batch)) (i32.const 0))");
    House::of(&evil().does(&timers)).goes_on();

    let keys = times(
        1_500,
        &format!("{NAME} (call $store (i32.const 8192) (i32.const 3) (i32.const 4096) (i32.const 36) (i32.const 0))"),
    );
    House::of(&evil().does(&keys)).goes_on();

    let gauges =
        times(500, &format!("{NAME} (call $gauge (i32.const 8192) (i32.const 3) (i64.const 1) (i32.const 0))"));
    let mut house = House::of(&evil().does(&gauges));
    house.goes_on();
    assert_eq!(house.seat.report().gauges.len(), 64);
}

#[test]
fn a_state_that_is_too_large_is_a_fault() {
    let save =
        "(i32.store (i32.const 512) (i32.const 65536)) (i32.store (i32.const 516) (i32.const 1100000)) (i32.const 512)";
    let large = Guest { memory: "(memory (export \"memory\") 64)".into(), ..evil().save(save) };
    let mut house = House::of(&large);
    house.advance(Micros::from_secs(11));
    house.faulted("its saved state has 1100000 bytes, the limit is 1048576");
}

#[test]
fn counts_that_cannot_be_are_faults() {
    faults(&evil().on_events("(i32.const 0)"), "handled 0 of 1 events");
    faults(&evil().on_events("(i32.const 77)"), "handled 77 of 1 events");
    faults(&evil().on_events("(i32.const -1)"), "of 1 events");
}

#[test]
fn a_cause_must_be_an_event_that_is_handled() {
    let unknown = evil().does("(call $cancel (i64.const 1) (i64.const 999999) (i32.const 0))");
    let mut house = House::of(&unknown);
    house.goes_on();
    assert!(house.notes.lock().unwrap().commands.is_empty());

    let ahead = evil().on_events(
        "(call $cancel (i64.const 1) (i64.add (call $seq (local.get $batch)) (i64.const 5)) (i32.const 0)) (i32.const 1)",
    );
    faults(&ahead, "left unhandled");

    let early = evil().init("(call $cancel (i64.const 1) (i64.const 1) (i32.const 0)) (i32.const 256)");
    let mut house = House::of(&early);
    house.goes_on();
    assert!(house.notes.lock().unwrap().commands.is_empty(), "commands work in on-events only");

    let honest = evil().does("(call $cancel (i64.const 1) (call $seq (local.get $batch)) (i32.const 0))");
    let mut house = House::of(&honest);
    house.goes_on();
    assert!(!house.notes.lock().unwrap().commands.is_empty());
}

#[test]
fn three_faults_are_quarantine_and_a_new_file_ends_it() {
    let mut house = House::of(&evil().on_events("unreachable"));
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
fn a_bug_of_the_host_costs_one_plugin() {
    let mut house = House::of(&Guest::new("good"));
    house.notes.lock().unwrap().panics = true;
    house.start(&evil().does("(call $cancel (i64.const 1) (call $seq (local.get $batch)) (i32.const 0))")).unwrap();
    house.run(1);
    let told = house.seat.report().last_fault.unwrap();
    assert!(told.contains("the host failed"), "{told}");
    house.neighbour_goes_on();
}
