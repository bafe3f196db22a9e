//! What a strategy can ask the host for: orders, market data, account, timers, store, log, metrics, quotas.
//! What lives here: the imports of the contract with `cause` filled in. What may not: rules; the host alone
//! decides.

use std::fmt::{self, Display};

use crate::{
    Balance, Book, BudgetState, Context, Decimal, Denial, Duration, Instrument, InstrumentId, LogLevel, Mode, NewOrder,
    OpenOrder, OrderId, OrderList, Position, QuotaState, Quote, Seq, Side, StateError, Stream, Timestamp, Trigger,
};

/// The imports of the contract: the host's own in wasm, a double in tests.
pub(crate) trait Backend {
    fn submit(&self, order: &NewOrder, cause: Seq) -> Result<OrderId, Denial>;
    fn submit_list(&self, orders: &OrderList, cause: Seq) -> Result<Vec<OrderId>, Denial>;
    fn cancel(&self, order: OrderId, cause: Seq) -> Result<(), Denial>;
    fn cancel_all(&self, instrument: Option<InstrumentId>, cause: Seq) -> Result<u32, Denial>;
    fn amend(&self, order: OrderId, quantity: Decimal, cause: Seq) -> Result<(), Denial>;
    fn instruments(&self) -> Vec<Instrument>;
    fn subscribe(&self, instrument: InstrumentId, stream: Stream) -> Result<(), Denial>;
    fn unsubscribe(&self, instrument: InstrumentId, stream: Stream) -> Result<(), Denial>;
    fn last_quote(&self, instrument: InstrumentId, as_of: Seq) -> Option<Quote>;
    fn book(&self, instrument: InstrumentId, levels: u32, as_of: Seq) -> Option<Book>;
    fn request_history(
        &self,
        instrument: InstrumentId,
        interval: u32,
        start: Option<Timestamp>,
        limit: u32,
        cause: Seq,
    ) -> Result<u64, Denial>;
    fn balances(&self) -> Vec<Balance>;
    fn positions(&self) -> Vec<Position>;
    fn open_orders(&self) -> Vec<OpenOrder>;
    fn timer_at(&self, at: Timestamp, cause: Seq) -> Result<u64, Denial>;
    fn every(&self, period: Duration, cause: Seq) -> Result<u64, Denial>;
    fn cancel_timer(&self, timer: u64);
    fn get(&self, key: &str) -> Option<Vec<u8>>;
    fn set(&self, key: &str, value: &[u8]) -> Result<(), StateError>;
    fn delete(&self, key: &str);
    fn keys(&self) -> Vec<String>;
    fn log(&self, level: LogLevel, message: &str);
    fn gauge(&self, name: &str, value: Decimal);
    fn point(&self, series: &str, ts: Timestamp, value: Decimal);
    fn quotas(&self) -> Vec<QuotaState>;
    fn budgets(&self) -> Vec<BudgetState>;
    fn budget(&self, key: &str) -> Option<BudgetState>;
}

/// A number for the operator: a [`Decimal`], or an `f64` that is rounded to 8 places.
pub trait Measure {
    /// The number to send; `None` sends nothing.
    fn measure(self) -> Option<Decimal>;
}

impl Measure for Decimal {
    fn measure(self) -> Option<Decimal> {
        Some(self)
    }
}

impl Measure for f64 {
    fn measure(self) -> Option<Decimal> {
        Decimal::from_f64(self, 8)
    }
}

/// What a strategy can ask the host for. A command never waits: it is taken or denied at once, and what the venue says
/// comes later as an event.
pub struct Ctx {
    backend: Box<dyn Backend>,
    instance: String,
    mode: Mode,
    instruments: Vec<Instrument>,
    dice: u32,
    pub(crate) now: Timestamp,
    pub(crate) seq: Seq,
    /// Time of the first command of this batch.
    pub(crate) commanded: Option<Timestamp>,
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx").field("instance", &self.instance).field("seq", &self.seq).field("now", &self.now).finish()
    }
}

impl Ctx {
    pub(crate) fn new(context: &Context, backend: Box<dyn Backend>) -> Ctx {
        Ctx {
            backend,
            instance: context.instance.clone(),
            mode: context.mode,
            instruments: context.instruments.clone(),
            // The low half, as in the other languages.
            dice: context.seed as u32,
            now: context.now,
            seq: 0,
            commanded: None,
        }
    }

    /// The backend for a command: remembers the first of a batch, where the lookahead starts.
    fn command(&mut self) -> &dyn Backend {
        self.commanded.get_or_insert(self.now);
        &*self.backend
    }

    /// Time of this event, in microseconds since 1970.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Number of this event.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Name of the instance in the operator's configuration.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Whether this is live, simulated or a replay.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The granted instruments as they were at the start or when one of them was last looked up.
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// A granted instrument by its symbol; asks the host if it is new.
    pub fn instrument(&mut self, symbol: &str) -> Option<&Instrument> {
        if !self.instruments.iter().any(|known| known.symbol == symbol) {
            self.instruments = self.backend.instruments();
        }
        self.instruments.iter().find(|known| known.symbol == symbol)
    }

    /// Scales of price and quantity in columns.
    pub(crate) fn scales(&mut self, id: InstrumentId) -> (u8, u8) {
        if !self.instruments.iter().any(|known| known.id == id) {
            // Granted after the start: the host knows it.
            self.instruments = self.backend.instruments();
        }
        let found = self.instruments.iter().find(|known| known.id == id);
        found.map_or((0, 0), |found| (found.price_scale, found.quantity_scale))
    }

    /// Hands an order to the gate. The answer is its ticket or why it was denied.
    pub fn submit(&mut self, order: &NewOrder) -> Result<OrderId, Denial> {
        let cause = self.seq;
        self.command().submit(order, cause)
    }

    /// [`NewOrder::market`], submitted.
    pub fn market(
        &mut self,
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
    ) -> Result<OrderId, Denial> {
        self.submit(&NewOrder::market(instrument, side, quantity))
    }

    /// [`NewOrder::market_quote`], submitted.
    pub fn market_quote(
        &mut self,
        instrument: impl Into<InstrumentId>,
        side: Side,
        amount: Decimal,
    ) -> Result<OrderId, Denial> {
        self.submit(&NewOrder::market_quote(instrument, side, amount))
    }

    /// [`NewOrder::limit`], submitted.
    pub fn limit(
        &mut self,
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
        price: Decimal,
    ) -> Result<OrderId, Denial> {
        self.submit(&NewOrder::limit(instrument, side, quantity, price))
    }

    /// [`NewOrder::limit_maker`], submitted.
    pub fn limit_maker(
        &mut self,
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
        price: Decimal,
    ) -> Result<OrderId, Denial> {
        self.submit(&NewOrder::limit_maker(instrument, side, quantity, price))
    }

    /// [`NewOrder::stop_loss`], submitted.
    pub fn stop_loss(
        &mut self,
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
        trigger: impl Into<Trigger>,
    ) -> Result<OrderId, Denial> {
        self.submit(&NewOrder::stop_loss(instrument, side, quantity, trigger))
    }

    /// [`NewOrder::take_profit`], submitted.
    pub fn take_profit(
        &mut self,
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
        trigger: impl Into<Trigger>,
    ) -> Result<OrderId, Denial> {
        self.submit(&NewOrder::take_profit(instrument, side, quantity, trigger))
    }

    /// [`NewOrder::stop_loss_limit`], submitted.
    pub fn stop_loss_limit(
        &mut self,
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
        trigger: impl Into<Trigger>,
        price: Decimal,
    ) -> Result<OrderId, Denial> {
        self.submit(&NewOrder::stop_loss_limit(instrument, side, quantity, trigger, price))
    }

    /// [`NewOrder::take_profit_limit`], submitted.
    pub fn take_profit_limit(
        &mut self,
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
        trigger: impl Into<Trigger>,
        price: Decimal,
    ) -> Result<OrderId, Denial> {
        self.submit(&NewOrder::take_profit_limit(instrument, side, quantity, trigger, price))
    }

    /// Hands a list to the gate, all legs or none. One ticket a leg.
    pub fn submit_list(&mut self, orders: &OrderList) -> Result<Vec<OrderId>, Denial> {
        let cause = self.seq;
        self.command().submit_list(orders, cause)
    }

    /// One cancels the other: above and below.
    pub fn oco(&mut self, above: NewOrder, below: NewOrder) -> Result<Vec<OrderId>, Denial> {
        self.submit_list(&OrderList::Oco((above, below)))
    }

    /// The second enters when the first is filled.
    pub fn oto(&mut self, first: NewOrder, second: NewOrder) -> Result<Vec<OrderId>, Denial> {
        self.submit_list(&OrderList::Oto((first, second)))
    }

    /// An OCO of above and below that enters when the first is filled.
    pub fn otoco(&mut self, first: NewOrder, above: NewOrder, below: NewOrder) -> Result<Vec<OrderId>, Denial> {
        self.submit_list(&OrderList::Otoco((first, above, below)))
    }

    /// Asks to cancel an order; it is gone when `on_order` says so.
    pub fn cancel(&mut self, order: OrderId) -> Result<(), Denial> {
        let cause = self.seq;
        self.command().cancel(order, cause)
    }

    /// Asks to cancel all open orders of this strategy. The answer is how many.
    pub fn cancel_all(&mut self) -> Result<u32, Denial> {
        let cause = self.seq;
        self.command().cancel_all(None, cause)
    }

    /// Asks to cancel all open orders in one instrument. The answer is how many.
    pub fn cancel_all_in(&mut self, instrument: impl Into<InstrumentId>) -> Result<u32, Denial> {
        let cause = self.seq;
        self.command().cancel_all(Some(instrument.into()), cause)
    }

    /// Makes an order smaller; it keeps its place in the queue.
    pub fn amend(&mut self, order: OrderId, quantity: Decimal) -> Result<(), Denial> {
        let cause = self.seq;
        self.command().amend(order, quantity, cause)
    }

    /// Asks for a stream from now on.
    pub fn subscribe(&mut self, instrument: impl Into<InstrumentId>, stream: Stream) -> Result<(), Denial> {
        self.backend.subscribe(instrument.into(), stream)
    }

    /// Ends a stream.
    pub fn unsubscribe(&mut self, instrument: impl Into<InstrumentId>, stream: Stream) -> Result<(), Denial> {
        self.backend.unsubscribe(instrument.into(), stream)
    }

    /// The newest quote that is not newer than this event.
    pub fn last_quote(&self, instrument: impl Into<InstrumentId>) -> Option<Quote> {
        self.backend.last_quote(instrument.into(), self.seq)
    }

    /// The best `levels` (at most 100) of the host's book; `None` while it is not in sync.
    pub fn book(&self, instrument: impl Into<InstrumentId>, levels: u32) -> Option<Book> {
        self.backend.book(instrument.into(), levels, self.seq)
    }

    /// Asks for `limit` klines of `interval` seconds that ended, the newest or from `start` on; they come to
    /// `on_history` with the returned number.
    pub fn request_history(
        &mut self,
        instrument: impl Into<InstrumentId>,
        interval: u32,
        start: Option<Timestamp>,
        limit: u32,
    ) -> Result<u64, Denial> {
        let cause = self.seq;
        self.command().request_history(instrument.into(), interval, start, limit, cause)
    }

    /// What each asset of the allocation holds.
    pub fn balances(&self) -> Vec<Balance> {
        self.backend.balances()
    }

    /// What an asset of the allocation holds; zero if it is not part of it.
    pub fn balance(&self, asset: &str) -> Balance {
        let none = || Balance { asset: asset.to_owned(), free: Decimal::ZERO, locked: Decimal::ZERO };
        self.balances().into_iter().find(|balance| balance.asset == asset).unwrap_or_else(none)
    }

    /// All positions that are not flat.
    pub fn positions(&self) -> Vec<Position> {
        self.backend.positions()
    }

    /// The position in an instrument; zero when flat.
    pub fn position(&self, instrument: impl Into<InstrumentId>) -> Position {
        let instrument = instrument.into();
        let flat =
            Position { instrument, quantity: Decimal::ZERO, average_price: Decimal::ZERO, realised_pnl: Decimal::ZERO };
        self.positions().into_iter().find(|position| position.instrument == instrument).unwrap_or(flat)
    }

    /// Orders of this strategy that are not final.
    pub fn open_orders(&self) -> Vec<OpenOrder> {
        self.backend.open_orders()
    }

    /// Calls `on_timer` once at a time; one that has passed comes next. The answer is the timer's number.
    pub fn timer_at(&mut self, at: Timestamp) -> Result<u64, Denial> {
        let cause = self.seq;
        self.command().timer_at(at, cause)
    }

    /// Calls `on_timer` once after a while.
    pub fn timer_after(&mut self, wait: Duration) -> Result<u64, Denial> {
        self.timer_at(self.now.saturating_add(wait))
    }

    /// Calls `on_timer` every `period` (at least 10 ms) until cancelled.
    pub fn every(&mut self, period: Duration) -> Result<u64, Denial> {
        let cause = self.seq;
        self.command().every(period, cause)
    }

    /// Stops a timer.
    pub fn cancel_timer(&mut self, timer: u64) {
        self.backend.cancel_timer(timer);
    }

    /// A small key-value store that outlives the instance.
    pub fn store(&mut self) -> Store<'_> {
        Store(&*self.backend)
    }

    /// A line that only matters when something is looked into.
    pub fn debug(&self, message: impl Display) {
        self.log(LogLevel::Debug, message);
    }

    /// A line for the operator.
    pub fn info(&self, message: impl Display) {
        self.log(LogLevel::Info, message);
    }

    /// A line that the operator should read.
    pub fn warn(&self, message: impl Display) {
        self.log(LogLevel::Warn, message);
    }

    /// A line that the operator must read.
    pub fn error(&self, message: impl Display) {
        self.log(LogLevel::Error, message);
    }

    fn log(&self, level: LogLevel, message: impl Display) {
        self.backend.log(level, &message.to_string());
    }

    /// The present value of something.
    pub fn gauge(&self, name: &str, value: impl Measure) {
        if let Some(value) = value.measure() {
            self.backend.gauge(name, value);
        }
    }

    /// A point of a plot, at the time of this event.
    pub fn point(&self, series: &str, value: impl Measure) {
        if let Some(value) = value.measure() {
            self.backend.point(series, self.now, value);
        }
    }

    /// What is left of this strategy's quotas.
    pub fn quotas(&self) -> Vec<QuotaState> {
        self.backend.quotas()
    }

    /// Every budget of the sandbox with the value that counts for this strategy, and what is used of it.
    pub fn budgets(&self) -> Vec<BudgetState> {
        self.backend.budgets()
    }

    /// One of them by its key in the operator's configuration, for example `memory_bytes`, `queue` or `share_percent`; `None`
    /// if the host has no such budget. The share is time on the host's clock and not the same in every run.
    pub fn budget(&self, key: &str) -> Option<BudgetState> {
        self.backend.budget(key)
    }

    /// A number from 0 to below 1, the same in every run with the same seed and in every language (mulberry32).
    pub fn random(&mut self) -> f64 {
        self.dice = self.dice.wrapping_add(0x6d2b_79f5);
        let mut t = self.dice;
        t = (t ^ (t >> 15)).wrapping_mul(t | 1);
        t ^= t.wrapping_add((t ^ (t >> 7)).wrapping_mul(t | 61));
        f64::from(t ^ (t >> 14)) / 4_294_967_296.0
    }
}

/// A small key-value store that outlives the instance. Keys: 1 to 256 bytes of `[A-Za-z0-9._/-]`.
#[derive(Clone, Copy)]
pub struct Store<'a>(&'a dyn Backend);

impl fmt::Debug for Store<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl Store<'_> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.0.get(key)
    }

    /// Sets the value of a key.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), StateError> {
        self.0.set(key, value.as_ref())
    }

    /// Forgets a key.
    pub fn delete(&self, key: &str) {
        self.0.delete(key);
    }

    /// All keys.
    pub fn keys(&self) -> Vec<String> {
        self.0.keys()
    }
}
