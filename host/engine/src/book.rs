//! A local order book by the venue's sequence rules.
//!
//! Source: Binance, "How to manage a local order book correctly", spot: after a snapshot
//! with `lastUpdateId` drop updates whose `u` is not newer; the first one taken must have
//! `U <= lastUpdateId + 1 <= u`; each later one must begin right after the one before. USD-M
//! futures say with `pu` which update came before; whoever reads them makes that the first
//! number, so that one rule holds for both.

use std::collections::{BTreeMap, VecDeque};

use ringfence_model::event::{Book, DepthUpdate, Level};
use ringfence_model::{Decimal, InstrumentId};

/// Updates that are kept while a snapshot is awaited: some hundred seconds of a busy stream.
const KEPT: usize = 1_000;

/// Levels of one instrument.
#[derive(Debug, Clone)]
pub struct LocalBook {
    instrument: InstrumentId,
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
    last_update_id: u64,
    in_sync: bool,
    /// Updates since the book went out of sync; the snapshot may be older than they are.
    waiting: VecDeque<DepthUpdate>,
}

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The levels are as of the update.
    Taken,
    /// Older than what is known.
    Old,
    /// Something is missing before it; the book is out of sync until a snapshot.
    Gap,
}

impl LocalBook {
    /// Empty and out of sync.
    pub fn new(instrument: InstrumentId) -> Self {
        LocalBook {
            instrument,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            last_update_id: 0,
            in_sync: false,
            waiting: VecDeque::new(),
        }
    }

    /// Replaces everything, unless the snapshot is older than what is known.
    pub fn snapshot(&mut self, book: &Book) {
        if self.in_sync && book.last_update_id <= self.last_update_id {
            return;
        }
        let side = |levels: &[Level]| {
            levels.iter().filter(|level| !level.quantity.is_zero()).map(|level| (level.price, level.quantity)).collect()
        };
        self.bids = side(&book.bids);
        self.asks = side(&book.asks);
        self.last_update_id = book.last_update_id;
        self.in_sync = true;
        for update in std::mem::take(&mut self.waiting) {
            self.update(&update);
        }
    }

    /// Takes an update in.
    pub fn update(&mut self, update: &DepthUpdate) -> Applied {
        if !self.in_sync {
            self.wait_with(update);
            return Applied::Gap;
        }
        if update.last_update_id <= self.last_update_id {
            return Applied::Old;
        }
        if update.first_update_id > self.last_update_id.saturating_add(1) {
            self.in_sync = false;
            self.wait_with(update);
            return Applied::Gap;
        }
        for (side, levels) in [(&mut self.bids, &update.bids), (&mut self.asks, &update.asks)] {
            for level in levels {
                if level.quantity.is_zero() {
                    side.remove(&level.price);
                } else {
                    side.insert(level.price, level.quantity);
                }
            }
        }
        self.last_update_id = update.last_update_id;
        Applied::Taken
    }

    fn wait_with(&mut self, update: &DepthUpdate) {
        if self.waiting.len() == KEPT {
            self.waiting.pop_front();
        }
        self.waiting.push_back(update.clone());
    }

    /// Out of sync from now on, for example because the stream was lost.
    pub fn lose(&mut self) {
        self.in_sync = false;
        self.waiting.clear();
    }

    /// Whether the levels are the venue's as of [`LocalBook::last_update_id`].
    pub const fn is_in_sync(&self) -> bool {
        self.in_sync
    }

    /// The last update that is in the levels.
    pub const fn last_update_id(&self) -> u64 {
        self.last_update_id
    }

    /// The best levels; `None` while out of sync.
    pub fn top(&self, levels: usize) -> Option<Book> {
        let level = |(price, quantity): (&Decimal, &Decimal)| Level { price: *price, quantity: *quantity };
        self.in_sync.then(|| Book {
            instrument: self.instrument,
            last_update_id: self.last_update_id,
            best: None,
            bids: self.bids.iter().rev().take(levels).map(level).collect(),
            asks: self.asks.iter().take(levels).map(level).collect(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn level(price: i64, quantity: i64) -> Level {
        Level { price: Decimal::from(price), quantity: Decimal::from(quantity) }
    }

    fn update(first: u64, last: u64, bids: Vec<Level>) -> DepthUpdate {
        DepthUpdate {
            instrument: InstrumentId(0),
            first_update_id: first,
            last_update_id: last,
            bids,
            asks: Vec::new(),
        }
    }

    #[test]
    fn the_documented_rules() {
        let mut book = LocalBook::new(InstrumentId(0));
        assert_eq!(book.update(&update(1, 2, vec![])), Applied::Gap);
        let bids = vec![level(5, 1)];
        book.snapshot(&Book { instrument: InstrumentId(0), last_update_id: 10, best: None, bids, asks: vec![] });
        assert_eq!(book.update(&update(8, 10, vec![level(4, 1)])), Applied::Old);
        assert_eq!(book.update(&update(9, 12, vec![level(6, 2)])), Applied::Taken);
        assert_eq!(book.top(1).unwrap().bids, [level(6, 2)]);
        assert_eq!(book.update(&update(14, 15, vec![])), Applied::Gap);
        assert_eq!(book.top(1), None);
        assert_eq!(book.update(&update(16, 17, vec![])), Applied::Gap, "only a snapshot mends it");
        assert!(!book.is_in_sync());
    }

    proptest! {
        /// Whatever the cut into updates and wherever the snapshot falls, the book is the plain sum of all changes.
        #[test]
        fn the_book_is_the_sum_of_all_changes(
            changes in prop::collection::vec((1i64..20, 0i64..5), 1..120),
            cuts in prop::collection::vec(1usize..7, 1..120),
            snapshot_at in 0usize..120,
            late in 0usize..6,
        ) {
            let snapshot_at = snapshot_at.min(changes.len());
            let mut truth = BTreeMap::new();
            let mut book = LocalBook::new(InstrumentId(0));
            let mut apply = |range: &[(i64, i64)]| {
                for (price, quantity) in range {
                    if *quantity == 0 { truth.remove(price); } else { truth.insert(*price, *quantity); }
                }
                truth.iter().map(|(price, quantity)| level(*price, *quantity)).collect::<Vec<_>>()
            };
            // Change n has update id n + 1.
            let at_snapshot = apply(&changes[..snapshot_at]);
            let snapshot = Book {
                instrument: InstrumentId(0), last_update_id: snapshot_at as u64, best: None, bids: at_snapshot, asks: vec![],
            };
            let (mut at, mut cuts, mut number) = (0usize, cuts.into_iter().cycle(), 0usize);
            while at < changes.len() {
                if number == late {
                    book.snapshot(&snapshot);
                }
                let end = (at + cuts.next().unwrap()).min(changes.len());
                let mut levels: BTreeMap<i64, i64> = BTreeMap::new();
                levels.extend(changes[at..end].iter().copied());
                let bids = levels.into_iter().map(|(price, quantity)| level(price, quantity)).collect();
                let applied = book.update(&update(at as u64 + 1, end as u64, bids));
                prop_assert_eq!(applied == Applied::Gap, number < late);
                at = end;
                number += 1;
            }
            if number <= late {
                book.snapshot(&snapshot);
            }
            let mut all = apply(&changes[snapshot_at..]);
            all.reverse();
            prop_assert_eq!(book.top(1_000).unwrap().bids, all);
        }
    }
}
