//! Pieces of guests: orders as calls, and a tally of what came of them, which the guest shows as
//! gauges because a gauge is what reaches the operator.

use std::collections::BTreeMap;

use ringfence_sandbox::SeatReport;
use rust_decimal::prelude::ToPrimitive;

use crate::common::Guest;
use crate::common::guest::times;

/// An attacker that does no harm yet. It can count answers.
pub fn evil() -> Guest {
    Guest::new("evil").fields(TALLY)
}

/// The same beside what a guest does already, before it takes its events.
pub fn also(mut guest: Guest, body: &str) -> Guest {
    guest.on_events = guest.on_events.replacen("(call $count", &format!("{body} (call $count"), 1);
    guest.fields(ONCE)
}

const ONCE: &str = "(global $once (mut i32) (i32.const 0))";

/// Only in the first call of an instance. The guest needs the counter of [`also`] or [`evil`].
pub fn once(body: &str) -> String {
    format!("(if (i32.eqz (global.get $once)) (then (global.set $once (i32.const 1)) {body}))")
}

/// Only when there is a trade to go by: without a price no market order passes, and no collar.
pub fn with_trades(body: &str) -> String {
    format!("(if (i32.load8_u (local.get $batch)) (then {body}))")
}

/// The number of the event that is answered.
pub const CAUSE: &str = "(call $seq (local.get $batch))";

/// Adds one to the count of the answer at 0, a `result<_, denial>`; shows all counts.
const TALLY: &str = r#"
  (global $once (mut i32) (i32.const 0))
  (func $tally (local $tag i32) (local $key i32)
    (if (i32.load8_u (i32.const 0)) (then
      (local.set $tag (i32.load8_u (i32.const 8)))
      (local.set $key (i32.add (i32.const 1) (i32.mul (local.get $tag) (i32.const 16))))
      ;; quota, risk, filter and invalid-field say more.
      (if (i32.or (i32.lt_u (local.get $tag) (i32.const 3)) (i32.eq (local.get $tag) (i32.const 6)))
        (then (local.set $key (i32.add (local.get $key) (i32.load8_u (i32.const 16))))))))
    (call $note (local.get $key)))
  (func $note (param $key i32) (local $at i32)
    (local.set $at (i32.add (i32.const 20480) (i32.mul (local.get $key) (i32.const 4))))
    (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1))))
  (func $report (local $key i32)
    (loop $each
      (if (i32.load (i32.add (i32.const 20480) (i32.mul (local.get $key) (i32.const 4)))) (then
        (i32.store8 (i32.const 12000) (i32.add (i32.const 97) (i32.div_u (local.get $key) (i32.const 26))))
        (i32.store8 (i32.const 12001) (i32.add (i32.const 97) (i32.rem_u (local.get $key) (i32.const 26))))
        (call $gauge (i32.const 12000) (i32.const 2)
          (i64.extend_i32_u (i32.load (i32.add (i32.const 20480) (i32.mul (local.get $key) (i32.const 4))))) (i32.const 0))))
      (local.set $key (i32.add (local.get $key) (i32.const 1)))
      (br_if $each (i32.lt_u (local.get $key) (i32.const 256)))))
"#;

const DENIALS: [&str; 10] = [
    "quota",
    "risk",
    "filter",
    "insufficient-balance",
    "not-permitted",
    "halted",
    "invalid-field",
    "unknown-order",
    "not-now",
    "unsupported",
];
const QUOTAS: [&str; 10] = [
    "orders-per-second",
    "orders-per-day",
    "cancels-per-second",
    "open-orders",
    "subscriptions",
    "history-requests",
    "timers",
    "log-bytes",
    "state-bytes",
    "metrics",
];
const RISKS: [&str; 6] = ["order-notional", "open-notional", "position", "price-collar", "daily-loss", "reduce-only"];
const FILTERS: [&str; 13] = [
    "price-filter",
    "percent-price",
    "lot-size",
    "market-lot-size",
    "min-notional",
    "max-notional",
    "iceberg-parts",
    "max-num-orders",
    "max-num-algo-orders",
    "max-num-iceberg-orders",
    "max-position",
    "trailing-delta",
    "precision",
];
const FIELDS: [&str; 10] = [
    "instrument",
    "quantity",
    "price",
    "stop-price",
    "trailing-delta",
    "iceberg-quantity",
    "time-in-force",
    "tag",
    "legs",
    "cause",
];

/// What a guest with a tally has counted, in the contract's words: `ok`, `quota timers`, `not-now`;
/// `#n` is what the guest itself has noted under a number from 200 on.
pub fn outcomes(report: &SeatReport) -> BTreeMap<String, u64> {
    report
        .gauges
        .iter()
        .filter_map(|(name, value)| {
            let [high, low] = name.as_bytes() else { return None };
            let key = usize::from(high - b'a') * 26 + usize::from(low - b'a');
            let word = match key {
                0 => "ok".to_owned(),
                200.. => format!("#{key}"),
                _ => {
                    let (tag, kind) = ((key - 1) / 16, (key - 1) % 16);
                    let more = match tag {
                        0 => QUOTAS[kind],
                        1 => RISKS[kind],
                        2 => FILTERS[kind],
                        6 => FIELDS[kind],
                        _ => "",
                    };
                    format!("{} {more}", DENIALS[tag]).trim_end().to_owned()
                }
            };
            Some((word, value.to_u64()?))
        })
        .collect()
}

/// Each command, its answer counted, and all counts shown.
pub fn counted(commands: &[String]) -> String {
    let all: String = commands.iter().map(|command| format!("{command} (call $tally) ")).collect();
    format!("{all} (call $report)")
}

/// The same command again and again.
pub fn flood(count: u32, command: &str) -> String {
    format!("{} (call $report)", times(count, &format!("{command} (call $tally)")))
}

/// `orders.submit` as core code: the sixteen flat parameters and where the answer goes.
fn submit(instrument: u32, side: i32, kind: i32, body: [&str; 8], tag: Option<(u32, u32)>) -> String {
    let [p0, p1, p2, p3, p4, p5, p6, p7] = body;
    let (some, at, length) = tag.map_or((0, 0, 0), |(at, length)| (1, at, length));
    format!(
        "(call $orders.submit (i32.const {instrument}) (i32.const {side}) (i32.const {kind}) (i64.const {p0}) (i64.const {p1}) \
         (i64.const {p2}) (i64.const {p3}) (i32.const {p4}) (i64.const {p5}) (i64.const {p6}) (i32.const {p7}) \
         (i32.const 0) (i32.const {some}) (i32.const {at}) (i32.const {length}) {CAUSE} (i32.const 0))"
    )
}

/// A limit order that stays; quantity and price as mantissa and scale; 0 buys, 1 sells.
pub fn limit(side: i32, quantity: (i64, u32), price: (i64, u32)) -> String {
    limit_of(0, side, quantity, price, 0)
}

/// The same of any instrument; 0 stays, 1 is immediate or cancelled, 2 fill or kill.
pub fn limit_of(instrument: u32, side: i32, quantity: (i64, u32), price: (i64, u32), time: u32) -> String {
    let [q, qs, p, ps] = [quantity.0, quantity.1.into(), price.0, price.1.into()].map(|number: i64| number.to_string());
    submit(instrument, side, 1, [&q, &qs, &p, &ps, &time.to_string(), "0", "0", "0"], None)
}

/// A limit order with a tag, which stands at an address.
pub fn tagged(price: (i64, u32), tag: (u32, u32)) -> String {
    let (p, ps) = (price.0.to_string(), price.1.to_string());
    submit(0, 0, 1, ["100", "5", &p, &ps, "0", "0", "0", "0"], Some(tag))
}

/// A market order by base quantity.
pub fn market(side: i32, quantity: (i64, u32)) -> String {
    let (q, qs) = (quantity.0.to_string(), quantity.1.to_string());
    submit(0, side, 0, ["0", &q, &qs, "0", "0", "0", "0", "0"], None)
}

/// What an order of a later kind is made of; quantities in hundred-thousandths, prices in hundredths.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Limit(i64, i64),
    /// Shows only so much of itself.
    Iceberg(i64, i64, i64),
    /// The same, immediate or cancelled.
    IcebergNow(i64, i64, i64),
    LimitMaker(i64, i64),
    StopLoss(i64, i64),
    /// So many basis points behind the market.
    Trailing(i64, u32),
    /// Trigger, then limit.
    StopLossLimit(i64, i64, i64),
    TakeProfit(i64, i64),
    /// So much of the quote asset.
    MarketQuote(i64),
}

/// `orders.submit` of any of them; 0 buys, 1 sells.
pub fn submit_kind(side: i32, kind: Kind) -> String {
    let (case, body): (i32, [i64; 8]) = match kind {
        Kind::Limit(q, p) => (1, [q, 5, p, 2, 0, 0, 0, 0]),
        Kind::Iceberg(q, p, shown) => (1, [q, 5, p, 2, 0, 1, shown, 5]),
        Kind::IcebergNow(q, p, shown) => (1, [q, 5, p, 2, 1, 1, shown, 5]),
        Kind::LimitMaker(q, p) => (2, [q, 5, p, 2, 0, 0, 0, 0]),
        Kind::StopLoss(q, trigger) => (3, [q, 5, 0, trigger, 2, 0, 0, 0]),
        Kind::Trailing(q, points) => (3, [q, 5, 1, points.into(), 0, 0, 0, 0]),
        Kind::StopLossLimit(q, trigger, p) => (4, [q, 5, 0, trigger, 2, p, 2, 0]),
        Kind::TakeProfit(q, trigger) => (5, [q, 5, 0, trigger, 2, 0, 0, 0]),
        Kind::MarketQuote(amount) => (0, [1, amount, 0, 0, 0, 0, 0, 0]),
    };
    let body = body.map(|value| value.to_string());
    submit(0, side, case, body.each_ref().map(String::as_str), None)
}

/// Where a list is put together.
const LIST: u32 = 12_288;

/// `orders.submit-list`: 0 is an OCO, 1 an OTO, 2 an OTOCO; each leg with its instrument and its side.
pub fn submit_list(case: u32, legs: &[(u32, i32, Kind)]) -> String {
    let byte = |at: u32, value: i64| format!("(i32.store8 (i32.const {at}) (i32.const {value}))");
    let long = |at: u32, value: i64| format!("(i64.store (i32.const {at}) (i64.const {value}))");
    let decimal = |at: u32, (mantissa, scale): (i64, i64)| format!("{} {}", long(at, mantissa), byte(at + 8, scale));
    let mut text = format!(
        "(memory.fill (i32.const {LIST}) (i32.const 0) (i32.const 304)) (i32.store8 (i32.const {LIST}) (i32.const {case}))
         (i64.store (i32.const {}) {CAUSE})",
        LIST + 296
    );
    for (place, (instrument, side, kind)) in (0u32..).zip(legs) {
        let at = LIST + 8 + 96 * place;
        let body = at + 16;
        let trigger = |price| decimal(body + 24, (price, 2));
        let (case, parts) = match *kind {
            Kind::Limit(q, p) => (1, vec![decimal(body, (q, 5)), decimal(body + 16, (p, 2))]),
            Kind::LimitMaker(q, p) => (2, vec![decimal(body, (q, 5)), decimal(body + 16, (p, 2))]),
            Kind::StopLoss(q, price) => (3, vec![decimal(body, (q, 5)), trigger(price)]),
            Kind::TakeProfit(q, price) => (5, vec![decimal(body, (q, 5)), trigger(price)]),
            Kind::StopLossLimit(q, price, p) => {
                (4, vec![decimal(body, (q, 5)), trigger(price), decimal(body + 40, (p, 2))])
            }
            Kind::MarketQuote(amount) => (0, vec![byte(body, 1), decimal(body + 8, (amount, 0))]),
            Kind::Iceberg(..) | Kind::IcebergNow(..) | Kind::Trailing(..) => panic!("in no list here"),
        };
        text.push_str(&format!(
            " (i32.store (i32.const {at}) (i32.const {instrument})) {} {} {}",
            byte(at + 4, (*side).into()),
            byte(at + 8, case),
            parts.join(" ")
        ));
    }
    format!("{text} (call $orders.submit-list (i32.const {LIST}) (i32.const 0))")
}

/// `orders.cancel`; the order's number as code.
pub fn cancel(order: &str) -> String {
    format!("(call $cancel {order} {CAUSE} (i32.const 0))")
}

/// A loop that takes some time and ends.
pub fn spin() -> String {
    // Some hundreds of milliseconds on a fast machine, and far over every budget of `swift` on any.
    times(500_000_000, "")
}

/// Grows its memory until it may not, and notes at `#200` how many MiB it has.
pub const HOARD: &str = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (i32.store (i32.const 21280) (i32.shr_u (memory.size) (i32.const 4))) (call $report)";

/// A world with some of WASI beside the contract.
pub const WASI: &str = r#"package ringfence:hostile@0.1.0;
world evil {
  include ringfence:strategy/strategy@0.1.0;
  import wasi:cli/stdout@0.2.0;
  import wasi:cli/environment@0.2.0;
  import wasi:clocks/monotonic-clock@0.2.0;
}
package wasi:io@0.2.0 { interface streams { resource output-stream; } }
package wasi:cli@0.2.0 {
  interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; }
  interface environment { get-environment: func() -> list<tuple<string, string>>; }
}
package wasi:clocks@0.2.0 { interface monotonic-clock { now: func() -> u64; } }
"#;

/// An attacker with WASI imports.
pub fn with_wasi(imports: &str) -> Guest {
    Guest { world: Some(WASI.to_owned()), imports: imports.to_owned(), ..evil() }
}
