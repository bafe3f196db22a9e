//! The fill model of recorded markets: the queue, what is shared out, what is seen.

use std::collections::BTreeMap;

use ringfence_model::event::{Book as Snapshot, DepthUpdate};
use ringfence_model::{InstrumentId, Micros, Timestamp};

use super::super::recorded::{Print, Reached, Told};
use super::*;

/// Messages a second apart, so that what one of them left open is settled before the next.
#[derive(Debug)]
struct Play {
    book: Book,
    now: Timestamp,
    update_id: u64,
}

impl Play {
    fn new(bids: Vec<Level>, asks: Vec<Level>) -> Self {
        let mut play = Play { book: Book::new(Display::Recorded), now: Timestamp::from_millis(1_000), update_id: 10 };
        play.snapshot(bids, asks);
        play
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.plus(Micros::from_millis(millis));
    }

    fn told(&self, venue: bool) -> Told {
        Told { now: self.now, venue: venue.then_some(self.now) }
    }

    fn snapshot(&mut self, bids: Vec<Level>, asks: Vec<Level>) -> Vec<Reached> {
        self.update_id += 1;
        let book = Snapshot { instrument: InstrumentId(0), last_update_id: self.update_id, best: None, bids, asks };
        self.book.play_snapshot(self.told(false), &book)
    }

    fn quote(&mut self, bid: Level, ask: Level) -> Vec<Reached> {
        self.update_id += 1;
        self.book.play_quote(self.told(false), self.update_id, bid, ask)
    }

    fn depth(&mut self, bids: Vec<Level>, asks: Vec<Level>) -> Vec<Reached> {
        self.update_id += 1;
        let (first_update_id, last_update_id) = (self.update_id, self.update_id);
        let update = DepthUpdate { instrument: InstrumentId(0), first_update_id, last_update_id, bids, asks };
        self.book.play_depth(self.told(true), &update)
    }

    fn trade(&mut self, price: u32, quantity: u32, aggressor: Side) -> Vec<Reached> {
        let print = Print { price: whole(price), quantity: whole(quantity), aggressor };
        self.book.play_trade(self.told(true), print)
    }

    fn buys(&mut self, order: u64, price: u32, quantity: u32) -> NodeId {
        self.book.rest(Side::Buy, whole(price), resting(order, ADA, quantity, quantity, false))
    }
}

fn fill(order: u64, price: u32, quantity: u32) -> Reached {
    Reached { order, price: whole(price), quantity: whole(quantity) }
}

/// What happens at one level while nobody cancels.
#[derive(Debug, Clone, Copy)]
enum Queue {
    Joins(u32),
    Own(u32),
    /// How much, and whether the quote tells it before the trade does.
    Trades(u32, bool),
}

fn queue() -> impl Strategy<Value = Queue> {
    prop_oneof![
        (1u32..9).prop_map(Queue::Joins),
        (1u32..9).prop_map(Queue::Own),
        (1u32..12, any::<bool>()).prop_map(|(quantity, first)| Queue::Trades(quantity, first)),
    ]
}

/// Plays a level at 100 and returns the fills; `first` overrides who tells of a trade first.
fn played(doings: &[Queue], first: Option<bool>) -> Vec<Reached> {
    let mut play = Play::new(vec![row(99, 5)], vec![row(110, 9)]);
    let (mut displayed, mut fills) = (0, Vec::new());
    let quote = |play: &mut Play, displayed: u32| {
        let bid = if displayed == 0 { row(99, 5) } else { row(100, displayed) };
        play.quote(bid, row(110, 9))
    };
    for (id, doing) in (1u64..).zip(doings) {
        play.wait(1_000);
        match *doing {
            Queue::Joins(quantity) => {
                displayed += quantity;
                fills.extend(quote(&mut play, displayed));
            }
            Queue::Own(quantity) => {
                play.buys(id, 100, quantity);
            }
            Queue::Trades(quantity, quote_first) => {
                let quantity = quantity.min(displayed);
                displayed -= quantity;
                if first.unwrap_or(quote_first) {
                    fills.extend(quote(&mut play, displayed));
                    fills.extend(play.trade(100, quantity, Side::Sell));
                } else {
                    fills.extend(play.trade(100, quantity, Side::Sell));
                    fills.extend(quote(&mut play, displayed));
                }
            }
        }
        assert!(play.book.is_balanced(), "{:?}", play.book);
    }
    fills
}

/// The same by the definition: each own order waits for what was displayed when it came,
/// and for those before it.
fn by_definition(doings: &[Queue]) -> Vec<Reached> {
    let (mut displayed, mut own, mut fills) = (0u32, Vec::<(u64, u32, u32)>::new(), Vec::new());
    for (id, doing) in (1u64..).zip(doings) {
        match *doing {
            Queue::Joins(quantity) => displayed += quantity,
            Queue::Own(quantity) => own.push((id, displayed, quantity)),
            Queue::Trades(quantity, _) => {
                let quantity = quantity.min(displayed);
                displayed -= quantity;
                let mut given = 0;
                for (id, ahead, left) in &mut own {
                    let passed = quantity.min(*ahead);
                    *ahead -= passed;
                    let got = (*left).min((quantity - passed).saturating_sub(given));
                    *left -= got;
                    given += got;
                    if got > 0 {
                        fills.push(fill(*id, 100, got));
                    }
                }
            }
        }
    }
    fills
}

/// Anything a recording may say, and anything own orders may do.
#[derive(Debug, Clone)]
enum Doing {
    Quote { bid: u32, spread: u32, quantities: (u32, u32) },
    Depth { rows: Vec<(u32, u32)> },
    Snapshot { best: u32, quantities: Vec<u32> },
    Trade { price: u32, quantity: u32, sells: bool },
    Place { buys: bool, price: u32, quantity: u32, slice: u32 },
    Cancel { which: usize },
    Shrink { which: usize },
    Wait { millis: u64 },
}

fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        4 => (96u32..104, 1u32..3, (0u32..9, 0u32..9))
            .prop_map(|(bid, spread, quantities)| Doing::Quote { bid, spread, quantities }),
        3 => prop::collection::btree_map(94u32..108, 0u32..9, 1..5)
            .prop_map(|rows| Doing::Depth { rows: rows.into_iter().collect() }),
        1 => (97u32..104, prop::collection::vec(1u32..9, 3)).prop_map(|(best, quantities)| Doing::Snapshot { best, quantities }),
        6 => (95u32..106, 1u32..12, any::<bool>())
            .prop_map(|(price, quantity, sells)| Doing::Trade { price, quantity, sells }),
        6 => (any::<bool>(), 96u32..106, 1u32..12, 1u32..12)
            .prop_map(|(buys, price, quantity, slice)| Doing::Place { buys, price, quantity, slice }),
        2 => (0..20usize).prop_map(|which| Doing::Cancel { which }),
        1 => (0..20usize).prop_map(|which| Doing::Shrink { which }),
        3 => (1u64..200).prop_map(|millis| Doing::Wait { millis }),
    ]
}

/// An own order that rests.
#[derive(Debug, Clone, Copy)]
struct Mine {
    node: NodeId,
    side: Side,
    price: Fixed,
    left: Fixed,
    whole: bool,
}

/// Everybody's doings, and what must hold at each step.
#[derive(Debug)]
struct Desk {
    play: Play,
    mine: BTreeMap<u64, Mine>,
    next: u64,
    /// By side of the offers and price: what was ever offered there, and what own orders took.
    offered: BTreeMap<(bool, Fixed), Fixed>,
    took: BTreeMap<(bool, Fixed), Fixed>,
    log: Vec<Reached>,
}

type Seen = BTreeMap<(bool, Fixed), Fixed>;

fn seen(book: &Book) -> Seen {
    let rows = |side: Side| book.rows(side, 100).into_iter().map(move |row| (side, row));
    let rows = rows(Side::Buy).chain(rows(Side::Sell));
    rows.map(|(side, row)| ((side == Side::Buy, Fixed::floor(row.price)), Fixed::floor(row.quantity))).collect()
}

impl Desk {
    fn new() -> Self {
        let play = Play::new(vec![row(99, 5), row(98, 2)], vec![row(101, 3), row(102, 4)]);
        let offered = seen(&play.book);
        Desk { play, mine: BTreeMap::new(), next: 1, offered, took: BTreeMap::new(), log: Vec::new() }
    }

    /// Books fills of one message: no order gets more than it wants, or before a better one.
    fn book(&mut self, fills: &[Reached]) -> Fixed {
        let mut sum = Fixed::ZERO;
        for reached in fills {
            let found = self.mine.get_mut(&reached.order).unwrap();
            assert_eq!(reached.price, found.price, "own orders fill at their own price");
            assert!(reached.quantity.is_positive() && reached.quantity <= found.left);
            found.left -= reached.quantity;
            sum += reached.quantity;
            let filled = *found;
            // Slices of icebergs lose their place, so they are left out.
            let before = |(id, other): (&u64, &Mine)| {
                other.side == filled.side
                    && other.whole
                    && filled.whole
                    && (other.price == filled.price && *id < reached.order
                        || match filled.side {
                            Side::Buy => other.price > filled.price,
                            Side::Sell => other.price < filled.price,
                        })
            };
            assert!(self.mine.iter().filter(|entry| before(*entry)).all(|(_, other)| other.left.is_zero()));
        }
        self.mine.retain(|_, mine| mine.left.is_positive());
        for mine in self.mine.values() {
            assert_eq!(self.play.book.remaining(mine.node), mine.left);
        }
        self.log.extend(fills);
        sum
    }

    /// After a message that changes what is seen.
    fn shown(&mut self, before: &Seen, fills: &[Reached]) {
        for (level, quantity) in seen(&self.play.book) {
            let more = quantity - before.get(&level).copied().unwrap_or_default();
            *self.offered.entry(level).or_default() += more.max(Fixed::ZERO);
        }
        // Crossing offers: what own orders got, somebody had offered.
        let sum = self.book(fills);
        *self.took.entry((true, Fixed::ZERO)).or_default() += sum;
    }

    fn act(&mut self, doing: &Doing) {
        let before = seen(&self.play.book);
        let own = matches!(doing, Doing::Place { .. } | Doing::Cancel { .. } | Doing::Shrink { .. });
        match doing.clone() {
            Doing::Quote { bid, spread, quantities } => {
                let fills = self.play.quote(row(bid, quantities.0), row(bid + spread, quantities.1));
                self.shown(&before, &fills);
            }
            Doing::Depth { rows } => {
                let best = before.keys().filter(|(bid, _)| *bid).map(|(_, price)| *price).max();
                let is_bid = |price: u32| best.is_some_and(|best| whole(price) <= best);
                let (bids, asks): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(price, _)| is_bid(*price));
                let rows =
                    |rows: Vec<(u32, u32)>| rows.into_iter().map(|(price, quantity)| row(price, quantity)).collect();
                let fills = self.play.depth(rows(bids), rows(asks));
                self.shown(&before, &fills);
            }
            Doing::Snapshot { best, quantities } => {
                let level = |sign: i64| {
                    let rows = (0i64..).zip(&quantities);
                    rows.map(|(place, quantity)| {
                        row(u32::try_from(i64::from(best) + sign * (place + 1)).unwrap(), *quantity)
                    })
                    .collect()
                };
                let fills = self.play.snapshot(level(-1), level(1));
                self.shown(&before, &fills);
            }
            Doing::Trade { price, quantity, sells } => {
                let aggressor = if sells { Side::Sell } else { Side::Buy };
                let fills = self.play.trade(price, quantity, aggressor);
                assert!(self.book(&fills) <= whole(quantity), "more than was traded: {fills:?}");
                // What traded may be offered anew unseen; beyond it, all that is displayed is new.
                for (level, shown) in &before {
                    let reached =
                        level.0 == sells && if sells { level.1 >= whole(price) } else { level.1 <= whole(price) };
                    if reached {
                        *self.offered.entry(*level).or_default() += (*shown).max(whole(quantity));
                    }
                }
            }
            Doing::Place { buys, price, quantity, slice } => {
                let side = if buys { Side::Buy } else { Side::Sell };
                let taker = limit(side, price, quantity, SelfTrade::None, Some(BOB));
                let plan = plan(&self.play.book, &taker);
                for step in &plan.steps {
                    let Step::Trade { node, maker, price, quantity } = *step else { panic!("{step:?}") };
                    self.play.book.take(node, quantity);
                    match maker {
                        Maker::Own(order) => self.mine.get_mut(&order).unwrap().left -= quantity,
                        Maker::Market => *self.took.entry((!buys, price)).or_default() += quantity,
                    }
                }
                self.mine.retain(|_, mine| mine.left.is_positive());
                let left = whole(quantity) - plan.filled;
                if left.is_positive() {
                    let order = self.next;
                    self.next += 1;
                    let slice = whole(slice).min(left);
                    let own = Resting {
                        order,
                        owner: ADA,
                        self_trade: SelfTrade::None,
                        quantity: left,
                        iceberg: Some(slice),
                    };
                    let node = self.play.book.rest(side, whole(price), own);
                    self.mine.insert(order, Mine { node, side, price: whole(price), left, whole: slice == left });
                }
            }
            Doing::Cancel { which } => {
                let found = self.mine.keys().nth(which % self.mine.len().max(1)).copied();
                if let Some(mine) = found.and_then(|id| self.mine.remove(&id)) {
                    self.play.book.remove(mine.node);
                }
            }
            Doing::Shrink { which } => {
                let count = self.mine.len().max(1);
                if let Some(mine) = self.mine.values_mut().nth(which % count)
                    && mine.left > whole(1)
                {
                    mine.left = whole(1);
                    self.play.book.shrink(mine.node, whole(1));
                }
            }
            Doing::Wait { millis } => self.play.wait(millis),
        }
        if own {
            assert_eq!(before, seen(&self.play.book), "own orders never change what is seen");
        }
        assert!(self.play.book.is_balanced(), "{:?}", self.play.book);
        for (level, took) in self.took.iter().filter(|(level, _)| level.1.is_positive()) {
            let offered = self.offered.get(level).copied().unwrap_or_default();
            assert!(*took <= offered, "{took} taken of {offered} ever offered at {level:?}");
        }
    }
}

proptest! {
    #[test]
    fn own_orders_wait_their_turn_whoever_tells_of_a_trade_first(doings in prop::collection::vec(queue(), 1..40)) {
        let expected = by_definition(&doings);
        for first in [None, Some(true), Some(false)] {
            prop_assert_eq!(&played(&doings, first), &expected, "quote first: {:?}", first);
        }
    }

    #[test]
    fn no_more_is_given_than_was_traded_or_offered_and_better_orders_come_first(
        doings in prop::collection::vec(doing(), 1..80),
    ) {
        let run = || {
            let mut desk = Desk::new();
            doings.iter().for_each(|doing| desk.act(doing));
            desk.log
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn cancels_bring_an_order_forward_by_its_part(ahead in 1u32..500, behind in 0u32..500, less in 1u32..1_000) {
        let all = ahead + behind;
        let less = less.min(all - 1);
        let mut play = Play::new(vec![row(99, ahead)], vec![row(101, 3)]);
        let first = play.buys(1, 99, 2);
        play.depth(vec![row(99, all)], vec![]);
        let last = play.buys(2, 99, 2);
        prop_assert_eq!((play.book.ahead(first), play.book.ahead(last)), (whole(ahead), whole(all)));
        play.wait(1);
        play.depth(vec![row(99, all - less)], vec![]);
        prop_assert_eq!(play.book.ahead(first), whole(ahead), "it may still have been a trade");
        play.wait(100);
        play.depth(vec![row(98, 1)], vec![]);
        prop_assert_eq!(play.book.ahead(first), whole(ahead).ratio_up((all - less).into(), all.into()));
        prop_assert_eq!(play.book.ahead(last), whole(all - less));
        prop_assert!(play.book.is_balanced());
    }
}

#[test]
fn a_sweep_is_shared_out_once_though_its_quote_comes_first() {
    let mut play = Play::new(vec![row(100, 5), row(99, 4)], vec![row(101, 3)]);
    play.buys(1, 100, 3);
    // Seven are sold: five at 100, two at 99. The first own order gets the two.
    assert_eq!(play.quote(row(99, 2), row(101, 3)), []);
    assert_eq!(play.trade(100, 5, Side::Sell), []);
    assert_eq!(play.trade(99, 2, Side::Sell), [fill(1, 100, 2)]);
    // It is the best bid now, and the next taker meets it first, for what he has.
    play.wait(1_000);
    play.buys(2, 99, 9);
    assert_eq!(play.trade(99, 1, Side::Sell), [fill(1, 100, 1)]);
    // Of two that were displayed at 99 when the second came, one is left by that trade.
    assert_eq!(play.trade(99, 4, Side::Sell), [fill(2, 99, 3)]);
}

#[test]
fn an_offer_beyond_an_own_order_meets_it_once() {
    let mut play = Play::new(vec![row(99, 5)], vec![row(101, 3)]);
    play.buys(1, 99, 4);
    play.wait(1_000);
    assert_eq!(play.quote(row(97, 5), row(98, 3)), [fill(1, 99, 3)]);
    assert_eq!(play.quote(row(97, 5), row(98, 2)), [], "the same offer again");
    assert_eq!(play.quote(row(97, 5), row(98, 3)), [fill(1, 99, 1)], "one more");
    assert_eq!(play.book.own_orders(), Vec::<u64>::new());
    // An offer that nobody displayed is known by its trade.
    play.buys(2, 99, 4);
    assert_eq!(play.trade(99, 1, Side::Buy), [fill(2, 99, 1)]);
}

#[test]
fn what_own_takers_took_stays_taken_until_more_is_offered() {
    let mut play = Play::new(vec![row(99, 5)], vec![row(101, 3), row(102, 4)]);
    let taker = limit(Side::Buy, 102, 5, SelfTrade::None, None);
    let first = plan(&play.book, &taker);
    carry_out(&mut play.book, &first);
    assert_eq!(play.book.rows(Side::Sell, 5), [row(101, 3), row(102, 4)]);
    assert_eq!(plan(&play.book, &taker).filled, whole(2));
    play.wait(1_000);
    play.depth(vec![], vec![row(101, 1)]);
    assert_eq!(plan(&play.book, &taker).filled, whole(2), "one of those that were taken");
    play.depth(vec![], vec![row(101, 4)]);
    assert_eq!(plan(&play.book, &taker).filled, whole(5), "three more, and two behind them");
}

#[test]
fn a_level_that_vanishes_leaves_nobody_ahead() {
    let mut play = Play::new(vec![row(99, 5)], vec![row(101, 3)]);
    play.buys(1, 99, 2);
    assert_eq!(play.trade(99, 4, Side::Sell), []);
    play.depth(vec![row(99, 0)], vec![]);
    play.depth(vec![row(99, 7)], vec![]);
    assert_eq!(play.trade(99, 1, Side::Sell), [], "the last one of them may be why it vanished");
    play.wait(1_000);
    assert_eq!(play.trade(99, 1, Side::Sell), [fill(1, 99, 1)]);
}

#[test]
fn who_may_have_stood_there_unseen_is_ahead() {
    let mut play = Play::new(vec![row(99, 5), row(97, 1)], vec![row(101, 3)]);
    // Within the snapshot nobody stands at 98; what lies below it is not known.
    let (within, below) = (play.buys(1, 98, 1), play.buys(2, 96, 1));
    let better = play.buys(3, 100, 1);
    play.snapshot(vec![row(100, 2), row(98, 3), row(96, 4)], vec![row(101, 3)]);
    assert_eq!([within, below, better].map(|node| play.book.ahead(node)), [whole(0), whole(4), whole(0)]);
}

#[test]
fn the_newest_of_quote_and_depth_decides_the_best_level() {
    let told = Told { now: Timestamp::from_millis(1_000), venue: None };
    let mut book = Book::new(Display::Recorded);
    let snapshot = Snapshot {
        instrument: InstrumentId(0),
        last_update_id: 10,
        best: None,
        bids: vec![row(99, 5), row(98, 1)],
        asks: vec![row(101, 3)],
    };
    book.play_snapshot(told, &snapshot);
    book.play_quote(told, 15, row(98, 2), row(100, 1));
    assert_eq!(book.rows(Side::Buy, 5), [row(98, 2)]);
    assert_eq!(book.best(Side::Sell), Some(row(100, 1)));
    let depth = |last, bids| DepthUpdate {
        instrument: InstrumentId(0),
        first_update_id: 11,
        last_update_id: last,
        bids,
        asks: vec![],
    };
    book.play_depth(told, &depth(12, vec![row(99, 7), row(97, 3)]));
    assert_eq!(book.rows(Side::Buy, 5), [row(98, 2), row(97, 3)], "older than the quote");
    book.play_depth(told, &depth(20, vec![row(99, 7)]));
    assert_eq!(book.best(Side::Buy), Some(row(99, 7)));
    book.play_quote(told, 19, row(98, 2), row(100, 1));
    assert_eq!(book.best(Side::Buy), Some(row(99, 7)), "an old quote");
}
