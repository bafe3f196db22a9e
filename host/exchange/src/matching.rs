//! Matching by price and time. No accounts, no clock, no I/O.
//!
//! | module | holds |
//! |--|--|
//! | [`book`] | the book: market liquidity and own orders in one queue a level |
//! | here | what a taker would do to a book, as a plan that changes nothing |
//!
//! A plan is made first and carried out after, so that "all or nothing" and "can it be
//! paid" are answered before anything has happened.

pub(crate) mod book;

use ringfence_model::{Decimal, Side};

use crate::order::SelfTrade;
use book::{Book, Maker};

/// How much a taker wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// Quantity of the base asset.
    Base(Decimal),
    /// Notional, filled in whole steps of the lot size and never beyond.
    Quote { notional: Decimal, step: Decimal },
}

/// An order that looks for makers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taker {
    pub(crate) side: Side,
    /// Worst price; `None` for market orders.
    pub(crate) limit: Option<Decimal>,
    pub(crate) amount: Amount,
    pub(crate) self_trade: SelfTrade,
}

/// One step of a plan, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Trade {
        price: Decimal,
        quantity: Decimal,
        maker: Maker,
    },
    /// Self-trade prevention ends a maker; `quantity` is what would have traded.
    ExpireMaker {
        order: u64,
        price: Decimal,
        quantity: Decimal,
    },
    /// Self-trade prevention ends the taker here.
    ExpireTaker {
        order: u64,
        price: Decimal,
        quantity: Decimal,
    },
}

/// What a taker would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// Base quantity that trades.
    pub(crate) filled: Decimal,
    /// Its notional.
    pub(crate) notional: Decimal,
    /// The taker is ended by self-trade prevention.
    pub(crate) prevented: bool,
}

/// Walks the book by price, then time. `is_self` tells orders of the taker's account.
pub(crate) fn plan(book: &Book, taker: Taker, is_self: impl Fn(u64) -> bool) -> Plan {
    let mut plan = Plan::default();
    let maker_side = taker.side.opposite();
    for offer in book.offers(maker_side) {
        let crosses = taker.limit.is_none_or(|limit| match taker.side {
            Side::Buy => offer.price <= limit,
            Side::Sell => offer.price >= limit,
        });
        let wanted = match taker.amount {
            Amount::Base(quantity) => quantity.saturating_sub(plan.filled),
            Amount::Quote { notional, step } => {
                let left = notional.saturating_sub(plan.notional);
                let steps = left.checked_div(offer.price).and_then(|base| base.checked_div(step)).unwrap_or_default();
                steps.trunc().saturating_mul(step)
            }
        };
        if !crosses || wanted <= Decimal::ZERO {
            break;
        }
        let quantity = wanted.min(offer.quantity);
        if let Maker::Own(order) = offer.maker
            && taker.self_trade != SelfTrade::None
            && is_self(order)
        {
            if matches!(taker.self_trade, SelfTrade::ExpireMaker | SelfTrade::ExpireBoth) {
                plan.steps.push(Step::ExpireMaker { order, price: offer.price, quantity });
            }
            if taker.self_trade == SelfTrade::ExpireMaker {
                continue;
            }
            plan.steps.push(Step::ExpireTaker { order, price: offer.price, quantity });
            plan.prevented = true;
            break;
        }
        plan.filled = plan.filled.saturating_add(quantity);
        plan.notional = plan.notional.saturating_add(offer.price.saturating_mul(quantity));
        plan.steps.push(Step::Trade { price: offer.price, quantity, maker: offer.maker });
    }
    plan
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "matching/tests.rs"]
mod tests;
