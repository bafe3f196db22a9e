//! A plugin's orders that are not final, and what they hold of its allocation. Pure data:
//! it knows no rules and sends nothing.
//!
//! Orders of which only one can be done (the two of an OCO) share a *pot*: it holds what the
//! dearest of them still needs. Any other order has a pot of its own.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::event::Fill;
use ringfence_model::order::OpenOrder;
use ringfence_model::venue::ClientOrderId;
use ringfence_model::{Decimal, InstrumentId, OrderId, OrderKind, OrderStatus, Side};

use crate::filters::Counts;
use crate::gate::Reservation;

/// An order that is not final.
#[derive(Debug, Clone)]
pub(crate) struct DeskOrder {
    pub(crate) instrument: InstrumentId,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    pub(crate) client_order_id: ClientOrderId,
    pub(crate) tag: Option<String>,
    pub(crate) status: OrderStatus,
    /// Zero for a quote-sized market order until the venue says.
    pub(crate) quantity: Decimal,
    pub(crate) filled: Decimal,
    pub(crate) reservation: Reservation,
    /// A cancel is on its way: asking again would only cost the venue's patience.
    pub(crate) cancelling: bool,
    /// First order of its list.
    pub(crate) list: Option<OrderId>,
    /// First order of its pot.
    pub(crate) pot: OrderId,
    /// How often the venue has made it smaller.
    pub(crate) amended: u32,
    /// Amendments that the venue has not answered.
    pub(crate) amending: u32,
}

impl DeskOrder {
    /// What may still be filled if so much of its pot is.
    fn remaining(&self, filled: Decimal) -> Decimal {
        self.quantity.saturating_sub(filled).max(Decimal::ZERO)
    }

    /// The same in base; expected as long as the venue has not said.
    fn exposure(&self, filled: Decimal) -> Decimal {
        let whole = if self.quantity.is_zero() { self.reservation.quantity } else { self.quantity };
        whole.saturating_sub(filled).max(Decimal::ZERO)
    }

    /// Expected value of what is not filled.
    fn open_notional(&self, filled: Decimal) -> Decimal {
        match self.reservation.notional.checked_div(self.quantity) {
            Some(price) => price.saturating_mul(self.remaining(filled)),
            None => self.reservation.notional,
        }
    }

    /// What it must hold.
    fn needs(&self, pot: &Pot) -> Decimal {
        if self.kind.quantity().is_none() {
            return self.reservation.amount.saturating_sub(pot.spent).max(Decimal::ZERO);
        }
        self.remaining(pot.filled).saturating_mul(self.reservation.per_unit)
    }
}

/// Funds of orders of which only one can be done.
#[derive(Debug, Clone, Default)]
struct Pot {
    asset: String,
    /// Its orders that are open.
    members: BTreeSet<OrderId>,
    /// Base that was filled of any of them.
    filled: Decimal,
    /// What that took of the asset.
    spent: Decimal,
    locked: Decimal,
}

/// What is no longer held of an asset.
pub(crate) type Freed = Option<(String, Decimal)>;

/// Orders that are not final.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenOrders {
    orders: BTreeMap<OrderId, DeskOrder>,
    pots: BTreeMap<OrderId, Pot>,
}

impl OpenOrders {
    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(crate) fn get(&self, order: OrderId) -> Option<&DeskOrder> {
        self.orders.get(&order)
    }

    pub(crate) fn get_mut(&mut self, order: OrderId) -> Option<&mut DeskOrder> {
        self.orders.get_mut(&order)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (OrderId, &DeskOrder)> {
        self.orders.iter().map(|(id, order)| (*id, order))
    }

    /// Takes orders in that hold so much of an asset together. All of them name the first as their pot.
    pub(crate) fn open(&mut self, asset: String, locked: Decimal, orders: Vec<(OrderId, DeskOrder)>) {
        let Some(first) = orders.first().map(|(id, _)| *id) else { return };
        let members = orders.iter().map(|(id, _)| *id).collect();
        self.pots.insert(first, Pot { asset, members, locked, ..Pot::default() });
        self.orders.extend(orders);
    }

    /// The other open orders of an order's list, and itself.
    pub(crate) fn together(&self, order: OrderId) -> Vec<OrderId> {
        match self.get(order).and_then(|open| open.list) {
            Some(list) => self.iter().filter(|(_, open)| open.list == Some(list)).map(|(id, _)| id).collect(),
            None => vec![order],
        }
    }

    /// Counts a fill against its order and whatever shares its funds.
    pub(crate) fn fill(&mut self, fill: &Fill) -> Freed {
        let open = self.orders.get_mut(&fill.order)?;
        open.filled = open.filled.saturating_add(fill.quantity);
        open.status = fill.status;
        let (id, is_final) = (open.pot, fill.status.is_final());
        let pot = self.pots.get_mut(&id)?;
        pot.filled = pot.filled.saturating_add(fill.quantity);
        pot.spent = pot.spent.saturating_add(match fill.side {
            Side::Buy => fill.quantity.saturating_mul(fill.price),
            Side::Sell => fill.quantity,
        });
        if is_final { self.close(fill.order) } else { self.relock(id) }
    }

    /// An order is final.
    pub(crate) fn close(&mut self, order: OrderId) -> Freed {
        let closed = self.orders.remove(&order)?;
        self.pots.get_mut(&closed.pot)?.members.remove(&order);
        self.relock(closed.pot)
    }

    /// Its quantity is another one.
    pub(crate) fn resized(&mut self, order: OrderId) -> Freed {
        let pot = self.get(order)?.pot;
        self.relock(pot)
    }

    /// A pot never holds more than before.
    fn relock(&mut self, id: OrderId) -> Freed {
        let pot = self.pots.get_mut(&id)?;
        let needed = pot.members.iter().filter_map(|order| self.orders.get(order)).map(|order| order.needs(pot)).max();
        let keep = needed.unwrap_or_default().min(pot.locked);
        let freed = pot.locked.saturating_sub(keep);
        pot.locked = keep;
        let asset = pot.asset.clone();
        if pot.members.is_empty() {
            self.pots.remove(&id);
        }
        (freed > Decimal::ZERO).then_some((asset, freed))
    }

    /// Sums over pots, each with the largest of its orders, as only one of them can be done.
    fn sum(&self, mut of: impl FnMut(&DeskOrder, Decimal) -> Option<Decimal>) -> Decimal {
        self.pots.values().fold(Decimal::ZERO, |sum, pot| {
            let orders = pot.members.iter().filter_map(|order| self.orders.get(order));
            let largest = orders.filter_map(|order| of(order, pot.filled)).max().unwrap_or_default();
            sum.saturating_add(largest)
        })
    }

    /// What may still be filled on one side of an instrument.
    pub(crate) fn exposure(&self, instrument: InstrumentId, side: Side) -> Decimal {
        self.sum(|order, filled| (order.instrument == instrument && order.side == side).then(|| order.exposure(filled)))
    }

    /// Expected value of all that may still be filled.
    pub(crate) fn notional(&self) -> Decimal {
        self.sum(|order, filled| Some(order.open_notional(filled)))
    }

    /// As the venue counts them: each order of a list, too.
    pub(crate) fn counts(&self, instrument: Option<InstrumentId>) -> Counts {
        let of = || self.orders.values().filter(|open| instrument.is_none_or(|wanted| wanted == open.instrument));
        let counts = of().fold(Counts::default(), |sum, open| {
            sum.plus(Counts::of(open.side, &open.kind, open.remaining(open.filled)))
        });
        Counts { lists: of().filter_map(|open| open.list).collect::<BTreeSet<_>>().len(), ..counts }
    }

    /// What is locked, by asset.
    pub(crate) fn locked(&self) -> BTreeMap<&str, Decimal> {
        let mut held = BTreeMap::new();
        for pot in self.pots.values() {
            let entry: &mut Decimal = held.entry(pot.asset.as_str()).or_default();
            *entry = entry.saturating_add(pot.locked);
        }
        held
    }

    /// As a strategy may see them.
    pub(crate) fn shown(&self) -> Vec<OpenOrder> {
        self.iter().map(|(id, open)| shown(id, open)).collect()
    }

    /// The same with one order of each pot: what only one of them can do is done once.
    pub(crate) fn shown_once(&self) -> Vec<OpenOrder> {
        let firsts = self.pots.values().filter_map(|pot| pot.members.first());
        firsts.filter_map(|id| Some(shown(*id, self.get(*id)?))).collect()
    }
}

fn shown(order: OrderId, open: &DeskOrder) -> OpenOrder {
    OpenOrder {
        order,
        instrument: open.instrument,
        side: open.side,
        price: open.kind.price().unwrap_or_default(),
        quantity: open.quantity,
        filled: open.filled,
        status: open.status,
        client_order_id: open.client_order_id.0.clone(),
        tag: open.tag.clone(),
    }
}
