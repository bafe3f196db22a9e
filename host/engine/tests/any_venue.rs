//! Whatever a venue does (loses answers, drops and doubles reports, fills in any order,
//! refuses, goes away), in the end the plugin's ledger is the venue's account.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, channel};

use proptest::prelude::*;
use ringfence_engine::{DeskCommand, Engine, EngineConfig, Limits, Output, Permissions, SeatConfig, SeatDesk};
use ringfence_model::desk::Desk;
use ringfence_model::event::{OrderReason, Quote};
use ringfence_model::order::MarketSize;
use ringfence_model::venue::{
    ClientOrderId, CommandKind, CommandOutcome, ExecutionReport, VenueEvent, VenueFill, VenueOrder,
};
use ringfence_model::{
    Decimal, Event, EventBody, Instrument, InstrumentId, Micros, NewOrder, OrderId, OrderKind, OrderStatus, Side,
    TimeInForce, Timestamp,
};

const OPEN_LIMIT: u32 = 6;

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(0),
        symbol: "BTCUSDT".into(),
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        quantity_scale: 3,
        tick_size: Decimal::new(1, 2),
        min_price: Decimal::new(1, 2),
        max_price: Decimal::new(1_000_000, 0),
        step_size: Decimal::new(1, 3),
        min_quantity: Decimal::new(1, 3),
        max_quantity: Decimal::new(100, 0),
        market_max_quantity: Decimal::ZERO,
        min_notional: Decimal::ZERO,
        max_notional: Decimal::ZERO,
        min_notional_on_market: false,
        max_open_orders: 0,
        trading: true,
        filters: ringfence_model::instrument::Filters::default(),
    }
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// The plugin orders: side, limit price or market, quantity in thousandths.
    Submit {
        buy: bool,
        limit: Option<i64>,
        thousandths: i64,
    },
    Cancel {
        which: usize,
    },
    CancelAll,
    Amend {
        which: usize,
        thousandths: i64,
    },
    /// The next command reaches the venue; its answer comes back, or is lost before or after it was worked off.
    Arrive {
        fate: u8,
    },
    /// The venue fills an open order.
    Fill {
        which: usize,
        thousandths: i64,
        cents: i64,
        in_base: bool,
    },
    /// The venue ends an open order by its own rules.
    Expire {
        which: usize,
    },
    /// The next report reaches the host: once, twice, or never.
    Report {
        fate: u8,
    },
    /// The user stream was away.
    Reconnect,
    Wait {
        seconds: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (any::<bool>(), prop::option::of(9_500i64..10_500), 1i64..3_000)
            .prop_map(|(buy, limit, thousandths)| Step::Submit { buy, limit, thousandths }),
        2 => (0usize..8).prop_map(|which| Step::Cancel { which }),
        1 => Just(Step::CancelAll),
        1 => (0usize..8, 1i64..2_000).prop_map(|(which, thousandths)| Step::Amend { which, thousandths }),
        8 => (0u8..10).prop_map(|fate| Step::Arrive { fate }),
        6 => (0usize..8, 1i64..2_000, 9_000i64..11_000, any::<bool>())
            .prop_map(|(which, thousandths, cents, in_base)| Step::Fill { which, thousandths, cents, in_base }),
        1 => (0usize..8).prop_map(|which| Step::Expire { which }),
        10 => (0u8..10).prop_map(|fate| Step::Report { fate }),
        1 => Just(Step::Reconnect),
        2 => (0u64..8).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

#[derive(Debug, Clone)]
struct VenueSide {
    order: VenueOrder,
    id: u64,
    quantity: Decimal,
    filled: Decimal,
    status: OrderStatus,
    fills: Vec<VenueFill>,
}

/// The truth.
#[derive(Default)]
struct Venue {
    orders: BTreeMap<String, VenueSide>,
    account: BTreeMap<String, Decimal>,
    reports: VecDeque<ExecutionReport>,
    next_trade: u64,
    next_order: u64,
}

impl Venue {
    fn report(&self, id: &str, now: Timestamp, fill: Option<VenueFill>, amended: bool) -> ExecutionReport {
        let order = &self.orders[id];
        ExecutionReport {
            ts: now,
            symbol: order.order.symbol.clone(),
            client_order_id: ClientOrderId(id.to_owned()),
            venue_order_id: order.id,
            side: order.order.side,
            status: order.status,
            quantity: order.quantity,
            filled: order.filled,
            reason: OrderReason::None,
            fill,
            amended,
        }
    }

    fn place(&mut self, now: Timestamp, order: &VenueOrder, refuse: bool) -> CommandOutcome {
        let id = order.client_order_id.0.clone();
        assert!(!self.orders.contains_key(&id), "an order was sent twice");
        if refuse {
            return CommandOutcome::Rejected(OrderReason::Filter);
        }
        self.next_order += 1;
        let quantity = order.kind.quantity().unwrap();
        let side = VenueSide {
            order: order.clone(),
            id: self.next_order,
            quantity,
            filled: Decimal::ZERO,
            status: OrderStatus::Accepted,
            fills: Vec::new(),
        };
        self.orders.insert(id.clone(), side);
        self.reports.push_back(self.report(&id, now, None, false));
        CommandOutcome::Accepted
    }

    fn open(&self, id: &str) -> bool {
        self.orders.get(id).is_some_and(|order| !order.status.is_final())
    }

    fn cancel(&mut self, now: Timestamp, id: &str) -> CommandOutcome {
        if !self.open(id) {
            return CommandOutcome::Rejected(OrderReason::NotFound);
        }
        self.end(now, id, OrderStatus::Canceled);
        CommandOutcome::Accepted
    }

    fn end(&mut self, now: Timestamp, id: &str, status: OrderStatus) {
        self.orders.get_mut(id).unwrap().status = status;
        self.reports.push_back(self.report(id, now, None, false));
    }

    fn amend(&mut self, now: Timestamp, id: &str, quantity: Decimal) -> CommandOutcome {
        if !self.open(id) || quantity <= self.orders[id].filled || quantity >= self.orders[id].quantity {
            return CommandOutcome::Rejected(OrderReason::NotFound);
        }
        self.orders.get_mut(id).unwrap().quantity = quantity;
        self.reports.push_back(self.report(id, now, None, true));
        CommandOutcome::Accepted
    }

    fn fill(&mut self, now: Timestamp, id: &str, quantity: Decimal, price: Decimal, in_base: bool) {
        self.next_trade += 1;
        let order = self.orders.get_mut(id).unwrap();
        let quantity = quantity.min(order.quantity - order.filled);
        // A limit is a limit.
        let price = match (order.order.side, order.order.kind.price()) {
            (Side::Buy, Some(limit)) => price.min(limit),
            (Side::Sell, Some(limit)) => price.max(limit),
            (_, None) => price,
        };
        order.filled += quantity;
        order.status = if order.filled == order.quantity { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let commission = Decimal::new(1, 6);
        let asset = if in_base { "BTC" } else { "USDT" };
        let fill = VenueFill {
            trade_id: self.next_trade,
            price,
            quantity,
            commission,
            commission_asset: asset.to_owned(),
            maker: false,
        };
        order.fills.push(fill.clone());
        let signed = if order.order.side == Side::Buy { quantity } else { -quantity };
        *self.account.entry("BTC".into()).or_default() += signed;
        *self.account.entry("USDT".into()).or_default() -= signed * price;
        *self.account.entry(asset.into()).or_default() -= commission;
        self.reports.push_back(self.report(id, now, Some(fill), false));
    }
}

struct World {
    engine: Engine,
    desk: SeatDesk,
    commands: Receiver<DeskCommand>,
    venue: Venue,
    wire: VecDeque<Output>,
    now: Timestamp,
    seq: u64,
    told_trades: BTreeSet<u64>,
    ended: BTreeSet<OrderId>,
}

impl World {
    fn new() -> Self {
        let mut engine = Engine::new(EngineConfig {
            session: "test".into(),
            instruments: vec![instrument()],
            query_after: Micros::from_secs(2),
        })
        .unwrap();
        let (sender, commands) = channel();
        let limits = Limits {
            orders_per_second: 1_000,
            cancels_per_second: 1_000,
            open_orders: OPEN_LIMIT,
            order_notional: Decimal::ZERO,
            open_notional: Decimal::ZERO,
            position_notional: Decimal::ZERO,
            daily_loss: Decimal::ZERO,
            ..Limits::default()
        };
        let config = SeatConfig {
            name: "a".into(),
            instruments: vec![InstrumentId(0)],
            allocation: vec![("USDT".into(), Decimal::from(1_000)), ("BTC".into(), Decimal::from(10))],
            limits,
            permissions: Permissions::default(),
        };
        let (_, desk) = engine.open_seat(config, Box::new(move |command| sender.send(command).unwrap())).unwrap();
        let mut world = World {
            engine,
            desk,
            commands,
            venue: Venue::default(),
            wire: VecDeque::new(),
            now: Timestamp(1_000_000),
            seq: 0,
            told_trades: BTreeSet::new(),
            ended: BTreeSet::new(),
        };
        let price = Decimal::new(10_000, 2);
        world.deliver(
            Timestamp(1_000_000),
            EventBody::Quote(Quote {
                instrument: InstrumentId(0),
                bid_price: price,
                bid_quantity: price,
                ask_price: price,
                ask_quantity: price,
            }),
        );
        world
    }

    fn deliver(&mut self, ts: Timestamp, body: EventBody) {
        self.seq += 1;
        let order = match &body {
            EventBody::Order(update) => Some((update.order, update.status)),
            EventBody::Fill(fill) => {
                assert!(self.told_trades.insert(fill.trade_id), "fill {} was told twice", fill.trade_id);
                Some((fill.order, fill.status))
            }
            _ => None,
        };
        if let Some((order, status)) = order {
            assert!(!self.ended.contains(&order), "order {order:?} went on after its end: {body:?}");
            if status.is_final() {
                self.ended.insert(order);
            }
        }
        self.desk.apply(&Event { seq: self.seq, ts, body });
        assert!(self.desk.reservations_agree());
    }

    fn engine(&mut self, work: impl FnOnce(&mut Engine, Timestamp, &mut Vec<Output>)) {
        let mut out = Vec::new();
        work(&mut self.engine, self.now, &mut out);
        while let Ok(command) = self.commands.try_recv() {
            self.engine.command(self.now, command, &mut out);
        }
        for output in out {
            match output {
                Output::Deliver { ts, body, .. } => self.deliver(ts, body),
                Output::Unattributed { what } => panic!("{what}"),
                other => self.wire.push_back(other),
            }
        }
    }

    fn tell(&mut self, event: VenueEvent) {
        self.engine(|engine, now, out| engine.venue(now, event, out));
    }

    /// Fate: 0 lost before the venue worked it off, 1 its answer is lost, 2 refused (cancels: for want of weight), else
    /// all is well.
    fn arrive(&mut self, fate: u8) {
        let Some(output) = self.wire.pop_front() else {
            return;
        };
        let now = self.now;
        let lost = CommandOutcome::Unknown;
        let (id, kind, outcome) = match output {
            Output::Place(approved) => {
                let order = approved.order();
                let outcome = if fate == 0 { lost.clone() } else { self.venue.place(now, order, fate == 2) };
                (order.client_order_id.clone(), CommandKind::Place, outcome)
            }
            Output::Cancel { client_order_id, .. } => {
                let outcome = match fate {
                    0 => lost.clone(),
                    2 => CommandOutcome::Rejected(OrderReason::RateLimit),
                    _ => self.venue.cancel(now, &client_order_id.0),
                };
                (client_order_id, CommandKind::Cancel, outcome)
            }
            Output::Amend { client_order_id, quantity, .. } => {
                let outcome =
                    if fate == 0 { lost.clone() } else { self.venue.amend(now, &client_order_id.0, quantity) };
                (client_order_id, CommandKind::Amend, outcome)
            }
            Output::Query { client_order_id, .. } => {
                if fate > 1 {
                    let known = self.venue.orders.contains_key(&client_order_id.0);
                    let report = known.then(|| self.venue.report(&client_order_id.0, now, None, false));
                    self.tell(VenueEvent::Queried { client_order_id, report });
                }
                return;
            }
            Output::Trades { client_order_id, .. } => {
                if fate > 1 {
                    let fills = self.venue.orders[&client_order_id.0].fills.clone();
                    self.engine(|engine, now, out| engine.trades(now, &client_order_id, &fills, out));
                }
                return;
            }
            other => panic!("{other:?}"),
        };
        let outcome = if fate <= 1 { lost } else { outcome };
        self.tell(VenueEvent::Answer { client_order_id: id, kind, outcome });
    }

    fn nth_open(&self, which: usize) -> Option<String> {
        let open: Vec<_> = self.venue.orders.keys().filter(|id| self.venue.open(id)).collect();
        open.get(which % open.len().max(1)).map(|id| (*id).clone())
    }

    fn nth_of_desk(&self, which: usize) -> Option<OrderId> {
        let open = self.desk.open_orders();
        open.get(which % open.len().max(1)).map(|order| order.order)
    }

    fn step(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Submit { buy, limit, thousandths } => {
                let quantity = Decimal::new(thousandths, 3);
                let kind = match limit {
                    Some(cents) => OrderKind::Limit {
                        quantity,
                        price: Decimal::new(cents, 2),
                        time_in_force: TimeInForce::Gtc,
                        iceberg_quantity: None,
                    },
                    None => OrderKind::Market(MarketSize::Base(quantity)),
                };
                let side = if buy { Side::Buy } else { Side::Sell };
                let order = NewOrder { instrument: InstrumentId(0), side, kind, reduce_only: false, tag: None };
                let seq = self.seq;
                drop(self.desk.submit(now, order, seq));
                assert!(self.desk.open_orders().len() <= OPEN_LIMIT as usize);
                self.engine(|_, _, _| {});
            }
            Step::Cancel { which } => {
                if let Some(order) = self.nth_of_desk(which) {
                    self.desk.cancel(now, order, self.seq).unwrap();
                    self.engine(|_, _, _| {});
                }
            }
            Step::CancelAll => {
                self.desk.cancel_all(now, None, self.seq).unwrap();
                self.engine(|_, _, _| {});
            }
            Step::Amend { which, thousandths } => {
                if let Some(order) = self.nth_of_desk(which) {
                    drop(self.desk.amend(now, order, Decimal::new(thousandths, 3), self.seq));
                    self.engine(|_, _, _| {});
                }
            }
            Step::Arrive { fate } => self.arrive(fate),
            Step::Fill { which, thousandths, cents, in_base } => {
                if let Some(id) = self.nth_open(which) {
                    self.venue.fill(now, &id, Decimal::new(thousandths, 3), Decimal::new(cents, 2), in_base);
                }
            }
            Step::Expire { which } => {
                if let Some(id) = self.nth_open(which) {
                    self.venue.end(now, &id, OrderStatus::Expired);
                }
            }
            Step::Report { fate } => {
                let Some(report) = self.venue.reports.pop_front() else {
                    return;
                };
                for _ in 0..[0, 2].get(usize::from(fate)).copied().unwrap_or(1) {
                    self.tell(VenueEvent::Report(report.clone()));
                }
            }
            Step::Reconnect => {
                self.venue.reports.clear();
                self.tell(VenueEvent::UserDown);
                self.tell(VenueEvent::UserUp);
            }
            Step::Wait { seconds } => {
                self.now = self.now.plus(Micros::from_secs(seconds));
                self.engine(|engine, now, out| engine.clock(now, out));
            }
        }
    }

    /// All is cancelled once, as for a plugin that lives no more; the first answers are `refused` for want of weight, then
    /// the venue behaves. Everything must come to its end.
    fn settle(&mut self, refused: usize) {
        self.step(Step::CancelAll);
        for _ in 0..refused {
            self.arrive(2);
        }
        for round in 0..60 {
            if round % 5 == 0 {
                self.step(Step::Reconnect);
            }
            while !self.wire.is_empty() || !self.venue.reports.is_empty() {
                self.arrive(9);
                self.step(Step::Report { fate: 9 });
            }
            self.step(Step::Wait { seconds: 3 });
            if self.engine.open_orders() == 0 && self.desk.open_orders().is_empty() {
                return;
            }
        }
        panic!("never ended: {:?}, {:?}", self.engine, self.desk.open_orders());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn the_ledger_is_the_account(steps in prop::collection::vec(step(), 1..120), refused in 0usize..8) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.settle(refused);
        let ledger: BTreeMap<_, _> = world.desk.ledger().changes().into_iter().collect();
        world.venue.account.retain(|_, amount| !amount.is_zero());
        prop_assert_eq!(&ledger, &world.venue.account);
        for asset in ["BTC", "USDT"] {
            prop_assert_eq!(world.desk.ledger().locked(asset), Decimal::ZERO);
        }
        let trades: BTreeSet<_> =
            world.venue.orders.values().flat_map(|order| order.fills.iter().map(|fill| fill.trade_id)).collect();
        prop_assert_eq!(&world.told_trades, &trades, "every fill once");
        prop_assert!(world.venue.orders.values().all(|order| order.status.is_final()));
    }
}
