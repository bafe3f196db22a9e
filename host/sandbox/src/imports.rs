//! What a guest can call. Thin: each call is translated and handed to the seat's desk,
//! timers, store or log. None of them waits, and none of them traps.

use ringfence_model::denial::OrderField;
use ringfence_model::{Denial, InstrumentId, OrderId, Timestamp};

use crate::bindings::ringfence::strategy as w;
use crate::budgets::{Budget, BudgetState, Budgets, states};
use crate::convert;
use crate::host::{Host, LogLevel, Post, StoreError, micros};

/// The host with the budgets that its calls need.
pub(crate) struct Guarded {
    pub(crate) host: Host,
    pub(crate) budgets: std::sync::Arc<Budgets>,
}

impl Guarded {
    fn command<T>(
        &mut self,
        cause: u64,
        run: impl FnOnce(&mut Post, Timestamp) -> Result<T, Denial>,
    ) -> Result<T, w::types::Denial> {
        let Some(post) = self.host.post.as_deref_mut() else { return Err(w::types::Denial::NotNow) };
        post.at_cause(cause, self.budgets.commands).and_then(|now| run(post, now)).map_err(convert::denial)
    }

    /// A command that trades: not on a past that is told again.
    fn trade<T>(
        &mut self,
        cause: u64,
        run: impl FnOnce(&mut Post, Timestamp) -> Result<T, Denial>,
    ) -> Result<T, w::types::Denial> {
        self.command(cause, |post, now| {
            post.may_trade()?;
            run(post, now)
        })
    }

    /// A change of what is followed.
    fn feeds(&mut self, run: impl FnOnce(&mut Post) -> Result<(), Denial>) -> Result<(), w::types::Denial> {
        let Some(post) = self.host.post.as_deref_mut() else { return Err(w::types::Denial::NotNow) };
        post.change_feeds(&self.budgets).and_then(|()| run(post)).map_err(convert::denial)
    }

    fn read<T: Default>(&mut self, run: impl FnOnce(&mut Post) -> T) -> T {
        self.host.post.as_deref_mut().map(run).unwrap_or_default()
    }
}

impl w::types::Host for Guarded {}
impl w::events::Host for Guarded {}

impl w::orders::Host for Guarded {
    fn submit(&mut self, order: w::orders::NewOrder, cause: u64) -> Result<u64, w::types::Denial> {
        self.trade(cause, |post, now| {
            let order = convert::new_order(order)?;
            post.note(cause, || format!("submit {order:?}"));
            post.desk.submit(now, order, cause).map(|order| order.0)
        })
    }

    fn submit_list(&mut self, orders: w::orders::OrderList, cause: u64) -> Result<Vec<u64>, w::types::Denial> {
        self.trade(cause, |post, now| {
            let orders = convert::order_list(orders)?;
            post.note(cause, || format!("submit list {orders:?}"));
            Ok(post.desk.submit_list(now, orders, cause)?.into_iter().map(|order| order.0).collect())
        })
    }

    fn cancel(&mut self, order: u64, cause: u64) -> Result<(), w::types::Denial> {
        self.trade(cause, |post, now| {
            post.note(cause, || "cancel".to_owned());
            post.desk.cancel(now, OrderId(order), cause)
        })
    }

    fn cancel_all(&mut self, instrument: Option<u32>, cause: u64) -> Result<u32, w::types::Denial> {
        self.trade(cause, |post, now| {
            post.note(cause, || format!("cancel all of {instrument:?}"));
            post.desk.cancel_all(now, instrument.map(InstrumentId), cause)
        })
    }

    fn amend(&mut self, order: u64, quantity: w::types::Decimal, cause: u64) -> Result<(), w::types::Denial> {
        self.trade(cause, |post, now| {
            let quantity = convert::from_decimal(quantity).ok_or(Denial::InvalidField(OrderField::Quantity))?;
            post.note(cause, || format!("amend to {quantity}"));
            post.desk.amend(now, OrderId(order), quantity, cause)
        })
    }
}

impl w::market::Host for Guarded {
    fn instruments(&mut self) -> Vec<w::types::Instrument> {
        self.read(|post| post.desk.instruments().iter().map(convert::instrument).collect())
    }

    fn instrument(&mut self, symbol: String) -> Option<w::types::Instrument> {
        self.read(|post| post.desk.instruments().iter().find(|one| one.symbol == symbol).map(convert::instrument))
    }

    fn subscribe(&mut self, instrument: u32, stream: w::types::Stream) -> Result<(), w::types::Denial> {
        self.feeds(|post| post.desk.subscribe(InstrumentId(instrument), convert::from_stream(stream)))
    }

    fn unsubscribe(&mut self, instrument: u32, stream: w::types::Stream) -> Result<(), w::types::Denial> {
        self.feeds(|post| post.desk.unsubscribe(InstrumentId(instrument), convert::from_stream(stream)))
    }

    fn last_quote(&mut self, instrument: u32, as_of: u64) -> Option<w::events::Quote> {
        self.read(|post| {
            post.as_of(as_of);
            let (ts, quote) = post.desk.last_quote(InstrumentId(instrument), as_of)?;
            Some(w::events::Quote {
                instrument,
                ts: ts.0,
                bid_price: convert::decimal(quote.bid_price),
                bid_quantity: convert::decimal(quote.bid_quantity),
                ask_price: convert::decimal(quote.ask_price),
                ask_quantity: convert::decimal(quote.ask_quantity),
            })
        })
    }

    fn book(&mut self, instrument: u32, levels: u32, as_of: u64) -> Option<w::events::Book> {
        self.read(|post| {
            post.as_of(as_of);
            post.desk.book(InstrumentId(instrument), levels, as_of).as_ref().map(convert::book)
        })
    }

    fn request_history(
        &mut self,
        instrument: u32,
        interval: u32,
        start: Option<u64>,
        limit: u32,
        cause: u64,
    ) -> Result<u64, w::types::Denial> {
        self.trade(cause, |post, now| {
            let start = start.map(Timestamp);
            post.desk.request_history(now, InstrumentId(instrument), interval, start, limit, cause)
        })
    }
}

impl w::account::Host for Guarded {
    fn balances(&mut self) -> Vec<w::types::Balance> {
        self.read(|post| post.desk.balances().iter().map(convert::balance).collect())
    }

    fn positions(&mut self) -> Vec<w::types::Position> {
        self.read(|post| post.desk.positions().iter().map(convert::position).collect())
    }

    fn open_orders(&mut self) -> Vec<w::account::OpenOrder> {
        self.read(|post| post.desk.open_orders().iter().map(convert::open_order).collect())
    }
}

impl w::timers::Host for Guarded {
    fn set(&mut self, at: u64, cause: u64) -> Result<u64, w::types::Denial> {
        self.command(cause, |post, now| post.timers.at(now, Timestamp(at)))
    }

    fn set_interval(&mut self, period: u64, cause: u64) -> Result<u64, w::types::Denial> {
        self.command(cause, |post, now| post.timers.every(now, micros(period)))
    }

    fn cancel(&mut self, timer: u64) {
        self.read(|post| post.timers.cancel(timer));
    }
}

impl w::state::Host for Guarded {
    fn get(&mut self, key: String) -> Option<Vec<u8>> {
        self.read(|post| post.store.get(&key))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), w::state::StateError> {
        let Some(post) = self.host.post.as_deref_mut() else { return Err(w::state::StateError::NotNow) };
        post.store.set(key, value, &self.budgets).map_err(|error| match error {
            StoreError::KeyTooLong => w::state::StateError::KeyTooLong,
            StoreError::InvalidKey => w::state::StateError::InvalidKey,
            StoreError::ValueTooLarge => w::state::StateError::ValueTooLarge,
            StoreError::Full => w::state::StateError::StoreFull,
        })
    }

    fn delete(&mut self, key: String) {
        self.read(|post| post.store.delete(&key));
    }

    fn keys(&mut self) -> Vec<String> {
        self.read(|post| post.store.keys())
    }
}

impl w::log::Host for Guarded {
    fn write(&mut self, level: w::log::Level, message: String) {
        let level = match level {
            w::log::Level::Debug => LogLevel::Debug,
            w::log::Level::Info => LogLevel::Info,
            w::log::Level::Warn => LogLevel::Warn,
            w::log::Level::Error => LogLevel::Error,
        };
        self.log(level, &message);
    }
}

impl Guarded {
    /// A line for the operator, from the log import or the virtual WASI's output.
    pub(crate) fn log(&mut self, level: LogLevel, message: &str) {
        if let Some(post) = self.host.post.as_deref_mut() {
            post.log.write(post.now, level, message, &self.budgets);
        }
    }
}

impl w::metrics::Host for Guarded {
    fn gauge(&mut self, name: String, value: w::types::Decimal) {
        if let (Some(post), Some(value)) = (self.host.post.as_deref_mut(), convert::from_decimal(value)) {
            post.metrics.set(&name, value, &self.budgets);
        }
    }

    fn point(&mut self, series: String, _ts: u64, value: w::types::Decimal) {
        // The live view and the summary show where a plot stands now.
        self.gauge(series, value);
    }
}

impl w::quota::Host for Guarded {
    fn remaining(&mut self) -> Vec<w::quota::QuotaState> {
        let Some(post) = self.host.post.as_deref_mut() else { return Vec::new() };
        post.desk.quotas(post.now).iter().chain(&post.quotas(&self.budgets)).map(convert::quota).collect()
    }

    fn budgets(&mut self) -> Vec<w::quota::BudgetState> {
        let Some(post) = self.host.post.as_deref() else { return Vec::new() };
        states(&self.budgets, Some(&self.host.memory), post, post.load).iter().map(convert::budget).collect()
    }

    fn budget(&mut self, key: String) -> Option<w::quota::BudgetState> {
        let (post, budget) = (self.host.post.as_deref()?, Budget::find(&key)?);
        Some(convert::budget(&BudgetState::of(budget, &self.budgets, Some(&self.host.memory), post, post.load)))
    }
}
