//! What the double knows: account, orders, timers, store, and all that the strategy said. What may not live here: how
//! a strategy gets at it.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    Book, BudgetState, Decimal, Denial, Duration, Instrument, InstrumentId, LogLevel, NewOrder, OrderId, OrderList,
    OrderStatus, Position, QuotaDenial, QuotaKind, QuotaState, Quote, SECOND, Seq, Side, Stream, Timestamp,
};

/// A command as the strategy gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// One order and its ticket.
    Submit(OrderId, NewOrder),
    /// A list and its tickets.
    SubmitList(Vec<OrderId>, Box<OrderList>),
    /// A cancel.
    Cancel(OrderId),
    /// A cancel of all orders, of one instrument or of all.
    CancelAll(Option<InstrumentId>),
    /// An order made smaller.
    Amend(OrderId, Decimal),
    /// A timer and when it fires.
    Timer(u64, Timestamp),
    /// A repeating timer and its period.
    Every(u64, Duration),
    /// A request for klines: its number, the instrument, the interval, how many.
    History(u64, InstrumentId, u32, u32),
}

/// A command with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The command; of a denied order the ticket is 0.
    pub command: Command,
    /// Number of the event that it answers.
    pub cause: Seq,
    /// Why it was denied.
    pub denial: Option<Denial>,
}

/// A quota of a second, and when it was used.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    pub(super) kind: QuotaKind,
    pub(super) limit: usize,
    pub(super) times: VecDeque<Timestamp>,
}

impl Meter {
    /// What was used within the last second, and how long until some of it is free again.
    pub(super) fn state(&self, now: Timestamp) -> QuotaState {
        let recent = self.times.iter().filter(|time| now < **time + SECOND);
        let resets_in = recent.clone().next().map_or(0, |oldest| oldest + SECOND - now);
        QuotaState { kind: self.kind, limit: self.limit as u64, used: recent.count() as u64, resets_in }
    }
}

/// An order that is not final.
#[derive(Debug, Clone)]
pub(super) struct Resting {
    pub(super) id: OrderId,
    pub(super) order: NewOrder,
    pub(super) quantity: Decimal,
    pub(super) filled: Decimal,
    pub(super) status: OrderStatus,
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) instruments: Vec<Instrument>,
    pub(super) now: Timestamp,
    pub(super) quotes: BTreeMap<InstrumentId, Quote>,
    pub(super) books: BTreeMap<InstrumentId, Book>,
    pub(super) last: BTreeMap<InstrumentId, Decimal>,
    pub(super) balances: BTreeMap<String, Decimal>,
    pub(super) positions: BTreeMap<InstrumentId, Position>,
    pub(super) orders: Vec<Resting>,
    pub(super) tickets: OrderId,
    pub(super) fills: u64,
    pub(super) sent: Vec<Sent>,
    pub(super) denials: VecDeque<Denial>,
    pub(super) meters: Vec<Meter>,
    pub(super) budgets: Vec<BudgetState>,
    /// Number, next time, period.
    pub(super) timers: Vec<(u64, Timestamp, Option<Duration>)>,
    pub(super) numbers: u64,
    pub(super) streams: Vec<(InstrumentId, Stream)>,
    pub(super) store: BTreeMap<String, Vec<u8>>,
    pub(super) logs: Vec<(LogLevel, String)>,
    pub(super) points: Vec<(String, Decimal)>,
}

impl World {
    /// Records a command; the next waiting denial is for it.
    pub(super) fn command(
        &mut self,
        cause: Seq,
        make: impl FnOnce(&mut World, bool) -> Command,
    ) -> Result<Command, Denial> {
        let denial = self.denials.pop_front();
        let command = make(self, denial.is_none());
        self.sent.push(Sent { command: command.clone(), cause, denial: denial.clone() });
        denial.map_or(Ok(command), Err)
    }

    /// Counts a command that nothing else denies; one too many is denied.
    pub(super) fn meter(&mut self, kind: QuotaKind, count: usize) {
        let found = self.meters.iter_mut().find(|meter| meter.kind == kind);
        let Some(meter) = found.filter(|_| self.denials.is_empty()) else {
            return;
        };
        let QuotaState { limit, used, resets_in, .. } = meter.state(self.now);
        if used + count as u64 > limit {
            self.denials.push_front(Denial::Quota(QuotaDenial { kind, limit, retry_after: resets_in }));
        } else {
            meter.times.retain(|time| self.now < *time + SECOND);
            meter.times.extend(std::iter::repeat_n(self.now, count));
        }
    }

    pub(super) fn ticket(&mut self, order: &NewOrder) -> OrderId {
        self.tickets += 1;
        self.orders.push(Resting {
            id: self.tickets,
            order: order.clone(),
            quantity: order.quantity().unwrap_or_default(),
            filled: Decimal::ZERO,
            status: OrderStatus::PendingNew,
        });
        self.tickets
    }

    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn pay(&mut self, asset: &str, change: Option<Decimal>) {
        let balance = self.balances.entry(asset.to_owned()).or_default();
        let after = change.and_then(|change| balance.checked_add(change));
        assert!(after.is_some(), "a balance of {asset} does not fit a decimal");
        *balance = after.unwrap_or_default();
    }

    /// Books a fill on balances and position.
    pub(super) fn book_fill(
        &mut self,
        instrument: &Instrument,
        side: Side,
        price: Decimal,
        quantity: Decimal,
    ) -> Option<()> {
        let signed = if side == Side::Buy { quantity } else { -quantity };
        self.pay(&instrument.base, Some(signed));
        self.pay(&instrument.quote, price.checked_mul(-signed));
        let position = self.positions.entry(instrument.id).or_insert(Position {
            instrument: instrument.id,
            quantity: Decimal::ZERO,
            average_price: Decimal::ZERO,
            realised_pnl: Decimal::ZERO,
        });
        let (before, after) = (position.quantity, position.quantity.checked_add(signed)?);
        if before.is_zero() || before.is_negative() == signed.is_negative() {
            let cost = before.checked_mul(position.average_price)?.checked_add(signed.checked_mul(price)?)?;
            position.average_price = cost.checked_div(after, 8)?;
        } else {
            let closed = if signed.abs() > before.abs() { -before } else { signed };
            let gain = position.average_price.checked_sub(price)?.checked_mul(closed)?;
            position.realised_pnl = position.realised_pnl.checked_add(gain)?;
            if after.is_zero() {
                position.average_price = Decimal::ZERO;
            } else if after.is_negative() != before.is_negative() {
                position.average_price = price;
            }
        }
        position.quantity = after;
        Some(())
    }
}

pub(super) fn is_final(status: OrderStatus) -> bool {
    matches!(status, OrderStatus::Filled | OrderStatus::Canceled | OrderStatus::Expired | OrderStatus::Rejected)
}
