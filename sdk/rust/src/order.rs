//! Orders in the words of the contract. What lives here: making them. What may not: checking them; that is
//! the host's job.

pub use crate::bindings::ringfence::strategy::orders::NewOrder;
use crate::{
    Decimal, Instrument, InstrumentId, Limit, LimitMaker, MarketSize, OrderKind, Side, Stop, StopLimit, TimeInForce,
    Trigger,
};

impl From<&Instrument> for InstrumentId {
    fn from(instrument: &Instrument) -> Self {
        instrument.id
    }
}

impl From<Decimal> for Trigger {
    fn from(price: Decimal) -> Self {
        Trigger::Price(price)
    }
}

impl NewOrder {
    /// An order of any kind; the other constructors are easier.
    pub fn new(instrument: impl Into<InstrumentId>, side: Side, kind: OrderKind) -> NewOrder {
        NewOrder { instrument: instrument.into(), side, kind, reduce_only: false, tag: None }
    }

    /// Trades a base quantity at once, at any price.
    pub fn market(instrument: impl Into<InstrumentId>, side: Side, quantity: Decimal) -> NewOrder {
        NewOrder::new(instrument, side, OrderKind::Market(MarketSize::Base(quantity)))
    }

    /// Spends or receives an amount of the quote asset at once, at any price.
    pub fn market_quote(instrument: impl Into<InstrumentId>, side: Side, amount: Decimal) -> NewOrder {
        NewOrder::new(instrument, side, OrderKind::Market(MarketSize::Quote(amount)))
    }

    /// Trades at `price` or better; rests until cancelled unless told otherwise.
    pub fn limit(instrument: impl Into<InstrumentId>, side: Side, quantity: Decimal, price: Decimal) -> NewOrder {
        let limit = Limit { quantity, price, time_in_force: TimeInForce::Gtc, iceberg_quantity: None };
        NewOrder::new(instrument, side, OrderKind::Limit(limit))
    }

    /// Rests at `price`; refused if it would match at once.
    pub fn limit_maker(instrument: impl Into<InstrumentId>, side: Side, quantity: Decimal, price: Decimal) -> NewOrder {
        NewOrder::new(instrument, side, OrderKind::LimitMaker(LimitMaker { quantity, price }))
    }

    /// A market order once the price moved against the side: at `trigger`, a price or [`Trigger::Trailing`].
    pub fn stop_loss(
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
        trigger: impl Into<Trigger>,
    ) -> NewOrder {
        NewOrder::new(instrument, side, OrderKind::StopLoss(Stop { quantity, trigger: trigger.into() }))
    }

    /// A market order once the price moved in favour of the side.
    pub fn take_profit(
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
        trigger: impl Into<Trigger>,
    ) -> NewOrder {
        NewOrder::new(instrument, side, OrderKind::TakeProfit(Stop { quantity, trigger: trigger.into() }))
    }

    /// A limit order at `price` once the price moved against the side.
    pub fn stop_loss_limit(
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
        trigger: impl Into<Trigger>,
        price: Decimal,
    ) -> NewOrder {
        NewOrder::new(instrument, side, OrderKind::StopLossLimit(stop_limit(quantity, trigger.into(), price)))
    }

    /// A limit order at `price` once the price moved in favour of the side.
    pub fn take_profit_limit(
        instrument: impl Into<InstrumentId>,
        side: Side,
        quantity: Decimal,
        trigger: impl Into<Trigger>,
        price: Decimal,
    ) -> NewOrder {
        NewOrder::new(instrument, side, OrderKind::TakeProfitLimit(stop_limit(quantity, trigger.into(), price)))
    }

    /// How long it may rest. Changes limit, stop-loss-limit and take-profit-limit orders; no other kind has it.
    pub fn time_in_force(mut self, time: TimeInForce) -> NewOrder {
        match &mut self.kind {
            OrderKind::Limit(limit) => limit.time_in_force = time,
            OrderKind::StopLossLimit(stop) | OrderKind::TakeProfitLimit(stop) => stop.time_in_force = time,
            OrderKind::Market(_) | OrderKind::LimitMaker(_) | OrderKind::StopLoss(_) | OrderKind::TakeProfit(_) => {}
        }
        self
    }

    /// Shows only so much at a time. Changes limit orders; no other kind has it.
    pub fn iceberg(mut self, visible: Decimal) -> NewOrder {
        if let OrderKind::Limit(limit) = &mut self.kind {
            limit.iceberg_quantity = Some(visible);
        }
        self
    }

    /// Denied unless it makes the position smaller.
    pub fn reduce_only(mut self) -> NewOrder {
        self.reduce_only = true;
        self
    }

    /// Own mark, at most 8 of `[A-Za-z0-9_-]`; stays in the host.
    pub fn tag(mut self, tag: &str) -> NewOrder {
        self.tag = Some(tag.to_owned());
        self
    }

    /// The base quantity; `None` for an amount of the quote asset.
    pub fn quantity(&self) -> Option<Decimal> {
        match &self.kind {
            OrderKind::Market(MarketSize::Quote(_)) => None,
            OrderKind::Market(MarketSize::Base(quantity)) => Some(*quantity),
            OrderKind::Limit(limit) => Some(limit.quantity),
            OrderKind::LimitMaker(limit) => Some(limit.quantity),
            OrderKind::StopLoss(stop) | OrderKind::TakeProfit(stop) => Some(stop.quantity),
            OrderKind::StopLossLimit(stop) | OrderKind::TakeProfitLimit(stop) => Some(stop.quantity),
        }
    }

    /// The limit; `None` for orders without one.
    pub fn price(&self) -> Option<Decimal> {
        match &self.kind {
            OrderKind::Limit(limit) => Some(limit.price),
            OrderKind::LimitMaker(limit) => Some(limit.price),
            OrderKind::StopLossLimit(stop) | OrderKind::TakeProfitLimit(stop) => Some(stop.price),
            OrderKind::Market(_) | OrderKind::StopLoss(_) | OrderKind::TakeProfit(_) => None,
        }
    }
}

fn stop_limit(quantity: Decimal, trigger: Trigger, price: Decimal) -> StopLimit {
    StopLimit { quantity, trigger, price, time_in_force: TimeInForce::Gtc }
}
