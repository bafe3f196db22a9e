//! Whoever follows depth in a lock-step run has a book, however late it comes: of a generated
//! market, which tells no snapshot by itself, and of a recording, which tells one at its start.

#![allow(clippy::unwrap_used, clippy::panic, dead_code, unreachable_pub, reason = "the builder of guests is shared")]

#[path = "../../sandbox/tests/common/guest.rs"]
mod guest;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use guest::Guest;
use ringfence_backtest::{Report, Run, RunConfig, Source};
use ringfence_engine::{Limits, Permissions, SeatConfig};
use ringfence_model::{Decimal, InstrumentId, Micros, Timestamp};
use ringfence_sandbox::{Sandbox, SandboxConfig, Settings};

/// Follows depth from its `after`th call on; `b` is whether it had a book before, `a` whether it has one now.
fn follower(name: &str, after: u32) -> Guest {
    let book = "(call $book (i32.const 0) (i32.const 1) (i64.const -1) (i32.const 0))";
    let gauge = |name: u32| {
        format!(
            "(call $gauge (i32.const {name}) (i32.const 1) (i64.extend_i32_u (i32.load8_u (i32.const 0))) (i32.const 0))"
        )
    };
    // What a book brings is written over the batch, so that is counted first.
    let mut guest = Guest::new(name).fields("(global $calls (mut i32) (i32.const 0))").on_events(&format!(
        "(local.set $i (call $count (local.get $batch)))
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            {book}
            (if (i32.eq (global.get $calls) (i32.const {after})) (then
              {}
              (call $subscribe (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 0))))
            {book}
            {}
            (local.get $i)",
        gauge(4_097),
        gauge(4_096)
    ));
    guest.imports =
        r#"(import "ringfence:strategy/market@0.1.0" "book" (func $book (param i32 i32 i64 i32)))"#.to_owned();
    guest
}

fn play(source: Source) -> Report {
    let sandbox = Sandbox::new(SandboxConfig::in_process()).unwrap();
    let balances = vec![("USDT".to_owned(), Decimal::from(1_000))];
    let config = RunConfig {
        source,
        seed: 7,
        balances: balances.clone(),
        latency: Micros::from_millis(5),
        start: Timestamp::from_millis(1_767_225_600_000),
        length: None,
    };
    let mut run = Run::open(config, Arc::clone(&sandbox)).unwrap();
    for (name, after) in [("early", 1), ("late", 60)] {
        let plugin = sandbox.admit(&follower(name, after).bytes()).unwrap();
        let seat = SeatConfig {
            name: name.to_owned(),
            instruments: vec![InstrumentId(0)],
            allocation: Vec::new(),
            limits: Limits::default(),
            permissions: Permissions::default(),
        };
        run.seat(plugin, seat, Vec::new(), Settings::default()).unwrap();
    }
    run.play(&mut |_| {}).unwrap()
}

fn check(report: &Report) {
    assert_eq!(report.seats.len(), 2);
    for seat in &report.seats {
        let gauge = |name: &str| seat.gauges.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        assert!(seat.events > 100 && seat.faults == 0, "{seat:?}");
        assert_eq!(gauge("b"), Some(Decimal::ZERO), "{} had a book before it asked", seat.name);
        assert_eq!(gauge("a"), Some(Decimal::ONE), "{} has no book", seat.name);
    }
}

#[test]
fn of_a_generated_market() {
    check(&play(Source::Generator { length: Micros::from_secs(10), symbols: vec!["BTCUSDT".to_owned()] }));
}

fn recording(file: &Path) {
    const START: u64 = 1_723_161_253_000;
    let mut text = String::new();
    let mut line = |ms: u64, json: String| writeln!(text, "{} {json}", (START + ms) * 1_000_000).unwrap();
    line(0, r#"{"lastUpdateId":1000,"bids":[["60000.00","1.00000"]],"asks":[["60001.00","1.00000"]]}"#.to_owned());
    for n in 1..=200u64 {
        let (at, id) = (START + 100 * n, 1_000 + n);
        line(
            100 * n,
            format!(
                r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{at},"s":"BTCUSDT","U":{id},"u":{id},"b":[["59999.00","{n}.00000"]],"a":[]}}}}"#
            ),
        );
        line(
            100 * n + 1,
            format!(
                r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{at},"s":"BTCUSDT","t":{n},"p":"60000.00","q":"0.00100","T":{at},"m":true,"M":true}}}}"#
            ),
        );
    }
    std::fs::write(file, text).unwrap();
}

#[test]
fn of_a_recording() {
    let file = std::env::temp_dir().join(format!("ringfence-late-depth-{}.txt", std::process::id()));
    recording(&file);
    let report = play(Source::Recording(file.clone()));
    std::fs::remove_file(&file).unwrap();
    assert_eq!((report.received, report.unparsed), (401, 0), "{:?}", report.problems);
    check(&report);
}
