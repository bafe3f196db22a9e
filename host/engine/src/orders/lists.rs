//! Lists as a whole. The venue takes all orders of a list or none, and a cancel of one of
//! them is a cancel of all; so a list is sent, asked for, given up and cancelled as one, and
//! what becomes of each of its orders is told as of any other.

use ringfence_model::event::{OrderChange, OrderReason};
use ringfence_model::venue::{ClientOrderId, CommandKind, CommandOutcome};
use ringfence_model::{Decimal, OrderStatus, Timestamp};

use super::tracked::{Cancel, End, NEVER_ARRIVES_AFTER, Tracked};
use super::{Orders, Placed};
use crate::actions::Output;

/// A list with orders that are not final.
#[derive(Debug)]
pub(super) struct List {
    symbol: String,
    /// Those orders.
    orders: Vec<ClientOrderId>,
    /// The venue has said that it has the list, by any of its orders.
    pub(super) arrived: bool,
    sent_at: Timestamp,
    /// "Not found" is final from this question on.
    final_from: Option<u64>,
}

impl Orders {
    /// A list is on its way to the venue.
    pub(crate) fn place_list(&mut self, now: Timestamp, id: &ClientOrderId, orders: Vec<(ClientOrderId, Placed)>) {
        let Some(symbol) = orders.first().map(|(_, placed)| placed.symbol.clone()) else { return };
        let names = orders.iter().map(|(name, _)| name.clone()).collect();
        self.lists.insert(id.clone(), List { symbol, orders: names, arrived: false, sent_at: now, final_from: None });
        for (name, placed) in orders {
            self.place(now, name.clone(), placed);
            if let Some(tracked) = self.tracked.get_mut(&name) {
                tracked.list = Some(id.clone());
            }
        }
    }

    /// An order of a list is final.
    pub(super) fn leave_list(&mut self, id: &ClientOrderId, order: &ClientOrderId) {
        if let Some(list) = self.lists.get_mut(id) {
            list.orders.retain(|known| known != order);
            if list.orders.is_empty() {
                self.lists.remove(id);
            }
        }
    }

    /// Its orders that are not final.
    fn orders_of(&self, id: &ClientOrderId) -> Vec<ClientOrderId> {
        self.lists.get(id).map(|list| list.orders.clone()).unwrap_or_default()
    }

    /// Cancels all that is left of a list, with one request.
    pub(super) fn cancel_list(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        let Some(list) = self.lists.get(id) else { return };
        let there = |order: &ClientOrderId| self.tracked.get(order).is_some_and(Tracked::may_be_there);
        if list.arrived || list.orders.iter().any(there) {
            self.send_cancel_list(now, id, out);
            return;
        }
        for order in self.orders_of(id) {
            if let Some(tracked) = self.tracked.get_mut(&order).filter(|tracked| tracked.end.is_none()) {
                tracked.cancel = Cancel::Held;
            }
        }
    }

    pub(super) fn send_cancel_list(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        let Some(symbol) = self.lists.get(id).map(|list| list.symbol.clone()) else { return };
        for order in self.orders_of(id) {
            if let Some(tracked) = self.tracked.get_mut(&order).filter(|tracked| tracked.end.is_none()) {
                tracked.cancel_is_sent();
                tracked.asked_at = now;
            }
        }
        out.push(Output::CancelList { symbol, list: id.clone() });
    }

    /// The venue spoke of one of a list's orders; `held`: that one is open and wanted gone.
    pub(super) fn heard_of_list(
        &mut self,
        now: Timestamp,
        id: &ClientOrderId,
        is_there: bool,
        held: bool,
        out: &mut Vec<Output>,
    ) {
        let Some(list) = self.lists.get_mut(id) else { return };
        list.arrived |= is_there;
        if held && list.arrived {
            self.send_cancel_list(now, id, out);
        }
    }

    /// Asks for the list; what its orders have had no word of is put off until the answer.
    pub(super) fn ask_list(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        for order in self.orders_of(id) {
            if let Some(tracked) = self.tracked.get_mut(&order) {
                tracked.asked_at = now;
            }
        }
        let question = self.questions.next();
        if let Some(list) = self.lists.get_mut(id)
            && now.since(list.sent_at) >= NEVER_ARRIVES_AFTER
        {
            list.final_from.get_or_insert(question);
        }
        out.push(Output::QueryList { list: id.clone(), question });
    }

    /// Asks for each order of a list that is there.
    fn ask_orders_of(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        for order in self.orders_of(id) {
            if let Some(tracked) = self.tracked.get_mut(&order) {
                tracked.ask(&mut self.questions, now, &order, out);
            }
        }
    }

    /// The venue has the list.
    pub(crate) fn list_found(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        if let Some(list) = self.lists.get_mut(id) {
            list.arrived = true;
            self.ask_orders_of(now, id, out);
        }
    }

    /// The venue does not know the list.
    pub(crate) fn list_not_found(&mut self, now: Timestamp, id: &ClientOrderId, question: u64, out: &mut Vec<Output>) {
        // It may still be on its way; only time makes the answer final.
        let never = |list: &super::List| !list.arrived && list.final_from.is_some_and(|from| question >= from);
        if self.lists.get(id).is_some_and(never) {
            self.reject_list(now, id, OrderReason::NotFound, true, out);
        }
    }

    /// None of its orders was taken.
    fn reject_list(
        &mut self,
        now: Timestamp,
        id: &ClientOrderId,
        reason: OrderReason,
        recovered: bool,
        out: &mut Vec<Output>,
    ) {
        for order in self.orders_of(id) {
            if let Some(tracked) = self.tracked.get_mut(&order) {
                tracked.end = Some(End { status: OrderStatus::Rejected, reason, filled: Decimal::ZERO });
                tracked.finish(now, recovered, out);
                self.remove(&order);
            }
        }
    }

    /// How a command on a list ended.
    pub(super) fn answer_list(
        &mut self,
        now: Timestamp,
        id: &ClientOrderId,
        kind: CommandKind,
        outcome: &CommandOutcome,
        out: &mut Vec<Output>,
    ) {
        let arrived = self.lists.get(id).is_some_and(|list| list.arrived);
        match (kind, outcome) {
            // Details come as reports.
            (CommandKind::Place, CommandOutcome::Accepted) => {
                if let Some(list) = self.lists.get_mut(id) {
                    list.arrived = true;
                }
                if self.is_held(id) {
                    self.send_cancel_list(now, id, out);
                }
            }
            (_, CommandOutcome::Accepted) => {}
            (CommandKind::Place, CommandOutcome::Rejected(reason)) if !arrived => {
                self.reject_list(now, id, *reason, false, out);
            }
            // The stream knows better than the answer; ask.
            (CommandKind::Place, CommandOutcome::Rejected(_)) => self.ask_orders_of(now, id, out),
            (CommandKind::Place, CommandOutcome::Unknown) => {
                for order in self.orders_of(id) {
                    let Some(tracked) = self.tracked.get_mut(&order) else { continue };
                    if !tracked.accepted {
                        tracked.status = OrderStatus::Unknown;
                        tracked.tell(now, tracked.update(OrderChange::Unknown, OrderReason::None, false), out);
                    }
                }
                // Wanted gone: it may be there, and a cancel waits for no question.
                if self.is_held(id) {
                    self.send_cancel_list(now, id, out);
                }
                if arrived {
                    self.ask_orders_of(now, id, out);
                } else {
                    self.ask_list(now, id, out);
                }
            }
            // Most often the list ended first; the reports of that are on the way or were lost.
            (_, CommandOutcome::Rejected(OrderReason::NotFound)) => {
                for order in self.orders_of(id) {
                    let Some(tracked) = self.tracked.get_mut(&order) else { continue };
                    if tracked.end.is_some() || tracked.cancel != Cancel::Sent {
                        continue;
                    }
                    // It was before the list, or comes after another that did it.
                    if !arrived || tracked.cancel_in_doubt {
                        tracked.cancel = Cancel::Held;
                    } else {
                        tracked.cancel = Cancel::No;
                        tracked.status = if tracked.accepted { tracked.open_status() } else { OrderStatus::Unknown };
                        let update = tracked.update(OrderChange::CancelRejected, OrderReason::NotFound, false);
                        tracked.tell(now, update, out);
                    }
                }
                if arrived {
                    self.ask_orders_of(now, id, out);
                }
            }
            // Wanted gone: the clock cancels it again. Twice is the same as once.
            (_, CommandOutcome::Rejected(_)) => self.hold_cancel(id, false),
            (_, CommandOutcome::Unknown) => {
                self.hold_cancel(id, true);
                if arrived {
                    self.ask_orders_of(now, id, out);
                }
            }
        }
    }

    /// It is wanted gone, and no cancel is under way.
    fn is_held(&self, id: &ClientOrderId) -> bool {
        self.orders_of(id)
            .iter()
            .filter_map(|order| self.tracked.get(order))
            .any(|tracked| tracked.cancel == Cancel::Held && tracked.end.is_none())
    }

    fn hold_cancel(&mut self, id: &ClientOrderId, in_doubt: bool) {
        for order in self.orders_of(id) {
            if let Some(tracked) = self.tracked.get_mut(&order).filter(|tracked| tracked.cancel == Cancel::Sent) {
                tracked.cancel = Cancel::Held;
                tracked.cancel_in_doubt |= in_doubt;
            }
        }
    }
}
