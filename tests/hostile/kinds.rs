//! Lists of orders, stops, trailing stops, icebergs: every kind beyond market and limit as a way around a limit.

use std::collections::BTreeSet;

use ringfence_engine::{Limits, OrderType, Permissions};
use ringfence_exchange::SymbolConfig;
use ringfence_model::{Decimal, InstrumentId, OrderKind};
use ringfence_sandbox::Budgets;

use crate::arena::{Arena, Held, Plan, cents, patient, roomy};
use crate::guests::{Kind, counted, evil, flood, once, submit_kind, submit_list, with_trades};

cases! {
    O15: o15, o15_twin;
    O16: o16, o16_twin;
    O17: o17, o17_twin;
    V11: v11, v11_twin;
}

const BUY: i32 = 0;
const SELL: i32 = 1;
/// The instrument that is granted, and the one that is not.
const OURS: u32 = 0;
const OTHER: u32 = 1;

/// Room for all that one call asks here, at a venue whose filters the host does not know: limits are looked at alone.
fn plan(limits: Limits) -> Plan {
    let budgets = Budgets { commands: 100_000, hostcall_bytes: 1 << 20, ..patient() };
    Plan { unfiltered: true, limits, ..Plan::budgets(budgets) }
}

/// The culprit asks once, as soon as there is a price; `ask` is told the price in hundredths.
fn asks(plan: Plan, ask: impl Fn(i64) -> String) -> Arena {
    let mut arena = Arena::new(plan);
    let body = ask(cents(arena.price().round()));
    arena.start(&evil().does(&with_trades(&once(&body)))).unwrap();
    arena.until("an answer", |arena| !arena.outcomes().is_empty());
    arena.run(5);
    arena
}

/// Fifty pairs of a profit and a stop, a hundred orders in all.
fn pairs(price: i64) -> String {
    flood(50, &pair(100, 100, price))
}

fn pair(profit: i64, loss: i64, price: i64) -> String {
    let legs = [
        (OURS, SELL, Kind::LimitMaker(profit, price + price / 20)),
        (OURS, SELL, Kind::StopLoss(loss, price - price / 20)),
    ];
    submit_list(0, &legs)
}

/// Each order of a list counts, for every quota.
fn o15() -> Held {
    let mut held = Held::seen();
    for (limits, word) in [
        (Limits { open_orders: 10, ..roomy() }, "quota open-orders"),
        (Limits { orders_per_second: 10, ..roomy() }, "quota orders-per-second"),
        (Limits { orders_per_day: 10, ..roomy() }, "quota orders-per-day"),
    ] {
        let mut arena = asks(plan(limits), pairs);
        assert_eq!((arena.outcome("ok"), arena.outcome(word)), (5, 45), "{:?}", arena.outcomes());
        assert_eq!((arena.report().desk.orders, arena.lists()), (10, 5));
        arena.goes_on();
        held = arena.conclude();
    }
    held
}

fn o15_twin() {
    let arena = asks(plan(roomy()), pairs);
    assert_eq!((arena.outcome("ok"), arena.report().desk.orders), (50, 100), "{:?}", arena.outcomes());
}

/// Ten bitcoin, in each way that does not buy at once.
fn sleepers(price: i64) -> [Kind; 5] {
    let ten = 1_000_000;
    [
        Kind::StopLoss(ten, price + price / 10),
        Kind::Trailing(ten, 500),
        Kind::StopLossLimit(ten, price + price / 10, price + price / 9),
        Kind::TakeProfit(ten, price - price / 10),
        Kind::Iceberg(ten, price - price / 10, 100_000),
    ]
}

/// What sleeps holds its funds and counts as open from the beginning, whatever sets it off later.
fn o16() -> Held {
    let mut held = Held::seen();
    for which in 0..5 {
        let one = |price| submit_kind(BUY, sleepers(price)[which]);
        // What is open at a time: one of some 700,000 each.
        let limits = Limits { open_notional: Decimal::from(1_000_000), ..roomy() };
        let mut arena = asks(plan(limits), |price| flood(50, &one(price)));
        let told = arena.outcomes();
        assert_eq!((arena.outcome("ok"), arena.outcome("risk open-notional")), (1, 49), "{which}: {told:?}");
        arena.goes_on();
        let _ = arena.conclude();
        // And nobody promises more than he has: ten million.
        let mut arena = asks(plan(roomy()), |price| flood(50, &one(price)));
        let (passed, told) = (arena.outcome("ok"), arena.outcomes());
        assert!((5..20).contains(&passed), "{which}: {told:?}");
        assert_eq!(arena.outcome("insufficient-balance"), 50 - passed, "{which}: {told:?}");
        arena.goes_on();
        let desk = arena.report().desk;
        assert!(desk.balances.iter().all(|one| !one.free.is_sign_negative() && !one.locked.is_sign_negative()));
        held = arena.conclude();
    }
    held
}

/// Without that limit as many pass as can be paid.
fn o16_twin() {
    for which in 0..5 {
        let arena = asks(plan(roomy()), |price| flood(50, &submit_kind(BUY, sleepers(price)[which])));
        assert!(arena.outcome("ok") > 1, "{which}: {:?}", arena.outcomes());
    }
}

/// Everything but stops.
fn no_stops() -> Permissions {
    let granted = OrderType::ALL.into_iter().filter(|kind| *kind != OrderType::StopLoss);
    Permissions { order_types: granted.collect::<BTreeSet<_>>(), ..Permissions::default() }
}

/// Two that follow each other: something small, and what is behind it.
fn behind(price: i64, pending: (u32, i32, Kind)) -> String {
    submit_list(1, &[(OURS, BUY, Kind::Limit(100, price - price / 50)), pending])
}

fn o17() -> Held {
    let mut held = Held::seen();
    let small = Limits { order_notional: Decimal::from(1_000), ..roomy() };
    let granted = Permissions::default;
    type Ask = fn(i64) -> String;
    let cases: [(&str, Limits, Permissions, Ask); 8] = [
        // Of an instrument that is not granted, and of one that nobody knows.
        ("invalid-field legs", roomy(), granted(), |price| behind(price, (OTHER, SELL, Kind::Limit(100, price)))),
        ("invalid-field legs", roomy(), granted(), |price| behind(price, (7, SELL, Kind::Limit(100, price)))),
        // Larger than one order may be.
        ("risk order-notional", small, granted(), |price| behind(price, (OURS, SELL, Kind::Limit(100_000, price)))),
        // Of a kind that is not granted.
        ("not-permitted", roomy(), no_stops(), |price| pair(100, 100, price)),
        // More than there is, behind something that is paid for: nine bitcoin and what the first one buys.
        ("insufficient-balance", roomy(), granted(), |price| {
            behind(price, (OURS, SELL, Kind::Limit(1_000_000, price)))
        }),
        // Pairs that are none: of two sizes, of two sides.
        ("invalid-field legs", roomy(), granted(), |price| pair(100, 200, price)),
        ("invalid-field legs", roomy(), granted(), |price| {
            let (above, below) = (price + price / 20, price - price / 20);
            submit_list(0, &[(OURS, SELL, Kind::LimitMaker(100, above)), (OURS, BUY, Kind::StopLoss(100, below))])
        }),
        // Of a size that is known only when it is done.
        ("invalid-field legs", roomy(), granted(), |price| behind(price, (OURS, BUY, Kind::MarketQuote(1_000_000)))),
    ];
    for (number, (word, limits, permissions, ask)) in cases.into_iter().enumerate() {
        let plan = Plan { permissions, ..plan(limits) };
        let mut arena = asks(plan, |price| counted(&[ask(price)]));
        let told = arena.outcomes();
        assert_eq!((arena.outcome(word), arena.outcome("ok")), (1, 0), "{number}: {told:?}");
        assert_eq!((arena.lists(), arena.placed()), (0, 0), "{number}: all of it, or nothing");
        arena.holds_nothing();
        arena.goes_on();
        held = arena.conclude();
    }
    held
}

/// The same lists pass where that limit, or that grant, is another one.
fn o17_twin() {
    let asks_of: [fn(i64) -> String; 2] =
        [|price| behind(price, (OURS, SELL, Kind::Limit(100_000, price))), |price| pair(100, 100, price)];
    for ask in asks_of {
        let arena = asks(plan(roomy()), |price| counted(&[ask(price)]));
        assert_eq!((arena.outcome("ok"), arena.lists()), (1, 1), "{:?}", arena.outcomes());
    }
}

fn v11() -> Held {
    // Here the host knows the venue's filters, as it does.
    let plan = Plan { unfiltered: false, ..plan(roomy()) };
    let mut arena = asks(plan, |price| {
        let one = 100_000;
        let kinds = [
            Kind::Trailing(one, 0),
            Kind::Trailing(one, 10_000),
            Kind::Trailing(one, u32::MAX),
            Kind::Iceberg(one, price, 0),
            Kind::Iceberg(one, price, -1),
            Kind::Iceberg(one, price, one + 1),
            Kind::Iceberg(one, price, i64::MIN),
            Kind::IcebergNow(one, price, one / 2),
            Kind::StopLoss(one, 0),
            Kind::StopLoss(one, -price),
            Kind::StopLoss(one, i64::MIN),
            Kind::StopLoss(-one, price),
            Kind::StopLossLimit(one, price, i64::MIN),
            Kind::StopLossLimit(one, i64::MAX, price),
            Kind::TakeProfit(i64::MAX, price),
            Kind::MarketQuote(i64::MIN),
        ];
        let commands: Vec<_> = [BUY, SELL].iter().flat_map(|side| kinds.map(|kind| submit_kind(*side, kind))).collect();
        counted(&commands)
    });
    let told = arena.outcomes();
    assert_eq!((arena.outcome("ok"), arena.placed()), (0, 0), "{told:?}");
    assert_eq!(told.values().sum::<u64>(), 32, "each has its answer: {told:?}");
    assert!(told.keys().all(|word| word.starts_with("invalid-field") || word.starts_with("filter")), "{told:?}");
    arena.holds_nothing();
    arena.goes_on();
    arena.conclude()
}

/// The model's words can say all of it; only the gate does not let it pass.
fn v11_twin() {
    let kind =
        OrderKind::StopLoss { quantity: Decimal::MAX, trigger: ringfence_model::order::Trigger::Trailing(u32::MAX) };
    assert_eq!(kind.quantity(), Some(Decimal::MAX));
    let known = SymbolConfig::known("BTCUSDT").unwrap().instrument(InstrumentId(0));
    assert!(Decimal::MAX.checked_mul(known.max_quantity).is_none(), "and it would overflow");
}
