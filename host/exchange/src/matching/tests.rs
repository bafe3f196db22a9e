use proptest::prelude::*;
use ringfence_model::event::{Book as Snapshot, DepthUpdate, Level};
use ringfence_model::{Decimal, InstrumentId, Side};

use super::book::{Book, Display, Maker, Offer};
use super::*;

fn whole(number: u32) -> Decimal {
    Decimal::from(number)
}

fn row(price: u32, quantity: u32) -> Level {
    Level { price: whole(price), quantity: whole(quantity) }
}

/// Something stands on the ask side; prices and quantities are small, so that levels are shared.
#[derive(Debug, Clone)]
enum Stand {
    Own { price: u32, quantity: u32 },
    Market { price: u32, quantity: u32 },
}

fn stand() -> impl Strategy<Value = Stand> {
    prop_oneof![
        (100u32..106, 1u32..9).prop_map(|(price, quantity)| Stand::Own { price, quantity }),
        (100u32..106, 0u32..9).prop_map(|(price, quantity)| Stand::Market { price, quantity }),
    ]
}

fn book_of(stands: &[Stand], side: Side) -> Book {
    let mut book = Book::new(Display::Live);
    for (id, stand) in (1u64..).zip(stands) {
        match *stand {
            Stand::Own { price, quantity } => book.rest(side, whole(price), id, whole(quantity)),
            Stand::Market { price, quantity } => book.set_market(side, whole(price), whole(quantity)),
        }
    }
    book
}

fn limit(side: Side, price: u32, quantity: u32, self_trade: SelfTrade) -> Taker {
    Taker { side, limit: Some(whole(price)), amount: Amount::Base(whole(quantity)), self_trade }
}

fn trades(plan: &Plan) -> Vec<(Decimal, Decimal, Maker)> {
    plan.steps
        .iter()
        .filter_map(|step| match *step {
            Step::Trade { price, quantity, maker } => Some((price, quantity, maker)),
            _ => None,
        })
        .collect()
}

proptest! {
    #[test]
    fn a_taker_meets_the_best_price_first_and_the_oldest_within_it(
        stands in prop::collection::vec(stand(), 0..24),
        buys: bool,
        price in 99u32..107,
        quantity in 1u32..60,
    ) {
        let (side, maker_side) = if buys { (Side::Buy, Side::Sell) } else { (Side::Sell, Side::Buy) };
        let mut book = book_of(&stands, maker_side);
        let before: Vec<Offer> = book.offers(maker_side).collect();
        let plan = plan(&book, limit(side, price, quantity, SelfTrade::None), |_| false);
        let crosses = |at: Decimal| if buys { at <= whole(price) } else { at >= whole(price) };

        // The trades are the queue's beginning, in its order; only the last may be a part.
        let trades = trades(&plan);
        for (place, (traded, offer)) in trades.iter().zip(&before).enumerate() {
            prop_assert_eq!((traded.0, traded.2), (offer.price, offer.maker));
            prop_assert!(crosses(traded.0), "never trades through its limit");
            prop_assert!(traded.1 == offer.quantity || place + 1 == trades.len());
            prop_assert!(traded.1 > Decimal::ZERO && traded.1 <= offer.quantity);
        }
        let prices: Vec<_> = before.iter().map(|offer| if buys { offer.price } else { -offer.price }).collect();
        prop_assert!(prices.is_sorted());
        let within: Decimal = before.iter().filter(|offer| crosses(offer.price)).map(|offer| offer.quantity).sum();
        prop_assert_eq!(plan.filled, within.min(whole(quantity)));
        prop_assert_eq!(plan.notional, trades.iter().map(|(price, quantity, _)| price * quantity).sum::<Decimal>());

        // Carried out, the book has exactly that much less.
        let stood: Decimal = before.iter().map(|offer| offer.quantity).sum();
        for (price, quantity, maker) in &trades {
            book.consume(maker_side, *price, *maker, *quantity);
        }
        let stands: Decimal = book.offers(maker_side).map(|offer| offer.quantity).sum();
        prop_assert_eq!(stands + plan.filled, stood);
        prop_assert!(plan.filled == whole(quantity) || book.best(maker_side).is_none_or(|best| !crosses(best.price)));
    }

    #[test]
    fn own_orders_of_one_level_keep_the_order_in_which_they_came(stands in prop::collection::vec(stand(), 0..24)) {
        let book = book_of(&stands, Side::Sell);
        let own: Vec<_> = book
            .offers(Side::Sell)
            .filter_map(|offer| match offer.maker {
                Maker::Own(id) => Some((offer.price, id)),
                Maker::Market => None,
            })
            .collect();
        prop_assert!(own.is_sorted());
        let displayed: Decimal = book.rows(Side::Sell, 100).iter().map(|row| row.quantity).sum();
        let offered: Decimal = book.offers(Side::Sell).map(|offer| offer.quantity).sum();
        prop_assert_eq!(displayed, offered);
    }

    #[test]
    fn a_notional_is_filled_in_whole_lots_and_never_beyond(
        stands in prop::collection::vec(stand(), 0..24),
        notional in 1u32..6_000,
    ) {
        let book = book_of(&stands, Side::Sell);
        let step = Decimal::new(5, 1);
        let amount = Amount::Quote { notional: whole(notional), step };
        let taker = Taker { side: Side::Buy, limit: None, amount, self_trade: SelfTrade::None };
        let plan = plan(&book, taker, |_| false);
        prop_assert!(plan.notional <= whole(notional));
        prop_assert!((plan.filled % step).is_zero());
        let left: Decimal = book.offers(Side::Sell).map(|offer| offer.quantity).sum::<Decimal>() - plan.filled;
        if let (true, Some((price, ..))) = (left > Decimal::ZERO, trades(&plan).last()) {
            // One more lot at the last price or a worse one was too much.
            let dearest = trades(&plan).len() == book.offers(Side::Sell).count();
            prop_assert!(dearest || whole(notional) - plan.notional < step * (price + whole(6)));
        }
    }

    #[test]
    fn self_trade_prevention_never_lets_an_account_trade_with_itself(
        stands in prop::collection::vec(stand(), 0..24),
        quantity in 1u32..60,
        mode in prop::sample::select(vec![SelfTrade::ExpireMaker, SelfTrade::ExpireTaker, SelfTrade::ExpireBoth]),
    ) {
        let book = book_of(&stands, Side::Sell);
        let own = |id: u64| id.is_multiple_of(2);
        let plan = plan(&book, limit(Side::Buy, 110, quantity, mode), own);
        for (_, _, maker) in trades(&plan) {
            prop_assert!(!matches!(maker, Maker::Own(id) if own(id)));
        }
        for (place, step) in plan.steps.iter().enumerate() {
            match *step {
                Step::Trade { .. } => {}
                Step::ExpireMaker { order, .. } => prop_assert!(own(order) && mode != SelfTrade::ExpireTaker),
                Step::ExpireTaker { order, .. } => {
                    prop_assert!(own(order) && mode != SelfTrade::ExpireMaker);
                    prop_assert_eq!(place + 1, plan.steps.len());
                }
            }
        }
        prop_assert_eq!(plan.prevented, matches!(plan.steps.last(), Some(Step::ExpireTaker { .. })));
    }

    #[test]
    fn a_smaller_order_keeps_its_place(quantity in 2u32..9, smaller in 1u32..9) {
        let mut book = Book::new(Display::Live);
        book.rest(Side::Buy, whole(100), 1, whole(quantity));
        book.rest(Side::Buy, whole(100), 2, whole(5));
        book.shrink(Side::Buy, whole(100), 1, whole(smaller));
        let first = book.offers(Side::Buy).next();
        prop_assert_eq!(first.map(|offer| offer.maker), Some(Maker::Own(1)));
        prop_assert_eq!(first.map(|offer| offer.quantity), Some(whole(quantity.min(smaller))));
    }

    /// Recorded books: resting orders against recorded trades.
    #[test]
    fn recorded_trades_fill_by_price_then_queue_and_bring_no_more_than_they_have(
        ahead in 0u32..8,
        own in prop::collection::vec((98u32..102, 1u32..5), 1..5),
        traded in prop::collection::vec((97u32..103, 1u32..6, any::<bool>()), 1..12),
    ) {
        let mut book = Book::new(Display::Recorded);
        book.play_snapshot(&Snapshot {
            instrument: InstrumentId(0),
            last_update_id: 1,
            bids: vec![row(100, ahead)],
            asks: vec![row(103, 9)],
        });
        for (id, (price, quantity)) in (1u64..).zip(&own) {
            book.rest(Side::Buy, whole(*price), id, whole(*quantity));
        }
        let mut left: Vec<Decimal> = own.iter().map(|(_, quantity)| whole(*quantity)).collect();
        let mut sold_at_hundred = Decimal::ZERO;
        let mut filled_at_hundred = Decimal::ZERO;
        for (price, quantity, sells) in traded {
            let aggressor = if sells { Side::Sell } else { Side::Buy };
            if price == 100 && sells {
                sold_at_hundred += whole(quantity);
            }
            let shown = book.rows(Side::Buy, 10);
            let mut at_price = Decimal::ZERO;
            for (order, at, filled) in book.play_trade(whole(price), whole(quantity), aggressor) {
                let place = usize::try_from(order - 1).unwrap_or(0);
                prop_assert_eq!(at, whole(own[place].0));
                prop_assert!(at >= whole(price) && filled > Decimal::ZERO && filled <= left[place]);
                left[place] -= filled;
                if at == whole(price) {
                    prop_assert!(sells, "only the other side's takers reach a price itself");
                    at_price += filled;
                } else {
                    prop_assert_eq!(left[place], Decimal::ZERO, "beyond its price an order is filled in full");
                }
                if at == whole(100) && price == 100 {
                    filled_at_hundred += filled;
                }
            }
            prop_assert!(at_price <= whole(quantity));
            prop_assert_eq!(shown, book.rows(Side::Buy, 10), "own orders never change what is seen");
            for (place, (own_price, _)) in own.iter().enumerate() {
                prop_assert!(*own_price <= price || left[place].is_zero());
            }
        }
        // What was displayed first had its turn first.
        prop_assert!(filled_at_hundred <= (sold_at_hundred - whole(ahead)).max(Decimal::ZERO));
    }
}

fn recorded(bids: Vec<Level>, asks: Vec<Level>) -> Book {
    let mut book = Book::new(Display::Recorded);
    book.play_snapshot(&Snapshot { instrument: InstrumentId(0), last_update_id: 10, bids, asks });
    book
}

#[test]
fn what_own_takers_took_stays_taken_until_the_level_changes() {
    let mut book = recorded(vec![row(99, 5)], vec![row(101, 3), row(102, 4)]);
    let taker = limit(Side::Buy, 102, 5, SelfTrade::None);
    for (price, quantity, maker) in trades(&plan(&book, taker, |_| false)) {
        book.consume(Side::Sell, price, maker, quantity);
    }
    assert_eq!(book.rows(Side::Sell, 5), [row(101, 3), row(102, 4)]);
    assert_eq!(plan(&book, taker, |_| false).filled, whole(2));
    book.play_depth(&DepthUpdate {
        instrument: InstrumentId(0),
        first_update_id: 11,
        last_update_id: 11,
        bids: vec![],
        asks: vec![row(101, 1)],
    });
    assert_eq!(plan(&book, taker, |_| false).filled, whole(3));
}

#[test]
fn the_newest_of_quote_and_depth_decides_the_best_level() {
    let mut book = recorded(vec![row(99, 5), row(98, 1)], vec![row(101, 3)]);
    book.play_quote(15, row(98, 2), row(100, 1));
    assert_eq!(book.rows(Side::Buy, 5), [row(98, 2)]);
    assert_eq!(book.best(Side::Sell), Some(row(100, 1)));
    let depth = |last, bids| DepthUpdate {
        instrument: InstrumentId(0),
        first_update_id: 11,
        last_update_id: last,
        bids,
        asks: vec![],
    };
    book.play_depth(&depth(12, vec![row(99, 7)]));
    assert_eq!(book.best(Side::Buy), Some(row(98, 2)), "older than the quote");
    book.play_depth(&depth(20, vec![row(99, 7)]));
    assert_eq!(book.best(Side::Buy), Some(row(99, 7)));
    book.play_quote(19, row(98, 2), row(100, 1));
    assert_eq!(book.best(Side::Buy), Some(row(99, 7)), "an old quote");
}

#[test]
fn a_level_that_vanishes_leaves_nobody_ahead() {
    let mut book = recorded(vec![row(99, 5)], vec![row(101, 3)]);
    book.rest(Side::Buy, whole(99), 1, whole(2));
    assert_eq!(book.play_trade(whole(99), whole(4), Side::Sell), []);
    book.play_depth(&DepthUpdate {
        instrument: InstrumentId(0),
        first_update_id: 11,
        last_update_id: 11,
        bids: vec![row(99, 0)],
        asks: vec![],
    });
    assert_eq!(book.play_trade(whole(99), whole(1), Side::Sell), [(1, whole(99), whole(1))]);
}
