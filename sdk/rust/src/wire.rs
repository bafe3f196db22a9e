//! The real host behind [`Backend`]: one import of the contract a method. In wasm only.

use crate::bindings::ringfence::strategy::{account, log, market, metrics, orders, quota, state, timers};
use crate::ctx::Backend;
use crate::{
    Balance, Book, BudgetState, Decimal, Denial, Duration, Instrument, InstrumentId, LogLevel, NewOrder, OpenOrder,
    OrderId, OrderList, Position, QuotaState, Quote, Seq, StateError, Stream, Timestamp,
};

#[derive(Debug)]
pub(crate) struct Wire;

impl Backend for Wire {
    fn submit(&self, order: &NewOrder, cause: Seq) -> Result<OrderId, Denial> {
        orders::submit(order, cause)
    }

    fn submit_list(&self, list: &OrderList, cause: Seq) -> Result<Vec<OrderId>, Denial> {
        orders::submit_list(list, cause)
    }

    fn cancel(&self, order: OrderId, cause: Seq) -> Result<(), Denial> {
        orders::cancel(order, cause)
    }

    fn cancel_all(&self, instrument: Option<InstrumentId>, cause: Seq) -> Result<u32, Denial> {
        orders::cancel_all(instrument, cause)
    }

    fn amend(&self, order: OrderId, quantity: Decimal, cause: Seq) -> Result<(), Denial> {
        orders::amend(order, quantity, cause)
    }

    fn instruments(&self) -> Vec<Instrument> {
        market::instruments()
    }

    fn subscribe(&self, instrument: InstrumentId, stream: Stream) -> Result<(), Denial> {
        market::subscribe(instrument, stream)
    }

    fn unsubscribe(&self, instrument: InstrumentId, stream: Stream) -> Result<(), Denial> {
        market::unsubscribe(instrument, stream)
    }

    fn last_quote(&self, instrument: InstrumentId, as_of: Seq) -> Option<Quote> {
        market::last_quote(instrument, as_of)
    }

    fn book(&self, instrument: InstrumentId, levels: u32, as_of: Seq) -> Option<Book> {
        market::book(instrument, levels, as_of)
    }

    fn request_history(
        &self,
        instrument: InstrumentId,
        interval: u32,
        start: Option<Timestamp>,
        limit: u32,
        cause: Seq,
    ) -> Result<u64, Denial> {
        market::request_history(instrument, interval, start, limit, cause)
    }

    fn balances(&self) -> Vec<Balance> {
        account::balances()
    }

    fn positions(&self) -> Vec<Position> {
        account::positions()
    }

    fn open_orders(&self) -> Vec<OpenOrder> {
        account::open_orders()
    }

    fn timer_at(&self, at: Timestamp, cause: Seq) -> Result<u64, Denial> {
        timers::set(at, cause)
    }

    fn every(&self, period: Duration, cause: Seq) -> Result<u64, Denial> {
        timers::set_interval(period, cause)
    }

    fn cancel_timer(&self, timer: u64) {
        timers::cancel(timer);
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        state::get(key)
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), StateError> {
        state::set(key, value)
    }

    fn delete(&self, key: &str) {
        state::delete(key);
    }

    fn keys(&self) -> Vec<String> {
        state::keys()
    }

    fn log(&self, level: LogLevel, message: &str) {
        log::write(level, message);
    }

    fn gauge(&self, name: &str, value: Decimal) {
        metrics::gauge(name, value);
    }

    fn point(&self, series: &str, ts: Timestamp, value: Decimal) {
        metrics::point(series, ts, value);
    }

    fn quotas(&self) -> Vec<QuotaState> {
        quota::remaining()
    }

    fn budgets(&self) -> Vec<BudgetState> {
        quota::budgets()
    }

    fn budget(&self, key: &str) -> Option<BudgetState> {
        quota::budget(key)
    }
}
