//! What each kind of order holds and how it may look.

use ringfence_engine::{DeskCommand, Limits, Permissions};
use ringfence_model::denial::{FilterKind, OrderField, RiskLimit};
use ringfence_model::desk::Desk as _;
use ringfence_model::event::OrderChange;
use ringfence_model::instrument::{Feature, Features, Filters};
use ringfence_model::order::{MarketSize, Trigger};
use ringfence_model::{Decimal, Denial, Instrument, OrderKind, OrderStatus, Side, TimeInForce, Timestamp};

use super::common::{dec, desk, fill, instrument, limit, of, order, update};

fn at(price: &str) -> Trigger {
    Trigger::Price(dec(price))
}

fn stop(trigger: Trigger) -> OrderKind {
    OrderKind::StopLoss { quantity: dec("1"), trigger }
}

fn take(trigger: Trigger) -> OrderKind {
    OrderKind::TakeProfit { quantity: dec("1"), trigger }
}

fn stop_limit(trigger: Trigger, price: &str) -> OrderKind {
    OrderKind::StopLossLimit { quantity: dec("1"), trigger, price: dec(price), time_in_force: TimeInForce::Gtc }
}

fn take_limit(trigger: Trigger, price: &str) -> OrderKind {
    OrderKind::TakeProfitLimit { quantity: dec("1"), trigger, price: dec(price), time_in_force: TimeInForce::Gtc }
}

fn iceberg(shown: &str, time_in_force: TimeInForce) -> OrderKind {
    OrderKind::Limit { quantity: dec("1"), price: dec("100"), time_in_force, iceberg_quantity: Some(dec(shown)) }
}

#[test]
fn each_kind_holds_what_it_may_cost_until_it_ends() {
    use Side::{Buy, Sell};
    // The market stands at 100, the collar is a tenth.
    let table = [
        (Buy, stop_limit(at("105"), "106"), "USDT", "106"),
        (Sell, stop_limit(at("95"), "94"), "BTC", "1"),
        (Buy, stop_limit(Trigger::Trailing(100), "104"), "USDT", "104"),
        (Buy, take_limit(at("95"), "95"), "USDT", "95"),
        (Sell, take_limit(at("110"), "109"), "BTC", "1"),
        // Any price once it is set off: its trigger and the collar.
        (Buy, stop(at("105")), "USDT", "115.5"),
        (Sell, stop(at("95")), "BTC", "1"),
        (Buy, stop(Trigger::Trailing(100)), "USDT", "111.1"),
        (Sell, stop(Trigger::Trailing(100)), "BTC", "1"),
        (Buy, take(at("95")), "USDT", "104.5"),
        (Buy, take(Trigger::Trailing(50)), "USDT", "110.55"),
        (Sell, take(at("120")), "BTC", "1"),
        // All of it, however little is shown.
        (Buy, iceberg("0.1", TimeInForce::Gtc), "USDT", "100"),
        (Sell, iceberg("0.1", TimeInForce::Gtc), "BTC", "1"),
        (Buy, OrderKind::Market(MarketSize::Base(dec("1"))), "USDT", "105"),
    ];
    for (side, kind, asset, held) in table {
        let (mut desk, commands) = desk(Limits::default(), "1000", "10");
        let placed =
            desk.submit(Timestamp(2), order(0, side, kind), 1).unwrap_or_else(|denial| panic!("{kind:?}: {denial}"));
        let locked = |desk: &ringfence_engine::SeatDesk, asset| desk.ledger().locked(asset);
        assert_eq!(locked(&desk, asset), dec(held), "{side:?} {kind:?}");
        assert!(desk.reservations_agree());
        let Ok(DeskCommand::Place { approved, .. }) = commands.try_recv() else { panic!("nothing was sent") };
        assert_eq!((approved.order().kind, approved.order().side), (kind, side));
        // Half of it is done at the best price that there is: what that half held is free.
        update(&mut desk, placed, OrderChange::Accepted, OrderStatus::Accepted, "1");
        fill(&mut desk, placed, side, "0.5", "90", OrderStatus::PartiallyFilled);
        assert_eq!(locked(&desk, asset), dec(held) / Decimal::TWO, "{side:?} {kind:?}");
        update(&mut desk, placed, OrderChange::Expired, OrderStatus::Expired, "1");
        assert_eq!(locked(&desk, asset), Decimal::ZERO);
        assert!(desk.open_orders().is_empty());
    }
    // The margin of a market order is the least, whatever the collar.
    let limits = Limits { price_collar: Decimal::ZERO, ..Limits::default() };
    let (mut desk, _commands) = desk(limits, "1000", "10");
    desk.submit(Timestamp(2), order(0, Side::Buy, stop(at("100"))), 1).unwrap();
    assert_eq!(desk.ledger().locked("USDT"), dec("105"));
}

#[test]
fn what_makes_no_sense_is_named() {
    use OrderField::{IcebergQuantity, Price, Quantity, StopPrice, TimeInForce as Time, TrailingDelta};
    let empty = OrderKind::StopLoss { quantity: Decimal::ZERO, trigger: at("90") };
    let table = [
        (iceberg("0.1", TimeInForce::Ioc), Time),
        (iceberg("0.1", TimeInForce::Fok), Time),
        (iceberg("0", TimeInForce::Gtc), IcebergQuantity),
        (iceberg("-1", TimeInForce::Gtc), IcebergQuantity),
        (iceberg("1.001", TimeInForce::Gtc), IcebergQuantity),
        (stop(Trigger::Trailing(0)), TrailingDelta),
        (take_limit(Trigger::Trailing(10_000), "100"), TrailingDelta),
        (stop(at("0")), StopPrice),
        (take_limit(at("-1"), "100"), StopPrice),
        (stop_limit(at("100"), "0"), Price),
        (empty, Quantity),
    ];
    for (kind, field) in table {
        let (mut desk, commands) = desk(Limits { price_collar: Decimal::ZERO, ..Limits::default() }, "1000", "10");
        let denied = desk.submit(Timestamp(2), order(0, Side::Sell, kind), 1);
        assert_eq!(denied, Err(Denial::InvalidField(field)), "{kind:?}");
        assert!(commands.try_recv().is_err(), "nothing was sent");
        assert!(desk.reservations_agree());
    }
}

#[test]
fn the_limit_of_a_stop_is_measured_from_its_trigger() {
    let check = |side, kind| {
        let (mut desk, _commands) = desk(Limits::default(), "1000", "10");
        desk.submit(Timestamp(2), order(0, side, kind), 1).map(|_| ())
    };
    let collar = |allowed: &str, asked: &str| {
        Err(Denial::Risk { limit: RiskLimit::PriceCollar, allowed: dec(allowed), asked: dec(asked) })
    };
    // A protective stop may be far from the market.
    assert_eq!(check(Side::Sell, stop_limit(at("60"), "59")), Ok(()));
    assert_eq!(check(Side::Sell, stop_limit(at("60"), "53")), collar("54", "53"));
    assert_eq!(check(Side::Buy, stop_limit(at("150"), "166")), collar("165", "166"));
    // 100 less 20 percent.
    assert_eq!(check(Side::Sell, stop_limit(Trigger::Trailing(2_000), "72")), Ok(()));
    assert_eq!(check(Side::Sell, stop_limit(Trigger::Trailing(2_000), "71")), collar("72", "71"));
}

#[test]
fn what_the_venue_does_not_do_for_a_symbol_is_not_sent() {
    let trailing = stop(Trigger::Trailing(100));
    let table = [
        (Feature::Market, OrderKind::Market(MarketSize::Base(dec("1")))),
        (Feature::QuoteSized, OrderKind::Market(MarketSize::Quote(dec("50")))),
        (Feature::Limit, limit("1", "100")),
        (Feature::LimitMaker, OrderKind::LimitMaker { quantity: dec("1"), price: dec("100") }),
        (Feature::StopLoss, stop(at("90"))),
        (Feature::TakeProfit, take(at("110"))),
        (Feature::StopLossLimit, stop_limit(at("90"), "90")),
        (Feature::TakeProfitLimit, take_limit(at("110"), "110")),
        (Feature::TrailingStop, trailing),
        (Feature::Iceberg, iceberg("0.1", TimeInForce::Gtc)),
    ];
    for (feature, kind) in table {
        let without = |lacks| Instrument { filters: Filters { lacks, ..Filters::default() }, ..instrument(0, true) };
        let submit = |lacks| {
            let (mut desk, _commands) = of(without(lacks), Limits::default(), Permissions::default(), "1000", "10");
            desk.submit(Timestamp(2), order(0, Side::Sell, kind), 1).map(|_| ())
        };
        assert_eq!(submit(Features::default().with(feature)), Err(Denial::Unsupported), "{feature:?}");
        assert_eq!(submit(Features::default()), Ok(()), "{feature:?}");
    }
}

#[test]
fn the_venues_counts_are_kept() {
    let filters = Filters {
        max_algo_orders: 2,
        max_iceberg_orders: 1,
        iceberg_parts: 4,
        trailing_below: Some((50, 500)),
        max_quote: dec("110"),
        ..Filters::default()
    };
    let rules = Instrument { max_open_orders: 0, filters, ..instrument(0, true) };
    let (mut desk, _commands) = of(rules, Limits::default(), Permissions::default(), "1000", "10");
    let mut submit = |kind| desk.submit(Timestamp(2), order(0, Side::Sell, kind), 1).map(|_| ());
    let filter = |kind, bound: &str, asked: &str| Err(Denial::Filter { kind, bound: dec(bound), asked: dec(asked) });
    assert_eq!(submit(stop(Trigger::Trailing(49))), filter(FilterKind::TrailingDelta, "50", "49"));
    assert_eq!(submit(iceberg("0.2", TimeInForce::Gtc)), filter(FilterKind::IcebergParts, "4", "5"));
    assert_eq!(submit(stop(at("90"))), Ok(()));
    assert_eq!(submit(take_limit(at("110"), "110")), Ok(()));
    assert_eq!(submit(stop(at("90"))), filter(FilterKind::MaxNumAlgoOrders, "2", "3"));
    assert_eq!(submit(iceberg("0.25", TimeInForce::Gtc)), Ok(()));
    assert_eq!(submit(iceberg("0.25", TimeInForce::Gtc)), filter(FilterKind::MaxNumIcebergOrders, "1", "2"));
    assert_eq!(submit(limit("1.2", "100")), filter(FilterKind::MaxAsset, "110", "120"));
    assert_eq!(submit(limit("1", "100")), Ok(()));
}

#[test]
fn amendments_are_counted_as_the_venue_counts_them() {
    let filters = Filters { max_amends: 2, ..Filters::default() };
    let rules = Instrument { filters, ..instrument(0, true) };
    let (mut desk, commands) = of(rules, Limits::default(), Permissions::default(), "1000", "10");
    let placed = desk.submit(Timestamp(2), order(0, Side::Sell, limit("1", "100")), 1).unwrap();
    update(&mut desk, placed, OrderChange::Accepted, OrderStatus::Accepted, "1");
    let amend =
        |desk: &mut ringfence_engine::SeatDesk, quantity: &str| desk.amend(Timestamp(3), placed, dec(quantity), 2);
    assert_eq!(amend(&mut desk, "0.9"), Ok(()));
    update(&mut desk, placed, OrderChange::AmendRejected, OrderStatus::Accepted, "1");
    // One that was refused does not count; one that is under way does.
    assert_eq!(amend(&mut desk, "0.8"), Ok(()));
    update(&mut desk, placed, OrderChange::Amended, OrderStatus::Accepted, "0.8");
    assert_eq!(desk.ledger().locked("BTC"), dec("0.8"));
    assert_eq!(amend(&mut desk, "0.7"), Ok(()));
    let denied = amend(&mut desk, "0.6");
    assert_eq!(denied, Err(Denial::Filter { kind: FilterKind::MaxNumOrderAmends, bound: dec("2"), asked: dec("3") }));
    // Less than the venue takes as an order.
    assert_eq!(commands.try_iter().count(), 4);
    let small = amend(&mut desk, "0.04");
    assert!(matches!(small, Err(Denial::Filter { kind: FilterKind::MinNotional, .. })), "{small:?}");
}
