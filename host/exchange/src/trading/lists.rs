//! Order lists: placing them, and what the fate of one order does to the others.
//!
//! Source: Binance, "Order lists" and "One Pays the Other". Funds of a pair are locked
//! once, for the dearer leg, and held by its first order. Pending orders hold their funds
//! from the start, but for those that are paid by the working order.

use ringfence_model::{Side, Timestamp};

use super::{Placement, Reject, Size};
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::fixed::Fixed;
use crate::order::list::{Contingency, OrderList};
use crate::order::{ExpiryReason, Order, OrderType, Phase, Status};
use crate::payload::events::Happened;

/// A new list whose parameters are well formed.
#[derive(Debug, Clone)]
pub(crate) struct ListPlacement {
    pub(crate) client_order_id: Option<String>,
    /// Of an OTO.
    pub(crate) working: Option<Placement>,
    /// One pending order, or a pair with its stop loss first.
    pub(crate) legs: Vec<Placement>,
}

impl ListPlacement {
    fn all(&self) -> impl Iterator<Item = &Placement> {
        self.working.iter().chain(&self.legs)
    }

    fn pays_other(&self) -> bool {
        self.legs.iter().any(|leg| leg.size == Size::Received)
    }

    /// How many orders it has.
    pub(crate) fn len(&self) -> usize {
        self.legs.len().saturating_add(usize::from(self.working.is_some()))
    }
}

/// The price that a leg of a pair compares with the last one: the limit of a limit order,
/// the stop of the others.
fn pivot(order: &Order) -> Option<Fixed> {
    if order.order_type == OrderType::LimitMaker {
        order.limit().filter(|price| price.is_positive())
    } else {
        order.stop_price
    }
}

impl Exchange {
    /// The prices of a pair: the stop loss on the losing side of the last price, the other
    /// one on the winning side.
    fn check_pair(&self, stop: &Order, other: &Order) -> Result<(), Reject> {
        let (stop_pivot, other_pivot) = (pivot(stop), pivot(other));
        let worse = |loss: Fixed, than: Fixed| match stop.side {
            Side::Sell => loss < than,
            Side::Buy => loss > than,
        };
        let last = self.last_price(stop.symbol);
        let holds = |loss: Option<Fixed>, win: Option<Fixed>| loss.zip(win).is_none_or(|(loss, win)| worse(loss, win));
        let fits = holds(stop_pivot, other_pivot) && holds(stop_pivot, last) && holds(last, other_pivot);
        if fits { Ok(()) } else { Err(Reject::BadPrices) }
    }

    /// Takes a list in; `told` makes the answer when the working order has met the book and
    /// nothing else has happened yet. Rate limits are checked before.
    pub(crate) fn place_list<T>(
        &mut self,
        now: Timestamp,
        placement: &ListPlacement,
        told: impl FnOnce(&Exchange, u64) -> T,
    ) -> Result<T, Refusal> {
        let Some(first) = placement.all().next() else {
            return Err(Refusal::new(-1014, "Unsupported order combination."));
        };
        let (account, symbol) = (first.account, first.symbol);
        self.takes_orders(account, symbol)?;
        for order in placement.all() {
            let enters =
                placement.working.is_none() || placement.working.as_ref().is_some_and(|w| std::ptr::eq(w, order));
            let pegged = if enters { self.pegged_now(order).map_err(Reject::refusal)? } else { None };
            self.check_order(order, pegged, now)?;
        }
        self.check_counts(&placement.all().collect::<Vec<_>>(), 1)?;
        let list_name = match &placement.client_order_id {
            Some(name) if self.orders.list_by_name(account, name).is_some_and(|list| !list.done) => {
                return Err(Refusal::rejected("Duplicate order sent."));
            }
            Some(name) => name.clone(),
            None => self.random_id(),
        };
        let mut names = Vec::new();
        for order in placement.all() {
            let name = self.name(account, order.client_order_id.clone())?;
            if names.contains(&name) || name == list_name {
                return Err(Refusal::rejected("Duplicate order sent."));
            }
            names.push(name);
        }
        // The list gets its number only when it is taken.
        let mut orders: Vec<Order> =
            placement.all().zip(&names).map(|(order, name)| self.order_of(order, name, None, now)).collect();
        let list = OrderList {
            id: 0,
            account,
            symbol,
            client_order_id: list_name.into(),
            contingency: if placement.working.is_some() { Contingency::Oto } else { Contingency::Oco },
            orders: Vec::new(),
            pays_other: placement.pays_other(),
            received: Fixed::ZERO,
            phase_two: false,
            triggered: false,
            done: false,
            created: now,
            updated: now,
        };
        self.begin(symbol);
        let id = match placement.working {
            None => self.accept_pair(list, &mut orders, now),
            Some(_) => self.accept_oto(list, orders, now),
        }
        .map_err(Reject::refusal)?;
        self.changed_lists.push(id);
        let told = told(self, id);
        self.settle(symbol, now);
        Ok(told)
    }

    fn register_list(&mut self, mut list: OrderList, orders: Vec<Order>, now: Timestamp) -> (u64, Vec<u64>) {
        let id = self.orders.list_number();
        list.id = id;
        for mut order in orders {
            order.list = Some(id);
            list.orders.push(self.register(order, now));
        }
        let ids = list.orders.clone();
        self.orders.insert_list(list);
        (id, ids)
    }

    fn accept_pair(&mut self, list: OrderList, orders: &mut [Order], now: Timestamp) -> Result<u64, Reject> {
        let [stop, other] = orders else {
            return Err(Refusal::new(-1014, "Unsupported order combination.").into());
        };
        let other_entry = self.prepare_pegged(other, now)?;
        self.check_pair(stop, other)?;
        let entries = [
            self.prepare(stop, now)?,
            match other_entry {
                Some(entry) => entry,
                None => self.prepare(other, now)?,
            },
        ];
        let lock = entries.iter().map(|entry| entry.lock).max().unwrap_or_default();
        let asset = self.spent_asset(stop);
        self.accounts.lock(list.account, asset, lock).map_err(|_| Reject::InsufficientBalance)?;
        stop.locked = lock;
        let (id, ids) = self.register_list(list, vec![stop.clone(), other.clone()], now);
        for (order, entry) in ids.into_iter().zip(entries) {
            self.enter(order, entry.plan, now);
        }
        Ok(id)
    }

    /// A pegged limit leg needs its price before the pair's prices can be compared.
    fn prepare_pegged(&self, order: &mut Order, now: Timestamp) -> Result<Option<super::entry::Entry>, Reject> {
        if order.peg.is_some() && order.phase != Phase::Waiting { self.prepare(order, now).map(Some) } else { Ok(None) }
    }

    fn accept_oto(&mut self, list: OrderList, mut orders: Vec<Order>, now: Timestamp) -> Result<u64, Reject> {
        let Some((working, legs)) = orders.split_first_mut() else {
            return Err(Refusal::new(-1014, "Unsupported order combination.").into());
        };
        let entry = self.prepare(working, now)?;
        for leg in legs.iter_mut() {
            leg.phase = Phase::Pending;
            leg.status = Status::PendingNew;
        }
        let legs_lock = legs.iter().map(|leg| self.needed(leg)).max().unwrap_or_default();
        let (asset, legs_asset) = (self.spent_asset(working), legs.first().map_or(0, |leg| self.spent_asset(leg)));
        let insufficient = |_| Reject::InsufficientBalance;
        self.accounts.lock(list.account, asset, entry.lock).map_err(insufficient)?;
        if self.accounts.lock(list.account, legs_asset, legs_lock).is_err() {
            self.accounts.unlock(list.account, asset, entry.lock);
            return Err(Reject::InsufficientBalance);
        }
        working.locked = entry.lock;
        if let Some(first) = legs.first_mut() {
            first.locked = legs_lock;
        }
        let (id, ids) = self.register_list(list, orders, now);
        if let Some(working) = ids.first().and_then(|id| self.orders.get_mut(*id)) {
            working.working = Some(now);
        }
        for order in &ids {
            self.tell(*order, &Happened::New, now);
        }
        if let (Some(working), Some(plan)) = (ids.first(), entry.plan) {
            self.meet_book(*working, &plan, now);
        }
        Ok(id)
    }

    /// An order of a pair begins to work: the other one is over, its funds are this one's.
    pub(super) fn start_leg(&mut self, id: u64, now: Timestamp) {
        let Some(list) = self.orders.get(id).and_then(|order| order.list) else {
            return;
        };
        let Some(list) = self.orders.list_mut(list) else {
            return;
        };
        let Some(other) = list.other_leg(id) else {
            return;
        };
        if std::mem::replace(&mut list.triggered, true) {
            return;
        }
        self.end_with(other, ExpiryReason::OcoTrigger, now);
        self.relock(id);
    }

    /// An order is over because of another one of its list.
    fn end_with(&mut self, id: u64, reason: ExpiryReason, now: Timestamp) {
        if self.orders.get(id).is_some_and(|order| order.status.is_open()) {
            self.close(id, Status::Expired, Some(reason), now);
            self.tell(id, &Happened::Expired { reject: "NONE" }, now);
        }
    }

    /// An order is over: what does that do to its list? A client's cancel ends all orders
    /// of a list itself.
    pub(super) fn follow(&mut self, id: u64, now: Timestamp) {
        let Some(order) = self.orders.get(id) else {
            return;
        };
        let (Some(list_id), status) = (order.list, order.status) else {
            return;
        };
        let Some(list) = self.orders.list(list_id) else {
            return;
        };
        if list.working() == Some(id) {
            if status == Status::Filled {
                self.todo.push_back(crate::exchange::Todo::PhaseTwo(list_id));
                return;
            }
            if status != Status::Canceled {
                for leg in list.legs().to_vec() {
                    self.end_with(leg, ExpiryReason::OtoPhaseOneExpired, now);
                }
            }
        } else if status != Status::Canceled
            && let Some(other) = list.other_leg(id)
        {
            self.end_with(other, ExpiryReason::OcoTrigger, now);
        }
        self.finish_list(list_id, now);
    }

    /// A list whose orders are all over is done.
    pub(super) fn finish_list(&mut self, id: u64, now: Timestamp) {
        let Some(list) = self.orders.list(id) else {
            return;
        };
        let open = |order: &u64| self.orders.get(*order).is_some_and(|order| order.status.is_open());
        if list.done || list.orders.iter().any(open) {
            return;
        }
        let (account, base) = (list.account, self.assets(list.symbol).0);
        let Some(list) = self.orders.list_mut(id) else {
            return;
        };
        list.done = true;
        list.updated = now;
        let received = std::mem::take(&mut list.received);
        if received.is_positive() {
            self.accounts.unlock(account, base, received);
            self.touched.insert(account);
        }
        self.orders.close_list(id);
        if !self.changed_lists.contains(&id) {
            self.changed_lists.push(id);
        }
    }

    /// What a working order receives is held for the orders that it pays.
    pub(super) fn hold_received(&mut self, list: Option<u64>, order: u64, asset: usize, received: Fixed) {
        let Some(list) = list.and_then(|list| self.orders.list_mut(list)) else {
            return;
        };
        if list.pays_other && list.working() == Some(order) && self.accounts.lock(list.account, asset, received).is_ok()
        {
            list.received += received;
        }
    }

    /// The working order is filled: the pending ones enter.
    pub(super) fn phase_two(&mut self, id: u64, now: Timestamp) {
        let Some(list) = self.orders.list_mut(id) else {
            return;
        };
        if list.done || std::mem::replace(&mut list.phase_two, true) {
            return;
        }
        list.updated = now;
        let received = std::mem::take(&mut list.received);
        let (account, symbol, pays_other, legs) = (list.account, list.symbol, list.pays_other, list.legs().to_vec());
        self.accounts.unlock(account, self.assets(symbol).0, received);
        self.touched.insert(account);
        let mut prepared = Vec::new();
        for leg in &legs {
            self.release(*leg);
            let Some(order) = self.orders.get_mut(*leg).filter(|order| order.status.is_open()) else {
                continue;
            };
            order.status = Status::New;
            let mut order = order.clone();
            match self.prepare_leg(&mut order, pays_other.then_some(received), now) {
                Ok(entry) => prepared.push((order, entry)),
                Err(reject) => {
                    self.reject(*leg, &reject, now);
                    return;
                }
            }
        }
        if let [(stop, _), (other, _)] = prepared.as_slice()
            && let Err(reject) = self.check_pair(stop, other)
        {
            let stop = stop.id;
            self.reject(stop, &reject, now);
            return;
        }
        let lock = prepared.iter().map(|(_, entry)| entry.lock).max().unwrap_or_default();
        let Some((first, asset)) = prepared.first().map(|(order, _)| (order.id, self.spent_asset(order))) else {
            self.finish_list(id, now);
            return;
        };
        if self.accounts.lock(account, asset, lock).is_err() {
            self.reject(first, &Reject::InsufficientBalance, now);
            return;
        }
        for (order, entry) in prepared {
            if let Some(stored) = self.orders.get_mut(order.id) {
                (stored.peg, stored.quantity, stored.phase) = (order.peg, order.quantity, order.phase);
                stored.locked = if order.id == first { lock } else { Fixed::ZERO };
            }
            self.enter(order.id, entry.plan, now);
        }
    }

    /// A pending order as it enters, with the quantity that it is paid, if it is.
    fn prepare_leg(
        &self,
        order: &mut Order,
        received: Option<Fixed>,
        now: Timestamp,
    ) -> Result<super::entry::Entry, Reject> {
        order.phase = if order.order_type.is_contingent() { Phase::Waiting } else { Phase::Taking };
        if let Some(received) = received {
            let rules = self.rules(order.symbol)?;
            let quantity = rules.cut(received, order.order_type.is_market());
            order.quantity = Some(quantity);
            rules.quantity(quantity)?;
            let reference = |minutes| self.filter_price(order.symbol, minutes, now);
            let price = order.limit().filter(|price| price.is_positive()).or(order.stop_price);
            rules.notional(
                &|minutes| price.or_else(|| reference(minutes)).map(|price| price.times(quantity)),
                order.order_type.is_market(),
            )?;
        }
        self.prepare(order, now)
    }
}
