//! What the client changes of its open orders: cancel and amend.

use ringfence_model::{Decimal, Side, Timestamp};

use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::filters;
use crate::order::Status;
use crate::payload::Happened;

impl Exchange {
    /// Cancels an open order of the account; the caller looked it up.
    pub(crate) fn cancel(&mut self, id: u64, cancel_id: Option<&str>, now: Timestamp) -> Option<String> {
        let cancel_id = match cancel_id {
            Some(id) => id.to_owned(),
            None => self.random_id(),
        };
        let order = self.orders.get(&id)?;
        let symbol = order.symbol;
        if let Some(market) = self.markets.get_mut(symbol) {
            market.book.remove(order.side, order.price, id);
        }
        self.release(id, Status::Canceled, None, now);
        self.tell(id, &Happened::Canceled { cancel_id: &cancel_id }, now);
        self.show_book(symbol, now);
        self.tell_positions(now);
        Some(cancel_id)
    }

    /// Makes an open order smaller; it keeps its place in the queue. Returns its old
    /// client order id and the execution's number.
    pub(crate) fn amend(
        &mut self,
        id: u64,
        quantity: Decimal,
        new_id: Option<&str>,
        now: Timestamp,
    ) -> Result<(String, u64), Refusal> {
        let unknown = || Refusal::new(-2013, "Order does not exist.");
        let order = self.orders.get(&id).ok_or_else(unknown)?;
        let (account, symbol, side, price) = (order.account, order.symbol, order.side, order.price);
        let rules = self.rules(symbol)?;
        if quantity == order.quantity {
            return Err(Refusal::new(-2038, "The requested action would change no state; rejecting."));
        }
        if quantity > order.quantity {
            return Err(Refusal::new(-2038, "Order amend (quantity increase) is not supported."));
        }
        filters::precision("newQty", quantity)?;
        filters::quantity(&rules, quantity)?;
        filters::notional(&rules, price.checked_mul(quantity))?;
        let old_id = order.client_order_id.clone();
        let new_id = match new_id {
            Some(new_id) => new_id.to_owned(),
            None => self.random_id(),
        };
        if new_id != old_id && self.open_by_client(account, &new_id).is_some() {
            return Err(Refusal::rejected("Duplicate order sent."));
        }
        let order = self.orders.get_mut(&id).ok_or_else(unknown)?;
        let before = order.remaining();
        // Less than what was executed: nothing is left to stand on the book.
        order.quantity = quantity.max(order.executed.saturating_add(order.prevented));
        order.client_order_id.clone_from(&new_id);
        order.updated = now;
        let remaining = order.remaining();
        let less = before.saturating_sub(remaining);
        let (asset, free) = match side {
            Side::Buy => (&rules.quote, price.saturating_mul(less)),
            Side::Sell => (&rules.base, less),
        };
        order.locked = order.locked.saturating_sub(free);
        self.accounts.unlock(account, asset, free);
        self.by_client.remove(&(account, old_id.clone()));
        self.by_client.insert((account, new_id), id);
        self.touched.insert(account);
        let execution = self.next_execution;
        self.tell(id, &Happened::Replaced { old_id: &old_id }, now);
        if let Some(market) = self.markets.get_mut(symbol) {
            if remaining.is_zero() {
                market.book.remove(side, price, id);
            } else {
                market.book.shrink(side, price, id, remaining);
            }
        }
        if remaining.is_zero() {
            self.end(id, Status::Expired, None, now);
        }
        self.show_book(symbol, now);
        self.tell_positions(now);
        Ok((old_id, execution))
    }
}
