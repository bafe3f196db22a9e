//! A plugin that uses every order of the contract: through its imports, the gate and the
//! engine to the venue, and back as events. It traps at the first denial and the first
//! refusal, and when what it waits for has not come.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
#[allow(dead_code, unreachable_pub, reason = "the other tests' guests need more of it")]
#[path = "../../host/sandbox/tests/common/guest.rs"]
mod guest;

use std::fmt::Write as _;

use common::{assert_healthy, plugin, summary};
use guest::Guest;

/// Where a list's parameters are put together.
const LIST: u32 = 12_288;
/// How often each kind of order update came, four bytes each.
const TALLY: u32 = 8_192;

const BUY: u32 = 0;
const SELL: u32 = 1;
const GTC: u32 = 0;

/// A price in hundredths away from the trade's.
#[derive(Clone, Copy)]
struct Away(i64);

impl Away {
    fn wat(self) -> String {
        format!("(i64.add (local.get $j) (i64.const {}))", self.0)
    }
}

#[derive(Clone, Copy)]
enum Trigger {
    At(Away),
    Trailing(u32),
}

/// `order-kind`; quantities in hundred-thousandths.
#[derive(Clone, Copy)]
enum Kind {
    Market(i64),
    MarketQuote(i64),
    Limit(i64, Away),
    Iceberg(i64, Away, i64),
    LimitMaker(i64, Away),
    StopLoss(i64, Trigger),
    StopLossLimit(i64, Trigger, Away),
    TakeProfit(i64, Trigger),
    TakeProfitLimit(i64, Trigger, Away),
}

impl Kind {
    fn case(self) -> u32 {
        match self {
            Kind::Market(_) | Kind::MarketQuote(_) => 0,
            Kind::Limit(..) | Kind::Iceberg(..) => 1,
            Kind::LimitMaker(..) => 2,
            Kind::StopLoss(..) => 3,
            Kind::StopLossLimit(..) => 4,
            Kind::TakeProfit(..) => 5,
            Kind::TakeProfitLimit(..) => 6,
        }
    }

    /// The eight flat values after the case, as the canonical ABI joins them.
    fn flat(self) -> String {
        let long = |value: i64| format!("(i64.const {value})");
        let short = |value: u32| format!("(i32.const {value})");
        let quantity = |value: i64| [long(value), long(5)];
        let trigger = |trigger: Trigger| match trigger {
            Trigger::At(price) => [long(0), price.wat(), short(2)],
            Trigger::Trailing(points) => [long(1), long(points.into()), short(0)],
        };
        let none = || [long(0), long(0), short(0)];
        let values: Vec<String> = match self {
            Kind::Market(base) => [vec![long(0), long(base), long(5), long(0), short(0)], none().to_vec()].concat(),
            Kind::MarketQuote(amount) => {
                [vec![long(1), long(amount), long(0), long(0), short(0)], none().to_vec()].concat()
            }
            Kind::Limit(base, price) | Kind::LimitMaker(base, price) => {
                [quantity(base).to_vec(), vec![price.wat(), long(2), short(GTC)], none().to_vec()].concat()
            }
            Kind::Iceberg(base, price, shown) => {
                [quantity(base).to_vec(), vec![price.wat(), long(2), short(GTC)], vec![long(1), long(shown), short(5)]]
                    .concat()
            }
            Kind::StopLoss(base, on) | Kind::TakeProfit(base, on) => {
                [quantity(base).to_vec(), trigger(on).to_vec(), none().to_vec()].concat()
            }
            Kind::StopLossLimit(base, on, price) | Kind::TakeProfitLimit(base, on, price) => {
                [quantity(base).to_vec(), trigger(on).to_vec(), vec![price.wat(), long(2), short(GTC)]].concat()
            }
        };
        assert_eq!(values.len(), 8);
        values.join(" ")
    }

    /// The same as it lies in memory.
    fn store(self, at: u32) -> String {
        let byte = |at: u32, value: u32| format!("(i32.store8 (i32.const {at}) (i32.const {value}))");
        let long = |at: u32, value: String| format!("(i64.store (i32.const {at}) {value})");
        let decimal = |at: u32, mantissa: String, scale: u32| format!("{} {}", long(at, mantissa), byte(at + 8, scale));
        let number = |value: i64| format!("(i64.const {value})");
        let trigger = |trigger: Trigger| match trigger {
            Trigger::At(price) => decimal(at + 24, price.wat(), 2),
            Trigger::Trailing(points) => {
                format!("{} (i32.store (i32.const {}) (i32.const {points}))", byte(at + 16, 1), at + 24)
            }
        };
        match self {
            Kind::Market(base) => decimal(at + 8, number(base), 5),
            Kind::MarketQuote(_) | Kind::Iceberg(..) => panic!("in no list here"),
            Kind::Limit(base, price) | Kind::LimitMaker(base, price) => {
                format!("{} {}", decimal(at, number(base), 5), decimal(at + 16, price.wat(), 2))
            }
            Kind::StopLoss(base, on) | Kind::TakeProfit(base, on) => {
                format!("{} {}", decimal(at, number(base), 5), trigger(on))
            }
            Kind::StopLossLimit(base, on, price) | Kind::TakeProfitLimit(base, on, price) => {
                format!("{} {} {}", decimal(at, number(base), 5), trigger(on), decimal(at + 40, price.wat(), 2))
            }
        }
    }
}

/// A denial is a trap.
const TAKEN: &str = "(if (i32.load8_u (i32.const 0)) (then (call $say (i32.const 68) (i32.load8_u offset=8 (i32.const 0))) unreachable))";

fn submit(side: u32, kind: Kind) -> String {
    format!(
        "(call $submit (i32.const 0) (i32.const {side}) (i32.const {}) {} (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0) (call $seq (local.get $batch)) (i32.const 0)) {TAKEN}",
        kind.case(),
        kind.flat()
    )
}

/// `case` 0 is an OCO, 1 an OTO, 2 an OTOCO.
fn submit_list(case: u32, orders: &[(u32, Kind)]) -> String {
    let mut text = format!(
        "(memory.fill (i32.const {LIST}) (i32.const 0) (i32.const 304))
         (i32.store8 (i32.const {LIST}) (i32.const {case}))
         (i64.store (i32.const {}) (call $seq (local.get $batch)))",
        LIST + 296
    );
    for (place, (side, kind)) in (0u32..).zip(orders) {
        let at = LIST + 8 + 96 * place;
        write!(
            text,
            " (i32.store8 (i32.const {}) (i32.const {side})) (i32.store8 (i32.const {}) (i32.const {})) {}",
            at + 4,
            at + 8,
            kind.case(),
            kind.store(at + 16)
        )
        .unwrap();
    }
    write!(text, " (call $submit_list (i32.const {LIST}) (i32.const 0)) {TAKEN}").unwrap();
    text
}

fn cancel(ticket: u64) -> String {
    format!("(call $cancel (i64.const {ticket}) (call $seq (local.get $batch)) (i32.const 0)) {TAKEN}")
}

fn cancel_all() -> String {
    format!("(call $cancel_all (i32.const 0) (i32.const 0) (call $seq (local.get $batch)) (i32.const 0)) {TAKEN}")
}

fn amend(ticket: u64, quantity: i64) -> String {
    format!(
        "(call $amend (i64.const {ticket}) (i64.const {quantity}) (i32.const 5) (call $seq (local.get $batch))
           (i32.const 0)) {TAKEN}"
    )
}

/// Traps unless so many updates of a kind have come, and says how many there were.
fn expect(change: u32, least: u32) -> String {
    let count = format!("(i32.load (i32.const {}))", TALLY + 4 * change);
    format!(
        "(if (i32.lt_u {count} (i32.const {least})) (then (call $say (i32.const {}) {count}) unreachable))",
        48 + change
    )
}

/// Counts order updates by what changed; a refusal is a trap.
const COUNT: &str = "
  (func $say (param $what i32) (param $why i32)
    (i32.store8 (i32.const 4096) (local.get $what))
    (i32.store8 (i32.const 4097) (i32.add (i32.const 97) (local.get $why)))
    (call $log (i32.const 3) (i32.const 4096) (i32.const 2)))
  (func $tally (param $batch i32) (local $i i32) (local $at i32)
    (local.set $at (i32.load offset=256 (local.get $batch)))
    (block $done (loop $each
      (br_if $done (i32.ge_u (local.get $i) (i32.load offset=260 (local.get $batch))))
      (if (i32.eq (i32.load8_u offset=16 (local.get $at)) (i32.const 4)) (then
        (if (i32.eq (i32.load8_u offset=36 (local.get $at)) (i32.const 1)) (then
          (call $say (i32.wrap_i64 (i64.add (i64.const 64) (i64.load offset=24 (local.get $at))))
            (i32.load8_u offset=38 (local.get $at)))
          unreachable))
        (i32.store offset=8192 (i32.mul (i32.load8_u offset=36 (local.get $at)) (i32.const 4))
          (i32.add (i32.const 1)
            (i32.load offset=8192 (i32.mul (i32.load8_u offset=36 (local.get $at)) (i32.const 4)))))))
      (local.set $at (i32.add (local.get $at) (i32.const 152)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $each))))";

fn every_order() -> Guest {
    use Kind::{Iceberg, Limit, LimitMaker, Market, MarketQuote, StopLoss, StopLossLimit, TakeProfit, TakeProfitLimit};
    use Trigger::{At, Trailing};
    let far = 30_000;
    let near = 500;
    // By the number of the trade that it answers.
    let steps = [
        (2, submit(BUY, Market(200))),
        (3, submit(BUY, MarketQuote(50))),
        (4, submit(BUY, Limit(100, Away(-far)))),
        (5, submit(SELL, Iceberg(200, Away(far), 50))),
        (6, submit(BUY, LimitMaker(100, Away(-far)))),
        (7, submit(SELL, StopLoss(100, At(Away(-near))))),
        (8, submit(SELL, TakeProfit(100, At(Away(near))))),
        (9, submit(SELL, StopLossLimit(100, At(Away(-far)), Away(-far)))),
        (10, submit(BUY, TakeProfitLimit(100, Trailing(20), Away(0)))),
        (40, amend(4, 100)),
        (41, cancel(3)),
        (300, cancel_all()),
        (340, submit_list(0, &[(SELL, LimitMaker(100, Away(near))), (SELL, StopLoss(100, At(Away(-near))))])),
        (341, submit_list(1, &[(BUY, Limit(100, Away(100))), (SELL, Limit(100, Away(near)))])),
        (
            342,
            submit_list(
                2,
                &[
                    (BUY, Limit(100, Away(100))),
                    (SELL, TakeProfit(100, At(Away(near)))),
                    (SELL, StopLossLimit(100, Trailing(15), Away(-near))),
                ],
            ),
        ),
        (343, submit_list(1, &[(BUY, Limit(100, Away(-far))), (SELL, Market(100))])),
        // What waits is cancelled, and with it what it waits for.
        (400, cancel(18)),
        // Accepted all 18; amended; canceled at least 3 and 18 with 17; one of a pair expired; set off.
        (
            3_000,
            [expect(0, 18), expect(2, 1), expect(3, 3), expect(4, 1), expect(5, 4), submit(SELL, Market(100))].concat(),
        ),
    ];
    let steps = steps.iter().fold(String::new(), |text, (trade, what)| {
        format!("{text} (if (i32.eq (global.get $trades) (i32.const {trade})) (then {what}))")
    });
    // What an import returns may lie where the batch was: it is counted first.
    let body = format!(
        "(local.set $i (call $count (local.get $batch)))
         (call $tally (local.get $batch))
         (if (i32.load8_u (local.get $batch)) (then
           (local.set $j (i64.load (i32.load offset=36 (local.get $batch))))
           (global.set $trades (i32.add (global.get $trades) (i32.const 1)))
           {steps}))
         (local.get $i)"
    );
    let orders = "ringfence:strategy/orders@0.1.0";
    let mut guest =
        Guest::new("every-order").fields(COUNT).fields("(global $trades (mut i32) (i32.const 0))").on_events(&body);
    guest.imports = format!(
        r#"(import "{orders}" "submit" (func $submit
             (param i32 i32 i32 i64 i64 i64 i64 i32 i64 i64 i32 i32 i32 i32 i32 i64 i32)))
           (import "{orders}" "submit-list" (func $submit_list (param i32 i32)))
           (import "{orders}" "cancel-all" (func $cancel_all (param i32 i32 i64 i32)))
           (import "{orders}" "amend" (func $amend (param i64 i64 i32 i64 i32)))"#
    );
    guest
}

#[test]
fn a_plugin_uses_every_order_of_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("every-order.wasm"), every_order().bytes()).unwrap();
    let report = summary(dir.path(), &["--json", "--plugins", ".", "--speed", "max", "--for", "20m", "--seed", "1"]);
    let told = plugin(&report, "every-order");
    assert_eq!((told["faults"].as_u64(), told["orders"].as_u64()), (Some(0), Some(19)), "{report:#}");
    assert!(told["fills"].as_u64() >= Some(6), "{report:#}");
    assert_healthy(&report);
}
