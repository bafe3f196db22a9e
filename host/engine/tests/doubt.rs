//! An order without a word from the venue: never sent again, asked for, and given up only
//! when the venue can't take it any more.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::mpsc::{Receiver, channel};

use ringfence_engine::{DeskCommand, Engine, EngineConfig, Limits, Output, SeatConfig, SeatDesk};
use ringfence_model::desk::Desk as _;
use ringfence_model::event::{OrderChange, OrderReason};
use ringfence_model::venue::{ClientOrderId, CommandKind, CommandOutcome, ExecutionReport, VenueEvent, VenueFill};
use ringfence_model::{
    Decimal, EventBody, Micros, NewOrder, OrderId, OrderKind, OrderStatus, Side, TimeInForce, Timestamp,
};

use common::{BTC, instrument};

const START: u64 = 1_000_000_000;

struct World {
    engine: Engine,
    desk: SeatDesk,
    commands: Receiver<DeskCommand>,
    id: ClientOrderId,
    places: usize,
    /// The last question.
    question: u64,
}

/// At so many seconds after the order was sent.
fn at(seconds: u64) -> Timestamp {
    Timestamp(START).plus(Micros::from_secs(seconds))
}

impl World {
    /// An order was sent.
    fn under_way() -> World {
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
        World { engine, desk, commands, id, places: 0, question: 0 }
    }

    /// An order was sent, and nobody knows what became of it.
    fn in_doubt() -> World {
        let mut world = World::under_way();
        let out = world.answer(at(1), CommandKind::Place, CommandOutcome::Unknown);
        assert!(world.asks(&out), "{out:?}");
        assert_eq!(changes(&out), [OrderChange::Unknown]);
        world
    }

    fn tell(&mut self, now: Timestamp, event: VenueEvent) -> Vec<Output> {
        let mut out = Vec::new();
        self.engine.venue(now, event, &mut out);
        self.engine.clock(now, &mut out);
        self.note(&out);
        self.places += out.iter().filter(|output| matches!(output, Output::Place(_))).count();
        out
    }

    fn asks(&self, out: &[Output]) -> bool {
        out.iter().any(|output| matches!(output, Output::Query { client_order_id, .. } if *client_order_id == self.id))
    }

    fn note(&mut self, out: &[Output]) {
        for output in out {
            if let Output::Query { question, .. } = output {
                assert!(*question > self.question);
                self.question = *question;
            }
        }
    }

    fn clock(&mut self, now: Timestamp) -> Vec<Output> {
        let mut out = Vec::new();
        self.engine.clock(now, &mut out);
        self.note(&out);
        out
    }

    /// The answer to the last question.
    fn not_found(&mut self, now: Timestamp) -> Vec<Output> {
        let question = self.question;
        self.tell(now, VenueEvent::Queried { client_order_id: self.id.clone(), question, report: None })
    }

    /// The plugin wants it gone.
    fn cancel(&mut self, now: Timestamp) -> Vec<Output> {
        self.desk.cancel(now, OrderId(1), 0).unwrap();
        let mut out = Vec::new();
        self.engine.command(now, self.commands.recv().unwrap(), &mut out);
        out
    }

    fn answer(&mut self, now: Timestamp, kind: CommandKind, outcome: CommandOutcome) -> Vec<Output> {
        self.tell(now, VenueEvent::Answer { client_order_id: self.id.clone(), kind, outcome })
    }

    fn report(&self, now: Timestamp, status: OrderStatus, fills: &[u64]) -> ExecutionReport {
        let filled = Decimal::new(i64::try_from(fills.len()).unwrap(), 1);
        ExecutionReport {
            ts: now,
            symbol: "BTCUSDT".into(),
            client_order_id: self.id.clone(),
            venue_order_id: 7,
            side: Side::Buy,
            status,
            quantity: Decimal::ONE,
            filled,
            reason: OrderReason::None,
            fill: fills.last().map(|id| fill(*id)),
            amended: false,
            works: true,
        }
    }
}

/// A tenth of the order.
fn fill(trade_id: u64) -> VenueFill {
    let (price, quantity) = (Decimal::from(100), Decimal::new(1, 1));
    VenueFill { trade_id, price, quantity, commission: Decimal::ZERO, commission_asset: "BNB".into(), maker: true }
}

fn fills(out: &[Output]) -> Vec<u64> {
    out.iter()
        .filter_map(|output| match output {
            Output::Deliver { body: EventBody::Fill(fill), .. } => Some(fill.trade_id),
            _ => None,
        })
        .collect()
}

fn cancels(out: &[Output]) -> usize {
    out.iter().filter(|output| matches!(output, Output::Cancel { .. })).count()
}

fn alarms(out: &[Output]) -> usize {
    out.iter().filter(|output| matches!(output, Output::Alarm { .. })).count()
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
    for seconds in [5, 10, 16, 28] {
        let out = world.clock(at(seconds));
        assert!(world.asks(&out));
        let out = world.not_found(at(seconds + 1));
        assert_eq!(changes(&out), [], "asked at {seconds} s");
        assert_eq!(world.engine.open_orders(), 1);
    }
    // What counts is when it was asked, not when the answer comes.
    let late = world.question;
    let out = world.clock(at(33));
    assert!(world.asks(&out));
    let out =
        world.tell(at(34), VenueEvent::Queried { client_order_id: world.id.clone(), question: late, report: None });
    assert_eq!(changes(&out), [], "asked at 28 s");
    let out = world.not_found(at(35));
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
    let report = world.report(at(12), OrderStatus::Accepted, &[]);
    let out = world.tell(at(13), VenueEvent::Report(report));
    assert_eq!(changes(&out), [OrderChange::Accepted]);
    // From now on "not found" means nothing: the venue has had it.
    assert_eq!(changes(&world.not_found(at(60))), []);
    assert_eq!((world.engine.open_orders(), world.places), (1, 0));
}

/// While one connection replaces another, the old one may still say what was before the new one listened. That is no
/// answer to what was missed, and neither is the answer to an earlier question.
#[test]
fn only_the_answer_to_a_later_question_ends_a_doubt() {
    let mut world = World::in_doubt();
    let earlier = world.question;
    let open = world.report(at(2), OrderStatus::Accepted, &[]);
    world.tell(at(2), VenueEvent::Report(open.clone()));
    let queried = |world: &World, question, report| VenueEvent::Queried {
        client_order_id: world.id.clone(),
        question,
        report: Some(report),
    };
    // Reports were lost here, and so is the answer to the question.
    let out = world.tell(at(3), VenueEvent::UserGap);
    assert!(world.asks(&out));
    world.tell(at(4), VenueEvent::Report(open.clone()));
    let event = queried(&world, earlier, open.clone());
    world.tell(at(4), event);
    let out = world.clock(at(8));
    assert!(world.asks(&out), "nobody has answered yet");
    let event = queried(&world, world.question, world.report(at(8), OrderStatus::PartiallyFilled, &[]));
    world.tell(at(9), event);
    let out = world.clock(at(20));
    assert!(!world.asks(&out), "all is known");
}

#[test]
fn gaps_in_a_row_ask_once_and_the_clock_again() {
    let mut world = World::in_doubt();
    let open = world.report(at(2), OrderStatus::Accepted, &[]);
    world.tell(at(2), VenueEvent::Report(open.clone()));
    let out = world.tell(at(3), VenueEvent::UserGap);
    assert!(world.asks(&out));
    let asked = world.question;
    for _ in 0..100 {
        let out = world.tell(at(3), VenueEvent::UserGap);
        assert!(!world.asks(&out));
    }
    let answer = VenueEvent::Queried { client_order_id: world.id.clone(), question: asked, report: Some(open) };
    world.tell(at(4), answer);
    let out = world.clock(at(8));
    assert!(world.asks(&out), "the last gap was after that question");
}

/// A subscription may die while its connection lives; nothing else would tell.
#[test]
fn an_order_that_nobody_speaks_of_is_asked_for_now_and_then() {
    let mut world = World::in_doubt();
    let open = world.report(at(2), OrderStatus::Accepted, &[]);
    world.tell(at(2), VenueEvent::Report(open));
    let mut asked = 0;
    for seconds in 3..1_200 {
        let out = world.clock(at(seconds));
        asked += usize::from(world.asks(&out));
    }
    assert_eq!(asked, 3);
}

/// The limits leave room for cancels when there is none for questions.
#[test]
fn a_cancel_waits_for_no_question() {
    // Under way: it would come before the order.
    let mut world = World::in_doubt();
    assert_eq!(cancels(&world.cancel(at(2))), 1, "nobody knows whether it is there");
    let not_found = CommandOutcome::Rejected(OrderReason::NotFound);
    let out = world.answer(at(2), CommandKind::Cancel, not_found.clone());
    assert_eq!((changes(&out).len(), cancels(&out)), (0, 0), "it may be under way still: no news");
    assert!(world.asks(&out));
    // No question is answered.
    let mut sent = 0;
    for seconds in 3..30 {
        let out = world.clock(at(seconds));
        if cancels(&out) > 0 {
            sent += 1;
            assert!(matches!(out.first(), Some(Output::Cancel { .. })), "before all questions: {out:?}");
            let refused = CommandOutcome::Rejected(OrderReason::RateLimit);
            world.answer(at(seconds), CommandKind::Cancel, refused);
        }
    }
    assert!((8..=10).contains(&sent), "{sent}");
    let out = world.clock(at(33));
    assert_eq!(cancels(&out), 1);
    // This one arrives, and nobody says so: the next one finds nothing, which is no refusal.
    world.answer(at(33), CommandKind::Cancel, CommandOutcome::Unknown);
    let open = world.report(at(33), OrderStatus::Accepted, &[]);
    let out = world.tell(at(34), VenueEvent::Report(open));
    assert_eq!((changes(&out), cancels(&out)), (vec![OrderChange::Accepted], 1));
    let out = world.answer(at(35), CommandKind::Cancel, not_found);
    assert_eq!(changes(&out), []);
    let gone = world.report(at(36), OrderStatus::Canceled, &[]);
    assert_eq!(changes(&world.tell(at(36), VenueEvent::Report(gone))), [OrderChange::Canceled]);
}

#[test]
fn a_cancel_that_was_wanted_first_follows_the_order() {
    for outcome in [CommandOutcome::Accepted, CommandOutcome::Unknown] {
        let mut world = World::under_way();
        assert_eq!(cancels(&world.cancel(at(0))), 0, "it would come before the order");
        let out = world.answer(at(1), CommandKind::Place, outcome);
        assert_eq!(cancels(&out), 1);
    }
}

/// The venue is right: a fill is money, and an order that was given up must not go on.
#[test]
fn what_the_venue_says_after_an_orders_end_is_booked_and_told() {
    let mut world = World::in_doubt();
    world.tell(at(2), VenueEvent::Report(world.report(at(2), OrderStatus::PartiallyFilled, &[1])));
    let gone = ExecutionReport { fill: None, ..world.report(at(3), OrderStatus::Canceled, &[1]) };
    assert_eq!(changes(&world.tell(at(3), VenueEvent::Report(gone.clone()))), [OrderChange::Canceled]);
    // The same once more is no news.
    for old in
        [gone, world.report(at(2), OrderStatus::PartiallyFilled, &[1]), world.report(at(1), OrderStatus::Accepted, &[])]
    {
        assert_eq!(world.tell(at(4), VenueEvent::Report(old)), []);
    }
    let out = world.tell(at(5), VenueEvent::Report(world.report(at(5), OrderStatus::PartiallyFilled, &[1, 2])));
    assert_eq!((fills(&out), alarms(&out), changes(&out).len()), (vec![2], 1, 0));
    // One before it was missed, too: the venue is asked.
    let out = world.tell(at(6), VenueEvent::Report(world.report(at(6), OrderStatus::PartiallyFilled, &[1, 2, 3, 4])));
    assert_eq!((fills(&out), alarms(&out)), (vec![4], 1));
    assert!(out.iter().any(|output| matches!(output, Output::Trades { venue_order_id: 7, .. })), "{out:?}");
    let mut out = Vec::new();
    world.engine.trades(at(7), &world.id, &[1, 2, 3, 4].map(fill), &mut out);
    assert_eq!((fills(&out), alarms(&out)), (vec![3], 1));

    // It was given up, and is there nevertheless.
    let mut world = World::in_doubt();
    world.clock(at(30));
    assert_eq!(changes(&world.not_found(at(31))), [OrderChange::Rejected]);
    let out = world.tell(at(40), VenueEvent::Report(world.report(at(40), OrderStatus::Accepted, &[])));
    assert_eq!((cancels(&out), alarms(&out), changes(&out).len()), (1, 1, 0));
}

/// Both connections of a renewal tell it, and the old one may be late.
#[test]
fn an_amendment_is_told_once_and_never_undone() {
    let mut world = World::in_doubt();
    let sized = |world: &World, tenths: i64, amended| {
        let quantity = Decimal::new(tenths, 1);
        VenueEvent::Report(ExecutionReport { quantity, amended, ..world.report(at(5), OrderStatus::Accepted, &[]) })
    };
    let mut told = Vec::new();
    for (tenths, amended) in [(10, false), (8, true), (8, true), (6, true), (8, true), (6, true), (6, false)] {
        let event = sized(&world, tenths, amended);
        let out = world.tell(at(5), event);
        told.extend(out.iter().filter_map(|output| match output {
            Output::Deliver { body: EventBody::Order(update), .. } if update.change == OrderChange::Amended => {
                Some(update.quantity)
            }
            _ => None,
        }));
    }
    assert_eq!(told, [Decimal::new(8, 1), Decimal::new(6, 1)]);
}

/// A word for a state that is new: the order is kept, its fills are booked, and the operator is told.
#[test]
fn a_state_that_nobody_knows_is_asked_for_until_it_is_known() {
    let mut world = World::in_doubt();
    let out = world.tell(at(2), VenueEvent::Report(world.report(at(2), OrderStatus::Unknown, &[1])));
    assert_eq!((fills(&out), alarms(&out)), (vec![1], 1));
    let out = world.clock(at(6));
    assert!(world.asks(&out));
    let strange = world.report(at(6), OrderStatus::Unknown, &[1]);
    let event =
        VenueEvent::Queried { client_order_id: world.id.clone(), question: world.question, report: Some(strange) };
    assert_eq!(alarms(&world.tell(at(7), event)), 0, "told once");
    let out = world.clock(at(11));
    assert!(world.asks(&out));
    assert_eq!(world.engine.open_orders(), 1);
}
