//! An order without a word from the venue: never sent again, asked for, and given up only
//! when the venue can't take it any more.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::mpsc::channel;

use ringfence_engine::{Engine, EngineConfig, Limits, Output, SeatConfig, SeatDesk};
use ringfence_model::desk::Desk as _;
use ringfence_model::event::{OrderChange, OrderReason};
use ringfence_model::venue::{ClientOrderId, CommandKind, CommandOutcome, ExecutionReport, VenueEvent};
use ringfence_model::{
    Decimal, EventBody, Instrument, InstrumentId, Micros, NewOrder, OrderKind, OrderStatus, Side, TimeInForce,
    Timestamp,
};

const BTC: InstrumentId = InstrumentId(0);
const START: u64 = 1_000_000_000;

fn instrument() -> Instrument {
    Instrument {
        id: BTC,
        symbol: "BTCUSDT".into(),
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        quantity_scale: 3,
        tick_size: Decimal::new(1, 2),
        min_price: Decimal::ZERO,
        max_price: Decimal::ZERO,
        step_size: Decimal::new(1, 3),
        min_quantity: Decimal::ZERO,
        max_quantity: Decimal::ZERO,
        market_max_quantity: Decimal::ZERO,
        min_notional: Decimal::ZERO,
        max_notional: Decimal::ZERO,
        min_notional_on_market: false,
        max_open_orders: 0,
        trading: true,
        filters: ringfence_model::instrument::Filters::default(),
    }
}

struct World {
    engine: Engine,
    _desk: SeatDesk,
    id: ClientOrderId,
    places: usize,
}

/// At so many seconds after the order was sent.
fn at(seconds: u64) -> Timestamp {
    Timestamp(START).plus(Micros::from_secs(seconds))
}

impl World {
    /// An order was sent, and nobody knows what became of it.
    fn in_doubt() -> World {
        let config =
            EngineConfig { session: "d".into(), instruments: vec![instrument()], query_after: Micros::from_secs(3) };
        let mut engine = Engine::new(config).unwrap();
        let (sender, commands) = channel();
        let seat = SeatConfig {
            name: "p".into(),
            permissions: ringfence_engine::Permissions::default(),
            instruments: vec![BTC],
            allocation: vec![("USDT".into(), Decimal::from(1_000))],
            limits: Limits { price_collar: Decimal::ZERO, ..Limits::default() },
        };
        let (_, mut desk) = engine.open_seat(seat, Box::new(move |command| drop(sender.send(command)))).unwrap();
        let (quantity, price) = (Decimal::ONE, Decimal::from(100));
        let kind = OrderKind::Limit { quantity, price, time_in_force: TimeInForce::Gtc, iceberg_quantity: None };
        desk.submit(at(0), NewOrder { instrument: BTC, side: Side::Buy, kind, reduce_only: false, tag: None }, 0)
            .unwrap();
        let mut out = Vec::new();
        engine.command(at(0), commands.recv().unwrap(), &mut out);
        let [Output::Place(approved)] = out.as_slice() else { panic!("{out:?}") };
        let id = approved.order().client_order_id.clone();
        let mut world = World { engine, _desk: desk, id: id.clone(), places: 0 };
        let lost =
            VenueEvent::Answer { client_order_id: id, kind: CommandKind::Place, outcome: CommandOutcome::Unknown };
        let out = world.tell(at(1), lost);
        assert!(world.asks(&out), "{out:?}");
        assert_eq!(changes(&out), [OrderChange::Unknown]);
        world
    }

    fn tell(&mut self, now: Timestamp, event: VenueEvent) -> Vec<Output> {
        let mut out = Vec::new();
        self.engine.venue(now, event, &mut out);
        self.engine.clock(now, &mut out);
        self.places += out.iter().filter(|output| matches!(output, Output::Place(_))).count();
        out
    }

    fn asks(&self, out: &[Output]) -> bool {
        out.iter().any(|output| matches!(output, Output::Query { client_order_id, .. } if *client_order_id == self.id))
    }

    fn not_found(&mut self, now: Timestamp) -> Vec<Output> {
        self.tell(now, VenueEvent::Queried { client_order_id: self.id.clone(), report: None })
    }
}

fn changes(out: &[Output]) -> Vec<OrderChange> {
    out.iter()
        .filter_map(|output| match output {
            Output::Deliver { body: EventBody::Order(update), .. } => Some(update.change),
            _ => None,
        })
        .collect()
}

#[test]
fn not_found_is_believed_only_when_the_order_can_not_arrive_any_more() {
    let mut world = World::in_doubt();
    for seconds in [2, 10, 16, 28, 34, 40] {
        let out = world.not_found(at(seconds));
        assert_eq!(changes(&out), [], "at {seconds} s");
        assert_eq!(world.engine.open_orders(), 1);
    }
    let out = world.not_found(at(42));
    assert_eq!(changes(&out), [OrderChange::Rejected]);
    assert_eq!((world.engine.open_orders(), world.places), (0, 0), "and it was never sent again");
}

#[test]
fn it_is_asked_for_until_the_venue_answers() {
    let mut world = World::in_doubt();
    let mut asked = 0;
    for seconds in 2..100 {
        let mut out = Vec::new();
        world.engine.clock(at(seconds), &mut out);
        asked += usize::from(world.asks(&out));
        assert_eq!(changes(&out), [], "silence is no answer");
    }
    assert!((25..=50).contains(&asked), "{asked}");
    assert_eq!((world.engine.open_orders(), world.places), (1, 0));
}

#[test]
fn a_late_order_is_found() {
    let mut world = World::in_doubt();
    world.not_found(at(9));
    let report = ExecutionReport {
        ts: at(12),
        symbol: "BTCUSDT".into(),
        client_order_id: world.id.clone(),
        venue_order_id: 7,
        side: Side::Buy,
        status: OrderStatus::Accepted,
        quantity: Decimal::ONE,
        filled: Decimal::ZERO,
        reason: OrderReason::None,
        fill: None,
        amended: false,
        works: true,
    };
    let out = world.tell(at(13), VenueEvent::Report(report));
    assert_eq!(changes(&out), [OrderChange::Accepted]);
    // From now on "not found" means nothing: the venue has had it.
    assert_eq!(changes(&world.not_found(at(60))), []);
    assert_eq!((world.engine.open_orders(), world.places), (1, 0));
}
