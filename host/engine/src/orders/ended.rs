//! Orders whose end was told. The venue should say nothing new of them; if it does, it is right and we were wrong: a fill is
//! money and is booked, and what is open though it was given up is cancelled. Either is told to the operator loudly.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ringfence_model::venue::{ClientOrderId, ExecutionReport, VenueFill};
use ringfence_model::{Decimal, OrderStatus, SeatId, Timestamp};

use super::tracked::{Told, Tracked, told_fill};
use crate::actions::Output;

/// So many of the latest are remembered: hours of a busy host, and some megabytes.
const REMEMBERED: usize = 20_000;

/// What is remembered of one.
#[derive(Debug)]
struct Ended {
    seat: SeatId,
    told: Told,
    status: OrderStatus,
    filled: Decimal,
    trades: BTreeSet<u64>,
    /// The venue has had it: what says that it is open is old.
    accepted: bool,
}

impl Ended {
    /// Books a fill that nobody knew; whether it was one.
    fn fill(&mut self, ts: Timestamp, fill: &VenueFill, out: &mut Vec<Output>) -> bool {
        if !self.trades.insert(fill.trade_id) {
            return false;
        }
        self.filled = self.filled.saturating_add(fill.quantity);
        let body = told_fill(self.told, fill, self.status, true);
        out.push(Output::Deliver { seat: self.seat, ts, body });
        true
    }
}

/// The latest orders whose end was told.
#[derive(Debug, Default)]
pub(super) struct EndedOrders {
    orders: BTreeMap<ClientOrderId, Ended>,
    /// The oldest first.
    ages: VecDeque<ClientOrderId>,
}

impl EndedOrders {
    /// An order's end was told.
    pub(super) fn remember(&mut self, id: ClientOrderId, done: Tracked) {
        if self.ages.len() >= REMEMBERED
            && let Some(oldest) = self.ages.pop_front()
        {
            self.orders.remove(&oldest);
        }
        self.ages.push_back(id.clone());
        let told = done.told();
        let Tracked { seat, status, filled, trades, accepted, .. } = done;
        self.orders.insert(id, Ended { seat, told, status, filled, trades, accepted });
    }

    /// The venue's word on an order; false if nobody remembers it.
    pub(super) fn report(&mut self, report: &ExecutionReport, out: &mut Vec<Output>) -> bool {
        let id = &report.client_order_id;
        let Some(ended) = self.orders.get_mut(id) else { return false };
        if report.fill.as_ref().is_some_and(|fill| ended.fill(report.ts, fill, out)) {
            out.push(alarm(id, "a fill was told after its end, and is booked"));
        }
        let (symbol, client_order_id) = (report.symbol.clone(), id.clone());
        if report.filled > ended.filled {
            let venue_order_id = report.venue_order_id;
            out.push(Output::Trades { symbol: symbol.clone(), client_order_id: id.clone(), venue_order_id });
        }
        let is_open = !report.status.is_final();
        if is_open && !ended.accepted {
            out.push(Output::Cancel { symbol, client_order_id });
            out.push(alarm(id, "it was given up, but the venue has it; it is cancelled"));
        }
        true
    }

    /// Fills of an order as the venue lists them.
    pub(super) fn trades(&mut self, now: Timestamp, id: &ClientOrderId, fills: &[VenueFill], out: &mut Vec<Output>) {
        let Some(ended) = self.orders.get_mut(id) else { return };
        let mut news = false;
        for fill in fills {
            news |= ended.fill(now, fill, out);
        }
        if news {
            out.push(alarm(id, "fills were found after its end, and are booked"));
        }
    }
}

fn alarm(id: &ClientOrderId, what: &str) -> Output {
    Output::Alarm { what: format!("order {}: {what}", id.0) }
}
