//! The hostile half: one guest for each way to take from the others what is theirs: CPU, memory, the account's order
//! counts, the feeds, the log, the disk. None of them is stopped for good: they go on for as long as the soak lasts.

use crate::common::Guest;
use crate::common::guest::times;
use crate::guests::{CAUSE, cancel, flood, limit, market, with_trades};

/// A name, its guest, and what the operator must have seen of it at the end.
pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) guest: Guest,
    pub(crate) shows: Shows,
}

/// What tells that an attack was at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    /// It faulted.
    Faults,
    /// It was denied much.
    Denials,
    /// It was slow, or above its share.
    Slow,
    /// Its memory is at its bound.
    Memory,
    /// Its log or its store is.
    Full,
}

fn evil(name: &str) -> Guest {
    // Answers are counted as the hostile suite does it; the guest has its own name.
    Guest { manifest: Guest::new(name).manifest, ..crate::guests::evil() }
}

/// All ten.
pub(crate) fn all() -> Vec<Hostile> {
    let buy = limit(0, (100, 5), (5_000_000, 2));
    let one = |name, shows, body: &str| Hostile { name, guest: evil(name).does(body), shows };
    vec![
        one("z-loop", Shows::Faults, "(call $loop)"),
        // Some milliseconds for each call, below its hard bound.
        one("z-hog", Shows::Slow, &times(12_000_000, "")),
        one("z-orders-then-trap", Shows::Faults, &with_trades(&format!("{} unreachable", market(0, (100, 5))))),
        Hostile {
            name: "z-recursion",
            guest: evil("z-recursion")
                .fields("(func $deep (param i64) (result i64) (i64.add (i64.const 1) (call $deep (local.get 0))))")
                .does("(drop (call $deep (i64.const 1)))"),
            shows: Shows::Faults,
        },
        // A page more with each call, every one of them touched.
        one(
            "z-leak",
            Shows::Memory,
            "(local.set $i (memory.grow (i32.const 64)))
             (if (i32.ne (local.get $i) (i32.const -1)) (then
               (memory.fill (i32.shl (local.get $i) (i32.const 16)) (i32.const 1) (i32.const 4194304))))",
        ),
        one("z-order-flood", Shows::Denials, &with_trades(&flood(100, &buy))),
        one(
            "z-cancel-flood",
            Shows::Denials,
            // What it has just ordered, or what was never there.
            &with_trades(&flood(50, &format!("{buy} (call $tally) {}", cancel("(i64.load (i32.const 8))")))),
        ),
        one("z-log", Shows::Full, &times(1_000, "(call $log (i32.const 1) (i32.const 4096) (i32.const 36))")),
        one(
            "z-flapper",
            Shows::Denials,
            &times(
                64,
                "(call $subscribe (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 0))
                 (call $market.unsubscribe (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 0))",
            ),
        ),
        one(
            "z-timers-and-keys",
            Shows::Full,
            &format!(
                "{} {}",
                times(64, &format!("(call $interval (i64.const 10000) {CAUSE} (i32.const 0))")),
                times(
                    64,
                    "(i32.store (i32.const 9000) (i32.add (i32.const 0x61616161) (local.get $i)))
                     (call $store (i32.const 9000) (i32.const 4) (i32.const 65536) (i32.const 60000) (i32.const 0))"
                )
            ),
        ),
    ]
}
