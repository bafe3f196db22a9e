//! Secrets and leaks.

use std::time::Instant;

use ringfence_binance::Credentials;
use ringfence_engine::Output;
use ringfence_exchange::AccountConfig;
use ringfence_model::venue::{ClientOrderId, CommandOutcome, VenueEvent, VenueOrder};
use ringfence_model::{Decimal, OrderKind, Side, TimeInForce};
use ringfence_sandbox::{FaultKind, SeatState};

use crate::arena::{Arena, Held, Plan};
use crate::common::Guest;
use crate::guests::{counted, evil, once, tagged, with_wasi};

cases! {
    S1: s1, s1_twin;
    S2: s2, s2_twin;
    S3: s3, s3_twin;
    S4: s4, s4_twin;
    S5: s5, s5_twin;
    S6: s6, s6_twin;
    S7: s7, s7_twin;
}

/// Asks for the environment and notes how many variables there are, at `#200`.
fn environment() -> Guest {
    let import = "(import \"wasi:cli/environment@0.2.0\" \"get-environment\" (func $environment (param i32)))";
    let asks = "(call $environment (i32.const 0)) (i32.store (i32.const 21280) (i32.load (i32.const 4)))
        (call $note (i32.const 201)) (call $report)";
    with_wasi(import).does(&once(asks))
}

fn s1() -> Held {
    let mut arena = Arena::with(Plan::default(), &environment());
    assert_eq!((arena.outcome("#201"), arena.outcome("#200")), (1, 0), "it was asked, and there is none");
    arena.goes_on();
    // A key is no text: neither a log nor an error can show it by accident.
    let account = AccountConfig::default();
    let credentials = Credentials::new(account.api_key.clone(), account.secret.clone());
    let shown = format!("{credentials:?}");
    assert!(!shown.contains(&account.secret), "{shown}");
    // What the venue says of an order reaches the plugin as a word, never as the venue's text.
    let plan = Plan { unfiltered: true, ..Plan::default() };
    let mut refused = Arena::with(plan, &evil().does(&once(&counted(&[crate::guests::limit(0, (1, 9), (1, 9))]))));
    refused.run(10);
    assert!(
        refused
            .answers
            .iter()
            .any(|answer| matches!(answer, VenueEvent::Answer { outcome: CommandOutcome::Rejected(_), .. }))
    );
    assert_eq!(refused.lines(), Vec::<String>::new());
    let _ = refused.conclude();
    arena.conclude()
}

/// This process has an environment, which its children are given; who holds the key can show it.
fn s1_twin() {
    assert!(std::env::vars_os().count() > 0);
    assert_eq!(Credentials::new("the key".to_owned(), "the secret".to_owned()).api_key(), "the key");
}

const TEXTS: &str = "(data (i32.const 30000) \"leak0123 too long for a tag\") (data (i32.const 30040) \"a/b\\1b\")";

fn s2() -> Held {
    let price = (5_000_000, 2);
    let orders = [
        tagged(price, (30_000, 8)),
        tagged(price, (30_000, 9)),
        tagged(price, (30_000, 27)),
        tagged(price, (30_040, 4)),
        tagged(price, (30_000, 0)),
    ];
    let mut arena = Arena::with(Plan::default(), &evil().fields(TEXTS).does(&once(&counted(&orders))));
    arena.run(10);
    assert_eq!((arena.outcome("ok"), arena.outcome("invalid-field tag")), (1, 4), "{:?}", arena.outcomes());
    assert_eq!(arena.placed(), 1);
    for output in &arena.sent {
        let Output::Place(approved) = output else { continue };
        let order = approved.order();
        assert_eq!(order.client_order_id, ClientOrderId("arena-2-1".to_owned()), "made of session, seat and number");
        assert!(!format!("{order:?}").contains("leak"), "the tag stays in the host: {order:?}");
    }
    arena.conclude()
}

/// The venue would take whatever is written there.
fn s2_twin() {
    let mut arena = Arena::with(Plan::default(), &evil());
    let kind = OrderKind::Limit {
        quantity: Decimal::new(1, 2),
        price: Decimal::from(50_000),
        time_in_force: TimeInForce::Gtc,
        iceberg_quantity: None,
    };
    let client_order_id = ClientOrderId("arena-the-secret-in-36-characters-aa".to_owned());
    let order = VenueOrder { symbol: "BTCUSDT".to_owned(), side: Side::Buy, kind, client_order_id };
    let now = arena.now;
    let answer = arena.venue.place(now, &order);
    assert!(matches!(answer, VenueEvent::Answer { outcome: CommandOutcome::Accepted, .. }), "{answer:?}");
}

/// Writes a key, or gives up if it finds it there.
const WRITES: &str = "(call $store (i32.const 4096) (i32.const 3) (i32.const 4096) (i32.const 8) (i32.const 0))";
const LOOKS: &str = "(call $state.get (i32.const 4096) (i32.const 3) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (call $note (i32.const 200)))) (call $keys (i32.const 0))
    (i32.store (i32.const 21284) (i32.load (i32.const 4))) (call $note (i32.const 202)) (call $report)";

fn s3() -> Held {
    let mut arena = Arena::with(Plan::default(), &evil().does(&once(LOOKS)));
    let other = arena.open("other", &Plan::default());
    arena.start_at(other, &Guest::new("other").does(WRITES)).unwrap();
    arena.run(20);
    arena.start(&evil().fields("(global $again i32 (i32.const 1))").does(&once(LOOKS))).unwrap();
    arena.run(20);
    assert_eq!((arena.outcome("#202"), arena.outcome("#200"), arena.outcome("#201")), (1, 0, 0), "nothing is there");
    // Nor in words: what it is told of its own limits names nobody else.
    let told = format!("{:?}", arena.report().quotas);
    assert!(!told.contains("other") && !told.contains("alpha"), "{told}");
    arena.conclude()
}

/// In its own seat the next generation finds it.
fn s3_twin() {
    let mut arena = Arena::with(Plan::default(), &evil().does(WRITES));
    arena.start(&evil().does(&once(LOOKS))).unwrap();
    arena.run(20);
    assert_eq!((arena.outcome("#200"), arena.outcome("#201")), (1, 1));
}

/// Looks at the clock, works, and looks again; notes at `#200` if it has gone on.
fn measures() -> Guest {
    let import = "(import \"wasi:clocks/monotonic-clock@0.2.0\" \"now\" (func $now (result i64)))";
    let looks = "(local.set $j (call $now)) (loop $work (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $work (i32.lt_u (local.get $i) (i32.const 1000000))))
        (if (i64.ne (local.get $j) (call $now)) (then (call $note (i32.const 200)))) (call $note (i32.const 201)) (call $report)";
    with_wasi(import).does(looks)
}

fn s4() -> Held {
    let mut arena = Arena::with(Plan::default(), &measures());
    arena.goes_on();
    assert!(arena.outcome("#201") > 10);
    assert_eq!(arena.outcome("#200"), 0, "time stands still within a call");
    arena.conclude()
}

/// A clock of the machine would have told it.
fn s4_twin() {
    let before = Instant::now();
    let mut sum = 0u64;
    while before.elapsed().is_zero() {
        sum = sum.wrapping_add(1);
    }
    assert!(!before.elapsed().is_zero(), "{sum}");
}

/// A counter in shared memory, the clock of those who have none; and instructions for it.
const SHARED: &str = "(module (memory 1 1 shared) (func (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))))";

/// Speculation itself is not stopped here: that bounds are masked is the engine's default, and what
/// remains is documented. It is denied what makes it measurable.
fn s5() -> Held {
    let mut arena = Arena::new(Plan::default());
    let shared = evil().fields("(memory $shared 1 1 shared)");
    let refusal = arena.admit(&shared).unwrap_err();
    assert!(["compile", "broken", "encoding"].contains(&refusal.code()), "{refusal}");
    let atomics = evil().fields("(func $atomic (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))");
    let refusal = arena.admit(&atomics).unwrap_err();
    assert!(["compile", "broken", "encoding"].contains(&refusal.code()), "{refusal}");
    arena.run(1);
    arena.conclude()
}

/// With threads it is a module like others.
fn s5_twin() {
    let module = wat::parse_str(SHARED).unwrap();
    let with = |features| wasmparser::Validator::new_with_features(features).validate_all(&module).is_ok();
    let all = wasmparser::WasmFeatures::default() | wasmparser::WasmFeatures::THREADS;
    assert!(with(all));
    assert!(!with(all & !wasmparser::WasmFeatures::THREADS));
}

/// Leaves a secret in memory and gives up; notes at `#200` if it finds one.
fn leaves(gives_up: bool) -> Guest {
    let end = if gives_up { "unreachable" } else { "" };
    evil().does(&format!(
        "(if (i32.load (i32.const 40000)) (then (call $note (i32.const 200)))) (call $note (i32.const 201)) (call $report)
         (i64.store (i32.const 40000) (i64.const 0x5ec4e7)) {end}"
    ))
}

fn s6() -> Held {
    let mut arena = Arena::new(Plan::default());
    arena.start(&leaves(true)).unwrap();
    arena.settle();
    arena.faulted(FaultKind::GaveUp, "gave up");
    arena.until("its restart and its next fault", |arena| arena.report().faults == 2);
    assert_eq!((arena.outcome("#201"), arena.outcome("#200")), (1, 0), "each instance begins with zeros");
    arena.conclude()
}

/// In the same instance it stays.
fn s6_twin() {
    let mut arena = Arena::with(Plan::default(), &leaves(false));
    arena.goes_on();
    assert_eq!(arena.outcome("#200"), arena.outcome("#201") - 1);
}

/// A secret in memory, on the stack and in a global, and a trap in the midst of it.
fn s7() -> Held {
    let secret = "sesame-0451";
    let guest = evil()
        .fields(&format!("(data (i32.const 40000) \"{secret}\") (global $secret (mut i64) (i64.const 0x5e5a3e0451))"))
        .does("(local.set $j (global.get $secret)) (drop (i32.div_u (i32.load (i32.const 40000)) (i32.const 0)))");
    let mut arena = Arena::new(Plan::default());
    arena.start(&guest).unwrap();
    arena.settle();
    arena.faulted(FaultKind::Trap, "it trapped");
    let report = arena.report();
    let words = format!("{report:?} {:?} {:?}", arena.seat().history(), arena.lines());
    for leak in [secret, "5e5a3e0451", "405256995921", "40000", "0x"] {
        assert!(!words.contains(leak), "{leak} in {words}");
    }
    assert_eq!(report.state, SeatState::Restarting);
    // Nor does a file of its memory stay behind: the folder that it runs in is as it was.
    let here = std::fs::read_dir(".").unwrap().flatten().map(|entry| entry.file_name());
    assert!(here.into_iter().all(|name| !name.to_string_lossy().starts_with("core")));
    arena.conclude()
}

/// What it says itself is its own affair, and in its log.
fn s7_twin() {
    let guest = evil()
        .fields("(data (i32.const 40000) \"sesame-0451\")")
        .does("(call $log (i32.const 1) (i32.const 40000) (i32.const 11))");
    let mut arena = Arena::with(Plan::default(), &guest);
    assert_eq!(arena.lines()[0], "sesame-0451");
}
