//! What happens to own orders: placing, filling, ending. Every change is told to the
//! account in the venue's order: the reports of one action, then one account position.
//! What the client changes later (cancel, amend) is in [`changes`].

mod changes;

use std::collections::BTreeSet;

use rand_chacha::rand_core::Rng;
use ringfence_model::{Decimal, Side, TimeInForce, Timestamp};

use crate::accounts::Settlement;
use crate::answer::Refusal;
use crate::config::SymbolConfig;
use crate::exchange::{Exchange, UserMessage};
use crate::filters;
use crate::matching::book::Maker;
use crate::matching::{Amount, Plan, Step, Taker, plan};
use crate::order::{Order, OrderType, OwnTrade, SelfTrade, Status};
use crate::payload::{self, Happened};

/// Done orders that queries still find.
const KEPT_ORDERS: usize = 20_000;
/// Trades that `myTrades` still finds.
const KEPT_TRADES: usize = 50_000;

/// A new order whose parameters are well formed.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    pub(crate) account: usize,
    pub(crate) symbol: usize,
    pub(crate) side: Side,
    pub(crate) order_type: OrderType,
    pub(crate) time_in_force: TimeInForce,
    /// Zero for market orders.
    pub(crate) price: Decimal,
    pub(crate) amount: Size,
    pub(crate) client_order_id: Option<String>,
    pub(crate) self_trade: SelfTrade,
}

/// How large an order is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    Base(Decimal),
    Quote(Decimal),
}

impl Exchange {
    fn rules(&self, symbol: usize) -> Result<SymbolConfig, Refusal> {
        self.config.symbols.get(symbol).cloned().ok_or_else(|| Refusal::new(-1121, "Invalid symbol."))
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

    /// The filters of a new order. Also what a test order is checked for.
    pub(crate) fn check_filters(&self, placement: &Placement) -> Result<(), Refusal> {
        let rules = self.rules(placement.symbol)?;
        let market = placement.order_type == OrderType::Market;
        if !market {
            filters::precision("price", placement.price)?;
            filters::price(&rules, placement.price)?;
        }
        let reference = if market {
            let book = self.markets.get(placement.symbol);
            book.and_then(|market| {
                market.last_price.or_else(|| market.book.best(placement.side.opposite()).map(|row| row.price))
            })
        } else {
            Some(placement.price)
        };
        match placement.amount {
            Size::Base(quantity) => {
                filters::precision("quantity", quantity)?;
                filters::quantity(&rules, quantity)?;
                if market {
                    filters::market_quantity(&rules, quantity)?;
                }
                if let Some(price) = reference {
                    let notional = price.checked_mul(quantity);
                    // The upper bound does not hold for market orders.
                    filters::notional(
                        &rules,
                        if market { notional.map(|n| n.min(filters::max_notional(&rules))) } else { notional },
                    )?;
                }
            }
            Size::Quote(notional) => {
                filters::precision("quoteOrderQty", notional)?;
                filters::notional(&rules, Some(notional.min(filters::max_notional(&rules))))?;
            }
        }
        let open = self
            .open
            .iter()
            .filter_map(|id| self.orders.get(id))
            .filter(|order| order.account == placement.account && order.symbol == placement.symbol)
            .count();
        filters::open_orders(&rules, open)
    }

    fn plan(&self, placement: &Placement, rules: &SymbolConfig) -> Plan {
        let Some(market) = self.markets.get(placement.symbol) else {
            return Plan::default();
        };
        let taker = Taker {
            side: placement.side,
            limit: (placement.order_type != OrderType::Market).then_some(placement.price),
            amount: match placement.amount {
                Size::Base(quantity) => Amount::Base(quantity),
                Size::Quote(notional) => Amount::Quote { notional, step: rules.filters.lot_size.step },
            },
            self_trade: placement.self_trade,
        };
        plan(&market.book, taker, |order| self.orders.get(&order).is_some_and(|o| o.account == placement.account))
    }

    /// Takes an order in. Filters are checked here; rate limits before.
    pub(crate) fn place(&mut self, now: Timestamp, placement: Placement) -> Result<u64, Refusal> {
        self.check_filters(&placement)?;
        let rules = self.rules(placement.symbol)?;
        let account = placement.account;
        let client_order_id = match placement.client_order_id.clone() {
            Some(id) => id,
            None => self.random_id(),
        };
        if self.open_by_client(account, &client_order_id).is_some() {
            return Err(Refusal::rejected("Duplicate order sent."));
        }
        let plan = self.plan(&placement, &rules);
        let market = placement.order_type == OrderType::Market;
        if placement.order_type == OrderType::LimitMaker && self.crosses(&placement, &plan) {
            return Err(Refusal::rejected("Order would immediately match and take."));
        }
        let quantity = match placement.amount {
            Size::Base(quantity) => quantity,
            Size::Quote(_) => plan.filled,
        };
        if market && matches!(placement.amount, Size::Quote(_)) && quantity < rules.filters.lot_size.min {
            return Err(Refusal::rejected("Order book liquidity is less than `LOT_SIZE` filter minimum quantity."));
        }
        let insufficient = || Refusal::rejected("Account has insufficient balance for requested action.");
        let (asset, needed) = match placement.side {
            Side::Sell => (&rules.base, quantity),
            Side::Buy if market => (&rules.quote, plan.notional),
            Side::Buy => (&rules.quote, placement.price.checked_mul(quantity).ok_or_else(insufficient)?),
        };
        let locked = if market {
            if self.accounts.free(account, asset) < needed {
                return Err(insufficient());
            }
            Decimal::ZERO
        } else {
            self.accounts.lock(account, asset, needed).map_err(|_| insufficient())?;
            needed
        };
        self.limits.ordered(now, account);
        let id = self.next_order;
        self.next_order = id.saturating_add(1);
        let all_or_nothing = placement.time_in_force == TimeInForce::Fok && !market;
        let order = Order {
            id,
            account,
            symbol: placement.symbol,
            client_order_id: client_order_id.clone(),
            side: placement.side,
            order_type: placement.order_type,
            time_in_force: placement.time_in_force,
            price: placement.price,
            quantity,
            quote_quantity: match placement.amount {
                Size::Base(_) => Decimal::ZERO,
                Size::Quote(notional) => notional,
            },
            executed: Decimal::ZERO,
            quote_executed: Decimal::ZERO,
            prevented: Decimal::ZERO,
            status: Status::New,
            expiry_reason: None,
            self_trade: placement.self_trade,
            created: now,
            updated: now,
            locked,
            on_book: !market && placement.time_in_force == TimeInForce::Gtc,
        };
        self.orders.insert(id, order);
        self.open.insert(id);
        self.by_client.insert((account, client_order_id), id);
        self.touched.insert(account);
        self.tell(id, &Happened::New, now);
        if all_or_nothing && plan.filled < quantity {
            self.end(id, Status::Expired, Some("UNFILLED_FOK_ORDER_EXPIRED"), now);
        } else {
            self.carry_out(id, &placement, &plan, now);
        }
        self.finish_taker(id, now);
        self.show_book(placement.symbol, now);
        self.tell_positions(now);
        Ok(id)
    }

    fn crosses(&self, placement: &Placement, plan: &Plan) -> bool {
        // A recorded level that own takers emptied is still displayed.
        let displayed =
            self.markets.get(placement.symbol).and_then(|market| market.book.best(placement.side.opposite()));
        !plan.steps.is_empty()
            || displayed.is_some_and(|row| match placement.side {
                Side::Buy => row.price <= placement.price,
                Side::Sell => row.price >= placement.price,
            })
    }

    fn carry_out(&mut self, id: u64, placement: &Placement, plan: &Plan, now: Timestamp) {
        let maker_side = placement.side.opposite();
        let mut public = Vec::new();
        for step in &plan.steps {
            match *step {
                Step::Trade { price, quantity, maker } => {
                    if let Some(market) = self.markets.get_mut(placement.symbol) {
                        market.book.consume(maker_side, price, maker, quantity);
                    }
                    let trade = self.public_trade(placement.symbol, price, quantity, placement.side, now);
                    public.push((price, quantity));
                    let Some(trade) = trade else { continue };
                    self.fill(id, price, quantity, trade, false, now);
                    if let Maker::Own(maker) = maker {
                        self.fill(maker, price, quantity, trade, true, now);
                    }
                }
                Step::ExpireMaker { order, price, quantity } => {
                    if let Some(market) = self.markets.get_mut(placement.symbol) {
                        market.book.remove(maker_side, price, order);
                    }
                    self.prevent(order, id, price, quantity, true, now);
                }
                Step::ExpireTaker { order, price, quantity } => self.prevent(id, order, price, quantity, false, now),
            }
        }
        self.aggregate(placement.symbol, &public, placement.side, now);
    }

    /// After its trades a taker rests, or what is left of it expires.
    fn finish_taker(&mut self, id: u64, now: Timestamp) {
        let Some(order) = self.orders.get(&id) else {
            return;
        };
        if !order.status.is_open() {
            return;
        }
        let (symbol, side, price, remaining) = (order.symbol, order.side, order.price, order.remaining());
        match (order.order_type, order.time_in_force) {
            (OrderType::Market, _) => self.end(id, Status::Expired, Some("INSUFFICIENT_LIQUIDITY"), now),
            (_, TimeInForce::Ioc) => self.end(id, Status::Expired, Some("UNFILLED_IOC_QUANTITY_EXPIRED"), now),
            (_, TimeInForce::Fok) => self.end(id, Status::Expired, Some("UNFILLED_FOK_ORDER_EXPIRED"), now),
            (_, TimeInForce::Gtc) => {
                if let Some(market) = self.markets.get_mut(symbol) {
                    market.book.rest(side, price, id, remaining);
                }
            }
        }
    }

    /// Books one fill of an own order and tells it. The book is up to date already.
    pub(crate) fn fill(
        &mut self,
        id: u64,
        price: Decimal,
        quantity: Decimal,
        trade_id: u64,
        maker: bool,
        now: Timestamp,
    ) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        let Some(rules) = self.config.symbols.get(order.symbol) else {
            return;
        };
        let notional = price.saturating_mul(quantity);
        let release = match (order.order_type, order.side) {
            (OrderType::Market, _) => Decimal::ZERO,
            (_, Side::Buy) => order.price.saturating_mul(quantity),
            (_, Side::Sell) => quantity,
        };
        let commission = self.accounts.settle(
            order.account,
            Settlement {
                base: &rules.base,
                quote: &rules.quote,
                side: order.side,
                quantity,
                notional,
                release,
                rate: self.config.commission.standard.taker,
            },
        );
        if order.executed.is_zero() {
            self.limits.first_fill(now, order.account, maker);
        }
        order.locked = order.locked.saturating_sub(release);
        order.executed = order.executed.saturating_add(quantity);
        order.quote_executed = order.quote_executed.saturating_add(notional);
        order.updated = now;
        order.status = if order.remaining().is_zero() { Status::Filled } else { Status::PartiallyFilled };
        let trade = OwnTrade {
            id: trade_id,
            order: id,
            account: order.account,
            symbol: order.symbol,
            side: order.side,
            price,
            quantity,
            commission,
            commission_asset: if order.side == Side::Buy { rules.base.clone() } else { rules.quote.clone() },
            time: now,
            maker,
        };
        self.touched.insert(order.account);
        let filled = order.status == Status::Filled;
        self.tell(id, &Happened::Trade(&trade), now);
        self.trades.push_back(trade);
        if self.trades.len() > KEPT_TRADES {
            self.trades.pop_front();
        }
        if filled {
            self.forget(id);
        }
    }

    /// Self-trade prevention ends an order.
    fn prevent(&mut self, id: u64, other: u64, price: Decimal, quantity: Decimal, maker: bool, now: Timestamp) {
        let prevented_match = self.next_prevented;
        self.next_prevented = prevented_match.saturating_add(1);
        if let Some(order) = self.orders.get_mut(&id) {
            order.prevented = order.prevented.saturating_add(quantity);
        }
        self.release(id, Status::ExpiredInMatch, None, now);
        self.tell(id, &Happened::Prevented { other, price, quantity, prevented_match, maker }, now);
    }

    /// Ends an order without telling: funds are free, it is no longer open.
    fn release(&mut self, id: u64, status: Status, reason: Option<&'static str>, now: Timestamp) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        let Some(rules) = self.config.symbols.get(order.symbol) else {
            return;
        };
        let asset = if order.side == Side::Buy { &rules.quote } else { &rules.base };
        self.accounts.unlock(order.account, asset, order.locked);
        order.locked = Decimal::ZERO;
        order.status = status;
        order.expiry_reason = reason;
        order.updated = now;
        self.touched.insert(order.account);
        self.forget(id);
    }

    fn end(&mut self, id: u64, status: Status, reason: Option<&'static str>, now: Timestamp) {
        self.release(id, status, reason, now);
        self.tell(id, &Happened::Expired, now);
    }

    /// The order is done; old ones are dropped.
    fn forget(&mut self, id: u64) {
        if !self.open.remove(&id) {
            return;
        }
        self.done.push_back(id);
        if self.done.len() > KEPT_ORDERS
            && let Some(old) = self.done.pop_front()
            && let Some(order) = self.orders.remove(&old)
        {
            let key = (order.account, order.client_order_id);
            if self.by_client.get(&key) == Some(&old) {
                self.by_client.remove(&key);
            }
        }
    }

    pub(crate) fn open_by_client(&self, account: usize, client_order_id: &str) -> Option<u64> {
        let id = self.by_client.get(&(account, client_order_id.to_owned()))?;
        self.open.contains(id).then_some(*id)
    }

    /// Tells the account of an order what happened to it.
    fn tell(&mut self, id: u64, happened: &Happened<'_>, now: Timestamp) {
        let execution = self.next_execution;
        self.next_execution = execution.saturating_add(1);
        let Some(order) = self.orders.get(&id) else {
            return;
        };
        let (Some(account), Some(rules)) = (self.accounts.get(order.account), self.config.symbols.get(order.symbol))
        else {
            return;
        };
        let json = payload::report(order, &rules.symbol, happened, now, execution);
        self.user.push(UserMessage { api_key: account.api_key.clone(), json });
    }

    /// Ends an action: one account position for each account that it touched.
    pub(crate) fn tell_positions(&mut self, now: Timestamp) {
        let touched: BTreeSet<usize> = std::mem::take(&mut self.touched);
        for account in touched {
            let changed = self.accounts.take_changed(account, now);
            let Some(found) = self.accounts.get(account) else {
                continue;
            };
            if !changed.is_empty() {
                self.user.push(UserMessage { api_key: found.api_key.clone(), json: payload::position(changed, now) });
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "trading/tests.rs"]
mod tests;
