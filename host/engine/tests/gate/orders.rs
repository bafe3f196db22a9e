//! A table of refusals, each with its reason and bound, and properties that hold whatever a
//! plugin asks for.

use proptest::prelude::*;
use ringfence_engine::{DeskCommand, Limits, OrderType, Permissions, SeatDesk, StreamType, seat_of};
use ringfence_model::denial::{FilterKind, OrderField, QuotaKind, RiskLimit};
use ringfence_model::desk::Desk;
use ringfence_model::event::{Fill, GapReason, HaltReason, Trade};
use ringfence_model::order::MarketSize;
use ringfence_model::venue::ClientOrderId;
use ringfence_model::{
    Decimal, Denial, Event, EventBody, InstrumentId, Micros, OrderId, OrderKind, OrderStatus, SeatId, Side, StreamKind,
    Timestamp,
};

use super::common::{dec, desk, instrument, limit, order, permitted};

#[test]
fn each_rule_refuses_by_name() {
    use Side::{Buy, Sell};
    let market = |text: &str| OrderKind::Market(MarketSize::Base(dec(text)));
    let filter = |kind, bound: &str, asked: &str| Denial::Filter { kind, bound: dec(bound), asked: dec(asked) };
    let risk = |limit, allowed: &str, asked: &str| Denial::Risk { limit, allowed: dec(allowed), asked: dec(asked) };
    let mut reducing = order(0, Sell, market("0.1"));
    reducing.reduce_only = true;
    let mut tagged = order(0, Buy, market("0.1"));
    tagged.tag = Some("not a tag".into());
    let table = [
        (order(2, Buy, market("0.1")), Denial::NotPermitted),
        (order(9, Buy, market("0.1")), Denial::NotPermitted),
        (order(1, Buy, limit("0.1", "100")), Denial::Halted),
        (order(0, Buy, market("0")), Denial::InvalidField(OrderField::Quantity)),
        (order(0, Buy, market("-1")), Denial::InvalidField(OrderField::Quantity)),
        (order(0, Buy, limit("0.1", "0")), Denial::InvalidField(OrderField::Price)),
        (order(0, Buy, market("0.001")), filter(FilterKind::LotSize, "0.002", "0.001")),
        (order(0, Buy, market("0.1005")), filter(FilterKind::LotSize, "0.001", "0.1005")),
        (order(0, Buy, market("21")), filter(FilterKind::MarketLotSize, "20", "21")),
        (order(0, Buy, limit("51", "100")), filter(FilterKind::LotSize, "50", "51")),
        (order(0, Buy, limit("0.1", "100.005")), filter(FilterKind::PriceFilter, "0.01", "100.005")),
        (order(0, Buy, limit("0.1", "100001")), filter(FilterKind::PriceFilter, "100000", "100001")),
        (order(0, Buy, market("0.04")), filter(FilterKind::MinNotional, "5", "4")),
        (order(0, Buy, limit("0.1", "111")), risk(RiskLimit::PriceCollar, "110", "111")),
        (order(0, Sell, limit("0.1", "89")), risk(RiskLimit::PriceCollar, "90", "89")),
        (order(0, Buy, market("5.001")), risk(RiskLimit::OrderNotional, "500", "500.1")),
        (reducing, risk(RiskLimit::ReduceOnly, "0", "0.1")),
        (tagged, Denial::InvalidField(OrderField::Tag)),
        (
            order(0, Buy, limit("4", "100")),
            Denial::InsufficientBalance { asset: "USDT".into(), needed: dec("400"), free: dec("300") },
        ),
        (
            order(0, Sell, limit("2", "100")),
            Denial::InsufficientBalance { asset: "BTC".into(), needed: dec("2"), free: dec("1") },
        ),
    ];
    for (order, expected) in table {
        let limits = Limits { order_notional: dec("500"), ..Limits::default() };
        let (mut desk, commands) = desk(limits, "300", "1");
        assert_eq!(desk.submit(Timestamp(2), order.clone(), 1), Err(expected), "{order:?}");
        assert!(commands.try_recv().is_err(), "nothing was sent");
        assert_eq!(desk.report().denials, 1);
        assert!(desk.reservations_agree());
    }
}

#[test]
fn stocks_and_rates_are_limited() {
    let small = || order(0, Side::Buy, limit("0.1", "100"));
    let (mut one, _commands) = desk(Limits { open_orders: 2, ..Limits::default() }, "1000", "1");
    one.submit(Timestamp(2), small(), 1).unwrap();
    one.submit(Timestamp(2), small(), 1).unwrap();
    assert!(matches!(
        one.submit(Timestamp(2), small(), 1),
        Err(Denial::Quota { kind: QuotaKind::OpenOrders, limit: 2, .. })
    ));

    let (mut two, _commands) = desk(Limits { orders_per_second: 2, ..Limits::default() }, "1000", "1");
    two.submit(Timestamp(2), small(), 1).unwrap();
    two.submit(Timestamp(3), small(), 1).unwrap();
    let denied = two.submit(Timestamp(4), small(), 1);
    assert_eq!(denied, Err(Denial::Quota { kind: QuotaKind::OrdersPerSecond, limit: 2, retry_after: Micros(999_998) }));
    two.submit(Timestamp(1_000_002), small(), 1).unwrap();

    // The venue's own bound on open orders of a symbol comes as a filter.
    let (mut three, _commands) = desk(Limits::default(), "1000", "1");
    for _ in 0..3 {
        three.submit(Timestamp(2), small(), 1).unwrap();
    }
    let denied = three.submit(Timestamp(2), small(), 1);
    assert!(matches!(denied, Err(Denial::Filter { kind: FilterKind::MaxNumOrders, .. })), "{denied:?}");

    let (mut four, _commands) = desk(Limits { open_notional: dec("25"), ..Limits::default() }, "1000", "1");
    four.submit(Timestamp(2), small(), 1).unwrap();
    four.submit(Timestamp(2), small(), 1).unwrap();
    let denied = four.submit(Timestamp(2), small(), 1);
    assert!(matches!(denied, Err(Denial::Risk { limit: RiskLimit::OpenNotional, .. })), "{denied:?}");

    let (mut five, _commands) = desk(Limits { subscriptions: 1, ..Limits::default() }, "1000", "1");
    five.subscribe(InstrumentId(0), StreamKind::Trades).unwrap();
    five.subscribe(InstrumentId(0), StreamKind::Trades).unwrap();
    assert!(five.subscribe(InstrumentId(0), StreamKind::Quotes).is_err());
    five.unsubscribe(InstrumentId(0), StreamKind::Trades).unwrap();
    five.subscribe(InstrumentId(0), StreamKind::Quotes).unwrap();
    assert_eq!(five.subscribe(InstrumentId(2), StreamKind::Trades), Err(Denial::NotPermitted));

    // What the venue has no stream of is denied, not silent.
    let (mut six, _commands) = desk(Limits::default(), "1000", "1");
    for stream in [StreamKind::Book(7), StreamKind::Klines(0), StreamKind::Klines(90)] {
        assert!(matches!(six.subscribe(InstrumentId(0), stream), Err(Denial::InvalidField(_))), "{stream:?}");
    }
    for stream in [StreamKind::Book(5), StreamKind::Klines(1), StreamKind::Klines(86_400)] {
        assert_eq!(six.subscribe(InstrumentId(0), stream), Ok(()), "{stream:?}");
    }
}

#[test]
fn a_quote_sized_order_on_its_way_counts_as_position() {
    let sized = |side, amount: &str| order(0, side, OrderKind::Market(MarketSize::Quote(dec(amount))));
    let (mut buyer, _commands) = desk(Limits { position_notional: dec("100"), ..Limits::default() }, "1000", "1");
    buyer.submit(Timestamp(2), sized(Side::Buy, "60"), 1).unwrap();
    let denied = buyer.submit(Timestamp(2), sized(Side::Buy, "60"), 1);
    assert_eq!(denied, Err(Denial::Risk { limit: RiskLimit::Position, allowed: dec("100"), asked: dec("120") }));
    buyer.submit(Timestamp(2), sized(Side::Buy, "40"), 1).unwrap();
}

#[test]
fn a_plugin_that_follows_nothing_has_no_way_around_its_collar() {
    let (mut desk, commands) = desk(Limits::default(), "1000", "1");
    // The last thing that it was told of the price was wrong or is gone: nothing to measure from.
    let gap = EventBody::FeedGap {
        instrument: InstrumentId(0),
        stream: StreamKind::Quotes,
        reason: GapReason::Disconnected,
        missed: 0,
    };
    drop(desk.apply(&Event { seq: 2, ts: Timestamp(2), body: gap }));
    let denied = desk.submit(Timestamp(3), order(0, Side::Buy, limit("0.1", "500")), 2);
    assert!(matches!(denied, Err(Denial::Risk { limit: RiskLimit::PriceCollar, .. })), "{denied:?}");
    assert!(commands.try_recv().is_err(), "nothing was sent");
}

#[test]
fn the_days_loss_counts_from_midnight_and_not_from_the_first_order() {
    const DAY: u64 = 86_400_000_000;
    let (mut desk, _commands) = desk(Limits { daily_loss: dec("10"), ..Limits::default() }, "1000", "1");
    let bought = desk.submit(Timestamp(2), order(0, Side::Buy, limit("1", "100")), 1).unwrap();
    let fill = Fill {
        order: bought,
        instrument: InstrumentId(0),
        side: Side::Buy,
        trade_id: 1,
        price: dec("100"),
        quantity: dec("1"),
        commission: Decimal::ZERO,
        commission_asset: "BTC".into(),
        maker: false,
        status: OrderStatus::Filled,
        recovered: false,
    };
    let mut seq = 1;
    let mut apply = |desk: &mut SeatDesk, ts: u64, body: EventBody| {
        seq += 1;
        drop(desk.apply(&Event { seq, ts: Timestamp(ts), body }));
    };
    let trade = |price: &str| {
        EventBody::Trade(Trade {
            instrument: InstrumentId(0),
            id: 1,
            price: dec(price),
            quantity: dec("1"),
            aggressor: Side::Buy,
        })
    };
    apply(&mut desk, 3, EventBody::Fill(fill));
    // The next day starts at 100 and falls to 80 before the plugin orders anything.
    apply(&mut desk, DAY, trade("100"));
    apply(&mut desk, DAY + 1, trade("80"));
    let denied = desk.submit(Timestamp(DAY + 2), order(0, Side::Buy, limit("0.1", "80")), 2);
    assert_eq!(denied, Err(Denial::Risk { limit: RiskLimit::DailyLoss, allowed: dec("10"), asked: dec("20") }));
    desk.submit(Timestamp(DAY + 2), order(0, Side::Sell, limit("0.1", "80")), 2).unwrap();
    // The day after starts anew; a late message of yesterday does not turn it back.
    apply(&mut desk, 2 * DAY, trade("80"));
    apply(&mut desk, 2 * DAY - 1, trade("79"));
    desk.submit(Timestamp(2 * DAY + 1), order(0, Side::Buy, limit("0.1", "79")), 2).unwrap();
}

/// The venue's limits let what reduces go first, and share the rest between the plugins that ask.
#[test]
fn an_approved_order_says_whether_it_only_reduces_and_whose_it_is() {
    let (mut desk, commands) = desk(Limits::default(), "1000", "1");
    let sent = |desk: &mut SeatDesk, side, quantity: &str| {
        desk.submit(Timestamp(4), order(0, side, limit(quantity, "100")), 2).unwrap();
        let placed = commands.try_iter().find_map(|command| match command {
            DeskCommand::Place { approved, seat, .. } => Some((approved, seat)),
            _ => None,
        });
        let (approved, seat) = placed.unwrap();
        assert_eq!(seat_of(&approved.order().client_order_id), Some(seat));
        approved.reduces()
    };
    // What was allocated is no position: selling it opens one.
    assert!(!sent(&mut desk, Side::Sell, "0.1"));
    assert!(!sent(&mut desk, Side::Buy, "0.5"));
    let fill = Fill {
        order: OrderId(2),
        instrument: InstrumentId(0),
        side: Side::Buy,
        trade_id: 1,
        price: dec("100"),
        quantity: dec("0.5"),
        commission: Decimal::ZERO,
        commission_asset: "BTC".into(),
        maker: false,
        status: OrderStatus::Filled,
        recovered: false,
    };
    drop(desk.apply(&Event { seq: 2, ts: Timestamp(3), body: EventBody::Fill(fill) }));
    // 0.5 are held, of which the first sell may take 0.1.
    assert!(sent(&mut desk, Side::Sell, "0.3"));

    for id in ["", "a", "gate-0", "gate-!-1", "gate-zzzzzzzzz-1"] {
        assert_eq!(seat_of(&ClientOrderId(id.into())), None, "{id}");
    }
    assert_eq!(seat_of(&ClientOrderId("k3-9z-10-1".into())), Some(SeatId(36)));
}

#[test]
fn a_halt_stops_orders_and_not_cancels() {
    let (mut desk, commands) = desk(Limits::default(), "1000", "1");
    let placed = desk.submit(Timestamp(2), order(0, Side::Buy, limit("0.1", "100")), 1).unwrap();
    drop(desk.apply(&Event { seq: 2, ts: Timestamp(3), body: EventBody::Halted(HaltReason::Operator) }));
    assert_eq!(desk.submit(Timestamp(3), order(0, Side::Buy, limit("0.1", "100")), 2), Err(Denial::Halted));
    desk.cancel(Timestamp(3), placed, 2).unwrap();
    assert_eq!(commands.try_iter().count(), 2);
    drop(desk.apply(&Event { seq: 3, ts: Timestamp(4), body: EventBody::Resumed }));
    desk.submit(Timestamp(4), order(0, Side::Buy, limit("0.1", "100")), 3).unwrap();
}

proptest! {
    /// Whatever is asked for: what is approved obeys every filter, and all of it together is covered.
    #[test]
    fn what_is_approved_is_sound_and_covered(
        wishes in prop::collection::vec((any::<bool>(), 0i64..60_000, prop::option::of(0i64..12_000), 0u64..400_000), 1..60),
    ) {
        let (mut desk, commands) = desk(Limits { open_orders: 100, ..Limits::default() }, "3000", "20");
        let rules = instrument(0, true);
        let mut now = 2;
        for (buy, quantity, price, gap) in wishes {
            now += gap;
            let quantity = Decimal::new(quantity, 3);
            let kind = match price {
                Some(cents) => OrderKind::LimitMaker { quantity, price: Decimal::new(cents, 2) },
                None => OrderKind::Market(MarketSize::Base(quantity)),
            };
            let side = if buy { Side::Buy } else { Side::Sell };
            drop(desk.submit(Timestamp(now), order(0, side, kind), 1));
            prop_assert!(desk.reservations_agree());
        }
        let (mut buys, mut sells, mut count) = (Decimal::ZERO, Decimal::ZERO, 0u32);
        for command in commands.try_iter() {
            let DeskCommand::Place { approved, .. } = command else { panic!("{command:?}") };
            let (side, kind) = (approved.order().side, approved.order().kind);
            let quantity = kind.quantity().unwrap();
            let price = kind.price().unwrap_or(dec("100"));
            prop_assert!(quantity >= rules.min_quantity && quantity <= rules.max_quantity);
            prop_assert!((quantity % rules.step_size).is_zero() && (price % rules.tick_size).is_zero());
            prop_assert!(quantity * price >= rules.min_notional && quantity * price <= Limits::default().order_notional);
            match side { Side::Buy => buys += quantity * price, Side::Sell => sells += quantity }
            count += 1;
        }
        prop_assert!(count <= rules.max_open_orders);
        prop_assert!(buys <= dec("3000") && sells <= dec("20"));
    }
}

/// What is not granted is not permitted, whatever else would allow it; a plugin without order
/// types still follows the market.
#[test]
fn kinds_of_orders_and_data_are_granted_one_by_one() {
    let resting = || order(0, Side::Buy, limit("1", "99"));
    let market = || order(0, Side::Buy, OrderKind::Market(MarketSize::Base(dec("1"))));
    let only = |types: &[OrderType], streams: &[StreamType]| {
        let permissions =
            Permissions { order_types: types.iter().copied().collect(), streams: streams.iter().copied().collect() };
        permitted(Limits::default(), permissions, "1000", "1")
    };
    let (mut desk, _commands) = only(&[OrderType::Limit], &[StreamType::Quotes]);
    assert!(desk.submit(Timestamp(1), resting(), 1).is_ok());
    assert_eq!(desk.submit(Timestamp(1), market(), 1), Err(Denial::NotPermitted));
    assert_eq!(desk.subscribe(InstrumentId(0), StreamKind::Quotes), Ok(()));
    assert_eq!(desk.subscribe(InstrumentId(0), StreamKind::Trades), Err(Denial::NotPermitted));
    let (mut data_only, commands) = only(&[], &StreamType::ALL);
    for order in [resting(), market()] {
        assert_eq!(data_only.submit(Timestamp(1), order, 1), Err(Denial::NotPermitted));
    }
    assert_eq!(data_only.subscribe(InstrumentId(0), StreamKind::Trades), Ok(()));
    assert!(commands.try_iter().all(|command| !matches!(command, DeskCommand::Place { .. })));
}
