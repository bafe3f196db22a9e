//! Books of several depths of one instrument: each plugin is told what it follows, and a few levels are never taken for a
//! book to which updates can be added.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use ringfence_engine::{Engine, EngineConfig, Limits, Output, Permissions, SeatConfig, SeatDesk};
use ringfence_model::desk::Desk as _;
use ringfence_model::event::{Book, DepthUpdate, GapReason, Level};
use ringfence_model::venue::{MarketData, VenueEvent};
use ringfence_model::{Decimal, Event, EventBody, Micros, StreamKind, Timestamp};
use std::sync::mpsc::{Receiver, channel};

use common::{BTC, instrument};

const NOW: Timestamp = Timestamp(1_000_000_000);

struct World {
    engine: Engine,
    seats: Vec<(SeatDesk, Receiver<ringfence_engine::DeskCommand>)>,
    /// Kinds of events that each seat was told.
    told: Vec<Vec<&'static str>>,
    seq: u64,
}

impl World {
    fn new(streams: &[&[StreamKind]]) -> World {
        let config =
            EngineConfig { session: "b".into(), instruments: vec![instrument()], query_after: Micros::from_secs(3) };
        let mut world = World {
            engine: Engine::new(config).unwrap(),
            seats: Vec::new(),
            told: vec![Vec::new(); streams.len()],
            seq: 0,
        };
        for (number, streams) in streams.iter().enumerate() {
            let (sender, commands) = channel();
            let seat = SeatConfig {
                name: format!("p{number}"),
                permissions: Permissions::default(),
                instruments: vec![BTC],
                allocation: vec![],
                limits: Limits::default(),
            };
            let sink = Box::new(move |command| drop(sender.send(command)));
            let (_, desk) = world.engine.open_seat(seat, sink).unwrap();
            world.seats.push((desk, commands));
            for stream in *streams {
                world.follow(number, *stream, true);
            }
        }
        world
    }

    fn follow(&mut self, seat: usize, stream: StreamKind, begins: bool) {
        let (desk, commands) = &mut self.seats[seat];
        if begins {
            desk.subscribe(BTC, stream).unwrap()
        } else {
            desk.unsubscribe(BTC, stream).unwrap()
        }
        self.engine.command(NOW, commands.try_recv().unwrap(), &mut Vec::new());
    }

    fn tell(&mut self, event: VenueEvent) {
        let mut out = Vec::new();
        self.engine.venue(NOW, event, &mut out);
        for output in out {
            let Output::Deliver { seat, ts, body } = output else { panic!("{output:?}") };
            self.seq += 1;
            let seat = seat.0 as usize;
            self.told[seat].push(match &body {
                EventBody::Book(book) if book.best.is_some() => "levels",
                EventBody::Book(_) => "book",
                EventBody::Depth(_) => "depth",
                EventBody::FeedGap { reason: GapReason::Disconnected, .. } => "gap",
                other => panic!("{other:?}"),
            });
            self.seats[seat].0.apply(&Event { seq: self.seq, ts, body });
        }
    }

    fn book(&mut self, last_update_id: u64, best: Option<u8>, prices: &[i64]) {
        let bids = prices.iter().map(|price| level(*price)).collect();
        let book = Book { instrument: BTC, last_update_id, best, bids, asks: vec![level(1_000)] };
        self.tell(VenueEvent::Market(MarketData::Book { ts: None, book }));
    }

    fn depth(&mut self, id: u64, price: i64) {
        let (bids, asks) = (vec![level(price)], vec![]);
        let update = DepthUpdate { instrument: BTC, first_update_id: id, last_update_id: id, bids, asks };
        self.tell(VenueEvent::Market(MarketData::Depth { ts: NOW, update }));
    }

    fn bids(&self, seat: usize) -> Option<Vec<i64>> {
        let book = self.seats[seat].0.book(BTC, 100, 0)?;
        Some(book.bids.iter().map(|level| i64::try_from(level.price.mantissa()).unwrap()).collect())
    }
}

fn level(price: i64) -> Level {
    Level { price: Decimal::from(price), quantity: Decimal::ONE }
}

#[test]
fn a_few_levels_are_no_book() {
    let mut world = World::new(&[
        &[StreamKind::Depth],
        &[StreamKind::Book(5)],
        &[StreamKind::Depth, StreamKind::Book(5)],
        &[StreamKind::Book(5), StreamKind::Book(20)],
    ]);
    world.book(10, None, &[90, 80, 70, 60, 50, 40]);
    world.book(11, Some(5), &[90, 80, 70, 60, 50]);
    world.book(11, Some(20), &[90, 80, 70, 60, 50, 40]);
    world.book(12, Some(5), &[95, 90, 80, 70, 60]);
    world.depth(11, 30);
    world.depth(12, 95);
    let all = Some(vec![95, 90, 80, 70, 60, 50, 40, 30]);
    assert_eq!(world.told[0], ["book", "depth", "depth"]);
    assert_eq!(world.told[1], ["levels", "levels"]);
    assert_eq!(world.told[2], ["book", "levels", "levels", "depth", "depth"]);
    assert_eq!(world.told[3], ["levels", "levels", "levels"]);
    assert_eq!(world.bids(0), all);
    assert_eq!(world.bids(1), Some(vec![95, 90, 80, 70, 60]));
    assert_eq!(world.bids(2), all, "as if nobody had told a part of it");
    assert_eq!(world.bids(3), Some(vec![90, 80, 70, 60, 50, 40]), "the deepest counts");

    // A hole in the few levels is none in the book, but one in the book is.
    world.tell(VenueEvent::StreamDown { instrument: BTC, stream: StreamKind::Book(5) });
    assert_eq!((world.bids(1), world.bids(2)), (None, all));
    world.tell(VenueEvent::StreamDown { instrument: BTC, stream: StreamKind::Depth });
    assert_eq!((world.bids(0), world.bids(2)), (None, None));
}

#[test]
fn who_follows_more_waits_for_the_whole_book() {
    let mut world = World::new(&[&[StreamKind::Book(5)]]);
    world.book(11, Some(5), &[90, 80, 70, 60, 50]);
    assert!(world.bids(0).is_some());
    world.follow(0, StreamKind::Depth, true);
    assert_eq!(world.bids(0), None);
    world.depth(12, 95);
    assert_eq!(world.bids(0), None, "updates to five levels are no book");
    world.book(11, None, &[90, 80, 70, 60, 50, 40]);
    assert_eq!(world.bids(0), Some(vec![95, 90, 80, 70, 60, 50, 40]));
    world.follow(0, StreamKind::Depth, false);
    assert_eq!(world.bids(0), None, "nobody tells the rest any more");
    world.book(13, Some(5), &[95, 90, 80, 70, 60]);
    assert_eq!(world.bids(0), Some(vec![95, 90, 80, 70, 60]));
    world.follow(0, StreamKind::Book(5), false);
    assert_eq!(world.bids(0), None);
}
