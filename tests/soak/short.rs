//! Some seconds of the soak: all that holds whatever the machine does beside it. `main.rs` is the long run, which also looks
//! at memory and latency.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, missing_docs, missing_debug_implementations)]

#[path = "../../host/sandbox/tests/common/mod.rs"]
mod common;
#[allow(dead_code, reason = "the hostile suite uses all of it")]
#[path = "../hostile/guests.rs"]
mod guests;
mod hostile;
#[allow(dead_code, reason = "the long run compares two")]
mod run;

use std::path::Path;
use std::time::Duration;

#[test]
fn good_strategies_trade_beside_hostile_ones() {
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/recordings/spot_btcusdt_cut.gz");
    let plan = run::Plan {
        good: 10,
        hostile: run::hostile(true),
        length: Duration::from_secs(12),
        recording: recording.canonicalize().unwrap(),
        speed: 0.5,
        every: Duration::from_secs(4),
    };
    let outcome = run::run("short", &plan);
    let verdicts = run::judge(&outcome, &plan);
    let missed: Vec<_> = verdicts.iter().filter(|verdict| !verdict.held).map(|verdict| &verdict.what).collect();
    assert!(missed.is_empty(), "{missed:#?}\n{}", outcome.said);
}
