//! What the client changes of its open orders: cancel and amend.

use ringfence_model::Timestamp;

use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::fixed::Fixed;
use crate::order::{Amendment, Phase, Status};
use crate::payload::events::Happened;

/// An amendment that was made.
#[derive(Debug, Clone)]
pub(crate) struct Amended {
    pub(crate) old_id: Box<str>,
    pub(crate) execution: u64,
}

impl Exchange {
    /// Cancels an open order of the account, and with it the list that it belongs to. The
    /// caller looked it up, and ends the action. Returns the list.
    pub(crate) fn cancel(&mut self, id: u64, cancel_id: &str, now: Timestamp) -> Option<u64> {
        match self.orders.get(id)?.list {
            Some(list) => {
                self.cancel_list(list, cancel_id, now);
                Some(list)
            }
            None => {
                self.cancel_one(id, cancel_id, now);
                None
            }
        }
    }

    fn cancel_one(&mut self, id: u64, cancel_id: &str, now: Timestamp) {
        self.close(id, Status::Canceled, None, now);
        self.tell(id, &Happened::Canceled { cancel_id }, now);
    }

    /// Cancels all open orders of a list.
    pub(crate) fn cancel_list(&mut self, list: u64, cancel_id: &str, now: Timestamp) {
        let orders = self.orders.list(list).map(|list| list.orders.clone()).unwrap_or_default();
        for id in orders {
            if self.orders.get(id).is_some_and(|order| order.status.is_open()) {
                self.cancel_one(id, cancel_id, now);
            }
        }
        self.finish_list(list, now);
    }

    /// Makes an open order smaller; it keeps its place in the queue. Both orders of a pair
    /// change together.
    pub(crate) fn amend(
        &mut self,
        id: u64,
        quantity: Fixed,
        new_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Amended, Refusal> {
        let unknown = || Refusal::new(-2013, "Order does not exist.");
        let order = self.orders.get(id).ok_or_else(unknown)?;
        let (account, symbol) = (order.account, order.symbol);
        let Some(before) = order.quantity else {
            return Err(Refusal::new(-2038, "Order amend (pending OPO order) is not supported."));
        };
        if quantity == before {
            return Err(Refusal::new(-2038, "The requested action would change no state; rejecting."));
        }
        if quantity > before {
            return Err(Refusal::new(-2038, "Order amend (quantity increase) is not supported."));
        }
        let rules = self.rules(symbol)?;
        rules.amendment(order.amendments)?;
        rules.quantity(quantity)?;
        let price = order.limit().filter(|price| price.is_positive()).or(order.stop_price);
        rules.notional(
            &|minutes| price.or_else(|| self.filter_price(symbol, minutes, now)).map(|price| price.times(quantity)),
            order.order_type.is_market(),
        )?;
        let (old_id, list) = (order.client_order_id.clone(), order.list);
        let new_id = match new_id {
            Some(new_id) => new_id.to_owned(),
            None => self.random_id(),
        };
        let renamed = *new_id != *old_id;
        if renamed && self.orders.open_by_name(account, &new_id).is_some() {
            return Err(Refusal::rejected("Duplicate order sent."));
        }
        self.orders.rename(id, &new_id);
        let execution = self.next_execution;
        self.resize(id, quantity, &old_id, now);
        let other = list.and_then(|list| self.orders.list(list)).and_then(|list| list.other_leg(id));
        if let Some(other) = other.filter(|other| self.orders.get(*other).is_some_and(|o| o.status.is_open())) {
            let name = self.orders.get(other).map(|order| order.client_order_id.clone()).unwrap_or_default();
            self.resize(other, quantity, &name, now);
            self.relock_pair([id, other]);
        } else {
            self.relock(id);
        }
        self.touched.insert(account);
        self.amended_away = false;
        if renamed && let Some(list) = list.and_then(|list| self.orders.list(list)).cloned() {
            self.tell_list(&list, true, now);
        }
        if self.orders.get(id).is_some_and(|order| order.remaining().is_zero()) {
            self.close(id, Status::Expired, None, now);
            self.tell(id, &Happened::Expired { reject: "NONE" }, now);
            self.follow(id, now);
            self.amended_away = true;
        }
        self.settle(symbol, now);
        Ok(Amended { old_id, execution })
    }

    /// One order gets smaller, down to what was executed of it.
    fn resize(&mut self, id: u64, quantity: Fixed, old_id: &str, now: Timestamp) {
        let Some(order) = self.orders.get_mut(id) else {
            return;
        };
        let before = order.quantity.unwrap_or_default();
        // Less than what was executed: nothing is left to stand on the book.
        let quantity = quantity.max(order.executed + order.prevented);
        order.quantity = Some(quantity);
        order.amendments = order.amendments.saturating_add(1);
        order.updated = now;
        let (remaining, phase, new_id) = (order.remaining(), order.phase, order.client_order_id.clone());
        let (account, symbol, side) = (order.account, order.symbol, order.side);
        if side == ringfence_model::Side::Buy {
            self.orders.buying_changed(account, symbol, before - quantity);
        }
        if let (Phase::Resting(node), true) = (phase, remaining.is_positive())
            && let Some(market) = self.markets.get_mut(symbol)
        {
            market.book.shrink(node, remaining);
        }
        let amendment = Amendment {
            execution: self.next_execution,
            old_client_order_id: old_id.into(),
            new_client_order_id: new_id,
            old_quantity: before,
            new_quantity: quantity,
            time: now,
        };
        self.orders.amended(id, amendment);
        self.tell(id, &Happened::Replaced { old_id }, now);
    }

    /// A pair holds what its dearer leg needs; the one that held it goes on holding.
    fn relock_pair(&mut self, pair: [u64; 2]) {
        let needed =
            pair.iter().filter_map(|id| self.orders.get(*id)).map(|order| self.needed(order)).max().unwrap_or_default();
        for id in pair {
            let Some(order) = self.orders.get(id) else {
                continue;
            };
            let (account, asset, locked) = (order.account, self.spent_asset(order), order.locked);
            if locked > needed {
                self.accounts.unlock(account, asset, locked - needed);
                if let Some(order) = self.orders.get_mut(id) {
                    order.locked = needed;
                }
            }
        }
    }
}
