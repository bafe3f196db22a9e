//! A venue that does what venues do, and may do it at any moment.

use std::collections::{BTreeMap, VecDeque};

use ringfence_model::event::OrderReason;
use ringfence_model::venue::{ClientOrderId, CommandOutcome, ExecutionReport, VenueFill, VenueList, VenueOrder};
use ringfence_model::{Decimal, OrderStatus, Side, Timestamp};

/// What an order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The working order of its list.
    Pending,
    /// A trade.
    Waiting,
    Works,
}

#[derive(Debug, Clone)]
pub(crate) struct Order {
    order: VenueOrder,
    id: u64,
    quantity: Decimal,
    filled: Decimal,
    pub(crate) status: OrderStatus,
    pub(crate) fills: Vec<VenueFill>,
    phase: Phase,
    list: Option<String>,
}

impl Order {
    fn is_open(&self) -> bool {
        !self.status.is_final()
    }

    /// As it is when nothing of its list is in its way.
    fn free_phase(&self) -> Phase {
        if self.order.kind.trigger().is_some() { Phase::Waiting } else { Phase::Works }
    }
}

#[derive(Debug, Clone)]
struct List {
    working: Option<String>,
    /// One that waits, or a pair of which one is done.
    legs: Vec<String>,
}

/// The truth.
#[derive(Default)]
pub(crate) struct Venue {
    pub(crate) orders: BTreeMap<String, Order>,
    lists: BTreeMap<String, List>,
    pub(crate) account: BTreeMap<String, Decimal>,
    pub(crate) reports: VecDeque<ExecutionReport>,
    next_trade: u64,
    next_order: u64,
    /// How many orders were set off, or came after another one.
    pub(crate) set_off: u64,
}

impl Venue {
    pub(crate) fn report(&self, id: &str, now: Timestamp, fill: Option<VenueFill>, amended: bool) -> ExecutionReport {
        let order = &self.orders[id];
        ExecutionReport {
            ts: now,
            symbol: order.order.symbol.clone(),
            client_order_id: ClientOrderId(id.to_owned()),
            venue_order_id: order.id,
            side: order.order.side,
            status: order.status,
            quantity: order.quantity,
            filled: order.filled,
            reason: OrderReason::None,
            fill,
            amended,
            works: (order.is_open() && order.phase == Phase::Works) || !order.filled.is_zero(),
        }
    }

    fn tell(&mut self, now: Timestamp, id: &str) {
        let report = self.report(id, now, None, false);
        self.reports.push_back(report);
    }

    fn take(&mut self, order: &VenueOrder, list: Option<&str>, pending: bool) {
        let id = order.client_order_id.0.clone();
        assert!(!self.orders.contains_key(&id), "an order was sent twice");
        self.next_order += 1;
        let mut taken = Order {
            order: order.clone(),
            id: self.next_order,
            quantity: order.kind.quantity().unwrap(),
            filled: Decimal::ZERO,
            status: OrderStatus::Accepted,
            fills: Vec::new(),
            phase: Phase::Pending,
            list: list.map(str::to_owned),
        };
        if !pending {
            taken.phase = taken.free_phase();
        }
        self.orders.insert(id, taken);
    }

    pub(crate) fn place(&mut self, now: Timestamp, order: &VenueOrder, refuse: bool) -> CommandOutcome {
        if refuse {
            assert!(!self.orders.contains_key(&order.client_order_id.0), "an order was sent twice");
            return CommandOutcome::Rejected(OrderReason::Filter);
        }
        self.take(order, None, false);
        self.tell(now, &order.client_order_id.0);
        CommandOutcome::Accepted
    }

    pub(crate) fn place_list(
        &mut self,
        now: Timestamp,
        id: &ClientOrderId,
        list: &VenueList,
        refuse: bool,
    ) -> CommandOutcome {
        assert!(!self.lists.contains_key(&id.0), "a list was sent twice");
        if refuse {
            return CommandOutcome::Rejected(OrderReason::List);
        }
        let names: Vec<_> = list.orders().iter().map(|order| order.client_order_id.0.clone()).collect();
        let waits = !matches!(list, VenueList::Oco { .. });
        for (place, order) in list.orders().into_iter().enumerate() {
            self.take(order, Some(&id.0), waits && place > 0);
        }
        let (working, legs) = if waits { (Some(names[0].clone()), names[1..].to_vec()) } else { (None, names.clone()) };
        self.lists.insert(id.0.clone(), List { working, legs });
        for name in names {
            self.tell(now, &name);
        }
        CommandOutcome::Accepted
    }

    pub(crate) fn list(&self, id: &ClientOrderId) -> Option<Vec<ClientOrderId>> {
        let list = self.lists.get(&id.0)?;
        Some(list.working.iter().chain(&list.legs).cloned().map(ClientOrderId).collect())
    }

    /// Orders that were taken, in lists and alone.
    pub(crate) fn taken(&self) -> (usize, usize) {
        let in_lists = self.orders.values().filter(|order| order.list.is_some()).count();
        (in_lists, self.orders.len() - in_lists)
    }

    pub(crate) fn open(&self, id: &str) -> bool {
        self.orders.get(id).is_some_and(Order::is_open)
    }

    /// Open orders that wait for no other one.
    pub(crate) fn on_their_own(&self) -> Vec<String> {
        let own = self.orders.iter().filter(|(_, order)| order.is_open() && order.phase != Phase::Pending);
        own.map(|(id, _)| id.clone()).collect()
    }

    /// A cancel of one order of a list is a cancel of all.
    pub(crate) fn cancel(&mut self, now: Timestamp, id: &str) -> CommandOutcome {
        if !self.open(id) {
            return CommandOutcome::Rejected(OrderReason::NotFound);
        }
        match self.orders[id].list.clone() {
            Some(list) => self.cancel_list(now, &ClientOrderId(list)),
            None => {
                self.end(now, id, OrderStatus::Canceled);
                CommandOutcome::Accepted
            }
        }
    }

    pub(crate) fn cancel_list(&mut self, now: Timestamp, id: &ClientOrderId) -> CommandOutcome {
        let open: Vec<_> = self.list(id).unwrap_or_default().into_iter().filter(|one| self.open(&one.0)).collect();
        if open.is_empty() {
            return CommandOutcome::Rejected(OrderReason::NotFound);
        }
        for order in open {
            self.end(now, &order.0, OrderStatus::Canceled);
        }
        CommandOutcome::Accepted
    }

    fn end(&mut self, now: Timestamp, id: &str, status: OrderStatus) {
        self.orders.get_mut(id).unwrap().status = status;
        self.tell(now, id);
    }

    /// An order begins to work, or is over: the other one of its pair is over, too.
    fn end_other(&mut self, now: Timestamp, id: &str) {
        let Some(list) = self.orders[id].list.as_ref().and_then(|list| self.lists.get(list)).cloned() else { return };
        if !list.legs.iter().any(|leg| leg == id) {
            return;
        }
        for other in list.legs.iter().filter(|leg| *leg != id) {
            if self.open(other) {
                self.end(now, other, OrderStatus::Expired);
            }
        }
    }

    /// It ends by the venue's own rules.
    pub(crate) fn expire(&mut self, now: Timestamp, id: &str) {
        self.end(now, id, OrderStatus::Expired);
        self.end_other(now, id);
        let list = self.orders[id].list.as_ref().and_then(|list| self.lists.get(list)).cloned();
        if let Some(list) = list.filter(|list| list.working.as_deref() == Some(id)) {
            for leg in list.legs {
                if self.open(&leg) {
                    self.end(now, &leg, OrderStatus::Expired);
                }
            }
        }
    }

    /// A trade sets it off.
    pub(crate) fn trigger(&mut self, now: Timestamp, id: &str) {
        if self.orders[id].phase != Phase::Waiting {
            return;
        }
        self.end_other(now, id);
        self.orders.get_mut(id).unwrap().phase = Phase::Works;
        self.set_off += 1;
        self.tell(now, id);
    }

    pub(crate) fn amend(&mut self, now: Timestamp, id: &str, quantity: Decimal) -> CommandOutcome {
        if !self.open(id) || quantity <= self.orders[id].filled || quantity >= self.orders[id].quantity {
            return CommandOutcome::Rejected(OrderReason::NotFound);
        }
        // A pair changes together.
        let list = self.orders[id].list.as_ref().and_then(|list| self.lists.get(list)).cloned();
        let pair = list.map(|list| list.legs).filter(|legs| legs.iter().any(|leg| leg == id));
        for one in pair.unwrap_or_else(|| vec![id.to_owned()]) {
            if self.open(&one) {
                self.shrink(now, &one, quantity);
            }
        }
        CommandOutcome::Accepted
    }

    fn shrink(&mut self, now: Timestamp, id: &str, quantity: Decimal) {
        self.orders.get_mut(id).unwrap().quantity = quantity;
        let report = self.report(id, now, None, true);
        self.reports.push_back(report);
    }

    /// Self-trade prevention takes a part of it, or all.
    pub(crate) fn prevent(&mut self, now: Timestamp, id: &str, quantity: Decimal) {
        let order = &self.orders[id];
        if order.phase != Phase::Works {
            return;
        }
        let left = order.quantity - order.filled;
        if quantity >= left {
            self.expire(now, id);
        } else {
            self.end_other(now, id);
            let rest = self.orders[id].quantity - quantity;
            self.shrink(now, id, rest);
        }
    }

    pub(crate) fn fill(&mut self, now: Timestamp, id: &str, quantity: Decimal, price: Decimal, in_base: bool) {
        if self.orders[id].phase != Phase::Works {
            return;
        }
        self.end_other(now, id);
        self.next_trade += 1;
        let order = self.orders.get_mut(id).unwrap();
        let quantity = quantity.min(order.quantity - order.filled);
        // A limit is a limit.
        let price = match (order.order.side, order.order.kind.price()) {
            (Side::Buy, Some(limit)) => price.min(limit),
            (Side::Sell, Some(limit)) => price.max(limit),
            (_, None) => price,
        };
        order.filled += quantity;
        order.status = if order.filled == order.quantity { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let commission = Decimal::new(1, 6);
        let asset = if in_base { "BTC" } else { "USDT" };
        let fill = VenueFill {
            trade_id: self.next_trade,
            price,
            quantity,
            commission,
            commission_asset: asset.to_owned(),
            maker: false,
        };
        order.fills.push(fill.clone());
        let is_filled = order.status == OrderStatus::Filled;
        let signed = if order.order.side == Side::Buy { quantity } else { -quantity };
        *self.account.entry("BTC".into()).or_default() += signed;
        *self.account.entry("USDT".into()).or_default() -= signed * price;
        *self.account.entry(asset.into()).or_default() -= commission;
        let report = self.report(id, now, Some(fill), false);
        self.reports.push_back(report);
        if is_filled {
            self.enter_after(now, id);
        }
    }

    /// What waited for a working order enters.
    fn enter_after(&mut self, now: Timestamp, id: &str) {
        let list = self.orders[id].list.as_ref().and_then(|list| self.lists.get(list)).cloned();
        let Some(list) = list.filter(|list| list.working.as_deref() == Some(id)) else { return };
        for leg in list.legs {
            if self.open(&leg) {
                let order = self.orders.get_mut(&leg).unwrap();
                order.phase = order.free_phase();
                self.set_off += 1;
                self.tell(now, &leg);
            }
        }
    }
}
