//! One order that a plugin does not know the end of: what the venue has said of it, what is asked of the venue, and what the
//! plugin is told.

use std::collections::BTreeSet;

use ringfence_model::event::{Fill, OrderChange, OrderReason, OrderUpdate};
use ringfence_model::venue::{ClientOrderId, VenueFill};
use ringfence_model::{Decimal, EventBody, InstrumentId, Micros, OrderId, OrderStatus, SeatId, Side, Timestamp};

use crate::actions::Output;

/// "Not found" is final when it was asked so long after the order was sent. The client signs an order up to 12 s after it
/// was given one (its patience with a socket, before it goes by REST); the venue tests `timestamp + recvWindow` (5 s, the
/// most that may be configured) right before it takes an order and gives up on one after 10 s; and the clocks are less
/// than 2 s apart (the venue refuses a timestamp that is more than 1 s ahead).
pub(super) const NEVER_ARRIVES_AFTER: Micros = Micros::from_secs(12 + 5 + 10 + 2);

/// Numbers questions to the venue, so that an answer is known to tell of no earlier time than its question.
#[derive(Debug, Default)]
pub(super) struct Questions(u64);

impl Questions {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.saturating_add(1);
        self.0
    }

    /// The number of the next one.
    pub(super) const fn upcoming(&self) -> u64 {
        self.0.saturating_add(1)
    }
}

/// Whether a cancel is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// Wanted, but not under way: the order itself is, or the venue did not take the cancel. Sent as soon as may be.
    Held,
    Sent,
}

/// How an order ended, while fills that belong before its end are missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) status: OrderStatus,
    pub(super) reason: OrderReason,
    pub(super) filled: Decimal,
}

/// Which order a plugin is told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) order: OrderId,
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
}

/// A fill in the plugin's words.
pub(super) fn told_fill(of: Told, fill: &VenueFill, status: OrderStatus, recovered: bool) -> EventBody {
    EventBody::Fill(Fill {
        order: of.order,
        instrument: of.instrument,
        side: of.side,
        trade_id: fill.trade_id,
        price: fill.price,
        quantity: fill.quantity,
        commission: fill.commission,
        commission_asset: fill.commission_asset.clone(),
        maker: fill.maker,
        status,
        recovered,
    })
}

/// An order that a plugin does not know the end of.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) seat: SeatId,
    pub(super) order: OrderId,
    pub(super) instrument: InstrumentId,
    pub(super) symbol: String,
    pub(super) side: Side,
    pub(super) status: OrderStatus,
    pub(super) quantity: Decimal,
    pub(super) filled: Decimal,
    pub(super) trades: BTreeSet<u64>,
    pub(super) venue_order_id: Option<u64>,
    /// Its list.
    pub(super) list: Option<ClientOrderId>,
    /// It waits for its trigger, or for another order of its list.
    pub(super) dormant: bool,
    /// The venue has said that it has the order, with all that is known of it.
    pub(super) accepted: bool,
    /// It has answered that it took the order.
    pub(super) taken: bool,
    pub(super) cancel: Cancel,
    pub(super) amending: bool,
    pub(super) end: Option<End>,
    pub(super) sent_at: Timestamp,
    /// Last word from the venue or question to it.
    pub(super) asked_at: Timestamp,
    /// What the stream would have said may be lost; the answer to this question, or to a later one, makes up for it.
    /// What the stream says itself does not: it may be older than what is missing.
    pub(super) doubt: Option<u64>,
    /// "Not found" is final from this question on.
    pub(super) final_from: Option<u64>,
    /// A cancel may have been done though nobody said so: "not found" is no refusal of the next one.
    pub(super) cancel_in_doubt: bool,
    /// What the venue has said to be filled.
    pub(super) venue_filled: Decimal,
    /// The venue said something of its state that nobody here knows, and that was told.
    pub(super) strange: bool,
}

impl Tracked {
    pub(super) const fn told(&self) -> Told {
        Told { order: self.order, instrument: self.instrument, side: self.side }
    }

    /// The state of an order that is on the book.
    pub(super) fn open_status(&self) -> OrderStatus {
        match (self.cancel, self.filled.is_zero()) {
            (Cancel::Sent, _) => OrderStatus::PendingCancel,
            (_, true) => OrderStatus::Accepted,
            (_, false) => OrderStatus::PartiallyFilled,
        }
    }

    /// A cancel would not come before the order: the venue has it, or nobody knows and it is not under way any more.
    pub(super) fn may_be_there(&self) -> bool {
        self.accepted || self.taken || self.status == OrderStatus::Unknown
    }

    pub(super) fn update(&self, change: OrderChange, reason: OrderReason, recovered: bool) -> EventBody {
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

    pub(super) fn tell(&self, ts: Timestamp, body: EventBody, out: &mut Vec<Output>) {
        out.push(Output::Deliver { seat: self.seat, ts, body });
    }

    /// Books a fill unless it is known; the order's state after it.
    pub(super) fn fill(
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
        self.tell(ts, told_fill(self.told(), fill, self.status, recovered), out);
    }

    /// Tells the end if nothing is missing before it; true if the order is done.
    pub(super) fn finish(&mut self, ts: Timestamp, recovered: bool, out: &mut Vec<Output>) -> bool {
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

    /// A cancel is under way; an order that nobody has heard of is still in doubt.
    pub(super) const fn cancel_is_sent(&mut self) {
        self.cancel = Cancel::Sent;
        if self.accepted {
            self.status = OrderStatus::PendingCancel;
        }
    }

    pub(super) fn ask_trades(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        self.asked_at = now;
        if let Some(venue_order_id) = self.venue_order_id {
            out.push(Output::Trades { symbol: self.symbol.clone(), client_order_id: id.clone(), venue_order_id });
        }
    }

    pub(super) fn ask(&mut self, questions: &mut Questions, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        self.asked_at = now;
        let question = questions.next();
        if now.since(self.sent_at) >= NEVER_ARRIVES_AFTER {
            self.final_from.get_or_insert(question);
        }
        out.push(Output::Query { symbol: self.symbol.clone(), client_order_id: id.clone(), question });
    }

    pub(super) fn send_cancel(&mut self, now: Timestamp, id: &ClientOrderId, out: &mut Vec<Output>) {
        self.cancel_is_sent();
        self.asked_at = now;
        out.push(Output::Cancel { symbol: self.symbol.clone(), client_order_id: id.clone() });
    }
}
