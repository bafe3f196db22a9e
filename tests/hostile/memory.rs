//! Memory and the size of data.

use ringfence_sandbox::{Budgets, FaultKind, SeatState};

use crate::arena::{Arena, Held, Plan, patient, swift};
use crate::common::Guest;
use crate::common::guest::times;
use crate::guests::{HOARD, evil, once, with_wasi};

cases! {
    M1: m1, m1_twin;
    M2: m2, m2_twin;
    M3: m3, m3_twin;
    M4: m4, m4_twin;
    M5: m5, m5_twin;
    M6: m6, m6_twin;
    M7: m7, m7_twin;
    M8: m8, m8_twin;
    M9: m9, m9_twin;
    M10: m10, m10_twin;
}

fn m1() -> Held {
    let mut arena = Arena::with(Plan::default(), &evil().does(&once(HOARD)));
    arena.goes_on();
    assert_eq!(arena.outcome("#200"), 31, "32 MiB are its budget");
    assert!(arena.report().memory_bytes <= 32 << 20);
    arena.refuses(&evil().fields("(memory $large 65536)"), "too-large", "memory-bytes");
    let beyond = evil().fields("(data (i32.const 600000) \"beyond its first eight pages\")");
    arena.refuses(&beyond, "describe", "outside of its memory");
    arena.conclude()
}

fn m1_twin() {
    let more = Budgets { memory_bytes: 256 << 20, ..patient() };
    let mut arena = Arena::with(Plan::budgets(more), &evil().does(&once(HOARD)));
    arena.goes_on();
    assert_eq!(arena.outcome("#200"), 255);
    assert!(arena.report().memory_bytes > 200 << 20);
}

/// Two memories, each filled until there is no more; the note is of the second.
fn both() -> Guest {
    let second = HOARD.replace("memory.grow", "memory.grow $second").replace("memory.size", "memory.size $second");
    evil()
        .fields("(memory $second 0)")
        .does(&once(&format!("{HOARD} {}", second.replace("21280", "21284").replace("$more", "$again"))))
}

fn m2() -> Held {
    let mut arena = Arena::with(Plan::default(), &both());
    arena.goes_on();
    assert_eq!((arena.outcome("#200"), arena.outcome("#201")), (31, 0), "the second finds nothing left");
    assert!(arena.report().memory_bytes <= 32 << 20);
    arena.refuses(&evil().fields(&"(memory 0)".repeat(64)), "too-large", "memories");
    arena.conclude()
}

/// Each alone is within 64 MiB or little more; a limit for each would let them pass.
fn m2_twin() {
    let more = Budgets { memory_bytes: 128 << 20, ..patient() };
    let both = Guest { memory: "(memory (export \"memory\") 8 1024)".into(), ..both() };
    let mut arena = Arena::with(Plan::budgets(more), &both);
    arena.goes_on();
    assert!(arena.outcome("#201") >= 63, "{:?}", arena.outcomes());
    assert!(arena.report().memory_bytes > 126 << 20, "twice 64 MiB");
}

/// A line of 300,000 bytes; all of its memory would do as well.
const LONG_LINE: &str = "(call $log (i32.const 1) (i32.const 131072) (i32.const 300000))";

/// A manifest with a thousand wishes for the same 100,000 bytes.
fn aliasing() -> Guest {
    let fill = "(func $fill (local $i i32) (loop $next
        (i32.store (i32.add (i32.const 200000) (i32.mul (local.get $i) (i32.const 16))) (i32.const 65536))
        (i32.store (i32.add (i32.const 200004) (i32.mul (local.get $i) (i32.const 16))) (i32.const 100000))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 1000)))))";
    let floods = Guest { describe: "(call $fill) (i32.const 1024)".into(), ..evil().fields(fill) };
    floods.poke(1_024 + 32, &[200_000, 1_000])
}

fn m3() -> Held {
    let mut arena = Arena::new(Plan::default());
    arena.refuses(&aliasing(), "describe", "it failed");
    arena.start(&evil().does(LONG_LINE)).unwrap();
    arena.settle();
    arena.faulted(FaultKind::Boundary, "it failed");
    assert!(arena.lines().iter().all(|line| line.len() <= 1_024));
    arena.conclude()
}

fn m3_twin() {
    let budgets = Budgets { hostcall_bytes: 1 << 30, hostcall_bytes_rare: 1 << 30, ..patient() };
    let mut arena = Arena::new(Plan::budgets(budgets));
    arena.refuses(&aliasing(), "manifest", "more than 64 wishes");
    arena.start(&evil().does(&once(LONG_LINE))).unwrap();
    arena.goes_on();
    let lines = arena.lines();
    assert!(lines.iter().any(|line| line.len() > 1_000), "it was copied whole, to be cut to a line: {lines:?}");
}

/// Grows a table until it may not; notes how many thousands it has.
fn tables() -> Guest {
    let grow = "(loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
        (i32.store (i32.const 21280) (i32.div_u (table.size $t) (i32.const 1000))) (call $report)";
    evil().fields("(table $t 0 1000000 funcref)").does(&once(grow))
}

fn m4() -> Held {
    let mut arena = Arena::with(Plan::default(), &tables());
    arena.goes_on();
    assert_eq!(arena.outcome("#200"), 19, "all of its tables together have 20,000");
    arena.refuses(&evil().fields("(table 200000 funcref)"), "too-large", "table-elements");
    arena.conclude()
}

fn m4_twin() {
    let mut arena = Arena::with(Plan::budgets(Budgets { table_elements: 10_000_000, ..patient() }), &tables());
    arena.goes_on();
    assert_eq!(arena.outcome("#200"), 1_000, "as many as the table says, each eight bytes of the host");
}

fn handles() -> Guest {
    let import = "(import \"wasi:cli/stdout@0.2.0\" \"get-stdout\" (func $stdout (result i32)))";
    with_wasi(import).does(&once(&times(1_000, "(drop (call $stdout))")))
}

fn m5() -> Held {
    let mut arena = Arena::with(Plan::default(), &handles());
    arena.faulted(FaultKind::Boundary, "it failed");
    arena.conclude()
}

fn m5_twin() {
    let budgets = Budgets { handles: 100_000, hostcall_bytes: 1 << 20, ..swift() };
    Arena::with(Plan::budgets(budgets), &handles()).goes_on();
}

/// A state of so many bytes.
fn saves(bytes: u32) -> Guest {
    let save = format!(
        "(i32.store (i32.const 512) (i32.const 65536)) (i32.store (i32.const 516) (i32.const {bytes})) (i32.const 512)"
    );
    Guest { memory: "(memory (export \"memory\") 512)".into(), ..evil().save(&save) }
}

fn m6() -> Held {
    let mut arena = Arena::with(Plan::default(), &saves(30 << 20));
    arena.faulted(FaultKind::Boundary, "it failed");
    let held = arena.conclude();
    // The manifest is an answer, too.
    let mut arena = Arena::new(Plan::default());
    let giant = Guest { memory: "(memory (export \"memory\") 512)".into(), ..evil().poke(1_024, &[65_536, 30 << 20]) };
    arena.refuses(&giant, "describe", "it failed");
    let _ = arena.conclude();
    held
}

fn m6_twin() {
    let budgets = Budgets { hostcall_bytes_rare: 1 << 30, saved_bytes: 1 << 30, ..patient() };
    let mut arena = Arena::with(Plan::budgets(budgets), &saves(30 << 20));
    arena.run(1_100);
    assert_eq!((arena.report().faults, arena.report().state), (0, SeatState::Running), "30 MB were copied");
}

/// 1,500 keys; every answer is noted at `#200` (taken) or after it (the error's number).
fn keys() -> Guest {
    let key = "(i32.store8 (i32.const 8192) (i32.add (i32.const 97) (i32.rem_u (local.get $i) (i32.const 26))))
        (i32.store8 (i32.const 8193) (i32.add (i32.const 97) (i32.rem_u (i32.div_u (local.get $i) (i32.const 26)) (i32.const 26))))
        (i32.store8 (i32.const 8194) (i32.add (i32.const 97) (i32.div_u (local.get $i) (i32.const 676))))";
    let set = |at: u32, length: u32, bytes: u32| {
        format!(
            "(call $store (i32.const {at}) (i32.const {length}) (i32.const 4096) (i32.const {bytes}) (i32.const 0))
             (call $note (i32.add (i32.const 200) (select (i32.add (i32.const 1) (i32.load8_u (i32.const 1)))
               (i32.const 0) (i32.load8_u (i32.const 0)))))"
        )
    };
    let odd = "(data (i32.const 9000) \"a\\00b\") (data (i32.const 9010) \"../../etc/passwd\") (data (i32.const 9040) \"a b\")";
    let body = [
        times(1_500, &format!("{key} {}", set(8_192, 3, 36))),
        set(9_000, 3, 1),
        set(9_040, 3, 1),
        set(9_100, 0, 1),
        set(9_010, 16, 1),
        set(8_192, 300, 1),
        set(8_192, 3, 70_000),
        "(call $report)".to_owned(),
    ];
    evil().fields(odd).does(&once(&body.concat()))
}

/// `#200` taken, `#201` key too long, `#202` value too large, `#203` full, `#204` invalid key.
fn answers(arena: &Arena) -> [u64; 5] {
    ["#200", "#201", "#202", "#203", "#204"].map(|what| arena.outcome(what))
}

fn m7() -> Held {
    let budgets = Budgets { hostcall_bytes: 1 << 20, ..swift() };
    let mut arena = Arena::with(Plan::budgets(budgets), &keys());
    // A key is a name and never a path: dots and strokes are letters like others.
    assert_eq!(answers(&arena), [1_024, 1, 1, 476 + 1, 3]);
    arena.goes_on();
    arena.conclude()
}

fn m7_twin() {
    let budgets = Budgets { hostcall_bytes: 1 << 20, store: (1 << 20, 1 << 30), ..swift() };
    let arena = Arena::with(Plan::budgets(budgets), &keys());
    assert_eq!(answers(&arena), [1_501, 1, 1, 0, 3]);
}

fn m8() -> Held {
    let mut arena = Arena::with(Plan::default(), &saves(1_100_000));
    arena.faulted(FaultKind::Contract, "its saved state has 1100000 bytes, the limit is 1048576");
    let held = arena.conclude();
    // A state is bytes to the host: whatever is in it reaches the next generation as it was.
    let wild = evil().fields("(data (i32.const 30000) \"\\00\\ff\\1b[2J\\c0\\80\")").save(
        "(i32.store (i32.const 512) (i32.const 30000)) (i32.store (i32.const 516) (i32.const 8)) (i32.const 512)",
    );
    let reads = evil().restore(
        "(if (i32.ne (local.get $length) (i32.const 8)) (then unreachable))
         (if (i64.ne (i64.load (local.get $state)) (i64.load (i32.const 30000))) (then unreachable)) (i32.const 256)",
    );
    let reads = reads.fields("(data (i32.const 30000) \"\\00\\ff\\1b[2J\\c0\\80\")");
    let mut arena = Arena::with(Plan::default(), &wild);
    arena.start(&reads).unwrap();
    arena.goes_on();
    assert_eq!(arena.report().generation, 2);
    // And one that chokes on it is not taken; the old one goes on.
    let chokes = Guest { restore: "unreachable".into(), ..evil() };
    let refusal = arena.start(&chokes).unwrap_err();
    assert_eq!(refusal.code(), "fault", "{refusal}");
    arena.goes_on();
    assert_eq!(arena.report().generation, 2);
    let _ = arena.conclude();
    held
}

fn m8_twin() {
    let budgets = Budgets { saved_bytes: 1 << 30, ..swift() };
    let mut arena = Arena::with(Plan::budgets(budgets), &saves(1_100_000));
    arena.run(1_100);
    assert_eq!((arena.report().faults, arena.report().state), (0, SeatState::Running));
}

/// A page more with every call.
fn leaks() -> Guest {
    evil().does("(drop (memory.grow (i32.const 1)))")
}

fn m9() -> Held {
    let mut arena = Arena::with(Plan::budgets(Budgets { memory_bytes: 1 << 20, ..swift() }), &leaks());
    arena.goes_on();
    assert_eq!(arena.report().memory_bytes, 1 << 20, "the operator sees it stand at its limit");
    arena.conclude()
}

fn m9_twin() {
    let mut arena = Arena::with(Plan::budgets(Budgets { memory_bytes: 1 << 30, ..swift() }), &leaks());
    arena.goes_on();
    let first = arena.report().memory_bytes;
    arena.run(200);
    assert!(arena.report().memory_bytes > first && first > 1 << 20);
}

/// A trap at the bottom of a thousand frames, in every call.
fn traps() -> Guest {
    let deep = "(func $deep (param i32) (if (i32.eqz (local.get 0)) (then unreachable))
        (call $deep (i32.sub (local.get 0) (i32.const 1))))";
    evil().fields(deep).does("(call $deep (i32.const 1000))")
}

fn m10() -> Held {
    let mut arena = Arena::new(Plan::default());
    arena.start(&traps()).unwrap();
    arena.settle();
    arena.faulted(FaultKind::GaveUp, "gave up");
    // It is started again after a second, then after two, and then no more.
    arena.run(2_000);
    let report = arena.report();
    assert_eq!((report.faults, report.strike_quarters, report.state), (3, 12, SeatState::Quarantined));
    let words: usize = arena.lines().iter().map(String::len).sum();
    assert!(words < 4_096, "{words} bytes of it");
    arena.holds_nothing();
    arena.conclude()
}

fn m10_twin() {
    let mut arena = Arena::new(Plan::budgets(Budgets { strikes: 1_000, ..swift() }));
    arena.start(&traps()).unwrap();
    arena.run(13_000);
    assert!(arena.report().faults > 6, "{} faults, and it is still started again", arena.report().faults);
    assert_ne!(arena.report().state, SeatState::Quarantined);
}
