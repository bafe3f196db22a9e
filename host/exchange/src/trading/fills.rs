//! Trades of own orders, their commissions, self-trade prevention, and the end of an
//! order.

use ringfence_model::{Side, Timestamp};

use crate::accounts::Settlement;
use crate::config::commission::{Commission, Rates};
use crate::exchange::Exchange;
use crate::fixed::Fixed;
use crate::matching::{SelfTrade, Step};
use crate::order::{ExpiryReason, OwnTrade, Phase, PreventedMatch, Status};
use crate::payload::events::Happened;

/// (maker or taker) + (buyer or seller), in exact units.
pub(crate) fn rate(rates: &Rates, side: Side, maker: bool) -> Fixed {
    let by_role = if maker { rates.maker } else { rates.taker };
    let by_side = if side == Side::Buy { rates.buyer } else { rates.seller };
    Fixed::floor(by_role) + Fixed::floor(by_side)
}

impl Exchange {
    /// The commission of a symbol.
    pub(crate) fn commission(&self, symbol: usize) -> Commission {
        self.config.symbols.get(symbol).and_then(|config| config.commission).unwrap_or(self.config.commission)
    }

    /// What a trade costs: asset and amount. Rounded down to the unit (the venue does not
    /// publish the direction). In the discount asset if the account has enough of it.
    fn commission_of(
        &self,
        account: usize,
        symbol: usize,
        side: Side,
        maker: bool,
        got_asset: usize,
        got: Fixed,
    ) -> (usize, Fixed) {
        let commission = self.commission(symbol);
        let (standard, special, tax) = (
            rate(&commission.standard, side, maker),
            rate(&commission.special, side, maker),
            rate(&commission.tax, side, maker),
        );
        let full = got.times(standard + special + tax);
        let discounted = || {
            let discount = self.config.discount.as_ref()?;
            if full.is_zero() || !self.accounts.get(account)?.pays_with_discount {
                return None;
            }
            let asset = self.accounts.asset(&discount.asset)?;
            let left = Fixed::whole(1) - Fixed::floor(discount.rate);
            let amount = got.times(standard.times(left) + special + tax);
            let amount = if asset == got_asset { amount } else { self.convert(amount, got_asset, asset)? };
            let has = self.accounts.free(account, asset) + if asset == got_asset { got } else { Fixed::ZERO };
            (amount.is_positive() && amount <= has).then_some((asset, amount))
        };
        discounted().unwrap_or((got_asset, full))
    }

    /// An amount of one asset in another, at the last price of a symbol that links them.
    fn convert(&self, amount: Fixed, from: usize, to: usize) -> Option<Fixed> {
        self.pairs.iter().enumerate().find_map(|(symbol, (base, quote))| {
            let price = || self.last_price(symbol).filter(|price| price.is_positive());
            if (*base, *quote) == (to, from) {
                amount.over(price()?)
            } else if (*base, *quote) == (from, to) {
                Some(amount.times(price()?))
            } else {
                None
            }
        })
    }

    /// Sets an order's funds free.
    pub(super) fn release(&mut self, id: u64) {
        let Some(order) = self.orders.get_mut(id) else {
            return;
        };
        let locked = std::mem::take(&mut order.locked);
        if locked.is_zero() {
            return;
        }
        let (account, symbol, side) = (order.account, order.symbol, order.side);
        let (base, quote) = self.assets(symbol);
        self.accounts.unlock(account, if side == Side::Buy { quote } else { base }, locked);
        self.touched.insert(account);
    }

    /// An order holds what it needs for what is left of it, and no more.
    pub(super) fn relock(&mut self, id: u64) {
        let Some(order) = self.orders.get(id) else {
            return;
        };
        let needed = self.needed(order);
        let (account, asset, locked) = (order.account, self.spent_asset(order), order.locked);
        if needed < locked {
            self.accounts.unlock(account, asset, locked - needed);
        } else if needed > locked && self.accounts.lock(account, asset, needed - locked).is_err() {
            return;
        }
        if let Some(order) = self.orders.get_mut(id) {
            order.locked = needed;
        }
        self.touched.insert(account);
    }

    /// Books one fill of an own order and tells it. The book is up to date already.
    pub(crate) fn fill(&mut self, id: u64, price: Fixed, quantity: Fixed, trade_id: u64, maker: bool, now: Timestamp) {
        self.start_leg(id, now);
        let Some(order) = self.orders.get_mut(id) else {
            return;
        };
        let notional = price.times(quantity);
        let (account, symbol, side, list) = (order.account, order.symbol, order.side, order.list);
        if order.executed.is_zero() {
            self.limits.first_fill(now, account, maker);
        }
        order.executed += quantity;
        order.quote_executed += notional;
        order.updated = now;
        let filled = order.remaining().is_zero();
        order.status = if filled { Status::Filled } else { Status::PartiallyFilled };
        if filled {
            order.phase = Phase::Taking;
        }
        self.relock(id);
        let (base, quote) = self.assets(symbol);
        let (spent_asset, spent, got_asset, got) = match side {
            Side::Buy => (quote, notional, base, quantity),
            Side::Sell => (base, quantity, quote, notional),
        };
        let (commission_asset, commission) = self.commission_of(account, symbol, side, maker, got_asset, got);
        let free_before = self.accounts.free(account, got_asset);
        self.accounts.settle(account, Settlement { spent_asset, spent, got_asset, got, commission_asset, commission });
        let own_commission = if commission_asset == got_asset { commission } else { Fixed::ZERO };
        // One pays the other: the commission comes from what is free, if that is enough.
        let received = if free_before >= own_commission { got } else { got - own_commission };
        self.hold_received(list, id, got_asset, received);
        let trade = OwnTrade {
            id: trade_id,
            order: id,
            list,
            account,
            symbol,
            side,
            price,
            quantity,
            notional,
            commission,
            commission_asset,
            time: now,
            maker,
        };
        self.touched.insert(account);
        self.tell_trade(id, &trade, now);
        self.orders.trade(trade);
        if filled {
            self.close(id, Status::Filled, None, now);
            self.follow(id, now);
        }
    }

    /// Self-trade prevention: both sides lose what the step says.
    pub(super) fn prevent(&mut self, taker_id: u64, step: &Step, now: Timestamp) {
        let Step::Prevent { order: maker_id, price, quantity, taker, maker, mode, .. } = *step else {
            return;
        };
        let (Some(taker_order), Some(maker_order)) = (self.orders.get(taker_id), self.orders.get(maker_id)) else {
            return;
        };
        let (symbol, side) = (taker_order.symbol, taker_order.side);
        let (taker_account, maker_account) = (taker_order.account, maker_order.account);
        let number = self.next_prevented.get_mut(symbol);
        let number = number.map(|number| std::mem::replace(number, number.saturating_add(1))).unwrap_or_default();
        let matched = PreventedMatch {
            id: number,
            symbol,
            taker_order: taker_id,
            taker_account,
            maker_order: maker_id,
            maker_account,
            group: self.accounts.owner(taker_account).group,
            mode,
            price,
            quantity,
            taker_prevented: taker,
            maker_prevented: maker,
            time: now,
        };
        self.orders.prevented(matched);
        for (id, lost) in [(maker_id, maker), (taker_id, taker)] {
            if lost.is_zero() {
                continue;
            }
            self.start_leg(id, now);
            if let Some(order) = self.orders.get_mut(id) {
                order.prevented += lost;
                order.prevented_match = Some(number);
                order.updated = now;
                if order.remaining().is_zero() {
                    order.phase = Phase::Taking;
                }
            }
            self.relock(id);
        }
        if mode == SelfTrade::Transfer {
            let (buyer, seller) =
                if side == Side::Buy { (taker_account, maker_account) } else { (maker_account, taker_account) };
            let (base, quote) = self.assets(symbol);
            self.accounts.transfer(buyer, seller, quote, price.times(quantity));
            self.accounts.transfer(seller, buyer, base, quantity);
            self.touched.extend([buyer, seller]);
        }
        for (id, lost, is_maker) in [(maker_id, maker, true), (taker_id, taker, false)] {
            if lost.is_zero() {
                continue;
            }
            let ended = self.orders.get(id).is_some_and(|order| order.remaining().is_zero());
            if ended {
                self.close(id, Status::ExpiredInMatch, None, now);
            }
            self.tell(id, &Happened::Prevented { matched: &matched, maker: is_maker }, now);
            if ended {
                self.follow(id, now);
            }
        }
    }

    /// Ends an order without telling: it leaves the book, its funds are free.
    pub(super) fn close(&mut self, id: u64, status: Status, reason: Option<ExpiryReason>, now: Timestamp) {
        let Some(order) = self.orders.get_mut(id) else {
            return;
        };
        let (phase, condition, symbol) = (order.phase, order.condition(), order.symbol);
        order.status = status;
        order.expiry_reason = reason;
        order.updated = now;
        order.phase = Phase::Done;
        if let Some(market) = self.markets.get_mut(symbol) {
            match phase {
                Phase::Resting(node) => market.book.remove(node),
                Phase::Waiting => market.triggers.forget(id, condition),
                Phase::Pending | Phase::Taking | Phase::Done => {}
            }
        }
        self.release(id);
        self.orders.close(id);
    }

    /// What is left of an order expires.
    pub(super) fn expire(&mut self, id: u64, reason: ExpiryReason, now: Timestamp) {
        self.close(id, Status::Expired, Some(reason), now);
        self.tell(id, &Happened::Expired { reject: "NONE" }, now);
        self.follow(id, now);
    }
}
