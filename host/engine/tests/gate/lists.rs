//! Orders that depend on each other: all or none, and their funds once.

use proptest::prelude::*;
use ringfence_engine::{DeskCommand, Limits, OrderType, Permissions, SeatDesk};
use ringfence_model::denial::{FilterKind, OrderField, QuotaKind, RiskLimit};
use ringfence_model::desk::Desk as _;
use ringfence_model::event::OrderChange;
use ringfence_model::instrument::{Feature, Features, Filters};
use ringfence_model::order::{MarketSize, OrderList, Trigger};
use ringfence_model::strategy::FaultPolicy;
use ringfence_model::venue::VenueList;
use ringfence_model::{
    Decimal, Denial, Instrument, InstrumentId, NewOrder, OrderId, OrderKind, OrderStatus, Side, TimeInForce, Timestamp,
};

use super::common::{dec, desk, fill, instrument, limit, of, order, permitted, update};

fn maker(quantity: &str, price: &str) -> OrderKind {
    OrderKind::LimitMaker { quantity: dec(quantity), price: dec(price) }
}

fn stop(quantity: &str, trigger: &str) -> OrderKind {
    OrderKind::StopLoss { quantity: dec(quantity), trigger: Trigger::Price(dec(trigger)) }
}

fn stop_limit(quantity: &str, trigger: &str, price: &str) -> OrderKind {
    OrderKind::StopLossLimit {
        quantity: dec(quantity),
        trigger: Trigger::Price(dec(trigger)),
        price: dec(price),
        time_in_force: TimeInForce::Gtc,
    }
}

fn oco(above: NewOrder, below: NewOrder) -> OrderList {
    OrderList::Oco(Box::new([above, below]))
}

fn oto(working: NewOrder, pending: NewOrder) -> OrderList {
    OrderList::Oto(Box::new([working, pending]))
}

fn otoco(working: NewOrder, above: NewOrder, below: NewOrder) -> OrderList {
    OrderList::Otoco(Box::new([working, above, below]))
}

/// Takes a profit at 110 or a loss at 90.
fn bracket(quantity: &str) -> OrderList {
    oco(order(0, Side::Sell, maker(quantity, "110")), order(0, Side::Sell, stop_limit(quantity, "90", "89")))
}

/// The same after a buy at 100.
fn entry(quantity: &str) -> OrderList {
    otoco(
        order(0, Side::Buy, limit(quantity, "100")),
        order(0, Side::Sell, maker(quantity, "110")),
        order(0, Side::Sell, stop_limit(quantity, "90", "89")),
    )
}

fn submit(desk: &mut SeatDesk, list: &OrderList) -> Result<Vec<OrderId>, Denial> {
    let result = desk.submit_list(Timestamp(2), list.clone(), 1);
    assert!(desk.reservations_agree());
    result
}

fn locked(desk: &SeatDesk) -> (Decimal, Decimal) {
    (desk.ledger().locked("BTC"), desk.ledger().locked("USDT"))
}

#[test]
fn a_pair_holds_its_dearer_order_once() {
    let (mut desk, commands) = desk(Limits::default(), "1000", "1");
    let tickets = submit(&mut desk, &bracket("1")).unwrap();
    assert_eq!(tickets, [OrderId(1), OrderId(2)]);
    assert_eq!(locked(&desk), (dec("1"), dec("0")));
    let Ok(DeskCommand::PlaceList { approved, orders, .. }) = commands.try_recv() else { panic!("no list was sent") };
    assert_eq!((orders, approved.id().0.as_str()), (tickets, "gate-0-L1"));
    let VenueList::Oco { above, below } = approved.list() else { panic!("{approved:?}") };
    assert_eq!((above.client_order_id.0.as_str(), below.client_order_id.0.as_str()), ("gate-0-1", "gate-0-2"));
    assert_eq!((above.kind, below.kind), (maker("1", "110"), stop_limit("1", "90", "89")));
    assert!(commands.try_recv().is_err(), "one command");
}

#[test]
fn what_one_order_of_a_pair_fills_the_other_needs_no_more() {
    let (mut desk, _commands) = desk(Limits::default(), "1000", "0");
    let list = oco(order(0, Side::Buy, stop_limit("1", "110", "111")), order(0, Side::Buy, maker("1", "90")));
    let tickets = submit(&mut desk, &list).unwrap();
    let [above, below] = [tickets[0], tickets[1]];
    assert_eq!(locked(&desk).1, dec("111"));
    for order in [above, below] {
        update(&mut desk, order, OrderChange::Accepted, OrderStatus::Accepted, "1");
    }
    // The word that the other one has expired may come before the fill or after it.
    fill(&mut desk, below, Side::Buy, "0.4", "90", OrderStatus::PartiallyFilled);
    assert_eq!(locked(&desk).1, dec("66.6"));
    update(&mut desk, above, OrderChange::Expired, OrderStatus::Expired, "1");
    assert_eq!(locked(&desk).1, dec("54"));
    fill(&mut desk, below, Side::Buy, "0.6", "90", OrderStatus::Filled);
    assert_eq!((locked(&desk).1, desk.ledger().free("USDT")), (dec("0"), dec("910")));
    assert!(desk.open_orders().is_empty());
}

#[test]
fn what_waits_holds_its_funds_from_the_beginning() {
    let (mut desk, _commands) = desk(Limits::default(), "1000", "1");
    let tickets = submit(&mut desk, &entry("1")).unwrap();
    assert_eq!(locked(&desk), (dec("1"), dec("100")));
    fill(&mut desk, tickets[0], Side::Buy, "1", "99", OrderStatus::Filled);
    assert_eq!(locked(&desk), (dec("1"), dec("0")));
    update(&mut desk, tickets[1], OrderChange::Canceled, OrderStatus::Canceled, "1");
    assert_eq!(locked(&desk), (dec("1"), dec("0")));
    update(&mut desk, tickets[2], OrderChange::Canceled, OrderStatus::Canceled, "1");
    assert_eq!(locked(&desk), (dec("0"), dec("0")));

    // Both parts spend the same asset: together they must be covered.
    let two = oto(order(0, Side::Buy, limit("1", "100")), order(0, Side::Buy, limit("1", "95")));
    let (mut poor, commands) = super::common::desk(Limits::default(), "190", "0");
    let missing = Denial::InsufficientBalance { asset: "USDT".into(), needed: dec("195"), free: dec("190") };
    assert_eq!(submit(&mut poor, &two), Err(missing));
    assert_eq!((locked(&poor), commands.try_iter().count()), ((dec("0"), dec("0")), 0), "all or none");
    let (mut rich, _commands) = super::common::desk(Limits::default(), "195", "0");
    submit(&mut rich, &two).unwrap();
    // What is bought is not there yet, and the venue wants to see it at once.
    let missing = Denial::InsufficientBalance { asset: "BTC".into(), needed: dec("1"), free: dec("0") };
    let (mut flat, _commands) = super::common::desk(Limits::default(), "1000", "0");
    assert_eq!(submit(&mut flat, &entry("1")), Err(missing));
}

#[test]
fn only_what_the_venue_takes_as_a_list_is_one() {
    use Side::{Buy, Sell};
    let other = |mut one: NewOrder| {
        one.instrument = InstrumentId(1);
        one
    };
    let quote = OrderKind::Market(MarketSize::Quote(dec("50")));
    let take = OrderKind::TakeProfit { quantity: dec("1"), trigger: Trigger::Price(dec("110")) };
    let wrong = [
        // The loss above the profit, or both of a kind.
        oco(order(0, Sell, stop("1", "90")), order(0, Sell, maker("1", "110"))),
        oco(order(0, Sell, maker("1", "110")), order(0, Sell, maker("1", "90"))),
        oco(order(0, Sell, stop("1", "110")), order(0, Sell, stop("1", "90"))),
        oco(order(0, Sell, take), order(0, Sell, limit("1", "90"))),
        oco(order(0, Buy, maker("1", "110")), order(0, Buy, stop("1", "90"))),
        // Prices the wrong way round.
        oco(order(0, Sell, maker("1", "90")), order(0, Sell, stop("1", "95"))),
        // Different sides, quantities, instruments.
        oco(order(0, Sell, maker("1", "110")), order(0, Buy, stop("1", "90"))),
        oco(order(0, Sell, maker("1", "110")), order(0, Sell, stop("0.9", "90"))),
        oco(order(0, Sell, maker("1", "110")), other(order(0, Sell, stop("1", "90")))),
        // The working order must be able to stand on the book, the pending one needs a quantity.
        oto(order(0, Buy, stop("1", "110")), order(0, Sell, limit("1", "110"))),
        oto(order(0, Buy, limit("1", "100")), order(0, Sell, quote)),
        otoco(order(0, Buy, limit("1", "100")), order(0, Sell, stop("1", "90")), order(0, Sell, maker("1", "110"))),
    ];
    for list in wrong {
        let (mut desk, commands) = desk(Limits::default(), "1000", "10");
        assert_eq!(submit(&mut desk, &list), Err(Denial::InvalidField(OrderField::Legs)), "{list:?}");
        assert!(commands.try_recv().is_err(), "nothing was sent");
        assert_eq!((locked(&desk), desk.open_orders().len()), ((dec("0"), dec("0")), 0));
    }
    let trailing = OrderKind::StopLoss { quantity: dec("1"), trigger: Trigger::Trailing(100) };
    let right = [
        oco(order(0, Sell, take), order(0, Sell, stop("1", "90"))),
        oco(order(0, Sell, maker("1", "110")), order(0, Sell, trailing)),
        oco(order(0, Buy, stop("1", "110")), order(0, Buy, maker("1", "90"))),
        oto(order(0, Buy, limit("1", "100")), order(0, Sell, OrderKind::Market(MarketSize::Base(dec("1"))))),
        oto(order(0, Sell, maker("1", "101")), order(0, Buy, limit("1", "95"))),
        entry("1"),
    ];
    for list in right {
        let (mut desk, _commands) = desk(Limits::default(), "1000", "10");
        assert_eq!(submit(&mut desk, &list).map(|tickets| tickets.len()), Ok(list.orders().len()), "{list:?}");
    }
}

#[test]
fn grants_and_the_venue_decide_on_lists() {
    let check = |types: &[OrderType]| {
        let permissions = Permissions { order_types: types.iter().copied().collect(), ..Permissions::default() };
        let (mut desk, _commands) = permitted(Limits::default(), permissions, "1000", "10");
        submit(&mut desk, &bracket("1")).map(|_| ())
    };
    use OrderType::{LimitMaker, List, StopLossLimit};
    assert_eq!(check(&[List, LimitMaker, StopLossLimit]), Ok(()));
    assert_eq!(check(&[LimitMaker, StopLossLimit]), Err(Denial::NotPermitted));
    assert_eq!(check(&[List, LimitMaker]), Err(Denial::NotPermitted), "each order must be granted too");
    for (feature, list) in [(Feature::Oco, bracket("1")), (Feature::Oto, entry("1")), (Feature::Oco, entry("1"))] {
        let lacks = Features::default().with(feature);
        let rules = Instrument { filters: Filters { lacks, ..Filters::default() }, ..instrument(0, true) };
        let (mut desk, _commands) = of(rules, Limits::default(), Permissions::default(), "1000", "10");
        assert_eq!(submit(&mut desk, &list), Err(Denial::Unsupported), "{feature:?}");
    }
}

#[test]
fn a_list_counts_as_its_orders_and_its_risk_once() {
    let limits = || Limits { position_notional: dec("150"), ..Limits::default() };
    // Selling one of two at 110 opens a short position of 110, not of 220.
    let (mut desk, _commands) = desk(limits(), "1000", "10");
    submit(&mut desk, &bracket("1")).unwrap();
    let again = submit(&mut desk, &bracket("1"));
    assert!(matches!(again, Err(Denial::Risk { limit: RiskLimit::Position, .. })), "{again:?}");

    let (mut two, _commands) = super::common::desk(Limits { open_orders: 2, ..Limits::default() }, "1000", "10");
    let denied = submit(&mut two, &entry("1"));
    assert!(matches!(denied, Err(Denial::Quota { kind: QuotaKind::OpenOrders, limit: 2, .. })), "{denied:?}");
    submit(&mut two, &bracket("1")).unwrap();

    let slow = Limits { orders_per_second: 4, ..Limits::default() };
    let rules = Instrument { max_open_orders: 0, ..instrument(0, true) };
    let (mut three, _commands) = of(rules.clone(), slow, Permissions::default(), "1000", "10");
    submit(&mut three, &entry("0.1")).unwrap();
    let denied = submit(&mut three, &bracket("0.1"));
    assert!(matches!(denied, Err(Denial::Quota { kind: QuotaKind::OrdersPerSecond, .. })), "{denied:?}");

    let filters = Filters { max_order_lists: 1, max_algo_orders: 5, ..Filters::default() };
    let (mut four, _commands) =
        of(Instrument { filters, ..rules }, Limits::default(), Permissions::default(), "1000", "10");
    let tickets = submit(&mut four, &bracket("0.1")).unwrap();
    let denied = submit(&mut four, &bracket("0.1"));
    assert!(matches!(denied, Err(Denial::Filter { kind: FilterKind::MaxNumOrderLists, .. })), "{denied:?}");
    for order in tickets {
        update(&mut four, order, OrderChange::Canceled, OrderStatus::Canceled, "0.1");
    }
    submit(&mut four, &bracket("0.1")).unwrap();
}

#[test]
fn what_waits_may_reduce_what_the_working_order_opens() {
    let reducing = |mut list: OrderList| {
        match &mut list {
            OrderList::Oco(pair) => pair.iter_mut().for_each(|order| order.reduce_only = true),
            OrderList::Otoco(three) => three.iter_mut().skip(1).for_each(|order| order.reduce_only = true),
            OrderList::Oto(_) => {}
        }
        list
    };
    let (mut desk, _commands) = desk(Limits::default(), "1000", "10");
    let denied = submit(&mut desk, &reducing(bracket("1")));
    assert!(
        matches!(denied, Err(Denial::Risk { limit: RiskLimit::ReduceOnly, .. })),
        "there is no position: {denied:?}"
    );
    submit(&mut desk, &reducing(entry("1"))).unwrap();
}

#[test]
fn a_cancel_of_one_order_takes_its_list_with_it() {
    let (mut desk, commands) = desk(Limits::default(), "1000", "10");
    let tickets = submit(&mut desk, &bracket("1")).unwrap();
    let lone = desk.submit(Timestamp(2), order(0, Side::Buy, limit("0.1", "100")), 1).unwrap();
    for order in tickets.iter().chain([&lone]) {
        update(&mut desk, *order, OrderChange::Accepted, OrderStatus::Accepted, "1");
    }
    assert_eq!(commands.try_iter().count(), 2);
    desk.cancel(Timestamp(3), tickets[1], 1).unwrap();
    desk.cancel(Timestamp(3), tickets[0], 1).unwrap();
    assert_eq!(commands.try_iter().count(), 2, "each is named once");
    let status: Vec<_> = desk.open_orders().iter().map(|open| open.status).collect();
    assert_eq!(status, [OrderStatus::PendingCancel, OrderStatus::PendingCancel, OrderStatus::Accepted]);
    assert_eq!(desk.cancel_all(Timestamp(3), None, 1), Ok(1));

    let (mut all, commands) = super::common::desk(Limits::default(), "1000", "10");
    submit(&mut all, &entry("1")).unwrap();
    assert_eq!(commands.try_iter().count(), 1);
    assert_eq!((all.cancel_all(Timestamp(3), None, 1), commands.try_iter().count()), (Ok(3), 3));
}

/// A pair that protects a position reduces it once, so a policy that spares what reduces spares the pair.
#[test]
fn a_protecting_pair_stays_when_only_what_reduces_may() {
    let (mut desk, commands) = desk(Limits::default(), "1000", "10");
    let bought = desk.submit(Timestamp(2), order(0, Side::Buy, limit("1", "100")), 1).unwrap();
    fill(&mut desk, bought, Side::Buy, "1", "100", OrderStatus::Filled);
    submit(&mut desk, &bracket("1")).unwrap();
    assert_eq!(commands.try_iter().count(), 2);
    assert_eq!(desk.end_orders(Timestamp(3), FaultPolicy::ReduceOnly, &[], 1), Ok(0));
    submit(&mut desk, &bracket("0.5")).unwrap_err();
    assert_eq!(desk.end_orders(Timestamp(3), FaultPolicy::Cancel, &[], 1), Ok(2));
    assert_eq!(commands.try_iter().count(), 2);
}

fn any_kind() -> impl Strategy<Value = OrderKind> {
    let trigger = prop_oneof![
        (8_000i64..12_000).prop_map(|cents| Trigger::Price(Decimal::new(cents, 2))),
        (0u32..3_000).prop_map(Trigger::Trailing)
    ];
    (0u8..8, 1i64..4_000, 8_000i64..12_000, trigger, prop::option::of(1i64..500)).prop_map(
        |(kind, quantity, price, trigger, shown)| {
            let (quantity, price) = (Decimal::new(quantity, 3), Decimal::new(price, 2));
            let time_in_force = TimeInForce::Gtc;
            match kind {
                0 => OrderKind::Market(MarketSize::Base(quantity)),
                1 => OrderKind::Market(MarketSize::Quote(price)),
                2 => OrderKind::Limit {
                    quantity,
                    price,
                    time_in_force,
                    iceberg_quantity: shown.map(|shown| Decimal::new(shown, 3)),
                },
                3 => OrderKind::LimitMaker { quantity, price },
                4 => OrderKind::StopLoss { quantity, trigger },
                5 => OrderKind::StopLossLimit { quantity, trigger, price, time_in_force },
                6 => OrderKind::TakeProfit { quantity, trigger },
                _ => OrderKind::TakeProfitLimit { quantity, trigger, price, time_in_force },
            }
        },
    )
}

fn any_order() -> impl Strategy<Value = NewOrder> {
    (any::<bool>(), any_kind()).prop_map(|(buy, kind)| order(0, if buy { Side::Buy } else { Side::Sell }, kind))
}

/// One order, or several that may or may not make a list.
fn any_submission() -> impl Strategy<Value = (u8, Vec<NewOrder>)> {
    let pair =
        (any::<bool>(), 1i64..4_000, 10_100i64..11_000, 9_000i64..9_900).prop_map(|(buy, quantity, high, low)| {
            let quantity = Decimal::new(quantity, 3);
            let (high, low) = (Decimal::new(high, 2), Decimal::new(low, 2));
            let loss = |at| OrderKind::StopLoss { quantity, trigger: Trigger::Price(at) };
            let profit = |at| OrderKind::LimitMaker { quantity, price: at };
            let (side, above, below) =
                if buy { (Side::Buy, loss(high), profit(low)) } else { (Side::Sell, profit(high), loss(low)) };
            vec![order(0, side, above), order(0, side, below)]
        });
    prop_oneof![
        2 => any_order().prop_map(|order| (0, vec![order])),
        2 => pair.clone().prop_map(|pair| (1, pair)),
        1 => (any_order(), any_order()).prop_map(|(a, b)| (2, vec![a, b])),
        1 => (any_order(), pair).prop_map(|(first, pair)| (3, [vec![first], pair].concat())),
        1 => (any_order(), any_order()).prop_map(|(a, b)| (1, vec![a, b])),
    ]
}

proptest! {
    /// Whatever is asked for: all of what is approved together is covered by the allocation, at
    /// the worst that each may cost, and nothing of it is sent twice or in part.
    #[test]
    fn what_is_approved_is_covered(wishes in prop::collection::vec(any_submission(), 1..30)) {
        let rules = Instrument { max_open_orders: 0, ..instrument(0, true) };
        let limits = Limits { open_orders: 100, orders_per_second: 1_000, ..Limits::default() };
        let (mut desk, commands) = of(rules, limits, Permissions::default(), "1500", "10");
        for (shape, orders) in wishes {
            let tickets = match (shape, orders.as_slice()) {
                (1, [a, b]) => desk.submit_list(Timestamp(2), oco(a.clone(), b.clone()), 1),
                (2, [a, b]) => desk.submit_list(Timestamp(2), oto(a.clone(), b.clone()), 1),
                (3, [a, b, c]) => desk.submit_list(Timestamp(2), otoco(a.clone(), b.clone(), c.clone()), 1),
                (_, [one, ..]) => desk.submit(Timestamp(2), one.clone(), 1).map(|ticket| vec![ticket]),
                _ => continue,
            };
            prop_assert!(desk.reservations_agree());
            if let Ok(tickets) = tickets {
                prop_assert_eq!(tickets.len(), orders.len());
            }
        }
        let worst = |order: &ringfence_model::venue::VenueOrder| {
            let quantity = order.kind.quantity();
            let limit = order.kind.price();
            match (order.side, quantity, limit, order.kind.trigger()) {
                (Side::Sell, Some(quantity), ..) => (quantity, Decimal::ZERO),
                (Side::Buy, Some(quantity), Some(limit), _) => (Decimal::ZERO, quantity * limit),
                (Side::Buy, Some(quantity), None, Some(Trigger::Price(at))) => (Decimal::ZERO, quantity * at),
                (Side::Buy, Some(quantity), None, _) => (Decimal::ZERO, quantity * dec("100")),
                (Side::Buy, None, ..) => match order.kind {
                    OrderKind::Market(MarketSize::Quote(amount)) => (Decimal::ZERO, amount),
                    _ => (Decimal::ZERO, Decimal::ZERO),
                },
                (Side::Sell, None, ..) => (Decimal::ZERO, Decimal::ZERO),
            }
        };
        let (mut base, mut quote) = (Decimal::ZERO, Decimal::ZERO);
        for command in commands.try_iter() {
            let parts = match &command {
                DeskCommand::Place { approved, .. } => vec![vec![approved.order()]],
                DeskCommand::PlaceList { approved, .. } => match approved.list() {
                    VenueList::Oco { above, below } => vec![vec![above, below]],
                    VenueList::Oto { working, pending } => vec![vec![working], vec![pending]],
                    VenueList::Otoco { working, above, below } => vec![vec![working], vec![above, below]],
                },
                other => panic!("{other:?}"),
            };
            for part in parts {
                base += part.iter().map(|order| worst(order).0).max().unwrap();
                quote += part.iter().map(|order| worst(order).1).max().unwrap();
            }
        }
        prop_assert!(base <= dec("10") && quote <= dec("1500"), "{} {}", base, quote);
        prop_assert!(desk.ledger().locked("BTC") <= dec("10") && desk.ledger().locked("USDT") <= dec("1500"));
    }
}
