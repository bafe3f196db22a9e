//! A list without a word from the venue: asked for as one, given up as one, cancelled as one,
//! never sent again, and no order of it lost.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::mpsc::{Receiver, channel};

use ringfence_engine::{DeskCommand, Engine, EngineConfig, Limits, Output, Permissions, SeatConfig, SeatDesk};
use ringfence_model::desk::Desk as _;
use ringfence_model::event::{HaltReason, OrderChange, OrderReason};
use ringfence_model::order::{OrderList, Trigger};
use ringfence_model::venue::{ClientOrderId, CommandKind, CommandOutcome, ExecutionReport, VenueEvent};
use ringfence_model::{
    Decimal, EventBody, Micros, NewOrder, OrderId, OrderKind, OrderStatus, Side, TimeInForce, Timestamp,
};

use common::{BTC, instrument};

fn id(name: &str) -> ClientOrderId {
    ClientOrderId(format!("d-0-{name}"))
}

/// At so many seconds after the list was sent.
fn at(seconds: u64) -> Timestamp {
    Timestamp(1_000_000_000).plus(Micros::from_secs(seconds))
}

/// What the engine said, shortly.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Placed,
    CancelList,
    AskList,
    Ask(String),
    Told(u64, OrderChange, OrderReason),
}

struct World {
    engine: Engine,
    desk: SeatDesk,
    commands: Receiver<DeskCommand>,
    /// The last question.
    question: u64,
}

impl World {
    /// A buy at 100, then a profit at 110 or a loss at 90: orders 1, 2 and 3 of list L1.
    fn new() -> World {
        let config =
            EngineConfig { session: "d".into(), instruments: vec![instrument()], query_after: Micros::from_secs(3) };
        let mut engine = Engine::new(config).unwrap();
        let (sender, commands) = channel();
        let seat = SeatConfig {
            name: "p".into(),
            permissions: Permissions::default(),
            instruments: vec![BTC],
            allocation: vec![("USDT".into(), Decimal::from(1_000)), ("BTC".into(), Decimal::ONE)],
            limits: Limits { price_collar: Decimal::ZERO, ..Limits::default() },
        };
        let (_, mut desk) = engine.open_seat(seat, Box::new(move |command| drop(sender.send(command)))).unwrap();
        let (quantity, time_in_force) = (Decimal::ONE, TimeInForce::Gtc);
        let of = |side, kind| NewOrder { instrument: BTC, side, kind, reduce_only: false, tag: None };
        let price = Decimal::from(100);
        let working = OrderKind::Limit { quantity, price, time_in_force, iceberg_quantity: None };
        let profit = OrderKind::LimitMaker { quantity, price: Decimal::from(110) };
        let loss = OrderKind::StopLoss { quantity, trigger: Trigger::Price(Decimal::from(90)) };
        let list = [of(Side::Buy, working), of(Side::Sell, profit), of(Side::Sell, loss)];
        let tickets = desk.submit_list(at(0), OrderList::Otoco(Box::new(list)), 0).unwrap();
        assert_eq!(tickets, [OrderId(1), OrderId(2), OrderId(3)]);
        World { engine, desk, commands, question: 0 }
    }

    fn sent() -> World {
        let mut world = World::new();
        assert_eq!(world.take(at(0), |_, _| {}), [Said::Placed]);
        world
    }

    /// It was sent, and nobody knows what became of it.
    fn in_doubt() -> World {
        let mut world = World::sent();
        let unknown = |order| Said::Told(order, OrderChange::Unknown, OrderReason::None);
        let said = world.answer(at(1), CommandKind::Place, CommandOutcome::Unknown);
        assert_eq!(said, [unknown(1), unknown(2), unknown(3), Said::AskList]);
        world
    }

    fn take(&mut self, now: Timestamp, work: impl FnOnce(&mut Engine, &mut Vec<Output>)) -> Vec<Said> {
        let mut out = Vec::new();
        work(&mut self.engine, &mut out);
        while let Ok(command) = self.commands.try_recv() {
            self.engine.command(now, command, &mut out);
        }
        let mut said = Vec::new();
        let mut seq = 0;
        for output in out {
            said.push(match output {
                Output::PlaceList(approved) => {
                    assert_eq!(*approved.id(), id("L1"));
                    Said::Placed
                }
                Output::CancelList { list, .. } => {
                    assert_eq!(list, id("L1"));
                    Said::CancelList
                }
                Output::QueryList { list, question } => {
                    assert_eq!(list, id("L1"));
                    assert!(question > self.question);
                    self.question = question;
                    Said::AskList
                }
                Output::Query { client_order_id, question, .. } => {
                    assert!(question > self.question);
                    self.question = question;
                    Said::Ask(client_order_id.0)
                }
                Output::Deliver { ts, body, .. } => {
                    seq += 1;
                    drop(self.desk.apply(&ringfence_model::Event { seq, ts, body: body.clone() }));
                    match body {
                        EventBody::Order(update) => Said::Told(update.order.0, update.change, update.reason),
                        EventBody::Halted(_) => continue,
                        other => panic!("{other:?}"),
                    }
                }
                other => panic!("{other:?}"),
            });
        }
        assert!(self.desk.reservations_agree());
        said
    }

    fn venue(&mut self, now: Timestamp, event: VenueEvent) -> Vec<Said> {
        self.take(now, |engine, out| engine.venue(now, event, out))
    }

    fn answer(&mut self, now: Timestamp, kind: CommandKind, outcome: CommandOutcome) -> Vec<Said> {
        self.venue(now, VenueEvent::Answer { client_order_id: id("L1"), kind, outcome })
    }

    /// The answer to the last question.
    fn not_found(&mut self, now: Timestamp) -> Vec<Said> {
        let question = self.question;
        self.venue(now, VenueEvent::ListQueried { list: id("L1"), question, orders: None })
    }

    fn clock(&mut self, now: Timestamp) -> Vec<Said> {
        self.take(now, |engine, out| engine.clock(now, out))
    }

    fn report(&mut self, now: Timestamp, order: &str, status: OrderStatus, works: bool) -> Vec<Said> {
        let report = ExecutionReport {
            ts: now,
            symbol: "BTCUSDT".into(),
            client_order_id: id(order),
            venue_order_id: 7,
            side: Side::Buy,
            status,
            quantity: Decimal::ONE,
            filled: Decimal::ZERO,
            reason: OrderReason::None,
            fill: None,
            amended: false,
            works,
        };
        self.venue(now, VenueEvent::Report(report))
    }
}

fn ask(orders: &[&str]) -> Vec<Said> {
    orders.iter().map(|order| Said::Ask(id(order).0)).collect()
}

fn told(order: u64, change: OrderChange) -> Said {
    Said::Told(order, change, OrderReason::None)
}

#[test]
fn not_found_ends_all_of_it_and_only_when_it_can_not_arrive_any_more() {
    let mut world = World::in_doubt();
    for seconds in [5, 10, 20, 28] {
        assert_eq!(world.clock(at(seconds)), [Said::AskList]);
        assert_eq!(world.not_found(at(seconds + 1)), [], "asked at {seconds} s");
        assert_eq!(world.engine.open_orders(), 3);
    }
    // What counts is when it was asked, not when the answer comes.
    assert_eq!(world.not_found(at(31)), []);
    assert_eq!(world.clock(at(34)), [Said::AskList]);
    let gone = |order| Said::Told(order, OrderChange::Rejected, OrderReason::NotFound);
    assert_eq!(world.not_found(at(35)), [gone(1), gone(2), gone(3)]);
    assert_eq!((world.engine.open_orders(), world.desk.open_orders().len()), (0, 0));
    assert_eq!((world.desk.ledger().locked("USDT"), world.desk.ledger().locked("BTC")), (Decimal::ZERO, Decimal::ZERO));
}

#[test]
fn it_is_asked_for_as_one_until_the_venue_answers() {
    let mut world = World::in_doubt();
    let mut asked = 0;
    for seconds in 2..60 {
        let said = world.clock(at(seconds));
        assert!(said.iter().all(|one| *one == Said::AskList) && said.len() <= 1, "{said:?}");
        asked += said.len();
    }
    assert!((15..=30).contains(&asked), "{asked}");
    assert_eq!(world.take(at(60), |engine, out| engine.venue(at(60), VenueEvent::UserUp, out)), [Said::AskList]);
}

#[test]
fn when_one_order_is_there_all_of_them_are() {
    let mut world = World::in_doubt();
    let found = VenueEvent::ListQueried {
        list: id("L1"),
        question: world.question,
        orders: Some(vec![id("1"), id("2"), id("3")]),
    };
    assert_eq!(world.venue(at(2), found), ask(&["1", "2", "3"]));
    // An answer of a database that lags is no end any more.
    assert_eq!(world.not_found(at(60)), []);
    let missing = VenueEvent::Queried { client_order_id: id("2"), question: world.question, report: None };
    assert_eq!(world.venue(at(60), missing), []);
    assert_eq!(world.engine.open_orders(), 3);

    // A report says it as well.
    let mut world = World::in_doubt();
    assert_eq!(world.report(at(3), "2", OrderStatus::Accepted, false), [told(2, OrderChange::Accepted)]);
    assert_eq!(world.not_found(at(60)), []);
    assert_eq!(world.clock(at(10)), ask(&["1", "3"]), "each of the others is asked for by its own name");
}

/// The list may be under way still, so a cancel may come before it; but no cancel waits for the answer to a question.
#[test]
fn a_cancel_waits_only_while_the_list_is_under_way() {
    let mut world = World::sent();
    world.desk.cancel(at(0), OrderId(3), 0).unwrap();
    assert_eq!(world.take(at(0), |_, _| {}), []);
    let unknown = |order| Said::Told(order, OrderChange::Unknown, OrderReason::None);
    let said = world.answer(at(1), CommandKind::Place, CommandOutcome::Unknown);
    assert_eq!(said, [unknown(1), unknown(2), unknown(3), Said::CancelList, Said::AskList]);
    // It was faster than the list: no end, no news for the plugin, and it goes out again without a word on the list.
    let not_found = CommandOutcome::Rejected(OrderReason::NotFound);
    assert_eq!(world.answer(at(2), CommandKind::Cancel, not_found), []);
    assert_eq!(world.clock(at(5)), [Said::CancelList, Said::AskList]);
    assert_eq!(world.answer(at(6), CommandKind::Cancel, CommandOutcome::Rejected(OrderReason::RateLimit)), []);
    assert_eq!(world.clock(at(9)), [Said::CancelList, Said::AskList]);

    let mut world = World::sent();
    world.desk.cancel(at(0), OrderId(3), 0).unwrap();
    assert_eq!(world.take(at(0), |_, _| {}), []);
    assert_eq!(world.answer(at(1), CommandKind::Place, CommandOutcome::Accepted), [Said::CancelList]);
}

#[test]
fn a_cancel_without_an_answer_is_sent_again() {
    let mut world = World::in_doubt();
    assert_eq!(world.report(at(3), "1", OrderStatus::Accepted, true), [told(1, OrderChange::Accepted)]);
    assert_eq!(world.report(at(3), "2", OrderStatus::Accepted, false), [told(2, OrderChange::Accepted)]);
    world.desk.cancel(at(4), OrderId(3), 0).unwrap();
    assert_eq!(world.take(at(4), |_, _| {}), [Said::CancelList]);
    // No answer: every order is asked for, and the first that is open has the list cancelled again.
    let said = world.answer(at(15), CommandKind::Cancel, CommandOutcome::Unknown);
    assert_eq!(said, ask(&["1", "2", "3"]));
    assert_eq!(world.report(at(16), "2", OrderStatus::Accepted, false), [Said::CancelList]);
    assert_eq!(world.report(at(16), "1", OrderStatus::Accepted, true), []);
    for (order, number) in [("1", 1), ("2", 2)] {
        assert_eq!(world.report(at(17), order, OrderStatus::Canceled, false), [told(number, OrderChange::Canceled)]);
    }
    // The third was never heard of; its end is the first word.
    let said = world.report(at(17), "3", OrderStatus::Canceled, false);
    assert_eq!(said, [told(3, OrderChange::Accepted), told(3, OrderChange::Canceled)]);
    assert_eq!(world.engine.open_orders(), 0);
}

/// The venue may end one order while the plugin cancels it: the others must go nevertheless.
#[test]
fn a_cancel_of_an_order_that_is_over_ends_the_others() {
    let mut world = World::sent();
    for (order, works) in [("1", true), ("2", false), ("3", false)] {
        drop(world.report(at(1), order, OrderStatus::Accepted, works));
    }
    world.desk.cancel(at(2), OrderId(1), 0).unwrap();
    let filled = ExecutionReport {
        ts: at(2),
        symbol: "BTCUSDT".into(),
        client_order_id: id("1"),
        venue_order_id: 7,
        side: Side::Buy,
        status: OrderStatus::Expired,
        quantity: Decimal::ONE,
        filled: Decimal::ZERO,
        reason: OrderReason::None,
        fill: None,
        amended: false,
        works: false,
    };
    // The engine hears of the end before it gets the command.
    let mut out = Vec::new();
    world.engine.venue(at(2), VenueEvent::Report(filled), &mut out);
    let said = world.take(at(2), |_, _| {});
    assert_eq!(said, [Said::CancelList]);
}

#[test]
fn what_waits_says_once_when_it_works() {
    let mut world = World::sent();
    assert_eq!(world.report(at(1), "1", OrderStatus::Accepted, true), [told(1, OrderChange::Accepted)]);
    for (order, number) in [("2", 2), ("3", 3)] {
        assert_eq!(world.report(at(1), order, OrderStatus::Accepted, false), [told(number, OrderChange::Accepted)]);
    }
    // The profit enters the book; the loss waits on, for its trigger.
    assert_eq!(world.report(at(2), "2", OrderStatus::Accepted, true), [told(2, OrderChange::Triggered)]);
    assert_eq!(world.report(at(2), "2", OrderStatus::Accepted, true), []);
    assert_eq!(world.report(at(2), "3", OrderStatus::Accepted, false), []);
    assert_eq!(world.report(at(3), "3", OrderStatus::Accepted, true), [told(3, OrderChange::Triggered)]);
}

#[test]
fn a_refusal_and_a_halt_end_all_of_it() {
    let mut world = World::sent();
    let refused = |order, reason| Said::Told(order, OrderChange::Rejected, reason);
    let said = world.answer(at(1), CommandKind::Place, CommandOutcome::Rejected(OrderReason::List));
    assert_eq!(said, [1, 2, 3].map(|order| refused(order, OrderReason::List)));
    assert_eq!(world.desk.open_orders().len(), 0);

    let mut world = World::new();
    // Approved before the desk knew.
    let said = world.take(at(1), |engine, out| engine.halt(at(1), HaltReason::Operator, out));
    assert_eq!(said, [1, 2, 3].map(|order| refused(order, OrderReason::Operator)));
    assert_eq!((world.engine.open_orders(), world.desk.open_orders().len()), (0, 0));
}
