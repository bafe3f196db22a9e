//! The newest public trades of a symbol, single and aggregated. Old ones are forgotten.

use std::collections::VecDeque;

use ringfence_model::{Decimal, Side, Timestamp};

use super::PublicTrade;

/// Trades that are remembered, of each kind.
const KEPT: usize = 20_000;

/// Trades of one taker at one price, summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aggregate {
    pub(crate) id: u64,
    pub(crate) price: Decimal,
    pub(crate) quantity: Decimal,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) aggressor: Side,
    pub(crate) time: Timestamp,
}

/// The newest trades, oldest first; ids rise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tape {
    trades: VecDeque<PublicTrade>,
    aggregates: VecDeque<Aggregate>,
}

fn keep<T>(queue: &mut VecDeque<T>, row: T) {
    if queue.len() >= KEPT {
        queue.pop_front();
    }
    queue.push_back(row);
}

impl Tape {
    pub(crate) fn trade(&mut self, trade: PublicTrade) {
        keep(&mut self.trades, trade);
    }

    pub(crate) fn aggregate(&mut self, trade: Aggregate) {
        keep(&mut self.aggregates, trade);
    }

    pub(crate) fn last(&self) -> Option<&PublicTrade> {
        self.trades.back()
    }

    pub(crate) fn last_aggregate(&self) -> Option<&Aggregate> {
        self.aggregates.back()
    }

    /// Trades from an id on, or the newest.
    pub(crate) fn trades(&self, from: Option<u64>, limit: usize) -> impl Iterator<Item = &PublicTrade> {
        let start = match from {
            Some(from) => self.trades.partition_point(|trade| trade.id < from),
            None => self.trades.len().saturating_sub(limit),
        };
        self.trades.iter().skip(start).take(limit)
    }

    /// Aggregates from an id or a time on, up to a time, or the newest.
    pub(crate) fn aggregates(
        &self,
        from: Option<u64>,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
        limit: usize,
    ) -> impl Iterator<Item = &Aggregate> {
        let until = match end {
            Some(end) => self.aggregates.partition_point(|trade| trade.time <= end),
            None => self.aggregates.len(),
        };
        let first = match (from, start) {
            (Some(from), _) => self.aggregates.partition_point(|trade| trade.id < from),
            (None, Some(start)) => self.aggregates.partition_point(|trade| trade.time < start),
            (None, None) => until.saturating_sub(limit),
        };
        self.aggregates.iter().take(until).skip(first).take(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape() -> Tape {
        let mut tape = Tape::default();
        for id in 1..=KEPT as u64 + 10 {
            let (price, time) = (Decimal::ONE, Timestamp::from_millis(id * 10));
            tape.trade(PublicTrade { id, price, quantity: price, aggressor: Side::Buy, time });
            tape.aggregate(Aggregate { id, price, quantity: price, first: id, last: id, aggressor: Side::Buy, time });
        }
        tape
    }

    #[test]
    fn bounds_choose_which_rows_are_told() {
        let tape = tape();
        let ids = |from, start: Option<u64>, end: Option<u64>, limit| -> Vec<u64> {
            let at = |ms: Option<u64>| ms.map(Timestamp::from_millis);
            tape.aggregates(from, at(start), at(end), limit).map(|row| row.id).collect()
        };
        let last = KEPT as u64 + 10;
        assert_eq!(ids(None, None, None, 2), [last - 1, last]);
        assert_eq!(ids(None, Some(1_000), None, 2), [100, 101]);
        assert_eq!(ids(None, None, Some(1_000), 2), [99, 100]);
        assert_eq!(ids(None, Some(1_000), Some(1_010), 9), [100, 101]);
        assert_eq!(ids(None, Some(1_000), Some(1_000), 9), [100]);
        assert_eq!(ids(None, Some(1_010), Some(1_000), 9), Vec::<u64>::new());
        assert_eq!(ids(Some(50), None, None, 2), [50, 51]);
        assert_eq!(ids(Some(1), None, None, 1), [11], "what came before is forgotten");
        let trades: Vec<_> = tape.trades(None, 2).map(|row| row.id).collect();
        assert_eq!(trades, [last - 1, last]);
        assert_eq!(tape.trades(Some(500), 1).next().map(|row| row.id), Some(500));
        assert_eq!(tape.trades(Some(last + 1), 5).count(), 0);
    }
}
