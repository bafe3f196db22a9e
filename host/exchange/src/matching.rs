//! The matching core: price and time. No accounts, no clock, no I/O.
//!
//! | module | holds |
//! |--|--|
//! | [`book`] | one symbol's book: levels, queues, icebergs |
//! | `recorded` | what a recording does to a book |
//! | [`triggers`] | stops and trailing stops that wait for a trade |
//! | here | what a taker would do to a book, as a plan that changes nothing |
//!
//! A plan is made first and carried out after, so that "all or nothing" and "can it be
//! paid" are answered before anything has happened.

pub mod book;
mod recorded;
pub mod triggers;

use std::collections::VecDeque;

use ringfence_model::Side;

use crate::fixed::Fixed;
use book::{Book, Maker, NodeId};
pub(crate) use recorded::{Print, Reached, Told};

/// What happens when an order would trade with one of the same owner. The taker's mode
/// decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfTrade {
    /// They trade.
    None,
    /// What is left of the taker expires.
    ExpireTaker,
    /// What is left of the maker expires, and the taker goes on.
    ExpireMaker,
    /// Both expire.
    ExpireBoth,
    /// Both lose the smaller quantity; the smaller one expires.
    Decrement,
    /// As `Decrement`; between two accounts of one trade group the quantity and its
    /// notional change hands without a trade, if the maker has this mode too.
    Transfer,
}

impl SelfTrade {
    /// All modes; a symbol's default is the first.
    pub const ALL: [SelfTrade; 6] = [
        SelfTrade::ExpireMaker,
        SelfTrade::ExpireTaker,
        SelfTrade::ExpireBoth,
        SelfTrade::None,
        SelfTrade::Decrement,
        SelfTrade::Transfer,
    ];

    /// The venue's word.
    pub const fn word(self) -> &'static str {
        match self {
            SelfTrade::None => "NONE",
            SelfTrade::ExpireTaker => "EXPIRE_TAKER",
            SelfTrade::ExpireMaker => "EXPIRE_MAKER",
            SelfTrade::ExpireBoth => "EXPIRE_BOTH",
            SelfTrade::Decrement => "DECREMENT",
            SelfTrade::Transfer => "TRANSFER",
        }
    }

    /// Reads [`SelfTrade::word`].
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

/// Whose an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The account's number.
    pub account: usize,
    /// Accounts of one group count as one.
    pub group: Option<u32>,
}

impl Owner {
    /// Whether a trade between the two would be one with oneself.
    pub fn is_self(self, other: Owner) -> bool {
        self.account == other.account || (self.group.is_some() && self.group == other.group)
    }
}

/// How much a taker wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Quantity of the base asset.
    Base(Fixed),
    /// Notional, filled in whole steps of the lot size and never beyond.
    Quote {
        /// Of the quote asset.
        notional: Fixed,
        /// LOT_SIZE.
        step: Fixed,
    },
}

/// An order that looks for makers.
#[derive(Debug, Clone, Copy)]
pub struct Taker {
    /// Buys or sells.
    pub side: Side,
    /// Worst price; `None` for market orders.
    pub limit: Option<Fixed>,
    /// How much.
    pub amount: Amount,
    /// What happens when it meets an order of its owner.
    pub self_trade: SelfTrade,
    /// Whose it is; `None` for the rest of the market.
    pub owner: Option<Owner>,
    /// Lowest and highest price at which it may trade (the price range execution rule).
    pub range: Option<(Fixed, Fixed)>,
}

/// One step of a plan, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A trade.
    Trade {
        /// The maker's place.
        node: NodeId,
        /// Who it is.
        maker: Maker,
        /// The maker's price.
        price: Fixed,
        /// Base quantity.
        quantity: Fixed,
    },
    /// A trade that self-trade prevention prevents.
    Prevent {
        /// The maker's place.
        node: NodeId,
        /// The maker.
        order: u64,
        /// The maker's price.
        price: Fixed,
        /// The quantity that would have traded.
        quantity: Fixed,
        /// What the taker loses.
        taker: Fixed,
        /// What the maker loses.
        maker: Fixed,
        /// The mode that counts.
        mode: SelfTrade,
    },
}

/// Why a plan ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// The taker has what it wants, or meets nobody any more.
    #[default]
    Done,
    /// Self-trade prevention ends the taker.
    Prevented,
    /// The next trade would be outside of the price range.
    OutOfRange,
}

/// What a taker would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
    /// Base quantity that trades.
    pub filled: Fixed,
    /// Its notional.
    pub notional: Fixed,
    /// What self-trade prevention takes from the taker.
    pub prevented: Fixed,
    /// Why it ends.
    pub end: End,
}

impl Plan {
    fn wanted(&self, amount: Amount, price: Fixed, spent: Fixed) -> Fixed {
        match amount {
            Amount::Base(quantity) => quantity - self.filled - self.prevented,
            Amount::Quote { notional, step } => (notional - spent).over(price).unwrap_or(Fixed::ZERO).cut(step),
        }
    }
}

/// Walks the book by price, then time.
pub fn plan(book: &Book, taker: &Taker) -> Plan {
    let mut plan = Plan::default();
    // Notional that traded or was prevented.
    let mut spent = Fixed::ZERO;
    let mut again: VecDeque<(NodeId, Fixed)> = VecDeque::new();
    'levels: for level in book.levels(taker.side.opposite()) {
        let price = level.price();
        let crosses = taker.limit.is_none_or(|limit| match taker.side {
            Side::Buy => price <= limit,
            Side::Sell => price >= limit,
        });
        if !crosses {
            break;
        }
        again.clear();
        let mut queue = book.queue(level);
        loop {
            // Slices of icebergs come round again behind those who stood there.
            let (node, visible, hidden, place) = match queue.next() {
                Some((node, place)) => (node, place.visible(), place.hidden(), place),
                None => match again.pop_front().and_then(|(node, hidden)| Some((node, hidden, book.place(node)?))) {
                    Some((node, hidden, place)) => {
                        let visible = place.slice().min(hidden);
                        (node, visible, hidden - visible, place)
                    }
                    None => break,
                },
            };
            let wanted = plan.wanted(taker.amount, price, spent);
            if !wanted.is_positive() {
                break 'levels;
            }
            if visible.is_zero() {
                continue;
            }
            if taker.range.is_some_and(|(low, high)| price < low || price > high) {
                plan.end = End::OutOfRange;
                break 'levels;
            }
            let quantity = wanted.min(visible);
            let mode = match (taker.owner, place.owner()) {
                (Some(taker_owner), Some(owner)) if taker_owner.is_self(owner) => taker.self_trade,
                _ => SelfTrade::None,
            };
            let Maker::Own(order) = place.maker() else {
                plan.trade(node, Maker::Market, price, quantity, &mut spent);
                continue;
            };
            let all = visible + hidden;
            let mode = match mode {
                // Both sides must want it, and two accounts must be there.
                SelfTrade::Transfer
                    if place.self_trade() != SelfTrade::Transfer
                        || taker.owner.map(|owner| owner.account) == place.owner().map(|owner| owner.account) =>
                {
                    SelfTrade::Decrement
                }
                other => other,
            };
            let (taker_loses, maker_loses) = match mode {
                SelfTrade::None => {
                    plan.trade(node, Maker::Own(order), price, quantity, &mut spent);
                    if quantity == visible && hidden.is_positive() {
                        again.push_back((node, hidden));
                    }
                    continue;
                }
                SelfTrade::ExpireTaker => (wanted, Fixed::ZERO),
                SelfTrade::ExpireMaker => (Fixed::ZERO, all),
                SelfTrade::ExpireBoth => (wanted, all),
                SelfTrade::Decrement | SelfTrade::Transfer => (quantity, quantity),
            };
            plan.prevented += taker_loses;
            spent += price.times(taker_loses);
            plan.steps.push(Step::Prevent {
                node,
                order,
                price,
                quantity,
                taker: taker_loses,
                maker: maker_loses,
                mode,
            });
            if taker_loses == wanted {
                plan.end = End::Prevented;
                break 'levels;
            }
            if maker_loses == visible && hidden.is_positive() {
                again.push_back((node, hidden));
            }
        }
    }
    plan
}

impl Plan {
    fn trade(&mut self, node: NodeId, maker: Maker, price: Fixed, quantity: Fixed, spent: &mut Fixed) {
        let notional = price.times(quantity);
        self.filled += quantity;
        self.notional += notional;
        *spent += notional;
        self.steps.push(Step::Trade { node, maker, price, quantity });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "matching/tests.rs"]
mod tests;
