//! Values that make a host panic.

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use ringfence_engine::Limits;
use ringfence_model::strategy::StopReason;
use ringfence_model::{Decimal, Micros};
use ringfence_sandbox::{FaultKind, Mitigation};
use wit_component::StringEncoding;
use wit_parser::{Resolve, Type, TypeDefKind};

use crate::arena::{Arena, Held, Plan};
use crate::common::Guest;
use crate::common::house::{House, tight};
use crate::guests::{CAUSE, cancel, counted, evil, limit, once};

cases! {
    V1: v1, v1_twin;
    V2: v2, v2_twin;
    V3: v3, v3_twin;
    V4: v4, v4_twin;
    V5: v5, v5_twin;
    V6: v6, v6_twin;
    V7: v7, v7_twin;
    V8: v8, v8_twin;
    V9: v9, v9_twin;
    V10: v10, v10_twin;
}

/// A body that must end in a fault at the boundary, with these words.
fn ends_at_the_boundary(guest: &Guest, words: &str) -> Held {
    let mut arena = Arena::new(Plan::default());
    arena.start(guest).unwrap();
    arena.settle();
    arena.faulted(FaultKind::Boundary, words);
    arena.conclude()
}

/// Logs bytes as they stand there.
fn says(bytes: &str, length: u32) -> Guest {
    evil()
        .fields(&format!("(data (i32.const 30000) \"{bytes}\")"))
        .does(&format!("(call $log (i32.const 1) (i32.const 30000) (i32.const {length}))"))
}

/// Texts in two-byte units; the manifest has no wishes.
fn wide(text: &[u16]) -> Guest {
    let mut texts = Vec::new();
    let mut fields: Vec<u32> = Vec::new();
    for word in ["evil", "0.1.0", "made for a test", "wat"] {
        let units: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
        fields.extend([1_200 + texts.len() as u32, word.len() as u32]);
        texts.extend(units);
    }
    fields.extend([0, 0, 0, 0]);
    let mut manifest: Vec<u8> = fields.iter().flat_map(|word| word.to_le_bytes()).collect();
    manifest.resize(1_200 - 1_024, 0);
    manifest.extend(texts);
    let bytes: String = text.iter().flat_map(|unit| unit.to_le_bytes()).map(|byte| format!("\\{byte:02x}")).collect();
    let units = u32::try_from(text.len()).unwrap();
    Guest { manifest, encoding: StringEncoding::UTF16, ..says(&bytes, units) }
}

fn v1() -> Held {
    for (bytes, length) in
        [("\\ff", 1), ("\\c0\\80", 2), ("\\ed\\a0\\80", 3), ("\\f5\\80\\80\\80", 4), ("a\\e2\\82", 3)]
    {
        let _ = ends_at_the_boundary(&says(bytes, length), "utf-8");
    }
    ends_at_the_boundary(&wide(&[0x61, 0xd800, 0x62]), "surrogate")
}

/// What is text passes, and as bytes anything does: it is the type that is held, not the content.
fn v1_twin() {
    let mut arena = Arena::with(Plan::default(), &wide(&[0x61, 0xd83d, 0xde00, 0x62]));
    assert_eq!(arena.lines()[0], "a\u{1f600}b");
    let stores = "(call $store (i32.const 4096) (i32.const 1) (i32.const 30000) (i32.const 1) (i32.const 0))
        (if (i32.load8_u (i32.const 0)) (then unreachable))";
    let mut arena = Arena::with(Plan::default(), &says("\\ff", 0).does(stores));
    arena.goes_on();
}

/// Clears a screen, begins a second line, turns the reading direction around.
fn commands() -> Guest {
    says("\\1b[2J\\0afaked\\e2\\80\\aegone\\07", 18)
}

fn v2() -> Held {
    let mut arena = Arena::with(Plan::default(), &commands());
    assert_eq!(arena.lines()[0], "\\u{1b}[2J\\nfaked\\u{202e}gone\\u{7}");
    // The same in what a plugin says of itself, and in the name of a gauge.
    let mut named = evil();
    named.manifest[1_200 - 1_024] = 0x1b;
    arena.refuses(&named, "manifest", "\\u{1b}vil");
    let gauge = evil()
        .fields("(data (i32.const 30000) \"\\1b[31m\")")
        .does("(call $gauge (i32.const 30000) (i32.const 5) (i64.const 1) (i32.const 0))");
    arena.start(&gauge).unwrap();
    arena.goes_on();
    assert_eq!(arena.report().gauges[0].0, "\\u{1b}[31m");
    arena.conclude()
}

fn v2_twin() {
    let mut arena = Arena::with(Plan::without(Mitigation::Escape), &commands());
    let line = arena.lines().remove(0);
    assert!(line.starts_with("\x1b[2J\nfaked\u{202e}"), "a terminal would have obeyed it: {line:?}");
}

fn v3() -> Held {
    let subscribe = "(call $subscribe (i32.const 0) (i32.const 7) (i32.const 0) (i32.const 0))";
    for (body, words) in [
        ("(call $log (i32.const 9) (i32.const 4096) (i32.const 1))".to_owned(), "discriminant"),
        (subscribe.to_owned(), "discriminant"),
        (limit(2, (1, 0), (1, 0)), "discriminant"),
        (limit(0, (1, 0), (1, 0)).replacen("(i32.const 1)", "(i32.const 7)", 1), "discriminant"),
        ("(call $log (i32.const 1) (i32.const -16) (i32.const 64))".to_owned(), "out of bounds"),
        ("(call $log (i32.const 1) (i32.const 524287) (i32.const 2))".to_owned(), "out of bounds"),
        ("(call $log (i32.const 1) (i32.const 0) (i32.const -1))".to_owned(), ""),
        (format!("(call $cancel (i64.const 1) {CAUSE} (i32.const -4))"), ""),
        (format!("(call $cancel (i64.const 1) {CAUSE} (i32.const 3))"), "aligned"),
    ] {
        let _ = ends_at_the_boundary(&evil().does(&body), words);
    }
    // Its own loads and stores beyond its memory reach nothing of anybody's.
    let mut arena = Arena::new(Plan::default());
    arena.start(&evil().does("(drop (i32.load (i32.const -4)))")).unwrap();
    arena.settle();
    arena.faulted(FaultKind::Bounds, "outside of its memory");
    let _ = arena.conclude();
    // What points nowhere in an answer is the guest's fault, too.
    let mut arena = Arena::new(Plan::default());
    arena.refuses(&evil().poke(1_024, &[0xffff_0000, 100]), "describe", "it failed");
    let beside = Guest { describe: "(i32.const 1025)".into(), ..evil() };
    arena.refuses(&beside, "describe", "aligned");
    arena.conclude()
}

fn v3_twin() {
    let sound = "(call $log (i32.const 3) (i32.const 4096) (i32.const 36))
        (call $subscribe (i32.const 0) (i32.const 6) (i32.const 0) (i32.const 0))";
    let mut arena = Arena::with(Plan::default(), &evil().does(sound));
    arena.goes_on();
    assert_eq!(arena.lines()[0], "abcdefghijklmnopqrstuvwxyz0123456789");
}

/// The contract without floats, and a configuration that takes none that is no number.
fn v4() -> Held {
    let mut resolve = Resolve::default();
    resolve.push_dir(crate::common::guest::wit()).unwrap();
    let is_float = |ty: &Type| matches!(ty, Type::F32 | Type::F64);
    for (_, ty) in &resolve.types {
        let floats = match &ty.kind {
            TypeDefKind::Record(record) => record.fields.iter().any(|field| is_float(&field.ty)),
            TypeDefKind::Tuple(tuple) => tuple.types.iter().any(is_float),
            TypeDefKind::Variant(variant) => variant.cases.iter().any(|case| case.ty.as_ref().is_some_and(is_float)),
            TypeDefKind::List(of) | TypeDefKind::Option(of) | TypeDefKind::Type(of) => is_float(of),
            _ => false,
        };
        assert!(!floats, "{:?} has a float", ty.name);
    }
    for (_, interface) in &resolve.interfaces {
        for function in interface.functions.values() {
            assert!(!function.params.iter().any(|param| is_float(&param.ty)), "{}", function.name);
        }
    }
    for number in ["nan", "inf", "-inf", "-0.5", "1e400"] {
        let config = format!("[plugins.evil.limits]\nprice_collar = {number}\n");
        let told = crate::files::refused_configuration(&config);
        assert!(told.contains("ringfence.toml:2:"), "{number}: {told}");
    }
    // A guest may compute what it likes with floats; nothing of that reaches the host as one.
    let mut arena = Arena::with(Plan::default(), &nan());
    arena.goes_on();
    arena.conclude()
}

/// The bits of a NaN as the mantissa of a gauge.
fn nan() -> Guest {
    evil().does(
        "(call $gauge (i32.const 4096) (i32.const 3) (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0))) (i32.const 0))",
    )
}

/// It arrives as the whole number that its bits are, the same on every machine: NaNs are canonical.
fn v4_twin() {
    let arena = Arena::with(Plan::default(), &nan());
    let canonical = i64::from_le_bytes(0x7ff8_0000_0000_0000u64.to_le_bytes());
    assert_eq!(arena.report().gauges, [("abc".to_owned(), Decimal::from(canonical))]);
    // A host that reckons with floats would have had it as a price.
    assert!(f64::from_bits(0x7ff8_0000_0000_0000).is_nan());
}

fn v5() -> Held {
    let gauge = |mantissa: i64, scale: u32| {
        format!("(call $gauge (i32.const 4096) (i32.const 3) (i64.const {mantissa}) (i32.const {scale}))")
    };
    let mut body = String::new();
    for mantissa in [i64::MIN, -1, 0, i64::MAX] {
        for scale in [0, 18, 19, 28, 29, 255, 256, u32::MAX] {
            body.push_str(&gauge(mantissa, scale));
        }
    }
    let orders: Vec<String> = [(i64::MAX, 0), (i64::MAX, 18), (i64::MIN, 0)]
        .into_iter()
        .flat_map(|odd| [limit(0, odd, odd), limit(1, odd, (i64::MAX, 0)), limit(0, (i64::MAX, 0), odd)])
        .collect();
    body.push_str(&counted(&orders));
    // Every limit that multiplies is on.
    let plan = Plan { limits: Limits::default(), unfiltered: true, ..Plan::default() };
    let mut arena = Arena::with(plan, &evil().does(&body));
    arena.goes_on();
    assert_eq!((arena.outcome("ok"), arena.placed()), (0, 0), "{:?}", arena.outcomes());
    arena.conclude()
}

/// The plain operators would have brought the host down.
fn v5_twin() {
    assert!(catch_unwind(|| Decimal::MAX * Decimal::TWO).is_err());
    assert!(catch_unwind(|| Decimal::MAX + Decimal::MAX).is_err());
    assert_eq!(Decimal::MAX.checked_mul(Decimal::TWO), None);
}

fn v6() -> Held {
    let times = [0u64, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    let mut body = String::new();
    for at in times {
        let at = at as i64;
        body.push_str(&format!("(call $timer (i64.const {at}) {CAUSE} (i32.const 0))"));
        body.push_str(&format!("(call $interval (i64.const {at}) {CAUSE} (i32.const 0))"));
        body.push_str(&format!("(call $timers.cancel (i64.const {at}))"));
        body.push_str(&format!(
            "(call $metrics.point (i32.const 4096) (i32.const 3) (i64.const {at}) (i64.const 1) (i32.const 0))"
        ));
        body.push_str(&format!(
            "(call $market.request-history (i32.const 0) (i32.const 60) (i32.const 1) (i64.const {at}) (i32.const 1) {CAUSE} (i32.const 0))"
        ));
        for interval in [0u32, 1, 61, u32::MAX] {
            body.push_str(&format!(
                "(call $market.request-history (i32.const 0) (i32.const {interval}) (i32.const 0) (i64.const 0) (i32.const 1) {CAUSE} (i32.const 0))"
            ));
        }
    }
    let mut arena = Arena::with(Plan::default(), &evil().does(&once(&body)));
    arena.goes_on();
    // Causes that were never told.
    for cause in ["(i64.const 0)", "(i64.const -1)", "(i64.const 999999999)"] {
        let cites = limit(0, (100, 5), (5_000_000, 2)).replace(CAUSE, cause);
        arena.start(&evil().does(&once(&counted(&[cites])))).unwrap();
        arena.run(5);
        assert_eq!((arena.outcome("invalid-field cause"), arena.placed()), (1, 0), "{:?}", arena.outcomes());
    }
    let held = arena.conclude();
    // Or of the future: an event of its batch that it then leaves unhandled.
    let ahead = limit(0, (100, 5), (5_000_000, 2)).replace(CAUSE, &format!("(i64.add {CAUSE} (i64.const 5))"));
    let mut arena = Arena::with(Plan::default(), &evil().on_events("(call $count (local.get $batch))"));
    arena.start(&evil().on_events(&format!("{ahead} (i32.const 1)"))).unwrap();
    for trade in 0..20 {
        arena.tell(crate::common::desk::trade(trade));
    }
    arena.settle();
    let report = arena.report();
    assert_eq!(report.last_fault_kind, Some(FaultKind::Contract), "{report:?}");
    assert!(report.last_fault.unwrap().contains("left unhandled"));
    let _ = arena.conclude();
    held
}

fn v6_twin() {
    assert!(catch_unwind(|| Instant::now() + Duration::MAX).is_err(), "a clock and a guest's time, added up");
    assert_eq!(ringfence_model::Timestamp(u64::MAX).plus(Micros::MAX).0, u64::MAX);
}

fn v7() -> Held {
    let mut body = String::new();
    for number in [2u32, 1_000, u32::MAX / 2, u32::MAX - 1, u32::MAX] {
        let number = number as i32;
        body.push_str(&format!("(call $market.last-quote (i32.const {number}) (i64.const -1) (i32.const 0))"));
        body.push_str(&format!("(call $market.book (i32.const {number}) (i32.const -1) (i64.const 0) (i32.const 0))"));
        body.push_str(&format!("(call $market.book (i32.const 0) (i32.const {number}) (i64.const -1) (i32.const 0))"));
        body.push_str(&format!(
            "(call $subscribe (i32.const {number}) (i32.const 5) (i32.const {number}) (i32.const 0))"
        ));
        body.push_str(&format!(
            "(call $subscribe (i32.const 0) (i32.const 4) (i32.const {}) (i32.const 0))",
            number & 255
        ));
        body.push_str(&format!(
            "(call $market.unsubscribe (i32.const {number}) (i32.const 4) (i32.const 255) (i32.const 0))"
        ));
        body.push_str(&format!("(call $orders.cancel-all (i32.const 1) (i32.const {number}) {CAUSE} (i32.const 0))"));
        body.push_str(&format!(
            "(call $orders.amend (i64.const {number}) (i64.const {number}) (i32.const 255) {CAUSE} (i32.const 0))"
        ));
        body.push_str(&cancel(&format!("(i64.const {number})")));
    }
    let mut arena = Arena::with(Plan::default(), &evil().does(&once(&body)));
    arena.goes_on();
    assert_eq!(arena.placed(), 0);
    let held = arena.conclude();
    // And how many events it says it has handled.
    for (said, words) in [(0, "handled 0 of 1 events"), (77, "handled 77 of 1 events"), (-1, "of 1 events")] {
        let mut arena = Arena::new(Plan::default());
        arena.start(&evil().on_events(&format!("(i32.const {said})"))).unwrap();
        arena.settle();
        arena.faulted(FaultKind::Contract, words);
        let _ = arena.conclude();
    }
    held
}

fn v7_twin() {
    let table = [1u8, 2];
    let index = std::hint::black_box(usize::try_from(u32::MAX).unwrap());
    assert!(catch_unwind(|| table[index]).is_err());
    assert_eq!(table.get(index), None);
}

/// An order wherever a guest can be called but in its handler. The cause is made up.
fn meddles() -> Guest {
    let order = |cause: &str| {
        format!("{} (call $tally) (call $report)", limit(0, (100, 5), (5_000_000, 2)).replace(CAUSE, cause))
    };
    let order = order("(i64.const 1)");
    Guest {
        describe: format!("{order} (i32.const 1024)"),
        init: format!("{order} (i32.const 256)"),
        save: format!("{order} (i32.const 512)"),
        restore: format!("{order} (i32.const 256)"),
        shutdown: order,
        ..evil()
    }
}

fn v8() -> Held {
    let mut arena = Arena::with(Plan::default(), &meddles());
    arena.run(1_100);
    arena.start(&meddles().fields("(global $other i32 (i32.const 1))")).unwrap();
    arena.run(600);
    let now = arena.now;
    arena.seat().stop(now, StopReason::Operator);
    let outcomes = arena.outcomes();
    assert!(outcomes.get("not-now").is_some_and(|count| *count >= 3), "{outcomes:?}");
    assert_eq!((outcomes.len(), arena.placed(), arena.report().faults), (1, 0, 0), "{outcomes:?}");
    arena.conclude()
}

/// The very same command from the handler goes out.
fn v8_twin() {
    let mut arena = Arena::with(Plan::default(), &evil().does(&once(&counted(&[limit(0, (100, 5), (5_000_000, 2))]))));
    arena.run(5);
    assert_eq!((arena.outcome("ok"), arena.placed()), (1, 1));
}

/// One order; a hundred calls later it is cancelled three times at once, and again when it is gone.
fn insists() -> Guest {
    let thrice = cancel("(i64.const 1)") + " (call $tally) ";
    let calls = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))";
    let at = |call: u32, body: &str| {
        format!("(if (i32.eq (global.get $calls) (i32.const {call})) (then {body} (call $report)))")
    };
    let body = format!(
        "{} {calls} {} {}",
        once(&counted(&[limit(0, (100, 5), (5_000_000, 2))])),
        at(10, &thrice.repeat(3)),
        at(20, &thrice.repeat(2)),
    );
    evil().fields("(global $calls (mut i32) (i32.const 0))").does(&body)
}

fn v9() -> Held {
    let mut arena = Arena::with(Plan::default(), &insists());
    arena.until("the last cancel", |arena| arena.outcome("unknown-order") > 0);
    assert_eq!((arena.outcome("ok"), arena.outcome("unknown-order")), (1 + 3, 2));
    assert_eq!((arena.placed(), arena.cancels()), (1, 1), "the venue was asked once");
    arena.goes_on();
    arena.holds_nothing();
    arena.conclude()
}

/// Each of them, sent as it comes, would have been an error on the account's record.
fn v9_twin() {
    let mut arena = Arena::with(Plan::default(), &evil().does(&once(&counted(&[limit(0, (100, 5), (5_000_000, 2))]))));
    arena.run(5);
    let id = ringfence_model::venue::ClientOrderId("arena-2-1".to_owned());
    let now = arena.now;
    let answers: Vec<_> = (0..3).map(|_| arena.venue.cancel(now, "BTCUSDT", &id)).collect();
    assert_ne!(answers[0], answers[1]);
    assert_eq!(answers[1], answers[2]);
}

/// Asks for a cancel with each call.
fn cancels() -> Guest {
    evil().does(&format!("(call $cancel (i64.const 1) {CAUSE} (i32.const 0))"))
}

/// A desk that panics, beside one that does not.
fn v10() -> Held {
    let mut house = House::with(tight(), &Guest::new("good"));
    house.notes.lock().unwrap().panics = true;
    house.start(&cancels()).unwrap();
    house.run(1);
    let report = house.seat.report();
    assert_eq!(report.last_fault_kind, Some(FaultKind::Host));
    assert_eq!((report.faults, report.strike_quarters), (1, 0), "a strike for nobody");
    house.neighbour_goes_on();
    Held::seen()
}

/// Where nobody catches it, it ends the thread.
fn v10_twin() {
    let (mut desk, notes) = crate::common::NotingDesk::new();
    notes.lock().unwrap().panics = true;
    let asked = std::thread::spawn(move || {
        use ringfence_model::desk::Desk as _;
        desk.cancel(ringfence_model::Timestamp(1), ringfence_model::OrderId(1), 0)
    });
    assert!(asked.join().is_err());
}
