use proptest::prelude::*;
use ringfence_model::event::Level;
use ringfence_model::{Decimal, Side};

use super::book::{Book, Display, Maker, NodeId, Resting};
use super::*;

fn whole(number: u32) -> Fixed {
    Fixed::whole(number)
}

fn row(price: u32, quantity: u32) -> Level {
    Level { price: Decimal::from(price), quantity: Decimal::from(quantity) }
}

const ADA: Owner = Owner { account: 0, group: None };
const BOB: Owner = Owner { account: 1, group: Some(7) };
const EVE: Owner = Owner { account: 2, group: Some(7) };

/// Something stands on one side; prices and quantities are small, so that levels are shared.
#[derive(Debug, Clone)]
enum Stand {
    Own { price: u32, quantity: u32, slice: u32, owner: usize, transfers: bool },
    Market { price: u32, quantity: u32 },
}

fn stand() -> impl Strategy<Value = Stand> {
    prop_oneof![
        3 => (100u32..106, 1u32..9, 1u32..9, 0..3usize, any::<bool>())
            .prop_map(|(price, quantity, slice, owner, transfers)| Stand::Own { price, quantity, slice, owner, transfers }),
        1 => (100u32..106, 0u32..9).prop_map(|(price, quantity)| Stand::Market { price, quantity }),
    ]
}

fn resting(order: u64, owner: Owner, quantity: u32, slice: u32, transfers: bool) -> Resting {
    Resting {
        order,
        owner,
        self_trade: if transfers { SelfTrade::Transfer } else { SelfTrade::None },
        quantity: whole(quantity),
        iceberg: (slice < quantity).then(|| whole(slice)),
    }
}

fn book_of(stands: &[Stand], side: Side) -> Book {
    let mut book = Book::new(Display::Live);
    for (id, stand) in (1u64..).zip(stands) {
        match *stand {
            Stand::Own { price, quantity, slice, owner, transfers } => {
                book.rest(side, whole(price), resting(id, [ADA, BOB, EVE][owner], quantity, slice, transfers));
            }
            Stand::Market { price, quantity } => book.set_market(side, whole(price), whole(quantity)),
        }
    }
    book
}

/// One who stands in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offer {
    node: NodeId,
    price: Fixed,
    visible: Fixed,
    hidden: Fixed,
    maker: Maker,
}

fn offers(book: &Book, side: Side) -> Vec<Offer> {
    book.levels(side)
        .flat_map(|level| book.queue(level))
        .map(|(node, place)| Offer {
            node,
            price: place.price(),
            visible: place.visible(),
            hidden: place.hidden(),
            maker: place.maker(),
        })
        .collect()
}

fn sum(offers: &[Offer]) -> Fixed {
    offers.iter().fold(Fixed::ZERO, |sum, offer| sum + offer.visible + offer.hidden)
}

fn limit(side: Side, price: u32, quantity: u32, self_trade: SelfTrade, owner: Option<Owner>) -> Taker {
    Taker { side, limit: Some(whole(price)), amount: Amount::Base(whole(quantity)), self_trade, owner, range: None }
}

/// Carries a plan out, as the exchange does.
fn carry_out(book: &mut Book, plan: &Plan) {
    for step in &plan.steps {
        match *step {
            Step::Trade { node, quantity, .. } => book.take(node, quantity),
            Step::Prevent { node, maker, .. } if maker.is_positive() => {
                if book.remaining(node) == maker {
                    book.remove(node);
                } else {
                    book.take(node, maker);
                }
            }
            Step::Prevent { .. } => {}
        }
    }
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
        let before = offers(&book, maker_side);
        let plan = plan(&book, &limit(side, price, quantity, SelfTrade::None, None));
        let crosses = |at: Fixed| if buys { at <= whole(price) } else { at >= whole(price) };

        // Tick by tick against a model that moves each slice by itself.
        let mut model: Vec<Offer> = before.iter().copied().filter(|offer| crosses(offer.price)).collect();
        let slices: Vec<Fixed> = before.iter().map(|offer| offer.visible).collect();
        let slice = |node| before.iter().position(|offer| offer.node == node).map(|at| slices[at]).unwrap();
        let mut left = whole(quantity);
        let mut expected = Vec::new();
        while left.is_positive() && !model.is_empty() {
            let head = model.remove(0);
            let traded = head.visible.min(left);
            left -= traded;
            expected.push((head.price, traded, head.maker));
            if traded == head.visible && head.hidden.is_positive() {
                let visible = slice(head.node).min(head.hidden);
                let behind = model.iter().position(|o| o.price != head.price).unwrap_or(model.len());
                model.insert(behind, Offer { visible, hidden: head.hidden - visible, ..head });
            }
        }
        let trades: Vec<_> = plan.steps.iter().map(|step| match *step {
            Step::Trade { price, quantity, maker, .. } => (price, quantity, maker),
            Step::Prevent { .. } => panic!("nobody trades with himself"),
        }).collect();
        prop_assert_eq!(&trades, &expected);
        let notional = trades.iter().fold(Fixed::ZERO, |sum, (price, quantity, _)| sum + price.times(*quantity));
        prop_assert_eq!((plan.notional, plan.filled), (notional, whole(quantity) - left));

        // Carried out, the book has exactly that much less, and those who stay keep their order.
        carry_out(&mut book, &plan);
        let after = offers(&book, maker_side);
        prop_assert_eq!(sum(&after) + plan.filled, sum(&before));
        prop_assert!(after.iter().all(|offer| offer.visible.is_positive()));
        prop_assert!(plan.filled == whole(quantity) || book.best(maker_side).is_none_or(|best| !crosses(Fixed::floor(best.price))));
        let untouched: Vec<_> = after.iter().filter(|offer| before.contains(offer)).collect();
        let still: Vec<_> = before.iter().filter(|offer| after.contains(offer)).collect();
        prop_assert_eq!(untouched, still);
    }

    #[test]
    fn a_level_shows_the_sum_of_what_stands_there_whatever_happens(
        stands in prop::collection::vec(stand(), 1..30),
        changes in prop::collection::vec((0..30usize, 0..4u8, 0u32..9), 0..40),
    ) {
        let mut book = book_of(&stands, Side::Sell);
        for (at, kind, amount) in changes {
            let standing = offers(&book, Side::Sell);
            let Some(offer) = standing.get(at % standing.len().max(1)).copied() else { break };
            let all = offer.visible + offer.hidden;
            match (kind, offer.maker) {
                (0, Maker::Own(_)) => book.remove(offer.node),
                (1, Maker::Own(_)) if whole(amount).is_positive() && whole(amount) < all => book.shrink(offer.node, whole(amount)),
                (2, _) => book.take(offer.node, whole(amount).min(offer.visible)),
                _ => book.set_market(Side::Sell, offer.price, whole(amount)),
            }
            let standing = offers(&book, Side::Sell);
            let seen: Fixed = standing.iter().fold(Fixed::ZERO, |sum, offer| sum + offer.visible);
            let rows: Decimal = book.rows(Side::Sell, 100).iter().map(|row| row.quantity).sum();
            prop_assert_eq!(rows, seen.decimal());
            prop_assert!(standing.iter().map(|offer| offer.price).is_sorted());
            for price in 100..106 {
                let market: Fixed = standing.iter()
                    .filter(|offer| offer.price == whole(price) && offer.maker == Maker::Market)
                    .fold(Fixed::ZERO, |sum, offer| sum + offer.visible);
                prop_assert_eq!(book.market_prices(Side::Sell).contains(&whole(price)), market.is_positive());
            }
            let own = standing.iter().find(|offer| offer.maker != Maker::Market).map(|offer| offer.price);
            prop_assert_eq!(book.best_own(Side::Sell), own);
        }
    }

    #[test]
    fn a_notional_is_filled_in_whole_lots_and_never_beyond(
        stands in prop::collection::vec(stand(), 0..24),
        notional in 1u32..6_000,
    ) {
        let book = book_of(&stands, Side::Sell);
        let step = Fixed::from_units(50_000_000);
        let amount = Amount::Quote { notional: whole(notional), step };
        let taker = Taker { side: Side::Buy, limit: None, amount, self_trade: SelfTrade::None, owner: None, range: None };
        let plan = plan(&book, &taker);
        prop_assert!(plan.notional <= whole(notional));
        prop_assert!(plan.filled.fits(step));
        let offered = sum(&offers(&book, Side::Sell));
        let worst = book.levels(Side::Sell).last().map_or(Fixed::ZERO, |level| level.price());
        prop_assert!(plan.filled == offered || whole(notional) - plan.notional < worst.times(step));
    }

    #[test]
    fn nobody_trades_with_himself_in_any_mode(
        stands in prop::collection::vec(stand(), 0..24),
        mode in 0..6usize,
        taker in 0..3usize,
        quantity in 1u32..60,
    ) {
        let mut book = book_of(&stands, Side::Sell);
        let before = offers(&book, Side::Sell);
        let owner = [ADA, BOB, EVE][taker];
        let mode = SelfTrade::ALL[mode];
        let plan = plan(&book, &limit(Side::Buy, 105, quantity, mode, Some(owner)));
        let of = |id: u64| match stands[usize::try_from(id).unwrap() - 1] {
            Stand::Own { owner, transfers, .. } => ([ADA, BOB, EVE][owner], transfers),
            Stand::Market { .. } => panic!("the market is nobody's"),
        };
        let (mut takers, mut makers) = (Fixed::ZERO, Fixed::ZERO);
        for step in &plan.steps {
            match *step {
                Step::Trade { maker: Maker::Own(id), .. } => {
                    prop_assert!(mode == SelfTrade::None || !of(id).0.is_self(owner));
                }
                Step::Trade { .. } => {}
                Step::Prevent { order, taker, maker, quantity, mode: effective, .. } => {
                    prop_assert!(of(order).0.is_self(owner) && mode != SelfTrade::None);
                    takers += taker;
                    makers += maker;
                    match effective {
                        SelfTrade::None => prop_assert!(false),
                        SelfTrade::ExpireTaker => prop_assert!(taker >= quantity && maker.is_zero()),
                        SelfTrade::ExpireMaker => prop_assert!(taker.is_zero() && maker >= quantity),
                        SelfTrade::ExpireBoth => prop_assert!(taker >= quantity && maker >= quantity),
                        SelfTrade::Decrement => {
                            prop_assert_eq!((taker, maker), (quantity, quantity));
                            prop_assert!(mode == SelfTrade::Decrement || of(order).0.account == owner.account || !of(order).1);
                        }
                        SelfTrade::Transfer => {
                            prop_assert_eq!((taker, maker), (quantity, quantity));
                            prop_assert!(of(order).0.account != owner.account && of(order).1);
                        }
                    }
                }
            }
        }
        prop_assert_eq!(takers, plan.prevented);
        prop_assert!(plan.filled + plan.prevented <= whole(quantity));
        if plan.end == End::Prevented {
            prop_assert_eq!(plan.filled + plan.prevented, whole(quantity));
        }
        carry_out(&mut book, &plan);
        prop_assert_eq!(sum(&offers(&book, Side::Sell)) + plan.filled + makers, sum(&before));
    }

    #[test]
    fn a_price_range_stops_a_taker_at_its_bound(
        stands in prop::collection::vec(stand(), 0..24),
        high in 100u32..106,
        quantity in 1u32..80,
    ) {
        let book = book_of(&stands, Side::Sell);
        let mut taker = limit(Side::Buy, 106, quantity, SelfTrade::None, None);
        taker.range = Some((Fixed::ZERO, whole(high)));
        let plan = plan(&book, &taker);
        let within: Fixed = offers(&book, Side::Sell).iter().filter(|offer| offer.price <= whole(high))
            .fold(Fixed::ZERO, |sum, offer| sum + offer.visible + offer.hidden);
        prop_assert_eq!(plan.filled, within.min(whole(quantity)));
        let beyond = offers(&book, Side::Sell).iter().any(|offer| offer.price > whole(high));
        prop_assert_eq!(plan.end == End::OutOfRange, beyond && within < whole(quantity));
    }
}

#[test]
fn an_iceberg_shows_its_next_slice_behind_those_who_wait() {
    let mut book = Book::new(Display::Live);
    book.rest(Side::Sell, whole(100), resting(1, ADA, 5, 2, false));
    book.rest(Side::Sell, whole(100), resting(2, BOB, 3, 9, false));
    assert_eq!(book.rows(Side::Sell, 5), [row(100, 5)]);
    let plan = plan(&book, &limit(Side::Buy, 100, 6, SelfTrade::None, None));
    let who: Vec<_> = plan
        .steps
        .iter()
        .map(|step| match *step {
            Step::Trade { maker: Maker::Own(id), quantity, .. } => (id, quantity),
            _ => panic!("{step:?}"),
        })
        .collect();
    assert_eq!(who, [(1, whole(2)), (2, whole(3)), (1, whole(1))]);
    carry_out(&mut book, &plan);
    assert_eq!(book.rows(Side::Sell, 5), [row(100, 1)]);
    assert_eq!(sum(&offers(&book, Side::Sell)), whole(2));
}

#[path = "recorded_tests.rs"]
mod recorded;
