//! A desk with one plugin's money and nothing open.

use std::sync::mpsc::{Receiver, channel};

use ringfence_engine::{DeskCommand, Engine, EngineConfig, Limits, Permissions, SeatConfig, SeatDesk};
use ringfence_model::desk::Desk;
use ringfence_model::event::{Fill, OrderChange, OrderReason, OrderUpdate, Quote};
use ringfence_model::{
    Decimal, Event, EventBody, Instrument, InstrumentId, Micros, NewOrder, OrderId, OrderKind, OrderStatus, Side,
    TimeInForce, Timestamp,
};

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn instrument(id: u32, trading: bool) -> Instrument {
    Instrument {
        id: InstrumentId(id),
        symbol: format!("BTC{id}USDT"),
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        quantity_scale: 3,
        tick_size: dec("0.01"),
        min_price: dec("1"),
        max_price: dec("100000"),
        step_size: dec("0.001"),
        min_quantity: dec("0.002"),
        max_quantity: dec("50"),
        market_max_quantity: dec("20"),
        min_notional: dec("5"),
        max_notional: dec("900000"),
        min_notional_on_market: true,
        max_open_orders: 3,
        trading,
        filters: ringfence_model::instrument::Filters::default(),
    }
}

pub(crate) fn desk(limits: Limits, usdt: &str, btc: &str) -> (SeatDesk, Receiver<DeskCommand>) {
    permitted(limits, Permissions::default(), usdt, btc)
}

pub(crate) fn permitted(
    limits: Limits,
    permissions: Permissions,
    usdt: &str,
    btc: &str,
) -> (SeatDesk, Receiver<DeskCommand>) {
    of(instrument(0, true), limits, permissions, usdt, btc)
}

/// A desk for instrument 0 with rules of its own, whose market stands at 100.
pub(crate) fn of(
    first: Instrument,
    limits: Limits,
    permissions: Permissions,
    usdt: &str,
    btc: &str,
) -> (SeatDesk, Receiver<DeskCommand>) {
    let instruments = vec![first, instrument(1, false), instrument(2, true)];
    let config = EngineConfig { session: "gate".into(), instruments, query_after: Micros::from_secs(2) };
    let mut engine = Engine::new(config).unwrap();
    let (sender, commands) = channel();
    let seat = SeatConfig {
        name: "a".into(),
        instruments: vec![InstrumentId(0), InstrumentId(1)],
        allocation: vec![("USDT".into(), dec(usdt)), ("BTC".into(), dec(btc))],
        limits,
        permissions,
    };
    let (_, mut desk) = engine.open_seat(seat, Box::new(move |command| drop(sender.send(command)))).unwrap();
    let quote = Quote {
        instrument: InstrumentId(0),
        bid_price: dec("100"),
        bid_quantity: dec("1"),
        ask_price: dec("100"),
        ask_quantity: dec("1"),
    };
    drop(desk.apply(&Event { seq: 1, ts: Timestamp(1), body: EventBody::Quote(quote) }));
    (desk, commands)
}

pub(crate) fn order(instrument: u32, side: Side, kind: OrderKind) -> NewOrder {
    NewOrder { instrument: InstrumentId(instrument), side, kind, reduce_only: false, tag: None }
}

pub(crate) fn limit(quantity: &str, price: &str) -> OrderKind {
    OrderKind::Limit {
        quantity: dec(quantity),
        price: dec(price),
        time_in_force: TimeInForce::Gtc,
        iceberg_quantity: None,
    }
}

/// The venue's word on an order.
pub(crate) fn update(desk: &mut SeatDesk, order: OrderId, change: OrderChange, status: OrderStatus, quantity: &str) {
    let update = OrderUpdate {
        order,
        instrument: InstrumentId(0),
        change,
        status,
        reason: OrderReason::None,
        quantity: dec(quantity),
        filled: Decimal::ZERO,
        recovered: false,
    };
    drop(desk.apply(&Event { seq: 9, ts: Timestamp(9), body: EventBody::Order(update) }));
    assert!(desk.reservations_agree());
}

pub(crate) fn fill(desk: &mut SeatDesk, order: OrderId, side: Side, quantity: &str, price: &str, status: OrderStatus) {
    let fill = Fill {
        order,
        instrument: InstrumentId(0),
        side,
        trade_id: 1,
        price: dec(price),
        quantity: dec(quantity),
        commission: Decimal::ZERO,
        commission_asset: "BTC".into(),
        maker: false,
        status,
        recovered: false,
    };
    drop(desk.apply(&Event { seq: 9, ts: Timestamp(9), body: EventBody::Fill(fill) }));
    assert!(desk.reservations_agree());
}
