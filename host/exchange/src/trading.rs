//! What happens to own orders. Every change is told to the account in the venue's order:
//! the reports of one action, then the lists that changed, then one account position.
//!
//! | module | holds |
//! |--|--|
//! | here | a new order: checks, funds, acceptance |
//! | [`entry`] | an order meets the book, waits for a trade, or comes to rest |
//! | [`fills`] | trades, commissions, self-trade prevention, the end of an order |
//! | [`lists`] | order lists: placing them, and what one order's fate does to the others |
//! | [`changes`] | cancel and amend |
//! | [`tell`] | events |

mod changes;
mod entry;
pub(crate) mod fills;
pub(crate) mod lists;
mod tell;

use rand_chacha::rand_core::Rng;
use ringfence_model::{Side, TimeInForce, Timestamp};

use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::filters::{Checked, Rules};
use crate::fixed::Fixed;
use crate::matching::SelfTrade;
use crate::order::store::Counts;
use crate::order::{Order, OrderType, Peg, Phase, Status, Trailing};

/// A new order whose parameters are well formed.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    pub(crate) account: usize,
    pub(crate) symbol: usize,
    pub(crate) side: Side,
    pub(crate) order_type: OrderType,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) price: Option<Fixed>,
    pub(crate) size: Size,
    pub(crate) client_order_id: Option<String>,
    pub(crate) iceberg: Option<Fixed>,
    pub(crate) stop_price: Option<Fixed>,
    pub(crate) trailing: Option<u32>,
    pub(crate) peg: Option<Peg>,
    pub(crate) strategy_id: Option<u64>,
    pub(crate) strategy_type: Option<u64>,
    pub(crate) self_trade: SelfTrade,
}

/// How large an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Base(Fixed),
    Quote(Fixed),
    /// What the working order of the list receives.
    Received,
}

impl Placement {
    fn quantity(&self) -> Option<Fixed> {
        match self.size {
            Size::Base(quantity) => Some(quantity),
            Size::Quote(_) | Size::Received => None,
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            orders: 1,
            algo: u32::from(self.order_type.is_contingent()),
            icebergs: u32::from(self.iceberg.is_some()),
            lists: 0,
            buying: if self.side == Side::Buy { self.quantity().unwrap_or(Fixed::ZERO) } else { Fixed::ZERO },
        }
    }

    fn checked(&self, price: Option<Fixed>) -> Checked {
        Checked {
            side: self.side,
            order_type: self.order_type,
            price,
            stop_price: self.stop_price,
            quantity: self.quantity(),
            quote_quantity: match self.size {
                Size::Quote(notional) => Some(notional),
                Size::Base(_) | Size::Received => None,
            },
            iceberg: self.iceberg,
            trailing: self.trailing,
        }
    }
}

/// Why the engine does not take an order, at once or when it was to enter the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reject {
    InsufficientBalance,
    WouldTrigger,
    WouldMatch,
    BadPrices,
    Refused(Refusal),
}

impl Reject {
    /// As the answer to a request.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Reject::InsufficientBalance => Refusal::rejected("Account has insufficient balance for requested action."),
            Reject::WouldTrigger => Refusal::rejected("Order would trigger immediately."),
            Reject::WouldMatch => Refusal::rejected("Order would immediately match and take."),
            Reject::BadPrices => Refusal::rejected("The relationship of the prices for the orders is not correct."),
            Reject::Refused(refusal) => refusal,
        }
    }

    /// As an event's reject reason.
    const fn word(&self) -> &'static str {
        match self {
            Reject::InsufficientBalance => "INSUFFICIENT_BALANCES",
            Reject::WouldTrigger => "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
            Reject::WouldMatch => "WOULD_MATCH_IMMEDIATELY",
            Reject::BadPrices => "OCO_BAD_PRICES",
            Reject::Refused(_) => "NONE",
        }
    }
}

impl From<Refusal> for Reject {
    fn from(refusal: Refusal) -> Self {
        Reject::Refused(refusal)
    }
}

impl Exchange {
    pub(crate) fn rules(&self, symbol: usize) -> Result<&Rules, Refusal> {
        self.rules.get(symbol).ok_or_else(|| Refusal::new(-1121, "Invalid symbol."))
    }

    /// Base and quote asset of a symbol.
    pub(crate) fn assets(&self, symbol: usize) -> (usize, usize) {
        self.pairs.get(symbol).copied().unwrap_or_default()
    }

    pub(crate) fn last_price(&self, symbol: usize) -> Option<Fixed> {
        self.markets.get(symbol).and_then(|market| market.last_price).map(Fixed::floor)
    }

    /// The price that filters compare with: the reference price, else the average of so
    /// many minutes, else the last one.
    pub(crate) fn filter_price(&self, symbol: usize, minutes: u32, now: Timestamp) -> Option<Fixed> {
        if let Some(price) = self.reference(symbol) {
            return Some(Fixed::floor(price));
        }
        let market = self.markets.get(symbol)?;
        let average = if minutes == 0 { None } else { market.candles.average(minutes.into(), now) };
        average.or(market.last_price).map(Fixed::floor)
    }

    /// A client order id that the exchange makes up.
    pub(crate) fn random_id(&mut self) -> String {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..22)
            .map(|_| {
                let place = usize::try_from(self.ids.next_u32() % 62).unwrap_or(0);
                LETTERS.get(place).copied().map_or('0', char::from)
            })
            .collect()
    }

    /// The name of a new order: the client's, if no open order has it, or a random one.
    fn name(&mut self, account: usize, wished: Option<String>) -> Result<String, Refusal> {
        match wished {
            Some(name) if self.orders.open_by_name(account, &name).is_some() => {
                Err(Refusal::rejected("Duplicate order sent."))
            }
            Some(name) => Ok(name),
            None => Ok(self.random_id()),
        }
    }

    /// The filters of one order, with its own price and with a pegged one.
    fn check_order(&self, placement: &Placement, pegged: Option<Fixed>, now: Timestamp) -> Result<(), Refusal> {
        let rules = self.rules(placement.symbol)?;
        let reference = |minutes| self.filter_price(placement.symbol, minutes, now);
        match (placement.price, pegged) {
            (None, pegged) => rules.order(&placement.checked(pegged), &reference),
            (own, None) => rules.order(&placement.checked(own), &reference),
            (own, pegged) => {
                rules.order(&placement.checked(own), &reference)?;
                rules.order(&placement.checked(pegged), &reference)
            }
        }
    }

    /// The filters on what is open, for orders that would come together.
    fn check_counts(&self, placements: &[&Placement], lists: u32) -> Result<(), Refusal> {
        let Some(first) = placements.first() else {
            return Ok(());
        };
        let (account, symbol) = (first.account, first.symbol);
        let more = placements.iter().fold(Counts { lists, ..Counts::default() }, |sum, placement| {
            let one = placement.counts();
            Counts {
                orders: sum.orders.saturating_add(one.orders),
                algo: sum.algo.saturating_add(one.algo),
                icebergs: sum.icebergs.saturating_add(one.icebergs),
                lists: sum.lists,
                buying: sum.buying + one.buying,
            }
        });
        let rules = self.rules(symbol)?;
        let open = self.orders.desk(account, symbol).map(|desk| desk.counts).unwrap_or_default();
        rules.counts(open, self.orders.total(account), more, &self.config.filters)?;
        if more.buying.is_positive() {
            let base = self.assets(symbol).0;
            let holding = self.accounts.get(account).map(|found| found.holding(base)).unwrap_or_default();
            rules.position(holding.free + holding.locked + open.buying, more.buying)?;
        }
        Ok(())
    }

    /// Everything that a test order is checked for.
    pub(crate) fn check(&self, now: Timestamp, placement: &Placement) -> Result<(), Reject> {
        self.takes_orders(placement.account, placement.symbol)?;
        let pegged = self.pegged_now(placement)?;
        self.check_order(placement, pegged, now)?;
        Ok(self.check_counts(&[placement], 0)?)
    }

    /// The price that a pegged order takes at once; contingent ones take it when they work.
    fn pegged_now(&self, placement: &Placement) -> Result<Option<Fixed>, Reject> {
        match placement.peg {
            Some(peg) if !placement.order_type.is_contingent() => {
                self.peg_price(placement.symbol, placement.side, peg).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// An order as it is before it has a number.
    fn order_of(&self, placement: &Placement, name: &str, list: Option<u64>, now: Timestamp) -> Order {
        Order {
            id: 0,
            account: placement.account,
            symbol: placement.symbol,
            list,
            client_order_id: name.into(),
            side: placement.side,
            order_type: placement.order_type,
            time_in_force: placement.time_in_force,
            price: placement.price.unwrap_or(Fixed::ZERO),
            quantity: placement.quantity(),
            quote_quantity: match placement.size {
                Size::Quote(notional) => notional,
                Size::Base(_) | Size::Received => Fixed::ZERO,
            },
            iceberg: placement.iceberg,
            stop_price: placement.stop_price,
            trailing: placement.trailing.map(|delta| Trailing { delta, since: None }),
            peg: placement.peg,
            strategy_id: placement.strategy_id,
            strategy_type: placement.strategy_type,
            self_trade: placement.self_trade,
            executed: Fixed::ZERO,
            quote_executed: Fixed::ZERO,
            prevented: Fixed::ZERO,
            prevented_match: None,
            status: Status::New,
            phase: if placement.order_type.is_contingent() { Phase::Waiting } else { Phase::Taking },
            expiry_reason: None,
            created: now,
            updated: now,
            working: None,
            locked: Fixed::ZERO,
            amendments: 0,
        }
    }

    /// Takes an order in; `told` makes the answer when it has met the book and nothing else
    /// has happened yet. Rate limits are checked before.
    pub(crate) fn place<T>(
        &mut self,
        now: Timestamp,
        placement: &Placement,
        told: impl FnOnce(&Exchange, u64) -> T,
    ) -> Result<T, Reject> {
        self.check(now, placement)?;
        let name = self.name(placement.account, placement.client_order_id.clone())?;
        let order = self.order_of(placement, &name, None, now);
        self.begin(placement.symbol);
        let id = self.accept(order, now)?;
        let told = told(self, id);
        self.settle(placement.symbol, now);
        Ok(told)
    }

    /// What comes from here on belongs to this action.
    fn begin(&mut self, symbol: usize) {
        self.first_trade = self.markets.get(symbol).map_or(0, |market| market.next_trade_id());
        self.first_prevented = self.next_prevented.get(symbol).copied().unwrap_or_default();
    }

    /// An order that passed its filters gets its funds and enters.
    fn accept(&mut self, mut order: Order, now: Timestamp) -> Result<u64, Reject> {
        let entry = self.prepare(&mut order, now)?;
        let asset = self.spent_asset(&order);
        self.accounts.lock(order.account, asset, entry.lock).map_err(|_| Reject::InsufficientBalance)?;
        order.locked = entry.lock;
        let id = self.register(order, now);
        self.enter(id, entry.plan, now);
        Ok(id)
    }

    /// An order gets its number, counts, and is told.
    fn register(&mut self, mut order: Order, now: Timestamp) -> u64 {
        order.id = self.orders.number();
        let id = order.id;
        self.limits.ordered(now, order.account);
        self.touched.insert(order.account);
        self.orders.insert(order);
        id
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "trading/tests.rs"]
mod tests;
