//! Where the sandbox meets the engine.
//!
//! A desk is one plugin's place in the engine: its gate, orders, allocation and ledger.
//! It belongs to the seat, so it outlives every generation of the plugin. The sandbox
//! calls it on the seat's thread, from inside a guest call; therefore no method waits.

use crate::event::{Book, Quote};
use crate::order::{OpenOrder, OrderList};
use crate::strategy::FaultPolicy;
use crate::{
    Balance, Decimal, Denial, Event, EventBody, Instrument, InstrumentId, NewOrder, OrderId, Position, Seq, Side,
    StreamKind, Timestamp, denial::QuotaState,
};

/// One plugin's place in the engine. `now` is event time.
#[allow(missing_docs, reason = "each method is the WIT function of its name; see wit/imports.wit")]
pub trait Desk: Send {
    fn submit(&mut self, now: Timestamp, order: NewOrder, cause: Seq) -> Result<OrderId, Denial>;
    fn submit_list(&mut self, now: Timestamp, orders: OrderList, cause: Seq) -> Result<Vec<OrderId>, Denial>;
    fn cancel(&mut self, now: Timestamp, order: OrderId, cause: Seq) -> Result<(), Denial>;
    fn cancel_all(&mut self, now: Timestamp, instrument: Option<InstrumentId>, cause: Seq) -> Result<u32, Denial>;
    fn amend(&mut self, now: Timestamp, order: OrderId, quantity: Decimal, cause: Seq) -> Result<(), Denial>;
    /// The instruments that are granted.
    fn instruments(&self) -> &[Instrument];
    fn subscribe(&mut self, instrument: InstrumentId, stream: StreamKind) -> Result<(), Denial>;
    fn unsubscribe(&mut self, instrument: InstrumentId, stream: StreamKind) -> Result<(), Denial>;
    fn last_quote(&self, instrument: InstrumentId, as_of: Seq) -> Option<(Timestamp, Quote)>;
    fn book(&self, instrument: InstrumentId, levels: u32, as_of: Seq) -> Option<Book>;
    fn request_history(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        interval: u32,
        start: Option<Timestamp>,
        limit: u32,
        cause: Seq,
    ) -> Result<u64, Denial>;
    fn balances(&self) -> Vec<Balance>;
    fn positions(&self) -> Vec<Position>;
    fn open_orders(&self) -> Vec<OpenOrder>;
    fn quotas(&self, now: Timestamp) -> Vec<QuotaState>;
    /// Books an event: each one once, in order of `seq`, before the guest handles it (and also
    /// when there is no guest). What follows from it is told right after it.
    fn apply(&mut self, event: &Event) -> Vec<EventBody>;
    /// Ends open orders by the operator's policy, without regard to quotas; those in `spare`
    /// belong to a generation that goes on. How many were cancelled.
    fn end_orders(
        &mut self,
        now: Timestamp,
        policy: FaultPolicy,
        spare: &[OrderId],
        cause: Seq,
    ) -> Result<u32, Denial> {
        if policy == FaultPolicy::Cancel && spare.is_empty() {
            return self.cancel_all(now, None, cause);
        }
        let ending = orders_to_end(policy, spare, &self.open_orders(), &self.positions());
        for order in &ending {
            self.cancel(now, *order, cause)?;
        }
        Ok(u32::try_from(ending.len()).unwrap_or(u32::MAX))
    }
    /// Figures for the operator.
    fn report(&self) -> DeskReport;
}

/// Which of the open orders a policy ends. Oldest orders are spared first.
pub fn orders_to_end(
    policy: FaultPolicy,
    spare: &[OrderId],
    open: &[OpenOrder],
    positions: &[Position],
) -> Vec<OrderId> {
    let mut room: Vec<(InstrumentId, Decimal)> = positions.iter().map(|one| (one.instrument, one.quantity)).collect();
    let mut ending = Vec::new();
    for order in open {
        let stays = spare.contains(&order.order)
            || match policy {
                FaultPolicy::Keep => true,
                FaultPolicy::Cancel => false,
                FaultPolicy::ReduceOnly => {
                    let left = order.quantity.saturating_sub(order.filled);
                    let signed = match order.side {
                        Side::Buy => left,
                        Side::Sell => -left,
                    };
                    let position = room.iter_mut().find(|(instrument, _)| *instrument == order.instrument);
                    position.is_some_and(|(_, quantity)| {
                        let after = quantity.saturating_add(signed);
                        // Towards zero and not beyond it.
                        let reduces = !left.is_zero()
                            && (quantity.is_sign_positive() != signed.is_sign_positive())
                            && (after.is_zero() || after.is_sign_positive() == quantity.is_sign_positive());
                        if reduces {
                            *quantity = after;
                        }
                        reduces
                    })
                }
            };
        if !stays {
            ending.push(order.order);
        }
    }
    ending
}

/// Figures of one desk for the live view and the summary.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeskReport {
    /// Orders that were approved.
    pub orders: u64,
    /// Commands that were denied.
    pub denials: u64,
    /// Fills that were booked.
    pub fills: u64,
    /// Orders that are not final.
    pub open_orders: u64,
    /// Positions that were ever opened.
    pub positions: Vec<Position>,
    /// The allocation as it stands.
    pub balances: Vec<Balance>,
    /// What fills and commissions changed, by asset: now minus the initial allocation.
    pub changes: Vec<(String, Decimal)>,
    /// Realised and unrealised profit and loss in the quote asset, at the last price.
    pub pnl: Decimal,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OrderStatus;

    fn order(number: u64, side: Side, quantity: i64, filled: i64) -> OpenOrder {
        OpenOrder {
            order: OrderId(number),
            instrument: InstrumentId(0),
            side,
            price: Decimal::ONE,
            quantity: Decimal::from(quantity),
            filled: Decimal::from(filled),
            status: OrderStatus::Accepted,
            client_order_id: String::new(),
            tag: None,
        }
    }

    fn position(quantity: i64) -> Position {
        Position {
            instrument: InstrumentId(0),
            quantity: Decimal::from(quantity),
            average_price: Decimal::ONE,
            realised_pnl: Decimal::ZERO,
        }
    }

    #[test]
    fn policies_end_what_they_say() {
        let open = [
            order(1, Side::Buy, 1, 0),
            order(2, Side::Sell, 2, 0),
            order(3, Side::Sell, 2, 0),
            order(4, Side::Sell, 2, 1),
        ];
        let ends = |policy, spare: &[u64], quantity| {
            let spare: Vec<_> = spare.iter().map(|number| OrderId(*number)).collect();
            let ending = orders_to_end(policy, &spare, &open, &[position(quantity)]);
            ending.iter().map(|order| order.0).collect::<Vec<_>>()
        };
        assert_eq!(ends(FaultPolicy::Cancel, &[], 3), [1, 2, 3, 4]);
        assert_eq!(ends(FaultPolicy::Cancel, &[2, 4], 3), [1, 3]);
        assert_eq!(ends(FaultPolicy::Keep, &[], 3), [0u64; 0]);
        assert_eq!(
            ends(FaultPolicy::ReduceOnly, &[], 3),
            [1, 3],
            "two and the one that is left of order 4 fit into three"
        );
        assert_eq!(ends(FaultPolicy::ReduceOnly, &[], 0), [1, 2, 3, 4], "nothing to reduce");
        assert_eq!(ends(FaultPolicy::ReduceOnly, &[], -1), [2, 3, 4], "a short position is reduced by buying");
        assert_eq!(orders_to_end(FaultPolicy::ReduceOnly, &[], &open, &[]).len(), 4);
    }
}
