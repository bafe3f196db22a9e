//! The local book fed with the venue's own bytes, against a model of the documented rules:
//! spot, whose updates are numbered without holes, and USD-M futures, whose numbers have
//! holes and whose `pu` says which update came before.
//!
//! Source: Binance, "How to manage a local order book correctly", spot and USD-M futures.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringfence_engine::book::LocalBook;
use ringfence_model::event::{Book, Level};
use ringfence_model::venue::MarketData;
use ringfence_model::{Decimal, Instrument, InstrumentId};
use ringfence_wire::rest::{self, SymbolInfo};
use ringfence_wire::stream::StreamParser;

fn instrument() -> Instrument {
    let info = r#"{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT",
        "quoteAssetPrecision":8,"filters":[
        {"filterType":"PRICE_FILTER","minPrice":"1","maxPrice":"1000000","tickSize":"1"},
        {"filterType":"LOT_SIZE","minQty":"1","maxQty":"9000","stepSize":"1"}]}"#;
    rest::read::<SymbolInfo>(info.as_bytes()).unwrap().instrument(InstrumentId(0)).unwrap()
}

/// All that ever happens to a book: a level's new quantity, under a number.
struct Truth {
    changes: Vec<(u64, i64, i64)>,
}

impl Truth {
    /// The number under which the first `count` changes are known.
    fn number(&self, count: usize) -> u64 {
        count.checked_sub(1).map_or(10, |last| self.changes[last].0)
    }

    fn bids(&self, count: usize) -> Vec<Level> {
        let mut levels = BTreeMap::new();
        for (_, price, quantity) in &self.changes[..count] {
            if *quantity == 0 {
                levels.remove(price);
            } else {
                levels.insert(*price, *quantity);
            }
        }
        let level = |(price, quantity): (&i64, &i64)| Level { price: (*price).into(), quantity: (*quantity).into() };
        levels.iter().rev().map(level).collect()
    }

    fn book(&self, count: usize) -> Book {
        Book {
            instrument: InstrumentId(0),
            last_update_id: self.number(count),
            best: None,
            bids: self.bids(count),
            asks: vec![],
        }
    }

    /// The changes after `from` up to `to` as one message. Futures begin `U` anywhere in the hole before the first.
    fn message(&self, from: usize, to: usize, futures: bool, hole: u64) -> String {
        let before = self.number(from);
        let first = if futures { self.changes[from].0 - hole % (self.changes[from].0 - before) } else { before + 1 };
        let previous = if futures { format!(r#""pu":{before},"T":1,"#) } else { String::new() };
        let mut levels = BTreeMap::new();
        levels.extend(self.changes[from..to].iter().map(|(_, price, quantity)| (*price, *quantity)));
        let rows: Vec<_> = levels.iter().map(|(price, quantity)| format!(r#"["{price}","{quantity}"]"#)).collect();
        format!(
            r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1,{previous}"s":"BTCUSDT","U":{first},"u":{},"b":[{}],"a":[]}}}}"#,
            self.number(to),
            rows.join(",")
        )
    }
}

/// What the rules say: how many changes are in the book, if it is in sync, and what waits for a snapshot.
#[derive(Default)]
struct Model {
    known: Option<usize>,
    waiting: Vec<(usize, usize)>,
}

impl Model {
    fn update(&mut self, from: usize, to: usize) {
        match self.known {
            Some(known) if to <= known => {}
            // Nothing is missing if the one before it is known.
            Some(known) if from <= known => self.known = Some(to),
            _ => {
                self.known = None;
                self.waiting.push((from, to));
            }
        }
    }

    fn snapshot(&mut self, count: usize) {
        if self.known.is_some_and(|known| count <= known) {
            return;
        }
        self.known = Some(count);
        for (from, to) in std::mem::take(&mut self.waiting) {
            self.update(from, to);
        }
    }
}

/// One step: a message of so many changes, perhaps lost; before it perhaps a snapshot, of so long ago or ahead.
fn step() -> impl Strategy<Value = (usize, bool, Option<i64>, u64)> {
    let snapshot = prop_oneof![3 => Just(None), 1 => (-12i64..12).prop_map(Some)];
    (1usize..5, prop::bool::weighted(0.12), snapshot, any::<u64>())
}

proptest! {
    #[test]
    fn a_book_in_sync_is_the_venues_and_says_so(
        futures in any::<bool>(),
        changes in prop::collection::vec((1u64..6, 1i64..20, 0i64..5), 150),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let parser = StreamParser::new(&[instrument()]);
        let mut number = 10;
        let changes = changes.into_iter().map(|(hole, price, quantity)| {
            number += if futures { hole } else { 1 };
            (number, price, quantity)
        });
        let truth = Truth { changes: changes.collect() };
        let (mut book, mut model) = (LocalBook::new(InstrumentId(0)), Model::default());
        let mut at = 0usize;
        for (size, lost, snapshot, hole) in steps {
            if let Some(away) = snapshot {
                let count = at.saturating_add_signed(isize::try_from(away).unwrap()).min(truth.changes.len());
                book.snapshot(&truth.book(count));
                model.snapshot(count);
            }
            let to = (at + size).min(truth.changes.len());
            if to > at && !lost {
                let message = truth.message(at, to, futures, hole);
                let MarketData::Depth { update, .. } = parser.parse(message.as_bytes()).unwrap() else { panic!() };
                book.update(&update);
                model.update(at, to);
            }
            at = to;
            prop_assert_eq!(book.is_in_sync(), model.known.is_some());
            match model.known {
                Some(known) => {
                    prop_assert_eq!(book.last_update_id(), truth.number(known));
                    prop_assert_eq!(book.top(1_000).unwrap(), truth.book(known));
                }
                None => prop_assert_eq!(book.top(1_000), None),
            }
        }
    }
}

/// The documented first step of futures: the first update taken has `U <= lastUpdateId <= u`, each later one the `u` of the
/// one before as its `pu`.
#[test]
fn the_documented_rules_of_futures() {
    let parser = StreamParser::new(&[instrument()]);
    let update = |first: u64, last: u64, previous: u64| {
        let text = format!(
            r#"{{"stream":"btcusdt@depth","data":{{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":{first},"u":{last},"pu":{previous},"b":[["5","{last}"]],"a":[]}}}}"#
        );
        let MarketData::Depth { update, .. } = parser.parse(text.as_bytes()).unwrap() else { panic!() };
        update
    };
    let mut book = LocalBook::new(InstrumentId(0));
    let snapshot = Book { instrument: InstrumentId(0), last_update_id: 160, best: None, bids: vec![], asks: vec![] };
    book.update(&update(140, 149, 130));
    book.update(&update(157, 165, 149));
    book.snapshot(&snapshot);
    assert_eq!((book.is_in_sync(), book.last_update_id()), (true, 165));
    // Numbers may leap as long as `pu` says that nothing came between.
    book.update(&update(190, 201, 165));
    assert_eq!((book.is_in_sync(), book.last_update_id()), (true, 201));
    assert_eq!(book.top(1).unwrap().bids, [Level { price: Decimal::from(5), quantity: Decimal::from(201) }]);
    book.update(&update(220, 230, 215));
    assert!(!book.is_in_sync(), "215 is missing");
}
