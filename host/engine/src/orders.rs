//! The life of each order as the venue tells it. The venue's word may come twice, late,
//! out of order or not at all; what a plugin is told is exact: each fill once, and an
//! order's end only after all of its fills.
//!
//! What concerns a list as a whole is in [`lists`].

mod lists;

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::event::{Fill, OrderChange, OrderReason, OrderUpdate};
use ringfence_model::venue::{ClientOrderId, CommandKind, CommandOutcome, ExecutionReport, VenueFill};
use ringfence_model::{Decimal, EventBody, InstrumentId, Micros, OrderId, OrderStatus, SeatId, Side, Timestamp};

use crate::actions::Output;
use lists::List;

/// After this long "not found" is final. The client signs an order up to 12 s after it was given one (its patience with a
/// socket, before it goes by REST); the venue tests `timestamp + recvWindow` (5 s, the most that may be configured)
/// right before it takes an order and gives up on one after 10 s; the clocks are less than 2 s apart (the venue
/// refuses a timestamp that is more than 1 s ahead); and the answer may be to a question that was asked up to 12 s ago.
pub(crate) const NEVER_ARRIVED_AFTER: Micros = Micros::from_secs(12 + 5 + 10 + 2 + 12);

/// A question may be answered so late (the client's patience), with what was true when it was asked.
const ANSWERED_WITHIN: Micros = Micros::from_secs(12);

/// Whether a cancel is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cancel {
    No,
    /// Wanted, but the venue's word on the order is missing: sent after it.
    Held,
    Sent,
}

/// How an order ended, while fills that belong before its end are missing.
#[derive(Debug, Clone, Copy)]
struct End {
    status: OrderStatus,
    reason: OrderReason,
    filled: Decimal,
}

/// An order that a plugin does not know the end of.
#[derive(Debug)]
struct Tracked {
    seat: SeatId,
    order: OrderId,
    instrument: InstrumentId,
    symbol: String,
    side: Side,
    status: OrderStatus,
    quantity: Decimal,
    filled: Decimal,
    trades: BTreeSet<u64>,
    venue_order_id: Option<u64>,
    /// Its list.
    list: Option<ClientOrderId>,
    /// It waits for its trigger, or for another order of its list.
    dormant: bool,
    /// The venue has said that it has the order.
    accepted: bool,
    cancel: Cancel,
    amending: bool,
    end: Option<End>,
    sent_at: Timestamp,
    /// Last word from the venue or question to it.
    asked_at: Timestamp,
    /// Last question to it.
    question_at: Option<Timestamp>,
    /// Words of the venue that have to come until the order is sure to be as told: what the stream would have said may
    /// be lost, and so may an answer.
    doubts: u8,
    /// What the venue has said to be filled.
    venue_filled: Decimal,
}

impl Tracked {
    /// The state of an order that is on the book.
    fn open_status(&self) -> OrderStatus {
        match (self.cancel, self.filled.is_zero()) {
            (Cancel::Sent, _) => OrderStatus::PendingCancel,
            (_, true) => OrderStatus::Accepted,
            (_, false) => OrderStatus::PartiallyFilled,
        }
    }

    fn update(&self, change: OrderChange, reason: OrderReason, recovered: bool) -> EventBody {
        EventBody::Order(OrderUpdate {
            order: self.order,
            instrument: self.instrument,
            change,
            status: self.status,
            reason,
            quantity: self.quantity,
            filled: self.filled,
            recovered,
        })
    }

    fn tell(&self, ts: Timestamp, body: EventBody, out: &mut Vec<Output>) {
        out.push(Output::Deliver { seat: self.seat, ts, body });
    }

    /// Books a fill unless it is known; the order's state after it.
    fn fill(
        &mut self,
        ts: Timestamp,
        fill: &VenueFill,
        final_at: Option<Decimal>,
        recovered: bool,
        out: &mut Vec<Output>,
    ) {
        if !self.trades.insert(fill.trade_id) {
            return;
        }
        self.filled = self.filled.saturating_add(fill.quantity);
        self.status = match final_at {
            Some(all) if self.filled >= all => OrderStatus::Filled,
            _ => self.open_status(),
        };
        let body = EventBody::Fill(Fill {
            order: self.order,
            instrument: self.instrument,
            side: self.side,
            trade_id: fill.trade_id,
            price: fill.price,
            quantity: fill.quantity,
            commission: fill.commission,
            commission_asset: fill.commission_asset.clone(),
            maker: fill.maker,
            status: self.status,
            recovered,
        });
        self.tell(ts, body, out);
    }

    /// Tells the end if nothing is missing before it; true if the order is done.
    fn finish(&mut self, ts: Timestamp, recovered: bool, out: &mut Vec<Output>) -> bool {
        let Some(end) = self.end else { return false };
        if self.filled < end.filled {
            return false;
        }
        let change = match end.status {
            OrderStatus::Canceled => OrderChange::Canceled,
            OrderStatus::Expired => OrderChange::Expired,
            OrderStatus::Rejected => OrderChange::Rejected,
            // The last fill has told it, unless only now is it known to be the last: the quantity was other than thought.
            _ if self.status == OrderStatus::Filled => return true,
            _ => {
                self.quantity = end.filled;
                OrderChange::Amended
            }
        };
        self.status = end.status;
        self.tell(ts, self.update(change, end.reason, recovered), out);
        true
    }

    fn ask_trades(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        self.asked_at = now;
        if let Some(venue_order_id) = self.venue_order_id {
            out.push(Output::Trades { symbol: self.symbol.clone(), client_order_id: id.clone(), venue_order_id });
        }
    }

    fn ask(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        self.asked_at = now;
        self.question_at = Some(now);
        out.push(Output::Query { symbol: self.symbol.clone(), client_order_id: id.clone() });
    }

    fn send_cancel(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        self.cancel = Cancel::Sent;
        self.status = OrderStatus::PendingCancel;
        self.asked_at = now;
        out.push(Output::Cancel { symbol: self.symbol.clone(), client_order_id: id.clone() });
    }
}

/// Orders that are not final.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    tracked: BTreeMap<ClientOrderId, Tracked>,
    lists: BTreeMap<ClientOrderId, List>,
    ids: BTreeMap<(SeatId, OrderId), ClientOrderId>,
}

/// What is known of an order when it is placed.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) seat: SeatId,
    pub(crate) order: OrderId,
    pub(crate) instrument: InstrumentId,
    pub(crate) symbol: String,
    pub(crate) side: Side,
    pub(crate) quantity: Decimal,
    /// It will wait for its trigger, or for another order of its list.
    pub(crate) dormant: bool,
}

impl Orders {
    pub(crate) fn len(&self) -> usize {
        self.tracked.len()
    }

    pub(crate) fn place(&mut self, now: Timestamp, id: ClientOrderId, placed: Placed) {
        self.ids.insert((placed.seat, placed.order), id.clone());
        self.tracked.insert(
            id,
            Tracked {
                seat: placed.seat,
                order: placed.order,
                instrument: placed.instrument,
                symbol: placed.symbol,
                side: placed.side,
                status: OrderStatus::PendingNew,
                quantity: placed.quantity,
                filled: Decimal::ZERO,
                trades: BTreeSet::new(),
                venue_order_id: None,
                list: None,
                dormant: placed.dormant,
                accepted: false,
                cancel: Cancel::No,
                amending: false,
                end: None,
                sent_at: now,
                asked_at: now,
                question_at: None,
                doubts: 0,
                venue_filled: Decimal::ZERO,
            },
        );
    }

    fn remove(&mut self, id: &ClientOrderId) {
        if let Some(done) = self.tracked.remove(id) {
            self.ids.remove(&(done.seat, done.order));
            if let Some(list) = done.list {
                self.leave_list(&list, id);
            }
        }
    }

    /// Cancels an order; one that is done already tells so by its own end.
    pub(crate) fn cancel(&mut self, now: Timestamp, seat: SeatId, order: OrderId, out: &mut Vec<Output>) {
        if let Some(id) = self.ids.get(&(seat, order)).cloned() {
            self.cancel_one(now, &id, out);
        }
    }

    pub(crate) fn cancel_all(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        for id in self.tracked.keys().cloned().collect::<Vec<_>>() {
            self.cancel_one(now, &id, out);
        }
    }

    /// An order of a list takes the list with it, as it would at the venue.
    fn cancel_one(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        let Some(tracked) = self.tracked.get_mut(id) else {
            return;
        };
        if tracked.cancel != Cancel::No || tracked.end.is_some() {
            return;
        }
        if let Some(list) = tracked.list.clone() {
            self.cancel_list(now, &list, out);
        } else if tracked.accepted && tracked.status != OrderStatus::Unknown {
            tracked.send_cancel(now, id, out);
        } else {
            tracked.cancel = Cancel::Held;
        }
    }

    pub(crate) fn amend(
        &mut self,
        now: Timestamp,
        seat: SeatId,
        order: OrderId,
        quantity: Decimal,
        out: &mut Vec<Output>,
    ) {
        let Some(id) = self.ids.get(&(seat, order)) else {
            return;
        };
        let Some(tracked) = self.tracked.get_mut(id) else {
            return;
        };
        if tracked.accepted && tracked.cancel == Cancel::No && tracked.end.is_none() {
            tracked.amending = true;
            tracked.asked_at = now;
            out.push(Output::Amend { symbol: tracked.symbol.clone(), client_order_id: id.clone(), quantity });
        } else {
            tracked.tell(now, tracked.update(OrderChange::AmendRejected, OrderReason::NotFound, false), out);
        }
    }

    /// The venue's word on an order, from its stream or as the answer to a question; false if the order is not known.
    pub(crate) fn report(
        &mut self,
        now: Timestamp,
        report: &ExecutionReport,
        recovered: bool,
        out: &mut Vec<Output>,
    ) -> bool {
        let id = &report.client_order_id;
        let Some(tracked) = self.tracked.get_mut(id) else {
            return false;
        };
        let ts = report.ts;
        tracked.venue_order_id = Some(report.venue_order_id);
        tracked.asked_at = now;
        tracked.doubts = tracked.doubts.saturating_sub(1);
        tracked.venue_filled = tracked.venue_filled.max(report.filled);
        if report.quantity > Decimal::ZERO && tracked.quantity.is_zero() {
            tracked.quantity = report.quantity;
        }
        if report.status != OrderStatus::Rejected && (!tracked.accepted || tracked.status == OrderStatus::Unknown) {
            tracked.accepted = true;
            tracked.status = tracked.open_status();
            tracked.tell(ts, tracked.update(OrderChange::Accepted, OrderReason::None, recovered), out);
        }
        if report.works && std::mem::take(&mut tracked.dormant) {
            tracked.tell(ts, tracked.update(OrderChange::Triggered, OrderReason::None, recovered), out);
        }
        let shrunk = report.quantity > Decimal::ZERO && report.quantity < tracked.quantity;
        if report.amended || (recovered && shrunk) {
            tracked.amending = false;
            tracked.quantity = report.quantity;
            tracked.tell(ts, tracked.update(OrderChange::Amended, OrderReason::None, recovered), out);
        } else if recovered {
            tracked.amending = false;
        }
        if let Some(fill) = &report.fill {
            let final_at = (report.status == OrderStatus::Filled).then_some(report.filled);
            tracked.fill(ts, fill, final_at, recovered, out);
        }
        if report.status.is_final() {
            tracked.end = Some(End { status: report.status, reason: report.reason, filled: report.filled });
        }
        if tracked.filled < report.filled {
            tracked.ask_trades(now, id, out);
        } else if tracked.finish(ts, recovered, out) {
            if let Some(list) = tracked.list.clone().filter(|_| report.status != OrderStatus::Rejected) {
                self.heard_of_list(now, &list, true, false, out);
            }
            self.remove(id);
            return true;
        }
        let held = tracked.cancel == Cancel::Held && tracked.end.is_none();
        let is_there = report.status != OrderStatus::Rejected;
        match tracked.list.clone() {
            None if held => tracked.send_cancel(now, id, out),
            None => {}
            Some(list) => self.heard_of_list(now, &list, is_there, held, out),
        }
        true
    }

    /// How a command ended.
    pub(crate) fn answer(
        &mut self,
        now: Timestamp,
        id: &ClientOrderId,
        kind: CommandKind,
        outcome: &CommandOutcome,
        out: &mut Vec<Output>,
    ) {
        if self.lists.contains_key(id) {
            self.answer_list(now, id, kind, outcome, out);
            return;
        }
        let Some(tracked) = self.tracked.get_mut(id) else {
            return;
        };
        tracked.asked_at = now;
        match (kind, outcome) {
            // Details come as reports.
            (_, CommandOutcome::Accepted) => {}
            (CommandKind::Place, CommandOutcome::Rejected(reason)) => {
                if tracked.accepted {
                    // The stream knows better than the answer; ask.
                    tracked.ask(now, id, out);
                } else {
                    tracked.end = Some(End { status: OrderStatus::Rejected, reason: *reason, filled: Decimal::ZERO });
                    tracked.finish(now, false, out);
                    self.remove(id);
                }
            }
            (CommandKind::Place, CommandOutcome::Unknown) => {
                if !tracked.accepted {
                    tracked.status = OrderStatus::Unknown;
                    tracked.tell(now, tracked.update(OrderChange::Unknown, OrderReason::None, false), out);
                }
                tracked.ask(now, id, out);
            }
            // The order stands as before and is wanted gone, perhaps by a plugin that lives no more: what the venue
            // (or the way to it) refuses for a while is asked again by the clock, and sent again if the order is open.
            (CommandKind::Cancel, CommandOutcome::Rejected(reason)) if *reason != OrderReason::NotFound => {
                tracked.cancel = Cancel::Held;
            }
            (CommandKind::Cancel, CommandOutcome::Rejected(reason)) => {
                if tracked.end.is_none() {
                    tracked.cancel = Cancel::No;
                    tracked.status = tracked.open_status();
                    tracked.tell(now, tracked.update(OrderChange::CancelRejected, *reason, false), out);
                }
                // Most often the order ended first; its report is on the way or was lost.
                tracked.ask(now, id, out);
            }
            (CommandKind::Amend, CommandOutcome::Rejected(reason)) => {
                tracked.amending = false;
                tracked.tell(now, tracked.update(OrderChange::AmendRejected, *reason, false), out);
            }
            (CommandKind::Cancel, CommandOutcome::Unknown) => {
                // Unlike an order, a cancel may be sent twice: if the order turns out to be open, it is.
                tracked.cancel = Cancel::Held;
                tracked.ask(now, id, out);
            }
            (CommandKind::Amend, CommandOutcome::Unknown) => tracked.ask(now, id, out),
        }
    }

    /// The venue does not know an order that was asked for.
    pub(crate) fn not_found(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        let Some(tracked) = self.tracked.get_mut(id) else {
            return;
        };
        tracked.asked_at = now;
        // It may still be on its way; only time makes the answer final. An order of a list is there as soon as
        // another one of it is.
        let arrived = tracked.list.as_ref().and_then(|list| self.lists.get(list)).is_some_and(|list| list.arrived);
        if !arrived && !tracked.accepted && now.since(tracked.sent_at) >= NEVER_ARRIVED_AFTER {
            tracked.end =
                Some(End { status: OrderStatus::Rejected, reason: OrderReason::NotFound, filled: Decimal::ZERO });
            tracked.finish(now, true, out);
            self.remove(id);
        }
    }

    /// Fills of one order as the venue lists them; those that were missed are told in order.
    pub(crate) fn trades(&mut self, now: Timestamp, id: &ClientOrderId, fills: &[VenueFill], out: &mut Vec<Output>) {
        let Some(tracked) = self.tracked.get_mut(id) else {
            return;
        };
        tracked.asked_at = now;
        let mut fills: Vec<_> = fills.iter().collect();
        fills.sort_by_key(|fill| fill.trade_id);
        let final_at = match tracked.end {
            Some(end) => (end.status == OrderStatus::Filled).then_some(end.filled),
            None => (!tracked.quantity.is_zero()).then_some(tracked.quantity),
        };
        for fill in fills {
            tracked.fill(now, fill, final_at, true, out);
        }
        if tracked.status == OrderStatus::Filled || tracked.finish(now, true, out) {
            self.remove(id);
        }
    }

    /// Asks for all that has had no word for too long.
    pub(crate) fn clock(&mut self, now: Timestamp, patience: Micros, out: &mut Vec<Output>) {
        let mut lists = BTreeSet::new();
        for (id, tracked) in &mut self.tracked {
            if now.since(tracked.asked_at) < patience {
                continue;
            }
            if tracked.end.is_some() || tracked.filled < tracked.venue_filled {
                tracked.ask_trades(now, id, out);
            } else if tracked.amending
                || tracked.doubts > 0
                || matches!(tracked.status, OrderStatus::PendingNew | OrderStatus::PendingCancel | OrderStatus::Unknown)
            {
                match unseen(&self.lists, tracked) {
                    Some(list) => drop(lists.insert(list)),
                    None => tracked.ask(now, id, out),
                }
            }
        }
        for list in lists {
            self.ask_list(now, &list, out);
        }
    }

    /// Asks for every order: what the stream would have said may be lost.
    pub(crate) fn reconcile(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        let mut lists = BTreeSet::new();
        for (id, tracked) in &mut self.tracked {
            // The answer to an earlier question may still come, and be older than what was missed.
            let earlier = tracked.question_at.is_some_and(|at| now.since(at) < ANSWERED_WITHIN);
            tracked.doubts = if earlier { 2 } else { 1 };
            match unseen(&self.lists, tracked) {
                Some(list) => drop(lists.insert(list)),
                None => tracked.ask(now, id, out),
            }
        }
        for list in lists {
            self.ask_list(now, &list, out);
        }
    }
}

/// The list of an order, if nobody knows whether the venue has it.
fn unseen(lists: &BTreeMap<ClientOrderId, List>, tracked: &Tracked) -> Option<ClientOrderId> {
    let id = tracked.list.as_ref()?;
    lists.get(id).is_some_and(|list| !list.arrived).then(|| id.clone())
}
