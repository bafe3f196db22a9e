//! Whoever listens to a lock-step run hears what plugins write and do wrong, when it happens.

#![allow(clippy::unwrap_used, clippy::panic, dead_code, unreachable_pub, reason = "the builder of guests is shared")]

#[path = "../../sandbox/tests/common/guest.rs"]
mod guest;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use guest::Guest;
use ringfence_backtest::{Run, RunConfig, Source, Told};
use ringfence_engine::{Limits, Permissions, SeatConfig};
use ringfence_model::{Decimal, InstrumentId, Micros, Timestamp};
use ringfence_sandbox::{Sandbox, SandboxConfig, Settings};

#[test]
fn faults_are_heard_and_the_last_one_ends_it() {
    let sandbox = Sandbox::new(SandboxConfig::in_process()).unwrap();
    let start = Timestamp::from_millis(1_767_225_600_000);
    let config = RunConfig {
        source: Source::Generator { length: Micros::from_secs(120), symbols: vec!["BTCUSDT".to_owned()] },
        seed: 7,
        balances: vec![("USDT".to_owned(), Decimal::from(1_000))],
        latency: Micros::from_millis(5),
        start,
        length: None,
    };
    let mut run = Run::open(config, Arc::clone(&sandbox)).unwrap();
    let plugin = sandbox.admit(&Guest::new("traps").on_events("unreachable").bytes()).unwrap();
    let seat = SeatConfig {
        name: "traps".to_owned(),
        instruments: vec![InstrumentId(0)],
        allocation: Vec::new(),
        limits: Limits::default(),
        permissions: Permissions::default(),
    };
    run.seat(plugin, seat, Vec::new(), Settings::default()).unwrap();
    assert_eq!(run.names(), ["traps"]);
    let heard = Rc::new(RefCell::new(Vec::new()));
    let into = Rc::clone(&heard);
    run.listen(move |at, name, told| into.borrow_mut().push((at, name.to_owned(), told)));
    let report = run.play(&mut |_| {}).unwrap();
    let heard = heard.borrow();
    let faults: Vec<_> = heard
        .iter()
        .filter_map(|(at, name, told)| match told {
            Told::Fault { reason, quarantined } => Some((*at, name.as_str(), reason.as_str(), *quarantined)),
            Told::Log(..) => None,
        })
        .collect();
    assert_eq!(faults.len() as u64, report.seats[0].faults, "{faults:?}");
    assert!(faults.len() > 1 && faults.iter().all(|(at, name, ..)| *at >= start && *name == "traps"), "{faults:?}");
    assert!(faults.windows(2).all(|two| two[0].0 < two[1].0), "each when it happens: {faults:?}");
    assert!(faults.iter().all(|(_, _, reason, _)| !reason.is_empty()));
    let ends: Vec<_> = faults.iter().map(|(.., quarantined)| *quarantined).collect();
    assert!(ends.ends_with(&[true]) && ends.iter().filter(|end| **end).count() == 1, "{ends:?}");
}
