//! The life of each order as the venue tells it. The venue's word may come twice, late,
//! out of order or not at all; what a plugin is told is exact: each fill once, and an
//! order's end only after all of its fills.
//!
//! One order is in [`tracked`], what concerns a list as a whole in [`lists`], what comes after an order's end in [`ended`].

mod ended;
mod lists;
mod tracked;

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::event::{OrderChange, OrderReason};
use ringfence_model::venue::{ClientOrderId, CommandKind, CommandOutcome, ExecutionReport, VenueFill};
use ringfence_model::{Decimal, InstrumentId, Micros, OrderId, OrderStatus, SeatId, Side, Timestamp};

use crate::actions::Output;
use ended::EndedOrders;
use lists::List;
use tracked::{Cancel, End, Questions, Tracked};

/// An order of which nobody has said anything for so long is asked for, though all seems well: a user stream may go silent
/// while its connection lives, and nothing else would tell.
const QUIET: Micros = Micros::from_secs(300);

/// All orders are asked for at most so often because of what can't be read.
const RECONCILE_EVERY: Micros = Micros::from_secs(10);

/// Orders that are not final, and what is remembered of those that were.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    tracked: BTreeMap<ClientOrderId, Tracked>,
    lists: BTreeMap<ClientOrderId, List>,
    ids: BTreeMap<(SeatId, OrderId), ClientOrderId>,
    ended: EndedOrders,
    questions: Questions,
    reconciled_at: Option<Timestamp>,
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
                taken: false,
                cancel: Cancel::No,
                amending: false,
                end: None,
                sent_at: now,
                asked_at: now,
                doubt: None,
                final_from: None,
                cancel_in_doubt: false,
                venue_filled: Decimal::ZERO,
                strange: false,
            },
        );
    }

    fn remove(&mut self, id: &ClientOrderId) {
        if let Some(done) = self.tracked.remove(id) {
            self.ids.remove(&(done.seat, done.order));
            if let Some(list) = &done.list {
                self.leave_list(list, id);
            }
            self.ended.remember(id.clone(), done);
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
        } else if tracked.may_be_there() {
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
        question: Option<u64>,
        out: &mut Vec<Output>,
    ) -> bool {
        let id = &report.client_order_id;
        let Some(tracked) = self.tracked.get_mut(id) else {
            return self.ended.report(report, out);
        };
        let ts = report.ts;
        let recovered = question.is_some();
        tracked.venue_order_id = Some(report.venue_order_id);
        tracked.asked_at = now;
        tracked.doubt = tracked.doubt.filter(|doubt| question.is_none_or(|question| question < *doubt));
        if report.status == OrderStatus::Unknown {
            // It is kept as open and asked for until the venue says what is known.
            tracked.doubt.get_or_insert(self.questions.upcoming());
            if !std::mem::replace(&mut tracked.strange, true) {
                out.push(Output::Alarm {
                    what: format!("order {}: the venue gives it a state that is new here", id.0),
                });
            }
        }
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
        // An order only ever gets smaller: what says otherwise is an older word, or the same one a second time.
        let shrunk = report.quantity > Decimal::ZERO && report.quantity < tracked.quantity;
        if (report.amended || recovered) && shrunk {
            tracked.quantity = report.quantity;
            tracked.tell(ts, tracked.update(OrderChange::Amended, OrderReason::None, recovered), out);
        }
        if report.amended || recovered {
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
            (CommandKind::Place, CommandOutcome::Accepted) => {
                tracked.taken = true;
                if tracked.cancel == Cancel::Held && tracked.end.is_none() {
                    tracked.send_cancel(now, id, out);
                }
            }
            (_, CommandOutcome::Accepted) => {}
            (CommandKind::Place, CommandOutcome::Rejected(reason)) => {
                if tracked.accepted {
                    // The stream knows better than the answer; ask.
                    tracked.ask(&mut self.questions, now, id, out);
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
                // Wanted gone: it may be there, and a cancel waits for no question.
                if tracked.cancel == Cancel::Held {
                    tracked.send_cancel(now, id, out);
                }
                tracked.ask(&mut self.questions, now, id, out);
            }
            // The order stands as before and is wanted gone, perhaps by a plugin that lives no more: what the venue
            // (or the way to it) refuses for a while is sent again by the clock.
            (CommandKind::Cancel, CommandOutcome::Rejected(reason)) if *reason != OrderReason::NotFound => {
                tracked.cancel = Cancel::Held;
            }
            (CommandKind::Cancel, CommandOutcome::Rejected(reason)) => {
                if tracked.end.is_none() {
                    if tracked.accepted && !tracked.cancel_in_doubt {
                        tracked.cancel = Cancel::No;
                        tracked.status = tracked.open_status();
                        tracked.tell(now, tracked.update(OrderChange::CancelRejected, *reason, false), out);
                    } else {
                        // It was before the order, or comes after another that did it.
                        tracked.cancel = Cancel::Held;
                    }
                }
                // Most often the order ended first; its report is on the way or was lost.
                tracked.ask(&mut self.questions, now, id, out);
            }
            (CommandKind::Amend, CommandOutcome::Rejected(reason)) => {
                tracked.amending = false;
                tracked.tell(now, tracked.update(OrderChange::AmendRejected, *reason, false), out);
            }
            (CommandKind::Cancel, CommandOutcome::Unknown) => {
                // Unlike an order, a cancel may be sent twice: it is, unless the end is heard of before.
                tracked.cancel = Cancel::Held;
                tracked.cancel_in_doubt = true;
                tracked.ask(&mut self.questions, now, id, out);
            }
            (CommandKind::Amend, CommandOutcome::Unknown) => tracked.ask(&mut self.questions, now, id, out),
        }
    }

    /// The venue does not know an order that was asked for.
    pub(crate) fn not_found(&mut self, now: Timestamp, id: &ClientOrderId, question: u64, out: &mut Vec<Output>) {
        let Some(tracked) = self.tracked.get_mut(id) else {
            return;
        };
        tracked.asked_at = now;
        // It may still be on its way; only time makes the answer final. An order of a list is there as soon as
        // another one of it is.
        let arrived = tracked.list.as_ref().and_then(|list| self.lists.get(list)).is_some_and(|list| list.arrived);
        if !arrived && !tracked.accepted && !tracked.taken && tracked.final_from.is_some_and(|from| question >= from) {
            tracked.end =
                Some(End { status: OrderStatus::Rejected, reason: OrderReason::NotFound, filled: Decimal::ZERO });
            tracked.finish(now, true, out);
            self.remove(id);
        }
    }

    /// Fills of one order as the venue lists them; those that were missed are told in order.
    pub(crate) fn trades(&mut self, now: Timestamp, id: &ClientOrderId, fills: &[VenueFill], out: &mut Vec<Output>) {
        let Some(tracked) = self.tracked.get_mut(id) else {
            self.ended.trades(now, id, fills, out);
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

    /// Asks for all that has had no word for too long, after cancelling what is wanted gone.
    pub(crate) fn clock(&mut self, now: Timestamp, patience: Micros, out: &mut Vec<Output>) {
        let (mut cancels, mut lists) = (BTreeSet::new(), BTreeSet::new());
        let mut questions = Vec::new();
        for (id, tracked) in &mut self.tracked {
            let quiet = now.since(tracked.asked_at);
            if quiet < patience {
                continue;
            }
            // Not only when the question is answered: the venue's limits leave room for cancels when there is none for
            // questions, and a cancel of what is not there is no harm.
            if tracked.cancel == Cancel::Held && tracked.end.is_none() {
                match &tracked.list {
                    Some(list) => drop(cancels.insert(list.clone())),
                    None => tracked.send_cancel(now, id, out),
                }
            }
            if tracked.end.is_some() || tracked.filled < tracked.venue_filled {
                tracked.ask_trades(now, id, &mut questions);
            } else if tracked.amending
                || tracked.doubt.is_some()
                || quiet >= QUIET
                || matches!(tracked.status, OrderStatus::PendingNew | OrderStatus::PendingCancel | OrderStatus::Unknown)
            {
                match unseen(&self.lists, tracked) {
                    Some(list) => drop(lists.insert(list)),
                    None => tracked.ask(&mut self.questions, now, id, &mut questions),
                }
            }
        }
        for list in cancels {
            self.send_cancel_list(now, &list, out);
        }
        out.append(&mut questions);
        for list in lists {
            self.ask_list(now, &list, out);
        }
    }

    /// Asks for every order: what the stream would have said may be lost. Unless it must be `at_once`, soon after the last
    /// time the clock does it: a stream of which much can't be read must not use up the venue's patience.
    pub(crate) fn reconcile(&mut self, now: Timestamp, at_once: bool, out: &mut Vec<Output>) {
        let mut lists = BTreeSet::new();
        let later = !at_once && self.reconciled_at.is_some_and(|at| now.since(at) < RECONCILE_EVERY);
        if !later {
            self.reconciled_at = Some(now);
        }
        for (id, tracked) in &mut self.tracked {
            // The answer to an earlier question may still come, and be older than what was missed.
            tracked.doubt = Some(self.questions.upcoming());
            if later {
                continue;
            }
            match unseen(&self.lists, tracked) {
                Some(list) => drop(lists.insert(list)),
                None => tracked.ask(&mut self.questions, now, id, out),
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
