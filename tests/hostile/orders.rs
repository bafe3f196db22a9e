//! Orders, quotas, neighbours.

use ringfence_binance::request::orders::{Detail, OrderOptions, place_with};
use ringfence_engine::{DeskCommand, Limits, Output};
use ringfence_model::event::{OrderChange, OrderReason, OrderUpdate};
use ringfence_model::strategy::FaultPolicy;
use ringfence_model::venue::{ClientOrderId, CommandOutcome, VenueEvent, VenueOrder};
use ringfence_model::{Decimal, EventBody, OrderId, OrderKind, OrderStatus, Side, TimeInForce};
use ringfence_sandbox::{Budgets, FaultKind, SeatState};

use crate::arena::{ALPHA, Arena, BTC, ETH, EVIL, Held, Plan, RESTING, cents, patient, roomy, seat_id, swift};
use crate::common::Guest;
use crate::common::guest::{checker, marked, times};
use crate::guests::{CAUSE, also, cancel, counted, evil, flood, limit, limit_of, market, once, with_trades};

cases! {
    O1: o1, o1_twin;
    O2: o2, o2_twin;
    O3: o3, o3_twin;
    O4: o4, o4_twin;
    O5: o5, o5_twin;
    O6: o6, o6_twin;
    O7: o7, o7_twin;
    O8: o8, o8_twin;
    O9: o9, o9_twin;
    O10: o10, o10_twin;
    O11: o11, o11_twin;
    O12: o12, o12_twin;
    O13: o13, o13_twin;
    O14: o14, o14_twin;
}

/// A buy far below the market: it rests.
fn resting() -> String {
    limit(0, (100, 5), (5_000_000, 2))
}

/// Room for a thousand commands in one call.
fn many() -> Budgets {
    Budgets { commands: 100_000, hostcall_bytes: 1 << 20, ..patient() }
}

/// A thousand orders in its first call, with only the limits that are said.
fn floods(limits: Limits, budgets: Budgets) -> Arena {
    let plan = Plan { unfiltered: true, limits, ..Plan::budgets(budgets) };
    Arena::with(plan, &evil().does(&once(&flood(1_000, &resting()))))
}

fn o1() -> Held {
    // What one call may ask, whatever else is allowed.
    let mut arena = floods(roomy(), Budgets { commands: 256, ..many() });
    assert_eq!((arena.outcome("ok"), arena.outcome("quota orders-per-second")), (256, 744));
    arena.run(5);
    assert_eq!(arena.placed(), 256);
    // Within a second, within a day, and at a time.
    for (limits, word) in [
        (Limits { orders_per_second: 10, ..roomy() }, "quota orders-per-second"),
        (Limits { orders_per_day: 10, ..roomy() }, "quota orders-per-day"),
        (Limits { open_orders: 10, ..roomy() }, "quota open-orders"),
    ] {
        let mut arena = floods(limits, many());
        assert_eq!((arena.outcome("ok"), arena.outcome(word)), (10, 990), "{:?}", arena.outcomes());
        arena.run(5);
        let desk = arena.report().desk;
        assert_eq!((arena.placed(), desk.orders, desk.open_orders, desk.denials), (10, 10, 10, 990));
        let _ = arena.conclude();
    }
    arena.goes_on();
    arena.conclude()
}

/// All of them reach the venue, which has enough of it after a hundred.
fn o1_twin() {
    let mut arena = floods(roomy(), many());
    assert_eq!(arena.outcome("ok"), 1_000);
    arena.run(5);
    assert_eq!(arena.placed(), 1_000);
    let refused = arena.answers.iter().filter(|answer| !went_well(answer)).count();
    assert!(refused > 800, "{refused} of them are refused by the venue for the whole account");
}

fn went_well(answer: &VenueEvent) -> bool {
    match answer {
        VenueEvent::Answer { outcome, .. } => *outcome == CommandOutcome::Accepted,
        _ => true,
    }
}

/// Forty orders, then a cancel of each, one by one.
fn cancels(limits: Limits) -> Arena {
    let places = flood(40, &resting());
    let order = "(i64.extend_i32_u (i32.add (local.get $i) (i32.const 1)))";
    let all = format!("{} (call $report)", times(40, &format!("{} (call $tally)", cancel(order))));
    // Its first call places; the sixtieth, when the venue has told of all of them, cancels.
    let calls = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))";
    let body = format!("{} {calls} (if (i32.eq (global.get $calls) (i32.const 60)) (then {all}))", once(&places));
    let plan = Plan { limits, ..Plan::budgets(many()) };
    let mut arena = Arena::with(plan, &evil().fields("(global $calls (mut i32) (i32.const 0))").does(&body));
    assert_eq!(arena.outcome("ok"), 40, "{:?}", arena.outcomes());
    arena.run(300);
    arena
}

fn o2() -> Held {
    let mut arena = cancels(Limits { cancels_per_second: 20, ..roomy() });
    assert_eq!((arena.outcome("ok"), arena.outcome("quota cancels-per-second")), (40 + 20, 20));
    assert_eq!((arena.cancels(), arena.report().desk.open_orders), (20, 20));
    arena.goes_on();
    let held = arena.conclude();
    // Guesses cost the venue nothing.
    let guesses = flood(1_000, &cancel("(i64.extend_i32_u (local.get $i))"));
    let mut arena = Arena::with(Plan::budgets(many()), &evil().does(&once(&guesses)));
    arena.run(5);
    assert_eq!((arena.outcome("unknown-order"), arena.cancels()), (1_000, 0));
    let _ = arena.conclude();
    held
}

fn o2_twin() {
    let arena = cancels(roomy());
    assert_eq!((arena.cancels(), arena.report().desk.open_orders), (40, 0));
}

fn asks(limits: Limits) -> Arena {
    let history = format!(
        "(call $market.request-history (i32.const 0) (i32.const 60) (i32.const 0) (i64.const 0) (i32.const 1) {CAUSE} (i32.const 0))"
    );
    let plan = Plan { limits, ..Plan::budgets(many()) };
    let mut arena = Arena::with(plan, &evil().does(&once(&flood(200, &history))));
    arena.run(5);
    arena
}

fn questions(arena: &Arena) -> usize {
    arena.sent.iter().filter(|output| matches!(output, Output::History { .. })).count()
}

fn o3() -> Held {
    let mut arena = asks(Limits { history_requests_per_minute: 30, ..roomy() });
    assert_eq!((arena.outcome("ok"), arena.outcome("quota history-requests")), (30, 170));
    assert_eq!(questions(&arena), 30);
    arena.goes_on();
    arena.conclude()
}

fn o3_twin() {
    assert_eq!(questions(&asks(roomy())), 200);
}

/// Orders that no venue takes: below the least value, off the grid, too small, too large.
fn bad_orders() -> Vec<String> {
    vec![
        limit(0, (1, 5), (1_000, 2)),
        limit(0, (100, 5), (50_000_001, 3)),
        limit(0, (1, 6), (5_000_000, 2)),
        limit(0, (9_001, 0), (5_000_000, 2)),
        limit(0, (100, 5), (200_000_000, 2)),
        limit(0, (100, 5), (1, 12)),
    ]
}

fn o4() -> Held {
    let mut arena = Arena::with(Plan::budgets(many()), &evil().does(&counted(&bad_orders())));
    arena.run(50);
    let outcomes = arena.outcomes();
    assert_eq!((arena.outcome("ok"), arena.placed()), (0, 0), "none of them reaches the venue: {outcomes:?}");
    for word in ["filter min-notional", "filter price-filter", "filter lot-size"] {
        assert!(outcomes.contains_key(word), "{outcomes:?}");
    }
    arena.goes_on();
    arena.holds_nothing();
    arena.conclude()
}

fn o4_twin() {
    let plan = Plan { unfiltered: true, ..Plan::budgets(many()) };
    let mut arena = Arena::with(plan, &evil().does(&once(&counted(&bad_orders()))));
    arena.run(20);
    let refused = arena.answers.iter().filter(|answer| !went_well(answer)).count();
    assert!(arena.placed() >= 4 && refused >= 4, "{refused} errors on the account's record: {:?}", arena.answers);
}

/// An order of ETHUSDT, and of numbers that stand for nothing.
fn strange_orders() -> String {
    let of = |instrument| limit_of(instrument, 0, (1, 1), (250_000, 2), 0);
    let follow = "(call $subscribe (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))".to_owned();
    once(&counted(&[of(1), of(2), of(u32::MAX), follow]))
}

fn o5() -> Held {
    let mut arena = Arena::with(Plan::default(), &evil().does(&strange_orders()));
    arena.run(5);
    assert_eq!((arena.outcome("not-permitted"), arena.placed()), (4, 0), "{:?}", arena.outcomes());
    // Names only lead to what is granted, letter by letter.
    let wish = |symbol: &str| {
        let mut guest = evil();
        guest.manifest[1_130 - 1_024..][..symbol.len()].copy_from_slice(symbol.as_bytes());
        guest.poke(1_100, &[1_130, u32::try_from(symbol.len()).unwrap()])
    };
    for (symbol, code) in [("ETHUSDT", "not-granted"), ("btcusdt", "not-granted"), ("\u{412}TCUSDT", "manifest")] {
        let refusal = Arena::new(Plan::default()).start(&wish(symbol)).unwrap_err();
        assert_eq!(refusal.code(), code, "{refusal}");
    }
    arena.goes_on();
    arena.conclude()
}

fn o5_twin() {
    let plan = Plan { symbols: vec![BTC, ETH], ..Plan::default() };
    let mut arena = Arena::with(plan, &evil().does(&strange_orders()));
    arena.run(5);
    assert_eq!((arena.outcome("ok"), arena.placed()), (2, 1), "{:?}", arena.outcomes());
}

fn o6() -> Held {
    let guesses = flood(2_000, &cancel("(i64.extend_i32_u (local.get $i))"));
    let all = format!("(call $orders.cancel-all (i32.const 0) (i32.const 0) {CAUSE} (i32.const 0))");
    let amend =
        format!("(call $orders.amend (i64.const 1) (i64.const 50) (i32.const 5) {CAUSE} (i32.const 0)) (call $tally)");
    // What it sees of open orders: their number is noted.
    let sees = "(call $account.open-orders (i32.const 0)) (i32.store (i32.const 21280) (i32.load (i32.const 4)))";
    let body = once(&format!("{guesses} {amend} {all} {sees} (call $report)"));
    let mut arena = Arena::with(Plan::budgets(many()), &evil().does(&body));
    arena.run(5);
    assert_eq!((arena.outcome("unknown-order"), arena.outcome("#200")), (2_001, 0), "{:?}", arena.outcomes());
    let streams = |output: &Output| matches!(output, Output::Subscribe { .. });
    assert!(arena.sent.iter().all(streams), "nothing of it reaches the venue: {:?}", arena.sent);
    arena.goes_on();
    arena.conclude()
}

/// A command carries the seat of the desk that made it. Who could write another seat into it would
/// have the neighbour's order.
fn o6_twin() {
    let mut arena = Arena::with(Plan::default(), &evil());
    arena.forge(DeskCommand::Cancel { seat: seat_id(EVIL), order: RESTING, cause: 1 });
    arena.run(5);
    assert_eq!(arena.report_at(ALPHA).desk.open_orders, 1);
    arena.forge(DeskCommand::Cancel { seat: seat_id(ALPHA), order: RESTING, cause: 1 });
    arena.run(5);
    assert_eq!(arena.report_at(ALPHA).desk.open_orders, 0);
}

/// A third neighbour offers a little above the market, so that whoever buys enough meets its order.
/// The seat, and the price in hundredths.
fn offered() -> (Arena, usize, i64) {
    let mut arena = Arena::new(Plan::default());
    let gamma = arena.open("gamma", &Plan::default());
    let at = cents(arena.ask_price()) + 300;
    let offers = also(checker(), &once(&limit(1, (100, 5), (at, 2))));
    arena.start_at(gamma, &offers).unwrap();
    let rests = |arena: &mut Arena| arena.updates.iter().any(|(seat, _)| *seat == gamma);
    arena.until("the offer", rests);
    (arena, gamma, at)
}

fn o7() -> Held {
    let (mut arena, gamma, at) = offered();
    // All that is offered up to the neighbour's price, and more.
    let sweeps = evil().does(&once(&counted(&[limit_of(0, 0, (100, 0), (at, 2), 1)])));
    arena.start(&sweeps).unwrap();
    arena.run(1);
    arena.run(1);
    assert_eq!(arena.outcome("ok"), 1, "{:?}", arena.outcomes());
    let (culprit, neighbour) = (arena.report().desk, arena.report_at(gamma).desk);
    assert_eq!((neighbour.fills, neighbour.open_orders), (0, 1), "the neighbour's order stands: {neighbour:?}");
    assert_eq!(culprit.open_orders, 0);
    let ended =
        |(seat, update): &(usize, OrderUpdate)| *seat == EVIL && update.reason == OrderReason::SelfTradePrevention;
    assert!(arena.updates.iter().any(ended), "it ended where it met its neighbour: {:?}", arena.updates);
    arena.conclude()
}

/// With the venue's own default the neighbour's order would have been swept away.
fn o7_twin() {
    let (mut arena, gamma, at) = offered();
    assert_eq!(arena.report_at(gamma).desk.open_orders, 1);
    let quantity = Decimal::from(100);
    let kind = OrderKind::Limit {
        quantity,
        price: Decimal::new(at, 2),
        time_in_force: TimeInForce::Ioc,
        iceberg_quantity: None,
    };
    let order = VenueOrder {
        symbol: "BTCUSDT".to_owned(),
        side: Side::Buy,
        kind,
        client_order_id: ClientOrderId("arena-2-zz".to_owned()),
    };
    let answer = arena.ask(&place_with(&order, &OrderOptions { detail: Detail::Full, ..OrderOptions::default() }));
    arena.run(1);
    let neighbour = arena.report_at(gamma).desk;
    assert_eq!((neighbour.fills, neighbour.open_orders), (0, 0), "it is gone: {neighbour:?} {answer}");
    // Under a name of this session's, but nobody here has placed it: its fill is not passed over in silence.
    assert_eq!(arena.strangers, ["order arena-2-zz on BTCUSDT"]);
}

/// Ten thousand of value allowed, a hundred orders of a thousand each at once.
fn piles(limits: Limits, order: &str) -> Arena {
    let plan = Plan { limits, unfiltered: true, ..Plan::budgets(many()) };
    let mut arena = Arena::with(plan, &evil().does(&with_trades(&once(&flood(100, order)))));
    arena.until("an order", |arena| !arena.outcomes().is_empty());
    arena
}

fn o8() -> Held {
    let resting = limit(0, (2, 2), (5_000_000, 2));
    let mut arena = piles(Limits { open_notional: Decimal::from(10_000), ..roomy() }, &resting);
    assert_eq!((arena.outcome("ok"), arena.outcome("risk open-notional")), (10, 90), "{:?}", arena.outcomes());
    // Before any fill is booked, what is on its way counts.
    let mut taking = piles(Limits { position_notional: Decimal::from(10_000), ..roomy() }, &market(0, (1, 2)));
    let (ok, denied) = (taking.outcome("ok"), taking.outcome("risk position"));
    assert!((10..=20).contains(&ok) && ok + denied == 100, "{:?}", taking.outcomes());
    taking.run(20);
    assert!(taking.report().desk.fills > 0);
    let position = taking.report().desk.positions[0].quantity;
    assert!(position * taking.price() < Decimal::from(10_500), "{position}");
    let _ = taking.conclude();
    // And one too large by itself.
    let large = piles(Limits { order_notional: Decimal::from(999), ..roomy() }, &resting);
    assert_eq!(large.outcome("risk order-notional"), 100);
    arena.run(5);
    assert_eq!(arena.placed(), 10);
    arena.conclude()
}

fn o8_twin() {
    let arena = piles(roomy(), &limit(0, (2, 2), (5_000_000, 2)));
    assert_eq!(arena.outcome("ok"), 100, "{:?}", arena.outcomes());
}

/// Numbers that are none for an order.
fn impossible() -> Vec<String> {
    let price = (5_000_000, 2);
    let mut all = Vec::new();
    for odd in [(0, 0), (-1, 0), (i64::MIN, 0), (i64::MAX, 0), (i64::MIN, 18), (1, 18), (1, 19), (1, 255), (7, 7)] {
        all.push(limit(0, odd, price));
        all.push(limit(0, (100, 5), odd));
        all.push(market(1, odd));
        all.push(limit(1, odd, odd));
    }
    all
}

fn o9() -> Held {
    let mut arena = Arena::with(Plan::budgets(many()), &evil().does(&with_trades(&once(&counted(&impossible())))));
    arena.run(50);
    let outcomes = arena.outcomes();
    assert_eq!((outcomes.values().sum::<u64>(), arena.placed()), (36, 0), "{outcomes:?}");
    assert!(
        outcomes.keys().all(|word| word.starts_with("filter") || word.starts_with("invalid-field")),
        "{outcomes:?}"
    );
    arena.goes_on();
    arena.holds_nothing();
    arena.conclude()
}

/// Without filters what is merely off the grid goes out; what is no number of an order does not.
fn o9_twin() {
    let plan = Plan { unfiltered: true, ..Plan::budgets(many()) };
    let mut arena = Arena::with(plan, &evil().does(&with_trades(&once(&counted(&impossible())))));
    arena.run(50);
    assert!(arena.placed() > 0, "{:?} {:?}", arena.outcomes(), arena.report().last_fault);
    assert!(arena.outcome("invalid-field quantity") + arena.outcome("invalid-field price") > 10);
}

/// Five orders, and at the second call a trap.
fn leaves() -> Guest {
    let places = once(&flood(5, &resting()));
    evil().does(&format!("(if (global.get $once) (then unreachable)) {places}"))
}

fn o10() -> Held {
    let mut arena = Arena::with(Plan::default(), &leaves());
    arena.faulted(FaultKind::GaveUp, "gave up");
    assert_eq!((arena.placed(), arena.cancels()), (5, 5));
    arena.conclude()
}

fn o10_twin() {
    let mut arena = Arena::with(Plan { on_fault: FaultPolicy::Keep, ..Plan::default() }, &leaves());
    arena.until("a fault", |arena| arena.report().faults > 0);
    arena.run(5);
    let desk = arena.report().desk;
    assert_eq!((desk.open_orders, arena.cancels()), (5, 0), "they stay, and what they hold with them");
    assert!(desk.balances.iter().any(|balance| !balance.locked.is_zero()));
}

/// Takes one event a call and has room for eight.
fn slow() -> Arena {
    let budgets = Budgets { queue: 8, ..swift() };
    let counts = "(local.set $i (i32.const 0)) (if (i32.load offset=260 (local.get $batch)) (then
        (call $note (i32.add (i32.const 200) (i32.load8_u (i32.add (i32.load offset=256 (local.get $batch)) (i32.const 16)))))
        (call $report))) (i32.const 1)";
    Arena::with(Plan::budgets(budgets), &evil().on_events(counts))
}

fn update(order: u64) -> EventBody {
    EventBody::Order(OrderUpdate {
        order: OrderId(order),
        instrument: BTC,
        change: OrderChange::Accepted,
        status: OrderStatus::Accepted,
        reason: OrderReason::None,
        quantity: Decimal::ONE,
        filled: Decimal::ZERO,
        recovered: false,
    })
}

fn o11() -> Held {
    let mut arena = slow();
    for order in 0..1_000 {
        arena.tell(update(order));
    }
    assert_eq!(arena.report().waiting, 1_000, "they all find room");
    arena.settle();
    // `order` is the fifth of an event's bodies, `feed-gap` the eleventh.
    assert_eq!((arena.outcome("#204"), arena.outcome("#210")), (1_000, 0), "{:?}", arena.outcomes());
    arena.goes_on();
    arena.conclude()
}

/// What may be conflated is lost to it in the same place, and it is told so.
fn o11_twin() {
    let mut arena = slow();
    for trade in 0..1_000 {
        arena.tell(crate::common::desk::trade(trade));
    }
    assert!(arena.report().waiting < 20);
    arena.settle();
    assert!(arena.outcome("#210") > 0, "{:?}", arena.outcomes());
}

/// Uses up what it may send in a day.
fn uses_up() -> Guest {
    evil().does(&once(&flood(20, &resting())))
}

fn o12() -> Held {
    let limits = Limits { orders_per_day: 10, ..roomy() };
    let mut arena = Arena::with(Plan { limits, ..Plan::budgets(many()) }, &uses_up());
    assert_eq!(arena.outcome("ok"), 10);
    // Another file under the same name, without a state.
    let next = arena.sandbox.admit(&marked(&uses_up().bytes(), 1)).unwrap();
    let now = arena.now;
    arena.seat().start(now, next, Vec::new()).unwrap();
    arena.run(20);
    assert_eq!((arena.report().generation, arena.placed()), (2, 10));
    assert_eq!(arena.outcome("quota orders-per-day"), 20, "all twenty of the new one: {:?}", arena.outcomes());
    let held = arena.conclude();
    // Strikes are the name's, too.
    let traps = |mark| marked(&evil().on_events("unreachable").bytes(), mark);
    let mut arena = Arena::new(Plan::default());
    for mark in 0..3 {
        let plugin = arena.sandbox.admit(&traps(mark)).unwrap();
        let now = arena.now;
        arena.seat().start(now, plugin, Vec::new()).unwrap();
        arena.run(1);
        assert_eq!(arena.report().strike_quarters, 4 * (u32::from(mark) + 1));
    }
    assert_eq!(arena.report().state, SeatState::Quarantined);
    let _ = arena.conclude();
    held
}

/// A seat of its own would have begun anew.
fn o12_twin() {
    let limits = Limits { orders_per_day: 10, ..roomy() };
    let plan = Plan { limits, ..Plan::budgets(many()) };
    let mut arena = Arena::with(plan.clone(), &uses_up());
    let fresh = arena.open("evil-2", &plan);
    arena.start_at(fresh, &uses_up()).unwrap();
    arena.run(5);
    assert_eq!((arena.placed(), arena.placed_by(fresh)), (10, 10));
}

/// A second copy under another name gets what the configuration gives that name: on a real venue
/// market data, and nothing to trade with.
fn o13() -> Held {
    let grant = |name: &str| crate::files::checked_grant(name, "[venue]\nkind = \"binance-testnet\"\n[plugins.evil]\n");
    assert_eq!(grant("copy")["order_types"], serde_json::json!([]), "{:#}", grant("copy"));
    assert_ne!(grant("evil")["order_types"], serde_json::json!([]));
    // The engine gives a name one seat, and no second one.
    let mut arena = Arena::with(Plan::default(), &evil());
    let none = Plan {
        permissions: ringfence_engine::Permissions { order_types: Default::default(), ..Default::default() },
        ..Plan::default()
    };
    let copy = arena.open("copy", &none);
    arena.start_at(copy, &evil().does(&once(&counted(&[resting()])))).unwrap();
    arena.run(5);
    let outcomes = crate::guests::outcomes(&arena.report_at(copy));
    assert_eq!((outcomes.get("not-permitted"), arena.placed_by(copy)), (Some(&1), 0), "{outcomes:?}");
    arena.conclude()
}

fn o13_twin() {
    let mut arena = Arena::with(Plan::default(), &evil());
    let copy = arena.open("copy", &Plan::default());
    arena.start_at(copy, &evil().does(&once(&counted(&[resting()])))).unwrap();
    arena.run(5);
    assert_eq!(arena.placed_by(copy), 1);
}

/// Five hundred labels.
fn labels() -> Guest {
    let name = "(i32.store8 (i32.const 8192) (i32.add (i32.const 97) (i32.rem_u (local.get $i) (i32.const 26))))
        (i32.store8 (i32.const 8193) (i32.add (i32.const 97) (i32.div_u (local.get $i) (i32.const 26))))";
    let gauge = "(call $gauge (i32.const 8192) (i32.const 2) (i64.const 1) (i32.const 0))";
    let long = "(call $gauge (i32.const 0) (i32.const 65) (i64.const 1) (i32.const 0))";
    evil().does(&format!("{} {long}", times(500, &format!("{name} {gauge}"))))
}

fn o14() -> Held {
    let mut arena = Arena::with(Plan::default(), &labels());
    arena.goes_on();
    assert_eq!(arena.report().gauges.len(), 64);
    let flood = times(2_000, "(call $log (i32.const 1) (i32.const 4096) (i32.const 36))");
    let mut lines = Arena::with(Plan::budgets(Budgets { hostcall_bytes: 1 << 20, ..swift() }), &evil().does(&flood));
    let told = lines.lines();
    assert!(told.len() <= 202 && told.last().unwrap().contains("more lines were dropped"), "{}", told.len());
    let _ = lines.conclude();
    arena.conclude()
}

fn o14_twin() {
    let mut arena = Arena::with(Plan::budgets(Budgets { metrics: 1_000_000, ..swift() }), &labels());
    arena.goes_on();
    assert_eq!(arena.report().gauges.len(), 500);
}
