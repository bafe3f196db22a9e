//! Whatever a venue does (loses answers, drops and doubles reports, fills, sets off and ends
//! orders of every kind and of lists in any order, refuses, goes away), in the end the
//! plugin's ledger is the venue's account.

#![allow(clippy::unwrap_used, clippy::panic)]

mod venue;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, channel};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use ringfence_engine::{DeskCommand, Engine, EngineConfig, Limits, Output, Permissions, SeatConfig, SeatDesk};
use ringfence_model::desk::Desk;
use ringfence_model::event::OrderChange;
use ringfence_model::event::{OrderReason, Quote};
use ringfence_model::order::{MarketSize, OrderList, Trigger};
use ringfence_model::venue::{CommandKind, CommandOutcome, VenueEvent};
use ringfence_model::{
    Decimal, Event, EventBody, Instrument, InstrumentId, Micros, NewOrder, OrderId, OrderKind, Side, TimeInForce,
    Timestamp,
};
use venue::Venue;

const OPEN_LIMIT: u32 = 9;

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
    /// The plugin orders.
    Submit(Wish),
    /// The plugin orders several that depend on each other: a pair, one after another, or a pair after one.
    SubmitList {
        first: Option<Wish>,
        second: Second,
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
    /// A trade sets off an order that waits for one.
    Trigger {
        which: usize,
    },
    /// Self-trade prevention takes away from an order.
    Prevent {
        which: usize,
        thousandths: i64,
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

/// An order as a plugin may want it.
#[derive(Debug, Clone)]
struct Wish {
    buy: bool,
    kind: u8,
    cents: i64,
    thousandths: i64,
}

/// What comes second, or is all there is.
#[derive(Debug, Clone)]
enum Second {
    One(Wish),
    /// A profit on one side of 100 and a loss on the other.
    Pair {
        buy: bool,
        thousandths: i64,
        stop_limit: bool,
    },
}

impl Wish {
    fn order(&self) -> NewOrder {
        let (quantity, price) = (Decimal::new(self.thousandths, 3), Decimal::new(self.cents, 2));
        let (time_in_force, trigger) = (TimeInForce::Gtc, Trigger::Price(price));
        let kind = match self.kind {
            0 | 1 => OrderKind::Limit { quantity, price, time_in_force, iceberg_quantity: None },
            2 => OrderKind::Market(MarketSize::Base(quantity)),
            3 => OrderKind::LimitMaker { quantity, price },
            4 => OrderKind::StopLoss { quantity, trigger },
            5 => OrderKind::TakeProfit { quantity, trigger: Trigger::Trailing(200) },
            6 => OrderKind::StopLossLimit { quantity, trigger, price, time_in_force },
            7 => OrderKind::TakeProfitLimit { quantity, trigger: Trigger::Trailing(50), price, time_in_force },
            _ => OrderKind::Limit { quantity, price, time_in_force, iceberg_quantity: Some(quantity / Decimal::TWO) },
        };
        let side = if self.buy { Side::Buy } else { Side::Sell };
        NewOrder { instrument: InstrumentId(0), side, kind, reduce_only: false, tag: None }
    }
}

fn pair(buy: bool, thousandths: i64, stop_limit: bool) -> [NewOrder; 2] {
    let quantity = Decimal::new(thousandths, 3);
    let (high, low) = (Decimal::from(103), Decimal::from(97));
    let at = |loss: bool, price: Decimal| {
        let trigger = Trigger::Price(price);
        match (loss, stop_limit) {
            (true, false) => OrderKind::StopLoss { quantity, trigger },
            (true, true) => OrderKind::StopLossLimit { quantity, trigger, price, time_in_force: TimeInForce::Gtc },
            (false, false) => OrderKind::LimitMaker { quantity, price },
            (false, true) => OrderKind::TakeProfit { quantity, trigger },
        }
    };
    let side = if buy { Side::Buy } else { Side::Sell };
    [(at(buy, high)), (at(!buy, low))].map(|kind| NewOrder {
        instrument: InstrumentId(0),
        side,
        kind,
        reduce_only: false,
        tag: None,
    })
}

fn wish() -> impl Strategy<Value = Wish> {
    (any::<bool>(), 0u8..9, 9_500i64..10_500, 1i64..1_500).prop_map(|(buy, kind, cents, thousandths)| Wish {
        buy,
        kind,
        cents,
        thousandths: thousandths * 2,
    })
}

fn second() -> impl Strategy<Value = Second> {
    let pair = (any::<bool>(), 1i64..2_000, any::<bool>());
    prop_oneof![
        1 => wish().prop_map(Second::One),
        3 => pair.prop_map(|(buy, thousandths, stop_limit)| Second::Pair { buy, thousandths, stop_limit }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => wish().prop_map(Step::Submit),
        4 => (prop::option::of(wish()), second()).prop_map(|(first, second)| Step::SubmitList { first, second }),
        2 => (0usize..8).prop_map(|which| Step::Cancel { which }),
        1 => Just(Step::CancelAll),
        1 => (0usize..8, 1i64..2_000).prop_map(|(which, thousandths)| Step::Amend { which, thousandths }),
        8 => (0u8..10).prop_map(|fate| Step::Arrive { fate }),
        6 => (0usize..8, 1i64..2_000, 9_000i64..11_000, any::<bool>())
            .prop_map(|(which, thousandths, cents, in_base)| Step::Fill { which, thousandths, cents, in_base }),
        1 => (0usize..8).prop_map(|which| Step::Expire { which }),
        3 => (0usize..8).prop_map(|which| Step::Trigger { which }),
        1 => (0usize..8, 1i64..3_000).prop_map(|(which, thousandths)| Step::Prevent { which, thousandths }),
        10 => (0u8..10).prop_map(|fate| Step::Report { fate }),
        1 => Just(Step::Reconnect),
        2 => (0u64..8).prop_map(|seconds| Step::Wait { seconds }),
    ]
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
    triggered: BTreeSet<OrderId>,
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
            triggered: BTreeSet::new(),
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
            EventBody::Order(update) => {
                if update.change == OrderChange::Triggered {
                    assert!(self.triggered.insert(update.order), "{:?} was set off twice", update.order);
                }
                Some((update.order, update.status))
            }
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
                Output::Unattributed { what } | Output::Alarm { what } => panic!("{what}"),
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
            Output::PlaceList(approved) => {
                let id = approved.id().clone();
                let outcome =
                    if fate == 0 { lost.clone() } else { self.venue.place_list(now, &id, approved.list(), fate == 2) };
                (id, CommandKind::Place, outcome)
            }
            Output::CancelList { list, .. } => {
                let outcome = match fate {
                    0 => lost.clone(),
                    2 => CommandOutcome::Rejected(OrderReason::RateLimit),
                    _ => self.venue.cancel_list(now, &list),
                };
                (list, CommandKind::Cancel, outcome)
            }
            Output::QueryList { list, question } => {
                if fate > 1 {
                    let orders = self.venue.list(&list);
                    self.tell(VenueEvent::ListQueried { list, question, orders });
                }
                return;
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
            Output::Query { client_order_id, question, .. } => {
                if fate > 1 {
                    let known = self.venue.orders.contains_key(&client_order_id.0);
                    let report = known.then(|| self.venue.report(&client_order_id.0, now, None, false));
                    self.tell(VenueEvent::Queried { client_order_id, question, report });
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
        let open = self.venue.on_their_own();
        open.get(which % open.len().max(1)).cloned()
    }

    fn nth_of_desk(&self, which: usize) -> Option<OrderId> {
        let open = self.desk.open_orders();
        open.get(which % open.len().max(1)).map(|order| order.order)
    }

    fn step(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Submit(wish) => {
                let seq = self.seq;
                drop(self.desk.submit(now, wish.order(), seq));
                assert!(self.desk.open_orders().len() <= OPEN_LIMIT as usize);
                self.engine(|_, _, _| {});
            }
            Step::SubmitList { first, second } => {
                let list = match (first, second) {
                    (None, Second::One(_)) => return,
                    (Some(first), Second::One(second)) => OrderList::Oto(Box::new([first.order(), second.order()])),
                    (None, Second::Pair { buy, thousandths, stop_limit }) => {
                        OrderList::Oco(Box::new(pair(buy, thousandths, stop_limit)))
                    }
                    (Some(first), Second::Pair { buy, thousandths, stop_limit }) => {
                        let [above, below] = pair(buy, thousandths, stop_limit);
                        OrderList::Otoco(Box::new([first.order(), above, below]))
                    }
                };
                let before = self.desk.open_orders().len();
                let seq = self.seq;
                let tickets = self.desk.submit_list(now, list.clone(), seq).map_or(0, |tickets| tickets.len());
                assert!(tickets == 0 || tickets == list.orders().len(), "all or none");
                assert_eq!(self.desk.open_orders().len(), before + tickets);
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
                    self.venue.expire(now, &id);
                }
            }
            Step::Trigger { which } => {
                if let Some(id) = self.nth_open(which) {
                    self.venue.trigger(now, &id);
                }
            }
            Step::Prevent { which, thousandths } => {
                if let Some(id) = self.nth_open(which) {
                    self.venue.prevent(now, &id, Decimal::new(thousandths, 3));
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

/// Steps at random reach what they are made for: orders are set off, lists go through all of their ends.
#[test]
fn the_venue_does_all_that_it_can() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 60..120);
    let (mut set_off, mut lists, mut fills, mut triggered, mut single) = (0, 0, 0, 0, 0);
    for _ in 0..200 {
        let mut world = World::new();
        for step in steps.new_tree(&mut runner).unwrap().current() {
            world.step(step);
        }
        world.settle(0);
        set_off += world.venue.set_off;
        let (in_lists, alone) = world.venue.taken();
        (lists, single) = (lists + in_lists, single + alone);
        fills += world.told_trades.len();
        triggered += world.triggered.len();
    }
    let seen = format!("{set_off} set off, {triggered} told of it, {lists} in lists, {single} alone, {fills} fills");
    assert!(set_off > 100 && triggered > 100 && lists > 500 && single > 500 && fills > 500, "{seen}");
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
