//! An order enters: it meets the book, rests, or waits for a trade.

use ringfence_model::{Side, TimeInForce, Timestamp};

use super::Reject;
use crate::answer::Refusal;
use crate::exchange::{Exchange, Todo};
use crate::fixed::Fixed;
use crate::matching::book::{Maker, Resting};
use crate::matching::{Amount, End, Plan, Step, Taker, plan};
use crate::order::{ExpiryReason, Order, OrderType, Peg, Phase, Status};
use crate::payload::events::Happened;

/// What an order needs to enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// What it would do to the book; `None` if it waits for a trade.
    pub(super) plan: Option<Plan>,
    /// What must be locked of the asset that it spends.
    pub(super) lock: Fixed,
}

impl Exchange {
    /// The asset that an order spends.
    pub(super) fn spent_asset(&self, order: &Order) -> usize {
        let (base, quote) = self.assets(order.symbol);
        if order.side == Side::Buy { quote } else { base }
    }

    /// The price of a peg as the book stands.
    pub(super) fn peg_price(&self, symbol: usize, side: Side, peg: Peg) -> Result<Fixed, Reject> {
        let side = if peg.market { side.opposite() } else { side };
        let behind = usize::try_from(peg.offset.unwrap_or(0)).unwrap_or(usize::MAX);
        self.markets
            .get(symbol)
            .and_then(|market| market.book.price_of_level(side, behind))
            .ok_or_else(|| Refusal::rejected("Order book liquidity is too low for this pegged order.").into())
    }

    /// What an order must hold for what is left of it. An order that meets the book at any
    /// price holds nothing: it pays as it trades.
    pub(super) fn needed(&self, order: &Order) -> Fixed {
        let taking = matches!(order.phase, Phase::Taking | Phase::Resting(_));
        if taking && order.order_type.is_market() {
            return Fixed::ZERO;
        }
        let remaining = order.remaining();
        match order.side {
            Side::Sell => remaining,
            Side::Buy => self.lock_price(order).times(remaining),
        }
    }

    /// The price for which a buy holds funds: its limit; before that is known, or without
    /// one, its stop price or the last price.
    fn lock_price(&self, order: &Order) -> Fixed {
        order
            .limit()
            .filter(|price| price.is_positive())
            .or(order.stop_price)
            .or_else(|| self.last_price(order.symbol))
            .unwrap_or(Fixed::ZERO)
    }

    pub(super) fn plan_for(&self, order: &Order) -> Plan {
        let (Some(market), Ok(rules)) = (self.markets.get(order.symbol), self.rules(order.symbol)) else {
            return Plan::default();
        };
        let taker = Taker {
            side: order.side,
            limit: order.limit(),
            amount: match order.quantity {
                Some(_) => Amount::Base(order.remaining()),
                None => Amount::Quote { notional: order.quote_quantity, step: rules.step() },
            },
            self_trade: order.self_trade,
            owner: Some(self.accounts.owner(order.account)),
            range: self.price_range(order.symbol, order.side),
        };
        plan(&market.book, &taker)
    }

    /// The PRICE_RANGE execution rule in prices.
    fn price_range(&self, symbol: usize, side: Side) -> Option<(Fixed, Fixed)> {
        let range = self.config.symbols.get(symbol)?.price_range?;
        let reference = Fixed::floor(self.reference(symbol)?);
        let (up, down) = match side {
            Side::Buy => (range.bid_up, range.bid_down),
            Side::Sell => (range.ask_up, range.ask_down),
        };
        let bound = |factor| reference.times(Fixed::floor(factor));
        Some((down.map_or(Fixed::ZERO, bound), up.map_or(Fixed::MAX, bound)))
    }

    fn crosses(&self, order: &Order, price: Fixed) -> bool {
        // A recorded level that own takers emptied is still displayed.
        let opposite = order.side.opposite();
        let Some(market) = self.markets.get(order.symbol) else {
            return false;
        };
        let meets = |other: Fixed| match order.side {
            Side::Buy => other <= price,
            Side::Sell => other >= price,
        };
        market.book.price_of_level(opposite, 0).is_some_and(meets) || market.book.best_own(opposite).is_some_and(meets)
    }

    /// Checks that an order can enter now and tells what it needs. Sets its pegged price
    /// and the quantity of a quote order.
    pub(super) fn prepare(&self, order: &mut Order, now: Timestamp) -> Result<Entry, Reject> {
        if order.phase == Phase::Waiting {
            let last = self.last_price(order.symbol);
            if let (Some(condition), Some(last)) = (order.condition(), last)
                && condition.met(last)
            {
                return Err(Reject::WouldTrigger);
            }
            return Ok(Entry { plan: None, lock: self.needed(order) });
        }
        if let Some(peg) = order.peg.as_mut()
            && peg.price.is_none()
        {
            let price = self.peg_price(order.symbol, order.side, *peg)?;
            peg.price = Some(price);
            let rules = self.rules(order.symbol)?;
            rules.prices(order.side, price, &|minutes| self.filter_price(order.symbol, minutes, now))?;
        }
        if order.order_type == OrderType::LimitMaker {
            if order.limit().is_some_and(|price| self.crosses(order, price)) {
                return Err(Reject::WouldMatch);
            }
            return Ok(Entry { plan: Some(Plan::default()), lock: self.needed(order) });
        }
        let plan = self.plan_for(order);
        if order.quantity.is_none() {
            let rules = self.rules(order.symbol)?;
            let quantity = plan.filled + plan.prevented;
            if plan.steps.is_empty() && self.book_is_empty(order) {
                return Err(Refusal::rejected("Order book liquidity is less than symbol minimum quantity.").into());
            }
            if quantity < rules.min_quantity() {
                return Err(
                    Refusal::rejected("Order book liquidity is less than `LOT_SIZE` filter minimum quantity.").into()
                );
            }
            order.quantity = Some(quantity);
        }
        if order.order_type.is_market() {
            let cost = cost(&plan, order.side);
            if self.accounts.free(order.account, self.spent_asset(order)) < cost {
                return Err(Reject::InsufficientBalance);
            }
        }
        Ok(Entry { lock: self.needed(order), plan: Some(plan) })
    }

    fn book_is_empty(&self, order: &Order) -> bool {
        self.markets
            .get(order.symbol)
            .is_none_or(|market| market.book.price_of_level(order.side.opposite(), 0).is_none())
    }

    /// An order whose funds are there goes to work, or waits.
    pub(super) fn enter(&mut self, id: u64, plan: Option<Plan>, now: Timestamp) {
        match plan {
            None => {
                self.await_trade(id, now);
                self.tell(id, &Happened::New, now);
            }
            Some(plan) => {
                if let Some(order) = self.orders.get_mut(id) {
                    order.phase = Phase::Taking;
                    order.working = Some(now);
                    order.updated = now;
                }
                self.tell(id, &Happened::New, now);
                self.meet_book(id, &plan, now);
            }
        }
    }

    fn await_trade(&mut self, id: u64, now: Timestamp) {
        let Some(order) = self.orders.get_mut(id) else {
            return;
        };
        order.phase = Phase::Waiting;
        order.updated = now;
        let condition = order.condition();
        let Some(market) = self.markets.get_mut(order.symbol) else {
            return;
        };
        match (order.trailing.as_mut(), condition) {
            (Some(trailing), start) => {
                if start.is_none() {
                    trailing.since = Some(now);
                }
                let last = market.last_price.map(Fixed::floor);
                market.triggers.trail(id, order.side, trailing.delta, start, last);
            }
            (None, Some(condition)) => market.triggers.wait(id, condition),
            (None, None) => {}
        }
    }

    pub(super) fn meet_book(&mut self, id: u64, plan: &Plan, now: Timestamp) {
        let Some(order) = self.orders.get(id) else {
            return;
        };
        let all_or_nothing = order.time_in_force == TimeInForce::Fok && !order.order_type.is_market();
        if all_or_nothing && plan.filled < order.remaining() {
            let reason =
                if plan.end == End::OutOfRange { ExpiryReason::PriceRangeExceeded } else { ExpiryReason::UnfilledFok };
            self.expire(id, reason, now);
            return;
        }
        self.carry_out(id, plan, now);
        self.after_taking(id, plan.end, now);
    }

    fn carry_out(&mut self, id: u64, plan: &Plan, now: Timestamp) {
        let Some((symbol, side)) = self.orders.get(id).map(|order| (order.symbol, order.side)) else {
            return;
        };
        let mut public = Vec::new();
        for step in &plan.steps {
            match *step {
                Step::Trade { node, price, quantity, maker } => {
                    if let Some(market) = self.markets.get_mut(symbol) {
                        market.book.take(node, quantity);
                    }
                    let trade = self.public_trade(symbol, price.decimal(), quantity.decimal(), side, now);
                    public.push((price.decimal(), quantity.decimal()));
                    let Some(trade) = trade else { continue };
                    self.fill(id, price, quantity, trade, false, now);
                    if let Maker::Own(maker) = maker {
                        self.fill(maker, price, quantity, trade, true, now);
                    }
                }
                Step::Prevent { node, maker, .. } => {
                    if maker.is_positive()
                        && let Some(market) = self.markets.get_mut(symbol)
                    {
                        if market.book.remaining(node) == maker {
                            market.book.remove(node);
                        } else {
                            market.book.take(node, maker);
                        }
                    }
                    self.prevent(id, step, now);
                }
            }
        }
        self.aggregate(symbol, &public, side, now);
    }

    /// After its trades a taker rests, or what is left of it expires.
    fn after_taking(&mut self, id: u64, end: End, now: Timestamp) {
        let Some(order) = self.orders.get(id) else {
            return;
        };
        if !order.status.is_open() {
            return;
        }
        let reason = match (end, order.time_in_force) {
            (End::OutOfRange, _) => Some(ExpiryReason::PriceRangeExceeded),
            _ if order.order_type.is_market() => Some(ExpiryReason::InsufficientLiquidity),
            (_, TimeInForce::Ioc) => Some(ExpiryReason::UnfilledIoc),
            (_, TimeInForce::Fok) => Some(ExpiryReason::UnfilledFok),
            (_, TimeInForce::Gtc) => None,
        };
        match reason {
            Some(reason) => self.expire(id, reason, now),
            None => self.come_to_rest(id),
        }
    }

    fn come_to_rest(&mut self, id: u64) {
        let Some(order) = self.orders.get_mut(id) else {
            return;
        };
        let (Some(price), Some(market)) = (order.limit(), self.markets.get_mut(order.symbol)) else {
            return;
        };
        let resting = Resting {
            order: id,
            owner: self.accounts.owner(order.account),
            self_trade: order.self_trade,
            quantity: order.remaining(),
            iceberg: order.iceberg,
        };
        order.phase = Phase::Resting(market.book.rest(order.side, price, resting));
    }

    /// Ends an action: what it set off happens too, then all is told.
    pub(crate) fn settle(&mut self, symbol: usize, now: Timestamp) {
        self.set_off(now);
        self.tell_lists(now);
        self.show_book(symbol, now);
        self.tell_positions(now);
    }

    /// The same when the book is shown elsewhere.
    pub(crate) fn conclude(&mut self, now: Timestamp) {
        self.set_off(now);
        self.tell_lists(now);
        self.tell_positions(now);
    }

    fn set_off(&mut self, now: Timestamp) {
        while let Some(todo) = self.todo.pop_front() {
            match todo {
                Todo::Trigger(id) => self.trigger(id, now),
                Todo::PhaseTwo(list) => self.phase_two(list, now),
            }
        }
    }

    /// A trade met what an order waits for: it works now.
    fn trigger(&mut self, id: u64, now: Timestamp) {
        if self.orders.get(id).is_none_or(|order| !order.status.is_open() || order.phase != Phase::Waiting) {
            return;
        }
        self.start_leg(id, now);
        self.release(id);
        let Some(mut order) = self.orders.get(id).cloned() else {
            return;
        };
        order.phase = Phase::Taking;
        match self.prepare(&mut order, now) {
            Ok(entry) => {
                let asset = self.spent_asset(&order);
                if self.accounts.lock(order.account, asset, entry.lock).is_err() {
                    self.reject(id, &Reject::InsufficientBalance, now);
                    return;
                }
                if let Some(stored) = self.orders.get_mut(id) {
                    stored.locked = entry.lock;
                    stored.peg = order.peg;
                }
                self.enter(id, entry.plan, now);
            }
            Err(reject) => self.reject(id, &reject, now),
        }
    }

    /// An order that was accepted before can't enter the book.
    pub(super) fn reject(&mut self, id: u64, reject: &Reject, now: Timestamp) {
        self.close(id, Status::Expired, Some(ExpiryReason::Rejected), now);
        self.tell(id, &Happened::Expired { reject: reject.word() }, now);
        self.follow(id, now);
    }
}

/// What a market order pays at most for its plan, transfers included.
fn cost(plan: &Plan, side: Side) -> Fixed {
    plan.steps.iter().fold(Fixed::ZERO, |sum, step| {
        let (price, quantity) = match *step {
            Step::Trade { price, quantity, .. } => (price, quantity),
            Step::Prevent { price, quantity, mode: crate::matching::SelfTrade::Transfer, .. } => (price, quantity),
            Step::Prevent { .. } => return sum,
        };
        sum + if side == Side::Buy { price.times(quantity) } else { quantity }
    })
}
